"""What an expression works on, and the field that it works for. Types only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from app.mapping.profile import FieldMapping, Kind, Side
from app.mapping.values import Value


@dataclass(frozen=True)
class Held:
    """A canonical value and its kind."""

    kind: Kind
    value: Value


@dataclass(frozen=True)
class IssueFacts:
    """What an expression may know of an issue besides its fields; empty where it is not yet."""

    key: str = ""
    type: str = ""
    project: str = ""


@dataclass(frozen=True)
class Inputs:
    """What an expression works on. `value`: the mapped field on the side that it comes from.
    `source` and `target`: the mapped fields of that issue and of the one written to, by field id
    there; `target` is empty before the twin is made."""

    value: Held
    source: Mapping[str, Held] = field(default_factory=dict)
    target: Mapping[str, Held] = field(default_factory=dict)
    source_issue: IssueFacts = IssueFacts()
    target_issue: IssueFacts = IssueFacts()
    tables: Mapping[str, Mapping[str, str | int | float | bool]] = field(default_factory=dict)


@dataclass(frozen=True)
class Target:
    """The field that a result is for. `mapping`: what an error names."""

    mapping: str
    field: str
    kind: Kind

    @classmethod
    def of(cls, mapping: FieldMapping, to: Side) -> Target:
        """The field of a mapping on the side that is written to."""
        return cls(mapping.key, mapping.field(to), mapping.kind_of(to))
