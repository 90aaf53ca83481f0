"""Uids: what clients call apps and webhooks by, wherever their ids are taken, and nobody else's."""

import hashlib
import re
from pathlib import Path

import pytest
from harness import raw
from harness.contract import load
from harness.server import command, options
from harness.wait import until

DIGITS = "01kn2p8v3rf0pbw4gd9ztq6e1x"
OPERATIONS = [
    (method.upper(), path, operation["x-scope"])
    for path, item in load()["paths"].items()
    for method, operation in item.items()
    if method in ("get", "post", "patch", "delete")
]
OF_WEBHOOK = [(m, p) for m, p, s in OPERATIONS if "webhooks/{id}" in p and s != "open"]
OF_APP = [(m, p) for m, p, _ in OPERATIONS if "apps/{id}" in p]
CLOSED = [(m, p) for m, p, s in OPERATIONS if s != "open"]
BODIES = {"preview": {"type": "a", "data": {}}, "rotate": {}, "replay": {}, "backfill": {}, "portal": {}}


def send(client, method, path, name, app=""):
    body = {} if method == "PATCH" else BODIES.get(path.split("/")[-1])
    more = {} if body is None else {"body": body}
    return client.request(method, path.format(id=name, app=app), expect=None, **more)


def same(one, other):
    """But for what is about the request, the same answer."""
    return (one.status, one.body) == (other.status, other.body)


# --- where an id is taken -------------------------------------------------------------------------


@pytest.mark.parametrize("method, path", OF_WEBHOOK)
def test_every_path_of_a_webhook(method, path, api, tenant, other_tenant, receiver):
    by_id = api.webhook(receiver.url("/a"), uid="crm-1")
    by_uid = api.webhook(receiver.url("/b"), uid="crm-2")
    app, answers = tenant.app["id"], []
    for name in (by_id["id"], by_uid["uid"]):
        answers.append(send(api, method, path, name, app))
    assert answers[0].status == 409 if path.endswith("/stream") else 200 <= answers[0].status < 300  # it has a URL
    assert answers[0].status == answers[1].status, answers[1].body
    theirs = send(other_tenant.write, method, path, "crm-1", other_tenant.app["id"])
    nobody = send(api, method, path, "nobody.has_this", app)
    unknown = send(api, method, path, f"wh_{DIGITS}", app)
    assert unknown.status == 404 and same(nobody, unknown) and same(theirs, unknown)


@pytest.mark.parametrize("method, path", OF_APP)
def test_every_path_of_an_app(method, path, admin):
    apps = [admin.post("/apps", {"name": "x", "uid": f"{method}-{n}"}, expect=201).json for n in (1, 2)]
    one, two = (send(admin, method, path, name) for name in (apps[0]["id"], apps[1]["uid"]))
    assert 200 <= one.status < 300 and one.status == two.status
    if two.status == 200:
        assert two.json["id"] == apps[1]["id"]
    assert same(send(admin, method, path, "nobody.has_this"), send(admin, method, path, f"app_{DIGITS}"))


def test_queries(api, other_tenant, receiver):
    webhook = api.webhook(receiver.url(), uid="crm")
    api.webhook(receiver.url("/other"), uid="other")
    api.publish()
    api.settled(webhook)
    for path in ("/deliveries", "/stats"):
        by_id, by_uid = (api.get(path, webhook_id=name) for name in (webhook["id"], "crm"))
        assert by_uid.json == by_id.json
        assert path == "/stats" or len(by_id.json["data"]) == 1
        unknown = api.get(path, expect=404, webhook_id=f"wh_{DIGITS}")
        assert same(api.get(path, expect=404, webhook_id="nobody"), unknown)
        assert same(other_tenant.write.get(path, expect=404, webhook_id="crm"), unknown)
        for bad in ("", "a b", "a/b", "é", "x" * 65, f"evt_{DIGITS}"):
            answer = api.get(path, expect=422, webhook_id=bad)
            assert [(e["field"], e["message"]) for e in answer.json["errors"]] == [
                ("webhook_id", "must be the id or the uid of a webhook")
            ]
    assert api.get("/deliveries", expect=422, webhook_id="crm", status="x").fields == ["status"]


def test_bodies_that_name_a_webhook(api, other_tenant, address):
    webhook = api.webhook(address, uid="crm")
    made = api.post("/deliveries/retry", {"webhook_id": "crm"}, expect=202).json
    assert made["webhook_id"] == webhook["id"]
    dry = api.post("/deliveries/retry", {"webhook_id": "crm", "dry_run": True}, expect=202).json
    assert (dry["id"], dry["webhook_id"]) == (None, webhook["id"])
    for client, name in ((api, "nobody"), (other_tenant.write, "crm"), (api, f"wh_{DIGITS}")):
        client.post("/deliveries/retry", {"webhook_id": name}, expect=404)
    for bad in ("a b", f"evt_{DIGITS}", ""):
        assert api.post("/deliveries/retry", {"webhook_id": bad}, expect=422).fields == ["webhook_id"]


def test_keys_of_an_app(admin):
    app = admin.post("/apps", {"name": "x", "uid": "with-keys"}, expect=201).json
    made = admin.post("/keys", {"name": "k", "scope": "read", "app_id": "with-keys"}, expect=201).json
    assert made["app_id"] == app["id"]
    admin.with_(key=made["key"]).get("/webhooks", expect=200)
    for bad in ("nobody", f"app_{DIGITS}", f"wh_{DIGITS}", "a b", ""):
        assert admin.post("/keys", {"name": "k", "scope": "read", "app_id": bad}, expect=422).fields == ["app_id"]
    assert admin.post("/keys", {"name": "k", "scope": "admin", "app_id": "with-keys"}, expect=422).fields == ["app_id"]


def test_the_header(admin, address):
    for name in ("one", "two"):
        admin.post("/apps", {"name": "The same", "uid": f"header.{name}"}, expect=201)
    one, two = (admin.with_(X_App_Id=f"header.{name}") for name in ("one", "two"))
    webhook = one.webhook(address)
    key = admin.post("/keys", {"name": "k", "scope": "read", "app_id": "header.one"}, expect=201).json["key"]
    for _ in range(2):  # the second time from memory
        assert one.get(f"/webhooks/{webhook['id']}", expect=200).json["id"] == webhook["id"]
        two.get(f"/webhooks/{webhook['id']}", expect=404)
        one.with_(key=key).get(f"/webhooks/{webhook['id']}", expect=200)
        theirs = two.with_(key=key).get("/webhooks", expect=404)
        for nobody in ("nobody", "The same", "a b", "x" * 65, f"wh_{DIGITS}"):
            assert same(admin.with_(key=key, X_App_Id=nobody).get("/webhooks", expect=404), theirs)
            admin.with_(X_App_Id=nobody).get("/webhooks", expect=404)


def test_public_keys_are_found_by_id_alone(api, admin, address):
    webhook = api.webhook(address, uid="crm")
    admin.with_(key=None).get(f"/webhooks/{webhook['id']}/jwks.json", expect=200)
    api.get("/webhooks/crm/jwks.json", expect=404)


# --- what may be one ------------------------------------------------------------------------------

BAD = ["", ".", "..", ".a", "a b", "a/b", "é", "x" * 65, 1, [], f"app_{DIGITS}", f"wh_{DIGITS}", f"x_{DIGITS}"]
GOOD = ["a", "-", "_x", "9", "x" * 64, "A.b-c_9", f"wh_{DIGITS}x", "batch", "default"]


@pytest.mark.parametrize("uid", BAD)
def test_refused(uid, api, admin, address):
    webhook, app = api.webhook(address), admin.post("/apps", {"name": "x"}, expect=201).json
    assert webhook["uid"] is None and app["uid"] is None
    for client, method, path, body in (
        (api, "POST", "/webhooks", {"url": address, "events": ["*"]}),
        (api, "PATCH", f"/webhooks/{webhook['id']}", {}),
        (admin, "POST", "/apps", {"name": "x"}),
        (admin, "PATCH", f"/apps/{app['id']}", {}),
    ):
        assert client.request(method, path, {**body, "uid": uid}, expect=422).fields == ["uid"]


def test_taken_as_they_are(api, address):
    for uid in GOOD:
        made = api.webhook(address, uid=uid)
        assert made["uid"] == uid
        assert api.get(f"/webhooks/{uid}").json == {k: v for k, v in made.items() if k != "secret"}
    assert {w["uid"] for w in api.get("/webhooks").json["data"]} == set(GOOD)


def taken(answer, whose):
    assert (answer.status, answer.code) == (409, "conflict")
    assert answer.json["errors"] == [{"field": "uid", "message": f"is that of another {whose}"}]


def test_one_webhook_of_an_app(api, other_tenant, address):
    one, two = api.webhook(address, uid="crm"), api.webhook(address)
    assert other_tenant.write.webhook(address, uid="crm")["uid"] == "crm"
    new = {"url": address, "events": ["*"], "uid": "crm"}
    taken(api.post("/webhooks", new, expect=409), "webhook of this app")
    taken(api.patch(f"/webhooks/{two['id']}", {"uid": "crm"}, expect=409), "webhook of this app")
    assert len(api.get("/webhooks").json["data"]) == 2
    assert api.patch("/webhooks/crm", {"uid": "crm", "description": "a"}).json["uid"] == "crm"
    assert api.patch("/webhooks/crm", {"description": "b"}).json["uid"] == "crm"
    assert api.patch("/webhooks/crm", {"uid": None}).json["uid"] is None
    api.get("/webhooks/crm", expect=404)
    assert api.patch(f"/webhooks/{two['id']}", {"uid": "crm"}).json["uid"] == "crm"
    assert api.get("/webhooks/crm").json["id"] == two["id"]
    api.delete("/webhooks/crm", expect=204)
    api.delete("/webhooks/crm", expect=404)
    assert api.patch(f"/webhooks/{one['id']}", {"uid": "crm"}).json["uid"] == "crm"


def test_one_app(admin):
    one = admin.post("/apps", {"name": "x", "uid": "only"}, expect=201).json
    two = admin.post("/apps", {"name": "x", "uid": None}, expect=201).json
    taken(admin.post("/apps", {"name": "x", "uid": "only"}, expect=409), "app")
    taken(admin.patch(f"/apps/{two['id']}", {"uid": "only"}, expect=409), "app")
    assert admin.patch("/apps/only", {"name": "A name / of any kind"}).json == {
        **one,
        "name": "A name / of any kind",
    }
    admin.delete("/apps/only", expect=204)
    assert admin.patch(f"/apps/{two['id']}", {"uid": "only"}).json["uid"] == "only"


def test_default_keeps_its_own(start):
    admin = start(role="api").client()
    for uid in (None, "another"):
        assert admin.patch("/apps/default", {"uid": uid}, expect=409).code == "conflict"
    app = admin.patch("/apps/default", {"uid": "default", "name": "Home"}, expect=200).json
    assert (app["uid"], app["name"]) == ("default", "Home")
    assert admin.delete("/apps/default", expect=409).code == "conflict"
    made = admin.post("/apps", {"name": "default"}, expect=201).json
    assert made["uid"] is None
    webhook = admin.webhook("https://hooks.example.com/in")
    assert admin.with_(X_App_Id=app["id"]).get(f"/webhooks/{webhook['id']}").json["id"] == webhook["id"]


def test_the_audit_log_names_the_member(api, address):
    webhook = api.webhook(address, uid="crm")
    api.patch("/webhooks/crm", {"uid": "other"}, expect=200)
    update, create = api.get("/audit", resource=webhook["id"]).json["data"]
    assert (update["action"], update["fields"]) == ("webhook.update", ["uid"])
    assert (create["action"], create["fields"]) == ("webhook.create", ["url", "events", "uid"])


# --- a uid that moves -----------------------------------------------------------------------------


@pytest.fixture
def moving(start, address):
    """Two processes, which know from memory that `moving` is the first of two apps; each has a webhook."""
    servers = [start(role="api") for _ in range(2)]
    admin = servers[0].client()
    apps = [admin.post("/apps", {"name": "x", "uid": uid}, expect=201).json["id"] for uid in ("moving", None)]
    webhooks = [admin.with_(X_App_Id=app).webhook(address)["id"] for app in apps]
    key = admin.post("/keys", {"name": "k", "scope": "read", "app_id": "moving"}, expect=201).json["key"]
    clients = [server.client().with_(X_App_Id="moving") for server in servers]
    for client in clients:
        for one in (client, client.with_(key=key)):
            assert seen(one) == [webhooks[0]]
    return admin, apps, webhooks, clients, key


def seen(client):
    """The webhooks of the app that it names, or None: there is none."""
    answer = client.get("/webhooks", expect=None)
    assert answer.status in (200, 404)
    return [w["id"] for w in answer.json["data"]] if answer.status == 200 else None


def test_a_uid_that_moves_is_the_new_apps(moving):
    admin, apps, webhooks, clients, key = moving
    admin.patch("/apps/moving", {"uid": None}, expect=200)
    assert seen(clients[0]) is None
    until(lambda: seen(clients[1]) is None, 2, "the other process to hear of it")
    admin.patch(f"/apps/{apps[1]}", {"uid": "moving"}, expect=200)
    for client in clients:
        until(lambda c=client: seen(c) == [webhooks[1]], 2, "the new app to be meant")
        assert seen(client.with_(key=key)) is None  # its own app's uid no more, and the other is not its own


def test_a_key_stays_in_its_app_while_nobody_knows(moving, database):
    """Behind the service's back, so that nothing is told: what is known may be used for 5 s, and never for another app."""
    _, apps, webhooks, clients, key = moving
    database.query("update app set uid = null where uid = 'moving'")
    database.query(f"update app set uid = 'moving' where name = 'x' and uid is null and id <> (select app_id from api_key where name = 'k')")
    client, bound = clients[0], clients[0].with_(key=key)

    def moved():
        assert seen(bound) in ([webhooks[0]], None)
        return seen(client) == [webhooks[1]]

    until(moved, 7, "what is known to be forgotten")
    until(lambda: seen(bound) is None, 7, "what is known of the key to be forgotten")


# --- the header that names an app -----------------------------------------------------------------


@pytest.mark.parametrize(
    "lines",
    ["X-App-Id:\r\n", "X-App-Id: \t \r\n", "X-App-Id: {0}\r\nX-App-Id: {0}\r\n", "X-App-Id: {0}\r\nx-app-id: default\r\n"],
)
def test_an_empty_or_doubled_header_is_400(lines, admin, tenant, shared):
    """On every route, for keys of every kind, that were never seen before, or just now, or are none."""
    before = shared.database.counts()
    keys = [admin.key, "ph_nonsense"]
    for scope in ("write", "read"):
        body = {"name": "k", "scope": scope, "app_id": tenant.app["id"]}
        keys += [admin.post("/keys", body, expect=201).json["key"] for _ in range(2)]
    admin.with_(key=keys[2]).get("/webhooks", expect=200)
    for method, path in CLOSED:
        path = re.sub(r"\{\w+\}", "x", path)
        for key in keys[: 3 if method == "GET" else len(keys)]:
            head = f"{method} /v1{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n"
            head += f"Authorization: Bearer {key}\r\n" + lines.format(tenant.app["id"])
            answer = raw.exchange(admin.address, f"{head}\r\n".encode(), 3)
            assert raw.status(answer) == 400 and b"X-App-Id" in answer, f"{method} {path}: {answer}"
    after = shared.database.counts()
    assert {name: n for name, n in after.items() if n != before[name]}.keys() <= {"api_key", "audit"}


# --- how they are found, and where they come from -------------------------------------------------


def test_one_index_finds_them(database):
    database.query("insert into app (id, name) select gen_random_uuid(), 'x' from generate_series(1, 2000)")
    for sql, index in (
        (f"select id from webhook where app_id = '{'0' * 32}' and uid = 'a' and deleted_at is null", "webhook_uid"),
        ("select id from app where uid = 'a'", "app_uid_key"),
    ):
        plan = "\n".join(row[0] for row in database.query(f"set enable_seqscan = off; explain {sql}"))
        assert f"using {index} on" in plan and "Filter" not in plan, plan


MIGRATIONS = Path(__file__).parents[2] / "migrations"


def test_names_of_before_are_uids(postgres, redis, start_on):
    """A database of the first migration. What has the form of an id was never found by that name."""
    database = postgres.create()
    ledger = (MIGRATIONS / "0001_ledger.sql").read_text()
    database.query(ledger)
    database.query(
        "create table schema_migration (number int4 primary key, name text not null,"
        " checksum text not null, applied_at timestamptz not null default now())"
    )
    digest = hashlib.sha256(ledger.encode()).hexdigest()
    database.query(f"insert into schema_migration values (1, 'ledger', '{digest}')")
    names = ["default", "acme", ".hidden", "x" * 64, f"app_{DIGITS}"]
    for name in names:
        database.query(f"insert into app (id, name) values (gen_random_uuid(), '{name}')")
    assert command(options(database, redis), "migrate").returncode == 0
    admin = start_on(database, redis, "api").client()
    apps = {app["name"]: app for app in admin.pages("/apps")}
    assert {name: app["uid"] for name, app in apps.items()} == {
        name: None if name.startswith("app_") else name for name in names
    }
    for name in names[:-1]:
        assert admin.get(f"/apps/{name}").json["id"] == apps[name]["id"]
        admin.with_(X_App_Id=name).get("/webhooks", expect=200)
