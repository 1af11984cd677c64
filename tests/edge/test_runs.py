"""Runs whose command was stopped: who ends them, and who does not."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import psycopg
import pytest
from flask import Flask
from sqlalchemy import event

from app.database import db, unscoped_transaction
from app.jobs.engine import build_engine
from app.settings import Settings
from app.sync import runs
from app.sync.undo_hold import alone
from tests.rows import Rows, write_rows


@pytest.fixture
def owner(app: Flask, database_url: str) -> Iterator[psycopg.Connection]:
    """The owner of the tables."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def rows(owner: psycopg.Connection) -> Rows:
    """Two tenants with a profile that has no run and no change."""
    written = write_rows(owner)
    for table in ("change", "undo_hold", "load", "run"):
        owner.execute(f"DELETE FROM {table}")
    return written


def begun(owner: psycopg.Connection, rows: Rows, kind: str) -> uuid.UUID:
    """A run that is under way."""
    run = uuid.uuid4()
    owner.execute(
        "INSERT INTO run (id, profile_id, left_tenant_id, right_tenant_id, kind, begun_by)"
        " VALUES (%s, %s, %s, %s, %s, 'command')",
        (run, rows.profile, rows.left, rows.right, kind),
    )
    return run


def dirty(
    owner: psycopg.Connection, rows: Rows, run: uuid.UUID, issue: int, *, parked: bool = False
) -> None:
    """A change of a run."""
    owner.execute(
        "INSERT INTO change (profile_id, side, issue_id, left_tenant_id, right_tenant_id, lane,"
        " parked, run_id) VALUES (%s, 'left', %s, %s, %s, 0, %s, %s)",
        (rows.profile, issue, rows.left, rows.right, parked, run),
    )


def sweep() -> int:
    """End what was left behind. Returns how many runs that were."""
    with unscoped_transaction() as session:
        return runs.end_left_behind(session)


def state(owner: psycopg.Connection, run: uuid.UUID) -> tuple[str, bool]:
    """How a run stands, and whether its end is noted."""
    query = "SELECT state, ended_at IS NOT NULL FROM run WHERE id = %s"
    found = owner.execute(query, (run,)).fetchone()
    assert found is not None
    return found


def test_an_apply_without_its_command_ends_once_no_change_of_it_is_left(
    owner: psycopg.Connection, rows: Rows
) -> None:
    run = begun(owner, rows, "apply")
    dirty(owner, rows, run, 1)
    dirty(owner, rows, run, 2, parked=True)
    assert (sweep(), state(owner, run)) == (0, ("running", False))
    owner.execute("DELETE FROM change WHERE issue_id = 1")  # as a worker does
    assert (sweep(), state(owner, run)) == (1, ("done", True))
    assert sweep() == 0


def test_a_load_waits_for_whoever_resumes_it_or_gives_it_up(
    owner: psycopg.Connection, rows: Rows
) -> None:
    run = begun(owner, rows, "load")
    assert (sweep(), state(owner, run)) == (0, ("running", False))


def test_an_undo_ends_as_stopped_once_neither_its_lock_nor_a_lane_is_held(
    owner: psycopg.Connection, rows: Rows
) -> None:
    run = begun(owner, rows, "undo")
    with alone(rows.profile):
        assert (sweep(), state(owner, run)) == (0, ("running", False))
    owner.execute(
        "INSERT INTO undo_hold VALUES (%s, %s, %s, %s, 3, now() + interval '1 hour')",
        (rows.profile, rows.left, rows.right, run),
    )
    assert (sweep(), state(owner, run)) == (0, ("running", False))
    owner.execute("UPDATE undo_hold SET until = now() - interval '1 second'")
    with alone(uuid.uuid4()):  # that of another profile says nothing
        assert (sweep(), state(owner, run)) == (1, ("stopped", True))


def test_runs_are_ended_in_one_statement_for_all_tenants(
    owner: psycopg.Connection, rows: Rows
) -> None:
    several = [begun(owner, rows, "apply"), begun(owner, write_rows(owner), "apply")]
    owner.execute("DELETE FROM change")
    told: list[str] = []

    def tell(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        told.append(statement)

    event.listen(db.engine, "before_cursor_execute", tell)
    try:
        assert sweep() >= len(several)
        assert sweep() == 0
    finally:
        event.remove(db.engine, "before_cursor_execute", tell)
    assert [state(owner, run) for run in several] == [("done", True)] * 2
    assert len([one for one in told if "tandem_end_runs" in one]) == len(told) == 2


def test_the_sweep_of_a_worker_ends_them(
    app: Flask, settings: Settings, owner: psycopg.Connection, rows: Rows
) -> None:
    run = begun(owner, rows, "apply")
    engine = build_engine(app, app.extensions["tandem"].reconciler, settings.database_url or "", 1)
    engine.tasks["sweep"].func(0)
    assert state(owner, run) == ("done", True)
