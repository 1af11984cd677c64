"""Nodes that name something of their site: the same of the other site, or a text in their place."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from app.mapping.rich.attrs import clean_value, text_attr
from app.mapping.rich.characters import clean
from app.mapping.rich.known import Context, File, Node, Notes, Reason, attrs_of, marks_of, named
from app.mapping.rich.references import in_card, in_text

# An emoji that a site's people added has an id of its own; all others are the same everywhere.
_OWN_EMOJI = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.I)
_SYNCED = frozenset({"syncBlock", "bodiedSyncBlock"})
_MACROS = frozenset({"extension", "bodiedExtension", "inlineExtension"})
# Attributes whose text is read, with keys and addresses in it.
_READ = {
    "expand": "title",
    "nestedExpand": "title",
    "status": "text",
    "placeholder": "text",
}
_FIXED = {"hardBreak": "\n", "rule": "———"}
_SAID = ("text", "title", "shortName", "label", "name", "alt", "url", "value")


class StandIn(dict[str, Any]):
    """A node that stands in for one which degraded, and so is no news where it is moved."""


def text(words: str, href: str = "") -> StandIn:
    """A stand-in of text, a link where there is an address."""
    made = StandIn(type="text", text=words)
    if href:
        made["marks"] = [{"type": "link", "attrs": {"href": href}}]
    return made


def paragraph(*content: Node) -> StandIn:
    """A stand-in of one paragraph."""
    return (
        StandIn(type="paragraph", content=list(content)) if content else StandIn(type="paragraph")
    )


def carried(node: Node, context: Context, notes: Notes) -> Node:
    """A node of valid attributes, or what stands in for it; a body is not looked at."""
    name = node["type"]
    if name in _CARRY:
        return _CARRY[name](node, context, notes)
    read = _READ.get(name)
    if read and read in attrs_of(node):
        attrs = node["attrs"]
        return {**node, "attrs": {**attrs, read: in_text(attrs[read], context, notes)}}
    return node


def _emoji(node: Node, context: Context, notes: Notes) -> Node:
    if not _OWN_EMOJI.fullmatch(node["attrs"].get("id", "")):
        return node
    words = text_attr(node, "shortName", "text") or "[emoji]"
    notes.node(node, Reason.OF_ITS_SITE, words)
    return text(in_text(words, context, notes))


def _mention(node: Node, context: Context, notes: Notes) -> Node:
    attrs = node["attrs"]
    if attrs.get("userType") == "SPECIAL":
        return node
    person = context.people.get(attrs["id"])
    if person is None:
        notes.people.add(attrs["id"])
    elif person.account is not None:
        return {**node, "attrs": {**attrs, "id": person.account}}
    name = clean(person.name).strip() if person else ""
    words = "@" + (name or text_attr(node, "text").strip().lstrip("@") or "someone")
    notes.node(node, Reason.NO_ACCOUNT, words)
    return text(in_text(words, context, notes))


def _media(node: Node, context: Context, notes: Notes) -> Node:
    attrs = node["attrs"]
    if attrs.get("type") == "external":
        return node
    file = context.files.get(attrs["id"])
    if file is None:
        notes.files.add(attrs["id"])
    elif file.id:
        return {**node, "attrs": {**attrs, "id": file.id, "collection": file.collection}}
    made = text(
        in_text(f"[File: {_file_name(node, file)}]", context, notes),
        link_of(node) or clean(file.href if file else ""),
    )
    notes.node(node, Reason.NO_FILE, _file_name(node, file))
    return made if node["type"] == "mediaInline" else paragraph(made)


def _file_name(node: Node, file: File | None) -> str:
    name = clean(file.name).strip() if file else ""
    return name or text_attr(node, "alt") or "without a name"


def _macro(node: Node, context: Context, notes: Notes) -> Node:
    name = node["type"]
    title = "" if name in _SYNCED else _title(node)
    notes.node(node, Reason.OF_ITS_SITE, title)
    made = text(in_text(f"[App content: {title}]" if title else "[Synced block]", context, notes))
    return made if name == "inlineExtension" else paragraph(made)


def _title(node: Node) -> str:
    parameters = attrs_of(node).get("parameters")
    told = parameters if isinstance(parameters, dict) else {}
    metadata = told.get("macroMetadata")
    titled = metadata.get("title") if isinstance(metadata, dict) else None
    for title in (text_attr(node, "text"), told.get("extensionTitle"), titled):
        if isinstance(title, str) and title.strip():
            return title.strip()
    return text_attr(node, "extensionKey") or "without a name"


def _card(node: Node, context: Context, notes: Notes) -> Node:
    attrs = in_card(node["attrs"], context, notes)
    if "datasource" not in attrs:
        return {**node, "attrs": attrs}
    # A list of issues names the site that it searches; its address leads there as well.
    parameters = attrs["datasource"]["parameters"]
    jql = parameters.get("jql") if isinstance(parameters, dict) else None
    query = jql if isinstance(jql, str) else ""
    notes.node(node, Reason.OF_ITS_SITE, query)
    if attrs.get("url"):
        return StandIn(type=node["type"], attrs={"url": attrs["url"]})
    return paragraph(text(in_text(f"[List of issues: {query or 'a search'}]", context, notes)))


_CARRY: dict[str, Callable[[Node, Context, Notes], Node]] = {
    "mention": _mention,
    "media": _media,
    "mediaInline": _media,
    "emoji": _emoji,
    **dict.fromkeys(("inlineCard", "blockCard", "embedCard"), _card),
    **dict.fromkeys(_MACROS | _SYNCED, _macro),
}


def words_of(node: Node) -> str:
    """What can be read of a node without its content; the name of its type where nothing can."""
    name = named(node)
    if isinstance(node.get("text"), str):
        return clean(node["text"])
    if name in _FIXED:
        return _FIXED[name]
    if name == "date":
        return _day(attrs_of(node).get("timestamp"))
    if name in ("media", "mediaInline"):
        return f"[File: {_file_name(node, None)}]"
    data = attrs_of(node).get("data")
    inner = {"attrs": clean_value(data)} if isinstance(data, dict) else {}
    return text_attr(node, *_SAID) or text_attr(inner, "name", "url") or f"[{clean(name)}]"


def _day(timestamp: object) -> str:
    try:
        return datetime.fromtimestamp(int(str(timestamp)) / 1000, UTC).date().isoformat()
    except (ValueError, OverflowError, OSError):
        return clean(str(timestamp))


def link_of(node: Node) -> str:
    """The address that a node leads to, of its own or by its mark; "" where there is none."""
    for mark in marks_of(node):
        if named(mark) == "link":
            return text_attr(mark, "href")
    return text_attr(node, "url")
