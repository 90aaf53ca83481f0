"""The N-th call of something fails, of every kind of call to the outside, for one N after the other: the process lives,
nothing is lost, and what was sent is recorded."""

import contextlib
import http.client
import itertools
import os

import pytest
from harness import replies
from harness.failing import CALLS, Failing
from harness.wait import until

TIMES = (0, 1, 3, 8)
RARE = {"SENDMSG", "ACCEPT4", "WRITE", "SOCKET", "CONNECT"}  # it depends on libraries whether there is one


@pytest.fixture
def failing(tmp_path):
    return Failing(tmp_path)


def env(failing):
    asan = os.environ.get("ASAN_OPTIONS", "detect_leaks=1:exitcode=99")
    return {**failing.env, "ASAN_OPTIONS": f"{asan}:verify_asan_link_order=0"}


class Publisher:
    """Posts until it is told that it was accepted, under a key: so each is one event."""

    def __init__(self, client):
        self.client = client
        self.keys = itertools.count()
        self.accepted = set()

    def publish(self):
        key = {"Idempotency-Key": f"k{next(self.keys)}"}

        def try_once():
            try:
                answer = self.client.request("POST", "/events", {"type": "a", "data": {}}, None, key, check=False)
            except (OSError, http.client.HTTPException):
                return None
            return answer.json["id"] if answer.status == 202 else None

        self.accepted.add(until(try_once, 10, "a 202"))


def all_is_well(database, receiver, publisher):
    """Each event is one delivery, arrived, and ended; each request that arrived is an attempt."""
    until(lambda: publisher.accepted <= {r.json["id"] for r in receiver.at("/hook")}, 20, "all to arrive")
    until(lambda: database.query("select count(*) from delivery where state <> 1") == [["0"]], 20, "all to end")
    assert int(database.query("select count(*) from attempt")[0][0]) >= len(receiver.at("/hook"))
    assert len(database.query("select 1 from delivery")) == len(publisher.accepted)


def test_nth_failure(start, database, receiver, failing):
    server = start(**env(failing))
    receiver.script("/hook", replies.answer(500), replies.answer(200))
    client = server.client(timeout=1)  # h2o leaves a connection that it can't write on to its timeout
    client.webhook(receiver.url(), retry_schedule=[1] * 8)
    publisher = Publisher(client)
    publisher.publish()
    for call in CALLS:
        hits = 0
        for passing in TIMES:
            failing.next(call, passing)
            for _ in range(3):
                publisher.publish()
            with contextlib.suppress(AssertionError):
                until(failing.failed, 0.3)
            hits += failing.failed()
            assert server.is_running(), (call, passing, server.log()[-3000:])
        assert hits > 0 or call in RARE, call
    failing.stop()
    all_is_well(database, receiver, publisher)


@pytest.mark.parametrize("call", ("SEND", "RECV", "PQ_SEND", "PQ_SYNC"))
def test_nth_failure_of_a_drain(start, database, receiver, failing, call):
    server = start(**env(failing))
    client = server.client(timeout=1)
    receiver.script("/hook", replies.answer(200, delay=0.2))
    client.webhook(receiver.url(), retry_schedule=[1] * 8, concurrency=4)
    publisher = Publisher(client)
    for _ in range(8):
        publisher.publish()
    failing.next(call, 2)
    server.terminate()
    server.stop()
    failing.stop()
    server.start()
    all_is_well(database, receiver, publisher)
