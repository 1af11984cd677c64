"""Plans of the items of issues: what would become of them, what they cost, and what no longer
fits. Nothing that an item says is in a plan."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner
from flask import render_template

from app.cli.plan_words import Printer
from app.errors import Problem
from app.jira.item_calls import File
from app.jira.site import Changelog, Edit, Issue, SiteError
from app.mapping.profile import Flow, ItemKind, ItemMapping, Side
from app.sync.apply import Applier
from app.sync.parked_groups import Wanted
from app.sync.parked_preview import preview
from app.sync.plan_file import PlanFile, PlanWriter
from app.sync.plan_json import as_json
from app.sync.planning_items import INCOMING
from app.sync.planning_summary import Summary
from app.sync.planning_types import Cause, IssuePlan, ItemDeed, Step
from tests.edge.test_completeness import (
    NOW,
    RIGHT_IDS,
    Maker,
    owner,  # noqa: F401  a fixture
    scene,  # noqa: F401  a fixture
)
from tests.edge.test_plan import Plans, Played, revise

SECRET = "Sphinx of black quartz"
WHEN = "2026-02-03T04:05:06.000+0000"
ALL = tuple(ItemMapping(kind) for kind in ItemKind)
MADE, ANEW, GONE = ItemDeed.MADE, ItemDeed.WRITTEN, ItemDeed.DELETED


def person(name: str = "ann") -> dict[str, Any]:
    """Who wrote an item."""
    return {"accountId": name, "accountType": "app" if name == "tandem" else "atlassian"}


def comment(number: int, text: str = SECRET, **more: Any) -> dict[str, Any]:
    """A comment, as REST v3 gives it."""
    body = {"type": "paragraph", "content": [{"type": "text", "text": text}]}
    return {
        "id": str(number),
        "author": person(),
        "body": {"type": "doc", "version": 1, "content": [body]},
        "created": WHEN,
        "updated": WHEN,
        **more,
    }


def worklog(number: int, **more: Any) -> dict[str, Any]:
    """A worklog."""
    told = comment(number)
    told["comment"] = told.pop("body")
    return {**told, "started": WHEN, "timeSpentSeconds": 3600, **more}


def attachment(number: int, size: int, **more: Any) -> dict[str, Any]:
    """A file."""
    return {
        "id": str(number),
        "author": person(),
        "filename": f"{SECRET}.txt",
        "size": size,
        "mimeType": "text/plain",
        "created": WHEN,
        **more,
    }


def link(number: int, to: int, *, out: bool = True) -> dict[str, Any]:
    """A link to another issue."""
    end = {"id": str(to), "key": f"WEB-{to}"}
    kind = {"id": "1", "name": "Blocks", "inward": "is blocked by", "outward": "blocks"}
    return {"id": str(number), "type": kind, "outwardIssue" if out else "inwardIssue": end}


@dataclass
class Site(Played):
    """A site whose issues have items. It has no call that writes."""

    items: dict[int, dict[str, list[dict[str, Any]]]] = field(default_factory=dict)
    shown: int = 5000
    limit: int | None = 10_000_000
    history: list[Edit] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.comments = SimpleNamespace(all=self._all, marks=self._marks)
        self.worklogs = SimpleNamespace(marks=self._marks)
        self.files = SimpleNamespace(
            limit=self._limit, read=self._file, media_id=lambda file: f"media-{file}"
        )
        self.links = SimpleNamespace(author=lambda: "tandem", types=lambda: [("1", "Blocks")])

    def put(self, issue: int, kind: str, *items: dict[str, Any]) -> None:
        """Give an issue these items."""
        self.items.setdefault(issue, {})[kind] = list(items)

    def stored(self, issue_id: int, fields: Sequence[str]) -> Issue:
        """See JiraSite.stored."""
        return replace(self._issue(issue_id, fields), changelog=Changelog(tuple(self.history)))

    def _all(self, issue_id: int) -> list[dict[str, Any]]:
        self._ask("comments")
        return self.items[issue_id]["comment"]

    def _marks(self, ids: Sequence[str]) -> dict[str, Any]:
        self._ask("marks")
        return dict.fromkeys(ids)

    def _limit(self, size: int) -> int | None:
        self._ask("limit")
        return self.limit

    @contextmanager
    def _file(self, file: File) -> Iterator[Iterator[bytes]]:
        self._ask("file")
        yield iter([b"the same"])

    def _issue(self, one: int, fields: Sequence[str]) -> Issue:
        kinds = {"comment", "attachment", "worklog", "issuelinks"} & set(fields)
        issue = super()._issue(one, [name for name in fields if name not in kinds])
        held = self.items.get(one, {})
        told: dict[str, Any] = {}
        for kind in kinds:
            found = held.get(kind, [])
            told[kind] = found
            if kind in {"comment", "worklog"}:
                told[kind] = {f"{kind}s": found[: self.shown], "total": len(found)}
        return replace(issue, fields={**issue.fields, **told})


@dataclass
class ItemPlans(Plans):
    """A profile that carries items, of two sites that have some."""

    def site(self, side: Side) -> Site:
        """The site of a side."""
        found = self.left if side is Side.LEFT else self.right
        assert isinstance(found, Site)
        return found


@pytest.fixture
def plans(scene: Maker, owner: psycopg.Connection) -> ItemPlans:  # noqa: F811
    """A few pairs whose fields are in step, of a profile that carries all kinds of items."""
    made = scene(4)
    made.sites = {tenant: Site(site.ids) for tenant, site in made.sites.items()}
    found = ItemPlans(made)
    carry(found, owner, *ALL)
    return found


def carry(
    plans: Plans,
    owner: psycopg.Connection,  # noqa: F811
    *items: ItemMapping,
    jql: str | None = None,
) -> None:
    """Have the profile carry these, of what its filter on the left finds."""
    profile = plans.profile.profile
    document = replace(profile, items=items, left=replace(profile.left, filter=jql))
    owner.execute("UPDATE profile SET revision = 1")
    owner.execute("DELETE FROM profile_revision WHERE number = 2")
    revise(plans, owner, document)


def told(plan: IssuePlan) -> list[tuple[str, str, str, str]]:
    """What becomes of items, without the links to the twin."""
    return sorted(
        (one.side.value, one.kind.value, one.deed.value, one.source)
        for one in plan.items
        if one.kind is not ItemKind.REMOTE_LINK
    )


def row(database: psycopg.Connection, kind: str, left: str, right: str, more: str = "") -> None:
    """A source on the left and its twin on the right, of the first pair, as stored."""
    database.execute(
        "INSERT INTO item_link (id, profile_id, left_tenant_id, right_tenant_id, link_id, kind,"
        " left_item, right_item, source, root, target_tenant_id, target_issue_id, source_mark,"
        " twin_mark) SELECT gen_random_uuid(), profile_id, left_tenant_id, right_tenant_id, id, %s,"
        " %s, %s, 'left', %s, right_tenant_id, right_issue_id, '', '' FROM issue_link"
        " WHERE left_issue_id = 1",
        (kind, left, right, hashlib.sha256(f"{kind} {left}".encode()).hexdigest()),
    )
    if more:
        database.execute(f"UPDATE item_link SET {more} WHERE left_item = %s", (left,))


def test_a_plan_says_what_would_become_of_the_items_of_a_pair_and_shows_nothing_of_what_they_say(
    plans: ItemPlans,
    owner: psycopg.Connection,  # noqa: F811
) -> None:
    left, right = plans.site(Side.LEFT), plans.site(Side.RIGHT)
    left.put(1, "comment", comment(10), comment(11), comment(12, jsdPublic=False), comment(13))
    right.put(1 + RIGHT_IDS, "comment", comment(20), comment(21, author=person("tandem")))
    left.put(1, "attachment", attachment(30, 4_000_000), attachment(31, 20_000_000))
    right.put(1 + RIGHT_IDS, "worklog", worklog(50, author=person("tandem")))
    left.put(1, "issuelinks", link(60, to=2), link(61, to=99))
    row(owner, "comments", "10", "21")  # the source says something else than when it was written
    row(owner, "worklogs", "40", "50")  # the source is gone
    one = plans.one()
    assert one.step is Step.UPDATE
    assert told(one) == [
        ("left", "comments", "made", "20"),
        ("right", "attachments", "made", "30"),
        ("right", "comments", "made", "11"),
        ("right", "comments", "made", "13"),
        ("right", "comments", "written anew", "10"),
        ("right", "links", "made", "60"),
        ("right", "worklogs", "deleted", "40"),
    ]
    notes = {(note.kind, note.cause, note.items) for note in (*one.left_alone, *one.blocked)}
    assert notes == {
        ("left alone", Cause.HELD, ("12",)),
        ("waits", Cause.WAITS, ("61",)),
        ("blocked", Cause.BLOCKED, ("31",)),
    }
    summary = Summary()
    summary.add(one)
    said = "\n".join(printed(one, summary))
    assert "right  2 comments would be made\n" in said
    assert "right  1 attachment (4.0 MB) would be made\n" in said
    assert "right  1 comment would be written anew, 1 of them over somebody else's edit" in said
    assert "right  1 worklog would be deleted\n" in said
    assert "left   1 comment would be made\n" in said
    assert "left alone   comment 12 on the left side: The comment is internal" in said
    assert "waits        link 61 on the left side: The issue at the link's other end" in said
    assert "The attachment 31 has 20.0 MB. The right site takes no attachment of more" in said
    assert "1 issue: The right site takes no attachment of more than 10.0 MB (WEB-1" in said
    assert SECRET not in said + json.dumps(as_json(one))


def printed(one: IssuePlan, summary: Summary) -> list[str]:
    """What the command says of a plan of one issue."""
    from click import command

    @command()
    def say() -> None:
        printer = Printer()
        printer.show(one)
        printer.end(summary, summary.estimate(seconds_a_call=None, hands=1), None)

    return CliRunner().invoke(say).stdout.splitlines()


def test_an_issue_without_a_twin_is_planned_with_the_items_that_its_twin_would_get(
    plans: ItemPlans,
    owner: psycopg.Connection,  # noqa: F811
) -> None:
    owner.execute("DELETE FROM issue_link WHERE left_issue_id = 1")
    left = plans.site(Side.LEFT)
    left.put(1, "comment", comment(10), comment(11))
    left.put(1, "attachment", attachment(30, 5))
    left.put(1, "issuelinks", link(60, to=2), link(61, to=3, out=False))
    one = plans.one()
    assert one.step is Step.CREATE
    assert told(one) == [
        ("right", "attachments", "made", "30"),
        ("right", "comments", "made", "10"),
        ("right", "comments", "made", "11"),
        ("right", "links", "made", "60"),
    ]
    links = [o.side for o in one.items if o.kind is ItemKind.REMOTE_LINK]
    assert sorted(links) == [Side.LEFT, Side.RIGHT]
    # What comes in from another pair is that one's to make, once there is a twin to link to.
    assert [(note.cause, note.items) for note in one.left_alone] == [(Cause.WAITS, ("61",))]
    assert one.left_alone[0].group == INCOMING


def test_what_somebody_else_did_to_a_twin_is_left_alone_and_said_in_every_plan(
    plans: ItemPlans,
    owner: psycopg.Connection,  # noqa: F811
) -> None:
    left, right = plans.site(Side.LEFT), plans.site(Side.RIGHT)
    carry(plans, owner, ItemMapping(ItemKind.COMMENTS, deletions=False))
    left.put(1, "comment", comment(10), comment(11), comment(13))
    mine = person("tandem")
    right.put(1 + RIGHT_IDS, "comment", comment(20, author=mine), comment(22, author=mine))
    marks = plans.one().seen_items[Side.LEFT]
    known = [f"'{marks[f'comments.{one}']}'" for one in (10, 11, 13)]
    row(owner, "comments", "10", "20", f"source_mark = {known[0]}, touched = true")
    row(owner, "comments", "11", "21", f"source_mark = {known[1]}, twin_gone = 'theirs'")
    row(owner, "comments", "12", "22", "source_gone = true")
    row(owner, "comments", "13", "23", f"source_mark = {known[2]}, twin_gone = 'undone'")
    one = plans.one()
    assert (one.step, one.items) == (Step.NOTHING, ())
    assert {(note.cause, note.items, note.side) for note in one.left_alone} == {
        (Cause.EDITED, ("20",), Side.RIGHT),
        (Cause.DELETED, ("21",), Side.RIGHT),
        (Cause.DELETED, ("23",), Side.RIGHT),
        (Cause.KEPT, ("22",), Side.RIGHT),
    }


def test_a_text_waits_for_the_files_that_the_same_visit_is_to_carry(
    plans: ItemPlans,
    owner: psycopg.Connection,  # noqa: F811
) -> None:
    carry(plans, owner, ItemMapping(ItemKind.ATTACHMENTS))
    left = plans.site(Side.LEFT)
    left.put(1, "attachment", attachment(30, 5, mimeType="image/png"))
    media = {"type": "media", "attrs": {"type": "file", "id": "media-30", "collection": ""}}
    shown = {"type": "mediaSingle", "attrs": {"layout": "center"}, "content": [media]}
    left.edits = {1: {"description": {"type": "doc", "version": 1, "content": [shown]}}}
    one = plans.one()
    assert told(one) == [("right", "attachments", "made", "30")]
    assert one.writes == ()
    assert [(note.cause, note.field) for note in one.left_alone] == [
        (Cause.WAITS, "description=description")
    ]
    assert one.blocked == ()
    summary = Summary()
    summary.add(one)
    estimate = summary.estimate(seconds_a_call=None, hands=1)
    # Each side is read twice; the file is read, its limit asked, sent and noted; the text written.
    assert estimate.all_calls == 2 + 2 + 1 + 1 + 1 + 1 + 1


def test_what_flows_one_way_is_planned_that_way_alone(
    plans: ItemPlans,
    owner: psycopg.Connection,  # noqa: F811
) -> None:
    carry(plans, owner, ItemMapping(ItemKind.COMMENTS, flow=Flow.TO_RIGHT))
    plans.site(Side.LEFT).put(1, "comment", comment(10))
    plans.site(Side.RIGHT).put(1 + RIGHT_IDS, "comment", comment(20), comment(21, jsdPublic=False))
    one = plans.one()
    assert told(one) == [("right", "comments", "made", "10")]
    assert one.left_alone == ()


def test_an_item_that_another_profile_is_making_on_the_same_issue_waits(
    plans: ItemPlans,
    owner: psycopg.Connection,  # noqa: F811
) -> None:
    from app.sync.items.model import root_of

    carry(plans, owner, ItemMapping(ItemKind.COMMENTS))
    plans.site(Side.LEFT).put(1, "comment", comment(10), comment(11))
    row(owner, "comments", "999", "998")
    root = root_of(plans.profile.left_tenant, "comments", "10")
    owner.execute("UPDATE item_link SET root = %s, link_id = (SELECT id FROM issue_link"
                  " WHERE left_issue_id = 2)", (root,))  # fmt: skip
    one = plans.one()
    assert told(one) == [("right", "comments", "made", "11")]
    assert [note.cause for note in one.left_alone] == [Cause.WAITS]


def test_the_calls_of_items_are_counted_by_what_each_of_them_takes(
    plans: ItemPlans,
    owner: psycopg.Connection,  # noqa: F811
) -> None:
    left = plans.site(Side.LEFT)
    carry(plans, owner, *(one for one in ALL if one.kind is not ItemKind.REMOTE_LINK))
    left.shown = 2
    left.put(1, "comment", *(comment(number) for number in range(100, 330)))
    left.put(1, "attachment", attachment(30, 5), attachment(31, 6))
    left.put(1, "issuelinks", link(60, to=2))
    one = plans.one()
    # Left: three pages of comments, and two files to read. Right: the limit of files is asked;
    # 230 comments, two files with one note of both, and a link: made, read, noted, and who we are.
    assert one.item_calls[Side.LEFT].calls == 3 + 2
    assert one.item_calls[Side.RIGHT].calls == 1 + 230 + 2 + 1 + (1 + 1 + 1 + 1)
    assert one.item_calls[Side.LEFT].points == 2 * (3 + 2)
    summary = Summary()
    summary.add(one)
    estimate = summary.estimate(seconds_a_call=0.1, hands=1)
    assert estimate.calls == {Side.LEFT: 1 + 5, Side.RIGHT: 1 + 238}


def test_a_plan_of_items_asks_no_site_to_write_and_writes_no_row(
    plans: ItemPlans,
    owner: psycopg.Connection,  # noqa: F811
) -> None:
    left, right = plans.site(Side.LEFT), plans.site(Side.RIGHT)
    left.put(1, "comment", comment(10, author=person("other-app") | {"accountType": "app"}))
    for side, issue in ((left, 1), (right, 1 + RIGHT_IDS)):
        side.put(issue, "attachment", attachment(30 + issue % 7, 8))
        side.put(issue, "issuelinks", link(60 + issue % 7, to=2 + issue - 1, out=False))
    before = stored(owner)
    one = plans.one()
    # The same file of two people is known by its bytes; a link that comes in wakes nobody.
    assert told(one) == [("right", "comments", "made", "10")]
    assert stored(owner) == before
    asked = {*left.asked, *right.asked}
    assert asked <= {"fetch", "marks", "file", "limit"}


def stored(owner: psycopg.Connection) -> list[Any]:  # noqa: F811
    """All that a visit would have written."""
    return owner.execute(
        "SELECT id::text FROM item_link UNION ALL SELECT issue_id::text FROM change"
    ).fetchall()


def test_a_plan_is_refused_where_an_item_moved_and_says_which(
    plans: ItemPlans,
    owner: psycopg.Connection,  # noqa: F811
    tmp_path: Path,
) -> None:
    left, right = plans.site(Side.LEFT), plans.site(Side.RIGHT)
    first, second = comment(10), comment(11)
    restricted = comment(11, visibility={"type": "role"})
    left.put(1, "comment", first, second)
    left.put(2, "comment", comment(12))
    path = tmp_path / "plan.jsonl"
    assert SECRET.encode() not in plans.file(path)
    applied(plans, path, begin=False)
    for comments, files, says in (
        ((first, second, comment(13)), (), "a comment was added on the left side since the plan"),
        ((first, comment(11, "Else")), (), "a comment was edited on the left side since the plan"),
        ((), (), "2 comments were taken away on the left side since the plan"),
        ((first, second), (attachment(33, 3),), "an attachment was added on the right side since"),
        ((first, restricted), (), "something else would become of its items now"),
    ):
        left.put(1, "comment", *comments)
        right.put(1 + RIGHT_IDS, "attachment", *files)
        owner.execute("DELETE FROM site_budget")
        with pytest.raises(Problem) as refused:
            applied(plans, path)
        assert f"  WEB-1 / WEB-{1 + RIGHT_IDS}: {says}" in refused.value.detail
        assert "1 issue moved" in refused.value.detail
        assert "Nothing was applied" in refused.value.detail
    assert owner.execute("SELECT FROM change").fetchall() == []


def test_of_an_issue_that_left_its_filter_no_item_is_said_to_be_taken_away(
    plans: ItemPlans,
    owner: psycopg.Connection,  # noqa: F811
    tmp_path: Path,
) -> None:
    carry(plans, owner, ItemMapping(ItemKind.COMMENTS), jql="labels = ours")
    left = plans.site(Side.LEFT)
    left.put(1, "comment", comment(10))
    path = tmp_path / "plan.jsonl"
    writer = PlanWriter(path, plans.scene.tandem.vault, plans.profile, {})
    writer.add(plans.one())
    writer.end({})
    left.outside = frozenset({1})
    with pytest.raises(Problem, match="it would be treated otherwise now"):
        applied(plans, path)


def test_a_plan_whose_items_still_fit_marks_its_issues(
    plans: ItemPlans,
    owner: psycopg.Connection,  # noqa: F811
    tmp_path: Path,
) -> None:
    carry(plans, owner, ItemMapping(ItemKind.COMMENTS))
    plans.site(Side.LEFT).put(3, "comment", comment(10))
    path = tmp_path / "plan.jsonl"
    plans.file(path)
    applied(plans, path)
    assert owner.execute("SELECT side, issue_id FROM change").fetchall() == [("left", 3)]


def applied(plans: Plans, path: Path, *, begin: bool = True) -> None:
    """Check the plan, and begin with it."""
    with path.open("rb") as file:
        plan = PlanFile(file, plans.scene.tandem.vault)
        applier: Applier = plans.applier()
        applier.check(plan)
        if begin:
            applier.begin(plan)


def test_a_link_of_a_type_that_the_other_side_lacks_is_blocked(
    plans: ItemPlans,
    owner: psycopg.Connection,  # noqa: F811
) -> None:
    carry(plans, owner, ItemMapping(ItemKind.LINKS))
    plans.site(Side.LEFT).put(1, "issuelinks", link(60, to=2), link(61, to=3))
    assert len(told(plans.one())) == 2
    right: Any = plans.site(Side.RIGHT)
    right.links.types = lambda: [("7", "Relates")]
    one = plans.one()
    assert (one.step, one.items) == (Step.NOTHING, ())
    assert [(note.cause, note.sentence, note.items) for note in one.blocked] == [
        (Cause.NO_TWIN, "link type 'Blocks' has no twin on the right side", ("60", "61"))
    ]


def test_a_link_of_somebody_else_stays_whatever_a_note_says(
    plans: ItemPlans,
    owner: psycopg.Connection,  # noqa: F811
) -> None:
    carry(plans, owner, ItemMapping(ItemKind.LINKS))
    right = plans.site(Side.RIGHT)
    right.put(1 + RIGHT_IDS, "issuelinks", link(70, to=2 + RIGHT_IDS), link(71, to=3 + RIGHT_IDS))
    for source, twin, to in (("60", "70", 2), ("61", "71", 3)):
        row(owner, "links", source, twin)
        told_by = (f"WEB-{to + RIGHT_IDS}", f"This issue blocks WEB-{to + RIGHT_IDS}")
        author = "bob" if twin == "71" else "tandem"
        right.history.append(Edit("Link", NOW, (None, None), told_by, author))
    one = plans.one()
    assert told(one) == [("right", "links", "deleted", "60")]
    assert [(note.cause, note.items) for note in one.left_alone] == [(Cause.KEPT, ("71",))]


def test_an_issue_whose_items_a_site_does_not_give_is_blocked_alone(plans: ItemPlans) -> None:
    left = plans.site(Side.LEFT)
    left.shown = 1
    left.put(1, "comment", comment(10), comment(11))
    left.put(2, "comment", comment(12))

    def gone(issue_id: int) -> list[dict[str, Any]]:
        raise SiteError("answered 404: It is gone.", site_status=404)

    left.comments.all = gone
    first, second = plans.of(Side.LEFT, 1, 2)
    assert (first.step, first.items, first.writes) == (Step.NOTHING, (), ())
    assert [note.cause for note in first.blocked] == [Cause.ABSENT]
    assert told(second) == [("right", "comments", "made", "12")]


def test_the_preview_of_a_retry_tells_of_items_too(
    plans: ItemPlans,
    owner: psycopg.Connection,  # noqa: F811
) -> None:
    carry(plans, owner, ItemMapping(ItemKind.COMMENTS))
    plans.site(Side.LEFT).put(1, "comment", comment(10))
    owner.execute(
        "INSERT INTO change (profile_id, side, issue_id, left_tenant_id, right_tenant_id, lane,"
        " parked) SELECT id, 'left', 1, left_tenant_id, right_tenant_id, 1, true FROM profile"
    )
    owner.execute(
        "INSERT INTO parked_cause (id, profile_id, side, issue_id, left_tenant_id,"
        " right_tenant_id, at_side, code, field, field_key, said)"
        " SELECT gen_random_uuid(), id, 'left', 1, left_tenant_id, right_tenant_id, 'right',"
        " 'value-unknown', 'comment', 'comments.10', 'x' FROM profile"
    )
    opened: Any = plans.scene.sites.__getitem__
    shown = preview(plans.scene.tandem.vault, opened, plans.profile, Wanted())
    assert [one.items for one in shown.issues] == [["1 comment would be made on the right side"]]
    page = render_template("parts/parked_preview.html", found=shown, field_name=str)
    assert "1 comment would be made on the right side" in page
    assert "Nothing is to be written any more" not in page


def test_half_a_character_in_a_value_ends_no_plan(
    plans: ItemPlans,
    owner: psycopg.Connection,  # noqa: F811
    tmp_path: Path,
) -> None:
    carry(plans, owner)
    plans.left.summaries = {1: "Half of one: \ud83d"}
    path = tmp_path / "plan.jsonl"
    plans.file(path)
    applied(plans, path)
    assert owner.execute("SELECT side, issue_id FROM change").fetchall() == [("left", 1)]
