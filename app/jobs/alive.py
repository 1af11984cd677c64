"""Whether a worker runs, by the heartbeats that each writes every five seconds."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.database import unscoped_transaction

SILENT_AFTER = 30.0
"""Seconds without a heartbeat, and with a change waiting: a worker that is started again takes
less."""

_ALIVE = """
    SELECT FROM procrastinate_workers WHERE last_heartbeat > now() - make_interval(secs => :silent)
"""
_COUNT = text(f"SELECT count(*) FROM ({_ALIVE}) alive")  # noqa: S608  our own words

# Nothing of it is read while a worker is alive.
_WAITING = text(
    f"""
    SELECT count(*) AS changes, min(c.first_at) AS since
    FROM change c JOIN profile p ON p.id = c.profile_id
    WHERE NOT EXISTS ({_ALIVE})
      AND (CAST(:profiles AS uuid[]) IS NULL OR c.profile_id = ANY(CAST(:profiles AS uuid[])))
      AND p.state = 'on'
      AND NOT c.parked AND c.not_before <= now()
    HAVING min(c.first_at) < now() - make_interval(secs => :silent)
    """  # noqa: S608  our own words
)


def waiting_without_worker(
    session: Session, profiles: Collection[uuid.UUID] | None
) -> tuple[int, datetime] | None:
    """How many due changes of these profiles, or of all of the tenant, wait for a worker, since
    when; None where one runs."""
    wanted = None if profiles is None else list(profiles)
    asked = {"profiles": wanted, "silent": SILENT_AFTER}
    found = session.execute(_WAITING, asked).one_or_none()
    return None if found is None else (found.changes, found.since)


def workers() -> int:
    """How many workers are alive."""
    with unscoped_transaction() as session:
        return int(session.execute(_COUNT, {"silent": SILENT_AFTER}).scalar_one())
