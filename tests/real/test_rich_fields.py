"""Descriptions over both sites: they name what is there; what cannot be carried is text, told."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from app import create_app
from app.activity.log import latest
from app.database import tenant_transaction
from app.mapping import profiles
from app.settings import load_settings
from demo.stack import Stack, wait_until, writes_of
from demo.walk import keys_by_summary
from sandbox.process import SiteHandle
from tests.stack_fixture import running  # noqa: F401  a fixture

pytestmark = pytest.mark.real

LONG = 120.0  # seconds: a slow machine's


def doc(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"type": "doc", "version": 1, "content": list(blocks)}


def paragraph(*parts: dict[str, Any] | str) -> dict[str, Any]:
    content = [{"type": "text", "text": one} if isinstance(one, str) else one for one in parts]
    return {"type": "paragraph", "content": content}


def mention(account: str, name: str) -> dict[str, Any]:
    return {"type": "mention", "attrs": {"id": account, "text": f"@{name}"}}


MACRO = {
    "type": "extension",
    "attrs": {
        "extensionType": "com.atlassian.confluence.macro.core",
        "extensionKey": "toc",
        "text": "Contents",
    },
}


class Scene:
    """Tasks from WEB to PLAT with the usual fields; the developers share an address."""

    def __init__(self, stack: Stack, profile: str) -> None:
        self.stack, self.profile = stack, profile
        self.left, self.right = stack.sandbox.acme, stack.sandbox.globex

    def pair(self, summary: str, description: dict[str, Any] | None = None) -> tuple[str, str]:
        fields = {"project": {"key": "WEB"}, "issuetype": {"name": "Task"}, "summary": summary}
        if description is not None:
            fields["description"] = description
        answer = self.left.call("POST", "issue", json={"fields": fields})
        assert answer.status_code == 201, answer.text
        wait_until("it has a twin", lambda: keys_by_summary(self.right, "PLAT").get(summary), LONG)
        self.stack.settle()
        return answer.json()["key"], keys_by_summary(self.right, "PLAT")[summary][0]

    def edit(self, site: SiteHandle, key: str, description: dict[str, Any] | None) -> None:
        answer = site.call("PUT", f"issue/{key}", json={"fields": {"description": description}})
        assert answer.status_code == 204, answer.text

    def told(self, key: str) -> str:
        """All sentences of the activity of an issue of the left side."""
        app = create_app(load_settings(self.stack.environment), pool_size=2)
        with app.app_context():
            vault = app.extensions["tandem"].vault
            stored = profiles.load(vault, uuid.UUID(self.profile))
            with tenant_transaction(stored.left_tenant) as session:
                entries = [one for one in latest(session, vault, 500) if one.left_key == key]
        return "\n".join(one.sentence for entry in entries for one in entry.details)

    def writes(self) -> int:
        return writes_of(self.left, self.right)


def held(site: SiteHandle, key: str) -> list[dict[str, Any]]:
    """The blocks of an issue's description, without what editors give anew."""
    found = site.call("GET", f"issue/{key}?fields=description").json()["fields"]["description"]
    return [] if found is None else json.loads(json.dumps(found["content"]))


def words(site: SiteHandle, key: str) -> str:
    return json.dumps(held(site, key))


@pytest.fixture(scope="module")
def scene(running: Stack) -> Iterator[Scene]:  # noqa: F811
    acme, globex = running.sandbox.acme, running.sandbox.globex
    email = {"email": acme.users[1]["email"]}
    globex.control("PUT", "people", {globex.users[1]["accountId"]: email})
    profile = running.create_profile(
        running.connect(),
        left=("WEB", "Task"),
        right=("PLAT", "Task"),
        name="Texts",
        sites=(acme, globex),
        items=[{"kind": "comments"}],
    )
    yield Scene(running, profile)
    assert running.sandbox.broken_answers() == []


def test_people_and_issues_that_a_text_names_are_those_of_the_other_site(scene: Scene) -> None:
    first = scene.pair("Named by another")
    known, unknown = scene.left.users[1], scene.left.users[4]
    text = doc(
        paragraph("Ask ", mention(known["accountId"], "Acme Developer"), f" about {first[0]}."),
        paragraph("Not ", mention(unknown["accountId"], "Acme Viewer"), "."),
        {
            "type": "blockCard",
            "attrs": {"url": f"{scene.left.url}/browse/{first[0]}"},
        },
    )
    left, right = scene.pair("Names others", text)
    there = words(scene.right, right)
    assert scene.right.users[1]["accountId"] in there
    assert f"about {first[1]}." in there
    assert f"{scene.right.url}/browse/{first[1]}" in there
    assert known["accountId"] not in there
    assert unknown["accountId"] not in there
    assert "@Acme Viewer" in there

    before = scene.writes()
    edited = held(scene.right, right)
    scene.edit(scene.right, right, doc(*edited, paragraph(f"And {first[1]} once more.")))
    wait_until("it crossed", lambda: "once more" in words(scene.left, left), LONG)
    scene.stack.settle()
    home = words(scene.left, left)
    assert known["accountId"] in home
    assert unknown["accountId"] in home  # nobody touched that paragraph
    assert f"And {first[0]} once more." in home
    assert scene.writes() == before + 1


def test_what_cannot_be_carried_is_readable_text_told_once_and_stays_as_it_was_at_home(
    scene: Scene,
) -> None:
    left, right = scene.pair("With a macro", doc(paragraph("Before."), MACRO, paragraph("After.")))
    assert "extension" not in words(scene.right, right)
    sentence = "this works on its own site alone; what can be read of it is there"
    assert scene.told(left).count(sentence) == 1
    before = scene.writes()
    blocks = held(scene.right, right)
    scene.edit(scene.right, right, doc(*blocks, paragraph("Added at the twin.")))
    wait_until("it crossed", lambda: "Added at" in words(scene.left, left), LONG)
    scene.stack.settle()
    assert [block["type"] for block in held(scene.left, left)].count("extension") == 1
    assert scene.writes() == before + 1
    scene.edit(scene.left, left, doc(*held(scene.left, left), paragraph("And at home.")))
    wait_until("it crossed", lambda: "And at home" in words(scene.right, right), LONG)
    scene.stack.settle()
    assert scene.writes() == before + 2


def test_a_file_that_only_the_twin_shows_is_not_deleted_by_an_edit_of_the_source(
    scene: Scene,
) -> None:
    left, right = scene.pair("Own picture", doc(paragraph("First.")))
    name = "dial.png"
    made = scene.right.attach(right, name, b"picture")
    media = scene.right.media_of(made["id"])
    picture = {
        "type": "mediaSingle",
        "attrs": {"layout": "center"},
        "content": [{"type": "media", "attrs": {"type": "file", "id": media, "collection": ""}}],
    }
    scene.edit(scene.right, right, doc(paragraph("First."), picture))
    scene.stack.settle()
    scene.edit(scene.left, left, doc(paragraph("Second.")))
    wait_until("it crossed", lambda: "Second." in words(scene.right, right), LONG)
    scene.stack.settle()
    assert media in words(scene.right, right)
    issue = scene.right.call("GET", f"issue/{right}?fields=attachment").json()
    assert [one["filename"] for one in issue["fields"]["attachment"]] == [name]
    scene.edit(scene.left, left, None)
    wait_until("it crossed", lambda: "Second." not in words(scene.right, right), LONG)
    scene.stack.settle()
    assert media in words(scene.right, right)


def test_people_and_issues_that_a_comment_names_are_those_of_the_other_site(scene: Scene) -> None:
    first = scene.pair("Named in a comment")
    left, right = scene.pair("With a comment")
    known = scene.left.users[1]
    text = doc(paragraph("Ask ", mention(known["accountId"], "Acme Developer"), f" of {first[0]}."))
    made = scene.left.call("POST", f"issue/{left}/comment", json={"body": text})
    assert made.status_code == 201, made.text

    def there() -> str:
        found = scene.right.call("GET", f"issue/{right}/comment").json()["comments"]
        return json.dumps([one["body"] for one in found])

    wait_until("it crossed", lambda: first[1] in there(), LONG)
    scene.stack.settle()
    assert scene.right.users[1]["accountId"] in there()
    assert known["accountId"] not in there()
    assert first[0] not in there()
