"""The generic API's receivers, in all three languages (profile `default`)."""

import json

import pytest
from compat.sending import answered, last, publish, said, statuses
from harness.wait import until

SECRET = "your_webhook_secret"
EXPRESS_LIMIT = 102400


@pytest.fixture
def webhooks(api, generic):
    return [api.webhook(url, secret=SECRET) for _, url in generic]


@pytest.mark.parametrize("name", ["John Doe", "José 😀"])
def test_all_receivers(api, webhooks, name):
    data = json.dumps({"id": "usr_789", "name": name, "email": "john@example.com"})
    assert set(statuses(api, "user.created", data, webhooks)) == {200}
    for webhook in webhooks:
        answer = said(api, answered(api, webhook))
        if webhook["url"].endswith("/complete"):
            assert json.loads(answer)["name"] == name


def test_wrong_secret(api, generic):
    made = [api.webhook(url, secret="another") for _, url in generic]
    assert set(statuses(api, "user.created", '{"id":"usr_789"}', made)) == {401}
    assert api.only_delivery(made[0])["status"] == "pending"


@pytest.mark.parametrize("express", ["express4", "express"])
def test_same_event_again(api, program, express):
    """A delivery that is sent once more keeps the event's id."""
    url = program("node/generic.js", SECRET, EXPRESS=express) + "/complete"
    webhook = api.webhook(url, secret=SECRET)
    event = publish(api, "user.created", '{"name":"John Doe"}')
    delivery = api.settled(webhook)
    assert json.loads(said(api, delivery))["id"] == event["id"]
    api.post(f"/deliveries/{delivery['id']}/retry")
    until(lambda: len(api.attempts(delivery)) == 2, 10, "the second attempt")
    assert said(api, delivery) == "Already processed"
    assert last(api, delivery)["response_code"] == 200


@pytest.mark.parametrize("over, status", [(0, 200), (1, 413)])
def test_limit_of_express(api, program, receiver, over, status):
    """Express refuses a body over 100 KiB before it looks at the signature."""
    measure = api.webhook(receiver.url(), secret=SECRET)
    publish(api, "user.created", '{"pad":""}')
    room = EXPRESS_LIMIT - len(receiver.wait()[0].body)
    api.delete(f"/webhooks/{measure['id']}")
    url = program("node/generic.js", SECRET, EXPRESS="express") + "/snippet"
    webhook = api.webhook(url, secret=SECRET)
    publish(api, "user.created", json.dumps({"pad": "x" * (room + over)}))
    delivery = answered(api, webhook)
    assert delivery["response_code"] == status
    assert delivery["status"] == ("delivered" if status == 200 else "pending")
    if status == 413:
        said_of_it = last(api, delivery)["error"]["message"]
        assert said_of_it == f"the receiver answered 413 to a body of {EXPRESS_LIMIT + 1} bytes"
