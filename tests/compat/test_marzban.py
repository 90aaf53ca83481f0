"""Marzban's receivers: those of its documentation, and those that its real deliveries have taught
(profiles `marzban`, `marzban-docs`)."""

import hashlib
import hmac
import json

import pytest
from compat.sending import answered, last, names, publish, said
from harness import replies
from harness.wait import never, until

SECRET = "something-very-very-secret"
DOCUMENTED_SECRET = "your-secret-key"
EXAMPLE = (
    '{"username": "marzban_test_user", "action": "user_updated", '
    '"enqueued_at": 1680506457.636369, "tries": 0}'
)
DOCUMENTED_SIGNATURE = "36709c78a88d5e1cd724392e8d9ba46d5c0e46619a5096a5210743436c5d590a"
ARRAY_MAX = 102400


def real(api, url, profile_options=None, **more):
    """At once, unless the test wants to gather."""
    options = {"batch_seconds": 0, **(profile_options or {})}
    settings = {"profile": "marzban", "secret": SECRET, "profile_options": options, **more}
    return api.webhook(url, **settings)


def documented(api, url, **more):
    return api.webhook(url, **{"profile": "marzban-docs", "secret": DOCUMENTED_SECRET, **more})


@pytest.fixture
def documented_url(program):
    return program("python/marzban_documented.py", DOCUMENTED_SECRET) + "/webhook"


@pytest.fixture
def real_url(program):
    return program("python/marzban_real.py", SECRET)


def test_golden(api, receiver):
    real(api, receiver.url())
    publish(api, "user_updated", EXAMPLE)
    request = receiver.wait()[0]
    assert request.body == f"[{EXAMPLE}]".encode()
    assert request.header("Content-Length") == "107"
    assert request.header("Content-Type") == "application/json"
    assert request.header("x-webhook-secret") == SECRET
    assert {n.lower() for n in names(request)} <= {"content-type", "user-agent", "x-webhook-secret"}


def test_golden_documented(api, receiver):
    documented(api, receiver.url())
    publish(api, "user_updated", EXAMPLE)
    request = receiver.wait()[0]
    assert request.body == EXAMPLE.encode()
    assert request.header("x-webhook-secret") == DOCUMENTED_SIGNATURE


def test_no_secret_no_header(api, receiver):
    real(api, receiver.url(), profile_options={"auth": "none"})
    publish(api, "user_updated", EXAMPLE)
    assert receiver.wait()[0].all("x-webhook-secret") == []


@pytest.mark.parametrize("path", ["/every", "/first", "/checked"])
def test_real_receivers(api, real_url, path):
    webhook = real(api, real_url + path)
    publish(api, "user_created", '{"username": "админ", "by": {"username": "root"}}')
    delivery = api.settled(webhook)
    assert json.loads(said(api, delivery)) == {"seen": ["user_created:админ"]}


def test_documented_receiver(api, documented_url):
    webhook = documented(api, documented_url)
    publish(api, "user_created", '{"username": "админ"}')
    delivery = api.settled(webhook)
    assert json.loads(said(api, delivery))["action"] == "user_created"


@pytest.mark.parametrize(
    "auth, envelope, at_documented, at_real",
    [
        ("plain", "array", 403, 200),
        ("hmac", "object", 200, 403),
        ("hmac", "array", 500, 403),  # signed as documented, but a list has no 'action'
        ("plain", "object", 403, 400),
    ],
)
def test_auth_and_envelope(api, documented_url, real_url, auth, envelope, at_documented, at_real):
    """All four combinations that exist; no single request satisfies both receivers."""
    options = {"auth": auth, "envelope": envelope}
    there = real(api, documented_url, secret=DOCUMENTED_SECRET, profile_options=options)
    here = real(api, real_url + "/checked", profile_options=options)
    publish(api, "user_updated", EXAMPLE)
    assert answered(api, there)["response_code"] == at_documented
    assert answered(api, here)["response_code"] == at_real


def test_wrong_secret(api, documented_url, real_url):
    for webhook in (
        real(api, real_url + "/every", secret="another"),
        documented(api, documented_url, secret="another"),
    ):
        publish(api, "user_updated", EXAMPLE)
        delivery = answered(api, webhook)
        assert delivery["response_code"] == 403
        assert "403" in last(api, delivery)["error"]["message"]
        api.delete(f"/webhooks/{webhook['id']}")


def test_text_and_numbers(api, receiver):
    """Escapes in lower case, and a float stays a float."""
    real(api, receiver.url())
    publish(api, "user_updated", '{"username":"админ","enqueued_at":1680506457.0,"tries":0}')
    body = receiver.wait()[0].body
    assert rb'"username": "\u0430\u0434\u043c\u0438\u043d"' in body
    assert b'"enqueued_at": 1680506457.0' in body


def test_due_together_is_one_array(api, receiver):
    """The events of an interval are one request, in their order."""
    real(api, receiver.url(), profile_options={"batch_seconds": 1})
    events = [{"type": "user_created", "data": {"username": n}} for n in ("a", "b", "c")]
    api.post("/events/batch", {"events": events})
    request = receiver.wait()[0]
    assert [n["username"] for n in request.json] == ["a", "b", "c"]
    never(lambda: len(receiver.at("/hook")) > 1, 1.5, "a second request")


def test_large_array_is_split(api, receiver):
    real(api, receiver.url(), profile_options={"batch_seconds": 1})
    events = [
        {"type": "user_created", "data": {"username": n, "note": n * 45000}}
        for n in ("a", "b", "c")
    ]
    api.post("/events/batch", {"events": events})

    def all_seen():
        got = [n["username"] for r in receiver.at("/hook") for n in r.json]
        return got if len(got) >= 3 else None

    assert sorted(until(all_seen, 15, "three notifications")) == ["a", "b", "c"]
    assert all(len(r.body) <= ARRAY_MAX for r in receiver.at("/hook"))
    assert len(receiver.at("/hook")) == 2


def test_one_of_two_addresses_is_dead(api, receiver):
    """The live one gets it once, the dead one alone is tried again."""
    receiver.script("/dead", replies.answer(500))
    live = real(api, receiver.url("/live"))
    dead = real(api, receiver.url("/dead"), retry_schedule=[1, 1])
    publish(api, "user_updated", EXAMPLE)
    api.settled(dead, "failed", 15)
    api.settled(live)
    assert (len(receiver.at("/live")), len(receiver.at("/dead"))) == (1, 3)


@pytest.mark.parametrize("counted", [False, True])
def test_tries(api, receiver, counted):
    """`tries` counts the attempts before this one, if wanted; else the body stays as it is."""
    receiver.script("/hook", replies.answer(500), replies.answer(200))
    real(api, receiver.url(), retry_schedule=[1], profile_options={"tries": counted})
    publish(api, "user_updated", '{"username": "bob"}')
    first, second = receiver.wait(2)
    assert [r.json[0].get("tries") for r in (first, second)] == ([0, 1] if counted else [0, 0])
    assert counted or first.body == second.body


def test_signature_covers_the_bytes(api, receiver):
    documented(api, receiver.url())
    publish(api, "user_created", '{"username": "José 😀", "note": "a/b"}')
    request = receiver.wait()[0]
    expected = hmac.new(DOCUMENTED_SECRET.encode(), request.body, hashlib.sha256).hexdigest()
    assert request.header("x-webhook-secret") == expected
    assert request.body.isascii()
