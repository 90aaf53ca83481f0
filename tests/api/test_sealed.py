"""What is sealed at rest: in its place, by which key, and what is shown of it."""

import base64
import hashlib

import pytest
from harness import replies
from harness.server import ENCRYPTION_KEY, command, options
from harness.signature import hex_signature
from harness.wait import until

OTHER_KEY = base64.b64encode(b"o" * 32).decode()
TOKEN = "canary-token-in-an-option"
BEARER = {"type": "bearer", "token": TOKEN}
CUSTOM = {
    "headers": {"Authorization": f"Bearer {TOKEN}", "X-Sum": "sha256={signature}", "X-Kind": "{type}"},
    "signed": f"{TOKEN}:{{body}}",
}


def head_of(key):
    """How what a key has sealed begins, in the hex that a dump shows."""
    return "02" + hashlib.sha256(base64.b64decode(key)).hexdigest()[:8]


def column(database, sql):
    return [row[0] for row in database.query(sql)]


def test_options_with_credentials_are_sealed_and_masked(posthorn, database, receiver):
    receiver.script("/hook", replies.answer(401), replies.answer(200))
    api = posthorn.client()
    webhook = api.webhook(receiver.url(), profile="custom", secret="plain", profile_options=CUSTOM)
    path = f"/webhooks/{webhook['id']}"
    assert api.post(f"{path}/test", {"detect": True, "keep": True}).json["kept"] is True
    api.publish()
    request = receiver.wait(3)[2]
    assert request.header("Authorization") == f"Bearer {TOKEN}"
    delivery = until(lambda: (d := api.deliveries(webhook)[0])["status"] == "delivered" and d)
    shown = api.get(path).json["profile_options"]
    assert shown["headers"] == {
        "Authorization": "***", "X-Sum": "sha256={signature}", "X-Kind": "{type}"
    }
    assert shown["signed"] == "***{body}"
    answers = [
        api.get(path), api.get("/webhooks"), api.patch(path, {"description": "x"}),
        api.get(f"/deliveries/{delivery['id']}/attempts"), api.post(f"{path}/preview", {}),
        api.post(f"{path}/test", {"detect": True}),
    ]
    assert "Authorization: ***\r\n" in answers[3].json["data"][0]["request"]["headers"]
    posthorn.stop()
    for place in (*(a.body for a in answers), database.dump(), posthorn.log().encode()):
        assert TOKEN.encode() not in place and base64.b64encode(TOKEN.encode()) not in place


@pytest.mark.parametrize("body", [
    {"headers": {"X-Token": "***"}},
    {"profile_options": {"headers": {"Authorization": "Bearer ***"}}},
    {"profile_options": {"signed": "***{body}"}},
    {"profile_options": {"sealed": "AAAA"}},
])
def test_what_was_shown_masked_is_not_taken_back(api, address, body):
    webhook = api.webhook(address, profile="custom", secret="plain", profile_options=CUSTOM)
    api.patch(f"/webhooks/{webhook['id']}", body, expect=422)


def test_a_sealed_value_is_of_no_use_in_another_place(posthorn, database, receiver):
    api = posthorn.client()
    webhook = api.webhook(receiver.url(), headers={"X-Token": "x"})
    database.query("update webhook set secret = headers")
    api.publish()
    assert api.attempted(webhook)[0]["error"]["code"] == "internal"
    assert receiver.requests == []


def test_the_key_is_rotated_while_everything_goes_on(start, database, redis, receiver):
    server = start()
    api = server.client()
    path = "/custom"
    signed = api.webhook(receiver.url(), headers={"X-Token": "x"}, auth=BEARER)
    rotated = api.post(f"/webhooks/{signed['id']}/secret/rotate", {}).json
    custom = api.webhook(receiver.url(path), profile="custom", secret="plain", profile_options=CUSTOM)
    for n in range(3):  # more than one page is in test_more_than_a_page
        api.webhook(receiver.url(f"/{n}"), events=["none"])
    server.stop()

    def delivers(server):
        before = len(receiver.at("/hook"))
        server.client().publish()
        one = receiver.wait(before + 1)[before]
        two = receiver.wait(before + 1, path)[before]
        assert one.header("X-Token") == "x" and one.header("Authorization") == f"Bearer {TOKEN}"
        assert one.header("X-Webhook-Signature") == hex_signature(rotated["secret"], one.body)
        assert len(one.header("webhook-signature").split(" ")) == 2
        assert two.header("Authorization") == f"Bearer {TOKEN}"

    both = {"POSTHORN_ENCRYPTION_KEY": OTHER_KEY, "POSTHORN_ENCRYPTION_KEY_PREVIOUS": ENCRYPTION_KEY}
    server = start(**both)
    delivers(server)
    out = command(options(database, redis, **both), "rekey")
    assert (out.returncode, out.stdout) == (0, "5 webhooks, 0 sources, 5 sealed anew\n"), out.stderr
    heads = column(database, "select encode(substr(secret, 1, 5), 'hex') from webhook")
    heads += column(database, "select encode(substr(headers, 1, 5), 'hex') from webhook where headers <> ''")
    heads += column(database, "select encode(substr(auth, 1, 5), 'hex') from webhook where auth <> ''")
    assert set(heads) == {head_of(OTHER_KEY)} and len(heads) == 7
    entries = server.client().get("/audit", action="webhook.reseal").json["data"]
    assert [e["actor"]["type"] for e in entries] == 5 * ["command_line"]
    delivers(server)
    out = command(options(database, redis, **both), "rekey")
    assert (out.returncode, out.stdout) == (0, "5 webhooks, 0 sources, 0 sealed anew\n")
    server.stop()
    server = start(POSTHORN_ENCRYPTION_KEY=OTHER_KEY)
    delivers(server)
    assert server.client().get(f"/webhooks/{custom['id']}").json["profile_options"]["signed"] == "***{body}"


def test_sources_too(start, database, redis):
    """Their secrets move to the new key; their URLs were made under the old one, and stay good without it."""
    old = start(role="api")
    settings = {"name": "a", "kind": "marzban", "secret": "plain"}
    made = old.client().post("/sources", settings, expect=201).json
    old.client().post("/sources", {**settings, "secret": None}, expect=201)
    old.stop()
    both = {"POSTHORN_ENCRYPTION_KEY": OTHER_KEY, "POSTHORN_ENCRYPTION_KEY_PREVIOUS": ENCRYPTION_KEY}
    for written in (1, 0):
        out = command(options(database, redis, **both), "rekey")
        assert (out.returncode, out.stdout) == (0, f"0 webhooks, 1 sources, {written} sealed anew\n"), out.stderr
    assert column(database, "select encode(substr(secret, 1, 5), 'hex') from source where secret <> ''") == [head_of(OTHER_KEY)]
    client = start(role="api", POSTHORN_ENCRYPTION_KEY=OTHER_KEY).client()
    client.post(f"/ingest/{made['token']}", [{"action": "a"}], headers={"x-webhook-secret": "plain"}, expect=202)
    client.post(f"/ingest/{made['token']}", [{"action": "a"}], headers={"x-webhook-secret": "other"}, expect=401)
    assert client.get("/audit", action="source.reseal").json["data"][0]["resource"]["id"] == made["id"]


def test_more_than_a_page(start, database, redis, address):
    api = start().client()
    for _ in range(101):
        api.webhook(address)
    out = command(options(database, redis, POSTHORN_ENCRYPTION_KEY=OTHER_KEY,
                          POSTHORN_ENCRYPTION_KEY_PREVIOUS=f"{OTHER_KEY}, {ENCRYPTION_KEY}"), "rekey")
    assert (out.returncode, out.stdout) == (0, "101 webhooks, 0 sources, 101 sealed anew\n")


def test_options_of_before_are_sealed_by_it(start, database, redis, address):
    """As releases before this one left them: in the clear."""
    api = start().client()
    webhook = api.webhook(address, profile="custom", secret="plain")
    database.query("update webhook set profile_options = '{\"headers\":{\"X-Token\":\"" + TOKEN + "\"}}'")
    assert api.get(f"/webhooks/{webhook['id']}").json["profile_options"]["headers"] == {"X-Token": "***"}
    assert command(options(database, redis), "rekey").stdout == "1 webhooks, 0 sources, 1 sealed anew\n"
    assert TOKEN.encode() not in database.dump()
    assert api.get(f"/webhooks/{webhook['id']}").json["profile_options"]["headers"] == {"X-Token": "***"}


def test_a_key_that_is_missing_is_said(start, database, redis, address):
    api = start().client()
    api.webhook(address)
    out = command(options(database, redis, POSTHORN_ENCRYPTION_KEY=OTHER_KEY), "rekey")
    assert out.returncode == 1 and "1 with something that no key opens" in out.stdout
    assert "POSTHORN_ENCRYPTION_KEY_PREVIOUS" in out.stderr
    assert command(options(database, redis), "rekey").stdout == "1 webhooks, 0 sources, 0 sealed anew\n"


def test_a_change_that_began_before_it_is_not_written_over_it(start, database, redis, address):
    """The row has another version then: whoever read it before is told to read it again."""
    server = start()
    webhook = server.client().webhook(address)
    before = column(database, "select us_of(updated_at) from webhook")
    both = {"POSTHORN_ENCRYPTION_KEY": OTHER_KEY, "POSTHORN_ENCRYPTION_KEY_PREVIOUS": ENCRYPTION_KEY}
    assert command(options(database, redis, **both), "rekey").returncode == 0
    assert column(database, "select us_of(updated_at) from webhook") == [str(int(before[0]) + 1)]
    shown = server.client().get(f"/webhooks/{webhook['id']}").json
    assert shown["updated_at"] == webhook["updated_at"]
