"""Who has nothing to do does nothing, whatever is missing."""

import os
import time

import pytest
from harness import replies

SECONDS = 3.0


def cpu_seconds(server):
    with open(f"/proc/{server.process.pid}/stat", encoding="ascii") as f:
        words = f.read().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.parametrize("missing", ["nothing", "redis", "postgres", "both"])
def test_idle_costs_nothing(own_postgres, redis, start_on, receiver, missing):
    """With a webhook that is paused, one that waits for its rate, and a retry far away."""
    server = start_on(own_postgres.database, redis)
    client = server.client()
    receiver.script("/bad", replies.answer(500))
    paused = client.webhook(receiver.url("/paused"), events=["paused"])
    client.webhook(receiver.url("/slow"), events=["slow"], rate_limit=1, concurrency=1)
    client.webhook(receiver.url("/bad"), events=["bad"])
    client.patch(f"/webhooks/{paused['id']}", {"status": "paused"})
    for type_ in ["paused", "bad"] + ["slow"] * 20:
        client.publish(type_)
    receiver.wait(1, "/bad")
    if missing in ("redis", "both"):
        redis.stop()
    if missing in ("postgres", "both"):
        own_postgres.stop()
    time.sleep(3)
    before = cpu_seconds(server)
    time.sleep(SECONDS)
    assert cpu_seconds(server) - before < 0.05 * SECONDS
