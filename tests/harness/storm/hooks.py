"""The webhooks of a storm, and what is posted to them."""

import base64
import hashlib
from dataclasses import dataclass, field

OFTEN = [1] * 20
LATER = 300


@dataclass
class Hook:
    """`proxied`: its receiver is behind the proxy. `people`: they race over it."""

    name: str
    kind: str = "well"
    options: dict = field(default_factory=dict)
    proxied: bool = False
    people: bool = False
    number: int = 0
    id: str = ""
    secrets: list = field(default_factory=list)

    @property
    def step(self):
        """Seconds from a failure to the next attempt, at least."""
        return self.options.get("retry_schedule", OFTEN)[0]

    @property
    def events(self):
        return [type_ for type_, (_, names) in TYPES.items() if self.name in names]


def hooks():
    made = [
        Hook("prompt"),
        Hook("alone", options={"concurrency": 1}),
        Hook("lane", options={"ordering": "webhook"}),
        Hook("slow", "slow", {"concurrency": 32}),
        Hook("flaky", "flaky"),
        Hook("hostile", "hostile", {"timeout_ms": 1000}),
        Hook("far", options={"timeout_ms": 2000}, proxied=True),
        Hook("far_flaky", "flaky", {"timeout_ms": 2000}, proxied=True),
        Hook("people", people=True),
        Hook("people_flaky", "flaky", people=True),
        Hook("doomed", people=True),
        Hook("never", "never", {"retry_schedule": [LATER] * 20}),
    ]
    for number, hook in enumerate(made):
        hook.number = number
    return made


# How often of a hundred events, and to whom.
TYPES = {
    "a": (40, ["prompt"]),
    "b": (12, ["prompt", "alone", "slow"]),
    "c": (10, ["lane"]),
    "d": (12, ["prompt", "flaky"]),
    "e": (2, ["hostile"]),
    "f": (12, ["far", "far_flaky"]),
    "g": (12, ["people", "people_flaky", "doomed", "prompt"]),
    "h": (0, ["never"]),
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
