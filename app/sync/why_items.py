"""The items of a pair: which is a twin of which, when Tandem made and wrote each, and what came of
it since. Ids and times alone; what an item says is never kept."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.mapping.profile import ItemKind, Side
from app.mapping.profiles import StoredProfile
from app.sync.items.model import Gone, key_of
from app.sync.models import IssueLink
from app.sync.provenance import How
from app.sync.standing import Standing


class Whose(StrEnum):
    """Who made the two halves of an item."""

    TWIN = "twin"  # somebody made the source, and Tandem the twin
    TANDEM = "tandem"  # Tandem made both: the links to the twin
    OTHERS = "others"  # others made both, and Tandem writes neither


@dataclass(frozen=True)
class ItemWrite:
    """When Tandem made or wrote a twin. `present`: the profile is still at that revision."""

    at: datetime
    revision: int
    present: bool
    how: How
    run_id: uuid.UUID | None


@dataclass(frozen=True)
class TwinGone:
    """A twin that is not there any more: through whom, since when, and in which run."""

    by: Gone
    at: datetime | None
    run_id: uuid.UUID | None


@dataclass(frozen=True)
class ItemWhy:
    """An item. `source`: the side that it was made on. `made` None: when is not known, as the twin
    was found by its mark. `waits`: its making was sent, and is not answered yet. `edited`: somebody
    edited the twin since it was written. `now`: what keeps it from crossing."""

    kind: str
    whose: Whose
    source: Side | None
    left: str | None
    right: str | None
    made: ItemWrite | None = None
    written: ItemWrite | None = None
    waits: bool = False
    edited: bool = False
    source_gone: bool = False
    gone: TwinGone | None = None
    now: tuple[Standing, ...] = ()

    @property
    def last(self) -> ItemWrite | None:
        """The last write of the twin."""
        return self.written or self.made

    @property
    def key(self) -> str:
        """Under which a site's refusal of it is kept."""
        item = self.left if self.source is Side.LEFT else self.right
        return self.kind if self.source is None else key_of(self.kind, item or "")


_ITEMS = text(
    """
    SELECT i.kind, i.source, i.left_item, i.right_item, i.made_at, i.made_revision, i.made_run,
        i.written_at, i.written_revision, i.written_run, i.create_sent_at, i.touched,
        i.source_gone, i.twin_gone, i.gone_at, i.gone_run, m.kind AS made_how, w.kind AS written_how
    FROM item_link i
    LEFT JOIN run m ON m.id = i.made_run
    LEFT JOIN run w ON w.id = i.written_run
    WHERE i.link_id = :link
    """
)
_KINDS = frozenset(one.value for one in ItemKind)


def is_item(key: str) -> bool:
    """Whether something is refused under this key for an item, and not for a field."""
    return "=" not in key and key.partition(".")[0] in _KINDS


def items_of(
    session: Session,
    profile: StoredProfile,
    link: IssueLink,
    now: Mapping[str, Sequence[Standing]],
) -> tuple[ItemWhy, ...]:
    """The items of a pair, kind by kind, in the order of their ids. `now`: what keeps things out of
    step, by the key of each; a source that no twin was ever made of stands there too."""
    rows = [_of_row(profile, row) for row in session.execute(_ITEMS, {"link": link.id})]
    told = [replace(one, now=tuple(now.get(one.key, ()))) for one in rows]
    known = {one.key for one in rows}
    told += [_unmade(key, now[key]) for key in now if is_item(key) and key not in known]
    return tuple(sorted(told, key=_place))


def _unmade(key: str, now: Sequence[Standing]) -> ItemWhy:
    kind, _, item = key.partition(".")
    to = now[0].side if item else None
    source = None if to is None else to.other
    ids = {side: item if side is source else None for side in Side}
    whose = Whose.TANDEM if source is None else Whose.TWIN
    return ItemWhy(kind, whose, source, ids[Side.LEFT], ids[Side.RIGHT], now=tuple(now))


def _of_row(profile: StoredProfile, row: Any) -> ItemWhy:
    source = Side(row.source) if row.source else None
    whose = Whose.TWIN
    if source is None:
        whose = Whose.TANDEM if row.kind == ItemKind.REMOTE_LINK else Whose.OTHERS
    gone = None
    if row.twin_gone is not None:
        gone = TwinGone(Gone(row.twin_gone), row.gone_at, row.gone_run)
    twin = row.right_item if source is Side.LEFT else row.left_item
    return ItemWhy(
        row.kind,
        whose,
        source,
        row.left_item,
        row.right_item,
        made=_write(profile, row.made_at, row.made_revision, row.made_how, row.made_run),
        written=_write(
            profile, row.written_at, row.written_revision, row.written_how, row.written_run
        ),
        waits=row.create_sent_at is not None and source is not None and twin is None,
        edited=row.touched,
        source_gone=row.source_gone,
        gone=gone,
    )


def _write(
    profile: StoredProfile,
    at: datetime | None,
    revision: int | None,
    kind: str | None,
    run_id: uuid.UUID | None,
) -> ItemWrite | None:
    if at is None or revision is None:
        return None
    return ItemWrite(at, revision, revision == profile.revision, How(kind or "change"), run_id)


def _place(one: ItemWhy) -> tuple[str, str, int, str]:
    """Its place: those of a kind together, then side by side in the order of the ids."""
    item = (one.right if one.source is Side.RIGHT else one.left) or ""
    number = int(item) if item.isascii() and item.isdigit() else 0
    return one.kind, one.source or "", number, item
