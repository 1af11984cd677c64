"""Tandem's page inside Jira: profiles, pairing, the first profile, the latest activity."""

from __future__ import annotations

import threading
import time
import uuid
from dataclasses import asdict
from typing import Any

from flask import Blueprint, Response, jsonify, render_template, request

from app.activity.log import latest
from app.database import TenantId, tenant_transaction
from app.errors import Forbidden, NotFound, Problem
from app.jira.site import JiraSite, Named, SiteOpener
from app.mapping import profiles
from app.mapping.models import ProfileState
from app.mapping.profile import DEFAULT_FIELDS, Scope
from app.screens.headers import bridge_url, protect
from app.screens.words import OUTCOMES, STATES, ago
from app.tenants import pairing
from app.tenants.caller import Caller, Proof, accepts, current_caller
from app.tenants.installations import Installations
from app.vault.vault import Vault

ADMIN_SECONDS = 60.0
ENTRIES = 15
FIELD_NAMES = {
    "summary": "Summary",
    "description": "Description",
    "labels": "Labels",
    "priority": "Priority (by name)",
    "duedate": "Due date",
}


class Admins:
    """Asks a site whether a person administers it; a yes is kept for a minute."""

    def __init__(self, open_site: SiteOpener) -> None:
        self._open_site = open_site
        self._until: dict[tuple[TenantId, str], float] = {}
        self._lock = threading.Lock()

    def require(self, caller: Caller) -> None:
        """Raises Forbidden for anybody but an admin of the caller's site."""
        who = (caller.tenant, caller.account_id or "")
        with self._lock:
            if self._until.get(who, 0.0) > time.monotonic():
                return
        if not caller.account_id or not self._open_site(caller.tenant).is_admin(caller.account_id):
            raise Forbidden("Tandem's pages are for admins of this Jira site. Ask one of them.")
        with self._lock:
            self._until[who] = time.monotonic() + ADMIN_SECONDS


class Desk:
    """What the pages do for a caller; the views below only read requests and render."""

    def __init__(self, vault: Vault, open_site: SiteOpener, installations: Installations) -> None:
        self.vault = vault
        self.open_site = open_site
        self.installations = installations
        self.admins = Admins(open_site)

    def site_url(self, tenant: TenantId) -> str:
        """The address of a tenant's site, for people."""
        return self.installations.of(tenant).base_url

    def site_name(self, tenant: TenantId) -> str:
        """A site's host, which is what its people call it."""
        return self.site_url(tenant).split("://", 1)[1]

    def profiles(self, tenant: TenantId) -> list[dict[str, Any]]:
        """The profiles with what the page says of each."""
        return [
            asdict(one) | {"partner_name": self.site_name(one.partner)}
            for one in profiles.overview(tenant)
        ]

    def partners(self, tenant: TenantId) -> list[dict[str, str]]:
        """The connected sites, to choose from."""
        return [
            {"id": str(one.connection_id), "name": self.site_name(one.tenant)}
            for one in pairing.partners(tenant)
        ]

    def partner_site(self, tenant: TenantId, connection: uuid.UUID) -> JiraSite:
        """The connected site. Raises NotFound for a connection of others."""
        return self.open_site(pairing.partner_of(tenant, connection))

    def create(self, caller: Caller, form: Form) -> uuid.UUID:
        """Check every choice again and create the profile."""
        connection = form.uuid("connection")
        own, other = self.open_site(caller.tenant), self.partner_site(caller.tenant, connection)
        return profiles.create(
            self.vault,
            caller.tenant,
            caller.account_id or "",
            connection_id=connection,
            name=form.text("name"),
            left=_scope(own, form, "left"),
            right=_scope(other, form, "right"),
        )


class Form:
    """The fields of a form, each with an error that names it."""

    def text(self, name: str) -> str:
        """A field that must be filled. Raises Problem."""
        found = request.form.get(name, "").strip()
        if not found or "\x00" in found:
            raise Problem(f"{name}: choose or fill it in.", code="invalid-field", field=name)
        return found

    def uuid(self, name: str) -> uuid.UUID:
        """A field that holds one of our ids. Raises Problem."""
        try:
            return uuid.UUID(self.text(name))
        except ValueError:
            raise Problem(f"{name}: is no id.", code="invalid-field", field=name) from None

    def number(self, name: str) -> int:
        """A field that holds one of Jira's ids. Raises Problem."""
        return _number(self.text(name), name)


def _number(text: str, name: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise Problem(f"{name}: choose one from the list.", code="invalid-field", field=name)
    return int(text)


def _scope(site: JiraSite, form: Form, side: str) -> Scope:
    """A project and type that the site really has. Raises Problem about the field at fault."""
    project, kind = form.number(f"{side}_project"), form.number(f"{side}_type")
    if project not in {one.id for one in site.projects()}:
        raise Problem(
            f"{side}_project: there is no such project, or Tandem may not see it.",
            code="invalid-field",
            field=f"{side}_project",
        )
    if kind not in {one.id for one in site.issue_types(project)}:
        raise Problem(
            f"{side}_type: this project has no such issue type.",
            code="invalid-field",
            field=f"{side}_type",
        )
    return Scope(str(project), str(kind))


def screens_blueprint(
    vault: Vault, open_site: SiteOpener, installations: Installations
) -> Blueprint:
    """The pages below /pages. Each view asks first whether the caller is an admin."""
    blueprint = Blueprint("pages", __name__, url_prefix="/pages")
    desk = Desk(vault, open_site, installations)
    form = Form()

    @blueprint.before_request
    def only_admins() -> None:
        desk.admins.require(current_caller())

    @blueprint.after_request
    def headers(response: Response) -> Response:
        return protect(response, desk.site_url(current_caller().tenant))

    @blueprint.get("/home")
    @accepts(Proof.PAGE)
    def home() -> str:
        tenant = current_caller().tenant
        return render_template(
            "home.html", bridge=bridge_url(desk.site_url(tenant)), **_lists(desk, tenant)
        )

    @blueprint.get("/parts/overview")
    @accepts(Proof.CONTEXT)
    def overview() -> str:
        return render_template("parts/overview.html", **_lists(desk, current_caller().tenant))

    @blueprint.get("/profiles")
    @accepts(Proof.CONTEXT)
    def list_profiles() -> Response:
        return jsonify(
            [
                {
                    "id": str(one.id),
                    "name": one.name,
                    "state": one.state,
                    "linked": one.linked,
                    "pending": one.pending,
                    "parked": one.parked,
                    "lastActivity": one.last_activity.isoformat() if one.last_activity else None,
                }
                for one in profiles.overview(current_caller().tenant)
            ]
        )

    @blueprint.post("/pairing-codes")
    @accepts(Proof.CONTEXT)
    def make_code() -> Response | str:
        caller = current_caller()
        code = pairing.make_code(caller.tenant, caller.account_id or "")
        if _wants_json():
            return jsonify(code=code.text, expiresAt=code.expires_at.isoformat())
        return render_template("parts/code.html", code=code)

    @blueprint.post("/connections")
    @accepts(Proof.CONTEXT)
    def connect() -> Response | str:
        tenant = current_caller().tenant
        connection = pairing.claim(tenant, form.text("code"))
        if _wants_json():
            return jsonify(connection=str(connection))
        return _new_profile(desk, tenant, connection)

    @blueprint.get("/profiles/new")
    @accepts(Proof.CONTEXT)
    def new_profile() -> str:
        return _new_profile(desk, current_caller().tenant, None)

    @blueprint.get("/parts/projects")
    @accepts(Proof.CONTEXT)
    def partner_projects() -> str:
        connection = _argument_uuid("connection")
        site = desk.partner_site(current_caller().tenant, connection)
        return _options(site.projects(), "Choose a project")

    @blueprint.get("/parts/types/<side>")
    @accepts(Proof.CONTEXT)
    def types(side: str) -> str:
        tenant = current_caller().tenant
        if side not in {"left", "right"}:
            raise NotFound
        site = (
            open_site(tenant)
            if side == "left"
            else desk.partner_site(tenant, _argument_uuid("connection"))
        )
        project = _number(request.args.get(f"{side}_project", ""), f"{side}_project")
        return _options(site.issue_types(project), "Choose an issue type")

    @blueprint.post("/profiles")
    @accepts(Proof.CONTEXT)
    def create_profile() -> Response | str:
        caller = current_caller()
        profile = desk.create(caller, form)
        if _wants_json():
            return jsonify(profile=str(profile))
        return render_template("parts/overview.html", **_lists(desk, caller.tenant))

    @blueprint.post("/profiles/<uuid:profile>/<action>")
    @accepts(Proof.CONTEXT)
    def switch(profile: uuid.UUID, action: str) -> Response | str:
        states = {"pause": ProfileState.PAUSED, "resume": ProfileState.ON}
        if action not in states:
            raise NotFound
        tenant = current_caller().tenant
        profiles.set_state(tenant, profile, states[action])
        if _wants_json():
            return jsonify(state=states[action].value)
        return render_template("parts/overview.html", **_lists(desk, tenant))

    return blueprint


def _lists(desk: Desk, tenant: TenantId) -> dict[str, Any]:
    """What the home page shows."""
    with tenant_transaction(tenant) as session:
        entries = latest(session, desk.vault, ENTRIES)
    return {
        "profiles": desk.profiles(tenant),
        "partners": desk.partners(tenant),
        "entries": entries,
        "site_name": desk.site_name(tenant),
        "ago": ago,
        "outcomes": OUTCOMES,
        "states": STATES,
    }


def _new_profile(desk: Desk, tenant: TenantId, connection: uuid.UUID | None) -> str:
    return render_template(
        "parts/new_profile.html",
        site_name=desk.site_name(tenant),
        projects=desk.open_site(tenant).projects(),
        partners=desk.partners(tenant),
        chosen=str(connection) if connection else None,
        partner_projects=desk.partner_site(tenant, connection).projects() if connection else [],
        fields=[FIELD_NAMES[one.left] for one in DEFAULT_FIELDS],
    )


def _options(named: list[Named], prompt: str) -> str:
    return render_template("parts/options.html", named=named, prompt=prompt)


def _argument_uuid(name: str) -> uuid.UUID:
    try:
        return uuid.UUID(request.args.get(name, ""))
    except ValueError:
        raise Problem(f"{name}: is no id.", code="invalid-field", field=name) from None


def _wants_json() -> bool:
    return request.accept_mimetypes.best == "application/json"
