"""What people made is theirs: no comment, file, worklog or link of theirs is edited or removed.

Over every kind at once, with people's things and Tandem's twins on both sides, while the database
is lost again and again and rebuilt from the marks. Each kind alone: test_comments,
test_attachments, test_worklogs, test_links, test_remote_links.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from demo.stack import Stack, wait_until
from demo.walk import create_issue, keys_by_summary, paragraph
from sandbox.process import SiteHandle
from tests.processes import children
from tests.real.comments_scene import LONG, rows, said
from tests.real.work_scene import STARTED, words
from tests.stack_fixture import look_no_more, running, tandem  # noqa: F401  a fixture

pytestmark = pytest.mark.real

SIDES = ("left", "right")
OTHER = {"left": "right", "right": "left"}
KINDS = ("comments", "attachments", "worklogs", "links")
ITEMS = [
    {"kind": "comments", "prefix": None},
    {"kind": "attachments"},
    {"kind": "worklogs", "prefix": None},
    {"kind": "links"},
    {"kind": "remote_link"},
]
# What each side's people link: a type, and whether it is the other issue that it goes out from.
TIES = {
    "left": (("Blocks", False), ("Cloners", False), ("Duplicate", False)),
    "right": (("Relates", False), ("Blocks", True), ("Cloners", True)),
}
OUTSIDE = {
    "globalId": "a person's",
    "object": {"url": "https://example.com/", "title": "Theirs"},
}
# All that Tandem knows, but for the sites, the connections and the profiles.
EVERYTHING = ("issue_link", "item_link", "change", "written", "unlinked", "value_pair")

Things = dict[str, tuple[str, str]]
"""Things of one kind on one issue, by id: what they say on either side, and all that they are."""


@dataclass
class Issue:
    """One issue on one site, as people see and handle it."""

    site: SiteHandle
    key: str

    def get(self, path: str) -> Any:
        answer = self.site.call("GET", f"issue/{self.key}{path}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def comments(self) -> Things:
        found = self.get("/comment?maxResults=1000")["comments"]
        return {one["id"]: (said(one), _all(one)) for one in found}

    def worklogs(self) -> Things:
        found = self.get("/worklog")["worklogs"]
        return {one["id"]: (f"{one['timeSpentSeconds']} {words(one)}", _all(one)) for one in found}

    def attachments(self) -> Things:
        found = self.get("?fields=attachment")["fields"]["attachment"]
        return {
            one["id"]: (f"{one['filename']} {self._digest(one['id'])}", _all(one)) for one in found
        }

    def links(self) -> Things:
        found = self.get("?fields=issuelinks")["fields"]["issuelinks"]
        return {one["id"]: (_way(one), _all(one)) for one in found}

    def outside(self) -> list[str]:
        """What its links to the outside say."""
        return sorted(one["object"]["title"] for one in self.get("/remotelink"))

    def drop(self, kind: str, id_: str) -> None:
        """A person deletes a thing."""
        path = {
            "comments": f"issue/{self.key}/comment/{id_}",
            "worklogs": f"issue/{self.key}/worklog/{id_}",
            "attachments": f"attachment/{id_}",
            "links": f"issueLink/{id_}",
        }[kind]
        assert self.site.call("DELETE", path).status_code == 204

    def edit(self, kind: str, id_: str, text: str) -> None:
        """A person edits a comment or a worklog."""
        path, body = {
            "comments": (f"issue/{self.key}/comment/{id_}", {"body": paragraph(text)}),
            "worklogs": (f"issue/{self.key}/worklog/{id_}", {"comment": paragraph(text)}),
        }[kind]
        answer = self.site.call("PUT", path, json=body)
        assert answer.status_code == 200, answer.text

    def _digest(self, file: str) -> str:
        content = self.site.call("GET", f"attachment/content/{file}").content
        return hashlib.sha256(content).hexdigest()


def _all(thing: dict[str, Any]) -> str:
    """A thing with all that Jira tells of it, its author and times among it; of a link's issues
    their ids alone, as their fields are not the link's."""
    ends = {name: thing[name]["id"] for name in ("inwardIssue", "outwardIssue") if name in thing}
    return json.dumps({**thing, **ends}, sort_keys=True)


def _way(link: dict[str, Any]) -> str:
    return str(link["type"]["outward" if "outwardIssue" in link else "inward"])


@dataclass
class Scene:
    """A pair full of things of people on both sides, and another pair that it is linked to."""

    stack: Stack
    name: str
    first: dict[str, Issue]
    second: dict[str, Issue]
    theirs: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    """What people made, by side and kind: all that it is, by id."""

    def things(self, side: str, kind: str) -> Things:
        found: Things = getattr(self.first[side], kind)()
        return found

    def twins(self) -> dict[tuple[str, str], set[str]]:
        """The ids of what people did not make, by side and kind."""
        return {
            (side, kind): set(self.things(side, kind)) - set(self.theirs[side, kind])
            for side in SIDES
            for kind in KINDS
        }

    def fill(self) -> None:
        """People make three things of each kind on either side."""
        for side in SIDES:
            for number in range(3):
                self._make(side, number)
        self.rests(6)

    def _make(self, side: str, number: int) -> None:
        here, other = self.first[side], self.second[side]
        text = f"{side} {number}"
        work = {"started": STARTED, "timeSpentSeconds": 60 * (number + 1)}
        kind, back = TIES[side][number]
        source, target = (other, here) if back else (here, other)
        link = {
            "type": {"name": kind},
            "inwardIssue": {"key": source.key},
            "outwardIssue": {"key": target.key},
        }
        before = {one: set(self.things(side, one)) for one in KINDS}
        made = {
            "comments": self._post(here, "comment", {"body": paragraph(text)}),
            "worklogs": self._post(here, "worklog", {**work, "comment": paragraph(text)}),
            "attachments": str(here.site.attach(here.key, "same.txt", text.encode())["id"]),
        }
        assert here.site.call("POST", "issueLink", json=link).status_code == 201
        way = _ways(here.site)[kind][back]
        made["links"] = next(
            one
            for one, (said_, _) in self.things(side, "links").items()
            if one not in before["links"] and said_ == way
        )
        for one, id_ in made.items():
            held = self.theirs.setdefault((side, one), {})
            held[id_] = self.things(side, one)[id_][1]

    @staticmethod
    def _post(here: Issue, path: str, body: dict[str, Any]) -> str:
        answer = here.site.call("POST", f"issue/{here.key}/{path}", json=body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def rests(self, number: int) -> None:
        """Wait until both sides say the same of each kind, so many things, and all is at rest."""
        for kind in KINDS:
            wait_until(f"{number} {kind} on both sides", self._agree(kind, number), LONG)
        self.stack.settle()
        for kind in KINDS:
            assert self._agree(kind, number)(), kind

    def _agree(self, kind: str, number: int) -> Callable[[], bool]:
        def agree() -> bool:
            left, right = (
                sorted(text for text, _ in self.things(side, kind).values()) for side in SIDES
            )
            return len(left) == number and left == right

        return agree

    def theirs_are_untouched(self) -> None:
        """All that people made is there as they left it."""
        for (side, kind), made in self.theirs.items():
            now = {one: whole for one, (_, whole) in self.things(side, kind).items() if one in made}
            assert now == made, (side, kind)
        for side in SIDES:
            assert self.first[side].outside().count("Theirs") == 1

    def source(self, side: str, kind: str, number: int) -> str:
        """The id of what people made as this number."""
        return list(self.theirs[side, kind])[number]

    def edit_source(self, side: str, kind: str, number: int, text: str) -> None:
        """A person edits what people made."""
        id_ = self.source(side, kind, number)
        self.first[side].edit(kind, id_, text)
        self.theirs[side, kind][id_] = self.things(side, kind)[id_][1]

    def drop_source(self, side: str, kind: str, number: int) -> None:
        """A person deletes what people made."""
        id_ = self.source(side, kind, number)
        self.first[side].drop(kind, id_)
        del self.theirs[side, kind][id_]

    def twin(self, side: str, kind: str, number: int) -> str:
        """The id of the twin of what people of the other side made as this number."""
        text = self.things(OTHER[side], kind)[self.source(OTHER[side], kind, number)][0]
        [found] = [
            one
            for one, (said_, _) in self.things(side, kind).items()
            if said_ == text and one not in self.theirs[side, kind]
        ]
        return found

    def lose(self, *tables: str) -> None:
        """Lose these tables, and what the workers remember."""
        self.stack.settle()
        workers = children(self.stack, "worker")
        for worker in workers:
            os.kill(worker, signal.SIGKILL)
        for table in tables:
            rows(self.stack, f"DELETE FROM {table}")
        wait_until(
            "there are new workers",
            lambda: (now := children(self.stack, "worker")) and not set(now) & set(workers),
            LONG,
        )

    def visit(self, *sides: str) -> None:
        """Edit both pairs, each on the side given, and have them looked at."""
        for pair, side in zip((self.first, self.second), sides, strict=True):
            summary = f"{self.summary(pair[side])}+"
            body = {"fields": {"summary": summary}}
            assert pair[side].site.call("PUT", f"issue/{pair[side].key}", json=body).ok
            there = pair[OTHER[side]]
            wait_until(
                "it crossed",
                lambda there=there, summary=summary: self.summary(there) == summary,  # type: ignore[misc]
                LONG,
            )
        self.stack.settle()

    @staticmethod
    def describe(issue: Issue, text: Any) -> None:
        """A person writes the description."""
        body = {"fields": {"description": text}}
        assert issue.site.call("PUT", f"issue/{issue.key}", json=body).ok

    @staticmethod
    def description(issue: Issue) -> Any:
        return issue.get("?fields=description")["fields"]["description"]

    @staticmethod
    def summary(issue: Issue) -> str:
        return str(issue.get("?fields=summary")["fields"]["summary"])


def _ways(site: SiteHandle) -> dict[str, tuple[str, str]]:
    """What each type of link says out and in, by its name."""
    found = site.call("GET", "issueLinkType").json()["issueLinkTypes"]
    return {one["name"]: (one["outward"], one["inward"]) for one in found}


@pytest.fixture(scope="module")
def carried(running: Stack) -> Iterator[Stack]:  # noqa: F811
    """Two sites whose tasks are kept in step with every kind of item."""
    for site in running.sandbox.sites:
        site.limits(issueWrites={"on": False}, burst={"on": False})
    running.create_profile(
        running.connect(), left=("WEB", "Task"), right=("PLAT", "Task"), name="Tasks", items=ITEMS
    )
    # A search that comes right after a loss would take issues of this minute for new ones.
    look_no_more(running)
    yield running


def scene_of(stack: Stack, name: str) -> Scene:
    """Two pairs, of which each side made one; people's things are on the first."""
    acme, globex = stack.sandbox.acme, stack.sandbox.globex
    left = create_issue(acme, "WEB", "Task", summary=f"{name} first")
    right = create_issue(globex, "PLAT", "Task", summary=f"{name} second")
    first = {"left": Issue(acme, left), "right": Issue(globex, at(globex, "PLAT", f"{name} first"))}
    second = {
        "left": Issue(acme, at(acme, "WEB", f"{name} second")),
        "right": Issue(globex, right),
    }
    stack.settle()
    scene = Scene(stack, name, first, second)
    for issue in first.values():
        path = f"issue/{issue.key}/remotelink"
        assert issue.site.call("POST", path, json=OUTSIDE).status_code == 201
    scene.fill()
    return scene


def at(site: SiteHandle, project: str, summary: str) -> str:
    """The key of the one issue of this summary, once it is there."""
    found: list[str] = []

    def look() -> bool:
        found[:] = keys_by_summary(site, project).get(summary, [])
        return bool(found)

    wait_until(f"'{summary}' is there", look, LONG)
    assert len(found) == 1
    return found[0]


def issues(scene: Scene) -> list[int]:
    """How many issues of the scene each side has."""
    sides = (scene.first["left"].site, "WEB"), (scene.first["right"].site, "PLAT")
    return [
        sum(len(k) for s, k in keys_by_summary(*side).items() if s.startswith(f"{scene.name} "))
        for side in sides
    ]


def lose_items(scene: Scene) -> None:
    """Lose what is known of items; the next visit finds it again."""
    scene.lose("item_link")
    scene.visit("left", "left")


def lose_everything(scene: Scene) -> None:
    """Lose all that is known of issues and items; edits of the twins bring it back."""
    scene.lose(*EVERYTHING)
    scene.visit("right", "left")


@pytest.mark.parametrize("lose", [lose_items, lose_everything], ids=["items", "everything"])
def test_nothing_of_people_is_edited_or_removed_and_no_twin_doubled_with_the_database_lost(
    carried: Stack, lose: Callable[[Scene], None]
) -> None:
    scene = scene_of(carried, lose.__name__)
    twins = scene.twins()
    assert {len(ids) for ids in twins.values()} == {3}
    outside = {side: scene.first[side].outside() for side in SIDES}

    lose(scene)
    assert scene.twins() == twins
    assert issues(scene) == [2, 2]
    assert {side: scene.first[side].outside() for side in SIDES} == outside
    scene.theirs_are_untouched()

    # People edit what they made: the twins follow, and are the same ones.
    for side in SIDES:
        for kind in ("comments", "worklogs"):
            scene.edit_source(side, kind, 0, f"{side} edited")
    scene.rests(6)
    assert scene.twins() == twins
    scene.theirs_are_untouched()

    # People delete what they made: its twins go, and nothing else does.
    lose(scene)
    gone = {(OTHER[s], k): scene.twin(OTHER[s], k, 1) for s in SIDES for k in KINDS}
    for side in SIDES:
        for kind in KINDS:
            scene.drop_source(side, kind, 1)
    scene.rests(4)
    assert scene.twins() == {place: ids - {gone[place]} for place, ids in twins.items()}
    scene.theirs_are_untouched()

    # People delete and rewrite twins: what these were made from stays, also with all lost again.
    lose(scene)
    for side in SIDES:
        for kind in KINDS:
            scene.first[side].drop(kind, scene.twin(side, kind, 1))
        for kind in ("comments", "worklogs"):
            scene.first[side].edit(kind, scene.twin(side, kind, 0), "Rewritten")
    carried.settle()
    scene.theirs_are_untouched()
    lose(scene)
    scene.theirs_are_untouched()
    assert issues(scene) == [2, 2]
    assert {side: scene.first[side].outside() for side in SIDES} == outside


def test_a_text_that_names_issues_and_shows_a_file_is_left_as_it_is_with_the_database_lost(
    carried: Stack,
) -> None:
    scene = scene_of(carried, "Named")
    here, there = scene.first["left"], scene.first["right"]
    file = str(here.site.attach(here.key, "seen.png", b"seen", "image/png")["id"])
    picture = {"type": "media", "attrs": {"type": "file", "id": here.site.media_of(file)}}
    picture["attrs"]["collection"] = ""
    text = paragraph(f"As in {scene.second['left'].key}, {here.key}")
    text["content"].append({"type": "mediaSingle", "content": [picture]})
    text["content"][-1]["attrs"] = {"layout": "center"}
    scene.describe(here, text)
    mine = scene.description(here)
    words = f"As in {scene.second['right'].key}, {there.key}"
    wait_until("it crossed", lambda: words in json.dumps(scene.description(there)), LONG)
    carried.settle()
    told = scene.description(there)
    assert '"mediaSingle"' in json.dumps(told)
    for lost in (EVERYTHING, EVERYTHING, ("item_link",)):
        scene.lose(*lost)
        scene.visit("right", "left")
        assert scene.description(here) == mine, lost
        assert scene.description(there) == told, lost
    scene.describe(here, paragraph(f"Not as in {scene.second['left'].key}"))
    words = f"Not as in {scene.second['right'].key}"
    wait_until("it crossed", lambda: words in json.dumps(scene.description(there)), LONG)


def test_a_mark_copied_to_a_comment_worklog_or_file_of_people_does_not_make_it_ours(
    carried: Stack,
) -> None:
    scene = scene_of(carried, "Copied")
    here = scene.first["right"]
    for kind, path in (
        ("comments", "/rest/api/3/comment"),
        ("worklogs", f"issue/{here.key}/worklog"),
    ):
        [twin, mine] = scene.twin("right", kind, 0), scene.source("right", kind, 2)
        mark = here.site.call("GET", f"{path}/{twin}/properties/tandem")
        assert mark.status_code == 200, mark.text
        put = here.site.call("PUT", f"{path}/{mine}/properties/tandem", json=mark.json()["value"])
        assert put.ok, put.text
        scene.theirs["right", kind][mine] = scene.things("right", kind)[mine][1]
    [twin, mine] = scene.twin("right", "attachments", 0), scene.source("right", "attachments", 2)
    notes = here.get("/properties/tandem-files")["value"]
    [held] = notes["profiles"].values()
    held["files"][mine] = held["files"][twin]
    path = f"issue/{here.key}/properties/tandem-files"
    assert here.site.call("PUT", path, json=notes).ok
    lose_items(scene)
    scene.theirs_are_untouched()
    for kind in KINDS:
        scene.drop_source("left", kind, 0)
    scene.rests(5)
    scene.theirs_are_untouched()
