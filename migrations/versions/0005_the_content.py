"""What the content of issues needs to be remembered: pairs of values and of items."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

PARTS: tuple[str, ...] = (
    "values", "provenance", "items", "moves", "hierarchy", "lifecycle", "codes", "completeness",
    "item_edits",
)  # fmt: skip


def upgrade() -> None:
    """Apply the SQL files beside this one, in order."""
    # Straight to the driver: SQLAlchemy would take the % of format() for a parameter.
    with op.get_bind().connection.cursor() as cursor:
        for part in PARTS:
            cursor.execute((Path(__file__).parent / f"0005_{part}.sql").read_text())


def downgrade() -> None:
    """Refuse, as revision 0003 does: restore a backup instead."""
    raise NotImplementedError("Revision 0005 is not rolled back; restore a backup.")
