"""Addresses: custom fields of type "url", plain text (schema type "string") in REST v2 and v3."""

from __future__ import annotations

from app.mapping.profile import Kind
from app.mapping.values import Handler, UnreadableValueError, Value, register
from app.said import said


@register(Kind.URL)
class Url(Handler):
    """As it is, trimmed; upper and lower case are different, as in Jira; no address is None."""

    def read(self, raw: object) -> Value:
        if raw is None:
            return None
        if not isinstance(raw, str):
            raise UnreadableValueError(Kind.URL, said("an address as text"), raw)
        return raw.strip() or None

    def of_changelog(self, id_: str | None, text: str | None) -> tuple[Value, ...]:
        return (self.read(text),)

    def write(self, value: Value) -> object:
        return value
