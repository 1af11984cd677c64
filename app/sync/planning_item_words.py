"""What becomes of items, in words and numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from app.mapping.profile import ItemKind, Side
from app.sync.items.attachments import megabytes
from app.sync.planning_types import ItemDeed, ItemWrite

NOUNS: Mapping[ItemKind, str] = {
    ItemKind.COMMENTS: "comment",
    ItemKind.ATTACHMENTS: "attachment",
    ItemKind.WORKLOGS: "worklog",
    ItemKind.LINKS: "link",
    ItemKind.REMOTE_LINK: "link to the twin",
}
_SEVERAL: Mapping[ItemKind, str] = {ItemKind.REMOTE_LINK: "links to twins"}


def phrases(writes: Sequence[ItemWrite]) -> Iterator[tuple[Side, str]]:
    """What becomes of items, one after another: "2 comments would be made"."""
    grouped: dict[tuple[Side, ItemKind, ItemDeed], list[ItemWrite]] = {}
    for one in writes:
        grouped.setdefault((one.side, one.kind, one.deed), []).append(one)
    for (side, kind, deed), found in grouped.items():
        size, lost = sum(one.size or 0 for one in found), sum(one.lost for one in found)
        over = f", {lost:,} of them over somebody else's edit" if lost else ""
        yield side, phrase(kind, deed, len(found), size) + over


def phrase(kind: ItemKind, deed: ItemDeed, number: int, size: int = 0) -> str:
    """How many of what: "1 attachment (4.0 MB) would be made"."""
    weight = f" ({megabytes(size)})" if size else ""
    return f"{count(kind, number)}{weight} would be {deed.value}"


def count(kind: ItemKind, number: int) -> str:
    """So many of a kind."""
    several = _SEVERAL.get(kind, f"{NOUNS[kind]}s")
    return f"{number:,} {NOUNS[kind] if number == 1 else several}"


def is_file(kind: ItemKind, deed: ItemDeed) -> bool:
    """Whether it is a file that is sent."""
    return kind is ItemKind.ATTACHMENTS and deed is ItemDeed.MADE
