"""An API client for tests: every answer it gets is held against the contract."""

import http.client
import json
import time
import urllib.parse
from dataclasses import dataclass

from harness.wait import until

SUCCESS = object()
UNSET = object()


@dataclass
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes
    seconds: float

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def code(self):
        return self.json["code"]

    @property
    def fields(self):
        """The fields that a problem names."""
        return [e["field"] for e in self.json.get("errors", [])]


class Client:
    """One tenant's (or the operator's) view of the API. A connection for each request."""

    def __init__(self, address, key, contract, prefix="/v1", headers=None, timeout=40):
        self.address = address
        self.key = key
        self.contract = contract
        self.prefix = prefix
        self.headers = dict(headers or {})
        self.timeout = timeout

    def with_(self, key=UNSET, prefix=None, **headers):
        """A copy with another key, prefix or more headers (X_App_Id="…")."""
        more = {n.replace("_", "-"): v for n, v in headers.items()}
        return Client(
            self.address,
            self.key if key is UNSET else key,
            self.contract,
            self.prefix if prefix is None else prefix,
            {**self.headers, **more},
            self.timeout,
        )

    def request(self, method, path, body=UNSET, expect=SUCCESS, headers=None, check=True, **query):
        """`body`: bytes go as they are, anything else as JSON. `expect`: a status, None for any, by
        default a 2xx. Query parameters whose names are Python's words get a trailing underscore."""
        target = self.prefix + path
        if query:
            target += "?" + urllib.parse.urlencode({n.rstrip("_"): v for n, v in query.items()})
        sent = {**self.headers, **(headers or {})}
        if self.key is not None:
            sent.setdefault("Authorization", f"Bearer {self.key}")
        data = None
        if body is not UNSET:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            sent.setdefault("Content-Type", "application/json")
        answer = self.exchange(method, target, data, sent)
        if check:
            self.contract.check(method, target, answer)
            if data is not None and answer.status < 300:
                self.contract.check_request(method, target, data)
        if expect is SUCCESS:
            assert (
                200 <= answer.status < 300
            ), f"{method} {target}: {answer.status} {answer.body[:500]}"
        elif expect is not None:
            assert (
                answer.status == expect
            ), f"{method} {target}: {answer.status} {answer.body[:500]}"
        return answer

    def exchange(self, method, target, data, headers):
        connection = http.client.HTTPConnection(*self.address, timeout=self.timeout)
        started = time.monotonic()
        try:
            connection.request(method, target, body=data, headers=headers)
            response = connection.getresponse()
            endless = response.headers.get_content_type() == "text/event-stream"
            body = b"" if endless else response.read()
            return Answer(response.status, response.headers, body, time.monotonic() - started)
        finally:
            connection.close()

    def get(self, path, **more):
        return self.request("GET", path, **more)

    def post(self, path, body=UNSET, **more):
        return self.request("POST", path, body, **more)

    def patch(self, path, body=UNSET, **more):
        return self.request("PATCH", path, body, **more)

    def delete(self, path, **more):
        return self.request("DELETE", path, **more)

    def pages(self, path, **query):
        """All items of a list, page by page."""
        cursor = None
        while True:
            more = {"cursor": cursor} if cursor else {}
            page = self.get(path, **query, **more).json
            yield from page["data"]
            cursor = page["next_cursor"]
            if cursor is None:
                return

    # What most tests begin with.

    def webhook(self, url, events=("*",), **more):
        return self.post("/webhooks", {"url": url, "events": list(events), **more}, expect=201).json

    def publish(self, type_="user.created", data=None, **more):
        data = {"id": "usr_789"} if data is None else data
        return self.post("/events", {"type": type_, "data": data}, expect=202, **more).json

    def batch(self, count, type_="a"):
        """The ids of so many events, posted at once."""
        events = [{"type": type_, "data": {"n": n}} for n in range(count)]
        made = self.post("/events/batch", {"events": events}, expect=202).json["data"]
        return {event["id"] for event in made}

    def deliveries(self, webhook, **query):
        return self.get(f"/webhooks/{webhook['id']}/deliveries", **query).json["data"]

    def only_delivery(self, webhook):
        found = until(lambda: self.deliveries(webhook), what="a delivery")
        assert len(found) == 1, found
        return found[0]

    def attempts(self, delivery):
        return self.get(f"/deliveries/{delivery['id']}/attempts").json["data"]

    def settled(self, webhook, status="delivered", timeout=10):
        """The webhook's only delivery, once it has the status."""

        def reached():
            found = self.only_delivery(webhook)
            return found if found["status"] == status else None

        return until(reached, timeout, lambda: f"{status}, it is {self.deliveries(webhook)}")

    def attempted(self, webhook, count=1, timeout=10):
        """The attempts of the webhook's only delivery, once there are `count` of them."""
        delivery = self.only_delivery(webhook)

        def reached():
            found = self.attempts(delivery)
            return found if len(found) >= count else None

        return until(reached, timeout, lambda: f"{count} attempts of {delivery}")
