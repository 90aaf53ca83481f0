"""A service whose N-th call of a kind fails (failing.py), and what its clients do meanwhile."""

import contextlib
import http.client
import itertools
import os
import signal

from harness import replies
from harness.wait import until

ENDS = ("posthorn: out of memory", "posthorn: OpenSSL failed", "fatal:")  # the last are h2o's
SILENT = "MEMORY_LIBHIREDIS"  # 0.14 aborts by itself (alloc.h)
HANG_UP = (
    "select pg_terminate_backend(pid) from pg_stat_activity"
    " where datname = current_database() and pid <> pg_backend_pid()"
)
WRONG = """
    select d.id from delivery d where not d.test and (d.state <> 1 or not exists
        (select from attempts a where a.delivery_id = d.id and a.code between 200 and 299))
    union all select event_id from delivery where not test group by event_id, webhook_id having count(*) <> 1
"""


def environment(failing):
    asan = os.environ.get("ASAN_OPTIONS", "detect_leaks=1:exitcode=99")
    return {**failing.env, "ASAN_OPTIONS": f"{asan}:verify_asan_link_order=0:handle_abort=0"}


class Service:
    """Posts until it is told that it was accepted, under a key: so each is one event. For lack of memory the service
    may end, in words: then it is started again."""

    def __init__(self, start, database, redis, receiver, secure, failing):
        self.database, self.redis, self.receiver, self.failing = database, redis, receiver, failing
        url = redis.url.removesuffix("/0") + "/1"
        self.server = start(**environment(failing), POSTHORN_REDIS_URL=url)
        self.client = self.server.client(timeout=1)  # h2o leaves a connection that it can't write on to its timeout
        self.keys = itertools.count()
        self.accepted = set()
        self.ends = self.hits = 0
        self.call = None
        receiver.script("/hook", replies.answer(500), replies.answer(200, headers=[("Connection", "close")]))
        receiver.script("/wait", replies.answer(429, b'{"retry_after": 0.1}'))
        self.plain = self.client.webhook(receiver.url(), retry_schedule=[1] * 20, headers={"X-Hook": "plain"})
        self.others = [
            self.client.webhook(secure.url("/secure", host="localhost"), ["none"]),
            self.client.webhook(receiver.url("/wait"), ["none"], profile="discord"),
        ]

    def revive(self):
        if self.server.is_running():
            return
        code, log = self.server.process.returncode, self.server.log(self.server.log_from)[-3000:]
        in_words = any(text in log for text in ENDS) or self.call[0] == SILENT
        assert code == -signal.SIGABRT and in_words, f"{self.call}: it ended with {code}:\n{log}"
        self.server.check_log()
        self.stop_failing()
        self.server.start()
        self.ends += 1

    def stop_failing(self):
        self.hits += self.failing.failed()
        self.failing.stop()

    def ask(self, *request, key=None):
        headers = {"Idempotency-Key": key} if key else {}
        try:
            answer = self.client.request(*request, expect=None, headers=headers, check=False)
        except (OSError, http.client.HTTPException):
            self.revive()
            return None
        assert answer.status != 500, answer.body
        return answer

    def publish(self):
        key = f"k{next(self.keys)}"

        def try_once():
            answer = self.ask("POST", "/events", {"type": "a", "data": {}}, key=key)
            return answer.json["id"] if answer and answer.status == 202 else None

        self.accepted.add(until(try_once, 20, "a 202"))

    def hang_up(self):
        self.database.query(HANG_UP)
        for kind in ("normal", "pubsub"):
            self.redis.command("CLIENT", "KILL", "TYPE", kind)

    def round(self):
        """Connected anew; accepted, sent, recorded; tested; listed; and sent again what was delivered."""
        self.hang_up()
        self.publish()  # there is a database again
        for webhook in self.others:
            self.ask("POST", f"/webhooks/{webhook['id']}/test", {})
        self.publish()
        listed = self.ask("GET", f"/webhooks/{self.plain['id']}/deliveries?limit=1")
        for delivery in listed.json["data"] if listed and listed.status == 200 else []:
            self.ask("POST", f"/deliveries/{delivery['id']}/retry", {})

    def fails(self, call, passing, may_end):
        """Whether there was so late a call in a round."""
        hits, self.call = self.hits, (call, passing)
        self.failing.next(call, passing)
        self.round()
        with contextlib.suppress(AssertionError):
            until(lambda: self.failing.failed() or not self.server.is_running(), 0.3 if passing else 1)
            until(lambda: not self.server.is_running(), 0.1 if may_end else 0)
        self.revive()
        self.stop_failing()
        return self.hits > hits

    def is_up(self):
        try:
            return self.server.is_up()
        except http.client.HTTPException:
            return False

    def end(self):
        """SIGTERM ends it with 0; or it has ended, in words."""
        if self.server.is_running():
            self.server.terminate()
        until(lambda: not self.server.is_running(), 40, lambda: f"{self.call}: the end of a drain")
        code, log = self.server.process.returncode, self.server.log(self.server.log_from)[-3000:]
        in_words = {
            0: True,
            1: any(text in log for text in ("level=error", "posthorn: the database")),
            -signal.SIGABRT: any(text in log for text in ENDS) or self.call[0] == SILENT,
        }
        assert in_words.get(code), f"{self.call}: it ended with {code}:\n{log}"
        self.server.check_log()
        self.ends += code != 0

    def has_ended_or_is_up(self):
        """It may end while it is asked."""
        try:
            return not self.server.is_running() or self.is_up()
        except AssertionError:
            return not self.server.is_running()

    def starts(self, call, passing):
        """Whether there was so late a call until it was up. It ends in words, or serves."""
        hits, self.call = self.hits, (call, passing)
        self.failing.next(call, passing)
        self.server.start(wait=False)
        until(self.has_ended_or_is_up, 20, lambda: f"{self.call}: its end, or service")
        self.stop_failing()
        self.end()
        return self.hits > hits

    def all_is_well(self):
        """What was accepted has arrived, where it should and nowhere else, and the ledger says so."""
        until(lambda: self.accepted <= {r.json["id"] for r in self.receiver.at("/hook")}, 20, "all to arrive")
        until(lambda: self.database.query(WRONG) == [], 30, lambda: f"the end of {self.database.query(WRONG)}")
        stored = self.database.query("select count(*), count(distinct webhook_id) from delivery where not test")
        assert stored == [[str(len(self.accepted)), "1"]]
        requests = self.receiver.at("/hook")
        assert all(r.header("X-Hook") == "plain" for r in requests)
        assert self.redis.command("DBSIZE") == b":0"  # its own is another database
        if self.ends == 0:  # each request is recorded
            sql = "select count(*) from attempts join delivery d on d.id = delivery_id where not test"
            assert int(self.database.query(sql)[0][0]) >= len(requests)
