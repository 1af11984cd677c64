"""What a move left behind: an issue half way to its status, or in the one that it was made in.

Neither is anybody's edit, so it does not cross; the move goes on from there.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from app.jira.site import Changelog
from app.mapping.kinds.identified import as_part
from app.mapping.profile import FieldMapping, Kind, Side
from app.mapping.values import Value, handler
from app.sync.move_marks import settled
from app.sync.parked import Known
from app.sync.plan import Plan, Snapshot, Write
from app.sync.put_back import by_us
from app.sync.reasons import Code
from app.sync.store_links import Link
from app.sync.turn import Turn


def resume(turn: Turn, link: Link, snapshots: Mapping[Side, Snapshot]) -> Link:
    """The link with a base that knows such a status as our own. Costs a call where one is found:
    its changelog tells whether somebody else has put the issue there. Raises SiteError."""
    base, of = link.base, turn.fingerprints.of
    for mapping in turn.profile.profile.fields:
        for side in Side:
            kind, value = handler(mapping.kind_of(side)), snapshots[side].values.get(mapping.key)
            if not kind.by_transition or value is None or not mapping.flow.feeds(side):
                continue
            unfilled = base.of(side).get(mapping.key) == of(mapping.key, side, kind.empty)
            between = link.moving.get((mapping.key, side), ())
            fresh = unfilled and mapping.key not in base.of(side.other)
            if not fresh and of(mapping.key, side, value) not in between:
                continue
            if _is_ours(turn, link, side, mapping, value):
                base = settled(base, side, {mapping.key: value}, of)
    return link if base is link.base else replace(link, base=base)


def _is_ours(turn: Turn, link: Link, side: Side, mapping: FieldMapping, value: Value) -> bool:
    """Whether the status is as we, or the creation of the issue, have left it."""
    site, issue_id = turn.sites[side], link.issue_id(side) or 0
    log = site.changelogs([issue_id]).get(issue_id, Changelog())
    last = next((edit for edit in log.edits if edit.field == mapping.field(side)), None)
    if last is None:
        return log.whole
    here = as_part(value)
    return here is not None and last.after[0] == here[0] and by_us(site)(last)


def together(found: Sequence[Known], plan: Plan) -> list[Known]:
    """What is set aside, without what is to be tried again with the other writes of a plan.

    A resolution goes with its status: a transition takes both, or none. A field that the edit
    screen lacks may be on the screen of the move. And where a transition wanted fields that nothing
    filled, another write may have what it wants.
    """
    lifted: set[tuple[Side, str]] = set()
    for side in Side:
        writes = plan.writes(side)
        held = [k.cause for k in found if k.cause.side is side and not k.ask]
        marks = {(one.key, one.mark) for one in held}
        if any((w.key, plan.base.of(side).get(w.key)) not in marks for w in writes):
            lifted |= {(side, one.key) for one in held if one.code is Code.MOVE_FIELDS}
        if any(_is_moved(w, side, plan, marks, lifted) for w in writes):
            lifted |= {(side, w.key) for w in writes if w.kind is Kind.RESOLUTION}
            lifted |= {(side, one.key) for one in held if one.code is Code.FIELD_NOT_ON_SCREEN}
    return [one for one in found if (one.cause.side, one.cause.key) not in lifted]


def _is_moved(
    write: Write,
    side: Side,
    plan: Plan,
    held: Collection[tuple[str, str]],
    lifted: Collection[tuple[Side, str]],
) -> bool:
    mark = plan.base.of(side).get(write.key, "")
    is_held = (write.key, mark) in held and (side, write.key) not in lifted
    return handler(write.kind).by_transition and not is_held
