"""A delivery that workers end with: it goes later, and not beside another such, and is given up after a few."""

import threading

import pytest
from harness import replies
from harness.flow import Flow, at_once
from harness.wait import until

CRASHES_MAX = 4


def test_what_crashes_workers_is_given_up_and_the_rest_goes_on(split, receiver):
    """A poisonous delivery ends its worker as soon as it is sent. Beside it are others, which were in hand at the first
    two crashes, and an endpoint that gets events all the while."""
    client, worker = split()
    receiver.script("/poison", replies.hang())
    receiver.script("/beside", replies.hang(), replies.hang(), replies.hang(), replies.hang(), replies.answer(200))
    poison = client.webhook(receiver.url("/poison"), events=["poison"], timeout_ms=30000)
    beside = Flow(client, receiver, path="/beside", type_="beside", timeout_ms=30000, events=["beside"])
    well = Flow(client, receiver, path="/well", type_="well", events=["well"])
    beside.batch(2)
    receiver.wait(2, "/beside")
    client.publish("poison")
    for crash in range(1, CRASHES_MAX + 1):
        receiver.wait(crash, "/poison", timeout=20)
        if crash <= 2:
            receiver.wait(2 * crash, "/beside")
        worker.kill()
        worker.start()
        well.batch(3)
        well.all_arrive(5)
    until(lambda: client.only_delivery(poison)["status"] == "failed", 10)
    given_up = client.get(f"/deliveries/{client.only_delivery(poison)['id']}").json
    assert given_up["last_error"]["code"] == "worker_crashed"
    assert given_up["attempts"] == CRASHES_MAX
    assert len(receiver.at("/poison")) == CRASHES_MAX
    gaps = [b.at - a.at for a, b in zip(receiver.at("/poison"), receiver.at("/poison")[1:])]
    assert gaps[0] < 3 < gaps[2], gaps  # at once; then later, the third time by 3 s at least
    beside.none_pending(40)
    assert client.deliveries(beside.webhook, status="failed") == []
    assert at_once(receiver.at("/beside")[4:]) == 1


def test_what_was_given_up_can_be_sent_again(split, receiver):
    """And its count begins anew."""
    client, worker = split()
    receiver.script("/hook", *[replies.hang()] * (CRASHES_MAX + 1), replies.answer(200))
    webhook = client.webhook(receiver.url(), timeout_ms=30000)
    client.publish()
    for crash in range(1, CRASHES_MAX + 1):
        receiver.wait(crash, timeout=20)
        worker.kill()
        worker.start()
    until(lambda: client.only_delivery(webhook)["status"] == "failed", 10)
    client.post(f"/deliveries/{client.only_delivery(webhook)['id']}/retry")
    receiver.wait(CRASHES_MAX + 1)
    worker.kill()
    worker.start()
    until(lambda: client.only_delivery(webhook)["status"] == "delivered", 5)


def test_the_next_of_a_lane_goes_when_one_is_given_up(split, receiver):
    client, worker = split()
    receiver.script("/hook", *[replies.hang()] * CRASHES_MAX, replies.answer(200))
    webhook = client.webhook(receiver.url(), timeout_ms=30000, ordering="webhook")
    client.publish()
    client.publish()
    for crash in range(1, CRASHES_MAX + 1):
        receiver.wait(crash, timeout=20)
        worker.kill()
        worker.start()
    receiver.wait(CRASHES_MAX + 1, timeout=5)
    until(lambda: [d["status"] for d in client.deliveries(webhook)] == ["delivered", "failed"], 5)


# --- machines that never return ----------------------------------------------------------------------


def lose(database, number):
    """The machine of what was killed is gone: nobody else has its slot, and 75 s have passed."""
    database.query(f"update lease set owner = {number} where owner > 1000 or owner < 0")
    database.query(
        f"update delivery set lease_owner = {number}, lease_until = now() - interval '1 ms'"
        " where lease_until is not null"
    )


def crashes(database):
    return database.query("select coalesce(crashes, 0)::text from delivery")


@pytest.mark.parametrize("queue", [True, False], ids=["queue", "direct"])
def test_machines_that_never_return(split, database, redis, receiver, queue):
    """Each takes the delivery along; the next worker has it when its lease has run out, and the fourth is the last. Two
    are in one lane: the second goes when the first is given up."""
    client, worker = split()
    if not queue:
        redis.stop()
    receiver.script("/hook", *[replies.hang()] * CRASHES_MAX, replies.answer(200))
    webhook = client.webhook(receiver.url(), timeout_ms=30000, ordering="webhook")
    client.publish()
    client.publish()
    for crash in range(1, CRASHES_MAX + 1):
        receiver.wait(crash, timeout=20)
        worker.kill()
        lose(database, crash)
        worker.start(wait=queue)
    receiver.wait(CRASHES_MAX + 1, timeout=15)
    until(lambda: [d["status"] for d in client.deliveries(webhook)] == ["delivered", "failed"], 10)
    first = client.deliveries(webhook)[1]
    given_up = client.get(f"/deliveries/{first['id']}").json
    assert given_up["last_error"]["code"] == "worker_crashed"
    assert given_up["attempts"] == CRASHES_MAX
    assert f"event=delivery_failed delivery={first['id']}" in worker.log()


@pytest.mark.parametrize(
    "known",
    [
        "delete from lease",  # its owner has told its end
        "update lease set at = pg_postmaster_start_time() - interval '1 s'",  # PostgreSQL was away meanwhile
    ],
)
def test_a_lease_that_ran_out_of_itself_is_no_crash(split, database, receiver, known):
    client, worker = split()
    receiver.script("/hook", replies.hang(), replies.hang(), replies.answer(200))
    webhook = client.webhook(receiver.url(), timeout_ms=30000)
    client.publish()
    receiver.wait(1)
    worker.kill()
    lose(database, 1)
    database.query(known)
    worker.start()
    receiver.wait(2, timeout=15)
    assert crashes(database) == [["0"]]
    worker.kill()
    lose(database, 2)
    worker.start()
    receiver.wait(3, timeout=15)
    until(lambda: client.only_delivery(webhook)["status"] == "delivered", 10)


def test_a_lost_machine_is_forgotten_when_the_next_worker_records(split, database, receiver):
    client, worker = split()
    receiver.script("/hook", replies.hang(), replies.gate(opened := threading.Event()), replies.answer(200))
    webhook = client.webhook(receiver.url(), timeout_ms=30000, retry_schedule=[1])
    client.publish()
    receiver.wait(1)
    worker.kill()
    lose(database, 1)
    worker.start()
    receiver.wait(2, timeout=15)
    assert crashes(database) == [["1"]]
    opened.set()
    until(lambda: client.only_delivery(webhook)["status"] == "delivered", 10)
    assert crashes(database) == [["0"]]
