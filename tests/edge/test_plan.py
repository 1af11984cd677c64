"""Plans at their edges: files that were changed, sites that refuse or are busy, large scopes."""

from __future__ import annotations

import gc
import json
import re
import stat
import tracemalloc
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import event

from app.database import db
from app.errors import Problem
from app.jira.site import Created, FieldChanges, FieldRule, Issue, SiteError
from app.mapping import profiles
from app.mapping.document import dump_profile
from app.mapping.profile import Profile, Side
from app.mapping.profiles import StoredProfile
from app.sync.apply import Applier
from app.sync.plan_file import PlanFile, PlanWriter
from app.sync.planning import Planner
from app.sync.planning_summary import FEW, Summary, is_told
from app.sync.planning_types import Cause, IssuePlan, Step
from tests.edge.test_completeness import (
    NOW,
    RIGHT_IDS,
    Maker,
    Scene,
    Site,
    owner,  # noqa: F401  a fixture
    scene,  # noqa: F401  a fixture
)

MARKS = 12
SECRET = "Sphinx of black quartz"


@dataclass
class Played(Site):
    """A site that answers what a planner asks, besides what a check asks."""

    found: int | None = None
    rules: dict[str, FieldRule] = field(default_factory=dict)
    edits: dict[int, dict[str, Any]] = field(default_factory=dict)
    twins: dict[int, Created] = field(default_factory=dict)
    marks: dict[int, dict[str, str]] = field(default_factory=dict)
    failures: list[SiteError] = field(default_factory=list)
    refused_jql: str | None = None
    outside: frozenset[int] = frozenset()

    def count(self, jql: str) -> int:
        """See JiraSite.count."""
        self._ask("count")
        if jql == self.refused_jql:
            raise SiteError("answered 400: Field 'x' does not exist.", site_status=400)
        return len(self.ids) if self.found is None else self.found

    def match_now(self, jql: str, issue_ids: Sequence[int]) -> frozenset[int]:
        """See JiraSite.match_now."""
        assert (jql, len(issue_ids) <= 50) == ("labels = ours", True)
        return frozenset(issue_ids) - self.outside

    def create_fields(self, project_id: int, type_id: int) -> dict[str, FieldRule]:
        """See JiraSite.create_fields."""
        return self.rules

    def edit_fields(self, issue_id: int) -> dict[str, FieldRule]:
        """See JiraSite.edit_fields. This one does not tell."""
        return {}

    def fetch_with_screens(self, ids: Sequence[int | str], fields: Sequence[str]) -> Any:
        """See JiraSite.fetch_with_screens. This one does not tell of screens."""
        return self.fetch(ids, fields)

    def last_changes(self, issue_ids: Sequence[int]) -> dict[int, FieldChanges]:
        """See JiraSite.last_changes."""
        self._ask("last_changes")
        return {one: FieldChanges({"summary": NOW, "duedate": NOW}) for one in issue_ids}

    def find_twin(self, profile: str, source_issue_id: int) -> Created | None:
        """See JiraSite.find_twin."""
        return self.twins.get(source_issue_id)

    def find_twins(self, profile: str, source_ids: Sequence[int]) -> dict[int, Created]:
        """See JiraSite.find_twins."""
        self._ask("find_twins")
        assert len(source_ids) <= 100
        return {one: self.twins[one] for one in source_ids if one in self.twins}

    def account(self) -> str:
        """See JiraSite.account."""
        return "tandem"

    def _ask(self, what: str) -> None:
        super()._ask(what)
        if self.failures:
            raise self.failures.pop(0)

    def _issue(self, one: int, fields: Sequence[str]) -> Issue:
        issue = super()._issue(one, [name for name in fields if name != "creator"])
        told = {**issue.fields, **self.edits.get(one, {})}
        return replace(issue, fields=told, property=self.marks.get(one))


@dataclass
class Plans:
    """A profile of two played sites, and a planner of it."""

    scene: Scene
    waits: list[float] = field(default_factory=list)

    @property
    def left(self) -> Played:
        """The site on the left."""
        found = self.scene.left
        assert isinstance(found, Played)
        return found

    @property
    def right(self) -> Played:
        """The site on the right."""
        found = self.scene.right
        assert isinstance(found, Played)
        return found

    @property
    def profile(self) -> StoredProfile:
        """The profile as it is stored now."""
        return profiles.load(self.scene.tandem.vault, self.scene.profile.id)

    def planner(self, patience: float = 30.0) -> Planner:
        """One that never waits in truth."""
        opened: Any = self.scene.sites.__getitem__
        vault = self.scene.tandem.vault
        return Planner(vault, opened, pause=self.waits.append, patience=patience)

    def of(self, side: Side, *ids: int) -> list[IssuePlan]:
        """The plans of these issues."""
        return self.planner().issues(self.profile, side, ids)

    def one(self, side: Side = Side.LEFT, issue_id: int = 1) -> IssuePlan:
        """The plan of one issue."""
        [found] = self.of(side, issue_id)
        return found

    def file(self, path: Path) -> bytes:
        """Write the plan of the whole scope, and give its bytes."""
        writer = PlanWriter(path, self.scene.tandem.vault, self.profile, {"asked": "scope"})
        for one in self.planner().scope(self.profile):
            if is_told(one):
                writer.add(one)
        writer.end({})
        return path.read_bytes()

    def applier(self) -> Applier:
        """One that rings no bell."""
        return Applier(self.planner(), lambda profile, lane: None, self.scene.tandem.record)


@pytest.fixture
def plans(scene: Maker) -> Plans:  # noqa: F811
    """A profile with a dozen pairs in step."""
    return make(scene, MARKS)


def make(scene: Maker, count: int) -> Plans:  # noqa: F811
    """A profile with so many pairs in step."""
    made = scene(count)
    made.sites = {tenant: Played(site.ids) for tenant, site in made.sites.items()}
    return Plans(made)


def stored(owner: psycopg.Connection) -> list[Any]:  # noqa: F811
    """The runs and the changes."""
    return owner.execute("SELECT id FROM run UNION ALL SELECT profile_id FROM change").fetchall()


def revise(plans: Plans, owner: psycopg.Connection, profile: Profile) -> None:  # noqa: F811
    """Store a second revision of the profile."""
    stored = plans.profile
    document = json.dumps(dump_profile(profile)).encode()
    place = profiles.place(stored.left_tenant, stored.id, 2)
    owner.execute(
        "INSERT INTO profile_revision VALUES (%s, 2, %s, %s, %s, 'someone')",
        (
            stored.id,
            stored.left_tenant,
            stored.right_tenant,
            plans.scene.tandem.vault.seal(place, document),
        ),
    )
    owner.execute("UPDATE profile SET revision = 2")


# -- the file


def damaged(good: bytes) -> Iterator[tuple[str, bytes]]:
    """The file with each part of it changed, taken away, doubled, moved or cut."""
    lines = good.splitlines(keepends=True)
    for number, line in enumerate(lines):
        before, after = lines[:number], lines[number + 1 :]
        for at in range(0, len(line) - 1, max(1, len(line) // 40)):
            other = b"0" if line[at : at + 1] != b"0" else b"1"
            yield (
                f"byte {at} of line {number}",
                b"".join([*before, line[:at] + other + line[at + 1 :], *after]),
            )
        for name in (b'"left":', b'"lane":'):
            if name in line:
                endless = re.sub(name + b"[0-9]+", name + b"1e999", line)
                yield f"{name!r} of line {number} without end", b"".join([*before, endless, *after])
        yield f"without line {number}", b"".join([*before, *after])
        yield f"line {number} twice", b"".join([*before, line, line, *after])
        yield f"cut after line {number}", b"".join(before)
        yield f"cut in line {number}", b"".join([*before, line[: len(line) // 2]])
        if after:
            yield f"line {number} moved", b"".join([*before, after[0], line, *after[1:]])
    yield "something after it", good + b"{}\n"
    yield "an end of its own after it", good + lines[-1]
    yield "without its last line break", good[:-1]


def test_a_file_that_was_changed_in_any_part_is_refused_with_what_to_do(
    plans: Plans,
    tmp_path: Path,
    owner: psycopg.Connection,  # noqa: F811
) -> None:
    plans.left.summaries = {1: SECRET, 3: "Another"}
    path = tmp_path / "plan.jsonl"
    good = plans.file(path)
    vault = plans.scene.tandem.vault
    with path.open("rb") as file:
        assert PlanFile(file, vault).to_apply == 2
    count = 0
    for what, bad in damaged(good):
        path.write_bytes(bad)
        with path.open("rb") as file, pytest.raises(Problem) as refused:
            pytest.fail(f"{what}: {PlanFile(file, vault).to_apply} would be applied")
        assert "Nothing was applied. Make a new one with `tandem plan`." in refused.value.detail
        assert SECRET not in refused.value.detail
        count += 1
    assert count > 150
    assert stored(owner) == []


@pytest.mark.parametrize(
    ("head", "why"),
    [
        ({"profile": str(uuid.uuid4())}, "another installation"),
        ({"profile": "x"}, "its profile is not here"),
        ({"tandem_plan": 1}, "version 1, and this Tandem knows version 2 alone"),
        ({"tandem_plan": None}, "it is no plan of Tandem"),
        ({"revision": 9}, "its signature does not hold"),
    ],
)
def test_a_file_with_another_head_is_refused_and_says_why(
    plans: Plans, tmp_path: Path, head: dict[str, Any], why: str
) -> None:
    path = tmp_path / "plan.jsonl"
    first, *rest = plans.file(path).splitlines(keepends=True)
    path.write_bytes(json.dumps(json.loads(first) | head).encode() + b"\n" + b"".join(rest))
    with path.open("rb") as file, pytest.raises(Problem, match=why):
        PlanFile(file, plans.scene.tandem.vault)


@pytest.mark.parametrize("found", [b"", b"\n", b"\x00\xff" * 99, b"[]\n", b"[" * 99999, b"7\n"])
def test_a_file_that_is_no_plan_is_refused(plans: Plans, tmp_path: Path, found: bytes) -> None:
    path = tmp_path / "plan.jsonl"
    path.write_bytes(found)
    with path.open("rb") as file, pytest.raises(Problem, match="it is no plan of Tandem"):
        PlanFile(file, plans.scene.tandem.vault)


def test_a_plan_is_readable_by_its_owner_alone_and_appears_only_when_whole(
    plans: Plans, tmp_path: Path
) -> None:
    path = tmp_path / "plan.jsonl"
    path.write_text("an older plan")
    path.chmod(0o644)
    vault = plans.scene.tandem.vault
    writer = PlanWriter(path, vault, plans.profile, {})
    [part] = tmp_path.glob(".plan.jsonl.*")
    assert stat.S_IMODE(part.stat().st_mode) == 0o600
    assert path.read_text() == "an older plan"
    writer.drop()
    assert [one.name for one in tmp_path.glob("*plan*")] == ["plan.jsonl"]
    plans.file(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in tmp_path.glob("*plan*")] == ["plan.jsonl"]
    with pytest.raises(Problem, match=r"--out: .* cannot be written"):
        PlanWriter(tmp_path / "no" / "folder", vault, plans.profile, {})


def test_a_file_that_is_changed_between_the_check_and_the_marks_leaves_nothing_behind(
    plans: Plans,
    tmp_path: Path,
    owner: psycopg.Connection,  # noqa: F811
) -> None:
    plans.left.summaries = {1: "One", 2: "Two"}
    path = tmp_path / "plan.jsonl"
    good = plans.file(path)
    with path.open("r+b") as file:
        plan = PlanFile(file, plans.scene.tandem.vault)
        applier = plans.applier()
        applier.check(plan)
        file.seek(good.index(b'"lane":') + 7)
        file.write(b"7")
        file.flush()
        with pytest.raises(Problem, match="signature does not hold"):
            applier.begin(plan)
    assert stored(owner) == []
    assert not owner.execute("SELECT FROM audit_event WHERE action = 'plan.applied'").fetchall()


# -- what still fits


def applied(plans: Plans, path: Path) -> None:
    """Check and begin."""
    with path.open("rb") as file:
        plan = PlanFile(file, plans.scene.tandem.vault)
        applier = plans.applier()
        applier.check(plan)
        applier.begin(plan)


def test_a_plan_that_fits_marks_what_it_changes_for_one_run_and_nothing_else(
    plans: Plans,
    tmp_path: Path,
    owner: psycopg.Connection,  # noqa: F811
) -> None:
    plans.left.summaries = {1: "One", 2: "Two"}
    plans.right.hidden = frozenset({"priority"})
    path = tmp_path / "plan.jsonl"
    plans.file(path)
    applied(plans, path)
    rows = owner.execute(
        "SELECT side, issue_id, parked, r.kind, r.state, r.begun_by FROM change c"
        " JOIN run r ON r.id = c.run_id ORDER BY issue_id"
    ).fetchall()
    assert rows == [
        ("left", 1, False, "apply", "running", "command"),
        ("left", 2, False, "apply", "running", "command"),
    ]


def test_what_was_set_aside_is_asked_again_and_what_the_plan_leaves_out_is_not(
    plans: Plans,
    tmp_path: Path,
    owner: psycopg.Connection,  # noqa: F811
) -> None:
    plans.left.summaries = {1: "One"}
    for side, issue in (("right", 1 + RIGHT_IDS), ("left", 2)):
        owner.execute(
            "INSERT INTO change (profile_id, side, issue_id, left_tenant_id, right_tenant_id, lane,"
            " parked) SELECT id, %s, %s, left_tenant_id, right_tenant_id, %s, true FROM profile",
            (side, issue, issue % 8),
        )
        owner.execute(
            "INSERT INTO parked_cause (id, profile_id, side, issue_id, left_tenant_id,"
            " right_tenant_id, at_side, code, field, field_key, said)"
            " SELECT gen_random_uuid(), id, %s, %s, left_tenant_id, right_tenant_id, 'right',"
            " 'value-unknown', 'summary', 'summary=summary', 'x' FROM profile",
            (side, issue),
        )
    path = tmp_path / "plan.jsonl"
    plans.file(path)
    applied(plans, path)
    rows = owner.execute(
        "SELECT c.side, c.issue_id, c.parked, c.run_id IS NOT NULL, p.ask FROM change c"
        " LEFT JOIN parked_cause p USING (profile_id, side, issue_id) ORDER BY c.issue_id"
    ).fetchall()
    assert rows == [
        ("left", 1, False, True, None),
        ("left", 2, True, False, ""),
        ("right", 1 + RIGHT_IDS, False, True, "retry"),
    ]


def test_what_moved_is_named_with_its_fields_at_most_twenty_and_a_count(
    scene: Maker,  # noqa: F811
    tmp_path: Path,
    owner: psycopg.Connection,  # noqa: F811
) -> None:
    plans = make(scene, 40)
    plans.left.summaries = {one: f"New {one}" for one in range(1, 31)}
    path = tmp_path / "plan.jsonl"
    plans.file(path)
    plans.left.summaries[1] = "Newer"
    for one in range(3, 31):
        plans.right.edits[one + RIGHT_IDS] = {"duedate": "2030-01-01"}
    owner.execute("DELETE FROM site_budget")
    with pytest.raises(Problem) as refused:
        applied(plans, path)
    said = refused.value.detail.splitlines()
    assert "29 issues moved since it was made. Nothing was applied." in said[0]
    assert sum(line.startswith("  WEB-") for line in said) == 20
    for line in said[1:21]:
        one = line.split(" / ")[0].strip()
        what = "summary on the left side" if one == "WEB-1" else "duedate on the right side"
        assert line == f"  {one} / WEB-{int(one[4:]) + RIGHT_IDS}: {what} changed"
    assert said[21] == "  … and 9 more"
    assert "Newer" not in refused.value.detail
    assert stored(owner) == []


def test_a_base_that_moved_an_issue_that_is_gone_and_a_screen_that_changed_are_refused(
    plans: Plans,
    tmp_path: Path,
    owner: psycopg.Connection,  # noqa: F811
) -> None:
    plans.left.summaries = {1: "One", 2: "Two"}
    plans.left.edits = {3: {"priority": {"name": "Rare"}}}
    path = tmp_path / "plan.jsonl"
    plans.file(path)
    owner.execute(
        "UPDATE issue_link SET base = jsonb_set(base, '{left,summary=summary}', '\"0\"')"
        " WHERE left_issue_id = 1"
    )
    plans.right.ids = range(RIGHT_IDS + 3, RIGHT_IDS + MARKS + 1)
    plans.right.rules = {"priority": FieldRule("Priority", allowed=frozenset({"High"}))}
    with pytest.raises(Problem) as refused:
        applied(plans, path)
    assert "WEB-1 / " in refused.value.detail
    assert "the issue on the right side is gone" in refused.value.detail
    assert "3 issues moved" in refused.value.detail
    assert stored(owner) == []


def test_a_plan_of_a_profile_that_was_paused_is_refused(
    plans: Plans,
    tmp_path: Path,
    owner: psycopg.Connection,  # noqa: F811
) -> None:
    plans.left.summaries = {1: "One"}
    path = tmp_path / "plan.jsonl"
    plans.file(path)
    owner.execute("UPDATE profile SET state = 'paused'")
    with pytest.raises(Problem, match="not switched on"):
        applied(plans, path)
    assert stored(owner) == []


def test_a_plan_of_an_older_revision_of_the_profile_is_refused(
    plans: Plans,
    tmp_path: Path,
    owner: psycopg.Connection,  # noqa: F811
) -> None:
    plans.left.summaries = {1: "One"}
    path, profile = tmp_path / "plan.jsonl", plans.profile
    plans.file(path)
    revise(plans, owner, profile.profile)
    with pytest.raises(Problem, match="from revision 1 of the profile, which is at 2 by now"):
        applied(plans, path)
    assert stored(owner) == []


# -- what is planned


def test_a_pair_in_step_has_nothing_to_say_and_an_edit_is_one_write(plans: Plans) -> None:
    plans.left.summaries = {2: "Renamed"}
    still, moved = plans.of(Side.LEFT, 1, 2)
    assert (still.step, still.writes, is_told(still)) == (Step.NOTHING, (), False)
    [write] = moved.writes
    assert (write.side, write.field, write.old, write.new) == (
        Side.RIGHT,
        "summary",
        "Number 2",
        "Renamed",
    )
    assert moved == replace(plans.one(Side.RIGHT, 2 + RIGHT_IDS), side=Side.LEFT)


def test_an_issue_that_is_gone_leaves_its_twin_alone(plans: Plans) -> None:
    plans.right.ids = range(RIGHT_IDS + 2, RIGHT_IDS + MARKS + 1)
    one = plans.one()
    assert (one.step, [note.cause for note in one.left_alone]) == (Step.NOTHING, [Cause.GONE])
    assert "right side" in one.left_alone[0].sentence


def test_a_conflict_tells_winner_and_both_values_with_one_question_for_times_a_side(
    plans: Plans,
) -> None:
    for one in (1, 2, 3):
        plans.left.edits[one] = {"summary": f"Left {one}"}
        plans.right.edits[one + RIGHT_IDS] = {"summary": f"Right {one}"}
    found = plans.of(Side.LEFT, 1, 2, 3)
    for number, one in enumerate(found, 1):
        [clash] = one.clashes
        assert (clash.left, clash.right) == (f"Left {number}", f"Right {number}")
        assert clash.winner is Side.LEFT
        assert one.asks_times
    for site in (plans.left, plans.right):
        assert site.asked.count("last_changes") == 1


def test_an_issue_without_a_twin_is_created_and_blocked_by_what_the_site_asks(
    plans: Plans,
    owner: psycopg.Connection,  # noqa: F811
) -> None:
    owner.execute("DELETE FROM issue_link WHERE left_issue_id IN (1, 2)")
    plans.right.rules = {
        name: FieldRule(name.title(), allowed=frozenset({"Low"}) if name == "priority" else None)
        for name in ("summary", "description", "labels", "priority")
    }
    one = plans.one()
    assert one.step is Step.CREATE
    assert one.older  # 2020, long before the profile
    assert [w.field for w in one.writes] == ["summary", "description", "labels"]
    assert [(note.cause, note.sentence) for note in one.blocked] == [
        (Cause.NO_TWIN, "priority 'High' has no twin on the right side")
    ]
    plans.right.rules["cf"] = FieldRule("Impact", required=True)
    del plans.right.rules["labels"]
    found = plans.of(Side.LEFT, 1, 2)
    assert all(one.step is Step.NOTHING and not one.writes for one in found)
    summary = Summary()
    for one in found:
        summary.add(one)
    lines = [group.line() for group in summary.by_count("blocked")]
    assert lines == [
        "2 issues: labels is not on the create screen of the right side (WEB-1, WEB-2)",
        "2 issues: priority 'High' has no twin on the right side (WEB-1, WEB-2)",
        "2 issues: the right side makes no issue without Impact, and no mapping fills it "
        "(WEB-1, WEB-2)",
    ]
    assert summary.estimate(seconds_a_call=None, hands=8).all_calls == 0


def test_a_twin_that_was_made_before_is_linked_again_and_never_made_twice(
    plans: Plans,
    owner: psycopg.Connection,  # noqa: F811
) -> None:
    profile = plans.profile
    owner.execute("DELETE FROM issue_link WHERE left_issue_id = 1")
    plans.right.marks[1 + RIGHT_IDS] = {
        "profile": str(profile.id), "side": "right", "source": "1",
    }  # fmt: skip
    one = plans.one(Side.RIGHT, 1 + RIGHT_IDS)
    assert (one.step, one.left and one.left.id, one.link) == (Step.LINK, 1, None)
    assert one.marked is Side.RIGHT
    plans.right.marks[2 + RIGHT_IDS] = plans.right.marks[1 + RIGHT_IDS] | {"source": "5"}
    owner.execute("DELETE FROM issue_link WHERE left_issue_id = 2")
    two = plans.one(Side.RIGHT, 2 + RIGHT_IDS)
    assert [note.cause for note in two.left_alone] == [Cause.SECOND_TWIN]
    # A clone that somebody made bears the mark of its original, and gets a twin of its own.
    plans.right.edits[2 + RIGHT_IDS] = {"creator": {"accountId": "ann"}}
    assert plans.one(Side.RIGHT, 2 + RIGHT_IDS).step is Step.CREATE
    # A create that was sent and never answered.
    owner.execute(
        "UPDATE issue_link SET right_issue_id = NULL, create_sent_at = now()"
        " WHERE left_issue_id = 3"
    )
    assert plans.one(issue_id=3).step is Step.CREATE
    plans.right.twins[3] = Created(3 + RIGHT_IDS, "WEB-3")
    assert plans.one(issue_id=3).step is Step.LINK


def test_twins_whose_links_were_lost_are_found_by_their_marks_with_one_question_a_page(
    plans: Plans,
    owner: psycopg.Connection,  # noqa: F811
) -> None:
    profile = plans.profile
    owner.execute("DELETE FROM issue_link WHERE left_issue_id IN (1, 2, 3)")
    for one in (1, 2):
        plans.right.twins[one] = Created(one + RIGHT_IDS, f"WEB-{one + RIGHT_IDS}")
        mark = {"profile": str(profile.id), "side": "right", "source": str(one)}
        plans.right.marks[one + RIGHT_IDS] = mark
    plans.right.twins[3] = Created(4 + RIGHT_IDS, "WEB-4")  # which is another one's, by its link
    plans.left.summaries = {1: "Renamed"}
    found = plans.of(Side.LEFT, 1, 2, 3)
    assert [(one.step, one.marked) for one in found] == [
        (Step.LINK, Side.RIGHT),
        (Step.LINK, Side.RIGHT),
        (Step.CREATE, None),
    ]
    assert [one.right and one.right.key for one in found[:2]] == ["WEB-1000001", "WEB-1000002"]
    assert plans.right.asked.count("find_twins") == 1
    # A plan of the whole scope comes upon both halves of such a pair, and tells it once.
    whole = [one for one in plans.planner().scope(profile) if one.step is Step.LINK]
    assert [one.left and one.left.id for one in whole] == [1, 2]


def test_a_twin_that_another_profile_made_is_linked_and_the_walk_leaves_no_trace(
    plans: Plans,
    owner: psycopg.Connection,  # noqa: F811
) -> None:
    another = uuid.uuid4()
    owner.execute(
        "INSERT INTO profile (id, connection_id, left_tenant_id, right_tenant_id, name, state,"
        " left_project_id, left_type_id, right_project_id, right_type_id, revision)"
        " SELECT %s, connection_id, left_tenant_id, right_tenant_id, 'q', 'on',"
        " 10, 3, 10, 3, 1 FROM profile",
        (another,),
    )
    owner.execute("UPDATE issue_link SET profile_id = %s WHERE left_issue_id = 4", (another,))
    # The maker's own link is not complete yet, as its mark on the issue says.
    owner.execute(
        "UPDATE issue_link SET profile_id = %s, left_issue_id = NULL WHERE left_issue_id = 5",
        (another,),
    )
    plans.left.marks[5] = {
        "profile": str(another), "side": "left", "source": str(5 + RIGHT_IDS),
    }  # fmt: skip
    before = owner.execute("SELECT xmin::text, k::text FROM issue_link k ORDER BY id").fetchall()
    found = plans.of(Side.LEFT, 4, 5)
    for number, one in zip((4, 5), found, strict=True):
        assert (one.step, one.writes) == (Step.LINK, ())
        assert one.right is not None
        assert one.right.id == number + RIGHT_IDS
    after = owner.execute("SELECT xmin::text, k::text FROM issue_link k ORDER BY id").fetchall()
    assert after == before


def test_what_is_outside_the_filter_of_its_side_is_left_alone_and_no_twin_is_made(
    plans: Plans,
    owner: psycopg.Connection,  # noqa: F811
) -> None:
    profile = plans.profile.profile
    revise(plans, owner, replace(profile, left=replace(profile.left, filter="labels = ours")))
    owner.execute("DELETE FROM issue_link WHERE left_issue_id IN (2, 4)")
    plans.left.summaries = {1: "One", 3: "Three"}
    plans.left.outside = frozenset({1, 2})
    still, unmade, moved, made = plans.of(Side.LEFT, 1, 2, 3, 4)
    for one in (still, unmade):
        assert (one.step, one.writes) == (Step.NOTHING, ())
        assert [note.cause for note in one.left_alone] == [Cause.FILTERED]
    assert (moved.step, made.step) == (Step.UPDATE, Step.CREATE)


def test_an_issue_with_a_security_level_is_left_alone_and_no_twin_is_made(
    plans: Plans,
    owner: psycopg.Connection,  # noqa: F811
) -> None:
    owner.execute("DELETE FROM issue_link WHERE left_issue_id = 2")
    plans.left.summaries = {1: "One"}
    plans.left.restricted = frozenset({1, 2})
    for one in plans.of(Side.LEFT, 1, 2):
        assert (one.step, one.writes) == (Step.NOTHING, ())
        assert [note.sentence for note in one.left_alone] == [
            "The issue on the left side has a security level"
        ]
    revise(plans, owner, replace(plans.profile.profile, restricted=frozenset(Side)))
    crosses, made = plans.of(Side.LEFT, 1, 2)
    assert (crosses.step, made.step) == (Step.UPDATE, Step.CREATE)


# -- what is asked for, and of whom


@pytest.mark.parametrize(
    ("jql", "why"),
    [
        (" ", "it is empty"),
        ("x = 1 ORDER BY created", "leave ORDER BY out"),
        ("x = 1", "the left site does not take it. answered 400"),
    ],
)
def test_a_jql_that_cannot_be_followed_is_refused_with_the_cure(
    plans: Plans, jql: str, why: str
) -> None:
    plans.left.refused_jql = "x = 1"
    with pytest.raises(Problem) as refused:
        plans.planner().jql(plans.profile, Side.LEFT, jql)
    assert why in refused.value.detail
    assert refused.value.field == "jql"


def test_a_filter_that_finds_five_million_issues_is_refused_before_one_is_read(
    plans: Plans,
) -> None:
    plans.left.found = 5_000_000
    with pytest.raises(Problem, match="about 5,000,000 issues; a plan takes at most 100,000"):
        plans.planner().jql(plans.profile, Side.LEFT, "summary ~ 'order by'")
    with pytest.raises(Problem, match="5,000,000"):
        plans.planner().scope(plans.profile)
    assert set(plans.left.asked) == {"count"}


def test_a_site_that_fails_for_a_moment_is_asked_again_and_one_that_refuses_is_not(
    plans: Plans,
) -> None:
    plans.right.failures = [
        SiteError("It failed.", site_status=503),
        SiteError("Wait.", site_status=429, retry_after=7),
    ]
    assert plans.one().step is Step.NOTHING
    assert plans.waits == [1.0, 7.0]
    plans.right.failures = [SiteError("No.", site_status=403)]
    with pytest.raises(SiteError, match=r"^No\.$"):
        plans.one()


def test_a_site_without_room_for_background_work_is_waited_for_and_then_given_up(
    plans: Plans,
    owner: psycopg.Connection,  # noqa: F811
) -> None:
    owner.execute(
        "INSERT INTO site_budget (tenant_id, blocked_until, code)"
        " VALUES (%s, now() + interval '1 hour', 'points')",
        (plans.profile.left_tenant,),
    )
    with pytest.raises(Problem, match="live changes go first"):
        plans.one()
    assert sum(plans.waits) == 30
    assert max(plans.waits) <= 5
    assert plans.left.asked == []


def test_a_plan_writes_to_no_table_but_the_budget_of_the_sites(plans: Plans) -> None:
    plans.left.summaries = {1: "One"}
    told: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        told.append(statement.strip())

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        list(plans.planner().scope(plans.profile))
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    writing = [one for one in told if one.split()[0].upper() not in {"SELECT", "WITH"}]
    assert writing
    assert all("site_budget" in one for one in writing)
    assert not any(word in one.upper() for one in told if one not in writing
                   for word in ("INSERT ", "UPDATE ", "DELETE "))  # fmt: skip


def test_the_memory_of_a_plan_is_that_of_a_page_however_large_the_scope(
    scene: Maker,  # noqa: F811
    owner: psycopg.Connection,  # noqa: F811
    tmp_path: Path,
) -> None:
    plans = make(scene, 1000)
    plans.left.edits = {one: {"duedate": "2030-01-01"} for one in range(1, 1001)}
    summary, peaks = Summary(), []
    writer = PlanWriter(tmp_path / "plan", plans.scene.tandem.vault, plans.profile, {})
    tracemalloc.start()
    try:
        for number, one in enumerate(plans.planner().scope(plans.profile), 1):
            summary.add(one)
            writer.add(one)
            if number % 250 == 0:
                gc.collect()
                peaks.append(tracemalloc.get_traced_memory()[1])
                tracemalloc.reset_peak()
                owner.execute("DELETE FROM site_budget")
    finally:
        tracemalloc.stop()
        writer.drop()
    assert summary.steps[Step.UPDATE] == 1000
    assert len(peaks) == 4
    assert peaks[-1] < peaks[1] * 1.1 + 200_000


def test_calls_are_counted_as_the_engine_makes_them() -> None:
    summary = Summary()
    base = IssuePlan(Step.CREATE, Side.LEFT, None, None, lane=0)
    for number in range(2 * FEW + 1):  # in one lane: three batches
        summary.add(replace(base, lane=0, older=number == 0))
    found = summary.estimate(seconds_a_call=0.1, hands=8)
    # With a question about each batch, whether a mark knows of twins that no link does.
    assert found.calls == {Side.LEFT: 3, Side.RIGHT: 3 + 2 * (2 * FEW + 1)}
    assert summary.older == 1
    more = summary.estimate(seconds_a_call=0.1, hands=8, filtered=[Side.LEFT])
    assert more.calls[Side.LEFT] == 6
    assert "as measured" in found.how
    slow = summary.estimate(seconds_a_call=0.1, hands=8, points_an_hour={Side.RIGHT: 60})
    assert slow.minutes > 60
    assert "share of background work" in slow.how
