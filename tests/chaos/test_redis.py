"""Redis emptied, gone or deaf: nothing lost, nothing sent twice, and 202 all the same."""

import time

import pytest
from harness import replies
from harness.wait import until


def batch(client, count, type_="a"):
    events = [{"type": type_, "data": {"n": n}} for n in range(count)]
    return [
        e["id"] for e in client.post("/events/batch", {"events": events}, expect=202).json["data"]
    ]


def received(receiver, path="/hook"):
    return sorted(r.json["id"] for r in receiver.at(path))


def test_flushed_while_sending(posthorn, redis, receiver):
    client = posthorn.client()
    receiver.script("/hook", replies.answer(200, delay=0.02))
    client.webhook(receiver.url(), concurrency=8)
    ids = []
    for _ in range(10):
        ids += batch(client, 30)
        redis.flush()
    receiver.wait(300, timeout=30)
    redis.flush()
    until(lambda: received(receiver) == sorted(ids), 5, "each exactly once")


def test_flushed_before_a_retry(posthorn, redis, receiver):
    client = posthorn.client()
    receiver.script("/hook", replies.answer(500), replies.answer(200))
    client.webhook(receiver.url(), retry_schedule=[2])
    client.publish()
    first = receiver.wait(1)[0]
    redis.flush()
    second = receiver.wait(2)[1]
    assert 2 <= second.at - first.ended < 5


def test_restarted_empty(posthorn, redis, receiver):
    client = posthorn.client()
    client.webhook(receiver.url())
    ids = batch(client, 20)
    redis.stop()
    redis.start()
    ids += batch(client, 20)
    receiver.wait(40, timeout=15)
    assert received(receiver) == sorted(ids)


def test_away(posthorn, redis, receiver):
    client = posthorn.client()
    webhook = client.webhook(receiver.url())
    client.publish()
    receiver.wait(1)
    redis.stop()
    for _ in range(5):
        answer = client.post("/events", {"type": "a", "data": {}}, expect=202)
        assert answer.seconds < 1
    receiver.wait(6, timeout=10)
    ready = until(
        lambda: (r := client.get("/readyz").json)["redis"] == "down" and r, 10, "redis: down"
    )
    assert ready["status"] == "ready"
    redis.start()
    until(lambda: client.get("/readyz").json["redis"] == "up", 15, "redis: up")
    started = time.monotonic()
    client.publish()
    receiver.wait(7)
    assert time.monotonic() - started < 3
    until(
        lambda: {d["status"] for d in client.deliveries(webhook)} == {"delivered"},
        what="all delivered",
    )
    assert len(receiver.requests) == 7


def test_away_from_the_start(start, redis, receiver):
    redis.stop()
    client = start().client()
    client.webhook(receiver.url())
    client.publish()
    receiver.wait(1, timeout=10)
    receiver.script("/hook", replies.answer(500), replies.answer(200))
    client.webhook(receiver.url("/again"), events=["again"], retry_schedule=[1])
    receiver.script("/again", replies.answer(500), replies.answer(200))
    client.publish("again")
    receiver.wait(2, "/again", timeout=10)


def test_deaf(posthorn, redis, receiver):
    """It takes connections and never answers."""
    client = posthorn.client()
    client.webhook(receiver.url())
    redis.pause()
    try:
        for _ in range(5):
            assert client.post("/events", {"type": "a", "data": {}}, expect=202).seconds < 1
        receiver.wait(5, timeout=15)
    finally:
        redis.resume()
    client.publish()
    receiver.wait(6, timeout=15)
    assert len({r.json["id"] for r in receiver.requests}) == len(receiver.requests) == 6


@pytest.mark.parametrize("key", ["nonsense", "posthorn"])
def test_foreign_keys_do_no_harm(posthorn, redis, receiver, key):
    """Somebody else's values in our Redis, also under names of ours."""
    client = posthorn.client()
    client.webhook(receiver.url())
    client.publish()
    receiver.wait(1)
    names = redis.keys() if key == "posthorn" else [key]
    for name in names:
        redis.command("DEL", name)
        redis.command("SET", name, "of another kind")
    client.publish()
    receiver.wait(2, timeout=15)
