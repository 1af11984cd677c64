"""Plans of single issues as the pages show them: side by side, as it is and as it would be."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from app.language import gettext as _
from app.language import ngettext, tell
from app.mapping.constants import constant_of
from app.mapping.naming import field_name
from app.mapping.profile import FieldMapping, Profile, Side
from app.mapping.said import side_names
from app.screens.words import Called, brief, called_field
from app.sync.planning_item_words import phrases
from app.sync.planning_summary import Group
from app.sync.planning_types import FieldWrite, IssuePlan, Step


def shown_plans(
    plans: Iterable[IssuePlan],
    profile: Profile,
    own: Side,
    agreed: frozenset[str],
    sites: Mapping[Side, str],
    *,
    fields: Called | None = None,
) -> list[dict[str, Any]]:
    """Each plan with a sentence, its fields side by side, and what is left alone and why.

    `sites`: the names of the sites, `fields`: of their fields. `agreed`: the partner's fields whose
    values the people of `own` may see. Of others nothing is told: their admin has not approved yet
    that they cross.
    """
    seen = frozenset(one.key for one in profile.fields if one.field(own.other) in agreed)
    names = side_names(sites)
    called = {one.key: _field(one, fields or {}) for one in profile.fields}

    def say(sentence: str) -> str:
        told = tell(sentence, names, lambda one: called_field(one, fields))
        return told[:1].upper() + told[1:]

    return [_shown(plan, called, own, seen, say) for plan in plans]


def crossing(profile: Profile, own: Side) -> frozenset[str]:
    """The partner's fields whose values a profile carries to `own` as they are."""
    fields = (one for one in profile.fields if one.flow.feeds(own) and one.transform is None)
    return frozenset(one.field(own.other) for one in fields)


def unseen(profile: Profile, own: Side, agreed: frozenset[str]) -> frozenset[str]:
    """The keys of the mappings of whose values on the partner's side nothing may be told."""
    return frozenset(one.key for one in profile.fields if one.field(own.other) not in agreed)


def _field(mapping: FieldMapping, names: Called) -> str:
    """A mapping's fields as people say them; of a constant the one that gets it."""
    left, right = (
        names.get(side, {}).get(mapping.field(side)) or field_name(mapping.field(side))
        for side in Side
    )
    if constant_of(mapping) is not None:
        return right if mapping.flow.feeds(Side.RIGHT) else left
    return left if left == right else f"{left} / {right}"


def _shown(
    plan: IssuePlan,
    fields: Mapping[str, str],
    own: Side,
    seen: frozenset[str],
    say: Callable[[str], str],
) -> dict[str, Any]:
    creates = plan.step is Step.CREATE and plan.side is own  # then no value of the partner's is in
    notes = [
        say(one.sentence)
        for one in (*plan.blocked, *plan.left_alone)
        if creates or one.field is None or one.field in seen
    ]
    return {
        "left": plan.left.key if plan.left else None,
        "right": plan.right.key if plan.right else None,
        "step": plan.step.value,
        "sentence": _sentence(plan),
        "rows": [
            _row(one, fields.get(one.key) or field_name(one.field), own, one.key in seen, creates)
            for one in plan.writes
        ],
        "items": [say(told) for _side, told in phrases(plan.items)],
        "clashes": [say(one.sentence) for one in plan.clashes if one.key in seen],
        "notes": notes,
        "blocked": bool(plan.blocked),
    }


def _row(write: FieldWrite, field: str, own: Side, seen: bool, creates: bool) -> dict[str, Any]:
    """One field: what is written to which side, over what. A value of the partner's that may not
    be seen is None; a twin that is still to be made has none."""
    theirs = write.side is not own
    return {
        "field": field,
        "to": write.side.value,
        "arrow": "→" if write.side is Side.RIGHT else "←",
        "old": brief(write.brief(write.old)) if seen or creates or not theirs else None,
        "new": brief(write.brief(write.new)) if seen or theirs else None,
    }


def group_line(group: Group, sites: Mapping[Side, str]) -> str:
    """Issues that have one cause in common, with some of their keys."""
    more = ", …" if group.count > len(group.examples) else ""
    return ngettext(
        "%(count)s issue: %(why)s (%(examples)s)",
        "%(count)s issues: %(why)s (%(examples)s)",
        group.count,
        count=f"{group.count:,}",
        why=tell(group.sentence, side_names(sites), called_field).rstrip("."),
        examples=", ".join(group.examples) + more,
    )


def _sentence(plan: IssuePlan) -> str:
    key = plan.left.key if plan.left else plan.right.key if plan.right else ""
    if plan.step is Step.CREATE:
        return _("%(key)s would get a twin on the other side.", key=key)
    if plan.step is Step.LINK:
        return _("%(key)s would be linked again to the twin that it has.", key=key)
    if plan.step is Step.UPDATE:
        return _("This pair would be brought in step.")
    return _("Nothing would be written for %(key)s.", key=key)
