"""Sessions of others that hold one delivery of many: the others of its batch go on without it."""

import threading

from harness import replies
from harness.flow import Flow
from harness.wait import until

ONE_ROW = "SELECT FROM delivery ORDER BY id DESC LIMIT 1 FOR UPDATE"
SPLIT_S = 5  # until a batch is no longer held up as a whole: the lock's timeout, and a split
ALONE_S = 15  # until the one that is locked is the only one that waits


def delivered(client, webhook):
    return len(client.deliveries(webhook, status="delivered", limit=250))


def test_among_those_to_be_recorded(database, posthorn, receiver):
    client = posthorn.client()
    opened = threading.Event()
    flow = Flow(client, receiver, replies.gate(opened), concurrency=64)
    webhook = flow.webhook
    flow.batch(61)
    receiver.wait(61)
    with database.holding(ONE_ROW):
        opened.set()
        until(lambda: delivered(client, webhook) >= 30, SPLIT_S, lambda: f"half, {delivered(client, webhook)}")
        until(lambda: delivered(client, webhook) == 60, ALONE_S, lambda: f"60, {delivered(client, webhook)}")
        flow.batch(20)
        until(lambda: delivered(client, webhook) == 80, SPLIT_S, lambda: f"80, {delivered(client, webhook)}")
    flow.none_pending(5)
    assert not flow.repeated()


def test_among_those_to_be_claimed(database, start, receiver):
    flow = Flow(start(role="api").client(), receiver, concurrency=64)
    flow.batch(40)
    with database.holding(ONE_ROW):
        start(role="worker")
        receiver.wait(20, timeout=SPLIT_S)
        receiver.wait(39, timeout=ALONE_S)
    flow.all_once(8, 5)
