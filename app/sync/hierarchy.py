"""Parents first: a create waits a moment for the twin of its parent, and is then made without it or
set aside. See docs/hierarchy.md."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.activity.log import Detail
from app.mapping.profile import Kind, Side
from app.mapping.values import handler
from app.sync import awaiting, store_dirty, store_links
from app.sync.awaiting import Awaited
from app.sync.lanes import lane_of
from app.sync.plan import Base, LeftAlone, Plan, Reason, Snapshot, Stop
from app.sync.reasons import Cause, Code
from app.sync.store_links import Link
from app.sync.turn import LONGEST_BELL, Pair, Turn

FIRST_WAIT = 1.0  # seconds
TRIES = 5
"""Waits of 1, 2, 4, 8 and 16 seconds; then the child is made without its parent, or set aside."""

# Somebody who marked the parent before is not held up: its row stays as it is.
_MARK = text(
    """
    INSERT INTO change (profile_id, side, issue_id, left_tenant_id, right_tenant_id, lane)
    VALUES (:profile, :side, :issue, :left, :right, :lane)
    ON CONFLICT DO NOTHING RETURNING profile_id
    """
)


def waits(turn: Turn, pair: Pair, link: Link, *, plan: Plan, source: Snapshot, to: Side) -> bool:
    """Whether a twin on `to` cannot be made now, for want of its parent's; that is stored then.
    Raises SiteError."""
    alone = _parent_of(turn, plan)
    awaited = None if alone is None else _issue(turn, alone.key, source, to.other)
    if alone is None or awaited is None:
        return False
    comes = alone.stops == (to, Stop.PARENT)
    attempts = max(change.attempts for change in pair.changes)
    if comes and attempts < TRIES:
        _take_up(turn, to, awaited)
        _wait(turn, pair, link, awaited, FIRST_WAIT * 2**attempts)
        return True
    field = _field(turn, alone.key, to)
    if not turn.carrying.requires(to, field):
        return False
    code = Code.PARENT_WAITS if comes else Code.PARENT_UNPAIRED
    cause = Cause(to, code, field, alone.key, said=alone.sentence)
    _set_aside(turn, pair, link, cause, awaited)
    return True


def ask_for_parent(turn: Turn, plan: Plan, snapshots: Mapping[Side, Snapshot]) -> Awaited | None:
    """The parent that a plan's field is set aside for, if so; its twin is made, where a profile
    carries it. Raises SiteError."""
    alone = _parent_of(turn, plan)
    if alone is None or alone.stops is None:
        return None
    to, why = alone.stops
    awaited = _issue(turn, alone.key, snapshots[to.other], to.other)
    if awaited is not None and why is Stop.PARENT:
        _take_up(turn, to, awaited)
    return awaited


def _parent_of(turn: Turn, plan: Plan) -> LeftAlone | None:
    """What a plan says of a parent without a twin."""
    keys = {
        m.key for m in turn.profile.profile.fields if all(_has_issues(m.kind_of(s)) for s in Side)
    }
    left = (one for one in plan.left_alone if one.key in keys and one.reason is Reason.NO_TWIN)
    return next(left, None)


def _has_issues(kind: Kind) -> bool:
    return handler(kind).has_issues


def _unsent(session: Session, link: Link) -> None:
    """Nothing was sent: whoever waits for this profile to make the twin need not go on waiting."""
    if link.create_sent_at is not None:
        store_links.mark_create(session, link, Base(), sent=False)


def _field(turn: Turn, key: str, side: Side) -> str:
    return next(m.field(side) for m in turn.profile.profile.fields if m.key == key)


def _issue(turn: Turn, key: str, snapshot: Snapshot, side: Side) -> Awaited | None:
    value = snapshot.values.get(key)
    known = isinstance(value, str) and value.isdecimal()
    return Awaited(turn.tenants[side], int(str(value))) if known else None


def _wait(turn: Turn, pair: Pair, link: Link, awaited: Awaited, seconds: float) -> None:
    """Put the create off for the parent's."""
    with turn.transaction() as session:
        _unsent(session, link)
        store_dirty.postpone(session, turn.profile, pair.changes, seconds, "waiting-for-parent")
        awaiting.note(session, turn.profile, pair.changes[0], awaited)
    turn.wake([awaited])
    if seconds <= LONGEST_BELL:
        turn.ring(turn.profile.id, turn.lane, seconds + 0.05)


def _take_up(turn: Turn, to: Side, awaited: Awaited) -> None:
    """Have the twin of a parent made on `to`, where somebody has not marked it already."""
    homes = turn.carrying.homes_of(to, str(awaited.issue_id))
    lane, marked = lane_of(awaited.issue_id), []
    with turn.transaction() as session:
        for home in homes:
            values = {
                "profile": home.profile_id,
                "side": home.side.value,
                "issue": awaited.issue_id,
                "left": home.left_tenant,
                "right": home.right_tenant,
                "lane": lane,
            }
            if session.execute(_MARK, values).one_or_none():
                marked.append(home.profile_id)
    for profile in marked:
        turn.ring(profile, lane)


def _set_aside(turn: Turn, pair: Pair, link: Link, cause: Cause, awaited: Awaited) -> None:
    """Park the create until the parent's twin is there."""
    with turn.transaction() as session:
        keys, detail = (link.left_key, link.right_key), Detail(cause.said, cause.field)
        aside = turn.put_aside(session, pair, link, [cause], keys=keys, detail=detail)
        _unsent(session, link)
        if aside:
            awaiting.note(session, turn.profile, pair.changes[0], awaited)
    if aside:
        turn.wake([awaited])
    else:
        turn.ring(turn.profile.id, turn.lane)
