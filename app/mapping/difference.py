"""How two mapping documents differ, in sentences. Pure: no I/O, and names come from the caller."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from app.language import gettext as _
from app.mapping import difference_words as words
from app.mapping.difference_tables import constants, people, tables, values
from app.mapping.naming import Names
from app.mapping.profile import FieldMapping, ItemKind, ItemMapping, Profile, Scope, Side
from app.mapping.told import Difference

__all__ = ["Difference", "differences"]


def differences(old: Profile, new: Profile, names: Names | None = None) -> tuple[Difference, ...]:
    """All that `new` says otherwise than `old`, in the order of the document; nothing only where
    both are the same."""
    names = names or Names()
    found = [
        *(one for side in Side for one in _scope(old.scope(side), new.scope(side), side, names)),
        *_fields(old, new, names),
        *people(old.users, new.users, names),
        *_items(old, new, names),
        *_lifecycle(old, new, names),
        *constants(old.moves, new.moves, names),
        *_restricted(old, new, names),
    ]
    return tuple(found)


def _scope(old: Scope, new: Scope, side: Side, names: Names) -> Iterator[Difference]:
    site, where = names.site(side), side.value
    for key, before, after, sentence in (
        ("project", old.project_id, new.project_id, _("The project of %(site)s is another one.")),
        ("issue_type", old.issue_type_id, new.issue_type_id, _("The type of %(site)s is another.")),
    ):
        if before != after:
            yield Difference(f"{where}.{key}", before, after, sentence % {"site": site})
    if old.subtask != new.subtask:
        said = words.yes_no(old.subtask), words.yes_no(new.subtask)
        sentence = _("Whether the type of %(site)s is one of sub-tasks changes.", site=site)
        yield Difference(f"{where}.subtask", *said, sentence)
    if old.filter != new.filter:
        yield Difference(
            f"{where}.filter",
            old.filter,
            new.filter,
            words.filtered(old.filter, new.filter, site),
        )


def _fields(old: Profile, new: Profile, names: Names) -> Iterator[Difference]:
    before = {one.key: one for one in old.fields}
    after = {one.key: one for one in new.fields}
    for key, mapping in after.items():
        if key not in before:
            sentence = words.carried(mapping, names)
            yield Difference(f"fields.{key}", None, words.rule(mapping, names), sentence)
        else:
            yield from _field(before[key], mapping, names)
    for key, mapping in before.items():
        if key not in after:
            sentence = _("%(pair)s is not carried any more.", pair=words.pair(mapping, names))
            yield Difference(f"fields.{key}", words.rule(mapping, names), None, sentence)
    kept = [key for key in before if key in after]
    if kept != [key for key in after if key in before]:
        said = ", ".join(kept), ", ".join(key for key in after if key in before)
        yield Difference("fields", *said, _("The fields are in another order."))


def _field(old: FieldMapping, new: FieldMapping, names: Names) -> Iterator[Difference]:
    where, pair = f"fields.{old.key}", words.pair(new, names)
    if old.flow is not new.flow:
        said = words.flow(old.flow, names), words.flow(new.flow, names)
        sentence = _("%(pair)s is carried %(how)s.", pair=pair, how=said[1])
        yield Difference(f"{where}.flow", *said, sentence)
    if old.policy is not new.policy:
        said = words.policy(old.policy, names), words.policy(new.policy, names)
        sentence = _("Where both sides changed %(pair)s, %(how)s.", pair=pair, how=said[1])
        yield Difference(f"{where}.policy", *said, sentence)
    if old.moment is not new.moment:
        said = words.moment(old.moment), words.moment(new.moment)
        sentence = _("%(pair)s is carried %(when)s.", pair=pair, when=said[1])
        yield Difference(f"{where}.moment", *said, sentence)
    kinds = [(side, old.kind_of(side), new.kind_of(side)) for side in Side]
    for side, before, after in kinds:
        if before is not after:
            name, site = names.field_of(side, new.field(side)), names.site(side)
            sentence = _(
                "%(name)s of %(site)s is read as %(kind)s.",
                name=name,
                site=site,
                kind=after.value.replace("_", " "),
            )
            yield Difference(f"{where}.kind.{side.value}", before.value, after.value, sentence)
    yield from _transform(old, new, pair)
    yield from values(old, new, pair, names)
    yield from tables(old, new, pair)


def _transform(old: FieldMapping, new: FieldMapping, pair: str) -> Iterator[Difference]:
    if old.transform == new.transform:
        return
    if new.transform is None:
        sentence = _("%(pair)s is carried as it is, without a transform.", pair=pair)
    elif old.transform is None:
        sentence = _("%(pair)s is made by a transform.", pair=pair)
    else:
        sentence = _("The transform of %(pair)s is another one.", pair=pair)
    yield Difference(f"fields.{old.key}.transform", old.transform, new.transform, sentence)


def _items(old: Profile, new: Profile, names: Names) -> Iterator[Difference]:
    before = {one.kind: one for one in old.items}
    after = {one.kind: one for one in new.items}
    for kind in ItemKind:
        was, now = before.get(kind), after.get(kind)
        if was is None and now is not None:
            yield _item_begins(now, names)
        elif was is not None and now is None:
            sentence = _("%(items)s are not carried any more.", items=words.items(kind))
            yield Difference(f"items.{kind.value}", words.flow(was.flow, names), None, sentence)
        elif was is not None and now is not None:
            yield from _item(was, now, names)
    order = [kind.value for kind in before], [kind.value for kind in after]
    if order[0] != order[1] and sorted(order[0]) == sorted(order[1]):
        sentence = _("The kinds of items are in another order.")
        yield Difference("items", ", ".join(order[0]), ", ".join(order[1]), sentence)


def _item_begins(item: ItemMapping, names: Names) -> Difference:
    how = words.flow(item.flow, names)
    sentence = _("%(items)s are carried %(how)s.", items=words.items(item.kind), how=how)
    if item.internal:
        allowed = words.sides(item.internal, names)
        more = _("That internal ones cross is allowed by: %(sites)s.", sites=allowed)
        sentence = f"{sentence} {more}"
    return Difference(f"items.{item.kind.value}", None, words.item_rule(item, names), sentence)


def _item(old: ItemMapping, new: ItemMapping, names: Names) -> Iterator[Difference]:
    shown: tuple[tuple[str, Callable[[ItemMapping], str]], ...] = (
        ("flow", lambda one: words.flow(one.flow, names)),
        ("deletions", lambda one: words.yes_no(one.deletions)),
        ("prefix", lambda one: one.prefix or ""),
        ("marker", lambda one: one.marker or ""),
        ("marker_mode", lambda one: one.marker_mode.value),
        ("internal", lambda one: words.sides(one.internal, names)),
        ("limit_mb", lambda one: "" if one.limit_mb is None else str(one.limit_mb)),
        ("types", lambda one: words.rows(one.types)),
    )
    for option, said in shown:
        if getattr(old, option) == getattr(new, option):
            continue
        sentence = words.item_sentence(option, words.items(new.kind), said(new))
        where = f"items.{new.kind.value}.{option}"
        yield Difference(where, said(old) or None, said(new) or None, sentence)


def _lifecycle(old: Profile, new: Profile, names: Names) -> Iterator[Difference]:
    for name in ("deleted", "moved", "archived"):
        before, after = getattr(old.lifecycle, name).value, getattr(new.lifecycle, name).value
        if before != after:
            sentence = words.fate(name, after)
            yield Difference(f"lifecycle.{name}", before, after, sentence)
    for side in Side:
        before = getattr(old.lifecycle, f"{side.value}_closed")
        after = getattr(new.lifecycle, f"{side.value}_closed")
        if before != after:
            sentence = _(
                "The status that twins in %(site)s are closed with is another one.",
                site=names.site(side),
            )
            yield Difference(f"lifecycle.{side.value}_closed", before, after, sentence)


def _restricted(old: Profile, new: Profile, names: Names) -> Iterator[Difference]:
    if old.restricted == new.restricted:
        return
    said = words.sides(old.restricted, names), words.sides(new.restricted, names)
    sentence = (
        _("That issues with a security level cross is allowed by: %(sites)s.", sites=said[1])
        if new.restricted
        else _("No side allows any more that issues with a security level cross.")
    )
    yield Difference("restricted", said[0] or None, said[1] or None, sentence)
