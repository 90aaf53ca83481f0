"""The scenarios. Counts are those at --scale 1, which a small machine does in some seconds; what is to be large has its
full size at --scale 10."""

from dataclasses import dataclass, field
from typing import Callable

import runs


@dataclass
class Scenario:
    what: str
    count: int  # events
    load: dict = field(default_factory=dict)  # of Trial.post()
    webhooks: int = 1
    scaled_webhooks: bool = False
    own_types: bool = False  # each webhook has a type of its own; else all want everything
    webhook: dict = field(default_factory=dict)  # settings of theirs
    receiver: dict = field(default_factory=dict)  # of Sink.expect()
    tls: bool = False
    workers: int | None = None  # processes beside the API's; None: one that does everything
    workers_later: bool = False
    env: dict = field(default_factory=dict)
    history: int = 0  # deliveries that the first webhook has had
    measure: Callable = runs.deliver

    @property
    def fan(self):
        """Deliveries of each event."""
        return 1 if self.own_types else self.webhooks

    @property
    def delivers(self):
        return self.measure is not runs.accept_alone

    @property
    def posts_meanwhile(self):
        """Or all of it waits before anything is measured."""
        return self.measure not in (runs.drain_backlog, runs.start_with_backlog)

    @property
    def flat_out(self):
        return not self.load.get("rate")


def steady(rate):
    return Scenario(f"{rate:,} events a second for 10 s", rate * 10, {"rate": rate})


def threads(count):
    env = {"POSTHORN_API_THREADS": count, "POSTHORN_WORKER_THREADS": count}
    return Scenario(f"flat, {count} worker threads, and as many of the API", 40000, env=env)


BATCHES = {"connections": 4, "batch": 100}
THOUSANDS = {"connections": 4, "batch": 1000}
# Of one address, and in all: 4096 a thread.
CLIENTS = {"POSTHORN_API_THREADS": 4, "POSTHORN_CONNECTIONS_PER_ADDRESS": 0}

SCENARIOS = {
    "steady_100": steady(100),
    "steady_500": steady(500),
    "steady_1000": steady(1000),
    "steady_3000": steady(3000),
    "flat": Scenario("one webhook as it is by default, 64 clients, each as fast as it is answered", 40000),
    "flat_512": Scenario("flat, the webhook's concurrency 512", 40000, webhook={"concurrency": 512}),
    "batches": Scenario("flat, in batches of 100 from 4 clients", 60000, BATCHES),
    "webhooks": Scenario("flat, each event for one of 1,000 webhooks", 40000, webhooks=1000, own_types=True),
    "fanout": Scenario("each event for all of 100 webhooks", 600, {"connections": 16}, webhooks=100),
    "large": Scenario("flat, events of 100 KiB", 3000, {"connections": 16, "size": 102400}),
    "tls": Scenario("flat, over TLS, connections kept", 20000, tls=True),
    "tls_closing": Scenario("flat, over TLS, a connection for each request", 8000, tls=True, receiver={"close": 1}),
    "failing": Scenario(
        "flat, 20 % fail once and are sent again a second later",
        20000,
        webhook={"retry_schedule": [1, 1, 1], "concurrency": 512},
        receiver={"fail_percent": 20},
    ),
    "slow": Scenario(
        "flat, 100 webhooks whose receivers take 200 ms",
        30000,
        webhooks=100,
        own_types=True,
        receiver={"delay_ms": 200},
    ),
    "accept": Scenario("accept alone, 64 clients", 40000, workers=0, measure=runs.accept_alone),
    "accept_batches": Scenario(
        "accept alone, batches of 100 from 4 clients", 100000, BATCHES, workers=0, measure=runs.accept_alone
    ),
    "backlog": Scenario(
        "a backlog of 100,000 (full: a million)", 100000, THOUSANDS, workers=1, workers_later=True, measure=runs.drain_backlog
    ),
    "history": Scenario("flat, after a million deliveries (full: ten million)", 40000, history=1000000),
    "reads": Scenario(
        "500 a second, lists meanwhile, after a million deliveries (full: ten million)",
        5000,
        {"rate": 500},
        history=1000000,
        measure=runs.read_lists,
    ),
    "clients": Scenario(
        "2,000 a second from 10,000 clients that keep their connections",
        30000,
        {"rate": 2000, "connections": 10000},
        env=CLIENTS,
    ),
    "start": Scenario(
        "a start with 10,000 webhooks and 100,000 waiting (full: 100,000 and a million), Redis empty",
        100000,
        THOUSANDS,
        webhooks=10000,
        scaled_webhooks=True,
        own_types=True,
        workers=0,
        env={"POSTHORN_WEBHOOKS_PER_APP": 100000},
        measure=runs.start_with_backlog,
    ),
    "threads_2": threads(2),
    "threads_4": threads(4),
    "workers_2": Scenario("flat, an API and two worker processes", 40000, workers=2),
}
