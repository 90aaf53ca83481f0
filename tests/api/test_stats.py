"""What attempts came to: `stats` of webhooks, and GET /stats, by hour."""

from harness import replies
from harness.wait import until

SECONDS = 15  # within which it has to be there: it is gathered for five


def day(api, webhook):
    return api.get(f"/webhooks/{webhook['id']}").json["stats"]["last_24h"]


def counted(api, webhook, attempts):
    return until(lambda: (d := day(api, webhook))["attempts"] == attempts and d, SECONDS, f"{attempts} attempts")


def hours(api, **query):
    return api.get("/stats", **query).json["data"]


def total(rows, name):
    return sum(row[name] for row in rows)


def test_numbers_of_a_webhook(api, receiver):
    """Successes, failures, what is given up, and their times; those of a test do not count."""
    fresh = api.webhook(receiver.url("/none"), events=["z"])
    assert fresh["stats"] == {
        "last_success_at": None,
        "last_failure_at": None,
        "failing_since": None,
        "last_24h": {"attempts": 0, "succeeded": 0, "failed": 0, "retried": 0, "exhausted": 0, "success_rate": None, "p50_ms": None, "p95_ms": None},
    }
    receiver.script("/hook", replies.answer(500), replies.answer(500), replies.answer(200))
    receiver.script("/slow", replies.answer(200, delay=0.3))
    webhook = api.webhook(receiver.url(), events=["a", "b"], retry_schedule=[1])
    slow = api.webhook(receiver.url("/slow"), events=["b"])
    api.publish("a")
    api.settled(webhook, status="failed")
    api.post(f"/webhooks/{webhook['id']}/test", expect=200)
    for _ in range(3):
        api.publish("b")
    numbers = counted(api, webhook, 5)
    assert (numbers["succeeded"], numbers["failed"], numbers["exhausted"], numbers["success_rate"]) == (3, 2, 1, 0.6)
    assert numbers["retried"] == 1
    assert 0 < numbers["p50_ms"] <= numbers["p95_ms"] < 1000
    assert 250 < counted(api, slow, 3)["p50_ms"] < 600

    shown = api.get(f"/webhooks/{webhook['id']}").json["stats"]
    assert shown["last_failure_at"] < shown["last_success_at"] and shown["failing_since"] is None
    (listed,) = [w for w in api.get("/webhooks").json["data"] if w["id"] == webhook["id"]]
    assert listed["stats"] == shown
    assert day(api, fresh)["attempts"] == 0

    assert total(hours(api, webhook_id=webhook["id"]), "attempts") == 5
    assert total(hours(api, webhook_id=webhook["id"]), "exhausted") == 1
    assert hours(api, webhook_id=fresh["id"]) == []
    assert total(hours(api), "attempts") == 8 and total(hours(api), "failed") == 2
    assert total(hours(api), "retried") == 1
    assert hours(api, until="2026-01-01T00:00:00Z") == []

    # The same hours of all webhooks of a page at once, page by page as the list of webhooks.
    listed = list(api.pages("/stats/webhooks", limit=2))
    assert [of["webhook_id"] for of in listed] == [w["id"] for w in api.get("/webhooks").json["data"]]
    for of in listed:
        assert of["hours"] == hours(api, webhook_id=of["webhook_id"])
    assert api.get("/stats/webhooks", status="paused").json["data"] == []


def test_whose_they_are(api, other_tenant, receiver):
    webhook = api.webhook(receiver.url())
    api.publish()
    counted(api, webhook, 1)
    other = other_tenant.read
    assert hours(other) == [] and other.get("/stats/webhooks").json["data"] == []
    other.get("/stats", webhook_id=webhook["id"], expect=404)
    assert other.get("/stats", webhook_id="evt_01kn2pa7gxe83r5cv0jw1mh4bd", expect=422).fields == ["webhook_id"]
    assert other.get("/stats", since="yesterday", expect=422).fields == ["since"]


def test_a_worker_that_stops_adds_what_it_has(start, database, receiver):
    server = start()
    client = server.client()
    webhook = client.webhook(receiver.url())
    for _ in range(3):
        client.publish()
    until(lambda: len(client.deliveries(webhook, status="delivered")) == 3, 10, "all delivered")
    server.stop()
    assert database.query("select sum(attempts) from tally where webhook_id <> id_floor('epoch')") == [["3"]]


OLD = """
insert into tally select '{app}', {webhook}, date_trunc('hour', now()) - n * interval '24 h', 4, 3, 0,
       now() - n * interval '24 h', null, '{{1,2,1}}' from generate_series(1, 9) n"""
KEPT = "select count(*), min(hour) < now() - interval '8 days' from tally where app_id = '{app}' and webhook_id = {webhook}"


def test_what_is_old_goes(start, database, address):
    """But for the last hour of a webhook that is there: it says when it succeeded."""
    client = start().client()
    webhook = client.webhook(address)
    ((app, there),) = database.query("select app_id, id from webhook")
    gone = "id_floor('2026-01-02')"
    for of in (f"'{there}'", gone):
        database.query(OLD.format(app=app, webhook=of))
    database.query(f"delete from tally where webhook_id = '{there}' and hour > now() - interval '200 h'")
    start()
    until(lambda: database.query(KEPT.format(app=app, webhook=f"'{there}'"))[0] == ["1", "t"], 10, lambda: str(database.query("select * from tally")))
    until(lambda: database.query(KEPT.format(app=app, webhook=gone))[0] == ["7", "f"], 10, "those that are not old")
    assert client.get(f"/webhooks/{webhook['id']}").json["stats"]["last_success_at"] is not None


def test_times(database, posthorn):
    """A part of the attempts took no longer than what comes out, within the class of times that it is in."""
    def part(times, of):
        return float(database.query(f"select times_part('{{{times}}}', {of})")[0][0] or "nan")

    assert database.query("select times_part('{}', 0.5) is null, times_part('{0,0}', 0.5) is null") == [["t", "t"]]
    assert part("10", 0.5) == 500 and part("10", 1) == 1000
    assert 1000 < part("1,1", 0.95) <= 1414 and part("1,1", 0.5) == 1000
    assert 2000 < part("0,0,0,4", 0.01) < part("0,0,0,4", 0.99) <= 2829
    assert database.query("select times_add('{1,2}', '{0,1,5}'), times_add('{}', '{}')") == [["{1,3,5}", "{}"]]


RANDOM = """
insert into tally select app_id, id, date_trunc('hour', now()) - h * interval '1 h', 1, 1, 0, null, null,
       array(select (random() * 9)::int8 * (random() * 2)::int from generate_series(1, 1 + (h * 7) % 34) where h > 0)
  from webhook, generate_series(0, 22) h"""


def test_parts_are_the_same_in_a_page(database, start, address):
    """SQL finds the parts of one webhook's hours, the program those of a page of webhooks."""
    client = start(role="api").client()
    webhook = client.webhook(address)["id"]
    database.query("select setseed(0.5); " + RANDOM)
    (of,) = client.get("/stats/webhooks").json["data"]
    assert len(of["hours"]) == 23
    assert len({hour["p95_ms"] for hour in of["hours"]}) > 10
    assert of["hours"] == hours(client, webhook_id=webhook)


def accepted(api):
    return sum(hour["accepted"] for hour in hours(api))


def test_what_is_accepted(start, database):
    """Events, whether a webhook wants them or not, and each once; in SQL too. What was counted is added before an end."""
    server = start()
    client = server.client()
    client.webhook("https://hooks.example.com/in", events=["a"])
    for _ in range(2):
        client.publish("b", headers={"Idempotency-Key": "once"})
    client.batch(5)
    database.query("select posthorn.publish('default', 'in.sql', '{}')")
    until(lambda: accepted(client) == 7, SECONDS, lambda: str(hours(client)))
    (webhook,) = client.get("/webhooks").json["data"]
    assert [hour["accepted"] for hour in hours(client, webhook_id=webhook["id"])] in ([], [None])
    client.publish("b")
    server.stop()
    assert accepted(start().client()) == 8


def test_how_they_stand(api, receiver):
    """Active ones whose endpoints are not healthy, and those that the service disabled, need a look; what people did does not."""
    standing = lambda: api.get("/stats/now").json
    needy = lambda value: {w["id"] for w in api.get("/webhooks", needs_attention=value).json["data"]}
    assert standing() == {"webhooks": 0, "active": 0, "needs_attention": 0, "oldest_due_at": None}
    receiver.script("/gone", replies.answer(410))
    receiver.script("/fails", replies.answer(500))
    well, paused, gone, failing = (api.webhook(receiver.url(path)) for path in ("/hook", "/paused", "/gone", "/fails"))
    api.patch(f"/webhooks/{paused['id']}", {"status": "paused"})
    api.batch(10)
    until(lambda: needy("true") == {gone["id"], failing["id"]}, 20, lambda: str(api.get("/webhooks").json))
    assert needy("false") == {well["id"], paused["id"]}
    assert {of["webhook_id"] for of in api.get("/stats/webhooks", needs_attention="true").json["data"]} == needy("true")
    assert api.get("/webhooks", needs_attention="yes", expect=422).fields == ["needs_attention"]
    now = standing()
    assert (now["webhooks"], now["active"], now["needs_attention"]) == (4, 2, 2)


def test_since_when_the_oldest_waits(start):
    client = start(role="api").client()
    client.webhook("https://hooks.example.com/in", events=["a"])
    first = client.publish("a")
    client.publish("a")
    assert client.get("/stats/now").json["oldest_due_at"][:19] == first["created_at"][:19]
