"""A client that hangs up while the partition that its event needs is being made: what it posted may be
stored, and what others posted with it is."""

import socket
import struct

from harness import raw
from harness.wait import until

MAKING = "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'select days_make%' AND wait_event_type = 'Lock'"


def without_today(database):
    database.query(
        "DO $$ BEGIN EXECUTE (SELECT 'drop table ' || string_agg(child::text, ', ') FROM ledger_range"
        " WHERE since <= now() AND now() < until); END $$"
    )


def post(server, key, type_):
    """A request whose answer is still to come."""
    body = b'{"type":"%s","data":{}}' % type_.encode()
    headers = [("Authorization", f"Bearer {key}"), ("Content-Length", len(body))]
    client = socket.create_connection(("127.0.0.1", server.port), 15)
    client.sendall(raw.request("POST", "/v1/events", headers, body))
    return client


def while_partitions_are_made(database, server, types):
    """Posts an event of each type while PostgreSQL cannot make the partition; the clients."""
    clients = [post(server, server.client().key, type_) for type_ in types]
    until(lambda: database.query(MAKING), 5, "somebody to make partitions")
    return clients


# Lets insert into the table, and nobody attach a partition to it.
HOLD = "LOCK TABLE event IN SHARE UPDATE EXCLUSIVE MODE"


def hang_up(client):
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def types(client):
    return sorted(e["type"] for e in client.get("/events").json["data"])


def test_the_only_client(start, database, address):
    server = start(role="api")
    client = server.client()
    client.webhook(address)
    without_today(database)
    with database.holding(HOLD):
        hang_up(*while_partitions_are_made(database, server, ["gone"]))
    client.publish("after")
    assert [t for t in types(client) if t != "gone"] == ["after"]


def test_one_of_several(start, database, address):
    """Those that stay are answered, and what they posted is stored once."""
    server = start(role="api")
    client = server.client()
    client.webhook(address)
    without_today(database)
    with database.holding(HOLD):
        first, gone, last = while_partitions_are_made(database, server, ["one", "gone", "three"])
        hang_up(gone)
    for stays in (first, last):
        assert raw.status(stays.recv(4096)) == 202
        stays.close()
    assert [t for t in types(client) if t != "gone"] == ["one", "three"]
    client.publish("after")
