"""Without Redis, PostgreSQL says what is sent next (direct mode): shares, limits, pauses and the breaker hold all the
same, for two workers as for one."""

import time

from harness import replies
from harness.tenant import Tenant
from harness.wait import never, until

# `count` deliveries of one webhook, due for a while.
BACKLOG = """
WITH e AS (
INSERT INTO event (id, app_id, test, type, data)
SELECT (lpad(to_hex(ms_of(now()) - 60000 + n / 10), 12, '0') || '70008000' || lpad(to_hex(n), 12, '0'))::uuid,
       app_id, false, 'backlog', '{{}}'
  FROM webhook, generate_series(1, {count}) n WHERE url = '{url}'
RETURNING id, app_id
)
INSERT INTO delivery (id, event_id, webhook_id, app_id, next_at, state, test)
SELECT e.id, e.id, w.id, e.app_id, now() - interval '30 s', 0, false
  FROM e, webhook w WHERE w.url = '{url}'
"""

COMMITS = "SELECT pg_stat_get_db_xact_commit(oid) FROM pg_database WHERE datname = current_database()"


def add_backlog(database, url, count):
    database.query(BACKLOG.format(count=count, url=url))


def no_overlap(requests, most):
    """Never more than `most` under way at once."""
    ends = sorted([(r.at, 1) for r in requests] + [(r.ended, -1) for r in requests if r.ended])
    under_way = 0
    for _, step in ends:
        under_way += step
        assert under_way <= most


def test_the_rate_is_that_of_all_workers(direct, receiver):
    client = direct()
    client.webhook(receiver.url(), rate_limit=1)
    began = time.monotonic()
    client.batch(10)
    receiver.wait(6, timeout=15)
    sent = [r.at for r in receiver.at("/hook")]
    assert all(at - began > n - 0.05 for n, at in enumerate(sent)), "the n-th is never early"
    assert all(b - a > 0.5 for a, b in zip(sent, sent[1:])), "one may be late on its way"


def test_a_higher_rate_is_reached(direct, receiver):
    client = direct()
    client.webhook(receiver.url(), rate_limit=20)
    began = time.monotonic()
    client.batch(100)
    first = receiver.wait(1)[0]
    last = receiver.wait(61, timeout=10)[60]
    assert last.at - began >= 2.7  # the first may be late on its way
    assert last.at - first.at <= 4.5


def test_the_concurrency_is_that_of_all_workers(direct, receiver):
    client = direct()
    receiver.script("/hook", replies.answer(200, delay=0.1))
    client.webhook(receiver.url(), concurrency=1)
    client.batch(15)
    no_overlap(receiver.wait(15, timeout=15), 1)


def test_a_backlog_does_not_hold_up_another_app(direct, receiver, database):
    admin = direct()
    receiver.script("/slow", replies.answer(200, delay=0.2))
    Tenant(admin).write.webhook(receiver.url("/slow"))
    add_backlog(database, receiver.url("/slow"), 30000)
    other = Tenant(admin).write
    other.webhook(receiver.url("/other"))
    receiver.wait(50, "/slow")
    for n in range(5):
        asked = time.monotonic()
        other.publish()
        assert receiver.wait(n + 1, "/other")[n].at - asked < 1


def test_twenty_hanging_webhooks_leave_room_for_others(direct, receiver, database):
    admin = direct(1)
    receiver.script("/hangs", replies.answer(200, delay=20))
    hanging = Tenant(admin).write
    for n in range(20):
        hanging.webhook(receiver.url(f"/hangs?{n}"), timeout_ms=30000)
        add_backlog(database, receiver.url(f"/hangs?{n}"), 100)
    receiver.wait(200, "/hangs")
    other = Tenant(admin).write
    other.webhook(receiver.url("/other"))
    asked = time.monotonic()
    other.batch(20)
    assert receiver.wait(20, "/other")[-1].at - asked < 2


def test_a_pause_is_heeded_by_all(direct, receiver):
    client = direct()
    receiver.script("/hook", replies.answer(429, headers=[("Retry-After", "4")]), replies.answer(200))
    webhook = client.webhook(receiver.url())
    client.publish()
    paused = receiver.wait(1)[0]
    until(lambda: client.get(f"/webhooks/{webhook['id']}").json["health"]["state"] == "paused", 3, "a pause")
    client.batch(10)
    sent = receiver.wait(11, timeout=10)
    assert sent[1].at - paused.ended > 3.9
    assert sent[10].at - paused.ended < 7


def test_a_dead_receiver_costs_one_place(direct, receiver):
    client = direct()
    receiver.script("/hook", replies.reset())
    webhook = client.webhook(receiver.url(), concurrency=4, retry_schedule=[3600])
    client.batch(80)
    health = until(
        lambda: (h := client.get(f"/webhooks/{webhook['id']}").json["health"])["state"] == "broken" and h, 10, "broken"
    )
    assert health["concurrency"] == 1
    # Ten in a row and what was under way with them; then one after 1 s, and one after 2 s more.
    never(lambda: len(receiver.at("/hook")) > 10 + 2 * 4 + 3, 4, "more than probes")
    tried = receiver.at("/hook")
    assert len(tried) >= 12
    # Between what one worker has recorded and what it has said of the gate the other may send one more.
    assert max(later.at - earlier.at for earlier, later in zip(tried, tried[1:])) > 0.9
    receiver.script("/hook", replies.answer(200))
    receiver.wait(len(tried) + 60, timeout=20)
    until(lambda: client.get(f"/webhooks/{webhook['id']}").json["health"]["state"] == "healthy", 10, "healthy")


def test_redis_hears_what_was_learnt(direct, receiver, redis):
    client = direct()
    receiver.script("/hook", replies.answer(429, headers=[("Retry-After", "8")]), replies.answer(200))
    client.webhook(receiver.url())
    client.publish()
    paused = receiver.wait(1)[0]
    redis.start()
    until(lambda: client.get("/readyz").json["redis"] == "up", 10, "Redis to be up")
    client.batch(10)
    sent = receiver.wait(11, timeout=15)
    assert sent[1].at - paused.ended > 7.9


def test_a_test_goes_out_past_pause_and_backlog(direct, receiver, database):
    client = direct()
    webhook = client.webhook(receiver.url(), rate_limit=1)
    add_backlog(database, receiver.url(), 1000)
    receiver.wait(1)
    assert client.post(f"/webhooks/{webhook['id']}/test").json["response_code"] == 200
    client.patch(f"/webhooks/{webhook['id']}", {"status": "paused"}, expect=200)
    assert client.post(f"/webhooks/{webhook['id']}/test").json["response_code"] == 200


def test_quiet_when_nothing_is_due(direct, receiver, database):
    client = direct()
    receiver.script("/hook", replies.answer(500))
    webhook = client.webhook(receiver.url(), retry_schedule=[3600])
    client.publish()
    client.attempted(webhook)
    never(lambda: len(receiver.requests) > 1, 2, "a retry")  # statistics come late
    before = int(database.query(COMMITS)[0][0])
    never(lambda: len(receiver.requests) > 1, 4, "a retry")
    asked = (int(database.query(COMMITS)[0][0]) - before) / 4
    # A second. Besides, what workers do each second, this test, and PostgreSQL for itself, which comes in gusts; one
    # who asks without need asks twenty times.
    assert asked <= 2 * (4 + 3) + 6


def test_a_retry_comes_at_its_time(direct, receiver):
    client = direct()
    receiver.script("/hook", replies.answer(500), replies.answer(200))
    client.webhook(receiver.url(), retry_schedule=[2])
    client.publish()
    first, second = receiver.wait(2)
    assert 2 <= second.at - first.ended < 2.6
