"""How a drain paces the changes of runs, and those that were parked and are asked again: behind
live ones, a few at a time, from a share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import text

from app.database import tenant_transaction
from app.mapping.profile import Side
from app.mapping.profiles import StoredProfile
from app.sync.budget import HELD, Kind, claim
from app.sync.store_dirty import Dirty
from app.sync.store_links import Link

FEW = 8
"""Of these a drain takes so many at once: a live one waits for no more of them in its lane."""

READ, CREATE, UPDATE = 2, 3, 1
"""Points: to read an issue, to create one and read it back, and to write one."""

_PUT_OFF = text(
    """
    UPDATE change SET not_before = now() + make_interval(secs => :seconds), reason = :held
    WHERE profile_id = :profile AND lane = :lane AND (run_id IS NOT NULL OR retried)
      AND NOT parked AND not_before <= now()
    """
)


def pace(
    profile: StoredProfile, lane: int, dirty: Sequence[Dirty], links: Sequence[Link]
) -> tuple[list[Dirty], float]:
    """What of a lane's due changes is taken now. Live ones are taken alone. Of the others only a
    few, and only where both sites have background points for them; if not, all of the lane's are
    put off, which is no attempt, and the seconds until then are given."""
    live = [one for one in dirty if one.is_live]
    if live or not dirty:
        return live, 0.0
    owner = {
        (side, issue): link for link in links for side in Side if (issue := link.issue_id(side))
    }
    free = [one for one in dirty if _is_seen(one, owner)]
    if free:
        return free, 0.0
    few = list(dirty[:FEW])
    costs = _costs(few, owner)
    tenants = profile.tenants
    # The dearer first: what is claimed of one site and not of the other is spent in vain.
    for side in sorted(costs, key=lambda one: -costs[one]):
        wait = claim(tenants[side], Kind.BACKGROUND, costs[side])
        if wait:
            _put_off(profile, lane, wait)
            return [], wait
    return few, 0.0


def _is_seen(change: Dirty, owner: Mapping[tuple[Side, int], Link]) -> bool:
    """Whether the pair's base was made from this state: it is settled without a call."""
    link = owner.get((change.side, change.issue_id))
    seen: datetime | None = link.seen(change.side) if link else None
    return seen is not None and change.event_updated is not None and change.event_updated <= seen


def _costs(few: Sequence[Dirty], owner: Mapping[tuple[Side, int], Link]) -> dict[Side, float]:
    """About what these cost each site, in points."""
    costs = dict.fromkeys(Side, 0.0)
    for one in few:
        link = owner.get((one.side, one.issue_id))
        if link is None or link.left_id is None or link.right_id is None:
            costs[one.side] += READ
            costs[one.side.other] += CREATE
        else:
            for side in Side:
                costs[side] += READ + UPDATE
    return costs


def _put_off(profile: StoredProfile, lane: int, seconds: float) -> None:
    with tenant_transaction(profile.left_tenant) as session:
        session.execute(
            _PUT_OFF, {"profile": profile.id, "lane": lane, "seconds": seconds, "held": HELD}
        )
