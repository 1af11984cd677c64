"""The first load over real processes: pairs, creates, survives kills, stays behind live changes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from app import Tandem, create_app
from app.database import db
from app.jobs.bell import ring
from app.settings import load_settings
from app.sync.lanes import LANES
from app.sync.load import Loads
from app.sync.pacing import FEW
from demo.stack import ROOT, Stack, wait_until, writes_of
from demo.walk import INDEX_SECONDS, create_issue, edit_issue, keys_by_summary, mapped
from sandbox.process import SiteHandle
from tests.real.crash_points import Points
from tests.stack_fixture import running, tandem  # noqa: F401  a fixture

pytestmark = pytest.mark.real

Scope = tuple[str, str]


@pytest.fixture(scope="module")
def owner(running: Stack) -> Iterator[psycopg.Connection]:  # noqa: F811
    """A connection of the owner of the tables; the sites have points enough for a test."""
    running.sandbox.acme.limits(points={"perHour": 10_000_000})
    url = running.database
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="module")
def profile(running: Stack, owner: psycopg.Connection) -> Callable[[Scope, Scope], str]:  # noqa: F811
    """Makes profiles between the two sites."""
    connection = running.connect()

    def make(left: Scope, right: Scope) -> str:
        return running.create_profile(connection, left=left, right=right, name=f"{left}, {right}")

    return make


def begin(stack: Stack, profile: str, *words: str) -> subprocess.Popen[str]:
    """`tandem profile load`, as a process."""
    return subprocess.Popen(
        [sys.executable, "-m", "app.cli", "profile", "load", profile, *words],
        env=stack.environment, cwd=ROOT, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def load(stack: Stack, profile: str, *words: str) -> tuple[int, str, str]:
    """The exit code of a whole `tandem profile load`, and what it said."""
    child = begin(stack, profile, *words)
    out, err = child.communicate(timeout=900)
    return child.returncode, out, err


def told(found: tuple[int, str, str]) -> dict[str, Any]:
    """The counts that a load printed as JSON."""
    assert found[1], found[2]
    counts: dict[str, Any] = json.loads(found[1])
    return counts


def summaries(site: SiteHandle, scope: Scope) -> dict[str, int]:
    """How many issues of a scope have each summary, as search knows them."""
    time.sleep(INDEX_SECONDS)
    found: dict[str, int] = {}
    body: dict[str, Any] = {
        "jql": f"project = {scope[0]} AND issuetype = {scope[1]} ORDER BY id",
        "fields": ["summary"], "maxResults": 100,
    }  # fmt: skip
    while True:
        page = site.call("POST", "search/jql", json=body).json()
        for issue in page["issues"]:
            name = issue["fields"]["summary"]
            found[name] = found.get(name, 0) + 1
        if not page.get("nextPageToken"):
            return found
        body["nextPageToken"] = page["nextPageToken"]


def searchable(site: SiteHandle, scope: Scope, count: int) -> None:
    """Wait until the site's search knows so many issues of a scope."""
    wait_until("search knows them", lambda: sum(summaries(site, scope).values()) == count)


def writes(stack: Stack) -> int:
    """How often Tandem has written to the sites."""
    return writes_of(*stack.sandbox.sites)


def rows(owner: psycopg.Connection, query: str, *values: Any) -> list[Any]:
    """The rows of a query."""
    return owner.execute(query, values).fetchall()


def test_what_matches_is_paired_the_rest_is_created_and_the_ambiguous_is_left_and_named(
    running: Stack,  # noqa: F811
    owner: psycopg.Connection,
    profile: Callable[[Scope, Scope], str],
) -> None:
    left, right = ("WEB", "Task"), ("PLAT", "Task")
    acme, globex = running.sandbox.acme, running.sandbox.globex
    pairs = [
        (
            create_issue(acme, *left, summary=f"Twin {n}", labels=["acme"]),
            create_issue(globex, *right, summary=f" Twin {n} "),
        )
        for n in range(5)
    ]
    for n in range(3):
        create_issue(acme, *left, summary=f"Only {n}")
    create_issue(globex, *right, summary="Only at Globex")
    double = create_issue(acme, *left, summary="Double")
    for _ in range(2):
        create_issue(globex, *right, summary="Double")
    for site in running.sandbox.sites:
        site.wait_idle()
    searchable(acme, left, 10)
    searchable(globex, right, 9)
    made = profile(left, right)

    before = writes(running), len(rows(owner, "SELECT FROM run")), rows(owner, "TABLE issue_link")
    code, out, err = load(running, made, "--from", "left", "--match", "summary", "--dry-run")
    assert (code, out) == (
        1,
        "Nothing was written. 5 would be paired, 4 would be created, 0 linked already. 1 left "
        f"alone, for several have the same value: {double}. Tell them apart in Jira and load "
        "again.\n",
    )
    assert "About 10 issues of the left side to load; about 19 are read." in err
    after = writes(running), len(rows(owner, "SELECT FROM run")), rows(owner, "TABLE issue_link")
    assert before == after
    assert rows(owner, "SELECT FROM load") == rows(owner, "SELECT FROM load_issue") == []

    found = load(running, made, "--from", "left", "--match", "summary", "--json")
    counts = told(found)
    assert found[0] == 1  # somebody has to look at the ambiguous one
    wanted = {"paired": 5, "created": 4, "linked": 0, "ambiguous": 1, "parked": 0, "unsettled": 0}
    assert {name: counts[name] for name in wanted} == wanted
    assert counts["named"] == [double]
    running.settle()
    searchable(globex, right, 13)
    there = summaries(globex, right)
    assert [there[f"Only {n}"] for n in range(3)] == [1, 1, 1]
    assert [there[f"Twin {n}"] for n in range(5)] == [1] * 5
    assert there["Double"] == 2
    assert all(mapped(acme, a) == mapped(globex, b) for a, b in pairs)
    assert rows(owner, "SELECT state FROM run") == [("done",)]
    assert rows(owner, "SELECT jql, page FROM load") == [(None, None)]
    assert rows(owner, "SELECT FROM load_issue") == []
    assert rows(
        owner, "SELECT DISTINCT action FROM audit_event WHERE action LIKE 'load.%%' ORDER BY 1"
    ) == [("load.begun",), ("load.ended",)]

    at_rest = writes(running)
    counts = told(load(running, made, "--from", "left", "--match", "summary", "--json"))
    assert (counts["linked"], counts["created"], counts["paired"]) == (9, 0, 0)
    running.settle()
    assert writes(running) == at_rest

    jql = "summary ~ Globex"
    counts = told(
        load(running, made, "--from", "both", "--jql", jql, "--match", "summary", "--json")
    )
    assert (counts["created"], counts["linked"], counts["ambiguous"]) == (1, 0, 0)
    searchable(acme, left, 11)
    assert summaries(acme, left)["Only at Globex"] == 1
    assert "Renew the certificates of the message brokers" not in summaries(acme, left)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--jql", "summary ~"], "jql: the site on the left side does not take it: "),
        (["--match", "none_1"], "match: the issues on the left side have no field 'none_1', or it"),
    ],
)
def test_what_a_site_does_not_understand_is_refused_before_anything_is_begun(
    running: Stack,  # noqa: F811
    owner: psycopg.Connection,
    profile: Callable[[Scope, Scope], str],
    words: list[str],
    said: str,
) -> None:
    known = rows(owner, "SELECT id FROM profile WHERE name LIKE '%%Epic%%'")
    made = str(known[0][0]) if known else profile(("WEB", "Epic"), ("PLAT", "Epic"))
    before = rows(owner, "SELECT id FROM run")
    given = words if "--match" in words else [*words, "--match", "summary"]
    code, out, err = load(running, made, "--from", "left", *given)
    assert (code, out) == (2, "")
    assert said in err
    assert "Traceback" not in err
    assert rows(owner, "SELECT id FROM run") == before


def test_a_load_that_was_killed_goes_on_and_no_other_one_begins_in_its_place(
    running: Stack,  # noqa: F811
    owner: psycopg.Connection,
    profile: Callable[[Scope, Scope], str],
) -> None:
    left, right = ("WEB", "Story"), ("PLAT", "Story")
    acme, globex = running.sandbox.acme, running.sandbox.globex
    acme.make_issues(130, *left)
    globex.make_issues(110, *right)
    searchable(acme, left, 131)
    searchable(globex, right, 111)
    made = profile(left, right)
    words = ["--from", "left", "--match", "summary", "--jql", "labels = generated"]
    child = begin(running, made, *words)

    def some_read() -> bool:
        query = "SELECT FROM load WHERE profile_id = %s AND read >= 100 AND ended_at IS NULL"
        return bool(rows(owner, query, made))

    wait_until("some is read", some_read)
    child.kill()
    child.communicate()
    assert child.returncode == -signal.SIGKILL

    another = ["--from", "left", "--jql", "labels = x", "--match", "summary"]
    code, _, err = load(running, made, *another)
    assert code == 2
    assert err == (
        "A load of this profile was begun and has not ended, and it had another JQL. Go on with "
        "it: --resume. Or give it up: --abandon; then begin this one.\n"
    )
    code, _, err = load(running, made, "--resume", "--jql", "labels = x")
    assert code == 2
    assert "The load that has not ended had another JQL. Go on with it as it was begun" in err
    sealed = rows(owner, "SELECT jql FROM load WHERE profile_id = %s", made)[0][0]
    assert b"generated" not in bytes(sealed)

    owner.execute("UPDATE load SET not_before = now()")  # what is left of the dead one's lease
    owner.execute("UPDATE profile SET state = 'paused' WHERE id = %s", (made,))
    code, _, err = load(running, made, "--resume")
    assert code == 2
    assert "The profile is paused, so nothing is carried. Resume it on Tandem's page. The" in err
    assert "go on with --resume" in err
    owner.execute("UPDATE profile SET state = 'on' WHERE id = %s", (made,))
    counts = told(load(running, made, "--resume", "--json"))
    assert (counts["paired"], counts["created"], counts["ambiguous"]) == (110, 20, 0)
    running.settle()
    searchable(globex, right, 131)
    assert set(summaries(globex, right).values()) == {1}
    assert rows(owner, "SELECT count(*) FROM run WHERE profile_id = %s", made) == [(1,)]


class Child:
    """Takes the steps of a load in forked processes, each killed at the chosen point."""

    def __init__(self, stack: Stack) -> None:
        url = stack.database
        self.app = create_app(load_settings(stack.environment | {"DATABASE_URL": url}), pool_size=2)
        self.log = stack.instance / "child.log"
        with self.app.app_context():
            db.engine.dispose()  # a connection must not be shared over a fork

    def steps(self, profile: uuid.UUID, run: uuid.UUID, die_at: int) -> bool:
        """Whether it was killed, rather than at the end of what there was to do."""
        child = os.fork()
        if child == 0:
            self._in_child(profile, run, die_at)
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            assert os.WTERMSIG(status) == signal.SIGKILL
            return True
        assert os.WEXITSTATUS(status) == 0, self.log.read_text()[-3000:]
        return False

    def _in_child(self, profile: uuid.UUID, run: uuid.UUID, die_at: int) -> None:
        code = 1
        try:
            sink = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(sink, 1)
            os.dup2(sink, 2)
            points = Points(die_at)
            with self.app.app_context():
                tandem: Tandem = self.app.extensions["tandem"]
                loads = Loads(tandem.vault, tandem.open_site, ring, tandem.record)
                points.watch()
                while len(points.labels) < die_at + 1:
                    if loads.step(profile, run).ended_at is not None:
                        break
            sys.settrace(None)
            code = 0
        finally:
            os._exit(code)


@pytest.mark.crash
def test_a_load_killed_at_every_statement_and_call_doubles_nothing_and_counts_right(
    running: Stack,  # noqa: F811
    owner: psycopg.Connection,
    profile: Callable[[Scope, Scope], str],
) -> None:
    left, right = ("WEB", "Bug"), ("PLAT", "Bug")
    acme, globex = running.sandbox.acme, running.sandbox.globex
    acme.make_issues(220, *left)
    globex.make_issues(210, *right)
    searchable(acme, left, 221)
    searchable(globex, right, 211)
    made = uuid.UUID(profile(left, right))
    child = Child(running)
    with child.app.app_context():
        from app.mapping import profiles
        from app.sync.load import Ask
        from app.sync.load_match import MatchField

        tandem: Tandem = child.app.extensions["tandem"]
        loads = Loads(tandem.vault, tandem.open_site, ring, tandem.record)
        stored = profiles.load(tandem.vault, made)
        ask = Ask("both", "labels = generated", MatchField.of(stored.profile, "summary"))
        run = loads.begin(stored, ask, 0).run_id
        db.engine.dispose()
    kills, die_at = 0, 0
    while rows(owner, "SELECT FROM load WHERE run_id = %s AND ended_at IS NULL", run):
        # Each dies a little later than the one before, and what is left of its lease is cut short.
        owner.execute("UPDATE load SET not_before = now() WHERE run_id = %s", (run,))
        kills += child.steps(made, run, die_at)
        die_at += 1
        if die_at > 80:
            break
    assert kills >= 40
    owner.execute("UPDATE load SET not_before = now() WHERE run_id = %s", (run,))
    if rows(owner, "SELECT FROM load WHERE run_id = %s AND ended_at IS NULL", run):
        load(running, str(made), "--resume", "--json")
    [counts] = rows(
        owner, "SELECT paired, created, linked, ambiguous, parked FROM load WHERE run_id = %s", run
    )
    assert counts == (210, 10, 0, 0, 0)
    running.settle()
    searchable(globex, right, 221)
    assert set(summaries(globex, right).values()) == {1}
    assert set(summaries(acme, left).values()) == {1}
    links = "SELECT count(left_issue_id), count(right_issue_id) FROM issue_link WHERE profile_id=%s"
    assert rows(owner, links, made) == [(220, 220)]


def test_a_live_change_passes_a_load_and_a_load_can_be_given_up(
    running: Stack,  # noqa: F811
    owner: psycopg.Connection,
    profile: Callable[[Scope, Scope], str],
) -> None:
    left, right = ("SUP", "Task"), ("OPS", "Task")
    acme, globex = running.sandbox.acme, running.sandbox.globex
    acme.make_issues(1000, *left)
    searchable(acme, left, 1001)
    made = profile(left, right)
    alive = create_issue(acme, *left, summary="Alive")
    wait_until("it has its twin", lambda: "Alive" in keys_by_summary(globex, right[0]))
    running.settle()
    _watch(owner)
    child = begin(running, made, "--from", "left", "--no-match")
    made_rows = "SELECT count(*) FROM activity WHERE profile_id = %s AND outcome = 'created'"
    wait_until("some are made", lambda: rows(owner, made_rows, made)[0][0] >= 20, seconds=180)
    edit_issue(acme, alive, summary="Alive and kicking")
    arrived = "SELECT at FROM activity WHERE profile_id = %s AND outcome = 'updated'"
    wait_until("it has crossed", lambda: rows(owner, arrived, made), seconds=180)
    [(passed,)] = rows(
        owner,
        "SELECT count(*) FROM activity a WHERE a.outcome = 'created' AND a.profile_id = %s"
        " AND a.at > (SELECT min(at) FROM told WHERE profile_id = a.profile_id)"
        " AND a.at <= (SELECT min(at) FROM activity u WHERE u.outcome = 'updated'"
        " AND u.profile_id = a.profile_id)",
        made,
    )
    left_over = rows(owner, "SELECT count(*) FROM change WHERE run_id IS NOT NULL")[0][0]
    # No lane takes up more of the load once a live change is told; what is in hand is finished.
    assert passed <= FEW * LANES
    assert left_over > FEW * LANES

    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=120)
    assert child.returncode == 130, err
    assert "go on with --resume" in err
    [(run,)] = rows(owner, "SELECT id FROM run WHERE profile_id = %s", made)
    early = tandem(running.environment, "undo", str(run), "--delete-created", "--yes")
    assert early.returncode == 2, early.stdout
    assert early.stderr.startswith("The load has not ended: it would go on creating what is undone")
    assert "give it up (`tandem profile load PROFILE --abandon`); then undo it." in early.stderr
    code, out, _ = load(running, made, "--abandon")
    assert code in (0, 1)
    assert out.startswith("Given up. 0 paired, ")
    running.settle()
    assert rows(owner, "SELECT state FROM run WHERE profile_id = %s", made) == [("stopped",)]
    assert set(summaries(globex, right).values()) == {1}
    assert sum(summaries(globex, right).values()) < 1000
    assert mapped(acme, alive)["summary"] == "Alive and kicking"


def _watch(owner: psycopg.Connection) -> None:
    """Note when a live change is told of, which no row does once it has crossed."""
    owner.execute("CREATE TABLE told (profile_id uuid, at timestamptz)")
    owner.execute(
        "CREATE FUNCTION note_told() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$"
        " BEGIN INSERT INTO told VALUES (NEW.profile_id, clock_timestamp()); RETURN NULL; END $$"
    )
    owner.execute(
        "CREATE TRIGGER told AFTER INSERT OR UPDATE ON change FOR EACH ROW"
        " WHEN (NEW.run_id IS NULL AND NEW.side = 'left' AND NOT NEW.parked)"
        " EXECUTE FUNCTION note_told()"
    )
