"""A Redis server of our own."""

import os
import shutil
import signal
import socket
import tempfile

from harness.process import PORTS, end, spawn
from harness.wait import until


class Redis:
    """`tls`: the arguments for a second port, `tls_port`, that speaks it; `extra`: further ones."""

    def __init__(self, env=None, tls=(), extra=()):
        self.tls_port = PORTS.take() if tls else None
        self.extra = [*(["--tls-port", self.tls_port, *tls] if tls else []), *extra]
        self.env = env
        self.port = PORTS.take()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.process = None
        self.directory = tempfile.TemporaryDirectory(prefix="posthorn-redis-")

    def arguments(self):
        return ["redis-server", "--bind", "127.0.0.1", "--port", self.port, "--save", "", "--appendonly", "no",
                "--dir", self.directory.name, *self.extra]  # fmt: skip

    def start(self):
        with open(f"{self.directory.name}/log", "ab") as log:
            self.process = spawn(self.arguments(), stdout=log, stderr=log, env=self.env)
        until(self.answers_itself, 10, "Redis to start")
        return self

    def answers_itself(self):
        assert self.process.poll() is None, "Redis ended"
        return self.answers()

    def answers(self):
        try:
            return self.command("PING") == b"+PONG"
        except OSError:
            return False

    def command(self, *words, lines=False, text=False):
        """The first line of the reply; or the elements of an array of strings; or a string of many lines."""
        with socket.create_connection(("127.0.0.1", self.port), 5) as s:
            s.sendall(
                b"*%d\r\n" % len(words)
                + b"".join(b"$%d\r\n%s\r\n" % (len(w.encode()), w.encode()) for w in words)
            )
            with s.makefile("rb") as reply:
                first = reply.readline().rstrip(b"\r\n")
                if text:
                    return reply.read(int(first[1:])).decode()
                if not lines:
                    return first
                return [
                    reply.readline() and reply.readline().rstrip(b"\r\n").decode()
                    for _ in range(int(first[1:]))
                ]

    def raw(self, *words):
        """The elements of an array of strings, as bytes; words may be bytes too."""
        words = [w if isinstance(w, bytes) else w.encode() for w in words]
        with socket.create_connection(("127.0.0.1", self.port), 5) as s:
            s.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words))
            with s.makefile("rb") as reply:
                return [reply.read(int(reply.readline()[1:]) + 2)[:-2] for _ in range(int(reply.readline()[1:]))]

    def keys(self):
        return self.command("KEYS", "*", lines=True)

    def flush(self):
        assert self.command("FLUSHALL") == b"+OK"

    def dump(self):
        """What it has now, for start_with()."""
        assert self.command("SAVE") == b"+OK"
        path = f"{self.directory.name}/older"
        os.replace(f"{self.directory.name}/dump.rdb", path)
        return path

    def start_with(self, dump):
        shutil.copy(dump, f"{self.directory.name}/dump.rdb")
        self.start()
        os.remove(f"{self.directory.name}/dump.rdb")

    def limit_memory(self, size):
        """It refuses to grow beyond `size` bytes; 0: no limit."""
        assert self.command("CONFIG", "SET", "maxmemory", str(size)) == b"+OK"

    def stop(self, how=signal.SIGKILL):
        if self.process is not None:
            if self.process.poll() is None:
                self.process.send_signal(signal.SIGCONT)
            end(self.process, how, 10)
            self.process = None

    def pause(self):
        """It takes connections and commands, and answers nothing."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def destroy(self):
        self.stop()
        self.directory.cleanup()
