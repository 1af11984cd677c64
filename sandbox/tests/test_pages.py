"""The sandbox's pages in Chromium: boards, the issue view, and an app in its real bridge."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jwt
import pytest
import requests
from playwright.sync_api import Browser, Page, expect, sync_playwright
from werkzeug.serving import WSGIRequestHandler, make_server

from sandbox.hub import create_hub_app
from sandbox.server import create_site_app
from sandbox.world import World, build_world

PATIENCE = 60_000  # milliseconds: a busy machine's, never an assertion about speed
expect.set_options(timeout=PATIENCE)
FINDER = Path(__file__).parents[2] / "scripts" / "system_packages.sh"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def chromium() -> str:
    """The browser that `make test` brings, as its own script finds it."""
    found = subprocess.run(
        [FINDER, "browser", "--path"], capture_output=True, text=True, check=True
    )
    return found.stdout.strip()


APP_PAGE = """<!doctype html><html><head><title>Small app</title>
<script src="{site}/atlassian-connect/all.js"></script>
<script src="/app.js"></script></head>
<body><h1>Small app</h1><p id="token"></p><button>Home</button></body></html>"""
# The text/javascript of an app's page: asks its host for the theme, a size and a token.
APP_SCRIPT = """addEventListener("load", () => {
  AP.theming.initializeTheming();
  AP.resize("100%", "321px");
  AP.context.getToken((token) => { document.getElementById("token").textContent = token; });
  document.querySelector("button").addEventListener("click", () => AP.navigator.go(
    "addonModule", { moduleKey: "small-page", customData: { open: "a b&c" } }));
});"""


class Quiet(WSGIRequestHandler):
    """Answers without a line on the terminal for each."""

    def log(self, type: str, message: str, *args: Any) -> None:
        """Say nothing."""


@dataclass(frozen=True)
class Sandbox:
    """Both sites, listening, and the small app that may be installed in them."""

    world: World
    acme: str
    globex: str
    app: str

    def install(self, site: str) -> None:
        """Have the site install the small app."""
        answer = requests.post(
            f"{site}/sandbox/apps", json={"descriptorUrl": f"{self.app}/descriptor"}, timeout=90
        )
        assert answer.status_code == 200, answer.text

    def rest(self, site: str, path: str) -> Any:
        """Read by REST as the site's admin."""
        name = "acme" if site == self.acme else "globex"
        admin = next(user for user in self.world.sites[name].people() if user.admin)
        answer = requests.get(f"{site}{path}", auth=(admin.email, admin.token), timeout=90)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def write(self, site: str, key: str, fields: dict[str, Any]) -> None:
        """Change an issue by REST as the site's admin."""
        name = "acme" if site == self.acme else "globex"
        admin = next(user for user in self.world.sites[name].people() if user.admin)
        answer = requests.put(
            f"{site}/rest/api/3/issue/{key}",
            json={"fields": fields},
            auth=(admin.email, admin.token),
            timeout=90,
        )
        assert answer.status_code == 204, answer.text


class SmallApp(BaseHTTPRequestHandler):
    """An app of two routes: its descriptor and a page that uses the bridge."""

    def do_GET(self) -> None:
        """Serve the descriptor, the page and its script."""
        base = f"http://{self.headers['Host']}"
        path, _, query = self.path.partition("?")
        if path == "/descriptor":
            self._send("application/json", json.dumps(descriptor(base)))
        elif path == "/app.js":
            self._send("text/javascript", APP_SCRIPT)
        else:
            site = re.search(r"xdm_e=([^&]+)", query)
            origin = requests.utils.unquote(site.group(1)) if site else ""
            self._send("text/html", APP_PAGE.replace("{site}", origin))

    def do_POST(self) -> None:
        """Take every lifecycle call."""
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def _send(self, kind: str, text: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.end_headers()
        self.wfile.write(text.encode())


def descriptor(base: str) -> dict[str, Any]:
    return {
        "key": "small-app",
        "name": "Small app",
        "baseUrl": base,
        "authentication": {"type": "jwt"},
        "apiVersion": 1,
        "apiMigrations": {"signed-install": True, "context-qsh": True, "gdpr": True},
        "scopes": ["READ"],
        "lifecycle": {"installed": "/installed", "enabled": "/enabled"},
        "modules": {
            "generalPages": [
                {"key": "small-page", "name": {"value": "Small"}, "url": "/page?open={ac.open}"}
            ],
            "adminPages": [
                {"key": "small-settings", "name": {"value": "Settings"}, "url": "/page"}
            ],
            "jiraIssueContexts": [
                {
                    "key": "small-panel",
                    "name": {"value": "Small"},
                    "icon": {"width": 24, "height": 24, "url": "/icon.svg"},
                    "content": {"type": "label", "label": {"value": "Notes"}},
                    "target": {"type": "web_panel", "url": "/page?issue={issue.id}"},
                }
            ],
            "webPanels": [
                {
                    "key": "editors-panel",
                    "name": {"value": "Editors"},
                    "url": "/page?issue={issue.key}&type={issuetype.id}",
                    "location": "atl.jira.view.issue.right.context",
                    "conditions": [
                        {
                            "condition": "has_issue_permission",
                            "params": {"permission": "EDIT_ISSUES"},
                        }
                    ],
                },
                {
                    "key": "elsewhere-panel",
                    "name": {"value": "Elsewhere"},
                    "url": "/page",
                    "location": "atl.jira.view.issue.left.context",
                },
            ],
            "jiraProjectAdminTabPanels": [
                {
                    "key": "small-project",
                    "name": {"value": "Small project"},
                    "url": "/page?project={project.id}&key={project.key}",
                    "location": "projectgroup4",
                    "conditions": [{"condition": "user_is_project_admin"}],
                }
            ],
        },
    }


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    servers: list[Any] = [ThreadingHTTPServer(("127.0.0.1", 0), SmallApp)]
    # The sites are built with their addresses, so the ports must be known, and held, first.
    sockets = [_bound() for _ in range(3)]
    hub, acme, globex = (f"http://127.0.0.1:{one.getsockname()[1]}" for one in sockets)
    world = build_world(
        hub_url=hub,
        origins={"acme": acme, "globex": globex},
        openapi=None,
        seed=1,
        index_delay_ms=0,
    )
    apps = [create_hub_app(world), *(create_site_app(world, s) for s in world.sites.values())]
    for one, app in zip(sockets, apps, strict=True):
        one.listen(128)
        servers.append(
            make_server("127.0.0.1", 0, app, True, request_handler=Quiet, fd=one.fileno())
        )
        one.close()  # the server has a copy
    for server in servers:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield Sandbox(world, acme, globex, f"http://127.0.0.1:{servers[0].server_address[1]}")
    for server in servers:
        server.shutdown()
        server.server_close()


def _bound() -> socket.socket:
    found = socket.socket()
    found.bind(("127.0.0.1", 0))
    return found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1360, "height": 900})
    # Atlassian's bridge asks Atlassian's servers for style sheets; no test may leave the machine.
    context.route(re.compile(r"https://"), lambda route: route.abort())
    context.set_default_timeout(PATIENCE)
    yield context.new_page()
    context.close()


def control(page: Any, key: str, field: str) -> Any:
    return page.locator(f"[data-key={key}] [data-field={field}]")


@pytest.mark.browser
def test_a_change_on_the_board_is_in_rest_at_once(sandbox: Sandbox, page: Page) -> None:
    page.goto(sandbox.acme)
    control(page, "WEB-1", "summary").fill("Checkout shows the right tax")
    control(page, "WEB-1", "summary").press("Enter")
    control(page, "WEB-1", "due").fill("2030-05-17")
    control(page, "WEB-1", "labels").fill("tax norway, urgent")
    control(page, "WEB-1", "labels").press("Enter")
    # The labels' own write may still be under way: wait for this one's answer.
    with page.expect_response(lambda a: "priority" in (a.request.post_data or "")) as saved:
        control(page, "WEB-1", "priority").select_option(label="Low")
    assert saved.value.status == 204
    fields = sandbox.rest(sandbox.acme, "/rest/api/3/issue/WEB-1")["fields"]
    assert fields["summary"] == "Checkout shows the right tax"
    assert fields["duedate"] == "2030-05-17"
    assert sorted(fields["labels"]) == ["norway", "tax", "urgent"]
    assert fields["priority"]["name"] == "Low"


@pytest.mark.browser
def test_a_change_made_elsewhere_arrives_and_lights_up(sandbox: Sandbox, page: Page) -> None:
    page.goto(sandbox.acme)
    expect(control(page, "WEB-2", "summary")).to_have_value(re.compile("images"))
    sandbox.write(sandbox.acme, "WEB-2", {"summary": "Arrived from elsewhere"})
    expect(page.locator("[data-key=WEB-2].arrived")).to_be_visible()
    expect(control(page, "WEB-2", "summary")).to_have_value("Arrived from elsewhere")


@pytest.mark.browser
def test_what_is_being_typed_is_not_overwritten_by_an_arrival(sandbox: Sandbox, page: Page) -> None:
    page.goto(sandbox.acme)
    control(page, "WEB-2", "summary").press_sequentially("half a thought")
    typed = control(page, "WEB-2", "summary").input_value()
    sandbox.write(sandbox.acme, "WEB-2", {"summary": "Arrived from elsewhere", "labels": ["new"]})
    expect(control(page, "WEB-2", "labels")).to_have_value("new")
    assert control(page, "WEB-2", "summary").input_value() == typed


@pytest.mark.browser
def test_a_refused_change_shows_the_reason_and_the_old_value(sandbox: Sandbox, page: Page) -> None:
    page.goto(sandbox.acme)
    before = control(page, "WEB-1", "summary").input_value()
    control(page, "WEB-1", "summary").fill("")
    control(page, "WEB-1", "summary").press("Enter")
    expect(page.locator("[data-key=WEB-1] .note.fault")).to_contain_text("summary")
    assert control(page, "WEB-1", "summary").input_value() == before


@pytest.mark.browser
def test_an_issue_is_created_by_hand(sandbox: Sandbox, page: Page) -> None:
    page.goto(sandbox.acme)
    form = page.locator("[data-project=SUP] form.create")
    form.get_by_label("Issue type").select_option(label="Bug")
    form.get_by_placeholder("What needs to be done?").fill("Refund arrives twice")
    form.get_by_role("button", name="Create").click()
    row = page.locator("[data-project=SUP] [data-field=summary]").first
    expect(row).to_have_value("Refund arrives twice")
    key = page.locator("[data-project=SUP] .issue").first.get_attribute("data-key")
    fields = sandbox.rest(sandbox.acme, f"/rest/api/3/issue/{key}")["fields"]
    assert (fields["summary"], fields["issuetype"]["name"]) == ("Refund arrives twice", "Bug")


@pytest.mark.browser
def test_the_issue_view_writes_wiki_markup_comments_and_status(
    sandbox: Sandbox, page: Page
) -> None:
    page.goto(f"{sandbox.acme}/browse/WEB-2")
    expect(page.locator("[data-status]")).to_have_text("To Do")
    page.get_by_label("Description").fill("h2. Steps\n* one\n* two")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("[data-history]")).to_contain_text("changed description")
    page.get_by_label("New comment").fill("Seen *twice*")
    page.get_by_role("button", name="Comment").click()
    expect(page.locator("[data-comments] li")).to_have_count(1)
    page.get_by_role("button", name="Start work").click()
    expect(page.locator("[data-status]")).to_have_text("In Progress")
    fields = sandbox.rest(sandbox.acme, "/rest/api/3/issue/WEB-2")["fields"]
    assert [block["type"] for block in fields["description"]["content"]] == [
        "heading",
        "bulletList",
    ]
    assert fields["status"]["name"] == "In Progress"
    marks = fields["comment"]["comments"][0]["body"]["content"][0]["content"][1]["marks"]
    assert marks == [{"type": "strong"}]


@pytest.mark.browser
def test_who_is_signed_in_is_who_writes(sandbox: Sandbox, page: Page) -> None:
    page.goto(sandbox.acme)
    with page.expect_navigation():
        page.get_by_label("Signed in as").select_option(label="Acme Developer")
    control(page, "WEB-1", "summary").fill("Written by another")
    with page.expect_response(re.compile("/rest/api/3/issue/")):
        control(page, "WEB-1", "summary").press("Enter")
    log = sandbox.rest(sandbox.acme, "/rest/api/3/issue/WEB-1/changelog")
    assert log["values"][-1]["author"]["displayName"] == "Acme Developer"


@pytest.mark.browser
def test_an_app_gets_token_size_and_theme_through_the_bridge(sandbox: Sandbox, page: Page) -> None:
    sandbox.install(sandbox.acme)
    page.goto(sandbox.acme)
    page.get_by_text("Apps").click()
    page.get_by_role("link", name="Small", exact=True).click()
    inside = page.frame_locator("[data-app-frame] iframe")
    expect(inside.locator("#token")).to_have_text(re.compile(r"^ey.+\..+\..+$"))
    claims = jwt.decode(inside.locator("#token").inner_text(), options={"verify_signature": False})
    admin = next(user for user in sandbox.world.sites["acme"].people() if user.admin)
    assert (claims["qsh"], claims["sub"]) == ("context-qsh", admin.account_id)
    expect(page.locator("[data-app-frame] iframe")).to_have_css("height", "321px")
    expect(inside.locator("html")).to_have_attribute("data-color-mode", "light")
    page.get_by_role("button", name="Dark").click()
    expect(page.locator("html")).to_have_attribute("data-color-mode", "dark")
    expect(inside.locator("html")).to_have_attribute("data-color-mode", "dark")


@pytest.mark.browser
def test_side_by_side_shows_both_sites_and_the_app_once_it_is_installed(
    sandbox: Sandbox, page: Page
) -> None:
    page.goto(f"{sandbox.acme}/side-by-side")
    expect(page.locator("[data-app-frame] [role=status]")).to_contain_text("Waiting for an app")
    sandbox.install(sandbox.acme)
    inside = page.frame_locator("[data-app-frame] iframe")
    expect(inside.get_by_role("heading", name="Small app")).to_be_visible()
    expect(control(page, "WEB-1", "summary")).to_be_visible()
    other = page.frame_locator("iframe.pane")
    control(other, "PLAT-1", "summary").fill("Changed in the right pane")
    with page.expect_response(re.compile("/rest/api/3/issue/PLAT-1")) as saved:
        control(other, "PLAT-1", "summary").press("Enter")
    assert saved.value.status == 204
    fields = sandbox.rest(sandbox.globex, "/rest/api/3/issue/PLAT-1")["fields"]
    assert fields["summary"] == "Changed in the right pane"
    page.get_by_role("button", name="Dark").click()
    expect(other.locator("html")).to_have_attribute("data-color-mode", "dark")


@pytest.mark.browser
@pytest.mark.parametrize("mode", ["light", "dark"])
def test_the_pages_have_no_fault_that_axe_finds(sandbox: Sandbox, page: Page, mode: str) -> None:
    axe = Path(__file__).parents[2] / "node_modules/axe-core/axe.min.js"
    page.context.add_cookies(
        [{"name": "sandbox_theme", "value": mode, "url": sandbox.acme, "sameSite": "Lax"}]
    )
    for path, ready in (("/", ".issue"), ("/browse/WEB-1", "[data-moves] button")):
        page.goto(sandbox.acme + path)
        page.locator(ready).first.wait_for()
        page.evaluate(axe.read_text(encoding="utf-8"))
        found = page.evaluate("() => axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa']})")
        assert [
            (fault["id"], [node["html"] for node in fault["nodes"]])
            for fault in found["violations"]
        ] == []


@pytest.mark.browser
def test_panels_of_an_issue_and_a_page_of_project_settings_each_know_their_place(
    sandbox: Sandbox, page: Page
) -> None:
    sandbox.install(sandbox.acme)
    page.goto(f"{sandbox.acme}/browse/WEB-1")
    panels = page.locator("details.panel")
    expect(panels).to_have_count(2)
    expect(panels.nth(0).locator("summary")).to_have_text("Small Notes")
    expect(panels.nth(0).locator("iframe")).to_have_count(0)
    for number in range(2):
        panels.nth(number).locator("summary").click()
        inside = panels.nth(number).frame_locator("iframe")
        expect(inside.locator("#token")).not_to_be_empty()
        token = str(inside.locator("#token").text_content())
        jira = jwt.decode(token, options={"verify_signature": False})["context"]["jira"]
        assert jira["issue"]["key"] == "WEB-1"
        assert jira["project"]["key"] == "WEB"
    page.goto(f"{sandbox.acme}/browse/WEB-2")
    expect(page.locator("details.panel[open] iframe")).to_have_count(2)
    page.get_by_role("link", name="Project settings").click()
    inside = page.frame_locator("[data-app-frame] iframe")
    expect(inside.locator("#token")).not_to_be_empty()
    token = str(inside.locator("#token").text_content())
    jira = jwt.decode(token, options={"verify_signature": False})["context"]["jira"]
    assert (jira.get("issue"), jira["project"]["key"]) == (None, "WEB")
    inside.get_by_role("button", name="Home").click()
    page.wait_for_url(f"{sandbox.acme}/plugins/servlet/ac/small-app/small-page?ac.open=a+b%26c")
    expect(inside.locator("#token")).not_to_be_empty()
    framed = page.locator("[data-app-frame] iframe")
    assert "/page?open=a%20b%26c&" in str(framed.get_attribute("src"))


def test_a_panel_is_shown_to_those_alone_whom_its_conditions_name(sandbox: Sandbox) -> None:
    sandbox.install(sandbox.acme)
    site = sandbox.world.sites["acme"]

    def open_as(who: str, path: str) -> requests.Response:
        person = next(user for user in site.people() if user.email.startswith(who))
        return requests.get(
            sandbox.acme + path, cookies={site.cookie_name: person.account_id}, timeout=90
        )

    assert "small-app/editors-panel" in open_as("agent", "/browse/WEB-1").text
    shown = open_as("viewer", "/browse/WEB-1").text
    assert "small-app/small-panel" in shown
    assert "small-app/editors-panel" not in shown
    assert "elsewhere-panel" not in shown
    page = "/projects/{}/settings/apps/small-app/small-project"
    tried = {
        (who, key): open_as(who, page.format(key)).status_code
        for who in ("admin", "tester", "agent")
        for key in ("WEB", "SUP")
    }
    assert tried == {
        ("admin", "WEB"): 200,
        ("admin", "SUP"): 200,
        ("tester", "WEB"): 200,
        ("tester", "SUP"): 404,
        ("agent", "WEB"): 404,
        ("agent", "SUP"): 404,
    }


def test_pages_for_admins_are_not_shown_to_others(sandbox: Sandbox) -> None:
    sandbox.install(sandbox.acme)
    site = sandbox.world.sites["acme"]
    answers = {
        user.admin: requests.get(
            f"{sandbox.acme}/plugins/servlet/ac/small-app/small-settings",
            cookies={site.cookie_name: user.account_id},
            timeout=90,
        ).status_code
        for user in site.people()
    }
    assert answers == {True: 200, False: 404}


def test_only_the_first_site_may_frame_the_second(sandbox: Sandbox) -> None:
    policy = requests.get(f"{sandbox.globex}/?compact=1", timeout=90).headers[
        "Content-Security-Policy"
    ]
    ancestors = next(part for part in policy.split("; ") if part.startswith("frame-ancestors"))
    assert ancestors == f"frame-ancestors 'self' {sandbox.acme}"


def test_signing_in_as_a_stranger_is_refused_by_field(sandbox: Sandbox) -> None:
    answer = requests.post(
        f"{sandbox.acme}/sandbox/pages/session", data={"accountId": "nobody"}, timeout=90
    )
    assert answer.status_code == 400
    assert "accountId" in answer.text
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("back", ["//elsewhere.example/", "https://elsewhere.example/", "/\\a"])
def test_signing_in_leads_only_back_to_the_site(sandbox: Sandbox, back: str) -> None:
    person = sandbox.world.sites["acme"].people()[1]
    answer = requests.post(
        f"{sandbox.acme}/sandbox/pages/session",
        data={"accountId": person.account_id, "back": back},
        timeout=90,
        allow_redirects=False,
    )
    assert answer.headers["Location"] == "/"


def test_an_issue_that_a_viewer_may_not_see_has_no_page(sandbox: Sandbox) -> None:
    site = sandbox.world.sites["acme"]
    viewer = next(user for user in site.people() if user.browse is not None)
    hidden = next(i.key for i in site.issues.values() if i.key.split("-")[0] not in viewer.browse)
    answer = requests.get(
        f"{sandbox.acme}/browse/{hidden}",
        cookies={site.cookie_name: viewer.account_id},
        timeout=90,
    )
    assert answer.status_code == 404


def test_watching_the_board_is_outside_the_rest_counters(sandbox: Sandbox) -> None:
    requests.get(f"{sandbox.acme}/sandbox/pages/board", timeout=90).raise_for_status()
    requests.get(f"{sandbox.acme}/sandbox/pages/issues/WEB-1", timeout=90).raise_for_status()
    calls = requests.get(f"{sandbox.acme}/sandbox/calls", timeout=90).json()
    assert calls["total"] == 0
