"""Carries a document of one site to what it is on the other: all of it, or as text that says it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from app.mapping.profile import Kind
from app.mapping.rich.attrs import fit_node
from app.mapping.rich.characters import clean
from app.mapping.rich.known import (
    Carried,
    Context,
    Node,
    Notes,
    Part,
    Reason,
    content_of,
    marks_of,
    named,
    shown,
)
from app.mapping.rich.place import INLINE, Placer
from app.mapping.rich.references import in_mark, in_text
from app.mapping.rich.shapes import NODE_ATTRS, PLACES
from app.mapping.rich.standins import StandIn, carried, paragraph, text, words_of
from app.mapping.rich.trial import vanished
from app.mapping.values import UnreadableValueError, handler
from app.said import said, together

_UNREADABLE = said(
    "the text cannot be read as a document of Jira; it is left as it is on both sides"
)
_SHOWN = 3


@dataclass
class _Open:
    """A node whose children are being carried. `parent`: the type of what it stands in."""

    raw: Node
    parent: str
    next: int = 0
    done: list[Node] = field(default_factory=list)
    children: list[Any] = field(init=False)

    def __post_init__(self) -> None:
        self.children = content_of(self.raw)


def carry_document(document: str, context: Context) -> Carried:
    """The document as the site `context.target` is to have it. Pure, and never an exception.

    What comes out is valid by Atlassian's schema. A result with `refused` must not be written.
    """
    try:
        raw = json.loads(document)
    except (ValueError, RecursionError):
        return Carried(None, refused=_UNREADABLE)
    notes = Notes()
    root: Node = raw if isinstance(raw, dict) else {"type": "doc", "content": [raw]}
    if named(root) != "doc":
        root = {"type": "doc", "version": 1, "content": [root]}
    found = _Conversion(context, notes).document(root)
    try:
        written = handler(Kind.RICH_TEXT).read(found)
    except UnreadableValueError:
        return Carried(None, refused=_UNREADABLE)
    after = written if isinstance(written, str) else None
    degraded = tuple(notes.degraded)
    lost = vanished(document, after, degraded)
    refused = _lost(lost[:_SHOWN]) if lost else None
    return Carried(None if refused else after, degraded, notes.needs(), refused)


class _Conversion:
    """One document on its way. Loops and no recursion: documents may be hundreds of levels deep."""

    def __init__(self, context: Context, notes: Notes) -> None:
        self._context = context
        self._notes = notes
        self._placer = Placer(notes, lambda words: in_text(words, context, notes))

    def document(self, root: Node) -> Node:
        """The whole document."""
        stack = [_Open(root, "")]
        while True:
            top = stack[-1]
            if top.next < len(top.children):
                child = top.children[top.next]
                top.next += 1
                if isinstance(child, dict):
                    stack.append(_Open(child, named(top.raw)))
                else:
                    top.done += self._no_node(child)
            elif len(stack) == 1:
                return self._root(root, top.done)
            else:
                stack.pop()
                stack[-1].done += self._finished(top)

    def _root(self, root: Node, children: list[Node]) -> Node:
        for key in sorted(set(root) - {"type", "version", "content"}):
            self._notes.add(Part.ATTRIBUTE, f"doc {clean(key)}", Reason.UNKNOWN)
        doc = self._placer.filled({"type": "doc", "content": []}, children)[0]
        return {**doc, "version": 1}

    def _no_node(self, child: object) -> list[Node]:
        """Something in a content that is no node at all."""
        words = clean(child).strip() if isinstance(child, str) else ""
        self._notes.add(Part.NODE, "?", Reason.BROKEN, words)
        return [text(in_text(words, self._context, self._notes))] if words else []

    def _finished(self, open_: _Open) -> list[Node]:
        raw, name = open_.raw, named(open_.raw)
        if name == "text":
            return self._text(open_)
        node = fit_node(raw, self._notes)
        if node is None or name == "doc":
            return self._unknown(open_)
        self._oddities(open_)
        if "marks" in raw:
            node["marks"] = self._marks(raw)
        node = carried(node, self._context, self._notes)
        if isinstance(node, StandIn):
            return [node, *open_.done]
        if "content" in raw and name in PLACES:
            node["content"] = []
        return self._placer.filled(node, open_.done)

    def _oddities(self, open_: _Open) -> None:
        """Note a content that is no list of nodes, and keep a text where none belongs."""
        raw, name = open_.raw, named(open_.raw)
        if open_.children is not raw.get("content", open_.children):
            self._notes.add(Part.ATTRIBUTE, f"{name} content", Reason.BROKEN)
        said = raw.get("text")
        words = clean(said) if isinstance(said, str) else ""
        if "text" in raw:
            self._notes.add(Part.ATTRIBUTE, f"{name} text", Reason.BROKEN, words)
        if words:
            open_.done.insert(0, text(in_text(words, self._context, self._notes)))

    def _text(self, open_: _Open) -> list[Node]:
        raw = open_.raw
        said = raw.get("text")
        words = clean(said) if isinstance(said, str) else ""
        if words != said:
            reason = Reason.CHARACTERS if isinstance(said, str) else Reason.BROKEN
            self._notes.add(Part.TEXT, "text", reason)
        for key in sorted(set(raw) - {"type", "text", "marks", "content"}):
            self._notes.add(Part.ATTRIBUTE, f"text {clean(key)}", Reason.UNKNOWN)
        if not words:
            self._notes.node({**raw, "type": "text"}, Reason.BROKEN)
            return open_.done
        marks = self._marks(raw)
        if open_.parent != "codeBlock" and not any(named(one) == "code" for one in marks):
            words = in_text(words, self._context, self._notes)
        node: Node = {"type": "text", "text": words}
        if marks:
            node["marks"] = marks
        return self._placer.filled(node, open_.done)

    def _marks(self, raw: Node) -> list[Any]:
        """The marks with their addresses rewritten; which may stay is seen when it is placed."""
        marks = marks_of(raw)
        if not isinstance(raw.get("marks", []), list):
            self._notes.add(Part.ATTRIBUTE, f"{clean(named(raw))} marks", Reason.BROKEN)
        return [in_mark(one, self._context, self._notes) for one in marks]

    def _unknown(self, open_: _Open) -> list[Node]:
        """A node of a newer editor, or one that Jira would refuse: its text, then its content."""
        raw, name = open_.raw, shown(open_.raw)
        reason = Reason.BROKEN if name in NODE_ATTRS else Reason.UNKNOWN
        children = open_.done
        words = "" if children and not isinstance(raw.get("text"), str) else words_of(raw)
        self._notes.node({**raw, "type": name}, reason, words)
        if words:
            made = text(in_text(words, self._context, self._notes))
            children = [made, *children]
        flat = all(one["type"] in INLINE for one in children)
        if flat and open_.parent in NODE_ATTRS and not _in_line(open_.parent):
            return [self._placer.paragraph(children)] if children else [paragraph()]
        return children


def _in_line(parent: str) -> bool:
    return "hardBreak" in PLACES.get(parent, {}) or parent == "codeBlock"


def _lost(parts: Sequence[str]) -> str:
    return said(
        "a trial showed that parts of the text would be lost (%(parts)s); it is not written",
        parts=together(parts, ", "),
    )
