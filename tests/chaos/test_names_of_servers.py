"""PostgreSQL and Redis by name: whoever says nothing, or says it late, holds up nobody else."""

import os
import socket
import threading
import time
from types import SimpleNamespace

import pytest
from harness import replies
from harness.flow import Flow
from harness.names import Names
from harness.relay import Relay
from harness.server import binary, command, options
from harness.wait import until

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, for a resolv.conf of its own")


@pytest.fixture
def names(monkeypatch, tmp_path):
    made = Names()
    monkeypatch.setenv("POSTHORN_BIN", made.program(str(tmp_path), binary()))
    yield made
    made.close()


@pytest.fixture
def relays(own_postgres, redis):
    """Before PostgreSQL and Redis, to cut their connections."""
    made = [Relay(own_postgres.port), Relay(redis.port)]
    yield made
    for relay in made:
        relay.close()


def database(own_postgres, host, port=None):
    name = own_postgres.database.name
    return SimpleNamespace(url=f"postgresql://posthorn@{host}:{port or own_postgres.port}/{name}")


def redis_at(host, port):
    return SimpleNamespace(url=f"redis://{host}:{port}/0")


class Looks:
    """Asks who it is, all the time; the longest answer."""

    def __init__(self, client):
        self.client, self.longest, self.over = client, 0, threading.Event()
        self.thread = threading.Thread(target=self.look, daemon=True)
        self.thread.start()

    def look(self):
        while not self.over.is_set():
            began = time.monotonic()
            self.client.get("/key", expect=None)
            self.longest = max(self.longest, time.monotonic() - began)

    def end(self):
        self.over.set()
        self.thread.join(30)
        return self.longest


def works(flow, seconds=15):
    flow.batch(5)
    flow.all_arrive(seconds)


def test_a_name_server_that_falls_silent(names, own_postgres, receiver, relays, start_on):
    """Where the names led before they lead still; requests are answered meanwhile."""
    names.speaks.set()
    postgres, redis = relays
    server = start_on(
        database(own_postgres, "db.silent.test", postgres.port),
        redis_at("redis.silent.test", redis.port),
    )
    flow = Flow(server.client(), receiver, replies.answer(200))
    works(flow)
    names.speaks.clear()
    names.asked.clear()
    looks = Looks(server.client())

    def both_asked():
        for relay in relays:
            relay.cut()
        return {"db.silent.test", "redis.silent.test"} <= set(names.asked)

    until(both_asked, 20, "that both names are looked up again")
    until(flow.try_one, 20, "that events are accepted again")
    flow.all_arrive(20)
    assert looks.end() < 1
    until(lambda: "event=redis_up" in server.log().rsplit("event=redis_down", 1)[-1], 20)


def test_nobody_answers_for_redis(names, own_postgres, redis, receiver, start_on):
    """From the start: events are delivered as without Redis, and with it once the name is known."""
    server = start_on(own_postgres.database, redis_at("redis.silent.test", redis.port))
    looks = Looks(server.client())
    flow = Flow(server.client(), receiver, replies.answer(200))
    works(flow)
    until(lambda: "no DNS answer in time for redis.silent.test" in server.log(), 10)
    assert looks.end() < 1
    names.speaks.set()
    until(lambda: "event=redis_up" in server.log(), 20, "Redis")
    works(flow)


def test_the_first_of_two_addresses_says_nothing(names, own_postgres, redis, receiver, start_on):
    listeners = [
        socket.create_server(("127.0.0.2", port), backlog=100) for port in (own_postgres.port, redis.port)
    ]
    server = start_on(
        database(own_postgres, "db.two.test"), redis_at("redis.two.test", redis.port), None, False
    )
    until(server.is_up, 40, "service")
    works(Flow(server.client(), receiver, replies.answer(200)))
    until(lambda: "event=redis_up" in server.log(), 20, "Redis")
    for listener in listeners:
        listener.close()


@pytest.mark.parametrize("words", [("migrate",), ("serve",), ("key", "list")])
def test_nobody_answers_for_postgres(names, own_postgres, redis, words):
    """A command says so, and ends."""
    ended = command(options(database(own_postgres, "db.silent.test"), redis), *words, timeout=20)
    assert ended.returncode == 1
    assert "no DNS answer in time for db.silent.test" in ended.stderr


@pytest.mark.parametrize("form", ["{}", "a.{}", "{}.ok.test."])
def test_names_are_searched(names, own_postgres, redis, receiver, start_on, form):
    """As in a cluster, where `redis` is one of a domain that resolv.conf has; a dot at the end says that none is meant."""
    server = start_on(
        database(own_postgres, form.format("db")), redis_at(form.format("redis"), redis.port)
    )
    works(Flow(server.client(), receiver, replies.answer(200)))
    until(lambda: "event=redis_up" in server.log(), 20, "Redis")
    asked = {f"{form.format(name).removesuffix('.ok.test.')}.ok.test" for name in ("db", "redis")}
    assert asked <= set(names.asked)
    assert form[-1] != "." or not any(name.count("test") > 1 for name in names.asked)


def test_the_system_has_another_name_server(names, own_postgres, redis, receiver, start_on, tmp_path):
    """Of servers and receivers, without a start."""
    server = start_on(own_postgres.database, redis_at("redis.silent.test", redis.port))
    client = server.client()
    other = Names()
    other.speaks.set()
    flow = Flow(client, receiver, replies.answer(200), path="/named")
    late = client.webhook(receiver.url("/late", host="a.silent.test"), ("late",), retry_schedule=[1] * 20)
    client.publish("late")
    until(lambda: "a.silent.test" in names.asked, 10, "that the silent one is asked")
    other.write(str(tmp_path / "resolv.conf"))
    until(lambda: "event=redis_up" in server.log(), 20, "Redis")
    until(lambda: client.only_delivery(late)["status"] == "delivered", 30)
    works(flow)
    other.close()
