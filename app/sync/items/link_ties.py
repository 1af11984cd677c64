"""What a link of an issue says, and which link of the other site says the same. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from app.jira.answers import text
from app.jira.site import Edit
from app.jira.times import UNCHANGING
from app.mapping.profile import ItemMapping, Side
from app.sync.items.model import Item, Mark

Twins = Mapping[tuple[Side, str], Collection[str]]
"""The twins of issues, by the side of the issue and its id."""
CHANGED = frozenset({"issuelinks", "Link"})
"""What a changelog calls the links of an issue."""


def item_of(raw: Mapping[str, Any], marks: Mapping[str, Mark]) -> Item:
    """A link as it came with one of its issues: its type, whether it goes out from that issue, and
    the issue at its other end, by id. It is made and unmade, and never edited."""
    outward = "outwardIssue" in raw
    end = raw["outwardIssue" if outward else "inwardIssue"]
    item = text(raw["id"])
    return Item(
        id=item,
        author="",
        created=UNCHANGING,
        updated=UNCHANGING,
        value=(text(raw["type"]["id"]), outward, text(end["id"])),
        mark=marks.get(item),
        raw=raw,
    )


def goes_out(item: Item) -> bool:
    """Whether a link goes out from the issue that it was read with."""
    return isinstance(item.value, tuple) and item.value[1] is True


def end_of(item: Item) -> str:
    """The id of the issue at the other end."""
    return str(item.value[2]) if isinstance(item.value, tuple) else ""


def words_of(item: Item) -> str:
    """What a link says of the issue that it was read with, such as "blocks"."""
    return str(item.raw["type"]["outward" if goes_out(item) else "inward"])


def key_of_end(item: Item) -> str:
    """The key of the issue at the other end."""
    return str(item.raw["outwardIssue" if goes_out(item) else "inwardIssue"]["key"])


def type_on(mapping: ItemMapping, to: Side, item: Item) -> dict[str, str]:
    """The type that the twin of a link has on `to`: as the table says, or else of the same name."""
    own = item.raw["type"]
    row = next((row for row in mapping.types if row.of(to.other) == own["id"]), None)
    return {"name": str(own["name"])} if row is None else {"id": row.of(to)}


def say_the_same(mapping: ItemMapping, left: Item, right: Item, twins: Twins) -> bool:
    """Whether two links, each read with one issue of a pair, say the same."""
    if end_of(right) not in twins.get((Side.LEFT, end_of(left)), ()):
        return False
    if goes_out(left) != goes_out(right) and not (is_even(left) and is_even(right)):
        return False
    there, back = type_on(mapping, Side.RIGHT, left), type_on(mapping, Side.LEFT, right)
    return is_of(right, there) or is_of(left, back)


def is_of(item: Item, wanted: Mapping[str, str]) -> bool:
    """Whether a link is of this type, given by its id or by its name."""
    return all(str(item.raw["type"][name]) == value for name, value in wanted.items())


def is_even(item: Item) -> bool:
    """Whether a link says the same of both of its issues, as "relates to" does."""
    return bool(item.raw["type"]["inward"] == item.raw["type"]["outward"])


def made_by(account: str, edits: Iterable[Edit], item: Item) -> bool:
    """Whether this account made a link, as the changes of its issue tell."""
    return maker(edits, item) == account


def maker(edits: Iterable[Edit], item: Item) -> str | None:
    """Who made a link, by the newest change of its issue that tells of it; None where none does.

    The words are asked for too: two issues may have links of several types.
    """
    key, words = key_of_end(item), words_of(item)
    for edit in edits:
        to, told = edit.after
        if edit.field in CHANGED and to == key and words in (told or ""):
            return edit.author
    return None
