"""A field that is changed back while its pair is visited: the sides agree without any search."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from demo.stack import APP_KEY, Stack, wait_until
from demo.walk import create_issue, edit_issue, keys_by_summary, mapped
from tests.stack_fixture import running, tandem  # noqa: F401  fixtures

pytestmark = pytest.mark.real

LONG = 120.0  # seconds: a slow machine's


@pytest.fixture(scope="module")
def walking(running: Stack) -> Iterator[Stack]:  # noqa: F811
    """A profile from WEB to PLAT."""
    acme, globex = running.sandbox.acme, running.sandbox.globex
    connection = running.connect()
    running.create_profile(
        connection,
        left=("WEB", "Task"),
        right=("PLAT", "Task"),
        name="Changed back",
        sites=(acme, globex),
    )
    yield running
    acme.faults()
    globex.faults()


@pytest.mark.parametrize(
    ("kind", "path"), [("hold-answer", "bulkfetch"), ("hold", "/issue/")], ids=["read", "write"]
)
@pytest.mark.parametrize("to", ["right", "left"])
def test_a_field_that_is_changed_back_during_a_visit_is_carried(
    walking: Stack, to: str, kind: str, path: str
) -> None:
    left, right = walking.sandbox.acme, walking.sandbox.globex
    words = f"{kind} to {to}"
    key = create_issue(left, "WEB", "Task", summary=words)
    wait_until("it has a twin", lambda: keys_by_summary(right, "PLAT").get(words), LONG)
    keys = {"left": key, "right": keys_by_summary(right, "PLAT")[words][0]}
    walking.settle()
    here, there = (left, right) if to == "right" else (right, left)
    source, target = (keys["left"], keys["right"]) if to == "right" else (keys["right"], key)
    held = there if kind == "hold" else here
    method = "PUT" if kind == "hold" else "POST"
    held.faults({"kind": kind, "method": method, "path": path, "app": APP_KEY, "times": 1})

    edit_issue(here, source, summary="For a moment")
    wait_until("the visit is held", lambda: held.held() == 1, LONG)
    edit_issue(here, source, summary=words)
    wait_until("all is told", lambda: here.control("GET", "webhooks/idle")["pending"] == 0, LONG)
    held.let_go()
    held.faults()

    walking.settle()
    assert mapped(here, source)["summary"] == words
    assert mapped(there, target)["summary"] == words
