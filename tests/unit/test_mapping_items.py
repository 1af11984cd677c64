"""The part of the mapping document that says which items are carried."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.mapping.document import DocumentError, dump_profile, load_profile
from app.mapping.profile import DEFAULT_FIELDS, Flow, ItemKind, MarkerMode, Profile, Scope

PLAIN = Profile(Scope("1", "2"), Scope("3", "4"), DEFAULT_FIELDS)


def document(*items: Any) -> dict[str, Any]:
    return {**dump_profile(PLAIN), "items": list(items)}


def test_a_document_without_items_carries_none_and_is_written_as_before() -> None:
    assert "items" not in dump_profile(PLAIN)
    assert load_profile(dump_profile(PLAIN)).items == ()


def test_the_least_that_can_be_said_of_comments_is_their_kind() -> None:
    [comments] = load_profile(document({"kind": "comments"})).items
    assert comments.kind is ItemKind.COMMENTS
    assert comments.flow is Flow.BOTH
    assert comments.deletions
    assert comments.prefix == "{author} on {site}:"
    assert comments.marker is None
    assert not comments.carries_internal
    assert dump_profile(load_profile(document({"kind": "comments"})))["items"] == [
        {
            "kind": "comments",
            "flow": "both",
            "deletions": True,
            "prefix": "{author} on {site}:",
            "marker": None,
            "marker_mode": "only",
            "internal": [],
        }
    ]


@pytest.mark.parametrize(
    ("sides", "cross"),
    [([], False), (["left"], False), (["right"], False), (["right", "left"], True)],
)
def test_internal_comments_cross_where_both_sides_allow_it(
    sides: list[str], *, cross: bool
) -> None:
    loaded = load_profile(document({"kind": "comments", "internal": sides}))
    assert loaded.items[0].carries_internal is cross
    assert dump_profile(loaded)["items"][0]["internal"] == sorted(sides)  # type: ignore[index]


def test_what_is_said_of_comments_is_read_back_as_it_was_written() -> None:
    said = {
        "kind": "comments",
        "flow": "to_left",
        "deletions": False,
        "prefix": "{author}, {created}, {{{site}}}",
        "marker": "#partner",
        "marker_mode": "unless",
        "internal": ["left", "right"],
    }
    loaded = load_profile(document(said))
    assert loaded.items[0].marker_mode is MarkerMode.UNLESS
    assert load_profile(json.loads(json.dumps(dump_profile(loaded)))) == loaded
    assert dump_profile(loaded)["items"] == [said]


@pytest.mark.parametrize(
    "said",
    [
        {"kind": "attachments", "flow": "both", "deletions": True, "limit_mb": 20},
        {"kind": "worklogs", "flow": "to_right", "deletions": False, "prefix": None},
        {"kind": "links", "flow": "both", "deletions": True},
        {
            "kind": "links",
            "flow": "both",
            "deletions": True,
            "types": [{"left": "10000", "right": "10007"}],
        },
        {"kind": "remote_link", "flow": "to_left"},
    ],
)
def test_each_kind_has_options_of_its_own(said: dict[str, Any]) -> None:
    loaded = load_profile(document(said))
    assert load_profile(json.loads(json.dumps(dump_profile(loaded)))) == loaded
    assert dump_profile(loaded)["items"] == [said]


@pytest.mark.parametrize(
    ("bad", "where", "words"),
    [
        ({"kind": "votes"}, "items.0.kind", "one of"),
        ({}, "items.0.kind", "required"),
        ({"kind": "comments", "flow": "sideways"}, "items.0.flow", "one of"),
        ({"kind": "comments", "prefix": "{nobody}"}, "items.0.prefix", "knows no {nobody}"),
        ({"kind": "comments", "prefix": "{author!r}"}, "items.0.prefix", "knows no {author}"),
        ({"kind": "comments", "prefix": "{author.x}"}, "items.0.prefix", "knows no {author.x}"),
        ({"kind": "comments", "prefix": "{author"}, "items.0.prefix", "braces that do not fit"),
        ({"kind": "comments", "prefix": "by }"}, "items.0.prefix", "braces that do not fit"),
        ({"kind": "comments", "prefix": "x" * 201}, "items.0.prefix", "1 to 200 characters"),
        ({"kind": "comments", "prefix": " "}, "items.0.prefix", "1 to 200 characters"),
        ({"kind": "comments", "marker": ""}, "items.0.marker", "1 to 100 characters"),
        ({"kind": "comments", "deletions": "yes"}, "items.0.deletions", "boolean"),
        ({"kind": "comments", "internal": True}, "items.0.internal", "a list of the sides"),
        ({"kind": "comments", "internal": False}, "items.0.internal", "a list of the sides"),
        ({"kind": "comments", "internal": "both"}, "items.0.internal", "a list of the sides"),
        ({"kind": "comments", "internal": ["all"]}, "items.0.internal.0", "left, right"),
        ({"kind": "comments", "internal": ["left"] * 2}, "items.0.internal", "a side twice"),
        ({"kind": "comments", "private": True}, "items.0.private", "not known"),
        ({"kind": "comments", "types": []}, "items.0.types", "is no option of comments"),
        ({"kind": "worklogs", "internal": ["left"]}, "items.0.internal", "no option of worklogs"),
        ({"kind": "links", "prefix": None}, "items.0.prefix", "is no option of links"),
        ({"kind": "remote_link", "deletions": True}, "items.0.deletions", "of remote_link"),
        ({"kind": "links", "types": [{"left": "1"}]}, "items.0.types.0.right", "is missing"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(bad: dict[str, Any], where: str, words: str) -> None:
    with pytest.raises(DocumentError) as refused:
        load_profile(document(bad))
    assert {one.where for one in refused.value.problems} == {where}
    assert words in refused.value.problems[0].sentence


def test_a_kind_is_named_once() -> None:
    with pytest.raises(DocumentError, match="names a kind twice"):
        load_profile(document({"kind": "comments"}, {"kind": "comments", "flow": "to_right"}))
