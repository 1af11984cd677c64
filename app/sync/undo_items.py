"""What an undo decides about twins of items: comments, files, worklogs and links. Pure.

What Tandem made is deleted while it is as Tandem wrote it. What was written anew or deleted cannot
be had back, as no site keeps a history of items; it is listed.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from enum import StrEnum

from app.jira.site import Edit
from app.mapping.profile import Side
from app.mapping.said import said
from app.sync.items.model import Gone, ItemLink
from app.sync.items.trace import Deed
from app.sync.undo_plan import Spot, Why


@dataclass(frozen=True)
class ItemNote:
    """What a target did to one twin, in this order. `last`: it was not made or written since. A
    deletion that was noted since was not done, where the twin is still there."""

    row_id: uuid.UUID
    link_id: uuid.UUID
    side: Side
    issue_id: int
    kind: str
    deeds: tuple[Deed, ...]
    last: bool

    @property
    def spot(self) -> Spot:
        """Where that is."""
        return Spot(self.link_id, self.side, self.issue_id, f"{self.kind}.{self.row_id}")


class ItemVerdict(StrEnum):
    """What is to be done about a twin."""

    DELETE = "delete"
    AGAIN = "again"
    ALREADY = "already"
    LEAVE = "leave"


@dataclass(frozen=True)
class Judged:
    """A verdict; where it is to leave the twin alone, why."""

    verdict: ItemVerdict
    why: Why | None = None
    sentence: str = ""


DELETE = Judged(ItemVerdict.DELETE)
AGAIN = Judged(ItemVerdict.AGAIN)
ALREADY = Judged(ItemVerdict.ALREADY)
UNKNOWN = Judged(ItemVerdict.LEAVE, Why.UNKNOWN)
BUSY = Judged(ItemVerdict.LEAVE, Why.BUSY)
EDITED = Judged(ItemVerdict.LEAVE, Why.CHANGED, said("Somebody edited it since Tandem wrote it."))
LATER = Judged(
    ItemVerdict.LEAVE, Why.CHANGED, said("Tandem wrote it again since, for a later change.")
)
ANEW = Judged(
    ItemVerdict.LEAVE,
    Why.NO_HISTORY,
    said(
        "It was written anew. Jira keeps no history of it, so what it said before cannot be "
        "had back."
    ),
)
DELETED = Judged(
    ItemVerdict.LEAVE,
    Why.NO_HISTORY,
    said("It was deleted. Jira keeps no history of it, so it cannot be had back."),
)


def judge_item(note: ItemNote, row: ItemLink | None, now: str | None) -> Judged:
    """What to do about a twin of which this was done, by its row and the fingerprint of what it
    says now (None: it is not there)."""
    if row is None or row.source is not note.side.other:
        return UNKNOWN
    if row.item(note.side) is None and row.sent_ago is not None:
        return BUSY
    first = note.deeds[0]
    if now is None and first is Deed.DELETED and row.twin_gone is Gone.UNDONE:
        return AGAIN
    if first is not Deed.MADE:
        return DELETED if first is Deed.DELETED else ANEW
    return ALREADY if now is None else _of_made(note, row, now)


def _of_made(note: ItemNote, row: ItemLink, now: str) -> Judged:
    if row.touched or now != row.twin_mark:
        return EDITED
    return DELETE if note.last else LATER


# What a changelog calls the things on an issue that are no fields, in small letters.
_OF_ITEMS = frozenset({
    "attachment", "comment", "issuelinks", "link", "remoteissuelink", "remoteworkitemlink",
    "timeestimate", "timespent", "worklogid", "worklogtimespent",
})  # fmt: skip


def is_of_items(edit: Edit) -> bool:
    """Whether a change of an issue is one of its items, and of what follows from them."""
    return edit.field.lower() in _OF_ITEMS
