"""`auth` of the type oauth2: a token that is asked for, kept, and asked for anew."""

import base64
import json
import re
import threading
import urllib.parse

import pytest
from harness import replies
from harness.receiver import Receiver
from harness.wait import until

SECRET = "canary:secret of/the client"
CLIENT = "posthorn client"
PAIR = base64.b64encode(b"posthorn+client:canary%3Asecret+of%2Fthe+client").decode()


def token(text, **more):
    body = {"access_token": text, "token_type": "Bearer", "expires_in": 3600, **more}
    return replies.answer(200, json.dumps(body).encode(), [("Content-Type", "application/json")])


def wants(good):
    """Answers 401 to another token."""

    def reply(receiver, connection, request):
        status = 200 if request.all("Authorization") == [f"Bearer {good}"] else 401
        return replies.answer(status)(receiver, connection, request)

    return reply


@pytest.fixture
def login():
    """The token endpoint."""
    made = Receiver()
    made.script("/token", token("canary-token"))
    yield made
    made.close()


def auth(login, **more):
    return {"type": "oauth2", "token_url": login.url("/token"), "client_id": CLIENT, "client_secret": SECRET, **more}


def send(api, webhook):
    return api.post(f"/webhooks/{webhook['id']}/test").json


def carried(receiver):
    return [r.header("Authorization") for r in receiver.at("/hook")]


def test_a_token_is_asked_for_once_and_carried(api, receiver, login):
    receiver.script("/hook", wants("canary-token"))
    given = auth(login, scope="hooks.write hooks.read")
    webhook = api.webhook(receiver.url(), auth=given)
    assert webhook["auth"] == {**given, "client_secret": "***"}
    for _ in range(3):
        assert send(api, webhook)["status"] == "delivered"
    asked = login.at("/token")
    assert len(asked) == 1 and len(receiver.at("/hook")) == 3
    assert asked[0].method == "POST" and asked[0].header("Authorization") == f"Basic {PAIR}"
    assert asked[0].header("Content-Type") == "application/x-www-form-urlencoded"
    assert urllib.parse.parse_qs(asked[0].body.decode(), strict_parsing=True) == {
        "grant_type": ["client_credentials"], "scope": ["hooks.write hooks.read"]
    }


def test_many_wait_for_one_answer(api, receiver, login):
    go = threading.Event()
    login.script("/token", replies.gate(go, token("canary-token")))
    receiver.script("/hook", wants("canary-token"))
    webhook = api.webhook(receiver.url(), auth=auth(login))
    api.batch(30)
    login.wait(1, "/token")
    assert receiver.requests == []
    go.set()
    receiver.wait(30)
    assert len(login.requests) == 1
    until(lambda: len(api.deliveries(webhook, status="delivered", limit=250)) == 30, 10)


def test_one_that_ends_is_asked_for_anew(api, receiver, login):
    login.script("/token", token("first", expires_in=1), token("second"))
    webhook = api.webhook(receiver.url(), auth=auth(login))
    until(lambda: send(api, webhook) and len(login.requests) == 2, 10, "another token")
    assert carried(receiver)[0] == "Bearer first" and carried(receiver)[-1] == "Bearer second"
    send(api, webhook)
    assert len(login.requests) == 2


def test_one_that_is_for_once_is_not_kept(api, receiver, login):
    login.script("/token", token("a", expires_in=0), token("b", expires_in=0))
    webhook = api.webhook(receiver.url(), auth=auth(login))
    for _ in range(2):
        send(api, webhook)
    assert carried(receiver) == ["Bearer a", "Bearer b"]


def test_a_kept_one_that_is_refused_is_renewed_within_the_attempt(api, receiver, login):
    login.script("/token", token("old"), token("new"))
    receiver.script("/hook", wants("old"))
    webhook = api.webhook(receiver.url(), auth=auth(login))
    assert send(api, webhook)["status"] == "delivered"
    receiver.script("/hook", wants("new"))
    sent = send(api, webhook)
    assert sent["status"] == "delivered" and sent["response_code"] == 200
    assert len(api.attempts({"id": sent["delivery_id"]})) == 1
    assert carried(receiver) == ["Bearer old", "Bearer old", "Bearer new"] and len(login.requests) == 2
    first, again = receiver.at("/hook")[1:]
    assert first.header("X-Webhook-Attempt") == again.header("X-Webhook-Attempt") and first.body == again.body


def test_a_new_one_that_is_refused_is_the_receivers_answer(api, receiver, login):
    receiver.script("/hook", replies.answer(401, b"no"))
    webhook = api.webhook(receiver.url(), auth=auth(login))
    for n in range(1, 3):
        sent = send(api, webhook)
        assert sent["status"] == "failed" and sent["response_code"] == 401
        assert len(receiver.requests) == n and len(login.requests) == n  # it was not kept


def test_no_new_one_after_a_401(api, receiver, login):
    login.script("/token", token("old"), replies.answer(503))
    receiver.script("/hook", wants("old"))
    webhook = api.webhook(receiver.url(), auth=auth(login))
    send(api, webhook)
    receiver.script("/hook", wants("new"))
    sent = send(api, webhook)
    assert sent["error"] == {"code": "token_failed", "message": "the token endpoint answered 503"}


def reflects(status):
    """A token endpoint that says what it was told."""

    def reply(receiver, connection, request):
        body = json.dumps({"error": SECRET, "error_description": request.header("Authorization")})
        return replies.answer(status, body.encode())(receiver, connection, request)

    return reply


NO_TOKEN = "the token endpoint answered 200 without a token of the type Bearer"
FAILURES = [
    (replies.answer(400, b'{"error": "invalid_client"}'), "the token endpoint answered 400, invalid_client"),
    (replies.answer(302, b"", [("Location", "/elsewhere")]), "the token endpoint answered 302"),
    (replies.answer(200, b"token=x"), NO_TOKEN),
    (replies.answer(200, b'{"access_token": "' + b"x" * 100000), NO_TOKEN),
    (token("a\r\nX-Evil: 1"), NO_TOKEN),
    (reflects(401), "the token endpoint answered 401"),
    (replies.raw(b"", "close"), "before it answered"),
    (replies.hang(), "no response within"),
]


@pytest.mark.parametrize("reply, words", FAILURES, ids=range(len(FAILURES)))
def test_an_endpoint_that_gives_none(api, receiver, login, reply, words):
    login.script("/token", reply)
    webhook = api.webhook(receiver.url(), auth=auth(login), timeout_ms=1000, retry_schedule=[3600])
    api.publish()
    attempt = api.attempted(webhook)[0]
    assert attempt["error"]["code"] == "token_failed" and words in attempt["error"]["message"]
    assert attempt["error"]["message"].startswith("the token endpoint")
    assert SECRET not in json.dumps(attempt) and PAIR not in json.dumps(attempt)
    assert receiver.requests == [] and [r.path for r in login.requests] == ["/token"]
    delivery = until(lambda: (d := api.only_delivery(webhook)) and d["attempts"] == 1 and d)
    assert delivery["status"] == "pending" and delivery["next_attempt_at"]


def test_its_time_is_part_of_the_timeout(api, receiver, login):
    login.script("/token", replies.gate(threading.Event(), token("x")))
    webhook = api.webhook(receiver.url(), auth=auth(login), timeout_ms=1000)
    error = send(api, webhook)["error"]
    waited = re.search(r"within (\d+) ms", error["message"])
    assert error["code"] == "token_failed" and 900 <= int(waited[1]) <= 1000
    assert receiver.requests == []


def test_it_is_behind_the_guard(start, receiver):
    """An address that was open when it was set."""
    api = start(role="api").client()
    webhook = api.webhook("https://hooks.example.com/", auth=auth(receiver))
    worker = start(role="worker", POSTHORN_ALLOW_NETWORKS="")
    api.publish()
    error = api.attempted(webhook)[0]["error"]
    assert error["code"] == "token_failed"
    assert "not public" in error["message"] and "127.0.0.1" not in error["message"]
    until(lambda: "event=address_forbidden" in worker.log() and "127.0.0.1" in worker.log(), 5, "the log")
    assert receiver.requests == []


def test_other_credentials_get_another_token(api, receiver, login):
    login.script("/token", token("a"), token("b"))
    webhook = api.webhook(receiver.url(), auth=auth(login))
    send(api, webhook)
    api.patch(f"/webhooks/{webhook['id']}", {"auth": auth(login, scope="other")})
    send(api, webhook)
    assert carried(receiver) == ["Bearer a", "Bearer b"]


def test_nobody_reads_secret_or_token(posthorn, database, receiver, login):
    api = posthorn.client()
    webhook = api.webhook(receiver.url(), auth=auth(login))
    path = f"/webhooks/{webhook['id']}"
    api.publish()
    delivery = until(lambda: (d := api.deliveries(webhook)) and d[0]["status"] == "delivered" and d[0])
    answers = [
        api.get(path), api.get("/webhooks"), api.get(f"/deliveries/{delivery['id']}/attempts"),
        api.post(f"{path}/preview", {}),
    ]
    assert "Authorization: ***\r\n" in answers[2].json["data"][0]["request"]["headers"]
    posthorn.stop()
    for place in (*(a.body for a in answers), database.dump(), posthorn.log().encode()):
        for text in (SECRET, PAIR, "canary-token"):
            assert text.encode() not in place


def test_a_worker_stops_while_it_asks(split, receiver, login):
    """What waits for a token is waited for as any request under way is, and recorded."""
    go = threading.Event()
    login.script("/token", replies.gate(go, token("x")))
    client, worker = split()
    webhook = client.webhook(receiver.url(), auth=auth(login))
    client.publish()
    login.wait(1, "/token")
    worker.terminate()
    go.set()
    worker.stop()
    assert carried(receiver) == ["Bearer x"]
    assert client.only_delivery(webhook)["status"] == "delivered"
