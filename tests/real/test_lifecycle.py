"""Issues that are deleted, moved, archived, cloned and converted, over real processes."""

from __future__ import annotations

import json
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
LEFT_DONE, RIGHT_DONE = "10002", "10203"
EVERYWHERE = {
    "initial": "To Do",
    "moves": [
        {"id": "1", "name": "Begin", "to": "In Progress"},
        {"id": "2", "name": "Close", "to": "Done"},
    ],
}
CHOICES: dict[str, dict[str, str]] = {
    "Task": {"deleted": "unlink", "moved": "unlink", "archived": "comment"},
    "Bug": {"deleted": "comment", "moved": "comment", "archived": "unlink"},
    "Story": {"deleted": "delete"},
    "Epic": {"deleted": "close", "left_closed": LEFT_DONE, "right_closed": RIGHT_DONE},
}


@dataclass
class Scene:
    """A profile for each type of issue, each with other choices; and one with the usual ones."""

    stack: Stack
    profiles: dict[str, str]

    @property
    def left(self) -> SiteHandle:
        return self.stack.sandbox.acme

    @property
    def right(self) -> SiteHandle:
        return self.stack.sandbox.globex

    def pair(self, kind: str, summary: str, scope: tuple[str, str] = ("WEB", "PLAT")) -> Pair:
        """A pair in step, made on the left."""
        left = create_issue(self.left, scope[0], kind, summary=summary)
        found: list[str] = []

        def arrived() -> bool:
            found[:] = keys_by_summary(self.right, scope[1]).get(summary, [])
            return bool(found)

        wait_until(f"'{summary}' has a twin", arrived, LONG)
        self.stack.settle()
        return Pair(self, left, found[0])

    def said(self) -> str:
        """The page of the activity."""
        token = self.left.context_token(APP_KEY, accountId=self.left.admin["accountId"])
        headers = {"Authorization": f"JWT {token}", "Accept": "text/html"}
        url = f"{self.stack.url}/pages/parts/overview"
        return requests.get(url, headers=headers, timeout=90).text

    def linked(self, *keys: str) -> list[tuple[str, str]]:
        """The pairs that one of these keys is in."""
        with owner(self.stack) as database:
            asked = (
                "SELECT left_key, right_key FROM issue_link"
                " WHERE left_key = ANY(%s) OR right_key = ANY(%s) ORDER BY 1, 2"
            )
            return database.execute(asked, (list(keys), list(keys))).fetchall()

    def parked(self) -> list[str]:
        found = self.stack.page(self.left, "GET", "/pages/parked")
        return sorted(one["code"] for one in found)


@dataclass
class Pair:
    """Two issues."""

    scene: Scene
    left: str
    right: str

    def end(self) -> None:
        """Wait until nobody keeps them in step any more."""
        both = (self.left, self.right)
        wait_until(f"{both} is not linked", lambda: not self.scene.linked(*both), LONG)
        self.scene.stack.settle()

    def crosses(self, summary: str) -> None:
        """What is edited on the left arrives on the right."""
        edit_issue(self.scene.left, self.left, summary=summary)
        right = self.scene.right
        wait_until("it crosses", lambda: summary_of(right, self.right) == summary, LONG)
        self.scene.stack.settle()


@pytest.fixture(scope="module")
def scene(running: Stack) -> Scene:  # noqa: F811
    for site in (running.sandbox.acme, running.sandbox.globex):
        site.limits(issueWrites={"on": False}, burst={"on": False})
    connection = running.connect()
    found = {}
    for kind, choices in CHOICES.items():
        found[kind] = running.create_profile(
            connection,
            left=("WEB", kind),
            right=("PLAT", kind),
            name=f"{kind}s",
            fields=[SUMMARY],
            lifecycle=choices,
        )
    found["usual"] = running.create_profile(
        connection, left=("SUP", "Story"), right=("OPS", "Story"), name="Usual", fields=[SUMMARY]
    )
    return Scene(running, found)


def is_there(site: SiteHandle, key: str) -> bool:
    return site.call("GET", f"issue/{key}?fields=summary").status_code == 200


def summary_of(site: SiteHandle, key: str) -> str:
    return str(site.call("GET", f"issue/{key}?fields=summary").json()["fields"]["summary"])


def delete(site: SiteHandle, key: str) -> None:
    assert site.call("DELETE", f"issue/{key}?deleteSubtasks=true").status_code == 204


def comments(site: SiteHandle, key: str) -> list[str]:
    found = site.call("GET", f"issue/{key}/comment").json()["comments"]
    return [one["body"]["content"][0]["content"][0]["text"] for one in found]


def mark_of(site: SiteHandle, key: str) -> dict[str, Any]:
    answer = site.call("GET", f"issue/{key}/properties/tandem")
    found: dict[str, Any] = answer.json().get("value", {})
    return found


def test_a_deleted_issue_leaves_its_twin_alone_where_nothing_is_chosen(scene: Scene) -> None:
    pair = scene.pair("Story", "Left as it is", ("SUP", "OPS"))
    delete(scene.left, pair.left)
    scene.stack.settle()
    wait_until("it is told", lambda: "its twin was left as it is" in scene.said(), LONG)
    assert summary_of(scene.right, pair.right) == "Left as it is"
    assert scene.linked(pair.right) == [(pair.left, pair.right)]


def test_an_unlinked_twin_gets_no_new_one_and_says_so_in_its_mark(scene: Scene) -> None:
    pair = scene.pair("Task", "Ends")
    delete(scene.left, pair.left)
    pair.end()
    assert mark_of(scene.right, pair.right)["unlinked"] is True
    edit_issue(scene.right, pair.right, summary="Lives on alone")
    scene.stack.settle()
    assert "Lives on alone" not in keys_by_summary(scene.left, "WEB")
    words = ("plan", "Tasks", "--issue", pair.right, "--side", "right")
    planned = tandem(scene.stack.environment, *words)
    assert "Its pair has ended" in planned.stdout, planned.stdout + planned.stderr


def test_a_source_whose_twin_was_deleted_stays_alone_and_is_never_deleted(scene: Scene) -> None:
    for kind in ("Task", "Story"):
        pair = scene.pair(kind, f"{kind} of a person")
        delete(scene.right, pair.right)
        pair.end()
        edit_issue(scene.left, pair.left, summary=f"{kind} of a person, edited")
        scene.stack.settle()
        assert is_there(scene.left, pair.left)
        found = keys_by_summary(scene.right, "PLAT")
        assert not {f"{kind} of a person", f"{kind} of a person, edited"} & found.keys()


def test_a_comment_on_the_twin_says_what_became_of_its_issue(scene: Scene) -> None:
    pair = scene.pair("Bug", "Said once")
    delete(scene.left, pair.left)
    pair.end()
    [words] = comments(scene.right, pair.right)
    assert words.startswith(f"{pair.left} at ")
    assert "was deleted" in words


def test_a_comment_whose_answer_was_lost_is_not_written_twice(scene: Scene) -> None:
    pair = scene.pair("Bug", "Told of once")
    path = {"method": "POST", "path": "/comment$", "app": APP_KEY}
    scene.right.faults({"kind": "commit-then-500", "times": 1, **path})
    delete(scene.left, pair.left)
    pair.end()
    scene.right.faults()
    [words] = comments(scene.right, pair.right)
    assert "was deleted" in words


def test_a_twin_that_no_way_leads_to_its_closed_status_is_parked_and_closed_once_one_does(
    scene: Scene,
) -> None:
    stays = {"id": "1", "name": "Look at it again", "to": "To Do"}
    scene.right.workflow("PLAT", "Epic", initial="To Do", moves=[stays])
    pair = scene.pair("Epic", "Cannot be closed")
    delete(scene.left, pair.left)
    wait_until("it is parked", lambda: scene.parked() == ["move-no-way"], LONG)
    assert scene.linked(pair.right)
    scene.right.workflow("PLAT", "Epic", **EVERYWHERE)
    scene.stack.page(scene.left, "POST", f"/pages/parked/{scene.profiles['Epic']}/retry", x="x")
    pair.end()
    status = scene.right.call("GET", f"issue/{pair.right}?fields=status").json()["fields"]["status"]
    assert status["name"] == "Done"
    assert scene.parked() == []


def test_the_twin_that_tandem_made_is_deleted_with_its_issue(scene: Scene) -> None:
    pair = scene.pair("Story", "Goes too")
    delete(scene.left, pair.left)
    pair.end()
    assert not is_there(scene.right, pair.right)


def test_a_twin_with_sub_tasks_of_people_is_not_deleted_but_parked(scene: Scene) -> None:
    pair = scene.pair("Story", "Has more below")
    parent = {"key": pair.right}
    child = create_issue(scene.right, "PLAT", "Sub-task", summary="Below", parent=parent)
    delete(scene.left, pair.left)
    wait_until("it is parked", lambda: scene.parked() == ["issue-refused"], LONG)
    assert is_there(scene.right, pair.right)
    delete(scene.right, child)
    scene.stack.page(scene.left, "POST", f"/pages/parked/{scene.profiles['Story']}/retry", x="x")
    pair.end()
    assert not is_there(scene.right, pair.right)
    assert scene.parked() == []


def test_the_twin_of_a_deleted_issue_is_closed(scene: Scene) -> None:
    scene.right.workflow("PLAT", "Epic", **EVERYWHERE)
    pair = scene.pair("Epic", "Is done with")
    delete(scene.left, pair.left)
    pair.end()
    answer = scene.right.call("GET", f"issue/{pair.right}?fields=status").json()
    assert answer["fields"]["status"]["id"] == RIGHT_DONE


def test_an_issue_that_is_only_not_found_counts_as_hidden_and_nothing_is_done(
    scene: Scene,
) -> None:
    pair = scene.pair("Story", "Cannot be seen")
    scene.left.webhooks(drop=1)
    delete(scene.left, pair.left)
    scene.left.webhooks(drop=0)
    edit_issue(scene.right, pair.right, summary="Cannot be seen, edited")
    scene.stack.settle()
    assert summary_of(scene.right, pair.right) == "Cannot be seen, edited"
    assert scene.linked(pair.right) == [(pair.left, pair.right)]
    assert "gone or hidden" in scene.said()


def test_a_moved_issue_is_followed_under_its_new_key_where_nothing_else_is_chosen(
    scene: Scene,
) -> None:
    pair = scene.pair("Story", "Moves house", ("SUP", "OPS"))
    key = scene.left.move(pair.left, "WEB", "Bug")
    scene.stack.settle()
    wait_until("the key is followed", lambda: (key, pair.right) in scene.linked(pair.right), LONG)
    Pair(scene, key, pair.right).crosses("Moves house, and is renamed")


def test_an_issue_moved_into_the_scope_of_another_profile_counts_there_as_a_new_one(
    scene: Scene,
) -> None:
    pair = scene.pair("Story", "Changes its house")
    key = scene.left.move(pair.left, "SUP", "Story")
    twins = lambda: keys_by_summary(scene.right, "OPS").get("Changes its house", [])  # noqa: E731
    wait_until("it has a twin there", lambda: bool(twins()), LONG)
    scene.stack.settle()
    [other] = twins()
    assert scene.linked(key) == [(key, other), (key, pair.right)]
    edit_issue(scene.left, key, summary="Crosses to both")
    wait_until(
        "both have it",
        lambda: (
            {summary_of(scene.right, one) for one in (other, pair.right)} == {"Crosses to both"}
        ),
        LONG,
    )


def test_an_issue_moved_or_converted_out_of_scope_ends_its_pair_by_choice(scene: Scene) -> None:
    above = scene.pair("Task", "Stays above")
    pair = scene.pair("Task", "Becomes a sub-task")
    scene.left.convert(pair.left, above.left)
    pair.end()
    pair = scene.pair("Bug", "Becomes something else")
    scene.left.move(pair.left, "SUP", "Bug")
    wait_until("it has ended", lambda: not scene.linked(pair.right), LONG)
    [words] = comments(scene.right, pair.right)
    assert "was moved" in words
    above.crosses("Stays above, and in step")


def test_an_archived_issue_ends_its_pair_by_choice_and_one_that_is_back_does_not(
    scene: Scene,
) -> None:
    pair = scene.pair("Task", "Is put away")
    scene.left.archive(pair.left)
    pair.end()
    [words] = comments(scene.right, pair.right)
    assert "was archived" in words
    usual = scene.pair("Story", "Is put away, usually", ("SUP", "OPS"))
    scene.left.archive(usual.left)
    scene.left.archive(usual.left, undo=True)
    usual.crosses("Is back")


def test_an_archived_issue_of_which_no_event_told_is_found_by_the_check(scene: Scene) -> None:
    put_away = scene.pair("Task", "Is put away in silence")
    refused = scene.pair("Task", "Is put away and written to")
    stays = scene.pair("Task", "Stays where it is")
    scene.left.webhooks(drop=1.0)
    for pair in (put_away, refused):
        scene.left.archive(pair.left)
    scene.left.wait_idle()
    scene.left.webhooks(drop=0.0)
    edit_issue(scene.right, refused.right, summary="The other one refuses this")
    wait_until("it is parked", lambda: bool(scene.parked()), LONG)
    words = ("profile", "check", scene.profiles["Task"], "--json")
    checked = tandem(scene.stack.environment, *words, seconds=LONG)
    assert checked.returncode == 1, checked.stdout + checked.stderr
    named = {one["left"]: one["fields"] for one in json.loads(checked.stdout)["named"]}
    assert named == {put_away.left: ["archived"], refused.left: ["archived"]}
    for pair in (put_away, refused):
        pair.end()
        [words_there] = comments(scene.right, pair.right)
        assert "was archived" in words_there
    wait_until("nothing is parked", lambda: not scene.parked(), LONG)
    stays.crosses("Stays, and crosses")


def test_a_write_that_an_archived_issue_refuses_ends_the_pair_when_it_is_tried_again(
    scene: Scene,
) -> None:
    pair = scene.pair("Bug", "Refuses what comes")
    scene.left.webhooks(drop=1.0)
    scene.left.archive(pair.left)
    scene.left.wait_idle()
    scene.left.webhooks(drop=0.0)
    edit_issue(scene.right, pair.right, summary="Is refused")
    wait_until("it is parked", lambda: bool(scene.parked()), LONG)
    scene.stack.page(scene.left, "POST", f"/pages/parked/{scene.profiles['Bug']}/retry", x="x")
    pair.end()
    assert summary_of(scene.right, pair.right) == "Is refused"
    assert scene.parked() == []


def test_an_archived_issue_that_a_filter_finds_no_more_ends_its_pair_by_choice(
    scene: Scene,
) -> None:
    here, there = scope_ids(scene.left, "SUP", "Task"), scope_ids(scene.right, "OPS", "Task")
    made = scene.stack.page(
        scene.left,
        "POST",
        "/pages/profiles",
        connection=scene.stack.connect(),
        name="Filtered tasks",
        left_project=here[0],
        left_type=here[1],
        right_project=there[0],
        right_type=there[1],
        left_filter="labels is EMPTY OR labels is not EMPTY",
        fields=json.dumps([SUMMARY]),
        lifecycle=json.dumps({"archived": "unlink"}),
    )
    scene.stack.approve(scene.right, made["profile"])
    pair = scene.pair("Task", "Is found by a filter", ("SUP", "OPS"))
    scene.left.archive(pair.left)
    pair.end()


def test_a_clone_with_the_mark_of_a_twin_gets_a_twin_of_its_own(scene: Scene) -> None:
    pair = scene.pair("Task", "Is cloned")
    clone = scene.right.clone(pair.right, properties=True)
    wait_until(
        "the clone has a twin",
        lambda: "CLONE - Is cloned" in keys_by_summary(scene.left, "WEB"),
        LONG,
    )
    scene.stack.settle()
    [(left, right)] = scene.linked(clone)
    assert right == clone
    assert left != pair.left
    assert scene.linked(pair.left) == [(pair.left, pair.right)]


def test_a_load_that_matches_pairs_again_what_was_unlinked(scene: Scene) -> None:
    pair = scene.pair("Task", "Comes together again")
    delete(scene.right, pair.right)
    pair.end()
    create_issue(scene.right, "PLAT", "Task", summary="Comes together again, over there")
    scene.stack.settle()
    other = keys_by_summary(scene.right, "PLAT")["Comes together again, over there"][0]
    delete(scene.left, keys_by_summary(scene.left, "WEB")["Comes together again, over there"][0])
    wait_until("both are alone", lambda: not scene.linked(pair.left, other), LONG)
    edit_issue(scene.right, other, summary="Comes together again")
    scene.stack.settle()
    assert scene.linked(pair.left, other) == []
    words = ("profile", "load", "Tasks", "--from", "left", "--match", "summary")
    done = tandem(scene.stack.environment, *words, seconds=240)
    assert done.returncode == 0, done.stdout + done.stderr
    assert scene.linked(pair.left) == [(pair.left, other)]
    Pair(scene, pair.left, other).crosses("Together")


def test_a_twin_that_comes_back_is_paired_again_by_a_load_and_its_mark_says_so(
    scene: Scene,
) -> None:
    pair = scene.pair("Task", "Goes and comes back")
    scene.left.move(pair.left, "WEB", "Bug")
    wait_until("it has ended", lambda: not scene.linked(pair.right), LONG)
    assert mark_of(scene.right, pair.right)["unlinked"] is True
    scene.left.move(pair.left, "WEB", "Task")
    scene.stack.settle()
    edit_issue(scene.left, pair.left, duedate="2027-01-01")
    scene.stack.settle()
    assert (pair.left, pair.right) not in scene.linked(pair.left)
    words = ("profile", "load", "Tasks", "--from", "left", "--match", "summary")
    done = tandem(scene.stack.environment, *words, seconds=240)
    assert done.returncode == 0, done.stdout + done.stderr
    scene.stack.settle()
    assert (pair.left, pair.right) in scene.linked(pair.left), done.stdout
    assert "unlinked" not in mark_of(scene.right, pair.right)
    pair.crosses("Came back")


def test_the_choices_are_shown_and_made_by_a_command(scene: Scene) -> None:
    shown = tandem(scene.stack.environment, "profile", "lifecycle", "Usual", "--json")
    assert json.loads(shown.stdout)["deleted"] == "leave"
    words = ("profile", "lifecycle", "Usual", "--deleted", "close")
    refused = tandem(scene.stack.environment, *words)
    assert refused.returncode != 0
    assert "left_closed" in refused.stdout + refused.stderr
    closed = ("--left-closed", LEFT_DONE, "--right-closed", RIGHT_DONE)
    made = tandem(scene.stack.environment, *words, *closed)
    assert made.returncode == 0, made.stderr
    assert "deleted: close" in made.stdout


def test_a_twin_that_an_undo_deletes_costs_its_source_nothing(scene: Scene) -> None:
    env = scene.stack.environment
    words = ("profile", "load", "Bugs", "--from", "left", "--no-match")
    done = tandem(env, *words, seconds=240)
    assert done.returncode == 0, done.stdout + done.stderr
    scene.stack.settle()
    with owner(scene.stack) as database:
        [(run, left, right)] = database.execute(
            "SELECT w.run_id, k.left_key, k.right_key FROM written w"
            " JOIN issue_link k ON k.id = w.link_id JOIN profile p ON p.id = k.profile_id"
            " WHERE p.name = 'Bugs' AND w.run_id IS NOT NULL LIMIT 1"
        ).fetchall()
    undone = tandem(env, "undo", str(run), "--delete-created", "--yes", seconds=240)
    assert not is_there(scene.right, right), undone.stdout + undone.stderr
    scene.stack.settle()
    assert comments(scene.left, left) == []
    assert scene.linked(left) == [(left, right)]
