"""What was written, field by field, as fingerprints: what an undo goes by. No content.

A planned write is noted before it is sent, so that a worker that dies in between leaves no write
that nobody knows of. One that was noted and never done shows by what the field holds.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.jira.site import Issue
from app.mapping.profile import Side
from app.mapping.profiles import StoredProfile
from app.sync.fingerprint import Fingerprinter
from app.sync.plan import Base, Plan, Reason, Snapshot, Write
from app.sync.store_dirty import Dirty
from app.sync.store_links import Link

ROWS_A_TIME = 20_000
"""Old rows that one sweep forgets."""


@dataclass(frozen=True)
class Wrote:
    """One field of one issue. `before` is None where the issue was made with it."""

    link_id: uuid.UUID
    side: Side
    issue_id: int
    key: str
    before: str | None
    after: str
    run_id: uuid.UUID | None
    seen: datetime | None = None
    read_at: datetime | None = None
    """`updated` of the issue as it was read before this write."""
    won: bool = False
    """Both sides had changed it, and the other one won."""


@dataclass(frozen=True)
class Amended:
    """What came of a planned write: another spelling than was sent (`after`), another value than
    was read that it replaced (`before`), or neither: it was not done, or was taken back."""

    link_id: uuid.UUID
    side: Side
    key: str
    after: str | None
    before: str | None = None
    put_back: bool = False
    """It was taken back by writing what it had replaced over it."""


def run_of(changes: Sequence[Dirty]) -> uuid.UUID | None:
    """The run that these changes belong to; None where a live one is among them."""
    runs = {change.run_id for change in changes}
    return runs.pop() if len(runs) == 1 else None


def of_plan(
    link: Link,
    plan: Plan,
    read: Mapping[Side, Snapshot],
    run_id: uuid.UUID | None,
    fingerprints: Fingerprinter,
) -> list[Wrote]:
    """What a plan is about to write over what was read."""
    return [
        Wrote(
            link.id,
            side,
            link.issue_id(side) or 0,
            write.key,
            fingerprints.of(write.key, side, write.was),
            fingerprints.of(write.key, side, write.value),
            run_id,
            read_at=read[side].updated,
            won=write.reason is Reason.WON,
        )
        for side in Side
        for write in plan.writes(side)
    ]


def of_twin(link: Link, side: Side, run_id: uuid.UUID | None) -> list[Wrote]:
    """What an issue was created with, as its base says."""
    issue_id, seen = link.issue_id(side) or 0, link.seen(side)
    return [
        Wrote(link.id, side, issue_id, key, None, mark, run_id, seen)
        for key, mark in link.base.of(side).items()
    ]


def amended(
    link: Link, side: Side, base: Base, writes: Sequence[Write], fingerprints: Fingerprinter
) -> list[Amended]:
    """The writes of which the site stored another spelling, by the base after them."""
    marks = base.of(side)
    return [
        Amended(link.id, side, write.key, marks[write.key])
        for write in writes
        if write.key in marks and marks[write.key] != fingerprints.of(write.key, side, write.value)
    ]


def made_side(
    profile: StoredProfile, link: Link, read: Mapping[Side, Mapping[int, Issue]]
) -> Side | None:
    """The side whose issue we created, where whoever did so died before he could note it."""
    if link.create_sent_at is None:
        return None
    for side in Side:
        issue = read[side].get(link.issue_id(side) or 0)
        mark = (issue.property if issue else None) or {}
        named = [str(mark.get(name)) for name in ("profile", "side", "source")]
        if named == [str(profile.id), side.value, str(link.issue_id(side.other))]:
            return side
    return None


_NOTE = text(
    """
    INSERT INTO written (profile_id, left_tenant_id, right_tenant_id, link_id, side, issue_id,
                         field_key, mark_before, mark_after, created, seen, read_at, run_id,
                         revision, won)
    SELECT :profile, :left, :right, n.link_id, n.side, n.issue_id, n.key, n.before, n.after,
           n.before IS NULL, n.seen, n.read_at, n.run_id, :revision, n.won
    FROM unnest(
        CAST(:links AS uuid[]), CAST(:sides AS text[]), CAST(:issues AS bigint[]),
        CAST(:keys AS text[]), CAST(:befores AS text[]), CAST(:afters AS text[]),
        CAST(:seens AS timestamptz[]), CAST(:reads AS timestamptz[]), CAST(:runs AS uuid[]),
        CAST(:wons AS boolean[]))
        AS n (link_id, side, issue_id, key, before, after, seen, read_at, run_id, won)
    """
)


def note(session: Session, profile: StoredProfile, rows: Sequence[Wrote]) -> None:
    """Note these, in one statement."""
    if not rows:
        return
    session.execute(
        _NOTE,
        {
            "profile": profile.id,
            "left": profile.left_tenant,
            "right": profile.right_tenant,
            "links": [row.link_id for row in rows],
            "sides": [row.side.value for row in rows],
            "issues": [row.issue_id for row in rows],
            "keys": [row.key for row in rows],
            "befores": [row.before for row in rows],
            "afters": [row.after for row in rows],
            "seens": [row.seen for row in rows],
            "reads": [row.read_at for row in rows],
            "runs": [row.run_id for row in rows],
            "revision": profile.revision,
            "wons": [row.won for row in rows],
        },
    )


_NEWEST = """
    FROM unnest(CAST(:links AS uuid[]), CAST(:sides AS text[]), CAST(:keys AS text[]),
                CAST(:afters AS text[]), CAST(:befores AS text[]))
        AS n (link_id, side, key, after, before)
    WHERE w.id = (SELECT max(o.id) FROM written o
                  WHERE o.link_id = n.link_id AND o.side = n.side AND o.field_key = n.key)
"""
_AMEND = text(
    "UPDATE written w SET mark_after = coalesce(n.after, w.mark_after),"  # noqa: S608
    " mark_before = coalesce(n.before, w.mark_before), won = w.won OR n.before IS NOT NULL"
    f" {_NEWEST}"
    " AND (n.after IS NOT NULL OR n.before IS NOT NULL)"
)
_DROP = text(
    f"DELETE FROM written w USING {_NEWEST.strip().removeprefix('FROM')}"  # noqa: S608
    " AND n.after IS NULL AND n.before IS NULL"
)


def amend(session: Session, found: Sequence[Amended]) -> None:
    """Correct what was noted by what came of it: the newest note of each field."""
    if not found:
        return
    one_each: dict[tuple[uuid.UUID, Side, str], Amended] = {}
    for one in found:
        known = one_each.setdefault((one.link_id, one.side, one.key), one)
        after, before = one.after or known.after, one.before or known.before
        one_each[one.link_id, one.side, one.key] = replace(known, after=after, before=before)
    arguments = {
        "links": [one.link_id for one in one_each.values()],
        "sides": [one.side.value for one in one_each.values()],
        "keys": [one.key for one in one_each.values()],
        "afters": [one.after for one in one_each.values()],
        "befores": [one.before for one in one_each.values()],
    }
    session.execute(_AMEND, arguments)
    session.execute(_DROP, arguments)


_LAST = text(
    """
    SELECT DISTINCT ON (field_key) issue_id, field_key, mark_before, mark_after, run_id, read_at
    FROM written
    WHERE link_id = :link AND side = :side AND field_key = ANY(:keys)
    ORDER BY field_key, id DESC
    """
)


def newest(session: Session, link_id: uuid.UUID, side: Side, keys: Sequence[str]) -> list[Wrote]:
    """The newest note of each of these fields of a pair's side."""
    rows = session.execute(_LAST, {"link": link_id, "side": side.value, "keys": list(keys)})
    return [
        Wrote(
            link_id,
            side,
            row.issue_id,
            row.field_key,
            row.mark_before,
            row.mark_after,
            row.run_id,
            read_at=row.read_at,
        )
        for row in rows
    ]


def forget(session: Session) -> None:
    """Forget what is older than 90 days. For the house: it sees all tenants' rows."""
    session.execute(text("SELECT tandem_forget_written(:most)"), {"most": ROWS_A_TIME})
