"""Statuses cross by the transitions of a strict workflow, over real processes, both ways."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
import requests

from demo.stack import APP_KEY, Stack, calls_of, scope_ids, wait_until, writes_of
from demo.walk import create_issue, edit_issue, keys_by_summary
from sandbox.process import SiteHandle
from tests.stack_fixture import look_no_more, running, tandem  # noqa: F401  a fixture

pytestmark = pytest.mark.real

LONG = 120.0  # seconds: a state is waited for, never a moment
CUSTOMER, CLIENT = "customfield_10031", "customfield_10121"
FIELDS = [
    {"left": "summary", "right": "summary", "kind": "text"},
    {"left": "status", "right": "status", "kind": "status"},
    {"left": "resolution", "right": "resolution", "kind": "resolution"},
    {"left": CUSTOMER, "right": CLIENT, "kind": "text"},
]
EVERYWHERE = {
    "initial": "To Do",
    "moves": [
        {"id": "1", "name": "To do", "to": "To Do"},
        {"id": "2", "name": "Begin", "to": "In Progress"},
        {"id": "3", "name": "Review", "to": "In Review"},
        {"id": "4", "name": "Close", "to": "Done", "screen": ["resolution"], "resolution": "Done"},
    ],
}  # fmt: skip
POST = {"method": "POST", "path": "/transitions$", "app": APP_KEY, "times": 1}


def step(number: int, name: str, source: str, target: str, **more: Any) -> dict[str, Any]:
    """A move between two statuses."""
    return {"id": str(number), "name": name, "from": [source], "to": target, **more}


ROW = [
    step(11, "Begin", "To Do", "In Progress"),
    step(21, "Show", "In Progress", "In Review"),
    step(31, "Accept", "In Review", "Done", screen=["resolution"], required=["resolution"]),
    step(41, "Send back", "In Review", "In Progress"),
    step(51, "Open again", "Done", "To Do"),
]


@dataclass
class Scene:
    """Sites whose tasks are kept in step; Acme's go from any status to any other."""

    stack: Stack
    profile: str
    learned: bool = False

    @property
    def left(self) -> SiteHandle:
        """Acme."""
        return self.stack.sandbox.acme

    @property
    def right(self) -> SiteHandle:
        """Globex."""
        return self.stack.sandbox.globex

    def row(self, *moves: dict[str, Any], **more: Any) -> None:
        """Globex's workflow; the row from To Do to Done where nothing else is said."""
        asked = {"initial": "To Do", "moves": list(moves) or ROW, **more}
        self.right.workflow("PLAT", "Task", **asked)

    def known(self) -> None:
        """Put an issue into each status of Globex's, so that Tandem can learn what it leads to."""
        for count in () if self.learned else (0, 1, 2, 3):
            key = create_issue(self.right, "PLAT", "Task", summary=f"Lies there {count}")
            walk(self.right, key, *["In Progress", "In Review", "Done"][:count])
        self.learned = True
        self.stack.settle()

    def parked(self) -> list[tuple[str, str]]:
        """What is set aside: the code and the field."""
        found = self.stack.page(self.left, "GET", "/pages/parked")
        return sorted((one["code"], one["field"]) for one in found)

    def retry(self) -> None:
        """Press the button that tries again all that is parked."""
        self.stack.page(self.left, "POST", f"/pages/parked/{self.profile}/retry", x="x")

    def said(self) -> str:
        """The page of the activity."""
        token = self.left.context_token(APP_KEY, accountId=self.left.admin["accountId"])
        headers = {"Authorization": f"JWT {token}", "Accept": "text/html"}
        url = f"{self.stack.url}/pages/parts/overview"
        return requests.get(url, headers=headers, timeout=90).text

    def writes(self) -> int:
        """How often Tandem has written to either site."""
        return writes_of(self.left, self.right)

    def pair(self, summary: str, **fields: Any) -> Pair:
        """A pair in step, made on the left."""
        left = create_issue(self.left, "WEB", "Task", summary=summary, **fields)
        found: list[str] = []

        def arrived() -> bool:
            found[:] = keys_by_summary(self.right, "PLAT").get(summary, [])
            return bool(found)

        wait_until(f"'{summary}' has a twin", arrived, LONG)
        self.stack.settle()
        return Pair(self, left, found[0])


@dataclass
class Pair:
    """Two issues."""

    scene: Scene
    left: str
    right: str

    def site(self, side: str) -> tuple[SiteHandle, str]:
        """A side's site and issue."""
        return (self.scene.left, self.left) if side == "left" else (self.scene.right, self.right)

    def of(self, side: str) -> tuple[str, str | None]:
        """The status and the resolution of a side."""
        site, key = self.site(side)
        fields = site.call("GET", f"issue/{key}").json()["fields"]
        return fields["status"]["name"], (fields["resolution"] or {}).get("name")

    def becomes(self, side: str, status: str, resolution: str | None = None) -> None:
        """Wait until a side has this."""
        wait_until(
            f"{side} is {status}, {resolution}",
            lambda: self.of(side) == (status, resolution),
            LONG,
        )

    def moves(self, side: str) -> list[tuple[str, str, bool]]:
        """The changes of a side's status, oldest first: from, to, and whether Tandem made it."""
        site, key = self.site(side)
        ours = {one["accountId"] for one in site.users}
        return [
            (item["fromString"], item["toString"], one["author"]["accountId"] not in ours)
            for one in site.call("GET", f"issue/{key}/changelog").json()["values"]
            for item in one["items"]
            if item["field"] == "status"
        ]


def walk(site: SiteHandle, key: str, *statuses: str, **fields: Any) -> None:
    """A person moves an issue, step by step; `fields` are given where a screen wants some."""
    for status in statuses:
        path = f"issue/{key}/transitions"
        params = {"expand": "transitions.fields"}
        moves = site.call("GET", path, params=params).json()["transitions"]
        move = next(one for one in moves if one["to"]["name"] == status)
        given = {name: fields.get(name) for name in move["fields"] if name in fields}
        if move["fields"].get("resolution", {}).get("required"):
            given.setdefault("resolution", {"name": "Done"})
        body = {"transition": {"id": move["id"]}, "fields": given}
        answer = site.call("POST", path, json=body)
        assert answer.status_code == 204, answer.text


def create_profile(stack: Stack, fields: list[dict[str, Any]]) -> str:
    """A profile over the tasks of both sites."""
    acme, globex = stack.sandbox.acme, stack.sandbox.globex
    here, there = scope_ids(acme, "WEB", "Task"), scope_ids(globex, "PLAT", "Task")
    token = acme.context_token(APP_KEY, accountId=acme.admin["accountId"])
    answer = requests.post(
        f"{stack.url}/pages/profiles",
        data={
            "connection": stack.connect(),
            "name": "Tasks",
            "left_project": here[0],
            "left_type": here[1],
            "right_project": there[0],
            "right_type": there[1],
            "fields": json.dumps(fields),
        },
        headers={"Authorization": f"JWT {token}", "Accept": "application/json"},
        timeout=90,
    )
    assert answer.status_code == 200, answer.text
    stack.approve(globex, answer.json()["profile"])
    return str(answer.json()["profile"])


@pytest.fixture(scope="module")
def made(running: Stack) -> Scene:  # noqa: F811
    """One profile over the tasks of both sites."""
    running.sandbox.acme.workflow("WEB", "Task", **EVERYWHERE)
    return Scene(running, create_profile(running, FIELDS))


@pytest.fixture
def scene(made: Scene) -> Iterator[Scene]:
    """The scene with Globex's row; nothing stays parked."""
    made.row()
    yield made
    for site in (made.left, made.right):
        site.faults()
        site.let_go()
    made.row()
    made.retry()
    wait_until("nothing is parked", lambda: not made.parked(), LONG)


def test_a_way_that_nobody_could_see_is_not_taken_until_an_issue_shows_it(scene: Scene) -> None:
    pair = scene.pair("Unseen")
    walk(scene.left, pair.left, "Done", resolution={"name": "Duplicate"})
    edit_issue(scene.left, pair.left, summary="Unseen, renamed")
    wait_until("it is parked", lambda: ("move-unknown", "status") in scene.parked(), LONG)
    wait_until(
        "the rest crossed",
        lambda: keys_by_summary(scene.right, "PLAT").get("Unseen, renamed") == [pair.right],
        LONG,
    )
    assert pair.of("right") == ("To Do", None)
    assert pair.of("left") == ("Done", "Duplicate")
    scene.known()
    scene.retry()
    pair.becomes("right", "Done", "Duplicate")
    assert [one[1] for one in pair.moves("right")] == ["In Progress", "In Review", "Done"]
    assert not any(ours for _, _, ours in pair.moves("left"))
    wait_until("nothing is parked", lambda: not scene.parked(), LONG)


def test_one_move_costs_two_reads_its_transitions_itself_and_a_look(scene: Scene) -> None:
    pair = scene.pair("Direct")
    scene.stack.settle()
    look_no_more(scene.stack)
    for site in (scene.left, scene.right):
        site.clear_calls()
    walk(scene.left, pair.left, "In Progress")
    pair.becomes("right", "In Progress")
    scene.stack.settle()
    calls = {site.name: calls_of(site) for site in (scene.left, scene.right)}
    print("\none move:", json.dumps(calls))
    assert sum(sum(one.values()) for one in calls.values()) <= 5
    assert pair.moves("left")[-1][2] is False
    assert pair.moves("right") == [("To Do", "In Progress", True)]


def test_statuses_cross_in_both_directions_and_their_echoes_write_nothing(scene: Scene) -> None:
    pair = scene.pair("Both ways")
    walk(scene.left, pair.left, "In Review")
    pair.becomes("right", "In Review")
    walk(scene.right, pair.right, "In Progress")
    pair.becomes("left", "In Progress")
    walk(scene.right, pair.right, "In Review", "Done")
    pair.becomes("left", "Done", "Done")
    scene.stack.settle()
    before = scene.writes()
    scene.stack.settle()
    assert scene.writes() == before
    assert pair.moves("right")[:2] == [
        ("To Do", "In Progress", True), ("In Progress", "In Review", True),
    ]  # fmt: skip
    assert [one[1] for one in pair.moves("left") if one[2]][:1] == ["In Progress"]


def test_other_fields_are_written_before_an_issue_is_done_and_after_it_is_opened_again(
    scene: Scene,
) -> None:
    scene.known()
    pair = scene.pair("In order")
    for summary, status in (("First written", "Done"), ("Written last", "To Do")):
        scene.left.webhooks(hold=True)
        edit_issue(scene.left, pair.left, summary=summary)
        walk(scene.left, pair.left, status)
        scene.left.webhooks(hold=False)
        scene.left.release()
        pair.becomes("right", status, "Done" if status == "Done" else None)
        scene.stack.settle()
    log = scene.right.call("GET", f"issue/{pair.right}/changelog").json()["values"]
    fields = [[item["field"] for item in one["items"]] for one in log]
    told = [next((n for n in some if n in {"summary", "status"}), "") for some in fields]
    assert told == ["summary", "status", "status", "status", "status", "summary"]


def test_a_resolution_comes_with_its_move_and_goes_with_it(scene: Scene) -> None:
    pair = scene.pair("Resolved")
    walk(scene.left, pair.left, "Done", resolution={"name": "Won't Do"})
    pair.becomes("right", "Done", "Won't Do")
    walk(scene.left, pair.left, "To Do")
    pair.becomes("right", "To Do", None)
    scene.stack.settle()
    assert scene.parked() == []


def test_a_twin_is_made_where_it_is_made_and_moved_on_at_once(scene: Scene) -> None:
    body = {
        "fields": {
            "project": {"key": "WEB"}, "issuetype": {"name": "Task"}, "summary": "Born later",
        },
        "transition": {"id": "3"},
    }  # fmt: skip
    left = scene.left.call("POST", "issue", json=body).json()["key"]
    found: list[str] = []

    def arrived() -> bool:
        found[:] = keys_by_summary(scene.right, "PLAT").get("Born later", [])
        return bool(found)

    wait_until("there is a twin", arrived, LONG)
    pair = Pair(scene, left, found[0])
    pair.becomes("right", "In Review")
    scene.stack.settle()
    assert pair.of("left") == ("In Review", None)
    assert not any(ours for _, _, ours in pair.moves("left"))


def test_a_screen_is_filled_from_the_mapping_and_what_it_lacks_is_named(scene: Scene) -> None:
    scene.row(
        *ROW[:2],
        step(31, "Accept", "In Review", "Done", screen=["resolution", CLIENT],
             required=["resolution", CLIENT]),
        step(51, "Open again", "Done", "To Do"),
    )  # fmt: skip
    pair = scene.pair("Screened")
    walk(scene.left, pair.left, "In Review")
    pair.becomes("right", "In Review")
    walk(scene.left, pair.left, "Done")
    edit_issue(scene.left, pair.left, summary="Screened, renamed")
    wait_until("it is parked", lambda: ("move-fields", "status") in scene.parked(), LONG)
    wait_until(
        "the rest crossed",
        lambda: keys_by_summary(scene.right, "PLAT").get("Screened, renamed") == [pair.right],
        LONG,
    )
    assert pair.of("right") == ("In Review", None)
    assert pair.of("left") == ("Done", "Done")
    assert "Client" in scene.said()
    edit_issue(scene.left, pair.left, **{CUSTOMER: "Fills it in"})
    pair.becomes("right", "Done", "Done")
    fields = scene.right.call("GET", f"issue/{pair.right}").json()["fields"]
    assert fields[CLIENT] == "Fills it in"
    wait_until("nothing is parked", lambda: not scene.parked(), LONG)


def test_a_field_that_only_a_screen_of_a_move_has_is_set_by_that_move(scene: Scene) -> None:
    screens = {"project": "PLAT", "issuetype": "Task", "field": CLIENT}
    scene.right.control("PUT", "/screens", [{**screens, "on": False}])
    scene.row(
        *ROW[:2],
        step(31, "Accept", "In Review", "Done", screen=["resolution", CLIENT],
             required=["resolution"]),
    )  # fmt: skip
    try:
        scene.known()
        pair = scene.pair("Only there", **{CUSTOMER: "First"})
        assert scene.parked() == [("field-not-on-screen", CLIENT)]
        walk(scene.left, pair.left, "In Review")
        pair.becomes("right", "In Review")
        scene.stack.settle()
        assert scene.parked() == [("field-not-on-screen", CLIENT)]
        edit_issue(scene.left, pair.left, **{CUSTOMER: "Said with the move"})
        scene.stack.settle()
        walk(scene.left, pair.left, "Done")
        pair.becomes("right", "Done", "Done")
        fields = scene.right.call("GET", f"issue/{pair.right}").json()["fields"]
        assert fields[CLIENT] == "Said with the move"
        scene.stack.settle()
        assert scene.parked() == []

        before = scene.writes()
        edit_issue(scene.left, pair.left, **{CUSTOMER: "Too late"})
        wait_until("it is parked", lambda: bool(scene.parked()), LONG)
        scene.stack.settle()
        assert (scene.parked(), scene.writes()) == ([("field-not-on-screen", CLIENT)], before)
        # A status that has no way leaves it as it is, too: nothing is sent.
        walk(scene.left, pair.left, "To Do")
        wait_until("it is parked", lambda: ("move-no-way", "status") in scene.parked(), LONG)
        assert ("field-not-on-screen", CLIENT) in scene.parked()
        assert scene.writes() == before
    finally:
        scene.right.control("PUT", "/screens", [{**screens, "on": True}])


def test_a_status_of_moment_update_is_carried_by_the_visit_after_the_create(scene: Scene) -> None:
    scene.known()
    words = ("profile", "set", scene.profile, "--field", "status", "--moment")
    assert tandem(scene.stack.environment, *words, "update").returncode == 0
    try:
        body = {
            "fields": {
                "project": {"key": "WEB"}, "issuetype": {"name": "Task"}, "summary": "Later on",
            },
            "transition": {"id": "4"},
        }  # fmt: skip
        left = scene.left.call("POST", "issue", json=body).json()["key"]
        twins = lambda: keys_by_summary(scene.right, "PLAT").get("Later on", [])  # noqa: E731
        wait_until("there is a twin", lambda: bool(twins()), LONG)
        pair = Pair(scene, left, twins()[0])
        pair.becomes("right", "Done", "Done")
        scene.stack.settle()
        assert (pair.of("left"), scene.parked()) == (("Done", "Done"), [])
        assert not any(ours for _, _, ours in pair.moves("left"))
    finally:
        assert tandem(scene.stack.environment, *words, "always").returncode == 0


def test_a_constant_of_the_mapping_fills_in_what_nothing_else_feeds(scene: Scene) -> None:
    scene.row(
        *ROW[:1],
        step(21, "Show", "In Progress", "In Review", screen=["comment", "environment"],
             required=["comment", "environment"]),
    )  # fmt: skip
    pair = scene.pair("Constant")
    walk(scene.left, pair.left, "In Progress")
    pair.becomes("right", "In Progress")
    walk(scene.left, pair.left, "In Review")
    wait_until("it is parked", lambda: ("move-fields", "status") in scene.parked(), LONG)
    rich = {"type": "doc", "version": 1, "content": [
        {"type": "paragraph", "content": [{"type": "text", "text": "As on the other side"}]},
    ]}  # fmt: skip
    for field, value in (("comment", "Shown by its twin."), ("environment", json.dumps(rich))):
        words = ("--side", "right", "--field", field, "--value", value)
        said = tandem(scene.stack.environment, "profile", "fill", scene.profile, *words)
        assert said.returncode == 0, said.stderr
    listed = tandem(scene.stack.environment, "profile", "fill", scene.profile, "--json")
    assert set(json.loads(listed.stdout)["moves"]["right"]) == {"comment", "environment"}
    scene.retry()
    pair.becomes("right", "In Review")
    fields = scene.right.call("GET", f"issue/{pair.right}").json()["fields"]
    assert fields["environment"]["content"] == rich["content"]
    assert "Shown by its twin." in json.dumps(fields["comment"])
    for field in ("comment", "environment"):
        words = ("--side", "right", "--field", field, "--value", "")
        said = tandem(scene.stack.environment, "profile", "fill", scene.profile, *words)
        assert said.returncode == 0, said.stderr


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        ({"condition": "no-apps"}, "move-no-way"),
        ({"validator": "All sub-tasks must be closed first."}, "move-refused"),
    ],
)
def test_what_a_condition_or_a_validator_refuses_is_parked_alone(
    scene: Scene, rule: dict[str, str], code: str
) -> None:
    scene.row(*ROW[:1], step(21, "Show", "In Progress", "In Review", **rule))
    pair = scene.pair(f"Refused by {code}")
    walk(scene.left, pair.left, "In Progress")
    pair.becomes("right", "In Progress")
    walk(scene.left, pair.left, "In Review")
    edit_issue(scene.left, pair.left, summary=f"Refused by {code}, renamed")
    wait_until("it is parked", lambda: (code, "status") in scene.parked(), LONG)
    summary = f"Refused by {code}, renamed"
    wait_until(
        "the rest crossed",
        lambda: keys_by_summary(scene.right, "PLAT").get(summary) == [pair.right],
        LONG,
    )
    assert pair.of("right") == ("In Progress", None)
    scene.row()
    scene.retry()
    pair.becomes("right", "In Review")


def test_a_move_that_stops_half_way_is_nobodys_edit(scene: Scene) -> None:
    scene.known()
    shown = scene.pair("Shown")
    walk(scene.left, shown.left, "In Review")
    shown.becomes("right", "In Review")
    pair = scene.pair("Half way")
    # Tandem believes that it may go on from In Progress, and is refused there.
    scene.row(*ROW[:1], step(21, "Show", "In Progress", "In Review", validator="Not today."))
    walk(scene.left, pair.left, "In Review")
    wait_until("it is parked", lambda: ("move-refused", "status") in scene.parked(), LONG)
    assert pair.of("right") == ("In Progress", None)
    assert "It stopped on its way, in 'In Progress'." in html.unescape(scene.said())
    scene.stack.settle()
    assert pair.of("left") == ("In Review", None)
    # Back where it was: the issue that stopped half way is not taken to be in step with it.
    scene.row(*ROW, step(61, "Stop", "In Progress", "To Do"))
    walk(scene.left, pair.left, "To Do")
    pair.becomes("right", "To Do")
    scene.stack.settle()
    assert not any(ours for _, _, ours in pair.moves("left"))


def test_of_two_moves_the_newer_one_wins(scene: Scene) -> None:
    pair = scene.pair("Both moved")
    scene.row(*ROW, step(61, "Stop", "In Progress", "To Do"))
    for site in (scene.left, scene.right):
        site.webhooks(hold=True)
    walk(scene.left, pair.left, "In Review")
    walk(scene.right, pair.right, "In Progress")
    for site in (scene.left, scene.right):
        site.webhooks(hold=False)
        site.release()
    pair.becomes("left", "In Progress")
    scene.stack.settle()
    assert pair.of("right") == ("In Progress", None)


def test_who_moves_the_issue_while_tandem_is_about_to_is_asked_for_by_the_policy(
    scene: Scene,
) -> None:
    pair = scene.pair("Raced")
    read = {"method": "GET", "path": "/transitions$", "app": APP_KEY}
    scene.right.faults({**read, "kind": "hold-answer", "times": 1})
    walk(scene.left, pair.left, "In Progress")
    wait_until("the moves were read", lambda: scene.right.held() == 1, LONG)
    walk(scene.right, pair.right, "In Progress", "In Review")
    scene.right.faults()
    scene.right.let_go()
    pair.becomes("left", "In Review")
    scene.stack.settle()
    assert pair.of("right") == ("In Review", None)
    assert all(not ours for _, _, ours in pair.moves("right"))


def test_an_undo_takes_a_status_back_by_the_workflow_and_it_stays_there(scene: Scene) -> None:
    scene.known()
    back, never = scene.pair("Undone"), scene.pair("Not undone")
    for pair in (back, never):
        walk(scene.left, pair.left, "In Review")
        pair.becomes("right", "In Review")
    scene.stack.settle()
    since = datetime.now(UTC).isoformat()
    walk(scene.left, back.left, "In Progress")
    walk(scene.left, never.left, "Done", resolution={"name": "Duplicate"})
    back.becomes("right", "In Progress")
    never.becomes("right", "Done", "Duplicate")
    scene.stack.settle()
    # What led from Done to In Review and beyond is gone: To Do is where it ends.
    scene.row(*ROW[:3], step(51, "Open again", "Done", "To Do", validator="Not any more."))
    words = ("undo", "--profile", scene.profile, "--since", since, "--yes", "--json")
    said = tandem(scene.stack.environment, *words)
    told = json.loads(said.stdout)["done"]
    assert (said.returncode, told["restored"]) == (1, 1), said
    assert {(one["issue"], one["field"], one["why"]) for one in told["left"]} == {
        (never.right, "status", "refused"), (never.right, "resolution", "refused"),
    }  # fmt: skip
    assert back.of("right") == ("In Review", None)
    assert never.of("right") == ("Done", "Duplicate")
    scene.stack.settle()
    assert back.of("left") == ("In Progress", None)
    assert back.of("right") == ("In Review", None)


def test_a_status_that_a_move_from_anywhere_replaced_is_put_back_by_the_workflow(
    scene: Scene,
) -> None:
    pair = scene.pair("Replaced")
    read = {"method": "GET", "path": "/transitions$", "app": APP_KEY}
    scene.left.faults({**read, "kind": "hold-answer", "times": 1})
    walk(scene.right, pair.right, "In Progress")
    wait_until("the moves were read", lambda: scene.left.held() == 1, LONG)
    walk(scene.left, pair.left, "In Review")
    scene.left.faults()
    scene.left.let_go()
    pair.becomes("right", "In Review")  # the newer one
    scene.stack.settle()
    assert pair.of("left") == ("In Review", None)
    assert [(target, ours) for _, target, ours in pair.moves("left")] == [
        ("In Review", False), ("In Progress", True), ("In Review", True),
    ]  # fmt: skip
