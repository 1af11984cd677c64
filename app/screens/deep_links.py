"""Links into Tandem's page: to a conflict, a profile, an approval, or the editor of a new profile.

Jira hands on what the address of its own page says as `ac.<name>`, where the module's address has
`{ac.<name>}`: `ac.open` says what to open, `ac.of` which one.
Reference: https://developer.atlassian.com/cloud/jira/platform/context-parameters/
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import urlencode

from flask import request

from app.errors import Forbidden, NotFound
from app.language import gettext as _
from app.screens.desk import Desk
from app.sync import inbox
from app.tenants.caller import Caller, Permission
from app.tenants.roles import Standing


class Open(StrEnum):
    """What a link opens."""

    CONFLICT = "conflict"
    PROFILE = "profile"
    APPROVAL = "approval"
    NEW = "new"


@dataclass(frozen=True)
class Opening:
    """What the page asks for once it is there. `into`: which part of it the answer becomes.
    `posts`: what it sends; None: it only reads. `focus`: the id of what takes the focus, where
    that is not the answer's title."""

    path: str
    into: str = "view"
    posts: Mapping[str, str] | None = None
    focus: str = ""


def link(page: str, what: str, of: object) -> str:
    """The address of Tandem's page in Jira, `page`, with what it is to open there."""
    return f"{page}?{urlencode({'ac.open': Open(what), 'ac.of': str(of)})}"


def opened(desk: Desk, caller: Caller, standing: Standing) -> dict[str, Any]:
    """What Tandem's page shows at first, by the link that led to it. What cannot be opened is said
    above the list of profiles."""
    shown: dict[str, Any] = {}
    try:
        wanted = opening(desk, caller, standing, _handed_on("open"), _handed_on("of"))
        shown["opening"] = wanted
    except (NotFound, Forbidden) as problem:
        wanted, shown["unopened"] = None, problem.detail
    if wanted is None or wanted.into != "view":
        shown |= desk.home(caller, standing)
    return shown


def _handed_on(name: str) -> str:
    """A parameter as Jira hands it on. What the address of its page does not say may come empty or
    as the placeholder; and Jira may hand it on by its own name as well."""
    found = request.args.get(name, "")
    if not found or found.startswith("{"):
        found = request.args.get(f"ac.{name}", "")
    return found


def opening(desk: Desk, caller: Caller, standing: Standing, what: str, of: str) -> Opening | None:
    """What the page opens by a link; None: it opens as ever. Raises NotFound, Forbidden for what is
    out of the caller's reach."""
    if not what:
        return None
    if what == Open.NEW:
        return _new(standing, of)
    wanted = _id(of)
    if what == Open.CONFLICT:
        inbox.require(caller.tenant, wanted, lambda one: standing.covers(Permission.SEE, one))
        return Opening(f"/pages/views/conflicts?of={wanted}", focus=f"asks-{wanted}")
    if what == Open.PROFILE:
        desk.reached(caller, standing, wanted, Permission.SEE)
        return Opening(f"/pages/views/profiles/{wanted}")
    if what == Open.APPROVAL:
        desk.reached(caller, standing, wanted, Permission.MAP)
        return Opening("/pages/approvals", into="panel", focus=f"asks-approval-{wanted}")
    raise _nowhere()


def _new(standing: Standing, project: str) -> Opening:
    """The editor over a draft that begins with a project of the own site."""
    if not (project.isascii() and project.isdigit() and len(project) < 19):
        raise _nowhere()
    if not standing.covers(Permission.MAP, int(project)):
        raise Forbidden(
            _(
                "You may make profiles of the projects that you administer in Jira. Ask an admin "
                "of this Jira site for the role editor."
            )
        )
    return Opening("/pages/drafts", posts={"project": project})


def _id(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        raise _nowhere() from None


def _nowhere() -> NotFound:
    return NotFound(_("The link leads to nothing that is here. Look for it from the list below."))
