"""People of the sites that call the app, each with a role there."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import psycopg

PEOPLE: Mapping[str, str] = MappingProxyType({"ann": "admin", "ed": "editor", "vi": "viewer"})
"""By account id, the same ones on every site."""


def grant_roles(database: str, roles: Mapping[str, str] = PEOPLE) -> None:
    """Grant these on every installed site."""
    with psycopg.connect(database) as owner:
        for account, role in roles.items():
            owner.execute(
                "INSERT INTO role_assignment (tenant_id, account_id, role, granted_by)"
                " SELECT id, %s, %s, 'admin' FROM installation ON CONFLICT DO NOTHING",
                (account, role),
            )
