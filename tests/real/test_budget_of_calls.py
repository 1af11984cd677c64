"""What a change costs in calls and in points, counted by the sandbox until all is at rest."""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from app.sync.lanes import LANES
from app.sync.store_dirty import BATCH
from bench import calls
from bench.plant import Plant, plant

pytestmark = pytest.mark.real


@dataclass(frozen=True)
class Worked:
    """A running Tandem with linked issues, and its worker."""

    plant: Plant
    workers: list[subprocess.Popen[bytes]]
    keys: list[str]

    @property
    def first(self) -> tuple[str, str]:
        """The first issue and its twin."""
        return self.keys[0], calls.twin_of(self.plant, self.keys[0])


@pytest.fixture(scope="module")
def worked() -> Iterator[Worked]:
    with plant() as one, one.workers(1) as workers:
        yield Worked(one, workers, one.link(calls.BURST))
        assert one.stack.sandbox.broken_answers() == []


def test_a_lone_change_costs_three_calls_and_five_points_and_its_echo_none(worked: Worked) -> None:
    found = calls.lone_change(worked.plant, *worked.first, "lone")
    assert found.paths == {calls.READ: 2, "PUT /rest/api/3/issue/{issueIdOrKey}": 1}
    assert (found.calls, found.points) == (3, 5)


def test_a_change_of_a_field_that_is_not_mapped_costs_no_call(worked: Worked) -> None:
    assert calls.unmapped_change(worked.plant, worked.first[0]).paths == {}


def test_a_burst_that_waited_for_a_worker_costs_a_write_each_and_two_reads_a_batch(
    worked: Worked,
) -> None:
    found = calls.gathered_burst(worked.plant, worked.workers, worked.keys, "gathered")
    lanes = Counter(
        lane for (lane,) in worked.plant.database.execute("SELECT lane FROM issue_link").fetchall()
    )
    batches = sum(-(-number // BATCH) for number in lanes.values())
    assert len(lanes) == LANES
    assert found.calls == calls.BURST + 2 * batches
    assert found.points == 3 * calls.BURST + 2 * batches
    assert found.calls <= 1.1 * calls.BURST


@pytest.mark.parametrize("held", [False, True], ids=["as they come", "released at once"])
def test_a_burst_costs_less_than_one_and_a_half_calls_a_change(
    worked: Worked, *, held: bool
) -> None:
    found = calls.burst(worked.plant, worked.keys, f"burst-{held}", held=held)
    writes = found.paths["PUT /rest/api/3/issue/{issueIdOrKey}"]
    assert writes == calls.BURST
    assert found.calls < 1.5 * calls.BURST
    assert found.points < 3.5 * calls.BURST


def test_a_thousand_webhooks_for_one_issue_lead_to_at_most_two_reconciles(worked: Worked) -> None:
    found = calls.deliveries_for_one(worked.plant, *worked.first, "many")
    assert calls.reconciles(found) <= 2
    assert found.paths["PUT /rest/api/3/issue/{issueIdOrKey}"] <= 2
