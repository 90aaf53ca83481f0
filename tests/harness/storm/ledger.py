"""What the service's own ledger and queue say at rest, held against the oracle."""

import contextlib
import glob
import os
import time
from collections import defaultdict
from types import SimpleNamespace

from harness.storm.oracle import uuid_of
from harness.wait import until

PENDING, DELIVERED, FAILED, CANCELLED, HELD = range(5)
CRASHED = 23
P = "posthorn:{q}:"
NOT_ENDED = (
    "select d.id, webhook_id, w.description, w.status, state, attempts, next_at::text, lease_until::text"
    " from delivery d left join webhook w on w.id = webhook_id where state in (0, 4)"
)
DELIVERIES = "select id, event_id, webhook_id, state, attempts, last_error from delivery where not test and id >= {since}"
ATTEMPTS = "select delivery_id, number, code from attempts where delivery_id >= {since}"
HORIZON = (
    "select d.id from delivery d where state = 0 and next_at < now() + interval '9 min'"
    " and (lease_until is null or lease_until < now())"
)
BEFORE = 60  # seconds; an id is as old as what it names, to a moment
DESCRIPTORS, MEMORY, GROWTH = 64, 48 << 20, 1.5


def number_of(uuid):
    return int(uuid.replace("-", ""), 16)


def all_ended(world, never, seconds):
    """Waits until every delivery has, but those that are always refused; what has not is stuck."""
    left = []

    def ended():
        left[:] = [row for row in world.database.query(NOT_ENDED) if number_of(row[1]) != uuid_of(never.id)]
        return not left

    try:
        until(ended, seconds)
    except AssertionError as e:
        world.violate(f"{len(left)} deliveries are stuck: {left[:10]}; {e}")
    return len(left)


class Ledger:
    """As it is now, of the events of this round, which began at `since` by the service's clock."""

    def __init__(self, world, oracle, since):
        self.world, self.oracle = world, oracle
        self.since = f"id_floor(time_of({int((since - BEFORE) * 1000)}))"
        self.hooks = {uuid_of(h.id): h for h in oracle.hooks}
        self.of_event = defaultdict(list)
        self.by_id = {}
        events = {uuid_of(promised.event): n for n, promised in oracle.accepted.items()}
        self.attempts = world.database.query(ATTEMPTS.format(since=self.since))  # first: those that are refused go on
        for row in world.database.query(DELIVERIES.format(since=self.since)):
            it = SimpleNamespace(
                id=number_of(row[0]), number=events.get(number_of(row[1])), hook=self.hooks.get(number_of(row[2])),
                state=int(row[3]), attempts=int(row[4]), error=int(row[5] or 0),
            )  # fmt: skip
            if it.number is not None and it.hook is not None:
                self.of_event[it.number, it.hook.number].append(it)
                self.by_id[it.id] = it

    def check(self):
        for number, promised in self.oracle.accepted.items():
            for name in self.oracle.types[promised.type][1]:
                self.check_one(number, promised, self.oracle.by_name[name])
        self.check_attempts()

    def check_one(self, number, promised, hook):
        found = self.of_event[number, hook.number]
        arrivals = self.oracle.arrivals_of(hook, number)
        arrived = any(a.status == 200 for a in arrivals)
        if hook.kind == "never" or hook.replaced:
            return
        if not found and hook.people:
            return  # it was disabled or deleted then
        if len(found) != 1:
            self.lose(number, hook, f"{len(found)} deliveries", promised)
            return
        it = found[0]
        if arrivals and it.attempts < max(a.attempt for a in arrivals):
            self.world.violate(f"event {number} had {it.attempts} attempts at {hook.name}: {arrivals}")
        if it.state == DELIVERED and not arrived and not hook.people:
            self.lose(number, hook, "delivered, and it never arrived", promised)
        elif it.state == FAILED and it.error == CRASHED:
            self.oracle.count["given up"] += 1  # by design: four workers were killed with it in hand
        elif it.state == CANCELLED and hook.people:
            self.oracle.count["cancelled"] += 1
        elif it.state != DELIVERED:
            self.lose(number, hook, f"in state {it.state} with error {it.error}", promised)

    def lose(self, number, hook, how, promised):
        self.oracle.count["lost"] += 1
        arrivals = self.oracle.seen.get((hook.number, number), [])
        self.world.violate(f"event {number} is lost at {hook.name}: {how}; {promised} {arrivals}")

    def check_attempts(self):
        """Numbers are given once, none is above the count, and the code of each is what its receiver answered."""
        crashed = any(i.what == "crash" for i in self.world.incidents)
        given = set()
        for row in self.attempts:
            it, number = self.by_id.get(number_of(row[0])), int(row[1])
            if it is None:
                continue
            if number > it.attempts or ((it.id, number) in given and not crashed):
                self.world.violate(f"attempt {number} of {it} is there twice, or is one too many")
            given.add((it.id, number))
            answers = {a.status for a in self.oracle.arrivals_of(it.hook, it.number) if a.attempt == number}
            if row[2] and not answers or (row[2] in ("200", "500") and int(row[2]) not in answers):
                self.world.violate(f"attempt {number} of {it} has code {row[2]}, its receiver said {answers}")


def check_queue(world, seconds):
    """Redis has what is due soon, and nothing else, in flight least of all."""
    state = SimpleNamespace()

    def equal():
        redis = world.redis
        due = {number_of(row[0]) for row in world.database.query(HORIZON)}
        queued = set()
        for key in redis.raw("KEYS", P + "e:*"):
            queued |= members(redis, key)
        state.missing, state.more = due - queued, queued - due
        state.flying = redis.raw("ZRANGE", P + "inflight", "0", "-1")
        state.slots = int(redis.command("HLEN", P + "slots")[1:])
        return not (state.missing or state.more or state.flying or state.slots)

    try:
        until(equal, seconds)
    except AssertionError as e:
        world.violate(
            f"{e}: Redis is not what the ledger says at rest: {len(state.missing)} missing, {len(state.more)} that should not"
            f" be there, {state.slots} with slots, in flight: {flying(world, state.flying)}"
        )


def flying(world, found):
    """What the ledger says of some."""
    ids = ",".join(f"'{m[:16].hex()}'" for m in found[:5])
    asked = "select w.description, d.id, d.state, d.attempts, d.next_at - now(), d.lease_until::text, now() from delivery d"
    joined = f"{asked} join webhook w on w.id = webhook_id where d.id in ({ids})"
    return len(found), world.database.query(joined) if found else []


def members(redis, key):
    """Of a sorted set of 16 raw bytes each."""
    return {int.from_bytes(m, "big") for m in redis.raw("ZRANGE", key, "0", "-1") if len(m) == 16}


class Footprints:
    """Memory and descriptors of processes at rest, held against what each had the first time."""

    def __init__(self, world, sanitized):
        self.world, self.sanitized, self.base = world, sanitized, {}

    def look(self):
        idle = self.kept_connections()
        for server in self.world.processes:
            if not server.is_running():
                continue
            pid = server.process.pid
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                with open(f"/proc/{pid}/statm", encoding="ascii") as f:
                    memory = int(f.read().split()[1]) * 4096
                files = sum(f not in idle for f in map(os.readlink, glob.glob(f"/proc/{pid}/fd/*")))
                self.judge(server, self.base.setdefault(pid, (memory, files)), memory, files)

    def kept_connections(self):
        """To receivers, which wait for their next requests: how many is up to what was sent before."""
        ports = {f"{port:04X}" for port in (self.world.sink_port, self.world.ports["receivers"])}
        with open("/proc/net/tcp", encoding="ascii") as f:
            rows = [line.split() for line in f]
        return {f"socket:[{row[9]}]" for row in rows[1:] if row[2].rpartition(":")[2] in ports}

    def judge(self, server, base, memory, files):
        if files > base[1] + DESCRIPTORS:
            self.world.violate(f"{server.name} has {files} descriptors at rest, it had {base[1]}")
        if not self.sanitized and memory > base[0] * GROWTH + MEMORY:
            self.world.violate(f"{server.name} has {memory >> 20} MiB at rest, it had {base[0] >> 20}")


def wait_for_probe(world, oracle, seconds):
    """How long after now the service is what it was: events are accepted, and what was there has arrived."""
    since = time.monotonic()
    while not oracle.recovered(since):
        if time.monotonic() > since + seconds:
            return None
        time.sleep(0.005)
    return time.monotonic() - since


