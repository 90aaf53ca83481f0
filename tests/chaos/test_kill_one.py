"""A worker that is killed while its webhook may have one request at a time."""

import random
import time

from harness import replies
from harness.flow import Flow, at_once
from harness.wait import until

KILLS = 6
RESUME_S = 3  # from the next worker's start until its webhook goes on


def test_killed_at_concurrency_one(split, receiver):
    """At any moment of a delivery: before it is sent, while it is, while it is recorded, before Redis knows."""
    client, worker = split()
    flow = Flow(client, receiver, replies.answer(200, delay=0.01), concurrency=1)
    flow.batch(250)
    chance = random.Random(3)
    for _ in range(KILLS):
        seen = len(receiver.requests)
        receiver.wait(seen + 3)
        time.sleep(chance.random() * 0.03)
        worker.kill()
        seen = len(receiver.requests)
        worker.start()
        started = time.monotonic()
        receiver.wait(seen + 1, timeout=10)
        assert time.monotonic() - started < RESUME_S
    flow.all_arrive(20)
    flow.none_pending(3)
    assert len(flow.repeated()) <= KILLS  # what was under way, once for each
    assert max(flow.arrived().values()) <= 2
    assert at_once(flow.requests()) <= 1


def test_killed_while_its_receiver_hangs(split, receiver):
    """The request that was under way is sent again by the next worker, and others after it."""
    client, worker = split()
    flow = Flow(client, receiver, replies.hang(), replies.answer(200), concurrency=1, timeout_ms=30000)
    flow.batch(5)
    receiver.wait(1)
    worker.kill()
    worker.start()
    started = time.monotonic()
    flow.all_arrive(10)
    assert time.monotonic() - started < RESUME_S
    flow.none_pending(3)
    assert sum(flow.arrived().values()) == 6


def test_killed_with_a_retry_waiting(split, receiver):
    """The retry keeps its time."""
    client, worker = split()
    receiver.script("/hook", replies.answer(500), replies.answer(200))
    webhook = client.webhook(receiver.url(), concurrency=1, retry_schedule=[3])
    client.publish()
    first = receiver.wait(1)[0]
    client.attempted(webhook)
    worker.kill()
    worker.start()
    second = receiver.wait(2)[1]
    assert 2.95 <= second.at - first.ended < 6
    until(lambda: client.only_delivery(webhook)["status"] == "delivered", 3)
    assert len(receiver.requests) == 2
