"""Keys that are changed after they were made: at once, on every process."""

import datetime
import threading

import pytest
from harness.wait import until


def make(admin, **more):
    app = admin.post("/apps", {"name": f"a{len(list(admin.pages('/apps')))}"}, expect=201).json
    made = admin.post("/keys", {"name": "k", "scope": "write", "app_id": app["id"], **more}, expect=201).json
    return f"/keys/{made['id']}", made, admin.with_(key=made["key"])


def in_seconds(seconds):
    return (datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_what_is_given_is_changed_and_nothing_else(admin):
    path, made, _ = make(admin, allowed_networks=["127.0.0.1"], requests_per_second=7)
    del made["key"]
    later = in_seconds(3600)
    for field, value, shown in (
        ("name", "other", "other"),
        ("expires_at", later, later),
        ("expires_at", None, None),
        ("allowed_networks", ["192.0.2.0/24", "127.0.0.1"], ["192.0.2.0/24", "127.0.0.1"]),
        ("allowed_networks", None, []),
        ("requests_per_second", 0, 0),
        ("requests_per_second", 1000000, 1000000),
        ("requests_per_second", None, None),
    ):
        made[field] = shown
        assert admin.patch(path, {field: value}, expect=200).json == made
        assert admin.get(path).json == made
    [listed] = [k for k in admin.pages("/keys") if k["id"] == made["id"]]
    assert listed == made


@pytest.mark.parametrize(
    "body, field",
    [
        ({"name": ""}, "name"),
        ({"name": None}, "name"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
        ({"allowed_networks": ["192.0.2.1/24"]}, "allowed_networks[0]"),
        ({"requests_per_second": -1}, "requests_per_second"),
        ({"requests_per_second": 1000001}, "requests_per_second"),
        ({"scope": "admin"}, "scope"),
        ({"app_id": None}, "app_id"),
        ({"key": "ph_x"}, "key"),
    ],
)
def test_what_can_not_be_changed(admin, body, field):
    path, made, _ = make(admin)
    del made["key"]
    assert admin.patch(path, body, expect=422).fields == [field]
    assert admin.get(path).json == made


def test_unknown_keys_and_other_scopes(admin, tenant):
    admin.patch("/keys/key_01kn2p7xrkf2s9d4h1n8b6m5ta", {"name": "x"}, expect=404)
    path, *_ = make(admin)
    tenant.write.patch(path, {"name": "x"}, expect=403)


def test_it_takes_effect_at_once_on_every_process(start):
    """Both know the key; one of them is told, and the other hears of it long before it would look again (5 s)."""
    here, there = start(role="api").client(), start(role="api").client()
    path, made, client = make(here)
    elsewhere = there.with_(key=made["key"])

    def seen(status):
        return all(c.get("/webhooks", expect=None).status == status for c in (client, elsewhere))

    assert seen(200)
    for body, status in (
        ({"allowed_networks": ["192.0.2.0/24"]}, 403),
        ({"allowed_networks": []}, 200),
        ({"expires_at": in_seconds(3)}, 200),
    ):
        here.patch(path, body, expect=200)
        until(lambda status=status: seen(status), 2, f"{body} to count")
    until(lambda: seen(401), 6, "its end")
    here.patch(path, {"expires_at": None}, expect=200)
    until(lambda: seen(200), 2, "its return")


def test_a_look_that_began_before_the_change_is_not_kept(start, database):
    """Its key was read, its app not yet, when the change came."""
    admin = start(role="api").client()
    path, _, client = make(admin)
    _, _, other = make(admin)
    app = admin.get(path).json["app_id"]
    assert other.get("/webhooks", expect=None).status == 200
    database.query(
        "create function public.awaited(name text) returns text language plpgsql stable as"
        " $$ begin perform pg_advisory_xact_lock_shared(7); return name; end $$;"
        " alter table app rename to app_table;"
        " create view public.app as select id, uid, awaited(name) as name, metadata, created_at, checks from app_table"
    )  # what a key's row is read with is not its name
    with database.holding("select pg_advisory_xact_lock(7)"):
        slow = threading.Thread(target=lambda: client.with_(X_App_Id=app).get("/webhooks", expect=None))
        slow.start()
        waits = "select 1 from pg_stat_activity where wait_event_type = 'Lock' and query like '%from app %'"
        until(lambda: database.query(waits), 5, "the look")
        database.query(
            f"update api_key set networks = '{{192.0.2.0/24}}' where name = 'k'; select pg_notify('posthorn_key', '')"
        )
        until(lambda: other.get("/webhooks", expect=None).status == 403, 2, "the news")
    slow.join()
    assert client.with_(X_App_Id=app).get("/webhooks", expect=None).status == 403


def test_a_rate_of_its_own(start):
    admin = start(role="api", POSTHORN_REQUESTS_BURST=10, POSTHORN_REQUESTS_PER_KEY=5).client()
    path, made, client = make(admin, requests_per_second=0)
    assert "RateLimit" not in client.get("/webhooks", expect=200).headers
    for rate, policy in ((2, '"key";q=10;w=5'), (20, '"key";q=20;w=1'), (None, '"key";q=10;w=2')):
        until(lambda: admin.patch(path, {"requests_per_second": rate}, expect=None).status == 200, 5, "room to ask")
        assert client.get("/webhooks", expect=None).headers["RateLimit-Policy"] == policy
    answers = [client.get("/webhooks", expect=None) for _ in range(20)]
    refused = [a for a in answers if a.status == 429]
    assert "POSTHORN_REQUESTS_PER_KEY" in refused[0].json["detail"]
    until(lambda: admin.patch(path, {"requests_per_second": 1}, expect=None).status == 200, 5, "room to ask")
    refused = [a for a in (client.get("/webhooks", expect=None) for _ in range(20)) if a.status == 429]
    assert "its requests_per_second" in refused[0].json["detail"]
