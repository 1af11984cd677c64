"""Rich text: Atlassian Document Format (ADF), such as the description."""

from __future__ import annotations

import json
import uuid
from typing import Any

from app.mapping.profile import Kind
from app.mapping.values import (
    NOT_COMPARABLE,
    Handler,
    NotComparable,
    UnreadableValueError,
    Value,
    register,
)
from app.said import said

# Editors give these new values at each save.
_VOLATILE_ATTRS = {"localId"}
# Nodes and marks whose schema requires localId: they get a fresh one when written.
_NEED_LOCAL_ID = {
    "taskList",
    "taskItem",
    "blockTaskItem",
    "decisionList",
    "decisionItem",
    "fragment",
    "nestedExpand",  # it needs attrs, whatever is in them
    "syncBlock",
    "bodiedSyncBlock",
}
# What a mention holds beside the id that it goes by.
_BESIDE_AN_ID = {"text", "accessLevel"}
# An empty list of content says the same as none here, and the schema allows both.
_MAY_BE_BARE = {"paragraph", "heading"}


@register(Kind.RICH_TEXT)
class RichText(Handler):
    """JSON text with sorted keys, without what editors change by themselves; no text is None."""

    def read(self, raw: object) -> Value:
        if raw is None:
            return None
        if not isinstance(raw, dict) or raw.get("type") != "doc":
            raise UnreadableValueError(Kind.RICH_TEXT, said("an ADF document"), raw)
        try:
            document = _canonical(raw)
            if all(block == {"type": "paragraph"} for block in document.get("content") or ()):
                return None
            return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        except RecursionError:
            raise UnreadableValueError(
                Kind.RICH_TEXT, said("an ADF document of at most a few hundred levels"), raw
            ) from None

    def write(self, value: Value) -> object:
        if not isinstance(value, str):
            return None
        document: object = json.loads(value)
        _give_local_ids(document, seed=value)
        return document

    def of_changelog(self, id_: str | None, text: str | None) -> tuple[Value, ...]:
        # Wiki markup without what it cannot say: right only where all of it was plain paragraphs.
        if not text:
            return (None,)
        lines = text.replace("\r\n", "\n").replace("\r", "\n").strip("\n")
        return tuple(
            dict.fromkeys(
                self.read({"type": "doc", "version": 1, "content": _paragraphs(lines, between)})
                for between in ("\n\n", "\n")
            )
        )

    def read_webhook(self, raw: object) -> Value | NotComparable:
        # Bodies hold wiki markup; only "nothing" reads the same in both.
        return None if raw is None else NOT_COMPARABLE

    def same(self, a: Value, b: Value) -> bool:
        if a == b or not isinstance(a, str) or not isinstance(b, str):
            return a == b
        try:
            return as_read(json.loads(a)) == as_read(json.loads(b))
        except RecursionError:
            return False

    def is_stored_form(self, written: Value, stored: Value) -> bool:
        # Jira adds and drops attributes, marks and empty nodes, but not words.
        return _words(written) == _words(stored)

    def text(self, value: Value) -> str:
        return _words(value)


def _paragraphs(text: str, between: str) -> list[dict[str, Any]]:
    """Plain text as paragraphs, of which `between` stands between two; a lone \\n breaks a line."""
    found: list[dict[str, Any]] = []
    for part in text.split(between):
        content: list[dict[str, Any]] = []
        for line in part.split("\n"):
            if content:
                content.append({"type": "hardBreak"})
            if line:
                content.append({"type": "text", "text": line})
        found.append({"type": "paragraph", "content": content})
    return found


def _canonical(raw: dict[str, Any]) -> dict[str, Any]:
    """A copy without what says nothing. A loop, as documents may be hundreds of levels deep."""
    document: dict[str, Any] = json.loads(json.dumps(raw))
    waiting: list[object] = [document]
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting.extend(node)
        elif isinstance(node, dict):
            attrs = node.get("attrs")
            if isinstance(attrs, dict):
                node["attrs"] = {k: v for k, v in attrs.items() if k not in _VOLATILE_ATTRS}
            for part in ("attrs", "marks"):
                if part in node and not node[part]:
                    del node[part]
            if node.get("content") == [] and node.get("type") in _MAY_BE_BARE:
                del node["content"]
            waiting.extend(node.values())
    return document


def _give_local_ids(document: object, seed: str) -> None:
    # Derived from the text and the place, so that the same value is always written the same.
    for place, node in enumerate(nodes(document, "content", "marks")):
        if node.get("type") in _NEED_LOCAL_ID:
            attrs = node.setdefault("attrs", {})
            if isinstance(attrs, dict):
                text = f"{place}:{seed}".encode("utf-8", "surrogatepass").hex()
                attrs["localId"] = str(uuid.uuid5(uuid.NAMESPACE_OID, text))


def nodes(document: object, *parts: str) -> list[dict[str, object]]:
    """All objects below `document` that hang together by `parts`, in the order of reading."""
    found, waiting = [], [document]
    while waiting:
        item = waiting.pop()
        if isinstance(item, list):
            waiting.extend(reversed(item))
        elif isinstance(item, dict):
            found.append(item)
            waiting.extend(item.get(part) for part in parts)
    return found


def as_read(document: object) -> str:
    """A document as JSON, free of two things that make no difference to whoever reads it.

    Jira fills in the name beside a mention's account id, each site by itself. Its editor joins
    texts that stand side by side and have the same marks. The document given is changed.
    """
    for node in nodes(document, "content"):
        attrs, content = node.get("attrs"), node.get("content")
        if node.get("type") == "mention" and isinstance(attrs, dict):
            node["attrs"] = {k: v for k, v in attrs.items() if k not in _BESIDE_AN_ID}
        if isinstance(content, list):
            node["content"] = _joined(content)
    return json.dumps(document, sort_keys=True)


def _joined(content: list[object]) -> list[object]:
    joined: list[object] = []
    for node in content:
        last = joined[-1] if joined else None
        if (
            isinstance(node, dict)
            and isinstance(last, dict)
            and node.get("type") == last.get("type") == "text"
            and node.get("marks") == last.get("marks")
            and isinstance(node.get("text"), str)
            and isinstance(last.get("text"), str)
        ):
            joined[-1] = {**last, "text": last["text"] + node["text"]}
        else:
            joined.append(node)
    return joined


def _words(value: Value) -> str:
    if not isinstance(value, str):
        return ""
    pieces = []
    for node in nodes(json.loads(value), "content"):
        text = node.get("text")
        pieces.append(text if isinstance(text, str) else " ")
    return " ".join("".join(pieces).split())
