"""How the tables of two mapping documents differ: values, people, look-ups, constants. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from app.language import gettext as _
from app.language import ngettext
from app.mapping import difference_words as words
from app.mapping.naming import Names
from app.mapping.profile import Constant, FieldMapping, Row, Side, UserTable, ValueTable
from app.mapping.told import Difference

_SHOWN = 20  # rows that are told one by one


def values(old: FieldMapping, new: FieldMapping, pair: str, names: Names) -> Iterator[Difference]:
    """Of the table of values of a field."""
    where, was, now = f"fields.{old.key}.values", old.values, new.values
    said = _named(new, names)
    yield from _rows(f"{where}.rows", was, now, _("Values of %(pair)s", pair=pair), said)
    if was.by_name != now.by_name:
        sentence = (
            _("Values of %(pair)s with the same name count as one.", pair=pair)
            if now.by_name
            else _("Values of %(pair)s are not paired by name any more.", pair=pair)
        )
        yield _flag(f"{where}.by_name", old=was.by_name, new=now.by_name, sentence=sentence)
    if was.missing is not now.missing:
        sentence = words.missing(now.missing, pair)
        yield Difference(f"{where}.missing", was.missing.value, now.missing.value, sentence)
    for side in Side:
        if was.default(side) != now.default(side):
            sentence = _(
                "The value that %(pair)s gets in %(site)s where nothing fits is another one.",
                pair=pair,
                site=names.site(side),
            )
            key = f"{where}.{side.value}_default"
            yield Difference(key, was.default(side), now.default(side), sentence)


def people(old: UserTable, new: UserTable, names: Names) -> Iterator[Difference]:
    """Of the table of people."""
    yield from _rows("users.rows", old, new, _("People"), {})
    if old.by_email != new.by_email:
        sentence = (
            _("People who show the same email address count as one.")
            if new.by_email
            else _("People are not paired by their email address any more.")
        )
        yield _flag("users.by_email", old=old.by_email, new=new.by_email, sentence=sentence)
    for side in Side:
        if old.default(side) != new.default(side):
            sentence = _(
                "Who stands in %(site)s for people without a counterpart is another one.",
                site=names.site(side),
            )
            key = f"users.{side.value}_default"
            yield Difference(key, old.default(side), new.default(side), sentence)


def tables(old: FieldMapping, new: FieldMapping, pair: str) -> Iterator[Difference]:
    """Of the look-up tables of a transform."""
    before, after = dict(old.tables), dict(new.tables)
    for name in sorted({*before, *after}):
        if before.get(name) == after.get(name):
            continue
        sentence = _("The look-up table %(name)s of %(pair)s is another one.", name=name, pair=pair)
        said = [
            None if one is None else _entries(one) for one in (before.get(name), after.get(name))
        ]
        yield Difference(f"fields.{old.key}.tables.{name}", said[0], said[1], sentence)
    if old.tables != new.tables and before == after:
        sentence = _("The look-up tables of %(pair)s are in another order.", pair=pair)
        yield Difference(f"fields.{old.key}.tables", ", ".join(before), ", ".join(after), sentence)


def constants(
    old: Sequence[Constant], new: Sequence[Constant], names: Names
) -> Iterator[Difference]:
    """Of what transitions are given."""
    before = {(one.side, one.field): one.value for one in old}
    after = {(one.side, one.field): one.value for one in new}
    for side, field in [*after, *(key for key in before if key not in after)]:
        was, now = before.get((side, field)), after.get((side, field))
        if was == now:
            continue
        told = {"name": names.field_of(side, field), "site": names.site(side)}
        sentence = (
            _("Transitions in %(site)s are not given %(name)s any more.", **told)
            if now is None
            else _("Transitions in %(site)s that want %(name)s are given a value.", **told)
        )
        yield Difference(f"moves.{side.value}.{field}", was, now, sentence)
    if old != new and before == after:
        sentence = _("What transitions are given is in another order.")
        yield Difference("moves", ", ".join(map(str, old)), ", ".join(map(str, new)), sentence)


def _rows(
    where: str,
    old: ValueTable | UserTable,
    new: ValueTable | UserTable,
    what: str,
    said: dict[Row, str],
) -> Iterator[Difference]:
    if old.rows == new.rows:
        return
    added = [one for one in new.rows if one not in old.rows]
    gone = [one for one in old.rows if one not in new.rows]
    told = []
    if added:
        told.append(ngettext("%(num)d pair is new", "%(num)d pairs are new", len(added)))
    if gone:
        told.append(ngettext("%(num)d pair is gone", "%(num)d pairs are gone", len(gone)))
    if not told:
        told.append(_("the pairs are in another order"))
    sentence = _("%(what)s: %(counts)s.", what=what, counts=", ".join(told))
    shown = (gone, added) if added or gone else (list(old.rows), list(new.rows))
    yield Difference(where, _listed(shown[0], said), _listed(shown[1], said), sentence)


def _listed(rows: Sequence[Row], said: dict[Row, str]) -> str | None:
    if not rows:
        return None
    shown = [said.get(one, f"{one.left} = {one.right}") for one in rows[:_SHOWN]]
    if len(rows) > _SHOWN:
        shown.append(_("and %(count)s more", count=len(rows) - _SHOWN))
    return "; ".join(shown)


def _named(mapping: FieldMapping, names: Names) -> dict[Row, str]:
    """The rows of the table with the names of both values, where both are known."""
    left = names.values.get((Side.LEFT, mapping.left), {})
    right = names.values.get((Side.RIGHT, mapping.right), {})
    return {
        row: f"{left[row.left]} = {right[row.right]}"
        for row in mapping.values.rows
        if row.left in left and row.right in right
    }


def _flag(where: str, *, old: bool, new: bool, sentence: str) -> Difference:
    return Difference(where, words.yes_no(old), words.yes_no(new), sentence)


def _entries(entries: Sequence[tuple[str, object]]) -> str:
    shown = [f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in entries[:_SHOWN]]
    if len(entries) > _SHOWN:
        shown.append(_("and %(count)s more", count=len(entries) - _SHOWN))
    return "; ".join(shown)
