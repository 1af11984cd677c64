"""Whether internal comments and restricted issues cross: each side says so for itself, and both
must."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from app.database import TenantId, tenant_transaction
from app.errors import Problem
from app.language import gettext as _
from app.mapping.models import ProfileRecord
from app.mapping.profile import ItemKind, ItemMapping, Profile, Side
from app.mapping.profiles import owned
from app.mapping.revisions import amend, current, who
from app.mapping.spoken import speaks_for
from app.tenants.caller import Caller
from app.tenants.deeds import Action, Deed, Recorder, record_for_both
from app.vault.vault import Vault


@dataclass(frozen=True)
class Consent:
    """Which sides allow that internal comments cross, as one side sees it. `carried`: whether the
    profile carries comments at all."""

    carried: bool
    own: bool = False
    partner: bool = False
    partner_tenant: TenantId | None = None


def consent_of(
    vault: Vault,
    caller: Caller,
    profile_id: uuid.UUID,
    *,
    covers: Callable[[int], bool] = lambda project: True,
) -> Consent:
    """How it stands. Raises NotFound, as `profiles.set_state`."""
    with tenant_transaction(caller.tenant) as session:
        found, side = owned(session, caller.tenant, profile_id, covers)
        partner = found.right_tenant_id if side is Side.LEFT else found.left_tenant_id
        return _seen(current(vault, session, found), side, TenantId(partner))


def set_consent(
    vault: Vault,
    record: Recorder,
    caller: Caller,
    profile_id: uuid.UUID,
    *,
    allows: bool,
    covers: Callable[[int], bool] = lambda project: True,
    for_partner: bool = False,
) -> Consent:
    """Say it for the caller's own side: a new revision where that is another. Whose side it is his
    tenant tells; `for_partner`: see `speaks_for`. Raises Problem; NotFound, as
    `profiles.set_state`."""
    tenant = caller.tenant
    with tenant_transaction(tenant) as session:
        found, own = owned(session, tenant, profile_id, covers)
        partner = _partner(found, own)
        side, by = speaks_for(session, caller, found, own, for_partner=for_partner)
        old = current(vault, session, found)
        comments = _comments(old)
        if comments is None:
            raise Problem(
                _(
                    "This profile carries no comments, so there is nothing to allow. Comments come "
                    "first: the editor switches them on, as one of the things that cross."
                ),
                status=409,
                code="not-carried",
            )
        sides = comments.internal | {side} if allows else comments.internal - {side}
        ruled = replace(comments, internal=sides)
        if ruled == comments:
            return _seen(old, own, partner)
        said = partial(_said, side=side, allows=allows)
        new = amend(vault, session, found, said, actor=caller.actor, sides=(side,))
        told = {"side": side.value, "allows": allows, **who(ruled), **by}
        deed = Deed(caller.actor, Action.PROFILE_INTERNAL, f"profile:{profile_id}", told)
        record_for_both(record, session, tenant, partner, deed)
        return _seen(new, own, partner)


def restricted_of(
    vault: Vault,
    caller: Caller,
    profile_id: uuid.UUID,
    *,
    covers: Callable[[int], bool] = lambda project: True,
) -> Consent:
    """How it stands with issues that have a security level. Raises NotFound, as `set_state`."""
    with tenant_transaction(caller.tenant) as session:
        found, side = owned(session, caller.tenant, profile_id, covers)
        return _restricted(current(vault, session, found), side, _partner(found, side))


def set_restricted(
    vault: Vault,
    record: Recorder,
    caller: Caller,
    profile_id: uuid.UUID,
    *,
    allows: bool,
    covers: Callable[[int], bool] = lambda project: True,
    for_partner: bool = False,
) -> Consent:
    """Say it for the caller's own side: a new revision where that is another. `for_partner`: see
    `speaks_for`. Raises NotFound, as `profiles.set_state`."""
    tenant = caller.tenant
    with tenant_transaction(tenant) as session:
        found, own = owned(session, tenant, profile_id, covers)
        side, by = speaks_for(session, caller, found, own, for_partner=for_partner)
        partner, old = _partner(found, own), current(vault, session, found)

        def said(one: Profile) -> Profile:
            sides = one.restricted | {side} if allows else one.restricted - {side}
            return replace(one, restricted=sides)

        if said(old) == old:
            return _restricted(old, own, partner)
        new = amend(vault, session, found, said, actor=caller.actor, sides=(side,))
        told: dict[str, str | int | bool | None] = {"side": side.value, "allows": allows, **by}
        told |= {f"restricted_{one.value}": one in new.restricted for one in Side}
        deed = Deed(caller.actor, Action.PROFILE_RESTRICTED, f"profile:{profile_id}", told)
        record_for_both(record, session, tenant, partner, deed)
        return _restricted(new, own, partner)


def _restricted(profile: Profile, side: Side, partner: TenantId) -> Consent:
    return Consent(True, side in profile.restricted, side.other in profile.restricted, partner)


def _partner(found: ProfileRecord, side: Side) -> TenantId:
    return TenantId(found.right_tenant_id if side is Side.LEFT else found.left_tenant_id)


def _comments(profile: Profile) -> ItemMapping | None:
    return next((one for one in profile.items if one.kind is ItemKind.COMMENTS), None)


def _said(profile: Profile, *, side: Side, allows: bool) -> Profile:
    """The profile in which a side has said it."""

    def ruled(one: ItemMapping) -> ItemMapping:
        if one.kind is not ItemKind.COMMENTS:
            return one
        return replace(one, internal=one.internal | {side} if allows else one.internal - {side})

    return replace(profile, items=tuple(ruled(one) for one in profile.items))


def _seen(profile: Profile, side: Side, partner: TenantId) -> Consent:
    comments = _comments(profile)
    if comments is None:
        return Consent(False, partner_tenant=partner)
    return Consent(True, side in comments.internal, side.other in comments.internal, partner)
