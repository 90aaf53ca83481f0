"""Authon's management API: its paths, its envelope, its one-time secret, its test ping."""

import re

import pytest

BASE = "/admin/apps/default/webhooks"


def create(admin, url, **more):
    return admin.post(BASE, {"url": url, "events": ["user.login"], **more}, expect=201).json["data"]


def test_create_shows_the_secret_once(posthorn, receiver):
    admin = posthorn.client()
    made = create(admin, receiver.url())
    assert re.fullmatch(r"whsec_[0-9a-f]{64}", made["secret"])
    listed = admin.get(BASE, expect=200).json
    assert listed == {"success": True, "data": [{k: made[k] for k in ("id", "url", "events")}]}
    native = admin.get(f"/webhooks/{made['id']}", expect=200).json
    assert native["profile"] == "authon"


def test_delivery_has_authons_headers(posthorn, receiver):
    admin = posthorn.client()
    made = create(admin, receiver.url())
    admin.post("/events", {"type": "user.login", "data": {"userId": "usr_abc123"}}, expect=202)
    (request,) = receiver.wait(1)
    assert request.header("X-Webhook-Secret") == made["secret"]
    assert request.header("X-Webhook-Event") == "user.login"
    assert request.body.startswith(b'{"event":"user.login","timestamp":"')


def test_test_ping(posthorn, receiver):
    admin = posthorn.client()
    made = create(admin, receiver.url())
    answer = admin.post(f"{BASE}/{made['id']}/test", expect=200).json
    assert answer["success"] is True
    (request,) = receiver.wait(1)
    assert request.json["event"] == "test"
    assert request.json["data"]["message"] == "This is a test ping from Authon"
    assert request.json["data"]["webhookId"] == made["id"]


def test_delete(posthorn, receiver):
    admin = posthorn.client()
    made = create(admin, receiver.url())
    assert admin.delete(f"{BASE}/{made['id']}", expect=200).json == {"success": True}
    assert admin.delete(f"{BASE}/{made['id']}", expect=404).json["success"] is False


@pytest.mark.parametrize(
    "body, status",
    [
        ({}, 422),
        ({"url": "http://x.example/", "events": []}, 422),
        ({"url": "ftp://x.example/", "events": ["*"]}, 422),
        ({"url": "http://x.example/", "events": ["*"], "secret": "mine"}, 422),
    ],
)
def test_wrong_bodies(posthorn, body, status):
    answer = posthorn.client().post(BASE, body, expect=status)
    assert answer.json["success"] is False and answer.json["message"]


def test_errors_have_the_envelope(posthorn):
    admin = posthorn.client()
    assert admin.get("/admin/apps/nobody/webhooks", expect=404).json["success"] is False
    assert admin.with_(key=None).get(BASE, expect=401).json["code"] == "unauthorized"


def test_tenants_are_apart(posthorn, receiver):
    admin = posthorn.client()
    made = create(admin, receiver.url())
    admin.post("/apps", {"name": "Another", "uid": "other"}, expect=201)
    other = "/admin/apps/other/webhooks"
    assert admin.get(other, expect=200).json["data"] == []
    admin.delete(f"{other}/{made['id']}", expect=404)
