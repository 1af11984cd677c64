"""Files of attachments on disk, and the media service's address where they are fetched.

Jira keeps files in a service on a host of its own: reading an attachment's content redirects there,
by an address that is signed and good for minutes, and that no credentials may be sent to.
"""

from __future__ import annotations

import secrets
import shutil
import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import urlencode
from weakref import WeakKeyDictionary

import jwt
from flask import Blueprint, Response, request, send_file
from werkzeug.exceptions import RequestedRangeNotSatisfiable
from werkzeug.formparser import FormDataParser
from werkzeug.http import parse_range_header

from sandbox.errors import JiraError, PlainError
from sandbox.model import Attachment
from sandbox.site import Site

if TYPE_CHECKING:
    from sandbox.world import World

LIFE_S = 600
MOST_FILES = 60
SECRET = secrets.token_hex(32)


@dataclass(frozen=True)
class Upload:
    """A file as it came in, on disk."""

    filename: str
    mime: str
    path: Path
    size: int


@dataclass
class Rules:
    """What a site's admins allow; the control API shows and changes it."""

    enabled: bool = True
    uploadLimit: int = 1 << 30
    blockedTypes: list[str] = field(default_factory=list)
    emptyFiles: bool = False
    # Whether an edit that takes the last mention of a file out of the rich texts deletes the file.
    deleteUnmentioned: bool = True

    def update(self, given: dict[str, Any]) -> None:
        """Take the given rules, all or none. Raises ValueError that names what is wrong."""
        known = vars(self)
        for name, value in given.items():
            if name not in known:
                raise ValueError(f"unknown rule {name!r}; known: {sorted(known)}")
            if type(value) is not type(known[name]):
                raise ValueError(f"{name}: must be as it is now, {known[name]!r}")
        for name, value in given.items():
            setattr(self, name, value)


_RULES: WeakKeyDictionary[Site, Rules] = WeakKeyDictionary()


def rules_of(site: Site) -> Rules:
    """What the site's admins allow."""
    return _RULES.setdefault(site, Rules())


def forget_rules(site: Site) -> None:
    """Back to what Jira allows by itself."""
    _RULES.pop(site, None)


class Store:
    """The folder of all files of one process."""

    def __init__(self) -> None:
        """The folder is made when first needed."""
        self._folder: Path | None = None

    @property
    def folder(self) -> Path:
        """Where the files are."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="sandbox-files-"))
        return self._folder

    def close(self) -> None:
        """Delete all files."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def receive(self) -> list[Upload]:
        """Write the files of the request at hand to disk as they come. Raises JiraError."""
        if request.headers.get("X-Atlassian-Token", "").lower() not in ("no-check", "nocheck"):
            raise PlainError(403, "XSRF check failed")
        if request.mimetype != "multipart/form-data":
            raise JiraError(415, body={"errorMessages": ["Unsupported Media Type"]})
        paths: list[Path] = []

        def sink(*_: Any, **__: Any) -> IO[bytes]:
            paths.append(self.folder / uuid.uuid4().hex)
            return paths[-1].open("w+b")

        parser = FormDataParser(stream_factory=sink)
        _, _, files = parser.parse_from_environ(request.environ)
        found = []
        for part in files.getlist("file"):
            part.stream.close()
            path = Path(str(part.stream.name))
            name = (part.filename or "").replace("\\", "/").rsplit("/", 1)[-1] or "file"
            mime = part.mimetype or "application/octet-stream"
            found.append(Upload(name, mime, path, path.stat().st_size))
        discard([path for path in paths if path not in {one.path for one in found}])
        return found


def discard(paths: list[Path]) -> None:
    """Delete files that nothing holds any more."""
    for path in paths:
        path.unlink(missing_ok=True)


# --- the addresses ---------------------------------------------------------------------


def signed_url(hub_url: str, site: Site, one: Attachment) -> str:
    """Where the file can be fetched without credentials, for ten minutes."""
    claims = {"iss": site.cloud_id, "sub": one.media_id, "exp": int(time.time()) + LIFE_S}
    query = {
        "token": jwt.encode(claims, SECRET, algorithm="HS256"),
        "client": site.cloud_id,
        "dl": "true",
        "name": one.filename,
    }
    return f"{hub_url}/file/{one.media_id}/binary?{urlencode(query)}"


def send(one: Attachment) -> Response:
    """The file, or the range of it that was asked for, from disk."""
    asked = request.headers.get("Range")
    if asked and parse_range_header(asked) is None:
        raise JiraError(400, "The range is malformed.")
    try:
        return send_file(
            one.path,
            mimetype=one.mime,
            as_attachment=True,
            download_name=one.filename,
            conditional=True,
            etag=one.media_id,
        )
    except RequestedRangeNotSatisfiable:
        raise JiraError(416, "The range cannot be satisfied.") from None


def media_blueprint(world: World) -> Blueprint:
    """The media service: it knows tokens of its own only."""
    blue = Blueprint("media", __name__)

    @blue.get("/file/<media_id>/binary")
    def binary(media_id: str) -> Response:
        if "Authorization" in request.headers or "Cookie" in request.headers:
            # As storage services do that take a signed address: never both.
            return Response("Only one auth mechanism allowed", 400, content_type="text/plain")
        try:
            claims = jwt.decode(request.args.get("token", ""), SECRET, algorithms=["HS256"])
        except jwt.PyJWTError as error:
            return Response(f"token: {error}", 403, content_type="text/plain")
        site, one = _find(world, media_id)
        if site is None or one is None or claims["sub"] != media_id:
            return Response("no such file", 404, content_type="text/plain")
        return _answer(world, site, one)

    return blue


def _answer(world: World, site: Site, one: Attachment) -> Response:
    from sandbox import traffic

    rule = world.faults[site.name].pick("media", named=True)
    if rule and (fault := traffic.play(rule)):
        return fault
    if rule and rule.kind == "hold":
        world.faults[site.name].hold(rule.wait)
    try:
        answer = send(one)
    except JiraError as error:
        return Response(error.messages[0], error.status, content_type="text/plain")
    return traffic.halve(answer) if rule and rule.kind == "half-answer" else answer


def _find(world: World, media_id: str) -> tuple[Site | None, Attachment | None]:
    for site in world.sites.values():
        with site.lock:
            for attachment_id, issue_id in site.attachment_issue.items():
                for one in site.issues[issue_id].attachments:
                    if one.id == attachment_id and one.media_id == media_id:
                        return site, one
    return None, None


def first_bytes(parts: Iterator[bytes], count: int) -> Iterator[bytes]:
    """The first bytes of an answer that is sent piece by piece."""
    try:
        for part in parts:
            yield part[:count]
            count -= len(part)
            if count <= 0:
                return
    finally:
        close = getattr(parts, "close", None)
        if close:
            close()
