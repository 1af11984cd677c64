"""Looks up what the merge could not carry for want of knowledge: what bears the same name on the
other side, who shows the same email address there, what somebody is called.

What is found is a pair of ids from then on (`value_pair`), so that a rename breaks nothing; what is
not found is asked again after a while. Names and addresses are never stored.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

from sqlalchemy import text

from app.database import tenant_transaction
from app.jira.site import JiraSite
from app.mapping.profile import FieldMapping, Kind, Missing, Side
from app.mapping.profiles import StoredProfile
from app.mapping.values import handler
from app.sync import lookup_issues
from app.sync.carry import BY_NAME, Carrier, Facts, Miss, Ref, Sought
from app.sync.metadata import Ask, Kept, Metadata, granted
from app.sync.plan import Carry, Plan, Snapshot, Write

T = TypeVar("T")

KEPT_SECONDS = 600.0
"""How long what was found is believed within one process. Of people also what was not found: that
they are looked for costs two calls. A value that is not there is looked for once a batch."""
MOST_KEPT = 1000  # profiles in memory
EVER = float("-inf")  # by the process's clock
# What is set by a transition, on a screen of its own.
_RIDES = frozenset({"resolution", "comment"})
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

    def carrying(self, profile: StoredProfile, ask: Ask, *, creates: bool) -> Carrying:
        """What carries the values of a profile. `creates`: what is missing may be made, and what
        is found is stored; else nothing is written anywhere."""
        return Carrying(self, profile, ask, creates=creates)

    def known(self, profile: StoredProfile) -> _Known:
        """What is known of a profile, not older than it may be."""
        key, now = (profile.id, profile.revision), self.clock()
        found = self._known.get(key)
        if found is None or now - found.since > KEPT_SECONDS:
            if len(self._known) >= MOST_KEPT:
                self._known.clear()
            found = self._known[key] = _Known(now)
        return found


class Carrying:
    """Runs merges of one profile until all that they need is known."""

    def __init__(
        self, lookups: Lookups, profile: StoredProfile, ask: Ask, *, creates: bool
    ) -> None:
        self._lookups, self._profile, self._ask, self._creates = lookups, profile, ask, creates
        self._mappings = {m.key: m for m in profile.profile.fields}
        self._known, self._began = lookups.known(profile), lookups.clock()
        shared = self._known.facts
        self._facts = Facts(dict(shared.values), shared.people, shared.names)
        self._metadata = Metadata(profile.profile, ask, self._known.screens, lookups.clock)

    def settle(self, run: Callable[[Carry], Plan], snapshots: Mapping[Side, Snapshot]) -> Plan:
        """The plan of a merge of these with all that could be found. Raises SiteError."""
        # Which issue is whose twin is asked anew: another lane may link two at any moment.
        facts = replace(self._facts, issues={})
        carrier = Carrier(self._profile.profile, facts, snapshots)
        plan = run(carrier)
        for _ in range(ROUNDS):
            if not carrier.missed:
                break
            missed, carrier.missed = carrier.missed, set()
            self._look_up(missed, facts)
            plan = run(carrier)
        return plan

    def refused(self, side: Side, writes: Iterable[Write]) -> None:
        """A side refused these: what their values were paired with is to be found anew."""
        for write in writes:
            kind = handler(write.kind)
            ids = [id_ for id_, _ in kind.parts(write.value)]
            if ids and not kind.has_issues:
                self._forget(write.key if kind.has_table else "", side, ids)

    def requires(self, side: Side, field_id: str) -> bool:
        """Whether no issue is made on a side without this field. Raises SiteError."""
        rule = self._metadata.create(side, EVER).get(field_id)
        return rule is not None and rule.required

    def off_screen(
        self, side: Side, writes: Sequence[Write], issue_id: int | None
    ) -> dict[str, str]:
        """Which of these a side would refuse for want of a place on its edit screen, or on the
        create screen where there is no issue yet: a sentence each, by mapping key. Raises
        SiteError."""
        plain = [w for w in writes if not handler(w.kind).by_transition and w.field not in _RIDES]
        name = "create" if issue_id is None else "edit"
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
            one.key: f"{one.field} is not on the {name} screen of the {side.value} side"
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
            return self._granted(side, lambda site: site.fetch(wanted, []), nothing)

        now = self._lookups.clock()
        return lookup_issues.IssueLookup(self._profile, fetch, self._known.places, now)

    def _forget(self, key: str, side: Side, gone: Sequence[str]) -> None:
        facts = self._known.facts
        for place, found in list(facts.values.items()):
            if place[:2] == (key, side) and found is not None and found[0] in gone:
                facts.values.pop(place, None)
                self._facts.values.pop(place, None)
        for (where, account), twin in list(facts.people.items()):
            if not key and where is side and twin in gone:
                facts.people.pop((where, account), None)
        self._metadata.forget(side)
        with tenant_transaction(self._profile.left_tenant) as session:
            session.execute(_FORGET[side], {"profile": self._profile.id, "key": key, "ids": gone})

    def _look_up(self, missed: Iterable[Miss], facts: Facts) -> None:
        by_field: dict[tuple[str, Side], list[Miss]] = {}
        people: dict[Side, list[str]] = {}
        names: dict[Side, list[str]] = {}
        issues: dict[Side, list[str]] = {}
        groups = {Sought.PERSON: people, Sought.NAME: names, Sought.ISSUE: issues}
        for miss in sorted(missed, key=lambda one: (one.sought, one.side, one.key, one.id)):
            if miss.sought is Sought.VALUE:
                by_field.setdefault((miss.key, miss.side), []).append(miss)
            else:
                groups[miss.sought].setdefault(miss.side, []).append(miss.id)
        for (key, side), values in by_field.items():
            self._find_values(self._mappings[key], side, values)
        for side, accounts in people.items():
            self._find_people(side, accounts)
        for side, accounts in names.items():
            self._find_names(side, accounts)
        for side, ids in issues.items():
            found = self._issues().twins(side, ids)
            facts.issues.update({(side, id_): twin for id_, twin in found.items()})

    def _find_values(self, mapping: FieldMapping, side: Side, missed: Sequence[Miss]) -> None:
        stored = self._stored(mapping.key, side, [one.id for one in missed])
        found: dict[str, Ref] = {id_: (twin, "") for id_, twin in stored.items()}
        for since in (EVER, self._began):
            rest = [one for one in missed if one.id not in found]
            found |= self._by_name(mapping, side, rest, since) if rest else {}
        if self._creates and mapping.values.missing is Missing.CREATE:
            for one in missed:
                if one.id not in found and one.name:
                    found |= self._create(mapping, side, one)
        fresh = {id_: ref[0] for id_, ref in found.items() if id_ not in stored}
        lasting = {id_: twin for id_, twin in fresh.items() if not id_.startswith(BY_NAME)}
        self._store(mapping.key, side, lasting)
        for one in missed:
            place = (mapping.key, side, one.id)
            self._facts.values[place] = found.get(one.id)
            if one.id in found:
                self._known.facts.values[place] = found[one.id]

    def _by_name(
        self, mapping: FieldMapping, side: Side, missed: Sequence[Miss], since: float
    ) -> dict[str, Ref]:
        """What bears the same names on this side, by the other side's ids. A name that two have is
        nobody's; what is below another value is looked for below its twin."""
        choices = self._choices(mapping, side, [one.name for one in missed], since)
        found: dict[str, Ref] = {}
        for one in sorted(missed, key=lambda miss: len(miss.id)):
            above, slash, _ = one.id.rpartition("/")
            twin = found.get(above) or self._facts.values.get((mapping.key, side, above))
            rows = [row for row in mapping.values.rows if row.of(side.other) == above]
            parent = twin[0] if twin else rows[0].of(side) if rows else ""
            same = [
                (id_, name)
                for id_, name in choices
                if _folded(name) == _folded(one.name)
                and (id_.rpartition("/")[0] == parent if slash else "/" not in id_)
            ]
            if len(same) == 1:
                found[one.id] = same[0]
        return found

    def _choices(
        self, mapping: FieldMapping, side: Side, names: Sequence[str], since: float
    ) -> Sequence[Ref]:
        """What the field takes on this side, as far as the site tells."""
        profile, kind = self._profile.profile, mapping.kind_of(side)
        scope = profile.scope(side)
        ids = int(scope.project_id), int(scope.issue_type_id)
        nothing: list[Ref] = []
        if kind is Kind.RESOLUTION:
            return self._granted(side, lambda site: site.resolutions(), nothing)
        if kind is Kind.STATUS:
            return self._granted(side, lambda site: site.statuses(*ids), nothing)
        if kind in {Kind.GROUP, Kind.GROUPS}:
            return self._granted(side, lambda site: site.groups(names), nothing)
        rule = self._metadata.create(side, since).get(mapping.field(side))
        return handler(kind).choices(list(rule.values)) if rule else nothing

    def _create(self, mapping: FieldMapping, side: Side, miss: Miss) -> dict[str, Ref]:
        """Make a component or a version; nothing where the site will not."""
        kind = mapping.kind_of(side)
        if not handler(kind).can_create:
            return {}
        project = int(self._profile.profile.scope(side).project_id)

        def make(site: JiraSite) -> Ref | None:
            if kind is Kind.COMPONENTS:
                return site.create_component(project, miss.name)
            return site.create_version(project, miss.name)

        made = self._granted(side, make, None)
        self._metadata.forget(side)
        # Where it is refused, another lane may have made it a moment ago.
        return (
            {miss.id: made} if made else self._by_name(mapping, side, [miss], self._lookups.clock())
        )

    def _find_people(self, side: Side, accounts: Sequence[str]) -> None:
        found = self._stored("", side, accounts)
        rest = [one for one in accounts if one not in found]
        nobody: dict[str, str] = {}
        emails = self._granted(side.other, lambda site: site.emails(rest), nobody) if rest else {}
        fresh: dict[str, str] = {}
        for account, email in emails.items():
            twin = self._granted(side, partial(_by_email, email=email), None)
            fresh |= {account: twin} if twin else {}
        self._store("", side, fresh)
        for account in accounts:
            self._known.facts.people[side, account] = (found | fresh).get(account)

    def _find_names(self, side: Side, accounts: Sequence[str]) -> None:
        nobody: dict[str, str] = {}
        names = self._granted(side, lambda site: site.people(accounts), nobody)
        for account in accounts:
            self._known.facts.names[side, account] = names.get(account)

    def _granted(self, side: Side, work: Callable[[JiraSite], T], otherwise: T) -> T:
        return granted(self._ask, side, work, otherwise)

    def _stored(self, key: str, side: Side, ids: Sequence[str]) -> dict[str, str]:
        """The pairs that were found before, by the other side's id."""
        with tenant_transaction(self._profile.left_tenant) as session:
            asked = {"profile": self._profile.id, "key": key, "ids": list(ids)}
            rows = session.execute(_FIND[side], asked).all()
        return {row.theirs: row.ours for row in reversed(rows)}

    def _store(self, key: str, side: Side, pairs: Mapping[str, str]) -> None:
        if not pairs or not self._creates:
            return
        theirs, ours = list(pairs), list(pairs.values())
        left, right = (ours, theirs) if side is Side.LEFT else (theirs, ours)
        values = {
            "profile": self._profile.id,
            "left_tenant": self._profile.left_tenant,
            "right_tenant": self._profile.right_tenant,
            "key": key,
            "lefts": left,
            "rights": right,
        }
        with tenant_transaction(self._profile.left_tenant) as session:
            session.execute(_ADD, values)


def _by_email(site: JiraSite, email: str) -> str | None:
    return site.find_by_email(email)


def _folded(name: str) -> str:
    return " ".join(name.split()).casefold()


def _pairs_of(side: Side) -> tuple[str, str]:
    return (side.value, side.other.value)


_FIND = {
    side: text(
        f"SELECT {other}_id AS theirs, {ours}_id AS ours FROM value_pair"  # noqa: S608
        f" WHERE profile_id = :profile AND field_key = :key AND {other}_id = ANY(:ids)"
        " ORDER BY found_at, left_id, right_id"
    )
    for side in Side
    for ours, other in [_pairs_of(side)]
}
_FORGET = {
    side: text(
        "DELETE FROM value_pair WHERE profile_id = :profile AND field_key = :key"  # noqa: S608
        f" AND {side.value}_id = ANY(:ids)"
    )
    for side in Side
}
_ADD = text(
    """
    INSERT INTO value_pair (profile_id, left_tenant_id, right_tenant_id, field_key, left_id,
                            right_id)
    SELECT :profile, :left_tenant, :right_tenant, :key, n.left_id, n.right_id
    FROM unnest(CAST(:lefts AS text[]), CAST(:rights AS text[])) AS n (left_id, right_id)
    ON CONFLICT DO NOTHING
    """
)
