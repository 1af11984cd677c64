"""Groups: custom group pickers (type "group", array of "group"). Jira gives `groupId` and `name`
(GroupName in Atlassian's OpenAPI document) and takes either; names may change, so it is the id."""

from __future__ import annotations

from app.mapping.kinds.identified import OneOf, SeveralOf
from app.mapping.profile import Kind
from app.mapping.values import NOT_COMPARABLE, NotComparable, UnreadableValueError, Value, register


@register(Kind.GROUP)
class Group(OneOf):
    """One group."""

    kind = Kind.GROUP
    id_key = "groupId"

    def read_webhook(self, raw: object) -> Value | NotComparable:
        try:
            return self.read(raw)
        except UnreadableValueError:
            return NOT_COMPARABLE  # v2 may give the name alone

    def of_changelog(self, id_: str | None, text: str | None) -> tuple[Value, ...]:
        # A changelog has names of groups, not ids.
        return () if id_ or text else (None,)


@register(Kind.GROUPS)
class Groups(SeveralOf):
    """Several groups, in no order."""

    kind = Kind.GROUPS
    id_key = "groupId"

    def read_webhook(self, raw: object) -> Value | NotComparable:
        try:
            return self.read(raw)
        except UnreadableValueError:
            return NOT_COMPARABLE
