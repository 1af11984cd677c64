"""What a value of one site is on the other: value tables, people, names as text.

Pure. What it does not know it notes (`missed`); whoever runs the merge looks that up, adds it to
the facts (`app/sync/lookups.py`) and merges again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from app.mapping.kinds.identified import SeveralOf, in_order
from app.mapping.profile import FieldMapping, Flow, Kind, Missing, Profile, Side
from app.mapping.rich import told
from app.mapping.rich.characters import clean
from app.mapping.rich.known import SENTENCES
from app.mapping.rich.known import Reason as Why
from app.mapping.said import said, the_fields, the_side, together
from app.mapping.transforms import (
    Held,
    Inputs,
    IssueFacts,
    Target,
    TransformFailed,
    compile_expression,
)
from app.mapping.values import Handler, Value, handler
from app.sync.carry_people import People, listed
from app.sync.carry_text import Texts
from app.sync.facts import Facts, Miss, Ref, Sought, TwinIssue
from app.sync.plan import Refused, Snapshot, Stop

BY_NAME = "="
"""Begins the id of what a transform gave by its name alone: found anew by each process."""


class Carrier:
    """Carries the values of one profile, by what is known so far. Is a `plan.Carry`."""

    def __init__(
        self,
        profile: Profile,
        facts: Facts | None = None,
        snapshots: Mapping[Side, Snapshot] | None = None,
        addresses: Mapping[Side, str] = MappingProxyType({}),
    ) -> None:
        """`snapshots`: both issues, or the one that is there yet, for transforms and texts.
        `addresses`: both sites' base URLs, for texts."""
        self._profile = profile
        self._snapshots = snapshots or {}
        self.facts = facts or Facts()
        self.missed: set[Miss] = set()
        self.notes: dict[tuple[str, Side], tuple[str, ...]] = {}
        """What of a text could not be carried as it is, by mapping key and the side carried to."""
        self._everybody = People(profile.users, self.facts, self.missed)
        self._texts = Texts(self._everybody, addresses)

    def __call__(self, mapping: FieldMapping, to: Side, value: Value) -> Value | Refused:
        """The value as it is on `to`; Refused where it has no counterpart there, or while that is
        not known."""
        source, target = handler(mapping.kind_of(to.other)), handler(mapping.kind_of(to))
        if mapping.transform is not None:
            return self._transformed(mapping, to, value, mapping.transform)
        if Kind.RICH_TEXT is mapping.kind_of(to) is mapping.kind_of(to.other):
            return self._text(mapping, to, value)
        return target.empty if value == source.empty else self._paired(mapping, to, value)

    def _paired(self, mapping: FieldMapping, to: Side, value: Value) -> Value | Refused:
        """A value that is something, by what its kind is on both sides."""
        source, target = handler(mapping.kind_of(to.other)), handler(mapping.kind_of(to))
        if source.has_users:
            return self._people(mapping, to, value, source, target)
        if source.has_table and target.has_table:
            return self._from_table(mapping, to, value, source, target)
        if source.has_issues and target.has_issues:
            return self._issues(mapping, to, value, source, target)
        as_text = source is not target and not target.has_table
        return self._plain(mapping, to, target.read(source.text(value)) if as_text else value)

    def _plain(self, mapping: FieldMapping, to: Side, value: Value) -> Value:
        """The value without characters that Jira refuses: they would hold up all that is written
        along with it."""
        plain = _cleaned(value)
        if plain == value:
            return value
        self.notes[mapping.key, to] = (
            together([the_fields(mapping.field(to.other)), SENTENCES[Why.CHARACTERS]], ": "),
        )
        target = handler(mapping.kind_of(to))
        return target.read(target.write(plain))

    def _text(self, mapping: FieldMapping, to: Side, value: Value) -> Value | Refused:
        snapshot = self._snapshots.get(to)
        mine = snapshot.values.get(mapping.key) if snapshot is not None else None
        document, held = (one if isinstance(one, str) else None for one in (value, mine))
        found, carried = self._texts.settled(to, document, held)
        self.notes[mapping.key, to] = tuple(told(carried.degraded))
        if self._texts.waits:
            return Refused(
                said("%(field)s waits for the files that it shows", field=mapping.field(to.other)),
                waits=True,
            )
        if carried.refused is not None:
            return Refused(
                said(
                    "%(field)s is not carried: %(refused)s",
                    field=mapping.field(to.other),
                    refused=carried.refused,
                ),
                stops=Stop.FORMAT,
            )
        return found

    def _transformed(
        self, mapping: FieldMapping, to: Side, value: Value, expression: str
    ) -> Value | Refused:
        """What the mapping's expression makes of both issues. What it gives by name alone is paired
        with what bears that name."""
        target = handler(mapping.kind_of(to))
        inputs = Inputs(
            Held(mapping.kind_of(to.other), value),
            self._held(to.other),
            self._held(to),
            self._about(to.other),
            self._about(to),
            {name: dict(entries) for name, entries in mapping.tables},
        )
        try:
            found = compile_expression(expression).apply(inputs, Target.of(mapping, to))
        except TransformFailed as failed:
            return Refused(failed.sentence, stops=Stop.TRANSFORM)
        if target.has_users:
            return self._own_people(mapping, to, found, target)
        if not target.has_table:
            return self._plain(mapping, to, found)
        named: dict[str, Ref] = {}
        labelled = _labelled(found)
        for id_, name in target.parts(labelled):
            twin = self._twin(mapping, to, id_, name) if BY_NAME in id_ else (id_, name)
            if isinstance(twin, Refused):
                return twin
            named[id_] = twin
        return target.replace(labelled, named)

    def _own_people(
        self, mapping: FieldMapping, to: Side, made: Value, target: Handler
    ) -> Value | Refused:
        """What a transform made, with each person of the source's issue as the twin of that person;
        others are of the side written to."""
        known = {
            account
            for held in self._held(to.other).values()
            if (kind := handler(held.kind)).has_users
            for account, _ in kind.parts(held.value)
        }
        found: dict[str, Ref] = {}
        for account, _ in target.parts(made):
            one = self._person(mapping, to, account) if account in known else account
            if isinstance(one, Refused):
                return one
            found[account] = (one, "")
        return target.replace(made, found)

    def _held(self, side: Side) -> dict[str, Held]:
        snapshot = self._snapshots.get(side)
        return {
            m.field(side): Held(m.kind_of(side), snapshot.values[m.key])
            for m in self._profile.fields
            if snapshot is not None and m.key in snapshot.values
        }

    def _about(self, side: Side) -> IssueFacts:
        snapshot = self._snapshots.get(side)
        return IssueFacts() if snapshot is None else snapshot.about

    def _from_table(
        self, mapping: FieldMapping, to: Side, value: Value, source: Handler, target: Handler
    ) -> Value | Refused:
        found: dict[str, Ref] = {}
        for id_, name in source.parts(value):
            twin = self._twin(mapping, to, id_, name)
            if isinstance(twin, Refused):
                return twin
            found[id_] = twin
        if isinstance(target, SeveralOf) and mapping.flow is Flow.BOTH:
            return in_order(self._kept(mapping, to, found, target))
        return target.replace(value, found)

    def _kept(
        self, mapping: FieldMapping, to: Side, found: Mapping[str, Ref], target: Handler
    ) -> Iterator[Ref]:
        """What several values are on `to`. Where the table makes one of many, those of the many
        that `to` holds already stay: the others' edit says nothing against them."""
        snapshot = self._snapshots.get(to)
        held = target.parts(snapshot.values.get(mapping.key)) if snapshot is not None else ()
        for id_, twin in found.items():
            same = [one for one in held if listed(mapping.values.rows, to.other, one[0]) == id_]
            yield from same or [twin]

    def _twin(self, mapping: FieldMapping, to: Side, id_: str, name: str) -> Ref | Refused:
        table, place = mapping.values, (mapping.key, to, id_)
        paired = listed(table.rows, to, id_)
        if paired is not None:
            return (paired, "")
        if table.by_name or table.missing is Missing.CREATE:
            if place not in self.facts.values:
                self.missed.add(Miss(Sought.VALUE, to, id_, mapping.key, name))
            else:
                found = self.facts.values[place]
                if found is not None:
                    return found
        default = table.default(to) if table.missing is Missing.DEFAULT else None
        if default is not None:
            return (default, "")
        return Refused(
            said(
                "%(field)s '%(name)s' has no twin on %(side)s",
                field=mapping.field(to.other),
                name=name or id_,
                side=the_side(to),
            ),
            stops=Stop.UNPAIRED if table.missing is Missing.FAIL else None,
        )

    def _issues(
        self, mapping: FieldMapping, to: Side, value: Value, source: Handler, target: Handler
    ) -> Value | Refused:
        found: dict[str, Ref] = {}
        for id_, _ in source.parts(value):
            twin = self._twin_issue(mapping, to, id_)
            if isinstance(twin, Refused):
                return twin
            found[id_] = (twin, "")
        return target.replace(value, found)

    def _twin_issue(self, mapping: FieldMapping, to: Side, id_: str) -> str | Refused:
        """The id of an issue's twin. One that is still to be made is waited for; of one that no
        profile carries the mapping says what becomes of the field."""
        table, place = mapping.values, (to, id_)
        paired = listed(table.rows, to, id_)
        if paired is not None:
            return paired
        if place not in self.facts.issues:
            self.missed.add(Miss(Sought.ISSUE, to, id_))
        twin = self.facts.issues.get(place, TwinIssue())
        default = table.default(to) if table.missing is Missing.DEFAULT else None
        found = twin.id or (None if twin.comes else default)
        if found is not None:
            return found
        name = the_fields(mapping.field(to.other))
        if twin.comes:
            sentence = said(
                "%(name)s has no twin on %(side)s yet, and is waited for",
                name=name,
                side=the_side(to),
            )
            return Refused(sentence, stops=Stop.PARENT)
        return Refused(
            said(
                "%(name)s is carried by no profile, so it has no twin on %(side)s",
                name=name,
                side=the_side(to),
            ),
            stops=Stop.UNPAIRED if table.missing is Missing.FAIL else None,
        )

    def _people(
        self, mapping: FieldMapping, to: Side, value: Value, source: Handler, target: Handler
    ) -> Value | Refused:
        found: dict[str, Ref] = {}
        for account, _ in source.parts(value):
            one = (
                self._person(mapping, to, account) if target.has_users else self._name(to, account)
            )
            if isinstance(one, Refused):
                return one
            found[account] = (one, "")
        if target.has_users:
            return self._kept_people(mapping, to, target.replace(value, found), found)
        return target.read(", ".join(sorted(name for name, _ in found.values())))

    def _kept_people(
        self, mapping: FieldMapping, to: Side, made: Value, found: Mapping[str, Ref]
    ) -> Value:
        """The people, and in the place of one those whom `to` holds already and who are that one
        over there, as `_kept` does for values."""
        snapshot = self._snapshots.get(to)
        if mapping.flow is not Flow.BOTH or snapshot is None or not isinstance(made, tuple):
            return made
        users, kept = self._profile.users, set[str]()
        held = handler(mapping.kind_of(to)).parts(snapshot.values.get(mapping.key))
        over_there = {
            one: self._everybody.twin(to.other, one) or users.default(to.other) for one, _ in held
        }
        for account, (twin, _) in found.items():
            kept |= {one for one, other in over_there.items() if other == account} or {twin}
        return tuple(sorted(kept))

    def _person(self, mapping: FieldMapping, to: Side, account: str) -> str | Refused:
        found = self._everybody.twin(to, account) or self._profile.users.default(to)
        return found or Refused(
            said(
                "%(field)s names a person who has no twin on %(side)s",
                field=mapping.field(to.other),
                side=the_side(to),
            ),
            stops=Stop.UNPAIRED if mapping.values.missing is Missing.FAIL else None,
        )

    def _name(self, to: Side, account: str) -> str | Refused:
        name = self._everybody.name(to.other, account)
        return name or Refused(
            said("a person of %(side)s has no name to show", side=the_side(to.other))
        )


def _cleaned(value: Value) -> Value:
    """The value with all of its texts clean; of several, those that nothing is left of go."""
    if isinstance(value, str):
        return clean(value)
    if not isinstance(value, tuple):
        return value
    return tuple(one for part in value if (one := _cleaned(part)) != "" or part == "")


def _labelled(value: Value) -> Value:
    """The value with an id for each of its parts that has but a name."""
    if not isinstance(value, tuple):
        return value
    if len(value) == 2 and value[0] == "" and isinstance(value[1], str):
        return (f"{BY_NAME}{value[1]}", value[1])
    return tuple(_labelled(part) for part in value)
