"""Profiles as stored: create, load, switch on and pause. Lists of them: profile_lists."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from types import MappingProxyType

from sqlalchemy import ColumnElement, and_, func, or_, select, text
from sqlalchemy.orm import Session

from app.database import TenantId, tenant_transaction, unscoped_transaction
from app.errors import NotFound, Problem
from app.language import gettext as _
from app.mapping import proposals, rest
from app.mapping.document import DocumentError, dump_profile, load_profile
from app.mapping.models import ProfileRecord, ProfileRevision, ProfileState
from app.mapping.profile import DEFAULT_FIELDS, Profile, Scope, Side
from app.mapping.profile_name import name_problem, tidy
from app.mapping.subtasks import PARENT
from app.tenants.caller import Caller
from app.tenants.deeds import Action, Deed, Recorder, record_for_both
from app.tenants.pairing import partner_of
from app.vault.vault import Place, Vault

PARTS = frozenset({"fields", "users", "items", "lifecycle", "moves"})
"""The keys of the mapping document that a form may give."""


@dataclass(frozen=True)
class StoredProfile:
    """A profile with its mapping document opened. `state` is a ProfileState's value."""

    id: uuid.UUID
    left_tenant: TenantId
    right_tenant: TenantId
    name: str
    state: str
    reason: str | None
    profile: Profile
    revision: int = 1

    @property
    def tenants(self) -> dict[Side, TenantId]:
        """Whose sites the two sides are."""
        return {Side.LEFT: self.left_tenant, Side.RIGHT: self.right_tenant}

    def side_of(self, tenant: TenantId) -> Side:
        """Which side is this tenant's, who is one of the two."""
        return Side.LEFT if self.left_tenant == tenant else Side.RIGHT


def create(
    vault: Vault,
    record: Recorder,
    caller: Caller,
    *,
    connection_id: uuid.UUID,
    name: str,
    left: Scope,
    right: Scope,
    parts: Mapping[str, str] = MappingProxyType({}),
) -> uuid.UUID:
    """Store a profile whose left side is the caller's, and propose it to the partner: it carries
    nothing until he approves. Raises Problem, NotFound.

    `parts`: keys of the mapping document (PARTS) as JSON; without `fields` the usual ones.
    """
    tenant = caller.tenant
    name = tidy(name)
    if (wrong := name_problem(name)) is not None:
        raise Problem(f"name: {wrong}", code="invalid-field", field="name")
    partner = partner_of(tenant, connection_id)
    profile_id = uuid.uuid4()
    profile = described(left, right, parts)
    document = json.dumps(dump_profile(profile)).encode()
    with tenant_transaction(tenant) as session:
        # Two clicks on "Switch on", or one by each admin, must not make two profiles that both
        # create twins.
        session.execute(
            text("SELECT pg_advisory_xact_lock(hashtext(:id))"), {"id": str(connection_id)}
        )
        twin = session.scalars(
            select(ProfileRecord.name).where(_same_pair(connection_id, tenant, left, right))
        ).first()
        if twin is not None:
            raise Problem(
                "left_project: "
                + _(
                    "the profile '%(name)s' pairs these projects and types already. Change that "
                    "one, or choose others.",
                    name=twin,
                ),
                status=409,
                code="profile-exists",
                field="left_project",
            )
        require_rest(vault, session, (tenant, partner), name, profile)
        _require_one_way_in(session, tenant, partner)
        made = ProfileRecord(
            id=profile_id,
            connection_id=connection_id,
            left_tenant_id=tenant,
            right_tenant_id=partner,
            name=name,
            state=ProfileState.PROPOSED.value,
            revision=1,
            left_project_id=int(left.project_id),
            left_type_id=int(left.issue_type_id),
            right_project_id=int(right.project_id),
            right_type_id=int(right.issue_type_id),
        )
        session.add(made)
        session.flush()
        session.add(
            ProfileRevision(
                profile_id=profile_id,
                number=1,
                left_tenant_id=tenant,
                right_tenant_id=partner,
                document=vault.seal(place(tenant, profile_id, 1), document),
                created_by=caller.actor,
            )
        )
        session.flush()
        proposals.approve(session, made, Side.LEFT, 1, caller.actor)
        proposals.propose(session, made, 1, Side.RIGHT, caller.actor)
        deed = Deed(caller.actor, Action.PROFILE_CREATED, f"profile:{profile_id}")
        record_for_both(record, session, tenant, partner, deed)
    return profile_id


def described(left: Scope, right: Scope, parts: Mapping[str, str]) -> Profile:
    """The profile that `create` would make of these. Raises Problem."""
    usual = (*DEFAULT_FIELDS, PARENT) if left.subtask or right.subtask else DEFAULT_FIELDS
    document = dump_profile(Profile(left, right, usual))
    part = "fields"
    try:
        for part in PARTS & parts.keys():
            document[part] = json.loads(parts[part])
        made = load_profile(document)
    except DocumentError as error:
        where = error.problems[0].where
        top = where.partition(".")[0]
        field = where if where.endswith(".filter") else top if top in PARTS else "fields"
        raise Problem(error.line, code="invalid-field", field=field) from None
    except (ValueError, RecursionError):
        raise Problem(
            f"{part}: " + _("must be JSON, as in the mapping document; correct it."),
            code="invalid-field",
            field=part,
        ) from None
    if any(Side.RIGHT in one.internal for one in made.items):
        raise Problem(
            "items: "
            + _(
                "whether internal comments of the partner's side may cross is for the people of "
                "the partner's site to say. Leave right out of internal, and ask them."
            ),
            code="invalid-field",
            field="items",
        )
    return made


def _require_one_way_in(session: Session, tenant: TenantId, partner: TenantId) -> None:
    """Refuse a profile by which a site that is reached by token would be met again by another way:
    each twin there would be taken for an issue of its own. Raises Problem."""
    # Two profiles that are made at once must not close a ring between them.
    session.execute(text("SELECT pg_advisory_xact_lock(hashtext('tandem:ways-into-a-site'))"))
    asked = {"one": tenant, "other": partner}
    if session.execute(text("SELECT tandem_meets_itself(:one, :other)"), asked).scalar():
        raise Problem(
            "connection: "
            + _(
                "by this profile and those that are there, a site would be reached by two "
                "connections, one of them by token, and its issues would be doubled. Pair the "
                "sites with Tandem installed in each instead."
            ),
            status=409,
            code="two-ways-in",
            field="connection",
        )


def require_rest(
    vault: Vault,
    session: Session,
    sites: tuple[TenantId, TenantId],
    name: str,
    new: Profile,
    *,
    instead_of: uuid.UUID | None = None,
) -> None:
    """Refuse a profile that could, with those of the caller's site, never come to rest.

    `instead_of`: the stored profile whose new form it is. Raises Problem.
    """
    rows = session.execute(
        select(ProfileRecord, ProfileRevision.document).join(
            ProfileRevision,
            (ProfileRevision.profile_id == ProfileRecord.id)
            & (ProfileRevision.number == ProfileRecord.revision),
        )
    ).all()
    known = [rest.Wired(name, str(sites[0]), str(sites[1]), new)]
    for one, document in rows:
        if one.id == instead_of:
            continue
        sides = str(one.left_tenant_id), str(one.right_tenant_id)
        known.append(rest.Wired(one.name, *sides, opened(vault, one, document)))
    unrest = rest.find_unrest(known)
    if unrest is not None:
        raise Problem(f"fields: {unrest}", status=409, code="never-rests", field="fields")


def _same_pair(
    connection_id: uuid.UUID, tenant: TenantId, left: Scope, right: Scope
) -> ColumnElement[bool]:
    """Matches the profiles of these two scopes, whichever partner made them.

    One seen from the other side would twin every twin, without end.
    """

    def placed(first: Scope, second: Scope) -> ColumnElement[bool]:
        return and_(
            ProfileRecord.left_project_id == int(first.project_id),
            ProfileRecord.left_type_id == int(first.issue_type_id),
            ProfileRecord.right_project_id == int(second.project_id),
            ProfileRecord.right_type_id == int(second.issue_type_id),
        )

    return and_(
        ProfileRecord.connection_id == connection_id,
        or_(
            and_(ProfileRecord.left_tenant_id == tenant, placed(left, right)),
            and_(ProfileRecord.right_tenant_id == tenant, placed(right, left)),
        ),
    )


def load(vault: Vault, profile_id: uuid.UUID) -> StoredProfile:
    """A profile by its id alone, for jobs. Raises NotFound."""
    with unscoped_transaction() as session:
        owner = session.execute(
            text("SELECT left_tenant_id FROM tandem_profile_tenants(:wanted)"),
            {"wanted": profile_id},
        ).scalar()
    if owner is None:
        raise NotFound(_("There is no such profile."))
    with tenant_transaction(TenantId(owner)) as session:
        row = session.execute(
            select(ProfileRecord, ProfileRevision.document)
            .join(
                ProfileRevision,
                (ProfileRevision.profile_id == ProfileRecord.id)
                & (ProfileRevision.number == ProfileRecord.revision),
            )
            .where(ProfileRecord.id == profile_id)
        ).one_or_none()
    if row is None:
        raise NotFound(_("There is no such profile."))
    record, document = row
    return StoredProfile(
        id=record.id,
        left_tenant=TenantId(record.left_tenant_id),
        right_tenant=TenantId(record.right_tenant_id),
        name=record.name,
        state=record.state,
        reason=record.reason,
        profile=opened(vault, record, document),
        revision=record.revision,
    )


def working(vault: Vault, profile_id: uuid.UUID) -> StoredProfile:
    """As `load`, with what of its mapping is carried: for the jobs that carry it."""
    stored = load(vault, profile_id)
    allowed = stored.profile.allowed
    return stored if allowed is stored.profile else replace(stored, profile=allowed)


def opened(
    vault: Vault, record: ProfileRecord, document: bytes, number: int | None = None
) -> Profile:
    """The mapping document of a revision, opened: of the one that a profile is at, or `number`."""
    where = place(TenantId(record.left_tenant_id), record.id, number or record.revision)
    return _parsed(vault.unseal(where, document))


@lru_cache(maxsize=1024)
def _parsed(document: bytes) -> Profile:
    """A stored document, read once: each batch of changes loads its profile."""
    return load_profile(json.loads(document))


def own_project(session: Session, tenant: TenantId, profile_id: uuid.UUID) -> int | None:
    """The project of the tenant's own side of a profile; None for one that is not his."""
    row = session.execute(
        select(
            ProfileRecord.left_tenant_id,
            ProfileRecord.left_project_id,
            ProfileRecord.right_project_id,
        ).where(ProfileRecord.id == profile_id)
    ).one_or_none()
    if row is None:
        return None
    own: int = row.left_project_id if row.left_tenant_id == tenant else row.right_project_id
    return own


def owned(
    session: Session, tenant: TenantId, profile_id: uuid.UUID, covers: Callable[[int], bool]
) -> tuple[ProfileRecord, Side]:
    """A profile to change, and which side of it is the tenant's. Raises NotFound."""
    found = session.scalars(
        select(ProfileRecord).where(ProfileRecord.id == profile_id).with_for_update()
    ).one_or_none()
    if found is None:
        raise NotFound(_("There is no such profile."))
    side = Side.LEFT if found.left_tenant_id == tenant else Side.RIGHT
    if not covers(found.left_project_id if side is Side.LEFT else found.right_project_id):
        raise NotFound(_("There is no such profile."))
    return found, side


def require_begun(found: ProfileRecord) -> None:
    """Refuse what needs a profile that both sides have approved once. Raises Problem."""
    if found.state == ProfileState.PROPOSED:
        raise Problem(
            _(
                "This profile is not approved yet, so it carries nothing. It is switched on when "
                "an admin or editor of the partner's site approves it there, on Tandem's page."
            ),
            status=409,
            code="waits-for-approval",
        )


def set_state(
    record: Recorder,
    caller: Caller,
    profile_id: uuid.UUID,
    state: ProfileState,
    covers: Callable[[int], bool] = lambda project: True,
) -> None:
    """Pause or resume; either partner may. What changes meanwhile is marked, and crosses later.

    `covers` tells whether the caller may decide for a project of his own side. Raises NotFound,
    the same for a profile that he may not touch as for one that never was; Problem for one that
    waits for its first approval.
    """
    tenant = caller.tenant
    with tenant_transaction(tenant) as session:
        found, side = owned(session, tenant, profile_id, covers)
        require_begun(found)
        found.state, found.reason, found.paused_for = state.value, None, None
        found.updated_at = func.now()
        session.flush()
        deed = Deed(caller.actor, _STATE_DEEDS[state], f"profile:{profile_id}")
        partner = found.right_tenant_id if side is Side.LEFT else found.left_tenant_id
        record_for_both(record, session, tenant, TenantId(partner), deed)


_STATE_DEEDS = {
    ProfileState.ON: Action.PROFILE_RESUMED,
    ProfileState.PAUSED: Action.PROFILE_PAUSED,
}


def place(left_tenant: TenantId, profile_id: uuid.UUID, number: int) -> Place:
    """Where a revision's document is sealed to."""
    return Place(left_tenant, "profile_revision", "document", f"{profile_id}:{number}")
