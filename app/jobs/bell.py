"""The bell: makes sure that a drain job waits for a lane, in one statement, after the commit."""

from __future__ import annotations

import json
import uuid

import structlog
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from app.database import unscoped_transaction

log = structlog.get_logger(__name__)

DRAIN = "drain"
DRAIN_QUEUE = "sync"

# A look first, then the engine's own function: an `AlreadyEnqueued` for every delivery of a burst
# would cost a failed transaction each. The function's name carries the version of its arguments,
# and the lock file pins the release that has it.
_RING = text(
    """
    SELECT procrastinate_defer_jobs_v1(ARRAY[
        (:queue, :task, 0, :lock, :lock, CAST(:args AS jsonb), NULL)::procrastinate_job_to_defer_v1
    ])
    WHERE NOT EXISTS (
        SELECT FROM procrastinate_jobs WHERE queueing_lock = :lock AND status = 'todo'
    )
    """
)


def lane_lock(profile_id: uuid.UUID, lane: int) -> str:
    """The lock that keeps a lane in one hand, and its bell single."""
    return f"{DRAIN}:{profile_id}:{lane}"


def ring(profile_id: uuid.UUID, lane: int) -> None:
    """Make sure that a drain of this lane is waiting. Call it after the commit, never inside.

    A bell that is lost to a crash right here is rung again by the sweep.
    """
    arguments = {
        "queue": DRAIN_QUEUE,
        "task": DRAIN,
        "lock": lane_lock(profile_id, lane),
        "args": json.dumps({"profile_id": str(profile_id), "lane": lane}),
    }
    try:
        with unscoped_transaction() as session:
            session.execute(_RING, arguments)
    except IntegrityError:
        log.debug("bell was rung by another at the same moment")
