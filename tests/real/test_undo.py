"""What a run wrote is undone on the right sides only, shown first, and stays undone."""

from __future__ import annotations

import base64
import hashlib
import json
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from flask import Flask

from app import create_app
from app.database import db, tenant_transaction
from app.jobs.bell import ring
from app.mapping import profiles
from app.mapping.profile import Side
from app.settings import load_settings
from app.sync import runs
from app.sync.lanes import LANES, lane_of
from app.sync.marks import Mark, mark
from demo.stack import APP_KEY, ROOT, Stack, wait_until, writes_of
from demo.walk import LEFT, RIGHT, create_issue, edit_issue, keys_by_summary, mapped, paragraph
from sandbox.process import SiteHandle
from tests.stack_fixture import running, tandem  # noqa: F401  a fixture

pytestmark = pytest.mark.real

PATIENCE = 120.0  # seconds


@dataclass(frozen=True)
class Scene:
    """A profile over both sites, and the product's own parts on the same database."""

    stack: Stack
    profile: uuid.UUID
    app: Flask

    @property
    def left(self) -> SiteHandle:
        """The left site."""
        return self.stack.sandbox.acme

    @property
    def right(self) -> SiteHandle:
        """The right site."""
        return self.stack.sandbox.globex

    def pair(self, summary: str, **fields: Any) -> tuple[str, str]:
        """Two issues in step."""
        [made] = self.pairs({"summary": summary, **fields})
        return made

    def pairs(self, *issues: dict[str, Any]) -> list[tuple[str, str]]:
        """Pairs of issues in step, by the fields of the left ones."""
        lefts = [create_issue(self.left, *LEFT, **fields) for fields in issues]
        names = [fields["summary"] for fields in issues]
        found: dict[str, list[str]] = {}

        def all_there() -> bool:
            found.update(keys_by_summary(self.right, RIGHT[0]))
            return all(name in found for name in names)

        wait_until("the twins are there", all_there, PATIENCE)
        self.settle()
        return [(left, found[name][0]) for left, name in zip(lefts, names, strict=True)]

    def settle(self) -> None:
        """Wait until no webhook is under way and no change is pending."""
        for site in (self.left, self.right):
            site.wait_idle()
        wait_until(
            "nothing is pending",
            lambda: all(not one["pending"] for one in self.stack.overview()),
            PATIENCE,
        )

    @contextmanager
    def unheard(self) -> Iterator[None]:
        """What is edited meanwhile reaches Tandem only by a run."""
        self.settle()
        for site in (self.left, self.right):
            site.webhooks(drop=1.0)
        yield
        for site in (self.left, self.right):
            site.wait_idle()

    def run(self, *keys: str) -> str:
        """Take these issues (of the left project or the right one) across, as one run."""
        with self.app.app_context():
            tandem_ = self.app.extensions["tandem"]
            stored = profiles.load(tandem_.vault, self.profile)
            lanes = set()
            with tenant_transaction(stored.left_tenant) as session:
                run = runs.begin(session, stored, runs.RunKind.APPLY)
                marks = []
                for key in keys:
                    side = Side.LEFT if key.startswith(LEFT[0]) else Side.RIGHT
                    site = self.left if side is Side.LEFT else self.right
                    issue = int(site.call("GET", f"issue/{key}").json()["id"])
                    tenants = stored.left_tenant, stored.right_tenant
                    lane = lane_of(issue)
                    lanes.add(lane)
                    marks.append(Mark(stored.id, side, issue, *tenants, lane, None, run))
                mark(session, marks)
            for lane in lanes:
                ring(stored.id, lane)
            for site in (self.left, self.right):
                site.webhooks(drop=0.0)
            self.settle()
            with tenant_transaction(stored.left_tenant) as session:
                runs.end(session, run)
        return str(run)

    def undo(self, *words: str) -> tuple[int, dict[str, Any]]:
        """`tandem undo … --yes --json`: its exit status, and what it told."""
        done = tandem(self.stack.environment, "undo", *words, "--yes", "--json")
        assert done.returncode in (0, 1), done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return done.returncode, found

    def owner(self) -> psycopg.Connection[Any]:
        """A connection as the owner of the tables."""
        return psycopg.connect(self.stack.database)

    def writes(self) -> int:
        """How often Tandem has written to either site."""
        return writes_of(self.left, self.right)

    def rests(self) -> bool:
        """Whether looking at every pair again, as if both had changed, leads to no write."""
        self.settle()
        before = self.writes()
        with self.owner() as owner:
            for side in ("left", "right"):
                owner.execute(
                    "INSERT INTO change (profile_id, side, issue_id, left_tenant_id,"
                    " right_tenant_id, lane)"
                    f" SELECT profile_id, '{side}', {side}_issue_id, left_tenant_id,"
                    " right_tenant_id, lane FROM issue_link WHERE right_issue_id IS NOT NULL"
                    " ON CONFLICT DO NOTHING"
                )
        with self.app.app_context():
            for lane in range(LANES):
                ring(self.profile, lane)
        self.settle()
        return self.writes() == before


@pytest.fixture(scope="module")
def scene(running: Stack) -> Iterator[Scene]:  # noqa: F811
    """One profile, switched on."""
    made = running.create_profile(running.connect(), left=LEFT, right=RIGHT, name="Undo")
    url = running.database
    app = create_app(load_settings({**running.environment, "DATABASE_URL": url}), pool_size=2)
    yield Scene(running, uuid.UUID(made), app)
    with app.app_context():
        db.engine.dispose()


def test_edits_that_cross_in_a_run_are_undone_on_the_side_that_was_written_and_stay_undone(
    scene: Scene,
) -> None:
    pairs = scene.pairs(
        {
            "summary": "Over",
            "labels": ["b", "a"],
            "priority": {"name": "Low"},
            "duedate": "2027-01-01",
        },
        {"summary": "Both", "labels": ["kept"]},
        {"summary": "Later"},
    )
    (to_right, to_right_twin), (both, both_twin), (later, later_twin) = pairs
    with scene.unheard():
        edit_issue(
            scene.left, to_right, summary="Over there", labels=["c"], duedate="2027-02-02",
            priority={"name": "High"}, description=paragraph("New."),
        )  # fmt: skip
        edit_issue(scene.left, both, summary="Both, from the left")
        edit_issue(scene.right, both_twin, labels=["from-the-right"])
        edit_issue(scene.left, later, summary="Later, from the left", labels=["too"])
    run = scene.run(to_right, both, both_twin, later)
    assert mapped(scene.left, to_right) == mapped(scene.right, to_right_twin)
    assert mapped(scene.left, both) == mapped(scene.right, both_twin)
    edit_issue(scene.right, later_twin, summary="Changed since")
    wait_until("it is live", lambda: mapped(scene.left, later)["summary"] == "Changed since")
    scene.settle()
    before = {key: mapped(scene.left, key) for key in (to_right, later)}

    shown = tandem(scene.stack.environment, "undo", run, "--dry-run")
    assert shown.returncode == 1, shown.stderr
    assert f"BACK    {to_right_twin:<12} summary: Over there -> Over\n" in shown.stdout
    assert f"BACK    {to_right_twin:<12} labels: c -> a, b\n" in shown.stdout
    assert f"LEFT    {later_twin:<12} summary: It was changed since.\n" in shown.stdout
    assert mapped(scene.right, to_right_twin) == mapped(scene.left, to_right)  # nothing written

    code, told = scene.undo(run)
    assert code == 1  # something was left alone
    [left] = told["done"]["left"]
    assert (left["issue"], left["field"], left["why"]) == (later_twin, "summary", "changed-since")
    assert mapped(scene.right, to_right_twin) == {
        "summary": "Over",
        "labels": ["a", "b"],
        "priority": "Low",
        "duedate": "2027-01-01",
        "description": None,
    }
    assert mapped(scene.left, both)["labels"] == ["kept"]
    assert mapped(scene.left, both)["summary"] == "Both, from the left"  # a person wrote that
    assert mapped(scene.right, both_twin)["labels"] == ["from-the-right"]
    assert mapped(scene.right, both_twin)["summary"] == "Both"
    assert mapped(scene.right, later_twin)["summary"] == "Changed since"
    assert mapped(scene.right, later_twin)["labels"] == []
    assert before == {key: mapped(scene.left, key) for key in (to_right, later)}
    assert scene.rests()
    assert mapped(scene.right, to_right_twin)["summary"] == "Over"

    # The next edit of a person crosses as ever, and only its field.
    edit_issue(scene.left, to_right, labels=["again"])
    wait_until(
        "it crosses", lambda: mapped(scene.right, to_right_twin)["labels"] == ["again"], PATIENCE
    )
    assert mapped(scene.right, to_right_twin)["summary"] == "Over"

    # An undo is a run like others: it is undone as well.
    listed = json.loads(tandem(scene.stack.environment, "runs", "Undo", "--json").stdout)
    assert [(one["kind"], one["state"]) for one in listed[:2]] == [
        ("undo", "done"),
        ("apply", "done"),
    ]
    assert listed[0]["id"] == told["run"]
    assert listed[0]["fields"] == told["done"]["restored"] == 8
    code, back = scene.undo(told["run"])
    assert code == 1
    [left] = back["done"]["left"]
    assert (left["issue"], left["field"], left["why"]) == (to_right_twin, "labels", "changed-since")
    assert mapped(scene.right, to_right_twin) == mapped(scene.left, to_right)
    assert mapped(scene.left, both) == mapped(scene.right, both_twin)
    assert scene.rests()


def test_of_what_was_created_only_what_nobody_touched_is_deleted_and_only_when_asked(
    scene: Scene,
) -> None:
    with scene.unheard():
        names = ("Untouched", "Edited since", "Commented on")
        keys = {name: create_issue(scene.left, *LEFT, summary=name) for name in names}
    run = scene.run(*keys.values())
    twins = {name: keys_by_summary(scene.right, RIGHT[0])[name][0] for name in names}
    edit_issue(scene.right, twins["Edited since"], labels=["mine"])
    scene.right.call(
        "POST", f"issue/{twins['Commented on']}/comment", json={"body": paragraph("Look.")}
    )
    scene.settle()

    code, told = scene.undo(run)
    assert code == 1
    assert told["plan"]["created"] == [{"issue": twins["Untouched"], "side": "right", "items": 0}]
    assert told["run"] is None
    assert keys_by_summary(scene.right, RIGHT[0])["Untouched"] == [twins["Untouched"]]

    code, told = scene.undo(run, "--delete-created")
    assert (code, told["done"]["deleted"]) == (1, 1)
    assert {(one["issue"], one["why"]) for one in told["done"]["left"]} == {
        (twins["Edited since"], "changed-since"),
        (twins["Commented on"], "changed-since"),
    }
    gone = scene.right.call("GET", f"issue/{twins['Untouched']}")
    assert gone.status_code == 404
    # Its source may change: nothing is made anew in its place.
    edit_issue(scene.left, keys["Untouched"], labels=["moved"])
    scene.settle()
    assert scene.rests()
    found = keys_by_summary(scene.right, RIGHT[0])
    assert "Untouched" not in found
    assert found["Edited since"] == [twins["Edited since"]]

    code, told = scene.undo(run, "--delete-created")
    assert (code, told["plan"]["created"], told["plan"]["already"]) == (1, [], 1)


def test_an_undo_that_is_killed_goes_on_when_it_is_started_again_while_people_edit(
    scene: Scene,
) -> None:
    pairs = scene.pairs(*({"summary": f"Kill {number}"} for number in range(8)))
    with scene.unheard():
        for left, _ in pairs:
            edit_issue(scene.left, left, summary="Carried")
    run = scene.run(*(left for left, _ in pairs))
    put = {"method": "PUT", "path": "/rest/api/3/issue/", "app": APP_KEY}
    scene.right.faults(
        {"kind": "slow", "seconds": 0.0, "times": 2, **put}, {"kind": "hold-answer", **put}
    )
    words = [sys.executable, "-m", "app.cli", "undo", run, "--yes", "--json"]
    with subprocess.Popen(words, env=scene.stack.environment, cwd=ROOT, stdout=-3) as victim:
        wait_until("the third is about to be told", lambda: scene.right.held() == 1, PATIENCE)
        victim.send_signal(signal.SIGKILL)
    scene.right.faults()
    scene.right.let_go()
    done = back(scene, pairs)
    assert done == 3
    for left, _ in pairs:
        edit_issue(scene.left, left, labels=["meanwhile"])
    code, told = scene.undo(run)
    assert code == 0
    assert told["done"]["already"] >= done
    assert told["done"]["already"] + told["done"]["restored"] == len(pairs)
    wait_until(
        "the labels cross all the same",
        lambda: all(mapped(scene.right, right)["labels"] == ["meanwhile"] for _, right in pairs),
        PATIENCE * 3,
    )
    assert scene.rests()
    assert back(scene, pairs) == len(pairs)
    assert all(mapped(scene.left, left)["summary"] == "Carried" for left, _ in pairs)
    listed = json.loads(tandem(scene.stack.environment, "runs", "--json").stdout)
    assert [one["state"] for one in listed if one["kind"] == "undo"][:2] == ["done", "stopped"]


def back(scene: Scene, pairs: list[tuple[str, str]]) -> int:
    """How many twins have their old summary again."""
    return sum(mapped(scene.right, right)["summary"].startswith("Kill") for _, right in pairs)


def test_rich_text_is_restored_where_the_changelog_has_all_of_it_and_otherwise_left(
    scene: Scene,
) -> None:
    bold = paragraph("Bold.")
    bold["content"][0]["content"][0]["marks"] = [{"type": "strong"}]
    two = paragraph("One.")
    two["content"].append(paragraph("Two.")["content"][0])
    pairs = scene.pairs(
        {"summary": "Exact", "description": two}, {"summary": "Inexact", "description": bold}
    )
    (exact, exact_twin), (inexact, inexact_twin) = pairs
    with scene.unheard():
        for key in (exact, inexact):
            edit_issue(scene.left, key, description=paragraph("Other."))
    since = datetime.now(UTC)
    scene.run(exact, inexact)
    code, told = scene.undo("--profile", "Undo", "--since", since.isoformat())
    assert (code, told["done"]["restored"]) == (1, 1)
    [left] = told["done"]["left"]
    assert (left["issue"], left["why"]) == (inexact_twin, "only-text-in-changelog")
    assert left["sentence"] == "Jira's changelog keeps only the text of it, without its form."
    found = [mapped(scene.right, key)["description"] for key in (exact_twin, inexact_twin)]
    assert found == [two, paragraph("Other.")]
    assert scene.rests()


def test_a_write_whose_answer_was_lost_is_known_and_undone(scene: Scene) -> None:
    left, right = scene.pair("Lost answer")
    with scene.unheard():
        edit_issue(scene.left, left, summary="Lost answer, over")
    scene.right.faults(
        {"kind": "half-answer", "method": "PUT", "path": "/rest/api/3/issue/", "times": 1}
    )
    run = scene.run(left)
    scene.right.faults()
    assert mapped(scene.right, right)["summary"] == "Lost answer, over"
    code, told = scene.undo(run)
    assert (code, told["done"]["restored"]) == (0, 1)
    assert mapped(scene.right, right)["summary"] == "Lost answer"
    assert scene.rests()


@pytest.mark.parametrize("fault", ["commit-then-500", "429"])
def test_an_undo_whose_site_fails_in_the_middle_comes_to_its_end(scene: Scene, fault: str) -> None:
    pairs = scene.pairs(*({"summary": f"Kill {fault} {number}"} for number in range(3)))
    with scene.unheard():
        for left, _ in pairs:
            edit_issue(scene.left, left, summary="Carried")
    run = scene.run(*(left for left, _ in pairs))
    scene.right.faults({"kind": fault, "method": "PUT", "path": "/rest/api/3/issue/", "times": 2})
    code, told = scene.undo(run)
    scene.right.faults()
    assert code == 0, told
    assert told["done"]["already"] + told["done"]["restored"] == len(pairs)
    assert back(scene, pairs) == len(pairs)
    assert scene.rests()
    assert back(scene, pairs) == len(pairs)
    assert all(mapped(scene.left, left)["summary"] == "Carried" for left, _ in pairs)


def test_a_load_is_undone_by_the_run_that_the_list_of_runs_shows(scene: Scene) -> None:
    names = ("Loaded one", "Loaded two", "Matched")
    with scene.unheard():
        for name in names:
            create_issue(scene.left, *LEFT, summary=name, labels=["loaded"])
        matched = create_issue(scene.right, *RIGHT, summary="Matched", labels=[])
    for site in (scene.left, scene.right):
        site.webhooks(drop=0.0)
    for site, project in ((scene.left, LEFT[0]), (scene.right, RIGHT[0])):
        wait_until(
            "search knows them",
            lambda s=site, p=project: "Matched" in keys_by_summary(s, p),  # type: ignore[misc]
            PATIENCE,
        )
    words = ["--from", "left", "--jql", "labels = loaded", "--match", "summary"]
    loaded = tandem(scene.stack.environment, "profile", "load", "Undo", *words)
    assert loaded.returncode == 0, (loaded.stdout, loaded.stderr)
    scene.settle()
    assert mapped(scene.right, matched)["labels"] == ["loaded"]

    listed = json.loads(tandem(scene.stack.environment, "runs", "Undo", "--json").stdout)
    [run] = [one for one in listed if one["kind"] == "load"]
    assert (run["created"], run["fields"], run["state"]) == (2, 1, "done")
    code, told = scene.undo(run["id"], "--delete-created")
    assert (code, told["done"]["left"]) == (0, [])
    assert (told["done"]["restored"], told["done"]["deleted"]) == (1, 2)
    assert mapped(scene.right, matched)["labels"] == []
    assert scene.rests()


def test_a_span_of_time_is_undone_from_the_page_as_it_was_shown(scene: Scene) -> None:
    first, second = scene.pairs({"summary": "Span one"}, {"summary": "Span two"})
    since = datetime.now(UTC).isoformat()
    edit_issue(scene.left, first[0], summary="Span one, changed")
    edit_issue(scene.left, second[0], summary="Span two, changed")
    scene.settle()
    until = datetime.now(UTC).isoformat()
    edit_issue(scene.left, second[0], summary="Span two, changed later")
    scene.settle()

    def ended(path: str, **form: str) -> dict[str, Any]:
        begun = scene.stack.page(scene.left, "POST", path, **form)["begun"]
        found: list[dict[str, Any]] = []

        def is_over() -> bool:
            listed = scene.stack.page(scene.left, "GET", "/pages/runs")["errands"]
            found[:] = [one for one in listed if one["id"] == begun]
            return bool(found) and found[0]["state"] in {"done", "failed"}

        wait_until("it is over", is_over, PATIENCE)
        assert found[0]["state"] == "done", found
        return found[0]

    plan = ended("/pages/runs/undo-plan", profile=str(scene.profile), since=since, until=until)
    assert plan["lines"] == ["1 field would go back to what it was."]
    assert plan["span"].startswith("Of what was written from 20")
    done = ended(f"/pages/errands/{plan['id']}/undo")
    assert done["lines"][0] == "1 field put back."
    assert done["span"] == plan["span"]
    assert mapped(scene.right, first[1])["summary"] == "Span one"
    # What was written after the span is not of it, and keeps what it is about.
    assert mapped(scene.right, second[1])["summary"] == "Span two, changed later"
    assert mapped(scene.left, first[0])["summary"] == "Span one, changed"
    assert scene.rests()


def test_who_says_no_to_the_plan_changes_nothing(scene: Scene) -> None:
    left, right = scene.pair("Asked")
    with scene.unheard():
        edit_issue(scene.left, left, summary="Asked, over")
    run = scene.run(left)
    asked = subprocess.run(
        [sys.executable, "-m", "app.cli", "undo", run],
        env=scene.stack.environment,
        cwd=ROOT,
        input="n\n",
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert asked.returncode == 1
    assert "To put back: 1 field. Created: 0 issues. Left alone: 0." in asked.stdout
    assert mapped(scene.right, right)["summary"] == "Asked, over"


def test_nothing_of_what_was_written_or_put_back_is_stored_for_it(scene: Scene) -> None:
    marks = [f"plant-{uuid.uuid4().hex}" for _ in range(3)]
    left, _ = scene.pair(marks[0], labels=[marks[1]])
    with scene.unheard():
        edit_issue(scene.left, left, summary=marks[2], labels=[])
    run = scene.run(left)
    code, told = scene.undo(run)
    assert (code, told["done"]["restored"]) == (0, 2)
    with scene.owner() as owner:
        stored = [
            str(row).lower()
            for table in ("written", "run", "undo_hold", "issue_link", "audit_event")
            for row in owner.execute(f"SELECT t::text FROM {table} t").fetchall()
        ]
        rows = owner.execute("SELECT count(*) FROM written WHERE run_id = %s", (run,)).fetchone()
    assert rows == (2,)
    for planted in marks:
        raw = planted.encode()
        forms = [planted, raw.hex(), hashlib.sha256(raw).hexdigest()[:32]]
        forms += [base64.b64encode(raw).decode().lower()[:20]]
        assert not [row for row in stored if any(form in row for form in forms)]
    actions = json.loads(
        "["
        + ",".join(
            f'"{row[0]}"' for row in _query(scene, "SELECT action FROM audit_event ORDER BY at")
        )
        + "]"
    )
    assert actions[-4:] == ["undo.begun", "undo.begun", "undo.ended", "undo.ended"]


def _query(scene: Scene, query: str) -> list[Any]:
    with scene.owner() as owner:
        return owner.execute(query).fetchall()


def test_a_run_that_is_not_there_is_told(scene: Scene) -> None:
    done = tandem(scene.stack.environment, "undo", "not-a-run")
    assert done.returncode == 2
    assert "RUN: there is no run of this id. `tandem runs` has them." in done.stderr
