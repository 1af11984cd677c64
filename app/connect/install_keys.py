"""Atlassian's public keys, which sign `installed` and `uninstalled`."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future

import requests
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from urllib3.exceptions import HTTPError

from app.errors import NotAuthorised
from app.memory import Memory

KEY_ID = re.compile(r"[A-Za-z0-9_-](?:[A-Za-z0-9._-]{0,126}[A-Za-z0-9_-])?")
KEY_LIMIT = 16 * 1024  # bytes
KEY_BITS = 2048  # at least
PLACE_SECONDS = 5.0  # for one place to give a key, however it drips
PLACE_FETCHES = 4  # at one time; more wait their turn
KEPT_SECONDS, KEPT_ENTRIES = 3600.0, 64
MISSING_SECONDS, MISSING_ENTRIES = 30.0, 256


class InstallKeys:
    """Fetches a key by its id from the configured places, in order, and keeps it for an hour.

    That no place has a key is kept for half a minute. Whoever asks for a key that is being fetched
    waits for that one fetch.
    """

    def __init__(
        self,
        urls: tuple[str, ...],
        clock: Callable[[], float] = time.monotonic,
        place_seconds: float = PLACE_SECONDS,
    ) -> None:
        self._places = [_Place(url, place_seconds) for url in urls]
        self._kept: Memory[str, str] = Memory(KEPT_SECONDS, KEPT_ENTRIES, clock)
        # Apart from the keys: a flood of made-up ids must push none of them out.
        self._missing: Memory[str, bool] = Memory(MISSING_SECONDS, MISSING_ENTRIES, clock)
        self._running: dict[str, Future[str | None]] = {}
        self._lock = threading.Lock()

    def get(self, key_id: object) -> str:
        """The PEM of a key. Raises NotAuthorised where the id is odd or no place has it."""
        # It becomes part of a URL: nothing but a plain id may get there.
        if not isinstance(key_id, str) or not KEY_ID.fullmatch(key_id) or ".." in key_id:
            raise NotAuthorised("token: kid is not a plain id")
        pem = self._known_or_fetched(key_id)
        if pem is None:
            raise NotAuthorised("token: no place has the install key that kid names")
        return pem

    def _known_or_fetched(self, key_id: str) -> str | None:
        with self._lock:
            pem = self._kept.get(key_id)
            if pem is not None or self._missing.get(key_id):
                return pem
            running = self._running.get(key_id)
            if running is None:
                mine = self._running[key_id] = Future()
        if running is not None:
            return running.result()
        pem = None
        try:
            pem = self._fetch(key_id)
        finally:
            with self._lock:
                del self._running[key_id]
            mine.set_result(pem)
        return pem

    def _fetch(self, key_id: str) -> str | None:
        """Ask the places in order, and keep what they say."""
        all_answered = True
        for place in self._places:
            try:
                pem = place.ask(key_id)
            except (OSError, HTTPError):  # requests' own faults are OSErrors
                all_answered = False
                continue
            if pem is not None:
                with self._lock:
                    self._kept.put(key_id, pem)
                return pem
        if all_answered:  # a silent place may have it
            with self._lock:
                self._missing.put(key_id, True)
        return None


class _Place:
    """One address that serves keys: asked by few at a time, and never waited for long."""

    def __init__(self, url: str, seconds: float) -> None:
        self._url = url
        self._seconds = seconds
        self._turns = threading.BoundedSemaphore(PLACE_FETCHES)

    def ask(self, key_id: str) -> str | None:
        """The PEM; None where the place has no such key. Raises OSError or HTTPError.

        The time-outs of a socket begin anew with each byte, so the fetch has a thread of its own
        that can be left alone with a place that drips; it keeps its turn until it ends.
        """
        end = time.monotonic() + self._seconds
        if not self._turns.acquire(timeout=self._seconds):
            raise TimeoutError("the place is busy")
        answer: Future[str | None] = Future()

        def fetch() -> None:
            try:
                answer.set_result(_download(f"{self._url}/{key_id}", self._seconds))
            except Exception as fault:
                answer.set_exception(fault)
            finally:
                self._turns.release()

        threading.Thread(target=fetch, name="install-key", daemon=True).start()
        return answer.result(timeout=max(0.0, end - time.monotonic()))


def _download(url: str, seconds: float) -> str | None:
    end = time.monotonic() + seconds
    with requests.get(
        url,
        timeout=seconds,
        allow_redirects=False,
        stream=True,
        headers={"Accept-Encoding": "identity"},  # nothing that swells
    ) as answer:
        if answer.status_code == 429 or answer.status_code >= 500:
            raise OSError(f"the place answered {answer.status_code}")
        if answer.status_code != 200:
            return None
        content = b""
        while piece := answer.raw.read1(4096):
            content += piece
            if len(content) > KEY_LIMIT:
                return None
            if time.monotonic() > end:
                raise TimeoutError("the place drips")
    return content.decode("ascii") if _is_key(content) else None


def _is_key(content: bytes) -> bool:
    try:
        key = load_pem_public_key(content)
    except (ValueError, UnsupportedAlgorithm):
        return False
    return isinstance(key, RSAPublicKey) and key.key_size >= KEY_BITS and content.isascii()
