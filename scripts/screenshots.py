"""Takes the screenshots of README and docs anew: `.venv/bin/python scripts/screenshots.py`."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from playwright.sync_api import Page, sync_playwright  # noqa: E402

from demo.stack import stack, wait_until  # noqa: E402
from demo.walk import LEFT, RIGHT, create_issue, edit_issue, keys_by_summary  # noqa: E402
from sandbox.process import SiteHandle  # noqa: E402

IMAGES = ROOT / "docs" / "images"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]


def main() -> None:
    """The demo with a little of life in it, in light and dark."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    finder = ROOT / "scripts" / "system_packages.sh"
    chromium = subprocess.run(
        [finder, "browser", "--path"], capture_output=True, text=True, check=True
    ).stdout.strip()
    with tempfile.TemporaryDirectory(prefix="tandem-shots-") as folder:
        Path(folder).chmod(0o755)
        with stack(Path(folder)) as running, sync_playwright() as playwright:
            acme, globex = running.sandbox.acme, running.sandbox.globex
            running.create_profile(running.connect(), left=LEFT, right=RIGHT, name="Web tasks")
            key = create_issue(acme, *LEFT, summary="Show delivery dates in the basket")
            create_issue(globex, *RIGHT, summary="Rate limits for the public API")
            wait_until("both crossed", lambda: running.overview()[0]["linked"] == 2)
            edit_issue(acme, key, priority={"name": "High"}, labels=["basket"])
            name = "Show delivery dates in the basket"
            wait_until("search knows it", lambda: name in keys_by_summary(globex, "PLAT"))
            twin = keys_by_summary(globex, "PLAT")[name][0]
            edit_issue(globex, twin, duedate="2027-01-15")
            wait_until("nothing is pending", lambda: running.overview()[0]["pending"] == 0)
            for name, role in (("developer", "editor"), ("agent", "viewer")):
                account = next(u for u in acme.users if u["email"].startswith(name))["accountId"]
                running.page(acme, "POST", "/pages/roles", account=account, role=role)
            browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
            page = browser.new_page(viewport={"width": 1280, "height": 1150})
            for mode in ("light", "dark"):
                page.goto(f"{acme.url}/side-by-side")
                if mode == "dark":
                    page.get_by_role("button", name="Dark").click()
                page.wait_for_timeout(4000)
                page.screenshot(path=IMAGES / f"side-by-side-{mode}.png")
                page.goto(f"{acme.url}/plugins/servlet/ac/tandem/tandem")
                page.wait_for_timeout(2500)
                page.screenshot(path=IMAGES / f"home-{mode}.png")
                frame = page.frame_locator("[data-app-frame] iframe")
                frame.locator("#people").screenshot(path=IMAGES / f"people-{mode}.png")
                places(page, acme, key, mode)
            browser.close()


def places(page: Page, site: SiteHandle, key: str, mode: str) -> None:
    """The panel in an issue, unfolded, and the page in its project's settings."""
    frame = page.frame_locator("[data-app-frame] iframe")
    page.goto(f"{site.url}/browse/{key}")
    panel = page.locator("details.panel")
    if panel.get_attribute("open") is None:
        panel.locator("summary").click()
    frame.get_by_text("Who wrote each field last").click()
    page.wait_for_timeout(1500)
    page.screenshot(path=IMAGES / f"issue-panel-{mode}.png")
    page.goto(f"{site.url}/projects/{LEFT[0]}/settings")
    page.wait_for_timeout(2500)
    clip = {"x": 0, "y": 0, "width": 1280, "height": 360}
    page.screenshot(path=IMAGES / f"project-page-{mode}.png", clip=clip)


if __name__ == "__main__":
    main()
