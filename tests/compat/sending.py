"""What the tests of this folder share: publishing exact bytes, and reading what a receiver said."""

import json

from harness.wait import until

JSON_FORMS = ("js", "python", "python-compact", "verbatim")

ASCII = '{ "uuid": "f2b1", "username": "bob",\n "name": "John Doe", "usedTrafficBytes": "0" }'
TEXT = '{"username": "Привет 😀 a/b", "name": "José \\u2028", "usedTrafficBytes": "0"}'
NUMBERS = (
    '{"2":1, "1":2, "x":1.0, "small":1e-7, "big":1e16, "b":9007199254740993,'
    ' "username":"bob", "usedTrafficBytes":"0"}'
)

# For a document and a form: the verifiers that recognise the signature (raw always does).
RECOGNISED = {
    "ascii": {
        "js": {"js", "python-compact"},
        "python": {"python"},
        "python-compact": {"js", "python-compact"},
        "verbatim": set(),
    },
    "text": {
        "js": {"js"},
        "python": {"python"},
        "python-compact": {"python-compact"},
        "verbatim": set(),
    },
    "numbers": {
        "js": {"js"},
        "python": {"python"},
        "python-compact": {"python-compact"},
        "verbatim": set(),
    },
}
DOCUMENTS = {"ascii": ASCII, "text": TEXT, "numbers": NUMBERS}


def expected_status(document, form, verifier):
    recognised = verifier == "raw" or verifier in RECOGNISED[document][form]
    return 200 if recognised else 401


def publish(api, type_, data):
    """`data` is JSON text, stored as it is."""
    body = b'{"type":%s,"data":%s}' % (json.dumps(type_).encode(), data.encode())
    return api.post("/events", body, expect=202).json


def answered(api, webhook, timeout=20):
    """The webhook's only delivery, once the receiver answered an attempt."""

    def found():
        listed = api.deliveries(webhook)
        return listed[0] if listed and listed[0]["response_code"] else None

    return until(
        found, timeout, lambda: f"an answer to {webhook['url']}: {api.deliveries(webhook)}"
    )


def last(api, delivery):
    return max(api.attempts(delivery), key=lambda attempt: attempt["number"])


def said(api, delivery):
    """The body of the last answer."""
    return last(api, delivery)["response"]["body"]


def statuses(api, type_, data, webhooks):
    """What each of the webhooks' receivers answered to one event."""
    publish(api, type_, data)
    return [answered(api, w)["response_code"] for w in webhooks]


def names(request):
    """The headers that a profile is responsible for, as received, sorted."""
    framing = {"host", "accept", "content-length"}
    return sorted(n for n, _ in request.headers if n.lower() not in framing)
