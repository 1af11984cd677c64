"""Fields are offered by what both sites tell of them, and what is taken of it crosses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from demo.stack import Stack, StackError, wait_until
from demo.walk import create_issue, edit_issue, keys_by_summary, paragraph
from sandbox.process import SiteHandle
from tests.stack_fixture import running, tandem  # noqa: F401  fixtures

pytestmark = pytest.mark.real

LONG = 120.0  # seconds: a slow machine's
NAME = "Least"
CLIENT = ("customfield_10031", "customfield_10121")
SEVERITY = ("customfield_10035", "customfield_10125")


@pytest.fixture(scope="module")
def scene(running: Stack) -> Iterator[Stack]:  # noqa: F811
    """A profile of Tasks that carries the summary alone."""
    acme, globex = running.sandbox.acme, running.sandbox.globex
    running.create_profile(
        running.connect(),
        left=("WEB", "Task"),
        right=("PLAT", "Task"),
        name=NAME,
        sites=(acme, globex),
        fields=[{"left": "summary", "right": "summary", "kind": "text"}],
        users={},
    )
    yield running


@dataclass(frozen=True)
class Sides:
    """A pair of issues in step, on both sites."""

    stack: Stack
    left: str
    right: str

    def edit(self, side: str, **fields: Any) -> None:
        """A person edits one side."""
        site, key = self._at(side)
        edit_issue(site, key, **fields)

    def says(self, side: str, wanted: dict[str, Any]) -> None:
        """Wait until a side holds all of this."""
        site, key = self._at(side)

        def held() -> dict[str, Any]:
            asked = {"fields": ",".join(wanted)}
            found = site.call("GET", f"issue/{key}", params=asked).json()["fields"]
            return {name: plain(found.get(name)) for name in wanted}

        wait_until(f"{key} holds {wanted}", lambda: held() == wanted, LONG)

    def _at(self, side: str) -> tuple[SiteHandle, str]:
        sandbox = self.stack.sandbox
        return (sandbox.acme, self.left) if side == "left" else (sandbox.globex, self.right)


def plain(value: Any) -> Any:
    """What a field says, without what only tells where it is from."""
    if isinstance(value, list):
        return [plain(one) for one in value]
    if isinstance(value, dict):
        if "content" in value:
            return value["content"]
        names = ("name", "value", "originalEstimate")
        return next((value[name] for name in names if name in value), None)
    return value


def offered(stack: Stack, *more: str) -> dict[str, Any]:
    """What `tandem profile offer` says."""
    answer = tandem(stack.environment, "profile", "offer", NAME, "--json", *more, seconds=LONG)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    found: dict[str, Any] = json.loads(answer.stdout)
    return found


def test_what_is_offered_and_taken_crosses_in_both_directions(scene: Stack) -> None:
    acme, globex = scene.sandbox.acme, scene.sandbox.globex
    taken = offered(scene, "--take")
    rows = {one["row"]["left"]: one["row"] for one in taken["pairs"]}
    assert {name: row["kind"] for name, row in rows.items()} == {
        "assignee": "user",
        "components": "components",
        "customfield_10051": "sprint",
        "description": "rich_text",
        "duedate": "date",
        "environment": "rich_text",
        "fixVersions": "versions",
        "labels": "labels",
        "parent": "parent",
        "priority": "priority",
        "reporter": "user",
        "resolution": "resolution",
        "status": "status",
        "timetracking": "time_tracking",
        "versions": "versions",
    }
    assert {row["flow"] for row in rows.values()} == {"both"}
    assert rows["customfield_10051"]["right"] == "customfield_10151"  # by its name
    assert (taken["revision"], taken["wanting"], taken["unknown"]) == (2, [], [])

    key = create_issue(acme, "WEB", "Task", summary="Offered", labels=["first"])
    wait_until("it has a twin", lambda: keys_by_summary(globex, "PLAT").get("Offered"), LONG)
    pair = Sides(scene, key, keys_by_summary(globex, "PLAT")["Offered"][0])
    pair.says("right", {"labels": ["first"]})
    scene.settle()
    pair.edit(
        "left",
        labels=["second"],
        duedate="2027-02-03",
        priority={"name": "High"},
        components=[{"name": "Search"}],
        fixVersions=[{"name": "1.0"}],
        timetracking={"originalEstimate": "3h"},
        environment=paragraph("A quiet room"),
    )
    pair.says(
        "right",
        {
            "labels": ["second"],
            "duedate": "2027-02-03",
            "priority": "High",
            "components": ["Search"],
            "fixVersions": ["1.0"],
            "timetracking": "3h",
            "environment": paragraph("A quiet room")["content"],
        },
    )
    scene.settle()
    pair.edit("right", description=paragraph("From the right"), priority={"name": "Lowest"})
    moved = globex.call("POST", f"issue/{pair.right}/transitions", json={"transition": {"id": "2"}})
    assert moved.status_code == 204, moved.text
    back = {"priority": "Lowest", "status": "In Progress"}
    pair.says("left", {**back, "description": paragraph("From the right")["content"]})

    # Two that nothing suggests: the kinds are found.
    more = offered(scene, "--take", "=".join(CLIENT), "--take", "=".join(SEVERITY))
    assert more["revision"] == 3
    assert [one["row"]["kind"] for one in more["pairs"]] == ["text", "option"]
    scene.settle()
    pair.edit("left", **{CLIENT[0]: "Hill Farm", SEVERITY[0]: {"value": "Critical"}})
    pair.says("right", {CLIENT[1]: "Hill Farm", SEVERITY[1]: "Critical"})


def test_values_and_people_are_paired_in_a_draft_and_hold_once_it_is_saved(scene: Stack) -> None:
    acme = scene.sandbox.acme
    [profile] = [one["id"] for one in scene.overview() if one["name"] == NAME]
    draft = scene.page(acme, "POST", "/pages/drafts", profile=profile)["draft"]
    path = f"/pages/drafts/{draft}/values"

    numbers = [one["left"] for one in mapping_of(scene)["fields"]]
    severity = numbers.index(SEVERITY[0])
    first = scene.page(acme, "GET", f"{path}/{severity}")
    # What has no counterpart is counted; a value that a site has not is refused by its rule.
    with pytest.raises(StackError, match="there is no value"):
        scene.page(
            acme,
            "POST",
            f"{path}/{severity}/left",
            value=first["values"][0],
            twin="No such severity",
            version=str(first["version"]),
        )
    saved = scene.page(
        acme,
        "POST",
        f"{path}/{severity}/rule",
        missing="fail",
        by_name="yes",
        version=str(first["version"]),
    )
    low = scene.page(
        acme,
        "POST",
        f"{path}/{severity}/left",
        value=first["values"][0],
        twin=first["theirs"][-1],
        version=str(saved["version"]),
    )
    people = f"/pages/drafts/{draft}/people"
    mine, theirs = (site.admin["accountId"] for site in scene.sandbox.sites[:2])
    paired = scene.page(
        acme,
        "POST",
        f"{people}/pair",
        left_person=mine,
        right_person=theirs,
        version=str(low["version"]),
    )
    assert paired["pairs"] == 1
    scene.page(acme, "POST", f"/pages/drafts/{draft}/finish")
    held = mapping_of(scene)
    assert held["fields"][severity]["values"]["missing"] == "fail"
    assert len(held["fields"][severity]["values"]["rows"]) == 1
    assert held["users"]["rows"] == [{"left": mine, "right": theirs}]


def mapping_of(stack: Stack) -> dict[str, Any]:
    """The mapping document that is in force."""
    answer = tandem(stack.environment, "profile", "mapping", NAME, seconds=LONG)
    assert answer.returncode == 0, answer.stderr
    found: dict[str, Any] = json.loads(answer.stdout)
    return found
