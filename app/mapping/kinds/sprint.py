"""Sprints: the custom field `gh-sprint` (array of "json"). Jira Cloud gives every sprint that the
issue was in, as `{"id": 7, "name": "Sprint 7", "state": "active"}`, and takes one number."""

from __future__ import annotations

import re
from collections.abc import Mapping

from app.mapping.kinds.identified import OneOf, as_part, need_id
from app.mapping.profile import Kind
from app.mapping.values import Part, UnreadableValueError, Value, register

_NUMBER = re.compile(r"[0-9]{1,18}")
_STATES = ("closed", "future", "active")


@register(Kind.SPRINT)
class Sprint(OneOf):
    """The active sprint; else the future one; else the one that ended last.

    An issue can be in one open sprint alone: those that ended are its past, which Jira keeps by
    itself, and which no write can change.
    """

    kind = Kind.SPRINT

    def read(self, raw: object) -> Value:
        if raw is None:
            return None
        if not isinstance(raw, list):
            return self.entry({"id": raw})  # as it is written
        sprints = [(_rank(one), self.entry(one)) for one in raw]
        return max(sprints)[1] if sprints else None

    def entry(self, raw: object) -> Part:
        part = super().entry(raw)
        if _NUMBER.fullmatch(part[0]) is None:
            raise UnreadableValueError(self.kind, "a sprint with a number as its id", raw)
        return str(int(part[0])), part[1]

    def write(self, value: Value) -> object:
        part = as_part(value)
        return None if part is None else int(need_id(self.kind, part[0]))

    def of_changelog(self, id_: str | None, text: str | None) -> tuple[Value, ...]:
        # The ids of all sprints, without their states: several do not tell which is the active one.
        if not id_ and not text:
            return (None,)
        one = (id_ or "").strip()
        return ((str(int(one)), text or ""),) if _NUMBER.fullmatch(one) else ()


def _rank(raw: object) -> tuple[int, str, int]:
    """The higher, the more it is the issue's sprint now; ends are moments in UTC."""
    if not isinstance(raw, Mapping):
        return -1, "", 0
    state = raw.get("state")
    ends = [end for end in (raw.get("completeDate"), raw.get("endDate")) if isinstance(end, str)]
    id_ = raw.get("id")
    return (
        _STATES.index(state) if state in _STATES else -1,
        ends[0] if ends else "",
        id_ if isinstance(id_, int) else 0,
    )
