"""A service whose role owns nothing: it serves, delivers, makes and drops days, and can't do more to the schema."""

import subprocess
from pathlib import Path

import pytest
from harness import replies
from harness.flow import Flow
from harness.postgres import Database, binary
from harness.server import command, options
from harness.wait import until

ROLES = Path(__file__).parents[2] / "deploy/roles.sql"


class As:
    """The database as one role has it."""

    def __init__(self, database, role):
        self.name = database.name
        self.url = database.url.replace("posthorn@", f"{role}@")

    query = Database.query

    def refused(self, sql):
        with pytest.raises(AssertionError, match="permission denied|must be owner|days_drop|days_make|audit_forget"):
            self.query(sql)


@pytest.fixture
def roles(postgres, redis):
    """owner, runtime, stranger: none of them a superuser."""
    database = postgres.create()
    names = [f"{kind}_{database.name}" for kind in ("owner", "runtime", "stranger")]
    for name in names:
        database.query(f"create role {name} login")
    database.query(f"alter schema public owner to {names[0]}")
    made = [As(database, name) for name in names]
    out = command(options(made[0], redis), "migrate")
    assert out.returncode == 0, out.stderr
    grant = [binary("psql"), "-Xq", "-v", "ON_ERROR_STOP=1", "-v", f"role={names[1]}", "-d", made[0].url, "-f", ROLES]
    out = subprocess.run(grant, capture_output=True, text=True, timeout=60)
    assert out.returncode == 0, out.stderr
    yield made
    postgres.drop(database)
    for name in reversed(names):
        Database(postgres, "postgres").query(f"drop role {name}")


def days(owner, first, last):
    return owner.query(
        f"select n from generate_series({first}, {last}) n, ledger_range where parent = 'delivery'"
        " and since <= now() + n * interval '24 h' and now() + n * interval '24 h' < until"
    )


def test_it_serves_and_keeps_house(roles, redis, start_on, receiver):
    owner, runtime, _ = roles
    owner.query("select partitions_drop(-8); select partitions_make(-40, -40)")
    assert days(owner, -40, -40) != []
    assert days(owner, 0, 2) == []
    server = start_on(runtime, redis)
    client = server.client()
    until(lambda: days(owner, -40, -40) == [] and len(days(owner, 0, 2)) == 3, 10, "the janitor")
    flow = Flow(client, receiver, replies.answer(500), replies.answer(200), retry_schedule=[1])
    flow.batch(5)
    flow.all_arrive(10)
    flow.none_pending(10)
    client.post(f"/webhooks/{flow.webhook['id']}/test", {}, expect=200)
    event = client.publish()
    client.patch(f"/webhooks/{flow.webhook['id']}", {"status": "paused"}, expect=200)
    client.patch(f"/webhooks/{flow.webhook['id']}", {"status": "active"}, expect=200)
    job = client.post(f"/webhooks/{flow.webhook['id']}/replay", {"since": "2020-01-01T00:00:00Z"}, expect=202).json
    until(lambda: client.get(f"/jobs/{job['id']}").json["status"] == "done", 10, "the replay")
    client.request("DELETE", f"/events/{event['id']}", expect=None)
    client.post("/keys", {"name": "k", "scope": "read"}, expect=201)
    client.request("DELETE", f"/webhooks/{flow.webhook['id']}", expect=204)
    until(lambda: "event=janitor_failed" not in server.log(), 1)
    assert "permission" not in server.log() and "42501" not in server.log()


def test_it_has_no_say_over_the_schema(roles):
    owner, runtime, stranger = roles
    for sql in (
        "create table mine (n int)",
        "drop table event",
        "alter table app add mine int",
        "update schema_migration set name = ''",
        "select partitions_drop(-8)",
        "select partitions_make(-400, 400)",
        "select days_make(0)",
        "select days_make(3651)",
        "select days_make(null)",
        "select days_drop(0)",
        "select days_drop(-1000000)",
        "select days_drop(null)",
        "update audit set key_name = 'somebody else'",
        "delete from audit",
        "truncate audit",
        "select audit_forget(0, 1000, 1, new_id())",
        "select audit_forget(1, 0, 1, new_id())",
    ):
        runtime.refused(sql)
    for sql in ("select days_make()", "select days_make(30)", "select days_drop(30)", "select audit_forget(90, 1000, 1, id_floor(now()))", "select * from app"):
        stranger.refused(sql)
    runtime.query("select days_make(); select days_make(30); select days_drop(30); select audit_forget(90, 1000, 1, id_floor(now()))")
    assert len(days(owner, 0, 2)) == 3


def test_what_a_caller_calls_its_own_is_not_met(roles):
    """Temporary tables and a search_path of its own: days are made and dropped where they are."""
    owner, runtime, _ = roles
    owner.query("select partitions_make(-40, -40)")
    runtime.query(
        "create temp table event (id uuid); create temp table delivery (id uuid); create temp table attempt (id uuid);"
        "set search_path = pg_temp; select public.days_drop(30); select public.days_make(30)"
    )
    assert days(owner, -40, -40) == [] and len(days(owner, 0, 2)) == 3


def test_later_tables_are_its_too(roles):
    owner, runtime, _ = roles
    owner.query("create table later (n int); create function later() returns int language sql as 'select 1'")
    runtime.query("insert into later values (later())")
    runtime.refused("drop table later")
