"""The filter of a side of a profile, read and changed by the people of that side's site."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from dataclasses import replace

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.database import TenantId, tenant_transaction
from app.mapping.document import dump_profile, load_profile
from app.mapping.models import ProfileRecord, ProfileRevision
from app.mapping.profile import Profile, Scope, Side
from app.mapping.profiles import owned, place
from app.tenants.caller import Caller
from app.tenants.deeds import Action, Deed, Recorder, record_for_both
from app.vault.vault import Vault


def filter_of(
    vault: Vault,
    caller: Caller,
    profile_id: uuid.UUID,
    *,
    covers: Callable[[int], bool] = lambda project: True,
) -> tuple[Side, Scope]:
    """The caller's own side of a profile, with its filter. Raises NotFound, as `set_state`."""
    with tenant_transaction(caller.tenant) as session:
        found, side = owned(session, caller.tenant, profile_id, covers)
        return side, _opened(vault, session, found).scope(side)


def set_filter(
    vault: Vault,
    record: Recorder,
    caller: Caller,
    profile_id: uuid.UUID,
    jql: str | None,
    *,
    covers: Callable[[int], bool] = lambda project: True,
) -> bool:
    """Give the caller's own side of a profile another filter: a new revision. False: it is the one
    that it has.

    The caller's Jira was asked before. Raises NotFound, as `set_state`.
    """
    tenant = caller.tenant
    with tenant_transaction(tenant) as session:
        found, side = owned(session, tenant, profile_id, covers)
        old = _opened(vault, session, found)
        if old.scope(side).filter == jql:
            return False
        scope = replace(old.scope(side), filter=jql)
        new = replace(old, left=scope) if side is Side.LEFT else replace(old, right=scope)
        left, number = TenantId(found.left_tenant_id), found.revision + 1
        document = json.dumps(dump_profile(new)).encode()
        session.add(
            ProfileRevision(
                profile_id=profile_id,
                number=number,
                left_tenant_id=left,
                right_tenant_id=found.right_tenant_id,
                document=vault.seal(place(left, profile_id, number), document),
                created_by=caller.actor,
            )
        )
        session.flush()
        found.revision, found.updated_at = number, func.now()
        session.flush()
        told = {"side": side.value, "filtered": jql is not None}
        deed = Deed(caller.actor, Action.PROFILE_FILTERED, f"profile:{profile_id}", told)
        partner = found.right_tenant_id if side is Side.LEFT else found.left_tenant_id
        record_for_both(record, session, tenant, TenantId(partner), deed)
    return True


def _opened(vault: Vault, session: Session, found: ProfileRecord) -> Profile:
    document = session.scalars(
        select(ProfileRevision.document).where(
            ProfileRevision.profile_id == found.id, ProfileRevision.number == found.revision
        )
    ).one()
    where = place(TenantId(found.left_tenant_id), found.id, found.revision)
    return load_profile(json.loads(vault.unseal(where, document)))
