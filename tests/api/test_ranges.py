"""Partitions of several days: as wide as an eighth of what is kept, without gaps, beside those of single days from before."""

from hashlib import sha256
from pathlib import Path

import pytest
from harness.server import command, options
from harness.wait import until

MIGRATIONS = sorted((Path(__file__).parents[2] / "migrations").glob("0*.sql"))
MINE = next(m for m in MIGRATIONS if m.name.startswith("0035"))
TODAY = "date_trunc('day', now() at time zone 'UTC') at time zone 'UTC'"

# In days from today, each once if all three tables have it.
RANGES = (
    f"select extract(epoch from since - ({TODAY}))::int / 86400, extract(epoch from until - ({TODAY}))::int / 86400"
    " from ledger_range group by 1, 2 having count(*) = 3 order by 1"
)


def ranges(database):
    return [(int(since), int(until)) for since, until in database.query(RANGES)]


def row(first, width, end):
    """Ranges of that width, one after another."""
    return [(day, day + width) for day in range(first, end, width)]


def drop_all(database):
    database.query("do $$ begin execute (select 'drop table ' || string_agg(child::text, ', ') from ledger_range); end $$")


def add_delivery(database, at):
    """One that is over, with its event, whose ids are of that moment."""
    database.query(
        f"with e as (insert into event (id, app_id, test, type, data) select id_floor({at}), id, false, 't', '{{}}'"
        "  from app limit 1 returning id, app_id)"
        " insert into delivery (id, event_id, webhook_id, app_id, next_at, state, test)"
        "  select new_delivery_id(id), id, app_id, app_id, now(), 1, false from e"
    )


@pytest.mark.parametrize(
    "kept, made",
    [
        (1, row(-1, 1, 3)),
        (17, row(-17, 3, 7)),
        (30, row(-30, 4, 10)),
        (3650, row(-248, 31, 93)),
    ],
)
def test_they_are_an_eighth_of_what_is_kept(database, kept, made):
    drop_all(database)
    for _ in range(2):  # and are made once
        database.query(f"select days_make({kept})")
        assert ranges(database) == made


def test_migrate_makes_them_for_what_is_kept(postgres, redis):
    database = postgres.create()
    try:
        assert command(options(database, redis, POSTHORN_RETENTION_DAYS="80"), "migrate").returncode == 0
        assert ranges(database) == row(-80, 10, 30)
    finally:
        postgres.drop(database)


def test_gaps_are_filled_up_to_what_is_there(database):
    drop_all(database)
    database.query("select partitions_make(1, 1)")
    database.query("select days_make(80)")
    assert ranges(database) == row(-80, 10, 0) + [(0, 1), (1, 2), (2, 12), (12, 22)]


def test_a_range_goes_when_its_last_day_is_past_retention(database):
    """And not a day before: what is in it is history."""
    drop_all(database)
    database.query("select partitions_make(-39, -25, 4)")
    first = ranges(database)
    assert first == row(-39, 4, -23)
    for kept, left in ((35, first[1:]), (32, first[1:]), (31, first[2:]), (28, first[2:]), (27, first[3:])):
        database.query(f"select days_drop({kept})")
        assert ranges(database) == left, kept


def test_ids_at_its_ends_lie_in_it(database):
    drop_all(database)
    database.query("select partitions_make(0, 7, 4)")
    for at in ("", " + interval '4 d' - interval '1 ms'", " + interval '4 d'"):
        add_delivery(database, TODAY + at)
    counts = database.query(
        "select (select count(*) from delivery where tableoid = child), child from ledger_range where parent = 'delivery' order by since"
    )
    assert [n for n, _ in counts] == ["2", "1"]


def before_ranges(database):
    """The schema as it was, of a service that has run; a server whose clock was ahead accepted something for in three days."""
    database.query("create table schema_migration (number int4 primary key, name text, checksum text, applied_at timestamptz)")
    for migration in MIGRATIONS[: MIGRATIONS.index(MINE)]:
        sql = migration.read_text()
        number, _, name = migration.stem.partition("_")
        database.query(
            f"{sql};\ninsert into schema_migration values ({number}, '{name}', '{sha256(sql.encode()).hexdigest()}', now())"
        )
    database.query("select partitions_make(-32, -2)")
    for day in (-32, -31, -30, -1, 0, 3):
        add_delivery(database, f"{TODAY} + interval '{day} d'")


def test_days_of_before_stay_beside_them(postgres, redis):
    """But for those ahead that are empty, which give way."""
    database = postgres.create()
    try:
        before_ranges(database)
        out = command(options(database, redis), "migrate")
        assert out.returncode == 0, out.stderr
        assert ranges(database) == row(-32, 1, 1) + [(1, 3), (3, 4), (4, 8), (8, 12)]
        database.query("select days_make()")  # as a program from before does
        assert ranges(database)[-4:] == [(1, 3), (3, 4), (4, 8), (8, 12)]
        assert database.query("select * from days_drop(30)") == [["6", "0"]]
        assert ranges(database)[0] == (-30, -29)
        assert database.query("select count(*) from delivery join event on event.id = event_id") == [["4"]]
    finally:
        postgres.drop(database)


def test_a_worker_lets_them_go(database, start):
    drop_all(database)
    database.query("select partitions_make(-40, -25, 4)")
    start(role="worker", POSTHORN_RETENTION_DAYS="31")
    until(lambda: ranges(database) == row(-32, 4, 12), 10, lambda: ranges(database))
