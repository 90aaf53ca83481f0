"""Which receiver recognises which form of JSON: every form to every way of verifying."""

import pytest
from compat.sending import DOCUMENTS, JSON_FORMS, expected_status, statuses

SYSTEMS = {
    "remnawave": ("remnawave", "your-secret-header"),
    "generic": ("default", "your_webhook_secret"),
}


@pytest.mark.parametrize("document", DOCUMENTS)
@pytest.mark.parametrize("form", JSON_FORMS)
@pytest.mark.parametrize("system", SYSTEMS)
def test_matrix(api, request, system, form, document):
    profile, secret = SYSTEMS[system]
    receivers = request.getfixturevalue(system)
    webhooks = [
        api.webhook(url, profile=profile, profile_options={"json": form}, secret=secret)
        for _, url in receivers
    ]
    got = statuses(api, "user.created", DOCUMENTS[document], webhooks)
    expected = [expected_status(document, form, verifier) for verifier, _ in receivers]
    assert dict(enumerate(zip(receivers, got))) == dict(enumerate(zip(receivers, expected)))


@pytest.mark.parametrize(
    "policy, form, value",
    [
        ("string", "js", b'"9007199254740993"'),
        ("verbatim", "js", b"9007199254740993"),
        ("string", "python", b"9007199254740993"),
    ],
)
def test_large_integers(api, receiver, policy, form, value):
    api.webhook(receiver.url(), profile_options={"json": form, "bigint": policy})
    api.post("/events", b'{"type":"n","data":{"b":9007199254740993}}', expect=202)
    assert receiver.wait()[0].body.replace(b" ", b"").endswith(b'"data":{"b":' + value + b"}}")


def test_order_and_numbers_of_javascript(api, receiver):
    api.webhook(receiver.url())
    api.post(
        "/events", b'{"type":"n","data":{"2":1,"1":2,"x":1.0,"b":9007199254740993}}', expect=202
    )
    assert (
        receiver.wait()[0]
        .body.decode()
        .endswith('"data":{"1":2,"2":1,"x":1,"b":"9007199254740993"}}')
    )
