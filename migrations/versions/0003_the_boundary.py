"""Roles, the audit trail, the states of data keys, and what keeps Data Center out."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

PARTS = ("roles", "audit", "data_keys", "traceless")


def upgrade() -> None:
    """Apply the SQL files beside this one, in order."""
    # Straight to the driver: SQLAlchemy would take the % of format() for a parameter.
    with op.get_bind().connection.cursor() as cursor:
        for part in PARTS:
            cursor.execute((Path(__file__).parent / f"0003_{part}.sql").read_text())


def downgrade() -> None:
    """Refuse: an audit trail that can be rolled away is none. Restore a backup instead."""
    raise NotImplementedError("Revision 0003 holds the audit trail and is not rolled back.")
