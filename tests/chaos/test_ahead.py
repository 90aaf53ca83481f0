"""What is claimed ahead, while its endpoint has all the requests under way that it may: it begins when one of them is
answered, and what is not sent goes back. The backlogs are there before a worker is."""

import threading
import time

import pytest
from harness import replies
from harness.flow import Flow, at_once
from harness.metrics import Metrics
from harness.process import PORTS
from harness.wait import until

CAP = 8
FAST = replies.answer(200, delay=0.003)
BEGUN, LEFT = "posthorn_deliveries_ahead_total", ("posthorn_deliveries_put_back_total", "ahead")
LEASED = "SELECT count(*) FROM delivery WHERE state = 0 AND lease_until IS NOT NULL"


class Worker:
    def __init__(self, start):
        port = PORTS.take()
        self.server = start(role="worker", POSTHORN_METRICS_LISTEN=f"127.0.0.1:{port}")
        self.metrics = Metrics(port)

    def counted(self, what):
        return self.metrics.read()[what]


@pytest.fixture
def worker(start):
    return lambda: Worker(start)


@pytest.fixture
def flow(start, receiver):
    """flow(count, *steps, …) → of an API: so many wait."""
    client = start(role="api").client()

    def run(count, *steps, **webhook):
        made = Flow(client, receiver, *(steps or [FAST]), **{"concurrency": CAP, **webhook})
        for done in range(0, count, 1000):
            made.batch(min(count - done, 1000))
        return made

    return run


def under_way(flow, count):
    """So many have arrived, and more wait."""
    flow.receiver.wait(count, timeout=20)


def test_most_begin_when_another_ends(flow, worker):
    backlog = flow(2000)
    one = worker()
    backlog.all_once(30, 3)
    assert at_once(backlog.requests()) == CAP
    assert one.counted(BEGUN) > 300


@pytest.mark.parametrize("cap", [2, 9])
def test_the_cap_holds_across_workers(flow, worker, cap):
    backlog = flow(300 + 130 * cap, concurrency=cap)
    workers = [worker(), worker()]
    backlog.all_once(60, 3)
    assert at_once(backlog.requests()) == cap
    assert sum(w.counted(BEGUN) for w in workers) > 0


def test_a_concurrency_of_one_waits_for_its_record(flow, worker):
    """No more than one may be sent twice when the worker is killed."""
    backlog = flow(200, concurrency=1)
    one = worker()
    backlog.all_once(20, 3)
    assert one.counted(BEGUN) == 0


def test_slow_receivers_have_little_claimed_ahead(flow, worker, database):
    backlog = flow(60, replies.answer(200, delay=0.1))
    one = worker()
    for count in range(10, 50, 5):
        under_way(backlog, count)
        assert int(database.query(LEASED)[0][0]) <= 3 * CAP  # under way, as many that a burst of answers made room for, or not recorded yet
    backlog.all_once(20, 3)
    assert one.counted(BEGUN) < 30


def test_who_answers_no_more_has_what_was_claimed_ahead_back(flow, worker, database):
    """It does not stay in a worker that cannot send it."""
    opened = threading.Event()
    backlog = flow(1500, *[FAST] * 500, replies.gate(opened, FAST))
    one = worker()
    under_way(backlog, 500 + CAP)  # what the queue was told of twice meanwhile, as it was filled, holds no slot
    until(lambda: int(database.query(LEASED)[0][0]) == CAP, 5, "what is not under way")
    assert one.counted(BEGUN) > 0
    opened.set()
    backlog.all_once(30, 3)


# --- whatever closes an endpoint --------------------------------------------------------------------


def late(flow, moment):
    return [r for r in flow.requests() if r.at > moment]


def test_a_pause_holds_what_was_claimed_ahead(flow, worker):
    backlog = flow(2000)
    one = worker()
    for _ in range(3):
        seen = len(backlog.requests())
        under_way(backlog, seen + 300)
        backlog.client.patch(f"/webhooks/{backlog.webhook['id']}", {"status": "paused"}, expect=200)
        paused = time.monotonic()
        time.sleep(0.7)
        assert not late(backlog, paused + 0.2)
        assert len(backlog.requests()) < 2000
        backlog.client.patch(f"/webhooks/{backlog.webhook['id']}", {"status": "active"}, expect=200)
    backlog.all_once(60, 3)
    assert one.counted(BEGUN) > 0


def test_a_429_stops_what_was_claimed_ahead(flow, worker):
    """Nothing begins when it is known: what was under way is all that comes."""
    busy = replies.answer(429, headers=[("Retry-After", "2")])
    backlog = flow(1500, *[FAST] * 600, busy, FAST, retry_schedule=[2])
    one = worker()
    under_way(backlog, 601)
    answered = backlog.requests()[600].ended
    time.sleep(1)
    assert len(late(backlog, answered)) <= 8 * CAP  # a busy worker reads it some milliseconds later
    assert not late(backlog, answered + 0.2)
    assert one.counted(BEGUN) > 0
    backlog.all_arrive(30)
    backlog.none_pending(5)
    assert len(backlog.repeated()) == 1


def test_a_failure_gives_back_what_was_claimed_ahead(flow, worker):
    """What the endpoint may have is for its gate to say then."""
    backlog = flow(1500, *[FAST] * 600, replies.answer(500), FAST, retry_schedule=[1])
    one = worker()
    backlog.all_arrive(30)
    backlog.none_pending(5)
    assert len(backlog.repeated()) == 1
    assert one.counted(LEFT) > 0


def test_a_rate_is_obeyed(flow, worker):
    backlog = flow(300, rate_limit=400)
    one = worker()
    began = time.monotonic()
    backlog.all_once(20, 3)
    assert backlog.requests()[-1].at - began > (300 - 400 / 10) / 400 - 0.05
    assert one.counted(BEGUN) == 0


def test_what_goes_alone_does_not_wait_for_the_backlog(flow, worker, database):
    """Workers ended with it, twice. Its endpoint has all the requests under way that it may until the last of its
    deliveries, so that most are claimed ahead."""
    backlog = flow(2000)
    waiting = [id_ for (id_,) in database.query("SELECT id FROM delivery ORDER BY id")]
    alone = waiting[200:1400:400]
    database.query("UPDATE delivery SET crashes = 2 WHERE id IN ('" + "', '".join(alone) + "')")
    worker()
    backlog.all_once(60, 3)
    ended = [id_ for (id_,) in database.query("SELECT id FROM delivery ORDER BY completed_at")]
    assert sum(ended.index(id_) < 1700 for id_ in alone) >= 2, [ended.index(id_) for id_ in alone]


# --- the end of a worker ----------------------------------------------------------------------------


def test_a_killed_worker_sends_no_more_twice_than_it_had_sent(flow, worker, database):
    """What it had claimed ahead was not sent, and comes back as soon as the rest."""
    backlog = flow(2000)
    one = worker()
    unrecorded = 0
    for kills in range(1, 4):
        under_way(backlog, kills * 400)
        one.server.kill()
        sent = len(backlog.requests())
        recorded = int(database.query("SELECT count(*) FROM delivery WHERE state = 1")[0][0])
        unrecorded += sent - recorded
        one.server.start()
        restarted = time.monotonic()
        under_way(backlog, sent + 1)
        assert time.monotonic() - restarted < 3
    backlog.all_arrive(30)
    backlog.none_pending(5)
    assert len(backlog.requests()) <= 2000 + unrecorded


def test_a_drain_gives_back_what_is_not_sent(flow, worker, database):
    backlog = flow(2000)
    one = worker()
    for round_ in range(1, 4):
        under_way(backlog, round_ * 400)
        assert one.counted(BEGUN) > 0
        one.server.stop()
        assert int(database.query(LEASED)[0][0]) == 0
        assert 0 < int(database.query("SELECT count(*) FROM delivery WHERE state = 0")[0][0])
        one.server.start()
    backlog.all_once(30, 3)


def test_redis_emptied_and_stopped(flow, worker, redis):
    """The queue knows nothing of what was claimed ahead, and cannot lose it."""
    backlog = flow(3000)
    one = worker()
    under_way(backlog, 400)
    redis.flush()
    under_way(backlog, 1000)
    redis.stop()
    under_way(backlog, 1500)
    redis.start()
    backlog.all_once(40, 5)
    assert at_once(backlog.requests()) == CAP
    assert one.counted(BEGUN) > 0
