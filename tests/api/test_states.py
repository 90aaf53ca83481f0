"""Paused, disabled and deleted webhooks; retry, cancel, replay."""

import threading

import pytest
from harness import replies
from harness.jobs import ended
from harness.wait import never, until


def set_status(api, webhook, status):
    return api.patch(f"/webhooks/{webhook['id']}", {"status": status}, expect=200).json


def failed(api, receiver, **more):
    """A webhook with one failed delivery."""
    receiver.script("/hook", replies.answer(500))
    webhook = api.webhook(receiver.url(), retry_schedule=[], **more)
    api.publish()
    return webhook, api.settled(webhook, "failed")


def test_paused_holds_and_active_sends(api, receiver):
    webhook = api.webhook(receiver.url())
    set_status(api, webhook, "paused")
    made = [api.publish(data={"n": n}) for n in range(5)]
    assert [e["deliveries"] for e in made] == [1] * 5
    assert {d["status"] for d in api.deliveries(webhook)} == {"held"}
    assert {d["next_attempt_at"] for d in api.deliveries(webhook)} == {None}
    never(lambda: receiver.requests, 1, "a delivery while paused")
    set_status(api, webhook, "active")
    assert {r.json["id"] for r in receiver.wait(5)} == {e["id"] for e in made}
    until(
        lambda: {d["status"] for d in api.deliveries(webhook)} == {"delivered"},
        what="all delivered",
    )
    assert len(receiver.requests) == 5


def test_paused_before_a_retry(api, receiver):
    receiver.script("/hook", replies.answer(500), replies.answer(200))
    webhook = api.webhook(receiver.url(), retry_schedule=[1])
    api.publish()
    api.attempted(webhook)
    set_status(api, webhook, "paused")
    never(lambda: len(receiver.requests) > 1, 2, "a retry while paused")
    set_status(api, webhook, "active")
    receiver.wait(2)
    api.settled(webhook)


def test_disabled_makes_none_and_holds_the_pending(api, receiver):
    receiver.script("/hook", replies.answer(500), replies.answer(200))
    webhook = api.webhook(receiver.url(), retry_schedule=[1])
    api.publish()
    api.attempted(webhook)
    assert set_status(api, webhook, "disabled")["disabled_reason"] == "api"
    assert api.publish()["deliveries"] == 0
    delivery = until(
        lambda: (d := api.only_delivery(webhook))["status"] == "held" and d, 5, "it to be held"
    )
    never(lambda: len(receiver.requests) > 1, 1.5, "a delivery while disabled")
    assert api.post(f"/deliveries/{delivery['id']}/retry", expect=409).code == "invalid_state"
    set_status(api, webhook, "active")
    receiver.wait(2)


def test_delete_cancels(api, receiver):
    receiver.script("/hook", replies.answer(500))
    webhook = api.webhook(receiver.url(), retry_schedule=[1, 1, 1])
    event = api.publish()
    api.attempted(webhook)
    delivery = api.only_delivery(webhook)
    api.delete(f"/webhooks/{webhook['id']}", expect=204)
    got = until(
        lambda: (d := api.get(f"/deliveries/{delivery['id']}").json)["status"] == "cancelled" and d,
        5,
    )
    assert got["webhook_id"] == webhook["id"] and got["next_attempt_at"] is None
    never(lambda: len(receiver.requests) > 1, 2, "a delivery to a deleted webhook")
    assert len(api.attempts(delivery)) == 1
    assert api.get(f"/events/{event['id']}").json["deliveries"][0]["status"] == "cancelled"
    assert api.post(f"/deliveries/{delivery['id']}/retry", expect=409).code == "invalid_state"
    assert api.publish()["deliveries"] == 0


def test_delete_cancels_held(api, receiver):
    webhook = api.webhook(receiver.url())
    set_status(api, webhook, "paused")
    api.publish()
    delivery = api.only_delivery(webhook)
    api.delete(f"/webhooks/{webhook['id']}", expect=204)
    until(lambda: api.get(f"/deliveries/{delivery['id']}").json["status"] == "cancelled", 5)


def test_retry_failed(api, receiver):
    webhook, delivery = failed(api, receiver)
    receiver.script("/hook", replies.answer(200))
    got = api.post(f"/deliveries/{delivery['id']}/retry", expect=202).json
    assert (got["id"], got["completed_at"]) == (delivery["id"], None)
    assert api.settled(webhook)["id"] == delivery["id"]
    requests = receiver.wait(2)
    assert requests[0].body == requests[1].body
    assert len(api.attempts(delivery)) == 2


def test_retry_starts_the_schedule_anew(api, receiver):
    receiver.script("/hook", replies.answer(500))
    webhook = api.webhook(receiver.url(), retry_schedule=[1])
    api.publish()
    delivery = api.settled(webhook, "failed")
    api.post(f"/deliveries/{delivery['id']}/retry", expect=202)
    receiver.wait(4)
    until(lambda: api.only_delivery(webhook)["status"] == "failed", 5)
    never(lambda: len(receiver.requests) > 4, 1.5, "a fifth attempt")
    numbers = [a["number"] for a in api.attempts(delivery)]
    assert len(numbers) == 4 and numbers == sorted(numbers, reverse=True)


def test_retry_delivered(api, receiver):
    webhook = api.webhook(receiver.url())
    api.publish()
    delivery = api.settled(webhook)
    api.post(f"/deliveries/{delivery['id']}/retry", expect=202)
    receiver.wait(2)
    api.settled(webhook)


def test_retry_pending_is_due_now(api, receiver):
    receiver.script("/hook", replies.answer(500), replies.answer(200))
    webhook = api.webhook(receiver.url())
    api.publish()
    api.attempted(webhook)
    delivery = api.only_delivery(webhook)
    assert delivery["status"] == "pending"
    api.post(f"/deliveries/{delivery['id']}/retry", expect=202)
    receiver.wait(2, timeout=5)
    api.settled(webhook)


def test_retry_and_cancel_cancelled(api, receiver):
    receiver.script("/hook", replies.answer(500), replies.answer(200))
    webhook = api.webhook(receiver.url())
    api.publish()
    api.attempted(webhook)
    delivery = api.only_delivery(webhook)
    got = api.post(f"/deliveries/{delivery['id']}/cancel", expect=200).json
    assert (got["status"], got["next_attempt_at"]) == ("cancelled", None)
    assert got["completed_at"]
    assert api.post(f"/deliveries/{delivery['id']}/cancel", expect=409).code == "invalid_state"
    api.post(f"/deliveries/{delivery['id']}/retry", expect=202)
    receiver.wait(2, timeout=5)
    api.settled(webhook)


def test_cancelled_is_not_sent(api, receiver):
    receiver.script("/hook", replies.answer(500))
    webhook = api.webhook(receiver.url(), retry_schedule=[2, 2])
    api.publish()
    api.attempted(webhook)
    api.post(f"/deliveries/{api.only_delivery(webhook)['id']}/cancel", expect=200)
    never(lambda: len(receiver.requests) > 1, 3, "a cancelled delivery")


def test_cancel_held(api, receiver):
    webhook = api.webhook(receiver.url())
    set_status(api, webhook, "paused")
    api.publish()
    assert (
        api.post(f"/deliveries/{api.only_delivery(webhook)['id']}/cancel", expect=200).json[
            "status"
        ]
        == "cancelled"
    )
    set_status(api, webhook, "active")
    never(lambda: receiver.requests, 1, "a cancelled delivery")


@pytest.mark.parametrize("status", ["delivered", "failed"])
def test_cancel_of_what_is_done(api, receiver, status):
    receiver.script("/hook", replies.answer(200 if status == "delivered" else 500))
    webhook = api.webhook(receiver.url(), retry_schedule=[])
    api.publish()
    delivery = api.settled(webhook, status)
    assert api.post(f"/deliveries/{delivery['id']}/cancel", expect=409).code == "invalid_state"
    assert api.only_delivery(webhook)["status"] == status


def test_while_an_attempt_is_under_way(api, receiver):
    opened = threading.Event()
    receiver.script("/hook", replies.gate(opened))
    webhook = api.webhook(receiver.url())
    api.publish()
    receiver.wait(1)
    delivery = api.only_delivery(webhook)
    assert delivery["status"] == "pending"
    assert api.post(f"/deliveries/{delivery['id']}/retry", expect=409).code == "invalid_state"
    opened.set()
    api.settled(webhook)


def test_a_late_success_wins(api, receiver):
    """Cancelled, paused or deleted while the receiver was thinking: its 200 is what happened."""
    opened = threading.Event()
    receiver.script("/hook", replies.gate(opened))
    webhook = api.webhook(receiver.url())
    api.publish()
    receiver.wait(1)
    delivery = api.only_delivery(webhook)
    set_status(api, webhook, "disabled")
    opened.set()
    until(lambda: api.get(f"/deliveries/{delivery['id']}").json["status"] == "delivered", 5)


def replay(api, webhook, **body):
    """The job of a replay, once it has ended."""
    job = api.post(f"/webhooks/{webhook['id']}/replay", body, expect=202).json
    return job if job["id"] is None else ended(api, job)


def test_replay(api, receiver):
    receiver.script("/hook", replies.answer(500))
    webhook = api.webhook(receiver.url(), retry_schedule=[])
    types = ["a", "b", "a"]
    made = [api.publish(t) for t in types]
    until(lambda: {d["status"] for d in api.deliveries(webhook)} == {"failed"}, what="all failed")
    receiver.script("/hook", replies.answer(200))
    before = len(receiver.requests)
    dry = replay(api, webhook, dry_run=True)
    assert (dry["id"], dry["status"], dry["matched"], dry["exact"]) == (None, "done", 3, True)
    never(lambda: len(receiver.requests) > before, 0.7, "a dry run that sends")
    assert replay(api, webhook, event_type="x")["matched"] == 0
    assert replay(api, webhook, status="delivered")["matched"] == 0
    assert replay(api, webhook, until="2001-01-01T00:00:00Z")["matched"] == 0
    one = replay(api, webhook, event_type="b", since="2001-01-01T00:00:00Z")
    assert (one["matched"], one["done"]) == (1, 1)
    receiver.wait(before + 1)
    until(lambda: len(api.deliveries(webhook, status="delivered")) == 1, what="the replayed")
    rest = replay(api, webhook)
    assert (rest["matched"], rest["done"]) == (2, 2)
    receiver.wait(before + 3)
    until(
        lambda: {d["status"] for d in api.deliveries(webhook)} == {"delivered"},
        what="all delivered",
    )
    assert sorted(r.json["id"] for r in receiver.requests[before:]) == sorted(e["id"] for e in made)
    assert replay(api, webhook, status="delivered")["matched"] == 3


def test_replay_leaves_other_webhooks_alone(api, receiver):
    receiver.script("/hook", replies.answer(500))
    receiver.script("/other", replies.answer(500))
    webhook = api.webhook(receiver.url(), retry_schedule=[])
    other = api.webhook(receiver.url("/other"), retry_schedule=[])
    api.publish()
    api.settled(webhook, "failed")
    api.settled(other, "failed")
    assert replay(api, webhook)["done"] == 1
    receiver.wait(2)
    assert len(receiver.at("/other")) == 1


def test_changes_apply_to_what_is_waiting(api, receiver):
    """A changed URL is where the next attempt goes."""
    receiver.script("/hook", replies.answer(500))
    webhook = api.webhook(receiver.url(), retry_schedule=[1, 1])
    api.publish()
    api.attempted(webhook)
    api.patch(f"/webhooks/{webhook['id']}", {"url": receiver.url("/new")}, expect=200)
    receiver.wait(1, "/new")
    api.settled(webhook)


def test_deliveries_of_one_webhook(api, receiver):
    one, two = api.webhook(receiver.url("/one")), api.webhook(receiver.url("/two"))
    event = api.publish()
    for webhook in (one, two):
        assert api.settled(webhook)["event_id"] == event["id"]
    assert {d["webhook_id"] for d in api.get(f"/events/{event['id']}").json["deliveries"]} == {
        one["id"],
        two["id"],
    }


def test_each_webhook_is_settled_by_itself(posthorn, database, receiver):
    """Many that have little to move do not end it for one that has much."""
    client = posthorn.client()
    webhook = client.webhook(receiver.url(), concurrency=64)
    client.patch(f"/webhooks/{webhook['id']}", {"status": "paused"}, expect=200)
    events = [{"type": "a", "data": {"n": n}} for n in range(300)]
    client.post("/events/batch", {"events": events}, expect=202)
    database.query(
        "insert into webhook (id, app_id, url, events, status, profile, secret, headers,"
        " retry_schedule, timeout_ms, concurrency) select gen_random_uuid(), app_id, url, '{}', status,"
        " profile, secret, headers, retry_schedule, timeout_ms, concurrency"
        " from webhook, generate_series(1, 200)"
    )
    database.query("update webhook set status = 0, updated_at = now() - interval '1 min'")
    receiver.wait(300, timeout=60)
    jobs = "select count(*), count(ended_at) from job"
    until(lambda: database.query(jobs) == [["201", "201"]], 10)


def test_what_was_held_goes_oldest_first_and_a_retry_keeps_its_time(api, receiver):
    receiver.script("/late", replies.answer(500), replies.answer(200))
    late = api.webhook(receiver.url("/late"), events=["late"], retry_schedule=[4])
    api.publish("late")
    first = receiver.wait(1, "/late")[0]
    api.attempted(late)
    webhook = api.webhook(receiver.url(), events=["a"], concurrency=1)
    for hook in (late, webhook):
        set_status(api, hook, "paused")
    events = [{"type": "a", "data": {"n": n}} for n in range(20)]
    api.post("/events/batch", {"events": events}, expect=202)
    until(lambda: len(api.deliveries(late, status="held")) == 1, 5, "held")
    for hook in (late, webhook):
        set_status(api, hook, "active")
    assert [r.json["data"]["n"] for r in receiver.wait(20)] == list(range(20))
    assert receiver.wait(2, "/late")[1].at - first.ended >= 3.9
