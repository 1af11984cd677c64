"""What a transition is given for a field that its screen requires: a constant, as Jira's REST API
takes it. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from app.errors import Problem
from app.jira.site import FieldRule
from app.language import gettext as _
from app.mapping.constants import can_be_given, choices_of, made
from app.mapping.document_moves import MAX_VALUE
from app.mapping.field_types import kind_of
from app.mapping.profile import Kind, Side
from app.mapping.transforms import Held, Inputs, Target, compile_expression
from app.mapping.values import Part, handler

COMMENT = "comment"


def kind_in(field: str, rule: FieldRule) -> Kind:
    """The kind of a field of a transition's screen."""
    return Kind.RICH_TEXT if field == COMMENT else kind_of(rule.schema)


def may_be_given(field: str, rule: FieldRule) -> bool:
    """Whether a constant can stand for it."""
    return field == COMMENT or can_be_given(field, kind_in(field, rule))


def choices_in(field: str, rule: FieldRule) -> tuple[Part, ...]:
    """The values to choose from, by id and name; none where it is typed."""
    return () if field == COMMENT else choices_of(kind_in(field, rule), rule)


def given(side: Side, field: str, rule: FieldRule, texts: Sequence[str]) -> Any:
    """The constant that somebody chose or typed. Raises Problem, with the rule and the cure."""
    if field == COMMENT:
        value: Any = "\n".join(texts).strip()
        if not value:
            raise _refused(_("is empty: give a value"))
    else:
        kind = kind_in(field, rule)
        mapping = made(side, field, kind, texts, rule)
        found = compile_expression(mapping.transform or "").apply(
            Inputs(Held(Kind.TEXT, "")), Target.of(mapping, side)
        )
        value = handler(kind).write(found)
    if len(json.dumps(value)) > MAX_VALUE:
        raise _refused(_("is too long to be given to a transition: shorten it"))
    return value


def said(value: Any, choices: Sequence[Part]) -> str:
    """A constant for people: by the names that the site tells."""
    names = dict(choices)
    if isinstance(value, Mapping):
        found = str(value.get("id", ""))
        if found in names:
            return names[found]
        if value.get("type") == "doc":
            return handler(Kind.RICH_TEXT).text(handler(Kind.RICH_TEXT).read(dict(value)))
        told = (value.get(one) for one in ("name", "value", "accountId", "id"))
        return str(next((one for one in told if one), json.dumps(dict(value))))
    if isinstance(value, list):
        return ", ".join(said(one, choices) for one in value)
    return str(value)


def _refused(rule: str) -> Problem:
    return Problem(f"constant: {rule}.", code="invalid-field", field="constant")
