"""Sessions of others that hold a webhook or a table: what they do not hold goes on."""

import threading
import time

from harness import replies
from harness.flow import Flow
from harness.wait import until


def test_a_locked_webhook_holds_up_no_other(database, posthorn, receiver):
    """A change of it that waits for a foreign session; its deliveries and those of others do not."""
    client = posthorn.client()
    flows = [Flow(client, receiver, path=f"/{name}", type_=name, events=[name]) for name in ("locked", "other")]
    path = f"/webhooks/{flows[0].webhook['id']}"
    with database.holding("SELECT FROM webhook WHERE url LIKE '%/locked' FOR NO KEY UPDATE"):
        for flow in flows:
            flow.batch(30)
        for flow in flows:
            flow.all_arrive(5)
        answer = client.patch(path, {"concurrency": 2}, expect=503)
        assert answer.seconds < 10
        for flow in flows:
            flow.batch(10)
            flow.all_arrive(5)
    client.patch(path, {"concurrency": 2})
    for flow in flows:
        assert not flow.repeated()


def test_a_locked_webhook_while_redis_is_away(database, redis, start, receiver):
    """What its receiver says cannot be written down: the deliveries of others do not wait for that."""
    client = start().client()
    failing = Flow(client, receiver, replies.answer(500), path="/locked", type_="locked", events=["locked"])
    other = Flow(client, receiver, path="/other", type_="other", events=["other"])
    redis.stop()
    until(lambda: client.get("/readyz", expect=None).json.get("redis") != "up", 10, "no Redis")
    other.batch(1)
    other.all_arrive(10)
    with database.holding("SELECT FROM webhook WHERE url LIKE '%/locked' FOR NO KEY UPDATE"):
        failing.batch(1)
        failing.all_arrive(5)
        for _ in range(4):
            other.batch(5)
            other.all_arrive(5)
    assert not other.repeated()


def test_a_locked_table(database, posthorn, receiver):
    """Nobody reads or writes deliveries for some seconds: events are refused in words, or delivered after."""
    flow = Flow(posthorn.client(), receiver, replies.answer(200, delay=0.02), concurrency=8)
    flow.batch(60)
    receiver.wait(10)
    with database.holding("LOCK TABLE delivery IN ACCESS EXCLUSIVE MODE"):
        posts = [threading.Thread(target=flow.try_one) for _ in range(4)]
        for thread in posts:
            thread.start()
        time.sleep(6)
    for thread in posts:
        thread.join()
    until(flow.try_one, 10, "service again")
    flow.all_arrive(10)
    flow.none_pending(8)
    assert len(flow.repeated()) <= 8  # under way and not recorded when the table was locked
    assert max(flow.arrived().values()) <= 2
