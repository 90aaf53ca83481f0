"""The model of Redis against Redis: what it did in runs of the simulator (sim -r), the real one does again, the same
scripts at the same times, and has to answer the same and have the same at the end."""

import os
import re
import socket
import subprocess
from pathlib import Path

import pytest

SIM = os.environ.get("POSTHORN_SIM", "build-tests/tests/sim/sim")
SEEDS = int(os.environ.get("POSTHORN_SIM_SEEDS", "30"))
CLOCK = re.compile(rb"local t = call\('TIME'\)")
EXPIRY = re.compile(rb"'PX', \w+")
GATE_SIZE = 45  # bytes, in the answer of sweep.lua
READS = {"string": "GET", "hash": "HGETALL", "set": "SMEMBERS"}


class Redis:
    """As much of a client as this takes."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(str(path))
        self.file = self.socket.makefile("rb")

    def __call__(self, *words):
        words = [w if isinstance(w, bytes) else str(w).encode() for w in words]
        self.socket.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words))
        return self.read()

    def read(self):
        line = self.file.readline()[:-2]
        kind, rest = line[:1], line[1:]
        if kind == b"-":
            raise AssertionError(rest.decode())
        if kind == b"$":
            return None if rest == b"-1" else self.file.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return [self.read() for _ in range(int(rest))]
        return rest


def unhex(word):
    return b"" if word == "-" else bytes.fromhex(word)


def at(lua, now_us):
    """The script with the world's clock in place of the server's: keys go when the record says so."""
    text, count = CLOCK.subn(b"local t = {'%d', '%d'}" % divmod(now_us, 1000000), lua)
    assert count <= 1
    return EXPIRY.sub(b"'PX', 1000000000", text)


def plain(name, answer):
    """Of a sweep the gates by their endpoints: SPOP gives them in any order."""
    if name != "sweep":
        return answer
    gates = sorted(answer[1][at : at + GATE_SIZE] for at in range(0, len(answer[1]), GATE_SIZE))
    return [answer[0], gates, answer[2]]


def pairs(words):
    return sorted(zip(words[::2], words[1::2]))


def content(redis, kind, name):
    if kind == "zset":
        return redis("ZRANGE", name, 0, -1, "WITHSCORES")
    found = redis(READS[kind], name)
    return [found] if kind == "string" else pairs(found) if kind == "hash" else sorted(found)


def expected(kind, words):
    return pairs(words) if kind == "hash" else sorted(words) if kind == "set" else words


class Replay:
    def __init__(self, redis):
        self.redis, self.scripts, self.answer, self.saved = redis, {}, None, None
        self.evals = self.keys = 0

    def script(self, name, lua):
        self.scripts[name] = unhex(lua)

    def eval(self, name, now_us, *args):
        found = self.redis("EVAL", at(self.scripts[name], int(now_us)), 0, *map(unhex, args))
        self.answer = found if isinstance(found, list) else [found]
        self.name = name
        self.evals += 1

    def answered(self, *words):
        assert plain(self.name, self.answer) == plain(self.name, [unhex(w) for w in words])

    def gone(self, name):
        self.redis("DEL", unhex(name))

    def flush(self):
        self.redis("FLUSHALL")

    def save(self):
        self.saved = [(k, self.redis("DUMP", k)) for k in self.redis("KEYS", "*")]

    def restore(self):
        self.flush()
        for name, dump in self.saved:
            self.redis("RESTORE", name, 0, dump)

    def key(self, kind, name, *words):
        assert content(self.redis, kind, unhex(name)) == expected(kind, [unhex(w) for w in words])
        self.keys += 1

    def so_far(self):
        assert int(self.redis("DBSIZE")) == self.keys
        self.keys = 0

    def end(self):
        self.so_far()
        self.flush()


@pytest.fixture
def server(tmp_path):
    path = tmp_path / "redis.sock"
    args = ["redis-server", "--port", "0", "--unixsocket", str(path), "--save", "", "--dir", str(tmp_path)]
    with subprocess.Popen(args, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if "Ready to accept" in line or "ready to accept" in line:
                break
        yield Redis(path)
        process.kill()


def test_the_model_answers_as_redis_does(server, tmp_path):
    record = tmp_path / "record"
    subprocess.run([SIM, "-n", str(SEEDS), "-r", str(record)], check=True, timeout=300, cwd=Path(__file__).parents[2])
    replay = Replay(server)
    full = False
    for number, line in enumerate(record.read_text().splitlines(), 1):
        word, *rest = line.split()
        if word == "error":  # out of memory: the real one was not
            full = True
        elif word == "end" and full:
            replay.keys, full = 0, False
            replay.flush()
        elif not full:
            try:
                getattr(replay, "answered" if word == "answer" else word)(*rest)
            except AssertionError as error:
                raise AssertionError(f"line {number}: {line[:200]}") from error
    assert replay.evals > 10 * SEEDS
