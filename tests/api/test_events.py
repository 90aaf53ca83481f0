"""Events: post one or many, list, get; bad input."""

import json
import re
import time

import pytest
from harness.wait import until

DATA = {"id": "usr_789", "name": "José 😀", "n": [1, 2.5, None, True], "deep": {"a": {}}}


def test_post(api, receiver):
    api.webhook(receiver.url("/a"))
    api.webhook(receiver.url("/b"), events=["user.*"])
    api.webhook(receiver.url("/c"), events=["project.created"])
    answer = api.post("/events", {"type": "user.created", "data": DATA}, expect=202)
    made = answer.json
    assert list(made) == ["id", "type", "created_at", "deliveries"]
    assert (made["type"], made["deliveries"]) == ("user.created", 2)
    for path in ("/a", "/b"):
        request = receiver.wait(1, path)[0]
        assert request.json == {
            "id": made["id"],
            "type": "user.created",
            "created_at": made["created_at"],
            "data": DATA,
        }
    assert receiver.at("/c") == []


def test_post_without_webhooks(api):
    made = api.publish()
    assert made["deliveries"] == 0
    got = api.get(f"/events/{made['id']}", expect=200).json
    assert got == {
        "id": made["id"],
        "type": "user.created",
        "created_at": made["created_at"],
        "ordering_key": None,
        "coalesce_key": None,
        "deliver_at": None,
        "expires_at": None,
        "erased_at": None,
        "data": {"id": "usr_789"},
        "deliveries": [],
    }


def test_get(api, receiver):
    webhook = api.webhook(receiver.url())
    made = api.publish(data=DATA)
    delivery = api.settled(webhook)
    got = api.get(f"/events/{made['id']}", expect=200).json
    assert got["data"] == DATA
    assert got["deliveries"] == [
        {
            "id": delivery["id"],
            "webhook_id": webhook["id"],
            "status": "delivered",
            "response_code": 200,
            "attempts": 1,
            "next_attempt_at": None,
            "waiting_for": None,
        }
    ]


def test_data_is_kept_as_posted(api):
    """No number, key order or escape is changed by being stored."""
    text = '{"b": 9007199254740993, "a": 1.0, "2": 1e2, "1": -0, "s": "\\u00e9\\/", "t": "é"}'
    made = api.post("/events", b'{"type":"a","data":' + text.encode() + b"}", expect=202).json
    body = api.get(f"/events/{made['id']}").body.decode()
    assert text in body


def test_list_and_filters(api):
    made = [api.publish(type_)["id"] for type_ in ("a.b", "c.d", "a.b")]
    listed = api.get("/events").json["data"]
    assert [e["id"] for e in listed] == made[::-1]
    assert [e["id"] for e in api.get("/events", type="a.b").json["data"]] == [made[2], made[0]]
    assert api.get("/events", type="nothing").json["data"] == []
    assert api.get("/events", since="2999-01-01T00:00:00Z").json["data"] == []
    assert api.get("/events", until="2001-01-01T00:00:00Z").json["data"] == []
    both = api.get("/events", since="2001-01-01T00:00:00Z", until="2999-01-01T00:00:00+01:00").json
    assert [e["id"] for e in both["data"]] == made[::-1]


def test_since_and_until_meet(api):
    first = api.publish("a")
    until(lambda: int(time.time()) > until_second(first), 3)
    second = api.publish("b")
    assert first["created_at"] != second["created_at"]
    border = second["created_at"]
    assert [e["id"] for e in api.get("/events", since=border).json["data"]] == [second["id"]]
    assert [e["id"] for e in api.get("/events", until=border).json["data"]] == [first["id"]]


def until_second(event):
    import datetime

    return datetime.datetime.fromisoformat(event["created_at"]).timestamp()


def test_batch(api, receiver):
    api.webhook(receiver.url())
    events = [{"type": f"t.{i}", "data": {"n": i}} for i in range(1000)]
    made = api.post("/events/batch", {"events": events}, expect=202).json["data"]
    assert [(e["type"], e["deliveries"]) for e in made] == [(e["type"], 1) for e in events]
    assert len({e["id"] for e in made}) == 1000
    seen = {r.json["id"]: r.json["data"] for r in receiver.wait(1000, timeout=60)}
    assert seen == {e["id"]: {"n": i} for i, e in enumerate(made)}
    assert len(receiver.at("/hook")) == 1000


def test_batch_is_all_or_nothing(api, shared):
    counts = shared.database.counts()
    good = {"type": "a", "data": {}}
    for bad, field in [
        ({"type": "a b", "data": {}}, "events[2].type"),
        ({"type": "a"}, "events[2].data"),
        ({"type": "a", "data": 1}, "events[2].data"),
        (1, "events[2]"),
        (None, "events[2]"),
        ({**good, "nonsense": 1}, "events[2].nonsense"),
        ({**good, "idempotency_key": ""}, "events[2].idempotency_key"),
        ({**good, "idempotency_key": "é"}, "events[2].idempotency_key"),
        ({**good, "idempotency_key": "k" * 256}, "events[2].idempotency_key"),
    ]:
        answer = api.post("/events/batch", {"events": [good, good, bad, good]}, expect=422)
        assert answer.fields == [field], bad
    assert shared.database.counts() == counts
    assert api.get("/events").json["data"] == []


@pytest.mark.parametrize(
    "body, field",
    [
        ({"events": []}, "events"),
        ({"events": {}}, "events"),
        ({"events": None}, "events"),
        ({}, "events"),
        ({"events": [{"type": "a", "data": {}}] * 1001}, "events"),
        ({"events": [{"type": "a", "data": {}}], "nonsense": 1}, "nonsense"),
    ],
    ids=range(6),
)
def test_batch_refuses(api, body, field):
    assert api.post("/events/batch", body, expect=422).fields == [field]


@pytest.mark.parametrize(
    "type_",
    [
        "",
        "a b",
        "a/b",
        "a*",
        "*",
        "a.*",
        "é",
        "a\n",
        "a\u0000",
        "a" * 129,
        None,
        1,
        ["a"],
        {},
        True,
    ],
)
def test_types_refused(api, type_):
    assert api.post("/events", {"type": type_, "data": {}}, expect=422).fields == ["type"]
    assert api.get("/events").json["data"] == []


@pytest.mark.parametrize("type_", ["a", "A.b-c_d.9", "." * 128, "a" * 128, "-", "webhook.test"])
def test_types_accepted(api, type_):
    assert api.publish(type_)["type"] == type_


@pytest.mark.parametrize("data", [None, 1, "x", [], [{}], True, 1.5])
def test_data_must_be_an_object(api, data):
    assert api.post("/events", {"type": "a", "data": data}, expect=422).fields == ["data"]


@pytest.mark.parametrize(
    "body, field",
    [
        (b'{"type":"a"}', "data"),
        (b'{"data":{}}', "type"),
        (b'{"type":"a","data":{},"id":"evt_1"}', "id"),
        (b'{"type":"a","data":{},"type":"b"}', "type"),
        (b'{"type":"a","data":{},"data":{}}', "data"),
        (b'{"type":"a","data":{},"Type":"b"}', "Type"),
        (b'{"type":"a","data":{},"":1}', ""),
    ],
)
def test_members_refused(api, body, field):
    assert api.post("/events", body, expect=422).fields == [field]


def test_duplicate_members_inside_data_are_the_customers_own(api):
    made = api.post("/events", b'{"type":"a","data":{"x":1,"x":2}}', expect=202).json
    assert b'{"x":1,"x":2}' in api.with_().request("GET", f"/events/{made['id']}", check=False).body


@pytest.mark.parametrize("key", ["", "k" * 256, "naïve", "a\tb"])
def test_bad_idempotency_keys(api, key):
    answer = api.post(
        "/events",
        {"type": "a", "data": {}},
        expect=422,
        headers={"Idempotency-Key": key.encode("utf-8")},
    )
    assert answer.fields == ["Idempotency-Key"]
    assert api.get("/events").json["data"] == []


def test_created_at_is_in_seconds(api):
    made = api.publish()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", made["created_at"])
    assert json.dumps(api.get(f"/events/{made['id']}").json).count(made["created_at"]) == 1


@pytest.mark.parametrize(
    "pattern, types",
    [
        ("*", ["a", "a.b", "user.created"]),
        ("user.*", ["user.created", "user.a.b"]),
        ("user.created", ["user.created"]),
        ("a.b.*", ["a.b.c", "a.b.c.d"]),
    ],
)
def test_patterns(api, address, pattern, types):
    api.webhook(address, events=[pattern])
    every = [
        "a",
        "a.b",
        "a.b.c",
        "a.b.c.d",
        "user",
        "user.created",
        "user.a.b",
        "users.created",
        "User.created",
    ]
    events = [{"type": t, "data": {}} for t in every]
    made = api.post("/events/batch", {"events": events}).json["data"]
    matched = [e["type"] for e in made if e["deliveries"]]
    if pattern == "*":
        assert matched == every
    else:
        assert sorted(matched) == sorted(types)
    api.delete(f"/webhooks/{api.get('/webhooks').json['data'][0]['id']}")


def test_overlapping_patterns_deliver_once(api, receiver):
    webhook = api.webhook(receiver.url(), events=["*", "user.*", "user.created"])
    assert api.publish()["deliveries"] == 1
    api.settled(webhook)
    assert len(receiver.requests) == 1
