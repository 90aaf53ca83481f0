"""Redis fails over: the master dies, or changes places with its replica, while deliveries go on."""

import pytest
from harness import replies
from harness.flow import Flow
from harness.sentinel import NAME, Replicated
from harness.wait import until


@pytest.fixture
def replicated():
    made = Replicated()
    yield made
    made.destroy()


def go_over(replicated, posthorn, flow, seconds=30):
    """Publishes until the replica is the master, and Posthorn has found it."""
    replica = replicated.servers[1]

    def is_there():
        flow.batch(3)
        return replicated.promoted(replica) and f"127.0.0.1:{replica.port}" in posthorn.log()

    until(is_there, seconds, posthorn.log)
    until(lambda: posthorn.client().get("/readyz").json["redis"] == "up", 10, posthorn.log)


def arrives_in_full(posthorn, flow):
    flow.batch(50)
    flow.all_once(20, 10)
    assert "moved=true" in posthorn.log() and "event=queue_rebuilt" in posthorn.log()


def begin(start_on, database, replicated, receiver):
    posthorn = start_on(database, replicated)
    flow = Flow(posthorn.client(), receiver, replies.answer(200, delay=0.01), concurrency=8)
    flow.batch(100)
    receiver.wait(20)
    return posthorn, flow


def test_the_master_dies(start_on, database, replicated, receiver):
    posthorn, flow = begin(start_on, database, replicated, receiver)
    replicated.master.stop()
    go_over(replicated, posthorn, flow)
    arrives_in_full(posthorn, flow)


def test_the_replica_lacks_what_came_last(start_on, database, replicated, receiver):
    posthorn, flow = begin(start_on, database, replicated, receiver)
    replicated.servers[1].pause()
    flow.batch(100)
    replicated.master.stop()
    replicated.servers[1].resume()
    go_over(replicated, posthorn, flow)
    arrives_in_full(posthorn, flow)


def test_they_change_places(start_on, database, replicated, receiver):
    """As for maintenance; the old master lives on, as a replica that refuses."""
    posthorn, flow = begin(start_on, database, replicated, receiver)
    assert replicated.sentinels[0].command("SENTINEL", "FAILOVER", NAME) == b"+OK"
    go_over(replicated, posthorn, flow)
    arrives_in_full(posthorn, flow)
    until(lambda: not replicated.promoted(replicated.master), 20, "the old master to follow")


def test_a_master_that_hangs(start_on, database, replicated, receiver):
    posthorn, flow = begin(start_on, database, replicated, receiver)
    replicated.master.pause()
    go_over(replicated, posthorn, flow)
    arrives_in_full(posthorn, flow)
