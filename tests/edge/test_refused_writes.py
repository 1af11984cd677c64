"""What stays noted of a pair whose write a site refused whole: what perhaps was done, no more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pytest

from app.database import tenant_transaction
from app.jira.site import Changelog, FieldChanges, Issue, SiteError
from app.mapping.profile import Side
from app.sync.marks import Mark, mark
from app.sync.reconcile import Reconciler
from tests.edge.test_completeness import (
    RIGHT_IDS,
    Maker,
    Scene,
    Site,
    owner,  # noqa: F401  a fixture
    scene,  # noqa: F401  a fixture
)
from tests.edge.test_plan import Played

SUMMARY, DUE = "summary=summary", "duedate=duedate"


@dataclass
class Written(Played):
    """A site that is written to. `answers`: what the next writes end with; None: as they should."""

    answers: list[tuple[SiteError | None, bool]] = field(default_factory=list)
    writes: list[dict[str, Any]] = field(default_factory=list)
    no_times: SiteError | None = None

    def update(self, issue_id: int, fields: Mapping[str, Any]) -> Issue | None:
        """See JiraSite.update."""
        self.writes.append(dict(fields))
        error, done = self.answers.pop(0) if self.answers else (None, True)
        if done:
            self.edits.setdefault(issue_id, {}).update(fields)
        if error is not None:
            raise error
        return None

    def changelogs(self, issue_ids: Sequence[int]) -> dict[int, Changelog]:
        """See JiraSite.changelogs: nobody edits beside us."""
        return {one: Changelog(whole=True) for one in issue_ids}

    def last_changes(self, issue_ids: Sequence[int]) -> dict[int, FieldChanges]:
        """See JiraSite.last_changes."""
        if self.no_times is not None:
            raise self.no_times
        return super().last_changes(issue_ids)


@dataclass
class Pair:
    """A pair in step, of two such sites."""

    made: Scene
    owner: psycopg.Connection
    left: Written
    right: Written

    def drain(self) -> None:
        """A live change of the left issue is taken up."""
        profile = self.made.profile
        tenants = profile.left_tenant, profile.right_tenant
        self.owner.execute("UPDATE change SET not_before = now()")
        with tenant_transaction(profile.left_tenant) as session:
            mark(session, [Mark(profile.id, Side.LEFT, 1, *tenants, 1, None)])
        opened: Any = self.made.sites.__getitem__
        worker = Reconciler(self.made.tandem.vault, opened, lambda profile, lane, after=0.0: None)
        worker.drain(profile.id, 1)

    def planned(self) -> set[str] | None:
        """The fields whose write may have been done, as stored."""
        [(found,)] = self.owner.execute("SELECT planned FROM issue_link").fetchall()
        return None if found is None else set(found)

    def notes(self) -> list[tuple[str, str]]:
        """What is noted as written."""
        return self.owner.execute("SELECT side, field_key FROM written ORDER BY id").fetchall()

    def parked(self) -> list[str]:
        """The codes of what is set aside."""
        rows = self.owner.execute("SELECT reason FROM change WHERE parked").fetchall()
        return [reason for (reason,) in rows]

    def refusal(self, side: Side, status: int) -> SiteError:
        """What a site answers to one call."""
        error = SiteError(f"answered {status}", site_status=status)
        error.tenant = self.made.profile.tenants[side]
        return error


@pytest.fixture
def pair(scene: Maker, owner: psycopg.Connection) -> Pair:  # noqa: F811
    """One pair in step."""
    made = scene(1)
    sites: dict[Any, Site] = {tenant: Written(site.ids) for tenant, site in made.sites.items()}
    made.sites = sites
    left, right = made.left, made.right
    assert isinstance(left, Written)
    assert isinstance(right, Written)
    return Pair(made, owner, left, right)


@pytest.mark.parametrize("status", [400, 404, 413])
def test_of_a_write_that_was_refused_whole_nothing_stays_noted(pair: Pair, status: int) -> None:
    pair.left.edits[1] = {"summary": "One", "duedate": "2027-01-01"}
    pair.right.answers = [(pair.refusal(Side.RIGHT, status), False)]
    pair.drain()
    assert len(pair.parked()) == 1
    assert len(pair.right.writes) == 1
    assert (pair.planned(), pair.notes()) == (None, [])


def test_what_was_written_before_the_other_side_refused_stays_noted(pair: Pair) -> None:
    pair.left.edits[1] = {"summary": "One"}
    pair.right.edits[1 + RIGHT_IDS] = {"duedate": "2027-01-01"}
    pair.right.answers = [(pair.refusal(Side.RIGHT, 404), False)]
    pair.drain()
    assert pair.left.writes == [{"duedate": "2027-01-01"}]
    assert (pair.planned(), pair.notes()) == ({DUE}, [("left", DUE)])


def test_where_the_first_side_refuses_the_second_was_not_written_either(pair: Pair) -> None:
    pair.left.edits[1] = {"summary": "One"}
    pair.right.edits[1 + RIGHT_IDS] = {"duedate": "2027-01-01"}
    pair.left.answers = [(pair.refusal(Side.LEFT, 404), False)]
    pair.drain()
    assert pair.right.writes == []
    assert (pair.planned(), pair.notes()) == (None, [])


def test_a_write_that_perhaps_was_done_stays_noted(pair: Pair) -> None:
    pair.left.edits[1] = {"summary": "One"}
    pair.right.answers = [(pair.refusal(Side.RIGHT, 500), False)]
    pair.drain()
    assert pair.parked() == []
    assert (pair.planned(), pair.notes()) == ({SUMMARY}, [("right", SUMMARY)])


def test_a_refusal_before_anything_is_planned_leaves_what_perhaps_was_done_before(
    pair: Pair,
) -> None:
    pair.left.edits[1] = {"summary": "One"}
    pair.right.answers = [(pair.refusal(Side.RIGHT, 500), False)]
    pair.drain()
    pair.left.edits[1] = {"summary": "One", "duedate": "2027-01-01"}
    pair.right.edits[1 + RIGHT_IDS] = {"duedate": "2027-02-02"}
    pair.right.no_times = pair.refusal(Side.RIGHT, 400)
    pair.drain()
    assert len(pair.parked()) == 1
    assert (pair.planned(), pair.notes()) == ({SUMMARY}, [("right", SUMMARY)])


def test_what_was_done_without_an_answer_is_ours_after_a_later_write_was_refused(
    pair: Pair,
) -> None:
    pair.left.edits[1] = {"summary": "One"}
    pair.right.answers = [(pair.refusal(Side.RIGHT, 500), True)]
    pair.drain()
    pair.left.edits[1]["duedate"] = "2027-01-01"
    pair.right.answers = [(pair.refusal(Side.RIGHT, 404), False)]
    pair.drain()
    assert (pair.planned(), pair.notes()) == (None, [("right", SUMMARY)])
    pair.left.edits[1]["summary"] = "Two"
    pair.drain()
    assert pair.right.writes[-1] == {"summary": "Two", "duedate": "2027-01-01"}
    conflicts = pair.owner.execute("SELECT sum(conflicts) FROM activity").fetchone()
    assert conflicts == (0,)  # what the right holds is our own write, and nobody's edit
