"""The notes of an issue's files: what is written is read back, and nothing of others is lost."""

from __future__ import annotations

import json
import uuid
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from app.mapping.profile import Side
from app.sync.items.file_notes import LONGEST, length, marks_of, with_twins
from app.sync.items.model import Mark

ONE, OTHER = str(uuid.UUID(int=1)), str(uuid.UUID(int=2))
ROOT, SHA = "a" * 64, "b" * 64
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["profiles", "files", "side", "issue", "on", "left", ONE, "7"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


def mark(item: str, profile: str = ONE) -> Mark:
    return Mark(profile, Side.RIGHT, "11", item, "22", ROOT)


def notes(
    *twins: str, profile: str = ONE, before: object = None, there: tuple[str, ...] = ()
) -> Any:
    found = {twin: (mark(f"1{twin}", profile), SHA) for twin in twins}
    return with_twins(before, found, {*there, *twins})


def test_what_is_noted_is_read_back() -> None:
    assert marks_of(notes("7", "8")) == {"7": mark("17"), "8": mark("18")}
    assert marks_of(json.loads(json.dumps(notes("7")))) == {"7": mark("17")}


def test_each_profile_has_its_own_notes_and_leaves_those_of_others() -> None:
    both = notes("8", profile=OTHER, before=notes("7"), there=("7",))
    assert marks_of(both) == {"7": mark("17"), "8": mark("18", OTHER)}


def test_files_that_are_gone_are_noted_no_more() -> None:
    assert marks_of(notes("8", before=notes("7", "9"), there=("9",))).keys() == {"8", "9"}
    assert marks_of(notes("8", before=notes("7"), there=())).keys() == {"8"}


def test_notes_that_came_with_a_copy_of_another_issue_are_begun_anew() -> None:
    copied = with_twins(None, {"7": (Mark(ONE, Side.RIGHT, "11", "17", "99", ROOT), SHA)}, {"7"})
    assert marks_of(notes("8", before=copied, there=("7",))) == {"8": mark("18")}


def test_what_grows_longer_than_jira_takes_loses_its_oldest_hashes_and_no_twin() -> None:
    found: Any = None
    for number in range(240):
        found = notes(str(10_000 + number), before=found, there=tuple(marks_of(found)))
    assert length(found) <= LONGEST
    assert len(marks_of(found)) == 240
    entries = list(found["profiles"][ONE]["files"].values())
    assert entries[0][2] == "" and entries[-1][2] == SHA


@given(JSON)
def test_whatever_stands_there_the_new_twins_are_noted(before: object) -> None:
    marks_of(before)
    found = notes("7", before=before)
    assert marks_of(found) == {"7": mark("17")}
    assert json.loads(json.dumps(found)) == found
