"""What counts as written, by the notes of writes and the base after them; and the command's way
to an issue."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import event

from app.cli.why_items import item_lines
from app.database import db, tenant_transaction
from app.jira.site import JiraSite
from app.mapping.profile import DEFAULT_FIELDS, Profile, Scope, Side
from app.mapping.profiles import StoredProfile
from app.sync import parked, store_links, written
from app.sync.items import store, trace
from app.sync.items.model import Create, Gone, Item, ItemLink, Place, root_of
from app.sync.models import IssueLink
from app.sync.plan import Base, PlannedMark
from app.sync.provenance import How
from app.sync.store_dirty import Dirty
from app.sync.store_links import Link
from app.sync.turn import Pair, Turn, Visit
from app.sync.why import LastWrite, Why, why
from app.sync.why_items import Whose
from app.sync.written import Amended, Wrote
from tests.rows import Rows, write_rows

SUMMARY = "summary=summary"
LABELS = "labels=labels"
SCOPE = Scope("1", "1")
PROFILE = Profile(SCOPE, SCOPE, DEFAULT_FIELDS)


@pytest.fixture
def owner(app: Flask, database_url: str) -> Iterator[psycopg.Connection[Any]]:
    """The owner of the tables."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def rows(app: Flask, owner: psycopg.Connection[Any]) -> Rows:
    """Two tenants with a profile that has no pair yet."""
    found = write_rows(owner)
    for table in ("change", "written", "item_written", "run", "issue_link"):
        owner.execute(f"DELETE FROM {table}")
    app.extensions["tandem"].vault.store.create(found.left)
    return found


class World:
    """One batch of a profile, and what it noted."""

    def __init__(self, app: Flask, owner: psycopg.Connection[Any], rows: Rows) -> None:
        self.vault, self.owner, self.rows = app.extensions["tandem"].vault, owner, rows
        self.profile = StoredProfile(
            rows.profile, rows.left, rows.right, "p", "on", None, PROFILE, revision=3
        )
        self.turn = self._turn()
        self.asked: list[tuple[str, str]] = []
        """The fields that the last end of visits looked for, by side and mapping key."""

    def _turn(self) -> Turn:
        def no_site(tenant: uuid.UUID) -> JiraSite:
            raise AssertionError("no site is called")

        return Turn(
            self.vault, no_site, lambda profile, lane, after=0.0: None,
            profile=self.profile, lane=1,
        )  # fmt: skip

    def at_revision(self, number: int) -> None:
        """What is done from here on is done by this revision."""
        self.profile = replace(self.profile, revision=number)
        self.turn = self._turn()

    def pair(self, number: int) -> Link:
        """A pair that was never visited."""
        self.owner.execute(
            "INSERT INTO issue_link (id, profile_id, left_tenant_id, right_tenant_id, lane,"
            " left_issue_id, right_issue_id, left_key, right_key)"
            " VALUES (%s, %s, %s, %s, 1, %s, %s, %s, %s)",
            (uuid.uuid4(), self.rows.profile, self.rows.left, self.rows.right, number,
             number + 1000, f"WEB-{number}", f"PLAT-{number}"),
        )  # fmt: skip
        return self.read(number)

    def read(self, number: int) -> Link:
        """The pair as it is stored."""
        with tenant_transaction(self.rows.left) as session:
            [found] = store_links.links_of(session, self.profile, [number], [])
        return found

    def mark(self, key: str, side: Side, value: str) -> str:
        """The fingerprint of a value."""
        return self.turn.fingerprints.of(key, side, value)

    def base(self, key: str, value: str) -> Base:
        """Both sides hold this."""
        return Base(*({key: self.mark(key, side, value)} for side in Side))

    def note(
        self,
        link: Link,
        key: str,
        value: str,
        *,
        side: Side = Side.RIGHT,
        run: uuid.UUID | None = None,
    ) -> None:
        """What is noted before this is written."""
        marks = self.base(key, value)
        planned = {key: PlannedMark(side, marks.left[key], marks.right[key])}
        row = Wrote(link.id, side, 1, key, "0" * 32, marks.of(side)[key], run)
        with tenant_transaction(self.rows.left) as session:
            store_links.note_plans(session, [(link, planned)])
            written.note(session, self.profile, [row])

    def finish(self, *visits: tuple[Link, Base, dict[str, Any]]) -> int:
        """End visits; gives how many statements of provenance that took."""
        told: list[str] = []

        self.asked = []

        def see(_c: object, _u: object, statement: str, values: Any, *_more: object) -> None:
            told.append(statement)
            if "INSERT INTO provenance" in statement:
                self.asked += zip(values["sides"], values["keys"], strict=True)

        event.listen(db.engine, "before_cursor_execute", see)
        try:
            self.turn.finish(
                [
                    Visit(
                        Pair(link, (Dirty(Side.LEFT, link.left_id or 0, 1, 1, None, 0),)),
                        replace(link, base=base),
                        None,
                        **more,
                    )
                    for link, base, more in visits
                ]
            )
        finally:
            event.remove(db.engine, "before_cursor_execute", see)
        return sum("INSERT INTO provenance" in statement for statement in told)

    def why(self, link: Link) -> Why:
        """What is told of a pair."""
        with tenant_transaction(self.rows.left) as session:
            row = session.get_one(IssueLink, link.id)
            return why(session, self.vault, self.profile, row)

    def last(self, link: Link, key: str = SUMMARY) -> LastWrite | None:
        """The last write of a field."""
        [found] = [one for one in self.why(link).fields if one.key == key]
        return found.last


@pytest.fixture
def world(app: Flask, owner: psycopg.Connection[Any], rows: Rows) -> World:
    """A batch."""
    return World(app, owner, rows)


WROTE: dict[str, Any] = {
    "written": 1,
    "wrote": frozenset((side, key) for side in Side for key in (SUMMARY, LABELS)),
}
NOTHING: dict[str, Any] = {}


def test_a_batch_of_visits_takes_one_statement_and_one_that_wrote_nothing_takes_none(
    world: World,
) -> None:
    first, second = world.pair(1), world.pair(2)
    for link in (first, second):
        world.note(link, SUMMARY, "new")
    base = world.base(SUMMARY, "new")
    assert world.finish((first, base, WROTE), (second, base, WROTE)) == 1
    for link in (first, second):
        found = world.last(link)
        assert found is not None
        assert (found.side, found.source, found.how) == (Side.RIGHT, Side.LEFT, How.CHANGE)
        assert (found.revision, found.present, found.made) == (3, True, False)
    again = [(world.read(number), base, NOTHING) for number in (1, 2)]
    assert world.finish(*again) == 0


def test_a_visit_looks_for_what_it_wrote_and_the_one_after_a_death_for_all(world: World) -> None:
    link = world.pair(1)
    of_summary, of_labels = world.base(SUMMARY, "new"), world.base(LABELS, "a")
    base = Base(of_summary.left | of_labels.left, of_summary.right | of_labels.right)
    world.note(link, SUMMARY, "new")
    assert world.finish((link, base, {**WROTE, "wrote": frozenset({(Side.RIGHT, SUMMARY)})})) == 1
    assert world.asked == [("right", SUMMARY)]
    world.note(link, SUMMARY, "newer")
    assert world.finish((world.read(1), base, NOTHING)) == 1
    assert sorted(world.asked) == [
        (side, key) for side in ("left", "right") for key in (LABELS, SUMMARY)
    ]


def test_a_write_of_a_dead_worker_has_the_time_and_the_revision_of_that_worker(
    world: World, owner: psycopg.Connection[Any]
) -> None:
    link = world.pair(1)
    world.note(link, SUMMARY, "new")
    owner.execute("UPDATE written SET at = at - interval '1 hour'")
    world.at_revision(4)
    found_again = world.read(1)
    # The next visit wrote nothing: it found it done.
    assert world.finish((found_again, world.base(SUMMARY, "new"), NOTHING)) == 1
    found = world.last(link)
    assert found is not None
    assert (found.revision, found.present) == (3, False)
    assert owner.execute("SELECT at FROM written").fetchone() == (found.at,)
    assert found.at.tzinfo is not None


def test_a_write_of_an_undo_that_died_is_an_undos(
    world: World, owner: psycopg.Connection[Any]
) -> None:
    link, run = world.pair(1), uuid.uuid4()
    owner.execute(
        "INSERT INTO run (id, profile_id, left_tenant_id, right_tenant_id, kind, begun_by)"
        " VALUES (%s, %s, %s, %s, 'undo', 'command')",
        (run, world.rows.profile, world.rows.left, world.rows.right),
    )
    world.note(link, SUMMARY, "as before", run=run)
    world.finish((world.read(1), world.base(SUMMARY, "as before"), NOTHING))
    found = world.last(link)
    assert found is not None
    assert (found.how, found.source, found.run_id) == (How.UNDO, None, run)


def test_a_write_that_was_noted_and_never_done_is_not_taken_for_one_when_people_agree_on_its_value(
    world: World,
) -> None:
    link = world.pair(1)
    world.note(link, SUMMARY, "never sent")
    world.finish((world.read(1), world.base(SUMMARY, "old"), NOTHING))
    assert world.last(link) is None
    world.finish((world.read(1), world.base(SUMMARY, "never sent"), WROTE))
    assert world.last(link) is None


def test_what_was_refused_leaves_the_write_before_it_as_the_last(world: World) -> None:
    link = world.pair(1)
    world.note(link, SUMMARY, "first")
    world.finish((world.read(1), world.base(SUMMARY, "first"), WROTE))
    before = world.last(link)
    assert before is not None
    world.note(link, SUMMARY, "refused")
    refused = (Amended(link.id, Side.RIGHT, SUMMARY, None),)
    world.finish((world.read(1), world.base(SUMMARY, "first"), {**WROTE, "amended": refused}))
    assert world.last(link) == before


def test_an_edit_that_was_put_back_is_that_sides_own(world: World) -> None:
    link = world.pair(1)
    world.note(link, SUMMARY, "over an edit")
    taken_back = (Amended(link.id, Side.RIGHT, SUMMARY, None, put_back=True),)
    old = world.base(SUMMARY, "old")
    assert world.finish((world.read(1), old, {**WROTE, "amended": taken_back})) == 1
    found = world.last(link)
    assert found is not None
    assert (found.side, found.source, found.how) == (Side.RIGHT, Side.RIGHT, How.PUT_BACK)


def test_a_twin_shows_what_it_was_made_with_and_not_what_was_empty_refused_or_is_carried_later(
    world: World,
) -> None:
    link = world.pair(1)
    keys = [m.key for m in DEFAULT_FIELDS]
    empty = Base(*({k: world.turn.fingerprints.of(k, s, None) for k in keys} for s in Side))
    made = world.base(SUMMARY, "made")
    # Of a field that was refused, or is carried later, the twin alone has a base.
    right = {**empty.right, **made.right, LABELS: world.mark(LABELS, Side.RIGHT, "default")}
    left = {k: v for k, v in {**empty.left, **made.left}.items() if k != LABELS}
    base = Base(left, right)
    assert world.finish((link, base, {**WROTE, "made": Side.RIGHT})) == 1
    told = {one.key: one.last.made for one in world.why(link).fields if one.last}
    assert told == {SUMMARY: True}
    # Nor does it later, when something else is written.
    world.note(link, "duedate=duedate", "2027-01-01")
    due = world.base("duedate=duedate", "2027-01-01")
    both = Base({**left, **due.left, LABELS: right[LABELS]}, {**right, **due.right})
    world.finish((world.read(1), both, WROTE))
    told = {one.key: one.last.made for one in world.why(link).fields if one.last}
    assert told == {SUMMARY: True, "duedate=duedate": False}


def test_it_is_kept_when_the_notes_are_forgotten_and_goes_with_the_pair(
    world: World, owner: psycopg.Connection[Any]
) -> None:
    link = world.pair(1)
    world.note(link, SUMMARY, "new")
    world.finish((link, world.base(SUMMARY, "new"), WROTE))
    owner.execute("DELETE FROM written")
    world.finish((world.read(1), world.base(SUMMARY, "new"), WROTE))
    assert world.last(link) is not None
    owner.execute("DELETE FROM issue_link")
    assert owner.execute("SELECT count(*) FROM provenance").fetchone() == (0,)


def test_a_field_that_is_no_longer_mapped_keeps_its_last_write(world: World) -> None:
    link = world.pair(1)
    world.note(link, SUMMARY, "new")
    world.finish((link, world.base(SUMMARY, "new"), WROTE))
    rest = tuple(m for m in DEFAULT_FIELDS if m.key != SUMMARY)
    world.profile = replace(world.profile, profile=replace(PROFILE, fields=rest))
    [found] = [one for one in world.why(link).fields if one.key == SUMMARY]
    assert (found.mapped, found.last is not None) == (False, True)


def test_an_issue_that_several_sites_have_is_to_be_told_apart_and_one_that_none_has_ends_with_one(
    command: Callable[..., Result], world: World, owner: psycopg.Connection[Any]
) -> None:
    world.pair(1)
    world.pair(1001)  # its left issue has the number of the other pair's right one
    for tenant, host in ((world.rows.left, "left.example"), (world.rows.right, "right.example")):
        owner.execute(
            "UPDATE installation SET base_url = %s WHERE id = %s", (f"https://{host}", tenant)
        )
    several = command("why", "1001")
    assert several.exit_code == 2
    assert "Choose with --site: left.example, right.example" in several.stderr
    none = command("why", "1001", "--site", "https://third.example/")
    assert (none.exit_code, none.stdout) == (1, "")
    assert "no pair has 1001 of https://third.example/" in none.stderr


# -- items


def item_row(world: World, link: Link, item: str, source: Side = Side.LEFT) -> ItemLink:
    """The row of a comment without a twin."""
    issues = {side: str(link.issue_id(side)) for side in Side}
    place = Place(str(world.profile.id), world.turn.tenants, issues)
    root = root_of(world.turn.tenants[source], "comments", item)
    row = ItemLink(place.row_id("comments", source, item), "comments", None, None, source, root)
    return row.with_item(source, item)


def begun(world: World, link: Link, row: ItemLink, run: uuid.UUID | None = None) -> Create:
    """The making of a twin is noted, and about to be sent."""
    assert row.source is not None
    then = datetime(2026, 11, 25, 12, tzinfo=UTC)
    source = Item(row.item(row.source) or "", "someone", then, then, "x")
    create = Create(row, source, row.source.other)
    with tenant_transaction(world.rows.left) as session:
        assert store.begin(session, world.profile, link, create)
        trace.note(session, world.profile, trace.Deed.MADE, [row.id], run)
    return create


def stored_as(world: World, link: Link, row: ItemLink, deed: trace.Deed | None = None) -> None:
    """The row, and what was done to its twin with it."""
    with tenant_transaction(world.rows.left) as session:
        store.save(session, world.profile, link, [row])
        if deed is not None:
            trace.note(session, world.profile, deed, [row.id], None)


def a_run(world: World, kind: str) -> uuid.UUID:
    """A run of the profile."""
    run = uuid.uuid4()
    world.owner.execute(
        "INSERT INTO run (id, profile_id, left_tenant_id, right_tenant_id, kind, begun_by)"
        " VALUES (%s, %s, %s, %s, %s, 'command')",
        (run, world.rows.profile, world.rows.left, world.rows.right, kind),
    )
    return run


def notes_of_items(world: World) -> list[tuple[Any, ...]]:
    """What is noted for an undo."""
    return world.owner.execute(
        "SELECT did, side, issue_id, run_id FROM item_written ORDER BY id"
    ).fetchall()


def test_a_twin_of_an_item_has_when_by_which_revision_and_in_which_run_it_was_made_and_written(
    world: World,
) -> None:
    link, load = world.pair(1), a_run(world, "load")
    row = item_row(world, link, "7")
    begun(world, link, row, load)
    [waiting] = world.why(link).items
    assert (waiting.waits, waiting.left, waiting.right) == (True, "7", None)

    row = row.with_item(Side.RIGHT, "8")
    stored_as(world, link, row)
    world.at_revision(4)
    [made] = world.why(link).items
    assert (made.waits, made.left, made.right, made.written) == (False, "7", "8", None)
    assert made.made is not None
    assert (made.made.revision, made.made.present) == (3, False)
    assert (made.made.how, made.made.run_id) == (How.LOAD, load)

    stored_as(world, link, row, trace.Deed.WRITTEN)
    stored_as(world, link, replace(row, touched=True))
    [edited] = world.why(link).items
    assert (edited.made, edited.edited) == (made.made, True)
    assert edited.last is not None
    assert edited.last == edited.written
    assert (edited.last.revision, edited.last.present, edited.last.how) == (4, True, How.CHANGE)
    assert edited.last.at >= made.made.at

    stored_as(world, link, replace(row, twin_gone=Gone.THEIRS))
    [gone] = world.why(link).items
    assert gone.gone is not None
    assert (gone.gone.by, gone.gone.run_id) == (Gone.THEIRS, None)
    assert gone.gone.at is not None
    assert notes_of_items(world) == [
        ("made", "right", 1001, load),
        ("written", "right", 1001, None),
    ]


def test_a_twin_that_was_surely_not_made_or_deleted_is_not_noted(world: World) -> None:
    link = world.pair(1)
    refused = begun(world, link, item_row(world, link, "7"))
    with tenant_transaction(world.rows.left) as session:
        store.take_back(session, [refused])
    assert notes_of_items(world) == []
    assert world.why(link).items == ()

    row = item_row(world, link, "9")
    begun(world, link, row)
    stored_as(world, link, row.with_item(Side.RIGHT, "10"))
    stored_as(world, link, row.with_item(Side.RIGHT, "10"), trace.Deed.DELETED)
    assert [note[0] for note in notes_of_items(world)] == ["made", "deleted"]
    with tenant_transaction(world.rows.left) as session:
        trace.forget(session, trace.Deed.DELETED, [row.id])
        # What was done last is another thing: the note of it stays.
        trace.forget(session, trace.Deed.WRITTEN, [row.id])
    assert [note[0] for note in notes_of_items(world)] == ["made"]
    [still] = world.why(link).items
    assert still.gone is None


def test_a_twin_that_a_dead_worker_deleted_is_no_person_s_deletion(world: World) -> None:
    link = world.pair(1)
    row = item_row(world, link, "7")
    begun(world, link, row)
    stored_as(world, link, row.with_item(Side.RIGHT, "8"))
    with tenant_transaction(world.rows.left) as session:
        trace.note(session, world.profile, trace.Deed.DELETED, [row.id], None)
    with tenant_transaction(world.rows.left) as session:
        [found] = store.rows_of(session, [link])[link.id]
    assert found.twin_gone is Gone.OURS
    # Whoever finds it there stores that it was not done.
    stored_as(world, link, replace(found, twin_gone=None))
    with tenant_transaction(world.rows.left) as session:
        [found] = store.rows_of(session, [link])[link.id]
    assert found.twin_gone is None
    [told] = world.why(link).items
    assert told.gone is None


def test_a_twin_that_its_mark_told_of_has_no_time_and_one_of_others_is_nobodys(
    world: World,
) -> None:
    link = world.pair(1)
    found = item_row(world, link, "7", Side.RIGHT).with_item(Side.LEFT, "8")
    others = replace(found, id=uuid.uuid4(), left="1", right="2", source=None)
    stored_as(world, link, found)
    stored_as(world, link, others)
    first, second = sorted(world.why(link).items, key=lambda one: one.whose)
    assert (first.whose, first.last) == (Whose.OTHERS, None)
    assert (second.whose, second.source, second.last) == (Whose.TWIN, Side.RIGHT, None)


def test_what_a_site_refused_of_an_item_is_told_with_the_item_and_not_as_a_field(
    world: World,
) -> None:
    link = world.pair(1)
    row = item_row(world, link, "7")
    begun(world, link, row)
    stored_as(world, link, row.with_item(Side.RIGHT, "8"))
    world.owner.execute(
        "INSERT INTO change (profile_id, side, issue_id, left_tenant_id, right_tenant_id, lane)"
        " VALUES (%s, 'left', 1, %s, %s, 1)",
        (world.rows.profile, world.rows.left, world.rows.right),
    )
    for key in ("comments.7", "comments.70"):
        cause = uuid.uuid4()
        said = world.vault.seal(parked.place(world.rows.left, cause), b"Too long")
        world.owner.execute(
            "INSERT INTO parked_cause (id, profile_id, side, issue_id, left_tenant_id,"
            " right_tenant_id, at_side, code, field, field_key, said)"
            " VALUES (%s, %s, 'left', 1, %s, %s, 'right', 'text-refused', 'comment', %s, %s)",
            (cause, world.rows.profile, world.rows.left, world.rows.right, key, said),
        )
    found = world.why(link)
    assert {one.key for one in found.fields} == {one.key for one in DEFAULT_FIELDS}
    known, unmade = found.items
    assert [(one.left, one.right, one.now[0].said) for one in (known, unmade)] == [
        ("7", "8", "Too long"),
        ("70", None, "Too long"),
    ]
    assert (unmade.source, unmade.made) == (Side.LEFT, None)


def lines(world: World, link: Link, *, all_of_them: bool = False) -> str:
    """What the command prints of the items of a pair."""
    found = world.why(link).items
    return "\n".join(item_lines(found, lambda now, indent: iter(()), all_of_them=all_of_them))


def test_items_are_told_one_by_one_where_they_are_few_or_asked_for(world: World) -> None:
    link = world.pair(1)
    for number in range(12):
        row = item_row(world, link, str(100 + number))
        begun(world, link, row)
        stored_as(world, link, row.with_item(Side.RIGHT, str(200 + number)))
    short, whole = lines(world, link), lines(world, link, all_of_them=True)
    assert "comments       12, 12 made on the left" in short
    assert "left 100 -> right 200" not in short
    assert "--items tells each of them." in short
    assert "left 100 -> right 200" in whole
    assert "made by revision 3 (the present one)" in whole
    assert [one.right for one in world.why(link).items] == [str(200 + n) for n in range(12)]
    world.owner.execute("DELETE FROM item_link WHERE left_item <> '100'")
    assert "left 100 -> right 200" in lines(world, link)
