"""Holds requests and answers to Atlassian's OpenAPI document of Jira Cloud REST v3."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from werkzeug.datastructures import MultiDict

from sandbox.model import JsonDict

# Where Jira answers null although the document gives a plain type (seen in captures).
NULL_IN_ANSWERS = {
    "ChangeDetails": ("from", "fromString", "to", "toString"),
}


@dataclass
class Operation:
    """One operation of the document, with its validators once they are compiled."""

    spec: JsonDict
    body: Any = None
    body_known: bool = False
    answers: dict[int, Any] = field(default_factory=dict)

    @property
    def scope(self) -> str:
        """The Connect scope the operation needs ("" when the document does not say)."""
        scope = self.spec.get("x-atlassian-connect-scope", "")
        return scope if isinstance(scope, str) else ""


class Document:
    """The OpenAPI document; without a file every check passes."""

    def __init__(self, spec: JsonDict | None) -> None:
        """`spec` is the parsed document, None to check nothing."""
        self.present = spec is not None
        self._spec = spec or {"paths": {}, "components": {"schemas": {}}}
        self._lock = threading.Lock()
        self.operations = {
            (method.upper(), path): Operation(operation)
            for path, item in self._spec["paths"].items()
            for method, operation in item.items()
            if isinstance(operation, dict)
        }

    @classmethod
    def load(cls, path: Path | None) -> Document:
        """Read the file; None gives a document that checks nothing. Raises ValueError."""
        if path is None:
            return cls(None)
        try:
            return cls(json.loads(path.read_text()))
        except (OSError, json.JSONDecodeError) as error:
            raise ValueError(f"--openapi {path}: cannot be read as JSON: {error}") from error

    def operation(self, method: str, path: str) -> Operation | None:
        """The operation of a documented path."""
        return self.operations.get((method, path))

    def request_faults(
        self, operation: Operation, args: MultiDict[str, str], body: Any, has_body: bool
    ) -> list[str]:
        """What is wrong with a request, in sentences."""
        faults = list(_parameter_faults(operation.spec.get("parameters", []), args))
        wanted = operation.spec.get("requestBody")
        if wanted and has_body:
            if not operation.body_known:
                with self._lock:
                    content = wanted["content"].get("application/json", {})
                    operation.body = self._compile(content.get("schema"), answers=False)
                    operation.body_known = True
            faults += _schema_faults(operation.body, body)
        elif wanted and wanted.get("required"):
            faults.append("No content to map to Object due to end of input")
        return faults

    def answer_faults(self, operation: Operation, status: int, body: Any) -> list[str]:
        """What is wrong with an answer, in sentences; statuses not documented pass."""
        if status not in operation.answers:
            with self._lock:
                content = operation.spec["responses"].get(str(status), {}).get("content", {})
                schema = content.get("application/json", {}).get("schema")
                operation.answers[status] = self._compile(schema, answers=True)
        return _schema_faults(operation.answers[status], body)

    def _compile(self, schema: JsonDict | None, *, answers: bool) -> Any:
        if not schema:
            return None
        import jsonschema_rs

        needed: dict[str, JsonDict] = {}
        self._collect(schema, needed)
        converted = {name: _convert(value) for name, value in needed.items()}
        if answers:
            for name in NULL_IN_ANSWERS.keys() & converted.keys():
                properties = converted[name]["properties"]
                for key in NULL_IN_ANSWERS[name]:
                    properties[key] = {"anyOf": [properties[key], {"type": "null"}]}
        whole = {"allOf": [_convert(schema)], "components": {"schemas": converted}}
        return jsonschema_rs.Draft7Validator(whole, validate_formats=False)

    def _collect(self, node: Any, needed: dict[str, JsonDict]) -> None:
        if isinstance(node, dict):
            reference = node.get("$ref")
            if isinstance(reference, str):
                name = reference.rsplit("/", 1)[-1]
                if name not in needed:
                    needed[name] = self._spec["components"]["schemas"][name]
                    self._collect(needed[name], needed)
            for value in node.values():
                self._collect(value, needed)
        elif isinstance(node, list):
            for value in node:
                self._collect(value, needed)


def _convert(node: Any) -> Any:
    """Turn OpenAPI 3.0's dialect into JSON Schema: only `nullable` matters here."""
    if isinstance(node, list):
        return [_convert(value) for value in node]
    if not isinstance(node, dict):
        return node
    plain = {k: _convert(v) for k, v in node.items() if k not in ("example", "xml", "nullable")}
    if "anyOf" in plain and "properties" not in plain and not plain.get("additionalProperties"):
        # A clause of JQL: nothing would pass, for whatever its choices have is "additional".
        plain.pop("additionalProperties", None)
    if node.get("nullable") is True:
        return {"anyOf": [plain, {"type": "null"}]}
    return plain


def _schema_faults(validator: Any, body: Any) -> list[str]:
    if validator is None or validator.is_valid(body):
        return []
    faults = []
    for error in validator.iter_errors(body):
        place = "/".join(str(part) for part in error.instance_path) or "body"
        faults.append(f"{place}: {error.message}"[:400])
    return faults[:5]


def _parameter_faults(parameters: list[JsonDict], args: MultiDict[str, str]) -> Iterable[str]:
    for parameter in parameters:
        if parameter.get("in") != "query":
            continue
        name = parameter["name"]
        if name not in args:
            if parameter.get("required"):
                yield f"The query parameter '{name}' is required."
            continue
        schema = parameter.get("schema", {})
        item = schema.get("items", {}) if schema.get("type") == "array" else schema
        for text in args.getlist(name):
            if item.get("type") == "integer" and not text.lstrip("-").isdigit() and text:
                yield f"The query parameter '{name}' must be a whole number, not '{text}'."
            if item.get("type") == "boolean" and text.lower() not in ("true", "false"):
                yield f"The query parameter '{name}' must be true or false, not '{text}'."
            if "enum" in item and text not in item["enum"] and schema.get("type") != "array":
                yield f"The query parameter '{name}' must be one of {item['enum']}."
