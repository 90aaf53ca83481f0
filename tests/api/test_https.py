"""Deliveries over TLS that arrive: whom they trust, and what is kept of a connection for the next one."""

import pytest
from harness import replies
from harness.server import command, options
from harness.receiver import Receiver
from harness.tenant import Tenant
from harness.tls import Authority, openssl
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


# --- `tls` of a webhook ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def clients(tmp_path_factory):
    """The authority of client certificates."""
    return Authority(tmp_path_factory.mktemp("clients"), "clients")


@pytest.fixture
def asking(authority, clients):
    """A receiver that wants a certificate."""
    made = Receiver(context=authority.server(clients=clients))
    yield made
    made.close()


def identity(clients, name="posthorn"):
    certificate, key = clients.issue(name)
    return {"client_certificate": certificate.read_text(), "client_key": key.read_text()}


def test_a_webhook_trusts_an_authority_of_its_own(api, authority, secure):
    trusted = api.webhook(secure.url("/trusted"), tls={"ca": authority.pem})
    other = api.webhook(secure.url("/other"))
    assert trusted["tls"] == {"ca": authority.pem} and other["tls"] is None
    api.publish()
    assert api.attempted(trusted)[0]["error"] is None
    assert api.attempted(other)[0]["error"]["code"] == "tls_failed"
    assert len(secure.at("/trusted")) == 1 and secure.at("/other") == []


def test_it_trusts_no_other_then(client, authority, secure, tmp_path):
    stranger = Authority(tmp_path, "stranger")
    webhook = client.webhook(secure.url(), tls={"ca": stranger.pem})
    client.publish()
    assert client.attempted(webhook)[0]["error"]["code"] == "tls_failed"
    both = {"tls": {"ca": f"# ours\n{stranger.pem}\n# theirs\n{authority.pem}"}}
    client.patch(f"/webhooks/{webhook['id']}", both)
    assert client.post(f"/webhooks/{webhook['id']}/test").json["status"] == "delivered"


def test_a_client_certificate_is_shown(api, authority, clients, asking):
    tls = {"ca": authority.pem, **identity(clients, "me.example")}
    webhook = api.webhook(asking.url(), tls=tls)
    assert webhook["tls"] == {**tls, "client_key": "***"}
    api.publish()
    assert asking.wait(1)[0].client == "me.example"


def test_without_one_it_says_why(api, authority, asking, tmp_path):
    none = {"ca": authority.pem}
    wrong = {"ca": authority.pem, **identity(Authority(tmp_path, "wrong"))}
    for tls in (none, wrong):
        webhook = api.webhook(asking.url(), tls=tls, retry_schedule=[])
        error = api.post(f"/webhooks/{webhook['id']}/test").json["error"]
        assert error["code"] == "tls_failed" and "alert" in error["message"], error
    assert asking.requests == []


def test_neither_connections_nor_sessions_are_shared_with_another_certificate(api, authority, clients, asking):
    """Of one app, one host and port, one thread."""
    for path in ("/a", "/b"):
        asking.script(path, replies.answer(200))
        api.webhook(asking.url(path), tls={"ca": authority.pem, **identity(clients, f"for{path[1:]}.example")})
    for _ in range(2):
        api.publish()
        for path in ("/a", "/b"):
            until(lambda p=path: asking.at(p) and asking.at(p)[-1].ended, 5)
    until(lambda: len(asking.at("/a")) == len(asking.at("/b")) == 2, 10)
    for path in ("/a", "/b"):
        assert {r.client for r in asking.at(path)} == {f"for{path[1:]}.example"}
    assert {r.connection for r in asking.at("/a")}.isdisjoint(r.connection for r in asking.at("/b"))
    asking.script("/a", CLOSES)
    asking.script("/b", CLOSES)
    for _ in range(3):
        before = len(asking.requests)
        api.publish()
        until(lambda: len(asking.requests) == before + 2 and all(r.ended for r in asking.requests), 10)
    for path in ("/a", "/b"):
        assert {r.client for r in asking.at(path)} == {f"for{path[1:]}.example"}
        assert asking.at(path)[-1].resumed


def broken(pem):
    return pem.replace("MII", "MMM", 1) if "MII" in pem else pem[:60] + "!!" + pem[62:]


def test_what_is_refused(api, clients, authority, tmp_path):
    mine, other = identity(clients, "mine"), identity(clients, "other")
    certificate, key = mine["client_certificate"], mine["client_key"]
    old, new = tmp_path / "old.key", tmp_path / "new.key"
    openssl("ec", "-in", clients.directory / "mine.key", "-aes256", "-passout", "pass:x", "-out", old)
    openssl("pkcs8", "-topk8", "-in", clients.directory / "mine.key", "-passout", "pass:x", "-out", new)
    weak, weak_key = tmp_path / "weak.pem", tmp_path / "weak.key"
    openssl("req", "-x509", "-newkey", "rsa:1024", "-nodes", "-keyout", weak_key, "-out", weak, "-days", 2,
            "-subj", "/CN=weak")  # fmt: skip
    pairs = [
        ({"ca": key}, "ca", "private key"),
        ({"ca": broken(authority.pem)}, "ca", "cannot be read"),
        ({"ca": authority.pem + broken(authority.pem)}, "ca", "cannot be read"),
        ({"client_certificate": key, "client_key": key}, "client_certificate", "private key"),
        ({"client_certificate": certificate + key, "client_key": key}, "client_certificate", "private key"),
        ({"client_certificate": certificate, "client_key": certificate}, "client_key", "no private key"),
        ({"client_certificate": certificate, "client_key": other["client_key"]}, "client_key", "is not the key"),
        ({"client_certificate": certificate, "client_key": old.read_text()}, "client_key", "encrypted"),
        ({"client_certificate": certificate, "client_key": new.read_text()}, "client_key", "encrypted"),
        ({"client_certificate": certificate, "client_key": broken(key)}, "client_key", "cannot be read"),
        ({"client_certificate": certificate, "client_key": "***"}, "client_key", "***"),
        ({"client_certificate": weak.read_text(), "client_key": weak_key.read_text()}, "client_key", "too weak"),
    ]
    blank = {"ca": authority.pem.ljust(16384, "\n"), **{name: pem.ljust(8192, "\n") for name, pem in mine.items()}}
    body = {"url": "https://hooks.example.com/in", "events": ["*"]}
    for tls, field, words in pairs:
        answer = api.post("/webhooks", {**body, "tls": tls}, expect=422)
        assert answer.fields == [f"tls.{field}"], (tls, answer.json)
        assert words in answer.json["errors"][0]["message"], answer.json
        assert "BEGIN EC" not in answer.body.decode()
    assert "newlines" in api.post("/webhooks", {**body, "tls": blank}, expect=422).json["errors"][0]["message"]
    answer = api.post("/webhooks", {**body, "tls": mine, "url": "http://hooks.example.com/"}, expect=422)
    assert answer.fields == ["tls"]
    made = api.post("/webhooks", {**body, "tls": mine}, expect=201).json
    assert api.patch(f"/webhooks/{made['id']}", {"url": "http://hooks.example.com/", "tls": None}).json["tls"] is None


def test_a_certificate_is_not_handed_on(api, clients, authority, address):
    webhook = api.webhook(address, tls=identity(clients))
    path = f"/webhooks/{webhook['id']}"
    assert api.patch(path, {"url": "https://other.example.com/"}, expect=422).fields == ["tls"]
    api.patch(path, {"url": "https://other.example.com/", "tls": {"ca": authority.pem}})
    api.patch(path, {"url": "https://third.example.com/"})  # there is nothing to hand on any more


def test_a_key_is_sealed(start, database, redis, authority, clients, asking):
    server = start()
    api = server.client()
    tls = {"ca": authority.pem, **identity(clients)}
    webhook = api.webhook(asking.url(), tls=tls)
    answers = [api.get("/webhooks"), api.patch(f"/webhooks/{webhook['id']}", {"description": "x"})]
    other = "b29vb29vb29vb29vb29vb29vb29vb29vb29vb29vb28="
    keys = {"POSTHORN_ENCRYPTION_KEY": other, "POSTHORN_ENCRYPTION_KEY_PREVIOUS": server.env["POSTHORN_ENCRYPTION_KEY"]}
    server.stop()
    assert command(options(database, redis, **keys), "rekey").stdout == "1 webhooks, 0 sources, 1 sealed anew\n"
    server = start(POSTHORN_ENCRYPTION_KEY=other)
    assert server.client().post(f"/webhooks/{webhook['id']}/test").json["status"] == "delivered"
    asking.wait(1)
    secret = tls["client_key"].splitlines()[1]
    for place in (*(a.body for a in answers), database.dump(), server.log().encode()):
        assert secret.encode() not in place
    server.client().delete(f"/webhooks/{webhook['id']}")
    assert [r[0] for r in database.query("select octet_length(tls) from webhook")] == ["0"]
