"""What fills in the screens of moves: the writes of the same plan, what the issue holds already,
and the constants of the mapping."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from app.jira.cloud_transitions import COMMENT
from app.jira.site import JiraSite, Transition
from app.mapping.profile import Kind, Profile, Side
from app.mapping.values import Value, handler
from app.sync.plan import Snapshot, Write

EMPTY: tuple[object, ...] = (None, "", [], {})


class Screens:
    """The screens of the moves of one issue. Costs a call where a move wants a field of which
    nothing is known, and no more than one for each status looked at."""

    def __init__(
        self,
        site: JiraSite,
        issue_id: int,
        *,
        writes: Sequence[Write],
        read: Mapping[str, bool],
        constants: Mapping[str, Any],
        nowhere_else: Collection[str] = (),
    ) -> None:
        """`read`: by field id, whether the issue holds a value, as far as that is known.
        `nowhere_else`: fields that the edit screen lacks."""
        self._site, self._issue_id = site, issue_id
        self._writes = {one.field: one for one in writes if not _clears(one)}
        self._held = dict(read)
        self._constants = constants
        self._nowhere_else = nowhere_else

    def look(self, moves: Iterable[Transition]) -> None:
        """Ask what the issue holds of the fields that these moves want. Raises SiteError."""
        wanted = {
            name
            for move in moves
            for name, rule in move.fields.items()
            if rule.required and not self._is_fed(name) and name not in self._held
        }
        wanted.discard(COMMENT)  # a new one is wanted, whatever there is
        if wanted:
            found = self._site.fetch([self._issue_id], sorted(wanted)).get(self._issue_id)
            fields = found.fields if found else {}
            self._held |= {name: fields.get(name) not in EMPTY for name in wanted}

    def lacks(self, move: Transition) -> tuple[str, ...]:
        """The names of the fields that a move wants and nothing fills."""
        return tuple(
            rule.name
            for name, rule in move.fields.items()
            if rule.required and not self._is_fed(name) and not self._held.get(name)
        )

    def riders(self, move: Transition, *, last: bool) -> list[Write]:
        """The writes that go with a move: on the last one all that its screen has, before that
        what is wanted, and what has no other place."""
        return [
            self._writes[name]
            for name, rule in move.fields.items()
            if name in self._writes and (last or rule.required or name in self._nowhere_else)
        ]

    def fields(self, move: Transition, *, last: bool) -> dict[str, object]:
        """What is sent with a move."""
        found: dict[str, object] = {
            one.field: handler(one.kind).write(one.value) for one in self.riders(move, last=last)
        }
        for name, rule in move.fields.items():
            if rule.required and name not in found and not self._held.get(name):
                found |= {name: self._constants[name]} if name in self._constants else {}
        return found

    def drop(self, keys: Iterable[str]) -> None:
        """The site refused these writes: they go with no move."""
        gone = set(keys)
        self._writes = {name: one for name, one in self._writes.items() if one.key not in gone}

    def _is_fed(self, name: str) -> bool:
        return name in self._writes or name in self._constants


def held(profile: Profile, side: Side, read: Snapshot) -> dict[str, bool]:
    """Of the mapped fields of a side, by id, whether the issue holds a value."""
    return {
        m.field(side): read.values[m.key] != handler(m.kind_of(side)).empty
        for m in profile.fields
        if m.key in read.values
    }


def constants(profile: Profile, side: Side) -> Mapping[str, Any]:
    """What the mapping gives for fields that a transition of a side wants, by field id."""
    found = {one.field: json.loads(one.value) for one in profile.moves if one.side is side}
    if isinstance(found.get(COMMENT), str):
        found[COMMENT] = handler(Kind.RICH_TEXT).write(_paragraph(found[COMMENT]))
    return found


def _paragraph(text: str) -> Value:
    """A text as a rich text of one paragraph."""
    nodes = [{"type": "paragraph", "content": [{"type": "text", "text": text}]}]
    return handler(Kind.RICH_TEXT).read({"type": "doc", "version": 1, "content": nodes})


def _clears(write: Write) -> bool:
    return write.value == handler(write.kind).empty
