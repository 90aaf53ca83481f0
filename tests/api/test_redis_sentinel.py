"""redis+sentinel://: who knows where Redis is, and what becomes of those that do not say it."""

import socket
import socketserver
import threading

import pytest
from harness.flow import Flow
from harness.redis import Redis
from harness.sentinel import NAME, Replicated
from harness.tls import Authority, server_context
from harness.wait import never, until


def at(port, host="127.0.0.1"):
    return b"*2\r\n$%d\r\n%s\r\n$%d\r\n%d\r\n" % (len(host), host.encode(), len(str(port)), port)


class Sentinel(socketserver.ThreadingTCPServer):
    """Says `answer` to whoever asks for the master; None: hangs up; b"": says nothing."""

    daemon_threads = allow_reuse_address = True

    def __init__(self, answer, tls=None):
        self.answer = answer
        self.tls = tls
        super().__init__(("127.0.0.1", 0), Asked)
        self.port = self.server_address[1]
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def close(self):
        self.shutdown()
        self.server_close()


class Asked(socketserver.BaseRequestHandler):
    def handle(self):
        try:
            connection = self.server.tls.wrap_socket(self.request, True) if self.server.tls else self.request
            said = b""
            while not said.endswith(f"\r\n{NAME}\r\n".encode()):
                more = connection.recv(4096)
                if not more:
                    return
                said += more
            if self.server.answer is not None:
                connection.sendall(self.server.answer)
                connection.recv(1)
        except OSError:
            pass


@pytest.fixture
def sentinel():
    made = []
    yield lambda *arguments, **more: made.append(Sentinel(*arguments, **more)) or made[-1]
    for one in made:
        one.close()


@pytest.fixture
def replica(redis):
    made = Redis(extra=["--replicaof", "127.0.0.1", redis.port]).start()
    until(lambda: "master_link_status:up" in made.command("INFO", "replication", text=True), 20)
    yield made
    made.destroy()


def is_up(client):
    return client.get("/readyz").json["redis"] == "up"


def closed_port():
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


def test_who_does_not_lead_to_the_master(database, start_on, sentinel, redis, replica, receiver):
    """One after the other is left, and the last one knows."""
    itself = sentinel(b"")
    itself.answer = at(itself.port)
    wrong = [sentinel(None), sentinel(b""), sentinel(b"*-1\r\n"), sentinel(b"-ERR no\r\n"), sentinel(at(closed_port())),
             sentinel(at(replica.port)), itself]  # fmt: skip
    url = Replicated.url_of(*wrong, sentinel(at(redis.port)))
    posthorn = start_on(database, redis, POSTHORN_REDIS_URL=url, POSTHORN_LOG_LEVEL="debug")
    client = posthorn.client()
    until(lambda: is_up(client), 25)
    flow = Flow(client, receiver)
    flow.batch(5)
    flow.all_once(15, 5)
    until(lambda: subscribed(redis), 10)
    assert f'server="127.0.0.1:{redis.port}"' in posthorn.log()
    assert posthorn.log().count("event=redis_unreachable") <= 3  # a series is told once for each connection


@pytest.mark.parametrize(
    "answer, words",
    [
        (None, "Server closed the connection"),
        (b"*-1\r\n", "the sentinel knows no master of that name"),
        (b"-ERR no\r\n", "ERR no"),
        (b"+OK\r\n", "the sentinel does not say where the master is"),
        (at(70000), "the sentinel does not say where the master is"),
        (at(1, "a b"), "the sentinel does not say where the master is"),
        (b"*9\r\n" + b":1\r\n" * 9, "an array that is none of ours"),
        (b"*1\r\n" * 9 + b":1\r\n", "an array that is none of ours"),
        (b"$2147483647\r\n" + bytes(3 << 20), "a reply without an end"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "Protocol error"),
    ],
    ids=["end", "nil", "error", "status", "port", "host", "long", "nested", "huge", "HTTP"],
)
def test_what_it_says_wrong(database, start_on, sentinel, redis, receiver, answer, words):
    """The log says what and who, and deliveries go on without Redis."""
    one = sentinel(answer)
    posthorn = start_on(database, redis, POSTHORN_REDIS_URL=Replicated.url_of(one))
    until(lambda: f'server="127.0.0.1:{one.port}" error="{words}' in posthorn.log(), 10, posthorn.log)
    client = posthorn.client()
    assert not is_up(client)
    client.webhook(receiver.url())
    client.publish()
    receiver.wait(1, timeout=20)


def test_another_master_is_filled_again(database, start_on, sentinel, redis, replica, receiver):
    """It has all but the last that was written, so it is neither empty nor behind its last sweep: only its address
    tells."""
    knows = sentinel(at(redis.port))
    posthorn = start_on(database, redis, POSTHORN_REDIS_URL=Replicated.url_of(knows))
    client = posthorn.client()
    flow = Flow(client, receiver)
    flow.batch(5)
    flow.all_once(15, 5)
    assert replica.command("REPLICAOF", "NO", "ONE") == b"+OK"
    knows.answer = at(replica.port)
    redis.command("CLIENT", "KILL", "TYPE", "normal")
    until(lambda: 'reason="Redis came back with older data"' in posthorn.log(), 5, posthorn.log)
    until(lambda: "event=queue_rebuilt" in posthorn.log(), 5, posthorn.log)
    assert "moved=true" in posthorn.log()
    assert "direct_mode on=true" not in posthorn.log()
    # The subscription, which nobody has cut, is where the others speak.
    until(lambda: subscribed(replica), 5)
    flow.batch(5)
    flow.all_once(5, 5)


def subscribed(redis):
    return "cmd=subscribe" in redis.command("CLIENT", "LIST", text=True)


def test_a_password(database, start_on, receiver):
    """Its own, which is shown nowhere."""
    replicated = Replicated(sentinels=1, password="open-sesame")
    try:
        posthorn = start_on(database, replicated, POSTHORN_SENTINEL_PASSWORD="open-sesame", POSTHORN_LOG_LEVEL="debug")
        until(lambda: is_up(posthorn.client()), 10, posthorn.log)
        assert "open-sesame" not in posthorn.log()
        for wrong, words in ((None, "NOAUTH"), ("another", "WRONGPASS")):
            other = start_on(database, replicated, POSTHORN_SENTINEL_PASSWORD=wrong)
            until(lambda log=other.log, words=words: f'error="{words}' in log(), 10, other.log)
            assert not is_up(other.client())
    finally:
        replicated.destroy()


def test_tls(database, start_on, sentinel, receiver, tmp_path):
    """To both, and both have to prove who they are."""
    authority, stranger = Authority(tmp_path), Authority(tmp_path, "stranger")
    certificate, key = authority.issue("localhost")
    redis = Redis(tls=["--tls-cert-file", certificate, "--tls-key-file", key, "--tls-ca-cert-file", authority.file,
                       "--tls-auth-clients", "no"]).start()  # fmt: skip
    try:
        knows = sentinel(at(redis.tls_port), tls=server_context(certificate, key))
        url = Replicated.url_of(knows).replace("redis+", "rediss+")
        posthorn = start_on(database, redis, POSTHORN_REDIS_URL=url, POSTHORN_CA_FILE=authority.file)
        client = posthorn.client()
        until(lambda: is_up(client), 10, posthorn.log)
        Flow(client, receiver).batch(5)
        receiver.wait(5)
        other = start_on(database, redis, POSTHORN_REDIS_URL=url, POSTHORN_CA_FILE=stranger.file)
        until(lambda: "certificate" in other.log(), 10, other.log)
        never(lambda: is_up(other.client()), 1)
        other.stop()
        posthorn.stop()
    finally:
        redis.destroy()
