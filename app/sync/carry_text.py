"""Rich text of one site as the other is to have it: what it names there, and its files. Pure; what
it does not know it adds to what was missed, as `carry` does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from app.mapping.profile import Side
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
    would_drop_media,
)
from app.sync.carry_people import People
from app.sync.facts import Miss, Sought


@dataclass
class Texts:
    """Carries the rich texts of one pair. `addresses`: both sites' base URLs."""

    people: People
    addresses: Mapping[Side, str]
    waits: set[str] = field(default_factory=set)
    """The media ids of files that are still to come."""

    def carried(self, to: Side, document: str | None, mine: str | None) -> Carried:
        """The document as `to` is to have it, where it holds `mine` now. Parts of `mine` that could
        not be carried from there, and that nobody touched over there, stay as they are."""
        if document is None:
            return Carried(None)
        out = self._context(to.other, mine) if mine is not None else self._empty(to.other)
        self.waits.clear()  # what `mine` shows is waited for when it is carried itself
        return carry_edited(document, self._context(to, document), mine, out)

    def settled(
        self, to: Side, document: str | None, mine: str | None
    ) -> tuple[str | None, Carried]:
        """What is to be written on `to`: `mine` itself where that is in step. Files that only
        `mine` shows stay in it: Jira deletes what no text shows any more."""
        carried = self.carried(to, document, mine)
        if mine is None or carried.refused is not None:
            return carried.document, carried
        gone = self._gone(to, carried.document, mine)
        if in_step(carried.document, mine, gone):
            return mine, carried
        return keeping_media(mine, carried.document, gone), carried

    def _gone(self, to: Side, document: str | None, mine: str) -> list[str]:
        """The files that `mine` alone shows and that are there no more."""
        dropped = [one.id for one in would_drop_media(mine, document)]
        for one in dropped:
            if (to, one) not in self.people.facts.gone:
                self.people.missed.add(Miss(Sought.GONE, to, one))
        return [one for one in dropped if self.people.facts.gone.get((to, one))]

    def _empty(self, to: Side) -> Context:
        return Context(self._address(to.other), self._address(to))

    def _context(self, to: Side, document: str) -> Context:
        source = self._address(to.other)
        return Context(
            source,
            self._address(to),
            self._people(to, mentions_in(document)),
            {one: self._file(to, one) for one in media_in(document)},
            self._issues(to, keys_in(document, source)),
        )

    def _file(self, to: Side, media: str) -> File:
        place = (to, media)
        if place not in self.people.facts.files:
            self.people.missed.add(Miss(Sought.FILE, to, media))
        found = self.people.facts.files.get(place)
        if place in self.people.facts.files and found is None:
            self.waits.add(media)
        return found or File(None)

    def _address(self, side: Side) -> str:
        return self.addresses[side].rstrip("/")

    def _people(self, to: Side, accounts: Iterable[str]) -> dict[str, Person]:
        found: dict[str, Person] = {}
        for account in accounts:
            twin = self.people.twin(to, account)
            name = "" if twin else self.people.name(to.other, account)
            found[account] = Person(twin, name)
        return found

    def _issues(self, to: Side, keys: Iterable[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        for key in keys:
            if (to, key) not in self.people.facts.keys:
                self.people.missed.add(Miss(Sought.KEY, to, key))
            twin = self.people.facts.keys.get((to, key))
            if twin is not None:
                found[key] = twin
        return found
