"""`filter` of webhooks: which events they get by their data."""

import itertools
import json

import pytest
from harness.jobs import ended
from harness.wait import until

URL = "https://hooks.example.com/in"
PRO = {"path": "/user/plan", "eq": "pro"}
EVERYTHING = {"eq": 1, "ne": 1, "in": [], "gt": 1, "gte": 1, "lt": 1, "lte": 1, "exists": True, "prefix": ""}


def nested(depth, condition=PRO):
    return condition if depth == 0 else {"not": nested(depth - 1, condition)}


# --- what is refused, and where

FAULTS = [
    ({}, "/filter"),
    ({"eq": 1}, "/filter"),
    ({"path": "/a"}, "/filter"),
    ({"path": "/a", "eq": 1, "any": [PRO]}, "/filter"),
    ({"all": [PRO], "any": [PRO]}, "/filter"),
    ({"path": "a", "eq": 1}, "/filter/path"),
    ({"path": "/a~2", "eq": 1}, "/filter/path"),
    ({"path": "/a~", "eq": 1}, "/filter/path"),
    ({"path": 7, "eq": 1}, "/filter/path"),
    ({"path": "/\0", "eq": 1}, "/filter/path"),
    ({"path": "/a", "equals": 1}, "/filter/equals"),
    ({"all": []}, "/filter/all"),
    ({"all": PRO}, "/filter/all"),
    ({"not": [PRO]}, "/filter/not"),
    ({"all": [PRO, {"path": "b", "eq": 1}]}, "/filter/all/1/path"),
    ({"all": [PRO, {"any": [{"not": {"path": "/a", "exists": 1}}]}]}, "/filter/all/1/any/0/not/exists"),
    ({"any": [PRO, None]}, "/filter/any/1"),
    ({"path": "/a", "in": "x"}, "/filter/in"),
    ({"path": "/a", "gt": [1]}, "/filter/gt"),
    ({"path": "/a", "lte": None}, "/filter/lte"),
    ({"path": "/a", "prefix": 1}, "/filter/prefix"),
    ({"path": "/a", "eq": {"b": ["\0"]}}, "/filter/eq/b/0"),
    ({"path": "/a", "eq": {"\0": 1}}, "/filter/eq/\\u0000"),
    ({"path": "/a", "in": ["x", "\ud800"]}, "/filter/in/1"),
    ({"path": "/a", "in": list(range(101))}, "/filter/in"),
    ({"all": [PRO] * 101}, "/filter/all/100/eq"),
    (nested(9), "/filter" + "/not" * 9),
    ({"path": "/" * 3900, **EVERYTHING}, "/filter"),
    ({"path": '/"' * 1000, **EVERYTHING}, "/filter"),
]


@pytest.mark.parametrize("given, pointer", FAULTS, ids=[str(n) for n in range(len(FAULTS))])
def test_a_fault_is_answered_with_its_position(api, given, pointer):
    answer = api.post("/webhooks", {"url": URL, "events": ["*"], "filter": given}, expect=422)
    (error,) = answer.json["errors"]
    assert (error["field"], error["pointer"]) == ("filter", pointer)


@pytest.mark.parametrize(
    "text, pointer",
    [
        ('{"path":"/a","path":"/b","eq":1}', "/filter/path"),
        ('{"path":"/a","eq":1,"eq":2}', "/filter/eq"),
        ('{"path":"/a","gt":1e1001}', "/filter/gt"),
        ('{"path":"/a","gt":1e-99999999999999999999}', "/filter/gt"),
        ('{"path":"/a","gt":' + "9" * 1001 + "}", "/filter/gt"),
    ],
)
def test_a_fault_that_only_text_can_have(api, text, pointer):
    body = '{"url":"https://hooks.example.com/in","events":["*"],"filter":%s}' % text
    answer = api.request("POST", "/webhooks", body.encode(), expect=422)
    assert answer.json["errors"][0]["pointer"] == pointer


def test_limits(api, address):
    for given in (nested(8), {"all": [PRO] * 100}, {"path": "/a", "in": list(range(100))}):
        assert api.webhook(address, filter=given)["filter"] == given
    long = {"path": "/" * 1000, **EVERYTHING}
    assert api.webhook(address, filter=long)["filter"] == long
    large = {"path": "/a", "eq": "x" * 4096}
    assert api.post("/webhooks", {"url": URL, "events": ["*"], "filter": large}, expect=422).fields == ["filter"]
    for wrong in ([], "x", 1, True):
        answer = api.post("/webhooks", {"url": URL, "events": ["*"], "filter": wrong}, expect=422)
        assert answer.fields == ["filter"]


# --- what is wanted

DATA = """{"user":{"plan":"pro","name":"Zoë"},"amount":100.50,"big":90071992547409931234567890.1,"tags":["vip-1",2],
"none":null,"a/b":{"~":1},"":{"":"empty"},"twice":1,"twice":2,"q\\"\\\\,{}":1,"7":"seven","deep":{"x":[{"y":[1,2]}]},
"yes":true,"at":"2026-01-02"}"""

WANTED = [
    {"path": "/user/plan", "eq": "pro"},
    {"path": "/user", "eq": {"name": "Zo\u00eb", "plan": "pro"}},
    {"path": "/user/plan", "ne": "free"},
    {"path": "/missing", "ne": "free"},
    {"path": "/missing/more", "exists": False},
    {"path": "/none", "exists": True},
    {"path": "/none", "eq": None},
    {"path": "/amount", "eq": 100.5},
    {"path": "/amount", "gt": 100, "lt": 101},
    {"path": "/amount", "gte": 100.5, "lte": 100.5},
    {"path": "/tags/0", "prefix": "vip"},
    {"path": "/tags/1", "in": ["2", 2]},
    {"path": "/tags", "eq": ["vip-1", 2]},
    {"path": "/a~1b/~0", "eq": 1},
    {"path": "//", "eq": "empty"},
    {"path": "/twice", "eq": 2},
    {"path": '/q"\\,{}', "eq": 1},
    {"path": "/7", "eq": "seven"},
    {"path": "/deep/x/0/y/1", "eq": 2},
    {"path": "", "exists": True},
    {"path": "/at", "gt": "2026-01-01T23:59:59Z", "lt": "2027"},
    {"path": "/user/name", "gt": "Zoz"},
    {"path": "/yes", "eq": True},
    {"not": {"path": "/missing", "eq": None}},
    {"any": [{"path": "/x", "exists": True}, {"all": [PRO, {"not": {"path": "/yes", "eq": False}}]}]},
]
UNWANTED = [
    ({"path": "/user/plan", "eq": "Pro"}, "/eq"),
    ({"path": "/user/plan", "ne": "pro"}, "/ne"),
    ({"path": "/missing", "eq": None}, "/eq"),
    ({"path": "/missing", "gt": 0}, "/gt"),
    ({"path": "/missing", "in": [None]}, "/in"),
    ({"path": "/missing", "prefix": ""}, "/prefix"),
    ({"path": "/missing", "exists": True}, "/exists"),
    ({"path": "/none", "exists": False}, "/exists"),
    ({"path": "/amount", "gt": "1"}, "/gt"),
    ({"path": "/amount", "eq": "100.5"}, "/eq"),
    ({"path": "/amount", "lt": 100.5, "gt": 1}, "/lt"),
    ({"path": "/amount", "prefix": "1"}, "/prefix"),
    ({"path": "/yes", "eq": "true"}, "/eq"),
    ({"path": "/yes", "gt": 0}, "/gt"),
    ({"path": "/user/plan/x", "exists": True}, "/exists"),
    ({"path": "/tags/2", "exists": True}, "/exists"),
    ({"path": "/twice", "eq": 1}, "/eq"),
    ({"path": "/q", "exists": True}, "/exists"),
    ({"all": [PRO, {"path": "/tags/0", "prefix": "VIP"}]}, "/all/1/prefix"),
    ({"any": [{"path": "/x", "exists": True}, {"not": PRO}]}, "/any"),
    ({"all": [PRO, {"not": PRO}]}, "/all/1/not"),
]


def publish(api, data, type_="a"):
    body = '{"type":"%s","data":%s}' % (type_, data)
    return api.request("POST", "/events", body.encode(), expect=202, check=False).json


def test_conditions(api, address):
    wanted = [api.webhook(address, filter=given)["id"] for given in WANTED]
    for given, _ in UNWANTED:
        api.webhook(address, filter=given)
    event = publish(api, DATA)
    assert event["deliveries"] == len(WANTED)
    got = {d["webhook_id"] for d in api.get(f"/events/{event['id']}", check=False).json["deliveries"]}
    assert [WANTED[i] for i, id_ in enumerate(wanted) if id_ not in got] == []
    assert len(got) == len(WANTED)


def test_numbers_are_exact(api, address):
    for text in ("90071992547409931234567890.1", "9007199254740993123456789.01E1"):
        body = '{"url":"%s","events":["*"],"filter":{"path":"/big","eq":%s}}' % (address, text)
        api.request("POST", "/webhooks", body.encode(), expect=201)
    body = body.replace("789.01E1", "789.02E1")
    api.request("POST", "/webhooks", body.encode(), expect=201)
    assert publish(api, DATA)["deliveries"] == 2


@pytest.mark.parametrize(
    "data",
    [
        '{"a":"\\u0000"}',
        '{"a":"\\ud800"}',
        '{"\\u0000":1}',
        '{"a":1e200000}',
        '{"a":' + "9" * 140000 + "}",
    ],
    ids=["nul", "surrogate", "nul in a name", "exponent", "digits"],
)
def test_what_cannot_be_compared_is_not_filtered(api, receiver, data):
    """And nobody else's events fail with it."""
    api.webhook(receiver.url("/filtered"), filter={"path": "/b", "eq": 1})
    api.webhook(receiver.url("/all"))
    body = '{"events":[{"type":"a","data":%s},{"type":"a","data":{}}]}' % data
    answer = api.request("POST", "/events/batch", body.encode(), expect=202, check=False).json
    assert [e["deliveries"] for e in answer["data"]] == [2, 1]
    assert len(receiver.wait(1, "/filtered")) == 1


def test_deep_and_unicode(api, address):
    api.webhook(address, filter={"path": "/x" * 30, "eq": "\U0001f600"})
    api.webhook(address, filter={"path": "/x" * 31, "exists": True})
    data = '{"x":' * 30 + '"\\ud83d\\ude00"' + "}" * 30
    assert publish(api, data)["deliveries"] == 1


# --- each place that makes deliveries


def test_a_batch_is_counted_event_by_event(api, receiver):
    api.webhook(receiver.url("/third"), filter={"path": "/n", "in": [3, 6, 999]})
    api.webhook(receiver.url("/small"), filter={"path": "/n", "lt": 100})
    api.webhook(receiver.url("/b"), events=["b"])
    events = [{"type": "ab"[n % 2], "data": {"n": n}} for n in range(1000)]
    answer = api.post("/events/batch", {"events": events}, expect=202).json["data"]
    expected = [(n in (3, 6, 999)) + (n < 100) + n % 2 for n in range(1000)]
    assert [e["deliveries"] for e in answer] == expected
    receiver.wait(3, "/third")
    receiver.wait(100, "/small")
    receiver.wait(500, "/b")
    assert sorted(json.loads(r.body)["data"]["n"] for r in receiver.at("/small")) == list(range(100))
    (event,) = [e for e in answer if e["deliveries"] == 3][:1]
    assert len(api.get(f"/events/{event['id']}").json["deliveries"]) == 3


def test_a_repetition_has_the_same_answer(api, address):
    webhook = api.webhook(address, filter=PRO)
    api.webhook(address)
    keyed = api.with_(**{"Idempotency-Key": "one"})
    first = keyed.post("/events", {"type": "a", "data": {}}, expect=202).json
    api.patch(f"/webhooks/{webhook['id']}", {"filter": None})
    assert first["deliveries"] == 1
    assert keyed.post("/events", {"type": "a", "data": {}}, expect=202).json == first
    assert publish(api, "{}")["deliveries"] == 2


def test_arrays_order_and_coalescing(api, receiver):
    """Beside what else the whole statement does."""
    api.webhook(receiver.url("/o"), ordering="webhook", filter={"path": "/n", "gt": 1})
    options = {"batch_seconds": 1, "batch_max": 10}
    api.webhook(receiver.url("/m"), profile="marzban", profile_options=options, filter={"path": "/n", "gt": 1})
    for n in range(4):
        api.post("/events", {"type": "a", "data": {"n": n}, "coalesce_key": f"k{n}"}, expect=202)
    receiver.wait(2, "/o")
    assert [json.loads(r.body)["data"]["n"] for r in receiver.at("/o")] == [2, 3]
    (request,) = receiver.wait(1, "/m")
    assert [e["n"] for e in json.loads(request.body)] == [2, 3]


def test_tenants_do_not_see_each_others_filters(api, other_tenant, receiver):
    api.webhook(receiver.url("/one"), filter=PRO)
    other = other_tenant.write
    other.webhook(receiver.url("/two"))
    assert publish(other, "{}")["deliveries"] == 1
    assert publish(api, "{}")["deliveries"] == 0


def test_backfill(api, receiver):
    for n in range(20):
        api.publish("a", {"n": n})
    webhook = api.webhook(receiver.url("/late"), filter={"path": "/n", "gte": 15})
    path = f"/webhooks/{webhook['id']}/backfill"
    plan = api.post(path, {"dry_run": True}, expect=202).json
    assert (plan["matched"], plan["exact"]) == (5, True)
    job = ended(api, api.post(path, {}, expect=202).json)
    assert (job["matched"], job["done"]) == (5, 5)
    receiver.wait(5, "/late")
    api.patch(f"/webhooks/{webhook['id']}", {"filter": {"path": "/n", "gte": 14}})
    assert ended(api, api.post(path, {}, expect=202).json)["done"] == 1


def test_a_replay_sends_what_is_there(api, receiver):
    webhook = api.webhook(receiver.url())
    api.publish("a", {})
    api.settled(webhook)
    api.patch(f"/webhooks/{webhook['id']}", {"filter": PRO})
    job = api.post(f"/webhooks/{webhook['id']}/replay", {"status": "delivered"}, expect=202).json
    assert ended(api, job)["done"] == 1


def clone(database, count):
    """`count` webhooks like the newest, with its subscriptions and its filter."""
    database.query(
        f"""
        with w as (select * from webhook order by id desc limit 1), n as (
            insert into webhook (id, app_id, url, events, status, profile, secret, headers,
                retry_schedule, timeout_ms, concurrency, filter, filter_plan, conditions)
            select new_delivery_id(w.id), app_id, url, events, status, profile, secret, headers,
                retry_schedule, timeout_ms, concurrency, filter, filter_plan, conditions
            from w, generate_series(1, {count})
            returning id, app_id, events)
        insert into subscription (app_id, pattern, webhook_id)
        select app_id, unnest(events), id from n"""
    )


PAIRS = "select count(*), count(distinct (event_id, webhook_id)) from delivery"


def test_filters_that_take_long_are_asked_by_a_job(start, database, address):
    """Which finds the same, and does not make others wait."""
    client = start().client()
    client.webhook(address)
    webhook = client.webhook(address, filter={"any": [{"path": "/n", "eq": n} for n in range(100)]})
    client.patch(f"/webhooks/{webhook['id']}", {"concurrency": 1})
    clone(database, 9)
    events = [{"type": "a", "data": {"n": n}} for n in range(95, 150)]
    answer = client.post("/events/batch", {"events": events}, expect=202).json["data"]
    counts = [e["deliveries"] for e in answer]
    asked = counts.index(11, 5)
    assert counts == [11] * 5 + [1] * (asked - 5) + [11] * (55 - asked)
    (job,) = client.get("/jobs", kind="fanout").json["data"]
    ended(client, job)
    assert database.query(PAIRS) == [[str(55 + 5 * 10)] * 2]


def test_a_fan_out_asks(start, database, address):
    client = start().client()
    webhook = client.webhook(address, filter={"path": "/n", "lt": 10})
    client.patch(f"/webhooks/{webhook['id']}", {"status": "paused"})
    clone(database, 1999)
    answer = client.post(
        "/events/batch", {"events": [{"type": "a", "data": {"n": n}} for n in (1, 2, 3, 50)]}, expect=202
    )
    assert [e["deliveries"] for e in answer.json["data"]] == [2000, 2000, 2000, 0]
    for job in client.get("/jobs", kind="fanout").json["data"]:
        ended(client, job)
    until(lambda: database.query(PAIRS) == [["6000"] * 2], what="all, once")


# --- what it costs

def timed(database, sql, times=3):
    """The best of some, in ms."""
    rows = [database.query(f"explain (analyze, timing off) {sql}") for _ in range(times)]
    return min(float(r[-1][0].split(": ")[1].split(" ")[0]) for r in rows)


def test_the_largest_filter_over_the_largest_data(start, database, address):
    """Data is read once, not for each condition, although a condition may copy all of it."""
    client = start("api").client()
    for path in ("/n", "/all"):
        client.webhook(address, filter={"all": [{"path": path, "ne": n} for n in range(100)]})
    client.webhook(address, filter={"not": {"path": "/n", "in": list(range(100))}})
    database.query(
        """create table large as select convert_to(jsonb_build_object('n', -1, 'all', (
        select jsonb_agg(lpad(i::text, 6, '0')) from generate_series(1, 100000) i))::text, 'UTF8') as data"""
    )
    read = timed(database, "select event_json(data) from large")
    refusal = "select filter_refusal((select filter_plan from webhook where id = '{}'), event_json(data)) from large"
    for (webhook,) in database.query("select id from webhook"):
        assert database.query(refusal.format(webhook)) == [[""]]
        assert timed(database, refusal.format(webhook)) < 10 * read + 20
    plan = "(select filter_plan from webhook order by id limit 1)"
    small = f"select count(filter_refusal({plan}, '{{\"n\": -1}}')) from generate_series(1, 200)"
    assert timed(database, small) < 20 * read + 100


def test_who_has_none_pays_nothing(start, database, address):
    """Data is read for those webhooks only that ask for it: in the plain statements, in the whole one, in jobs."""
    client = start().client()
    paused = client.webhook(address, events=["a"])
    client.patch(f"/webhooks/{paused['id']}", {"status": "paused"})
    client.webhook(address, events=["c"], filter=PRO)
    other = client.webhook(address, events=["b"])
    for name, of in (("event_json(data bytea)", "jsonb"), ("filter_refusal(plan jsonb, data jsonb)", "text")):
        database.query(
            f"create or replace function public.{name} returns {of} language plpgsql as "
            "$$ begin raise exception 'it was asked'; end $$"
        )
    for n, (keyed, ordered) in enumerate(itertools.product((False, True), repeat=2)):
        body = {"type": "a", "data": {}, **({"ordering_key": "k"} if ordered else {})}
        headers = {"Idempotency-Key": str(n)} if keyed else {}
        assert client.post("/events", body, expect=202, headers=headers).json["deliveries"] == 1
    clone(database, 2100)
    client.publish("b")
    client.patch(f"/webhooks/{other['id']}", {"events": ["a", "b"]})
    job = client.post(f"/webhooks/{other['id']}/backfill", {"event_type": "a"}, expect=202).json
    assert ended(client, job)["done"] == 4
    until(lambda: database.query("select count(*) from delivery") == [["2109"]], 20, "the fan-out")


# --- what is shown


def test_explain(api, other_tenant, address):
    other_tenant.write.webhook(address)
    plain = api.webhook(address, uid="plain")
    wants = api.webhook(address, filter=PRO)
    refuses = api.webhook(address, filter={"all": [PRO, {"path": "/n", "gt": 1}]})
    typed = api.webhook(address, events=["b.*"], filter={"path": "/x", "exists": True})
    paused = api.webhook(address)
    api.patch(f"/webhooks/{paused['id']}", {"status": "paused"})
    disabled = api.webhook(address, filter=PRO)
    api.patch(f"/webhooks/{disabled['id']}", {"status": "disabled"})
    event = {"type": "a", "data": {"user": {"plan": "pro"}, "n": 1}}
    answer = api.post("/events/explain", event, expect=200).json
    found = {w["webhook_id"]: (w["wanted"], w["reason"], w["filtered_by"]) for w in answer["data"]}
    assert found == {
        plain["id"]: (True, None, None),
        wants["id"]: (True, None, None),
        refuses["id"]: (False, "filter", "/filter/all/1/gt"),
        typed["id"]: (False, "events", None),
        paused["id"]: (True, None, None),
        disabled["id"]: (False, "disabled", None),
    }
    assert answer["next_cursor"] is None and answer["data"][-1]["uid"] == "plain"
    assert answer["data"][1]["status"] == "paused"
    assert api.post("/events", event, expect=202).json["deliveries"] == 3

    first = api.post("/events/explain", event, limit=4).json
    rest = api.post("/events/explain", event, limit=4, cursor=first["next_cursor"]).json
    assert first["data"] + rest["data"] == answer["data"] and rest["next_cursor"] is None


def test_explain_is_refused(api, tenant):
    assert api.post("/events/explain", {"type": "a b", "data": []}, expect=422).fields == ["type", "data"]
    tenant.client("publish").post("/events/explain", {"type": "a", "data": {}}, expect=403)
    assert tenant.read.post("/events/explain", {"type": "a", "data": {}}).json["data"] == []


@pytest.mark.parametrize("given, at", UNWANTED)
def test_explain_and_preview_show_the_position(api, address, given, at):
    webhook = api.webhook(address, filter=given)
    body = ('{"type":"a","data":%s}' % DATA).encode()
    (answer,) = api.request("POST", "/events/explain", body, check=False).json["data"]
    assert (answer["reason"], answer["filtered_by"]) == ("filter", "/filter" + at)
    shown = api.request("POST", f"/webhooks/{webhook['id']}/preview", body, check=False).json
    assert shown["filtered_by"] == "/filter" + at


def test_preview_of_an_event(api, address):
    event = api.publish("a", {"n": 1})
    webhook = api.webhook(address, filter={"path": "/n", "eq": 1})
    path = f"/webhooks/{webhook['id']}"
    assert api.post(f"{path}/preview", {"event_id": event["id"]}).json["filtered_by"] is None
    api.patch(path, {"filter": {"not": {"path": "/n", "eq": 1}}})
    assert api.post(f"{path}/preview", {"event_id": event["id"]}).json["filtered_by"] == "/filter/not"
    api.patch(path, {"filter": None})
    assert api.post(f"{path}/preview", {"event_id": event["id"]}).json["filtered_by"] is None


def test_a_change_is_in_the_audit_log(start, address):
    client = start("api").client()
    webhook = client.webhook(address)
    client.patch(f"/webhooks/{webhook['id']}", {"filter": PRO})
    assert client.get("/audit").json["data"][0]["fields"] == ["filter"]
