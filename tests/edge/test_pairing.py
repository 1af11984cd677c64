"""Pairing codes: whose clock says how long they are good."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, timedelta

import psycopg
import pytest
from flask import Flask

from app import Tandem
from app.database import TenantId
from app.errors import Problem
from app.tenants import pairing
from app.tenants.caller import Caller, Proof
from tests.edge.jira import Jira


@pytest.fixture
def admins(app: Flask, installed: Jira, other: Jira, database_url: str) -> list[Caller]:
    """An admin of each of two sites."""
    with psycopg.connect(database_url) as owner:
        rows = owner.execute("SELECT id FROM installation ORDER BY base_url").fetchall()
    return [Caller(TenantId(tenant), "an-admin", Proof.CONTEXT) for (tenant,) in rows]


def test_a_code_is_good_for_ten_minutes_by_the_databases_clock(
    app: Flask, admins: list[Caller], database_url: str
) -> None:
    tandem: Tandem = app.extensions["tandem"]
    code = pairing.make_code(tandem.record, admins[0])
    with psycopg.connect(database_url, autocommit=True) as owner:
        [(made, expires)] = owner.execute(
            "SELECT created_at, expires_at FROM pairing_code WHERE tenant_id = %s",
            (admins[0].tenant,),
        ).fetchall()
        # Both are of one moment, which only the database can tell.
        assert (expires - made, code.expires_at) == (timedelta(minutes=10), expires)
        assert code.expires_at.tzinfo is UTC
        owner.execute("UPDATE pairing_code SET expires_at = now()")
    with pytest.raises(Problem, match="older than ten minutes"):
        pairing.claim(tandem.record, admins[1], code.text)


def test_a_code_is_used_once(app: Flask, admins: list[Caller]) -> None:
    tandem: Tandem = app.extensions["tandem"]
    code = pairing.make_code(tandem.record, admins[0]).text
    connection = pairing.claim(tandem.record, admins[1], code)
    assert [one.connection_id for one in pairing.partners(admins[0].tenant)] == [connection]
    with pytest.raises(Problem, match="used"):
        pairing.claim(tandem.record, replace(admins[1], account_id="another"), code)
