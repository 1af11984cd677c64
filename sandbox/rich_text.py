"""Rich text as Jira treats it: Atlassian's own schema of ADF and its own wiki markup converter."""

from __future__ import annotations

import atexit
import json
import subprocess
import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any

import jsonschema_rs

from sandbox.node import find_node

JsonDict = dict[str, Any]

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = Path(__file__).with_name("convert.mjs")
# Reference: https://developer.atlassian.com/cloud/jira/platform/apis/document/structure/
SCHEMA = ROOT / "node_modules/@atlaskit/adf-schema/dist/json-schema/v1/full.json"

ANSWER_SECONDS = 20.0
CACHE_ENTRIES = 4096
CACHED_TEXT = 32_768
SHOWN = 300


class AdfError(ValueError):
    """A text or a document that Jira would refuse, or that its converter cannot read."""


class ConverterGone(RuntimeError):
    """The converter's process cannot be started or keeps dying; the message says what to do."""


class Converter:
    """Converts between wiki markup and ADF in one node process, started when first needed.

    One converter may be used by many threads; calls queue up. A process that dies is started
    again. Answers are remembered, since a sandbox shows the same few texts over and over.
    """

    def __init__(self) -> None:
        """Nothing is started yet."""
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._cache: OrderedDict[tuple[str, str], str] = OrderedDict()
        self._validator: jsonschema_rs.Validator | None = None

    def wiki_to_adf(self, text: str) -> JsonDict | None:
        """Convert wiki markup to an ADF document; None for an empty text, as in Jira's answers.

        Mentions `[~accountid:x]` get the bare account id `x`.

        Raises:
            AdfError: the converter cannot read the text.
            ConverterGone: the converter's process cannot run.
        """
        if not text.strip():
            return None
        document: JsonDict = json.loads(self._convert("adf", text))
        return document if document["content"] else None

    def adf_to_wiki(self, document: JsonDict | None) -> str:
        """Convert an ADF document to wiki markup; "" for None.

        Raises:
            AdfError: a node that Atlassian's converter does not know.
            ConverterGone: the converter's process cannot run.
        """
        if document is None:
            return ""
        wiki: str = json.loads(self._convert("wiki", json.dumps(document)))
        return wiki

    def check_adf(self, document: object) -> list[str]:
        """List what breaks Atlassian's schema of ADF, each with its place; empty when valid.

        Raises:
            ConverterGone: the schema is not installed.
        """
        with self._lock:
            if self._validator is None:
                self._validator = jsonschema_rs.validator_for(json.loads(_read(SCHEMA)))
        return [_describe(error) for error in self._validator.iter_errors(document)]

    def close(self) -> None:
        """End the process; the next conversion starts a new one."""
        with self._lock:
            self._stop()

    def _convert(self, to: str, text: str) -> str:
        key = (to, text)
        with self._lock:
            if key in self._cache:
                self._cache.move_to_end(key)
                return self._cache[key]
            request = {"to": "adf", "wiki": text} if to == "adf" else _wiki_request(text)
            answer = json.loads(self._ask(json.dumps(request).encode() + b"\n"))
            if "error" in answer:
                raise AdfError(f"the text cannot be converted: {answer['error'][:SHOWN]}")
            result = json.dumps(answer["ok"])
            if len(text) <= CACHED_TEXT:
                self._cache[key] = result
                if len(self._cache) > CACHE_ENTRIES:
                    self._cache.popitem(last=False)
            return result

    def _ask(self, line: bytes) -> bytes:
        # A child that died (killed, out of memory) gets one new life for each call.
        for _ in range(2):
            child = self._running()
            answer = _exchange(child, line)
            if answer.endswith(b"\n"):
                return answer
            self._stop()
        raise ConverterGone(
            "the rich text converter ended without an answer; try `make setup`, "
            f"then `node {SCRIPT.name}` by hand to see its words"
        )

    def _running(self) -> subprocess.Popen[bytes]:
        if self._child is None or self._child.poll() is not None:
            self._stop()
            self._child = subprocess.Popen(
                [find_node().program, str(SCRIPT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
            atexit.register(self.close)
        return self._child

    def _stop(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        atexit.unregister(self.close)
        child.kill()
        child.communicate()


def _wiki_request(text: str) -> JsonDict:
    return {"to": "wiki", "adf": json.loads(text)}


def _exchange(child: subprocess.Popen[bytes], line: bytes) -> bytes:
    # Killing the child on a timer ends the read below, which has no timeout of its own.
    assert child.stdin is not None
    assert child.stdout is not None
    guard = threading.Timer(ANSWER_SECONDS, child.kill)
    guard.daemon = True
    guard.start()
    try:
        child.stdin.write(line)
        child.stdin.flush()
        return child.stdout.readline()
    except OSError:
        return b""
    finally:
        guard.cancel()


def _read(schema: Path) -> str:
    try:
        return schema.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ConverterGone(
            "the schema of ADF is not installed: run `make setup` (it runs npm)"
        ) from error


def _describe(error: jsonschema_rs.ValidationError) -> str:
    fault = _deepest(error)
    place = "/".join(str(step) for step in fault.instance_path) or "document"
    branches = getattr(fault.kind, "context", None)
    if branches and isinstance(fault.instance, dict):
        return f"{place}: {fault.instance.get('type')!r} is unknown or not allowed here"
    return f"{place}: {fault.message[:SHOWN]}"


def _deepest(error: jsonschema_rs.ValidationError) -> jsonschema_rs.ValidationError:
    # "Valid under none of 28 schemas" tells nobody anything. Of those schemas the ones for the
    # node's own type are meant, and the fault deepest in the document nearly always is the real.
    of_type = [*error.instance_path, "type"]
    meant = [
        cause
        for branch in getattr(error.kind, "context", None) or ()
        if not any(list(cause.instance_path) == of_type for cause in branch)
        for cause in branch
    ]
    return max((_deepest(cause) for cause in meant), key=_depth, default=error)


def _depth(error: jsonschema_rs.ValidationError) -> int:
    return len(error.instance_path)
