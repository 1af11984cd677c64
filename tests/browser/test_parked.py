"""The card of parked changes: the cause and what to do; a preview, and a press that retries."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from demo.stack import Stack, wait_until
from demo.walk import LEFT, RIGHT, edit_issue
from tests.browser.conftest import OpenPage, go
from tests.real.test_inbox import pair
from tests.real.test_walk import in_step

pytestmark = [pytest.mark.browser, pytest.mark.real]

WAIT = 60_000  # milliseconds: a state is waited for, never a moment


def test_a_parked_change_is_explained_previewed_and_retried_by_a_press(
    running: Stack, open_page: OpenPage
) -> None:
    running.create_profile(running.connect(), left=LEFT, right=RIGHT, name="Web tasks")
    acme, globex = running.sandbox.sites
    left, right = pair(running, "On the card")
    globex.refusals({"field": "priority", "message": "The priority selected is invalid."})
    edit_issue(acme, left, priority={"name": "Low"})
    wait_until("it is parked", lambda: [p["parked"] for p in running.overview()] == [1])
    running.settle()
    _, frame = open_page(acme)
    go(frame, "Conflicts")
    card = frame.locator("#parked")
    expect(card.get_by_text("does not know the value of Priority").first).to_be_visible(
        timeout=WAIT
    )
    expect(card.get_by_text("adds the value, or somebody chooses one")).to_be_visible()
    card.get_by_text(f"{left} / {right}").click()
    expect(card.get_by_text("The priority selected is invalid.")).to_be_visible()
    card.get_by_role("button", name=re.compile("^Preview")).click()
    preview = frame.locator("#parked-preview")
    for text in (f"{left} / {right}", "Medium", "Low", "refused"):
        expect(preview.get_by_text(text, exact=True)).to_be_visible(timeout=WAIT)
    globex.refusals()
    card.get_by_role("button", name=re.compile("^Retry ?:")).click()
    expect(card.get_by_text("1 change is tried again now.")).to_be_visible(timeout=WAIT)
    wait_until("it crossed", lambda: in_step(running, left, right))
