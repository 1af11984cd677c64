"""A profile that is saved while a worker waits for more changes of its lane, or is at one."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from app.database import tenant_transaction
from app.jira.site import Issue, SiteError
from app.mapping import profiles, revisions
from app.mapping.profile import FieldMapping, Flow, Kind, Side
from app.sync import hierarchy, store_dirty, store_links
from app.sync import turn as turns
from app.sync.marks import Mark, mark
from app.sync.plan import Base, LeftAlone, Plan, Reason, Snapshot, Stop
from app.sync.reconcile import Reconciler
from app.sync.turn import Turn
from tests.edge.test_completeness import (
    RIGHT_IDS,
    owner,  # noqa: F401  a fixture
    scene,  # noqa: F401  a fixture
)
from tests.edge.test_refused_writes import SUMMARY, Pair, pair  # noqa: F401  a fixture


@pytest.fixture
def worker(pair: Pair) -> Reconciler:  # noqa: F811
    """A worker that finds both issues of a pair changed, and so waits for more."""
    pair.left.edits[1] = {"summary": "One"}
    profile = pair.made.profile
    tenants = profile.left_tenant, profile.right_tenant
    with tenant_transaction(profile.left_tenant) as session:
        for side, issue in ((Side.LEFT, 1), (Side.RIGHT, 1 + RIGHT_IDS)):
            mark(session, [Mark(profile.id, side, issue, *tenants, 1, None)])
    opened: Any = pair.made.sites.__getitem__
    return Reconciler(pair.made.tandem.vault, opened, lambda profile, lane, after=0.0: None)


def test_what_is_saved_meanwhile_is_what_the_changes_cross_by(
    pair: Pair,  # noqa: F811
    worker: Reconciler,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tandem, profile = pair.made.tandem, pair.made.profile

    def save(seconds: float) -> None:
        monkeypatch.undo()
        stored = profiles.load(tandem.vault, profile.id)
        revisions.set_rules(tandem.vault, tandem.record, stored, SUMMARY, flow=Flow.TO_LEFT)

    monkeypatch.setattr(time, "sleep", save)
    assert worker.drain(profile.id, 1)  # what it found is to be looked at anew
    assert pair.right.writes == []
    worker.drain(profile.id, 1)
    assert pair.right.writes == []
    [(left,)] = pair.owner.execute("SELECT count(*) FROM change").fetchall()
    assert left == 0


def test_a_profile_that_is_paused_meanwhile_carries_nothing(
    pair: Pair,  # noqa: F811
    worker: Reconciler,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def pause(seconds: float) -> None:
        pair.owner.execute("UPDATE profile SET state = 'paused'")

    monkeypatch.setattr(time, "sleep", pause)
    assert not worker.drain(pair.made.profile.id, 1)
    assert pair.right.writes == []
    [(left,)] = pair.owner.execute("SELECT count(*) FROM change").fetchall()
    assert left == 2


def refusals(pair: Pair) -> list[SiteError]:  # noqa: F811
    """Of a whole issue, and of one field of it."""
    words = "The summary exceeds the maximum length."
    field = SiteError(words, site_status=400, field_errors={"summary": words})
    field.tenant = pair.made.profile.right_tenant
    return [pair.refusal(Side.RIGHT, 404), field]


@pytest.mark.parametrize("number", [0, 1])
def test_what_a_site_refuses_meanwhile_is_not_set_aside_by_the_mapping_of_before(
    pair: Pair,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    number: int,
) -> None:
    tandem, profile, write = pair.made.tandem, pair.made.profile, pair.right.update

    def save(issue_id: int, fields: Mapping[str, Any]) -> Issue | None:
        monkeypatch.undo()
        stored = profiles.load(tandem.vault, profile.id)
        revisions.set_rules(tandem.vault, tandem.record, stored, "labels=labels", flow=Flow.TO_LEFT)
        return write(issue_id, fields)

    monkeypatch.setattr(pair.right, "update", save)
    pair.left.edits[1] = {"summary": "One"}
    pair.right.answers = [(refusals(pair)[number], False)]
    pair.drain()
    told = "SELECT count(*) FROM activity"
    assert pair.owner.execute("SELECT parked, attempts FROM change").fetchall() == [(False, 0)]
    assert pair.owner.execute("SELECT count(*) FROM parked_cause").fetchone() == (0,)
    assert pair.owner.execute(told).fetchone() == (0,)

    # By the new one it is asked once more, and set aside where that does not help either.
    pair.right.answers = [(refusals(pair)[number], False)]
    opened: Any = pair.made.sites.__getitem__
    worker = Reconciler(pair.made.tandem.vault, opened, lambda profile, lane, after=0.0: None)
    worker.drain(profile.id, 1)
    assert len(pair.right.writes) == 2
    assert len(pair.parked()) == 1
    assert pair.owner.execute(told).fetchone() == (1,)


@pytest.mark.parametrize("meanwhile", [False, True])
def test_a_create_is_not_set_aside_for_its_parent_by_the_mapping_of_before(
    pair: Pair,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    meanwhile: bool,
) -> None:
    tandem, profile = pair.made.tandem, pair.made.profile
    parent = FieldMapping("parent", "parent", Kind.PARENT)
    fields = (*profile.profile.fields, parent)
    before = replace(profile, profile=replace(profile.profile, fields=fields))
    tenants = profile.left_tenant, profile.right_tenant
    rung: list[int] = []
    opened: Any = pair.made.sites.__getitem__
    turn = Turn(
        tandem.vault,
        opened,
        lambda profile, lane, after=0.0: rung.append(lane),
        profile=before,
        lane=1,
    )
    monkeypatch.setattr(turn.carrying, "requires", lambda side, field: True)
    monkeypatch.setattr(turn.carrying, "homes_of", lambda side, issue: [])
    with tenant_transaction(profile.left_tenant) as session:
        mark(session, [Mark(profile.id, Side.LEFT, 1, *tenants, 1, None)])
        [link] = store_links.links_of(session, profile, [1], [])
    with tenant_transaction(profile.left_tenant) as session:
        [change] = store_dirty.due(session, profile, 1)
    if meanwhile:
        revisions.set_rules(tandem.vault, tandem.record, profile, SUMMARY, flow=Flow.TO_LEFT)
    alone = LeftAlone(parent.key, Reason.NO_TWIN, "No twin.", stops=(Side.RIGHT, Stop.PARENT))
    change = replace(change, attempts=hierarchy.TRIES)
    assert hierarchy.waits(
        turn,
        turns.Pair(link, (change,)),
        link,
        plan=Plan((), (), (), (alone,), Base(), frozenset()),
        source=Snapshot({parent.key: "7"}, datetime.now(UTC)),
        to=Side.RIGHT,
    )
    aside = "SELECT parked, awaits_issue FROM change"
    assert pair.owner.execute(aside).fetchall() == [(False, None) if meanwhile else (True, 7)]
    for table in ("parked_cause", "activity"):
        [(rows,)] = pair.owner.execute(f"SELECT count(*) FROM {table}").fetchall()
        assert rows == (0 if meanwhile else 1)
    assert rung == ([1] if meanwhile else [])
