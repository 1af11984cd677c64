"""The trial: compares a document with what would be written, node by node, before it is written."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator

from app.mapping.kinds.rich_text import nodes
from app.mapping.rich.attrs import LOCAL_ID
from app.mapping.rich.known import Degraded, Node, Part, attrs_of, marks_of, named, shown
from app.mapping.rich.references import masked
from app.said import said

# The most characters that Jira takes in one text.
LONGEST = 32_767
_SHOWN = 40


def trees_agree(before: str, after: str | None, degraded: Iterable[Degraded]) -> bool:
    """Whether all of `before` is in `after`, but for what is listed as degraded."""
    return not vanished(before, after, tuple(degraded))


def vanished(before: str, after: str | None, degraded: tuple[Degraded, ...]) -> tuple[str, ...]:
    """What of `before` is neither in `after` nor listed: nodes, marks on text, attributes, words.

    It knows nothing of how the conversion works; it only counts.
    """
    old, new = _tree(before), _tree(after)
    listed = Counter((one.part, one.name) for one in degraded)
    lost: list[str] = []
    gone = Counter(map(shown, old)) - Counter(map(shown, new))
    if after is None:
        gone.pop("paragraph", None)  # a text of empty paragraphs is no text
    for name, count in gone.items():
        if count > listed[Part.NODE, name]:
            lost.append(f"{name} ({count - listed[Part.NODE, name]})")
    gone = Counter(_marks(old)) - Counter(_marks(new))
    for name, count in gone.items():
        if count > listed[Part.MARK, name]:
            number = count - listed[Part.MARK, name]
            lost.append(said("%(name)s as a mark (%(count)s)", name=name, count=number))
    lost += _words_lost(old, new)
    if not degraded and not lost:
        lost += _differences(old, new)
    return tuple(lost)


def _tree(document: str | None) -> list[Node]:
    raw = json.loads(document) if document is not None else {"type": "doc"}
    return nodes(raw, "content")


def _marks(tree: list[Node]) -> Iterator[str]:
    for node in tree:
        if named(node) != "text" or _words(node):
            yield from (shown(mark) for mark in marks_of(node))


def _words(node: Node) -> str:
    words = node.get("text")
    return masked(words) if isinstance(words, str) else ""


def _words_lost(old: list[Node], new: list[Node]) -> list[str]:
    """The first text of the old tree that the new one has not, in the same order."""
    left = iter([words for node in new if (words := _words(node))])
    for node in old:
        words = _words(node)
        if words and not any(words == other for other in left):
            return [said("a text")]
    return []


def _differences(old: list[Node], new: list[Node]) -> list[str]:
    """With nothing degraded, both trees have the same nodes, marks and attributes throughout."""
    if _is_empty(old) and _is_empty(new):
        return []
    if len(old) != len(new):
        return [said("the order of the nodes")]
    for one, other in zip(old, new, strict=True):
        if _shape(one) != _shape(other):
            return [said("a part of %(node)s", node=shown(one))]
    return []


def _is_empty(tree: list[Node]) -> bool:
    return all(named(node) in ("doc", "paragraph") for node in tree)


def _shape(node: Node) -> tuple[object, ...]:
    marks = [named(mark) for mark in marks_of(node)]
    attrs = [attrs_of(mark) for mark in marks_of(node) if named(mark) != "link"]
    told = [{name: one[name] for name in one if name != LOCAL_ID} for one in attrs]
    return named(node), set(attrs_of(node)) - {LOCAL_ID}, marks, told


def too_long(document: str | None) -> int:
    """By how many characters the words of a document are more than Jira takes; 0 if they are not.

    Jira measures its own text form, which has some characters more for marks: a document that is
    too long here surely is too long there, and one a little shorter may be.
    """
    if document is None:
        return 0
    return max(0, sum(_length(node) for node in _tree(document)) - LONGEST)


def _length(node: Node) -> int:
    words = node.get("text")
    if isinstance(words, str):
        return len(words.encode("utf-16-le", "surrogatepass")) // 2
    return 1 if named(node) == "hardBreak" else 0


def told(degraded: Iterable[Degraded]) -> tuple[str, ...]:
    """A sentence for each thing that a person would miss, each once."""
    return tuple(dict.fromkeys(one.sentence for one in degraded if not one.within))
