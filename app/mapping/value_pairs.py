"""Which values of two sites say the same: by a table, by name, or by a likeness. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from app.mapping.profile import Row, Side, ValueTable
from app.mapping.values import Part

ALIKE = 80.0
"""How alike two names must be to be suggested, of 100."""

Score = Callable[[str, str], float]
"""How alike two texts are, of 100."""


class How(StrEnum):
    """Where a value's counterpart comes from."""

    TABLE = "table"  # somebody chose it
    NAME = "name"  # it bears the same name
    ALIKE = "alike"  # it is only suggested
    NONE = "none"


@dataclass(frozen=True)
class Paired:
    """A value of one side and its counterpart on the other; `twin` is None where there is none, or
    only a suggestion. `gone`: the table names a value that the site has no more."""

    id: str
    name: str
    how: How
    twin: Part | None = None
    suggested: Part | None = None
    gone: bool = False


def pair_up(
    table: ValueTable, own: Sequence[Part], theirs: Sequence[Part], side: Side, score: Score
) -> list[Paired]:
    """Each value of `own`, which is `side`'s, with its counterpart among `theirs`: those without
    one first, in the site's order."""
    names = dict(theirs)
    same = _by_name(theirs) if table.by_name else {}
    chosen = {row.of(side): row.of(side.other) for row in reversed(table.rows)}

    def paired(id_: str, name: str) -> Paired:
        if id_ in chosen:
            twin = chosen[id_]
            listed = (twin, names.get(twin, twin))
            return Paired(id_, name, How.TABLE, listed, gone=twin not in names)
        if (found := same.get(_folded(name))) is not None:
            return Paired(id_, name, How.NAME, found)
        alike = max(theirs, key=lambda one: score(name, one[1]), default=None)
        if alike is not None and score(name, alike[1]) >= ALIKE:
            return Paired(id_, name, How.ALIKE, suggested=alike)
        return Paired(id_, name, How.NONE)

    found = [paired(*one) for one in own]
    known = {id_ for id_, _ in own}
    found += [
        Paired(id_, id_, How.TABLE, (twin, names.get(twin, twin)), gone=True)
        for id_, twin in chosen.items()
        if id_ not in known
    ]
    return sorted(found, key=lambda one: (one.twin is not None, one.how is not How.ALIKE))


def counterparts(found: Sequence[Paired]) -> int:
    """How many have none."""
    return sum(1 for one in found if one.twin is None)


def with_row(table: ValueTable, side: Side, own: str, twin: str | None) -> tuple[Row, ...]:
    """The rows once `own` of `side` has this counterpart; None takes away the one that it has.

    Rows of other values stay, also such as share the counterpart: several may become one.
    """
    kept = tuple(row for row in table.rows if row.of(side) != own)
    if twin is None:
        return kept
    left, right = (own, twin) if side is Side.LEFT else (twin, own)
    return (*kept, Row(left, right))


def with_suggested(table: ValueTable, side: Side, found: Sequence[Paired]) -> tuple[Row, ...]:
    """The rows with all that is suggested."""
    rows = table
    for one in found:
        if one.suggested is not None:
            made = with_row(rows, side, one.id, one.suggested[0])
            rows = ValueTable(made, rows.by_name, rows.missing)
    return rows.rows


def _by_name(values: Sequence[Part]) -> dict[str, Part]:
    """By name; a name that two have is nobody's."""
    counts = Counter(_folded(name) for _, name in values)
    return {_folded(one[1]): one for one in values if counts[_folded(one[1])] == 1}


def _folded(name: str) -> str:
    return " ".join(name.split()).casefold()
