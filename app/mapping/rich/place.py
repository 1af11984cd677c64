"""Puts finished nodes into their parent: as they are where the schema allows it, else unfolded."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from app.mapping.rich.attrs import fit_marks
from app.mapping.rich.known import Node, Notes, Part, Reason, content_of, marks_of
from app.mapping.rich.shapes import COLUMNS, MAY_BE_EMPTY, MAY_LACK_CONTENT, PLACES
from app.mapping.rich.standins import StandIn, link_of, paragraph, text, words_of

# Gives a text that comes of a node's attributes as it reads on the other site.
Rewrite = Callable[[str], str]

INLINE = frozenset(PLACES["paragraph"])
_HOLDS_INLINE = frozenset(name for name, place in PLACES.items() if "hardBreak" in place)
_MEDIA = frozenset({"mediaSingle", "mediaGroup"})
# What a list, a table or a row puts around what is not its own.
_WRAPPERS = {
    "bulletList": "listItem",
    "orderedList": "listItem",
    "taskList": "taskItem",
    "decisionList": "decisionItem",
    "table": "tableRow",
    "tableRow": "tableCell",
    "layoutSection": "layoutColumn",
}
_WRAPPER_ATTRS: dict[str, Node] = {
    "taskItem": {"state": "TODO"},
    "decisionItem": {"state": "DECIDED"},
    "layoutColumn": {"width": 50},
}
# Their text was rewritten when they were carried.
_REWRITTEN = frozenset(
    {"text", "expand", "nestedExpand", "status", "placeholder", "inlineCard", "blockCard"}
    | {"embedCard"}
)


class Placer:
    """Fills one parent after the other, and notes what does not stay as it was."""

    def __init__(self, notes: Notes, rewrite: Rewrite) -> None:
        self._notes = notes
        self._rewrite = rewrite

    def filled(self, node: Node, children: list[Node]) -> list[Node]:
        """The node with its children in it, then what has no place in it and goes beside it."""
        name = node["type"]
        if name not in PLACES:
            if children:
                self._notes.add(Part.ATTRIBUTE, f"{name} content", Reason.BROKEN)
            return [node, *children]
        if name in _MEDIA:
            return self._media(node, children)
        content = self._content(name, children)
        if not content and "content" not in node and name in MAY_LACK_CONTENT:
            return [node]
        low, high = COLUMNS
        if name == "layoutSection" and not low <= len(content) <= high:
            self._notes.node(node, Reason.BROKEN)
            return content
        return [{**node, "content": content}]

    def paragraph(self, children: list[Node]) -> Node:
        """A stand-in of one paragraph, of children that go in a line."""
        return paragraph(*self._inline("paragraph", children))

    def _content(self, name: str, children: list[Node]) -> list[Node]:
        """What is in a node; an empty paragraph where nothing is, and something must be."""
        content = self._placed(name, children)
        if content or name in MAY_BE_EMPTY:
            return content
        self._notes.add(Part.ATTRIBUTE, f"{name} content", Reason.BROKEN)
        return self._placed(name, [paragraph()])

    def _placed(self, parent: str, children: list[Node]) -> list[Node]:
        if parent == "codeBlock":
            return self._code(children)
        if parent in _HOLDS_INLINE:
            return self._inline(parent, children)
        if parent in _WRAPPERS:
            return self._wrapped(parent, children)
        return self._blocks(parent, children)

    def _fitted(self, parent: str, child: Node) -> Node:
        """The child with the marks that it may bear there."""
        allowed = PLACES[parent][child["type"]]
        made = isinstance(child, StandIn)
        fitted = StandIn(child) if made else dict(child)
        raw = marks_of(fitted)
        fitted.pop("marks", None)
        marks = fit_marks(raw, allowed, Notes() if made else self._notes, Reason.MISPLACED)
        if marks:
            fitted["marks"] = marks
        return fitted

    def _blocks(self, parent: str, children: list[Node]) -> list[Node]:
        found: list[Node] = []
        run: list[Node] = []

        def end_run() -> None:
            if run:
                found.append({"type": "paragraph", "content": self._inline("paragraph", run)})
                run.clear()

        waiting = deque(children)
        while waiting:
            child = waiting.popleft()
            if child["type"] in PLACES[parent]:
                end_run()
                found.append(self._fitted(parent, child))
            elif child["type"] in INLINE:
                self._misplaced(child, lost=False)
                run.append(child)
            elif child["type"] == "media" and _is_file(child):
                # In a line of its own: that is allowed wherever a paragraph is.
                self._misplaced(child)
                end_run()
                found.append(self.paragraph([_inline_media(child)]))
            else:
                end_run()
                waiting.extendleft(reversed(self._unfolded(child, inline=False)))
        end_run()
        return found

    def _inline(self, parent: str, children: list[Node]) -> list[Node]:
        found: list[Node] = []
        waiting = deque(children)
        while waiting:
            child = waiting.popleft()
            name = child["type"]
            if name in PLACES[parent]:
                found.append(self._fitted(parent, child))
            elif name == "media" and "mediaInline" in PLACES[parent] and _is_file(child):
                self._misplaced(child)
                waiting.appendleft(_inline_media(child))
            else:
                if found and name not in INLINE and found[-1]["type"] != "hardBreak":
                    found.append({"type": "hardBreak"})
                waiting.extendleft(reversed(self._unfolded(child, inline=True)))
        return found

    def _code(self, children: list[Node]) -> list[Node]:
        found: list[Node] = []
        waiting = deque(children)
        while waiting:
            child = waiting.popleft()
            if child["type"] == "text":
                found.append(self._fitted("codeBlock", child))
                continue
            if found and child["type"] not in INLINE:
                found.append({"type": "text", "text": "\n"})
            waiting.extendleft(reversed(self._unfolded(child, inline=True)))
        return found

    def _wrapped(self, parent: str, children: list[Node]) -> list[Node]:
        found: list[Node] = []
        run: list[Node] = []
        name = _WRAPPERS[parent]

        def end_run() -> None:
            if run:
                made: Node = {"type": name, "content": self._content(name, list(run))}
                if name in _WRAPPER_ATTRS:
                    made["attrs"] = _WRAPPER_ATTRS[name].copy()
                found.append(made)
                run.clear()

        for child in children:
            if child["type"] in PLACES[parent]:
                end_run()
                found.append(self._fitted(parent, child))
            else:
                self._misplaced(child, lost=False)
                run.append(child)
        end_run()
        return found

    def _media(self, node: Node, children: list[Node]) -> list[Node]:
        """A node that holds files alone; it goes away with the last of them, its caption stays."""
        single = node["type"] == "mediaSingle"
        files = [child for child in children if child["type"] == "media"]
        kept = files[:1] if single else files
        captions = [child for child in children if child["type"] == "caption"]
        if single and kept:
            kept += captions[:1]
        beside: list[Node] = []
        for child in children:
            if any(child is one for one in kept):
                continue
            if child["type"] == "caption":
                self._notes.node(child, Reason.NO_FILE, within=True)
                child = paragraph(*content_of(child))  # noqa: PLW2901
            beside.append(child)
        if not kept:
            reason = Reason.NO_FILE if children else Reason.BROKEN
            self._notes.node(node, reason, within=bool(children))
            return beside
        content = [self._fitted(node["type"], child) for child in kept]
        return [{**node, "content": content}, *beside]

    def _misplaced(self, child: Node, *, lost: bool = True) -> None:
        if isinstance(child, StandIn):
            return
        if lost:
            self._notes.node(child, Reason.MISPLACED)
        else:
            self._notes.add(Part.NODE, child["type"], Reason.MISPLACED)

    def _unfolded(self, child: Node, *, inline: bool) -> list[Node]:
        """What stands in for a node that has no place here: its title, then its content."""
        name = child["type"]
        self._misplaced(child)
        content = list(content_of(child))
        if name == "codeBlock":
            code = [{"type": "code"}]
            content = [StandIn({**one, "marks": code}) for one in content]
        elif name not in PLACES:
            return [self._leaf(child)]
        title = child.get("attrs", {}).get("title")
        flat = all(one["type"] in INLINE for one in content)
        if content and flat and not inline:
            content = [paragraph(*content)]
        if title:
            content = [paragraph(text(title)), *content]
        return content

    def _leaf(self, child: Node) -> Node:
        words = words_of(child)
        if child["type"] not in _REWRITTEN:
            words = self._rewrite(words)
        made = text(words, link_of(child))
        return made if child["type"] in INLINE else paragraph(made)


def _is_file(node: Node) -> bool:
    return node.get("attrs", {}).get("type") in ("file", "link")


def _inline_media(node: Node) -> Node:
    return StandIn({**node, "type": "mediaInline"})
