"""rediss://: a Redis that speaks TLS, with a certificate that is looked at."""

import re
import socket

import pytest
from harness.redis import Redis
from harness.tls import Authority
from harness.wait import until


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("redis-tls"))


def speaking(authority, name):
    """A Redis with a certificate of that name."""
    certificate, key = authority.issue(name)
    return Redis(tls=["--tls-cert-file", certificate, "--tls-key-file", key, "--tls-ca-cert-file", authority.file,
                      "--tls-auth-clients", "no"]).start()  # fmt: skip


@pytest.fixture
def secure(authority):
    made = speaking(authority, "localhost")
    yield made
    made.destroy()


def url(redis, host="127.0.0.1"):
    return f"rediss://{host}:{redis.tls_port}/0"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_deliveries_go_through_it(start_on, database, secure, authority, receiver, host):
    started = start_on(database, secure, POSTHORN_REDIS_URL=url(secure, host), POSTHORN_CA_FILE=authority.file)
    client = started.client()
    client.webhook(receiver.url())
    client.batch(500)
    receiver.wait(500, timeout=30)
    assert client.get("/readyz").json["redis"] == "up"
    assert "event=direct_mode" not in started.log()
    clients = secure.command("CLIENT", "LIST", text=True)
    ours = [line for line in clients.splitlines() if f"laddr=127.0.0.1:{secure.tls_port}" in line or "laddr=[::1]" in line]
    assert len(ours) >= 3  # of the API, and of a worker two


def test_it_comes_back(start_on, database, secure, authority, receiver):
    started = start_on(database, secure, POSTHORN_REDIS_URL=url(secure), POSTHORN_CA_FILE=authority.file)
    client = started.client()
    client.webhook(receiver.url())
    secure.stop()
    until(lambda: client.get("/readyz").json["redis"] == "down", 10)
    client.publish()
    receiver.wait(1, timeout=20)
    secure.start()
    until(lambda: client.get("/readyz").json["redis"] == "up", 20)


def test_a_certificate_of_a_stranger(start_on, database, secure, receiver, tmp_path):
    """Redis counts as away, the log says why, and deliveries go without it."""
    stranger = Authority(tmp_path, "stranger")
    started = start_on(database, secure, POSTHORN_REDIS_URL=url(secure), POSTHORN_CA_FILE=stranger.file)
    until(lambda: re.search(r'error="TLS: [^"]*certificate', started.log()), 10, started.log)
    client = started.client()
    client.webhook(receiver.url())
    client.publish()
    receiver.wait(1, timeout=20)
    assert client.get("/readyz").json["redis"] == "down"


def test_a_certificate_of_another_host(start_on, database, authority):
    redis = speaking(authority, "other.example")
    started = start_on(database, redis, POSTHORN_REDIS_URL=url(redis, "localhost"), POSTHORN_CA_FILE=authority.file)
    until(lambda: 'error="TLS: hostname mismatch"' in started.log(), 10, started.log)
    started.stop()
    redis.destroy()


def test_a_server_that_speaks_none(start_on, database, redis, authority):
    """And one that takes the connection and says nothing."""
    env = {"POSTHORN_CA_FILE": authority.file}
    silent = socket.create_server(("127.0.0.1", 0))
    for port in (redis.port, silent.getsockname()[1]):
        where = f"rediss://127.0.0.1:{port}/0"
        started = start_on(database, redis, POSTHORN_REDIS_URL=where, **env)
        until(lambda log=started.log: "event=redis_unreachable" in log(), 15, started.log)
        assert started.client().get("/readyz").json["redis"] == "down"
        started.stop()
    silent.close()
