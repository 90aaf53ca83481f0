"""What a receiver does to verify a delivery, written from the receivers' documents."""

import base64
import hashlib
import hmac


def hex_signature(secret, body):
    """X-Webhook-Signature: keyed with the whole secret string."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def standard_signature(secret, message_id, timestamp, body):
    """One element of webhook-signature (Standard Webhooks): keyed with the decoded bytes."""
    key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def verify(request, secret):
    assert request.header("X-Webhook-Signature") == hex_signature(secret, request.body)


def verify_standard(request, secret):
    expected = standard_signature(
        secret, request.header("webhook-id"), request.header("webhook-timestamp"), request.body
    )
    assert expected in request.header("webhook-signature").split(" ")
    assert abs(int(request.header("webhook-timestamp")) - request.wall) < 10
