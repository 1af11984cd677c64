"""Moments, with a zone: type "datetime", such as "2026-04-25T18:35:14.233+0530" in REST v2, v3 and
webhooks. Jira keeps the moment, not the zone, and shows it in the zone of whoever reads."""

from __future__ import annotations

from datetime import UTC, datetime

from app.mapping.profile import Kind
from app.mapping.values import Handler, UnreadableValueError, Value, register
from app.said import said


@register(Kind.DATETIME)
class Instant(Handler):
    """YYYY-MM-DDTHH:MM:SS.mmmZ: the moment in UTC, to the millisecond."""

    def read(self, raw: object) -> Value:
        if raw is None or raw == "":
            return None
        try:
            moment = datetime.fromisoformat(raw) if isinstance(raw, str) else None
            if moment is not None and moment.tzinfo is not None:
                in_utc = moment.astimezone(UTC).replace(tzinfo=None)
                return in_utc.isoformat(timespec="milliseconds") + "Z"
        except (ValueError, OverflowError):
            pass
        raise UnreadableValueError(Kind.DATETIME, said("a moment with its zone"), raw)

    def of_changelog(self, id_: str | None, text: str | None) -> tuple[Value, ...]:
        # The text is in the site's own form. An id without milliseconds tells less than the field.
        if (id_ or text) and "." not in (id_ or ""):
            return ()
        try:
            return (self.read(id_),)
        except UnreadableValueError:
            return ()

    def write(self, value: Value) -> object:
        # Jira wants an offset without a colon, and takes no Z.
        return value.removesuffix("Z") + "+0000" if isinstance(value, str) else None
