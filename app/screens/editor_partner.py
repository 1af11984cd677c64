"""The editor's first step: which site is the partner, and how one comes to be."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from flask import Blueprint, Response, render_template

from app.errors import NotFound, Problem
from app.jira.token_check import NEEDED, WANTED
from app.language import gettext as _
from app.language import noop
from app.mapping.drafts import Draft
from app.mapping.profile import Side
from app.screens.editor import Editor
from app.screens.forms import form_id, form_text
from app.screens.token_desk import HOW, TokenDesk
from app.screens.waits import say_sites
from app.tenants import pairing
from app.tenants.caller import Permission, Proof, accepts, current_caller
from app.tenants.gate import current_standing
from app.tenants.installations import Installations
from app.tenants.models import InstallationState

LACKS: Mapping[str, str] = {
    "BROWSE_PROJECTS": noop("Browse projects: without it no issue is seen."),
    "CREATE_ISSUES": noop("Create issues: without it no twin is made."),
    "EDIT_ISSUES": noop("Edit issues: without it no change arrives."),
    "TRANSITION_ISSUES": noop("Transition issues: without it no status is carried."),
    "ASSIGN_ISSUES": noop("Assign issues: without it no assignee is carried."),
    "MODIFY_REPORTER": noop("Modify reporter: without it no reporter is carried."),
    "ADD_COMMENTS": noop("Add comments: without it no comment is carried."),
    "WORK_ON_ISSUES": noop("Work on issues: without it no work log is carried."),
    "DELETE_ISSUES": noop("Delete issues: without it no deletion is carried."),
}
"""What is lost without each of Jira's permissions."""


class PartnerStep:
    """The choice of a partner, and what there is to say of each."""

    name = "partner"

    def __init__(self, editor: Editor, installations: Installations, tokens: TokenDesk) -> None:
        self.editor = editor
        self._installations = installations
        self._tokens = tokens

    def shown(self, draft: Draft) -> Mapping[str, object]:
        """See `Step`."""
        return {
            "partners": self.partners(draft),
            "chosen": draft.document.get("connection"),
            "locked": draft.profile_id is not None,
            "may": {one.value: current_standing().may(one) for one in Permission},
            "site_name": self.editor.desk.site_name(draft.tenant),
        }

    def done(self, draft: Draft) -> bool:
        """See `Step`."""
        chosen = draft.document.get("connection")
        known = pairing.partners(draft.tenant)
        return any(str(one.connection_id) == chosen for one in known)

    def partners(self, draft: Draft) -> list[dict[str, object]]:
        """The paired sites, each with what is wrong there at present."""
        found: list[dict[str, object]] = []
        tokens = self._tokens.of(current_caller())
        for one in pairing.partners(draft.tenant):
            known = self._installations.of(one.tenant)
            host = known.base_url.split("://", 1)[1]
            wrong, told = say_sites({one.tenant: host}), tokens.get(one.tenant)
            if told is not None and told["gone"]:
                wrong = [_("Its API token is gone. An admin gives a new one under Settings.")]
            elif told is None and known.state != InstallationState.ENABLED:
                wrong = [_("Tandem is not enabled there. Ask that site's admin to enable it.")]
            shown = {"id": str(one.connection_id), "name": host, "wrong": wrong}
            found.append({**shown, "token": told})
        return found

    def choose(self, draft: Draft, connection: uuid.UUID) -> Draft:
        """Take a connection; with another partner, what was chosen of its side goes. Raises
        Problem, NotFound."""
        if draft.profile_id is not None:
            raise _stays()
        if not any(one.connection_id == connection for one in pairing.partners(draft.tenant)):
            raise NotFound(_("There is no such connection."))
        if draft.document.get("connection") == str(connection):
            return draft
        changes: dict[str, object] = {"connection": str(connection)}
        if "connection" in draft.document:
            changes |= {Side.RIGHT.value: None, "fields": None, "users": None}
        return self.editor.save(draft, changes)

    def check(self) -> dict[str, object]:
        """What the site is whose address the form gives, and what the token may do there. Raises
        Problem; nothing of it is stored."""
        found = self._tokens.check()
        if found.may is None:
            return {"host": found.host, "asked": False}
        needed = [_(LACKS[one]) for one in found.may.missing(NEEDED)]
        wanted = [_(LACKS[one]) for one in found.may.missing(WANTED)]
        return {"host": found.host, "asked": True, "needed": needed, "wanted": wanted}

    def connect(self, draft: Draft) -> Draft:
        """Connect with the site by the form's token, and choose it. Raises Problem."""
        if draft.profile_id is not None:
            raise _stays()
        return self.choose(draft, self._tokens.connect(current_caller()))


def _stays() -> Problem:
    return Problem(
        _("The partner of a profile stays. Make a new profile for another one."),
        status=409,
        code="partner-stays",
        field="connection",
    )


def partner_blueprint(step: PartnerStep) -> Blueprint:
    """The step's saves, part of the pages."""
    blueprint = Blueprint("editor_partner", __name__)
    editor = step.editor

    @blueprint.post("/drafts/<uuid:draft>/partner")
    @accepts(Proof.CONTEXT, Permission.MAP)
    def choose(draft: uuid.UUID) -> Response:
        chosen = step.choose(editor.open(draft), form_id("connection"))
        return editor.part(chosen, step.name)

    @blueprint.post("/drafts/<uuid:draft>/partner/pair")
    @accepts(Proof.CONTEXT, Permission.CONNECT)
    def pair(draft: uuid.UUID) -> Response:
        found = editor.open(draft)
        connection = editor.desk.claim(current_caller(), form_text("code"))
        return editor.part(step.choose(found, connection), step.name)

    @blueprint.post("/drafts/<uuid:draft>/partner/check")
    @accepts(Proof.CONTEXT, Permission.CONNECT)
    def check(draft: uuid.UUID) -> str:
        editor.open(draft)
        shown = {"draft": draft, "how": _(HOW), **step.check()}
        return render_template("parts/partner_checked.html", **shown)

    @blueprint.post("/drafts/<uuid:draft>/partner/connect")
    @accepts(Proof.CONTEXT, Permission.CONNECT)
    def connect(draft: uuid.UUID) -> Response:
        return editor.part(step.connect(editor.open(draft)), step.name)

    return blueprint
