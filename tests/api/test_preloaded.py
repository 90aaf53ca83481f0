"""The catalogue that the app `default` begins with: every event type of the systems that Posthorn
stands in for, each with a description, an example and a schema that the example fits."""

import hashlib
import json
import re
from collections import Counter
from pathlib import Path

import pytest
from harness.server import command, options
from jsonschema import Draft202012Validator

MIGRATIONS = Path(__file__).parents[2] / "migrations"

MARZBAN = (
    "user_created user_updated user_deleted user_limited user_expired user_enabled user_disabled"
    " data_usage_reset data_reset_by_next subscription_revoked reached_usage_percent"
    " reached_days_left"
).split()


def under(prefix, names):
    return [f"{prefix}.{name}" for name in names.split()]


REMNAWAVE_BEFORE_2_8 = under(
    "user", "expires_in_72_hours expires_in_48_hours expires_in_24_hours expired_24_hours_ago"
)
REMNAWAVE = [
    *under("user", "created modified deleted revoked disabled enabled limited expired"),
    *under("user", "traffic_reset first_connected bandwidth_usage_threshold_reached"),
    *under("user", "not_connected expiration"),
    *REMNAWAVE_BEFORE_2_8,
    *under("user_hwid_devices", "added deleted"),
    *under("node", "created modified disabled enabled deleted"),
    *under("node", "connection_lost connection_restored traffic_notify"),
    *under("service", "panel_started login_attempt_failed login_attempt_success"),
    *under("service", "subpage_config_changed api_token_created api_token_deleted"),
    "errors.bandwidth_usage_threshold_reached_max_notifications",
    *(
        f"crm.infra_billing_node_payment_{when}"
        for when in "in_7_days in_48hrs in_24hrs due_today overdue_24hrs overdue_48hrs"
        " overdue_7_days".split()
    ),
    "torrent_blocker.report",
]
AUTHON = [
    *under("user", "login register ban"),
    *under("license", "activate expire delete"),
    *("file.download", "session.create", "test"),
]
GENERIC = [
    *under("user", "created updated deleted"),
    *under("project", "created updated deleted"),
    *under("team.member", "added removed role_changed"),
]
SYSTEMS = {"Marzban": MARZBAN, "Remnawave": REMNAWAVE, "Authon": AUTHON, "generic API": GENERIC}
COUNTS = {"Marzban": 12, "Remnawave": 42, "Authon": 9, "generic API": 9}

BY = ["username", "is_sudo", "telegram_id", "discord_webhook", "users_usage"]
USER = (
    "proxies expire data_limit data_limit_reset_strategy inbounds note sub_updated_at"
    " sub_last_user_agent online_at on_hold_expire_duration on_hold_timeout auto_delete_in_days"
    " next_plan username status used_traffic lifetime_used_traffic created_at links"
    " subscription_url excluded_inbounds admin"
).split()
NOTIFICATION = ["enqueued_at", "send_at", "tries", "username", "action"]
MORE = {
    "user_deleted": ["by"],
    "user_limited": ["user"],
    "user_expired": ["user"],
    "user_disabled": ["by", "user", "reason"],
    "data_reset_by_next": ["user"],
    "reached_usage_percent": ["user", "used_percent"],
    "reached_days_left": ["user", "days_left"],
}
AUTHON_DATA = {
    "user.login": "userId username ip hwid appId",
    "user.register": "userId username licenseKey ip appId",
    "license.activate": "licenseId key durationType level activatedBy appId",
    "user.ban": "userId username reason bannedBy appId",
    "test": "message appId webhookId",
}

# What the vendors' own documents show.
DOCUMENTED = {
    "user_updated": '{"username": "marzban_test_user", "action": "user_updated",'
    ' "enqueued_at": 1680506457.636369, "tries": 0}',
    "user.created": '{"id": "usr_789", "name": "John Doe", "email": "john@example.com",'
    ' "created_at": "2023-12-01T15:30:00Z"}',
    "user.login": '{"userId": "usr_abc123", "username": "testuser", "ip": "192.168.1.100",'
    ' "hwid": "HWID-A1B2C3D4", "appId": "app_xyz789"}',
}
REMNAWAVE_USERS = {
    "1.5": '{"uuid": "f2b1c2d3-0000-4000-8000-000000000001", "username": "bob",'
    ' "status": "ACTIVE", "usedTrafficBytes": "0", "description": null}',
    "3.x": '{"id": 7, "username": "bob", "status": "ACTIVE", "trafficLimitBytes": 0,'
    ' "userTraffic": {"usedTrafficBytes": 0}}',
}


def load(client):
    types = client.with_(X_App_Id="default").pages("/event-types", limit=250)
    return {t["name"]: t for t in types}


@pytest.fixture
def catalogue(posthorn):
    return load(posthorn.client())


def fits(catalogue, name, data):
    return Draft202012Validator(catalogue[name]["schema"]).is_valid(data)


def test_every_name_once(catalogue):
    assert {system: len(names) for system, names in SYSTEMS.items()} == COUNTS
    names = Counter(name for names in SYSTEMS.values() for name in names)
    assert {name for name, times in names.items() if times > 1} == {"user.created", "user.deleted"}
    assert sorted(catalogue) == sorted(names)
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]{1,128}", name) for name in catalogue)


def test_counts_per_system(catalogue):
    for system, names in SYSTEMS.items():
        told = {n for n, t in catalogue.items() if system in t["description"]}
        assert told == set(names), system


def test_rows_are_whole(catalogue):
    for name, row in catalogue.items():
        assert re.fullmatch(r"[A-Z][^.\n]*( [^\n]*)?\.", row["description"]), name
        Draft202012Validator.check_schema(row["schema"])
        branches = row["schema"].get("anyOf", [row["schema"]])
        assert all(b["type"] == "object" for b in branches), name
        assert isinstance(row["example"], dict), name
        Draft202012Validator(row["schema"]).validate(row["example"])
        assert not fits(catalogue, name, "text"), name
        assert fits(catalogue, name, {**row["example"], "a_later_version": 1}), name


def test_undocumented_shapes_say_so(catalogue):
    for name, row in catalogue.items():
        is_open = row["schema"] == {"type": "object"}
        assert is_open == (row["example"] == {}), name
        if name != "user.deleted":  # open for one of its two systems
            assert is_open == ("shape not " in row["description"]), name


def test_stored_text_is_one_line(database):
    rows = database.query("SELECT name, example, schema FROM event_type")
    assert len(rows) == 70
    for name, *texts in rows:
        for text in texts:
            assert "\n" not in text and "@" not in re.sub(r"\w@[\w.]", "", text), name


@pytest.mark.parametrize("name", MARZBAN)
def test_marzban_members_in_order(catalogue, name):
    row = catalogue[name]
    members = NOTIFICATION + MORE.get(name, ["by", "user"])
    assert list(row["example"]) == list(row["schema"]["properties"]) == members
    assert row["example"]["action"] == name
    assert not fits(catalogue, name, {**row["example"], "action": "other"})
    if "user" in members:
        assert list(row["example"]["user"]) == USER
        assert list(row["schema"]["properties"]["user"]["properties"]) == USER
        assert list(row["example"]["user"]["admin"]) == BY
    if row["example"].get("by"):
        assert list(row["example"]["by"]) == BY


@pytest.mark.parametrize("name", AUTHON_DATA)
def test_authon_members_in_order(catalogue, name):
    row = catalogue[name]
    members = AUTHON_DATA[name].split()
    assert list(row["example"]) == list(row["schema"]["properties"]) == members
    assert row["schema"]["required"] == members


def test_documented_examples_fit(catalogue):
    for name, text in DOCUMENTED.items():
        assert fits(catalogue, name, json.loads(text)), name
    for name in ("user.created", "user.login"):
        assert catalogue[name]["example"] == json.loads(DOCUMENTED[name])
    for name in under("user", "created modified deleted expiration") + REMNAWAVE_BEFORE_2_8:
        for version, text in REMNAWAVE_USERS.items():
            assert fits(catalogue, name, json.loads(text)), (name, version)


def test_other_apps_begin_empty(api):
    assert api.get("/event-types").json["data"] == []


def test_edits_and_deletions_stay(posthorn, database, redis):
    client = posthorn.client()
    client.patch("/event-types/user_created", {"description": "Ours"}, expect=200)
    client.delete("/event-types/user_deleted", expect=204)
    assert command(options(database, redis), "migrate").returncode == 0
    assert client.get("/event-types/user_created").json["description"] == "Ours"
    client.get("/event-types/user_deleted", expect=404)


def test_app_and_types_of_before_stay(postgres, redis, start_on):
    """A database of the first migration: its app `default` and what is in it are kept."""
    database = postgres.create()
    ledger = (MIGRATIONS / "0001_ledger.sql").read_text()
    app = "SELECT id FROM app WHERE name = 'default'"
    database.query(ledger)
    database.query(
        "CREATE TABLE schema_migration (number int4 PRIMARY KEY, name text NOT NULL,"
        " checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
    )
    digest = hashlib.sha256(ledger.encode()).hexdigest()
    database.query(f"INSERT INTO schema_migration VALUES (1, 'ledger', '{digest}')")
    database.query("INSERT INTO app (id, name) VALUES (gen_random_uuid(), 'default')")
    before = database.query(app)
    database.query(
        "INSERT INTO event_type (app_id, name, description)"
        " SELECT id, 'test', 'Ours' FROM app WHERE name = 'default'"
    )
    out = command(options(database, redis), "serve", timeout=20)
    assert out.returncode not in (0, 99) and "schema_older" in out.stderr
    assert command(options(database, redis), "migrate").returncode == 0
    assert database.query(app) == before
    types = load(start_on(database, redis).client())
    assert (len(types), types["test"]["description"]) == (70, "Ours")


def test_default_app_has_a_uuid_of_version_7(database):
    [[id_, age]] = database.query(
        "SELECT id, extract(epoch from now()) - ('x' || left(replace(id::text, '-', ''), 12))"
        "::bit(48)::int8 / 1000.0 FROM app WHERE name = 'default'"
    )
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", id_)
    assert 0 <= float(age) < 3600
