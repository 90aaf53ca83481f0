"""POST /webhooks/{id}/test: what the receiver said, or why it could not, in the same answer."""

import base64
import threading
import time

import pytest
from harness import replies
from harness.signature import verify_standard
from harness.tenant import Tenant


def send(api, webhook, *body, **more):
    return api.post(f"/webhooks/{webhook['id']}/test", *body, expect=200, **more).json


def test_delivered(api, receiver):
    receiver.script("/hook", replies.answer(200, b"OK"))
    webhook = api.webhook(receiver.url())
    result = send(api, webhook)
    assert list(result)[:4] == ["id", "status", "response_code", "response_body"]
    assert (result["status"], result["response_code"], result["response_body"]) == (
        "delivered",
        200,
        "OK",
    )
    assert result["error"] is None and isinstance(result["response_time_ms"], int)
    request = receiver.wait(1)[0]
    assert request.json["id"] == result["id"]
    assert request.json["type"] == request.header("X-Webhook-Event") == "webhook.test"
    assert request.json["data"] == {
        "message": "This is a test event from Posthorn",
        "webhook_id": webhook["id"],
    }
    assert request.header("X-Webhook-Delivery") == result["delivery_id"]
    verify_standard(request, webhook["secret"])


def test_own_event(api, receiver):
    webhook = api.webhook(receiver.url(), events=["other"])
    send(api, webhook, {"type": "user.created", "data": {"a": 1}})
    assert receiver.wait(1)[0].json["type"] == "user.created"
    send(api, webhook, {})
    assert receiver.wait(2)[1].json["type"] == "webhook.test"
    send(api, webhook, {"data": {}})
    assert receiver.wait(3)[2].json["data"] == {}


def test_only_to_that_webhook(api, receiver):
    webhook = api.webhook(receiver.url())
    api.webhook(receiver.url("/other"))
    send(api, webhook)
    assert receiver.at("/other") == []


@pytest.mark.parametrize("status", ["paused", "disabled"])
def test_whatever_its_status(api, receiver, status):
    webhook = api.webhook(receiver.url())
    api.patch(f"/webhooks/{webhook['id']}", {"status": status})
    assert send(api, webhook)["status"] == "delivered"
    assert api.get(f"/webhooks/{webhook['id']}").json["status"] == status


@pytest.mark.parametrize(
    "reply, code",
    [
        (replies.answer(500, b"no"), "http_status"),
        (replies.close(), "connection_lost"),
        (replies.answer(302, headers=[("Location", "/x")]), "redirect"),
        (replies.raw(b"what\n\n", "close"), None),
    ],
)
def test_failures_in_words(api, receiver, reply, code):
    receiver.script("/hook", reply)
    webhook = api.webhook(receiver.url(), retry_schedule=[1, 1])
    result = send(api, webhook)
    assert result["status"] == "failed"
    assert code in (None, result["error"]["code"])
    assert len(result["error"]["message"]) > 8
    if code == "http_status":
        assert (result["response_code"], result["response_body"]) == (500, "no")
        assert "500" in result["error"]["message"]
    assert len(receiver.requests) == 1


def test_one_attempt_only(api, receiver):
    from harness.wait import never

    receiver.script("/hook", replies.answer(500))
    webhook = api.webhook(receiver.url(), retry_schedule=[1, 1])
    result = send(api, webhook)
    never(lambda: len(receiver.requests) > 1, 2, "a second attempt of a test")
    delivery = api.get(f"/deliveries/{result['delivery_id']}", expect=200).json
    assert (delivery["status"], delivery["attempts"]) == ("failed", 1)
    assert delivery["event_id"] == result["id"]
    assert len(api.attempts(delivery)) == 1


def test_nobody_listens(api, receiver):
    webhook = api.webhook("http://127.0.0.1:2/")
    result = send(api, webhook)
    assert (result["status"], result["response_code"], result["response_body"]) == (
        "failed",
        None,
        None,
    )
    assert result["error"]["code"] == "connect_failed"
    assert receiver.requests == []


def test_timeout(api, receiver):
    receiver.script("/hook", replies.hang())
    webhook = api.webhook(receiver.url(), timeout_ms=1000)
    started = time.monotonic()
    result = send(api, webhook)
    assert time.monotonic() - started < 4
    assert result["error"]["code"] == "timed_out"


def test_binary_answer(api, receiver):
    receiver.script("/hook", replies.answer(200, b"\xff\x00"))
    result = send(api, api.webhook(receiver.url()))
    assert base64.b64decode(result["response_body"]) == b"\xff\x00"
    assert result["response_body_encoding"] == "base64"


def test_410_from_a_test(api, receiver):
    receiver.script("/hook", replies.answer(410))
    assert send(api, api.webhook(receiver.url()))["error"]["code"] == "gone"


def test_at_once_before_what_waits(api, receiver):
    """A test does not queue behind the webhook's backlog."""
    opened = threading.Event()
    receiver.script("/hook", *[replies.gate(opened)] * 2, replies.answer(200))
    webhook = api.webhook(receiver.url(), concurrency=2)
    api.post("/events/batch", {"events": [{"type": "a", "data": {}}] * 20}, expect=202)
    receiver.wait(2)
    opened_at = time.monotonic()
    timer = threading.Timer(3, opened.set)
    timer.start()
    result = send(api, webhook)
    timer.join()
    assert result["status"] == "delivered"
    assert time.monotonic() - opened_at < 10


def test_many_at_once(api, receiver):
    import concurrent.futures

    webhook = api.webhook(receiver.url())
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        results = list(pool.map(lambda _: send(api, webhook), range(40)))
    assert {r["status"] for r in results} == {"delivered"}
    assert len({r["id"] for r in results}) == 40
    assert sorted(r.json["id"] for r in receiver.requests) == sorted(r["id"] for r in results)


def test_split_roles(start, receiver):
    """The API process sends nothing itself."""
    api = start(role="api")
    webhook = api.client().webhook(receiver.url())
    start(role="worker")
    assert send(api.client(), webhook)["status"] == "delivered"


def test_without_a_worker(start, receiver):
    api = start(role="api").client()
    webhook = api.webhook(receiver.url(), timeout_ms=1000)
    answer = api.post(f"/webhooks/{webhook['id']}/test", expect=None)
    assert answer.status in (200, 504)
    if answer.status == 200:
        assert answer.json["status"] == "pending"
    assert receiver.requests == []


def test_an_app_has_so_many_at_once(start, receiver):
    """Each keeps a request and its body for as long as its receiver takes; another app's go through."""
    opened = threading.Event()
    receiver.script("/hang", replies.gate(opened))
    admin = start(POSTHORN_TESTS_PER_APP=3).client()
    one, other = Tenant(admin).write, Tenant(admin).write
    webhook, fast = one.webhook(receiver.url("/hang")), other.webhook(receiver.url("/hook"))
    answers = []

    def wait():
        answers.append(send(one, webhook))

    waiting = [threading.Thread(target=wait) for _ in range(3)]
    for thread in waiting:
        thread.start()
    receiver.wait(3, "/hang")
    refused = one.post(f"/webhooks/{webhook['id']}/test", expect=429)
    assert (refused.code, refused.headers["Retry-After"]) == ("app_limit", "1")
    assert "POSTHORN_TESTS_PER_APP" in refused.json["detail"]
    # Before its body is looked at, whatever it is.
    one.post(f"/webhooks/{webhook['id']}/test", b'{"data": ' + b"x" * 100_000, expect=429)
    assert len(receiver.at("/hang")) == 3
    assert send(other, fast)["status"] == "delivered"
    opened.set()
    for thread in waiting:
        thread.join()
    assert [a["status"] for a in answers] == ["delivered"] * 3
    assert send(one, webhook)["status"] == "delivered"


@pytest.mark.parametrize("detect", [False, True])
def test_a_body_is_not_kept_while_its_test_waits(start, receiver, detect):
    """It is in the ledger by then: of bodies there is room for three such, and four wait."""
    opened = threading.Event()
    each = [replies.answer(401), replies.gate(opened)] if detect else [replies.gate(opened)]
    receiver.script("/hang", *each * 4)
    server = start(POSTHORN_BODIES_MIB=2)
    api = server.client()
    webhook = api.webhook(receiver.url("/hang"))
    text = "".join(f"\u00e9{n}" for n in range(90_000))  # not all of one byte, and not the same in each form
    body = {"type": "what.was.sent", "data": {"text": text}, "detect": detect}
    answers = []

    def wait():
        answers.append(api.post(f"/webhooks/{webhook['id']}/test", body, expect=200).json)

    waiting = [threading.Thread(target=wait) for _ in range(4)]
    for number, thread in enumerate(waiting, 1):
        thread.start()
        receiver.wait(number * len(each), "/hang")
    sent = receiver.at("/hang")
    opened.set()
    for thread in waiting:
        thread.join()
    assert len(answers) == 4
    assert {r.json["data"]["text"] for r in sent} == {text}
    assert {r.json["type"] for r in sent} == {"what.was.sent"}
    if detect:
        assert [len(a["tried"]) for a in answers] == [2] * 4
        assert len({len(r.body) for r in sent}) == 2
