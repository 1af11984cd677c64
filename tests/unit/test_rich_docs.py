"""docs/rich-text.md says what degrades: its tables come from carrying the corpus, here."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from typing import Any

from app.mapping.kinds.rich_text import nodes
from app.mapping.rich import Carried, carry_document
from app.mapping.rich.known import SENTENCES, Part, Reason
from app.mapping.rich.shapes import ATTRS, MARKS
from tests.unit.rich_world import ROOT, canonical, corpus, there

PAGE = ROOT / "docs/rich-text.md"
FIRST = "<!-- from tests/unit/test_rich_docs.py -->"
LAST = "<!-- to here -->"
CROSSINGS = {
    name: (before, carry_document(before, there()))
    for name, document in corpus().items()
    if (before := canonical(document))
}


def own_parts(document: str | None) -> tuple[Counter[str], Counter[str]]:
    """The nodes without their content and marks, and the marks, each as JSON."""
    tree: list[dict[str, Any]] = nodes(json.loads(document or "{}"), "content")
    bare = [{k: v for k, v in one.items() if k not in ("content", "marks")} for one in tree]
    marks = [mark for one in tree for mark in one.get("marks", ())]
    return (
        Counter(json.dumps(one, sort_keys=True) for one in bare),
        Counter(json.dumps(one, sort_keys=True) for one in marks),
    )


def by_type(parts: Counter[str]) -> Counter[str]:
    found: Counter[str] = Counter()
    for part, count in parts.items():
        found[json.loads(part)["type"]] += count
    return found


def figures(part: Part) -> dict[str, tuple[int, int, int]]:
    """For each type: how many crossed as they were, were rewritten, and degraded."""
    which = 0 if part is Part.NODE else 1
    same: Counter[str] = Counter()
    all_: Counter[str] = Counter()
    degraded: Counter[str] = Counter()
    for before, found in CROSSINGS.values():
        old, new = own_parts(before)[which], own_parts(found.document)[which]
        all_ += by_type(old)
        same += by_type(old & new)
        degraded += Counter(one.name for one in found.degraded if one.part is part)
    return {
        name: (same[name], all_[name] - same[name] - degraded[name], degraded[name])
        for name in sorted(ATTRS if part is Part.NODE else MARKS)
    }


def reasons() -> dict[tuple[Part, str], set[Reason]]:
    found: dict[tuple[Part, str], set[Reason]] = defaultdict(set)
    for _before, carried in CROSSINGS.values():
        for one in carried.degraded:
            found[one.part, one.name].add(one.reason)
    return found


def table(part: Part) -> str:
    lines = [
        f"| {part.value} | as it is | rewritten | degraded | why it degrades |",
        "|---|---:|---:|---:|---|",
    ]
    why = reasons()
    for name, counts in figures(part).items():
        told = "; ".join(SENTENCES[one] for one in sorted(why[part, name]))
        lines.append("| `{}` | {} | {} | {} | {} |".format(name, *counts, told))
    return "\n".join(lines)


def examples() -> str:
    """What stands in for each thing that degrades, as the twin of a document of the corpus says."""
    shown = {
        "mention-gone": "a mention of somebody who has no account there",
        "files-some-gone": "a file that is not there",
        "emoji-of-the-site": "an emoji that the site's people added",
        "macro": "a macro or other content of an app",
        "macro-in-line": "the same in a line",
        "macro-with-body": "a macro with a body: the body stays",
        "synced": "a synced block",
        "card-datasource": "a list of issues: a card where it has an address, else its search",
        "annotation": "a comment in the text: the text stays, the comment does not",
    }
    lines = ["| on the one site | on the other |", "|---|---|"]
    for name, words in shown.items():
        lines.append(f"| {words} | {first_words(CROSSINGS[name][1])} |")
    return "\n".join(lines)


def first_words(found: Carried) -> str:
    """The text of the first paragraph that has some."""
    for block in json.loads(found.document or "{}")["content"]:
        said = "".join(one["text"] for one in nodes(block, "content") if "text" in one)
        if said:
            return said
    return "a card"


def wanted() -> str:
    whole = sum(not found.degraded for _before, found in CROSSINGS.values())
    line = (
        f"Of the corpus's {len(CROSSINGS)} documents, {whole} cross as they are but for what names "
        f"their site, and {len(CROSSINGS) - whole} have something in them that degrades."
    )
    parts = [line, examples(), table(Part.NODE), table(Part.MARK)]
    return "\n\n".join([FIRST, *parts, LAST])


def test_the_page_has_the_tables_that_come_of_carrying_the_corpus() -> None:
    page = PAGE.read_text()
    start, end = page.find(FIRST), page.find(LAST) + len(LAST)
    assert start >= 0
    assert page[start:end] == wanted(), f"\n\nput this into {PAGE.name}:\n\n{wanted()}"


def test_no_figure_of_the_tables_is_below_nothing_and_each_node_is_in_the_corpus() -> None:
    for part in (Part.NODE, Part.MARK):
        for name, counts in figures(part).items():
            assert min(counts) >= 0, name
            assert sum(counts) > 0, name


def test_the_page_has_the_sentence_of_each_reason() -> None:
    page = " ".join(PAGE.read_text().split())
    for reason, sentence in SENTENCES.items():
        assert sentence in page, reason
