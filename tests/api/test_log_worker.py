"""What the worker says of its work: a delivery's way at debug, its end at info, and not without bound."""

import re

import pytest
from harness import replies
from harness.wait import until

BURST = 50


def lines(server, event, **fields):
    """The fields of the lines about `event` with these values."""
    found = []
    for line in server.log().splitlines():
        got = dict(re.findall(r"(\w+)=(\S+)", line))
        if got.get("event") == event and got.items() >= fields.items():
            found.append(got)
    return found


def name(line):
    return re.search(r" event=(\w+)", line)[1]


def moves(of_it):
    """The states that attempts went through."""
    found = [re.search(r"event=attempt_state .* from=(\w+) to=(\w+)", line) for line in of_it]
    return [f"{m[1]}>{m[2]}" for m in found if m]


@pytest.mark.parametrize(
    "url, states",
    [
        ("http://nowhere.invalid/x", ["waiting>resolving", "resolving>ended", "ended>recorded"]),
        ("http://127.0.0.1:2/x", ["waiting>resolving", "resolving>ended", "ended>recorded"]),
        (None, ["waiting>ended", "ended>recorded"]),
    ],
)
def test_states_of_an_attempt_that_fails_early(start, url, states):
    """None: no message can be made of it."""
    server = start(POSTHORN_LOG_LEVEL="debug")
    client = server.client()
    options = {} if url else {"profile_options": {"json": "js", "bigint": "reject"}}
    webhook = client.webhook(url or "http://127.0.0.1:2/x", retry_schedule=[], **options)
    client.request("POST", "/events", b'{"type":"a","data":{"n":9007199254740993}}', expect=202)
    delivery = client.settled(webhook, "failed")
    until(lambda: f"event=recorded delivery={delivery['id']}" in server.log(), 5)
    assert moves([x for x in server.log().splitlines() if f"delivery={delivery['id']}" in x]) == states


def test_a_delivery_can_be_followed(start, receiver):
    server = start(POSTHORN_LOG_LEVEL="debug")
    client = server.client()
    receiver.script("/hook", replies.answer(500), replies.answer(200))
    webhook = client.webhook(receiver.url(), retry_schedule=[1])
    client.publish()
    delivery = client.settled(webhook)
    until(lambda: len(re.findall(rf"event=recorded delivery={delivery['id']}", server.log())) == 2, 5)
    of_it = [line for line in server.log().splitlines() if f"delivery={delivery['id']}" in line]
    events = ["attempt_start", "attempt_end", "verdict", "recorded"]
    assert [e for e in map(name, of_it) if e != "attempt_state"] == events * 2
    assert moves(of_it) == ["waiting>resolving", "resolving>sending", "sending>ended", "ended>recorded"] * 2
    assert all(f"webhook={webhook['id']} event_id={delivery['event_id']} attempt=" in line for line in of_it)
    ends = [line for line in of_it if name(line) == "attempt_end"]
    assert "attempt=1 outcome=answered status=500 ms=" in ends[0]
    assert "attempt=2 outcome=answered status=200 ms=" in ends[1]
    verdicts = [line for line in of_it if name(line) == "verdict"]
    assert "state=pending error=http_status delay_ms=1000 " in verdicts[0]
    assert "state=delivered error=none " in verdicts[1]
    tokens = [re.search(r"token=(\w+)", line)[1] for line in of_it if name(line) == "attempt_start"]
    assert tokens == [line["token"] for line in lines(server, "claim")]
    assert len(lines(server, "record", count="1", error="none")) == 2


def test_a_failure_for_good_is_told(start, receiver):
    server = start()
    client = server.client()
    receiver.script("/bad", replies.answer(500))
    receiver.script("/gone", replies.answer(410))
    bad = client.webhook(receiver.url("/bad"), ["bad"], retry_schedule=[1])
    gone = client.webhook(receiver.url("/gone"), ["gone"])
    client.publish("bad")
    client.publish("gone")
    failed = {client.settled(w, "failed")["id"]: w["id"] for w in (bad, gone)}
    until(lambda: len(lines(server, "delivery_failed")) == 2, 5)
    until(lambda: lines(server, "webhook_disabled", webhook=gone["id"], reason="gone"), 5)
    log = server.log()
    assert failed == dict(re.findall(r"event=delivery_failed delivery=(\S+) webhook=(\S+)", log))
    assert re.search(r"event=delivery_failed .* attempt=2 code=500 error=http_status\n", log)
    assert re.search(r"event=delivery_failed .* attempt=1 code=410 error=gone\n", log)
    assert "level=debug" not in log


def test_failures_are_not_told_without_bound(start, receiver):
    server = start()
    client = server.client()
    receiver.script("/hook", replies.answer(500))
    for _ in range(100):
        client.webhook(receiver.url(), retry_schedule=[])
    for _ in range(3):
        client.publish()

    def told():
        return sum(1 + int(n or 0) for n in re.findall(
            r"level=info event=delivery_failed(?: suppressed=(\d+))?(?= delivery=)", server.log()
        )) + sum(int(n) for n in re.findall(r"event=delivery_failed suppressed=(\d+)\n", server.log()))

    until(lambda: told() == 300, 20)
    assert len(re.findall(r"event=delivery_failed .*delivery=", server.log())) < 300 - BURST


def test_what_is_resumed_is_counted(start, receiver):
    """By the settle job, which ends ten seconds after the last change."""
    server = start()
    client = server.client()
    webhook = client.webhook(receiver.url())
    client.patch(f"/webhooks/{webhook['id']}", {"status": "paused"})
    for _ in range(3):
        client.publish()
    until(lambda: len(client.deliveries(webhook, status="held")) == 3)
    client.patch(f"/webhooks/{webhook['id']}", {"status": "active"})
    receiver.wait(3)
    until(lambda: re.search(r"event=job_done job=job_\w+ kind=settle done=3\b", server.log()), 20)
