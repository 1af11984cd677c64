"""Two keys: what leaves a site is approved there. See docs/decisions/0028-two-keys.md."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import MappingProxyType

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.database import TenantId, tenant_transaction
from app.errors import Problem
from app.language import gettext as _
from app.mapping import proposals, revisions
from app.mapping.leaves import more
from app.mapping.models import ProfileRecord, ProfileState
from app.mapping.profile import Profile, Side
from app.mapping.profiles import owned, require_rest
from app.mapping.proposals import Outcome, Proposal
from app.mapping.renaming import Naming, rename
from app.mapping.spoken import speaks_for
from app.mapping.too_late import changed_meanwhile, require_known
from app.tenants import token_sites
from app.tenants.caller import Caller
from app.tenants.deeds import OPERATOR, Action, Deed, Recorder, record_for_both
from app.vault.vault import Vault

Covers = Callable[[int], bool]


@dataclass(frozen=True)
class Saved:
    """What became of a save. Not `in_force`: it waits for the partner, and the profile goes on
    with the revision that it had."""

    number: int
    in_force: bool


@dataclass(frozen=True)
class Waiting:
    """A proposal as one of the two sites sees it. `in_force`: what the profile carries now, None
    where it is new. `awaits_own`: it waits for this site."""

    proposal: Proposal
    name: str
    side: Side
    partner: TenantId
    own_project: int
    proposed: Profile
    in_force: Profile | None
    giver: str | None = None
    """The partner is reached by token: the account that gave it, which answers for its side."""

    @property
    def awaits_own(self) -> bool:
        """Whether this site is asked."""
        return self.proposal.awaits is self.side


def save(
    vault: Vault,
    record: Recorder,
    caller: Caller,
    profile_id: uuid.UUID,
    new: Profile,
    *,
    base: int | None = None,
    seen: int | None = None,
    covers: Covers = lambda project: True,
    told: revisions.Detail = MappingProxyType({}),
    naming: Naming | None = None,
    asks: bool = False,
    over: int | None = None,
) -> Saved:
    """Take another whole mapping from a person of one side, which is his own side's approval.

    Where it lets more leave the partner's side than now, it waits for the partner. `base`: the
    number of the revision that was edited, where the caller knows it. `seen`: the newest number,
    in force or not, that he knew: with a newer one the save is refused. `told`: what the trail says
    besides. `naming`: the profile's name, which lets nothing cross and holds at once. `asks`: to
    replace a change that waits is refused, but for the one of the number `over`. Raises Problem,
    NotFound, ProposalWaits.
    """
    tenant = caller.tenant
    with tenant_transaction(tenant) as session:
        found, side = owned(session, tenant, profile_id, covers)
        waits = proposals.waiting(session, profile_id)
        _require_base(found, waits, base)
        if seen is not None and seen != proposals.newest(session, profile_id):
            raise changed_meanwhile()
        old = revisions.current(vault, session, found)
        _require_own(old, new, side)
        if asks:
            require_known(vault, session, found, waits, wanted=new, over=over)
        if naming is not None and not rename(record, session, found, caller, naming):
            raise changed_meanwhile()
        sites = TenantId(found.left_tenant_id), TenantId(found.right_tenant_id)
        require_rest(vault, session, sites, found.name, new, instead_of=profile_id)
        saved, deed = _saved(vault, session, _Case(found, old, new, waits, side, caller.actor))
        if deed is not None:
            deed = replace(deed, detail={**deed.detail, **told})
            record_for_both(record, session, tenant, _partner(found, side), deed)
    return saved


@dataclass(frozen=True)
class _Case:
    """A save: what is there, what is wanted, by whom of which side."""

    found: ProfileRecord
    old: Profile
    new: Profile
    waits: Proposal | None
    side: Side
    actor: str


def _saved(vault: Vault, session: Session, case: _Case) -> tuple[Saved, Deed | None]:
    found, new, side, actor = case.found, case.new, case.side, case.actor
    subject = f"profile:{found.id}"
    is_new = found.state == ProfileState.PROPOSED
    gains = bool(more(case.old, new, side.other))
    if new == case.old and (case.waits is not None or not is_new):
        if not is_new:  # back to what is in force
            proposals.end(session, found, Outcome.REPLACED, actor)
        return Saved(found.revision, not is_new), None
    if case.waits is not None and not is_new and _is_asked_for(vault, session, case):
        return Saved(case.waits.number, False), None
    if not is_new and not gains:
        number = revisions.add(vault, session, found, new, actor=actor)
        proposals.end(session, found, Outcome.REPLACED, actor)
        proposals.approve(session, found, side, number, actor)
        ruled: dict[str, str | int | bool | None] = {"side": side.value, "revision": number}
        return Saved(number, True), Deed(actor, Action.PROFILE_RULED, subject, ruled)
    number = revisions.store(vault, session, found, new, actor=actor)
    awaits = side.other
    if is_new:
        revisions.take(session, found, number)
        if case.waits is not None and case.waits.awaits is side and not gains:
            awaits = side  # he changed what he is asked for; his answer is still his to give
    proposals.propose(session, found, number, awaits, actor)
    told: dict[str, str | int | bool | None] = {"side": awaits.value, "revision": number}
    return Saved(number, False), Deed(actor, Action.PROFILE_PROPOSED, subject, told)


def _is_asked_for(vault: Vault, session: Session, case: _Case) -> bool:
    """Whether the partner is asked for just this already."""
    waits = case.waits
    if waits is None or waits.awaits is case.side:
        return False
    return case.new == revisions.at(vault, session, case.found, waits.number)


def decide(
    vault: Vault,
    record: Recorder,
    caller: Caller,
    profile_id: uuid.UUID,
    number: int,
    *,
    approves: bool,
    covers: Covers = lambda project: True,
    for_partner: bool = False,
) -> tuple[Profile, Profile]:
    """Approve or decline what waits, for the caller's own side; who proposed it may take it back
    by declining. `number`: the revision that was shown. `for_partner`: for the side of a partner
    that is reached by the token which the caller gave. Gives what was in force before, and what is
    now. Raises Problem, NotFound."""
    tenant = caller.tenant
    with tenant_transaction(tenant) as session:
        found, side = owned(session, tenant, profile_id, covers)
        waits = proposals.waiting(session, profile_id)
        said = speaks_for(session, caller, found, side, for_partner=for_partner)
        if waits is None or waits.number != number or (approves and waits.awaits is not said[0]):
            raise Problem(
                _(
                    "What you were shown does not wait for you any more: it was decided, taken "
                    "back or changed meanwhile. Look again at what waits."
                ),
                status=409,
                code="not-waiting",
            )
        old = revisions.current(vault, session, found)
        if approves:
            _approved(vault, session, found, waits, caller.actor)
        else:
            proposals.end(session, found, Outcome.DECLINED, caller.actor)
        action = Action.PROFILE_APPROVED if approves else Action.PROFILE_DECLINED
        told = {"side": said[0].value, "revision": number, **said[1]}
        deed = Deed(caller.actor, action, f"profile:{profile_id}", told)
        record_for_both(record, session, tenant, _partner(found, side), deed)
        return old, revisions.current(vault, session, found)


def approve_as_operator(vault: Vault, record: Recorder, left: TenantId, profile: uuid.UUID) -> int:
    """Approve what waits, for whichever side, as the operator of the server, where both keys are.
    Gives the revision's number. Raises Problem, NotFound."""
    with tenant_transaction(left) as session:
        found, _side = owned(session, left, profile, lambda project: True)
        waits = proposals.waiting(session, profile)
        if waits is None:
            raise Problem(
                _("Nothing of this profile waits for an approval."),
                status=409,
                code="not-waiting",
            )
        _approved(vault, session, found, waits, OPERATOR)
        told = {"side": waits.awaits.value, "revision": waits.number}
        deed = Deed(OPERATOR, Action.PROFILE_APPROVED, f"profile:{profile}", told)
        record_for_both(record, session, left, TenantId(found.right_tenant_id), deed)
    return waits.number


def _approved(
    vault: Vault, session: Session, found: ProfileRecord, waits: Proposal, actor: str
) -> None:
    """Make what waited the revision in force; a new profile is on by that."""
    proposed = revisions.at(vault, session, found, waits.number)
    sites = TenantId(found.left_tenant_id), TenantId(found.right_tenant_id)
    require_rest(vault, session, sites, found.name, proposed, instead_of=found.id)
    if found.revision != waits.number:
        revisions.take(session, found, waits.number)
    proposals.end(session, found, Outcome.APPROVED, actor)
    proposals.approve(session, found, waits.awaits, waits.number, actor)
    proposals.approve(session, found, waits.awaits.other, waits.number, waits.proposed_by)
    if found.state == ProfileState.PROPOSED:
        found.state = ProfileState.ON.value
        session.flush()
        proposals.begin(session, found.id)


def waiting_of(vault: Vault, tenant: TenantId) -> list[Waiting]:
    """All that waits for either side in profiles of a tenant, oldest first."""
    with tenant_transaction(tenant) as session:
        given = {one.tenant: one.given_by for one in token_sites.sites_of(session).values()}
        found = [_seen(vault, session, one, tenant) for one in proposals.all_waiting(session)]
    return [replace(one, giver=given.get(one.partner)) for one in found]


def _seen(vault: Vault, session: Session, one: Proposal, tenant: TenantId) -> Waiting:
    found = session.scalars(select(ProfileRecord).where(ProfileRecord.id == one.profile_id)).one()
    side = Side.LEFT if found.left_tenant_id == tenant else Side.RIGHT
    is_new = found.state == ProfileState.PROPOSED
    return Waiting(
        one,
        found.name,
        side,
        _partner(found, side),
        found.left_project_id if side is Side.LEFT else found.right_project_id,
        revisions.at(vault, session, found, one.number),
        None if is_new else revisions.current(vault, session, found),
    )


def _partner(found: ProfileRecord, side: Side) -> TenantId:
    return TenantId(found.right_tenant_id if side is Side.LEFT else found.left_tenant_id)


def _require_base(found: ProfileRecord, waits: Proposal | None, base: int | None) -> None:
    head = found.revision if waits is None else waits.number
    if base is not None and base not in {head, found.revision}:
        raise changed_meanwhile()


def _require_own(old: Profile, new: Profile, side: Side) -> None:
    """Whoever saves speaks for his own side alone. Raises Problem."""
    for one in Side:
        was = old.scope(one)
        asked = replace(new.scope(one), filter=was.filter) if one is side else new.scope(one)
        if asked != was:
            raise Problem(
                f"{one.value}: "
                + _(
                    "project and issue type are not changed with the mapping, and the filter of "
                    "the partner's issues is changed by the people of the partner's site. Leave "
                    "them as they are."
                ),
                code="invalid-field",
                field=one.value,
            )
    if _allows(new, side.other) - _allows(old, side.other):
        raise Problem(
            "items: "
            + _(
                "whether internal comments and restricted issues of the partner's side may cross "
                "is for the people of the partner's site to say. Leave it as it is, and ask them."
            ),
            code="invalid-field",
            field="items",
        )


def _allows(profile: Profile, side: Side) -> set[str]:
    """What a side allows besides what it has approved."""
    internal = any(side in one.internal for one in profile.items)
    restricted = side in profile.restricted
    said = {"internal": internal, "restricted": restricted}
    return {name for name, allowed in said.items() if allowed}
