"""Looks now and then whether the sites of a profile still have what its mapping names."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from functools import partial

import structlog

from app.database import tenant_transaction, unscoped_transaction
from app.errors import NotFound, Problem
from app.jira.site import SiteError, SiteOpener
from app.language import gettext as _
from app.mapping import profiles
from app.mapping.profiles import StoredProfile
from app.sync import drift_read, drift_store, learned
from app.sync.beside import begin
from app.sync.drift import compare, remembered
from app.sync.drift_store import Drift, Taken
from app.vault.vault import Vault

log = structlog.get_logger(__name__)

LOOKS_A_TICK = 20
WAIT = 30.0  # seconds until a site without room is asked again
LONGEST_DELAY = 3600.0  # seconds
SLOW = 20.0  # seconds that somebody at a page waits for both sites
PATIENCE = 30.0  # seconds that somebody waits for a busy site


class Watch:
    """Looks at profiles. Safe to share between threads and processes."""

    def __init__(self, vault: Vault, open_site: SiteOpener) -> None:
        self._vault, self._open_site = vault, open_site

    def tick(self) -> int:
        """Look at every profile whose time has come. Returns how many looks were taken."""
        with unscoped_transaction() as session:
            found = drift_store.due(session, LOOKS_A_TICK)
        taken = 0
        for profile_id in found:
            try:
                taken += self._tick(profile_id)
            except Exception:  # one profile's fault is not another's
                log.exception("look failed", profile=str(profile_id))
        return taken

    def _tick(self, profile_id: uuid.UUID) -> bool:
        try:
            profile = profiles.load(self._vault, profile_id)
        except NotFound:
            return False  # deleted meanwhile
        with tenant_transaction(profile.left_tenant) as session:
            if drift_store.seed(session, profile_id):
                return False
            taken = drift_store.take(session, self._vault, profile, early=True, over=False)
        if taken is None:
            return False
        try:
            self._look(profile, taken, patience=0.0)
        except Problem as problem:
            self._put_off(profile, taken, problem)
        return True

    def look(self, profile: StoredProfile) -> Drift:
        """Look now, for somebody who waits. Raises Problem where a site is away or has no room for
        it; what was found before stays then."""
        with tenant_transaction(profile.left_tenant) as session:
            drift_store.seed(session, profile.id)
            taken = drift_store.take(session, self._vault, profile, over=True)
        if taken is None:
            raise NotFound(_("There is no such profile."))
        try:
            return self._look(profile, taken, patience=PATIENCE)
        except Problem as problem:
            self._put_off(profile, taken, problem)
            raise

    def look_soon(self, profile: StoredProfile) -> Drift:
        """The same for somebody at a page, who does not wait for a slow site. Raises Problem."""
        try:
            return begin(partial(self.look, profile)).result(SLOW)
        except TimeoutError:
            raise Problem(
                _(
                    "A site answers slowly. It is looked on: open the profile again in a minute to "
                    "see what was found."
                ),
                status=504,
                code="site-slow",
            ) from None

    def read(self, profile: StoredProfile) -> Drift:
        """What the last look found, of what the profile still names."""
        with tenant_transaction(profile.left_tenant) as session:
            return drift_store.read(session, self._vault, profile)

    def _look(self, profile: StoredProfile, taken: Taken, patience: float) -> Drift:
        tenants = profile.tenants
        reader = drift_read.reader_of(self._open_site, tenants, patience)
        with tenant_transaction(profile.left_tenant) as session:
            pairs = learned.read(session, profile.id)
        now, before = drift_read.look(reader, profile.profile, pairs), taken.before
        found = compare(profile.profile, now, before.known)
        known = remembered(profile.profile, now, before.known, found)
        dated = drift_store.dated(found, before.findings, datetime.now(UTC))
        drift = Drift(tuple(dated), known, revision=profile.revision)
        with tenant_transaction(profile.left_tenant) as session:
            at = drift_store.keep(session, self._vault, profile, taken, drift)
            if at is None:  # another took over, and finds the same
                return drift_store.read(session, self._vault, profile)
            learned.forget(session, profile, pairs, now)
        return Drift(drift.findings, known, at, profile.revision)

    def _put_off(self, profile: StoredProfile, taken: Taken, problem: Problem) -> None:
        # The site's words stay out of the row; the engine's own rows and pages tell them.
        delay = min(LONGEST_DELAY, 60.0 * 2 ** min(taken.attempts, 6))
        if isinstance(problem, SiteError) and problem.retry_after is not None:
            delay = max(problem.retry_after, 1.0)
        busy = problem.code == "site-busy"
        with tenant_transaction(profile.left_tenant) as session:
            drift_store.put_off(session, profile, taken, WAIT if busy else delay, failed=not busy)
