"""The one converter between wiki markup and ADF that all sites of the process share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.model import JsonDict

if TYPE_CHECKING:
    from sandbox.rich_text import Converter

_shared: list[Converter] = []


def converter() -> Converter:
    """The converter; its node child starts with the first use."""
    if not _shared:
        from sandbox.rich_text import Converter

        _shared.append(Converter())
    return _shared[0]


def to_wiki(adf: JsonDict | None) -> str | None:
    """Wiki markup as Jira's v2 and webhooks give it."""
    if adf is None:
        return None
    plain = _plain_paragraphs(adf)
    return converter().adf_to_wiki(adf) if plain is None else plain


def _plain_paragraphs(adf: JsonDict) -> str | None:
    """The common case of letters-only paragraphs, without a trip to node."""
    lines = []
    for block in adf.get("content", []):
        if block.get("type") != "paragraph" or block.get("attrs") or block.get("marks"):
            return None
        text = ""
        for node in block.get("content", []):
            if node.get("type") != "text" or node.get("marks"):
                return None
            text += node["text"]
        if not text or not all(c.isalnum() or c in " ,.'" for c in text) or text != text.strip():
            return None
        lines.append(text)
    return "\n\n".join(lines)


def plain_text(adf: JsonDict | None) -> str:
    """All text of a document, for `~` searches and rendered fields."""
    if not adf:
        return ""
    parts: list[str] = []

    def walk(node: JsonDict) -> None:
        if "text" in node:
            parts.append(str(node["text"]))
        for child in node.get("content", []):
            walk(child)

    walk(adf)
    return " ".join(parts)


def close() -> None:
    """Let the node child go, when there is one."""
    for shared in _shared:
        stop = getattr(shared, "close", None)
        if stop:
            stop()
    _shared.clear()
