"""Issues with a security level: left alone until both sides allow that they cross.

Their level is read with every issue, which costs no call. See docs/two-keys.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from app.jira.site import Issue, JiraSite
from app.mapping.profile import Profile

LEVEL = "security"


def level_fields(profile: Profile) -> list[str]:
    """What has to be read of an issue to tell whether it is to be left alone."""
    return [] if profile.carries_restricted else [LEVEL]


def held_back(profile: Profile, issue: Issue) -> bool:
    """Whether an issue, which was read with its level, is left alone for it."""
    return not profile.carries_restricted and bool(issue.fields.get(LEVEL))


def held_of(profile: Profile, issues: Iterable[Issue]) -> frozenset[int]:
    """Those of these issues that are left alone for their level, by id."""
    return frozenset(one.id for one in issues if held_back(profile, one))


def held_now(site: JiraSite, profile: Profile, issue_ids: Sequence[int]) -> frozenset[int]:
    """Which of these issues (at most 100) are left alone for their level, as they are now. No call
    where both sides allow that they cross. Raises SiteError."""
    if profile.carries_restricted or not issue_ids:
        return frozenset()
    return held_of(profile, site.fetch(issue_ids, [LEVEL]).values())
