"""Lists that look at much, stand still or are long: they end in time, for whoever asked, and are in nobody's way."""

import socket
import threading
import time

import pytest
from harness import raw
from harness.tenant import Tenant
from harness.wait import until

HISTORY = """
with e as (
 insert into event (id, app_id, test, type, data)
 select new_delivery_id(id_floor(now() - interval '1 h' + n * interval '10 ms')), '{app}', false,
  case when n in (100, 5000, 8000) then 'rare' else 'plain' end, '{{}}' from generate_series(1, {count}) n returning id, app_id
), d as (
 insert into delivery (id, event_id, webhook_id, app_id, next_at, state, test, completed_at)
 select new_delivery_id(id), id, '{webhook}', app_id, now(), 1, false, now() from e returning id
) select count(*) from d
"""
STUCK = (
    "select count(*) from pg_stat_activity where query like '%from api_key where id <%'"
    " and state = 'active' and pid <> pg_backend_pid()"
)


def uuid_of(database, table, where):
    return database.query(f"select id from {table} where {where}")[0][0]


def all_pages(client, path, **query):
    pages, cursor = [], {}
    while True:
        page = client.get(path, **query, **cursor).json
        pages.append(page["data"])
        if page["next_cursor"] is None:
            return pages
        cursor = {"cursor": page["next_cursor"]}


def test_a_filter_looks_at_so_many_rows(posthorn, database, address):
    """What is rare is found page by page, each of which has an end, and may be empty."""
    api = posthorn.client()
    webhook = api.webhook(address, events=["never"])
    row = database.query(
        HISTORY.format(
            app=uuid_of(database, "app", "name = 'default'"), webhook=uuid_of(database, "webhook", "true"), count=14000
        )
    )
    assert row[0][0] == "14000"
    database.query("analyze")
    path = f"/webhooks/{webhook['id']}/deliveries"
    for where, name in ((path, "event_type"), ("/events", "type")):
        pages = all_pages(api, where, **{name: "rare"})
        assert [len(page) for page in pages] == [0, 2, 1], where
        found = [(row.get("event_type") or row["type"], row["id"]) for page in pages for row in page]
        assert {t for t, _ in found} == {"rare"} and len({i for _, i in found}) == 3
        assert sum(len(page) for page in all_pages(api, where, **{name: "rare", "limit": 1})) == 3
    assert [len(page) for page in all_pages(api, path, status="failed")] == [0, 0, 0]
    assert len(api.get(path, status="delivered", limit=250).json["data"]) == 250
    assert sum(len(page) for page in all_pages(api, "/events", limit=250, type="plain")) == 13997
    plan = api.post(f"/webhooks/{webhook['id']}/replay", {"dry_run": True, "status": "delivered", "event_type": "rare"}).json
    assert plan["matched"] == 3, plan


def in_threads(count, function):
    threads = [threading.Thread(target=function) for _ in range(count)]
    for thread in threads:
        thread.start()
    return threads


def test_lists_that_stand_still(posthorn, database):
    """Sixteen of them, and what others post goes on; they end after a short while, and what is behind one of them
    is not lost with it."""
    admin = posthorn.client()
    other = Tenant(admin).write
    other.publish()
    answers = []
    with database.holding("lock table api_key in access exclusive mode"):
        lists = in_threads(16, lambda: answers.append(admin.get("/keys", expect=None)))
        until(lambda: database.query(STUCK)[0][0] == "2", 5, "lists that wait for the lock")
        for _ in range(10):
            began = time.monotonic()
            other.publish()
            assert time.monotonic() - began < 1
        for thread in lists:
            thread.join()
    assert {a.status for a in answers} == {503}
    assert max(a.seconds for a in answers) < 4
    assert len(admin.get("/keys").json["data"]) == 1


SLOW = """
create or replace function ms_of(t timestamptz) returns int8 language plpgsql stable as $$ begin
 if t = '2099-01-01' then perform pg_sleep(10); end if;
 return floor(extract(epoch from t) * 1000); end $$;
insert into api_key (id, name, scope, hash, expires_at) values (id_floor(now()), 'slow', 0, '', '2099-01-01');
"""


def test_nobody_waits_for_it(posthorn, database):
    """A statement ends soon after its client has gone, and makes room for the next list."""
    admin = posthorn.client()
    admin.publish()
    database.query(SLOW)
    request = raw.request("GET", "/v1/keys", [("Authorization", f"Bearer {admin.key}")])
    for _ in range(8):
        with socket.create_connection(("127.0.0.1", posthorn.port), 5) as s:
            s.sendall(request)
            until(lambda: admin.get("/healthz"), 1)
    until(lambda: database.query(STUCK)[0][0] == "0", 1.5, "no statement that waits")
    assert len(admin.get("/events").json["data"]) == 1
    assert admin.get("/keys", expect=503).seconds < 4
    admin.publish()


def test_an_app_has_so_many_at_once(start, database):
    admin = start(POSTHORN_LISTS_PER_APP=2).client()
    other = Tenant(admin).write
    with database.holding("lock table api_key in access exclusive mode"):
        lists = in_threads(2, lambda: admin.get("/keys", expect=503))
        until(lambda: database.query(STUCK)[0][0] == "2", 5, "lists that wait for the lock")
        for path in ("/keys", "/events", "/jobs", "/apps"):
            refused = admin.get(path, expect=429)
            assert (refused.code, refused.headers["Retry-After"]) == ("app_limit", "1")
            assert "POSTHORN_LISTS_PER_APP" in refused.json["detail"]
        for thread in lists:
            thread.join()
    assert other.get("/events").json["data"] == []
    assert len(admin.get("/keys").json["data"]) == 1


@pytest.mark.parametrize("limit", [250, 7])
def test_a_page_has_so_many_bytes(limit, api, address):
    """Then it ends with a cursor; lists of more than an answer may have were 500 for ever."""
    pad = {f"key{n:02}": "\x01" * 500 for n in range(50)}
    made = {api.webhook(address, metadata=pad)["id"] for _ in range(120)}
    pages = all_pages(api, "/webhooks", limit=limit)
    assert len(pages) > 1 and all(pages)
    assert {w["id"] for page in pages for w in page} == made
    assert sum(len(page) for page in pages) == len(made)


def test_answers_have_so_many_bytes_together(start, address):
    """Who does not read keeps what it asked for in memory: as much as all may have, and no more."""
    server = start(POSTHORN_ANSWERS_MIB=8)
    api = server.client()
    pad = {f"key{n:02}": "\x01" * 500 for n in range(20)}
    for _ in range(100):
        api.webhook(address, metadata=pad)
    request = raw.request("GET", "/v1/webhooks?limit=250", [("Authorization", f"Bearer {api.key}")])
    idle = []
    for _ in range(2):
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.connect(("127.0.0.1", server.port))
        s.sendall(request)
        idle.append(s)
    refused = until(lambda: (a := api.get("/webhooks", limit=250, expect=None)).status == 503 and a, 5, "a refusal")
    assert refused.code == "overloaded" and "POSTHORN_ANSWERS_MIB" in refused.json["detail"]
    assert len(api.get("/webhooks", limit=1).json["data"]) == 1
    for s in idle:
        s.close()
    until(lambda: api.get("/webhooks", limit=250, expect=None).status == 200, 5, "room")
