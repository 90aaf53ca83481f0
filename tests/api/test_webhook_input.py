"""Bad input to webhooks: the right status, code and field; nothing stored."""

import base64

import pytest

URL = "https://hooks.example.com/in"
LONG_URL = "https://hooks.example.com/" + "a" * 2048


def whsec(size):
    return "whsec_" + base64.b64encode(bytes(size)).decode()


OAUTH2 = {"type": "oauth2", "token_url": "https://h.example.com/token", "client_id": "i", "client_secret": "s"}

# (member, value, the field, or fields, that the answer must name)
BAD = [
    ("url", None, "url"),
    ("url", 1, "url"),
    ("url", "", "url"),
    ("url", [URL], "url"),
    ("url", "hooks.example.com/in", "url"),
    ("url", "ftp://hooks.example.com/", "url"),
    ("url", "file:///etc/passwd", "url"),
    ("url", "gopher://hooks.example.com/", "url"),
    ("url", "javascript:alert(1)", "url"),
    ("url", "https://", "url"),
    ("url", "https:///in", "url"),
    ("url", "https://user@hooks.example.com/", "url"),
    ("url", "https://user:pass@hooks.example.com/", "url"),
    ("url", "https://:pass@hooks.example.com/", "url"),
    ("url", "https://@hooks.example.com/", "url"),
    ("url", URL + "#fragment", "url"),
    ("url", URL + "#", "url"),
    ("url", LONG_URL, "url"),
    ("url", "https://hooks.example.com:0/", "url"),
    ("url", "https://hooks.example.com:65536/", "url"),
    ("url", "https://hooks.example.com:port/", "url"),
    ("url", "https://hooks .example.com/", "url"),
    ("url", URL + " x", "url"),
    ("url", URL + "\r\nX: y", "url"),
    ("url", URL + "\u0000", "url"),
    ("url", URL + "\t", "url"),
    ("url", " " + URL, "url"),
    ("url", "https://[::1", "url"),
    ("url", "https://[fe80::1%25eth0]/", "url"),
    ("url", "https://-.example.com:x/", "url"),
    ("url", "https://" + "a" * 254 + ".com/", "url"),
    ("events", None, "events"),
    ("events", "*", "events"),
    ("events", [], "events"),
    ("events", {}, "events"),
    ("events", [1], "events[0]"),
    ("events", ["a", None], "events[1]"),
    ("events", [""], "events[0]"),
    ("events", ["a b"], "events[0]"),
    ("events", ["a/b"], "events[0]"),
    ("events", ["a*"], "events[0]"),
    ("events", ["*.a"], "events[0]"),
    ("events", ["a.*.b"], "events[0]"),
    ("events", [".*"], "events[0]"),
    ("events", ["**"], "events[0]"),
    ("events", ["ä"], "events[0]"),
    ("events", ["a" * 129], "events[0]"),
    ("events", ["a\n"], "events[0]"),
    ("events", ["a\u0000"], "events[0]"),
    ("events", ["a", "b", "a"], "events[2]"),
    ("events", [f"t{i}" for i in range(101)], "events"),
    ("secret", None, "secret"),
    ("secret", "", "secret"),
    ("secret", 1, "secret"),
    ("secret", "a" * 257, "secret"),
    ("secret", "naïve", "secret"),
    ("secret", "a\u0000b", "secret"),
    ("secret", "a\nb", "secret"),
    ("secret", "a\u007f", "secret"),
    ("secret", " ", "secret"),
    ("secret", "a ", "secret"),
    ("secret", " a", "secret"),
    ("secret", "whsec_", "secret"),
    ("secret", "whsec_notbase64!", "secret"),
    ("secret", whsec(23), "secret"),
    ("secret", whsec(65), "secret"),
    ("secret", whsec(32)[:-1], "secret"),
    ("description", 1, "description"),
    ("description", "a" * 1001, "description"),
    ("description", "é" * 1001, "description"),
    ("description", "a\u0000", "description"),
    ("profile", 1, "profile"),
    ("profile", "nonsense", "profile"),
    ("profile", "", "profile"),
    ("profile_options", [], "profile_options"),
    ("profile_options", "js", "profile_options"),
    ("profile_options", {"json": "perl"}, "profile_options.json"),
    ("profile_options", {"json": 1}, "profile_options.json"),
    ("profile_options", {"bigint": "number"}, "profile_options.bigint"),
    ("profile_options", {"nonsense": 1}, "profile_options.nonsense"),
    ("headers", [], "headers"),
    ("headers", "X: y", "headers"),
    ("headers", {"X-Foo": 1}, "headers.X-Foo"),
    ("headers", {"X-Foo": None}, "headers.X-Foo"),
    ("headers", {"X-Foo": ["a"]}, "headers.X-Foo"),
    ("headers", {"X-Foo": "a" * 1025}, "headers.X-Foo"),
    ("headers", {"X-Foo": "a\r\nX-Bar: b"}, "headers.X-Foo"),
    ("headers", {"X-Foo": "a\nb"}, "headers.X-Foo"),
    ("headers", {"X-Foo": "a\u0000b"}, "headers.X-Foo"),
    ("headers", {"X-Foo": "a\u007f"}, "headers.X-Foo"),
    ("headers", {"X-Foo": "é"}, "headers.X-Foo"),
    ("headers", {"X-Foo": "a\u001fb"}, "headers.X-Foo"),
    ("headers", {f"X-{i}": "a" for i in range(21)}, "headers"),
    ("headers", {f"X-{i}": "\t" * 1000 + "a" for i in range(20)}, "headers"),
    ("retry_schedule", 60, "retry_schedule"),
    ("retry_schedule", "60", "retry_schedule"),
    ("retry_schedule", [0], "retry_schedule[0]"),
    ("retry_schedule", [60, -1], "retry_schedule[1]"),
    ("retry_schedule", [604801], "retry_schedule[0]"),
    ("retry_schedule", [1.5], "retry_schedule[0]"),
    ("retry_schedule", ["60"], "retry_schedule[0]"),
    ("retry_schedule", [None], "retry_schedule[0]"),
    ("retry_schedule", [10**30], "retry_schedule[0]"),
    ("retry_schedule", [60] * 21, "retry_schedule"),
    ("timeout_ms", 999, "timeout_ms"),
    ("timeout_ms", 30001, "timeout_ms"),
    ("timeout_ms", "1000", "timeout_ms"),
    ("timeout_ms", 1000.5, "timeout_ms"),
    ("timeout_ms", -1, "timeout_ms"),
    ("timeout_ms", 2**64, "timeout_ms"),
    ("timeout_ms", True, "timeout_ms"),
    ("rate_limit", 0, "rate_limit"),
    ("rate_limit", 10001, "rate_limit"),
    ("rate_limit", "5", "rate_limit"),
    ("concurrency", 0, "concurrency"),
    ("concurrency", 1025, "concurrency"),
    ("concurrency", [], "concurrency"),
    ("auth", [], "auth"),
    ("auth", "Basic x", "auth"),
    ("auth", {}, "auth.type"),
    ("auth", {"type": "digest"}, "auth.type"),
    ("auth", {"type": "basic", "username": "u"}, "auth.password"),
    ("auth", {"type": "basic", "password": "p"}, "auth.username"),
    ("auth", {"type": "basic", "username": "u:v", "password": "p"}, "auth.username"),
    ("auth", {"type": "basic", "username": "u" * 257, "password": "p"}, "auth.username"),
    ("auth", {"type": "basic", "username": "u", "password": "p" * 1025}, "auth.password"),
    ("auth", {"type": "basic", "username": "u", "password": "p\n"}, "auth.password"),
    ("auth", {"type": "basic", "username": "u", "password": "\u0000"}, "auth.password"),
    ("auth", {"type": "basic", "username": "u", "password": "***"}, "auth.password"),
    ("auth", {"type": "basic", "username": "u", "password": None}, "auth.password"),
    ("auth", {"type": "basic", "username": "u", "password": "p", "token": "t"}, "auth.token"),
    ("auth", {"type": "bearer"}, "auth.token"),
    ("auth", {"type": "bearer", "token": ""}, "auth.token"),
    ("auth", {"type": "bearer", "token": "***"}, "auth.token"),
    ("auth", {"type": "bearer", "token": "a b"}, "auth.token"),
    ("auth", {"type": "bearer", "token": "a\r\nX: y"}, "auth.token"),
    ("auth", {"type": "bearer", "token": "é"}, "auth.token"),
    ("auth", {"type": "bearer", "token": "t" * 4097}, "auth.token"),
    ("auth", {"type": "bearer", "token": "t", "username": "u"}, "auth.username"),
    ("auth", {"type": "bearer", "token": "t", "realm": "r"}, "auth.realm"),
    ("auth", {"type": "oauth2"}, ["auth.token_url", "auth.client_id", "auth.client_secret"]),
    ("auth", {**OAUTH2, "token_url": "x"}, "auth.token_url"),
    ("auth", {**OAUTH2, "token_url": "http://10.0.0.1/"}, "auth.token_url"),
    ("auth", {**OAUTH2, "token_url": "https://h.example.com:25/"}, "auth.token_url"),
    ("auth", {**OAUTH2, "token_url": "https://u:p@h.example.com/"}, "auth.token_url"),
    ("auth", {**OAUTH2, "token_url": LONG_URL}, "auth.token_url"),
    ("auth", {**OAUTH2, "client_id": ""}, "auth.client_id"),
    ("auth", {**OAUTH2, "client_secret": "***"}, "auth.client_secret"),
    ("auth", {**OAUTH2, "client_secret": "a\nb"}, "auth.client_secret"),
    ("auth", {**OAUTH2, "scope": ""}, "auth.scope"),
    ("auth", {**OAUTH2, "scope": 'a"b'}, "auth.scope"),
    ("auth", {**OAUTH2, "scope": "é"}, "auth.scope"),
    ("auth", {**OAUTH2, "token": "x"}, "auth.token"),
    ("tls", [], "tls"),
    ("tls", {}, "tls"),
    ("tls", {"ca": ""}, "tls.ca"),
    ("tls", {"ca": None}, "tls.ca"),
    ("tls", {"ca": "x"}, "tls.ca"),
    ("tls", {"ca": "x" * 16385}, "tls.ca"),
    ("tls", {"ca": "\u0001"}, "tls.ca"),
    ("tls", {"ca": "\u0000"}, "tls.ca"),
    ("tls", {"client_certificate": "x"}, "tls.client_key"),
    ("tls", {"client_key": "x"}, "tls.client_certificate"),
    ("tls", {"key": "x"}, "tls.key"),
    ("metadata", [], "metadata"),
    ("metadata", {"a": 1}, "metadata.a"),
    ("metadata", {"a": None}, "metadata.a"),
    ("metadata", {"a": "b" * 501}, "metadata.a"),
    ("metadata", {"a": "\u0000"}, "metadata.a"),
    ("metadata", {f"k{i}": "v" for i in range(51)}, "metadata"),
    ("nonsense", 1, "nonsense"),
    ("id", "wh_x", "id"),
    ("status", "active", "status"),
    ("created_at", "2026-01-02T03:04:05Z", "created_at"),
    ("Url", URL, "Url"),
]
HEADER_NAMES = [
    "Host",
    "Content-Length",
    "Content-Type",
    "Transfer-Encoding",
    "Connection",
    "Keep-Alive",
    "TE",
    "Trailer",
    "Upgrade",
    "Expect",
    "User-Agent",
    "Accept-Encoding",
    "Proxy-Authorization",
    "Proxy-Connection",
    "X-Webhook-Id",
    "X-Webhook-Signature",
    "X-Webhook-Anything",
    "webhook-id",
    "webhook-signature",
    "Webhook-Anything",
    "hOsT",
    "",
    "a b",
    "a:b",
    "a\r\nb",
    "a\u0000",
    "é",
    "(a)",
    "a" * 65,
]


@pytest.fixture
def stored(shared, api):
    """Fails when the test changed how many rows there are in any table."""
    counts = shared.database.counts()
    yield
    assert shared.database.counts() == counts


@pytest.mark.parametrize(
    "member, value, field", BAD, ids=[f"{b[0]}-{i}" for i, b in enumerate(BAD)]
)
def test_create_refuses(api, stored, member, value, field):
    body = {"url": URL, "events": ["*"], member: value}
    answer = api.post("/webhooks", body, expect=422)
    assert answer.code == "validation_failed"
    assert answer.fields == (field if isinstance(field, list) else [field])


@pytest.mark.parametrize("name", HEADER_NAMES, ids=range(len(HEADER_NAMES)))
def test_header_names_refused(api, stored, name):
    answer = api.post(
        "/webhooks", {"url": URL, "events": ["*"], "headers": {name: "x"}}, expect=422
    )
    assert len(answer.fields) == 1 and answer.fields[0].startswith("headers")


def test_metadata_key_too_long(api, stored):
    body = {"url": URL, "events": ["*"], "metadata": {"k" * 65: "v"}}
    assert len(api.post("/webhooks", body, expect=422).fields) == 1


@pytest.mark.parametrize("member", ["url", "events"])
def test_required(api, stored, member):
    body = {"url": URL, "events": ["*"]}
    del body[member]
    assert api.post("/webhooks", body, expect=422).fields == [member]


def test_many_faults(api, stored):
    body = {"events": [], "timeout_ms": 1, "nonsense": 1}
    assert set(api.post("/webhooks", body, expect=422).fields) & {
        "url",
        "events",
        "timeout_ms",
        "nonsense",
    }


def test_duplicate_member(api, stored):
    body = b'{"url":"https://hooks.example.com/in","events":["*"],"url":"https://a.example.com/"}'
    assert api.post("/webhooks", body, expect=422).fields == ["url"]


@pytest.mark.parametrize(
    "member, value",
    [
        ("url", "http://hooks.example.com"),
        ("url", "https://hooks.example.com:8443/a?b=c&d=%20e"),
        ("url", "https://93.184.216.34/"),
        ("url", "https://[2606:4700::1111]:8080/"),
        ("url", "https://hooks.example.com/" + "a" * (2048 - 26)),
        ("events", ["*"]),
        ("events", ["a" * 128, "A.b-c_d", "a.*", "a.b.*", "0"]),
        ("events", [f"t{i}" for i in range(100)]),
        ("secret", "x"),
        ("secret", "~ " * 127 + "~~"),
        ("secret", whsec(24)),
        ("secret", whsec(64)),
        ("description", "é" * 1000),
        ("headers", {f"X-{i}": "a\tb" for i in range(20)}),
        ("headers", {"A" * 64: "v" * 1024, "authorization": "Bearer x", "X-Empty": ""}),
        ("retry_schedule", [1] * 20),
        ("timeout_ms", 1000),
        ("rate_limit", 1),
        ("rate_limit", None),
        ("concurrency", 1024),
        ("metadata", {f"k{i}": "v" * 500 for i in range(50)}),
        ("metadata", {"k" * 64: ""}),
    ],
    ids=str,
)
def test_bounds_are_accepted(api, member, value):
    api.post("/webhooks", {"url": URL, "events": ["*"], member: value}, expect=201)


@pytest.mark.parametrize(
    "body, field",
    [
        ({"secret": ""}, "secret"),
        ({"secret": "whsec_x"}, "secret"),
        ({"overlap_seconds": -1}, "overlap_seconds"),
        ({"overlap_seconds": 604801}, "overlap_seconds"),
        ({"overlap_seconds": "1"}, "overlap_seconds"),
        ({"nonsense": 1}, "nonsense"),
    ],
)
def test_rotate_refuses(api, body, field):
    webhook = api.webhook(URL)
    answer = api.post(f"/webhooks/{webhook['id']}/secret/rotate", body, expect=422)
    assert answer.fields == [field]
    assert api.get(f"/webhooks/{webhook['id']}").json["secret_preview"] == webhook["secret_preview"]


@pytest.mark.parametrize(
    "body, field",
    [
        ({"type": "a b"}, "type"),
        ({"type": ""}, "type"),
        ({"type": 1}, "type"),
        ({"data": []}, "data"),
        ({"data": "x"}, "data"),
        ({"nonsense": 1}, "nonsense"),
    ],
)
def test_test_refuses(api, receiver, body, field):
    webhook = api.webhook(receiver.url())
    answer = api.post(f"/webhooks/{webhook['id']}/test", body, expect=422)
    assert answer.fields == [field]
    assert receiver.requests == []
