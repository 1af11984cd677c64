"""Comments, files, worklogs and links that a run made are undone with it, and stay undone."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from app import create_app
from app.activity.log import latest
from app.database import db, tenant_transaction
from app.mapping import profiles
from app.settings import load_settings
from demo.stack import APP_KEY, ROOT, Stack, wait_until
from demo.walk import LEFT, RIGHT, create_issue, edit_issue, keys_by_summary, mapped, paragraph
from tests.real.comments_scene import said
from tests.real.test_undo import PATIENCE, Scene
from tests.real.work_scene import STARTED
from tests.stack_fixture import running, tandem  # noqa: F401  a fixture

pytestmark = pytest.mark.real

ITEMS = [
    {"kind": "comments", "prefix": None},
    {"kind": "attachments"},
    {"kind": "worklogs", "prefix": None},
    {"kind": "links"},
    {"kind": "remote_link"},
]
FIELDS = "comment,attachment,worklog,issuelinks"


@pytest.fixture(scope="module")
def scene(running: Stack) -> Iterator[Scene]:  # noqa: F811
    """A profile that carries all items."""
    for site in running.sandbox.sites:
        site.limits(issueWrites={"on": False}, burst={"on": False})
    made = running.create_profile(
        running.connect(), left=LEFT, right=RIGHT, name="Undo", items=ITEMS
    )
    url = running.database
    app = create_app(load_settings({**running.environment, "DATABASE_URL": url}), pool_size=2)
    yield Scene(running, uuid.UUID(made), app)
    with app.app_context():
        db.engine.dispose()


@dataclass
class On:
    """An issue, and what people do to the things on it."""

    scene: Scene
    key: str

    def call(self, method: str, path: str, **more: Any) -> Any:
        site = self.scene.left if self.key.startswith(LEFT[0]) else self.scene.right
        answer = site.call(method, path, **more)
        assert answer.ok, answer.text
        return answer.json() if answer.content else None

    def say(self, text: str) -> str:
        path = f"issue/{self.key}/comment"
        return str(self.call("POST", path, json={"body": paragraph(text)})["id"])

    def rewrite(self, comment: str, text: str) -> None:
        path = f"issue/{self.key}/comment/{comment}"
        self.call("PUT", path, json={"body": paragraph(text)})

    def log(self, minutes: int) -> None:
        work = {"started": STARTED, "timeSpentSeconds": minutes * 60}
        self.call("POST", f"issue/{self.key}/worklog", json=work)

    def attach(self, name: str) -> None:
        site = self.scene.left if self.key.startswith(LEFT[0]) else self.scene.right
        site.attach(self.key, name, b"of " + name.encode())

    def block(self, other: On) -> None:
        ends = {"inwardIssue": {"key": self.key}, "outwardIssue": {"key": other.key}}
        self.call("POST", "issueLink", json={"type": {"name": "Blocks"}, **ends})

    def fields(self) -> dict[str, Any]:
        found: dict[str, Any] = self.call("GET", f"issue/{self.key}?fields={FIELDS}")["fields"]
        return found

    def comments(self) -> dict[str, str]:
        """What the comments say, with their ids."""
        return {said(one): one["id"] for one in self.fields()["comment"]["comments"]}

    def has(self) -> tuple[list[str], int, int, int]:
        """What its comments say, and how many files, worklogs and links it has."""
        found = self.fields()
        texts = sorted(said(one) for one in found["comment"]["comments"])
        rest = found["attachment"], found["worklog"]["worklogs"], found["issuelinks"]
        return texts, len(rest[0]), len(rest[1]), len(rest[2])

    def of_people(self) -> list[str]:
        """All that people made on it, with all that Jira tells of it."""
        found = self.fields()
        things = [*found["comment"]["comments"], *found["attachment"]]
        things += found["worklog"]["worklogs"]
        return sorted(
            json.dumps(one, sort_keys=True)
            for one in things
            if one["author"]["accountType"] != "app"
        )


def names(told: list[dict[str, Any]], *parts: str) -> list[tuple[Any, ...]]:
    """These parts of each row, in order."""
    return sorted(tuple(one[part] for part in parts) for one in told)


def test_items_of_a_run_go_with_it_but_for_what_was_edited_since_and_stay_undone(
    scene: Scene,
) -> None:
    (left, right), (other_left, other_right) = scene.pairs({"summary": "Full"}, {"summary": "End"})
    here, there = On(scene, left), On(scene, right)
    end, end_there = On(scene, other_left), On(scene, other_right)
    with scene.unheard():
        for text in ("One", "Two", "Three"):
            here.say(text)
        here.attach("a.txt")
        here.log(5)
        here.block(end)
        there.say("Back")
    run = scene.run(left, right)
    assert there.has() == (["Back", "One", "Three", "Two"], 1, 1, 1)
    assert here.has() == (["Back", "One", "Three", "Two"], 1, 1, 1)
    assert end_there.has() == ([], 0, 0, 1)

    # Live: a person edits a twin, another one edits a source, and both sides go on talking.
    there.rewrite(there.comments()["Two"], "Two, edited there")
    here.rewrite(here.comments()["Three"], "Three, edited")
    here.say("Live")
    wait_until("that crossed", lambda: "Live" in there.comments(), PATIENCE)
    wait_until("and that", lambda: "Three, edited" in there.comments(), PATIENCE)
    scene.settle()
    people = here.of_people(), there.of_people()

    twin = there.comments()["One"]
    shown = tandem(scene.stack.environment, "undo", run, "--dry-run")
    assert shown.returncode == 1, shown.stderr
    assert f"ITEM    {right:<12} comment {twin} is deleted\n" in shown.stdout
    assert "To delete: 2 comments, 1 attachment, 1 worklog, 1 link." in shown.stdout
    assert "Somebody edited it since Tandem wrote it." in shown.stdout
    assert there.has()[1:] == (1, 1, 1)  # nothing was done

    code, told = scene.undo(run)
    assert (code, told["done"]["items"], told["done"]["deleted"]) == (1, 5, 0)
    edited, later = there.comments()["Two, edited there"], there.comments()["Three, edited"]
    assert names(told["done"]["left"], "field", "why") == sorted([
        (f"comment {edited}", "changed-since"),
        (f"comment {later}", "changed-since"),
    ])  # fmt: skip
    assert there.has() == (["Back", "Live", "Three, edited", "Two, edited there"], 0, 0, 0)
    assert here.has() == (["Live", "One", "Three, edited", "Two"], 1, 1, 1)
    assert end_there.has() == ([], 0, 0, 0)
    assert (here.of_people(), there.of_people()) == people
    assert scene.rests()

    why = json.loads(tandem(scene.stack.environment, "why", left, "--json").stdout)
    gone = [one for one in why[0]["items"] if one["gone"]]
    assert {(one["gone"]["by"], one["gone"]["run"]) for one in gone} == {("undone", told["run"])}
    assert {one["made"]["run"] for one in gone} == {run}
    assert len(gone) == 5

    # An edit of a source makes its twin again, and no other's.
    here.rewrite(here.comments()["One"], "One, edited")
    wait_until("it is made again", lambda: "One, edited" in there.comments(), PATIENCE)
    scene.settle()
    assert there.has()[1:] == (0, 0, 0)
    assert "Back" not in here.comments()

    # And so does an undo of the undo, for those that it took away.
    code, back = scene.undo(told["run"])
    assert (code, back["done"]["items"], len(back["done"]["left"])) == (1, 4, 1)
    scene.settle()
    assert there.has()[1:] == here.has()[1:] == (1, 1, 1)
    assert here.has()[0] == ["Back", "Live", "One, edited", "Three, edited", "Two"]
    assert end_there.has() == ([], 0, 0, 1)


def test_what_was_written_anew_or_deleted_in_a_run_is_listed_as_lost(scene: Scene) -> None:
    [(left, right)] = scene.pairs({"summary": "Anew"})
    here, there = On(scene, left), On(scene, right)
    anew, gone = here.say("Before"), here.say("Gone")
    wait_until("both crossed", lambda: len(there.comments()) == 2, PATIENCE)
    with scene.unheard():
        here.rewrite(anew, "After")
        here.call("DELETE", f"issue/{left}/comment/{gone}")
    run = scene.run(left)
    assert there.has()[0] == ["After"]
    code, told = scene.undo(run)
    assert (code, told["run"], told["plan"]["items"]) == (1, None, [])
    assert [one["why"] for one in told["plan"]["left"]] == ["no-history", "no-history"]
    assert {one["sentence"].split(".")[0] for one in told["plan"]["left"]} == {
        "It was written anew",
        "It was deleted",
    }


def test_what_may_be_somebody_elses_or_is_shown_in_a_text_stays(scene: Scene) -> None:
    (left, right), (back, back_there) = scene.pairs({"summary": "Stays"}, {"summary": "Goes"})
    here, there = On(scene, left), On(scene, right)
    with scene.unheard():
        for key in (left, back):
            picture = scene.left.attach(key, "dial.png", b"a picture", "image/png")
            look = paragraph("Look:")
            look["content"].append(shown(scene.left.media_of(picture["id"])))
            edit_issue(scene.left, key, description=look)
        here.attach("free.txt")
        here.say("Unmarked")
    # A text waits for its file, and the echo of that one may carry it: outside of the run.
    since = datetime.now(UTC).isoformat()
    scene.run(left, back)
    until = datetime.now(UTC).isoformat()
    assert there.has() == (["Unmarked"], 2, 0, 0)
    assert On(scene, back_there).has() == ([], 1, 0, 0)
    mark = f"comment/{there.comments()['Unmarked']}/properties/tandem"
    there.call("DELETE", mark)
    look = there.call("GET", f"issue/{right}?fields=description")["fields"]["description"]
    look["content"].append(paragraph("I do.")["content"][0])
    edit_issue(scene.right, right, description=look)
    scene.settle()
    code, told = scene.undo("--profile", "Undo", "--since", since, "--until", until)
    # A text that goes back keeps no file: Jira deletes what no text shows any more.
    done = told["done"]
    assert (code, done["items"] + done["already"], done["restored"]) == (1, 2, 1)
    assert len(told["plan"]["items"]) == 2
    assert names(told["done"]["left"], "issue", "why") == [
        (right, "changed-since"),
        (right, "not-ours"),
        (right, "shown-in-text"),
    ]
    assert [one["filename"] for one in there.fields()["attachment"]] == ["dial.png"]
    assert On(scene, back_there).has() == ([], 0, 0, 0)

    # With its rows lost, nobody knows whether a comment was edited; a file never is.
    with scene.unheard():
        here.say("Found again")
        here.attach("late.txt")
    run = scene.run(left)
    there.rewrite(there.comments()["Found again"], "Edited there")
    scene.settle()
    with scene.owner() as owner:
        owner.execute(
            "DELETE FROM item_link i USING issue_link k WHERE k.id = i.link_id AND k.left_key = %s",
            (left,),
        )
    edit_issue(scene.left, left, summary="Stays, and is looked at")
    wait_until(
        "it was visited",
        lambda: "looked at" in str(mapped(scene.right, right)["summary"]),
        PATIENCE,
    )
    scene.settle()
    code, told = scene.undo(run)
    assert (code, told["done"]["items"]) == (1, 1)
    assert [one["why"] for one in told["done"]["left"]] == ["not-known"]
    assert "Edited there" in there.comments()
    assert "late.txt" not in [one["filename"] for one in there.fields()["attachment"]]


def shown(media: str) -> dict[str, Any]:
    """A picture in a text."""
    attrs = {"type": "file", "id": media, "collection": ""}
    content = [{"type": "media", "attrs": attrs}]
    return {"type": "mediaSingle", "attrs": {"layout": "center"}, "content": content}


def test_an_undo_of_items_that_fails_or_is_killed_in_the_middle_comes_to_its_end(
    scene: Scene,
) -> None:
    [(left, right)] = scene.pairs({"summary": "Broken off"})
    here, there = On(scene, left), On(scene, right)
    with scene.unheard():
        for number in range(6):
            here.say(f"Number {number}")
    run = scene.run(left)
    assert len(there.comments()) == 6
    where = {"method": "DELETE", "path": "/rest/api/3/issue/"}
    scene.right.faults({"kind": "slow", "seconds": 0.0, "times": 1, **where},
                       {"kind": "hold-answer", **where})  # fmt: skip
    words = [sys.executable, "-m", "app.cli", "undo", run, "--yes", "--json"]
    with subprocess.Popen(words, env=scene.stack.environment, cwd=ROOT, stdout=-3) as victim:
        wait_until("the second is about to be told", lambda: scene.right.held() == 1, PATIENCE)
        victim.send_signal(signal.SIGKILL)
    scene.right.faults()
    scene.right.let_go()
    assert len(there.comments()) == 4
    scene.right.faults({"kind": "commit-then-500", "times": 1, **where})
    code, told = scene.undo(run)
    scene.right.faults()
    assert (code, told["done"]["left"]) == (0, [])
    assert told["done"]["items"] + told["done"]["already"] == 6
    assert told["done"]["already"] >= 2
    assert (len(there.comments()), len(here.comments())) == (0, 6)
    assert scene.rests()
    assert there.comments() == {}


def test_an_edit_that_comes_while_its_twin_is_deleted_is_told_with_its_words(scene: Scene) -> None:
    [(left, right)] = scene.pairs({"summary": "Too late"})
    here, there = On(scene, left), On(scene, right)
    with scene.unheard():
        here.say("Mine")
    run = scene.run(left)
    twin = there.comments()["Mine"]
    where = {"method": "DELETE", "path": f"/comment/{twin}", "app": APP_KEY}
    scene.right.faults({"kind": "hold", "times": 1, **where})
    words = [sys.executable, "-m", "app.cli", "undo", run, "--yes"]
    with subprocess.Popen(words, env=scene.stack.environment, cwd=ROOT, stdout=-3) as undoing:
        wait_until("it is about to go", lambda: scene.right.held() == 1, PATIENCE)
        there.rewrite(twin, "Sphinx of black quartz")
        scene.right.wait_idle()
        scene.right.let_go()
        assert undoing.wait(PATIENCE) == 0
    scene.right.faults()
    assert there.comments() == {}
    wait_until("it is told", lambda: "Sphinx of black quartz" in told_of(scene, left), PATIENCE)
    scene.settle()
    assert there.comments() == {}


def told_of(scene: Scene, left: str) -> list[str | None]:
    """The old words that the activity has of a pair."""
    with scene.app.app_context():
        vault = scene.app.extensions["tandem"].vault
        stored = profiles.load(vault, scene.profile)
        with tenant_transaction(stored.left_tenant) as session:
            found = [one for one in latest(session, vault, 500) if one.left_key == left]
    return [detail.old for one in found for detail in one.details]


def test_a_load_is_undone_with_its_items_and_an_issue_that_was_created_takes_them_along(
    scene: Scene,
) -> None:
    with scene.unheard():
        lefts = []
        for name in ("Item made", "Item talked on", "Item match"):
            key = create_issue(scene.left, *LEFT, summary=name, labels=["items"])
            lefts.append(On(scene, key))
            lefts[-1].say(f"On {name}")
            lefts[-1].attach("b.txt")
        here = lefts[-1]
        here.log(7)
        # Carried once both issues have twins, whichever comes later.
        here.block(lefts[1])
        matched = On(
            scene, create_issue(scene.right, *RIGHT, summary="Item match", labels=["items"])
        )
    for site in (scene.left, scene.right):
        site.webhooks(drop=0.0)
    for site, project in ((scene.left, LEFT[0]), (scene.right, RIGHT[0])):
        wait_until(
            "search knows them",
            lambda s=site, p=project: "Item match" in keys_by_summary(s, p),  # type: ignore[misc]
            PATIENCE,
        )
    words = ["--from", "left", "--jql", "labels = items", "--match", "summary"]
    loaded = tandem(scene.stack.environment, "profile", "load", "Undo", *words)
    assert loaded.returncode == 0, (loaded.stdout, loaded.stderr)
    scene.settle()
    assert matched.has() == (["On Item match"], 1, 1, 1)
    twins = {k: v[0] for k, v in keys_by_summary(scene.right, RIGHT[0]).items()}
    On(scene, twins["Item talked on"]).say("Look.")
    scene.settle()

    listed = json.loads(tandem(scene.stack.environment, "runs", "Undo", "--json").stdout)
    run = next(one["id"] for one in listed if one["kind"] == "load")
    code, told = scene.undo(run, "--delete-created")
    plan = told["plan"]
    assert plan["created"] == [{"issue": twins["Item made"], "side": "right", "items": 2}]
    assert names(plan["items"], "issue", "kind") == [
        (matched.key, "attachments"),
        (matched.key, "comments"),
        (matched.key, "links"),
        (matched.key, "worklogs"),
    ]
    [left] = plan["left"]
    assert (left["issue"], left["why"]) == (twins["Item talked on"], "changed-since")
    assert left["sentence"].endswith("With it stay 2 items that were made on it.")

    assert (code, told["done"]["deleted"], told["done"]["items"]) == (1, 1, 4)
    assert matched.has() == ([], 0, 0, 0)
    found = keys_by_summary(scene.right, RIGHT[0])
    assert "Item made" not in found
    links = [len(one.call("GET", f"issue/{one.key}/remotelink")) for one in lefts]
    assert links == [0, 1, 1]  # to their twins
    assert On(scene, found["Item talked on"][0]).has()[:2] == (["Look.", "On Item talked on"], 1)
    assert here.has() == (["On Item match"], 1, 1, 1)
    assert scene.rests()
    assert matched.has() == ([], 0, 0, 0)
