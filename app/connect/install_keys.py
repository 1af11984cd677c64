"""Atlassian's public keys, which sign `installed` and `uninstalled`."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable

import requests

from app.errors import NotAuthorised

KEY_ID = re.compile(r"[A-Za-z0-9_-](?:[A-Za-z0-9._-]{0,126}[A-Za-z0-9_-])?")
TIMEOUT_SECONDS = 5
KEY_LIMIT = 16 * 1024  # bytes
CACHE_SECONDS = 3600.0
CACHE_ENTRIES = 64


class InstallKeys:
    """Fetches a key by its id from the configured places, in order, and keeps it for an hour."""

    def __init__(self, urls: tuple[str, ...], clock: Callable[[], float] = time.monotonic) -> None:
        self._urls = urls
        self._clock = clock
        self._cache: dict[str, tuple[float, str]] = {}
        self._lock = threading.Lock()

    def get(self, key_id: object) -> str:
        """The PEM of a key. Raises NotAuthorised where the id is odd or no place has it."""
        # It becomes part of a URL: nothing but a plain id may get there.
        if not isinstance(key_id, str) or not KEY_ID.fullmatch(key_id) or ".." in key_id:
            raise NotAuthorised("token: kid is not a plain id")
        with self._lock:
            kept = self._cache.get(key_id)
            if kept is not None and self._clock() - kept[0] < CACHE_SECONDS:
                return kept[1]
        for url in self._urls:
            pem = self._fetch(f"{url}/{key_id}")
            if pem is not None:
                with self._lock:
                    if len(self._cache) >= CACHE_ENTRIES:
                        self._cache.clear()
                    self._cache[key_id] = (self._clock(), pem)
                return pem
        raise NotAuthorised("token: no place has the install key that kid names")

    def _fetch(self, url: str) -> str | None:
        try:
            with requests.get(
                url, timeout=TIMEOUT_SECONDS, allow_redirects=False, stream=True
            ) as answer:
                if answer.status_code != 200:
                    return None
                content = b""
                for piece in answer.iter_content(4096):
                    content += piece
                    if len(content) > KEY_LIMIT:
                        return None
        except (requests.RequestException, OSError):
            return None
        if b"BEGIN PUBLIC KEY" not in content:
            return None
        return str(content.decode("ascii", errors="replace"))
