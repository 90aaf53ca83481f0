"""What at_scale.py measures, as a test: not how fast anything is, but that views show what they are for where there is much, with
few bytes, and that no statement reads more than it may; and that what it looks for is found where it is."""

import json
import subprocess
import sys
from pathlib import Path

from harness import plans
from harness.server import binary
from load.build import build_tools

AT_SCALE = Path(__file__).with_name("at_scale.py")
BUILD = Path(binary()).parent
VIEWS = "Overview;Webhooks;Deliveries, failed;Audit log"
DELIVERIES = """
INSERT INTO delivery (id, event_id, webhook_id, app_id, next_at, state, test)
SELECT new_delivery_id(new_id()), new_id(), new_id(), new_id(), now(), 1, false FROM generate_series(1, 12000)"""


def test_at_a_small_scale(tmp_path):
    build_tools(BUILD)
    asked = ["--webhooks", "60", "--deliveries", "4000", "--runs", "1", "--only", VIEWS, "--json", tmp_path / "found.json"]
    out = subprocess.run([sys.executable, AT_SCALE, BUILD, *asked], capture_output=True, text=True, timeout=110, check=False)
    assert out.returncode == 0, out.stdout + out.stderr
    found = json.loads((tmp_path / "found.json").read_text())
    assert set(found["views"]) == set(VIEWS.split(";"))
    assert {"webhook_list", "tally_list_webhooks", "delivery_search", "audit_list"} <= set(found["statements"])
    assert found["statements"]["webhook_list"]["rows"] == 51
    assert len(found["statements"]["webhook_list"]["ms"]) == 2
    assert all(view["bytes"] > 30_000 and view["ms"] > 0 for view in found["views"].values())


def read(postgres, database, *queries):
    """What the log says of them."""
    log = Path(postgres.directory, "log")
    size = log.stat().st_size
    database.query(DELIVERIES)
    explained = type(database)(postgres, database.name)
    explained.url = plans.url(database)
    for query in queries:
        explained.query(query)
    with log.open(encoding="utf-8", errors="replace") as f:
        f.seek(size)
        return plans.statements(f.read())


def test_what_is_read_without_an_index_is_found(postgres, database):
    ask = "PREPARE by_state (int8) AS SELECT count(*) FROM delivery WHERE state = $1; EXECUTE by_state(1)"
    (found,) = (s for s in read(postgres, database, ask).values() if s.read)
    assert (found.read, found.unindexed, found.rows) == (12000, {"delivery": 12000}, 1)
    assert sorted("an index" in fault for fault in found.faults()) == [False, True]


def test_what_is_read_by_an_index_is_bounded(postgres, database):
    ask = "SET enable_seqscan = off; SELECT count(test) FROM delivery WHERE id > '00000000-0000-0000-0000-000000000000'"
    (found,) = (s for s in read(postgres, database, ask).values() if s.read)
    assert (found.read, found.unindexed) == (12000, {})
    assert [fault for fault in found.faults() if "12000 rows" in fault]


def test_a_function_is_looked_into(postgres, database):
    make = """
    CREATE FUNCTION scans() RETURNS int8 LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT count(*) FROM delivery WHERE state = 1); END $$"""
    found = read(postgres, database, make, "SELECT scans()")
    assert any("without an index" in fault for s in found.values() for fault in s.faults())
