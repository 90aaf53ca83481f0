"""A rate for each key: told before it is met, and met by nobody else."""

import re
import socket
import time

import pytest
from harness import raw
from harness.wait import until

RATE = {"POSTHORN_REQUESTS_PER_KEY": "2", "POSTHORN_REQUESTS_BURST": "20"}
LEFT = re.compile(r'"key";r=(\d+);t=(\d+)')


def left(answer):
    return tuple(int(n) for n in LEFT.fullmatch(answer.headers["RateLimit"]).groups())


def keys_of(admin, *scopes):
    app = admin.post("/apps", {"name": "a"}, expect=201).json
    body = {"name": "k", "app_id": app["id"]}
    made = [admin.post("/keys", {**body, "scope": scope}, expect=201).json for scope in scopes]
    return [admin.with_(key=key["key"]) for key in made]


def empty(client):
    """Asks until it is refused; how many were let through."""
    for n in range(200):
        answer = client.get("/webhooks", expect=None)
        if answer.status == 429:
            return n, answer
    raise AssertionError("never refused")


def test_what_is_left_is_told_and_then_it_is_429(start):
    one, other = keys_of(start(role="api", **RATE).client(), "write", "write")
    answer = one.get("/webhooks", expect=200)
    assert answer.headers["RateLimit-Policy"] == '"key";q=20;w=10'
    assert left(answer) == (19, 1)
    assert left(one.post("/events", {"type": "a", "data": {}}, expect=202))[0] >= 18
    began = time.monotonic()
    n, refused = empty(one)
    passed = time.monotonic() - began
    assert 18 <= n <= 18 + 2 * (passed + 1)
    assert refused.code == "rate_limited" and "POSTHORN_REQUESTS_PER_KEY" in refused.json["detail"]
    assert left(refused) == (0, 1) and refused.headers["Retry-After"] == "1"
    assert left(other.get("/webhooks", expect=200)) == (19, 1)
    until(lambda: one.get("/webhooks", expect=None).status == 200, 5, "a token")


def test_what_is_refused_stores_nothing(start, database):
    [client] = keys_of(start(role="api", **RATE).client(), "write")
    empty(client)
    refused = [client.post("/events", {"type": "a", "data": {}}, expect=None).status for _ in range(30)]
    assert refused.count(429) > 20
    assert database.counts()["event"] == refused.count(202)


def test_every_request_counts_whatever_comes_of_it(start):
    [client] = keys_of(start(role="api", **RATE).client(), "read")
    before = left(client.get("/webhooks", expect=200))[0]
    client.post("/webhooks", {}, expect=403)
    client.get("/webhooks/wh_01kn2p8v3rf0pbw4gd9ztq6e1x", expect=404)
    client.get("/webhooks", limit=0, expect=422)
    assert left(client.get("/webhooks", expect=200))[0] <= before - 4 + 2


def test_it_is_the_keys_in_all_threads_and_apps(start):
    """One bucket for a process, whatever thread has the connection and whatever app an admin key names."""
    admin = start(role="api", POSTHORN_API_THREADS=3, **RATE).client()
    admin.get("/webhooks", expect=200)
    named = admin.with_(X_App_Id="default")
    counts = {200: 0, 429: 0}
    began = time.monotonic()
    for client in (admin, named) * 40:
        counts[client.get("/webhooks", expect=None).status] += 1
    assert counts[200] <= 20 + 2 * (time.monotonic() - began + 1)
    assert counts[429] > 0


def test_it_survives_that_the_key_is_looked_up_again(start, database):
    [client] = keys_of(start(role="api", **RATE).client(), "write")
    empty(client)
    database.query("select pg_notify('posthorn_key', '')")  # every process forgets what it knows of keys
    statuses = [client.get("/webhooks", expect=None).status for _ in range(10)]
    assert statuses.count(200) <= 4


def test_none_by_default(api):
    answer = api.get("/webhooks", expect=200)
    assert "RateLimit" not in answer.headers and "RateLimit-Policy" not in answer.headers


def test_without_a_key_there_is_no_bucket(start):
    client = start(role="api", **RATE).client()
    for _ in range(40):
        client.with_(key=None).get("/healthz", expect=200)
        client.with_(key="ph_01kn2p7xrkf2s9d4h1n8b6m5ta_x").get("/webhooks", expect=401)
    assert left(client.get("/webhooks", expect=200))[0] == 19


@pytest.mark.parametrize("rate, burst, policy", [("50", "10", '"key";q=50;w=1'), ("3", "10", '"key";q=10;w=4')])
def test_a_burst_is_a_second_at_least(start, rate, burst, policy):
    client = start(role="api", POSTHORN_REQUESTS_PER_KEY=rate, POSTHORN_REQUESTS_BURST=burst).client()
    assert client.get("/apps", expect=200).headers["RateLimit-Policy"] == policy


def test_pages_see_the_fields(start):
    client = start(role="api", POSTHORN_CORS_ORIGINS="https://a.example.com", **RATE).client()
    answer = client.get("/webhooks", expect=200, headers={"Origin": "https://a.example.com"})
    exposed = {h.strip() for h in answer.headers["Access-Control-Expose-Headers"].split(",")}
    assert {"RateLimit", "RateLimit-Policy", "Retry-After"} <= exposed


# --- bodies: a key over its rate is refused by the head of its request

MIB = 1 << 20


def head_of(key, *lines):
    first = ["POST /v1/events HTTP/1.1", "Host: test", f"Authorization: Bearer {key}"]
    return ("\r\n".join([*first, *lines]) + "\r\n\r\n").encode()


def set_rate(admin, rate):
    (key,) = [k for k in admin.get("/keys").json["data"] if k["name"] == "k"]
    admin.patch(f"/keys/{key['id']}", {"requests_per_second": rate}, expect=200)


def busy(start, **options):
    """A server and a client whose next token comes in a second."""
    server = start(role="api", POSTHORN_REQUESTS_BURST="2", **options)
    admin = server.client()
    [client] = keys_of(admin, "write")
    set_rate(admin, 1)
    return server, client


@pytest.mark.parametrize("framing", [f"Content-Length: {MIB}", "Transfer-Encoding: chunked"])
def test_who_waits_to_be_told_to_go_on_is_refused(start, framing):
    server, client = busy(start)
    empty(client)
    said = raw.exchange(("127.0.0.1", server.port), head_of(client.key, framing, "Expect: 100-continue"), 5)
    assert raw.status(said) == 429, said
    assert b"its requests_per_second" in said and b"\r\nRateLimit: " in said


def test_a_body_beyond_the_rate_takes_no_room_of_others(start):
    """It is read, so that a client that sends before it reads gets its answer, and its connection lives on."""
    server, client = busy(start, POSTHORN_BODIES_MIB=2)
    sockets = []
    for _ in range(8):
        empty(client)
        s = socket.create_connection(("127.0.0.1", server.port), 10)
        s.sendall(head_of(client.key, f"Content-Length: {MIB}") + b"{" * (MIB - 1))
        sockets.append(s)
    server.client().post("/events", {"type": "a", "data": {"x": "a" * 1000000}}, expect=202)
    for s in sockets:
        s.sendall(b"{" + b"GET /v1/healthz HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
        said = b"".join(iter(lambda s=s: s.recv(65536), b""))
        assert said.startswith(b"HTTP/1.1 429 ") and b"\r\n\r\n" in said and b"HTTP/1.1 200 OK" in said
        s.close()


def test_a_rate_that_was_changed_holds_for_the_next_body(start):
    server, client = busy(start)
    empty(client)
    set_rate(server.client(), 0)
    event = {"type": "a", "data": {"x": "a" * 10000}}
    until(lambda: client.post("/events", event, expect=None).status == 202, 3, "an end of the old rate")
    for _ in range(10):
        client.post("/events", event, expect=202)
