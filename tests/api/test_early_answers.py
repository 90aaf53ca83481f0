"""A receiver that answers what it was not asked yet: nobody's delivery is taken for answered by that."""

import pytest
from harness import replies
from harness.wait import until

OK = replies.head(200, size=2) + b"OK"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nOK\r\n0\r\n\r\n"
EARLY = {
    "later": (OK, OK),
    "half-of-it": (OK, OK[:20]),
    "with-the-answer": (OK + OK, b""),
    "behind-no-body": (replies.head(204) + OK, b""),
    "behind-no-body-and-later": (replies.head(204) + OK[:10], OK[10:]),
    "behind-chunks": (CHUNKED + OK, b""),
    "after-chunks": (CHUNKED, OK),
}


def twice(first, later):
    def reply(receiver, connection, _request):
        connection.sendall(first)
        receiver.stopping.wait(0.05)
        connection.sendall(later)
        return True

    return reply


def end_of(client, webhook):
    client.publish()
    return until(
        lambda: (d := client.only_delivery(webhook))["status"] in ("failed", "delivered") and d,
        10,
        "an end",
    )


@pytest.mark.parametrize("name", EARLY)
def test_what_came_early_answers_nothing(tenant, other_tenant, receiver, name):
    """The next delivery of this app, and one of another that has a webhook at the same host and port."""
    receiver.script("/early", twice(*EARLY[name]))
    receiver.script("/hook", replies.answer(500))
    early = tenant.write.webhook(receiver.url("/early"), retry_schedule=[])
    assert end_of(tenant.write, early)["status"] == "delivered"
    until(lambda: receiver.at("/early")[0].ended, what="what came early")
    tenant.write.delete(f"/webhooks/{early['id']}", expect=204)
    for client in (tenant.write, other_tenant.write):
        delivery = end_of(client, client.webhook(receiver.url(), retry_schedule=[]))
        assert (delivery["status"], delivery["response_code"]) == ("failed", 500)
    connections = [request.connection for request in receiver.requests]
    assert len(set(connections)) == 3, connections


def test_apps_share_no_connection(tenant, other_tenant, receiver):
    mine, others = (
        client.webhook(receiver.url(path))
        for client, path in ((tenant.write, "/mine"), (other_tenant.write, "/others"))
    )
    for n in range(1, 5):
        for client, path in ((tenant.write, "/mine"), (other_tenant.write, "/others")):
            client.publish()
            receiver.wait(n, path)
    for client, webhook in ((tenant.write, mine), (other_tenant.write, others)):
        until(
            lambda c=client, w=webhook: all(
                d["status"] == "delivered"
                for d in c.get(f"/webhooks/{w['id']}/deliveries", expect=200).json["data"]
            )
        )
    of = {path: {r.connection for r in receiver.at(path)} for path in ("/mine", "/others")}
    assert not of["/mine"] & of["/others"]
    assert len(of["/mine"]) < 4 and len(of["/others"]) < 4, "connections are not kept"
