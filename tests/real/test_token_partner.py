"""A partner that is reached by URL, email and API token, through real processes: a killed create,
a first load, both directions, a token that is refused and renewed, an end."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests

from app import Tandem
from app.jobs.bell import ring
from app.settings import load_settings
from app.sync.search import Searcher
from demo.stack import APP_KEY, ROOT, Stack, scope_ids, stack, wait_until, writes_of
from demo.walk import LEFT, RIGHT, create_issue, edit_issue, keys_by_summary, mapped
from sandbox.process import SiteHandle
from tests.real.crash_points import Victim
from tests.stack_fixture import look_no_more, tandem

pytestmark = pytest.mark.real

LONG = 120.0  # seconds: a slow machine's


@dataclass
class Scene:
    """Tandem in Acme alone, without a worker; Globex by the token of one of its people."""

    stack: Stack
    owner: psycopg.Connection[Any]
    victim: Victim
    person: dict[str, str]
    connection: str = ""
    profile: str = ""

    @property
    def acme(self) -> SiteHandle:
        return self.stack.sandbox.acme

    @property
    def globex(self) -> SiteHandle:
        return self.stack.sandbox.globex

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        """What the database says, as its owner."""
        return self.owner.execute(query).fetchall()  # type: ignore[call-overload, no-any-return]

    def form(self, **changed: str) -> dict[str, str]:
        """What the admin types."""
        typed = {"url": self.globex.url, "email": self.person["email"]}
        return typed | {"token": self.person["token"]} | changed

    def page(self, path: str, **form: str) -> Any:
        """A press of a button by Acme's admin."""
        return self.stack.page(self.acme, "POST", f"/pages/{path}", **form)

    def twins(self, summary: str) -> list[str]:
        """The keys of Globex's issues of this summary."""
        return keys_by_summary(self.globex, RIGHT[0]).get(summary, [])

    def sources(self, summary: str) -> list[str]:
        """The keys of Acme's issues of this summary."""
        return keys_by_summary(self.acme, LEFT[0]).get(summary, [])

    def look(self) -> None:
        """The looks of both sides, which come once a minute by themselves, now."""
        self.owner.execute("UPDATE search_look SET due_at = now() WHERE due_at < 'infinity'")
        with self.victim.app.app_context():
            known: Tandem = self.victim.app.extensions["tandem"]
            Searcher(known.vault, known.open_site, ring).run()

    def dirty(self, summary: str) -> int:
        """Make an issue in Acme, wait until its webhook has told, and give its lane."""
        key = create_issue(self.acme, *LEFT, summary=summary)
        issue = int(self.acme.call("GET", f"issue/{key}").json()["id"])
        of_it = f"SELECT lane FROM change WHERE issue_id = {issue}"
        wait_until("the webhook told", lambda: self.ask(of_it), LONG)
        return int(self.ask(of_it)[0][0])


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    """The scene, connected, with a profile that its admin has approved for both sides."""
    with tempfile.TemporaryDirectory(prefix="tandem-test-") as folder:
        instance = Path(folder)
        instance.chmod(0o755)
        with stack(instance, workers=0, install=False, delivery_delay=50) as whole:
            whole.sandbox.acme.install(f"{whole.url}/atlassian-connect.json")
            settings = load_settings(whole.environment | {"DATABASE_URL": whole.database})
            victim = Victim.of(settings, instance / "victim.log")
            users = whole.sandbox.globex.users
            person = next(one for one in users if one["email"].startswith("developer"))
            with psycopg.connect(whole.database, autocommit=True) as owner:
                made = Scene(whole, owner, victim, person)
                _begin(made)
                yield made
            assert whole.sandbox.broken_answers() == []


def _begin(scene: Scene) -> None:
    for site, scope in ((scene.acme, LEFT), (scene.globex, RIGHT)):
        create_issue(site, *scope, summary=f"Old at {site.name}")
    scene.connection = scene.page("connections/token", **scene.form())["connection"]
    left, right = scope_ids(scene.acme, *LEFT), scope_ids(scene.globex, *RIGHT)
    scene.profile = scene.page(
        "profiles",
        connection=scene.connection,
        name="By token",
        left_project=left[0],
        left_type=left[1],
        right_project=right[0],
        right_type=right[1],
        items='[{"kind": "comments", "flow": "both"}]',
    )["profile"]


@contextmanager
def worker(scene: Scene) -> Iterator[None]:
    """A worker, for as long as the block lasts."""
    with (scene.stack.instance / "worker.log").open("ab") as log:
        command = [sys.executable, "-m", "app.cli", "worker"]
        child = subprocess.Popen(
            command, env=scene.stack.environment, cwd=ROOT, stdout=log, stderr=log
        )
        try:
            yield
        finally:
            child.terminate()
            child.wait(60)


def test_nothing_crosses_until_who_gave_the_token_approves_for_that_side(scene: Scene) -> None:
    assert scene.ask("SELECT state FROM profile") == [("proposed",)]
    asked = scene.stack.page(scene.acme, "GET", "/pages/approvals")
    assert [(one["yours"], one["by_token"]) for one in asked] == [(True, True)]
    with pytest.raises(Exception, match="does not wait for you"):
        scene.page(f"profiles/{scene.profile}/approval", approve="yes", revision="1")
    told = {"approve": "yes", "revision": "1", "for": "partner"}
    scene.page(f"profiles/{scene.profile}/approval", **told)
    assert scene.ask("SELECT state FROM profile") == [("on",)]
    admin = scene.acme.admin["accountId"]
    approved = "SELECT actor, detail ->> 'by_token' FROM audit_event WHERE action ="
    assert (admin, "true") in scene.ask(f"{approved} 'profile.approved'")
    every = "SELECT side, at_least_every FROM search_look ORDER BY side"
    assert scene.ask(every) == [("left", None), ("right", 60)]
    look_no_more(scene.stack, settle=False)


def test_a_worker_killed_while_its_create_is_answered_makes_no_second_twin(scene: Scene) -> None:
    lane = scene.dirty("Killed")
    assert scene.victim.drain(scene.profile, lane, die_at="answer create") is None

    def adopted() -> bool:
        scene.owner.execute("UPDATE change SET not_before = now() WHERE NOT parked")
        scene.victim.drain(scene.profile, lane)
        return not scene.ask("SELECT 1 FROM change WHERE NOT parked")

    wait_until("its twin was found", adopted, LONG)
    [twin] = scene.twins("Killed")
    assert scene.ask("SELECT right_key FROM issue_link") == [(twin,)]


def test_one_that_was_killed_before_it_sent_the_create_is_made_once_the_wait_is_over(
    scene: Scene,
) -> None:
    lane = scene.dirty("Not sent")
    assert scene.victim.drain(scene.profile, lane, die_at="send create") is None
    assert scene.twins("Not sent") == []
    scene.victim.drain(scene.profile, lane)
    assert scene.twins("Not sent") == []  # search may lag behind: it waits
    scene.owner.execute("UPDATE issue_link SET create_sent_at = now() - interval '2 minutes'")
    scene.owner.execute("UPDATE change SET not_before = now() WHERE NOT parked")
    scene.victim.drain(scene.profile, lane)
    assert len(scene.twins("Not sent")) == 1


def test_the_pairs_are_lost_and_the_marks_bring_them_back(scene: Scene) -> None:
    [twin] = scene.twins("Killed")
    scene.owner.execute("DELETE FROM issue_link")
    with worker(scene):
        load(scene, "--from", "both")
        wait_until("nothing is pending", lambda: not pending(scene), LONG)
    assert scene.twins("Killed") == [twin]
    for name in ("Old at acme", "Old at globex", "Killed", "Not sent"):
        assert (len(scene.sources(name)), len(scene.twins(name))) == (1, 1), name


def load(scene: Scene, *words: str) -> None:
    done = tandem(
        scene.stack.environment, "profile", "load", "By token", "--no-match", *words, seconds=300
    )
    assert done.returncode == 0, done.stdout + done.stderr


def pending(scene: Scene) -> int:
    return int(scene.ask("SELECT count(*) FROM change WHERE NOT parked")[0][0])


def test_changes_cross_in_both_directions_and_then_all_rests(scene: Scene) -> None:
    [left], [right] = scene.sources("Killed"), scene.twins("Killed")
    with worker(scene):
        edit_issue(scene.globex, right, priority={"name": "Low"})
        scene.globex.call("POST", f"issue/{right}/comment", json={"body": words("From Globex")})
        new = create_issue(scene.globex, *RIGHT, summary="Made at Globex")
        edit_issue(scene.acme, left, labels=["acme"])
        wait_until("Acme's edit crossed", lambda: mapped(scene.globex, right)["labels"], LONG)

        def arrived() -> bool:
            scene.look()  # the site's search lags behind an edit
            return mapped(scene.acme, left)["priority"] == "Low" and bool(
                comments(scene.acme, left) and scene.sources("Made at Globex")
            )

        wait_until("Globex's changes crossed", arrived, LONG)
        wait_until("nothing is pending", lambda: not pending(scene), LONG)
        for command in (("plan", "By token"), ("profile", "check", "By token")):
            done = tandem(scene.stack.environment, *command, seconds=300)
            assert done.returncode == 0, done.stdout + done.stderr
        written = writes(scene)
        scene.look()
        wait_until("nothing is pending", lambda: not pending(scene), LONG)
        assert writes(scene) == written
    assert [scene.sources("Made at Globex"), scene.twins("Made at Globex")] == [
        scene.sources("Made at Globex")[:1],
        [new],
    ]
    assert len(comments(scene.globex, right)) == 1


def test_an_undo_takes_back_what_was_written_by_token(scene: Scene) -> None:
    [left], [right] = scene.sources("Killed"), scene.twins("Killed")
    [(begun,)] = scene.ask("SELECT now()")
    with worker(scene):
        edit_issue(scene.acme, left, labels=["wrong"])
        wait_until(
            "the edit crossed", lambda: mapped(scene.globex, right)["labels"] == ["wrong"], LONG
        )
        wait_until("nothing is pending", lambda: not pending(scene), LONG)
        span = ("--profile", "By token", "--since", begun.isoformat())
        done = tandem(scene.stack.environment, "undo", *span, "--yes", seconds=300)
        assert done.returncode == 0, done.stdout + done.stderr
        assert mapped(scene.globex, right)["labels"] == ["acme"]
        edit_issue(scene.acme, left, labels=["acme"])
        wait_until("nothing is pending", lambda: not pending(scene), LONG)


def words(text: str) -> dict[str, Any]:
    content = [{"type": "paragraph", "content": [{"type": "text", "text": text}]}]
    return {"type": "doc", "version": 1, "content": content}


def comments(site: SiteHandle, key: str) -> list[Any]:
    found: list[Any] = site.call("GET", f"issue/{key}/comment").json()["comments"]
    return found


def writes(scene: Scene) -> list[int]:
    """What Tandem wrote so far: as the app in Acme, as a person in Globex."""
    return [writes_of(scene.acme), int(scene.globex.calls()["byApp"]["users"].get("writes", 0))]


def test_a_token_that_has_run_out_loses_nothing_and_a_new_one_goes_on(scene: Scene) -> None:
    [left], [right] = scene.sources("Killed"), scene.twins("Killed")
    account = scene.person["accountId"]
    scene.globex.control("PUT", "people", {account: {"tokenExpired": True}})
    scene.look()  # nobody changed anything that would have to be written there
    paused = "SELECT paused_code FROM site_budget WHERE paused_since IS NOT NULL"
    assert scene.ask(paused) == [("unknown",)]
    edit_issue(scene.globex, right, priority={"name": "High"})
    with worker(scene):
        edit_issue(scene.acme, left, labels=["meanwhile"])
        wait_until("Acme's change waits", lambda: pending(scene) == 1, LONG)
        view = shown(scene, "views/settings")
        assert "refuses the API token (401)" in view
        assert "Renew the token" in view
        assert "refuses the API token (401)" in shown(scene, f"views/profiles/{scene.profile}")
        assert (mapped(scene.globex, right)["labels"], pending(scene)) == (["acme"], 1)
        with pytest.raises(Exception, match="does not know this email"):
            scene.page(f"connections/{scene.connection}/token", **scene.form())
        fresh = {"tokenExpired": False, "token": "a-fresh-token-of-globex"}
        scene.globex.control("PUT", "people", {account: fresh})
        typed = scene.form(token=fresh["token"])  # type: ignore[arg-type]
        scene.page(f"connections/{scene.connection}/token", **typed)
        wait_until(
            "what waited has crossed",
            lambda: mapped(scene.globex, right)["labels"] == ["meanwhile"],
            LONG,
        )
        wait_until(
            "and what was changed there meanwhile",
            lambda: mapped(scene.acme, left)["priority"] == "High",
            LONG,
        )
    assert (scene.sources("Killed"), scene.twins("Killed")) == ([left], [right])
    told = "\n".join(path.read_text() for path in scene.stack.instance.glob("*.log"))
    for secret in (scene.person["email"], scene.person["token"], "a-fresh-token-of-globex"):
        assert secret not in told
    assert "Renew the token" in shown(scene, "views/settings")
    assert "(401)" not in shown(scene, "views/settings")


def shown(scene: Scene, path: str) -> str:
    """A view, as the page shows it to Acme's admin."""
    token = scene.acme.context_token(APP_KEY, accountId=scene.acme.admin["accountId"])
    headers = {"Authorization": f"JWT {token}", "HX-Request": "true"}
    return requests.get(f"{scene.stack.url}/pages/{path}", headers=headers, timeout=60).text


def test_the_connection_ends_with_its_profiles_and_leaves_nothing(scene: Scene) -> None:
    with pytest.raises(Exception, match="1 profile uses this connection"):
        scene.page(f"connections/{scene.connection}/end")
    scene.page(f"profiles/{scene.profile}/end", name="By token")
    scene.page(f"connections/{scene.connection}/end")
    for table in ("connection", "profile", "site_budget", "search_look"):
        assert scene.ask(f"SELECT 1 FROM {table} WHERE true LIMIT 2") in ([], [(1,)]), table
    assert len(scene.ask("SELECT 1 FROM installation")) == 1
    marks = (scene.person["email"], scene.person["token"], scene.globex.url)
    words = [word for mark in marks for word in ("--mark", mark)]
    proof = tandem(scene.stack.environment, "storage", "prove", *words, seconds=300)
    assert proof.returncode == 0, proof.stdout
    assert tandem(scene.stack.environment, "keys", "status", seconds=120).returncode == 0
