"""The program is ended, stopped or failed at each boundary to the outside (include/base/crash.h), one at a time: what was
accepted arrives, nothing stays behind, and only what it had in hand when it was killed comes twice.

A part of them at each run, by chance; POSTHORN_CRASH=all tries all, every way."""

import os
import random
import signal
import time

import pytest
from harness.crash_points import POINT, Crashing, are_built
from harness.server import command, options
from harness.wait import until

ALL = "POSTHORN_CRASH" in os.environ
SECONDS = 4000 if ALL else 30
SEED = int.from_bytes(os.urandom(4), "big")
PARTS = 3  # of all points, for as many processes of a test run
WAYS = ("kill", "stop", "fail")

pytestmark = pytest.mark.skipif(not are_built(), reason="built without -Dcrash_points=true")


@pytest.fixture
def service(start, database, receiver, tmp_path):
    return Crashing(start, database, receiver, tmp_path)


def learn(service):
    """All points that a round comes to, each with the ways to be tried there."""
    with service.watched():
        service.round()
        service.look(1)
        time.sleep(1.2)  # what is done every second
    found = service.points()
    return sorted((point, how) for point, may_fail in found.items() for how in WAYS if how != "fail" or may_fail)


@pytest.mark.timeout(SECONDS + 200)
@pytest.mark.parametrize("part", range(PARTS))
def test_at_every_boundary(service, part):
    points = learn(service)
    assert len({point for point, _ in points}) >= 60
    chance = random.Random(SEED)
    mine = points[part::PARTS]
    chance.shuffle(mine)
    tried, hits, end = [], 0, time.monotonic() + SECONDS
    for point, how in mine:
        if time.monotonic() > end:
            break
        number = chance.choice((1, 1, 2))
        tried.append(f"{point}:{number}:{how}")
        try:
            hits += service.crash(point, number, how)
        except AssertionError as e:
            raise AssertionError(f"{tried[-1]}: {e}") from e
    service.start()  # without a point, which may come when all has been looked at
    until(service.server.is_up, 20, "it to start")
    print(f"{len(tried)} of {len(mine)} tried, {hits} of them come to")
    assert hits > len(tried) / 3, tried  # some are come to by chance, or once a minute


IN_A_DRAIN = ("drain.", "api.", "work_release.", "work_finish.", "work_finish_plain.", "work_lease_end.", "ack.", "request.")


def drained(service):
    """The points that a drain comes to."""
    with service.watched():
        service.drain()
        service.start()
        service.look(1)
    return [point for point in service.points() if point.startswith(IN_A_DRAIN)]


@pytest.mark.timeout(SECONDS + 200)
def test_in_a_drain(service):
    """The drain itself is ended at each of its own points; and at some of what it has to do."""
    points = sorted(drained(service), key=lambda point: (not point.startswith(("drain.", "api.")), random.random()))
    end = time.monotonic() + SECONDS
    for point in points:
        if time.monotonic() > end:
            break
        try:
            was_there = service.crash(point, 1, "kill", service.drain)
        except AssertionError as e:
            raise AssertionError(f"{point}: {e}") from e
        assert was_there or not point.startswith("drain."), point


@pytest.mark.timeout(120)
def test_published_in_sql(service):
    """Before and after its event is made, and before and after that is committed: it is there, and once."""
    for point in ("event_accept_published.sent", "event_accept_published.handled", "commit.sent", "commit.handled"):
        assert service.crash(point, 1, "kill", lambda: service.publish_in_sql("a")), point
    assert service.database.query("select (select count(*) from event), (select count(*) from published)") == [["4", "0"]]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("point", ["migrations.locked", "migration.begun", "migration.run", "migration.recorded",
                                   "migration.committed", "migrations.made"])  # fmt: skip
def test_in_a_migration(postgres, template, redis, point):
    """What was killed in any migration goes on with the same one the next time; and what failed says so."""
    ways = ["kill", "fail"] if point == "migration.run" else ["kill"]
    applied = template.query("select number, checksum from schema_migration order by 1")
    last = len(applied) if point.startswith("migration.") else 1
    for number in sorted({last // 2 or 1, last}):
        for how in ways:
            database = postgres.create()
            env = options(database, redis)
            ended = command({**env, POINT: f"{point}:{number}:{how}"}, "migrate")
            assert ended.returncode == (-signal.SIGKILL if how == "kill" else 1), ended.stderr
            again = command(env, "migrate")
            assert again.returncode == 0, again.stderr
            assert database.query("select number, checksum from schema_migration order by 1") == applied
            assert shape(database) == shape(template)
            postgres.drop(database)


def shape(database):
    """All columns, indexes and functions; partitions are of the day."""
    return database.query(
        "select c.relname, a.attname, a.atttypid from pg_attribute a join pg_class c on c.oid = attrelid"
        " where relnamespace = 'public'::regnamespace and not relispartition and relname !~ '[0-9]{6}' order by 1, 2"
    )
