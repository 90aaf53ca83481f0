"""The gate's rules hold across two workers when there is no Redis."""

import time

import pytest
from harness import replies
from harness.flow import Flow, at_once, in_a_window
from harness.tenant import Tenant
from harness.wait import until


@pytest.fixture
def api(start, redis):
    """With two workers, all in direct mode."""
    made = start(role="api")
    workers = [start(role="worker") for _ in range(2)]
    redis.stop()
    for worker in workers:
        until(lambda w=worker: "event=direct_mode on=true" in w.log(), 10, "direct mode")
    return made


@pytest.fixture
def client(api):
    return api.client()


def state(client, webhook):
    return client.get(f"/webhooks/{webhook['id']}").json["health"]["state"]


@pytest.mark.parametrize("cap", [1, 4])
def test_a_cap_holds(client, receiver, cap):
    receiver.script("/hook", replies.answer(200, delay=0.1))
    webhook = client.webhook(receiver.url(), concurrency=cap)
    flow = Flow(client, receiver)
    flow.batch(8 * cap)
    flow.all_arrive(20)
    assert at_once(flow.requests()) <= cap
    flow.none_pending(webhook, 3)
    assert not flow.repeated()


@pytest.mark.parametrize("rate", [1, 4])
def test_a_rate_holds(client, receiver, rate):
    client.webhook(receiver.url(), rate_limit=rate)
    flow = Flow(client, receiver)
    flow.batch(5 * rate)
    flow.all_arrive(15)
    assert in_a_window(flow.requests(), 0.9) <= rate + 1  # one may have been late on its way
    assert not flow.repeated()


def test_a_pause_is_obeyed_by_both(client, receiver):
    ok = replies.answer(200, delay=0.02)
    busy = replies.answer(429, headers=[("Retry-After", "3")])
    receiver.script("/hook", *[ok] * 10, busy, ok)
    webhook = client.webhook(receiver.url(), concurrency=4, retry_schedule=[1])
    flow = Flow(client, receiver)
    flow.batch(60)
    paused = receiver.wait(11)[10].ended
    flow.all_arrive(20)
    assert not [r for r in flow.requests() if paused + 0.5 < r.at < paused + 2.9]
    flow.none_pending(webhook, 10)
    assert len(flow.requests()) == 61


def test_one_probe_of_a_broken_endpoint(client, receiver):
    receiver.script("/hook", replies.answer(500))
    webhook = client.webhook(receiver.url(), concurrency=8, retry_schedule=[60])
    flow = Flow(client, receiver)
    flow.batch(60)
    until(lambda: state(client, webhook) == "broken", 15, "the breaker")
    time.sleep(0.5)
    tried = len(receiver.requests)
    assert tried <= 10 + 7
    receiver.script("/hook", replies.answer(500, delay=0.5))
    receiver.wait(tried + 2, timeout=10)
    assert at_once(receiver.requests[tried:]) == 1
    receiver.script("/hook", replies.answer(200))
    until(lambda: state(client, webhook) == "healthy", 20, "health")


def test_a_backlog_starves_no_other_app(api, receiver):
    """Thousands are due for one app; what comes for another one goes out at once."""
    busy, quiet = (Tenant(api.client()).write for _ in range(2))
    receiver.script("/busy", replies.answer(200, delay=0.2))
    busy.webhook(receiver.url("/busy"))
    quiet.webhook(receiver.url("/quiet"))
    backlog = Flow(busy, receiver, "/busy")
    for _ in range(4):
        backlog.batch(1000)
    flow = Flow(quiet, receiver, "/quiet")
    for _ in range(3):
        flow.batch(1)
        flow.all_arrive(2)
    assert len(backlog.requests()) < 4000
