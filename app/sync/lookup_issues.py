"""Which issue is whose twin, in whatever profile between the same two sites; and which profiles are
to make a twin of an issue that has none yet."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from sqlalchemy import text

from app.database import TenantId, tenant_transaction
from app.jira.site import Issue
from app.mapping.profile import Side
from app.mapping.profiles import StoredProfile
from app.sync.facts import TwinIssue

Place: TypeAlias = tuple[int, int]
"""A project and an issue type."""
Places: TypeAlias = dict[tuple[Side, str], tuple[float, Place]]
"""When an issue was seen, and where."""
Read: TypeAlias = Mapping[int, Issue]

KEPT_SECONDS = 30.0
MOST_KEPT = 2000
AT_ONCE = 100


class Fetch(Protocol):
    """Reads issues of a side by their ids."""

    def __call__(self, side: Side, ids: Sequence[str]) -> Read:
        """Read. Raises SiteError."""


@dataclass(frozen=True)
class Home:
    """A profile that carries an issue, and the side of it that the issue is on."""

    profile_id: uuid.UUID
    side: Side
    left_tenant: TenantId
    right_tenant: TenantId


class IssueLookup:
    """Answers for one profile's two sites. `places`: what the process knows of issues' places."""

    def __init__(self, profile: StoredProfile, fetch: Fetch, places: Places, now: float) -> None:
        self._profile, self._fetch, self._places, self._now = profile, fetch, places, now

    def twins(self, side: Side, ids: Sequence[str]) -> dict[str, TwinIssue]:
        """The twins on `side` of these issues of the other side. Raises SiteError."""
        wanted = [one for one in ids if one.isdecimal()]
        with tenant_transaction(self._profile.left_tenant) as session:
            rows = session.execute(_TWINS, {**self._between(side), "ids": list(map(int, wanted))})
            linked = {str(row.own): str(row.twin) for row in rows}
        found = {one: TwinIssue(linked[one]) for one in wanted if one in linked}
        rest = [one for one in wanted if one not in linked]
        homes = self.homes(side, rest) if rest else {}
        found |= {one: TwinIssue(comes=bool(homes[one])) for one in rest}
        return {one: found.get(one, TwinIssue()) for one in ids}

    def homes(self, side: Side, ids: Sequence[str]) -> dict[str, list[Home]]:
        """The profiles that have these issues of the other side in their scope, and carry them to
        this side's site. Raises SiteError."""
        known = self._places_of(side.other, ids)
        with tenant_transaction(self._profile.left_tenant) as session:
            rows = session.execute(_HOMES, self._between(side)).all()
        found: dict[str, list[Home]] = {}
        for one in ids:
            found[one] = [
                Home(
                    row.id,
                    Side(row.side),
                    TenantId(row.left_tenant_id),
                    TenantId(row.right_tenant_id),
                )
                for row in rows
                if (row.project, row.type) == known.get(one)
            ]
        return found

    def _between(self, side: Side) -> dict[str, object]:
        """The sites, seen from the side that an issue is on, and where its twin is best."""
        tenants = self._profile.tenants
        project = int(self._profile.profile.scope(side).project_id)
        return {"here": tenants[side.other], "there": tenants[side], "project": project}

    def _places_of(self, side: Side, ids: Sequence[str]) -> dict[str, Place]:
        """Where these issues are; what is gone or hidden is left out."""
        found: dict[str, Place] = {}
        for one in ids:
            at, place = self._places.get((side, one), (self._now - 2 * KEPT_SECONDS, (0, 0)))
            if self._now - at <= KEPT_SECONDS:
                found[one] = place
        rest = [one for one in ids if one not in found and one.isdecimal()]
        if len(self._places) > MOST_KEPT:
            self._places.clear()
        for start in range(0, len(rest), AT_ONCE):
            for issue in self._fetch(side, rest[start : start + AT_ONCE]).values():
                place = _number(issue, "project"), _number(issue, "issuetype")
                found[str(issue.id)] = place
                self._places[side, str(issue.id)] = (self._now, place)
        return found


def _number(issue: Issue, name: str) -> int:
    return int(issue.fields.get(name, {}).get("id", 0))


# An issue that several profiles carry has several twins: best is the one in the project where it is
# asked for, as a sub-task must be in the project of its parent. A later row replaces an earlier.
_TWINS = text(
    """
    SELECT f.own, f.twin FROM (
        SELECT k.left_issue_id AS own, k.right_issue_id AS twin, k.created_at,
               p.right_project_id AS project
        FROM profile p JOIN issue_link k ON k.profile_id = p.id
        WHERE p.left_tenant_id = :here AND p.right_tenant_id = :there
          AND k.left_issue_id = ANY(:ids) AND k.right_issue_id IS NOT NULL
        UNION ALL
        SELECT k.right_issue_id, k.left_issue_id, k.created_at, p.left_project_id
        FROM profile p JOIN issue_link k ON k.profile_id = p.id
        WHERE p.right_tenant_id = :here AND p.left_tenant_id = :there
          AND k.right_issue_id = ANY(:ids) AND k.left_issue_id IS NOT NULL) AS f
    ORDER BY f.project = :project, f.created_at DESC
    """
)
_HOMES = text(
    """
    SELECT p.id, 'left' AS side, p.left_tenant_id, p.right_tenant_id,
           p.left_project_id AS project, p.left_type_id AS type
    FROM profile p WHERE p.left_tenant_id = :here AND p.right_tenant_id = :there
    UNION ALL
    SELECT p.id, 'right', p.left_tenant_id, p.right_tenant_id, p.right_project_id,
           p.right_type_id
    FROM profile p WHERE p.right_tenant_id = :here AND p.left_tenant_id = :there
    """
)
