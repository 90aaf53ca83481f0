"""A client of server-sent events on a raw socket, so that it can stop reading, hang up and come back."""

import json
import queue
import socket
import threading


class Stream:
    """Reads until it is closed. `events` has (name, id, data) in order."""

    def __init__(self, client, path, last_id=None, paused=False, **query):
        self.client = client
        self.queue = queue.Queue()
        self.last_id = last_id
        self.ended = threading.Event()
        self.socket = socket.create_connection(client.address, timeout=30)
        target = client.prefix + path + "".join(f"{'&' if n else '?'}{k}={v}" for n, (k, v) in enumerate(query.items()))
        lines = [f"GET {target} HTTP/1.1", "Host: posthorn", f"Authorization: Bearer {client.key}"]
        lines += [f"{name}: {value}" for name, value in client.headers.items()]
        if last_id:
            lines.append(f"Last-Event-ID: {last_id}")
        if paused:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode())
        self.file = self.socket.makefile("rb")
        self.status = int(self.file.readline().split()[1])
        self.headers = {}
        while (line := self.file.readline().strip()) != b"":
            name, value = line.decode().split(": ", 1)
            self.headers[name.lower()] = value
        self.thread = threading.Thread(target=self.read, daemon=True)
        if not paused:
            self.thread.start()

    def chunks(self):
        while True:
            size = self.file.readline()
            if not size or int(size, 16) == 0:
                return
            yield self.file.read(int(size, 16))
            self.file.readline()

    def read(self):
        text = b""
        try:
            for chunk in self.chunks():
                text += chunk
                while b"\n\n" in text:
                    event, text = text.split(b"\n\n", 1)
                    self.take(event.decode())
        except (OSError, ValueError):
            pass
        self.ended.set()
        self.queue.put(None)

    def take(self, text):
        fields = dict(line.split(": ", 1) for line in text.split("\n") if ": " in line)
        self.last_id = fields.get("id", self.last_id)
        if "data" in fields:
            self.queue.put((fields["event"], fields.get("id"), json.loads(fields["data"])))

    def next(self, timeout=10):
        """The next event; None: the stream has ended."""
        return self.queue.get(timeout=timeout)

    def delivery(self, timeout=10):
        name, id_, data = self.next(timeout)
        assert name == "delivery" and id_ == data["id"], name
        return data

    def answer(self, delivery, code=200, expect=200, **more):
        body = {"attempt": delivery["attempt"], "sent_at": delivery["sent_at"], "response_time_ms": 3, **more}
        if code:
            body.update(response_code=code, response_headers=f"HTTP/1.1 {code} Fine\r\nX-A: b\r\n\r\n")
        return self.client.post(f"/deliveries/{delivery['id']}/answer", body, expect=expect)

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.close()
        except OSError:
            pass
