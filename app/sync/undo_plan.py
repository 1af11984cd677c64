"""What an undo goes by: what was written, as notes; and what its plan says. Values only, no I/O."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from app.mapping.profile import Kind, Side
from app.mapping.said import said
from app.mapping.values import Value
from app.sync.items.nouns import an_item


class Why(StrEnum):
    """Why something that was written is left as it is."""

    CHANGED = "changed-since"
    NOT_TOLD = "not-in-changelog"
    ONLY_TEXT = "only-text-in-changelog"
    GONE = "issue-gone"
    UNLINKED = "no-longer-paired"
    UNMAPPED = "no-longer-mapped"
    UNREADABLE = "not-readable"
    BUSY = "being-written"
    REFUSED = "refused"
    CREATED = "created"
    NO_HISTORY = "no-history"
    UNKNOWN = "not-known"
    NOT_OURS = "not-ours"
    SHOWN = "shown-in-text"


SENTENCES = {
    Why.CHANGED: said("It was changed since."),
    Why.NOT_TOLD: said("Jira's changelog no longer tells what it held before."),
    Why.ONLY_TEXT: said("Jira's changelog keeps only the text of it, without its form."),
    Why.GONE: said("The issue is gone, or hidden from Tandem."),
    Why.UNLINKED: said("Its pair is no longer linked."),
    Why.UNMAPPED: said("The profile no longer maps this field."),
    Why.UNREADABLE: said("It is hidden on the issue, or holds what its kind cannot read."),
    Why.BUSY: said(
        "A write to this pair is under way, or a worker died in it. Run the undo again."
    ),
    Why.REFUSED: said("The site refused it."),
    Why.NO_HISTORY: said(
        "Jira keeps no history of it, so what was there before cannot be had back."
    ),
    Why.UNKNOWN: said("What Tandem knew of it was lost, so it may be another's, or edited since."),
    Why.NOT_OURS: said("It does not bear Tandem's mark for this pair."),
    Why.SHOWN: said("A text of the issue shows it."),
    Why.CREATED: said(
        "It was created, and is left: --delete-created deletes what nobody changed since."
    ),
}


@dataclass(frozen=True)
class Note:
    """A row of what was written."""

    before: str | None
    after: str
    created: bool
    seen: datetime | None


@dataclass(frozen=True)
class Spot:
    """A field of an issue (or, with an empty `key`, the issue; or, by its kind and its row, an item
    of it) that was written."""

    link_id: uuid.UUID
    side: Side
    issue_id: int
    key: str = ""


@dataclass(frozen=True)
class Restore:
    """A field to put back, with its value as it is and as it was."""

    spot: Spot
    issue: str
    field: str
    kind: Kind
    now: Value
    back: Value
    mark_now: str
    mark_back: str


@dataclass(frozen=True)
class Twin:
    """An issue that was created, and that nobody changed since. `items`: how many items were made
    on it; they go with it."""

    spot: Spot
    issue: str
    updated: datetime
    items: int = 0


@dataclass(frozen=True)
class TwinItem:
    """The twin of an item, to be deleted. `again`: an undo deleted it, and it is to be made again
    from its source. `mark`: the fingerprint of what it says."""

    spot: Spot
    issue: str
    kind: str
    item: str
    row_id: uuid.UUID
    mark: str = ""
    again: bool = False

    @property
    def name(self) -> str:
        """What it is, for people."""
        return name_of(self.kind, self.item)


def name_of(kind: str, item: str | None) -> str:
    """An item for people, by its kind and its id."""
    return an_item(kind, item)


@dataclass(frozen=True)
class Left:
    """What is left as it is, and why. `sentence` may hold the site's own words: show, never
    store."""

    spot: Spot
    issue: str
    field: str
    why: Why
    sentence: str

    @classmethod
    def of(cls, spot: Spot, why: Why, issue: str = "", field: str = "") -> Left:
        """With the sentence of its reason."""
        return cls(spot, issue or f"issue {spot.issue_id}", field, why, SENTENCES[why])


@dataclass(frozen=True)
class Inverse:
    """The inverse plan. `already`: what is again as it was before."""

    restores: tuple[Restore, ...]
    twins: tuple[Twin, ...]
    left: tuple[Left, ...]
    already: int
    items: tuple[TwinItem, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to put back and nothing to delete."""
        return not self.restores and not self.twins and not self.items


@dataclass(frozen=True)
class Target:
    """What an undo is of: a run, or all that a profile wrote in a span of time."""

    profile_id: uuid.UUID
    run_id: uuid.UUID | None = None
    since: datetime | None = None
    until: datetime | None = None


class Verdict(StrEnum):
    """What is to be done about a field that was written."""

    RESTORE = "restore"
    ALREADY = "already"
    CHANGED = "changed"


def judge(notes: Sequence[Note], now: str) -> tuple[Verdict, str | None]:
    """What to do about a field with these notes, oldest first, that holds `now`; and the mark to
    go back to.

    Our writes go back as far as they hang together: where somebody wrote in between, what he
    wrote is what we go back to. Only while the field holds what we wrote last is it ours to undo.
    """
    back = _start(notes)
    if back is None or back in (now, notes[-1].after):
        return Verdict.ALREADY, None
    return (Verdict.RESTORE, back) if notes[-1].after == now else (Verdict.CHANGED, None)


def _start(notes: Sequence[Note]) -> str | None:
    """What was there before the unbroken row of writes that ends with the last of these."""
    before = notes[-1].before
    for earlier in reversed(notes[:-1]):
        if earlier.after != before:
            break
        before = earlier.before
    return before


def untouched(
    notes: Mapping[str, Sequence[Note]],
    marks: Mapping[str, str],
    updated: datetime,
    created: datetime | None,
) -> bool:
    """Whether an issue that was created holds what we wrote, and nothing was done to it since.

    `updated` and `created`: as the issue has them now. It must not be updated later than it was
    created or we read it back: so a comment, a link or a field that is not mapped counts as well.
    """
    seen = as_made(notes, marks, created)
    return seen is not None and updated <= seen


def as_made(
    notes: Mapping[str, Sequence[Note]], marks: Mapping[str, str], created: datetime | None
) -> datetime | None:
    """Until when an issue that was created surely was as we made it; None where that is not known,
    or its mapped fields hold something else by now."""
    if any(marks.get(key) != rows[-1].after for key, rows in notes.items()):
        return None
    seen = [note.seen for rows in notes.values() for note in rows if note.seen is not None]
    return max([*seen, created] if created is not None else seen, default=None)
