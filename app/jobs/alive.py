"""Whether a worker runs, by the heartbeats that each writes every five seconds."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
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
      AND c.profile_id = ANY(:profiles) AND p.state = 'on'
      AND NOT c.parked AND c.not_before <= now()
    HAVING min(c.first_at) < now() - make_interval(secs => :silent)
    """  # noqa: S608  our own words
)


def waiting_without_worker(
    session: Session, profiles: Sequence[uuid.UUID]
) -> tuple[int, datetime] | None:
    """How many due changes of these profiles wait for a worker, since when; None where one runs."""
    asked = {"profiles": list(profiles), "silent": SILENT_AFTER}
    found = session.execute(_WAITING, asked).one_or_none()
    return None if found is None else (found.changes, found.since)


def workers() -> int:
    """How many workers are alive."""
    with unscoped_transaction() as session:
        return int(session.execute(_COUNT, {"silent": SILENT_AFTER}).scalar_one())
