"""The control API over fields and people: what admins of a real site do on pages of their own."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from flask import Blueprint, Response, jsonify

from sandbox import editing, keeping
from sandbox.errors import JiraError
from sandbox.model import FieldDef, JsonDict, Option, User
from sandbox.site import Site

Body = Callable[..., Any]
# What a request says of a person, and what it is called here.
PEOPLE = {
    "active": "active",
    "showsEmail": "shows_email",
    "administersProjects": "app_administers",
    "email": "email",
    "token": "token",
    "tokenExpired": "token_expired",
}
TEXTS = ("email", "token")
STATES = ("future", "active", "closed")


def add_fields(blue: Blueprint, site: Site, body: Body) -> None:
    """Add the calls to a site's control API; `body` reads the request's JSON."""
    _options(blue, site, body)
    add_desks(blue, site, body)

    @blue.get("/people")
    def people() -> Response:
        return jsonify([_person(user) for user in site.users.values()])

    @blue.put("/people")
    def put_people() -> Response:
        asked = body()
        with site.lock:
            change_people(site, asked)
        return people()

    @blue.put("/screens")
    def put_screens() -> Response:
        asked = body(list)
        with site.lock:
            for one in asked:
                change_screen(site, one)
        return jsonify([])

    @blue.put("/sprints")
    def put_sprints() -> Response:
        asked = body()
        with site.lock:
            for number, parts in asked.items():
                change_sprint(site, number, parts)
        return jsonify([vars(sprint) for sprint in site.sprints.values()])

    @blue.put("/values")
    def put_values() -> Response:
        asked = body()
        with site.lock:
            for key, values in asked.items():
                change_values(site, key, values)
        return jsonify([])


def add_desks(blue: Blueprint, site: Site, body: Body) -> None:
    """Add the calls over what service projects keep."""

    @blue.put("/slas")
    def put_slas() -> Response:
        asked = body()
        good = isinstance(asked, dict) and all(type(ms) is int for ms in asked.values())
        if not good or not asked.keys() <= site.sla_goals.keys():
            raise JiraError(400, f"must give milliseconds to some of {sorted(site.sla_goals)}")
        with site.lock:
            site.sla_goals.update(asked)
        return jsonify(site.sla_goals)

    @blue.put("/metadata")
    def put_metadata() -> Response:
        asked = body()
        if asked.keys() != {"requestTypes"} or not isinstance(asked["requestTypes"], bool):
            raise JiraError(400, "requestTypes: must be true or false")
        with site.lock:
            site.lists_request_types = asked["requestTypes"]
        return jsonify(asked)

    @blue.put("/organizations")
    def put_organizations() -> Response:
        asked = body()
        with site.lock:
            for number, name in asked.items():
                if number not in site.organizations:
                    raise JiraError(400, f"{number}: no organization of this site")
                site.organizations[number] = replace(site.organizations[number], name=str(name))
        return jsonify([vars(one) for one in site.organizations.values()])


def _options(blue: Blueprint, site: Site, body: Body) -> None:
    @blue.post("/options")
    def make_option() -> Response:
        asked = body()
        with site.lock:
            field, above = _select(site, asked.get("field")), asked.get("parent")
            one = Option(f"9{site.next_small_id()}", str(asked.get("value")))
            if above is None:
                keeping.put_options(site, field, (*field.options, one))
            else:
                parent = _option(site, field, above)
                wider = replace(parent, children=(*parent.children, one))
                keeping.put_options(site, field, keeping.map_options(field, {parent.id: wider}))
        return jsonify(id=one.id, value=one.value)

    @blue.put("/options")
    def edit_option() -> Response:
        asked = body()
        with site.lock:
            field = _select(site, asked.get("field"))
            one = _option(site, field, asked.get("option"))
            fresh = replace(
                one,
                value=str(asked.get("value", one.value)),
                disabled=asked.get("disabled", one.disabled) is True,
            )
            keeping.put_options(site, field, keeping.map_options(field, {one.id: fresh}))
        return jsonify(id=fresh.id, value=fresh.value, disabled=fresh.disabled)

    @blue.delete("/options/<field_id>/<option_id>")
    def drop_option(field_id: str, option_id: str) -> Response:
        with site.lock:
            field = _select(site, field_id)
            keeping.drop_option(site, field, _option(site, field, option_id).id)
        return jsonify([])


def _select(site: Site, field_id: Any) -> FieldDef:
    found = site.fields.get(str(field_id))
    if found is None or found.kind not in ("option", "options", "cascade"):
        raise JiraError(400, f"field: '{field_id}' is no select field of this site")
    return found


def _option(site: Site, field: FieldDef, named: Any) -> Option:
    """An option by id or value."""
    every = [one for option in field.options for one in (option, *option.children)]
    for one in every:
        if str(named) in (one.id, one.value):
            return one
    raise JiraError(400, f"option: '{named}' is none of {field.id}")


def _person(user: User) -> JsonDict:
    shown = {theirs: getattr(user, ours) for theirs, ours in PEOPLE.items()}
    return {"accountId": user.account_id, "displayName": user.display_name, **shown}


def change_people(site: Site, asked: JsonDict) -> None:
    """Switch what accounts are and show. Raises JiraError 400, and then changes nothing."""
    for account_id, parts in asked.items():
        if account_id not in site.users or not isinstance(parts, dict):
            raise JiraError(400, f"{account_id}: must be an account here, with an object")
        for name, value in parts.items():
            kind = str if name in TEXTS else bool
            if name not in PEOPLE or not isinstance(value, kind):
                raise JiraError(400, f"{account_id}.{name}: must be one of {sorted(PEOPLE)}, "
                                     "true or false, or an address or token")  # fmt: skip
    for account_id, parts in asked.items():
        user = site.users[account_id]
        was = user.active
        for name, value in parts.items():
            setattr(user, PEOPLE[name], value)
        if user.active is not was:
            told = {"accountId": account_id, "active": user.active}
            site.emit("user_updated", told={"user": {**told, "displayName": user.display_name}})


def change_screen(site: Site, asked: JsonDict) -> None:
    """Put a field on the screen of a type of a project, or take it off. Raises JiraError 400."""
    project = site.project(str(asked.get("project")))
    named = asked.get("issuetype")
    kinds = [i for i, one in site.issue_types.items() if named in (i, one.name)]
    field_id = str(asked.get("field"))
    if project is None or not kinds or field_id not in site.fields:
        raise JiraError(400, "project, issuetype, field: must be known here")
    screen = [one for one in project.screens[kinds[0]] if one != field_id]
    if asked.get("on") is True:
        screen.append(field_id)
    screens = {**project.screens, kinds[0]: tuple(screen)}
    site.projects[project.id] = replace(project, screens=screens)


def change_sprint(site: Site, number: str, parts: JsonDict) -> None:
    """Start, end or rename a sprint. Raises JiraError 400."""
    found = site.sprints.get(int(number)) if number.isdecimal() else None
    state = parts.get("state", found.state if found else "")
    if found is None or state not in STATES:
        raise JiraError(400, f"{number}: must be a sprint here, its state one of {STATES}")
    name = str(parts.get("name", found.name))
    site.sprints[found.id] = replace(found, state=state, name=name)


def change_values(site: Site, key: str, values: JsonDict) -> None:
    """Let the app that owns a field set its values. Raises JiraError 400."""
    issue = site.issue(key)
    own = {f.id for f in site.fields.values() if f.kind == "opaque"}
    if issue is None or not own >= values.keys():
        raise JiraError(400, f"{key}: must be an issue, its fields some of {sorted(own)}")
    stored = {name: None if v is None else json.dumps(v) for name, v in values.items()}
    admin = next(user.account_id for user in site.people() if user.admin)
    editing.change(site, issue, stored, actor=admin)
