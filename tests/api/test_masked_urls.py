"""Who may only read does not get what would let him send: tokens in URLs."""

import pytest
from harness import replies
from harness.receiver import Receiver
from harness.wait import until

TOKEN = "Canary1Token2In3Url"


@pytest.fixture
def seen(tenant, receiver):
    """All that a key of the scope gets to see of a webhook with a token in its URL, and of what was sent there."""
    path = f"/bot123456:{TOKEN}/send?token={TOKEN}&plain={TOKEN}"
    receiver.script(path.split("?")[0], replies.answer(302, b"", [("Location", receiver.url(path, scheme="https"))]))
    api = tenant.write
    webhook = api.webhook(receiver.url(path), retry_schedule=[])
    event = api.publish()
    delivery = api.settled(webhook, "failed")
    assert receiver.requests[0].target == path

    def look(scope):
        client = tenant.client(scope)
        return [
            client.get(f"/webhooks/{webhook['id']}"),
            client.get("/webhooks"),
            client.get(f"/deliveries/{delivery['id']}"),
            client.get(f"/deliveries/{delivery['id']}/attempts"),
            client.get(f"/webhooks/{webhook['id']}/deliveries"),
            client.get(f"/events/{event['id']}"),
            client.post(f"/webhooks/{webhook['id']}/preview", {}),
            client.get(f"/admin/apps/{tenant.app['id']}/webhooks"),
        ]

    return look


def test_a_reader_sees_no_token(seen, receiver):
    answers = seen("read")
    assert all(TOKEN not in a.body.decode() for a in answers)
    url = receiver.url("/***/send?token=***&plain=***")
    assert answers[0].json["url"] == url and answers[1].json["data"][0]["url"] == url
    assert answers[2].json["url"] == url and answers[6].json["url"] == url
    attempt = answers[3].json["data"][0]
    there = url.replace("http:", "https:")
    assert attempt["request"]["url"] == url
    assert f"\r\nLocation: {there}\r\n" in attempt["response"]["headers"]
    assert attempt["error"]["message"].endswith(f"not followed, to {there}")
    assert answers[2].json["last_error"] == attempt["error"]


def test_a_writer_sees_it(seen):
    answers = seen("write")
    whole = [a for a in answers if TOKEN in a.body.decode()]
    assert len(whole) == 6  # not in the list of deliveries, nor with the event


def test_it_is_in_no_line_of_the_log(start, receiver):
    server = start(POSTHORN_LOG_LEVEL="debug")
    client = server.client()
    webhook = client.webhook(receiver.url(f"/{TOKEN}?token={TOKEN}"), retry_schedule=[])
    closed = Receiver()
    closed.close()
    bad = client.webhook(closed.url(f"/{TOKEN}"), retry_schedule=[])
    client.publish()
    client.attempted(webhook)
    client.attempted(bad)
    client.get(f"/webhooks/{TOKEN}", expect=404)
    client.get(f"/webhooks?{TOKEN}={TOKEN}", expect=422)
    server.stop()
    until(lambda: "event=stopped" in server.log(), 5, "the end")
    assert TOKEN not in server.log()
