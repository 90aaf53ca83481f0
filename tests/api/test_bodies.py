"""Request bodies as bytes: what is not JSON, what is too large, both framings."""

import pytest
from harness import raw

MIB = 1 << 20
NOT_JSON = [
    b"",
    b" ",
    b"{",
    b"}",
    b"[",
    b'{"type":"a","data":{}',
    b'{"type":"a","data":{}}}',
    b'{"type":"a",}',
    b"{'type':'a','data':{}}",
    b'{type:"a","data":{}}',
    b'{"type":"a","data":NaN}',
    b"NaN",
    b"nul",
    b'{"type":"a","data":{"x":Infinity}}',
    b'{"type":"a","data":{"x":01}}',
    b'{"type":"a","data":{"x":1.}}',
    b'{"type":"a","data":{"x":+1}}',
    b'{"type":"a","data":{"x":.5}}',
    b'{"type":"a","data":{"x":0x10}}',
    b'{"type":"a","data":{"x":"\x01"}}',
    b'{"type":"a","data":{"x":"\n"}}',
    b'{"type":"a","data":{"x":"\\x"}}',
    b'{"type":"a","data":{"x":"\\u12"}}',
    b'{"type":"a","data":{"x":"\xff"}}',
    b'{"type":"a","data":{"x":"\xc0\x80"}}',
    b'{"type":"a","data":{"x":"\xed\xa0\x80"}}',
    b'{"type":"a","data":{"x":"\xf4\x90\x80\x80"}}',
    b'\xef\xbb\xbf{"type":"a","data":{}}',
    b'{"type":"a","data":{}}\x00',
    b'{"type":"a","data":{}} x',
    b'{"type":"a","data":{}} // c',
    b'/* c */{"type":"a","data":{}}',
    b'{"type":"a","data":[1,]}',
    b'{"type":"a" "data":{}}',
    b'{"type":"a","data":{"x"}}',
    b"\x00",
    b"\x1f\x8b\x08\x00",
    b'{"type":"a","data":' + b'{"x":' * 100000 + b"1" + b"}" * 100000 + b"}",
    b"[" * 500000,
]
DEEP = b'{"type":"a","data":' + b'{"x":' * 200 + b"1" + b"}" * 200 + b"}"


@pytest.mark.parametrize("body", NOT_JSON, ids=range(len(NOT_JSON)))
def test_not_json(api, shared, body):
    counts = shared.database.counts()
    for path in ("/events", "/webhooks"):
        answer = api.post(path, body, expect=400)
        assert answer.code == "invalid_json"
    assert shared.database.counts() == counts


def test_too_deep(api):
    assert api.post("/events", DEEP, expect=None).status in (400, 422)
    assert api.get("/events").json["data"] == []


@pytest.mark.parametrize("body", [b"null", b"1", b'"x"', b"[]", b"true"])
def test_json_of_another_kind(api, body):
    for path in ("/events", "/events/batch", "/webhooks", "/event-types"):
        answer = api.post(path, body, expect=None)
        assert (answer.status, answer.code) in ((400, "bad_request"), (422, "validation_failed"))
        assert answer.json["detail"] == "The body must be a JSON object"


def test_whitespace_around_is_fine(api):
    api.post("/events", b' \r\n\t{ "type" : "a" , "data" : { } } \n', expect=202)


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "nonsense", ""]
)
def test_content_type_is_not_looked_at(api, kind):
    api.post("/events", {"type": "a", "data": {}}, expect=202, headers={"Content-Type": kind})


def test_not_json_everywhere(api, admin, address):
    webhook = api.webhook(address)["id"]
    for client, method, path in [
        (api, "PATCH", f"/webhooks/{webhook}"),
        (api, "POST", f"/webhooks/{webhook}/secret/rotate"),
        (api, "POST", f"/webhooks/{webhook}/test"),
        (api, "POST", f"/webhooks/{webhook}/replay"),
        (api, "POST", f"/webhooks/{webhook}/backfill"),
        (api, "POST", "/deliveries/retry"),
        (api, "POST", "/events/erase"),
        (api, "POST", "/events/batch"),
        (api, "POST", "/event-types"),
        (admin, "POST", "/apps"),
        (admin, "POST", "/keys"),
    ]:
        assert client.request(method, path, b"{", expect=400).code == "invalid_json"


@pytest.mark.parametrize("path", ["/webhooks/{id}/replay", "/webhooks/{id}/backfill", "/deliveries/retry"])
def test_what_sends_much_again_says_what(api, address, path):
    """No body is no choice: it would send again whatever failed. {} is one."""
    path = path.format(id=api.webhook(address)["id"])
    assert api.post(path, expect=400).code == "invalid_json"
    api.post(path, {}, expect=202)


def event_of(size):
    """A request body of exactly so many bytes."""
    frame = b'{"type":"big","data":{"x":"%s"}}'
    return frame % (b"a" * (size - len(frame) + 2))


def send(shared, api, body, chunked):
    headers = [("Authorization", f"Bearer {api.key}")]
    if chunked:
        data = raw.request(
            "POST", "/v1/events", [*headers, ("Transfer-Encoding", "chunked")], raw.chunked(body)
        )
    else:
        data = raw.request("POST", "/v1/events", [*headers, ("Content-Length", len(body))], body)
    return raw.exchange(("127.0.0.1", shared.port), data, 15)


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
@pytest.mark.parametrize("size", [MIB - 1, MIB])
def test_a_mebibyte_is_accepted(shared, api, chunked, size):
    body = event_of(size)
    assert len(body) == size
    answer = send(shared, api, body, chunked)
    assert raw.status(answer) == 202
    assert len(api.get("/events", type="big").json["data"]) == 1


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
@pytest.mark.parametrize("more", [1, 1000, MIB, 30 * MIB])
def test_more_is_refused(shared, api, admin, chunked, more):
    answer = send(shared, api, event_of(MIB + more), chunked)
    if more > 1000 and not answer:
        answer = b"HTTP/1.1 413 reset while sending"  # TCP may drop the answer with what was unread
    assert raw.status(answer) == 413
    if more <= 1000:
        assert b"application/problem+json" in answer and b'"code":"too_large"' in answer
        assert b"x-request-id: req_" in answer.lower()
    assert api.get("/events", type="big").json["data"] == []
    admin.get("/healthz", expect=200)


def test_announced_too_large(shared, api):
    """Refused by its length, before it is sent."""
    head = raw.request(
        "POST", "/v1/events", [("Authorization", f"Bearer {api.key}"), ("Content-Length", 1 << 40)]
    )
    answer = raw.exchange(("127.0.0.1", shared.port), head, 5)
    assert raw.status(answer) == 413


@pytest.mark.parametrize(
    "data",
    [
        b"\x00" * 100,
        b"GET\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: 1x\r\n\r\n",
        b"GET / HTTP/1.1\r\n: novalue\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n folded: b\r\n\r\n",
        b"POST /v1/events HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST /v1/events HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
        b"GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /v1/webhooks?\x01=\xff HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET http://evil/v1/healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X-A: b\r\n" * 200 + b"\r\n",
        b"A" * 500000,
    ],
    ids=range(16),
)
def test_not_http(shared, admin, data):
    raw.exchange(("127.0.0.1", shared.port), data, 0.5)
    admin.get("/healthz", expect=200)
