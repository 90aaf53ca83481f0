"""TCP proxies that misbehave as they are told, in a process of their own: python3 -m harness.storm.proxy.

Lines of JSON come by standard input, and each is answered by one: {"port": 5432} makes a proxy before that port and
answers its own; {"of": 12001, …} tells the one with that port

    port     where its connections go from now on
    mode     "pass", "refuse" (whoever comes is reset), "freeze" (nothing moves) or "delay" (by `seconds`)
    cut      true: all its connections are reset now
    mines    so many, one in each connection that moves something: after so many bytes as `after` says at most, in one
             direction, `how`: "cut" (what is on its way before it goes out, then it is reset), "half" (that direction
             ends) or "stall" (that direction stops, and says nothing)"""

import asyncio
import collections
import contextlib
import json
import random
import socket
import struct
import sys

RESET = struct.pack("ii", 1, 0)


class End(asyncio.Protocol):
    """One side of a connection; what it reads goes out of the other."""

    def __init__(self, proxy, other=None):
        self.proxy = proxy
        self.other = other
        self.transport = None
        self.held = collections.deque()  # what has come and not gone on
        self.late = 0  # how much of it goes by itself, in a while
        self.mine = None
        self.stalled = self.ended = False

    def connection_made(self, transport):
        self.transport = transport
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.proxy.ends.add(self)
        if self.proxy.mode == "refuse":
            self.reset()
        elif self.other is None:
            asyncio.ensure_future(self.connect())
        else:
            self.other.other = self
            self.other.go_on()

    async def connect(self):
        try:
            await asyncio.get_running_loop().create_connection(lambda: End(self.proxy, self), "127.0.0.1", self.proxy.to)
        except OSError:
            self.reset()

    def data_received(self, data):
        data = self.step_on_mine(data)
        if self.stalled or not data:
            return
        self.held.append(data)
        if self.proxy.mode == "delay":
            self.late += 1
            asyncio.get_running_loop().call_later(self.proxy.seconds, self.go_late)
        elif not self.late:
            self.go_on()

    def go_late(self):
        self.late -= 1
        self.go_on(1 if self.late else None)  # with the last goes what came after the delay was over

    def go_on(self, most=None):
        """What is held goes on, in its order."""
        if self.other is None or self.other.transport is None or self.proxy.mode == "freeze":
            return
        while self.held and most != 0:
            self.other.transport.write(self.held.popleft())
            most = most and most - 1
        if self.ended and not self.held:
            self.other.end()

    def end(self):
        with contextlib.suppress(OSError):  # it was reset meanwhile
            self.transport.write_eof()

    def step_on_mine(self, data):
        if self.mine is None and self.proxy.mines > 0:
            self.proxy.mines -= 1
            self.mine = random.randrange(self.proxy.after)
        if self.mine is None or self.stalled:
            return data
        if self.mine > len(data):
            self.mine -= len(data)
            return data
        first, self.mine = data[: self.mine], None
        if self.other is not None and self.other.transport is not None:
            self.other.transport.write(first)
            if self.proxy.how == "half":
                self.other.end()
        self.stalled = True
        if self.proxy.how == "cut":
            self.reset()
        return b""

    def reset(self):
        for end in (self, self.other):
            if end is not None and end.transport is not None and not end.transport.is_closing():
                end.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                end.transport.abort()

    def eof_received(self):
        self.ended = True
        if not self.stalled and not self.held:
            self.go_on()
        return True

    def connection_lost(self, _error):
        self.proxy.ends.discard(self)
        if self.other is not None and self.other.transport is not None and not self.stalled:
            self.other.transport.close()

    def pause_writing(self):
        if self.other is not None:
            self.other.transport.pause_reading()

    def resume_writing(self):
        if self.other is not None:
            self.other.transport.resume_reading()


class Proxy:
    def __init__(self, to):
        self.to = to
        self.mode, self.seconds = "pass", 0.0
        self.mines, self.after, self.how = 0, 1, "cut"
        self.ends = set()

    async def listen(self):
        server = await asyncio.get_running_loop().create_server(lambda: End(self), "127.0.0.1", 0, backlog=1024)
        return server.sockets[0].getsockname()[1]

    def tell(self, said):
        self.to = said.get("port", self.to)
        self.mode, self.seconds = said.get("mode", self.mode), said.get("seconds", self.seconds)
        self.mines, self.after, self.how = said.get("mines", self.mines), said.get("after", 1), said.get("how", "cut")
        for end in list(self.ends):
            if said.get("cut") or self.mode == "refuse":
                end.reset()
            elif self.mode == "pass" and not end.late:
                end.go_on()


async def main():
    proxies = {}
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        said = json.loads(line)
        if "of" in said:
            proxies[said["of"]].tell(said)
            print("{}", flush=True)
        else:
            proxy = Proxy(said["port"])
            port = await proxy.listen()
            proxies[port] = proxy
            print(json.dumps(port), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
