"""Sources: other systems' own requests become events. Each is sent with the bytes and headers that its system sends."""

import base64
import concurrent.futures
import hashlib
import hmac
import http.client
import json
import time
import uuid

import pytest
from harness import replies
from harness.wait import until

SECRET = "something-very-very-secret"
WHSEC = "whsec_" + base64.b64encode(b"k" * 32).decode()

# --- what each system sends: (body, headers) ----------------------------------------------------------


def marzban(notifications, secret=SECRET, version="2.32.3"):
    """Marzban's requests.post(url, json=…), in the order of its headers."""
    body = json.dumps(notifications).encode()
    headers = {
        "User-Agent": f"python-requests/{version}",
        "Accept-Encoding": "gzip, deflate",
        "Accept": "*/*",
        "Connection": "keep-alive",
        **({"x-webhook-secret": secret} if secret else {}),
        "Content-Length": str(len(body)),
        "Content-Type": "application/json",
    }
    return body, headers


def notification(action="user_updated", username="marzban_test_user", tries=0, **more):
    """Its members in the order of its classes; enqueued_at is the time at which the panel was started."""
    started = 1680506457.636369
    return {
        "enqueued_at": started,
        "send_at": started + tries * 180,
        "tries": tries,
        "username": username,
        "action": action,
        **more,
    }


def stamp(ms=None):
    ms = int(time.time() * 1000) if ms is None else ms
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(ms / 1000)) + f".{ms % 1000:03d}Z"


def sha256(secret, body):
    return hmac.new(secret.encode(), body, hashlib.sha256)


def remnawave(event="user.created", data=None, secret=SECRET, timestamp=None, meta=None):
    """The panel's axios request: JSON.stringify is compact and raw UTF-8."""
    timestamp = timestamp or stamp()
    data = {"uuid": "f2b1c2d3-0000-4000-8000-000000000001", "username": "bob"} if data is None else data
    whole = {"scope": event.split(".")[0], "event": event, "timestamp": timestamp, "data": data, "meta": meta}
    body = json.dumps(whole, separators=(",", ":"), ensure_ascii=False).encode()
    headers = {
        "Accept": "application/json, text/plain, */*",
        "Content-Type": "application/json",
        "X-Remnawave-Signature": sha256(secret, body).hexdigest(),
        "X-Remnawave-Timestamp": timestamp,
        "User-Agent": "Remnawave",
        "Content-Length": str(len(body)),
        "Accept-Encoding": "gzip, compress, deflate, br",
        "Connection": "keep-alive",
    }
    return body, headers


def github(body=b'{"action":"opened","issue":{"number":1}}', secret=SECRET, event="issues", delivery=None):
    return body, {
        "Content-Type": "application/json",
        "User-Agent": "GitHub-Hookshot/044aadd",
        "X-GitHub-Delivery": delivery or str(uuid.uuid4()),
        "X-GitHub-Event": event,
        "X-Hub-Signature": "sha1=" + hmac.new(secret.encode(), body, hashlib.sha1).hexdigest(),
        "X-Hub-Signature-256": "sha256=" + sha256(secret, body).hexdigest(),
    }


def stripe(secret=SECRET, at=None, id_="evt_1", **more):
    body = json.dumps({"id": id_, "type": "charge.succeeded", "data": {"object": {"id": "ch_1"}}, **more}, indent=2).encode()
    at = int(time.time()) if at is None else at
    signature = sha256(secret, str(at).encode() + b"." + body).hexdigest()
    return body, {
        "Content-Type": "application/json; charset=utf-8",
        "Stripe-Signature": f"t={at},v1={'0' * 64},v1={signature},v0={'1' * 64}",
    }


def shopify(body=b'{"id":820982911946154508}', secret=SECRET, webhook_id=None):
    return body, {
        "Content-Type": "application/json",
        "X-Shopify-Topic": "orders/create",
        "X-Shopify-Hmac-Sha256": base64.b64encode(sha256(secret, body).digest()).decode(),
        "X-Shopify-Webhook-Id": webhook_id or str(uuid.uuid4()),
        "X-Shopify-Event-Id": str(uuid.uuid4()),
    }


def standard(body=b'{"type":"invoice.paid","timestamp":"2026-01-02T03:04:05Z","data":{"id":1}}', secret=WHSEC, at=None, id_=None, name="webhook"):
    at = int(time.time()) if at is None else at
    id_ = id_ or str(uuid.uuid4())
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signature = hmac.new(key, f"{id_}.{at}.".encode() + body, hashlib.sha256).digest()
    return body, {
        "Content-Type": "application/json",
        f"{name}-id": id_,
        f"{name}-timestamp": str(at),
        f"{name}-signature": "v1,AAAA v1," + base64.b64encode(signature).decode(),
    }


def generic(body=b'{"user":{"event":"a b","id":7}}', secret=SECRET):
    return body, {"Content-Type": "application/json", "X-Webhook-Signature": "sha256=" + sha256(secret, body).hexdigest()}


# Of each kind: how to make a source of it, a request, and the type and data of its event.
KINDS = {
    "marzban": ({"secret": SECRET}, lambda **m: marzban([notification()], **m), "user_updated", notification()),
    "remnawave": ({"secret": SECRET}, remnawave, "user.created", None),
    "github": ({"secret": SECRET}, github, "github.issues.opened", {"action": "opened", "issue": {"number": 1}}),
    "stripe": ({"secret": SECRET}, stripe, "stripe.charge.succeeded", None),
    "shopify": ({"secret": SECRET}, shopify, "shopify.orders.create", {"id": 820982911946154508}),
    "standard-webhooks": ({"secret": WHSEC}, standard, "invoice.paid", {"id": 1}),
    "generic": (
        {"secret": SECRET, "options": {"type_pointer": "/user/event", "key_pointer": "/user/id"}, "type_prefix": "x."},
        generic,
        "x.a_b",
        {"user": {"event": "a b", "id": 7}},
    ),
}
OTHER = {"standard-webhooks": "whsec_" + base64.b64encode(b"x" * 32).decode()}


def source(api, kind, **more):
    settings = {**KINDS[kind][0], **more}
    return api.post("/sources", {"name": f"our {kind}", "kind": kind, **settings}, expect=201).json


def send(client, made, request, expect=202, **more):
    body, headers = request
    headers = {n: v for n, v in headers.items() if n != "Content-Length"}
    path = "/ingest/" + (made if isinstance(made, str) else made["token"])
    return client.with_(key=None).request("POST", path, body, expect=expect, headers=headers, **more)


def stored(api):
    return list(api.pages("/events"))


# --- the resource -------------------------------------------------------------------------------------


def test_its_life(api):
    made = source(api, "github")
    host = "{}:{}".format(*api.address)
    assert made["url"] == f"http://{host}/v1/ingest/{made['token']}"
    assert (made["kind"], made["type_prefix"], made["has_secret"], made["options"]) == ("github", "github.", True, {})
    got = api.get(f"/sources/{made['id']}").json
    assert got == {k: v for k, v in made.items() if k not in ("url", "token")}
    assert api.get("/sources").json["data"] == [got]
    changed = api.patch(f"/sources/{made['id']}", {"name": "b", "type_prefix": "gh."}).json
    assert (changed["name"], changed["type_prefix"]) == ("b", "gh.")
    assert send(api, made, github()).json["data"][0]["type"] == "gh.issues.opened"
    assert api.patch(f"/sources/{made['id']}", {"type_prefix": None}).json["type_prefix"] == "github."
    api.patch(f"/sources/{made['id']}", {"secret": "another"})
    send(api, made, github(), expect=401)
    send(api, made, github(secret="another"))
    api.delete(f"/sources/{made['id']}", expect=204)
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/rotate")):
        api.request(method, f"/sources/{made['id']}{path}", expect=404)
    assert send(api, made, github(secret="another"), expect=404).code == "not_found"
    assert len(stored(api)) == 2


def test_rotate(api):
    made = source(api, "github")
    new = api.post(f"/sources/{made['id']}/rotate", {"overlap_seconds": 60}, expect=200).json
    assert new["previous_url_until"] and new["token"] != made["token"]
    for token in (made["token"], new["token"]):
        send(api, token, github())
    newest = api.post(f"/sources/{made['id']}/rotate", {"overlap_seconds": 0}, expect=200).json
    for token in (made["token"], new["token"]):
        send(api, token, github(), expect=404)
    send(api, newest, github())


def test_url_behind_a_proxy(api):
    made = api.with_(X_Forwarded_Proto="https", Host="hooks.example.com").post(
        "/sources", {"name": "a", "kind": "marzban", "secret": None}, expect=201
    )
    assert made.json["url"] == f"https://hooks.example.com/v1/ingest/{made.json['token']}"


@pytest.mark.parametrize(
    "body, field",
    [
        ({"name": "a", "kind": "marzban"}, "secret"),
        ({"name": "a", "kind": "nobody", "secret": None}, "kind"),
        ({"kind": "marzban", "secret": None}, "name"),
        ({"name": "a", "kind": "standard-webhooks", "secret": "plain"}, "secret"),
        ({"name": "a", "kind": "marzban", "secret": "é"}, "secret"),
        ({"name": "a", "kind": "marzban", "secret": None, "type_prefix": "a b"}, "type_prefix"),
        ({"name": "a", "kind": "marzban", "secret": None, "options": {"type": "a"}}, "options.type"),
        ({"name": "a", "kind": "generic", "secret": None}, "options"),
        ({"name": "a", "kind": "generic", "secret": None, "options": {"type_pointer": "a"}}, "options.type_pointer"),
        ({"name": "a", "kind": "generic", "secret": None, "options": {"type": "a", "key_header": "a b"}}, "options.key_header"),
        ({"name": "a", "kind": "generic", "secret": None, "options": {"type": "a", "signature": "md5"}}, "options.signature"),
        ({"name": "a", "kind": "generic", "secret": None, "options": {"type_pointer": "/" + "a" * 2500}}, "options"),
    ],
)
def test_what_it_may_not_be(api, body, field):
    assert api.post("/sources", body, expect=422).fields == [field]


def test_it_is_one_apps(api, admin, tenant):
    made = source(api, "marzban")
    other = admin.with_(X_App_Id=admin.post("/apps", {"name": "other"}).json["id"])
    for method, path, body in (("GET", "", None), ("PATCH", "", {"name": "b"}), ("POST", "/rotate", {}), ("DELETE", "", None)):
        other.request(method, f"/sources/{made['id']}{path}", **({} if body is None else {"body": body}), expect=404)
    assert other.get("/sources").json["data"] == []
    tenant.read.get(f"/sources/{made['id']}")
    tenant.read.post("/sources", {"name": "a", "kind": "marzban", "secret": None}, expect=403)
    tenant.publish.delete(f"/sources/{made['id']}", expect=403)
    send(other, made, marzban([notification()]))
    assert len(stored(api)) == 1 and stored(other) == []


def test_an_app_has_so_many_and_no_more(start, database):
    admin = start(role="api", POSTHORN_SOURCES_PER_APP=2).client()
    full, other = (admin.with_(X_App_Id=admin.post("/apps", {"name": n}).json["id"]) for n in ("full", "other"))
    made = [source(full, "marzban") for _ in range(2)]
    body = {"name": "a", "kind": "marzban", "secret": None}
    refused = full.post("/sources", body, expect=429)
    assert refused.code == "app_limit" and "POSTHORN_SOURCES_PER_APP" in refused.json["detail"]
    source(other, "marzban")
    full.delete(f"/sources/{made[0]['id']}")
    source(full, "marzban")
    admin.delete(f"/apps/{full.headers['X-App-Id']}", expect=204)
    send(admin, made[1], marzban([notification()]), expect=404)
    kept = database.query("select secret::text || hash::text || options from source")
    assert len(kept) == 1 and SECRET not in str(kept) and SECRET.encode().hex() not in str(kept)


# --- what comes in ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_kind(api, kind):
    settings, request, type_, data = KINDS[kind]
    made = source(api, kind)
    sent = request()
    answer = send(api, made, sent)
    (event,) = answer.json["data"]
    assert event["type"] == type_
    got = api.get(f"/events/{event['id']}").json
    assert got["data"] == (json.loads(sent[0]) if data is None else data)
    # Who has another secret, or none, and who changes a byte.
    forged = send(api, made, request(secret=OTHER.get(kind, "another")), expect=401)
    assert forged.code == "invalid_signature" and "WWW-Authenticate" not in forged.headers
    bare = {"Content-Type": "application/json"}
    assert "header" in send(api, made, (sent[0], bare), expect=401).json["detail"].lower()
    if kind != "marzban":
        send(api, made, (sent[0] + b" ", sent[1]), expect=401)
    assert len(stored(api)) == 1
    # The same request again is the same event, but a first try of Marzban's.
    again = send(api, made, sent)
    if kind != "marzban":
        assert again.json == answer.json and again.headers["Idempotent-Replayed"] == "true"
        assert len(stored(api)) == 1
    # Without a secret, if that was said.
    loose = source(api, kind, secret=None)
    assert loose["has_secret"] is False
    send(api, loose, request(secret=OTHER.get(kind, "another")))
    # What is no JSON, no object, and too large is refused once it is proven.
    for body, status in ((b"", 400), (b"{", 400), (b"7", 422), (b"x" * ((1 << 20) + 1), 413)):
        send(api, loose, (body, sent[1]), expect=status)


@pytest.mark.parametrize("apart", [-301, 301])
@pytest.mark.parametrize("kind, request_", [("stripe", stripe), ("standard-webhooks", standard)])
def test_copies_expire(api, kind, request_, apart):
    made = source(api, kind)
    refused = send(api, made, request_(at=int(time.time()) - apart), expect=401)
    assert "seconds" in refused.json["detail"]
    send(api, made, request_(at=int(time.time()) - apart // 2))


def test_remnawaves_times(api):
    made = source(api, "remnawave")
    hour = 3600_000
    now = int(time.time() * 1000)
    for ms in (now - 23 * hour - 60_000, now + hour + 60_000):
        assert "23 hours" in send(api, made, remnawave(timestamp=stamp(ms)), expect=401).json["detail"]
    for ms in (now - 23 * hour + 60_000, now + hour - 60_000):
        send(api, made, remnawave(timestamp=stamp(ms)))
    body, headers = remnawave()
    answer = send(api, made, (body, {**headers, "X-Remnawave-Timestamp": stamp(now - 1000)}), expect=422)
    assert answer.fields == ["timestamp"]
    inner = source(api, "remnawave", options={"data_pointer": "/data"})
    (event,) = send(api, inner, remnawave(data={"a": 1})).json["data"]
    assert api.get(f"/events/{event['id']}").json["data"] == {"a": 1}


def test_standard_webhooks_as_svix_names_it(api):
    made = source(api, "standard-webhooks")
    sent = standard(name="svix")
    assert send(api, made, sent).json == send(api, made, sent).json


def test_a_key_stands_for_the_event_whatever_changes(api):
    """Stripe's pending_webhooks and GitHub's redeliveries: never a conflict."""
    made = source(api, "stripe")
    first = send(api, made, stripe(pending_webhooks=2)).json
    assert send(api, made, stripe(pending_webhooks=1)).json == first
    other = source(api, "stripe")
    assert send(api, other, stripe()).json != first
    publish = {"type": "a", "data": {}}
    api.post("/events", publish, headers={"Idempotency-Key": "evt_1"}, expect=202)
    assert len(stored(api)) == 3


def test_generic_proofs_and_keys(api):
    plain = {"type": "push", "signature": "plain", "signature_header": "X-Gitlab-Token", "key_header": "X-Gitlab-Event-UUID"}
    made = source(api, "generic", options=plain, type_prefix="gitlab.")
    sent = (b'{"a":1}', {"X-Gitlab-Token": SECRET, "X-Gitlab-Event-UUID": "u1"})
    assert send(api, made, sent).json == send(api, made, sent).json
    assert send(api, made, (b"{}", {"X-Gitlab-Token": SECRET})).json["data"][0]["type"] == "gitlab.push"
    coded = source(api, "generic", options={"type_pointer": "/a~1b/1", "data_pointer": "/c", "signature": "hmac-sha256-base64"})
    body = b'{"a/b":["x","it:is"],"c":{"d":1}}'
    headers = {"X-Webhook-Signature": base64.b64encode(sha256(SECRET, body).digest()).decode()}
    (event,) = send(api, coded, (body, headers)).json["data"]
    assert event["type"] == "x.it.is" and api.get(f"/events/{event['id']}").json["data"] == {"d": 1}
    untyped = b'{"a/b":[1]}'
    headers = {"X-Webhook-Signature": base64.b64encode(sha256(SECRET, untyped).digest()).decode()}
    assert send(api, coded, (untyped, headers), expect=422).fields == ["/a~1b/1"]
    # Without a key each is another.
    assert len({send(api, made, (b"{}", {"X-Gitlab-Token": SECRET})).json["data"][0]["id"] for _ in range(2)}) == 2


def test_long_types_are_cut(api):
    made = source(api, "generic", secret=None, options={"type_pointer": "/t"}, type_prefix="p" * 64)
    (event,) = send(api, made, (json.dumps({"t": "é" * 100}).encode(), {})).json["data"]
    assert event["type"] == "p" * 64 + "_" * 64


# --- Marzban ------------------------------------------------------------------------------------------


def test_an_array_is_an_event_for_each(api):
    made = source(api, "marzban")
    sent = [notification("user_created", n, user={"username": n}) for n in ("a", "б", "c")]
    events = send(api, made, marzban(sent)).json["data"]
    assert [e["type"] for e in events] == ["user_created"] * 3
    assert [api.get(f"/events/{e['id']}").json["data"] for e in events] == sent
    one = send(api, made, marzban(notification())).json["data"]
    assert len(one) == 1
    assert send(api, made, marzban([])).json["data"] == []
    wrong = send(api, made, marzban([notification(), {"username": "x"}, 7]), expect=422)
    assert wrong.fields == ["[1].action", "[2].action"]
    assert "1000" in send(api, made, marzban([{"action": "a"}] * 1001), expect=422).json["detail"]
    assert len(stored(api)) == 4


def test_a_retried_batch_makes_nothing_twice(api):
    """Its order may change, each has one more try and another time, and some are new."""
    made = source(api, "marzban")
    a, b = notification("user_created", "a"), notification("user_created", "b")
    first = send(api, made, marzban([a, b])).json["data"]
    again = [notification("user_created", n, tries=1) for n in ("b", "a")] + [notification("user_deleted", "c")]
    second = send(api, made, marzban(again)).json["data"]
    assert [e["id"] for e in second[:2]] == [first[1]["id"], first[0]["id"]]
    assert len(stored(api)) == 3
    # Of what never came the second try is the first that does.
    late = send(api, made, marzban([notification("user_created", "d", tries=2)])).json["data"]
    assert send(api, made, marzban([notification("user_created", "d", tries=3)])).json["data"][0]["id"] == late[0]["id"]


def test_the_same_once_more_is_another_event(api):
    """Twice disabled and enabled: the panel says the same of both, at once or later."""
    made = source(api, "marzban")
    on, off = notification("user_enabled"), notification("user_disabled")
    events = send(api, made, marzban([off, on, off, on])).json["data"]
    assert len({e["id"] for e in events}) == 4
    later = send(api, made, marzban([off])).json["data"]
    assert later[0]["id"] not in {e["id"] for e in events}
    tried = send(api, made, marzban([notification("user_disabled", tries=1)])).json["data"]
    assert tried[0]["id"] == later[0]["id"]
    assert len(stored(api)) == 5


# --- who may not ------------------------------------------------------------------------------------


ROOM_OF_GUESSES = 8  # of 512 lookups


def test_guesses_cost_nothing(start, database):
    """Tokens that nobody made are refused without asking anybody, but for a few, which another encryption key may have made:
    so they are while the table stands still.
    """
    server = start(role="api")
    admin = server.client()
    made = source(admin, "github")
    send(admin, made, github())
    token = made["token"]
    guesses = ["x", "in_" + "0" * 26 + "_" + "A" * 54, token[:-1], token[:-2] + ("AA" if token[-2:] != "AA" else "BB"), "ph" + token[2:]]
    with database.holding("lock table source in access exclusive mode"):
        pool = concurrent.futures.ThreadPoolExecutor(50)
        answers = [pool.submit(send, admin, g, github(), expect=None) for g in guesses * 10]
        until(lambda: sum(a.done() for a in answers) >= len(answers) - ROOM_OF_GUESSES, 2, "refusals")
        large = github(b'{"a":"' + b"x" * 100_000 + b'"}')
        send(admin, guesses[0], large, expect=404)
    assert {a.result().status for a in answers} == {404, 503}
    pool.shutdown()
    send(admin, made, large)
    admin.with_(key="ph" + token[2:]).get("/webhooks", expect=401)
    assert token not in server.log() and SECRET not in server.log()


def test_a_sources_rate(start):
    admin = start(role="api", POSTHORN_REQUESTS_PER_KEY=5, POSTHORN_REQUESTS_BURST=5).client()
    made, other = source(admin, "github"), source(admin, "github")
    answers = [send(admin, made, github(), expect=None) for _ in range(8)]
    assert {a.status for a in answers} == {202, 429}
    limited = next(a for a in answers if a.status == 429)
    assert "source" in limited.json["detail"] and "RateLimit" in limited.headers
    send(admin, other, github())


def test_the_log_does_not_have_the_token(start):
    server = start(role="api", POSTHORN_LOG_LEVEL="debug")
    admin = server.client()
    made = source(admin, "github")
    send(admin, made, github())
    send(admin, made, github(secret="another"), expect=401)
    until(lambda: "route=/ingest/{token}" in server.log(), 2)
    assert "event=ingest_refused" in server.log() and made["id"] in server.log()
    assert made["token"] not in server.log() and SECRET not in server.log()


def test_strict_types_say_which(api, admin, tenant):
    admin.patch(f"/apps/{tenant.app['id']}", {"strict_types": True})
    made = source(api, "marzban")
    api.post("/event-types", {"name": "user_created"}, expect=201)
    send(api, made, marzban([notification("user_created")]))
    refused = send(api, made, marzban([notification("user_created"), notification("user_deleted")]), expect=422)
    assert refused.fields == ["events[1].type"] and "`user_deleted`" in refused.json["detail"]
    assert len(stored(api)) == 1


def test_on_one_connection(api):
    """As a panel has it: kept alive, without a key, the token alone."""
    made = source(api, "marzban")
    connection = http.client.HTTPConnection(*api.address, timeout=10)
    for n in range(3):
        body, headers = marzban([notification(username=f"u{n}")])
        connection.request("POST", f"/ingest/{made['token']}", body, headers)
        response = connection.getresponse()
        assert response.status == 202 and len(json.loads(response.read())["data"]) == 1
    connection.close()


@pytest.mark.parametrize(
    "strange",
    [
        "kind = 'of tomorrow'",
        "options = 'no JSON'",
        "options = '{\"of\": \"tomorrow\"}'",
        "secret = '\\x00', hash = ''",
        "secret = decode(repeat('00', 100), 'hex')",
        "type_prefix = repeat(' x', 1000)",
        "previous_hash = '', previous_until = 'infinity'",
        "name = ''",
    ],
)
def test_whatever_a_row_says(api, shared, strange):
    made = source(api, "marzban")
    shared.database.query(f"update source set {strange} where name <> '' and id = (select max(id::text)::uuid from source)")
    for method, path, body in (("GET", "", None), ("PATCH", "", {"name": "b"}), ("POST", "/rotate", {"overlap_seconds": 9})):
        more = {} if body is None else {"body": body}
        api.request(method, f"/sources/{made['id']}{path}", **more, expect=None, check=False)
        send(api, made, marzban([notification()]), expect=None, check=False)
    api.get("/sources", check=False)
    assert shared.is_running()


# --- the journeys of the panels' operators ----------------------------------------------------------------


def delivered(api, webhook, count=1):
    def all_of_them():
        found = api.deliveries(webhook, status="delivered")
        return found if len(found) >= count else None

    return until(all_of_them, 10, lambda: api.deliveries(webhook))


def test_marzbans_operator(api, receiver):
    """WEBHOOK_ADDRESS is the source's URL, and nothing else changes: Discord, the program that was there and the history."""
    made = source(api, "marzban")
    discord = api.webhook(receiver.url("/api/webhooks/1/token"), profile="discord")
    program = api.webhook(receiver.url("/panel"), profile="marzban", secret=SECRET, profile_options={"batch_seconds": 0})
    by = {"username": "admin", "is_sudo": True, "telegram_id": None, "discord_webhook": None, "users_usage": 1.5e16}
    sent = marzban([notification("user_created", "боб", by=by, user={"username": "боб", "note": "a/b \x7f 😀"})])
    send(api, made, sent)
    (request,) = receiver.wait(1, "/panel")
    assert request.body == sent[0]
    assert request.header("x-webhook-secret") == SECRET
    assert request.header("Content-Type") == "application/json"
    assert request.header("User-Agent") == sent[1]["User-Agent"]
    (message,) = receiver.wait(1, "/api/v10/webhooks/1/token") if receiver.at("/api/v10/webhooks/1/token") else receiver.wait(1, "/api/webhooks/1/token")
    embed = message.json["embeds"][0]
    assert embed["title"] == "user\\_created" and embed["color"] == 0x00FF00
    assert {"name": "username", "value": "боб", "inline": True} in embed["fields"]
    for webhook in (discord, program):
        (delivery,) = delivered(api, webhook)
        assert delivery["event_type"] == "user_created"


def test_marzbans_array_goes_on_as_one(api, receiver):
    made = source(api, "marzban")
    api.webhook(receiver.url("/panel"), profile="marzban", secret=SECRET, profile_options={"batch_seconds": 1})
    sent = marzban([notification("user_expired", f"u{n}", user={"username": f"u{n}"}) for n in range(3)])
    send(api, made, sent)
    (request,) = receiver.wait(1, "/panel")
    assert request.body == sent[0]


def test_remnawaves_operator(api, receiver):
    """WEBHOOK_URL is the source's URL. The program that was there gets the panel's own request, time and signature included."""
    made = source(api, "remnawave")
    discord = api.webhook(receiver.url("/discord"), profile="discord")
    program = api.webhook(receiver.url("/panel"), profile="remnawave", secret=SECRET)
    flask = api.webhook(receiver.url("/flask"), profile="remnawave-flask", secret=SECRET)
    data = {"uuid": "f2b1c2d3-0000-4000-8000-000000000001", "username": "боб", "usedTrafficBytes": "0", "n": 1.5}
    sent = remnawave("user.not_connected", data, meta={"notConnectedAfterHours": 24})
    send(api, made, sent)
    (request,) = receiver.wait(1, "/panel")
    assert request.body == sent[0]
    for name in ("X-Remnawave-Signature", "X-Remnawave-Timestamp", "User-Agent", "Content-Type", "Accept"):
        assert request.header(name) == sent[1][name], name
    (spaced,) = receiver.wait(1, "/flask")
    assert spaced.body == json.dumps(json.loads(sent[0])).encode()
    (message,) = receiver.wait(1, "/discord")
    assert {"name": "username", "value": "боб", "inline": True} in message.json["embeds"][0]["fields"]
    for webhook in (discord, program, flask):
        (delivery,) = delivered(api, webhook)
        assert delivery["event_type"] == "user.not_connected"


def test_a_retry_of_the_panels_is_the_same_bytes(api, receiver):
    """What the program refuses goes on to be tried by us; what the panel tries again is no second event."""
    made = source(api, "remnawave")
    receiver.script("/panel", replies.answer(500), replies.answer(200))
    webhook = api.webhook(receiver.url("/panel"), profile="remnawave", secret=SECRET, retry_schedule=[1])
    sent = remnawave()
    for _ in range(4):
        send(api, made, sent)
    first, second = receiver.wait(2, "/panel")
    assert first.body == second.body == sent[0]
    assert len(delivered(api, webhook)) == 1
