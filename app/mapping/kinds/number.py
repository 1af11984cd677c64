"""Numbers, such as story points: JSON numbers in REST v2, v3 and webhooks (type "number")."""

from __future__ import annotations

import math

from app.mapping.profile import Kind
from app.mapping.values import Handler, UnreadableValueError, Value, register
from app.said import said


@register(Kind.NUMBER)
class Number(Handler):
    """A float, as Jira stores it: 3 and 3.0 are one, and so are 0 and -0."""

    def read(self, raw: object) -> Value:
        if raw is None:
            return None
        if isinstance(raw, int | float) and not isinstance(raw, bool):
            try:
                number = float(raw) + 0.0  # makes -0.0 plain 0.0
            except OverflowError:
                number = math.inf
            if math.isfinite(number):
                return number
        raise UnreadableValueError(Kind.NUMBER, said("a number"), raw)

    def of_changelog(self, id_: str | None, text: str | None) -> tuple[Value, ...]:
        if not text:
            return (None,)
        try:
            return (self.read(float(text)),)
        except ValueError:
            return ()

    def write(self, value: Value) -> object:
        return value

    def text(self, value: Value) -> str:
        return "" if value is None else str(value).removesuffix(".0")
