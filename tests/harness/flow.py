"""A flow of events from a client to a receiver: what was accepted, what has come of it."""

import collections
import time

from harness import replies
from harness.wait import until


class Flow:
    """To a webhook of its own at `path`, whose receiver answers by `steps`, if there are any."""

    def __init__(self, client, receiver, *steps, path="/hook", type_="a", **webhook):
        self.client = client
        self.receiver = receiver
        self.path = path
        self.type = type_
        self.accepted = set()
        if steps:
            receiver.script(path, *steps)
        self.webhook = client.webhook(receiver.url(path), **webhook)

    def batch(self, count):
        self.accepted |= self.client.batch(count, self.type)

    def try_one(self):
        """Posts an event that may be refused in words (503); whether it was accepted."""
        answer = self.client.post("/events", {"type": self.type, "data": {}}, expect=None)
        assert answer.status in (202, 503), answer.body
        if answer.status == 202:
            self.accepted.add(answer.json["id"])
        return answer.status == 202

    def requests(self):
        return self.receiver.at(self.path)

    def arrived(self):
        """How often each event came."""
        return collections.Counter(r.json["id"] for r in self.requests())

    def all_arrive(self, seconds):
        until(
            lambda: self.accepted <= set(self.arrived()),
            seconds,
            lambda: f"{len(self.accepted - set(self.arrived()))} of {len(self.accepted)} events",
        )

    def repeated(self):
        """The events that came more than once."""
        return {event for event, times in self.arrived().items() if times > 1}

    def none_pending(self, seconds):
        until(
            lambda: not self.client.deliveries(self.webhook, status="pending"),
            seconds,
            lambda: f"the end of {self.client.deliveries(self.webhook, status='pending')}",
        )

    def all_once(self, arrive, record):
        """All arrive in so many seconds, and once; nothing is pending so many seconds later."""
        self.all_arrive(arrive)
        self.none_pending(record)
        assert not self.repeated()

    def health(self):
        return self.client.get(f"/webhooks/{self.webhook['id']}").json["health"]["state"]


def probes_of_a_broken(flow, seconds, under_way):
    """Events for an endpoint that answers 500, until the breaker opens after ten and so many that may have been under
    way with the tenth; the probes after that, of which there are two at least and never two at once."""
    receiver = flow.receiver
    flow.batch(60)
    until(lambda: flow.health() == "broken", seconds, "the breaker")
    receiver.script(flow.path, replies.answer(500, delay=0.5))
    until(lambda: len(receiver.requests) >= before_a_pause(receiver.requests) + 2, 10, "two probes")
    tried = before_a_pause(receiver.requests)
    assert tried <= 10 + under_way
    probes = receiver.requests[tried:]
    assert at_once(probes) == 1
    return probes


def before_a_pause(requests):
    """How many came before the breaker, which takes ten, made the next one wait for a second."""
    times = [r.at for r in requests]
    return next((n for n in range(10, len(times)) if times[n] - times[n - 1] > 0.5), len(times))


def at_once(requests):
    """The most that were under way at one time."""
    now = time.monotonic()
    moves = [(r.at, 1) for r in requests] + [(r.ended or now, -1) for r in requests]
    most = count = 0
    for _, step in sorted(moves):
        count += step
        most = max(most, count)
    return most


def in_a_window(requests, seconds):
    """The most that came within any `seconds`."""
    times = sorted(r.at for r in requests)
    return max(
        (sum(1 for t in times[i:] if t < start + seconds) for i, start in enumerate(times)),
        default=0,
    )
