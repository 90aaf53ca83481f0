"""Remnawave's receivers (profiles `remnawave`, `remnawave-flask`)."""

import hashlib
import hmac

import pytest
from compat.sending import answered, last, names, publish, said, statuses
from harness import replies

SECRET = "your-secret-header"  # shorter than the panel itself would take
DATA = (
    '{"uuid":"f2b1c2d3-0000-4000-8000-000000000001","username":"bob","status":"ACTIVE",'
    '"usedTrafficBytes":"0","description":%s}'
)
GOLDEN = '{"event":"user.created","timestamp":"%s","data":' + DATA + "}"
GOLDEN_SPACED = GOLDEN.replace('":', '": ').replace(',"', ', "')
PRIVET = r"\u041f\u0440\u0438\u0432\u0435\u0442 \ud83d\ude00 a/b"
HEADERS = ["Content-Type", "User-Agent", "X-Remnawave-Signature", "X-Remnawave-Timestamp"]

EVENTS = (
    "user.created user.modified user.deleted user.revoked user.disabled user.enabled user.limited "
    "user.expired user.traffic_reset user.first_connected user.bandwidth_usage_threshold_reached "
    "user.not_connected user.expiration user.expires_in_72_hours user.expires_in_48_hours "
    "user.expires_in_24_hours user.expired_24_hours_ago user_hwid_devices.added "
    "user_hwid_devices.deleted node.created node.modified node.disabled node.enabled node.deleted "
    "node.connection_lost node.connection_restored node.traffic_notify service.panel_started "
    "service.login_attempt_failed service.login_attempt_success service.subpage_config_changed "
    "service.api_token_created service.api_token_deleted "
    "errors.bandwidth_usage_threshold_reached_max_notifications "
    "crm.infra_billing_node_payment_in_7_days crm.infra_billing_node_payment_in_48hrs "
    "crm.infra_billing_node_payment_in_24hrs crm.infra_billing_node_payment_due_today "
    "crm.infra_billing_node_payment_overdue_24hrs crm.infra_billing_node_payment_overdue_48hrs "
    "crm.infra_billing_node_payment_overdue_7_days torrent_blocker.report"
).split()


def signature(body):
    return hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()


def webhook(api, url, **more):
    return api.webhook(url, **{"profile": "remnawave", "secret": SECRET, **more})


@pytest.mark.parametrize(
    "profile, json_form, golden, shown, size",
    [
        ("remnawave", None, GOLDEN, "Привет 😀 a/b", 214),
        ("remnawave", "python", GOLDEN_SPACED, PRIVET, 260),
        ("remnawave-flask", None, GOLDEN_SPACED, PRIVET, 260),
        ("remnawave", "python-compact", GOLDEN, PRIVET, 246),
    ],
)
@pytest.mark.parametrize("text", [False, True])
def test_golden(api, receiver, profile, json_form, golden, shown, size, text):
    """The bytes of the golden vectors, but for the time."""
    options = {"profile_options": {"json": json_form}} if json_form else {}
    webhook(api, receiver.url(), profile=profile, **options)
    publish(api, "user.created", DATA % ('"Привет 😀 a/b"' if text else "null"))
    request = receiver.wait()[0]
    time = request.header("X-Remnawave-Timestamp")
    expected = (golden % (time, f'"{shown}"' if text else "null")).encode()
    assert request.body == expected
    assert not text or len(expected) == size
    assert request.header("X-Remnawave-Signature") == signature(expected)
    assert names(request) == HEADERS
    assert request.header("User-Agent") == "Remnawave"
    assert request.header("Content-Type") == "application/json"
    assert len(time) == len("2025-04-14T12:00:00.000Z")


def test_default_fits_all_but_the_dumping_flask(api, remnawave):
    made = [webhook(api, url) for _, url in remnawave]
    expected = [401 if verifier == "python" else 200 for verifier, _ in remnawave]
    assert statuses(api, "user.created", DATA % "null", made) == expected
    refused = made[expected.index(401)]
    delivery = answered(api, refused)
    assert "401" in last(api, delivery)["error"]["message"]


def test_flask_profile_fits_the_dumping_flask(api, remnawave):
    fitting = [(v, url) for v, url in remnawave if v in ("python", "raw")]
    made = [webhook(api, url, profile="remnawave-flask") for _, url in fitting]
    assert set(statuses(api, "user.created", DATA % '"Привет"', made)) == {200}
    for w in made:
        assert "user.created" in said(api, answered(api, w))


@pytest.mark.parametrize("restamp", [False, True])
def test_retry(api, receiver, restamp):
    """The same bytes again; or, if wanted, a new time in body and header, and a new signature."""
    receiver.script("/hook", replies.answer(500), replies.answer(200))
    webhook(
        api,
        receiver.url(),
        retry_schedule=[1],
        profile_options={"restamp_on_retry": restamp},
    )
    publish(api, "user.created", DATA % "null")
    first, second = receiver.wait(2)
    for request in (first, second):
        assert request.header("X-Remnawave-Signature") == signature(request.body)
        assert request.header("X-Remnawave-Timestamp") == request.json["timestamp"]
    if restamp:
        assert second.json["timestamp"] > first.json["timestamp"]
        assert second.json["data"] == first.json["data"]
    else:
        assert second.body == first.body
        assert second.head == first.head


def test_two_addresses_are_two_deliveries(api, receiver):
    receiver.script("/down", replies.answer(500))
    live = webhook(api, receiver.url("/live"))
    down = webhook(api, receiver.url("/down"), retry_schedule=[1])
    publish(api, "user.created", DATA % "null")
    receiver.wait(2, "/down")
    assert api.settled(live)["attempts"] == 1
    assert len(receiver.at("/live")) == 1
    api.settled(down, "failed")


def test_all_events(api, receiver):
    """Those of the documentation and those of the latest panel, by name."""
    webhook(api, receiver.url(), events=EVENTS)
    events = [{"type": name, "data": {"username": "bob"}} for name in EVENTS]
    api.post("/events/batch", {"events": events})
    got = [request.json["event"] for request in receiver.wait(len(EVENTS))]
    assert sorted(got) == sorted(EVENTS)


def test_members_of_newer_panels(api, receiver, remnawave):
    """`scope` comes first and `meta` last; nobody who verifies minds."""
    webhook(api, receiver.url(), profile_options={"scope": True})
    fitting = [url for v, url in remnawave if v != "python"]
    made = [webhook(api, url, profile_options={"scope": True}) for url in fitting]
    assert set(statuses(api, "user.created", DATA % "null", made)) == {200}
    body = receiver.wait()[0].json
    assert list(body) == ["scope", "event", "timestamp", "data", "meta"]
    assert (body["scope"], body["meta"]) == ("user", None)


def test_detection_finds_what_the_dumping_flask_verifies(api, remnawave):
    """R3: by default it answers 401; detection picks python, and keeps it."""
    (url,) = [url for verifier, url in remnawave if verifier == "python"]
    made = webhook(api, url)
    body = {"type": "user.created", "data": {"username": "Привет"}, "detect": True, "keep": True}
    found = api.post(f"/webhooks/{made['id']}/test", body, expect=200).json
    assert [t["response_code"] for t in found["tried"]] == [401, 200]
    assert found["detected"]["json"] == "python" and found["kept"]
    assert set(statuses(api, "user.created", DATA % '"Привет"', [made])) == {200}
