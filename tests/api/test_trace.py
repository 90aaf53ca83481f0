"""`posthorn trace`: what the ledger knows of a delivery or an event, as a timeline."""

import re

import pytest
from harness import replies
from harness.server import command
from harness.wait import until

SECRETS = ("s3cr3t", "t0ken", "pr1vate", "whsec_")
HOOK = "/hook/t0ken"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\Z")


@pytest.fixture
def trace(shared):
    """trace(id) → the facts, in their order, of which each line has a time."""

    def run(id_):
        out = command(shared.env, "trace", id_)
        assert (out.returncode, out.stderr) == (0, ""), out.stderr
        assert not [secret for secret in SECRETS if secret in out.stdout], out.stdout
        lines = [line.split("  ", 1) for line in out.stdout.splitlines() if line[0].isdigit()]
        times = [time for time, _ in lines]
        assert all(TIME.match(time) for time in times) and times == sorted(times), out.stdout
        run.text = out.stdout
        return [fact for _, fact in lines]

    return run


def private(receiver, path=HOOK):
    """A webhook's settings, of which nothing but the origin may be shown."""
    return {
        "url": receiver.url(path + "?key=s3cr3t"),
        "headers": {"X-Api-Key": "s3cr3t"},
    }


def publish(api):
    return api.publish(data={"card": "pr1vate"})


def test_delivered(api, tenant, receiver, trace):
    webhook = api.webhook(**private(receiver))
    event = publish(api)
    delivery = api.settled(webhook)
    accepted, made, attempt, now = trace(delivery["id"])
    assert accepted == (
        f"event {event['id']} accepted: user.created, 19 bytes, app {tenant.app['id']}"
    )
    assert made == (
        f"delivery {delivery['id']} made for webhook {webhook['id']}"
        f" ({receiver.url('')}, profile default, active)"
    )
    assert re.fullmatch(
        r"attempt 1 to 127\.0\.0\.1(:\d+)?: the receiver answered 200; dns [\d.]+ ms,"
        r" connect [\d.]+ ms, tls 0\.0 ms, first byte [\d.]+ ms, total [\d.]+ ms",
        attempt,
    )
    whole = api.get(f"/deliveries/{delivery['id']}").json
    assert now == f"now: delivered at {whole['completed_at']} after 1 attempt"


def test_failed_after_retries(api, receiver, trace):
    receiver.script(
        HOOK, replies.answer(500, b"pr1vate"), replies.answer(302, b"", [("Location", "/s3cr3t")])
    )
    webhook = api.webhook(**private(receiver), retry_schedule=[1])
    publish(api)
    delivery = api.settled(webhook, "failed")
    _, _, first, second, now = trace(delivery["id"])
    assert "attempt 1 to" in first and "the receiver answered 500 (http_status); dns" in first
    assert "attempt 2 to" in second and "the receiver answered 302 (redirect); dns" in second
    assert now.startswith("now: failed at ") and now.endswith(" after 2 attempts")


def test_no_answer_and_waiting_for_a_retry(api, receiver, trace):
    receiver.script(HOOK, replies.hang())
    webhook = api.webhook(**private(receiver), retry_schedule=[600], timeout_ms=1000)
    publish(api)
    api.attempted(webhook)
    _, _, attempt, now, *_ = trace(api.only_delivery(webhook)["id"])
    assert "within 1000 ms (timed_out); dns" in attempt
    assert now.startswith("now: pending after 1 attempt, the next is due at ")
    assert re.search(r"Z \(in 9 min \d+ s\)\Z", now)


def test_in_the_hands_of_a_worker(api, receiver, trace):
    receiver.script(HOOK, replies.hang())
    webhook = api.webhook(**private(receiver))
    publish(api)
    receiver.wait(1, HOOK)
    _, _, now, lease = trace(api.only_delivery(webhook)["id"])
    assert now == "now: pending after 0 attempts"
    assert re.fullmatch(r"a worker has it, token=[0-9a-f]{16}, until \S+Z \(in .+\)", lease)


def test_held_by_a_paused_webhook(api, receiver, trace):
    webhook = api.webhook(**private(receiver))
    api.patch(f"/webhooks/{webhook['id']}", {"status": "paused"}, expect=200)
    publish(api)
    _, made, now, why = trace(api.only_delivery(webhook)["id"])
    assert made.endswith("profile default, paused)")
    assert now == "now: held after 0 attempts"
    assert why == "held up: its webhook is paused: it waits until the webhook is active again"


def test_held_up_by_a_pause_that_the_receiver_asked_for(api, receiver, trace):
    receiver.script(HOOK, replies.answer(503, b"", [("Retry-After", "300")]))
    webhook = api.webhook(**private(receiver), concurrency=8)
    publish(api)
    api.attempted(webhook)
    delivery = api.only_delivery(webhook)["id"]
    why = until(lambda: (found := trace(delivery)[4:]) and found[0], 10, "what the queue knows")
    assert re.match(
        r"held up: its receiver asked for a pause; nothing is sent to it before \S+Z \(in 4 min"
        r" \d+ s\); at most 4 at once; 1 failed since \S+Z, the last with http_status\Z",
        why,
    )


def test_event_with_two_deliveries(api, receiver, trace):
    receiver.script("/bad/t0ken", replies.answer(500))
    good = api.webhook(**private(receiver))
    bad = api.webhook(**private(receiver, "/bad/t0ken"), retry_schedule=[])
    event = publish(api)
    ends = {
        api.settled(good)["id"]: (good, "delivered"),
        api.settled(bad, "failed")["id"]: (bad, "failed"),
    }
    accepted, *lines = trace(event["id"])
    assert event["id"] in accepted
    assert len(lines) == 2
    for delivery, line in zip(sorted(ends), lines):
        webhook, state = ends[delivery]
        assert line.startswith(f"delivery {delivery} made for webhook {webhook['id']} (")
        assert re.search(rf"\): {state} at \S+Z after 1 attempt\Z", line)
    assert "posthorn trace DELIVERY" in trace.text


def test_event_that_no_webhook_wanted(api, trace):
    assert len(trace(publish(api)["id"])) == 1
    assert "no delivery" in trace.text


def test_test_event(api, receiver, trace):
    webhook = api.webhook(**private(receiver), events=["nothing.else"])
    api.post(f"/webhooks/{webhook['id']}/test", {}, expect=200)
    event = api.only_delivery(webhook)["event_id"]
    assert event.startswith("evt_test_")
    accepted, line = trace(event)
    assert event in accepted and ": delivered at " in line


@pytest.mark.parametrize("prefix", ["del", "evt", "evt_test"])
def test_unknown(shared, prefix):
    unknown = prefix + "_" + "0" * 26
    out = command(shared.env, "trace", unknown)
    assert (out.returncode, out.stdout) == (1, "")
    kind = "delivery" if prefix == "del" else "event"
    assert out.stderr == f"posthorn: no {kind} has the id {unknown}, or its history has expired\n"


@pytest.mark.parametrize(
    "arguments", [[], ["del_"], ["wh_" + "0" * 26], ["del_" + "0" * 26, "extra"], ["nonsense"]]
)
def test_wrong_usage(shared, arguments):
    out = command(shared.env, "trace", *arguments)
    assert (out.returncode, out.stdout) == (2, "")
    assert out.stderr == "usage: posthorn trace DELIVERY|EVENT\n"
