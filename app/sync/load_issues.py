"""The issues that a load has read, and their links. Ids, keys and fingerprints: no content."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.mapping.profile import Side
from app.mapping.profiles import StoredProfile
from app.sync.load_store import CHUNK, Load, LoadIssue
from app.sync.models import IssueLink

_KEEP_ISSUES = text(
    """
    INSERT INTO load_issue AS i
        (run_id, side, issue_id, left_tenant_id, right_tenant_id, key, mark, updated, source)
    SELECT :run, :side, n.issue, :left, :right, n.key, n.mark, n.updated, :source
    FROM unnest(CAST(:issues AS bigint[]), CAST(:keys AS text[]), CAST(:marks AS text[]),
                CAST(:updated AS timestamptz[])) AS n (issue, key, mark, updated)
    ON CONFLICT (run_id, side, issue_id) DO UPDATE
    SET source = i.source OR excluded.source, key = excluded.key, mark = excluded.mark,
        updated = excluded.updated
    """
)


@dataclass(frozen=True)
class Read:
    """An issue as a load has read it. `mark`: the fingerprint of the field to match, if it has
    a value; `source`: whether it is to be loaded, or is there to be found only; `twin_of`: the
    source that our mark on it names, which is not stored."""

    side: Side
    issue_id: int
    key: str
    mark: str | None
    updated: datetime
    source: bool
    twin_of: int | None = None


@dataclass(frozen=True)
class Bond:
    """The link that an issue has. `whole`: both issues are there; `young`: made since the load
    began."""

    lane: int
    left_id: int | None
    right_id: int | None
    young: bool

    @property
    def whole(self) -> bool:
        """Whether both issues are there."""
        return self.left_id is not None and self.right_id is not None

    def other(self, side: Side) -> int | None:
        """The issue on the other side than `side`."""
        return self.right_id if side is Side.LEFT else self.left_id


def keep_issues(session: Session, load: Load, issues: Sequence[Read]) -> None:
    """Store what a page gave, all of one side. Read twice is stored once."""
    if not issues:
        return
    # A page may name an issue twice that moved while it was made.
    found = {one.issue_id: one for one in issues}
    ordered = [found[number] for number in sorted(found)]
    session.execute(
        _KEEP_ISSUES,
        {
            "run": load.run_id,
            "left": load.left_tenant_id,
            "right": load.right_tenant_id,
            "side": ordered[0].side.value,
            "source": ordered[0].source,
            "issues": [one.issue_id for one in ordered],
            "keys": [one.key for one in ordered],
            "marks": [one.mark for one in ordered],
            "updated": [one.updated for one in ordered],
        },
    )


def next_open(session: Session, load: Load) -> list[Read]:
    """The next issues to decide for."""
    rows = session.scalars(
        select(LoadIssue)
        .where(LoadIssue.run_id == load.run_id, LoadIssue.source, LoadIssue.outcome.is_(None))
        .order_by(LoadIssue.side, LoadIssue.issue_id)
        .limit(CHUNK)
    )
    return [_read(row) for row in rows]


def alike(session: Session, load: Load, marks: Sequence[str]) -> list[Read]:
    """All issues that were read with one of these marks, of both sides."""
    rows = session.scalars(
        select(LoadIssue).where(LoadIssue.run_id == load.run_id, LoadIssue.mark.in_(marks))
    )
    return [_read(row) for row in rows]


def _read(row: LoadIssue) -> Read:
    return Read(Side(row.side), row.issue_id, row.key, row.mark, row.updated, row.source)


def decided(
    session: Session, load: Load, outcomes: Mapping[tuple[Side, int], str]
) -> Mapping[str, int]:
    """Note what was decided, where nothing was yet. Gives how many sources each outcome has."""
    rows = session.execute(
        text(
            "UPDATE load_issue i SET outcome = n.outcome"
            " FROM unnest(CAST(:sides AS text[]), CAST(:issues AS bigint[]),"
            " CAST(:outcomes AS text[])) AS n (side, issue, outcome)"
            " WHERE i.run_id = :run AND i.side = n.side AND i.issue_id = n.issue"
            " AND i.outcome IS NULL RETURNING i.outcome, i.source"
        ),
        {
            "run": load.run_id,
            "sides": [side.value for side, _ in outcomes],
            "issues": [issue for _, issue in outcomes],
            "outcomes": list(outcomes.values()),
        },
    )
    counts: dict[str, int] = {}
    for outcome, source in rows:
        counts[outcome] = counts.get(outcome, 0) + source
    return counts


def bonds(
    session: Session, profile: StoredProfile, side: Side, issues: Sequence[int], since: datetime
) -> dict[int, Bond]:
    """The links that these issues of a side have, by issue."""
    own = IssueLink.left_issue_id if side is Side.LEFT else IssueLink.right_issue_id
    rows = session.execute(
        select(
            own.label("own"), IssueLink.lane, IssueLink.left_issue_id, IssueLink.right_issue_id,
            IssueLink.created_at,
        ).where(IssueLink.profile_id == profile.id, own.in_(issues))
    )  # fmt: skip
    return {
        row.own: Bond(row.lane, row.left_issue_id, row.right_issue_id, row.created_at >= since)
        for row in rows
    }


_PAIR = text(
    """
    INSERT INTO issue_link (id, profile_id, left_tenant_id, right_tenant_id, left_issue_id,
                            right_issue_id, left_key, right_key, lane, base)
    SELECT * , '{}'::jsonb FROM unnest(
        CAST(:ids AS uuid[]), CAST(:profiles AS uuid[]), CAST(:lefts AS uuid[]),
        CAST(:rights AS uuid[]), CAST(:left_ids AS bigint[]), CAST(:right_ids AS bigint[]),
        CAST(:left_keys AS text[]), CAST(:right_keys AS text[]), CAST(:lanes AS smallint[]))
    ON CONFLICT DO NOTHING
    RETURNING left_issue_id, right_issue_id
    """
)


def pair(
    session: Session, profile: StoredProfile, pairs: Sequence[tuple[Read, Read, int]]
) -> set[tuple[int, int]]:
    """Link these (left, right, lane) with an empty base. Gives the ids of those that were linked:
    where either was linked by another at the same moment, that link stands."""
    ordered = sorted(pairs, key=lambda one: one[0].issue_id)
    rows = session.execute(
        _PAIR,
        {
            "ids": [uuid.uuid4() for _ in ordered],
            "profiles": [profile.id for _ in ordered],
            "lefts": [profile.left_tenant for _ in ordered],
            "rights": [profile.right_tenant for _ in ordered],
            "left_ids": [left.issue_id for left, _, _ in ordered],
            "right_ids": [right.issue_id for _, right, _ in ordered],
            "left_keys": [left.key for left, _, _ in ordered],
            "right_keys": [right.key for _, right, _ in ordered],
            "lanes": [lane for _, _, lane in ordered],
        },
    )
    return {(row.left_issue_id, row.right_issue_id) for row in rows}
