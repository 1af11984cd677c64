"""One line a request, and the request's id and tenant on every other line meanwhile."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING

import structlog

from app.logs.fields import METHODS

if TYPE_CHECKING:
    from flask import Flask, Response

log = structlog.get_logger("request")


def bind_tenant(tenant: uuid.UUID) -> None:
    """Put the caller's tenant on every further line of the running request."""
    structlog.contextvars.bind_contextvars(tenant=tenant)


def log_requests(app: Flask) -> None:
    """One line a request. The path and the query never: a caller may write anything there."""
    from flask import g, request

    @app.before_request
    def begin() -> None:
        g.request_id = uuid.uuid4().hex
        g.began = time.perf_counter()
        g.pop("status", None)
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request=g.request_id)

    @app.after_request
    def answered(response: Response) -> Response:
        g.status = response.status_code
        return response

    @app.teardown_request
    def end(_fault: BaseException | None) -> None:
        # Here rather than after the request: this runs even where another hook has failed.
        if "began" not in g:
            return
        rule = request.url_rule
        log.info(
            "request",
            method=request.method if request.method in METHODS else "OTHER",
            endpoint=rule.endpoint if rule else None,
            route=rule.rule if rule else None,
            status=g.get("status", 500),
            ms=round((time.perf_counter() - g.began) * 1000, 1),
            proof=getattr(g.get("caller"), "proof", None),
        )
        structlog.contextvars.clear_contextvars()
