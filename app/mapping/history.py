"""The revisions of a profile: list them, open one, and bring one back."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.database import TenantId, tenant_transaction
from app.errors import NotFound
from app.mapping.difference import differences
from app.mapping.models import ProfileRecord, ProfileRevision
from app.mapping.profile import ItemMapping, Profile, Side
from app.mapping.profiles import opened
from app.said import said
from app.vault.vault import Vault

PAGE = 10  # revisions that are listed at once: each document of them is read


class Standing(StrEnum):
    """How it stands with a revision."""

    PAST = "past"
    IN_FORCE = "in-force"
    WAITING = "waiting"  # for an approval
    DECLINED = "declined"
    REPLACED = "replaced"  # while it waited


@dataclass(frozen=True)
class Revision:
    """A revision as it is listed. `by`: an account id of either site, or OPERATOR. `changes`: how
    many sentences tell it from the one before; None for the first."""

    number: int
    at: datetime
    by: str
    changes: int | None
    standing: Standing


_OUTCOMES = text("SELECT number, outcome FROM profile_proposal WHERE profile_id = :profile")


def revisions_of(
    vault: Vault, tenant: TenantId, profile_id: uuid.UUID, *, before: int | None = None
) -> list[Revision]:
    """The newest revisions, or those `before` a number, newest first; at most a page of them.
    Raises NotFound for a profile that is not this tenant's."""
    with tenant_transaction(tenant) as session:
        found = _found(session, profile_id)
        query = (
            select(ProfileRevision)
            .where(ProfileRevision.profile_id == profile_id)
            .order_by(ProfileRevision.number.desc())
            .limit(PAGE + 1)
        )
        if before is not None:
            query = query.where(ProfileRevision.number < before)
        rows = session.scalars(query).all()
        outcomes = session.execute(_OUTCOMES, {"profile": profile_id}).all()
        ends = {int(row.number): row.outcome for row in outcomes}
        documents = [opened(vault, found, row.document, row.number) for row in rows]
    shown = []
    for place, row in enumerate(rows[:PAGE]):
        older = documents[place + 1] if place + 1 < len(rows) else None
        changes = None if older is None else len(differences(older, documents[place]))
        how = _standing(found.revision, row.number, ends)
        shown.append(Revision(row.number, row.created_at, row.created_by, changes, how))
    return shown


def _standing(in_force: int, number: int, ends: Mapping[int, str | None]) -> Standing:
    if number in ends and ends[number] is None:
        return Standing.WAITING  # also the first one of a profile that nobody has approved yet
    outcome = ends.get(number)
    if number == in_force and outcome != Standing.DECLINED:
        return Standing.IN_FORCE
    return Standing.PAST if outcome in {None, "approved"} else Standing(outcome)


def at(vault: Vault, tenant: TenantId, profile_id: uuid.UUID, number: int) -> Profile:
    """What a revision says. Raises NotFound."""
    with tenant_transaction(tenant) as session:
        found = _found(session, profile_id)
        document = session.scalars(
            select(ProfileRevision.document).where(
                ProfileRevision.profile_id == profile_id, ProfileRevision.number == number
            )
        ).one_or_none()
        if document is None:
            raise NotFound(said("This profile has no revision of this number."))
        return opened(vault, found, document, number)


def earlier(vault: Vault, tenant: TenantId, profile_id: uuid.UUID, number: int) -> Profile | None:
    """What the revision before one says; None for the first. Raises NotFound."""
    with tenant_transaction(tenant) as session:
        found = _found(session, profile_id)
        row = session.execute(
            select(ProfileRevision.number, ProfileRevision.document)
            .where(ProfileRevision.profile_id == profile_id, ProfileRevision.number < number)
            .order_by(ProfileRevision.number.desc())
            .limit(1)
        ).one_or_none()
        return None if row is None else opened(vault, found, row.document, row.number)


def pace_of(tenant: TenantId, profile_id: uuid.UUID) -> int:
    """Every how many seconds each side of a profile is searched. Raises NotFound."""
    with tenant_transaction(tenant) as session:
        seconds = session.execute(
            text("SELECT search_seconds FROM profile WHERE id = :profile"),
            {"profile": profile_id},
        ).scalar()
    if seconds is None:
        raise NotFound(said("There is no such profile."))
    return int(seconds)


def for_side(wanted: Profile, now: Profile, side: Side) -> Profile:
    """`wanted` as somebody of one side may save it: the filter of the other side, and what that
    side allows of internal comments and restricted issues, are as they are `now`."""
    theirs = replace(wanted.scope(side.other), filter=now.scope(side.other).filter)
    kept = replace(wanted, right=theirs) if side is Side.LEFT else replace(wanted, left=theirs)
    allowed = {one.kind: one.internal for one in now.items}

    def ruled(one: ItemMapping) -> ItemMapping:
        says = allowed.get(one.kind, frozenset[Side]())
        return replace(one, internal=_merged(one.internal, says, side))

    return replace(
        kept,
        items=tuple(ruled(one) for one in kept.items),
        restricted=_merged(wanted.restricted, now.restricted, side),
    )


def _merged(wanted: frozenset[Side], now: frozenset[Side], side: Side) -> frozenset[Side]:
    return frozenset(one for one in Side if one in (wanted if one is side else now))


def _found(session: Session, profile_id: uuid.UUID) -> ProfileRecord:
    found = session.scalars(
        select(ProfileRecord).where(ProfileRecord.id == profile_id)
    ).one_or_none()
    if found is None:
        raise NotFound(said("There is no such profile."))
    return found
