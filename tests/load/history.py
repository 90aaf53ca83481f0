"""Deliveries that a webhook has had, made in the ledger itself: there is no time to send millions."""

import subprocess

from harness.postgres import binary

STEP = 500000

HISTORY = """
WITH e AS (
INSERT INTO event (id, app_id, test, type, data)
SELECT (lpad(to_hex(ms_of(now()) - n / 10), 12, '0') || '70008000' ||
        lpad(to_hex(n), 12, '0'))::uuid,
       '{app}', false, 'order.created', convert_to(repeat('x', 260), 'UTF8')
  FROM generate_series({first}, {last}) n
RETURNING id
), d AS (
INSERT INTO delivery (id, event_id, webhook_id, app_id, next_at, completed_at, state, attempts, test)
SELECT id, id, '{webhook}', '{app}', now(), now(), 1, 1, false FROM e
)
INSERT INTO attempt (delivery_id, token, started_at, dns_us, connect_us, tls_us, first_byte_us,
       total_us, number, code, error, body_cut, address, error_text, request_head, response_head,
       response_body)
SELECT id, 1, now(), 0, 0, 0, 500, 600, 1, 200, 0, false, '127.0.0.1:1', '',
       convert_to(repeat('h', 250), 'UTF8'), 'HTTP/1.1 200 OK', 'ok' FROM e;
"""


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
    psql(database, "VACUUM ANALYZE event, delivery, attempt")
