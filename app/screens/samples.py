"""Sample values in the settings: whether the admins of each partner may see them while they map."""

from __future__ import annotations

import uuid
from typing import Any

from flask import Blueprint, Response, jsonify, render_template

from app.database import TenantId
from app.screens.desk import Desk
from app.screens.pages import wants_json
from app.screens.token_sides import form_for_partner, givers
from app.tenants import samples
from app.tenants.caller import Permission, Proof, accepts, current_caller
from app.tenants.deeds import Recorder
from app.tenants.gate import current_standing


def samples_blueprint(desk: Desk, record: Recorder) -> Blueprint:
    """The card's views, part of the pages."""
    blueprint = Blueprint("samples", __name__)

    @blueprint.get("/parts/samples")
    @accepts(Proof.CONTEXT, Permission.SEE)
    def card() -> Response | str:
        return _card(desk, current_caller().tenant)

    @blueprint.post("/connections/<uuid:connection>/samples/<any(allow, withdraw):action>")
    @accepts(Proof.CONTEXT, Permission.CONNECT)
    def say(connection: uuid.UUID, action: str) -> Response | str:
        caller = current_caller()
        both = form_for_partner()
        samples.allow(record, caller, connection, allows=action == "allow", for_partner=both)
        return _card(desk, caller.tenant)

    return blueprint


def _card(desk: Desk, tenant: TenantId) -> Response | str:
    tokens = givers(current_caller())
    found: list[dict[str, Any]] = [
        {
            "connection": str(one.connection_id),
            "site": desk.site_name(one.partner),
            "own": one.own,
            "theirs": one.theirs,
            "by_token": one.partner in tokens,
            "mine": tokens.get(one.partner, False),
        }
        for one in samples.samples_of(tenant)
    ]
    if wants_json():
        return jsonify(found)
    may = current_standing().may(Permission.CONNECT)
    return render_template("parts/samples.html", samples=found, may_connect=may)
