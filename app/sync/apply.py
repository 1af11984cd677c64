"""Applies a plan: all of it still fits, or nothing is applied. The workers do the writing.

Between the check and a worker's write somebody may edit an issue. That edit is not lost: the worker
reads both sides again and merges, as it does for every change.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Protocol

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.database import tenant_transaction
from app.errors import Problem
from app.mapping.models import ProfileRecord, ProfileState
from app.mapping.profile import Side
from app.mapping.profiles import StoredProfile
from app.mapping.said import counted, said, the_fields, the_side, together
from app.sync import runs
from app.sync.items.nouns import some
from app.sync.marks import Mark, mark
from app.sync.plan_file import Planned
from app.sync.plan_json import items_of, writes_of
from app.sync.planning import Planner
from app.sync.planning_read import PAGE
from app.sync.planning_types import IssuePlan, Step
from app.tenants.deeds import Action, Deed, Recorder

NAMED = 20
"""How many issues that moved are named; the rest is counted."""

_LEFT = text(
    """
    SELECT count(*) FILTER (WHERE NOT parked) AS due, count(*) FILTER (WHERE parked) AS parked
    FROM change WHERE run_id = :run
    """
)
# What a site refused before is asked again, in the same value: the plan says to write it.
_ASK = text(
    """
    UPDATE parked_cause p SET ask = 'retry'
    FROM unnest(CAST(:sides AS text[]), CAST(:issues AS bigint[])) AS w (side, issue_id)
    WHERE p.profile_id = :profile AND p.side = w.side AND p.issue_id = w.issue_id
    """
)


@dataclass
class Moved:
    """What is not as it was when the plan was made: up to 20 sentences, and how many in all."""

    count: int = 0
    sentences: list[str] = field(default_factory=list)

    def add(self, sentence: str) -> None:
        """One more issue."""
        self.count += 1
        if len(self.sentences) < NAMED:
            self.sentences.append(sentence)


@dataclass(frozen=True)
class Progress:
    """Changes of a run that wait for a worker, and those that were set aside."""

    due: int
    parked: int


class Plan(Protocol):
    """A plan that was kept, as a file or otherwise."""

    @property
    def profile(self) -> StoredProfile:
        """The profile as it is now."""

    @property
    def revision(self) -> int:
        """The revision of the profile that it was made from."""

    def read(self) -> Iterator[Planned]:
        """The issues in their order."""


class Applier:
    """Checks plans and hands them to the workers. `ring` rings a lane's bell."""

    def __init__(
        self,
        planner: Planner,
        ring: Callable[[uuid.UUID, int], None],
        record: Recorder,
        told: Callable[[int], None] = lambda count: None,
    ) -> None:
        """`told` hears of each page that was checked, how many issues it had."""
        self._planner, self._ring, self._record, self._told = planner, ring, record, told

    def check(self, plan: Plan) -> None:
        """Read all that the plan would change, and compare. Raises Problem that says what moved."""
        profile = plan.profile
        if profile.state != ProfileState.ON:
            raise Problem(
                said(
                    "The profile is not switched on, so no worker would carry the plan out. "
                    "Resume it on Tandem's page, and apply the plan then. Nothing was "
                    "applied."
                ),
                status=409,
                code="profile-paused",
            )
        if profile.revision != plan.revision:
            raise Problem(
                said(
                    "The plan was made from revision %(revision)s of the profile, which is "
                    "at %(revision2)s by now. Nothing was applied. Make a new plan.",
                    revision=plan.revision,
                    revision2=profile.revision,
                ),
                status=409,
                code="plan-outdated",
            )
        moved = Moved()
        for page in _pages(plan.read()):
            self._compare(profile, page, moved)
            self._told(sum(one.step is not Step.NOTHING for one in page))
        if moved.count:
            raise _outdated(moved)

    def _compare(self, profile: StoredProfile, page: list[Planned], moved: Moved) -> None:
        for side in Side:
            asked = [one for one in page if one.side is side and one.step is not Step.NOTHING]
            if not asked:
                continue
            now = self._planner.issues(profile, side, [one.issue_id for one in asked])
            by_id = {ref.id: one for one in now if (ref := one.ref(side)) is not None}
            for one in asked:
                what = what_moved(one, by_id.get(one.issue_id), profile)
                if what:
                    moved.add(together([f"{one.name}:", what]))

    def begin(self, plan: Plan, by: runs.By = runs.COMMAND) -> tuple[uuid.UUID, int]:
        """Mark all of the plan for the workers, in one transaction, and ring for them.

        Returns the run and how many changes are the run's: not those that a live one stands for.
        Raises Problem, and then nothing was applied.
        """
        profile, lanes = plan.profile, set()
        with tenant_transaction(profile.left_tenant) as session:
            self._still_on(session, profile)
            run = runs.begin(session, profile, runs.RunKind.APPLY, by)
            issues = 0
            for page in _pages(plan.read()):
                marks = {
                    (one.side, one.issue_id): one
                    for planned in page
                    for one in _marks(profile, planned, run)
                }
                if marks:
                    mark(session, list(marks.values()))
                    asked = {
                        "profile": profile.id,
                        "sides": [side.value for side, _ in marks],
                        "issues": [issue_id for _, issue_id in marks],
                    }
                    session.execute(_ASK, asked)
                issues += sum(one.step is not Step.NOTHING for one in page)
                lanes |= {one.lane for one in marks.values()}
            count = session.execute(_LEFT, {"run": run}).one().due
            detail: dict[str, str | int | bool | None] = {"issues": issues, "run": str(run)}
            deed = Deed(by.account, Action.PLAN_APPLIED, f"profile:{profile.id}", detail)
            runs.tell(self._record, session, profile, by, deed)
        for lane in sorted(lanes):
            self._ring(profile.id, lane)
        return run, int(count)

    def _still_on(self, session: Session, profile: StoredProfile) -> None:
        """Hold the profile as it was checked until the marks are in. Raises Problem."""
        found = session.scalars(
            select(ProfileRecord).where(ProfileRecord.id == profile.id).with_for_update(read=True)
        ).one_or_none()
        if found is None or found.revision != profile.revision or found.state != ProfileState.ON:
            raise Problem(
                said(
                    "The profile was changed, paused or deleted while the plan was checked. "
                    "Nothing was applied. Make a new plan."
                ),
                status=409,
                code="plan-outdated",
            )

    def progress(self, profile: StoredProfile, run: uuid.UUID) -> Progress:
        """What is left of a run."""
        with tenant_transaction(profile.left_tenant) as session:
            row = session.execute(_LEFT, {"run": run}).one()
        return Progress(int(row.due), int(row.parked))

    def end(self, profile: StoredProfile, run: uuid.UUID) -> None:
        """End a run that nothing is left of."""
        with tenant_transaction(profile.left_tenant) as session:
            runs.end(session, run)


def what_moved(then: Planned, now: IssuePlan | None, profile: StoredProfile) -> str:
    """What is different from when the plan was made, in words; empty where nothing is."""
    if now is None:
        return said("is gone or hidden from Tandem")
    for side in Side:
        if side in then.seen and side not in now.seen:
            return said("the issue on %(side)s is gone or hidden from Tandem", side=the_side(side))
    if _ids(then.left, then.right) != _ids(now.left, now.right):
        return said("it was paired with another issue")
    moved = _fields_moved(then, now, profile)
    if not moved and now.seen_items:  # else nothing of it is to be done now, and nobody looked
        moved = items_moved(then.seen_items, now.seen_items)
    if moved:
        return moved
    if then.step is not now.step or then.link != now.link:
        return said("it would be treated otherwise now")
    return _other_writes(then, now)


def _other_writes(then: Planned, now: IssuePlan) -> str:
    if then.writes != writes_of(now):
        return said("other values would be written now")
    return (
        "" if then.items == items_of(now) else said("something else would become of its items now")
    )


def _fields_moved(then: Planned, now: IssuePlan, profile: StoredProfile) -> str:
    mappings = profile.profile.fields
    changed = [
        said("%(field)s on %(side)s", field=m.field(side), side=the_side(side))
        for m in mappings
        for side in Side
        if _of(then.seen, side).get(m.key) != _of(now.seen, side).get(m.key)
    ]
    if changed:
        return said("%(fields)s changed", fields=together(changed, ", "))
    agreed = [
        m.left
        for m in mappings
        if any(_of(then.base, s).get(m.key) != _of(now.base, s).get(m.key) for s in Side)
    ]
    if not agreed:
        return ""
    return said(
        "%(fields)s was brought in step meanwhile", fields=the_fields(*agreed, between=", ")
    )


def items_moved(
    then: Mapping[Side, Mapping[str, str]], now: Mapping[Side, Mapping[str, str]]
) -> str:
    """Which items came, went or changed, in words; empty where none did."""
    found: Counter[tuple[str, str, Side]] = Counter()
    for side in Side:
        before, after = _of(then, side), _of(now, side)
        for key in before.keys() | after.keys():
            if before.get(key) != after.get(key):
                what = "added" if key not in before else "taken" if key not in after else "edited"
                found[what, key.partition(".")[0], side] += 1
    told = [_told(*what, number) for what, number in sorted(found.items())]
    return together(told, ", ")


def _told(what: str, kind: str, side: Side, number: int) -> str:
    told = {"items": some(kind, number), "side": the_side(side)}
    if what == "added":
        return counted(
            "%(items)s was added on %(side)s since the plan",
            "%(items)s were added on %(side)s since the plan",
            number,
            **told,
        )
    if what == "edited":
        return counted(
            "%(items)s was edited on %(side)s since the plan",
            "%(items)s were edited on %(side)s since the plan",
            number,
            **told,
        )
    return counted(
        "%(items)s was taken away on %(side)s since the plan",
        "%(items)s were taken away on %(side)s since the plan",
        number,
        **told,
    )


def _of(marks: Mapping[Side, Mapping[str, str]], side: Side) -> Mapping[str, str]:
    return marks.get(side, {})


def _ids(*refs: object) -> list[int | None]:
    return [getattr(one, "id", None) for one in refs]


def _marks(profile: StoredProfile, one: Planned, run: uuid.UUID) -> Iterator[Mark]:
    """The issue to be taken up; and what is set aside of the pair, to be tried again."""
    if one.step is Step.NOTHING:
        return
    for side in Side:
        ref = one.left if side is Side.LEFT else one.right
        if ref is not None and (side is one.side or side in one.parked):
            tenants = profile.left_tenant, profile.right_tenant
            yield Mark(profile.id, side, ref.id, *tenants, one.lane, None, run)


def _pages(planned: Iterator[Planned]) -> Iterator[list[Planned]]:
    while page := list(islice(planned, PAGE)):
        yield page


def _outdated(moved: Moved) -> Problem:
    rest = moved.count - len(moved.sentences)
    head = counted(
        "The plan no longer fits what is there: %(count)s issue moved since it was made. Nothing "
        "was applied.",
        "The plan no longer fits what is there: %(count)s issues moved since it was made. Nothing "
        "was applied.",
        moved.count,
    )
    more = [said("… and %(count)s more", count=f"{rest:,}")] if rest else []
    cure = said("Make a new plan, look at it, and apply that.")
    return Problem(
        together([together([head, *moved.sentences, *more], "\n  "), cure], "\n"),
        status=409,
        code="plan-outdated",
    )
