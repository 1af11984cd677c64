"""Takes the screenshots of README and docs anew: `.venv/bin/python scripts/screenshots.py`.

`--all FOLDER` takes every page whole, in both modes, and narrow and wide, to look at them.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from playwright.sync_api import Page, expect, sync_playwright  # noqa: E402

from demo.life import Life, live  # noqa: E402
from demo.stack import Stack, stack  # noqa: E402
from demo.tour import frame_of, tour  # noqa: E402

IMAGES = ROOT / "docs" / "images"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]
# The pictures of README and docs: what of the tour, and how much of the page from its top.
PICTURES = {
    "profiles": 700,
    "approval": 700,
    "activity": 800,
    "conflicts": 560,
    "runs": 760,
    "profile": 760,
    "editor-fields": 900,
    "editor-values": 760,
    "editor-review": 900,
    "issue-panel": 900,
    "project-page": 360,
    "settings": 900,
}
WIDTH = 1280
NAMES = {"acme": "acme.atlassian.net", "globex": "globex.atlassian.net"}
# The sandbox's sites are addresses of this machine; they are shown as a site of Jira is called.
SHOW = """(names) => {
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    let text = texts.currentNode.data;
    for (const [host, name] of Object.entries(names)) text = text.replaceAll(host, name);
    if (text !== texts.currentNode.data) texts.currentNode.data = text;
  }
}"""


def main() -> None:
    """The pages of a site in use, one after another."""
    whole = Path(sys.argv[2]) if sys.argv[1:2] == ["--all"] else None
    folder = whole or IMAGES
    folder.mkdir(parents=True, exist_ok=True)
    with sites() as running, page_of() as page:
        life = live(running)
        hosts = {s.url.split("://", 1)[1]: NAMES[s.name] for s in running.sandbox.sites}
        for name, path in tour(page, running, life):
            if whole is None and name not in PICTURES:
                continue
            for mode in ("light", "dark"):
                set_mode(page, mode, path)
                calm(page, path, hosts)
                picture(page, folder / f"{name}-{mode}.png", None if whole else PICTURES[name])
            set_mode(page, "light", path)
            for width in (800, 1920) if whole else ():
                page.set_viewport_size({"width": width, "height": 900})
                picture(page, folder / f"{name}-{width}.png", None)
            page.set_viewport_size({"width": WIDTH, "height": 900})
        if whole is None:
            side_by_side(page, running, life)


@contextmanager
def sites() -> Iterator[Stack]:
    """Two sites with Tandem between them."""
    with tempfile.TemporaryDirectory(prefix="tandem-shots-") as folder:
        Path(folder).chmod(0o755)  # the embedded database runs as its own user
        with stack(Path(folder)) as running:
            yield running


@contextmanager
def page_of() -> Iterator[Page]:
    """A page of the system's Chromium."""
    finder = ROOT / "scripts" / "system_packages.sh"
    asked = [finder, "browser", "--path"]
    chromium = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    expect.set_options(timeout=60_000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        page = browser.new_page(viewport={"width": WIDTH, "height": 900})
        page.set_default_timeout(60_000)
        yield page
        browser.close()


def set_mode(page: Page, mode: str, path: str) -> None:
    """Let Jira, and with it Tandem, be light or dark."""
    if page.locator("html").get_attribute("data-color-mode") != mode:
        page.get_by_role("button", name=mode.title(), exact=True).click()
    root = frame_of(page, path).locator("html")
    expect(root).to_have_attribute("data-color-mode", mode)


def calm(page: Page, path: str, hosts: dict[str, str]) -> None:
    """No mouse over a button, no cursor in a field, the sites by their names."""
    page.mouse.move(0, 0)
    page.wait_for_timeout(600)
    frame = next(one for one in page.frames if path in one.url)
    frame.evaluate("() => document.activeElement?.blur()")
    frame.evaluate(SHOW, hosts)


def picture(page: Page, file: Path, height: int | None) -> None:
    """The whole page, or so much of it from its top."""
    if height is None:
        page.screenshot(path=file, full_page=True)
        return
    width = page.viewport_size["width"] if page.viewport_size else WIDTH
    clip = {"x": 0, "y": 0, "width": width, "height": height}
    page.screenshot(path=file, full_page=True, clip=clip)  # type: ignore[arg-type]


def side_by_side(page: Page, running: Stack, life: Life) -> None:
    """Both sites at once, with Tandem's page in the one."""
    page.set_viewport_size({"width": WIDTH, "height": 1000})
    page.goto(f"{running.sandbox.acme.url}/side-by-side")
    for mode in ("light", "dark"):
        set_mode(page, mode, "/pages/home")
        expect(page.locator(f"[data-key='{life.issue}']")).to_be_visible()
        page.wait_for_timeout(2500)
        picture(page, IMAGES / f"side-by-side-{mode}.png", 1000)


if __name__ == "__main__":
    main()
