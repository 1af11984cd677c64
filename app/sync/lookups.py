"""Looks up what the merge could not carry for want of knowledge: what bears the same name on the
other side, who shows the same email address there, what somebody is called.

What is found is a pair of ids from then on (`value_pair`), so that a rename breaks nothing; what is
not found is asked again after a while. Names and addresses are never stored.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeVar

from app.jira.site import Issue
from app.mapping.profile import Side
from app.mapping.profiles import StoredProfile
from app.mapping.rich import Carried, File
from app.mapping.said import said, the_side
from app.mapping.values import handler
from app.sync import lookup_issues
from app.sync.carry import Carrier
from app.sync.carry_people import People
from app.sync.carry_text import Texts
from app.sync.facts import Facts, Miss, Sought
from app.sync.lookup_keys import twin_keys
from app.sync.lookup_values import EVER, ValueLookup
from app.sync.metadata import Ask, Kept, Metadata, granted
from app.sync.names import with_names
from app.sync.plan import Carry, Plan, Snapshot, Write

T = TypeVar("T")

KEPT_SECONDS = 600.0
"""How long what was found is believed within one process. Of people also what was not found: that
they are looked for costs two calls. A value that is not there is looked for once a batch."""
MOST_KEPT = 1000  # profiles in memory
# What is set by a transition, on a screen of its own.
_RIDES = frozenset({"resolution", "comment"})
_NONE = File(None)
ROUNDS = 4
"""Merges of one pair: a value, its default and the people of a field may be found one by one."""


@dataclass
class _Known:
    """What a process knows of one revision of a profile."""

    since: float
    facts: Facts = field(default_factory=Facts)
    screens: Kept = field(default_factory=Kept)
    places: lookup_issues.Places = field(default_factory=dict)


class Lookups:
    """What this process knows of values and people. One object; safe to share between threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._known: dict[tuple[uuid.UUID, int], _Known] = {}

    def carrying(
        self, profile: StoredProfile, ask: Ask, address: Callable[[Side], str], *, creates: bool
    ) -> Carrying:
        """What carries the values of a profile. `address`: a side's base URL. `creates`: what is
        missing may be made, and what is found is stored; else nothing is written anywhere."""
        return Carrying(self, profile, ask, address, creates=creates)

    def known(self, profile: StoredProfile) -> _Known:
        """What is known of a profile, not older than it may be."""
        key, now = (profile.id, profile.revision), self.clock()
        found = self._known.get(key)
        if found is None or now - found.since > KEPT_SECONDS:
            if len(self._known) >= MOST_KEPT:
                self._known.clear()
            found = self._known[key] = _Known(now)
        return found


class Files(Protocol):
    """The files of a pair that its texts show."""

    def files(self, to: Side, wanted: Collection[str]) -> dict[str, File]:
        """What these media of the other side are on `to`; what is still to come is left out."""

    def gone(self, side: Side, wanted: Collection[str]) -> frozenset[str]:
        """Which of these media of a side are files of its issue no more."""


class Carrying:
    """Runs merges of one profile until all that they need is known."""

    def __init__(
        self,
        lookups: Lookups,
        profile: StoredProfile,
        ask: Ask,
        address: Callable[[Side], str],
        *,
        creates: bool,
    ) -> None:
        self._address = address
        self._lookups, self._profile, self._ask = lookups, profile, ask
        self._mappings = {m.key: m for m in profile.profile.fields}
        self._known, self._began = lookups.known(profile), lookups.clock()
        shared = self._known.facts
        self._facts = Facts(dict(shared.values), shared.people, shared.names)
        self._metadata = Metadata(profile.profile, ask, self._known.screens, lookups.clock)
        self._values = ValueLookup(
            profile,
            ask,
            self._metadata,
            self._facts,
            shared=shared,
            clock=lookups.clock,
            creates=creates,
        )

    def settle(
        self,
        run: Callable[[Carry], Plan],
        snapshots: Mapping[Side, Snapshot],
        files: Files | None = None,
    ) -> Plan:
        """The plan of a merge of these with all that could be found. Raises SiteError."""
        facts = self._anew()
        carrier = Carrier(self._profile.profile, facts, snapshots, self._addresses())
        plan = self._until_known(lambda: run(carrier), carrier.missed, facts, files)
        return self.named(_noted(plan, carrier))

    def named(self, plan: Plan) -> Plan:
        """The plan with the names of values that were paired by their ids, as far as they are at
        hand."""
        return with_names(plan, *(self._metadata.at_hand(side) for side in Side))

    def text(
        self, to: Side, document: str, mine: str | None, files: Files | None = None
    ) -> tuple[str | None, Carried]:
        """A rich text that is no field, as `to` is to have it where it holds `mine` now. Raises
        SiteError."""
        facts = self._anew()
        people = People(self._profile.profile.users, facts, set())
        texts = Texts(people, self._addresses())
        return self._until_known(
            lambda: texts.settled(to, document, mine), people.missed, facts, files
        )

    def _addresses(self) -> dict[Side, str]:
        return {side: self._address(side) for side in Side}

    def _anew(self) -> Facts:
        """What is known. Which issue is whose twin is asked anew: another lane may link two at any
        moment."""
        return replace(self._facts, issues={}, keys={}, files={}, gone={})

    def _until_known(
        self, run: Callable[[], T], missed: set[Miss], facts: Facts, files: Files | None
    ) -> T:
        found = run()
        for _ in range(ROUNDS):
            if not missed:
                break
            sought = set(missed)
            missed.clear()
            self._look_up(sought, facts, files)
            found = run()
        return found

    def look_anew(self) -> None:
        """Look once more for the people who were not found: somebody wants it tried again."""
        people = self._known.facts.people
        for place in [place for place, twin in list(people.items()) if twin is None]:
            people.pop(place, None)

    def refused(self, side: Side, writes: Iterable[Write]) -> None:
        """A side refused these: what their values were paired with is to be found anew, and so is
        what its screens have."""
        for write in writes:
            self._metadata.forget(side)
            kind = handler(write.kind)
            ids = [id_ for id_, _ in kind.parts(write.value)]
            if ids and not kind.has_issues:
                self._values.refused(write, side, ids)

    def requires(self, side: Side, field_id: str) -> bool:
        """Whether no issue is made on a side without this field. Raises SiteError."""
        rule = self._metadata.create(side, EVER).get(field_id)
        return rule is not None and rule.required

    def lacks_screen(self, side: Side) -> bool:
        """Whether the edit screen of a side is not known yet."""
        return not self._metadata.knows_edit(side)

    def note_screens(self, side: Side, issues: Iterable[Issue]) -> None:
        """Keep the edit screen that came along with issues of the side's type."""
        for issue in issues:
            if issue.edit is not None:
                self._metadata.note_edit(side, issue.edit)

    def off_screen(
        self, side: Side, writes: Sequence[Write], issue_id: int | None
    ) -> dict[str, str]:
        """Which of these a side would refuse for want of a place on its edit screen, or on the
        create screen where there is no issue yet: a sentence each, by mapping key. Raises
        SiteError."""
        plain = [w for w in writes if not handler(w.kind).by_transition and w.field not in _RIDES]
        found: list[Write] = []
        for since in (EVER, self._began) if plain else ():
            screen = (
                self._metadata.create(side, since)
                if issue_id is None
                else self._metadata.edit(side, issue_id, since)
            )
            found = [one for one in plain if screen and one.field not in screen]
            if not found:
                break
        return {
            one.key: (
                said(
                    "%(field)s is not on the create screen of %(side)s",
                    field=one.field,
                    side=the_side(side),
                )
                if issue_id is None
                else said(
                    "%(field)s is not on the edit screen of %(side)s",
                    field=one.field,
                    side=the_side(side),
                )
            )
            for one in found
        }

    def homes_of(self, side: Side, issue_id: str) -> list[lookup_issues.Home]:
        """The profiles that are to make a twin, on this side, of an issue of the other side.
        Raises SiteError."""
        return self._issues().homes(side, [issue_id])[issue_id]

    def _issues(self) -> lookup_issues.IssueLookup:
        def fetch(side: Side, ids: Sequence[str]) -> lookup_issues.Read:
            nothing: lookup_issues.Read = {}
            wanted = [int(one) for one in ids]
            return granted(self._ask, side, lambda site: site.fetch(wanted, []), nothing)

        now = self._lookups.clock()
        return lookup_issues.IssueLookup(self._profile, fetch, self._known.places, now)

    def _look_up(self, missed: Iterable[Miss], facts: Facts, pair_files: Files | None) -> None:
        by_field: dict[tuple[str, Side], list[Miss]] = {}
        people: dict[Side, list[str]] = {}
        names: dict[Side, list[str]] = {}
        issues: dict[Side, list[str]] = {}
        keys: dict[Side, list[str]] = {}
        files: dict[Side, list[str]] = {}
        gone: dict[Side, list[str]] = {}
        groups = {
            Sought.PERSON: people,
            Sought.NAME: names,
            Sought.ISSUE: issues,
            Sought.KEY: keys,
            Sought.FILE: files,
            Sought.GONE: gone,
        }
        for miss in sorted(missed, key=lambda one: (one.sought, one.side, one.key, one.id)):
            if miss.sought is Sought.VALUE:
                by_field.setdefault((miss.key, miss.side), []).append(miss)
            else:
                groups[miss.sought].setdefault(miss.side, []).append(miss.id)
        for (key, side), values in by_field.items():
            self._values.values(self._mappings[key], side, values)
        for side, accounts in people.items():
            self._values.people(side, accounts)
        for side, accounts in names.items():
            self._values.names(side, accounts)
        for side, ids in issues.items():
            found = self._issues().twins(side, ids)
            facts.issues.update({(side, id_): twin for id_, twin in found.items()})
        for side, named in keys.items():
            twins = twin_keys(self._profile, side, named)
            facts.keys.update({(side, key): twins.get(key) for key in named})
        for side, wanted in files.items():
            there = pair_files.files(side, wanted) if pair_files else dict.fromkeys(wanted, _NONE)
            facts.files.update({(side, one): there.get(one) for one in wanted})
        for side, wanted in gone.items():
            lost = pair_files.gone(side, wanted) if pair_files else frozenset()
            facts.gone.update({(side, one): one in lost for one in wanted})


def _noted(plan: Plan, carrier: Carrier) -> Plan:
    """The plan, with what of each text could not be carried as it is."""
    left, right = (
        tuple(
            replace(write, notes=carrier.notes.get((write.key, side), ()))
            for write in plan.writes(side)
        )
        for side in Side
    )
    return replace(plan, left=left, right=right)
