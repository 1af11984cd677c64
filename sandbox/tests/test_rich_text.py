"""Rich text: Atlassian's converter and schema as the sandbox uses them, run for real."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.rich_text import AdfError, Converter


@pytest.fixture(scope="module")
def converter() -> Iterator[Converter]:
    converter = Converter()
    yield converter
    converter.close()


def document(*content: dict[str, Any]) -> dict[str, Any]:
    return {"version": 1, "type": "doc", "content": list(content)}


def paragraph(*content: dict[str, Any]) -> dict[str, Any]:
    return {"type": "paragraph", "content": list(content)}


def text(words: str, *marks: dict[str, Any]) -> dict[str, Any]:
    return {"type": "text", "text": words, **({"marks": list(marks)} if marks else {})}


def item(*content: dict[str, Any]) -> dict[str, Any]:
    return {"type": "listItem", "content": list(content)}


STRONG, EM, CODE = {"type": "strong"}, {"type": "em"}, {"type": "code"}

# Markup and document that mean each other, both ways.
PAIRS = {
    "a heading": (
        "h2. Steps",
        document({"type": "heading", "attrs": {"level": 2}, "content": [text("Steps")]}),
    ),
    "marks": (
        "plain *bold* _slanted_ {{code}}",
        document(
            paragraph(
                text("plain "),
                text("bold", STRONG),
                text(" "),
                text("slanted", EM),
                text(" "),
                text("code", CODE),
            )
        ),
    ),
    "nested lists": (
        "* one\n** two\n* three",
        document(
            {
                "type": "bulletList",
                "content": [
                    item(
                        paragraph(text("one")),
                        {"type": "bulletList", "content": [item(paragraph(text("two")))]},
                    ),
                    item(paragraph(text("three"))),
                ],
            }
        ),
    ),
    "an ordered list": (
        "# one\n# two",
        document(
            {
                "type": "orderedList",
                "attrs": {"order": 1},
                "content": [item(paragraph(text("one"))), item(paragraph(text("two")))],
            }
        ),
    ),
    "a hard break": (
        "first\nsecond",
        document(paragraph(text("first"), {"type": "hardBreak"}, text("second"))),
    ),
    "a link": (
        "[the page|https://example.com/a?b=c]",
        document(
            paragraph(
                text("the page", {"type": "link", "attrs": {"href": "https://example.com/a?b=c"}})
            )
        ),
    ),
    "a rule between paragraphs": (
        "above\n\n----\n\nbelow",
        document(paragraph(text("above")), {"type": "rule"}, paragraph(text("below"))),
    ),
    "a quote": (
        "{quote}said{quote}",
        document({"type": "blockquote", "content": [paragraph(text("said"))]}),
    ),
    "code": (
        "{code:python}x = 1{code}",
        document(
            {"type": "codeBlock", "attrs": {"language": "python"}, "content": [text("x = 1")]}
        ),
    ),
}


@pytest.mark.parametrize("name", PAIRS)
def test_markup_becomes_the_document(converter: Converter, name: str) -> None:
    markup, expected = PAIRS[name]
    assert converter.wiki_to_adf(markup) == expected
    assert converter.check_adf(expected) == []


@pytest.mark.parametrize("name", PAIRS)
def test_the_document_becomes_the_markup(converter: Converter, name: str) -> None:
    markup, expected = PAIRS[name]
    assert converter.adf_to_wiki(expected) == markup


def test_a_table_keeps_its_header_and_cells(converter: Converter) -> None:
    found = converter.wiki_to_adf("||name||size||\n|pump|4|")
    assert found is not None
    assert converter.check_adf(found) == []
    table = found["content"][0]
    assert [[cell["type"] for cell in row["content"]] for row in table["content"]] == [
        ["tableHeader", "tableHeader"],
        ["tableCell", "tableCell"],
    ]
    back = converter.adf_to_wiki(found)
    assert back.splitlines()[1] == "|pump|4|"


def test_a_panel_keeps_its_content(converter: Converter) -> None:
    found = converter.wiki_to_adf("{panel}mind the step{panel}")
    assert found is not None
    assert converter.check_adf(found) == []
    assert found["content"][0]["type"] == "panel"
    assert found["content"][0]["content"] == [paragraph(text("mind the step"))]
    assert "mind the step" in converter.adf_to_wiki(found)


def test_a_mention_carries_the_bare_account_id(converter: Converter) -> None:
    found = converter.wiki_to_adf("ask [~accountid:557058:a-1] first")
    assert found is not None
    mention = found["content"][0]["content"][1]
    assert (mention["type"], mention["attrs"]["id"]) == ("mention", "557058:a-1")
    assert converter.check_adf(found) == []
    assert converter.adf_to_wiki(found) == "ask [~accountid:557058:a-1] first"


def test_an_empty_text_is_no_document(converter: Converter) -> None:
    assert converter.wiki_to_adf("") is None
    assert converter.wiki_to_adf(" \n") is None
    assert converter.adf_to_wiki(None) == ""


def test_a_line_separator_does_not_split_a_request(converter: Converter) -> None:
    # Node's readline ends a line at U+2028 as well.
    found = converter.wiki_to_adf("one\u2028two \U0001f600")
    assert found is not None
    assert found["content"][0]["content"][0]["text"].startswith("one")
    assert converter.wiki_to_adf("next") == document(paragraph(text("next")))


def test_an_unknown_node_is_refused_by_its_name(converter: Converter) -> None:
    with pytest.raises(AdfError, match="nope"):
        converter.adf_to_wiki(document({"type": "nope"}))


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (document({"type": "nope"}), "content/0: 'nope' is unknown or not allowed here"),
        (document(paragraph(text(""))), "content/0/content/0/text: "),
        (document({"type": "heading", "attrs": {"level": 9}}), "content/0/attrs/level: 9"),
        ({"type": "doc", "content": []}, '"version" is a required property'),
        ("a plain text", "document: "),
    ],
)
def test_a_broken_document_is_described_by_place_and_rule(
    converter: Converter, broken: Any, words: str
) -> None:
    faults = converter.check_adf(broken)
    assert len(faults) == 1
    assert words in faults[0]


def test_a_dead_process_is_replaced(converter: Converter) -> None:
    converter.wiki_to_adf("before the death")
    assert converter._child is not None
    os.kill(converter._child.pid, signal.SIGKILL)
    assert converter.wiki_to_adf("after the death") == document(paragraph(text("after the death")))


def test_many_threads_get_their_own_answers(converter: Converter) -> None:
    answers: dict[int, Any] = {}

    def ask(number: int) -> None:
        answers[number] = converter.wiki_to_adf(f"number {number}")

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {n: document(paragraph(text(f"number {n}"))) for n in range(40)}


def test_what_a_caller_changes_does_not_reach_the_next(converter: Converter) -> None:
    first = converter.wiki_to_adf("shared words")
    assert first is not None
    first["content"].clear()
    assert converter.wiki_to_adf("shared words") == document(paragraph(text("shared words")))
