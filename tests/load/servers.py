"""What a benchmark runs on. A Stand is what scenarios share, one after the other: PostgreSQL (fsync on), Redis and
receivers (sink.c), all private and on loopback. A Trial is what each has of its own: a database, an empty Redis, and
the processes of Posthorn with its options."""

import http.client
import json
import os
import resource
import shutil
import ssl
import subprocess
import time
import urllib.request
from contextlib import ExitStack
from pathlib import Path

from harness.postgres import SETTINGS, Cluster, Session, binary
from harness.process import PORTS, end, spawn
from harness.redis import Redis
from harness.server import Posthorn, command, options
from harness.tls import Authority
from harness.wait import until

# A server that is meant for work, without checkpoints in the middle of a short run. It keeps its WAL
# files: a server that has run for a while makes no new ones.
SETTINGS.update(
    shared_buffers="1GB", min_wal_size="4GB", max_wal_size="8GB", checkpoint_timeout="30min"
)
PATIENCE_S = 60
STEP_S = 0.1


class NoContract:
    """The answers are not what is tested here."""

    def check(self, *_):
        pass

    def check_request(self, *_):
        pass


def find_redis(directory):
    """Debian's redis-tools has the server under another name (deploy/packages.sh)."""
    if shutil.which("redis-server") is None:
        os.symlink("/usr/bin/redis-check-rdb", f"{directory}/redis-server")
        os.environ["PATH"] = f"{directory}:{os.environ['PATH']}"


def count_statements():
    """Lets PostgreSQL count statements by their text, if it has what that takes."""
    library = Path(binary("postgres")).parents[1] / "lib/pg_stat_statements.so"
    if library.exists():
        SETTINGS.update({"shared_preload_libraries": "pg_stat_statements", "pg_stat_statements.track_utility": "off"})
    return library.exists()


class Sink:
    """A receiver, and what it says has arrived (sink.c)."""

    def __init__(self, build, authority=None):
        self.port = PORTS.take()
        self.scheme = "https" if authority else "http"
        self.context = None
        arguments = [build / "tests/sink", self.port]
        if authority:
            arguments += authority.issue("localhost")
            self.context = ssl.create_default_context(cafile=str(authority.file))
        self.process = spawn(arguments)

    def answers(self):
        assert self.process.poll() is None, "the receiver ended"
        try:
            return self.ask("count")
        except OSError:
            return False

    def url(self, hook):
        return f"{self.scheme}://127.0.0.1:{self.port}/hook/{hook}"

    def ask(self, path=""):
        url = f"{self.scheme}://127.0.0.1:{self.port}/{path}"
        with urllib.request.urlopen(url, timeout=30, context=self.context) as answer:
            return json.load(answer)

    def expect(self, **what):
        self.ask("reset?" + "&".join(f"{name}={value}" for name, value in what.items()))


class Stand:
    def __init__(self, build, directory):
        self.build = build
        self.directory = directory
        self.ends = ExitStack()
        self.sinks = {}
        self.authority = None
        os.environ["POSTHORN_BIN"] = str(build / "posthorn")
        find_redis(directory)
        self.counts_statements = count_statements()

    def __enter__(self):
        with ExitStack() as ends:
            self.cluster = Cluster()
            ends.callback(self.cluster.destroy)
            self.redis = Redis()
            ends.callback(self.redis.destroy)
            self.cluster.start()
            self.redis.start()
            self.ends = ends.pop_all()
        return self

    def __exit__(self, *_):
        self.ends.close()

    def sink(self, tls):
        if tls and self.authority is None:
            self.authority = Authority(self.directory)
        if tls not in self.sinks:
            self.sinks[tls] = sink = Sink(self.build, self.authority if tls else None)
            self.ends.callback(end, sink.process, 15, 5)
            until(sink.answers, 10, "the receiver to start")
        return self.sinks[tls]


class Trial:
    """`workers` None: one process that does everything; a number: an API and so many workers, which can come
    later."""

    def __init__(self, stand, tls=False, workers=None, workers_later=False, **env):
        self.stand = stand
        self.workers = workers
        self.workers_later = workers_later
        self.sink = stand.sink(tls)
        self.run = 0  # which numbers of events are these
        assert stand.redis.command("FLUSHALL") == b"+OK"
        self.database = stand.cluster.create()
        if tls:
            env["POSTHORN_CA_FILE"] = stand.authority.file
        self.env = options(self.database, stand.redis, **env)
        done = command(self.env, "migrate")
        assert done.returncode == 0, done.stderr
        self.session = Session(self.database)
        if stand.counts_statements:
            self.session.query("CREATE EXTENSION pg_stat_statements")
        self.processes = []

    def __enter__(self):
        try:
            self.api = self.serve("api" if self.workers is not None else None)
            if not self.workers_later:
                self.serve_workers()
            self.make_app()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        for process in self.processes[::-1]:
            process.kill()
        self.session.close()
        self.stand.cluster.drop(self.database)

    def serve(self, role):
        number = len(self.processes)
        process = Posthorn(self.env, self.stand.directory, NoContract(), role, f"{self.database.name}-{number}")
        self.processes.append(process)
        return process.start()

    def serve_workers(self):
        for _ in range(self.workers or 0):
            self.serve("worker")

    def stop_all(self):
        for process in self.processes[::-1]:
            process.stop()
        self.processes = []

    def make_app(self):
        admin = self.api.client()
        self.app = admin.post("/apps", {"name": "bench"}).json["id"]
        self.key = admin.post("/keys", {"name": "bench", "scope": "write", "app_id": self.app}).json["key"]

    def add_webhooks(self, count, events, **settings):
        """Number K has the events and the URL of hook K that `events(K)` answers. On one connection; the last
        one's id."""
        connection = http.client.HTTPConnection("127.0.0.1", self.api.port, timeout=30)
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        for number in range(count):
            types, hook = events(number)
            body = {"url": self.sink.url(hook), "events": types, **settings}
            connection.request("POST", "/v1/webhooks", json.dumps(body), headers)
            answer = connection.getresponse()
            text = answer.read()
            assert answer.status == 201, text
        connection.close()
        return json.loads(text)["id"]

    def post(self, count, connections=64, batch=1, rate=0, size=300, types=0, during=lambda running: None):
        """What post.c says, with the seconds of CPU that it took. `during(running)` is called meanwhile."""
        arguments = [f"--run={self.run}", f"--size={size}", f"--types={types}"]
        arguments += [self.api.port, self.key, count, connections, batch, rate]
        process = subprocess.Popen(
            [str(a) for a in [self.stand.build / "tests/post", *arguments]],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        try:
            during(lambda: process.poll() is None)
            out, err = process.communicate(timeout=PATIENCE_S + (2 * count / rate if rate else count / 100))
        finally:
            if process.poll() is None:
                process.kill()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert out, err
        report = json.loads(out)
        report["cpu_s"] = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        report["error"] = err.strip()
        return report

    # What is waited for in vain is no error yet: the checks say what is missing.

    def wait_arrived(self, count, seconds):
        self.wait_for(lambda: self.sink.ask("count")["arrived"] >= count, seconds)

    def wait_recorded(self):
        sql = "SELECT 1 FROM delivery /*bench*/ WHERE state = 0 LIMIT 1"
        self.wait_for(lambda: not self.session.query(sql), PATIENCE_S)

    @staticmethod
    def wait_for(condition, seconds):
        deadline = time.monotonic() + seconds
        while not condition() and time.monotonic() < deadline:
            time.sleep(STEP_S)
