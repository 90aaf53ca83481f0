"""The audit log: one entry for each change, of whoever made it, in the change's own commit; none without one."""

import datetime

import pytest
from harness.contract import load
from harness.server import command
from harness.wait import never, until

METHODS = ("post", "patch", "put", "delete")
WRITES = {
    (method.upper(), path) for path, item in load()["paths"].items() for method in item if method in METHODS
}

# What makes no entry: events that are posted, tests that are sent (their `keep` stands below), what came of a delivery,
# previews and explanations.
SILENT = {
    ("POST", "/events"),
    ("POST", "/events/batch"),
    ("POST", "/ingest/{token}"),
    ("POST", "/events/explain"),
    ("POST", "/webhooks/{id}/test"),
    ("POST", "/webhooks/{id}/preview"),
    ("POST", "/deliveries/{id}/answer"),
    ("POST", "/admin/apps/{app}/webhooks/{id}/test"),
}

URL = "https://hooks.example.com/in"
LONG_AGO = "2020-01-01T00:00:00Z"
ISSUE = """
insert into issue (id, app_id, webhook_id, error, code, status, opening, first_at, last_at, attempts, deliveries, delivery_id)
select id, app_id, id, 6, 0, 0, id, now(), now(), 1, 0, id from webhook order by id limit 1"""


class World:
    """An app with a webhook, and an API without workers: what waits goes on waiting."""

    def __init__(self, server, database):
        self.database = database
        self.admin = server.client()
        self.app = self.admin.post("/apps", {"name": "a", "uid": "a"}, expect=201).json
        self.key = self.new_key()
        self.client = self.admin.with_(key=self.key["key"])
        self.webhook = self.client.webhook(URL)

    def new_key(self, scope="write"):
        body = {"name": f"{scope} key", "scope": scope, "app_id": self.app["id"]}
        return self.admin.post("/keys", body, expect=201).json

    def delivery(self):
        self.client.publish()
        return self.client.deliveries(self.webhook)[0]["id"]

    def job(self):
        return self.client.post(f"/webhooks/{self.webhook['id']}/replay", {"since": LONG_AGO}, expect=202).json["id"]

    def type(self, name):
        return self.client.post("/event-types", {"name": name}, expect=201).json["name"]

    def source(self):
        return self.client.post("/sources", {"name": "s", "kind": "github", "secret": None}, expect=201).json["id"]

    def issue(self):
        """As a worker would make it."""
        self.database.query(ISSUE)
        return self.client.get("/issues").json["data"][0]["id"]

    def spare(self):
        return self.client.webhook(URL)["id"]


# Each prepares, and answers (client, path, body); what is said of it; and whether the path or the answer has the id.
WRITERS = {
    ("POST", "/webhooks"): (
        lambda w: (w.client, "/webhooks", {"url": URL, "events": ["*"], "secret": "s" * 30}),
        "webhook.create",
        ["url", "events", "secret"],
    ),
    ("PATCH", "/webhooks/{id}"): (
        lambda w: (w.client, f"/webhooks/{w.webhook['id']}", {"description": "d", "headers": {"X-A": "hidden"}}),
        "webhook.update",
        ["description", "headers"],
    ),
    ("DELETE", "/webhooks/{id}"): (lambda w: (w.client, f"/webhooks/{w.spare()}", None), "webhook.delete", []),
    ("POST", "/webhooks/{id}/secret/rotate"): (
        lambda w: (w.client, f"/webhooks/{w.webhook['id']}/secret/rotate", {"overlap_seconds": 1}),
        "webhook.rotate",
        ["secret"],
    ),
    ("POST", "/webhooks/{id}/replay"): (
        lambda w: (w.client, f"/webhooks/{w.webhook['id']}/replay", {"since": LONG_AGO}),
        "job.replay",
        ["since"],
    ),
    ("POST", "/webhooks/{id}/backfill"): (
        lambda w: (w.client, f"/webhooks/{w.webhook['id']}/backfill", {"since": LONG_AGO, "event_type": "a"}),
        "job.backfill",
        ["since", "event_type"],
    ),
    ("POST", "/events/erase"): (lambda w: (w.client, "/events/erase", {"until": LONG_AGO}), "job.erase", ["until"]),
    ("DELETE", "/events/{id}"): (
        lambda w: (w.client, f"/events/{w.client.publish()['id']}", None),
        "event.erase",
        [],
    ),
    ("POST", "/deliveries/retry"): (
        lambda w: (w.client, "/deliveries/retry", {"status": "failed", "since": LONG_AGO}),
        "job.retry",
        ["since", "status"],
    ),
    ("POST", "/deliveries/{id}/retry"): (
        lambda w: (w.client, f"/deliveries/{w.delivery()}/retry", None),
        "delivery.retry",
        [],
    ),
    ("POST", "/deliveries/{id}/cancel"): (
        lambda w: (w.client, f"/deliveries/{w.delivery()}/cancel", None),
        "delivery.cancel",
        [],
    ),
    ("DELETE", "/jobs/{id}"): (lambda w: (w.client, f"/jobs/{w.job()}", None), "job.cancel", []),
    ("POST", "/event-types"): (
        lambda w: (w.client, "/event-types", {"name": "made", "example": {"a": 1}}),
        "event_type.create",
        ["example", "name"],
    ),
    ("PATCH", "/event-types/{name}"): (
        lambda w: (w.client, f"/event-types/{w.type('b')}", {"schema": {}, "description": None}),
        "event_type.update",
        ["description", "schema"],
    ),
    ("DELETE", "/event-types/{name}"): (
        lambda w: (w.client, f"/event-types/{w.type('c')}", None),
        "event_type.delete",
        [],
    ),
    ("POST", "/apps"): (lambda w: (w.admin, "/apps", {"name": "b", "uid": "b", "metadata": {"k": "v"}}), "app.create", ["uid", "name", "metadata"]),
    ("PATCH", "/apps/{id}"): (lambda w: (w.admin, f"/apps/{w.app['id']}", {"name": "c"}), "app.update", ["name"]),
    ("DELETE", "/apps/{id}"): (
        lambda w: (w.admin, f"/apps/{w.admin.post('/apps', {'name': 'gone'}, expect=201).json['id']}", None),
        "app.delete",
        [],
    ),
    ("POST", "/keys"): (
        lambda w: (w.admin, "/keys", {"name": "k", "scope": "read", "app_id": w.app["id"]}),
        "key.create",
        ["name", "scope", "app_id"],
    ),
    ("PATCH", "/keys/{id}"): (
        lambda w: (w.admin, f"/keys/{w.new_key()['id']}", {"name": "z", "allowed_networks": ["192.0.2.7"]}),
        "key.update",
        ["name", "allowed_networks"],
    ),
    ("DELETE", "/keys/{id}"): (lambda w: (w.admin, f"/keys/{w.new_key()['id']}", None), "key.revoke", []),
    ("POST", "/apps/{id}/portal"): (
        lambda w: (w.admin, f"/apps/{w.app['id']}/portal", {"scope": "manage", "origins": []}),
        "key.create_portal",
        ["scope", "origins"],
    ),
    ("POST", "/sources"): (
        lambda w: (w.client, "/sources", {"name": "s", "kind": "github", "secret": "hidden"}),
        "source.create",
        ["name", "secret", "kind"],
    ),
    ("PATCH", "/sources/{id}"): (
        lambda w: (w.client, f"/sources/{w.source()}", {"secret": "hidden", "type_prefix": "a."}),
        "source.update",
        ["secret", "type_prefix"],
    ),
    ("DELETE", "/sources/{id}"): (lambda w: (w.client, f"/sources/{w.source()}", None), "source.delete", []),
    ("POST", "/sources/{id}/rotate"): (
        lambda w: (w.client, f"/sources/{w.source()}/rotate", {"overlap_seconds": 1}),
        "source.rotate",
        ["url"],
    ),
    ("PATCH", "/issues/{id}"): (
        lambda w: (w.client, f"/issues/{w.issue()}", {"status": "acknowledged"}),
        "issue.update",
        ["status"],
    ),
    ("POST", "/admin/apps/{app}/webhooks"): (
        lambda w: (w.client, f"/admin/apps/{w.app['id']}/webhooks", {"url": URL, "events": ["*"]}),
        "webhook.create",
        ["url", "events"],
    ),
    ("DELETE", "/admin/apps/{app}/webhooks/{id}"): (
        lambda w: (w.client, f"/admin/apps/{w.app['id']}/webhooks/{w.spare()}", None),
        "webhook.delete",
        [],
    ),
}


def count(database):
    return int(database.query("select count(*) from audit")[0][0])


def test_every_route_that_writes_is_known_here():
    assert WRITES == set(WRITERS) | SILENT


def is_about(entry, path, answer):
    """Whether it names what the path, or the answer, does."""
    told = path.split("/")
    body = answer.json if answer.body else {}
    for made in (body, body.get("data") or {}):
        told += [made.get("id"), made.get("name")]
    return entry["resource"]["id"] in told


def test_every_write_leaves_one_entry(start, database):
    world = World(start(role="api"), database)
    for (method, route), (prepare, action, fields) in WRITERS.items():
        client, path, body = prepare(world)
        before = count(database)
        answer = client.request(method, path, **({} if body is None else {"body": body}))
        assert count(database) == before + 1, f"{method} {route}"
        entry = world.admin.get("/audit", limit=1).json["data"][0]
        assert (entry["action"], entry["fields"]) == (action, fields), f"{method} {route}"
        assert is_about(entry, path, answer), f"{method} {route}: {entry}"
        assert entry["request_id"] == answer.headers["X-Request-Id"]
        assert entry["address"] == "127.0.0.1"
        by_admin = client is world.admin
        assert entry["actor"] == {
            "type": "admin_key" if by_admin else "key",
            "key_id": None if by_admin else world.key["id"],
            "key_name": None if by_admin else "write key",
        }
        age = datetime.datetime.now(datetime.UTC) - datetime.datetime.fromisoformat(entry["created_at"])
        assert abs(age.total_seconds()) < 60


def test_what_changes_nothing_leaves_none(start, database):
    world = World(start(role="api"), database)
    client, webhook = world.client, f"/webhooks/{world.webhook['id']}"
    delivery, event = f"/deliveries/{world.delivery()}", client.publish()["id"]
    client.post(f"{delivery}/cancel", expect=200)
    client.delete(f"/events/{event}", expect=204)
    read = world.admin.with_(key=world.new_key("read")["key"])
    before = count(database)
    client.publish()
    client.batch(3)
    client.post(f"{webhook}/preview", {"type": "a", "data": {}}, expect=200)
    client.patch(webhook, {"url": "http://10.0.0.1/"}, expect=422)
    client.post(f"{delivery}/cancel", expect=409)
    client.delete(f"/events/{event}", expect=204)  # it was erased already
    client.post(f"{webhook}/replay", {"since": LONG_AGO, "dry_run": True}, expect=202)
    client.post("/deliveries/del_01kn2pa7gye0qa5gmmt2w8z3fk/retry", expect=404)
    client.delete("/event-types/never.made", expect=404)
    read.patch(webhook, {"description": "x"}, expect=403)
    world.admin.post("/apps", {"name": "a", "uid": "a"}, expect=409)
    world.admin.patch("/apps/default", {"uid": None}, expect=409)
    world.admin.patch(f"/apps/{world.app['id']}", {}, expect=200)
    world.admin.patch(f"/keys/{world.key['id']}", {}, expect=200)
    assert count(database) == before


def test_a_change_that_is_undone_leaves_none(start, database):
    """One statement: what PostgreSQL refuses of the entry undoes the change too."""
    world = World(start(role="api"), database)
    database.query("alter table audit add check (action <> 1) not valid")
    world.client.patch(f"/webhooks/{world.webhook['id']}", {"description": "never"}, expect=500)
    assert world.client.get(f"/webhooks/{world.webhook['id']}").json["description"] is None


@pytest.mark.parametrize(
    "status, actions",
    [
        ("paused", ["webhook.pause", "webhook.resume"]),
        ("disabled", ["webhook.disable", "webhook.resume"]),
        ("active", ["webhook.update", "webhook.update"]),
    ],
)
def test_a_status_is_an_action(api, address, status, actions):
    webhook = api.webhook(address)["id"]
    api.patch(f"/webhooks/{webhook}", {"status": status, "description": "d"})
    api.patch(f"/webhooks/{webhook}", {"status": "active"})
    entries = api.get("/audit", resource=webhook, limit=2).json["data"]
    assert [e["action"] for e in reversed(entries)] == actions
    assert set(entries[1]["fields"]) == {"status", "description"} and entries[0]["fields"] == ["status"]


def test_what_a_detection_keeps_is_a_change(api, receiver):
    webhook = api.webhook(receiver.url(), profile="marzban-docs")
    api.post(f"/webhooks/{webhook['id']}/test", {"detect": True, "keep": True}, expect=200)
    entries = api.get("/audit", resource=webhook["id"]).json["data"]
    assert [(e["action"], e["fields"]) for e in entries] == [
        ("webhook.update", ["profile_options"]),
        ("webhook.create", ["url", "events", "profile"]),
    ]


def test_no_secret_stands_in_it(start, database):
    world = World(start(role="api"), database)
    hidden = "hidden-from-everybody-00000000"
    world.client.webhook(f"https://hooks.example.com/{hidden}", secret=hidden, headers={"X-Token": hidden}, metadata={"k": hidden})
    key = world.new_key()
    stored = str(database.query("select audit::text from audit"))
    assert hidden not in stored and key["key"].split("_", 2)[2] not in stored and "X-Token" not in stored


# --- who sees what --------------------------------------------------------------------------------


def test_an_app_sees_its_own(tenant, other_tenant, address):
    mine, other = tenant.write, other_tenant.write
    for api in (mine, other):
        api.webhook(address)
    for api, app in ((mine, tenant.app), (other, other_tenant.app)):
        entries = list(api.pages("/audit"))
        assert {e["app_id"] for e in entries} == {app["id"]}
        assert {e["action"] for e in entries} == {"webhook.create", "app.create", "key.create"}
    theirs = other.get("/audit", action="webhook.create").json["data"][0]
    for query in (
        {"resource": theirs["resource"]["id"]},
        {"actor": theirs["actor"]["key_id"]},
        {"resource": other_tenant.app["id"]},
    ):
        assert mine.get("/audit", **query).json["data"] == []
    named = mine.with_(X_App_Id=other_tenant.app["id"])
    assert named.get("/audit", expect=404).code == "not_found"
    for scope in ("read", "publish"):
        tenant.client(scope).get("/audit", expect=403)


def test_the_operator_is_seen_as_such_and_no_more(tenant, admin, address):
    operator = admin.post("/keys", {"name": "night shift", "scope": "admin"}, expect=201).json
    theirs = admin.with_(key=operator["key"], X_App_Id=tenant.app["id"])
    webhook = theirs.webhook(address)
    [entry] = tenant.write.get("/audit", resource=webhook["id"]).json["data"]
    assert entry["actor"] == {"type": "admin_key", "key_id": None, "key_name": None}
    assert entry["address"] is None
    for query in ({}, {"actor": operator["id"]}):
        [entry] = theirs.get("/audit", resource=webhook["id"], **query).json["data"]
        assert entry["actor"] == {"type": "admin_key", "key_id": operator["id"], "key_name": "night shift"}
        assert entry["address"] == "127.0.0.1"


def test_the_operator_sees_all(tenant, other_tenant, admin, address):
    tenant.write.webhook(address)
    made = admin.post("/keys", {"name": "a", "scope": "admin"}, expect=201).json
    [entry] = admin.get("/audit", resource=made["id"]).json["data"]
    assert entry["app_id"] is None and entry["action"] == "key.create"
    other_tenant.write.webhook(address)
    seen = {e["app_id"] for e in admin.get("/audit", limit=20).json["data"]}
    assert {tenant.app["id"], other_tenant.app["id"], None} <= seen
    one = admin.with_(X_App_Id=tenant.app["id"])
    assert {e["app_id"] for e in one.pages("/audit")} == {tenant.app["id"]}
    admin.delete(f"/apps/{tenant.app['id']}", expect=204)
    [entry] = admin.get("/audit", resource=tenant.app["id"], action="app.delete").json["data"]
    assert entry["app_id"] == tenant.app["id"]


def test_one_who_revokes_himself_is_named(admin):
    key = admin.post("/keys", {"name": "last act", "scope": "admin"}, expect=201).json
    admin.with_(key=key["key"]).delete(f"/keys/{key['id']}", expect=204)
    entry = admin.get("/audit", resource=key["id"], limit=1).json["data"][0]
    assert (entry["action"], entry["actor"]["key_name"]) == ("key.revoke", "last act")


# --- lists ----------------------------------------------------------------------------------------


def test_pages_and_filters(api):
    for i in range(7):
        api.post("/event-types", {"name": f"type.{i}"}, expect=201)
    api.delete("/event-types/type.3", expect=204)
    whole = list(api.pages("/audit"))
    assert list(api.pages("/audit", limit=2)) == whole
    assert [e["id"] for e in whole] == sorted((e["id"] for e in whole), reverse=True)
    about = list(api.pages("/audit", resource="type.3"))
    assert [e["action"] for e in about] == ["event_type.delete", "event_type.create"]
    assert len(list(api.pages("/audit", action="event_type.create", limit=3))) == 7
    key = about[0]["actor"]["key_id"]
    assert len(list(api.pages("/audit", actor=key))) == 8
    moment = whole[0]["created_at"]
    later = list(api.pages("/audit", since=moment))
    assert whole[0] in later and len(later) + len(list(api.pages("/audit", until=moment))) == len(whole)


@pytest.mark.parametrize(
    "query", [{"actor": "x"}, {"action": "webhook"}, {"resource": "wh_!"}, {"since": "x"}, {"cursor": "x"}, {"limit": 0}]
)
def test_bad_filters(api, query):
    assert api.get("/audit", expect=422, **query).fields == list(query)


def test_what_is_rare_takes_many_pages_and_each_is_short(start, database):
    """A page looks at 1,000 entries for those that its filter lets through."""
    world = World(start(role="api"), database)
    database.query(
        "insert into audit select new_id(), a.id, 3, 0, null, null, null, null, a.id, null, '{}'"
        f" from app a, generate_series(1, 12000) where a.name = 'a'"
    )
    first = world.client.get("/audit", action="webhook.create").json
    assert first["data"] == [] and first["next_cursor"] is not None
    assert [e["resource"]["id"] for e in world.client.pages("/audit", action="webhook.create")] == [world.webhook["id"]]
    assert [e["resource"]["id"] for e in world.admin.pages("/audit", action="webhook.create")] == [world.webhook["id"]]


def test_entries_of_a_later_release(start, database):
    """What this one has no name for is said to be so."""
    world = World(start(role="api"), database)
    database.query("update audit set action = 9999, actor = 99 where action = 0")
    for client in (world.client, world.admin):
        [entry] = [e for e in client.get("/audit", check=False).json["data"] if e["action"] == "unknown"]
        assert entry["actor"]["type"] == "unknown" and entry["resource"] is None


# --- without the API ------------------------------------------------------------------------------


def test_commands_are_the_command_line(start, database):
    server = start(role="api")
    out = command(server.env, "key", "create", "--name", "by hand", "--scope", "write")
    assert out.returncode == 0, out.stderr
    made = server.client().get("/audit", action="key.create").json["data"][0]
    assert made["actor"] == {"type": "command_line", "key_id": None, "key_name": None}
    assert made["address"] is None and made["request_id"] is None and made["fields"] == ["name", "scope", "app_id"]
    out = command(server.env, "key", "revoke", made["resource"]["id"])
    assert out.returncode == 0, out.stderr
    assert command(server.env, "key", "revoke", made["resource"]["id"]).returncode == 1
    [gone] = server.client().get("/audit", action="key.revoke").json["data"]
    assert gone["actor"]["type"] == "command_line"


def test_settings_are_an_actor(start, database):
    """Drop-in webhooks come, change and go with the settings; a start that changes nothing says nothing."""
    actions = []
    for address in ("https://a.example.com/", "https://a.example.com/", ""):
        server = start(role="api", **({"WEBHOOK_ADDRESS": address} if address else {}))
        actions.append(sorted(e["action"] for e in server.client().pages("/audit")))
        server.stop()
    made = [*12 * ["event_type.create"], "webhook.create"]
    assert actions == [made, made, [*made, "webhook.delete"]]
    assert database.query("select distinct actor from audit") == [["3"]]


# --- how long -------------------------------------------------------------------------------------


def fill(database, name, rows, age="0"):
    database.query(
        "insert into audit select overlay(new_id()::text placing left(id_floor(now() - interval '"
        f"{age}' - n * interval '1 ms')::text, 13) from 1 for 13)::uuid, a.id, 3, 0, null, null, null, null, a.id, null, '{{}}'"
        f" from app a, generate_series(1, {rows}) n where a.name = '{name}'"
    )


def of_app(database, name):
    return int(database.query(f"select count(*) from audit x join app a on a.id = x.app_id where a.name = '{name}'")[0][0])


def test_what_is_too_much_goes_in_steps(start, database):
    """A step ends where it took as much as it may, or has looked for long; the next goes on from there."""
    start(role="api").client().post("/apps", {"name": "busy"}, expect=201)
    fill(database, "busy", 2500, "31 d")
    first = "'00000000-0000-0000-0000-000000000000'"
    step = "select old, above, at is null from audit_forget(90, 1000, 1000, {})"
    assert database.query(step.format(first)) == [["0", "1000", "f"]]
    assert database.query(step.format(first)) == [["0", "501", "t"]]
    assert database.query(step.format(first)) == [["0", "0", "t"]]
    last = "(select id from app where name = 'busy')"
    fill(database, "busy", 10)
    assert database.query(step.format(last)) == [["0", "0", "t"]] and of_app(database, "busy") == 1010


def test_it_ends(start, database):
    """Old entries go, and of an app what is above its bound, the oldest first; nobody else's, and nothing that is young."""
    admin = start(role="api").client()
    for name in ("busy", "quiet", "new"):
        admin.post("/apps", {"name": name}, expect=201)
    fill(database, "busy", 7000, "31 d")
    fill(database, "new", 1500, "29 d")
    fill(database, "new", 500, "31 d")
    fill(database, "quiet", 900)
    fill(database, "quiet", 40, "90 d 1 h")
    newest = database.query("select max(id::text) from audit")
    worker = start(role="worker", POSTHORN_AUDIT_DAYS=90, POSTHORN_AUDIT_ROWS_PER_APP=1000)
    until(lambda: of_app(database, "busy") == 1000 and of_app(database, "quiet") == 901, 15, "the janitor")
    until(lambda: of_app(database, "new") == 1501, 15, "the janitor")
    assert database.query("select max(id::text) from audit") == newest
    until(lambda: "event=audit_bounded" in worker.log(), 5, "a warning")
    never(lambda: of_app(database, "busy") != 1000 or of_app(database, "new") != 1501, 2)


def test_a_key_cannot_push_out_what_was_done_with_it(start, database):
    """Many changes after one: the one stays, and there are no more of that key, in that app, until there is room."""
    world = World(start(role="api", POSTHORN_AUDIT_ROWS_PER_APP=1000), database)
    key_row = "'" + database.query("select id from api_key where name = 'write key'")[0][0] + "'"
    other = world.admin.with_(key=world.new_key()["key"])
    hook = f"/webhooks/{world.webhook['id']}"
    world.client.patch(hook, {"url": "https://thief.example.com/"}, expect=200)
    [theft] = world.client.get("/audit", action="webhook.update").json["data"]

    def flood(rows):
        database.query(
            "insert into audit select new_id(), app_id, 3, 0, id, name, null, null, app_id, null, '{}'"
            f" from api_key, generate_series(1, {rows}) where id = {key_row}"
        )

    def look(rows=1000):
        database.query(f"select audit_forget(365, {rows}, 1000, '00000000-0000-0000-0000-000000000000')")

    flood(700)
    look()
    world.client.patch(hook, {"description": "a"}, expect=200)
    flood(2000)
    look()
    for change in (
        lambda c: c.patch(hook, {"description": "b"}, expect=429),
        lambda c: c.post("/event-types", {"name": "a"}, expect=429),
        lambda c: c.delete(hook, expect=429),
        lambda c: c.post(f"{hook}/replay", {"since": LONG_AGO}, expect=429),
    ):
        answer = change(world.client)
        assert answer.code == "app_limit" and "POSTHORN_AUDIT_ROWS_PER_APP" in answer.json["detail"]
    assert world.client.get(hook).json["description"] == "a"
    world.client.publish()
    assert theft["id"] in [e["id"] for e in world.admin.pages("/audit", action="webhook.update")]
    other.patch(hook, {"description": "c"}, expect=200)  # though in all there is more than there may be
    look()
    other.patch(hook, {"description": "c again"}, expect=200)
    world.admin.with_(X_App_Id=world.app["id"]).patch(hook, {"description": "d"}, expect=200)
    look(4000)
    world.client.patch(hook, {"description": "e"}, expect=200)


def test_a_key_that_fills_the_log_leaves_some_to_others(start, database):
    world = World(start(role="api", POSTHORN_AUDIT_ROWS_PER_APP=1000), database)
    name = world.type("a")
    other = world.admin.with_(key=world.new_key()["key"])
    for n in range(20):
        other.patch(f"/event-types/{name}", {"description": str(n)}, expect=200)
    database.query(
        "insert into audit select new_id(), app_id, 3, 0, id, name, null, null, app_id, null, '{}'"
        " from (select * from api_key where name = 'write key' order by id limit 1) k, generate_series(1, 800)"
    )
    database.query("select audit_forget(365, 1000, 1000, '00000000-0000-0000-0000-000000000000')")
    world.client.patch(f"/event-types/{name}", {"description": "x"}, expect=429)
    other.patch(f"/event-types/{name}", {"description": "y"}, expect=200)
