"""People who race over webhooks while storms rage: what each does may go through or not, and nobody is told."""

import contextlib
import http.client
import random
import threading
import time

from harness.storm.hooks import make, secret, tell
from harness.wait import until


class People:
    def __init__(self, world, oracle, seed):
        self.world, self.oracle, self.seed = world, oracle, seed
        self.hooks = [h for h in oracle.hooks if h.people]
        self.stopped = threading.Event()
        self.lock = threading.Lock()
        self.running = []
        self.acts = 0

    def start(self):
        self.stopped.clear()
        self.running = [threading.Thread(target=self.work, args=(i,), daemon=True) for i in range(2) if self.hooks]
        for thread in self.running:
            thread.start()

    def work(self, who):
        chance = random.Random(f"{self.seed} people {who} {time.monotonic()}")
        while not self.stopped.wait(chance.uniform(0.05, 0.6)):
            with contextlib.suppress(OSError, http.client.HTTPException, KeyError, IndexError, ValueError):
                chance.choice(ACTS)(self, chance.choice(self.hooks), chance)
                self.acts += 1

    def ask(self, method, path, body=None):
        answer = self.world.client(random.randrange(2)).request(method, path, body or {}, expect=None, check=False)
        if answer.status == 500:
            self.world.violate(f"{method} {path} was answered 500: {answer.body}")
        return answer

    def set_status(self, hook, status):
        return self.ask("PATCH", f"/webhooks/{hook.id}", {"status": status}).status == 200

    def pause(self, hook, chance):
        self.set_status(hook, "paused")
        self.stopped.wait(chance.uniform(0, 1))
        self.set_status(hook, "active")

    def disable(self, hook, chance):
        self.set_status(hook, "disabled")
        self.stopped.wait(chance.uniform(0, 0.5))
        self.set_status(hook, "active")

    def rotate(self, hook, chance):
        """Which of those that were asked for came last, nobody knows."""
        if hook.name == "doomed":
            return
        made = secret(self.seed, hook.name, chance.random())
        with self.lock:
            hook.secrets = [*hook.secrets[-40:], made]
            tell(self.world, hook)
        self.ask("POST", f"/webhooks/{hook.id}/secret/rotate", {"secret": made, "overlap_seconds": 0})

    def some_delivery(self, hook, chance, **query):
        asked = "&".join(f"{k}={v}" for k, v in query.items())
        listed = self.ask("GET", f"/webhooks/{hook.id}/deliveries?limit=50&{asked}").json["data"]
        return chance.choice(listed)["id"]

    def retry(self, hook, chance):
        delivery = self.some_delivery(hook, chance)
        self.oracle.asked_again.append((hook.name, time.monotonic()))
        self.ask("POST", f"/deliveries/{delivery}/retry")

    def cancel(self, hook, chance):
        self.ask("POST", f"/deliveries/{self.some_delivery(hook, chance, status='pending')}/cancel")

    def replay(self, hook, _chance):
        self.oracle.asked_again.append((hook.name, time.monotonic()))
        self.ask("POST", f"/webhooks/{hook.id}/replay", {"status": "failed"})
        self.ask("POST", f"/webhooks/{hook.id}/replay", {"status": "cancelled"})

    @property
    def doomed(self):
        return next((h for h in self.hooks if h.replaced), None)

    def delete(self, _hook, _chance):
        """And another one in its place, or two if nobody was told of the first."""
        doomed = self.doomed
        self.oracle.asked_again.append((doomed.name, time.monotonic()))
        if self.ask("DELETE", f"/webhooks/{doomed.id}").status in (204, 404):
            doomed.id = self.ask("POST", "/webhooks", make(self.world, doomed, self.seed)).json["id"]

    def patch(self, hook, chance):
        self.ask("PATCH", f"/webhooks/{hook.id}", {"concurrency": chance.choice([1, 5, 50])})

    def stop(self):
        self.stopped.set()
        for thread in self.running:
            thread.join(30)

    def make_peace(self):
        """Whatever they did: all webhooks are active again, and those are gone that nobody was told of."""
        until(lambda: self.calm(self.activate), 30, "webhooks to be active")

    def activate(self):
        there = self.ask("GET", "/webhooks?limit=250").json["data"]
        doomed = self.doomed
        surplus = [w["id"] for w in there if doomed and w["description"] == doomed.name and w["id"] != doomed.id]
        if surplus:
            return all([self.ask("DELETE", f"/webhooks/{id_}").status == 204 for id_ in surplus]) and self.activate()
        asleep = [w["id"] for w in there if w["status"] != "active"]
        return all([self.ask("PATCH", f"/webhooks/{id_}", {"status": "active"}).status == 200 for id_ in asleep])

    @staticmethod
    def calm(ask):
        with contextlib.suppress(OSError, http.client.HTTPException, KeyError):
            return ask()
        return False


ACTS = [People.pause, People.disable, People.rotate, People.retry, People.cancel, People.replay, People.delete, People.patch]


def make_webhooks(world, hooks, seed):
    for hook in hooks:
        asked = make(world, hook, seed)
        hook.id = world.client().post("/webhooks", asked, expect=201).json["id"]
