"""Saves a repair of a mapping for a person of one side."""

from __future__ import annotations

from dataclasses import dataclass

from app.database import tenant_transaction
from app.mapping import approvals, revisions
from app.mapping.approvals import Covers, Saved
from app.mapping.leaves import more
from app.mapping.profiles import StoredProfile, owned, require_rest
from app.mapping.repair import Target, Way, repaired
from app.tenants.caller import Caller
from app.tenants.deeds import Action, Deed, Recorder, record_for_both
from app.vault.vault import Vault


@dataclass(frozen=True)
class Mend:
    """A repair that somebody chose. `to`: what is put in the place of what is gone."""

    target: Target
    way: Way
    to: str = ""


def save(
    vault: Vault,
    record: Recorder,
    caller: Caller,
    profile: StoredProfile,
    chosen: Mend,
    *,
    covers: Covers,
) -> Saved:
    """Mend the mapping by a new revision. What waits for an approval is mended with it. Where more
    would leave the partner's side than now, this waits for the partner. Raises Problem, NotFound.
    """
    tenant = caller.tenant
    with tenant_transaction(tenant) as session:
        found, side = owned(session, tenant, profile.id, covers)
        old = revisions.current(vault, session, found)
        new = repaired(old, chosen.target, chosen.way, chosen.to)
        if not more(old, new, side.other):
            sites = profile.left_tenant, profile.right_tenant
            require_rest(vault, session, sites, found.name, new, instead_of=profile.id)
            revisions.amend(
                vault,
                session,
                found,
                lambda one: repaired(one, chosen.target, chosen.way, chosen.to),
                actor=caller.actor,
                sides=(side,),
            )
            target = chosen.target
            told = {"repair": chosen.way, "side": target.side, "what": target.what}
            detail = {name: one.value for name, one in told.items()}
            deed = Deed(caller.actor, Action.PROFILE_RULED, f"profile:{profile.id}", detail)
            partner = sites[1] if tenant == sites[0] else sites[0]
            record_for_both(record, session, tenant, partner, deed)
            return Saved(found.revision, in_force=True)
    return approvals.save(
        vault, record, caller, profile.id, new, base=profile.revision, covers=covers
    )
