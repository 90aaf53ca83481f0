"""A service that is ended, stopped or failed at one point (include/base/crash.h), and what its clients do meanwhile."""

import collections
import contextlib
import http.client
import itertools
import os
import signal
import threading
import time
from pathlib import Path

from harness import replies
from harness.wait import until

POINT = "CRASH_POINT"
HIT = "event=crash_point"
GIVES_UP = "posthorn: the database cannot be used"  # what a start that fails says
STOPPED_S = 0.3
PENDING = "select id, webhook_id, state, attempts, next_at::text, lease_until::text from delivery where state in (0, 4) and not test"


def are_built():
    path = os.environ.get("POSTHORN_BIN")
    return bool(path) and b"posthorn: CRASH_POINT" in Path(path).read_bytes()


def fails_first(receiver, connection, request):
    status = 500 if request.header("X-Webhook-Attempt") == "1" else 200
    return replies.answer(status)(receiver, connection, request)


class Crashing:
    """One process, API and worker. It is started again when it was ended at its point, and goes on when it was stopped."""

    def __init__(self, start, database, receiver, directory):
        self.database, self.receiver = database, receiver
        self.list = Path(directory, "points")
        self.server = start(CRASH_POINTS=self.list)
        self.client = self.server.client(timeout=2)
        self.keys = itertools.count()
        self.accepted, self.asked_again = set(), set()
        self.dead = threading.Event()
        self.from_ = 0  # in its log, since this point
        receiver.script("/flaky", fails_first)
        self.plain = self.client.webhook(receiver.url("/hook"), ["a"], retry_schedule=[1] * 20)
        self.lane = self.client.webhook(receiver.url("/lane"), ["a"], retry_schedule=[1] * 20, ordering="webhook")
        self.flaky = self.client.webhook(receiver.url("/flaky"), ["b"], retry_schedule=[1] * 20)
        self.paths = {"a": ["/hook", "/lane"], "b": ["/flaky"]}
        self.mine = []  # events of this point: type, id

    # --- its points ----------------------------------------------------------------------------------

    def points(self):
        """What was come to so far; with whether it may fail."""
        lines = self.list.read_text(encoding="ascii").splitlines()
        return {line.removesuffix(" ?"): line.endswith(" ?") for line in lines}

    def start(self, point=None):
        """Nothing is in flight then: it is ended as it stands."""
        if self.server.is_running():
            self.server.process.kill()
            self.server.process.wait()
        self.server.env.pop(POINT, None)
        if point:
            self.server.env[POINT] = point
        self.server.start(wait=False)

    def was_there(self):
        return HIT in self.server.log(self.from_)

    @contextlib.contextmanager
    def watched(self):
        """What was stopped goes on after a while; what has ended is told to tend()."""
        over = threading.Event()
        wrong = []
        ended = None

        def watch():
            nonlocal ended
            while not over.wait(0.02):
                process = self.server.process
                if process is not ended and process.poll() is not None:
                    ended = process
                    log = self.server.log(self.from_)
                    if process.returncode not in (0, -signal.SIGKILL) and GIVES_UP not in log:
                        wrong.append(f"it ended with {process.returncode}: {log[-3000:]}")
                    self.dead.set()
                elif state_of(process.pid) == "T":
                    time.sleep(STOPPED_S)
                    process.send_signal(signal.SIGCONT)

        thread = threading.Thread(target=watch)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
        assert not wrong, wrong

    def tend(self):
        """What has ended is started without its point, by the thread that runs the test: a child is ended with the
        thread that made it."""
        if self.dead.is_set():
            self.dead.clear()
            self.start()

    # --- what clients do ------------------------------------------------------------------------------

    def ask(self, method, path, body=None, key=None):
        self.tend()
        headers = {"Idempotency-Key": key} if key else {}
        try:
            answer = self.client.request(method, path, body or {}, expect=None, headers=headers, check=False)
        except (OSError, http.client.HTTPException):
            return None
        assert answer.status != 500, f"{method} {path}: {answer.body}"
        return answer

    def must(self, what, method, path, body, key=None):
        """The answer of the 2xx that comes in the end."""

        def try_once():
            answer = self.ask(method, path, body, key)
            return answer.json if answer and answer.status < 300 else None

        return until(try_once, 20, what)

    def publish(self, type_):
        made = self.must("a 202", "POST", "/events", {"type": type_, "data": {}}, f"k{next(self.keys)}")
        self.mine.append((type_, made["id"]))
        return made["id"]

    def publish_many(self):
        events = [{"type": t, "data": {}, "idempotency_key": f"k{next(self.keys)}"} for t in "aab"]
        for type_, made in zip("aab", self.must("a 202", "POST", "/events/batch", {"events": events})["data"], strict=True):
            self.mine.append((type_, made["id"]))

    def publish_in_sql(self, type_):
        ((event,),) = self.database.query(f"begin; select posthorn.publish('default', '{type_}', '{{}}'); commit")
        self.mine.append((type_, event))

    def round(self):
        """A bit of everything."""
        self.publish("a")
        self.publish("b")
        self.publish_many()
        self.publish_in_sql("a")
        hook = f"/webhooks/{self.plain['id']}"
        self.ask("POST", f"{hook}/test")
        self.ask("PATCH", hook, {"status": "paused"})
        self.publish("a")
        self.must("it to be active", "PATCH", hook, {"status": "active"})
        self.ask("POST", f"{hook}/secret/rotate")
        self.ask("POST", f"{hook}/replay", {"status": "failed"})
        listed = self.ask("GET", f"/webhooks/{self.flaky['id']}/deliveries?limit=1")
        for delivery in listed.json["data"] if listed and listed.status == 200 else []:
            self.asked_again.add(delivery["event_id"])
            self.ask("POST", f"/deliveries/{delivery['id']}/{'retry' if delivery['status'] == 'delivered' else 'cancel'}")
            self.must("it to be sent again", "POST", f"/deliveries/{delivery['id']}/retry", {})
        made = self.ask("POST", "/webhooks", {"url": self.receiver.url("/other"), "events": ["other"]})
        if made and made.status == 201:
            self.ask("DELETE", f"/webhooks/{made.json['id']}")
        made = self.ask("POST", "/keys", {"name": "k", "scope": "read"})
        if made and made.status == 201:
            self.ask("DELETE", f"/keys/{made.json['id']}")

    # --- what must be true ------------------------------------------------------------------------------

    def arrivals(self):
        """How often each event was answered 200 at each path, of all requests."""
        done = collections.Counter()
        for request in self.receiver.requests:
            if request.path != "/flaky" or request.header("X-Webhook-Attempt") != "1":
                done[request.path, request.header("webhook-id")] += 1
        return done

    def all_came(self):
        self.tend()
        done = self.arrivals()
        return all(done[path, event] for type_, event in self.mine for path in self.paths[type_])

    def none_pending(self):
        self.tend()
        self.left = self.database.query(PENDING)
        return not self.left

    def look(self, most):
        """All of this point's events arrive and end, none more often than that."""
        until(self.all_came, 20, lambda: f"all of {self.mine} to arrive, {self.arrivals()}")
        until(self.none_pending, 20, lambda: f"the end of {self.left}")
        done = self.arrivals()
        for type_, event in self.mine:
            for path in self.paths[type_]:
                assert done[path, event] <= most or event in self.asked_again, f"{event} came {done[path, event]} times"
        self.mine.clear()
        self.receiver.requests.clear()

    def crash(self, point, number, how, act=None):
        """Whether it was come to."""
        self.from_ = os.path.getsize(self.server.log_path)
        self.start(f"{point}:{number}:{how}")
        with self.watched():
            (act or self.round)()
            with contextlib.suppress(AssertionError):
                until(lambda: self.tend() or self.was_there(), 1.5)
            self.look(2 if how == "kill" else 1)
        return self.was_there()

    def drain(self):
        """SIGTERM with work in hand; and started again."""
        self.publish_many()
        with contextlib.suppress(ProcessLookupError):
            self.server.process.send_signal(signal.SIGTERM)
        process = self.server.process
        until(lambda: process.poll() is not None, 40, "the end of a drain")


def state_of(pid):
    with contextlib.suppress(FileNotFoundError, ProcessLookupError), open(f"/proc/{pid}/stat", encoding="utf-8") as f:
        return f.read().rpartition(")")[2].split()[0]
    return "X"
