"""A client made by openapi-python-client. Its environment, and what it has to print: test_clients.py."""

import json
import os
import time

from posthorn_client import AuthenticatedClient
from posthorn_client.api.deliveries import (
    get_delivery,
    list_attempts,
    list_deliveries,
    retry_delivery,
)
from posthorn_client.api.events import publish_event, publish_events
from posthorn_client.api.webhooks import create_webhook, delete_webhook, get_webhook, update_webhook
from posthorn_client.models import (
    AuthBearer,
    BatchedEvent,
    DeliveryStatus,
    EventBatch,
    EventCreate,
    EventCreateData,
    Metadata,
    Problem,
    ProfileOptions,
    ProfileOptionsJson,
    WebhookCreate,
    WebhookStatus,
    WebhookUpdate,
)

posthorn = AuthenticatedClient(os.environ["POSTHORN_URL"] + "/v1", token=os.environ["POSTHORN_KEY"])


def unwrap(answer):
    """The answer, or an exception that says what the problem is."""
    if isinstance(answer, Problem):
        raise RuntimeError(f"{answer.status} {answer.code.value}: {answer.detail}")
    return answer


def problem(answer):
    assert isinstance(answer, Problem), answer
    return answer


def until(what, ask):
    end = time.monotonic() + 30
    while time.monotonic() < end:
        if answer := ask():
            return answer
        time.sleep(0.05)
    raise TimeoutError(f"No end of the wait for {what}")


def pages(webhook):
    sizes, found, more = [], [], {}
    while True:
        page = unwrap(list_deliveries.sync(webhook, client=posthorn, limit=2, **more))
        sizes.append(len(page.data))
        found += page.data
        if page.next_cursor is None:
            return sizes, found
        more = {"cursor": page.next_cursor}


def settled(webhook):
    sizes, found = pages(webhook)
    ended = len(found) == 5 and all(d.status != DeliveryStatus.PENDING for d in found)
    return (sizes, found) if ended else None


def data(**members):
    return EventCreateData.from_dict(members)


webhook = unwrap(
    create_webhook.sync(
        client=posthorn,
        body=WebhookCreate(
            url=os.environ["RECEIVER_URL"],
            events=["client.*"],
            auth=AuthBearer("bearer", "open-sesame"),
            profile_options=ProfileOptions(json=ProfileOptionsJson.PYTHON),
            retry_schedule=[],
            timeout_ms=5000,
            metadata=Metadata.from_dict({"client": "openapi-python-client"}),
            description="of a test",
        ),
    )
)
one = EventCreate("client.one", data(n=1, price=10.5, name="José 😀", nested={"list": [1, "two", True]}))
event = unwrap(publish_event.sync(client=posthorn, body=one, idempotency_key=webhook.id))
many = [BatchedEvent.from_dict({"type": "client.many", "data": {"n": n}}) for n in (1, 2, 3, 4)]
batch = unwrap(publish_events.sync(client=posthorn, body=EventBatch(many)))
sizes, listed = until("the deliveries", lambda: settled(webhook.id))

failed = next(d for d in listed if d.status == DeliveryStatus.FAILED)
retried = unwrap(retry_delivery.sync(failed.id, client=posthorn))
until(
    "the retry",
    lambda: unwrap(get_delivery.sync(retried.id, client=posthorn)).status == DeliveryStatus.DELIVERED,
)
attempts = unwrap(list_attempts.sync(retried.id, client=posthorn))

changes = WebhookUpdate(status=WebhookStatus.PAUSED, description=None)
changed = unwrap(update_webhook.sync(webhook.id, client=posthorn, body=changes))
invalid = problem(create_webhook.sync(client=posthorn, body=WebhookCreate("ftp://example.com/", ["*"])))
gone = delete_webhook.sync_detailed(webhook.id, client=posthorn)
missing = problem(get_webhook.sync(webhook.id, client=posthorn))

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
            "attempts": [
                [a.number, a.status.value, a.response_code, a.error and a.error.code.value] for a in attempts.data
            ],
            "changed": changed.to_dict(),
            "deleted": gone.status_code,
            "invalid": [invalid.status, invalid.code.value, [e.field for e in invalid.errors]],
            "missing": [missing.status, missing.code.value],
        }
    )
)
