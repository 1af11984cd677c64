"""The table of ADF is what Atlassian's published schema says, definition by definition."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from app.mapping.rich.shapes import (
    ATTRS,
    COLUMNS,
    MARK_ATTRS,
    MARKS,
    MAY_BE_EMPTY,
    MAY_LACK_ATTRS,
    MAY_LACK_CONTENT,
    NODE_ATTRS,
    PLACES,
    Attr,
)

SCHEMA = (
    Path(__file__).resolve().parents[2]
    / "node_modules/@atlaskit/adf-schema/dist/json-schema/v1/full.json"
)
pytestmark = pytest.mark.skipif(
    not SCHEMA.exists(), reason=f"npm's @atlaskit/adf-schema is not installed: {SCHEMA}"
)
# Always unfolded, so nothing is ever put into it.
NEVER_FILLED = {"bodiedSyncBlock"}


@pytest.fixture(scope="module")
def definitions() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(SCHEMA.read_text())["definitions"]
    return found


def type_of(definition: dict[str, Any]) -> str | None:
    found = definition.get("properties", {}).get("type", {}).get("enum")
    return found[0] if found else None


def is_mark(name: str) -> bool:
    return name.endswith("_mark")


def kind(schema: dict[str, Any]) -> str:
    """A property of the schema in the words of the table."""
    if "enum" in schema:
        return "|".join(schema["enum"])
    if "pattern" in schema:
        return f"/{schema['pattern']}/"
    if schema.get("type") == "array":
        return f"[{kind(schema['items'])}{'1' if schema.get('minItems') else ''}]"
    if schema.get("type") == "object":
        return "datasource"
    if schema.get("type") == "number":
        low, high = schema.get("minimum"), schema.get("maximum")
        return "n" if low is high is None else f"n{low}..{'' if high is None else high}"
    return {"string": "s1" if schema.get("minLength") else "s", "boolean": "b"}.get(
        schema.get("type", ""), "any"
    )


def sets(attrs: dict[str, Any] | None) -> list[set[Attr]]:
    if attrs is None:
        return []
    return [
        {Attr(k, k in one.get("required", ()), kind(v)) for k, v in one["properties"].items()}
        for one in attrs.get("anyOf", [attrs])
    ]


def marks_allowed(definition: dict[str, Any]) -> frozenset[str] | None:
    marks = definition.get("properties", {}).get("marks")
    if marks is None or marks.get("maxItems") == 0 or "items" not in marks:
        return None
    listed = marks["items"].get("anyOf", [marks["items"]])
    return frozenset(one["$ref"].split("/")[-1].removesuffix("_mark") for one in listed)


def variants(name: str, all_: dict[str, Any]) -> list[tuple[str, frozenset[str] | None]]:
    """The types that a reference stands for, each with the marks that it may bear there."""
    definition = all_[name]
    if "anyOf" in definition:
        return [
            found
            for one in definition["anyOf"]
            for found in variants(one["$ref"].split("/")[-1], all_)
        ]
    if "allOf" in definition:
        base = all_[definition["allOf"][0]["$ref"].split("/")[-1]]
        changed = definition["allOf"][1]
        given = changed if "marks" in changed["properties"] else base
        return [(type_of(base) or "", marks_allowed(given))]
    return [(type_of(definition) or "", marks_allowed(definition))]


def items(schema: dict[str, Any], all_: dict[str, Any]) -> list[dict[str, Any]]:
    if "$ref" in schema:
        schema = all_[schema["$ref"].split("/")[-1]]
    listed = schema["items"] if isinstance(schema["items"], list) else [schema["items"]]
    return [one for item in listed for one in item.get("anyOf", [item])]


def places(definition: dict[str, Any], all_: dict[str, Any]) -> dict[str, set[frozenset[str]]]:
    found: dict[str, set[frozenset[str]]] = {}
    for item in items(definition["properties"]["content"], all_):
        for child, marks in variants(item["$ref"].split("/")[-1], all_):
            found.setdefault(child, set()).update([marks] if marks else [])
    return {
        # A set within a larger one says nothing of its own.
        child: {one for one in marks if not any(one < other for other in marks)}
        for child, marks in found.items()
    }


def holders(definitions: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Every definition of a node with content, by the node's type."""
    found: dict[str, list[dict[str, Any]]] = {}
    for name, one in definitions.items():
        whole = one
        if "allOf" in one:
            base = definitions[one["allOf"][0]["$ref"].split("/")[-1]]
            whole = {**one["allOf"][1], "base": type_of(base)}
        kind_ = type_of(one) or whole.get("base")
        if kind_ and not is_mark(name) and "content" in whole.get("properties", {}):
            found.setdefault(kind_, []).append(whole)
    return found


def test_every_node_and_mark_of_the_schema_is_in_the_table(definitions: dict[str, Any]) -> None:
    named = {(is_mark(name), type_of(one)) for name, one in definitions.items() if type_of(one)}
    assert {name for mark, name in named if not mark} == set(ATTRS)
    assert {name for mark, name in named if mark} == set(MARKS)


def test_the_attributes_are_those_of_the_schema(definitions: dict[str, Any]) -> None:
    for name, one in definitions.items():
        found = type_of(one)
        if found is None:
            continue
        table = (MARK_ATTRS if is_mark(name) else NODE_ATTRS)[found]
        listed = sets(one["properties"].get("attrs"))
        assert [set(some) for some in table] == listed, name
        may_lack = "attrs" in one["properties"] and "attrs" not in one.get("required", ())
        musts = any(attr.must for some in listed for attr in some)
        assert (found in MAY_LACK_ATTRS) == (may_lack and musts), name


def test_what_may_stand_in_a_node_is_what_the_schema_says(definitions: dict[str, Any]) -> None:
    found = holders(definitions)
    assert set(found) - NEVER_FILLED == set(PLACES)
    for name, place in PLACES.items():
        merged: dict[str, set[frozenset[str]]] = {}
        for one in found[name]:
            for child, marks in places(one, definitions).items():
                merged.setdefault(child, set()).update(marks)
        assert {child: set(marks) for child, marks in place.items()} == merged, name


def test_where_a_content_may_be_missing_or_empty_is_what_the_schema_says(
    definitions: dict[str, Any],
) -> None:
    found = holders(definitions)
    lacking = {
        name
        for name, some in found.items()
        if any("content" not in one.get("required", ()) for one in some)
    }
    assert lacking == MAY_LACK_CONTENT
    empty = {
        name
        for name, some in found.items()
        if all(
            not (
                definitions[one["properties"]["content"]["$ref"].split("/")[-1]]
                if "$ref" in one["properties"]["content"]
                else one["properties"]["content"]
            ).get("minItems")
            for one in some
        )
    }
    assert empty == MAY_BE_EMPTY
    columns = definitions["layoutSection_full_node"]["allOf"][1]["properties"]["content"]
    assert (columns["minItems"], columns["maxItems"]) == COLUMNS
