"""Sub-task types in profiles: a site makes no sub-task without its parent, so it must be mapped."""

from __future__ import annotations

from collections.abc import Sequence

from app.mapping.profile import FieldMapping, Kind, Moment, Profile, Side
from app.mapping.said import said, the_side

PARENT = FieldMapping("parent", "parent", Kind.PARENT)


def problem(profile: Profile) -> str | None:
    """What is wrong with a profile of sub-tasks, with the cure; None: nothing."""
    subtasks = [side for side in Side if profile.scope(side).subtask]
    wanting = [side for side in subtasks if not _is_fed(profile.fields, side)]
    if not wanting:
        return None
    if len(wanting) == 1:
        return said(
            "%(side)s's issue type is one of sub-tasks, and Jira makes no sub-task without its "
            "parent. Map parent to parent (kind parent) in that direction, not with moment update; "
            "or choose another issue type",
            side=the_side(wanting[0]),
        )
    return said(
        "the left and right sides' issue types are one of sub-tasks, and Jira makes no sub-task "
        "without its parent. Map parent to parent (kind parent) in that direction, not with moment "
        "update; or choose another issue type"
    )


def _is_fed(fields: Sequence[FieldMapping], side: Side) -> bool:
    return any(
        one.field(side) == PARENT.field(side)
        and one.kind_of(side) is Kind.PARENT
        and one.flow.feeds(side)
        and one.moment is not Moment.UPDATE
        for one in fields
    )
