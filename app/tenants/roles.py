"""Who may do what: roles, the matrix of what each may, and the person's own standing.

A site's admins are admins here; Jira is asked, and its answer kept for a minute. Everybody else has
the role that an admin granted, by default none. Where a site allows it, a person who administers
projects in Jira may map those, and sees nothing of the rest.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert

from app.database import TenantId, tenant_transaction
from app.errors import Forbidden, NotFound
from app.jira.site import SiteOpener
from app.language import gettext as _
from app.language import noop
from app.tenants.caller import Caller, Permission
from app.tenants.deeds import Action, Deed, Recorder
from app.tenants.models import Installation, RoleAssignment

T = TypeVar("T")

KEPT_SECONDS = 60.0
NO_KEPT_SECONDS = 3600.0
"""How long Jira's no is kept where everybody may call: whoever looks at issues without a role must
not cost his site a call for each."""


class Role(StrEnum):
    """What a person is to Tandem in one site. All but PROJECT_ADMIN can be granted."""

    ADMIN = "admin"
    EDITOR = "editor"
    VIEWER = "viewer"
    PROJECT_ADMIN = "project-admin"


GRANTABLE = (Role.ADMIN, Role.EDITOR, Role.VIEWER)


class Reach(StrEnum):
    """How far a permission goes."""

    ALL = "all"
    OWN_PROJECTS = "own projects"


EVERYBODYS = frozenset({Permission.GLANCE})
"""What takes no role: it shows a person no more of an issue than Jira does."""

MATRIX: Mapping[Permission, Mapping[Role, Reach]] = {
    Permission.GLANCE: dict.fromkeys(Role, Reach.ALL),
    Permission.SEE: {
        Role.ADMIN: Reach.ALL,
        Role.EDITOR: Reach.ALL,
        Role.VIEWER: Reach.ALL,
        Role.PROJECT_ADMIN: Reach.OWN_PROJECTS,
    },
    Permission.MAP: {
        Role.ADMIN: Reach.ALL,
        Role.EDITOR: Reach.ALL,
        Role.PROJECT_ADMIN: Reach.OWN_PROJECTS,
    },
    Permission.CONNECT: {Role.ADMIN: Reach.ALL},
    Permission.GRANT: {Role.ADMIN: Reach.ALL},
}
"""What is not in here is refused. docs/access.md prints it."""

REFUSALS: Mapping[Permission, str] = {  # of all that is not everybody's
    Permission.SEE: noop(
        "Tandem's pages are for people with a role in it. Ask an admin of this Jira site for one."
    ),
    Permission.MAP: noop(
        "Changing what is kept in step takes the role editor. Ask an admin of this Jira site for "
        "it."
    ),
    Permission.CONNECT: noop("Pairing with other sites is for admins."),
    Permission.GRANT: noop("Roles and settings are for admins."),
}


@dataclass(frozen=True)
class Standing:
    """A person's role in a site. `projects`: those that a PROJECT_ADMIN administers there."""

    role: Role
    projects: frozenset[int] = frozenset()

    def may(self, permission: Permission) -> bool:
        """Whether the role has the permission, at least for projects of its own."""
        return self.role in MATRIX[permission]

    def covers(self, permission: Permission, project: int) -> bool:
        """Whether the permission reaches a project of the person's own site."""
        reach = MATRIX[permission].get(self.role)
        return reach is Reach.ALL or (reach is Reach.OWN_PROJECTS and project in self.projects)


@dataclass(frozen=True)
class Assignment:
    """A granted role, by account ids."""

    account_id: str
    role: str
    granted_by: str


class Authority:
    """Tells the standing of callers; what Jira says is kept for a minute."""

    def __init__(self, open_site: SiteOpener, clock: Callable[[], float] = time.monotonic) -> None:
        self._open_site = open_site
        self._clock = clock
        self._admins: dict[tuple[TenantId, str], tuple[float, bool]] = {}
        self._projects: dict[tuple[TenantId, str], tuple[float, frozenset[int]]] = {}
        self._lock = threading.Lock()

    def require(self, caller: Caller, permission: Permission) -> Standing | None:
        """The caller's standing, if it has the permission; None for a person without a role, who
        has what is everybody's. Raises Forbidden or SiteError."""
        if permission in EVERYBODYS:
            return self.standing(caller, no_kept=NO_KEPT_SECONDS)
        standing = self.standing(caller)
        if standing is None or not standing.may(permission):
            # Without any role there is nothing to see, and no word on what others may do.
            raise Forbidden(_(REFUSALS[Permission.SEE if standing is None else permission]))
        return standing

    def standing(self, caller: Caller, *, no_kept: float = KEPT_SECONDS) -> Standing | None:
        """The caller's role in his site; None for a person without one. `no_kept`: for how many
        seconds Jira's no is as good as new."""
        if not caller.account_id:
            return None
        who = (caller.tenant, caller.account_id)
        granted, projects_too = _granted(*who)
        if granted is Role.ADMIN or self._is_admin(who, no_kept):
            return Standing(Role.ADMIN)
        if granted is not None:
            return Standing(granted)
        if projects_too:
            own = self._own_projects(who, no_kept)
            if own:
                return Standing(Role.PROJECT_ADMIN, own)
        return None

    def _is_admin(self, who: tuple[TenantId, str], no_kept: float) -> bool:
        return self._kept(
            self._admins, who, no_kept, lambda: self._open_site(who[0]).is_admin(who[1])
        )

    def _own_projects(self, who: tuple[TenantId, str], no_kept: float) -> frozenset[int]:
        return self._kept(
            self._projects,
            who,
            no_kept,
            lambda: self._open_site(who[0]).administered_projects(who[1]),
        )

    def _kept(
        self,
        kept: dict[tuple[TenantId, str], tuple[float, T]],
        who: tuple[TenantId, str],
        no_kept: float,
        ask: Callable[[], T],
    ) -> T:
        now = self._clock()
        with self._lock:
            known = kept.get(who)
            if known is not None and now - known[0] < (KEPT_SECONDS if known[1] else no_kept):
                return known[1]
        answer = ask()
        with self._lock:
            for old in [one for one, (at, _) in kept.items() if now - at >= NO_KEPT_SECONDS]:
                del kept[old]
            kept[who] = (now, answer)
        return answer


def _granted(tenant: TenantId, account_id: str) -> tuple[Role | None, bool]:
    """The granted role, and whether the site lets project admins map their own projects."""
    query = (
        select(RoleAssignment.role, Installation.project_admins_map)
        .select_from(Installation)
        .outerjoin(
            RoleAssignment,
            (RoleAssignment.tenant_id == Installation.id)
            & (RoleAssignment.account_id == account_id),
        )
        .where(Installation.id == tenant)
    )
    with tenant_transaction(tenant) as session:
        row = session.execute(query).one_or_none()
    if row is None:
        return None, False
    return (None if row.role is None else Role(row.role)), row.project_admins_map


def assignments(tenant: TenantId) -> list[Assignment]:
    """The granted roles of a site, the earliest first."""
    with tenant_transaction(tenant) as session:
        rows = session.scalars(select(RoleAssignment).order_by(RoleAssignment.granted_at)).all()
    return [Assignment(row.account_id, row.role, row.granted_by) for row in rows]


def grant(record: Recorder, caller: Caller, account_id: str, role: Role) -> None:
    """Give a person a role in the caller's site, in place of the one before."""
    with tenant_transaction(caller.tenant) as session:
        values = {"role": role.value, "granted_by": caller.account_id}
        session.execute(
            insert(RoleAssignment)
            .values(tenant_id=caller.tenant, account_id=account_id, **values)
            .on_conflict_do_update(
                index_elements=[RoleAssignment.tenant_id, RoleAssignment.account_id], set_=values
            )
        )
        deed = Deed(
            caller.actor, Action.ROLE_GRANTED, f"account:{account_id}", {"role": role.value}
        )
        record(session, caller.tenant, deed)


def revoke(record: Recorder, caller: Caller, account_id: str) -> None:
    """Take a person's granted role away. Raises NotFound where none was granted."""
    with tenant_transaction(caller.tenant) as session:
        role = session.execute(
            delete(RoleAssignment)
            .where(RoleAssignment.account_id == account_id)
            .returning(RoleAssignment.role)
        ).scalar()
        if role is None:
            raise NotFound(_("This person has no granted role."))
        deed = Deed(caller.actor, Action.ROLE_REVOKED, f"account:{account_id}", {"role": role})
        record(session, caller.tenant, deed)


def project_admins_map(tenant: TenantId) -> bool:
    """Whether the site lets project admins map their own projects."""
    with tenant_transaction(tenant) as session:
        found = session.scalars(select(Installation.project_admins_map)).one_or_none()
    return bool(found)


def let_project_admins_map(record: Recorder, caller: Caller, allowed: bool) -> None:
    """Let the project admins of the caller's site map their own projects, or no longer."""
    with tenant_transaction(caller.tenant) as session:
        session.execute(
            update(Installation)
            .where(Installation.id == caller.tenant)
            .values(project_admins_map=allowed)
        )
        deed = Deed(
            caller.actor, Action.SETTING_CHANGED, "setting:project-admins-map", {"value": allowed}
        )
        record(session, caller.tenant, deed)
