"""What becomes of items, in words and numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from app.mapping.profile import ItemKind, Side
from app.mapping.said import said, together
from app.sync.items.attachments import megabytes
from app.sync.items.nouns import count
from app.sync.planning_types import ItemDeed, ItemWrite


def phrases(writes: Sequence[ItemWrite]) -> Iterator[tuple[Side, str]]:
    """What becomes of items, one after another: "2 comments would be made"."""
    grouped: dict[tuple[Side, ItemKind, ItemDeed], list[ItemWrite]] = {}
    for one in writes:
        grouped.setdefault((one.side, one.kind, one.deed), []).append(one)
    for (side, kind, deed), found in grouped.items():
        size, lost = sum(one.size or 0 for one in found), sum(one.lost for one in found)
        told = phrase(kind, deed, len(found), size)
        if lost:
            over = said("%(count)s of them over somebody else's edit", count=f"{lost:,}")
            told = together([told, over], ", ")
        yield side, told


def phrase(kind: ItemKind, deed: ItemDeed, number: int, size: int = 0) -> str:
    """How many of what: "1 attachment (4.0 MB) would be made"."""
    items = together(
        [count(kind, number), f"({megabytes(size)})"] if size else [count(kind, number)]
    )
    if deed is ItemDeed.MADE:
        return said("%(items)s would be made", items=items)
    if deed is ItemDeed.DELETED:
        return said("%(items)s would be deleted", items=items)
    return said("%(items)s would be written anew", items=items)


def is_file(kind: ItemKind, deed: ItemDeed) -> bool:
    """Whether it is a file that is sent."""
    return kind is ItemKind.ATTACHMENTS and deed is ItemDeed.MADE
