"""What the benchmark itself writes into the ledger is what Posthorn writes: rows with the same columns, about as long."""

import json
import subprocess

import pytest

from harness.postgres import binary
from harness.tenant import Tenant
from harness.wait import until
from load.history import add_history
from load.hot_path import SCRIPTS, payload

COUNT = 8
DATA = {"pad": "x" * 258}

# Of the deliveries that were delivered: the columns that have something (of times, what took none has nothing), the
# attempts that stand elsewhere, bytes; and the same of their events.
FORM = """
SELECT count(*), string_agg(DISTINCT dc.names, ' / '), string_agg(DISTINCT ec.names, ' / '),
       count(a.delivery_id), avg(pg_column_size(d.*))::int, avg(pg_column_size(e.*))::int
  FROM delivery d JOIN event e ON e.id = d.event_id LEFT JOIN attempt a ON a.delivery_id = d.id
 CROSS JOIN LATERAL (SELECT string_agg(key, ' ' ORDER BY key) FROM jsonb_each(to_jsonb(d))
                      WHERE value <> 'null' AND key !~ '^sent_.*_us') dc (names)
 CROSS JOIN LATERAL (SELECT string_agg(key, ' ' ORDER BY key) FROM jsonb_each(to_jsonb(e))
                      WHERE value <> 'null') ec (names)
 WHERE d.state = 1"""


def form(database):
    ((count, columns, event_columns, attempts, size, event_size),) = database.query(FORM)
    return int(count), (columns, event_columns, attempts), (int(size), int(event_size))


def write_history(database):
    add_history(database, COUNT)


def write_limit(database, directory):
    """One transaction, as pgbench runs them for the limit."""
    script = directory / "ledger.sql"
    script.write_text(SCRIPTS["ledger"])
    database.query(payload(len(json.dumps(DATA))))
    arguments = ["-n", "-M", "prepared", "-t", "1", "-D", f"events={COUNT}", "-D", "fan=1", "-f", script, database.url]
    done = subprocess.run([binary("pgbench"), *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0 and "aborted" not in done.stderr, done.stderr


@pytest.fixture
def delivered(start, database, receiver):
    """The form of what Posthorn has delivered, which then has ended; its ledger has only the webhook."""
    server = start()
    api = Tenant(server.client()).write
    webhook = api.webhook(receiver.url("/hook"))
    api.post("/events/batch", {"events": [{"type": "order.created", "data": DATA}] * COUNT}, expect=202)
    until(lambda: len(api.deliveries(webhook, status="delivered")) == COUNT, 10, "all to be delivered")
    server.stop()
    found = form(database)
    database.query("TRUNCATE event, delivery, attempt, lease")
    return found


@pytest.mark.parametrize("kind", ["history", "limit"])
def test_what_the_benchmark_writes_has_the_form_of_what_posthorn_writes(kind, delivered, database, tmp_path):
    if kind == "history":
        write_history(database)
    else:
        write_limit(database, tmp_path)
    count, same, sizes = form(database)
    assert (count, same) == (COUNT, delivered[1])
    assert sizes == pytest.approx(delivered[2], rel=0.1)
