"""Lists read a page's worth of what is there, by an index, whatever they are asked for: not all of it, to sort it; nor what is
another app's."""

import contextlib
from itertools import product
from json import JSONDecodeError
from pathlib import Path

import pytest

from harness import plans
from harness.wait import until

FILLED = """
INSERT INTO audit (id, app_id, action, actor, resource, fields)
SELECT new_id(), (SELECT id FROM app), n % 5, 0, new_id(), '{}' FROM generate_series(1, 30000) n;
INSERT INTO app (id, name) SELECT new_id(), 'Another';
INSERT INTO webhook (id, app_id, url, events, profile, secret, headers, retry_schedule, timeout_ms, concurrency)
SELECT new_id(), a.id, 'http://127.0.0.1:9999/hook', '{*}', 'default', '', '', '{1000}', 1000, 4
  FROM (SELECT id FROM app ORDER BY id) a, generate_series(1, 1000) n;
ANALYZE audit, app, webhook
"""
SCAN_MAX = 1000  # STORE_SCAN_MAX
NOBODY = "00000000000000000000000000"
AUDIT_FILTERS = {
    "since": "2020-01-01T00:00:00Z",
    "until": "2099-01-01T00:00:00Z",
    "action": "webhook.create",
    "actor": f"key_{NOBODY}",
    "resource": f"wh_{NOBODY}",
}


@pytest.fixture
def asked(postgres, database, redis, start_on):
    """What PostgreSQL did for the requests of `act`, which is given a client of the older app, by the name of the statement."""
    database.query(FILLED)
    explained = type(database)(postgres, database.name)
    explained.url = plans.url(database)
    api = start_on(explained, redis, role="api").client()
    client = api.with_(X_App_Id=api.get("/apps").json["data"][-1]["id"])
    log = Path(postgres.directory, "log")

    def ask(act):
        size = log.stat().st_size
        act(client)
        with log.open(encoding="utf-8", errors="replace") as f:
            f.seek(size)
            return plans.statements(f.read())

    return ask


def every_filter(client):
    for chosen in product((False, True), repeat=len(AUDIT_FILTERS)):
        query = {name: value for (name, value), use in zip(AUDIT_FILTERS.items(), chosen) if use}
        client.get("/audit", **query)


def test_audit(asked):
    assert asked(every_filter)["audit_list"].read <= SCAN_MAX


def test_webhooks(asked):
    found = asked(lambda client: client.get("/webhooks", limit=10))
    assert found["webhook_list"].read <= 11


BACKLOG = """
INSERT INTO webhook (id, app_id, url, events, profile, secret, headers, retry_schedule, timeout_ms, concurrency, status)
SELECT new_id(), app.id, 'http://127.0.0.1:9999/hook', '{*}', 'default', '', '', '{1000}', 1000, 4, status
  FROM app, unnest('{0,1}'::int2[]) status;
INSERT INTO delivery (id, event_id, webhook_id, app_id, next_at, state, test)
SELECT new_id(), new_id(), w.id, w.app_id, now() + interval '1 day', CASE status WHEN 0 THEN 0 ELSE 4 END, false
  FROM webhook w, generate_series(1, 20000);
ANALYZE webhook, delivery
"""


def test_who_settles_looks_at_his_own(postgres, database, redis, start_on):
    """A webhook that is paused has nothing waiting, where others have very much, pending and held."""
    database.query(BACKLOG)
    explained = type(database)(postgres, database.name)
    explained.url = plans.url(database)
    client = start_on(explained, redis).client()
    webhook = client.webhook("http://127.0.0.1:9999/mine", events=["nothing"])
    log = Path(postgres.directory, "log")
    size = log.stat().st_size
    client.patch(f"/webhooks/{webhook['id']}", {"status": "paused"})

    def step():
        with log.open(encoding="utf-8", errors="replace") as f, contextlib.suppress(JSONDecodeError):
            f.seek(size)  # what stands last may be half written
            return plans.statements(f.read()).get("job_step_settle")

    assert until(step, 20, "a step of its job").read <= SCAN_MAX
