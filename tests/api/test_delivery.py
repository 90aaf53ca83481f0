"""What a receiver gets: the bytes, the headers, the signatures."""

import json
import re
import threading

import pytest
from harness import replies
from harness.signature import hex_signature, verify, verify_standard
from harness.wait import never, until

SECRET = "your_webhook_secret"
BASE = [
    "Host",
    "Content-Type",
    "Content-Length",
    "User-Agent",
    "X-Webhook-Id",
    "X-Webhook-Event",
    "X-Webhook-Delivery",
    "X-Webhook-Attempt",
    "X-Webhook-Signature",
]
STANDARD = ["webhook-id", "webhook-timestamp", "webhook-signature"]
GOLDEN_DATA = {
    "id": "usr_789",
    "name": "John Doe",
    "email": "john@example.com",
    "created_at": "2023-12-01T15:30:00Z",
}
GOLDEN = (
    '{"id":"evt_abc123","type":"user.created","created_at":"2023-12-01T15:30:00Z","data":'
    '{"id":"usr_789","name":"John Doe","email":"john@example.com","created_at":"2023-12-01T15:30:00Z"}}'
)


def deliver(api, receiver, data=None, body=None, **webhook):
    """One event to one webhook; (webhook, event, request)."""
    made = api.webhook(receiver.url(), **webhook)
    event = api.post(
        "/events", body or {"type": "user.created", "data": data or {}}, expect=202
    ).json
    request = receiver.wait(1)[0]
    return made, event, request


def test_golden(api, receiver):
    """E-js: the body differs from the golden one in its generated id and time only."""
    _, event, request = deliver(api, receiver, GOLDEN_DATA, secret=SECRET)
    golden = GOLDEN.replace("evt_abc123", event["id"]).replace(
        '"created_at":"2023-12-01T15:30:00Z","data"', f'"created_at":"{event["created_at"]}","data"'
    )
    assert request.body == golden.encode()
    assert hex_signature(SECRET, GOLDEN.encode()).endswith("077231c46")
    assert request.header("X-Webhook-Signature") == hex_signature(SECRET, request.body)


@pytest.mark.parametrize("secret, expected", [(SECRET, BASE), (None, BASE + STANDARD)])
def test_headers_exactly(api, receiver, secret, expected):
    more = {"secret": secret} if secret else {}
    webhook, event, request = deliver(api, receiver, **more)
    names = [n for n, v in request.headers if (n, v) != ("Accept", "*/*")]
    assert sorted(names) == sorted(expected)
    delivery = api.settled(webhook)
    values = {
        "Host": f"127.0.0.1:{receiver.port}",
        "Content-Type": "application/json",
        "Content-Length": str(len(request.body)),
        "X-Webhook-Id": webhook["id"],
        "X-Webhook-Event": "user.created",
        "X-Webhook-Delivery": delivery["id"],
        "X-Webhook-Attempt": "1",
    }
    assert {n: request.header(n) for n in values} == values
    assert re.fullmatch(r"Posthorn-Webhooks/\d+\.\d+\.\d+", request.header("User-Agent"))
    assert (request.method, request.version) == ("POST", "HTTP/1.1")
    assert request.json["id"] == event["id"]


def test_standard_webhooks(api, receiver):
    webhook, event, request = deliver(api, receiver)
    assert request.header("webhook-id") == event["id"]
    verify_standard(request, webhook["secret"])
    verify(request, webhook["secret"])


def test_own_headers(api, receiver):
    _, _, request = deliver(
        api, receiver, headers={"X-Team": "growth", "Authorization": "Bearer a\tb", "x-lower": "~"}
    )
    assert (request.header("X-Team"), request.header("Authorization")) == ("growth", "Bearer a\tb")
    assert ("x-lower", "~") in request.headers


def test_url_is_used_as_given(api, receiver):
    webhook = api.webhook(receiver.url("/a%20b/../c?d=e&f=%2F"))
    api.publish()
    until(lambda: receiver.requests, what="the request")
    assert receiver.requests[0].target.endswith("?d=e&f=%2F")
    api.settled(webhook)


def test_name_is_the_host(api, receiver):
    webhook = api.webhook(receiver.url(host="localhost"))
    api.publish()
    assert receiver.wait(1)[0].header("Host") == f"localhost:{receiver.port}"
    assert api.attempted(webhook)[0]["address"] == f"127.0.0.1:{receiver.port}"


FORMS = [  # posted data, its bytes in form js, in form python, in form python-compact
    (
        '{"2":1,"1":2,"x":1.0,"b":9007199254740993}',
        '{"1":2,"2":1,"x":1,"b":"9007199254740993"}',
        '{"2": 1, "1": 2, "x": 1.0, "b": 9007199254740993}',
        '{"2":1,"1":2,"x":1.0,"b":9007199254740993}',
    ),
    (
        '{ "s" : "Привет 😀 a\\/b" , "u" : "\\u001F\\u0041" }',
        '{"s":"Привет 😀 a/b","u":"\\u001fA"}',
        '{"s": "\\u041f\\u0440\\u0438\\u0432\\u0435\\u0442 \\ud83d\\ude00 a/b", "u": "\\u001fA"}',
        '{"s":"\\u041f\\u0440\\u0438\\u0432\\u0435\\u0442 \\ud83d\\ude00 a/b","u":"\\u001fA"}',
    ),
    (
        '{"a":1,"a":2,"n":[1e2,1e-7,-0,1e21,0.00001]}',
        '{"a":2,"n":[100,1e-7,0,1e+21,0.00001]}',
        '{"a": 2, "n": [100.0, 1e-07, 0, 1e+21, 1e-05]}',
        '{"a":2,"n":[100.0,1e-07,0,1e+21,1e-05]}',
    ),
    ("{}", "{}", "{}", "{}"),
]


@pytest.mark.parametrize(
    "form, column, gap", [("js", 1, ""), ("python", 2, " "), ("python-compact", 3, "")]
)
def test_forms(api, receiver, form, column, gap):
    made = api.webhook(receiver.url(), profile_options={"json": form})
    for row in FORMS:
        event = api.post(
            "/events", b'{"type":"a","data":' + row[0].encode() + b"}", expect=202
        ).json
        find = lambda: [
            r for r in receiver.requests if event["id"].encode() in r.body
        ]  # noqa: E731,B023
        request = until(find, what="the request")[0]
        comma, colon = f",{gap}", f":{gap}"
        expected = (
            f'{{"id"{colon}"{event["id"]}"{comma}"type"{colon}"a"{comma}"created_at"{colon}'
            f'"{event["created_at"]}"{comma}"data"{colon}{row[column]}}}'
        )
        assert request.body.decode() == expected
        verify(request, made["secret"])


def test_verbatim(api, receiver):
    text = '{ "b" : 9007199254740993, "a":1.0,\t"a":2 }'
    api.webhook(receiver.url(), profile_options={"json": "verbatim"})
    api.post("/events", b'{"type":"a","data":' + text.encode() + b"}", expect=202)
    assert text.encode() in receiver.wait(1)[0].body


def test_bigint_verbatim(api, receiver):
    deliver_with = {"profile_options": {"json": "js", "bigint": "verbatim"}}
    _, _, request = deliver(api, receiver, {"n": 9007199254740993}, **deliver_with)
    assert b'"n":9007199254740993}' in request.body


def test_bigint_reject(api, receiver):
    """A body that cannot be made in the wanted form fails in words; it is not sent."""
    webhook = api.webhook(
        receiver.url(), profile_options={"json": "js", "bigint": "reject"}, retry_schedule=[]
    )
    answer = api.post("/events", {"type": "a", "data": {"n": 9007199254740993}}, expect=None)
    assert answer.status in (202, 422)
    if answer.status == 202:
        api.settled(webhook, "failed")
    assert receiver.requests == []


def test_no_framing_surprises(api, receiver):
    """Nothing that a receiver's framework trips over: wire facts T1."""
    _, _, request = deliver(api, receiver, {"x": "y" * 200_000})
    for name in ("Transfer-Encoding", "Expect", "Content-Encoding", "Accept-Encoding"):
        assert request.all(name) == []
    assert request.head.count(b"\r\n") == len(request.headers) + 2
    json.loads(request.body)


def test_every_event_once(api, receiver):
    webhook = api.webhook(receiver.url())
    ids = [api.publish(data={"n": n})["id"] for n in range(50)]
    got = [r.json["id"] for r in receiver.wait(50)]
    assert sorted(got) == sorted(ids)
    until(
        lambda: all(d["status"] == "delivered" for d in api.deliveries(webhook)),
        what="all delivered",
    )
    assert len(receiver.requests) == 50


def test_history(api, receiver):
    webhook, event, request = deliver(api, receiver, headers={"X-Token": "hush"})
    listed = api.settled(webhook)
    assert list(listed) == [
        "id",
        "event_id",
        "event_type",
        "status",
        "response_code",
        "response_time_ms",
        "attempts",
        "next_attempt_at",
        "waiting_for",
        "created_at",
    ]
    assert (listed["event_id"], listed["response_code"], listed["attempts"]) == (
        event["id"],
        200,
        1,
    )
    assert isinstance(listed["response_time_ms"], int)
    got = api.get(f"/deliveries/{listed['id']}", expect=200).json
    assert {n: got[n] for n in listed} == listed
    assert (got["webhook_id"], got["url"], got["last_error"]) == (
        webhook["id"],
        webhook["url"],
        None,
    )
    assert got["completed_at"] is not None and got["next_attempt_at"] is None
    attempt = api.attempts(listed)[0]
    assert (attempt["number"], attempt["status"], attempt["error"]) == (1, "delivered", None)
    assert attempt["address"] == f"127.0.0.1:{receiver.port}"
    assert attempt["request"]["url"] == webhook["url"]
    assert f"X-Webhook-Delivery: {listed['id']}\r\n" in attempt["request"]["headers"]
    assert "hush" not in json.dumps(attempt)
    assert attempt["response"]["headers"].startswith("HTTP/1.1 200 OK\r\n")
    assert (attempt["response"]["body"], attempt["response"]["body_truncated"]) == ("OK", False)
    assert "body_encoding" not in attempt["response"]
    timings = attempt["timings"]
    assert 0 < timings["first_byte_ms"] <= timings["total_ms"] < 10_000
    assert timings["tls_ms"] == 0
    assert request.at


def test_delivery_filters(api, receiver):
    from harness import replies

    receiver.script("/hook", replies.answer(500), replies.answer(200))
    webhook = api.webhook(receiver.url(), retry_schedule=[])
    first = api.publish("a.b")
    api.settled(webhook, "failed")
    second = api.publish("c.d")
    until(lambda: api.deliveries(webhook)[0]["status"] == "delivered", what="the second")
    for query, events in [
        ({"status": "failed"}, [first]),
        ({"status": "delivered"}, [second]),
        ({"status": "held"}, []),
        ({"event_type": "c.d"}, [second]),
        ({"event_type": "x"}, []),
        ({"since": "2999-01-01T00:00:00Z"}, []),
        ({"until": "2999-01-01T00:00:00Z"}, [second, first]),
        ({"status": "failed", "event_type": "c.d"}, []),
    ]:
        assert [d["event_id"] for d in api.deliveries(webhook, **query)] == [
            e["id"] for e in events
        ], query


def test_an_app_that_has_its_share_goes_on_when_places_come_free(start, receiver):
    """Also when they came free while the queue was being asked."""
    client = start(POSTHORN_WORKER_IN_FLIGHT=8).client()
    webhook = client.webhook(receiver.url(), concurrency=64)
    for _ in range(4):
        events = [{"type": "a", "data": {"n": n}} for n in range(250)]
        client.post("/events/batch", {"events": events}, expect=202)
    until(lambda: len(receiver.requests) == 1000, 25, lambda: f"1000, not {len(receiver.requests)}")
    until(lambda: not client.deliveries(webhook, status="pending"), 10, "all recorded")


ARRAYS = {"profile": "marzban", "concurrency": 8, "profile_options": {"batch_seconds": 0}}
ONE_BY_ONE = {"profile_options": {"batch_seconds": 0, "batch_max": 1}}


@pytest.mark.parametrize("made, changed", [({"concurrency": 1}, {"concurrency": 8}), (ARRAYS, ONE_BY_ONE)])
def test_what_waits_goes_by_the_limits_that_are_set(api, receiver, made, changed):
    """At once, and not when something new comes, or it is found overdue."""
    opened = threading.Event()
    receiver.script("/hook", replies.gate(opened))
    webhook = api.webhook(receiver.url(), secret="s", **made)
    for n in range(8):
        api.publish("user_created", {"n": n})
        if n == 0:
            receiver.wait(1)
    never(lambda: len(receiver.requests) > 1, 0.3, "a second request")
    api.patch(f"/webhooks/{webhook['id']}", changed)
    until(lambda: len(receiver.requests) == 8, 2, lambda: f"8, not {len(receiver.requests)}")
    opened.set()
