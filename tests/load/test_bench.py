"""The benchmark as a test: not how fast anything is, but that it runs, finds everything delivered exactly once, and says
what it is to say; and that its checks find what is not so."""

import copy
import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from harness.process import PORTS, end, spawn
from harness.server import binary
from harness.tenant import Tenant
from harness.wait import until
from load.build import build_tools
from load.checks import accept_faults, delivery_faults
from load.ledger import read_ledger

BENCH = Path(__file__).with_name("bench.py")
HOOKS = 2
POST = {"posted": 100, "refused": 10, "refusals": [[40, 10]]}
SEEN = {"arrived": 180, "duplicates": 0, "strays": 0, "refused": 7, "missing": [[0, 40, 10], [1, 40, 10]]}
LEDGER = {
    "events": 90,
    "numbers": 90,
    "last_number": 99,
    "deliveries": 180,
    "distinct_deliveries": 180,
    "pending": 0,
    "delivered": 180,
    "successes": 180,
    "delivered_once": 180,
    "failures": 7,
}


BUILD = Path(binary()).parent


@pytest.fixture(scope="module")
def tools():
    build_tools(BUILD)
    return BUILD / "tests"


# --- the checks -----------------------------------------------------------------------------------


def test_what_is_right_is_not_reported():
    assert delivery_faults(POST, SEEN, LEDGER, HOOKS) == []
    waiting = {**LEDGER, "pending": 180, "delivered": 0}
    assert accept_faults(POST, {**SEEN, "arrived": 0}, waiting, HOOKS) == []


@pytest.mark.parametrize("name", [name for name in LEDGER if name not in ("pending", "last_number")])
@pytest.mark.parametrize("step", [-1, 1])
def test_one_too_few_or_too_many_in_the_ledger_is_reported(name, step):
    assert delivery_faults(POST, SEEN, {**LEDGER, name: LEDGER[name] + step}, HOOKS)


@pytest.mark.parametrize("name", ["events", "numbers", "distinct_deliveries", "pending"])
def test_one_that_does_not_wait_is_reported(name):
    waiting = {**LEDGER, "pending": 180, "delivered": 0}
    waiting[name] -= 1
    assert accept_faults(POST, {**SEEN, "arrived": 0}, waiting, HOOKS)


def test_an_arrival_where_nobody_delivers_is_reported():
    assert accept_faults(POST, SEEN, {**LEDGER, "pending": 180, "delivered": 0}, HOOKS)


def test_an_event_that_nobody_posted_is_reported():
    assert delivery_faults(POST, SEEN, {**LEDGER, "last_number": 100}, HOOKS)


@pytest.mark.parametrize("name", ["duplicates", "strays", "refused"])
def test_a_request_too_many_is_reported(name):
    assert delivery_faults(POST, {**SEEN, name: SEEN[name] + 1}, LEDGER, HOOKS)


def test_a_missing_event_is_named_even_if_the_counts_are_right():
    seen = copy.deepcopy(SEEN)
    seen["missing"] = [[0, 40, 9], [1, 40, 11]]  # the refused number 49 came to hook 0, the accepted 50 not to hook 1
    assert delivery_faults(POST, seen, LEDGER, HOOKS) == [
        "at hook 1, 1 accepted events did not arrive, the first is number 50"
    ]


# --- what they are told ---------------------------------------------------------------------------


@pytest.fixture
def sink(tools):
    port = PORTS.take()
    process = spawn([tools / "sink", port])

    def ask(path, body=None):
        try:
            request = urllib.request.Request(f"http://127.0.0.1:{port}/{path}", data=body)
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.read()
        except urllib.error.HTTPError as e:
            return e.code

    def answers():
        try:
            return ask("count")
        except OSError:
            return False

    until(answers, 10, "the receiver to start")
    yield ask
    end(process, 15, 5)


def event(number, run=3):
    return b'{"data":{"run":%d,"number":%d,"at":1}}' % (run, number)


def test_the_receiver_knows_what_came_twice_and_what_did_not(sink):
    sink("reset?run=3&events=10&hooks=2")
    for hook, number in [(h, n) for h in (0, 1) for n in range(10)]:
        if (hook, number) not in [(0, 4), (1, 8), (1, 9)]:
            sink(f"hook/{hook}", event(number))
    sink("hook/1", event(5))
    sink("hook/0", event(0, run=2))
    sink("hook/2", event(0))
    sink("hook/0", event(10))
    seen = json.loads(sink(""))
    assert seen["missing"] == [[0, 4, 1], [1, 8, 2]]
    assert (seen["arrived"], seen["duplicates"], seen["strays"], seen["count"]) == (17, 1, 3, 18)


def test_the_receiver_refuses_so_many_once(sink):
    sink("reset?run=3&events=100&hooks=1&fail_percent=20")
    answers = [sink("hook/0", event(n)) for n in range(100)]
    assert answers.count(500) == 20
    again = [sink("hook/0", event(n)) for n, answer in enumerate(answers) if answer == 500]
    assert set(again) == {b"ok"}
    seen = json.loads(sink(""))
    assert (seen["arrived"], seen["refused"], seen["duplicates"], seen["missing"]) == (100, 20, 0, [])


def test_what_the_ledger_has_lost_is_reported(start, database, receiver):
    api = Tenant(start().client()).write
    webhook = api.webhook(receiver.url("/hook"))
    events = b",".join(b'{"type":"a",' + event(number)[1:] for number in range(5))
    start_us = int(time.time() * 1e6)
    api.post("/events/batch", b'{"events":[' + events + b"]}", expect=202)
    until(lambda: len(api.deliveries(webhook, status="delivered")) == 5, 10, "all to be delivered")
    post = {"posted": 5, "refused": 0, "refusals": []}
    seen = {"arrived": 5, "duplicates": 0, "strays": 0, "refused": 0, "missing": []}
    assert delivery_faults(post, seen, read_ledger(database, 3, start_us), 1) == []

    database.query("DELETE FROM delivery WHERE id = (SELECT id FROM delivery LIMIT 1)")
    assert "the ledger has 4 deliveries of 5" in delivery_faults(post, seen, read_ledger(database, 3, start_us), 1)
    database.query("DELETE FROM event WHERE id = (SELECT id FROM event LIMIT 1)")
    faults = delivery_faults(post, seen, read_ledger(database, 3, start_us), 1)
    assert "the ledger has 4 events of 5 that were accepted" in faults


# --- the whole ------------------------------------------------------------------------------------

SHARES = {"of_bound", "of_together", "bound_per_s", "together_per_s", "limits"}
FIGURES = {
    "events", "deliveries", "accepts_per_s", "accept", "arrival", "cpu_us", "cpu_us_servers", "peak_mb", "idle_mb",
    "statements", "batches", "wal_bytes", "wal_image_bytes", "redis_commands", "checked", "faults",
}  # fmt: skip


@pytest.mark.timeout(300)
def test_the_benchmark_runs_and_finds_everything_right(tools, tmp_path):
    """At a tenth: the system counts CPU in hundredths of a second, and a thousand events in batches need less."""
    out = tmp_path / "results.json"
    scenarios = "failing,accept_batches"
    done = subprocess.run(
        [sys.executable, BENCH, BUILD, "--only", scenarios, "--scale", "0.1", "--limit-seconds", "0.5",
         "--json", out],
        capture_output=True, text=True, timeout=280, check=False)  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(out.read_text())["scenarios"]
    assert list(found) == scenarios.split(",")
    for name, result in found.items():
        assert FIGURES | SHARES <= set(result), name
        assert result["faults"] == []
        assert result["events"] + result["checked"]["refused"] == {"failing": 2000, "accept_batches": 10000}[name]
        assert f"| {name} |" in done.stdout
        assert {"p50_ms", "p90_ms", "p99_ms", "p999_ms"} <= set(result["accept"])
        for figure in ("cpu_us_servers", "peak_mb", "wal_bytes"):
            assert result[figure] > 0, (name, figure)
    assert found["failing"]["checked"]["seen"]["refused"] > 0
    assert found["failing"]["deliveries_per_s"] > 0
    assert set(found["failing"]["limits"]) == {"postgres", "curl", "h2o"}
