"""Work crosses both ways; Tandem edits and deletes its own worklogs alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from app.jira.times import parse_time
from demo.stack import Stack, wait_until
from tests.real.comments_scene import LONG, calls, rows
from tests.real.work_scene import LEFT, RIGHT, Work, carry, forget, made
from tests.stack_fixture import crosses, look_no_more, running, tandem  # noqa: F401  a fixture

pytestmark = pytest.mark.real

ROLE = {"type": "role", "value": "Administrators", "identifier": "Administrators"}
BY = "Acme Admin:"


@pytest.fixture(scope="module")
def carried(running: Stack) -> Iterator[Stack]:  # noqa: F811
    """Two sites whose tasks are kept in step, with their work."""
    items = [{"kind": "worklogs", "prefix": "{author}:"}]
    running.create_profile(running.connect(), left=LEFT, right=RIGHT, name="Tasks", items=items)
    yield running


@pytest.fixture
def work(carried: Stack, request: pytest.FixtureRequest) -> Work:
    return made(carried, request.node.name)


def test_work_crosses_both_ways_with_its_author_and_follows_edits_and_deletions(work: Work) -> None:
    first = work.log("left", 90, "Dug a hole")
    work.has("right", (90, f"{BY}\nDug a hole"))
    back = work.log("right", 30)
    work.has("left", (90, "Dug a hole"), (30, "Globex Admin:"))
    work.edit("left", first, timeSpentSeconds=3600, started="2026-03-03T10:00:00.000+0000")
    work.has("right", (60, f"{BY}\nDug a hole"), (30, ""))
    started = {parse_time(work.worklogs(side)[0]["started"]) for side in ("left", "right")}
    assert started == {datetime(2026, 3, 3, 10, tzinfo=UTC)}
    work.drop("right", back)
    work.has("left", (60, "Dug a hole"))
    work.drop("left", first)
    work.has("right")


def test_the_time_spent_is_the_same_on_both_sides_and_no_estimate_moves(work: Work) -> None:
    for side in ("left", "right"):
        edit = {"fields": {"timetracking": {"originalEstimate": "1d", "remainingEstimate": "5h"}}}
        assert work.site(side).call("PUT", f"issue/{work.key(side)}", json=edit).ok
    before = work.times("right")["timeestimate"]
    first = work.log("left", 60)
    work.log("right", 45)
    for side in ("left", "right"):
        wait_until("both crossed", lambda side=side: len(work.said(side)) == 2, LONG)  # type: ignore[misc]
    work.stack.settle()
    assert [work.times(side)["timespent"] for side in ("left", "right")] == [105 * 60, 105 * 60]
    assert work.times("right")["timeestimate"] == before - 45 * 60  # of the person's own, alone
    work.drop("left", first)
    wait_until("it went", lambda: work.times("right")["timespent"] == 45 * 60, LONG)
    assert work.times("right")["timeestimate"] == before - 45 * 60


def test_a_worklog_takes_three_calls_in_all_and_its_echo_none(carried: Stack, work: Work) -> None:
    look_no_more(carried)
    before = calls(carried)
    crosses(
        carried,
        lambda: work.log("left", 15, "Counted"),
        lambda: work.has("right", (15, f"{BY}\nCounted")),
    )
    after = calls(carried)
    counted = {path: after[path] - before.get(path, 0) for path in after}
    assert {path: n for path, n in counted.items() if n} == {
        "POST /rest/api/3/issue/bulkfetch": 2,
        "POST /rest/api/3/issue/{issueIdOrKey}/worklog": 1,
    }


def test_restricted_work_never_crosses_and_what_becomes_it_is_taken_back(work: Work) -> None:
    work.log("left", 10, "For admins", visibility=ROLE)
    second = work.log("left", 20, "Open")
    work.has("right", (20, f"{BY}\nOpen"))
    work.edit("left", second, visibility=ROLE)
    work.has("right")
    work.stack.settle()
    work.log("left", 30, "The last")
    work.has("right", (30, f"{BY}\nThe last"))


def test_more_work_than_one_read_gives_crosses_once(work: Work) -> None:
    for site in work.stack.sandbox.sites:
        site.limits(burst={"on": False}, issueWrites={"on": False})
    logged = [work.log("left", number + 1) for number in range(23)]
    wait_until("all crossed", lambda: len(work.said("right")) == 23, LONG)
    work.stack.settle()
    assert work.said("right") == [(number + 1, BY) for number in range(23)]
    work.drop("left", logged[22])
    wait_until("it went", lambda: len(work.said("right")) == 22, LONG)
    for site in work.stack.sandbox.sites:
        site.limits(burst={"on": True}, issueWrites={"on": True})


def test_with_the_database_lost_the_marks_tell_what_is_ours(work: Work) -> None:
    sources = [work.log("left", n) for n in (1, 2)]
    theirs = work.log("right", 3, "A person's")
    wait_until("all crossed", lambda: len(work.said("left")) == len(work.said("right")) == 3, LONG)
    forget(work.stack)
    people = {side: untouched(work, side) for side in ("left", "right")}
    work.log("left", 4)
    wait_until("it crossed", lambda: len(work.said("right")) == 4, LONG)
    forget(work.stack)
    assert len(work.said("left")) == 4
    work.edit("left", sources[0], timeSpentSeconds=3000)
    wait_until("it follows", lambda: (50, BY) in work.said("right"), LONG)
    forget(work.stack)
    work.drop("left", sources[1])
    wait_until("it went", lambda: len(work.said("right")) == 3, LONG)
    work.stack.settle()
    assert theirs in untouched(work, "right")
    assert untouched(work, "right") == people["right"]


def test_nothing_that_people_logged_is_ever_edited_or_deleted_whatever_becomes_of_the_other_side(
    work: Work,
) -> None:
    logged = {side: [work.log(side, n + 1) for n in range(3)] for side in ("left", "right")}
    for side in ("left", "right"):
        wait_until("all crossed", lambda side=side: len(work.said(side)) == 6, LONG)  # type: ignore[misc]
    before = {side: untouched(work, side) for side in ("left", "right")}
    for side in ("left", "right"):  # people delete and edit all that Tandem made
        first, *others = work.ours(side)
        work.edit(side, first, timeSpentSeconds=36_000)
        for one in others:
            work.drop(side, one)
    forget(work.stack)
    for side in ("left", "right"):
        work.log(side, 7)
    work.stack.settle()
    for side in ("left", "right"):
        now = untouched(work, side)
        assert before[side].items() <= now.items()
        assert set(logged[side]) <= set(now)


def test_a_refused_worklog_is_parked_alone_and_crosses_once_it_is_mended(work: Work) -> None:
    stack = work.stack
    globex = stack.sandbox.globex
    globex.faults({"method": "POST", "path": "/worklog", "kind": "404"})
    refused = work.log("left", 11)
    wait_until("it is parked", lambda: parked(stack), LONG)
    globex.faults()
    assert parked(stack) == [("worklog", f"worklogs.{refused}")]
    work.log("left", 12)
    work.has("right", (12, BY))
    done = tandem(stack.environment, "parked", "retry", "Tasks")
    assert done.returncode == 0, done.stderr
    work.has("right", (12, BY), (11, BY))
    wait_until("nothing is parked", lambda: not parked(stack), LONG)


def test_a_profile_may_keep_twins_whose_source_went_and_carry_one_way_alone(work: Work) -> None:
    stack = work.stack
    carry(stack, "Tasks", "worklogs", "--no-deletions", "--flow", "to_right", "--prefix", "")
    kept = work.log("left", 5, "Said")
    work.has("right", (5, "Said"))
    work.edit("left", kept, comment={"type": "doc", "version": 1, "content": []})
    work.has("right", (5, ""))
    work.drop("left", kept)
    work.log("right", 6)
    work.log("left", 8)
    work.has("right", (5, ""), (6, ""), (8, ""))
    stack.settle()
    assert work.said("left") == [(8, "")]
    carry(stack, "Tasks", "worklogs", "--deletions", "--flow", "both", "--prefix", "{author}:")


def untouched(work: Work, side: str) -> dict[str, object]:
    """What people logged on a side, and when and by whom it was last written."""
    return {
        one["id"]: (one["timeSpentSeconds"], one["updated"], one["updateAuthor"]["accountId"])
        for one in work.worklogs(side)
        if one["author"]["accountType"] != "app"
    }


def parked(stack: Stack) -> list[tuple[str, str]]:
    """The causes of what is parked."""
    return rows(stack, "SELECT field, field_key FROM parked_cause")
