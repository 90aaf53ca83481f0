"""Addresses that nothing is sent to: refused when a webhook is made, in any spelling, and when a
name resolves to one."""

import re

import pytest
from harness.wait import until

FORBIDDEN = [
    "127.0.0.1",
    "127.1",
    "127.0.1",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0x7F.0.0.0x1",
    "0177.0.0.1",
    "017700000001",
    "127.255.255.255",
    "0",
    "0.0.0.0",
    "0.1.2.3",
    "%31%32%37.0.0.1",
    "127%2e0.0.1",
    "[::1]",
    "[::]",
    "[0:0:0:0:0:0:0:1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::127.0.0.1]",
    "[::ffff:0:127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[64:ff9b:1::1]",
    "[2002:7f00:1::]",
    "[2001::1]",
    "[2001:db8::1]",
    "[3fff::1]",
    "[fc00::1]",
    "[fd00:ec2::254]",
    "[fe80::1]",
    "[fec0::1]",
    "[ff02::1]",
    "[100::1]",
    "[5f00::1]",
    "[2001:10::1]",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.100.100.200",
    "169.254.169.254",
    "169.254.170.2",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "168.63.129.16",
    "0xa9fea9fe",
    "2852039166",
    "0251.0376.0251.0376",
    "localhost",
    "LOCALHOST",
    "localhost.",
    "a.localhost",
    "printer.local",
    "db.internal",
    "metadata.google.internal",
    "router.home.arpa",
    "x.onion",
    "single",
    "①②⑦.⓪.⓪.①",
    "127。0。0。1",
]
TRICKS = [
    "https://1.1.1.1\\@127.0.0.1/",
    "https://127.0.0.1\\@1.1.1.1/",
    "https://1.1.1.1#@127.0.0.1/",
    "https://1.1.1.1 @127.0.0.1/",
    "http:/127.0.0.1/",
    "http:127.0.0.1",
    "//127.0.0.1/",
    "http://127.0.0.1:80\\@example.com/",
    "http://[::1]@example.com/",
    "https://example.com@127.0.0.1/",
]
ALLOWED = [
    "hooks.example.com",
    "1.1.1.1",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.0",
    "169.253.255.255",
    "172.15.255.255",
    "172.32.0.0",
    "192.167.255.255",
    "223.255.255.255",
    "[2606:4700::1111]",
    "[2a00::1]",
    "0x08080808",
    "localhost.example.com",
]


@pytest.fixture(scope="module")
def closed(postgres, template, contract, tmp_path_factory):
    """A server that opens no network."""
    from harness.redis import Redis
    from harness.server import Posthorn, options

    database, redis = postgres.create(template=template.name), Redis().start()
    server = Posthorn(
        options(database, redis, POSTHORN_ALLOW_NETWORKS=None),
        str(tmp_path_factory.mktemp("closed")),
        contract,
    )
    server.database = database
    try:
        yield server.start()
        server.stop()
    finally:
        server.kill()
        redis.destroy()


@pytest.mark.parametrize("host", FORBIDDEN)
def test_forbidden(closed, host):
    client, counts = closed.client(), closed.database.counts()
    for url in (f"https://{host}/in", f"http://{host}:8080/in"):
        answer = client.post("/webhooks", {"url": url, "events": ["*"]}, expect=422)
        assert answer.fields == ["url"]
    assert closed.database.counts() == counts


@pytest.mark.parametrize("url", TRICKS)
def test_tricks(closed, url):
    answer = closed.client().post("/webhooks", {"url": url, "events": ["*"]}, expect=422)
    assert answer.fields == ["url"]


@pytest.mark.parametrize("host", ALLOWED)
def test_allowed(closed, host):
    client = closed.client()
    made = client.webhook(f"https://{host}/in")
    client.delete(f"/webhooks/{made['id']}", expect=204)


def test_forbidden_in_patch(closed, address):
    client = closed.client()
    made = client.webhook(address)
    answer = client.patch(f"/webhooks/{made['id']}", {"url": "http://127.0.0.1/"}, expect=422)
    assert answer.fields == ["url"]
    assert client.get(f"/webhooks/{made['id']}").json["url"] == address
    client.delete(f"/webhooks/{made['id']}", expect=204)


def test_opened_networks_open_no_others(api):
    """127.0.0.0/8 and ::1 are open on this server."""
    api.webhook("http://127.0.0.1:2/")
    api.webhook("http://localhost:2/")
    for host in ("[::ffff:127.0.0.1]", "[fd00::1]", "10.0.0.1", "169.254.169.254"):
        api.post("/webhooks", {"url": f"http://{host}/", "events": ["*"]}, expect=422)


def test_stored_before_the_network_was_closed(start, receiver):
    """What was allowed once is judged again at every delivery."""
    server = start()
    webhook = server.client().webhook(receiver.url())
    named = server.client().webhook(receiver.url("/named", host="localhost"))
    server.stop()
    server = start(POSTHORN_ALLOW_NETWORKS="10.0.0.0/8")
    client = server.client()
    assert client.publish()["deliveries"] == 2
    for hook in (webhook, named):
        attempt = client.attempted(hook)[0]
        assert (attempt["status"], attempt["response"]) == ("failed", None)
        assert attempt["error"]["code"] in ("address_forbidden", "bad_url")
        assert attempt["address"] is None
    assert receiver.opened == 0


def test_where_a_name_leads_inside_is_told_to_the_operator_only(start, receiver):
    """Whoever may set a URL could else look up names of the operator's network by it."""
    server = start()
    named = server.client().webhook(receiver.url("/named", host="localhost"))
    server.stop()
    server = start(POSTHORN_ALLOW_NETWORKS="10.0.0.0/8")
    client = server.client()
    client.publish()
    attempt = client.attempted(named)[0]
    assert attempt["error"]["code"] == "address_forbidden" and attempt["address"] is None
    delivery = client.only_delivery(named)
    whole = client.get(f"/deliveries/{delivery['id']}").json
    for message in (attempt["error"]["message"], whole["last_error"]["message"]):
        assert "not public" in message and "127.0.0.1" not in message and "::1" not in message
    line = until(lambda: re.search(r"event=address_forbidden .*", server.log()), 5, "the log")[0]
    assert delivery["id"] in line and ("127.0.0.1" in line or "::1" in line)


def test_environment_proxies_are_not_used(start, receiver):
    proxy = {
        name: receiver.url("/") for name in ("http_proxy", "https_proxy", "ALL_PROXY", "HTTP_PROXY")
    }
    client = start(**proxy).client()
    webhook = client.webhook("http://127.0.0.1:2/")
    client.publish()
    attempt = client.attempted(webhook)[0]
    assert attempt["error"]["code"] == "connect_failed"
    assert receiver.opened == 0


def test_names_that_do_not_exist(api):
    webhook = api.webhook("http://does-not-exist.invalid/")
    api.publish()
    attempt = api.attempted(webhook, timeout=25)[0]
    assert attempt["error"]["code"] in ("dns_failed", "timed_out")
    until(lambda: api.only_delivery(webhook)["attempts"] == 1, 5)


# --- ports ---------------------------------------------------------------------------------------------

OF_OTHERS = (21, 22, 23, 25, 53, 110, 143, 445, 465, 587, 993, 995, 3306, 5432, 6379, 11211, 27017)
PORT_PROBLEM = "has a port that webhooks may not have (POSTHORN_ALLOW_PORTS)"


def port_problem(answer):
    return [(e["field"], e["message"]) for e in answer.json["errors"]] == [("url", PORT_PROBLEM)]


def test_ports_of_other_services(api, address):
    made = api.webhook(address)
    for port in OF_OTHERS:
        for url in (f"http://hooks.example.com:{port}/in", f"https://127.0.0.1:{port}/in"):
            assert port_problem(api.post("/webhooks", {"url": url, "events": ["*"]}, expect=422))
            assert port_problem(api.patch(f"/webhooks/{made['id']}", {"url": url}, expect=422))
    for port in (80, 443, 3000, 8080, 8443, 65535):
        api.webhook(f"https://hooks.example.com:{port}/in")


def test_listed_ports(start, address):
    client = start(POSTHORN_ALLOW_PORTS="25, 8000-8999").client()
    for port in (25, 8000, 8999):
        client.webhook(f"https://hooks.example.com:{port}/in")
    for url in (address, "http://hooks.example.com/in", "http://hooks.example.com:9000/in"):
        assert port_problem(client.post("/webhooks", {"url": url, "events": ["*"]}, expect=422))


def test_stored_before_the_port_was_closed(start, receiver):
    server = start()
    webhook = server.client().webhook(receiver.url())
    server.stop()
    client = start(POSTHORN_ALLOW_PORTS="443").client()
    client.publish()
    attempt = client.attempted(webhook)[0]
    assert attempt["error"] == {
        "code": "bad_url",
        "message": f"port {receiver.port} is not open to webhooks, so nothing was sent",
    }
    assert attempt["response"] is None and receiver.opened == 0
