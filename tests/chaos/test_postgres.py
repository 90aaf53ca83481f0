"""PostgreSQL gone: 503 within a second, no crash, and service again by itself."""

import signal

import pytest
from harness.wait import until


@pytest.fixture
def server(own_postgres, redis, start_on):
    return start_on(own_postgres.database, redis)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT, signal.SIGKILL])
def test_down_and_up_again(own_postgres, server, receiver, how):
    client = server.client()
    webhook = client.webhook(receiver.url())
    before = client.publish()
    receiver.wait(1)
    until(lambda: client.only_delivery(webhook)["status"] == "delivered", 5)
    own_postgres.stop(how)
    for method, path, more in [
        ("POST", "/events", {"body": {"type": "a", "data": {}}}),
        ("GET", "/webhooks", {}),
        ("GET", f"/events/{before['id']}", {}),
        ("PATCH", f"/webhooks/{webhook['id']}", {"body": {}}),
    ]:
        answer = client.request(method, path, expect=503, **more)
        assert answer.seconds < 1.0
        assert answer.code == "unavailable"
        assert int(answer.headers["Retry-After"]) >= 1
    ready = client.get("/readyz", expect=503)
    assert (ready.json["status"], ready.json["database"]) == ("unavailable", "down")
    client.get("/healthz", expect=200)
    own_postgres.start()
    until(lambda: client.get("/readyz", expect=None).status == 200, 10, "service again")
    client.publish("after")
    # The result of the first may be among what a crash of PostgreSQL undoes: it is sent again then.
    until(lambda: receiver.requests[-1].json["type"] == "after", 10, "what came after")
    again = {r.json["id"] for r in receiver.requests[:-1]}
    assert again == {before["id"]} and len(receiver.requests) <= 3
    until(lambda: len(client.get("/events").json["data"]) == 2, 5)


def test_restarted_under_load(own_postgres, server, receiver):
    """What was answered 202 is delivered; what was not, may be."""
    client = server.client()
    client.webhook(receiver.url())
    accepted, refused = [], 0
    for n in range(300):
        if n == 100:
            own_postgres.stop(signal.SIGQUIT)
        if n == 140:
            own_postgres.start()
            until(lambda: client.get("/readyz", expect=None).status == 200, 10, "service again")
        answer = client.post("/events", {"type": "a", "data": {"n": n}}, expect=None)
        assert answer.status in (202, 503), answer.body
        if answer.status == 202:
            accepted.append(answer.json["id"])
        else:
            refused += 1
    assert refused >= 40 and len(accepted) >= 200
    until(
        lambda: set(accepted) <= {r.json["id"] for r in receiver.requests},
        90,
        "all that was accepted",
    )


def test_connections_cut(own_postgres, server, receiver):
    """pg_terminate_backend on every connection, again and again."""
    client = server.client()
    client.webhook(receiver.url())
    accepted = []
    for n in range(60):
        if n % 10 == 5:
            own_postgres.database.query(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        answer = client.post("/events", {"type": "a", "data": {}}, expect=None)
        assert answer.status in (202, 503)
        accepted += [answer.json["id"]] if answer.status == 202 else []
    until(
        lambda: set(accepted) <= {r.json["id"] for r in receiver.requests},
        90,
        "all that was accepted",
    )
    until(lambda: client.get("/webhooks", expect=None).status == 200, 10)


def test_down_at_the_start(own_postgres, redis, start_on):
    """It refuses in words, or waits and serves when the database is there; it does not crash."""
    own_postgres.stop()
    server = start_on(own_postgres.database, redis, wait=False)
    until(lambda: server.log() or server.process.poll() is not None, 10, "a word")
    own_postgres.start()
    if (
        until(lambda: server.process.poll() is not None or server.is_up(), 20)
        and server.is_running()
    ):
        return
    assert server.process.returncode not in (0, 99)
    server.process = None
