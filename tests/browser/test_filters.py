"""What a side says of its own part of a profile, on the page: its filter, given with the profile,
shown, refused in words, changed; and whether its internal comments may cross."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from demo.stack import Stack, scope_ids
from demo.walk import LEFT, RIGHT
from tests.browser.conftest import OpenPage, choose, new_profile, switch_on

pytestmark = [pytest.mark.browser, pytest.mark.real]


def test_a_filter_is_given_with_the_profile_then_shown_refused_and_changed(
    running: Stack, open_page: OpenPage
) -> None:
    acme, globex = running.sandbox.sites[:2]
    running.connect()
    _, frame = open_page(acme)
    left, right = scope_ids(acme, *LEFT), scope_ids(globex, *RIGHT)
    new_profile(
        frame,
        left_project=left[0],
        right_project=right[0],
        left_type=left[1],
        right_type=right[1],
        name="By the page",
        left_filter="labels = shared AND",
    )
    expect(frame.locator("#left-count")).to_contain_text("Your Jira does not understand it")
    choose(frame, left_filter="labels = shared")
    expect(frame.locator("#left-count")).to_contain_text("now.")
    switch_on(frame)
    frame.get_by_role("button", name=re.compile("^Filter.*By the page")).click()
    own = frame.locator("#own_filter")
    expect(own).to_have_value("labels = shared")
    own.fill('summary ~ "<b>" ORDER BY id')
    frame.get_by_role("button", name="Save").click()
    expect(frame.locator("#filter").get_by_role("alert")).to_contain_text("Remove ORDER BY")
    own.fill('summary ~ "<b>"')
    frame.get_by_role("button", name="Save").click()
    expect(frame.locator("#filter")).to_have_count(0)
    frame.get_by_role("button", name=re.compile("^Filter.*By the page")).click()
    expect(own).to_have_value('summary ~ "<b>"')


def test_internal_comments_are_allowed_and_taken_back_for_the_own_side_and_the_card_says_who(
    running: Stack, open_page: OpenPage
) -> None:
    acme, globex = running.sandbox.sites[:2]
    running.create_profile(
        running.connect(),
        left=("SUP", "Task"),
        right=("OPS", "Task"),
        name="Desks",
        items=[{"kind": "comments"}],
    )
    host = globex.url.split("://", 1)[1]
    _, frame = open_page(acme)
    card, button = frame.locator("#consent"), re.compile("^Internal comments.*Desks")
    frame.get_by_role("button", name=button).click()
    expect(card).to_contain_text(f"Allowed by neither you nor {host}: none crosses.")
    card.get_by_role("button", name="Allow it for your side").click()
    expect(card).to_have_count(0)
    frame.get_by_role("button", name=button).click()
    expect(card).to_contain_text(f"Allowed by you, not by {host}: none crosses.")

    _, theirs = open_page(globex)
    theirs.get_by_role("button", name=button).click()
    own = acme.url.split("://", 1)[1]
    expect(theirs.locator("#consent")).to_contain_text(f"Allowed by {own}, not by you")
    theirs.get_by_role("button", name="Allow it for your side").click()
    expect(theirs.locator("#consent")).to_have_count(0)

    card.get_by_role("button", name="Cancel").click()
    expect(card).to_have_count(0)
    frame.get_by_role("button", name=button).click()
    expect(card).to_contain_text(f"Allowed by you and by {host}")
    card.get_by_role("button", name="Take it back").click()
    expect(card).to_have_count(0)
    frame.get_by_role("button", name=button).click()
    expect(card).to_contain_text(f"Allowed by {host}, not by you: none crosses.")
