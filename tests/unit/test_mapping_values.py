"""Values of each kind: what Jira gives, what is compared, what is written, what people read."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.mapping.profile import DEFAULT_FIELDS, FieldMapping, Kind, Side
from app.mapping.values import (
    NOT_COMPARABLE,
    Handler,
    UnreadableValueError,
    handler,
    read_fields,
    register,
)


def doc(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"type": "doc", "version": 1, "content": list(blocks)}


def paragraph(*nodes: dict[str, Any], **attrs: str) -> dict[str, Any]:
    block: dict[str, Any] = {"type": "paragraph", "content": list(nodes)}
    return {**block, "attrs": attrs} if attrs else block


def text(words: str, *marks: str) -> dict[str, Any]:
    node: dict[str, Any] = {"type": "text", "text": words}
    return {**node, "marks": [{"type": mark} for mark in marks]} if marks else node


def task_list(state: str = "TODO", **ids: str) -> dict[str, Any]:
    item = {"type": "taskItem", "attrs": {"state": state, **ids}, "content": [text("Do it")]}
    return {"type": "taskList", "attrs": dict(ids), "content": [item]}


READ = [
    (Kind.TEXT, "Broken", "Broken"),
    (Kind.TEXT, "  Broken \n", "Broken"),
    (Kind.TEXT, "one\r\ntwo", "one\ntwo"),
    (Kind.TEXT, " ", None),
    (Kind.TEXT, None, None),
    (Kind.LABELS, ["b", "a", "b"], ("a", "b")),
    (Kind.LABELS, ["B", "b"], ("B", "b")),
    (Kind.LABELS, [], ()),
    (Kind.LABELS, None, ()),
    (Kind.NAMED, {"id": "3", "name": "Medium", "iconUrl": "https://jira.example/m.svg"}, "Medium"),
    (Kind.NAMED, None, None),
    (Kind.DATE, "2026-02-28", "2026-02-28"),
    (Kind.DATE, None, None),
    (Kind.RICH_TEXT, None, None),
    (Kind.RICH_TEXT, doc(), None),
    (Kind.RICH_TEXT, doc(paragraph(), paragraph(localId="x")), None),
]


@pytest.mark.parametrize(("kind", "raw", "value"), READ)
def test_raw_fields_have_one_canonical_value(kind: Kind, raw: object, value: object) -> None:
    assert handler(kind).read(raw) == value


@pytest.mark.parametrize(("kind", "raw", "value"), READ)
def test_what_is_written_reads_the_same(kind: Kind, raw: object, value: Any) -> None:
    assert handler(kind).read(handler(kind).write(value)) == value


@pytest.mark.parametrize(
    ("kind", "value", "raw"),
    [
        (Kind.TEXT, "a", "a"),
        (Kind.LABELS, ("a", "b"), ["a", "b"]),
        (Kind.LABELS, (), []),
        (Kind.NAMED, "High", {"name": "High"}),
        (Kind.NAMED, None, None),
        (Kind.DATE, None, None),
        (Kind.RICH_TEXT, None, None),
    ],
)
def test_values_are_written_in_the_form_of_rest_v3(kind: Kind, value: Any, raw: object) -> None:
    assert handler(kind).write(value) == raw


@pytest.mark.parametrize(
    ("kind", "raw", "sentence"),
    [
        (Kind.TEXT, 7, "expected text, found int; the field is mapped as text"),
        (Kind.TEXT, doc(), "expected text, found dict"),
        (Kind.LABELS, "a", "expected a list of words, found str"),
        (Kind.LABELS, [{"value": "a"}], "expected a list of words, found list"),
        (Kind.NAMED, {"value": "a"}, "expected an object with a name, found dict"),
        (Kind.DATE, "31.12.2026", "expected a day as YYYY-MM-DD, found str"),
        (Kind.DATE, "2026-02-30", "expected a day as YYYY-MM-DD"),
        (Kind.RICH_TEXT, "h1. wiki", "expected an ADF document, found str"),
        (Kind.RICH_TEXT, {"type": "paragraph"}, "expected an ADF document, found dict"),
    ],
)
def test_a_raw_field_of_another_kind_is_refused(kind: Kind, raw: object, sentence: str) -> None:
    with pytest.raises(UnreadableValueError, match=sentence.replace("(", r"\(")):
        handler(kind).read(raw)


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (doc(paragraph(text("a"))), doc(paragraph(text("a"), localId="1"))),
        (doc(task_list(localId="1")), doc(task_list(localId="2"))),
        (doc(paragraph(text("a"))), doc(paragraph({**text("a"), "marks": []}))),
        (doc({"type": "paragraph"}, paragraph(text("a"))), doc(paragraph(), paragraph(text("a")))),
        (
            {"type": "doc", "version": 1, "content": [paragraph(text("a"))]},
            {"content": [paragraph(text("a"))], "version": 1, "type": "doc"},
        ),
    ],
)
def test_documents_that_editors_save_differently_without_an_edit_are_the_same(
    one: dict[str, Any], two: dict[str, Any]
) -> None:
    rich = handler(Kind.RICH_TEXT)
    assert rich.read(one) == rich.read(two)


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (doc(paragraph(text("a"))), doc(paragraph(text("b")))),
        (doc(paragraph(text("a"))), doc(paragraph(text("a", "strong")))),
        (doc(paragraph(text("a"))), doc(paragraph(text("a")), paragraph())),
        (doc(task_list("TODO")), doc(task_list("DONE"))),
        (doc(paragraph(text("a"))), doc({"type": "rule"}, paragraph(text("a")))),
    ],
)
def test_documents_that_differ_for_a_reader_are_different(
    one: dict[str, Any], two: dict[str, Any]
) -> None:
    rich = handler(Kind.RICH_TEXT)
    assert rich.read(one) != rich.read(two)


def test_a_document_of_a_rule_or_a_picture_alone_is_not_empty() -> None:
    assert handler(Kind.RICH_TEXT).read(doc({"type": "rule"})) is not None


def test_nodes_that_need_a_local_id_are_written_with_one_and_always_the_same() -> None:
    rich = handler(Kind.RICH_TEXT)
    value = rich.read(doc(task_list(localId="1"), paragraph(text("a"), localId="2")))
    written: Any = rich.write(value)
    tasks, plain = written["content"]
    ids = [tasks["attrs"]["localId"], tasks["content"][0]["attrs"]["localId"]]
    assert len(set(ids)) == 2
    assert "attrs" not in plain
    assert rich.write(value) == written
    assert rich.read(written) == value


def nested(levels: int) -> dict[str, Any]:
    node = paragraph(text("deep"))
    for _ in range(levels // 2):
        node = {"type": "bulletList", "content": [{"type": "listItem", "content": [node]}]}
    return doc(node)


def test_a_document_of_200_levels_is_read_and_written() -> None:
    rich = handler(Kind.RICH_TEXT)
    value = rich.read(nested(200))
    assert rich.write(value) == nested(200)
    assert rich.brief(value) == "deep"


def test_a_document_of_absurd_depth_is_refused_with_a_sentence() -> None:
    with pytest.raises(UnreadableValueError, match="at most a few hundred levels"):
        handler(Kind.RICH_TEXT).read(nested(200_000))


def test_text_outside_unicode_stays_as_it_is() -> None:
    rich = handler(Kind.RICH_TEXT)
    broken = doc(paragraph(text("\ud800 and \x00")))
    assert rich.write(rich.read(broken)) == broken


@pytest.mark.parametrize(
    ("stored", "own_spelling"),
    [
        (doc(paragraph(text("one"), text(" two"))), True),
        (doc(paragraph(text("one two")), paragraph()), True),
        (doc(paragraph(text("one", "strong"), text(" two"))), True),
        (doc(paragraph(text("one two three"))), False),
        (doc(), False),
    ],
)
def test_rich_text_with_the_same_words_is_the_sites_spelling_of_what_was_written(
    stored: dict[str, Any], own_spelling: bool
) -> None:
    rich = handler(Kind.RICH_TEXT)
    written = rich.read(doc(paragraph(text("one two"))))
    assert rich.is_stored_form(written, rich.read(stored)) is own_spelling


@pytest.mark.parametrize("kind", [Kind.TEXT, Kind.NAMED, Kind.DATE])
def test_any_other_kind_is_stored_as_written_or_edited(kind: Kind) -> None:
    assert handler(kind).is_stored_form("a", "a")
    assert not handler(kind).is_stored_form("a", "A")


def test_a_webhook_tells_nothing_of_rich_text_but_that_there_is_none() -> None:
    rich = handler(Kind.RICH_TEXT)
    assert rich.read_webhook("h1. wiki") is NOT_COMPARABLE
    assert rich.read_webhook("") is NOT_COMPARABLE
    assert rich.read_webhook(None) is None


def test_a_webhook_tells_of_other_kinds_what_rest_does() -> None:
    assert handler(Kind.TEXT).read_webhook("a ") == "a"
    assert handler(Kind.LABELS).read_webhook(["b", "a"]) == ("a", "b")
    assert handler(Kind.NAMED).read_webhook({"name": "Low", "id": "4"}) == "Low"
    assert handler(Kind.DATE).read_webhook(None) is None


@pytest.mark.parametrize(
    ("kind", "value", "brief"),
    [
        (Kind.TEXT, "a\n b", "a b"),
        (Kind.TEXT, None, "(empty)"),
        (Kind.TEXT, "x" * 120, "x" * 120),
        (Kind.TEXT, "x" * 121, "x" * 119 + "…"),
        (Kind.LABELS, ("a", "b"), "a, b"),
        (Kind.LABELS, (), "(empty)"),
        (Kind.NAMED, "High", "High"),
        (Kind.DATE, "2026-01-01", "2026-01-01"),
        (Kind.RICH_TEXT, None, "(empty)"),
    ],
)
def test_values_have_a_short_form_for_people(kind: Kind, value: Any, brief: str) -> None:
    assert handler(kind).brief(value) == brief


def test_the_short_form_of_rich_text_is_its_words() -> None:
    rich = handler(Kind.RICH_TEXT)
    value = rich.read(doc(paragraph(text("o", "strong"), text("ne")), paragraph(text("two"))))
    assert rich.brief(value) == "one two"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(st.sampled_from(Kind), json_values)
def test_whatever_a_site_sends_is_read_or_refused_and_can_be_written_back(
    kind: Kind, raw: object
) -> None:
    try:
        value = handler(kind).read(raw)
    except UnreadableValueError:
        return
    hash(value)
    if handler(kind).writable:
        assert handler(kind).same(handler(kind).read(handler(kind).write(value)), value)
    assert len(handler(kind).brief(value)) <= 120


nodes = st.recursive(
    st.builds(text, st.text()) | st.just({"type": "rule"}),
    lambda inner: st.builds(
        lambda kind, content, attrs, marks: {
            "type": kind,
            "content": content,
            **({} if attrs is None else {"attrs": attrs}),
            **({} if marks is None else {"marks": marks}),
        },
        st.sampled_from(["paragraph", "panel", "taskList", "taskItem"]),
        st.lists(inner, max_size=3),
        st.none() | st.dictionaries(st.sampled_from(["localId", "state"]), st.text(), max_size=2),
        st.none() | st.lists(st.just({"type": "fragment", "attrs": {"localId": "1"}}), max_size=1),
    ),
    max_leaves=10,
)


@given(st.lists(nodes, max_size=4))
def test_a_document_written_and_read_again_is_the_same(blocks: list[dict[str, Any]]) -> None:
    rich = handler(Kind.RICH_TEXT)
    value = rich.read(doc(*blocks))
    written = rich.write(value)
    assert rich.read(json.loads(json.dumps(written))) == value


def test_fields_are_read_by_mapping_and_a_bad_one_does_not_spoil_the_rest() -> None:
    fields = (*DEFAULT_FIELDS, FieldMapping("customfield_1", "customfield_2", Kind.TEXT))
    raw = {
        "summary": "Broken ",
        "labels": ["b", "a"],
        "priority": {"id": "3", "name": "Medium"},
        "duedate": "soon",
        "customfield_1": "left",
        "customfield_2": "right",
        "other": 1,
    }
    reading = read_fields(fields, Side.RIGHT, raw)
    assert reading.values == {
        "summary=summary": "Broken",
        "labels=labels": ("a", "b"),
        "priority=priority": "Medium",
        "customfield_1=customfield_2": "right",
    }
    assert list(reading.unreadable) == ["duedate=duedate"]
    assert reading.unreadable["duedate=duedate"].startswith(
        "duedate on the right side: expected a day as YYYY-MM-DD, found str"
    )


def test_every_kind_has_a_handler_and_no_kind_gets_a_second_one() -> None:
    for kind in Kind:
        assert isinstance(handler(kind), Handler)
        with pytest.raises(ValueError, match=f"kind {kind.value} has the handler"):
            register(kind)(type(handler(kind)))
