"""Webhooks: create, get, list, change, delete."""

import datetime
import json
import re

import pytest

ORDER = [
    "id",
    "url",
    "events",
    "created_at",
    "status",
    "updated_at",
    "uid",
    "description",
    "profile",
    "profile_options",
    "headers",
    "auth",
    "tls",
    "retry_schedule",
    "timeout_ms",
    "rate_limit",
    "concurrency",
    "ordering",
    "filter",
    "metadata",
    "disabled_reason",
    "secret_preview",
    "previous_secret_expires_at",
    "secret_activates_at",
    "secrets_sent",
    "managed",
    "health",
    "stats",
]
FULL = {
    "url": "https://hooks.example.com/in?a=1",
    "events": ["user.created", "project.*"],
    "secret": "a secret of mine",
    "uid": "crm",
    "description": "Näme ✓",
    "profile": "default",
    "profile_options": {"json": "python", "bigint": "verbatim"},
    "headers": {"X-Team": "growth"},
    "retry_schedule": [1, 604800],
    "timeout_ms": 1000,
    "rate_limit": 5,
    "concurrency": 1,
    "filter": {"path": "/user/plan", "eq": "pro"},
    "metadata": {"plan": "team"},
}


def members(answer):
    return list(json.loads(answer.body, object_pairs_hook=lambda pairs: dict(pairs)))


def test_create_minimal(api, address):
    answer = api.post("/webhooks", {"url": address, "events": ["user.created"]}, expect=201)
    made = answer.json
    assert members(answer) == ORDER[:5] + ["secret"] + ORDER[5:]
    assert re.fullmatch(r"(/v1)?/webhooks/" + made["id"], answer.headers["Location"])
    assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", made["secret"])
    expected = {
        "url": address,
        "events": ["user.created"],
        "status": "active",
        "uid": None,
        "description": None,
        "profile": "default",
        "profile_options": {"json": "js", "bigint": "string"},
        "headers": {},
        "auth": None,
        "tls": None,
        "retry_schedule": [60, 300, 1800, 3600, 21600],
        "timeout_ms": 10000,
        "rate_limit": None,
        "concurrency": 32,
        "filter": None,
        "metadata": {},
        "disabled_reason": None,
        "previous_secret_expires_at": None,
        "secret_activates_at": None,
        "secrets_sent": ["current"],
        "managed": None,
        "health": {
            "state": "healthy",
            "failures": 0,
            "since": None,
            "reason": None,
            "concurrency": 32,
            "next_at": None,
        },
    }
    assert {name: made[name] for name in expected} == expected
    created = datetime.datetime.fromisoformat(made["created_at"])
    assert abs((datetime.datetime.now(datetime.UTC) - created).total_seconds()) < 10
    assert made["updated_at"] == made["created_at"]


def test_create_full(api):
    made = api.post("/webhooks", FULL, expect=201).json
    assert made["secret"] == FULL["secret"]
    for name in set(FULL) - {"secret", "headers"}:
        assert made[name] == FULL[name], name
    assert made["headers"] == {"X-Team": "***"}
    assert FULL["secret"] not in made["secret_preview"]


def test_generated_secrets_differ(api, address):
    assert api.webhook(address)["secret"] != api.webhook(address)["secret"]


def test_get_equals_create_without_secret(api):
    made = api.post("/webhooks", FULL, expect=201).json
    answer = api.get(f"/webhooks/{made['id']}", expect=200)
    assert members(answer) == ORDER
    del made["secret"]
    assert answer.json == made
    assert api.get("/webhooks").json == {"data": [made], "next_cursor": None}


def test_list_is_newest_first_and_filters(api, address):
    made = [api.webhook(address)["id"] for _ in range(3)]
    assert [w["id"] for w in api.get("/webhooks").json["data"]] == made[::-1]
    api.patch(f"/webhooks/{made[1]}", {"status": "paused"})
    for status, expected in (
        ("paused", [made[1]]),
        ("active", [made[2], made[0]]),
        ("disabled", []),
    ):
        assert [w["id"] for w in api.get("/webhooks", status=status).json["data"]] == expected


@pytest.mark.parametrize(
    "name, value",
    [
        ("url", "http://other.example.com/x"),
        ("events", ["*"]),
        ("description", "other"),
        ("profile", "default"),
        ("profile_options", {"json": "verbatim", "bigint": "reject"}),
        ("retry_schedule", []),
        ("timeout_ms", 30000),
        ("rate_limit", 10000),
        ("concurrency", 1024),
        ("filter", {"not": {"path": "/test", "exists": True}}),
        ("metadata", {"a": "b"}),
        ("status", "paused"),
    ],
)
def test_patch_one(api, address, name, value):
    made = api.webhook(address)
    del made["secret"]
    changed = api.patch(f"/webhooks/{made['id']}", {name: value}, expect=200).json
    assert changed[name] == value
    expected = {**made, name: value, "updated_at": changed["updated_at"]}
    if name == "concurrency":
        expected["health"] = {**made["health"], "concurrency": value}
    assert changed == expected
    assert api.get(f"/webhooks/{made['id']}").json == changed


def test_patch_headers_replaces_them(api, receiver):
    made = api.webhook(receiver.url(), headers={"X-One": "1"})
    changed = api.patch(f"/webhooks/{made['id']}", {"headers": {"X-Two": "2"}}).json
    assert changed["headers"] == {"X-Two": "***"}
    api.publish()
    request = receiver.wait()[0]
    assert request.all("X-One") == [] and request.header("X-Two") == "2"


@pytest.mark.parametrize(
    "name",
    [
        "description",
        "profile",
        "profile_options",
        "headers",
        "auth",
        "tls",
        "retry_schedule",
        "timeout_ms",
        "rate_limit",
        "concurrency",
        "filter",
        "metadata",
    ],
)
def test_patch_null_is_the_default(api, address, name):
    default = api.webhook(address)
    made = api.post("/webhooks", FULL, expect=201).json
    changed = api.patch(f"/webhooks/{made['id']}", {name: None}, expect=200).json
    assert changed[name] == default[name]


@pytest.mark.parametrize("name", ["url", "events", "status"])
def test_patch_null_without_default(api, address, name):
    made = api.webhook(address)
    answer = api.patch(f"/webhooks/{made['id']}", {name: None}, expect=422)
    assert answer.fields == [name]


def test_patch_nothing(api, address):
    made = api.webhook(address)
    del made["secret"]
    assert api.patch(f"/webhooks/{made['id']}", {}, expect=200).json == made


def test_patch_status_and_reason(api, address):
    path = f"/webhooks/{api.webhook(address)['id']}"
    for status, reason in (
        ("disabled", "api"),
        ("active", None),
        ("paused", None),
        ("disabled", "api"),
    ):
        changed = api.patch(path, {"status": status}).json
        assert (changed["status"], changed["disabled_reason"]) == (status, reason)


@pytest.mark.parametrize(
    "name, value",
    [
        ("id", "wh_x"),
        ("secret", "x"),
        ("created_at", "2026-01-02T03:04:05Z"),
        ("nonsense", 1),
        ("disabled_reason", None),
        ("status", "deleted"),
        ("status", "ACTIVE"),
        ("status", 1),
    ],
)
def test_patch_refuses(api, address, name, value):
    made = api.webhook(address)
    del made["secret"]
    path = f"/webhooks/{made['id']}"
    answer = api.patch(path, {"description": "other", name: value}, expect=422)
    assert answer.fields == [name]
    assert api.get(path).json == made


def test_delete(api, address):
    made, kept = api.webhook(address), api.webhook(address)
    path = f"/webhooks/{made['id']}"
    assert api.delete(path, expect=204).body == b""
    for method, more in (("GET", {}), ("PATCH", {"body": {}}), ("DELETE", {})):
        api.request(method, path, expect=404, **more)
    for tail in ("/secret/rotate", "/test", "/replay"):
        api.post(path + tail, {}, expect=404)
    api.get(path + "/deliveries", expect=404)
    assert [w["id"] for w in api.get("/webhooks").json["data"]] == [kept["id"]]


def test_default_schedule_is_an_option(start, address):
    client = start(POSTHORN_RETRY_SCHEDULE="7,8").client()
    assert client.webhook(address)["retry_schedule"] == [7, 8]


@pytest.mark.parametrize("value", [{}, {"json": "js"}, {"bigint": "string"}])
def test_profile_options_are_completed(api, address, value):
    made = api.webhook(address, profile_options=value)
    assert made["profile_options"] == {"json": "js", "bigint": "string"}


def test_an_app_has_so_many_webhooks_and_no_more(start, address):
    """What others have is not counted, nor what was deleted."""
    admin = start(POSTHORN_WEBHOOKS_PER_APP=3).client()
    full, other = (
        admin.with_(X_App_Id=admin.post("/apps", {"name": name}).json["id"]) for name in ("full", "other")
    )
    made = [full.webhook(address) for _ in range(3)]
    refused = full.post("/webhooks", {"url": address, "events": ["*"]}, expect=429)
    assert refused.code == "app_limit"
    assert "POSTHORN_WEBHOOKS_PER_APP" in refused.json["detail"]
    assert int(refused.headers["Retry-After"]) > 0
    app = full.headers["X-App-Id"]
    admin.post(f"/admin/apps/{app}/webhooks", {"url": address, "events": ["*"]}, expect=429)
    other.webhook(address)
    full.delete(f"/webhooks/{made[0]['id']}")
    full.webhook(address)
    assert len(full.get("/webhooks").json["data"]) == 3
