"""Where a request ends must be as plain to every proxy in front as it is to us (RFC 9112 §6.3, §11.2): what can be
read in two ways is 400, and nothing behind it on the connection is read."""

import re
import socket
import ssl

import pytest
from harness import raw
from harness.process import PORTS
from harness.wait import until

STATUS = re.compile(rb"HTTP/1\.1 \d{3} ")

KEY = "Authorization: Bearer {key}"
NEXT = "GET /healthz HTTP/1.1\r\nHost: next\r\nConnection: close\r\n\r\n"
BODY = '{"type":"a.b","data":{}}'

SMUGGLED = {
    "two lengths": f"Content-Length: {len(BODY)}\r\nContent-Length: {len(BODY) + 5}\r\n",
    "the same length twice": f"Content-Length: {len(BODY)}\r\nContent-Length: {len(BODY)}\r\n",
    "a list of lengths": f"Content-Length: {len(BODY)}, {len(BODY)}\r\n",
    "a signed length": f"Content-Length: +{len(BODY)}\r\n",
    "a length in hex": f"Content-Length: 0x{len(BODY):x}\r\n",
    "a length with a space in it": "Content-Length: 2 4\r\n",
    "a negative length": "Content-Length: -1\r\n",
    "an empty length": "Content-Length:\r\n",
    "a length that does not fit": "Content-Length: 18446744073709551640\r\n",
    "length and chunks": f"Content-Length: {len(BODY)}\r\nTransfer-Encoding: chunked\r\n",
    "chunks and length": f"Transfer-Encoding: chunked\r\nContent-Length: {len(BODY)}\r\n",
    "chunks twice": "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
    "chunked and identity": "Transfer-Encoding: chunked, identity\r\n",
    "identity and chunked": "Transfer-Encoding: identity, chunked\r\n",
    "an unknown coding": "Transfer-Encoding: xchunked\r\n",
    "gzip": "Transfer-Encoding: gzip\r\n",
    "a space before the colon": f"Content-Length : {len(BODY)}\r\n",
    "a folded header": f"X-Folded: a\r\n b\r\nContent-Length: {len(BODY)}\r\n",
    "a name with a NUL": f"X\0Y: 1\r\nContent-Length: {len(BODY)}\r\n",
    "a value with a NUL": f"X-Y: \0\r\nContent-Length: {len(BODY)}\r\n",
    "a value with a CR": f"X-Y: a\rb\r\nContent-Length: {len(BODY)}\r\n",
    "a bare LF": f"X-Y: 1\nContent-Length: {len(BODY)}\r\n",
    "no name": f": 1\r\nContent-Length: {len(BODY)}\r\n",
    "two hosts": f"Host: other\r\nContent-Length: {len(BODY)}\r\n",
}


def post(key, headers, line="POST /v1/events HTTP/1.1", host="Host: first\r\n", ends="\r\n"):
    head = f"{line}\r\n{host}{KEY.format(key=key)}\r\nContent-Type: application/json\r\n{headers}{ends}"
    return (head + BODY + NEXT).encode("latin-1")


def is_refused(answer):
    assert answer.startswith(b"HTTP/1.1 400 "), answer[:300]
    assert len(STATUS.findall(answer)) == 1, answer
    assert b"connection: close" in answer.partition(b"\r\n\r\n")[0].lower(), answer


@pytest.mark.parametrize("headers", SMUGGLED.values(), ids=SMUGGLED.keys())
def test_what_can_be_read_in_two_ways(headers, api):
    is_refused(raw.exchange(api.address, post(api.key, headers), timeout=3))


def test_hosts(api):
    length = f"Content-Length: {len(BODY)}\r\n"
    is_refused(raw.exchange(api.address, post(api.key, length, host=""), timeout=3))
    is_refused(raw.exchange(api.address, post(api.key, length, host="Host: a b\r\n"), timeout=3))


def test_lines_that_end_without_a_carriage_return(api):
    length = f"Content-Length: {len(BODY)}\r\n"
    whole = post(api.key, length)
    is_refused(raw.exchange(api.address, whole.replace(b"\r\n", b"\n"), timeout=3))
    is_refused(raw.exchange(api.address, post(api.key, length, ends="\n"), timeout=3))


def test_every_refusal_is_a_problem_document(api):
    """Also where h2o would have words of its own."""
    length = f"Content-Length: {len(BODY)}\r\n"
    many = "".join(f"X-{n}: 1\r\n" for n in range(98))
    for request in (
        post(api.key, length + many),
        post(api.key, length, line="POST  /v1/events HTTP/1.1"),
        post(api.key, length).replace(b"\r\n", b"\n"),
        post(api.key, length + "X: " + "x" * 40000 + "\r\n"),
    ):
        answer = raw.exchange(api.address, request, timeout=3)
        is_refused(answer)
        assert b"content-type: application/problem+json" in answer.lower(), answer
        assert b'"code":"bad_request"' in answer, answer
        assert re.search(rb"\nX-Request-Id: req_[0-9a-z]{26}\r", answer, re.IGNORECASE), answer


@pytest.mark.parametrize("lines", range(97, 107))
def test_so_many_header_lines_are_taken(api, lines):
    """A hundred, with Host, Authorization, Content-Type and Content-Length; and what is too much is told in words."""
    many = "".join(f"X-{n}: 1\r\n" for n in range(lines - 4))
    answer = raw.exchange(api.address, post(api.key, f"Content-Length: {len(BODY)}\r\n" + many), timeout=3)
    if lines <= 100:
        assert answer.count(b"HTTP/1.1 202 ") == 1, answer
        return
    is_refused(answer)
    assert b"content-type: application/problem+json" in answer.lower(), answer
    assert b'"code":"bad_request"' in answer and b"more than 100 header lines" in answer, answer


def test_many_header_lines_and_another_fault(api):
    """What else is wrong is told as ever."""
    many = "".join(f"X-{n}: 1\r\n" for n in range(95))
    for line, code in (("GET /nowhere HTTP/1.1", b"not_found"), ("PUT /v1/events HTTP/1.1", b"method_not_allowed"),
                       ("GET /v1/events?limit=x HTTP/1.1", b"validation_failed")):  # fmt: skip
        answer = raw.exchange(api.address, post(api.key, many, line=line).replace(BODY.encode(), b""), timeout=3)
        assert b"content-type: application/problem+json" in answer.lower() and b'"code":"%s"' % code in answer, answer


@pytest.mark.parametrize("pieces", [[1 << 16], [1, 1 << 16]])
def test_a_client_that_speaks_tls(start, pieces):
    """It is told in plain HTTP, which is all that it can be told, and the log says it; the metrics' port likewise."""
    metrics = PORTS.take()
    server = start(POSTHORN_METRICS_LISTEN=f"127.0.0.1:{metrics}")
    incoming, hello = ssl.MemoryBIO(), ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        ssl.create_default_context().wrap_bio(incoming, hello, server_hostname="api.example").do_handshake()
    hello = hello.read()
    assert hello[:2] == b"\x16\x03"
    for port in (server.port, metrics):
        with socket.create_connection(("127.0.0.1", port), 5) as s:
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            at = 0
            for size in pieces:
                s.sendall(hello[at : at + size])
                at += size
            answer = b"".join(iter(lambda: s.recv(65536), b""))
        is_refused(answer)
        if port == server.port:
            assert b"content-type: application/problem+json" in answer.lower(), answer
            assert b"This port speaks plain HTTP, and you TLS: use http://" in answer, answer
    until(lambda: server.log().count("event=tls_to_plain_port") == 2, 5, server.log)


def test_chunks_in_http_1_0(api):
    chunked = "Transfer-Encoding: chunked\r\n"
    is_refused(raw.exchange(api.address, post(api.key, chunked, line="POST /v1/events HTTP/1.0"), timeout=3))


@pytest.mark.parametrize(
    "line",
    [
        "POST /v1/events HTTP/1.1 ",
        "POST  /v1/events HTTP/1.1",
        "POST /v1/events HTTP/2.0",
        "POST /v1/events HTTP/1.2",
        "POST /v1/events HTTP/1.1\r\n",
        "POST /v1/ev ents HTTP/1.1",
        "POST /v1/events",
        "POST\t/v1/events HTTP/1.1",
        "P@ST /v1/events HTTP/1.1",
    ],
)
def test_request_lines(line, api):
    answer = raw.exchange(api.address, post(api.key, f"Content-Length: {len(BODY)}\r\n", line=line), timeout=3)
    assert answer.startswith(b"HTTP/1.1 4") and len(STATUS.findall(answer)) == 1, answer[:300]


def test_what_is_plain_still_works(api):
    answer = raw.exchange(api.address, post(api.key, f"Content-Length: {len(BODY)}\r\n"), timeout=3)
    assert answer.count(b"HTTP/1.1 202 ") == 1 and answer.count(b"HTTP/1.1 200 ") == 1, answer
    pieces = raw.chunked(BODY.encode(), 5)
    head = post(api.key, "Transfer-Encoding: chunked\r\n").partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    answer = raw.exchange(api.address, head + pieces + NEXT.encode(), timeout=3)
    assert answer.count(b"HTTP/1.1 202 ") == 1 and answer.count(b"HTTP/1.1 200 ") == 1, answer


@pytest.mark.parametrize(
    "headers",
    [
        "X-App-Id:\r\n",
        "X-App-Id:  \r\n",
        "X-App-Id: {app}\r\nX-App-Id: {app}\r\n",
        "X-App-Id: {app}\r\nX-App-Id: another\r\n",
        "X-App-Id: {app}\r\nx-app-id:\r\n",
        "Idempotency-Key: 1\r\nIdempotency-Key: 2\r\n",
        "Authorization: Bearer other\r\n",
    ],
)
def test_headers_that_name_one_thing(headers, api, tenant):
    """Whether or not the key is known already, and with what app."""
    length = f"Content-Length: {len(BODY)}\r\nConnection: close\r\n"
    fine, bad = length, length + headers.format(app=tenant.app["id"])
    for more, status in ((bad, b"400"), (fine, b"202"), (bad, b"400"), (fine, b"202")):
        sent = post(api.key, more).replace(NEXT.encode(), b"")
        assert raw.exchange(api.address, sent, timeout=3).split()[1] == status
