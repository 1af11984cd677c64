"""All profiles of a site at once: paused by one press, and resumed, those alone, by another."""

from __future__ import annotations

from sqlalchemy import func, select, update

from app.database import TenantId, tenant_transaction
from app.mapping.models import ProfileRecord, ProfileState
from app.tenants.caller import Caller
from app.tenants.deeds import Action, Deed, Recorder, record_for_both


def pause_all(record: Recorder, caller: Caller) -> int:
    """Pause every profile of the caller's site that is on; gives how many. What changes meanwhile
    is marked, and crosses later."""
    return _switch(record, caller, ProfileState.ON, ProfileState.PAUSED)


def resume_all(record: Recorder, caller: Caller) -> int:
    """Resume the profiles that `pause_all` of this site paused, and no other; gives how many."""
    return _switch(record, caller, ProfileState.PAUSED, ProfileState.ON)


def paused_by_site(tenant: TenantId) -> int:
    """How many profiles stand still by a site's own pause of all."""
    with tenant_transaction(tenant) as session:
        return session.scalars(
            select(func.count()).where(
                ProfileRecord.paused_for == tenant,
                ProfileRecord.state == ProfileState.PAUSED.value,
            )
        ).one()


def _switch(record: Recorder, caller: Caller, old: ProfileState, new: ProfileState) -> int:
    tenant, pauses = caller.tenant, new is ProfileState.PAUSED
    ours = () if pauses else (ProfileRecord.paused_for == tenant,)
    changed = (
        update(ProfileRecord)
        .where(ProfileRecord.state == old.value, *ours)
        .values(
            state=new.value,
            reason=None,
            paused_for=tenant if pauses else None,
            updated_at=func.now(),
        )
        .returning(ProfileRecord.id, ProfileRecord.left_tenant_id, ProfileRecord.right_tenant_id)
    )
    action = Action.PROFILE_PAUSED if pauses else Action.PROFILE_RESUMED
    with tenant_transaction(tenant) as session:
        found = session.execute(changed).all()
        for row in found:
            partner = row.right_tenant_id if row.left_tenant_id == tenant else row.left_tenant_id
            deed = Deed(caller.actor, action, f"profile:{row.id}")
            record_for_both(record, session, tenant, TenantId(partner), deed)
    return len(found)
