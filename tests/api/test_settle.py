"""Settle jobs: deliveries follow the status of their webhook, whatever happens to who moves them."""

from pathlib import Path

from harness import replies
from harness.jobs import kills
from harness.wait import never, until

PENDING, DELIVERED, CANCELLED, HELD = 0, 1, 3, 4


def path_of(webhook):
    return f"/webhooks/{webhook['id']}"


def set_status(client, webhook, status):
    client.patch(path_of(webhook), {"status": status}, expect=200)


def add(database, count, state, due="now()"):
    """`count` deliveries of the newest webhook, of the last hour; each was `posted` at the time of its id."""
    database.query(
        f"""
        with w as (select id, app_id from webhook order by id desc limit 1), t as (
            select now() - interval '1 h' * i / {count} as posted from generate_series(1, {count}) i), n as (
            select posted, (encode(substr(uuid_send(id_floor(posted)), 1, 6)
                    || '\\x7abc'::bytea || substr(uuid_send(gen_random_uuid()), 9), 'hex'))::uuid as id
            from t), e as (
            insert into event (id, app_id, test, type, data)
            select n.id, w.app_id, false, 'a', '{{}}' from n, w)
        insert into delivery (id, event_id, webhook_id, app_id, next_at, state, test)
        select new_delivery_id(n.id), n.id, w.id, w.app_id, {due}, {state}, false from n, w"""
    )


def states(database):
    return {
        int(s): int(n) for s, n in database.query("select state, count(*) from delivery group by 1")
    }


def job_of(client, webhook):
    """The job of the webhook, or None; there is no more than one."""
    jobs = [j for j in client.pages("/jobs", kind="settle") if j["webhook_id"] == webhook["id"]]
    assert len(jobs) <= 1
    return jobs[0] if jobs else None


def ended(client, webhook, timeout=30):
    def reached():
        job = job_of(client, webhook)
        return job if job and job["ended_at"] else None

    job = until(reached, timeout, lambda: f"an end of {job_of(client, webhook)}")
    assert job["status"] == "done"
    return job


def test_a_change_begins_a_job_that_follows_it(posthorn, database, address):
    client = posthorn.client()
    webhook = client.webhook(address)
    add(database, 30, PENDING, "now() + interval '1 h'")
    assert job_of(client, webhook) is None
    client.patch(path_of(webhook), {"description": "x", "status": "active"}, expect=200)
    assert job_of(client, webhook) is None
    set_status(client, webhook, "paused")
    job = job_of(client, webhook)
    assert (job["kind"], job["webhook_id"], job["filter"]) == ("settle", webhook["id"], None)
    assert client.get(f"/jobs/{job['id']}").json["id"] == job["id"]
    until(lambda: states(database) == {HELD: 30}, 5, "all held")
    assert job_of(client, webhook)["done"] == 30
    refused = client.delete(f"/jobs/{job['id']}", expect=409)
    assert refused.code == "invalid_state" and "settle" in refused.json["detail"]
    done = ended(client, webhook)
    assert (done["id"], done["matched"], done["exact"], done["done"]) == (job["id"], 30, True, 30)
    refused = client.delete(f"/jobs/{job['id']}", expect=409)
    assert refused.json["detail"] == "The job has ended"
    client.delete(path_of(webhook), expect=204)
    until(lambda: states(database) == {CANCELLED: 30}, 5, "all cancelled")
    assert job_of(client, webhook)["id"] != job["id"]
    client.get(f"/jobs/{job['id']}", expect=404)


def test_another_app_sees_none_of_it(tenant, other_tenant, address):
    webhook = tenant.write.webhook(address)
    set_status(tenant.write, webhook, "paused")
    job = job_of(tenant.write, webhook)
    other_tenant.write.get(f"/jobs/{job['id']}", expect=404)
    other_tenant.write.delete(f"/jobs/{job['id']}", expect=404)
    assert other_tenant.write.get("/jobs").json["data"] == []


def test_they_are_not_counted_as_jobs_that_somebody_asked_for(start, address):
    client = start("api").client()
    hooks = [client.webhook(address) for _ in range(12)]
    for webhook in hooks:
        set_status(client, webhook, "paused")
    assert len(client.get("/jobs", status="waiting").json["data"]) == 12
    client.post(f"{path_of(hooks[0])}/replay", {}, expect=202)


def test_back_and_forth_while_it_runs(posthorn, database, receiver):
    """The last word counts, for each of them."""
    client = posthorn.client()
    webhook = client.webhook(receiver.url(), concurrency=64)
    add(database, 6000, PENDING, "now() + interval '1 h'")
    for _ in range(6):
        set_status(client, webhook, "paused")
        until(lambda: states(database).get(HELD, 0) > 0, 5, "some to be held")
        set_status(client, webhook, "active")
    until(lambda: states(database) == {PENDING: 6000}, 20, "none held")
    set_status(client, webhook, "paused")
    set_status(client, webhook, "active")
    set_status(client, webhook, "paused")
    until(lambda: states(database) == {HELD: 6000}, 20, "all held")
    ended(client, webhook)
    database.query("update delivery set next_at = now()")
    set_status(client, webhook, "active")
    until(lambda: states(database) == {1: 6000}, 60, "all delivered")
    assert len(receiver.requests) == 6000


def test_killed_in_the_middle(start, database, address):
    """What is counted is what was moved, and another goes on."""
    client = start("api").client()
    webhook = client.webhook(address)
    add(database, 20000, PENDING, "now() + interval '1 h'")
    set_status(client, webhook, "paused")
    for done in kills(start("worker"), client, job_of(client, webhook), 4, database):
        assert states(database).get(HELD, 0) == done
    assert ended(client, webhook, 40)["done"] == 20000
    assert states(database) == {HELD: 20000}


def test_killed_while_it_resumes(start, database, receiver):
    """What it had yet to tell the queue is found there too."""
    client = start("api").client()
    webhook = client.webhook(receiver.url(), concurrency=64)
    set_status(client, webhook, "paused")
    add(database, 6000, HELD)
    set_status(client, webhook, "active")
    for _ in kills(start("worker"), client, job_of(client, webhook), 3, database):
        pass
    until(lambda: states(database) == {1: 6000}, 90, lambda: f"all delivered: {states(database)}")
    assert len({r.json["id"] for r in receiver.requests}) == 6000


def test_two_workers(start, database, receiver):
    client = start("api").client()
    workers = [start("worker"), start("worker")]
    hooks = [client.webhook(receiver.url(f"/{n}"), concurrency=64) for n in range(3)]
    for webhook in hooks:
        set_status(client, webhook, "paused")
        until(lambda: job_of(client, webhook)["status"] == "running", 5, "a first step")
    add(database, 4000, HELD)
    for webhook in hooks:
        set_status(client, webhook, "active")
    until(lambda: states(database) == {1: 4000}, 60, "all delivered")
    assert len(receiver.requests) == 4000
    for webhook in hooks:
        ended(client, webhook)
    assert job_of(client, hooks[-1])["done"] == 4000
    assert len(workers) == 2


def test_many_that_were_held_go_oldest_first(start, database, receiver):
    """But for those that are under way at a time, some of which a busy machine keeps waiting while others go on."""
    client = start().client()
    webhook = client.webhook(receiver.url(), concurrency=32)
    set_status(client, webhook, "paused")
    add(database, 30000, HELD, "n.posted")
    order = [i for (i,) in database.query("select id from event order by id")]
    place = {id_: n for n, id_ in enumerate(order)}
    receiver.script("/hook", replies.answer(200))
    set_status(client, webhook, "active")
    receiver.wait(1, timeout=5)
    receiver.wait(30000, timeout=180)
    came = database.query(
        "select d.event_id from delivery d join attempts a on a.delivery_id = d.id order by a.started_at"
    )
    assert len(came) == 30000
    off = sorted(abs(place[id_] - n) for n, (id_,) in enumerate(came))
    assert off[-300] < 1000 and off[-1] < 3000


READ = """
    select coalesce(sum(s.idx_tup_read), 0) from pg_stat_user_indexes s join pg_inherits i on i.inhrelid = s.indexrelid
    where i.inhparent = 'delivery_history'::regclass"""


def test_the_history_costs_it_nothing(posthorn, database, address):
    """What a webhook has behind it is not walked through to find what it has waiting."""
    client = posthorn.client()
    webhook = client.webhook(address)
    add(database, 20000, DELIVERED)
    add(database, 100, PENDING, "now() + interval '1 h'")
    database.query(
        "insert into delivery (id, event_id, webhook_id, app_id, next_at, state, test)"
        " select new_delivery_id(id), event_id, gen_random_uuid(), app_id, next_at, state, test"
        " from delivery where state = 1; analyze delivery"
    )  # others have little, so that PostgreSQL thinks that one has
    set_status(client, webhook, "paused")
    assert ended(client, webhook)["done"] == 100
    never(lambda: int(database.query(READ)[0][0]) > 1000, 2, "a walk through the history")


def test_what_has_locks_does_not_end_it(posthorn, database, address):
    client = posthorn.client()
    webhook = client.webhook(address)
    add(database, 10, PENDING, "now() + interval '1 h'")
    with database.holding("select from delivery for update"):
        set_status(client, webhook, "paused")
        database.query("update webhook set updated_at = now() - interval '1 min'")
        never(lambda: job_of(client, webhook)["ended_at"], 2.5, "an end")
    until(lambda: states(database) == {HELD: 10}, 5, "all held")
    ended(client, webhook)


MIGRATIONS = Path(__file__).parents[2] / "migrations"


def test_what_was_not_settled_before_jobs_were_gets_one(postgres):
    """The migration, over webhooks that were changed a moment before."""
    database = postgres.create()
    numbered = sorted(MIGRATIONS.glob("[0-9]*.sql"))
    settle = next(n for n, path in enumerate(numbered) if path.name.endswith("_settle.sql"))
    for path in numbered[:settle]:
        database.query(path.read_text())
    database.query(
        "insert into webhook (id, app_id, url, events, profile, secret, headers, retry_schedule, timeout_ms,"
        " concurrency, status, unsettled) select gen_random_uuid(), id, 'http://a/', '{}', '', '', '', '{}',"
        " 1000, 1, 1, n = 1 from app, generate_series(1, 2) n"
    )
    database.query(numbered[settle].read_text())
    jobs = "select count(*), count(job.webhook_id) from webhook left join job on job.webhook_id = webhook.id"
    assert database.query(jobs) == [["2", "1"]]
    postgres.drop(database)
