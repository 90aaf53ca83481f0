"""PostgreSQL ends at once (pg_ctl stop -m immediate, a crash of one of its processes) and comes back."""

import signal
import time

from harness import replies
from harness.flow import Flow
from harness.wait import until

RECORDED_S = 5  # from service again until nothing of before waits


def test_recorded_soon_after_a_crash(own_postgres, redis, start_on, receiver):
    """What commits of the last moment are lost, the worker knows: claims and results are made good within
    seconds, not when leases run out. Only what came to the receiver in that moment may come again."""
    client = start_on(own_postgres.database, redis).client()
    flow = Flow(client, receiver, replies.answer(200, delay=0.05), concurrency=16)
    for crash in (1, 2, 3):
        flow.batch(100)
        receiver.wait(100 * crash - 50, timeout=20)
        crashed = time.monotonic()
        own_postgres.stop(signal.SIGQUIT)
        uncertain = {r.json["id"] for r in flow.requests() if not r.ended or r.ended > crashed - 1}
        time.sleep(0.5)
        own_postgres.start()
        until(lambda: client.get("/readyz", expect=None).status == 200, 10, "service again")
        flow.all_arrive(RECORDED_S)
        flow.none_pending(RECORDED_S)
        uncertain |= {r.json["id"] for r in flow.requests() if r.at > crashed}
        assert flow.repeated() <= uncertain
    assert max(flow.arrived().values()) <= 2
