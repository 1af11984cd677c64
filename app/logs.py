"""Structured logs: one line of JSON an event, on standard error; no issue content, no secrets."""

from __future__ import annotations

import logging
import sys
import time
import uuid

import structlog
from flask import Flask, Response, g, request

log = structlog.get_logger("request")


def configure_logs(level: int = logging.INFO) -> None:
    """Send our own lines and other libraries' warnings to standard error, one a line."""
    logging.basicConfig(
        level=logging.WARNING,
        stream=sys.stderr,
        format='{"level": "%(levelname)s", "event": "%(message)s", "logger": "%(name)s"}',
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def log_requests(app: Flask) -> None:
    """One line a request, with its id; never the query string: it may carry a token."""

    @app.before_request
    def begin() -> None:
        g.request_id = uuid.uuid4().hex
        g.began = time.perf_counter()
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request=g.request_id)

    @app.after_request
    def end(response: Response) -> Response:
        caller = g.get("caller")
        log.info(
            "request",
            method=request.method,
            path=request.path,
            status=response.status_code,
            ms=round((time.perf_counter() - g.get("began", time.perf_counter())) * 1000, 1),
            tenant=str(caller.tenant) if caller else None,
        )
        return response
