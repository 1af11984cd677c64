"""A database that fails a request: what it is called before people and machines.

Whether the disk is full cannot be asked of the database then: it is read off the file system where
the database is embedded, and remembered from the last refusal.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import structlog
from flask import Flask, Response, request
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.errors import Problem, internal_error, problem_response
from app.language import gettext as _
from app.language import noop

log = structlog.get_logger(__name__)

FAILED = "tandem.database_failed"
"""In a request's environ: whether the database failed it."""
ROOM = 16 * 1024 * 1024
"""Bytes: with less free the disk is called full. PostgreSQL takes a new piece of its write-ahead
log in one go, and ends where it gets none."""
REMEMBERED = 30.0  # seconds after the last refusal for want of room

FULL = noop(
    "The disk of Tandem's database is full: nothing can be stored, and no change crosses. Whoever "
    "runs Tandem should free space there. Webhooks are refused meanwhile and Jira sends them "
    "again; what it gives up on, the searches find. All goes on by itself."
)
AWAY = noop(
    "Tandem's database does not answer: it restarts, or has ended. Try again in a minute. Nothing "
    "is lost: Jira sends again what was not taken, and the searches find the rest. If it stays so, "
    "whoever runs Tandem finds the cause with “tandem doctor”."
)
BUSY = noop(
    "Tandem has more to do at present than its database takes at once. Nothing is lost. Try again "
    "in a minute."
)
# Classes of SQLSTATE: connection, resources, shutdown and crash, the system's own errors.
_AWAY_STATES = ("08", "53", "57P", "58")


class Disk:
    """The disk of the database, as far as this process can know of it."""

    def __init__(self, url: str, clock: Callable[[], float] = time.monotonic) -> None:
        """`url`: the database's address; an embedded one's names its data folder."""
        self._clock = clock
        self._refused_at: float | None = None
        host = str(conninfo_to_dict(url).get("host") or "")
        self.folder = Path(host) if host.startswith("/") else None

    def free(self) -> int | None:
        """The free bytes where an embedded database keeps its data; None for one elsewhere."""
        try:
            if self.folder is None or not (self.folder / "PG_VERSION").exists():
                return None
            return shutil.disk_usage(self.folder).free
        except OSError:
            return None

    def note(self) -> None:
        """The database has just refused to store something, for want of room."""
        self._refused_at = self._clock()

    def is_full(self) -> bool:
        """Whether the disk is full, or was when the database was last asked to store something."""
        free = self.free()
        if free is not None and free < ROOM:
            return True
        refused = self._refused_at
        return refused is not None and self._clock() - refused < REMEMBERED


def problem_of(fault: Exception, disk: Disk) -> Problem | None:
    """What a database's error is to the caller: no room, or no database. None for others."""
    if isinstance(fault, PoolTimeout):
        return Problem(_(BUSY), status=503, code="database-busy")
    cause = fault.orig if isinstance(fault, DBAPIError) else fault
    if not isinstance(cause, psycopg.Error):
        return None
    if isinstance(cause, psycopg.errors.DiskFull):
        disk.note()
        return Problem(_(FULL), status=507, code="disk-full")
    gone = isinstance(cause, (psycopg.OperationalError, psycopg.InterfaceError))
    if not (cause.sqlstate or "").startswith(_AWAY_STATES) and not (gone and not cause.sqlstate):
        return None
    if disk.is_full():
        return Problem(_(FULL), status=507, code="disk-full")
    return Problem(_(AWAY), status=503, code="database-away")


DATABASE_ERRORS = (DBAPIError, psycopg.Error, PoolTimeout)


def answer_to(fault: Exception, disk: Disk) -> Response:
    """The answer to a request that the database failed. Call it while the fault is handled."""
    log.exception("fault")
    problem = problem_of(fault, disk)
    request.environ[FAILED] = problem is not None
    return problem_response(problem or internal_error())


def register_database_answers(app: Flask, disk: Disk) -> None:
    """Give requests that the database fails their own answers; others of its errors are faults."""
    for error in DATABASE_ERRORS:
        app.register_error_handler(error, lambda fault: answer_to(fault, disk))
