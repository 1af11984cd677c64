"""Each issue of a pair links to its twin, where the profile says so."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from demo.stack import Stack, wait_until
from tests.real.comments_scene import LONG, calls, pair, rows
from tests.real.work_scene import LEFT, RIGHT, Work, carry, forget, made
from tests.stack_fixture import running, tandem  # noqa: F401  a fixture

pytestmark = pytest.mark.real

PUT = "POST /rest/api/3/issue/{issueIdOrKey}/remotelink"


@pytest.fixture(scope="module")
def profile(running: Stack) -> Iterator[str]:  # noqa: F811
    yield running.create_profile(running.connect(), left=LEFT, right=RIGHT, name="Tasks")


@pytest.fixture(scope="module")
def carried(running: Stack, profile: str) -> Stack:  # noqa: F811
    """Two sites whose tasks are kept in step, and link to each other."""
    carry(running, profile, "remote_link")
    return running


def links(work: Work, side: str) -> list[dict[str, Any]]:
    """The links of an issue to the outside."""
    answer = work.site(side).call("GET", f"issue/{work.key(side)}/remotelink")
    found: list[dict[str, Any]] = answer.json()
    return found


def titles(work: Work, side: str) -> list[str]:
    return [str(one["object"]["title"]) for one in links(work, side)]


def title(work: Work, side: str) -> str:
    """What the link to the issue of a side says."""
    return f"Twin: {work.key(side)} at {work.site(side).url.partition('://')[2]}"


def linked(work: Work) -> bool:
    """Whether both issues have the one link to their twin."""
    return titles(work, "left") == [title(work, "right")] and titles(work, "right") == [
        title(work, "left")
    ]


def visit(work: Work, summary: str) -> None:
    """Have the pair visited once more."""
    edit = {"fields": {"summary": summary}}
    assert work.site("left").call("PUT", f"issue/{work.left}", json=edit).ok

    def crossed() -> bool:
        path = f"issue/{work.right}?fields=summary"
        return bool(work.site("right").call("GET", path).json()["fields"]["summary"] == summary)

    wait_until("the summary crossed", crossed, LONG)
    work.stack.settle()


def test_each_issue_of_a_new_pair_links_to_its_twin_and_a_visit_asks_no_more(
    carried: Stack, profile: str
) -> None:
    work = made(carried, "Linked")
    wait_until("both link", lambda: linked(work), LONG)
    carried.settle()
    [one] = links(work, "left")
    assert one["object"]["url"] == f"{work.site('right').url}/browse/{work.right}"
    number = work.site("right").call("GET", f"issue/{work.right}").json()["id"]
    assert one["globalId"] == f"tandem:{profile}:{number}"
    before = calls(carried)
    visit(work, "Linked and edited")
    assert calls(carried)[PUT] == before[PUT]
    assert linked(work)


def test_with_the_database_lost_it_is_put_again_and_is_there_once(carried: Stack) -> None:
    work = made(carried, "Lost")
    wait_until("both link", lambda: linked(work), LONG)
    theirs = {
        "globalId": "a person's",
        "object": {"url": "https://example.com/", "title": "Theirs"},
    }
    assert work.site("left").call("POST", f"issue/{work.left}/remotelink", json=theirs).ok
    forget(carried)
    visit(work, "Lost and found")
    assert titles(work, "left") == [title(work, "right"), "Theirs"]
    assert titles(work, "right") == [title(work, "left")]


def test_it_follows_a_key_that_changes(carried: Stack) -> None:
    work = made(carried, "Moved")
    wait_until("both link", lambda: linked(work), LONG)
    carried.settle()
    work.right = work.site("right").move(work.right, "OPS", "Task")
    wait_until("the left one follows", lambda: titles(work, "left") == [title(work, "right")], LONG)


def test_a_refused_one_is_parked_alone_and_put_once_it_is_mended(carried: Stack) -> None:
    globex = carried.sandbox.globex
    globex.faults({"method": "POST", "path": "/remotelink", "kind": "404"})
    work = made(carried, "Refused")
    query = "SELECT field, field_key FROM parked_cause"
    wait_until("it is parked", lambda: rows(carried, query), LONG)
    assert rows(carried, query) == [("remotelink", "remote_link")]
    globex.faults()
    assert titles(work, "left") == [title(work, "right")]
    visit(work, "Refused, and edited")
    assert titles(work, "right") == []
    done = tandem(carried.environment, "parked", "retry", "Tasks")
    assert done.returncode == 0, done.stderr
    wait_until("both link", lambda: linked(work), LONG)
    wait_until("nothing is parked", lambda: not rows(carried, query), LONG)


def test_it_goes_on_both_sides_with_the_end_of_the_pair(carried: Stack) -> None:
    [(connection,)] = rows(carried, "SELECT id FROM connection")
    carried.create_profile(
        str(connection),
        left=("WEB", "Bug"),
        right=("PLAT", "Bug"),
        name="Bugs",
        items=[{"kind": "remote_link"}],
        lifecycle={"deleted": "unlink", "moved": "unlink"},
    )
    moved, deleted = (
        Work(carried, found.left, found.right)
        for found in (pair(carried, s, ("WEB", "Bug"), ("PLAT", "Bug")) for s in ("Gone", "Off"))
    )
    for work in (moved, deleted):
        wait_until("both link", lambda work=work: linked(work), LONG)  # type: ignore[misc]
    carried.settle()
    moved.left = moved.site("left").move(moved.left, "SUP", "Task")
    assert deleted.site("left").call("DELETE", f"issue/{deleted.left}").status_code == 204
    wait_until("the moved ones link no more", lambda: not titles(moved, "right"), LONG)
    wait_until("nor does the one that is left", lambda: not titles(deleted, "right"), LONG)
    carried.settle()
    assert titles(moved, "left") == []


def test_when_the_profile_says_so_no_more_ours_alone_is_taken_away(
    carried: Stack, profile: str
) -> None:
    work = made(carried, "Stopped")
    wait_until("both link", lambda: linked(work), LONG)
    theirs = {
        "globalId": "a person's",
        "object": {"url": "https://example.com/", "title": "Theirs"},
    }
    assert work.site("right").call("POST", f"issue/{work.right}/remotelink", json=theirs).ok
    carry(carried, profile, "remote_link", "--flow", "to_left")
    wait_until("it went", lambda: titles(work, "right") == ["Theirs"], LONG)
    assert titles(work, "left") == [title(work, "right")]
    carry(carried, profile, "remote_link", "--flow", "none")
    wait_until("the other went too", lambda: titles(work, "left") == [], LONG)
    carried.settle()
    assert titles(work, "right") == ["Theirs"]
    query = "SELECT count(*) FROM item_link WHERE profile_id = %s"
    assert rows(carried, query, profile) == [(0,)]
    carry(carried, profile, "remote_link")
    wait_until("they are back", lambda: titles(work, "left") == [title(work, "right")], LONG)
    carried.settle()
    assert sorted(titles(work, "right")) == ["Theirs", title(work, "left")]
