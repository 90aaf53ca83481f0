"""The catalogues of `posthorn catalogue load`: every event type of the systems that Posthorn stands in for, each with a
description, an example and a schema that the example fits. And what became of the one that apps once began with."""

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


NAMES = {"Marzban": "marzban", "Remnawave": "remnawave", "Authon": "authon", "generic API": "generic"}


def put(server, system, *more):
    out = command(server.env, "catalogue", "load", NAMES[system], *more)
    assert out.returncode == 0, out.stderr
    return out.stdout


@pytest.fixture
def catalogue(posthorn):
    for system in reversed(SYSTEMS):
        put(posthorn, system)
    return load(posthorn.client())


def fits(catalogue, name, data):
    return Draft202012Validator(catalogue[name]["schema"]).is_valid(data)


def test_every_name_once(catalogue):
    assert {system: len(names) for system, names in SYSTEMS.items()} == COUNTS
    names = Counter(name for names in SYSTEMS.values() for name in names)
    assert {name for name, times in names.items() if times > 1} == {"user.created", "user.deleted"}
    assert sorted(catalogue) == sorted(names)
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]{1,128}", name) for name in catalogue)


@pytest.mark.parametrize("system", SYSTEMS)
def test_each_system(posthorn, admin, system):
    client = posthorn.client()
    app = client.post("/apps", {"name": "of-its-own", "uid": "of-its-own"}, expect=201).json
    count = COUNTS[system]
    assert put(posthorn, system, "--app", "of-its-own").startswith(f"{count} event types of {NAMES[system]} loaded")
    types = client.with_(X_App_Id=app["id"]).pages("/event-types", limit=250)
    assert {t["name"] for t in types} == set(SYSTEMS[system])
    assert all(f"({system}" in t["description"] for t in types)
    assert put(posthorn, system, "--app", "of-its-own").startswith("0 event types")
    entries = client.with_(X_App_Id=app["id"]).pages("/audit", limit=250)
    made = [e for e in entries if e["action"] == "event_type.create"]
    assert len(made) == count and {e["actor"]["type"] for e in made} == {"command_line"}
    assert load(client) == {}


def test_names_that_two_have(posthorn):
    """What is there stays."""
    put(posthorn, "generic API")
    out = put(posthorn, "Remnawave")
    assert out == "40 event types of remnawave loaded into the app default, 2 of that name were there and stay\n"
    assert "generic API" in load(posthorn.client())["user.created"]["description"]


@pytest.mark.parametrize("words", [(), ("load",), ("load", "other"), ("list",), ("load", "authon", "generic")])
def test_wrong_usage(posthorn, words):
    out = command(posthorn.env, "catalogue", *words)
    assert (out.returncode, out.stdout) == (2, "") and "marzban or remnawave or authon or generic" in out.stderr


def test_no_such_app(posthorn):
    out = command(posthorn.env, "catalogue", "load", "authon", "--app", "nobody")
    assert (out.returncode, out.stderr) == (1, "posthorn: no app has this id or uid: nobody\n")


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
        assert is_open == (row["example"] == {}) == ("shape not " in row["description"]), name


def test_stored_text_is_one_line(database, catalogue):
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


def test_documented_examples_fit(catalogue, posthorn):
    client = posthorn.client()
    other = client.post("/apps", {"name": "remnawave", "uid": "remnawave"}, expect=201).json
    put(posthorn, "Remnawave", "--app", "remnawave")
    remnawave = {t["name"]: t for t in client.with_(X_App_Id=other["id"]).pages("/event-types", limit=250)}
    for name, text in DOCUMENTED.items():
        assert fits(catalogue, name, json.loads(text)), name
    for name in ("user.created", "user.login"):
        assert catalogue[name]["example"] == json.loads(DOCUMENTED[name])
    for name in under("user", "created modified deleted expiration") + REMNAWAVE_BEFORE_2_8:
        for version, text in REMNAWAVE_USERS.items():
            assert fits(remnawave, name, json.loads(text)), (name, version)


def test_apps_begin_empty(api, posthorn):
    assert api.get("/event-types").json["data"] == []
    assert load(posthorn.client()) == {}


def test_edits_and_deletions_stay(posthorn, database, redis, catalogue):
    client = posthorn.client()
    client.patch("/event-types/user_created", {"description": "Ours"}, expect=200)
    client.delete("/event-types/user_deleted", expect=204)
    assert command(options(database, redis), "migrate").returncode == 0
    assert client.get("/event-types/user_created").json["description"] == "Ours"
    client.get("/event-types/user_deleted", expect=404)
    assert put(posthorn, "Marzban").startswith("1 event types")
    assert client.get("/event-types/user_created").json["description"] == "Ours"


def migrated(database, last):
    """A ledger as a release with the migrations up to `last` left it."""
    database.query(
        "CREATE TABLE schema_migration (number int4 PRIMARY KEY, name text NOT NULL,"
        " checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
    )
    for path in sorted(MIGRATIONS.glob("*.sql"))[:last]:
        text = path.read_text()
        digest = hashlib.sha256(text.encode()).hexdigest()
        number, name = path.stem.split("_", 1)
        database.query(
            f"BEGIN; {text}; INSERT INTO schema_migration VALUES ({int(number)}, '{name}', '{digest}'); COMMIT"
        )


def test_app_and_types_of_before_stay(postgres, redis, start_on):
    """A database of the first migration: its app `default` and what is in it are kept."""
    database = postgres.create()
    app = "SELECT id FROM app WHERE name = 'default'"
    migrated(database, 1)
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
    assert [(name, t["description"]) for name, t in types.items()] == [("test", "Ours")]


@pytest.mark.parametrize(
    "made, left",
    [
        (None, 0),
        ("UPDATE event_type SET description = 'Ours', updated_at = now() WHERE name = 'test'", 1),
        ("INSERT INTO api_key (id, name, scope, hash) VALUES (gen_random_uuid(), 'k', 0, '')", 70),
    ],
    ids=["unused", "edited", "in use"],
)
def test_the_catalogue_of_before(postgres, redis, made, left):
    """A ledger that somebody uses keeps the types that it began with."""
    database = postgres.create()
    migrated(database, 29)
    assert int(database.query("SELECT count(*) FROM event_type")[0][0]) == 70
    if made:
        database.query(made)
    assert command(options(database, redis), "migrate").returncode == 0
    assert int(database.query("SELECT count(*) FROM event_type")[0][0]) == left


def test_default_app_has_a_uuid_of_version_7(database):
    [[id_, age]] = database.query(
        "SELECT id, extract(epoch from now()) - ('x' || left(replace(id::text, '-', ''), 12))"
        "::bit(48)::int8 / 1000.0 FROM app WHERE name = 'default'"
    )
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", id_)
    assert 0 <= float(age) < 3600
