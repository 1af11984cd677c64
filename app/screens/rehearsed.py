"""Plans of single issues as the pages show them: side by side, as it is and as it would be."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from app.language import gettext as _
from app.mapping.profile import Profile, Side
from app.screens.words import field_name
from app.sync.planning_item_words import phrases
from app.sync.planning_types import FieldWrite, IssuePlan, Step


def shown_plans(plans: Iterable[IssuePlan], profile: Profile) -> list[dict[str, Any]]:
    """Each plan with a sentence, its fields side by side, and what is left alone and why."""
    return [_shown(plan, profile) for plan in plans]


def _shown(plan: IssuePlan, profile: Profile) -> dict[str, Any]:
    pairs = {m.key: (m.left, m.right) for m in profile.fields}
    return {
        "left": plan.left.key if plan.left else None,
        "right": plan.right.key if plan.right else None,
        "step": plan.step.value,
        "sentence": _sentence(plan),
        "rows": [
            _row(write, pairs.get(write.key, (write.field, write.field))) for write in plan.writes
        ],
        "items": [told for _side, told in phrases(plan.items)],
        "clashes": [one.sentence for one in plan.clashes],
        "notes": [one.sentence for one in (*plan.blocked, *plan.left_alone)],
        "blocked": bool(plan.blocked),
    }


def _row(write: FieldWrite, pair: tuple[str, str]) -> dict[str, Any]:
    """One field on both sides: what the source says, and what the other would say for it."""
    left, right = (field_name(name) for name in pair)
    return {
        "field": left if left == right else f"{left} / {right}",
        "to": write.side.value,
        "arrow": "→" if write.side is Side.RIGHT else "←",
        "old": write.brief(write.old),
        "new": write.brief(write.new),
    }


def _sentence(plan: IssuePlan) -> str:
    key = plan.left.key if plan.left else plan.right.key if plan.right else ""
    if plan.step is Step.CREATE:
        return _("%(key)s would get a twin on the other side.", key=key)
    if plan.step is Step.LINK:
        return _("%(key)s would be linked again to the twin that it has.", key=key)
    if plan.step is Step.UPDATE:
        return _("This pair would be brought in step.")
    return _("Nothing would be written for %(key)s.", key=key)
