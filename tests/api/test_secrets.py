"""Secrets: shown once, sealed where they are stored, never in a log; rotation."""

import base64
import hashlib
import hmac
import json

import pytest
from harness.server import command
from harness.signature import hex_signature, standard_signature
from harness.wait import until

NEW = "whsec_" + base64.b64encode(b"n" * 32).decode()


def rotate(api, webhook, **body):
    return api.post(f"/webhooks/{webhook['id']}/secret/rotate", body, expect=200).json


def forms(secret):
    """How a secret could show: as it is, in hex, in base64, decoded."""
    text = secret.encode()
    found = [text, text.hex().encode(), base64.b64encode(text)]
    if secret.startswith("whsec_"):
        found += [base64.b64decode(secret[6:]).hex().encode(), secret[6:].encode()]
    return found


def test_canary(posthorn, database, receiver):
    """Nothing that was secret is in any later answer, in the log, or in the database."""
    admin = posthorn.client()
    given = "canary-secret-0123456789"
    token = "canary-header-value-9876"
    key = admin.post("/keys", {"name": "k", "scope": "write"}, expect=201).json["key"]
    api = admin.with_(key=key)
    one = api.webhook(receiver.url("/one"), secret=given, headers={"X-Token": token})
    two = api.webhook(receiver.url("/two"))
    event = api.publish()
    receiver.wait(1, "/one")
    receiver.wait(1, "/two")
    three = rotate(api, two)["secret"]
    api.post(f"/webhooks/{one['id']}/test", expect=200)
    delivery = api.settled(two)
    assert receiver.at("/one")[0].header("X-Token") == token
    hidden = [
        given,
        token,
        two["secret"],
        three,
        key,
        key.split("_", 2)[2],
        admin.key,
        posthorn.env["POSTHORN_ENCRYPTION_KEY"],
    ]
    api.post(
        "/webhooks",
        b'{"url":"https://x.example.com/","events":["*"],"secret":"' + given.encode() + b'",}',
        expect=400,
    )
    api.post(
        "/webhooks",
        {"url": "https://u:canary-header-value-9876@x.example.com/", "events": ["*"]},
        expect=422,
    )
    answers = [
        api.get(path).body
        for path in (
            "/webhooks",
            f"/webhooks/{one['id']}",
            f"/webhooks/{two['id']}",
            f"/webhooks/{one['id']}/deliveries",
            f"/events/{event['id']}",
            f"/deliveries/{delivery['id']}",
            f"/deliveries/{delivery['id']}/attempts",
        )
    ]
    answers += [api.attempts(d).__repr__().encode() for d in api.deliveries(one)]
    answers += [
        admin.get("/keys").body,
        admin.get("/apps").body,
        api.patch(f"/webhooks/{one['id']}", {"description": "x"}).body,
    ]
    posthorn.stop()
    for place, data in [
        ("answers", b"\n".join(answers)),
        ("log", posthorn.log().encode()),
        ("database", database.dump()),
    ]:
        for secret in hidden:
            for form in forms(secret):
                assert form not in data, f"{secret} in {place}"


def test_preview_does_not_tell(api, address):
    for secret in ("ab", "abcdefgh", "a longer secret of some length"):
        made = api.webhook(address, secret=secret)
        assert secret not in made["secret_preview"]


def test_other_encryption_key(start, receiver):
    """A database whose secrets cannot be opened is no reason to send unsigned."""
    server = start()
    webhook = server.client().webhook(receiver.url())
    server.stop()
    other = start(wait=False, POSTHORN_ENCRYPTION_KEY=base64.b64encode(b"x" * 32).decode())
    up = (
        until(lambda: other.process.poll() is not None or "event=listening" in other.log(), 20)
        and other.is_running()
    )
    if up:
        until(other.is_up, 10)
        client = other.client()
        client.publish()
        attempt = client.attempted(webhook)[0]
        assert attempt["error"]["code"] == "internal"
    else:
        assert other.process.returncode not in (0, 99)
        other.process = None
    assert receiver.requests == []


def test_rotation(api, receiver):
    webhook = api.webhook(receiver.url())
    old = webhook["secret"]
    rotated = rotate(api, webhook)
    assert rotated["secret"] != old and rotated["secret"].startswith("whsec_")
    assert rotated["previous_secret_expires_at"] is not None
    assert rotated["secrets_sent"] == ["current", "previous"]
    assert list(rotated).index("secret") == list(rotated).index("status") + 1
    api.publish()
    request = receiver.wait(1)[0]
    assert request.header("X-Webhook-Signature") == hex_signature(rotated["secret"], request.body)
    expected = {
        standard_signature(
            s, request.header("webhook-id"), request.header("webhook-timestamp"), request.body
        )
        for s in (old, rotated["secret"])
    }
    assert set(request.header("webhook-signature").split(" ")) == expected
    shown = api.get(f"/webhooks/{webhook['id']}").json
    assert shown["previous_secret_expires_at"] == rotated["previous_secret_expires_at"]


def test_rotation_without_overlap(api, receiver):
    webhook = api.webhook(receiver.url())
    rotated = rotate(api, webhook, secret=NEW, overlap_seconds=0)
    assert rotated["secret"] == NEW and rotated["previous_secret_expires_at"] is None
    api.publish()
    request = receiver.wait(1)[0]
    assert " " not in request.header("webhook-signature")
    assert request.header("X-Webhook-Signature") == hex_signature(NEW, request.body)


def test_overlap_ends(api, receiver):
    webhook = api.webhook(receiver.url())
    rotate(api, webhook, overlap_seconds=2)
    api.publish()
    assert len(receiver.wait(1)[0].header("webhook-signature").split(" ")) == 2
    path = f"/webhooks/{webhook['id']}"
    until(lambda: api.get(path).json["previous_secret_expires_at"] is None, 6, "the overlap to end")
    api.publish()
    assert len(receiver.wait(2)[1].header("webhook-signature").split(" ")) == 1


def test_rotation_to_a_plain_secret(api, receiver):
    webhook = api.webhook(receiver.url())
    rotate(api, webhook, secret="plain", overlap_seconds=0)
    api.publish()
    request = receiver.wait(1)[0]
    assert request.header("X-Webhook-Signature") == hex_signature("plain", request.body)
    assert request.all("webhook-signature") == []


def test_rotation_twice(api, receiver):
    """The one before the previous one is gone."""
    webhook = api.webhook(receiver.url())
    second = rotate(api, webhook)["secret"]
    third = rotate(api, webhook)["secret"]
    api.publish()
    request = receiver.wait(1)[0]
    expected = {
        standard_signature(
            s, request.header("webhook-id"), request.header("webhook-timestamp"), request.body
        )
        for s in (second, third)
    }
    assert set(request.header("webhook-signature").split(" ")) == expected


def signatures(request, secrets):
    """Which of the secrets have signed it, in the order of the header."""
    of = {
        standard_signature(s, request.header("webhook-id"), request.header("webhook-timestamp"), request.body): s
        for s in secrets
    }
    return [of[text] for text in request.header("webhook-signature").split(" ")]


def test_a_secret_that_signs_later(api, receiver):
    webhook = api.webhook(receiver.url())
    path, old = f"/webhooks/{webhook['id']}", webhook["secret"]
    rotated = rotate(api, webhook, delay_seconds=4, overlap_seconds=3600)
    new = rotated["secret"]
    assert new != old and rotated["secret_activates_at"] is not None
    assert rotated["previous_secret_expires_at"] is None and rotated["secrets_sent"] == ["current"]
    assert rotated["secret_preview"][:10] == old[:10]
    api.publish()
    assert signatures(receiver.wait(1)[0], [old, new]) == [old]
    changed = api.patch(path, {"description": "x"}, expect=200).json
    assert changed["secret_activates_at"] == rotated["secret_activates_at"]
    until(lambda: api.get(path).json["secret_activates_at"] is None, 8, "the new secret's time")
    shown = api.get(path).json
    assert shown["secrets_sent"] == ["current", "previous"] and shown["previous_secret_expires_at"] is not None
    assert shown["secret_preview"][:10] == new[:10]
    api.publish()
    assert signatures(receiver.wait(2)[1], [old, new]) == [new, old]


def test_what_takes_the_place_of_one_that_waits(api, receiver):
    """The secret that signs stays the one before: the one that waited was never used."""
    webhook = api.webhook(receiver.url(), profile="standard-webhooks")
    old = webhook["secret"]
    waited = rotate(api, webhook, delay_seconds=604800)["secret"]
    rotated = rotate(api, webhook, secret=NEW)
    assert rotated["secret_activates_at"] is None
    api.publish()
    assert signatures(receiver.wait(1)[0], [old, waited, NEW]) == [NEW, old]
    rotate(api, webhook, delay_seconds=60)
    path = f"/webhooks/{webhook['id']}"
    changed = api.patch(path, {"secret": old, "profile": "default"}, expect=200).json
    assert changed["secret_activates_at"] is None and changed["secrets_sent"] == ["current"]
    api.publish()
    assert signatures(receiver.wait(2)[1], [old, waited, NEW]) == [old]


def test_public_keys_before_their_time(api, receiver):
    webhook = api.webhook(receiver.url(), profile="standard-webhooks", secret_type="ed25519")
    path = f"/webhooks/{webhook['id']}/jwks.json"
    (before,) = api.get(path).json["keys"]
    rotate(api, webhook, delay_seconds=3600, overlap_seconds=0)
    keys = api.get(path).json["keys"]
    assert len(keys) == 2 and before in keys


def test_delays_are_bounded(api, address):
    webhook = api.webhook(address)
    for wrong in (-1, 604801, 1.5, "1"):
        body = {"delay_seconds": wrong}
        assert api.post(f"/webhooks/{webhook['id']}/secret/rotate", body, expect=422).fields == ["delay_seconds"]


def test_the_keys_that_seal_one_that_waits(start, receiver):
    """`posthorn rekey` has both, whatever their times."""
    first = base64.b64encode(b"1" * 32).decode()
    server = start(POSTHORN_ENCRYPTION_KEY=first)
    api = server.client()
    webhook = api.webhook(receiver.url())
    new = rotate(api, webhook, delay_seconds=6, overlap_seconds=0)["secret"]
    server.stop()
    second = {"POSTHORN_ENCRYPTION_KEY": base64.b64encode(b"2" * 32).decode()}
    again = start(**second, POSTHORN_ENCRYPTION_KEY_PREVIOUS=first)
    assert command(again.env, "rekey").returncode == 0
    again.stop()
    last = start(**second)
    api = last.client()
    api.publish()
    assert signatures(receiver.wait(1)[0], [webhook["secret"], new]) == [webhook["secret"]]
    path = f"/webhooks/{webhook['id']}"
    until(lambda: api.get(path).json["secret_activates_at"] is None, 10, "the new secret's time")
    api.publish()
    assert signatures(receiver.wait(2)[1], [webhook["secret"], new]) == [new]


def mac(secret, body):
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def test_both_signatures_of_custom(api, receiver):
    """While the overlap lasts; then there is nothing left of the one before, not even its label."""
    options = {
        "headers": {
            "X-Old": "sha256={previous_signature}",
            "X-Sign": "t={timestamp},v1={signature},v1={previous_signature};",
        }
    }
    webhook = api.webhook(receiver.url(), profile="custom", secret="first", profile_options=options)
    api.publish()
    request = receiver.wait(1)[0]
    assert request.all("X-Old") == []
    assert request.header("X-Sign").split(",", 1)[1] == f"v1={mac('first', request.body)};"
    rotated = rotate(api, webhook, secret="second", overlap_seconds=3)
    assert rotated["secrets_sent"] == ["current", "previous"]
    api.publish()
    request = receiver.wait(2)[1]
    assert request.header("X-Old") == f"sha256={mac('first', request.body)}"
    both = f"v1={mac('second', request.body)},v1={mac('first', request.body)};"
    assert request.header("X-Sign").split(",", 1)[1] == both
    path = f"/webhooks/{webhook['id']}"
    until(lambda: api.get(path).json["previous_secret_expires_at"] is None, 8, "the overlap to end")
    assert api.get(path).json["secrets_sent"] == ["current"]
    api.publish()
    request = receiver.wait(3)[2]
    assert request.all("X-Old") == [] and "second" != request.header("X-Sign")
    assert request.header("X-Sign").split(",", 1)[1] == f"v1={mac('second', request.body)};"


def test_custom_without_the_placeholder(api, receiver):
    webhook = api.webhook(
        receiver.url(), profile="custom", secret="first", profile_options={"headers": {"X-Sign": "{signature}"}}
    )
    assert rotate(api, webhook)["secrets_sent"] == ["current"]
    wrong = {"profile_options": {"signed": "{previous_signature}"}}
    assert api.patch(f"/webhooks/{webhook['id']}", wrong, expect=422).fields == ["profile_options.signed"]


@pytest.mark.parametrize("secret", ["x", "whsec", "Whsec_notspecial", "~ " * 127 + "~~", 'q"\\'])
def test_any_secret_signs(api, receiver, secret):
    made = api.webhook(receiver.url(), secret=secret)
    assert made["secret"] == secret
    api.publish()
    request = receiver.wait(1)[0]
    assert request.header("X-Webhook-Signature") == hex_signature(secret, request.body)
    assert json.loads(request.body)["type"] == "user.created"
