"""Deliveries that a webhook has had, made in the ledger itself: there is no time to send millions."""

import subprocess

from harness.postgres import binary

STEP = 500000

# Inserted and then updated, as they are by Posthorn: so many stand in a page, since the last version of a row is longer
# than its first. In one transaction, so that nobody delivers them. Heads are stored in shorthand (src/core/shorthand.c).
HISTORY = """
WITH e AS (
INSERT INTO event (id, app_id, test, type, data)
SELECT (lpad(to_hex(ms_of(now()) - n / 10), 12, '0') || '70008000' ||
        lpad(to_hex(n), 12, '0'))::uuid,
       '{app}', false, 'order.created', convert_to(repeat('x', 260), 'UTF8')
  FROM generate_series({first}, {last}) n
RETURNING id
)
INSERT INTO delivery (id, event_id, webhook_id, app_id, next_at, state, test)
SELECT id, id, '{webhook}', '{app}', now(), 0, false FROM e;

UPDATE delivery
   SET state = 1, attempts = 1, last_code = 200, last_us = 600, last_error = 0, completed_at = now(),
       sent_token = 1, sent_at = now(), sent_number = 1, sent_code = 200, sent_first_byte_us = 500, sent_total_us = 600,
       sent_address = '127.0.0.1:12345', sent_url = 'http://127.0.0.1:12345/hook/0',
       sent_request_head = convert_to(repeat('h', 118), 'UTF8'), sent_response_head = '\\x010024b39a320d0a',
       sent_response_body = 'ok'
 WHERE webhook_id = '{webhook}' AND state = 0;
"""

# Of an app whose webhooks get it in turns, over `hours`: three of a hundred fail, each with six attempts, but none
# of the newest: who looks for those has to look further. What people count is what the worker would have made of it.
APP = """
CREATE TEMPORARY TABLE hook AS
SELECT id, row_number() OVER (ORDER BY id) - 1 AS place, count(*) OVER () AS hooks FROM webhook WHERE app_id = '{app}';
CREATE TEMPORARY TABLE made AS
SELECT n, (lpad(to_hex(ms_of(now()) - n::int8 * {hours} * 3600000 / {count}), 12, '0') || '7' ||
           lpad(to_hex(n % 4096), 3, '0') || '8000' || lpad(to_hex(n), 12, '0'))::uuid AS id,
       h.id AS webhook, now() - n::int8 * {hours} * interval '1 h' / {count} AS at, n > {peace} AND (n * 7919::int8 + n / h.hooks) % 100 < 3 AS fails,
       (array[500, 503, 404, 0])[1 + n / h.hooks % 4] AS code
  FROM generate_series(1, {count}) n JOIN hook h ON h.place = n % h.hooks;
INSERT INTO event (id, app_id, test, type, data)
SELECT id, '{app}', false, (array['order.created', 'order.paid', 'user.created'])[1 + n % 3],
       convert_to(format('{{"number": %s, "note": "%s"}}', n, repeat('x', 230)), 'UTF8') FROM made;
INSERT INTO delivery (id, event_id, webhook_id, app_id, next_at, state, test)
SELECT id, id, webhook, '{app}', now(), 0, false FROM made;
UPDATE delivery d
   SET state = CASE WHEN fails THEN 2 ELSE 1 END, attempts = CASE WHEN fails THEN 6 ELSE 1 END, last_us = 600,
       last_code = CASE WHEN NOT fails THEN 200 ELSE nullif(code, 0) END,
       last_error = CASE WHEN NOT fails THEN 0 WHEN code = 0 THEN 6 ELSE 9 END, completed_at = at
  FROM made m WHERE m.id = d.id;
UPDATE delivery d
   SET sent_token = 1, sent_at = at, sent_number = 1, sent_code = 200, sent_first_byte_us = 500, sent_total_us = 600,
       sent_address = '127.0.0.1:12345', sent_url = 'http://127.0.0.1:12345/hook/0',
       sent_request_head = convert_to(repeat('h', 118), 'UTF8'), sent_response_head = '\\x010024b39a320d0a',
       sent_response_body = 'ok'
  FROM made m WHERE m.id = d.id AND NOT fails;
INSERT INTO attempt (delivery_id, token, started_at, total_us, number, code, error, address, request_head)
SELECT id, number, at, 600, number, nullif(code, 0), CASE WHEN code = 0 THEN 6 ELSE 9 END, '127.0.0.1:12345', ''
  FROM made, generate_series(1, 6) number WHERE fails;
INSERT INTO tally (app_id, webhook_id, hour, attempts, succeeded, exhausted, retried, last_success_at, last_failure_at, times)
SELECT '{app}', coalesce(webhook, '00000000-0000-0000-0000-000000000000'), date_trunc('hour', at),
       sum(CASE WHEN fails THEN 6 ELSE 1 END), count(*) FILTER (WHERE NOT fails), count(*) FILTER (WHERE fails),
       sum(CASE WHEN fails THEN 5 ELSE 0 END), max(at) FILTER (WHERE NOT fails), max(at) FILTER (WHERE fails),
       array[0, 0, 0, 1, 2, 5, 9, 20, 30, 20, 9, 5, 2, 1] FROM made GROUP BY GROUPING SETS ((webhook, 3), (3));
INSERT INTO issue (id, opening, app_id, webhook_id, error, code, status, first_at, last_at, attempts, deliveries, oldest_at,
                   delivery_id)
SELECT id, id, '{app}', webhook, CASE WHEN code = 0 THEN 6 ELSE 9 END, code, row_number() OVER () % 3, first, last, count * 6, count,
       first, delivery
  FROM (SELECT new_id() AS id, webhook, code, min(at) AS first, max(at) AS last, count(*) AS count, max(id::text)::uuid AS delivery
          FROM made WHERE fails GROUP BY webhook, code) i;
UPDATE webhook SET failing_since = now() - interval '2 h', gate_failures = 20 + place, gate_error = 9
  FROM hook WHERE hook.id = webhook.id AND place % 40 = 0;
"""

FILLED = "SELECT relname FROM pg_class WHERE relname ~ '^(event|delivery|attempt)_[0-9]+$' AND pg_relation_size(oid) > 0"


def psql(database, sql):
    subprocess.run(
        [binary("psql"), "-Xq", "-v", "ON_ERROR_STOP=1", "-d", database.url, "-c", sql],
        check=True,
        timeout=600,
    )


def add_history(database, count, path="/hook"):
    """For the webhook whose URL ends with `path`, ten deliveries each millisecond before now."""
    if count == 0:
        return
    ((webhook, app),) = database.query(f"SELECT id, app_id FROM webhook WHERE url LIKE '%{path}'")
    for first in range(1, count + 1, STEP):
        last = min(first + STEP - 1, count)
        psql(database, HISTORY.format(app=app, webhook=webhook, first=first, last=last))
    analyze(database)


PEACE = 1500


def add_app_history(database, app, count, hours=24):
    """For all webhooks of the app, which has its id as the ledger has it."""
    psql(database, APP.format(app=app, count=count, hours=hours, peace=PEACE))
    analyze(database)
    psql(database, "VACUUM ANALYZE tally, issue, webhook")


def analyze(database):
    """Not those of days to come: what was empty when it was analyzed is planned badly (migrations/README.md, traps)."""
    for (partition,) in database.query(FILLED):
        psql(database, f"VACUUM ANALYZE {partition}")
