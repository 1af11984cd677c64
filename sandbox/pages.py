"""The pages of a site: its board and issue view, and the host page that embeds an app's iframe."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from flask import (
    Blueprint,
    Response,
    abort,
    current_app,
    jsonify,
    redirect,
    render_template,
    request,
    send_file,
)
from werkzeug.wrappers import Response as BaseResponse

from sandbox import modules
from sandbox.keeping import administers
from sandbox.model import Issue, JsonDict, Priority, Project, User
from sandbox.modules import Shown
from sandbox.site import Site
from sandbox.world import World

ROOT = Path(__file__).resolve().parent.parent
BRIDGE = ROOT / "node_modules/atlassian-connect-js/dist"
VENDOR = {
    "jquery.js": ROOT / "node_modules/jquery/dist/jquery.min.js",
    "connect-host.js": BRIDGE / "connect-host.js",
    "connect-host.css": BRIDGE / "connect-host.css",
    "tokens.css": ROOT / "static/vendor/tokens.css",
}
SHOWN_ISSUES = 100
THEME_COOKIE = "sandbox_theme"

blueprint = Blueprint("pages", __name__, static_folder="static", static_url_path="/sandbox/static")


def this_site() -> Site:
    """The site whose origin was called."""
    return cast(Site, current_app.config["SANDBOX_SITE"])


def this_world() -> World:
    """All sites of this process."""
    return cast(World, current_app.config["SANDBOX_WORLD"])


def session_account(site: Site) -> User:
    """The person signed in to the site's pages: the cookie's, else the site's admin."""
    chosen = site.users.get(request.cookies.get(site.cookie_name, ""))
    if chosen and chosen.account_type == "atlassian":
        return chosen
    return next(user for user in site.people() if user.admin)


def app_pages(site: Site, user: User) -> list[Shown]:
    """The pages of the site's enabled apps that the person is shown, in the order of a menu."""
    kinds = modules.MENU if user.admin else modules.MENU[:1]
    return modules.shown(site, user, modules.Place(), kinds)


@blueprint.after_request
def _frame_rules(response: Response) -> Response:
    # A site may be framed by the demo's first page, which is on the first site; apps may come
    # from any address, so their frames may too.
    first = next(iter(this_world().sites.values())).base_url
    response.headers["Content-Security-Policy"] = (
        "default-src 'self'; frame-src http: https:; img-src 'self' data:; base-uri 'none'; "
        # Atlassian's host bridge brings styles of its own into the page.
        "style-src 'self' 'unsafe-inline'; "
        f"form-action 'self'; frame-ancestors 'self' {first}"
    )
    response.headers["Referrer-Policy"] = "same-origin"
    return response


@blueprint.get("/")
def board() -> Response:
    """The site's issues by project; `?compact=1` without the frame of navigation."""
    compact = request.args.get("compact") == "1"
    return _page("board.html", compact=compact, project=request.args.get("project", ""))


@blueprint.get("/browse/<key>")
def issue_view(key: str) -> Response:
    """One issue, to read and to change by hand."""
    site = this_site()
    with site.lock:
        issue = _visible_issue(site, key)
        project = site.projects[issue.project_id]
        options = [p for p in site.priorities.values() if _usable(p, project)]
        kind = site.issue_types[issue.type_id].name
        user = session_account(site)
        panels = modules.panels(site, user, issue)
        settings = modules.project_pages(site, user, project)
    return _page(
        "issue.html",
        issue=issue,
        project=project,
        priorities=options,
        kind=kind,
        panels=panels,
        settings=settings[:1],
    )


@blueprint.get("/projects/<key>/settings")
@blueprint.get("/projects/<key>/settings/apps/<app_key>/<module_key>")
def project_settings(key: str, app_key: str = "", module_key: str = "") -> Response:
    """The apps' pages in a project's settings, for those who administer the project."""
    site = this_site()
    with site.lock:
        project, user = site.project(key), session_account(site)
        if project is None or not administers(user, project.key):
            abort(404, f"There is no project {key!r}, or you may not administer it.")
        pages = modules.project_pages(site, user, project)
    chosen = [one for one in pages if (one.app_key, one.key) == (app_key, module_key)]
    if module_key and not chosen:
        abort(404, f"No enabled app {app_key!r} with a page {module_key!r} is installed here.")
    return _page(
        "project.html", project=project, pages=pages, app_page=(chosen or [*pages, None])[0]
    )


@blueprint.get("/plugins/servlet/ac/<app_key>/<module_key>")
def host_page(app_key: str, module_key: str) -> Response:
    """The page that embeds an app's page, at the address Jira gives it."""
    for page in _pages_now():
        if (page.app_key, page.key) == (app_key, module_key):
            return _page("host.html", app_page=page)
    abort(404, f"No enabled app {app_key!r} with a page {module_key!r} is installed here.")


@blueprint.get("/side-by-side")
def side_by_side() -> BaseResponse:
    """The first site's issues, the second's beside them, and the app's page below."""
    first, second = list(this_world().sites.values())[:2]
    if this_site() is not first:
        return redirect(f"{first.base_url}/side-by-side")
    wanted = request.args.get("app"), request.args.get("module")
    pages = _pages_now()
    page = next((p for p in pages if (p.app_key, p.key) == wanted), pages[0] if pages else None)
    left = request.args.get("left") or _first_project(first)
    right = request.args.get("right") or _first_project(second)
    return _page("side_by_side.html", other=second, app_page=page, left=left, right=right)


@blueprint.get("/sandbox/pages/board")
def board_data() -> Response:
    """What the board shows, as JSON; asked every second, so it is outside the REST counters."""
    site = this_site()
    user = session_account(site)
    with site.lock:
        projects = [_project_row(site, p) for p in site.projects.values() if _sees(user, p)]
    return jsonify(site=site.title, canEdit=user.can_edit, projects=projects)


@blueprint.get("/sandbox/pages/issues/<key>")
def issue_stamp(key: str) -> Response:
    """When the issue last changed (epoch milliseconds), so that its view knows when to reload."""
    site = this_site()
    with site.lock:
        issue = _visible_issue(site, key)
        return jsonify(updated=issue.updated, comments=len(issue.comments))


@blueprint.get("/sandbox/pages/apps")
def installed_pages() -> Response:
    """The pages of the installed apps, for a page that waits for an installation."""
    return jsonify([{"app": p.app_key, "module": p.key, "title": p.title} for p in _pages_now()])


@blueprint.post("/sandbox/pages/session")
def switch_user() -> BaseResponse:
    """Sign in as another of the site's people (form field `accountId`) and go back."""
    site = this_site()
    account_id = request.form.get("accountId", "")
    if account_id not in {user.account_id for user in site.people()}:
        abort(400, f"accountId: {account_id!r} is none of this site's people")
    back = request.form.get("back", "/")
    # Only a path of this site: "//host" and "/\host" would lead elsewhere.
    safe = back.startswith("/") and not back.startswith(("//", "/\\"))
    answer = redirect(back if safe else "/")
    _remember(answer, site, account_id)
    return answer


@blueprint.get("/atlassian-connect/all.js")
def iframe_bridge() -> BaseResponse:
    """The bridge's iframe side, at the address where apps load it."""
    return _vendor_file(BRIDGE / "iframe.js")


@blueprint.get("/sandbox/vendor/<name>")
def vendor(name: str) -> BaseResponse:
    """The packages that the site's own pages load."""
    if name not in VENDOR:
        abort(404)
    return _vendor_file(VENDOR[name])


def _vendor_file(path: Path) -> BaseResponse:
    if not path.exists():
        abort(404, "The front-end packages are not installed: run `make setup`.")
    return send_file(path, max_age=0)


def _pages_now() -> list[Shown]:
    site = this_site()
    with site.lock:
        return app_pages(site, session_account(site))


def _page(template: str, **values: Any) -> Response:
    site, world = this_site(), this_world()
    with site.lock:
        user = session_account(site)
        text = render_template(
            template,
            site=site,
            user=user,
            people=site.people(),
            first_site=next(iter(world.sites.values())),
            app_menu=app_pages(site, user),
            color_mode="dark" if request.cookies.get(THEME_COOKIE) == "dark" else "light",
            back=request.full_path.rstrip("?"),
            **values,
        )
    answer = Response(text, mimetype="text/html")
    # The page's own calls to the REST API are recognised by this cookie.
    if request.cookies.get(site.cookie_name) != user.account_id:
        _remember(answer, site, user.account_id)
    return answer


def _remember(answer: BaseResponse, site: Site, account_id: str) -> None:
    answer.set_cookie(site.cookie_name, account_id, httponly=True, samesite="Lax", path="/")


def _sees(user: User, project: Project) -> bool:
    return user.browse is None or project.key in user.browse


def _usable(priority: Priority, project: Project) -> bool:
    return priority.projects is None or project.key in priority.projects


def _first_project(site: Site) -> str:
    return next(iter(site.projects.values())).key


def _visible_issue(site: Site, key: str) -> Issue:
    issue = site.issue(key)
    if issue is None or not _sees(session_account(site), site.projects[issue.project_id]):
        abort(404, f"There is no issue {key!r}, or you may not see it.")
    return issue


def _project_row(site: Site, project: Project) -> JsonDict:
    issues = sorted(site.issues_of(project.id), key=lambda issue: int(issue.id), reverse=True)
    return {
        "id": project.id,
        "key": project.key,
        "name": project.name,
        "total": len(issues),
        "types": [
            {"id": kind.id, "name": kind.name}
            for kind in (site.issue_types[type_id] for type_id in project.issue_types)
            if not kind.subtask
        ],
        "priorities": [
            {"id": p.id, "name": p.name} for p in site.priorities.values() if _usable(p, project)
        ],
        "issues": [_issue_row(site, issue) for issue in issues[:SHOWN_ISSUES]],
    }


def _issue_row(site: Site, issue: Issue) -> JsonDict:
    status = site.statuses[issue.fields["status"]]
    return {
        "id": issue.id,
        "key": issue.key,
        "type": site.issue_types[issue.type_id].name,
        "summary": issue.fields.get("summary") or "",
        "status": status.name,
        "category": status.category,
        "priority": issue.fields.get("priority") or "",
        "due": issue.fields.get("duedate") or "",
        "labels": " ".join(issue.fields.get("labels") or ()),
        "updated": issue.updated,
    }
