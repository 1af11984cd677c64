"""The first profile with the keyboard alone: Tab reaches all of it, and the focus is never lost.

The steps are those of a person with a mouse; only the hands are other ones.
"""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from demo.stack import Stack
from tests.browser.conftest import OpenPage
from tests.browser.test_first_profile import Hands, make

pytestmark = [pytest.mark.browser, pytest.mark.real]

MOST_TABS = 400  # a list of fields has some hundreds
# Where the focus is, as seen from an element: on it, before it in the page, after it, or nowhere.
WHERE = """elt => {
  const now = document.activeElement;
  if (now === elt) return "here";
  if (now === document.body) return "nowhere";
  return now.compareDocumentPosition(elt) & Node.DOCUMENT_POSITION_PRECEDING ? "after" : "before";
}"""


class Keys(Hands):
    """A person's hands on the keys alone."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: set[Page] = set()  # in which the focus is somewhere by now

    def click(self, target: Locator) -> None:
        """Press something."""
        self._reach(target)
        self._press(target, "Enter")

    def choose(self, target: Locator, label: str) -> None:
        """Choose in a list by the beginning of a choice, once it has it."""
        option = target.locator("option").get_by_text(label, exact=True)
        option.first.wait_for(state="attached")
        self._reach(target)
        target.page.keyboard.type(label)
        self.keys += len(label)
        expect(target.locator(":checked")).to_have_text(label)

    def type(self, target: Locator, words: str) -> None:
        """Type at the end of a field."""
        self._reach(target)
        self._press(target, "End")
        target.page.keyboard.type(words)
        self.keys += len(words)

    def paste(self, target: Locator, words: str) -> None:
        """Paste into a field."""
        self._reach(target)
        target.page.keyboard.insert_text(words)
        self.keys += 2

    def _press(self, target: Locator, key: str) -> None:
        target.page.keyboard.press(key)
        self.keys += 1

    def _reach(self, target: Locator) -> None:
        """Go to it by Tab, or back."""
        expect(target).to_be_visible()
        expect(target).to_be_enabled()
        before = self.keys
        while (where := target.evaluate(WHERE)) != "here":
            assert where != "nowhere" or target.page not in self._seen, f"lost before {target}"
            assert self.keys - before < MOST_TABS, f"Tab does not come to {target}"
            self._press(target, "Shift+Tab" if where == "after" else "Tab")
        self._seen.add(target.page)


def test_the_first_profile_is_made_and_approved_by_the_keyboard_alone(
    running: Stack, open_page: OpenPage
) -> None:
    _, frame = open_page(running.sandbox.acme)
    _, theirs = open_page(running.sandbox.globex)
    keys = Keys()
    make(keys, frame, theirs)
    print(f"\n{keys.keys} keys")
