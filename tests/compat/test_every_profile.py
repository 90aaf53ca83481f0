"""What holds for every profile: the framing of HTTP, the form of the body, what the API shows."""

import json

import pytest
from compat.sending import publish
from harness import replies

SECRET = "a-secret-in-ASCII"
SIGNING_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
PROFILES = (
    "default",
    "standard-webhooks",
    "marzban",
    "marzban-docs",
    "remnawave",
    "remnawave-flask",
    "authon",
    "discord",
    "slack",
    "custom",
)
OPTIONS = {
    "custom": {"headers": {"X-Signature": "{signature}"}, "signed": "{body}"},
    "marzban": {"batch_seconds": 0},
}
REFUSED = {"transfer-encoding", "content-encoding", "expect", "cookie", "authorization"}


@pytest.fixture(params=PROFILES)
def webhook(request, api, receiver):
    profile = request.param
    receiver.script("/hook", replies.answer(200, b"ok"))
    return api.webhook(
        receiver.url(),
        profile=profile,
        profile_options=OPTIONS.get(profile, {}),
        secret=SIGNING_SECRET if profile == "standard-webhooks" else SECRET,
    )


def test_framing(api, receiver, webhook):
    publish(api, "user.created", '{"username": "José 😀", "n": 1.0}')
    request = receiver.wait()[0]
    present = [n.lower() for n, _ in request.headers]
    assert len(present) == len(set(present))
    assert not REFUSED & set(present)
    assert (request.method, request.version) == ("POST", "HTTP/1.1")
    assert request.header("Content-Length") == str(len(request.body))
    assert request.header("Content-Type") == "application/json"
    assert isinstance(json.loads(request.body.decode("utf-8")), (dict, list))
    assert request.body == request.body.strip()


def test_shown(api, webhook):
    """The API says the profile and all of its options, and takes them back as they are."""
    shown = api.get(f"/webhooks/{webhook['id']}").json
    assert shown["profile"] == webhook["profile"]
    again = api.patch(
        f"/webhooks/{webhook['id']}", {"profile_options": shown["profile_options"]}
    ).json
    assert again["profile_options"] == shown["profile_options"]


def test_ping(api, receiver, webhook):
    """The test route sends in the webhook's own profile."""
    result = api.post(f"/webhooks/{webhook['id']}/test").json
    assert (result["status"], result["response_code"], result["response_body"]) == (
        "delivered",
        200,
        "ok",
    )
    assert len(receiver.wait()) == 1


def test_history_keeps_no_secret(api, webhook):
    """Also where the secret itself was sent."""
    publish(api, "user.created", '{"username": "bob"}')
    (attempt,) = api.attempts(api.settled(webhook))
    assert SECRET not in json.dumps(attempt)
    assert SIGNING_SECRET not in json.dumps(attempt)


def test_unknown_option(api, receiver):
    answer = api.post(
        "/webhooks",
        {
            "url": receiver.url(),
            "events": ["*"],
            "profile": "marzban",
            "profile_options": {"envelop": "array"},
        },
        expect=422,
    )
    assert answer.fields == ["profile_options.envelop"]
