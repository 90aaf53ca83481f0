"""An HTTP proxy that makes tunnels (CONNECT), and nothing else."""

import base64
import socket
import threading

from harness.process import PORTS


class EgressProxy:
    """`asked` has the target of each CONNECT, `credentials` what came in Proxy-Authorization. `says[target]`, or
    `says[None]` for all, is a status that it answers with instead of a tunnel; None: nothing."""

    def __init__(self, host="127.0.0.1"):
        self.host, self.port = host, PORTS.take()
        self.asked, self.credentials, self.says, self.sockets = [], [], {}, []
        self.listener = None

    def url(self, host=None, user=""):
        return f"http://{user}{host or self.host}:{self.port}"

    def start(self):
        self.listener = socket.create_server((self.host, self.port))
        threading.Thread(target=self.listen, args=(self.listener,), daemon=True).start()
        return self

    def stop(self):
        """And every tunnel ends."""
        for each in (self.listener, *self.sockets):
            self.end(each)
            each.close()
        self.sockets = []

    @staticmethod
    def end(sock):
        try:
            sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def listen(self, listener):
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            self.sockets.append(client)
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            byte = client.recv(1)
            if not byte:
                return
            head += byte
        first, *lines = head.decode().split("\r\n")
        method, target, _ = first.split(" ")
        fields = dict(line.split(": ", 1) for line in lines if line)
        word = fields.get("Proxy-Authorization", "Basic ").removeprefix("Basic ")
        self.credentials.append(base64.b64decode(word).decode())
        self.asked.append(target)
        says = self.says.get(target, self.says.get(None, 200 if method == "CONNECT" else 405))
        if says is None:
            return
        if says != 200:
            client.sendall(f"HTTP/1.1 {says} No\r\nContent-Length: 3\r\nConnection: close\r\n\r\nno\n".encode())
            self.end(client)
            return
        host, port = target.rsplit(":", 1)
        try:
            server = socket.create_connection((host.strip("[]"), int(port)))
        except OSError:
            client.sendall(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
            self.end(client)
            return
        self.sockets.append(server)
        client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        threading.Thread(target=self.carry, args=(server, client), daemon=True).start()
        self.carry(client, server)

    def carry(self, source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
        except OSError:
            pass
        self.end(source)
        self.end(sink)
