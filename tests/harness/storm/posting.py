"""Clients of a storm: they post until they are told that it was accepted, under keys; or once, without."""

import http.client
import itertools
import json
import random
import threading
import time

from harness.server import ADMIN_KEY
from harness.storm import events

UNSURE = (429, 500, 503, 504)  # they say to come again; 500 is looked at
FLOOR = 0.01


class Clients:
    """`rate` events a second at most, and as many deliveries that are under way."""

    def __init__(self, world, oracle, seed, rate, load, threads=3):
        self.world, self.oracle, self.rate, self.load = world, oracle, rate, load
        self.numbers = itertools.count(load.first)
        self.lock = threading.Lock()
        self.stopped = threading.Event()
        self.refused = 0
        self.seed, self.threads = seed, threads
        self.run = f"{seed:x}-{time.time_ns():x}"
        self.running = []

    def start(self):
        self.stopped.clear()
        self.running = [threading.Thread(target=self.work, args=(i,), daemon=True) for i in range(self.threads)]
        for thread in self.running:
            thread.start()

    def stop(self):
        """What was begun is answered first: the faults must be over."""
        self.stopped.set()
        for thread in self.running:
            thread.join(60)
            if thread.is_alive():
                self.world.violate("a client was not told for a minute that its events are accepted")
        with self.lock:
            return next(self.numbers)

    def take(self, count):
        with self.lock:
            return [next(self.numbers) for _ in range(count)]

    def work(self, who):
        chance = random.Random(f"{self.seed} {who} {next(self.numbers)}")
        types = [t for t, (weight, _) in self.oracle.types.items() for _ in range(weight)]
        share = self.rate / self.threads
        while not self.stopped.is_set():
            began = time.monotonic()
            batch = [(n, chance.choice(types)) for n in self.take(chance.choice(self.load.batches))]
            self.post(batch, who, chance)
            while not self.stopped.is_set() and (
                self.oracle.outstanding() > self.rate or time.monotonic() < began + len(batch) / share
            ):
                self.stopped.wait(FLOOR)

    def body(self, batch, keyed):
        texts = []
        for number, type_ in batch:
            key = b',"idempotency_key":"%s-%d"' % (self.run.encode(), number) if keyed else b""
            texts.append(b'{"type":"%s","data":%s%s}' % (type_.encode(), events.data(number), key))
        return b'{"events":[' + b",".join(texts) + b"]}"

    def post(self, batch, who, chance):
        keyed = chance.random() < 0.9
        body = self.body(batch, keyed)
        asked = time.monotonic()
        if not keyed:
            self.oracle.maybe.update(n for n, _ in batch)
        while True:
            status, answer = self.ask(body, chance)
            if status == 202:
                for (number, type_), made in zip(batch, json.loads(answer)["data"], strict=True):
                    self.oracle.accept(number, made["id"], type_, asked, who)
                return
            if status not in UNSURE and status is not None or status == 500:
                self.world.violate(f"a batch of events was answered {status}: {answer[:500]}")
                return
            self.refused += 1
            if not keyed:
                return
            time.sleep(0.05)

    def ask(self, body, chance):
        """The answer, if there was one; from an API behind the proxy at times."""
        api = chance.choice(self.world.apis)
        port = self.world.ports["apis"] if api is self.world.apis[0] and chance.random() < 0.5 else api.port
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=6)
        headers = {"Authorization": f"Bearer {ADMIN_KEY}", "Content-Type": "application/json"}
        try:
            connection.request("POST", "/v1/events/batch", body, headers)
            response = connection.getresponse()
            if response.length is None:  # its head was cut, and http.client takes that for its end
                return None, b""
            return response.status, response.read()
        except (OSError, http.client.HTTPException):
            return None, b""
        finally:
            connection.close()
