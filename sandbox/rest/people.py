"""Users and permissions."""

from __future__ import annotations

from typing import Any

from flask import request

from sandbox.errors import JiraError
from sandbox.keeping import administers
from sandbox.model import JsonDict, User
from sandbox.render import View
from sandbox.rest import Ctx, route
from sandbox.values import Intake
from sandbox.values.people import assignable

LOCALES = ("en_US", "en_UK", "de_DE", "es_ES", "fr_FR", "it_IT", "ja_JP", "pt_BR")
"""The languages of the site, its own first."""
GLOBAL_PERMISSIONS = ("ADMINISTER", "SYSTEM_ADMIN", "USER_PICKER", "BULK_CHANGE")
PROJECT_PERMISSIONS = (
    "BROWSE_PROJECTS", "CREATE_ISSUES", "EDIT_ISSUES", "TRANSITION_ISSUES", "DELETE_ISSUES",
    "ADD_COMMENTS", "ASSIGN_ISSUES", "ADMINISTER_PROJECTS", "MODIFY_REPORTER", "WORK_ON_ISSUES",
)  # fmt: skip


def _full(ctx: Ctx, user: User) -> JsonDict:
    shown = View(ctx.site, ctx.version, "UTC").user_of(user)
    if user.email and _shows_email(ctx, user):
        shown["emailAddress"] = user.email
    return shown


def _shows_email(ctx: Ctx, user: User) -> bool:
    """Whether the caller may know the address: where the profile shows it, or as one's own."""
    return user.shows_email or ctx.caller.user.account_id == user.account_id


@route("GET", "myself")
def myself(ctx: Ctx) -> Any:
    """The calling account."""
    shown = _full(ctx, ctx.caller.user)
    return {**shown, "locale": _locale(ctx), "expand": "groups,applicationRoles"}


@route("GET", "mypreferences/locale")
def get_locale(ctx: Ctx) -> Any:
    """The language of the caller's pages: the one that was chosen, else the browser's."""
    return {"locale": _locale(ctx)}


@route("PUT", "mypreferences/locale")
def set_locale(ctx: Ctx) -> Any:
    """Choose the language of the caller's pages."""
    locale = ctx.body.get("locale")
    if locale not in LOCALES:
        raise JiraError(400, f"The locale {locale!r} is not supported by this instance.")
    ctx.caller.user.locale = locale
    return 204, None


def _locale(ctx: Ctx) -> str:
    if ctx.caller.user.locale:
        return ctx.caller.user.locale
    for wanted, quality in request.accept_languages:
        tag = wanted.replace("-", "_").lower()
        fits = (one for one in LOCALES if one.lower() == tag or one[:2] == tag.partition("_")[0])
        if quality > 0 and (found := next(fits, None)):
            return found
    return LOCALES[0]


@route("GET", "user")
def get_user(ctx: Ctx) -> Any:
    """One account by id."""
    account_id = ctx.args.get("accountId", "")
    user = ctx.site.users.get(account_id)
    if not account_id:
        raise JiraError(400, "The accountId query parameter needs to be provided.")
    if user is None:
        raise JiraError(404, f"Specified user does not exist or you do not have required "
                             f"permissions to access it: {account_id}")  # fmt: skip
    return _full(ctx, user)


@route("GET", "user/search")
def search_users(ctx: Ctx) -> Any:
    """Accounts by part of the name or email, or by id."""
    start, size = ctx.int_arg("startAt", 0), ctx.int_arg("maxResults", 50, most=1000)
    account_id, query = ctx.args.get("accountId"), ctx.args.get("query", "").casefold()
    if account_id:
        found = [u for u in ctx.site.users.values() if u.account_id == account_id]
    elif "query" in ctx.args:
        found = [
            u
            for u in ctx.site.people()
            if u.active
            and (
                query in u.display_name.casefold()
                or (u.email.startswith(query) and _shows_email(ctx, u))
            )
        ]
    else:
        raise JiraError(400, "Provide one of the query parameters: query, accountId, property.")
    return [_full(ctx, u) for u in found[start : start + size]]


@route("GET", "users/search")
@route("GET", "users")
def all_users(ctx: Ctx) -> Any:
    """Every account, apps included."""
    start, size = ctx.int_arg("startAt", 0), ctx.int_arg("maxResults", 50, most=1000)
    return [_full(ctx, u) for u in list(ctx.site.users.values())[start : start + size]]


@route("GET", "user/bulk")
def bulk_users(ctx: Ctx) -> Any:
    """Accounts by their ids, in pages."""
    found = [ctx.site.users[a] for a in ctx.args.getlist("accountId") if a in ctx.site.users]
    return ctx.page([_full(ctx, u) for u in found], default=10, most=200, path="user/bulk")


@route("GET", "user/assignable/search")
def assignable_users(ctx: Ctx) -> Any:
    """The people to whom an issue, or the issues of a project, may be assigned."""
    start, size = ctx.int_arg("startAt", 0), ctx.int_arg("maxResults", 50, most=1000)
    if named := ctx.args.get("issueKey") or ctx.args.get("issueId"):
        project = ctx.site.projects[ctx.issue(named).project_id]
    elif named := ctx.args.get("project"):
        project = ctx.project(named)
    else:
        raise JiraError(400, "Provide one of the query parameters: project, issueKey, issueId.")
    query, account_id = ctx.args.get("query", "").casefold(), ctx.args.get("accountId")
    intake = Intake(ctx.site, ctx.version, project)
    found = [
        u
        for u in ctx.site.people()
        if assignable(intake, u)
        and account_id in (None, u.account_id)
        and (
            query in u.display_name.casefold()
            or (u.email.startswith(query) and _shows_email(ctx, u))
        )
    ]
    return [_full(ctx, u) for u in found[start : start + size]]


def _granted(user: User, permission: str, project_key: str | None) -> bool:
    if permission in ("ADMINISTER", "SYSTEM_ADMIN"):
        return user.admin
    if permission == "ADMINISTER_PROJECTS":
        return administers(user, project_key)
    if project_key and user.browse is not None and project_key not in user.browse:
        return False
    if permission in ("BROWSE_PROJECTS", "USER_PICKER"):
        return True
    return user.can_edit


@route("POST", "permissions/check")
def check_permissions(ctx: Ctx) -> Any:
    """Which of the asked permissions an account has; others may be asked for by admins and apps."""
    asked = ctx.body or {}
    account_id = asked.get("accountId", ctx.caller.user.account_id)
    another = account_id != ctx.caller.user.account_id
    if another and ctx.caller.app is None and not ctx.caller.user.admin:
        raise JiraError(403, "You are not authorized to check the permissions of another user.")
    user = ctx.site.users.get(account_id)
    if user is None:
        raise JiraError(400, f"Invalid accountId: {account_id}")
    globals_asked = asked.get("globalPermissions", [])
    for name in globals_asked:
        if name not in GLOBAL_PERMISSIONS:
            raise JiraError(400, f"Unrecognized permission: {name}")
    return {
        "globalPermissions": [p for p in globals_asked if _granted(user, p, None)],
        "projectPermissions": _project_grants(ctx, user, asked.get("projectPermissions", [])),
    }


def _project_grants(ctx: Ctx, user: User, asked: list[JsonDict]) -> list[JsonDict]:
    grants = []
    for group in asked:
        for permission in group["permissions"]:
            if permission not in PROJECT_PERMISSIONS:
                raise JiraError(400, f"Unrecognized permission: {permission}")
            projects = [
                p
                for p in group.get("projects", [])
                if (found := ctx.site.projects.get(str(p)))
                and _granted(user, permission, found.key)
            ]
            issues = [
                i
                for i in group.get("issues", [])
                if (hit := ctx.site.issues.get(str(i)))
                and _granted(user, permission, ctx.site.projects[hit.project_id].key)
            ]
            grants.append({"permission": permission, "projects": projects, "issues": issues})
    return grants


@route("GET", "mypermissions")
def my_permissions(ctx: Ctx) -> Any:
    """Which of the named permissions the caller has, anywhere or in a project."""
    names = ctx.list_arg("permissions")
    if not names:
        raise JiraError(400, "The 'permissions' query parameter is required.")
    project_key = None
    if named := ctx.args.get("projectKey") or ctx.args.get("projectId"):
        project_key = ctx.project(named).key
    elif named := ctx.args.get("issueKey") or ctx.args.get("issueId"):
        project_key = ctx.site.projects[ctx.issue(named).project_id].key
    shown = {}
    for number, name in enumerate(names):
        if name not in GLOBAL_PERMISSIONS + PROJECT_PERMISSIONS:
            raise JiraError(400, f"Unrecognized permission: {name}")
        shown[name] = {
            "id": str(number),
            "key": name,
            "name": name.replace("_", " ").capitalize(),
            "type": "GLOBAL" if name in GLOBAL_PERMISSIONS else "PROJECT",
            "description": "",
            "havePermission": _granted(ctx.caller.user, name, project_key),
        }
    return {"permissions": shown}
