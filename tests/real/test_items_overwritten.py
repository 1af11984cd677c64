"""An edit of a twin between our read and our write, or our delete: the source wins, and what was
lost is told, sealed."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from flask import Flask

from app import create_app
from app.activity.log import Detail, latest
from app.database import tenant_transaction
from app.mapping import profiles
from app.settings import load_settings
from demo.stack import APP_KEY, Stack, calls_of, wait_until
from sandbox.process import SiteHandle
from tests.real.comments_scene import LONG, ROLE, Sides, pair, rows
from tests.real.work_scene import Work
from tests.stack_fixture import look_no_more, running  # noqa: F401  a fixture

pytestmark = pytest.mark.real

LEFT, RIGHT = ("WEB", "Task"), ("PLAT", "Task")
ITEMS = [{"kind": "comments", "prefix": None}, {"kind": "worklogs", "prefix": None}]
LOST = "before that was read, and the edit is lost there"


@dataclass
class Scene:
    """Two sites whose tasks are kept in step with their comments and their work."""

    stack: Stack
    app: Flask
    profile: uuid.UUID

    @property
    def site(self) -> SiteHandle:
        """The site of the twins."""
        return self.stack.sandbox.globex

    def told(self, sides: Sides) -> list[Detail]:
        """What is told of a pair as lost, the latest first."""
        with self.app.app_context():
            vault = self.app.extensions["tandem"].vault
            stored = profiles.load(vault, self.profile)
            with tenant_transaction(stored.left_tenant) as session:
                entries = [one for one in latest(session, vault, 500) if one.left_key == sides.left]
        details = [one for entry in entries for one in entry.details]
        found = [
            d for d in details if "was edited on the" in d.sentence and "left so" not in d.sentence
        ]
        assert sum(entry.conflicts for entry in entries) == len(found)
        return found

    def lost(self, sides: Sides, *words: str | None) -> None:
        """Wait until exactly these words of a pair's twins are told as lost."""
        wait_until(
            f"{words} are told", lambda: [one.old for one in self.told(sides)] == list(words), LONG
        )

    def at_rest(self) -> None:
        """Wait until no change is due, webhooks or none."""
        wait_until(
            "at rest", lambda: rows(self.stack, "SELECT count(*) FROM change") == [(0,)], LONG
        )


@pytest.fixture(scope="module")
def scene(running: Stack) -> Iterator[Scene]:  # noqa: F811
    profile = running.create_profile(
        running.connect(), left=LEFT, right=RIGHT, name="Tasks", items=ITEMS
    )
    app = create_app(load_settings(running.environment), pool_size=2)
    yield Scene(running, app, uuid.UUID(profile))


@contextmanager
def held(scene: Scene, method: str, path: str, source: Callable[[], object]) -> Iterator[None]:
    """The block runs after Tandem read both sides for a change of the source, and before it writes
    the twin."""
    scene.stack.settle()
    scene.site.faults({"method": method, "path": path, "app": APP_KEY, "kind": "hold", "times": 1})
    source()
    wait_until("it is about to be written", lambda: scene.site.held() == 1, LONG)
    yield
    scene.site.let_go()
    scene.site.faults()


def commented(scene: Scene, name: str) -> tuple[Sides, str, str]:
    """A pair with a comment: its source on the left, and its twin."""
    sides = pair(scene.stack, name, LEFT, RIGHT)
    source = sides.say("left", "First")
    sides.has("right", "First")
    scene.stack.settle()
    return sides, source, sides.ours("right")[0]


def test_an_edit_that_is_told_of_while_its_twin_is_written_is_told_as_lost(scene: Scene) -> None:
    sides, source, twin = commented(scene, "Told meanwhile")
    with held(scene, "PUT", "/comment/", lambda: sides.edit("left", source, "Second")):
        sides.edit("right", twin, "Sphinx, replaced by a person")
        sides.edit("right", twin, "Sphinx of black quartz")
        scene.site.wait_idle()
    sides.has("right", "Second")
    scene.lost(sides, "Sphinx of black quartz")
    [told] = scene.told(sides)
    assert (told.side, told.field) == ("right", "comment")
    assert f"comment {twin} that Tandem made was edited on the right side" in told.sentence
    scene.stack.settle()
    assert sides.texts("left") == sides.texts("right") == ["Second"]
    assert len(scene.told(sides)) == 1
    tables = rows(
        scene.stack,
        "SELECT relname FROM pg_class WHERE relkind = 'r'"
        " AND relnamespace = 'public'::regnamespace",
    )
    dump = "".join(
        str(row) for (table,) in tables for row in rows(scene.stack, f'SELECT * FROM "{table}"')
    )
    assert "Sphinx" not in dump
    assert rows(scene.stack, "SELECT count(*) FROM item_edit") == [(0,)]


def test_an_edit_that_is_told_of_long_after_is_told_as_lost_and_costs_two_reads(
    scene: Scene,
) -> None:
    sides, source, twin = commented(scene, "Told late")
    with held(scene, "PUT", "/comment/", lambda: sides.edit("left", source, "Second")):
        scene.site.webhooks(hold=True)
        sides.edit("right", twin, "Late news")
    sides.has("right", "Second")
    scene.at_rest()
    sides.edit("left", source, "Third")  # one more write, before it is told
    sides.has("right", "Third")
    scene.at_rest()
    assert scene.told(sides) == []
    look_no_more(scene.stack, settle=False)
    before = calls_of(scene.site)
    scene.site.webhooks(hold=False)
    scene.site.release()
    scene.lost(sides, "Late news")
    scene.stack.settle()
    assert list(calls_of(scene.site) - before) == ["POST /rest/api/3/issue/bulkfetch"]
    assert sides.texts("right") == ["Third"]


def test_an_edit_of_a_twin_that_is_deleted_at_that_moment_is_told_as_lost(scene: Scene) -> None:
    sides, source, twin = commented(scene, "Deleted meanwhile")
    with held(scene, "DELETE", "/comment/", lambda: sides.drop("left", source)):
        sides.edit("right", twin, "Not yet")
    sides.has("right")
    scene.lost(sides, "Not yet")
    assert "it was deleted" in scene.told(sides)[0].sentence


def test_a_twin_that_was_edited_before_is_not_deleted_unsaid(scene: Scene) -> None:
    sides, source, twin = commented(scene, "Edited and deleted")
    sides.edit("right", twin, "Mine now")
    scene.stack.settle()
    assert scene.told(sides) == []  # it is there
    sides.drop("left", source)
    sides.has("right")
    scene.lost(sides, "Mine now")
    assert "it was deleted with its source" in scene.told(sides)[0].sentence


def test_what_not_everybody_may_see_is_told_as_lost_without_its_words(scene: Scene) -> None:
    sides, source, twin = commented(scene, "For admins")
    with held(scene, "PUT", "/comment/", lambda: sides.edit("left", source, "Second")):
        sides.edit("right", twin, "For admins alone", visibility=ROLE)
        scene.site.wait_idle()
    scene.lost(sides, None)
    assert "not everybody may see it" in scene.told(sides)[0].sentence


def test_work_that_is_edited_while_its_twin_is_written_is_told_as_lost(scene: Scene) -> None:
    sides = pair(scene.stack, "Work", LEFT, RIGHT)
    work = Work(scene.stack, sides.left, sides.right)
    source = work.log("left", 60, "Dug")
    work.has("right", (60, "Dug"))
    scene.stack.settle()
    [twin] = work.ours("right")
    with held(scene, "PUT", "/worklog/", lambda: work.edit("left", source, timeSpentSeconds=5400)):
        work.edit("right", twin, timeSpentSeconds=7200)
        scene.site.wait_idle()
    work.has("right", (90, "Dug"))
    wait_until("it is told", lambda: len(scene.told(sides)) == 1, LONG)
    [told] = scene.told(sides)
    assert told.old is not None
    assert told.old.startswith("120 minutes from ")
    assert told.old.endswith("\nDug")
    assert LOST in told.sentence


def test_our_own_writes_are_nobodys_edit_however_late_and_often_they_are_told(
    scene: Scene,
) -> None:
    sides, source, twin = commented(scene, "Quiet")
    scene.site.webhooks(delayMs=800, jitterMs=700, duplicate=1.0)
    scene.site.faults(
        {
            "method": "PUT",
            "path": "/comment/",
            "app": APP_KEY,
            "kind": "commit-then-500",
            "times": 1,
        }
    )
    for number in range(5):
        sides.edit("left", source, f"Number {number}")
        sides.has("right", f"Number {number}")
    scene.site.faults()
    sides.edit("right", twin, "A person's, read by the next visit")
    scene.site.wait_idle()
    scene.stack.settle()
    sides.edit("left", source, "The last")
    sides.has("right", "The last")
    scene.stack.settle()
    scene.site.webhooks(delayMs=50, jitterMs=20, duplicate=0.0)
    [told] = scene.told(sides)
    assert told.old == "A person's, read by the next visit"
    assert "a later edit of its source took the place of that" in told.sentence
