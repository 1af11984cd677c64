"""Days without a time, such as the due date."""

from datetime import date

from app.mapping.profile import Kind
from app.mapping.values import Handler, UnreadableValueError, Value, register
from app.said import said


@register(Kind.DATE)
class Day(Handler):
    """YYYY-MM-DD."""

    def read(self, raw: object) -> Value:
        if raw is None or raw == "":
            return None
        try:
            if isinstance(raw, str):
                return date.fromisoformat(raw).isoformat()
        except ValueError:
            pass
        raise UnreadableValueError(Kind.DATE, said("a day as YYYY-MM-DD"), raw)

    def of_changelog(self, id_: str | None, text: str | None) -> tuple[Value, ...]:
        # The text is a moment, in the site's own form; the id is the day.
        try:
            return (self.read(id_),)
        except UnreadableValueError:
            return ()

    def write(self, value: Value) -> object:
        return value
