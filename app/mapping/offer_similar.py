"""Which free fields of two sides may belong together though their names differ. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias

from rapidfuzz import fuzz, process

from app.mapping.offer import OfferedField
from app.mapping.profile import Kind
from app.mapping.values import handler

LEAST = 80
"""How much alike two names must be, of 100: a letter or two, or the order of the words."""
_MOST = 5  # names that are looked at for each
Likely: TypeAlias = tuple[OfferedField, OfferedField, int]
"""A field of the left, one of the right, and how much their names are alike."""


def similar_names(left: Sequence[OfferedField], right: Sequence[OfferedField]) -> Iterator[Likely]:
    """Two fields whose names are much alike, the most alike first. A field may come again."""
    names = {place: _words(one.name) for place, one in enumerate(right)}
    found = [
        (one, right[place], round(score))
        for one in left
        for _name, score, place in process.extract(
            _words(one.name), names, scorer=fuzz.ratio, score_cutoff=LEAST, limit=_MOST
        )
    ]
    return iter(sorted(found, key=lambda row: (-row[2], row[0].id, row[1].id)))


def only_ones(left: Sequence[OfferedField], right: Sequence[OfferedField]) -> Iterator[Likely]:
    """Two fields that are the only ones of their kind on their sides."""
    for kind in Kind:
        if not handler(kind).writable:
            continue
        mine, theirs = ([one for one in group if one.kind is kind] for group in (left, right))
        if len(mine) == 1 and len(theirs) == 1:
            score = fuzz.ratio(_words(mine[0].name), _words(theirs[0].name))
            yield mine[0], theirs[0], round(score)


def _words(name: str) -> str:
    """A name for comparing: its words in any case, in order of the alphabet."""
    return " ".join(sorted(name.casefold().replace("-", " ").replace("_", " ").split()))
