"""GET /webhooks/{id}/jwks.json: what a receiver verifies v1a signatures with."""

import base64
import re
import subprocess
import tempfile

SPKI = bytes.fromhex("302a300506032b6570032100")  # before an Ed25519 key, RFC 8410
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


def test_a_key_pair_is_made(api, receiver):
    webhook = api.webhook(receiver.url(), profile="standard-webhooks", secret_type="ed25519")
    assert re.fullmatch(r"whsk_[A-Za-z0-9+/]{43}=", webhook["secret"])
    (key,) = api.get(f"/webhooks/{webhook['id']}/jwks.json").json["keys"]
    api.publish()
    request = receiver.wait(1)[0]
    signed = ".".join([request.header("webhook-id"), request.header("webhook-timestamp"), ""]).encode() + request.body
    (signature,) = request.all("webhook-signature")
    assert verifies(base64.urlsafe_b64decode(key["x"] + "="), base64.b64decode(signature.removeprefix("v1a,")), signed)
    assert not verifies(PUBLIC, base64.b64decode(signature.removeprefix("v1a,")), signed)


def verifies(public, signature, signed):
    """By openssl."""
    with tempfile.TemporaryDirectory() as folder:
        at = {name: f"{folder}/{name}" for name in ("key", "signature", "signed")}
        pairs = zip(at.values(), (SPKI + public, signature, signed))
        for path, content in pairs:
            with open(path, "wb") as file:
                file.write(content)
        words = ["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", at["key"]]
        words += ["-rawin", "-in", at["signed"], "-sigfile", at["signature"]]
        return subprocess.run(words, capture_output=True, timeout=20, check=False).returncode == 0


def test_kinds_of_secrets(api, address):
    made = api.webhook(address, secret_type="hmac")
    assert made["secret"].startswith("whsec_")
    post = {"url": address, "events": ["*"]}
    for wrong in (
        {"secret_type": "ed25519"},
        {"secret_type": "ed25519", "profile": "custom"},
        {"secret_type": "rsa"},
        {"secret_type": None},
        {"secret_type": "hmac", "secret": "mine"},
    ):
        assert api.post("/webhooks", {**post, **wrong}, expect=422).fields == ["secret_type"]
    path = f"/webhooks/{made['id']}"
    assert api.patch(path, {"secret_type": "hmac"}, expect=422).fields == ["secret_type"]
    for wrong in ({"secret_type": "ed25519"}, {"secret_type": "hmac", "secret": "mine"}):
        assert api.post(f"{path}/secret/rotate", wrong, expect=422).fields == ["secret_type"]
    api.patch(path, {"profile": "standard-webhooks"}, expect=200)
    assert api.post(f"{path}/secret/rotate", {"secret_type": "ed25519"}).json["secret"].startswith("whsk_")
    assert api.post(f"{path}/secret/rotate", {"secret_type": "hmac"}).json["secret"].startswith("whsec_")


def test_a_plain_secret_stays_one(api, receiver):
    """A receiver that has never seen the headers of Standard Webhooks gets none."""
    webhook = api.webhook(receiver.url(), secret="plain")
    rotated = api.post(f"/webhooks/{webhook['id']}/secret/rotate", expect=200).json
    assert re.fullmatch(r"[A-Za-z0-9+/]{43}=", rotated["secret"])
    api.publish()
    assert receiver.wait(1)[0].all("webhook-signature") == []
