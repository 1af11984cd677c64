"""The inbox on the page: both values and three buttons; a press settles it."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import expect

from demo.stack import Stack
from demo.walk import edit_issue
from tests.browser.conftest import OpenPage, go
from tests.real.test_inbox import FIELDS, create, pair

pytestmark = [pytest.mark.browser, pytest.mark.real]


def test_a_conflict_is_shown_with_both_values_and_a_press_settles_it(
    running: Stack, open_page: OpenPage
) -> None:
    assert create(running, running.connect(), json.dumps(FIELDS)).status_code == 200
    left, right = pair(running, "On the page", duedate="2026-12-01")
    acme, globex = running.sandbox.sites
    for site in (acme, globex):
        site.webhooks(hold=True)
    edit_issue(acme, left, duedate="2027-01-05")
    edit_issue(globex, right, duedate="2027-02-05")
    for site in (acme, globex):
        site.webhooks(hold=False)
        site.release()
    _, frame = open_page(acme)
    go(frame, "Conflicts")
    inbox = frame.locator("#inbox")
    for text in (left, right, "2027-01-05", "2027-02-05", "Due date"):
        expect(inbox.get_by_text(text).first).to_be_visible()
    for name in ("Take left", "Take right", "Leave both"):
        expect(inbox.get_by_role("button", name=name)).to_have_count(1)
    inbox.get_by_role("button", name="Take right").click()
    expect(inbox.get_by_role("row")).to_have_count(0)
    fields = acme.call("GET", f"issue/{left}").json()["fields"]
    assert fields["duedate"] == "2027-02-05"
