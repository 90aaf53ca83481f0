"""What comes for a webhook that is paused, or that Posthorn disabled, is held; and when it goes on."""

import pytest
from harness import replies
from harness.wait import never, until

DAYS = "now() - interval '6 days'"
LONG_GONE = "failing_since = now() - interval '30 days', gate_failures = 99, updated_at = now() - interval '30 days'"
FAILING = f"failing_since = {DAYS}, gate_failures = 25, gate_error = 6"


def path_of(webhook):
    return f"/webhooks/{webhook['id']}"


def statuses(client, webhook):
    return [d["status"] for d in client.deliveries(webhook, limit=250)]


def disabled(client, webhook, reason):
    shown = client.get(path_of(webhook)).json
    return shown["status"] == "disabled" and shown["disabled_reason"] == reason


def test_gone_holds_what_comes(api, receiver):
    receiver.script("/hook", replies.answer(410), replies.answer(200))
    webhook = api.webhook(receiver.url(), concurrency=1)
    api.publish()
    until(lambda: disabled(api, webhook, "gone"), 5)
    held = [api.publish() for _ in range(5)]
    assert [e["deliveries"] for e in held] == [1] * 5
    assert statuses(api, webhook) == ["held"] * 5 + ["failed"]
    never(lambda: len(receiver.requests) > 1, 1.5, "a delivery while disabled")
    api.patch(path_of(webhook), {"status": "active"})
    requests = receiver.wait(6)[1:]
    assert [r.json["id"] for r in requests] == [e["id"] for e in held]


def test_disabled_by_a_person_after_it_was_by_us(api, receiver):
    receiver.script("/hook", replies.answer(410))
    webhook = api.webhook(receiver.url())
    api.publish()
    until(lambda: disabled(api, webhook, "gone"), 5)
    api.patch(path_of(webhook), {"description": "x"})
    assert disabled(api, webhook, "gone")
    assert api.publish()["deliveries"] == 1
    api.patch(path_of(webhook), {"status": "disabled"})
    assert disabled(api, webhook, "api")
    assert api.publish()["deliveries"] == 0


def test_disabled_after_days_without_a_success(database, start, receiver):
    """What comes is held; enabled again, nothing is held against it."""
    client = start(role="api").client()
    webhook = client.webhook(receiver.url(), concurrency=1)
    other = client.webhook(receiver.url("/other"), events=["other"])
    database.query(f"UPDATE webhook SET {FAILING}, updated_at = {DAYS} WHERE url LIKE '%hook'")
    worker = start(role="worker")
    until(lambda: disabled(client, webhook, "failing"), 10)
    assert "event=webhook_disabled webhook=" + webhook["id"] in worker.log()
    assert "reason=failing since=" in worker.log() and "failures=25 error=timed_out" in worker.log()
    assert client.get(path_of(other)).json["status"] == "active"
    held = [client.publish() for _ in range(3)]
    assert statuses(client, webhook) == ["held"] * 3
    shown = client.patch(path_of(webhook), {"status": "active"}).json
    assert shown["disabled_reason"] is None
    assert shown["health"]["state"] == "healthy" and shown["health"]["since"] is None
    assert shown["health"]["failures"] == 0
    assert [r.json["id"] for r in receiver.wait(3)] == [e["id"] for e in held]


@pytest.mark.parametrize(
    "options, columns",
    [
        ({}, FAILING),  # changed a moment ago
        ({}, f"{FAILING}, updated_at = {DAYS}, failing_since = now() - interval '4 days'"),
        ({}, f"{FAILING}, updated_at = {DAYS}, gate_failures = 19"),
        ({}, f"{FAILING}, updated_at = {DAYS}, status = 1"),
        ({"POSTHORN_DISABLE_AFTER_DAYS": 7}, f"{FAILING}, updated_at = {DAYS}"),
        ({"POSTHORN_DISABLE_AFTER_FAILURES": 26}, f"{FAILING}, updated_at = {DAYS}"),
        ({"POSTHORN_DISABLE_AFTER_DAYS": 0}, f"{FAILING}, updated_at = {DAYS}"),
        ({"POSTHORN_DISABLE_AFTER_FAILURES": 0}, f"{FAILING}, updated_at = {DAYS}"),
    ],
)
def test_not_disabled(database, start, receiver, options, columns):
    """Though one that was asked about beside it is, unless nobody is to be."""
    client = start(role="api").client()
    webhook, beside = client.webhook(receiver.url()), client.webhook(receiver.url("/beside"))
    database.query(f"UPDATE webhook SET {LONG_GONE} WHERE url LIKE '%/beside'")
    last = dict(c.strip().split(" = ", 1) for c in columns.split(", "))
    columns = ", ".join(f"{n} = {v}" for n, v in last.items())
    database.query(f"UPDATE webhook SET {columns} WHERE url LIKE '%/hook'")
    start(role="worker", **options)
    if 0 in options.values():
        never(lambda: "disabled" in [client.get(path_of(w)).json["status"] for w in (webhook, beside)], 2.5)
    else:
        until(lambda: disabled(client, beside, "failing"), 10)
        assert client.get(path_of(webhook)).json["status"] != "disabled"


def test_enabled_again_the_gate_is_open(posthorn, database, receiver):
    """The queue forgets too what it knew: what was held goes out at once, and ten minutes' pause is over."""
    client = posthorn.client()
    pause = replies.answer(429, headers=[("Retry-After", "600")])
    receiver.script("/hook", pause, replies.answer(200))
    webhook = client.webhook(receiver.url(), retry_schedule=[3600])
    client.publish()
    until(lambda: client.get(path_of(webhook)).json["health"]["state"] == "paused", 10)
    client.publish()
    database.query("UPDATE webhook SET status = 2, disabled_reason = 3")
    until(lambda: statuses(client, webhook) == ["held"] * 2, 5)
    shown = client.patch(path_of(webhook), {"status": "active"}).json
    assert shown["health"]["state"] == "healthy"
    receiver.wait(2, timeout=5)
    never(lambda: client.get(path_of(webhook)).json["health"]["state"] != "healthy", 2.5)


def test_held_before_new(start, receiver):
    """A webhook that goes on sends what it has held before what comes now, however long that takes."""
    client = start().client()
    webhook = client.webhook(receiver.url(), concurrency=1)
    others = [client.webhook(receiver.url("/other"), events=["other"]) for _ in range(24)]

    def set_all(status):
        for each in [*others, webhook]:
            client.patch(path_of(each), {"status": status})

    set_all("paused")  # so many that each has a share of 200 in what is settled at a time
    events = [{"type": "a", "data": {}}] * 450
    held = client.post("/events/batch", {"events": events}, expect=202).json["data"]
    receiver.script("/hook", replies.answer(200, delay=0.01))
    set_all("active")
    receiver.wait(1)
    new = [client.publish("new")["id"] for _ in range(5)]
    came = [r.json["id"] for r in receiver.wait(455, timeout=60)]
    assert came[450:] == new
    assert came[:450] == [e["id"] for e in held]


def test_a_retry_that_was_held_keeps_its_time(api, receiver):
    receiver.script("/hook", replies.answer(500), replies.answer(200))
    webhook = api.webhook(receiver.url(), retry_schedule=[5])
    api.publish()
    api.attempted(webhook)
    api.patch(path_of(webhook), {"status": "paused"})
    until(lambda: statuses(api, webhook) == ["held"], 5)
    api.patch(path_of(webhook), {"status": "active"})
    first, second = receiver.wait(2, timeout=10)
    assert 4.95 <= second.at - first.ended < 7
