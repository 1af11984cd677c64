"""Saves a repair of a mapping for a person of one side."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from app.database import TenantId, tenant_transaction
from app.mapping import approvals, revisions
from app.mapping.approvals import Covers, Saved
from app.mapping.leaves import more
from app.mapping.models import ProfileRecord
from app.mapping.profile import Profile, Side
from app.mapping.profiles import StoredProfile, owned, require_rest
from app.mapping.repair import Target, Way, repaired
from app.tenants.caller import Caller
from app.tenants.deeds import OPERATOR, Action, Deed, Recorder, record_for_both
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
    over: int | None = None,
) -> Saved:
    """Mend the mapping by a new revision. What waits for an approval is mended with it. Where more
    would leave the partner's side than now, this waits for the partner, in the place of the
    proposal `over`. Raises Problem, NotFound; ProposalWaits where another one waits.
    """
    tenant = caller.tenant
    with tenant_transaction(tenant) as session:
        found, side = owned(session, tenant, profile.id, covers)
        old = revisions.current(vault, session, found)
        new = repaired(old, chosen.target, chosen.way, chosen.to)
        if not more(old, new, side.other):
            case = _Case(profile, found, chosen, caller.actor, (side,))
            return _amended(vault, record, session, case, own=tenant)
    return approvals.save(
        vault,
        record,
        caller,
        profile.id,
        new,
        base=profile.revision,
        covers=covers,
        asks=True,
        over=over,
    )


def save_as_operator(vault: Vault, record: Recorder, profile: StoredProfile, chosen: Mend) -> Saved:
    """The same for the operator of the server, where both keys are. Raises Problem, NotFound."""
    own = profile.left_tenant
    with tenant_transaction(own) as session:
        found, _ = owned(session, own, profile.id, lambda project: True)
        case = _Case(profile, found, chosen, OPERATOR, tuple(Side))
        return _amended(vault, record, session, case, own=own)


@dataclass(frozen=True)
class _Case:
    """A repair of a profile, by whom, and for which sides he approves it."""

    profile: StoredProfile
    found: ProfileRecord
    chosen: Mend
    actor: str
    sides: tuple[Side, ...]


def _amended(
    vault: Vault, record: Recorder, session: Session, case: _Case, *, own: TenantId
) -> Saved:
    found, chosen, target = case.found, case.chosen, case.chosen.target
    sites = case.profile.left_tenant, case.profile.right_tenant

    def mend(one: Profile) -> Profile:
        return repaired(one, target, chosen.way, chosen.to)

    new = mend(revisions.current(vault, session, found))
    require_rest(vault, session, sites, found.name, new, instead_of=found.id)
    revisions.amend(vault, session, found, mend, actor=case.actor, sides=case.sides)
    told = {"repair": chosen.way, "side": target.side, "what": target.what}
    detail = {name: one.value for name, one in told.items()}
    deed = Deed(case.actor, Action.PROFILE_RULED, f"profile:{found.id}", detail)
    partner = sites[1] if own == sites[0] else sites[0]
    record_for_both(record, session, own, partner, deed)
    return Saved(found.revision, in_force=True)
