"""What the engine remembers: searches, budgets, questions and checks; and the jobs that do them."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

PARTS = (
    "jobs", "sweep", "budget", "inbox", "completeness", "runs", "written", "load", "parked",
    "filters",
)  # fmt: skip


def upgrade() -> None:
    """Apply the SQL files beside this one, in order."""
    # Straight to the driver: SQLAlchemy would take the % of format() for a parameter.
    with op.get_bind().connection.cursor() as cursor:
        for part in PARTS:
            cursor.execute((Path(__file__).parent / f"0004_{part}.sql").read_text())


def downgrade() -> None:
    """Refuse, as revision 0003 does: restore a backup instead."""
    raise NotImplementedError("Revision 0004 is not rolled back; restore a backup.")
