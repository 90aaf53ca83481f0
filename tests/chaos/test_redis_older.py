"""Redis comes back with older data: a dump that was made some time ago."""

import threading
import time

from harness import replies
from harness.flow import Flow, at_once


def test_a_dump_from_the_middle_of_the_work(posthorn, redis, receiver):
    """It knows as waiting and as in flight what has long been delivered, and nothing of what came since."""
    receiver.script("/hook", replies.answer(200, delay=0.02))
    webhook = posthorn.client().webhook(receiver.url(), concurrency=8)
    flow = Flow(posthorn.client(), receiver)
    flow.batch(150)
    receiver.wait(50)
    older = redis.dump()
    flow.all_arrive(10)
    flow.batch(150)
    receiver.wait(200)
    redis.stop()
    flow.batch(20)
    redis.start_with(older)
    flow.batch(20)
    flow.all_arrive(15)
    flow.none_pending(webhook, 5)
    assert not flow.repeated()
    assert at_once(flow.requests()) <= 8


def test_a_slot_that_was_taken_then(posthorn, redis, receiver):
    """With one at a time, what the dump has in flight is in nobody's hands: the next goes out at once."""
    client = posthorn.client()
    opened = threading.Event()
    receiver.script("/hook", replies.gate(opened))
    webhook = client.webhook(receiver.url(), concurrency=1)
    flow = Flow(client, receiver)
    flow.batch(1)
    receiver.wait(1)
    older = redis.dump()
    opened.set()
    flow.none_pending(webhook, 5)
    redis.stop()
    redis.start_with(older)
    flow.batch(3)
    started = time.monotonic()
    flow.all_arrive(5)
    assert time.monotonic() - started < 5
    flow.none_pending(webhook, 3)
    assert not flow.repeated()


def test_a_retry_of_a_dump(posthorn, redis, receiver):
    """A retry that the dump has is not sent before its time, nor twice."""
    client = posthorn.client()
    receiver.script("/hook", replies.answer(500), replies.answer(200))
    webhook = client.webhook(receiver.url(), retry_schedule=[3])
    flow = Flow(client, receiver)
    flow.batch(1)
    first = receiver.wait(1)[0]
    client.attempted(webhook)
    older = redis.dump()
    redis.stop()
    redis.start_with(older)
    second = receiver.wait(2)[1]
    assert 2.95 <= second.at - first.ended < 6
    flow.none_pending(webhook, 3)
    assert len(receiver.requests) == 2
