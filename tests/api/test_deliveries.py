"""GET /deliveries: the deliveries of all webhooks of an app, by what is known of them; and retries by the same."""

import pytest
from harness import replies
from harness.jobs import ended
from harness.wait import until

ROWS = """
with a as (select id from app where name = 'default'), w as (
 insert into webhook (id, app_id, url, events, profile, secret, headers, retry_schedule, timeout_ms, concurrency)
 select id_floor(now()), a.id, 'https://[2001:DB8::7]:8443/x', '{{}}', 'default', '', '', '{{}}', 1000, 1 from a
 returning id, app_id), n as (
 select (encode(substr(uuid_send(id_floor(now() - interval '40 min' * i / {events})), 1, 6)
         || '\\x7abc'::bytea || substr(uuid_send(gen_random_uuid()), 9), 'hex'))::uuid as id, i
   from generate_series(1, {events}) i), e as (
 insert into event (id, app_id, test, type, data)
 select n.id, w.app_id, false, 'old.' || i % 2, '{{}}' from n, w)
insert into delivery (id, event_id, webhook_id, app_id, next_at, state, test, completed_at, last_code, last_error)
select new_delivery_id(n.id), n.id, w.id, w.app_id, now(), 2, false, now(), 500 + n.i % 2, 9
  from n, w, generate_series(1, {each}) where n.i % {every} = 0"""


def found(client, **query):
    return list(client.pages("/deliveries", **query))


def test_what_is_listed(api, receiver):
    """Those of all webhooks, newest first, each as in the list of its webhook, with that."""
    receiver.script("/no", replies.answer(503))
    receiver.script("/late", replies.hang())
    good = api.webhook(receiver.url("/yes"), events=["a", "b"])
    bad = api.webhook(receiver.url("/no"), events=["a"], retry_schedule=[])
    late = api.webhook(receiver.url("/late"), events=["b"], retry_schedule=[], timeout_ms=1000)
    first, second = api.publish("a"), api.publish("b")
    all_ended = lambda: {d["status"] for w in (good, bad, late) for d in api.deliveries(w)} == {"delivered", "failed"}
    until(all_ended, 10, "the end of all")

    whole = [d for d in found(api) if d["webhook_id"] in (good["id"], bad["id"], late["id"])]
    assert [d["id"] for d in whole] == sorted((d["id"] for d in whole), reverse=True)
    assert len(whole) == 4
    for webhook in (good, bad, late):
        rows = [dict(d) for d in whole if d["webhook_id"] == webhook["id"]]
        for row in rows:
            del row["webhook_id"], row["error_code"]
        assert rows == api.deliveries(webhook)

    def ids(**query):
        return [(d["webhook_id"], d["event_id"]) for d in found(api, event_id=second["id"], **query)]

    of = {w["id"]: w for w in (good, late)}
    assert {w for w, _ in ids()} == set(of)
    assert ids(error_code="timed_out") == [(late["id"], second["id"])]
    assert ids(response_code=200) == [(good["id"], second["id"])]
    assert ids(status="failed", event_type="b") == [(late["id"], second["id"])]
    assert ids(webhook_id=good["id"]) == [(good["id"], second["id"])]
    assert ids(event_type="a") == [] and ids(webhook_id=bad["id"]) == []
    assert [d["error_code"] for d in found(api, event_id=first["id"], response_code=503)] == ["http_status"]
    of_one = api.get(f"/webhooks/{good['id']}/deliveries", event_id=first["id"]).json["data"]
    assert [d["event_id"] for d in of_one] == [first["id"]]
    assert api.get(f"/webhooks/{late['id']}/deliveries", error_code="dns_failed").json["data"] == []


@pytest.mark.parametrize(
    "name, value",
    [("webhook_id", "evt_01kn2pa7gxe83r5cv0jw1mh4bd"), ("event_id", "del_01kn2pa7gye0qa5gmmt2w8z3fk"), ("error_code", "timed"), ("response_code", "99"),
     ("status", "sent"), ("cursor", "evt_01kn2pa7gxe83r5cv0jw1mh4bd"), ("host", "x")],
)
def test_what_is_not_a_filter(api, name, value):
    assert [e["field"] for e in api.get("/deliveries", expect=422, **{name: value}).json["errors"]] == [name]


def test_a_webhook_that_is_not_there(api):
    api.get("/deliveries", webhook_id="wh_01kn2p8v3rf0pbw4gd9ztq6e1x", expect=404)


def test_another_tenant_sees_none_of_it(api, other_tenant, receiver):
    webhook = api.webhook(receiver.url())
    event = api.publish()
    api.settled(webhook)
    other = other_tenant.client("read")
    assert found(other) == [] and found(other, event_id=event["id"]) == []
    other.get("/deliveries", webhook_id=webhook["id"], expect=404)


@pytest.mark.parametrize(
    "events, each, every", [(2500, 1, 1), (2500, 1, 500), (3, 1100, 1), (1100, 0, 1)],
    ids=["one each", "hardly any", "many each", "none"],
)
def test_pages(posthorn, database, events, each, every):
    """However deliveries are spread over events, pages bring each of them once, in order, and all that pass a filter."""
    database.query(ROWS.format(events=events, each=each, every=every))
    client = posthorn.client()
    ids = [d["id"] for d in found(client, limit=250)]
    assert len(ids) == events * each // every
    assert ids == sorted(set(ids), reverse=True)
    odd = found(client, response_code=501, limit=250)
    assert {d["event_type"] for d in odd} <= {"old.1"}
    assert found(client, event_type="old.1", limit=100) == odd
    assert found(client, url_host="[2001:db8::7]", limit=250) == found(client, url_host="2001:DB8::7", limit=250)
    assert len(found(client, url_host="2001:db8::7", limit=250)) == len(ids)
    assert found(client, url_host="example.com", limit=250) == []


def test_a_page_looks_at_a_bounded_part(posthorn, database):
    """What passes is far away: pages are empty, and go on."""
    database.query(ROWS.format(events=2500, each=1, every=2400))
    page = posthorn.client().get("/deliveries").json
    assert page["data"] == [] and page["next_cursor"].startswith("del_")
    assert len(found(posthorn.client())) == 1


def test_retry_by_event_and_host(api, receiver):
    receiver.script("/hook", replies.answer(500))
    one = api.webhook(receiver.url(), retry_schedule=[])
    two = api.webhook(receiver.url().replace("127.0.0.1", "localhost"), retry_schedule=[])
    events = [api.publish(), api.publish()]
    until(lambda: all(len(api.deliveries(w, status="failed")) == 2 for w in (one, two)), 10, "four failures")
    receiver.script("/hook", replies.answer(200))

    def retry(**body):
        return ended(api, api.post("/deliveries/retry", body, expect=202).json)

    job = api.post("/deliveries/retry", {"event_id": events[0]["id"], "dry_run": True}, expect=202).json
    assert (job["matched"], job["filter"]["event_id"], job["filter"]["url_host"]) == (2, events[0]["id"], None)
    job = retry(event_id=events[0]["id"], url_host="LOCALHOST")
    assert (job["matched"], job["done"], job["filter"]["url_host"]) == (1, 1, "localhost")
    assert api.get(f"/replays/{job['id']}").json == job
    until(lambda: len(api.deliveries(two, status="delivered")) == 1, 10, "the one")
    assert len(api.deliveries(one, status="failed")) == 2
    assert retry(url_host="localhost")["done"] == 1
    assert retry(event_id=events[1]["id"])["done"] == 1
    assert retry()["done"] == 1
