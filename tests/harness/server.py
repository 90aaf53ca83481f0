"""The posthorn program: started with options, watched, stopped, killed."""

from pathlib import Path
import os
import re
import signal
import subprocess

from harness.client import Client
from harness.process import PORTS, end, spawn
from harness.wait import until

ADMIN_KEY = "test-admin-key-0123456789abcdef"
ENCRYPTION_KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
SANITIZER = re.compile(
    r"AddressSanitizer|LeakSanitizer|ThreadSanitizer|MemorySanitizer|runtime error:"
)
SANITIZER_OPTIONS = {
    "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0:exitcode=99:detect_stack_use_after_return=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1:exitcode=99",
    "LSAN_OPTIONS": f"suppressions={Path(__file__).parents[1] / 'lsan.supp'}:print_suppressions=0",
}
STOP_SECONDS = 40


def binary():
    path = os.environ.get("POSTHORN_BIN")
    assert path and os.access(path, os.X_OK), "POSTHORN_BIN must name the posthorn program"
    return os.path.abspath(path)


def options(database, redis, **more):
    """The environment of a posthorn process. None as a value leaves the option out."""
    env = {
        "PATH": os.environ["PATH"],
        "POSTHORN_DATABASE_URL": database.url,
        "POSTHORN_REDIS_URL": redis.url,
        "POSTHORN_ADMIN_KEY": ADMIN_KEY,
        "POSTHORN_ENCRYPTION_KEY": ENCRYPTION_KEY,
        "POSTHORN_ALLOW_NETWORKS": "127.0.0.0/8,::1/128",
        "POSTHORN_API_THREADS": "1",
        "POSTHORN_WORKER_THREADS": "1",
        **SANITIZER_OPTIONS,
    }
    env.update({name: os.environ[name] for name in SANITIZER_OPTIONS if name in os.environ})
    env.update(more)
    return {name: str(value) for name, value in env.items() if value is not None}


def command(env, *arguments, timeout=60, **more):
    """Runs `posthorn ARGUMENTS` to its end."""
    return subprocess.run(
        [binary(), *arguments], env=env, capture_output=True, text=True, timeout=timeout, **more
    )


class Posthorn:
    """One `posthorn serve` process. `role` is api, worker or None (both)."""

    def __init__(self, env, directory, contract, role=None, name="posthorn"):
        self.env = dict(env)
        self.role = role
        self.contract = contract
        self.log_path = os.path.join(directory, f"{name}.log")
        self.process = None
        self.terminated = False
        self.port = PORTS.take()
        self.env.setdefault("POSTHORN_LISTEN", f"127.0.0.1:{self.port}")
        self.log_from = 0

    def start(self, wait=True):
        role = ["--role", self.role] if self.role else []
        self.terminated = False
        with open(self.log_path, "ab") as log:
            self.log_from = log.tell()
            self.process = spawn([binary(), "serve", *role], env=self.env, stdout=log, stderr=log)
        if wait:
            until(self.is_up, 20, lambda: f"posthorn to start:\n{self.log()[-3000:]}")
        return self

    def is_up(self):
        assert self.process.poll() is None, f"posthorn ended:\n{self.log()[-3000:]}"
        if self.role == "worker":
            return "level=info" in self.log(self.log_from)
        try:
            return self.client(key=None).get("/readyz", expect=None).status == 200
        except OSError:
            return False

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def log(self, start=0):
        with open(self.log_path, encoding="utf-8", errors="replace") as f:
            f.seek(start)
            return f.read()

    def client(self, key=ADMIN_KEY, **more):
        return Client(("127.0.0.1", self.port), key, self.contract, **more)

    def check_log(self):
        log = self.log()
        found = SANITIZER.search(log)
        assert not found, f"a sanitizer report:\n{log[max(0, found.start() - 200):][:6000]}"

    def terminate(self):
        """The one SIGTERM; stop() then only waits, because a second one ends it at once."""
        self.process.send_signal(signal.SIGTERM)
        self.terminated = True

    def stop(self):
        """SIGTERM must end it with 0, and its log must hold no sanitizer report."""
        if self.process is None:
            return
        in_time = end(self.process, None if self.terminated else signal.SIGTERM, STOP_SECONDS)
        code, self.process = self.process.returncode, None
        self.check_log()
        assert in_time, f"SIGTERM did not end it in {STOP_SECONDS} s:\n{self.log()[-3000:]}"
        assert code == 0, f"exit code {code}:\n{self.log()[-3000:]}"

    def kill(self):
        if self.is_running():
            self.process.kill()
            self.process.wait()
        self.process = None
        self.check_log()

    def restart(self):
        self.stop()
        return self.start()
