"""Files cross both ways as streams; none is doubled, and no file of others is ever touched."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from demo.stack import Stack, wait_until
from demo.walk import create_issue
from tests.processes import children
from tests.real.attachments_scene import (
    LEFT,
    LONG,
    NOTES,
    RIGHT,
    Sides,
    calls,
    carry,
    pair,
    rows,
    twin_of,
)
from tests.stack_fixture import crosses, look_no_more, running, tandem  # noqa: F401  a fixture

pytestmark = pytest.mark.real

DELETE = "DELETE /rest/api/3/attachment/{id}"


@pytest.fixture(scope="module")
def carried(running: Stack) -> Iterator[tuple[Stack, str]]:  # noqa: F811
    """Two sites whose tasks are kept in step, with their files; and the profile."""
    profile = running.create_profile(running.connect(), left=LEFT, right=RIGHT, name="Tasks")
    carry(running, profile)
    yield running, profile


@pytest.fixture
def sides(carried: tuple[Stack, str], request: pytest.FixtureRequest) -> Iterator[Sides]:
    found = pair(carried[0], request.node.name)
    yield found
    for site in carried[0].sandbox.sites:
        site.faults()


def test_files_cross_both_ways_and_the_same_names_are_kept_apart(sides: Sides) -> None:
    sides.attach("left", "a.txt", b"one")
    sides.attach("left", "a.txt", b"two")
    sides.attach("right", "bild.png", b"\x89PNG", "image/png")
    sides.have("right", "a.txt", "a.txt", "bild.png")
    sides.have("left", "a.txt", "a.txt", "bild.png")
    sides.stack.settle()
    assert sides.digests("left") == sides.digests("right")
    noted = sides.notes("right")
    sources = {one["id"]: one for one in sides.files("left")}
    assert set(noted) == {one["id"] for one in sides.ours("right")}
    for twin, (source, _, digest) in noted.items():
        assert sides.content("right", twin) == sides.content("left", source)
        assert len(digest) == 64 and sources[source]["author"]["accountType"] == "atlassian"
    assert [one["mimeType"] for one in sides.ours("left")] == ["image/png"]


def test_a_new_twin_gets_the_files_of_its_source(carried: tuple[Stack, str]) -> None:
    stack, _ = carried
    acme = stack.sandbox.acme
    acme.webhooks(hold=True)
    key = create_issue(acme, *LEFT, summary="With files from the start")
    here = Sides(stack, key, "")
    for number in range(3):
        here.attach("left", f"{number}.txt", b"%d" % number)
    acme.webhooks(hold=False)
    acme.release()
    there = Sides(stack, key, twin_of(stack, "With files from the start"))
    there.have("right", "0.txt", "1.txt", "2.txt")
    assert there.digests("left") == there.digests("right")


def test_a_file_takes_five_calls_in_all_and_its_echo_none(
    carried: tuple[Stack, str], sides: Sides
) -> None:
    stack, _ = carried
    sides.attach("left", "first.txt", b"asks for the site's limit")
    sides.have("right", "first.txt")
    stack.settle()
    look_no_more(stack)
    before = calls(stack)
    crosses(
        stack,
        lambda: sides.attach("left", "counted.txt", b"counted"),
        lambda: sides.have("right", "first.txt", "counted.txt"),
    )
    after = calls(stack)
    made = {path: after[path] - before.get(path, 0) for path in after}
    assert {path: n for path, n in made.items() if n} == {
        "POST /rest/api/3/issue/bulkfetch": 2,
        "GET /rest/api/3/attachment/content/{id}": 1,
        "POST /rest/api/3/issue/{issueIdOrKey}/attachments": 1,
        "PUT /rest/api/3/issue/{issueIdOrKey}/properties/{propertyKey}": 1,
    }


def test_a_twin_goes_with_its_source_and_is_not_made_again_where_somebody_deleted_it(
    carried: tuple[Stack, str], sides: Sides
) -> None:
    stack, profile = carried
    first, second = sides.attach("left", "a", b"1"), sides.attach("left", "b", b"2")
    sides.have("right", "a", "b")
    stack.settle()
    sides.drop("left", first)
    sides.have("right", "b")
    [twin] = sides.files("right")
    sides.drop("right", twin["id"])
    stack.settle()
    sides.touch("left", "Once more")
    stack.settle()
    assert sides.names("right") == [] and sides.names("left") == ["b"]
    sides.drop("left", second)
    third = sides.attach("left", "c", b"3")
    sides.have("right", "c")
    stack.settle()
    carry(stack, profile, "--no-deletions")
    sides.drop("left", third)
    sides.touch("left", "And again")
    stack.settle()
    assert sides.names("right") == ["c"]
    carry(stack, profile, "--deletions")


def test_with_the_database_lost_twins_are_known_by_their_notes_and_others_files_stay(
    carried: tuple[Stack, str], sides: Sides
) -> None:
    stack, _ = carried
    source = sides.attach("left", "ours.txt", b"ours")
    sides.attach("right", "theirs.txt", b"theirs")
    sides.have("right", "ours.txt", "theirs.txt")
    sides.have("left", "ours.txt", "theirs.txt")
    stack.settle()
    rows(stack, "DELETE FROM item_link")
    sides.touch("left", "Lost and found")
    stack.settle()
    assert sides.names("left") == sides.names("right") == ["ours.txt", "theirs.txt"]
    sides.drop("left", source)
    sides.have("right", "theirs.txt")
    [twin] = sides.ours("left")
    sides.drop("left", twin["id"])
    stack.settle()
    assert sides.names("right") == ["theirs.txt"]  # a person's, whoever deletes its twin


@pytest.mark.parametrize("memory", ["rows", "none"])
def test_an_upload_that_nobody_heard_of_is_known_by_its_bytes(
    carried: tuple[Stack, str], sides: Sides, memory: str
) -> None:
    stack, _ = carried
    sides.attach("left", "a.txt", b"a file")
    sides.have("right", "a.txt")
    stack.settle()
    globex, before = stack.sandbox.globex, calls(stack).get(DELETE, 0)
    globex.faults({"kind": "commit-then-500", "path": "/attachments$", "times": 1})
    sides.attach("left", "b.txt", b"unheard")
    wait_until("it is there", lambda: "b.txt" in sides.names("right"), LONG)
    if memory == "none":
        globex.call("DELETE", f"issue/{sides.right}/properties/{NOTES}")
        rows(stack, "DELETE FROM item_link")
        sides.touch("left", "Nothing is known any more")
    wait_until("all are noted", lambda: len(sides.notes("right")) == 2, LONG)
    stack.settle()
    assert sides.names("left") == sides.names("right") == ["a.txt", "b.txt"]
    assert calls(stack).get(DELETE, 0) == before


def test_a_file_that_people_attached_on_both_sides_is_not_doubled(
    carried: tuple[Stack, str], sides: Sides
) -> None:
    stack, _ = carried
    for site in stack.sandbox.sites:
        site.webhooks(hold=True)
    mine = sides.attach("left", "same.txt", b"the same")
    sides.attach("right", "same.txt", b"the same")
    sides.attach("left", "other.txt", b"left 1")
    sides.attach("right", "other.txt", b"right1")
    for site in stack.sandbox.sites:
        site.webhooks(hold=False)
        site.release()
    sides.have("left", "other.txt", "other.txt", "same.txt")
    sides.have("right", "other.txt", "other.txt", "same.txt")
    stack.settle()
    assert sides.digests("left") == sides.digests("right")
    sides.drop("left", mine)
    sides.touch("left", "Its other is a person's")
    stack.settle()
    assert sides.names("right") == ["other.txt", "other.txt", "same.txt"]


def shown(sides: Sides, side: str, *files: str, text: str = "See") -> dict[str, Any]:
    """A text that shows these files."""
    site = sides.site(side)
    pictures = []
    for file in files:
        answer = site.call("GET", f"attachment/content/{file}", allow_redirects=False)
        media = urlsplit(answer.headers["Location"]).path.split("/")[2]
        attrs = {"type": "file", "id": media, "collection": ""}
        node = {"type": "media", "attrs": attrs}
        pictures.append({
            "type": "mediaSingle", "attrs": {"layout": "center"}, "content": [node],
        })  # fmt: skip
    words = {"type": "paragraph", "content": [{"type": "text", "text": text}]}
    return {"type": "doc", "version": 1, "content": [words, *pictures]}


def media_of(comment: dict[str, Any]) -> list[str]:
    """The media ids that a comment shows."""
    return re.findall(r'"id": "([0-9a-f-]{36})"', json.dumps(comment["body"]))


def comments(sides: Sides, side: str) -> list[dict[str, Any]]:
    answer = sides.site(side).call("GET", f"issue/{sides.key(side)}/comment").json()
    found: list[dict[str, Any]] = answer["comments"]
    return found


def test_a_comment_shows_the_carried_file_and_no_file_goes_when_it_is_written_anew(
    carried: tuple[Stack, str], sides: Sides
) -> None:
    stack, profile = carried
    done = tandem(stack.environment, "profile", "carry", profile, "comments", "--prefix", "")
    assert done.returncode == 0, done.stderr
    acme, globex = stack.sandbox.acme, stack.sandbox.globex
    acme.webhooks(hold=True)
    one = sides.attach("left", "a.png", b"\x89PNG", "image/png")
    said = acme.call(
        "POST", f"issue/{sides.left}/comment", json={"body": shown(sides, "left", one)}
    ).json()
    acme.webhooks(hold=False)
    acme.release()
    wait_until("it is there", lambda: comments(sides, "right"), LONG)
    stack.settle()
    [twin], [file] = comments(sides, "right"), sides.files("right")
    there = shown(sides, "right", file["id"])
    assert media_of(twin) == media_of({"body": there}) != media_of(said)
    # A person puts a picture into the twin; the source's next edit takes the twin's place.
    theirs = sides.attach("right", "theirs.png", b"\x89PNG more", "image/png")
    globex.call(
        "PUT", f"issue/{sides.right}/comment/{twin['id']}",
        json={"body": shown(sides, "right", file["id"], theirs)},
    )  # fmt: skip
    stack.settle()
    acme.call(
        "PUT", f"issue/{sides.left}/comment/{said['id']}",
        json={"body": shown(sides, "left", one, text="Look")},
    )  # fmt: skip
    wait_until("it is written anew", lambda: "Look" in json.dumps(comments(sides, "right")), LONG)
    stack.settle()
    assert sides.names("right") == sides.names("left") == ["a.png", "theirs.png"]
    assert len(media_of(comments(sides, "right")[0])) == 2


@pytest.mark.crash
def test_a_worker_that_is_killed_before_it_hears_of_its_upload_doubles_nothing(
    carried: tuple[Stack, str], sides: Sides
) -> None:
    stack, _ = carried
    globex = stack.sandbox.globex
    globex.faults({"kind": "hold-answer", "path": "/attachments$", "times": 1, "seconds": 300})
    sides.attach("left", "a.txt", b"a file")
    wait_until("the upload waits for its answer", lambda: globex.held() == 1, LONG)
    for worker in children(stack, "worker"):
        os.kill(worker, signal.SIGKILL)
    globex.let_go()
    wait_until("it is noted", lambda: len(sides.notes("right")) == 1, LONG)
    stack.settle()
    assert sides.names("left") == sides.names("right") == ["a.txt"]
