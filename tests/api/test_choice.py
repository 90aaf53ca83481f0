"""Which webhooks a list is of: a word of what they are called, and those that something is wrong with, among many."""

import pytest

from harness.tenant import Tenant

# Of a gate, as the ledger has it.
GATES = {
    "at rest": "gate_failures = 0",
    "has failed": "gate_failures = 9, failing_since = now()",
    "fails": "gate_failures = 10, failing_since = now()",
    "is limited": "gate_limit = 1000",
    "waits": "gate_until = now() + interval '1 h'",
    "has waited": "gate_until = now() - interval '1 s'",
    "is broken": "gate_openings = 1, gate_until = now() - interval '1 s'",
    "is disabled": "status = 2, disabled_reason = 1",
    "is paused by hand": "status = 1",
}


def ids(client, path="/webhooks", member="id", **query):
    return [w[member] for w in client.get(path, **query).json["data"]]


def test_those_that_need_attention(shared, tenant, address):
    api = tenant.write
    for name, gate in GATES.items():
        made = api.webhook(address, uid=name.replace(" ", "-"))
        shared.database.query(
            f"update webhook set {gate} where uid = '{made['uid']}' and app_id = (select id from app where uid = '{tenant.app['uid']}')"
        )
    hooks = api.get("/webhooks").json["data"]
    unwell = [w["id"] for w in hooks if w["status"] == "disabled" or w["health"]["state"] != "healthy"]
    assert len(unwell) == 5
    assert ids(api, needs_attention="true") == unwell
    assert ids(api, needs_attention="false") == [w["id"] for w in hooks if w["id"] not in unwell]
    assert ids(api, "/stats/webhooks", "webhook_id", needs_attention="true") == unwell
    assert ids(api, needs_attention="true", status="disabled") == unwell[:1]
    assert ids(api, needs_attention="true", search="is") == [w["id"] for w in hooks if w["uid"] in ("is-limited", "is-broken", "is-disabled")]


def test_search(api, tenant):
    by_uid = api.webhook("https://a.example.com/in", uid="Orders-1")["id"]
    by_description = api.webhook("https://a.example.com/in", description="of the ORDERS desk, 100% _sure")["id"]
    by_host = api.webhook("https://orders.example.com/in")["id"]
    by_path = api.webhook("https://b.example.com/orders/T0KEN")["id"]
    assert ids(api, search="orders") == [by_path, by_host, by_description, by_uid]
    assert ids(api, search="0% _S") == [by_description]
    assert ids(api, search="%") == [by_description]
    assert ids(api, search="example.com", limit=1) == [by_path]
    assert ids(api, search="none") == ids(api, search="é" * 200) == []
    assert ids(api, "/stats/webhooks", "webhook_id", search="orders") == [by_path, by_host, by_description, by_uid]
    # What a reader is not shown cannot be found letter by letter.
    assert ids(tenant.read, search="orders") == [by_host, by_description, by_uid]
    assert ids(tenant.read, search="t0k") == []


@pytest.mark.parametrize("value", ["", "x" * 201])
def test_search_is_bounded(api, value):
    assert api.get("/webhooks", search=value, expect=422, check=False).fields == ["search"]


def test_search_is_text(api):
    api.request("GET", "/webhooks?search=%00", expect=422, check=False)
    assert api.get("/webhooks", needs_attention="yes", expect=422, check=False).fields == ["needs_attention"]


def test_one_of_many(admin, shared, address):
    """A page looks at a thousand of them; who is unwell is found among any number."""
    tenant = Tenant(admin)
    first = tenant.write.webhook(address, uid="the-first")["id"]
    (columns,) = shared.database.query(
        "select string_agg(attname, ', ') from pg_attribute where attrelid = 'webhook'::regclass and attnum > 0 and not attisdropped"
        " and attname not in ('id', 'uid')"
    )
    shared.database.query(
        f"insert into webhook (id, {columns[0]}) select new_id(), {columns[0]} from webhook, generate_series(1, 1500)"
        f" where app_id = (select id from app where uid = '{tenant.app['uid']}')"
    )
    shared.database.query("update webhook set gate_failures = 10, failing_since = now() where uid = 'the-first'")
    for path, member in (("/webhooks", "id"), ("/stats/webhooks", "webhook_id")):
        page = tenant.write.get(path, search="the-first").json
        assert page["data"] == [] and page["next_cursor"]
        page = tenant.write.get(path, search="the-first", cursor=page["next_cursor"]).json
        assert [w[member] for w in page["data"]] == [first] and page["next_cursor"] is None
        assert ids(tenant.write, path, member, needs_attention="true") == [first]
    assert len(tenant.write.get("/webhooks", limit=250).json["data"]) == 250
