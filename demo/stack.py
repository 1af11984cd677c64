"""Starts the sandbox and Tandem as real processes and installs the one in the other's sites."""

from __future__ import annotations

import json
import os
import random
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import psycopg
import requests

from sandbox.process import Running, SiteHandle, running

ROOT = Path(__file__).resolve().parents[1]
APP_KEY = "tandem"
SETTLE_SECONDS = 180
READY_SECONDS = 180  # a machine that is busy with much else takes its time
ANSWER_SECONDS = 90  # for one answer of a page
# Below what outgoing connections are given: from 32768 on Linux, from 49152 on macOS.
PORTS = range(20_000, 32_000)
_CHANCE = random.SystemRandom()  # tests seed the common one alike in every process
# A search that is under way says at its end when the next one is. A check and a look for what the
# mapping names have no rows before a worker has made them, seconds after the profile is there.
_LATER = """
    INSERT INTO {} (profile_id, left_tenant_id, right_tenant_id, due_at)
    SELECT id, left_tenant_id, right_tenant_id, now() + interval '1 day' FROM profile
    ON CONFLICT (profile_id) DO UPDATE SET due_at = excluded.due_at
"""
PUT_OFF = (
    "UPDATE profile SET search_seconds = 86400",
    "UPDATE search_look SET due_at = now() + interval '1 day' WHERE due_at < 'infinity'",
    _LATER.format("completeness"),
    _LATER.format("drift"),
)
UNDER_WAY = """
    SELECT count(*) FROM procrastinate_jobs
    WHERE status = 'doing' AND task_name IN ('search', 'complete')
"""


class StackError(RuntimeError):
    """A part did not come up; the text says which and where its log is."""


@dataclass
class Stack:
    """The running parts, and the admin's clicks on Tandem's page as HTTP calls."""

    sandbox: Running
    tandem: subprocess.Popen[bytes]
    url: str
    instance: Path
    environment: dict[str, str]

    def page(self, site: SiteHandle, method: str, path: str, **form: str) -> Any:
        """Call one of Tandem's page endpoints as the site's admin, as the page itself would."""
        token = site.context_token(APP_KEY, accountId=site.admin["accountId"])
        answer = requests.request(
            method,
            self.url + path,
            data=form or None,
            headers={"Authorization": f"JWT {token}", "Accept": "application/json"},
            timeout=ANSWER_SECONDS,
        )
        if not answer.ok:
            raise StackError(f"{method} {path}: {answer.status_code} {answer.text}")
        return answer.json()

    def install(self) -> None:
        """Install Tandem in all sites."""
        for site in self.sandbox.sites:
            site.install(f"{self.url}/atlassian-connect.json")

    def connect(self, a: SiteHandle | None = None, b: SiteHandle | None = None) -> str:
        """Pair two sites (Acme and Globex) by a code of `b`; returns the connection's id."""
        code = self.page(b or self.sandbox.globex, "POST", "/pages/pairing-codes")["code"]
        made = self.page(a or self.sandbox.acme, "POST", "/pages/connections", code=code)
        return str(made["connection"])

    def create_profile(
        self,
        connection: str,
        *,
        left: tuple[str, str],
        right: tuple[str, str],
        name: str,
        sites: tuple[SiteHandle, SiteHandle] | None = None,
        **parts: object,
    ) -> str:
        """Create a profile and approve it on both sites; sides are (project key, issue type name).

        `sites`: the left one and the right one, Acme and Globex where none are given. `parts`:
        `fields`, `users` and `items`, as in the mapping document.
        """
        left_site, right_site = sites or (self.sandbox.acme, self.sandbox.globex)
        left_project, left_type = scope_ids(left_site, *left)
        right_project, right_type = scope_ids(right_site, *right)
        made = self.page(
            left_site,
            "POST",
            "/pages/profiles",
            connection=connection,
            name=name,
            left_project=left_project,
            left_type=left_type,
            right_project=right_project,
            right_type=right_type,
            **{part: json.dumps(value) for part, value in parts.items()},
        )
        self.approve(right_site, made["profile"])
        return str(made["profile"])

    def approve(self, site: SiteHandle, profile: str, revision: int = 1) -> None:
        """Approve what waits for a site, as its admin: what leaves his own site."""
        path = f"/pages/profiles/{profile}/approval"
        self.page(site, "POST", path, approve="yes", revision=str(revision))

    @property
    def database(self) -> str:
        """The address of the embedded database, for the owner of its tables."""
        return f"postgresql://postgres@/postgres?host={self.instance / 'postgres'}"

    def settle(self) -> None:
        """Wait until no webhook is under way and no change is pending. Raises StackError."""
        for site in self.sandbox.sites:
            site.wait_idle(SETTLE_SECONDS)
        wait_until("nothing is pending", self.is_at_rest, seconds=SETTLE_SECONDS)

    def is_at_rest(self) -> bool:
        """Whether no change is pending. The database is asked and not the page: for that, Tandem
        would call Jira once a minute, to see whether an admin is still one."""
        try:
            with psycopg.connect(self.database) as owner:
                left = owner.execute("SELECT count(*) FROM change WHERE NOT parked").fetchone()
        except psycopg.OperationalError:  # it is being started again
            return False
        return left == (0,)

    def look_no_more(self) -> None:
        """Put off for a day what Tandem begins by itself and calls the sites for, in all profiles
        that are there: on a slow machine it would begin while calls are counted."""
        with psycopg.connect(self.database, autocommit=True) as owner:
            for statement in PUT_OFF:
                owner.execute(statement)
            wait_until(
                "none of that is under way any more",
                lambda: owner.execute(UNDER_WAY).fetchone() == (0,),
            )

    def overview(self, site: SiteHandle | None = None) -> list[dict[str, Any]]:
        """The profiles with their counts, as a site's admin sees them."""
        found: list[dict[str, Any]] = self.page(site or self.sandbox.acme, "GET", "/pages/profiles")
        return found


def calls_of(*sites: SiteHandle) -> Counter[str]:
    """Tandem's REST calls to these sites since their counters began, by method and path. Without
    the one that asks whether who looks at a page is an admin: it comes with pages, once a minute,
    and not with changes."""
    found: Counter[str] = Counter()
    for site in sites:
        found.update(site.calls()["byApp"].get(APP_KEY, {}).get("paths", {}))
    del found["POST /rest/api/3/permissions/check"]
    return found


def writes_of(*sites: SiteHandle) -> int:
    """How many of Tandem's REST calls to these sites were writes, since their counters began."""
    told = (site.calls()["byApp"].get(APP_KEY, {}) for site in sites)
    return sum(int(one.get("writes", 0)) for one in told)


def scope_ids(site: SiteHandle, project: str, issue_type: str) -> tuple[str, str]:
    """The ids of a project and of one of its issue types."""
    found = site.call("GET", f"project/{project}").json()
    types = {one["name"]: one["id"] for one in found["issueTypes"]}
    return str(found["id"]), str(types[issue_type])


def wait_until(what: str, true: Callable[[], object], seconds: float = 150.0) -> None:
    """Ask again every tenth of a second until it holds. Raises StackError when time is up."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise StackError(f"waited {seconds:.0f} s in vain until {what}")
        time.sleep(0.1)


def free_port() -> int:
    """A port that is free on loopback, and that no outgoing connection is given meanwhile: one that
    the system chose may belong to a connection again before a server has started, or restarted,
    on it. Raises StackError where every port that was tried is taken."""
    for _ in range(100):
        port = _CHANCE.choice(PORTS)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise StackError(f"no port between {PORTS.start} and {PORTS.stop - 1} is free")


def is_taken(port: int) -> bool:
    """Whether somebody listens on this port of loopback."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def tandem_environment(
    instance: Path, base_url: str, port: int, sandbox: Running, **more: str
) -> dict[str, str]:
    """The environment of a Tandem that serves the sandbox's sites over loopback http."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("TANDEM_")}
    kept.pop("DATABASE_URL", None)
    return kept | {
        "TANDEM_BASE_URL": base_url,
        "TANDEM_INSTANCE": str(instance),
        "TANDEM_INSECURE_HTTP": "1",
        "TANDEM_INSTALL_KEY_URLS": sandbox.install_keys,
        "TANDEM_APP_KEY": APP_KEY,
        "PORT": str(port),
        **more,
    }


@contextmanager
def tandem_serving(
    environment: dict[str, str], log: IO[bytes], *, workers: int = 1
) -> Iterator[subprocess.Popen[bytes]]:
    """`tandem serve` as a child process until the block ends; waits until it is ready."""
    child = subprocess.Popen(
        [sys.executable, "-m", "app.cli", "serve", "--workers", str(workers)],
        env=environment,
        cwd=ROOT,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )
    try:
        _wait_ready(child, environment["TANDEM_BASE_URL"], log.name)
        yield child
    finally:
        if child.poll() is None:
            child.terminate()
            try:
                child.wait(20)
            except subprocess.TimeoutExpired:
                child.kill()


def _wait_ready(child: subprocess.Popen[bytes], url: str, log: str) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        if child.poll() is not None:
            tail = Path(log).read_text(errors="replace")[-2000:]
            raise StackError(f"tandem serve ended with {child.returncode}; its log says:\n{tail}")
        try:
            if requests.get(f"{url}/readyz", timeout=2).ok:
                return
        except requests.RequestException:
            pass
        time.sleep(0.1)
    tail = Path(log).read_text(errors="replace")[-2000:]
    raise StackError(f"tandem serve was not ready in {READY_SECONDS} s; its log says:\n{tail}")


@contextmanager
def stack(
    instance: Path, *, port: int = 0, workers: int = 1, install: bool = True, **sandbox: Any
) -> Iterator[Stack]:
    """The sandbox and Tandem, running and (by default) installed in all sites."""
    instance.mkdir(parents=True, exist_ok=True)
    port = port or free_port()
    with running(**sandbox) as jira, (instance / "tandem.log").open("ab") as log:
        url = f"http://127.0.0.1:{port}"
        environment = tandem_environment(instance, url, port, jira)
        with tandem_serving(environment, log, workers=workers) as child:
            whole = Stack(jira, child, url, instance, environment)
            if install:
                whole.install()
            yield whole
