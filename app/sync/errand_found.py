"""What errands found, as it is kept sealed: counts, and sentences that may hold values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from app.mapping.profile import Side
from app.mapping.said import said
from app.mapping.values import handler
from app.said import Packed, pack
from app.sync.planning_summary import Estimate, Summary
from app.sync.planning_types import Step
from app.sync.undo_plan import Inverse, Left, Why

SHOWN = 50
"""So many fields of an undo, and things that it leaves, are told one by one."""
EXAMPLES = 5
"""So many issues of a group are named."""


def plan_found(summary: Summary, estimate: Estimate, to_apply: int) -> dict[str, Any]:
    """What a plan comes to, to be kept sealed: its sentences may hold values."""
    return {
        "looked_at": summary.looked_at,
        "in_step": summary.in_step,
        "to_apply": to_apply,
        "made": {side.value: summary.made[side] for side in Side},
        "linked": summary.steps[Step.LINK],
        "fields": {side.value: summary.fields[side] for side in Side},
        "items": sum(summary.items.values()),
        "waiting": summary.waiting,
        "parked": summary.parked,
        "groups": [
            {
                "kind": kind,
                "sentence": pack(one.sentence),
                "field": one.about,
                "count": one.count,
                "examples": one.examples,
            }
            for kind in ("blocked", "conflict", "left alone", "waits")
            for one in summary.by_count(kind)
        ],
        "calls": {side.value: estimate.calls[side] for side in Side},
        "minutes": round(estimate.minutes, 1),
    }


def undo_found(plan: Inverse) -> dict[str, Any]:
    """What an undo would do, to be kept sealed."""
    return {
        "restores": len(plan.restores),
        "back_groups": [
            {"field": field, "side": side, "count": len(issues), "examples": issues[:EXAMPLES]}
            for field, side, issues in _grouped(
                ((one.field, one.spot.side.value), one.issue) for one in plan.restores
            )
        ],
        "left_groups": [
            {
                "field": pack(field),
                "sentence": pack(sentence),
                "count": len(issues),
                "examples": issues[:EXAMPLES],
            }
            for field, sentence, issues in _grouped(
                ((one.field, _sentence(one)), one.issue) for one in plan.left
            )
        ],
        "shown": [
            {
                "issue": one.issue,
                "field": one.field,
                "side": one.spot.side.value,
                "now": handler(one.kind).brief(one.now),
                "back": handler(one.kind).brief(one.back),
            }
            for one in plan.restores[:SHOWN]
        ],
        "twins": [one.issue for one in plan.twins[:SHOWN]],
        "twins_count": len(plan.twins),
        "items_count": len(plan.items),
        "left": left_told(plan.left),
        "left_count": len(plan.left),
        "already": plan.already,
    }


def left_told(left: Sequence[Left]) -> list[dict[str, Packed]]:
    """What an undo leaves, as it is kept."""
    return [
        {"issue": one.issue, "field": pack(one.field), "sentence": pack(_sentence(one))}
        for one in left[:SHOWN]
    ]


def _grouped(found: Iterable[tuple[tuple[str, str], str]]) -> list[tuple[str, str, list[str]]]:
    """What has a pair of texts in common, with its issues, the largest group first."""
    groups: dict[tuple[str, str], list[str]] = {}
    for texts, issue in found:
        groups.setdefault(texts, []).append(issue)
    by_count = sorted(groups.items(), key=lambda one: -len(one[1]))
    return [(*texts, issues) for texts, issues in by_count[:SHOWN]]


def _sentence(one: Left) -> str:
    """Why it is left, without a word of the command's options."""
    return said("It was created, and is left.") if one.why is Why.CREATED else one.sentence
