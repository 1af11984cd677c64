"""The control API under /sandbox on each site: switches and views that Jira does not have."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from flask import Blueprint, Response, jsonify, request
from werkzeug.exceptions import BadRequest

from sandbox import attaching, connect, editing, media, modules, workflows
from sandbox.control_fields import add_fields
from sandbox.control_items import add_items
from sandbox.control_schema import add_schema
from sandbox.errors import JiraError
from sandbox.limits import Limits
from sandbox.model import AppInstall, JsonDict, User
from sandbox.seed import paragraph, restore, seed_issues
from sandbox.site import Site
from sandbox.world import World

Answer = Response | tuple[Response, int]


def control_blueprint(world: World, site: Site) -> Blueprint:
    """The control API of one site."""
    blue = Blueprint("sandbox_control", __name__, url_prefix="/sandbox")

    @blue.errorhandler(JiraError)
    def refused(error: JiraError) -> Answer:
        return jsonify(error.to_json()), error.status

    @blue.errorhandler(ValueError)
    def wrong(error: ValueError) -> Answer:
        return jsonify(errorMessages=[str(error)], errors={}), 400

    _apps(blue, world, site)
    _traffic(blue, world, site)
    _webhooks(blue, world, site)
    _data(blue, world, site)
    add_fields(blue, site, _body)
    add_schema(blue, site, _body)
    add_items(blue, world, site, _body)
    return blue


def _body(kind: type = dict) -> Any:
    try:
        found = request.get_json(force=True)
    except BadRequest:
        raise JiraError(400, "The body must be JSON.") from None
    if not isinstance(found, kind):
        raise JiraError(400, f"The body must be a JSON {kind.__name__}.")
    return found


def _apps(blue: Blueprint, world: World, site: Site) -> None:
    installer = connect.Installer(world, site)

    def app_of(key: str) -> AppInstall:
        app = site.apps.get(key)
        if app is None:
            raise JiraError(404, f"No app with the key '{key}' is installed.")
        return app

    def shown(app: AppInstall) -> JsonDict:
        return {"key": app.key, "clientKey": app.client_key, "state": app.state}

    @blue.post("/apps")
    def install() -> Answer:
        url = _body().get("descriptorUrl")
        if not isinstance(url, str) or not url.startswith(("http://", "https://")):
            raise JiraError(400, "descriptorUrl: must be an http or https URL")
        return jsonify(shown(installer.install(url)))

    @blue.get("/apps")
    def apps() -> Answer:
        rows = []
        for app in site.apps.values():
            row = {**shown(app), "baseUrl": app.base_url, "accountId": app.user_id,
                   "scopes": sorted(app.scopes), "modules": app.modules,
                   "name": app.descriptor.get("name", app.key)}  # fmt: skip
            if request.args.get("secrets") == "1":
                row["sharedSecret"] = app.shared_secret
            rows.append(row)
        return jsonify(rows)

    @blue.delete("/apps/<key>")
    def uninstall(key: str) -> Answer:
        app = app_of(key)
        installer.uninstall(app)
        return jsonify({**shown(app), "state": "uninstalled"})

    @blue.post("/apps/<key>/<any(enable,disable):verb>")
    def switch(key: str, verb: str) -> Answer:
        app = app_of(key)
        installer.switch(app, enabled=verb == "enable")
        return jsonify(shown(app))

    def account() -> User:
        account_id = request.args.get("accountId")
        if account_id is None:
            return next(u for u in site.people() if u.admin)
        if account_id not in site.users:
            raise JiraError(400, f"accountId: no user '{account_id}' on this site")
        return site.users[account_id]

    @blue.get("/apps/<key>/modules/<module_key>")
    def module(key: str, module_key: str) -> Answer:
        url = modules.module_url(
            site, app_of(key), module_key, account(),
            issue=request.args.get("issueKey"), project=request.args.get("projectKey"),
            own_context={
                name.removeprefix("ac."): value
                for name, value in request.args.items() if name.startswith("ac.")
            },
        )  # fmt: skip
        return jsonify(url=url)

    @blue.get("/apps/<key>/context-token")
    def context_token(key: str) -> Answer:
        token = modules.context_token(
            site, app_of(key), account(),
            issue=request.args.get("issueKey"), project=request.args.get("projectKey"),
        )  # fmt: skip
        return jsonify(token=token)


def _traffic(blue: Blueprint, world: World, site: Site) -> None:
    calls, faults = world.calls[site.name], world.faults[site.name]
    refusals = world.refusals[site.name]

    @blue.get("/calls")
    def get_calls() -> Answer:
        return jsonify(calls.to_json())

    @blue.delete("/calls")
    def clear_calls() -> Answer:
        calls.clear()
        return jsonify(calls.to_json())

    @blue.get("/faults")
    def get_faults() -> Answer:
        return jsonify([rule.to_json() for rule in faults.rules])

    @blue.put("/faults")
    def put_faults() -> Answer:
        try:
            faults.replace(_body(list))
        except re.error as error:
            raise JiraError(400, f"path: not a regular expression: {error}") from None
        return get_faults()

    @blue.delete("/faults")
    def delete_faults() -> Answer:
        faults.replace([])
        return get_faults()

    @blue.get("/faults/held")
    def held() -> Answer:
        return jsonify(held=faults.held)

    @blue.post("/faults/release")
    def let_go() -> Answer:
        return jsonify(released=faults.let_go())

    @blue.get("/latency")
    def get_latency() -> Answer:
        return jsonify(milliseconds=round(faults.latency * 1000))

    @blue.put("/latency")
    def put_latency() -> Answer:
        wait = _body().get("milliseconds")
        if isinstance(wait, bool) or not isinstance(wait, int | float) or not 0 <= wait <= 60_000:
            raise JiraError(400, "milliseconds: must be a number from 0 to 60000")
        faults.latency = wait / 1000
        return get_latency()

    @blue.get("/refusals")
    def get_refusals() -> Answer:
        return jsonify(refusals.rules)

    @blue.put("/refusals")
    def put_refusals() -> Answer:
        refusals.replace(_body(list))
        return get_refusals()

    @blue.put("/workflows")
    def put_workflows() -> Answer:
        with site.lock:
            for asked in _body(list):
                workflows.put(site, asked)
        return jsonify([])

    @blue.get("/limits")
    def get_limits() -> Answer:
        return jsonify(world.limits.to_json())

    @blue.put("/limits")
    def put_limits() -> Answer:
        world.limits.update(_body())
        return get_limits()


def _webhooks(blue: Blueprint, world: World, site: Site) -> None:
    engine = world.engines[site.name]

    @blue.get("/webhooks")
    def get_switches() -> Answer:
        return jsonify(vars(engine.switches))

    @blue.put("/webhooks")
    def put_switches() -> Answer:
        engine.switches.update(_body())
        return get_switches()

    @blue.post("/webhooks/release")
    def release() -> Answer:
        return jsonify(released=engine.release())

    @blue.get("/webhooks/log")
    def log() -> Answer:
        return jsonify(engine.log(request.args.get("last", 100, type=int)))

    @blue.get("/webhooks/idle")
    def idle() -> Answer:
        return jsonify(pending=engine.pending())


def _data(blue: Blueprint, world: World, site: Site) -> None:
    @blue.post("/reset")
    def reset() -> Answer:
        with site.lock:
            world.engines[site.name].reset()
            world.engines[site.name].restore()
            world.faults[site.name].replace([])
            world.faults[site.name].let_go()
            world.faults[site.name].latency = 0.0
            world.refusals[site.name].replace([])
            world.calls[site.name].clear()
            world.limits.update(Limits().to_json())
            workflows.seed_workflows(site)
            media.forget_rules(site)
            for issue in site.issues.values():
                attaching.forget(site, issue)
            site.forget_issues()
            restore(site)
            seed_issues(site)
        return jsonify(site.describe())

    @blue.put("/names")
    def names() -> Answer:
        asked = _body()
        with site.lock:
            rename(site, asked)
        return jsonify(site.describe())

    @blue.post("/issues")
    def many() -> Answer:
        asked = _body()
        count = asked.get("count", 1)
        if not isinstance(count, int) or not 1 <= count <= 200_000:
            raise JiraError(400, "count: must be a whole number from 1 to 200000")
        webhooks = asked.get("webhooks") is True
        with site.lock:
            keys = make_issues(
                site, count, asked.get("project"), asked.get("issuetype"), webhooks=webhooks
            )
        return jsonify(count=len(keys), first=keys[0], last=keys[-1], keys=keys[:1000])


def rename(site: Site, asked: JsonDict) -> None:
    """Give projects (by key), issue types and people (by id) other names. Raises JiraError 400."""
    projects = {one.key: one for one in site.projects.values()}
    known: dict[str, dict[str, Any]] = {
        "projects": projects, "issueTypes": site.issue_types, "users": site.users,
    }  # fmt: skip
    for kind, names in asked.items():
        if kind not in known or not isinstance(names, dict):
            raise JiraError(400, f"{kind}: is none of {sorted(known)}, each an object of names")
        for one, name in names.items():
            if one not in known[kind] or not isinstance(name, str) or not name:
                raise JiraError(400, f"{kind}.{one}: must be known here, and its name a text")
    for key, name in asked.get("projects", {}).items():
        site.projects[projects[key].id] = replace(projects[key], name=name)
    for type_id, name in asked.get("issueTypes", {}).items():
        site.issue_types[type_id] = replace(site.issue_types[type_id], name=name)
    for account_id, name in asked.get("users", {}).items():
        site.users[account_id].display_name = name


def make_issues(
    site: Site, count: int, project_key: str | None, type_name: str | None, *, webhooks: bool
) -> list[str]:
    """Make many issues fast. Raises JiraError 400 for an unknown project or type."""
    project = site.project(project_key) if project_key else next(iter(site.projects.values()))
    if project is None:
        raise JiraError(400, f"project: '{project_key}' is not a project of this site")
    kinds = {site.issue_types[t].name: t for t in project.issue_types}
    type_id = kinds.get(type_name or "Task")
    if type_id is None:
        raise JiraError(400, f"issuetype: '{type_name}' is none of {sorted(kinds)}")
    people = [u.account_id for u in site.people() if u.can_edit]
    priorities = [p.id for p in site.priorities.values() if p.projects is None]
    keys = []
    for number in range(count):
        fields = {
            "summary": f"Generated issue {number + 1}",
            "description": paragraph(f"Made by the sandbox as number {number + 1}"),
            "priority": priorities[number % len(priorities)],
            "labels": ["generated", f"batch-{number % 10}"],
        }
        issue = editing.create(
            site, project, type_id, fields, {}, actor=people[number % len(people)],
            secondary=True, silent=not webhooks,
        )  # fmt: skip
        keys.append(issue.key)
    return keys
