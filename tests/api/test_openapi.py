"""The contract as a document: valid OpenAPI 3.1 parts, schemas of JSON Schema 2020-12, examples
that fit their schemas, nothing undocumented."""

import re

import pytest
from harness.contract import Contract, load
from jsonschema import Draft202012Validator

CONTRACT = Contract(load())
SCOPES = {"open", "read", "publish", "write", "admin"}


def nodes(node, pointer=""):
    yield pointer, node
    items = (
        node.items()
        if isinstance(node, dict)
        else enumerate(node) if isinstance(node, list) else ()
    )
    for key, child in items:
        yield from nodes(child, f"{pointer}/{str(key).replace('~', '~0').replace('/', '~1')}")


def test_schemas_are_valid():
    for pointer, node in nodes(CONTRACT.document):
        in_example = (
            "/example" in pointer or "/schemas/" in pointer and pointer.endswith("/properties")
        )
        if isinstance(node, dict) and "schema" in node and not in_example:
            Draft202012Validator.check_schema(node["schema"])
    for schema in CONTRACT.document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_references_resolve_and_components_are_used():
    used = set()
    for _, node in nodes(CONTRACT.document):
        if isinstance(node, dict) and isinstance(node.get("$ref"), str):
            CONTRACT.at(node["$ref"][1:])
            used.add(node["$ref"])
    for kind, members in CONTRACT.document["components"].items():
        for name in members:
            reference = f"#/components/{kind}/{name}"
            assert kind == "securitySchemes" or reference in used, reference


def test_examples_fit_their_schemas():
    seen = 0
    for pointer, node in nodes(CONTRACT.document):
        if not (isinstance(node, dict) and "schema" in node and "examples" in node):
            continue
        for name in node["examples"]:
            example, _ = CONTRACT.resolve(node["examples"][name], "")
            CONTRACT.validate(f"{pointer}/schema", example["value"], name)
            seen += 1
    assert seen > 50


def test_operations_are_complete():
    names = []
    for method, path, operation in CONTRACT.operations():
        what = f"{method} {path}"
        names.append(operation["operationId"])
        assert operation["x-scope"] in SCOPES, what
        assert operation.get("security") == ([] if operation["x-scope"] == "open" else None), what
        assert operation["summary"] and operation["tags"], what
        assert any(status[0] == "2" for status in operation["responses"]), what
        needed = {"422", "500", "default"}
        if operation["x-scope"] != "open":
            needed |= {"401", "403", "404", "503"}
        if "requestBody" in operation:
            needed |= {"400", "413", "415"}
        assert needed <= operation["responses"].keys(), what
        for status, response in operation["responses"].items():
            response, _ = CONTRACT.resolve(response, "")
            assert "X-Request-Id" in response["headers"], what
            if status not in ("default", "503") and status[0] in "45":
                shape = "json" if "authon" in operation["tags"] else "problem+json"
                assert list(response["content"]) == [f"application/{shape}"], what
    assert len(names) == len(set(names))


def test_path_parameters_are_declared():
    for path, item in CONTRACT.document["paths"].items():
        declared = {CONTRACT.resolve(p, "")[0]["name"] for p in item.get("parameters", [])}
        assert declared == set(re.findall(r"\{(\w+)\}", path)), path


def test_request_bodies_are_closed():
    for name, schema in CONTRACT.document["components"]["schemas"].items():
        if re.search(r"(Create|Update|Request|Rotate|Batch)$", name):
            assert schema["additionalProperties"] is False, name


def test_generators_understand_it():
    """What makes clients that do not compile, or send what nobody meant (openapi/README.md)."""
    for pointer, node in nodes(CONTRACT.document["components"]["schemas"]):
        if not isinstance(node, dict) or pointer.endswith(("/properties", "/mapping")):
            continue
        assert not {"not", "discriminator", "default"} & node.keys(), pointer
        assert "type" in node or not {"enum", "const"} & node.keys(), pointer
        assert isinstance(node.get("const", ""), str), pointer
        parts = [node.get("items", {}), *node.get("oneOf", []), *node.get("anyOf", [])]
        assert not any("properties" in part for part in parts), f"{pointer}: an object without a name"
    schemas, parameters = (CONTRACT.document["components"][kind] for kind in ("schemas", "parameters"))
    assert not schemas.keys() & parameters.keys()


@pytest.mark.parametrize("path", ["/webhooks", "/v1/webhooks", "/webhooks/wh_1?x=y"])
def test_paths_are_found(path):
    assert CONTRACT.path_of(path).startswith("/webhooks")
