"""Plants secrets and searches for them: what test_log_secrets does its work with."""

from __future__ import annotations

import base64
import functools
import itertools
import json
import re
import secrets
import threading
import urllib.parse
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BEGIN = 6
"""Letters after its mark that each secret has."""


@functools.cache
def forms(secret: str) -> frozenset[bytes]:
    """How a secret may be written: plain, lower, percent, JSON, repr, base64 (each shift), hex."""
    found: set[bytes] = set()
    for text in {secret, secret.lower(), secret.upper()}:
        raw = text.encode()
        found |= {raw, raw.hex().encode(), raw.hex().upper().encode()}
        found |= {
            urllib.parse.quote(text, safe="").encode(),
            urllib.parse.quote_plus(text).encode(),
        }
        found |= {
            json.dumps(text)[1:-1].encode(),
            json.dumps(text, ensure_ascii=False)[1:-1].encode(),
        }
        found |= {repr(text)[1:-1].encode(), repr(raw)[2:-1].encode()}
        for shift in range(3):
            # The middle of the code, which does not depend on what stands around the secret.
            for encode in (base64.b64encode, base64.urlsafe_b64encode):
                whole = encode(b"\0" * shift + raw + b"\0" * 3)
                first, last = (shift * 8 + 5) // 6, (shift + len(raw)) * 8 // 6
                found.add(whole[first:last])
    return frozenset(found)


@dataclass
class Plants:
    """The secrets that were planted, each with the name of its input.

    Those of a run share a mark for each shape: one look for the marks finds any of them, whole or
    cut off. Servers of the test plant too, each answer in its own thread, while others search.
    """

    planted: dict[str, str] = field(default_factory=dict, repr=False)
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    begins: dict[str, list[str]] = field(default_factory=dict, repr=False)
    """The names by the mark of their secret and what comes next."""
    kept: list[str] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=itertools.count)
    mark: str = field(default_factory=lambda: f"s3c{secrets.token_hex(5)}")
    letters: str = field(default_factory=lambda: _letters(12))
    digits: str = field(default_factory=lambda: str(10**9 + secrets.randbelow(9 * 10**9)))

    def new(self, name: str, shape: str = "") -> str:
        """A fresh secret for an input: of two shapes in turn, or of the one that is asked for."""
        number = next(self.numbers)
        shape = shape or ("hex", "letters")[number % 2]
        made = {
            "hex": f"{self.mark}{secrets.token_hex(5)}",
            "letters": f"{self.letters}{_letters(10)}",
            "odd": f'"{self.mark}{secrets.token_hex(3)}\\ \u00e9{{}}%s\U0001f511',
            "digits": f"{self.digits}{secrets.randbelow(10**6):06d}",
            "uuid": f"{self.mark[3:11]}-{str(uuid.uuid4())[9:]}",
        }[shape]
        mark = next(one for one in self._marks() if one in made)
        begin = made[made.index(mark) :][: len(mark) + BEGIN]
        with self.lock:
            self.planted[f"{name} #{number}"] = made
            self.begins.setdefault(begin, []).append(f"{name} #{number}")
        return made

    def keep(self, name: str, secret: str) -> str:
        """A secret that another has made."""
        with self.lock:
            self.planted[f"{name} #{next(self.numbers)}"] = secret
            self.kept.append(secret)
        return secret

    def marked(self, content: bytes) -> bool:
        """Whether any secret is in there, in any form; cheap."""
        marks = (*self._marks(), *self.kept)
        return any(form in content for one in marks for form in forms(one))

    def names_in(self, content: bytes) -> list[str]:
        """The inputs whose secrets are in there."""
        if not self.marked(content):
            return []
        near = self._perhaps_in(content)
        found = [n for n, secret in near if any(form in content for form in forms(secret))]
        return found or ["a part of a secret"]

    def _perhaps_in(self, content: bytes) -> list[tuple[str, str]]:
        """The few of tens of thousands that begin like something in there; all of them where there
        is a mark that is not written plainly."""
        marks = [one.encode() for one in self._marks()]
        every = {form for one in (*self._marks(), *self.kept) for form in forms(one)}
        coded = every - {form for one in marks for form in (one, one.upper())}
        if any(form in content for form in coded):
            return self._planted()
        beginning = re.compile(b"|".join(re.escape(one) + b".{%d}" % BEGIN for one in marks), re.S)
        begun = {one.decode("latin-1") for one in beginning.findall(content.lower())}
        with self.lock:
            names = [name for one in begun for name in self.begins.get(one, ())]
            return [(name, self.planted[name]) for name in names]

    def _marks(self) -> tuple[str, ...]:
        return self.mark, self.mark[3:11] + "-", self.letters, self.digits

    def brought(self, name: str, content: bytes, sent: bytes) -> bool:
        """Whether what the content holds of a secret was in the request that it answers."""
        if name in self.planted:
            return any(form in sent for form in forms(self.planted[name]))
        parts = self._parts(content)
        return bool(parts) and all(part in sent for part in parts)

    def are_of(self, inputs: str, content: bytes) -> bool:
        """Whether all that the content holds of secrets is of inputs with these words in their
        name, whole or cut off."""
        theirs = [secret.encode() for name, secret in self._planted() if inputs in name]
        parts = self._parts(content)
        return bool(parts) and all(any(part in secret for secret in theirs) for part in parts)

    def _planted(self) -> list[tuple[str, str]]:
        """What was planted up to now."""
        with self.lock:
            return list(self.planted.items())

    def _parts(self, content: bytes) -> list[bytes]:
        marks = "|".join((self.mark, self.letters, self.digits)).encode()
        return re.findall(rb"(?:" + marks + rb")[0-9a-z]*", content)


def _letters(count: int) -> str:
    return "".join(secrets.choice("ghjkmnpqrstvwxyz") for _ in range(count))


@dataclass
class HostileSite:
    """A Jira site that says its secrets whatever it is asked."""

    url: str
    plants: Plants
    mode: str = "well"
    asked: list[str] = field(default_factory=list, repr=False)

    def answer(self, path: str) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of the answer in the mode of the moment."""
        self.asked.append(f"{self.mode} {path}")
        plant = self.plants.new(f"{self.mode} answer of a site", "odd")
        word = self.plants.new(f"{self.mode} answer of a site")
        if "permissions/check" in path and self.mode != "check":
            return 200, {}, b'{"globalPermissions": ["ADMINISTER"], "projectPermissions": []}'
        if self.mode == "well":
            return 200, {}, json.dumps(self._well(path, plant)).encode()
        said = json.dumps({"errorMessages": [plant], "errors": {word: plant}}).encode()
        if self.mode in ("refusal", "check"):
            return 400, {"X-Secret": word, "Retry-After": word}, said
        if self.mode == "page":
            return 502, {"Content-Type": "text/html"}, f"<html>{plant}</html>".encode()
        if self.mode == "away":
            return 302, {"Location": f"http://{word}.example/{word}"}, said
        if self.mode == "broken":
            return 200, {}, f'{{"{word}'.encode()
        odd = {"id": word, "name": {"x": plant}, "key": [plant], "fields": word}
        return 200, {}, json.dumps({"values": [odd], "issueTypes": [odd], "issues": [odd]}).encode()

    @staticmethod
    def _well(path: str, plant: str) -> object:
        kind = {"id": "10003", "name": plant, "subtask": False}
        if path.endswith("/issuetypes") or "/issuetypes?" in path:
            return {"issueTypes": [kind], "total": 1}
        project = {"id": "10000", "name": plant, "key": "EVIL", "issueTypes": [kind]}
        return {"values": [project], "isLast": True, "issues": [], **project}


@contextmanager
def hostile_site(plants: Plants) -> Iterator[HostileSite]:
    """A hostile site on a free port of loopback."""
    site = HostileSite("", plants)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if site.mode == "no http":
                self.wfile.write(
                    f"{plants.new('status line of a site')} {'x' * 9}\r\n\r\n".encode()
                )
                self.close_connection = True
                return
            status, headers, content = site.answer(self.path)
            self.send_response(status)
            for name, value in ({"Content-Type": "application/json"} | headers).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_PUT = do_DELETE = do_GET

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield site
    finally:
        server.shutdown()
