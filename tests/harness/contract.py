"""Answers held against openapi/posthorn.yaml: the operation, the status, the headers, the media
type, and the body by JSON Schema. Members that the contract does not name are refused here, though
the published schemas leave room for them."""

import copy
import json
import re
from pathlib import Path
from urllib.parse import quote

import yaml
from jsonschema_rs import Draft202012Validator, Registry

PATH = Path(__file__).resolve().parents[2] / "openapi" / "posthorn.yaml"
METHODS = ("get", "post", "patch", "put", "delete")
URI = "urn:posthorn"
PROBLEM = "/components/schemas/Problem"
REQUEST_ID = re.compile(r"req_[0-7][0-9a-hjkmnp-tv-z]{25}\Z")


def load():
    return yaml.safe_load(PATH.read_text(encoding="utf-8"))


def no_duplicates(pairs):
    members = dict(pairs)
    assert len(members) == len(pairs), f"a member twice: {[k for k, _ in pairs]}"
    return members


def parse_json(body):
    return json.loads(body.decode("utf-8"), object_pairs_hook=no_duplicates)


def joined(schemas, schema):
    """An object that is another one with more members, as one: closed, neither would take the other's."""
    parts = [schemas[p["$ref"].rsplit("/", 1)[1]] if "$ref" in p else p for p in schema.get("allOf", [])]
    if len(parts) < 2 or not all("properties" in p for p in parts):
        return schema
    return {
        "type": "object",
        "required": [name for p in parts for name in p["required"]],
        "properties": {name: member for p in parts for name, member in p["properties"].items()},
    }


def seal(node):
    """Closes every object schema that lists its members."""
    if isinstance(node, dict):
        if (
            "properties" in node
            and "additionalProperties" not in node
            and node.get("type") == "object"
        ):
            node["additionalProperties"] = False
        for child in node.values():
            seal(child)
    elif isinstance(node, list):
        for child in node:
            seal(child)


class Contract:
    def __init__(self, document=None):
        self.document = document or load()
        sealed = copy.deepcopy(self.document)
        schemas = sealed["components"]["schemas"]
        schemas.update({name: joined(schemas, schema) for name, schema in schemas.items()})
        seal(schemas)
        self.registry = Registry([(URI, sealed)])
        self.validators = {}
        self.paths = [
            (re.compile(re.sub(r"\{[^}]+\}", "[^/]+", path) + r"\Z"), path)
            for path in self.document["paths"]
        ]

    def resolve(self, node, pointer):
        """Follows one $ref of the document; returns the node and where it is."""
        while "$ref" in node:
            pointer = node["$ref"][1:]
            node = self.at(pointer)
        return node, pointer

    def at(self, pointer):
        node = self.document
        for part in pointer.strip("/").split("/"):
            node = node[part.replace("~1", "/").replace("~0", "~")]
        return node

    def validator(self, pointer):
        if pointer not in self.validators:
            self.validators[pointer] = Draft202012Validator(
                {"$ref": f"{URI}#{quote(pointer)}"}, registry=self.registry
            )
        return self.validators[pointer]

    def validate(self, pointer, value, what):
        errors = [
            f"{'/'.join(map(str, e.instance_path))}: {e.message}"
            for e in self.validator(pointer).iter_errors(value)
        ]
        assert not errors, f"{what} is not {pointer}: {errors}\n{json.dumps(value)[:2000]}"

    def path_of(self, target):
        path = target.split("?")[0]
        path = path[3:] if path.startswith("/v1/") else path
        return next((template for pattern, template in self.paths if pattern.match(path)), None)

    def operations(self):
        """(METHOD, path, operation) of everything."""
        for path, item in self.document["paths"].items():
            for method in METHODS:
                if method in item:
                    yield method.upper(), path, item[method]

    def check_request(self, method, target, body):
        """A body that was accepted must be one that the contract describes."""
        path = self.path_of(target)
        pointer = f"/paths/{path.replace('/', '~1')}/{method.lower()}/requestBody"
        if body.strip():
            self.validate(
                f"{pointer}/content/application~1json/schema",
                json.loads(body),
                f"the request {method} {target}",
            )

    def check(self, method, target, answer):
        what = f"{method} {target} → {answer.status}"
        assert REQUEST_ID.match(answer.headers.get("X-Request-Id", "")), f"{what}: X-Request-Id"
        assert not answer.body.endswith(b"\n"), f"{what}: ends with a newline"
        path = self.path_of(target)
        operation = self.document["paths"][path].get(method.lower()) if path else None
        if operation is None:
            self.check_unknown(path, what, answer)
            return
        responses = operation["responses"]
        status = str(answer.status)
        if status not in responses:
            assert status == "414", f"{what} is not in the contract: {answer.body[:500]}"
            status = "default"
        pointer = f"/paths/{path.replace('/', '~1')}/{method.lower()}/responses/{status}"
        self.check_response(*self.resolve(responses[status], pointer), what, answer)

    def check_unknown(self, path, what, answer):
        """No such path, or no such method on it."""
        assert answer.status == (404 if path is None else 405), f"{what}: {answer.body[:500]}"
        if path:
            allowed = {m.upper() for m in METHODS if m in self.document["paths"][path]}
            named = {m.strip() for m in answer.headers.get("Allow", "").split(",")}
            assert named - {"HEAD", "OPTIONS"} == allowed, f"{what}: Allow: {named}"
        self.check_problem(what, answer)

    def check_problem(self, what, answer):
        kind = answer.headers.get("Content-Type")
        assert kind == "application/problem+json", f"{what}: {kind} {answer.body[:300]}"
        self.validate(PROBLEM, parse_json(answer.body), what)
        assert parse_json(answer.body)["status"] == answer.status, what

    def check_response(self, response, pointer, what, answer):
        for name, header in response.get("headers", {}).items():
            header, _ = self.resolve(header, "")
            assert not header.get("required") or name in answer.headers, f"{what}: no {name}"
        content = response.get("content")
        if not content:
            assert answer.body == b"", f"{what}: {answer.body[:200]}"
            return
        kind = answer.headers.get("Content-Type", "")
        assert kind in content, f"{what}: Content-Type {kind!r}"
        if kind == "text/event-stream":
            return
        assert answer.headers.get("Content-Length") == str(len(answer.body)), what
        if "schema" in content[kind]:
            self.validate(
                f"{pointer}/content/{kind.replace('/', '~1')}/schema", parse_json(answer.body), what
            )
        if kind == "application/problem+json":
            assert parse_json(answer.body)["status"] == answer.status, what
