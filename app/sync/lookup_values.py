"""Finds the values and people of one site that are those of the other: by the same name, by the
same shown address, or by making what is missing. What is found is stored as a pair of ids."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TypeVar

from sqlalchemy import text

from app.database import tenant_transaction
from app.jira.site import JiraSite, SiteError
from app.mapping.profile import FieldMapping, Kind, Missing, Side
from app.mapping.profiles import StoredProfile
from app.mapping.values import handler
from app.sync.carry import BY_NAME
from app.sync.carry_people import listed
from app.sync.facts import Facts, Miss, Ref
from app.sync.learned import BY_ID, JIRAS_OWN, OPTION
from app.sync.metadata import Ask, Metadata, granted
from app.sync.plan import Write

T = TypeVar("T")

EVER = float("-inf")  # by the process's clock


class ValueLookup:
    """Finds for one batch. `shared`: what the process knows; `facts`: that, and what this batch
    found to be nowhere."""

    def __init__(
        self,
        profile: StoredProfile,
        ask: Ask,
        metadata: Metadata,
        facts: Facts,
        *,
        shared: Facts,
        clock: Callable[[], float],
        creates: bool,
    ) -> None:
        self._profile, self._ask, self._metadata = profile, ask, metadata
        self._facts, self._shared, self._creates = facts, shared, creates
        self._clock, self._began = clock, clock()

    def values(self, mapping: FieldMapping, side: Side, missed: Sequence[Miss]) -> None:
        """Find what is missed of a field for a side. Raises SiteError."""
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
                self._shared.values[place] = found[one.id]

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
            parent = twin[0] if twin else listed(mapping.values.rows, side, above)
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
        return {miss.id: made} if made else self._by_name(mapping, side, [miss], self._clock())

    def people(self, side: Side, accounts: Sequence[str]) -> None:
        """Find who on a side these people of the other are. Raises SiteError."""
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
            self._shared.people[side, account] = (found | fresh).get(account)

    def names(self, side: Side, accounts: Sequence[str]) -> None:
        """Find what these people are called on their own side. Raises SiteError."""
        nobody: dict[str, str] = {}
        names = self._granted(side, lambda site: site.people(accounts), nobody)
        for account in accounts:
            self._shared.names[side, account] = names.get(account)

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

    def refused(self, write: Write, side: Side, ids: Sequence[str]) -> None:
        """A side refused these ids. What they were paired with is to be found anew where they are
        there no more; one that is switched off or archived alone stays paired, as names change."""
        table = handler(write.kind).has_table
        key, shared = write.key if table else "", self._shared
        learned = self._learned(key, side, ids) if table else frozenset(ids)
        gone = [
            one for one in ids if one in learned and not (table and self._has(write, side, one))
        ]
        for place, found in list(shared.values.items()):
            anew = BY_NAME in place[2] and found is not None and found[0] in ids
            if place[:2] == (key, side) and (anew or (found is not None and found[0] in gone)):
                shared.values.pop(place, None)
                self._facts.values.pop(place, None)
        for (where, account), twin in list(shared.people.items()):
            if not key and where is side and twin in gone:
                shared.people.pop((where, account), None)
        self._metadata.forget(side)
        with tenant_transaction(self._profile.left_tenant) as session:
            session.execute(_FORGET[side], {"profile": self._profile.id, "key": key, "ids": gone})

    def _learned(self, key: str, side: Side, ids: Sequence[str]) -> frozenset[str]:
        """Those of a side's ids that pairs were found for."""
        with tenant_transaction(self._profile.left_tenant) as session:
            asked = {"profile": self._profile.id, "key": key, "ids": list(ids)}
            return frozenset(session.execute(_LEARNED[side], asked).scalars())

    def _has(self, write: Write, side: Side, id_: str) -> bool:
        """Whether a side has a value still, though it refused it; False where it does not tell."""
        what = BY_ID.get(write.kind)
        if what is None:
            return False
        if what == OPTION:
            rule = self._metadata.at_hand(side).get(write.field)
            if rule is None or not str(rule.schema.get("custom", "")).startswith(JIRAS_OWN):
                return False  # options of other apps are not told by their ids
        own, project = id_.rpartition("/")[2], int(self._profile.profile.scope(side).project_id)
        try:
            return not self._ask(side, 1, lambda site: site.lacks(what, own, project))
        except SiteError:
            return True  # it is looked at daily as well


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
_LEARNED = {
    side: text(
        f"SELECT DISTINCT {side.value}_id FROM value_pair"  # noqa: S608
        f" WHERE profile_id = :profile AND field_key = :key AND {side.value}_id = ANY(:ids)"
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
