"""What the marks of items tell: which are twins of ours, and which two are one item. Pure."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from app.mapping.profile import Side
from app.sync.fingerprint import Fingerprinter
from app.sync.items.model import Delete, Item, ItemLink, Place, key_of


def settled(row: ItemLink, source: Item, twin: Item, fingerprints: Fingerprinter) -> ItemLink:
    """The row where the twin says what its source says, as both are now."""
    side = row.source or Side.LEFT
    both = row.with_seen(side, source.updated).with_seen(side.other, twin.updated)
    return replace(
        both.with_item(side.other, twin.id),
        source_mark=mark_of(row.kind, side, source, fingerprints),
        twin_mark=mark_of(row.kind, side.other, twin, fingerprints),
        sent_ago=None,
        touched=False,
        source_gone=False,
        twin_gone=None,
    )


def mark_of(kind: str, side: Side, item: Item, fingerprints: Fingerprinter) -> str:
    """The fingerprint of an item's value."""
    return fingerprints.of(key_of(kind, item.id), side, item.value)


@dataclass
class Finder:
    """Finds the rows that the marks on both sides tell of.

    `rows`: those that are new, or have moved, by their ids. `doubles`: twins of ours that are one
    too many.
    """

    kind: str
    items: Mapping[Side, Sequence[Item]]
    place: Place
    fingerprints: Fingerprinter
    rows: dict[uuid.UUID, ItemLink] = field(default_factory=dict)
    doubles: list[Delete] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Make the items known by their ids."""
        self.now = {side: {one.id: one for one in self.items[side]} for side in Side}

    def take_up(self, rows: Sequence[ItemLink]) -> list[ItemLink]:
        """The rows, with those that the marks of our own twins, or equal roots, tell of."""
        stored = list(rows)
        for side in Side:
            for item in sorted(self._unknown(stored, side), key=lambda one: one.place):
                if self.place.ours(item.mark, side):
                    self._claim(stored, side, item)
        taken = {row.root for row in stored}
        right = {self.root(one, Side.RIGHT): one for one in self._unknown(stored, Side.RIGHT)}
        for one in self._unknown(stored, Side.LEFT):
            root = self.root(one, Side.LEFT)
            other = right.get(root)
            if other is not None and root not in taken:
                row_id = self.place.row_id(self.kind, None, one.id)
                row = ItemLink(row_id, self.kind, one.id, other.id, None, root)
                row = row.with_seen(Side.LEFT, one.updated).with_seen(Side.RIGHT, other.updated)
                stored.append(row)
                self.rows[row.id] = row
        return stored

    def _unknown(self, rows: Sequence[ItemLink], side: Side) -> list[Item]:
        known = {row.item(side) for row in rows}
        return [one for one in self.items[side] if one.id not in known and one.looked]

    def _claim(self, stored: list[ItemLink], side: Side, twin: Item) -> None:
        """An item of `side` that our mark names as the twin of a source."""
        assert twin.mark is not None  # noqa: S101  it is ours by its mark
        known = (n for n, row in enumerate(stored) if row.item(side.other) == twin.mark.item)
        number = next(known, None)
        if number is None:
            fresh = self.row(side.other, twin.mark.item, twin.mark.root)
            stored.append(self._found(fresh, side, twin))
            self.rows[fresh.id] = stored[-1]
            return
        row = stored[number]
        if row.source is not side.other:
            return
        if row.item(side) in self.now[side]:
            # A create that landed late, after it was sent again.
            self.doubles.append(Delete(row, twin, side, double=True))
            return
        stored[number] = self._found(row, side, twin)
        self.rows[row.id] = stored[number]

    def _found(self, row: ItemLink, side: Side, twin: Item) -> ItemLink:
        """The row with its twin found by the mark. Which of both changed since, nobody knows: a
        source that is newer than the twin is carried once more, an older one is not."""
        source = self.now[side.other].get(row.item(side.other) or "")
        if source is None:
            return replace(row.with_item(side, twin.id), sent_ago=None, twin_gone=None)
        made = settled(row, source, twin, self.fingerprints)
        if row.source_mark and not row.item(side):
            # Sent as it was then: the fingerprint says whether it changed since.
            return replace(made, source_mark=row.source_mark)
        if source.updated > twin.updated:
            return replace(made, source_mark="", touched=True)
        return made

    def row(self, source: Side, item: str, root: str) -> ItemLink:
        """A new row of a source."""
        row_id = self.place.row_id(self.kind, source, item)
        return ItemLink(row_id, self.kind, None, None, source, root).with_item(source, item)

    def root(self, item: Item, side: Side) -> str:
        """The root of an item that is not known yet."""
        return self.place.root(self.kind, item, side)
