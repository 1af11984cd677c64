"""What this process knows of the screens of a profile's two sides, and of the values they take."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from app.jira.site import FieldRule, JiraSite, SiteError
from app.mapping.profile import Profile, Side

T = TypeVar("T")


class Ask(Protocol):
    """One call to the site of a side. `cost`: in points, for those who count them."""

    def __call__(self, side: Side, cost: float, work: Callable[[JiraSite], T]) -> T:
        """Call. Raises SiteError."""


@dataclass
class _Read:
    """The fields of a screen, and when they were read."""

    at: float
    fields: Mapping[str, FieldRule]


@dataclass
class Kept:
    """What is kept of the screens; shared between the batches of a process."""

    create: dict[Side, _Read] = field(default_factory=dict)
    edit: dict[Side, _Read] = field(default_factory=dict)


class Metadata:
    """Asks for the screens of a profile, and keeps what they say."""

    def __init__(self, profile: Profile, ask: Ask, kept: Kept, clock: Callable[[], float]) -> None:
        self._profile, self._ask, self._kept, self._clock = profile, ask, kept, clock

    def create(self, side: Side, since: float) -> Mapping[str, FieldRule]:
        """The fields of the create screen, not read before that time of the process's clock.
        Nothing where the site does not tell. Raises SiteError."""
        scope = self._profile.scope(side)
        ids = int(scope.project_id), int(scope.issue_type_id)
        return self._fields(self._kept.create, side, since, lambda site: site.create_fields(*ids))

    def edit(self, side: Side, issue_id: int, since: float) -> Mapping[str, FieldRule]:
        """The same of the edit screen, as an issue of the side's type has it."""
        return self._fields(self._kept.edit, side, since, lambda site: site.edit_fields(issue_id))

    def at_hand(self, side: Side) -> Mapping[str, FieldRule]:
        """The fields of a side's screens as far as they were read, without a call."""
        read = [kept.get(side) for kept in (self._kept.create, self._kept.edit)]
        return {name: rule for one in read if one for name, rule in one.fields.items()}

    def knows_edit(self, side: Side) -> bool:
        """Whether the edit screen of a side was read."""
        return side in self._kept.edit

    def note_edit(self, side: Side, fields: Mapping[str, FieldRule]) -> None:
        """The edit screen of a side came along with an issue."""
        self._kept.edit[side] = _Read(self._clock(), fields)

    def forget(self, side: Side) -> None:
        """What is known of a side is out of date."""
        self._kept.create.pop(side, None)
        self._kept.edit.pop(side, None)

    def _fields(
        self,
        kept: dict[Side, _Read],
        side: Side,
        since: float,
        work: Callable[[JiraSite], dict[str, FieldRule]],
    ) -> Mapping[str, FieldRule]:
        found, now = kept.get(side), self._clock()
        if found is None or found.at < since:
            nothing: dict[str, FieldRule] = {}
            found = kept[side] = _Read(now, granted(self._ask, side, work, nothing))
        return found.fields


def granted(ask: Ask, side: Side, work: Callable[[JiraSite], T], otherwise: T) -> T:
    """What a call gives; `otherwise` where the site refuses it to us for good. Raises SiteError."""
    try:
        return ask(side, 1, work)
    except SiteError as error:
        if error.passing or error.site_status == 401:
            raise
        return otherwise
