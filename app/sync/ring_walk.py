"""Where the links of other profiles lead to from an issue: hop by hop, as each hop's own tenant."""

from __future__ import annotations

import uuid

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.database import TenantId, scope_to
from app.jira.site import Issue
from app.mapping.profile import Side
from app.mapping.profiles import StoredProfile

HOPS = 8
ISSUES = 64

# Whether another profile has this scope, or a link of this issue. Elsewhere there is no ring.
_SHARED = text(
    """
    SELECT EXISTS (
        SELECT FROM profile p
        WHERE p.id <> :mine AND p.left_tenant_id = :tenant AND (
            p.left_project_id = :project AND p.left_type_id = :type
            OR EXISTS (SELECT FROM issue_link k
                       WHERE k.profile_id = p.id AND k.left_issue_id = :issue)))
    OR EXISTS (
        SELECT FROM profile p
        WHERE p.id <> :mine AND p.right_tenant_id = :tenant AND (
            p.right_project_id = :project AND p.right_type_id = :type
            OR EXISTS (SELECT FROM issue_link k
                       WHERE k.profile_id = p.id AND k.right_issue_id = :issue)))
    """
)

# The links of issues, seen from {at}. `under_way`: its create was sent, into the target's scope,
# and somebody is still at it.
_HOP = """
    SELECT p.{to}_tenant_id AS tenant, k.{to}_issue_id AS issue, k.id AS link,
        k.{to}_issue_id IS NULL AND k.create_sent_at IS NOT NULL AND p.state = 'on'
            AND p.{to}_tenant_id = :target
            AND p.{to}_project_id = :project AND p.{to}_type_id = :type
            AND EXISTS (
                SELECT FROM change c WHERE c.profile_id = p.id AND c.side = '{at}'
                AND c.issue_id = k.{at}_issue_id AND NOT c.parked) AS under_way
    FROM profile p JOIN issue_link k ON k.profile_id = p.id
    WHERE p.id <> :mine AND p.{at}_tenant_id = :tenant AND k.{at}_issue_id = ANY(:issues)
"""
_HOPS = text(
    _HOP.format(at="left", to="right") + " UNION ALL " + _HOP.format(at="right", to="left")
)

# Fill in an issue that the mark of another profile names as the twin of its source.
_COMPLETE = {
    side: text(
        f"""
        UPDATE issue_link k SET {side.value}_issue_id = :issue, {side.value}_key = :key
        FROM profile p
        WHERE p.id = k.profile_id AND p.id = :maker AND p.{side.value}_tenant_id = :tenant
          AND k.{side.other.value}_issue_id = :source AND k.{side.value}_issue_id IS NULL
          AND NOT EXISTS (SELECT FROM issue_link o
                          WHERE o.profile_id = p.id AND o.{side.value}_issue_id = :issue)
        """  # noqa: S608  made of "left" and "right"
    )
    for side in Side
}


def may_be_a_ring(session: Session, profile: StoredProfile, side: Side, issue: Issue) -> bool:
    """Whether other profiles lead away from the issue and into the scope of its twin."""
    for end in (side, side.other):
        scope, tenant = profile.profile.scope(end), profile.tenants[end]
        scope_to(session, tenant)
        known = {
            "mine": profile.id,
            "tenant": tenant,
            "project": int(scope.project_id),
            "type": int(scope.issue_type_id),
            "issue": issue.id if end is side else None,
        }
        if not session.execute(_SHARED, known).scalar():
            break
    else:
        return True
    scope_to(session, profile.left_tenant)
    return False


def walk(
    session: Session, profile: StoredProfile, side: Side, issue: Issue
) -> tuple[list[int], list[uuid.UUID]]:
    """Where the links of other profiles lead to from an issue, hop by hop: the issues of the other
    side's site, nearest first, and the creates into the other side's scope that are under way.

    A link is visible to its two tenants alone, so each hop is read as the tenant whose issue it
    starts from.
    """
    start, target = profile.tenants[side], profile.tenants[side.other]
    scope = profile.profile.scope(side.other)
    known = {
        "mine": profile.id,
        "target": target,
        "project": int(scope.project_id),
        "type": int(scope.issue_type_id),
    }
    _complete_the_makers_link(session, profile, side, issue)
    seen = {(start, issue.id)}
    frontier, found, under_way = [(start, issue.id)], [], []
    for _ in range(HOPS):
        ahead: list[tuple[TenantId, int]] = []
        for tenant in sorted({tenant for tenant, _ in frontier}):
            scope_to(session, tenant)
            here = [one for owner, one in frontier if owner == tenant]
            for row in session.execute(_HOPS, known | {"tenant": tenant, "issues": here}):
                place = (TenantId(row.tenant), row.issue)
                if row.under_way:
                    under_way.append(row.link)
                elif row.issue is not None and place not in seen and len(seen) < ISSUES:
                    seen.add(place)
                    ahead.append(place)
        found += [one for tenant, one in ahead if tenant == target]
        frontier = ahead
    scope_to(session, profile.left_tenant)
    return found, under_way


def _complete_the_makers_link(
    session: Session, profile: StoredProfile, side: Side, issue: Issue
) -> None:
    """Where another profile made this issue and has not stored that yet, store it.

    So every issue that a profile takes up is linked with the one that it was made from. A mark of
    a deleted profile, or of a source that has another twin (a clone carries the mark along), says
    nothing.
    """
    mark = issue.property or {}
    try:
        maker, source = uuid.UUID(str(mark.get("profile"))), int(str(mark.get("source")))
        end = Side(str(mark.get("side")))
    except ValueError:
        return
    if maker == profile.id or not 0 < source < 2**63:
        return
    tenant = profile.tenants[side]
    scope_to(session, tenant)
    session.execute(
        _COMPLETE[end],
        {
            "maker": maker,
            "tenant": tenant,
            "source": source,
            "issue": issue.id,
            "key": issue.key,
        },
    )
