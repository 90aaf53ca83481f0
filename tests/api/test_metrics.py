"""GET /metrics, at a place of its own: what Prometheus reads, and that openapi/guides/operating.md has all of it."""

import re
import socket
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest
from harness import replies
from harness.metrics import Metrics, ask
from harness.process import PORTS
from harness.server import command
from harness.wait import until

GUIDE = (Path(__file__).parents[2] / "openapi/guides/operating.md").read_text(encoding="utf-8")
TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"

# Options that are numbers and bound nothing that anybody could meet.
NO_LIMITS = {
    "POSTHORN_API_THREADS",
    "POSTHORN_WORKER_THREADS",
    "POSTHORN_RETENTION_DAYS",
    "POSTHORN_AUDIT_DAYS",
    "POSTHORN_STATS_DAYS",
    "POSTHORN_REQUESTS_BURST",  # of POSTHORN_REQUESTS_PER_KEY
    "POSTHORN_DISABLE_AFTER_DAYS",
    "POSTHORN_DISABLE_AFTER_FAILURES",
}


@pytest.fixture
def watched(start):
    """watched(role=None, …) → a posthorn process and its metrics."""

    def run(role=None, **env):
        port = PORTS.take()
        return start(role, POSTHORN_METRICS_LISTEN=f"127.0.0.1:{port}", **env), Metrics(port)

    return run


@pytest.mark.parametrize("role", ("api", "worker", None))
def test_what_it_answers(watched, role):
    """https://prometheus.io/docs/specs/om/open_metrics_spec/, by its own reference parser."""
    _, metrics = watched(role)
    answer, text = ask(metrics.port)
    assert (answer.status, answer.headers["Content-Type"]) == (200, TYPE)
    assert int(answer.headers["Content-Length"]) == len(text)
    for family in metrics.families():
        assert family.documentation.endswith(".")
        assert family.type in ("counter", "gauge", "histogram")
        assert family.unit == "" or family.name.endswith("_" + family.unit)
        assert family.samples
        ends = {"counter": {"_total"}, "gauge": {""}, "histogram": {"_bucket", "_sum", "_count"}}[family.type]
        assert {sample.name for sample in family.samples} == {family.name + end for end in ends}
        assert all(sample.value >= 0 for sample in family.samples)
    assert text.count("# UNIT ") == 11
    own = metrics.read()
    version = command({}, "--version").stdout.split()[1]
    assert own["posthorn_build_info", version] == 1
    assert own["posthorn_postgres_connections", "ready"] <= own["posthorn_postgres_connections", "wanted"]
    assert own["process_resident_memory_bytes"] > 1 << 20
    assert 5 < own["process_open_fds"] < own["process_max_fds"]
    assert 0 < own["process_cpu_seconds_total"] < 60
    assert (own["posthorn_places_limit"] > 0) == (role != "api")
    assert (own["posthorn_connections_limit"] > 0) == (role != "worker")


def test_what_it_does_not_answer(watched):
    server, metrics = watched()
    answer, text = ask(metrics.port, method="HEAD")
    assert (answer.status, text) == (200, "") and int(answer.headers["Content-Length"]) > 1000
    assert ask(metrics.port, "/metrics?x=y")[0].status == 200
    for target in ("/", "/metricsx", "/healthz", "/v1/webhooks"):
        assert ask(metrics.port, target)[0].status == 404
    answer, _ = ask(metrics.port, method="POST")
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")
    for target in ("/metrics", "/v1/metrics"):  # where tenants are
        assert ask(server.port, target)[0].status == 404


def test_clients_that_hang(watched):
    """Neither one that says nothing nor one that talks without end is in the way; nor is there one too many."""
    _, metrics = watched("worker")
    silent = [socket.create_connection(("127.0.0.1", metrics.port)) for _ in range(15)]
    try:
        assert metrics.read()
        with socket.create_connection(("127.0.0.1", metrics.port)) as talker:
            talker.settimeout(10)
            talker.sendall(b"GET /metrics HTTP/1.1\r\nX: ")
            with pytest.raises(OSError):
                for _ in range(100):
                    talker.sendall(b"x" * 65536)
        until(lambda: all(client.recv(1) == b"" for client in silent), 10, "the deadline of each")
        assert metrics.read()
    finally:
        for client in silent:
            client.close()


def test_nowhere_by_default(posthorn):
    ports = {line.split()[3] for line in listening(posthorn.process.pid)}
    assert ports == {f"127.0.0.1:{posthorn.port}"}


def listening(pid):
    """The lines of /proc/net/tcp, as `ss` would have them, of the sockets of `pid` that listen."""
    mine = set()
    for fd in Path(f"/proc/{pid}/fd").iterdir():
        try:
            mine.add(str(fd.readlink()))
        except FileNotFoundError:
            continue
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        at, state, inode = (line.split()[i] for i in (1, 3, 9))
        if state == "0A" and f"socket:[{inode}]" in mine:
            host, port = at.split(":")
            address = ".".join(str(b) for b in reversed(bytes.fromhex(host)))
            yield f"LISTEN 0 0 {address}:{int(port, 16)}"


def test_two_at_one_place(watched, start):
    """The second says so and does not begin: who scraped would see one of them, and never know which."""
    _, metrics = watched("worker")
    second = start("worker", wait=False, POSTHORN_METRICS_LISTEN=f"127.0.0.1:{metrics.port}")
    assert second.process.wait(20) == 1
    assert "event=listen_failed" in second.log()
    second.process = None


# --- what is documented ------------------------------------------------------------------------------


def test_the_guide_has_all_of_them(watched):
    _, metrics = watched("worker")
    families = metrics.families()
    table = re.search(r"\n## Metrics\n(.*)", GUIDE, re.S)[1]
    rows = re.findall(r"^\| (`[a-z_`, ]+`) \| ([a-z, ]+) \| (.*) \|$", table, re.M)
    named = [name for names, _, _ in rows for name in re.findall(r"`([a-z_]+)`", names)]
    assert sorted(named) == sorted(family.name for family in families)
    words = {name: row for row in rows for name in re.findall(r"`([a-z_]+)`", row[0])}
    for family in families:
        assert family.type in words[family.name][1]
        for sample in family.samples:
            for label, value in sample.labels.items():
                if label in ("le", "version"):
                    continue
                text = words[family.name][2]
                assert value.startswith("POSTHORN_") or (f"`{label}`" in text and f"`{value}`" in text), value


def test_every_limit_is_counted(watched):
    """Whoever adds an option that is a number says here, or in the table of metrics, what it is."""
    server, metrics = watched("worker")
    counted = {key[1] for key in metrics.read() if key[0] == "posthorn_limit_reached_total"}
    names = set(re.findall(r"`(POSTHORN_\w+)`", GUIDE)) - {"POSTHORN_DATABASE_URL"}
    out = command({**server.env, **dict.fromkeys(names, "x")}, "check-config")
    numbers = set(re.findall(r"^posthorn: (POSTHORN_\w+): must be a number", out.stderr, re.M))
    assert len(numbers) > 12
    assert numbers - NO_LIMITS == {limit for limit in counted if limit.startswith("POSTHORN_")}


# --- what is counted ---------------------------------------------------------------------------------


def limits(metrics):
    read = metrics.read()
    return {key[1]: value for key, value in read.items() if key[0] == "posthorn_limit_reached_total"}


def meet_webhooks(client, receiver, _):
    client.webhook(receiver.url())
    client.post("/webhooks", {"url": receiver.url("/b"), "events": ["*"]}, expect=429)


def meet_sources(client, *_):
    client.post("/sources", {"name": "a", "kind": "marzban", "secret": None}, expect=201)
    client.post("/sources", {"name": "b", "kind": "marzban", "secret": None}, expect=429)


def meet_event_types(client, *_):
    client.post("/event-types", {"name": "a"}, expect=201)
    client.post("/event-types", {"name": "b"}, expect=429)


def meet_tests(client, receiver, _):
    opened = threading.Event()
    receiver.script("/hook", replies.gate(opened))
    webhook = client.webhook(receiver.url())["id"]
    waiting = threading.Thread(target=lambda: client.post(f"/webhooks/{webhook}/test"))
    waiting.start()
    receiver.wait(1)
    client.post(f"/webhooks/{webhook}/test", expect=429)
    opened.set()
    waiting.join()


def meet_bodies(client, _, metrics):
    event = {"type": "a", "data": {"x": "y" * 600_000}}
    with socket.create_connection(client.address) as other:  # a body that does not come is expected
        head = f"POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {client.key}\r\n"
        other.sendall(f"{head}Content-Length: 600000\r\n\r\n{{".encode())
        until(lambda: metrics.read()["posthorn_budget_bytes", "bodies"] == 600_000, 10)
        client.post("/events", event, expect=503)


def meet_connections(client, _, metrics):
    until(lambda: metrics.read()["posthorn_connections"] == 0, 10)
    with ExitStack() as opened:
        for _ in range(5):
            last = opened.enter_context(socket.create_connection(client.address))
        assert b" 503 " in last.recv(1000)


@pytest.mark.parametrize(
    "limit, most, meet",
    [
        ("POSTHORN_WEBHOOKS_PER_APP", 1, meet_webhooks),
        ("POSTHORN_SOURCES_PER_APP", 1, meet_sources),
        ("POSTHORN_EVENT_TYPES_PER_APP", 1, meet_event_types),
        ("POSTHORN_TESTS_PER_APP", 1, meet_tests),
        ("POSTHORN_BODIES_MIB", 1, meet_bodies),
        ("POSTHORN_CONNECTIONS_PER_ADDRESS", 4, meet_connections),
    ],
)
def test_a_limit_that_is_met_is_counted_once(watched, receiver, limit, most, meet):
    server, metrics = watched(**{limit: most})
    before = limits(metrics)
    assert set(before.values()) == {0}
    meet(server.client(), receiver, metrics)
    assert limits(metrics) == {**before, limit: 1}


def test_portals_of_an_app_are_counted(watched, database):
    """That limit is no option."""
    server, metrics = watched()
    client = server.client()
    before = limits(metrics)
    make = lambda expect: client.post("/apps/default/portal", {}, expect=expect)
    make(201)
    database.query(
        "insert into api_key (id, app_id, name, scope, hash, expires_at, portal) select gen_random_uuid(), app_id, name, scope, hash,"
        " expires_at, portal from api_key, generate_series(1, 999) where portal is not null"
    )
    make(429)
    assert limits(metrics) == {**before, "portals_per_app": 1}


def test_a_worker_that_is_full(watched, receiver):
    """Places run out in number, and in bytes; each is said by its own name."""
    server, metrics = watched(POSTHORN_WORKER_IN_FLIGHT=4, POSTHORN_WORKER_MIB=16)
    client, opened = server.client(), threading.Event()
    receiver.script("/hook", replies.gate(opened))
    hooks = [client.webhook(receiver.url(), events=[f"e.{i}"], concurrency=10) for i in range(2)]
    for i in range(len(hooks)):
        for _ in range(4):
            client.publish(f"e.{i}")
    until(lambda: metrics.read()["posthorn_in_flight_deliveries"] >= 3, 10)
    read = metrics.read()
    assert 3 <= read["posthorn_places"] <= read["posthorn_places_limit"] == 4
    assert read["posthorn_budget_limit_bytes", "worker"] == 16 << 20
    assert read["posthorn_budget_bytes", "worker"] == read["posthorn_places"] * (4 << 20)
    opened.set()
    receiver.wait(8)
    until(lambda: metrics.read()["posthorn_in_flight_deliveries"] == 0, 10)


GAUGES_AT_REST = (
    "posthorn_in_flight_deliveries",
    "posthorn_places",
    "posthorn_direct_mode",
    *(("posthorn_budget_bytes", b) for b in ("worker", "bodies", "strange_bodies", "answers", "accepting")),
    *(("posthorn_waiting", q) for q in ("accept", "statements", "redis", "lookups", "record")),
    *(("posthorn_held", w) for w in ("key_lookups", "key_guesses", "tests", "lists", "streams")),
)


def at_rest(metrics):
    read = metrics.read()
    return {name: read[name] for name in GAUGES_AT_REST if read[name] != 0}


def test_what_is_taken_is_given_back(watched, receiver):
    """Two threads of each kind: what they count is summed, and what they hold comes to nothing."""
    server, metrics = watched(POSTHORN_API_THREADS=2, POSTHORN_WORKER_THREADS=2)
    client = server.client()
    receiver.script("/bad", replies.answer(400))
    client.webhook(receiver.url())
    client.webhook(receiver.url("/bad"), retry_schedule=[])
    threads = [
        threading.Thread(target=lambda: [client.publish(data={"x": "y" * 9000}) for _ in range(20)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    receiver.wait(80)
    receiver.wait(80, "/bad")
    until(lambda: at_rest(metrics) == {}, 10, lambda: at_rest(metrics))
    read = metrics.read()
    assert read["posthorn_events_accepted_total"] == 80
    assert read["posthorn_attempts_total", "success"] == 80
    assert read["posthorn_attempts_total", "failure"] == 80
    assert read["posthorn_deliveries_failed_total"] == 80
    assert read["posthorn_places_limit"] == 2 * 4096
    assert read["posthorn_budget_limit_bytes", "worker"] == 256 << 20
    assert read["posthorn_budget_limit_bytes", "bodies"] == 2 * 64 << 20
    assert read["posthorn_budget_limit_bytes", "accepting"] == 2 * 64 << 20
    assert limits(metrics) == dict.fromkeys(limits(metrics), 0)


def test_how_attempts_ended(watched, receiver):
    server, metrics = watched()
    client = server.client()
    receiver.script("/bad", replies.answer(500), replies.answer(200))
    webhook = client.webhook(receiver.url("/bad"), retry_schedule=[1])
    client.publish()
    client.settled(webhook)
    read = metrics.read()
    assert read["posthorn_attempt_errors_total", "http_status"] == 1
    assert read["posthorn_retries_total"] == read["posthorn_deliveries_delivered_total"] == 1
    for name, least in (("accept", 1), ("first_attempt", 1), ("attempt", 2), ("postgres", 5), ("redis", 5)):
        count = read[f"posthorn_{name}_seconds_count"]
        assert read[f"posthorn_{name}_seconds_bucket", "+Inf"] == count >= least
        assert (count == least) or name in ("postgres", "redis")
        assert read[f"posthorn_{name}_seconds_sum"] > 0
    assert read["posthorn_first_attempt_seconds_sum"] < 5
    assert read["posthorn_loop_lag_seconds_count"] > 0


def test_what_the_ledger_has(start, watched, receiver):
    """What is held, put off, and due behind a receiver that hangs."""
    opened = threading.Event()
    receiver.script("/hook", replies.gate(opened))
    client = start("api").client()
    paused = client.webhook(receiver.url("/paused"), events=["b"])
    client.patch(f"/webhooks/{paused['id']}", {"status": "paused"})
    client.webhook(receiver.url(), events=["a"], concurrency=1)
    client.batch(3, "b")
    client.batch(4, "a")
    _, metrics = watched("worker")
    receiver.wait(1)

    def counted():
        read = metrics.read()
        states = [read["posthorn_ledger_deliveries", state] for state in ("due", "waiting", "held")]
        return states == [3, 4, 3] and read["posthorn_ledger_oldest_due_seconds"] > 0.01

    until(counted, 25, metrics.read)
    opened.set()


def test_what_it_is_connected_with(watched, redis):
    _, metrics = watched("worker")

    def up(what):
        read = metrics.read()
        return read[f"posthorn_{what}_connections", "ready"] == read[f"posthorn_{what}_connections", "wanted"] > 0

    until(lambda: up("postgres") and up("redis"), 10)
    redis.stop()
    until(lambda: metrics.read()["posthorn_redis_connections", "ready"] == 0, 10)
    assert metrics.read()["posthorn_redis_connections", "wanted"] == 2
    redis.start()
    until(lambda: up("redis"), 20)


def test_direct_mode(watched, redis):
    _, metrics = watched("worker")
    assert metrics.read()["posthorn_direct_mode"] == 0
    redis.stop()
    until(lambda: metrics.read()["posthorn_direct_mode"] == 1, 10)
    redis.start()
    until(lambda: metrics.read()["posthorn_direct_mode"] == 0, 20)


def test_during_the_drain(watched, receiver):
    """It tells until the last delivery has ended."""
    server, metrics = watched()
    opened = threading.Event()
    receiver.script("/hook", replies.gate(opened))
    client = server.client()
    client.webhook(receiver.url())
    client.publish()
    receiver.wait(1)
    server.terminate()
    until(lambda: "event=worker_draining" in server.log(), 10)
    assert metrics.read()["posthorn_in_flight_deliveries"] == 1
    opened.set()
