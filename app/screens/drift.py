"""What a mapping names and a site has no more, on the page: with a look and the repairs."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from flask import Blueprint, Response, jsonify, make_response, render_template, request

from app.errors import Problem
from app.jira.site import SiteOpener
from app.language import gettext as _
from app.mapping import profiles, repair_save
from app.mapping.approvals import Saved
from app.mapping.profile import Side
from app.mapping.profiles import StoredProfile
from app.mapping.repair import Way, What, repaired
from app.mapping.repair_save import Mend
from app.mapping.too_late import ProposalWaits
from app.screens.desk import Desk
from app.screens.forms import form_text, refuse
from app.screens.pages import wants_json
from app.screens.proposal_waits import ask, form_over
from app.screens.words import ago
from app.sync.drift_model import Finding
from app.sync.drift_repairs import MOST_CHOICES, Choice, chosen_of
from app.sync.drift_save import check_on_save
from app.sync.drift_store import Drift
from app.sync.drift_watch import Watch
from app.sync.drift_words import cure, label, sentence, unasked
from app.tenants.caller import Caller, Permission, Proof, accepts, current_caller
from app.tenants.deeds import Recorder
from app.tenants.gate import current_standing
from app.tenants.roles import Standing
from app.vault.vault import Vault

SHORT = 50  # choices that a select shows well
MENDED = "mapping-mended"
"""The event of the page after a repair that is in force."""
LOST_DEEDS = ("pause", "duplicate", "delete")
"""What may be done with a profile whose project or type is lost."""
SHOWN = 30  # findings on the page; the rest is counted


class Drifts:
    """What the part does for people who may see or map."""

    def __init__(self, vault: Vault, open_site: SiteOpener, record: Recorder, desk: Desk) -> None:
        self._vault, self._open_site = vault, open_site
        self._record, self._desk = record, desk
        self._watch = Watch(vault, open_site)

    def read(self, caller: Caller, standing: Standing, profile: uuid.UUID) -> dict[str, Any]:
        """What the last look found, in words. Raises NotFound for a profile out of reach."""
        stored = self._desk.reached(caller, standing, profile, Permission.SEE)
        return self._shown(stored, self._watch.read(stored))

    def look(self, caller: Caller, standing: Standing, profile: uuid.UUID) -> dict[str, Any]:
        """Look now. Raises Problem where a site is away, and NotFound."""
        stored = self._desk.reached(caller, standing, profile, Permission.MAP)
        return self._shown(stored, self._watch.look_soon(stored))

    def repair(self, caller: Caller, standing: Standing, profile: uuid.UUID) -> dict[str, Any]:
        """Do the repair of the form. Raises Problem, NotFound."""
        stored = self._desk.reached(caller, standing, profile, Permission.MAP)
        wanted = form_text("finding")
        drift = self._watch.read(stored)
        finding = next((one for one in drift.findings if one.id == wanted), None)
        if finding is None:
            raise Problem(
                _(
                    "finding: this is mended already, or was never found. Look again, and choose "
                    "from what is listed then."
                ),
                status=409,
                code="finding-unknown",
                field="finding",
            )
        way, to = chosen_of(finding.repairs, form_text("choice"), request.form.get("to", ""))
        listed = dict(finding.choices)
        # A longer list is kept in part: then the site itself is asked, below.
        if way in {Way.SWAP, Way.MOVE} and 0 < len(listed) < MOST_CHOICES and to not in listed:
            raise refuse("to", _("is not among what the site has. Choose from the list."))
        chosen = Mend(finding.target, way, to)
        new = repaired(stored.profile, chosen.target, chosen.way, chosen.to)
        checked = check_on_save(self._open_site, stored, new, drift)
        saved = repair_save.save(
            self._vault,
            self._record,
            caller,
            stored,
            chosen,
            covers=lambda project: standing.covers(Permission.MAP, project),
            over=form_over(),
        )
        after = self._after(profiles.load(self._vault, profile), finding, saved)
        sites = {side: self._site(stored, side) for side in Side}
        return after | {"said": " ".join([after["said"], *unasked(checked.unasked, sites)])}

    def ask(self, caller: Caller, profile: uuid.UUID, waits: ProposalWaits) -> Response:
        """Whether the repair of the form is to replace what waits."""
        stored = profiles.load(self._vault, profile)
        own = stored.side_of(caller.tenant)
        finding = request.form["finding"]
        again = {
            "path": f"/pages/profiles/{profile}/repairs",
            "vals": {name: request.form.get(name, "") for name in ("finding", "choice", "to")},
            "target": "#drift",
            "back": f"finding-{finding}",
        }
        partner = self._site(stored, own.other)
        return ask(waits, f"asks-{finding}", side=own, names=None, partner=partner, again=again)

    def _after(self, stored: StoredProfile, finding: Finding, saved: Saved) -> dict[str, Any]:
        """What is left, from a new look where the sites can be asked."""
        try:
            left = self._watch.look_soon(stored) if saved.in_force else self._watch.read(stored)
        except Problem:  # it is mended all the same; the next look says the rest
            left = self._watch.read(stored)
        site = self._site(stored, finding.target.side)
        if saved.in_force:
            said = _("Mended, as revision %(number)s.", number=saved.number)
        else:
            said = _(
                "More would leave %(site)s by this, so it waits until somebody there approves it.",
                site=site,
            )
        return self._shown(stored, left) | {"said": said, "in_force": saved.in_force}

    def _shown(self, stored: StoredProfile, drift: Drift) -> dict[str, Any]:
        return {
            "profile": stored.id,
            "state": stored.state,
            "looked_at": drift.looked_at,
            "findings": [
                {
                    "finding": one,
                    "sentence": sentence(one, self._site(stored, one.target.side)),
                    "cure": cure(one, self._site(stored, one.target.side)),
                    "repairs": [(repair, label(one, repair)) for repair in one.repairs],
                    "lost": one.target.what in {What.PROJECT, What.TYPE},
                }
                for one in self._with_people(stored, drift.findings)
            ],
            "lists": _long_lists(drift.findings),
            "said": "",
        }

    def _with_people(self, stored: StoredProfile, findings: Sequence[Finding]) -> list[Finding]:
        """The findings with the names of people, asked of their sites to be shown and not kept.
        Where a site does not answer, the account has to do."""
        names: dict[tuple[Side, str], str] = {}
        for side in Side:
            wanted = [one.target.id for one in findings if _is_person(one, side)]
            if wanted:
                tenant = stored.tenants[side]
                try:
                    found = self._open_site(tenant).people(wanted[:SHOWN])
                except Problem:
                    continue
                names |= {(side, account): name for account, name in found.items()}
        return [
            replace(one, name=names.get((one.target.side, one.target.id), one.name))
            for one in findings
        ]

    def _site(self, stored: StoredProfile, side: Side) -> str:
        tenant = stored.tenants[side]
        return self._desk.site_name(tenant)


def drift_blueprint(drifts: Drifts) -> Blueprint:
    """The views of the part, below the pages."""
    blueprint = Blueprint("drift", __name__)

    @blueprint.get("/profiles/<uuid:profile>/drift")
    @accepts(Proof.CONTEXT, Permission.SEE)
    def show(profile: uuid.UUID) -> Response:
        return _part(drifts.read(current_caller(), current_standing(), profile))

    @blueprint.post("/profiles/<uuid:profile>/drift/look")
    @accepts(Proof.CONTEXT, Permission.MAP)
    def look(profile: uuid.UUID) -> Response:
        return _part(drifts.look(current_caller(), current_standing(), profile))

    @blueprint.post("/profiles/<uuid:profile>/repairs")
    @accepts(Proof.CONTEXT, Permission.MAP)
    def repair(profile: uuid.UUID) -> Response:
        try:
            return _part(drifts.repair(current_caller(), current_standing(), profile))
        except ProposalWaits as waits:
            return drifts.ask(current_caller(), profile, waits)

    return blueprint


def _part(shown: dict[str, Any]) -> Response:
    if wants_json():
        return jsonify(drift_json(shown))
    may = current_standing().may(Permission.MAP)
    part = render_template("parts/drift.html", may_repair=may, most=SHOWN, ago=ago, **shown)
    answer = make_response(part)
    if shown.get("in_force"):
        answer.headers["HX-Trigger"] = MENDED  # the rest of the profile's view reads it anew
    return answer


def _is_person(finding: Finding, side: Side) -> bool:
    return finding.target.what is What.USER and finding.target.side is side


def _long_lists(findings: Sequence[Finding]) -> dict[tuple[Choice, ...], int]:
    """The lists of choices that are too long for a select, each with a number: shown once."""
    long = dict.fromkeys(one.choices for one in findings[:SHOWN] if len(one.choices) > SHORT)
    return {choices: number for number, choices in enumerate(long)}


def drift_json(shown: dict[str, Any]) -> dict[str, Any]:
    """The findings of a profile for machines."""
    looked_at = shown["looked_at"]
    found = [_finding(**one) for one in shown["findings"]]
    told = {"inForce": shown["in_force"], "said": shown["said"]} if "in_force" in shown else {}
    return {
        "profile": str(shown["profile"]),
        "lookedAt": looked_at.isoformat() if looked_at else None,
        "findings": found,
        **told,
    }


def _finding(
    finding: Finding, sentence: str, cure: str, repairs: list[tuple[Any, str]], lost: bool
) -> dict[str, Any]:
    target = finding.target
    return {
        "id": finding.id,
        "side": target.side.value,
        "what": target.what.value,
        "thing": target.id,
        "how": finding.how.value,
        "name": finding.name,
        "places": list(finding.places),
        "foundAt": finding.found_at,
        "sentence": sentence,
        "cure": cure,
        "deeds": list(LOST_DEEDS) if lost else [],
        "repairs": [
            {"choice": one.choice, "label": words, "asks": one.asks} for one, words in repairs
        ],
        "choices": [{"id": id_, "name": name} for id_, name in finding.choices],
    }
