"""A flow of events from a client to a receiver: what was accepted, what has come of it."""

import collections
import time

from harness.wait import until


class Flow:
    def __init__(self, client, receiver, path="/hook", type_="a"):
        self.client = client
        self.receiver = receiver
        self.path = path
        self.type = type_
        self.accepted = set()

    def batch(self, count):
        events = [{"type": self.type, "data": {"n": n}} for n in range(count)]
        made = self.client.post("/events/batch", {"events": events}, expect=202).json["data"]
        self.accepted |= {e["id"] for e in made}

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

    def none_pending(self, webhook, seconds):
        until(
            lambda: not self.client.deliveries(webhook, status="pending"),
            seconds,
            lambda: f"the end of {self.client.deliveries(webhook, status='pending')}",
        )


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
