"""What the check of a whole scope found, as a sentence; and the button that begins one."""

from __future__ import annotations

import uuid

from flask import Blueprint, Response, jsonify, render_template
from sqlalchemy import select

from app.database import tenant_transaction
from app.errors import NotFound
from app.mapping.models import ProfileRecord
from app.mapping.profiles import require_begun
from app.screens.desk import Desk, checks
from app.screens.pages import wants_json
from app.sync.completeness import Completeness
from app.tenants.caller import Caller, Permission, Proof, accepts, current_caller
from app.tenants.gate import current_standing
from app.tenants.roles import Standing


def completeness_blueprint(desk: Desk, completeness: Completeness) -> Blueprint:
    """The view of the button, part of the pages."""
    blueprint = Blueprint("completeness", __name__)

    @blueprint.post("/profiles/<uuid:profile>/check")
    @accepts(Proof.CONTEXT, Permission.MAP)
    def check(profile: uuid.UUID) -> Response | str:
        caller, standing = current_caller(), current_standing()
        _require(caller, standing, profile)
        completeness.begin(profile)
        if wants_json():
            return jsonify(checked=checks(caller.tenant, [profile])[profile])
        return render_template("parts/overview.html", **desk.home(caller, standing))

    return blueprint


def _require(caller: Caller, standing: Standing, profile: uuid.UUID) -> None:
    """The caller may decide for this profile, or NotFound: the same as for one that never was."""
    with tenant_transaction(caller.tenant) as session:
        found = session.scalars(
            select(ProfileRecord).where(ProfileRecord.id == profile)
        ).one_or_none()
    if found is not None:
        left = found.left_tenant_id == caller.tenant
        project = found.left_project_id if left else found.right_project_id
        if standing.covers(Permission.MAP, project):
            require_begun(found)
            return
    raise NotFound("There is no such profile.")
