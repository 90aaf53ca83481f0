"""What an app's events lock beside rows has a bound: PostgreSQL's table of locks is one for all."""

import pytest
from harness.wait import until

LOCKS_MAX = 8
HELD = "select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()"

WEBHOOKS = """
INSERT INTO webhook (id, app_id, url, events, profile, secret, headers, retry_schedule, timeout_ms, concurrency,
                     batch_max, batch_seconds, status)
SELECT new_id(), app.id, 'http://127.0.0.1:9999/hook', '{{many}}', 'default', '', '', '{{1000}}', 1000, 4, 100, 3, 0
  FROM app, generate_series(1, {count});
INSERT INTO subscription (app_id, pattern, webhook_id) SELECT app_id, 'many', id FROM webhook WHERE 'many' = ANY (events);
INSERT INTO delivery (id, event_id, webhook_id, app_id, next_at, state, test, replaces)
SELECT new_id(), new_id(), first_value(id) OVER (ORDER BY id), app_id, now() + interval '1 day', 0, false, n
  FROM (SELECT *, row_number() OVER (ORDER BY id) AS n FROM webhook WHERE 'many' = ANY (events)) w
"""
DELIVERIES = "(select array_agg(id order by id) from delivery)"


@pytest.fixture
def filled(database, posthorn):
    client = posthorn.client()
    database.query(WEBHOOKS.format(count=2100))
    return client


@pytest.mark.parametrize(
    "asked",
    [
        "select count(gather_due(id, 3)) from webhook",
        f"select count(*) from deliveries_replace({DELIVERIES}, 0::int2)",
    ],
)
def test_locks_have_a_bound(filled, database, asked):
    """Of an app with 2,100 webhooks that gather, or keys that replace."""
    held = int(database.query(f"BEGIN; {asked}; {HELD}; COMMIT")[-1][0])
    assert 0 < held <= LOCKS_MAX


def test_what_a_job_delivers_gathers_for_nobody(start_on, database, redis, receiver):
    """An event for so many webhooks that a job makes its deliveries does not lock them one by one."""
    database.query(f"ALTER DATABASE {database.name} SET track_functions = 'pl'")
    client = start_on(database, redis).client()
    one = client.webhook(receiver.url(), events=["one"], profile="marzban", secret="s", profile_options={"batch_seconds": 1})
    database.query(WEBHOOKS.format(count=2100))

    def calls():
        return int(database.query("SELECT coalesce(sum(calls), 0) FROM pg_stat_user_functions WHERE funcname = 'gather_due'")[0][0])

    events = [{"type": "many", "data": {}}, {"type": "one", "data": {}}]
    client.post("/events/batch", {"events": events}, expect=202)
    receiver.wait(1)
    assert len(client.deliveries(one)) == 1
    until(lambda: calls() > 0, 20, "what PostgreSQL counted")
    assert calls() == 1
