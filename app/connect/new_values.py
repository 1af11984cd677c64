"""A change names a value that is neither in a profile's tables nor among the pairs that were
learned: the field's values may be others now, of which Jira sends no event. Then it is looked."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator

from sqlalchemy import text

from app.connect.events import Chosen
from app.connect.webhook_routes import Route
from app.database import Pipe
from app.mapping.profile import FieldMapping, Profile, Side
from app.mapping.values import handler

REST = 600.0  # seconds between two looks at a profile for this
MOST_TOLD = 10_000  # values in memory
LONGEST_ID = 255

_NEWS = text(
    """
    UPDATE drift d
    SET due_at = least(d.due_at, greatest(now(), d.looked_at + make_interval(secs => :rest)))
    WHERE d.profile_id = :profile AND d.looked_at IS NOT NULL AND NOT EXISTS (
        SELECT FROM value_pair v
        WHERE v.profile_id = :profile AND v.field_key = :key
          AND CASE WHEN :left THEN v.left_id ELSE v.right_id END = :id)
    """
)


class NewValues:
    """Each new value brings a look forward once for each process. Safe between threads."""

    def __init__(self) -> None:
        self._told: set[tuple[uuid.UUID, int, Side, str, str]] = set()

    def bring_forward(
        self, pipe: Pipe, told: Iterable[Chosen], route: Route, profile: Profile
    ) -> None:
        """Have a profile looked at soon where a change names what it does not know."""
        for mapping, id_ in _unknown(told, route.side, profile):
            news = (route.profile_id, route.revision, route.side, mapping.key, id_)
            if news in self._told:
                continue
            if len(self._told) >= MOST_TOLD:
                self._told.clear()
            self._told.add(news)
            left = route.side is Side.LEFT
            asked = {"profile": route.profile_id, "key": mapping.key, "left": left, "id": id_}
            pipe.execute(_NEWS, {**asked, "rest": REST})


def _unknown(
    told: Iterable[Chosen], side: Side, profile: Profile
) -> Iterator[tuple[FieldMapping, str]]:
    """The values that a profile carries and that its tables do not name."""
    for name, id_, words in told:
        for mapping in profile.fields:
            own = handler(mapping.kind_of(side))
            if mapping.field(side) != name or not own.has_table:
                continue
            named = {row.of(side) for row in mapping.values.rows}
            for value in own.of_changelog(id_, words):
                for part, _name in own.parts(value):
                    if 0 < len(part) <= LONGEST_ID and part not in named:
                        yield mapping, part
