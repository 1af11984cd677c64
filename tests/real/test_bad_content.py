"""What no site should have to take: one bad thing on an issue waits or degrades, the rest crosses.

What is tested where:

- a text of 32,767 characters, and one more: below; a comment that its prefix makes too long:
  test_comments;
- an option deleted between read and write: below; between two visits: test_values;
- a user deactivated: below;
- a required field that nothing feeds: below; of a transition: test_status;
- a file of a blocked type, over the site's limit, empty, broken off: test_attachments_refused;
- a file gone half way: below;
- a comment for a role: below; one that becomes so: test_comments; a worklog: test_worklogs;
- a cyclic parent: test_parents;
- an ADF document of 200 levels: below; deeper ones: tests/unit/test_rich_parts;
- control characters and halves of characters: below; in any rich text: tests/unit/test_rich_parts.
"""

from __future__ import annotations

import itertools
import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from app import create_app
from app.activity.log import latest
from app.database import tenant_transaction
from app.mapping import profiles
from app.settings import load_settings
from demo.stack import APP_KEY, Stack, wait_until, writes_of
from demo.walk import create_issue, keys_by_summary, paragraph
from sandbox.process import SiteHandle
from tests.real.comments_scene import LONG, ROLE, said
from tests.stack_fixture import running, tandem  # noqa: F401  fixtures

pytestmark = pytest.mark.real

PICK, PICK_THERE = "customfield_10043", "customfield_10143"
LINE, LINE_THERE = "customfield_10031", "customfield_10121"
BAD = "a\x00b\x07c\ud800d"
CLEAN = "abc?d"  # a site keeps a question mark for each half of a character
HELD = "a\x00b\x07c?d"
LIMIT = 32_767
NUMBERS = itertools.count()


def same(name: str, kind: str, **more: Any) -> dict[str, Any]:
    return {"left": name, "right": name, "kind": kind, **more}


FIELDS = [
    same("summary", "text"),
    same("description", "rich_text"),
    same("labels", "labels"),
    same("assignee", "user", values={"missing": "fail"}),
    {"left": PICK, "right": PICK_THERE, "kind": "options", "values": {"missing": "fail"}},
    {"left": LINE, "right": LINE_THERE, "kind": "text"},
]
ITEMS = [{"kind": "comments", "prefix": None}, {"kind": "attachments"}]


@dataclass
class Scene:
    """Tasks of WEB and PLAT with the fields above, their comments and files."""

    stack: Stack
    profile: str

    @property
    def left(self) -> SiteHandle:
        return self.stack.sandbox.acme

    @property
    def right(self) -> SiteHandle:
        return self.stack.sandbox.globex

    def writes(self) -> int:
        """How often Tandem wrote to either site."""
        return writes_of(self.left, self.right)

    def parked(self, *options: str) -> list[dict[str, Any]]:
        """What `tandem parked list` has."""
        done = tandem(self.stack.environment, "parked", "list", "Tasks", "--json", *options)
        found: list[dict[str, Any]] = json.loads(done.stdout)
        return found

    def retry(self) -> None:
        done = tandem(self.stack.environment, "parked", "retry", "Tasks")
        assert done.returncode == 0, done.stderr

    def told(self, key: str) -> str:
        """All sentences of the activity of an issue of the left side."""
        app = create_app(load_settings(self.stack.environment), pool_size=2)
        with app.app_context():
            vault = app.extensions["tandem"].vault
            stored = profiles.load(vault, uuid.UUID(self.profile))
            with tenant_transaction(stored.left_tenant) as session:
                entries = [one for one in latest(session, vault, 500) if one.left_key == key]
        return "\n".join(one.sentence for entry in entries for one in entry.details)


@dataclass
class Pair:
    """Two issues in step."""

    scene: Scene
    left: str
    right: str

    def edit(self, **fields: Any) -> None:
        """A person edits the left side."""
        answer = self.scene.left.call("PUT", f"issue/{self.left}", json={"fields": fields})
        assert answer.status_code == 204, answer.text

    def say(self, body: dict[str, Any], **more: Any) -> str:
        """A person comments on the left side."""
        path = f"issue/{self.left}/comment"
        answer = self.scene.left.call("POST", path, json={"body": body, **more})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def there(self, field: str) -> Any:
        """What the right side holds of a field."""
        path = f"issue/{self.right}?fields={field}"
        return self.scene.right.call("GET", path).json()["fields"].get(field)

    def comments(self) -> list[str]:
        """What the right side's comments say."""
        answer = self.scene.right.call("GET", f"issue/{self.right}/comment").json()
        return [said(one) for one in answer["comments"]]

    def rest(self, **bad: Any) -> None:
        """People edit the bad fields along with good ones, and say something good."""
        self.edit(summary=f"{self.left} edited", labels=["edited"], **bad)
        self.say(paragraph("A good one"))

    def rest_crossed(self) -> None:
        """Wait for what is good, and until all is at rest."""
        wait_until("summary", lambda: self.there("summary") == f"{self.left} edited", LONG)
        wait_until("label", lambda: self.there("labels") == ["edited"], LONG)
        wait_until("comment", lambda: "A good one" in self.comments(), LONG)
        self.scene.stack.settle()

    def is_still(self) -> None:
        """Nothing goes round: one more edit is one more write."""
        self.scene.stack.settle()
        before = self.scene.writes()
        labels = [f"edit-{next(NUMBERS)}"]
        self.edit(labels=labels)
        wait_until("label", lambda: self.there("labels") == labels, LONG)
        self.scene.stack.settle()
        assert self.scene.writes() == before + 1

    def waits(self, code: str, field: str, words: str) -> None:
        """Exactly one thing of this pair waits, with its sentence."""
        wait_until("it is parked", lambda: self.scene.parked("--issue", self.left), LONG)
        [one] = self.scene.parked("--issue", self.left)
        assert (one["code"], one["field"]) == (code, field), one
        assert words in one["sentence"] and one["cure"], one

    def waits_no_more(self) -> None:
        wait_until("no more", lambda: not self.scene.parked("--issue", self.left), LONG)


@pytest.fixture(scope="module")
def scene(running: Stack) -> Iterator[Scene]:  # noqa: F811
    acme, globex = running.sandbox.acme, running.sandbox.globex
    for here, there in list(zip(acme.users, globex.users, strict=True))[1:3]:
        globex.control("PUT", "people", {there["accountId"]: {"email": here["email"]}})
    for site in (acme, globex):
        site.limits(issueWrites={"on": False}, burst={"on": False})
    profile = running.create_profile(
        running.connect(),
        left=("WEB", "Task"),
        right=("PLAT", "Task"),
        name="Tasks",
        fields=FIELDS,
        items=ITEMS,
    )
    yield Scene(running, profile)


@pytest.fixture
def pair(scene: Scene, request: pytest.FixtureRequest) -> Iterator[Pair]:
    summary = request.node.name
    key = create_issue(scene.left, "WEB", "Task", summary=summary)
    yield Pair(scene, key, twin(scene, summary))
    for site in (scene.left, scene.right):
        site.faults()
        site.let_go()
    scene.right.refusals()


def twin(scene: Scene, summary: str) -> str:
    """The twin of the issue of this summary, once it is there."""
    found: list[str] = []

    def look() -> bool:
        found[:] = keys_by_summary(scene.right, "PLAT").get(summary, [])
        return bool(found)

    wait_until(f"'{summary}' has a twin", look, LONG)
    scene.stack.settle()
    assert len(found) == 1
    return found[0]


def letters(document: Any) -> int:
    """How many characters of text are in a document."""
    if not isinstance(document, dict):
        return 0
    return len(document.get("text", "")) + sum(map(letters, document.get("content", [])))


def test_a_text_as_long_as_jira_takes_crosses_and_one_more_waits_alone(pair: Pair) -> None:
    pair.rest(description=paragraph("x" * LIMIT))
    pair.rest_crossed()
    assert letters(pair.there("description")) == LIMIT
    pair.is_still()
    # The key of the twin is one character longer.
    text = f"{pair.left} ".ljust(LIMIT, "y")
    assert len(pair.right) == len(pair.left) + 1
    pair.edit(description=paragraph(text), summary="Too long there")
    wait_until("the rest", lambda: pair.there("summary") == "Too long there", LONG)
    pair.waits("value-too-long", "description", "longer than")
    assert "x" * 100 in json.dumps(pair.there("description"))
    pair.is_still()
    pair.edit(description=paragraph(text[:-1]))
    wait_until("cut", lambda: pair.right in json.dumps(pair.there("description")), LONG)
    assert letters(pair.there("description")) == LIMIT
    pair.waits_no_more()


def test_an_option_deleted_while_it_is_on_its_way_waits_alone_and_crosses_once_it_is_back(
    scene: Scene, pair: Pair
) -> None:
    pair.edit(**{PICK: [{"id": "100430"}]})
    wait_until("both know it", lambda: pair.there(PICK_THERE), LONG)
    pair.edit(**{PICK: []})
    wait_until("it went", lambda: not pair.there(PICK_THERE), LONG)
    scene.stack.settle()
    scene.right.faults({"method": "PUT", "path": "/issue/", "app": APP_KEY, "kind": "hold"})
    pair.rest(**{PICK: [{"id": "100430"}]})
    wait_until("the write is on its way", lambda: scene.right.held() == 1, LONG)
    scene.right.control("DELETE", f"options/{PICK_THERE}/101430")
    scene.right.faults()
    scene.right.let_go()
    pair.rest_crossed()
    assert not pair.there(PICK_THERE)
    pair.is_still()
    pair.waits("value-unpaired", PICK_THERE, "has no counterpart")
    scene.right.control("POST", "options", {"field": PICK_THERE, "value": "Tested"})
    scene.retry()
    wait_until("it crossed", lambda: pair.there(PICK_THERE), LONG)
    assert [one["value"] for one in pair.there(PICK_THERE)] == ["Tested"]
    pair.waits_no_more()


def test_a_person_deactivated_on_the_other_side_waits_alone_and_crosses_once_back(
    scene: Scene, pair: Pair
) -> None:
    here, there = scene.left.users[1]["accountId"], scene.right.users[1]["accountId"]
    pair.edit(assignee={"accountId": here})
    wait_until("both know who it is", lambda: pair.there("assignee"), LONG)
    pair.edit(assignee=None)
    wait_until("nobody", lambda: not pair.there("assignee"), LONG)
    scene.right.control("PUT", "people", {there: {"active": False}})
    pair.rest(assignee={"accountId": here})
    pair.rest_crossed()
    assert pair.there("assignee") is None
    pair.is_still()
    pair.waits("value-unpaired", "assignee", "has no counterpart")
    scene.right.control("PUT", "people", {there: {"active": True}})
    scene.retry()
    wait_until("it crossed", lambda: pair.there("assignee"), LONG)
    assert pair.there("assignee")["accountId"] == there
    pair.waits_no_more()


def test_a_twin_waits_for_a_required_field_that_nothing_feeds_and_holds_nothing_else_up(
    scene: Scene, pair: Pair
) -> None:
    named = {"field": "summary", "names": "customfield_10125"}
    scene.right.refusals({"on": "create", **named, "message": "Impact is required."})
    key = create_issue(scene.left, "WEB", "Task", summary="Needs an impact", labels=["new"])
    new = Pair(scene, key, "")
    new.say(paragraph("Said before there is a twin"))
    pair.rest()
    pair.rest_crossed()
    new.waits("field-required", "customfield_10125", "wants a value")
    assert "Needs an impact" not in keys_by_summary(scene.right, "PLAT")
    pair.is_still()
    scene.right.refusals()
    scene.retry()
    new.right = twin(scene, "Needs an impact")
    wait_until("comment", lambda: new.comments() == ["Said before there is a twin"], LONG)
    assert new.there("labels") == ["new"]
    new.waits_no_more()


@pytest.mark.parametrize("moment", ["asked for", "read", "sent"])
def test_a_file_that_goes_half_way_holds_nothing_up_and_leaves_nothing(
    scene: Scene, pair: Pair, moment: str
) -> None:
    content = {"method": "GET", "path": "/attachment/content/", "app": APP_KEY}
    site, rule = {
        "asked for": (scene.left, content),
        "read": (scene.left, {"method": "GET", "path": "/file/"}),
        "sent": (scene.right, {"method": "POST", "path": "/attachments", "app": APP_KEY}),
    }[moment]
    site.faults({**rule, "kind": "hold"})
    file = scene.left.attach(pair.left, "gone.bin", b"x" * 200_000)["id"]
    wait_until("it is on its way", lambda: site.held() == 1, LONG)
    assert scene.left.call("DELETE", f"attachment/{file}").status_code == 204
    site.faults()
    site.let_go()
    pair.rest()
    pair.rest_crossed()
    wait_until("it is gone", lambda: not pair.there("attachment"), LONG)
    pair.waits_no_more()
    pair.is_still()


def test_a_comment_for_a_role_stays_and_all_else_crosses(pair: Pair) -> None:
    pair.say(paragraph("For few eyes"), visibility=ROLE)
    pair.rest()
    pair.rest_crossed()
    assert pair.comments() == ["A good one"]
    pair.is_still()


def nested(lists: int) -> dict[str, Any]:
    """A document of twice as many levels, with a word at the bottom."""
    block: dict[str, Any] = paragraph("At the bottom")["content"][0]
    for _ in range(lists):
        block = {"type": "bulletList", "content": [{"type": "listItem", "content": [block]}]}
    return {"type": "doc", "version": 1, "content": [block]}


def test_documents_of_two_hundred_levels_cross_as_they_are(pair: Pair) -> None:
    deep = nested(100)
    pair.say(deep)
    pair.rest(description=deep)
    pair.rest_crossed()
    assert pair.there("description") == deep
    [one, _] = pair.scene.right.call("GET", f"issue/{pair.right}/comment").json()["comments"]
    assert one["body"] == deep
    pair.is_still()
    assert not pair.scene.parked("--issue", pair.left)


def test_control_characters_and_halves_of_characters_are_left_out_and_told(pair: Pair) -> None:
    pair.say(paragraph(f"Said {BAD}"))
    pair.rest(description=paragraph(f"Text {BAD}"), **{LINE: f"Line {BAD}"})
    pair.rest_crossed()
    assert pair.there("description")["content"] == paragraph(f"Text {CLEAN}")["content"]
    assert pair.comments() == [f"Said {CLEAN}", "A good one"]
    assert pair.there(LINE_THERE) == f"Line {CLEAN}"
    assert "characters" in pair.scene.told(pair.left)
    pair.is_still()
    pair.edit(summary=f"Summary {BAD}", labels=[f"label-{BAD}"])
    wait_until("summary", lambda: pair.there("summary") == f"Summary {CLEAN}", LONG)
    wait_until("label", lambda: pair.there("labels") == [f"label-{CLEAN}"], LONG)
    pair.is_still()
    # What is at home stays as it was written.
    home = pair.scene.left.call("GET", f"issue/{pair.left}?fields=summary").json()
    assert home["fields"]["summary"] == f"Summary {HELD}"
