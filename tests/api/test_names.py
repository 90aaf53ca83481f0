"""Names that nobody answers for: their app waits for them, and nobody else."""

import os

import pytest
from harness.names import Names
from harness.server import binary
from harness.wait import until

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, for a resolv.conf of its own")


@pytest.fixture
def names(monkeypatch, tmp_path):
    made = Names()
    monkeypatch.setenv("POSTHORN_BIN", made.program(str(tmp_path), binary()))
    yield made
    made.close()


def app(admin, name):
    made = admin.post("/apps", {"name": name}, expect=201).json
    key = admin.post(
        "/keys", {"name": name, "scope": "write", "app_id": made["id"]}, expect=201
    ).json
    return admin.with_(key=key["key"])


def test_an_answer_of_one_family_is_enough(names, start, receiver):
    client = start().client()
    webhook = client.webhook(receiver.url(host="a.half.test"), timeout_ms=2000)
    client.publish()
    attempt = client.attempted(webhook)[0]
    assert attempt["status"] == "delivered", attempt
    assert attempt["timings"]["dns_ms"] < 1000


def test_silent_names_are_their_apps_own_trouble(names, start, receiver):
    """The others are delivered to at once. What waited in vain for its turn has used up no attempt, and goes when
    the names are answered for."""
    server = start(POSTHORN_DNS_LOOKUPS=12, POSTHORN_DNS_LOOKUPS_PER_APP=8)
    admin = server.client()
    loud, quiet = app(admin, "loud"), app(admin, "quiet")
    webhooks = [
        loud.webhook(receiver.url("/late", host=f"h{n}.silent.test"), retry_schedule=[])
        for n in range(40)
    ]
    loud.publish()
    for n in range(3):
        webhook = quiet.webhook(receiver.url(f"/now{n}", host=f"h{n}.ok.test"), timeout_ms=3000)
        quiet.publish()
        assert quiet.attempted(webhook)[0]["status"] == "delivered"
    until(lambda: "event=lookups_bounded" in server.log(), 15, "those who waited in vain")
    names.speaks.set()
    ended = [
        until(
            lambda w=w: (d := loud.only_delivery(w))["status"] in ("failed", "delivered") and d, 40
        )
        for w in webhooks
    ]
    assert all(d["attempts"] == 1 for d in ended)
    failed = [d for d in ended if d["status"] == "failed"]
    assert len(failed) <= 16 and len(receiver.at("/late")) == 40 - len(failed)
    for delivery in failed:
        assert "no DNS answer" in loud.attempts(delivery)[0]["error"]["message"]
