"""Redis emptied, gone or deaf: nothing lost, nothing sent twice, and 202 all the same."""

import os
import time

import pytest
from harness import replies
from harness.wait import never, until


def received(receiver, path="/hook"):
    return sorted(r.json["id"] for r in receiver.at(path))


def test_flushed_while_sending(posthorn, redis, receiver):
    client = posthorn.client()
    receiver.script("/hook", replies.answer(200, delay=0.02))
    client.webhook(receiver.url(), concurrency=8)
    ids = set()
    for _ in range(10):
        ids |= client.batch(30)
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
    ids = client.batch(20)
    redis.stop()
    redis.start()
    ids |= client.batch(20)
    receiver.wait(40, timeout=15)
    assert received(receiver) == sorted(ids)


def test_empty_at_the_start(split, redis, receiver):
    """PostgreSQL answers after Redis has said that it is empty: the worker does not wait for its next tick, a second
    later. The quickest of three starts, for the machine may be busy."""
    client, worker = split()
    client.webhook(receiver.url())
    seconds = []
    for count in range(1, 4):
        worker.stop()
        client.publish()
        redis.flush()
        started = time.monotonic()
        worker.start()
        seconds.append(receiver.wait(count)[-1].at - started)
    assert min(seconds) < 0.9, seconds


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


def no_disk(redis):
    """Its snapshot cannot be put in place, for there is a folder."""
    os.mkdir(f"{redis.directory.name}/dump.rdb")
    redis.command("CONFIG", "SET", "save", "3600 1")
    redis.command("BGSAVE")
    until(lambda: redis.command("SET", "probe", "").startswith(b"-MISCONF"), 10, "MISCONF")


def takes_disk(redis):
    redis.command("CONFIG", "SET", "stop-writes-on-bgsave-error", "no")


def say(*words):
    return lambda redis: redis.command(*words)


# How Redis comes to refuse what it is told, and how it comes to take it again.
REFUSALS = {
    "OOM": (say("CONFIG", "SET", "maxmemory", "1"), say("CONFIG", "SET", "maxmemory", "0")),
    "READONLY": (say("REPLICAOF", "127.0.0.1", "1"), say("REPLICAOF", "NO", "ONE")),
    "NOREPLICAS": (
        say("CONFIG", "SET", "min-replicas-to-write", "1"),
        say("CONFIG", "SET", "min-replicas-to-write", "0"),
    ),
    "NOPERM": (say("ACL", "SETUSER", "default", "-evalsha"), say("ACL", "SETUSER", "default", "+evalsha")),
    "MISCONF": (no_disk, takes_disk),
}


def connections(redis):
    """How many there were, this one too."""
    return int(redis.command("CLIENT", "ID")[1:])


@pytest.mark.parametrize("refusal", REFUSALS)
def test_refuses(posthorn, redis, receiver, refusal):
    """It answers, and does not do its work: as good as away, and left in peace until it does."""
    refuse, relent = REFUSALS[refusal]
    client = posthorn.client()
    webhook = client.webhook(receiver.url())
    client.publish()
    receiver.wait(1)
    refuse(redis)
    client.batch(1)
    receiver.wait(2, timeout=5)
    before = connections(redis)
    for n in range(4):
        started = time.monotonic()
        client.batch(5)
        receiver.wait(7 + 5 * n, timeout=5)
        assert time.monotonic() - started < 1.5
    never(lambda: "direct_mode on=false" in posthorn.log(), 3, "a return to the queue")
    # A replica is left, since the name may lead to its master by now: once a second for two links at most.
    assert connections(redis) - before <= (2 if refusal != "READONLY" else 14)
    assert posthorn.log().count("event=redis_refuses") <= 2  # the API's, the worker's
    relent(redis)
    until(lambda: "direct_mode on=false" in posthorn.log(), 10, "the end of direct mode")
    client.batch(5)
    receiver.wait(27)
    until(
        lambda: {d["status"] for d in client.deliveries(webhook)} == {"delivered"},
        what="all delivered",
    )
    assert len({r.json["id"] for r in receiver.requests}) == len(receiver.requests) == 27


def test_out_of_memory_by_what_waits(posthorn, redis, receiver):
    """The queue itself fills it. It is let go of, and what waits is sent all the same."""
    client = posthorn.client()
    webhook = client.webhook(receiver.url(), rate_limit=1)
    client.publish()
    receiver.wait(1)
    used = int(next(line.split(":")[1] for line in redis.command("INFO", "memory", text=True).splitlines()
                    if line.startswith("used_memory:")))
    redis.command("CONFIG", "SET", "maxmemory", str(used + 300000))
    for _ in range(4):
        client.batch(1000)
    until(lambda: "event=redis_refuses" in posthorn.log(), 10, "Redis to be full")
    until(lambda: "direct_mode on=true" in posthorn.log(), 10, "direct mode")
    client.patch(f"/webhooks/{webhook['id']}", {"rate_limit": None}, expect=200)
    receiver.wait(4001, timeout=60)
    until(lambda: posthorn.log().count("direct_mode on=false") >= posthorn.log().count("direct_mode on=true"),
          60, "the end of direct mode")
    client.publish()
    receiver.wait(4002)
    assert len({r.json["id"] for r in receiver.requests}) == len(receiver.requests)
    assert posthorn.log().count("event=redis_refuses") <= 16


@pytest.mark.parametrize("key", ["nonsense", "posthorn"])
def test_foreign_keys_do_no_harm(posthorn, redis, receiver, key):
    """Somebody else's values in our Redis, also under names of ours."""
    client = posthorn.client()
    client.webhook(receiver.url())
    client.publish()
    receiver.wait(1)
    ours = [f"posthorn:{{q}}:{name}" for name in ("apps", "inflight", "slots")]
    names = {*redis.keys(), *ours} if key == "posthorn" else [key]
    for name in names:
        redis.command("DEL", name)
        redis.command("SET", name, "of another kind")
    client.publish()
    receiver.wait(2, timeout=15)
