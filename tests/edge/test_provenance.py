"""What counts as written, by the notes of writes and the base after them; and the command's way
to an issue."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import event

from app.database import db, tenant_transaction
from app.jira.site import JiraSite
from app.mapping.profile import DEFAULT_FIELDS, Profile, Scope, Side
from app.mapping.profiles import StoredProfile
from app.sync import store_links, written
from app.sync.models import IssueLink
from app.sync.plan import Base, PlannedMark
from app.sync.provenance import How
from app.sync.store_dirty import Dirty
from app.sync.store_links import Link
from app.sync.turn import Pair, Turn, Visit
from app.sync.why import LastWrite, Why, why
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
    for table in ("change", "written", "run", "issue_link"):
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

        def see(_c: object, _u: object, statement: str, *_more: object) -> None:
            told.append(statement)

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


WROTE: dict[str, Any] = {"written": 1}
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
