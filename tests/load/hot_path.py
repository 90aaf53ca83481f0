"""What a delivery writes into the ledger, as scripts for pgbench: the rows, columns and indexes that the statements of
src/store/ write, and no more than that. Nobody asks which webhooks want an event, which deliveries are due, or who is first
of a lane. Accepting waits for the disk, the others do not.

`test_hot_path.py` holds the rows against those of Posthorn."""

ACCEPT = """
with r as materialized (
 select (lpad(to_hex((extract(epoch from clock_timestamp()) * 1000)::int8), 12, '0') || '7' ||
         substr(md5(random()::text || n), 1, 19))::uuid as id
   from generate_series(1, :events::int) n
), w as materialized (select id, app_id from webhook limit :fan::int
), e as (
 insert into event (id, app_id, test, type, data)
 select r.id, (select app_id from w limit 1), false, 'order.created', p.data from r, payload p
), d as (
 insert into delivery (id, event_id, webhook_id, app_id, next_at, state, test)
 select new_delivery_id(r.id), r.id, w.id, w.app_id, now(), 0, false from r, w returning id
) select array_agg(id order by id) as ids, (array_agg(id order by id))[1] as low,
   (array_agg(id order by id desc))[1] as high from d
"""

CLAIM = """
with o as materialized (select set_config('synchronous_commit', 'off', true)
), c as (
 update delivery d set lease_token = :token::int8, lease_owner = :client_id::int8,
  lease_until = now() + interval '75 s', attempts = least(d.attempts + 1, 32767)
   from webhook w, o where w.id = d.webhook_id and d.id = any (:ids::uuid[]) and d.id between :low::uuid and :high::uuid
    and d.state + 0 = 0 and d.next_at + interval '0 s' <= now() + interval '5 ms'
 returning d.id, d.event_id, d.webhook_id
), l as (insert into lease (owner, token, ids) select :client_id::int8, :token::int8, array_agg(id) from c
) select c.id, case when lag(c.event_id) over (order by c.id) is distinct from c.event_id then e.data end, e.type, w.*
   from c cross join lateral (select type, data from event where id = c.event_id
    and id between (left(:low::text, 18) || '-0000-000000000000')::uuid
     and (left(:high::text, 18) || '-ffff-ffffffffffff')::uuid offset 0) e
   join webhook w on w.id = c.webhook_id;
"""

FINISH = """
with o as materialized (select set_config('synchronous_commit', 'off', true)
), l as (delete from lease where owner = :client_id::int8 and token = :token::int8
) update delivery d set state = 1, attempts = 1, step = 0, last_code = 200, last_us = 500, last_error = 0,
   next_at = d.next_at, completed_at = now(), waits = 0, waiting_since = null, crashes = null,
   sent_token = d.lease_token, sent_at = now(), sent_number = 1, sent_code = 200, sent_first_byte_us = 400,
   sent_total_us = 500, sent_address = p.address, sent_url = p.url, sent_request_head = p.request_head,
   sent_response_head = p.response_head, sent_response_body = 'ok',
   lease_token = null, lease_owner = null, lease_until = null
  from payload p, o
   where d.id = any (:ids::uuid[]) and d.id between :low::uuid and :high::uuid and d.state + 0 = 0
    and d.lease_token = :token::int8 returning d.id;
"""

SCRIPTS = {
    "accept": ACCEPT + "\\gset\n",
    "ledger": "\\set token random(1, 1000000000000000)\n" + ACCEPT + "\\gset\n" + CLAIM + FINISH,
}

# Random bytes, as those of post.c: nothing of them can be compressed away. Heads are as long as they are stored
# (src/core/shorthand.c): a request's is signatures for the most part, an answer's phrases.
PAYLOAD = """
CREATE TABLE payload AS
SELECT convert_to(left(text, {size}), 'UTF8') AS data, convert_to(right(text, 118), 'UTF8') AS request_head,
       '\\x010024b39a320d0a'::bytea AS response_head, '127.0.0.1:12345' AS address,
       'http://127.0.0.1:12345/hook/0' AS url
  FROM (SELECT replace(encode(string_agg(uuid_send(gen_random_uuid()), ''), 'base64'), chr(10), '') AS text
          FROM generate_series(1, {size} / 20 + 10)) x"""


def payload(size):
    """Makes the table that the scripts take values from, with events of so many bytes."""
    return PAYLOAD.format(size=size)
