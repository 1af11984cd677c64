"""Rich text crosses and comes back: always valid, a fixed point after the first crossing."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from app.mapping.kinds.rich_text import nodes
from app.mapping.rich import carry_document, trees_agree
from app.mapping.rich.shapes import ATTRS, MARKS
from sandbox.rich_text import Converter
from tests.unit.rich_world import (
    JSON,
    Checker,
    back,
    canonical,
    corpus,
    doc,
    documents,
    needs_schema,
    raw,
    there,
)

CORPUS = corpus()
SLOW = (HealthCheck.too_slow, HealthCheck.data_too_large)


@pytest.fixture(scope="module")
def schema() -> Iterator[Checker]:
    converter = Converter()
    yield Checker(converter)
    converter.close()


def crosses(before: str, schema: Checker) -> bool:
    """Checks the whole way there, back and there again; whether nothing degraded."""
    first = carry_document(before, there())
    assert first.refused is None, first.degraded
    assert first == carry_document(before, there())
    assert schema.faults(first.document) == []
    assert trees_agree(before, first.document, first.degraded)
    if first.document is None:
        return not first.degraded
    assert canonical(raw(first.document)) == first.document
    returned = carry_document(first.document, back())
    assert returned.refused is None
    assert returned.degraded == (), "what comes back was accepted by Jira: nothing is left to do"
    assert schema.faults(returned.document) == []
    assert returned.document is not None
    again = carry_document(returned.document, there())
    assert again.document == first.document
    if not first.degraded:
        assert returned.document == before
    return not first.degraded


@needs_schema
@pytest.mark.parametrize("name", CORPUS)
def test_a_document_of_the_corpus_is_a_fixed_point_after_the_first_crossing(
    name: str, schema: Checker
) -> None:
    before = canonical(CORPUS[name])
    assert schema.faults(before) == [], "the corpus itself is valid"
    assert before is not None
    crosses(before, schema)


def test_the_corpus_uses_every_node_and_mark_of_the_schema() -> None:
    # The table of names is held against the schema itself in test_rich_shapes.
    used = nodes(list(CORPUS.values()), "content")
    marks = [mark for one in used for mark in one.get("marks", ())]  # type: ignore[attr-defined]
    assert sorted(set(ATTRS) - {str(one["type"]) for one in used}) == []
    assert sorted(set(MARKS) - {mark["type"] for mark in marks}) == []
    assert len(CORPUS) >= 60


@needs_schema
@settings(max_examples=150, deadline=None, suppress_health_check=SLOW)
@given(document=documents())
def test_any_valid_document_is_a_fixed_point_after_the_first_crossing(
    document: dict[str, Any], schema: Checker
) -> None:
    before = canonical(document)
    if before is not None:
        assert schema.faults(before) == [], "the strategy makes valid documents"
        crosses(before, schema)


NODES = st.recursive(
    st.fixed_dictionaries({"type": st.sampled_from([*ATTRS, "new"])}, optional={"text": JSON}),
    lambda inner: st.fixed_dictionaries(
        {"type": st.sampled_from([*ATTRS, "new", ""])},
        optional={
            "content": st.lists(inner | JSON, max_size=4),
            "attrs": JSON,
            "marks": JSON | st.lists(st.fixed_dictionaries({"type": st.sampled_from([*MARKS])})),
            "text": st.text(max_size=3),
        },
    ),
    max_leaves=15,
)


def holds_for(before: str, schema: Checker) -> None:
    """What must hold whatever was sent: no exception, valid, nothing lost, and a fixed point."""
    first = carry_document(before, there())
    assert schema.faults(first.document) == []
    if first.refused:
        assert first.document is None
        return
    assert trees_agree(before, first.document, first.degraded)
    if first.document is not None:
        returned = carry_document(first.document, back())
        assert returned.document is not None
        assert carry_document(returned.document, there()).document == first.document


@needs_schema
@settings(max_examples=300, deadline=None, suppress_health_check=SLOW)
@given(document=JSON)
def test_any_json_at_all_gives_a_valid_document_and_no_exception(
    document: Any, schema: Checker
) -> None:
    holds_for(json.dumps(document), schema)
    holds_for(doc(document), schema)


@needs_schema
@settings(max_examples=400, deadline=None, suppress_health_check=SLOW)
@given(content=st.lists(NODES, min_size=1, max_size=3))
@example(content=[{"type": None, "marks": [{"type": "\x08"}]}])
def test_nodes_in_any_wrong_place_give_a_valid_document_and_lose_nothing(
    content: list[Any], schema: Checker
) -> None:
    found = carry_document(doc(*content), there())
    assert found.refused is None
    holds_for(doc(*content), schema)


@needs_schema
@settings(max_examples=300, deadline=None, suppress_health_check=SLOW)
@given(data=st.data())
def test_a_broken_copy_of_a_document_of_the_corpus_still_crosses(
    data: st.DataObject, schema: Checker
) -> None:
    document = copy.deepcopy(CORPUS[data.draw(st.sampled_from(sorted(CORPUS)))])
    for _ in range(data.draw(st.integers(1, 3))):
        _break(document, data)
    before = json.dumps(document)
    found = carry_document(before, there())
    assert found.refused is None, found
    holds_for(before, schema)


def _break(document: Any, data: st.DataObject) -> None:
    """Change one thing somewhere: a key away, null, of another type, or a node put elsewhere."""
    holders = [one for one in _parts(document) if one]
    if not holders:
        return
    chosen = holders[data.draw(st.integers(0, len(holders) - 1))]
    keys: list[Any] = sorted(chosen) if isinstance(chosen, dict) else list(range(len(chosen)))
    key = data.draw(st.sampled_from(keys))
    what = data.draw(st.sampled_from(["drop", "null", "json", "other"]))
    if what == "drop":
        del chosen[key]
    elif what == "null":
        chosen[key] = None
    elif what == "json":
        chosen[key] = data.draw(JSON)
    else:
        chosen[key] = copy.deepcopy(holders[data.draw(st.integers(0, len(holders) - 1))])


def _parts(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [value, *(part for one in value.values() for part in _parts(one))]
    if isinstance(value, list):
        return [value, *(part for one in value for part in _parts(one))]
    return []
