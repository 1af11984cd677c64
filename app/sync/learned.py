"""Pairs of ids that were found by name or address: those whose value is gone are forgotten, so that
what bears the name now is found anew."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.mapping.profile import FieldMapping, Kind, Profile, Side
from app.mapping.profiles import StoredProfile
from app.mapping.values import handler
from app.sync.drift_model import Now

MOST_PAIRS = 5_000
MOST_PEOPLE = 300  # of a side, that a look asks for
OPTION = "option"
JIRAS_OWN = "com.atlassian.jira.plugin.system.customfieldtypes:"
BY_ID: Mapping[Kind, str] = {
    Kind.OPTION: OPTION,
    Kind.OPTIONS: OPTION,
    Kind.CASCADE: OPTION,
    Kind.COMPONENTS: "component",
    Kind.VERSIONS: "version",
    Kind.VERSION: "version",
    Kind.PRIORITY: "priority",
    Kind.RESOLUTION: "resolution",
    Kind.STATUS: "status",
    Kind.SPRINT: "sprint",
    Kind.SECURITY: "security",
    Kind.REQUEST_TYPE: "request_type",
    Kind.ORGANIZATIONS: "organization",
}
"""What a site calls a value of a kind where it is asked for one by its id."""
_READ = text(
    """
    SELECT field_key, left_id, right_id FROM value_pair WHERE profile_id = :profile
    ORDER BY random() LIMIT :most
    """
)
_FORGET = text(
    """
    DELETE FROM value_pair
    WHERE profile_id = :profile AND field_key = :key
      AND CASE WHEN :left THEN left_id ELSE right_id END = ANY(:ids)
    """
)


@dataclass(frozen=True)
class Learned:
    """The ids of a profile's learned pairs, by side and by the key of their field; people have the
    key ""."""

    ids: Mapping[tuple[Side, str], Sequence[str]] = field(default_factory=dict)

    def accounts(self, side: Side) -> Sequence[str]:
        """People of a side: in turn, where they are many."""
        return self.ids.get((side, ""), ())[:MOST_PEOPLE]

    def kinds(self, profile: Profile, side: Side) -> set[Kind]:
        """The kinds of the values."""
        return {mapping.kind_of(side) for mapping, _ in self._of_fields(profile, side)}

    def unlisted(self, profile: Profile, side: Side, now: Now) -> Iterator[tuple[Kind, str, str]]:
        """Values that the lists of a site do not have: kind, field and id. They may be switched off
        or archived alone, and issues hold them still."""
        for mapping, ids in self._of_fields(profile, side):
            kind, values = mapping.kind_of(side), now.values(mapping, side) or {}
            yield from ((kind, mapping.field(side), one) for one in ids if one not in values)

    def gone(self, profile: Profile, side: Side, now: Now) -> Iterator[tuple[str, list[str]]]:
        """What the site surely has no more, by the key of the field."""
        told = now.active
        if told is not None:
            # One that is deactivated stays paired: issues hold it still, on both sides.
            yield "", [one for one in self.accounts(side) if one not in told]
        for mapping, ids in self._of_fields(profile, side):
            kind, whole = mapping.kind_of(side), now.values(mapping, side)
            listed = kind in {Kind.GROUP, Kind.GROUPS} and whole is not None
            yield (
                mapping.key,
                [
                    one
                    for one in ids
                    if (kind, one) in now.lacking or (listed and one not in (whole or {}))
                ],
            )

    def _of_fields(
        self, profile: Profile, side: Side
    ) -> Iterator[tuple[FieldMapping, Sequence[str]]]:
        for mapping in profile.fields:
            ids = self.ids.get((side, mapping.key), ())
            if ids and handler(mapping.kind_of(side)).has_table:
                yield mapping, ids


NOTHING = Learned()


def read(session: Session, profile: uuid.UUID) -> Learned:
    """The learned pairs of a profile."""
    found: dict[tuple[Side, str], list[str]] = {}
    for row in session.execute(_READ, {"profile": profile, "most": MOST_PAIRS}):
        found.setdefault((Side.LEFT, row.field_key), []).append(row.left_id)
        found.setdefault((Side.RIGHT, row.field_key), []).append(row.right_id)
    return Learned(found)


def forget(
    session: Session, stored: StoredProfile, learned: Learned, now: Mapping[Side, Now]
) -> int:
    """Forget the pairs of values that are gone. Gives how many."""
    forgotten, profile = 0, stored.profile
    for side, told in now.items():
        for key, ids in learned.gone(profile, side, told):
            if ids:
                asked = {"profile": stored.id, "key": key, "left": side is Side.LEFT, "ids": ids}
                done = session.execute(_FORGET, asked)
                forgotten += done.rowcount  # type: ignore[attr-defined]
    return forgotten
