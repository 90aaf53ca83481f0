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


OF = "delivery_id in (select d.id from delivery d join webhook w on w.id = d.webhook_id where w.url = '{url}')"
OLDER = """
update attempt set request_head = convert_to(E'{request}', 'UTF8'), response_head = convert_to(E'{response}', 'UTF8'),
       dns_us = coalesce(dns_us, 0), connect_us = coalesce(connect_us, 0), tls_us = coalesce(tls_us, 0),
       first_byte_us = coalesce(first_byte_us, 0), total_us = coalesce(total_us, 0), error = coalesce(error, 0),
       body_cut = coalesce(body_cut, false), address = coalesce(address, ''), error_text = coalesce(error_text, '')
 where number = {number} and """


def test_rows_of_an_older_release(api, receiver, shared):
    """They have heads as they were, and say what is usual too: the answers are the same."""
    ours = OF.format(url=receiver.url())
    receiver.script("/hook", replies.answer(500, b"no"), replies.answer(200, b"", [("Server", "nginx")]))
    webhook = api.webhook(receiver.url(), retry_schedule=[1])
    api.publish()
    delivery = api.settled(webhook)
    attempts = api.attempts(delivery)
    assert [a["number"] for a in attempts] == [2, 1]
    ((stored,),) = shared.database.query(f"select sum(octet_length(request_head)) from attempt where {ours}")
    assert int(stored) < sum(len(a["request"]["headers"]) for a in attempts) / 3
    for a in attempts:
        heads = {n: a[n]["headers"].replace("\r\n", "\\r\\n") for n in ("request", "response")}
        shared.database.query(OLDER.format(number=a["number"], **heads) + ours)
    ((shorter,),) = shared.database.query(
        f"select count(*) from attempt where {ours} and (get_byte(request_head, 0) = 1 or error is null)"
    )
    assert shorter == "0"
    assert api.attempts(delivery) == attempts
