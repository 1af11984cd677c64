"""How `tandem plan` prints: for people, and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from app.mapping.profiles import StoredProfile
    from app.sync.planning_summary import Estimate, Summary
    from app.sync.planning_types import IssuePlan

SHOWN = 20  # issues that are printed; --json and the file have all of them


class Printer:
    """Prints the first plans and the summary for people."""

    def __init__(self) -> None:
        self._shown, self._more = 0, 0

    def show(self, one: IssuePlan) -> None:
        """Print an issue, if it is one of the first."""
        if self._shown >= SHOWN:
            self._more += 1
            return
        self._shown += 1
        for line in _lines(one):
            click.echo(_clean(line))

    def end(self, summary: Summary, estimate: Estimate, out: Path | None) -> None:
        """Print what it comes to."""
        if self._more:
            click.echo(f"… and {self._more:,} more; --json and --out have all.")
        for line in _summary_lines(summary, estimate):
            click.echo(_clean(line))
        if out is not None:
            click.echo(
                f"The plan is in {out}, which only you may read. It holds values of issues of both "
                "sites: delete it when it is applied."
            )
            click.echo(f"To apply it: tandem apply {out}")


class JsonPrinter:
    """Prints one JSON object, as the plans come."""

    def __init__(self, stored: StoredProfile) -> None:
        self._stored, self._begun = stored, False

    def show(self, one: IssuePlan) -> None:
        """Print an issue."""
        from app.sync.plan_json import as_json

        click.echo(("," if self._begun else self._head()) + json.dumps(as_json(one)))
        self._begun = True

    def end(self, summary: Summary, estimate: Estimate, out: Path | None) -> None:
        """Print what it comes to."""
        head = "" if self._begun else self._head()
        told = {**figures(summary, estimate), "file": str(out) if out else None}
        click.echo(f'{head}],"summary":{json.dumps(told)}}}')

    def _head(self) -> str:
        head = {"profile": str(self._stored.id), "revision": self._stored.revision}
        return json.dumps(head)[:-1] + ',"issues":['


def _lines(one: IssuePlan) -> Iterator[str]:
    from app.sync.planning_item_words import phrases
    from app.sync.planning_types import Step

    to = one.side.other.value
    heads = {
        Step.UPDATE: f"{one.name}: update",
        Step.CREATE: f"{one.name}: create its twin on the {to} side",
        Step.LINK: f"{one.name}: link, {_how(one)}",
        Step.NOTHING: f"{one.name}: nothing is written",
    }
    yield heads[one.step] + (" (older than the profile)" if one.older else "")
    for w in one.writes:
        yield f"    {w.side.value:<5}  {w.field}: {w.brief(w.old)} → {w.brief(w.new)}"
    for side, phrase in phrases(one.items):
        yield f"    {side.value:<5}  {phrase}"
    for clash in one.clashes:
        if clash.winner is not None:
            yield f"    conflict     {clash.sentence}"
    for note in (*one.left_alone, *one.blocked):
        yield f"    {note.kind:<11}  {note.sentence}"


def _how(one: IssuePlan) -> str:
    """How the other half of a pair is known that has no link yet."""
    twin = one.ref(one.marked) if one.marked else None
    return f"its twin {twin.key} is found by its mark" if twin else "another profile made its twin"


def _summary_lines(summary: Summary, estimate: Estimate) -> Iterator[str]:
    from app.mapping.profile import Side
    from app.sync.planning_types import Step

    made = ", ".join(f"{summary.made[s]:,} on the {s.value}" for s in Side if summary.made[s])
    fields = ", ".join(f"{summary.fields[s]:,} on the {s.value}" for s in Side)
    yield (
        f"{summary.looked_at:,} looked at: {summary.in_step:,} with nothing to say, "
        f"{summary.steps[Step.UPDATE]:,} to update, {summary.steps[Step.CREATE]:,} twins to create"
        + (f" ({made})" if made else "")
        + "."
    )
    yield f"Fields to write: {fields}."
    yield from _item_lines(summary)
    if summary.found:
        twins = "1 twin" if summary.found == 1 else f"{summary.found:,} twins"
        yield f"{twins} without a link would be linked again, found by the mark that Tandem made."
    if summary.older:
        yield (
            f"{summary.older:,} to create are older than the profile. Where twins of them may be "
            "there already, use `tandem profile load`, which finds them; a plan makes new ones."
        )
    if summary.waiting:
        yield f"{summary.waiting:,} are about to be carried anyway."
    for kind, title in (
        ("blocked", "Blocked:"),
        ("waits", "Waiting:"),
        ("left alone", "Left alone:"),
        ("conflict", "Changed on both sides:"),
    ):
        groups = summary.by_count(kind)
        if groups:
            yield title
            yield from (f"  {group.line()}" for group in groups)
    yield _cost(estimate)


def _item_lines(summary: Summary) -> Iterator[str]:
    """What becomes of items, a line for each side."""
    from app.mapping.profile import Side
    from app.sync.planning_item_words import is_file, phrase

    for side in Side:
        found = [
            phrase(kind, deed, number, summary.bytes[side] if is_file(kind, deed) else 0)
            for (on, kind, deed), number in sorted(summary.items.items())
            if on is side
        ]
        if found:
            yield f"Items on the {side.value}: {', '.join(found)}."


def _cost(estimate: Estimate) -> str:
    from app.mapping.profile import Side

    if not estimate.all_calls:
        return "To apply it takes no REST call."
    minutes = "less than a minute" if estimate.minutes < 1 else f"{estimate.minutes:,.0f} minutes"
    return (
        f"To apply it takes about {estimate.all_calls:,} REST calls ({estimate.calls[Side.LEFT]:,} "
        f"left, {estimate.calls[Side.RIGHT]:,} right) and {minutes}: {estimate.how}."
    )


def figures(summary: Summary, estimate: Estimate) -> dict[str, Any]:
    """The summary for machines."""
    return {
        "looked_at": summary.looked_at,
        "in_step": summary.in_step,
        "steps": {step.value: count for step, count in summary.steps.items()},
        "created": {side.value: count for side, count in summary.made.items()},
        "fields": {side.value: count for side, count in summary.fields.items()},
        "items": [
            {"side": side.value, "kind": kind.value, "deed": deed.value, "count": count}
            for (side, kind, deed), count in sorted(summary.items.items())
        ],
        "bytes": {side.value: count for side, count in summary.bytes.items()},
        "found_by_mark": summary.found,
        "older_than_profile": summary.older,
        "waiting": summary.waiting,
        "parked": summary.parked,
        "groups": [vars(group) for group in summary.groups.values()],
        "calls": {side.value: count for side, count in estimate.calls.items()},
        "points": {side.value: count for side, count in estimate.points.items()},
        "minutes": round(estimate.minutes, 2),
        "estimate": estimate.how,
    }


def _clean(line: str) -> str:
    """A line without what a value could tell the terminal to do."""
    return "".join(one if one.isprintable() else "�" for one in line)
