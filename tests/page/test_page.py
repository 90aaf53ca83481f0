"""The pages at /dashboard and /docs: their files, and what people do there in a real Chromium (journeys.mjs)."""

import gzip
import os
import pathlib
import re
import subprocess

import pytest
from harness import replies
from harness.wait import until

HERE = pathlib.Path(__file__).parent
JOURNEYS = re.findall(r"^  async (\w+)\(browser\)", (HERE / "journeys.mjs").read_text(), re.M)
POLICY = {"default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "frame-ancestors 'none'"}


@pytest.fixture
def server(start):
    return start()


def test_its_files(server):
    client = server.client().with_(prefix="")
    page = client.request("GET", "/dashboard", check=False)
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert POLICY <= set(page.headers["Content-Security-Policy"].split("; "))
    names = re.findall(rb'(?:src|href)="dashboard/([\w.]+)"', page.body)
    assert len(names) == 3
    files = [client.request("GET", f"/dashboard/{name.decode()}", check=False) for name in names]
    assert sum(len(f.body) for f in files) + len(page.body) < 200_000
    for name, file in zip(names, files, strict=True):
        known = client.request(
            "GET", f"/dashboard/{name.decode()}", headers={"If-None-Match": file.headers["ETag"]}, check=False, expect=304
        )
        assert known.body == b""
    missing = client.request("GET", "/dashboard/../server.c", check=False, expect=404)
    assert missing.code == "not_found"


def test_docs(server):
    client = server.client().with_(prefix="")
    page = client.request("GET", "/docs", check=False)
    policy = page.headers["Content-Security-Policy"].split("; ")
    assert {"default-src 'none'", "script-src 'self'", "connect-src 'self'"} <= set(policy)
    assert b'href="dashboard"' in page.body
    plain = client.request("GET", "/docs/openapi-explorer.js", check=False)
    packed = client.request("GET", "/docs/openapi-explorer.js", headers={"Accept-Encoding": "br, gzip"}, check=False)
    assert packed.headers["Content-Encoding"] == "gzip"
    assert packed.headers["ETag"] != plain.headers["ETag"]
    assert gzip.decompress(packed.body) == plain.body
    for name in (b for b in re.findall(rb'href="(docs/[\w.-]+)"', page.body)):
        assert client.request("GET", f"/{name.decode()}", check=False).status == 200
    assert client.request("GET", "/docs/none", check=False, expect=404).code == "not_found"


@pytest.mark.parametrize("journey", JOURNEYS)
def test_journey(server, receiver, journey):
    client = server.client()
    receiver.script("/fails-once", replies.answer(500), replies.answer(200))
    receiver.script("/second", *[replies.answer(401), replies.answer(200)] * 2)
    receiver.script("/never", replies.answer(403))
    environment = {
        **os.environ,
        "URL": f"http://127.0.0.1:{server.port}",
        "KEY": client.key,
        "READER": client.post("/keys", {"name": "reader", "scope": "read"}).json["key"],
        "RECEIVER": receiver.url(""),
    }
    out = subprocess.run(
        ["node", HERE / "journeys.mjs", journey], env=environment, capture_output=True, text=True, timeout=100, check=False
    )
    print(out.stdout)
    assert out.returncode == 0, out.stdout + out.stderr
    shown = re.findall(r"^shown: (.*)$", out.stdout, re.M)
    until(lambda: set(shown) <= {r.body.decode() for r in receiver.at("/taken")}, what="what was shown")
