"""Jobs: replay, retry by filter, backfill, fan-out; dry run, progress, cancel, and workers that die."""

import pytest
from harness import replies
from harness.jobs import ended, kills
from harness.wait import never, until

URL = "https://hooks.example.com/in"


def begin(api, path, **body):
    return api.post(path, body, expect=202).json


def failing(api, receiver, path="/hook", events=("*",), types=("a",), **more):
    """A webhook with one failed delivery of each type."""
    receiver.script(path, replies.answer(500))
    webhook = api.webhook(receiver.url(path), events=list(events), retry_schedule=[], **more)
    for type_ in types:
        api.publish(type_)
    until(lambda: len(api.deliveries(webhook, status="failed")) == len(types), what="all failed")
    receiver.script(path, replies.answer(200))
    return webhook


def past(database, webhook, count, state, minutes=60, type_="a"):
    """`count` deliveries of the webhook, of the last `minutes`, that have ended."""
    database.query(
        f"""
        with w as (select id, app_id from webhook order by id desc limit 1), n as (
            select (encode(substr(uuid_send(id_floor(now() - interval '{minutes} min' * i / {count})), 1, 6)
                    || '\\x7abc'::bytea || substr(uuid_send(gen_random_uuid()), 9), 'hex'))::uuid as id
            from generate_series(1, {count}) i), e as (
            insert into event (id, app_id, test, type, data)
            select n.id, w.app_id, false, '{type_}', '{{}}' from n, w)
        insert into delivery (id, event_id, webhook_id, app_id, next_at, state, test, completed_at)
        select new_delivery_id(n.id), n.id, w.id, w.app_id, now(), {state}, false, now() from n, w"""
    )


def states(database):
    return {int(s): int(n) for s, n in database.query("select state, count(*) from delivery group by 1")}


# --- what each kind does


def test_retry_by_filter_over_all_webhooks(api, receiver):
    one = failing(api, receiver, "/one", types=("a", "b"), events=("a", "b"))
    two = failing(api, receiver, "/two", types=("c",), events=("c",))
    receiver.script("/three", replies.hang())
    three = api.webhook(receiver.url("/three"), events=["d"], retry_schedule=[], timeout_ms=1000)
    api.publish("d")
    until(lambda: api.deliveries(three, status="failed"), 10, "the timeout")
    receiver.script("/three", replies.answer(200))

    job = begin(api, "/deliveries/retry", error_code="timed_out")
    assert (job["kind"], job["webhook_id"]) == ("retry", None)
    assert (job["matched"], job["exact"], job["filter"]["error_code"]) == (1, True, "timed_out")
    assert ended(api, job)["done"] == 1
    api.settled(three)
    assert ended(api, begin(api, "/deliveries/retry", response_code=503))["matched"] == 0
    job = begin(api, "/deliveries/retry", webhook_id=two["id"], response_code=500)
    assert ended(api, job)["done"] == 1
    assert ended(api, begin(api, "/deliveries/retry", event_type="b"))["done"] == 1
    assert ended(api, begin(api, "/deliveries/retry"))["done"] == 1
    until(lambda: len(api.deliveries(one, status="delivered")) == 2, what="all of the first")
    assert ended(api, begin(api, "/deliveries/retry"))["matched"] == 0


def test_retry_goes_through_many_webhooks(posthorn, database, receiver):
    """More than a step looks at, with what is to be done in the first, in the middle and in the last."""
    client = posthorn.client()
    hooks = [client.webhook(receiver.url(f"/{n}"), events=["x"]) for n in range(35)]
    for n in (0, 17, 34):
        client.patch(f"/webhooks/{hooks[n]['id']}", {"events": ["a"]})
    client.patch(f"/webhooks/{hooks[17]['id']}", {"status": "paused"})
    client.publish("a")
    until(lambda: states(database) == {1: 2, 4: 1}, what="delivered, and held")
    database.query("update delivery set state = 2, completed_at = now()")
    assert ended(client, begin(client, "/deliveries/retry"))["done"] == 3
    until(lambda: states(database) == {1: 2, 4: 1}, what="delivered, and held")


def test_backfill(api, receiver):
    old = api.webhook(receiver.url("/old"))
    events = [api.publish(t, {"n": n}) for n, t in enumerate(["a", "a.b.c", "b", "a"])]
    receiver.wait(4, "/old")
    new = api.webhook(receiver.url("/new"), events=["a", "a.b.*"])
    had = api.publish("a", {"n": 4})
    receiver.wait(1, "/new")
    path = f"/webhooks/{new['id']}/backfill"
    dry = begin(api, path, dry_run=True)
    assert (dry["id"], dry["status"], dry["matched"], dry["exact"]) == (None, "done", 3, True)
    assert ended(api, begin(api, path, until="2001-01-01T00:00:00Z"))["done"] == 0
    assert ended(api, begin(api, path, event_type="b"))["done"] == 0
    assert ended(api, begin(api, path, event_type="a.b.c"))["done"] == 1
    assert ended(api, begin(api, path))["done"] == 2
    assert ended(api, begin(api, path))["matched"] == 0
    got = [r.json["id"] for r in receiver.wait(4, "/new")]
    assert sorted(got) == sorted(e["id"] for e in [events[0], events[1], events[3], had])
    assert len(receiver.at("/old")) == 5
    assert [d["status"] for d in api.deliveries(old)] == ["delivered"] * 5


def test_backfill_of_a_paused_webhook_is_held(api, receiver):
    api.publish("a")
    new = api.webhook(receiver.url())
    api.patch(f"/webhooks/{new['id']}", {"status": "paused"})
    assert ended(api, begin(api, f"/webhooks/{new['id']}/backfill"))["done"] == 1
    assert api.only_delivery(new)["status"] == "held"


# --- dry run, list, cancel


def test_a_dry_run_is_bounded_and_says_so(posthorn, database, address):
    client = posthorn.client()
    webhook = client.webhook(address)
    past(database, webhook, 21000, 2)
    dry = begin(client, f"/webhooks/{webhook['id']}/replay", dry_run=True)
    assert (dry["matched"], dry["exact"], dry["done"]) == (20000, False, 0)
    since = begin(client, f"/webhooks/{webhook['id']}/replay", dry_run=True, status="delivered")
    assert (since["matched"], since["exact"]) == (0, False)
    assert client.get("/jobs").json["data"] == []
    assert states(database) == {2: 21000}


def test_list_read_and_cancel(posthorn, database, address):
    """A receiver that takes nothing: the job waits for room, and ends when it is told to."""
    client = posthorn.client()
    webhook = client.webhook(address, retry_schedule=[600])
    past(database, webhook, 9000, 3)
    done = ended(client, begin(client, f"/webhooks/{webhook['id']}/replay", status="delivered"))
    job = begin(client, f"/webhooks/{webhook['id']}/replay", status="cancelled")
    until(lambda: client.get(f"/jobs/{job['id']}").json["status"] == "running", 5)
    assert [j["id"] for j in client.get("/jobs").json["data"]] == [job["id"], done["id"]]
    assert [j["id"] for j in client.get("/jobs", status="running").json["data"]] == [job["id"]]
    assert client.get("/jobs", kind="backfill").json["data"] == []
    page = client.get("/jobs", limit=1).json
    rest = client.get("/jobs", limit=1, cursor=page["next_cursor"]).json
    assert [j["id"] for j in page["data"] + rest["data"]] == [job["id"], done["id"]]
    cancelled = client.delete(f"/jobs/{job['id']}", expect=200).json
    assert cancelled["status"] == "cancelled" and 0 < cancelled["done"] < 9000
    never(lambda: client.get(f"/jobs/{job['id']}").json != cancelled, 1.5, "a step after the end")
    assert client.delete(f"/jobs/{job['id']}", expect=409).code == "invalid_state"
    assert states(database)[3] == 9000 - cancelled["done"]


def test_an_app_has_so_many_jobs_at_once(posthorn, database, address):
    client = posthorn.client()
    webhook = client.webhook(address)
    path = f"/webhooks/{webhook['id']}/replay"
    client.post(path, {}, expect=202)
    until(lambda: client.get("/jobs", status="done").json["data"], 5)
    database.query("update job set state = 0, ended_at = null, step_at = now() + interval '1 h'")
    for _ in range(9):
        client.post(path, {}, expect=202)
        database.query("update job set state = 0, ended_at = null, step_at = now() + interval '1 h'")
    refused = client.post(path, {}, expect=409)
    assert refused.code == "conflict" and "have not ended" in refused.json["detail"]
    client.post(path, {"dry_run": True}, expect=202)
    client.delete(f"/jobs/{client.get('/jobs').json['data'][0]['id']}", expect=200)
    client.post(path, {}, expect=202)


# --- what is refused


@pytest.mark.parametrize("tail", ["replay", "backfill", "retry"])
@pytest.mark.parametrize(
    "body, field",
    [
        ({"since": "yesterday"}, "since"),
        ({"until": 1}, "until"),
        ({"event_type": "a b"}, "event_type"),
        ({"dry_run": "yes"}, "dry_run"),
        ({"nonsense": 1}, "nonsense"),
        ({"status": "pending"}, "status"),
        ({"error_code": "tired"}, "error_code"),
        ({"response_code": 99}, "response_code"),
        ({"webhook_id": "evt_1 2"}, "webhook_id"),
    ],
)
def test_bad_input(api, address, tail, body, field):
    webhook = api.webhook(address)
    path = "/deliveries/retry" if tail == "retry" else f"/webhooks/{webhook['id']}/{tail}"
    assert api.post(path, body, expect=422).fields == [field]


def test_every_error_code_of_the_contract_is_a_filter(api, contract):
    failure, _ = contract.resolve({"$ref": "#/components/schemas/FailureCode"}, "")
    codes = failure["enum"]
    assert "superseded" in codes
    for code in codes:
        assert begin(api, "/deliveries/retry", error_code=code, dry_run=True)["matched"] == 0


def test_bad_queries(api):
    for query in ({"kind": "x"}, {"status": "pending"}, {"limit": 0}, {"cursor": "x"}):
        assert api.get("/jobs", expect=422, **query).fields == list(query)


def test_another_app_sees_none_of_it(tenant, other_tenant, address):
    api, other = tenant.write, other_tenant.write
    webhook = api.webhook(address)
    job = begin(api, f"/webhooks/{webhook['id']}/replay")
    other.get(f"/jobs/{job['id']}", expect=404)
    other.delete(f"/jobs/{job['id']}", expect=404)
    assert other.get("/jobs").json["data"] == []
    other.post("/deliveries/retry", {"webhook_id": webhook["id"]}, expect=404)
    for tail in ("replay", "backfill"):
        other.post(f"/webhooks/{webhook['id']}/{tail}", {}, expect=404)
    tenant.read.get(f"/jobs/{job['id']}", expect=200)
    tenant.read.delete(f"/jobs/{job['id']}", expect=403)


def test_webhooks_that_are_disabled_or_deleted(api, address):
    webhook = api.webhook(address)
    api.patch(f"/webhooks/{webhook['id']}", {"status": "disabled"})
    for tail in ("replay", "backfill"):
        api.post(f"/webhooks/{webhook['id']}/{tail}", {}, expect=404)
    api.post("/deliveries/retry", {"webhook_id": webhook["id"]}, expect=404)
    api.delete(f"/webhooks/{webhook['id']}", expect=204)
    api.post(f"/webhooks/{webhook['id']}/replay", {}, expect=404)
    assert ended(api, begin(api, "/deliveries/retry"))["done"] == 0


# --- workers


def test_killed_in_the_middle(start, database, receiver):
    """Again and again; nothing is done twice, and all of it is."""
    client = start("api").client()
    webhook = client.webhook(receiver.url(), concurrency=64)
    past(database, webhook, 6000, 3)
    job = begin(client, f"/webhooks/{webhook['id']}/replay", status="cancelled")
    for done in kills(start("worker"), client, job, 4, database):
        assert states(database).get(3, 0) == 6000 - done
    assert ended(client, job, timeout=60)["done"] == 6000
    until(lambda: states(database) == {1: 6000}, 60, "all delivered")
    twice = len(receiver.requests) - 6000
    assert 0 <= twice <= 4 * 512, "only what was in flight when it died"


def test_two_workers_share_the_jobs_and_do_nothing_twice(start, database, receiver):
    client = start("api").client()
    workers = [start("worker"), start("worker")]
    webhook = client.webhook(receiver.url(), concurrency=64)
    past(database, webhook, 4000, 3)
    jobs = [
        begin(client, f"/webhooks/{webhook['id']}/replay", status="cancelled") for _ in range(3)
    ]
    assert sum(ended(client, job, timeout=60)["done"] for job in jobs) == 4000
    until(lambda: states(database) == {1: 4000}, 60, "all delivered")
    assert len(receiver.requests) == 4000
    assert len(workers) == 2


# --- fan-out


def clone(database, count):
    """`count` webhooks like the newest, with its subscriptions."""
    database.query(
        f"""
        with w as (select * from webhook order by id desc limit 1), n as (
            insert into webhook (id, app_id, url, events, status, profile, secret, headers,
                retry_schedule, timeout_ms, concurrency)
            select new_delivery_id(w.id), app_id, url, events, status, profile, secret, headers,
                retry_schedule, timeout_ms, concurrency from w, generate_series(1, {count})
            returning id, app_id, events)
        insert into subscription (app_id, pattern, webhook_id)
        select app_id, unnest(events), id from n"""
    )


@pytest.mark.parametrize("types", [1, 1000])
def test_a_thousand_events_to_a_thousand_webhooks_are_accepted(start, database, address, types):
    client = start("api").client()
    client.webhook(address)
    clone(database, 999)
    events = [{"type": f"t{n % types}", "data": {"n": n}} for n in range(1000)]
    answer = client.post("/events/batch", {"events": events}, expect=202)
    assert {e["deliveries"] for e in answer.json["data"]} == {1000}
    (job,) = client.get("/jobs", kind="fanout").json["data"]
    (made,) = database.query("select count(*) from delivery")[0]
    assert int(made) == 2000 and (job["matched"], job["exact"]) == (998000, True)
    start("worker", POSTHORN_WORKER_IN_FLIGHT=1)
    until(lambda: client.get(f"/jobs/{job['id']}").json["done"] > 5000, 20, "progress")
    # Nobody takes them: what waits is bounded.
    until(lambda: database.query("select stalls > 5 from job") == [["t"]], 30, "the rest")
    assert int(database.query("select count(*) from delivery")[0][0]) < 20000
    assert client.delete(f"/jobs/{job['id']}").json["status"] == "cancelled"


def test_a_fan_out_goes_to_every_webhook_once(start, database, address):
    """A worker that is killed in the middle, a webhook that is deleted, and one that is disabled."""
    client = start("api").client()
    webhook = client.webhook(address, events=["a.*"])
    client.patch(f"/webhooks/{webhook['id']}", {"status": "paused"})
    clone(database, 99)
    events = [{"type": ("a.x", "a.y.z")[n % 2], "data": {"n": n}} for n in range(400)]
    client.post("/events/batch", {"events": events}, expect=202)
    (job,) = client.get("/jobs", kind="fanout").json["data"]
    assert (job["matched"], job["webhook_id"]) == (38000, None)
    late = client.webhook(address)
    ids = [w["id"] for w in client.pages("/webhooks") if w["id"] != late["id"]]
    client.delete(f"/webhooks/{ids[0]}", expect=204)
    client.patch(f"/webhooks/{ids[1]}", {"status": "disabled"})
    for _ in kills(start("worker"), client, job, 3, database):
        pass
    assert ended(client, job, timeout=60)["done"] == 380 * 99
    pairs = "select count(*), count(distinct (event_id, webhook_id)) from delivery"
    assert database.query(pairs) == [[str(2000 + 380 * 99)] * 2]
    live = "from delivery join webhook w on w.id = webhook_id where w.deleted_at is null"
    assert database.query(f"select distinct state {live}") == [["4"]]
    assert client.deliveries(late) == []


def test_small_events_do_not_wait_for_large_ones(start, database, address, receiver):
    """In the same batch: what goes to few is made at once."""
    client = start("api").client()
    client.webhook(receiver.url(), events=["small"])
    client.webhook(address, events=["large"])
    clone(database, 10999)
    events = [{"type": "large", "data": {}}, {"type": "small", "data": {}}]
    answer = client.post("/events/batch", {"events": events}, expect=202).json["data"]
    assert [e["deliveries"] for e in answer] == [11000, 1]
    assert database.query("select count(*) from delivery") == [["1"]]
    (job,) = client.get("/jobs").json["data"]
    assert job["matched"] == 11000
    assert client.get(f"/events/{answer[1]['id']}").json["deliveries"][0]["status"] == "pending"


def test_a_repeated_request_does_not_fan_out_again(start, database, address):
    client = start("api").client()
    client.webhook(address)
    clone(database, 99)
    events = [{"type": "a", "data": {"n": n}} for n in range(150)]
    for _ in range(2):
        answer = client.post(
            "/events/batch", {"events": events}, expect=202, headers={"Idempotency-Key": "once"}
        ).json["data"]
        assert {e["deliveries"] for e in answer} == {100}
    (job,) = client.get("/jobs").json["data"]
    assert job["matched"] == 13000
    assert database.counts()["event"] == 150


def test_too_many_types_for_too_many_webhooks_are_refused(start, database, address):
    """Each type with a webhook of its own, beside 1,000 that want all: no two go to the same."""
    client = start("api").client()
    client.webhook(address)
    clone(database, 999)
    database.query(
        "insert into subscription (app_id, pattern, webhook_id)"
        " select app_id, 't' || row_number() over (), id from webhook"
    )
    events = [{"type": f"t{n}", "data": {"n": n}} for n in range(1, 1001)]
    refused = client.post("/events/batch", {"events": events}, expect=422)
    assert refused.fields == ["events"] and "100000" in refused.json["detail"]
    assert database.counts()["event"] == 0
    assert client.get("/jobs").json["data"] == []
    client.post("/events/batch", {"events": events[:30]}, expect=202)
    assert sum(j["matched"] for j in client.get("/jobs", limit=250).json["data"]) == 28000


def test_so_many_fan_outs_at_once(start, database, address):
    """Then those events are refused that would begin another, and no others."""
    client = start("api", POSTHORN_WEBHOOKS_PER_APP=20000).client()
    client.webhook(address, events=["large"])
    clone(database, 10999)
    client.webhook(address, events=["small"])
    large, small = ({"type": t, "data": {}} for t in ("large", "small"))
    client.post("/events", large, expect=202)
    columns = "app_id, kind, events, webhooks, matched, exact"
    database.query(
        f"insert into job (id, {columns}) select gen_random_uuid(), {columns} from job, generate_series(1, 99)"
    )
    assert client.post("/events", large, expect=503).code == "overloaded"
    client.post("/events", small, expect=202)
    client.post("/events/batch", {"events": [small, large]}, expect=503)
    assert database.counts()["event"] == 2
    database.query("update job set state = 2, ended_at = now() where id = (select id from job limit 1)")
    client.post("/events", large, expect=202)


def test_an_event_of_a_time_to_come(api):
    """Its id is one by its looks, and nothing is found; the range that is shown is one of times."""
    for until in (None, "2026-01-02T00:00:00Z"):
        body = {"event_id": "evt_7yjxkahk0y0r0dkggsewrcc2cb", "until": until}
        job = api.post("/deliveries/retry", body, expect=202).json
        assert job["matched"] == 0 and job["filter"]["since"] == job["filter"]["until"]
