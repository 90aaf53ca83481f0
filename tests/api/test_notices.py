"""Operational events: what an app is told of its own endpoints."""

import pytest
from harness import replies
from harness.tenant import Tenant
from harness.wait import never, until

SECONDS = 20  # a notice waits for five, the reading of gates takes one, and then it is a job
FAILING, DISABLED, RECOVERED, EXHAUSTED = (
    "posthorn.endpoint.failing",
    "posthorn.endpoint.disabled",
    "posthorn.endpoint.recovered",
    "posthorn.delivery.exhausted",
)


def told(receiver, path="/ops"):
    return [r.json for r in receiver.at(path) if r.json["type"].startswith("posthorn.")]


def first(receiver, type_, path="/ops"):
    found = lambda: [e for e in told(receiver, path) if e["type"] == type_]
    return until(lambda: (found() or [None])[0], SECONDS, lambda: f"{type_}, there are {told(receiver, path)}")


def test_failing_and_recovered(api, receiver):
    """Each once, with what is known of the endpoint; and what a delivery of it came to."""
    ops = api.webhook(receiver.url("/ops"), events=["posthorn.*"])
    every = api.webhook(receiver.url("/every"), events=["*"])
    receiver.script("/hook", replies.answer(500))
    webhook = api.webhook(receiver.url("/hook") + "?token=hidden", events=["a"], retry_schedule=[])
    for _ in range(10):
        api.publish("a")
    event = first(receiver, FAILING)
    data = event["data"]
    assert data["webhook_id"] == webhook["id"] and data["failures"] >= 10 and data["error_code"] == "http_status"
    assert data["links"] == {"webhook": f"/v1/webhooks/{webhook['id']}"} and data["failing_since"]
    assert "hidden" not in data["url"] and data["url"].startswith(receiver.url("/hook"))
    assert api.get(f"/events/{event['id']}").json["type"] == FAILING

    exhausted = first(receiver, EXHAUSTED)["data"]
    delivery = api.get(exhausted["links"]["delivery"].removeprefix("/v1")).json
    assert (delivery["id"], delivery["event_id"]) == (exhausted["delivery_id"], exhausted["event_id"])
    assert (exhausted["event_type"], exhausted["attempts"], exhausted["response_code"]) == ("a", 1, 500)
    until(lambda: sum(e["data"]["count"] for e in told(receiver) if e["type"] == EXHAUSTED) == 10, SECONDS, "all ten")

    receiver.script("/hook", replies.answer(200))
    api.publish("a")
    assert first(receiver, RECOVERED)["data"]["webhook_id"] == webhook["id"]
    assert [e["type"] for e in told(receiver) if e["type"] != EXHAUSTED] == [FAILING, RECOVERED]
    assert told(receiver, "/every") == [] and len(receiver.at("/every")) == 11
    assert api.get(f"/webhooks/{ops['id']}").json["stats"] and api.deliveries(every, event_type=FAILING) == []


def test_disabled_in_a_chat(api, receiver):
    """Whatever the form of who asks: and never about itself."""
    receiver.script("/gone", replies.answer(410))
    slack = api.webhook(receiver.url("/slack"), events=[DISABLED], profile="slack")
    gone = api.webhook(receiver.url("/gone"), events=["a", "posthorn.endpoint.*"])
    api.publish("a")
    (sent,) = until(lambda: receiver.at("/slack"), SECONDS, "the message")
    assert DISABLED.encode() in sent.body and gone["id"].encode() in sent.body and b"gone" in sent.body
    assert api.get(f"/webhooks/{gone['id']}").json["disabled_reason"] == "gone"
    assert {d["event_type"] for d in api.deliveries(slack)} == {DISABLED}
    assert {d["event_type"] for d in api.deliveries(gone)} == {"a"}


DAYS = "now() - interval '5 days 1 minute'"


def test_disabled_after_days(start, database, receiver):
    """And held; one call resumes it."""
    server = start()
    client = server.client()
    client.webhook(receiver.url("/ops"), events=["posthorn.endpoint.disabled"])
    webhook = client.webhook(receiver.url(), events=["a"])
    database.query(
        f"update webhook set failing_since = {DAYS}, gate_failures = 25, gate_error = 6, updated_at = {DAYS} where url = '{receiver.url()}'"
    )
    server.stop()
    client = start().client()
    data = first(receiver, DISABLED)["data"]
    assert (data["reason"], data["failures"], data["error_code"]) == ("failing", 25, "timed_out")
    client.publish("a")
    until(lambda: [d["status"] for d in client.deliveries(webhook)] == ["held"], 5, "it is held")
    client.patch(f"/webhooks/{webhook['id']}", {"status": "active"}, expect=200)
    receiver.wait(1)


@pytest.fixture
def quiet(database):
    return lambda: database.query("select count(*) from notice") == [["0"]]


GATE = "update webhook set gate_failures = {} where url = '{}'"


def test_who_asks_for_nothing(posthorn, database, receiver, quiet):
    """Nothing is kept of it: not for `*`, not for the endpoint itself, not for another app."""
    client = posthorn.client()
    client.webhook(receiver.url("/every"), events=["*"])
    client.webhook(receiver.url("/self"), events=["posthorn.*"])
    database.query(GATE.format(10, receiver.url("/self")))
    assert quiet()
    database.query("update subscription set app_id = id_floor(now()) where pattern = 'posthorn.*'")
    database.query(GATE.format(10, receiver.url("/every")))
    assert quiet()


def test_who_recovers_at_once_is_not_spoken_of(posthorn, database, receiver, quiet):
    client = posthorn.client()
    client.webhook(receiver.url("/ops"), events=["posthorn.*"])
    webhook = client.webhook(receiver.url(), events=["a"])
    of = receiver.url()
    database.query(f"begin; {GATE.format(10, of)}; {GATE.format(0, of)}; {GATE.format(12, of)}; commit")
    assert database.query("select kind, failures from notice") == [["0", "12"]]
    database.query(GATE.format(0, of))
    assert quiet()
    database.query(GATE.format(10, of))
    client.delete(f"/webhooks/{webhook['id']}", expect=204)
    assert quiet()
    never(lambda: told(receiver), 1, "a notice")


def test_what_tells_of_failures_tells_of_none(api, receiver):
    """Two that watch each other would go on for ever."""
    receiver.script("/ops", replies.answer(500))
    api.webhook(receiver.url("/ops"), events=["posthorn.*"], retry_schedule=[])
    api.webhook(receiver.url("/watch"), events=["posthorn.*"])
    receiver.script("/hook", replies.answer(500))
    api.webhook(receiver.url("/hook"), events=["a"], retry_schedule=[])
    api.publish("a")
    first(receiver, EXHAUSTED, "/watch")
    until(lambda: receiver.at("/ops"), SECONDS, "its own")
    never(lambda: len(told(receiver, "/watch")) > 1, 7, "a second")


MANY = """
INSERT INTO webhook (id, app_id, url, events, profile, secret, headers, retry_schedule, timeout_ms, concurrency, status)
SELECT new_id(), id, 'http://127.0.0.1:9999/{app}', '{{none}}', 'default', '', '', '{{1000}}', 1000, 4, 0
  FROM app, generate_series(1, {count}) WHERE app.uid = '{app}';
INSERT INTO notice (app_id, webhook_id, kind, at, failures) SELECT app_id, id, 0, now() - interval '{old}', 10 FROM webhook WHERE url LIKE '%{app}'
"""


def test_apps_are_told_in_turns(posthorn, database, receiver):
    """However many endpoints of another have failed before."""
    admin = posthorn.client()
    many, one = Tenant(admin), Tenant(admin)
    for tenant, path in ((many, "/many"), (one, "/one")):
        tenant.write.webhook(receiver.url(path), events=["posthorn.*"])
    for tenant, count, old in ((many, 400, "1 hour"), (one, 1, "1 minute")):
        database.query(MANY.format(app=tenant.app["uid"], count=count, old=old))
    receiver.wait(1, "/one", timeout=SECONDS)
    assert len(told(receiver, "/many")) < 200
    until(lambda: len(told(receiver, "/many")) == 400, 60, lambda: f"400, there are {len(told(receiver, '/many'))}")
    assert len(told(receiver, "/one")) == 1
