"""The bell: makes sure that a drain job waits for a lane, in one statement, after the commit."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Collection

import structlog
from flask import Flask, current_app
from psycopg.errors import UniqueViolation
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from app.database import run_alone, unscoped_transaction

log = structlog.get_logger(__name__)

DRAIN = "drain"
DRAIN_QUEUE = "sync"
TOGETHER_SECONDS = 0.05  # that bells of a burst wait for each other

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
        run_alone(_RING_ALL, arguments)
    except UniqueViolation:
        # Another rang one of them at the same moment, and none of ours was heard.
        for lane in ordered:
            ring(*lane)


class Bells:
    """Rings for many threads: a lone bell at once, by its own thread; those that come while one is
    rung or right after it together, by a thread of their own. One that is lost to a crash, or that
    fails, is rung again by the sweep, as one of `ring` is."""

    def __init__(self) -> None:
        self._waiting: set[tuple[uuid.UUID, int]] = set()
        self._ringing = False
        self._rung = -TOGETHER_SECONDS
        self._lock = threading.Lock()

    @property
    def under_way(self) -> bool:
        """Whether a thread is ringing."""
        return self._ringing

    def ring(self, lanes: Collection[tuple[uuid.UUID, int]]) -> None:
        """Make sure that a drain of each of these lanes is waiting, now or in a moment."""
        with self._lock:
            if self._ringing:
                self._waiting |= set(lanes)
                return
            self._ringing = True
            if time.monotonic() - self._rung < TOGETHER_SECONDS:
                self._waiting |= set(lanes)
                lanes = ()
        try:
            if lanes:
                ring_all(lanes)
        finally:
            if self._has_more():
                app = current_app._get_current_object()  # type: ignore[attr-defined]
                threading.Thread(target=self._ring_the_rest, args=(app,), daemon=True).start()

    def _ring_the_rest(self, app: Flask) -> None:
        while True:
            time.sleep(TOGETHER_SECONDS)
            with self._lock:
                lanes, self._waiting = self._waiting, set()
            try:
                with app.app_context():
                    ring_all(lanes)
            except Exception:
                log.exception("bell failed")
            if not self._has_more():
                return

    def _has_more(self) -> bool:
        with self._lock:
            self._ringing, self._rung = bool(self._waiting), time.monotonic()
            return self._ringing


def _check(profile_id: object, lane: object) -> None:
    # The types are a promise to the database, where a job stays: ids and numbers, nothing else.
    if not isinstance(profile_id, uuid.UUID) or type(lane) is not int:
        raise TypeError("A drain is for a profile's UUID and the number of a lane.")


def _arguments(profile_id: uuid.UUID, lane: int) -> str:
    return json.dumps({"profile_id": str(profile_id), "lane": lane})
