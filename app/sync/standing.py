"""What keeps a thing of a pair out of step now, in words."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from app.mapping.profile import Side


class State(StrEnum):
    """What keeps a field, an item, or a whole pair, out of step."""

    PARKED = "parked"  # a site refused it
    CONFLICT = "conflict"  # a person has to choose
    DECIDED = "decided"  # a person chose, and it is not carried out yet
    LEFT_ALONE = "left-alone"  # a person chose to leave both sides as they are


@dataclass(frozen=True)
class Standing:
    """One reason, in words. `said`: the site's own words, which may hold values of the issue.
    `side`: the side that refused it, where one did. `question`: of a conflict, which one."""

    state: State
    sentence: str
    since: datetime
    cure: str = ""
    said: str = ""
    side: Side | None = None
    question: uuid.UUID | None = None
