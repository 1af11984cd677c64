"""Runs on the page: plans, loads, applications and undos; how far they are, by whom, and what came
of them."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from typing import Any

from sqlalchemy import text

from app.database import TenantId, tenant_transaction
from app.jira.site import SiteOpener
from app.language import gettext as _
from app.language import tell
from app.mapping.profile import Side
from app.mapping.profile_lists import KnownProfile
from app.mapping.said import side_names
from app.said import unpack
from app.screens import runs_words as words
from app.screens.desk import Desk
from app.screens.runs_who import Who
from app.screens.runs_words import ErrandShown, RunShown, Step
from app.screens.words import Called
from app.sync import errands, load_store
from app.sync.errands import Errand, Kind
from app.sync.load_store import Load
from app.tenants.caller import Caller, Permission
from app.tenants.roles import Standing
from app.vault.vault import Vault

LATEST = 20

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
    """What the view shows to people who may see or map."""

    def __init__(self, vault: Vault, open_site: SiteOpener, desk: Desk) -> None:
        self._vault, self._desk = vault, desk
        self._who = Who(open_site, desk)

    def seen(self, caller: Caller, standing: Standing) -> dict[uuid.UUID, KnownProfile]:
        """The profiles that the caller may see, by id."""
        return {one.id: one for one in self._desk.known(caller.tenant, standing)}

    def runs(
        self, caller: Caller, standing: Standing, seen: Mapping[uuid.UUID, KnownProfile]
    ) -> list[RunShown]:
        """The latest runs of the profiles that the caller may see."""
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
        profile: KnownProfile,
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

    def errands(
        self, caller: Caller, standing: Standing, seen: Mapping[uuid.UUID, KnownProfile]
    ) -> list[ErrandShown]:
        """The latest errand of each profile that the caller may see."""
        with tenant_transaction(caller.tenant) as session:
            found = errands.listed(session, list(seen))
        return [self._errand(caller, standing, one, seen[one.profile_id]) for one in found]

    def _errand(
        self, caller: Caller, standing: Standing, one: Errand, profile: KnownProfile
    ) -> ErrandShown:
        held = errands.opened(self._vault, one)
        found, failed = held.get("found", {}), held.get("failed", {})
        tenants = {"left": one.left_tenant_id, "right": one.right_tenant_id}
        sites = {side: self._desk.site_name(TenantId(it)) for side, it in tenants.items()}
        names = side_names({s: sites[s.value] for s in Side})
        called: Called = {}
        if found:
            read = self._desk.field_names.of_profiles(caller.tenant, [profile.id], ask=True)
            called = read.get(profile.id, {})
        found = words.told(found, sites, called)
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
            span=words.span_words(held.get("asked", {})),
            problem=_OPTION.sub("", tell(unpack(failed.get("detail", "")), names)),
            lines=words.lines_of(Kind(one.kind), found, sites) if found else (),
            groups=words.plan_groups(found, called) if is_plan and found else {},
            found=found,
            sites=sites,
            called=called,
            may_apply=may and is_plan and bool(found.get("to_apply")),
            may_undo=may and is_undo and some,
        )
