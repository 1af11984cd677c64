"""The views of the page of one profile, part of the pages."""

from __future__ import annotations

import uuid
from typing import Any

from flask import Blueprint, Response, jsonify, make_response, render_template, request

from app.language import gettext as _
from app.language import ngettext
from app.mapping.profile import Side
from app.mapping.told import Difference
from app.mapping.too_late import ProposalWaits
from app.screens.forms import form_text
from app.screens.pages import ACTIONS, wants_json
from app.screens.profile_file_view import ProfileFiles, file_name
from app.screens.profile_view import Made, ProfileView, Seen, Taken
from app.screens.proposal_waits import ask
from app.screens.token_sides import givers
from app.screens.waits import say_approval, say_change, say_sites
from app.screens.words import STATES, ago
from app.sync.drift_words import unasked
from app.tenants.caller import Permission, Proof, accepts, current_caller
from app.tenants.gate import current_standing

SWITCHED = "profile-switched"
"""The event of the page after a profile was paused or resumed by its head."""
PARTS = {
    "file": "profile_file.html",
    "import": "profile_import.html",
    "copy": "profile_copy.html",
    "end": "profile_end.html",
}


def profile_blueprint(page: ProfileView) -> Blueprint:
    """All of them."""
    blueprint = Blueprint("profile", __name__)
    _looks(blueprint, page)
    _history(blueprint, page)
    _files(blueprint, page, ProfileFiles(page))
    _deeds(blueprint, page)
    return blueprint


def _looks(blueprint: Blueprint, page: ProfileView) -> None:
    @blueprint.get("/views/profiles/<uuid:profile>")
    @accepts(Proof.CONTEXT, Permission.SEE)
    def view(profile: uuid.UUID) -> Response | str:
        seen = page.seen(current_caller(), current_standing(), profile)
        return jsonify(_as_json(page, seen)) if wants_json() else _view(page, seen)

    @blueprint.get("/profiles/<uuid:profile>/head")
    @accepts(Proof.CONTEXT, Permission.SEE)
    def head(profile: uuid.UUID) -> str:
        return _head(page, page.seen(current_caller(), current_standing(), profile))

    @blueprint.post("/profiles/<uuid:profile>/head/<any(pause, resume):action>")
    @accepts(Proof.CONTEXT, Permission.MAP)
    def switch(profile: uuid.UUID, action: str) -> Response:
        caller, standing = current_caller(), current_standing()
        page.desk.switch(caller, standing, profile, ACTIONS[action])
        seen = page.seen(caller, standing, profile)
        if wants_json():
            return jsonify(state=seen.stored.state)
        response = make_response(_head(page, seen))
        response.headers["HX-Trigger"] = SWITCHED
        return response

    @blueprint.get("/profiles/<uuid:profile>/carried")
    @accepts(Proof.CONTEXT, Permission.SEE)
    def carried(profile: uuid.UUID) -> Response | str:
        seen = page.seen(current_caller(), current_standing(), profile)
        shown = page.carried(seen, ask=True, anew="anew" in request.args)
        return render_template("parts/profile_carried.html", **shown)


def _history(blueprint: Blueprint, page: ProfileView) -> None:
    @blueprint.get("/profiles/<uuid:profile>/revisions")
    @accepts(Proof.CONTEXT, Permission.SEE)
    def revisions(profile: uuid.UUID) -> Response | str:
        seen = page.seen(current_caller(), current_standing(), profile)
        shown = page.revisions(seen, request.args.get("before", type=int))
        if wants_json():
            told = [
                {
                    "number": one.number,
                    "at": one.at.isoformat(),
                    "by": who,
                    "changes": one.changes,
                    "standing": one.standing.value,
                }
                for one, who in shown["revisions"]
            ]
            return jsonify(revisions=told, more=shown["more"])
        return render_template("parts/profile_revisions.html", ago=ago, **shown)

    @blueprint.get("/profiles/<uuid:profile>/revisions/<int:number>")
    @accepts(Proof.CONTEXT, Permission.SEE)
    def opened(profile: uuid.UUID, number: int) -> Response | str:
        seen = page.seen(current_caller(), current_standing(), profile)
        shown = page.opened(seen, number)
        if wants_json():
            told = {key: [_told(one) for one in shown[key]] for key in ("changed", "restores")}
            return jsonify(number=number, inForce=shown["in_force"], **told)
        return render_template("parts/profile_revision.html", **shown)

    @blueprint.post("/profiles/<uuid:profile>/revisions/<int:number>/restore")
    @accepts(Proof.CONTEXT, Permission.MAP)
    def restore(profile: uuid.UUID, number: int) -> Response | str:
        caller, standing = current_caller(), current_standing()
        seen = page.seen(caller, standing, profile, Permission.MAP)
        try:
            return _saved(page, seen, page.restore(caller, standing, seen, number))
        except ProposalWaits as waits:
            again = {
                "path": f"/pages/profiles/{profile}/revisions/{number}/restore",
                "vals": {"base": request.form["base"]},
                "target": "#view",
                "back": f"open-{number}",
            }
            return _asks(page, seen, waits, f"revision-{number}", again)


def _files(blueprint: Blueprint, page: ProfileView, files: ProfileFiles) -> None:
    @blueprint.get("/profiles/<uuid:profile>/panels/<any(file, import, copy, end):name>")
    @accepts(Proof.CONTEXT, Permission.MAP)
    def panel(profile: uuid.UUID, name: str) -> Response | str:
        caller, standing = current_caller(), current_standing()
        seen = page.seen(caller, standing, profile, Permission.MAP)
        shown: dict[str, Any] = {"seen": seen}
        if name == "file":
            shown["text"], shown["file_name"] = files.text(seen), file_name(seen.stored.name)
            if wants_json():
                return jsonify(name=seen.stored.name, file=shown["text"])
        if name == "import":
            shown["connection"] = page.connection(caller, seen)
        if name == "copy":
            shown |= page.choices(caller, standing, seen)
        return render_template(f"parts/{PARTS[name]}", **shown)

    @blueprint.post("/profiles/<uuid:profile>/file")
    @accepts(Proof.CONTEXT, Permission.MAP)
    def take(profile: uuid.UUID) -> Response | str:
        request.max_form_memory_size = None  # the whole body is limited, and a file may be pasted
        caller, standing = current_caller(), current_standing()
        seen = page.seen(caller, standing, profile, Permission.MAP)
        if "take" in request.form:
            try:
                return _saved(page, seen, files.take(caller, standing, seen))
            except ProposalWaits as waits:
                hidden = {name: request.form[name] for name in ("base", "take")}
                again = {"hidden": hidden, "back": "import-text"}
                return _asks(page, seen, waits, "import-differences", again)
        shown = files.shown(seen)
        if wants_json():
            found = [_told(one) for one in shown.found]
            return jsonify(digest=shown.digest, base=shown.base, found=found, pace=shown.pace)
        return render_template("parts/profile_differences.html", seen=seen, shown=shown)

    @blueprint.post("/profiles/file")
    @accepts(Proof.CONTEXT, Permission.MAP)
    def create() -> Response | str:
        request.max_form_memory_size = None  # as above
        caller, standing = current_caller(), current_standing()
        made = files.create(caller, standing)
        if wants_json():
            return jsonify(profile=str(made.id))
        return _made(page, page.seen(caller, standing, made.id), made)


def _deeds(blueprint: Blueprint, page: ProfileView) -> None:
    @blueprint.post("/profiles/<uuid:profile>/copies")
    @accepts(Proof.CONTEXT, Permission.MAP)
    def copy(profile: uuid.UUID) -> Response | str:
        caller, standing = current_caller(), current_standing()
        seen = page.seen(caller, standing, profile, Permission.MAP)
        made = page.copy(caller, standing, seen)
        if wants_json():
            return jsonify(profile=str(made.id), leftOut=made.dropped)
        return _made(page, page.seen(caller, standing, made.id), made)

    @blueprint.post("/profiles/<uuid:profile>/end")
    @accepts(Proof.CONTEXT, Permission.MAP)
    def end(profile: uuid.UUID) -> Response | str:
        caller, standing = current_caller(), current_standing()
        name = form_text("name")
        page.remove(caller, standing, profile, name)
        if wants_json():
            return jsonify(deleted=str(profile))
        said = _("The profile “%(name)s” is deleted.", name=name)
        return render_template("views/profiles.html", said=said, **page.desk.home(caller, standing))


def _view(page: ProfileView, seen: Seen, said: str = "") -> str:
    shown = page.carried(seen, ask=False)
    return render_template("views/profile.html", said=said, **_of(seen), **shown)


def _head(page: ProfileView, seen: Seen) -> str:
    return render_template("parts/profile_head.html", **_of(seen))


def _of(seen: Seen) -> dict[str, Any]:
    names = {seen.overview.partner: seen.partner}
    return {
        "seen": seen,
        "one": seen.overview,
        "approval": say_approval(seen.overview, names, givers(current_caller())),
        "waits": _waits(seen),
        "states": STATES,
        "ago": ago,
        "say_change": say_change,
    }


def _waits(seen: Seen) -> list[str]:
    """Why work waits for a site, such as a token that it refuses."""
    return say_sites({seen.stored.tenants[side]: seen.sites[side] for side in Side})


def _made(page: ProfileView, seen: Seen, made: Made) -> Response:
    """The view of a new profile."""
    said = _("The profile is made and proposed to the partner.")
    if made.dropped:
        said = ngettext(
            "The profile is made and proposed to the partner, without %(num)s thing of the "
            "mapping that these projects do not have.",
            "The profile is made and proposed to the partner, without %(num)s things of the "
            "mapping that these projects do not have.",
            made.dropped,
        )
    return _whole(_view(page, seen, " ".join([said, *unasked(made.unasked, seen.sites)])))


def _saved(page: ProfileView, seen: Seen, taken: Taken) -> Response:
    saved = taken.saved
    if wants_json():
        return jsonify(revision=saved.number, inForce=saved.in_force)
    now = page.seen(current_caller(), current_standing(), seen.stored.id)
    said = _("Revision %(number)s is in force.", number=saved.number)
    if not saved.in_force:
        said = _(
            "Revision %(number)s waits for the approval of %(partner)s. The profile goes on as it "
            "was.",
            number=saved.number,
            partner=seen.partner,
        )
    return _whole(_view(page, now, " ".join([said, *unasked(taken.unasked, seen.sites)])))


def _asks(
    page: ProfileView, seen: Seen, waits: ProposalWaits, place: str, again: dict[str, Any]
) -> Response:
    """Whether to replace what waits for its approval. See `proposal_waits.ask`."""
    names = page.names(seen, ask=False)
    return ask(waits, place, side=seen.side, names=names, partner=seen.partner, again=again)


def _whole(view: str) -> Response:
    """A view in answer to a form whose usual answer is a part of one."""
    response = make_response(view)
    response.headers["HX-Retarget"] = "#view"
    response.headers["HX-Reswap"] = "innerHTML"
    return response


def _as_json(page: ProfileView, seen: Seen) -> dict[str, Any]:
    one = seen.overview
    shown = page.carried(seen, ask=False)
    return {
        "id": str(one.id),
        "name": one.name,
        "state": one.state,
        "side": seen.side.value,
        "sites": {side.value: host for side, host in seen.sites.items()},
        "revision": seen.stored.revision,
        "linked": one.linked,
        "pending": one.pending,
        "parked": one.parked,
        "fields": shown["rows"],
    }


def _told(one: Difference) -> dict[str, str | None]:
    return {"where": one.where, "old": one.old, "new": one.new, "sentence": one.sentence}
