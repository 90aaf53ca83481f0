"""Child processes that cannot outlive the test run, and ports for them."""

import ctypes
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile

LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1
RUN_SIZE = 1000
RUNS = 19


def spawn(arguments, death=signal.SIGKILL, **options):
    """Popen whose child gets `death` when the test run dies."""

    def before_exec():
        LIBC.prctl(PR_SET_PDEATHSIG, int(death), 0, 0, 0)

    return subprocess.Popen(
        [str(a) for a in arguments], stdin=subprocess.DEVNULL, preexec_fn=before_exec, **options
    )


def end(process, number, timeout):
    """Sends the signal, if any, and waits; SIGKILL when that was not enough. True if it went by
    itself."""
    if process.poll() is not None:
        return True
    if number is not None:
        process.send_signal(number)
    try:
        process.wait(timeout)
        return True
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return False


class Ports:
    """Ports below the ephemeral range, a block for each process of a test run, so that two of them never
    pick the same one, nor do two runs: a block is this process's while it holds the name of it."""

    def __init__(self):
        self.held = None
        self.base = self.next = 0

    def hold(self):
        first = os.getpid() * 37
        for number in range(first, first + RUNS):
            name = socket.socket(socket.AF_UNIX)
            try:
                name.bind(f"\0posthorn-tests-ports-{number % RUNS}")
            except OSError:
                name.close()
                continue
            self.held = name
            self.base = 12000 + number % RUNS * RUN_SIZE
            return
        raise RuntimeError("too many test runs at once")

    def take(self):
        if self.held is None:
            self.hold()
        for _ in range(RUN_SIZE):
            port = self.base + self.next % RUN_SIZE
            self.next += 1
            with socket.socket() as s:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    s.bind(("127.0.0.1", port))
                    return port
                except OSError:
                    continue
        raise RuntimeError("no free port")


PORTS = Ports()


def unprivileged():
    """Popen options that run a server as `postgres` when the tests run as root."""
    if os.geteuid() != 0:
        return {}
    return {"user": "postgres", "group": pwd.getpwnam("postgres").pw_gid, "extra_groups": []}


MEMORY, ROOM = "/dev/shm", 6 << 30


def short_directory():
    """A folder with a path short enough for Unix sockets, owned by the user of unprivileged(). In memory, if there is
    room: a database for each test is thousands of files, which a disk is slow to forget."""
    roomy = os.path.isdir(MEMORY) and shutil.disk_usage(MEMORY).free >= ROOM
    path = tempfile.mkdtemp(prefix="posthorn-", dir=MEMORY if roomy else None)
    if os.geteuid() == 0:
        shutil.chown(path, "postgres", "postgres")
    return path
