"""A client made by openapi-generator's python. Its environment, and what it has to print: test_clients.py."""

import json
import os
import time

import posthorn
from posthorn.models import (
    Auth,
    AuthBearer,
    BatchedEvent,
    DeliveryStatus,
    EventBatch,
    EventCreate,
    Problem,
    ProfileOptions,
    WebhookCreate,
    WebhookStatus,
    WebhookUpdate,
)

client = posthorn.ApiClient(
    posthorn.Configuration(os.environ["POSTHORN_URL"] + "/v1", access_token=os.environ["POSTHORN_KEY"])
)
webhooks = posthorn.WebhooksApi(client)
events = posthorn.EventsApi(client)
deliveries = posthorn.DeliveriesApi(client)


def problem(call, *args):
    try:
        call(*args)
    except posthorn.ApiException as e:
        assert isinstance(e.data, Problem), e
        return e.data
    raise AssertionError("This should have been a problem")


def until(what, ask):
    end = time.monotonic() + 30
    while time.monotonic() < end:
        if answer := ask():
            return answer
        time.sleep(0.05)
    raise TimeoutError(f"No end of the wait for {what}")


def pages(webhook):
    sizes, found, cursor = [], [], None
    while True:
        page = deliveries.list_deliveries(webhook, limit=2, cursor=cursor)
        sizes.append(len(page.data))
        found += page.data
        cursor = page.next_cursor
        if cursor is None:
            return sizes, found


def settled(webhook):
    sizes, found = pages(webhook)
    ended = len(found) == 5 and all(d.status != DeliveryStatus.PENDING for d in found)
    return (sizes, found) if ended else None


webhook = webhooks.create_webhook(
    WebhookCreate(
        url=os.environ["RECEIVER_URL"],
        events=["client.*"],
        auth=Auth(AuthBearer(type="bearer", token="open-sesame")),
        profile_options=ProfileOptions(json="python"),
        retry_schedule=[],
        timeout_ms=5000,
        metadata={"client": "python"},
        description="of a test",
    )
)
data = {"n": 1, "price": 10.5, "name": "José 😀", "nested": {"list": [1, "two", True]}}
event = events.publish_event(EventCreate(type="client.one", data=data), idempotency_key=webhook.id)
many = [BatchedEvent(type="client.many", data={"n": n}) for n in (1, 2, 3, 4)]
batch = events.publish_events(EventBatch(events=many))
sizes, listed = until("the deliveries", lambda: settled(webhook.id))

failed = next(d for d in listed if d.status == DeliveryStatus.FAILED)
retried = deliveries.retry_delivery(failed.id)
until("the retry", lambda: deliveries.get_delivery(retried.id).status == DeliveryStatus.DELIVERED)
attempts = deliveries.list_attempts(retried.id)

changed = webhooks.update_webhook(webhook.id, WebhookUpdate(status=WebhookStatus.PAUSED, description=None))
invalid = problem(webhooks.create_webhook, WebhookCreate(url="ftp://example.com/", events=["*"]))
gone = webhooks.delete_webhook_with_http_info(webhook.id)
missing = problem(webhooks.get_webhook, webhook.id)

print(
    json.dumps(
        {
            "webhook": webhook.id,
            "secret": webhook.secret,
            "auth": webhook.auth.to_dict(),
            "events": [event.id, *(e.id for e in batch.data)],
            "pages": sizes,
            "deliveries": [d.id for d in listed],
            "retried": retried.id,
            "attempts": [[a.number, a.status, a.response_code, a.error and a.error.code.value] for a in attempts.data],
            "changed": json.loads(changed.to_json()),
            "deleted": gone.status_code,
            "invalid": [invalid.status, invalid.code, [e.var_field for e in invalid.errors]],
            "missing": [missing.status, missing.code],
        }
    )
)
