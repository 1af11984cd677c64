"""Texts of two sites that differ in the issues that they name, and in nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.mapping.rich import but_for_keys


def text(words: str, **marked: Any) -> str:
    node = {"type": "text", "text": words, **marked}
    blocks = [{"type": "paragraph", "content": [node]}]
    return json.dumps({"type": "doc", "version": 1, "content": blocks})


def linked(url: str) -> str:
    return text("there", marks=[{"type": "link", "attrs": {"href": url}}])


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        (text("As in WEB-5, not WEB-6."), text("As in PLAT-9, not PLAT-1."), True),
        (text("As in WEB-5."), text("Not as in WEB-5."), False),
        (text("As in WEB-5."), text("As in."), False),
        (text("a WEB-5.png"), text("a PLAT-5.png"), False),  # the name of a file is no key
        (linked("https://a.example/browse/WEB-5?x=1"), linked("https://b.example/browse/P2-7?x=1"),
         True),
        (linked("https://a.example/wiki/1"), linked("https://a.example/wiki/2"), False),
        (None, None, True),
        (None, text("WEB-5"), False),
    ],
)  # fmt: skip
def test_only_keys_and_the_addresses_that_show_issues_may_differ(
    one: str | None, other: str | None, alike: bool
) -> None:
    assert but_for_keys(one, other) is alike
    assert but_for_keys(other, one) is alike


def test_a_long_text_of_nothing_but_beginnings_of_addresses_is_compared() -> None:
    long = text("https://" * 4_000)
    assert but_for_keys(long, long)
