"""The receivers of a storm, in a process of their own: python3 -m harness.storm.sink FD.

Lines of JSON come by standard input: {"hook": 3, "kind": "well", "secrets": ["whsec_…"]}, which may be said again. The
first line of the standard output is the port. What arrives goes to the descriptor FD, an ARRIVAL each, when its answer
has been sent, or its receiver has made up its mind not to."""

import asyncio
import hashlib
import hmac
import json
import os
import struct
import sys
import time
from base64 import b64decode, b64encode

from harness.storm import events

ARRIVAL = struct.Struct("=IIHHBdd30s")  # number, hook, attempt, status, what is wrong, came, answered, event's id
WRONG_BODY, WRONG_SIGNATURE = 1, 2
STALL = 0xFFFF  # a hook's number that says: from `came` to `answered` this process had no processor
TOLD_EVERY, STALLED = 0.01, 0.3
REASON = {200: b"OK", 302: b"Found", 500: b"Internal Server Error"}
HOOKS = {}


def answer(status, headers=b"", body=b"OK"):
    return b"HTTP/1.1 %d %s\r\n%sContent-Length: %d\r\n\r\n%s" % (status, REASON[status], headers, len(body), body)


class Hook:
    def __init__(self, kind, secrets):
        self.kind = kind
        self.keys = [(s.encode(), b64decode(s.removeprefix("whsec_"))) for s in secrets]

    def signed(self, headers, body):
        """Whether both signatures are of one of its secrets."""
        signed = b"%s.%s.%s" % (headers.get(b"webhook-id", b""), headers.get(b"webhook-timestamp", b""), body)
        for whole, decoded in self.keys:
            plain = b"sha256=" + hmac.digest(whole, body, hashlib.sha256).hex().encode()
            standard = b"v1," + b64encode(hmac.digest(decoded, signed, hashlib.sha256))
            if plain in headers.get(b"x-webhook-signature", b""):
                return standard in headers.get(b"webhook-signature", b"").split(b" ")
        return False


def failures(number):
    """How often an event fails where events may: most never."""
    luck = events.chance(number, b"failures")
    return 0 if luck < 700 else 1 if luck < 900 else 2


# What a receiver does with a request: what it sends, and how that ends.
OK = (200, answer(200), "keep", 0)
HOSTILE = [
    (500, answer(500), "keep", 0),
    (302, answer(302, b"Location: /elsewhere\r\n"), "keep", 0),
    (0, b"", "hang", 0),
    (0, b"", "reset", 0),
    (200, b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", "close", 0),  # its head says it
    (0, b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 70_000 + b"\r\n", "hang", 0),
    (0, b"\x16\x03\x01 this is no HTTP\r\n\r\n", "close", 0),
    (0, b"HTTP/1.1 200 OK\r\nContent-", "hang", 0),
]


def well(_number, _attempt):
    return OK


def flaky(number, attempt):
    return OK if attempt > failures(number) else (500, answer(500), "keep", 0)


def slow(number, _attempt):
    return (200, answer(200), "keep", events.chance(number, b"slow") / 3000)


def hostile(number, attempt):
    return OK if attempt > failures(number) else HOSTILE[events.chance(number, b"hostile") % len(HOSTILE)]


def never(_number, _attempt):
    return (500, answer(500), "keep", 0)


KINDS = {"well": well, "flaky": flaky, "slow": slow, "hostile": hostile, "never": never}


class Connection(asyncio.Protocol):
    def __init__(self, tell):
        self.tell = tell
        self.rest = b""
        self.need = 0

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.rest += data
        while len(self.rest) >= self.need and (end := self.rest.find(b"\r\n\r\n")) >= 0:
            lines = self.rest[:end].split(b"\r\n")
            headers = {k.lower(): v for k, _, v in (line.partition(b": ") for line in lines[1:])}
            size = int(headers.get(b"content-length", 0))
            self.need = end + 4 + size
            if len(self.rest) < self.need:
                return
            body, self.rest, self.need = self.rest[end + 4 : self.need], self.rest[self.need :], 0
            self.serve(int(lines[0].split(b" ")[1].rpartition(b"/")[2]), headers, body)

    def serve(self, number_of_hook, headers, body):
        hook, came, wrong = HOOKS[number_of_hook], time.monotonic(), 0
        number, event, _ = events.read(body) or (0, b"", "")
        if not event or event != headers.get(b"webhook-id"):
            wrong |= WRONG_BODY
        if not hook.signed(headers, body):
            wrong |= WRONG_SIGNATURE
        attempt = int(headers.get(b"x-webhook-attempt", 0))
        status, sent, end, delay = KINDS[hook.kind](number, attempt)

        def reply():
            gone = self.transport.is_closing()
            self.transport.write(sent)
            if end == "close":
                self.transport.close()
            elif end == "reset":
                self.transport.abort()
            self.tell(
                ARRIVAL.pack(number, number_of_hook, attempt, 0 if gone else status, wrong, came, time.monotonic(), event)
            )

        if delay:
            asyncio.get_running_loop().call_later(delay, reply)
        else:
            reply()


async def main(fd):
    pending = bytearray()
    last = time.monotonic()

    def flush():
        nonlocal last
        now = time.monotonic()
        if now - last > STALLED:
            pending.extend(ARRIVAL.pack(0, STALL, 0, 0, 0, last, now, b""))
        last = now
        if pending:
            os.write(fd, pending)  # blocks while nobody reads: what has arrived is never lost
            pending.clear()
        asyncio.get_running_loop().call_later(TOLD_EVERY, flush)

    server = await asyncio.get_running_loop().create_server(lambda: Connection(pending.extend), "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    flush()
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        told = json.loads(line)
        HOOKS[told["hook"]] = Hook(told["kind"], told["secrets"])
        print("", flush=True)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
