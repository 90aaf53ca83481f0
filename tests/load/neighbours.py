#!/usr/bin/env python3
"""Measures what one app feels of another: a PostgreSQL (fsync on) and a Redis of its own, an API and
workers in processes of their own, a receiver (sink.c) and load generators (post.c), all on loopback.

    ninja -C build posthorn tests/sink tests/post
    tests/load/neighbours.py build [--only backlog,hanging,…] [--scale 1] [--workers 2]

A quiet app posts 100 events a second for 20 s; the figures are the milliseconds from a POST being due
until the receiver has the event: of five windows of 4 s the p50 and p99 in the middle, since a virtual machine
stands still now and then for longer than all that is measured. That is done twice on the same servers, without its
neighbour and with:

backlog  200,000 of the neighbour's deliveries wait for one webhook that never answers
hanging  20 of its webhooks never answer, and 2,000 deliveries wait for each
direct   Redis is stopped, also in the run without, and 30,000 of its deliveries are due
replay   a million of its deliveries are sent again
bytes    it posts 300 events of a MiB to a webhook that never answers
lists    16 of its clients list its two million deliveries by a type that there is not
fanout   it has 3,000 webhooks and posts batches of 1,000 events
numbers  it posts a MiB of numbers a second to 100 webhooks that want them in another form
tests    200 of its clients test a webhook that never answers
keyless  300 connections keep bodies of a MiB open, and 1,000 guess keys, a guess a second each
names    it has 600 webhooks below a zone that nobody answers for; the quiet app's has a name too (as root)
flat     150,000 of its deliveries are due to webhooks that answer at once
loops    no app, but four loops of a shell: what any program feels where the processors are taken
writes   no app, but another client of the same PostgreSQL that commits a MiB of WAL a second

Prints a table for tests/README.md. Servers are new for each line; everything is bounded in count and time.
"""

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import attackers
from harness.names import Names
from harness.postgres import Cluster, binary
from harness.process import PORTS, end, spawn
from harness.redis import Redis
from harness.server import Posthorn, command, options
from harness.wait import until
from history import add_history
from meters import TICKS, machine_ticks
from servers import NoContract
from table import QUIET_CORES

RATE, SECONDS, WINDOWS = 100, 4, 5
WARM_UP = 1000
PATIENCE_S = 60
SETTLE_S = 3
HANG = {"timeout_ms": 30000, "concurrency": 100}
OTHER_FORM = {"profile": "standard-webhooks", "profile_options": {"json": "python"}}
HEAD = """\
| the neighbour | waiting before | after | without: p50 | p99 | with: p50 | p99 | p99 is |
|---|---|---|---|---|---|---|---|"""


def middle(percentile, windows):
    """Of a window in which nothing came it is later than all others."""
    return statistics.median(w.get(percentile, math.inf) for w in windows)


class App:
    """A tenant and its key."""

    def __init__(self, stand, name):
        self.stand = stand
        admin = stand.api.client()
        self.id = admin.post("/apps", {"name": name}).json["id"]
        key = {"name": name, "scope": "write", "app_id": self.id}
        self.key = admin.post("/keys", key).json["key"]
        self.client = admin.with_(key=self.key)

    def webhook(self, path, host="127.0.0.1", **more):
        body = {"url": f"http://{host}:{self.stand.sink_port}{path}", "events": ["*"], **more}
        return self.client.post("/webhooks", body).json

    def post(self, count, connections=4, batch=100, rate=0):
        """What was refused is not an error here: the figures tell."""
        arguments = [self.stand.api.port, self.key, count, connections, batch, rate]
        done = subprocess.run(
            [str(a) for a in [self.stand.build / "tests/post", *arguments]],
            capture_output=True,
            text=True,
            timeout=PATIENCE_S * 5,
            check=False,
        )
        assert done.stdout, done.stderr
        return json.loads(done.stdout)


class Stand:
    """The servers, with a quiet app, whose receiver is at `host`, and its neighbour."""

    def __init__(self, build, directory, workers, ends, host="127.0.0.1"):
        self.build = build
        self.ends = ends
        self.cluster = self.opened(Cluster().start(), Cluster.destroy)
        self.redis = self.opened(Redis().start(), Redis.destroy)
        self.database = self.cluster.create()
        env = options(self.database, self.redis)
        assert command(env, "migrate").returncode == 0
        self.sink_port = PORTS.take()
        self.opened(spawn([build / "tests/sink", self.sink_port]), lambda p: end(p, 15, 5))
        self.api = self.serve(env, directory, "api")
        self.workers = [self.serve(env, directory, "worker", i) for i in range(workers)]
        self.neighbour, self.quiet = App(self, "neighbour"), App(self, "quiet")
        self.quiet.webhook("/hook", host)

    def opened(self, it, close):
        self.ends.callback(close, it)
        return it

    def serve(self, env, directory, role, number=0):
        return self.opened(
            Posthorn(env, directory, NoContract(), role, f"{role}-{number}").start(), Posthorn.kill
        )

    def seen(self, path=""):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.sink_port}/{path}", timeout=5) as r:
            return json.load(r)

    def waiting(self):
        return int(self.database.query("SELECT count(*) FROM delivery WHERE state = 0")[0][0])

    def window(self, count=RATE * SECONDS):
        """What sink says of the milliseconds from a POST until its event arrives, and how many did not."""
        self.seen("reset")
        refused = self.quiet.post(count, connections=64, batch=1, rate=RATE)["refused"]
        deadline = time.monotonic() + PATIENCE_S
        while self.seen()["count"] < count - refused and time.monotonic() < deadline:
            time.sleep(0.1)
        seen = self.seen()
        return {**seen["latency"], "missing": count - seen["count"]}

    def measure(self):
        began, (_, stolen) = time.monotonic(), machine_ticks()
        windows = [self.window() for _ in range(WINDOWS)]
        cores = (machine_ticks()[1] - stolen) / TICKS / (time.monotonic() - began)
        missing = sum(w["missing"] for w in windows)
        return {**{p: middle(p, windows) for p in ("p50_ms", "p99_ms")}, "missing": missing, "stolen_cores": cores}

    def warm_up(self):
        self.quiet.post(WARM_UP)
        until(lambda: self.seen()["count"] >= WARM_UP, PATIENCE_S, "the first events")


# What the neighbour does: prepare(stand, count), before the run without it; disturb(stand, count), before
# the run with it.


def nothing(_stand, _count):
    pass


def hanging(webhooks):
    def disturb(stand, count):
        for n in range(webhooks):
            stand.neighbour.webhook(f"/hang/{n}", **HANG)
        stand.neighbour.post(count // webhooks)

    return disturb


def without_redis(stand, _count):
    stand.redis.stop()
    for worker in stand.workers:
        until(lambda w=worker: "direct_mode" in w.log(), 20, "direct mode")


def due(stand, count):
    stand.neighbour.webhook("/other")
    stand.neighbour.post(count)


def history(stand, count):
    stand.replayed = stand.neighbour.webhook("/other")
    add_history(stand.database, count, "/other")


def replay(stand, _count):
    """In as many calls as it takes, while the quiet app is measured."""
    path = f"/webhooks/{stand.replayed['id']}/replay"
    body = {"since": "2000-01-01T00:00:00Z", "status": "delivered"}

    def call():
        while not stand.ending.is_set():
            answer = stand.neighbour.client.post(path, body, expect=None)
            if answer.status == 503:
                stand.ending.wait(1)
            elif answer.status != 202 or answer.json.get("matched", 0) <= answer.json.get("done", 0):
                return

    stand.ending = threading.Event()
    thread = threading.Thread(target=call)
    thread.start()
    stand.opened(thread, lambda t: (stand.ending.set(), t.join()))


def attacked(function, *arguments):
    """`arguments` behind the API's port and the neighbour's key."""

    def disturb(stand, count):
        more = [a(stand, count) if callable(a) else a for a in arguments]
        process = attackers.attack(function, stand.api.port, stand.neighbour.key, *more)
        stand.opened(process, attackers.finish)

    return disturb


def many_webhooks(path, **more):
    def prepare(stand, count):
        for _ in range(count):
            stand.neighbour.webhook(path, **more)

    return prepare


def list_paths(stand, _count):
    webhook = f"/v1/webhooks/{stand.replayed['id']}/deliveries"
    return [f"{webhook}?event_type=rare.{n}" for n in range(16)]


def one_that_hangs(stand, _count):
    return stand.neighbour.webhook("/hang/0", **HANG)["id"]


def large_to_one_that_hangs(stand, count):
    stand.neighbour.webhook("/hang/0", timeout_ms=30000, concurrency=1000)
    attacked(attackers.large_events, count // (SECONDS * WINDOWS))(stand, count)


def silent_names(stand, count):
    for n in range(count):
        stand.neighbour.webhook("/other", f"h{n}.silent.test", retry_schedule=[1] * 10)
    stand.neighbour.post(20, 1, 20)


def flat(stand, count):
    for _ in range(2):
        stand.neighbour.webhook("/other", concurrency=512)
    stand.neighbour.post(count // 2)


def loops(stand, count):
    for _ in range(count):
        stand.opened(spawn(["/bin/sh", "-c", "while :; do :; done"]), lambda p: end(p, 9, 5))


def writes(stand, count):
    """`count` MiB a second."""
    message = f"PERFORM pg_logical_emit_message(true, 'other', repeat('x', {count << 20}))"
    again = f"DO $$ BEGIN LOOP {message}; COMMIT; PERFORM pg_sleep(1); END LOOP; END $$"
    process = spawn([binary("psql"), "-Xq", "-d", stand.database.url, "-c", again])
    stand.opened(process, lambda p: end(p, 15, 5))


NAMED = {"names"}  # scenes in which names are looked up

SCENES = {
    "backlog": (200000, "{} waiting for a webhook that hangs", nothing, hanging(1)),
    "hanging": (40000, "20 webhooks that hang, {} waiting", nothing, hanging(20)),
    "direct": (30000, "{} due in direct mode", without_redis, due),
    "replay": (1000000, "a replay of {}", history, replay),
    "bytes": (300, "{} events of a MiB to a webhook that hangs", nothing, large_to_one_that_hangs),
    "lists": (2000000, "16 lists of {} deliveries", history, attacked(attackers.lists, list_paths)),
    "fanout": (3000, "batches of 1,000 events to {} webhooks", many_webhooks("/other"), attacked(attackers.batches)),
    "numbers": (100, "a MiB of numbers to {} webhooks", many_webhooks("/other", **OTHER_FORM), attacked(attackers.numbers)),
    "tests": (200, "{} tests of a webhook that hangs", nothing, attacked(attackers.tests, one_that_hangs, lambda _s, n: n)),
    "keyless": (1000, "{} guessers, 300 bodies without a key", nothing, attacked(attackers.keyless, 300, lambda _s, n: n)),
    "names": (600, "{} webhooks below a silent zone", nothing, silent_names),
    "flat": (150000, "{} due to webhooks that answer at once", nothing, flat),
    "writes": (1, "{} MiB of another's WAL, and no app", nothing, writes),
    "loops": (4, "{} loops of a shell, and no app", nothing, loops),
}


def run(name, asked, build):
    count, text, prepare, disturb = SCENES[name]
    count = int(count * asked.scale)
    with tempfile.TemporaryDirectory(prefix="posthorn-neighbours-") as directory, ExitStack() as ends:
        program, host = build / "posthorn", "127.0.0.1"
        if name in NAMED:
            names = Names()
            ends.callback(names.close)
            program, host = names.program(directory, program), "quiet.ok.test"
        os.environ["POSTHORN_BIN"] = str(program)
        stand = Stand(build, directory, asked.workers, ends, host)
        prepare(stand, count)
        stand.warm_up()
        without = stand.measure()
        disturb(stand, count)
        time.sleep(SETTLE_S)
        before = stand.waiting()
        with_ = stand.measure()
        after = stand.waiting()
    return {
        "text": text.format(f"{count:,}"),
        "waiting": [before, after],
        "without": without,
        "with": with_,
    }


def p99(side):
    """Of what arrived; what did not is later than all of it."""
    return side["p99_ms"] if side["missing"] == 0 else math.inf


def ratio(result):
    return p99(result["with"]) / p99(result["without"])


def tell_stolen(name, result):
    stolen = [result[side]["stolen_cores"] for side in ("without", "with")]
    if max(stolen) > QUIET_CORES:
        print(f"{name}: {stolen[0]:.1f} and {stolen[1]:.1f} processors were another machine's", file=sys.stderr)


def row(result):
    sides = result["without"], result["with"]
    cells = [result["text"], *(f"{n:,}" for n in result["waiting"])]
    for side in sides:
        cells += [f"{side[p]:.1f}" for p in ("p50_ms", "p99_ms")]
        if side["missing"]:
            cells[-1] += f", without {side['missing']} that did not come"
    return "| " + " | ".join([*cells, f"× {ratio(result):.1f}"]) + " |"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build")
    parser.add_argument("--only", default=",".join(SCENES))
    parser.add_argument("--scale", type=float, default=1, help="of the neighbour's counts")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--json", help="write the results to this file")
    asked = parser.parse_args()
    build = Path(asked.build).resolve()
    print(f"{os.cpu_count()} cores, load before {os.getloadavg()[0]:.2f}", file=sys.stderr)
    print(HEAD)
    results = {}
    for name in asked.only.split(","):
        results[name] = run(name, asked, build)
        print(row(results[name]), flush=True)
        tell_stolen(name, results[name])
    if asked.json:
        Path(asked.json).write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    return any(ratio(r) > 2 for r in results.values())


if __name__ == "__main__":
    sys.exit(main())
