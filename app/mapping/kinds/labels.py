"""Labels: a set of words, in no order."""

from app.mapping.profile import Kind
from app.mapping.values import Handler, UnreadableValueError, Value, register
from app.said import said


@register(Kind.LABELS)
class Labels(Handler):
    """A sorted tuple without doubles. Upper and lower case are different labels, as in Jira."""

    empty = ()

    def read(self, raw: object) -> Value:
        if raw is None:
            return ()
        if not isinstance(raw, list) or not all(isinstance(label, str) for label in raw):
            raise UnreadableValueError(Kind.LABELS, said("a list of words"), raw)
        return tuple(sorted(set(raw)))

    def write(self, value: Value) -> object:
        return list(value) if isinstance(value, tuple) else []

    def of_changelog(self, id_: str | None, text: str | None) -> tuple[Value, ...]:
        return (tuple(sorted(set((text or "").split()))),)  # a label has no space in it

    def text(self, value: Value) -> str:
        return ", ".join(map(str, value)) if isinstance(value, tuple) else ""
