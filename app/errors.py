"""The project's exceptions and their problem+json answers (RFC 9457)."""

from __future__ import annotations

import json

import structlog
from flask import Flask, Response, g
from werkzeug.exceptions import HTTPException

from app.language import gettext as _
from app.language import tell

log = structlog.get_logger(__name__)


class Problem(Exception):
    """An expected refusal: a status, a code for machines, a sentence for people.

    `detail` says what is wrong and what to do; `field` names the input at fault, if one is.
    """

    status = 400
    code = "bad-request"

    def __init__(
        self,
        detail: str,
        *,
        status: int | None = None,
        code: str | None = None,
        field: str | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.status = status or type(self).status
        self.code = code or type(self).code
        self.field = field


class NotAuthorised(Problem):
    """The caller is not who he must be. The reason is for our log only."""

    status = 401
    code = "not-authorised"

    def __init__(self, reason: str) -> None:
        super().__init__(_("Not authorised."))
        self.reason = reason


class Forbidden(Problem):
    """The caller is known, and may not do this."""

    status = 403
    code = "forbidden"


class NotFound(Problem):
    """There is no such thing for this caller."""

    status = 404
    code = "not-found"

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail or _("There is nothing here under this name."))


def problem_response(problem: Problem) -> Response:
    """The answer for a problem, as RFC 9457 has it."""
    body: dict[str, str | int] = {
        "type": f"urn:tandem:problem:{problem.code}",
        "title": problem.code.replace("-", " ").capitalize(),
        "status": problem.status,
        "detail": tell(problem.detail),
    }
    if problem.field:
        body["field"] = problem.field
    request_id = g.get("request_id")
    if request_id:
        body["instance"] = f"urn:tandem:request:{request_id}"
    response = Response(
        json.dumps(body), status=problem.status, content_type="application/problem+json"
    )
    response.headers["Cache-Control"] = "no-store"
    if problem.status == 401:
        response.headers["WWW-Authenticate"] = "JWT"
    return response


def internal_error() -> Problem:
    """What a caller is told of a fault of ours."""
    return Problem(
        _("Something went wrong on our side; it is in our log. Try again in a minute."),
        status=500,
        code="internal-error",
    )


def answer_to_refusal(problem: Problem, detail: str | None = None) -> Response:
    """The answer to a refusal, which is logged. `detail`: what the caller is told, where that is
    not what the refusal says."""
    # Never the detail: it may quote what the caller, or a site, has sent.
    log.info(
        "refused",
        status=problem.status,
        code=problem.code,
        field=problem.field,
        reason=problem.reason if isinstance(problem, NotAuthorised) else None,
        site_status=getattr(problem, "site_status", None),
    )
    if detail is not None:
        problem = Problem(detail, status=problem.status, code=problem.code, field=problem.field)
    return problem_response(problem)


def register_error_answers(app: Flask) -> None:
    """Every refusal of the app, expected or Werkzeug's or a fault, leaves as problem+json."""

    app.register_error_handler(Problem, answer_to_refusal)

    @app.errorhandler(HTTPException)
    def http(fault: HTTPException) -> Response:
        status = fault.code or 500
        response = problem_response(
            Problem(
                fault.description or fault.name,
                status=status,
                code=fault.name.lower().replace(" ", "-"),
            )
        )
        allow = dict(fault.get_headers()).get("Allow")
        if allow:
            response.headers["Allow"] = allow
        return response

    @app.errorhandler(Exception)
    def unexpected(fault: Exception) -> Response:
        log.exception("fault")
        return problem_response(internal_error())
