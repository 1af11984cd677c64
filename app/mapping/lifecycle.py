"""What becomes of a pair whose issue is deleted, moved out of scope or archived. Types only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias


class Why(StrEnum):
    """What happened to an issue as a whole."""

    DELETED = "deleted"
    MOVED = "moved"  # to another project or type: out of the profile's scope
    ARCHIVED = "archived"


class Deleted(StrEnum):
    """What is done on the other side when an issue was deleted."""

    LEAVE = "leave"  # nothing, and that is told
    UNLINK = "unlink"
    COMMENT = "comment"
    CLOSE = "close"  # it is moved to the side's closed status
    DELETE = "delete"  # where Tandem made it


class Moved(StrEnum):
    """What is done when an issue was moved out of the profile's project or type."""

    FOLLOW = "follow"  # the pair goes on
    UNLINK = "unlink"
    COMMENT = "comment"


class Archived(StrEnum):
    """What is done on the other side when an issue was archived."""

    IGNORE = "ignore"
    UNLINK = "unlink"
    COMMENT = "comment"


Deed: TypeAlias = Deleted | Moved | Archived


@dataclass(frozen=True)
class Lifecycle:
    """The choices of a profile. `left_closed`, `right_closed`: the ids of the statuses that a twin
    is closed with. Whatever is done on the other side, but for leave, follow and ignore, the pair
    is ended by it."""

    deleted: Deleted = Deleted.LEAVE
    moved: Moved = Moved.FOLLOW
    archived: Archived = Archived.IGNORE
    left_closed: str | None = None
    right_closed: str | None = None

    def deed(self, why: Why) -> Deed | None:
        """What is to be done; None: nothing, the pair stays as it is."""
        chosen: dict[Why, Deed] = {
            Why.DELETED: self.deleted,
            Why.MOVED: self.moved,
            Why.ARCHIVED: self.archived,
        }
        found = chosen[why]
        return None if found in {Deleted.LEAVE, Moved.FOLLOW, Archived.IGNORE} else found


USUAL = Lifecycle()
