"""`transform` of the profiles `discord` and `slack`: written, refused with its position, shown, sent and kept."""

import json

import pytest
from harness.wait import until

TRANSFORM = {
    "text": "**Order** {{/order/id}}",
    "title": "{{/customer/name|somebody}}",
    "description": "{{type}}: {{/none|nothing}}",
    "color": "#ff0000",
    "color_by": {"path": "/status", "map": {"paid": "#00ff00"}},
    "fields": [{"name": "Amount", "value": "{{/amount}}"}, {"name": "Note", "value": "{{/note}}", "inline": False}],
}
DATA = {"order": {"id": 7}, "customer": {"name": "@everyone *b*"}, "status": "paid", "amount": 12.5}


def body_of(request):
    return json.loads(request.body)


def test_discord(api, receiver):
    webhook = api.webhook(receiver.url("/d"), profile="discord", profile_options={"transform": TRANSFORM})
    assert webhook["profile_options"] == {"transform": TRANSFORM}
    assert api.get(f"/webhooks/{webhook['id']}").json["profile_options"] == {"transform": TRANSFORM}
    event = api.publish("order.paid", DATA)
    (request,) = receiver.wait(1, "/d")
    sent = body_of(request)
    embed = sent["embeds"][0]
    assert sent["content"] == "**Order** 7" and sent["allowed_mentions"] == {"parse": []}
    assert (embed["title"], embed["description"]) == ("@everyone \\*b\\*", "order.paid: nothing")
    assert embed["color"] == 0x00FF00
    assert embed["fields"] == [
        {"name": "Amount", "value": "12.5", "inline": True},
        {"name": "Note", "value": "-", "inline": False},
    ]
    shown = api.post(f"/webhooks/{webhook['id']}/preview", {"event_id": event["id"]}).json
    assert json.loads(shown["body"]) == sent

    # The history has the body as long as the webhook says it so.
    delivery = until(lambda: api.deliveries(webhook, status="delivered"), what="a delivery")[0]
    (attempt,) = api.get(f"/deliveries/{delivery['id']}/attempts").json["data"]
    assert json.loads(attempt["request"]["body"]) == sent
    api.patch(f"/webhooks/{webhook['id']}", {"profile_options": {"transform": {"title": "other"}}})
    (attempt,) = api.get(f"/deliveries/{delivery['id']}/attempts").json["data"]
    assert attempt["request"]["body"] is None


def test_slack(api, receiver):
    api.webhook(receiver.url("/s"), profile="slack", profile_options={"transform": TRANSFORM})
    api.publish("order.paid", {**DATA, "customer": {"name": "<!channel> & co"}})
    (request,) = receiver.wait(1, "/s")
    sent = body_of(request)
    assert sent["text"] == "**Order** 7"
    (attachment,) = sent["attachments"]
    assert attachment["color"] == "#00FF00"
    text = attachment["blocks"][0]["text"]["text"]
    assert text == "*&lt;!channel&gt; &amp; co*\norder.paid: nothing"
    assert [f["text"] for f in attachment["blocks"][1]["fields"]] == ["*Amount*\n12.5", "*Note*\n-"]


def test_each_webhook_of_an_event_has_its_own(api, receiver):
    for n in range(3):
        options = {"transform": {"title": f"{n} {{{{type}}}}"}} if n else {}
        api.webhook(receiver.url(f"/{n}"), profile="discord", profile_options=options)
    api.publish("a", {"x": 1})
    titles = [body_of(receiver.wait(1, f"/{n}")[0])["embeds"][0]["title"] for n in range(3)]
    assert titles == ["a", "1 a", "2 a"]


@pytest.mark.parametrize(
    "profile, transform, field, message",
    [
        ("discord", {"title": "a {{/b"}, "title", "at byte 2"),
        ("discord", {"fields": [{"name": "a", "value": "b"}] * 2 + [{"name": "c", "value": "é {{x}}"}]}, "fields[2].value", "at byte 3"),
        ("discord", {"fields": [{"name": "a", "value": "b"}] * 26}, "fields", "25"),
        ("discord", {"fields": [7]}, "fields[0]", "object"),
        ("discord", {"color": "red"}, "color", "#57f287"),
        ("discord", {"color_by": {"path": "x", "map": {}}}, "color_by.path", "JSON Pointer"),
        ("discord", {"colour": "#ffffff"}, "colour", ""),
        ("discord", {"text": "{{/a}}" * 33}, "text", "32"),
        ("slack", {"text": "<{{/a}}>"}, "text", "at byte 1"),
    ],
)
def test_a_fault_is_answered_with_its_position(api, profile, transform, field, message):
    body = {
        "url": "https://hooks.example.com/in",
        "events": ["*"],
        "profile": profile,
        "profile_options": {"transform": transform},
    }
    answer = api.post("/webhooks", body, expect=422)
    (error,) = answer.json["errors"]
    assert error["field"] == f"profile_options.transform.{field}" and message in error["message"]


def test_no_other_profile_takes_it(api, address):
    body = {"url": address, "events": ["*"], "profile_options": {"transform": TRANSFORM}}
    assert api.post("/webhooks", body, expect=422).fields == ["profile_options.transform"]
