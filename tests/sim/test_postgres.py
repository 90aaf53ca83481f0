"""The model of PostgreSQL against PostgreSQL: the statements that runs of the simulator sent (sim -p), the real one is sent
again, the same parameters at the same times, and has to answer the same and have the same after each that writes.

Its clock is the world's, for a schema that comes before pg_catalog has a now() of its own; and ids that it makes by chance
become those that the model made. A run ends where the model did what it cannot be asked for: a crash that undid commits."""

import ctypes
import os
import struct
import subprocess
import uuid
from collections import defaultdict
from pathlib import Path

import pytest
from harness.redis import Redis
from harness.server import command, options

SIM = os.environ.get("POSTHORN_SIM", "build-tests/tests/sim/sim")
SEEDS = int(os.environ.get("POSTHORN_SIM_SEEDS", "20"))
SEEDS_FOR_ALL = 100  # by then every statement has come up, or nearly
DAY = 1790000000000000  # when all worlds begin, in microseconds of Unix time
CRASHED_US, CRASHES_ALONE = 1_000_000, 2  # core/delivery.h
EVENT, DATA, SCHEDULE, CLAIM_COLUMNS = 1, 12, 23, 34  # of a claim

# Whatever asks for the time is told the world's. Some of it is asked for by what has a search_path of its own.
CLOCK = """
create function now() returns timestamptz stable language sql as
$$ select timestamptz 'epoch' + current_setting('world.now', true)::int8 * interval '1 us' $$;
create function clock_timestamp() returns timestamptz volatile language sql as $$ select public.now() $$;
create function statement_timestamp() returns timestamptz stable language sql as $$ select public.now() $$;
create function pg_postmaster_start_time() returns timestamptz stable language sql as
$$ select timestamptz 'epoch' + current_setting('world.started', true)::int8 * interval '1 us' $$;
"""

WEBHOOK = """
insert into webhook (id, app_id, url, events, profile, secret, headers, retry_schedule, timeout_ms, concurrency, rate_limit,
                     updated_at)
values ('{id}', '{app}', '{url}', '{{*}}', 'default', '\\x{secret}', '', '{{1,2,4,8}}', {timeout}, {concurrency}, {rate},
        now() - interval '1 h');
insert into subscription values ('{app}', '*', '{id}')
"""

EMPTY = "truncate app, webhook, delivery, event, attempt, lease, job, idempotency, subscription, tally, notice cascade"

# What there is, as record.c writes it: text, and 0 for null.
ROWS = {
    "delivery": "select id, event_id, webhook_id, state, attempts, step, waits, coalesce(crashes, 0), coalesce(last_error, 0),"
    " u(next_at), u(completed_at), u(waiting_since), u(lease_until), coalesce(lease_token, 0), coalesce(lease_owner, 0),"
    " coalesce(sent_token, 0) from delivery",
    "lease": "select owner, token, u(at), array_to_string(array(select unnest(ids) order by 1), ' ') from lease",
    "attempt": "select delivery_id, token, number, error from attempt",
    "gate": "select id, status, disabled_reason, u(rate_at), u(gate_until), u(gate_cut), u(failing_since), u(gate_at), gate_limit,"
    " gate_failures, gate_streak, gate_openings, gate_error from webhook",
    "job": "select webhook_id, id, u(step_at), u(stepped_at), failures, stalls, found, done from job where ended_at is null",
}
# What is not asked again. The README has them too, and why.
NOT_ASKED = {
    "work_partitions_make", "work_partitions_drop", "work_forget", "work_wake", "work_measure", "work_locked", "job_forget",
    "webhook_forget", "webhook_disable_failing", "audit_forget", "tally_forget", "notice_list",
    "published_look", "published_forget", "portal_forget", "issue_add", "issue_forget",
}  # fmt: skip
SELDOM = {"job_put_off"}  # a step of a job that PostgreSQL refused
README = Path(__file__).with_name("README.md")
MICROSECONDS = """
create function u(t timestamptz) returns int8 language sql immutable as
$$ select case when isfinite(t) then us_of(t) else 0 end $$
"""


class Connection:
    """As much of libpq as this takes: prepared statements, everything in binary."""

    def __init__(self, url):
        self.pq = ctypes.CDLL("libpq.so.5")
        for name in ("PQconnectdb", "PQprepare", "PQexecPrepared", "PQexec"):
            getattr(self.pq, name).restype = ctypes.c_void_p
        for name in ("PQgetvalue", "PQerrorMessage", "PQresultErrorMessage"):
            getattr(self.pq, name).restype = ctypes.c_void_p if name == "PQgetvalue" else ctypes.c_char_p
        self.it = ctypes.c_void_p(self.pq.PQconnectdb(url.encode()))
        assert self.pq.PQstatus(self.it) == 0, self.pq.PQerrorMessage(self.it)

    def close(self):
        self.pq.PQfinish(self.it)

    def rows(self, result, decode):
        result = ctypes.c_void_p(result)
        try:
            assert self.pq.PQresultStatus(result) in (1, 2), self.pq.PQresultErrorMessage(result).decode()
            columns = range(self.pq.PQnfields(result))
            types = [self.pq.PQftype(result, c) for c in columns]
            return [
                tuple(
                    None
                    if self.pq.PQgetisnull(result, r, c)
                    else decode(types[c], ctypes.string_at(self.pq.PQgetvalue(result, r, c), self.pq.PQgetlength(result, r, c)))
                    for c in columns
                )
                for r in range(self.pq.PQntuples(result))
            ]
        finally:
            self.pq.PQclear(result)

    def query(self, sql):
        """Rows of text."""
        return self.rows(self.pq.PQexec(self.it, sql.encode()), lambda _, value: value.decode())

    def prepare(self, name, sql):
        self.rows(self.pq.PQprepare(self.it, name.encode(), sql, 0, None), None)

    def run(self, name, parameters):
        n = len(parameters)
        values = (ctypes.c_char_p * n)(*parameters)
        lengths = (ctypes.c_int * n)(*(len(p or b"") for p in parameters))
        formats = (ctypes.c_int * n)(*([1] * n))
        return self.rows(self.pq.PQexecPrepared(self.it, name.encode(), n, values, lengths, formats, 1), decode)


INTEGERS = {16: ">?", 20: ">q", 21: ">h", 23: ">i"}
UUID = 2950


def decode(type_, value):
    """As rows_write() has it."""
    if type_ in INTEGERS:
        return int(struct.unpack(INTEGERS[type_], value)[0])
    return uuid.UUID(bytes=value) if type_ == UUID else value


def unhex(word):
    return None if word == "~" else b"" if word == "-" else bytes.fromhex(word)


def read_cell(text):
    kind, rest = text[0], text[1:]
    if kind == "n":
        return None
    return int(rest) if kind == "i" else uuid.UUID(rest) if kind == "u" else bytes.fromhex(rest)


def plain(row):
    """Ids without dashes, as the record has them."""
    return " ".join(v.replace("-", "") if len(v) >= 36 else v for v in row).strip()


class Replay:
    def __init__(self, connection):
        self.db = connection
        self.answer, self.expected, self.said = None, [], None
        self.rows = defaultdict(list)
        self.broken = False
        self.known, self.met = set(), set()
        self.looks = 0

    def at(self, now, started=DAY):
        self.db.query(f"set world.now = '{now}'; set world.started = '{started}'")
        self.now = int(now)

    def webhook(self, id_, app, url, secret, timeout, concurrency, rate):
        if not self.rows["webhooks"]:
            self.at(DAY)
            self.db.query(EMPTY)
        self.rows["webhooks"].append(id_)
        id_, app = uuid.UUID(id_), uuid.UUID(app)
        self.db.query(f"insert into app (id, name) values ('{app}', '{app}') on conflict do nothing")
        self.db.query(
            WEBHOOK.format(
                id=id_, app=app, url=unhex(url).decode(), secret=secret, timeout=timeout, concurrency=concurrency,
                rate=rate if rate != "0" else "null",
            )
        )  # fmt: skip

    def knows(self, name):
        self.known.add(name)

    def statement(self, name, sql):
        self.db.prepare(name, unhex(sql))

    def run(self, name, now, started, *parameters):
        self.said = name, now, started, [unhex(p) for p in parameters]
        self.expected = []

    def row(self, *cells):
        self.expected.append(tuple(map(read_cell, cells)))

    def answered(self):
        """Only now is it run: of an asking that met another one there is nothing to run."""
        name, now, started, parameters = self.said
        if name in NOT_ASKED or name == "work_claim_due" and self.expected[0][-4] == 0:
            return
        self.at(now, started)
        found = self.db.run(name, parameters)
        self.met.add(name)
        self.judge(name, found, self.expected)

    def judge(self, name, found, expected):
        look = LOOKS.get(name, in_any_order)
        if name in ACCEPTS:
            self.name_deliveries(found, expected)
        found, expected = look(found), look(expected)
        assert [len(row) for row in found] == [len(row) for row in expected], f"{name}: {found}, the model {expected}"
        differ = [
            f"{n}: {ours!r}, the model {theirs!r}"
            for row, other in zip(found, expected, strict=True)
            for n, (ours, theirs) in enumerate(zip(row, other, strict=True))
            if ours != theirs
        ]
        assert not differ, f"{name}: {differ}"

    def name_deliveries(self, found, expected):
        for row in expected:
            if row[5] is not None:
                self.db.query(f"update delivery set id = '{row[5]}' where event_id = '{row[1]}' and webhook_id = '{row[6]}'")

    def status(self, now, webhook, status, reason):
        self.at(now)
        self.db.query(
            f"update webhook set status = {status}, disabled_reason = {reason}, updated_at = now() where id = '{uuid.UUID(webhook)}'"
        )

    # --- what there is ---------------------------------------------------------------------------------

    def keep(self, kind, *words):
        first = 3 if kind == "lease" else len(words)
        self.rows[kind].append(" ".join([*words[:first], *sorted(words[first:])]))

    def so_far(self):
        for job in self.rows["job"]:
            webhook, id_ = job.split()[:2]
            self.db.query(f"update job set id = '{uuid.UUID(id_)}' where webhook_id = '{uuid.UUID(webhook)}' and kind = 5")
        for row in self.rows["delivery"]:
            self.put_chance_right(row.split())
        for kind, sql in ROWS.items():
            found = sorted(plain(row) for row in self.db.query(sql))
            assert found == sorted(self.rows.pop(kind, [])), kind
            self.looks += 1

    def put_chance_right(self, row):
        """One whose workers ended waits for a while that chance says, within bounds."""
        id_, crashes, due = row[0], int(row[7]), int(row[9])
        if crashes < CRASHES_ALONE:
            return
        (found,) = self.db.query(f"select u(next_at) from delivery where id = '{uuid.UUID(id_)}'")
        if int(found[0]) != due:
            assert 0 <= int(found[0]) - self.now <= 8 * crashes * CRASHED_US
            self.db.query(f"update delivery set next_at = timestamptz 'epoch' + {due} * interval '1 us' where id = '{uuid.UUID(id_)}'")

    def end(self):
        if not self.broken:
            self.so_far()
        self.rows.clear()
        self.broken = False


def in_any_order(rows):
    return sorted(rows, key=repr)


def as_they_come(rows):
    return rows


def without_ids(rows):
    """Of deliveries, which chance made."""
    return in_any_order(row[:5] + row[6:] for row in rows)


def claims(rows):
    """An event's data comes with one of its deliveries; the model brings it with each. And an array says whether there
    may be nulls in it."""
    brought = {row[EVENT]: row[DATA] for row in rows if row[DATA] is not None}

    def plain_claim(row):
        if row[0] is None:  # nothing was claimed
            return row[CLAIM_COLUMNS:]
        array = row[SCHEDULE] and row[SCHEDULE][:4] + row[SCHEDULE][8:]
        return (*row[:DATA], brought.get(row[EVENT]), *row[DATA + 1 : SCHEDULE], array, *row[SCHEDULE + 1 :])

    return in_any_order(map(plain_claim, rows))


# How two answers are looked at: their order counts where it is promised.
ACCEPTS = "event_accept_plain", "event_accept_unkeyed"
LOOKS = dict.fromkeys(ACCEPTS, without_ids) | {
    "work_claim": claims,
    "work_claim_plain": claims,
    "work_claim_due": claims,
    "work_upcoming": as_they_come,
    "gate_list": as_they_come,
}


@pytest.fixture
def connection(postgres):
    """To a database whose schema was made with the world's clock."""
    database = postgres.create()
    database.query(f"alter database {database.name} set search_path = public, pg_catalog")
    database.query(f"alter database {database.name} set world.now = '{DAY}'")
    database.query(CLOCK)
    redis = Redis()
    made = command(options(database, redis), "migrate")
    redis.destroy()
    assert made.returncode == 0, made.stderr
    database.query("alter function partitions_make(int, int, int) reset search_path")
    database.query("select partitions_make(-1, 1)")
    database.query(MICROSECONDS)
    connection = Connection(database.url)
    connection.query("set client_min_messages = warning")
    yield connection
    connection.close()
    postgres.drop(database)


@pytest.mark.timeout(120 + 5 * SEEDS)
def test_the_model_answers_as_postgresql_does(connection, tmp_path):
    record = tmp_path / "record"
    subprocess.run([SIM, "-n", str(SEEDS), "-p", str(record)], check=True, timeout=300, cwd=Path(__file__).parents[2])
    replay = Replay(connection)
    for number, line in enumerate(record.read_text().splitlines(), 1):
        word, *rest = line.split()
        if word == "break":
            replay.broken = True
        elif replay.broken and word not in ("end", "statement", "knows"):
            continue
        else:
            try:
                replay.keep(word, *rest) if word in ROWS else getattr(replay, word)(*rest)
            except AssertionError as error:
                raise AssertionError(f"line {number}: {line[:200]}") from error
    assert replay.looks > 10 * SEEDS
    assert replay.met <= replay.known - NOT_ASKED
    if SEEDS >= SEEDS_FOR_ALL:
        assert replay.met >= replay.known - NOT_ASKED - SELDOM


def test_what_is_not_asked_again_is_said():
    said = README.read_text(encoding="utf-8")
    assert [name for name in NOT_ASKED if f"`{name}`" not in said] == []
