"""The rows behind the search for missed changes: what is due, who takes it, how it is spread."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from flask import Flask
from sqlalchemy import event

from app import Tandem
from app.database import TenantId, db
from app.jobs.bell import ring
from app.mapping.profile import Side
from app.sync.search import OVERLAP, Look, Searcher, take
from tests.rows import Rows, write_rows

MANY = 1000


@pytest.fixture
def owner(app: Flask, database_url: str) -> Iterator[psycopg.Connection]:
    """The owner of the tables."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def rows(owner: psycopg.Connection) -> Rows:
    """Two tenants with one profile, whose looks are not due yet."""
    written = write_rows(owner)
    owner.execute("UPDATE search_look SET due_at = now() + interval '1 hour'")
    return written


@pytest.fixture
def many(owner: psycopg.Connection, rows: Rows) -> Rows:
    """A thousand profiles that were made at the same moment."""
    owner.execute("DELETE FROM profile")
    owner.execute(
        "INSERT INTO profile (id, connection_id, left_tenant_id, right_tenant_id, name, state,"
        " left_project_id, left_type_id, right_project_id, right_type_id, revision)"
        " SELECT gen_random_uuid(), %s, %s, %s, 'p', 'on', n, 1, n, 1, 1"
        " FROM generate_series(1, %s) AS n",
        (rows.connection, rows.left, rows.right, MANY),
    )
    return rows


def searcher(app: Flask) -> Searcher:
    """The product's own."""
    tandem: Tandem = app.extensions["tandem"]
    return Searcher(tandem.vault, tandem.open_site, ring)


def look(looked_at: datetime, since: datetime) -> Look:
    """A look with these times."""
    one = TenantId(uuid.uuid4())
    return Look(uuid.uuid4(), Side.LEFT, one, one, since, looked_at, looked_at)


def test_a_look_asks_in_epoch_milliseconds_from_before_the_last_one() -> None:
    at = datetime(2026, 4, 25, 13, 5, 13, 605000, UTC)
    jql = look(at, at - timedelta(days=1)).jql("10000", "10001")
    asked = int(at.timestamp() * 1000) - int(OVERLAP.total_seconds() * 1000)
    assert jql == (
        f"project = 10000 AND issuetype = 10001 AND updated >= {asked} ORDER BY updated ASC"
    )


def test_a_look_never_asks_for_what_was_there_before_the_profile() -> None:
    at = datetime(2026, 4, 25, tzinfo=UTC)
    assert f"updated >= {int(at.timestamp() * 1000)} " in look(at, at).jql("1", "1")


def test_a_new_profile_is_searched_on_both_sides_from_its_creation(
    owner: psycopg.Connection, rows: Rows
) -> None:
    found = owner.execute(
        "SELECT l.side, l.looked_at = p.created_at, l.since = p.created_at"
        " FROM search_look l JOIN profile p ON p.id = l.profile_id ORDER BY 1"
    ).fetchall()
    assert found == [("left", True, True), ("right", True, True)]


def test_a_thousand_profiles_that_are_not_due_cost_one_statement_in_all(
    many: Rows, owner: psycopg.Connection
) -> None:
    owner.execute("UPDATE search_look SET due_at = now() + interval '1 hour'")
    told: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        told.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        assert take() == []
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    assert len(told) == 1


def test_what_is_due_is_found_by_the_index_and_nothing_else_is_touched(
    many: Rows, owner: psycopg.Connection
) -> None:
    owner.execute("UPDATE search_look SET due_at = now() + interval '1 hour'")
    owner.execute(
        "UPDATE search_look SET due_at = now() - interval '1 second' WHERE ctid IN"
        " (SELECT ctid FROM search_look LIMIT 3)"
    )
    owner.execute("ANALYZE search_look")
    plan = owner.execute(
        "EXPLAIN SELECT profile_id FROM search_look WHERE due_at <= now()"
        " ORDER BY due_at LIMIT 5 FOR UPDATE SKIP LOCKED"
    ).fetchall()
    assert "ix_search_look_due" in str(plan)
    before = owner.execute("SELECT profile_id, side, xmin::text FROM search_look").fetchall()
    assert len(take()) == 3
    after = owner.execute("SELECT profile_id, side, xmin::text FROM search_look").fetchall()
    assert len(set(before) - set(after)) == 3


def test_profiles_made_at_one_moment_come_due_all_over_the_interval(
    many: Rows, owner: psycopg.Connection
) -> None:
    found = owner.execute(
        "SELECT floor(extract(epoch FROM l.due_at - p.created_at) / 30)::int"
        " FROM search_look l JOIN profile p ON p.id = l.profile_id"
    ).fetchall()
    tenths = Counter(tenth for (tenth,) in found)
    assert set(tenths) == set(range(10))
    assert max(tenths.values()) < 2 * MANY / 10 * 1.6  # of 200 each, by chance


def test_two_workers_that_take_at_once_take_different_looks(
    many: Rows, owner: psycopg.Connection, database_url: str
) -> None:
    owner.execute("UPDATE search_look SET due_at = now()")
    with psycopg.connect(database_url) as another:
        theirs = another.execute(
            "SELECT profile_id, side FROM tandem_take_looks(500, 600)"
        ).fetchall()
        ours = {(one.profile_id, one.side.value) for one in take(MANY * 2)}  # they hold theirs
    assert len(theirs) == 500
    assert len(ours) == 2 * MANY - 500
    assert not ours & set(theirs)


def test_a_look_whose_worker_died_is_taken_again_from_its_old_mark(
    rows: Rows, owner: psycopg.Connection
) -> None:
    owner.execute("UPDATE search_look SET due_at = now() WHERE side = 'left'")
    [first] = take()
    assert take() == []
    owner.execute("UPDATE search_look SET due_at = now() WHERE side = 'left'")  # its lease ended
    [second] = take()
    assert (second.side, second.looked_at) == (first.side, first.looked_at)


def test_a_paused_profile_is_not_searched_and_at_once_from_its_old_mark_when_it_resumes(
    rows: Rows, owner: psycopg.Connection
) -> None:
    [(mark,)] = owner.execute("SELECT looked_at FROM search_look WHERE side = 'left'").fetchall()
    owner.execute("UPDATE search_look SET due_at = now()")
    owner.execute("UPDATE profile SET state = 'paused'")
    assert take() == []
    owner.execute("UPDATE profile SET state = 'on'")
    looks = take()
    assert {one.side for one in looks} == set(Side)
    assert all(one.looked_at == mark for one in looks)


def test_a_look_that_fails_is_put_off_longer_each_time_and_keeps_its_mark(
    app: Flask, rows: Rows, owner: psycopg.Connection
) -> None:
    waits: list[float] = []
    [(mark,)] = owner.execute("SELECT looked_at FROM search_look WHERE side = 'left'").fetchall()
    for _ in range(3):
        owner.execute("UPDATE search_look SET due_at = now() WHERE side = 'left'")
        assert searcher(app).step() == 1  # its document does not open
        [(wait, attempts, at)] = owner.execute(
            "SELECT extract(epoch FROM due_at - now())::float, attempts, looked_at"
            " FROM search_look WHERE side = 'left'"
        ).fetchall()
        waits.append(wait)
        assert at == mark
    assert attempts == 3
    assert 2 * waits[0] - 30 < waits[1] < waits[2]


def test_a_blocked_site_is_not_searched_and_no_try_is_counted(
    app: Flask, rows: Rows, owner: psycopg.Connection
) -> None:
    owner.execute(
        "INSERT INTO site_budget (tenant_id, blocked_until, code)"
        " VALUES (%s, now() + interval '20 minutes', 'points')"
        " ON CONFLICT (tenant_id) DO UPDATE SET blocked_until = excluded.blocked_until",
        (rows.left,),
    )
    owner.execute("UPDATE search_look SET due_at = now() WHERE side = 'left'")
    assert searcher(app).step() == 1
    [(attempts, waits)] = owner.execute(
        "SELECT attempts, due_at > now() + interval '15 minutes'"
        " FROM search_look WHERE side = 'left'"
    ).fetchall()
    assert (attempts, waits) == (0, True)


def test_the_interval_is_five_minutes_and_can_be_a_minute_to_a_day(
    rows: Rows, owner: psycopg.Connection
) -> None:
    assert owner.execute("SELECT search_seconds FROM profile").fetchall() == [(300,)]
    for good in (60, 86_400):
        owner.execute("UPDATE profile SET search_seconds = %s", (good,))
    for bad in (59, 86_401):
        with pytest.raises(psycopg.errors.CheckViolation):
            owner.execute("UPDATE profile SET search_seconds = %s", (bad,))
