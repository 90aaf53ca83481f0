"""`auth` of a webhook: what its requests prove themselves with, and that nobody reads it."""

import base64

import pytest
from harness.wait import until

TOKEN = "canary-token-of-the-receiver"
BEARER = {"type": "bearer", "token": TOKEN}
BASIC = {"type": "basic", "username": "canary-user", "password": TOKEN}
PAIR = base64.b64encode(f"canary-user:{TOKEN}".encode()).decode()
AUTHS = [
    (BEARER, f"Bearer {TOKEN}", {"type": "bearer", "token": "***"}),
    (BASIC, f"Basic {PAIR}", {"type": "basic", "username": "***", "password": "***"}),
]


@pytest.mark.parametrize("auth, header, shown", AUTHS, ids=lambda a: isinstance(a, dict) and a["type"])
@pytest.mark.parametrize("profile", ["default", "marzban", "remnawave", "authon", "custom"])
def test_a_request_carries_it_in_every_profile(api, receiver, profile, auth, header, shown):
    webhook = api.webhook(receiver.url(), profile=profile, secret="plain", auth=auth)
    assert webhook["auth"] == shown
    sent = api.post(f"/webhooks/{webhook['id']}/test").json
    assert sent["status"] == "delivered"
    assert receiver.wait(1)[0].header("Authorization") == header


def test_it_is_changed_and_taken_away(api, receiver):
    webhook = api.webhook(receiver.url())
    path = f"/webhooks/{webhook['id']}"
    assert webhook["auth"] is None
    for count, (auth, header, shown) in enumerate([*AUTHS, (None, None, None)], 1):
        assert api.patch(path, {"auth": auth}).json["auth"] == shown
        assert api.patch(path, {"description": "x"}).json["auth"] == shown
        api.publish()
        request = receiver.wait(count)[-1]
        assert request.all("Authorization") == ([header] if header else [])


def test_nobody_reads_it(posthorn, database, receiver):
    api = posthorn.client()
    webhook = api.webhook(receiver.url(), auth=BASIC)
    path = f"/webhooks/{webhook['id']}"
    api.publish()
    delivery = until(lambda: (d := api.deliveries(webhook)) and d[0]["status"] == "delivered" and d[0])
    reader = api.with_(key=api.post("/keys", {"name": "r", "scope": "read"}).json["key"])
    answers = [
        api.get(path), api.get("/webhooks"), api.patch(path, {"description": "x"}), reader.get(path),
        api.get(f"/deliveries/{delivery['id']}/attempts"), api.post(f"{path}/preview", {}),
        api.post(f"{path}/test", {"detect": True}),
    ]
    assert "Authorization: ***\r\n" in answers[4].json["data"][0]["request"]["headers"]
    assert "Authorization: ***\r\n" in answers[5].json["headers"]
    posthorn.stop()
    for place in (*(a.body for a in answers), database.dump(), posthorn.log().encode()):
        for text in (TOKEN, PAIR, "canary-user"):
            assert text.encode() not in place and base64.b64encode(text.encode()) not in place


HEADERS = {"headers": {"authorization": "x"}}
OPTIONS = {"profile": "custom", "profile_options": {"headers": {"AUTHORIZATION": "x"}}}


@pytest.mark.parametrize("other", [HEADERS, OPTIONS], ids=["headers", "options"])
def test_there_is_one_such_header(api, address, other):
    """Whichever comes second is refused, and says with what it does not go together."""
    member = "headers" if other is HEADERS else "profile_options.headers"
    body = {"url": address, "events": ["*"], "secret": "plain", "auth": BEARER, **other}
    answers = [api.post("/webhooks", body, expect=422)]
    first = api.webhook(address, secret="plain", auth=BEARER)
    answers.append(api.patch(f"/webhooks/{first['id']}", other, expect=422))
    second = api.webhook(address, secret="plain", **other)
    answers.append(api.patch(f"/webhooks/{second['id']}", {"auth": BEARER}, expect=422))
    for answer in answers:
        assert answer.fields == ["auth"] and f"`{member}`" in answer.json["errors"][0]["message"]
    api.patch(f"/webhooks/{first['id']}", {**other, "auth": None})


def test_a_sealed_one_is_of_no_use_in_another_place(posthorn, database, receiver):
    api = posthorn.client()
    one = api.webhook(receiver.url("/one"), auth=BEARER)
    other = api.webhook(receiver.url("/other"), auth={"type": "bearer", "token": "x"})
    database.query("update webhook set auth = (select auth from webhook where url like '%/one') where url like '%/other'")
    api.publish()
    assert api.attempted(other)[0]["error"]["code"] == "internal"
    assert api.attempted(one)[0]["error"] is None
    assert receiver.at("/other") == []


def test_a_deleted_webhook_keeps_none(posthorn, database, address):
    api = posthorn.client()
    webhook = api.webhook(address, auth=BEARER)
    api.delete(f"/webhooks/{webhook['id']}")
    assert [r[0] for r in database.query("select octet_length(auth) from webhook")] == ["0"]
