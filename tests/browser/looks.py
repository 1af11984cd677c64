"""What every page keeps: nothing serious for axe-core, no way sideways, and no table that hides a
part of itself, in light and dark."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.sync_api import Frame, Page, expect

AXE = Path(__file__).resolve().parents[2] / "node_modules" / "axe-core" / "axe.min.js"
WIDTHS = (800, 1280, 1920)
HOME = "/pages/home"
HIDDEN = """() => [...document.querySelectorAll('.scroll')]
  .filter((one) => one.scrollWidth > one.clientWidth)
  .map((one) => `${one.closest('[id]').id}: ${one.scrollWidth - one.clientWidth} px`)"""
WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


def inner(page: Page, path: str = HOME) -> Frame:
    """Tandem's frame in a page of Jira, by the path that Jira loaded into it."""
    return next(one for one in page.frames if path in one.url)


def serious(page: Page, path: str = HOME) -> list[tuple[str, list[str]]]:
    """What axe-core finds in the frame that is serious or critical: the rule and its elements."""
    frame = inner(page, path)
    if not frame.evaluate("() => 'axe' in window"):
        frame.evaluate(AXE.read_text())
    found: dict[str, Any] = frame.evaluate("() => axe.run({resultTypes: ['violations']})")
    return [
        (one["id"], [node["html"] for node in one["nodes"]])
        for one in found["violations"]
        if one["impact"] in {"serious", "critical"}
    ]


def sideways(page: Page, path: str = HOME) -> int:
    """By how many pixels the frame is wider than what is seen of it."""
    return int(inner(page, path).evaluate(WIDER))


def hidden(page: Page, path: str = HOME) -> list[str]:
    """The tables that are wider than what is seen of them: by the id around each, and by how
    much."""
    found: list[str] = inner(page, path).evaluate(HIDDEN)
    return found


def set_mode(page: Page, mode: str, path: str = HOME) -> None:
    """Let Jira be light or dark; Tandem has followed when this returns."""
    if page.locator("html").get_attribute("data-color-mode") != mode.lower():
        page.get_by_role("button", name=mode, exact=True).click()
    root = page.frame_locator(f"iframe[src*='{path}']").locator("html")
    expect(root).to_have_attribute("data-color-mode", mode.lower())


def look_at(page: Page, path: str = HOME, widths: tuple[int, ...] = WIDTHS) -> None:
    """Look at what is shown now in light and dark and in each width; ends at 1,280 and light."""
    told = []
    for mode in ("Dark", "Light"):
        set_mode(page, mode, path)
        for width in widths:
            page.set_viewport_size({"width": width, "height": 900})
            if (wider := sideways(page, path)) > 0:
                told.append((mode, width, "sideways", wider))
            told += [(mode, width, "hidden", one) for one in hidden(page, path)]
            told += [(mode, width, *one) for one in serious(page, path)]
    page.set_viewport_size({"width": 1280, "height": 900})
    assert told == []
