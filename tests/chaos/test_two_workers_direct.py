"""The gate's rules hold across two workers when there is no Redis."""

import signal

import pytest
from harness import replies
from harness.flow import Flow, at_once, in_a_window, probes_of_a_broken
from harness.tenant import Tenant
from harness.wait import never, until


@pytest.fixture
def client(direct):
    return direct(2)


@pytest.mark.parametrize("cap", [1, 4])
def test_a_cap_holds(client, receiver, cap):
    flow = Flow(client, receiver, replies.answer(200, delay=0.1), concurrency=cap)
    flow.batch(8 * cap)
    flow.all_once(20, 3)
    assert at_once(flow.requests()) <= cap


@pytest.mark.parametrize("rate", [1, 4])
def test_a_rate_holds(client, receiver, rate):
    flow = Flow(client, receiver, rate_limit=rate)
    flow.batch(5 * rate)
    flow.all_arrive(15)
    assert in_a_window(flow.requests(), 0.9) <= rate + 1  # one may have been late on its way
    assert not flow.repeated()


def test_a_pause_is_obeyed_by_both(client, receiver):
    ok = replies.answer(200, delay=0.02)
    busy = replies.answer(429, headers=[("Retry-After", "3")])
    flow = Flow(client, receiver, *[ok] * 10, busy, ok, concurrency=4, retry_schedule=[1])
    flow.batch(60)
    paused = receiver.wait(11)[10].ended
    flow.all_arrive(20)
    assert not [r for r in flow.requests() if paused + 0.5 < r.at < paused + 2.9]
    flow.none_pending(10)
    assert len(flow.requests()) == 61


def test_one_probe_of_a_broken_endpoint(client, receiver):
    """A worker asks for more when the ledger's gates know of its own failures; of those of the other one, as many as
    the concurrency may be recorded and not yet in the gate."""
    flow = Flow(client, receiver, replies.answer(500), concurrency=8, retry_schedule=[60])
    probes_of_a_broken(flow, 15, under_way=7 + 8)
    receiver.script("/hook", replies.answer(200))
    until(lambda: flow.health() == "healthy", 20, "health")


def test_a_backlog_starves_no_other_app(client, receiver):
    """Thousands are due for one app; what comes for another one goes out at once."""
    busy, quiet = (Tenant(client).write for _ in range(2))
    backlog = Flow(busy, receiver, replies.answer(200, delay=0.2), path="/busy")
    flow = Flow(quiet, receiver, path="/quiet")
    for _ in range(4):
        backlog.batch(1000)
    for _ in range(3):
        flow.batch(1)
        flow.all_arrive(2)
    assert len(backlog.requests()) < 4000


WAITS = "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"


def test_what_another_has_sent_meanwhile_keeps_its_time(split, redis, database, receiver):
    """Who chose a delivery while another had it, and comes to it when that one has recorded a failure, leaves it: its
    retry is due later."""
    client, worker = split()
    webhook = client.webhook(receiver.url())
    redis.stop()
    until(lambda: "event=direct_mode on=true" in worker.log(), 10, "direct mode")
    worker.process.send_signal(signal.SIGSTOP)
    client.publish()
    later = "update delivery set next_at = now() + interval '1 hour', attempts = 1"
    with database.holding(later):
        worker.process.send_signal(signal.SIGCONT)
        until(lambda: database.query(WAITS), 0.9, "the worker to come to it")
    never(lambda: receiver.requests, 1, "an attempt before its time")
    assert client.only_delivery(webhook)["status"] == "pending"
