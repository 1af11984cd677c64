"""Runs the migrations on the engine of the running application, as the owner of the tables."""

from __future__ import annotations

from alembic import context
from flask import current_app

database = current_app.extensions["migrate"].db


def run() -> None:
    """One transaction for all pending migrations, under a lock so that two starts don't race."""
    engine = database.engine
    with engine.connect() as connection:
        context.configure(connection=connection, target_metadata=database.metadata)
        with context.begin_transaction():
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7248213406)")
            context.run_migrations()


if context.is_offline_mode():
    raise SystemExit("Tandem's migrations need a live database: set DATABASE_URL.")
run()
