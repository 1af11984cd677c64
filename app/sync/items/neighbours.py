"""The pairs of other issues between the same two sites, whichever profile has them."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.database import TenantId
from app.errors import NotFound
from app.mapping import profiles
from app.mapping.profile import ItemKind, Side
from app.sync.marks import Mark, mark

if TYPE_CHECKING:
    from app.sync.turn import Turn

_FIND = text(
    """
    SELECT k.id, k.profile_id, k.lane, k.left_issue_id, k.right_issue_id
    FROM profile p
    JOIN issue_link k ON k.profile_id = p.id
        AND (k.left_issue_id = ANY(:lefts) OR k.right_issue_id = ANY(:rights))
        AND k.left_issue_id IS NOT NULL AND k.right_issue_id IS NOT NULL
    WHERE p.left_tenant_id = :left AND p.right_tenant_id = :right
    ORDER BY p.id = :profile DESC, k.created_at, k.id
    """
)
_KNOWN = text(
    """
    SELECT link_id, left_item, right_item FROM item_link
    WHERE link_id = ANY(:links) AND kind = :kind
        AND (left_item = ANY(:items) OR right_item = ANY(:items))
    """
)


@dataclass(frozen=True)
class Neighbour:
    """A pair, as seen from the profile that asks: `ids` by that profile's sides. `turned`: its own
    profile has the sides the other way round."""

    link_id: uuid.UUID
    profile_id: uuid.UUID
    lane: int
    ids: Mapping[Side, str]
    turned: bool


def find(
    session: Session,
    profile: object,
    tenants: Mapping[Side, TenantId],
    ids: Mapping[Side, Collection[str]],
) -> list[Neighbour]:
    """The pairs of these issues, by side, those of `profile` first."""
    wanted = {side: sorted(int(one) for one in ids[side] if one.isdecimal()) for side in Side}
    found: list[Neighbour] = []
    for turned in (False, True):
        left, right = (Side.RIGHT, Side.LEFT) if turned else (Side.LEFT, Side.RIGHT)
        asked = {
            "left": tenants[left],
            "right": tenants[right],
            "lefts": wanted[left],
            "rights": wanted[right],
            "profile": profile,
        }
        for row in session.execute(_FIND, asked).all():
            own = {left: str(row.left_issue_id), right: str(row.right_issue_id)}
            found.append(Neighbour(row.id, row.profile_id, row.lane, own, turned))
    return found


def known(
    session: Session, kind: str, links: Sequence[uuid.UUID], items: Sequence[str]
) -> set[tuple[uuid.UUID, str]]:
    """Which of these items the rows of these pairs know."""
    rows = session.execute(_KNOWN, {"links": list(links), "kind": kind, "items": list(items)})
    return {(row.link_id, item) for row in rows for item in (row.left_item, row.right_item) if item}


def wake(turn: Turn, kind: ItemKind, pair: Neighbour, side: Side) -> None:
    """Have a pair visited whose issue on `side` has an item of this kind that it has not heard of,
    where its profile carries that kind."""
    if pair.profile_id == turn.profile.id:
        profile = turn.profile
    else:
        try:
            profile = profiles.load(turn.vault, pair.profile_id)
        except NotFound:
            return  # deleted meanwhile
    if all(one.kind is not kind for one in profile.profile.items):
        return
    own = side.other if pair.turned else side
    left, right = profile.left_tenant, profile.right_tenant
    due = Mark(profile.id, own, int(pair.ids[side]), left, right, pair.lane, None)
    with turn.transaction() as session:
        mark(session, [due])
    turn.ring(profile.id, pair.lane)
