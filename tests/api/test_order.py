"""Order by webhook and by key, replacing, and the times of events."""

import collections
import datetime
import itertools
import random
import threading
import time

import pytest
from harness import replies
from harness.postgres import Session
from harness.server import command
from harness.wait import never, until


def post(api, n=0, expect=202, **more):
    return api.post(
        "/events", {"type": "user.created", "data": {"n": n}, **more}, expect=expect
    ).json


def post_all(api, numbers, **more):
    """One batch."""
    events = [{"type": "user.created", "data": {"n": n}, **more} for n in numbers]
    return api.post("/events/batch", {"events": events}, expect=202).json["data"]


def number(request):
    return request.json["data"]["n"]


def numbers(requests):
    return [number(r) for r in requests]


def status_of(api, event):
    return api.get(f"/events/{event['id']}").json["deliveries"][0]


def whole(api, event):
    return api.get(f"/deliveries/{status_of(api, event)['id']}").json


def when(seconds):
    at = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=seconds)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def all_ended(api, webhook):
    return not api.deliveries(webhook, status="pending", limit=1)


def failing(count, status=500):
    """Each event's first `count` requests fail."""
    seen = collections.Counter()
    lock = threading.Lock()

    def reply(receiver, connection, request):
        with lock:
            seen[number(request)] += 1
            fails = seen[number(request)] <= count
        return replies.answer(status if fails else 200)(receiver, connection, request)

    return reply


def check_lanes(requests, lane_of):
    """In each lane a number's requests come after those of smaller ones, and one at a time."""
    lanes = collections.defaultdict(list)
    for r in requests:
        lanes[lane_of(number(r))].append(r)
    for lane, its in lanes.items():
        assert numbers(its) == sorted(numbers(its)), lane
        for before, after in itertools.pairwise(its):
            assert before.ended <= after.at, (lane, number(before), number(after))
    return lanes


# --- order ------------------------------------------------------------------------------------


def test_webhook_in_order_with_retries(api, receiver):
    receiver.script("/hook", failing(1))
    webhook = api.webhook(receiver.url(), ordering="webhook", retry_schedule=[1])
    assert webhook["ordering"] == "webhook"
    for n in range(3):
        post(api, n)
    requests = receiver.wait(6, timeout=20)
    assert numbers(requests) == [0, 0, 1, 1, 2, 2]
    check_lanes(requests, lambda n: 0)
    until(lambda: all_ended(api, webhook))


def test_a_batch_is_in_order(api, receiver):
    receiver.script("/hook", replies.answer(200, delay=0.02))
    webhook = api.webhook(receiver.url(), ordering="webhook")
    post_all(api, range(30))
    assert numbers(receiver.wait(30, timeout=30)) == list(range(30))
    until(lambda: all_ended(api, webhook))
    check_lanes(receiver.requests, lambda n: 0)


def test_what_has_failed_lets_the_next_go(api, receiver):
    receiver.script("/hook", replies.answer(500), replies.answer(200))
    webhook = api.webhook(receiver.url(), ordering="webhook", retry_schedule=[])
    first, second = post(api, 0), post(api, 1)
    assert numbers(receiver.wait(2)) == [0, 1]
    until(lambda: all_ended(api, webhook))
    assert status_of(api, first)["status"] == "failed"
    assert status_of(api, second)["status"] == "delivered"


def test_the_waiting_say_why(api, receiver, shared):
    receiver.script("/hook", replies.answer(500))
    webhook = api.webhook(receiver.url(), ordering="webhook", retry_schedule=[600])
    first, second = post(api, 0), post(api, 1)
    until(lambda: status_of(api, second)["waiting_for"] == "order")
    for shown in (
        status_of(api, second),
        whole(api, second),
        next(d for d in api.deliveries(webhook) if d["event_id"] == second["id"]),
    ):
        assert (shown["status"], shown["next_attempt_at"], shown["waiting_for"]) == (
            "pending",
            None,
            "order",
        )
    head = status_of(api, first)
    assert head["next_attempt_at"] is not None and head["waiting_for"] is None
    told = command(shared.env, "trace", status_of(api, second)["id"])
    assert f"held up: its order: it waits until delivery {head['id']}" in told.stdout, told.stdout
    never(lambda: len(receiver.requests) > 1, 1, "the second, before the first has ended")


def test_a_stuck_key_stops_no_other(api, receiver):
    hold = threading.Event()
    stuck = replies.gate(hold)

    def reply(receiver, connection, request):
        if number(request) == 0:
            return stuck(receiver, connection, request)
        return replies.answer()(receiver, connection, request)

    receiver.script("/hook", reply)
    webhook = api.webhook(receiver.url())
    post(api, 0, ordering_key="a")
    for n in range(1, 4):
        post(api, n, ordering_key="a")
    for n in range(4, 8):
        post(api, n, ordering_key="b")
    post(api, 8)
    assert sorted(numbers(receiver.wait(6))) == [0, 4, 5, 6, 7, 8]
    b = [n for n in numbers(receiver.requests) if 4 <= n <= 7]
    assert b == [4, 5, 6, 7]
    never(lambda: len(receiver.requests) > 6, 0.5, "who waits for the stuck one")
    hold.set()
    requests = receiver.wait(9)
    assert [n for n in numbers(requests) if n < 4] == [0, 1, 2, 3]
    until(lambda: all_ended(api, webhook))


def test_keys_are_of_a_webhook(api, receiver):
    """The same key at another webhook is another order."""
    receiver.script("/slow", replies.hang())
    api.webhook(receiver.url("/slow"), timeout_ms=5000)
    api.webhook(receiver.url())
    for n in range(3):
        post(api, n, ordering_key="a")
    assert numbers(receiver.wait(3)) == [0, 1, 2]
    assert numbers(receiver.at("/slow")) == [0]


def test_cancel_and_retry_of_the_first(api, receiver):
    receiver.script("/hook", replies.answer(500), replies.answer(200))
    webhook = api.webhook(receiver.url(), retry_schedule=[600])
    events = [post(api, n, ordering_key="a") for n in range(3)]
    until(lambda: status_of(api, events[2])["waiting_for"] == "order")
    api.post(f"/deliveries/{status_of(api, events[1])['id']}/cancel")
    never(lambda: len(receiver.requests) > 1, 0.5)
    started = time.monotonic()
    api.post(f"/deliveries/{status_of(api, events[0])['id']}/cancel")
    assert numbers(receiver.wait(2)) == [0, 2]
    assert time.monotonic() - started < 2, "the next was not woken but found"
    until(lambda: all_ended(api, webhook))
    api.post(f"/deliveries/{status_of(api, events[0])['id']}/retry", expect=202)
    assert numbers(receiver.wait(3)) == [0, 2, 0]


def test_retry_of_one_that_waits_does_not_overtake(api, receiver):
    receiver.script("/hook", replies.answer(500))
    api.webhook(receiver.url(), retry_schedule=[600])
    events = [post(api, n, ordering_key="a") for n in range(2)]
    until(lambda: status_of(api, events[1])["waiting_for"] == "order")
    api.post(f"/deliveries/{status_of(api, events[1])['id']}/retry", expect=202)
    never(lambda: len(receiver.requests) > 1, 1, "the second")
    until(lambda: status_of(api, events[1])["waiting_for"] == "order")


def test_replay_is_in_order(api, receiver):
    receiver.script("/hook", replies.answer(404))
    webhook = api.webhook(receiver.url(), ordering="webhook", retry_schedule=[])
    post_all(api, range(20))
    until(lambda: all_ended(api, webhook), 20)
    assert len(receiver.requests) == 20
    receiver.script("/hook", replies.answer(200, delay=0.01))
    api.post(f"/webhooks/{webhook['id']}/replay", {}, expect=202)
    requests = receiver.wait(40, timeout=20)
    assert numbers(requests[20:]) == list(range(20))
    check_lanes(requests[20:], lambda n: 0)


def test_pause_and_resume_keep_order(api, receiver):
    receiver.script("/hook", failing(1))
    webhook = api.webhook(receiver.url(), ordering="webhook", retry_schedule=[2])
    for n in range(3):
        post(api, n)
    receiver.wait(1)
    api.patch(f"/webhooks/{webhook['id']}", {"status": "paused"})
    until(lambda: {d["status"] for d in api.deliveries(webhook)} == {"held"})
    for n in range(3, 6):
        post(api, n)
    assert {d["waiting_for"] for d in api.deliveries(webhook)} == {None}
    api.patch(f"/webhooks/{webhook['id']}", {"status": "active"})
    post(api, 6)
    receiver.script("/hook", replies.answer())
    assert numbers(receiver.wait(8, timeout=15)) == [0, 0, 1, 2, 3, 4, 5, 6]
    until(lambda: all_ended(api, webhook))


def test_delete_cancels_those_that_wait(api, receiver):
    receiver.script("/hook", replies.answer(500))
    webhook = api.webhook(receiver.url(), ordering="webhook", retry_schedule=[600])
    events = [post(api, n) for n in range(3)]
    until(lambda: status_of(api, events[2])["waiting_for"] == "order")
    api.delete(f"/webhooks/{webhook['id']}", expect=204)
    until(lambda: [status_of(api, e)["status"] for e in events] == ["cancelled"] * 3)
    assert whole(api, events[2])["waiting_for"] is None


def test_a_rate_limit_is_for_what_is_sent(api, receiver):
    """Who is put to sleep in a lane uses up no allowance."""
    receiver.script("/hook", replies.answer(500), replies.answer(200))
    webhook = api.webhook(receiver.url(), ordering="webhook", rate_limit=2, retry_schedule=[1])
    post_all(api, range(8))
    requests = receiver.wait(9, timeout=20)
    assert numbers(requests) == [0, *range(8)]
    assert 4 <= requests[-1].at - requests[0].at < 6
    until(lambda: all_ended(api, webhook))


def test_lanes_with_two_workers(start, receiver):
    """200 events in 5 lanes, two workers, random failures."""
    chance = random.Random(7)
    lock = threading.Lock()

    def reply(receiver, connection, request):
        with lock:
            fails = chance.random() < 0.2
        return replies.answer(500 if fails else 200)(receiver, connection, request)

    receiver.script("/hook", reply)
    api = start(role="api", POSTHORN_API_THREADS=2).client()
    for _ in range(2):
        start(role="worker", POSTHORN_WORKER_THREADS=2)
    webhook = api.webhook(receiver.url(), retry_schedule=[1] * 20)

    def publish(lane):
        for n in range(40):
            post(api, lane * 1000 + n, ordering_key=f"lane {lane}")

    threads = [threading.Thread(target=publish, args=(lane,)) for lane in range(5)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    until(lambda: all_ended(api, webhook), 60)
    lanes = check_lanes(receiver.requests, lambda n: n // 1000)
    assert [len(set(numbers(its))) for _, its in sorted(lanes.items())] == [40] * 5


def test_kill_of_a_worker_in_the_middle_of_a_lane(start, receiver):
    receiver.script("/hook", replies.answer(200, delay=0.05))
    api = start(role="api").client()
    workers = [start(role="worker") for _ in range(2)]
    webhook = api.webhook(receiver.url(), ordering="webhook")
    post_all(api, range(60))
    receiver.wait(10)
    for worker in workers:
        worker.kill()
        time.sleep(0.1)
        worker.start()
    until(lambda: all_ended(api, webhook), 60)
    got = [n for n, _ in itertools.groupby(numbers(receiver.requests))]
    assert got == list(range(60))


def test_without_redis(start, receiver, redis):
    server = start()
    api = server.client()
    webhook = api.webhook(receiver.url(), ordering="webhook")
    redis.stop()
    for n in range(4):
        post(api, n)
    assert numbers(receiver.wait(4, timeout=30)) == [0, 1, 2, 3]
    until(lambda: all_ended(api, webhook))


def test_a_lane_goes_on_when_what_it_waited_for_was_dropped(start, database, receiver):
    receiver.script("/hook", replies.answer(500), replies.answer(200))
    server = start()
    api = server.client()
    api.webhook(receiver.url(), ordering="webhook", retry_schedule=[600])
    events = [post(api, n) for n in range(3)]
    until(lambda: status_of(api, events[0])["attempts"] == 1 and status_of(api, events[2])["waiting_for"] == "order")
    server.stop()
    database.query("delete from delivery where turn = 0")  # as with its day's partition
    server.start()
    assert numbers(receiver.wait(3, timeout=30)) == [0, 1, 2]
    assert "event=lanes_woken count=1" in server.log()


@pytest.fixture
def stuck(start, database, receiver):
    """A lane whose first waits for a retry, and a transaction in which it has ended."""
    receiver.script("/hook", replies.answer(500), replies.answer(200))
    api = start().client()
    api.webhook(receiver.url(), ordering="webhook", retry_schedule=[600])
    first = post(api, 0)
    until(lambda: status_of(api, first)["attempts"] == 1)
    session = Session(database)
    session.query("begin")
    ((ended,),) = session.query("update delivery set state = 1 where turn = 0 returning id")
    yield api, session, ended
    session.close()


def test_accepted_and_asleep_while_the_one_before_is_being_ended(stuck, receiver):
    """It is not seen by the statement that ends the first, but by the look at the lane."""
    api, session, ended = stuck
    second = post(api, 1)
    until(lambda: status_of(api, second)["waiting_for"] == "order")
    assert len(session.query(f"select * from lanes_wake(array['{ended}'::uuid])")) == 1
    session.query("commit")
    assert numbers(receiver.wait(2)) == [0, 1]


def test_claimed_while_the_lane_is_looked_at(stuck, receiver):
    """It waits for the lock, and finds the first ended."""
    api, session, ended = stuck
    assert session.query(f"select * from lanes_wake(array['{ended}'::uuid])") == []
    second = post(api, 1)
    never(lambda: len(receiver.requests) > 1, 0.5)
    assert status_of(api, second)["waiting_for"] is None
    session.query("commit")
    assert numbers(receiver.wait(2, timeout=2)) == [0, 1]


# --- replacing --------------------------------------------------------------------------------


def test_the_latest_replaces_those_that_wait(api, receiver):
    hold = threading.Event()
    receiver.script("/hook", replies.gate(hold))
    webhook = api.webhook(receiver.url(), ordering="webhook")
    first = post(api, 0, coalesce_key="k")
    receiver.wait(1)
    events = [post(api, n, coalesce_key="k") for n in (1, 2, 3)]
    other = post(api, 4, coalesce_key="other")
    got = [whole(api, e) for e in events]
    assert [d["status"] for d in got] == ["cancelled", "cancelled", "pending"]
    assert got[0]["last_error"]["code"] == "superseded" and got[0]["completed_at"] is not None
    assert got[0]["next_attempt_at"] is None and got[0]["attempts"] == 0
    hold.set()
    assert numbers(receiver.wait(3)) == [0, 3, 4]
    until(lambda: all_ended(api, webhook))
    assert whole(api, first)["status"] == whole(api, other)["status"] == "delivered"


def test_replaced_in_one_batch(api, receiver):
    webhook = api.webhook(receiver.url())
    events = post_all(api, range(5), coalesce_key="k")
    assert [e["deliveries"] for e in events] == [1] * 5
    until(lambda: all_ended(api, webhook))
    assert [status_of(api, e)["status"] for e in events] == ["cancelled"] * 4 + ["delivered"]
    assert numbers(receiver.requests) == [4]


def test_one_between_retries_is_replaced_and_its_lane_goes_on(api, receiver):
    receiver.script("/hook", replies.answer(500), replies.answer(200))
    webhook = api.webhook(receiver.url(), ordering="webhook", retry_schedule=[600])
    first = post(api, 0, coalesce_key="k")
    second = post(api, 1)
    until(lambda: status_of(api, second)["waiting_for"] == "order")
    until(lambda: whole(api, first)["last_error"])
    started = time.monotonic()
    post(api, 2, coalesce_key="k")
    assert numbers(receiver.wait(3)) == [0, 1, 2]
    assert time.monotonic() - started < 2
    assert whole(api, first)["last_error"]["code"] == "superseded"
    until(lambda: all_ended(api, webhook))


def test_one_in_flight_goes_on_but_is_not_tried_again(api, receiver):
    hold = threading.Event()
    receiver.script("/hook", replies.gate(hold, replies.answer(500)), replies.answer(200))
    webhook = api.webhook(receiver.url(), retry_schedule=[1])
    first = post(api, 0, coalesce_key="k")
    receiver.wait(1)
    post(api, 1, coalesce_key="k")
    receiver.wait(2)
    assert status_of(api, first)["status"] == "pending"
    hold.set()
    until(lambda: all_ended(api, webhook))
    got = whole(api, first)
    assert (got["status"], got["attempts"], got["last_error"]["code"]) == (
        "cancelled",
        1,
        "superseded",
    )
    never(lambda: len(receiver.requests) > 2, 1.5, "the first once more")
    api.post(f"/deliveries/{got['id']}/retry", expect=202)
    assert numbers(receiver.wait(3)) == [0, 1, 0]
    until(lambda: all_ended(api, webhook))


def test_replaced_on_its_way_in_a_lane_lets_the_next_go_when_it_has_failed(api, receiver):
    """By its record, and not by the next look at what should be in the queue, 3 s later."""
    hold = threading.Event()
    receiver.script("/hook", replies.gate(hold, replies.answer(500)), replies.answer(200))
    webhook = api.webhook(receiver.url(), ordering="webhook", retry_schedule=[600])
    first = post(api, 0, coalesce_key="k")
    receiver.wait(1)
    post(api, 1, coalesce_key="k")
    started = time.monotonic()
    hold.set()
    assert numbers(receiver.wait(2)) == [0, 1]
    assert time.monotonic() - started < 2
    until(lambda: all_ended(api, webhook))
    assert whole(api, first)["last_error"]["code"] == "superseded"


def test_held_ones_are_replaced(api, receiver):
    webhook = api.webhook(receiver.url())
    api.patch(f"/webhooks/{webhook['id']}", {"status": "paused"})
    events = [post(api, n, coalesce_key="k") for n in range(3)]
    assert [status_of(api, e)["status"] for e in events] == ["cancelled", "cancelled", "held"]
    api.patch(f"/webhooks/{webhook['id']}", {"status": "active"})
    assert numbers(receiver.wait(1)) == [2]
    never(lambda: len(receiver.requests) > 1, 0.5)


def test_a_repeated_request_replaces_nothing(api, receiver):
    webhook = api.webhook(receiver.url())
    api.patch(f"/webhooks/{webhook['id']}", {"status": "paused"})
    body = {"type": "user.created", "data": {"n": 0}, "coalesce_key": "k"}
    key = {"Idempotency-Key": "one"}
    first = api.post("/events", body, headers=key, expect=202).json
    second = post(api, 1, coalesce_key="k")
    assert api.post("/events", body, headers=key, expect=202).json == first
    assert status_of(api, second)["status"] == "held"
    assert status_of(api, first)["status"] == "cancelled"


def test_two_that_are_posted_at_once(start, receiver):
    """Whoever comes first and second, one is left."""
    api = start(POSTHORN_API_THREADS=2).client()
    webhook = api.webhook(receiver.url())
    api.patch(f"/webhooks/{webhook['id']}", {"status": "paused"})

    def publish():
        for n in range(20):
            post(api, n, coalesce_key="k")

    threads = [threading.Thread(target=publish) for _ in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    left = [d["status"] for d in api.pages(f"/webhooks/{webhook['id']}/deliveries", limit=250)]
    assert collections.Counter(left) == {"cancelled": 119, "held": 1}


# --- times ------------------------------------------------------------------------------------


def test_not_before_its_time(api, receiver):
    api.webhook(receiver.url())
    at = when(2)
    event = post(api, 1, deliver_at=at)
    post(api, 0)
    shown = status_of(api, event)
    assert shown["next_attempt_at"] == at and shown["waiting_for"] is None
    assert api.get(f"/events/{event['id']}").json["deliver_at"] == at
    requests = receiver.wait(2)
    assert numbers(requests) == [0, 1]
    wanted = datetime.datetime.fromisoformat(at).timestamp()
    assert wanted - 0.006 <= requests[1].wall < wanted + 1


def test_a_time_in_an_order(api, receiver):
    """It takes its place then, and nobody waits for it before."""
    webhook = api.webhook(receiver.url(), ordering="webhook")
    post(api, 9, deliver_at=when(1.5))
    for n in range(3):
        post(api, n)
    assert numbers(receiver.wait(3)) == [0, 1, 2]
    assert numbers(receiver.wait(4)) == [0, 1, 2, 9]
    until(lambda: all_ended(api, webhook))


def test_expired_while_it_waits_for_its_time_or_a_retry(api, receiver):
    receiver.script("/hook", replies.answer(500))
    api.webhook(receiver.url(), retry_schedule=[600])
    at = when(2)
    event = post(api, 0, expires_at=at)
    receiver.wait(1)
    got = until(lambda: (d := whole(api, event))["status"] == "failed" and d, 10)
    assert got["last_error"]["code"] == "expired" and "expires_at" in got["last_error"]["message"]
    assert (got["attempts"], got["response_code"], got["expires_at"]) == (1, 500, at)
    assert got["completed_at"] >= at
    assert len(receiver.requests) == 1


def test_expires_before_its_retry(api, receiver):
    """When it does, and not at a look at the ledger 3 s after."""
    receiver.script("/hook", replies.answer(500))
    webhook = api.webhook(receiver.url(), retry_schedule=[600])
    event = post(api, expires_at=when(2))
    started = time.monotonic()
    until(lambda: all_ended(api, webhook))
    assert time.monotonic() - started < 4
    assert whole(api, event)["last_error"]["code"] == "expired"


def test_expired_in_a_lane(api, receiver, shared):
    receiver.script("/hook", replies.answer(500), replies.answer(200))
    webhook = api.webhook(receiver.url(), ordering="webhook", retry_schedule=[8])
    post(api, 0)
    receiver.wait(1)
    event = post(api, 1, expires_at=when(1))
    post(api, 2)
    got = until(lambda: (d := whole(api, event))["status"] == "failed" and d, 7)
    assert got["last_error"]["code"] == "expired"
    told = command(shared.env, "trace", got["id"])
    assert "after 0 attempts: its time, expires_at of the event, had passed" in told.stdout
    assert len(receiver.requests) == 1
    assert numbers(receiver.wait(3)) == [0, 0, 2]
    until(lambda: all_ended(api, webhook))


def test_expired_before_it_was_posted(api, receiver):
    api.webhook(receiver.url())
    event = post(api, 0, expires_at=when(-1))
    until(lambda: status_of(api, event)["status"] == "failed")
    assert receiver.requests == []


def test_an_expired_first_wakes_the_next(api, receiver):
    receiver.script("/hook", replies.answer(500), replies.answer(200))
    webhook = api.webhook(receiver.url(), ordering="webhook", retry_schedule=[600])
    post(api, 0, expires_at=when(1.5))
    post(api, 1)
    assert numbers(receiver.wait(2)) == [0, 1]
    until(lambda: all_ended(api, webhook))


# --- what is said and refused -----------------------------------------------------------------


def test_shown(api, receiver):
    webhook = api.webhook(receiver.url())
    assert webhook["ordering"] == "none"
    said = {
        "ordering_key": "user/ü",
        "coalesce_key": "k",
        "deliver_at": when(100),
        "expires_at": when(200),
    }
    event = post(api, 0, **said)
    got = api.get(f"/events/{event['id']}").json
    assert {name: got[name] for name in said} == said
    listed = api.get("/events").json["data"][0]
    assert {name: listed[name] for name in said} == said
    delivery = whole(api, event)
    assert delivery["ordering_key"] == "user/ü" and delivery["expires_at"] == said["expires_at"]
    plain = api.get(f"/events/{post(api)['id']}").json
    assert [plain[name] for name in said] == [None] * 4


def test_ordering_of_a_webhook_is_set_and_reset(api, address):
    webhook = api.webhook(address)
    path = f"/webhooks/{webhook['id']}"
    assert api.patch(path, {"ordering": "webhook"}).json["ordering"] == "webhook"
    assert api.patch(path, {"description": "x"}).json["ordering"] == "webhook"
    assert api.patch(path, {"ordering": None}).json["ordering"] == "none"


BAD = [
    ({"ordering_key": ""}, "ordering_key", "must be 1 to 255 characters long"),
    ({"ordering_key": "x" * 256}, "ordering_key", "must be 1 to 255 characters long"),
    ({"ordering_key": 7}, "ordering_key", "must be a string"),
    ({"ordering_key": "a\nb"}, "ordering_key", "must not contain control characters"),
    ({"coalesce_key": "a\x7f"}, "coalesce_key", "must not contain control characters"),
    ({"deliver_at": "tomorrow"}, "deliver_at", None),
    ({"deliver_at": "9999-01-01T00:00:00Z"}, "deliver_at", "must lie within the 30 days"),
    ({"expires_at": "2999-01-01T00:00:00Z"}, "expires_at", "must lie within the 30 days"),
    (
        {"deliver_at": "2024-01-01T00:00:02Z", "expires_at": "2024-01-01T00:00:02Z"},
        "expires_at",
        "must be later than deliver_at",
    ),
]


@pytest.mark.parametrize("more, field, message", BAD)
def test_refused(api, more, field, message):
    body = {"type": "user.created", "data": {}, **more}
    one = api.post("/events", body, expect=422).json["errors"]
    assert [e["field"] for e in one] == [field]
    assert message is None or one[0]["message"].startswith(message), one
    good = {"type": "user.created", "data": {}}
    many = api.post("/events/batch", {"events": [good, body]}, expect=422).json["errors"]
    assert [e["field"] for e in many] == [f"events[1].{field}"]
    assert api.get("/events").json["data"] == []


def test_order_and_gathering_exclude_each_other(api, address):
    body = {"url": address, "events": ["*"], "profile": "marzban", "ordering": "webhook"}
    problem = api.post("/webhooks", body, expect=422).json["errors"][0]
    assert problem["field"] == "ordering" and "batch_max" in problem["message"]
    made = api.post(
        "/webhooks", {**body, "profile_options": {"batch_max": 1}}, expect=201
    ).json
    options = {**made["profile_options"], "batch_max": 5}
    path = f"/webhooks/{made['id']}"
    assert (
        api.patch(path, {"profile_options": options}, expect=422).json["errors"][0]["field"]
        == "ordering"
    )
    assert api.patch(path, {"profile_options": options, "ordering": "none"})


@pytest.mark.parametrize("field", ["ordering_key", "coalesce_key", "deliver_at", "expires_at"])
def test_another_value_is_another_request(api, field):
    values = [when(10), when(20)] if field.endswith("_at") else ["a", "b"]
    key = {"Idempotency-Key": "one"}
    body = {"type": "user.created", "data": {}}
    first = api.post("/events", {**body, field: values[0]}, headers=key, expect=202)
    again = api.post("/events", {**body, field: values[0]}, headers=key, expect=202)
    assert again.json == first.json and again.headers["Idempotent-Replayed"] == "true"
    for other in ({**body, field: values[1]}, body):
        answer = api.post("/events", other, headers=key, expect=409)
        assert answer.code == "idempotency_key_reused"
