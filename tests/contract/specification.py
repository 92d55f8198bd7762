"""The vendors' published descriptions as validators of real requests and answers.

OpenAPI 3 (Jira) and Swagger 2 (Azure DevOps) are turned into JSON Schema. Relaxed is this alone: an
optional property may be null, for the descriptions do not say where null is sent, and Jira sends it
for every empty field; and Microsoft's bare `object` and lost generic types are any value.

The specifications lie beside the project, in `../shared/specs`.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs

SPECS = Path(__file__).resolve().parents[3] / "shared" / "specs"
JIRA_PLATFORM = SPECS / "jira-cloud-platform-swagger-v3.v3.json"
JIRA_AGILE = SPECS / "jira-cloud-software-agile-swagger.v3.2022-07.json"
ADO_WIT = SPECS / "ado" / "wit" / "7.1" / "workItemTracking.json"
ADO_WORK = SPECS / "ado" / "work" / "7.1" / "work.json"
ADO_CORE = SPECS / "ado" / "core" / "7.1" / "core.json"


class Specification:
    """One description file. `prefix` is what comes before its paths on the server."""

    def __init__(self, path: Path, prefix: str = "") -> None:
        self._document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8-sig"))
        self._prefix = prefix
        self._schemas: dict[str, Any] = {}  # where $ref looks for them
        if "components" in self._document:
            schemas = self._document["components"]["schemas"]
            self._schemas["components"] = {
                "schemas": {name: _relaxed(one, is_swagger=False) for name, one in schemas.items()}
            }
        if "definitions" in self._document:
            definitions = self._document["definitions"]
            self._schemas["definitions"] = {name: _relaxed(one, is_swagger=True) for name, one in definitions.items()}
        # A longer path with fewer blanks is the more exact one: /issue/bulkfetch before /issue/{issueIdOrKey}.
        # Microsoft's x-ms-paths: addresses that differ in parameters alone.
        self._paths = {**self._document["paths"], **self._document.get("x-ms-paths", {})}
        paths = sorted(self._paths, key=lambda path: ("?" in path, path.count("{"), -len(path)))
        self._patterns = [(re.compile(_pattern(path), re.IGNORECASE), path) for path in paths]

    def operation(self, method: str, path: str) -> dict[str, Any] | None:
        """The description of an operation, or None if the specification has none."""
        return next(iter(self._operations(method, path)), None)

    def _operations(self, method: str, path: str) -> list[dict[str, Any]]:
        """Descriptions of an address; Microsoft gives two where a parameter changes the answer's form."""
        if not path.lower().startswith(self._prefix.lower()):
            return []
        found = []
        for pattern, template in self._patterns:
            operation = self._paths[template].get(method.lower())
            if operation and pattern.fullmatch(path[len(self._prefix) :]):
                found.append({**operation, "parameters": self._parameters(template, operation)})
        return found

    def _parameters(self, template: str, operation: dict[str, Any]) -> list[dict[str, Any]]:
        listed = [*self._paths[template].get("parameters", []), *operation.get("parameters", [])]
        return [self._resolved(parameter) for parameter in listed]

    def _resolved(self, part: dict[str, Any]) -> dict[str, Any]:
        if "$ref" not in part:
            return part
        value: Any = self._document
        for name in part["$ref"].removeprefix("#/").split("/"):
            value = value[name]
        return dict(value)

    def answer_faults(self, method: str, path: str, answer: Any) -> list[str]:
        """What in a 200 answer contradicts the specification. Raises LookupError if it does not know the operation."""
        operation = self.operation(method, path)
        if operation is None:
            raise LookupError(f"{method} {path} is in no path of the specification")
        response = self._resolved(operation["responses"]["200"])
        schema = response.get("schema") or response.get("content", {}).get("application/json", {}).get("schema")
        if not schema:
            raise LookupError(f"{method} {path}: the specification gives no form of its answer")
        if schema.get("type") == "array" and isinstance(answer, dict):
            answer = answer["value"]  # Azure DevOps wraps lists as {count, value}; its descriptions leave that out
        return self._faults(schema, answer)

    def request_faults(self, method: str, path: str, query: list[tuple[str, str]], body: str) -> list[str]:
        """What in a request the specification does not know, or forbids."""
        operations = self._operations(method, path)
        if not operations:
            return [f"{method} {path} is in no path of the specification"]
        return min((self._request_faults(operation, path, query, body) for operation in operations), key=len)

    def _request_faults(
        self, operation: dict[str, Any], path: str, query: list[tuple[str, str]], body: str
    ) -> list[str]:
        known = {p["name"] for p in operation["parameters"] if p["in"] == "query"}
        faults = [f"{path}: unknown parameter {name}" for name, _ in query if name not in known]
        required = {p["name"] for p in operation["parameters"] if p["in"] == "query" and p.get("required")}
        faults += [f"{path}: parameter {name} is missing" for name in required - {name for name, _ in query}]
        schema = self._body_schema(operation)
        if body and schema:
            faults += [f"{path}: body {fault}" for fault in self._faults(schema, json.loads(body))]
        elif body:
            faults.append(f"{path}: takes no body")
        return faults

    def _body_schema(self, operation: dict[str, Any]) -> dict[str, Any] | None:
        if "requestBody" in operation:
            return dict(operation["requestBody"]["content"]["application/json"]["schema"])
        return next((p["schema"] for p in operation["parameters"] if p["in"] == "body"), None)

    def _faults(self, schema: dict[str, Any], value: Any) -> list[str]:
        validator = jsonschema_rs.Draft7Validator(
            {"allOf": [_relaxed(schema, is_swagger="definitions" in self._schemas)], **self._schemas}
        )
        return [f"{'/'.join(map(str, one.instance_path))}: {one.message[:300]}" for one in validator.iter_errors(value)]


def _pattern(path: str) -> str:
    path = path.partition("?")[0]
    return re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path))


def _is_bare_object(schema: dict[str, Any]) -> bool:
    return schema.get("type") == "object" and schema.keys() <= {"type", "description"}


def _relaxed(schema: Any, *, is_swagger: bool) -> Any:
    """A schema in which optional properties may be null."""
    if isinstance(schema, list):
        return [_relaxed(part, is_swagger=is_swagger) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if is_swagger and (schema.get("format") == "T" or _is_bare_object(schema)):
        return {}  # the generator's way to say: any value, or a type that it lost
    relaxed = {
        name: part if name in ("properties", "enum") else _relaxed(part, is_swagger=is_swagger)
        for name, part in schema.items()
        if name not in ("example", "format", "x-ms-enum", "xml", "discriminator")
    }
    if isinstance(schema.get("properties"), dict):
        required = schema.get("required", ())
        properties = {name: _relaxed(part, is_swagger=is_swagger) for name, part in schema["properties"].items()}
        relaxed["properties"] = {
            name: part if name in required else {"anyOf": [part, {"type": "null"}]} for name, part in properties.items()
        }
    return relaxed


@cache
def specification(path: Path, prefix: str = "") -> Specification:
    return Specification(path, prefix)
