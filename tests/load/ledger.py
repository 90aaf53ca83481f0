"""What the ledger has of a run: the events say which they are (post.c)."""

LEDGER = """
WITH e AS MATERIALIZED (
SELECT id, substring(head FROM '"number":(\\d+)')::int8 AS number
  FROM (SELECT id, convert_from(substr(data, 1, 150), 'UTF8') AS head
          FROM event /*bench*/ WHERE id >= id_floor(time_of({start_ms} - 1000))) e
 WHERE head LIKE '%"run":{run},%'
), d AS MATERIALIZED (
SELECT d.id, d.webhook_id, d.state, d.completed_at, e.number
  FROM e JOIN delivery d ON d.event_id = e.id WHERE d.id >= id_floor(time_of({start_ms} - 1000))
), a AS MATERIALIZED (
SELECT delivery_id, code BETWEEN 200 AND 299 AS success
  FROM attempts WHERE delivery_id >= id_floor(time_of({start_ms} - 1000)) AND delivery_id IN (SELECT id FROM d)
)
SELECT (SELECT count(*) FROM e), (SELECT count(DISTINCT number) FROM e),
       coalesce((SELECT max(number) FROM e), -1),
       (SELECT count(*) FROM d), (SELECT count(*) FROM (SELECT DISTINCT webhook_id, number FROM d) x),
       (SELECT count(*) FROM d WHERE state = 0), (SELECT count(*) FROM d WHERE state = 1),
       (SELECT count(*) FROM a WHERE success), (SELECT count(DISTINCT delivery_id) FROM a WHERE success),
       (SELECT count(*) FROM a WHERE success IS NOT TRUE),
       coalesce((SELECT us_of(max(completed_at)) FROM d), 0)"""

NAMES = (
    "events numbers last_number deliveries distinct_deliveries pending delivered successes delivered_once failures"
    " ended_us"
).split()


def read_ledger(session, run, start_us):
    (row,) = session.query(LEDGER.format(run=run, start_ms=start_us // 1000))
    return dict(zip(NAMES, map(int, row)))
