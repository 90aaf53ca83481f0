"""POSTHORN_EGRESS_PROXY: every request goes through it, by the address that the guard has seen; when it is away, no
receiver is to blame."""

import socket

import pytest
from harness.egress import EgressProxy
from harness.process import PORTS
from harness.receiver import Receiver
from harness.tls import Authority
from harness.wait import until


@pytest.fixture
def proxy():
    made = EgressProxy("127.0.0.2").start()
    yield made
    made.stop()


@pytest.fixture
def client(start, proxy):
    """Receivers are at 127.0.0.1, where webhooks may go; the proxy is not."""
    return start(POSTHORN_EGRESS_PROXY=proxy.url(), POSTHORN_ALLOW_NETWORKS="127.0.0.1/32").client()


def target(receiver):
    return f"127.0.0.1:{receiver.port}"


def test_a_delivery_goes_through_a_tunnel(client, proxy, receiver):
    webhook = client.webhook(receiver.url())
    client.publish(data={"n": 1})
    got = receiver.wait(1)[0]
    assert got.json["data"] == {"n": 1} and got.header("Host") == target(receiver)
    assert not [name for name, _ in got.headers if name.lower().startswith("proxy")]
    assert proxy.asked == [target(receiver)] and proxy.credentials == [""]
    attempt = client.attempted(webhook)[0]
    assert attempt["error"] is None and attempt["address"] == target(receiver)
    assert "Connection established" not in str(attempt)


def test_a_tunnel_is_kept(client, proxy, receiver):
    client.webhook(receiver.url())
    for n in range(3):
        client.publish()
        receiver.wait(n + 1)
        until(lambda: all(r.ended for r in receiver.at("/hook")), 5, "answers")
    assert len(proxy.asked) == 1


def test_tls_is_with_the_receiver(start, proxy, tmp_path):
    authority = Authority(tmp_path)
    secure = Receiver(context=authority.server())
    client = start(POSTHORN_EGRESS_PROXY=proxy.url(), POSTHORN_CA_FILE=authority.file).client()
    webhook = client.webhook(secure.url(host="localhost"))
    client.publish(data={"n": 1})
    assert secure.wait(1)[0].json["data"] == {"n": 1}
    assert client.attempted(webhook)[0]["timings"]["tls_ms"] > 0
    assert proxy.asked == [target(secure)]  # the address, not the name
    secure.close()


def test_credentials_are_shown_to_the_proxy_alone(start, proxy, receiver):
    started = start(POSTHORN_EGRESS_PROXY=proxy.url(user="me:p%40ss@"), POSTHORN_LOG_LEVEL="debug")
    started.client().webhook(receiver.url())
    started.client().publish()
    assert "p@ss" not in receiver.wait(1)[0].head.decode("latin-1")
    assert proxy.credentials == ["me:p@ss"]
    assert "p%40ss" not in started.log() and "p@ss" not in started.log()


def test_the_proxys_name_is_looked_up(start, proxy, receiver):
    local = EgressProxy("127.0.0.1").start()
    client = start(POSTHORN_EGRESS_PROXY=local.url(host="localhost")).client()
    client.webhook(receiver.url())
    client.publish()
    receiver.wait(1)
    assert local.asked == [target(receiver)]
    local.stop()


def test_what_the_guard_refuses_the_proxy_never_hears_of(start, proxy, receiver):
    first = start(POSTHORN_ALLOW_NETWORKS="127.0.0.0/8")
    webhook = first.client().webhook(f"http://127.0.0.3:{receiver.port}/hook")
    first.stop()
    client = start(POSTHORN_EGRESS_PROXY=proxy.url(), POSTHORN_ALLOW_NETWORKS="127.0.0.1/32").client()
    client.publish()
    assert client.attempted(webhook)[0]["error"]["code"] == "address_forbidden"
    assert proxy.asked == [] and receiver.requests == []


@pytest.mark.parametrize("status", [403, 502])
def test_what_it_says_of_a_receiver(client, proxy, receiver, status):
    proxy.says[None] = status
    webhook = client.webhook(receiver.url())
    client.publish()
    error = client.attempted(webhook)[0]["error"]
    assert error["code"] == "connect_failed"
    assert error["message"] == f"the egress proxy answered {status} to a connection to {target(receiver)}"
    assert receiver.requests == []


def test_a_receiver_that_does_not_take_the_connection_in_time(client, proxy, receiver):
    proxy.says[None] = None
    webhook = client.webhook(receiver.url(), timeout_ms=1000)
    client.publish()
    error = client.attempted(webhook)[0]["error"]
    assert error["code"] == "timed_out" and error["message"].startswith("no connection within")


def test_a_proxy_that_takes_no_connection_in_time(start, receiver):
    """It is away, and not the receiver."""
    full = socket.create_server(("127.0.0.2", PORTS.take()), backlog=0)
    waiting = [socket.socket() for _ in range(4)]
    for each in waiting:
        each.setblocking(False)
        each.connect_ex(full.getsockname())
    started = start(POSTHORN_EGRESS_PROXY=f"http://127.0.0.2:{full.getsockname()[1]}")
    webhook = started.client().webhook(receiver.url(), timeout_ms=1000)
    started.client().publish()
    until(lambda: "event=proxy_unreachable" in started.log(), 15, "a try")
    assert started.client().attempts(started.client().only_delivery(webhook)) == []
    for each in (*waiting, full):
        each.close()


@pytest.mark.parametrize("away", [True, False], ids=["away", "407"])
def test_without_the_proxy_no_receiver_is_to_blame(start, proxy, receiver, away):
    """Nothing counts as an attempt, and the delivery goes when the proxy is there, or takes us."""
    if away:
        proxy.stop()
    else:
        proxy.says[None] = 407
    started = start(POSTHORN_EGRESS_PROXY=proxy.url())
    client = started.client()
    webhook = client.webhook(receiver.url())
    client.publish()
    until(lambda: started.log().count("event=proxy_unreachable") >= 2, 15, "two tries")
    assert receiver.requests == []
    proxy.says.clear()
    if away:
        proxy.start()
    receiver.wait(1, timeout=15)
    attempts = client.attempted(webhook)
    assert [a["number"] for a in attempts] == [1] and attempts[0]["error"] is None
