"""What a run cost: CPU by process, memory, statements, WAL, Redis's commands."""

import os
import re
import subprocess
import time

from harness.postgres import binary

TICKS = os.sysconf("SC_CLK_TCK")
WALDUMP_MAX = 4 << 30  # bytes of WAL that are looked through
KINDS = ("api", "worker", "postgres", "redis", "load", "sink")
SERVERS = ("api", "worker", "postgres", "redis")  # whose work a delivery is

# How many statements of each kind of the hot path there were: what it writes is of no other.
BATCHES = {"accept": "insert into event ", "claim": "insert into lease ", "finish": "sent_number = "}

STATEMENTS = """
SELECT calls, rows, total_exec_time, wal_bytes, substring(query FROM '{kinds}'), left(query, 300)
  FROM pg_stat_statements
 WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) AND query NOT LIKE '%/*bench*/%'
 ORDER BY total_exec_time DESC"""


def ticks(path, reaped=False):
    with open(path, encoding="ascii", errors="replace") as f:
        words = f.read().rpartition(")")[2].split()
    return sum(map(int, words[11:15] if reaped else words[11:13]))


def process_ticks(pid, reaped=False):
    try:
        return ticks(f"/proc/{pid}/stat", reaped)
    except OSError:
        return 0


def postgres_ticks(cluster):
    """The postmaster's own, of children that have ended, and of those that run."""
    return process_ticks(cluster.process.pid, True) + sum(map(process_ticks, cluster.children()))


def posthorn_ticks(process):
    """By role. Of a process that does everything, threads are told apart by the order in which it starts them: its
    first, the worker's, the API's."""
    if process.role:
        return {process.role: process_ticks(process.process.pid)}
    folder = f"/proc/{process.process.pid}/task"
    threads = sorted(map(int, os.listdir(folder)))
    workers = int(process.env["POSTHORN_WORKER_THREADS"])
    found = {"api": 0, "worker": 0}
    for number, thread in enumerate(threads):
        kind = "worker" if 1 <= number <= workers else "api"
        found[kind] += process_ticks(f"{process.process.pid}/task/{thread}")
    return found


def machine_ticks():
    """Of all processors: user, nice, system, irq, softirq; and what another machine took of them."""
    with open("/proc/stat", encoding="ascii") as f:
        words = list(map(int, f.readline().split()[1:]))
    return words[0] + words[1] + words[2] + words[5] + words[6], words[7]


def memory_mb(pid, what):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        for line in f:
            if line.startswith(what + ":"):
                return int(line.split()[1]) / 1024
    return 0


def forget_peak(pid):
    try:
        with open(f"/proc/{pid}/clear_refs", "w", encoding="ascii") as f:
            f.write("5")
    except OSError:
        pass  # another user's: then the peak is that of its life


def idle_mb(trial):
    return sum(memory_mb(p.process.pid, "VmRSS") for p in trial.processes)


def redis_calls(redis):
    """All commands, those of scripts too; and the scripts."""
    text = redis.command("INFO", "commandstats", text=True)
    calls = {name: int(n) for name, n in re.findall(r"cmdstat_([^:]+):calls=(\d+)", text)}
    return {"all": sum(calls.values()), "scripts": calls.get("evalsha", 0) + calls.get("eval", 0)}


def wal_bytes(trial, start, stop):
    """All, and of them the images of whole pages (None: there was too much to look through)."""
    ((count,),) = trial.session.query(f"SELECT pg_wal_lsn_diff('{stop}', '{start}')::int8")
    if int(count) > WALDUMP_MAX:
        return int(count), None
    folder = f"{trial.stand.cluster.directory}/data/pg_wal"
    done = subprocess.run(
        [binary("pg_waldump"), "--stats", "-p", folder, "-s", start, "-e", stop],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    total = re.search(r"^Total\s+\d+\s+\d+ \[\S+\]\s+(\d+) \[", done.stdout, re.M)
    return int(count), int(total[1]) if total else None


class Meter:
    """From its making to end()."""

    def __init__(self, trial):
        self.trial = trial
        self.session = trial.session
        if trial.stand.counts_statements:
            self.session.query("SELECT pg_stat_statements_reset()")
        for process in trial.processes:
            forget_peak(process.process.pid)
        self.session.query("CHECKPOINT")
        self.transactions = self.read_transactions()
        self.lsn = self.read_lsn()
        self.redis = redis_calls(trial.stand.redis)
        self.cpu = self.read_cpu()
        self.machine = machine_ticks()
        self.began = time.monotonic()

    def read_cpu(self):
        stand = self.trial.stand
        found = dict.fromkeys(KINDS, 0)
        for process in self.trial.processes:
            for kind, count in posthorn_ticks(process).items():
                found[kind] += count
        found["postgres"] = postgres_ticks(stand.cluster)
        found["redis"] = process_ticks(stand.redis.process.pid)
        found["sink"] = process_ticks(self.trial.sink.process.pid)
        return found

    def read_lsn(self):
        return self.session.query("SELECT pg_current_wal_insert_lsn()")[0][0]

    def read_transactions(self):
        sql = "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()"
        return int(self.session.query(sql)[0][0])

    def read_statements(self):
        if not self.trial.stand.counts_statements:
            return None
        names = ("calls", "rows", "ms", "wal_bytes", "kind", "query")
        types = (int, int, float, int, str, str)
        rows = self.session.query(STATEMENTS.format(kinds="|".join(BATCHES.values())))
        return [dict(zip(names, (make(v) for make, v in zip(types, row)))) for row in rows]

    def end(self, deliveries, load_cpu_s):
        """Everything by the delivery, but for the memory and what others took of the processors."""
        seconds = time.monotonic() - self.began
        busy, stolen = (now - before for now, before in zip(machine_ticks(), self.machine))
        cpu = self.read_cpu()
        statements = self.read_statements()
        redis = redis_calls(self.trial.stand.redis)
        lsn = self.read_lsn()
        transactions = self.read_transactions() - self.transactions
        self.session.query("SELECT txid_current()")  # its commit puts all WAL before it on disk
        wal, images = wal_bytes(self.trial, self.lsn, lsn)
        spent = {kind: (cpu[kind] - self.cpu[kind]) / TICKS for kind in KINDS}
        spent["load"] = load_cpu_s
        calls = sum(s["calls"] for s in statements) if statements is not None else transactions
        return {
            "cpu_us": {kind: s * 1e6 / deliveries for kind, s in spent.items()},
            "cpu_us_servers": sum(spent[kind] for kind in SERVERS) * 1e6 / deliveries,
            "others_cores": (busy / TICKS - sum(spent.values())) / seconds,
            "stolen_cores": stolen / TICKS / seconds,
            "peak_mb": sum(memory_mb(p.process.pid, "VmHWM") for p in self.trial.processes),
            "statements": calls / deliveries,
            "statements_by": "pg_stat_statements" if statements is not None else "transactions",
            "batches": batches(statements, deliveries),
            "slowest_statements": (statements or [])[:8],
            "wal_bytes": wal / deliveries,
            "wal_image_bytes": None if images is None else images / deliveries,
            "redis_commands": (redis["all"] - self.redis["all"]) / deliveries,
            "redis_scripts": (redis["scripts"] - self.redis["scripts"]) / deliveries,
        }


def batches(statements, deliveries):
    """How many deliveries a statement of each kind was for."""
    found = {}
    for kind, text in BATCHES.items():
        calls = sum(s["calls"] for s in statements or [] if s["kind"] == text)
        found[kind] = deliveries / calls if calls else None
    return found
