"""The harness itself: without it, nothing that it says is worth much."""

import asyncio
import json
import socket
import ssl
import threading
import types
import urllib.request

import pytest

from harness import raw, replies
from harness.client import Answer
from harness.process import PORTS
from harness.receiver import Receiver
from harness.signature import hex_signature, standard_signature
from harness.storm.proxy import End
from harness.tls import self_signed
from harness.wait import until


def post(receiver, path, body=b"{}", timeout=5):
    data = raw.request("POST", path, [("X-One", "1"), ("Content-Length", len(body))], body)
    return raw.exchange(("127.0.0.1", receiver.port), data, timeout)


def test_receiver_records(receiver):
    assert post(receiver, "/hook?a=1", b'{"a":1}').startswith(b"HTTP/1.1 200 OK\r\n")
    request = receiver.wait(1)[0]
    assert (request.method, request.target, request.body) == ("POST", "/hook?a=1", b'{"a":1}')
    assert request.headers[0] == ("Host", "test")
    assert request.header("x-one") == "1"


def test_receiver_keeps_connections(receiver):
    one = raw.request("POST", "/hook", [("Content-Length", 2)], b"{}")
    with socket.create_connection(("127.0.0.1", receiver.port), 5) as s:
        for _ in range(2):
            s.sendall(one)
            assert s.recv(1000).startswith(b"HTTP/1.1 200")
    assert {r.connection for r in receiver.wait(2)} == {1}


def test_receiver_follows_scripts(receiver):
    receiver.script("/hook", replies.answer(500), replies.answer(204), replies.answer(410))
    codes = []
    for _ in range(4):
        with socket.create_connection(("127.0.0.1", receiver.port), 5) as s:
            s.sendall(raw.request("POST", "/hook", [("Content-Length", 0)]))
            codes.append(raw.status(s.recv(1000)))
    assert codes == [500, 204, 410, 410]


@pytest.mark.parametrize(
    "reply, expected",
    [
        (replies.close(), b""),
        (replies.reset(), b""),
        (replies.raw(b"what"), b"what"),
        (
            replies.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", "close"),
            b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf",
        ),
        (replies.hang(), b""),
    ],
)
def test_receiver_misbehaves(receiver, reply, expected):
    receiver.script("/hook", reply)
    assert post(receiver, "/hook", timeout=0.5) == expected


def test_receiver_endless_and_drip(receiver):
    receiver.script("/endless", replies.endless(b"X-Y: z\r\n", b"HTTP/1.1 200 OK\r\n"))
    receiver.script("/drip", replies.drip(b"HTTP/1.1 200 OK\r\n", 0.2))
    with socket.create_connection(("127.0.0.1", receiver.port), 5) as s:
        s.sendall(raw.request("POST", "/endless", [("Content-Length", 0)]))
        got = 0
        while got < 1_000_000:
            got += len(s.recv(65536))
    with socket.create_connection(("127.0.0.1", receiver.port), 5) as s:
        s.sendall(raw.request("POST", "/drip", [("Content-Length", 0)]))
        assert s.recv(10) == b"H"


def test_receiver_gate(receiver):
    opened = threading.Event()
    receiver.script("/hook", replies.gate(opened))
    assert post(receiver, "/hook", timeout=0.3) == b""
    opened.set()
    assert b"200 OK" in post(receiver, "/hook", timeout=0.3)


def test_receiver_greets():
    receiver = Receiver(greeting=b"220 mail ready\r\n")
    assert raw.exchange(("127.0.0.1", receiver.port), b"", 0.3) == b"220 mail ready\r\n"
    receiver.close()


def test_receiver_tls(tmp_path):
    receiver = Receiver(context=self_signed(tmp_path))
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    with urllib.request.urlopen(receiver.url("/x"), b"{}", timeout=5, context=trusting) as answer:
        assert answer.read() == b"OK"
    receiver.close()


def test_postgres(postgres):
    database = postgres.create()
    database.query("CREATE TABLE t (n int); INSERT INTO t VALUES (1), (2)")
    assert database.counts() == {"t": 2}
    assert b"INSERT INTO public.t VALUES (2)" in database.dump()
    assert database.query("SHOW fsync") == [["on"]]
    postgres.drop(database)


def test_redis(redis):
    assert redis.command("SET", "a", "b") == b"+OK"
    assert redis.keys() == ["a"]
    redis.flush()
    assert redis.command("DBSIZE") == b":0"
    redis.stop()
    assert not redis.answers()
    redis.start()


def test_redis_can_be_paused(redis):
    redis.pause()
    with pytest.raises(OSError):
        with socket.create_connection(("127.0.0.1", redis.port), 0.3) as s:
            s.sendall(b"PING\r\n")
            s.recv(1)
    redis.resume()
    until(redis.answers, 5, "Redis to answer again")


def test_ports_differ():
    assert PORTS.take() != PORTS.take()


def test_signatures():
    body = (
        b'{"id":"evt_abc123","type":"user.created","created_at":"2023-12-01T15:30:00Z","data":'
        b'{"id":"usr_789","name":"John Doe","email":"john@example.com",'
        b'"created_at":"2023-12-01T15:30:00Z"}}'
    )
    assert hex_signature("your_webhook_secret", body) == (
        "sha256=6bf341cd28efbbf5308770bb295c2781b7162f4f505eeebdb9c552d077231c46"
    )
    # The example of the Standard Webhooks libraries.
    assert standard_signature(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
    ) == ("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")


def answer(status, body, **headers):
    headers = {
        "X-Request-Id": "req_01kn2p8v3rf0pbw4gd9ztq6e1x",
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        **headers,
    }
    return Answer(status, headers, body, 0.0)


def test_contract_catches(contract):
    good = json.dumps({"status": "ok"}).encode()
    contract.check("GET", "/v1/healthz", answer(200, good))
    for bad in [
        answer(201, good),
        answer(200, good + b"\n"),
        answer(200, b'{"status":"no"}'),
        answer(200, b'{"status":"ok","more":1}'),
        answer(200, b'{"status":"ok","status":"ok"}'),
        answer(200, good, **{"X-Request-Id": "x"}),
        answer(200, good, **{"Content-Type": "text/plain"}),
        answer(405, good),
        answer(422, good),
    ]:
        with pytest.raises(AssertionError):
            contract.check("GET", "/v1/healthz", bad)


def test_contract_keeps_secrets_out(contract):
    example = contract.document["components"]["examples"]["webhookCreated"]["value"]
    body = json.dumps(example).encode()
    contract.check("POST", "/webhooks", answer(201, body, Location="/v1/webhooks/x"))
    with pytest.raises(AssertionError):
        contract.check("GET", "/webhooks/wh_01kn2p8v3rf0pbw4gd9ztq6e1x", answer(200, body))


def test_what_comes_when_a_delay_is_over_is_not_left_behind():
    """It goes on behind what was delayed, and does not wait for more to come."""

    async def both():
        gone, all_gone = [], asyncio.Event()

        def write(data):
            gone.append(data)
            if len(gone) == 2:
                all_gone.set()

        proxy = types.SimpleNamespace(mode="delay", seconds=0.01, ends=set(), mine=None, mines=0)
        end = End(proxy, End(proxy))
        end.other.transport = types.SimpleNamespace(write=write)
        end.data_received(b"one")
        proxy.mode = "pass"
        end.data_received(b"two")
        await asyncio.wait_for(all_gone.wait(), 5)
        return gone

    assert asyncio.run(both()) == [b"one", b"two"]
