"""The people of the editor's fourth step: who is who on the other site, by account id."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import Any

from flask import Blueprint, Response, jsonify, render_template, request

from app.jira.site import JiraSite
from app.language import gettext as _
from app.mapping.document import dump_profile
from app.mapping.drafts import Draft
from app.mapping.profile import Profile, Row, Side
from app.screens.editor import Editor
from app.screens.editor_draft import profile_of
from app.screens.forms import refuse
from app.screens.pages import wants_json
from app.tenants.caller import ACCOUNT_ID, Permission, Proof, accepts

QUERY_LIMIT = 100


class PeopleTable:
    """What the table of people shows and saves."""

    def __init__(self, editor: Editor) -> None:
        self.editor = editor

    def set_people(self, draft: Draft) -> Draft:
        """Say whether people are paired by address, and who stands for all others. Raises
        Problem."""
        profile = profile_of(draft)
        users = replace(profile.users, by_email=request.form.get("by_email") == "yes")
        if "left_default" in request.form:
            found = person_chosen(self.editor.site(draft, Side.LEFT), "left_default")
            users = replace(users, left_default=found)
        if "right_default" in request.form:
            found = person_chosen(self.editor.site(draft, Side.RIGHT), "right_default")
            users = replace(users, right_default=found)
        return self._save(draft, replace(profile, users=users))

    def add_people(self, draft: Draft) -> Draft:
        """Pair two people whom the form names. Raises Problem."""
        profile = profile_of(draft)
        left, right = (
            person_chosen(self.editor.site(draft, side), f"{side.value}_person") for side in Side
        )
        if left is None or right is None:
            missing = "left_person" if left is None else "right_person"
            raise refuse(missing, _("choose a person from the list."))
        kept = tuple(one for one in profile.users.rows if one.left != left)
        users = replace(profile.users, rows=(*kept, Row(left, right)))
        return self._save(draft, replace(profile, users=users))

    def drop_people(self, draft: Draft) -> Draft:
        """Part two people whom the form names."""
        profile = profile_of(draft)
        gone = Row(request.form.get("left", ""), request.form.get("right", ""))
        rows = tuple(one for one in profile.users.rows if one != gone)
        return self._save(draft, replace(profile, users=replace(profile.users, rows=rows)))

    def people(self, draft: Draft) -> dict[str, Any]:
        """The pairs of people with their names of now. Raises SiteError."""
        users = profile_of(draft).users
        names: dict[Side, dict[str, str]] = {}
        for side in Side:
            ids = {one.of(side) for one in users.rows} | {users.default(side) or ""}
            site = self.editor.site(draft, side)
            names[side] = site.people(sorted(ids - {""})) if ids - {""} else {}
        unknown = _("unknown to the site by now")
        rows = [
            {
                "row": one,
                "left": names[Side.LEFT].get(one.left, unknown),
                "right": names[Side.RIGHT].get(one.right, unknown),
            }
            for one in users.rows
        ]
        defaults = {
            side: (users.default(side), names[side].get(users.default(side) or "", unknown))
            for side in Side
        }
        sites = {side: self.editor.site(draft, side).base_url.split("://", 1)[1] for side in Side}
        return {"users": users, "rows": rows, "defaults": defaults, "sites": sites, "sides": Side}

    def _save(self, draft: Draft, profile: Profile) -> Draft:
        return self.editor.save(draft, {"users": dump_profile(profile).get("users")})


def people_table_blueprint(table: PeopleTable) -> Blueprint:
    """The table's views, part of the pages."""
    blueprint = Blueprint("editor_people", __name__)
    editor = table.editor

    @blueprint.get("/drafts/<uuid:draft>/people")
    @accepts(Proof.CONTEXT, Permission.MAP)
    def people(draft: uuid.UUID) -> Response | str:
        return _people(table, editor.open(draft))

    @blueprint.get("/drafts/<uuid:draft>/people/<any(left, right):side>/search")
    @accepts(Proof.CONTEXT, Permission.MAP)
    def search(draft: uuid.UUID, side: str) -> str:
        query = request.args.get("query", "").strip()
        site = editor.site(editor.open(draft), Side(side))
        found = (
            site.find_people(query[:QUERY_LIMIT]) if len(query) > 1 and query.isprintable() else []
        )
        shown = [{"account": one.account_id, "name": one.name} for one in found]
        return render_template("parts/found_people.html", found=shown)

    @blueprint.post("/drafts/<uuid:draft>/people/<any(usual, pair, part):deed>")
    @accepts(Proof.CONTEXT, Permission.MAP)
    def save(draft: uuid.UUID, deed: str) -> Response | str:
        do = {"usual": table.set_people, "pair": table.add_people, "part": table.drop_people}[deed]
        return _people(table, do(editor.open(draft)))

    return blueprint


def _people(table: PeopleTable, draft: Draft) -> Response | str:
    shown = table.people(draft)
    if wants_json():
        return jsonify(
            pairs=len(shown["rows"]), byEmail=shown["users"].by_email, version=draft.version
        )
    return render_template("editor/values_people.html", draft=draft, **shown)


def person_chosen(site: JiraSite, name: str) -> str | None:
    """The account id in a form field; None where it is empty. Raises Problem."""
    account = request.form.get(name, "").strip()
    if not account:
        return None
    if not ACCOUNT_ID.fullmatch(account) or account not in site.people([account]):
        raise refuse(name, _("Jira knows no such person. Choose one from the list."))
    return account
