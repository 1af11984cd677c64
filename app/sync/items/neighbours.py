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
from app.sync.items import store
from app.sync.items.model import ItemLink, Place, root_of
from app.sync.marks import Mark, mark

if TYPE_CHECKING:
    from app.mapping.profiles import StoredProfile
    from app.sync.store_links import Link
    from app.sync.turn import Turn

# Each half names its own column of the link, so that the unique index finds it.
_FIND = text(
    """
    SELECT f.id, f.profile_id, f.lane, f.left_issue_id, f.right_issue_id FROM (
        SELECT k.id, k.profile_id, k.lane, k.left_issue_id, k.right_issue_id, k.created_at
        FROM profile p JOIN issue_link k ON k.profile_id = p.id
            AND k.left_issue_id = ANY(:lefts) AND k.right_issue_id IS NOT NULL
        WHERE p.left_tenant_id = :left AND p.right_tenant_id = :right
        UNION
        SELECT k.id, k.profile_id, k.lane, k.left_issue_id, k.right_issue_id, k.created_at
        FROM profile p JOIN issue_link k ON k.profile_id = p.id
            AND k.right_issue_id = ANY(:rights) AND k.left_issue_id IS NOT NULL
        WHERE p.left_tenant_id = :left AND p.right_tenant_id = :right) AS f
    ORDER BY f.profile_id = :profile DESC, f.created_at, f.id
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


@dataclass(frozen=True)
class Waker:
    """Wakes other pairs for one pair, by what that sees of items of one kind. `run_id`: the run
    that it is visited for; what is woken belongs to it too."""

    turn: Turn
    link: Link
    kind: ItemKind
    run_id: uuid.UUID | None = None

    def __call__(self, pair: Neighbour, side: Side, item: str) -> None:
        """Have a pair visited whose issue on `side` has an item that it has not heard of, where its
        profile carries that kind. It is noted, so that it is told once."""
        turn, profile = self.turn, self._profile_of(pair)
        if profile is None:
            return
        left, right = profile.left_tenant, profile.right_tenant
        own = side.other if pair.turned else side
        due = Mark(
            profile.id, own, int(pair.ids[side]), left, right, pair.lane, None, self._run(pair)
        )
        carries = any(one.kind is self.kind for one in profile.profile.items)
        with turn.transaction() as session:
            store.save(session, turn.profile, self.link, [self._row(side, item)])
            if carries:
                mark(session, [due])
        if carries:
            turn.ring(profile.id, pair.lane)

    def _run(self, pair: Neighbour) -> uuid.UUID | None:
        """A run is of one profile."""
        return self.run_id if pair.profile_id == self.turn.profile.id else None

    def _row(self, side: Side, item: str) -> ItemLink:
        """A row of nobody's: the item is known, and nothing is made of it here."""
        issues = {side: str(self.link.issue_id(side)) for side in Side}
        place, kind = Place(str(self.turn.profile.id), self.turn.tenants, issues), self.kind.value
        row_id = place.row_id(kind, None, f"{side}:{item}")
        root = root_of(self.turn.tenants[side], kind, item)
        return ItemLink(row_id, kind, None, None, None, root).with_item(side, item)

    def _profile_of(self, pair: Neighbour) -> StoredProfile | None:
        if pair.profile_id == self.turn.profile.id:
            return self.turn.profile
        try:
            return profiles.working(self.turn.vault, pair.profile_id)
        except NotFound:
            return None  # deleted meanwhile
