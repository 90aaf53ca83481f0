"""The contract and the server say the same of every member of every request body: what its schema takes the server
takes, and what it does not is refused by name. Each value is sent beside a member that nothing has, so that nothing is
ever done."""

import datetime

import pytest
from harness.contract import Contract, load

CONTRACT = Contract(load())
STRANGE = "no_such_member"
ID = "01kn2p8v3rf0pbw4gd9ztq6e1x"
VALUES = [None, True, 0, 1, -1, 1.5, 700.0, 10**20, "", "x", [], {}, ["x"], [1], {"a": "b"}, {"a": 1}]

NOW = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z")

# Operations with the rest of a good body.
BODIES = {
    "createWebhook": {"url": "https://hooks.example.com/in", "events": ["*"]},
    "updateWebhook": {},
    "rotateWebhookSecret": {},
    "testWebhook": {},
    "previewWebhook": {},
    "replayWebhook": {},
    "backfillWebhook": {},
    "retryDeliveries": {},
    "answerDelivery": {"attempt": 1, "sent_at": NOW, "response_code": 200},
    "eraseEvents": {},
    "explainEvent": {"type": "a", "data": {}},
    "publishEvent": {"type": "a", "data": {}},
    "publishEvents": {"type": "a", "data": {}},
    "createEventType": {"name": "both.ways"},
    "updateEventType": {},
    "createApp": {"name": "both-ways"},
    "updateApp": {},
    "createKey": {"name": "both ways", "scope": "read"},
    "updateKey": {},
    "createPortal": {},
    "createSource": {"name": "both ways", "kind": "generic", "secret": None, "options": {"type": "a"}},
    "updateSource": {},
    "rotateSource": {},
    "updateIssue": {"status": "open"},
}

# What rules beyond a schema say: (operation or None, member), and why.
BEYOND = {
    (None, "url"): "is a URL that may be called",
    (None, "events"): "patterns, whose schema has the form only",
    (None, "since"): "is a time",
    (None, "until"): "is a time",
    (None, "expires_at"): "is a time that is to come",
    (None, "deliver_at"): "is a time",
    (None, "webhook_id"): "is a webhook's",
    (None, "app_id"): "is an app's",
    (None, "secret_type"): "is of the profile's choice",
    (None, "schema"): "is one that is checked",
    (None, "filter"): "has conditions, whose schema is their description",
    (None, "allowed_networks"): "networks, of which no bit behind the prefix is set",
    (None, "options"): "are what the kind takes",
    ("createPortal", "origins"): "are origins, whose schema has the form only",
    ("createPortal", "brand"): "has fields of its own, which test_portal.py tries",
    ("updateWebhook", "secret"): "is taken with another URL, profile or options only",
    ("updateWebhook", "status"): "is listening of a webhook that is listened to, and of no other",
    ("testWebhook", "secret"): "is the webhook's own",
    ("answerDelivery", "sent_at"): "is a time of the last day",
    ("answerDelivery", "response_code"): "is there, or `error` is",
}


def operations():
    for method, path, operation in CONTRACT.operations():
        name = operation["operationId"]
        if name in BODIES:
            pointer = f"/paths/{path.replace('/', '~1')}/{method.lower()}/requestBody/content/application~1json/schema"
            schema, at = CONTRACT.resolve(CONTRACT.at(pointer), pointer)
            if name == "publishEvents":
                at += "/properties/events/items"
                schema, at = CONTRACT.resolve(schema["properties"]["events"]["items"], at)
            yield pytest.param(name, method, path, at, schema, id=name)


def edges(schema):
    """Values at the bounds of a schema, and just beyond."""
    schema, _ = CONTRACT.resolve(schema, "")
    for part in schema.get("oneOf", []) + schema.get("allOf", []):
        yield from edges(part)
    for bound in ("minimum", "maximum"):
        if bound in schema:
            yield from (schema[bound] - 1, schema[bound], schema[bound] + 1)
    if "maxLength" in schema:
        most = schema["maxLength"]
        yield from ("a" * most, "a" * (most + 1), "é" * most, "é" * (most + 1))
    if isinstance(schema.get("additionalProperties"), dict) and "type" in schema:
        inner = schema["additionalProperties"].get("maxLength")
        name = schema.get("propertyNames", {}).get("maxLength")
        if inner:
            yield from ({"a": "é" * inner}, {"a": "é" * (inner + 1)}, {"a": ""})
        if name:
            yield from ({"é" * name: ""}, {"é" * (name + 1): ""}, {"": ""})
    yield from schema.get("enum", [])


@pytest.fixture
def path_of(admin, tenant, api, address):
    made = {
        "/webhooks/{id}": lambda: api.webhook(address)["id"],
        "/event-types/{name}": lambda: api.post("/event-types", {"name": "some.type"}).json["name"],
        "/deliveries/{id}": lambda: f"del_{ID}",
        "/issues/{id}": lambda: f"iss_{ID}",
        "/apps/{id}": lambda: tenant.app["id"],
        "/sources/{id}": lambda: api.post(
            "/sources", {"name": "s", "kind": "generic", "secret": None, "options": {"type": "a"}}
        ).json["id"],
        "/keys/{id}": lambda: admin.post(
            "/keys", {"name": "k", "scope": "read", "app_id": tenant.app["id"]}
        ).json["id"],
    }

    def fill(path):
        for template, make in made.items():
            if path.startswith(template):
                return template.split("{")[0] + make() + path[len(template) :]
        return path

    return fill


@pytest.mark.parametrize("name, method, path, at, schema", operations())
def test_members(name, method, path, at, schema, admin, tenant, path_of):
    client = admin.with_(X_App_Id=tenant.app["id"])
    target = path_of(path)
    wrong = []
    for member, rules in schema["properties"].items():
        for value in VALUES + list(edges(rules)):
            body = {**BODIES[name], member: value}
            fits = not list(CONTRACT.validator(at).iter_errors(body))
            sent = {**body, STRANGE: 1}
            sent = {"events": [sent]} if name == "publishEvents" else sent
            answer = client.request(method, target, sent, expect=422)
            named = {f.removeprefix("events[0].").split(".")[0].split("[")[0] for f in answer.fields}
            assert STRANGE in named
            refused = member in named
            beyond = (None, member) in BEYOND or (name, member) in BEYOND
            if fits == refused and not (fits and beyond):
                wrong.append((member, str(value)[:40], "refused" if refused else "taken"))
    assert not wrong, f"not as in the contract: {wrong}"


def test_every_body_is_here():
    named = {
        operation["operationId"]
        for _, path, operation in CONTRACT.operations()
        if "requestBody" in operation and not path.startswith(("/admin/", "/ingest/"))
    }
    assert named == BODIES.keys()
