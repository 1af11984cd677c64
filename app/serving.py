"""Runs the long-lived processes: gunicorn for the web, Procrastinate for the worker."""

from __future__ import annotations

import gc
from importlib import import_module
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.errors import AppImportError
from gunicorn.glogging import Logger

from app import Tandem, create_app
from app.errors import Problem
from app.jobs.engine import build_engine
from app.logs import configure_logs
from app.settings import Settings

THREADS = 32
# With what these import, most of what the application needs: imported once, before the fork, it is
# in every process without its time and in the same memory.
SHARED = (
    "app.connect.credential",
    "app.connect.descriptor",
    "app.connect.lifecycle",
    "app.connect.site_news",
    "app.connect.verifier",
    "app.connect.webhooks",
    "app.governance.audit",
    "app.health",
    "app.jira.token_site",
    "app.screens.mount",
    "app.sync.reconcile",
    "app.sync.token_marks",
    "app.vault.check",
)
YOUNG_OBJECTS = 10_000  # before the collector looks at the young ones; Python's own value is 700
REQUEST_LINE_LIMIT = 8190  # bytes: page addresses carry a token


class _Log(Logger):  # type: ignore[misc]
    """Gunicorn's lines through our pipeline: its own text quotes requests that it refuses."""

    def setup(self, cfg: Any) -> None:
        """Take gunicorn's own handlers away again."""
        super().setup(cfg)
        for logger in (self.error_log, self.access_log):
            logger.handlers = []
            logger.propagate = True
        for level in ("critical", "error", "warning", "info", "debug", "exception"):
            # Straight to the logger, so that a line names the place that it comes from.
            setattr(self, level, getattr(self.error_log, level))

    def access(self, *_: Any) -> None:
        """Nothing: the application writes one line a request, and it alone knows the tenant."""


class _Server(BaseApplication):  # type: ignore[misc]
    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        super().__init__()

    def load_config(self) -> None:
        """Gunicorn's settings, from ours."""
        host = "127.0.0.1" if self.settings.insecure_http else "0.0.0.0"  # noqa: S104
        values: dict[str, Any] = {
            "bind": f"{host}:{self.settings.port}",
            "workers": self.settings.web_concurrency,
            "worker_class": "gthread",
            "threads": THREADS,
            "keepalive": 30,
            "graceful_timeout": 5,
            "limit_request_line": REQUEST_LINE_LIMIT,
            "loglevel": "warning",
            "logger_class": _Log,
            "control_socket_disable": True,
        }
        for name, value in values.items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self) -> Flask:
        """The application, made anew in each process: no connection is shared over a fork."""
        configure_logs()
        try:
            app = create_app(self.settings, pool_size=THREADS)
        except Problem as problem:
            # Gunicorn prints the sentence, which is for the operator, and ends.
            raise AppImportError(problem.detail) from None
        _spare_the_collector()
        return app


def _spare_the_collector() -> None:
    """What is there now stays to the end: the garbage collector need not walk it again and again.

    Reading a batch makes thousands of objects, and a full collection at each few thousand took a
    third of a worker's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, 20, 50)


def serve_web(settings: Settings) -> None:
    """Serve until told to stop."""
    configure_logs()
    for module in SHARED:
        import_module(module)
    _spare_the_collector()
    _Server(settings).run()


async def run_worker(settings: Settings) -> None:
    """Work off jobs until SIGTERM or SIGINT; running jobs are finished first."""
    configure_logs()
    app = create_app(settings, pool_size=settings.worker_concurrency + 2, endpoints=False)
    tandem: Tandem = app.extensions["tandem"]
    engine = build_engine(app, tandem.reconciler, tandem.url, settings.worker_concurrency)
    _spare_the_collector()
    async with engine.open_async():
        await engine.run_worker_async(shutdown_graceful_timeout=5.0)
