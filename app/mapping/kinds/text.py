"""Plain text of one or more lines, such as the summary."""

from app.mapping.profile import Kind
from app.mapping.values import Handler, UnreadableValueError, Value, register
from app.said import said


@register(Kind.TEXT)
class Text(Handler):
    """Trimmed at both ends, as Jira stores a summary; line ends are \\n; no text is None."""

    def read(self, raw: object) -> Value:
        if raw is None:
            return None
        if not isinstance(raw, str):
            raise UnreadableValueError(Kind.TEXT, said("text"), raw)
        return raw.replace("\r\n", "\n").strip() or None

    def of_changelog(self, id_: str | None, text: str | None) -> tuple[Value, ...]:
        return (self.read(text),)

    def write(self, value: Value) -> object:
        return value
