"""The part of the mapping document that says what becomes of the twins of issues that go away."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from app.mapping.document import DocumentError, dump_profile, load_profile
from app.mapping.lifecycle import USUAL, Archived, Deleted, Lifecycle, Moved, Why
from app.mapping.profile import DEFAULT_FIELDS, Flow, Moment, Profile, Scope, Side
from app.mapping.subtasks import PARENT, problem

PLAIN = Profile(Scope("1", "2"), Scope("3", "4"), DEFAULT_FIELDS)


def document(**said: Any) -> dict[str, Any]:
    return {**dump_profile(PLAIN), "lifecycle": said}


def test_a_document_that_says_nothing_of_it_leaves_everything_as_it_was() -> None:
    assert "lifecycle" not in dump_profile(PLAIN)
    found = load_profile(dump_profile(PLAIN)).lifecycle
    assert found == USUAL
    assert [found.deed(why) for why in Why] == [None, None, None]


def test_what_is_said_is_read_back_as_it_was_written() -> None:
    said = {
        "deleted": "close",
        "moved": "unlink",
        "archived": "comment",
        "left_closed": "10002",
        "right_closed": "10203",
    }
    profile = load_profile(document(**said))
    assert dump_profile(profile)["lifecycle"] == said
    found = profile.lifecycle
    assert [found.deed(why) for why in Why] == [Deleted.CLOSE, Moved.UNLINK, Archived.COMMENT]


@pytest.mark.parametrize(
    ("said", "where"),
    [
        ({"deleted": "destroy"}, "lifecycle.deleted"),
        ({"moved": "delete"}, "lifecycle.moved"),
        ({"archived": "close"}, "lifecycle.archived"),
        ({"erased": "unlink"}, "lifecycle.erased"),
        ({"deleted": "close", "left_closed": "1"}, "lifecycle.right_closed"),
        ({"left_closed": "Done"}, "lifecycle"),
    ],
)
def test_what_is_not_known_is_refused_with_its_place(said: dict[str, Any], where: str) -> None:
    with pytest.raises(DocumentError) as refused:
        load_profile(document(**said))
    assert refused.value.problems[0].where.startswith(where)


def test_moved_and_archived_issues_never_cost_an_issue() -> None:
    assert "delete" not in {one.value for one in (*Moved, *Archived)}
    assert Lifecycle(deleted=Deleted.DELETE).deed(Why.MOVED) is None


def of_sub_tasks(profile: Profile, *sides: Side) -> Profile:
    """The profile with the types of these sides as sub-tasks."""
    left = replace(profile.left, subtask=Side.LEFT in sides)
    return replace(profile, left=left, right=replace(profile.right, subtask=Side.RIGHT in sides))


def test_sub_tasks_want_their_parent_mapped_towards_them() -> None:
    mapped = replace(PLAIN, fields=(*DEFAULT_FIELDS, PARENT))
    assert problem(PLAIN) is None
    assert problem(of_sub_tasks(mapped, *Side)) is None
    assert "left and right" in str(problem(of_sub_tasks(PLAIN, *Side)))
    one_way = replace(PLAIN, fields=(replace(PARENT, flow=Flow.TO_RIGHT),))
    assert problem(of_sub_tasks(one_way, Side.RIGHT)) is None
    assert "the left side's" in str(problem(of_sub_tasks(one_way, *Side)))
    late = replace(PLAIN, fields=(replace(PARENT, moment=Moment.UPDATE),))
    assert problem(of_sub_tasks(late, Side.RIGHT)) is not None


def test_a_document_of_sub_tasks_is_held_to_it_whoever_saves_it() -> None:
    whole = of_sub_tasks(replace(PLAIN, fields=(*DEFAULT_FIELDS, PARENT)), *Side)
    said = dump_profile(whole)
    assert load_profile(said) == whole
    assert isinstance(said["fields"], list)
    with pytest.raises(DocumentError, match="Map parent to parent"):
        load_profile({**said, "fields": said["fields"][:-1]})
