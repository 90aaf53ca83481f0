"""What was shown once, or never, cannot be read by turning a webhook to another receiver."""

import threading

import pytest
from harness import replies
from harness.receiver import Receiver

SECRET = "canary-secret-of-the-receiver"
TOKEN = "canary-token-of-the-receiver"


@pytest.fixture
def thief():
    """Another origin than `receiver`, and what it gets."""
    made = Receiver()
    yield made
    made.close()


def change(api, webhook, body, expect=200):
    return api.patch(f"/webhooks/{webhook['id']}", body, expect=expect)


def fields(answer):
    return [e["field"] for e in answer.json["errors"]]


def stolen(receiver, text):
    return any(text in r.head.decode() + r.body.decode() for r in receiver.requests)


PLAIN = [
    {"profile": "marzban"},
    {"profile": "authon"},
    {"profile": "remnawave", "profile_options": {"auth": "plain"}},
    {"profile": "custom", "profile_options": {"headers": {"Authorization": "Bearer {secret}"}}},
]


@pytest.mark.parametrize("settings", PLAIN, ids=lambda s: s["profile"])
def test_a_plain_secret_does_not_go_to_another_origin(api, receiver, thief, settings):
    options = {**settings.get("profile_options", {})}
    if settings["profile"] == "marzban":
        options["batch_seconds"] = 0
    webhook = api.webhook(receiver.url(), secret=SECRET, **{**settings, "profile_options": options})
    answer = change(api, webhook, {"url": thief.url()}, expect=422)
    assert answer.code == "validation_failed" and fields(answer) == ["secret"]
    assert SECRET not in answer.body.decode()
    assert api.get(f"/webhooks/{webhook['id']}").json["url"] == webhook["url"]
    change(api, webhook, {"url": thief.url(), "secret": "another one"})
    api.publish()
    thief.wait(1)
    assert stolen(thief, "another one") and not stolen(thief, SECRET)


@pytest.mark.parametrize("settings", PLAIN, ids=lambda s: s["profile"])
def test_nor_by_a_profile_that_sends_it(api, receiver, thief, settings):
    """First the webhook is turned, which a signature allows, and then it is to send the secret."""
    webhook = api.webhook(receiver.url(), secret=SECRET)
    change(api, webhook, {"url": thief.url()})
    answer = change(api, webhook, settings, expect=422)
    assert fields(answer) == ["secret"]
    change(api, webhook, {**settings, "secret": "another one"})
    api.post(f"/webhooks/{webhook['id']}/test", expect=200)
    assert stolen(thief, "another one") and not stolen(thief, SECRET)


def test_nor_by_an_option_that_sends_it(api, receiver):
    webhook = api.webhook(receiver.url(), profile="remnawave", secret=SECRET)
    plain = {"profile_options": {"auth": "plain"}}
    assert fields(change(api, webhook, plain, expect=422)) == ["secret"]
    custom = api.webhook(receiver.url(), profile="custom", secret=SECRET)
    told = {"profile_options": {"headers": {"X-It": "{secret}"}}}
    assert fields(change(api, custom, told, expect=422)) == ["secret"]
    change(api, custom, {**told, "secret": SECRET})


def test_nor_by_way_of_a_signature(api, receiver, thief):
    """Plain, then signed, then turned, then plain again."""
    webhook = api.webhook(receiver.url(), profile="remnawave", secret=SECRET,
                          profile_options={"auth": "plain"})
    change(api, webhook, {"profile_options": {"auth": "hmac"}})
    change(api, webhook, {"url": thief.url()})
    assert fields(change(api, webhook, {"profile_options": {"auth": "plain"}}, expect=422)) == ["secret"]


def test_nor_by_detection(api, receiver, thief):
    """Of the ways that are tried, those that send the secret are for a receiver that has it."""
    thief.script("/hook", replies.answer(401))
    webhook = api.webhook(receiver.url(), profile="marzban-docs", secret=SECRET)
    change(api, webhook, {"url": thief.url()})
    path = f"/webhooks/{webhook['id']}/test"
    found = api.post(path, {"detect": True, "keep": True}, expect=200).json
    assert [t["profile_options"]["auth"] for t in found["tried"]] == ["hmac", "hmac"]
    assert not stolen(thief, SECRET)
    answer = api.post(path, {"detect": True, "secret": SECRET + "x"}, expect=422)
    assert fields(answer) == ["secret"] and not stolen(thief, SECRET)
    found = api.post(path, {"detect": True, "secret": SECRET}, expect=200).json
    assert len(found["tried"]) == 4


def test_headers_do_not_go_to_another_origin(api, receiver, thief):
    webhook = api.webhook(receiver.url(), headers={"X-Token": TOKEN})
    assert fields(change(api, webhook, {"url": thief.url()}, expect=422)) == ["headers"]
    change(api, webhook, {"url": receiver.url("/elsewhere")})
    change(api, webhook, {"url": thief.url(), "headers": {"X-Other": "mine"}})
    api.publish()
    request = thief.wait(1)[0]
    assert request.header("X-Other") == "mine" and not stolen(thief, TOKEN)


AUTHS = [{"type": "bearer", "token": TOKEN}, {"type": "basic", "username": "u", "password": TOKEN}]


@pytest.mark.parametrize("auth", AUTHS, ids=lambda a: a["type"])
def test_auth_does_not_go_to_another_origin(api, receiver, thief, auth):
    webhook = api.webhook(receiver.url(), auth=auth)
    assert fields(change(api, webhook, {"url": thief.url()}, expect=422)) == ["auth"]
    change(api, webhook, {"url": receiver.url("/elsewhere")})
    change(api, webhook, {"url": thief.url(), "auth": {"type": "bearer", "token": "mine"}})
    api.publish()
    assert thief.wait(1)[0].header("Authorization") == "Bearer mine"
    change(api, webhook, {"url": receiver.url(), "auth": None})
    api.publish()
    assert receiver.wait(1)[0].all("Authorization") == [] and not stolen(thief, TOKEN)


@pytest.mark.parametrize("headers", [None, {}])
def test_headers_may_be_left_behind(api, receiver, thief, headers):
    webhook = api.webhook(receiver.url(), headers={"X-Token": TOKEN})
    changed = change(api, webhook, {"url": thief.url(), "headers": headers}).json
    assert changed["headers"] == {}


@pytest.mark.parametrize(
    "before, after, turns",
    [
        ("https://a.example.com/x", "https://a.example.com/y?z=1", False),
        ("https://a.example.com/x", "https://A.example.com:443/x", False),
        ("https://a.example.com/x", "https://a.example.com?q", False),
        ("https://a.example.com/x", "http://a.example.com/x", True),
        ("https://a.example.com/x", "https://a.example.com:444/x", True),
        ("https://a.example.com/x", "https://b.example.com/x", True),
        ("https://a.example.com/x", "https://a.example.com.example.net/x", True),
    ],
)
def test_what_another_origin_is(api, before, after, turns):
    webhook = api.webhook(before, profile="authon", secret=SECRET, headers={"X-Token": TOKEN})
    answer = change(api, webhook, {"url": after}, expect=422 if turns else 200)
    assert not turns or fields(answer) == ["secret", "headers"]


def test_all_is_said_at_once(api, receiver, thief):
    webhook = api.webhook(receiver.url(), profile="authon", secret=SECRET, headers={"X-Token": TOKEN})
    answer = change(api, webhook, {"url": thief.url()}, expect=422)
    assert fields(answer) == ["secret", "headers"]
    assert "scheme, host or port" in answer.json["errors"][1]["message"]


def test_a_secret_alone_is_for_rotation(api, receiver):
    webhook = api.webhook(receiver.url())
    answer = change(api, webhook, {"secret": "x", "description": "y"}, expect=422)
    assert fields(answer) == ["secret"] and "/secret/rotate" in answer.json["errors"][0]["message"]


def test_a_secret_that_is_given_replaces_all_there_were(api, receiver, thief):
    webhook = api.webhook(receiver.url())
    api.post(f"/webhooks/{webhook['id']}/secret/rotate", {}, expect=200)
    changed = change(api, webhook, {"url": thief.url(), "secret": "of the new one"}).json
    assert changed["previous_secret_expires_at"] is None and changed["secrets_sent"] == ["current"]
    assert "secret" not in changed
    assert fields(change(api, webhook, {"profile": "standard-webhooks", "secret": "short"}, expect=422)) == ["secret"]


def test_a_detection_under_way_does_not_follow_the_url(api, receiver, thief):
    """It tries the secret with a receiver that has it, which is slow: meanwhile the webhook is turned."""
    answered = threading.Event()
    receiver.script("/hook", replies.gate(answered, replies.answer(401)))
    thief.script("/hook", replies.answer(401))
    webhook = api.webhook(receiver.url(), profile="marzban", secret=SECRET)
    path = f"/webhooks/{webhook['id']}/test"
    asking = threading.Thread(target=lambda: api.post(path, {"detect": True}, expect=200))
    asking.start()
    receiver.wait(1)
    change(api, webhook, {"profile_options": {"auth": "hmac", "batch_seconds": 0}})
    change(api, webhook, {"url": thief.url()})
    answered.set()
    asking.join()
    assert not stolen(thief, SECRET)


def test_what_options_say_of_credentials_does_not_go_to_another_origin(api, receiver, thief):
    options = {"headers": {"Authorization": f"Bearer {TOKEN}", "X-Kind": "{type}"}}
    webhook = api.webhook(receiver.url(), profile="custom", profile_options=options)
    answer = change(api, webhook, {"url": thief.url()}, expect=422)
    assert fields(answer) == ["profile_options"]
    change(api, webhook, {"url": thief.url(), "profile_options": {"headers": {"X-Kind": "{type}"}}})
    change(api, webhook, {"url": receiver.url()})  # nothing of it is hidden any more
