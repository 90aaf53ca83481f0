"""A process that was stopped for longer than its deadlines: what was answered meanwhile counts."""

import contextlib
import signal
import threading
import time

from harness import replies
from harness.wait import until


@contextlib.contextmanager
def stopped(server, seconds):
    """SIGSTOP around what happens inside, for at least so long."""
    server.process.send_signal(signal.SIGSTOP)
    since = time.monotonic()
    try:
        yield
        time.sleep(max(0, since + seconds - time.monotonic()))
    finally:
        server.process.send_signal(signal.SIGCONT)


def test_answers_that_came_while_the_worker_stood_still(split, receiver):
    """Twenty requests are under way, with five seconds each; the worker is away for six, longer than
    its statements and Redis's commands may take."""
    client, worker = split()
    opened = threading.Event()
    webhook = client.webhook(receiver.url(), timeout_ms=5000)

    def delivered():
        return len(client.deliveries(webhook, status="delivered"))

    receiver.script("/hook", replies.answer(200, delay=0.2))
    client.batch(20)
    until(lambda: delivered() == 20)  # the connections stay open
    receiver.script("/hook", replies.gate(opened))
    client.batch(20)
    receiver.wait(40)
    with stopped(worker, 6):
        opened.set()
    until(lambda: delivered() == 40, 10)
    assert [d["attempts"] for d in client.deliveries(webhook)] == [1] * 40
    assert len(receiver.requests) == 40
    assert "lost" not in worker.log() and "timed out" not in worker.log()


def test_a_busy_worker_stood_still(split, receiver):
    """In the middle of claiming, sending and recording: nothing is sent again for it."""
    client, worker = split()
    receiver.script("/hook", replies.answer(200, delay=0.05))
    webhook = client.webhook(receiver.url(), timeout_ms=2000)
    client.batch(1000)
    receiver.wait(200, timeout=20)
    with stopped(worker, 6):
        pass
    until(lambda: not client.deliveries(webhook, status="pending", limit=1), 30)
    receiver.wait(1000, timeout=5)
    assert len({r.json["id"] for r in receiver.requests}) == 1000
    assert len(receiver.requests) == 1000
    assert {d["attempts"] for d in client.pages(f"/webhooks/{webhook['id']}/deliveries")} == {1}


def test_an_answer_for_a_producer(database, start, receiver):
    """PostgreSQL commits while the API stands still: the producer hears of it."""
    api = start(role="api")
    client = api.client()
    client.webhook(receiver.url())
    answers = []
    publisher = threading.Thread(target=lambda: answers.append(client.publish()))
    with database.holding("LOCK TABLE event IN ACCESS EXCLUSIVE MODE", 2):
        publisher.start()
        until(lambda: database.query("SELECT 1 FROM pg_locks WHERE NOT granted"))
        api.process.send_signal(signal.SIGSTOP)
    with stopped(api, 12):
        pass
    publisher.join()
    assert len(answers) == 1 and answers[0]["deliveries"] == 1
