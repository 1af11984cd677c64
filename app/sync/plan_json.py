"""A plan of an issue as JSON: for machines, and for a plan file."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from app.mapping.profile import Side
from app.mapping.values import handler, whole
from app.sync.planning_types import Clash, FieldWrite, IssuePlan, ItemWrite, Note, Step

Json = dict[str, Any]


def as_json(plan: IssuePlan) -> Json:
    """A plan for machines: values of fields whole, as text, up to 32 KB each; of items ids and
    sizes alone."""
    return {
        "step": plan.step.value,
        "left": plan.left.key if plan.left else None,
        "right": plan.right.key if plan.right else None,
        "create_on": plan.side.other.value if plan.step is Step.CREATE else None,
        "found_by_mark": plan.marked.value if plan.marked else None,
        "writes": [_write(one) for one in plan.writes],
        "items": [_item(one) for one in plan.items],
        "conflicts": [_clash(one) for one in plan.clashes],
        "left_alone": [_note(one) for one in plan.left_alone],
        "blocked": [_note(one) for one in plan.blocked],
        "waiting": plan.waiting,
        "parked": sorted(side.value for side in plan.parked),
        "older_than_profile": plan.older,
    }


def made_from(plan: IssuePlan) -> Json:
    """What a plan was made from, to be compared when it is applied."""
    return {
        "side": plan.side.value,
        "ids": {side.value: ref.id for side in Side if (ref := plan.ref(side))},
        "link": str(plan.link) if plan.link else None,
        "lane": plan.lane,
        "seen": {side.value: dict(plan.seen[side]) for side in Side if side in plan.seen},
        "base": {side.value: dict(plan.base.get(side, {})) for side in Side},
        "seen_items": {side.value: dict(plan.seen_items.get(side, {})) for side in Side},
        "marks": [one.mark for one in plan.items],
        "values": writes_of(plan),
    }


def writes_of(plan: IssuePlan) -> str:
    """A digest of what a plan writes where, to compare with a file's. What has an id counts by
    it: whether its name is known depends on what was read in passing."""
    return digest([
        {
            "side": one.side.value,
            "key": one.key,
            "why": one.reason.value,
            "value": handler(one.kind).identity(one.new),
        }
        for one in plan.writes
    ])  # fmt: skip


def items_of(plan: IssuePlan) -> str:
    """The same of the items."""
    return digest([*(_item(one) for one in plan.items), {"marks": [o.mark for o in plan.items]}])


def digest(told: list[Json]) -> str:
    """The digest of what is told."""
    whole_text = json.dumps(told, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(whole_text.encode()).hexdigest()


def _write(one: FieldWrite) -> Json:
    texts = [whole(handler(one.kind).text(value)) for value in (one.old, one.new)]
    return {
        "side": one.side.value,
        "field": one.field,
        "why": one.reason.value,
        "old": texts[0],
        "new": texts[1],
    }


def _item(one: ItemWrite) -> Json:
    return {
        "side": one.side.value,
        "kind": one.kind.value,
        "deed": one.deed.value,
        "source": one.source or None,
        "twin": one.twin or None,
        "bytes": one.size,
        "over_an_edit": one.lost,
        "why": one.why or None,
    }


def _clash(one: Clash) -> Json:
    left, right = (whole(handler(one.kind).text(value)) for value in (one.left, one.right))
    winner = one.winner.value if one.winner else None
    return {
        "field": one.key,
        "left": left,
        "right": right,
        "winner": winner,
        "sentence": one.sentence,
    }


def _note(one: Note) -> Json:
    told: Json = {"cause": one.cause.value, "field": one.field, "sentence": one.sentence}
    if one.items:
        told |= {"side": one.side.value if one.side else None, "items": list(one.items)}
    return told
