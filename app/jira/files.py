"""The files of a Jira Cloud site over REST v3, streamed.

Jira keeps files with a media service on a host of its own, and answers a read with a redirect to an
address there that is signed. It is followed under the rules of every call outward, and without our
token: whoever has the address may read the file.
"""

from __future__ import annotations

import re
import secrets
import time
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
from urllib3.exceptions import HTTPError

from app.jira.answers import FILES, understood
from app.jira.item_calls import BrokenOff, File
from app.jira.outbound import CALL_SECONDS, Stopped, streaming_session
from app.jira.site import SiteError
from app.jira.wire import Wire
from app.said import said, together, words_of

# Reference: https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-attachments/
PIECE = 64 * 1024  # bytes
SLOWEST = 256 * 1024  # bytes a second, below which a transfer is given up
HEADROOM = 1024 * 1024  # bytes of answers beside the file
SILENCE_SECONDS = 30.0
HOPS = 3
LIMIT_KEPT_SECONDS = 300.0
REFUSAL_KEPT_SECONDS = 5.0
MEDIA = re.compile(r"/file/([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})(?:/|\Z)")
REDIRECTS = frozenset({301, 302, 303, 307, 308})


_media: dict[tuple[str, str], str | None] = {}
"""What rich text calls a file, by site and file: it never changes."""
_limits: dict[str, tuple[float, int | None]] = {}
MOST_KEPT = 10_000


class CloudFiles:
    """Implements `app.jira.item_calls.Files`."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    @contextmanager
    def read(self, file: File) -> Iterator[Iterator[bytes]]:
        """See Files.read."""
        limit, seconds = file.size + HEADROOM, _seconds(file.size)
        with self._wire.streaming(limit=limit, seconds=seconds) as ours:
            first = self._ask(ours, file.id)
            if first.status_code not in REDIRECTS:
                yield _pieces(first, file.size)
                return
            where = self._target(first, file.id)
            first.close()
            policy = self._wire.policy
            with streaming_session(policy, auth=None, limit=limit, seconds=seconds) as open_one:
                yield _pieces(self._follow(open_one, where), file.size)

    def _ask(self, session: requests.Session, file_id: str) -> requests.Response:
        path = f"rest/api/3/attachment/content/{int(file_id)}"
        return self._wire.told("GET", path, self._send(session, "GET", path))

    def _target(self, answer: requests.Response, file_id: str) -> str:
        where = urljoin(answer.url, answer.headers.get("Location", ""))
        found = MEDIA.search(urlsplit(where).path)
        if len(_media) >= MOST_KEPT:
            _media.clear()
        _media[self._wire.base_url, file_id] = found[1] if found else None
        return where

    def _follow(self, session: requests.Session, where: str) -> requests.Response:
        """The answer at the end of the redirects. Where a socket may open is the guard's to say."""
        site = self._wire.base_url
        for _ in range(HOPS):
            parts = urlsplit(where)
            if parts.scheme not in {"https", "http"} or "@" in parts.netloc:
                raise SiteError(
                    said("%(site)s sends us for a file to where Tandem does not go.", site=site)
                )
            answer = self._called(session, "GET", where)
            if answer.status_code not in REDIRECTS:
                if answer.status_code == 200:
                    return answer
                raise SiteError(
                    said(
                        "The media service of %(site)s answered %(status_code)s.",
                        site=site,
                        status_code=answer.status_code,
                    )
                )
            where = urljoin(where, answer.headers.get("Location", ""))
            answer.close()
        raise SiteError(
            said("%(site)s sends us for a file from one address to the next.", site=site)
        )

    def add(self, issue_id: int, file: File, pieces: Iterable[bytes]) -> dict[str, Any]:
        """See Files.add."""
        form = _Form(file, pieces)
        path = f"rest/api/3/issue/{int(issue_id)}/attachments"
        # All of it may have to be read by the site before it says a word.
        silence = SILENCE_SECONDS + file.size / SLOWEST
        limit, seconds = file.size + HEADROOM, _seconds(file.size)
        with self._wire.streaming(limit=limit, seconds=seconds) as session:
            headers = {"X-Atlassian-Token": "no-check", "Content-Type": form.type}
            sent = self._send(session, "POST", path, data=form, headers=headers, timeout=silence)
            return _made(self._wire.told("POST", path, sent), file)

    def _send(
        self, session: requests.Session, method: str, path: str, **more: Any
    ) -> requests.Response:
        return self._called(session, method, f"{self._wire.base_url}/{path}", **more)

    def _called(
        self, session: requests.Session, method: str, url: str, **more: Any
    ) -> requests.Response:
        """One call, its answer unread. Raises SiteError."""
        headers = {"Accept": "*/*", "Accept-Encoding": "identity"} | more.pop("headers", {})
        options = {"timeout": SILENCE_SECONDS, "allow_redirects": False, "stream": True} | more
        try:
            return session.request(method, url, headers=headers, **options)
        except Stopped as fault:
            raise SiteError(together([self._wire.base_url, words_of(fault)])) from fault
        except requests.RequestException as fault:
            raise SiteError(
                said(
                    "%(base_url)s did not answer (%(name)s). It is tried again.",
                    base_url=self._wire.base_url,
                    name=type(fault).__name__,
                )
            ) from fault

    def delete(self, file_id: str) -> None:
        """See Files.delete."""
        self._wire.call("DELETE", f"rest/api/3/attachment/{int(file_id)}")

    @understood
    def limit(self, size: int) -> int | None:
        """See Files.limit. What was told is believed for some minutes, if the file may go."""
        known = _limits.get(self._wire.base_url)
        refuses = known is not None and (known[1] is None or known[1] < size)
        kept = REFUSAL_KEPT_SECONDS if refuses else LIMIT_KEPT_SECONDS
        if known is None or time.monotonic() - known[0] > kept:
            told = self._wire.call("GET", "rest/api/3/attachment/meta")
            limit = int(told["uploadLimit"]) if told.get("enabled") else None
            known = _limits[self._wire.base_url] = (time.monotonic(), limit)
        return known[1]

    def media_id(self, file_id: str) -> str | None:
        """See Files.media_id. It never changes, so it is asked for once."""
        where = (self._wire.base_url, file_id)
        if where not in _media:
            with self._wire.streaming(limit=HEADROOM, seconds=CALL_SECONDS) as session:
                answer = self._ask(session, file_id)
                self._target(answer, file_id)
                answer.close()
        return _media.get(where)

    def note(self, issue_id: int, notes: Mapping[str, Any]) -> None:
        """See Files.note."""
        path = f"rest/api/3/issue/{int(issue_id)}/properties/{FILES}"
        self._wire.call("PUT", path, body=notes)


def _seconds(size: int) -> float:
    return CALL_SECONDS + size / SLOWEST


def _pieces(answer: requests.Response, size: int) -> Iterator[bytes]:
    """The body of an answer, which must be of this size. Raises BrokenOff."""
    left = size
    try:
        for piece in answer.iter_content(PIECE):
            left -= len(piece)
            if left < 0:
                raise BrokenOff(said("The file went on after its end."))
            yield piece
    except (requests.RequestException, HTTPError, OSError, Stopped) as fault:
        raise BrokenOff(said("The file broke off while it was read.")) from fault
    finally:
        answer.close()
    if left:
        raise BrokenOff(said("The file ended before its end."))


@understood
def _made(answer: requests.Response, file: File) -> dict[str, Any]:
    """What the site tells of the one file that was sent."""
    [made] = answer.json()
    if int(made["size"]) != file.size:
        raise ValueError("another size than was sent")
    return dict(made)


class _Form:
    """A form of one file, sent piece by piece with its length told before."""

    def __init__(self, file: File, pieces: Iterable[bytes]) -> None:
        boundary = f"tandem-{secrets.token_hex(16)}"
        self.type = f"multipart/form-data; boundary={boundary}"
        disposition = f'form-data; name="file"; filename="{quoted(file.name)}"'
        mime = file.mime if re.fullmatch(r"[\w.+-]+/[\w.+-]+", file.mime, re.ASCII) else ""
        head = (
            f"--{boundary}\r\nContent-Disposition: {disposition}\r\n"
            f"Content-Type: {mime or 'application/octet-stream'}\r\n\r\n"
        )
        self._head = head.encode("utf-8", "replace")
        self._tail = f"\r\n--{boundary}--\r\n".encode()
        self._pieces = pieces
        self._length = len(self._head) + file.size + len(self._tail)

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[bytes]:
        yield self._head
        yield from self._pieces
        yield self._tail


def quoted(name: str) -> str:
    """A file's name as a form has it. Reference: https://html.spec.whatwg.org/#multipart-form-data"""
    plain = "".join("_" if unicodedata.category(c) in ("Cc", "Cs") else c for c in name)
    return plain.replace("/", "_").replace("\\", "_").replace('"', "%22") or "file"
