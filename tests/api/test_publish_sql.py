"""posthorn.publish(): a program publishes in its own transaction, commits once and rolls back once."""

import json
import statistics
import subprocess
import time
from pathlib import Path

import pytest
from harness import replies
from harness.postgres import Database, Session, binary
from harness.server import command, options
from harness.wait import never, until

PUBLISHER = Path(__file__).parents[2] / "deploy/publisher.sql"
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}


def text(value):
    return "null" if value is None else "'" + value.replace("'", "''") + "'"


def call(app, type_="a", data="{}", **more):
    extras = "".join(f", {name} => {text(value)}" for name, value in more.items())
    return f"posthorn.publish({text(app)}, {text(type_)}, {text(data)}{extras})"


class Publisher:
    """Publishes for the app of a tenant."""

    def __init__(self, database, app):
        self.database, self.app = database, app

    def publish(self, *what, **more):
        ((event,),) = self.database.query("select " + call(self.app, *what, **more))
        return event

    def refused(self, *what, **more):
        """The SQLSTATE and the text of an error."""
        try:
            self.database.query("\\set VERBOSITY verbose\nselect " + call(self.app, *what, **more))
        except AssertionError as e:
            return str(e)
        raise AssertionError(f"{what} was accepted")

    def refusals(self):
        rows = self.database.query(f"select id, type, reason, coalesce(detail, '') from posthorn.refusals({text(self.app)})")
        return {id_: (type_, reason, detail) for id_, type_, reason, detail in rows}

    def one_refusal(self, event):
        return until(lambda: self.refusals().get(event), 5, f"the refusal of {event}")


class Script(Database):
    """The database by psql's standard input, where its own commands are."""

    def query(self, sql):
        out = subprocess.run(
            [binary("psql"), "-XAtq", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-d", self.url],
            input=sql, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert out.returncode == 0, out.stderr
        return [line.split("\t") for line in out.stdout.splitlines()]


@pytest.fixture
def sql(shared, tenant):
    return Publisher(Script(shared.database.cluster, shared.database.name), tenant.app["uid"])


def waiting(database):
    return int(database.query("select count(*) from published")[0][0])


# --- one app ------------------------------------------------------------------------------------------------------


def test_committed_and_rolled_back(api, sql, receiver, shared):
    """The journey: in one transaction with rows of the program's own."""
    webhook = api.webhook(receiver.url(), ["order.*"])
    session = Session(shared.database)
    session.query("create temp table orders (id int)")
    session.query("begin")
    session.query("insert into orders values (1)")
    ((event,),) = session.query("select " + call(sql.app, "order.paid", '{"order":  1.0}', idempotency_key="order-1"))
    session.query("savepoint s")
    ((undone,),) = session.query("select " + call(sql.app, "order.undone"))
    session.query("rollback to s")
    never(lambda: receiver.at("/hook"), 0.3, "an event before its commit")
    assert api.get(f"/events/{event}", expect=404)
    session.query("commit")
    (request,) = receiver.wait(1, timeout=2)
    assert (request.json["id"], request.json["type"]) == (event, "order.paid")
    session.query("begin")
    session.query("insert into orders values (2)")
    ((never_made,),) = session.query("select " + call(sql.app, "order.paid", '{"order": 2}'))
    session.query("rollback")
    ((kept,),) = session.query("select count(*) from orders")
    last = sql.publish("order.last")
    receiver.wait(2)
    assert [r.json["id"] for r in receiver.at("/hook")] == [event, last] and kept == "1"
    for id_ in (undone, never_made):
        api.get(f"/events/{id_}", expect=404)
    seen = api.get(f"/events/{event}")
    assert seen.json["data"] == {"order": 1.0} and b'{"order":  1.0}' in seen.body
    assert {e["id"] for e in api.get("/events").json["data"]} == {event, last}
    assert {d["event_id"] for d in api.deliveries(webhook)} == {event, last}
    session.close()


def test_at_once(api, sql, receiver, shared):
    """A commit wakes a worker: none waits for its next look, which comes every second."""
    api.webhook(receiver.url())
    session = Session(shared.database)
    took = []
    for n in range(10):
        session.query("begin")
        session.query("select " + call(sql.app))
        begun = time.monotonic()
        session.query("commit")
        took.append(receiver.wait(n + 1, timeout=5)[n].at - begun)
    session.close()
    print("milliseconds from the commit to the receiver, median:", 1000 * statistics.median(took))
    assert statistics.median(took) < 0.4


def test_kinds_of_data(api, sql, shared):
    session = Session(shared.database)
    ids = [
        session.query(f"select posthorn.publish({text(sql.app)}, 'a', {data})")[0][0]
        for data in ("'{\"a\" :1}'::json", "'{\"a\" :1}'::jsonb", "' {\"a\" :1}\n'::text", "'{\"a\" :\"\\u00e4\"}'")
    ]
    session.query(f"set search_path = pg_catalog; select posthorn.publish({text(sql.app)}, 'a', '{{}}')")
    session.close()
    bodies = [until(lambda e=e: api.get(f"/events/{e}", expect=None), 5, "it").body for e in ids]
    until(lambda: all(api.get(f"/events/{e}", expect=None).status == 200 for e in ids), 5, "all")
    bodies = [api.get(f"/events/{e}").body for e in ids]
    for body, data in zip(bodies, (b'{"a" :1}', b'{"a": 1}', b'{"a" :1}', b'{"a" :"\\u00e4"}'), strict=True):
        assert data in body


@pytest.mark.parametrize(
    "state, what, more",
    [
        ("PH102", ("a b",), {}),
        ("PH102", ("",), {}),
        ("PH102", (None,), {}),
        ("PH102", ("a" * 129,), {}),
        ("PH102", ("a\n",), {}),
        ("PH103", ("a", "[]"), {}),
        ("PH103", ("a", "1"), {}),
        ("PH103", ("a", '{"a"'), {}),
        ("PH103", ("a", ""), {}),
        ("PH103", ("a", None), {}),
        ("PH104", ("a", json.dumps({"a": "x" * 1048000})), {}),
        ("PH105", (), {"idempotency_key": ""}),
        ("PH105", (), {"idempotency_key": "k" * 256}),
        ("PH105", (), {"idempotency_key": "ä"}),
        ("PH106", (), {"ordering_key": ""}),
        ("PH106", (), {"ordering_key": "a\nb"}),
        ("PH106", (), {"coalesce_key": "k" * 256}),
        ("PH106", (), {"deliver_at": "infinity"}),
        ("PH106", (), {"deliver_at": "2030-01-02", "expires_at": "2030-01-01"}),
    ],
)  # fmt: skip
def test_refused_at_once(sql, state, what, more):
    assert f"{state}:" in sql.refused(*what, **more)


def test_largest(api, sql, receiver):
    api.webhook(receiver.url())
    data = json.dumps({"a": "x" * (1048000 - 9)})
    sql.publish("a", data)
    assert receiver.wait(1)[0].json["data"] == json.loads(data)


def test_who_may(shared, sql, tenant, other_tenant, api, receiver):
    """A role may publish for the apps that the owner has named, by whatever role it acts."""
    owner = shared.database
    api.webhook(receiver.url())
    role = f"shop_{tenant.app['uid'].replace('-', '_')}"
    owner.query(f"create role {role} login; create role {role}_member login in role {role}")
    try:
        shop = Script(owner.cluster, owner.name)
        shop.url = owner.url.replace("posthorn@", f"{role}@")
        mine = Publisher(shop, tenant.app["uid"])
        assert "42501" in mine.refused()
        allow(owner, role, tenant.app["id"])
        allow(owner, role, tenant.app["id"])
        event = mine.publish()
        assert receiver.wait(1)[0].json["id"] == event and mine.refusals() == {}
        mine.app = tenant.app["id"]
        mine.publish()
        for app in (other_tenant.app["uid"], other_tenant.app["id"], "default", "nobody", "app_0", "", None):
            mine.app = app
            assert "PH101" in mine.refused()
        with pytest.raises(AssertionError, match="permission denied"):
            shop.query("select * from published")
        with pytest.raises(AssertionError, match="permission denied"):
            shop.query("insert into publisher values (session_user)")
        with pytest.raises(AssertionError, match="no app"):
            shop.query(f"select * from posthorn.refusals({text(other_tenant.app['uid'])})")
        shop.query("create temp table app (id uuid, uid text, checks int2)")
        shop.url = owner.url.replace("posthorn@", f"{role}_member@")
        mine.app = tenant.app["uid"]
        mine.publish()
        receiver.wait(3)
        allow(owner, role, "*")
        mine.app = other_tenant.app["uid"]
        mine.publish()
    finally:
        owner.query(f"delete from publisher where role = '{role}'; drop owned by {role}; drop role {role}_member, {role}")


def allow(database, role, app):
    args = ["-Xq", "-v", "ON_ERROR_STOP=1", "-v", f"role={role}", "-v", f"app={app}", "-d", database.url, "-f", PUBLISHER]
    out = subprocess.run([binary("psql"), *args], capture_output=True, text=True, timeout=60)
    assert out.returncode == 0, out.stderr


def test_idempotency(api, sql, receiver, shared):
    """One key for SQL and REST; what differs is refused, at once if it is known, else when it is taken."""
    api.webhook(receiver.url())
    body = {"type": "a", "data": {"n": 1}}
    raw = json.dumps(body["data"])

    def rest(key, data=raw, expect=202):
        return api.post("/events", ('{"type": "a", "data": ' + data + "}").encode(), expect=expect, headers={"Idempotency-Key": key})

    one = sql.publish("a", raw, idempotency_key="one")
    assert sql.publish("a", raw, idempotency_key="one") == one
    receiver.wait(1)
    assert rest("one").json["id"] == one and sql.publish("a", raw, idempotency_key="one") == one
    rest("one", "{}", expect=409)
    for what in (("a", "{}"), ("b", raw)):
        assert "PH107" in sql.refused(*what, idempotency_key="one")
    assert "PH107" in sql.refused("a", raw, idempotency_key="one", ordering_key="x")
    two = rest("two").json["id"]
    assert sql.publish("a", raw, idempotency_key="two") == two

    with_all = {"ordering_key": "ö", "coalesce_key": "c", "deliver_at": "2020-01-01T00:00:00.5Z"}
    three = sql.publish("a", raw, idempotency_key="three", **with_all)
    receiver.wait(3)
    again = api.post("/events", {**body, **with_all}, expect=202, headers={"Idempotency-Key": "three"})
    assert again.json["id"] == three

    session = Session(shared.database)
    session.query("begin")
    ((late,),) = session.query("select " + call(sql.app, "a", "{}", idempotency_key="four"))
    ((same,),) = session.query("select " + call(sql.app, "a", raw, idempotency_key="five"))
    four, five = rest("four").json["id"], rest("five").json["id"]
    session.query("commit")
    assert sql.one_refusal(late) == ("a", "idempotency_key", "was used for another event")
    last = sql.publish()
    receiver.wait(6)
    assert {r.json["id"] for r in receiver.at("/hook")} == {one, two, three, four, five, last}
    assert same not in sql.refusals()
    session.close()


def test_order_and_times(api, sql, receiver):
    api.webhook(receiver.url(), retry_schedule=[1])
    receiver.script("/hook", replies.answer(500), replies.answer(200))
    ids = [sql.publish(ordering_key="k") for _ in range(4)]
    receiver.wait(5)
    assert [r.json["id"] for r in receiver.at("/hook")] == [ids[0], *ids]
    event = sql.publish(deliver_at="2030-01-01", expires_at="2030-02-01")
    assert sql.one_refusal(event)[1] == "deliver_at"


def test_strict_types_and_schemas(api, admin, tenant, sql, receiver):
    """A type is looked up at once; a schema when the event is taken, and what does not fit is kept to be seen."""
    api.webhook(receiver.url())
    admin.patch(f"/apps/{tenant.app['id']}", {"strict_types": True, "validate": True}, expect=200)
    api.post("/event-types", {"name": "counted", "schema": SCHEMA}, expect=201)
    assert "PH108" in sql.refused("other")
    bad = [sql.publish("counted", data) for data in ('{"n": "one"}', "{}")]
    good = sql.publish("counted", '{"n": 1}')
    assert receiver.wait(1)[0].json["id"] == good
    type_, reason, detail = sql.one_refusal(bad[0])
    assert (type_, reason) == ("counted", "schema") and detail.startswith("/data/n: ")
    assert sql.one_refusal(bad[1])[1] == "schema" and len(sql.refusals()) == 2
    deep = sql.publish("counted", '{"n": 1, "a": ' + "[" * 70 + "]" * 70 + "}")
    assert sql.one_refusal(deep)[1] == "data"


def test_gathered_and_fanned_out(api, sql, receiver, shared):
    """A webhook that gathers has them in an array; more deliveries than a statement makes are a job's."""
    options = {"envelope": "array", "batch_seconds": 1, "batch_max": 3}
    api.webhook(receiver.url(), ["a"], profile="standard-webhooks", profile_options=options)
    ids = [sql.publish() for _ in range(3)]
    assert [e["id"] for e in receiver.wait(1)[0].json] == ids
    for n in range(40):
        webhook = api.webhook(receiver.url(f"/{n}"), ["many"])
        api.patch(f"/webhooks/{webhook['id']}", {"status": "paused"}, expect=200)
    ((app,),) = shared.database.query(f"select id from app where uid = {text(sql.app)}")
    shared.database.query(f"select {call(sql.app, 'many')} from generate_series(1, 64)")
    held = f"select count(*) from delivery where app_id = '{app}' and state = 4"
    until(lambda: shared.database.query(held) == [["2560"]], 10, "all deliveries")


# --- the service ---------------------------------------------------------------------------------------------------


def test_many_and_few(start, database, receiver, redis):
    """A hundred thousand of one app, and one of another's amid them; a worker that dies on the way, another that comes."""
    server = start()
    admin = server.client()
    few = admin.post("/apps", {"name": "few", "uid": "few"}, expect=201).json
    client = admin.with_(**{"X-App-Id": few["id"]})
    client.webhook(receiver.url())
    begun = time.monotonic()
    session = Session(database)
    session.query("select count(posthorn.publish('default', 'a', '{}')) from generate_series(1, 100000)")
    session.close()
    published = time.monotonic()
    sent = Publisher(database, "few").publish()
    assert receiver.wait(1, timeout=5)[0].json["id"] == sent
    first = time.monotonic()
    server.kill()
    left = waiting(database)
    assert left > 0  # behind it
    for _ in range(2):
        start(role="worker")
    redis.stop()
    until(lambda: waiting(database) == 0, 60, "the end of what waits")
    print(f"published in {published - begun:.1f} s, another app's after {first - published:.2f} s,"
          f" then {left} in {time.monotonic() - first:.1f} s")  # fmt: skip
    assert database.query("select count(*), count(distinct id) from event") == [["100001", "100001"]]
    Publisher(database, "few").publish()
    receiver.wait(2, timeout=10)


def test_a_row_that_somebody_holds(start, database, receiver):
    """An app's event wants a row that is locked: it waits for it, and nobody else's does, nor are those out of order."""
    admin = start().client()
    apps = {}
    for name in ("held", "free"):
        made = admin.post("/apps", {"name": name, "uid": name}, expect=201).json
        apps[name] = admin.with_(**{"X-App-Id": made["id"]})
    paused = apps["held"].webhook(receiver.url("/held"))
    apps["held"].patch(f"/webhooks/{paused['id']}", {"status": "paused"})
    apps["held"].post("/events", {"type": "a", "data": {}, "coalesce_key": "k"}, expect=202)
    apps["free"].webhook(receiver.url("/free"), ordering="webhook")
    sent = []
    with database.holding("select from delivery where replaces is not null for no key update", seconds=8):
        Publisher(database, "held").publish(coalesce_key="k")
        for n in range(12):
            sent += [Publisher(database, "free").publish() for _ in range(3)]
            until(lambda: len(receiver.at("/free")) == len(sent), 6, f"all of the other app's, {n}")
    until(lambda: waiting(database) == 0, 40, "the end of what waits")
    assert [r.json["id"] for r in receiver.at("/free")] == sent


def test_nobody_there(start, database, receiver):
    """Published while nothing runs: taken at the start, in order, by an app that is gone not at all."""
    server = start()
    client = server.client()
    client.webhook(receiver.url(), ordering="webhook")
    gone = client.post("/apps", {"name": "gone", "uid": "gone"}, expect=201).json
    server.terminate()
    of_gone = Publisher(database, "gone").publish()
    ids = [row[0] for row in database.query("select posthorn.publish('default', 'a', '{}') from generate_series(1, 20)")]
    database.query(f"delete from app where uid = 'gone'; update published set data = '\\x7b' where id = '{uuid(database, ids[3])}'")
    database.query("insert into published_full select id from app where uid = 'default'")
    assert "PH109" in Publisher(Script(database.cluster, database.name), "default").refused()
    server.start()
    receiver.wait(19, timeout=15)
    assert database.query("select count(*) from published_full") == [["0"]]
    assert [r.json["id"] for r in receiver.at("/hook")] == ids[:3] + ids[4:]
    until(lambda: waiting(database) == 0, 5, "the end of what waits")
    reasons = database.query("select id_text('evt', id), reason from published_refused")
    assert sorted(reasons) == sorted([[of_gone, "app_deleted"], [ids[3], "data"]]) and gone
    database.query(
        "insert into published_refused (app_id, at, id, type, reason) select '%s', now(), new_id(), 'a', 'data' from generate_series(1, 1500)"
        % uuid(database, gone["id"])
    )
    assert database.query("select count(*) from published_refused group by app_id order by 1") == [["1"], ["1000"]]


def uuid(database, shown):
    return database.query(f"select id_of_text('{shown.split('_')[0]}', '{shown}')")[0][0]


def test_whom_postgres_refuses(start, database, receiver):
    """One that cannot be stored holds up its own app alone, and not for ever."""
    server = start()
    client = server.client()
    client.webhook(receiver.url())
    other = client.post("/apps", {"name": "other", "uid": "other"}, expect=201).json
    client.with_(**{"X-App-Id": other["id"]}).webhook(receiver.url("/other"))
    database.query(
        "create function refuse() returns trigger language plpgsql as $$ begin raise 'no' using errcode = tg_argv[0]; end $$;"
        "create trigger a before insert on event for each row when (new.type = 'cursed') execute function refuse('23514');"
        "create trigger b before insert on event for each row when (new.type = 'unlucky') execute function refuse('XX000')"
    )
    mine, others = Publisher(database, "default"), Publisher(database, "other")
    cursed, unlucky, behind = (mine.publish(type_) for type_ in ("cursed", "unlucky", "behind"))
    for _ in range(2):
        others.publish()
    receiver.wait(2, path="/other", timeout=5)
    assert not receiver.at("/hook")
    assert mine.one_refusal(cursed)[1] == "failed"
    until(lambda: server.log().count("event=publish_put_off") > 3, 5, "another try")
    database.query("drop trigger b on event")
    receiver.wait(2)
    assert {r.json["id"] for r in receiver.at("/hook")} == {unlucky, behind}
    assert list(mine.refusals()) == [cursed]


def test_without_the_right_to_make_schemas(postgres, redis):
    """An owner of the tables who may make no schema migrates all the same; somebody else makes it."""
    database = postgres.create()
    owner = f"maker_{database.name}"
    database.query(f"create role {owner} login; alter schema public owner to {owner}")
    limited = Script(postgres, database.name)
    limited.url = database.url.replace("posthorn@", f"{owner}@")
    try:
        out = command(options(limited, redis), "migrate")
        assert out.returncode == 0, out.stderr
        assert database.query("select to_regnamespace('posthorn') is null") == [["t"]]
        database.query(f"create schema posthorn authorization {owner}")
        allow(limited, owner, "*")
        assert Publisher(limited, "default").publish().startswith("evt_")
    finally:
        postgres.drop(database)
        Database(postgres, "postgres").query(f"drop role {owner}")
