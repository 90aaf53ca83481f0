"""Authon's receivers (profile `authon`)."""

import json
import re

import pytest
from compat.sending import answered, names, publish, said, statuses
from harness import replies
from harness.wait import until

SECRET = "whsec_your_secret_here"
PAYLOADS = {
    "user.login": {
        "userId": "usr_abc123",
        "username": "testuser",
        "ip": "192.168.1.100",
        "hwid": "HWID-A1B2C3D4",
        "appId": "app_xyz789",
    },
    "user.register": {
        "userId": "usr_abc123",
        "username": "newuser",
        "licenseKey": "XXXXX-XXXXX-XXXXX",
        "ip": "192.168.1.100",
        "appId": "app_xyz789",
    },
    "license.activate": {
        "licenseId": "lic_abc123",
        "key": "XXXXX-XXXXX-XXXXX",
        "durationType": "30d",
        "level": 1,
        "activatedBy": "testuser",
        "appId": "app_xyz789",
    },
    "user.ban": {
        "userId": "usr_abc123",
        "username": "banneduser",
        "reason": "Chargeback",
        "bannedBy": "admin",
        "appId": "app_xyz789",
    },
}


def webhook(api, url, **more):
    return api.webhook(url, **{"profile": "authon", "secret": SECRET, **more})


@pytest.fixture(params=["python/authon.py", "node/authon.js express4", "node/authon.js express"])
def url(request, program):
    path, *version = request.param.split()
    env = {"EXPRESS": version[0]} if version else {}
    return program(path, SECRET, **env) + "/webhook"


@pytest.mark.parametrize("type_", PAYLOADS)
def test_golden(api, receiver, type_):
    webhook(api, receiver.url())
    publish(api, type_, json.dumps(PAYLOADS[type_]))
    request = receiver.wait()[0]
    data = json.dumps(PAYLOADS[type_], separators=(",", ":"))
    time = request.json["timestamp"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", time)
    assert request.body.decode() == f'{{"event":"{type_}","timestamp":"{time}","data":{data}}}'
    assert {n: request.header(n) for n in names(request)} == {
        "Content-Type": "application/json",
        "User-Agent": "Authon-Webhook/1.0",
        "X-Webhook-Event": type_,
        "X-Webhook-Secret": SECRET,
    }


@pytest.mark.parametrize("type_", PAYLOADS)
def test_receivers(api, url, type_):
    made = webhook(api, url)
    publish(api, type_, json.dumps(PAYLOADS[type_]))
    got = json.loads(said(api, api.settled(made)))
    assert got == {"received": True, "event": type_, "keys": list(PAYLOADS[type_])}


def test_wrong_secret(api, url):
    made = webhook(api, url, secret="whsec_another")
    assert statuses(api, "user.login", '{"userId":"usr_abc123"}', [made]) == [401]


def test_what_succeeds(api, receiver):
    """9.5 seconds are in time, 11 are not; any 2xx will do, a redirect will not."""
    receiver.script("/slow", replies.answer(200, delay=9.5))
    receiver.script("/late", replies.answer(200, delay=11))
    receiver.script("/empty", replies.answer(204))
    receiver.script("/moved", replies.answer(302, headers=[("Location", receiver.url("/empty"))]))
    made = {
        path: webhook(api, receiver.url(path)) for path in ("/slow", "/late", "/empty", "/moved")
    }
    publish(api, "user.login", '{"userId":"usr_abc123"}')
    assert answered(api, made["/empty"])["status"] == "delivered"
    moved = answered(api, made["/moved"])
    assert (moved["status"], moved["response_code"]) == ("pending", 302)
    assert api.settled(made["/slow"], timeout=20)["response_code"] == 200
    late = until(lambda: api.attempts(api.only_delivery(made["/late"])), 20, "the timeout")
    assert late[0]["error"]["code"] == "timed_out"
    assert len(receiver.at("/empty")) == 1
