"""Which twin the engine would link an issue to, where other profiles made one. Stores nothing."""

from __future__ import annotations

from app.database import tenant_transaction
from app.jira.site import Issue
from app.mapping.profile import Side
from app.mapping.profiles import StoredProfile
from app.sync.ring_walk import may_be_a_ring, walk


class _ForgetIt(Exception):
    """Ends a transaction without a trace."""


def candidates(profile: StoredProfile, side: Side, issue: Issue) -> list[int]:
    """The issues of the other side that other profiles' links lead to, nearest first."""
    found: list[int] = []
    try:
        with tenant_transaction(profile.left_tenant) as session:
            if not may_be_a_ring(session, profile, side, issue):
                return []
            found, _ = walk(session, profile, side, issue)
            raise _ForgetIt  # the walk mends links that it comes by; a plan mends nothing
    except _ForgetIt:
        return found
