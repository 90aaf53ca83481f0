"""Webhooks that gather: what is due together goes in one array, in the order of its events."""

import json
import threading
import time
from datetime import datetime, timedelta, timezone

import pytest
from harness import replies
from harness.signature import verify, verify_standard
from harness.wait import never, until

ARRAY_MAX = 102400


def gathering(client, url, seconds=3, **more):
    options = {"batch_seconds": seconds, **more.pop("options", {})}
    return client.webhook(url, profile="marzban", secret="s", profile_options=options, **more)


def post(client, numbers, pause=0.0, padding=""):
    for n in numbers:
        client.publish("user_created", {"n": n, "padding": padding})
        time.sleep(pause)


def batch(client, numbers, padding=""):
    events = [{"type": "user_created", "data": {"n": n, "padding": padding}} for n in numbers]
    client.post("/events/batch", {"events": events}, expect=202)


def arrays(receiver, path="/hook"):
    return [[e["n"] for e in r.json] for r in receiver.at(path)]


def flat(receiver, path="/hook"):
    return [n for array in arrays(receiver, path) for n in array]


def all_there(receiver, count, seconds=20, path="/hook"):
    until(
        lambda: len(flat(receiver, path)) >= count,
        seconds,
        lambda: f"{count} events, there are {len(flat(receiver, path))}",
    )
    return arrays(receiver, path)


def delivered(client, webhook, count, seconds=15):
    def listed():
        return len(list(client.pages(f"/webhooks/{webhook['id']}/deliveries", status="delivered")))

    until(lambda: listed() == count, seconds, lambda: f"{count} delivered, there are {listed()}")


def test_a_window_is_one_array(api, receiver):
    """It begins with its first event, wherever the clock stands."""
    webhook = gathering(api, receiver.url())
    started = time.monotonic()
    post(api, range(10), pause=0.1)
    assert all_there(receiver, 10) == [list(range(10))]
    assert 2.9 < receiver.at("/hook")[0].at - started < 4.5
    delivered(api, webhook, 10)
    never(lambda: len(receiver.at("/hook")) > 1, 3.5, "a second request")


def test_events_that_come_at_once_share_a_window(api, receiver):
    """However many requests accept them at the same moment."""
    gathering(api, receiver.url(), seconds=2)
    threads = [threading.Thread(target=post, args=(api, [n])) for n in range(24)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    (array,) = all_there(receiver, 24)
    assert sorted(array) == list(range(24))
    never(lambda: len(receiver.at("/hook")) > 1, 1, "a second request")


def fewest(bodies):
    """The arrays that 100 KiB allow, filled one after the other."""
    count, size = 0, ARRAY_MAX
    for n in bodies:
        if size + len(", ") + n + len("]") > ARRAY_MAX:
            count, size = count + 1, len("[") - len(", ")
        size += len(", ") + n
    return count


@pytest.mark.parametrize("padding", [0, 1400])
def test_as_few_arrays_as_fit(api, receiver, padding):
    """200 events in two seconds: in their order, one request at a time, each as large as it may be."""
    webhook = gathering(api, receiver.url())
    for start in range(0, 200, 10):
        batch(api, range(start, start + 10), "x" * padding)
        time.sleep(0.08)
    got = all_there(receiver, 200)
    assert [n for array in got for n in array] == list(range(200))
    members = [len(json.dumps(e)) for r in receiver.at("/hook") for e in r.json]
    assert len(got) == fewest(members) == (1 if padding == 0 else 3)
    assert all(len(r.body) <= ARRAY_MAX for r in receiver.at("/hook"))
    delivered(api, webhook, 200)
    assert all(d["attempts"] == 1 for d in api.pages(f"/webhooks/{webhook['id']}/deliveries"))


def test_arrays_do_not_overtake(api, receiver):
    """The next begins when the one before has been answered."""
    receiver.script("/hook", replies.answer(200, delay=0.3))
    gathering(api, receiver.url(), seconds=1)
    batch(api, range(20), "x" * 20000)
    got = all_there(receiver, 20)
    assert [n for array in got for n in array] == list(range(20))
    assert len(got) == 4
    requests = receiver.at("/hook")
    assert all(b.at >= a.at + 0.3 for a, b in zip(requests, requests[1:]))


def test_two_workers_send_one_array(start, receiver):
    servers = [start(), start("worker")]
    client = servers[0].client()
    webhook = gathering(client, receiver.url(), seconds=1)
    for first in range(0, 400, 40):
        batch(client, range(first, first + 40))
    (array,) = all_there(receiver, 400)
    assert array == list(range(400))
    delivered(client, webhook, 400)
    never(lambda: len(receiver.at("/hook")) > 1, 2, "a second request")


@pytest.mark.parametrize("profile", ["standard-webhooks", "default"])
def test_other_profiles(api, receiver, profile):
    """What is signed is the whole array; each member has its id, and so has the array."""
    receiver.script("/hook", replies.answer(500), replies.answer(200))
    options = {"envelope": "array", "batch_seconds": 1, "batch_max": 3}
    webhook = api.webhook(
        receiver.url(), profile=profile, profile_options=options, retry_schedule=[2]
    )
    assert webhook["profile_options"].items() >= options.items()
    ids = [api.publish("a.b", {"n": n})["id"] for n in range(3)]
    first, second = receiver.wait(2)
    for request in (first, second):
        assert [e["id"] for e in request.json] == ids
        assert [e["data"]["n"] for e in request.json] == [0, 1, 2]
        verify_standard(request, webhook["secret"])
        if profile == "default":
            verify(request, webhook["secret"])
            assert request.all("X-Webhook-Event") == request.all("X-Webhook-Delivery") == []
    assert first.body == second.body
    assert first.header("webhook-id") == second.header("webhook-id")
    assert first.header("webhook-id").startswith("arr_")
    delivered(api, webhook, 3)
    (alone,) = [api.publish("a.b", {"n": 3})["id"]]
    third = receiver.wait(3)[2]
    assert [e["id"] for e in third.json] == [alone] == [third.header("webhook-id")]


def test_one_that_cannot_be_sent_fails_alone(api, receiver):
    """Those before and behind it go."""
    options = {"envelope": "array", "batch_seconds": 1, "bigint": "reject"}
    webhook = api.webhook(
        receiver.url(), profile="standard-webhooks", profile_options=options, retry_schedule=[]
    )
    for n in (1, 2, 9007199254740993, 3, 4):
        api.post("/events", {"type": "a", "data": {"n": n}}, expect=202)
    receiver.wait(2)
    assert [[e["data"]["n"] for e in r.json] for r in receiver.at("/hook")] == [[1, 2], [3, 4]]
    delivered(api, webhook, 4)
    (failed,) = api.deliveries(webhook, status="failed")
    assert api.get(f"/deliveries/{failed['id']}").json["last_error"]["code"] == "unsendable"


def test_large_ones_in_a_growing_form(api, receiver):
    """What was leased and does not fit, for escapes make it larger, goes in the next."""
    webhook = gathering(api, receiver.url(), seconds=1)
    batch(api, range(60), "я" * 1000)
    got = all_there(receiver, 60)
    assert [n for array in got for n in array] == list(range(60))
    members = [len(json.dumps(e)) for r in receiver.at("/hook") for e in r.json]
    assert len(got) == fewest(members) == 4
    delivered(api, webhook, 60)
    assert all(d["attempts"] == 1 for d in api.pages(f"/webhooks/{webhook['id']}/deliveries"))


def test_whose_turn_it_was_does_not_fit(api, receiver):
    """The newest is due first, and the oldest go first: one request at a time all the same."""
    receiver.script("/hook", replies.answer(200, delay=0.4))
    webhook = gathering(api, receiver.url(), seconds=0)
    first = datetime.now(timezone.utc) + timedelta(seconds=1.5)
    events = [
        {
            "type": "user_created",
            "data": {"n": n, "padding": "я" * 1000},
            "deliver_at": (first - timedelta(milliseconds=5 * n)).isoformat(),
        }
        for n in range(60)
    ]
    api.post("/events/batch", {"events": events}, expect=202)
    got = all_there(receiver, 60)
    delivered(api, webhook, 60)
    assert sorted(n for array in got for n in array) == list(range(60))
    assert all(array == sorted(array) for array in got)
    requests = receiver.at("/hook")
    assert all(b.at >= a.ended for a, b in zip(requests, requests[1:])), got
    assert all(d["attempts"] == 1 for d in api.pages(f"/webhooks/{webhook['id']}/deliveries"))


@pytest.mark.parametrize("options", [{"batch_seconds": 3}, {"batch_max": 3}])
def test_only_arrays_gather(api, receiver, options):
    """For what is sent one by one these options mean nothing; chats take no arrays at all."""
    for profile, more in (("default", {}), ("marzban", {"envelope": "object"})):
        answer = api.post(
            "/webhooks",
            {
                "url": receiver.url(),
                "events": ["*"],
                "profile": profile,
                "profile_options": {**options, **more},
            },
            expect=422,
        )
        assert answer.fields == [f"profile_options.{next(iter(options))}"]


def test_batch_max(api, receiver):
    gathering(api, receiver.url(), seconds=1, options={"batch_max": 7})
    batch(api, range(20))
    assert all_there(receiver, 20) == [
        list(range(7)),
        list(range(7, 14)),
        list(range(14, 20)),
    ]


def test_without_waiting(api, receiver):
    """What comes while a request is under way goes together after it."""
    opened = threading.Event()
    receiver.script("/hook", replies.gate(opened, replies.answer(200)))
    gathering(api, receiver.url(), seconds=0)
    post(api, [0])
    receiver.wait(1)
    post(api, range(1, 30))
    never(lambda: len(receiver.at("/hook")) > 1, 0.5, "a second request")
    opened.set()
    assert all_there(receiver, 30) == [[0], list(range(1, 30))]


def test_a_failed_array_goes_again(api, receiver):
    """Each of its events once more, and no sooner than its schedule says."""
    receiver.script("/hook", replies.answer(500), replies.answer(200))
    webhook = gathering(api, receiver.url(), seconds=1, retry_schedule=[2])
    batch(api, range(300))
    all_there(receiver, 600)
    first, *rest = arrays(receiver)
    assert first == list(range(300))
    assert sorted(n for array in rest for n in array) == list(range(300))
    assert receiver.at("/hook")[1].at - receiver.at("/hook")[0].at >= 1.95
    delivered(api, webhook, 300)
    assert all(d["attempts"] == 2 for d in api.pages(f"/webhooks/{webhook['id']}/deliveries"))


def test_an_array_is_one_failure(api, receiver):
    """Not as many as it has members: nine of them do not open the breaker, the tenth does."""
    receiver.script("/hook", replies.answer(500))
    webhook = gathering(
        api, receiver.url(), seconds=0, retry_schedule=[60], options={"batch_max": 5}
    )

    def health():
        return api.get(f"/webhooks/{webhook['id']}").json["health"]

    batch(api, range(45))
    all_there(receiver, 45)
    assert len(receiver.at("/hook")) == 9
    never(lambda: health()["state"] != "healthy", 2, "another state")
    batch(api, range(45, 50))
    broken = until(lambda: (h := health())["state"] == "broken" and h, 10, health)
    assert (broken["failures"], broken["concurrency"]) == (10, 1)


def test_one_pause_for_an_array(api, receiver):
    receiver.script(
        "/hook", replies.answer(429, headers=[("Retry-After", "2")]), replies.answer(200)
    )
    webhook = gathering(api, receiver.url(), seconds=1, retry_schedule=[1])
    batch(api, range(200))
    all_there(receiver, 400)
    requests = receiver.at("/hook")
    assert requests[1].at - requests[0].at >= 1.95
    delivered(api, webhook, 200)


def test_gone_for_all_of_them(api, receiver):
    receiver.script("/hook", replies.answer(410))
    webhook = gathering(api, receiver.url(), seconds=1)
    batch(api, range(150))
    until(
        lambda: api.get(f"/webhooks/{webhook['id']}").json["disabled_reason"] == "gone",
        10,
        "the webhook to be disabled",
    )
    listed = f"/webhooks/{webhook['id']}/deliveries"
    until(lambda: len(list(api.pages(listed, status="failed"))) == 150, 10, "all to fail")
    assert len(receiver.at("/hook")) == 1


def test_rate_limit_counts_requests(api, receiver):
    gathering(api, receiver.url(), seconds=1, rate_limit=1, options={"batch_max": 100})
    batch(api, range(300))
    got = all_there(receiver, 300)
    assert [len(array) for array in got] == [100, 100, 100]
    requests = receiver.at("/hook")
    gaps = [b.at - a.at for a, b in zip(requests, requests[1:])]
    assert all(0.9 < gap < 2.5 for gap in gaps), gaps


def test_held_ones_are_gathered_when_it_resumes(api, receiver):
    webhook = gathering(api, receiver.url(), seconds=1)
    api.patch(f"/webhooks/{webhook['id']}", {"status": "paused"})
    batch(api, range(60))
    never(lambda: receiver.at("/hook"), 1.5, "a request")
    api.patch(f"/webhooks/{webhook['id']}", {"status": "active"})
    assert all_there(receiver, 60) == [list(range(60))]


def test_paused_while_it_gathers(api, receiver):
    webhook = gathering(api, receiver.url(), seconds=2)
    batch(api, range(5))
    api.patch(f"/webhooks/{webhook['id']}", {"status": "paused"})
    never(lambda: receiver.at("/hook"), 3, "a request")
    assert [d["status"] for d in api.deliveries(webhook)] == ["held"] * 5


def test_a_test_goes_alone(api, receiver):
    webhook = gathering(api, receiver.url(), seconds=5)
    batch(api, range(3))
    answer = api.post(f"/webhooks/{webhook['id']}/test").json
    assert answer["status"] == "delivered"
    (request,) = receiver.at("/hook")
    assert len(request.json) == 1
    assert [e["n"] for e in receiver.wait(2)[1].json] == [0, 1, 2]


def test_a_busy_webhook_leaves_places_to_others(start, receiver):
    """An array takes one place of the worker, however many events it has."""
    posthorn = start(POSTHORN_WORKER_IN_FLIGHT="8")
    client = posthorn.client()
    receiver.script("/slow", replies.answer(200, delay=3))
    gathering(client, receiver.url("/slow"), seconds=1, events=("user_created",))
    client.webhook(receiver.url("/quick"), events=["b"])
    batch(client, range(200))
    receiver.wait(1, path="/slow")
    started = time.monotonic()
    for _ in range(5):
        client.publish("b")
    receiver.wait(5, path="/quick")
    assert time.monotonic() - started < 1.5


def test_without_redis(start, receiver, redis):
    posthorn = start()
    client = posthorn.client()
    webhook = gathering(client, receiver.url(), seconds=2)
    redis.stop()
    post(client, range(10), pause=0.1)
    assert all_there(receiver, 10) == [list(range(10))]
    delivered(client, webhook, 10)
    redis.start()
    never(lambda: len(receiver.at("/hook")) > 1, 2, "a second request")


def test_a_killed_worker_sends_again(start, receiver):
    """At most what was in its hands comes twice, and all of it comes."""
    opened = threading.Event()
    receiver.script("/hook", replies.gate(opened, replies.answer(200)), replies.answer(200))
    api = start("api")
    worker = start("worker")
    client = api.client()
    webhook = gathering(client, receiver.url(), seconds=1)
    batch(client, range(150))
    receiver.wait(1)
    worker.kill()
    opened.set()
    start("worker")
    delivered(client, webhook, 150)
    assert arrays(receiver) == [list(range(150))] * 2
