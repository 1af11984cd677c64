"""What carrying values has to know of both sites, and what is not known yet. Values only."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from app.mapping.profile import Side
from app.mapping.rich import File

Ref: TypeAlias = tuple[str, str]
"""A value's id and its name, which may be empty where it is not known."""


class Sought(StrEnum):
    """What is to be looked up."""

    VALUE = "value"  # what bears the same name on the other side
    PERSON = "person"  # who shows the same email address on the other side
    NAME = "name"  # what an account is called on its own site
    ISSUE = "issue"  # which issue is the twin
    KEY = "key"  # the key of the twin of the issue of this key
    FILE = "file"  # what a file that a text shows is on the other side
    GONE = "gone"  # whether a file that a text shows is there still


@dataclass(frozen=True)
class Miss:
    """Something that is not known yet. `side`: where it is looked for; `id`: of the other side's
    value or person, for NAME the account itself. `name`: what the other side calls the value."""

    sought: Sought
    side: Side
    id: str
    key: str = ""
    name: str = ""


@dataclass(frozen=True)
class TwinIssue:
    """What is known of an issue's twin: its id, or that a profile is to make one."""

    id: str | None = None
    comes: bool = False


@dataclass
class Facts:
    """What was found out, by mapping key, the side that it is for, and the other side's id. None:
    it was looked for, and there is none."""

    values: dict[tuple[str, Side, str], Ref | None] = field(default_factory=dict)
    people: dict[tuple[Side, str], str | None] = field(default_factory=dict)
    names: dict[tuple[Side, str], str | None] = field(default_factory=dict)
    issues: dict[tuple[Side, str], TwinIssue] = field(default_factory=dict)
    keys: dict[tuple[Side, str], str | None] = field(default_factory=dict)
    files: dict[tuple[Side, str], File | None] = field(default_factory=dict)
    """By media id of the other side. None: it is still to come."""
    gone: dict[tuple[Side, str], bool] = field(default_factory=dict)
