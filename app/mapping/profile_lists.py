"""Profiles as lists have them: cheaply as they are known, with their health, or with all counts."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.database import TenantId, tenant_transaction
from app.mapping.profile import Side


@dataclass(frozen=True)
class KnownProfile:
    """A profile that the asking tenant takes part in. `partner`: the other tenant; `own`: the
    asking tenant's side, `own_project` its project. `state` is a ProfileState's value."""

    id: uuid.UUID
    name: str
    state: str
    reason: str | None
    partner: TenantId
    own_project: int
    revision: int
    own: Side


@dataclass(frozen=True)
class ProfileHealth(KnownProfile):
    """And what waits or is wrong. `proposal`: the revision that waits for an approval or was
    declined; `awaits` says which: "own" or "partner" for whose it waits, or "declined". `gone`: how
    many things of the mapping vanished from the sites; `conflicts`: how many wait for a choice."""

    pending: int
    parked: int
    waiting: str | None
    proposal: int | None
    awaits: str | None
    gone: int
    conflicts: int

    @property
    def wants_person(self) -> bool:
        """Whether there is something for the people of the asking site to do."""
        asked = self.parked or self.conflicts or self.gone or self.reason
        return bool(asked or self.awaits == "own")

    @property
    def waits(self) -> bool:
        """Whether it is on and yet does not go on."""
        return self.state == "on" and bool(self.reason or self.waiting)


@dataclass(frozen=True)
class ProfileOverview(ProfileHealth):
    """And how many pairs it has, and when something crossed last: these cost the most to know."""

    linked: int
    last_activity: datetime | None


@dataclass(frozen=True)
class Counts:
    """What `counts` knows of a profile."""

    linked: int = 0
    last_activity: datetime | None = None


_KNOWN = text(
    """
    SELECT id, name, state, reason, revision, left_tenant_id, right_tenant_id,
           left_project_id, right_project_id
    FROM profile ORDER BY created_at
    """
)
_SICK = """
    SELECT p.id, p.name, p.state, p.reason, p.revision, p.left_tenant_id, p.right_tenant_id,
           p.left_project_id, p.right_project_id,
           coalesce(c.pending, 0) AS pending, coalesce(c.parked, 0) AS parked, c.waiting,
           w.number AS proposal, w.awaits, w.outcome, coalesce(d.findings, 0) AS gone,
           coalesce(q.conflicts, 0) AS conflicts
    FROM profile p
    LEFT JOIN (
        SELECT DISTINCT ON (profile_id) profile_id, number, awaits, outcome
        FROM profile_proposal WHERE {ours} ORDER BY profile_id, number DESC
    ) w ON w.profile_id = p.id AND (w.outcome IS NULL
        OR (w.outcome = 'declined' AND (w.number > p.revision OR p.state = 'proposed')))
    LEFT JOIN (
        SELECT profile_id, count(*) FILTER (WHERE NOT parked) AS pending,
               count(*) FILTER (WHERE parked AND NOT tandem_is_ignored(
                   profile_id, side, issue_id)) AS parked,
               max(reason) FILTER (WHERE NOT parked AND attempts > 0) AS waiting
        FROM change WHERE {ours} GROUP BY profile_id
    ) c ON c.profile_id = p.id
    LEFT JOIN (
        SELECT profile_id, count(*) AS conflicts
        FROM conflict_question WHERE choice IS NULL AND {ours} GROUP BY profile_id
    ) q ON q.profile_id = p.id
    LEFT JOIN drift d ON d.profile_id = p.id AND d.findings > 0
    WHERE {these}
    ORDER BY p.created_at
    """
_HEALTH = text(_SICK.format(ours="true", these="true"))
_HEALTH_OF_ONE = text(_SICK.format(ours="profile_id = :one", these="p.id = :one"))
_PROJECTS = text(
    """
    SELECT id, left_tenant_id, right_tenant_id, left_project_id, right_project_id
    FROM profile WHERE id = ANY(:wanted)
    """
)
_COUNTS = text(
    """
    SELECT l.profile_id, l.linked, (
        SELECT y.at FROM activity y WHERE y.profile_id = l.profile_id ORDER BY y.at DESC LIMIT 1
    ) AS last_activity
    FROM tandem_linked(:wanted) l
    """
)


def known(tenant: TenantId) -> list[KnownProfile]:
    """The profiles that a tenant takes part in, oldest first."""
    with tenant_transaction(tenant) as session:
        rows = session.execute(_KNOWN).all()
    return [KnownProfile(**_of(row, tenant)) for row in rows]


def health(session: Session, tenant: TenantId) -> list[ProfileHealth]:
    """The same with what waits or is wrong."""
    return [ProfileHealth(**_healthy(row, tenant)) for row in session.execute(_HEALTH)]


def counts(session: Session, wanted: Sequence[uuid.UUID]) -> dict[uuid.UUID, Counts]:
    """The pairs and the last change of some of the tenant's profiles: the more pairs they have, the
    more it costs."""
    rows = session.execute(_COUNTS, {"wanted": list(wanted)})
    return {row.profile_id: Counts(row.linked, row.last_activity) for row in rows}


def projects(
    session: Session, wanted: Sequence[uuid.UUID]
) -> dict[uuid.UUID, dict[Side, tuple[TenantId, int]]]:
    """Whose and which project the sides of some of the tenant's profiles are."""
    rows = session.execute(_PROJECTS, {"wanted": list(wanted)})
    return {
        row.id: {
            Side.LEFT: (TenantId(row.left_tenant_id), row.left_project_id),
            Side.RIGHT: (TenantId(row.right_tenant_id), row.right_project_id),
        }
        for row in rows
    }


def overview(tenant: TenantId) -> list[ProfileOverview]:
    """All profiles of a tenant with all that is counted, oldest first."""
    with tenant_transaction(tenant) as session:
        rows = session.execute(_HEALTH).all()
        counted = counts(session, [row.id for row in rows])
    return [_whole(row, tenant, counted) for row in rows]


def one(tenant: TenantId, profile: uuid.UUID) -> ProfileOverview | None:
    """One of them; None for one that the tenant takes no part in."""
    with tenant_transaction(tenant) as session:
        row = session.execute(_HEALTH_OF_ONE, {"one": profile}).one_or_none()
        counted = {} if row is None else counts(session, [profile])
    return None if row is None else _whole(row, tenant, counted)


def _whole(row: Any, tenant: TenantId, counted: dict[uuid.UUID, Counts]) -> ProfileOverview:
    return ProfileOverview(**_healthy(row, tenant), **vars(counted.get(row.id, Counts())))


def _healthy(row: Any, tenant: TenantId) -> dict[str, Any]:
    made = _of(row, tenant)
    return made | {
        "pending": row.pending,
        "parked": row.parked,
        "waiting": row.waiting,
        "proposal": row.proposal,
        "awaits": _awaits(row, made["own"]),
        "gone": row.gone,
        "conflicts": row.conflicts,
    }


def _of(row: Any, tenant: TenantId) -> dict[str, Any]:
    is_left = row.left_tenant_id == tenant
    return {
        "id": row.id,
        "name": row.name,
        "state": row.state,
        "reason": row.reason,
        "partner": TenantId(row.right_tenant_id if is_left else row.left_tenant_id),
        "own_project": row.left_project_id if is_left else row.right_project_id,
        "revision": row.revision,
        "own": Side.LEFT if is_left else Side.RIGHT,
    }


def _awaits(row: Any, own: Side) -> str | None:
    if row.proposal is None:
        return None
    if row.outcome is not None:
        return "declined"
    return "own" if row.awaits == own else "partner"
