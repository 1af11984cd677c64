"""Work that asks sites, done beside the thread of somebody who waits, and not for ever."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from flask import Flask, current_app

T = TypeVar("T")

AT_ONCE = 8
_lock = threading.Lock()
_pool: ThreadPoolExecutor | None = None


def begin(work: Callable[[], T]) -> Future[T]:
    """Begin work in another thread, in a context of the app of its own. It goes on where nobody
    waits for it any more."""
    global _pool  # noqa: PLW0603  begun with the first use: processes that fork have none before
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]

    def run() -> T:
        with app.app_context():
            return work()

    with _lock:
        _pool = _pool or ThreadPoolExecutor(AT_ONCE, "beside")
        return _pool.submit(run)
