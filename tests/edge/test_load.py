"""The first load at its edges: leases, forgotten pages, races, budgets, and what decides a pair."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from flask import Flask

from app import Tandem
from app.database import TenantId, tenant_transaction
from app.errors import Problem
from app.jira.site import Created, Issue, SearchPage, SiteError
from app.mapping.profile import DEFAULT_FIELDS, Profile, Scope, Side
from app.mapping.profiles import StoredProfile
from app.sync import load as load_module
from app.sync import pacing, store_dirty
from app.sync.load import Ask, Loads
from app.sync.load_issues import Bond, Read
from app.sync.load_look import look, rehearse
from app.sync.load_match import MatchField, Outcome, decide, value_of
from app.sync.load_store import Load
from app.sync.load_walk import clean_jql
from app.sync.load_words import result
from app.sync.marks import Mark, mark
from tests.edge.jira import Jira
from tests.edge.test_completeness import _profile

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
SUMMARY = MatchField("summary", "summary")
JQL = 'labels = "of the customer"'


@dataclass
class Site:
    """A site of these issues (id, summary), oldest first; its answers can be made to fail."""

    base_url = "https://played.example.test"
    issues: list[tuple[int, str]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    failing: SiteError | None = None
    forgets: bool = False
    size: int | None = None
    extra: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)

    def count(self, jql: str) -> int:
        """See JiraSite.count."""
        self._ask(f"count {jql}")
        return len(self.issues) if self.size is None else self.size

    def search(
        self, jql: str, fields: Sequence[str], *, page: str | None = None, size: int = 100
    ) -> SearchPage:
        """See JiraSite.search. Knows of JQL only `created >= …`."""
        self._ask(jql)
        if page is not None and self.forgets:
            self.forgets = False
            raise SiteError("The page token is unknown.", site_status=400)
        least = EPOCH
        if "created >= " in jql:
            least = datetime.fromtimestamp(
                int(jql.split("created >= ")[1].split(maxsplit=1)[0]) / 1000, UTC
            )
        found = [one for one in self.issues if _created(one[0]) >= least]
        first = int(page or 0)
        part = tuple(self._issue(*one) for one in found[first : first + size])
        return SearchPage(part, str(first + size) if first + size < len(found) else None)

    def find_twins(self, profile: str, source_ids: Sequence[int]) -> dict[int, Created]:
        """See JiraSite.find_twins."""
        self._ask("find_twins")
        sources = {int(p["source"]): number for number, _ in self.issues
                   if (p := self.extra.get(number, {}).get("property"))
                   and p["profile"] == profile}  # fmt: skip
        return {s: Created(n, f"K-{n}") for s, n in sources.items() if s in set(source_ids)}

    def _ask(self, what: str) -> None:
        self.asked.append(what)
        if self.failing is not None:
            raise self.failing

    def _issue(self, number: int, summary: str) -> Issue:
        fields: dict[str, Any] = {
            "summary": summary,
            "created": _created(number).isoformat(),
            "project": {"id": "10"},
            "issuetype": {"id": "3"},
            **self.extra.get(number, {}),
        }
        return Issue(number, f"K-{number}", fields, EPOCH, fields.pop("property", None))


def _created(number: int) -> datetime:
    return EPOCH + timedelta(seconds=number)


@dataclass
class Scene:
    """A profile of two played sites."""

    tandem: Tandem
    owner: psycopg.Connection
    profile: StoredProfile
    left: Site = field(default_factory=Site)
    right: Site = field(default_factory=Site)
    rings: list[int] = field(default_factory=list)

    def open_site(self, tenant: TenantId) -> Any:
        """See SiteOpener."""
        return self.left if tenant == self.profile.left_tenant else self.right

    def loads(self) -> Loads:
        """A process that takes steps."""
        return Loads(
            self.tandem.vault,
            self.open_site,
            lambda profile, lane: self.rings.append(lane),
            self.tandem.record,
        )

    def begin(self, sources: str = "left", match: MatchField | None = SUMMARY) -> Load:
        """Begin a load."""
        return self.loads().begin(self.profile, Ask(sources, None, match), 0)

    def step(self, load: Load) -> Load:
        """The next step, whatever the pause before it."""
        self.owner.execute("UPDATE load SET not_before = now()")
        return self.loads().step(self.profile.id, load.run_id)

    def decide(self, load: Load) -> Load:
        """Steps until all is decided."""
        while load.phase in ("read", "decide"):
            load = self.step(load)
        return load

    def marked(self) -> list[tuple[str, int]]:
        """The issues that the engine is to look at, for a run."""
        rows = self.owner.execute(
            "SELECT side, issue_id FROM change WHERE run_id IS NOT NULL ORDER BY 1, 2"
        )
        return [(row[0], row[1]) for row in rows]

    def pairs(self) -> list[tuple[int | None, int | None]]:
        """The links."""
        rows = self.owner.execute(
            "SELECT left_issue_id, right_issue_id FROM issue_link ORDER BY 1, 2"
        )
        return [(row[0], row[1]) for row in rows]

    def link(self, left: int | None, right: int | None) -> None:
        """A link that the engine made."""
        self.owner.execute(
            "INSERT INTO issue_link (id, profile_id, left_tenant_id, right_tenant_id,"
            " left_issue_id, right_issue_id, lane) VALUES (%s, %s, %s, %s, %s, %s, 1)",
            (uuid.uuid4(), self.profile.id, self.profile.left_tenant, self.profile.right_tenant,
             left, right),
        )  # fmt: skip


@pytest.fixture
def owner(database_url: str) -> Iterator[psycopg.Connection]:
    """A connection of the owner of the tables."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def scene(app: Flask, installed: Jira, other: Jira, owner: psycopg.Connection) -> Scene:
    """A profile of two sites without issues."""
    tandem: Tandem = app.extensions["tandem"]
    rows = owner.execute("SELECT id FROM installation ORDER BY base_url").fetchall()
    left, right = (TenantId(row[0]) for row in rows)
    return Scene(tandem, owner, _profile(tandem, owner, left, right))


def test_issues_of_equal_value_are_paired_once_and_several_of_one_value_never(
    scene: Scene,
) -> None:
    scene.left.issues = [(1, "a"), (2, "b"), (3, "two"), (4, "b2"), (5, "b2"), (6, "new"), (7, "x")]
    scene.right.issues = [(11, "a"), (12, "b"), (13, "two"), (14, "two"), (15, "b2"), (17, "x")]
    scene.link(7, 17)
    load = scene.decide(scene.begin())
    assert scene.pairs() == [(1, 11), (2, 12), (7, 17)]
    assert (load.paired, load.linked, load.ambiguous) == (2, 1, 3)
    assert load.named == ["K-3", "K-4", "K-5"]
    assert scene.marked() == [("left", 1), ("left", 2), ("left", 6), ("left", 7)]
    assert set(scene.rings) == {1, 2, 6}  # 1 is the lane of the pair that was there


def test_from_both_sides_a_pair_is_counted_once(scene: Scene) -> None:
    scene.left.issues = [(1, "a"), (2, "only left"), (3, "l")]
    scene.right.issues = [(11, "a"), (12, "only right"), (13, "l")]
    scene.link(3, 13)
    load = scene.decide(scene.begin("both"))
    assert (load.paired, load.linked, load.marked) == (1, 1, 4)
    assert scene.marked() == [("left", 1), ("left", 2), ("left", 3), ("right", 12)]
    assert len(scene.left.asked) == len(scene.right.asked) == 1  # one walk serves both ends


def test_what_a_live_change_linked_first_stands_and_the_load_adapts(scene: Scene) -> None:
    scene.left.issues = [(1, "a"), (2, "b"), (3, "c")]
    scene.right.issues = [(11, "a"), (12, "b"), (13, "c")]
    load = scene.begin()
    while load.phase == "read":
        load = scene.step(load)
    scene.link(None, 11)  # a live change of 11 gave it another twin
    scene.link(2, None)  # one of 2 is making its twin at this moment
    load = scene.decide(load)
    assert scene.pairs() == [(2, None), (3, 13), (None, 11)]
    assert (load.paired, load.ambiguous, load.named) == (1, 1, ["K-1"])
    assert scene.marked() == [("left", 2), ("left", 3)]


def test_an_issue_that_we_made_is_nobody_elses_twin(scene: Scene) -> None:
    scene.left.issues = [(1, "a")]
    scene.right.issues = [(11, "a")]
    ours = {"profile": str(scene.profile.id), "source": "99", "side": "right"}
    scene.right.extra = {11: {"property": ours}}
    load = scene.decide(scene.begin())
    assert (load.paired, scene.pairs(), scene.marked()) == (0, [], [("left", 1)])


def test_what_is_outside_the_scope_is_not_loaded_whatever_the_search_gives(scene: Scene) -> None:
    scene.left.issues = [(1, "a"), (2, "b")]
    scene.left.extra = {2: {"issuetype": {"id": "4"}}}
    scene.decide(scene.begin())
    assert scene.marked() == [("left", 1)]


def test_a_site_that_forgot_its_page_is_asked_from_the_newest_issue_that_it_told(
    scene: Scene,
) -> None:
    scene.left.issues = [(n, f"s{n}") for n in range(1, 251)]
    load = scene.step(scene.begin(match=None))
    scene.left.forgets = True
    load = scene.decide(load)
    assert scene.marked() == [("left", n) for n in range(1, 251)]
    asked = int(_created(100).timestamp() * 1000)
    assert f" AND created >= {asked} ORDER BY created ASC, id ASC" in scene.left.asked[2]


def test_only_one_process_has_a_step_and_one_that_lost_it_stores_nothing(scene: Scene) -> None:
    scene.left.issues = [(1, "a")]
    load = scene.begin(match=None)
    scene.owner.execute(
        "UPDATE load SET lease = %s, not_before = now() + interval '20 s'", (uuid.uuid4(),)
    )
    assert scene.loads().step(scene.profile.id, load.run_id).read == 0
    assert scene.left.asked == []  # another has it

    class Slow(Site):
        def _ask(self, what: str) -> None:
            super()._ask(what)
            scene.owner.execute("UPDATE load SET lease = %s", (uuid.uuid4(),))  # it took too long

    scene.left = Slow([(1, "a")])
    assert scene.step(load).read == 0
    assert scene.left.asked
    assert scene.owner.execute("SELECT count(*) FROM load_issue").fetchone() == (0,)


def test_a_second_load_of_a_profile_is_refused_with_what_to_do(scene: Scene) -> None:
    loads = scene.loads()
    begun = loads.begin(scene.profile, Ask("left", JQL, SUMMARY), 0)
    with pytest.raises(Problem, match=r"and it had another JQL\. Go on with it: --resume"):
        loads.begin(scene.profile, Ask("left", None, SUMMARY), 0)
    with pytest.raises(Problem, match=r"has not ended\. Go on with it: --resume"):
        loads.begin(scene.profile, Ask("left", JQL, SUMMARY), 0)
    with pytest.raises(Problem, match="goes from the left side and matches by summary=summary"):
        loads.resume(scene.profile, Ask("both", JQL, None))
    assert loads.resume(scene.profile, Ask("left", JQL, SUMMARY)).run_id == begun.run_id
    [(runs,)] = scene.owner.execute("SELECT count(*) FROM run").fetchall()
    assert runs == 1  # what was refused left nothing behind
    [(sealed,)] = scene.owner.execute("SELECT jql FROM load").fetchall()
    assert b"customer" not in bytes(sealed)


def test_no_more_than_a_thousand_changes_wait_to_be_carried(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load_module, "MOST_WAITING", 200)
    scene.left.issues = [(n, f"s{n}") for n in range(1, 451)]
    load = scene.begin(match=None)
    for _ in range(20):
        load = scene.step(load)
    assert (load.phase, len(scene.marked())) == ("decide", 200)
    scene.owner.execute("DELETE FROM change WHERE issue_id <= 150")
    for _ in range(5):
        load = scene.step(load)
    assert len(scene.marked()) == 150


def test_a_site_without_points_to_spare_is_asked_later_and_no_try_is_counted(
    scene: Scene,
) -> None:
    scene.left.issues = [(1, "a")]
    load = scene.begin(match=None)
    scene.owner.execute(
        "INSERT INTO site_budget (tenant_id, blocked_until) VALUES (%s, now() + interval '90 s')",
        (scene.profile.left_tenant,),
    )
    load = scene.step(load)
    assert (scene.left.asked, load.attempts, load.lease) == ([], 0, None)
    assert 60 < (load.not_before - datetime.now(UTC)).total_seconds() <= 91


def test_a_site_that_fails_is_asked_again_and_one_that_refuses_stops_the_command(
    scene: Scene,
) -> None:
    scene.left.issues = [(1, "a")]
    load = scene.begin(match=None)
    scene.left.failing = SiteError("down", site_status=503)
    load = scene.step(load)
    assert (load.attempts, load.phase) == (1, "read")
    scene.left.failing = SiteError("no such field", site_status=400)
    with pytest.raises(SiteError):
        scene.step(load)
    scene.left.failing = None
    assert scene.loads().step(scene.profile.id, load.run_id).read == 1  # free to go on at once


def test_a_load_of_a_paused_profile_waits_for_a_person(scene: Scene) -> None:
    load = scene.begin()
    scene.owner.execute("UPDATE profile SET state = 'paused'")
    with pytest.raises(Problem, match="The profile is paused"):
        scene.step(load)


def test_given_up_what_was_not_begun_is_withdrawn_and_what_is_linked_stays(scene: Scene) -> None:
    scene.left.issues = [(1, "a"), (2, "b"), (3, "c")]
    scene.right.issues = [(11, "a")]
    load = scene.decide(scene.begin())
    scene.link(2, None)  # its twin is being made
    ended, withdrawn = scene.loads().abandon(scene.profile)
    assert (ended.paired, withdrawn) == (1, 1)
    assert scene.marked() == [("left", 1), ("left", 2)]
    assert scene.owner.execute("SELECT state FROM run").fetchall() == [("stopped",)]
    assert scene.loads().step(scene.profile.id, load.run_id).ended_at is not None
    assert scene.loads().unfinished(scene.profile) is None
    with pytest.raises(Problem, match="There is no load to go on with"):
        scene.loads().resume(scene.profile, None)


def test_a_rehearsal_counts_what_a_load_would_do_and_stores_nothing(scene: Scene) -> None:
    scene.left.issues = [(1, "a"), (2, "b"), (3, "c"), (4, "d")]
    scene.right.issues = [(11, "a"), (12, "b"), (13, "b"), (14, "d")]
    scene.link(4, 14)
    ask = Ask("left", None, SUMMARY)
    found = rehearse(scene.loads(), scene.profile, ask, lambda read: None).load
    counts = (found.paired, found.created, found.linked, found.ambiguous, found.named)
    assert counts == (1, 1, 1, 1, ["K-2"])
    assert scene.pairs() == [(4, 14)]
    for table in ("load", "load_issue", "run", "change"):
        assert scene.owner.execute(f"SELECT FROM {table}").fetchall() == []


@pytest.mark.parametrize("sources", ["left", "right", "both"])
def test_a_rehearsal_finds_the_twins_whose_links_were_lost_by_their_marks(
    scene: Scene, sources: str
) -> None:
    scene.left.issues = [(1, "a"), (2, "b"), (3, "c")]
    scene.right.issues = [(11, "a"), (12, "b"), (13, "c")]
    scene.right.extra = {
        number: {"property": {"profile": str(scene.profile.id), "side": "right", "source": source}}
        for number, source in ((11, "1"), (12, "2"))
    }
    scene.link(2, None)  # its own create is under way
    done = rehearse(scene.loads(), scene.profile, Ask(sources, None, None), lambda read: None)
    # 12 says by its own mark whose twin it is; from the left its link has to be completed.
    assert sorted(done.found) == (["K-11"] if sources == "left" else ["K-11", "K-12"])
    assert done.load.created == {"left": 2, "right": 1, "both": 2}[sources]
    said = result(done.load, rehearsed=True, found=done.found)
    assert "found by the mark that Tandem made, and linked again: K-11" in said
    assert scene.left.asked.count("find_twins") + scene.right.asked.count("find_twins") <= 2
    assert scene.pairs() == [(2, None)]


def test_five_million_issues_are_refused_with_what_to_do_before_anything_is_read(
    scene: Scene,
) -> None:
    scene.left.size = 5_000_000
    with pytest.raises(Problem) as refused:
        look(scene.profile, scene.open_site, Ask("left", "labels = x", None))
    assert refused.value.detail == (
        "jql: it leaves about 5,000,000 issues on the left side, and a load takes at most 200,000. "
        "Narrow it with a JQL or the profile's scope."
    )
    asked = Ask("left", "labels = x", None)
    assert look(scene.profile, scene.open_site, asked, all_=True).sources == 5_000_000


@pytest.mark.parametrize(
    ("jql", "said"),
    [
        ("a = b) OR (c = d", "brackets"),
        ("(a = b", "brackets"),
        ("a = b order  by c", "ORDER BY"),
        ('a = "b', "quotation mark"),
        ("a = 'b", "quotation mark"),
        ("x" * 10_001, "10,000 characters"),
    ],
)
def test_a_jql_that_would_leave_its_brackets_is_refused(jql: str, said: str) -> None:
    with pytest.raises(Problem, match=said):
        clean_jql(jql)


def test_brackets_and_orders_inside_quotes_are_text() -> None:
    jql = r"""summary ~ "order by :-) \" (" AND b = 'it)' AND (c = d)"""
    assert clean_jql(f"  {jql} ") == jql
    assert clean_jql("  ") is None


def test_a_value_is_matched_as_the_mapping_reads_it_or_by_its_text() -> None:
    profile = Profile(Scope("1", "1"), Scope("2", "2"), DEFAULT_FIELDS)
    summary = MatchField.of(profile, "summary")
    assert value_of(profile, summary, Side.LEFT, " A\r\nb ") == "A\nb"
    assert value_of(profile, summary, Side.LEFT, "  ") is None
    number = MatchField.of(profile, "customfield_1=customfield_2")
    assert (number.left, number.right) == ("customfield_1", "customfield_2")
    assert value_of(profile, number, Side.LEFT, 42.0) == value_of(
        profile, number, Side.RIGHT, " 42"
    )
    assert value_of(profile, number, Side.LEFT, {"value": "Big"}) == "Big"
    assert value_of(profile, number, Side.LEFT, ["a"]) is None
    assert value_of(profile, number, Side.LEFT, True) is None


def test_two_issues_of_one_value_without_any_opposite_are_both_created() -> None:
    both = [Read(Side.LEFT, n, f"K-{n}", "m", EPOCH, source=True) for n in (1, 2)]
    assert decide(both[0], both, {}).outcome is Outcome.CREATE
    there = Read(Side.RIGHT, 3, "K-3", "m", EPOCH, source=False)
    assert decide(both[0], [*both, there], {}).outcome is Outcome.AMBIGUOUS
    # One that was linked before the load began is out of the matching.
    old = {(Side.RIGHT, 3): Bond(0, 9, 3, young=False)}
    assert decide(both[0], [*both, there], old).outcome is Outcome.CREATE


def _mark(scene: Scene, run: uuid.UUID | None, *issues: int) -> None:
    profile = scene.profile
    with tenant_transaction(profile.left_tenant) as session:
        mark(
            session,
            [
                Mark(profile.id, Side.LEFT, one, profile.left_tenant, profile.right_tenant, 1,
                     None, run)
                for one in issues
            ],
        )  # fmt: skip


def _paced(scene: Scene) -> tuple[list[int], float]:
    with tenant_transaction(scene.profile.left_tenant) as session:
        dirty = store_dirty.due(session, scene.profile, 1)
    taken, wait = pacing.pace(scene.profile, 1, dirty, [])
    return [one.issue_id for one in taken], wait


def test_a_drain_takes_live_changes_alone_and_of_a_run_a_few_or_none(scene: Scene) -> None:
    run = scene.begin().run_id
    _mark(scene, run, *range(1, 31))
    assert _paced(scene) == (list(range(1, 1 + pacing.FEW)), 0)
    _mark(scene, None, 77)
    assert _paced(scene) == ([77], 0)
    scene.owner.execute("UPDATE change SET lane = 2 WHERE run_id IS NULL")
    taken, wait = _paced(scene)  # the live one waits in another lane: nothing of the run begins
    assert (taken, wait) == ([], 1.0)
    due = "SELECT count(*), max(attempts) FROM change WHERE lane = 1 AND not_before <= now()"
    assert scene.owner.execute(due).fetchone() == (0, None)
    assert scene.owner.execute("SELECT max(attempts) FROM change").fetchone() == (0,)
    scene.owner.execute("DELETE FROM change WHERE run_id IS NULL")
    scene.owner.execute("UPDATE change SET not_before = now()")
    assert len(_paced(scene)[0]) == pacing.FEW


def test_the_echo_of_a_twin_that_is_being_made_holds_no_load_up(scene: Scene) -> None:
    run = scene.begin().run_id
    _mark(scene, run, 1)
    _mark(scene, None, 50)
    scene.owner.execute("UPDATE change SET lane = 2 WHERE issue_id = 50")
    assert _paced(scene)[0] == []
    scene.owner.execute("UPDATE change SET not_before = now()")
    scene.link(50, 51)
    assert _paced(scene)[0] == []  # a live change of a pair is a live change
    scene.owner.execute("UPDATE change SET not_before = now()")
    scene.owner.execute("UPDATE issue_link SET create_sent_at = now()")
    assert _paced(scene)[0] == [1]
    scene.owner.execute("UPDATE issue_link SET create_sent_at = NULL, left_seen = now()")
    scene.owner.execute(
        "UPDATE change SET event_updated = now() - interval '1 s' WHERE issue_id = 50"
    )
    assert _paced(scene)[0] == [1]
