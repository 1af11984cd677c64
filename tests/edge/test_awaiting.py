"""Changes that wait for a parent are due once its twin is there, whoever linked it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import psycopg
import pytest
from flask import Flask

from app.database import TenantId, tenant_transaction
from app.mapping.profile import DEFAULT_FIELDS, Profile, Scope, Side
from app.mapping.profiles import StoredProfile
from app.sync import awaiting
from app.sync.awaiting import Awaited
from app.sync.store_dirty import Dirty
from tests.rows import Rows, write_rows

SCOPE = Scope("1", "1")
CHILD, PARENT, TWIN = 50, 60, 70


@pytest.fixture
def owner(app: Flask, database_url: str) -> Iterator[psycopg.Connection]:
    """The owner of the tables."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def rows(owner: psycopg.Connection) -> Rows:
    """Two tenants with a profile, in which a parked child waits for its parent."""
    written = write_rows(owner)
    owner.execute("DELETE FROM change")
    owner.execute("DELETE FROM issue_link")
    owner.execute(
        "INSERT INTO change (profile_id, side, issue_id, left_tenant_id, right_tenant_id, lane,"
        " parked, attempts, reason) VALUES (%s, 'left', %s, %s, %s, 3, true, 5, 'parent-waits')",
        (written.profile, CHILD, written.left, written.right),
    )
    profile = StoredProfile(
        written.profile,
        written.left,
        written.right,
        "p",
        "on",
        None,
        Profile(SCOPE, SCOPE, DEFAULT_FIELDS),
    )
    change = Dirty(Side.LEFT, CHILD, 3, 1, None, 5)
    with tenant_transaction(written.left) as session:
        awaiting.note(session, profile, change, Awaited(written.left, PARENT))
    return written


def wake(tenant: TenantId, *awaited: Awaited) -> set[tuple[uuid.UUID, int]]:
    with tenant_transaction(tenant) as session:
        return awaiting.wake(session, awaited)


def link(owner: psycopg.Connection, rows: Rows, left: int | None, right: int | None) -> None:
    owner.execute(
        "INSERT INTO issue_link (id, profile_id, left_tenant_id, right_tenant_id, left_issue_id,"
        " right_issue_id, lane) VALUES (%s, %s, %s, %s, %s, %s, 1)",
        (uuid.uuid4(), rows.profile, rows.left, rows.right, left, right),
    )


def test_it_waits_on_while_the_twin_is_only_intended(owner: psycopg.Connection, rows: Rows) -> None:
    assert wake(rows.left, Awaited(rows.left, PARENT)) == set()
    link(owner, rows, PARENT, None)
    assert wake(rows.left, Awaited(rows.left, PARENT)) == set()
    assert owner.execute("SELECT parked FROM change").fetchall() == [(True,)]


def test_it_is_due_once_and_at_once_when_the_twin_is_there(
    owner: psycopg.Connection, rows: Rows
) -> None:
    link(owner, rows, PARENT, TWIN)
    # As whoever linked it tells, of both issues.
    told = (Awaited(rows.left, PARENT), Awaited(rows.right, TWIN))
    assert wake(rows.right, *told) == {(rows.profile, 3)}
    asked = "SELECT parked, attempts, reason, version, not_before <= now() FROM change"
    assert owner.execute(asked).fetchall() == [(False, 0, None, 2, True)]
    assert wake(rows.right, *told) == set()


def test_an_issue_of_the_same_number_on_the_other_site_wakes_nothing(
    owner: psycopg.Connection, rows: Rows
) -> None:
    link(owner, rows, TWIN, PARENT)
    assert wake(rows.left, Awaited(rows.left, TWIN), Awaited(rows.right, PARENT)) == set()
    assert wake(rows.left, Awaited(rows.left, PARENT)) == set()


def test_a_stranger_wakes_nothing(owner: psycopg.Connection, rows: Rows) -> None:
    link(owner, rows, PARENT, TWIN)
    assert wake(rows.stranger, Awaited(rows.left, PARENT)) == set()
    assert owner.execute("SELECT parked FROM change").fetchall() == [(True,)]
