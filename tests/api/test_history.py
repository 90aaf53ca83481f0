"""What the history says of attempts stays true, whatever becomes of the webhook."""

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
    assert attempt["request"]["url"] == receiver.url()
    assert api.get(f"/webhooks/{webhook['id']}").json["health"]["failures"] == 0
    assert receiver.requests == []


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
    assert len(rows) == 2 and not any(first == "1" or usual == "t" for first, usual in rows)
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
