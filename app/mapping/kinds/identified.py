"""Things with an id of their site and a name, such as options and versions: what they share.

Jira gives each as an object with `id` and `name` (options: `value`), or an array of such objects,
in REST v2, v3 and webhooks alike (IssueBean.fields in Atlassian's OpenAPI document), and takes
`{"id": …}`. An item of a changelog has the id in `from` and `to`, and the name beside it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import ClassVar

from app.mapping.profile import Kind
from app.mapping.values import Handler, Part, UnreadableValueError, Value
from app.said import said

_LONGEST_ID = 255
_IDS = re.compile(r"\[?\s*([0-9]+(?:\s*,\s*[0-9]+)*)\s*\]?")


class Identified(Handler):
    """What one and several things with an id share."""

    kind: ClassVar[Kind]
    # The key that has the id, in what Jira gives and takes.
    id_key: ClassVar[str] = "id"
    has_table = True

    def entry(self, raw: object) -> Part:
        """The id and the name of one object. Raises UnreadableValueError."""
        if isinstance(raw, Mapping):
            id_ = id_text(raw.get(self.id_key))
            if id_ is not None:
                names = (raw.get("name"), raw.get("value"))
                return id_, next((name for name in names if isinstance(name, str)), "")
        raise UnreadableValueError(
            self.kind, said("an object with %(id_key)s", id_key=self.id_key), raw
        )

    def reference(self, part: Part) -> object:
        """What names the thing in a write. Raises ValueError for one that has no id yet."""
        return {self.id_key: need_id(self.kind, part[0])}

    def choices(self, allowed: object) -> tuple[Part, ...]:
        found: dict[str, Part] = {}
        for raw in allowed if isinstance(allowed, list) else ():
            try:
                part = self.entry(raw)
            except UnreadableValueError:
                continue
            found[part[0]] = part
        return tuple(found.values())


class OneOf(Identified):
    """One thing: `(id, name)`, or None. Compared by the id."""

    def read(self, raw: object) -> Value:
        return None if raw is None else self.entry(raw)

    def write(self, value: Value) -> object:
        part = as_part(value)
        return None if part is None else self.reference(part)

    def of_changelog(self, id_: str | None, text: str | None) -> tuple[Value, ...]:
        known = id_text(id_)
        if known is not None:
            return ((known, text or ""),)
        return () if text else (None,)

    def identity(self, value: Value) -> Value:
        part = as_part(value)
        return None if part is None else _identity(part)

    def parts(self, value: Value) -> tuple[Part, ...]:
        part = as_part(value)
        return () if part is None else (part,)

    def replace(self, value: Value, found: Mapping[str, Part | None]) -> Value:
        part = as_part(value)
        return None if part is None else found[part[0]]

    def text(self, value: Value) -> str:
        part = as_part(value)
        return "" if part is None else part[1] or part[0]


class SeveralOf(Identified):
    """Several things: a tuple of `(id, name)`, sorted by id, each once. Compared by the ids."""

    empty = ()

    def read(self, raw: object) -> Value:
        if raw is None:
            return ()
        if not isinstance(raw, list):
            raise UnreadableValueError(
                self.kind, said("a list of objects with %(id_key)s", id_key=self.id_key), raw
            )
        return in_order(self.entry(one) for one in raw)

    def write(self, value: Value) -> object:
        return [self.reference(part) for part in self.parts(value)]

    def of_changelog(self, id_: str | None, text: str | None) -> tuple[Value, ...]:
        # An item for each value added or removed, such as that of a version, tells no whole set.
        return ()

    def identity(self, value: Value) -> Value:
        return tuple(_identity(part) for part in self.parts(value))

    def parts(self, value: Value) -> tuple[Part, ...]:
        alone = as_part(value)  # of a field that holds one, carried to one that holds several
        if alone is not None:
            return (alone,)
        found = (as_part(part) for part in value) if isinstance(value, tuple) else ()
        return tuple(part for part in found if part is not None)

    def replace(self, value: Value, found: Mapping[str, Part | None]) -> Value:
        new = [found[id_] for id_, _ in self.parts(value)]
        return in_order(part for part in new if part is not None)

    def text(self, value: Value) -> str:
        return ", ".join(name or id_ for id_, name in self.parts(value))


def id_text(raw: object) -> str | None:
    """An id as text, whether Jira gave it as text or as a number; None for what is no id."""
    if isinstance(raw, str):
        return raw if 0 < len(raw) <= _LONGEST_ID else None
    if isinstance(raw, int) and not isinstance(raw, bool):
        return str(raw) if 0 <= raw < 1 << 63 else None
    return None


def need_id(kind: Kind, id_: str) -> str:
    """The id, which must be there. Raises ValueError for a thing that is not on the site yet."""
    if not id_:
        raise ValueError(f"{kind.value}: a value without an id on this site cannot be written")
    return id_


def as_part(value: Value) -> Part | None:
    """A canonical value as what it is: an id and a name; None for any other."""
    if isinstance(value, tuple) and len(value) == 2:
        id_, name = value
        if isinstance(id_, str) and isinstance(name, str):
            return id_, name
    return None


def in_order(parts: Iterable[Part]) -> tuple[Part, ...]:
    """Each thing once, sorted by id. What has no id yet is told apart by its name."""
    found = {_identity(part): part for part in parts}
    return tuple(sorted(found.values()))


def ids_in_brackets(id_: str | None, text: str | None) -> tuple[Part, ...] | None:
    """The things of a changelog's item that has all ids, as "[10001, 10002]", and all names."""
    if not id_ and not text:
        return ()
    match = _IDS.fullmatch(id_ or "")
    if match is None:
        return None
    ids = [one.strip() for one in match[1].split(",")]
    names = [one.strip() for one in (text or "").split(",")]
    # A comma in a name makes them too many: then the ids have to do.
    return in_order(zip(ids, names if len(names) == len(ids) else [""] * len(ids), strict=True))


def _identity(part: Part) -> str | Part:
    return part[0] or part
