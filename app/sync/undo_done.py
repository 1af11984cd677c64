"""What came of an undo so far."""

from __future__ import annotations

from dataclasses import dataclass, field

from app.jira.site import SiteError
from app.sync.undo_plan import Left, Spot


@dataclass
class Done:
    """What came of an undo so far. `trouble`: a site's refusal or fault that ended it."""

    restored: int = 0
    deleted: int = 0
    items: int = 0
    """Twins of items that were deleted, or are made again."""
    already: int = 0
    left: list[Left] = field(default_factory=list)
    settled: set[Spot] = field(default_factory=set)
    trouble: SiteError | None = None

    def leave(self, left: Left) -> None:
        """Leave something as it is."""
        self.left.append(left)
        self.settled.add(left.spot)

    def is_already(self, spot: Spot) -> None:
        """Nothing is to be done: it is as it was before."""
        self.already += 1
        self.settled.add(spot)
