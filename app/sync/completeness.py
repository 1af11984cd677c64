"""The slow check of a profile's whole scope: does every pair agree, and is every issue paired?

It keeps counts, issue keys and ids of fields. What it reads of an issue is dropped with its page.
"""

from __future__ import annotations

import uuid

import structlog

from app.database import tenant_transaction, unscoped_transaction
from app.errors import NotFound, Problem
from app.jira.site import SiteError, SiteOpener
from app.language import gettext as _
from app.mapping import profiles
from app.mapping.profiles import StoredProfile
from app.sync import completeness_store as rows
from app.sync.completeness_look import Look
from app.sync.completeness_reads import Held
from app.sync.turn import Ring
from app.vault.vault import Vault

log = structlog.get_logger(__name__)

SECOND_LOOK = 5.0  # seconds until what did not agree is looked at again: an edit may be under way
LONGEST_DELAY = 3600.0  # seconds
STEPS_A_TICK = 100


class Completeness:
    """Takes the steps of checks. Safe to share between threads and processes."""

    def __init__(
        self, vault: Vault, open_site: SiteOpener, ring: Ring, second_look: float = SECOND_LOOK
    ) -> None:
        self._vault, self._open_site, self._ring = vault, open_site, ring
        self._second_look = second_look

    def begin(self, profile_id: uuid.UUID) -> None:
        """Begin a check now; one that is under way goes on. Raises NotFound."""
        profile = profiles.working(self._vault, profile_id)
        with tenant_transaction(profile.left_tenant) as session:
            rows.begin(session, profile_id)

    def read(self, profile: StoredProfile) -> rows.Check:
        """The check that runs, or the last one. Raises NotFound before the first."""
        with tenant_transaction(profile.left_tenant) as session:
            found = rows.read(session, [profile.id]).get(profile.id)
        if found is None:
            raise NotFound(_("This profile was never checked."))
        return found

    def tick(self) -> int:
        """Take every step that is due now, of all profiles. Returns how many were taken."""
        with unscoped_transaction() as session:
            found = rows.due(session, STEPS_A_TICK)
        taken = 0
        for profile_id in found:
            try:
                taken += self._tick(profile_id)
            except Exception:  # one profile's fault is not another's
                log.exception("check failed", profile=str(profile_id))
        return taken

    def _tick(self, profile_id: uuid.UUID) -> bool:
        try:
            profile = profiles.working(self._vault, profile_id)
        except NotFound:
            return False  # deleted meanwhile
        with tenant_transaction(profile.left_tenant) as session:
            rows.begin_if_due(session, profile_id)
        return self.step(profile)

    def step(self, profile: StoredProfile) -> bool:
        """Take the next step of a check that is under way; False where none is due."""
        with tenant_transaction(profile.left_tenant) as session:
            check = rows.take(session, profile.id, uuid.uuid4())
        if check is None:
            return False
        look = Look(profile, check, self._vault, self._open_site)
        try:
            step = look.take()
        except Held as held:
            with tenant_transaction(profile.left_tenant) as session:
                rows.put_off(session, check, held.seconds, failed=False)
            return True
        except Problem as problem:
            # The site's words stay out of the row; the engine's own rows and pages tell them.
            delay = min(LONGEST_DELAY, 30.0 * 2 ** min(check.attempts, 7))
            if isinstance(problem, SiteError) and problem.retry_after is not None:
                delay = max(problem.retry_after, 1.0)
            with tenant_transaction(profile.left_tenant) as session:
                rows.put_off(session, check, delay)
            return True
        pause = max(
            step.calls * 60 / check.calls_a_minute, self._second_look if check.suspects else 0
        )
        with tenant_transaction(profile.left_tenant) as session:
            if rows.keep(session, check, pause, finished=step.finished):
                rows.mark(session, profile, step.marks)
            else:
                step.marks.clear()  # another took over, and finds the same
        for lane in {one.lane for one in step.marks}:
            self._ring(profile.id, lane)
        return True
