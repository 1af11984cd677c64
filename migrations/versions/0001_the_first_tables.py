"""The first tables, the role that the product runs as, and row-level security on every one."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the SQL beside this file."""
    # Straight to the driver: SQLAlchemy would take the % of format() for a parameter.
    with op.get_bind().connection.cursor() as cursor:
        cursor.execute(Path(__file__).with_suffix(".sql").read_text())


def downgrade() -> None:
    """Remove every table and function; the role stays, other databases may use it."""
    op.get_bind().exec_driver_sql(
        """
        DROP TABLE activity, change, issue_link, profile_revision, profile, connection,
                   pairing_code, data_key, installation CASCADE;
        DROP FUNCTION IF EXISTS tandem_tenant, tandem_find_installation,
                                tandem_claim_pairing_code, tandem_due_lanes,
                                tandem_profile_tenants CASCADE;
        """
    )
