"""The webhooks of a storm, and what is posted to them."""

import base64
import hashlib
import itertools
from dataclasses import dataclass, field

from harness.storm import events

OFTEN = [1, 2, *[3] * 18]
LATER = 300
MANY = ["second", "third", "fourth", "fifth"]


@dataclass
class Hook:
    """`proxied`: its receiver is behind the proxy. `people`: they race over it. `replaced`: and make another in its
    place, so that there may be two for a while."""

    name: str
    kind: str = "well"
    options: dict = field(default_factory=dict)
    proxied: bool = False
    people: bool = False
    replaced: bool = False
    events: list = field(default_factory=list)
    number: int = 0
    id: str = ""
    secrets: list = field(default_factory=list)

    def step(self, failures):
        """Seconds from so many to the next attempt, at least."""
        return self.options.get("retry_schedule", OFTEN)[failures - 1]


@dataclass
class Load:
    """What is posted: of each type how often of a hundred events, and to whom; how many at once; what numbers begin with
    (events.py); and how many seconds may pass between faults, at most, when there is one at a time and when there are
    several. A world ends after `life` deliveries."""

    types: dict
    batches: tuple
    first: int = 1
    pause: float = 0
    rest: float = 1
    life: int = 400_000

    def hooks(self):
        wanted = set(itertools.chain.from_iterable(names for _, names in self.types.values()))
        made = [hook for hook in all_hooks() if hook.name in wanted]
        for number, hook in enumerate(made):
            hook.number = number
            hook.events = [type_ for type_, (_, names) in self.types.items() if hook.name in names]
        return made


def all_hooks():
    return [
        Hook("prompt", options={"concurrency": 64}),
        Hook("alone", options={"concurrency": 1}),
        Hook("lane", options={"ordering": "webhook"}),
        Hook("slow", "slow", {"concurrency": 32}),
        Hook("flaky", "flaky"),
        Hook("hostile", "hostile", {"timeout_ms": 1000}),
        Hook("far", options={"timeout_ms": 2000}, proxied=True),
        Hook("far_flaky", "flaky", {"timeout_ms": 2000}, proxied=True),
        Hook("people", people=True),
        Hook("people_flaky", "flaky", people=True),
        Hook("doomed", people=True, replaced=True),
        *(Hook(name, options={"concurrency": 64}) for name in MANY),
        Hook("never", "never", {"retry_schedule": [LATER] * 20}),
    ]


STORM = {
    "a": (40, ["prompt"]),
    "b": (12, ["prompt", "alone", "slow"]),
    "c": (10, ["lane"]),
    "d": (12, ["prompt", "flaky"]),
    "e": (2, ["hostile"]),
    "f": (12, ["far", "far_flaky"]),
    "g": (12, ["people", "people_flaky", "doomed", "prompt"]),
    "h": (0, ["never"]),
}
FLOOD = {
    "a": (87, ["prompt", *MANY]),
    "c": (1, ["lane"]),
    "d": (12, ["prompt", "flaky"]),
    "h": (0, ["never"]),
}
LOADS = {
    "storm": Load(STORM, (1, 5, 20, 40)),
    "flood": Load(FLOOD, (100, 200, 400), events.SMALL, pause=2, rest=8, life=1_500_000),
}


def secret(*of):
    """One that Posthorn takes, the same for the same run."""
    return "whsec_" + base64.b64encode(hashlib.sha256(repr(of).encode()).digest()).decode()


def make(world, hook, seed):
    """What makes the webhook, of which its receiver is told first. Its secret is the one before, if there was one."""
    hook.secrets = hook.secrets or [secret(seed, hook.name)]
    tell(world, hook)
    port = world.ports["receivers"] if hook.proxied else world.sink_port
    asked = {
        "url": f"http://127.0.0.1:{port}/{hook.number}",
        "events": hook.events,
        "secret": hook.secrets[-1],
        "description": hook.name,
        "retry_schedule": OFTEN,
        **hook.options,
    }
    return asked


def tell(world, hook):
    world.sink.tell(hook=hook.number, kind=hook.kind, secrets=hook.secrets)
