"""Redis is out of memory: what it refuses goes by PostgreSQL until it takes something again."""

from harness import replies
from harness.flow import Flow
from harness.wait import never, until


def switches(server):
    return server.log().count("event=direct_mode on=")


def test_out_of_memory(posthorn, redis, receiver):
    client = posthorn.client()
    flow = Flow(client, receiver, replies.answer(200, delay=0.01), concurrency=8)
    flow.batch(20)
    flow.all_arrive(5)
    redis.limit_memory(1)
    for _ in range(5):
        flow.batch(20)
    flow.all_arrive(15)
    flow.none_pending(5)
    assert client.get("/readyz").json["status"] == "ready"
    redis.limit_memory(0)
    until(lambda: client.get("/readyz").json["redis"] == "up", 5, "Redis in use again")
    flow.batch(20)
    flow.all_once(5, 10)


def test_no_gusts_while_out_of_memory(posthorn, redis, receiver):
    """It stays in direct mode: what comes one by one is not late because Redis is tried again and again."""
    flow = Flow(posthorn.client(), receiver)
    redis.limit_memory(1)
    flow.batch(1)
    flow.all_arrive(5)
    until(lambda: "event=direct_mode on=true" in posthorn.log(), 5, "direct mode")
    before = switches(posthorn)
    for _ in range(6):
        flow.batch(1)
        flow.all_arrive(1)
    never(lambda: switches(posthorn) > before, 3, "another mode")
    redis.limit_memory(0)
    until(lambda: "event=direct_mode on=false" in posthorn.log(), 5, "the end of direct mode")
    flow.batch(5)
    flow.all_arrive(3)
    assert not flow.repeated()


def test_out_of_memory_while_much_is_in_flight(posthorn, redis, receiver):
    """What was claimed from Redis is acknowledged to it late, and sent once."""
    flow = Flow(posthorn.client(), receiver, replies.answer(200, delay=0.05), concurrency=16)
    flow.batch(200)
    receiver.wait(40)
    redis.limit_memory(1)
    receiver.wait(120, timeout=20)
    redis.limit_memory(0)
    flow.all_once(15, 10)
