"""The gate's rules hold across two workers, with Redis, and when it is emptied or stopped."""

import time

import pytest
from harness import replies
from harness.flow import Flow, at_once, in_a_window, probes_of_a_broken
from harness.wait import until


@pytest.fixture
def client(split):
    """Of an API with two workers."""
    return split(2)[0]


def between(requests, start, end):
    return [r for r in requests if start < r.at < end]


def test_a_pause_is_obeyed_by_both(client, receiver):
    """Once the 429 is known nothing goes out; what was under way then did so before."""
    ok = replies.answer(200, delay=0.02)
    busy = replies.answer(429, headers=[("Retry-After", "3")])
    flow = Flow(client, receiver, *[ok] * 60, busy, ok, concurrency=4, retry_schedule=[1])
    flow.batch(200)
    paused = receiver.wait(61)[60].ended
    flow.all_arrive(20)
    quiet = between(flow.requests(), paused + 0.3, paused + 2.9)
    assert not quiet
    flow.none_pending(10)
    # The one that was answered 429 comes again, and nothing else.
    assert len(flow.repeated()) == 1 and len(flow.requests()) == 201


@pytest.mark.parametrize("cap", [1, 5])
def test_a_cap_holds_across_workers(client, receiver, cap):
    flow = Flow(client, receiver, replies.answer(200, delay=0.05), concurrency=cap)
    flow.batch(20 * cap)
    flow.all_once(20, 3)
    assert at_once(flow.requests()) == cap


def test_a_rate_holds_across_workers(client, receiver):
    flow = Flow(client, receiver, rate_limit=20)
    began = time.monotonic()
    flow.batch(80)
    flow.all_once(12, 3)
    seen = flow.requests()
    early = [n for n, r in enumerate(seen) if r.at - began < (n - 20 // 10) / 20 - 0.05]
    assert not early, "each may be late on its way, and none is early"
    assert seen[-1].at - seen[0].at < 80 / 20 + 1.5


def test_one_probe_of_a_broken_endpoint(client, receiver):
    """Two workers and many that wait: while it is broken never two at once, and all arrive in the end."""
    flow = Flow(client, receiver, replies.answer(500), concurrency=8, retry_schedule=[60])
    probes = probes_of_a_broken(flow, 10, under_way=7)
    assert probes[1].at - probes[0].ended >= 1.9  # the wait has doubled
    receiver.script("/hook", replies.answer(200))
    first_tries = set(flow.arrived())
    until(
        lambda: len(client.deliveries(flow.webhook, status="delivered", limit=100)) >= 60 - len(first_tries),
        20,
        "what had not been tried",
    )
    until(lambda: flow.health() == "healthy", 10, "health")


FLUSHES = 6


@pytest.mark.parametrize("cap", [1, 4])
def test_caps_outlive_redis(client, redis, receiver, cap):
    """Emptied six times, with requests under way each time."""
    flow = Flow(client, receiver, replies.answer(200, delay=0.15), concurrency=cap)
    flow.batch(22 * cap)
    for n in range(FLUSHES):
        receiver.wait((n + 1) * 2 * cap, timeout=15)
        redis.flush()
    flow.all_once(30, 5)
    assert at_once(flow.requests()) <= cap


@pytest.mark.parametrize("rate", [1, 4])
def test_rates_outlive_redis(client, redis, receiver, rate):
    """A limit forgets with Redis what was sent last: one more may go for each time, and never two at once."""
    flow = Flow(client, receiver, rate_limit=rate)
    flow.batch(12 * rate)
    started = receiver.wait(1)[0].at
    for n in range(FLUSHES):
        seen = len(receiver.requests)
        receiver.wait(seen + 1, timeout=15)
        redis.flush()
    ended = time.monotonic()
    sent = len([r for r in receiver.requests if r.at <= ended])
    assert sent <= rate * (ended - started) + 1 + FLUSHES
    assert in_a_window(flow.requests(), 0.9) <= rate + 1
    assert not flow.repeated()
