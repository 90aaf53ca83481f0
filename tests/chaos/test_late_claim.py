"""What a dead worker asked of PostgreSQL and PostgreSQL does when the next one has taken over."""

import contextlib
import os
import signal
import time

from harness.flow import Flow
from harness.wait import until


def backends(database):
    """Of the program: what else asks is this."""
    return {
        int(pid)
        for (pid,) in database.query(
            "SELECT pid FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
    }


@contextlib.contextmanager
def stopped(pids):
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def test_a_claim_that_comes_after_its_worker(database, redis, start, receiver):
    """The worker has asked for its deliveries and is dead; PostgreSQL does what it asked for when the next
    worker has long taken over, and leases them to nobody."""
    client = start(role="api").client()
    flow = Flow(client, receiver, concurrency=4)
    others = backends(database)
    worker = start(role="worker")
    flow.batch(1)
    flow.none_pending(5)
    mine = backends(database) - others
    with stopped(mine):
        flow.batch(8)
        time.sleep(0.5)
        worker.kill()
        redis.pause()  # so that the next worker takes over and claims nothing yet
        worker.start(wait=False)
        until(lambda: len(backends(database) - others - mine) == 4, 5, "the next worker")
        time.sleep(0.4)
    time.sleep(0.2)
    redis.resume()
    flow.all_once(8, 5)
