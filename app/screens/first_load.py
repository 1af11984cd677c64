"""The first load of a profile, offered on its page as soon as it is on: how many issues are there
already, and what it takes to give them their twins."""

from __future__ import annotations

import uuid

from flask import Blueprint, Response, jsonify, render_template
from sqlalchemy import text

from app.database import tenant_transaction
from app.mapping.models import ProfileState
from app.screens.desk import Desk
from app.screens.pages import wants_json
from app.screens.runs_deeds import RunDeeds
from app.tenants.caller import Permission, Proof, accepts, current_caller
from app.tenants.gate import current_standing

_LOADED = text("SELECT EXISTS (SELECT FROM run WHERE profile_id = :profile AND kind = 'load')")


def first_load_blueprint(deeds: RunDeeds, desk: Desk) -> Blueprint:
    """Its view, part of the page of a profile."""
    blueprint = Blueprint("first_load", __name__)

    @blueprint.get("/profiles/<uuid:profile>/first-load")
    @accepts(Proof.CONTEXT, Permission.MAP)
    def offer(profile: uuid.UUID) -> Response | str:
        caller, standing = current_caller(), current_standing()
        stored = desk.reached(caller, standing, profile)
        with tenant_transaction(caller.tenant) as session:
            loaded = bool(session.execute(_LOADED, {"profile": profile}).scalar_one())
        if loaded or stored.state == ProfileState.PAUSED:
            return jsonify(offered=False) if wants_json() else ""
        stored, found = deeds.first_load(caller, standing, profile)
        own = stored.side_of(caller.tenant)
        on = stored.state == ProfileState.ON
        if wants_json():
            issues = {side.value: number for side, number in found.issues.items()}
            return jsonify(offered=on, issues=issues, calls=found.calls, minutes=found.minutes)
        return render_template(
            "parts/first_load.html",
            profile=profile,
            found=found,
            own=found.issues[own],
            theirs=found.issues[own.other],
            partner=desk.sites(stored)[own.other],
            on=on,
        )

    return blueprint
