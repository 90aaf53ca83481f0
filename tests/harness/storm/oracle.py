"""What was promised and what came of it, from outside the service: what was answered 202, what arrived, with which bytes
and signature, and which faults explain what came twice or early."""

import contextlib
import threading
import time
from collections import Counter, defaultdict, namedtuple

from harness.storm.sink import STALL, WRONG_BODY

Arrival = namedtuple("Arrival", "attempt status came answered event")
Promised = namedtuple("Promised", "event type asked at who")
REMEMBERED = 400  # seconds that what has happened may explain
SLACK = 1.5  # seconds from an answer until it is recorded, or from what happens until we know of it
EARLY = 0.05
LEASE = 75
KEYS_KEPT = 86400  # seconds that an idempotency key is remembered
DIGITS = {c: i for i, c in enumerate("0123456789abcdefghjkmnpqrstvwxyz")}


def uuid_of(typeid):
    """The number of a TypeID."""
    value = 0
    for c in typeid.rpartition("_")[2]:
        value = value * 32 + DIGITS[c]
    return value


class Oracle:
    """Of one round; `forget` begins the next. Arrivals come from a thread, and what is accepted from others."""

    def __init__(self, world, hooks, types):
        self.world, self.hooks, self.types = world, hooks, types
        self.by_name = {h.name: h for h in hooks}
        self.lock = threading.Lock()
        self.begin = 0  # the first number of the round
        self.count = Counter()
        self.duplicates = Counter()  # by cause
        self.by_kill = Counter()
        self.clear()

    def clear(self):
        self.accepted = {}  # number → event, type, when it was asked for and answered, who asked
        self.maybe = set()  # numbers that may have been accepted: nobody was told
        self.seen = defaultdict(list)  # hook, number → arrivals
        self.unrecorded = {}  # at rest: when → from when on
        self.waiting = {}  # hook, number → when it was accepted; in that order
        self.accepted_at = 0.0
        self.asked_again = []  # hook, when

    def forget(self, first):
        with self.lock:
            never = self.by_name["never"].number
            kept = {k: v[-1:] for k, v in self.seen.items() if k[0] == never}
            self.clear()
            self.seen.update(kept)
            self.begin = first
        self.world.forget(REMEMBERED)

    # --- what happens ------------------------------------------------------------------------------

    def accept(self, number, event, type_, asked, who):
        now = time.monotonic()
        with self.lock:
            self.count["events"] += 1
            self.accepted[number] = Promised(event, type_, asked, now, who)
            self.accepted_at = now
            for name in self.types[type_][1]:
                hook = self.by_name[name]
                key = hook.number, number
                if not hook.people and hook.kind != "never" and not any(a.status == 200 for a in self.seen.get(key, ())):
                    self.waiting[key] = now

    def take(self, number, hook, attempt, status, wrong, came, answered, event):
        if hook == STALL:
            self.world.stalled(came, answered)
            return
        arrival = Arrival(attempt, status, came, answered, event.decode())
        if wrong:
            what = "bytes" if wrong & WRONG_BODY else "signature"
            self.world.violate(f"an arrival at {self.hooks[hook].name} has a wrong {what}: {arrival}")
            return
        with self.lock:
            self.count["deliveries"] += 1
            if number < self.begin and self.hooks[hook].people and self.asked_again:
                return
            if number < self.begin and self.hooks[hook].kind != "never":
                self.world.violate(f"event {number} arrived at {self.hooks[hook].name} after all had ended: {arrival}")
                return
            self.seen[hook, number].append(arrival)
            if status == 200:
                self.waiting.pop((hook, number), None)

    def outstanding(self):
        return len(self.waiting)

    def recovered(self, since):
        """Whether events are accepted again since then, and all from before have come to receivers that are well and
        always were there."""
        with self.lock:
            return self.accepted_at > since and next(self.late(), since + 1) > since

    def late(self):
        """When those were accepted that have not come there, the first of them first."""
        prompt = (self.by_name["prompt"].number, self.by_name["lane"].number)
        return (at for (hook, _), at in self.waiting.items() if hook in prompt)

    def who_waits(self, since):
        """Some of those, and what the ledger says."""
        with self.lock:
            late = [(self.hooks[hook], self.accepted[n].event) for (hook, n), at in self.waiting.items() if at < since]
        return len(late), [(hook.name, event, self.ledger_of(event, hook)) for hook, event in late[:3]]

    def ledger_of(self, event, hook):
        with contextlib.suppress(AssertionError):
            return self.world.database.query(
                "select id, state, attempts, crashes, next_at - now(), lease_until - now(), lease_token, now(), (select array_agg(owner)"
                f" from lease where token = lease_token) from delivery where {self.is_delivery(event, hook)}"
            )
        return None

    @staticmethod
    def is_delivery(event, hook):
        return f"event_id = '{uuid_of(event):032x}' and webhook_id = '{uuid_of(hook.id):032x}'"

    def settled(self):
        """What arrived before now has been told: the sink tells it within its hundredth of a second."""
        time.sleep(0.2)

    # --- what explains what ------------------------------------------------------------------------

    def unrecorded_since(self, at):
        if at not in self.unrecorded:
            self.unrecorded[at] = self.find_unrecorded(at)
        return self.unrecorded[at]

    def find_unrecorded(self, at):
        """From when on what was answered may not have been recorded by then."""
        since = at - SLACK
        for i in sorted(self.world.incidents, key=lambda i: -i.end):
            if i.what in ("ledger", "crash", "stop", "jump") and i.at <= at and i.end >= since:
                since = min(since, i.at - SLACK)
        return since

    def explain(self, hook, first, again):
        """Why a request came after one that it should have been the end of; None: there is no reason."""
        if any(h == hook.name and at <= again.came for h, at in self.asked_again):
            return "asked for"
        for what, cause, fits in CAUSES:
            for i in self.world.incidents:
                if i.what == what and fits(self, hook, i, first):
                    self.by_kill[id(i)] += what == "kill"
                    return cause
        return None

    def near(self, i, first):
        return i.at - SLACK <= first.answered and first.came <= i.end + SLACK

    def was_unrecorded(self, i, first, until_):
        """It was there by then, and perhaps not yet recorded when this began."""
        return first.came <= until_ + SLACK and first.answered >= self.unrecorded_since(i.at)

    def look_at_arrivals(self):
        """Duplicates, what came early, attempts' numbers, order."""
        for (hook, number), arrivals in self.seen.items():
            arrivals.sort(key=lambda a: a.came)
            self.look_at_ids(self.hooks[hook], number, arrivals)
            for event in {a.event for a in arrivals}:
                self.look_at_one(self.hooks[hook], number, [a for a in arrivals if a.event == event])
        self.look_at_order()

    def look_at_one(self, hook, number, arrivals):
        done, failures = None, 0
        for i, (before, a) in enumerate(zip([None, *arrivals], arrivals)):
            failures += before is not None and before.status == 500
            if done is not None:
                self.judge(hook, number, done, a, "came again after a success")
            elif before is not None and before.status == 500 and self.gap(before, a) < hook.step(failures) - EARLY:
                self.judge(hook, number, self.unrecorded_of(hook, arrivals[:i], a) or before, a, "came early")
            elif before is not None and a.attempt <= before.attempt:
                self.judge(hook, number, before, a, "has an attempt's number again")
            if a.status == 200:
                done = a

    def unrecorded_of(self, hook, earlier, again):
        """The first of them that may not have counted."""
        return next((a for a in earlier if self.explain(hook, a, again)), None)

    def arrivals_of(self, hook, number):
        """Of the event that was accepted in the end."""
        return [a for a in self.seen.get((hook.number, number), []) if a.event == self.accepted[number].event]

    def key_was_forgotten(self, promised):
        """Its client asked for so long, by the service's clocks, that it rightly became two events."""
        return self.world.clock_at(promised.at) - self.world.clock_at(promised.asked - SLACK) > KEYS_KEPT

    def gap(self, before, after):
        return self.world.clock_at(after.came) - self.world.clock_at(before.answered)

    def said(self, event, hook):
        """What the ledger has of the attempts."""
        with contextlib.suppress(AssertionError):
            return self.world.database.query(
                "select number, code, error, started_at, total_us, error_text, token from attempts where delivery_id in"
                f" (select id from delivery where {self.is_delivery(event, hook)}) order by started_at"
            )
        return None

    def judge(self, hook, number, first, again, what):
        cause = self.explain(hook, first, again)
        if cause is None:
            self.count["unexplained"] += 1
            self.count["early"] += what == "came early"
            self.world.violate(f"event {number} {what} at {hook.name}: {first} {again} {self.said(first.event, hook)}\n{self.around(again.came)}")
        elif what == "came again after a success":
            self.duplicates[cause] += 1

    def around(self, at):
        """What happened then."""
        near = [i for i in self.world.incidents if i.at - 20 < at and i.end > at - 20]
        return "\n".join(f"  {i.at:.2f}-{i.end:.2f} {i.kind} {i.who} ({i.what})" for i in near)

    def look_at_ids(self, hook, number, arrivals):
        ids = {a.event for a in arrivals}
        promised = self.accepted.get(number)
        if promised is not None and self.key_was_forgotten(promised):
            return
        if len(ids) > 1 or (promised is not None and ids != {promised.event}):
            self.world.violate(f"event {number} arrived at {hook.name} as {ids}, accepted as {promised}")
        if promised is None and number >= self.begin and number not in self.maybe:
            self.world.violate(f"event {number} arrived at {hook.name} and was never accepted: {arrivals}")

    def look_at_order(self):
        """Of a lane, by client: what was asked for after another was accepted comes after it."""
        lane = self.by_name["lane"].number
        last = {}
        for number in sorted(n for h, n in self.seen if h == lane):
            promised = self.accepted.get(number)
            if promised is None:
                continue
            came = self.seen[lane, number][0].came
            before = last.get(promised.who)
            if before is not None and before[0] < promised.asked and came < before[1]:
                self.world.violate(f"event {number} came before one that was accepted before it: {promised}")
            if before is None or came > before[1]:
                last[promised.who] = promised.at, came


# By what an incident is: what came of a request that was answered well, and when that may be so.
CAUSES = [
    ("network", "cut from its receiver", lambda o, hook, i, first: hook.proxied and o.near(i, first)),
    ("late", "its receiver had no processor, and was too late", lambda o, hook, i, first: "timeout_ms" in hook.options and o.near(i, first)),
    ("crash", "PostgreSQL crashed", lambda o, _hook, i, first: o.was_unrecorded(i, first, i.end)),
    ("kill", "its worker was killed", lambda o, _hook, i, first: o.was_unrecorded(i, first, i.at)),
    ("stop", "its worker was stopped past its lease", lambda o, _hook, i, first: i.end - i.at > LEASE and o.near(i, first)),
    ("jump", "the clocks jumped past its lease", lambda o, _hook, i, first: o.was_unrecorded(i, first, i.at)),
]
