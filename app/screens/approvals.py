"""What waits for an approval: what would leave the own site, in sentences, and the two buttons."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from flask import Blueprint, Response, jsonify, render_template, request

from app.database import TenantId
from app.jira.site import SiteOpener
from app.language import gettext as _
from app.mapping import approvals
from app.mapping.approvals import Waiting
from app.mapping.profile import Profile, Side
from app.mapping.sentences import Names, readable, sentences
from app.screens.desk import Desk
from app.screens.forms import form_text, refuse
from app.screens.pages import wants_json
from app.screens.site_names import names_of
from app.screens.token_sides import form_for_partner
from app.sync.mapping_taken import follow
from app.tenants.caller import Caller, Permission, Proof, accepts, current_caller
from app.tenants.deeds import Recorder
from app.tenants.gate import current_standing
from app.tenants.roles import Standing
from app.vault.vault import Vault


class Approvals:
    """What the card does for people who may map."""

    def __init__(
        self,
        vault: Vault,
        open_site: SiteOpener,
        record: Recorder,
        ring: Callable[[uuid.UUID, int], None],
        desk: Desk,
    ) -> None:
        self._vault, self._open_site = vault, open_site
        self._record, self._ring, self._desk = record, ring, desk

    def waiting(self, caller: Caller, standing: Standing) -> list[dict[str, Any]]:
        """What waits, for this site or for its partners, of the profiles in the caller's reach."""
        found = approvals.waiting_of(self._vault, caller.tenant)
        reach = [one for one in found if standing.covers(Permission.MAP, one.own_project)]
        return [
            self._shown(one, caller.tenant)
            | {"yours": _is_giver(one, caller, standing), "by_token": one.giver is not None}
            for one in reach
        ]

    def decide(self, caller: Caller, standing: Standing, profile: uuid.UUID) -> None:
        """Approve or decline what the form names. Raises Problem, NotFound."""
        answer, number = form_text("approve"), form_text("revision")
        if answer not in {"yes", "no"}:
            raise refuse("approve", _("must be yes or no."))
        if not (number.isascii() and number.isdigit() and len(number) < 10):
            raise refuse("revision", _("must be the number of the revision that was shown."))
        # For a partner that is reached by token, by who gave that: never by the way.
        for_partner = form_for_partner()
        old, new = approvals.decide(
            self._vault,
            self._record,
            caller,
            profile,
            int(number),
            approves=answer == "yes",
            for_partner=for_partner,
            covers=lambda project: standing.covers(Permission.MAP, project),
        )
        follow(self._vault, self._ring, profile, old, new)

    def _shown(self, one: Waiting, tenant: TenantId) -> dict[str, Any]:
        names, asked = self._names(one, tenant), one.proposal.awaits
        told = readable(_for(one.side, one.proposed, asked), asked, names)
        before = readable(_for(one.side, one.in_force, asked), asked, names) if one.in_force else []
        return {
            "profile": one.proposal.profile_id,
            "name": one.name,
            "revision": one.proposal.number,
            "partner": names.sites[one.side.other],
            "new": one.in_force is None,
            "asked": one.awaits_own,
            "proposed_at": one.proposal.proposed_at,
            "readable": told,
            "added": [line for line in told if line not in before] if before else [],
            "dropped": [line for line in before if line not in told],
            "does": sentences(one.proposed, one.side, names),
        }

    def _names(self, one: Waiting, own: TenantId) -> Names:
        """What things are called on both sites."""
        tenants = {one.side: own, one.side.other: one.partner}
        hosts = {side: self._desk.site_name(tenants[side]) for side in Side}
        return names_of(one.proposed, hosts, lambda side: self._open_site(tenants[side]))


def approvals_blueprint(desk: Desk, found: Approvals) -> Blueprint:
    """The views of the card, part of the pages."""
    blueprint = Blueprint("approvals", __name__)

    @blueprint.get("/approvals")
    @accepts(Proof.CONTEXT, Permission.MAP)
    def show() -> Response | str:
        waiting = found.waiting(current_caller(), current_standing())
        if wants_json():
            return jsonify([_as_json(one) for one in waiting])
        return render_template("parts/approvals.html", waiting=waiting)

    @blueprint.post("/profiles/<uuid:profile>/approval")
    @accepts(Proof.CONTEXT, Permission.MAP)
    def decide(profile: uuid.UUID) -> Response | str:
        caller, standing = current_caller(), current_standing()
        found.decide(caller, standing, profile)
        if wants_json():
            return jsonify(approved=request.form["approve"] == "yes")
        return render_template("parts/overview.html", **desk.home(caller, standing))

    return blueprint


def _is_giver(one: Waiting, caller: Caller, standing: Standing) -> bool:
    """Whether the caller decides what waits for the partner's side."""
    waits = not one.awaits_own and one.giver is not None
    return waits and one.giver == caller.account_id and standing.may(Permission.CONNECT)


def _for(side: Side, profile: Profile, told: Side) -> Profile:
    """A profile of which `told` is told to the people of `side`: the text of a filter is for the
    people of its own side."""
    if told is side:
        return profile
    scope = replace(profile.scope(told), filter=None)
    return replace(profile, left=scope) if told is Side.LEFT else replace(profile, right=scope)


def _as_json(one: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **one,
        "profile": str(one["profile"]),
        "proposed_at": one["proposed_at"].isoformat(),
    }
