"""The database: the product's role owns nothing, and sees only the tenant of its transaction."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from flask import Flask
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, ProgrammingError

from app.database import (
    TenantId,
    piped_transaction,
    tenant_transaction,
    unscoped_transaction,
)
from app.health import check_database, check_keys, check_migrations
from app.settings import Settings
from app.traceless import TracelessError, in_hand
from tests.rows import NOBODYS, OWN_TABLES, SHARED_TABLES, TENANT_COLUMNS, Rows, write_rows


@pytest.fixture
def pair(app: Flask, database_url: str) -> Rows:
    """Two connected tenants and a stranger."""
    with psycopg.connect(database_url) as owner:
        return write_rows(owner)


def counts(tenant: TenantId | None) -> dict[str, int]:
    """How many rows of each table a transaction of this tenant sees."""
    scope = tenant_transaction(tenant) if tenant else unscoped_transaction()
    with scope as session:
        return {
            table: session.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()
            for table in TENANT_COLUMNS
        }


def foreign_row(owner: psycopg.Connection, table: str, tenant: TenantId) -> dict[str, Any]:
    """A row of another tenant, to be written again under the stranger's scope."""
    owner.row_factory = dict_row  # type: ignore[assignment]
    column = TENANT_COLUMNS[table][0]
    row = owner.execute(f"SELECT * FROM {table} WHERE {column} = %s", (tenant,)).fetchone()
    assert row is not None
    return dict(row)  # type: ignore[arg-type]


def test_a_transaction_without_a_tenant_sees_no_row_at_all(pair: Rows) -> None:
    assert set(counts(None).values()) == {0}


def test_each_partner_sees_its_own_rows_and_what_both_share(pair: Rows) -> None:
    for tenant in (pair.left, pair.right):
        # A profile is searched on either side, so it has two rows of looks.
        assert counts(tenant) == dict.fromkeys(TENANT_COLUMNS, 1) | {"search_look": 2}


def test_a_stranger_sees_nothing_of_the_two(pair: Rows) -> None:
    seen = counts(pair.stranger)
    assert {seen[table] for table in SHARED_TABLES} == {0}
    assert {seen[table] for table in OWN_TABLES} == {1}


def test_every_table_of_ours_has_row_security(app: Flask, database_url: str) -> None:
    with psycopg.connect(database_url) as owner:
        bare = owner.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
            " AND relkind IN ('r', 'p') AND NOT relrowsecurity"
            " AND relname NOT LIKE 'procrastinate%' AND relname <> 'alembic_version'"
        ).fetchall()
        known = owner.execute(
            "SELECT count(*) FROM pg_class WHERE relrowsecurity"
            " AND relnamespace = 'public'::regnamespace"
        ).fetchone()
    assert bare == []
    assert known == (len(TENANT_COLUMNS) + len(NOBODYS),)


@pytest.mark.parametrize("table", TENANT_COLUMNS)
def test_a_stranger_reads_changes_and_removes_no_row_of_another(
    pair: Rows, database_url: str, table: str
) -> None:
    column = TENANT_COLUMNS[table][0]
    where = f"FROM {table} WHERE {column} = :tenant"
    with tenant_transaction(pair.stranger) as session:
        assert session.execute(text(f"SELECT * {where}"), {"tenant": pair.left}).all() == []
    for statement in (
        f"DELETE {where}",
        f"UPDATE {table} SET {column} = {column} WHERE {column} = :tenant",
        f"UPDATE {table} SET {column} = :stranger WHERE {column} = :tenant",
    ):
        try:
            with tenant_transaction(pair.stranger) as session:
                asked = {"tenant": pair.left, "stranger": pair.stranger}
                names = {k: v for k, v in asked.items() if f":{k}" in statement}
                hit = session.execute(text(statement), names)
                assert hit.rowcount == 0  # type: ignore[attr-defined]
        except DBAPIError as refused:
            # What nobody may do, the database refuses before it looks at rows.
            assert table in {"audit_event", "audit_head", "lifecycle_token", "search_look"}, refused
    with psycopg.connect(database_url) as owner:
        assert foreign_row(owner, table, pair.left)


@pytest.mark.parametrize("table", TENANT_COLUMNS)
def test_a_row_cannot_be_written_for_another_tenant(
    pair: Rows, database_url: str, table: str
) -> None:
    with psycopg.connect(database_url) as owner:
        row = foreign_row(owner, table, pair.left)
    columns = ", ".join(row)
    values = ", ".join(f"%({name})s" for name in row)
    plain = {
        name: Jsonb(value) if isinstance(value, dict) else value for name, value in row.items()
    }
    with (
        pytest.raises(psycopg.errors.InsufficientPrivilege, match=r"row-level security|denied"),
        psycopg.connect(database_url, options="-c role=tandem_app") as stranger,
    ):
        stranger.execute("SELECT set_config('tandem.tenant', %s, true)", (str(pair.stranger),))
        stranger.execute(f"INSERT INTO {table} ({columns}) VALUES ({values})", plain)


def test_what_belongs_to_no_tenant_is_closed_to_the_product(pair: Rows) -> None:
    for table in NOBODYS:
        with (
            pytest.raises(ProgrammingError, match="permission denied"),
            tenant_transaction(pair.left) as session,
        ):
            session.execute(text(f"SELECT * FROM {table}"))


def test_the_role_owns_nothing_and_has_no_power(app: Flask) -> None:
    with unscoped_transaction() as session:
        role = session.execute(
            text(
                "SELECT rolsuper, rolbypassrls, rolcreatedb, rolcreaterole, rolcanlogin,"
                " (SELECT count(*) FROM pg_class WHERE relowner = r.oid) AS owned"
                " FROM pg_roles r WHERE rolname = current_user"
            )
        ).one()
    assert tuple(role) == (False, False, False, False, False, 0)


def test_a_pairing_code_is_claimed_once_and_never_by_its_maker(pair: Rows) -> None:
    claim = text("SELECT tandem_claim_pairing_code(:hash)")
    with tenant_transaction(pair.left) as session:
        assert session.execute(claim, {"hash": pair.left.bytes}).scalar() is None
        assert session.execute(claim, {"hash": b"never was"}).scalar() is None
        assert session.execute(claim, {"hash": pair.right.bytes}).scalar() == pair.right
        assert session.execute(claim, {"hash": pair.right.bytes}).scalar() is None


def test_an_issue_has_one_twin_within_a_profile_by_constraint(
    pair: Rows, database_url: str
) -> None:
    with psycopg.connect(database_url) as owner, pytest.raises(psycopg.errors.UniqueViolation):
        owner.execute(
            "INSERT INTO issue_link (id, profile_id, left_tenant_id, right_tenant_id,"
            " left_issue_id, right_issue_id, lane)"
            " SELECT gen_random_uuid(), profile_id, left_tenant_id, right_tenant_id,"
            " left_issue_id, 7, lane FROM issue_link"
        )


def test_the_checks_of_the_doctor_find_this_database_well(app: Flask, settings: Settings) -> None:
    found = [check_database(), check_migrations(), check_keys(settings)]
    assert [finding.check for finding in found if not finding.well] == []
    assert "tandem_app" in found[0].found


def test_a_database_of_an_older_revision_is_named_with_the_cure(
    app: Flask, database_url: str
) -> None:
    with psycopg.connect(database_url) as owner:
        owner.execute("UPDATE alembic_version SET version_num = '0000'")
    finding = check_migrations()
    assert not finding.well
    assert "0000" in finding.found
    assert "tandem db upgrade" in finding.cure


def test_a_piped_transaction_commits_all_or_nothing_and_sees_one_tenant(pair: Rows) -> None:
    name, state = (text(f"UPDATE profile SET {column} = :to") for column in ("name", "state"))
    with piped_transaction(pair.left) as pipe:
        pipe.execute(name, {"to": "ours"})
    with piped_transaction(pair.stranger) as pipe:
        pipe.execute(name, {"to": "theirs"})
    with pytest.raises(psycopg.errors.CheckViolation), piped_transaction(pair.left) as pipe:
        pipe.execute(name, {"to": "half"})
        pipe.execute(state, {"to": "odd"})
    with pytest.raises(ZeroDivisionError), piped_transaction(pair.left) as pipe:
        pipe.execute(name, {"to": "half"})
        raise ZeroDivisionError
    with piped_transaction(pair.left) as pipe:
        found = pipe.execute(text("SELECT name FROM profile"), {}).fetchall()
    assert [one.name for one in found] == ["ours"]


@pytest.mark.usefixtures("app")
def test_a_piped_transaction_carries_nothing_that_must_leave_no_trace() -> None:
    with (
        in_hand(["a-mark-of-theirs"]),
        pytest.raises(TracelessError),
        piped_transaction(None) as pipe,
    ):
        pipe.execute(text("SELECT :it"), {"it": "a-mark-of-theirs"})


def test_a_connection_that_was_cut_a_moment_ago_fails_nobody(app: Flask, database_url: str) -> None:
    with app.app_context(), psycopg.connect(database_url, autocommit=True) as owner:
        for _ in range(20):
            with unscoped_transaction() as session:
                pid = session.execute(text("SELECT pg_backend_pid()")).scalar_one()
            owner.execute("SELECT pg_terminate_backend(%s, 10000)", (pid,))
            with unscoped_transaction() as session:
                assert session.execute(text("SELECT pg_backend_pid()")).scalar_one() != pid
