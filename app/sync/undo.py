"""Undo: the inverse of what a run or a span of time wrote; shown first, then done.

The old values come from Jira's own changelogs: nothing is kept here but keyed fingerprints, and a
value goes back only where its fingerprint is the one that was noted before the write.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from sqlalchemy.orm import Session

from app.database import tenant_transaction
from app.errors import Problem
from app.jira.site import JiraSite, SiteError, SiteOpener
from app.mapping.profile import Side
from app.mapping.profiles import StoredProfile
from app.mapping.said import said, the_side
from app.sync import budget, runs
from app.sync.fingerprints import of_profile
from app.sync.models import Run
from app.sync.turn import Ring, Turn
from app.sync.undo_done import Done
from app.sync.undo_hold import Hold, alone, let_go_of_the_dead
from app.sync.undo_item_work import undo_items
from app.sync.undo_notes import items_done_by, written_by
from app.sync.undo_plan import Inverse, Left, Restore, Target, Twin, TwinItem, Why
from app.sync.undo_read import Reader, chunks
from app.sync.undo_twins import delete_created
from app.sync.undo_work import Work, put_back
from app.tenants.deeds import Action, Deed, Recorder
from app.vault.vault import Vault

MOST_TRIES = 5
LONGEST_SLEEP = 5.0  # seconds
LONGEST_PATIENCE = 60.0  # seconds

Item = TypeVar("Item", Restore, Twin, TwinItem)


@dataclass(frozen=True)
class _Run:
    """An undo that is under way, and what it may do."""

    id: uuid.UUID
    done: Done
    delete: bool
    unlink: bool


class Undo:
    """Undoes in one profile. `lock_of`: the lock of a lane's jobs."""

    def __init__(
        self,
        vault: Vault,
        open_site: SiteOpener,
        ring: Ring,
        record: Recorder,
        profile: StoredProfile,
        *,
        lock_of: Callable[[uuid.UUID, int], str],
    ) -> None:
        self._vault, self._open_site, self._ring = vault, open_site, ring
        self._record, self._profile, self._lock_of = record, profile, lock_of
        self._tenants = profile.tenants

    def plan(self, target: Target) -> Inverse:
        """The inverse plan. Writes nothing. Raises SiteError, and Problem for a load that has not
        ended."""
        self._refuse_what_goes_on(target)
        for lane in let_go_of_the_dead(self._profile):
            self._ring(self._profile.id, lane)
        notes, items = written_by(self._profile, target), items_done_by(self._profile, target)
        if not notes and not items:
            return Inverse((), (), (), 0)
        return self._reader(self._claim).inverse(notes, items)

    def carry_out(
        self,
        target: Target,
        plan: Inverse,
        *,
        delete: bool,
        unlink: bool = False,
        by: runs.By = runs.COMMAND,
    ) -> tuple[uuid.UUID, Done]:
        """Do what a plan says, as a run of its own. `delete`: also delete the issues that were
        created.

        Raises Problem where another undo of the profile is under way. A site's trouble that lasts
        ends the run; started again, an undo goes on where it was.
        """
        done = Done(already=plan.already, left=list(plan.left))
        with alone(self._profile.id):
            run_id = self._begin(target, plan, by, delete=delete)
            whole = False
            try:
                self._all(_Run(run_id, done, delete, unlink), plan)
                whole = done.trouble is None
            finally:
                self._end(run_id, done, by, stopped=not whole)
        if not delete:
            done.left += [Left.of(twin.spot, Why.CREATED, twin.issue) for twin in plan.twins]
        return run_id, done

    def _refuse_what_goes_on(self, target: Target) -> None:
        """A load would go on making what is being undone. Raises Problem."""
        if target.run_id is None:
            return
        with tenant_transaction(self._profile.left_tenant) as session:
            run = session.get(Run, target.run_id)
        if run is not None and (run.kind, run.state) == (runs.RunKind.LOAD, "running"):
            raise Problem(
                said(
                    "The load has not ended: it would go on creating what is undone. Wait for its "
                    "end, or give it up (`tandem profile load PROFILE --abandon`); then undo it."
                ),
                status=409,
                code="load-unfinished",
            )

    # -- the run

    def _begin(self, target: Target, plan: Inverse, by: runs.By, *, delete: bool) -> uuid.UUID:
        detail: dict[str, str | int | bool | None] = {
            "of": str(target.run_id) if target.run_id else None,
            "since": target.since.isoformat() if target.since else None,
            "until": target.until.isoformat() if target.until else None,
            "fields": len(plan.restores),
            "created": len(plan.twins) if delete else 0,
            "items": len(plan.items),
        }
        with tenant_transaction(self._profile.left_tenant) as session:
            runs.stop_undos(session, self._profile)
            run_id = runs.begin(session, self._profile, runs.RunKind.UNDO, by)
            self._tell(session, by, Action.UNDO_BEGUN, run_id, detail)
        return run_id

    def _end(self, run_id: uuid.UUID, done: Done, by: runs.By, *, stopped: bool) -> None:
        detail: dict[str, str | int | bool | None] = {
            "restored": done.restored,
            "deleted": done.deleted,
            "items": done.items,
            "left": len(done.left),
            "stopped": stopped,
        }
        with tenant_transaction(self._profile.left_tenant) as session:
            runs.end(session, run_id, stopped=stopped)
            self._tell(session, by, Action.UNDO_ENDED, run_id, detail)

    def _tell(
        self,
        session: Session,
        by: runs.By,
        action: Action,
        run_id: uuid.UUID,
        detail: dict[str, str | int | bool | None],
    ) -> None:
        deed = Deed(by.account, action, f"run:{run_id}", detail)
        runs.tell(self._record, session, self._profile, by, deed)

    def _all(self, run: _Run, plan: Inverse) -> None:
        lanes = self._lanes(plan)
        twins = plan.twins if run.delete else ()
        for side in Side:
            self._each(run, _by_lane(side, plan.restores, lanes), put_back)
            # Before the items: a link goes with an issue that it ends at, and changes it otherwise.
            self._each(
                run, _by_lane(side, twins, lanes), partial(delete_created, unlink=run.unlink)
            )
        for side in Side:
            self._each(run, _by_lane(side, plan.items, lanes), undo_items)

    def _each(
        self,
        run: _Run,
        bundles: Iterable[tuple[int, list[Item]]],
        do: Callable[[Work, Side, Sequence[Item]], None],
    ) -> None:
        for lane, ones in bundles:
            if run.done.trouble is None:
                self._patiently(run, lane, ones, do)

    def _lanes(self, plan: Inverse) -> dict[uuid.UUID, int]:
        reader, found = self._reader(_free), {}
        spots = [
            *(one.spot for one in plan.restores),
            *(one.spot for one in plan.twins),
            *(one.spot for one in plan.items),
        ]
        for side in Side:
            ids = sorted({spot.issue_id for spot in spots if spot.side is side})
            for link in reader.links(side, ids).values():
                found[link.id] = link.lane
        return found

    def _patiently(
        self,
        run: _Run,
        lane: int,
        items: Sequence[Item],
        do: Callable[[Work, Side, Sequence[Item]], None],
    ) -> None:
        """Do these while the lane is in our hand; again where a site's trouble may pass."""
        done, side = run.done, items[0].spot.side
        for attempt in range(MOST_TRIES):
            due = [one for one in items if one.spot not in done.settled]
            if done.trouble is not None:
                time.sleep(min(done.trouble.retry_after or 2.0**attempt, LONGEST_PATIENCE))
                done.trouble = None
            # Before the lane is held: its live changes come first, and would wait for us.
            self._claim(side, 2 + 2 * len(due))
            hold = Hold(self._profile, run.id, lane, self._lock_of(self._profile.id, lane))
            try:
                hold.take()
                do(self._work(run, lane, hold), side, due)
            except SiteError as error:
                done.trouble = error
            finally:
                hold.release()
                self._ring(self._profile.id, lane)
            if done.trouble is None or done.trouble.locked_out:
                return

    def _work(self, run: _Run, lane: int, hold: Hold) -> Work:
        turn = Turn(self._vault, self._open_site, self._ring, profile=self._profile, lane=lane)
        turn.sites = self._sites()
        return Work(turn, self._reader(_free), hold, run.id, run.done)

    # -- sites

    def _sites(self) -> dict[Side, JiraSite]:
        return {side: self._open_site(self._tenants[side]) for side in Side}

    def _reader(self, claim: Callable[[Side, float], None]) -> Reader:
        profile = self._profile
        marks = of_profile(self._vault, profile.left_tenant, profile.id, profile.profile)
        return Reader(profile, self._sites(), marks, claim)

    def _claim(self, side: Side, cost: float) -> None:
        """Wait for the background's share of a site's budget. Raises Problem where it is paused."""
        while wait := budget.claim(self._tenants[side], budget.Kind.BACKGROUND, cost):
            with tenant_transaction(self._profile.left_tenant) as session:
                hold = budget.standing(session, self._profile).hold
            if hold is not None and hold.paused:
                raise Problem(
                    said(
                        "The site on %(side)s, or its partner, does not let Tandem in. Mend "
                        "that, then start the undo again: it goes on.",
                        side=the_side(side),
                    )
                )
            time.sleep(min(wait, LONGEST_SLEEP))


def _free(side: Side, cost: float) -> None:
    """Claim nothing: it was claimed before."""


def _by_lane(
    side: Side, items: Sequence[Item], lanes: Mapping[uuid.UUID, int]
) -> Iterator[tuple[int, list[Item]]]:
    """What is of one side, lane by lane, the fields of so many issues at a time."""
    found: dict[int, dict[int, list[Item]]] = {}
    for one in items:
        if one.spot.side is side:
            issues = found.setdefault(lanes.get(one.spot.link_id, 0), {})
            issues.setdefault(one.spot.issue_id, []).append(one)
    for lane, issues in sorted(found.items()):
        for ids in chunks(sorted(issues)):
            yield lane, [one for issue_id in ids for one in issues[issue_id]]
