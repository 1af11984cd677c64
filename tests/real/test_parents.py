"""Sub-tasks, epics and what is below them keep their hierarchy, over real processes, both ways."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from typing import Any

import pytest
import requests

from demo.stack import APP_KEY, Stack, scope_ids, wait_until
from demo.walk import create_issue, edit_issue, keys_by_summary
from sandbox.process import SiteHandle
from tests.stack_fixture import owner, running, tandem  # noqa: F401  a fixture

pytestmark = pytest.mark.real

LONG = 120.0  # seconds: a state is waited for, never a moment
SUMMARY = {"left": "summary", "right": "summary", "kind": "text"}
PARENT = {"left": "parent", "right": "parent", "kind": "parent"}


def above(site: SiteHandle, key: str) -> str | None:
    """The key of an issue's parent."""
    parent = site.call("GET", f"issue/{key}?fields=parent").json()["fields"].get("parent")
    return None if parent is None else str(parent["key"])


def made(site: SiteHandle, project: str, kind: str, summary: str, parent: str | None = None) -> str:
    more: dict[str, Any] = {"parent": {"key": parent}} if parent else {}
    return create_issue(site, project, kind, summary=summary, **more)


@dataclass
class Scene:
    """Tasks, epics and sub-tasks of two sites, each in a profile of its own."""

    stack: Stack
    connection: str
    tasks: str

    @property
    def left(self) -> SiteHandle:
        return self.stack.sandbox.acme

    @property
    def right(self) -> SiteHandle:
        return self.stack.sandbox.globex

    def twin(self, summary: str, site: SiteHandle | None = None) -> str:
        """The key of the one issue of this summary on the right side, once it is there."""
        found: list[str] = []
        there = site or self.right
        project = "PLAT" if there is self.right else "WEB"

        def arrived() -> bool:
            found[:] = keys_by_summary(there, project).get(summary, [])
            return bool(found)

        wait_until(f"'{summary}' has a twin", arrived, LONG)
        assert len(found) == 1, found
        return found[0]

    def is_below(self, site: SiteHandle, key: str, parent: str | None) -> None:
        """Wait until an issue has this parent."""
        wait_until(f"{key} is below {parent}", lambda: above(site, key) == parent, LONG)

    def parked(self) -> list[tuple[str, str]]:
        """What is set aside: the code and the field."""
        found = self.stack.page(self.left, "GET", "/pages/parked")
        return sorted((one["code"], one["field"]) for one in found)


@pytest.fixture(scope="module")
def scene(running: Stack) -> Scene:  # noqa: F811
    acme, globex = running.sandbox.acme, running.sandbox.globex
    for site in (acme, globex):
        site.limits(issueWrites={"on": False}, burst={"on": False})
    # There before any profile: a first load has to find what is above what.
    epic = made(acme, "WEB", "Epic", "Old epic")
    task = made(acme, "WEB", "Task", "Old task", epic)
    made(acme, "WEB", "Sub-task", "Old sub-task", task)
    connection = running.connect()
    ids = {}
    for kind, fields in (
        ("Sub-task", [SUMMARY, PARENT]),
        ("Task", [SUMMARY, PARENT]),
        ("Epic", [SUMMARY]),
    ):
        ids[kind] = running.create_profile(
            connection, left=("WEB", kind), right=("PLAT", kind), name=f"{kind}s", fields=fields
        )
    return Scene(running, connection, ids["Task"])


def test_a_first_load_of_sub_tasks_alone_brings_their_parents_and_the_epics_above(
    scene: Scene,
) -> None:
    done = tandem(
        scene.stack.environment,
        "profile",
        "load",
        "Sub-tasks",
        "--from",
        "left",
        "--no-match",
        seconds=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    sub = scene.twin("Old sub-task")
    task, epic = scene.twin("Old task"), scene.twin("Old epic")
    scene.is_below(scene.right, sub, task)
    scene.is_below(scene.right, task, epic)
    scene.stack.settle()
    assert scene.parked() == []


def test_a_sub_task_made_right_after_its_parent_is_made_below_its_twin_in_either_direction(
    scene: Scene,
) -> None:
    for here, there, project in (
        (scene.left, scene.right, "WEB"),
        (scene.right, scene.left, "PLAT"),
    ):
        name = f"From {project}"
        parent = made(here, project, "Task", f"{name}, parent")
        for number in range(3):
            made(here, project, "Sub-task", f"{name}, child {number}", parent)
        twin = scene.twin(f"{name}, parent", there)
        for number in range(3):
            child = scene.twin(f"{name}, child {number}", there)
            assert above(there, child) == twin
    scene.stack.settle()
    assert scene.parked() == []


def test_another_parent_crosses_in_either_direction_and_none_does_too(scene: Scene) -> None:
    first = made(scene.left, "WEB", "Epic", "First epic")
    second = made(scene.left, "WEB", "Epic", "Second epic")
    task = made(scene.left, "WEB", "Task", "Wanders", first)
    twin, epics = scene.twin("Wanders"), [scene.twin("First epic"), scene.twin("Second epic")]
    scene.is_below(scene.right, twin, epics[0])
    edit_issue(scene.left, task, parent={"key": second})
    scene.is_below(scene.right, twin, epics[1])
    scene.stack.settle()
    edit_issue(scene.right, twin, parent={"key": epics[0]})
    scene.is_below(scene.left, task, first)
    scene.stack.settle()
    token = scene.left.context_token(APP_KEY, accountId=scene.left.admin["accountId"])
    headers = {"Authorization": f"JWT {token}", "Accept": "text/html"}
    said = requests.get(f"{scene.stack.url}/pages/parts/overview", headers=headers, timeout=90).text
    for key, above_it in ((twin, epics[1]), (task, first)):
        assert re.search(rf"arent of {key} is now “{above_it}”", html.unescape(said)), said
    edit_issue(scene.right, twin, parent=None)
    scene.is_below(scene.left, task, None)
    scene.stack.settle()
    assert scene.parked() == []


def test_a_cyclic_parent_parks_that_field_alone_and_the_rest_of_its_issue_crosses(
    scene: Scene,
) -> None:
    epic = made(scene.left, "WEB", "Epic", "Above at first")
    task = made(scene.left, "WEB", "Task", "Below at first")
    above_there, below_there = scene.twin("Above at first"), scene.twin("Below at first")
    scene.stack.settle()
    # Over there the two trade places: what was above is below.
    scene.right.move(below_there, "PLAT", "Epic")
    scene.right.move(above_there, "PLAT", "Story")
    edit_issue(scene.right, above_there, parent={"key": below_there})
    scene.stack.settle()
    edit_issue(scene.left, task, parent={"key": epic}, summary="Below, and renamed")
    wait_until(
        "the summary has crossed",
        lambda: "Below, and renamed" in keys_by_summary(scene.right, "PLAT"),
        LONG,
    )
    scene.stack.settle()
    assert scene.parked() == [("field-refused", "parent")]
    assert above(scene.right, below_there) is None
    edit_issue(scene.left, task, parent=None)
    wait_until("nothing is parked", lambda: scene.parked() == [], LONG)


def test_a_sub_task_whose_parent_no_profile_carries_is_parked_and_follows_once_one_does(
    scene: Scene,
) -> None:
    story = made(scene.left, "WEB", "Story", "Told by nobody")
    made(scene.left, "WEB", "Sub-task", "Of a story", story)
    wait_until("it is parked", lambda: scene.parked() == [("parent-unpaired", "parent")], LONG)
    assert "Of a story" not in keys_by_summary(scene.right, "PLAT")
    profile = scene.stack.create_profile(
        scene.connection,
        left=("WEB", "Story"),
        right=("PLAT", "Story"),
        name="Stories",
        fields=[SUMMARY],
    )
    assert profile
    edit_issue(scene.left, story, summary="Told by somebody")
    twin = scene.twin("Told by somebody")
    scene.is_below(scene.right, scene.twin("Of a story"), twin)
    wait_until("nothing is parked", lambda: scene.parked() == [], LONG)


def test_a_sub_task_waits_for_a_parent_that_is_held_up_and_follows_it(scene: Scene) -> None:
    scene.stack.page(scene.left, "POST", f"/pages/profiles/{scene.tasks}/pause", x="x")
    parent = made(scene.left, "WEB", "Task", "Held up")
    child = made(scene.left, "WEB", "Sub-task", "Waits for it", parent)
    number = int(scene.left.call("GET", f"issue/{child}?fields=summary").json()["id"])
    with owner(scene.stack) as database:

        def is_waiting() -> bool:
            # As if it had waited as long as it may.
            asked = (
                "UPDATE change SET attempts = 5, not_before = now() WHERE issue_id = %s"
                " AND reason = 'waiting-for-parent'"
            )
            return bool(database.execute(asked, (number,)).rowcount)

        wait_until("the child waits", is_waiting, LONG)
    wait_until("it is parked", lambda: scene.parked() == [("parent-waits", "parent")], LONG)
    scene.stack.page(scene.left, "POST", f"/pages/profiles/{scene.tasks}/resume", x="x")
    twin = scene.twin("Held up")
    scene.is_below(scene.right, scene.twin("Waits for it"), twin)
    wait_until("nothing is parked", lambda: scene.parked() == [], LONG)


def test_a_profile_of_sub_tasks_that_does_not_map_the_parent_is_refused_with_the_cure(
    scene: Scene,
) -> None:
    project, kind = scope_ids(scene.right, "PLAT", "Sub-task")
    left_project, left_kind = scope_ids(scene.left, "SUP", "Task")
    with pytest.raises(Exception, match="Map parent to parent"):
        scene.stack.page(
            scene.left,
            "POST",
            "/pages/profiles",
            connection=scene.connection,
            name="No parents",
            left_project=left_project,
            left_type=left_kind,
            right_project=project,
            right_type=kind,
            fields='[{"left": "summary", "right": "summary", "kind": "text"}]',
        )
