"""GET /webhooks/{id}/jwks.json: what a receiver verifies v1a signatures with."""

import base64

SEED = bytes(range(32))
SECRET = "whsk_" + base64.b64encode(SEED).decode()
# Ed25519 of the seed 00…1f, by openssl: pkey -pubout.
PUBLIC = bytes.fromhex("03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8")


def test_public_key(api, receiver):
    webhook = api.webhook(receiver.url(), profile="standard-webhooks", secret=SECRET)
    (key,) = api.with_(key=None).get(f"/webhooks/{webhook['id']}/jwks.json").json["keys"]
    assert base64.urlsafe_b64decode(key["x"] + "=") == PUBLIC
    assert key["kid"] == "whpk_" + base64.b64encode(PUBLIC).decode()


def test_two_while_rotating(api, receiver):
    webhook = api.webhook(receiver.url(), profile="standard-webhooks", secret=SECRET)
    new = "whsk_" + base64.b64encode(bytes(32)).decode()
    api.post(f"/webhooks/{webhook['id']}/secret/rotate", {"secret": new}, expect=200)
    assert len(api.get(f"/webhooks/{webhook['id']}/jwks.json").json["keys"]) == 2


def test_rotating_keeps_the_kind(api, receiver):
    """Receivers that verify by public keys would be left with nothing to verify."""
    webhook = api.webhook(receiver.url(), profile="standard-webhooks", secret=SECRET)
    new = api.post(f"/webhooks/{webhook['id']}/secret/rotate", expect=200).json["secret"]
    assert new.startswith("whsk_") and new != SECRET
    assert len(api.get(f"/webhooks/{webhook['id']}/jwks.json").json["keys"]) == 2


def test_none_for_other_secrets(api, receiver):
    webhook = api.webhook(receiver.url())
    assert api.get(f"/webhooks/{webhook['id']}/jwks.json").json == {"keys": []}
    api.get("/webhooks/wh_01kn2p8v3rf0pbw4gd9ztq6e1x/jwks.json", expect=404)
