"""Who of one site is who on the other, and what people are called. Pure; what it does not know it
adds to what was missed, as `carry` does."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from app.mapping.profile import Row, Side, UserTable
from app.sync.facts import Facts, Miss, Sought


@dataclass(frozen=True)
class People:
    """The people of one profile, by what is known so far."""

    users: UserTable
    facts: Facts
    missed: set[Miss]

    def twin(self, to: Side, account: str) -> str | None:
        """The account on `to` of somebody of the other side; None where there is none, or while
        that is not known."""
        paired = listed(self.users.rows, to, account)
        if paired is not None or not self.users.by_email:
            return paired
        if (to, account) not in self.facts.people:
            self.missed.add(Miss(Sought.PERSON, to, account))
        return self.facts.people.get((to, account))

    def name(self, side: Side, account: str) -> str:
        """What somebody is called on his own side; nothing where he has no name, or while that is
        not known."""
        if (side, account) not in self.facts.names:
            self.missed.add(Miss(Sought.NAME, side, account))
        return self.facts.names.get((side, account)) or ""


def listed(rows: Iterable[Row], to: Side, id_: str) -> str | None:
    """What the first row says that has an id of the other side."""
    return next((row.of(to) for row in rows if row.of(to.other) == id_), None)
