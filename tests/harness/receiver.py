"""A receiver on raw sockets that records what comes and answers as it is told (replies.py)."""

import collections
import json
import socket
import ssl
import threading
import time
from dataclasses import dataclass, field

from harness import replies
from harness.wait import until


@dataclass
class Request:
    method: str
    target: str
    version: str
    headers: list  # (name, value) as received, in order
    head: bytes
    body: bytes
    at: float  # time.monotonic() when the body was complete
    wall: float
    connection: int
    resumed: bool  # the connection's TLS session was an earlier one's
    client: str  # the name in the certificate that the client showed
    ended: float = field(default=0.0)  # when the answer began to be sent

    @property
    def path(self):
        return self.target.split("?")[0]

    @property
    def json(self):
        return json.loads(self.body)

    def all(self, name):
        return [v for n, v in self.headers if n.lower() == name.lower()]

    def header(self, name):
        """The value of a header that must be there once."""
        values = self.all(name)
        assert len(values) == 1, f"{name}: {values}"
        return values[0]


class Receiver:
    """Listens on a loopback port of its own. Paths without a script answer 200 "OK"."""

    def __init__(self, greeting=None, context=None):
        self.greeting = greeting  # bytes sent as soon as somebody connects, instead of HTTP
        self.context = context  # an ssl.SSLContext
        self.requests = []
        self.connections = 0
        self.opened = 0
        self.stopping = threading.Event()
        self.lock = threading.Lock()
        self.scripts = {}
        self.default = replies.answer(200, b"OK")
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port = self.socket.getsockname()[1]
        self.open = set()
        self.thread = threading.Thread(target=self.accept, daemon=True)
        self.thread.start()

    def url(self, path="/hook", host="127.0.0.1", scheme=None):
        return f"{scheme or ('https' if self.context else 'http')}://{host}:{self.port}{path}"

    def script(self, path, *steps):
        """The answers of a path, in turn; the last one stays."""
        with self.lock:
            self.scripts[path] = collections.deque(steps)

    def next_reply(self, path):
        with self.lock:
            steps = self.scripts.get(path)
            if not steps:
                return self.default
            return steps.popleft() if len(steps) > 1 else steps[0]

    def at(self, path):
        with self.lock:
            return [r for r in self.requests if r.path == path]

    def wait(self, count=1, path="/hook", timeout=10):
        """The requests of a path once there are `count` of them."""
        until(
            lambda: len(self.at(path)) >= count,
            timeout,
            lambda: f"{count} requests at {path}, there are {len(self.at(path))}",
        )
        return self.at(path)

    def accept(self):
        while not self.stopping.is_set():
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            with self.lock:
                self.opened += 1
                self.open.add(connection)
            threading.Thread(target=self.serve, args=(connection, self.opened), daemon=True).start()

    def serve(self, connection, number):
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.greeting is not None:
                connection.sendall(self.greeting)
                replies.hang()(self, connection, None)
                return
            if self.context:
                plain, connection = connection, self.context.wrap_socket(
                    connection, server_side=True, do_handshake_on_connect=False
                )
                with self.lock:
                    self.open.discard(plain)
                    self.open.add(connection)
                shake_hands(connection)
            with connection.makefile("rb") as stream:
                while self.serve_one(connection, stream, number):
                    pass
        except (OSError, ssl.SSLError, ValueError):
            pass
        finally:
            with self.lock:
                self.open.discard(connection)
            connection.close()

    def serve_one(self, connection, stream, number):
        request = read_request(stream, number)
        if request is None:
            return False
        if self.context:
            request.resumed = connection.session_reused
            request.client = common_name(connection.getpeercert())
        with self.lock:
            self.requests.append(request)
        stay = self.next_reply(request.path)(self, connection, request)
        request.ended = request.ended or time.monotonic()
        return stay

    def close(self):
        self.stopping.set()
        with self.lock:
            sockets = [self.socket, *self.open]
        for s in sockets:
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.socket.close()
        self.thread.join(5)


def shake_hands(connection):
    """One that fails is told so: what has come already would turn the end into a reset, which takes the alert along."""
    try:
        connection.do_handshake()
    except ssl.SSLError:
        connection.settimeout(2)
        while socket.socket.recv(connection, 65536):
            pass
        raise


def common_name(certificate):
    return dict(pair[0] for pair in (certificate or {}).get("subject", ())).get("commonName")


def read_request(stream, number):
    """None at the end of the connection. Only Content-Length framing: posthorn sends no other."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        line = stream.readline(65536)
        if not line:
            return None
        head += line
    lines = head[:-4].decode("latin-1").split("\r\n")
    method, target, version = lines[0].split(" ")
    headers = [
        tuple(line.split(": ", 1)) if ": " in line else (line.rstrip(":"), "") for line in lines[1:]
    ]
    size = next((int(v) for n, v in headers if n.lower() == "content-length"), 0)
    body = stream.read(size)
    if len(body) != size:
        return None
    return Request(
        method, target, version, headers, head, body, time.monotonic(), time.time(), number, False, None
    )
