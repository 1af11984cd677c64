"""What the engine must know of one kind of items; each kind has a module with one of these."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from app.jira.site import Issue, JiraSite, SiteError
from app.mapping.profile import ItemKind, ItemMapping, Side
from app.mapping.rich import Carried
from app.sync.items.media import Media
from app.sync.items.model import Item, ItemLink, Mark, Place
from app.sync.items.neighbours import Neighbour


@dataclass(frozen=True)
class Listing:
    """The items of an issue as they came with it. `whole`: there are no more."""

    items: tuple[Item, ...]
    whole: bool = True


@dataclass(frozen=True)
class Target:
    """Where a twin is written: its site and issue; the source's site, with its address; and the
    files that texts show.

    Not `first`: the source is a twin itself, which says already whose the item is. `tell`: takes a
    sentence for the activity. `carried`: a text as this side is to have it.
    """

    site: JiraSite
    issue: Issue
    mapping: ItemMapping
    source_url: str
    source: JiraSite
    media: Media
    carried: Callable[[str], Carried]
    first: bool = True
    tell: Callable[[str], None] = lambda sentence: None


@dataclass(frozen=True)
class Meeting:
    """Both sides of a pair before the merge: their sites, their items, and the rows as stored.

    `wake`: has another pair visited, once, for an item of the issue that it has on a side.
    """

    sites: Mapping[Side, JiraSite]
    place: Place
    items: Mapping[Side, Sequence[Item]]
    rows: Sequence[ItemLink]
    mapping: ItemMapping
    wake: Callable[[Neighbour, Side, str], None]


class Refusal(SiteError):
    """A twin that must not be sent, or that a site does not keep as it was sent."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail, site_status=400)


class KindOfItem(ABC):
    """Reads and writes the items of one kind. Has no state; every call to a site may raise
    SiteError."""

    kind: ClassVar[ItemKind]
    field: ClassVar[str]
    """The field of an issue that brings the items along; what is refused is told under it."""
    marks_last: ClassVar[bool] = False
    """Whether an item has its mark from its making on, so that one look at it is enough."""

    @abstractmethod
    def read(self, issue: Issue, other: Issue, mapping: ItemMapping) -> Listing | None:
        """The items that came with an issue; None where the site does not show them. `other`: the
        issue that their twins are on."""

    @abstractmethod
    def read_all(
        self, site: JiraSite, issue: Issue, other: Issue, mapping: ItemMapping
    ) -> tuple[Item, ...]:
        """All items of an issue, where more are there than came with it."""

    @abstractmethod
    def marks(self, site: JiraSite, ids: Sequence[str]) -> Mapping[str, Mark | None]:
        """The marks of these items, by id; one that is gone is left out."""

    def meet(self, meeting: Meeting) -> tuple[dict[Side, tuple[Item, ...]], bool]:
        """The items of both sides, with what more can be told of them when both are known; and
        whether to come again, for one of them may be told more of soon."""
        return {side: tuple(meeting.items[side]) for side in Side}, False

    def note(self, to: Target, twins: Mapping[str, tuple[Mark, Item | None]]) -> None:
        """Note the marks of the twins on an issue, for kinds whose items bear none themselves. With
        each twin that was just made comes its item. Where a site does not take the notes, the rows
        know the twins."""
        return

    def ends(self, source: Item, to: Side) -> Mapping[Side, int]:
        """The ids of the other issues that a source and its twin on `to` need."""
        return {}

    @abstractmethod
    def make(self, to: Target, source: Item, mark: Mark) -> Item:
        """Make the twin of a source, with its mark, in one call; as it is stored."""

    @abstractmethod
    def write(self, to: Target, twin: Item, source: Item) -> Item:
        """Write a twin anew from its source; as it is stored then."""

    @abstractmethod
    def delete(self, to: Target, twin: Item) -> bool:
        """Delete a twin. Where it is gone already, a SiteError of 404 says so. False: it was left,
        for it is not ours."""

    @abstractmethod
    def text(self, item: Item) -> str:
        """The whole item for people."""


class NotedKind(KindOfItem):
    """Items that an issue always brings along whole, that are made once and never written anew, and
    whose marks are notes of their issue."""

    def read_all(
        self, site: JiraSite, issue: Issue, other: Issue, mapping: ItemMapping
    ) -> tuple[Item, ...]:
        """See KindOfItem."""
        listing = self.read(issue, other, mapping)
        return listing.items if listing else ()

    def marks(self, site: JiraSite, ids: Sequence[str]) -> Mapping[str, Mark | None]:
        """See KindOfItem. The marks come with the issue, so that nothing is ever looked up."""
        return dict.fromkeys(ids)

    def write(self, to: Target, twin: Item, source: Item) -> Item:
        """See KindOfItem: there is nothing to write anew."""
        return twin
