"""A worker killed in the middle of a ring of three sites: one issue on each, three links, rest."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from app.settings import load_settings
from demo.stack import Stack, stack, writes_of
from demo.walk import create_issue, keys_by_summary
from tests.real.crash_points import Victim, boundaries

pytestmark = [pytest.mark.real, pytest.mark.crash]

PLACES = ("WEB", "PLAT", "CORE")
INDEX_SECONDS = 0.3  # the sandbox's search lags a tenth of a second behind


@dataclass
class Ring:
    """Tandem without a worker, three profiles in a ring, and the victim that drains."""

    stack: Stack
    profiles: list[str]
    owner: psycopg.Connection[Any]
    victim: Victim

    def idle(self) -> None:
        """Wait until all webhooks are delivered."""
        for site in self.stack.sandbox.sites:
            site.wait_idle(120)

    def fresh(self, summary: str) -> int:
        """A new issue in WEB, and its changes in two profiles; its id."""
        acme = self.stack.sandbox.acme
        key = create_issue(acme, "WEB", "Task", summary=summary)
        return int(acme.call("GET", f"issue/{key}", params={"fields": "summary"}).json()["id"])

    def visit(
        self, profile: int, side: str, issue: int, die_at: int | None = None
    ) -> list[str] | None:
        """Drain this one change alone; the points, or None where the worker was killed."""
        self.owner.execute(
            "UPDATE change SET not_before = now() + interval '1 hour' WHERE not_before < now()"
        )
        row = self.owner.execute(
            "UPDATE change SET not_before = now() - interval '1 second'"
            " WHERE profile_id = %s AND side = %s AND issue_id = %s RETURNING lane",
            (self.profiles[profile], side, issue),
        ).fetchone()
        assert row is not None, "the change is lost"
        return self.victim.drain(self.profiles[profile], int(row[0]), die_at=die_at)

    def twin(self, profile: int, left: int) -> int:
        """The id of the right issue of a pair."""
        row = self.owner.execute(
            "SELECT right_issue_id FROM issue_link WHERE profile_id = %s AND left_issue_id = %s",
            (self.profiles[profile], left),
        ).fetchone()
        assert row is not None
        return int(row[0])

    def recover(self) -> None:
        """Let undisturbed workers finish, their waits cut short."""
        for attempt in range(40):
            self.idle()
            self.owner.execute("UPDATE change SET not_before = now() - interval '1 second'")
            lanes = self.owner.execute("SELECT DISTINCT profile_id, lane FROM change").fetchall()
            if not lanes:
                return
            for profile, lane in lanes:
                self.victim.drain(str(profile), lane)
            if attempt == 3:  # each was searched for after the index had caught up
                self.owner.execute(
                    "UPDATE issue_link SET create_sent_at = create_sent_at - interval '2 minutes'"
                )
            time.sleep(INDEX_SECONDS)
        raise AssertionError(self.owner.execute("SELECT * FROM change").fetchall())

    def check(self, words: Sequence[str]) -> None:
        """Each word has one issue in each project and three whole links, and rests."""
        time.sleep(INDEX_SECONDS)
        links = set(self.owner.execute("SELECT left_key, right_key FROM issue_link").fetchall())
        found = [
            keys_by_summary(site, project)
            for site, project in zip(self.stack.sandbox.sites, PLACES, strict=True)
        ]
        wrong = []
        for word in words:
            keys = [one.get(word, []) for one in found]
            if [len(one) for one in keys] != [1, 1, 1]:
                wrong.append(f"{word}: {keys}")
                continue
            [web], [plat], [core] = keys
            lacking = {(web, plat), (plat, core), (core, web)} - links
            if lacking:
                wrong.append(f"{word}: no link {lacking}")
        assert not wrong, "\n".join(wrong[:20])
        assert "reconcile failed" not in self.victim.log.read_text()
        before = self.writes()
        self.owner.execute(
            "INSERT INTO change (profile_id, side, issue_id, left_tenant_id, right_tenant_id, lane)"
            " SELECT profile_id, 'left', left_issue_id, left_tenant_id, right_tenant_id, lane"
            " FROM issue_link"
        )
        self.recover()
        assert self.writes() == before

    def writes(self) -> int:
        """How often Tandem has written to the sites."""
        return writes_of(*self.stack.sandbox.sites)


@pytest.fixture(scope="module")
def ring() -> Iterator[Ring]:
    """Sandbox and Tandem's web as processes; the worker's part is the victim's."""
    with tempfile.TemporaryDirectory(prefix="tandem-test-") as folder:
        instance = Path(folder)
        instance.chmod(0o755)  # the embedded database runs as its own user
        with stack(instance, workers=0, sites=3, delivery_delay=1) as whole:
            whole.sandbox.acme.limits(
                points={"on": False}, burst={"on": False}, issueWrites={"on": False}
            )
            places = list(zip(whole.sandbox.sites, PLACES, strict=True))
            profiles = []
            for here, there in zip(places, [*places[1:], places[0]], strict=True):
                profiles.append(
                    whole.create_profile(
                        whole.connect(here[0], there[0]),
                        left=(here[1], "Task"),
                        right=(there[1], "Task"),
                        name=f"{here[1]} to {there[1]}",
                        sites=(here[0], there[0]),
                    )
                )
            url = f"postgresql://postgres@/postgres?host={instance / 'postgres'}"
            settings = load_settings(whole.environment | {"DATABASE_URL": url})
            victim = Victim.of(settings, instance / "victim.log")
            with psycopg.connect(url, autocommit=True) as owner:
                yield Ring(whole, profiles, owner, victim)
            assert whole.sandbox.broken_answers() == []


EACH = pytest.mark.parametrize("every", [4, pytest.param(1, marks=pytest.mark.nightly)])


def kill_at(ring: Ring, name: str, profile: int, every: int, *, closing: bool) -> None:
    """Kill the worker that visits a fresh issue of a ring, after every so many of its statements,
    commits and calls.

    `closing`: the issue is the twin that the first profile made, and the third has made its own,
    so that the two have to be linked; else it is the first of the ring.
    """

    def prepare(word: str) -> int:
        issue = ring.fresh(word)
        ring.idle()
        if not closing:
            return issue
        assert ring.visit(0, "left", issue) is not None
        assert ring.visit(2, "right", issue) is not None
        made = ring.twin(0, issue)
        ring.idle()
        return made

    trial = prepare(f"{name} undisturbed")
    labels = ring.visit(profile, "left", trial)
    assert labels is not None
    chosen = boundaries(labels)[::every]
    ring.recover()
    words = [f"{name} {number}" for number in range(len(chosen))]
    killed = 0
    for word, place in zip(words, chosen, strict=True):
        issue = prepare(word)
        killed += ring.visit(profile, "left", issue, place) is None
    ring.recover()
    ring.check([f"{name} undisturbed", *words])
    print(f"{name}: {killed} kills at {len(chosen)} points")
    assert killed >= len(chosen) * 0.9  # the others were over before their point came


@EACH
def test_a_worker_killed_while_it_makes_the_first_twin_of_a_ring_doubles_nothing(
    ring: Ring, every: int
) -> None:
    kill_at(ring, f"First, every {every}", 0, every, closing=False)


@EACH
def test_a_worker_killed_while_it_closes_a_ring_doubles_nothing(ring: Ring, every: int) -> None:
    kill_at(ring, f"Closing, every {every}", 1, every, closing=True)
