"""Compares json_write_form() with what it imitates: Node's JSON.stringify(JSON.parse(x)) and this
Python's json.dumps(json.loads(x)), plain and compact, over generated documents. What one side
accepts and the other not is a difference too.

Usage: json_forms.py DRIVER [--count N] [--seed S]. Exits 1 at the first difference, 77 without
node. DRIVER is the program of json_forms_main.c."""
import argparse
import decimal
import json
import math
import os
import random
import re
import shutil
import struct
import subprocess
import sys
import time

import json_gen

BATCH = 4000
DEPTH = 64
REJECTED = 0xffffffff
RESULTS = ["js string", "js reject", "js verbatim", "python", "python compact", "verbatim"]
TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|[\[\]{}]', re.S)
MARK = re.compile(r'"BIG:(-?\d+)"')


class Peer:
    """A long-lived process that answers batches."""

    def __init__(self, command, sized):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.sized = sized

    def send(self, documents):
        body = b"".join(struct.pack("=I", len(d)) + d for d in documents)
        head = struct.pack("=I", len(body)) if self.sized else b""
        self.process.stdin.write(head + struct.pack("=I", len(documents)) + body)
        self.process.stdin.flush()

    def receive(self):
        head = self.process.stdout.read(4)
        if len(head) < 4:
            sys.exit("%r ended" % self.process.args)
        (n,) = struct.unpack("=I", head)
        return None if n == REJECTED else self.process.stdout.read(n)

    def close(self):
        self.process.stdin.close()
        return self.process.wait()


def js_keeps(literal):
    """Does JavaScript print the integer with these digits? By Python's own shortest digits."""
    x = float(literal) if len(literal) < 300 else math.inf
    if abs(x) >= 1e21:
        return False
    return format(decimal.Decimal(repr(x)), "f").split(".")[0] == literal or literal == "-0"


class Marked:
    """A valid text with each integer that JavaScript would alter as the string "BIG:digits"."""

    def __init__(self, text):
        self.big = False
        self.depth = self.deepest = 0
        self.text = TOKEN.sub(self.token, text)

    def token(self, match):
        token = match.group()
        if token in "[{":
            self.depth += 1
            self.deepest = max(self.depth, self.deepest)
        elif token in "]}":
            self.depth -= 1
        elif token[0] != '"' and not set(token) & set(".eE") and not js_keeps(token):
            self.big = True
            return '"BIG:%s"' % token
        return token


def refuse(constant):
    raise ValueError(constant)


def finite(literal):
    x = float(literal)
    if math.isinf(x):
        raise OverflowError(literal)
    return x


def is_valid(data):
    try:
        text = data.decode("utf-8")
        json.loads(text, parse_constant=refuse, parse_int=str, parse_float=str)
        return text
    except ValueError:
        return None


def python_forms(text):
    try:
        parsed = json.loads(text, parse_float=finite)
        forms = [json.dumps(parsed), json.dumps(parsed, separators=(",", ":"))]
        return [form.encode() for form in forms]
    except (ValueError, OverflowError):
        return [None, None]


def js_forms(marked, node_answer):
    if node_answer is None:
        return [None, None, None]
    verbatim = MARK.sub(r"\1", node_answer.decode()).encode()
    string = MARK.sub(r'"\1"', node_answer.decode()).encode()
    return [string, None if marked.big else verbatim, verbatim]


def expected(data, marked, node_answer):
    text = is_valid(data)
    if (text is None) != (node_answer is None):
        return None
    if text is None or marked.deepest > DEPTH:
        return [None] * len(RESULTS)
    return js_forms(marked, node_answer) + python_forms(text) + [data]


def mark(data):
    text = is_valid(data)
    return None if text is None else Marked(text)


def complain(data, what, wanted, got):
    print("document:", data, "\nresult:  ", what, "\nexpected:", wanted, "\ngot:     ", got)
    return False


def compare(data, marked, node_answer, driver):
    got = [driver.receive() for _ in RESULTS]
    wanted = expected(data, marked, node_answer)
    if wanted is None:
        return complain(data, "node and python disagree on validity", node_answer, got)
    for what, one, other in zip(RESULTS, wanted, got):
        if one != other:
            return complain(data, what, one, other)
    return True


def run_batch(documents, marked, node, driver):
    node.send([d if m is None else m.text.encode() for d, m in zip(documents, marked)])
    answers = [node.receive() for _ in documents]
    for data, m, answer in zip(documents, marked, answers):
        driver.send([data])
        if not compare(data, m, answer, driver):
            return False
    return True


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("driver")
    parser.add_argument("--count", type=int, default=100000)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32))
    options = parser.parse_args()
    if shutil.which("node") is None:
        print("no node")
        return 77
    print("seed", options.seed, flush=True)
    began = time.monotonic()
    r = random.Random(options.seed)
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "json_forms.js")
    node, driver = Peer(["node", script], True), Peer([options.driver], False)
    done = valid = big = 0
    while done < options.count:
        documents = [json_gen.document(r) for _ in range(min(BATCH, options.count - done))]
        marked = [mark(d) for d in documents]
        if not run_batch(documents, marked, node, driver):
            return 1
        done += len(documents)
        valid += sum(m is not None for m in marked)
        big += sum(m is not None and m.big for m in marked)
    if node.close() != 0 or driver.close() != 0:
        return 1
    print("%d documents agree, %d of them valid, %d with big integers, %.1f s"
          % (done, valid, big, time.monotonic() - began))
    return 0


if __name__ == "__main__":
    sys.exit(main())
