"""The database: the product's role owns nothing, and sees only the tenant of its transaction."""

from __future__ import annotations

import uuid
from typing import NamedTuple

import psycopg
import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from app.database import TenantId, tenant_transaction, unscoped_transaction
from app.health import check_database, check_keys, check_migrations
from app.settings import Settings


class Pair(NamedTuple):
    """Two connected tenants and a stranger, with a row in every table of theirs."""

    left: TenantId
    right: TenantId
    stranger: TenantId


TENANT_TABLES = ("installation", "data_key", "pairing_code")
SHARED_TABLES = (
    "connection", "profile", "profile_revision", "issue_link", "change", "activity",
)  # fmt: skip


@pytest.fixture
def pair(app: Flask, database_url: str) -> Pair:
    """Rows written by the owner of the tables, past row security."""
    left, right, stranger = (TenantId(uuid.uuid4()) for _ in range(3))
    profile, connection = uuid.uuid4(), uuid.uuid4()
    sides = (left, right)
    with psycopg.connect(database_url) as owner:
        for tenant in (left, right, stranger):
            owner.execute(
                "INSERT INTO installation"
                " (id, client_key, app_key, base_url, state, shared_secret, lifecycle_at)"
                " VALUES (%s, %s, 'tandem', 'https://a.example', 'enabled', 'x', now())",
                (tenant, str(tenant)),
            )
            owner.execute("INSERT INTO data_key VALUES (%s, 1, 'active')", (tenant,))
            owner.execute(
                "INSERT INTO pairing_code (id, tenant_id, code_hash, created_by, expires_at)"
                " VALUES (%s, %s, %s, 'someone', now() + interval '1 hour')",
                (uuid.uuid4(), tenant, tenant.bytes),
            )
        owner.execute("INSERT INTO connection VALUES (%s, %s, %s)", (connection, *sides))
        owner.execute(
            "INSERT INTO profile (id, connection_id, left_tenant_id, right_tenant_id, name, state,"
            " left_project_id, left_type_id, right_project_id, right_type_id, revision)"
            " VALUES (%s, %s, %s, %s, 'p', 'on', 1, 1, 1, 1, 1)",
            (profile, connection, *sides),
        )
        owner.execute(
            "INSERT INTO profile_revision VALUES (%s, 1, %s, %s, 'd', 'someone')",
            (profile, *sides),
        )
        owner.execute(
            "INSERT INTO issue_link (id, profile_id, left_tenant_id, right_tenant_id,"
            " left_issue_id, lane) VALUES (%s, %s, %s, %s, 1, 1)",
            (uuid.uuid4(), profile, *sides),
        )
        owner.execute(
            "INSERT INTO change (profile_id, side, issue_id, left_tenant_id, right_tenant_id, lane)"
            " VALUES (%s, 'left', 1, %s, %s, 1)",
            (profile, *sides),
        )
        owner.execute(
            "INSERT INTO activity (id, profile_id, left_tenant_id, right_tenant_id, outcome)"
            " VALUES (%s, %s, %s, %s, 'created')",
            (uuid.uuid4(), profile, *sides),
        )
    return Pair(left, right, stranger)


def counts(tenant: TenantId | None) -> dict[str, int]:
    """How many rows of each table a transaction of this tenant sees."""
    scope = tenant_transaction(tenant) if tenant else unscoped_transaction()
    with scope as session:
        return {
            table: session.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()
            for table in TENANT_TABLES + SHARED_TABLES
        }


def test_a_transaction_without_a_tenant_sees_no_row_at_all(pair: Pair) -> None:
    assert set(counts(None).values()) == {0}


def test_each_partner_sees_its_own_rows_and_what_both_share(pair: Pair) -> None:
    for tenant in (pair.left, pair.right):
        assert counts(tenant) == dict.fromkeys(TENANT_TABLES + SHARED_TABLES, 1)


def test_a_stranger_sees_nothing_of_the_two(pair: Pair) -> None:
    seen = counts(pair.stranger)
    assert {seen[table] for table in SHARED_TABLES} == {0}
    assert {seen[table] for table in TENANT_TABLES} == {1}


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
    assert known == (len(TENANT_TABLES + SHARED_TABLES),)


def test_a_row_cannot_be_written_for_another_tenant(pair: Pair) -> None:
    add = text("INSERT INTO data_key VALUES (:tenant, 2, 'active')")
    refused = pytest.raises(ProgrammingError, match="row-level security")
    with refused, tenant_transaction(pair.stranger) as session:
        session.execute(add, {"tenant": pair.left})
    with tenant_transaction(pair.stranger) as session:
        moved = session.execute(text("UPDATE profile SET name = 'taken'"))
        assert moved.rowcount == 0  # type: ignore[attr-defined]


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


def test_a_pairing_code_is_claimed_once_and_never_by_its_maker(pair: Pair) -> None:
    claim = text("SELECT tandem_claim_pairing_code(:hash)")
    with tenant_transaction(pair.left) as session:
        assert session.execute(claim, {"hash": pair.left.bytes}).scalar() is None
        assert session.execute(claim, {"hash": b"never was"}).scalar() is None
        assert session.execute(claim, {"hash": pair.right.bytes}).scalar() == pair.right
        assert session.execute(claim, {"hash": pair.right.bytes}).scalar() is None


def test_an_issue_has_one_twin_within_a_profile_by_constraint(
    pair: Pair, database_url: str
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
