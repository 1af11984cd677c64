"""Drafts of profiles: what an admin chose so far, kept sealed until he saves it or drops it.

A draft is its author's alone. It may be wrong: only saving the profile demands that it is not.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.database import TenantId, tenant_transaction
from app.errors import NotFound, Problem
from app.language import gettext as _
from app.mapping import proposals
from app.mapping.document import dump_profile
from app.mapping.profile import Side
from app.mapping.profiles import owned
from app.mapping.revisions import at
from app.said import said
from app.tenants.caller import Caller
from app.vault.store import KeyShredded
from app.vault.vault import Place, Vault

MOST = 50
"""Drafts that one person may have."""
LARGEST = 1024 * 1024  # bytes of a document
ROWS_A_TIME = 1000
NAMED = "named"
"""The key of a draft's document that has the name with which an edit began."""
EMPTY: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class Draft:
    """A draft, opened. `document`: name, connection, and the keys of the mapping document, each
    absent until it was chosen. `profile_id`: the profile that is edited; None: a new one. `side`:
    which side of it is the tenant's own."""

    id: uuid.UUID
    tenant: TenantId
    account: str
    profile_id: uuid.UUID | None
    base_revision: int | None
    side: Side
    document: Mapping[str, Any]
    version: int
    updated_at: datetime


class DraftChanged(Problem):
    """The draft was saved meanwhile from another tab. `newest`: as it is now."""

    status = 409
    code = "draft-changed"

    def __init__(self, newest: Draft, changed: tuple[str, ...]) -> None:
        self.newest = newest
        self.changed = changed
        super().__init__(
            said(
                "this draft was changed in another tab of yours. What you typed is still here and "
                "not saved: look at what is there now, or save yours over it."
            )
        )


_COLUMNS = "id, tenant_id, account_id, profile_id, base_revision, side, document, version"
_INSERT = text(
    f"""
    INSERT INTO draft ({_COLUMNS})
    VALUES (:id, :tenant, :account, :profile, :base, :side, :document, 1)
    RETURNING {_COLUMNS}, updated_at
    """  # noqa: S608
)
_LOAD = f"SELECT {_COLUMNS}, updated_at FROM draft WHERE account_id = :account"  # noqa: S608
_ONE = text(f"{_LOAD} AND id = :id")
_ONE_TO_CHANGE = text(f"{_LOAD} AND id = :id FOR UPDATE")
_OF_PROFILE = text(f"{_LOAD} AND profile_id = :profile")
_DROP_OF_PROFILE = text("DELETE FROM draft WHERE account_id = :account AND profile_id = :profile")
_NEWEST = text("SELECT max(number) FROM profile_revision WHERE profile_id = :profile")
_ALL = text(f"{_LOAD} ORDER BY updated_at DESC, id")
_UPDATE = text(
    "UPDATE draft SET document = :document, version = :version, updated_at = now()"
    " WHERE id = :id RETURNING updated_at"
)


def begin(vault: Vault, caller: Caller, document: Mapping[str, Any] = EMPTY) -> Draft:
    """A draft of a new profile, whose left side is the caller's. Raises Problem."""
    with tenant_transaction(caller.tenant) as session:
        return _insert(vault, session, caller, document, side=Side.LEFT)


def begin_once(vault: Vault, caller: Caller, document: Mapping[str, Any]) -> Draft:
    """As `begin`, or the draft that began so before and that nobody went on with."""
    for one in of_account(vault, caller):
        if one.profile_id is None and one.document == document:
            return one
    return begin(vault, caller, document)


def begin_edit(
    vault: Vault, caller: Caller, profile_id: uuid.UUID, covers: Callable[[int], bool]
) -> Draft:
    """The caller's draft of an existing profile: the one that he left, or a new one of the revision
    in force, or of the one that waits for an approval. Raises NotFound, as `profiles.set_state`."""
    with tenant_transaction(caller.tenant) as session:
        found, side = owned(session, caller.tenant, profile_id, covers)
        values = {"account": caller.actor, "profile": profile_id}
        row = session.execute(_OF_PROFILE, values).one_or_none()
        left_there = None if row is None else _opened_or_none(vault, row)
        if left_there is not None:
            return left_there
        session.execute(_DROP_OF_PROFILE, values)
        waits = proposals.waiting(session, profile_id)
        number = found.revision if waits is None else waits.number
        shown = dump_profile(at(vault, session, found, number))
        shown.pop("version")
        shown |= {"name": found.name, "connection": str(found.connection_id)}
        shown |= {NAMED: found.name}
        base = session.execute(_NEWEST, values).scalar_one()
        return _insert(vault, session, caller, shown, side=side, profile=profile_id, base=base)


def load(vault: Vault, caller: Caller, draft_id: uuid.UUID) -> Draft:
    """A draft of the caller's own. Raises NotFound, the same for another person's."""
    with tenant_transaction(caller.tenant) as session:
        return _one(vault, session, caller, draft_id)


def save(
    vault: Vault, caller: Caller, draft_id: uuid.UUID, changes: Mapping[str, Any], version: int
) -> Draft:
    """Put these keys into the document; None takes one out. `version`: the one that was seen.

    Raises NotFound, DraftChanged where it is another by now, Problem where it is too large.
    """
    with tenant_transaction(caller.tenant) as session:
        old = _one(vault, session, caller, draft_id, change=True)
        document = {k: v for k, v in {**old.document, **changes}.items() if v is not None}
        if document == old.document:
            return old
        if version != old.version:
            differs = tuple(k for k in changes if changes[k] != old.document.get(k))
            raise DraftChanged(old, differs)
        new = replace(old, document=document, version=old.version + 1)
        sealed = _sealed(vault, caller.tenant, draft_id, document)
        values = {"id": draft_id, "document": sealed, "version": new.version}
        return replace(new, updated_at=session.execute(_UPDATE, values).scalar_one())


def drop(caller: Caller, draft_id: uuid.UUID) -> None:
    """Delete a draft of the caller's own. Raises NotFound."""
    with tenant_transaction(caller.tenant) as session:
        gone = session.execute(
            text("DELETE FROM draft WHERE id = :id AND account_id = :account RETURNING id"),
            {"id": draft_id, "account": caller.actor},
        ).one_or_none()
    if gone is None:
        raise NotFound(_("There is no such draft."))


def of_account(vault: Vault, caller: Caller) -> list[Draft]:
    """The caller's drafts, the one that was changed last first."""
    with tenant_transaction(caller.tenant) as session:
        rows = session.execute(_ALL, {"account": caller.actor}).all()
    opened = (_opened_or_none(vault, row) for row in rows)
    return [one for one in opened if one is not None]


def forget(session: Session) -> None:
    """Forget what nobody changed for 30 days. For the house: it sees all tenants' rows."""
    session.execute(text("SELECT tandem_forget_drafts(:most)"), {"most": ROWS_A_TIME})


def _one(
    vault: Vault, session: Session, caller: Caller, draft_id: uuid.UUID, *, change: bool = False
) -> Draft:
    values = {"account": caller.actor, "id": draft_id}
    row = session.execute(_ONE_TO_CHANGE if change else _ONE, values).one_or_none()
    found = None if row is None else _opened_or_none(vault, row)
    if found is None:
        raise NotFound(_("There is no such draft."))
    return found


def _insert(
    vault: Vault,
    session: Session,
    caller: Caller,
    document: Mapping[str, Any],
    *,
    side: Side,
    profile: uuid.UUID | None = None,
    base: int | None = None,
) -> Draft:
    count = session.execute(
        text("SELECT count(*) FROM draft WHERE account_id = :account"), {"account": caller.actor}
    ).scalar_one()
    if count >= MOST:
        raise Problem(
            _(
                "You have %(count)s drafts already. Finish or delete one on the Profiles page "
                "first.",
                count=MOST,
            ),
            status=409,
            code="too-many-drafts",
        )
    made = uuid.uuid4()
    row = session.execute(
        _INSERT,
        {
            "id": made,
            "tenant": caller.tenant,
            "account": caller.actor,
            "profile": profile,
            "base": base,
            "side": side.value,
            "document": _sealed(vault, caller.tenant, made, document),
        },
    ).one()
    return _opened(vault, row)


def _sealed(
    vault: Vault, tenant: TenantId, draft_id: uuid.UUID, document: Mapping[str, Any]
) -> bytes:
    plain = json.dumps(dict(document)).encode()
    if len(plain) > LARGEST:
        raise Problem(
            _(
                "This draft is larger than 1 MB, so nothing of this change was saved. Take values "
                "or people out of its tables."
            ),
            status=413,
            code="draft-too-large",
        )
    return vault.seal(_place(tenant, draft_id), plain)


def _opened(vault: Vault, row: Any) -> Draft:
    tenant = TenantId(row.tenant_id)
    return Draft(
        id=row.id,
        tenant=tenant,
        account=row.account_id,
        profile_id=row.profile_id,
        base_revision=row.base_revision,
        side=Side(row.side),
        document=json.loads(vault.unseal(_place(tenant, row.id), row.document)),
        version=row.version,
        updated_at=row.updated_at,
    )


def _opened_or_none(vault: Vault, row: Any) -> Draft | None:
    """None for a draft of before the tenant's keys were shredded: nobody opens it again."""
    try:
        return _opened(vault, row)
    except KeyShredded:
        return None


def _place(tenant: TenantId, draft_id: uuid.UUID) -> Place:
    return Place(tenant, "draft", "document", str(draft_id))
