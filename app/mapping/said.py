"""How sentences speak of the two sides, for each reader to get the names of his sites. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from app.mapping.profile import Side
from app.said import Said, counted, said, together

__all__ = [
    "Said",
    "capital_site",
    "counted",
    "said",
    "side_names",
    "the_fields",
    "the_issue",
    "the_side",
    "the_site",
    "together",
]

_SIDES = {Side.LEFT: said("the left side"), Side.RIGHT: said("the right side")}
_SITES = {Side.LEFT: said("the left site"), Side.RIGHT: said("the right site")}
_CAPITALS = {Side.LEFT: said("The left site"), Side.RIGHT: said("The right site")}
_ISSUES = {Side.LEFT: said("the left issue"), Side.RIGHT: said("the right issue")}


def the_side(side: Side) -> Said:
    """A side within a sentence: “the left side”, or the name that the reader knows it by."""
    return _SIDES[side]


def the_site(side: Side) -> Said:
    """The site of a side within a sentence."""
    return _SITES[side]


def capital_site(side: Side) -> Said:
    """The same at the beginning of one."""
    return _CAPITALS[side]


def the_issue(side: Side) -> Said:
    """The issue of a side within a sentence."""
    return _ISSUES[side]


def the_fields(*ids: str, between: str = "/") -> str:
    """Fields within a sentence by their ids, each to be told by what the reader's sites call it;
    the same id once."""
    each = (Said("%(field)s", values={"field": one}) for one in dict.fromkeys(ids))
    return together(each, between)


def side_names(names: Mapping[Side, str]) -> dict[str, str]:
    """What `app.language.tell` puts in the place of the two sides."""
    return {
        words.text: names[side]
        for found in (_SIDES, _SITES, _CAPITALS, _ISSUES)
        for side, words in found.items()
    }
