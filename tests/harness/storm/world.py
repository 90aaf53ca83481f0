"""The service of a storm: API and worker processes, PostgreSQL, Redis, receivers, and a proxy before each of them."""

import concurrent.futures
import contextlib
import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

from harness.clock import Clock
from harness.postgres import Cluster, Database
from harness.process import end, short_directory
from harness.redis import Redis
from harness.server import Posthorn, command, options
from harness.storm.sink import ARRIVAL
from harness.wait import until

TESTS = Path(__file__).parents[2]
CLONE_NEWNS = 0x20000
IN_FLIGHT = 128  # requests of a worker at once
DISK = 8 << 30
TOLD = 40  # violations; the rest are counted
ENDS_IN_WORDS = ("level=error", "posthorn: ")


def own_mounts():
    """Whether this process may mount file systems that nobody else sees."""
    if os.geteuid() != 0 or ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNS) != 0:
        return False
    return subprocess.run(["mount", "--make-rprivate", "/"], check=False).returncode == 0


class Anything:
    """A contract that every answer keeps: storms look at what comes of events."""

    def check(self, *_):
        pass

    check_request = check


class Told:
    """A process of tests/harness/storm that is told by lines of JSON, and answers each."""

    def __init__(self, module, *arguments, **options):
        self.process = subprocess.Popen(
            [sys.executable, "-m", f"harness.storm.{module}", *map(str, arguments)],
            cwd=TESTS, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **options,
        )  # fmt: skip
        self.lock = threading.Lock()

    def tell(self, **said):
        with self.lock:
            self.process.stdin.write(json.dumps(said) + "\n")
            self.process.stdin.flush()
            return self.process.stdout.readline()

    def close(self):
        self.process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(5)
        self.process.kill()


class World:
    """`violations` are what no storm may bring about. Processes are started by `spawners`, threads that live as long
    as this: a child is ended with the thread that made it."""

    def __init__(self, seed, seconds, mounts, apis=2, workers=3):
        self.mounts = mounts
        self.directory = tempfile.TemporaryDirectory(prefix="posthorn-storm-")
        os.chmod(self.directory.name, 0o755)
        self.ends = contextlib.ExitStack()
        self.violations = []
        self.spawners = concurrent.futures.ThreadPoolExecutor(16)
        self.incidents = []
        self.count = Counter()
        self.lock = threading.Lock()
        self.lives = threading.RLock()  # who starts a process, or takes one for dead, is alone
        self.shifts = [(0.0, 0)]  # of the clock, since when
        self.closing = threading.Event()
        self.down, self.busy = set(), set()
        self.seconds = seconds
        with contextlib.ExitStack() as failed:
            failed.callback(self.close)
            self.open(apis, workers, seed)
            failed.pop_all()

    def open(self, apis, workers, seed):
        self.clock = Clock(self.directory.name)
        os.chmod(self.clock.path, 0o644)
        self.env = {**os.environ, **self.clock.env}
        self.cluster, self.disks = None, []
        self.ends.callback(self.unmount)
        self.ends.callback(lambda: self.cluster and self.cluster.destroy())
        self.cluster = self.start_there(lambda: Cluster(self.disk(), self.env).start())
        self.cluster.create("storm")
        self.redis = self.start_there(Redis(env=self.env).start)
        self.ends.callback(self.redis.destroy)
        self.proxy = Told("proxy")
        self.ends.callback(self.proxy.close)
        self.ports = {
            "postgres": self.before(self.cluster.port),
            "redis": self.before(self.redis.port),
        }
        read, write = os.pipe()
        self.sink = Told("sink", write, pass_fds=[write])
        self.ends.callback(self.sink.close)
        os.close(write)
        self.arrivals = open(read, "rb", buffering=0)  # noqa: SIM115
        self.sink_port = int(self.sink.process.stdout.readline())
        self.ports["receivers"] = self.before(self.sink_port)
        env = self.environment()
        done = command(env, "migrate")
        assert done.returncode == 0, done.stderr
        self.processes = [self.process("api", i + 1, env) for i in range(apis)]
        self.processes += [self.process("worker", i + 1, env) for i in range(workers)]
        self.ends.callback(self.stop_all)
        for server in self.processes:
            self.start(server)
        for server in self.processes:
            until(server.is_up, 30, lambda s=server: f"{s.name} to start: {s.log()[-3000:]}")
        self.ports["apis"] = self.before(self.apis[0].port)
        watcher = threading.Thread(target=self.watch, daemon=True)
        watcher.start()
        self.ends.callback(watcher.join)
        self.ends.callback(self.closing.set)

    def disk(self):
        """A folder for a cluster, on a disk of its own if there may be one."""
        path = short_directory()
        if self.mounts:
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "storm", path], check=True)
            shutil.chown(path, "postgres", "postgres")
            self.disks.append(path)
        return path

    def unmount(self):
        for path in self.disks:
            subprocess.run(["umount", "-l", path], check=False)
            os.rmdir(path)

    def fill_disk(self, full):
        """Full: it has room for a page or two. What is written meanwhile may be more, and then it cannot be made so small."""
        path = self.cluster.directory

        def resize():
            used = os.statvfs(path)
            size = (used.f_blocks - used.f_bfree + 4) * used.f_frsize if full else DISK
            remount = ["mount", "-o", f"remount,size={size}", path]
            return subprocess.run(remount, check=False, stderr=subprocess.DEVNULL).returncode == 0

        until(resize, 10, "a disk to be full" if full else "a disk to have room")

    def before(self, port):
        return json.loads(self.proxy.tell(port=port))

    def network(self, which, **said):
        self.proxy.tell(of=self.ports[which], **said)

    def environment(self):
        database = SimpleNamespace(url=f"postgresql://posthorn@127.0.0.1:{self.ports['postgres']}/storm")
        redis = SimpleNamespace(url=f"redis://127.0.0.1:{self.ports['redis']}/0")
        env = options(
            database, redis, **self.clock.env,
            POSTHORN_WORKER_IN_FLIGHT=IN_FLIGHT, POSTHORN_DISABLE_AFTER_FAILURES=0,
            POSTHORN_LOG_LEVEL=os.environ.get("POSTHORN_LOG_LEVEL"),
        )  # fmt: skip
        env["ASAN_OPTIONS"] += ":verify_asan_link_order=0"
        return env

    def process(self, role, number, env):
        server = Posthorn(env, self.directory.name, Anything(), role, f"{role}-{number}")
        server.name = f"{role}-{number}"
        return server

    @property
    def apis(self):
        return [s for s in self.processes if s.role == "api"]

    @property
    def workers(self):
        return [s for s in self.processes if s.role == "worker"]

    @property
    def database(self):
        """Asked directly, not through the proxy."""
        return Database(self.cluster, "storm")

    def client(self, number=None):
        apis = [s for s in self.apis if s.is_running()] or self.apis
        return apis[(number or 0) % len(apis)].client(timeout=5)

    # --- processes ---------------------------------------------------------------------------------

    def start_there(self, start):
        return self.spawners.submit(start).result()

    def start(self, server):
        with self.lives:
            self.start_there(lambda: server.start(wait=False))
            self.down.discard(server)
            server.since = time.monotonic()

    def take_down(self, server):
        """From now on its end is somebody's doing. The process, if it runs: what ended before is looked at here."""
        with self.lives:
            self.down.add(server)
            process = server.process
            if process is None or process.poll() is None:
                return process
            self.look_at_end(server)
            return None

    def kill(self, server):
        """It is gone when this returns."""
        process = self.take_down(server)
        if process is not None:
            process.kill()
            process.wait()

    def terminate(self, server, seconds):
        """As a rolling restart does. Until it has said that it is there it may end by the signal itself."""
        process = self.take_down(server)
        if process is None:
            return
        in_time = end(process, signal.SIGTERM, seconds)
        code, there = process.returncode, "level=info" in server.log(server.log_from)
        if in_time and code == 1:
            self.look_at_end(server)
        elif not in_time or code not in ((0,) if there else (0, -signal.SIGTERM)):
            self.violate(f"{server.name} ended with {code} on SIGTERM: {server.log(server.log_from)[-3000:]}")

    def look_at_end(self, server):
        """Of one that ended without being asked to: only who says that it cannot start may."""
        code, log = server.process.returncode, server.log(server.log_from)
        if code != 1 or not any(text in log[-2000:] for text in ENDS_IN_WORDS):
            self.violate(f"{server.name} ended with {code}: {log[-3000:]}")

    @staticmethod
    def is_up(server):
        """Not while it says that it cannot start, which the watcher sees to."""
        with contextlib.suppress(AssertionError):
            return server.is_up()
        return False

    def watch(self):
        """What ends without being asked to is started again, as a supervisor would."""
        while not self.closing.wait(0.1):
            for server in self.processes:
                with self.lives:
                    process = server.process
                    if process is None or process.poll() is None or server in self.down:
                        continue
                    self.look_at_end(server)
                    self.start(server)

    def violate(self, text):
        with self.lock:
            self.violations.append(text)
        if len(self.violations) <= TOLD:
            print(f"VIOLATION {text}", flush=True)

    def stop_all(self):
        for server in self.processes:
            if server.process is None:
                continue
            self.down.add(server)
            with contextlib.suppress(ProcessLookupError):
                server.process.send_signal(signal.SIGCONT)
            if server.process.poll() is None:
                server.process.send_signal(signal.SIGTERM)
        for server in self.processes:
            try:
                server.terminated = True
                server.stop()
            except AssertionError as e:
                self.violate(f"{server.name}: {e}")

    # --- time --------------------------------------------------------------------------------------

    def jump(self, seconds):
        """Of every clock, forward."""
        with self.lock:
            at = self.shifts[-1][1] + seconds
            self.shifts.append((time.monotonic(), at))
            self.clock.jump(at)

    def clock_at(self, mono):
        """What the service's clocks have gone since the beginning, when the monotonic clock is `mono`."""
        return mono + next(shift for since, shift in reversed(self.shifts) if since <= mono)

    def now(self):
        """The service's wall clock."""
        return time.time() + self.shifts[-1][1]

    # --- incidents ---------------------------------------------------------------------------------

    @contextlib.contextmanager
    def incident(self, kind, what, who=""):
        """`what` it may explain: kill, crash (of PostgreSQL), ledger (it is late), network (to receivers), stop, jump (of
        the clocks), late (receivers)."""
        it = SimpleNamespace(kind=kind, what=what, who=who, at=time.monotonic(), end=float("inf"))
        with self.lock:
            self.incidents.append(it)
        try:
            yield it
        finally:
            it.end = time.monotonic()

    def stalled(self, at, end_):
        """The receivers."""
        with self.lock:
            self.incidents.append(SimpleNamespace(kind="receivers stalled", what="late", who="", at=at, end=end_))

    def forget(self, seconds):
        """What was over so long ago."""
        with self.lock:
            self.incidents = [i for i in self.incidents if i.end > time.monotonic() - seconds]

    def read_arrivals(self, take):
        """Until the sink ends."""
        rest = b""
        while data := self.arrivals.read(1 << 20):
            rest += data
            whole = len(rest) // ARRIVAL.size * ARRIVAL.size
            for arrival in ARRIVAL.iter_unpack(rest[:whole]):
                take(*arrival)
            rest = rest[whole:]

    def close(self):
        self.ends.close()
        keep = os.environ.get("STORM_LOGS")
        if keep and self.violations:
            shutil.copytree(self.directory.name, keep, dirs_exist_ok=True)
        self.spawners.shutdown()
        self.directory.cleanup()
