"""Messages that are large, and receivers that keep them: what a worker has in hand is bounded in bytes."""

import threading
import time

import pytest

from harness import replies
from harness.wait import until

MEGABYTES = 16
LARGE = {"type": "large", "data": {"text": "x" * 1_040_000}}
AT_ONCE = 20  # three quarters of them, and two each of the four claims that may be under way by then


def apps(admin, count):
    for n in range(count):
        app = admin.post("/apps", {"name": f"app-{n}"}).json["id"]
        yield admin.with_(X_App_Id=app)


@pytest.mark.parametrize("queue", [True, False], ids=["queue", "direct"])
def test_large_messages_to_who_hangs_leave_memory_and_places_for_others(start, redis, receiver, queue):
    """An app's messages of a megabyte take three quarters of what there is; another's event goes at once."""
    server = start(POSTHORN_WORKER_MIB=MEGABYTES)
    admin = server.client()
    if not queue:
        redis.stop()
        until(lambda: "event=direct_mode on=true" in server.log(), 10)
    greedy, quiet = apps(admin, 2)
    opened = threading.Event()
    receiver.script("/hang", replies.gate(opened))
    greedy.webhook(receiver.url("/hang"), concurrency=1024, timeout_ms=30000)
    hook = quiet.webhook(receiver.url("/quiet"))
    for _ in range(40):
        greedy.post("/events", LARGE, expect=202)
    receiver.wait(MEGABYTES // 2, "/hang")
    quiet.publish()
    until(lambda: receiver.at("/quiet"), 10)  # those of the other wait for 30 s
    time.sleep(1)  # nothing that could be waited for says that no more will come
    assert len(receiver.at("/hang")) <= AT_ONCE
    assert quiet.only_delivery(hook)["status"] == "delivered"
    opened.set()
    until(lambda: len(receiver.at("/hang")) == 40, 20)
