"""Who has no key costs nobody else anything: what a guess may reach, and how much of a request is kept of it."""

import base64
import hashlib
import secrets
import select
import socket
import uuid

import pytest
from harness import raw
from harness.tenant import Tenant
from harness.wait import until

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def id_text(number):
    return "".join(ALPHABET[number >> 5 * i & 31] for i in reversed(range(26)))


def old_key(id_=None):
    """A key as they were made before they had a check; by chance, unless its hash is stored."""
    id_ = uuid.uuid4() if id_ is None else id_
    secret = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip("=")
    return f"ph_{id_text(id_.int)}_{secret}"


def connect(address, data):
    s = socket.create_connection(address, 10)
    s.sendall(data)
    return s


def answers(sockets, seconds):
    """What the sockets have to say at once, until so many seconds pass without a word of any."""
    left, said = set(sockets), []
    while left:
        ready, _, _ = select.select(left, [], [], seconds)
        if not ready:
            break
        for s in ready:
            left.remove(s)
            said.append(s.recv(65536))
    return said


def test_keys_made_before_there_was_a_check(start, database):
    server = start()
    app = server.client().get("/apps").json["data"][0]
    id_ = uuid.uuid4()
    key = old_key(id_)
    database.query(
        "insert into api_key (id, app_id, name, scope, hash) select"
        f" '{id_}', id, 'old', 2, '\\x{hashlib.sha256(key.encode()).hexdigest()}' from app"
        f" where name = '{app['name']}' returning id"
    )
    old = server.client(key=key)
    old.publish()
    old.with_(key=key[:-2] + ("AA" if key[-2:] != "AA" else "BA")).get("/webhooks", expect=401)
    assert len(old.get("/events").json["data"]) == 1


def test_guesses_do_not_queue(start, database):
    """A table that stands still, and 200 guesses: all but a few are told so at once, and nobody else waits for them."""
    server = start(POSTHORN_KEY_LOOKUPS=128)
    admin = server.client()
    api = Tenant(admin).write
    address = ("127.0.0.1", server.port)
    api.publish()
    with database.holding("lock table api_key in access exclusive mode"):
        guesses = [
            connect(address, raw.request("GET", "/v1/webhooks", [("Authorization", f"Bearer {old_key()}")]))
            for _ in range(200)
        ]
        said = answers(guesses, 1)
        assert {raw.status(s) for s in said} == {503}
        assert len(said) == 198
        assert all(b"POSTHORN_KEY_LOOKUPS" in s and b"Retry-After: 1\r\n" in s for s in said)
    for s in guesses:
        s.close()
    api.publish()


# --- bodies -----------------------------------------------------------------------------------------

MIB = 1 << 20
HEALTH = b"GET /v1/healthz HTTP/1.1\r\nHost: test\r\n\r\n"


def post(key=None, *more, path="/v1/events"):
    lines = [f"POST {path} HTTP/1.1", "Host: test", "Content-Type: application/json"]
    lines += [f"Authorization: Bearer {key}"] if key else []
    return ("\r\n".join([*lines, *more]) + "\r\n\r\n").encode()


def announced(size, key=None, *more):
    return post(key, f"Content-Length: {size}", *more)


def resident(server):
    """Bytes."""
    with open(f"/proc/{server.process.pid}/statm") as f:
        return int(f.read().split()[1]) * 4096


def answer(s, seconds=5):
    """One answer with its body, or what came before the connection's end."""
    s.settimeout(seconds)
    data = b""
    while True:
        head, end, body = data.partition(b"\r\n\r\n")
        length = next((int(n.split(b":")[1]) for n in head.split(b"\r\n") if n.lower().startswith(b"content-length")), 0)
        if end and len(body) >= length:
            return data
        piece = s.recv(65536)
        if not piece:
            return data
        data += piece


def ends(s, data):
    """Sends it: the connection ends without a word, or with a reset for what was not read."""
    try:
        s.sendall(data)
        return answer(s) == b""
    except ConnectionError:
        return True


def lives(s):
    s.sendall(HEALTH)
    assert raw.status(answer(s)) == 200


@pytest.mark.parametrize("key", [None, "nonsense", "ph_01kn2p7xrkf2s9d4h1n8b6m5ta_short"])
def test_a_body_without_a_key_is_not_kept(key, posthorn):
    """It is read, so that a client that sends before it reads gets its answer, and it costs no memory."""
    before = resident(posthorn)
    sockets = [connect(("127.0.0.1", posthorn.port), announced(MIB, key) + b"{" * (MIB - 1)) for _ in range(64)]
    until(lambda: all_read(posthorn), 10, "all to be read")
    assert resident(posthorn) - before < 24 * MIB
    for s in sockets:
        s.sendall(b"}")
        got = answer(s)
        assert raw.status(got) == 401 and b"application/problem+json" in got, got
        lives(s)
        s.close()


def all_read(server):
    """Nothing waits in the sockets of the server's port."""
    with open("/proc/net/tcp") as f:
        rows = [line.split() for line in f][1:]
    ours = [r for r in rows if int(r[1].split(":")[1], 16) == server.port or int(r[2].split(":")[1], 16) == server.port]
    return all(r[4] == "00000000:00000000" for r in ours if r[3] == "01")


def test_small_bodies_and_pipelines(api):
    """What comes behind a body that was not kept is the next request."""
    for body in (b"x" * 100, b"x" * 4096, b"x" * 4097, b"x" * 300000):
        s = connect(api.address, announced(len(body)) + body + HEALTH)
        assert raw.status(answer_of_two(s)) == 401
        s.close()


def answer_of_two(s):
    got = b""
    s.settimeout(5)
    while got.count(b"HTTP/1.1 ") < 2 or b'"ok"' not in got:
        piece = s.recv(65536)
        assert piece, got
        got += piece
    assert got.count(b"HTTP/1.1 200 OK") == 1
    return got


def test_begun_behind_another_request(api):
    """h2o has begun with the second head before anybody could judge it."""
    s = connect(api.address, HEALTH + announced(MIB) + b"{" * 10)
    got = answer(s)
    assert raw.status(got) == 200
    assert ends(s, b"{" * 100)
    s = connect(api.address, HEALTH + announced(5000, api.key)[:60])
    assert raw.status(answer(s)) == 200
    s.sendall(announced(5000, api.key)[60:] + b'{"type":"a","data":{}}'.ljust(5000))
    assert raw.status(answer(s)) == 202
    s = connect(api.address, HEALTH + announced(5000, api.key) + b'{"type":"a",')
    assert raw.status(answer(s)) == 200
    s.sendall(b'"data":{}}'.ljust(5000 - 12))
    assert raw.status(answer(s)) == 202


def test_who_waits_to_be_told_to_go_on(api):
    """Is told at once that it need not."""
    for more in ("Content-Length: 1000000", "Transfer-Encoding: chunked"):
        s = connect(api.address, post(None, more, "Expect: 100-continue"))
        assert raw.status(answer(s)) == 401
        s.close()
    s = connect(api.address, announced(6000, api.key, "Expect: 100-continue"))
    assert s.recv(100).startswith(b"HTTP/1.1 100 ")
    s.sendall(b'{"type":"a","data":{}}'.ljust(6000))
    assert raw.status(answer(s)) == 202


def test_chunks_without_a_key(api):
    """So many are read as a small body may have."""
    small = raw.chunked(b"x" * 1000, 100)
    assert raw.status(raw.exchange(api.address, post(None, "Transfer-Encoding: chunked", "Connection: close") + small)) == 401
    s = connect(api.address, post(None, "Transfer-Encoding: chunked") + raw.chunked(b"x" * 3000)[:-5])
    assert ends(s, raw.chunked(b"x" * 3000))


@pytest.mark.parametrize("head", ["POST /v1/events HTTP/1.1\nHost: a\nContent-Length: 900000\n\n",
                                  "POST /v1/events HTTP/1.1\r\nContent-Length: 900000\r\nTransfer-Encoding: chunked\r\n\r\n",
                                  "POST /v1/events HTTP/1.1\r\nHost: a\r\nX: " + "x" * 40000])
def test_heads_that_are_wrong_have_no_body(head, api):
    s = connect(api.address, head.encode())
    got = answer(s)
    assert raw.status(got) == 400 and b"problem+json" in got, got
    s.close()


def test_bodies_have_so_many_bytes_together(start):
    """And no key has more than three times what it leaves to others."""
    server = start(POSTHORN_BODIES_MIB=4)
    api, other = Tenant(server.client()).write, Tenant(server.client()).write
    address = ("127.0.0.1", server.port)
    body = b'{"type":"a","data":{}}'.ljust(MIB)
    half = [connect(address, announced(MIB, api.key) + body[:100]) for _ in range(3)]
    lives(connect(address, b""))
    full = connect(address, announced(MIB, api.key) + body)
    got = answer(full)
    assert raw.status(got) == 503 and b"POSTHORN_BODIES_MIB" in got and b"Retry-After: 1\r\n" in got
    lives(full)
    api.publish()
    assert raw.status(answer(connect(address, announced(MIB, other.key) + body))) == 202
    # A guess has room of its own, and takes none of theirs.
    guess = connect(address, announced(MIB, old_key()) + body[:100])
    lives(connect(address, b""))
    got = answer(connect(address, announced(MIB, old_key()) + body))
    assert raw.status(got) == 503
    guess.sendall(body[100:])
    assert raw.status(answer(guess)) == 401
    for s in half:
        s.sendall(body[100:])
        assert raw.status(answer(s)) == 202
    full.sendall(announced(MIB, api.key) + body)
    assert raw.status(answer(full)) == 202
    # One that hangs up gives back what it had; chunks count as they come.
    half = [connect(address, announced(MIB, api.key) + body[:100]) for _ in range(3)]
    lives(connect(address, b""))
    chunks = connect(address, post(api.key, "Transfer-Encoding: chunked") + raw.chunked(body)[:9000])
    assert ends(chunks, b"")
    for s in half:
        s.close()
    until(lambda: api.post("/events", body, expect=None).status == 202, 5, "room")
    chunks = connect(address, post(api.key, "Transfer-Encoding: chunked") + raw.chunked(body))
    assert raw.status(answer(chunks)) == 202


# --- connections ------------------------------------------------------------------------------------


def test_an_address_has_so_many_connections(start):
    """The next one is told so; another address has its own."""
    server = start(POSTHORN_CONNECTIONS_PER_ADDRESS=10)
    address = ("127.0.0.1", server.port)

    def taken():
        s = connect(address, HEALTH)
        return s if raw.status(answer(s)) == 200 else s.close()

    held = [until(taken, 5, "the connection that saw it start to be closed") for _ in range(10)]
    refused = answer(connect(address, b""))
    assert raw.status(refused) == 503 and b"Retry-After: 1\r\n" in refused, refused
    assert b"POSTHORN_CONNECTIONS_PER_ADDRESS" in refused and b'"code":"overloaded"' in refused
    with socket.socket() as other:
        other.bind(("127.0.0.2", 0))
        other.connect(address)
        lives(other)
    held.pop().close()
    until(taken, 5, "room for one more")
    assert "event=connections_bounded per_address=10" in server.log()
