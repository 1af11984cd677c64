"""The card of people: who has which role, and whether project admins may map their projects."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify, render_template, request

from app.database import TenantId
from app.jira.site import SiteOpener
from app.language import gettext as _
from app.language import noop
from app.screens.forms import form_text, refuse
from app.screens.pages import wants_json
from app.tenants import roles
from app.tenants.caller import ACCOUNT_ID, Caller, Permission, Proof, accepts, current_caller
from app.tenants.deeds import Recorder
from app.tenants.roles import GRANTABLE, Role

QUERY_LIMIT = 100
ROLES = {"admin": noop("Admin"), "editor": noop("Editor"), "viewer": noop("Viewer")}


class People:
    """What the card does for an admin."""

    def __init__(self, open_site: SiteOpener, record: Recorder) -> None:
        self._open_site = open_site
        self._record = record

    def card(self, tenant: TenantId) -> dict[str, Any]:
        """Everybody with a granted role; names come from Jira each time and are not kept."""
        granted = roles.assignments(tenant)
        names = self._open_site(tenant).people([one.account_id for one in granted])
        return {
            "people": [
                {
                    "account": one.account_id,
                    "name": names.get(one.account_id, _("Unknown to Jira by now")),
                    "role": one.role,
                }
                for one in granted
            ],
            "project_admins_map": roles.project_admins_map(tenant),
            "grantable": GRANTABLE,
            "roles": ROLES,
        }

    def search(self, tenant: TenantId, query: str) -> list[dict[str, str]]:
        """People of the site to choose from; nobody for an empty query. Raises Problem."""
        if not query:
            return []
        if not len(query) <= QUERY_LIMIT or not query.isprintable():
            raise refuse(
                "query",
                _("enter at most %(count)s characters of the name.", count=QUERY_LIMIT),
            )
        found = self._open_site(tenant).find_people(query)
        return [{"account": one.account_id, "name": one.name} for one in found]

    def grant(self, caller: Caller) -> None:
        """Grant what the form says. Raises Problem."""
        account, role = form_account(), form_text("role")
        if role not in GRANTABLE:
            raise refuse("role", _("choose one of %(known)s.", known=", ".join(GRANTABLE)))
        if account not in self._open_site(caller.tenant).people([account]):
            raise refuse("account", _("Jira knows no such person. Choose one from the list."))
        roles.grant(self._record, caller, account, Role(role))

    def revoke(self, caller: Caller) -> None:
        """Take a person's role away. Raises Problem or NotFound."""
        roles.revoke(self._record, caller, form_account())

    def set_project_admins(self, caller: Caller) -> None:
        """Let project admins map their own projects, or no longer. Raises Problem."""
        allowed = form_text("allowed")
        if allowed not in {"yes", "no"}:
            raise refuse("allowed", _("must be yes or no."))
        roles.let_project_admins_map(self._record, caller, allowed == "yes")


def form_account() -> str:
    """The account id in the form. Raises Problem."""
    account = form_text("account")
    if not ACCOUNT_ID.fullmatch(account):
        raise refuse("account", _("choose a person from the list."))
    return account


def people_blueprint(people: People) -> Blueprint:
    """The views of the card, part of the pages."""
    blueprint = Blueprint("people", __name__)

    @blueprint.get("/parts/people")
    @accepts(Proof.CONTEXT, Permission.GRANT)
    def card() -> Response | str:
        return _card()

    @blueprint.get("/parts/people/search")
    @accepts(Proof.CONTEXT, Permission.GRANT)
    def search() -> str:
        query = request.args.get("query", "").strip()
        found = people.search(current_caller().tenant, query)
        return render_template("parts/found_people.html", found=found)

    @blueprint.post("/roles")
    @accepts(Proof.CONTEXT, Permission.GRANT)
    def grant() -> Response | str:
        people.grant(current_caller())
        return _card()

    @blueprint.post("/roles/revoke")
    @accepts(Proof.CONTEXT, Permission.GRANT)
    def revoke() -> Response | str:
        people.revoke(current_caller())
        return _card()

    @blueprint.post("/settings/project-admins")
    @accepts(Proof.CONTEXT, Permission.GRANT)
    def project_admins() -> Response | str:
        people.set_project_admins(current_caller())
        return _card()

    def _card() -> Response | str:
        shown = people.card(current_caller().tenant)
        if wants_json():
            granted = [{"account": one["account"], "role": one["role"]} for one in shown["people"]]
            return jsonify(people=granted, projectAdminsMap=shown["project_admins_map"])
        return render_template("parts/people.html", **shown)

    return blueprint
