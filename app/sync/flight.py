"""The calls of a batch: what one refusal means for its own pair, and for all the others."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

import structlog

from app.jira.site import SiteError
from app.sync.turn import Pair, Turn

log = structlog.get_logger(__name__)

T = TypeVar("T")

SIDE_BY_SIDE = 4
"""Calls of one lane at a time: a slow site costs its wait once for so many."""


class Flight:
    """Runs the work of pairs. One that a site refuses is parked or put off alone; once a site
    refuses or fails as a whole, no more is begun."""

    def __init__(self, turn: Turn) -> None:
        self._turn = turn
        self._lock = threading.Lock()
        self._failures = 0  # of a site, in a row
        self.ground: SiteError | None = None
        """Why nothing more is begun, if so."""
        self.grounded: list[Pair] = []
        """The pairs that are still to be visited, then."""

    def run(self, pair: Pair, work: Callable[[], T]) -> T | None:
        """Do the work of one pair. None where it failed or was not begun."""
        with self._lock:
            if self.ground is not None:
                self.grounded.append(pair)
                return None
        try:
            done = work()
        except SiteError as error:
            self._refused(pair, error)
            return None
        except Exception as fault:
            # A fault of ours in one issue must not stand in the way of the others.
            log.exception("reconcile failed", profile=str(self._turn.profile.id))
            self._turn.back_off(list(pair.changes), fault)
            return None
        with self._lock:
            self._failures = 0
        return done

    def run_side_by_side(self, works: Sequence[tuple[Pair, Callable[[], T]]]) -> list[T]:
        """Do the work of many pairs, a few at a time. Gives what was done."""
        if len(works) < 2:
            found = [self.run(pair, work) for pair, work in works]
        else:
            with ThreadPoolExecutor(min(SIDE_BY_SIDE, len(works)), "call") as pool:
                # Each in a copy of our context: it holds the application.
                futures = [
                    pool.submit(copy_context().run, self.run, pair, work) for pair, work in works
                ]
                found = [future.result() for future in futures]
        return [one for one in found if one is not None]

    def _refused(self, pair: Pair, error: SiteError) -> None:
        with self._lock:
            failed = error.site_status is None or error.site_status >= 500
            self._failures += failed
            if self.ground is not None or self._is_of_the_site(error):
                self.ground = self.ground or error
                self.grounded.append(pair)
                return
        if error.passing:
            self._turn.back_off(list(pair.changes), error)
        else:
            self._turn.park(pair, error)

    def _is_of_the_site(self, error: SiteError) -> bool:
        """Whether a refusal in one pair holds for all others: an issue must block only itself."""
        if error.site_status == 429:
            return error.limit != "issue"
        if error.locked_out:
            return error.site_status == 401 or not self._lets_us_in(error)
        failed = error.site_status is None or error.site_status >= 500
        return failed and self._failures > 1

    def _lets_us_in(self, error: SiteError) -> bool:
        """Whether the site that forbade one call takes others: then it is about that issue."""
        for side, tenant in self._turn.tenants.items():
            if tenant == error.tenant:
                try:
                    self._turn.sites[side].ask()
                except SiteError:
                    return False
                return True
        return False
