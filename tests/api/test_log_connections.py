"""At debug each connection to PostgreSQL and Redis has a line for each change of its state, under one
number. And of those to PostgreSQL one listens for the API: what it hears does not hang on that one."""

import re

from harness.wait import until


def changes(server, what):
    """By connection: what became of it, and the last process of PostgreSQL behind it."""
    found, backends = {}, {}
    for line in server.log().splitlines():
        match = re.search(rf"event={what}_(\w+) connection=(\d+)(?:.* backend=(\d+))?", line)
        if match:
            found.setdefault(match[2], []).append(match[1])
            backends[match[2]] = match[3] or backends.get(match[2])
    return found, backends


def ready(server):
    """Those that are: one of the start, for the drop-ins, was closed when it was done."""
    found, _ = changes(server, "db")
    return [number for number, states in found.items() if states[-1] in ("ready", "listening")]


def listeners(server):
    found, _ = changes(server, "db")
    return [number for number, states in found.items() if "listening" in states]


def test_postgres(start, database):
    server = start(role="api", POSTHORN_LOG_LEVEL="debug")
    until(lambda: len(ready(server)) == 4 + 2, 10)  # two for lists
    until(lambda: listeners(server), 5)
    found, backends = changes(server, "db")
    (first,) = listeners(server)
    states = sorted(found[number] for number in ready(server))
    assert states == [["connecting", "ready"]] * 5 + [["connecting", "ready", "listening"]]

    database.query(f"select pg_terminate_backend({backends[first]})")
    until(lambda: len(listeners(server)) == 2, 5)
    until(lambda: changes(server, "db")[0][first][-1] == "ready", 5)
    found, after = changes(server, "db")
    assert found[first] == [
        "connecting", "ready", "listening", "connection_lost", "closed", "connecting", "ready",
    ]  # fmt: skip
    assert after[first] != backends[first]


def test_a_revoked_key_is_heard_of_by_the_next_listener(start, database):
    one, other = start(role="api", POSTHORN_LOG_LEVEL="debug"), start(role="api")
    until(lambda: listeners(one), 5)
    (first,) = listeners(one)
    database.query(f"select pg_terminate_backend({changes(one, 'db')[1][first]})")
    until(lambda: len(listeners(one)) == 2, 5)
    made = other.client().post("/keys", {"name": "k", "scope": "read"}, expect=201).json
    mine = one.client(made["key"])
    mine.get("/webhooks", expect=200)
    other.client().delete(f"/keys/{made['id']}", expect=204)
    until(lambda: mine.get("/webhooks", expect=None).status == 401, 1)


def test_redis(start, redis):
    server = start(role="worker", POSTHORN_LOG_LEVEL="debug")
    until(lambda: server.log().count("event=redis_ready") == 2, 10)
    assert len(re.findall(r"event=redis_ready connection=\d+ use=commands", server.log())) == 1
    assert len(re.findall(r"event=redis_ready connection=\d+ use=subscription", server.log())) == 1
    redis.stop()
    until(lambda: server.log().count("event=redis_connecting") >= 6, 10)
    redis.start()
    until(lambda: server.log().count("event=redis_ready") == 4, 10)
    for states in changes(server, "redis")[0].values():
        states = [s for s in states if s in ("connecting", "ready", "closed")]
        assert states[:4] == ["connecting", "ready", "closed", "connecting"]
        assert states[-2:] == ["connecting", "ready"]
