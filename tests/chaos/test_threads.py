"""Several threads of the API and of the worker in one process, while all that they share is in use. With a
build with ThreadSanitizer this is the run of the service that finds races (tests/README.md)."""

import http.client
import itertools
import threading

from harness import replies
from harness.client import UNSET
from harness.receiver import Receiver
from harness.tls import self_signed
from harness.wait import until

CLIENTS = 4
BATCH = {"events": [{"type": "a.b", "data": {"n": n}} for n in range(20)]}
END_ONE = (
    "select pg_terminate_backend(pid) from pg_stat_activity"
    " where datname = current_database() and pid <> pg_backend_pid() limit 2"
)


def webhooks(client, receiver, secure):
    """Receivers that are quick, slow, failing, paced, behind a name and behind a certificate that nobody
    trusts."""
    receiver.script("/slow", replies.answer(200, delay=0.1))
    receiver.script("/fails", replies.answer(500))
    often = {"retry_schedule": [1, 1]}
    return {
        "quick": client.webhook(receiver.url("/quick")),
        "slow": client.webhook(receiver.url("/slow"), concurrency=4),
        "fails": client.webhook(receiver.url("/fails"), **often),
        "named": client.webhook(receiver.url("/named", host="localhost"), headers={"X-Name": "v"}),
        "paced": client.webhook(receiver.url("/paced"), rate_limit=50),
        "secure": client.webhook(secure.url("/secure"), **often),
    }


def steps(client, hooks):
    """What clients do, in a circle: method, path, body, headers."""
    quick, paced = (f"/webhooks/{hooks[name]['id']}" for name in ("quick", "paced"))
    event = {"type": "user.created", "data": {}}
    return [
        ("POST", "/events", event),
        ("POST", "/events", event, {"Idempotency-Key": "same"}),
        ("POST", "/events/batch", BATCH),
        ("GET", f"{quick}/deliveries"),
        ("POST", f"{quick}/test", {}),
        ("PATCH", paced, {"status": "paused"}),
        ("POST", "/events", event),
        ("PATCH", paced, {"status": "active"}),
        ("POST", f"{paced}/secret/rotate", {}),
        ("POST", "/keys", {"name": "k", "scope": "read"}),
        ("GET", "/keys", UNSET, {"Authorization": "Bearer nobody"}),
        ("GET", "/openapi.json"),
    ]


class Clients:
    """Threads that go through the steps, each from a place of its own, until they are stopped. What is
    answered, or that nothing is while the server ends, is not looked at."""

    def __init__(self, client, hooks):
        self.client = client
        self.steps = steps(client, hooks)
        self.stopped = threading.Event()
        self.rounds = 0
        self.threads = [threading.Thread(target=self.run, args=(i,)) for i in range(CLIENTS)]
        for thread in self.threads:
            thread.start()

    def run(self, number):
        for i in itertools.count(number * len(self.steps) // CLIENTS):
            if self.stopped.is_set():
                return
            method, path, *rest = self.steps[i % len(self.steps)]
            body, headers = [*rest, *(UNSET, None)[len(rest) :]]
            try:
                self.client.request(method, path, body, None, headers, check=False)
                self.rounds += 1
            except (OSError, http.client.HTTPException):
                self.stopped.wait(0.01)

    def stop(self):
        self.stopped.set()
        for thread in self.threads:
            thread.join()


def test_threads_under_load(start, database, redis, receiver, tmp_path):
    secure = Receiver(context=self_signed(tmp_path))
    server = start(
        POSTHORN_API_THREADS=3, POSTHORN_WORKER_THREADS=3, POSTHORN_LOG_LEVEL="debug"
    )
    clients = Clients(server.client(), webhooks(server.client(), receiver, secure))
    try:
        for happens in (redis.flush, lambda: database.query(END_ONE), server.terminate):
            rounds, seen = clients.rounds, len(receiver.at("/quick"))
            until(lambda: clients.rounds > rounds + 100, 60, "requests")
            until(lambda: len(receiver.at("/quick")) > seen + 100, 60, "deliveries")
            happens()
        server.stop()
    finally:
        clients.stop()
        secure.close()
