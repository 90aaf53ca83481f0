"""What this machine can do at all, each thing with nothing beside it: PostgreSQL the statements of the hot path (pgbench),
libcurl the requests to the receiver (limit_curl.c), h2o the requests of the clients (limit_h2o.c). No service that stands
on the three is faster than the slowest of them; and as they share the processors, not faster than their CPU together."""

import json
import math
import re
import resource
import socket
import subprocess

from harness.postgres import binary
from harness.process import PORTS, end, spawn
from harness.wait import until
from hot_path import SCRIPTS, payload
from meters import TICKS, postgres_ticks, process_ticks
from servers import Trial

CLIENTS = 8
IN_FLIGHT = 256
COUNT_MAX = 1000000
ROWS = 128  # a statement, where nothing has counted how many it was for
ROWS_MAX = 1024


def power_of_two(number):
    """The nearest, so that runs which differ by little have the same limits."""
    return min(2 ** round(math.log2(max(number, 1))), ROWS_MAX)


def mean(sizes):
    """Of those that are known, weighted by the rows; None: none is."""
    known = [size for size in sizes if size]
    return len(known) / sum(1 / size for size in known) if known else None


def by_delivery(limit, fan):
    return {**limit, "per_s": limit["per_s"] * fan, "cpu_us": limit["cpu_us"] / fan}


def answers(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


def run_tool(*arguments):
    """What it prints, and the seconds of CPU that it took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([str(a) for a in arguments], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return json.loads(done.stdout), after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


class Limits:
    """Each is measured once for each kind of work that scenarios have."""

    def __init__(self, stand, seconds):
        self.stand = stand
        self.seconds = seconds
        self.known = {}

    def once(self, measure, *what):
        if (measure.__name__, *what) not in self.known:
            self.known[measure.__name__, *what] = measure(*what)
        return self.known[measure.__name__, *what]

    def of(self, scenario, batches):
        """Those of a scenario, in deliveries a second; where nothing is delivered, in events."""
        load = scenario.load
        size, batch, fan = load.get("size", 300), load.get("batch", 1), scenario.fan
        if not scenario.delivers:
            rows = power_of_two(batches["accept"] or ROWS)
            return {
                "postgres": self.once(self.postgres, "accept", rows, 1, size),
                "h2o": self.once(self.h2o, batch, size),
            }
        rows = power_of_two(mean(batches.values()) or ROWS)
        found = {
            "postgres": self.once(self.postgres, "ledger", rows, fan, size),
            "curl": self.once(self.curl, size, scenario.tls, scenario.receiver.get("close", 0)),
        }
        if scenario.posts_meanwhile:
            found["h2o"] = by_delivery(self.once(self.h2o, batch, size), fan)
        return found

    # --- each of them -----------------------------------------------------------------------------

    def postgres(self, script, rows, fan, size):
        """`rows` deliveries a statement."""
        with Trial(self.stand, workers=0) as trial:
            trial.add_webhooks(fan, lambda number: (["*"], number))
            trial.stop_all()
            trial.session.query(payload(size))
            trial.session.query("VACUUM ANALYZE payload, webhook")
            path = f"{self.stand.directory}/{script}.sql"
            with open(path, "w", encoding="ascii") as f:
                f.write(SCRIPTS[script])
            events = max(rows // fan, 1)
            if self.seconds >= 1:  # else only whether it works is asked
                self.pgbench(trial, path, events, fan, max(self.seconds / 4, 0.5))
            trial.session.query("CHECKPOINT")
            before = postgres_ticks(self.stand.cluster)
            transactions, tps = self.pgbench(trial, path, events, fan, self.seconds)
            cpu_s = (postgres_ticks(self.stand.cluster) - before) / TICKS
        deliveries = events * fan
        return {
            "per_s": tps * deliveries,
            "cpu_us": cpu_s * 1e6 / max(transactions * deliveries, 1),
            "what": f"{script}, {deliveries} deliveries a statement",
        }

    @staticmethod
    def pgbench(trial, path, events, fan, seconds):
        arguments = [binary("pgbench"), "-n", "-M", "prepared", "-c", CLIENTS, "-j", 2, "-T", max(round(seconds), 1)]
        arguments += ["-D", f"events={events}", "-D", f"fan={fan}", "-f", path, trial.database.url]
        done = subprocess.run([str(a) for a in arguments], capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0 and "aborted" not in done.stderr, done.stderr
        transactions = int(re.search(r"transactions actually processed: (\d+)", done.stdout)[1])
        return transactions, float(re.search(r"tps = ([\d.]+)", done.stdout)[1])

    def curl(self, size, tls, closes):
        sink = self.stand.sink(tls)
        sink.expect(close=closes)
        authority = [self.stand.authority.file] if tls else []

        def post(count):
            done, cpu_s = run_tool(
                self.stand.build / "tests/limit_curl", sink.url(0), count, IN_FLIGHT, size, *authority
            )
            return done["seconds"], cpu_s

        found = self.long_enough(post)
        sink.expect()
        return {**found, "what": f"{IN_FLIGHT} at a time"}

    def h2o(self, batch, size):
        port = PORTS.take()
        server = spawn([self.stand.build / "tests/limit_h2o", port])
        connections = 64 if batch == 1 else 4
        options = [f"--size={size}", port, "none"]

        def post(count):
            before = process_ticks(server.pid)
            done, _ = run_tool(self.stand.build / "tests/post", *options, count, connections, batch, 0)
            return done["seconds"], (process_ticks(server.pid) - before) / TICKS

        try:
            until(lambda: answers(port), 10, "h2o to start")
            return {**self.long_enough(post), "what": f"{connections} clients"}
        finally:
            end(server, 15, 5)

    def long_enough(self, post):
        """More and more at once, until it takes long enough to be measured; closed connections use up ports."""
        count = 500
        while True:
            count *= 4
            seconds, cpu_s = post(count)
            if seconds >= self.seconds / 4 or count >= COUNT_MAX:
                return {"per_s": count / seconds, "cpu_us": cpu_s * 1e6 / count}
