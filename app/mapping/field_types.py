"""Which kind a field of a site is of, by its `schema`, and which kinds can be mapped together.

`schema` is JsonTypeBean of Atlassian's OpenAPI document, which create and edit metadata and
`GET /field` have for each field: `type`, `items` of an array, and `system` or `custom`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from app.mapping.profile import SYSTEM_KINDS, Flow, Kind
from app.mapping.values import handler
from app.said import said

_JIRA = "com.atlassian.jira.plugin.system.customfieldtypes:"
_SOFTWARE = "com.pyxis.greenhopper.jira:"
_PLANS = "com.atlassian.jpo:"
_SERVICE = "com.atlassian.servicedesk:"

# By the key of the custom type, with the key of the app it is of.
CUSTOM_KINDS: Mapping[str, Kind] = {
    f"{_JIRA}textfield": Kind.TEXT,
    f"{_JIRA}textarea": Kind.RICH_TEXT,
    f"{_JIRA}float": Kind.NUMBER,
    f"{_JIRA}datepicker": Kind.DATE,
    f"{_JIRA}datetime": Kind.DATETIME,
    f"{_JIRA}url": Kind.URL,
    f"{_JIRA}select": Kind.OPTION,
    f"{_JIRA}radiobuttons": Kind.OPTION,
    f"{_JIRA}multiselect": Kind.OPTIONS,
    f"{_JIRA}multicheckboxes": Kind.OPTIONS,
    f"{_JIRA}cascadingselect": Kind.CASCADE,
    f"{_JIRA}labels": Kind.LABELS,
    f"{_JIRA}userpicker": Kind.USER,
    f"{_JIRA}multiuserpicker": Kind.USERS,
    f"{_JIRA}people": Kind.USERS,
    f"{_JIRA}grouppicker": Kind.GROUP,
    f"{_JIRA}multigrouppicker": Kind.GROUPS,
    f"{_JIRA}version": Kind.VERSION,
    f"{_JIRA}multiversion": Kind.VERSIONS,
    f"{_SOFTWARE}gh-sprint": Kind.SPRINT,
    f"{_SOFTWARE}gh-epic-label": Kind.TEXT,
    f"{_SOFTWARE}gh-epic-status": Kind.OPTION,
    f"{_SOFTWARE}jsw-story-points": Kind.NUMBER,
    f"{_PLANS}jpo-custom-field-baseline-start": Kind.DATE,
    f"{_PLANS}jpo-custom-field-baseline-end": Kind.DATE,
    f"{_SERVICE}vp-origin": Kind.REQUEST_TYPE,
    f"{_SERVICE}sd-customer-organizations": Kind.ORGANIZATIONS,
    f"{_SERVICE}sd-request-participants": Kind.USERS,
}

# Where a schema names neither a system field nor a custom type.
_BY_TYPE: Mapping[str, Kind] = {
    "string": Kind.TEXT,
    "number": Kind.NUMBER,
    "date": Kind.DATE,
    "datetime": Kind.DATETIME,
    "option": Kind.OPTION,
    "option-with-child": Kind.CASCADE,
    "user": Kind.USER,
    "group": Kind.GROUP,
    "version": Kind.VERSION,
    "priority": Kind.PRIORITY,
    "resolution": Kind.RESOLUTION,
    "status": Kind.STATUS,
    "securitylevel": Kind.SECURITY,
    "timetracking": Kind.TIME_TRACKING,
}
_BY_ITEMS: Mapping[str, Kind] = {
    "string": Kind.LABELS,
    "option": Kind.OPTIONS,
    "component": Kind.COMPONENTS,
    "version": Kind.VERSIONS,
    "user": Kind.USERS,
    "group": Kind.GROUPS,
}

# One thing of a kind can go where several are, but not back.
_SEVERAL = {
    Kind.OPTION: Kind.OPTIONS,
    Kind.VERSION: Kind.VERSIONS,
    Kind.USER: Kind.USERS,
    Kind.GROUP: Kind.GROUPS,
}
# What tables of values can pair with one another: one thing, with an id, on either side.
_CHOICES = frozenset({Kind.OPTION, Kind.PRIORITY, Kind.RESOLUTION, Kind.VERSION})
_LISTS = frozenset({Kind.OPTIONS, Kind.COMPONENTS, Kind.VERSIONS})
# What a line of text can say of a value. A rich text is more, and ids of issues say nothing.
_NO_TEXT = frozenset({Kind.RICH_TEXT, Kind.PARENT})


def kind_of(schema: Mapping[str, object]) -> Kind:
    """The kind of a field; READ_ONLY_TEXT for a type that is not known, or cannot be set."""
    system, custom = schema.get("system"), schema.get("custom")
    if isinstance(system, str):
        kinds = SYSTEM_KINDS.get(system, (Kind.READ_ONLY_TEXT,))
        return kinds[-1]
    if isinstance(custom, str):
        return CUSTOM_KINDS.get(custom, Kind.READ_ONLY_TEXT)
    table, name = _BY_TYPE, schema.get("type")
    if name == "array":
        table, name = _BY_ITEMS, schema.get("items")
    return table.get(name, Kind.READ_ONLY_TEXT) if isinstance(name, str) else Kind.READ_ONLY_TEXT


@dataclass(frozen=True)
class Fit:
    """Whether two kinds can be mapped together. `flow`: the widest that works; None: not at all.

    `sentence` says how it is carried, or why not and what would do.
    """

    flow: Flow | None
    sentence: str

    def __bool__(self) -> bool:
        """Whether any direction works."""
        return self.flow is not None


def pairs_with(left: Kind, right: Kind) -> Fit:
    """Whether a field of kind `left` can be mapped to a field of kind `right`, and how."""
    to_right, to_left = _carried(left, right), _carried(right, left)
    if to_right and to_left:
        return Fit(
            Flow.BOTH,
            said(
                "%(left)s and %(right)s: %(how)s",
                left=left.value,
                right=right.value,
                how=to_right,
            ),
        )
    if to_right or to_left:
        flow = Flow.TO_RIGHT if to_right else Flow.TO_LEFT
        source, target = (left, right) if to_right else (right, left)
        return Fit(
            flow,
            said(
                "%(left)s to %(right)s only: %(how)s",
                left=source.value,
                right=target.value,
                how=to_right or to_left,
            ),
        )
    if not handler(left).writable and not handler(right).writable:
        return Fit(
            None, said("neither side can be written: map %(left)s to a text field", left=left.value)
        )
    return Fit(
        None,
        said(
            "%(left)s cannot be carried to %(right)s, nor back: map fields of one kind, or "
            "either to a text field",
            left=left.value,
            right=right.value,
        ),
    )


def _carried(source: Kind, target: Kind) -> str | None:
    """How values of `source` become values of `target`; None where they cannot."""
    how = None
    if not handler(target).writable:
        pass
    elif source is target:
        how = _alike(source)
    elif _SEVERAL.get(source) is target:
        how = said("the one value, as the only one of several")
    elif any({source, target} <= alike for alike in (_CHOICES, _LISTS)):
        how = said("by a table of values")
    elif target is Kind.TEXT and source not in _NO_TEXT:
        how = said("people by name, as text") if handler(source).has_users else said("as text")
    return how


def _alike(kind: Kind) -> str:
    own = handler(kind)
    if own.by_transition:
        return said("by a table of values, through transitions of the workflow")
    if own.has_table:
        return said("by a table of values")
    if own.has_users:
        return said("by pairs of people")
    if own.has_issues:
        return said("by pairs of issues")
    return said("as it is")
