"""Requests that no HTTP library would send."""

import socket


def exchange(address, data, timeout=10):
    """Sends the bytes and reads until the other side closes or is silent; what it sent back."""
    received = b""
    with socket.create_connection(address, timeout) as s:
        try:
            s.sendall(data)
        except OSError:
            pass  # it closed before it had read everything: its answer may be here all the same
        while True:
            try:
                piece = s.recv(65536)
            except (TimeoutError, ConnectionError):
                return received
            if not piece:
                return received
            received += piece


def request(method, target, headers=(), body=b""):
    lines = [f"{method} {target} HTTP/1.1", "Host: test", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body


def chunked(body, size=65536):
    out = b""
    for i in range(0, len(body), size):
        piece = body[i : i + size]
        out += b"%x\r\n%s\r\n" % (len(piece), piece)
    return out + b"0\r\n\r\n"


def status(answer):
    """The status code of a raw answer."""
    assert answer.startswith(b"HTTP/1.1 "), answer[:100]
    return int(answer[9:12])
