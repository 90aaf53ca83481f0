"""Slack, played by a server on loopback (profile `slack`)."""

import json

import pytest
from compat.chat import slack, units
from compat.sending import publish
from harness.wait import never, until

PATH = "/services/T000/B000/token"
SECRET = "a-secret-not-for-slack"
OK = slack(200, "ok")


def webhook(api, url, **more):
    return api.webhook(url, **{"profile": "slack", "secret": SECRET, **more})


def message(api, receiver, type_, data):
    receiver.script(PATH, OK)
    made = webhook(api, receiver.url(PATH))
    publish(api, type_, json.dumps(data))
    api.settled(made)
    return receiver.at(PATH)[0]


def texts(node):
    """Every text of the message, wherever it is."""
    if isinstance(node, str):
        yield node
    for child in (
        node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    ):
        yield from texts(child)


def blocks(request):
    made = request.json
    return made.get("blocks", []) + [
        block for a in made.get("attachments", []) for block in a.get("blocks", [])
    ]


def test_message(api, receiver):
    request = message(api, receiver, "user.login", {"username": "testuser"})
    assert request.json["text"].startswith("user.login")
    assert any("testuser" in text for text in texts(request.json))
    assert request.header("Content-Type") == "application/json"
    assert blocks(request)


def test_no_secret_leaves(api, receiver):
    request = message(api, receiver, "user.login", {"username": "testuser"})
    assert not [n for n, _ in request.headers if n.lower().startswith(("x-", "webhook-"))]
    assert SECRET.encode() not in request.head + request.body


def test_escapes(api, receiver):
    request = message(api, receiver, "user.login", {"username": "a<b>&c <!channel>"})
    shown = [text for text in texts(request.json) if "&c" in text or "channel" in text]
    assert any("a&lt;b&gt;&amp;c" in text for text in shown)
    assert not any("<!channel>" in text or "a<b>" in text for text in shown)


def test_limits(api, receiver):
    data = {f"key{i:02}": "😀" * 2000 for i in range(12)}
    request = message(api, receiver, "user.login", data)
    made = blocks(request)
    assert 1 <= len(made) <= 50
    for block in made:
        assert len(block.get("fields", [])) <= 10
        assert all(units(f["text"]) <= 2000 for f in block.get("fields", []))
        if block["type"] == "section" and "text" in block:
            assert 1 <= units(block["text"]["text"]) <= 3000
        if block["type"] == "header":
            assert units(block["text"]["text"]) <= 150
        assert len(block.get("elements", [])) <= 10
    json.dumps(request.json, ensure_ascii=False).encode("utf-8")  # no half of a pair


def test_twelve_short_fields_are_all_there(api, receiver):
    data = {f"key{i:02}": f"value{i:02}" for i in range(12)}
    request = message(api, receiver, "user.login", data)
    assert all(len(block.get("fields", [])) <= 10 for block in blocks(request))
    shown = " ".join(texts(blocks(request)))
    assert all(value in shown for value in data.values())


def test_limited_uses_up_no_attempt(api, receiver):
    receiver.script(PATH, slack(429, "rate_limited", ("Retry-After", "3")), OK)
    made = webhook(api, receiver.url(PATH), retry_schedule=[])
    publish(api, "user.login", '{"username":"testuser"}')
    first, second = receiver.wait(2, PATH)
    assert 3.0 <= second.at - first.at < 7
    api.settled(made)


@pytest.mark.parametrize(
    "status, word",
    [(403, "action_prohibited"), (404, "no_service"), (410, "channel_is_archived")],
)
def test_disabled(api, receiver, status, word):
    receiver.script(PATH, slack(status, word))
    made = webhook(api, receiver.url(PATH), retry_schedule=[1])
    publish(api, "user.login", '{"username":"testuser"}')
    api.settled(made, "failed")
    until(lambda: api.get(f"/webhooks/{made['id']}").json["status"] == "disabled", 10, "disabled")
    publish(api, "user.login", '{"username":"testuser"}')
    never(lambda: len(receiver.at(PATH)) > 1, 1.5, "another request")


def test_refused_payload_is_permanent(api, receiver):
    receiver.script(PATH, slack(400, "invalid_payload"))
    made = webhook(api, receiver.url(PATH), retry_schedule=[1])
    publish(api, "user.login", '{"username":"testuser"}')
    assert api.settled(made, "failed")["response_code"] == 400
    never(lambda: len(receiver.at(PATH)) > 1, 1.5, "another attempt")


def test_server_error_is_tried_again(api, receiver):
    receiver.script(PATH, slack(500, "rollup_error"), OK)
    made = webhook(api, receiver.url(PATH), retry_schedule=[1])
    publish(api, "user.login", '{"username":"testuser"}')
    assert api.settled(made)["attempts"] == 2
