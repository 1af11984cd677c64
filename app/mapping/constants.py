"""Constants: a mapping that gives a field of the twin one value, whatever the issue holds. Pure.

It is a mapping like any other: from the summary, which every issue has, to the field; with a
transform that is a plain value; once, as the twin is made. So the engine knows nothing of it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any

from app.errors import Problem
from app.jira.site import FieldRule
from app.language import gettext as _
from app.mapping.profile import FieldMapping, Flow, Kind, Moment, Side
from app.mapping.transforms import Held, Inputs, Target, TransformFailed, compile_expression
from app.mapping.values import Part, handler
from app.said import said

SOURCE = "summary"
"""What a constant is mapped from: every issue has it."""
LONGEST = 2000  # characters of one
_LISTS = frozenset({Kind.OPTIONS, Kind.COMPONENTS, Kind.VERSIONS, Kind.GROUPS})
_BY_CHOICE = _LISTS | {
    Kind.OPTION,
    Kind.PRIORITY,
    Kind.RESOLUTION,
    Kind.VERSION,
    Kind.GROUP,
    Kind.SECURITY,
    Kind.CASCADE,
}


def constant_of(mapping: FieldMapping) -> Any:
    """The value that a mapping always gives, as JSON has it; None where it gives no constant."""
    if mapping.transform is None or mapping.moment is not Moment.CREATE:
        return None
    try:
        return json.loads(mapping.transform)
    except ValueError:
        return None


def can_be_given(field: str, kind: Kind) -> bool:
    """Whether a field can be given a constant: not the summary, which it is mapped from."""
    from app.mapping.transforms.results import can_make  # loads the library, which takes its time

    if kind is Kind.TIME_TRACKING:
        return False
    return field != SOURCE and can_make(kind) and not handler(kind).by_transition


def choices_of(kind: Kind, rule: FieldRule) -> tuple[Part, ...]:
    """The values to choose a constant from, by id and name; none where it is typed."""
    return handler(kind).choices(list(rule.values)) if kind in _BY_CHOICE else ()


def made(side: Side, field: str, kind: Kind, given: Sequence[str], rule: FieldRule) -> FieldMapping:
    """The mapping that gives a field of `side` what somebody chose or typed. Raises Problem, with
    the rule and the cure."""
    if not can_be_given(field, kind):
        raise _refused(
            said(
                "a field of kind %(kind)s cannot be given a constant: map a field to it",
                kind=kind.value,
            )
        )
    texts = [one.strip() for one in given if one.strip()]
    if not texts:
        raise _refused(_("is empty: give a value"))
    if sum(map(len, texts)) > LONGEST:
        raise _refused(
            said("must have at most %(longest)s characters: shorten it", longest=f"{LONGEST:,}")
        )
    text = json.dumps(_value(kind, texts, choices_of(kind, rule)), ensure_ascii=False)
    left, right = (field, SOURCE) if side is Side.LEFT else (SOURCE, field)
    kinds = (kind, Kind.TEXT) if side is Side.LEFT else (Kind.TEXT, kind)
    mapping = FieldMapping(
        left,
        right,
        kinds[0],
        flow=Flow.TO_LEFT if side is Side.LEFT else Flow.TO_RIGHT,
        moment=Moment.CREATE,
        right_kind=None if kinds[0] is kinds[1] else kinds[1],
        transform=text,
    )
    try:
        inputs = Inputs(Held(Kind.TEXT, ""))
        compile_expression(text).apply(inputs, Target.of(mapping, side))
    except TransformFailed as failed:
        raise _refused(said("does not fit: %(sentence)s", sentence=failed.sentence)) from None
    return mapping


def shown(value: Any) -> str:
    """A constant for people: names, not ids."""
    if isinstance(value, list):
        return ", ".join(shown(one) for one in value)
    if isinstance(value, dict):
        if "parent" in value:
            return " / ".join(shown(value[one]) for one in ("parent", "child") if value.get(one))
        return str(value.get("name") or value.get("id") or "")
    return str(value)


def _value(kind: Kind, texts: Sequence[str], choices: Sequence[Part]) -> Any:
    """What the transform of a constant says, as JSON."""
    if kind is Kind.CASCADE:
        return _cascade(texts[0], choices)
    if kind in _BY_CHOICE:
        chosen = [_chosen(one, choices) for one in texts]
        return chosen if kind in _LISTS else chosen[0]
    if kind in {Kind.LABELS, Kind.USERS}:
        return sorted({word for one in texts for word in one.replace(",", " ").split()})
    typed: dict[Kind, Callable[[str], Any]] = {
        Kind.NUMBER: _number,
        Kind.DATE: _day,
        Kind.DATETIME: _moment,
    }
    return typed.get(kind, str)(texts[0])


def _chosen(text: str, choices: Sequence[Part]) -> dict[str, str]:
    """A value by its id, or by its name where the site lists none."""
    for id_, name in choices:
        if text in (id_, name):
            return {"id": id_, "name": name}
    if choices:
        raise _refused(_("is none of the values that the field takes: choose one from the list"))
    return {"name": text}


def _cascade(text: str, choices: Sequence[Part]) -> dict[str, Any]:
    """An option, and the one below it where "id/id" names one."""
    names = dict(choices)
    if text not in names:
        raise _refused(_("is none of the values that the field takes: choose one from the list"))
    parent, _slash, child = text.partition("/")
    found: dict[str, Any] = {"parent": {"id": parent, "name": names.get(parent, "")}}
    return found | ({"child": {"id": child, "name": names[text]}} if child else {})


def _number(text: str) -> float | int:
    try:
        found = float(text.replace(",", "."))
    except ValueError:
        raise _refused(_("must be a number, such as 3 or 0.5")) from None
    if not abs(found) < 1e15:
        raise _refused(_("must be a number below 1,000,000,000,000,000"))
    return int(found) if found.is_integer() else found


def _day(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise _refused(_("must be a day as YYYY-MM-DD, such as 2026-03-31")) from None


def _moment(text: str) -> str:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise _refused(_("must be a moment such as 2026-03-31T09:00Z")) from None
    return found.isoformat() if found.tzinfo else f"{found.isoformat()}+00:00"


def _refused(rule: str) -> Problem:
    return Problem(said("constant: %(rule)s.", rule=rule), code="invalid-field", field="constant")
