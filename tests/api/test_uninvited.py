"""Who has no key costs nobody else anything: what a guess may reach, and how much of a request is kept of it."""

import base64
import hashlib
import secrets
import select
import socket
import uuid

from harness import raw
from harness.tenant import Tenant

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def id_text(number):
    return "".join(ALPHABET[number >> 5 * i & 31] for i in reversed(range(26)))


def old_key(id_=None):
    """A key as they were made before they had a check; by chance, unless its hash is stored."""
    id_ = uuid.uuid4() if id_ is None else id_
    secret = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip("=")
    return f"ph_{id_text(id_.int)}_{secret}"


def connect(address, data):
    s = socket.create_connection(address, 10)
    s.sendall(data)
    return s


def answers(sockets, seconds):
    """What the sockets have to say at once, until so many seconds pass without a word of any."""
    left, said = set(sockets), []
    while left:
        ready, _, _ = select.select(left, [], [], seconds)
        if not ready:
            break
        for s in ready:
            left.remove(s)
            said.append(s.recv(65536))
    return said


def test_keys_made_before_there_was_a_check(start, database):
    server = start()
    app = server.client().get("/apps").json["data"][0]
    id_ = uuid.uuid4()
    key = old_key(id_)
    database.query(
        "insert into api_key (id, app_id, name, scope, hash) select"
        f" '{id_}', id, 'old', 2, '\\x{hashlib.sha256(key.encode()).hexdigest()}' from app"
        f" where name = '{app['name']}' returning id"
    )
    old = server.client(key=key)
    old.publish()
    old.with_(key=key[:-2] + ("AA" if key[-2:] != "AA" else "BA")).get("/webhooks", expect=401)
    assert len(old.get("/events").json["data"]) == 1


def test_guesses_do_not_queue(start, database):
    """A table that stands still, and 200 guesses: all but a few are told so at once, and nobody else waits for them."""
    server = start(POSTHORN_KEY_LOOKUPS=128)
    admin = server.client()
    api = Tenant(admin).write
    address = ("127.0.0.1", server.port)
    api.publish()
    with database.holding("lock table api_key in access exclusive mode"):
        guesses = [
            connect(address, raw.request("GET", "/v1/webhooks", [("Authorization", f"Bearer {old_key()}")]))
            for _ in range(200)
        ]
        said = answers(guesses, 1)
        assert {raw.status(s) for s in said} == {503}
        assert len(said) == 198
        assert all(b"POSTHORN_KEY_LOOKUPS" in s and b"Retry-After: 1\r\n" in s for s in said)
    for s in guesses:
        s.close()
    api.publish()
