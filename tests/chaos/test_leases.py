"""What a worker owns in the ledger and has not in hand is taken back: after a kill, after a crash of
PostgreSQL, and when a claim is run that nobody waits for any more."""

import os
import re
import signal
import socket
import threading
import time
from types import SimpleNamespace

import pytest
from harness import replies
from harness.wait import until

# Deliveries of another webhook that wait for their time.
BACKLOG = """
INSERT INTO delivery (id, event_id, webhook_id, app_id, next_at, state, test)
SELECT new_delivery_id(e.id), e.id, '{webhook}', w.app_id, now() + interval '1 h' + random() * interval '1 h', 0, false
  FROM (SELECT id FROM event LIMIT 1) e, (SELECT app_id FROM webhook LIMIT 1) w,
       generate_series(1, {count}) n"""


def delivered(client, webhook):
    return len(client.deliveries(webhook, status="delivered", limit=250))


READ = "SELECT sum(idx_tup_read)::int8 FROM pg_stat_all_indexes WHERE relname LIKE 'delivery%'"


def test_killed_beside_a_backlog(split, database, receiver):
    """A worker that starts looks at what its predecessor had, not at all that is pending."""
    client, worker = split()
    receiver.script("/hook", replies.hang(), replies.hang(), replies.answer(200))
    webhook = client.webhook(receiver.url(), concurrency=2)
    client.batch(4)
    receiver.wait(2)
    worker.kill()
    elsewhere = "00000000-0000-7000-8000-000000000001"
    database.query(BACKLOG.format(webhook=elsewhere, count=100_000))
    read = int(database.query(READ)[0][0])
    started = time.monotonic()
    worker.start()
    until(lambda: delivered(client, webhook) == 4, 20, "all four")
    assert time.monotonic() - started < 3
    worker.stop()  # what it has read is counted when its connections end
    assert int(database.query(READ)[0][0]) - read < 50_000
    assert database.query("SELECT count(*) FROM lease") == [["0"]]


RELEASED = "event=release .*error=none"
LEASED = "SELECT count(*) FROM delivery WHERE state = 0 AND lease_until > now()"


def test_claim_run_after_its_release(own_postgres, redis, start_on, receiver):
    """PostgreSQL stood still until the worker gave a claim up, and runs it all the same."""
    client = start_on(own_postgres.database, redis, role="api").client()
    webhook = client.webhook(receiver.url())
    others = backends(own_postgres)
    worker = start_on(own_postgres.database, redis, role="worker", POSTHORN_LOG_LEVEL="debug")
    client.batch(1)
    until(lambda: delivered(client, webhook) == 1, 10, "the first")
    for count in range(2, 7):
        log_from = len(worker.log())
        frozen = backends(own_postgres) - others
        for pid in frozen:
            os.kill(pid, signal.SIGSTOP)
        client.batch(1)
        until(lambda: re.search(RELEASED, worker.log(log_from)), 20, "a release")
        for pid in frozen:
            os.kill(pid, signal.SIGCONT)
        time.sleep(0.1)
        late = own_postgres.database.query(LEASED) == [["1"]]
        until(lambda: delivered(client, webhook) == count, 6, "all of them")
        if late:  # unless its connection was found to be dead before
            return
    pytest.skip("PostgreSQL dropped every connection before it ran what it had read")


def backends(postgres):
    found = postgres.database.query(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
        " AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
    )
    return {int(pid) for (pid,) in found}


@pytest.mark.parametrize("how", [signal.SIGQUIT, signal.SIGKILL], ids=["immediate", "killed"])
def test_postgres_crashes_under_load(own_postgres, redis, start_on, receiver, how):
    """A crash may undo what was recorded last, and keep the claim: nothing waits for a lease to run
    out."""
    server = start_on(own_postgres.database, redis)
    client = server.client()
    receiver.script("/hook", replies.answer(200, delay=0.1))
    webhook = client.webhook(receiver.url(), concurrency=20)
    client.batch(200)
    receiver.wait(100)
    own_postgres.stop(how)
    own_postgres.start()
    until(lambda: client.get("/readyz", expect=None).status == 200, 10, "service again")
    until(lambda: delivered(client, webhook) == 200, 8, "all of them")


def test_sigterm_while_a_receiver_hangs(start, split, database, receiver):
    """A process ends within 30 s. What has no answer by then is another worker's at once."""
    client, worker = split()
    receiver.script("/hook", replies.hang(), replies.answer(200))
    webhook = client.webhook(receiver.url(), timeout_ms=30000, concurrency=1)
    client.batch(3)
    receiver.wait(1)
    started = time.monotonic()
    worker.stop()
    assert time.monotonic() - started < 30
    assert database.query(LEASED) == [["0"]]
    start(role="worker")
    until(lambda: delivered(client, webhook) == 3, 3, "all three")


def test_sigterm_while_postgres_stands_still(own_postgres, redis, start_on, receiver):
    """What was claimed is given back as soon as PostgreSQL listens, and not sent."""
    client = start_on(own_postgres.database, redis, role="api").client()
    webhook = client.webhook(receiver.url())
    others = backends(own_postgres)
    worker = start_on(own_postgres.database, redis, role="worker")
    client.batch(1)
    until(lambda: delivered(client, webhook) == 1, 10, "the first")
    frozen = [own_postgres.process.pid, *(backends(own_postgres) - others)]
    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
    client.batch(5)
    time.sleep(0.3)
    worker.terminate()
    time.sleep(12)
    for pid in frozen:
        os.kill(pid, signal.SIGCONT)
    worker.stop()
    time.sleep(1)
    assert own_postgres.database.query(LEASED) == [["0"]]
    assert "event=leases_left" not in worker.log()


class SlowLine:
    """Forwards connections to a port, and so many bytes a second of what comes back, of all together."""

    def __init__(self, port, rate):
        self.target, self.rate = port, rate
        self.lock = threading.Lock()
        self.free_at = 0.0
        self.sockets = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.run(self.accept)

    def run(self, function, *arguments):
        threading.Thread(target=function, args=arguments, daemon=True).start()

    def accept(self):
        while True:
            try:
                near = self.listener.accept()[0]
            except OSError:
                return
            far = socket.socket()
            # or the kernel's buffers would take what the line does not
            far.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
            far.connect(("127.0.0.1", self.target))
            self.sockets += [near, far]
            self.run(self.pump, near, far, False)
            self.run(self.pump, far, near, True)

    def wait_turn(self, count):
        with self.lock:
            self.free_at = max(self.free_at, time.monotonic()) + count / self.rate
            wait = self.free_at - time.monotonic()
        time.sleep(max(0, wait))

    def pump(self, source, target, slow):
        try:
            while data := source.recv(8192):
                if slow:
                    self.wait_turn(len(data))
                target.sendall(data)
        except OSError:
            pass
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        for each in [self.listener, *self.sockets]:
            each.close()


def test_large_payloads_on_a_slow_line(database, redis, start_on, receiver):
    """What a claim asks for is bounded by what the line takes in time."""
    client = start_on(database, redis, role="api").client()
    webhook = client.webhook(receiver.url(), concurrency=200)
    events = [{"type": "a", "data": {"n": n, "x": "x" * 60_000}} for n in range(120)]
    for n in range(0, 120, 12):
        client.post("/events/batch", {"events": events[n : n + 12]}, expect=202)
    line = SlowLine(database.cluster.port, 400_000)
    url = database.url.replace(str(database.cluster.port), str(line.port))
    worker = start_on(SimpleNamespace(url=url), redis, role="worker")
    until(lambda: delivered(client, webhook) == 120, 60, "all of them")
    assert len(receiver.requests) == 120
    worker.stop()
    line.close()
