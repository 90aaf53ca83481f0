"""The same request again is the same answer, not another event."""

import concurrent.futures
import threading

import pytest

BODY = {"type": "user.created", "data": {"n": 1}}


def post(api, key, body=BODY, path="/events", expect=202):
    return api.post(path, body, expect=expect, headers={"Idempotency-Key": key})


def test_again(api, receiver):
    webhook = api.webhook(receiver.url())
    first, again = post(api, "one"), post(api, "one")
    assert again.json == first.json
    assert first.headers.get("Idempotent-Replayed") is None
    assert again.headers["Idempotent-Replayed"] == "true"
    api.settled(webhook)
    assert len(receiver.requests) == 1
    assert len(api.get("/events").json["data"]) == 1


def test_other_keys_are_other_events(api):
    assert post(api, "one").json["id"] != post(api, "two").json["id"]
    assert api.publish()["id"] != api.publish()["id"]


@pytest.mark.parametrize(
    "other",
    [{"type": "user.created", "data": {"n": 2}}, {"type": "user.deleted", "data": {"n": 1}}],
)
def test_another_body_is_refused(api, other):
    first = post(api, "one").json
    assert post(api, "one", other, expect=409).code == "idempotency_key_reused"
    assert [e["id"] for e in api.get("/events").json["data"]] == [first["id"]]
    assert post(api, "one").json == first


def test_keys_belong_to_the_tenant(tenant, other_tenant):
    first = post(tenant.write, "one").json
    second = post(other_tenant.write, "one", {"type": "b", "data": {}}).json
    assert first["id"] != second["id"]


def test_a_refused_request_does_not_take_the_key(api):
    post(api, "one", {"type": "a b", "data": {}}, expect=422)
    post(api, "one")


@pytest.mark.parametrize("key", ["k" * 255, "~!@#$%^&*()"])
def test_keys_accepted(api, key):
    assert post(api, key).json == post(api, key).json


def at_once(count, call):
    barrier = threading.Barrier(count)

    def one(i):
        barrier.wait()
        return call(i)

    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


def test_fifty_at_once(api, receiver):
    webhook = api.webhook(receiver.url())
    answers = at_once(50, lambda _: post(api, "one"))
    assert len({a.json["id"] for a in answers}) == 1
    assert sum(a.headers.get("Idempotent-Replayed") is None for a in answers) == 1
    assert len(api.get("/events").json["data"]) == 1
    api.settled(webhook)
    assert len(receiver.requests) == 1


def test_fifty_bodies_at_once(api):
    answers = at_once(50, lambda i: post(api, "one", {"type": "a", "data": {"n": i}}, expect=None))
    codes = sorted(a.status for a in answers)
    assert codes == [202] + [409] * 49
    assert len(api.get("/events").json["data"]) == 1


def test_two_processes_at_once(start):
    clients = [start(role="api").client() for _ in range(2)]
    answers = at_once(40, lambda i: post(clients[i % 2], "one"))
    assert len({a.json["id"] for a in answers}) == 1


def test_batch_again(api, receiver):
    api.webhook(receiver.url())
    body = {"events": [{"type": "a", "data": {"n": n}} for n in range(3)]}
    first, again = (post(api, "one", body, "/events/batch") for _ in range(2))
    assert again.json == first.json
    assert again.headers["Idempotent-Replayed"] == "true"
    receiver.wait(3)
    assert len(api.get("/events").json["data"]) == 3


def test_keys_inside_a_batch(api):
    one = {"type": "a", "data": {"n": 1}, "idempotency_key": "inner"}
    first = api.post(
        "/events/batch", {"events": [one, {"type": "b", "data": {}}]}, expect=202
    ).json["data"]
    again = api.post(
        "/events/batch", {"events": [{"type": "c", "data": {}}, one]}, expect=202
    ).json["data"]
    assert again[1]["id"] == first[0]["id"]
    assert len(api.get("/events").json["data"]) == 3


def test_key_reused_inside_a_batch_refuses_all(api):
    one = {"type": "a", "data": {"n": 1}, "idempotency_key": "inner"}
    api.post("/events/batch", {"events": [one]}, expect=202)
    other = {**one, "data": {"n": 2}}
    answer = api.post("/events/batch", {"events": [{"type": "b", "data": {}}, other]}, expect=409)
    assert answer.code == "idempotency_key_reused"
    assert len(api.get("/events").json["data"]) == 1
