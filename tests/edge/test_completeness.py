"""The check of a whole scope at its edges: hidden fields, flat memory, refusals, the sentence."""

from __future__ import annotations

import gc
import tracemalloc
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from flask import Flask

from app import Tandem
from app.database import TenantId
from app.jira.site import Issue, JiraSite, SearchPage, SiteError
from app.mapping import profiles
from app.mapping.document import dump_profile
from app.mapping.profile import DEFAULT_FIELDS, Profile, Scope, Side
from app.mapping.profiles import StoredProfile
from app.mapping.values import read_fields
from app.sync.completeness import Completeness
from app.sync.completeness_store import Check
from app.sync.completeness_words import sentence, well
from app.sync.fingerprint import Fingerprinter
from tests.edge.jira import Jira

NOW = datetime(2027, 3, 4, 14, 3, tzinfo=UTC)
SCOPE = Scope("10", "3")
RIGHT_IDS = 1_000_000  # a twin has its source's id and this much more


@dataclass
class Site:
    """A site of any number of issues, made when they are asked for; its answers can be changed."""

    base_url = "https://played.example.test"
    ids: range
    hidden: frozenset[str] = frozenset()
    summaries: dict[int, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    failing: SiteError | None = None
    forgetful: bool = False
    restricted: frozenset[int] = frozenset()

    def fetch(self, issue_ids: Sequence[int], fields: Sequence[str]) -> dict[int, Issue]:
        """See JiraSite.fetch."""
        self._ask("fetch")
        assert len(issue_ids) <= 100
        return {one: self._issue(one, fields) for one in issue_ids if one in self.ids}

    def search(
        self, jql: str, fields: Sequence[str], *, page: str | None = None, size: int = 100
    ) -> SearchPage:
        """See JiraSite.search."""
        self._ask("search")
        if page is not None and self.forgetful:
            self.forgetful = False
            raise SiteError("The page token is unknown.", site_status=400)
        assert jql == "project = 10 AND issuetype = 3 ORDER BY id"
        first = int(page or 0)
        issues = tuple(self._issue(one, fields) for one in self.ids[first : first + size])
        more = first + size < len(self.ids)
        return SearchPage(issues, str(first + size) if more else None)

    def _ask(self, what: str) -> None:
        self.asked.append(what)
        if self.failing is not None:
            raise self.failing

    def _issue(self, one: int, fields: Sequence[str]) -> Issue:
        values: dict[str, Any] = {
            **content(one % RIGHT_IDS),
            "created": "2020-01-01T00:00:00.000+0000",
            "security": {"id": "1"} if one in self.restricted else None,
        }
        if one in self.summaries:
            values["summary"] = self.summaries[one]
        told = {name: values[name] for name in fields if name not in self.hidden}
        told |= {"project": {"id": "10"}, "issuetype": {"id": "3"}}
        return Issue(one, f"WEB-{one}", told, NOW)


def content(number: int) -> dict[str, Any]:
    """The fields of an issue: some text, so that keeping it would show."""
    text = f"Number {number}. " * 40
    body = {"type": "paragraph", "content": [{"type": "text", "text": text}]}
    return {
        "summary": f"Number {number}",
        "description": {"type": "doc", "version": 1, "content": [body]},
        "labels": ["one", "two"],
        "priority": {"id": "1", "name": "High"},
        "duedate": None,
    }


@dataclass
class Scene:
    """A profile of two played sites with so many pairs in step."""

    tandem: Tandem
    owner: psycopg.Connection
    profile: StoredProfile
    sites: dict[TenantId, Site]
    rings: list[int] = field(default_factory=list)

    @property
    def left(self) -> Site:
        """The site on the left."""
        return self.sites[self.profile.left_tenant]

    @property
    def right(self) -> Site:
        """The site on the right."""
        return self.sites[self.profile.right_tenant]

    def work(self) -> Completeness:
        """A process that takes steps."""
        opened: Callable[[TenantId], JiraSite] = self.sites.__getitem__  # type: ignore[assignment]

        def ring(profile_id: uuid.UUID, lane: int, after: float = 0.0) -> None:
            self.rings.append(lane)

        return Completeness(self.tandem.vault, opened, ring)

    def step(self, work: Completeness) -> bool:
        """The next step, whatever the pause before it and the live changes that go first."""
        self.owner.execute("UPDATE change SET not_before = now() + interval '1 hour'")
        self.owner.execute("DELETE FROM site_budget")
        self.owner.execute("UPDATE completeness SET not_before = now()")
        return work.step(self.profile)

    def check(self) -> Check:
        """A whole check, from its beginning or from where it is."""
        work = self.work()
        work.begin(self.profile.id)
        while self.step(work):
            pass
        return work.read(self.profile)


@pytest.fixture
def owner(database_url: str) -> Iterator[psycopg.Connection]:
    """A connection of the owner of the tables."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


Maker = Callable[[int], Scene]


@pytest.fixture
def scene(app: Flask, installed: Jira, other: Jira, owner: psycopg.Connection) -> Maker:
    """Makes a profile with so many pairs in step."""
    tandem: Tandem = app.extensions["tandem"]
    rows = owner.execute("SELECT id FROM installation ORDER BY base_url").fetchall()
    left, right = (TenantId(row[0]) for row in rows)

    def make(count: int) -> Scene:
        profile = _profile(tandem, owner, left, right)
        base = _base(tandem, profile)
        with owner.cursor().copy(
            "COPY issue_link (id, profile_id, left_tenant_id, right_tenant_id, left_issue_id,"
            " right_issue_id, left_key, right_key, lane, base) FROM STDIN"
        ) as copy:
            for one in range(1, count + 1):
                twin = one + RIGHT_IDS
                copy.write_row(
                    (uuid.uuid4(), profile.id, left, right, one, twin, f"WEB-{one}", f"WEB-{twin}",
                     one % 8, base(one))
                )  # fmt: skip
        sites = {
            left: Site(range(1, count + 1)),
            right: Site(range(RIGHT_IDS + 1, RIGHT_IDS + count + 1)),
        }
        return Scene(tandem, owner, profile, sites)

    return make


def _profile(
    tandem: Tandem, owner: psycopg.Connection, left: TenantId, right: TenantId
) -> StoredProfile:
    import json

    from app.mapping.profiles import place

    connection, made = uuid.uuid4(), uuid.uuid4()
    document = json.dumps(dump_profile(Profile(SCOPE, SCOPE, DEFAULT_FIELDS))).encode()
    owner.execute("INSERT INTO connection VALUES (%s, %s, %s)", (connection, left, right))
    owner.execute(
        "INSERT INTO profile (id, connection_id, left_tenant_id, right_tenant_id, name, state,"
        " left_project_id, left_type_id, right_project_id, right_type_id, revision)"
        " VALUES (%s, %s, %s, %s, 'p', 'on', 10, 3, 10, 3, 1)",
        (made, connection, left, right),
    )
    owner.execute(
        "INSERT INTO profile_revision VALUES (%s, 1, %s, %s, %s, 'someone')",
        (made, left, right, tandem.vault.seal(place(left, made, 1), document)),
    )
    return profiles.load(tandem.vault, made)


def _base(tandem: Tandem, profile: StoredProfile) -> Callable[[int], str]:
    import json

    marks = Fingerprinter(tandem.vault.derive(profile.left_tenant, f"fingerprint:{profile.id}"))

    def base(number: int) -> str:
        sides: Mapping[str, dict[str, str]] = {
            side.value: {
                key: marks.of(key, side, value)
                for key, value in read_fields(DEFAULT_FIELDS, side, content(number)).values.items()
            }
            for side in Side
        }
        return json.dumps(sides)

    return base


def said(check: Check, tenant: TenantId, now: datetime | None = None) -> str:
    """The sentence, with the fields by their ids."""
    return sentence(check, tenant, lambda name: name, now)


@pytest.mark.parametrize("pairs", [4_000, pytest.param(10_000, marks=pytest.mark.nightly)])
def test_memory_is_flat_over_thousands_of_pairs(scene: Maker, pairs: int) -> None:
    made = scene(pairs)
    work = made.work()
    work.begin(made.profile.id)
    peaks: list[int] = []
    steps = pairs // 100
    measured = [*range(10, 20), *range(steps - 10, steps)]
    tracemalloc.start()
    try:
        while True:
            if len(peaks) in measured:
                gc.collect()  # what only waits for the collector is not kept
            tracemalloc.reset_peak()
            if not made.step(work):
                break
            peaks.append(tracemalloc.get_traced_memory()[1])
            for site in made.sites.values():
                site.asked.clear()
    finally:
        tracemalloc.stop()
    check = work.read(made.profile)
    assert (check.pairs, check.agreed) == (pairs, pairs)
    early, late = (max(peaks[i] for i in part) for part in (measured[:10], measured[10:]))
    assert late <= early * 1.1


def test_a_hidden_field_is_not_compared_and_is_said_to_be(scene: Maker) -> None:
    made = scene(3)
    made.left.hidden = frozenset({"priority"})
    check = made.check()
    assert (check.agreed, check.unseen) == (3, ["priority"])
    assert "not compared: priority" in said(check, made.profile.left_tenant)


def test_a_difference_is_looked_at_twice_then_named_and_handed_to_the_engine(
    scene: Maker,
) -> None:
    made = scene(250)
    made.right.summaries[RIGHT_IDS + 7] = "A planted secret"
    check = made.check()
    assert (check.agreed, check.differing) == (249, 1)
    assert check.named == [{"left": "WEB-7", "right": "WEB-1000007", "fields": ["summary"]}]
    assert made.rings == [7]
    marked = made.owner.execute("SELECT side, issue_id, event_updated FROM change").fetchall()
    assert marked == [("left", 7, None)]
    rows = str(made.owner.execute("SELECT * FROM completeness").fetchall())
    assert "WEB-7" in rows
    assert "planted" not in rows


def test_an_edit_that_is_over_at_the_second_look_is_no_difference(scene: Maker) -> None:
    made = scene(5)
    made.left.summaries[3] = "Under way"
    work = made.work()
    work.begin(made.profile.id)
    assert made.step(work)
    assert work.read(made.profile).suspects != []
    made.left.summaries.clear()
    assert made.check().agreed == 5


def test_pairs_that_wait_or_are_parked_are_counted_apart(scene: Maker) -> None:
    made = scene(4)
    for issue, parked in ((1, False), (2, True)):
        made.left.summaries[issue] = "Not carried yet"
        made.owner.execute(
            "INSERT INTO change (profile_id, side, issue_id, left_tenant_id, right_tenant_id, lane,"
            " parked) VALUES (%s, 'left', %s, %s, %s, 1, %s)",
            (made.profile.id, issue, made.profile.left_tenant, made.profile.right_tenant, parked),
        )
    check = made.check()
    assert (check.agreed, check.waiting, check.parked, check.differing) == (2, 1, 1, 0)
    assert well(check)
    assert "1 waits to be carried; 1 is parked" in said(check, made.profile.left_tenant)


def test_at_most_a_hundred_are_named_and_the_rest_is_counted(scene: Maker) -> None:
    made = scene(150)
    for issue in made.left.ids:
        made.left.summaries[issue] = "Other"
    check = made.check()
    assert (check.differing, len(check.named)) == (150, 100)
    assert len(set(made.rings)) == 8


def test_a_site_that_fails_puts_the_step_off_and_loses_no_count(scene: Maker) -> None:
    made = scene(120)
    work = made.work()
    work.begin(made.profile.id)
    assert made.step(work)
    made.right.failing = SiteError("No.", site_status=503, retry_after=77)
    assert made.step(work)
    check = work.read(made.profile)
    assert (check.pairs, check.attempts, check.lease) == (100, 1, None)
    assert not work.step(made.profile)  # not before the site's own time
    assert "It waits for a site" in said(check, made.profile.left_tenant)
    made.right.failing = None
    assert made.check().agreed == 120


def test_a_step_that_another_took_over_stores_nothing(scene: Maker) -> None:
    made = scene(120)
    slow, quick = made.work(), made.work()
    slow.begin(made.profile.id)
    fetch, inside = made.right.fetch, []

    def late(issue_ids: Sequence[int], fields: Sequence[str]) -> dict[int, Issue]:
        if not inside:
            inside.append(True)
            assert made.step(quick)  # the first one's lease is over
        return fetch(issue_ids, fields)

    made.right.fetch = late  # type: ignore[method-assign]
    assert made.step(slow)
    assert slow.read(made.profile).pairs == 100
    assert made.check().pairs == 120


def test_page_numbers_that_the_site_forgot_start_its_scope_again_and_count_once(
    scene: Maker,
) -> None:
    made = scene(5)
    made.left.ids = range(1, 300)
    made.left.forgetful = True
    check = made.check()
    assert (check.unlinked_left, check.agreed) == (294, 5)


def test_a_paused_profile_and_one_whose_day_has_not_come_are_left_alone(scene: Maker) -> None:
    made = scene(2)
    work = made.work()
    assert work.tick() == 0  # its row is made now, for some moment of the day
    made.owner.execute("UPDATE completeness SET due_at = now() + interval '1 hour'")
    assert work.tick() == 0
    made.owner.execute("UPDATE profile SET state = 'paused'")
    made.owner.execute("UPDATE completeness SET due_at = now()")
    assert work.tick() == 0
    made.owner.execute("UPDATE profile SET state = 'on'")
    assert work.tick() == 1
    assert made.left.asked == ["fetch"]


def test_the_pause_after_a_step_keeps_to_the_calls_a_minute(scene: Maker) -> None:
    made = scene(2)
    made.owner.execute("DELETE FROM completeness")
    work = made.work()
    work.begin(made.profile.id)
    made.owner.execute("UPDATE completeness SET calls_a_minute = 2")
    assert made.step(work)  # two calls
    [seconds] = made.owner.execute(
        "SELECT extract(epoch FROM not_before - now()) FROM completeness"
    ).fetchone() or [0]
    assert 50 < seconds <= 60
    assert not work.step(made.profile)


def test_live_changes_go_first_and_a_step_that_is_held_has_not_failed(scene: Maker) -> None:
    made = scene(2)
    work = made.work()
    work.begin(made.profile.id)
    made.owner.execute(
        "INSERT INTO change (profile_id, side, issue_id, left_tenant_id, right_tenant_id, lane)"
        " VALUES (%s, 'left', 1, %s, %s, 1)",
        (made.profile.id, made.profile.left_tenant, made.profile.right_tenant),
    )
    assert work.step(made.profile)
    check = work.read(made.profile)
    assert (check.pairs, check.attempts, made.left.asked) == (0, 0, [])
    made.owner.execute("DELETE FROM change")
    assert made.check().agreed == 2


def sample(**more: Any) -> Check:
    """A finished check."""
    wrong = ("differing", "gone", "waiting", "parked")
    lonely = ("only_left", "only_right", "unlinked_left", "unlinked_right")
    counts = dict.fromkeys((*wrong, *lonely), 0)
    values: dict[str, Any] = {
        **counts, "pairs": 4212, "agreed": 4212, "about": 4212, "attempts": 0, "named": [],
        "unseen": [], "started_at": NOW - timedelta(hours=1), "finished_at": NOW,
        "left_tenant_id": uuid.UUID(int=1), "right_tenant_id": uuid.UUID(int=2),
    }  # fmt: skip
    return Check(**(values | more))


def test_the_sentence_says_what_an_admin_wants_to_know() -> None:
    left, right = TenantId(uuid.UUID(int=1)), TenantId(uuid.UUID(int=2))
    assert said(sample(), left, NOW) == "All 4,212 pairs agreed at 14:03."
    tomorrow = said(sample(), left, NOW + timedelta(days=1))
    assert tomorrow == "All 4,212 pairs agreed at 2027-03-04 14:03."
    named = [{"left": "WEB-4", "right": "PLAT-9", "fields": ["summary"]}]
    one = sample(agreed=4209, differing=3, named=named)
    assert said(one, left, NOW).startswith(
        "4,209 of 4,212 pairs agreed at 14:03; 3 differ: WEB-4 (summary), …"
    )
    assert "PLAT-9 (summary)" in said(one, right, NOW)
    running = sample(finished_at=None, pairs=2000)
    assert said(running, left, NOW) == "Checking: 2,000 of about 4,212 pairs."
    assert said(sample(started_at=None), left, NOW) == "Not checked yet."
