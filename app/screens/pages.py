"""Tandem's page inside Jira: profiles, pairing, the first profile, the latest activity."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from flask import Blueprint, Response, current_app, g, jsonify, render_template, request

from app.database_faults import DATABASE_ERRORS, FAILED
from app.errors import NotFound, Problem, answer_to_refusal, problem_response
from app.jira.outbound import AddressRefused
from app.jira.site import Named, SiteError
from app.language import gettext as _
from app.mapping.models import ProfileState
from app.mapping.profile_lists import ProfileOverview
from app.screens.deep_links import opened
from app.screens.desk import Desk
from app.screens.forms import argument_id, argument_number, form_text
from app.screens.headers import bridge_url, protect
from app.screens.site_errors import say_error
from app.screens.token_sides import decides_for_partner
from app.tenants.caller import OUT_OF_TIME, Caller, Permission, Proof, accepts, current_caller
from app.tenants.gate import current_standing
from app.tenants.models import CLOUD

WRONG_CLOCK = "wrong-clock"
ACTIONS = {"pause": ProfileState.PAUSED, "resume": ProfileState.ON}


def screens_blueprint(desk: Desk) -> Blueprint:
    """The pages below /pages, for people with a role in the caller's site."""
    blueprint = Blueprint("pages", __name__, url_prefix="/pages")
    _headers(blueprint, desk)
    _site_failures(blueprint, desk)
    _home_views(blueprint, desk)
    _pairing_views(blueprint, desk)
    _profile_views(blueprint, desk)
    _choice_views(blueprint, desk)
    return blueprint


def _site_failures(blueprint: Blueprint, desk: Desk) -> None:
    @blueprint.errorhandler(SiteError)
    def site_failed(error: SiteError) -> Response:
        # What it says is for machines and logs: an address, a path, and that it is tried again.
        refused = isinstance(error.__cause__, AddressRefused)
        if error.tenant is None or not error.passing or refused:
            return answer_to_refusal(error)
        return answer_to_refusal(error, say_error(desk.site_name(error.tenant), error))


def _headers(blueprint: Blueprint, desk: Desk) -> None:
    @blueprint.after_request
    def headers(response: Response) -> Response:
        if not request.environ.get(FAILED):
            try:
                return of_its_site(response)
            except DATABASE_ERRORS as fault:
                answer = desk.failed(fault)
                if request.method != "GET":  # it is done, and its answer is not shown in a frame
                    return protect(_for_people(response, []), [])
                response = answer
        # The database could not be asked whose page it is.
        return protect(_for_people(response, []), [], framed_by_all=True)

    def of_its_site(response: Response) -> Response:
        caller, late = g.get("caller"), request.environ.get(OUT_OF_TIME)
        tenant = caller.tenant if isinstance(caller, Caller) else None
        if late is not None and (sentence := desk.clock(late)) is not None:
            response = problem_response(Problem(sentence, status=401, code=WRONG_CLOCK))
            tenant = late
        # The gate may have refused the call: then nobody's site may frame the answer, and all
        # refusals look alike, but where our own clock is why.
        # Only what a browser loads itself is framed.
        sites = desk.addresses(tenant, fresh=_is_loaded()) if tenant else []
        return protect(_for_people(response, sites), sites)


def _home_views(blueprint: Blueprint, desk: Desk) -> None:
    @blueprint.get("/home")
    @accepts(Proof.PAGE, Permission.SEE)
    def home() -> str:
        shown = opened(desk, current_caller(), current_standing())
        bridge = bridge_url(desk.site_url(current_caller().tenant))
        return render_template("home.html", bridge=bridge, views=views(), **shown)

    @blueprint.get("/parts/frame")
    @accepts(Proof.CONTEXT, Permission.GLANCE)
    def frame() -> str:
        # What stays of a page while its parts change, where Jira names another language than the
        # one that the page came in.
        return render_template("parts/frame.html", views=views())

    @blueprint.get("/views/profiles")
    @accepts(Proof.CONTEXT, Permission.SEE)
    def profiles_view() -> str:
        shown = desk.home(current_caller(), current_standing())
        return render_template("views/profiles.html", **shown)

    @blueprint.get("/views/conflicts")
    @accepts(Proof.CONTEXT, Permission.SEE)
    def conflicts_view() -> str:
        of = argument_id("of") if "of" in request.args else None
        return render_template("views/conflicts.html", of=of)

    @blueprint.get("/parts/overview")
    @accepts(Proof.CONTEXT, Permission.SEE)
    def overview() -> Response | str:
        shown = desk.home(current_caller(), current_standing())
        if request.args.get("list_version") == shown["version"]:
            return Response(status=204)  # the page shows just that
        return render_template("parts/overview.html", **shown)


def views() -> list[tuple[str, str]]:
    """The views of the navigation, by the name in their address."""
    return [
        ("profiles", _("Profiles")),
        ("activity", _("Activity")),
        ("conflicts", _("Conflicts")),
        ("runs", _("Runs")),
        ("settings", _("Settings")),
    ]


def _pairing_views(blueprint: Blueprint, desk: Desk) -> None:
    @blueprint.post("/pairing-codes")
    @accepts(Proof.CONTEXT, Permission.CONNECT)
    def make_code() -> Response | str:
        code = desk.make_code(current_caller())
        if wants_json():
            return jsonify(code=code.text, expiresAt=code.expires_at.isoformat())
        return render_template("parts/code.html", code=code)

    @blueprint.post("/connections")
    @accepts(Proof.CONTEXT, Permission.CONNECT)
    def connect() -> Response | str:
        connection = desk.claim(current_caller(), form_text("code"))
        if wants_json():
            return jsonify(connection=str(connection))
        name = next(
            one["name"]
            for one in desk.partners(current_caller().tenant)
            if one["id"] == str(connection)
        )
        return render_template("parts/paired.html", connection=connection, name=name)

    @blueprint.post("/connections/check")
    @accepts(Proof.CONTEXT, Permission.CONNECT)
    def check() -> Response | str:
        found = desk.look()
        if wants_json():
            return jsonify(deployment=CLOUD, url=found.base_url)
        return render_template("parts/checked.html", host=found.base_url.split("://", 1)[1])


def _profile_views(blueprint: Blueprint, desk: Desk) -> None:
    @blueprint.get("/profiles")
    @accepts(Proof.CONTEXT, Permission.SEE)
    def list_profiles() -> Response:
        seen = desk.profiles(current_caller().tenant, current_standing())
        return jsonify([_as_json(one) for one in seen])

    @blueprint.post("/profiles")
    @accepts(Proof.CONTEXT, Permission.MAP)
    def create_profile() -> Response | str:
        profile = desk.create_profile(current_caller(), current_standing())
        return jsonify(profile=str(profile)) if wants_json() else _overview(desk)

    @blueprint.post("/profiles/<uuid:profile>/<any(pause, resume):action>")
    @accepts(Proof.CONTEXT, Permission.MAP)
    def switch(profile: uuid.UUID, action: str) -> Response | str:
        state = ACTIONS[action]
        desk.switch(current_caller(), current_standing(), profile, state)
        return jsonify(state=state.value) if wants_json() else _overview(desk)

    @blueprint.get("/profiles/<uuid:profile>/filters")
    @accepts(Proof.CONTEXT, Permission.MAP)
    def show_filter(profile: uuid.UUID) -> Response | str:
        side, jql = desk.filter_of(current_caller(), current_standing(), profile)
        if wants_json():
            return jsonify({f"{side.value}_filter": jql})
        name = desk.profile_name(profile)
        shown = {"profile": profile, "name": name, "side": side.value, "jql": jql}
        return render_template("parts/filter.html", **shown, **_partners_filter(desk, profile))

    @blueprint.post("/profiles/<uuid:profile>/filters")
    @accepts(Proof.CONTEXT, Permission.MAP)
    def set_filter(profile: uuid.UUID) -> Response | str:
        jql = desk.set_filter(current_caller(), current_standing(), profile)
        return jsonify(filter=jql) if wants_json() else _overview(desk)


def _partners_filter(desk: Desk, profile: uuid.UUID) -> dict[str, object]:
    """The filter of the partner's side, for who decides for that too."""
    caller, standing = current_caller(), current_standing()
    stored = desk.reached(caller, standing, profile)
    partner = stored.right_tenant if stored.left_tenant == caller.tenant else stored.left_tenant
    if not decides_for_partner(caller, partner):
        return {}
    side, jql = desk.filter_of(caller, standing, profile, for_partner=True)
    return {"partner": desk.site_name(partner), "their_side": side.value, "their_jql": jql}


def _choice_views(blueprint: Blueprint, desk: Desk) -> None:
    """What the selects of the form are filled with."""

    @blueprint.get("/parts/projects")
    @accepts(Proof.CONTEXT, Permission.MAP)
    def partner_projects() -> str:
        site = desk.partner_site(current_caller().tenant, argument_id("connection"))
        return _options(site.projects(), "Choose a project")

    @blueprint.get("/parts/types/<side>")
    @accepts(Proof.CONTEXT, Permission.MAP)
    def types(side: str) -> str:
        caller = current_caller()
        if side == "left":
            project = argument_number("left_project")
            desk.require_project(current_standing(), project)
            site = desk.own_site(caller.tenant)
        elif side == "right":
            site = desk.partner_site(caller.tenant, argument_id("connection"))
            project = argument_number("right_project")
        else:
            raise NotFound
        return _options(site.issue_types(project), "Choose an issue type")


def _overview(desk: Desk) -> str:
    return render_template("parts/overview.html", **desk.home(current_caller(), current_standing()))


def _options(named: list[Named], prompt: str) -> str:
    return render_template("parts/options.html", named=named, prompt=prompt)


def _as_json(one: ProfileOverview) -> dict[str, str | int | None]:
    return {
        "id": str(one.id),
        "name": one.name,
        "state": one.state,
        "linked": one.linked,
        "pending": one.pending,
        "parked": one.parked,
        "proposal": one.proposal,
        "awaits": one.awaits,
        "lastActivity": one.last_activity.isoformat() if one.last_activity else None,
    }


def _for_people(response: Response, sites: Sequence[str]) -> Response:
    """A problem as a page, where a person's browser loads the page itself; `sites`: the addresses
    of the site that it is in, where that is known."""
    if _is_loaded() and response.mimetype == "application/problem+json":
        problem = response.get_json()
        bridge = bridge_url(sites[0]) if sites else None
        response.set_data(render_template("problem.html", problem=problem, bridge=bridge))
        response.content_type = "text/html; charset=utf-8"
    return response


def _is_loaded() -> bool:
    """Whether a browser loads this page itself, in a frame of Jira."""
    view = current_app.view_functions.get(request.endpoint or "")
    return getattr(view, "accepts", None) is Proof.PAGE


def wants_json() -> bool:
    """Whether the caller asked for JSON rather than for a part of the page."""
    return request.accept_mimetypes.best == "application/json"
