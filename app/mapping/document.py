"""The mapping document: what is stored (sealed) and edited of a profile, version 1."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, TypeVar

from marshmallow import Schema, ValidationError, fields, post_load, validate, validates

from app.mapping.document_checks import DocumentProblem, problems_of
from app.mapping.document_items import dump_items, items_field
from app.mapping.document_lifecycle import dump_lifecycle, lifecycle_field
from app.mapping.document_moves import dump_moves, moves_field
from app.mapping.document_restricted import dump_restricted, restricted_field
from app.mapping.document_schema import Strict
from app.mapping.document_values import (
    dump_more,
    dump_users,
    frozen_tables,
    tables_field,
    users_field,
    values_field,
)
from app.mapping.profile import (
    FieldMapping,
    Flow,
    Kind,
    Moment,
    Policy,
    Profile,
    Scope,
    Side,
)
from app.said import said, together

VERSION = 1
MAX_FIELDS = 200
MAX_FILTER = 2000
_E = TypeVar("_E", bound=StrEnum)


class DocumentError(ValueError):
    """The document is refused; `problems` has everything that is wrong with it."""

    code = "mapping-document"

    def __init__(self, problems: tuple[DocumentProblem, ...]) -> None:
        self.problems = problems
        super().__init__("\n".join(f"{p.where}: {p.sentence}" for p in problems))

    @property
    def line(self) -> str:
        """All that is wrong, as one line for people."""
        return together((together([one.where, one.sentence]) for one in self.problems), "; ")


def load_profile(document: object) -> Profile:
    """Parse and check a mapping document. Raises DocumentError with all that is wrong."""
    if not isinstance(document, Mapping):
        raise DocumentError(
            (
                DocumentProblem(
                    "document", said("must be an object with version, left, right and fields")
                ),
            )
        )
    try:
        profile = _ProfileSchema().load(document)
    except ValidationError as error:
        raise DocumentError(tuple(_flatten(error.messages))) from error
    assert isinstance(profile, Profile)  # noqa: S101  post_load made it
    problems = problems_of(profile)
    if problems:
        raise DocumentError(problems)
    return profile


def dump_profile(profile: Profile) -> dict[str, object]:
    """The document of a profile; `load_profile` of it gives the same profile."""
    return {
        "version": VERSION,
        **{
            side.value: {
                "project": profile.scope(side).project_id,
                "issue_type": profile.scope(side).issue_type_id,
                **_more(profile.scope(side)),
            }
            for side in Side
        },
        "fields": [
            {
                "left": m.left,
                "right": m.right,
                "kind": m.kind.value,
                "flow": m.flow.value,
                "policy": m.policy.value,
                "moment": m.moment.value,
                **dump_more(m),
            }
            for m in profile.fields
        ],
        **dump_users(profile.users),
        **dump_items(profile.items),
        **dump_lifecycle(profile.lifecycle),
        **dump_moves(profile.moves),
        **dump_restricted(profile.restricted),
    }


def filter_problem(jql: str) -> str | None:
    """What is wrong with a filter before any Jira is asked, with rule and cure; None: nothing."""
    if len(jql) > MAX_FILTER:
        return said(
            "must have at most %(max_filter)s characters; it has %(count)s: shorten it",
            max_filter=f"{MAX_FILTER:,}",
            count=f"{len(jql):,}",
        )
    if not jql.strip() or jql != jql.strip():
        return said("must be JQL without blanks around it; write some, or leave the filter out")
    if not jql.isprintable():
        return said("holds a line break or another character that cannot be seen; type it anew")
    return None


def _more(scope: Scope) -> dict[str, object]:
    found: dict[str, object] = {} if scope.filter is None else {"filter": scope.filter}
    return found | ({"subtask": True} if scope.subtask else {})


def _text(name: str, pattern: str, rule: str) -> fields.String:
    return fields.String(
        required=True,
        validate=validate.Regexp(
            pattern, error=said("must be %(rule)s; %(given)s is not", rule=rule)
        ),
        error_messages={
            "required": said("is missing; give %(name)s", name=name),
            "null": said("is empty; give %(name)s", name=name),
            "invalid": said("must be %(rule)s, as text in quotes", rule=rule),
        },
    )


def _id(name: str) -> fields.String:
    return _text(
        name, r"[0-9]{1,18}\Z", said("%(name)s, a number as in Jira's address bar", name=name)
    )


def _choice(kinds: type[_E], load_default: _E | None = None) -> fields.Enum[_E]:
    names = ", ".join(kind.value for kind in kinds)
    messages: dict[str, str | list[Any] | dict[Any, Any]] = {
        "required": said("is missing; choose one of: %(names)s", names=names),
        "null": said("is empty; choose one of: %(names)s", names=names),
        "unknown": said("is not a choice; choose one of: %(choices)s"),
    }
    if load_default is None:
        return fields.Enum(kinds, by_value=True, required=True, error_messages=messages)
    return fields.Enum(kinds, by_value=True, load_default=load_default, error_messages=messages)


class _ScopeSchema(Strict):
    project = _id(said("the project's id"))
    issue_type = _id(said("the issue type's id"))
    filter = fields.String(
        load_default=None,
        error_messages={"invalid": said("must be JQL, as text in quotes")},
    )
    subtask = fields.Boolean(
        load_default=False,
        truthy={True},
        falsy={False},
        error_messages={"invalid": said("must be true or false")},
    )

    @validates("filter")
    def _check_filter(self, jql: str | None, **_: object) -> None:
        problem = None if jql is None else filter_problem(jql)
        if problem is not None:
            raise ValidationError(problem)

    @post_load
    def _make(self, data: dict[str, Any], **_: object) -> Scope:
        return Scope(data["project"], data["issue_type"], data["filter"], data["subtask"])


class _FieldSchema(Strict):
    left = _text(
        said("the left field's id"), r"[A-Za-z][A-Za-z0-9_-]{0,99}\Z", said("a Jira field id")
    )
    right = _text(
        said("the right field's id"), r"[A-Za-z][A-Za-z0-9_-]{0,99}\Z", said("a Jira field id")
    )
    kind = _choice(Kind)
    flow = _choice(Flow, Flow.BOTH)
    policy = _choice(Policy, Policy.NEWER)
    moment = _choice(Moment, Moment.ALWAYS)
    right_kind = fields.Enum(
        Kind,
        by_value=True,
        load_default=None,
        allow_none=True,
        error_messages={"unknown": said("is not a choice; choose one of: %(choices)s")},
    )
    values = values_field()
    transform = fields.String(
        load_default=None,
        allow_none=True,
        error_messages={"invalid": said("must be an expression, as text in quotes")},
    )
    tables = tables_field()

    @post_load
    def _make(self, data: dict[str, Any], **_: object) -> FieldMapping:
        if data["right_kind"] is data["kind"]:
            data["right_kind"] = None
        return FieldMapping(**{**data, "tables": frozen_tables(data["tables"])})


def _nested(schema: Callable[[], Schema], name: str) -> fields.Nested:
    missing = said("is missing; give %(name)s", name=name)
    return fields.Nested(
        schema, required=True, error_messages={"required": missing, "null": missing}
    )


class _ProfileSchema(Strict):
    version = fields.Integer(
        required=True,
        strict=True,
        validate=validate.Equal(
            VERSION, error=said("must be 1; this Tandem does not know %(input)s: upgrade it")
        ),
        error_messages={
            "required": said("is missing; set it to 1"),
            "null": said("is empty; set it to 1"),
            "invalid": said("must be the number 1"),
        },
    )
    left = _nested(_ScopeSchema, said("the left project and issue type"))
    right = _nested(_ScopeSchema, said("the right project and issue type"))
    fields_ = fields.List(
        fields.Nested(_FieldSchema),
        data_key="fields",
        required=True,
        validate=validate.Length(
            1,
            MAX_FIELDS,
            error=said("must hold %(min)s to %(max)s field mappings; add or remove some"),
        ),
        error_messages={
            "required": said("is missing; list the fields to carry"),
            "null": said("is empty; list the fields to carry"),
            "invalid": said("must be a list of field mappings"),
        },
    )

    users = users_field()
    items = items_field()
    lifecycle = lifecycle_field()
    moves = moves_field()
    restricted = restricted_field()

    @post_load
    def _make(self, data: dict[str, Any], **_: object) -> Profile:
        return Profile(
            data["left"],
            data["right"],
            tuple(data["fields_"]),
            users=data["users"],
            items=tuple(data["items"]),
            lifecycle=data["lifecycle"],
            moves=data["moves"],
            restricted=frozenset(data["restricted"]),
        )


def _flatten(messages: object, where: str = "") -> list[DocumentProblem]:
    if isinstance(messages, Mapping):
        found = []
        for name, below in messages.items():
            path = where if name == "_schema" else f"{where}.{name}".lstrip(".")
            found.extend(_flatten(below, path))
        return found
    if isinstance(messages, list):
        return [DocumentProblem(where or "document", _words(message)) for message in messages]
    return [DocumentProblem(where or "document", _words(messages))]


def _words(message: object) -> str:
    """A message as it is told."""
    return message if isinstance(message, str) else str(message)
