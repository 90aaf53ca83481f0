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
  case when n in (20, 1000, 1600) then 'rare' else 'plain' end, '{{}}' from generate_series(1, {count}) n returning id, app_id
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
    """What is rare is found page by page, each of which has an end, and may be empty: after 1,000 rows, and after 250 where
    the type is another table's."""
    api = posthorn.client()
    webhook = api.webhook(address, events=["never"])
    row = database.query(
        HISTORY.format(
            app=uuid_of(database, "app", "name = 'default'"), webhook=uuid_of(database, "webhook", "true"), count=2790
        )
    )
    assert row[0][0] == "2790"
    database.query("analyze")
    path = f"/webhooks/{webhook['id']}/deliveries"
    of_type = [0, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 1]
    for where, name, sizes in ((path, "event_type", of_type), ("/events", "type", [0, 2, 1])):
        pages = all_pages(api, where, **{name: "rare"})
        assert [len(page) for page in pages] == sizes, where
        found = [(row.get("event_type") or row["type"], row["id"]) for page in pages for row in page]
        assert {t for t, _ in found} == {"rare"} and len({i for _, i in found}) == 3
        assert sum(len(page) for page in all_pages(api, where, **{name: "rare", "limit": 1})) == 3
    assert [len(page) for page in all_pages(api, path, status="failed")] == [0, 0, 0]
    assert len(api.get(path, status="delivered", limit=250).json["data"]) == 250
    assert sum(len(page) for page in all_pages(api, "/events", limit=250, type="plain")) == 2787
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
create or replace function public.ms_of(t timestamptz) returns int8 language plpgsql stable as $$ begin
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


ATTEMPTS = """
insert into attempt (delivery_id, token, started_at, dns_us, connect_us, tls_us, first_byte_us, total_us, number, code,
 error, body_cut, address, error_text, request_head, response_head, response_body)
select '{delivery}', n, now() + n * interval '1 ms', 0, 0, 0, 0, n, least(n, {last}), 500, 1, false, '', '', '',
 decode(repeat('02', {bytes}), 'hex'), decode(repeat('03', {bytes}), 'hex') from generate_series(1, {count}) n
"""


@pytest.fixture
def attempted(posthorn, database, address):
    """attempted(count, …) → a client, and the path of the attempts of a delivery that has so many."""

    def make(count, last=32767, size=16384):
        api = posthorn.client()
        webhook = api.webhook(address)
        api.patch(f"/webhooks/{webhook['id']}", {"status": "paused"})
        api.publish()
        (delivery,) = api.deliveries(webhook)
        where = uuid_of(database, "delivery", "true")
        database.query(ATTEMPTS.format(delivery=where, count=count, last=last, bytes=size))
        return api, f"/deliveries/{delivery['id']}/attempts"

    return make


@pytest.mark.parametrize("limit", [{}, {"limit": 250}, {"limit": 3}])
def test_attempts_have_so_many_bytes(limit, attempted):
    """Each of them may have 200 KB in JSON: those of a delivery that is tried for long were 500 for ever."""
    api, path = attempted(110)
    pages = all_pages(api, path, **limit)
    assert all(0 < len(page) <= min(limit.get("limit", 50), 70) for page in pages)
    assert [a["number"] for page in pages for a in page] == list(range(110, 0, -1))


def test_attempts_of_one_number(attempted):
    """A crash of PostgreSQL gives a number free again, and at its highest it stays: time and claim tell them apart."""
    api, path = attempted(300, last=7, size=1)
    numbers = [a["number"] for page in all_pages(api, path, limit=4) for a in page]
    assert numbers == [7] * 294 + [6, 5, 4, 3, 2, 1]
    starts = [a["started_at"] for page in all_pages(api, path, limit=11) for a in page]
    assert starts == sorted(starts, reverse=True) and len(set(starts)) == 300


def test_a_cursor_of_attempts_that_was_made_up(attempted):
    api, path = attempted(5, size=1)
    cursor = api.get(path, limit=2).json["next_cursor"]
    assert [a["number"] for a in api.get(path, cursor=cursor).json["data"]] == [3, 2, 1]
    for wrong in ("x", "", "1", cursor + ".1", cursor[:-1] + "x", "9" * 40, "1.1.", "..", "1.1.99999999999999999999"):
        assert api.get(path, cursor=wrong, expect=422).fields == ["cursor"]
    for limit in ("0", "251", "x"):
        assert api.get(path, limit=limit, expect=422).fields == ["limit"]


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
