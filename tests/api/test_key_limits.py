"""Keys: where they may be used from, and when they were."""

import datetime

import pytest
from harness.wait import until


def make(admin, app, **more):
    made = admin.post("/keys", {"name": "k", "scope": "read", "app_id": app["id"], **more}, expect=201).json
    return made, admin.with_(key=made["key"])


def allowed(client, **headers):
    return client.with_(**headers).get("/webhooks", expect=None).status == 200


def test_a_key_is_of_use_in_its_networks_only(tenant, admin):
    made, client = make(admin, tenant.app, allowed_networks=["192.0.2.0/24", "2001:db8::/32"])
    assert made["allowed_networks"] == ["192.0.2.0/24", "2001:db8::/32"]
    for _ in range(2):
        answer = client.get("/webhooks", expect=403)
        assert "allowed_networks" in answer.json["detail"]
    _, client = make(admin, tenant.app, allowed_networks=["192.0.2.0/24", "127.0.0.1"])
    for _ in range(2):
        client.get("/webhooks", expect=200)
    assert admin.get(f"/keys/{made['id']}").json["allowed_networks"] == made["allowed_networks"]
    assert make(admin, tenant.app, allowed_networks=None)[0]["allowed_networks"] == []


def test_what_a_client_says_of_its_address_counts_for_nothing(tenant, admin):
    _, client = make(admin, tenant.app, allowed_networks=["192.0.2.0/24"])
    assert not allowed(client, X_Forwarded_For="192.0.2.1")


def test_what_a_proxy_says_counts(start):
    server = start(POSTHORN_TRUSTED_PROXIES="127.0.0.0/8, 10.0.0.0/8")
    admin = server.client()
    app = admin.post("/apps", {"name": "a"}, expect=201).json
    _, client = make(admin, app, allowed_networks=["192.0.2.0/24", "2001:db8::/32"])
    for good in ("192.0.2.1", "203.0.113.1, 192.0.2.1", "x, 192.0.2.1,10.0.0.7", "2001:db8::5", " 192.0.2.1 "):
        assert allowed(client, X_Forwarded_For=good), good
    for bad in ("203.0.113.1", "192.0.2.1, 203.0.113.1", "10.0.0.7", "", "x", "192.0.2.1, x", "192.0.2.1:80"):
        assert not allowed(client, X_Forwarded_For=bad), bad
    assert not allowed(client)


@pytest.mark.parametrize("networks", [["x"], ["192.0.2.1/24"], ["192.0.2.0/24,10.0.0.0/8"], [""], ["::/129"], ["192.0.2.0/24"] * 17])
def test_networks_that_are_none(admin, networks):
    body = {"name": "k", "scope": "read", "allowed_networks": networks}
    answer = admin.post("/keys", body, expect=422)
    assert answer.json["errors"][0]["field"].startswith("allowed_networks")


def test_last_use_is_noted_now_and_then(start, database):
    admin = start().client()
    app = admin.post("/apps", {"name": "a"}, expect=201).json
    made, client = make(admin, app)
    assert made["last_used_at"] is None
    client.get("/webhooks", expect=200)
    used = until(lambda: admin.get(f"/keys/{made['id']}").json["last_used_at"], 5, "a use")
    age = datetime.datetime.now(datetime.UTC) - datetime.datetime.fromisoformat(used)
    assert abs(age.total_seconds()) < 30
    written = "select xmin from api_key where name = 'k'"
    before = database.query(written)
    for _ in range(30):
        client.get("/webhooks", expect=200)
        client.with_(X_App_Id=app["id"]).get("/webhooks", expect=200)
    assert database.query(written) == before  # looked up again, and not written again
    database.query("update api_key set last_used_at = now() - interval '2 min'")
    until(lambda: client.get("/webhooks") and admin.get(f"/keys/{made['id']}").json["last_used_at"] >= used, 10, "a use")


def test_a_refused_use_is_none(tenant, admin):
    made, client = make(admin, tenant.app, allowed_networks=["192.0.2.0/24"])
    client.get("/webhooks", expect=403)
    assert admin.get(f"/keys/{made['id']}").json["last_used_at"] is None
