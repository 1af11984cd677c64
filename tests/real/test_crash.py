"""A worker killed by SIGKILL at every statement of the create and update paths: nothing is lost,
nothing is doubled, and nothing is written once both sides agree."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from app.settings import load_settings
from demo.stack import Stack, stack, writes_of
from demo.walk import LEFT, RIGHT, edit_issue, paragraph
from sandbox.process import SiteHandle
from tests.real.crash_points import Victim, boundaries, places

pytestmark = [pytest.mark.real, pytest.mark.crash]

FIELDS = ["summary", "description", "labels", "priority", "duedate"]
INDEX_SECONDS = 0.3  # the sandbox's search lags a tenth of a second behind
LEAST_KILLS = 200
LEAST_OF_A_PATH = 50  # on the create path, and on the update path


@dataclass
class Scene:
    """Tandem without a worker, a profile, and the victim that drains in its place."""

    stack: Stack
    profile: str
    owner: psycopg.Connection[Any]
    victim: Victim
    kills: int = 0
    names: int = 0

    def name(self) -> str:
        """A word that no other issue's summary begins with."""
        self.names += 1
        return f"case{self.names}"

    def site(self, side: str) -> SiteHandle:
        """The site of a side."""
        return self.stack.sandbox.acme if side == "left" else self.stack.sandbox.globex

    def create(self, side: str, summary: str, **fields: Any) -> tuple[int, str]:
        """An issue made by a person; its id and key."""
        project, kind = LEFT if side == "left" else RIGHT
        fields |= {"project": {"key": project}, "issuetype": {"name": kind}, "summary": summary}
        made = self.site(side).call("POST", "issue", json={"fields": fields}).json()
        return int(made["id"]), str(made["key"])

    def idle(self) -> None:
        """Wait until all webhooks are delivered."""
        for site in self.stack.sandbox.sites:
            site.wait_idle()

    def visit(self, side: str, issue: int, die_at: int | str | None = None) -> list[str] | None:
        """Drain this one change alone; the points, or None where the worker was killed."""
        self.owner.execute(
            "UPDATE change SET not_before = now() + interval '1 hour' WHERE not_before < now()"
        )
        row = self.owner.execute(
            "UPDATE change SET not_before = now() - interval '1 second'"
            " WHERE side = %s AND issue_id = %s RETURNING lane",
            (side, issue),
        ).fetchone()
        assert row is not None, "the change is lost"
        found = self.victim.drain(self.profile, int(row[0]), die_at=die_at)
        self.kills += found is None
        return found

    def warm(self) -> None:
        """Have the victim's process make a pair, and carry an edit, before it is forked."""
        issue, key = self.create("left", "warm made", labels=["warm"])
        for labels in (["warm"], ["warmer"]):
            edit_issue(self.site("left"), key, labels=labels)
            self.idle()
            lanes = self.owner.execute("SELECT DISTINCT lane FROM change").fetchall()
            self.victim.warm(self.profile, [lane for (lane,) in lanes])
        assert self.owner.execute(
            "SELECT count(*) FROM issue_link WHERE left_issue_id = %s AND right_issue_id > 0",
            (issue,),
        ).fetchone() == (1,)
        self.recover()

    def pending(self) -> list[tuple[Any, ...]]:
        """The change rows."""
        return self.owner.execute("SELECT side, issue_id, reason, parked FROM change").fetchall()

    def recover(self) -> None:
        """Let undisturbed workers finish, their waits cut short."""
        for attempt in range(20):
            self.idle()
            self.owner.execute("UPDATE change SET not_before = now() - interval '1 second'")
            lanes = self.owner.execute(
                "SELECT DISTINCT lane FROM change WHERE NOT parked"
            ).fetchall()
            if not lanes:
                self.idle()
                if not self.pending():
                    return
            for (lane,) in lanes:
                self.victim.drain(self.profile, lane)
            if attempt == 1:  # each was searched for after the index had caught up
                self.owner.execute(
                    "UPDATE issue_link SET create_sent_at = create_sent_at - interval '2 minutes'"
                )
            time.sleep(INDEX_SECONDS)
        raise AssertionError(f"never done: {self.pending()}")

    def issues(self, side: str) -> dict[str, list[tuple[int, dict[str, Any]]]]:
        """All issues of a side's project as search gives them, by the first word of the summary."""
        scope = LEFT if side == "left" else RIGHT
        found: dict[str, list[tuple[int, dict[str, Any]]]] = {}
        body: dict[str, Any] = {
            "jql": f"project = {scope[0]} ORDER BY key", "fields": FIELDS, "maxResults": 100,
        }  # fmt: skip
        while True:
            page = self.site(side).call("POST", "search/jql", json=body).json()
            for issue in page["issues"]:
                fields = issue["fields"]
                fields["priority"] = (fields["priority"] or {}).get("name")
                word = fields["summary"].split()[0]
                found.setdefault(word, []).append((int(issue["id"]), fields))
            if not page.get("nextPageToken"):
                return found
            body["nextPageToken"] = page["nextPageToken"]

    def writes(self) -> int:
        """How often Tandem has written to the sites."""
        return writes_of(*self.stack.sandbox.sites)

    def check(self, expected: dict[str, dict[str, Any]]) -> None:
        """Each of these has one issue a side, with these values on both, and one whole link."""
        time.sleep(INDEX_SECONDS)
        left, right = self.issues("left"), self.issues("right")
        links = self.owner.execute("SELECT left_issue_id, right_issue_id FROM issue_link")
        pairs = {(int(a or 0), int(b or 0)) for a, b in links.fetchall()}
        wrong = []
        for word, values in expected.items():
            ours, theirs = left.get(word, []), right.get(word, [])
            if (len(ours), len(theirs)) != (1, 1):
                wrong.append(f"{word}: {len(ours)} issues left, {len(theirs)} right")
                continue
            for name, (_, fields) in (("left", ours[0]), ("right", theirs[0])):
                wrong += [
                    f"{word} {name} {field}: {fields[field]!r} for {value!r}"
                    for field, value in values.items()
                    if fields[field] != value
                ]
            if (ours[0][0], theirs[0][0]) not in pairs:
                wrong.append(f"{word}: no link")
        assert not wrong, "\n".join(wrong[:20])
        assert all(a and b for a, b in pairs), "an intent is left over"
        assert self.owner.execute("SELECT count(*) FROM change").fetchone() == (0,)
        assert "reconcile failed" not in self.victim.log.read_text()

    def check_rest(self) -> None:
        """Every pair marked dirty once more costs no write."""
        before = self.writes()
        self.owner.execute(
            "INSERT INTO change (profile_id, side, issue_id, left_tenant_id, right_tenant_id, lane)"
            " SELECT profile_id, 'left', left_issue_id, left_tenant_id, right_tenant_id, lane"
            " FROM issue_link"
        )
        self.recover()
        assert self.writes() == before


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    """Sandbox and Tandem's web as processes; the worker's part is the victim's."""
    with tempfile.TemporaryDirectory(prefix="tandem-test-") as folder:
        instance = Path(folder)
        instance.chmod(0o755)  # the embedded database runs as its own user
        with stack(instance, workers=0, delivery_delay=1) as whole:
            whole.sandbox.acme.limits(
                points={"on": False}, burst={"on": False}, issueWrites={"on": False}
            )
            profile = whole.create_profile(whole.connect(), left=LEFT, right=RIGHT, name="Crash")
            url = whole.database
            settings = load_settings(whole.environment | {"DATABASE_URL": url})
            victim = Victim.of(settings, instance / "victim.log")
            with psycopg.connect(url, autocommit=True) as owner:
                made = Scene(whole, profile, owner, victim)
                made.warm()
                yield made
            assert whole.sandbox.broken_answers() == []


Case = tuple[str, int, dict[str, Any]]  # a side, the dirty issue there, what both must hold
Prepare = Callable[[Scene, Sequence[str]], list[Case]]


def values(word: str, **more: Any) -> dict[str, Any]:
    """What a person types into a new issue."""
    typed = {
        "summary": f"{word} made",
        "description": paragraph(f"Text of {word}."),
        "labels": ["one", "two"],
        "priority": "High",
        "duedate": "2027-03-01",
    }
    return typed | more


def typed(held: dict[str, Any]) -> dict[str, Any]:
    """The values as the REST API takes them."""
    return held | ({"priority": {"name": held["priority"]}} if "priority" in held else {})


def new_issues(side: str) -> Prepare:
    """New issues on a side."""

    def prepare(scene: Scene, words: Sequence[str]) -> list[Case]:
        cases: list[Case] = []
        for word in words:
            held = typed(values(word))
            cases.append((side, scene.create(side, held.pop("summary"), **held)[0], values(word)))
        return cases

    return prepare


def pairs(scene: Scene, words: Sequence[str]) -> list[tuple[int, str, str]]:
    """Pairs in step: the left id and both keys."""
    made = [scene.create("left", typed(values(w)).pop("summary"), labels=["old"]) for w in words]
    scene.recover()
    keys = dict(scene.owner.execute("SELECT left_issue_id, right_key FROM issue_link").fetchall())
    return [(issue, key, str(keys[issue])) for issue, key in made]


def edited(scene: Scene, words: Sequence[str]) -> list[Case]:
    """Pairs of which people changed several fields, on both sides."""
    cases: list[Case] = []
    for word, (issue, left, right) in zip(words, pairs(scene, words), strict=True):
        there = {"labels": ["new", "other"], "duedate": "2027-09-09"}
        here = {"summary": f"{word} edited", "description": paragraph(f"New text of {word}.")}
        edit_issue(scene.site("left"), left, **here, priority={"name": "Low"})
        edit_issue(scene.site("right"), right, **there)
        cases.append(("left", issue, here | there | {"priority": "Low"}))
    return cases


def contested(scene: Scene, words: Sequence[str]) -> list[Case]:
    """Pairs of which people changed the same fields on both sides; the right side last."""
    cases: list[Case] = []
    for word, (issue, left, right) in zip(words, pairs(scene, words), strict=True):
        edit_issue(scene.site("left"), left, summary=f"{word} older", duedate="2027-01-01")
        held = {"summary": f"{word} newer", "labels": ["won"], "duedate": "2027-01-01"}
        edit_issue(scene.site("right"), right, summary=f"{word} newer", labels=["won"])
        cases.append(("left", issue, held))
    return cases


def half_made(dirty: str) -> Prepare:
    """Issues whose worker was killed between the create and its answer; the change of `dirty`."""

    def prepare(scene: Scene, words: Sequence[str]) -> list[Case]:
        cases = new_issues("left")(scene, words)
        scene.idle()
        assert scene.visit("left", cases[0][1]) is not None
        for _, issue, _ in cases[1:]:
            assert scene.visit("left", issue, "answer create") is None
        scene.idle()
        time.sleep(INDEX_SECONDS)
        if dirty == "left":
            return cases[1:]
        twins = scene.issues("right")
        return [
            ("right", twins[word][0][0], case[2])
            for word, case in zip(words[1:], cases[1:], strict=True)
        ]

    return prepare


def kill_everywhere(
    scene: Scene, prepare: Prepare, choose: Callable[[Sequence[str]], list[int]] = boundaries
) -> int:
    """Kill a worker at each chosen point of the way that `prepare`'s changes take; returns the
    kills. Without `choose`, once after each thing that may have changed anything outside of it."""
    trial = [scene.name(), scene.name()]
    cases = prepare(scene, trial)
    scene.idle()
    side, issue, held = cases[-1]
    labels = scene.visit(side, issue)
    assert labels is not None
    scene.recover()
    scene.check({trial[-1]: held})

    chosen = choose(labels)
    words = [scene.name() for _ in range(len(chosen) + 1)]
    cases = prepare(scene, words)[-len(chosen) :]
    scene.idle()
    before = scene.kills
    for place, (side, issue, _) in zip(chosen, cases, strict=True):
        scene.visit(side, issue, place)
    kills = scene.kills - before
    scene.recover()
    expected = zip(words[-len(chosen) :], cases, strict=True)
    scene.check({word: case[2] for word, case in expected})
    print(f"{kills} kills at {len(chosen)} points")
    assert kills >= len(chosen) * 0.9  # the others were over before their point came
    return kills


WAYS: dict[str, Prepare] = {
    "create to the right": new_issues("left"),
    "create to the left": new_issues("right"),
    "update of several fields on both sides": edited,
    "conflict": contested,
    "search for a twin that may be made": half_made("left"),
    "twin that tells of itself": half_made("right"),
}


def test_workers_killed_at_every_statement_lose_and_double_nothing(scene: Scene) -> None:
    kills = {way: kill_everywhere(scene, prepare) for way, prepare in WAYS.items()}
    print(f"{sum(kills.values())} kills after each statement, commit and call: {kills}")
    assert sum(kills.values()) >= LEAST_KILLS
    assert sum(kills[way] for way in WAYS if "create" in way) >= LEAST_OF_A_PATH
    assert kills["update of several fields on both sides"] + kills["conflict"] >= LEAST_OF_A_PATH
    scene.check_rest()


@pytest.mark.parametrize("dirty", ["left", "right"])
def test_what_a_person_empties_while_a_twin_is_half_made_stays_empty(
    scene: Scene, dirty: str
) -> None:
    words = [scene.name(), scene.name()]
    [(side, issue, _)] = half_made(dirty)(scene, words)
    [(_, fields)] = scene.issues("left")[words[1]]
    assert fields["labels"] == ["one", "two"]
    [(source, _)] = scene.issues("left")[words[1]]
    edit_issue(scene.site("left"), str(source), labels=[], duedate=None)
    scene.idle()
    scene.visit(side, issue)
    scene.recover()
    scene.check({words[1]: values(words[1], labels=[], duedate=None)})


@pytest.mark.nightly
@pytest.mark.parametrize("way", WAYS)
def test_workers_killed_anywhere_on_each_way_lose_and_double_nothing(
    scene: Scene, way: str
) -> None:
    kills = kill_everywhere(scene, WAYS[way], places)
    print(f"{way}: {kills} kills")
    scene.check_rest()
