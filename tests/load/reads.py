"""Lists of deliveries, asked for again and again on one connection while events are posted."""

import http.client
import json
import time
from datetime import datetime, timedelta, timezone

RARE = "none.such"


def moment(**ago):
    return (datetime.now(timezone.utc) - timedelta(**ago)).strftime("%Y-%m-%dT%H:%M:%SZ")


def filters(ask):
    """By name, what stands behind the question mark. The page deep down is found by asking."""
    page = ask(f"limit=1&until={moment(seconds=60)}")
    return {
        "all": "",
        "delivered": "status=delivered",
        "failed": "status=failed",
        "pending": "status=pending",
        "type": "event_type=order.created",
        "rare type": f"event_type={RARE}",
        "since": f"since={moment(minutes=10)}",
        "until": f"until={moment(seconds=30)}",
        "window": f"since={moment(seconds=90)}&until={moment(seconds=60)}",
        "failed of a rare type": f"status=failed&event_type={RARE}",
        "deep page": f"cursor={page['next_cursor']}" if page["next_cursor"] else "",
        "250 of them": "limit=250",
    }


def share(sorted_ms, part):
    return sorted_ms[int((len(sorted_ms) - 1) * part)]


class Reader:
    def __init__(self, port, key, webhook):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self.headers = {"Authorization": f"Bearer {key}"}
        self.path = f"/v1/webhooks/{webhook}/deliveries"
        self.filters = {}
        self.ms = {}

    def begin(self):
        self.filters = filters(lambda query: json.loads(self.ask(query)))
        self.ms = {name: [] for name in self.filters}

    def ask(self, query):
        self.connection.request("GET", f"{self.path}?{query}", headers=self.headers)
        answer = self.connection.getresponse()
        text = answer.read()
        assert answer.status == 200, text
        return text

    def go_on(self, running):
        while running():
            for name, query in self.filters.items():
                began = time.perf_counter()
                self.ask(query)
                self.ms[name].append((time.perf_counter() - began) * 1000)
                time.sleep(0.002)  # the processors are for the events, too

    def figures(self):
        found = {}
        for name, ms in self.ms.items():
            ms.sort()
            if ms:
                found[name] = {"count": len(ms), "p50_ms": share(ms, 0.5), "p99_ms": share(ms, 0.99)}
        return found
