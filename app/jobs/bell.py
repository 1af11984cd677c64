"""The bell: makes sure that a drain job waits for a lane, in one statement, after the commit."""

from __future__ import annotations

import json
import uuid
from collections.abc import Collection

import structlog
from psycopg.errors import UniqueViolation
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from app.database import piped_transaction, unscoped_transaction

log = structlog.get_logger(__name__)

DRAIN = "drain"
DRAIN_QUEUE = "sync"

# A look first, then the engine's own function: an `AlreadyEnqueued` for every delivery of a burst
# would cost a failed transaction each. The function's name carries the version of its arguments,
# and the lock file pins the release that has it.
_RING = text(
    """
    SELECT procrastinate_defer_jobs_v1(ARRAY[
        -- A bell that waits gives way: both share the lane's lock, and the lower one would block.
        (:queue, :task, CASE WHEN :after > 0 THEN -1 ELSE 0 END, :lock, :bell,
         CAST(:args AS jsonb),
         CASE WHEN :after > 0 THEN now() + make_interval(secs => :after) END
        )::procrastinate_job_to_defer_v1
    ])
    WHERE NOT EXISTS (
        SELECT FROM procrastinate_jobs WHERE queueing_lock = :bell AND status = 'todo'
    )
    """
)

# The same for many lanes at once.
_RING_ALL = text(
    """
    SELECT procrastinate_defer_jobs_v1(missing.jobs)
    FROM (
        SELECT array_agg(
            (:queue, :task, 0, b.lock, b.lock, b.args, NULL::timestamptz
            )::procrastinate_job_to_defer_v1) AS jobs
        FROM unnest(CAST(:locks AS text[]), CAST(:args AS jsonb[])) AS b (lock, args)
        WHERE NOT EXISTS (
            SELECT FROM procrastinate_jobs j WHERE j.queueing_lock = b.lock AND j.status = 'todo')
    ) missing
    WHERE missing.jobs IS NOT NULL
    """
)


def lane_lock(profile_id: uuid.UUID, lane: int) -> str:
    """The lock that keeps a lane in one hand, and its bell single."""
    return f"{DRAIN}:{profile_id}:{lane}"


def ring(profile_id: uuid.UUID, lane: int, after: float = 0.0) -> None:
    """Make sure that a drain of this lane is waiting. Call it after the commit, never inside.

    `after`: in so many seconds, for work that waits until then. That is a bell of its own, so
    that a new change of the lane need not wait for it. A bell that is lost to a crash right here
    is rung again by the sweep.
    """
    _check(profile_id, lane)
    lock = lane_lock(profile_id, lane)
    arguments = {
        "queue": DRAIN_QUEUE,
        "task": DRAIN,
        "lock": lock,
        "bell": f"{lock}:later" if after > 0 else lock,
        "after": after,
        "args": _arguments(profile_id, lane),
    }
    try:
        with unscoped_transaction() as session:
            session.execute(_RING, arguments)
    except IntegrityError as fault:
        if not isinstance(fault.orig, UniqueViolation):
            raise
        log.debug("bell was rung by another at the same moment")


def ring_all(lanes: Collection[tuple[uuid.UUID, int]]) -> None:
    """Ring for each of these lanes (profile, lane), in one statement."""
    for lane in lanes:
        _check(*lane)
    ordered = sorted(lanes)
    arguments = {
        "queue": DRAIN_QUEUE,
        "task": DRAIN,
        "locks": [lane_lock(*lane) for lane in ordered],
        "args": [_arguments(*lane) for lane in ordered],
    }
    try:
        with piped_transaction(None) as pipe:
            pipe.execute(_RING_ALL, arguments)
    except UniqueViolation:
        # Another rang one of them at the same moment, and none of ours was heard.
        for lane in ordered:
            ring(*lane)


def _check(profile_id: object, lane: object) -> None:
    # The types are a promise to the database, where a job stays: ids and numbers, nothing else.
    if not isinstance(profile_id, uuid.UUID) or type(lane) is not int:
        raise TypeError("A drain is for a profile's UUID and the number of a lane.")


def _arguments(profile_id: uuid.UUID, lane: int) -> str:
    return json.dumps({"profile_id": str(profile_id), "lane": lane})
