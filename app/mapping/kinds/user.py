"""People: `assignee`, `reporter` and custom user pickers (type "user", array of "user"). Jira gives
and takes `{"accountId": …}` (User in Atlassian's OpenAPI document). Names are never kept."""

from __future__ import annotations

from collections.abc import Mapping

from app.mapping.kinds.identified import id_text, need_id
from app.mapping.profile import Kind
from app.mapping.values import Handler, Part, UnreadableValueError, Value, register
from app.said import said


@register(Kind.USER)
class User(Handler):
    """The account id, or None for nobody."""

    has_users = True

    def read(self, raw: object) -> Value:
        return None if raw is None else _account(Kind.USER, raw)

    def write(self, value: Value) -> object:
        if not isinstance(value, str):
            return None
        return {"accountId": need_id(Kind.USER, value)}

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

    def text(self, value: Value) -> str:
        return _mention(value) if isinstance(value, str) else ""


@register(Kind.USERS)
class Users(Handler):
    """A sorted tuple of account ids, each once."""

    empty = ()
    has_users = True

    def read(self, raw: object) -> Value:
        if raw is None:
            return ()
        if not isinstance(raw, list):
            raise UnreadableValueError(Kind.USERS, said("a list of users"), raw)
        return tuple(sorted({_account(Kind.USERS, one) for one in raw}))

    def write(self, value: Value) -> object:
        return [{"accountId": need_id(Kind.USERS, id_)} for id_, _ in self.parts(value)]

    def parts(self, value: Value) -> tuple[Part, ...]:
        # A text alone is of a field that holds one person, carried to one that holds several.
        found = (value,) if isinstance(value, str) else value if isinstance(value, tuple) else ()
        return tuple((id_, "") for id_ in found if isinstance(id_, str))

    def replace(self, value: Value, found: Mapping[str, Part | None]) -> Value:
        new = [found[id_] for id_, _ in self.parts(value)]
        return tuple(sorted({part[0] for part in new if part is not None}))

    def text(self, value: Value) -> str:
        return ", ".join(_mention(id_) for id_, _ in self.parts(value))


def _account(kind: Kind, raw: object) -> str:
    id_ = raw.get("accountId") if isinstance(raw, Mapping) else None
    if not isinstance(id_, str) or id_text(id_) is None:
        raise UnreadableValueError(kind, said("a user with accountId"), raw)
    return id_


def _mention(account_id: str) -> str:
    return f"[~accountid:{account_id}]"
