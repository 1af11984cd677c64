"""Runs and errands in words: what was begun by whom, how far it is, what came of it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from app.language import gettext as _
from app.language import ngettext, tell
from app.mapping.profile import Side
from app.mapping.said import side_names
from app.said import unpack
from app.screens.words import Called, called_field
from app.sync.errands import Kind


@dataclass(frozen=True)
class Step:
    """How far something is: a sentence, and a bar where the whole is known."""

    said: str
    done: int = 0
    about: int = 0


@dataclass(frozen=True)
class RunShown:
    """A run, as a row of the list."""

    id: uuid.UUID
    kind: str
    profile: str
    profile_id: uuid.UUID
    state: str
    state_word: str
    by: str
    begun_at: datetime
    step: Step
    notes: tuple[str, ...]
    may_undo: bool
    may_abandon: bool


@dataclass(frozen=True)
class Blocked:
    """Issues that have one cause in common, as a plan found them."""

    sentence: str
    count: int
    examples: tuple[str, ...]
    field: str | None = None


@dataclass(frozen=True)
class ErrandShown:
    """The latest errand of a profile: its state, and what it found."""

    id: uuid.UUID
    kind: str
    title: str
    profile: str
    profile_id: uuid.UUID
    state: str
    state_word: str
    by: str
    begun_at: datetime
    step: Step
    span: str = ""
    problem: str = ""
    lines: tuple[str, ...] = ()
    groups: Mapping[str, tuple[Blocked, ...]] = field(default_factory=dict)
    found: Mapping[str, Any] = field(default_factory=dict)
    sites: Mapping[str, str] = field(default_factory=dict)
    called: Called = field(default_factory=dict)
    may_apply: bool = False
    may_undo: bool = False


def kinds() -> dict[str, str]:
    """The words of the kinds of runs and errands."""
    return {
        "load": _("Load"),
        "apply": _("Plan applied"),
        "undo": _("Undo"),
        "plan": _("Plan"),
        "undo-plan": _("What an undo would do"),
    }


def states() -> dict[str, str]:
    """The words of their states."""
    return {
        "waiting": _("Waiting"),
        "running": _("Running"),
        "done": _("Done"),
        "stopped": _("Stopped"),
        "failed": _("Not done"),
    }


def load_step(load: Any, done: int, *, ended: bool) -> Step:
    """How far a load is; of one that ended, what came of it."""
    if ended:
        return Step(
            _(
                "%(paired)s paired, %(created)s created, %(linked)s linked already",
                paired=load.paired,
                created=load.created,
                linked=load.linked,
            )
        )
    about = max(load.about, done)
    said = {
        "read": _("Reading: %(done)s of about %(about)s", done=load.read, about=about),
        "decide": _("Deciding: %(done)s of about %(about)s", done=done, about=about),
        "carry": _("Carrying: %(done)s of about %(about)s", done=done, about=about),
    }
    return Step(said.get(load.phase, ""), done, about)


def load_notes(load: Any, *, ended: bool, paused: bool) -> list[str]:
    """What is to be known of a load besides."""
    found = []
    if not ended and paused:
        found.append(_("The profile is paused, so nothing is carried. Resume it."))
    elif not ended and load.attempts:
        found.append(
            _("It waits for a site that does not answer or refuses, and is tried again by itself.")
        )
    if load.ambiguous:
        found.append(
            ngettext(
                "%(num)s left alone, for several have the same value: %(names)s",
                "%(num)s left alone, for several have the same value: %(names)s",
                load.ambiguous,
                names=", ".join(load.named[:10]),
            )
        )
    if load.parked:
        found.append(
            ngettext(
                "%(num)s parked: the activity says why",
                "%(num)s parked: the activity says why",
                load.parked,
            )
        )
    if ended and load.unsettled:
        found.append(
            ngettext(
                "%(num)s not created: gone, or still under way",
                "%(num)s not created: gone, or still under way",
                load.unsettled,
            )
        )
    return found


def span_words(asked: Mapping[str, Any]) -> str:
    """The span of time that an undo is of; nothing where it is of a run."""
    if not asked.get("since") or not asked.get("until"):
        return ""
    since, until = (asked[name][:16].replace("T", " ") for name in ("since", "until"))
    return _("Of what was written from %(since)s to %(until)s (UTC).", since=since, until=until)


def run_step(row: Any) -> Step:
    """How far an apply or an undo is, and what it wrote."""
    if row.state == "running" and row.kind == "apply":
        return Step(ngettext("%(num)s change to go", "%(num)s changes to go", row.due))
    parts = [
        ngettext("%(num)s field written", "%(num)s fields written", row.fields),
        ngettext("%(num)s issue created", "%(num)s issues created", row.created),
        ngettext("%(num)s item", "%(num)s items", row.items),
    ]
    return Step(", ".join(parts))


def plan_lines(found: Mapping[str, Any], sites: Mapping[str, str]) -> tuple[str, ...]:
    """What a plan comes to, a line each."""
    lines = [
        _(
            "%(looked)s issues and pairs looked at, %(same)s are in step.",
            looked=found["looked_at"],
            same=found["in_step"],
        )
    ]
    for side in Side:
        made, fields = found["made"][side.value], found["fields"][side.value]
        if made:
            lines.append(
                ngettext(
                    "%(num)s issue would be created at %(site)s.",
                    "%(num)s issues would be created at %(site)s.",
                    made,
                    site=sites[side.value],
                )
            )
        if fields:
            lines.append(
                ngettext(
                    "%(num)s field would be written at %(site)s.",
                    "%(num)s fields would be written at %(site)s.",
                    fields,
                    site=sites[side.value],
                )
            )
    if found["linked"]:
        lines.append(
            ngettext(
                "%(num)s twin would be linked again.",
                "%(num)s twins would be linked again.",
                found["linked"],
            )
        )
    if found["items"]:
        lines.append(
            ngettext(
                "%(num)s comment, file, worklog or link would be made, written or deleted.",
                "%(num)s comments, files, worklogs and links would be made, written or deleted.",
                found["items"],
            )
        )
    if found["to_apply"]:
        lines.append(
            ngettext(
                "About %(num)s minute, and %(calls)s calls to Jira.",
                "About %(num)s minutes, and %(calls)s calls to Jira.",
                max(1, round(found["minutes"])),
                calls=sum(found["calls"].values()),
            )
        )
    return tuple(lines)


def told(found: Mapping[str, Any], sites: Mapping[str, str], called: Called) -> dict[str, Any]:
    """What an errand found, its sentences in the reader's language."""
    names = side_names({side: sites[side.value] for side in Side})

    def said(one: dict[str, Any]) -> dict[str, Any]:
        packed = {key: one[key] for key in ("sentence", "field") if one.get(key) is not None}
        return one | {
            key: tell(unpack(value), names, lambda field: called_field(field, called))
            for key, value in packed.items()
        }

    return {
        name: [said(one) for one in value] if name in {"groups", "left", "left_groups"} else value
        for name, value in found.items()
    }


def plan_groups(found: Mapping[str, Any], called: Called) -> dict[str, tuple[Blocked, ...]]:
    """The causes of a plan by kind, the largest first."""
    told: dict[str, list[Blocked]] = {}
    for one in found["groups"]:
        name = called_field(one["field"], called) if one["field"] else None
        group = Blocked(one["sentence"].rstrip("."), one["count"], tuple(one["examples"]), name)
        told.setdefault(one["kind"], []).append(group)
    return {kind: tuple(groups) for kind, groups in told.items()}


def undo_plan_lines(found: Mapping[str, Any]) -> tuple[str, ...]:
    """What an undo would do, a line each."""
    lines = []
    if found["restores"]:
        lines.append(
            ngettext(
                "%(num)s field would go back to what it was.",
                "%(num)s fields would go back to what they were.",
                found["restores"],
            )
        )
    if found["items_count"]:
        lines.append(
            ngettext(
                "%(num)s comment, file, worklog or link that was made would be deleted.",
                "%(num)s comments, files, worklogs and links that were made would be deleted.",
                found["items_count"],
            )
        )
    if found["twins_count"]:
        lines.append(
            ngettext(
                "%(num)s issue was created, and nobody changed it since.",
                "%(num)s issues were created, and nobody changed them since.",
                found["twins_count"],
            )
        )
    if found["already"]:
        lines.append(
            ngettext(
                "%(num)s is again as it was.", "%(num)s are again as they were.", found["already"]
            )
        )
    return tuple(lines) or (_("There is nothing to put back."),)


def undo_lines(found: Mapping[str, Any]) -> tuple[str, ...]:
    """What came of an undo, a line each."""
    return (
        ngettext("%(num)s field put back.", "%(num)s fields put back.", found["restored"]),
        ngettext("%(num)s issue deleted.", "%(num)s issues deleted.", found["deleted"]),
        ngettext("%(num)s item deleted.", "%(num)s items deleted.", found["items"]),
    )


def lines_of(kind: Kind, found: Mapping[str, Any], sites: Mapping[str, str]) -> tuple[str, ...]:
    """What an errand found, a line each."""
    if kind is Kind.PLAN:
        return plan_lines(found, sites)
    if kind is Kind.UNDO_PLAN:
        return undo_plan_lines(found)
    if kind is Kind.UNDO:
        return undo_lines(found)
    return (_("The plan is handed to the workers: see the list of runs."),)
