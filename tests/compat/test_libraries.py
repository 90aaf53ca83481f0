"""What other people's libraries verify: Standard Webhooks and Svix, with and without a rotation in
progress; GitHub's, Stripe's and Shopify's, to whom a custom profile speaks."""

import base64
import hashlib
import hmac
import json

import pytest
from compat.sending import answered, publish, said, statuses

OLD = "whsec_" + base64.b64encode(b"an old key of thirty-two bytes..").decode()
NEW = "whsec_" + base64.b64encode(b"a new key of thirty-two bytes...").decode()
PLAIN = "a-secret-that-both-sides-know"
LIBRARIES = ("standardwebhooks", "svix")

# A custom profile for each vendor's form.
VENDORS = {
    "github": {
        "headers": {
            "X-GitHub-Event": "{type}",
            "X-GitHub-Delivery": "{delivery_id}",
            "X-Hub-Signature-256": "sha256={signature}",
        },
        "signed": "{body}",
        "algorithm": "sha256",
        "encoding": "hex",
        "body": "data",
    },
    "stripe": {
        "headers": {"Stripe-Signature": "t={timestamp},v1={signature}"},
        "signed": "{timestamp}.{body}",
        "algorithm": "sha256",
        "encoding": "hex",
        "body": "envelope",
    },
    "shopify": {
        "headers": {
            "X-Shopify-Topic": "{type}",
            "X-Shopify-Hmac-Sha256": "{signature}",
            "X-Shopify-Shop-Domain": "shop.myshopify.com",
            "X-Shopify-API-Version": "2025-07",
            "X-Shopify-Webhook-Id": "{delivery_id}",
        },
        "signed": "{body}",
        "algorithm": "sha256",
        "encoding": "base64",
        "body": "data",
    },
}
DATA = '{"name": "José 😀", "amount": 1.0}'


@pytest.mark.parametrize("profile", ["default", "standard-webhooks"])
@pytest.mark.parametrize("library", LIBRARIES)
def test_standard(api, program, profile, library):
    url = f"{program('node/standard.mjs', OLD)}/{library}"
    good = api.webhook(url, profile=profile, secret=OLD)
    bad = api.webhook(url, profile=profile, secret=NEW)
    assert statuses(api, "invoice.paid", DATA, [good, bad]) == [200, 401]
    seen = json.loads(said(api, api.settled(good)))
    assert seen["type"] == "invoice.paid"
    assert seen["data"]["name"] == "José 😀"


@pytest.mark.parametrize("profile", ["default", "standard-webhooks"])
def test_rotation(api, program, profile):
    """While it overlaps, who has the old secret and who has the new one are both content; with no
    overlap only the new one is."""
    urls = [f"{program('node/standard.mjs', s)}/{lib}" for s in (OLD, NEW) for lib in LIBRARIES]
    for overlap, expected in ((3600, [200] * 4), (0, [401, 401, 200, 200])):
        made = [api.webhook(url, profile=profile, secret=OLD) for url in urls]
        for webhook in made:
            api.post(
                f"/webhooks/{webhook['id']}/secret/rotate",
                {"secret": NEW, "overlap_seconds": overlap},
            )
        assert statuses(api, "invoice.paid", DATA, made) == expected
        for webhook in made:
            api.delete(f"/webhooks/{webhook['id']}")


@pytest.mark.parametrize("vendor", VENDORS)
def test_vendors(api, program, vendor):
    url = f"{program('node/vendors.mjs', PLAIN)}/{vendor}"
    options = VENDORS[vendor]
    good = api.webhook(url, profile="custom", profile_options=options, secret=PLAIN)
    bad = api.webhook(url, profile="custom", profile_options=options, secret="another")
    assert statuses(api, "orders.create", DATA, [good, bad]) == [200, 401]
    seen = json.loads(said(api, answered(api, good)))
    if vendor == "stripe":
        assert (seen["type"], seen["data"]["name"]) == ("orders.create", "José 😀")
    elif vendor == "github":
        assert seen == {"event": "orders.create", "delivery": api.only_delivery(good)["id"]}
    else:
        assert (seen["valid"], seen["domain"]) == (True, "shop.myshopify.com")


def test_custom_sha512(api, receiver):
    """The other algorithm, and a prefix."""
    options = {
        "headers": {"X-Id": "{event_id}", "X-Signature": "sha512={signature}"},
        "signed": "{event_id}.{body}",
        "algorithm": "sha512",
        "encoding": "base64",
        "body": "envelope",
    }
    api.webhook(receiver.url(), profile="custom", profile_options=options, secret=PLAIN)
    event = publish(api, "orders.create", DATA)
    request = receiver.wait()[0]
    signed = event["id"].encode() + b"." + request.body
    digest = hmac.new(PLAIN.encode(), signed, hashlib.sha512).digest()
    assert request.header("X-Id") == event["id"]
    assert request.header("X-Signature") == "sha512=" + base64.b64encode(digest).decode()
