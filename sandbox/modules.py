"""The pages and panels of apps: which are shown to whom and where, and their signed addresses.

References: https://developer.atlassian.com/cloud/jira/platform/about-jira-modules/
https://developer.atlassian.com/cloud/jira/platform/context-parameters/
https://developer.atlassian.com/cloud/jira/platform/conditions/
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from sandbox import tokens
from sandbox.errors import JiraError
from sandbox.keeping import administers
from sandbox.model import AppInstall, Issue, JsonDict, Project, User
from sandbox.site import Site

PANELS = ("jiraIssueContexts", "jiraIssueContents", "jiraIssueGlances")
"""Modules of the issue view that say in `target` what they show."""
PAGE_KINDS = ("generalPages", "adminPages", "configurePage", "webPanels", "jiraProjectPages",
              "profilePages", "dialogs", "postInstallPage", "jiraProjectAdminTabPanels",
              *PANELS)  # fmt: skip
OTHER_KINDS = ("webhooks", "jiraEntityProperties", "webItems", "webSections", "jiraIssueFields",
               "jiraWorkflowPostFunctions", "jiraReports", "jiraGlobalPermissions",
               "jiraProjectPermissions", "jiraJqlFunctions")  # fmt: skip
# Of whole pages, in the order in which a menu shows them; all but the first are an admin's.
MENU = ("generalPages", "adminPages", "configurePage", "postInstallPage")
RIGHT_OF_ISSUE = "atl.jira.view.issue.right.context"
IN_PROJECT = ("BROWSE_PROJECTS", "EDIT_ISSUES", "ADMINISTER_PROJECTS")


@dataclass(frozen=True)
class Place:
    """Where a person looks: at an issue, at a project, or at neither."""

    issue: Issue | None = None
    project: Project | None = None


def place_of(site: Site, user: User, *, issue: str | None, project: str | None) -> Place:
    """The issue or project that a page is shown at, by key or id. What the person may not see is
    left out, as Jira leaves it out of what it fills in and signs."""
    found = site.issue(issue) if issue else None
    where = site.projects.get(found.project_id) if found else site.project(project or "")
    if where is None or not (user.browse is None or where.key in user.browse):
        return Place()
    return Place(found, where)


# --- what a descriptor says --------------------------------------------------------------


def faults_of(modules: Any) -> list[str]:
    """What Jira would refuse about a descriptor's modules, each fault naming its place."""
    found: list[str] = []
    seen: set[str] = set()
    for kind, content in modules.items():
        if kind not in PAGE_KINDS + OTHER_KINDS:
            found.append(f"modules.{kind}: unknown kind of module")
            continue
        for number, module in enumerate(content if isinstance(content, list) else [content]):
            place = f"modules.{kind}[{number}]"
            if kind == "webhooks":
                found += _webhook_faults(place, module)
                continue
            key = str(module.get("key", ""))
            if not re.fullmatch(r"[A-Za-z0-9-]{1,100}", key):
                found.append(f"{place}.key: must have letters, digits and '-' only")
            if key in seen:
                found.append(f"{place}.key: {key!r} is used twice")
            seen.add(key)
            if not module.get("name", {}).get("value"):
                found.append(f"{place}.name.value: needed")
            found += _page_faults(kind, place, module)
    return found


def _webhook_faults(place: str, module: JsonDict) -> Iterator[str]:
    if not module.get("event"):
        yield f"{place}.event: needed"
    if not str(module.get("url", "")).startswith("/"):
        yield f"{place}.url: must be a path that starts with '/'"


def _page_faults(kind: str, place: str, module: JsonDict) -> Iterator[str]:
    if kind in PAGE_KINDS and not url_of(kind, module):
        yield f"{place}.{'target.url' if kind in PANELS else 'url'}: needed"
    if kind in PANELS and module.get("target", {}).get("type") not in ("web_panel", "WEB_PANEL"):
        yield f"{place}.target.type: must be 'web_panel'"
    if kind in PANELS and not module.get("icon", {}).get("url"):
        yield f"{place}.icon.url: needed"
    needs_label = kind in ("jiraIssueContexts", "jiraIssueGlances")
    if needs_label and not module.get("content", {}).get("label", {}).get("value"):
        yield f"{place}.content.label.value: needed"
    if kind in ("webPanels", "jiraProjectAdminTabPanels") and not module.get("location"):
        yield f"{place}.location: needed"
    yield from _condition_faults(f"{place}.conditions", module.get("conditions", []))


def _condition_faults(place: str, conditions: Any) -> Iterator[str]:
    for number, one in enumerate(conditions if isinstance(conditions, list) else []):
        here = f"{place}[{number}]"
        for group in ("or", "and"):
            if group in one:
                yield from _condition_faults(f"{here}.{group}", one[group])
        name = one.get("condition")
        if name is not None and name not in CONDITIONS:
            yield f"{here}.condition: {name!r} is unknown here; known: {sorted(CONDITIONS)}"
        permission = one.get("params", {}).get("permission")
        if name in ("has_project_permission", "has_issue_permission"):
            if permission not in IN_PROJECT:
                yield f"{here}.params.permission: must be one of {IN_PROJECT}"
        elif name == "has_global_permission" and permission != "ADMINISTER":
            yield f"{here}.params.permission: must be 'ADMINISTER' here"


# --- what is shown to whom ---------------------------------------------------------------


def _may(user: User, place: Place, permission: str) -> bool:
    project = place.project
    if project is None:
        return False
    if permission == "ADMINISTER_PROJECTS":
        return administers(user, project.key)
    return user.can_edit or permission == "BROWSE_PROJECTS"


CONDITIONS: dict[str, Callable[[User, Place, JsonDict], bool]] = {
    "user_is_logged_in": lambda user, place, params: True,
    "user_is_admin": lambda user, place, params: user.admin,
    "user_is_sysadmin": lambda user, place, params: user.admin,
    "user_is_project_admin": lambda user, place, params: _may(user, place, "ADMINISTER_PROJECTS"),
    "has_selected_project": lambda user, place, params: place.project is not None,
    "has_global_permission": lambda user, place, params: user.admin,
    "has_project_permission": lambda user, place, params: _may(user, place, params["permission"]),
    "has_issue_permission": lambda user, place, params: (
        place.issue is not None and _may(user, place, params["permission"])
    ),
}


def holds(conditions: list[JsonDict], user: User, place: Place) -> bool:
    """Whether all conditions of a module hold; one of {"or": […]} does for these."""
    return all(_holds(one, user, place) for one in conditions)


def _holds(one: JsonDict, user: User, place: Place) -> bool:
    if "or" in one:
        return any(_holds(each, user, place) for each in one["or"])
    if "and" in one:
        return holds(one["and"], user, place)
    found = CONDITIONS[one["condition"]](user, place, one.get("params", {}))
    return found is not bool(one.get("invert", False))


@dataclass(frozen=True)
class Shown:
    """A module of an installed app, as a page of the site lists it."""

    app_key: str
    kind: str
    key: str
    title: str
    label: str = ""


def modules_of(app: AppInstall) -> Iterator[tuple[str, JsonDict]]:
    """The kind and content of each of an app's pages and panels."""
    for kind in PAGE_KINDS:
        content = app.modules.get(kind, [])
        for module in content if isinstance(content, list) else [content]:
            yield kind, module


def shown(site: Site, user: User, place: Place, kinds: tuple[str, ...]) -> list[Shown]:
    """The modules of these kinds that a person is shown at a place, app by app, kind by kind; of
    web panels those that stand at the right of an issue."""
    found = []
    for app in site.apps.values():
        for wanted in kinds if app.enabled else ():
            for kind, module in modules_of(app):
                elsewhere = kind == "webPanels" and module["location"] != RIGHT_OF_ISSUE
                if kind != wanted or elsewhere:
                    continue
                if holds(module.get("conditions", []), user, place):
                    found.append(_listed(app, kind, module))
    return found


def _listed(app: AppInstall, kind: str, module: JsonDict) -> Shown:
    name = module.get("name", {}).get("value") or module["key"]
    label = module.get("content", {}).get("label", {}).get("value", "")
    if kind in MENU[1:]:
        name = f"{app.descriptor.get('name') or app.key}: {name}"
    return Shown(app.key, kind, module["key"], name, label)


def panels(site: Site, user: User, issue: Issue) -> list[Shown]:
    """The panels that a person is shown at an issue."""
    place = place_of(site, user, issue=issue.key, project=None)
    return shown(site, user, place, (*PANELS, "webPanels"))


def project_pages(site: Site, user: User, project: Project) -> list[Shown]:
    """The pages of a project's settings: nobody else than its admins gets there."""
    if not administers(user, project.key):
        return []
    place = place_of(site, user, issue=None, project=project.key)
    return shown(site, user, place, ("jiraProjectAdminTabPanels",))


# --- signed addresses --------------------------------------------------------------------


def url_of(kind: str, module: JsonDict) -> str:
    """Where a module's content is, as its descriptor says it; empty where it does not."""
    return str((module.get("target", {}) if kind in PANELS else module).get("url") or "")


def find_module(app: AppInstall, module_key: str) -> tuple[str, JsonDict]:
    """The kind and content of a page or panel. Raises JiraError 404."""
    for kind, module in modules_of(app):
        if module.get("key") == module_key:
            return kind, module
    raise JiraError(404, f"The app {app.key} has no page module '{module_key}'.")


def context_of(site: Site, place: Place) -> JsonDict:
    """The `context` claim: which issue or project the page is shown at."""
    jira: JsonDict = {}
    if place.issue:
        jira["issue"] = {
            "id": place.issue.id,
            "key": place.issue.key,
            "issuetype": {"id": place.issue.type_id},
        }
    if place.project:
        jira["project"] = {"id": place.project.id, "key": place.project.key}
    return {"jira": jira, "url": {"displayUrl": site.base_url}, "license": {"active": True}}


def module_url(
    site: Site,
    app: AppInstall,
    module_key: str,
    user: User,
    *,
    issue: str | None = None,
    project: str | None = None,
    own_context: dict[str, str] | None = None,
    more: dict[str, str] | None = None,
) -> str:
    """The signed address of a page, as the iframe loads it. `own_context`: what `{ac.name}` in the
    module's address is, by the name. Raises JiraError 404."""
    kind, module = find_module(app, module_key)
    context = context_of(site, place_of(site, user, issue=issue, project=project))
    known = {**context["jira"], "ac": own_context or {}}
    path, _, own = fill(url_of(kind, module), known).partition("?")
    query = [
        *parse_qsl(own, keep_blank_values=True),
        ("xdm_e", site.base_url),
        ("xdm_c", f"channel-{app.key}__{module_key}"),
        ("cp", ""),
        ("xdm_deprecated_addon_key_do_not_use", app.key),
        ("lic", "none"),
        ("cv", "1001.0.0-SNAPSHOT"),
        *(more or {}).items(),
    ]
    url = f"{app.base_url}{path}?{urlencode(query, quote_via=quote)}"
    qsh = tokens.hash_of_url("GET", url, app.base_url)
    payload = tokens.claims(app.client_key, qsh, sub=user.account_id, context=context)
    return f"{url}&jwt={tokens.sign_hs256(app.shared_secret, payload)}"


def fill(url: str, context: JsonDict) -> str:
    """Put context values into a URL's {issue.key}, {issue.id}, {issuetype.id}, {project.key},
    {project.id} and the app's own {ac.name}; one that is not known here becomes empty."""
    known = {**context, "issuetype": context.get("issue", {}).get("issuetype", {})}

    def value(match: re.Match[str]) -> str:
        thing, _, name = match[1].partition(".")
        return quote(str(known.get(thing, {}).get(name, "")), safe="")

    return re.sub(r"\$?\{([a-z]+\.[A-Za-z0-9_-]+)\}", value, url)


def context_token(
    site: Site,
    app: AppInstall,
    user: User,
    *,
    issue: str | None = None,
    project: str | None = None,
) -> str:
    """What AP.context.getToken() gives a page."""
    context = context_of(site, place_of(site, user, issue=issue, project=project))
    payload = tokens.claims(
        app.client_key, tokens.CONTEXT_QSH, sub=user.account_id, context=context
    )
    return tokens.sign_hs256(app.shared_secret, payload)
