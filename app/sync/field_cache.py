"""What sites tell of the fields of a scope, kept sealed with the time at which it was read, so that
a page need not ask them each time."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from flask import Flask, current_app
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.database import TenantId, tenant_transaction
from app.errors import Problem
from app.jira.site import FieldRule, SiteOpener
from app.mapping.offer import Seen
from app.mapping.profile import Scope, Side
from app.mapping.said import said
from app.sync.offering import seen_of
from app.sync.planning_read import Reader
from app.vault.store import KeyShredded
from app.vault.vault import Place, Vault

WAIT = 20.0
"""Seconds that a page waits for a site; what comes later is there at the next look."""
PATIENCE = 10.0  # seconds that a read waits for room at a busy site
FRESH = timedelta(seconds=3)
"""A read of so little ago is the answer to whoever asks for another."""
MOST_IN_MEMORY = 64  # scopes, opened
AT_ONCE = 8  # reads
ROWS_A_TIME = 1000
_VALUE = ("id", "value", "name", "children", "groupId", "disabled")  # what is kept of a value

Key: TypeAlias = tuple[TenantId, int, int]


@dataclass(frozen=True)
class Known:
    """What a site told of a scope's fields at `at`."""

    seen: Seen
    at: datetime


class SlowSite(Problem):
    """A site has not told its fields yet. The read goes on."""

    status = 504
    code = "site-slow"

    def __init__(self) -> None:
        super().__init__(
            said("The site answers slowly. Its fields are read on: try again in a moment.")
        )


_SEALED = text(
    "SELECT held, read_at FROM scope_fields WHERE tenant_id = :tenant"
    " AND project_id = :project AND issue_type_id = :type"
)
_TIME = text(
    "SELECT read_at FROM scope_fields WHERE tenant_id = :tenant"
    " AND project_id = :project AND issue_type_id = :type"
)
_KEEP = text(
    """
    INSERT INTO scope_fields (tenant_id, project_id, issue_type_id, held, read_at)
    VALUES (:tenant, :project, :type, :held, now())
    ON CONFLICT (tenant_id, project_id, issue_type_id)
    DO UPDATE SET held = EXCLUDED.held, read_at = EXCLUDED.read_at
    RETURNING read_at
    """
)


class FieldCache:
    """Kept for all processes in the database, and opened in this one's memory."""

    def __init__(self, vault: Vault, open_site: SiteOpener) -> None:
        self._vault, self._open_site = vault, open_site
        self._opened: OrderedDict[Key, Known] = OrderedDict()
        self._reads: dict[Key, Future[Known]] = {}
        self._lock = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None

    def known(self, tenant: TenantId, scope: Scope) -> Known | None:
        """What was read of a scope; None where nothing was. No call to a site."""
        key = _key(tenant, scope)
        with tenant_transaction(tenant) as session:
            at = session.execute(_TIME, _values(key)).scalar_one_or_none()
            if at is None:
                return None
            with self._lock:
                found = self._opened.get(key)
            if found is not None and found.at == at:
                return found
            row = session.execute(_SEALED, _values(key)).one_or_none()
        if row is None:
            return None
        try:
            plain = self._vault.unseal(_place(key), row.held)
        except KeyShredded:
            return None
        return self._remember(key, Known(_seen(json.loads(plain)), row.read_at))

    def begin(self, tenant: TenantId, side: Side, scope: Scope) -> Future[Known]:
        """Read a scope anew, beside this thread: one read at a time, and none of what was read just
        now. The future raises SiteError or Problem."""
        key = _key(tenant, scope)
        known = self.known(tenant, scope)
        if known is not None and datetime.now(UTC) - known.at < FRESH:
            done: Future[Known] = Future()
            done.set_result(known)
            return done
        app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
        with self._lock:
            running = self._reads.get(key)
            if running is None:
                self._pool = self._pool or ThreadPoolExecutor(AT_ONCE, "fields")
                running = self._reads[key] = self._pool.submit(self._read, app, key, side, scope)
        return running

    def _read(self, app: Flask, key: Key, side: Side, scope: Scope) -> Known:
        tenant = key[0]
        try:
            with app.app_context():
                tenants = dict.fromkeys(Side, tenant)
                reader = Reader(self._open_site, tenants, patience=PATIENCE, tries=1)
                seen = seen_of(reader, side, scope)
                sealed = self._vault.seal(_place(key), json.dumps(_plain(seen)).encode())
                with tenant_transaction(tenant) as session:
                    at = session.execute(_KEEP, {**_values(key), "held": sealed}).scalar_one()
                return self._remember(key, Known(seen, at))
        finally:
            with self._lock:
                self._reads.pop(key, None)

    def _remember(self, key: Key, known: Known) -> Known:
        with self._lock:
            self._opened[key] = known
            self._opened.move_to_end(key)
            while len(self._opened) > MOST_IN_MEMORY:
                self._opened.popitem(last=False)
        return known


def ended(reading: Future[Known]) -> Known:
    """What a read found, once it is there. Raises SiteError, Problem, SlowSite."""
    try:
        return reading.result(WAIT)
    except TimeoutError:
        raise SlowSite from None


def forget(session: Session) -> None:
    """Forget what was read more than 30 days ago. For the house: it sees all tenants' rows."""
    session.execute(text("SELECT tandem_forget_scope_fields(:most)"), {"most": ROWS_A_TIME})


def _key(tenant: TenantId, scope: Scope) -> Key:
    return tenant, int(scope.project_id), int(scope.issue_type_id)


def _values(key: Key) -> dict[str, object]:
    return {"tenant": key[0], "project": key[1], "type": key[2]}


def _place(key: Key) -> Place:
    return Place(key[0], "scope_fields", "held", f"{key[1]}:{key[2]}")


def _plain(seen: Seen) -> dict[str, Any]:
    """What a site told, as JSON has it."""
    return {
        "create": _rules(seen.create),
        "edit": _rules(seen.edit),
        "every": _rules(seen.every),
        "held": None if seen.held is None else sorted(seen.held),
        "moves": sorted(seen.moves),
    }


def _rules(rules: Mapping[str, FieldRule] | None) -> dict[str, Any] | None:
    if rules is None:
        return None
    return {
        name: {
            "name": one.name,
            "required": one.required,
            "schema": dict(one.schema),
            "values": [_value(value) for value in one.values],
            "settable": one.settable,
        }
        for name, one in rules.items()
    }


def _value(value: Mapping[str, Any]) -> dict[str, Any]:
    found = {name: value[name] for name in _VALUE if name in value}
    below = found.get("children")
    if isinstance(below, list):
        found["children"] = [_value(one) for one in below if isinstance(one, Mapping)]
    return found


def _seen(plain: Mapping[str, Any]) -> Seen:
    every = _opened(plain["every"]) or {}
    held = plain["held"]
    return Seen(
        _opened(plain["create"]),
        _opened(plain["edit"]),
        every,
        None if held is None else frozenset(held),
        frozenset(plain["moves"]),
    )


def _opened(rules: Mapping[str, Any] | None) -> dict[str, FieldRule] | None:
    if rules is None:
        return None
    return {name: FieldRule(**one) for name, one in rules.items()}
