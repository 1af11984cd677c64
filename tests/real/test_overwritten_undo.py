"""An edit between an undo's check and its write: it is put back and left alone, or told."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from app.activity.log import latest
from app.database import tenant_transaction
from app.mapping import profiles
from demo.stack import APP_KEY, wait_until
from demo.walk import edit_issue, mapped, paragraph
from tests.real.test_undo import PATIENCE, Scene, scene  # noqa: F401  a fixture
from tests.stack_fixture import running  # noqa: F401  a fixture

pytestmark = pytest.mark.real

HELD = {"method": "PUT", "path": "/issue/", "app": APP_KEY, "kind": "hold", "times": 1}


def undone_over(scene: Scene, run: str, key: str, **edit: Any) -> tuple[int, dict[str, Any]]:  # noqa: F811
    """Undo a run; a person edits the issue once the undo has checked it."""
    scene.right.faults(HELD)
    with ThreadPoolExecutor(1) as pool:
        undo = pool.submit(scene.undo, run)
        wait_until("it is about to write", lambda: scene.right.held() == 1, PATIENCE)
        edit_issue(scene.right, key, **edit)
        scene.right.let_go()
        return undo.result(PATIENCE)


def told(scene: Scene, left: str) -> list[tuple[str, str | None, str | None]]:  # noqa: F811
    """What the activity says of a pair: the outcome, the old value and the new one."""
    with scene.app.app_context():
        vault = scene.app.extensions["tandem"].vault
        tenant = profiles.load(vault, scene.profile).left_tenant
        with tenant_transaction(tenant) as session:
            entries = [one for one in latest(session, vault, 100) if one.left_key == left]
    return [(one.outcome, d.old, d.new) for one in entries for d in one.details]


def test_an_edit_that_an_undo_replaced_is_put_back_left_alone_and_carried(
    scene: Scene,  # noqa: F811
) -> None:
    left, right = scene.pair("Meanwhile", labels=["old"])
    with scene.unheard():
        edit_issue(scene.left, left, labels=["run"], duedate="2027-01-01")
    run = scene.run(left)
    code, found = undone_over(scene, run, right, labels=["meanwhile"])
    assert code == 1
    [alone] = found["done"]["left"]
    assert (alone["issue"], alone["field"], alone["why"]) == (right, "labels", "changed-since")
    assert found["done"]["restored"] == 1
    wait_until("it crossed", lambda: mapped(scene.left, left)["labels"] == ["meanwhile"], PATIENCE)
    assert scene.rests()
    assert mapped(scene.right, right)["labels"] == ["meanwhile"]
    assert mapped(scene.right, right)["duedate"] is None
    assert mapped(scene.left, left)["duedate"] == "2027-01-01"
    assert ("updated", None, "meanwhile") in told(scene, left)


def test_an_edit_that_cannot_be_put_back_is_told_with_its_text(scene: Scene) -> None:  # noqa: F811
    left, right = scene.pair("Told", description=paragraph("Old text."))
    with scene.unheard():
        edit_issue(scene.left, left, description=paragraph("Text of the run."))
    run = scene.run(left)
    strong = paragraph("Strong text.")
    strong["content"][0]["content"][0]["marks"] = [{"type": "strong"}]
    code, found = undone_over(scene, run, right, description=strong)
    assert (code, found["done"]["restored"]) == (0, 1)
    assert scene.rests()
    assert mapped(scene.right, right)["description"] == paragraph("Old text.")
    assert ("conflict", "*Strong text.*", None) in told(scene, left)
