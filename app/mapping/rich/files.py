"""What a document names: its files, people and issues; and the rule that no body loses a file."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from app.mapping.kinds.rich_text import nodes
from app.mapping.profile import Kind
from app.mapping.rich.known import Node, attrs_of, marks_of, named
from app.mapping.rich.references import keys
from app.mapping.values import UnreadableValueError, handler

_FILES = frozenset({"media", "mediaInline"})
_CARDS = frozenset({"inlineCard", "blockCard", "embedCard"})
# What a media node of a group may have of what the node had where it stood.
_KEPT = ("id", "collection", "alt", "width", "height", "occurrenceKey")


@dataclass(frozen=True)
class Media:
    """A file that a document shows: the id of its media node, and what it is called there."""

    id: str
    alt: str = ""


def media_of(document: str | None) -> tuple[Media, ...]:
    """The files that a document shows, each once, in the order of reading.

    A picture of the web is no file of the issue.
    """
    found: dict[str, Media] = {}
    for attrs in _shown(document):
        alt = attrs.get("alt")
        found.setdefault(attrs["id"], Media(attrs["id"], alt if isinstance(alt, str) else ""))
    return tuple(found.values())


def media_in(document: str | None) -> frozenset[str]:
    """The media ids of the files that a document shows."""
    return frozenset(one.id for one in media_of(document))


def mentions_in(document: str | None) -> frozenset[str]:
    """The account ids of the people that a document mentions; not "here" and "all"."""
    found = [attrs_of(one) for one in _tree(document) if named(one) == "mention"]
    return frozenset(
        attrs["id"]
        for attrs in found
        if isinstance(attrs.get("id"), str) and attrs.get("userType") != "SPECIAL"
    )


def keys_in(document: str | None, source: str) -> frozenset[str]:
    """The issue keys that a document names in text, links and cards; `source` is its site's base.

    What is code is not looked at, as it is not rewritten.
    """
    found: set[str] = set()
    for one in _tree(document):
        names = [named(mark) for mark in marks_of(one)]
        texts: list[Any] = [attrs_of(mark).get("href") for mark in marks_of(one)]
        if named(one) in _CARDS:
            data = attrs_of(one).get("data")
            texts += [attrs_of(one).get("url"), data.get("url") if isinstance(data, dict) else None]
        elif "code" not in names:
            texts += [one.get("text"), attrs_of(one).get("text"), attrs_of(one).get("title")]
        found.update(key for text in texts if isinstance(text, str) for key in keys(text, source))
    return frozenset(found)


def would_drop_media(
    target_now: str | None, to_write: str | None, may_go: Iterable[str] = ()
) -> tuple[Media, ...]:
    """The files that the target shows now and would show no more: Jira may delete them.

    `may_go`: the ids of files that Tandem made there and is to delete anyway.
    """
    stay = media_in(to_write) | frozenset(may_go)
    return tuple(one for one in media_of(target_now) if one.id not in stay)


def keeping_media(
    target_now: str | None, to_write: str | None, may_go: Iterable[str] = ()
) -> str | None:
    """What to write so that no file is lost: the files that would go stand at the end, as a group.

    A target that was written so is in step: the same call gives the same document again.
    """
    dropped = {one.id for one in would_drop_media(target_now, to_write, may_go)}
    if not dropped:
        return to_write
    kept: dict[str, Node] = {}
    for attrs in _shown(target_now):
        if attrs["id"] in dropped:
            given = {name: attrs[name] for name in _KEPT if name in attrs}
            kind = "link" if attrs.get("type") == "link" else "file"
            kept.setdefault(
                attrs["id"], {"type": "media", "attrs": {"type": kind, "collection": "", **given}}
            )
    document: Node = {"type": "doc", "version": 1, "content": []}
    if to_write is not None:
        document = json.loads(to_write)
    document["content"] = [
        *document.get("content", []),
        {"type": "mediaGroup", "content": list(kept.values())},
    ]
    try:
        value = handler(Kind.RICH_TEXT).read(document)
    except UnreadableValueError:  # too deep: then it was not made by a conversion
        return to_write
    return value if isinstance(value, str) else None


def in_step(carried: str | None, target_now: str | None, may_go: Iterable[str] = ()) -> bool:
    """Whether the target holds what was carried to it, and besides only files that it must keep."""
    kept = keeping_media(target_now, carried, may_go)
    return handler(Kind.RICH_TEXT).same(kept, target_now)


def _tree(document: str | None) -> list[Node]:
    """All nodes but what is in code blocks; nothing for a text that is no document."""
    if document is None:
        return []
    try:
        whole = nodes(json.loads(document), "content")
    except (ValueError, RecursionError):
        return []
    code = {
        id(child)
        for one in whole
        if named(one) == "codeBlock"
        for child in nodes(one.get("content"), "content")
    }
    return [one for one in whole if id(one) not in code]


def _shown(document: str | None) -> list[dict[str, Any]]:
    """The attributes of every media node that is a file, in the order of reading."""
    files = [attrs_of(one) for one in _tree(document) if named(one) in _FILES]
    return [
        attrs
        for attrs in files
        if attrs.get("type") != "external" and isinstance(attrs.get("id"), str) and attrs["id"]
    ]
