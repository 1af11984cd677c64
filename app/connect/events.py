"""What Tandem reads of a webhook's body."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, TypeAlias

from app.errors import Problem
from app.jira.times import UNCHANGING, parse_time
from app.mapping.lifecycle import Why
from app.mapping.profile import ItemKind

CREATED, UPDATED, DELETED = "jira:issue_created", "jira:issue_updated", "jira:issue_deleted"
ITEMS = {
    "comment_created": ItemKind.COMMENTS,
    "comment_updated": ItemKind.COMMENTS,
    "comment_deleted": ItemKind.COMMENTS,
}
"""The events of items: each has its own besides that of its issue."""
WORKLOGS = frozenset({"worklog_created", "worklog_updated", "worklog_deleted"})
LINKS = frozenset({"issuelink_created", "issuelink_deleted"})
FILES_FIELD = "attachment"
FILE_ID = re.compile(r"[0-9]{1,18}")
# These tell of an item alone, which has an event of its own.
OF_ITEMS = frozenset({"issue_commented", "issue_comment_edited", "issue_comment_deleted"})
TYPE_NAME = "issue_event_type_name"
TOLD = {"issue_archived": Why.ARCHIVED}
# What a changelog calls the parent, by the kind of issue.
OF_PARENTS = frozenset({"Parent", "IssueParentAssociation", "Epic Link", "Parent Link"})


Chosen: TypeAlias = tuple[str, str, str | None]
"""What a changelog tells of a value: its field, and the id and the text that it has now."""


@dataclass(frozen=True)
class ItemEvent:
    """What a delivery tells of an item of its issue. `updated`: None where it is gone. `private`:
    not everybody may see it who sees the issue. `said`: what an edit made it say, for people; None
    where that is not told, or for a role or a group alone."""

    kind: ItemKind
    id: str
    updated: datetime | None
    private: bool = False
    is_edit: bool = False
    said: str | None = field(default=None, repr=False)


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
    item: ItemEvent | None = None
    told: Why | None = None
    """What it says of the issue as a whole."""
    is_back: bool = False
    """Whether it says that the issue was brought back from the archive."""
    chosen: tuple[Chosen, ...] = field(default=(), repr=False)
    """What its changelog tells of values."""
    others: tuple[Event, ...] = ()
    """The same of the other issues that the delivery is about."""


def read_event(body: Mapping[str, Any]) -> Event:
    """The event of a delivery's body. Raises Problem that names what is wrong in it."""
    kind = body.get("webhookEvent")
    if kind in WORKLOGS:
        return _of_work(body, kind)
    if kind in LINKS:
        return _of_link(body, kind)
    if kind not in {CREATED, UPDATED, DELETED} and kind not in ITEMS:
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
        changed=_changed(changelog) if isinstance(changelog, dict) else _of_item(body),
        told=Why.DELETED if kind == DELETED else TOLD.get(str(body.get(TYPE_NAME))),
        is_back=body.get(TYPE_NAME) == "issue_restored",
        item=_item(body, ITEMS[kind], event=kind) if kind in ITEMS else _file(changelog),
        chosen=_chosen(changelog),
    )


def _of_work(body: Mapping[str, Any], kind: str) -> Event:
    item = _item(body, ItemKind.WORKLOGS, event=kind)
    issue = {"id": _object(body, "worklog").get("issueId")}
    return _by_id(kind, _whole(issue, "worklog.issueId"), item)


def _of_link(body: Mapping[str, Any], kind: str) -> Event:
    """A link is carried with the issue that it goes out from, so that one comes first."""
    link = _object(body, "issueLink")
    number = str(_whole(link, "issueLink.id"))
    item = ItemEvent(ItemKind.LINKS, number, None if kind.endswith("_deleted") else UNCHANGING)
    names = ("sourceIssueId", "destinationIssueId")
    ends = [_whole({"id": link.get(name)}, f"issueLink.{name}") for name in names]
    source, target = (_by_id(kind, end, item) for end in ends)
    return replace(source, others=(target,))


def _by_id(kind: str, issue_id: int, item: ItemEvent) -> Event:
    """An event of an issue of which no more than its id is told: it matters where a pair has it."""
    return Event(kind, issue_id, 0, 0, {}, None, frozenset(), item)


def _of_item(body: Mapping[str, Any]) -> frozenset[str] | None:
    """No field changed where the delivery is the shadow of an item's own; else who knows."""
    is_shadow = body.get("issue_event_type_name") in OF_ITEMS and isinstance(
        body.get("comment"), dict
    )
    return frozenset() if is_shadow else None


def _item(body: Mapping[str, Any], kind: ItemKind, *, event: str) -> ItemEvent:
    name = kind.value.removesuffix("s")
    found = _object(body, name)
    item = str(_whole(found, f"{name}.id"))
    private = found.get("jsdPublic") is False or bool(found.get("visibility"))
    gone, is_edit = event.endswith("_deleted"), event.endswith("_updated")
    updated = None if gone else _time(found.get("updated"), f"{name}.updated")
    return ItemEvent(kind, item, updated, private, is_edit, _said(found) if is_edit else None)


def _said(found: Mapping[str, Any]) -> str | None:
    """What a comment or a worklog says, as wiki markup: a webhook has no other form."""
    words = found.get("body", found.get("comment"))
    if found.get("visibility") or not isinstance(words, str | None):
        return None
    if "timeSpentSeconds" not in found:
        return words
    seconds, started = found["timeSpentSeconds"], found.get("started")
    if not isinstance(seconds, int) or not isinstance(started, str):
        return words
    return f"{seconds // 60} minutes from {started}\n{words or ''}".rstrip()


def _file(changelog: object) -> ItemEvent | None:
    """The file that came or went, where a change tells of one file alone: the events of files
    themselves do not say on which issue they are."""
    items = changelog.get("items") if isinstance(changelog, dict) else None
    if not isinstance(items, list) or len(items) != 1 or not isinstance(items[0], dict):
        return None
    [one] = items
    gone = one.get("to") is None
    file = one.get("from") if gone else one.get("to")
    if one.get("fieldId") != FILES_FIELD or not isinstance(file, str):
        return None
    if not FILE_ID.fullmatch(file):
        return None
    return ItemEvent(ItemKind.ATTACHMENTS, file, None if gone else UNCHANGING)


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


def _time(found: object, name: str = "issue.fields.updated") -> datetime | None:
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
            f"{name}: is not a time as Jira writes it.",
            code="invalid-field",
            field=name,
        ) from None


def _changed(changelog: Mapping[str, Any]) -> frozenset[str] | None:
    items = changelog.get("items")
    if not isinstance(items, list):
        return None
    named = {str(i.get("fieldId") or i.get("field")) for i in items if isinstance(i, dict)}
    return frozenset(named | ({"parent"} if named & OF_PARENTS else set())) or None


def _chosen(changelog: object) -> tuple[Chosen, ...]:
    items = changelog.get("items") if isinstance(changelog, Mapping) else None
    found: list[Chosen] = []
    for one in items if isinstance(items, list) else ():
        id_, words = (one.get("to"), one.get("toString")) if isinstance(one, Mapping) else (0, 0)
        if isinstance(id_, str) and isinstance(words, str | None):
            found.append((str(one.get("fieldId") or one.get("field")), id_, words))
    return tuple(found)
