"""An edit between our read and our write of the same field: the field's policy decides about it,
and the value that loses is told."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
import requests
from flask import Flask

from app import create_app
from app.activity.log import Entry, latest
from app.database import tenant_transaction
from app.mapping import profiles
from app.settings import load_settings
from demo.stack import APP_KEY, Stack, scope_ids, wait_until, writes_of
from demo.walk import create_issue, edit_issue, keys_by_summary, mapped, paragraph
from sandbox.process import SiteHandle
from tests.stack_fixture import owner, running  # noqa: F401  a fixture

pytestmark = pytest.mark.real

LONG = 120.0  # seconds: a slow machine's
WEB, PLAT = ("WEB", "Task"), ("PLAT", "Task")
SUP, OPS = ("SUP", "Task"), ("OPS", "Task")
READ = {"method": "POST", "path": "bulkfetch", "app": APP_KEY, "kind": "hold-answer", "times": 1}
WRITE = {"method": "PUT", "path": "/issue/", "app": APP_KEY, "times": 1}


def field(name: str, kind: str, **more: str) -> dict[str, str]:
    """A field that is the same on both sides."""
    return {"left": name, "right": name, "kind": kind, **more}


FIRST = [
    field("summary", "text", policy="newer"),
    field("labels", "labels", policy="left"),
    field("priority", "named", policy="right"),
    field("duedate", "date", policy="ask"),
    field("description", "rich_text", policy="newer"),
    field("fixVersions", "versions", policy="newer"),
]
SECOND = [
    field("summary", "text", policy="ask"),
    field("labels", "labels", policy="newer", flow="to_right"),
    field("priority", "named", policy="newer"),
    field("duedate", "date", policy="newer", flow="to_left"),
    field("description", "rich_text", policy="left"),
]


@dataclass
class Scene:
    """Two profiles over both sites, whose fields have every policy between them."""

    stack: Stack
    app: Flask
    profiles: tuple[str, str]

    @property
    def left(self) -> SiteHandle:
        """The left site."""
        return self.stack.sandbox.acme

    @property
    def right(self) -> SiteHandle:
        """The right site."""
        return self.stack.sandbox.globex

    def site(self, side: str) -> SiteHandle:
        """The site of a side."""
        return self.left if side == "left" else self.right

    def pair(self, summary: str, *, second: bool = False, **fields: Any) -> Pair:
        """A new pair in step, of the first profile or the second."""
        here, there = (SUP, OPS) if second else (WEB, PLAT)
        left = create_issue(self.left, *here, summary=summary, **fields)
        found: list[str] = []

        def arrived() -> bool:
            found[:] = keys_by_summary(self.right, there[0]).get(summary, [])
            return bool(found)

        wait_until(f"'{summary}' has a twin", arrived, LONG)
        self.stack.settle()
        return Pair(self, left, found[0])

    def entries(self, key: str) -> list[Entry]:
        """The activity of a pair, opened, newest first."""
        with self.app.app_context():
            vault = self.app.extensions["tandem"].vault
            stored = profiles.load(vault, uuid.UUID(self.profiles[0]))
            with tenant_transaction(stored.left_tenant) as session:
                return [one for one in latest(session, vault, 500) if one.left_key == key]

    def writes(self) -> int:
        """How often Tandem has written to either site."""
        return writes_of(self.left, self.right)

    def rest(self) -> None:
        """Wait until all is at rest; then nothing is written any more."""
        self.stack.settle()
        before = self.writes()
        self.stack.settle()
        assert self.writes() == before

    def dump(self) -> str:
        """All that the database holds, as its owner sees it."""
        with owner(self.stack) as database:
            tables = database.execute(
                "SELECT relname FROM pg_class WHERE relkind = 'r'"
                " AND relnamespace = 'public'::regnamespace"
            ).fetchall()
            return "".join(
                str(row)
                for (table,) in tables
                for row in database.execute(f'SELECT * FROM "{table}"').fetchall()
            )


@dataclass
class Pair:
    """Two issues in step."""

    scene: Scene
    left: str
    right: str

    def edit(self, side: str, **fields: Any) -> None:
        """A person edits one side."""
        edit_issue(self.scene.site(side), self.left if side == "left" else self.right, **fields)

    def both(self, name: str) -> tuple[Any, Any]:
        """What both sides hold of a field."""
        return (
            mapped(self.scene.left, self.left)[name],
            mapped(self.scene.right, self.right)[name],
        )

    def agree(self, name: str, value: Any) -> None:
        """Wait until both sides hold this."""
        wait_until(f"both hold {value}", lambda: self.both(name) == (value, value), LONG)

    def lost(self, side: str, value: str) -> None:
        """Wait until it is told that this value of a side lost."""
        wait_until(f"{value} is told", lambda: (side, value) in self.losses(), LONG)

    def told(self) -> list[tuple[str, str | None, str | None]]:
        """The details of all entries: the side, the old value and the new one."""
        entries = self.scene.entries(self.left)
        return [(one.side or "", one.old, one.new) for entry in entries for one in entry.details]

    def losses(self) -> list[tuple[str | None, str | None]]:
        """The values that lost, newest first: the side and the value."""
        entries = self.scene.entries(self.left)
        assert sum(one.conflicts for one in entries) == sum(
            "changed on both sides" in d.sentence for e in entries for d in e.details
        )
        return [
            (one.side, one.old)
            for entry in entries
            for one in entry.details
            if "changed on both sides" in one.sentence and one.side  # else it is asked
        ]


@pytest.fixture(scope="module")
def scene(running: Stack) -> Iterator[Scene]:  # noqa: F811
    """Both profiles, over paired sites."""
    connection = running.connect()
    made = tuple(
        str(create(running, connection, name, left, right, fields))
        for name, left, right, fields in (
            ("First", WEB, PLAT, FIRST),
            ("Second", SUP, OPS, SECOND),
        )
    )
    app = create_app(load_settings(running.environment), pool_size=2)
    yield Scene(running, app, (made[0], made[1]))


def create(
    stack: Stack,
    connection: str,
    name: str,
    left: tuple[str, str],
    right: tuple[str, str],
    fields: list[dict[str, str]],
) -> str:
    """POST a profile of Acme with these fields."""
    acme, globex = stack.sandbox.acme, stack.sandbox.globex
    here, there = scope_ids(acme, *left), scope_ids(globex, *right)
    token = acme.context_token(APP_KEY, accountId=acme.admin["accountId"])
    answer = requests.post(
        f"{stack.url}/pages/profiles",
        data={
            "connection": connection,
            "name": name,
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


@contextmanager
def between(pair: Pair, to: str, **source: Any) -> Iterator[None]:
    """The block runs after Tandem has read side `to`, and before it writes there what was edited
    on the other side."""
    site = pair.scene.site(to)
    pair.scene.stack.settle()
    site.faults(READ)
    pair.edit("left" if to == "right" else "right", **source)
    wait_until("it was read", lambda: site.held() == 1, LONG)
    yield
    site.let_go()
    site.faults()


def test_newer_gives_the_later_edit_back_and_carries_it(scene: Scene) -> None:
    for to, other in (("right", "left"), ("left", "right")):
        pair = scene.pair(f"Newer {to}")
        with between(pair, to, summary=f"Older of {to}"):
            pair.edit(to, summary=f"Later of {to}")
        pair.agree("summary", f"Later of {to}")
        scene.rest()
        assert pair.losses() == [(other, f"Older of {to}")]
        assert (to, None, f"Later of {to}") in pair.told()
    assert "Later of" not in scene.dump()
    assert "Older of" not in scene.dump()


def test_a_side_that_always_wins_stands_and_the_edit_is_told(scene: Scene) -> None:
    pair = scene.pair("Left wins", labels=["old"])
    with between(pair, "right", labels=["of-left"]):
        pair.edit("right", labels=["of-right", "lost-word"])
    pair.lost("right", "lost-word, of-right")
    scene.rest()
    assert pair.both("labels") == (["of-left"],) * 2
    assert "lost-word" not in scene.dump()

    pair = scene.pair("Right wins", priority={"name": "Low"})
    with between(pair, "left", priority={"name": "High"}):
        pair.edit("left", priority={"name": "Lowest"})
    pair.lost("left", "Lowest")
    scene.rest()
    assert pair.both("priority") == ("High", "High")


def test_an_edit_of_the_side_that_always_wins_is_put_back_and_carried(scene: Scene) -> None:
    pair = scene.pair("Left wins, late", labels=["old"])
    with between(pair, "left", labels=["of-right"]):
        pair.edit("left", labels=["of-left"])
    pair.agree("labels", ["of-left"])
    scene.rest()
    assert pair.losses() == [("right", "of-right")]

    pair = scene.pair("Right wins, late", priority={"name": "Low"})
    with between(pair, "right", priority={"name": "High"}):
        pair.edit("right", priority={"name": "Lowest"})
    pair.agree("priority", "Lowest")
    scene.rest()
    assert pair.losses() == [("left", "High")]


@pytest.mark.parametrize("to", ["right", "left"])
def test_ask_leaves_both_as_they_are_and_asks(scene: Scene, to: str) -> None:
    pair = scene.pair(f"Ask {to}", duedate="2027-01-01")
    days = {to: "2027-03-03", "left" if to == "right" else "right": "2027-02-02"}
    source = "left" if to == "right" else "right"
    with between(pair, to, duedate=days[source]):
        pair.edit(to, duedate=days[to])

    def asked() -> list[tuple[str, str]]:
        found = scene.stack.page(scene.left, "GET", "/pages/conflicts")
        return [(q["left"], q["right"]) for q in found if q["leftKey"] == pair.left]

    both = days["left"], days["right"]
    wait_until("it is asked", lambda: asked() == [both], LONG)
    scene.rest()
    assert pair.both("duedate") == both
    assert asked() == [both]


def test_a_field_that_is_carried_one_way_keeps_what_its_source_says_and_tells_the_edit(
    scene: Scene,
) -> None:
    pair = scene.pair("One way", second=True, labels=["old"])
    with between(pair, "right", labels=["of-left"]):
        pair.edit("right", labels=["gone-word"])
    pair.lost("right", "gone-word")
    scene.rest()
    assert pair.both("labels") == (["of-left"],) * 2


def test_plain_rich_text_is_put_back_and_formed_rich_text_is_told(scene: Scene) -> None:
    pair = scene.pair("Rich", description=paragraph("First words."))
    with between(pair, "right", description=paragraph("Older words.")):
        pair.edit("right", description=paragraph("Later words of a person."))
    later = paragraph("Later words of a person.")
    pair.agree("description", later)
    scene.rest()
    assert pair.losses() == [("left", "Older words.")]

    strong = paragraph("Strong words.")
    strong["content"][0]["content"][0]["marks"] = [{"type": "strong"}]
    with between(pair, "right", description=paragraph("Newest words.")):
        pair.edit("right", description=strong)
    pair.lost("right", "*Strong words.*")
    scene.rest()
    assert pair.both("description") == (paragraph("Newest words."),) * 2
    dump = scene.dump()
    assert "words." not in dump


def test_what_was_edited_in_other_fields_or_to_the_very_value_is_no_conflict(scene: Scene) -> None:
    pair = scene.pair("Quiet", description=paragraph("As it was."), labels=["old"])
    with between(pair, "right", summary="Quiet, renamed", description=paragraph("As it is.")):
        pair.edit("right", labels=["beside"])
        pair.edit("right", summary="Quiet, renamed")
    pair.agree("summary", "Quiet, renamed")
    pair.agree("labels", ["beside"])
    scene.rest()
    with between(pair, "right", summary="Quiet, twice"):
        pair.edit("right", summary="Quiet, for a moment")
        pair.edit("right", summary="Quiet, twice")
    pair.agree("summary", "Quiet, twice")
    for number in range(4):
        pair.edit("left", description=paragraph(f"One after the other, {number}."))
        scene.stack.settle()
    scene.rest()
    for name in ("1.0", "1.1"):
        time.sleep(3)  # what is this much later than the state that was read is another edit
        pair.edit("left", fixVersions=[{"name": name}])
        scene.stack.settle()
    scene.rest()
    held = scene.right.call("GET", f"issue/{pair.right}?fields=fixVersions").json()["fields"]
    assert [one["name"] for one in held["fixVersions"]] == ["1.1"]
    assert pair.losses() == []
    assert not any("edited" in d.sentence for e in scene.entries(pair.left) for d in e.details)


def test_an_edit_after_the_write_wins_over_the_one_that_the_write_replaced(scene: Scene) -> None:
    pair = scene.pair("Twice")
    scene.right.wait_idle()
    with between(pair, "right", summary="Twice, by us"):
        pair.edit("right", summary="Twice, first edit")
        scene.right.faults({**WRITE, "kind": "hold-answer"})
        scene.right.let_go()
        wait_until("it was written", lambda: pair.both("summary")[1] == "Twice, by us", LONG)
        wait_until("its answer is held", lambda: scene.right.held() == 1, LONG)
        pair.edit("right", summary="Twice, last edit")
    pair.agree("summary", "Twice, last edit")
    scene.rest()
    assert "Twice, by us" in [old for _, old in pair.losses()] + [old for _, old, _ in pair.told()]


@contextmanager
def written_over(pair: Pair, ours: str, theirs: str) -> Iterator[SiteHandle]:
    """The block runs once the right summary was written over an edit, and before that is known."""
    site = pair.scene.right
    with between(pair, "right", summary=ours):
        pair.edit("right", summary=theirs)
        site.faults({**WRITE, "kind": "hold-answer"})
        site.let_go()
        wait_until("it was written", lambda: pair.both("summary")[1] == ours, LONG)
        wait_until("its answer is held", lambda: site.held() == 1, LONG)
        yield site


def test_an_edit_that_is_put_back_over_a_later_one_gives_way_to_it(scene: Scene) -> None:
    pair = scene.pair("Thrice")
    with written_over(pair, "Thrice, by us", "Thrice, first edit") as site:
        site.faults({**WRITE, "kind": "hold"})
        site.let_go()
        wait_until("it is about to be put back", lambda: site.held() == 1, LONG)
        pair.edit("right", summary="Thrice, last edit")
    pair.agree("summary", "Thrice, last edit")
    scene.rest()
    assert pair.losses() == [("left", "Thrice, by us")]
    assert ("right", "Thrice, first edit", None) in pair.told()


def test_an_edit_that_the_site_will_not_have_back_is_told(scene: Scene) -> None:
    pair = scene.pair("Refused", duedate="2027-01-01")
    with between(pair, "right", summary="Refused, by us", duedate="2027-02-02"):
        pair.edit("right", summary="Refused, the edit", duedate="2027-03-03")
        site = scene.right
        site.refusals({"message": "No.", "field": "summary", "values": ["Refused, the edit"]})
    pair.lost("right", "Refused, the edit")
    scene.rest()
    assert pair.both("duedate") == ("2027-02-02", "2027-03-03")  # that one is asked about
    site.refusals()
    assert pair.both("summary") == ("Refused, by us",) * 2
    assert pair.losses() == [("right", "Refused, the edit")]


@pytest.mark.parametrize("second", [False, True], ids=["newer", "ask"])
def test_an_edit_that_a_fault_keeps_from_being_put_back_is_found_by_the_next_visit(
    scene: Scene, second: bool
) -> None:
    pair = scene.pair(f"Faulty {second}", second=second)
    ours, theirs = f"Faulty {second}, by us", f"Faulty {second}, the edit"
    with written_over(pair, ours, theirs) as site:
        site.faults({**WRITE, "kind": "500"})
        site.let_go()
        wait_until("it failed", lambda: site.control("GET", "faults")[0]["times"] == 0, LONG)
    wait_until("it is put back", lambda: pair.both("summary")[1] == theirs, LONG)
    if not second:
        pair.agree("summary", theirs)
    scene.rest()
    assert ("right", None, theirs) in pair.told()
    if second:  # the field asks
        assert pair.both("summary") == (ours, theirs)
        asked = scene.stack.page(scene.left, "GET", "/pages/conflicts")
        assert [(q["left"], q["right"]) for q in asked if q["leftKey"] == pair.left] == [
            (ours, theirs)
        ]
        assert pair.losses() == []
    else:
        assert pair.losses() == [("left", ours)]
