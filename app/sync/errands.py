"""What people ask for on the page and a worker does: its rows, kept sealed and for a day."""

from __future__ import annotations

import json
import uuid
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from threading import Event, Thread
from typing import Any

import structlog
from flask import current_app
from sqlalchemy import ColumnElement, ForeignKey, delete, func, select, text, update
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, mapped_column

from app.database import Model, TenantId, tenant_transaction, unscoped_transaction
from app.errors import Problem
from app.language import gettext as _
from app.mapping.profiles import StoredProfile
from app.said import pack
from app.sync.runs import By
from app.vault.vault import Place, Vault

log = structlog.get_logger(__name__)

AT_ONCE = 2
"""So many are done at a time: they must not keep the workers from what is live."""
LEASE_SECONDS = 180


class Kind(StrEnum):
    """What is asked for."""

    PLAN = "plan"
    APPLY = "apply"
    UNDO_PLAN = "undo-plan"
    UNDO = "undo"


class Errand(Model):
    """One of them. `of_errand`, `of_run`: what it is about; `run_id`: the run that it made."""

    __tablename__ = "errand"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    profile_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("profile.id"))
    left_tenant_id: Mapped[uuid.UUID]
    right_tenant_id: Mapped[uuid.UUID]
    kind: Mapped[str]
    state: Mapped[str] = mapped_column(default="waiting")
    begun_by: Mapped[str]
    begun_in: Mapped[uuid.UUID]
    revision: Mapped[int]
    of_errand: Mapped[uuid.UUID | None]
    of_run: Mapped[uuid.UUID | None]
    run_id: Mapped[uuid.UUID | None]
    held: Mapped[bytes]
    about: Mapped[int] = mapped_column(default=0)
    done: Mapped[int] = mapped_column(default=0)
    begun_at: Mapped[datetime] = mapped_column(server_default=func.now())
    ended_at: Mapped[datetime | None]
    lease: Mapped[uuid.UUID | None]
    lease_until: Mapped[datetime] = mapped_column(server_default=func.now())

    @property
    def is_open(self) -> bool:
        """Whether it has not ended."""
        return self.ended_at is None

    @property
    def by(self) -> By:
        """Who asked for it."""
        return By(self.begun_by, TenantId(self.begun_in))


class ErrandPage(Model):
    """What a part of a plan was made from."""

    __tablename__ = "errand_page"

    errand_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    left_tenant_id: Mapped[uuid.UUID]
    right_tenant_id: Mapped[uuid.UUID]
    issues: Mapped[int]
    held: Mapped[bytes]


@dataclass(frozen=True)
class About:
    """What an errand is about."""

    kind: Kind
    asked: Mapping[str, Any]
    errand: uuid.UUID | None = None
    run: uuid.UUID | None = None


_TAKE = text("SELECT id, profile_id FROM tandem_take_errand(:most, :hand, :seconds)")


def begin(
    session: Session, vault: Vault, profile: StoredProfile, by: By, about: About
) -> uuid.UUID:
    """Ask for one. Raises Problem where another of the profile has not ended."""
    if by.tenant is None:
        raise ValueError("an errand is a person's")
    errand_id = uuid.uuid4()
    session.add(
        Errand(
            id=errand_id,
            profile_id=profile.id,
            left_tenant_id=profile.left_tenant,
            right_tenant_id=profile.right_tenant,
            kind=about.kind.value,
            begun_by=by.account,
            begun_in=by.tenant,
            revision=profile.revision,
            of_errand=about.errand,
            of_run=about.run,
            held=_sealed(vault, profile.left_tenant, errand_id, {"asked": dict(about.asked)}),
        )
    )
    try:
        session.flush()
    except IntegrityError:
        raise Problem(
            _(
                "Something else is under way for this profile: a plan, an application or an undo. "
                "Wait for its end, then ask again."
            ),
            status=409,
            code="errand-under-way",
        ) from None
    return errand_id


def take(hand: uuid.UUID) -> tuple[uuid.UUID, uuid.UUID] | None:
    """Take the next one of all tenants into a hand: its id and its profile's."""
    asked = {"most": AT_ONCE, "hand": hand, "seconds": LEASE_SECONDS}
    with unscoped_transaction() as session:
        row = session.execute(_TAKE, asked).first()
    return None if row is None else (row.id, row.profile_id)


def get(session: Session, errand_id: uuid.UUID) -> Errand | None:
    """One of the session's tenant, by its id."""
    return session.get(Errand, errand_id, populate_existing=True)


def listed(session: Session, profile_ids: Sequence[uuid.UUID]) -> list[Errand]:
    """The latest of each profile, the newest first."""
    query = (
        select(Errand)
        .where(Errand.profile_id.in_(profile_ids))
        .ext(distinct_on(Errand.profile_id))
        .order_by(Errand.profile_id, Errand.begun_at.desc())
    )
    return sorted(session.scalars(query), key=lambda one: one.begun_at, reverse=True)


def opened(vault: Vault, errand: Errand) -> dict[str, Any]:
    """What one holds: what was `asked`, and what was `found` or `failed`."""
    place = _place(TenantId(errand.left_tenant_id), errand.id)
    told: dict[str, Any] = json.loads(vault.unseal(place, errand.held))
    return told


class Hand:
    """An errand in a worker's hand, until it ends or another takes it over."""

    def __init__(self, vault: Vault, profile: StoredProfile, errand: Errand, lease: uuid.UUID):
        self.errand, self.profile = errand, profile
        self._vault, self._lease = vault, lease
        self.asked: Mapping[str, Any] = opened(vault, errand)["asked"]

    @contextmanager
    def holding(self) -> Iterator[None]:
        """Keep the lease while the block lasts: its calls may take longer than that."""
        app, over = current_app._get_current_object(), Event()  # type: ignore[attr-defined]

        def renew() -> None:
            with app.app_context():
                while not over.wait(LEASE_SECONDS / 3):
                    try:
                        self._store({"lease_until": _lease_end()})
                    except Exception:  # the next one may succeed, and the work finds out if not
                        log.exception("errand not renewed")

        thread = Thread(target=renew, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def moved(self, done: int, about: int | None = None) -> None:
        """Say how far it is, and that we are still here. Raises Lost."""
        values: dict[str, object] = {"done": done, "lease_until": _lease_end()}
        if about is not None:
            values["about"] = about
        self._store(values)

    def keep(self, number: int, lines: Sequence[str]) -> None:
        """Keep what a part of a plan was made from. Raises Lost."""
        plain = zlib.compress("\n".join(lines).encode())
        errand = self.errand
        place = page_place(self.profile.left_tenant, errand.id, number)
        with tenant_transaction(self.profile.left_tenant) as session:
            session.merge(
                ErrandPage(
                    errand_id=errand.id,
                    number=number,
                    left_tenant_id=errand.left_tenant_id,
                    right_tenant_id=errand.right_tenant_id,
                    issues=len(lines),
                    held=self._vault.seal(place, plain),
                )
            )

    def again(self) -> None:
        """Forget what a hand kept that let go: it is begun anew."""
        with tenant_transaction(self.profile.left_tenant) as session:
            session.execute(delete(ErrandPage).where(ErrandPage.errand_id == self.errand.id))

    def end(self, found: Mapping[str, Any], run: uuid.UUID | None = None) -> None:
        """End it with what was found. Raises Lost."""
        self._end("done", {"found": dict(found)}, run)

    def fail(self, problem: Problem) -> None:
        """End it with why it could not be done: kept sealed, for it may be a site's own words."""
        told = {"detail": pack(problem.detail), "code": problem.code}
        self._end("failed", {"failed": told}, None)

    def _end(self, state: str, told: Mapping[str, Any], run: uuid.UUID | None) -> None:
        held = {"asked": dict(self.asked), **told}
        sealed = _sealed(self._vault, self.profile.left_tenant, self.errand.id, held)
        self._store({"state": state, "held": sealed, "run_id": run, "ended_at": func.now()})

    def _store(self, values: Mapping[str, object]) -> None:
        with tenant_transaction(self.profile.left_tenant) as session:
            kept = session.execute(
                update(Errand)
                .where(Errand.id == self.errand.id, Errand.lease == self._lease)
                .values(**values)
                .returning(Errand.id)
            )
            if kept.scalar() is None:
                raise LostError


def _lease_end() -> ColumnElement[datetime]:
    return func.now() + timedelta(seconds=LEASE_SECONDS)


class LostError(Exception):
    """The errand is another's by now, or gone with its profile."""


def lines(vault: Vault, profile: StoredProfile, errand_id: uuid.UUID) -> Iterator[str]:
    """What a plan was made from, an issue a line."""
    number = 0
    while True:
        with tenant_transaction(profile.left_tenant) as session:
            page = session.get(ErrandPage, (errand_id, number))
            if page is None:
                return
            held = page.held
        place = page_place(profile.left_tenant, errand_id, number)
        yield from zlib.decompress(vault.unseal(place, held)).decode().split("\n")
        number += 1


def page_place(tenant: TenantId, errand_id: uuid.UUID, number: int) -> Place:
    """Where a part of a plan is sealed for."""
    return Place(tenant, "errand_page", "held", f"{errand_id}:{number}")


def _sealed(vault: Vault, tenant: TenantId, errand_id: uuid.UUID, held: object) -> bytes:
    return vault.seal(_place(tenant, errand_id), json.dumps(held).encode())


def _place(tenant: TenantId, errand_id: uuid.UUID) -> Place:
    return Place(tenant, "errand", "held", str(errand_id))
