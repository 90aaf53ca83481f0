"""kill -9 at any moment, and clients that go away."""

import random
import socket
import threading
import time

from harness import raw, replies
from harness.wait import until


def ids(receiver):
    return {r.json["id"] for r in receiver.requests}


def test_worker_killed_with_deliveries_in_flight(split, receiver):
    client, worker = split()
    opened = threading.Event()
    receiver.script("/hook", replies.gate(opened))
    webhook = client.webhook(receiver.url(), concurrency=16)
    made = client.batch(200)
    receiver.wait(16)
    worker.kill()
    in_flight = len(receiver.requests)
    opened.set()
    restarted = time.monotonic()
    worker.start()
    until(
        lambda: len(client.deliveries(webhook, status="delivered", limit=250)) == 200,
        20,
        "all delivered",
    )
    assert time.monotonic() - restarted < 15
    assert ids(receiver) == made
    assert len(receiver.requests) <= 200 + in_flight


LEASED = "SELECT count(*) FROM delivery WHERE state = 0 AND lease_until > now()"


def test_worker_killed_again_and_again(split, receiver, database):
    """Each time no more is sent twice than was in its hands: leased, and not recorded. What a dead worker claims after its successor
    took over (test_late_claim.py) must not wait for its lease either: that is the deadline here."""
    client, worker = split()
    receiver.script("/hook", replies.answer(200, delay=0.01))
    webhook = client.webhook(receiver.url(), concurrency=8)
    made = client.batch(1000)
    in_hand = 0
    for kills in range(1, 5):
        receiver.wait(kills * 100, timeout=20)
        worker.kill()
        in_hand += int(database.query(LEASED)[0][0])
        worker.start()
    until(lambda: ids(receiver) == made, 30, "all of them")
    until(lambda: not client.deliveries(webhook, status="pending"), 15, "none pending")
    assert len(receiver.requests) <= 1000 + in_hand
    assert in_hand < 4 * 100


def test_the_number_of_an_attempt_that_was_lost_is_not_given_again(split, receiver):
    client, worker = split()
    opened = threading.Event()
    receiver.script("/hook", replies.gate(opened), replies.answer(500), replies.answer(200))
    webhook = client.webhook(receiver.url(), retry_schedule=[1])
    client.publish()
    receiver.wait(1)
    in_flight = client.only_delivery(webhook)
    assert (in_flight["attempts"], in_flight["response_time_ms"]) == (1, None)
    worker.kill()
    opened.set()
    worker.start()
    delivery = client.settled(webhook)
    assert [r.header("X-Webhook-Attempt") for r in receiver.requests] == ["1", "2", "3"]
    assert delivery["attempts"] == 3
    assert [a["number"] for a in client.attempts(delivery)] == [3, 2]


def test_everything_killed_while_accepting(start, receiver):
    """All that was answered 202 before a kill -9 is delivered after the restart."""
    server = start()
    server.client().webhook(receiver.url())
    accepted = set()
    for _ in range(3):
        client = server.client()
        stop = threading.Event()

        def post(client=client, stop=stop):
            while not stop.is_set():
                try:
                    accepted.add(
                        client.post("/events", {"type": "a", "data": {}}, expect=202).json["id"]
                    )
                except Exception:  # noqa: BLE001 - the server is being killed
                    return

        threads = [threading.Thread(target=post) for _ in range(4)]
        for t in threads:
            t.start()
        before = len(accepted)
        until(lambda before=before: len(accepted) > before + 50, 20, "some events")
        server.kill()
        stop.set()
        for t in threads:
            t.join()
        server.start()
    until(lambda: accepted <= ids(receiver), 30, "all that was accepted")


def test_worker_frozen(split, receiver):
    """Stopped and continued: nothing lost."""
    import signal

    client, worker = split()
    webhook = client.webhook(receiver.url())
    worker.process.send_signal(signal.SIGSTOP)
    made = client.batch(50)
    client.get("/webhooks", expect=200)
    worker.process.send_signal(signal.SIGCONT)
    until(lambda: ids(receiver) == made, 15, "all of them")
    until(lambda: len(client.deliveries(webhook, status="delivered")) == 50, 10, "all recorded")
    assert len(receiver.requests) == 50


def test_two_workers_send_each_once(split, receiver):
    client = split(2)[0]
    client.webhook(receiver.url(), concurrency=64)
    made = set()
    for _ in range(5):
        made |= client.batch(200)
    until(lambda: ids(receiver) == made, 60, "all of them")
    assert len(receiver.requests) == 1000


def test_clients_that_hang_up(posthorn, receiver):
    """At every point of a request, some hundred times."""
    client = posthorn.client()
    hook = client.webhook(receiver.url())
    address = ("127.0.0.1", posthorn.port)
    key = [("Authorization", f"Bearer {client.key}")]
    body = b'{"type":"a","data":{"x":"' + b"a" * 20000 + b'"}}'
    requests = [
        raw.request("POST", "/v1/events", [*key, ("Content-Length", len(body))], body),
        raw.request(
            "POST", "/v1/events", [*key, ("Transfer-Encoding", "chunked")], raw.chunked(body, 999)
        ),
        raw.request("GET", f"/v1/webhooks/{hook['id']}/deliveries", key),
        raw.request("POST", f"/v1/webhooks/{hook['id']}/test", [*key, ("Content-Length", 0)]),
        raw.request("GET", "/openapi.json"),
        raw.request("GET", "/readyz"),
    ]
    chance = random.Random(7)
    for n in range(400):
        data = chance.choice(requests)
        cut = len(data) if n % 2 else chance.randrange(len(data))
        with socket.create_connection(address, 5) as s:
            if n % 3:
                s.setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00"
                )
            s.sendall(data[:cut])
    until(lambda: client.get("/webhooks", expect=None).status == 200, 5, "the end of those lists")
    for _ in range(20):
        client.get("/webhooks", expect=200)
    event = client.publish("last")
    until(lambda: any(r.json["id"] == event["id"] for r in receiver.requests), 20, "the last event")
    until(lambda: not client.deliveries(hook, status="pending"), 20, "none pending")


def test_idle_and_slow_clients(posthorn):
    """Connections that say nothing, or a byte now and then, keep nobody out."""
    address = ("127.0.0.1", posthorn.port)
    idle = [socket.create_connection(address, 5) for _ in range(150)]
    for n, s in enumerate(idle):
        s.sendall(b"GET /v1/webhooks HTTP/1.1\r\nHost: a\r\n"[: n % 30])
    for _ in range(20):
        assert posthorn.client().get("/webhooks", expect=200).seconds < 1
    for s in idle:
        s.close()
