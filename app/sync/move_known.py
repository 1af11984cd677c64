"""What this process knows of workflows: which moves were seen in which status. In memory alone."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import TypeAlias

from app.database import TenantId
from app.jira.site import Transition
from app.mapping.profile import Scope
from app.sync.move_path import Graph

KEPT_SECONDS = 600.0
"""How long what was seen is believed. A move that is no longer there is refused, and looked up."""
MOST_KEPT = 20_000  # statuses

_Place: TypeAlias = tuple[TenantId, str, str]


class Workflows:
    """One object a process; safe to share between threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._seen: dict[tuple[_Place, str], tuple[float, tuple[Transition, ...]]] = {}

    def of(self, tenant: TenantId, scope: Scope) -> dict[str, Sequence[Transition]]:
        """What is known of the workflow of a project's issue type, by status."""
        place, now = _place(tenant, scope), self._clock()
        with self._lock:
            return {
                status: moves
                for (where, status), (at, moves) in self._seen.items()
                if where == place and now - at < KEPT_SECONDS
            }

    def saw(self, tenant: TenantId, scope: Scope, status: str, moves: Sequence[Transition]) -> None:
        """Note the moves of a status."""
        with self._lock:
            if len(self._seen) >= MOST_KEPT:
                self._seen.clear()
            self._seen[_place(tenant, scope), status] = self._clock(), tuple(moves)

    def forget(self, tenant: TenantId, scope: Scope, graph: Graph) -> None:
        """Forget the moves of these statuses: one of them was not as it was known."""
        with self._lock:
            for status in graph:
                self._seen.pop((_place(tenant, scope), status), None)


def _place(tenant: TenantId, scope: Scope) -> _Place:
    return tenant, scope.project_id, scope.issue_type_id
