"""The parent of an issue, an epic or any other: the system field `parent` (type "issuelink"). Jira
gives `{"id": "10001", "key": …, "fields": …}`, nothing at all where there is none, and takes
`{"id": "10001"}`."""

from __future__ import annotations

from collections.abc import Mapping

from app.mapping.kinds.identified import id_text, need_id
from app.mapping.profile import Kind
from app.mapping.values import Handler, Part, UnreadableValueError, Value, register
from app.said import said


@register(Kind.PARENT)
class Parent(Handler):
    """The parent's issue id as text: keys change. None: it has no parent."""

    has_issues = True
    absent_is_empty = True

    def read(self, raw: object) -> Value:
        if raw is None:
            return None
        id_ = id_text(raw.get("id")) if isinstance(raw, Mapping) else None
        if id_ is None:
            raise UnreadableValueError(Kind.PARENT, said("an issue with its id"), raw)
        return id_

    def write(self, value: Value) -> object:
        return {"id": need_id(Kind.PARENT, value)} if isinstance(value, str) else None

    def of_changelog(self, id_: str | None, text: str | None) -> tuple[Value, ...]:
        known = id_text(id_)
        if known is not None:
            return (known,)
        return () if text else (None,)

    def parts(self, value: Value) -> tuple[Part, ...]:
        return ((value, ""),) if isinstance(value, str) else ()

    def replace(self, value: Value, found: Mapping[str, Part | None]) -> Value:
        part = found[value] if isinstance(value, str) else None
        return None if part is None else part[0]
