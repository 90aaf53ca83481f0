"""What an app asks for of its events: types that its catalogue has, data that fits their schemas."""

import json
import random
import time

import pytest
from harness.server import command
from harness.wait import until
from jsonschema import Draft202012Validator

SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$defs": {"tag": {"type": "string", "maxLength": 3}, "tree": {"properties": {"next": {"$ref": "#/$defs/tree"}}}},
    "type": "object",
    "required": ["id", "a/b~c"],
    "additionalProperties": False,
    "properties": {
        "id": {"type": "integer", "minimum": 1, "exclusiveMaximum": 100, "description": "for people"},
        "a/b~c": {"enum": ["x", None, 1.0, {"k": [1, 2]}]},
        "tags": {"type": "array", "items": {"$ref": "#/$defs/tag"}, "maxItems": 2},
        "tree": {"$ref": "#/$defs/tree"},
        "of": {"oneOf": [{"type": "string"}, {"type": "number"}], "not": {"const": "no"}},
        "nothing": {"type": "string", "nullable": True},
    },
}
GOOD = {"id": 7, "a/b~c": "x"}


@pytest.fixture
def asks(admin, tenant):
    def ask(**checks):
        return admin.patch(f"/apps/{tenant.app['id']}", checks, expect=200).json

    return ask


def errors(answer):
    return {(e["field"], e.get("pointer")): e["message"] for e in answer.json["errors"]}


def test_apps_begin_without(tenant, admin, api):
    assert (tenant.app["strict_types"], tenant.app["validate"]) == (False, False)
    api.post("/event-types", {"name": "a", "schema": {"type": "string"}}, expect=201)
    api.publish("a")
    api.publish("b")


def test_each_is_set_alone(asks, admin):
    assert asks(strict_types=True)["validate"] is False
    shown = asks(validate=True)
    assert (shown["strict_types"], shown["validate"]) == (True, True)
    shown = asks(strict_types=False)
    assert (shown["strict_types"], shown["validate"]) == (False, True)
    assert admin.get(f"/apps/{shown['id']}").json == shown
    for wrong in (None, 1, "true"):
        assert admin.patch(f"/apps/{shown['id']}", {"validate": wrong}, expect=422).fields == ["validate"]
    made = admin.post("/apps", {"name": "asks-from-the-start", "validate": True}, expect=201).json
    assert (made["strict_types"], made["validate"]) == (False, True)
    admin.delete(f"/apps/{made['id']}", expect=204)


def test_strict_types(asks, api, shared):
    asks(strict_types=True)
    counts = shared.database.counts()
    answer = api.post("/events", {"type": "user.created", "data": {}}, expect=422)
    assert answer.fields == ["type"] and "catalogue" in answer.json["detail"]
    mixed = {"events": [{"type": t, "data": {}} for t in ("a", "b", "a")]}
    api.post("/event-types", {"name": "a"}, expect=201)
    assert api.post("/events/batch", mixed, expect=422).fields == ["events[1].type"]
    assert shared.database.counts()["event"] == counts["event"]
    api.post("/event-types", {"name": "b"}, expect=201)
    assert len(api.post("/events/batch", mixed, expect=202).json["data"]) == 3
    api.delete("/event-types/b", expect=204)
    assert api.post("/events/batch", mixed, expect=422).fields == ["events[1].type"]
    many = {"events": [{"type": f"t.{n}", "data": {}} for n in range(40)]}
    assert len(api.post("/events/batch", many, expect=422).json["errors"]) == 16
    asks(strict_types=False)
    api.post("/events/batch", many, expect=202)


@pytest.mark.parametrize(
    "data, wrong",
    [
        (GOOD, {}),
        ({**GOOD, "id": 7.0, "tags": ["a", "é€😀"], "of": 1, "nothing": None}, {}),
        ({"id": 7, "a/b~c": {"k": [1.0, 2e0]}}, {}),
        ({"id": 7, "a/b~c": 1}, {}),
        ({}, {"/data/id": "is required", "/data/a~1b~0c": "is required"}),
        ({**GOOD, "id": "7"}, {"/data/id": "must be an integer"}),
        ({**GOOD, "id": 7.5}, {"/data/id": "must be an integer"}),
        ({**GOOD, "id": 0}, {"/data/id": "must be at least 1"}),
        ({**GOOD, "id": 100}, {"/data/id": "must be less than 100"}),
        ({**GOOD, "a/b~c": {"k": [2, 1]}}, {"/data/a~1b~0c": "must be one of those that `enum` of the schema lists"}),
        ({**GOOD, "more": 1}, {"/data/more": "is no property that the schema has"}),
        (
            {**GOOD, "tags": ["abcd", 1, "b"]},
            {"/data/tags/0": "must have at most 3 characters", "/data/tags/1": "must be a string"},
        ),
        ({**GOOD, "tags": ["a", "b", "c"]}, {"/data/tags": "must have at most 2 entries"}),
        ({**GOOD, "of": "no"}, {"/data/of": "fits the schema in `not`"}),
        ({**GOOD, "of": []}, {"/data/of": "must fit exactly one of the schemas in `oneOf`"}),
    ],
    ids=range(15),
)
def test_validate(asks, api, data, wrong):
    asks(validate=True)
    api.post("/event-types", {"name": "a", "schema": SCHEMA}, expect=201)
    answer = api.post("/events", {"type": "a", "data": data}, expect=422 if wrong else 202)
    if wrong:
        assert errors(answer) == {("data", pointer): message for pointer, message in wrong.items()}
        assert answer.json["detail"].startswith(next(iter(answer.json["errors"]))["pointer"])
    events = [{"type": "b", "data": {}}, {"type": "a", "data": data}]
    answer = api.post("/events/batch", {"events": events}, expect=422 if wrong else 202)
    if wrong:
        assert set(errors(answer)) == {("events[1].data", "/events/1" + pointer) for pointer in wrong}
    api.publish("no.such.type", data)


def test_a_type_without_a_schema_takes_anything(asks, api):
    asks(validate=True, strict_types=True)
    api.post("/event-types", {"name": "a"}, expect=201)
    api.publish("a", {"x": 1})
    api.patch("/event-types/a", {"schema": {"required": ["y"]}}, expect=200)
    assert api.post("/events", {"type": "a", "data": {"x": 1}}, expect=422).fields == ["data"]
    api.patch("/event-types/a", {"schema": None}, expect=200)
    api.publish("a", {"x": 1})


def test_all_processes_know_at_once(start, database):
    """By a notice; the seconds for which types are kept are for when that is missed."""
    one, other = start(), start()
    api, far = one.client(), other.client()
    app = next(a for a in api.pages("/apps", limit=250) if a["name"] == "default")
    api.patch(f"/apps/{app['id']}", {"validate": True, "strict_types": True}, expect=200)
    post = {"type": "a", "data": {"x": 1}}
    began = time.monotonic()
    until(lambda: far.post("/events", post, expect=None).status == 422, 2, "the app's wish")
    api.post("/event-types", {"name": "a"}, expect=201)
    until(lambda: far.post("/events", post, expect=None).status == 202, 2, "the type")
    for schema, status in (({"required": ["y"]}, 422), ({"required": ["x"]}, 202)):
        api.patch("/event-types/a", {"schema": schema}, expect=200)
        until(lambda status=status: far.post("/events", post, expect=None).status == status, 2, "the schema")
    api.delete("/event-types/a", expect=204)
    until(lambda: far.post("/events", post, expect=None).status == 422, 2, "the end of the type")
    assert time.monotonic() - began < 4.5


@pytest.mark.parametrize(
    "schema, pointer",
    [
        ({"pattern": "^a"}, "/schema/pattern"),
        ({"properties": {"a": {"items": {"uniqueItems": True}}}}, "/schema/properties/a/items/uniqueItems"),
        ({"properties": {"a/b": {"type": "text"}}}, "/schema/properties/a~1b/type"),
        ({"type": ["string", "text"]}, "/schema/type/1"),
        ({"type": []}, "/schema/type"),
        ({"anyOf": []}, "/schema/anyOf"),
        ({"anyOf": [{}, {"if": {}}]}, "/schema/anyOf/1/if"),
        ({"required": ["a", 1]}, "/schema/required/1"),
        ({"minLength": -1}, "/schema/minLength"),
        ({"minimum": "1"}, "/schema/minimum"),
        ({"items": [{}]}, "/schema/items"),
        ({"$ref": "#/$defs/no"}, "/schema/$ref"),
        ({"$ref": "https://example.com/x"}, "/schema/$ref"),
        ({"properties": {"a": {"$defs": {}}}}, "/schema/properties/a/$defs"),
        ({"$defs": {"a": {"minItems": 1.5}}}, "/schema/$defs/a/minItems"),
        ({"$defs": {"a": 1}}, "/schema/$defs/a"),
        ({"enum": "a"}, "/schema/enum"),
        ({"anyOf": [{}] * 2000}, "/schema/anyOf/1999"),
    ],
    ids=range(18),
)
def test_schemas_that_cannot_be_checked(api, schema, pointer):
    """By every app: a schema that nobody looks after promises something."""
    answer = api.post("/event-types", {"name": "a", "schema": schema}, expect=422)
    assert list(errors(answer)) == [("schema", pointer)]
    api.post("/event-types", {"name": "a"}, expect=201)
    answer = api.patch("/event-types/a", {"schema": schema}, expect=422)
    assert list(errors(answer)) == [("schema", pointer)]


def test_a_keyword_twice(api):
    body = b'{"name": "a", "schema": {"properties": {"x": {}, "x": {}}}}'
    assert api.post("/event-types", body, expect=422).json["errors"][0]["pointer"] == "/schema"
    body = b'{"name": "a", "schema": {"type": "object", "type": "string"}}'
    assert api.post("/event-types", body, expect=422).json["errors"][0]["pointer"] == "/schema/type"


def test_a_schema_of_before(asks, api, shared):
    """It was stored when nobody checked schemas: it is no reason to take what it may not want."""
    api.post("/event-types", {"name": "old"}, expect=201)
    shared.database.query(
        "update event_type set schema = '{\"pattern\": \"^a\"}' where name = 'old' and app_id in"
        f" (select id from app where name = '{asks()['name']}')"
    )
    api.publish("old")
    asks(validate=True)
    assert "PATCH the event type" in api.post("/events", {"type": "old", "data": {}}, expect=422).json["detail"]
    api.patch("/event-types/old", {"schema": {}}, expect=200)
    api.publish("old")


def test_costs_are_bounded(asks, api):
    """Schemas that take exponential time, or go round in circles, are given up: within a second, if nobody else is here."""
    asks(validate=True)
    bomb = {"$defs": {f"d{n}": {"anyOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 4} for n in range(40)}}
    bomb["$defs"]["d40"] = False
    bomb["$ref"] = "#/$defs/d0"
    api.post("/event-types", {"name": "bomb", "schema": bomb}, expect=201)
    api.post("/event-types", {"name": "circle", "schema": {"$ref": "#"}}, expect=201)
    for name in ("bomb", "circle"):
        event = {"type": name, "data": {}}
        began = time.monotonic()
        assert "takes more work" in api.post("/events", event, expect=422).json["detail"]
        assert "takes more work" in api.post("/events/batch", {"events": [event] * 20}, expect=422).json["detail"]
        assert time.monotonic() - began < 15
    wide = {"$defs": {"n": {"type": "integer"}}, "properties": {"a": {"items": {"$ref": "#/$defs/n"}}}}
    api.post("/event-types", {"name": "wide", "schema": wide}, expect=201)
    api.publish("wide", {"a": [1] * 100000})


LONG = "9." + "0" * 15000
LIMITS = f'"minimum":-{LONG},"exclusiveMinimum":-{LONG},"maximum":{LONG},"exclusiveMaximum":{LONG}'
BOMBS = {
    "a limit that is long": ('{"properties":{"a":{"items":{%s}}}}' % LIMITS, {"a": [1] * 250000}),
    "a name that is long": ('{"properties":{"a":{"items":{"required":["%s"]}}}}' % ("n" * 60000), {"a": [{}] * 200000}),
    "faults below a key that is long": (
        '{"additionalProperties":{"items":{"type":"null"}}}',
        {"k" * 400000: [1] * 150000},
    ),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_what_is_long_costs_as_much_as_it_takes(asks, api, bomb):
    """Each of these took from five seconds to a minute, of all whose requests that thread had."""
    schema, data = BOMBS[bomb]
    asks(validate=True)
    api.request("POST", "/event-types", ('{"name":"bomb","schema":%s}' % schema).encode(), expect=201)
    began = time.monotonic()
    api.post("/events", {"type": "bomb", "data": data}, expect=422)
    assert time.monotonic() - began < 5


def test_a_batch_of_many_types(asks, api):
    """More than are asked for at once, and more than there is room to keep."""
    asks(validate=True, strict_types=True)
    large = {"properties": {"x": {"enum": ["y" * 100] * 500}, "n": {"type": "integer"}}}
    for n in range(40):
        api.post("/event-types", {"name": f"t.{n}", "schema": large}, expect=201)
    events = [{"type": f"t.{n % 40}", "data": {"n": n}} for n in range(80)]
    assert len(api.post("/events/batch", {"events": events}, expect=202).json["data"]) == 80
    events[77]["data"]["n"] = "x"
    assert list(errors(api.post("/events/batch", {"events": events}, expect=422))) == [
        ("events[77].data", "/events/77/data/n")
    ]


# --- against another implementation ------------------------------------------------------------------------------------

ATOMS = [None, True, False, 0, 1, -1, 1.0, 1.5, 10**20, -(2**53), 0.1, "", "a", "é", "ab", [], {}, [1], {"a": 1}, {"b": []}]


def value(rng, depth=3):
    if depth == 0 or rng.random() < 0.4:
        return rng.choice(ATOMS)
    if rng.random() < 0.4:
        return [value(rng, depth - 1) for _ in range(rng.randrange(4))]
    return {name: value(rng, depth - 1) for name in rng.sample("abcd", rng.randrange(4))}


def schema(rng, depth=3):
    if depth == 0:
        return rng.choice([True, False, {}, {"type": "integer"}, {"$ref": "#/$defs/d"}, {"const": rng.choice(ATOMS)}])
    below = lambda: schema(rng, depth - 1)  # noqa: E731
    several = lambda: [below() for _ in range(rng.randrange(1, 4))]  # noqa: E731
    kinds = ["null", "boolean", "number", "integer", "string", "array", "object"]
    makers = {
        "type": lambda: rng.choice(kinds) if rng.random() < 0.5 else rng.sample(kinds, rng.randrange(1, 5)),
        "enum": lambda: [value(rng) for _ in range(rng.randrange(1, 6))],
        "const": lambda: value(rng),
        "minimum": lambda: rng.choice([0, 1, 1.5, -1e3]),
        "exclusiveMinimum": lambda: rng.choice([0, 1, 0.1]),
        "maximum": lambda: rng.choice([0, 1, 1e20, 1.5]),
        "exclusiveMaximum": lambda: rng.choice([1, 1.5, 2]),
        "minLength": lambda: rng.randrange(3),
        "maxLength": lambda: rng.randrange(3),
        "minItems": lambda: rng.randrange(3),
        "maxItems": lambda: rng.randrange(3),
        "minProperties": lambda: rng.randrange(3),
        "maxProperties": lambda: rng.randrange(3),
        "properties": lambda: {name: below() for name in rng.sample("abcd", rng.randrange(4))},
        "required": lambda: rng.sample("abcd", rng.randrange(3)),
        "additionalProperties": below,
        "items": below,
        "allOf": several,
        "anyOf": several,
        "oneOf": several,
        "not": below,
    }
    return {name: makers[name]() for name in rng.sample(sorted(makers), rng.randrange(4))}


def test_as_another_implementation_says(asks, api):
    seed = random.randrange(10**6)
    rng = random.Random(seed)
    asks(validate=True)
    refused = 0
    for n in range(120):
        one = {"properties": {"v": schema(rng)}, "$defs": {"d": schema(rng, 2)}}
        api.post("/event-types", {"name": f"t.{n}", "schema": one}, expect=201)
        judge = Draft202012Validator(one)
        events = [{"type": f"t.{n}", "data": {"v": value(rng)}} for _ in range(25)]
        try:
            wrong = {i for i, e in enumerate(events) if not judge.is_valid(e["data"])}
        except RecursionError:  # a definition that refers to itself for the same value: what it says is left open
            assert api.post("/events", events[0], expect=None).status in (202, 422), (seed, json.dumps(one))
            continue
        for i in set(range(25)) - wrong:
            answer = api.post("/events", events[i], expect=None)
            assert answer.status == 202, (seed, json.dumps(one), json.dumps(events[i]), answer.json)
        for i in wrong:
            answer = api.post("/events", events[i], expect=None)
            assert answer.status == 422, (seed, json.dumps(one), json.dumps(events[i]))
        refused += len(wrong)
    assert 300 < refused < 2900, seed


def test_every_catalogue_fits_its_own_schemas(start, database, redis):
    """And is one of schemas that can be checked."""
    server = start()
    client = server.client()
    app = client.post("/apps", {"name": "all", "uid": "all", "validate": True, "strict_types": True}, expect=201).json
    for system in ("marzban", "remnawave", "authon", "generic"):
        out = command(server.env, "catalogue", "load", system, "--app", "all")
        assert out.returncode == 0, out.stderr
    api = client.with_(X_App_Id=app["id"])
    for entry in api.pages("/event-types", limit=250):
        api.publish(entry["name"], entry["example"])
