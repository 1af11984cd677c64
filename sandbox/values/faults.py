"""The refusal of a value, and what all readers of values need."""

from __future__ import annotations

from typing import Any


class FieldFault(Exception):
    """A value that the field refuses, in Jira's words. `name`: the field Jira blames instead."""

    def __init__(self, text: str, name: str = "") -> None:
        """`text` is what Jira answers."""
        super().__init__(text)
        self.name = name


def an_object(value: Any) -> dict[str, Any]:
    """The value, which must be a JSON object. Raises FieldFault."""
    if not isinstance(value, dict):
        raise FieldFault("data was not an object")
    return value


def an_array(value: Any) -> list[Any]:
    """The value, which must be a JSON array. Raises FieldFault."""
    if not isinstance(value, list):
        raise FieldFault("data was not an array")
    return value


def a_string(value: Any) -> str:
    """The value, which must be a string. Raises FieldFault."""
    if not isinstance(value, str):
        raise FieldFault("Operation value must be a string")
    return value
