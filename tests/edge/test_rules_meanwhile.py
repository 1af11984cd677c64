"""A profile that is saved while a worker waits for more changes of its lane."""

from __future__ import annotations

import time
from typing import Any

import pytest

from app.database import tenant_transaction
from app.mapping import profiles, revisions
from app.mapping.profile import Flow, Side
from app.sync.marks import Mark, mark
from app.sync.reconcile import Reconciler
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
