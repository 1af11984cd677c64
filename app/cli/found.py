"""Finds what a command is about: rows past the walls between tenants, and a profile to work on."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from app.errors import NotFound, Problem
from app.settings import Settings

if TYPE_CHECKING:
    from app import Tandem
    from app.mapping.profiles import StoredProfile

_PROFILES = """
    SELECT p.id, p.name, p.state, l.base_url AS site, r.base_url AS partner,
        (SELECT count(*) FROM issue_link k WHERE k.profile_id = p.id
            AND k.left_issue_id IS NOT NULL AND k.right_issue_id IS NOT NULL) AS linked,
        (SELECT count(*) FROM change c WHERE c.profile_id = p.id AND NOT c.parked) AS pending,
        (SELECT count(*) FROM change c WHERE c.profile_id = p.id AND c.parked) AS parked
    FROM profile p
    JOIN installation l ON l.id = p.left_tenant_id
    JOIN installation r ON r.id = p.right_tenant_id
    ORDER BY p.created_at
"""
_NAMED = """
    SELECT id FROM profile WHERE CAST(id AS text) = lower(:wanted)
    UNION ALL
    SELECT id FROM profile WHERE name = :wanted
        AND NOT EXISTS (SELECT FROM profile WHERE CAST(id AS text) = lower(:wanted))
    LIMIT 2
"""


def read_as_owner(settings: Settings, query: str, **arguments: Any) -> list[dict[str, Any]]:
    """The rows of a query, read as the owner of the tables, past the walls between tenants."""
    from sqlalchemy import text

    from app import create_owner_app
    from app.database import unscoped_transaction

    with create_owner_app(settings).app_context(), unscoped_transaction() as session:
        session.execute(text("SET LOCAL row_security = off"))
        return [dict(row) for row in session.execute(text(query), arguments).mappings()]


def all_profiles(settings: Settings) -> list[dict[str, Any]]:
    """Every profile with its sites and counts, the oldest first."""
    return [{**row, "id": str(row["id"])} for row in read_as_owner(settings, _PROFILES)]


def find_profile(settings: Settings, wanted: str) -> uuid.UUID:
    """The profile of this id, or else of this name. Raises Problem."""
    found = [row["id"] for row in read_as_owner(settings, _NAMED, wanted=wanted)]
    if not found:
        raise NotFound("PROFILE: there is none of this id or name. `tandem profile list` has them.")
    if len(found) > 1:
        raise Problem("PROFILE: several have this name. Give the id: `tandem profile list`.")
    return uuid.UUID(str(found[0]))


@contextmanager
def opened_profile(settings: Settings, wanted: str) -> Iterator[tuple[Tandem, StoredProfile]]:
    """The product's parts and a profile (its id or its name), while the block lasts. Raises
    Problem."""
    found = find_profile(settings, wanted)
    from app import create_app
    from app.mapping import profiles

    app = create_app(settings, pool_size=2, endpoints=False)
    with app.app_context():
        tandem: Tandem = app.extensions["tandem"]
        yield tandem, profiles.load(tandem.vault, found)
