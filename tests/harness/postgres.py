"""A PostgreSQL cluster of our own: temporary folder, loopback."""

import contextlib
import glob
import itertools
import os
import shutil
import signal
import subprocess
import time

from harness.process import PORTS, end, short_directory, spawn, unprivileged
from harness.wait import until

USER = "posthorn"
END = "that was all"
SETTINGS = {
    "fsync": "on",
    "listen_addresses": "127.0.0.1",
    "logging_collector": "off",
    "max_connections": "100",
    "max_wal_size": "256MB",
    "shared_buffers": "64MB",
}

# Row counts of all tables that are not partitions, whatever the schema is. Not of those to which a process adds rows by
# itself, seconds after the request that it answered: a retry of an earlier test's webhook, its counts, issue and notice.
COUNTS = """
SELECT c.relname, (xpath('/row/n/text()', query_to_xml(format('SELECT count(*) AS n FROM %s',
       c.oid::regclass), false, true, '')))[1]::text
  FROM pg_class c JOIN pg_namespace s ON s.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
   AND c.relname NOT IN ('attempt', 'issue', 'lease', 'notice', 'tally')
   AND s.nspname NOT IN ('pg_catalog', 'information_schema')
 ORDER BY 1"""


def binary(name):
    found = sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"))
    path = found[-1] if found else shutil.which(name)
    assert path, f"{name} is not installed"
    return path


class Session:
    """One connection to a database, for many questions, or for a transaction: a process for each would be felt on a
    small machine."""

    def __init__(self, database):
        self.process = subprocess.Popen(
            [binary("psql"), "-XAtq", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-d", database.url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def query(self, sql):
        """Rows as lists of text."""
        self.process.stdin.write(f"{sql};\n\\echo {END}\n")
        self.process.stdin.flush()
        rows = []
        while (line := self.process.stdout.readline()) != f"{END}\n":
            assert line, f"PostgreSQL did not take: {sql}"
            rows.append(line.rstrip("\n").split("\t"))
        return rows

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=30)


class Database:
    def __init__(self, cluster, name):
        self.cluster = cluster
        self.name = name
        self.url = f"postgresql://{USER}@127.0.0.1:{cluster.port}/{name}"

    def query(self, sql):
        """Rows as lists of text."""
        out = subprocess.run(
            [
                binary("psql"),
                "-XAtq",
                "-F",
                "\t",
                "-v",
                "ON_ERROR_STOP=1",
                "-d",
                self.url,
                "-c",
                sql,
            ],
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert out.returncode == 0, out.stderr
        return [line.split("\t") for line in out.stdout.splitlines()]

    @contextlib.contextmanager
    def holding(self, sql, seconds=0):
        """A foreign session that has run `sql` in a transaction, and commits at the end of the block, but not
        before so many seconds have passed."""
        session = subprocess.Popen(
            [binary("psql"), "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", self.url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            session.stdin.write(f"BEGIN;\n{sql};\n\\echo held\n")
            session.stdin.flush()
            while (line := session.stdout.readline()) != "held\n":
                assert line, f"PostgreSQL did not take: {sql}"
            held = time.monotonic()
            yield
            time.sleep(max(0, held + seconds - time.monotonic()))
            session.stdin.write("COMMIT;\n")
        finally:
            session.communicate(timeout=30)

    def counts(self):
        return {name: int(n) for name, n in self.query(COUNTS)}

    def dump(self):
        """Everything that is stored, as text (bytea in hex and, decoded, appended)."""
        out = subprocess.run(
            [binary("pg_dump"), "--data-only", "--inserts", "-d", self.url],
            capture_output=True,
            timeout=60,
        )
        assert out.returncode == 0, out.stderr
        return out.stdout


def runs(pid):
    """Whether there is such a process that has not ended (one that nobody waits for stays as Z)."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as f:
            return f.read().rpartition(")")[2].split()[0] not in "ZX"
    return False


class Cluster:
    """In a folder of its own, or in this one, which is empty; its server gets `env`. `of`: it is a copy of this
    cluster, and follows it."""

    def __init__(self, directory=None, env=None, of=None):
        self.directory = directory or short_directory()
        self.env = env
        self.port = PORTS.take()
        self.process = None
        self.names = (f"test_{i}" for i in itertools.count(1))
        data = ["-D", f"{self.directory}/data", "-U", USER]
        made = [binary("initdb"), *data, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
        if of is not None:
            source = ["-h", "127.0.0.1", "-p", str(of.port), "-R", "-X", "stream", "-c", "fast", "--no-sync"]
            made = [binary("pg_basebackup"), *data, *source]
        subprocess.run(made, check=True, stdout=subprocess.DEVNULL, cwd="/", **unprivileged())

    def start(self):
        arguments = [
            binary("postgres"),
            "-D",
            f"{self.directory}/data",
            "-k",
            self.directory,
            "-p",
            self.port,
        ]
        for name, value in SETTINGS.items():
            arguments += ["-c", f"{name}={value}"]
        with open(f"{self.directory}/log", "ab") as log:
            self.process = spawn(
                arguments, death=signal.SIGINT, stdout=log, stderr=log, cwd="/", env=self.env, **unprivileged()
            )
        until(self.answers, 30, lambda: f"PostgreSQL to start: {self.log()}")
        return self

    def answers(self):
        assert self.process.poll() is None, f"PostgreSQL ended: {self.log()}"
        out = subprocess.run([binary("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)])
        return out.returncode == 0

    def log(self):
        with open(f"{self.directory}/log", encoding="utf-8", errors="replace") as f:
            return f.read()[-4000:]

    def stop(self, how=signal.SIGINT):
        """SIGINT is a fast shutdown, SIGQUIT an immediate one (as after a crash); SIGKILL leaves its
        children behind, which end a little later: until then it can't be started again."""
        if self.process is not None:
            children = self.children()
            assert end(self.process, how, 30), "PostgreSQL did not stop"
            self.process = None
            until(lambda: not any(map(runs, children)), 30, "PostgreSQL's children to end")

    def children(self):
        parent = self.process.pid
        with contextlib.suppress(FileNotFoundError), open(
            f"/proc/{parent}/task/{parent}/children", encoding="ascii"
        ) as f:
            return [int(pid) for pid in f.read().split()]
        return []

    def signal(self, number):
        """To it and to what it has started; SIGSTOP, it takes connections and answers nothing."""
        for pid in [*self.children(), self.process.pid]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def destroy(self):
        try:
            if self.process is not None:
                self.signal(signal.SIGCONT)
            self.stop(signal.SIGQUIT)
        finally:
            shutil.rmtree(self.directory, ignore_errors=True)

    def create(self, name=None, template="template1"):
        name = name or next(self.names)
        Database(self, "postgres").query(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return Database(self, name)

    def drop(self, database):
        Database(self, "postgres").query(f'DROP DATABASE "{database.name}" WITH (FORCE)')
        assert os.path.isdir(self.directory)
