"""The tables of the job engine (Procrastinate), open to the role that the product runs as."""

from __future__ import annotations

from alembic import op
from procrastinate.schema import SchemaManager

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

OPEN_TO_THE_ROLE = """
DO $$
DECLARE
    name text;
BEGIN
    FOR name IN SELECT tablename FROM pg_tables
                WHERE schemaname = 'public' AND tablename LIKE 'procrastinate%'
    LOOP
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO tandem_app', name);
    END LOOP;
END
$$;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO tandem_app;
-- Fetching jobs without planner statistics is several times slower.
ANALYZE procrastinate_jobs;
"""

REMOVE = """
DO $$
DECLARE
    thing record;
BEGIN
    FOR thing IN SELECT tablename FROM pg_tables
                 WHERE schemaname = 'public' AND tablename LIKE 'procrastinate%' LOOP
        EXECUTE format('DROP TABLE %I CASCADE', thing.tablename);
    END LOOP;
    FOR thing IN SELECT oid::regprocedure AS call FROM pg_proc
                 WHERE pronamespace = 'public'::regnamespace
                   AND proname LIKE 'procrastinate%' LOOP
        EXECUTE format('DROP FUNCTION %s CASCADE', thing.call);
    END LOOP;
    DROP TYPE IF EXISTS procrastinate_job_to_defer_v1, procrastinate_job_status,
        procrastinate_job_event_type CASCADE;
END
$$;
"""


def upgrade() -> None:
    """Apply the schema of the pinned release; a later release brings a migration of its own."""
    with op.get_bind().connection.cursor() as cursor:
        cursor.execute(SchemaManager.get_schema())
        cursor.execute(OPEN_TO_THE_ROLE)


def downgrade() -> None:
    """Remove the job engine's tables, functions and types."""
    with op.get_bind().connection.cursor() as cursor:
        cursor.execute(REMOVE)
