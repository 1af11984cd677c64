"""The editor's steps over HTTP: what is chosen is in the draft, and what is wrong is said."""

from __future__ import annotations

import re

from tests.edge.editor_scene import Scene, scene

__all__ = ["scene"]


def test_a_draft_begins_with_the_only_partner_chosen(scene: Scene) -> None:
    assert scene.stored().document == {"connection": scene.connection}
    shown = scene.call("GET", f"/drafts/{scene.draft}/partner").text
    assert 'id="view-title"' in shown
    assert re.search(rf'value="{scene.connection}"[^>]* checked', shown)
    listed = scene.call("GET", "/drafts").text
    assert f"continue-{scene.draft}" in listed
