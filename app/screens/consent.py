"""Internal comments on the page: who allows that they cross, and the button for the own side."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from flask import Blueprint, Response, jsonify, render_template

from app.database import tenant_transaction
from app.language import gettext as _
from app.language import noop
from app.mapping import profiles
from app.mapping.consents import (
    Consent,
    consent_of,
    restricted_of,
    set_consent,
    set_restricted,
)
from app.screens.desk import Desk
from app.screens.pages import wants_json
from app.screens.token_sides import decides_for_partner, form_for_partner
from app.sync import completeness_store
from app.sync.items.revisit import visit_all
from app.tenants.caller import Caller, Permission, Proof, accepts, current_caller
from app.tenants.deeds import Recorder
from app.tenants.gate import current_standing
from app.tenants.roles import Standing
from app.vault.vault import Vault


class Consents:
    """What the card does for people who may map."""

    def __init__(
        self, vault: Vault, record: Recorder, ring: Callable[[uuid.UUID, int], None]
    ) -> None:
        self._vault = vault
        self._record = record
        self._ring = ring

    def of(self, caller: Caller, standing: Standing, profile: uuid.UUID) -> Consent:
        """How it stands with a profile. Raises NotFound for one out of the caller's reach."""
        return consent_of(
            self._vault, caller, profile, covers=lambda one: standing.covers(Permission.MAP, one)
        )

    def say(
        self, caller: Caller, standing: Standing, profile: uuid.UUID, *, allows: bool
    ) -> Consent:
        """Say it for the caller's side. Where it is taken back all pairs are visited, so that what
        crossed goes: also when that was said before, for that visit may have failed. Raises
        Problem, NotFound."""
        found = set_consent(
            self._vault,
            self._record,
            caller,
            profile,
            allows=allows,
            covers=lambda one: standing.covers(Permission.MAP, one),
            for_partner=form_for_partner(),
        )
        if not allows:
            visit_all(self._ring, profiles.load(self._vault, profile))
        return found

    def restricted(self, caller: Caller, standing: Standing, profile: uuid.UUID) -> Consent:
        """How it stands with restricted issues. Raises NotFound, as `of`."""
        return restricted_of(
            self._vault, caller, profile, covers=lambda one: standing.covers(Permission.MAP, one)
        )

    def say_restricted(
        self, caller: Caller, standing: Standing, profile: uuid.UUID, *, allows: bool
    ) -> Consent:
        """Say it for the caller's side. Where both allow it by this, the check of the scope finds
        the issues that have no twin yet. Raises NotFound."""
        found = set_restricted(
            self._vault,
            self._record,
            caller,
            profile,
            allows=allows,
            covers=lambda one: standing.covers(Permission.MAP, one),
            for_partner=form_for_partner(),
        )
        if found.own and found.partner:
            with tenant_transaction(caller.tenant) as session:
                completeness_store.begin(session, profile)
        return found


def consent_blueprint(desk: Desk, consents: Consents) -> Blueprint:
    """The views of the card, part of the pages."""
    blueprint = Blueprint("consent", __name__)

    @blueprint.get("/profiles/<uuid:profile>/internal-comments")
    @accepts(Proof.CONTEXT, Permission.MAP)
    def show(profile: uuid.UUID) -> Response | str:
        found = consents.of(current_caller(), current_standing(), profile)
        if wants_json():
            return _as_json(found)
        partner = desk.site_name(found.partner_tenant) if found.partner_tenant else "the partner"
        said = sentence(found, partner)
        restricted = consents.restricted(current_caller(), current_standing(), profile)
        shown = {"profile": profile, "consent": found, "said": said, "partner": partner}
        shown["name"] = desk.profile_name(profile)
        shown["both"] = decides_for_partner(current_caller(), found.partner_tenant)
        more = {
            "restricted": restricted,
            "said_restricted": sentence(restricted, partner, _AS_OTHERS),
        }
        return render_template("parts/consent.html", **shown, **more)

    @blueprint.post("/profiles/<uuid:profile>/internal-comments/<any(allow, withdraw):action>")
    @accepts(Proof.CONTEXT, Permission.MAP)
    def say(profile: uuid.UUID, action: str) -> Response | str:
        caller, standing = current_caller(), current_standing()
        found = consents.say(caller, standing, profile, allows=action == "allow")
        if wants_json():
            return _as_json(found)
        return render_template("parts/overview.html", **desk.home(caller, standing))

    @blueprint.get("/profiles/<uuid:profile>/restricted-issues")
    @accepts(Proof.CONTEXT, Permission.MAP)
    def restricted(profile: uuid.UUID) -> Response:
        return _as_json(consents.restricted(current_caller(), current_standing(), profile))

    @blueprint.post("/profiles/<uuid:profile>/restricted-issues/<any(allow, withdraw):action>")
    @accepts(Proof.CONTEXT, Permission.MAP)
    def say_restricted(profile: uuid.UUID, action: str) -> Response | str:
        caller, standing = current_caller(), current_standing()
        found = consents.say_restricted(caller, standing, profile, allows=action == "allow")
        if wants_json():
            return _as_json(found)
        return render_template("parts/overview.html", **desk.home(caller, standing))

    return blueprint


_AS_INTERNAL, _AS_OTHERS = noop("they cross, as internal ones"), noop("they cross as others do")


def sentence(consent: Consent, partner: str, how: str = _AS_INTERNAL) -> str:
    """How it stands, for people."""
    if not consent.carried:
        return _("This profile carries no comments.")
    if consent.own and consent.partner:
        return _("Allowed by you and by %(partner)s: %(how)s.", partner=partner, how=_(how))
    if consent.own:
        return _("Allowed by you, not by %(partner)s: none crosses.", partner=partner)
    if consent.partner:
        return _("Allowed by %(partner)s, not by you: none crosses.", partner=partner)
    return _("Allowed by neither you nor %(partner)s: none crosses.", partner=partner)


def _as_json(consent: Consent) -> Response:
    said = {"carried": consent.carried, "own": consent.own, "partner": consent.partner}
    return jsonify(said)
