"""Proves that marks are nowhere in what is stored: every column, sealed values opened, and logs.

It reads what the database would give to anybody: live rows. What deleted rows leave in the files
of the database until they are cleaned up is not looked at here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from app.database import TenantId
from app.governance.proof import Place, Proof, Unread, look_into
from app.traceless import SHORTEST, needles
from app.vault.columns import SEALED, SealedColumn
from app.vault.master import VaultError
from app.vault.store import KeyShredded
from app.vault.vault import Vault

ROWS_AT_ONCE = 1000

OPEN_BYTES = frozenset(
    {
        ("pairing_code", "code_hash"),
        ("lifecycle_token", "digest"),
        ("audit_event", "previous"),
        ("audit_event", "mac"),
        ("audit_head", "mac"),
    }
)
"""Columns of bytes that are not sealed. One that is neither here nor in SEALED is a fault: what it
holds may be sealed, and then nothing was proven."""


def prove(
    session: Session,
    vault: Vault,
    marks: list[str],
    files: Iterable[Path],
    on_place: Callable[[Place], None] = lambda place: None,
) -> Proof:
    """Look for the marks in the session's whole database, and in these files.

    The session is one of the owner of the tables, in a fresh transaction; it is made read-only.
    Raises ValueError for a mark that is too short to be told from chance.
    """
    if not marks or any(len(mark) < SHORTEST for mark in marks):
        raise ValueError(f"each mark must have at least {SHORTEST} characters")
    wanted = needles(marks)
    hashes = tuple((one, bytes.fromhex(one.text)) for one in wanted if one.form == "SHA-256")
    proof = Proof(wanted, on_place, hashes)
    session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
    session.execute(text("SET LOCAL row_security = off"))  # refuse, rather than hide a row
    for table in _tables(session):
        _guarded(session, proof, table.name, partial(_table, session, proof, vault, table))
    _guarded(session, proof, "pg_catalog.pg_stats", partial(_statistics, session, proof))
    _guarded(session, proof, "large objects", partial(_large_objects, session, proof))
    for path in files:
        look_into(proof, path)
    return proof


def _guarded(session: Session, proof: Proof, name: str, look: Callable[[], None]) -> None:
    """Look at a place; what the database refuses makes it an unread one, and no more."""
    try:
        with session.begin_nested():
            look()
    except SQLAlchemyError as fault:
        cause = getattr(fault, "orig", None) or fault
        proof.unread.append(Unread(name, f"the database refused ({type(cause).__name__})"))


@dataclass(frozen=True)
class _Column:
    name: str
    is_bytes: bool
    holds_bytes: bool  # also as a domain or an array of them


@dataclass(frozen=True)
class _Table:
    schema: str
    relation: str
    columns: tuple[_Column, ...]
    key: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{self.schema}.{self.relation}"


# Partitions are tables of their own; their parents hold nothing.
_TABLES = text(
    """
    SELECT n.nspname AS schema, c.relname AS relation,
        coalesce(array_agg(a.attname::text ORDER BY a.attnum)
            FILTER (WHERE a.attnum IS NOT NULL), '{}') AS columns,
        coalesce(array_agg(t.typname = 'bytea' ORDER BY a.attnum)
            FILTER (WHERE a.attnum IS NOT NULL), '{}') AS bytes,
        coalesce(array_agg('bytea' IN (t.typname, b.typname) ORDER BY a.attnum)
            FILTER (WHERE a.attnum IS NOT NULL), '{}') AS holding,
        ARRAY(
            SELECT k.attname::text FROM pg_index i
            JOIN pg_attribute k ON k.attrelid = c.oid AND k.attnum = ANY (i.indkey)
            WHERE i.indrelid = c.oid AND i.indisprimary
            ORDER BY array_position(i.indkey::int2[], k.attnum)
        ) AS key
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_type t ON t.oid = a.atttypid
    LEFT JOIN pg_type b ON b.oid IN (t.typbasetype, t.typelem)
    WHERE c.relkind IN ('r', 'm', 'f')
        AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_toast'
    GROUP BY n.nspname, c.relname, c.oid
    ORDER BY 1, 2
    """
)


def _tables(session: Session) -> list[_Table]:
    return [
        _Table(
            row.schema,
            row.relation,
            tuple(map(_Column, row.columns, row.bytes, row.holding)),
            tuple(row.key),
        )
        for row in session.execute(_TABLES)
    ]


def _table(session: Session, proof: Proof, vault: Vault, table: _Table) -> None:
    """Look at every row of a table, and into its sealed values."""
    named = (one for one in SEALED if (table.schema, table.relation) == ("public", one.table))
    ours = {one.column: one for one in named}
    for column in table.columns:
        known = column.name in ours or (table.relation, column.name) in OPEN_BYTES
        if column.holds_bytes and not (known and table.schema == "public"):
            why = "holds bytes, and the list of sealed columns does not say how to open them"
            proof.unread.append(Unread(f"{table.name}.{column.name}", why))
    place = Place(table.name, len(table.columns))
    shut: Counter[tuple[str, str]] = Counter()
    for row, values, raw in _rows(session, table, set(ours.values())):
        place.rows += 1
        for column, value in zip(table.columns, values, strict=True):
            where = f"{table.name}.{column.name}"
            proof.look(where, row, bytes(value) if column.is_bytes and value is not None else value)
            if column.name in ours and value is not None:
                try:
                    proof.look(where, row, _opened(vault, ours[column.name], raw, bytes(value)))
                    place.sealed += 1
                except KeyShredded:
                    place.shredded += 1
                except VaultError as fault:
                    shut[where, type(fault).__name__] += 1
    for (where, kind), count in shut.items():
        proof.unread.append(Unread(where, f"{count} sealed values do not open ({kind})"))
    proof.done(place)


def _rows(
    session: Session, table: _Table, sealed: set[SealedColumn]
) -> Iterator[tuple[str, tuple[Any, ...], SimpleNamespace]]:
    """Each row: its key for people, its columns as text (or bytes), what its seals are bound to."""
    names = [f'"{column.name.replace(chr(34), chr(34) * 2)}"' for column in table.columns]
    casts = [
        name if column.is_bytes else f"{name}::text"
        for column, name in zip(table.columns, names, strict=True)
    ]
    bound = sorted({name for one in sealed for name in (one.tenant, *one.key)})
    schema, relation = (part.replace('"', '""') for part in (table.schema, table.relation))
    wanted = ", ".join([*casts, *bound]) or "1"
    query = f'SELECT {wanted} FROM ONLY "{schema}"."{relation}"'  # noqa: S608  names, quoted
    order = [column.name for column in table.columns]
    keys = [order.index(name) for name in table.key]
    result = session.execute(
        text(query.replace(":", r"\:")), execution_options={"yield_per": ROWS_AT_ONCE}
    )
    for number, found in enumerate(result, start=1):
        values = tuple(found)
        row = ":".join(str(values[index]) for index in keys) or f"row {number}"
        raw = SimpleNamespace(**dict(zip(bound, values[len(order) :], strict=True)))
        yield row, values[: len(order)], raw


def _opened(vault: Vault, column: SealedColumn, raw: SimpleNamespace, value: bytes) -> bytes:
    tenant = TenantId(getattr(raw, column.tenant))
    return vault.unseal(column.place(tenant, raw), value)


def _statistics(session: Session, proof: Proof) -> None:
    """The planner's samples: they outlive the rows that they were taken from."""
    query = text(
        "SELECT schemaname, tablename, attname, most_common_vals\\:\\:text,"
        " histogram_bounds\\:\\:text, most_common_elems\\:\\:text FROM pg_stats"
        " WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
    )
    place = Place("pg_catalog.pg_stats", 3)
    for schema, table, column, *samples in session.execute(query):
        place.rows += 1
        for sample in samples:
            proof.look("pg_catalog.pg_stats", f"{schema}.{table}.{column}", sample)
    proof.done(place)


def _large_objects(session: Session, proof: Proof) -> None:
    count = session.execute(text("SELECT count(*) FROM pg_largeobject_metadata")).scalar_one()
    if count:
        proof.unread.append(Unread("large objects", f"there are {count}; Tandem makes none"))
