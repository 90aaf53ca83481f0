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
