"""POST /webhooks/{id}/preview: the request that would be sent, without sending it."""

import base64
import hashlib
import hmac
import re
import select
import socket
import time

import pytest

from harness import raw

AT_ONCE = 12
UNKNOWN_EVENT = "evt_01kn2pa7gxe83r5cv0jw1mh4bd"


def head(preview):
    lines = preview["headers"].rstrip("\r\n").split("\r\n")
    return dict(line.split(": ", 1) for line in lines)


def test_default(api, receiver):
    webhook = api.webhook(receiver.url("/never"), secret="your_webhook_secret")
    shown = api.post(
        f"/webhooks/{webhook['id']}/preview", {"type": "user.created", "data": {"n": 1.0}}
    ).json
    assert shown["method"] == "POST" and shown["url"] == receiver.url("/never")
    assert re.fullmatch(
        r'\{"id":"evt_\w{26}","type":"user.created","created_at":"[^"]+","data":\{"n":1\}\}',
        shown["body"],
    )
    mac = hmac.new(b"your_webhook_secret", shown["body"].encode(), hashlib.sha256).hexdigest()
    assert head(shown)["X-Webhook-Signature"] == f"sha256={mac}"
    assert head(shown)["X-Webhook-Id"] == webhook["id"]
    assert shown["signed"].startswith("body")
    assert not receiver.at("/never")
    assert api.get(f"/webhooks/{webhook['id']}/deliveries").json["data"] == []


def test_of_an_event_is_what_was_sent(api, receiver):
    webhook = api.webhook(receiver.url("/p"))
    event = api.post("/events", {"type": "a", "data": {"x": "é"}}, expect=202).json
    (sent,) = receiver.wait(1, "/p")
    shown = api.post(f"/webhooks/{webhook['id']}/preview", {"event_id": event["id"]}).json
    assert shown["body"].encode() == sent.body


def test_plain_secrets_and_own_headers_are_masked(api, receiver):
    webhook = api.webhook(
        receiver.url(), profile="marzban", secret="in-the-clear", headers={"X-Token": "hidden"}
    )
    answer = api.post(f"/webhooks/{webhook['id']}/preview", {"type": "user_created", "data": {}})
    assert b"in-the-clear" not in answer.body and b"hidden" not in answer.body
    assert head(answer.json)["x-webhook-secret"] == "***"
    assert answer.json["body"].startswith('[{"action": "user_created"')


def test_discord_shows_the_rewritten_address(api):
    webhook = api.webhook("https://discord.com/api/webhooks/1/token")
    assert webhook["profile"] == "discord" and webhook["concurrency"] == 1
    shown = api.post(f"/webhooks/{webhook['id']}/preview").json
    assert shown["url"] == "https://discord.com/api/v10/webhooks/1/token"
    assert shown["signed"] is None


def test_wrong_input(api, receiver):
    path = f"/webhooks/{api.webhook(receiver.url())['id']}/preview"
    assert api.post(path, {"event_id": UNKNOWN_EVENT}, expect=422).fields == ["event_id"]
    assert api.post(path, {"event_id": "evt_x"}, expect=422).fields == ["event_id"]
    assert api.post(path, {"data": []}, expect=422).fields == ["data"]
    assert api.post(path, {"nonsense": 1}, expect=422).fields == ["nonsense"]
    api.post("/webhooks/wh_01kn2p8v3rf0pbw4gd9ztq6e1x/preview", expect=404)


def test_what_cannot_be_sent(api, receiver):
    """The reason is a sentence, as every detail is."""
    webhook = api.webhook(receiver.url(), profile_options={"json": "js", "bigint": "reject"})
    answer = api.post(
        f"/webhooks/{webhook['id']}/preview", b'{"data":{"n":9007199254740993}}', expect=409
    )
    assert answer.json["detail"].startswith("Nothing would be sent: the webhook's profile cannot")
    assert "the number at /n of its data" in answer.json["detail"]


WHSK = "whsk_" + base64.b64encode(bytes(range(32))).decode()
CUSTOM = {"signed": "{timestamp}.{body}", "headers": {"X-Mac": "t={timestamp},v1={signature}", "X-Key": "{secret}"}}
SIGNED = [
    ({"secret": "your_webhook_secret"}, {"X-Webhook-Signature"}),
    ({}, {"X-Webhook-Signature", "webhook-signature"}),
    ({"profile": "standard-webhooks"}, {"webhook-signature"}),
    ({"profile": "standard-webhooks", "secret": WHSK}, {"webhook-signature"}),
    ({"profile": "remnawave", "secret": "s" * 32}, {"X-Remnawave-Signature"}),
    ({"profile": "custom", "secret": "s" * 32, "profile_options": CUSTOM}, {"X-Mac"}),
]


@pytest.mark.parametrize("more, proofs", SIGNED)
def test_who_may_read_may_not_sign(tenant, api, receiver, more, proofs):
    """With a fresh signature over data of his own he could speak to the receiver in our name."""
    webhook = api.webhook(receiver.url("/never"), **more)
    path, event = f"/webhooks/{webhook['id']}/preview", {"type": "a.b", "data": {"n": 1}}
    signed, shown = api.post(path, event).json, tenant.client("read").post(path, event).json
    assert list(head(shown)) == list(head(signed))
    assert {n for n, v in head(shown).items() if v == "***"} - {"X-Key"} == proofs
    assert not proofs & {n for n, v in head(signed).items() if v == "***"}
    assert shown["url"] == signed["url"] and shown["signed"] == signed["signed"]


def test_large_ones_leave_the_loop_to_others(start):
    """However many come at once: another app waits for one or two of them and not for all."""
    server = start("api", POSTHORN_API_THREADS=1)
    admin = server.client()
    greedy, quiet = (
        admin.with_(X_App_Id=admin.post("/apps", {"name": name}).json["id"]) for name in ("greedy", "quiet")
    )
    webhook = greedy.webhook("https://example.com/hook", profile_options={"json": "python"})

    def request(client, method, path, body=b""):
        headers = {"Authorization": f"Bearer {admin.key}", "Content-Length": len(body), **client.headers}
        return raw.request(method, f"/v1{path}", headers.items(), body)

    numbers = b'{"type":"a","data":{"n":[' + b",".join([b"1e23"] * 200_000) + b"]}}"
    preview = request(greedy, "POST", f"/webhooks/{webhook['id']}/preview", numbers)
    look = request(quiet, "GET", "/webhooks")

    def begin():
        """All of it but the last byte."""
        client = socket.create_connection(("127.0.0.1", server.port), 60)
        client.sendall(preview[:-1])
        return client

    def end(clients):
        """The seconds until the last of them has all of its answer, and the longest that another waited meanwhile."""
        began, waits, open_ones = time.monotonic(), [], list(clients)
        for client in clients:
            client.sendall(preview[-1:])
        while open_ones:
            asked = time.monotonic()
            assert raw.status(raw.exchange(("127.0.0.1", server.port), look, 60)) == 200
            waits.append(time.monotonic() - asked)
            for client in select.select(open_ones, [], [], 0)[0]:
                if not client.recv(1 << 20):
                    open_ones.remove(client)
                    client.close()
        return time.monotonic() - began, max(waits)

    end([begin()])
    alone, _ = end([begin()])
    together, wait = end([begin() for _ in range(AT_ONCE)])
    assert together > alone
    assert wait < together / 4, (alone, together, wait)


def test_large_event_of_one_that_is_there(api):
    webhook = api.webhook("https://example.com/hook", events=["other"])
    event = api.post("/events", {"type": "a", "data": {"n": ["x" * 1000] * 100}}, expect=202).json
    shown = api.post(f"/webhooks/{webhook['id']}/preview", {"event_id": event["id"]}).json
    assert shown["body"].count("x" * 1000) == 100
