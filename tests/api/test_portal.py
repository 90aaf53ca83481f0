"""Portal tokens: what each may ask for, route by route; whose they are; how long; who may embed the page; its brand."""

import re

import pytest
from harness.contract import load
from harness.server import command, options
from harness.stream import Stream
from harness.wait import until

SCOPES = ("read", "manage")
STRANGE = "01kn2p8v3rf0pbw4gd9ztq6e1x"
OPERATIONS = {
    (method.upper(), path): operation
    for path, item in load()["paths"].items()
    for method, operation in item.items()
    if method in ("get", "post", "put", "patch", "delete")
}

# What a token may ask for. Whoever adds a route says here, or below, what a portal may do with it.
READ = {
    "GET /portal",
    "GET /profiles",
    "GET /webhooks",
    "GET /webhooks/{id}",
    "GET /webhooks/{id}/deliveries",
    "POST /webhooks/{id}/preview",
    "GET /events",
    "GET /events/{id}",
    "POST /events/explain",
    "GET /deliveries",
    "GET /deliveries/{id}",
    "GET /deliveries/{id}/attempts",
    "GET /jobs",
    "GET /jobs/{id}",
    "GET /replays/{id}",
    "GET /event-types",
    "GET /event-types/{name}",
    "GET /stream",
    "GET /stats",
    "GET /stats/now",
    "GET /stats/webhooks",
    "GET /issues",
    "GET /issues/{id}",
}
MANAGE = {
    "POST /webhooks",
    "PATCH /webhooks/{id}",
    "DELETE /webhooks/{id}",
    "POST /webhooks/{id}/test",
    "POST /webhooks/{id}/secret/rotate",
    "POST /webhooks/{id}/replay",
    "POST /webhooks/{id}/backfill",
    "POST /deliveries/retry",
    "POST /deliveries/{id}/retry",
    "POST /deliveries/{id}/cancel",
    "PATCH /issues/{id}",
}
NEVER = {
    "GET /webhooks/{id}/stream",
    "POST /events",
    "POST /events/batch",
    "POST /events/erase",
    "DELETE /events/{id}",
    "POST /deliveries/{id}/answer",
    "DELETE /jobs/{id}",
    "POST /event-types",
    "PATCH /event-types/{name}",
    "DELETE /event-types/{name}",
    "POST /apps",
    "GET /apps",
    "GET /apps/{id}",
    "PATCH /apps/{id}",
    "DELETE /apps/{id}",
    "POST /apps/{id}/portal",
    "GET /key",
    "POST /keys",
    "GET /keys",
    "GET /keys/{id}",
    "PATCH /keys/{id}",
    "DELETE /keys/{id}",
    "POST /sources",
    "GET /sources",
    "GET /sources/{id}",
    "PATCH /sources/{id}",
    "DELETE /sources/{id}",
    "POST /sources/{id}/rotate",
    "GET /audit",
    "POST /admin/apps/{app}/webhooks",
    "GET /admin/apps/{app}/webhooks",
    "DELETE /admin/apps/{app}/webhooks/{id}",
    "POST /admin/apps/{app}/webhooks/{id}/test",
}


def portal(admin, app, **body):
    return admin.post(f"/apps/{app['id']}/portal", body, expect=201).json


@pytest.fixture
def tokens(admin, tenant):
    return {scope: admin.with_(key=portal(admin, tenant.app, scope=scope)["token"]) for scope in SCOPES}


def target(path, app):
    ids = {"webhooks": "wh", "events": "evt", "deliveries": "del", "jobs": "job", "replays": "job", "keys": "key", "sources": "src", "issues": "iss"}
    path = path.replace("{app}", app["id"]).replace("/apps/{id}", f"/apps/{app['id']}").replace("{name}", "no.type")
    return re.sub(r"(\w+)/\{id\}", lambda m: f"{m[1]}/{ids[m[1]]}_{STRANGE}", path)


def test_every_route_has_its_word():
    closed = {f"{method} {path}" for (method, path), o in OPERATIONS.items() if o["x-scope"] != "open"}
    assert closed == READ | MANAGE | NEVER
    assert not READ & MANAGE and not (READ | MANAGE) & NEVER
    assert {f"{m} {p}" for (m, p), o in OPERATIONS.items() if o.get("x-portal")} == READ | MANAGE


def test_the_table_says_the_same(database, redis):
    out = command(options(database, redis), "routes")
    rows = [line.split() for line in out.stdout.splitlines()]
    assert {f"{r[0]} {r[1]}" for r in rows if r[3:] == ["portal"]} == READ | MANAGE


@pytest.mark.parametrize("scope", SCOPES)
def test_route_by_route(tokens, tenant, scope):
    allowed = READ if scope == "read" else READ | MANAGE
    for method, path in OPERATIONS:
        route = f"{method} {path}"
        if OPERATIONS[method, path]["x-scope"] == "open" or route == "GET /stream":
            continue
        body = {} if method in ("POST", "PATCH") else None
        more = {} if body is None else {"body": body}
        answer = tokens[scope].request(method, target(path, tenant.app), expect=None, check=False, **more)
        if route in allowed:
            assert answer.status not in (401, 403), route
        else:
            assert answer.status == 403, (route, answer.status, answer.body)
            assert b"portal token" in answer.body


def test_it_does_not_leave_its_app(admin, api, tenant, tokens, address):
    other = admin.post("/apps", {"name": "other", "uid": "other"}, expect=201).json
    own = api.webhook(address)
    theirs = admin.with_(**{"X-App-Id": other["id"]}).webhook(address)
    for client in tokens.values():
        assert [w["id"] for w in client.get("/webhooks").json["data"]] == [own["id"]]
        client.get(f"/webhooks/{theirs['id']}", expect=404)
        for name in (other["id"], "other", "default"):
            client.with_(**{"X-App-Id": name}).get("/webhooks", expect=404)
        client.with_(**{"X-App-Id": tenant.app["id"]}).get("/webhooks", expect=200)
    manage = tokens["manage"]
    for method, path in (("PATCH", ""), ("DELETE", ""), ("POST", "/test"), ("POST", "/secret/rotate"), ("POST", "/backfill")):
        body = {} if method != "DELETE" else None
        manage.request(method, f"/webhooks/{theirs['id']}{path}", **({"body": body} if body is not None else {}), expect=None, check=False)
    assert admin.with_(**{"X-App-Id": other["id"]}).get(f"/webhooks/{theirs['id']}").json["updated_at"] == theirs["updated_at"]


def test_it_sees_no_more_than_read(api, tokens, receiver):
    token = "T" * 24
    made = api.webhook(receiver.url("/in") + f"?token={token}")
    for client in tokens.values():
        seen = client.get(f"/webhooks/{made['id']}")
        assert token.encode() not in seen.body and made["secret"].encode() not in seen.body
    changed = tokens["manage"].patch(f"/webhooks/{made['id']}", {"description": "d"})
    assert token.encode() not in changed.body
    assert tokens["manage"].webhook(receiver.url("/own"))["secret"].startswith("whsec_")
    assert "secret" in tokens["manage"].post(f"/webhooks/{made['id']}/secret/rotate", {}).json


def test_what_it_is(admin, tenant, api):
    brand = {"name": "Acme", "logo_url": "https://a.example.com:8443/l.svg?x=1", "color": "#aabbcc", "color_dark": None}
    made = portal(admin, tenant.app, scope="manage", name="Ann", brand=brand)
    said = admin.with_(key=made["token"]).get("/portal").json
    assert said == {
        "id": made["id"],
        "app_id": tenant.app["id"],
        "app_name": tenant.app["name"],
        "scope": "manage",
        "expires_at": made["expires_at"],
        "brand": brand,
    }
    assert made["url"].endswith(f"/portal/{made['id']}#token={made['token']}")
    key = admin.get(f"/keys/{made['id']}").json
    assert key["portal"] and key["scope"] == "write" and key["app_id"] == tenant.app["id"]
    entry = api.get("/audit", action="key.create_portal").json["data"][0]
    assert entry["resource"]["id"] == made["id"]
    api.get("/portal", expect=404)
    admin.with_(key=made["token"]).patch("/webhooks/wh_" + STRANGE, {}, expect=404)
    admin.patch(f"/keys/{made['id']}", {"expires_at": None}, expect=404)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"scope": "admin"}, "scope"),
        ({"expires_in_seconds": 59}, "expires_in_seconds"),
        ({"expires_in_seconds": 604801}, "expires_in_seconds"),
        ({"name": ""}, "name"),
        ({"origins": ["https://a.example.com"] * 9}, "origins"),
        *(
            ({"origins": ["https://ok.example.com", bad]}, "origins[1]")
            for bad in (
                "http://a.example.com",
                "https://a.example.com/",
                "https://a.example.com:0",
                "https://a.example.com:65536",
                "https://A.example.com",
                "https://*.example.com",
                "https://a..example.com",
                "https://a.example.com;script-src *",
                "https://a.example.com 'self'",
                "https://-a.example.com",
                "https://u@a.example.com",
                "https://",
                "*",
                "null",
                "",
            )
        ),
        ({"brand": {"color": "red"}}, "brand.color"),
        ({"brand": {"color_dark": "#12345g"}}, "brand.color_dark"),
        ({"brand": {"logo_url": "http://a.example.com/l.png"}}, "brand.logo_url"),
        ({"brand": {"logo_url": "https://a.example.com"}}, "brand.logo_url"),
        ({"brand": {"logo_url": "data:image/png;base64,AA"}}, "brand.logo_url"),
        ({"brand": {"logo_url": "https://a.example.com/<"}}, "brand.logo_url"),
        ({"brand": {"name": "x" * 101}}, "brand.name"),
        ({"brand": {"css": "x"}}, "brand.css"),
    ],
)
def test_what_is_refused(admin, tenant, body, field):
    answer = admin.post(f"/apps/{tenant.app['id']}/portal", body, expect=422, check=False)
    assert [e["field"] for e in answer.json["errors"]] == [field]


def test_an_app_that_is_none(admin):
    admin.post(f"/apps/app_{STRANGE}/portal", {}, expect=404)
    admin.post("/apps/no-such-app/portal", {}, expect=404)


def test_its_end(start, database):
    """It expires, is revoked, or goes with its app."""
    server = start()
    admin = server.client()
    app = admin.post("/apps", {"name": "a"}, expect=201).json
    first, second, third = (portal(admin, app) for _ in range(3))
    clients = [admin.with_(key=p["token"]) for p in (first, second, third)]
    for client in clients:
        client.get("/webhooks", expect=200)
    admin.request("DELETE", f"/keys/{first['id']}", expect=204)
    clients[0].get("/webhooks", expect=401)
    database.query("update api_key set expires_at = now() - interval '2 days' where id = (select min(id::text)::uuid from api_key where portal is not null)")
    admin.patch(f"/apps/{app['id']}", {"name": "b"})
    clients[1].get("/webhooks", expect=401)
    clients[2].get("/webhooks", expect=200)
    admin.request("DELETE", f"/apps/{app['id']}", expect=204)
    clients[2].get("/webhooks", expect=401)
    assert database.query("select count(*) from api_key where portal is not null") == [["0"]]


@pytest.mark.parametrize("end", ["expired", "withdrawn", "without its app"])
def test_its_stream_ends(admin, tenant, shared, end):
    """And says why: an open one is no way around the end of the token that opened it."""
    made = portal(admin, tenant.app)
    with Stream(admin.with_(key=made["token"]), "/stream") as stream:
        assert stream.status == 200
        event = tenant.write.publish("a")
        name, _, data = stream.next()
        assert (name, data["id"]) == ("event", event["id"])
        if end == "expired":
            shared.database.query(f"update api_key set expires_at = now() where app_id = '{app_uuid(shared, tenant)}' and portal is not null")
        elif end == "withdrawn":
            admin.request("DELETE", f"/keys/{made['id']}", expect=204)
        else:
            admin.request("DELETE", f"/apps/{tenant.app['id']}", expect=204)
        assert stream.next() == ("end", None, {"reason": "key"}) and stream.next() is None


def app_uuid(shared, tenant):
    return shared.database.query(f"select id from app where uid = '{tenant.app['uid']}'")[0][0]


def test_the_janitor_forgets_those_that_have_ended(start, database):
    """A day after their end, and keys never: who has one is told that it has expired."""
    server = start(role="api")
    admin = server.client()
    app = admin.post("/apps", {"name": "a"}, expect=201).json
    old, late, open_ = (portal(admin, app)["id"] for _ in range(3))
    key = admin.post("/keys", {"name": "k", "scope": "read", "app_id": app["id"]}, expect=201).json["id"]
    ages = {old: "25 hours", late: "23 hours", key: "25 hours"}
    order = [row[0] for row in database.query("select id from api_key where name in ('portal', 'k') order by id")]
    for id_, uuid in zip((old, late, open_, key), order, strict=True):
        if id_ in ages:
            database.query(f"update api_key set expires_at = now() - interval '{ages[id_]}' where id = '{uuid}'")
    start(role="worker")
    until(lambda: admin.get(f"/keys/{old}", expect=None, check=False).status == 404, 10, "the old one to be forgotten")
    for id_ in (late, open_, key):
        admin.get(f"/keys/{id_}", expect=200)


def test_how_many(admin, tenant, shared):
    database = shared.database
    portal(admin, tenant.app)
    database.query(
        "insert into api_key (id, app_id, name, scope, hash, expires_at, portal) select gen_random_uuid(), app_id, 'portal',"
        " 0, hash, now() + interval '1 h', portal from api_key, generate_series(1, 999) where id = (select max(id::text)::uuid from api_key where portal is not null)"
    )
    refused = admin.post(f"/apps/{tenant.app['id']}/portal", {}, expect=429)
    assert refused.code == "app_limit" and "1000 portal tokens" in refused.json["detail"]
    database.query("update api_key set expires_at = now() where portal is not null")
    portal(admin, tenant.app)
    database.query("delete from api_key where portal is not null and expires_at <= now()")  # their ids say times beyond all years


def policy(client, id_):
    page = client.with_(prefix="").request("GET", f"/portal/{id_}", check=False, expect=200)
    assert page.headers["Referrer-Policy"] == "no-referrer"
    return dict(p.split(" ", 1) for p in page.headers["Content-Security-Policy"].split("; "))


def test_who_may_embed_it(admin, tenant, shared):
    database = shared.database
    logo = {"logo_url": "https://img.example.com:8443/l.svg"}
    made = portal(admin, tenant.app, origins=["https://a.example.com", "http://localhost:3000"], brand=logo)
    said = policy(admin, made["id"])
    assert said["frame-ancestors"] == "https://a.example.com http://localhost:3000"
    assert said["img-src"] == "'self' https://img.example.com:8443"
    assert said["default-src"] == "'none'" and said["script-src"] == "'self'"
    closed = portal(admin, tenant.app)
    key = admin.post("/keys", {"name": "k", "scope": "read", "app_id": tenant.app["id"]}).json
    for id_ in (closed["id"], key["id"], f"key_{STRANGE}", "x", "%00"):
        assert policy(admin, id_)["frame-ancestors"] == "'none'", id_
    dashboard = admin.with_(prefix="").request("GET", "/dashboard/portal.html", check=False)
    assert "frame-ancestors 'none'" in dashboard.headers["Content-Security-Policy"]
    database.query("update api_key set frames = array['https://a.example.com; script-src *', '*'], images = '*' where portal is not null")
    said = policy(admin, made["id"])
    assert said["frame-ancestors"] == "'none'" and said["img-src"] == "'self'" and said["script-src"] == "'self'"
