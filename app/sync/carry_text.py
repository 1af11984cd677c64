"""Rich text of one site as the other is to have it: what it names there, and its files. Pure; what
it does not know it adds to what was missed, as `carry` does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from app.mapping.profile import Row, Side, UserTable
from app.mapping.rich import (
    Carried,
    Context,
    File,
    Person,
    carry_edited,
    in_step,
    keeping_media,
    keys_in,
    media_in,
    mentions_in,
)
from app.sync.facts import Facts, Miss, Sought


@dataclass
class Texts:
    """Carries the rich texts of one pair. `addresses`: both sites' base URLs."""

    users: UserTable
    facts: Facts
    addresses: Mapping[Side, str]
    missed: set[Miss] = field(default_factory=set)

    def carried(self, to: Side, document: str | None, mine: str | None) -> Carried:
        """The document as `to` is to have it, where it holds `mine` now. Parts of `mine` that could
        not be carried from there, and that nobody touched over there, stay as they are."""
        if document is None:
            return Carried(None)
        out = self._context(to.other, mine) if mine is not None else self._empty(to.other)
        return carry_edited(document, self._context(to, document), mine, out)

    def settled(
        self, to: Side, document: str | None, mine: str | None
    ) -> tuple[str | None, Carried]:
        """What is to be written on `to`: `mine` itself where that is in step. Files that only
        `mine` shows stay in it: Jira deletes what no text shows any more."""
        carried = self.carried(to, document, mine)
        if mine is None or carried.refused is not None:
            return carried.document, carried
        if in_step(carried.document, mine):
            return mine, carried
        return keeping_media(mine, carried.document), carried

    def _empty(self, to: Side) -> Context:
        return Context(self._address(to.other), self._address(to))

    def _context(self, to: Side, document: str) -> Context:
        source = self._address(to.other)
        return Context(
            source,
            self._address(to),
            self._people(to, mentions_in(document)),
            {one: self.facts.files.get((to, one), File(None)) for one in media_in(document)},
            self._issues(to, keys_in(document, source)),
        )

    def _address(self, side: Side) -> str:
        return self.addresses[side].rstrip("/")

    def _people(self, to: Side, accounts: Iterable[str]) -> dict[str, Person]:
        found: dict[str, Person] = {}
        for account in accounts:
            twin = _row(self.users.rows, to, account) or self._known_person(to, account)
            if twin:
                found[account] = Person(twin, "")
                continue
            place = (to.other, account)
            if place not in self.facts.names:
                self.missed.add(Miss(Sought.NAME, to.other, account))
            found[account] = Person(None, self.facts.names.get(place) or "")
        return found

    def _known_person(self, to: Side, account: str) -> str | None:
        if not self.users.by_email:
            return None
        if (to, account) not in self.facts.people:
            self.missed.add(Miss(Sought.PERSON, to, account))
        return self.facts.people.get((to, account))

    def _issues(self, to: Side, keys: Iterable[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        for key in keys:
            if (to, key) not in self.facts.keys:
                self.missed.add(Miss(Sought.KEY, to, key))
            twin = self.facts.keys.get((to, key))
            if twin is not None:
                found[key] = twin
        return found


def _row(rows: Iterable[Row], to: Side, id_: str) -> str | None:
    return next((row.of(to) for row in rows if row.of(to.other) == id_), None)
