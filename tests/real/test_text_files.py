"""Pictures in descriptions: they show the carried file, and neither side loses one by an edit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from demo.stack import Stack, wait_until, writes_of
from demo.walk import keys_by_summary
from sandbox.process import SiteHandle
from tests.stack_fixture import running  # noqa: F401  a fixture

pytestmark = pytest.mark.real

LONG = 120.0  # seconds: a slow machine's


def paragraph(words: str) -> dict[str, Any]:
    return {"type": "paragraph", "content": [{"type": "text", "text": words}]}


def picture(media: str) -> dict[str, Any]:
    attrs = {"type": "file", "id": media, "collection": ""}
    return {
        "type": "mediaSingle",
        "attrs": {"layout": "center"},
        "content": [{"type": "media", "attrs": attrs}],
    }


class Scene:
    """Tasks from WEB to PLAT with the usual fields and their files."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.left, self.right = stack.sandbox.acme, stack.sandbox.globex

    def pair(self, summary: str) -> tuple[str, str]:
        fields = {"project": {"key": "WEB"}, "issuetype": {"name": "Task"}, "summary": summary}
        answer = self.left.call("POST", "issue", json={"fields": fields})
        assert answer.status_code == 201, answer.text
        wait_until("it has a twin", lambda: keys_by_summary(self.right, "PLAT").get(summary), LONG)
        self.stack.settle()
        return answer.json()["key"], keys_by_summary(self.right, "PLAT")[summary][0]

    def describe(self, site: SiteHandle, key: str, *blocks: dict[str, Any]) -> None:
        text = {"type": "doc", "version": 1, "content": list(blocks)}
        answer = site.call("PUT", f"issue/{key}", json={"fields": {"description": text}})
        assert answer.status_code == 204, answer.text

    def writes(self) -> int:
        return writes_of(self.left, self.right)


def words(site: SiteHandle, key: str) -> str:
    found = site.call("GET", f"issue/{key}?fields=description").json()["fields"]["description"]
    return json.dumps(found)


def files(site: SiteHandle, key: str) -> dict[str, str]:
    """The files of an issue: id by name."""
    found = site.call("GET", f"issue/{key}?fields=attachment").json()["fields"]["attachment"]
    return {one["filename"]: one["id"] for one in found}


@pytest.fixture(scope="module")
def scene(running: Stack) -> Iterator[Scene]:  # noqa: F811
    """The profile, over paired sites."""
    running.create_profile(
        running.connect(),
        left=("WEB", "Task"),
        right=("PLAT", "Task"),
        name="Pictures",
        items=[{"kind": "attachments", "flow": "both"}],
    )
    yield Scene(running)
    assert running.sandbox.broken_answers() == []


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_picture_shows_the_carried_file_and_an_edit_loses_none(scene: Scene, side: str) -> None:
    keys = dict(zip(("left", "right"), scene.pair(f"Picture of {side}"), strict=True))
    here, there = (scene.left, scene.right) if side == "left" else (scene.right, scene.left)
    source, twin = keys[side], keys["right" if side == "left" else "left"]
    made = here.attach(source, "dial.png", b"a picture", "image/png")
    media = here.media_of(made["id"])
    scene.describe(here, source, paragraph("Look:"), picture(media))
    wait_until("the file crossed", lambda: "dial.png" in files(there, twin), LONG)
    scene.stack.settle()
    carried = there.media_of(files(there, twin)["dial.png"])
    assert carried in words(there, twin)
    assert media not in words(there, twin)

    before = scene.writes()
    scene.describe(there, twin, paragraph("Look here:"), picture(carried))
    wait_until("it crossed", lambda: "Look here:" in words(here, source), LONG)
    scene.stack.settle()
    assert media in words(here, source)
    assert files(here, source).keys() == files(there, twin).keys() == {"dial.png"}
    assert scene.writes() == before + 1

    scene.describe(here, source, paragraph("No picture."))
    wait_until("it crossed", lambda: "No picture." in words(there, twin), LONG)
    wait_until("the file went", lambda: not files(there, twin), LONG)
    scene.stack.settle()
    assert not files(here, source)
    scene.describe(here, source, paragraph("Still none."))
    wait_until("it crossed", lambda: "Still none." in words(there, twin), LONG)
    scene.stack.settle()
    assert carried not in words(there, twin)


def test_a_picture_that_the_other_site_does_not_take_is_its_name(scene: Scene) -> None:
    scene.right.file_rules(blockedTypes=["exe"])
    left, right = scene.pair("Blocked")
    made = scene.left.attach(left, "setup.exe", b"bytes", "application/octet-stream")
    scene.describe(scene.left, left, paragraph("Run:"), picture(scene.left.media_of(made["id"])))
    wait_until("it crossed", lambda: "Run:" in words(scene.right, right), LONG)
    scene.stack.settle()
    assert "setup.exe" in words(scene.right, right)
    assert not files(scene.right, right)
    assert "setup.exe" in files(scene.left, left)
