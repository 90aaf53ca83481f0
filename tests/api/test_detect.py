"""POST /webhooks/{id}/test with {"detect": true}: which form does the receiver verify?"""

import threading

from harness import replies


def detect(api, webhook, **more):
    path = f"/webhooks/{webhook['id']}/test"
    return api.post(path, {"detect": True, **more}, expect=200).json


def codes(found):
    return [t["response_code"] for t in found["tried"]]


def test_the_first_that_is_accepted(api, receiver):
    receiver.script("/hook", replies.answer(401), replies.answer(403), replies.answer(200))
    webhook = api.webhook(receiver.url())
    found = detect(api, webhook)
    assert codes(found) == [401, 403, 200]
    assert found["detected"] == {"json": "python-compact", "bigint": "string"}
    assert found["kept"] is False
    assert [r.body[:6] for r in receiver.at("/hook")] == [b'{"id":', b'{"id":', b'{"id":']
    assert b'", "type": ' in receiver.at("/hook")[1].body
    assert api.get(f"/webhooks/{webhook['id']}").json["profile_options"]["json"] == "js"


def test_kept(api, receiver):
    receiver.script("/hook", replies.answer(400), replies.answer(204))
    webhook = api.webhook(receiver.url(), profile_options={"bigint": "verbatim"})
    found = detect(api, webhook, keep=True)
    assert found["kept"] is True
    kept = api.get(f"/webhooks/{webhook['id']}").json["profile_options"]
    assert kept == found["detected"] == {"json": "python", "bigint": "verbatim"}


def test_marzban_tries_its_four_ways(api, receiver):
    receiver.script("/hook", *[replies.answer(403)] * 3, replies.answer(200))
    found = detect(api, api.webhook(receiver.url(), profile="marzban", secret="plain"), keep=True)
    tried = [(t["profile_options"]["auth"], t["profile_options"]["envelope"]) for t in found["tried"]]
    assert tried == [("plain", "array"), ("hmac", "object"), ("plain", "object"), ("hmac", "array")]
    bodies = [r.body[:1] for r in receiver.at("/hook")]
    assert bodies == [b"[", b"{", b"{", b"["]


def test_nothing_fits(api, receiver):
    receiver.script("/hook", replies.answer(401))
    found = detect(api, api.webhook(receiver.url()), keep=True)
    assert (found["detected"], found["kept"]) == (None, False)
    assert codes(found) == [401, 401, 401]


def test_other_failures_say_nothing_about_the_form(api, receiver):
    receiver.script("/hook", replies.answer(500))
    found = detect(api, api.webhook(receiver.url()))
    assert codes(found) == [500] and found["detected"] is None


def test_a_profile_with_one_form(api, receiver):
    found = detect(api, api.webhook(receiver.url(), profile="authon", secret="s"))
    assert len(found["tried"]) == 1 and found["detected"] is not None


def test_a_profile_with_headers_of_its_own_and_none_set(api, receiver):
    webhook = api.webhook(receiver.url(), profile="custom", profile_options={"signed": "{secret}.{body}"})
    found = detect(api, webhook)
    assert found["detected"]["json"] == "js" and found["detected"]["headers"] == {}


def test_not_kept_when_the_webhook_was_changed_meanwhile(api, receiver):
    """What was detected is of the profile and the settings that were tried, and of no others."""
    answered = threading.Event()
    receiver.script("/hook", replies.gate(answered))
    webhook = api.webhook(receiver.url(), profile="marzban", secret="plain")
    found = {}
    asking = threading.Thread(target=lambda: found.update(detect(api, webhook, keep=True)))
    asking.start()
    receiver.wait(1)
    patched = api.patch(f"/webhooks/{webhook['id']}", {"profile": "default", "profile_options": {}}, expect=200).json
    answered.set()
    asking.join()
    assert found["detected"] is not None and found["kept"] is False
    now = api.get(f"/webhooks/{webhook['id']}", expect=200).json
    assert (now["profile"], now["profile_options"]) == ("default", patched["profile_options"])
    assert webhook["id"] in [w["id"] for w in api.get("/webhooks", expect=200).json["data"]]
