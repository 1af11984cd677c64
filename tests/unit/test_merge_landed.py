"""A write whose worker died before it stored the base: known as ours, and nobody's edit."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from app.mapping.profile import FieldMapping, Kind, Policy, Profile, Scope, Side
from app.sync.bases import base_after, landed, planned_marks
from app.sync.fingerprint import Fingerprinter
from app.sync.merge import merge
from app.sync.plan import Base, Snapshot

WHEN = datetime(2026, 1, 5, tzinfo=UTC)
MARKS = Fingerprinter(b"k" * 32)
KEY = "summary=summary"


def profile(policy: Policy) -> Profile:
    field = FieldMapping("summary", "summary", Kind.TEXT, policy=policy)
    return Profile(Scope("1", "1"), Scope("2", "2"), (field,))


def holding(left: str, right: str) -> dict[Side, Snapshot]:
    return {
        Side.LEFT: Snapshot({KEY: left}, WHEN),
        Side.RIGHT: Snapshot({KEY: right}, WHEN),
    }


@pytest.mark.parametrize("policy", [Policy.LEFT, Policy.RIGHT, Policy.NEWER, Policy.ASK])
@pytest.mark.parametrize("to", [Side.LEFT, Side.RIGHT])
def test_an_edit_after_a_write_that_nobody_stored_crosses_whatever_the_policy(
    policy: Policy, to: Side
) -> None:
    rules = profile(policy)
    old = holding("old", "old")
    base = base_after(old[Side.LEFT], old[Side.RIGHT], rules, MARKS)
    first = holding("new", "old") if to is Side.RIGHT else holding("old", "new")
    planned = planned_marks(merge(first[Side.LEFT], first[Side.RIGHT], base, rules, MARKS), base)
    assert planned[KEY].to is to

    # The write arrived; then the source was edited once more.
    now = holding("newest", "new") if to is Side.RIGHT else holding("new", "newest")
    plan = merge(now[Side.LEFT], now[Side.RIGHT], landed(base, planned, now, MARKS), rules, MARKS)

    assert plan.conflicts == ()
    assert [write.value for write in plan.writes(to)] == ["newest"]
    assert plan.writes(to.other) == ()


@pytest.mark.parametrize("to", [Side.LEFT, Side.RIGHT])
def test_a_write_that_never_arrived_changes_no_base(to: Side) -> None:
    rules = profile(Policy.NEWER)
    base = base_after(*holding("old", "old").values(), rules, MARKS)
    first = holding("new", "old") if to is Side.RIGHT else holding("old", "new")
    planned = planned_marks(merge(*first.values(), base, rules, MARKS), base)

    assert landed(base, planned, first, MARKS) == base


def test_a_write_to_a_field_that_is_hidden_now_changes_no_base() -> None:
    rules = profile(Policy.NEWER)
    base = base_after(*holding("old", "old").values(), rules, MARKS)
    planned = planned_marks(merge(*holding("new", "old").values(), base, rules, MARKS), base)
    now = {Side.LEFT: holding("new", "")[Side.LEFT], Side.RIGHT: Snapshot({}, WHEN)}

    assert landed(base, planned, now, MARKS) == base


def test_nothing_planned_leaves_the_base() -> None:
    assert landed(Base(), {}, holding("a", "b"), MARKS) == Base()


def test_a_base_that_moves_without_a_write_is_noted_and_never_taken_for_a_write() -> None:
    rules = profile(Policy.NEWER)
    base = base_after(*holding("old", "old").values(), rules, MARKS)
    same = holding("new", "new")
    plan = merge(*same.values(), base, rules, MARKS)

    planned = planned_marks(plan, base)

    assert planned[KEY].to is None
    assert (planned[KEY].left, planned[KEY].right) == (plan.base.left[KEY], plan.base.right[KEY])
    assert landed(base, planned, same, MARKS) == base
