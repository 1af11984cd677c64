"""The views of runs, part of the pages."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, jsonify, render_template, request

from app.language import gettext as _
from app.mapping.profile import Side
from app.mapping.profile_lists import KnownProfile
from app.mapping.profiles import StoredProfile
from app.screens.desk import Desk
from app.screens.forms import argument_id, form_id, form_text, refuse
from app.screens.pages import wants_json
from app.screens.runs import Runs
from app.screens.runs_deeds import RunDeeds
from app.screens.runs_words import ErrandShown, RunShown
from app.screens.words import ago, called_field
from app.sync.load import Ask
from app.sync.load_match import MatchField
from app.sync.load_walk import clean_jql
from app.tenants.caller import Permission, Proof, accepts, current_caller
from app.tenants.gate import current_standing

SOURCES = ("left", "right", "both")
WHATS = ("scope", "jql", "issue")
JQL_LIMIT = 10_000


def runs_blueprint(runs: Runs, deeds: RunDeeds, desk: Desk) -> Blueprint:
    """The view, the list that polls, and what its buttons do."""
    blueprint = Blueprint("runs", __name__)
    _views(blueprint, runs)
    _undo_views(blueprint, runs, deeds)
    _errand_views(blueprint, runs, deeds, desk)
    _load_views(blueprint, runs, deeds, desk)
    return blueprint


def _views(blueprint: Blueprint, runs: Runs) -> None:
    @blueprint.get("/views/runs")
    @accepts(Proof.CONTEXT, Permission.SEE)
    def view() -> str:
        chosen = request.args.get("profile", "")
        standing = current_standing()
        seen = runs.seen(current_caller(), standing)
        shown = [one for one in seen.values() if standing.covers(Permission.MAP, one.own_project)]
        # Of what the address says only a profile within reach is put into the page.
        known = {str(one.id) for one in shown}
        load = chosen if request.args.get("begin") == "load" and chosen in known else None
        return render_template(
            "views/runs.html", profiles=shown, chosen=chosen, chosen_load=load, **_list(runs, seen)
        )

    @blueprint.get("/runs")
    @accepts(Proof.CONTEXT, Permission.SEE)
    def listed() -> Response | str:
        return _answer(runs)


def _undo_views(blueprint: Blueprint, runs: Runs, deeds: RunDeeds) -> None:
    @blueprint.post("/runs/<uuid:run>/undo-plan")
    @accepts(Proof.CONTEXT, Permission.MAP)
    def undo_plan(run: uuid.UUID) -> Response | str:
        return _answer(runs, deeds.undo_plan(current_caller(), current_standing(), run))

    @blueprint.post("/runs/undo-plan")
    @accepts(Proof.CONTEXT, Permission.MAP)
    def undo_span() -> Response | str:
        caller, standing, profile = current_caller(), current_standing(), form_id("profile")
        return _answer(runs, deeds.undo_span(caller, standing, profile, _span()))

    @blueprint.post("/errands/<uuid:errand>/undo")
    @accepts(Proof.CONTEXT, Permission.MAP)
    def undo(errand: uuid.UUID) -> Response | str:
        delete = request.form.get("delete", "") == "yes"
        begun = deeds.undo(current_caller(), current_standing(), errand, delete=delete)
        return _answer(runs, begun)


def _errand_views(blueprint: Blueprint, runs: Runs, deeds: RunDeeds, desk: Desk) -> None:
    @blueprint.post("/runs/plan")
    @accepts(Proof.CONTEXT, Permission.MAP)
    def plan() -> Response | str:
        caller, standing = current_caller(), current_standing()
        profile = form_id("profile")
        stored = desk.reached(caller, standing, profile)
        own = stored.side_of(caller.tenant)
        return _answer(runs, deeds.plan(caller, standing, profile, _plan_asked(own)))

    @blueprint.post("/errands/<uuid:errand>/apply")
    @accepts(Proof.CONTEXT, Permission.MAP)
    def apply(errand: uuid.UUID) -> Response | str:
        return _answer(runs, deeds.apply(current_caller(), current_standing(), errand))

    @blueprint.get("/errands/<uuid:errand>/issues")
    @accepts(Proof.CONTEXT, Permission.MAP)
    def issues(errand: uuid.UUID) -> Response | str:
        written = request.args.get("page", "0")
        if not (written.isascii() and written.isdigit() and len(written) < 7):
            raise refuse("page", _("this is no page of the plan."))
        page = int(written)
        found, pages = deeds.issues(current_caller(), current_standing(), errand, page)
        if wants_json():
            return jsonify(issues=found, pages=pages)
        shown = {"plans": found, "page": page, "pages": pages, "errand": errand}
        return render_template("parts/runs_issues.html", **shown)


def _load_views(blueprint: Blueprint, runs: Runs, deeds: RunDeeds, desk: Desk) -> None:
    @blueprint.get("/runs/load")
    @accepts(Proof.CONTEXT, Permission.MAP)
    def load_form() -> Response | str:
        profile = argument_id("profile")
        stored, found = deeds.first_load(current_caller(), current_standing(), profile)
        counts = {side.value: number for side, number in found.issues.items()}
        if wants_json():
            return jsonify(issues=counts, calls=found.calls, minutes=found.minutes)
        fields = [(one.left, called_field(one.key)) for one in stored.profile.fields]
        return render_template(
            "parts/runs_load.html",
            profile=stored,
            found=found,
            counts=counts,
            sites=desk.sites(stored),
            fields=fields,
        )

    @blueprint.post("/profiles/<uuid:profile>/load")
    @accepts(Proof.CONTEXT, Permission.MAP)
    def load(profile: uuid.UUID) -> Response | str:
        caller = current_caller()
        stored = desk.reached(caller, current_standing(), profile)
        begun = deeds.load(caller, stored, _load_asked(stored))
        return _answer(runs, begun.run_id)

    @blueprint.post("/profiles/<uuid:profile>/load/abandon")
    @accepts(Proof.CONTEXT, Permission.MAP)
    def abandon(profile: uuid.UUID) -> Response | str:
        deeds.abandon(current_caller(), current_standing(), profile)
        return _answer(runs)


def _span() -> tuple[datetime, datetime]:
    """The span of time that a form names, in UTC: from a moment on, and before another, which is
    now where it says none. What is shown is what will be undone, so it always has an end. Raises
    Problem."""
    now = datetime.now(UTC)
    since = _moment("since", form_text("since"))
    until = _moment("until", request.form["until"]) if request.form.get("until") else now
    if since >= now:
        raise refuse("since", _("this is yet to come. Choose a time that is past."))
    if until <= since:
        raise refuse("until", _("choose a time after the first one."))
    return since, until


def _moment(name: str, written: str) -> datetime:
    try:
        found = datetime.fromisoformat(written.strip())
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise refuse(name, _("choose a day and a time, as 2026-11-25 14:00.")) from None


def _plan_asked(own: Side) -> dict[str, Any]:
    """What a plan is to be of: all, what a JQL of the own site finds, or an issue. Raises
    Problem."""
    what = form_text("what")
    if what not in WHATS:
        raise refuse("what", _("choose what the plan is of."))
    if what == "scope":
        return {"what": what}
    asked = form_text("of")
    if len(asked) > JQL_LIMIT:
        raise refuse("of", _("it is too long."))
    if what == "issue":
        return {"what": what, "issue": asked}
    return {"what": what, "jql": asked, "side": own.value}


def _load_asked(stored: StoredProfile) -> Ask:
    """What a load is to be of. Raises Problem."""
    sources = form_text("sources")
    if sources not in SOURCES:
        raise refuse("sources", _("choose whose issues get a twin."))
    if "match" not in request.form:
        raise refuse("match", _("say by which field twins are found that are there already."))
    wanted = request.form["match"].strip()
    match = None
    if wanted:
        match = next(
            (
                MatchField(one.left, one.right)
                for one in stored.profile.fields
                if wanted in (one.left, one.key)
            ),
            None,
        )
        if match is None:
            raise refuse("match", _("choose a field that the profile carries."))
    return Ask(sources, clean_jql(request.form.get("jql", "").strip() or None), match)


def _list(runs: Runs, seen: Mapping[uuid.UUID, KnownProfile]) -> dict[str, Any]:
    caller, standing = current_caller(), current_standing()
    return {
        "runs": runs.runs(caller, standing, seen),
        "errands": runs.errands(caller, standing, seen),
        "may": standing.may(Permission.MAP),
        "ago": ago,
        "field_name": called_field,
    }


def _answer(runs: Runs, begun: uuid.UUID | None = None) -> Response | str:
    """The list as it is now."""
    shown = _list(runs, runs.seen(current_caller(), current_standing()))
    if wants_json():
        return jsonify(
            begun=str(begun) if begun else None,
            runs=[_run_json(one) for one in shown["runs"]],
            errands=[_errand_json(one) for one in shown["errands"]],
        )
    return render_template("parts/runs.html", **shown)


def _run_json(one: RunShown) -> dict[str, Any]:
    return {
        "id": str(one.id),
        "profile": str(one.profile_id),
        "kind": one.kind,
        "state": one.state,
        "by": one.by,
        "begunAt": one.begun_at.isoformat(),
        "progress": one.step.said,
        "notes": list(one.notes),
        "mayUndo": one.may_undo,
    }


def _errand_json(one: ErrandShown) -> dict[str, Any]:
    return {
        "id": str(one.id),
        "profile": str(one.profile_id),
        "kind": one.kind,
        "state": one.state,
        "by": one.by,
        "span": one.span,
        "problem": one.problem,
        "lines": list(one.lines),
        "groups": {
            kind: [
                {
                    "sentence": each.sentence,
                    "count": each.count,
                    "examples": list(each.examples),
                    "field": each.field,
                }
                for each in groups
            ]
            for kind, groups in one.groups.items()
        },
        "mayApply": one.may_apply,
        "mayUndo": one.may_undo,
    }
