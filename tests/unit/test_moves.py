"""Moves without a site: the base around them, their steps as one edit, screens, and constants."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import app.mapping.kinds  # noqa: F401  registers the kinds
from app.jira.site import Changelog, Edit, FieldRule, Issue, Transition
from app.mapping.document import DocumentError, dump_profile, load_profile
from app.mapping.profile import FieldMapping, Kind, Profile, Scope, Side
from app.sync.fingerprint import Fingerprinter
from app.sync.merge import for_create, merge
from app.sync.move_known import KEPT_SECONDS, Workflows
from app.sync.move_marks import as_one, born, later, settled
from app.sync.move_resume import together
from app.sync.move_screen import Screens, constants
from app.sync.parked import Ask, Known, field_causes
from app.sync.plan import Base, Reason, Snapshot, Write
from app.sync.planning_obstacles import refused
from app.sync.reasons import Cause, Code

NOW = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)
STATUS, RESOLUTION = "status=status", "resolution=resolution"
PROFILE = Profile(
    Scope("1", "1"),
    Scope("2", "2"),
    (
        FieldMapping("summary", "summary", Kind.TEXT),
        FieldMapping("status", "status", Kind.STATUS),
        FieldMapping("resolution", "resolution", Kind.RESOLUTION),
    ),
)
MARKS = Fingerprinter(bytes(32))
TODO, DOING, REVIEW, DONE = ("1", "To Do"), ("2", "Doing"), ("3", "Review"), ("4", "Done")


def snapshot(status: Any, resolution: Any = None, summary: str = "One") -> Snapshot:
    values = {"summary=summary": summary, STATUS: status, RESOLUTION: resolution}
    return Snapshot(values, NOW)


def agreed(left: Snapshot, right: Snapshot) -> Base:
    return Base(*(
        {key: MARKS.of(key, side, value) for key, value in snap.values.items()}
        for side, snap in ((Side.LEFT, left), (Side.RIGHT, right))
    ))  # fmt: skip


def step(name: str, to: tuple[str, str], *wants: str, has: Sequence[str] = ()) -> Transition:
    fields = {one: FieldRule(one.title(), required=one in wants) for one in (*wants, *has)}
    return Transition(name, name, to, fields=fields)


# --- the base ----------------------------------------------------------------------------------


@pytest.mark.parametrize("left", [DONE, REVIEW, TODO])
def test_an_issue_that_stopped_half_way_is_moved_on_to_wherever_its_twin_is_by_then(
    left: tuple[str, str],
) -> None:
    base = agreed(snapshot(TODO), snapshot(TODO))
    base = settled(base, Side.RIGHT, {STATUS: DOING}, MARKS.of)
    plan = merge(snapshot(left), snapshot(DOING), base, PROFILE, MARKS)
    assert [(one.key, one.value) for one in plan.right] == [(STATUS, left)]
    assert (plan.left, plan.conflicts) == ((), ())


def test_who_moves_an_issue_on_that_stopped_half_way_is_in_conflict_with_its_twin() -> None:
    base = settled(agreed(snapshot(TODO), snapshot(TODO)), Side.RIGHT, {STATUS: DOING}, MARKS.of)
    plan = merge(snapshot(DONE), snapshot(REVIEW), base, PROFILE, MARKS)
    assert [one.key for one in plan.conflicts] == [STATUS]


def made(status: tuple[str, str]) -> tuple[Base, frozenset[str]]:
    source = snapshot(DONE, ("7", "Fixed"))
    whole = for_create(source, Side.RIGHT, PROFILE, MARKS)
    plan, waits = later(whole, Side.RIGHT, MARKS.of)
    assert {one.key for one in plan.right} == {"summary=summary"}
    assert {one.key for one in waits} == {STATUS, RESOLUTION}
    assert STATUS not in plan.base.left
    twin = snapshot(status)
    return born(plan.base, whole.base, Side.RIGHT, waits=waits, made=twin, marks=MARKS.of)


def test_the_status_that_a_twin_is_made_in_is_nobodys_edit() -> None:
    base, rest = made(TODO)
    assert rest == {STATUS, RESOLUTION}
    plan = merge(snapshot(DONE, ("7", "Fixed")), snapshot(TODO), base, PROFILE, MARKS)
    assert {one.key for one in plan.right} == {STATUS, RESOLUTION}
    assert (plan.left, plan.conflicts) == ((), ())


def test_a_twin_that_is_made_in_the_right_status_is_in_step() -> None:
    base, rest = made(DONE)
    assert rest == {RESOLUTION}
    assert base.right[STATUS] == MARKS.of(STATUS, Side.RIGHT, DONE)
    assert base.left[STATUS] == MARKS.of(STATUS, Side.LEFT, DONE)


def test_a_create_without_a_status_is_left_as_it_is() -> None:
    profile = Profile(PROFILE.left, PROFILE.right, PROFILE.fields[:1])
    plan = for_create(snapshot(DONE), Side.RIGHT, profile, MARKS)
    assert later(plan, Side.RIGHT, MARKS.of) == (plan, ())


def test_a_plan_does_not_look_for_what_transitions_set_on_the_create_screen() -> None:
    plan = for_create(snapshot(DONE, ("7", "Fixed")), Side.RIGHT, PROFILE, MARKS)
    rules = {"other": FieldRule("Other")}
    assert set(refused(rules, Side.RIGHT, plan.right, creates=True)) == {"summary=summary"}
    alone = [one for one in plan.right if one.key == RESOLUTION]
    assert set(refused(rules, Side.RIGHT, alone, creates=True)) == {RESOLUTION}


# --- the changelog ------------------------------------------------------------------------------


def log(*edits: tuple[str, str], field: str = "status") -> Changelog:
    """A changelog of these changes, given oldest first as from and to."""
    rows = [
        Edit(field, NOW + timedelta(seconds=number), (a, a), (b, b), "us")
        for number, (a, b) in enumerate(edits)
    ]
    return Changelog(tuple(reversed(rows)), whole=True)


def seen(found: Changelog) -> list[tuple[str | None, str | None]]:
    """Oldest first."""
    return [(one.before[0], one.after[0]) for one in reversed(found.edits)]


def told(found: Changelog, origin: str = "1", between: str = "23", target: str = "4") -> Changelog:
    """With the steps of a move from one status through others to the last as one."""
    return as_one(
        found,
        "status",
        origin=lambda status: status[0] == origin,
        between=lambda status: status[0] in between,
        target=lambda status: status[0] == target,
    )


def test_the_steps_of_a_move_count_as_one_edit() -> None:
    found = told(log(("9", "1"), ("1", "2"), ("2", "3"), ("3", "4")))
    assert seen(found) == [("9", "1"), ("1", "4")]
    assert found.edits[0].at == NOW + timedelta(seconds=3)


def test_a_move_that_went_on_from_half_way_begins_there() -> None:
    found = told(log(("1", "2"), ("2", "3"), ("3", "4")), origin="2")
    assert seen(found) == [("1", "2"), ("2", "4")]


def test_what_somebody_did_before_the_first_step_is_what_the_move_replaced() -> None:
    found = told(log(("1", "8"), ("8", "2"), ("2", "3"), ("3", "4")))
    assert seen(found) == [("1", "8"), ("8", "4")]


def test_what_somebody_did_between_two_steps_is_what_the_move_replaced() -> None:
    found = told(log(("1", "2"), ("2", "3"), ("3", "8"), ("8", "4")))
    assert seen(found)[-2:] == [("3", "8"), ("8", "4")]
    found = told(log(("1", "2"), ("2", "8"), ("8", "3"), ("3", "4")))
    assert seen(found)[-2:] == [("2", "8"), ("8", "4")]


def test_what_somebody_did_after_the_move_is_an_edit_of_its_own() -> None:
    found = told(log(("1", "2"), ("2", "4"), ("4", "9")))
    assert seen(found) == [("1", "4"), ("4", "9")]


def test_a_move_of_one_step_and_other_fields_stay_as_they_are() -> None:
    single = log(("1", "4"))
    assert told(single) == single
    other = log(("1", "2"), ("2", "3"), ("3", "4"), field="priority")
    assert told(other) == other


WAY = [step("a", DOING), step("b", REVIEW), step("c", DONE)]


# --- screens ------------------------------------------------------------------------------------


class Shown:
    """A site that tells what one issue holds, and counts how often it was asked."""

    def __init__(self, **holds: Any) -> None:
        self.holds, self.asked = holds, 0

    def fetch(self, issue_ids: Sequence[int | str], fields: Sequence[str]) -> Mapping[int, Issue]:
        self.asked += 1
        held = {name: self.holds.get(name) for name in fields}
        return {1: Issue(1, "A-1", held, NOW)}


def screens(
    writes: Sequence[Write] = (), given: Mapping[str, Any] | None = None, **holds: Any
) -> tuple[Screens, Shown]:
    site = Shown(**holds)
    found: Any = site
    return Screens(found, 1, writes=writes, read={}, constants=given or {}), site


def wrote(name: str, value: Any, kind: Kind = Kind.TEXT) -> Write:
    return Write(f"{name}={name}", name, kind, value, None, Reason.CHANGED)


def test_a_screen_is_filled_from_writes_constants_and_what_the_issue_holds() -> None:
    move = step("m", DONE, "reason", "resolution", "client", "team")
    given = {"resolution": {"id": "5"}}
    found, site = screens([wrote("reason", "Because")], given, client="Somebody", team=None)
    found.look([move])
    assert found.lacks(move) == ("Team",)
    assert found.fields(move, last=True) == {"reason": "Because", "resolution": {"id": "5"}}
    found.look([move])
    assert site.asked == 1


def test_a_write_that_empties_a_field_fills_in_no_screen() -> None:
    move = step("m", DONE, "reason")
    found, _ = screens([wrote("reason", None)])
    found.look([move])
    assert found.lacks(move) == ("Reason",)


def test_a_constant_gives_way_to_what_is_written_and_to_what_the_issue_holds() -> None:
    move = step("m", DONE, "reason", has=["note"])
    given = {"reason": "Constant", "note": "Never wanted"}
    found, _ = screens([wrote("reason", "Written")], given)
    assert found.fields(move, last=True) == {"reason": "Written"}
    found, _ = screens([], given)
    assert found.fields(move, last=True) == {"reason": "Constant"}


def test_writes_ride_with_the_last_move_and_before_it_where_they_are_wanted() -> None:
    writes = [wrote("resolution", ("5", "Fixed"), Kind.RESOLUTION), wrote("note", "A note")]
    found, _ = screens(writes)
    first, last = step("1", DOING, "note", has=["resolution"]), step("2", DONE, has=["resolution"])
    assert found.fields(first, last=False) == {"note": "A note"}
    assert found.fields(last, last=True) == {"resolution": {"id": "5"}}
    found.drop(["resolution=resolution"])
    assert found.fields(last, last=True) == {}


def test_what_the_edit_screen_lacks_rides_with_the_first_move_that_has_it() -> None:
    site: Any = Shown()
    writes = [wrote("reason", "Because"), wrote("note", "A note")]
    found = Screens(site, 1, writes=writes, read={}, constants={}, nowhere_else={"reason"})
    first, last = step("1", DOING, has=["reason", "note"]), step("2", DONE, has=["note"])
    assert found.fields(first, last=False) == {"reason": "Because"}
    assert found.fields(last, last=True) == {"note": "A note"}


def test_what_a_screen_lacked_is_tried_again_with_a_move_and_with_nothing_else() -> None:
    summary = FieldMapping("summary", "summary", Kind.TEXT)
    status = FieldMapping("status", "status", Kind.STATUS)
    profile = Profile(PROFILE.left, PROFILE.right, (summary, status))
    base = agreed(snapshot(TODO), snapshot(TODO))
    both = merge(snapshot(DONE, summary="Two"), snapshot(TODO), base, profile, MARKS)
    alone = merge(snapshot(TODO, summary="Two"), snapshot(TODO), base, profile, MARKS)
    cause = Cause(
        Side.RIGHT,
        Code.FIELD_NOT_ON_SCREEN,
        "summary",
        summary.key,
        both.base.right[summary.key],
    )
    known = Known(uuid.uuid4(), cause, Ask.NO, (Side.LEFT, 1))
    assert together([known], both) == []
    assert together([known], alone) == [known]
    moved = Cause(Side.RIGHT, Code.MOVE_NO_WAY, "status", STATUS, both.base.right[STATUS])
    stuck = Known(uuid.uuid4(), moved, Ask.NO, (Side.LEFT, 1))
    assert together([known, stuck], both) == [known, stuck]


def test_what_was_not_sent_for_want_of_a_place_is_known_by_its_field_alone() -> None:
    write, said = wrote("note", "A note"), {"note=note": "note is not on the edit screen"}
    base = Base({}, {"note=note": "mark"})
    codes = {"note=note": Code.FIELD_NOT_ON_SCREEN}
    [ours] = field_causes(Side.RIGHT, [write], said, base, codes)
    [theirs] = field_causes(Side.RIGHT, [write], said, base)
    assert (ours.mark, theirs.mark) == ("", "mark")


def test_a_comment_that_is_wanted_is_a_new_one_whatever_there_is() -> None:
    move = step("m", DONE, "comment")
    found, site = screens(comment={"total": 3})
    found.look([move])
    assert (found.lacks(move), site.asked) == (("Comment",), 0)


# --- what is kept in memory, and the document ----------------------------------------------


def test_what_was_seen_of_a_workflow_is_believed_for_a_while_and_of_its_own_type_alone() -> None:
    clock = [0.0]
    tenant: Any = "tenant"
    known = Workflows(lambda: clock[0])
    known.saw(tenant, PROFILE.left, "1", WAY)
    assert list(known.of(tenant, PROFILE.left)) == ["1"]
    assert known.of(tenant, PROFILE.right) == {}
    known.saw(tenant, PROFILE.left, "2", [])
    known.forget(tenant, PROFILE.left, {"2": []})
    clock[0] = KEPT_SECONDS - 1
    assert list(known.of(tenant, PROFILE.left)) == ["1"]
    clock[0] = KEPT_SECONDS
    assert known.of(tenant, PROFILE.left) == {}


def document(moves: Any) -> dict[str, Any]:
    return {**dump_profile(PROFILE), "moves": moves}


def test_constants_for_transitions_are_kept_by_side_in_the_document() -> None:
    moves = {"right": {"resolution": {"id": "5"}, "comment": "Closed by its twin."}}
    profile = load_profile(document(moves))
    assert dump_profile(profile)["moves"] == moves
    assert load_profile(dump_profile(profile)) == profile
    assert constants(profile, Side.LEFT) == {}
    found = constants(profile, Side.RIGHT)
    assert found["resolution"] == {"id": "5"}
    text = {"type": "text", "text": "Closed by its twin."}
    assert found["comment"]["content"] == [{"type": "paragraph", "content": [text]}]
    assert "moves" not in dump_profile(PROFILE)


@pytest.mark.parametrize(
    ("moves", "where"),
    [
        ({"middle": {}}, "moves.middle"),
        ([], "moves"),
        ({"left": {"no field": "x"}}, "moves.left.no field"),
        ({"left": {"resolution": None}}, "moves.left.resolution"),
        ({"left": {"note": "x" * 3000}}, "moves.left.note"),
        ({"left": []}, "moves.left"),
    ],
)
def test_a_wrong_constant_is_refused_with_its_place(moves: Any, where: str) -> None:
    with pytest.raises(DocumentError) as said:
        load_profile(document(moves))
    assert [one.where.removesuffix(".key").removesuffix(".value")
            for one in said.value.problems] == [where]  # fmt: skip
