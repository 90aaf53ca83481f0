"""Keys, scopes, and tenants that cannot see each other. The cases are made from the contract."""

import re
from datetime import UTC, datetime

import pytest
from harness.contract import load
from harness.wait import until

DOCUMENT = load()
OPERATIONS = [
    (method.upper(), path, operation["x-scope"])
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
    if method in ("get", "post", "patch", "delete")
]
CLOSED = [o for o in OPERATIONS if o[2] != "open"]
COVERS = {
    "admin": {"admin", "write", "publish", "read"},
    "write": {"write", "publish", "read"},
    "publish": {"publish"},
    "read": {"read"},
}
BODIES = {
    "/webhooks": {"url": "https://hooks.example.com/in", "events": ["*"]},
    "/events": {"type": "a", "data": {}},
    "/events/batch": {"events": [{"type": "a", "data": {}}]},
    "/events/explain": {"type": "a", "data": {}},
    "/event-types": {"name": "some.type"},
    "/apps": {"name": "some-app"},
    "/keys": {"name": "k", "scope": "read"},
    "/sources": {"name": "s", "kind": "marzban", "secret": None},
    "/issues/{id}": {"status": "resolved"},
    "/admin/apps/{app}/webhooks": {"url": "https://hooks.example.com/in", "events": ["*"]},
}
UNKNOWN = {
    "webhooks": "wh_01kn2p8v3rf0pbw4gd9ztq6e1x",
    "events": "evt_01kn2pa7gxe83r5cv0jw1mh4bd",
    "deliveries": "del_01kn2pa7gye0qa5gmmt2w8z3fk",
    "apps": "app_01kn2p7t5ye9a8x3v6j0qk2wcr",
    "keys": "key_01kn2p7xrkf2s9d4h1n8b6m5ta",
    "jobs": "job_01kn2pd4m8f5vrx1w7z3t9q2ak",
    "replays": "job_01kn2pd4m8f5vrx1w7z3t9q2ak",
    "event-types": "never.made",
    "sources": "src_01kn2p7xrkf2s9d4h1n8b6m5ta",
    "issues": "iss_01kn2p7xrkf2s9d4h1n8b6m5ta",
}
names = [f"{m} {p}" for m, p, _ in CLOSED]


def filled(path, ids=UNKNOWN):
    """Each parameter is of the kind that the segment before it names."""
    return re.sub(r"([\w-]+)/\{\w+\}", lambda m: f"{m[1]}/{ids[m[1]]}", path)


def send(client, method, path, ids=UNKNOWN, expect=None):
    more = {}
    if method == "PATCH" or (method == "POST" and path in BODIES):
        more["body"] = BODIES.get(path, {})
    elif path.endswith("/answer"):
        more["body"] = {"attempt": 1, "sent_at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}.000Z", "response_code": 200}
    elif method == "POST" and path.split("/")[-1] in ("rotate", "replay", "backfill", "erase"):
        more["body"] = {}
    return client.request(method, filled(path, ids), expect=expect, **more)


@pytest.mark.parametrize("method, path, scope", CLOSED, ids=names)
def test_without_a_key(shared, admin, method, path, scope):
    before = shared.database.counts()
    wrong = [
        "",
        "Bearer",
        "Bearer ",
        "Basic YTpi",
        "Bearer x y",
        "Bearer ph_01kn2p7xrkf2s9d4h1n8b6m5ta_gA5mJ0sRfWc9Yq2xT7bK1dN8vL3hP6uE4zXoQiCyMt0",
        "Bearer ph_01kn2p7xrkf2s9d4h1n8b6m5ta_short",
        f"bearer{admin.key}",
        admin.key,
        f"Bearer {admin.key}x",
        f"Bearer {admin.key[:-1]}",
    ]
    none = admin.with_(key=None)
    for client in [none] + [none.with_(Authorization=value) for value in wrong]:
        answer = send(client, method, path, expect=401)
        assert answer.code == "unauthorized"
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert shared.database.counts() == before


def test_key_of_another_secret(tenant, other_tenant):
    """The id of one key with the secret of another."""
    one, two = tenant.write.key, other_tenant.write.key
    mixed = "_".join(one.split("_")[:2] + [two.split("_", 2)[2]])
    tenant.write.with_(key=mixed).get("/webhooks", expect=401)


@pytest.mark.parametrize("scope", ["write", "publish", "read"])
def test_scopes(tenant, scope):
    client = tenant.client(scope)
    for method, path, needed in CLOSED:
        answer = send(client, method, path)
        if needed in COVERS[scope]:
            assert answer.status not in (401, 403), f"{method} {path}: {answer.body}"
        else:
            assert answer.status == 403, f"{method} {path}: {answer.status} {answer.body}"
            assert answer.code == "forbidden"


def test_admin_may_do_all(admin):
    client = admin.with_(X_App_Id="default")
    for method, path, _ in CLOSED:
        if path not in BODIES:
            answer = send(client, method, path)
            assert answer.status not in (401, 403), f"{method} {path}: {answer.body}"


@pytest.fixture
def things(tenant, receiver):
    """One of everything that a tenant owns."""
    api = tenant.write
    webhook = api.webhook(receiver.url())
    api.post("/event-types", {"name": "only.mine"}, expect=201)
    event = api.publish("only.mine")
    delivery = api.settled(webhook)
    source = api.post("/sources", BODIES["/sources"], expect=201).json
    job = api.post(f"/webhooks/{webhook['id']}/replay", {}, expect=202).json
    return {
        "jobs": job["id"],
        "replays": job["id"],
        "webhooks": webhook["id"],
        "events": event["id"],
        "deliveries": delivery["id"],
        "event-types": "only.mine",
        "sources": source["id"],
    }


def test_other_tenants_ids_are_404(tenant, other_tenant, admin, things):
    """Each route with an id, asked by another tenant's write key, and by an admin in that tenant."""
    own = [(m, p) for m, p, s in CLOSED if "{" in p and p.split("/")[1] in things]
    assert len(own) > 12
    for client in (other_tenant.write, admin.with_(X_App_Id=other_tenant.app["id"])):
        for method, path in own:
            answer = send(client, method, path, things)
            assert answer.status == 404, f"{method} {path}: {answer.status} {answer.body}"
            assert answer.code == "not_found"
    for method, path in own:
        if method == "GET":
            send(tenant.write, method, path, things, expect=409 if path.endswith("/stream") else 200)  # it has a URL


def test_lists_hold_the_tenants_own(other_tenant, things):
    for path in ("/webhooks", "/events", "/event-types", "/jobs", "/sources"):
        assert other_tenant.write.get(path).json == {"data": [], "next_cursor": None}


def test_foreign_cursors_show_nothing(tenant, other_tenant, address):
    for client in (tenant.write, other_tenant.write):
        for _ in range(3):
            client.webhook(address)
    cursor = tenant.write.get("/webhooks", limit=1).json["next_cursor"]
    own = {w["id"] for w in other_tenant.write.get("/webhooks").json["data"]}
    answer = other_tenant.write.get("/webhooks", cursor=cursor, expect=None)
    assert answer.status == 422 or {w["id"] for w in answer.json["data"]} <= own


def test_events_reach_the_tenants_own_webhooks(tenant, other_tenant, receiver):
    tenant.write.webhook(receiver.url("/mine"))
    other_tenant.write.webhook(receiver.url("/theirs"))
    assert tenant.publish.publish()["deliveries"] == 1
    receiver.wait(1, "/mine")
    assert receiver.at("/theirs") == []


def test_app_header(tenant, other_tenant, admin, address):
    made = tenant.write.webhook(address)
    by_id = admin.with_(X_App_Id=tenant.app["id"])
    by_uid = admin.with_(X_App_Id=tenant.app["uid"])
    own = tenant.write.with_(X_App_Id=tenant.app["id"])
    for client in (by_id, by_uid, own):
        assert [w["id"] for w in client.get("/webhooks").json["data"]] == [made["id"]]
    tenant.write.with_(X_App_Id=other_tenant.app["id"]).get("/webhooks", expect=404)
    for nobody in ("app_01kn2p7t5ye9a8x3v6j0qk2wcr", "nobody", "a b", "x" * 300):
        admin.with_(X_App_Id=nobody).get("/webhooks", expect=404)


@pytest.mark.parametrize("scope", ["read", "write"])
def test_what_a_key_is(tenant, scope):
    said = tenant.client(scope).get("/key", expect=200).json
    assert (said["scope"], said["app_id"]) == (scope, tenant.app["id"])
    assert said["id"].startswith("key_")


def test_what_the_key_of_the_options_is(admin, tenant):
    said = admin.with_(X_App_Id=tenant.app["uid"]).get("/key", expect=200).json
    assert said == {"id": None, "app_id": tenant.app["id"], "scope": "admin"}
    admin.with_(X_App_Id="nobody").get("/key", expect=404)


def test_default_app(admin, address):
    made = admin.webhook(address)
    in_default = admin.with_(X_App_Id="default").get("/webhooks").json["data"]
    assert made["id"] in [w["id"] for w in in_default]
    admin.delete(f"/webhooks/{made['id']}", expect=204)


def test_revoked_key(tenant, admin):
    made = admin.post("/keys", {"name": "k", "scope": "read", "app_id": tenant.app["id"]}).json
    client = admin.with_(key=made["key"])
    client.get("/webhooks", expect=200)
    admin.delete(f"/keys/{made['id']}", expect=204)
    client.get("/webhooks", expect=401)


def test_revoked_key_on_another_process(start):
    one, two = start(role="api"), start(role="api")
    made = one.client().post("/keys", {"name": "k", "scope": "read"}, expect=201).json
    client = two.client(made["key"])
    client.get("/webhooks", expect=200)
    one.client().delete(f"/keys/{made['id']}", expect=204)
    until(lambda: client.get("/webhooks", expect=None).status == 401, 5.5, "the key to be refused")


def test_expired_key(tenant, admin):
    import datetime

    soon = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=2)
    made = admin.post(
        "/keys",
        {
            "name": "k",
            "scope": "read",
            "app_id": tenant.app["id"],
            "expires_at": soon.strftime("%Y-%m-%dT%H:%M:%SZ"),
        },
        expect=201,
    ).json
    client = admin.with_(key=made["key"])
    assert client.get("/webhooks", expect=None).status in (200, 401)
    until(lambda: client.get("/webhooks", expect=None).status == 401, 8, "the key to expire")


def test_keys_of_a_deleted_app(tenant, admin):
    client = tenant.write
    client.get("/webhooks", expect=200)
    admin.delete(f"/apps/{tenant.app['id']}", expect=204)
    until(lambda: client.get("/webhooks", expect=None).status == 401, 5.5, "the key to be refused")
