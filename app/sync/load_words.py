"""The sentences of a load: what it is about to do, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence

from app.mapping.profile import Side
from app.sync.load import Ask
from app.sync.load_look import Look
from app.sync.load_store import Load

EXAMPLES = 5


def promise(ask: Ask, look: Look) -> str:
    """What a load is about to do."""
    where = "both sides" if ask.sources == "both" else f"the {Side(ask.sources).value} side"
    head = f"About {_issues(look.sources)} of {where} to load"
    if ask.match is None:
        return f"{head}; each that has no twin gets one."
    rest = f"; about {look.reads:,} are read" if look.reads != look.sources else ""
    return (
        f"{head}{rest}. One with the same {_field(ask)} opposite is paired with it, the rest is "
        "created; where a pair's fields differ, the profile's policies decide."
    )


def result(
    load: Load, *, rehearsed: bool = False, stopped: bool = False, found: Sequence[str] = ()
) -> str:
    """What came of a load, or (rehearsed) what would. `found`: keys of twins without a link."""
    would = "would be " if rehearsed else ""
    parts = [
        f"{load.paired:,} {would}paired",
        f"{load.created:,} {would}created",
        f"{load.linked:,} linked already",
    ]
    head = "Nothing was written. " if rehearsed else "Given up. " if stopped else "Loaded. "
    said = head + ", ".join(parts) + "."
    if found:
        keys = ", ".join(found[:EXAMPLES]) + (" …" if len(found) > EXAMPLES else "")
        twins = "1 twin is" if len(found) == 1 else f"{len(found):,} twins are"
        said += f" {twins} found by the mark that Tandem made, and linked again: {keys}."
    if load.ambiguous:
        said += (
            f" {load.ambiguous:,} left alone, for several have the same value: "
            f"{', '.join(load.named)}{' …' if load.ambiguous > len(load.named) else ''}. Tell them "
            "apart in Jira and load again."
        )
    if load.parked:
        said += f" {load.parked:,} parked: Tandem's page says why."
    if load.unsettled:
        said += f" {load.unsettled:,} not created: gone, or still under way."
    return said


def well(load: Load) -> bool:
    """Whether nothing is left for a person to look at."""
    return not (load.ambiguous or load.parked or load.unsettled)


def _issues(count: int) -> str:
    return f"{count:,} {'issue' if count == 1 else 'issues'}"


def _field(ask: Ask) -> str:
    match = ask.match
    if match is None:
        return ""
    return match.left if match.left == match.right else match.key
