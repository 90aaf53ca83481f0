"""The command line."""

import re

import pytest
from harness.server import command, options

KEY = re.compile(r"ph_[0-7][0-9a-hjkmnp-tv-z]{25}_[A-Za-z0-9_-]{54}\Z")


@pytest.fixture
def run(database, redis):
    return lambda *arguments, **env: command(options(database, redis, **env), *arguments)


def test_version(run):
    out = run("--version")
    assert out.returncode == 0
    assert re.search(r"\b\d+\.\d+\.\d+", out.stdout)


def test_help(run):
    out = run("--help")
    assert out.returncode == 0
    for name in ("serve", "migrate", "key create", "key list", "key revoke", "rekey", "trace", "check-config"):
        assert name in out.stdout
    assert "routes" not in out.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["serve", "--role", "cook"],
        ["serve", "extra"],
        ["key"],
        ["key", "create"],
        ["key", "revoke"],
        ["key", "create", "--name", "x", "--scope", "all"],
    ],
)
def test_wrong_usage(run, arguments):
    out = run(*arguments)
    assert out.returncode not in (0, 99)
    assert out.stderr and not out.stdout


def test_migrate_again_changes_nothing(run, database):
    before = database.counts()
    for _ in range(2):
        out = run("migrate")
        assert out.returncode == 0, out.stderr
    assert database.counts() == before


def test_serve_refuses_an_empty_database(postgres, redis):
    empty = postgres.create()
    out = command(options(empty, redis), "serve", timeout=20)
    assert out.returncode not in (0, 99)
    assert "migrate" in out.stderr
    postgres.drop(empty)


def test_migrate_twice_at_once(postgres, redis):
    import concurrent.futures

    empty = postgres.create()
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        outs = list(pool.map(lambda _: command(options(empty, redis), "migrate"), range(4)))
    assert [out.returncode for out in outs] == [0] * 4, [out.stderr for out in outs]
    assert "app" in empty.counts()
    postgres.drop(empty)


def test_key_create_list_revoke(run, posthorn):
    made = run("key", "create", "--name", "cli key", "--scope", "write")
    assert made.returncode == 0, made.stderr
    key = made.stdout.strip()
    assert KEY.match(key)
    client = posthorn.client(key)
    client.get("/webhooks", expect=200)
    client.get("/keys", expect=403)
    listed = run("key", "list")
    assert listed.returncode == 0
    assert "cli key" in listed.stdout and key not in listed.stdout
    key_id = "key_" + key.split("_")[1]
    assert key_id in listed.stdout
    assert run("key", "revoke", key_id).returncode == 0
    from harness.wait import until

    until(lambda: client.get("/webhooks", expect=None).status == 401, 7, "the key to be refused")
    assert run("key", "revoke", key_id).returncode != 0


def test_key_of_an_app(run, posthorn):
    """Named by its uid or its id; the list has the uid, and the id of an app without one."""
    client = posthorn.client()
    acme, bare = (client.post("/apps", {"name": "Acme", **more}, expect=201).json for more in ({"uid": "acme"}, {}))
    for app, named in ((acme, "acme"), (acme, acme["id"]), (bare, bare["id"])):
        made = run("key", "create", "--name", "k", "--scope", "read", "--app", named)
        assert made.returncode == 0, made.stderr
        key_id = "key_" + made.stdout.split("_")[1]
        assert client.get(f"/keys/{key_id}").json["app_id"] == app["id"]
        assert f"{key_id} read {app['uid'] or app['id']} k\n" in run("key", "list").stdout
    for named in ("nobody", "Acme", "app_01kn2p7t5ye9a8x3v6j0qk2wcr", "a b", ""):
        missing = run("key", "create", "--name", "k", "--scope", "read", "--app", named)
        assert missing.returncode == 1 and not missing.stdout
        assert missing.stderr == f"posthorn: no app has this id or uid: {named}\n"


@pytest.mark.parametrize("arguments", [["key", "list"], ["serve"], ["migrate"]])
def test_database_is_not_there(run, arguments):
    out = run(*arguments, POSTHORN_DATABASE_URL="postgres://127.0.0.1:1/x")
    assert out.returncode == 1
    assert "127.0.0.1" in out.stderr and "refused" in out.stderr and not out.stdout


def test_key_in_an_empty_database(postgres, redis):
    empty = postgres.create()
    out = command(options(empty, redis), "key", "list")
    assert out.returncode == 1
    assert "does not exist" in out.stderr and not out.stdout
    postgres.drop(empty)


def test_key_admin_from_the_command_line(run, posthorn):
    made = run("key", "create", "--name", "k", "--scope", "admin")
    posthorn.client(made.stdout.strip()).get("/apps", expect=200)
