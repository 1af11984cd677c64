"""What Jira's answers mean: each form of its REST API as one of ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from app.jira.site import Changelog, Edit, FieldChanges, FieldRule, Issue, ParsedJql, SiteError
from app.jira.times import parse_time
from app.said import said

P = ParamSpec("P")
T = TypeVar("T")

PROPERTY = "tandem"
"""The entity property that marks an issue as made by Tandem, and names its source."""
FILES = "tandem-files"
"""The entity property of an issue that notes which of its files are twins, and of what."""
LINKS = "tandem-links"
"""The entity property of an issue that notes which of its links are twins, and of what."""
MORE_PROPERTIES = (FILES, LINKS)
LONGEST_ID = 18  # digits: what the database has room for


def understood(method: Callable[P, T]) -> Callable[P, T]:
    """A method whose answer is in a form that nobody expects ends as a SiteError."""

    @wraps(method)
    def reading(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return method(*args, **kwargs)
        except (AttributeError, KeyError, TypeError, ValueError) as fault:
            raise SiteError(
                said(
                    "The site answered %(name)s in an unknown form. It is tried again.",
                    name=method.__name__,
                )
            ) from fault

    return reading


def text(found: object) -> str:
    """The text that this must be. Raises TypeError."""
    if not isinstance(found, str):
        raise TypeError("a text was expected")
    return found


def issue_id(found: object) -> int | None:
    """The id of an issue as a mark names it; None where this is none, or none that can be."""
    told = str(found) if isinstance(found, str | int) else ""
    # The length first: of thousands of digits Python makes no number.
    if not told.isascii() or not told.isdigit() or len(told) > LONGEST_ID:
        return None
    return int(told) or None


def issue(raw: Mapping[str, Any]) -> Issue:
    """An issue, as reads and searches give it."""
    fields, held = raw["fields"], raw.get("properties") or {}
    # Whoever may edit an issue may write anything there: what is no mark says nothing.
    mark = held.get(PROPERTY)
    return Issue(
        id=int(raw["id"]),
        key=text(raw["key"]),
        fields=fields,
        updated=parse_time(fields["updated"]),
        property=mark if isinstance(mark, dict) else None,
        more={name: held[name] for name in MORE_PROPERTIES if name in held},
        changelog=changelog(raw["changelog"]) if raw.get("changelog") else None,
        edit=edit_screen(raw["editmeta"]) if raw.get("editmeta") else None,
    )


def edit_screen(raw: Mapping[str, Any]) -> dict[str, FieldRule]:
    """The fields of an edit screen, by id."""
    return {text(name): rule(one) for name, one in (raw.get("fields") or {}).items()}


def parsed(raw: Mapping[str, Any]) -> ParsedJql:
    """What the parser says of one query."""
    errors = tuple(text(one) for one in raw.get("errors") or ())
    structure = raw.get("structure") or {}
    if not errors and not structure:
        raise ValueError("neither errors nor a structure")
    return ParsedJql(errors, bool(structure.get("where")), bool(structure.get("orderBy")))


def rule(raw: Mapping[str, Any]) -> FieldRule:
    """What a create screen says of one field."""
    values = raw.get("allowedValues")
    names = [str(one.get("name", one.get("value"))) for one in values or ()]
    deeds = raw.get("operations")
    return FieldRule(
        name=text(raw["name"]),
        required=bool(raw.get("required")) and not raw.get("hasDefaultValue"),
        allowed=frozenset(names) if values else None,
        schema=raw.get("schema") or {},
        values=tuple(values or ()),
        settable=deeds is None or "set" in deeds,
    )


def field_at_large(raw: Mapping[str, Any]) -> FieldRule:
    """What the list of all fields says of one. Jira tells no schema of some that are its own."""
    told = {} if raw.get("custom") else {"system": text(raw["id"])}
    return FieldRule(name=text(raw["name"]), schema=raw.get("schema") or told)


def is_of_project(raw: Mapping[str, Any], project_id: int) -> bool:
    """Whether a field of that list is no other project's own."""
    project = (raw.get("scope") or {}).get("project") or {}
    return str(project.get("id", project_id)) == str(project_id)


def latest(raw: Mapping[str, Any]) -> FieldChanges:
    """When each field changed last, by the changes that came with an issue."""
    at: dict[str, datetime] = {}
    for history in raw.get("histories", []):
        when = parse_time(history["created"])
        for item in history.get("items", []):
            name = item.get("fieldId") or item.get("field")
            if name and (name not in at or at[name] < when):
                at[name] = when
    return FieldChanges(at)


def changelog(raw: Mapping[str, Any]) -> Changelog:
    """The changes that came with an issue, and whether these are all."""
    histories = raw.get("histories", [])
    whole = int(raw.get("total", len(histories) + 1)) <= len(histories)
    return Changelog(edits(histories), whole)


def edits(histories: Sequence[Mapping[str, Any]]) -> tuple[Edit, ...]:
    """The edits of single fields, the newest first."""
    found = []
    for history in histories:
        when, author = parse_time(history["created"]), (history.get("author") or {})
        number = str(history.get("id", ""))
        # Of two changes in one millisecond the later one has the higher number.
        place = when, int(number) if number.isascii() and number.isdigit() else 0
        for item in history.get("items", []):
            before = _told(item.get("from")), _told(item.get("fromString"))
            after = _told(item.get("to")), _told(item.get("toString"))
            name = item.get("fieldId") or item.get("field")
            edit = Edit(text(name), when, before, after, _told(author.get("accountId")))
            found.append((place, edit))
    found.sort(key=lambda one: one[0], reverse=True)
    return tuple(edit for _, edit in found)


def _told(found: object) -> str | None:
    return None if found is None else text(found)
