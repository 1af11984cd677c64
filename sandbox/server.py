"""The web server of one site: every call's way from the socket to its handler and back."""

from __future__ import annotations

import importlib
import json
import logging
import time
import uuid
from typing import Any

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from sandbox import traffic
from sandbox.auth import ANYBODY, Caller, identify, unauthorized
from sandbox.errors import JiraError, PlainError
from sandbox.limits import Refusal
from sandbox.openapi import Operation
from sandbox.rest import ROUTES, Ctx, Route
from sandbox.site import Site
from sandbox.world import World

LOG = logging.getLogger("sandbox")
JSON_TYPE = "application/json;charset=UTF-8"
# What Jira serves to those whom it knows alone.
# Reference: https://github.com/MrRefactoring/jira.js/issues/418
OF_ACCOUNTS = ("myself", "mypermissions")


def create_site_app(world: World, site: Site) -> Flask:
    """The Flask application of one site: REST v2 and v3, Connect, control API, host pages."""
    app = Flask(__name__)
    app.config["SANDBOX_WORLD"] = world
    app.config["SANDBOX_SITE"] = site
    app.url_map.strict_slashes = False
    for name in (
        "meta",
        "people",
        "components",
        "versions",
        "options",
        "groups",
        "watching",
        "issues",
        "workflow",
        "search",
        "jql",
        "history",
        "comments",
        "props",
        "bulk",
        "attachments",
        "worklogs",
        "links",
        "remote_links",
        "by_id",
    ):
        importlib.import_module(f"sandbox.rest.{name}")
    for entry in ROUTES:
        _add_route(app, world, site, entry)
    from sandbox.control import control_blueprint

    app.register_blueprint(control_blueprint(world, site))
    try:
        pages = importlib.import_module("sandbox.pages")
    except ModuleNotFoundError as error:
        if error.name != "sandbox.pages":
            raise
    else:
        app.register_blueprint(pages.blueprint)
    app.register_error_handler(HTTPException, _http_error)
    app.add_url_rule("/_edge/tenant_info", view_func=lambda: {"cloudId": site.cloud_id})
    return app


def _http_error(error: HTTPException) -> Response | HTTPException:
    if not request.path.startswith(("/rest/", "/sandbox/")):
        return error
    body = {"errorMessages": [error.description or error.name], "errors": {}}
    return _json(error.code or 500, body)


def _add_route(app: Flask, world: World, site: Site, entry: Route) -> None:
    operation = world.document.operation(entry.method, entry.documented)
    flask_path = entry.path.replace("{", "<").replace("}", ">")
    versions = [(3, flask_path)] if entry.plain else [
        (3, f"/rest/api/3/{flask_path}"),
        (2, f"/rest/api/2/{flask_path}"),
        (3, f"/rest/api/latest/{flask_path}"),
    ]  # fmt: skip
    for version, path in versions:
        call = _Call(world, site, entry, operation, version)
        app.add_url_rule(path, f"{entry.method} {path}", call.run, methods=[entry.method])


def _json(status: int, body: Any) -> Response:
    text = "" if body is None else json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return Response(text, status, content_type=JSON_TYPE)


def _whole(body: Any) -> Any:
    """The body with a question mark for each half of a character: UTF-8 knows no such thing."""
    text = json.dumps(body, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.loads(text.encode(errors="replace"))
    return body


class _Call:
    """The steps that every call of one operation takes."""

    def __init__(
        self, world: World, site: Site, entry: Route, operation: Operation | None, version: int
    ) -> None:
        self.world = world
        self.site = site
        self.entry = entry
        self.operation = operation
        self.version = version

    def run(self, **path: str) -> Response:
        """Answer one call."""
        headers: dict[str, str] = {"X-AREQUESTID": uuid.uuid4().hex}
        try:
            answer = self._answer(path, headers)
        except PlainError as error:
            answer = Response(error.text, error.status, content_type="text/plain;charset=UTF-8")
        except JiraError as error:
            answer = _json(error.status, error.to_json())
        answer.headers.extend(headers)
        return answer

    def _answer(self, path: dict[str, str], headers: dict[str, str]) -> Response:
        if request.method == "GET" and (request.content_length or 0) > 0:
            # Jira's edge refuses a GET with a body before Jira sees it.
            return Response("<html><body>403 Forbidden</body></html>", 403, mimetype="text/html")
        caller = self._caller()
        if caller.expired:
            headers["X-Seraph-LoginReason"] = "AUTHENTICATED_FAILED"
        self.world.calls[self.site.name].add(caller.name, request.method, self._label())
        faults = self.world.faults[self.site.name]
        if faults.latency:
            time.sleep(faults.latency)
        rule = faults.pick(caller.name)
        if rule and (fault := traffic.play(rule)):
            return fault
        if rule and rule.kind == "hold":
            faults.hold(rule.wait)
        if refusal := self._refusal(caller, path):
            headers.update(self._limit_headers(caller, refusal))
            return _json(429, {"errorMessages": ["Rate limit exceeded."], "errors": {}})
        ctx = self._context(caller)
        status, body = self._handle(ctx, path)
        self._spend(caller, body)
        headers.update(self._limit_headers(caller, None))
        answer = self._finish(status, body, check=True)
        if rule and rule.kind == "commit-then-500":
            return _json(500, {"errorMessages": ["Internal server error"], "errors": {}})
        if rule and rule.kind == "half-answer":
            return traffic.halve(answer)
        if rule and rule.kind == "hold-answer":
            faults.hold(rule.wait)
        return answer

    def _label(self) -> str:
        if self.entry.plain:
            return self.entry.path
        return f"/rest/api/{self.version}/{self.entry.path}"

    def _caller(self) -> Caller:
        with self.site.lock:
            caller = identify(self.site, request)
        if caller is None:
            if not self.entry.anonymous:
                raise unauthorized("no credentials were sent")
            return Caller(ANYBODY)
        if caller.expired and (self.entry.path in OF_ACCOUNTS or self.entry.plain):
            raise unauthorized("the API token has expired")
        scope = self.operation.scope if self.operation else ""
        if not scope:
            scope = {"GET": "READ", "DELETE": "DELETE"}.get(request.method, "WRITE")
        if not caller.has_scope(scope):
            raise JiraError(
                403, f"The app lacks the scope {scope} that {request.method} {self._label()} needs."
            )
        return caller

    def _refusal(self, caller: Caller, path: dict[str, str]) -> Refusal | None:
        issue_path = path.get("issueIdOrKey")
        issue = self.site.issue(issue_path) if issue_path else None
        return self.world.limits.check(
            site=self.site.name,
            app=caller.app.key if caller.app else None,
            caller=caller.app.key if caller.app else caller.user.account_id,
            method=request.method,
            path=self._label(),
            issue=issue.id if issue else None,
        )

    def _limit_headers(self, caller: Caller, refusal: Refusal | None) -> dict[str, str]:
        return self.world.limits.headers(caller.app.key if caller.app else None, refusal)

    def _context(self, caller: Caller) -> Ctx:
        if self.entry.intake:
            given = self.entry.intake(self.world)
            return Ctx(self.site, self.world, caller, self.version, request.args, given)
        body: Any = None
        data = request.get_data() if request.method in ("POST", "PUT") else b""
        if data:
            if not (request.mimetype or "").endswith("json"):
                raise JiraError(415, body={"errorMessages": ["Unsupported Media Type"]})
            try:
                body = _whole(json.loads(data))
            except ValueError:
                raise JiraError(400, "There was an error parsing JSON. Check that your request "
                                     "body is valid.") from None  # fmt: skip
        if self.operation:
            check = self.world.document.request_faults
            faults = check(self.operation, request.args, body, bool(data))
            if faults:
                raise JiraError(400, *faults)
        return Ctx(self.site, self.world, caller, self.version, request.args, body)

    def _handle(self, ctx: Ctx, path: dict[str, str]) -> tuple[int, Any]:
        with self.site.lock:
            result = self.entry.handler(ctx, **path)
        if isinstance(result, tuple):
            return result
        return 200, result

    def _spend(self, caller: Caller, body: Any) -> None:
        points = 1
        if self.entry.per_object:
            points = self.entry.per_object(body)
        elif request.method == "GET":
            points = 2
        self.world.calls[self.site.name].add_points(caller.name, points)
        if caller.app:
            self.world.limits.spend(caller.app.key, points)

    def _finish(self, status: int, body: Any, *, check: bool) -> Response:
        if isinstance(body, Response):
            return body
        if check and body is not None and self.operation:
            faults = self.world.document.answer_faults(self.operation, status, body)
            if faults:
                text = f"{request.method} {request.path} {status}: {'; '.join(faults)}"
                LOG.error("answer breaks Atlassian's document: %s", text)
                self.world.broken_answers.append(text)
                return _json(500, {"errorMessages": [f"sandbox fault: {text}"], "errors": {}})
        return _json(status, body)
