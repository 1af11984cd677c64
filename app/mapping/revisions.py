"""New revisions of a profile: another filter of a side, or other rules for a field."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from app.database import TenantId, tenant_transaction
from app.errors import Problem
from app.language import gettext as _
from app.mapping import proposals
from app.mapping.document import DocumentError, dump_profile, load_profile
from app.mapping.lifecycle import Lifecycle
from app.mapping.models import ProfileRecord, ProfileRevision
from app.mapping.profile import (
    Constant,
    FieldMapping,
    Flow,
    ItemKind,
    ItemMapping,
    Moment,
    Policy,
    Profile,
    Scope,
    Side,
)
from app.mapping.profiles import StoredProfile, opened, owned, place, require_rest
from app.mapping.spoken import speaks_for
from app.tenants.caller import Caller
from app.tenants.deeds import OPERATOR, Action, Deed, Recorder, record_for_both
from app.vault.vault import Vault

Detail: TypeAlias = Mapping[str, str | int | bool | None]
"""What the trail tells of a deed."""

SHORTEST_INTERVAL, LONGEST_INTERVAL = 60, 86_400  # seconds, as the database holds it


def filter_of(
    vault: Vault,
    caller: Caller,
    profile_id: uuid.UUID,
    *,
    covers: Callable[[int], bool] = lambda project: True,
    for_partner: bool = False,
) -> tuple[Side, Scope]:
    """The caller's own side of a profile, with its filter. `for_partner`: see `speaks_for`. Raises
    NotFound, as `set_state`."""
    with tenant_transaction(caller.tenant) as session:
        found, own = owned(session, caller.tenant, profile_id, covers)
        side, _by = speaks_for(session, caller, found, own, for_partner=for_partner)
        return side, current(vault, session, found).scope(side)


def set_filter(
    vault: Vault,
    record: Recorder,
    caller: Caller,
    profile_id: uuid.UUID,
    jql: str | None,
    *,
    covers: Callable[[int], bool] = lambda project: True,
    for_partner: bool = False,
) -> bool:
    """Give the caller's own side of a profile another filter: a new revision. False: it is the one
    that it has. `for_partner`: see `speaks_for`.

    The side's Jira was asked before. Raises NotFound, as `set_state`.
    """
    tenant = caller.tenant
    with tenant_transaction(tenant) as session:
        found, own = owned(session, tenant, profile_id, covers)
        side, by = speaks_for(session, caller, found, own, for_partner=for_partner)
        old = current(vault, session, found)
        if old.scope(side).filter == jql:
            return False

        def filtered(one: Profile) -> Profile:
            scope = replace(one.scope(side), filter=jql)
            return replace(one, left=scope) if side is Side.LEFT else replace(one, right=scope)

        amend(vault, session, found, filtered, actor=caller.actor, sides=(side,))
        told = {"side": side.value, "filtered": jql is not None, **by}
        deed = Deed(caller.actor, Action.PROFILE_FILTERED, f"profile:{profile_id}", told)
        partner = found.right_tenant_id if own is Side.LEFT else found.left_tenant_id
        record_for_both(record, session, tenant, TenantId(partner), deed)
    return True


def set_rules(
    vault: Vault,
    record: Recorder,
    profile: StoredProfile,
    key: str,
    *,
    flow: Flow | None = None,
    policy: Policy | None = None,
    moment: Moment | None = None,
) -> FieldMapping:
    """Say otherwise in which direction a field crosses, when, and who wins a conflict: a new
    revision, for an operator. What is None stays.

    `key`: the mapping's, or the field's id where both sides' is the same. Raises Problem, NotFound.
    """

    def change(old: Profile) -> dict[str, object]:
        mapping = _mapped(old, key)
        ruled = replace(
            mapping,
            flow=flow or mapping.flow,
            policy=policy or mapping.policy,
            moment=moment or mapping.moment,
        )
        fields = tuple(ruled if m is mapping else m for m in old.fields)
        return dump_profile(replace(old, fields=fields))

    def told(new: Profile) -> Detail:
        ruled = _mapped(new, key)
        return {
            "flow": ruled.flow.value,
            "policy": ruled.policy.value,
            "moment": ruled.moment.value,
        }

    return _mapped(_revised(vault, record, profile, "field", change=change, told=told), key)


def set_items(
    vault: Vault,
    record: Recorder,
    profile: StoredProfile,
    kind: ItemKind,
    wanted: dict[str, object] | None,
) -> ItemMapping | None:
    """Say otherwise whether and how the items of a kind are carried: a new revision, for an
    operator. `wanted`: their entry of the mapping document, None for none. Raises Problem,
    NotFound."""

    def change(old: Profile) -> dict[str, object]:
        return _with_items(old, kind, wanted)

    def told(new: Profile) -> Detail:
        made = _of_kind(new, kind)
        said: Detail = {"items": kind.value, "flow": made.flow.value if made else "none"}
        return said if made is None or kind is not ItemKind.COMMENTS else {**said, **who(made)}

    return _of_kind(_revised(vault, record, profile, "items", change=change, told=told), kind)


def with_items(profile: StoredProfile, kind: ItemKind, wanted: dict[str, object] | None) -> Profile:
    """The profile that `set_items` would make. Raises Problem."""
    try:
        return load_profile(_with_items(profile.profile, kind, wanted))
    except DocumentError as error:
        raise Problem(error.line, code="invalid-field", field="items") from None


def _with_items(
    old: Profile, kind: ItemKind, wanted: dict[str, object] | None
) -> dict[str, object]:
    document = dump_profile(replace(old, items=_without(old, kind)))
    listed = document.get("items", [])
    if isinstance(wanted, dict):
        # What the sides allow is theirs to say, at any moment: it stays unless it is named.
        had = _of_kind(old, kind)
        sides = sorted(had.internal) if had is not None and had.internal else None
        kept = {} if sides is None else {"internal": sides}
        document["items"] = [*(listed if isinstance(listed, list) else []), {**kept, **wanted}]
    return document


def set_constant(
    vault: Vault,
    record: Recorder,
    profile: StoredProfile,
    side: Side,
    *,
    field: str,
    value: object,
) -> None:
    """Say otherwise what transitions of a side are given for a field that nothing else feeds: a
    new revision, for an operator. `value`: as Jira's REST API takes it, None for none. Raises
    Problem, NotFound."""

    def change(old: Profile) -> dict[str, object]:
        return dump_profile(filled(old, side, field, value))

    def told(new: Profile) -> Detail:
        # The value may be anybody's words: it is in the sealed document alone.
        return {"side": side.value, "field": field, "filled": value is not None}

    _revised(vault, record, profile, "moves", change=change, told=told)


def filled(profile: Profile, side: Side, field: str, value: object) -> Profile:
    """The profile whose transitions of a side are given this for a field. Not checked."""
    kept = tuple(one for one in profile.moves if (one.side, one.field) != (side, field))
    added = () if value is None else (Constant(side, field, json.dumps(value)),)
    return replace(profile, moves=kept + added)


def set_lifecycle(
    vault: Vault, record: Recorder, profile: StoredProfile, wanted: Mapping[str, str | None]
) -> Lifecycle:
    """Say otherwise what becomes of the twins of issues that go away: a new revision, for an
    operator. `wanted`: what changes of the mapping document's key. Raises Problem, NotFound."""

    def change(old: Profile) -> dict[str, object]:
        document = dump_profile(old)
        had = document.get("lifecycle", {})
        document["lifecycle"] = {**(had if isinstance(had, dict) else {}), **wanted}
        return document

    def told(new: Profile) -> Detail:
        deeds = ("deleted", "moved", "archived")
        return {name: getattr(new.lifecycle, name).value for name in deeds}

    return _revised(vault, record, profile, "lifecycle", change=change, told=told).lifecycle


def set_mapping(
    vault: Vault, record: Recorder, profile: StoredProfile, document: dict[str, object]
) -> Profile:
    """Take another mapping document: a new revision, for an operator. Which issues are in stays as
    it is. Raises Problem, NotFound."""

    def change(old: Profile) -> dict[str, object]:
        kept = dump_profile(old)
        for side in Side:
            if document.get(side.value, kept[side.value]) != kept[side.value]:
                raise Problem(
                    f"{side.value}: "
                    + _(
                        "project, issue type and filter are not changed with the mapping. Leave "
                        "them as they are; a filter is changed on the page."
                    ),
                    code="invalid-field",
                    field=side.value,
                )
        return {**document, **{side.value: kept[side.value] for side in Side}}

    def told(new: Profile) -> Detail:
        return {"fields": len(new.fields)}

    return _revised(vault, record, profile, "fields", change=change, told=told)


def add_fields(
    vault: Vault, record: Recorder, profile: StoredProfile, added: Sequence[FieldMapping]
) -> Profile:
    """Map these fields too: a new revision, for an operator. All of them or none. Raises Problem,
    NotFound."""

    def change(old: Profile) -> dict[str, object]:
        return dump_profile(replace(old, fields=(*old.fields, *added)))

    def told(new: Profile) -> Detail:
        return {"fields": len(new.fields)}

    return _revised(vault, record, profile, "fields", change=change, told=told)


def _revised(
    vault: Vault,
    record: Recorder,
    profile: StoredProfile,
    part: str,
    *,
    change: Callable[[Profile], dict[str, object]],
    told: Callable[[Profile], Detail],
) -> Profile:
    """The profile with what `change` makes of its document, stored and put on the trail where that
    is another one. `part`: what a refusal names. Raises Problem, NotFound."""
    sites = profile.left_tenant, profile.right_tenant
    with tenant_transaction(profile.left_tenant) as session:
        found, _ = owned(session, profile.left_tenant, profile.id, lambda project: True)
        old = current(vault, session, found)

        def changed(one: Profile) -> Profile:
            try:
                return load_profile(change(one))
            except DocumentError as error:
                raise Problem(error.line, code="invalid-field", field=part) from None

        new = changed(old)
        if new != old:
            require_rest(vault, session, sites, found.name, new, instead_of=profile.id)
            amend(vault, session, found, changed, actor=OPERATOR, sides=tuple(Side))
            deed = Deed(OPERATOR, Action.PROFILE_RULED, f"profile:{profile.id}", told(new))
            record_for_both(record, session, *sites, deed)
    return new


def _mapped(profile: Profile, key: str) -> FieldMapping:
    found = next((m for m in profile.fields if key in {m.key, m.left, m.right}), None)
    if found is None:
        raise Problem(
            "field: "
            + _(
                "%(key)s is not mapped by this profile. It maps %(known)s.",
                key=key,
                known=", ".join(m.key for m in profile.fields),
            ),
            code="invalid-field",
            field="field",
        )
    return found


def who(comments: ItemMapping) -> Detail:
    """Which sides allow that internal comments cross, as the trail tells it."""
    return {f"internal_{side.value}": side in comments.internal for side in Side}


def _of_kind(profile: Profile, kind: ItemKind) -> ItemMapping | None:
    return next((one for one in profile.items if one.kind is kind), None)


def _without(profile: Profile, kind: ItemKind) -> tuple[ItemMapping, ...]:
    return tuple(one for one in profile.items if one.kind is not kind)


def set_interval(
    record: Recorder, profile: StoredProfile, seconds: int, *, by: Caller | None = None
) -> None:
    """How often each side is searched for what no webhook told. `by`: a person of one of the sites
    rather than an operator. Raises Problem."""
    if not SHORTEST_INTERVAL <= seconds <= LONGEST_INTERVAL:
        raise Problem(
            "search-minutes: "
            + _(
                "must be %(least)s to %(most)s.",
                least=SHORTEST_INTERVAL // 60,
                most=LONGEST_INTERVAL // 60,
            ),
            code="invalid-field",
            field="search-minutes",
        )
    own, partner = profile.left_tenant, profile.right_tenant
    if by is not None and by.tenant != own:
        own, partner = partner, own
    with tenant_transaction(own) as session:
        session.execute(
            text("UPDATE profile SET search_seconds = :seconds WHERE id = :profile"),
            {"seconds": seconds, "profile": profile.id},
        )
        # A long wait that has begun must not outlast a shorter interval.
        session.execute(
            text(
                "UPDATE search_look SET due_at = least(due_at, now() + make_interval("
                "secs => :seconds)) WHERE profile_id = :profile AND due_at < 'infinity'"
            ),
            {"seconds": seconds, "profile": profile.id},
        )
        actor = OPERATOR if by is None else by.actor
        told = {"search_seconds": seconds}
        deed = Deed(actor, Action.PROFILE_RULED, f"profile:{profile.id}", told)
        record_for_both(record, session, own, partner, deed)


def amend(
    vault: Vault,
    session: Session,
    found: ProfileRecord,
    change: Callable[[Profile], Profile],
    *,
    actor: str,
    sides: tuple[Side, ...],
) -> Profile:
    """Make what `change` makes of the revision in force the one in force, approved by `sides`; and
    change what waits for an approval in the same way, so that it does not take this back.

    For what lets nothing more out of a side that has not approved it. Gives the new profile.
    """
    waits = proposals.waiting(session, found.id)
    proposed = None
    if waits is not None and waits.number != found.revision:
        proposed = at(vault, session, found, waits.number)
    new = change(current(vault, session, found))
    number = add(vault, session, found, new, actor=actor)
    for side in sides:
        proposals.approve(session, found, side, number, actor)
    if waits is not None and proposed is not None:
        try:
            proposed = change(proposed)
        except Problem:  # it does not fit what waits: somebody has to propose that anew
            proposals.end(session, found, proposals.Outcome.REPLACED, actor)
            return new
        if proposed == new:
            proposals.end(session, found, proposals.Outcome.REPLACED, actor)
            return new
        number = store(vault, session, found, proposed, actor=waits.proposed_by)
    if waits is not None:
        proposals.propose(session, found, number, waits.awaits, waits.proposed_by)
    return new


def add(vault: Vault, session: Session, found: ProfileRecord, new: Profile, *, actor: str) -> int:
    """Add a revision and make it the one in force. Gives its number."""
    number = store(vault, session, found, new, actor=actor)
    take(session, found, number)
    return number


def take(session: Session, found: ProfileRecord, number: int) -> None:
    """Make a stored revision the one in force."""
    found.revision, found.updated_at = number, func.now()
    session.flush()


def store(vault: Vault, session: Session, found: ProfileRecord, new: Profile, *, actor: str) -> int:
    """Store a revision, which is not in force by that. Gives its number."""
    left, number = TenantId(found.left_tenant_id), proposals.newest(session, found.id) + 1
    document = json.dumps(dump_profile(new)).encode()
    session.add(
        ProfileRevision(
            profile_id=found.id,
            number=number,
            left_tenant_id=left,
            right_tenant_id=found.right_tenant_id,
            document=vault.seal(place(left, found.id, number), document),
            created_by=actor,
        )
    )
    session.flush()
    return number


def current(vault: Vault, session: Session, found: ProfileRecord) -> Profile:
    """What a profile's revision in force says."""
    return at(vault, session, found, found.revision)


def at(vault: Vault, session: Session, found: ProfileRecord, number: int) -> Profile:
    """What a revision of a profile says, in force or not."""
    document = session.scalars(
        select(ProfileRevision.document).where(
            ProfileRevision.profile_id == found.id, ProfileRevision.number == number
        )
    ).one()
    return opened(vault, found, document, number)
