"""At debug each request has a line in the log, and no line has what is nobody's business."""

import re

from harness import raw
from harness.wait import until


def requests(server):
    lines = [line for line in server.log().splitlines() if "event=request " in line]
    return [dict(re.findall(r"(\w+)=(\S+)", line)) for line in lines]


def line_of(server, answer):
    found = [line for line in requests(server) if line["request"] == answer.headers["X-Request-Id"]]
    assert len(found) == 1
    return found[0]


def test_a_request_has_a_line(start):
    server = start(POSTHORN_LOG_LEVEL="debug")
    client = server.client()
    webhook = client.webhook("https://example.com/hook")
    line = line_of(server, client.get(f"/webhooks/{webhook['id']}"))
    assert (line["method"], line["route"], line["status"]) == ("GET", "/webhooks/{id}", "200")
    assert line["app"].startswith("app_") and 0 < float(line["ms"]) < 5000
    assert webhook["id"] not in server.log()
    assert line_of(server, client.request("HEAD", "/healthz", check=False))["method"] == "HEAD"


def test_so_has_one_that_is_refused(start):
    server = start(POSTHORN_LOG_LEVEL="debug")
    client = server.client()
    line = line_of(server, client.with_(key="ph_nobody").get("/webhooks", expect=401))
    assert (line["app"], line["route"], line["status"]) == ("-", "/webhooks", "401")
    line = line_of(server, client.get("/nowhere/s3cret", expect=404, check=False))
    assert (line["method"], line["route"], line["status"]) == ('"GET"', "-", "404")
    head = raw.request("POST", "/v1/events", [("Content-Length", "99999999")])
    raw.exchange(client.address, head)
    until(lambda: [line for line in requests(server) if line["status"] == "413"], 5)


def test_nothing_private_is_in_it(start):
    server = start(POSTHORN_LOG_LEVEL="debug")
    client = server.client()
    client.get("/webhooks", expect=422, cursor="s3cret")
    client.post("/events", {"type": "a", "data": {"s3cret": "s3cret"}}, headers={"Idempotency-Key": "s3cret"})
    client.request("PUT", "/s3cret", expect=404, check=False)
    log = server.log()
    assert len(requests(server)) >= 3 and "s3cret" not in log and client.key not in log


def test_at_info_there_is_none(start):
    server = start()
    server.client().get("/webhooks")
    assert not requests(server)
