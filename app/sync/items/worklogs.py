"""Worklogs: so much time, begun then, with a text; at times for few eyes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from app.jira.answers import PROPERTY, text
from app.jira.site import Issue, JiraSite
from app.jira.times import parse_time
from app.mapping.profile import ItemKind, ItemMapping
from app.mapping.said import said
from app.mapping.values import UnreadableValueError
from app.sync.items.comments import RICH, twin_text
from app.sync.items.kinds import KindOfItem, Listing, Refusal, Target
from app.sync.items.model import Held, Item, Mark, read_mark

RESTRICTED = Held(said("The worklog is for a role or a group alone."), retract=True)
UNREADABLE = Held(said("The worklog's text cannot be read."), retract=False)
EMPTY = '{"content":[],"type":"doc","version":1}'


class WorklogKind(KindOfItem):
    """See KindOfItem. No estimate moves with a twin: what remains is a field of its own."""

    kind = ItemKind.WORKLOGS
    field = "worklog"
    marks_last = True

    def read(self, issue: Issue, other: Issue, mapping: ItemMapping) -> Listing | None:
        """See KindOfItem. The first twenty come with an issue."""
        shown = issue.fields.get(self.field)
        if not isinstance(shown, dict) or not isinstance(shown.get("worklogs"), list):
            return None
        raws = shown["worklogs"]
        items = tuple(_item(raw) for raw in raws)
        return Listing(items, whole=int(shown.get("total", len(raws))) <= len(raws))

    def read_all(
        self, site: JiraSite, issue: Issue, other: Issue, mapping: ItemMapping
    ) -> tuple[Item, ...]:
        """See KindOfItem."""
        return tuple(_item(raw) for raw in site.worklogs.all(issue.id))

    def marks(self, site: JiraSite, ids: Sequence[str]) -> Mapping[str, Mark | None]:
        """See KindOfItem."""
        return {one: read_mark(found) for one, found in site.worklogs.marks(ids).items()}

    def make(self, to: Target, source: Item, mark: Mark) -> Item:
        """See KindOfItem."""
        properties = {PROPERTY: mark.as_property()}
        return _item(to.site.worklogs.add(to.issue.id, _said(to, source), properties))

    def write(self, to: Target, twin: Item, source: Item) -> Item:
        """See KindOfItem. What is not sent would stay; and no file of the issue goes by it."""
        sent = _said(to, source)
        body, now = RICH.read(sent.get("comment")) or EMPTY, _parts(twin)[0]
        if now is not None and isinstance(body, str):
            sent["comment"] = RICH.write(to.media.keeping(now, body))
        return _item(to.site.worklogs.edit(to.issue.id, twin.id, sent))

    def delete(self, to: Target, twin: Item) -> bool:
        """See KindOfItem."""
        to.site.worklogs.delete(to.issue.id, twin.id)
        return True

    def text(self, item: Item) -> str:
        """See KindOfItem."""
        words, started, seconds = _parts(item)
        told = RICH.text(words) if words is not None else ""
        return f"{seconds // 60} minutes from {started:%Y-%m-%d %H:%M} UTC\n{told}".rstrip()


def _item(raw: Mapping[str, Any]) -> Item:
    author = raw.get("author") or {}
    held = RESTRICTED if raw.get("visibility") else None
    try:
        words = RICH.read(raw.get("comment"))
    except UnreadableValueError:
        words, held = None, held or UNREADABLE
    by_app = bool(author) and author.get("accountType") not in {"atlassian", "customer"}
    started = parse_time(raw["started"]).astimezone(UTC).isoformat()
    return Item(
        id=text(raw["id"]),
        author=str(author.get("accountId", "")),
        created=parse_time(raw["created"]),
        updated=parse_time(raw["updated"]),
        value=(words, started, int(raw["timeSpentSeconds"])),
        held=held,
        by_app=by_app,
        looked=not by_app,
        raw=raw,
    )


def _parts(item: Item) -> tuple[str | None, datetime, int]:
    """The text, the beginning and the seconds of a worklog. Raises Refusal."""
    match item.value:
        case (str() | None as words, str() as started, int() as seconds):
            return words, datetime.fromisoformat(started), seconds
    raise Refusal(said("The worklog says no time."))


def _said(to: Target, source: Item) -> dict[str, Any]:
    """What a twin says. Jira takes a beginning in this form alone."""
    words, started, seconds = _parts(source)
    milliseconds = started.microsecond // 1000
    sent: dict[str, Any] = {
        "started": f"{started:%Y-%m-%dT%H:%M:%S}.{milliseconds:03d}+0000",
        "timeSpentSeconds": seconds,
    }
    body = twin_text(to, source, words)
    if body.get("content"):
        sent["comment"] = body
    return sent
