"""What Tandem reads of a webhook's body."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.errors import Problem
from app.jira.times import parse_time

CREATED, UPDATED, DELETED = "jira:issue_created", "jira:issue_updated", "jira:issue_deleted"


@dataclass(frozen=True)
class Event:
    """What Tandem reads of a delivery."""

    kind: str
    issue_id: int
    project_id: int
    type_id: int
    fields: Mapping[str, Any]
    updated: datetime | None
    changed: frozenset[str] | None  # field ids of the changelog; None where it names none


def read_event(body: Mapping[str, Any]) -> Event:
    """The event of a delivery's body. Raises Problem that names what is wrong in it."""
    kind = body.get("webhookEvent")
    if kind not in {CREATED, UPDATED, DELETED}:
        raise Problem(
            f"webhookEvent: {str(kind)[:60]!r} is not one that Tandem subscribed to.",
            code="invalid-field",
            field="webhookEvent",
        )
    issue = _object(body, "issue")
    fields = _object(issue, "fields")
    changelog = body.get("changelog")
    return Event(
        kind=kind,
        issue_id=_whole(issue, "issue.id"),
        project_id=_whole(_object(fields, "project"), "issue.fields.project.id"),
        type_id=_whole(_object(fields, "issuetype"), "issue.fields.issuetype.id"),
        fields=fields,
        updated=_time(fields.get("updated")),
        changed=_changed(changelog) if isinstance(changelog, dict) else None,
    )


def _object(holder: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = holder.get(name)
    if not isinstance(found, dict):
        raise Problem(f"{name}: must be an object.", code="invalid-field", field=name)
    return found


def _whole(holder: Mapping[str, Any], name: str) -> int:
    found = holder.get("id")
    digits = str(found)
    if isinstance(found, bool) or not (digits.isascii() and digits.isdigit() and len(digits) < 19):
        raise Problem(f"{name}: must be a whole number.", code="invalid-field", field=name)
    return int(digits)


def _time(found: object) -> datetime | None:
    if found is None:
        return None
    try:
        when = parse_time(str(found))
        # The far ends of the calendar fit into the database, but not out of it again.
        if not 1970 <= when.year < 9999:
            raise ValueError
        return when
    except ValueError:
        raise Problem(
            "issue.fields.updated: is not a time as Jira writes it.",
            code="invalid-field",
            field="issue.fields.updated",
        ) from None


def _changed(changelog: Mapping[str, Any]) -> frozenset[str] | None:
    items = changelog.get("items")
    if not isinstance(items, list):
        return None
    named = frozenset(
        str(item.get("fieldId") or item.get("field")) for item in items if isinstance(item, dict)
    )
    return named or None
