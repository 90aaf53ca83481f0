"""What is large does not share its statement with what is small."""

import urllib.request
from concurrent.futures import ThreadPoolExecutor

from harness.process import PORTS
from harness.wait import until

LOCKED = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
WAITING = 'posthorn_waiting{queue="accept"} '


LARGE = "large", "x" * 700000


def post(client, key, text=""):
    client.post("/events", {"type": "a", "data": {"text": text}}, headers={"Idempotency-Key": key}, expect=202)


def held(database, keys):
    return database.holding(f"SELECT FROM idempotency WHERE key = ANY ('{{{','.join(keys)}}}') FOR UPDATE")


def test_a_large_event_goes_in_a_statement_of_its_own(start, database):
    """Two statements are under way, and what comes waits for their end; the large one's own is held up longer."""
    port = PORTS.take()
    admin = start(role="api", POSTHORN_METRICS_LISTEN=f"127.0.0.1:{port}").client()
    large, small = (admin.with_(X_App_Id=admin.post("/apps", {"name": name}).json["id"]) for name in "ab")
    calls = [(post, large, "one"), (post, large, "two"), (post, large, *LARGE)]
    for call, *arguments in calls:
        call(*arguments)
    keys = [key for (key,) in database.query("SELECT key FROM idempotency ORDER BY expires_at")]

    def unanswered():
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            lines = answer.read().decode().splitlines()
        (waiting,) = (float(line.removeprefix(WAITING)) for line in lines if line.startswith(WAITING))
        return int(database.query(LOCKED)[0][0]) + waiting

    with ThreadPoolExecutor() as pool, held(database, keys[2:]):
        with held(database, keys[:2]):
            asked = [pool.submit(*call) for call in calls[:2]]
            until(lambda: unanswered() == 2, 5, "two")
            pool.submit(*calls[2])
            until(lambda: unanswered() == 3, 5, "three")
            asked.append(pool.submit(small.publish))
            until(lambda: unanswered() == 4, 5, "four")
        for answer in asked:
            answer.result(5)


def test_two_full_batches_of_small_events_go_beside_each_other(start, database):
    """As many as a request may have, of 300 bytes: that is what batches are for, and no large request."""
    admin = start(role="api").client()
    event = {"type": "a", "data": {"text": "x" * 280}}
    firsts = [{**event, "idempotency_key": key} for key in ("one", "two")]

    def publish(*events):
        admin.post("/events/batch", {"events": events}, expect=202)

    publish(*firsts)
    keys = [key for (key,) in database.query("SELECT key FROM idempotency")]
    with ThreadPoolExecutor() as pool:
        with held(database, keys):
            asked = [pool.submit(publish, first, *[event] * 999) for first in firsts]
            until(lambda: database.query(LOCKED)[0][0] == "2", 5, "both to be under way")
        for answer in asked:
            answer.result(30)
