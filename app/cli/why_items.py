"""The part of `tandem why` about items: comments, files, worklogs and links."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from app.sync.standing import Standing
    from app.sync.why_items import ItemWhy, ItemWrite

FEW = 10
"""So many items of a pair are told one by one without being asked for."""

_GONE = {
    "ours": "deleted by Tandem",
    "theirs": "deleted there by somebody else",
    "undone": "deleted by an undo",
}
_HOW = {"change": "", "load": " by a load", "apply": " by an apply"}


def iso(when: datetime | None) -> str | None:
    """A time as it is shown."""
    return when.astimezone(UTC).isoformat(timespec="seconds") if when else None


def exact(when: datetime | None) -> str | None:
    """The same for machines: a span of `tandem undo` that begins with it begins with that deed,
    and not with what else was done in the same second."""
    return when.astimezone(UTC).isoformat() if when else None


def items_json(
    items: Sequence[ItemWhy], standing: Callable[[Standing], dict[str, Any]]
) -> list[dict[str, Any]]:
    """All that is known of each item."""
    return [
        {
            "kind": one.kind,
            "whose": one.whose.value,
            "source": one.source.value if one.source else None,
            "left": one.left,
            "right": one.right,
            "made": _write_json(one.made),
            "written": _write_json(one.written),
            "waits": one.waits,
            "edited": one.edited,
            "source_gone": one.source_gone,
            "gone": None
            if one.gone is None
            else {
                "by": one.gone.by.value,
                "at": exact(one.gone.at),
                "run": str(one.gone.run_id) if one.gone.run_id else None,
            },
            "now": [standing(each) for each in one.now],
        }
        for one in items
    ]


def _write_json(one: ItemWrite | None) -> dict[str, Any] | None:
    if one is None:
        return None
    return {
        "at": exact(one.at),
        "revision": one.revision,
        "present": one.present,
        "how": one.how.value,
        "run": str(one.run_id) if one.run_id else None,
    }


def item_lines(
    items: Sequence[ItemWhy],
    standing: Callable[[tuple[Standing, ...], str], Iterator[str]],
    *,
    all_of_them: bool,
) -> Iterator[str]:
    """A line for each kind; one for each item too, where they are few or all are asked for. What is
    set aside is always told."""
    each = all_of_them or len(items) <= FEW
    for kind, found in groupby(items, key=lambda one: one.kind):
        ones = list(found)
        yield f"  {kind:<14} {_counts(ones)}"
        for one in ones:
            if each or one.now:
                yield f"{' ' * 17}{_ends(one)}  {_said(one)}".rstrip()
                yield from standing(one.now, " " * 19)
    if not each:
        yield f"{' ' * 17}--items tells each of them."


def _counts(ones: Sequence[ItemWhy]) -> str:
    counts = {
        "made on the left": sum(one.source == "left" for one in ones),
        "made on the right": sum(one.source == "right" for one in ones),
        "of others": sum(one.whose == "others" for one in ones),
        "edited since": sum(one.edited for one in ones),
        "without a twin now": sum(one.gone is not None for one in ones),
        "set aside": sum(bool(one.now) for one in ones),
    }
    return ", ".join([f"{len(ones)}", *(f"{n} {what}" for what, n in counts.items() if n)])


def _ends(one: ItemWhy) -> str:
    left, right = one.left or "-", one.right or "-"
    arrow = {"left": "->", "right": "<-"}.get(one.source or "", "==")
    return f"left {left} {arrow} right {right}"


def _said(one: ItemWhy) -> str:
    if one.whose == "others":
        return "others made it, and Tandem writes neither side"
    if one.whose == "tandem":
        return "Tandem's own, on both sides"
    parts = [*_writes(one)]
    parts += ["its making is not answered yet"] if one.waits else []
    parts += ["the twin was edited since"] if one.edited else []
    parts += ["its source is gone"] if one.source_gone else []
    if one.gone is not None:
        since = f" {iso(one.gone.at)}" if one.gone.at else ""
        run = f", run {one.gone.run_id}" if one.gone.run_id else ""
        parts.append(f"the twin was {_GONE[one.gone.by.value]}{since}{run}")
    return "; ".join(parts)


def _writes(one: ItemWhy) -> Iterator[str]:
    if one.made is not None and not one.waits:
        yield f"{iso(one.made.at)}  made{_by(one.made)}"
    elif one.written is None and not one.waits and one.left and one.right:
        yield "made, when is not known"
    if one.written is not None:
        yield f"{iso(one.written.at)}  written anew{_by(one.written)}"


def _by(one: ItemWrite) -> str:
    present = "the present one" if one.present else "not the present one"
    run = f", run {one.run_id}" if one.run_id else ""
    return f"{_HOW.get(one.how.value, '')} by revision {one.revision} ({present}){run}"
