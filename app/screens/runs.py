"""Runs on the page: plan, apply, load and undo; how far they are, by whom, what came of them."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from typing import Any

from sqlalchemy import text

from app.database import TenantId, tenant_transaction
from app.errors import NotFound, Problem
from app.jira.site import SiteOpener
from app.language import gettext as _
from app.mapping.profile import Side
from app.mapping.profiles import ProfileOverview, StoredProfile
from app.screens import runs_words as words
from app.screens.desk import Desk
from app.screens.rehearsed import crossing, shown_plans
from app.screens.runs_who import Who
from app.screens.runs_words import ErrandShown, RunShown, Step
from app.sync import errands, load_store, rehearsal
from app.sync.errand_work import KeptPlan
from app.sync.errands import About, Errand, Kind
from app.sync.load import Ask, Loads
from app.sync.load_look import look
from app.sync.load_store import Load
from app.sync.planning import Planner
from app.sync.runs import By
from app.tenants.caller import Caller, Permission
from app.tenants.deeds import Recorder
from app.tenants.roles import Standing
from app.vault.vault import Vault

LATEST = 20
A_PAGE = 10
PATIENCE = 15.0  # seconds: somebody waits for it

# A count has a limit: an old run may have written more than is worth the time of a page.
_RUNS = text(
    """
    SELECT r.id, r.profile_id, r.kind, r.state, r.begun_by, r.begun_in, r.begun_at, r.ended_at,
        (SELECT count(*) FROM (SELECT FROM written w WHERE w.run_id = r.id AND NOT w.created
            LIMIT 10000) AS f) AS fields,
        (SELECT count(DISTINCT (w.side, w.issue_id)) FROM (SELECT side, issue_id FROM written
            WHERE run_id = r.id AND created LIMIT 10000) AS w) AS created,
        (SELECT count(*) FROM (SELECT FROM item_written i WHERE i.run_id = r.id LIMIT 10000) AS i)
            AS items,
        (SELECT count(*) FROM change c WHERE c.run_id = r.id AND NOT c.parked) AS due,
        (SELECT count(*) FROM change c WHERE c.run_id = r.id AND c.parked) AS parked
    FROM run r WHERE r.profile_id = ANY(:profiles)
    ORDER BY r.begun_at DESC LIMIT :most
    """
)

_OPTION = re.compile(r"^--[a-z]+: ")
"""How a command names what is wrong, which the page does not."""


class Runs:
    """What the view does for people who may see or map."""

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
        self._who = Who(open_site, desk)

    # -- what there is

    def profiles(self, caller: Caller, standing: Standing) -> list[ProfileOverview]:
        """The profiles that something can be begun for."""
        seen = self._desk.profiles(caller.tenant, standing)
        return [one for one in seen if standing.covers(Permission.MAP, one.own_project)]

    def runs(self, caller: Caller, standing: Standing) -> list[RunShown]:
        """The latest runs of the profiles that the caller may see."""
        seen = {one.id: one for one in self._desk.profiles(caller.tenant, standing)}
        with tenant_transaction(caller.tenant) as session:
            rows = session.execute(_RUNS, {"profiles": list(seen), "most": LATEST}).all()
            loads = {
                row.id: load
                for row in rows
                if row.kind == "load" and (load := load_store.get(session, row.id)) is not None
            }
        return [
            self._run(caller, standing, row, seen[row.profile_id], loads.get(row.id))
            for row in rows
        ]

    def _run(
        self,
        caller: Caller,
        standing: Standing,
        row: Any,
        profile: ProfileOverview,
        load: Load | None,
    ) -> RunShown:
        ended = row.ended_at is not None
        step, notes = words.run_step(row), list[str]()
        if load is not None:
            done = load.read + load.ambiguous + max(0, load.marked - (0 if ended else row.due))
            step = words.load_step(load, done, ended=ended)
            notes = words.load_notes(load, ended=ended, paused=profile.state == "paused")
        elif row.parked:
            notes = [_("%(count)s parked: the activity says why", count=row.parked)]
        may = standing.covers(Permission.MAP, profile.own_project)
        wrote = bool(row.fields or row.created or row.items)
        return RunShown(
            row.id,
            words.kinds()[row.kind],
            profile.name,
            profile.id,
            row.state,
            words.states()[row.state],
            self._who.name(caller, profile, row.begun_by, row.begun_in),
            row.begun_at,
            step,
            tuple(notes),
            may and ended and wrote and row.kind != "undo",
            may and load is not None and not ended,
        )

    def errands(self, caller: Caller, standing: Standing) -> list[ErrandShown]:
        """The latest errand of each profile that the caller may see."""
        seen = {one.id: one for one in self._desk.profiles(caller.tenant, standing)}
        with tenant_transaction(caller.tenant) as session:
            found = errands.listed(session, list(seen))
        return [self._errand(caller, standing, one, seen[one.profile_id]) for one in found]

    def _errand(
        self, caller: Caller, standing: Standing, one: Errand, profile: ProfileOverview
    ) -> ErrandShown:
        held = errands.opened(self._vault, one)
        found, failed = held.get("found", {}), held.get("failed", {})
        tenants = {"left": one.left_tenant_id, "right": one.right_tenant_id}
        sites = {side: self._desk.site_name(TenantId(it)) for side, it in tenants.items()}
        may = standing.covers(Permission.MAP, profile.own_project)
        is_plan, is_undo = one.kind == Kind.PLAN, one.kind == Kind.UNDO_PLAN
        said = _("%(done)s looked at", done=one.done) if one.is_open and one.done else ""
        some = any(found.get(name) for name in ("restores", "items_count", "twins_count"))
        return ErrandShown(
            one.id,
            one.kind,
            words.kinds()[one.kind],
            profile.name,
            profile.id,
            one.state,
            words.states()[one.state],
            self._who.name(caller, profile, one.begun_by, one.begun_in),
            one.begun_at,
            Step(said, one.done, one.about),
            problem=_OPTION.sub("", str(failed.get("detail", ""))),
            lines=words.lines_of(Kind(one.kind), found, sites) if found else (),
            groups=words.plan_groups(found) if is_plan and found else {},
            found=found,
            sites=sites,
            may_apply=may and is_plan and bool(found.get("to_apply")),
            may_undo=may and is_undo and some,
        )

    # -- what is begun

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

    def undo(
        self, caller: Caller, standing: Standing, errand: uuid.UUID, *, delete: bool
    ) -> uuid.UUID:
        """Have an undo done that was shown. `delete`: with the issues that were created, where
        nobody changed them. Raises NotFound, Problem."""
        stored, plan = self._of(caller, standing, errand, Kind.UNDO_PLAN)
        about = About(Kind.UNDO, {"delete": delete}, errand=plan.id, run=plan.of_run)
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
        own = Side.LEFT if stored.left_tenant == caller.tenant else Side.RIGHT
        shown = shown_plans(found, stored.profile, own, crossing(stored.profile, own))
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
