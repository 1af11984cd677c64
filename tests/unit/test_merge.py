"""The merge by example: each reason to write a field or to leave it alone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import pytest

from app.mapping.profile import DEFAULT_FIELDS, FieldMapping, Flow, Kind, Policy, Profile, Side
from app.mapping.values import Value
from app.sync.bases import base_after, changed_fields, confirm, unmoved
from app.sync.merge import blank, for_create, merge
from app.sync.plan import Base, Plan, Reason, Refused, Snapshot

from .merge_world import FINGERPRINTS, NOON, SCOPES, doc

LATER = NOON + timedelta(minutes=1)


def profile(*fields: FieldMapping) -> Profile:
    return Profile(*SCOPES, fields)


def text(flow: Flow = Flow.BOTH, policy: Policy = Policy.NEWER) -> Profile:
    return profile(FieldMapping("summary", "summary", Kind.TEXT, flow, policy))


def snap(value: Value, minutes: int = 0, **more: Mapping[str, object]) -> Snapshot:
    return Snapshot({"summary=summary": value}, NOON + timedelta(minutes=minutes), **more)


def agreed(left: Value, right: Value | None = None, on: Profile | None = None) -> Base:
    right = left if right is None else right
    return base_after(snap(left), snap(right), on or text(), FINGERPRINTS)


def plan_of(left: Snapshot, right: Snapshot, base: Base, on: Profile | None = None) -> Plan:
    return merge(left, right, base, on or text(), FINGERPRINTS)


def written(plan: Plan, side: Side) -> list[tuple[Value, Value, Reason]]:
    return [(w.value, w.was, w.reason) for w in plan.writes(side)]


def left_alone(plan: Plan) -> list[Reason]:
    return [alone.reason for alone in plan.left_alone]


@pytest.mark.parametrize("side", Side)
def test_a_change_crosses_to_the_other_side(side: Side) -> None:
    new, old = snap("new"), snap("old", minutes=5)
    pair = (new, old) if side is Side.LEFT else (old, new)
    plan = plan_of(*pair, agreed("old"))
    assert written(plan, side.other) == [("new", "old", Reason.CHANGED)]
    assert not plan.writes(side)
    assert plan.base == agreed("new")
    assert not plan.conflicts


def test_the_write_names_the_field_of_the_side_it_goes_to() -> None:
    on = profile(FieldMapping("duedate", "customfield_10010", Kind.DATE))
    left = Snapshot({"duedate=customfield_10010": "2026-05-01"}, NOON)
    right = Snapshot({"duedate=customfield_10010": None}, NOON)
    plan = plan_of(left, right, Base(), on)
    assert [w.field for w in plan.right] == ["customfield_10010"]
    assert [w.field for w in plan_of(right, left, Base(), on).left] == ["duedate"]


def test_clearing_a_field_crosses_too() -> None:
    plan = plan_of(snap(None), snap("old"), agreed("old"))
    assert written(plan, Side.RIGHT) == [(None, "old", Reason.CHANGED)]


def test_the_same_change_on_both_sides_only_moves_the_base() -> None:
    plan = plan_of(snap("new"), snap("new"), agreed("old"))
    assert plan.is_empty
    assert not plan.conflicts
    assert plan.base == agreed("new")


def test_without_a_base_the_filled_field_wins_over_the_empty_one_though_that_is_newer() -> None:
    plan = plan_of(snap("kept"), snap(None, minutes=5), Base())
    assert written(plan, Side.RIGHT) == [("kept", None, Reason.FIRST)]
    assert not plan.conflicts


def test_half_a_base_is_no_base() -> None:
    base = Base(left=agreed("old").left)
    plan = plan_of(snap(None, minutes=5), snap("kept"), base)
    assert written(plan, Side.LEFT) == [("kept", None, Reason.FIRST)]
    assert plan.base == agreed("kept")


def test_without_a_base_two_values_are_a_conflict() -> None:
    plan = plan_of(snap("l"), snap("r", minutes=5), Base())
    assert written(plan, Side.LEFT) == [("r", "l", Reason.WON)]


@pytest.mark.parametrize(
    ("policy", "left_minutes", "right_minutes", "winner", "why"),
    [
        (Policy.NEWER, 1, 0, Side.LEFT, "the left side wins, as its change is newer"),
        (Policy.NEWER, 0, 1, Side.RIGHT, "the right side wins, as its change is newer"),
        (Policy.NEWER, 0, 0, Side.LEFT, "the left side wins, as both changes have the same time"),
        (Policy.LEFT, 0, 1, Side.LEFT, "the left side wins, as the mapping says"),
        (Policy.RIGHT, 1, 0, Side.RIGHT, "the right side wins, as the mapping says"),
    ],
)
def test_a_conflict_is_decided_by_the_policy(
    policy: Policy, left_minutes: int, right_minutes: int, winner: Side, why: str
) -> None:
    values = {Side.LEFT: "l", Side.RIGHT: "r"}
    plan = plan_of(
        snap("l", left_minutes), snap("r", right_minutes), agreed("old"), text(policy=policy)
    )
    assert written(plan, winner.other) == [(values[winner], values[winner.other], Reason.WON)]
    assert not plan.writes(winner)
    (conflict,) = plan.conflicts
    assert (conflict.left, conflict.right, conflict.winner) == ("l", "r", winner)
    assert conflict.sentence == f"summary changed on both sides: {why}"
    assert plan.base == agreed(values[winner])


def test_a_conflict_that_asks_writes_nothing_and_stays_open() -> None:
    on = text(policy=Policy.ASK)
    plan = plan_of(snap("l"), snap("r"), agreed("old"), on)
    assert plan.is_empty
    assert [c.winner for c in plan.conflicts] == [None]
    assert left_alone(plan) == [Reason.ASK]
    assert plan.base == agreed("old")
    # The answer is a merge under the policy chosen.
    answered = plan_of(snap("l"), snap("r"), plan.base, text(policy=Policy.RIGHT))
    assert written(answered, Side.LEFT) == [("r", "l", Reason.WON)]


def test_a_newer_conflict_asks_for_the_times_of_the_field_and_then_goes_by_them() -> None:
    key = "summary=summary"
    # The right issue was updated later, for another field.
    provisional = plan_of(snap("l", 2), snap("r", 9), agreed("old"))
    assert provisional.needs_times == {key}
    assert written(provisional, Side.LEFT) == [("r", "l", Reason.WON)]
    only_one = plan_of(snap("l", 2), snap("r", 9, changed_at={key: NOON}), agreed("old"))
    assert only_one.needs_times == {key}
    assert written(only_one, Side.LEFT) == [("r", "l", Reason.WON)]
    timed = plan_of(
        snap("l", 2, changed_at={key: LATER}), snap("r", 9, changed_at={key: NOON}), agreed("old")
    )
    assert timed.needs_times == frozenset()
    assert written(timed, Side.RIGHT) == [("l", "r", Reason.WON)]


@pytest.mark.parametrize("policy", [Policy.LEFT, Policy.RIGHT, Policy.ASK])
def test_no_other_conflict_asks_for_times(policy: Policy) -> None:
    plan = plan_of(snap("l"), snap("r"), agreed("old"), text(policy=policy))
    assert plan.needs_times == frozenset()


def test_a_change_against_the_flow_is_told_once_and_overwritten_by_the_next_of_the_source() -> None:
    on = text(Flow.TO_RIGHT)
    plan = plan_of(snap("old"), snap("theirs"), agreed("old"), on)
    assert plan.is_empty
    assert left_alone(plan) == [Reason.ONE_WAY]
    assert plan.left_alone[0].sentence == (
        "summary changed on the right side, but is carried only from the left side to the right "
        "side"
    )
    again = plan_of(snap("old"), snap("theirs"), plan.base, on)
    assert again.is_empty
    assert not again.left_alone
    after = plan_of(snap("new"), snap("theirs"), plan.base, on)
    assert written(after, Side.RIGHT) == [("new", "theirs", Reason.CHANGED)]


@pytest.mark.parametrize("policy", Policy)
def test_in_one_way_flow_the_source_wins_whatever_the_policy(policy: Policy) -> None:
    plan = plan_of(snap("l"), snap("r", 5), agreed("old"), text(Flow.TO_RIGHT, policy))
    assert written(plan, Side.RIGHT) == [("l", "r", Reason.WON)]
    assert [c.winner for c in plan.conflicts] == [Side.LEFT]
    plan = plan_of(snap("l", 5), snap("r"), agreed("old"), text(Flow.TO_LEFT, policy))
    assert written(plan, Side.LEFT) == [("r", "l", Reason.WON)]


def test_a_hidden_field_is_left_alone_and_its_twin_crosses_once_it_is_back() -> None:
    hidden = Snapshot({}, NOON)
    plan = plan_of(snap("new"), hidden, agreed("old"))
    assert plan.is_empty
    assert left_alone(plan) == [Reason.ABSENT]
    assert plan.left_alone[0].sentence == (
        "summary is not shown on the right issue, so it is not carried"
    )
    back = plan_of(snap("new"), snap("old"), plan.base)
    assert written(back, Side.RIGHT) == [("new", "old", Reason.CHANGED)]


def test_a_hidden_field_whose_twin_did_not_change_is_not_worth_a_word() -> None:
    plan = plan_of(snap("old"), Snapshot({}, NOON), agreed("old"))
    assert not plan.left_alone


def test_a_field_hidden_on_both_sides_is_named_as_not_carried() -> None:
    plan = plan_of(Snapshot({}, NOON), Snapshot({}, NOON), Base())
    assert left_alone(plan) == [Reason.ABSENT]


def test_an_unreadable_field_is_left_alone_with_the_reason_that_the_reader_gave() -> None:
    broken = Snapshot({}, NOON, blocked={"summary=summary": "summary holds a number"})
    plan = plan_of(snap("new"), broken, agreed("old"))
    assert [a.sentence for a in plan.left_alone] == ["summary holds a number"]


def test_a_blocked_field_waits_alone_and_the_rest_crosses() -> None:
    on = Profile(*SCOPES, DEFAULT_FIELDS)
    empty = blank(on, Side.RIGHT, NOON)
    left = Snapshot({**empty.values, "summary=summary": "new", "labels=labels": ("red",)}, NOON)
    right = Snapshot(empty.values, NOON, blocked={"labels=labels": "labels is not on the screen"})
    base = base_after(empty, empty, on, FINGERPRINTS)
    plan = plan_of(left, right, base, on)
    assert [w.key for w in plan.right] == ["summary=summary"]
    assert [(a.key, a.reason, a.sentence) for a in plan.left_alone] == [
        ("labels=labels", Reason.BLOCKED, "labels is not on the screen")
    ]
    freed = plan_of(left, Snapshot({**empty.values, "summary=summary": "new"}, NOON), plan.base, on)
    assert [w.key for w in freed.right] == ["labels=labels"]


def table(mapping: FieldMapping, to: Side, value: Value) -> Value | Refused:
    """Many to one: both "High" and "Highest" of the left are "P1" on the right."""
    pairs = [("High", "P1"), ("Highest", "P1"), ("Low", "P2")]
    for left, right in pairs:
        if value == (left if to is Side.RIGHT else right):
            return right if to is Side.RIGHT else left
    return Refused(f"{value} has no twin")


def test_a_value_table_of_many_to_one_neither_writes_in_vain_nor_turns_values_back() -> None:
    first = merge(
        snap("Highest"), snap("P2"), agreed("Low", "P2"), text(), FINGERPRINTS, carry=table
    )
    assert written(first, Side.RIGHT) == [("P1", "P2", Reason.CHANGED)]
    rest = merge(snap("Highest"), snap("P1"), first.base, text(), FINGERPRINTS, carry=table)
    assert rest.is_empty
    same = merge(snap("High"), snap("P1"), first.base, text(), FINGERPRINTS, carry=table)
    assert same.is_empty
    assert same.base == agreed("High", "P1")


def test_a_one_way_mapping_needs_no_way_back() -> None:
    def only_to_right(mapping: FieldMapping, to: Side, value: Value) -> Value | Refused:
        assert to is Side.RIGHT
        return f"[left] {value}"

    on = text(Flow.TO_RIGHT)
    base = agreed("old", "[left] old")
    plan = merge(snap("new"), snap("[left] old"), base, on, FINGERPRINTS, carry=only_to_right)
    assert written(plan, Side.RIGHT) == [("[left] new", "[left] old", Reason.CHANGED)]
    rest = merge(snap("new"), snap("[left] new"), plan.base, on, FINGERPRINTS, carry=only_to_right)
    assert rest.is_empty


def test_a_value_without_a_twin_is_left_alone_until_it_has_one() -> None:
    plan = merge(snap("Odd"), snap("P2"), agreed("Low", "P2"), text(), FINGERPRINTS, carry=table)
    assert plan.is_empty
    assert [(a.reason, a.sentence) for a in plan.left_alone] == [
        (Reason.NO_TWIN, "Odd has no twin")
    ]
    assert plan.base == agreed("Low", "P2")


def test_one_profile_may_feed_a_field_and_pass_it_on() -> None:
    on = profile(
        FieldMapping("a", "x", Kind.TEXT, Flow.TO_LEFT),
        FieldMapping("a", "y", Kind.TEXT, Flow.TO_RIGHT),
    )
    old = Snapshot({"a=x": "1", "a=y": "1"}, NOON)
    base = base_after(old, old, on, FINGERPRINTS)
    first = plan_of(old, Snapshot({"a=x": "2", "a=y": "1"}, NOON), base, on)
    assert [(w.field, w.value) for w in first.left] == [("a", "2")]
    both = Snapshot({"a=x": "2", "a=y": "2"}, NOON)
    second = plan_of(both, Snapshot({"a=x": "2", "a=y": "1"}, NOON), first.base, on)
    assert [(w.field, w.value) for w in second.right] == [("y", "2")]
    assert plan_of(both, both, second.base, on).is_empty


def test_an_echo_has_no_changed_fields_and_an_edit_names_its_own() -> None:
    on = Profile(*SCOPES, DEFAULT_FIELDS)
    agreed_on = {"summary=summary": "s", "labels=labels": ("a",)}
    base = base_after(Snapshot(agreed_on, NOON), Snapshot(agreed_on, NOON), on, FINGERPRINTS)
    assert changed_fields(Side.LEFT, agreed_on, base, on, FINGERPRINTS) == frozenset()
    body = {**agreed_on, "labels=labels": ("a", "b")}
    assert changed_fields(Side.LEFT, body, base, on, FINGERPRINTS) == {"labels=labels"}
    assert changed_fields(Side.LEFT, {"duedate=duedate": None}, base, on, FINGERPRINTS) == {
        "duedate=duedate"
    }


def test_a_twin_is_created_with_what_the_source_has_and_its_defaults_come_back() -> None:
    on = Profile(*SCOPES, DEFAULT_FIELDS)
    source = Snapshot({**blank(on, Side.RIGHT, NOON).values, "summary=summary": "s"}, NOON)
    plan = for_create(source, Side.RIGHT, on, FINGERPRINTS)
    assert [(w.field, w.value) for w in plan.right] == [("summary", "s")]
    created = Snapshot({**source.values, "priority=priority": "Medium"}, LATER)
    base, dirty = confirm(
        plan.base,
        Side.RIGHT,
        writes=plan.right,
        read=blank(on, Side.RIGHT, NOON),
        returned=created,
        profile=on,
        fingerprints=FINGERPRINTS,
    )
    assert dirty == {"priority=priority"}
    after = merge(source, created, base, on, FINGERPRINTS)
    assert [(w.field, w.value) for w in after.left] == [("priority", "Medium")]


def test_a_create_screen_without_a_field_blocks_that_field_alone() -> None:
    on = Profile(*SCOPES, DEFAULT_FIELDS)
    source = Snapshot(
        {
            **blank(on, Side.RIGHT, NOON).values,
            "summary=summary": "s",
            "duedate=duedate": "2026-05-01",
        },
        NOON,
    )
    plan = for_create(
        source, Side.RIGHT, on, FINGERPRINTS, off_screen={"duedate=duedate": "not on the screen"}
    )
    assert [w.field for w in plan.right] == ["summary"]
    assert left_alone(plan) == [Reason.BLOCKED]


def test_unmoved_takes_back_the_base_of_writes_that_were_not_done() -> None:
    plan = plan_of(snap("new"), snap("old"), agreed("old"))
    assert unmoved(plan.base, agreed("old"), ["summary=summary"]) == agreed("old")
    assert unmoved(plan.base, agreed("old"), []) == plan.base
    assert unmoved(plan.base, Base(), ["summary=summary"]) == Base()


RICH = profile(
    FieldMapping("summary", "summary", Kind.TEXT),
    FieldMapping("description", "description", Kind.RICH_TEXT),
)


def rich(summary: Value, description: Value) -> Snapshot:
    return Snapshot({"summary=summary": summary, "description=description": description}, NOON)


def confirmed(
    left: Snapshot, right: Snapshot, base: Base, returned: Snapshot
) -> tuple[Plan, Base, frozenset[str]]:
    """Merge, write the right side, and compare with what it returned."""
    plan = plan_of(left, right, base, RICH)
    return (
        plan,
        *confirm(
            plan.base,
            Side.RIGHT,
            writes=plan.right,
            read=right,
            returned=returned,
            profile=RICH,
            fingerprints=FINGERPRINTS,
        ),
    )


OLD = rich("s", doc("old"))
AGREED = base_after(OLD, OLD, RICH, FINGERPRINTS)


def test_a_write_that_is_stored_as_written_is_confirmed() -> None:
    new = rich("s", doc("new"))
    plan, base, dirty = confirmed(new, OLD, AGREED, new)
    assert (base, dirty) == (plan.base, frozenset())


def test_rich_text_that_the_site_spells_its_own_way_is_the_base_of_that_side() -> None:
    new, stored = rich("s", doc("new", "strong")), rich("s", doc("new"))
    _, base, dirty = confirmed(new, OLD, AGREED, stored)
    assert dirty == frozenset()
    rest = plan_of(new, stored, base, RICH)
    assert rest.is_empty
    assert rest.base == base


def test_rich_text_with_other_words_is_somebodys_edit_and_crosses_back() -> None:
    new, edited = rich("s", doc("new")), rich("s", doc("new and more"))
    _, base, dirty = confirmed(new, OLD, AGREED, edited)
    assert dirty == {"description=description"}
    after = plan_of(new, edited, base, RICH)
    assert [w.value for w in after.left] == [doc("new and more")]
    assert plan_of(edited, edited, after.base, RICH).is_empty


def test_a_text_that_comes_back_different_crosses_back_and_rests() -> None:
    new, stored = rich("new", doc("old")), rich("new!", doc("old"))
    _, base, dirty = confirmed(new, OLD, AGREED, stored)
    assert dirty == {"summary=summary"}
    after = plan_of(new, stored, base, RICH)
    assert [w.value for w in after.left] == ["new!"]
    assert not after.right
    assert plan_of(stored, stored, after.base, RICH).is_empty


def test_a_field_that_we_did_not_write_and_somebody_changed_meanwhile_stays_dirty() -> None:
    new, returned = rich("new", doc("old")), rich("new", doc("edited"))
    plan, base, dirty = confirmed(new, OLD, AGREED, returned)
    assert dirty == {"description=description"}
    assert base == plan.base
    after = plan_of(new, returned, base, RICH)
    assert [w.value for w in after.left] == [doc("edited")]


def test_an_edit_of_the_side_that_the_change_came_from_is_not_confirmed_away() -> None:
    left = rich("new", doc("old"))
    plan = plan_of(left, OLD, AGREED, RICH)
    base, dirty = confirm(
        plan.base,
        Side.LEFT,
        writes=plan.left,
        read=left,
        returned=rich("newer", doc("old")),
        profile=RICH,
        fingerprints=FINGERPRINTS,
    )
    assert dirty == {"summary=summary"}
    after = plan_of(rich("newer", doc("old")), left, base, RICH)
    assert [w.value for w in after.right] == ["newer"]


def test_a_field_that_the_answer_does_not_show_keeps_the_planned_base() -> None:
    plan, base, dirty = confirmed(rich("new", doc("old")), OLD, AGREED, Snapshot({}, NOON))
    assert (base, dirty) == (plan.base, frozenset())


def test_a_field_that_appears_in_the_answer_only_is_dirty() -> None:
    hidden = Snapshot({"summary=summary": "s"}, NOON)
    _, _, dirty = confirmed(rich("new", doc("old")), hidden, AGREED, rich("new", doc("old")))
    assert dirty == {"description=description"}
