"""Redis comes back with older data: a dump that was made some time ago."""

import threading

from harness import replies
from harness.flow import Flow, at_once


def test_a_dump_from_the_middle_of_the_work(posthorn, redis, receiver):
    """It knows as waiting and as in flight what has long been delivered, and nothing of what came since."""
    flow = Flow(posthorn.client(), receiver, replies.answer(200, delay=0.02), concurrency=8)
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
    flow.all_once(15, 5)
    assert at_once(flow.requests()) <= 8


def test_a_slot_that_was_taken_then(posthorn, redis, receiver):
    """With one at a time, what the dump has in flight is in nobody's hands: the next goes out at once."""
    opened = threading.Event()
    flow = Flow(posthorn.client(), receiver, replies.gate(opened), concurrency=1)
    flow.batch(1)
    receiver.wait(1)
    older = redis.dump()
    opened.set()
    flow.none_pending(5)
    redis.stop()
    redis.start_with(older)
    flow.batch(3)
    flow.all_once(5, 3)


def test_a_retry_of_a_dump(posthorn, redis, receiver):
    """A retry that the dump has is not sent before its time, nor twice."""
    client = posthorn.client()
    flow = Flow(client, receiver, replies.answer(500), replies.answer(200), retry_schedule=[3])
    flow.batch(1)
    first = receiver.wait(1)[0]
    client.attempted(flow.webhook)
    older = redis.dump()
    redis.stop()
    redis.start_with(older)
    second = receiver.wait(2)[1]
    assert 2.95 <= second.at - first.ended < 6
    flow.none_pending(3)
    assert len(receiver.requests) == 2
