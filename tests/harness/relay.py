"""What a name leads to, without the name: new connections go to a port that changes, old ones stay where they are."""

import contextlib
import socket
import threading
from types import SimpleNamespace

from harness.process import PORTS


class Relay:
    """`target`: a port; None: whoever connects then is heard by nobody."""

    def __init__(self, target):
        self.target = target
        self.port = PORTS.take()
        self.sockets = []
        self.listener = socket.create_server(("127.0.0.1", self.port), backlog=100)
        threading.Thread(target=self.listen, daemon=True).start()

    def database(self, database, *others):
        """Like `database`, by way of this and other ports, in that order."""
        hosts = ",".join(f"127.0.0.1:{port}" for port in (self.port, *others))
        attributes = "?target_session_attrs=read-write" if others else ""
        return SimpleNamespace(url=f"postgresql://posthorn@{hosts}/{database.name}{attributes}")

    def listen(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                self.sockets.append(client)
                if self.target is not None:
                    self.connect(client)

    def connect(self, client):
        try:
            server = socket.create_connection(("127.0.0.1", self.target))
        except OSError:
            client.close()
            return
        self.sockets.append(server)
        for one, other in ((client, server), (server, client)):
            threading.Thread(target=self.pump, args=(one, other), daemon=True).start()

    def pump(self, source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def cut(self):
        """Ends all connections that there are."""
        for end in self.sockets:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self.sockets = []

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.cut()
