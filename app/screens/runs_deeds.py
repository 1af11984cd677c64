"""What people begin on the page of runs: plans, their application, loads and undos."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import text

from app.database import tenant_transaction
from app.errors import NotFound, Problem
from app.jira.site import SiteOpener
from app.language import gettext as _
from app.mapping.profile import Side
from app.mapping.profiles import StoredProfile
from app.screens.desk import Desk
from app.screens.rehearsed import crossing, shown_plans
from app.sync import errands, rehearsal
from app.sync.errand_work import KeptPlan
from app.sync.errands import About, Errand, Kind
from app.sync.load import Ask, Loads
from app.sync.load_look import look
from app.sync.load_store import Load
from app.sync.planning import Planner
from app.sync.runs import By
from app.tenants.caller import Caller
from app.tenants.deeds import Recorder
from app.tenants.roles import Standing
from app.vault.vault import Vault

A_PAGE = 10
PATIENCE = 15.0  # seconds: somebody waits for it


class RunDeeds:
    """What is begun, for people who may map."""

    def __init__(
        self,
        vault: Vault,
        open_site: SiteOpener,
        record: Recorder,
        ring: Callable[[uuid.UUID, int], None],
        desk: Desk,
        *,
        hands: int,
    ) -> None:
        """`hands`: lanes that workers take at once, for estimates."""
        self._vault, self._open_site, self._desk = vault, open_site, desk
        self._loads = Loads(vault, open_site, ring, record)
        self._hands = hands

    def plan(
        self, caller: Caller, standing: Standing, profile: uuid.UUID, asked: dict[str, Any]
    ) -> uuid.UUID:
        """Have a plan made. Raises NotFound, Problem."""
        stored = self._desk.reached(caller, standing, profile)
        return self._begin(caller, stored, About(Kind.PLAN, asked))

    def apply(self, caller: Caller, standing: Standing, errand: uuid.UUID) -> uuid.UUID:
        """Have a plan applied, if all still is as it was. Raises NotFound, Problem."""
        stored, plan = self._of(caller, standing, errand, Kind.PLAN)
        if stored.revision != plan.revision:
            raise Problem(
                _("The profile was changed since this plan was made. Make a new one."),
                status=409,
                code="plan-outdated",
            )
        return self._begin(caller, stored, About(Kind.APPLY, {}, errand=plan.id))

    def undo_plan(self, caller: Caller, standing: Standing, run: uuid.UUID) -> uuid.UUID:
        """Have it found out what an undo of a run would do. Raises NotFound, Problem."""
        with tenant_transaction(caller.tenant) as session:
            found = session.execute(
                text("SELECT profile_id FROM run WHERE id = :run"), {"run": run}
            ).scalar()
        if found is None:
            raise NotFound(_("There is no such run."))
        try:
            stored = self._desk.reached(caller, standing, found)
        except NotFound:
            raise NotFound(_("There is no such run.")) from None
        return self._begin(caller, stored, About(Kind.UNDO_PLAN, {}, run=run))

    def undo_span(
        self,
        caller: Caller,
        standing: Standing,
        profile: uuid.UUID,
        span: tuple[datetime, datetime],
    ) -> uuid.UUID:
        """Have it found out what an undo would do of all that a profile wrote from one moment on
        and before another. Raises NotFound, Problem."""
        since, until = (one.isoformat() for one in span)
        stored = self._desk.reached(caller, standing, profile)
        return self._begin(caller, stored, About(Kind.UNDO_PLAN, {"since": since, "until": until}))

    def undo(
        self, caller: Caller, standing: Standing, errand: uuid.UUID, *, delete: bool
    ) -> uuid.UUID:
        """Have an undo done that was shown. `delete`: with the issues that were created, where
        nobody changed them. Raises NotFound, Problem."""
        stored, plan = self._of(caller, standing, errand, Kind.UNDO_PLAN)
        asked = errands.opened(self._vault, plan)["asked"] | {"delete": delete}
        about = About(Kind.UNDO, asked, errand=plan.id, run=plan.of_run)
        return self._begin(caller, stored, about)

    def first_load(
        self, caller: Caller, standing: Standing, profile: uuid.UUID
    ) -> tuple[StoredProfile, rehearsal.FirstLoad]:
        """What a load of everything would look at. Raises NotFound, Problem."""
        stored = self._desk.reached(caller, standing, profile)
        return stored, rehearsal.first_load(self._open_site, stored, hands=self._hands)

    def load(self, caller: Caller, stored: StoredProfile, ask: Ask) -> Load:
        """Begin a load, which the workers drive. Raises Problem."""
        if stored.state != "on":
            raise Problem(
                _("The profile is not on, so nothing would be carried. Switch it on first."),
                status=409,
                code="profile-paused",
            )
        if self._loads.unfinished(stored) is not None:
            raise self._unfinished()
        seen = look(stored, self._open_site, ask)
        try:
            return self._loads.begin(stored, ask, seen.reads + seen.sources, self._by(caller))
        except Problem as problem:
            raise self._unfinished() if problem.code == "load-unfinished" else problem from None

    @staticmethod
    def _unfinished() -> Problem:
        return Problem(
            _("A load of this profile has not ended. Wait for it, or give it up in the list."),
            status=409,
            code="load-unfinished",
        )

    def abandon(self, caller: Caller, standing: Standing, profile: uuid.UUID) -> None:
        """Give up the load of a profile. Raises NotFound, Problem."""
        self._loads.abandon(self._desk.reached(caller, standing, profile), self._by(caller))

    def issues(
        self, caller: Caller, standing: Standing, errand: uuid.UUID, page: int
    ) -> tuple[list[dict[str, Any]], int]:
        """A page of what a plan would change, as both sites are now; and how many pages there are.
        Nothing of it is kept. Raises NotFound, Problem."""
        stored, plan = self._of(caller, standing, errand, Kind.PLAN)
        kept = KeptPlan(self._vault, stored, plan.id, plan.revision)
        total = int(errands.opened(self._vault, plan)["found"]["to_apply"])
        wanted = [
            one
            for number, one in enumerate(kept.read())
            if page * A_PAGE <= number < (page + 1) * A_PAGE
        ]
        planner = Planner(self._vault, self._open_site, patience=PATIENCE)
        found = [
            plan_now
            for side in Side
            if (ids := [one.issue_id for one in wanted if one.side is side])
            for plan_now in planner.issues(stored, side, ids)
        ]
        own = stored.side_of(caller.tenant)
        shown = shown_plans(
            found, stored.profile, own, crossing(stored.profile, own), self._desk.sites(stored),
            fields=self._desk.field_names.of_profile(stored),
        )  # fmt: skip
        return shown, -(-total // A_PAGE)

    def _of(
        self, caller: Caller, standing: Standing, errand: uuid.UUID, kind: Kind
    ) -> tuple[StoredProfile, Errand]:
        """An errand of this kind that found something, with its profile. Raises NotFound."""
        gone = NotFound(_("There is no such plan any more: it is kept for a day. Make a new one."))
        with tenant_transaction(caller.tenant) as session:
            found = errands.get(session, errand)
        if found is None or found.kind != kind or found.state != "done":
            raise gone
        try:
            return self._desk.reached(caller, standing, found.profile_id), found
        except NotFound:
            raise gone from None

    def _begin(self, caller: Caller, stored: StoredProfile, about: About) -> uuid.UUID:
        with tenant_transaction(caller.tenant) as session:
            return errands.begin(session, self._vault, stored, self._by(caller), about)

    @staticmethod
    def _by(caller: Caller) -> By:
        return By(caller.actor, caller.tenant)
