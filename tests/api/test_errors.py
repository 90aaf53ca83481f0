"""Errors that say enough to put right what was wrong: all of it at once, in words that say more than the title, and as the
contract's examples show them."""

import json
from pathlib import Path

import pytest
from harness import raw
from harness.contract import load

FORM = "application/x-www-form-urlencoded"
WORDS = (Path(__file__).resolve().parents[1] / "words.txt").read_text()
UNKNOWN = "01kn2p8v3rf0pbw4gd9ztq6e1x"


def detail(answer):
    return answer.json["detail"]


# --- all fields at fault, in one answer ---------------------------------------------------------------

MANY = [
    (
        "POST",
        "/webhooks",
        {
            "url": "ftp://x",
            "events": ["*.created", "a"],
            "profile_options": {"json": "q", "nope": 2},
            "headers": {"Host": "x"},
            "auth": {"type": "basic", "username": 1},
            "retry_schedule": [31536000],
            "timeout_ms": 1,
            "secret": "whsec_x",
            "nope": 1,
        },
        {
            "url",
            "events[0]",
            "profile_options.json",
            "profile_options.nope",
            "headers.Host",
            "auth.username",
            "auth.password",
            "retry_schedule[0]",
            "timeout_ms",
            "secret",
            "nope",
        },
    ),
    ("PATCH", "/webhooks/{id}", {"secret": "whsec_x", "description": 1, "url": "x"}, {"secret", "description", "url"}),
    ("PATCH", "/webhooks/{id}", {"secret": "secret", "description": 1}, {"secret", "description"}),
    (
        "POST",
        "/events",
        {"type": "*.x", "data": 1, "deliver_at": "2099-01-01T00:00:00Z", "expires_at": "x", "a": 1},
        {"type", "data", "deliver_at", "expires_at", "a"},
    ),
    (
        "POST",
        "/events/batch",
        {"events": [{"type": "a"}, {"data": {}, "deliver_at": "2099-01-01T00:00:00Z"}]},
        {"events[0].data", "events[1].type", "events[1].deliver_at"},
    ),
    ("POST", "/events/batch", {"events": [], "a": 1}, {"events", "a"}),
    (
        "POST",
        "/keys",
        {"scope": "x", "name": "", "app_id": "x y", "expires_at": "2001-01-01T00:00:00Z"},
        {"scope", "name", "app_id", "expires_at"},
    ),
    ("POST", "/webhooks/{id}/preview", {"event_id": "x", "type": "*"}, {"event_id", "type"}),
    ("POST", "/webhooks/{id}/secret/rotate", {"secret": "whsec_x", "overlap_seconds": -1}, {"secret", "overlap_seconds"}),
    ("GET", "/webhooks?status=x&limit=0&cursor=x&a=1&b=2", None, {"status", "limit", "cursor", "a", "b"}),
    ("GET", "/events?type=*&since=x&until=y&cursor=&limit=x", None, {"type", "since", "until", "cursor", "limit"}),
    ("GET", "/webhooks/{id}/deliveries?status=x&event_type=*&limit=0", None, {"status", "event_type", "limit"}),
    ("GET", "/jobs?kind=x&status=y&limit=1&limit=2", None, {"kind", "status", "limit"}),
    ("GET", "/audit?actor=x&action=y&resource=*&since=1", None, {"actor", "action", "resource", "since"}),
    ("POST", "/webhooks/{id}/test?a=1&b=2", {}, {"a", "b"}),
]


@pytest.mark.parametrize("method, path, body, fields", MANY, ids=range(len(MANY)))
def test_all_faults_at_once(method, path, body, fields, admin, tenant, api, address):
    client = admin.with_(X_App_Id=tenant.app["id"])
    path = path.replace("{id}", api.webhook(address)["id"])
    more = {} if body is None else {"body": body}
    answer = client.request(method, path, expect=422, **more)
    assert set(answer.fields) == fields
    assert len(answer.fields) == len(set(answer.fields)), "one is named twice"
    assert detail(answer).endswith(f"; and {len(fields) - 1} more")


def test_a_key_of_an_event_with_its_fields(api):
    answer = api.post("/events", {"type": 1}, expect=422, headers={"Idempotency-Key": "a" * 256})
    assert set(answer.fields) == {"type", "data", "Idempotency-Key"}


def test_what_is_too_much_to_name_is_counted(api, address):
    body = {"url": address, "events": [f"bad type {n}" for n in range(30)]}
    answer = api.post("/webhooks", body, expect=422)
    assert len(answer.fields) == 16
    assert detail(answer).endswith("; and 29 more")


def test_one_fault_is_told_plainly(api, address):
    answer = api.post("/webhooks", {"url": address, "events": [1]}, expect=422)
    assert detail(answer) == "events[0] must be a string"


# --- what people try ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "method, body, field, says",
    [
        ("POST", {"events": ["*.created"]}, "events[0]", "prefix.*"),
        ("POST", {"events": ["user.*.created"]}, "events[0]", "prefix.*"),
        ("POST", {"enabled": False}, "enabled", "status"),
        ("POST", {"status": "paused"}, "status", "PATCH /webhooks/{id}"),
        ("POST", {"event_types": ["a"]}, "event_types", "`events`"),
        ("PATCH", {"enabled": False}, "enabled", "`status`"),
        ("PATCH", {"active": True}, "active", "`status`"),
        ("PATCH", {"secret": "whsec_" + "a" * 32}, "secret", "/secret/rotate"),
    ],
)
def test_what_people_try_is_told_where_it_is(method, body, field, says, api, address):
    made = api.webhook(address)
    if method == "POST":
        answer = api.post("/webhooks", {"url": address, "events": ["*"], **body}, expect=422)
    else:
        answer = api.patch(f"/webhooks/{made['id']}", body, expect=422)
    told = {e["field"]: e["message"] for e in answer.json["errors"]}
    assert told.keys() == {field}
    assert says in told[field]


# --- bodies that are no JSON --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/events", "/webhooks", "/webhooks/{id}/replay", "/deliveries/retry", "/events/erase"]
)
def test_no_body(path, api, address):
    made = api.webhook(address)
    answer = api.post(path.replace("{id}", made["id"]), expect=400)
    assert answer.code == "invalid_json"
    assert detail(answer) == "The request has no body: send a JSON object"


@pytest.mark.parametrize("type_", [FORM, f"{FORM}; charset=utf-8", "multipart/form-data; boundary=x"])
def test_forms(type_, api):
    answer = api.post("/events", b"type=a&data=b", expect=415, headers={"Content-Type": type_})
    assert answer.code == "unsupported_media_type"
    assert "form" in detail(answer)


@pytest.mark.parametrize("coding", ["gzip", "br", "deflate"])
def test_what_is_compressed(coding, api):
    answer = api.post("/events", b"\x1f\x8b\x08\x00", expect=415, headers={"Content-Encoding": coding})
    assert answer.code == "unsupported_media_type"
    assert "Content-Encoding" in detail(answer)


def test_json_is_taken_whatever_it_is_called(api):
    """curl -d says that it sends a form."""
    headers = {"Content-Type": FORM, "Content-Encoding": "identity"}
    api.post("/events", {"type": "a", "data": {}}, expect=202, headers=headers)


# --- keys, apps, ids ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers, says",
    [
        ({}, "Authorization: Bearer KEY"),
        ({"X-Api-Key": "x"}, "No key was sent"),
        ({"Authorization": "Basic eDp5"}, "not of the form"),
        ({"Authorization": "Bearer nothing"}, "unknown, expired or revoked"),
    ],
)
def test_how_a_key_is_sent(headers, says, api):
    answer = api.with_(key=None).get("/webhooks", headers=headers, expect=401)
    assert says in detail(answer)
    assert "Bearer KEY" in detail(answer)


def test_which_scope_is_needed(tenant):
    answer = tenant.publish.get("/webhooks", expect=403)
    assert detail(answer) == "This needs a key with the scope read or write or admin"


@pytest.mark.parametrize(
    "path, thing",
    [
        (f"/webhooks/wh_{UNKNOWN}", "webhook"),
        (f"/webhooks/wh_{UNKNOWN}/deliveries", "webhook"),
        ("/webhooks/nonsense", "webhook"),
        (f"/events/evt_{UNKNOWN}", "event"),
        (f"/deliveries/del_{UNKNOWN}", "delivery"),
        (f"/deliveries/del_{UNKNOWN}/attempts", "delivery"),
        (f"/jobs/job_{UNKNOWN}", "job"),
        ("/event-types/nothing", "event type"),
        (f"/apps/app_{UNKNOWN}", "app"),
        (f"/keys/key_{UNKNOWN}", "API key"),
    ],
)
def test_what_was_not_found(path, thing, admin):
    assert detail(admin.get(path, expect=404)).startswith(f"No {thing} ")


# --- not for HTTP libraries ---------------------------------------------------------------------------


def test_tls_to_a_port_without_it(shared):
    hello = bytes.fromhex("16030100c8010000c40303") + bytes(194)
    answer = raw.exchange(("127.0.0.1", shared.port), hello, 2)
    assert raw.status(answer) == 400
    assert b"Content-Type: application/problem+json\r\n" in answer
    assert "TLS" in json.loads(answer.split(b"\r\n\r\n", 1)[1])["detail"]


@pytest.mark.parametrize("path", ["/v1/webhooks", "/v1/admin/apps/default/webhooks"])
@pytest.mark.parametrize("lines", ["X-App-Id:\r\n", "X-App-Id: default\r\nX-App-Id: default\r\n"])
def test_an_app_is_named_once_on_every_route(path, lines, shared):
    """Twice: what is remembered of the key must not decide."""
    key = shared.client().key
    head = f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {key}\r\n"
    for named in ("", lines, lines):
        answer = raw.exchange(("127.0.0.1", shared.port), f"{head}{named}\r\n".encode(), 2)
        assert raw.status(answer) == (400 if named else 200)


# --- the contract's examples --------------------------------------------------------------------------


def of_conflict(api, **_):
    api.post("/event-types", {"name": "a"}, expect=201)
    return api.post("/event-types", {"name": "a"}, expect=409)


def unproven(api, **_):
    made = api.post("/sources", {"name": "a", "kind": "marzban", "secret": "a"}, expect=201).json
    return api.post(f"/ingest/{made['token']}", [], headers={"x-webhook-secret": "b"}, expect=401)


PROVOKED = {
    "invalid_json": lambda api, **_: api.post("/events", b'{"type":"a","x": }', expect=400),
    "unauthorized": lambda api, **_: api.with_(key="ph_x").get("/webhooks", expect=401),
    "no_key": lambda api, **_: api.with_(key=None).get("/webhooks", expect=401),
    "unproven": unproven,
    "forbidden": lambda tenant, **_: tenant.read.post("/webhooks", {}, expect=403),
    "not_found": lambda api, **_: api.get(f"/webhooks/wh_{UNKNOWN}", expect=404),
    "conflict": of_conflict,
    "too_large": lambda api, **_: api.post("/events", b" " * (1 << 20) + b"1", expect=413),
    "form": lambda api, **_: api.post("/events", b"a=b", expect=415, headers={"Content-Type": FORM}),
    "validation_failed": lambda api, address, **_: api.post(
        "/webhooks", {"url": address, "events": ["*"], "timeout_ms": 1}, expect=422
    ),
}
EXAMPLES = {
    name: example["value"]
    for response in load()["components"]["responses"].values()
    for media in response.get("content", {}).values()
    for name, example in media.get("examples", {}).items()
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_are_what_is_answered(name, api, tenant, address):
    example = EXAMPLES[name]
    if name in PROVOKED:
        assert PROVOKED[name](api=api, tenant=tenant, address=address).json == example
    else:  # what takes a fault, or twenty requests at once: the text is one that the program has
        assert example["status"] >= 500 or name == "limited"
        assert example["detail"].replace("20 tests", "%lld tests") in WORDS
