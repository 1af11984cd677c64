"""Does what people asked for on the page: takes the steps of their loads, and their errands."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import text

from app.database import tenant_transaction, unscoped_transaction
from app.errors import NotFound, Problem
from app.jira.site import SiteOpener
from app.mapping import profiles
from app.mapping.profile import Side
from app.mapping.profiles import StoredProfile
from app.mapping.said import said
from app.sync import errands, runs
from app.sync.apply import Applier
from app.sync.errand_found import left_told, plan_found, undo_found
from app.sync.errands import Hand, Kind, LostError
from app.sync.load import Loads
from app.sync.plan_file import Planned, planned_of
from app.sync.plan_json import as_json, made_from
from app.sync.planning import Planner
from app.sync.planning_summary import Summary, is_told
from app.sync.planning_types import IssuePlan
from app.sync.turn import Ring
from app.sync.undo import Undo
from app.sync.undo_plan import Target
from app.tenants.deeds import Action, Deed, Recorder
from app.vault.vault import Vault

log = structlog.get_logger(__name__)

LOADS_A_TICK = 50
TICK = 4.0  # seconds that loads may take of a tick
HELD_UP = 60.0  # seconds until a load that cannot go on is tried again
MOST_ISSUES = 20_000
"""So many issues a plan of the page takes; `tandem plan` takes more."""
A_PAGE = 100


class Errands:
    """Takes what is due, of all tenants. Safe to run in several workers at once."""

    def __init__(
        self, vault: Vault, open_site: SiteOpener, ring: Ring, record: Recorder, *, hands: int,
        lock_of: Callable[[uuid.UUID, int], str],
    ) -> None:  # fmt: skip
        """`hands`: lanes that workers take at once; `lock_of`: the lock of a lane's jobs."""
        self._vault, self._open_site, self._ring = vault, open_site, ring
        self._record, self._hands, self._lock_of = record, hands, lock_of

    def tick(self) -> None:
        """Take the steps of loads that are due, then an errand to its end."""
        until = time.monotonic() + TICK
        while self._loads() and time.monotonic() < until:
            pass
        hand = uuid.uuid4()
        taken = errands.take(hand)
        if taken is not None:
            self._errand(*taken, hand)

    # -- loads

    def _loads(self) -> int:
        """One step of each load that is due. Returns how many got on."""
        with unscoped_transaction() as session:
            due = text("SELECT profile_id, run_id FROM tandem_due_loads(:most)")
            rows = session.execute(due, {"most": LOADS_A_TICK}).all()
        loads = Loads(self._vault, self._open_site, self._ring, self._record)
        return sum(self._load(loads, row.profile_id, row.run_id) for row in rows)

    def _load(self, loads: Loads, profile_id: uuid.UUID, run_id: uuid.UUID) -> bool:
        try:
            loads.step(profile_id, run_id)
        except NotFound:
            return False  # deleted meanwhile
        except Problem as problem:  # a person has to do something: the page says what
            log.info("load held up", profile=str(profile_id), code=problem.code)
            self._hold_up(profile_id, run_id)
            return False
        except Exception:  # one load's fault is not another's
            log.exception("load failed", profile=str(profile_id))
            self._hold_up(profile_id, run_id)
            return False
        return True

    def _hold_up(self, profile_id: uuid.UUID, run_id: uuid.UUID) -> None:
        profile = profiles.load(self._vault, profile_id)
        hold = text(
            "UPDATE load SET not_before = now() + make_interval(secs => :seconds),"
            " attempts = attempts + 1, lease = NULL WHERE run_id = :run AND ended_at IS NULL"
        )
        with tenant_transaction(profile.left_tenant) as session:
            session.execute(hold, {"seconds": HELD_UP, "run": run_id})

    # -- errands

    def _errand(self, errand_id: uuid.UUID, profile_id: uuid.UUID, lease: uuid.UUID) -> None:
        profile = profiles.load(self._vault, profile_id)
        with tenant_transaction(profile.left_tenant) as session:
            errand = errands.get(session, errand_id)
        if errand is None:
            return
        hand = Hand(self._vault, profile, errand, lease)
        do = {
            Kind.PLAN: self._plan,
            Kind.APPLY: self._apply,
            Kind.UNDO_PLAN: self._undo_plan,
            Kind.UNDO: self._undo,
        }
        try:
            with hand.holding():
                do[Kind(errand.kind)](hand)
        except LostError:
            log.info("errand was taken over", profile=str(profile_id))
        except Problem as problem:
            self._fail(hand, problem)
        except Exception:
            log.exception("errand failed", profile=str(profile_id))
            self._fail(hand, Problem(said("Something went wrong on our side. Ask for it again.")))

    @staticmethod
    def _fail(hand: Hand, problem: Problem) -> None:
        try:
            hand.fail(problem)
        except LostError:
            log.info("errand was taken over", profile=str(hand.profile.id))

    def _plan(self, hand: Hand) -> None:
        profile, asked = hand.profile, hand.asked
        hand.again()
        planner = Planner(self._vault, self._open_site)
        summary, kept = Summary(), _Pages(hand)
        for number, plan in enumerate(_asked(planner, profile, asked)):
            if number >= MOST_ISSUES:
                raise Problem(
                    said(
                        "This takes more than %(most_issues)s issues, which a plan on the "
                        "page does not. Narrow it with a JQL, or have whoever runs Tandem "
                        "type `tandem plan`.",
                        most_issues=f"{MOST_ISSUES:,}",
                    )
                )
            summary.add(plan)
            if plan.applies and is_told(plan):
                kept.add(plan)
            if number % A_PAGE == 0:
                hand.moved(number)
        kept.end()
        estimate = summary.estimate(
            seconds_a_call=planner.seconds_a_call,
            hands=self._hands,
            points_an_hour=planner.points_an_hour(profile),
            filtered=[side for side in Side if profile.profile.scope(side).filter],
        )
        detail: dict[str, str | int | bool | None] = {
            "asked": str(asked["what"]),
            "issues": summary.looked_at,
        }
        with tenant_transaction(profile.left_tenant) as session:
            deed = Deed("", Action.PLAN_MADE, f"profile:{profile.id}", detail)
            runs.tell(self._record, session, profile, hand.errand.by, deed)
        hand.moved(summary.looked_at)
        hand.end(plan_found(summary, estimate, kept.count))

    def _apply(self, hand: Hand) -> None:
        of = hand.errand.of_errand
        if of is None:
            raise Problem(said("The plan is gone: it is kept for a day. Make a new one."))
        kept = KeptPlan(self._vault, hand.profile, of, hand.errand.revision)
        done = 0

        def told(count: int) -> None:
            nonlocal done
            done += count
            hand.moved(done)

        planner = Planner(self._vault, self._open_site)
        applier = Applier(planner, self._ring, self._record, told)
        applier.check(kept)
        hand.moved(done)
        run, count = applier.begin(kept, hand.errand.by)
        hand.end({"changes": count}, run)

    def _work(self, hand: Hand) -> Undo:
        return Undo(
            self._vault, self._open_site, self._ring, self._record, hand.profile,
            lock_of=self._lock_of,
        )  # fmt: skip

    def _undo_plan(self, hand: Hand) -> None:
        hand.end(undo_found(self._work(hand).plan(_target(hand))))

    def _undo(self, hand: Hand) -> None:
        work, target = self._work(hand), _target(hand)
        delete = bool(hand.asked.get("delete"))
        plan = work.plan(target)
        hand.moved(0, len(plan.restores) + len(plan.items) + (len(plan.twins) if delete else 0))
        run, done = work.carry_out(target, plan, delete=delete, by=hand.errand.by)
        if done.trouble is not None:
            raise done.trouble
        hand.end(
            {
                "restored": done.restored,
                "deleted": done.deleted,
                "items": done.items,
                "already": done.already,
                "left": left_told(done.left),
                "left_count": len(done.left),
            },
            run,
        )


class KeptPlan:
    """A plan that a worker made for the page, as applying takes it."""

    def __init__(
        self, vault: Vault, profile: StoredProfile, errand: uuid.UUID, revision: int
    ) -> None:
        self._vault, self._errand = vault, errand
        self.profile, self.revision = profile, revision

    def read(self) -> Iterator[Planned]:
        """The issues in their order."""
        for line in errands.lines(self._vault, self.profile, self._errand):
            found = planned_of(line.encode())
            if found is not None:
                yield found


class _Pages:
    """Keeps what a plan is made from, a hundred issues a page: no value of any field."""

    def __init__(self, hand: Hand) -> None:
        self._hand, self._lines, self._number = hand, list[str](), 0
        self.count = 0

    def add(self, plan: IssuePlan) -> None:
        """One issue."""
        told = as_json(plan) | made_from(plan)
        for name in ("writes", "conflicts", "left_alone", "blocked"):
            del told[name]
        self._lines.append(json.dumps(told, separators=(",", ":")))
        self.count += 1
        if len(self._lines) >= A_PAGE:
            self.end()

    def end(self) -> None:
        """Keep what is left."""
        if self._lines:
            self._hand.keep(self._number, self._lines)
            self._number, self._lines = self._number + 1, []


def _asked(
    planner: Planner, profile: StoredProfile, asked: Mapping[str, Any]
) -> Iterable[IssuePlan]:
    side = Side(asked["side"]) if asked.get("side") else None
    if asked["what"] == "issue":
        return [planner.key(profile, asked["issue"], side)]
    if asked["what"] == "jql" and side is not None:
        return planner.jql(profile, side, asked["jql"])
    return planner.scope(profile)


def _target(hand: Hand) -> Target:
    if hand.errand.of_run is not None:
        return Target(hand.profile.id, run_id=hand.errand.of_run)
    since, until = hand.asked.get("since"), hand.asked.get("until")
    if not since or not until:
        raise Problem(said("The run is gone. Look at the list again."))
    return Target(
        hand.profile.id,
        since=datetime.fromisoformat(str(since)),
        until=datetime.fromisoformat(str(until)),
    )
