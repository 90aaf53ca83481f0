"""Receivers as other people write them: programs in Python, Node and Go, and libraries from npm.

`program(path, secret, **env)` starts one and answers its address; a session starts each once.
`receivers` are the programs of a system, by the way they verify (see sending.py)."""

import os
import shutil
import signal
import socket
import sys
from pathlib import Path

import pytest
from harness.process import PORTS, end, spawn
from harness.wait import until

HERE = Path(__file__).parent


def command(path):
    """What runs a receiver: by its suffix, or as it is (the programs in Go)."""
    file = HERE / path
    if file.suffix == ".py":
        return [sys.executable, file]
    if file.suffix in (".js", ".mjs"):
        return ["node", file]
    return [file]


def accepts(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


class Programs:
    def __init__(self, directory):
        self.directory = directory
        self.running = {}

    def get(self, path, secret, **env):
        key = (path, secret, *sorted(env.items()))
        if key not in self.running:
            self.running[key] = self.start(path, secret, env)
        return self.running[key][1]

    def start(self, path, secret, env):
        name = f"{len(self.running)}-{Path(path).name}.log"
        port = PORTS.take()
        more = {} if secret is None else {"WEBHOOK_SECRET": secret}
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.directory), **more, **env}
        with open(self.directory / name, "wb") as log:
            process = spawn([*command(path), port], env=environment, stdout=log, stderr=log)
        written = self.directory / name

        def is_up():
            assert process.poll() is None, f"{path} ended: {written.read_text()[-3000:]}"
            return accepts(port)

        until(is_up, 40, lambda: f"{path} to start: {written.read_text()[-3000:]}")
        return process, f"http://127.0.0.1:{port}"

    def stop(self):
        for process, _ in self.running.values():
            end(process, signal.SIGTERM, 10)


@pytest.fixture(scope="session")
def program(tmp_path_factory):
    assert (HERE / "node/node_modules").is_dir(), "tests/compat/setup.sh installs what is needed"
    assert shutil.which("node"), "node is not installed"
    programs = Programs(tmp_path_factory.mktemp("programs"))
    try:
        yield programs.get
    finally:
        programs.stop()


# Which language's serialiser stands between the body and the signature that is checked.
REMNAWAVE = [
    ("raw", "go/bin/remnawave", "/webhook", {}),
    ("raw", "python/remnawave.py", "/raw", {}),
    ("js", "node/remnawave.js", "/webhook", {"EXPRESS": "express4"}),
    ("js", "node/remnawave.js", "/webhook", {"EXPRESS": "express"}),
    ("python", "python/remnawave.py", "/dumps", {}),
    ("python-compact", "python/remnawave.py", "/compact", {}),
]
GENERIC = [
    ("raw", "go/bin/generic", "/webhooks", {}),
    ("raw", "python/generic.py", "/webhooks", {}),
    ("raw", "node/generic_raw.js", "/", {}),
    ("js", "node/generic.js", "/snippet", {"EXPRESS": "express4"}),
    ("js", "node/generic.js", "/complete", {"EXPRESS": "express4"}),
    ("js", "node/generic.js", "/snippet", {"EXPRESS": "express"}),
    ("js", "node/generic.js", "/complete", {"EXPRESS": "express"}),
]


@pytest.fixture
def remnawave(program):
    """(verifier, URL) of each receiver; their secret is "your-secret-header"."""
    return [(v, program(p, "your-secret-header", **e) + path) for v, p, path, e in REMNAWAVE]


@pytest.fixture
def generic(program):
    """(verifier, URL) of each receiver; their secret is "your_webhook_secret"."""
    return [(v, program(p, "your_webhook_secret", **e) + path) for v, p, path, e in GENERIC]
