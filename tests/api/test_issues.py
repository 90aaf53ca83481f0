"""Issues: failures by webhook, error and code; what people say of them; and that their numbers are the ledger's."""

import pytest
from harness import replies
from harness.wait import until

SECONDS = 20  # within which it has to be there: it is gathered for five
KEY = ("error_code", "response_code")
# The same of what history has.
LEDGER = """
with a as (select a.*, d.state, d.attempts as n from attempts a join delivery d on d.id = a.delivery_id
            where not d.test and a.error <> 0)
select error, case when error = 9 then code end as code, count(*), count(*) filter (where state = 2 and number = n)
  from a group by 1, 2 order by 1, coalesce(case when error = 9 then code end, 0)"""


def issues(api, **query):
    return {tuple(i[k] for k in KEY): i for i in api.get("/issues", **query).json["data"]}


def reached(api, attempts, **query):
    """The issues, once they have so many attempts in all."""

    def look():
        found = issues(api, **query)
        return found if sum(i["failed_attempts"] for i in found.values()) == attempts else None

    return until(look, SECONDS, lambda: f"{attempts} attempts: {issues(api, **query)}")


def failing(api, receiver, *codes, path="/hook", **more):
    receiver.script(path, *(replies.answer(code) for code in codes))
    return api.webhook(receiver.url(path), **{"retry_schedule": [], **more})


def test_a_failure_opens_an_issue_until_somebody_resolves_it(api, other_tenant, tenant, receiver):
    """Two codes are two; a resolved one that happens again is open again, an acknowledged one stays so."""
    webhook = failing(api, receiver, 500, 503, 500, 200)
    api.batch(3)
    found = reached(api, 3)
    assert set(found) == {("http_status", 500), ("http_status", 503)}
    five, three = found["http_status", 500], found["http_status", 503]
    assert (five["status"], five["failed_attempts"], five["failed_deliveries"]) == ("open", 2, 2)
    assert (five["webhook_id"], five["recurrences"], five["resolved_at"]) == (webhook["id"], 0, None)
    assert five["first_failure_at"] <= five["last_failure_at"]
    last = api.get(f"/deliveries/{five['last_delivery_id']}").json
    assert (last["webhook_id"], last["response_code"]) == (webhook["id"], 500)

    # What is theirs is sent again by a job of the filter that it has, which dry says how many there are.
    assert three["retry"].items() >= {"status": "failed", "webhook_id": webhook["id"], "response_code": 503}.items()
    assert api.post("/deliveries/retry", {**five["retry"], "dry_run": True}, expect=202).json["matched"] == 2
    job = api.post("/deliveries/retry", three["retry"], expect=202).json
    until(lambda: api.get(f"/jobs/{job['id']}").json["status"] == "done", 10, "the job")
    until(lambda: len(api.deliveries(webhook, status="delivered")) == 1, 10, "the one of 503")
    assert len(api.deliveries(webhook, status="failed")) == 2

    assert api.patch(f"/issues/{three['id']}", {"status": "resolved"}).json["resolved_at"] is not None
    assert api.patch(f"/issues/{five['id']}", {"status": "acknowledged"}).json["status"] == "acknowledged"
    assert set(issues(api, status="resolved")) == {("http_status", 503)}
    assert set(issues(api, status="open")) == set()
    receiver.script("/hook", replies.answer(503), replies.answer(500), replies.answer(200))
    api.batch(2)
    again = reached(api, 4)
    assert (again["http_status", 500]["status"], again["http_status", 500]["failed_attempts"]) == ("acknowledged", 3)
    reopened = again["http_status", 503]
    assert (reopened["id"], reopened["status"], reopened["recurrences"]) == (three["id"], "open", 1)
    assert (reopened["failed_attempts"], reopened["failed_deliveries"], reopened["resolved_at"]) == (1, 1, None)
    assert reopened["opened_at"] > three["opened_at"] and reopened["first_failure_at"] == three["first_failure_at"]
    assert reopened["retry"]["since"] > three["retry"]["since"]

    # The last opened first, by pages; of a webhook; in no state that there is not.
    listed = [i["id"] for i in api.pages("/issues", limit=1)]
    assert listed == [three["id"], five["id"]]
    assert listed == [i["id"] for i in api.pages("/issues", limit=1, webhook_id=webhook["id"])]
    assert api.get("/issues", status="gone", expect=422).fields == ["status"]
    assert api.patch(f"/issues/{five['id']}", {"status": "gone"}, expect=422).fields == ["status"]
    assert api.patch(f"/issues/{five['id']}", {}, expect=422).fields == ["status"]

    # Nobody else's, and not changed by who may only read.
    other = other_tenant.write
    assert other.get("/issues").json["data"] == other.get("/issues", webhook_id=webhook["id"]).json["data"] == []
    other.get(f"/issues/{five['id']}", expect=404)
    other.patch(f"/issues/{five['id']}", {"status": "open"}, expect=404)
    tenant.read.patch(f"/issues/{five['id']}", {"status": "open"}, expect=403)
    assert tenant.read.get(f"/issues/{five['id']}").json["status"] == "acknowledged"
    api.delete(f"/webhooks/{webhook['id']}", expect=204)
    assert issues(api) == {}
    api.get(f"/issues/{five['id']}", expect=404)


def test_the_numbers_are_the_ledgers(split, database, receiver):
    """Of two workers, with retries and two kinds of errors, tests left out, when they have stopped."""
    client, *workers = split(2)
    receiver.script("/dead", replies.close())
    dead = client.webhook(receiver.url("/dead"), events=["dead"], retry_schedule=[1])
    codes = [400, 500, 502, 200, 404, 301]
    many = failing(client, receiver, *(codes * 20), retry_schedule=[1, 1], events=["a"])
    client.post(f"/webhooks/{many['id']}/test", expect=200)
    for _ in range(4):
        client.batch(15)
    client.batch(3, "dead")
    pending = "select count(*) from delivery where state = 0"
    until(lambda: database.query(pending) == [["0"]], 20, lambda: f"all over, {database.query(pending)} are not")
    for worker in workers:
        worker.stop()
    counted = database.query(
        "select error, nullif(code, 0), attempts, deliveries from issue order by error, code"
    )
    assert len(counted) >= 6
    assert counted == database.query(LEDGER)


@pytest.fixture
def old(database):
    """Makes issues of a webhook that happened last so many days ago."""

    def make(webhook, days):
        database.query(
            f"""insert into issue (id, app_id, webhook_id, error, code, status, opening, first_at, last_at, attempts, deliveries,
                delivery_id) select gen_random_uuid(), '{webhook[0]}', {webhook[1]}, n, 0, n % 3, gen_random_uuid(), now(),
                now() - {days} * interval '24 h', 1, 0, gen_random_uuid() from generate_series(1, 8) n"""
        )

    return make


def test_bounds(start, database, receiver, old):
    """More codes at once than a few are one issue; what history has lost goes, and what is of no webhook."""
    client = start().client()
    webhook = failing(client, receiver, *range(500, 530))
    client.batch(30)
    found = reached(client, 30)
    assert len(found) <= 2 * 9 and ("http_status", None) in found
    assert "response_code" not in found["http_status", None]["retry"]
    ((app, known),) = database.query("select app_id, id from webhook")
    old((app, f"'{known}'"), 365)
    old((app, "id_floor('2026-01-02')"), 0)
    start()
    until(lambda: database.query("select count(*) from issue") == [[str(len(found))]], 10, "the others have gone")
    assert webhook["id"] == found["http_status", None]["webhook_id"]
