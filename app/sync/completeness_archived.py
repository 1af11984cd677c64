"""Pairs of which an issue was archived, found without the event: Jira documents none for that, and
its search knows such an issue no more, while it can still be read."""

from __future__ import annotations

from collections.abc import Mapping

from app.jira.site import Issue
from app.mapping.lifecycle import Why
from app.mapping.profile import Side
from app.sync import unlinked
from app.sync.completeness_reads import Reading
from app.sync.filters import AT_ONCE
from app.sync.store_links import Link

FIELD = "archived"
"""What a check names, where the fields of a pair that differs are named."""


def archived(
    reading: Reading, read: Mapping[Side, Mapping[int, Issue]], *, surely: bool
) -> dict[Side, frozenset[int]]:
    """Which of these issues search does not know; `surely`: as they are now, not as they were a
    moment ago. No call where the profile does nothing for such an issue. Raises what reads do."""
    if reading.profile.profile.lifecycle.deed(Why.ARCHIVED) is None:
        return dict.fromkeys(Side, frozenset())
    return {side: _unknown(reading, side, read[side], surely=surely) for side in Side}


def _unknown(
    reading: Reading, side: Side, read: Mapping[int, Issue], *, surely: bool
) -> frozenset[int]:
    known: set[int] = set()
    projects: dict[int, list[int]] = {}
    for issue in read.values():
        projects.setdefault(int(issue.fields["project"]["id"]), []).append(issue.id)
    for project, ids in sorted(projects.items()):
        jql, most = f"project = {project}", AT_ONCE if surely else len(ids)
        for start in range(0, len(ids), most):
            some = ids[start : start + most]
            site = reading.claimed({side: len(some)})[side]
            known |= site.match_now(jql, some) if surely else site.match(jql, some)
    return frozenset(read) - known


def tell(reading: Reading, link: Link, found: Mapping[Side, frozenset[int]]) -> None:
    """Note what the event should have told, for the engine to act on."""
    with reading.transaction() as session:
        for side in Side:
            if link.issue_id(side) in found[side]:
                unlinked.is_archived(session, link, side)
