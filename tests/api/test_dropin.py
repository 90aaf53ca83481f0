"""Drop-in settings: the panels' own variables keep a matching set of webhooks."""

import pytest

from harness.server import command, options
from harness.wait import until

MARZBAN = 12  # actions


def managed(server):
    listed = server.client().get("/webhooks", expect=200).json["data"]
    return {w["url"]: w for w in listed if w["managed"]}


def test_marzban(start, receiver):
    """Two addresses, a comma at the end; each a webhook of its own with Marzban's retries."""
    server = start(
        WEBHOOK_ADDRESS=f"{receiver.url('/a')}, {receiver.url('/b')},",
        WEBHOOK_SECRET="something-very-very-secret",
        JOB_SEND_NOTIFICATIONS_INTERVAL="0",
    )
    webhooks = managed(server)
    assert set(webhooks) == {receiver.url("/a"), receiver.url("/b")}
    for webhook in webhooks.values():
        assert webhook["managed"] == "marzban"
        assert webhook["profile"] == "marzban"
        assert webhook["retry_schedule"] == [180, 180, 180]
        assert len(webhook["events"]) == MARZBAN
    server.client().post("/events", {"type": "user_created", "data": {"username": "a"}}, expect=202)
    for request in receiver.wait(1, "/a") + receiver.wait(1, "/b"):
        assert request.header("x-webhook-secret") == "something-very-very-secret"
        assert request.body.startswith(b"[{")


def test_remnawave(start, receiver):
    server = start(
        WEBHOOK_ENABLED="true",
        WEBHOOK_URL=receiver.url("/rw"),
        WEBHOOK_SECRET_HEADER="your-secret-header",
    )
    webhook = managed(server)[receiver.url("/rw")]
    assert webhook["managed"] == "remnawave"
    assert webhook["retry_schedule"] == [5, 5, 5]
    server.client().post("/events", {"type": "user.created", "data": {"x": 1}}, expect=202)
    (request,) = receiver.wait(1, "/rw")
    assert len(request.header("X-Remnawave-Signature")) == 64


def test_types_of_a_new_system(start, database, receiver):
    """They come with its first webhook; from then on they are the user's."""

    def types(server):
        return {t["name"] for t in server.client().pages("/event-types", limit=250)}

    marzban = {"WEBHOOK_ADDRESS": receiver.url("/m")}
    first = start(**marzban)
    assert len(types(first)) == MARZBAN and "user_created" in types(first)
    first.client().delete("/event-types/user_created", expect=204)
    first.stop()
    again = start(**marzban)
    assert len(types(again)) == MARZBAN - 1
    again.stop()
    both = start(
        **marzban, WEBHOOK_ENABLED="true", WEBHOOK_URL=receiver.url("/r"), WEBHOOK_SECRET_HEADER="k"
    )
    assert len(types(both)) == MARZBAN - 1 + 42


def test_both_and_discord(start, receiver):
    server = start(
        WEBHOOK_ADDRESS=receiver.url("/m"),
        DISCORD_WEBHOOK_URL="https://discord.com/api/webhooks/1/token",
        WEBHOOK_ENABLED="true",
        WEBHOOK_URL=receiver.url("/r"),
        WEBHOOK_SECRET_HEADER="k",
    )
    assert sorted(w["managed"] for w in managed(server).values()) == [
        "discord",
        "marzban",
        "remnawave",
    ]


def test_settings_change(start, receiver):
    """Created, updated and retired with the settings; the id stays while the address does."""
    server = start(WEBHOOK_ADDRESS=f"{receiver.url('/a')},{receiver.url('/b')}")
    before = managed(server)
    server.env["WEBHOOK_ADDRESS"] = f"{receiver.url('/c')},{receiver.url('/a')}"
    server.env["WEBHOOK_SECRET"] = "new-secret"
    server.restart()
    after = managed(server)
    assert set(after) == {receiver.url("/a"), receiver.url("/c")}
    assert after[receiver.url("/a")]["id"] == before[receiver.url("/a")]["id"]
    gone = before[receiver.url("/b")]["id"]
    server.client().get(f"/webhooks/{gone}", expect=404)
    del server.env["WEBHOOK_ADDRESS"]
    server.restart()
    assert managed(server) == {}


def test_several_at_once(start, receiver):
    """Processes that start together keep one set; its secret stays readable to them."""
    env = {
        "WEBHOOK_ADDRESS": f"{receiver.url('/a')},{receiver.url('/b')}",
        "WEBHOOK_SECRET": "s",
        "JOB_SEND_NOTIFICATIONS_INTERVAL": "0",
    }
    servers = [start(wait=False, **env) for _ in range(3)]
    for server in servers:
        until(server.is_up, 20, "posthorn to start")
    assert set(managed(server)) == {receiver.url("/a"), receiver.url("/b")}
    listed = server.client().get("/webhooks", expect=200).json["data"]
    assert len(listed) == 2
    server.client().post("/events", {"type": "user_created", "data": {"x": 1}}, expect=202)
    (request,) = receiver.wait(1, "/a")
    assert request.header("x-webhook-secret") == "s"


def test_secret_changes_alone(start, receiver):
    server = start(
        WEBHOOK_ADDRESS=receiver.url("/a"),
        WEBHOOK_SECRET="old",
        JOB_SEND_NOTIFICATIONS_INTERVAL="0",
    )
    (before,) = managed(server).values()
    server.env["WEBHOOK_SECRET"] = "new"
    server.restart()
    (after,) = managed(server).values()
    assert after["id"] == before["id"]
    server.client().post("/events", {"type": "user_created", "data": {"x": 1}}, expect=202)
    (request,) = receiver.wait(1, "/a")
    assert request.header("x-webhook-secret") == "new"


def test_not_editable(start, receiver):
    server = start(WEBHOOK_ADDRESS=receiver.url("/a"))
    api = server.client()
    (webhook,) = managed(server).values()
    path = f"/webhooks/{webhook['id']}"
    assert api.patch(path, {"status": "paused"}, expect=409).code == "invalid_state"
    assert api.delete(path, expect=409).code == "invalid_state"
    assert api.post(f"{path}/secret/rotate", expect=409).code == "invalid_state"
    assert api.get(path, expect=200).json["status"] == "active"
    assert api.post(f"{path}/test", expect=200).json["status"] == "delivered"


WRONG = [
    ("WEBHOOK_ADDRESS", {"WEBHOOK_ADDRESS": "example.com/hook"}),
    ("WEBHOOK_ADDRESS", {"WEBHOOK_ADDRESS": "http://a.example/,http://a.example/"}),
    ("WEBHOOK_ADDRESS", {"WEBHOOK_ADDRESS": "http://user:pw@a.example/"}),
    ("WEBHOOK_ADDRESS", {"WEBHOOK_ADDRESS": "http://10.0.0.1/"}),
    ("WEBHOOK_SECRET", {"WEBHOOK_ADDRESS": "http://a.example/", "WEBHOOK_SECRET": "\u00e9"}),
    ("JOB_SEND_NOTIFICATIONS_INTERVAL", {"JOB_SEND_NOTIFICATIONS_INTERVAL": "soon"}),
    ("DISCORD_WEBHOOK_URL", {"DISCORD_WEBHOOK_URL": "discord"}),
    ("WEBHOOK_ENABLED", {"WEBHOOK_ENABLED": "yes"}),
    ("WEBHOOK_URL", {"WEBHOOK_ENABLED": "true", "WEBHOOK_SECRET_HEADER": "k"}),
    ("WEBHOOK_URL", {"WEBHOOK_ENABLED": "true", "WEBHOOK_SECRET_HEADER": "k", "WEBHOOK_URL": "x"}),
    ("WEBHOOK_SECRET_HEADER", {"WEBHOOK_ENABLED": "true", "WEBHOOK_URL": "http://a.example/"}),
]


@pytest.mark.parametrize("name, env", WRONG)
def test_wrong_values_refuse_to_start(database, redis, name, env):
    out = command(options(database, redis, **env), "serve", timeout=20)
    assert out.returncode not in (0, 99)
    assert name in out.stderr


def test_disabled_remnawave_needs_nothing(start):
    assert managed(start(WEBHOOK_ENABLED="false", WEBHOOK_URL="nonsense")) == {}
