"""What a receiver may do with a request, good or bad. Each is a function of (receiver, connection,
request) and returns whether the connection stays open."""

import socket
import struct
import time

REASONS = {
    200: "OK",
    204: "No Content",
    301: "Moved Permanently",
    302: "Found",
    410: "Gone",
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


def head(status, headers=(), size=None):
    lines = [f"HTTP/1.1 {status} {REASONS.get(status, 'Other')}"]
    lines += [f"{name}: {value}" for name, value in headers]
    if size is not None:
        lines.append(f"Content-Length: {size}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def answer(status=200, body=b"OK", headers=(), delay=0.0):
    if status == 204:
        body = b""
    message = head(status, headers, None if status == 204 else len(body)) + body

    def reply(receiver, connection, request):
        if delay and receiver.stopping.wait(delay):
            return False
        request.ended = time.monotonic()  # from here on its sender may begin another
        connection.sendall(message)
        return True

    return reply


def gate(event, after=None):
    """Answers once the threading.Event is set."""
    after = after or answer()

    def reply(receiver, connection, request):
        while not event.wait(0.02):
            if receiver.stopping.is_set():
                return False
        return after(receiver, connection, request)

    return reply


def raw(data, end="close"):
    """These bytes, then `end`: close, reset (RST), hang (never another byte) or keep."""

    def reply(receiver, connection, request):
        connection.sendall(data)
        return {"close": close, "reset": reset, "hang": hang, "keep": keep}[end]()(
            receiver, connection, request
        )

    return reply


def close():
    return lambda _receiver, _connection, _request: False


def keep():
    return lambda _receiver, _connection, _request: True


def reset():
    def reply(_receiver, connection, _request):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return False

    return reply


def hang():
    """Nothing more, until the other side gives up."""

    def reply(receiver, connection, _request):
        connection.settimeout(0.1)
        while not receiver.stopping.is_set():
            try:
                if not connection.recv(4096):
                    return False
            except TimeoutError:
                continue
        return False

    return reply


def drip(data, interval):
    def reply(receiver, connection, _request):
        for i in range(len(data)):
            connection.sendall(data[i : i + 1])
            if receiver.stopping.wait(interval):
                return False
        return True

    return reply


def endless(piece, before=b""):
    """The piece again and again, until the other side has had enough."""

    def reply(receiver, connection, _request):
        connection.sendall(before)
        while not receiver.stopping.is_set():
            connection.sendall(piece)
        return False

    return reply
