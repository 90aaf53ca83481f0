"""What came of attempts is written down, whatever PostgreSQL and those who use it do meanwhile."""

import signal
import threading
import time

import pytest
from harness import replies
from harness.wait import until


def number(database, sql):
    return int(database.query(sql)[0][0])


def pending(database):
    return number(database, "SELECT count(*) FROM delivery WHERE state = 0")


def states(database):
    rows = database.query("SELECT state, count(*) FROM delivery GROUP BY 1")
    return {int(state): int(count) for state, count in rows}


# --- behind what is sent --------------------------------------------------------------------------


def test_the_next_goes_while_one_is_recorded(start, receiver, database):
    """An endpoint's place is a request under way, not a row on its way into the ledger; but with a concurrency of 1
    no more than one shall be sent twice if the worker is killed."""
    client = start().client()
    for path in ("/two", "/one"):
        receiver.script(path, replies.answer(200, delay=0.05))
    two = client.webhook(receiver.url("/two"), concurrency=2)
    one = client.webhook(receiver.url("/one"), concurrency=1)
    with database.holding("LOCK TABLE attempt IN SHARE MODE"):
        later = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
        event = {"type": "a", "data": {}, "expires_at": later}  # whose record takes a statement that needs the table
        client.post("/events/batch", {"events": [event] * 6}, expect=202)
        receiver.wait(6, path="/two", timeout=3)
        assert len(receiver.at("/one")) == 1
        assert states(database) == {0: 12}
    until(lambda: pending(database) == 0, 10, "all recorded")
    for path, most in (("/two", 2), ("/one", 1)):
        arrived = sorted(r.at for r in receiver.at(path))
        assert len(arrived) == 6
        assert all(b - a >= 0.05 for a, b in zip(arrived, arrived[most:]))
    for webhook in (two, one):
        assert len(client.deliveries(webhook, status="delivered")) == 6


def test_a_retry_waits_for_its_record(start, receiver, database):
    """The queue would hand out what is still leased."""
    client = start().client()
    receiver.script("/hook", replies.answer(500), replies.answer(200))
    client.webhook(receiver.url(), concurrency=1, retry_schedule=[1])
    with database.holding("LOCK TABLE attempt IN SHARE MODE"):
        client.batch(1)
        receiver.wait(1)
        time.sleep(1.5)
        assert len(receiver.requests) == 1
    until(lambda: pending(database) == 0, 10, "all recorded")
    assert len(receiver.requests) == 2


# --- a crash of PostgreSQL ------------------------------------------------------------------------


def crash(cluster, how):
    """The postmaster gets `how`; with SIGKILL its children get it too."""
    if how == signal.SIGKILL:
        cluster.signal(how)
    cluster.stop(how)


class Load:
    """Events in small batches, until stop()."""

    def __init__(self, client):
        self.client = client
        self.accepted = set()
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        events = {"events": [{"type": "a", "data": {}}] * 10}
        while not self.stopping.is_set():
            answer = self.client.post("/events/batch", events, expect=None)
            if answer.status == 202:
                self.accepted |= {event["id"] for event in answer.json["data"]}

    def stop(self):
        self.stopping.set()
        self.thread.join()


@pytest.mark.parametrize("how", [signal.SIGQUIT, signal.SIGKILL])
def test_a_crash_of_postgres_loses_no_outcome(own_postgres, redis, start_on, receiver, how):
    """Commits of a worker are asynchronous: the last of them are undone, what they said is not."""
    server = start_on(own_postgres.database, redis)
    client = server.client()
    receiver.script("/hook", replies.answer(200))
    client.webhook(receiver.url(), concurrency=64)
    accepted, slowest = set(), 0
    for _ in range(5):
        before = len(receiver.requests)
        load = Load(client)
        until(lambda before=before: len(receiver.requests) > before + 300, 30, "some deliveries")
        crash(own_postgres, how)
        load.stop()
        own_postgres.start()
        back = time.monotonic()
        until(lambda: pending(own_postgres.database) == 0, 90, "everything recorded")
        slowest = max(slowest, time.monotonic() - back)
        accepted |= load.accepted
    sent = [r.json["id"] for r in receiver.requests]
    twice = len(sent) - len(set(sent))
    print(f"slowest={slowest:.1f} s, sent={len(sent)}, twice={twice}")
    assert accepted <= set(sent)
    assert slowest < 5
    assert twice <= 5 * 64


def test_failures_are_recorded_again_too(own_postgres, redis, start_on, receiver):
    """And their retries come when they would have come."""
    server = start_on(own_postgres.database, redis)
    client = server.client()
    receiver.script("/hook", replies.answer(404))
    client.webhook(receiver.url(), concurrency=64, retry_schedule=[600])
    accepted = client.batch(200)
    until(lambda: len(receiver.requests) == 200, 20, "an attempt of each")
    crash(own_postgres, signal.SIGQUIT)
    own_postgres.start()

    def recorded():
        sql = "SELECT count(*) FROM delivery WHERE step = 1 AND attempts = 1 AND lease_token IS NULL"
        return number(own_postgres.database, sql)

    until(lambda: recorded() == 200, 5, lambda: f"{recorded()} of 200 recorded")
    assert len(accepted) == len(receiver.requests) == 200
    assert number(own_postgres.database, "SELECT count(*) FROM attempts") == 200


# --- rows that others have locked -----------------------------------------------------------------


def test_a_locked_row_holds_up_only_itself(database, start, receiver):
    client = start().client()
    opened = threading.Event()
    receiver.script("/hook", replies.gate(opened))
    client.webhook(receiver.url(), concurrency=64)
    client.batch(61)
    receiver.wait(61)
    with database.holding("SELECT FROM delivery ORDER BY id LIMIT 1 FOR UPDATE"):
        opened.set()
        until(lambda: states(database) == {0: 1, 1: 60}, 3, lambda: f"the others: {states(database)}")
        # What comes meanwhile does not wait for it either.
        client.batch(20)
        until(lambda: states(database) == {0: 1, 1: 80}, 3, lambda: f"more: {states(database)}")
        time.sleep(3)
    until(lambda: states(database) == {1: 81}, 3, "the one that was locked")
    assert len(receiver.requests) == 81


def test_a_locked_row_is_not_waited_for_by_claims(database, start, receiver):
    client = start(role="api").client()
    client.webhook(receiver.url(), concurrency=64)
    client.batch(100)
    with database.holding("SELECT FROM delivery ORDER BY id LIMIT 1 FOR UPDATE"):
        start(role="worker")
        receiver.wait(99, timeout=4)
        client.batch(20)
        receiver.wait(119, timeout=4)
    receiver.wait(120, timeout=8)
    until(lambda: states(database) == {1: 120}, 5, "all recorded")
    assert len(receiver.requests) == 120


def test_a_locked_row_does_not_keep_others_from_resuming(database, start, receiver):
    client = start().client()
    first, second = (client.webhook(receiver.url(), events=["a"]) for _ in range(2))
    for webhook in (first, second):
        client.patch(f"/webhooks/{webhook['id']}", {"status": "paused"})
    client.batch(20)
    assert states(database) == {4: 40}
    with database.holding("SELECT FROM delivery ORDER BY id LIMIT 1 FOR UPDATE"):
        for webhook in (first, second):
            client.patch(f"/webhooks/{webhook['id']}", {"status": "active"})
        until(lambda: states(database) == {4: 1, 1: 39}, 5, lambda: f"the others: {states(database)}")
        time.sleep(12)  # longer than a webhook is looked at when nothing is left of it
    until(lambda: states(database) == {1: 40}, 5, "the one that was locked")


def test_a_locked_key_does_not_keep_others_from_being_forgotten(database, start, receiver):
    client = start(role="api").client()
    client.webhook(receiver.url())
    for key in "abc":
        client.publish(headers={"Idempotency-Key": key})
    database.query("UPDATE idempotency SET expires_at = now() - interval '1 h'")
    with database.holding("SELECT FROM idempotency ORDER BY key LIMIT 1 FOR UPDATE"):
        start(role="worker")
        until(lambda: number(database, "SELECT count(*) FROM idempotency") == 1, 5, "the others")


def test_dropping_old_days_stops_nobody(database, start, receiver):
    """Somebody reads the ledger for long: the drop waits for that, and whoever comes would wait behind it."""
    for table in ("event", "delivery", "attempt"):
        database.query(
            f"CREATE TABLE {table}_20200101 PARTITION OF {table} FOR VALUES"
            " FROM (id_floor('2020-01-01 00:00Z')) TO (id_floor('2020-01-02 00:00Z'))"
        )
    reading = "; ".join(f"SELECT FROM {table} LIMIT 1" for table in ("event", "delivery", "attempt"))
    with database.holding(reading):
        client = start().client()
        client.webhook(receiver.url())
        slowest = 0
        end = time.monotonic() + 6
        while time.monotonic() < end:
            before, started = len(receiver.requests), time.monotonic()
            client.publish()
            receiver.wait(before + 1)
            slowest = max(slowest, time.monotonic() - started)
    print(f"slowest={slowest:.2f} s")
    assert slowest < 1.5
    until(lambda: not database.query("SELECT 1 WHERE to_regclass('event_20200101') IS NOT NULL"), 10)


# --- what PostgreSQL refuses ----------------------------------------------------------------------


def refuse(database, condition):
    """Attempts that fit are refused with a SQLSTATE that nobody knows; where their deliveries have them, too."""
    kept = condition.replace("new.", "new.sent_")
    kept = f"{kept} AND new.sent_token IS DISTINCT FROM old.sent_token"
    for table, when, its in ("attempt", "INSERT", condition), ("delivery", "UPDATE", kept):
        database.query(
            f"CREATE FUNCTION refuse_{table}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF {its}"
            " THEN RAISE EXCEPTION 'refused' USING errcode = 'ZZ001'; END IF; RETURN new; END $$;"
            f"CREATE TRIGGER refuse BEFORE {when} ON {table} FOR EACH ROW EXECUTE FUNCTION refuse_{table}()"
        )


def test_an_answer_that_is_refused_is_left_out(database, start, receiver):
    refuse(database, "new.response_body = 'poison'")
    client = start().client()
    receiver.script("/hook", *[replies.answer(200)] * 20, replies.answer(200, b"poison"))
    receiver.script("/bad", replies.answer(500, b"poison"))
    good = client.webhook(receiver.url(), concurrency=64)
    bad = client.webhook(receiver.url("/bad"), events=["bad"], retry_schedule=[])
    client.batch(40)
    client.publish("bad")
    until(lambda: states(database) == {1: 41, 2: 1}, 20, lambda: str(states(database)))
    assert len(receiver.requests) == 42
    attempt = client.attempts(client.deliveries(bad)[0])[0]
    assert (attempt["response_code"], attempt["error"]["code"]) == (500, "http_status")
    assert attempt["error"]["message"] and attempt["response"]["body"] == ""
    assert not client.deliveries(good, status="pending")


def test_what_is_refused_in_any_form_is_parked(database, start, receiver):
    refuse(database, "position('bad'::bytea in new.request_head) > 0")
    client = start().client()
    webhook = client.webhook(receiver.url(), concurrency=64, retry_schedule=[1])
    client.batch(20)
    client.publish("bad")
    client.batch(20)
    until(lambda: states(database) == {1: 40, 2: 1}, 30, lambda: str(states(database)))
    delivery = client.deliveries(webhook, status="failed")[0]
    assert (delivery["attempts"], delivery["response_code"]) == (1, None)
    (attempt,) = client.attempts(delivery)
    assert attempt["error"]["code"] == "unrecorded" and attempt["error"]["message"]
    assert (attempt["response"], attempt["request"]["headers"]) == (None, "")
    whole = client.get(f"/deliveries/{delivery['id']}").json
    assert whole["last_error"]["code"] == "unrecorded"
    assert len(receiver.requests) == 41


def test_while_everything_is_refused_nothing_is_given_up(database, start, receiver):
    """It is PostgreSQL's trouble, and passes: then it is recorded what came of each."""
    server = start()
    client = server.client()
    receiver.script("/bad", replies.answer(500))
    client.webhook(receiver.url(), concurrency=64)
    bad = client.webhook(receiver.url("/bad"), events=["bad"], retry_schedule=[])
    refuse(database, "true")
    client.batch(40)
    client.publish("bad")
    receiver.wait(41)
    time.sleep(7)  # it is tried again after 0.2 s, 0.4 s and so on: six times by now, and then after 6.4 s
    assert pending(database) == 42
    assert number(database, "SELECT count(*) FROM attempts") == 0
    lines = len(server.log().splitlines())
    assert lines < 2000
    database.query("DROP TRIGGER refuse ON attempt; DROP TRIGGER refuse ON delivery")
    until(lambda: states(database) == {1: 41, 2: 1}, 40, lambda: str(states(database)))
    assert len(receiver.requests) == 42
    assert client.attempts(client.deliveries(bad)[0])[0]["error"]["code"] == "http_status"


# --- 410 ------------------------------------------------------------------------------------------


def test_a_gone_receiver_is_disabled_though_its_row_is_locked(database, start, receiver):
    client = start().client()
    opened = threading.Event()
    receiver.script("/gone", replies.gate(opened, replies.answer(410)))
    receiver.script("/hook", replies.gate(opened))
    gone = client.webhook(receiver.url("/gone"), events=["gone"])
    client.webhook(receiver.url(), events=["a"], concurrency=64)
    client.batch(30)
    client.publish("gone")
    receiver.wait(30)
    receiver.wait(1, "/gone")
    with database.holding("SELECT FROM webhook ORDER BY id LIMIT 1 FOR UPDATE"):
        opened.set()
        until(lambda: states(database).get(1) == 30, 3, lambda: f"the others: {states(database)}")
        time.sleep(6)
    path = f"/webhooks/{gone['id']}"
    until(lambda: client.get(path).json["status"] == "disabled", 3, "that it is disabled")
    assert client.get(path).json["disabled_reason"] == "gone"
    assert states(database) == {1: 30, 2: 1}


def test_a_gone_receiver_stays_disabled_after_a_crash(own_postgres, redis, start_on, receiver):
    """PostgreSQL crashes as soon as the delivery has failed: that its webhook is disabled is not lost."""
    server = start_on(own_postgres.database, redis)
    client = server.client()
    receiver.script("/hook", replies.answer(410))
    for _ in range(4):
        webhook = client.webhook(receiver.url())
        client.publish()
        until(lambda webhook=webhook: client.deliveries(webhook, status="failed"), 5)
        crash(own_postgres, signal.SIGQUIT)
        own_postgres.start()
        until(lambda: client.get("/readyz", expect=None).status == 200, 10, "service again")
        path = f"/webhooks/{webhook['id']}"
        until(lambda path=path: client.get(path).json["status"] == "disabled", 5, "disabled again")
        until(lambda: pending(own_postgres.database) == 0, 5, "everything recorded")
