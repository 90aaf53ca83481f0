"""The gate of an endpoint: pauses, fewer requests at once, the breaker, and what a webhook shows of them."""

import threading
import time

from harness import replies
from harness.wait import never, until


def health(client, webhook):
    return client.get(f"/webhooks/{webhook['id']}", expect=200).json["health"]


def in_state(client, webhook, state, seconds=10):
    return until(
        lambda: (h := health(client, webhook))["state"] == state and h,
        seconds,
        lambda: f"{state}: {health(client, webhook)}",
    )


HEALTHY = {"state": "healthy", "failures": 0, "since": None, "reason": None, "next_at": None}


def test_of_a_webhook_that_was_never_sent_to(api, receiver):
    webhook = api.webhook(receiver.url(), concurrency=7)
    assert webhook["health"] == {**HEALTHY, "concurrency": 7}


def test_a_dead_receiver_costs_one_request_at_a_time(api, receiver):
    """Twenty wait; ten are tried, then one a second, two, four …; when it lives again all arrive, each once."""
    opened = threading.Event()
    receiver.script("/hook", replies.answer(500))
    webhook = api.webhook(receiver.url(), concurrency=2, retry_schedule=[60])
    api.batch(20)
    broken = in_state(api, webhook, "broken")
    assert broken["reason"] == "http_status"
    assert broken["concurrency"] == 1
    assert broken["since"] is not None
    until(lambda: health(api, webhook)["next_at"], 5, "a time to come")
    tried = len(receiver.requests)
    assert tried <= 10 + 2
    assert len(api.deliveries(webhook, status="pending")) == 20
    receiver.wait(tried + 1, timeout=5)  # the probe
    receiver.script("/hook", replies.gate(opened, replies.answer(200)))
    receiver.wait(tried + 2, timeout=10)
    never(lambda: len(receiver.requests) > tried + 2, 1)  # one at a time
    opened.set()
    until(lambda: len(api.deliveries(webhook, status="delivered")) >= 8, 15, "what had not been tried")
    in_state(api, webhook, "healthy", 15)


def test_answers_of_a_client_error_break_nothing(api, receiver):
    receiver.script("/hook", replies.answer(404))
    webhook = api.webhook(receiver.url(), retry_schedule=[])
    api.batch(30)
    receiver.wait(30, timeout=5)
    failing = in_state(api, webhook, "failing")
    assert failing["failures"] >= 10


def test_retry_after_is_for_all_that_waits(api, receiver):
    """Whatever else is due for the endpoint waits as well, and costs its deliveries nothing."""
    receiver.script("/hook", replies.answer(429, headers=[("Retry-After", "2")]), replies.answer(200))
    webhook = api.webhook(receiver.url(), concurrency=1, retry_schedule=[1])
    api.batch(30)
    first = receiver.wait(1)[0]
    paused = in_state(api, webhook, "paused", 3)
    assert paused["next_at"] is not None
    second = receiver.wait(2, timeout=5)[1]
    assert 1.9 <= second.at - first.ended < 3.5
    until(lambda: len(api.deliveries(webhook, status="delivered")) == 30, 10, "all of them")
    assert len(receiver.requests) == 31
    in_state(api, webhook, "healthy", 15)


def test_of_two_workers_both_obey(start, receiver):
    client = start(role="api").client()
    for _ in range(2):
        start(role="worker")
    receiver.script("/hook", replies.answer(503, headers=[("Retry-After", "3")]), replies.answer(200))
    webhook = client.webhook(receiver.url(), concurrency=1, retry_schedule=[1])
    client.publish()
    first = receiver.wait(1)[0]
    in_state(client, webhook, "paused", 3)
    client.batch(20)
    second = receiver.wait(2, timeout=6)[1]
    assert second.at - first.ended >= 2.9


def test_an_overloaded_receiver_gets_fewer_at_once(api, receiver):
    receiver.script("/hook", replies.answer(429))
    webhook = api.webhook(receiver.url(), concurrency=32, retry_schedule=[1, 1, 1])
    api.batch(8)
    limited = in_state(api, webhook, "limited")
    assert limited["concurrency"] <= 16
    receiver.script("/hook", replies.answer(200))
    for _ in range(3):
        api.batch(200)
    in_state(api, webhook, "healthy", 30)


def test_a_test_reaches_a_broken_endpoint(api, receiver):
    receiver.script("/hook", replies.answer(500))
    webhook = api.webhook(receiver.url(), retry_schedule=[60])
    api.batch(15)
    in_state(api, webhook, "broken")
    started = time.monotonic()
    answer = api.post(f"/webhooks/{webhook['id']}/test", expect=200).json
    assert answer["response_code"] == 500
    assert time.monotonic() - started < 3


def test_a_gate_outlives_redis(posthorn, redis, receiver):
    """The ledger knows it, so FLUSHALL opens no gate."""
    client = posthorn.client()
    receiver.script("/hook", replies.answer(429, headers=[("Retry-After", "6")]), replies.answer(200))
    webhook = client.webhook(receiver.url(), concurrency=1, retry_schedule=[1])
    client.publish()
    first = receiver.wait(1)[0]
    in_state(client, webhook, "paused", 3)
    redis.flush()
    client.batch(5)
    second = receiver.wait(2, timeout=12)[1]
    assert second.at - first.ended >= 5.5
