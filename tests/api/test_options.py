"""The options: the program, the guides and deploy/sample.env name the same ones; one judge says what is
wrong with them."""

import os
import re
import socket
import threading
from pathlib import Path

import pytest
from harness import replies
from harness.redis import Redis
from harness.server import ADMIN_KEY, ENCRYPTION_KEY, Posthorn, binary, command, options
from harness.wait import until

ROOT = Path(__file__).resolve().parents[2]
NAME = re.compile(r"\bPOSTHORN_[A-Z][A-Z_]*[A-Z]\b")
# Of the commands that ask the API, and of the tests.
NOT_OPTIONS = {"POSTHORN_BIN", "POSTHORN_VERSION", "POSTHORN_URL", "POSTHORN_KEY", "POSTHORN_APP", "POSTHORN_PROFILE"}


def printed(database, redis, **more):
    out = command(options(database, redis, **more), "check-config")
    assert out.returncode == 0, out.stderr
    return dict(line.split("=", 1) for line in out.stdout.splitlines())


def test_guides_and_sample_name_all_options(database, redis):
    names = {n for n in printed(database, redis) if n.startswith("POSTHORN_")}
    assert "POSTHORN_DATABASE_URL" in names
    texts = [ROOT / "README.md", *(ROOT / "openapi/guides").glob("*.md")]
    assert {name for text in texts for name in NAME.findall(text.read_text(encoding="utf-8"))} - NOT_OPTIONS == names
    rows = re.findall(r"^\| (`POSTHORN_.*?) \|", (ROOT / "openapi/guides/operating.md").read_text(encoding="utf-8"), re.M)
    assert {name for row in rows for name in NAME.findall(row)} == names
    sample = (ROOT / "deploy" / "sample.env").read_text(encoding="utf-8")
    assert set(re.findall(r"^#?\s?(POSTHORN_[A-Z_]+)=", sample, re.M)) == names


def test_values_are_shown_and_secrets_are_not(database, redis):
    shown = printed(database, redis, POSTHORN_RETRY_SCHEDULE="1,2,3")
    assert shown["POSTHORN_RETRY_SCHEDULE"] == "1,2,3"
    assert shown["POSTHORN_ALLOW_NETWORKS"] == "127.0.0.0/8,::1/128"
    text = "\n".join(shown.values())
    assert ADMIN_KEY not in text and ENCRYPTION_KEY not in text


def test_password_in_a_url_is_not_shown(database, redis):
    secret = "pass-canary"
    url = database.url.replace("posthorn@", f"posthorn:{secret}@")
    assert secret not in str(printed(database, redis, POSTHORN_DATABASE_URL=url))


def test_defaults(database, redis):
    shown = printed(database, redis, POSTHORN_ALLOW_NETWORKS=None, POSTHORN_LISTEN=None)
    assert shown["POSTHORN_LISTEN"] == "127.0.0.1:8080"
    assert shown["POSTHORN_ALLOW_NETWORKS"] == ""
    assert shown["POSTHORN_RETRY_SCHEDULE"] == "60,300,1800,3600,21600"
    assert shown["POSTHORN_RETENTION_DAYS"] == "30"


@pytest.mark.parametrize(
    "name, value",
    [
        ("POSTHORN_DATABASE_URL", None),
        ("POSTHORN_ENCRYPTION_KEY", None),
        ("POSTHORN_ENCRYPTION_KEY", "short"),
        ("POSTHORN_ENCRYPTION_KEY", "AAECAwQFBgcICQoLDA0ODw=="),
        ("POSTHORN_ADMIN_KEY", "too-short"),
        ("POSTHORN_LISTEN", "nowhere"),
        ("POSTHORN_LISTEN", "127.0.0.1:99999"),
        ("POSTHORN_ALLOW_NETWORKS", "127.0.0.0/33"),
        ("POSTHORN_ALLOW_NETWORKS", "127.0.0.1/8"),
        ("POSTHORN_ALLOW_NETWORKS", "what"),
        ("POSTHORN_API_THREADS", "0"),
        ("POSTHORN_WORKER_THREADS", "-1"),
        ("POSTHORN_WORKER_THREADS", "many"),
        ("POSTHORN_RETENTION_DAYS", "0"),
        ("POSTHORN_LOG_LEVEL", "loud"),
        ("POSTHORN_RETRY_SCHEDULE", "60,,300"),
        ("POSTHORN_RETRY_SCHEDULE", "60,604801"),
    ],
)
def test_bad_options_are_refused(database, redis, name, value):
    for arguments in (["check-config"], ["serve"]):
        out = command(options(database, redis, **{name: value}), *arguments, timeout=10)
        assert out.returncode not in (0, 99), out.stderr
        assert name in out.stderr


# --- what is wrong, in words ------------------------------------------------------------------------

CANARY = "canary-Zm9v"
DATABASE = (
    "a PostgreSQL URL such as postgresql://user:password@host/database, with %40 for an @ and %2F for a / in"
    " the password"
)
REDIS = (
    "redis://[user:password@]host[:port][/db], unix:///path[?db=N], or, with up to 8 Sentinels,"
    " redis+sentinel://[user:password@]host[:port][,host[:port]...]/name[/db]; rediss:// and rediss+sentinel://"
    " likewise for TLS"
)
LISTEN = (
    "host:port, where the host is a name, an IPv4 address or an [IPv6 address] and the port is from"
    " 0 to 65535"
)
ADMIN = "24 to 200 visible ASCII characters"
NETWORKS = (
    "a comma-separated list of up to 64 networks such as 10.0.0.0/8 or fd00::/8, with no bit set after the"
    " prefix"
)
PORTS = "a comma-separated list of up to 64 ports and ranges of them, such as 443 or 8000-8999"
CA_FILE = "the path of a file that can be read and has certificates in PEM"
PROXY = "http://[user:password@]host:port, with %40 for an @ in the password"
ORIGINS = (
    "* or a comma-separated list of origins as browsers send them, such as https://app.example.com or"
    " http://localhost:3000"
)
SEAL = "base64 of 32 bytes (openssl rand -base64 32 makes one)"
SCHEDULE = "a comma-separated list of up to 20 numbers of seconds, each from 1 to 604800"
SCHEME = "must start with http:// or https://"
FAULTS = [
    ("POSTHORN_DATABASE_URL", None, f"must be set: {DATABASE}"),
    ("POSTHORN_DATABASE_URL", f"mysql://u:{CANARY}@db/x", f"must be {DATABASE}"),
    ("POSTHORN_DATABASE_URL", f"postgres//u:{CANARY}@db/x", f"must be {DATABASE}"),
    ("POSTHORN_DATABASE_URL", f"postgresql://u:{CANARY}@db:65536/x", f"must be {DATABASE}"),
    ("POSTHORN_DATABASE_URL", f"postgresql://u:{CANARY}@db/x?sslmod=a", f"must be {DATABASE}"),
    ("POSTHORN_DATABASE_URL", f"postgresql://u:1@{CANARY}@db/x", f"must be {DATABASE}"),
    ("POSTHORN_DATABASE_URL", f"postgresql://u:1?2@{CANARY}@db/x", f"must be {DATABASE}"),
    ("POSTHORN_DATABASE_URL", f"postgresql://u:12/{CANARY}@db/x", f"must be {DATABASE}"),
    ("POSTHORN_DATABASE_URL", f"postgresql://u:1%zz{CANARY}@db/x", f"must be {DATABASE}"),
    ("POSTHORN_REDIS_URL", f"http://:{CANARY}@cache", f"must be {REDIS}"),
    ("POSTHORN_REDIS_URL", f"redis://:12/{CANARY}@cache", f"must be {REDIS}"),
    ("POSTHORN_REDIS_URL", f"redis://u:12/{CANARY}@cache", f"must be {REDIS}"),
    ("POSTHORN_REDIS_URL", f"redis+sentinel://u:{CANARY}@a,b", f"must be {REDIS}"),
    ("POSTHORN_REDIS_URL", f"redis+sentinel://u:{CANARY}@a,b:0/main", f"must be {REDIS}"),
    ("POSTHORN_SENTINEL_PASSWORD", CANARY * 50, "must have at most 500 bytes, but has 550"),
    ("POSTHORN_ENCRYPTION_KEY", CANARY, f"must be {SEAL}"),
    ("POSTHORN_ADMIN_KEY", CANARY, f"must be {ADMIN}"),
    ("POSTHORN_ADMIN_KEY", f"{CANARY} with a blank and more", f"must be {ADMIN}"),
    ("POSTHORN_LISTEN", "nowhere", f'must be {LISTEN}, but is "nowhere"'),
    ("POSTHORN_ALLOW_NETWORKS", "10.0.0.0/8,127.0.0.1/8", f'must be {NETWORKS}, wrong at "127.0.0.1/8"'),
    ("POSTHORN_ALLOW_PORTS", "80,90-80", f'must be {PORTS}, wrong at "90-80"'),
    ("POSTHORN_CA_FILE", "/nowhere/ca.pem", f'must be {CA_FILE}, but is "/nowhere/ca.pem"'),
    ("POSTHORN_CA_FILE", "/etc", f'must be {CA_FILE}, but is "/etc"'),
    ("POSTHORN_CA_FILE", "/etc/passwd", f'must be {CA_FILE}, but is "/etc/passwd"'),
    ("POSTHORN_EGRESS_PROXY", f"https://u:{CANARY}@proxy:3128", f"must be {PROXY}"),
    ("POSTHORN_EGRESS_PROXY", f"http://u:1@{CANARY}@proxy:3128", f"must be {PROXY}"),
    ("POSTHORN_WORKER_IN_FLIGHT", "abc", 'must be a number from 1 to 10000, but is "abc"'),
    ("POSTHORN_WORKER_IN_FLIGHT", "10001", 'must be a number from 1 to 10000, but is "10001"'),
    ("POSTHORN_API_THREADS", "0", 'must be a number from 1 to 64, but is "0"'),
    ("POSTHORN_LOG_LEVEL", "loud\n", 'must be error, warn, info or debug, but is "loud\\x0a"'),
    ("POSTHORN_CORS_ORIGINS", "example.com", f'must be {ORIGINS}, wrong at "example.com"'),
    ("POSTHORN_RETRY_SCHEDULE", "60,,300", f'must be {SCHEDULE}, but is "60,,300"'),
    ("WEBHOOK_ADDRESS", f"https://a.example/,ftp://{CANARY}", f"URL 2 {SCHEME}"),
    ("WEBHOOK_ADDRESS", f"http://user:{CANARY}@a.example/", "URL 1 must not contain a user name or password"),
    ("WEBHOOK_ADDRESS", "http://a.example/,http://A.example", "URL 2 repeats an earlier one"),
    ("WEBHOOK_SECRET", f"{CANARY}\x7f", "must be at most 256 printable ASCII characters"),
    ("JOB_SEND_NOTIFICATIONS_INTERVAL", "3601", 'must be a number from 0 to 3600, but is "3601"'),
    ("DISCORD_WEBHOOK_URL", f"https://a.example/{CANARY},https://b.example/", "must be one URL"),
    ("DISCORD_WEBHOOK_URL", f"discord/{CANARY}", f"URL 1 {SCHEME}"),
    ("WEBHOOK_ENABLED", "yes", 'must be true or false, but is "yes"'),
]


def faults(env, *arguments):
    """What `posthorn ARGUMENTS` finds wrong: pairs of option and words."""
    out = command(env, *(arguments or ["check-config"]), timeout=10)
    assert out.returncode == 2, out
    assert not out.stdout
    lines = out.stderr.splitlines()
    assert all(line.startswith("posthorn: ") for line in lines)
    return [tuple(line.removeprefix("posthorn: ").split(": ", 1)) for line in lines]


@pytest.mark.parametrize("name, value, words", FAULTS)
def test_what_is_wrong(database, redis, name, value, words):
    """The range or the recipe, and the value unless it may be a secret."""
    assert faults(options(database, redis, **{name: value})) == [(name, words)]


def test_too_long_or_too_many(database, redis):
    env = options(
        database,
        redis,
        POSTHORN_DATABASE_URL=CANARY * 200,
        WEBHOOK_ADDRESS=",".join(f"http://{i}.example" for i in range(65)),
    )
    assert faults(env) == [
        ("POSTHORN_DATABASE_URL", "must have at most 2000 bytes, but has 2200"),
        ("WEBHOOK_ADDRESS", "has too many URLs: all drop-in variables together may have 64"),
    ]


COMMANDS = [["check-config"], ["serve"], ["migrate"], ["key", "list"]]


@pytest.mark.parametrize("arguments", COMMANDS)
def test_everything_at_once(database, redis, arguments):
    """Every command asks the same judge, which does not stop at the first fault."""
    env = options(
        database,
        redis,
        POSTHORN_DATABASE_URL="mysql://db/x",
        POSTHORN_REDIS_URL="redis://",
        POSTHORN_LISTEN="8080",
        POSTHORN_WORKER_IN_FLIGHT="abc",
        POSTHORN_CORS_ORIGINS="example.com",
        POSTHORN_RETENTION_DAY="7",
        WEBHOOK_ADDRESS="ftp://x",
        WEBHOOK_ENABLED="true",
    )
    assert [name for name, _ in faults(env, *arguments)] == [
        "POSTHORN_WORKER_IN_FLIGHT",
        "POSTHORN_RETENTION_DAY",
        "POSTHORN_LISTEN",
        "POSTHORN_CORS_ORIGINS",
        "WEBHOOK_SECRET_HEADER",
        "WEBHOOK_URL",
        "POSTHORN_DATABASE_URL",
        "POSTHORN_REDIS_URL",
        "WEBHOOK_ADDRESS",
    ]


@pytest.mark.parametrize(
    "name, nearest",
    [
        ("POSTHORN_REDIS", "POSTHORN_REDIS_URL"),
        ("POSTHORN_LISTENS", "POSTHORN_LISTEN"),
        ("POSTHORN_WORKERS_IN_FLIGHT", "POSTHORN_WORKER_IN_FLIGHT"),
        ("POSTHORN_RETENTION_DAYS_", "POSTHORN_RETENTION_DAYS"),
        ("POSTHORN_ALLOWED_NETWORKS", "POSTHORN_ALLOW_NETWORKS"),
        ("POSTHORN_log_level", "POSTHORN_LOG_LEVEL"),
    ],
)
def test_misspelt_name(database, redis, name, nearest):
    words = f"is not an option; the nearest is {nearest}"
    assert faults(options(database, redis, **{name: CANARY})) == [(name, words)]


def test_names_that_others_set(database, redis):
    """Kubernetes and Docker describe a service called posthorn or posthorn-api so; POSTHORN_BIN is of
    these tests."""
    printed(
        database,
        redis,
        POSTHORN_SERVICE_HOST="10.1.2.3",
        POSTHORN_SERVICE_PORT="8080",
        POSTHORN_SERVICE_PORT_HTTP="8080",
        POSTHORN_PORT="tcp://10.1.2.3:8080",
        POSTHORN_PORT_8080_TCP="tcp://10.1.2.3:8080",
        POSTHORN_PORT_8080_TCP_ADDR="10.1.2.3",
        POSTHORN_API_SERVICE_HOST="10.1.2.3",
        POSTHORN_API_PORT="udp://10.1.2.3:8080",
        POSTHORN_BIN="build/posthorn",
    )
    assert faults(options(database, redis, POSTHORN_PORT="8080"))[0][0] == "POSTHORN_PORT"


def test_faults_do_not_hide_each_other(database, redis):
    """With networks that cannot be read nothing is said of what they would open."""
    env = options(
        database, redis, POSTHORN_ALLOW_NETWORKS="10/8", WEBHOOK_ADDRESS="http://10.0.0.1/,x"
    )
    assert [name for name, _ in faults(env)] == ["POSTHORN_ALLOW_NETWORKS", "WEBHOOK_ADDRESS"]


@pytest.mark.parametrize(
    "origins",
    [
        "*",
        "http://localhost:3000",
        "https://app.example.com, https://10.0.0.1:8443",
        "http://[::1]:3000",
        "capacitor://localhost",
        "chrome-extension://abcdefghijklmnop",
    ],
)
def test_origins(database, redis, origins):
    shown = printed(database, redis, POSTHORN_CORS_ORIGINS=origins)
    assert shown["POSTHORN_CORS_ORIGINS"] == origins


@pytest.mark.parametrize(
    "origin",
    [
        "app.example.com:3000",
        "//app.example.com",
        "https://",
        "https://app.example.com/",
        "https://app.example.com/page",
        "https://app.example.com?x",
        "https://*.example.com",
        "https://user@app.example.com",
        "https://App.example.com",
        "HTTPS://app.example.com",
        "https://app.example.com:443",
        "http://app.example.com:80",
        "https://app.example.com:0",
        "https://app.example.com:65536",
        "https://app.example.com:080",
        "https://app.example.com:",
        "https://app..example.com",
        "https://300.0.0.1",
        "http://::1",
        "null",
    ],
)
def test_what_no_browser_sends_as_origin(database, redis, origin):
    env = options(database, redis, POSTHORN_CORS_ORIGINS=f"https://a.example, {origin}")
    ((name, words),) = faults(env)
    assert name == "POSTHORN_CORS_ORIGINS" and words.endswith(f'wrong at "{origin}"')


NOT_FOR_WEBHOOKS = [
    "ftp://a.example/",
    "a.example/hook",
    "http://",
    "http://user:pw@a.example/",
    "http://a.example/#part",
    "http://a.example:65536/",
    "http://a..example/",
    "http://1.2.3.4.5/",
    "http://[fe80::1%25eth0]/",
    "http://10.0.0.1/",
    "http://0x0a000001/",
    "http://[fd00::1]/",
    "http://localhost/",
    "http://a.localhost./",
    "http://printer.local/",
    "http://panel/",
]


@pytest.fixture(scope="module")
def closed(postgres, template, contract, tmp_path_factory):
    """A server that opens no network."""
    database, redis = postgres.create(template=template.name), Redis().start()
    env = options(database, redis, POSTHORN_ALLOW_NETWORKS=None)
    server = Posthorn(env, str(tmp_path_factory.mktemp("closed")), contract)
    try:
        yield server.start()
        server.stop()
    finally:
        server.kill()
        redis.destroy()


@pytest.mark.parametrize("url", NOT_FOR_WEBHOOKS)
def test_one_judge_of_urls(closed, url):
    """What the API refuses of a customer the options refuse of the operator, with the same words."""
    answer = closed.client().post("/webhooks", {"url": url, "events": ["*"]}, expect=422)
    (problem,) = answer.json["errors"]
    said = {}
    for name, env in {
        "WEBHOOK_ADDRESS": {"WEBHOOK_ADDRESS": url},
        "WEBHOOK_URL": {
            "WEBHOOK_ENABLED": "true",
            "WEBHOOK_SECRET_HEADER": "k",
            "WEBHOOK_URL": url,
        },
        "DISCORD_WEBHOOK_URL": {"DISCORD_WEBHOOK_URL": url},
    }.items():
        env = {k: v for k, v in closed.env.items() if k != "POSTHORN_LISTEN"} | env
        ((named, words),) = faults(env)
        assert named == name
        said[name] = words.removesuffix(" (POSTHORN_ALLOW_NETWORKS can allow it)")
    assert set(said.values()) == {f"URL 1 {problem['message']}"}


def test_ranges_stand_where_people_read(database, redis):
    numbers = {
        "POSTHORN_API_THREADS",
        "POSTHORN_WORKER_THREADS",
        "POSTHORN_WORKER_IN_FLIGHT",
        "POSTHORN_WORKER_MIB",
        "POSTHORN_WEBHOOKS_PER_APP",
        "POSTHORN_SOURCES_PER_APP",
        "POSTHORN_EVENT_TYPES_PER_APP",
        "POSTHORN_RETENTION_DAYS",
    }
    guide = (ROOT / "openapi/guides/operating.md").read_text(encoding="utf-8")
    sample = (ROOT / "deploy" / "sample.env").read_text(encoding="utf-8")
    found = dict(faults(options(database, redis, **dict.fromkeys(numbers, "x"))))
    assert set(found) == numbers
    for name, words in found.items():
        span = re.search(r"(\d+) to (\d+)", words)
        assert re.search(rf"^\| `{name}` .*\b{span[1]} to {span[2]}\b", guide, re.M), name
        assert re.search(rf"\b{span[1]} to {span[2]}\b.*\n{name}=", sample), name


def start_after(limits, start, tmp_path, monkeypatch):
    """A service under these limits of the shell."""
    program = tmp_path / "few-files"
    program.write_text(f'#!/bin/sh\n{limits}\nexec {binary()} "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("POSTHORN_BIN", str(program))
    return start()


def test_open_files_bound_what_is_under_way(start, receiver, tmp_path, monkeypatch):
    """The soft limit is raised to the hard one; if that is low, fewer requests are under way."""
    server = start_after("ulimit -Sn 100; ulimit -Hn 600", start, tmp_path, monkeypatch)
    assert "event=places_bounded in_flight=150 option=4096 files=600" in server.log()
    client = server.client()
    opened = threading.Event()
    receiver.script("/hook", replies.gate(opened))
    client.webhook(receiver.url(), concurrency=1024)
    events = [{"type": "a", "data": {}}] * 200
    for _ in range(2):
        client.post("/events/batch", {"events": events[:100]}, expect=202)
    receiver.wait(80)  # of 150 three quarters are an app's, and of those three quarters a webhook's
    opened.set()
    receiver.wait(200)


def test_clients_take_no_files_from_deliveries(start, receiver, tmp_path, monkeypatch):
    """More connections than there are files: those beyond the bound wait, and what is to be sent is sent."""
    server = start_after("ulimit -n 200", start, tmp_path, monkeypatch)
    assert "event=connections_bounded connections=75 files=200" in server.log()
    client = server.client()
    receiver.script("/hook", replies.answer(500), replies.answer(200))
    webhook = client.webhook(receiver.url(), retry_schedule=[2])
    client.publish()
    receiver.wait(1)
    clients = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(300)]
    try:
        until(lambda: "event=connections_full count=75" in server.log(), 10)
        receiver.wait(2)
        assert len(os.listdir(f"/proc/{server.process.pid}/fd")) < 200
    finally:
        for c in clients:
            c.close()
    until(lambda: client.only_delivery(webhook)["status"] == "delivered", 10)
