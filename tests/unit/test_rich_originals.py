"""An edited twin comes back: what only degraded on its way out stays as it was at its source."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.mapping.profile import Kind
from app.mapping.rich import carry_document, carry_edited
from app.mapping.values import handler
from tests.unit.rich_world import (
    ADA,
    CLEO,
    JSON,
    PEOPLE,
    back,
    canonical,
    doc,
    documents,
    node,
    paragraph,
    text,
    there,
)

MACRO = node("extension", extensionType="com.example", extensionKey="toc")
CHART = node("extension", extensionType="com.example", extensionKey="chart")
BY = paragraph("by ", node("mention", id=CLEO, text="@Cleo"))


def whole(*content: Any) -> str:
    found = canonical(json.loads(doc(*content)))
    assert found is not None
    return found


def edited(mine: str, *changed: Any) -> Any:
    """What this site gets when its twin is changed to these blocks."""
    found = carry_edited(whole(*changed), back(), mine, there())
    assert found.refused is None
    return json.loads(found.document or "{}")["content"]


def twin(mine: str) -> list[Any]:
    content: list[Any] = json.loads(carry_document(mine, there()).document or "{}")["content"]
    return content


def test_a_macro_stays_when_another_paragraph_of_the_twin_is_edited() -> None:
    mine = whole(paragraph("old"), MACRO, BY, CHART)
    blocks = twin(mine)
    blocks[0] = paragraph("new by ", node("mention", id=PEOPLE[ADA]))
    expected = [paragraph("new by ", node("mention", id=ADA)), MACRO, BY, CHART]
    assert edited(mine, *blocks) == expected


def test_a_macro_that_the_twin_deleted_or_changed_is_gone() -> None:
    mine = whole(MACRO, CHART)
    first, _second = twin(mine)
    assert edited(mine, first) == [MACRO]
    assert edited(mine, paragraph("[App content: toc] is old"), first) == [
        paragraph("[App content: toc] is old"),
        MACRO,
    ]


def test_the_same_text_written_by_hand_elsewhere_is_no_macro() -> None:
    mine = whole(paragraph("x"))
    assert edited(mine, paragraph("[App content: toc]")) == [paragraph("[App content: toc]")]


def test_a_block_that_jiras_editor_only_spelled_otherwise_is_untouched() -> None:
    # It joins texts that stand side by side whenever it saves anything of the document.
    mine = whole(BY, paragraph("x"))
    assert twin(mine)[0] == paragraph("by ", "@Cleo")
    assert edited(mine, paragraph("by @Cleo"), paragraph("y")) == [BY, paragraph("y")]


@pytest.mark.parametrize("levels", [100, 400, 470])
def test_documents_of_hundreds_of_levels_come_back(levels: int) -> None:
    deep = paragraph("deep")
    for _ in range(levels // 2 - 1):
        deep = node("bulletList", node("listItem", deep))
    came = json.dumps({"type": "doc", "version": 1, "content": [deep, *twin(whole(MACRO))]})
    found = carry_edited(came, back(), whole(MACRO), there())
    assert found.refused or json.loads(found.document or "")["content"] == [deep, MACRO]


def test_gaps_between_blocks_stay() -> None:
    mine = whole(MACRO, paragraph("x"))
    first, _second = twin(mine)
    gap = {"type": "paragraph"}
    assert edited(mine, gap, first, gap, paragraph("y")) == [gap, MACRO, gap, paragraph("y")]


def test_without_a_text_on_this_side_it_is_carried_as_ever() -> None:
    came = whole(paragraph("x"))
    assert carry_edited(came, back(), None, there()) == carry_document(came, back())
    assert carry_edited(came, back(), "nonsense", there()) == carry_document(came, back())
    assert carry_edited("nonsense", back(), came, there()).refused


@settings(max_examples=60, deadline=None, suppress_health_check=(HealthCheck.too_slow,))
@given(document=documents(2), first=st.booleans(), words=st.sampled_from(["new", "ACME-1"]))
def test_blocks_of_the_twin_that_nobody_touched_come_back_as_they_were(
    document: dict[str, Any], first: bool, words: str
) -> None:
    mine = canonical(document)
    if mine is None or carry_document(mine, there()).document is None:
        return
    blocks = twin(mine)
    blocks.insert(0 if first else len(blocks), paragraph(words))
    came = whole(*blocks)
    found = carry_edited(came, back(), mine, there())
    assert found.refused is None
    plain = carry_document(came, back())
    assert carry_document(found.document or "", there()).document == (
        carry_document(plain.document or "", there()).document
    )
    kept = json.loads(found.document or "")["content"]
    assert all(block in kept for block in json.loads(mine)["content"])


@settings(max_examples=150, deadline=None, suppress_health_check=(HealthCheck.too_slow,))
@given(came=JSON, mine=JSON, block=documents(1))
def test_any_json_comes_back_without_an_exception(came: Any, mine: Any, block: Any) -> None:
    for one in (came, doc(came), doc(*block["content"], came)):
        told = one if isinstance(one, str) else json.dumps(one)
        for other in (json.dumps(mine), doc(mine), doc(*block["content"])):
            found = carry_edited(told, back(), other, there())
            assert found == carry_edited(told, back(), other, there())


def test_texts_side_by_side_are_as_one_text() -> None:
    rich = handler(Kind.RICH_TEXT)
    parts = whole(paragraph("a", "b", text("c", "em"), text("d", "em")))
    assert rich.same(parts, whole(paragraph("ab", text("cd", "em"))))
    assert not rich.same(parts, whole(paragraph("abcd")))
    assert not rich.same(parts, whole(paragraph("a", "b", text("c", "em")), paragraph("d")))


def test_the_name_beside_an_account_id_makes_no_difference() -> None:
    rich = handler(Kind.RICH_TEXT)
    one = whole(paragraph(node("mention", id=ADA, text="@Ada", accessLevel="")))
    assert rich.same(one, whole(paragraph(node("mention", id=ADA))))
    assert not rich.same(one, whole(paragraph(node("mention", id=CLEO, text="@Ada"))))
    assert not rich.same(one, None)
    assert rich.same(None, None)
    assert not rich.same(one, whole(paragraph("@Ada")))
