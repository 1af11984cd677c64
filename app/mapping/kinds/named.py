"""Things that two sites share by name though their ids differ, such as priorities."""

from app.mapping.profile import Kind
from app.mapping.values import Handler, UnreadableValueError, Value, register
from app.said import said


@register(Kind.NAMED)
class Named(Handler):
    """The name, as it is."""

    def read(self, raw: object) -> Value:
        if raw is None:
            return None
        name = raw.get("name") if isinstance(raw, dict) else None
        if not isinstance(name, str):
            raise UnreadableValueError(Kind.NAMED, said("an object with a name"), raw)
        return name

    def of_changelog(self, id_: str | None, text: str | None) -> tuple[Value, ...]:
        return (text or None,)

    def write(self, value: Value) -> object:
        return None if value is None else {"name": value}
