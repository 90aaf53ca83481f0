"""The route table: equal to the contract, with and without /v1, methods, unknown paths, and the
service's own routes."""

import gzip
import json
import re

import pytest
from harness.contract import load
from harness.server import command, options

OPERATIONS = [
    (method.upper(), path, operation["x-scope"])
    for path, item in load()["paths"].items()
    for method, operation in item.items()
    if method in ("get", "post", "patch", "delete")
]
PATHS = sorted({path for _, path, _ in OPERATIONS})
ALL_METHODS = ("GET", "POST", "PATCH", "DELETE", "PUT")
IDS = {
    "webhooks": "wh_01kn2p8v3rf0pbw4gd9ztq6e1x",
    "events": "evt_01kn2pa7gxe83r5cv0jw1mh4bd",
    "deliveries": "del_01kn2pa7gye0qa5gmmt2w8z3fk",
    "apps": "app_01kn2p7t5ye9a8x3v6j0qk2wcr",
    "keys": "key_01kn2p7xrkf2s9d4h1n8b6m5ta",
    "jobs": "job_01kn2pd4m8f5vrx1w7z3t9q2ak",
    "replays": "job_01kn2pd4m8f5vrx1w7z3t9q2ak",
    "event-types": "user.created",
    "sources": "src_01kn2p7xrkf2s9d4h1n8b6m5ta",
    "issues": "iss_01kn2p7xrkf2s9d4h1n8b6m5ta",
    "ingest": "in_01kn2p7xrkf2s9d4h1n8b6m5ta_x",
}


def filled(path):
    return re.sub(r"([\w-]+)/\{\w+\}", lambda m: f"{m[1]}/{IDS.get(m[1], '')}", path)


# For people, and no part of the API.
PAGE = {("GET", f"/{page}{file}", "open") for page in ("dashboard", "docs") for file in ("", "/{file}")} | {("GET", "/portal/{id}", "open")}


def test_routes_equal_the_contract(database, redis):
    out = command(options(database, redis), "routes")
    assert out.returncode == 0, out.stderr
    listed = sorted(tuple(line.split()[:3]) for line in out.stdout.splitlines())
    assert listed == sorted({*OPERATIONS, *PAGE})


@pytest.mark.parametrize("path", PATHS)
def test_other_methods_are_405(admin, path):
    known = {m for m, p, _ in OPERATIONS if p == path}
    for method in set(ALL_METHODS) - known:
        answer = admin.request(method, filled(path), expect=405)
        assert answer.code == "method_not_allowed"
        allowed = {m.strip() for m in answer.headers["Allow"].split(",")}
        assert allowed - {"HEAD", "OPTIONS"} == known


@pytest.mark.parametrize("prefix", ["/v1", ""])
def test_both_prefixes(api, address, prefix):
    client = api.with_(prefix=prefix)
    made = client.webhook(address)
    assert client.get(f"/webhooks/{made['id']}").json["id"] == made["id"]
    assert [w["id"] for w in client.get("/webhooks").json["data"]] == [made["id"]]
    client.delete(f"/webhooks/{made['id']}", expect=204)


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "/v1",
        "/v1/",
        "/nothing",
        "/v1/nothing",
        "/v2/webhooks",
        "/v1/v1/webhooks",
        "/webhooks/",
        "/webhooks//",
        "/webhooks/a/b/c",
        "/webhooksx",
        "/V1/webhooks",
        "/Webhooks",
    ],
)
def test_unknown_paths_are_404(admin, target):
    assert admin.with_(prefix="").get(target, expect=404).code == "not_found"


@pytest.mark.parametrize("path", [p for m, p, _ in OPERATIONS if "{id}" in p and m == "GET"])
@pytest.mark.parametrize(
    "bad",
    [
        "x",
        "wh_",
        "wh_01kn2p8v3rf0pbw4gd9ztq6e1",
        "wh_81kn2p8v3rf0pbw4gd9ztq6e1x",
        "wh_01KN2P8V3RF0PBW4GD9ZTQ6E1X",
        "usr_01kn2p8v3rf0pbw4gd9ztq6e1x",
        "%00",
        "wh_01kn2p8v3rf0pbw4gd9ztq6e1x%20",
        "%77h_01kn2p8v3rf0pbw4gd9ztq6e1x",
    ],
)
def test_malformed_ids_are_404(admin, path, bad):
    assert admin.get(path.replace("{id}", bad), expect=404).code == "not_found"


def test_request_ids_are_fresh(admin):
    seen = {admin.get("/healthz").headers["X-Request-Id"] for _ in range(20)}
    seen |= {admin.get("/nothing", expect=404).headers["X-Request-Id"] for _ in range(20)}
    assert len(seen) == 40


def test_long_target_is_414(admin):
    answer = admin.get("/webhooks?cursor=" + "a" * 20_000, expect=414)
    assert answer.code == "uri_too_long"


def test_health(admin):
    open_ = admin.with_(key=None)
    assert open_.get("/healthz", expect=200).json == {"status": "ok"}
    assert open_.get("/readyz", expect=200).json == {
        "status": "ready",
        "database": "up",
        "partitions": "there",
        "redis": "up",
    }


def test_openapi_is_served(admin):
    assert admin.with_(key=None).get("/openapi.json", expect=200).json == load()


@pytest.mark.parametrize("path", [p for m, p, s in OPERATIONS if m == "GET" and "{" not in p])
def test_unknown_query_parameters(admin, path):
    answer = admin.get(path, expect=422, nonsense="1")
    assert answer.code == "validation_failed"
    assert answer.fields == ["nonsense"]


def test_answers_are_packed_for_who_takes_it(admin, tenant, address):
    """JSON, not what is small, nor what would take long, nor what goes on."""
    ask = {"Accept-Encoding": "gzip, br"}
    for _ in range(3):
        tenant.write.webhook(address)
    plain = tenant.write.get("/webhooks")
    packed = tenant.write.get("/webhooks", headers=ask, check=False)
    assert "Content-Encoding" not in plain.headers
    assert (packed.headers["Content-Encoding"], packed.headers["Vary"].lower()) == ("gzip", "accept-encoding")
    assert json.loads(gzip.decompress(packed.body)) == plain.json
    assert len(packed.body) * 2 < len(plain.body)
    small = tenant.write.get("/webhooks", headers=ask, search="none")
    assert "Content-Encoding" not in small.headers
    tenant.write.post("/event-types", {"name": "large", "schema": {"description": "x" * 60000}})
    for number in range(5):
        tenant.write.post("/event-types", {"name": f"large{number}", "schema": {"description": "x" * 60000}})
    large = tenant.write.get("/event-types", headers=ask)
    assert len(large.body) > 1 << 18 and "Content-Encoding" not in large.headers


def test_head_has_no_body(shared):
    from harness import raw

    answer = raw.exchange(("127.0.0.1", shared.port), raw.request("HEAD", "/healthz"), 2)
    assert raw.status(answer) in (200, 405)
    assert answer.endswith(b"\r\n\r\n")


ORIGIN = "https://dashboard.example.com"


def test_cors(start):
    client = start(POSTHORN_CORS_ORIGINS=f"https://a.example.com, {ORIGIN}").client()
    answer = client.get("/webhooks", expect=200, headers={"Origin": ORIGIN})
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    preflight = {"Origin": ORIGIN, "Access-Control-Request-Method": "PATCH"}
    path = "/webhooks/wh_01kn2p8v3rf0pbw4gd9ztq6e1x"
    answer = client.with_(key=None).request("OPTIONS", path, headers=preflight, check=False)
    assert {"GET", "PATCH", "DELETE"} <= set(
        answer.headers["Access-Control-Allow-Methods"].split(", ")
    )
    for origin in ("https://evil.example.com", "null", ORIGIN + ".evil.com"):
        answer = client.get("/webhooks", expect=200, headers={"Origin": origin})
        assert answer.headers.get("Access-Control-Allow-Origin") is None


def test_no_cors_by_default(api):
    answer = api.get("/webhooks", expect=200, headers={"Origin": ORIGIN})
    assert answer.headers.get("Access-Control-Allow-Origin") is None
