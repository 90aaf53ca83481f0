"""GET /profiles: the schemas of profiles' options say what webhooks take, and what the contract says of them."""

import base64

import pytest
from harness.contract import load
from jsonschema import Draft202012Validator

SCHEMAS = load()["components"]["schemas"]
NAMES = SCHEMAS["Profile"]["enum"]
SECRET = "whsec_" + base64.b64encode(bytes(24)).decode()
BOUNDS = ("type", "enum", "minimum", "maximum", "minLength", "maxLength", "maxProperties", "maxItems")

# What some profile takes, and something near it that none does.
GOOD = {
    "json": "verbatim",
    "bigint": "reject",
    "envelope": "array",
    "auth": "none",
    "tries": True,
    "restamp_on_retry": True,
    "scope": True,
    "headers": {"X-Event": "{type}"},
    "signed": "{timestamp}.{body}",
    "algorithm": "sha512",
    "encoding": "base64",
    "body": "data",
    "transform": {"title": "{{type}}", "fields": [{"name": "a", "value": "b", "inline": False}]},
}
BAD = [
    {"json": "perl"},
    {"tries": "yes"},
    {"envelope": "array", "batch_max": 0},
    {"envelope": "array", "batch_seconds": 3601},
    {"headers": {"X-Event": 7}},
    {"signed": ""},
    {"transform": {"titel": "x"}},
    {"transform": {"fields": [{"name": "a"}]}},
    {"transform": {"color_by": {"path": "/a"}}},
]


@pytest.fixture
def options(api):
    return {p["name"]: p["options"] for p in api.get("/profiles", expect=200).json["profiles"]}


def of_contract(schema):
    while "$ref" in schema:
        schema = SCHEMAS[schema["$ref"].rpartition("/")[2]]
    return schema


def same(said, contract):
    """The same members with the same bounds, as deep as they go."""
    contract = of_contract(contract)
    for bound in BOUNDS:
        assert said.get(bound) == contract.get(bound), (bound, said, contract)
    assert sorted(said.get("required", [])) == sorted(contract.get("required", []))
    for name, member in said.get("properties", {}).items():
        same(member, contract["properties"][name])
    if "items" in said:
        same(said["items"], contract["items"])


def test_they_are_those_of_the_contract(options):
    assert list(options) == NAMES
    contract = SCHEMAS["ProfileOptions"]["properties"]
    for schema in options.values():
        Draft202012Validator.check_schema(schema)
        for name, option in schema["properties"].items():
            assert option["description"]
            same(option, contract[name])
    assert {name for schema in options.values() for name in schema["properties"]} == set(contract)


def test_what_is_said_of_nothing_is_in_force(api, options, receiver):
    for name, schema in options.items():
        webhook = api.webhook(receiver.url(), profile=name)
        for option, value in webhook["profile_options"].items():
            assert value == schema["properties"][option]["default"], (name, option)
        api.delete(f"/webhooks/{webhook['id']}", expect=204)


def test_what_they_take_webhooks_take(api, options, receiver):
    for name, schema in options.items():
        webhook = api.webhook(receiver.url(), profile=name)
        valid = Draft202012Validator(schema).is_valid
        for said in [{k: v} for k, v in GOOD.items()] + BAD:
            answer = api.patch(f"/webhooks/{webhook['id']}", {"profile_options": said, "secret": SECRET}, expect=None)
            assert answer.status == (200 if valid(said) else 422), (name, said, answer.body)
        api.delete(f"/webhooks/{webhook['id']}", expect=204)


def test_what_is_wrong_says_where(api, receiver):
    transform = {"color_by": {"path": "", "map": {"paid": "green"}}, "fields": [{"name": "", "value": "b"}]}
    body = {"url": receiver.url(), "events": ["*"], "profile": "discord", "profile_options": {"transform": transform}}
    said = api.post("/webhooks", body, expect=422).json["errors"]
    assert {e["field"].removeprefix("profile_options.transform."): e["message"] for e in said} == {
        "color_by.path": "must not be empty",
        "color_by.map.paid": "must be a colour such as #57f287",
        "fields[0].name": "must not be empty",
    }
