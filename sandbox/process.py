"""Starts the sandbox as a child process, for tests and the demo, and talks to its control API."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from sandbox.model import JsonDict

REPOSITORY = Path(__file__).resolve().parents[1]
PATIENCE = 180  # seconds for one answer: a busy machine's, and ten thousand issues are one call


@dataclass(frozen=True)
class SiteHandle:
    """One site of a running sandbox. `admin` and `users` are as announced."""

    name: str
    url: str
    admin: JsonDict
    users: list[JsonDict]
    session: requests.Session = field(default_factory=requests.Session, repr=False)

    def call(self, method: str, path: str, **more: Any) -> requests.Response:
        """Call Jira's REST API as the site's admin; `path` is below /rest/api/3 unless absolute."""
        url = self.url + (path if path.startswith("/rest") else f"/rest/api/3/{path}")
        more.setdefault("auth", (self.admin["email"], self.admin["token"]))
        return self.session.request(method, url, timeout=PATIENCE, **more)

    def control(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        """Call the control API. Raises requests.HTTPError with the answer's text."""
        url = f"{self.url}/sandbox/{path}"
        answer = self.session.request(method, url, json=body, timeout=PATIENCE, **more)
        if not answer.ok:
            raise requests.HTTPError(f"{answer.status_code} {answer.text}", response=answer)
        return answer.json()

    def install(self, descriptor_url: str) -> JsonDict:
        """Install an app from its descriptor."""
        found: JsonDict = self.control("POST", "apps", {"descriptorUrl": descriptor_url})
        return found

    def uninstall(self, key: str) -> JsonDict:
        """Remove an app."""
        found: JsonDict = self.control("DELETE", f"apps/{key}")
        return found

    def apps(self, *, secrets: bool = False) -> list[JsonDict]:
        """The installed apps, with their shared secrets when asked."""
        params = {"secrets": "1"} if secrets else {}
        found: list[JsonDict] = self.control("GET", "apps", params=params)
        return found

    def page_url(self, key: str, module: str, **params: str) -> str:
        """The signed address of an app's page; accountId, issueKey, projectKey as wanted."""
        return str(self.control("GET", f"apps/{key}/modules/{module}", params=params)["url"])

    def context_token(self, key: str, **params: str) -> str:
        """A context token for an app's own pages."""
        return str(self.control("GET", f"apps/{key}/context-token", params=params)["token"])

    def calls(self) -> JsonDict:
        """The counted REST calls."""
        found: JsonDict = self.control("GET", "calls")
        return found

    def clear_calls(self) -> None:
        """Count from zero."""
        self.control("DELETE", "calls")

    def faults(self, *rules: JsonDict) -> None:
        """Replace the fault rules; none takes all away."""
        self.control("PUT", "faults", list(rules))

    def held(self) -> int:
        """How many REST calls are held by a rule."""
        return int(self.control("GET", "faults/held")["held"])

    def let_go(self) -> int:
        """Let the held calls go on; says how many."""
        return int(self.control("POST", "faults/release")["released"])

    def refusals(self, *rules: JsonDict) -> None:
        """Replace the admins' rules that refuse what apps write; none takes all away."""
        self.control("PUT", "refusals", list(rules))

    def workflow(self, project: str, issuetype: str, **asked: Any) -> None:
        """Give an issue type of a project another workflow, as sandbox/workflows.py says."""
        self.control("PUT", "workflows", [{"project": project, "issuetype": issuetype, **asked}])

    def latency(self, milliseconds: float) -> None:
        """Let every REST call take so much longer, 0 for none."""
        self.control("PUT", "latency", {"milliseconds": milliseconds})

    def webhooks(self, **switches: Any) -> JsonDict:
        """Set webhook switches (none: only read them)."""
        found: JsonDict = self.control("PUT", "webhooks", switches)
        return found

    def release(self) -> int:
        """Send the held webhooks."""
        return int(self.control("POST", "webhooks/release")["released"])

    def webhook_log(self, last: int = 100) -> list[JsonDict]:
        """The last delivery attempts."""
        found: list[JsonDict] = self.control("GET", "webhooks/log", params={"last": last})
        return found

    def wait_idle(self, timeout_s: float = 150) -> None:
        """Wait until no webhook is under way. Raises TimeoutError."""
        end, pause = time.monotonic() + timeout_s, 0.02
        while self.control("GET", "webhooks/idle")["pending"]:
            if time.monotonic() > end:
                raise TimeoutError(f"{self.name}: webhooks still pending after {timeout_s} s")
            time.sleep(pause)
            pause = min(0.2, pause * 1.5)  # whoever waits long does not slow down the others

    def limits(self, **groups: JsonDict) -> JsonDict:
        """Set rate limits (none: only read them)."""
        found: JsonDict = self.control("PUT", "limits", groups)
        return found

    def make_issues(
        self, count: int, project: str, issuetype: str = "Task", *, webhooks: bool = False
    ) -> list[str]:
        """Make many issues; returns the keys of the first thousand."""
        body = {"count": count, "project": project, "issuetype": issuetype, "webhooks": webhooks}
        found: list[str] = self.control("POST", "issues", body)["keys"]
        return found

    def attach(self, key: str, name: str, content: bytes, mime: str = "text/plain") -> JsonDict:
        """Attach a file as the site's admin."""
        answer = self.call(
            "POST", f"issue/{key}/attachments",
            files={"file": (name, content, mime)}, headers={"X-Atlassian-Token": "no-check"},
        )  # fmt: skip
        answer.raise_for_status()
        found: JsonDict = answer.json()[0]
        return found

    def media_of(self, attachment: str) -> str:
        """The media id of a file: Jira tells it by where it sends those who ask for the content."""
        path = f"attachment/content/{attachment}"
        sent: str = self.call("GET", path, allow_redirects=False).headers["Location"]
        return sent.split("/file/")[1].split("/", maxsplit=1)[0]

    def file_rules(self, **rules: Any) -> JsonDict:
        """Set what the site's admins allow of attachments (none: only read it)."""
        found: JsonDict = self.control("PUT", "attachments", rules)
        return found

    def move(self, key: str, project: str, issuetype: str | None = None) -> str:
        """Move an issue as a person does; returns its new key."""
        body = {"issue": key, "project": project, "issuetype": issuetype}
        return str(self.control("POST", "move", body)["key"])

    def archive(self, key: str, *, undo: bool = False) -> None:
        """Archive an issue, or bring it back."""
        self.control("POST", "archive", {"issue": key, "undo": undo})

    def clone(self, key: str, *, attachments: bool = False, properties: bool = False) -> str:
        """Clone an issue; returns the new one's key."""
        body = {"issue": key, "attachments": attachments, "properties": properties}
        return str(self.control("POST", "clone", body)["key"])

    def convert(self, key: str, parent: str | None, issuetype: str | None = None) -> None:
        """Make an issue a sub-task of another; without a parent, a sub-task one of its own."""
        self.control("POST", "convert", {"issue": key, "parent": parent, "issuetype": issuetype})

    def rename(self, **names: dict[str, str]) -> None:
        """Other names: `projects` by key, `issueTypes` and `users` by id."""
        self.control("PUT", "names", names)

    def reset(self) -> None:
        """Back to the seed; apps stay."""
        self.control("POST", "reset")


@dataclass(frozen=True)
class Running:
    """A running sandbox: the hub's URL and a handle for each site."""

    hub: str
    acme: SiteHandle
    globex: SiteHandle
    process: subprocess.Popen[bytes] = field(repr=False)
    further: tuple[SiteHandle, ...] = ()
    """The sites after these two, where more were asked for."""

    @property
    def sites(self) -> tuple[SiteHandle, ...]:
        """All sites, Acme and Globex first."""
        return self.acme, self.globex, *self.further

    @property
    def install_keys(self) -> str:
        """Where install keys are served: append "/{kid}"."""
        return f"{self.hub}/install-keys"

    def broken_answers(self) -> list[str]:
        """Answers that broke Atlassian's document; a test run should see none."""
        found: list[str] = requests.get(f"{self.hub}/sandbox", timeout=PATIENCE).json()[
            "brokenAnswers"
        ]
        return found


@contextmanager
def running(
    *,
    hub_port: int = 0,
    acme_port: int = 0,
    globex_port: int = 0,
    sites: int = 2,
    issues: int = 0,
    seed: int = 1,
    delivery_delay: int = 20,
    index_delay: int = 100,
    threads: int = 16,
    log: Path | None = None,
) -> Iterator[Running]:
    """Run `sandbox serve` on free ports while the block lasts. Raises RuntimeError with its log."""
    with tempfile.TemporaryDirectory() as folder:
        announce = Path(folder) / "announce.json"
        log = log or Path(folder) / "sandbox.log"
        command = [sys.executable, "-m", "sandbox.cli", "serve", "--announce", str(announce)]
        for name, value in {
            "hub-port": hub_port, "acme-port": acme_port, "globex-port": globex_port,
            "further-port": 0, "sites": sites, "issues": issues, "seed": seed,
            "delivery-delay": delivery_delay, "index-delay": index_delay, "threads": threads,
        }.items():  # fmt: skip
            command += [f"--{name}", str(value)]
        with log.open("ab") as sink:
            # Whatever it writes to disk goes with the folder, however it ends.
            environment = {**os.environ, "TMPDIR": folder}
            process = subprocess.Popen(
                command, cwd=REPOSITORY, stdout=sink, stderr=sink, env=environment
            )
        try:
            yield _handles(_wait(announce, process, log), process)
        finally:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait(announce: Path, process: subprocess.Popen[bytes], log: Path) -> JsonDict:
    end = time.monotonic() + 180
    while not announce.exists():
        if process.poll() is not None or time.monotonic() > end:
            raise RuntimeError(f"the sandbox did not start:\n{log.read_text()[-3000:]}")
        time.sleep(0.03)
    found: JsonDict = json.loads(announce.read_text())
    return found


def _handles(told: JsonDict, process: subprocess.Popen[bytes]) -> Running:
    sites = {
        name: SiteHandle(name, url, told["admins"][name], told["users"][name])
        for name, url in told["sites"].items()
    }
    further = tuple(site for name, site in sites.items() if name not in ("acme", "globex"))
    return Running(told["hub"], sites["acme"], sites["globex"], process, further)
