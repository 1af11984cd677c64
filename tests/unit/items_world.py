"""Two issues with items in memory, people who change them, and a worker that carries plans out."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from app.mapping.profile import Flow, ItemKind, ItemMapping, Side
from app.sync.fingerprint import Fingerprinter
from app.sync.items.found import mark_of, settled
from app.sync.items.merge import merge_items
from app.sync.items.model import Gone, Held, Item, ItemLink, ItemPlan, Mark, Place

PROFILE = str(uuid.UUID(int=7))
KIND = ItemKind.COMMENTS
TENANTS = {Side.LEFT: uuid.UUID(int=1), Side.RIGHT: uuid.UUID(int=2)}
FINGERPRINTS = Fingerprinter(bytes(32))


@dataclass
class World:
    """`items`: what each issue has, by id. `mine`: what the worker made."""

    mapping: ItemMapping = field(default_factory=lambda: ItemMapping(KIND))
    profile: str = PROFILE
    place: Place | None = None
    items: dict[Side, dict[str, Item]] = field(
        default_factory=lambda: {Side.LEFT: {}, Side.RIGHT: {}}
    )
    rows: dict[uuid.UUID, ItemLink] = field(default_factory=dict)
    mine: set[tuple[Side, str]] = field(default_factory=set)
    told: list[str] = field(default_factory=list)
    lost: list[object] = field(default_factory=list)
    number: int = 100

    def __post_init__(self) -> None:
        issues = {Side.LEFT: "11", Side.RIGHT: "22"}
        self.place = self.place or Place(self.profile, TENANTS, issues)

    def tick(self) -> datetime:
        self.number += 1
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.number)

    def say(self, side: Side, text: str, **more: object) -> str:
        """A person makes an item."""
        now = self.tick()
        item = Item(str(self.number), "ann", now, now, text, **more)  # type: ignore[arg-type]
        self.items[side][item.id] = item
        return item.id

    def edit(self, side: Side, item: str, text: str, **more: object) -> None:
        old = self.items[side][item]
        self.items[side][item] = replace(old, value=text, updated=self.tick(), **more)  # type: ignore[arg-type]

    def drop(self, side: Side, item: str) -> None:
        del self.items[side][item]

    def plan(self, refused: Mapping[tuple[Side, str], str] | None = None) -> ItemPlan:
        """The plan, once the marks that it asks for are known."""
        looked: dict[Side, set[str]] = {side: set() for side in Side}
        while True:
            shown = {
                side: [
                    replace(one, looked=False, mark=None)
                    if one.by_app and one.id not in looked[side]
                    else one
                    for one in self.items[side].values()
                ]
                for side in Side
            }
            assert self.place is not None
            plan = merge_items(
                self.mapping, list(self.rows.values()), shown, self.place, FINGERPRINTS,
                refused=refused,
            )  # fmt: skip
            if not plan.looks:
                return plan
            for side, ids in plan.looks.items():
                assert not set(ids) <= looked[side]
                looked[side] |= set(ids)

    def visit(self, *, die_after: int | None = None) -> int:
        """Do what is planned; a worker that dies after so many writes stores nothing of the last.
        Returns the writes."""
        plan = self.plan()
        written = 0
        for row in plan.rows:
            self.rows[row.id] = row
        self.told += [one.sentence for one in plan.told]
        for one in plan.creates:
            self.rows[one.row.id] = replace(one.row, sent_ago=3600.0)
        for one in plan.creates:
            twin = self._make(one.to, one.source, one.row)
            written += 1
            if written == die_after:
                return written
            self.rows[one.row.id] = settled(one.row, one.source, twin, FINGERPRINTS)
        for change in plan.updates:
            assert (change.to, change.twin.id) in self.mine
            if change.lost:
                self.lost.append(change.twin.value)
            self.edit(change.to, change.twin.id, _carried(change.source))
            written += 1
            if written == die_after:
                return written
            made = self.items[change.to][change.twin.id]
            self.rows[change.row.id] = settled(change.row, change.source, made, FINGERPRINTS)
        for gone in plan.deletes:
            assert (gone.to, gone.twin.id) in self.mine
            self.drop(gone.to, gone.twin.id)
            written += 1
            if written == die_after:
                return written
            if not gone.double:
                self.rows[gone.row.id] = replace(
                    gone.row, twin_gone=Gone.OURS, source_gone=gone.held is None
                )
        return written

    def rest(self, most: int = 6) -> None:
        """Visit until nothing is planned any more; it must be soon."""
        for _ in range(most):
            if not self.visit() and not self.plan().rows:
                return
        raise AssertionError(f"never at rest: {self.plan()}")

    def _make(self, to: Side, source: Item, row: ItemLink) -> Item:
        assert self.place is not None
        issues = self.place.issues
        mark = Mark(self.profile, to, issues[to.other], source.id, issues[to], row.root)
        twin = self.say(to, _carried(source), by_app=True, mark=mark)
        self.mine.add((to, twin))
        return self.items[to][twin]

    def texts(self, side: Side) -> list[object]:
        """What the items of a side say, in the order of their making."""
        return [one.value for one in sorted(self.items[side].values(), key=lambda o: o.place)]


def _carried(source: Item) -> str:
    return f"> {source.value}"


__all__ = ["FINGERPRINTS", "KIND", "Flow", "Held", "World", "mark_of"]
