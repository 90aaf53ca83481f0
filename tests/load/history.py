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

FILLED = "SELECT relname FROM pg_class WHERE relname ~ '^(event|delivery)_[0-9]+$' AND pg_relation_size(oid) > 0"


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
    # Not those of days to come: what was empty when it was analyzed is planned badly (migrations/README.md, traps).
    for (partition,) in database.query(FILLED):
        psql(database, f"VACUUM ANALYZE {partition}")
