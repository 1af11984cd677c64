"""What is put on the audit trail: who did what to what. The trail itself is governance's.

A deed is recorded in the transaction that does it, so that neither exists without the other. The
rooms below governance get its writer from the composition root, as a `Recorder`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Protocol

from sqlalchemy.orm import Session

from app.database import TenantId, scope_to

PARTNER = "partner"
"""The actor on the other site's trail: a person there, whom this one need not know."""

JIRA = "jira"
"""The actor of a lifecycle callback: Jira itself, for an admin whom it does not name."""

OPERATOR = "operator"
"""The actor of a command on the server."""


class Action(StrEnum):
    """The kinds of deeds, as the trail names them."""

    INSTALLED = "installation.installed"
    REINSTALLED = "installation.reinstalled"
    ENABLED = "installation.enabled"
    DISABLED = "installation.disabled"
    UNINSTALLED = "installation.uninstalled"
    CODE_MADE = "pairing-code.made"
    CONNECTED = "connection.made"
    SAMPLES_RULED = "connection.samples-changed"
    ACCESS_RENEWED = "connection.token-renewed"
    DISCONNECTED = "connection.ended"
    PROFILE_CREATED = "profile.created"
    PROFILE_PROPOSED = "profile.change-proposed"
    PROFILE_APPROVED = "profile.approved"
    PROFILE_DECLINED = "profile.declined"
    PROFILE_PAUSED = "profile.paused"
    PROFILE_RESUMED = "profile.resumed"
    PROFILE_FILTERED = "profile.filter-changed"
    PROFILE_RENAMED = "profile.renamed"
    PROFILE_RULED = "profile.rules-changed"
    PROFILE_INTERNAL = "profile.internal-comments-changed"
    PROFILE_RESTRICTED = "profile.restricted-issues-changed"
    PROFILE_DELETED = "profile.deleted"
    CONFLICT_DECIDED = "conflict.decided"
    PARKED_RETRIED = "parked.retried"
    PARKED_IGNORED = "parked.ignored"
    UNDO_BEGUN = "undo.begun"
    UNDO_ENDED = "undo.ended"
    LOAD_BEGUN = "load.begun"
    LOAD_ENDED = "load.ended"
    LOAD_ABANDONED = "load.abandoned"
    PLAN_MADE = "plan.made"
    PLAN_APPLIED = "plan.applied"
    ROLE_GRANTED = "role.granted"
    ROLE_REVOKED = "role.revoked"
    SETTING_CHANGED = "setting.changed"
    MASTER_ROTATED = "keys.master-rotated"
    DATA_ROTATED = "keys.data-rotated"
    KEY_RETIRED = "keys.data-key-retired"
    SHREDDED = "keys.shredded"
    STORAGE_PROVED = "storage.proved"
    TRAIL_EXPORTED = "audit.exported"


@dataclass(frozen=True)
class Deed:
    """One deed. Ids, roles and numbers only: no content of issues, no secret, no name of a person.

    `actor` is an account id, JIRA or OPERATOR; `subject` says what it was done to, as
    "profile:<id>".
    """

    actor: str
    action: Action
    subject: str
    detail: Mapping[str, str | int | bool | None] = field(default_factory=dict)


class Recorder(Protocol):
    """Puts a deed on the trail of a tenant (None: the server's own), in the running transaction."""

    def __call__(self, session: Session, tenant: TenantId | None, deed: Deed) -> None:
        """Record the deed."""


def record_for_both(
    record: Recorder, session: Session, own: TenantId, partner: TenantId, deed: Deed
) -> None:
    """Record what was done to something that both sites share, on both trails: by a person of
    `own`, whom the partner's does not name, or by an operator, whom both do.

    Leaves the transaction in the scope of `own`. The trails are taken in one order, whoever acts:
    two who act at once must not wait for each other's.
    """
    for tenant in sorted((own, partner)):
        scope_to(session, tenant)
        theirs = tenant != own and deed.actor != OPERATOR
        record(session, tenant, replace(deed, actor=PARTNER) if theirs else deed)
    scope_to(session, own)
