"""Tandem's page inside Jira: profiles, pairing, the first profile, the latest activity."""

from __future__ import annotations

import uuid

from flask import Blueprint, Response, g, jsonify, render_template, request

from app.errors import NotFound
from app.jira.site import Named, SiteOpener
from app.mapping import profiles
from app.mapping.models import ProfileState
from app.screens.desk import Desk
from app.screens.forms import argument_id, argument_number, form_text
from app.screens.headers import bridge_url, protect
from app.tenants import pairing
from app.tenants.caller import Caller, Proof, accepts, current_caller
from app.tenants.installations import Installations
from app.vault.vault import Vault

ACTIONS = {"pause": ProfileState.PAUSED, "resume": ProfileState.ON}


def screens_blueprint(
    vault: Vault, open_site: SiteOpener, installations: Installations
) -> Blueprint:
    """The pages below /pages, all for admins of the caller's site only."""
    blueprint = Blueprint("pages", __name__, url_prefix="/pages")
    desk = Desk(vault, open_site, installations)
    _guard(blueprint, desk)
    _home_views(blueprint, desk)
    _pairing_views(blueprint, desk)
    _profile_views(blueprint, desk)
    _choice_views(blueprint, desk)
    return blueprint


def _guard(blueprint: Blueprint, desk: Desk) -> None:
    """Before each view: is this an admin? After it: what the browser must be told."""

    @blueprint.before_request
    def only_admins() -> None:
        desk.admins.require(current_caller())

    @blueprint.after_request
    def headers(response: Response) -> Response:
        # The gate may have refused the call: then nobody's site may frame the answer.
        caller = g.get("caller")
        site = desk.site_url(caller.tenant) if isinstance(caller, Caller) else None
        return protect(_for_people(response), site)


def _home_views(blueprint: Blueprint, desk: Desk) -> None:
    @blueprint.get("/home")
    @accepts(Proof.PAGE)
    def home() -> str:
        tenant = current_caller().tenant
        bridge = bridge_url(desk.site_url(tenant))
        return render_template("home.html", bridge=bridge, **desk.home(tenant))

    @blueprint.get("/parts/overview")
    @accepts(Proof.CONTEXT)
    def overview() -> str:
        return _overview(desk)


def _pairing_views(blueprint: Blueprint, desk: Desk) -> None:
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
        connection = pairing.claim(tenant, form_text("code"))
        if _wants_json():
            return jsonify(connection=str(connection))
        return render_template("parts/new_profile.html", **desk.new_profile(tenant, connection))


def _profile_views(blueprint: Blueprint, desk: Desk) -> None:
    @blueprint.get("/profiles")
    @accepts(Proof.CONTEXT)
    def list_profiles() -> Response:
        return jsonify([_as_json(one) for one in profiles.overview(current_caller().tenant)])

    @blueprint.get("/profiles/new")
    @accepts(Proof.CONTEXT)
    def new_profile() -> str:
        tenant = current_caller().tenant
        return render_template("parts/new_profile.html", **desk.new_profile(tenant, None))

    @blueprint.post("/profiles")
    @accepts(Proof.CONTEXT)
    def create_profile() -> Response | str:
        profile = desk.create_profile(current_caller())
        return jsonify(profile=str(profile)) if _wants_json() else _overview(desk)

    @blueprint.post("/profiles/<uuid:profile>/<any(pause, resume):action>")
    @accepts(Proof.CONTEXT)
    def switch(profile: uuid.UUID, action: str) -> Response | str:
        state = ACTIONS[action]
        profiles.set_state(current_caller().tenant, profile, state)
        return jsonify(state=state.value) if _wants_json() else _overview(desk)


def _choice_views(blueprint: Blueprint, desk: Desk) -> None:
    """What the selects of the form are filled with."""

    @blueprint.get("/parts/projects")
    @accepts(Proof.CONTEXT)
    def partner_projects() -> str:
        site = desk.partner_site(current_caller().tenant, argument_id("connection"))
        return _options(site.projects(), "Choose a project")

    @blueprint.get("/parts/types/<side>")
    @accepts(Proof.CONTEXT)
    def types(side: str) -> str:
        tenant = current_caller().tenant
        if side == "left":
            site = desk.own_site(tenant)
        elif side == "right":
            site = desk.partner_site(tenant, argument_id("connection"))
        else:
            raise NotFound
        return _options(
            site.issue_types(argument_number(f"{side}_project")), "Choose an issue type"
        )


def _overview(desk: Desk) -> str:
    return render_template("parts/overview.html", **desk.home(current_caller().tenant))


def _options(named: list[Named], prompt: str) -> str:
    return render_template("parts/options.html", named=named, prompt=prompt)


def _as_json(one: profiles.ProfileOverview) -> dict[str, str | int | None]:
    return {
        "id": str(one.id),
        "name": one.name,
        "state": one.state,
        "linked": one.linked,
        "pending": one.pending,
        "parked": one.parked,
        "lastActivity": one.last_activity.isoformat() if one.last_activity else None,
    }


def _for_people(response: Response) -> Response:
    """A problem as a page, where a person's browser loads the page itself."""
    if request.endpoint == "pages.home" and response.mimetype == "application/problem+json":
        problem = response.get_json()
        response.set_data(render_template("problem.html", problem=problem))
        response.content_type = "text/html; charset=utf-8"
    return response


def _wants_json() -> bool:
    return request.accept_mimetypes.best == "application/json"
