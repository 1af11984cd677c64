"""One issue on its way to a plan: what was read of it, and what is decided so far."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field

from app.jira.site import Issue
from app.mapping.profile import Side
from app.mapping.said import said, the_side
from app.sync.items.hand import Work
from app.sync.plan import Base, Plan
from app.sync.planning_items import Told
from app.sync.planning_types import Cause, Note, Ref, Step
from app.sync.store_links import Link

NO_ID = uuid.UUID(int=0)
SECOND = Note(Cause.SECOND_TWIN, said("Its source has another twin already; it is left as it is."))

UNREADABLE = Note(Cause.ABSENT, said("A site does not let Tandem read what is on the issue."))


@dataclass
class Draft:
    """One issue of the page, on its way to a plan."""

    side: Side
    issue_id: int
    link: Link | None
    issues: dict[Side, Issue] = field(default_factory=dict)
    step: Step = Step.NOTHING
    notes: list[Note] = field(default_factory=list)
    plan: Plan | None = None
    asks_times: bool = False
    begun: bool = False
    """Whether its twin may be there already, made by this profile: no filter stops that."""
    marked: Side | None = None
    """The side of the twin, where no link has it and our mark on it was found."""
    work: Work | None = None
    told: Told | None = None


def loose(side: Side, issue: Issue, other: int, lane: int) -> Link:
    """The link that the engine would make of two issues."""
    link = Link(NO_ID, None, None, None, None, lane, Base(), None, None, None)
    return link.with_issue(side, issue.id, issue.key).with_issue(side.other, other, "")


def gone(side: Side | None = None) -> Note:
    """Says that an issue cannot be read any more: the one of a pair on `side`, or the one asked."""
    sentence = said("The issue is gone or hidden from Tandem; nothing is written.")
    if side is not None:
        sentence = said(
            "The issue on %(side)s is gone or hidden from Tandem; nothing is written.",
            side=the_side(side),
        )
    return Note(Cause.GONE, sentence)


def ref(draft: Draft, side: Side) -> Ref | None:
    """The issue on a side: as it was read, or at least as the link knows it."""
    issue, link = draft.issues.get(side), draft.link
    if issue is not None:
        return Ref(issue.id, issue.key)
    linked = link.issue_id(side) if link else None
    if link is not None and linked is not None:
        key = link.left_key if side is Side.LEFT else link.right_key
        return Ref(linked, key or str(linked))
    return Ref(draft.issue_id, str(draft.issue_id)) if side is draft.side else None
