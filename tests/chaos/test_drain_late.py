"""SIGTERM while what the worker waits for does not come: it ends in the time that is promised."""

import signal
import time

from harness import replies
from harness.flow import Flow

DRAIN_S = 30


def test_postgres_does_not_answer(own_postgres, redis, start_on, receiver):
    """What could not be recorded is sent again by the next worker, and nothing else."""
    api = start_on(own_postgres.database, redis, role="api")
    worker = start_on(own_postgres.database, redis, role="worker")
    flow = Flow(api.client(), receiver, replies.answer(200, delay=1), concurrency=4)
    flow.batch(8)
    receiver.wait(4)
    own_postgres.signal(signal.SIGSTOP)
    started = time.monotonic()
    worker.stop()
    took = time.monotonic() - started
    own_postgres.signal(signal.SIGCONT)
    assert took <= DRAIN_S + 1
    worker.start()
    flow.all_arrive(15)
    flow.none_pending(8)
    assert len(flow.repeated()) <= 4


def test_what_was_claimed_and_not_sent_is_given_back(database, split, receiver):
    """Though the first try of it fails: a foreign session holds its rows for a while."""
    client, worker = split()
    flow = Flow(client, receiver, replies.answer(200, delay=0.3), concurrency=4)
    flow.batch(20)
    receiver.wait(4)
    with database.holding("SELECT FROM delivery WHERE lease_until IS NULL AND state = 0 FOR UPDATE"):
        receiver.wait(4)
        worker.terminate()
        time.sleep(4)
    worker.stop()
    assert [] == database.query("SELECT id FROM delivery WHERE state = 0 AND lease_until IS NOT NULL")
    worker.start()
    flow.all_once(5, 3)
