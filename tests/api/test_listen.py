"""Webhooks that are listened to: what they hold goes to who listens, as it would have gone to a receiver."""

import base64
import re
import signal
import socket
import subprocess
import threading
import time

import pytest

from harness import replies
from harness.process import end
from harness.receiver import Request
from harness.server import ADMIN_KEY, SANITIZER, binary, options
from harness.signature import verify, verify_standard
from harness.stream import Stream
from harness.wait import never, until

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
LISTEN = "listen:"
LONG_AGO = "2020-01-01T00:00:00Z"
HOST = re.sub(r"[^A-Za-z0-9._]", "-", socket.gethostname())[:57]


def stream_of(api, webhook):
    return Stream(api, f"/webhooks/{webhook['id']}/stream")


def as_request(sent):
    """What the stream has, as the receiver would have recorded it."""
    lines = sent["headers"].encode().split(b"\r\n")[:-1]
    headers = [tuple(part.decode() for part in line.split(b": ", 1)) for line in lines]
    return Request("POST", "/", "HTTP/1.1", headers, b"", sent["body"].encode(), 0, time.time(), 0, False, "")


def test_it_is_sent_to_who_listens_and_the_answer_is_kept(api):
    webhook = api.webhook(LISTEN, secret=SECRET)
    assert webhook["status"] == "listening" and webhook["url"] == LISTEN
    event = api.publish("user.created", {"n": 1})
    with stream_of(api, webhook) as stream:
        assert stream.status == 200 and stream.headers["content-type"] == "text/event-stream"
        sent = stream.delivery()
        assert sent["event_id"] == event["id"] and sent["attempt"] == 1 and sent["event_type"] == "user.created"
        verify(as_request(sent), SECRET)
        verify_standard(as_request(sent), SECRET)
        later = api.publish("user.deleted", {"n": 2})
        second = stream.delivery()
        assert second["event_id"] == later["id"]
        delivered = stream.answer(sent, response_body="fine").json
        assert delivered["status"] == "delivered" and delivered["response_code"] == 200
        failed = stream.answer(second, 500).json
        assert failed["status"] == "failed" and failed["last_error"]["code"] == "http_status"
        assert stream.answer(sent, expect=409).code == "invalid_state"
    (attempt,) = api.attempts(sent)
    assert attempt["request"]["body"] == sent["body"]
    assert attempt["request"]["headers"] == sent["headers"]
    assert attempt["response"]["body"] == "fine" and attempt["started_at"] == sent["sent_at"]
    assert attempt["response"]["headers"].startswith("HTTP/1.1 200 Fine")
    assert attempt["timings"]["total_ms"] == 3.0
    assert api.get(f"/webhooks/{webhook['id']}").json["health"]["failures"] == 0


@pytest.mark.parametrize(
    "profile, secret, type_",
    [
        ("default", SECRET, "a.b"),
        ("standard-webhooks", SECRET, "a.b"),
        ("marzban", "in-the-clear", "user_created"),
        ("remnawave", "s" * 32, "user.created"),
        ("discord", SECRET, "a.b"),
    ],
)
def test_the_bytes_are_a_receivers(api, receiver, profile, secret, type_):
    """Those of the body, and of the head all but what says which delivery it is and when."""
    heard = api.webhook(LISTEN, profile=profile, secret=secret, headers={"X-Own": "a b"})
    preview = api.post(f"/webhooks/{heard['id']}/preview", {"type": type_, "data": {"n": 1.0}}).json
    assert preview["url"] == LISTEN
    if profile == "discord":  # whose receiver is Discord alone
        sent_to = None
    else:
        options_ = {"profile_options": {"batch_seconds": 0, "batch_max": 1}} if profile == "marzban" else {}
        sent_to = api.webhook(receiver.url(), profile=profile, secret=secret, headers={"X-Own": "a b"}, **options_)
    with stream_of(api, heard) as stream:
        api.publish(type_, {"n": 1.0, "x": "é", "username": "u"})
        sent = stream.delivery()
    if sent_to is None:
        return
    (real,) = receiver.wait(1)
    mine = as_request(sent)
    assert mine.body == real.body or profile == "remnawave"  # which says when it was sent
    names = [name for name, _ in mine.headers]
    assert names == [name for name, _ in real.headers if name.lower() not in ("host", "content-length")]
    own = {name.lower(): value for name, value in mine.headers}
    for name in ("content-type", "user-agent", "x-own"):
        assert own[name] == real.header(name)


def test_nothing_is_lost_while_nobody_listens(api):
    webhook = api.webhook(LISTEN)
    with stream_of(api, webhook) as stream:
        first = api.publish(data={"n": 0})
        assert stream.delivery()["event_id"] == first["id"]
    sent = [first["id"], *(api.publish(data={"n": n})["id"] for n in range(1, 20))]
    got = []
    with stream_of(api, webhook) as stream:
        for _ in range(16):
            got.append(stream.delivery())
        never(lambda: not stream.queue.empty(), 0.4, "a 17th that nobody has answered")
        for delivery in got[:4]:
            stream.answer(delivery)
        got += [stream.delivery() for _ in range(4)]
        assert [d["event_id"] for d in got] == sent and all(d["attempt"] == 1 for d in got)


def test_retry_reaches_the_listener_again(api):
    webhook = api.webhook(LISTEN)
    api.publish()
    with stream_of(api, webhook) as stream:
        first = stream.delivery()
        stream.answer(first, 500)
        assert api.post(f"/deliveries/{first['id']}/retry", expect=202).json["status"] == "held"
        second = stream.delivery()
        assert second["id"] == first["id"] and second["attempt"] == 2
        stream.answer(first, expect=409)
        stream.answer(second)
        api.post(f"/webhooks/{webhook['id']}/replay", {"since": LONG_AGO, "status": "delivered"}, expect=202)
        third = stream.delivery()
        assert third["attempt"] == 3
        body = base64.b64encode(b"\xff" * 16385).decode()
        stream.answer(third, response_body=body, response_body_encoding="base64")
        (last, *_) = api.attempts(first)
        assert last["response"]["body_truncated"] and last["response"]["body_encoding"] == "base64"
        api.post(f"/deliveries/{first['id']}/retry", expect=202)
        stream.answer(stream.delivery(), code=None, error="connect_failed", error_message="refused: é\n")
    attempts = api.attempts(first)
    assert [a["response_code"] for a in attempts] == [None, 200, 200, 500]
    assert attempts[0]["error"] == {"code": "connect_failed", "message": "refused: ???"}


def test_two_listeners_get_it_and_the_first_answer_counts(api):
    webhook = api.webhook(LISTEN)
    with stream_of(api, webhook) as one, stream_of(api, webhook) as two:
        api.publish()
        mine, same = one.delivery(), two.delivery()
        assert mine["id"] == same["id"]
        one.answer(mine, 500)
        assert two.answer(same, expect=409).code == "invalid_state"
        api.publish()
        assert two.delivery()["attempt"] == 1


def test_a_test_waits_for_the_listener(api):
    webhook = api.webhook(LISTEN)
    with stream_of(api, webhook) as stream:
        results = []
        thread = threading.Thread(target=lambda: results.append(api.post(f"/webhooks/{webhook['id']}/test").json))
        thread.start()
        sent = stream.delivery()
        assert sent["event_id"].startswith("evt_test_")
        stream.answer(sent, 204, response_body="")
        thread.join()
    assert results[0]["status"] == "delivered" and results[0]["response_code"] == 204


def test_lanes_times_and_ends(api, database):
    webhook = api.webhook(LISTEN, ordering="webhook")
    soon, in_an_hour = (time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + s)) for s in (2, 3600))
    api.post("/events", {"type": "late", "data": {}, "expires_at": soon}, expect=202)
    api.post("/events", {"type": "a", "data": {}, "deliver_at": in_an_hour}, expect=202)
    events = [api.publish(data={"n": n})["id"] for n in range(3)]
    late = api.deliveries(webhook, event_type="late")[0]
    until(lambda: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()) > soon)
    with stream_of(api, webhook) as stream:
        for event in events:
            sent = stream.delivery()
            assert sent["event_id"] == event
            never(lambda: not stream.queue.empty(), 0.3, "another of the lane")
            stream.answer(sent)
        over = until(lambda: (d := api.get(f"/deliveries/{late['id']}").json)["status"] == "failed" and d)
        assert over["last_error"]["code"] == "expired"
        event = api.publish("b")
        assert stream.delivery()["event_id"] == event["id"]


def test_no_worker_sends_it(api, receiver):
    """Gathering, settling and jobs leave it held."""
    webhook = api.webhook(LISTEN, profile="marzban", secret="in-the-clear")
    api.publish("user_created", {"username": "u"})
    api.patch(f"/webhooks/{webhook['id']}", {"status": "disabled"})
    api.patch(f"/webhooks/{webhook['id']}", {"status": "listening"})
    api.post(f"/webhooks/{webhook['id']}/replay", {"since": LONG_AGO, "status": "held"}, expect=None)
    never(lambda: api.only_delivery(webhook)["status"] != "held", 1, "a delivery that was sent")
    with stream_of(api, webhook) as stream:
        assert stream.delivery()["body"].startswith("[{")


def test_what_it_is_set_to(api, receiver):
    heard, called = api.webhook(LISTEN), api.webhook(receiver.url())
    path, other = f"/webhooks/{heard['id']}", f"/webhooks/{called['id']}"
    assert api.patch(path, {"status": "active"}, expect=422).fields == ["status"]
    assert api.patch(path, {"status": "paused"}, expect=422).fields == ["status"]
    assert api.patch(path, {"url": receiver.url()}, expect=422).fields == ["url"]
    assert api.patch(other, {"status": "listening"}, expect=422).fields == ["status"]
    assert api.patch(other, {"url": LISTEN}, expect=422).fields == ["url"]
    auth = {"type": "bearer", "token": "t" * 20}
    assert api.post("/webhooks", {"url": LISTEN, "events": ["*"], "auth": auth}, expect=422).fields == ["auth"]
    assert api.patch(path, {"url": LISTEN, "events": ["a"]}).json["status"] == "listening"
    assert api.get("/webhooks", status="listening").json["data"][0]["id"] == heard["id"]
    assert api.get(f"{other}/stream", expect=409).code == "invalid_state"
    assert api.patch(path, {"status": "disabled"}).json["status"] == "disabled"
    assert api.get(f"{path}/stream", expect=409).code == "invalid_state"


def test_answers_that_are_none(api, tenant):
    webhook = api.webhook(LISTEN)
    api.publish()
    with stream_of(api, webhook) as stream:
        sent = stream.delivery()
        path = f"/deliveries/{sent['id']}/answer"
        good = {"attempt": 1, "sent_at": sent["sent_at"]}
        assert api.post(path, good, expect=422).fields == ["response_code"]
        assert api.post(path, {**good, "response_code": 200, "error": "timed_out"}, expect=422).fields
        assert api.post(path, {**good, "error": "gone"}, expect=422).fields == ["error"]
        assert api.post(path, {"attempt": 1, "sent_at": LONG_AGO, "response_code": 200}, expect=422).fields
        assert api.post(path, {**good, "attempt": 2, "response_code": 200}, expect=409)
        assert tenant.read.post(path, {**good, "response_code": 200}, expect=403)
        assert tenant.read.get(f"/webhooks/{webhook['id']}/stream", expect=403)
    ordinary = api.webhook("http://127.0.0.1:9999/")
    api.publish()
    other = api.only_delivery(ordinary)
    body = {"attempt": 1, "sent_at": sent["sent_at"], "response_code": 200}
    assert api.post(f"/deliveries/{other['id']}/answer", body, expect=409).code == "invalid_state"


def test_the_stream_ends_with_the_key_and_the_webhook(tenant, admin):
    api = tenant.write
    key = admin.post("/keys", {"name": "k", "scope": "write", "app_id": tenant.app["id"]}, expect=201).json
    webhook = api.webhook(LISTEN)
    with stream_of(admin.with_(key=key["key"]), webhook) as one, stream_of(api, webhook) as two:
        admin.delete(f"/keys/{key['id']}")
        assert one.next(4) == ("end", None, {"reason": "key"}) and one.next() is None
        api.delete(f"/webhooks/{webhook['id']}")
        assert two.next(4) == ("end", None, {"reason": "deleted"}) and two.next() is None


def test_limits_drain_and_clients_that_do_not_read(start):
    server = start(POSTHORN_STREAMS=4, POSTHORN_STREAMS_PER_APP=2)
    admin = server.client()
    apps = [admin.post("/apps", {"name": n, "uid": n}, expect=201).json["id"] for n in "abcd"]
    clients = [admin.with_(X_App_Id=app) for app in apps]
    hooks = [client.webhook(LISTEN) for client in clients]
    one, two = (stream_of(clients[0], hooks[0]) for _ in range(2))
    refused = clients[0].get(f"/webhooks/{hooks[0]['id']}/stream", expect=429)
    assert "POSTHORN_STREAMS_PER_APP" in refused.json["detail"] and refused.headers["Retry-After"]
    others = [stream_of(clients[n], hooks[n]) for n in (1, 2)]
    refused = clients[3].get(f"/webhooks/{hooks[3]['id']}/stream", expect=503)
    assert "POSTHORN_STREAMS" in refused.json["detail"] and refused.headers["Retry-After"]
    # Who hangs up makes room.
    one.close()
    path = f"/webhooks/{hooks[3]['id']}/stream"
    lazy = until(lambda: (s := Stream(clients[3], path, paused=True)).status == 200 and s)
    for n in range(8):
        clients[3].publish(data={"n": n, "x": "y" * 500_000})
    clients[0].publish()
    assert two.delivery()["attempt"] == 1
    server.terminate()
    for stream in (two, *others):
        until(lambda s=stream: s.ended.is_set(), 10, "the end of a stream")
    lazy.close()
    server.stop()


def test_the_api_is_killed_in_mid_stream(start):
    server = start(role="api")
    api = server.client()
    webhook = api.webhook(LISTEN)
    sent = [api.publish(data={"n": n})["id"] for n in range(3)]
    with stream_of(api, webhook) as stream:
        first = stream.delivery()
        stream.answer(first)
        server.kill()
        until(stream.ended.is_set, 10, "the end of the stream")
    server.start()
    with stream_of(api, webhook) as stream:
        assert [stream.delivery()["event_id"] for _ in range(2)] == sent[1:]


# --- the command ------------------------------------------------------------------------------------


class Listen:
    """posthorn listen, as a process."""

    def __init__(self, server, tmp_path, *arguments, key=ADMIN_KEY):
        self.path = tmp_path / "listen.log"
        self.env = options_of(server, key)
        self.log = open(self.path, "ab")
        self.process = subprocess.Popen(
            [binary(), "listen", *arguments], env=self.env, stdout=self.log, stderr=self.log
        )

    def text(self):
        return self.path.read_text(encoding="utf-8")

    def says(self, text, timeout=15):
        until(lambda: text in self.text(), timeout, lambda: f"{text!r} in {self.text()}")
        return self

    def end(self, number=signal.SIGINT):
        assert end(self.process, number, 20), "it did not end"
        self.log.close()
        assert not SANITIZER.search(self.text()), self.text()
        return self.process.returncode


def options_of(server, key):
    env = {name: server.env[name] for name in server.env if not name.startswith("POSTHORN_")}
    env.update(POSTHORN_URL=f"http://127.0.0.1:{server.port}", POSTHORN_KEY=key, HOME="/nonexistent")
    return env


def test_a_laptop_that_sleeps_has_missed_nothing(posthorn, receiver, tmp_path):
    """The journey: forwarded, answered, asleep, awake, all there, once each; then the service restarts."""
    api = posthorn.client()
    receiver.script("/hook", replies.answer(200, b"fine"), replies.answer(500, b"oops"), replies.answer(200))
    listen = Listen(posthorn, tmp_path, "--forward-to", receiver.url(), "--secret", SECRET, "--events", "user.*")
    listen.says("Ctrl-C ends this").says(SECRET)
    webhook = api.get(f"/webhooks/listen-{HOST}").json
    assert webhook["url"] == LISTEN and webhook["events"] == ["user.*"]
    api.publish("order.paid")
    events = [api.publish("user.created")["id"], api.publish("user.deleted")["id"]]
    requests = receiver.wait(2)
    assert {r.json["id"] for r in requests} == set(events)
    verify(requests[0], SECRET)
    verify_standard(requests[0], SECRET)
    listen.says(" 200 ").says(" 500 ")
    states = until(lambda: (s := {d["event_id"]: d["status"] for d in api.deliveries(webhook)}) and "held" not in s.values() and s)
    assert sorted(states.values()) == ["delivered", "failed"]
    (failed,) = api.deliveries(webhook, status="failed")
    api.post(f"/deliveries/{failed['id']}/retry", expect=202)
    assert receiver.wait(3)[2].header("X-Webhook-Attempt") == "2"
    listen.process.send_signal(signal.SIGSTOP)
    asleep = [api.publish("user.updated", {"n": n})["id"] for n in range(30)]
    never(lambda: len(receiver.at("/hook")) > 3, 0.5, "a request while it sleeps")
    listen.process.send_signal(signal.SIGCONT)
    assert sorted(r.json["id"] for r in receiver.wait(33)[3:]) == sorted(asleep)
    posthorn.restart()
    last = api.publish("user.created")["id"]
    assert receiver.wait(34)[33].json["id"] == last
    until(lambda: not api.deliveries(webhook, status="held"))
    assert "trying again" in listen.text() and "connected again" in listen.text()
    assert listen.end() == 0
    assert "waits for the next posthorn listen" in listen.text()
    api.publish("user.created")
    again = Listen(posthorn, tmp_path, "--forward-to", str(receiver.port), "--json", "--delete")
    assert receiver.wait(1, "/")
    again.says('"response_code":200')
    assert again.end(signal.SIGTERM) == 0
    assert api.get(f"/webhooks/{webhook['id']}", expect=404)


def test_listen_says_what_is_wrong(posthorn, tmp_path):
    api = posthorn.client()
    api.webhook("https://example.com/", uid="called")
    cases = [
        (["--help"], 0, "Example"),
        (["--forward-to", "ftp://x"], 2, "--forward-to"),
        (["--webhook", "called"], 1, "has a URL"),
        (["--webhook", "unknown"], 1, "No webhook"),
        (["--as", "nothing"], 1, "profile"),
    ]
    for arguments, code, text in cases:
        out = subprocess.run([binary(), "listen", *arguments], env=options_of(posthorn, ADMIN_KEY), capture_output=True,
                             text=True, timeout=60)
        assert out.returncode == code and text in out.stdout + out.stderr, (arguments, out)
    listen = Listen(posthorn, tmp_path, "--events", "a")
    listen.says("Ctrl-C ends this")
    api.publish("a")
    listen.says(" 200 ")
    api.delete(f"/webhooks/listen-{HOST}")
    until(lambda: listen.process.poll() == 1, 10, "its end")
    listen.says("was deleted")
