"""The pairs that an issue of a site is in, and how each stands: from our own rows, without a call.

Also those that have no twin yet: their issue was marked, and is about to get one or cannot.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.database import TenantId, tenant_transaction
from app.mapping.models import ProfileState
from app.mapping.profile import Side
from app.sync import marks
from app.sync.models import IssueLink


class Step(StrEnum):
    """How a pair stands, the first of these that is so."""

    ENDED = "ended"  # it is one no more: an issue of it was deleted, moved away or archived
    GONE = "gone"  # the twin was deleted, and the profile says to leave this issue as it is
    PROPOSED = "proposed"  # its profile waits for approval
    PAUSED = "paused"  # its profile is
    STOPPED = "stopped"  # its profile waits for a reason of its own
    OUTSIDE = "outside"  # an issue of it is outside the filter
    WAITING = "waiting"  # a change of it has to wait
    PENDING = "pending"  # a change of it is about to cross
    CONFLICT = "conflict"  # somebody has to choose
    PARKED = "parked"  # a site refused something of it
    NOT_YET = "not-yet"  # it was never in step
    IN_STEP = "in-step"


@dataclass(frozen=True)
class IssuePair:
    """A pair of an issue. `side`: the issue's own, the asking tenant's. `link_id` None: there is no
    pair yet, or no more, for the reason in `ended`. `twin_told`: what the other site said of the
    twin as a whole. `waits_for`: why a change has to wait, if one has to."""

    profile_id: uuid.UUID
    profile: str
    state: str
    reason: str | None
    own_project: int
    twins_project: int
    side: Side
    issue_id: int
    left_tenant: TenantId
    right_tenant: TenantId
    link_id: uuid.UUID | None
    twin_id: int | None
    twin_key: str | None
    lane: int
    synced_at: datetime | None
    outside: str | None
    ended: str | None
    twin_told: str | None
    pending: int
    parked: int
    waits_for: str | None
    questions: int

    @property
    def partner(self) -> TenantId:
        """The other site's tenant."""
        return self.right_tenant if self.side is Side.LEFT else self.left_tenant

    @property
    def step(self) -> Step:
        """How the pair stands."""
        reached = {
            Step.ENDED: self.ended is not None,
            Step.GONE: self.twin_told in {"deleted", "undone"},
            Step.PROPOSED: self.state == "proposed",
            Step.PAUSED: self.state == ProfileState.PAUSED,
            Step.STOPPED: bool(self.reason),
            Step.OUTSIDE: self.outside is not None,
            Step.WAITING: self.waits_for is not None,
            Step.PENDING: self.pending > 0,
            Step.CONFLICT: self.questions > 0,
            Step.PARKED: self.parked > 0,
            Step.NOT_YET: self.twin_key is None or self.synced_at is None,
        }
        return next((step for step, so in reached.items() if so), Step.IN_STEP)


# By side: each arm goes by an index of its own.
_ARM = """
    SELECT p.id AS profile_id, '{side}' AS side, p.{side}_project_id AS own_project,
        p.{other}_project_id AS twins_project,
        k.id AS link_id, k.{other}_key AS twin_key, k.{other}_issue_id AS twin_id,
        coalesce(k.lane, c.lane, 0) AS lane, k.synced_at, k.outside, u.why AS ended,
        k.{other}_told AS twin_told,
        p.name, p.state, p.reason, p.left_tenant_id, p.right_tenant_id, p.created_at
    FROM profile p
    LEFT JOIN issue_link k ON k.profile_id = p.id AND k.{side}_issue_id = :issue
    LEFT JOIN change c ON c.profile_id = p.id AND c.side = '{side}' AND c.issue_id = :issue
    LEFT JOIN unlinked u ON u.profile_id = p.id AND u.side = '{side}' AND u.issue_id = :issue
        AND k.id IS NULL
    WHERE p.{side}_tenant_id = :tenant
        AND (k.id IS NOT NULL OR c.issue_id IS NOT NULL OR u.issue_id IS NOT NULL)
"""
_PAIRS = text(
    f"""
    SELECT f.*, d.pending, d.parked, d.waits_for,
        (SELECT count(*) FROM conflict_question q
         WHERE q.link_id = f.link_id AND q.choice IS NULL) AS questions
    FROM (
        SELECT *, 'right' AS other FROM ({_ARM.format(side="left", other="right")}) AS of_left
        UNION ALL
        SELECT *, 'left' AS other FROM ({_ARM.format(side="right", other="left")}) AS of_right
    ) AS f
    CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE NOT c.parked) AS pending,
            count(*) FILTER (WHERE c.parked) AS parked,
            max(c.reason) FILTER (
                WHERE NOT c.parked AND c.attempts > 0 AND c.not_before > now()) AS waits_for
        FROM change c
        WHERE c.profile_id = f.profile_id
            AND (c.side, c.issue_id) IN ((f.side, :issue), (f.other, f.twin_id))
    ) AS d
    ORDER BY f.created_at, f.profile_id
    """  # noqa: S608  our own names
)


def pairs_of(session: Session, tenant: TenantId, issue: int) -> list[IssuePair]:
    """The pairs that an issue of a tenant's site is in, in a transaction of that tenant."""
    asked = {"tenant": tenant, "issue": issue}
    return [_of_row(row, issue) for row in session.execute(_PAIRS, asked)]


def _of_row(row: Any, issue: int) -> IssuePair:
    return IssuePair(
        profile_id=row.profile_id,
        profile=row.name,
        state=row.state,
        reason=row.reason,
        own_project=row.own_project,
        twins_project=row.twins_project,
        side=Side(row.side),
        issue_id=issue,
        left_tenant=TenantId(row.left_tenant_id),
        right_tenant=TenantId(row.right_tenant_id),
        link_id=row.link_id,
        twin_id=row.twin_id,
        twin_key=row.twin_key if row.twin_id is not None else None,
        lane=row.lane,
        synced_at=row.synced_at,
        outside=row.outside,
        ended=row.ended,
        twin_told=row.twin_told,
        pending=row.pending,
        parked=row.parked,
        waits_for=row.waits_for,
        questions=row.questions,
    )


def link_of(session: Session, pair: IssuePair) -> IssueLink:
    """The row of a pair; where there is none yet, one of the issue alone that is not stored."""
    found = session.get(IssueLink, pair.link_id) if pair.link_id else None
    if found is not None:
        return found
    lone = {f"{pair.side.value}_issue_id": pair.issue_id}
    return IssueLink(id=uuid.uuid4(), profile_id=pair.profile_id, base={}, **lone)


def mark(tenant: TenantId, pairs: Sequence[IssuePair]) -> None:
    """Mark these pairs, so that both their issues are read and what differs crosses: what was
    parked is asked again, and what waits for a site goes on waiting."""
    with tenant_transaction(tenant) as session:
        marks.mark(
            session,
            [
                marks.Mark(
                    one.profile_id, one.side, one.issue_id, one.left_tenant, one.right_tenant,
                    one.lane, updated=None,
                )
                for one in pairs
            ],
        )  # fmt: skip
        for one in pairs:
            ids = {one.side.value: one.issue_id, one.side.other.value: one.twin_id}
            session.execute(_ASK_AGAIN, {"profile": one.profile_id, **ids})


_ASK_AGAIN = text(
    """
    UPDATE parked_cause SET ask = 'retry'
    WHERE profile_id = :profile AND (side, issue_id) IN (('left', :left), ('right', :right))
    """
)
