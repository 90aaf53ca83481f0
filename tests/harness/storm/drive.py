"""The driver of a storm: faults one at a time, each with its recovery; then several at once; then peace, and a look at
everything. Again and again, in a world that is made anew now and then, until the time is over."""

import json
import random
import statistics
import threading
import time
from collections import Counter, defaultdict

from harness.storm.faults import FAULTS
from harness.storm.hooks import LOADS
from harness.storm.ledger import Footprints, Ledger, all_ended, check_queue, wait_for_probe
from harness.storm.oracle import Oracle
from harness.storm.people import People, make_webhooks
from harness.storm.posting import Clients
from harness.storm.world import World, own_mounts

ROUND = 60
RECOVERY_MAX = 60
SETTLE_MAX = 150
QUEUE_MAX = 75  # what is queued is walked over every minute, what is in flight counted every half


class Figures:
    def __init__(self):
        self.faults = Counter()
        self.count = Counter()
        self.duplicates = Counter()
        self.recoveries = defaultdict(list)
        self.violations = []
        self.worst_kill = 0
        self.seconds = 0.0

    def add(self, world, oracle):
        self.count += oracle.count
        self.count["SIGKILL"] += world.count["SIGKILL"]
        self.duplicates += oracle.duplicates
        self.worst_kill = max([self.worst_kill, *oracle.by_kill.values()])
        self.violations += world.violations

    def save(self, path):
        """For `add_saved`, of this run and others."""
        told = {name: dict(value) if isinstance(value, dict) else value for name, value in vars(self).items()}
        path.write_text(json.dumps(told), encoding="utf-8")

    def add_saved(self, path):
        told = json.loads(path.read_text(encoding="utf-8"))
        for name in ("faults", "count", "duplicates"):
            getattr(self, name).update(told[name])
        for name, times in told["recoveries"].items():
            self.recoveries[name] += times
        self.violations += told["violations"]
        self.worst_kill = max(self.worst_kill, told["worst_kill"])
        self.seconds += told["seconds"]

    def table(self):
        c = self.count
        lines = [
            "| seconds | faults | SIGKILLs | events | deliveries | lost | stuck | unexplained | early | given up |",
            "|---|---|---|---|---|---|---|---|---|---|",
            f"| {self.seconds:.0f} | {sum(self.faults.values())} | {c['SIGKILL']} | {c['events']} | {c['deliveries']} | {c['lost']}"
            f" | {c['stuck']} | {c['unexplained']} | {c['early']} | {c['given up']} |",
            "",
            "| came twice because | how often |",
            "|---|---|",
            *(f"| {cause} | {n} |" for cause, n in self.duplicates.most_common()),
            "",
            "| fault | times | recovery measured | median s | worst s | by design |",
            "|---|---|---|---|---|---|",
        ]
        for fault in FAULTS:
            times = self.recoveries[fault.name]
            measured = f"{statistics.median(times):.2f} | {max(times):.2f}" if times else "– | –"
            bar = f"{fault.bar:g}" if fault.bar else "–"
            lines.append(f"| {fault.name} | {self.faults[fault.name]} | {len(times)} | {measured} | {bar} |")
        lines += ["", f"{len(self.violations)} violations; after one kill at most {self.worst_kill} came twice"]
        return "\n".join(lines)


class Drive:
    """`only`: parts of the names of faults."""

    def __init__(self, seconds, seed, rate=500, only=(), round_seconds=ROUND, sanitized=False, load="storm"):
        self.seconds, self.seed, self.rate, self.round_seconds = seconds, seed, rate, round_seconds
        self.load = LOADS[load]
        self.sanitized = sanitized
        self.figures = Figures()
        self.mounts = own_mounts()
        self.faults = [
            f for f in FAULTS
            if (not only or any(part in f.name for part in only)) and (self.mounts or not f.mounts) and (not f.long or seconds > 600 or only)
        ]  # fmt: skip
        self.chance = random.Random(seed)
        self.end = self.began = 0.0

    def say(self, text):
        print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)

    def run(self):
        began = time.monotonic()
        self.end = began + self.seconds
        self.say(f"seed {self.seed}, {self.seconds} s; disks of its own: {'yes' if self.mounts else 'no'}")
        life = 0
        while time.monotonic() < self.end - 5 and not self.figures.violations:
            life += 1
            self.live(life)
        self.figures.seconds = time.monotonic() - began
        return self.figures

    def live(self, life):
        world = World(self.seed, self.seconds, self.mounts)
        self.say(f"world {life} stands in {world.directory.name}")
        oracle = Oracle(world, self.load.hooks(), self.load.types)
        reader = threading.Thread(target=world.read_arrivals, args=(oracle.take,), daemon=True)
        reader.start()
        try:
            seed = f"{self.seed} {life}"
            make_webhooks(world, oracle.hooks, seed)
            clients = Clients(world, oracle, self.chance.getrandbits(32), self.rate, self.load)
            people = People(world, oracle, seed)
            self.began = world.now()
            footprints = Footprints(world, self.sanitized)
            self.settle(world, oracle, clients, people, footprints, post_first=True)
            while time.monotonic() < self.end - 5 and oracle.count["deliveries"] < self.load.life and not world.violations:
                self.round(world, oracle, clients, people, footprints)
        finally:
            world.close()
            self.figures.add(world, oracle)

    def round(self, world, oracle, clients, people, footprints):
        clients.start()
        people.start()
        until_ = min(self.end, time.monotonic() + self.round_seconds)
        calm_until = time.monotonic() + (until_ - time.monotonic()) / 2
        self.calm(world, oracle, calm_until)
        self.storm(world, until_)
        self.settle(world, oracle, clients, people, footprints)

    def befall(self, world, fault, chance):
        fault.run(world, chance)
        self.figures.faults[fault.name] += 1

    def calm(self, world, oracle, until_):
        """One fault after the other has been got over."""
        while time.monotonic() < until_:
            fault = self.chance.choices(self.faults, [f.weight for f in self.faults])[0]
            self.befall(world, fault, self.chance)
            over = time.monotonic()
            seconds = wait_for_probe(world, oracle, RECOVERY_MAX)
            if seconds is None:
                count, some = oracle.who_waits(over)
                told = f"{count} wait from before: {some}\n{oracle.around(over)}"
                world.violate(f"{fault.name}: not over after {RECOVERY_MAX} s; {told}")
                return
            self.figures.recoveries[fault.name].append(seconds)
            time.sleep(self.chance.uniform(0, self.load.pause))

    def storm(self, world, until_):
        """Several at once, one of each lane at most."""
        lanes = defaultdict(list)
        for fault in self.faults:
            lanes[fault.lane].append(fault)

        def rage(lane, chance):
            try:
                while time.monotonic() < until_:
                    fault = chance.choices(lanes[lane], [f.weight for f in lanes[lane]])[0]
                    self.befall(world, fault, chance)
                    time.sleep(chance.uniform(0, self.load.rest))
            except Exception as e:  # noqa: BLE001 - told with everything else
                world.violate(f"{lane}: {e!r}")

        threads = [threading.Thread(target=rage, args=(lane, random.Random(self.chance.getrandbits(32)))) for lane in lanes]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def settle(self, world, oracle, clients, people, footprints, post_first=False):
        """Peace: what was accepted arrives and ends, and all say the same."""
        if post_first:
            clients.post([(n, "h") for n in clients.take(40)], 0, self.chance)
            clients.start()
            time.sleep(2)
        people.stop()
        first = clients.stop()
        people.make_peace()
        began = time.monotonic()
        never = oracle.by_name["never"]
        stuck = all_ended(world, never, SETTLE_MAX)
        oracle.count["stuck"] += stuck
        ended = time.monotonic() - began
        oracle.settled()
        check_queue(world, QUEUE_MAX)
        oracle.look_at_arrivals()
        Ledger(world, oracle, self.began).check()
        footprints.look()
        self.say(
            f"{oracle.count['deliveries']} deliveries, {sum(self.figures.faults.values())} faults, {world.count['SIGKILL']} SIGKILLs;"
            f" all ended in {ended:.1f} s, looked at in {time.monotonic() - began - ended:.1f} s; {len(world.violations)} violations"
        )
        oracle.forget(first)
        self.began = world.now()
