"""Erasing: an event loses its data, its attempts what they keep of messages, and the history still explains itself."""

import itertools
import threading

import pytest
from harness import replies
from harness.jobs import ended, kills
from harness.server import command
from harness.wait import never, until

NUMBERS = itertools.count(100000)
KEPT = "Jane Roe, 12 Elm Street"


@pytest.fixture
def secret():
    """What is to be gone; nobody else on the server says it."""
    return f"{KEPT}, {next(NUMBERS)} York"


def copies(database, secret=KEPT):
    """How many events have it, and how many attempts."""
    rows = database.query(
        f"select (select count(*) from event where position('{secret}'::bytea in data) > 0),"
        f" (select count(*) from attempts where position('{secret}'::bytea in coalesce(error_text, '')::bytea"
        "   || request_head || coalesce(response_head, '') || coalesce(response_body, '')) > 0)"
    )
    return [int(n) for n in rows[0]]


def publish(api, secret=KEPT, type_="user.created", **more):
    body = {"type": type_, "data": {"name": secret}, **more}
    return api.post("/events", body, expect=202).json


def erase(api, event, expect=204):
    return api.delete(f"/events/{event['id']}", expect=expect)


def get(api, event):
    return api.get(f"/events/{event['id']}").json


def delivery(api, event):
    (one,) = get(api, event)["deliveries"]
    return api.get(f"/deliveries/{one['id']}").json


def echo(status=200, hold=None, location=None):
    """Says back what it was sent; also where a redirect leads."""

    def reply(_receiver, connection, request):
        if hold is not None and not hold.wait(20):
            return False
        headers = [("Location", location)] if location else []
        connection.sendall(replies.head(status, headers, len(request.body)) + request.body)
        return True

    return reply


def begin(api, **body):
    return api.post("/events/erase", body, expect=202).json


# --- one


def test_what_goes_and_what_stays(api, receiver, shared, secret):
    """Also what the receiver said back; a second time it is the same."""
    receiver.script("/hook", echo(302, location=f"/{secret}"), echo(200))
    webhook = api.webhook(receiver.url(), retry_schedule=[1])
    event = publish(api, secret, ordering_key="k")
    api.settled(webhook)
    before = delivery(api, event), api.attempts(delivery(api, event))
    assert before[1][1]["error"]["message"].endswith(secret)
    assert copies(shared.database, secret) == [1, 2]

    assert erase(api, event).body == b""
    shown = get(api, event)
    assert "data" not in shown and shown["erased_at"] is not None
    assert (shown["type"], shown["ordering_key"]) == ("user.created", "k")
    (listed,) = api.get("/events").json["data"]
    assert listed["erased_at"] == shown["erased_at"]
    assert delivery(api, event) == before[0]
    second, first = api.attempts(before[0])
    for now, then in zip((second, first), before[1]):
        for member in ("number", "started_at", "status", "response_code", "address", "timings"):
            assert now[member] == then[member]
        assert now["request"]["headers"] == now["response"]["headers"] == now["response"]["body"] == ""
    assert first["error"]["code"] == "redirect" and secret not in first["error"]["message"]
    assert copies(shared.database, secret) == [0, 0]
    told = command(shared.env, "trace", event["id"]).stdout
    assert f"user.created, erased at {shown['erased_at']}, app" in told, told

    erase(api, event)
    assert get(api, event) == shown and api.attempts(before[0]) == [second, first]


def test_pending_and_held_are_cancelled(api, receiver):
    receiver.script("/hook", replies.answer(500))
    waiting = api.webhook(receiver.url(), retry_schedule=[600])
    paused = api.webhook(receiver.url("/paused"), events=["held"])
    api.patch(f"/webhooks/{paused['id']}", {"status": "paused"})
    api.patch(f"/webhooks/{waiting['id']}", {"events": ["sent"]})
    sent, held = publish(api, type_="sent"), publish(api, type_="held")
    api.attempted(waiting)
    until(lambda: delivery(api, held)["status"] == "held")
    for event, attempts in ((sent, 1), (held, 0)):
        erase(api, event)
        got = delivery(api, event)
        assert (got["status"], got["last_error"]["code"]) == ("cancelled", "event_erased")
        assert got["last_error"]["message"] and got["completed_at"] and got["attempts"] == attempts
    api.patch(f"/webhooks/{paused['id']}", {"status": "active"})
    never(lambda: len(receiver.requests) > 1, 1.5, "a request of what was erased")


def test_what_waited_for_it_in_its_order_goes_on(api, receiver):
    receiver.script("/hook", replies.answer(500), replies.answer(200))
    api.webhook(receiver.url(), ordering="webhook", retry_schedule=[600])
    first, second = publish(api), publish(api)
    until(lambda: api.attempts(delivery(api, first)))
    until(lambda: delivery(api, second)["waiting_for"] == "order")
    erase(api, first)
    receiver.wait(2)
    until(lambda: delivery(api, second)["status"] == "delivered")


@pytest.mark.parametrize("status, end", [(500, "cancelled"), (200, "delivered"), (410, "failed")])
def test_in_flight_ends_as_it_ends_and_brings_no_copy_back(api, receiver, shared, secret, status, end):
    hold = threading.Event()
    receiver.script("/hook", echo(status, hold))
    api.webhook(receiver.url(), retry_schedule=[600])
    event = publish(api, secret)
    receiver.wait(1)
    erase(api, event)
    assert delivery(api, event)["status"] == "pending"
    hold.set()
    until(lambda: delivery(api, event)["status"] == end, 10, lambda: delivery(api, event))
    got = delivery(api, event)
    assert got["attempts"] == 1 and got["response_code"] == status
    assert (got["last_error"] or {}).get("code") == {500: "event_erased", 200: None, 410: "gone"}[status]
    (attempt,) = api.attempts(got)
    assert attempt["response_code"] == status and attempt["response"]["body"] == ""
    assert copies(shared.database, secret) == [0, 0]
    never(lambda: len(receiver.requests) > 1, 2, "a second attempt")


def test_an_attempt_that_lost_its_delivery_brings_no_copy_back(api, receiver, shared, secret):
    """Cancelled by hand in flight, then erased: its record moves nothing, and is looked at all the same."""
    hold = threading.Event()
    receiver.script("/hook", echo(500, hold))
    api.webhook(receiver.url(), retry_schedule=[1])
    event, kept = publish(api, secret), publish(api, secret)
    receiver.wait(2)
    for one in (event, kept):
        api.post(f"/deliveries/{delivery(api, one)['id']}/cancel", expect=200)
    erase(api, event)
    hold.set()
    for one, body in ((event, False), (kept, True)):
        (attempt,) = until(lambda o=one: api.attempts(delivery(api, o)), 10)
        assert bool(attempt["response"]["body"]) == body
    assert copies(shared.database, secret) == [1, 1]


def test_in_flight_in_an_array_does_not_come_along_with_the_next(api, receiver):
    hold = threading.Event()
    receiver.script("/hook", echo(500, hold), echo(200))
    api.webhook(
        receiver.url(), profile="marzban", secret="s", profile_options={"batch_seconds": 1},
        retry_schedule=[1],
    )
    event = api.publish("user_created", {"n": 1})
    receiver.wait(1)
    kept = api.publish("user_created", {"n": 2})
    erase(api, event)
    hold.set()
    until(lambda: delivery(api, kept)["status"] == "delivered", 15)
    until(lambda: delivery(api, event)["status"] == "cancelled", 15)
    assert [[e["n"] for e in r.json] for r in receiver.requests] == [[1], [2]]


def test_a_test_event(api, receiver):
    webhook = api.webhook(receiver.url())
    made = api.post(f"/webhooks/{webhook['id']}/test", {}, expect=200).json
    api.delete(f"/events/{made['id']}", expect=204)
    assert "data" not in api.get(f"/events/{made['id']}").json


# --- what is refused, and what is passed over


def test_nothing_is_sent_of_it_any_more(api, receiver):
    webhook = api.webhook(receiver.url())
    event, kept = publish(api), publish(api)
    receiver.wait(2)
    until(lambda: delivery(api, event)["status"] == delivery(api, kept)["status"] == "delivered")
    erase(api, event)
    path = f"/webhooks/{webhook['id']}"
    one = delivery(api, event)
    assert api.post(f"/deliveries/{one['id']}/retry", expect=409).code == "event_erased"
    preview = api.post(f"{path}/preview", {"event_id": event["id"]}, expect=409)
    assert preview.code == "event_erased"
    job = api.post(f"{path}/replay", {"status": "delivered"}, expect=202).json
    assert ended(api, job)["done"] == 1 and job["matched"] == 1
    other = api.webhook(receiver.url("/other"))
    job = api.post(f"/webhooks/{other['id']}/backfill", {}, expect=202).json
    assert ended(api, job)["done"] == 1 and job["matched"] == 1
    receiver.wait(1, "/other")
    assert receiver.wait(3)[2].json["id"] == kept["id"]
    assert len(receiver.requests) == 4


def test_only_its_app_and_only_who_may_write(tenant, other_tenant, receiver):
    api = tenant.write
    event = publish(api)
    erase(other_tenant.write, event, expect=404)
    erase(tenant.read, event, expect=403)
    tenant.read.post("/events/erase", {}, expect=403)
    tenant.client("publish").post("/events/erase", {}, expect=403)
    assert ended(other_tenant.write, begin(other_tenant.write))["done"] == 0
    assert get(api, event)["data"] == {"name": KEPT}
    api.delete("/events/evt_01kn2pa7gxe83r5cv0jw1mh4bd", expect=404)
    api.delete("/events/nonsense", expect=404)


# --- many


def past(database, count, type_="a", deliveries=1, state=1):
    """`count` events of the last hour with their data, each with so many deliveries to the newest webhook."""
    database.query(
        f"""
        with w as (select id, app_id from webhook order by id desc limit 1), n as (
            select (encode(substr(uuid_send(id_floor(now() - interval '60 min' * i / {count})), 1, 6)
                    || '\\x7abc'::bytea || substr(uuid_send(gen_random_uuid()), 9), 'hex'))::uuid as id
            from generate_series(1, {count}) i), e as (
            insert into event (id, app_id, test, type, data)
            select n.id, w.app_id, false, '{type_}', '{{"name": "{KEPT}"}}' from n, w), d as (
            insert into delivery (id, event_id, webhook_id, app_id, next_at, state, test, completed_at)
            select new_delivery_id(n.id), n.id, w.id, w.app_id, now() + interval '1 h', {state}, false,
                case when {state} in (0, 4) then null else now() end
            from n, w, generate_series(1, {deliveries}) returning id)
        insert into attempt (delivery_id, token, started_at, dns_us, connect_us, tls_us, first_byte_us,
            total_us, number, code, error, body_cut, address, error_text, request_head, response_body)
        select id, 1, now(), 0, 0, 0, 0, 0, 1, 200, 0, false, '', '', '', '{KEPT}' from d"""
    )


def test_a_job_with_a_filter(posthorn, database, address):
    client = posthorn.client()
    client.webhook(address)
    past(database, 30, "a")
    past(database, 20, "b")
    dry = begin(client, event_type="b", dry_run=True)
    assert (dry["id"], dry["kind"], dry["matched"], dry["exact"]) == (None, "erase", 20, True)
    assert copies(database) == [50, 50]
    assert ended(client, begin(client, until="2001-01-01T00:00:00Z"))["done"] == 0
    job = begin(client, event_type="b")
    assert (job["webhook_id"], job["filter"]["status"], job["matched"]) == (None, None, 20)
    assert ended(client, job)["done"] == 20
    assert copies(database) == [30, 30]
    assert [j["id"] for j in client.get("/jobs", kind="erase").json["data"]][0] == job["id"]
    middle = database.query("select time_of(ms_of(now() - interval '30 min'))")[0][0]
    since = middle.replace(" ", "T").replace("+00", "Z")
    newer = ended(client, begin(client, since=since))["done"]
    assert 14 <= newer <= 16
    assert ended(client, begin(client))["done"] == 30 - newer
    assert ended(client, begin(client))["matched"] == 0
    assert copies(database) == [0, 0]


def test_bad_filters(api):
    for body, field in (
        ({"since": "yesterday"}, "since"),
        ({"event_type": "a b"}, "event_type"),
        ({"status": "failed"}, "status"),
        ({"dry_run": 1}, "dry_run"),
    ):
        assert api.post("/events/erase", body, expect=422).fields == [field]


def test_it_counts_among_the_apps_jobs(posthorn, database, address):
    client = posthorn.client()
    client.webhook(address)
    later = "update job set state = 0, ended_at = null, step_at = now() + interval '1 h'"
    for _ in range(10):
        begin(client)
        database.query(later)
    assert client.post("/events/erase", {}, expect=409).code == "conflict"


def test_events_with_more_deliveries_than_a_step_takes(start, database, address):
    """Both ways, and what waits is cancelled: all of it, and nothing has its data afterwards."""
    client = start("api").client()
    client.webhook(address)
    past(database, 2, "a", deliveries=2500, state=4)
    newest = client.get("/events").json["data"][0]
    erase(client, newest)
    assert database.query("select count(*) from delivery where last_error = 22") == [["2500"]]
    assert copies(database) == [1, 2500]
    start("worker")
    assert ended(client, begin(client))["done"] == 1
    assert copies(database) == [0, 0]
    assert database.query("select state, last_error, count(*) from delivery group by 1, 2") == [
        ["3", "22", "5000"]
    ]


def test_cancelled_in_the_middle(start, database, address):
    client = start("api").client()
    client.webhook(address)
    past(database, 9000)
    job = begin(client)
    assert job["matched"] == 5000 and not job["exact"]
    start("worker")
    until(lambda: client.get(f"/jobs/{job['id']}").json["done"] > 0, 20, "progress")
    cancelled = client.delete(f"/jobs/{job['id']}", expect=200).json
    assert cancelled["status"] == "cancelled" and 0 < cancelled["done"] < 9000
    never(lambda: copies(database) != [9000 - cancelled["done"]] * 2, 1.5, "a step after the end")


def test_killed_in_the_middle(start, database, address):
    """Another worker goes on; in the end all of it is done, and each was counted once."""
    client = start("api").client()
    client.webhook(address)
    past(database, 8000)
    job = begin(client)
    for done in kills(start("worker"), client, job, 3, database):
        assert copies(database) == [8000 - done] * 2
    assert ended(client, job, timeout=60)["done"] == 8000
    assert copies(database) == [0, 0]


# --- at the same moment


def test_a_fan_out_makes_nothing_of_what_is_erased_meanwhile(start, database, address):
    client = start("api").client()
    webhook = client.webhook(address)
    client.patch(f"/webhooks/{webhook['id']}", {"status": "paused"})
    database.query(
        "with w as (select * from webhook), n as (insert into webhook (id, app_id, url, events, status,"
        " profile, secret, headers, retry_schedule, timeout_ms, concurrency)"
        " select new_delivery_id(w.id), app_id, url, events, status, profile, secret, headers,"
        " retry_schedule, timeout_ms, concurrency from w, generate_series(1, 10999) returning id, app_id)"
        " insert into subscription (app_id, pattern, webhook_id) select app_id, '*', id from n"
    )
    event = publish(client)
    (job,) = client.get("/jobs", kind="fanout").json["data"]
    erasing = "select count(*) from events_erase(array(select id from event), 1000, 22::int2)"
    with database.holding(erasing):
        start("worker")
        never(lambda: client.get(f"/jobs/{job['id']}").json["done"] > 0, 1.5, "a step")
    erase(client, event)
    assert ended(client, job, timeout=60)["done"] == 0
    assert database.query("select count(*) from delivery") == [["0"]]
