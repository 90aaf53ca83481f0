"""The gate's rules hold across two workers, with Redis, and when it is emptied or stopped."""

import threading
import time

import pytest
from harness import replies
from harness.flow import Flow, at_once, in_a_window
from harness.wait import until


@pytest.fixture
def client(start):
    """Of an API with two workers."""
    made = start(role="api").client()
    for _ in range(2):
        start(role="worker")
    return made


def between(requests, start, end):
    return [r for r in requests if start < r.at < end]


def state(client, webhook):
    return client.get(f"/webhooks/{webhook['id']}").json["health"]["state"]


def test_a_pause_is_obeyed_by_both(client, receiver):
    """Once the 429 is known nothing goes out; what was under way then did so before."""
    ok = replies.answer(200, delay=0.02)
    busy = replies.answer(429, headers=[("Retry-After", "3")])
    receiver.script("/hook", *[ok] * 60, busy, ok)
    webhook = client.webhook(receiver.url(), concurrency=4, retry_schedule=[1])
    flow = Flow(client, receiver)
    flow.batch(200)
    paused = receiver.wait(61)[60].ended
    flow.all_arrive(20)
    quiet = between(flow.requests(), paused + 0.3, paused + 2.9)
    assert not quiet
    flow.none_pending(webhook, 10)
    # The one that was answered 429 comes again, and nothing else.
    assert len(flow.repeated()) == 1 and len(flow.requests()) == 201


@pytest.mark.parametrize("cap", [1, 5])
def test_a_cap_holds_across_workers(client, receiver, cap):
    receiver.script("/hook", replies.answer(200, delay=0.05))
    webhook = client.webhook(receiver.url(), concurrency=cap)
    flow = Flow(client, receiver)
    flow.batch(20 * cap)
    flow.all_arrive(20)
    assert at_once(flow.requests()) == cap
    flow.none_pending(webhook, 3)
    assert not flow.repeated()


def test_a_rate_holds_across_workers(client, receiver):
    webhook = client.webhook(receiver.url(), rate_limit=20)
    flow = Flow(client, receiver)
    flow.batch(80)
    flow.all_arrive(12)
    assert in_a_window(flow.requests(), 0.9) <= 20 + 20 // 10 + 1  # some may have been late on their way
    seen = flow.requests()
    assert seen[-1].at - seen[0].at < 80 / 20 + 1.5
    flow.none_pending(webhook, 3)
    assert not flow.repeated()


def test_one_probe_of_a_broken_endpoint(client, receiver):
    """Two workers and many that wait: while it is broken never two at once, and all arrive in the end."""
    receiver.script("/hook", replies.answer(500))
    webhook = client.webhook(receiver.url(), concurrency=8, retry_schedule=[60])
    flow = Flow(client, receiver)
    flow.batch(60)
    until(lambda: state(client, webhook) == "broken", 10, "the breaker")
    time.sleep(0.5)
    tried = len(receiver.requests)
    assert tried <= 10 + 7
    receiver.script("/hook", replies.answer(500, delay=0.5))
    receiver.wait(tried + 2, timeout=10)
    probes = receiver.requests[tried:]
    assert at_once(probes) == 1
    assert probes[1].at - probes[0].ended >= 1.9  # the wait has doubled
    receiver.script("/hook", replies.answer(200))
    first_tries = set(flow.arrived())
    until(
        lambda: len(client.deliveries(webhook, status="delivered", limit=100)) >= 60 - len(first_tries),
        20,
        "what had not been tried",
    )
    until(lambda: state(client, webhook) == "healthy", 10, "health")


FLUSHES = 6


@pytest.mark.parametrize("cap", [1, 4])
def test_caps_outlive_redis(client, redis, receiver, cap):
    """Emptied six times, with requests under way each time."""
    receiver.script("/hook", replies.answer(200, delay=0.15))
    webhook = client.webhook(receiver.url(), concurrency=cap)
    flow = Flow(client, receiver)
    flow.batch(22 * cap)
    for n in range(FLUSHES):
        receiver.wait((n + 1) * 2 * cap, timeout=15)
        redis.flush()
    flow.all_arrive(30)
    assert at_once(flow.requests()) <= cap
    flow.none_pending(webhook, 5)
    assert not flow.repeated()


@pytest.mark.parametrize("rate", [1, 4])
def test_rates_outlive_redis(client, redis, receiver, rate):
    """A limit forgets with Redis what was sent last: one more may go for each time, and never two at once."""
    client.webhook(receiver.url(), rate_limit=rate)
    flow = Flow(client, receiver)
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
