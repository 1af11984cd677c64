"""The marks of items that were looked at, so that one of another app is looked at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress

from app.mapping.profile import Side
from app.sync.items.kinds import KindOfItem
from app.sync.items.model import Mark
from app.sync.items.reads import Reads

MOST_KEPT = 20_000

# By tenant, kind and item. Each process has its own; none is needed, and a mark never changes.
_kept: dict[tuple[object, str, str], Mark | None] = {}


def marks(
    kind: KindOfItem, reads: Reads, side: Side, ids: Sequence[str]
) -> Mapping[str, Mark | None]:
    """The marks of these items of a side, in one call where not all are known. Raises SiteError."""
    if not kind.marks_last:
        return kind.marks(reads.sites[side], ids)
    known: dict[str, Mark | None] = {}
    for one in ids:  # read once each: another thread may forget all of it meanwhile
        with suppress(KeyError):
            known[one] = _kept[reads.tenants[side], kind.kind.value, one]
    fresh = [one for one in ids if one not in known]
    found = kind.marks(reads.sites[side], fresh) if fresh else {}
    if len(_kept) > MOST_KEPT:
        _kept.clear()
    _kept.update({(reads.tenants[side], kind.kind.value, k): mark for k, mark in found.items()})
    return known | dict(found)
