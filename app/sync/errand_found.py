"""What errands found, as it is kept sealed: counts, and sentences that may hold values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.mapping.profile import Side
from app.mapping.values import handler
from app.sync.planning_summary import Estimate, Summary
from app.sync.planning_types import Step
from app.sync.undo_plan import Inverse, Left, Why

SHOWN = 50
"""So many fields of an undo, and things that it leaves, are told one by one."""


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
                "sentence": one.sentence,
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


def left_told(left: Sequence[Left]) -> list[dict[str, str]]:
    """What an undo leaves, as it is kept."""
    return [
        {"issue": one.issue, "field": one.field, "sentence": one.sentence} for one in left[:SHOWN]
    ]


def _sentence(one: Left) -> str:
    """Why it is left, without a word of the command's options."""
    return "It was created, and is left." if one.why is Why.CREATED else one.sentence
