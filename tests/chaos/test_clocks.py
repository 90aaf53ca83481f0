"""Clocks jump. Redis's says when to look at a delivery, PostgreSQL's whether it may be sent, the API's is in ids."""

import os
import time
from email.utils import parsedate_to_datetime

import pytest
from harness import replies
from harness.clock import Clock
from harness.flow import Flow, at_once
from harness.redis import Redis
from harness.server import SANITIZER_OPTIONS
from harness.wait import until

HOUR = 3600


@pytest.fixture
def clock(tmp_path):
    return Clock(tmp_path)


@pytest.fixture
def redis(clock):
    server = Redis(env={**os.environ, **clock.env}).start()
    yield server
    server.destroy()


def redis_time(redis):
    return int(redis.command("TIME", lines=True)[0])


@pytest.mark.parametrize("jump", [HOUR, -HOUR], ids=["forward", "back"])
def test_in_the_middle_of_the_work(clock, redis, posthorn, receiver, jump):
    """Leases in Redis end early or late, turns lie far away: all of it goes on within seconds."""
    flow = Flow(posthorn.client(), receiver, replies.answer(200, delay=0.03), concurrency=4)
    flow.batch(150)
    receiver.wait(40)
    clock.jump(jump)
    assert abs(redis_time(redis) - time.time() - jump) < 5
    flow.batch(20)
    flow.all_arrive(15)
    flow.none_pending(5)
    clock.jump(0)
    flow.batch(20)
    flow.all_once(15, 5)
    assert at_once(flow.requests()) <= 4


@pytest.mark.parametrize("jump", [HOUR, -HOUR], ids=["forward", "back"])
def test_a_retry_keeps_its_time(clock, redis, posthorn, receiver, jump):
    """By PostgreSQL's clock; behind by no more than it takes to see that it is overdue."""
    client = posthorn.client()
    receiver.script("/hook", replies.answer(500), replies.answer(200))
    webhook = client.webhook(receiver.url(), retry_schedule=[4])
    client.publish()
    first = receiver.wait(1)[0]
    client.attempted(webhook)
    clock.jump(jump)
    second = receiver.wait(2, timeout=15)[1]
    assert 3.95 <= second.at - first.ended < 10
    until(lambda: client.only_delivery(webhook)["status"] == "delivered", 3)


def test_a_rate_after_a_jump_back(clock, redis, posthorn, receiver):
    """What was sent an hour from now does not count."""
    clock.jump(HOUR)
    flow = Flow(posthorn.client(), receiver, rate_limit=10)
    flow.batch(10)
    flow.all_arrive(5)
    clock.jump(0)
    flow.batch(20)
    flow.all_arrive(12)
    assert not flow.repeated()


def test_of_the_service(database, clock, start, redis, receiver):
    """An hour forward, back, and an hour back: events are accepted all the while and go out, each once."""
    sanitizer = SANITIZER_OPTIONS["ASAN_OPTIONS"] + ":verify_asan_link_order=0"
    client = start(ASAN_OPTIONS=sanitizer, **clock.env).client()
    flow = Flow(client, receiver)
    for jump in (0, HOUR, 0, -HOUR, 0):
        clock.jump(jump)
        date = parsedate_to_datetime(client.get("/healthz").headers["Date"]).timestamp()
        assert abs(date - time.time() - jump) < 5
        for _ in range(5):
            assert flow.try_one()
        flow.all_arrive(5)
    flow.none_pending(5)
    assert not flow.repeated()
