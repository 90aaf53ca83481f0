"""Processes that are stopped for longer than anybody waits for them (SIGSTOP), and go on."""

import signal
import threading
import time

import pytest
from harness import replies
from harness.flow import Flow, at_once
from harness.wait import until


@pytest.fixture
def server(own_postgres, redis, start_on):
    return start_on(own_postgres.database, redis)


def test_worker_stopped_longer_than_the_timeout(split, receiver):
    """Answers that came meanwhile are there when it goes on: they count, and nothing is sent again."""
    client, worker = split()
    opened = threading.Event()
    flow = Flow(client, receiver, replies.gate(opened), timeout_ms=1000, concurrency=16, retry_schedule=[1])
    flow.batch(16)
    receiver.wait(16)
    worker.process.send_signal(signal.SIGSTOP)
    opened.set()
    until(lambda: all(r.ended for r in receiver.requests), 5, "the answers")
    time.sleep(2)
    worker.process.send_signal(signal.SIGCONT)
    flow.none_pending(5)
    assert {d["attempts"] for d in client.deliveries(flow.webhook, status="delivered")} == {1}
    assert not flow.repeated() and len(receiver.requests) == 16


def test_one_of_two_workers_stopped(split, receiver):
    """The other goes on with what is left of the cap; all of it is there when the first goes on."""
    client, worker, _ = split(2)
    flow = Flow(client, receiver, replies.answer(200, delay=0.05), concurrency=64, timeout_ms=30000)
    flow.batch(400)
    receiver.wait(100)
    worker.process.send_signal(signal.SIGSTOP)
    time.sleep(3)
    flow.batch(10)
    worker.process.send_signal(signal.SIGCONT)
    flow.all_once(10, 5)
    assert at_once(flow.requests()) <= 64


def test_postgres_stopped_under_load(own_postgres, server, receiver):
    """For longer than any deadline. What had been sent and not recorded may come twice, not more."""
    flow = Flow(server.client(), receiver, replies.answer(200, delay=0.05), concurrency=4)
    flow.batch(200)
    receiver.wait(20)
    own_postgres.signal(signal.SIGSTOP)
    time.sleep(7)
    own_postgres.signal(signal.SIGCONT)
    until(flow.try_one, 15, "service again")
    flow.all_arrive(15)
    flow.none_pending(5)
    assert len(flow.repeated()) <= 4
    assert max(flow.arrived().values()) <= 2
    assert at_once(flow.requests()) <= 4


def test_redis_stopped_with_two_workers(split, redis, receiver):
    """For longer than its deadlines, with one request at a time."""
    flow = Flow(split(2)[0], receiver, replies.answer(200, delay=0.02), concurrency=1)
    flow.batch(60)
    receiver.wait(20)
    redis.pause()
    time.sleep(4)
    redis.resume()
    flow.batch(20)
    flow.all_once(15, 5)


def test_redis_slow_while_all_places_come_free(start, redis, receiver):
    """The answer to a claim comes when what it was for has changed: the worker asks again at once, and does
    not sleep beside what waits."""
    client = start(POSTHORN_WORKER_IN_FLIGHT=4).client()
    flow = Flow(client, receiver, replies.answer(200, delay=0.1), concurrency=64)
    flow.batch(140)
    for n in range(8):
        receiver.wait(10 * (n + 1))
        redis.pause()
        time.sleep(0.3)
        redis.resume()
    flow.all_once(10, 3)
    times = [r.at for r in flow.requests()]
    assert max(b - a for a, b in zip(times, times[1:])) < 0.3 + 1
    assert at_once(flow.requests()) <= 4


def test_api_stopped_while_clients_post(start, receiver):
    """They wait, or are cut off; what was answered 202 is delivered."""
    api = start(role="api")
    start(role="worker")
    flow = Flow(api.client(), receiver)
    threads = [threading.Thread(target=flow.try_one) for _ in range(20)]
    api.process.send_signal(signal.SIGSTOP)
    for t in threads:
        t.start()
    time.sleep(3)
    api.process.send_signal(signal.SIGCONT)
    for t in threads:
        t.join()
    assert len(flow.accepted) == 20
    flow.all_arrive(5)
    assert not flow.repeated()
