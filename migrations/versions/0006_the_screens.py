"""What the screens need to be remembered: drafts, approvals, drift."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

PARTS: tuple[str, ...] = (
    "approvals",
    "drafts",
    "drift",
    "pause",
    "activity",
    "ignored",
    "errands",
    "scope_fields",
    "lists",
    "samples",
    "details",
    "tokens",
    "questions",
)


def upgrade() -> None:
    """Apply the SQL files beside this one, in order."""
    # Straight to the driver: SQLAlchemy would take the % of format() for a parameter.
    with op.get_bind().connection.cursor() as cursor:
        for part in PARTS:
            cursor.execute((Path(__file__).parent / f"0006_{part}.sql").read_text())


def downgrade() -> None:
    """Refuse, as revision 0003 does: restore a backup instead."""
    raise NotImplementedError("Revision 0006 is not rolled back; restore a backup.")
