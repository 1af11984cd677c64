"""Sprints: the custom field `gh-sprint` (array of "json"). Jira Cloud gives every sprint that the
issue was in, as `{"id": 7, "name": "Sprint 7", "state": "active"}`, and takes one number."""

from __future__ import annotations

import re
from collections.abc import Mapping

from app.mapping.kinds.identified import OneOf, as_part, need_id
from app.mapping.profile import Kind
from app.mapping.values import Part, UnreadableValueError, Value, register
from app.said import said

_NUMBER = re.compile(r"[0-9]{1,18}")
# The higher, the more it is the sprint now.
_STATES = ("closed", "", "future", "active")
ENDED = "ended"


@register(Kind.SPRINT)
class Sprint(OneOf):
    """The active sprint; else the future one; else the one that ended last.

    An issue can be in one open sprint alone: those that ended are its past, which Jira keeps by
    itself and takes from nobody. So a third part, ENDED, marks one of them: written, it takes the
    issue out of the sprint that it is in.
    """

    kind = Kind.SPRINT

    def read(self, raw: object) -> Value:
        if raw is None:
            return None
        if not isinstance(raw, list):
            return self.entry({"id": raw})  # as it is written
        if not raw:
            return None
        rank, part = max((_rank(one), self.entry(one)) for one in raw)
        return (*part, ENDED) if _STATES[rank[0]] == "closed" else part

    def entry(self, raw: object) -> Part:
        part = super().entry(raw)
        if _NUMBER.fullmatch(part[0]) is None:
            raise UnreadableValueError(self.kind, said("a sprint with a number as its id"), raw)
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

    def identity(self, value: Value) -> Value:
        return super().identity(_whole(value))

    def is_stored_form(self, written: Value, stored: Value) -> bool:
        # Written as nothing, so that the issue's own past is what stays.
        if _has_ended(written) and (stored is None or _has_ended(stored)):
            return True
        return self.same(written, stored)

    def parts(self, value: Value) -> tuple[Part, ...]:
        return super().parts(_whole(value))

    def replace(self, value: Value, found: Mapping[str, Part | None]) -> Value:
        new = super().replace(_whole(value), found)
        return (*new, ENDED) if isinstance(new, tuple) and _has_ended(value) else new

    def text(self, value: Value) -> str:
        return super().text(_whole(value))


def _has_ended(value: Value) -> bool:
    return isinstance(value, tuple) and len(value) == 3 and value[2] == ENDED


def _whole(value: Value) -> Value:
    """The sprint's id and name, whether it has ended or not."""
    return value[:2] if isinstance(value, tuple) and _has_ended(value) else value


def _rank(raw: object) -> tuple[int, str, int]:
    """Which of several sprints is it: by state, then by its end, a moment in UTC, then by id."""
    if not isinstance(raw, Mapping):
        return 0, "", 0
    state, id_ = raw.get("state"), raw.get("id")
    ends = [end for end in (raw.get("completeDate"), raw.get("endDate")) if isinstance(end, str)]
    return (
        _STATES.index(state if isinstance(state, str) and state in _STATES else ""),
        ends[0] if ends else "",
        id_ if isinstance(id_, int) else 0,
    )
