"""Receivers that misbehave: each attempt ends in time, with what happened in words, and is kept."""

import base64
import re
import time

import pytest
from harness import replies
from harness.receiver import Receiver
from harness.tls import self_signed
from harness.wait import until

OK = b"HTTP/1.1 200 OK\r\n"


def attempt_at(api, url, timeout_ms=2000, within=8):
    webhook = api.webhook(url, retry_schedule=[], timeout_ms=timeout_ms)
    api.publish()
    delivery = until(
        lambda: (d := api.only_delivery(webhook))["status"] in ("failed", "delivered") and d,
        within,
        "an end",
    )
    return delivery, api.attempts(delivery)[0]


FAILURES = {
    "never": (replies.hang(), {"timed_out"}),
    "drip-head": (replies.drip(OK + b"X: y\r\n" * 100, 0.1), {"timed_out"}),
    "close": (replies.close(), {"connection_lost"}),
    "reset": (replies.reset(), {"connection_lost"}),
    "half-head": (
        replies.raw(b"HTTP/1.1 200 OK\r\nContent-Le", "close"),
        {"connection_lost", "bad_response"},
    ),
    "half-head-reset": (
        replies.raw(b"HTTP/1.1 200 OK\r\nContent-Le", "reset"),
        {"connection_lost", "bad_response"},
    ),
    "garbage": (
        replies.raw(b"\x00\xff\x00 what is this\n\n\n", "close"),
        {"bad_response", "connection_lost"},
    ),
    "http-0.9": (replies.raw(b"<html>hello</html>", "close"), {"bad_response"}),
    "http-2": (
        replies.raw(b"\x00\x00\x12\x04\x00\x00\x00\x00\x00" + b"\x00" * 18, "close"),
        {"bad_response", "connection_lost"},
    ),
    "status-line": (
        replies.raw(b"HTTP/1.1 abc OK\r\n\r\n", "close"),
        {"bad_response", "connection_lost"},
    ),
    "endless-head": (replies.endless(b"X-A: " + b"b" * 1000 + b"\r\n", OK), {"bad_response"}),
    "endless-header": (replies.endless(b"b" * 1000, OK + b"X-A: "), {"bad_response"}),
    "endless-1xx": (
        replies.endless(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"),
        {"bad_response"},
    ),
    "100-then-close": (
        replies.raw(b"HTTP/1.1 100 Continue\r\n\r\n", "close"),
        {"connection_lost", "bad_response"},
    ),
    "101": (
        replies.raw(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", "hang"),
        {"bad_response", "timed_out", "http_status", "connection_lost"},
    ),
    "negative-length": (replies.raw(OK + b"Content-Length: -5\r\n\r\n", "close"), {"bad_response"}),
}


@pytest.mark.parametrize("name", FAILURES)
def test_failures(api, receiver, name):
    reply, codes = FAILURES[name]
    receiver.script("/hook", reply)
    started = time.monotonic()
    delivery, attempt = attempt_at(api, receiver.url())
    assert time.monotonic() - started < 5
    assert delivery["status"] == "failed"
    assert attempt["error"]["code"] in codes
    assert attempt["error"]["message"]
    assert len(receiver.requests) == 1, "sent twice"


SUCCESSES = {
    "body-reset": replies.raw(OK + b"Content-Length: 100\r\n\r\nhalf", "reset"),
    "body-cut": replies.raw(OK + b"Content-Length: 100\r\n\r\nhalf", "close"),
    "endless-body": replies.endless(b"a" * 10000, OK + b"\r\n"),
    "endless-chunks": replies.endless(
        b"3e8\r\n" + b"a" * 1000 + b"\r\n", OK + b"Transfer-Encoding: chunked\r\n\r\n"
    ),
    "bad-chunks": replies.raw(OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", "close"),
    "huge-length": replies.raw(OK + b"Content-Length: 10000000000\r\n\r\nhi", "close"),
    "103-first": replies.raw(
        b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK + b"Content-Length: 0\r\n\r\n", "keep"
    ),
    "100-first": replies.raw(
        b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"Content-Length: 0\r\n\r\n", "keep"
    ),
    "gzip": replies.answer(
        200, b"\x1f\x8b\x08\x00" + b"\xff" * 100, [("Content-Encoding", "gzip")]
    ),
    "http-1.0": replies.raw(b"HTTP/1.0 200 OK\r\n\r\nhi", "close"),
    "no-reason": replies.raw(b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nhi", "keep"),
    "cookies": replies.answer(
        200,
        b"x",
        [("Set-Cookie", "a=b"), ("Alt-Svc", 'h3=":1"'), ("Strict-Transport-Security", "max-age=1")],
    ),
    "odd-headers": replies.raw(
        OK + b"X-Bytes: \xff\xfe\x01\r\nContent-Length: 2\r\n\r\nhi", "keep"
    ),
    "long-reason": replies.raw(
        b"HTTP/1.1 200 " + b"r" * 5000 + b"\r\nContent-Length: 0\r\n\r\n", "keep"
    ),
}


@pytest.mark.parametrize("name", SUCCESSES)
def test_a_complete_2xx_head_is_success(api, receiver, name):
    receiver.script("/hook", SUCCESSES[name])
    delivery, attempt = attempt_at(api, receiver.url())
    assert (delivery["status"], delivery["response_code"]) == ("delivered", 200)
    assert len(attempt["response"]["headers"]) <= 16384
    assert len(receiver.requests) == 1, "sent twice"


def test_nul_in_a_header(api, receiver):
    receiver.script(
        "/hook", replies.raw(OK + b"X-Nul: a\x00b\r\nContent-Length: 2\r\n\r\nhi", "keep")
    )
    _, attempt = attempt_at(api, receiver.url())
    assert attempt["status"] in ("delivered", "failed")


def test_drip_body(api, receiver):
    """The deadline covers the body."""
    receiver.script("/hook", replies.drip(OK + b"Content-Length: 1000\r\n\r\n" + b"a" * 1000, 0.02))
    started = time.monotonic()
    delivery, attempt = attempt_at(api, receiver.url(), timeout_ms=2000)
    assert time.monotonic() - started < 5
    assert attempt["timings"]["total_ms"] < 3000
    assert delivery["status"] in ("delivered", "failed")


@pytest.mark.parametrize(
    "size, cut",
    [(0, False), (16383, False), (16384, False), (16385, True), (60_000, True), (5_000_000, True)],
)
def test_bodies_are_kept_to_16_kib(api, receiver, size, cut):
    body = (b"0123456789abcdef" * (size // 16 + 1))[:size]
    receiver.script("/hook", replies.answer(200, body))
    delivery, attempt = attempt_at(api, receiver.url())
    assert delivery["status"] == "delivered"
    assert attempt["response"]["body"].encode() == body[:16384]
    assert attempt["response"]["body_truncated"] is cut


@pytest.mark.parametrize(
    "body", [b"\xff\xfe\x00\x01", b"caf\xe9", b"\xed\xa0\x80", b"\xc0\x80", bytes(range(256))]
)
def test_bodies_that_are_not_utf8(api, receiver, body):
    receiver.script("/hook", replies.answer(500, body))
    _, attempt = attempt_at(api, receiver.url())
    assert attempt["response"]["body_encoding"] == "base64"
    assert base64.b64decode(attempt["response"]["body"], validate=True) == body


def test_nuls_in_a_body(api, receiver):
    receiver.script("/hook", replies.answer(500, b"a\x00b"))
    _, attempt = attempt_at(api, receiver.url())
    response = attempt["response"]
    body = response["body"]
    assert (base64.b64decode(body) if "body_encoding" in response else body.encode()) == b"a\x00b"


def test_a_character_at_the_cut(api, receiver):
    """A body that is UTF-8 stays text when 16 KiB end within a character."""
    body = ("a" * 16383 + "é" * 10).encode()
    receiver.script("/hook", replies.answer(200, body))
    _, attempt = attempt_at(api, receiver.url())
    response = attempt["response"]
    assert response["body_truncated"] is True
    if "body_encoding" in response:
        assert base64.b64decode(response["body"]) == body[:16384]
    else:
        assert response["body"] == "a" * 16383


@pytest.mark.parametrize(
    "body", [b'quote " backslash \\ tab \t', "é 😀 \u2028 \x7f".encode(), b"</script>", b"\x01\x1f"]
)
def test_bodies_that_need_escapes(api, receiver, body):
    receiver.script("/hook", replies.answer(200, body))
    _, attempt = attempt_at(api, receiver.url())
    assert attempt["response"]["body"].encode() == body


def test_timeout_is_the_webhooks(api, receiver):
    receiver.script("/hook", replies.hang())
    _, attempt = attempt_at(api, receiver.url(), timeout_ms=1000)
    assert attempt["error"]["code"] == "timed_out"
    assert 990 <= attempt["timings"]["total_ms"] < 1700
    assert attempt["response"] is None


def test_slow_but_in_time(api, receiver):
    receiver.script("/hook", replies.answer(200, delay=1.5))
    delivery, _ = attempt_at(api, receiver.url(), timeout_ms=3000)
    assert delivery["status"] == "delivered"
    assert 1500 <= delivery["response_time_ms"] < 2500


def test_nobody_listens(api, receiver):
    url = receiver.url()
    receiver.close()
    _, attempt = attempt_at(api, url)
    assert attempt["error"]["code"] == "connect_failed"
    assert (attempt["response"], attempt["response_code"]) == (None, None)


def test_kept_alive_connection_that_dies(api, receiver):
    """A reused connection closed after the request was read: the request is not sent again in
    secret."""
    receiver.script("/hook", replies.answer(200), replies.close(), replies.answer(200))
    webhook = api.webhook(receiver.url(), retry_schedule=[60], concurrency=1)
    api.publish("first")
    receiver.wait(1)
    until(lambda: api.deliveries(webhook)[0]["status"] == "delivered", what="the first")
    api.publish("second")
    receiver.wait(2)
    second = until(
        lambda: (d := api.deliveries(webhook)[0])["response_time_ms"] is not None and d,
        what="an attempt",
    )
    assert (second["status"], second["attempts"]) == ("pending", 1)
    assert api.attempts(second)[0]["error"]["code"] == "connection_lost"
    assert len(receiver.requests) == 2


def test_connections_are_reused(api, receiver):
    webhook = api.webhook(receiver.url(), concurrency=1)
    for n in range(5):
        api.publish()
        until(
            lambda n=n: sum(d["status"] == "delivered" for d in api.deliveries(webhook)) == n + 1,
            what="delivery",
        )
    assert len({r.connection for r in receiver.requests}) < 5


def test_greeting_instead_of_http(api):
    receiver = Receiver(greeting=b"220 mail.example.com ESMTP\r\n")
    _, attempt = attempt_at(api, receiver.url())
    assert attempt["error"]["code"] in ("bad_response", "connection_lost")
    receiver.close()


def test_tls_to_a_plain_port(api, receiver):
    _, attempt = attempt_at(api, receiver.url(scheme="https"))
    assert attempt["error"]["code"] in ("tls_failed", "timed_out", "connection_lost")


def test_tls_garbage(api):
    receiver = Receiver(greeting=b"\x15\x03\x03\xff\xff" + b"\xa5" * 300)
    _, attempt = attempt_at(api, receiver.url(scheme="https"))
    assert attempt["error"]["code"] == "tls_failed"
    receiver.close()


@pytest.mark.parametrize(
    "greeting, says",
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "the TLS handshake failed: wrong version number"),
        (b"\x15\x03\x03\x00\x02\x02\x28", "handshake failure"),
    ],
    ids=["plain", "alert"],
)
def test_tls_errors_do_not_say_which_library_it_is(api, greeting, says):
    """A reason in plain words, with neither a name, nor a version, nor a number of its own."""
    receiver = Receiver(greeting=greeting)
    _, attempt = attempt_at(api, receiver.url(scheme="https"))
    message = attempt["error"]["message"]
    assert attempt["error"]["code"] == "tls_failed"
    assert "OpenSSL" not in message and "error:" not in message and not re.search(r"\d\.\d\.\d+", message)
    assert says in message
    receiver.close()


def test_certificate_that_nobody_trusts(api, tmp_path):
    receiver = Receiver(context=self_signed(tmp_path))
    _, attempt = attempt_at(api, receiver.url(host="localhost"))
    assert attempt["error"]["code"] == "tls_failed"
    assert "certificate" in attempt["error"]["message"].lower()
    assert receiver.requests == []
    receiver.close()


def test_one_bad_answer_among_many(api, receiver):
    """What cannot be stored as text does not keep the rest of its batch from being stored."""
    receiver.script(
        "/hook",
        *[replies.answer(200, b"fine")] * 20,
        replies.answer(200, b"\x00\xff\xfe", [("X-Odd", "\xff\xfe")]),
        replies.answer(200, b"fine"),
    )
    webhook = api.webhook(receiver.url())
    api.post("/events/batch", {"events": [{"type": "a", "data": {}}] * 50}, expect=202)
    until(
        lambda: len(api.deliveries(webhook, status="delivered", limit=250)) == 50, 15, "all fifty"
    )
    assert len(receiver.requests) == 50
