"""Values at the edge of what is stored, and much at once."""

import time

from harness import replies
from harness.jobs import ended
from harness.wait import until


def test_app_named_by_bytes_that_are_no_text(admin):
    """latin-1 here is the byte 0xff there."""
    assert admin.with_(X_App_Id="\xff").get("/webhooks", expect=404).code == "not_found"


def test_more_attempts_than_the_ledger_counts(database, start, receiver):
    """The count stays at its end; the attempt is recorded, and made once."""
    client = start().client()
    receiver.script("/hook", replies.answer(500), replies.answer(200))
    webhook = client.webhook(receiver.url(), retry_schedule=[1])
    client.publish()
    client.attempted(webhook)
    database.query("UPDATE delivery SET attempts = 32767")
    delivery = client.settled(webhook)
    assert delivery["attempts"] == 32767
    assert [a["number"] for a in client.attempts(delivery)] == [32767, 1]
    assert len(receiver.requests) == 2


def test_replay_of_ten_thousand(database, start, receiver):
    client = start().client()
    webhook = client.webhook(receiver.url(), events=["a"], concurrency=64)
    path = f"/webhooks/{webhook['id']}"
    client.patch(path, {"status": "paused"})
    events = [{"type": "a", "data": {}}] * 1000
    for _ in range(10):
        client.post("/events/batch", {"events": events}, expect=202)
    database.query("UPDATE delivery SET state = 3")
    client.patch(path, {"status": "active"})
    started = time.monotonic()
    body = {"since": "2020-01-01T00:00:00Z", "status": "cancelled"}
    answer = client.post(f"{path}/replay", body, expect=202).json
    assert (answer["matched"], answer["exact"]) == (10000, True)
    assert time.monotonic() - started < 1
    until(
        lambda: database.query("SELECT count(*) FROM delivery WHERE state = 1") == [["10000"]],
        60,
        "all of them",
    )
    assert len(receiver.requests) == 10000
    job = ended(client, answer)
    assert (job["matched"], job["done"]) == (10000, 10000)


def test_app_deleted_with_deliveries_of_every_kind(database, start, receiver):
    """Held, waiting for a retry, in flight: all end, and none is sent again."""
    admin = start().client()
    app = admin.post("/apps", {"name": "leaving"}, expect=201).json
    client = admin.with_(X_App_Id=app["id"])
    receiver.script("/bad", replies.answer(500))
    receiver.script("/long", replies.answer(500, delay=1.5))
    held = client.webhook(receiver.url("/held"))
    client.webhook(receiver.url("/bad"), retry_schedule=[3, 3])
    client.webhook(receiver.url("/long"), retry_schedule=[1, 1])
    client.patch(f"/webhooks/{held['id']}", {"status": "paused"})
    client.publish()
    receiver.wait(1, "/bad")
    receiver.wait(1, "/long")
    admin.delete(f"/apps/{app['id']}", expect=204)
    until(
        lambda: database.query("SELECT DISTINCT state FROM delivery") == [["3"]],
        15,
        lambda: f"all cancelled: {database.query('SELECT state, next_at FROM delivery')}",
    )
    assert sorted(r.path for r in receiver.requests) == ["/bad", "/long"]
