"""The rules that the engine and the planner share, so that a plan says what the engine does."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from app.jira.answers import issue_id
from app.jira.site import FieldChanges, Issue
from app.mapping.profile import Profile, Side
from app.mapping.profiles import StoredProfile
from app.mapping.values import handler
from app.sync.fingerprint import Fingerprinter
from app.sync.lookups import Carrying, Files
from app.sync.merge import merge
from app.sync.plan import Base, Carry, Decision, Plan, Snapshot, Write


def decide(
    profile: Profile,
    marks: Fingerprinter,
    base: Base,
    snapshots: Mapping[Side, Snapshot],
    *,
    carrying: Carrying,
    ids: Mapping[Side, int],
    files: Files | None = None,
    decisions: Callable[[], Mapping[str, Decision]],
    times: Callable[[Side], Mapping[str, datetime]] | None,
) -> Plan:
    """The merge of a pair; with what people chose, with the times of the fields in conflict, where
    these decide, and without what the screens of the issues (`ids`) lack.

    Without `times` the plan's `needs_times` says whether they would decide. Raises SiteError, where
    something has to be looked up.
    """
    left, right = snapshots[Side.LEFT], snapshots[Side.RIGHT]
    chosen: Mapping[str, Decision] = {}

    def merged(carry: Carry) -> Plan:
        return merge(left, right, base, profile, marks, carry=carry, decisions=chosen)

    plan = carrying.settle(merged, snapshots, files)
    chosen = decisions() if any(not one.winner for one in plan.conflicts) else {}
    if chosen:
        plan = carrying.settle(merged, snapshots, files)
    if plan.needs_times and times is not None:
        left, right = (replace(snapshots[side], changed_at=times(side)) for side in Side)
        plan = carrying.settle(merged, snapshots, files)
    off = {side: _off_screen(carrying, side, plan.writes(side), ids[side]) for side in Side}
    if any(off.values()):
        left, right = (
            replace(shot, off_screen=off[side])
            for side, shot in ((Side.LEFT, left), (Side.RIGHT, right))
        )
        plan = carrying.settle(merged, snapshots, files)
    return carrying.named(plan)


def _off_screen(
    carrying: Carrying, side: Side, writes: Sequence[Write], issue_id: int
) -> dict[str, str]:
    """What the edit screen lacks; nothing where a transition, with a screen of its own, is to be
    made: whoever makes it finds what that one lacks too."""
    if any(handler(one.kind).by_transition for one in writes):
        return {}
    return carrying.off_screen(side, writes, issue_id)


def changed_at(profile: Profile, side: Side, found: FieldChanges) -> dict[str, datetime]:
    """When the mapped fields of an issue last changed, by mapping key."""
    return {m.key: found.at[m.field(side)] for m in profile.fields if m.field(side) in found.at}


def in_scope(profile: StoredProfile, issue: Issue, side: Side) -> bool:
    """Whether an issue is of the project and the type of its side."""
    scope = profile.profile.scope(side)
    found = [str(issue.fields.get(name, {}).get("id")) for name in ("project", "issuetype")]
    return found == [scope.project_id, scope.issue_type_id]


def source_of_twin(profile: StoredProfile, issue: Issue, side: Side) -> int | None:
    """The id of the issue on the other side that our mark names as the source of this one."""
    mark = issue.property or {}
    ours = mark.get("profile") == str(profile.id) and mark.get("side") == side.value
    ours = ours and mark.get("unlinked") is not True
    return issue_id(mark.get("source")) if ours else None
