"""How a scenario is measured: what is posted when, what is waited for, and what the figures are of."""

import time

from checks import accept_faults, delivery_faults
from harness.wait import until
from history import add_history
from ledger import read_ledger
from meters import Meter, idle_mb
from reads import Reader
from servers import PATIENCE_S

WARM_UP = {"count": 5000, "connections": 4, "batch": 100}  # for connections, caches, plans
SLOWEST = 500  # deliveries a second; what is slower than that is given up


class Run:
    """One scenario on a trial of its own."""

    def __init__(self, trial, scenario, scale):
        self.trial = trial
        self.scenario = scenario
        self.scale = scale
        self.count = max(int(scenario.count * scale), 1)
        self.history = int(scenario.history * scale)
        webhooks = int(scenario.webhooks * scale) if scenario.scaled_webhooks else scenario.webhooks
        self.webhooks = max(webhooks, 1)
        self.types = self.webhooks if scenario.own_types else 0
        self.idle_mb = idle_mb(trial)
        self.webhook = trial.add_webhooks(self.webhooks, self.wants, **scenario.webhook)

    def wants(self, number):
        """The patterns of webhook `number`, and which hook of the receiver it is."""
        return ([f"order.{number}"], 0) if self.types else (["*"], number)

    def post(self, count, receiver, load, during=lambda running: None):
        """A new run of numbers, which is what the receiver expects from here on."""
        self.trial.run += 1
        self.trial.sink.expect(run=self.trial.run, events=count, hooks=self.scenario.fan, **receiver)
        return self.trial.post(count, **load, types=self.types, during=during)

    def warm_up(self, wait=True):
        count = max(int(WARM_UP["count"] * min(1, self.scale)) // self.scenario.fan, 100)
        post = self.post(count, {}, {"connections": 4, "batch": 100})
        if wait:
            self.wait(post)

    def wait(self, post):
        wanted = (post["posted"] - post["refused"]) * self.scenario.fan
        self.trial.wait_arrived(wanted, PATIENCE_S + wanted / SLOWEST)
        self.trial.wait_recorded()

    def result(self, meter, post, load_cpu_s, faults_of):
        """What every run is told of."""
        accepted = post["posted"] - post["refused"]
        deliveries = accepted * self.scenario.fan
        costs = meter.end(max(deliveries, 1), load_cpu_s)
        seen = self.trial.sink.ask()
        ledger = read_ledger(self.trial.session, self.trial.run, post["start_us"])
        return {
            "what": self.scenario.what,
            "events": accepted,
            "deliveries": deliveries,
            "accepts_per_s": accepted / post["seconds"],
            "accept": post["answer"],
            "arrival": seen["latency"],
            "idle_mb": self.idle_mb,
            **costs,
            "faults": faults_of(post, seen, ledger, self.scenario.fan),
            "checked": {"refused": post["refused"], "refusal": post["error"], "seen": seen, "ledger": ledger},
        }

    def delivered(self, meter, post, load_cpu_s, since_us):
        """The same of events that were to be delivered since then."""
        result = self.result(meter, post, load_cpu_s, delivery_faults)
        seconds = (result["checked"]["ledger"]["ended_us"] - since_us) / 1e6
        return {**result, "deliveries_per_s": result["deliveries"] / max(seconds, 1e-6)}


def deliver(run, during=lambda running: None):
    """From the first POST until the last is recorded."""
    add_history(run.trial.database, run.history, "/hook/0")
    run.warm_up()
    meter = Meter(run.trial)
    post = run.post(run.count, run.scenario.receiver, run.scenario.load, during)
    run.wait(post)
    return run.delivered(meter, post, post["cpu_s"], post["start_us"])


def read_lists(run):
    """The same, while lists are asked for."""
    reader = Reader(run.trial.api.port, run.trial.key, run.webhook)

    def read(running):
        reader.begin()
        reader.go_on(running)

    return {**deliver(run, read), "reads": reader.figures()}


def accept_alone(run):
    """An API without workers: what was accepted waits, and nothing arrives."""
    run.warm_up(wait=False)
    meter = Meter(run.trial)
    post = run.post(run.count, {}, run.scenario.load)
    return run.result(meter, post, post["cpu_s"], accept_faults)


def drain(run, prepare, start):
    """What waits, from the start of who delivers it until the last of it is recorded."""
    post = run.post(run.count, {}, run.scenario.load)
    prepare()
    meter = Meter(run.trial)
    began = time.time()
    start()
    up_s = time.time() - began
    until(lambda: run.trial.sink.ask("count")["count"], PATIENCE_S * 5, "the first of what waits")
    first_s = time.time() - began
    run.wait(post)
    result = run.delivered(meter, post, 0, began * 1e6)
    return {**result, "accept": {}, "arrival": {}, "up_s": up_s, "first_arrival_s": first_s}


def drain_backlog(run):
    """It is in Redis, too; then the workers come."""
    return drain(run, lambda: None, run.trial.serve_workers)


def start_with_backlog(run):
    """Nothing runs and Redis is empty; then one process starts that does everything."""

    def stop():
        run.trial.stop_all()
        assert run.trial.stand.redis.command("FLUSHALL") == b"+OK"

    return drain(run, stop, lambda: run.trial.serve(None))
