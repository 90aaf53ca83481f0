"""SIGTERM under load: exit 0, nothing lost, nothing twice."""

import threading

import pytest
from harness import replies
from harness.wait import until


class Load:
    """Clients that post until they are refused; what was answered 202."""

    def __init__(self, client, threads=4):
        self.accepted = []
        self.statuses = set()
        self.client = client
        self.stopped = threading.Event()
        self.threads = [threading.Thread(target=self.post) for _ in range(threads)]
        for t in self.threads:
            t.start()

    def post(self):
        while not self.stopped.is_set():
            try:
                answer = self.client.post(
                    "/events", {"type": "a", "data": {}}, expect=None, check=False
                )
            except OSError:
                continue
            except Exception:  # noqa: BLE001 - a connection that ends without an answer
                continue
            self.statuses.add(answer.status)
            if answer.status == 202:
                self.accepted.append(answer.json["id"])

    def stop(self):
        self.stopped.set()
        for t in self.threads:
            t.join()


def counted(receiver):
    ids = [r.json["id"] for r in receiver.requests]
    return set(ids), len(ids)


@pytest.mark.parametrize("roles", [[None], ["api", "worker"]], ids=["one-process", "api-and-worker"])
def test_sigterm_under_load(start, receiver, roles):
    receiver.script("/hook", replies.answer(200, delay=0.02))
    servers = [start(role=role) for role in roles]
    servers[0].client().webhook(receiver.url())
    load = Load(servers[0].client())
    until(lambda: len(load.accepted) > 200, 30, "some load")
    for server in servers:
        server.terminate()
    for server in servers:
        server.stop()
    load.stop()
    assert load.statuses <= {202, 503}
    for server in servers:
        server.start()
    until(lambda: set(load.accepted) <= counted(receiver)[0], 60, "all that was accepted")
    ids, count = counted(receiver)
    assert len(ids) == count, "sent twice"


def test_rolling_restart_of_workers(split, receiver):
    receiver.script("/hook", replies.answer(200, delay=0.02))
    client, *workers = split(2)
    client.webhook(receiver.url())
    load = Load(client, threads=2)
    for worker in workers * 2:
        seen = len(receiver.requests)
        until(lambda seen=seen: len(receiver.requests) > seen + 50, 30, "some deliveries")
        worker.restart()
    load.stop()
    until(lambda: set(load.accepted) <= counted(receiver)[0], 60, "all that was accepted")
    ids, count = counted(receiver)
    assert len(ids) == count, "sent twice"


def test_waits_for_what_is_under_way(start, receiver):
    server = start()
    receiver.script("/hook", replies.answer(200, delay=2))
    webhook = server.client().webhook(receiver.url(), retry_schedule=[1])
    server.client().publish()
    receiver.wait(1)
    server.stop()
    server.start()
    delivery = server.client().settled(webhook)
    assert (delivery["attempts"], len(receiver.requests)) == (1, 1)


def test_retries_survive(start, receiver):
    server = start()
    receiver.script("/hook", replies.answer(500), replies.answer(200))
    server.client().webhook(receiver.url(), retry_schedule=[3])
    server.client().publish()
    first = receiver.wait(1)[0]
    server.client().attempted(server.client().get("/webhooks").json["data"][0])
    server.restart()
    assert receiver.wait(2)[1].at - first.ended >= 2.95


def test_readyz_while_draining(start, receiver):
    """Either it says that it is stopping, or it takes no connection any more."""
    server = start()
    receiver.script("/hook", replies.answer(200, delay=3))
    server.client().webhook(receiver.url())
    server.client().publish()
    receiver.wait(1)
    server.terminate()

    def stopping():
        try:
            answer = server.client().get("/readyz", expect=None)
        except OSError:
            return True
        return answer.status == 503 and answer.json["status"] == "stopping"

    until(stopping, 3, "it to say so")
    server.stop()


def test_sigterm_at_once(start):
    server = start(wait=False)
    until(lambda: server.log() or not server.is_running(), 10)
    server.stop()


def test_sigint_too(start):
    import signal

    server = start()
    server.process.send_signal(signal.SIGINT)
    assert server.process.wait(30) == 0
    server.check_log()
    server.process = None
