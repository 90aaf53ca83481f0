"""Migrations: partitions made ahead, and schemas that this program does not know are refused."""

import pytest
from harness.server import command, options
from harness.wait import until


def days_without_partitions(database, first, last):
    return database.query(
        "SELECT p, n FROM unnest(array['event', 'delivery', 'attempt']) p,"
        f" generate_series({first}, {last}) n WHERE NOT EXISTS (SELECT FROM ledger_range WHERE parent = p"
        "  AND since <= now() + n * interval '24 h' AND now() + n * interval '24 h' < until)"
    )


def test_partitions_are_made_ahead(database):
    assert days_without_partitions(database, -1, 1) == []  # midnight may have passed since


def test_large_values_are_compressed_with_lz4(database, start):
    """In every partition, of those that a worker makes too."""
    start()
    columns = ("event.data", "delivery.sent_response_body", "attempt.response_body")
    for table, column in (c.split(".") for c in columns):
        kinds = database.query(
            "SELECT a.attcompression, count(*) > 1 FROM pg_attribute a LEFT JOIN pg_inherits i ON i.inhrelid = a.attrelid"
            f" WHERE '{table}'::regclass IN (a.attrelid, i.inhparent) AND a.attname = '{column}' GROUP BY 1"
        )
        assert kinds == [["l", "t"]], (table, column)


def test_a_worker_that_starts_makes_days_and_drops_old_ones(database, start):
    """It may have been away for long, or live for less than an hour each time."""
    database.query("SELECT partitions_drop(-8)")  # all of the days there are
    assert len(days_without_partitions(database, 0, 2)) == 3 * 3
    database.query("SELECT partitions_make(-40, -40)")
    start(role="worker")
    until(lambda: days_without_partitions(database, 0, 2) == [], 10)
    until(lambda: len(days_without_partitions(database, -40, -40)) == 3, 10)


def test_default_app_is_there(posthorn):
    assert [a["name"] for a in posthorn.client().get("/apps").json["data"]] == ["default"]


CHANGES = {
    "newer": "INSERT INTO schema_migration (number, name, checksum) VALUES (9999, 'later', 'x')",
    "altered": "UPDATE schema_migration SET checksum = md5('x') WHERE number = 1",
    "behind": "DELETE FROM schema_migration",
}


@pytest.mark.parametrize("change", CHANGES)
def test_unknown_schemas_are_refused(database, redis, change):
    database.query(CHANGES[change])
    before = database.counts()
    for arguments in (["serve"], ["serve", "--role", "worker"], ["migrate"]):
        out = command(options(database, redis), *arguments, timeout=20)
        assert out.returncode not in (0, 99), arguments
        assert "schema" in out.stderr or "migrat" in out.stderr
    assert database.counts() == before


def test_tenants_data_outlives_a_migration_run(posthorn, database, redis, address):
    made = posthorn.client().webhook(address)
    assert command(options(database, redis), "migrate").returncode == 0
    assert posthorn.client().get(f"/webhooks/{made['id']}", expect=200)
