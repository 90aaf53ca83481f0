"""When the next attempt is: the schedule, Retry-After, 410, and what does not count as success."""

import email.utils
import time

import pytest
from harness import replies
from harness.wait import never, until

LATE = 1.0  # how much later than its time an attempt may start on a busy machine


def gaps(requests):
    """Seconds from the end of each attempt to the start of the next."""
    return [b.at - a.ended for a, b in zip(requests, requests[1:])]


def assert_gaps(requests, expected):
    for gap, wanted in zip(gaps(requests), expected, strict=True):
        assert wanted - 0.05 <= gap <= wanted + LATE, gaps(requests)


def test_schedule(api, receiver):
    receiver.script(
        "/hook",
        replies.answer(500, b"first"),
        replies.answer(404, b"second"),
        replies.answer(200, b"third"),
    )
    webhook = api.webhook(receiver.url(), retry_schedule=[1, 2, 60])
    api.publish()
    requests = receiver.wait(3)
    assert_gaps(requests, [1, 2])
    assert [r.header("X-Webhook-Attempt") for r in requests] == ["1", "2", "3"]
    assert len({r.body for r in requests}) == 1
    assert len({r.header("X-Webhook-Delivery") for r in requests}) == 1
    delivery = api.settled(webhook)
    assert (delivery["attempts"], delivery["next_attempt_at"]) == (3, None)
    attempts = api.attempts(delivery)
    assert [(a["number"], a["status"], a["response_code"]) for a in attempts] == [
        (3, "delivered", 200),
        (2, "failed", 404),
        (1, "failed", 500),
    ]
    assert attempts[1]["response"]["body"] == "second"
    assert attempts[1]["error"]["code"] == "http_status"


def test_counted_from_the_end_of_an_attempt(api, receiver):
    receiver.script("/hook", replies.answer(500, delay=1.5), replies.answer(200))
    api.webhook(receiver.url(), retry_schedule=[1])
    api.publish()
    assert_gaps(receiver.wait(2), [1])


def test_signed_anew(api, receiver):
    from harness.signature import verify_standard

    receiver.script("/hook", replies.answer(500), replies.answer(200))
    webhook = api.webhook(receiver.url(), retry_schedule=[2])
    api.publish()
    requests = receiver.wait(2)
    for request in requests:
        verify_standard(request, webhook["secret"])
    stamps = [int(r.header("webhook-timestamp")) for r in requests]
    assert stamps[1] - stamps[0] >= 2
    assert len({r.header("webhook-id") for r in requests}) == 1


def test_failed_after_the_last(api, receiver):
    receiver.script("/hook", replies.answer(500))
    webhook = api.webhook(receiver.url(), retry_schedule=[1, 1])
    api.publish()
    delivery = api.settled(webhook, "failed")
    assert (delivery["attempts"], delivery["next_attempt_at"], delivery["response_code"]) == (
        3,
        None,
        500,
    )
    got = api.get(f"/deliveries/{delivery['id']}").json
    assert got["last_error"]["code"] == "http_status" and got["completed_at"]
    never(lambda: len(receiver.requests) > 3, 1.5, "a fourth attempt")


def test_empty_schedule(api, receiver):
    receiver.script("/hook", replies.answer(500))
    webhook = api.webhook(receiver.url(), retry_schedule=[])
    api.publish()
    assert api.settled(webhook, "failed")["attempts"] == 1


def test_next_attempt_at(api, receiver):
    from datetime import datetime

    receiver.script("/hook", replies.answer(500))
    webhook = api.webhook(receiver.url())
    api.publish()
    attempt = api.attempted(webhook)[0]
    delivery = api.only_delivery(webhook)
    assert delivery["status"] == "pending"
    wait = datetime.fromisoformat(delivery["next_attempt_at"]) - datetime.fromisoformat(
        attempt["started_at"]
    )
    assert 60 <= wait.total_seconds() < 61


@pytest.mark.parametrize("status", [199, 300, 304, 400, 401, 404, 418, 429, 500, 503, 599, 999])
def test_other_statuses_fail(api, receiver, status):
    if status < 200:
        receiver.script("/hook", replies.raw(f"HTTP/1.1 {status} Odd\r\n\r\n".encode(), "close"))
    else:
        receiver.script("/hook", replies.answer(status))
    webhook = api.webhook(receiver.url(), retry_schedule=[])
    api.publish()
    delivery = api.settled(webhook, "failed")
    assert delivery["response_code"] in (None, status)
    assert api.attempts(delivery)[0]["error"]["message"]


@pytest.mark.parametrize("status", [200, 201, 202, 204, 206, 299])
def test_2xx_succeeds(api, receiver, status):
    receiver.script("/hook", replies.answer(status))
    webhook = api.webhook(receiver.url(), retry_schedule=[])
    api.publish()
    assert api.settled(webhook)["response_code"] == status


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(api, receiver, status):
    target = receiver.url("/elsewhere")
    receiver.script("/hook", replies.answer(status, headers=[("Location", target)]))
    webhook = api.webhook(receiver.url(), retry_schedule=[])
    api.publish()
    delivery = api.settled(webhook, "failed")
    error = api.attempts(delivery)[0]["error"]
    assert error["code"] == "redirect" and target in error["message"]
    assert delivery["response_code"] == status
    assert receiver.at("/elsewhere") == []


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after(api, receiver, status):
    receiver.script(
        "/hook", replies.answer(status, headers=[("Retry-After", "3")]), replies.answer(200)
    )
    webhook = api.webhook(receiver.url(), retry_schedule=[1])
    api.publish()
    assert_gaps(receiver.wait(2), [3])
    assert api.settled(webhook)["attempts"] == 2


def test_retry_after_as_a_date(api, receiver):
    at = int(time.time()) + 4
    receiver.script(
        "/hook",
        replies.answer(503, headers=[("Retry-After", email.utils.formatdate(at, usegmt=True))]),
        replies.answer(200),
    )
    api.webhook(receiver.url(), retry_schedule=[1])
    api.publish()
    assert at - 0.1 <= receiver.wait(2)[1].wall <= at + 1 + LATE


@pytest.mark.parametrize(
    "value",
    [
        "0",
        "-5",
        "soon",
        "",
        "1.5",
        "1e3",
        "99999999999999999999999",
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "\x01",
    ],
)
def test_retry_after_is_never_earlier_nor_endless(api, receiver, value):
    from datetime import datetime

    receiver.script("/hook", replies.answer(503, headers=[("Retry-After", value)]))
    webhook = api.webhook(receiver.url(), retry_schedule=[100])
    api.publish()
    attempt = api.attempted(webhook)[0]
    delivery = api.only_delivery(webhook)
    assert delivery["status"] == "pending"
    wait = datetime.fromisoformat(delivery["next_attempt_at"]) - datetime.fromisoformat(
        attempt["started_at"]
    )
    assert 99.9 < wait.total_seconds() < 24 * 3600 + 2
    if len(value) < 20:
        assert wait.total_seconds() < 102


def test_410_disables(api, receiver):
    receiver.script("/hook", replies.answer(410))
    webhook = api.webhook(receiver.url(), retry_schedule=[1, 1])
    api.publish()
    delivery = api.settled(webhook, "failed")
    assert api.attempts(delivery)[0]["error"]["code"] == "gone"
    shown = until(
        lambda: (w := api.get(f"/webhooks/{webhook['id']}").json)["status"] == "disabled" and w, 5
    )
    assert shown["disabled_reason"] == "gone"
    assert api.publish()["deliveries"] == 1  # held
    never(lambda: len(receiver.requests) > 1, 1.5, "another request")
    back = api.patch(f"/webhooks/{webhook['id']}", {"status": "active"}).json
    assert (back["status"], back["disabled_reason"]) == ("active", None)


def test_rate_limit(api, receiver):
    webhook = api.webhook(receiver.url(), rate_limit=5)
    events = [{"type": "a", "data": {"n": n}} for n in range(15)]
    api.post("/events/batch", {"events": events}, expect=202)
    requests = receiver.wait(15, timeout=15)
    assert requests[-1].at - requests[0].at >= 1.8
    for first in requests:
        assert sum(first.at <= r.at < first.at + 0.95 for r in requests) <= 10
    assert webhook


def test_concurrency(api, receiver):
    import threading

    opened = threading.Event()
    receiver.script("/hook", replies.gate(opened))
    api.webhook(receiver.url(), concurrency=3)
    api.post("/events/batch", {"events": [{"type": "a", "data": {}}] * 10}, expect=202)
    receiver.wait(3)
    never(lambda: len(receiver.requests) > 3, 1, "more than three at once")
    opened.set()
    receiver.wait(10)


def test_a_hanging_receiver_does_not_stall_another(api, receiver):
    receiver.script("/hang", replies.hang())
    api.webhook(
        receiver.url("/hang"), events=["slow"], timeout_ms=30000, concurrency=4, retry_schedule=[]
    )
    api.webhook(receiver.url("/fast"), events=["fast"])
    api.post("/events/batch", {"events": [{"type": "slow", "data": {}}] * 500}, expect=202)
    started = time.monotonic()
    api.post("/events/batch", {"events": [{"type": "fast", "data": {}}] * 20}, expect=202)
    receiver.wait(20, "/fast")
    assert time.monotonic() - started < 3
    assert len(receiver.at("/hang")) <= 4
    for webhook in api.get("/webhooks").json["data"]:
        api.delete(f"/webhooks/{webhook['id']}", expect=204)


def limited_for_ever(client, receiver, **more):
    """A webhook whose receiver answers every request with 429 and asks for no time at all."""
    receiver.script("/hook", replies.answer(429, headers=[("Retry-After", "0")]))
    return client.webhook(receiver.url(), profile="discord", **more)


def test_limited_for_ever_is_asked_less_and_less(api, receiver):
    webhook = limited_for_ever(api, receiver)
    api.publish()
    requests = receiver.wait(6)
    assert_gaps(requests[:6], [0.1, 0.2, 0.4, 0.8, 1.6])
    never(lambda: len(receiver.requests) > 7, 5)
    assert api.only_delivery(webhook)["status"] == "pending"


@pytest.mark.parametrize(
    "waited", ["waits = 99", "waits = 3, waiting_since = now() - interval '1 day'"]
)
def test_waiting_has_an_end(posthorn, database, receiver, waited):
    """After a hundred times, or a day, it counts as a failure; the next step has its own."""
    client = posthorn.client()
    webhook = limited_for_ever(client, receiver, retry_schedule=[5])
    client.patch(f"/webhooks/{webhook['id']}", {"status": "paused"})
    client.publish()
    database.query(f"UPDATE delivery SET {waited}")
    client.patch(f"/webhooks/{webhook['id']}", {"status": "active"})
    receiver.wait(1)
    until(lambda: database.query("SELECT 1 FROM delivery WHERE attempts > 0"))
    if waited == "waits = 99":
        assert database.query("SELECT waits, step FROM delivery") == [["100", "0"]]
        database.query("UPDATE delivery SET next_at = now()")
        receiver.wait(2, timeout=15)
    until(lambda: database.query("SELECT 1 FROM delivery WHERE waits = 0 AND step = 1"))
    waiting = database.query("SELECT extract(epoch from next_at - now()) FROM delivery")
    assert 3 < float(waiting[0][0]) < 5.1
    count = len(receiver.requests)
    receiver.wait(count + 3, timeout=10)  # waits again, from the beginning
    assert client.only_delivery(webhook)["status"] == "pending"


def test_retried_by_a_person_it_waits_from_the_start(posthorn, database, receiver):
    client = posthorn.client()
    webhook = limited_for_ever(client, receiver)
    client.publish()
    receiver.wait(3)
    database.query("UPDATE delivery SET waits = 100, next_at = now() + interval '1 h'")
    delivery = client.only_delivery(webhook)
    client.post(f"/deliveries/{delivery['id']}/retry", expect=202)
    count = len(receiver.requests)
    receiver.wait(count + 3)
    assert int(database.query("SELECT waits FROM delivery")[0][0]) <= 5
