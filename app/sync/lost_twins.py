"""Twins that bear our mark and that no link knows, as after the loss of the links: they are found
by their marks, and never made again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from app.jira.site import Created, Issue
from app.jira.times import parse_time
from app.mapping.profile import Side
from app.sync import store_dirty, store_links
from app.sync.store_dirty import Dirty
from app.sync.turn import Pair, Turn

NEW = timedelta(minutes=10)
"""An issue that is visited so soon after it was made has no twin of which no link knows."""


def find_lost_twins(turn: Turn, pairs: Sequence[Pair]) -> None:
    """Look for the twins of issues that have no link and are not new: the links may have been lost,
    and our marks know. One call for each side. Raises SiteError."""
    profile = str(turn.profile.id)
    for side in Side:
        changes = [pair.changes[0] for pair in pairs if pair.link is None]
        wanted = [one.issue_id for one in changes if one.side is side and _is_asked(turn, one)]
        if wanted:
            found = turn.sites[side.other].find_twins(profile, wanted)
            # Twins of others meanwhile, whatever our mark says of their source.
            with turn.transaction() as session:
                ids = [twin.id for twin in found.values()]
                taken = store_links.links_by_issue(session, turn.profile, side.other, ids)
            turn.twins |= {(side, s): twin for s, twin in found.items() if twin.id not in taken}


def _is_asked(turn: Turn, change: Dirty) -> bool:
    """Whether the issue of a change may have a twin that no link knows."""
    issue = turn.read[change.side].get(change.issue_id)
    if issue is None:
        return False
    return change.run_id is not None or is_old(issue, datetime.now(UTC))


def is_old(issue: Issue, now: datetime) -> bool:
    """Whether an issue was there a while before its last change, or before `now`: one that a
    search found was perhaps made and given its twin before the links were lost."""
    return max(issue.updated, now) - _created_at(issue) > NEW


def adopt_twin(turn: Turn, pair: Pair, issue: Issue, side: Side, twin: Created) -> None:
    """Link an issue to the twin that our mark on it names."""
    with turn.transaction() as session:
        link = store_links.intend(
            session,
            turn.profile,
            source=side,
            issue_id=issue.id,
            key=issue.key,
            lane=turn.lane,
            sent=True,
        )
        if link.issue_id(side.other) is None:
            store_links.adopt(session, link, side.other, twin)
        for change in pair.changes:
            store_dirty.move_lane(session, turn.profile, change, link.lane)
    turn.ring(turn.profile.id, link.lane)


def _created_at(issue: Issue) -> datetime:
    """When an issue was made; its last change where the site does not tell."""
    told = issue.fields.get("created")
    return parse_time(told) if isinstance(told, str) else issue.updated
