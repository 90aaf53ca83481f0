"""Deliveries over TLS that arrive: whom they trust, and what is kept of a connection for the next one."""

import pytest
from harness import replies
from harness.receiver import Receiver
from harness.tenant import Tenant
from harness.tls import Authority
from harness.wait import until

CLOSES = replies.raw(replies.head(200, [("Connection", "close")], 2) + b"OK")


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def secure(authority):
    made = Receiver(context=authority.server())
    yield made
    made.close()


@pytest.fixture
def client(start, authority):
    return start(POSTHORN_CA_FILE=authority.file).client()


def one_by_one(client, receiver, path="/hook", count=3):
    """The requests of as many events, each published when the one before has been answered."""
    before = len(receiver.at(path))
    for n in range(count):
        client.publish()
        receiver.wait(before + n + 1, path)
        until(lambda: all(r.ended for r in receiver.at(path)), 5, "answers")
    return receiver.at(path)[before:]


def test_an_https_receiver_gets_its_events(client, secure):
    webhook = client.webhook(secure.url())
    client.publish(data={"n": 1})
    assert secure.wait(1)[0].json["data"] == {"n": 1}
    attempt = client.attempted(webhook)[0]
    assert attempt["error"] is None and attempt["timings"]["tls_ms"] > 0
    assert not secure.requests[0].resumed


def test_the_name_is_verified_too(client, authority):
    other = Receiver(context=authority.server("other.example"))
    webhook = client.webhook(other.url(host="localhost"))
    client.publish()
    assert client.attempted(webhook)[0]["error"]["code"] == "tls_failed"
    assert other.requests == []
    other.close()


def test_the_file_stands_in_the_place_of_the_systems(client, tmp_path):
    """What it does not have is not trusted, and without it nobody trusts that authority."""
    stranger = Receiver(context=Authority(tmp_path, "stranger").server())
    webhook = client.webhook(stranger.url())
    client.publish()
    error = client.attempted(webhook)[0]["error"]
    assert error["code"] == "tls_failed" and "certificate" in error["message"]
    stranger.close()


def test_without_the_file_the_system_is_asked(posthorn, secure):
    client = posthorn.client()
    webhook = client.webhook(secure.url())
    client.publish()
    assert client.attempted(webhook)[0]["error"]["code"] == "tls_failed"
    assert secure.requests == []


def test_a_connection_is_kept(client, secure):
    client.webhook(secure.url())
    requests = one_by_one(client, secure)
    assert secure.opened == 1 and len({r.connection for r in requests}) == 1


def test_a_session_is_taken_up_again(client, secure):
    """By the next connection of the same app to the same host, whichever webhook it is of."""
    secure.script("/hook", CLOSES)
    client.webhook(secure.url())
    requests = one_by_one(client, secure, count=5)
    assert secure.opened == 5
    assert [r.resumed for r in requests] == [False, True, True, True, True]


def test_a_session_is_not_taken_up_by_another_app(client, secure):
    """One thread sends for both, to the same host, each on connections of its own."""
    for path in ("/a", "/b"):
        secure.script(path, CLOSES)
    apps = [Tenant(client).write for _ in range(2)]
    for app, path in zip(apps, ("/a", "/b")):
        app.webhook(secure.url(path))
    first = [one_by_one(app, secure, path, 1)[0] for app, path in zip(apps, ("/a", "/b"))]
    assert [r.resumed for r in first] == [False, False]
    again = [one_by_one(app, secure, path, 1)[0] for app, path in zip(apps, ("/a", "/b"))]
    assert [r.resumed for r in again] == [True, True]
