"""GET /stream: an app's events as they are stored, and nothing missed by who was away."""

import subprocess
import time

from harness.postgres import Session
from harness.process import end
from harness.server import SANITIZER, binary
from harness.stream import Stream
from harness.wait import never, until

NEW_ID = "encode(substr(uuid_send(id_floor(clock_timestamp() - interval '1 s')), 1, 6) || '\\x70aabbccddeeff001122'::bytea, 'hex')::uuid"
PATH = "/stream"


def events(stream, count, timeout=10):
    got = []
    while len(got) < count:
        name, _, data = stream.next(timeout)
        assert name == "event", name
        got.append(data)
    return got


def test_events_come_as_they_are_accepted(tenant, api, admin):
    other = admin.post("/apps", {"name": "o"}, expect=201).json
    api.publish("before")
    # What was there before is older than the stream.
    with Stream(tenant.read, PATH) as stream, Stream(tenant.read, PATH, types="order.*,a") as some:
        assert stream.status == 200 and stream.headers["content-type"] == "text/event-stream"
        admin.with_(X_App_Id=other["id"]).publish("of.another")
        first = api.post("/events", b'{"type": "order.paid",\n "data": {"n": 1.50,\n "x": "\\n"}}', expect=202).json
        webhook = api.webhook("https://example.com/", uid="never")
        api.patch(f"/webhooks/{webhook['id']}", {"status": "disabled"})
        second = api.publish("b")
        third = api.publish("a", {"y": "z" * 300_000})
        got = events(stream, 3)
        assert [e["id"] for e in got] == [first["id"], second["id"], third["id"]]
        assert got[0]["type"] == "order.paid" and got[0]["data"] == {"n": 1.5, "x": "\n"}
        assert [e["type"] for e in events(some, 2)] == ["order.paid", "a"]
    assert tenant.read.get(PATH, types="*bad", expect=422).fields == ["types"]
    assert api.get(PATH, headers={"Last-Event-ID": "x"}, expect=422).fields == ["Last-Event-ID"]


def test_who_comes_back_has_missed_nothing(api):
    sent = []
    with Stream(api, PATH) as stream:
        sent += [api.publish("a", {"n": n})["id"] for n in range(3)]
        assert [e["id"] for e in events(stream, 3)] == sent
        last = stream.last_id
    away = [api.publish("a", {"n": n})["id"] for n in range(3)] + sorted(api.batch(600))
    with Stream(api, PATH, last_id=last) as stream:
        got = [e["id"] for e in events(stream, 603)]
        while not set(away) <= set(got):
            got += [e["id"] for e in events(stream, 1)]
        assert len(set(got)) == len(got) and set(got) <= set(sent + away)


def test_what_is_committed_late_comes_late(posthorn, database):
    """Its id is older than what was seen, and than what was said to be seen: a transaction was open."""
    api = posthorn.client()
    ((app,),) = database.query("select id from app where uid = 'default'")
    session = Session(database)
    try:
        with Stream(api, PATH) as stream:
            session.query("begin")
            session.query(
                "insert into event (id, app_id, test, type, data)"
                f" values ({NEW_ID}, '{app}', false, 'late', '{{}}')"
            )
            assert events(stream, 1)[0]["id"] if api.publish("a") else None
            # Long enough for the place to move on, if it did not wait for the transaction.
            never(lambda: not stream.queue.empty(), 8, "an event that is not committed")
            api.publish("b")
            assert events(stream, 1)[0]["type"] == "b"
            last = stream.last_id
            session.query("commit")
            assert events(stream, 1)[0]["type"] == "late"
        with Stream(api, PATH, last_id=last) as again:
            assert "late" in [e["type"] for e in events(again, 3)]
    finally:
        session.close()


def test_a_place_moves_on_and_nothing_comes_twice(api):
    with Stream(api, PATH) as stream:
        event = api.publish("a")
        assert events(stream, 1)[0]["id"] == event["id"]
        first = stream.last_id
        until(lambda: stream.last_id != first, 12, "a later place")
        with Stream(api, PATH, last_id=stream.last_id) as again:
            never(lambda: not again.queue.empty(), 0.6, "an event that was sent")


def test_drain_ends_it(start):
    server = start(role="api")
    api = server.client()
    with Stream(api, PATH) as stream:
        api.publish("a")
        events(stream, 1)
        began = time.monotonic()
        server.stop()
        assert time.monotonic() - began < 5
        assert stream.next() == ("end", None, {"reason": "stopping"}) and stream.next() is None
    server.start()
    event = api.publish("b")
    with Stream(api, PATH, last_id=stream.last_id) as again:
        assert event["id"] in [e["id"] for e in events(again, 2)]


def test_tail_shows_it_and_comes_back(posthorn, tmp_path):
    api = posthorn.client()
    env = {name: value for name, value in posthorn.env.items() if not name.startswith("POSTHORN_")}
    env.update(POSTHORN_URL=f"http://127.0.0.1:{posthorn.port}", POSTHORN_KEY=api.key, HOME="/nonexistent")
    path = tmp_path / "tail.log"
    with open(path, "wb") as log:
        tail = subprocess.Popen([binary(), "tail", "--json", "--events", "a.*"], env=env, stdout=log, stderr=log)
    shown = lambda text: until(lambda: api.publish("a.b", {"n": 1}) and text in path.read_text(), 20, path.read_text)
    shown('"type":"a.b"')
    posthorn.restart()
    shown("connected again")
    sent = {api.publish("a.c")["id"], api.publish("a.c")["id"]}
    api.publish("b")
    until(lambda: all(id_ in path.read_text() for id_ in sent), 10, path.read_text)
    assert end(tail, None if tail.send_signal(2) else None, 20) and tail.returncode == 0
    lines = [line for line in path.read_text().splitlines() if line.startswith("{")]
    assert len(lines) == len(set(lines)) and '"type":"b"' not in path.read_text()
    assert not SANITIZER.search(path.read_text())
