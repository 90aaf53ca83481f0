"""PostgreSQL slow or in the way at the worst moment: nothing crashes, nothing stays behind."""

import threading
import time

from harness import replies
from harness.wait import until


def test_many_large_events_while_commits_wait(database, start, receiver):
    """What waits for one commit is more than one statement may carry."""
    server = start()
    client = server.client()
    client.webhook(receiver.url(), events=["other"])
    body = b'{"type":"a","data":{"x":"' + b"x" * 1000000 + b'"}}'
    statuses = []

    def post():
        answer = client.request("POST", "/events", body, expect=None, check=False)
        statuses.append(answer.status)

    threads = [threading.Thread(target=post) for _ in range(100)]
    with database.holding("LOCK TABLE event IN ACCESS EXCLUSIVE MODE", 2.5):
        for t in threads:
            t.start()
        time.sleep(1)
        assert server.is_running()
    for t in threads:
        t.join()
    assert server.is_running()
    assert len(statuses) == 100 and set(statuses) <= {202, 503}
    assert statuses.count(202) >= 30
    assert int(database.query("SELECT count(*) FROM event")[0][0]) == statuses.count(202)


def test_leases_of_a_dead_worker_are_locked_when_its_successor_starts(database, start, receiver):
    """Taking them over fails the first time, on a connection that stays."""
    api, worker = start(role="api"), start(role="worker")
    opened = threading.Event()
    receiver.script("/hook", replies.gate(opened))
    client = api.client()
    client.webhook(receiver.url())
    client.publish()
    receiver.wait(1)
    worker.kill()
    opened.set()
    with database.holding("SELECT FROM delivery FOR UPDATE", 6):
        worker.start()
    receiver.wait(2, timeout=10)


def test_accepted_as_held_while_the_webhook_resumes(database, start, receiver):
    """Accept saw a paused webhook, and commits long after it was resumed."""
    client = start().client()
    webhook = client.webhook(receiver.url())
    path = f"/webhooks/{webhook['id']}"
    key = {"Idempotency-Key": "one"}
    client.publish(headers=key)
    receiver.wait(1)
    database.query("UPDATE idempotency SET expires_at = now() - interval '1 h'")
    client.patch(path, {"status": "paused"})
    publisher = threading.Thread(target=client.publish, kwargs={"headers": key})
    with database.holding("SELECT FROM idempotency FOR UPDATE", 3.5):
        publisher.start()
        time.sleep(0.5)
        client.patch(path, {"status": "active"})
    publisher.join()
    assert len(client.deliveries(webhook)) == 2
    receiver.wait(2, timeout=20)


def test_an_id_lost_behind_another_webhooks_backlog(start, receiver):
    """The reconciler finds what never reached Redis, though thousands wait their turn."""
    api, worker = start(role="api"), start(role="worker")
    lost = start(role="api", wait=False, POSTHORN_REDIS_URL="redis://127.0.0.1:1/0")
    until(lambda: "listening" in lost.log(), 10)
    client = api.client()
    client.webhook(receiver.url("/slow"), events=["slow"], rate_limit=1)
    client.webhook(receiver.url("/quick"), events=["quick"])
    for _ in range(5):
        events = [{"type": "slow", "data": {}}] * 1000
        client.post("/events/batch", {"events": events}, expect=202)
    time.sleep(4)
    lost.client().publish("quick")
    receiver.wait(1, "/quick", timeout=8)


def test_many_webhooks_resume(start, receiver):
    """Each has something held; none waits for all the others."""
    client = start().client()
    webhooks = [client.webhook(receiver.url()) for _ in range(40)]

    def set_all(status):
        for webhook in webhooks:
            client.patch(f"/webhooks/{webhook['id']}", {"status": status})

    set_all("paused")
    client.publish()
    set_all("active")
    receiver.wait(40, timeout=10)


def test_sigterm_while_a_test_waits(start, receiver):
    """The receiver hangs for longer than the server drains: the client is told, the end is clean."""
    api = start(role="api")
    client = api.client()
    receiver.script("/hook", replies.hang())
    webhook = client.webhook(receiver.url(), timeout_ms=30000)
    answers = []
    waiting = threading.Thread(
        target=lambda: answers.append(
            client.post(f"/webhooks/{webhook['id']}/test", expect=None, check=False)
        )
    )
    waiting.start()
    time.sleep(1)
    api.stop()
    waiting.join()
    assert [a.status for a in answers] in ([200], [503])


def test_gone_from_where_the_webhook_was(start, receiver):
    """410 speaks of the address that was asked, not of the one set meanwhile."""
    client = start().client()
    opened = threading.Event()
    receiver.script("/old", replies.gate(opened, replies.answer(410)))
    webhook = client.webhook(receiver.url("/old"))
    path = f"/webhooks/{webhook['id']}"
    client.publish()
    receiver.wait(1, "/old")
    client.patch(path, {"url": receiver.url("/new")})
    opened.set()
    client.settled(webhook, "failed")
    time.sleep(0.5)
    assert client.get(path).json["status"] == "active"
