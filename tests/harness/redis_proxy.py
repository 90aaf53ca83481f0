"""A proxy in front of a real Redis that changes what it answers to one command."""

import re
import socket
import threading
from pathlib import Path

from harness.process import PORTS

LUA = Path(__file__).parents[2] / "src/store/lua"


def body(path):
    """A script's own lines as src/store/lua/embed.py writes them."""
    lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("--")) + "\n"


BODIES = {path.stem: body(path).encode() for path in LUA.glob("*.lua") if path.stem != "common"}


class Stream:
    """RESP values, as bytes, off a socket."""

    def __init__(self, sock):
        self.file = sock.makefile("rb")

    def value(self):
        head = self.file.readline()
        if not head:
            raise ConnectionError
        kind, rest = head[:1], head[1:].strip()
        if kind == b"$" and rest != b"-1":
            return head + self.file.read(int(rest) + 2)
        if kind == b"*" and rest != b"-1":
            return head + b"".join(self.value() for _ in range(int(rest)))
        return head


class RedisProxy:
    """`lies[NAME] = function`: what a script, SUBSCRIBE or a message (NAME) is answered goes through it, bytes to
    bytes. `told` counts those."""

    def __init__(self, redis):
        self.redis = redis
        self.lies = {}
        self.told = 0
        self.scripts = {}
        self.sockets = []
        self.port = PORTS.take()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        while True:
            try:
                client, _ = self.listener.accept()
                server = socket.create_connection(("127.0.0.1", self.redis.port))
            except OSError:
                return
            self.sockets += [client, server]
            names = []
            for target, *ends in ((self.commands, client, server), (self.answers, server, client)):
                threading.Thread(target=self.carry, args=(target, *ends, names), daemon=True).start()

    @staticmethod
    def carry(target, source, sink, names):
        try:
            target(Stream(source), sink, names)
        except (OSError, ValueError):
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def commands(self, stream, sink, names):
        while True:
            command = stream.value()
            words = command.split(b"\r\n", 5)
            name = words[2].decode()
            if name == "SCRIPT":
                lua = command.split(b"LOAD\r\n", 1)[1]
                name = "SCRIPT " + next(n for n, text in BODIES.items() if lua.endswith(text + b"\r\n"))
            elif name == "EVALSHA":
                name = self.scripts.get(words[4], "unknown")
            names.append(name)
            sink.sendall(command)

    def answers(self, stream, sink, names):
        while True:
            answer = stream.value()
            name = names.pop(0) if names else "message"
            if name.startswith("SCRIPT "):
                self.scripts[re.search(rb"[0-9a-f]{40}", answer)[0]] = name[7:]
            if name in self.lies:
                answer = self.lies[name](answer)
                self.told += 1
            sink.sendall(answer)

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for end in self.sockets:
            end.close()
