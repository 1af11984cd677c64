"""The merge of items: both sides as they are, the rows as last stored, and what to do. Pure."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from app.mapping.profile import ItemMapping, Side
from app.mapping.said import said, the_side
from app.sync.fingerprint import Fingerprinter
from app.sync.items.found import Finder, mark_of
from app.sync.items.model import (
    Create,
    Delete,
    Gone,
    Item,
    ItemLink,
    ItemPlan,
    Place,
    Told,
    Update,
    key_of,
)
from app.sync.items.nouns import the_item

WAIT_SECONDS = 10.0
"""How long a create that was sent without an answer may still land. Reads of one issue are never
behind, so it need not be searched for."""

Refused = Mapping[tuple[Side, str], str]
"""What a site refused and is not asked again: (side, key) -> the fingerprint of the source."""


def merge_items(
    mapping: ItemMapping,
    rows: Sequence[ItemLink],
    items: Mapping[Side, Sequence[Item]],
    place: Place,
    fingerprints: Fingerprinter,
    *,
    refused: Refused | None = None,
) -> ItemPlan:
    """Decide what becomes of each item of one kind.

    A twin follows its source and nothing else: it is made, written anew and deleted with it. What
    somebody else did to a twin is left alone and told once. A source is never written.
    """
    work = _Work(mapping, items, place, fingerprints, refused or {})
    stored = work.finder.take_up(rows)
    work.rows |= work.finder.rows
    work.deletes += work.finder.doubles
    for row in stored:
        work.follow(row)
    work.begin(stored)
    return work.plan()


@dataclass
class _Work:
    mapping: ItemMapping
    items: Mapping[Side, Sequence[Item]]
    place: Place
    fingerprints: Fingerprinter
    refused: Refused
    creates: list[Create] = field(default_factory=list)
    updates: list[Update] = field(default_factory=list)
    deletes: list[Delete] = field(default_factory=list)
    rows: dict[uuid.UUID, ItemLink] = field(default_factory=dict)
    told: list[Told] = field(default_factory=list)
    looks: dict[Side, set[str]] = field(default_factory=dict)
    aside: set[str] = field(default_factory=set)
    waits: bool = False
    waiting: list[tuple[Side, Item]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.kind = self.mapping.kind.value
        self.finder = Finder(self.kind, self.items, self.place, self.fingerprints)
        self.now = self.finder.now

    def plan(self) -> ItemPlan:
        return ItemPlan(
            self.mapping,
            self.place,
            creates=tuple(sorted(self._in_turn(), key=lambda one: (one.source.place, one.to))),
            updates=tuple(sorted(self.updates, key=lambda one: (one.source.place, one.to))),
            deletes=tuple(self.deletes),
            rows=tuple(self.rows.values()),
            told=tuple(self.told),
            looks={side: tuple(sorted(ids)) for side, ids in self.looks.items() if ids},
            waits=self.waits or bool(self.waiting),
            aside=frozenset(self.aside),
        )

    def _in_turn(self) -> list[Create]:
        """The creates, without those that come behind one that may still land."""
        return [
            one
            for one in self.creates
            if not any(to is one.to and item.place < one.source.place for to, item in self.waiting)
        ]

    # -- the pairs that are known

    def follow(self, row: ItemLink) -> None:
        """What becomes of a twin that is known."""
        side = row.source
        if side is None or not self.mapping.flow.feeds(side.other):
            return
        to = side.other
        source = self.now[side].get(row.item(side) or "")
        twin = self.now[to].get(row.item(to) or "")
        if source is None:
            if not row.source_gone and not self._may_still_land(row, to):
                self._source_gone(row, twin, to)
            return
        if row.source_gone:
            row = replace(row, source_gone=False)
            self._store(row)
        if source.held is not None:
            if source.held.retract and twin is not None:
                self.deletes.append(Delete(row, twin, to, held=source.held))
            elif source.held.retract and row.item(to) is None:
                self._look_at(to)  # it may have been made, and nobody heard of it
            return
        if twin is not None:
            self._compare(row, source, twin, to)
        elif row.twin_gone is Gone.OURS or self._is_edited_since_undone(row, source, to):
            fresh = replace(row, twin_gone=None, touched=False).with_item(to, None)
            self._create(fresh, source, to, stored=True)
        elif row.item(to) is None:
            self._unanswered(row, source, to)
        elif row.twin_gone is None:
            self._store(replace(row, twin_gone=Gone.THEIRS))
            self._tell(
                to,
                said(
                    "%(item)s that Tandem made was deleted on %(side)s; it is not made again.",
                    item=the_item(self.kind, row.item(to)),
                    side=the_side(to),
                ),
            )

    def _is_edited_since_undone(self, row: ItemLink, source: Item, to: Side) -> bool:
        now = mark_of(self.kind, to.other, source, self.fingerprints)
        return row.twin_gone is Gone.UNDONE and now != row.source_mark

    def _source_gone(self, row: ItemLink, twin: Item | None, to: Side) -> None:
        if twin is None:
            gone = row.twin_gone or (None if row.item(to) is None else Gone.THEIRS)
            self._store(replace(row, source_gone=True, twin_gone=gone, sent_ago=None))
        elif self.mapping.deletions:
            self.deletes.append(Delete(row, twin, to))
        else:
            self._store(replace(row, source_gone=True))
            self._tell(
                to.other,
                said(
                    "%(item)s was deleted on %(side)s; its twin was left, as the profile says.",
                    item=the_item(self.kind, row.item(to.other)),
                    side=the_side(to.other),
                ),
            )

    def _may_still_land(self, row: ItemLink, to: Side) -> bool:
        """Whether a twin whose source went was sent, and may yet be made; one that was is found by
        its mark."""
        if row.item(to) is not None:
            return False
        self._look_at(to)
        lands = row.sent_ago is not None and row.sent_ago < WAIT_SECONDS
        self.waits = self.waits or lands
        return lands

    def _unanswered(self, row: ItemLink, source: Item, to: Side) -> None:
        """A create that may or may not have been carried out: what it made would be marked."""
        if row.sent_ago is not None and row.sent_ago < WAIT_SECONDS:
            self.waiting.append((to, source))
            self._look_at(to)
            return
        self._create(row, source, to, stored=True)

    def _compare(self, row: ItemLink, source: Item, twin: Item, to: Side) -> None:
        now = mark_of(self.kind, to.other, source, self.fingerprints)
        held = mark_of(self.kind, to, twin, self.fingerprints)
        edited = held != row.twin_mark
        seen = row.with_seen(to.other, source.updated).with_seen(to, twin.updated)
        seen = replace(seen, twin_gone=None)
        if now != row.source_mark:
            if not self._is_refused(source, to, now):
                lost = edited or row.touched
                self.updates.append(Update(row, source, twin, to, lost))
            return
        if edited:
            self._store(replace(seen, twin_mark=held, touched=True))
            self._tell(
                to,
                said(
                    "%(item)s that Tandem made was edited on %(side)s; it is left so until its "
                    "source is edited.",
                    item=the_item(self.kind, twin.id),
                    side=the_side(to),
                ),
            )
        elif seen != row:
            self._store(seen)

    # -- the sources that have no twin yet

    def begin(self, stored: Sequence[ItemLink]) -> None:
        """Make a twin of each source that has none and may cross."""
        taken = {row.root for row in stored}
        for side in Side:
            if not self.mapping.flow.feeds(side.other):
                continue
            known = {row.item(side) for row in stored}
            for source in self.items[side]:
                if source.id in known or source.held is not None:
                    continue
                if not source.looked:
                    self._look_for(side, source)
                elif not self.place.ours(source.mark, side):
                    root = self.finder.root(source, side)
                    if root not in taken:
                        self._create(self.finder.row(side, source.id, root), source, side.other)

    def _create(self, row: ItemLink, source: Item, to: Side, *, stored: bool = False) -> None:
        mark = mark_of(self.kind, to.other, source, self.fingerprints)
        if self._is_refused(source, to, mark):
            return
        self._look_at(to)
        row = replace(row, source_mark=mark).with_seen(to.other, source.updated)
        self.creates.append(Create(row, source, to, stored))

    def _is_refused(self, source: Item, to: Side, mark: str) -> bool:
        key = key_of(self.kind, source.id)
        if self.refused.get((to, key)) != mark:
            return False
        self.aside.add(key)
        return True

    def _look_at(self, side: Side) -> None:
        """Nothing is made on a side before it is known whose its items are."""
        for item in self.items[side]:
            if not item.looked:
                self._look_for(side, item)

    def _look_for(self, side: Side, item: Item) -> None:
        self.looks.setdefault(side, set()).add(item.id)

    # -- rows and words

    def _store(self, row: ItemLink) -> None:
        self.rows[row.id] = row

    def _tell(self, side: Side, sentence: str) -> None:
        self.told.append(Told(sentence, side))
