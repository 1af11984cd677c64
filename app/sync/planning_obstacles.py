"""What a site would refuse, told by its create screen before anything is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from app.jira.site import FieldRule
from app.mapping.profile import Kind, Side
from app.mapping.said import said, the_side
from app.mapping.values import handler
from app.sync.plan import Write
from app.sync.planning_types import Cause, Note

_GIVEN = frozenset({"project", "issuetype"})


def refused(
    rules: Mapping[str, FieldRule], to: Side, writes: Sequence[Write], *, creates: bool
) -> dict[str, Note]:
    """Why some of these would be refused, by mapping key. Without rules nothing is said.

    Only a create is held to the screen: the one for edits may have other fields. What transitions
    set afterwards needs no place on it.
    """
    found: dict[str, Note] = {}
    later = {w.key for w in writes if handler(w.kind).by_transition}
    later |= {w.key for w in writes if later and w.kind is Kind.RESOLUTION}
    for write in writes if rules else ():
        rule, key = rules.get(write.field), write.key
        if key in later:
            continue
        if rule is None and creates:
            sentence = said(
                "%(field)s is not on the create screen of %(side)s",
                field=write.field,
                side=the_side(to),
            )
            found[key] = Note(Cause.BLOCKED, sentence, key)
        elif rule is not None and not _takes(rule, write):
            value = handler(write.kind).brief(write.value)
            sentence = said(
                "%(field)s '%(value)s' has no twin on %(side)s",
                field=write.field,
                value=value,
                side=the_side(to),
            )
            found[key] = Note(Cause.NO_TWIN, sentence, key)
    return found


def wanting(rules: Mapping[str, FieldRule], to: Side, writes: Sequence[Write]) -> Note | None:
    """What the side asks for when an issue is made and nothing fills, if so."""
    filled = {write.field for write in writes} | _GIVEN
    names = sorted(r.name for field, r in rules.items() if r.required and field not in filled)
    if not names:
        return None
    sentence = said(
        "%(side)s makes no issue without %(names)s, and no mapping fills it",
        side=the_side(to),
        names=", ".join(names),
    )
    return Note(Cause.BLOCKED, sentence)


def _takes(rule: FieldRule, write: Write) -> bool:
    """Whether the field takes the value; names count in any case, as Jira compares them."""
    if write.kind is not Kind.NAMED or write.value is None or rule.allowed is None:
        return True
    return str(write.value).casefold() in {name.casefold() for name in rule.allowed}
