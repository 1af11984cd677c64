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

    # Here and below: the object behind `g`, asked for once. Each use of `g` looks it up anew.
    @app.before_request
    def begin() -> None:
        own = g._get_current_object()
        own.request_id = uuid.uuid4().hex
        own.began = time.perf_counter()
        own.pop("status", None)
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request=own.request_id)

    @app.after_request
    def answered(response: Response) -> Response:
        g.status = response.status_code
        return response

    @app.teardown_request
    def end(_fault: BaseException | None) -> None:
        # Here rather than after the request: this runs even where another hook has failed.
        own, asked = g._get_current_object(), request._get_current_object()  # type: ignore[attr-defined]
        if "began" not in own:
            return
        rule, method = asked.url_rule, asked.method
        log.info(
            "request",
            method=method if method in METHODS else "OTHER",
            endpoint=rule.endpoint if rule else None,
            route=rule.rule if rule else None,
            status=own.get("status", 500),
            ms=round((time.perf_counter() - own.began) * 1000, 1),
            proof=getattr(own.get("caller"), "proof", None),
        )
        structlog.contextvars.clear_contextvars()
