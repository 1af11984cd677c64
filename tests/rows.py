"""Rows in every table of ours, written by the owner of the tables, past row security."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

import psycopg

from app.database import TenantId

# Which column of a table tells whose a row is; two of them where partners share it.
TENANT_COLUMNS: dict[str, tuple[str, ...]] = {
    "installation": ("id",),
    "data_key": ("tenant_id",),
    "pairing_code": ("tenant_id",),
    "role_assignment": ("tenant_id",),
    "lifecycle_token": ("tenant_id",),
    "site_budget": ("tenant_id",),
    "draft": ("tenant_id",),
    "scope_fields": ("tenant_id",),
    "audit_event": ("chain",),
    "audit_head": ("chain",),
    "connection": ("left_tenant_id", "right_tenant_id"),
    "profile": ("left_tenant_id", "right_tenant_id"),
    "profile_revision": ("left_tenant_id", "right_tenant_id"),
    "profile_approval": ("left_tenant_id", "right_tenant_id"),
    "profile_proposal": ("left_tenant_id", "right_tenant_id"),
    "issue_link": ("left_tenant_id", "right_tenant_id"),
    "unlinked": ("left_tenant_id", "right_tenant_id"),
    "value_pair": ("left_tenant_id", "right_tenant_id"),
    "item_link": ("left_tenant_id", "right_tenant_id"),
    "item_edit": ("left_tenant_id", "right_tenant_id"),
    "change": ("left_tenant_id", "right_tenant_id"),
    "activity": ("left_tenant_id", "right_tenant_id"),
    "conflict_question": ("left_tenant_id", "right_tenant_id"),
    "parked_cause": ("left_tenant_id", "right_tenant_id"),
    "parked_group": ("left_tenant_id", "right_tenant_id"),
    "search_look": ("left_tenant_id", "right_tenant_id"),
    "completeness": ("left_tenant_id", "right_tenant_id"),
    "drift": ("left_tenant_id", "right_tenant_id"),
    "run": ("left_tenant_id", "right_tenant_id"),
    "written": ("left_tenant_id", "right_tenant_id"),
    "item_written": ("left_tenant_id", "right_tenant_id"),
    "undo_hold": ("left_tenant_id", "right_tenant_id"),
    "provenance": ("left_tenant_id", "right_tenant_id"),
    "errand": ("left_tenant_id", "right_tenant_id"),
    "errand_page": ("left_tenant_id", "right_tenant_id"),
    "load": ("left_tenant_id", "right_tenant_id"),
    "load_issue": ("left_tenant_id", "right_tenant_id"),
}
OWN_TABLES = tuple(table for table, columns in TENANT_COLUMNS.items() if len(columns) == 1)
SHARED_TABLES = tuple(table for table, columns in TENANT_COLUMNS.items() if len(columns) == 2)
NOBODYS = ("counter",)  # no tenant's, and closed to the product's role


@dataclass(frozen=True)
class Rows:
    """Two connected tenants and a stranger, with a row of theirs in every table."""

    left: TenantId
    right: TenantId
    stranger: TenantId
    connection: uuid.UUID
    profile: uuid.UUID


def write_rows(owner: psycopg.Connection) -> Rows:
    """Write them. `owner`: a connection of the owner of the tables."""
    left, right, stranger = (TenantId(uuid.uuid4()) for _ in range(3))
    rows = Rows(left, right, stranger, uuid.uuid4(), uuid.uuid4())
    for tenant in (left, right, stranger):
        _write_own(owner, tenant)
    _write_shared(owner, rows)
    return rows


def _write_own(owner: psycopg.Connection, tenant: TenantId) -> None:
    owner.execute(
        "INSERT INTO installation (id, client_key, app_key, base_url, state, shared_secret,"
        " lifecycle_at, cloud_id, deployment)"
        " VALUES (%s, %s, 'tandem', 'https://a.example', 'enabled', 'x', now(), %s, 'Cloud')",
        (tenant, str(tenant), str(uuid.uuid4())),
    )
    owner.execute("INSERT INTO data_key VALUES (%s, 9, 'retired')", (tenant,))
    owner.execute(
        "INSERT INTO pairing_code (id, tenant_id, code_hash, created_by, expires_at)"
        " VALUES (%s, %s, %s, 'someone', now() + interval '1 hour')",
        (uuid.uuid4(), tenant, tenant.bytes),
    )
    owner.execute(
        "INSERT INTO role_assignment (tenant_id, account_id, role, granted_by)"
        " VALUES (%s, 'someone', 'viewer', 'another')",
        (tenant,),
    )
    owner.execute(
        "INSERT INTO lifecycle_token VALUES (%s, %s, now() + interval '1 hour')",
        (tenant, bytes(32)),
    )
    owner.execute("INSERT INTO site_budget (tenant_id) VALUES (%s)", (tenant,))
    owner.execute(
        "INSERT INTO draft (id, tenant_id, account_id, side, document)"
        " VALUES (%s, %s, 'someone', 'left', 'd')",
        (uuid.uuid4(), tenant),
    )
    owner.execute("INSERT INTO scope_fields VALUES (%s, 1, 1, 'h')", (tenant,))
    owner.execute("INSERT INTO audit_head VALUES (%s, 0, %s)", (tenant, bytes(32)))
    owner.execute(
        "INSERT INTO audit_event VALUES (%s, 1, now(), 'jira', 'installation.installed',"
        " 'installation:x', '{}', '{}', %s, %s)",
        (tenant, bytes(32), b"m" * 32),
    )


def _write_shared(owner: psycopg.Connection, rows: Rows) -> None:
    sides = (rows.left, rows.right)
    owner.execute("INSERT INTO connection VALUES (%s, %s, %s)", (rows.connection, *sides))
    owner.execute(
        "INSERT INTO profile (id, connection_id, left_tenant_id, right_tenant_id, name, state,"
        " left_project_id, left_type_id, right_project_id, right_type_id, revision)"
        " VALUES (%s, %s, %s, %s, 'p', 'on', 1, 1, 1, 1, 1)",
        (rows.profile, rows.connection, *sides),
    )
    owner.execute(
        "INSERT INTO profile_revision VALUES (%s, 1, %s, %s, 'd', 'someone')",
        (rows.profile, *sides),
    )
    owner.execute(
        "INSERT INTO profile_approval VALUES (%s, 'left', %s, %s, 1, 'someone')",
        (rows.profile, *sides),
    )
    owner.execute(
        "INSERT INTO profile_proposal VALUES (%s, 2, %s, %s, 'right', 'someone')",
        (rows.profile, *sides),
    )
    owner.execute(
        "INSERT INTO issue_link (id, profile_id, left_tenant_id, right_tenant_id,"
        " left_issue_id, lane) VALUES (%s, %s, %s, %s, 1, 1)",
        (uuid.uuid4(), rows.profile, *sides),
    )
    owner.execute(
        "INSERT INTO value_pair VALUES (%s, %s, %s, 'a=a', '1', '2')", (rows.profile, *sides)
    )
    owner.execute(
        "INSERT INTO unlinked VALUES (%s, 'left', 9, %s, %s, 'deleted')", (rows.profile, *sides)
    )
    owner.execute(
        "INSERT INTO item_link (id, profile_id, left_tenant_id, right_tenant_id, link_id, kind,"
        " left_item, source, root, target_tenant_id, target_issue_id)"
        " SELECT %s, profile_id, left_tenant_id, right_tenant_id, id, 'comments', '1', 'left',"
        " 'f00d', right_tenant_id, 2 FROM issue_link WHERE profile_id = %s",
        (uuid.uuid4(), rows.profile),
    )
    owner.execute(
        "INSERT INTO item_edit (id, profile_id, left_tenant_id, right_tenant_id, link_id, kind,"
        " side, item, updated, held) SELECT %s, profile_id, left_tenant_id, right_tenant_id, id,"
        " 'comments', 'right', '2', now(), 'x' FROM issue_link WHERE profile_id = %s",
        (uuid.uuid4(), rows.profile),
    )
    owner.execute(
        "INSERT INTO change (profile_id, side, issue_id, left_tenant_id, right_tenant_id, lane)"
        " VALUES (%s, 'left', 1, %s, %s, 1)",
        (rows.profile, *sides),
    )
    owner.execute(
        "INSERT INTO activity (id, profile_id, left_tenant_id, right_tenant_id, outcome)"
        " VALUES (%s, %s, %s, %s, 'created')",
        (uuid.uuid4(), rows.profile, *sides),
    )
    owner.execute(
        "INSERT INTO conflict_question (id, profile_id, left_tenant_id, right_tenant_id, link_id,"
        " field_key, held, left_mark, right_mark)"
        " SELECT %s, %s, %s, %s, id, 'a=a', 'x', 'l', 'r' FROM issue_link WHERE profile_id = %s",
        (uuid.uuid4(), rows.profile, *sides, rows.profile),
    )
    owner.execute(
        "INSERT INTO parked_cause (id, profile_id, side, issue_id, left_tenant_id,"
        " right_tenant_id, at_side, code, field, field_key, said)"
        " VALUES (%s, %s, 'left', 1, %s, %s, 'right', 'value-unknown', 'a', 'a=a', 'x')",
        (uuid.uuid4(), rows.profile, *sides),
    )
    owner.execute(
        "INSERT INTO parked_group (profile_id, at_side, code, field, left_tenant_id,"
        " right_tenant_id) VALUES (%s, 'right', 'value-unknown', 'a', %s, %s)",
        (rows.profile, *sides),
    )
    owner.execute(
        "INSERT INTO completeness (profile_id, left_tenant_id, right_tenant_id, due_at)"
        " VALUES (%s, %s, %s, now())",
        (rows.profile, *sides),
    )
    owner.execute(
        "INSERT INTO drift (profile_id, left_tenant_id, right_tenant_id, due_at, held)"
        " VALUES (%s, %s, %s, now(), 'x')",
        (rows.profile, *sides),
    )
    owner.execute(
        "INSERT INTO run (id, profile_id, left_tenant_id, right_tenant_id, kind, begun_by)"
        " VALUES (%s, %s, %s, %s, 'load', 'someone')",
        (uuid.uuid4(), rows.profile, *sides),
    )
    owner.execute(
        "INSERT INTO written (profile_id, left_tenant_id, right_tenant_id, link_id, side, issue_id,"
        " field_key, mark_after, created)"
        " VALUES (%s, %s, %s, %s, 'left', 1, 'a=a', repeat('0', 32), true)",
        (rows.profile, *sides, uuid.uuid4()),
    )
    owner.execute(
        "INSERT INTO item_written (profile_id, left_tenant_id, right_tenant_id, link_id, item_id,"
        " kind, side, issue_id, did) VALUES (%s, %s, %s, %s, %s, 'comments', 'right', 2, 'made')",
        (rows.profile, *sides, uuid.uuid4(), uuid.uuid4()),
    )
    owner.execute(
        "INSERT INTO provenance SELECT id, left_tenant_id, right_tenant_id, 'right', 'a=a', 'left',"
        " 1, 'change', false, NULL, now() FROM issue_link WHERE profile_id = %s",
        (rows.profile,),
    )
    owner.execute(
        "INSERT INTO undo_hold VALUES (%s, %s, %s, %s, NULL, now())",
        (rows.profile, *sides, uuid.uuid4()),
    )
    owner.execute(
        "INSERT INTO load (run_id, profile_id, left_tenant_id, right_tenant_id, sources)"
        " SELECT id, profile_id, left_tenant_id, right_tenant_id, 'left' FROM run"
        " WHERE profile_id = %s",
        (rows.profile,),
    )
    owner.execute(
        "INSERT INTO errand (id, profile_id, left_tenant_id, right_tenant_id, kind, begun_by,"
        " begun_in, revision, held) VALUES (%s, %s, %s, %s, 'plan', 'someone', %s, 1, 'x')",
        (rows.profile, rows.profile, *sides, rows.left),
    )
    owner.execute(
        "INSERT INTO errand_page SELECT id, 0, left_tenant_id, right_tenant_id, 1, held"
        " FROM errand WHERE profile_id = %s",
        (rows.profile,),
    )
    owner.execute(
        "INSERT INTO load_issue (run_id, side, issue_id, left_tenant_id, right_tenant_id, key,"
        " updated, source) SELECT run_id, 'left', 1, left_tenant_id, right_tenant_id, 'A-1', now(),"
        " true FROM load WHERE profile_id = %s",
        (rows.profile,),
    )
