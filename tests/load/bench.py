#!/usr/bin/env python3
"""Measures the whole program on loopback: its own PostgreSQL (fsync on) and Redis, one posthorn, one
webhook, a receiver (sink.c) and a load generator (post.c). Everything is bounded in count and time.

    ninja -C build posthorn tests/sink tests/post
    tests/load/bench.py build [--runs 3] [--only single,batch,steady] [--history 0] [--scale 1] [--json FILE]

single, batch  events posted as fast as they are answered, alone or by the hundred; the figure is
               deliveries a second from the first POST until the last attempt is recorded
steady         1,000 events a second; the figures are the milliseconds from a POST being due until
               the receiver has the event, and until its 202
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from harness.postgres import SETTINGS, Cluster, binary
from harness.process import PORTS, end, spawn
from harness.redis import Redis
from harness.server import Posthorn, command, options

TICKS = os.sysconf("SC_CLK_TCK")
PATIENCE_S = 60
PROFILES = {
    "single": {"count": 40000, "connections": 64, "batch": 1, "rate": 0},
    "batch": {"count": 60000, "connections": 4, "batch": 100, "rate": 0},
    "steady": {"count": 8000, "connections": 64, "batch": 1, "rate": 1000},
}
# A server that is meant for work, without checkpoints in the middle of a short run. It keeps its WAL
# files: a server that has run for a while makes no new ones.
SETTINGS.update(
    shared_buffers="1GB", min_wal_size="4GB", max_wal_size="8GB", checkpoint_timeout="30min"
)
WARM_UP = {"count": 40000, "connections": 4, "batch": 100, "rate": 0}

HISTORY = """
WITH e AS (
INSERT INTO event (id, app_id, test, type, data)
SELECT (lpad(to_hex(ms_of(now()) - n / 10), 12, '0') || '70008000' ||
        lpad(to_hex(n), 12, '0'))::uuid,
       '{app}', false, 'order.created', convert_to(repeat('x', 260), 'UTF8')
  FROM generate_series(1, {count}) n
RETURNING id
), d AS (
INSERT INTO delivery (id, event_id, webhook_id, app_id, next_at, completed_at, state, attempts, test)
SELECT id, id, '{webhook}', '{app}', now(), now(), 1, 1, false FROM e
)
INSERT INTO attempt (delivery_id, token, started_at, dns_us, connect_us, tls_us, first_byte_us,
       total_us, number, code, error, body_cut, address, error_text, request_head, response_head,
       response_body)
SELECT id, 1, now(), 0, 0, 0, 500, 600, 1, 200, 0, false, '127.0.0.1:1', '',
       convert_to(repeat('h', 250), 'UTF8'), 'HTTP/1.1 200 OK', 'ok' FROM e;
ANALYZE;
"""


def cpu_ticks(pid, reaped=False):
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        words = f.read().rpartition(")")[2].split()
    return sum(map(int, words[11:15] if reaped else words[11:13]))


def children(pid):
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat", encoding="ascii") as f:
                    if int(f.read().rpartition(")")[2].split()[1]) == pid:
                        yield int(entry)
            except OSError:
                continue


def machine_ticks():
    """Busy ticks of all of the machine: user, nice, system, irq, softirq."""
    with open("/proc/stat", encoding="ascii") as f:
        words = list(map(int, f.readline().split()[1:]))
    return words[0] + words[1] + words[2] + words[5] + words[6]


def memory_mb(pid, what):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        for line in f:
            if line.startswith(what + ":"):
                return int(line.split()[1]) / 1024
    return 0


class NoContract:
    """The answers are not what is tested here."""

    def check(self, *_):
        pass

    def check_request(self, *_):
        pass


def add_history(database, count, path="/hook"):
    """Deliveries that the webhook has had whose URL ends with `path`."""
    ((webhook, app),) = database.query(
        f"SELECT id, app_id FROM webhook WHERE url LIKE '%{path}'"
    )
    done = 0
    while done < count:
        step = min(count - done, 500000)
        sql = HISTORY.format(app=app, webhook=webhook, count=step)
        subprocess.run(
            [binary("psql"), "-Xq", "-v", "ON_ERROR_STOP=1", "-d", database.url, "-c", sql],
            check=True,
            timeout=600,
        )
        done += step


class Bench:
    def __init__(self, build, directory):
        self.build = Path(build)
        self.directory = directory
        os.environ["POSTHORN_BIN"] = str(self.build / "posthorn")
        self.cluster = Cluster().start()
        self.redis = Redis().start()
        self.database = self.cluster.create()
        env = options(self.database, self.redis)
        assert command(env, "migrate").returncode == 0
        self.sink_port = PORTS.take()
        self.sink = spawn([self.build / "tests/sink", self.sink_port])
        self.posthorn = Posthorn(env, directory, NoContract()).start()
        self.prepare()

    def prepare(self):
        admin = self.posthorn.client()
        self.app = admin.post("/apps", {"name": "bench"}).json["id"]
        key = {"name": "bench", "scope": "write", "app_id": self.app}
        self.key = admin.post("/keys", key).json["key"]
        client = admin.with_(key=self.key)
        url = f"http://127.0.0.1:{self.sink_port}/hook"
        webhook = {"url": url, "events": ["*"], "concurrency": 500}
        client.post("/webhooks", webhook)
        time.sleep(1)
        self.idle_mb = memory_mb(self.posthorn.process.pid, "VmRSS")

    def seen(self, path=""):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.sink_port}/{path}", timeout=5) as r:
            return json.load(r)

    def cpu(self):
        postmaster = self.cluster.process.pid
        ticks = cpu_ticks(postmaster, reaped=True)
        for pid in children(postmaster):
            try:
                ticks += cpu_ticks(pid)
            except OSError:
                continue
        return {
            "posthorn": cpu_ticks(self.posthorn.process.pid),
            "postgres": ticks,
            "redis": cpu_ticks(self.redis.process.pid),
            "sink": cpu_ticks(self.sink.pid),
            "post": cpu_ticks(os.getpid(), reaped=True) - cpu_ticks(os.getpid()),
            "machine": machine_ticks(),
        }

    def wait_recorded(self, count):
        deadline = time.monotonic() + PATIENCE_S
        while self.seen()["count"] < count:
            assert time.monotonic() < deadline, f"only {self.seen()['count']} arrived"
            time.sleep(0.02)
        while self.database.query("SELECT 1 FROM delivery WHERE state = 0 LIMIT 1"):
            assert time.monotonic() < deadline, "not all are recorded"
            time.sleep(0.05)

    def run(self, count, connections, batch, rate):
        self.seen("reset")
        began = time.monotonic()
        before = self.cpu()
        arguments = [self.posthorn.port, self.key, count, connections, batch, rate]
        done = subprocess.run(
            [str(a) for a in [self.build / "tests/post", *arguments]],
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        post = json.loads(done.stdout)
        self.wait_recorded(count)
        after = self.cpu()
        wall = time.monotonic() - began
        ended_us = self.database.query(
            f"SELECT us_of(max(completed_at)) FROM delivery"
            f" WHERE id >= id_floor(to_timestamp({post['start_us'] / 1e6}) - interval '1 s')"
        )
        seconds = (int(ended_us[0][0]) - post["start_us"]) / 1e6
        seen = self.seen()
        cpu = {n: (after[n] - before[n]) / TICKS for n in after}
        machine = cpu.pop("machine")
        return {
            "deliveries_per_s": count / seconds,
            "accepts_per_s": count / post["seconds"],
            "receiver_p50_ms": seen["latency"]["p50_ms"],
            "receiver_p99_ms": seen["latency"]["p99_ms"],
            "answer_p50_ms": post["answer"]["p50_ms"],
            "answer_p99_ms": post["answer"]["p99_ms"],
            "duplicates": seen["count"] - count,
            **{f"cpu_us_{n}": s * 1e6 / count for n, s in cpu.items()},
            "cpu_others_cores": (machine - sum(cpu.values())) / wall,
        }

    def close(self):
        self.posthorn.stop()
        end(self.sink, 15, 5)
        self.redis.destroy()
        self.cluster.destroy()


def show(results):
    names = list(results["profiles"])
    print(f"{'median':<22}" + "".join(f"{n:>12}" for n in names))
    for figure in results["profiles"][names[0]]:
        row = [results["profiles"][n][figure] for n in names]
        print(f"{figure:<22}" + "".join(f"{v:>12.2f}" for v in row))
    print(f"idle {results['idle_mb']:.1f} MB, peak {results['peak_mb']:.1f} MB, ", end="")
    print(f"load before {results['load_before']:.2f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", default=",".join(PROFILES))
    parser.add_argument("--history", type=int, default=0, help="deliveries made before")
    parser.add_argument("--scale", type=float, default=1, help="of the counts, for slow builds")
    parser.add_argument("--json", help="write the results to this file")
    asked = parser.parse_args()
    load = os.getloadavg()[0]
    for profile in [WARM_UP, *PROFILES.values()]:
        profile["count"] = int(profile["count"] * asked.scale)
    with tempfile.TemporaryDirectory(prefix="posthorn-bench-") as directory:
        bench = Bench(Path(asked.build).resolve(), directory)
        try:
            add_history(bench.database, asked.history)
            bench.run(**WARM_UP)  # connections, caches, plans, WAL files
            profiles = {}
            for name in asked.only.split(","):
                bench.database.query("CHECKPOINT")
                runs = [bench.run(**PROFILES[name]) for _ in range(asked.runs)]
                profiles[name] = {n: statistics.median(r[n] for r in runs) for n in runs[0]}
            peak = memory_mb(bench.posthorn.process.pid, "VmHWM")
        finally:
            bench.close()
    results = {
        "cores": os.cpu_count(),
        "load_before": load,
        "runs": asked.runs,
        "history": asked.history,
        "idle_mb": bench.idle_mb,
        "peak_mb": peak,
        "profiles": profiles,
    }
    show(results)
    if asked.json:
        Path(asked.json).write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
