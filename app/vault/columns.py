"""Every sealed column, as rotation walks them. Each has a trigger `seal` in the database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.database import TenantId
from app.vault.vault import Place


@dataclass(frozen=True)
class SealedColumn:
    """A column that holds sealed values. `tenant`: the column of whose key seals it."""

    table: str
    column: str
    tenant: str
    key: tuple[str, ...]

    def place(self, tenant: TenantId, row: Any) -> Place:
        """The place of a row's value, as those who write it have it."""
        parts = ":".join(str(getattr(row, name)) for name in self.key)
        return Place(tenant, self.table, self.column, parts)


SEALED = (
    SealedColumn("installation", "shared_secret", "id", ("id",)),
    SealedColumn("profile_revision", "document", "left_tenant_id", ("profile_id", "number")),
    SealedColumn("activity", "detail", "left_tenant_id", ("id",)),
    SealedColumn("conflict_question", "held", "left_tenant_id", ("id",)),
    SealedColumn("item_edit", "held", "left_tenant_id", ("id",)),
    SealedColumn("errand", "held", "left_tenant_id", ("id",)),
    SealedColumn("errand_page", "held", "left_tenant_id", ("errand_id", "number")),
    SealedColumn("load", "jql", "left_tenant_id", ("run_id",)),
    SealedColumn("parked_cause", "said", "left_tenant_id", ("id",)),
    SealedColumn("drift", "held", "left_tenant_id", ("profile_id",)),
    SealedColumn("draft", "document", "tenant_id", ("id",)),
    SealedColumn("scope_fields", "held", "tenant_id", ("project_id", "issue_type_id")),
)


def rows_by_version(session: Session, tenant: TenantId) -> dict[int, int]:
    """How many values each version of a tenant's data keys seals, in the tenant's transaction."""
    counts: dict[int, int] = {}
    for one in SEALED:
        query = (
            f"SELECT tandem_key_version({one.column}), count(*) FROM {one.table}"  # noqa: S608
            f" WHERE {one.tenant} = :tenant AND tandem_key_version({one.column}) IS NOT NULL"
            " GROUP BY 1"
        )
        for version, count in session.execute(text(query), {"tenant": tenant}):
            counts[version] = counts.get(version, 0) + count
    return counts
