"""The editor of profiles: five steps that can be taken in any order, and a draft behind them.

A step is a module of its own; it gives the frame a `Step` and has the endpoints of its own saves:

    step = PartnerStep(editor, …); editor.add(step)

The frame has the page around it. Each save goes by `Editor.save`, and is answered by `Editor.part`.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any, Protocol

from flask import (
    Response,
    after_this_request,
    g,
    make_response,
    render_template,
    request,
)

from app.database import TenantId
from app.errors import NotFound, Problem
from app.jira.site import JiraSite, SiteError
from app.language import gettext as _
from app.language import noop
from app.mapping import drafts
from app.mapping.drafts import Draft, DraftChanged
from app.mapping.profile import Side
from app.screens.desk import Desk
from app.screens.forms import form_id, form_number, refuse
from app.tenants import pairing
from app.tenants.caller import Permission, current_caller
from app.tenants.gate import current_standing
from app.vault.vault import Vault

VERSION_HEADER = "Tandem-Draft-Version"
"""In each answer about a draft: its version, which the next save has to name."""

STEPS: Mapping[str, str] = {
    "partner": noop("Partner"),
    "projects": noop("Projects and types"),
    "fields": noop("Fields"),
    "values": noop("Values and people"),
    "review": noop("Review"),
}
"""The steps in their order, by the name in their address."""

PARTS: Mapping[str, str] = {
    "name": noop("the name"),
    "connection": noop("the partner"),
    "left": noop("the project on the left"),
    "right": noop("the project on the right"),
    "fields": noop("the fields"),
    "users": noop("the people"),
    "items": noop("comments, files and the like"),
    "lifecycle": noop("what becomes of twins"),
    "moves": noop("the ways through workflows"),
    "restricted": noop("restricted issues"),
}
"""The keys of a draft's document, in words."""


class Step(Protocol):
    """A step of the editor."""

    name: str
    """One of STEPS."""

    def shown(self, draft: Draft) -> Mapping[str, object]:
        """What templates/editor/<name>.html shows. Raises SiteError where a site does not answer:
        the frame says so in the step's place."""

    def done(self, draft: Draft) -> bool:
        """Whether nothing is left to choose here."""


class Editor:
    """What the steps have in common: the draft, who may reach it, and the page around them."""

    def __init__(self, vault: Vault, desk: Desk) -> None:
        self.vault = vault
        self.desk = desk
        self._steps: dict[str, Step] = {}

    def add(self, step: Step) -> None:
        """Have the editor show a step."""
        self._steps[step.name] = step

    def begin(self) -> Draft:
        """A new draft, or the caller's draft of the profile that the form names. Raises Problem,
        NotFound."""
        caller = current_caller()
        if request.form.get("profile"):
            return drafts.begin_edit(self.vault, caller, form_id("profile"), self._covers)
        known = self.desk.partners(caller.tenant)
        if request.form.get("connection"):
            known = [one for one in known if one["id"] == str(form_id("connection"))]
        # With one partner there is nothing to choose.
        only = {"connection": known[0]["id"]} if len(known) == 1 else {}
        if request.form.get("project"):  # a link that may be followed often
            project = form_number("project")
            self.desk.require_project(current_standing(), project)
            start = only | {"left": {"project": str(project)}}
            return drafts.begin_once(self.vault, caller, start)
        return drafts.begin(self.vault, caller, only)

    def open(self, draft_id: uuid.UUID) -> Draft:
        """The caller's draft. Raises NotFound, also where its project is out of his reach."""
        draft = drafts.load(self.vault, current_caller(), draft_id)
        project = chosen(draft, draft.side, "project")
        if project is not None and not self._covers(int(project)):
            raise NotFound(_("There is no such draft."))
        return draft

    def save(self, draft: Draft, changes: Mapping[str, Any]) -> Draft:
        """Put these keys into the draft, by the version that the form names. Raises Problem."""
        seen = request.form.get("version", "")
        if not (seen.isascii() and seen.isdigit() and len(seen) < 9):
            raise refuse("version", _("is missing; open the draft again from the Profiles page."))
        try:
            saved = drafts.save(self.vault, current_caller(), draft.id, changes, int(seen))
        except DraftChanged as changed:
            _tell_version(changed.newest)
            raise _other_tab(changed) from None
        _tell_version(saved)
        return saved

    def mine(self) -> list[dict[str, Any]]:
        """The caller's drafts that he may go on with, the last changed first."""
        found = drafts.of_account(self.vault, current_caller())
        return [
            {"id": one.id, "title": title(one), "at": one.updated_at, "edits": one.profile_id}
            for one in found
            if self._reaches(one)
        ]

    def first(self, draft: Draft) -> str:
        """The step that a draft opens with: the first that leaves something to choose."""
        open_ones = (one for one in self._bar_names() if not self._steps[one].done(draft))
        return next(open_ones, self._bar_names()[-1])

    def own_site(self, draft: Draft) -> JiraSite:
        """The site of the draft's own side."""
        return self.desk.own_site(draft.tenant)

    def partner_site(self, draft: Draft) -> JiraSite:
        """The partner's site. Raises Problem where none was chosen, NotFound for one that is no
        partner any more."""
        return self.desk.partner_site(draft.tenant, connection_of(draft))

    @staticmethod
    def tenant(draft: Draft, side: Side) -> TenantId:
        """Whose site a side is. Raises as `partner_site`."""
        if side is draft.side:
            return draft.tenant
        asked = (draft.tenant, connection_of(draft))
        known: dict[object, TenantId] = g.setdefault("partners", {})  # a step asks again and again
        if asked not in known:
            known[asked] = pairing.partner_of(*asked)
        return known[asked]

    def site(self, draft: Draft, side: Side) -> JiraSite:
        """The site of one side, as `own_site` and `partner_site`."""
        return self.own_site(draft) if side is draft.side else self.partner_site(draft)

    def frame(self, draft: Draft, name: str) -> Response:
        """The view of a step, whole. Raises NotFound for a step that is not there."""
        step = self._steps.get(name)
        if step is None:
            raise NotFound
        around = {
            "title": title(draft),
            "next": self._beside(name, 1),
            "back": self._beside(name, -1),
        }
        return self._answer(draft, step, "views/editor.html", around)

    def part(
        self, draft: Draft, name: str, template: str | None = None, /, **more: Any
    ) -> Response:
        """The answer to a save: the step's part anew, or another `template` in its place, with the
        steps' bar beside it."""
        step = self._steps[name]
        if template is None:
            return self._answer(draft, step, "parts/editor_step.html", {"beside": True, **more})
        shown = {"draft": draft, "part": template, "beside": True, **self._bar(draft, step)}
        return self._rendered(draft, "parts/editor_step.html", shown | more)

    def part_of(self, draft: Draft, name: str, shown: Mapping[str, object]) -> Response:
        """A step's part, of what it shows: nothing is looked up again."""
        step = self._steps[name]
        around = {"draft": draft, "part": f"editor/{name}.html", "beside": True}
        around |= self._bar(draft, step)
        return self._rendered(draft, "parts/editor_step.html", around | dict(shown))

    def _answer(
        self, draft: Draft, step: Step, template: str, more: Mapping[str, object]
    ) -> Response:
        shown = {"draft": draft, "part": f"editor/{step.name}.html", **self._bar(draft, step)}
        try:
            shown |= step.shown(draft)
        except SiteError as error:
            shown |= {"part": "editor/away.html", "sentence": error.detail}
        return self._rendered(draft, template, shown | dict(more))

    @staticmethod
    def _rendered(draft: Draft, template: str, shown: Mapping[str, object]) -> Response:
        response = make_response(render_template(template, **shown))
        response.headers[VERSION_HEADER] = str(draft.version)
        return response

    def _bar(self, draft: Draft, current: Step) -> dict[str, object]:
        bar = [
            {"name": name, "words": _(STEPS[name]), "done": self._steps[name].done(draft)}
            for name in self._bar_names()
        ]
        return {"step": current.name, "steps": bar}

    def _bar_names(self) -> list[str]:
        return [name for name in STEPS if name in self._steps]

    def _beside(self, name: str, by: int) -> dict[str, str] | None:
        """The step so many after this one."""
        there = self._bar_names()
        place = there.index(name) + by
        if not 0 <= place < len(there):
            return None
        return {"name": there[place], "words": _(STEPS[there[place]])}

    def _reaches(self, draft: Draft) -> bool:
        project = chosen(draft, draft.side, "project")
        return project is None or self._covers(int(project))

    @staticmethod
    def _covers(project: int) -> bool:
        return current_standing().covers(Permission.MAP, project)


def title(draft: Draft) -> str:
    """What a draft is called: by its name, where it has one."""
    name = " ".join(str(draft.document.get("name") or "").split())
    return name or _("New profile")


def chosen(draft: Draft, side: Side, key: str) -> str | None:
    """What was chosen of a side: `project`, `issue_type` or `filter`."""
    found = (draft.document.get(side.value) or {}).get(key)
    return None if found is None else str(found)


def connection_of(draft: Draft) -> uuid.UUID:
    """The connection to the draft's partner. Raises Problem where none was chosen."""
    found = draft.document.get("connection")
    if found is None:
        raise Problem(
            _("Choose the partner's site in the first step."),
            status=409,
            code="no-partner",
            field="connection",
        )
    return uuid.UUID(str(found))


def _tell_version(draft: Draft) -> None:
    """Have the answer name the draft's version, whatever answer it becomes."""

    @after_this_request
    def tell(response: Response) -> Response:
        response.headers[VERSION_HEADER] = str(draft.version)
        return response


def _other_tab(changed: DraftChanged) -> Problem:
    parts = ", ".join(_(PARTS[one]) for one in changed.changed if one in PARTS)
    return Problem(
        _(
            "You changed %(parts)s of this draft in another tab. What you chose here is still "
            "here, and not saved.",
            parts=parts,
        ),
        status=changed.status,
        code=changed.code,
    )
