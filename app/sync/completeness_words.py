"""The sentence of a check: how many pairs agree, and what does not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from app.mapping.profile import Side
from app.sync.completeness_items import Lack
from app.sync.completeness_store import Check
from app.sync.items.reads import Amiss

SHOWN = 10
"""How many that do not agree the sentence names."""

NOUNS = {
    "comments": ("comment", "comments"),
    "attachments": ("file", "files"),
    "worklogs": ("worklog", "worklogs"),
    "links": ("link", "links"),
    "remote_link": ("link to the twin", "links to the twin"),
}
"""Kinds of items as people count them."""


def sentence(
    check: Check | None,
    tenant: UUID,
    name_of: Callable[[str], str],
    now: datetime | None = None,
    *,
    shown: int = SHOWN,
    between: str = " ",
) -> str:
    """What a check found or is at, for people of one of the two sites.

    `name_of` gives a field's name by its id. Times are in UTC, with the date where it is not today.
    Where items differ, a sentence for each pair follows, with `between` before it.
    """
    if check is None or check.started_at is None:
        return "Not checked yet."
    if check.runs:
        held = " It waits for a site that does not answer or refuses." if check.attempts else ""
        about = max(check.about, check.pairs)
        return f"Checking: {check.pairs:,} of about {_pairs(about)}.{held}"
    at = _at(check.finished_at or check.started_at, now or datetime.now(UTC))
    if not check.pairs:
        head = f"There were no pairs at {at}"
    elif check.agreed == check.pairs:
        head = (
            f"All {_pairs(check.pairs)} agreed at {at}"
            if check.pairs > 1
            else (f"The one pair agreed at {at}")
        )
    else:
        head = f"{check.agreed:,} of {_pairs(check.pairs)} agreed at {at}"
    own = Side.LEFT if check.left_tenant_id == tenant else Side.RIGHT
    rest = [*_wrong(check, own, name_of, shown), *_aside(check, name_of)]
    return between.join(["; ".join([head, *rest]) + ".", *_items(check, shown)])


def well(check: Check) -> bool:
    """Whether a finished check found nothing that is not in step."""
    return not (check.differing or check.gone or check.only_left or check.only_right)


def _items(check: Check, shown: int) -> Iterator[str]:
    """What the items of pairs lack, for each pair by both of its keys."""
    found = [one for one in check.named if one.get("items")]
    for one in found[:shown]:
        keys = " / ".join(one[side.value] or "an issue" for side in Side)
        yield f"{keys}: {', '.join(_lacks(one['items']))}."
    if len(found) > shown:
        yield "…"


def _lacks(items: Sequence[Lack]) -> Iterator[str]:
    """What items lack, each kind and side in words. One that differs does so on both sides."""
    counts: dict[tuple[str, str, str], int] = {}
    for one in items:
        where = "" if one["how"] == Amiss.DIFFERENT else f" on the {one['side']} side"
        place = (one["kind"], one["how"], where)
        counts[place] = counts.get(place, 0) + one["count"]
    for (kind, how, where), count in counts.items():
        several = count > 1
        said = {
            Amiss.MISSING: "are missing" if several else "is missing",
            Amiss.DIFFERENT: "differ" if several else "differs",
            Amiss.SURPLUS: "should be gone",
        }
        yield f"{count:,} {NOUNS[kind][several]} {said[Amiss(how)]}{where}"


def _wrong(check: Check, own: Side, name_of: Callable[[str], str], shown: int) -> Iterator[str]:
    """What does not agree, with names; the engine was told of all but the ones that are gone."""
    named: dict[str, list[str]] = {"differing": [], "gone": [], "left": [], "right": []}
    for one in check.named:
        kind = one.get("only") or ("gone" if "gone" in one else "differing")
        named[kind].append(_name(one, own, name_of))
    for count, verb, names in (
        (check.differing, ("differs", "differ"), named["differing"]),
        (check.gone, ("has lost its twin", "have lost their twin"), named["gone"]),
        (check.only_left, ("is only on the left", "are only on the left"), named["left"]),
        (check.only_right, ("is only on the right", "are only on the right"), named["right"]),
    ):
        if count:
            listed = ", ".join([*names[:shown], *(["…"] if count > min(shown, len(names)) else [])])
            yield f"{count:,} {verb[count > 1]}: {listed}"
    if check.differing or check.only_left or check.only_right:
        yield "Tandem was told to bring them in step"


def _aside(check: Check, name_of: Callable[[str], str]) -> Iterator[str]:
    if check.waiting:
        yield f"{check.waiting:,} {'waits' if check.waiting == 1 else 'wait'} to be carried"
    if check.parked:
        yield f"{check.parked:,} {'is' if check.parked == 1 else 'are'} parked"
    if check.still:
        verb = "stands" if check.still == 1 else "stand"
        yield f"{check.still:,} {verb} still outside the filter"
    unlinked = check.unlinked_left + check.unlinked_right
    if unlinked:
        yield f"{unlinked:,} older than the profile {'is' if unlinked == 1 else 'are'} not linked"
    if check.unseen:
        names = ", ".join(NOUNS[o][1] if o in NOUNS else name_of(o) for o in check.unseen)
        yield f"hidden from Tandem in some pairs and not compared: {names}"


def _name(one: dict[str, Any], own: Side, name_of: Callable[[str], str]) -> str:
    key = one.get(own.value) or one.get(own.other.value) or "an issue"
    kinds = dict.fromkeys(NOUNS[lack["kind"]][1] for lack in one.get("items", ()))
    names = ", ".join([*(name_of(name) for name in one["fields"]), *kinds])
    return f"{key} ({names})" if names else str(key)


def _pairs(count: int) -> str:
    return f"{count:,} pair{'' if count == 1 else 's'}"


def _at(when: datetime, now: datetime) -> str:
    when, now = when.astimezone(UTC), now.astimezone(UTC)
    return when.strftime("%H:%M" if when.date() == now.date() else "%Y-%m-%d %H:%M")
