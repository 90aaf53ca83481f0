"""What the history says of attempts stays true, whatever becomes of the webhook."""

import pytest
from harness import replies
from harness.wait import until


def test_the_url_that_was_called(api, receiver):
    receiver.script("/old", replies.answer(500))
    webhook = api.webhook(receiver.url("/old"), retry_schedule=[1])
    api.publish()
    api.attempted(webhook)
    api.patch(f"/webhooks/{webhook['id']}", {"url": receiver.url("/new")}, expect=200)
    delivery = api.settled(webhook)
    urls = [a["request"]["url"] for a in api.attempts(delivery)]
    assert urls == [receiver.url("/new"), receiver.url("/old")]


def test_an_event_that_its_form_cannot_say(api, receiver):
    """It will be no other in an hour: it fails at once, and says nothing of the endpoint."""
    webhook = api.webhook(
        receiver.url(), profile="standard-webhooks", profile_options={"bigint": "reject"}
    )
    api.post("/events", {"type": "a", "data": {"n": 9007199254740993}}, expect=202)
    delivery = until(lambda: (api.deliveries(webhook, status="failed") or [None])[0], 5, "its end")
    (attempt,) = api.attempts(delivery)
    assert attempt["error"]["code"] == "unsendable"
    assert "the number at /n of its data is one that `bigint` rejects" in attempt["error"]["message"]
    assert attempt["request"]["url"] == receiver.url()
    assert api.get(f"/webhooks/{webhook['id']}").json["health"]["failures"] == 0
    assert receiver.requests == []


DEEP = '{"a/b": [{"c~d": 1}, {"Größe": 1e999, "é": 2}]}'
LONG = '{"%s": [1e400]}' % ("я" * 200)
WIDE = {f"X-{n}": "{type}" * (170 if n < 3 else 150) for n in range(4)}


@pytest.mark.parametrize(
    "options, data, message",
    [
        ({"json": "python"}, DEEP, "at /a~1b/1/Größe of its data is beyond what Python reads"),
        ({"json": "python-compact"}, LONG, "at /" + "я" * 59 + "… of its data is beyond"),
        ({"json": "js", "bigint": "reject"}, '{"x": {"y": [0, -98765432109876543210]}}', "at /x/y/1 of"),
        ({"headers": WIDE}, "{}", "its headers, or what is signed, are too large"),
        ({"signed": "{body}" * 170}, '{"x": "%s"}' % ("a" * 60000), "its headers, or what is signed, are too large"),
    ],
    ids=["deep", "long", "bigint", "headers", "signed"],
)
def test_what_of_an_event_cannot_be_said(api, receiver, options, data, message):
    """In its first attempt, with the place of the value in words; no retries, and no news of the receiver."""
    webhook = api.webhook(receiver.url(), profile="custom", secret="s", profile_options=options)
    api.post("/events", f'{{"type": "{"t" * 128}", "data": {data}}}'.encode(), expect=202)
    delivery = api.settled(webhook, "failed")
    assert (delivery["status"], delivery["attempts"], delivery["next_attempt_at"]) == ("failed", 1, None)
    shown = api.get(f"/deliveries/{delivery['id']}").json["last_error"]
    (attempt,) = api.attempts(delivery)
    assert attempt["error"] == shown and shown["code"] == "unsendable" and message in shown["message"]
    health = api.get(f"/webhooks/{webhook['id']}").json["health"]
    assert (health["state"], health["failures"]) == ("healthy", 0) and receiver.requests == []


OF = "select d.id from delivery d join webhook w on w.id = d.webhook_id where w.url = '{url}'"
OLDER = """
with d as (
 update delivery set sent_token = null, sent_at = null, sent_address = null, sent_url = null, sent_code = null,
        sent_number = null, sent_dns_us = null, sent_connect_us = null, sent_tls_us = null, sent_first_byte_us = null,
        sent_total_us = null, sent_request_head = null, sent_response_head = null, sent_response_body = null
  where id in ({ours}) returning id
), a as (
 select * from attempts where delivery_id in ({ours}) and number = {number}
), gone as (
 delete from attempt where delivery_id in ({ours}) and number = {number}
)
insert into attempt select delivery_id, token + 1, started_at, coalesce(dns_us, 0), coalesce(connect_us, 0),
       coalesce(tls_us, 0), coalesce(first_byte_us, 0), coalesce(total_us, 0), number, code, coalesce(error, 0),
       coalesce(body_cut, false), coalesce(address, ''), coalesce(error_text, ''), convert_to(E'{request}', 'UTF8'),
       convert_to(E'{response}', 'UTF8'), response_body, url from a"""


def test_rows_of_an_older_release(api, receiver, shared):
    """They have heads as they were, say what is usual too, and stand apart from their delivery: the answers are the same."""
    ours = OF.format(url=receiver.url())
    receiver.script("/hook", replies.answer(500, b"no"), replies.answer(200, b"", [("Server", "nginx")]))
    webhook = api.webhook(receiver.url(), retry_schedule=[1])
    api.publish()
    delivery = api.settled(webhook)
    attempts = api.attempts(delivery)
    assert [a["number"] for a in attempts] == [2, 1]
    of = f"from {{}} where delivery_id in ({ours})"
    ((stored,),) = shared.database.query(f"select sum(octet_length(request_head)) {of.format('attempts')}")
    assert int(stored) < sum(len(a["request"]["headers"]) for a in attempts) / 3
    for a in sorted(attempts, key=lambda a: -a["number"]):
        heads = {n: a[n]["headers"].replace("\r\n", "\\r\\n") for n in ("request", "response")}
        shared.database.query(OLDER.format(number=a["number"], ours=ours, **heads))
    rows = shared.database.query(f"select get_byte(request_head, 0), error is null {of.format('attempt')}")
    assert len(rows) == 2 and not any(first in ("1", "2") or usual == "t" for first, usual in rows)
    for a in attempts:
        a["request"]["body"] = None  # of which they say nothing
    assert api.attempts(delivery) == attempts


def test_a_delivery_that_succeeds_twice(api, receiver, shared):
    """The first success stands in its row; what comes after does not take its place."""
    receiver.script("/hook", replies.answer(200, b"one"), replies.answer(500, b"two"), replies.answer(200, b"three"))
    webhook = api.webhook(receiver.url(), retry_schedule=[1])
    api.publish()
    delivery = api.settled(webhook)
    (first,) = api.attempts(delivery)
    api.post(f"/deliveries/{delivery['id']}/retry", expect=202)
    until(lambda: len(api.attempts(delivery)) == 3, 10, "three attempts")
    attempts = api.attempts(delivery)
    assert [a["response"]["body"] for a in attempts] == ["three", "two", "one"]
    assert attempts[2] == first
    pages = [api.get(f"/deliveries/{delivery['id']}/attempts", limit=1).json]
    while pages[-1]["next_cursor"]:
        cursor = pages[-1]["next_cursor"]
        pages.append(api.get(f"/deliveries/{delivery['id']}/attempts", limit=1, cursor=cursor).json)
    assert [p["data"][0] for p in pages] == attempts


FORMS = (
    {},
    {"secret": "plain text"},
    {"profile": "standard-webhooks"},
    {"profile": "marzban", "secret": "s", "profile_options": {"batch_seconds": 0}},
    {"profile": "marzban", "profile_options": {"batch_seconds": 0, "tries": True}},
    {"profile": "remnawave", "secret": "s" * 32, "profile_options": {"restamp_on_retry": True}},
    {"profile": "authon", "profile_options": {"json": "python"}},
    {"profile": "slack"},
    {"profile": "custom", "secret": "s", "profile_options": {"body": "data", "json": "verbatim"}},
)


def bodies(api, webhook):
    return [a["request"]["body"] for a in api.attempts(api.only_delivery(webhook))]


def test_the_body_that_was_sent(api, receiver):
    """Byte for byte, of every attempt, in every form, also when the webhook has another form and secret by now."""
    webhooks = []
    for i, form in enumerate(FORMS):
        receiver.script(f"/{i}", replies.answer(500), replies.answer(200))
        webhooks.append(api.webhook(receiver.url(f"/{i}"), retry_schedule=[1], **form))
    api.publish(data={"n": 1.0, "é": "\u0007", "send_to": 2})
    for i, webhook in enumerate(webhooks):
        api.settled(webhook)
        sent = [r.body.decode() for r in receiver.at(f"/{i}")]
        assert len(sent) == 2 and bodies(api, webhook) == sent[::-1], FORMS[i]
    for i, webhook in enumerate(webhooks):
        api.patch(f"/webhooks/{webhook['id']}", {"profile": "discord" if i else "slack", "profile_options": None}, expect=200)
        api.post(f"/webhooks/{webhook['id']}/secret/rotate", {"overlap_seconds": 0}, expect=200)
        assert bodies(api, webhook)[::-1] == [r.body.decode() for r in receiver.at(f"/{i}")], FORMS[i]


def test_the_body_of_a_test(api, receiver):
    """It has the options that were tried, and not the webhook's."""
    webhook = api.webhook(receiver.url())
    api.post(f"/webhooks/{webhook['id']}/test", expect=200)
    (sent,) = receiver.wait(1)
    assert b"evt_test_" in sent.body
    assert bodies(api, webhook) == [sent.body.decode()]


def test_large_bodies_end_a_page(api, receiver):
    """Three of a MiB are more than one page, and each is whole."""
    receiver.script("/hook", replies.answer(500), replies.answer(500), replies.answer(200))
    webhook = api.webhook(receiver.url(), retry_schedule=[1, 1])
    api.publish(data={"x": "y" * 1048500})
    delivery = api.settled(webhook)
    shown = list(api.pages(f"/deliveries/{delivery['id']}/attempts"))
    assert [a["number"] for a in shown] == [3, 2, 1]
    assert [a["request"]["body"].encode() for a in shown] == [r.body for r in receiver.at("/hook")][::-1]
    first = api.get(f"/deliveries/{delivery['id']}/attempts").json
    assert len(first["data"]) == 2 and first["next_cursor"]


def test_bodies_that_are_not_shown(api, receiver):
    """Of an array of several, and of what was erased since."""
    receiver.script("/hook", replies.answer(200, b"thanks"))
    webhook = api.webhook(receiver.url(), profile="marzban", secret="s", profile_options={"batch_seconds": 1})
    events = [{"type": "user_created", "data": {"n": n}} for n in range(2)]
    made = api.post("/events/batch", {"events": events}, expect=202).json["data"]
    (sent,) = receiver.wait(1)
    assert len(sent.json) == 2
    plain = api.webhook(receiver.url("/plain"))
    event = api.publish()
    api.settled(plain)
    assert bodies(api, plain) != [None]
    until(lambda: all(d["status"] == "delivered" for d in api.deliveries(webhook)), 10, "the array")
    for delivery in api.deliveries(webhook):
        if delivery["event_id"] in [m["id"] for m in made]:
            assert [a["request"]["body"] for a in api.attempts(delivery)] == [None]
    api.delete(f"/events/{event['id']}")
    until(lambda: bodies(api, plain) == [None], 5, "its erasure")
