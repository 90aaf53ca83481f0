"""Event types, apps and keys."""

import re

import pytest

TYPE = {
    "name": "user.created",
    "description": "A user signed up.",
    "schema": {"type": "object", "required": ["id"]},
    "example": {"id": "usr_789"},
}


def test_event_type(api):
    answer = api.post("/event-types", TYPE, expect=201)
    made = answer.json
    assert list(made) == ["name", "description", "schema", "example", "created_at", "updated_at"]
    assert {n: made[n] for n in TYPE} == TYPE
    assert answer.headers["Location"].endswith("/event-types/user.created")
    assert api.get("/event-types/user.created").json == made
    assert api.get("/event-types").json == {"data": [made], "next_cursor": None}
    changed = api.patch("/event-types/user.created", {"description": "Other", "schema": {}}).json
    assert (changed["description"], changed["schema"], changed["example"]) == (
        "Other",
        {},
        TYPE["example"],
    )
    api.delete("/event-types/user.created", expect=204)
    api.get("/event-types/user.created", expect=404)
    api.delete("/event-types/user.created", expect=404)


def test_event_type_minimal(api):
    made = api.post("/event-types", {"name": "a"}, expect=201).json
    assert (made["description"], made["schema"], made["example"]) == (None, None, None)


def test_an_app_has_so_many_event_types_and_no_more(start):
    admin = start(role="api", POSTHORN_EVENT_TYPES_PER_APP=2).client()
    full, other = (admin.with_(X_App_Id=admin.post("/apps", {"name": n}).json["id"]) for n in ("full", "other"))
    for name in ("a", "b"):
        full.post("/event-types", {"name": name}, expect=201)
    refused = full.post("/event-types", {"name": "c"}, expect=429)
    assert refused.code == "app_limit" and "POSTHORN_EVENT_TYPES_PER_APP" in refused.json["detail"]
    full.post("/event-types", {"name": "a"}, expect=409)
    full.patch("/event-types/a", {"description": "still"}, expect=200)
    other.post("/event-types", {"name": "c"}, expect=201)
    full.delete("/event-types/a", expect=204)
    full.post("/event-types", {"name": "c"}, expect=201)


def test_event_type_twice(api):
    api.post("/event-types", TYPE, expect=201)
    assert api.post("/event-types", {"name": "user.created"}, expect=409).code == "conflict"
    assert api.get("/event-types/user.created").json["description"] == TYPE["description"]


@pytest.mark.parametrize(
    "body, field",
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "a b"}, "name"),
        ({"name": "a*"}, "name"),
        ({"name": "a" * 129}, "name"),
        ({"name": 1}, "name"),
        ({"name": "a", "description": 1}, "description"),
        ({"name": "a", "description": "a" * 1001}, "description"),
        ({"name": "a", "schema": 1}, "schema"),
        ({"name": "a", "schema": "x"}, "schema"),
        ({"name": "a", "schema": []}, "schema"),
        ({"name": "a", "schema": True}, "schema"),
        ({"name": "a", "nonsense": 1}, "nonsense"),
    ],
)
def test_event_type_refused(api, body, field):
    assert api.post("/event-types", body, expect=422).fields == [field]
    assert api.get("/event-types").json["data"] == []


def test_event_type_name_stays(api):
    api.post("/event-types", TYPE, expect=201)
    assert api.patch("/event-types/user.created", {"name": "other"}, expect=422).fields == ["name"]


def test_app(admin):
    name, uid = "Acmé, Inc.", "acme-catalogue"
    body = {"name": name, "uid": uid, "metadata": {"plan": "team"}}
    answer = admin.post("/apps", body, expect=201)
    made = answer.json
    assert list(made) == ["id", "uid", "name", "metadata", "strict_types", "validate", "created_at"]
    assert (made["uid"], made["name"]) == (uid, name)
    assert made["metadata"] == {"plan": "team"}
    path = f"/apps/{made['id']}"
    assert answer.headers["Location"].endswith(path)
    assert admin.get(path).json == made
    assert admin.post("/apps", body, expect=409).code == "conflict"
    assert admin.patch(path, {"metadata": {}}).json == {**made, "metadata": {}}
    assert admin.patch(path, {"name": name + "2"}).json["name"] == name + "2"
    assert admin.patch(path, {"uid": "default"}, expect=409).code == "conflict"
    admin.delete(path, expect=204)
    for method in ("GET", "DELETE"):
        admin.request(method, path, expect=404)


def test_default_app_stays(admin):
    default = next(a for a in admin.pages("/apps", limit=250) if a["uid"] == "default")
    assert admin.delete(f"/apps/{default['id']}", expect=409).code in ("conflict", "invalid_state")
    assert admin.get(f"/apps/{default['id']}").json == default


@pytest.mark.parametrize(
    "body, field",
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "é" * 257}, "name"),
        ({"name": None}, "name"),
        ({"name": 1}, "name"),
        ({"name": "x", "metadata": []}, "metadata"),
        ({"name": "x", "metadata": {"a": 1}}, "metadata.a"),
        ({"name": "x", "id": "app_x"}, "id"),
    ],
)
def test_app_refused(admin, shared, body, field):
    counts = shared.database.counts()
    assert admin.post("/apps", body, expect=422).fields == [field]
    assert shared.database.counts() == counts


def test_deleting_an_app_deletes_its_webhooks(admin, tenant, receiver):
    api = tenant.write
    webhook = api.webhook(receiver.url())
    admin.delete(f"/apps/{tenant.app['id']}", expect=204)
    admin.with_(X_App_Id=tenant.app["id"]).get("/webhooks", expect=404)
    admin.get(f"/webhooks/{webhook['id']}", expect=404)
    assert receiver.requests == []


def test_key(admin, tenant):
    answer = admin.post(
        "/keys", {"name": "k", "scope": "publish", "app_id": tenant.app["id"]}, expect=201
    )
    made = answer.json
    assert re.fullmatch(r"ph_[0-7][0-9a-hjkmnp-tv-z]{25}_[A-Za-z0-9_-]{54}", made["key"])
    assert made["key"].split("_")[1] == made["id"].removeprefix("key_")
    assert (made["app_id"], made["expires_at"]) == (tenant.app["id"], None)
    path = f"/keys/{made['id']}"
    assert answer.headers["Location"].endswith(path)
    shown = admin.get(path).json
    assert shown == {n: v for n, v in made.items() if n != "key"}
    assert shown in admin.get("/keys", limit=250).json["data"]
    admin.delete(path, expect=204)
    admin.get(path, expect=404)
    admin.delete(path, expect=404)


def test_key_of_the_app_header(admin, tenant):
    made = (
        admin.with_(X_App_Id=tenant.app["uid"]).post("/keys", {"name": "k", "scope": "read"}).json
    )
    assert made["app_id"] == tenant.app["id"]


def test_admin_key_has_no_app(admin, tenant):
    made = admin.post("/keys", {"name": "k", "scope": "admin"}, expect=201).json
    assert made["app_id"] is None
    admin.with_(key=made["key"]).get("/apps", expect=200)
    answer = admin.post(
        "/keys", {"name": "k", "scope": "admin", "app_id": tenant.app["id"]}, expect=422
    )
    assert answer.fields == ["app_id"]
    admin.delete(f"/keys/{made['id']}")


@pytest.mark.parametrize(
    "body, field",
    [
        ({"scope": "read"}, "name"),
        ({"name": "k"}, "scope"),
        ({"name": "", "scope": "read"}, "name"),
        ({"name": 1, "scope": "read"}, "name"),
        ({"name": "k", "scope": "all"}, "scope"),
        ({"name": "k", "scope": ["read"]}, "scope"),
        ({"name": "k", "scope": "read", "app_id": "x"}, "app_id"),
        ({"name": "k", "scope": "read", "app_id": "app_01kn2p7t5ye9a8x3v6j0qk2wcr"}, "app_id"),
        ({"name": "k", "scope": "read", "expires_at": "tomorrow"}, "expires_at"),
        ({"name": "k", "scope": "read", "expires_at": "2001-01-01T00:00:00Z"}, "expires_at"),
        ({"name": "k", "scope": "read", "key": "mine"}, "key"),
    ],
)
def test_key_refused(admin, shared, body, field):
    counts = shared.database.counts()
    assert admin.post("/keys", body, expect=422).fields == [field]
    assert shared.database.counts() == counts
