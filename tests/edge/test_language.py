"""The language of the pages: the browser's where it is complete, and English for machines."""

from __future__ import annotations

from typing import Any

import flask_babel
import pytest
from werkzeug.test import TestResponse

from tests.edge.editor_scene import Scene, scene

__all__ = ["scene"]

GERMAN = "de-AT,de;q=0.9,en;q=0.5"


def ask(scene: Scene, method: str, address: str, language: str | None, **more: Any) -> TestResponse:
    """Call as a browser that asks for this language."""
    # The test's own context lies around the request's, and keeps the language of the last one.
    flask_babel.refresh()
    headers = more.pop("headers", {}) | ({"Accept-Language": language} if language else {})
    return scene.site.client.open(address, method=method, headers=headers, **more)


@pytest.mark.parametrize(
    ("asked", "language", "word"),
    [
        ("de", "de", "Einstellungen"),
        ("de-DE,de;q=0.9,en;q=0.8", "de", "Einstellungen"),
        ("fr-FR,fr;q=0.9,de;q=0.5", "de", "Einstellungen"),
        ("en-GB,de;q=0.9", "en", "Settings"),
        ("fr", "en", "Settings"),
        ("de;q=0", "en", "Settings"),
        (None, "en", "Settings"),
    ],
)
def test_the_page_speaks_the_first_language_of_the_browser_that_is_complete(
    scene: Scene, asked: str | None, language: str, word: str
) -> None:
    token = scene.site.token("GET", "/pages/home", sub="ed")
    answer = ask(scene, "GET", f"/pages/home?jwt={token}", asked)
    assert answer.status_code == 200
    shown = answer.text
    assert f'<html lang="{language}"' in shown
    assert f">{word}<" in shown.replace("\n", "")


def test_a_refusal_is_told_in_the_readers_language_with_its_code_and_field_as_they_are(
    scene: Scene,
) -> None:
    token = {"Authorization": f"JWT {scene.site.context_token('ed')}"}
    address = f"/pages/drafts/{scene.draft}/projects"
    form = {"version": str(scene.stored().version), "left_project": "99"}
    said: list[Any] = [
        ask(scene, "POST", address, asked, data=form, headers=token).json
        for asked in (None, GERMAN)
    ]
    assert [one["type"] for one in said] == ["urn:tandem:problem:invalid-field"] * 2
    assert said[0]["title"] == said[1]["title"]
    assert [one["field"] for one in said] == ["left_project"] * 2
    assert said[0]["detail"] == (
        "left_project: there is no such project, or Tandem may not see it. Choose one from the "
        "list."
    )
    assert said[1]["detail"] == (
        "left_project: dieses Projekt gibt es nicht, oder Tandem darf es nicht sehen. Wählen Sie "
        "eines aus der Liste."
    )


def test_what_machines_read_is_the_same_in_every_language(scene: Scene) -> None:
    token = {
        "Authorization": f"JWT {scene.site.context_token('ed')}",
        "Accept": "application/json",
    }
    for place in ("conflicts", "approvals", "activity"):
        english, german = (
            ask(scene, "GET", f"/pages/{place}", asked, headers=token) for asked in (None, GERMAN)
        )
        assert english.status_code == 200, place
        assert english.is_json, place
        assert english.json == german.json, place
