"""What a plan is to Jira, and what is told of it afterwards."""

from __future__ import annotations

from collections.abc import Sequence

from app.activity.log import Detail, Outcome
from app.jira.site import SiteError
from app.mapping.profile import Kind, Side
from app.mapping.said import said, the_fields, the_side, together
from app.mapping.values import handler, whole
from app.sync.names import Shown
from app.sync.plan import Conflict, Plan, Write
from app.sync.reasons import NO_FORMAT

ALIASES = {"parentId": "parent"}
"""Fields that a refusal calls otherwise than the write did."""


def raw(writes: Sequence[Write]) -> dict[str, object]:
    """The writes as Jira's REST API takes them, by field id."""
    return {write.field: handler(write.kind).write(write.value) for write in writes}


def refused_fields(error: SiteError, writes: Sequence[Write]) -> dict[str, str]:
    """The site's sentence for each of our fields that it names in a 400, by mapping key.

    Of a rich text that it does not take it says neither the field nor why: then it is all of them.
    """
    if error.site_status != 400:
        return {}
    errors = {ALIASES.get(name, name): words for name, words in error.field_errors.items()}
    if not errors and NO_FORMAT in error.detail:
        return {w.key: about(w.field, NO_FORMAT) for w in writes if w.kind is Kind.RICH_TEXT}
    return {
        write.key: about(write.field, errors[write.field])
        for write in writes
        if write.field in errors
    }


def about(field: str, words: str) -> str:
    """What is said of a field, after its name."""
    return together([the_fields(field), words], ": ")


def outcome_of(
    plan: Plan, written: int, refused: dict[str, str], *, lost: bool = False
) -> Outcome | None:
    """What came of a visit; None where there is nothing to tell. `lost`: an edit was replaced."""
    if refused:
        return Outcome.PARKED
    if lost or any(one.winner for one in plan.conflicts):
        return Outcome.CONFLICT
    if written:
        return Outcome.UPDATED
    told = any(not one.waits for one in plan.left_alone)
    return Outcome.LEFT_ALONE if told else None


def details_of(plan: Plan, refused: dict[str, str], shown: Shown) -> list[Detail]:
    """The sentences of a visit, field by field."""
    details = []
    for side in Side:
        for write in plan.writes(side):
            if write.key in refused:
                details.append(Detail(refused[write.key], field=write.field, side=side.value))
                continue
            details.append(
                Detail(
                    said(
                        "%(field)s was written on %(side)s.", field=write.field, side=the_side(side)
                    ),
                    field=write.field,
                    side=side.value,
                    old=shown.old(side, write),
                    new=shown.new(side, write),
                )
            )
            details += [Detail(one, field=write.field, side=side.value) for one in write.notes]
    kinds = {w.key: w.kind for side in Side for w in plan.writes(side)}
    details += [_lost(c, kinds[c.key], shown) for c in plan.conflicts if c.winner]
    left = [one for one in plan.left_alone if not one.waits]
    details += [Detail(one.sentence, field=one.key) for one in left]
    return details


def _lost(conflict: Conflict, kind: Kind, shown: Shown) -> Detail:
    """A decided conflict, with the whole value that lost."""
    loser = Side.RIGHT if conflict.winner is Side.LEFT else Side.LEFT
    value = conflict.left if loser is Side.LEFT else conflict.right
    return Detail(
        conflict.sentence,
        field=conflict.key,
        side=loser.value,
        old=whole(shown.text(loser, kind, value)),
    )
