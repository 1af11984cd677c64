"""What a plan says of pairs that end, and of issues whose pair has ended."""

from __future__ import annotations

from collections.abc import Mapping

from app.jira.site import Issue
from app.mapping.lifecycle import Why
from app.mapping.profile import Side
from app.mapping.profiles import StoredProfile
from app.mapping.said import said, the_side
from app.sync.lifecycle import DEEDS
from app.sync.planning_rules import in_scope
from app.sync.planning_types import Cause, Note
from app.sync.store_links import Link

ENDED = Note(Cause.ENDS, said("Its pair has ended; it gets no other twin by itself."))


def is_ended(profile: StoredProfile, issue: Issue) -> bool:
    """Whether the mark of an issue that Tandem made says that its pair has ended."""
    mark = issue.property or {}
    return mark.get("unlinked") is True and mark.get("profile") == str(profile.id)


def ends(profile: StoredProfile, link: Link, issues: Mapping[Side, Issue]) -> Note | None:
    """Says that the engine ends a pair, where an issue of it was deleted or moved away. Of the
    archive only the engine's own look knows."""
    for side in Side:
        issue = issues.get(side)
        if issue is None:
            why = Why.DELETED if link.told(side) is Why.DELETED else None
        else:
            why = None if in_scope(profile, issue, side) else Why.MOVED
        deed = None if why is None else profile.profile.lifecycle.deed(why)
        if why is not None and deed is not None:
            sentence = said(
                "The issue on %(side)s %(happened)s: the profile's choice is %(deed)s, and the "
                "pair ends.",
                side=the_side(side),
                happened=DEEDS[why],
                deed=deed.value,
            )
            return Note(Cause.ENDS, sentence)
    return None
