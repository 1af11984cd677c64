"""Sites that are reached by URL, email and API token: connected, given a new token, ended.

See docs/decisions/0031-partners-by-token.md.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.database import TenantId, scope_to, tenant_transaction
from app.errors import NotFound, Problem
from app.language import gettext as _
from app.language import ngettext
from app.tenants.access import Access, Given, place_of
from app.tenants.caller import Caller
from app.tenants.deeds import Action, Deed, Recorder, record_for_both
from app.tenants.models import CLOUD, Connection, Installation, InstallationState
from app.vault.vault import Vault

BY_TOKEN: Mapping[str, bool] = {"by_token": True}
"""What the trail says of a deed for the side of a site that is reached by token."""

LONGEST_DAYS = 36_500
"""For which details of the activity are kept: of two sites counts the one that keeps less, and for
how long is the owner's to say."""

_SITES = text("SELECT id, cloud_id, state, given_by, given_at FROM tandem_token_sites()")
_PAIRED = text("SELECT tandem_is_paired_with(:cloud)")
_LOCK = text("SELECT pg_advisory_xact_lock(hashtext(:owner))")
_END = text(
    """
    UPDATE installation SET state = 'uninstalled', shared_secret = NULL,
        secret_version = secret_version + 1, updated_at = now(),
        uninstalled_at = coalesce(uninstalled_at, now())
    WHERE id = :tenant
    """
)
_FIELDS = text("DELETE FROM scope_fields WHERE tenant_id = :tenant")
_KEYS = text("UPDATE data_key SET state = 'retired' WHERE tenant_id = :tenant")
# The looks that were put off while the token was refused, of the session's tenant.
_LOOK = text("UPDATE search_look SET due_at = now(), attempts = 0 WHERE due_at < 'infinity'")
_PROFILES = text("SELECT count(*) FROM profile WHERE connection_id = :connection")


@dataclass(frozen=True)
class TokenSite:
    """A site that a tenant reaches by token. `given_by`: the account that gave the token."""

    tenant: TenantId
    cloud_id: str
    state: str
    given_by: str
    given_at: datetime


def sites_of(session: Session) -> dict[TenantId, TokenSite]:
    """The sites that the session's tenant reaches by token."""
    rows = session.execute(_SITES).all()
    found = (
        TokenSite(TenantId(row.id), row.cloud_id, row.state, row.given_by, row.given_at)
        for row in rows
    )
    return {one.tenant: one for one in found}


def token_sites(owner: TenantId) -> dict[TenantId, TokenSite]:
    """The same, in a transaction of its own."""
    with tenant_transaction(owner) as session:
        return sites_of(session)


def decides_for(session: Session, caller: Caller, partner: TenantId) -> bool:
    """Whether a caller decides for a partner's side as well: he gave the token that reaches it."""
    known = sites_of(session).get(partner)
    return known is not None and known.given_by == caller.account_id


class TokenSites:
    """What is done to a tenant's sites by token. The vault seals, the recorder notes the deeds."""

    def __init__(self, vault: Vault, record: Recorder) -> None:
        self._vault, self._record = vault, record

    def connect(self, caller: Caller, given: Given) -> uuid.UUID:
        """Connect the caller's site with one that was checked; gives the connection. One that is
        connected so already gets the new token. Raises Problem about the field `url`."""
        owner = caller.tenant
        tenant = TenantId(uuid.uuid4())
        try:
            with tenant_transaction(owner) as session:
                # Two clicks at once make one connection.
                session.execute(_LOCK, {"owner": f"tandem:token-sites:{owner}"})
                _require_other(session, owner, given.cloud_id)
                known = _known(session, given.cloud_id)
                if known is None:
                    return self._connect(session, caller, tenant, given)
                self._give(session, caller, known.tenant, given.access)
                return connection_with(session, known.tenant)
        except BaseException:
            self._vault.discard(tenant)  # it has no row
            raise

    def _connect(
        self, session: Session, caller: Caller, tenant: TenantId, given: Given
    ) -> uuid.UUID:
        scope_to(session, tenant)
        session.execute(
            insert(Installation).values(
                id=tenant,
                owner_id=caller.tenant,
                given_by=caller.actor,
                given_at=func.now(),
                app_key="",
                cloud_id=given.cloud_id,
                base_url=f"https://{given.cloud_id}",
                deployment=CLOUD,
                state=InstallationState.ENABLED.value,
                lifecycle_at=func.now(),
                detail_days=LONGEST_DAYS,
                shared_secret=self._vault.seal(place_of(tenant), given.access.dump()),
            )
        )
        scope_to(session, caller.tenant)
        made = Connection(id=uuid.uuid4(), left_tenant_id=caller.tenant, right_tenant_id=tenant)
        session.add(made)
        session.flush()
        deed = Deed(caller.actor, Action.CONNECTED, f"connection:{made.id}", BY_TOKEN)
        record_for_both(self._record, session, caller.tenant, tenant, deed)
        return made.id

    def renew(self, caller: Caller, connection: uuid.UUID, given: Given) -> TenantId:
        """Take a new token for a site that the caller's reaches by token; who gave it decides for
        its side from then on. Gives the site's tenant. Raises Problem, NotFound."""
        with tenant_transaction(caller.tenant) as session:
            known = _of_connection(session, connection)
            if known.cloud_id.casefold() != given.cloud_id.casefold():
                raise _wrong_url(
                    _("this is another site than the one that is connected. Give its own address.")
                )
            self._give(session, caller, known.tenant, given.access)
        return known.tenant

    def _give(self, session: Session, caller: Caller, tenant: TenantId, access: Access) -> None:
        """Put a new token in the place of the old one. Leaves the session at the caller's."""
        scope_to(session, tenant)
        query = select(Installation).where(Installation.id == tenant).with_for_update()
        row = session.scalars(query).one()
        self._vault.renew(tenant)  # one that was shredded begins anew, with new keys
        row.shared_secret = self._vault.seal(place_of(tenant), access.dump())
        row.secret_version += 1
        row.state, row.uninstalled_at = InstallationState.ENABLED.value, None
        row.given_by = caller.actor
        row.given_at = row.updated_at = func.now()
        session.flush()
        session.execute(_LOOK)
        scope_to(session, caller.tenant)
        deed = Deed(caller.actor, Action.ACCESS_RENEWED, f"installation:{tenant}", BY_TOKEN)
        record_for_both(self._record, session, caller.tenant, tenant, deed)

    def end(self, caller: Caller, connection: uuid.UUID) -> TenantId:
        """End a connection by token: its rows and its keys are destroyed; gives the tenant that the
        site was. Raises Problem where profiles use it, NotFound for one that is not the caller's or
        not by token."""
        owner = caller.tenant
        with tenant_transaction(owner) as session:
            tenant = _of_connection(session, connection).tenant
            # Nobody makes a profile over it meanwhile: that takes the same lock.
            session.execute(_LOCK, {"owner": str(connection)})
            count = int(session.execute(_PROFILES, {"connection": connection}).scalar() or 0)
            if count:
                raise Problem(
                    ngettext(
                        "%(num)s profile uses this connection. Delete it first; the issues of both "
                        "sites stay.",
                        "%(num)s profiles use this connection. Delete them first; the issues of "
                        "both sites stay.",
                        count,
                    ),
                    status=409,
                    code="connection-in-use",
                )
            deed = Deed(caller.actor, Action.DISCONNECTED, f"connection:{connection}", BY_TOKEN)
            record_for_both(self._record, session, owner, tenant, deed)
            scope_to(session, tenant)
            # The connection goes with it, and all else that names it.
            session.execute(text("DELETE FROM installation WHERE id = :tenant"), {"tenant": tenant})
            self._vault.shred(tenant)
        return tenant


def end_all(
    session: Session, record: Recorder, owner: TenantId, actor: str, **detail: bool
) -> list[TenantId]:
    """The owner is gone: destroy the tokens that its people gave. The caller shreds the tenants
    that this gives, last before the commit. Profiles and pairs stay, as the owner's own do."""
    ended = sorted(sites_of(session))
    for tenant in ended:
        scope_to(session, tenant)
        for statement in (_END, _FIELDS, _KEYS):
            session.execute(statement, {"tenant": tenant})
        deed = Deed(actor, Action.SHREDDED, f"installation:{tenant}", {**BY_TOKEN, **detail})
        record(session, tenant, deed)
    scope_to(session, owner)
    return ended


def connection_with(session: Session, partner: TenantId) -> uuid.UUID:
    """The connection of the session's tenant with this site."""
    return session.scalars(select(Connection.id).where(Connection.right_tenant_id == partner)).one()


def _of_connection(session: Session, connection: uuid.UUID) -> TokenSite:
    found = session.get(Connection, connection)
    known = None if found is None else sites_of(session).get(TenantId(found.right_tenant_id))
    if known is None:
        raise NotFound(_("There is no such connection."))
    return known


def _known(session: Session, cloud_id: str) -> TokenSite | None:
    wanted = cloud_id.casefold()
    found = (one for one in sites_of(session).values() if one.cloud_id.casefold() == wanted)
    return next(found, None)


def _require_other(session: Session, owner: TenantId, cloud_id: str) -> None:
    own = session.scalars(select(Installation.cloud_id).where(Installation.id == owner)).one()
    if own.casefold() == cloud_id.casefold():
        raise _wrong_url(_("this is your own site. Give the address of the other one."))
    if session.execute(_PAIRED, {"cloud": cloud_id}).scalar():
        raise _wrong_url(
            _("this site is paired with yours already. Choose it in the list: it is faster so.")
        )


def _wrong_url(rule: str) -> Problem:
    return Problem(f"url: {rule}", status=409, code="invalid-field", field="url")
