"""Rich text for expressions: its words going in, paragraphs coming out."""

from __future__ import annotations

import json
from typing import Any

# After each of these a line ends.
_LINES = {
    "paragraph", "heading", "codeBlock", "rule", "mediaSingle", "mediaGroup", "taskItem",
    "decisionItem", "tableRow", "blockCard", "embedCard",
}  # fmt: skip
# What says something without a text node, and the attribute that has its words.
_SAYS = {"mention": "text", "emoji": "shortName", "status": "text", "inlineCard": "url",
         "blockCard": "url", "embedCard": "url"}  # fmt: skip


def plain(canonical: str) -> str:
    """The words of a document in its canonical form; each paragraph is a line."""
    pieces: list[str] = []
    waiting: list[Any] = [json.loads(canonical)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, str):
            pieces.append(node)
            continue
        if isinstance(node, list):
            waiting.extend(reversed(node))
            continue
        if not isinstance(node, dict):
            continue
        pieces.append(_said(node))
        if node.get("type") in _LINES:
            waiting.append("\n")
        waiting.append(node.get("content"))
    lines = "".join(pieces).split("\n")
    return "\n".join(line.rstrip() for line in lines).strip("\n")


def _said(node: dict[str, Any]) -> str:
    if node.get("type") == "hardBreak":
        return "\n"
    attrs = node.get("attrs")
    name = _SAYS.get(str(node.get("type")))
    said = attrs.get(name) if name and isinstance(attrs, dict) else node.get("text")
    return said if isinstance(said, str) else ""


def document(text: str) -> dict[str, Any]:
    """Paragraphs of the lines of a text; `plain` of it gives the text again, but for blank ends."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").strip("\n").split("\n")
    return {
        "type": "doc",
        "version": 1,
        "content": [
            {"type": "paragraph", "content": [{"type": "text", "text": line}] if line else []}
            for line in lines
        ],
    }
