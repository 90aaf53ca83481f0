"""A name server for one program: it sees a resolv.conf of its own (mount namespaces: as root)."""

import os
import random
import shlex
import socket
import struct
import threading

A, AAAA = 1, 28


class Names:
    """Below silent.test and half.test is everything, at 127.0.0.1, as all that is below ok.test. Of half.test AAAA is
    never answered for; of silent.test nothing is, until `speaks`. What is below two.test is at 127.0.0.2 too, and that
    comes first. Other names do not exist. `asked` has the names, one for each question."""

    def __init__(self):
        self.asked = []
        self.speaks = threading.Event()
        self.stopping = threading.Event()
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.address = f"127.{random.randrange(64, 128)}.{random.randrange(256)}.1"
        self.socket.bind((self.address, 53))
        self.socket.settimeout(0.1)
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while not self.stopping.is_set():
            try:
                packet, sender = self.socket.recvfrom(512)
            except TimeoutError:
                continue
            message = self.answer(packet)
            if message:
                self.socket.sendto(message, sender)

    def answer(self, packet):
        labels, at = [], 12
        while packet[at]:
            labels.append(packet[at + 1 : at + 1 + packet[at]].decode().lower())
            at += 1 + packet[at]
        kind = struct.unpack_from(">H", packet, at + 1)[0]
        zone = ".".join(labels[-2:])
        self.asked.append(".".join(labels))
        if zone == "silent.test" and not self.speaks.is_set():
            return None
        if zone == "half.test" and kind == AAAA:
            return None
        known = zone in ("silent.test", "half.test", "ok.test", "two.test")
        found = (2, 1) if zone == "two.test" else (1,)
        ttl = 0 if zone == "silent.test" else 60
        records = [
            struct.pack(">HHHIH4s", 0xC00C, A, 1, ttl, 4, bytes((127, 0, 0, last)))
            for last in found
            if known and kind == A
        ]
        flags = 0x8180 if known else 0x8183
        head = packet[:2] + struct.pack(">HHHHH", flags, 1, len(records), 0, 0)
        return head + packet[12 : at + 5] + b"".join(records)

    def program(self, directory, binary):
        """A program that is `binary`, and asks this server."""
        conf, script = os.path.join(directory, "resolv.conf"), os.path.join(directory, "program")
        self.write(conf)
        inner = f'mount --bind {shlex.quote(conf)} /etc/resolv.conf && exec {shlex.quote(str(binary))} "$@"'
        with open(script, "w", encoding="utf-8") as f:
            f.write(f"#!/bin/sh\nexec unshare -m sh -c {shlex.quote(inner)} sh \"$@\"\n")
        os.chmod(script, 0o755)
        return script

    def write(self, conf):
        """Makes it a resolv.conf with this server; who sees the file already sees that."""
        with open(conf, "w", encoding="utf-8") as f:
            f.write(f"nameserver {self.address}\nsearch nothing.test ok.test\n")

    def close(self):
        self.stopping.set()
        self.thread.join(5)
        self.socket.close()
