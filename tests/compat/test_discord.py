"""Discord, played by a server on loopback (profile `discord`; the address tells nothing here, so
the profile is named)."""

import json

import pytest
from compat.chat import cloudflare_limited, discord_error, discord_limited, units
from compat.sending import answered, publish
from harness import replies
from harness.wait import never, until

PATH = "/api/v10/webhooks/1234567890/token"
SECRET = "a-secret-not-for-discord"
OK = replies.answer(204)


def webhook(api, url, **more):
    return api.webhook(url, **{"profile": "discord", "secret": SECRET, **more})


def embed_of(request):
    (embed,) = request.json["embeds"]
    return embed


def embed(api, receiver, type_, data):
    """The embed and the request that an event becomes."""
    receiver.script(PATH, OK)
    webhook(api, receiver.url(PATH))
    publish(api, type_, json.dumps(data))
    request = receiver.wait(1, PATH)[0]
    return embed_of(request), request


def test_message(api, receiver):
    data = {"username": "testuser", "ip": "192.168.1.100", "appId": "app_xyz789"}
    made, request = embed(api, receiver, "user.login", data)
    assert made["title"] == "user.login"
    assert [f["name"] for f in made["fields"]][:2] == ["username", "ip"]
    assert made["fields"][0]["value"] == "testuser"
    assert made["timestamp"].endswith("Z")
    assert request.json["allowed_mentions"] == {"parse": []}
    assert request.header("Content-Type") == "application/json"
    assert request.header("User-Agent").startswith("DiscordBot (")


def test_no_secret_leaves(api, receiver):
    _, request = embed(api, receiver, "user.login", {"username": "testuser"})
    assert not [n for n, _ in request.headers if n.lower().startswith(("x-", "webhook-"))]
    assert SECRET.encode() not in request.head + request.body


@pytest.mark.parametrize(
    "type_, colour",
    [
        ("user.login", 5763719),
        ("user.ban", 15548997),
        ("user.register", 3447003),
        ("user_created", 0x00FF00),
        ("user_updated", 0x00FFFF),
        ("user_deleted", 0xFF0000),
    ],
)
def test_colours(api, receiver, type_, colour):
    made, _ = embed(api, receiver, type_, {"username": "testuser"})
    assert made["color"] == colour


@pytest.mark.parametrize("path", ["/api/webhooks/12/token", "/api/v6/webhooks/12/token"])
def test_version_is_ten(api, path):
    """Older versions say milliseconds where this one says seconds."""
    made = webhook(api, f"https://discord.com{path}?thread_id=7")
    shown = api.post(f"/webhooks/{made['id']}/preview").json
    assert shown["url"] == "https://discord.com/api/v10/webhooks/12/token?thread_id=7"


def test_who_is_not_discord_has_versions_of_its_own(api, receiver):
    webhook(api, receiver.url("/api/webhooks/12/token?thread_id=7"))
    publish(api, "user.login", '{"username":"testuser"}')
    until(lambda: receiver.requests, 10, "a request")
    assert receiver.requests[0].target == "/api/webhooks/12/token?thread_id=7"


def test_success(api, receiver):
    receiver.script("/api/v10/webhooks/1/a", OK)
    receiver.script("/api/v10/webhooks/2/b", replies.answer(200, b'{"id":"1","type":0}'))
    empty = webhook(api, receiver.url("/api/v10/webhooks/1/a"))
    waited = webhook(api, receiver.url("/api/v10/webhooks/2/b?wait=true"))
    publish(api, "user.login", '{"username":"testuser"}')
    assert api.settled(empty)["response_code"] == 204
    assert api.settled(waited)["response_code"] == 200


@pytest.mark.parametrize(
    "limited, seconds",
    [
        (discord_limited(1.5, ("Retry-After", "2")), 2.0),
        (discord_limited(1.2), 1.2),
        (cloudflare_limited(1), 1.0),
    ],
    ids=["both", "body", "html"],
)
def test_limited_uses_up_no_attempt(api, receiver, limited, seconds):
    """There is one attempt only, and still it is delivered after being told to wait."""
    receiver.script(PATH, limited, OK)
    made = webhook(api, receiver.url(PATH), retry_schedule=[])
    publish(api, "user.login", '{"username":"testuser"}')
    first, second = receiver.wait(2, PATH)
    assert seconds <= second.at - first.at < seconds + 4
    api.settled(made)


def test_bucket_is_empty(api, receiver):
    """The last answer said that there is nothing left for 0.8 seconds."""
    headers = [("X-RateLimit-Remaining", "0"), ("X-RateLimit-Reset-After", "0.8")]
    receiver.script(PATH, replies.answer(204, headers=headers), OK)
    webhook(api, receiver.url(PATH))
    publish(api, "user.login", '{"username":"one"}')
    first = receiver.wait(1, PATH)[0]
    publish(api, "user.login", '{"username":"two"}')
    second = receiver.wait(2, PATH)[1]
    assert second.at - first.ended >= 0.8


def test_limits(api, receiver):
    """Thirty fields of 2,000 characters, with an emoji at every place where a cut may fall."""
    data = {f"key{i:02}": "x" * (i % 2) + "😀" * 1000 for i in range(30)}
    made, request = embed(api, receiver, "user.login", data)
    request.body.decode("utf-8", errors="strict")
    fields = made["fields"]
    assert 1 <= len(fields) <= 25
    texts = [made["title"], made.get("description", ""), made.get("footer", {}).get("text", "")]
    for field in fields:
        assert field["name"].strip() and units(field["name"]) <= 256
        assert field["value"].strip() and units(field["value"]) <= 1024
        texts += [field["name"], field["value"]]
    assert sum(map(units, texts)) <= 6000
    json.dumps(request.json, ensure_ascii=False).encode("utf-8")  # no half of a pair


def test_empty_values(api, receiver):
    made, _ = embed(api, receiver, "user.login", {"a": "", "b": "  ", " ": 1, "c": None, "d": {}})
    for field in made.get("fields", []):
        assert field["name"].strip() and field["value"].strip()


def test_markdown_and_mentions(api, receiver):
    made, request = embed(api, receiver, "user.login", {"username": "@everyone *bold* `code`"})
    assert request.json["allowed_mentions"] == {"parse": []}
    assert r"\*bold\* \`code\`" in made["fields"][0]["value"]


@pytest.mark.parametrize("status, code", [(404, 10015), (401, 50027), (403, 50027)])
def test_disabled(api, receiver, status, code):
    """A webhook that Discord does not know (any more) is never used again."""
    receiver.script(PATH, discord_error(status, code, "no such webhook"))
    made = webhook(api, receiver.url(PATH), retry_schedule=[1])
    publish(api, "user.login", '{"username":"testuser"}')
    api.settled(made, "failed")
    until(lambda: api.get(f"/webhooks/{made['id']}").json["status"] == "disabled", 10, "disabled")
    publish(api, "user.login", '{"username":"testuser"}')
    never(lambda: len(receiver.at(PATH)) > 1, 1.5, "another request")


def test_refused_form_is_permanent(api, receiver):
    receiver.script(PATH, discord_error(400, 50035, "Invalid Form Body"))
    made = webhook(api, receiver.url(PATH), retry_schedule=[1])
    publish(api, "user.login", '{"username":"testuser"}')
    assert api.settled(made, "failed")["response_code"] == 400
    never(lambda: len(receiver.at(PATH)) > 1, 1.5, "another attempt")
    assert api.get(f"/webhooks/{made['id']}").json["status"] == "active"


def test_server_error_is_tried_again(api, receiver):
    receiver.script(PATH, replies.answer(500), OK)
    made = webhook(api, receiver.url(PATH), retry_schedule=[1])
    publish(api, "user.login", '{"username":"testuser"}')
    assert answered(api, made)["response_code"] in (500, 204)
    assert api.settled(made)["attempts"] == 2
