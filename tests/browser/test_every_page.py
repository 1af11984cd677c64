"""Every page and every step, looked at in light and dark, narrow and wide, in one stack."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from demo.life import live
from demo.stack import Stack
from demo.tour import tour
from tests.browser.conftest import OpenPage
from tests.browser.looks import look_at

pytestmark = [pytest.mark.browser, pytest.mark.real]


def test_the_pages_of_a_site_that_has_nothing_yet(running: Stack, open_page: OpenPage) -> None:
    page, frame = open_page(running.sandbox.acme)
    expect(frame.get_by_text("Nothing is kept in step yet.")).to_be_visible()
    look_at(page)
    for view in ("Activity", "Conflicts", "Runs", "Settings"):
        frame.get_by_role("navigation").get_by_role("button", name=view, exact=True).click()
        expect(frame.get_by_role("heading", name=view, exact=True, level=1)).to_be_focused()
        look_at(page, widths=(800, 1280))


def test_every_page_and_step_of_a_site_in_use(running: Stack, open_page: OpenPage) -> None:
    life = live(running)
    page, _ = open_page(running.sandbox.acme)
    seen = []
    for name, path in tour(page, running, life):
        look_at(page, path)
        seen.append(name)
    assert len(seen) == 16
    assert not [name for name in seen if re.search("[^a-z-]", name)]
