"""One app accepts far more than its share of the ledger's time: others wait for a statement of their own size."""

import statistics
import threading
import time

WEBHOOKS = 400
BATCH = {"events": [{"type": "a", "data": {"n": n}} for n in range(500)]}


def apps(admin, *names):
    for name in names:
        yield admin.with_(X_App_Id=admin.post("/apps", {"name": name}).json["id"])


def seconds(post):
    started = time.monotonic()
    post()
    return time.monotonic() - started


def test_a_flood_of_large_batches_does_not_delay_another_app(start, address):
    """Each of the batches has 200,000 deliveries; their requests wait for each other, and not the others for them."""
    flooding, quiet = apps(start(role="api").client(), "flooding", "quiet")
    for _ in range(WEBHOOKS):
        flooding.webhook(address)
    flooding.post("/events/batch", BATCH, expect=202)  # by now its cost is known
    stop = threading.Event()
    flood = []

    def go_on():
        while not stop.is_set():
            flood.append(seconds(lambda: flooding.post("/events/batch", BATCH, expect=None, check=False)))

    threads = [threading.Thread(target=go_on) for _ in range(4)]
    for t in threads:
        t.start()
    try:
        while len(flood) < 4:
            time.sleep(0.01)
        others = [seconds(quiet.publish) for _ in range(40)]
    finally:
        stop.set()
        for t in threads:
            t.join()
    assert statistics.median(others) < statistics.median(flood) / 3
