"""What a profile lets out of a site, and whether another revision lets out more."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from app.mapping.document import DocumentError, dump_profile, load_profile
from app.mapping.leaves import Leaf, What, leaves, more
from app.mapping.lifecycle import Deleted, Lifecycle
from app.mapping.profile import (
    FieldMapping,
    Flow,
    ItemKind,
    ItemMapping,
    Kind,
    MarkerMode,
    Moment,
    Profile,
    Row,
    Scope,
    Side,
    ValueTable,
)

LEFT, RIGHT = Side.LEFT, Side.RIGHT
SUMMARY = FieldMapping("summary", "summary", Kind.TEXT)
LABELS = FieldMapping("labels", "customfield_7", Kind.LABELS, Flow.TO_RIGHT)
BASE = Profile(Scope("1", "10"), Scope("2", "20"), (SUMMARY, LABELS))


def made(text: str, flow: Flow = Flow.TO_RIGHT) -> FieldMapping:
    """A mapping whose value an expression makes."""
    return FieldMapping("summary", "environment", Kind.TEXT, flow, transform=text)


def with_fields(*fields: FieldMapping) -> Profile:
    return replace(BASE, fields=fields)


def with_items(*items: ItemMapping) -> Profile:
    return replace(BASE, items=items)


def names(profile: Profile, side: Side, what: What = What.FIELD) -> set[str]:
    return {one.name for one in leaves(profile, side) if one.what is what}


def test_a_field_leaves_by_its_id_on_the_side_that_it_flows_out_of() -> None:
    assert names(BASE, LEFT) == {"summary", "labels"}
    assert names(BASE, RIGHT) == {"summary"}


def test_of_a_transform_the_fields_leave_that_it_reads_of_the_source() -> None:
    profile = with_fields(SUMMARY, LABELS, made('value + source.labels.join(",")'))
    other = with_fields(replace(SUMMARY, flow=Flow.TO_LEFT), made("source.summary"))
    constant = with_fields(replace(SUMMARY, flow=Flow.TO_LEFT), made('"always this"'))
    assert names(profile, LEFT) == {"summary", "labels"}
    assert names(other, LEFT) == {"summary"}
    assert names(constant, LEFT) == set()
    whole = with_fields(replace(SUMMARY, flow=Flow.TO_LEFT), LABELS, made("string(size(source))"))
    assert names(whole, LEFT) == {"summary", "labels"}


def test_of_a_transform_what_it_reads_of_the_issue_itself_leaves_too() -> None:
    assert names(with_fields(made('source_issue.key + " " + value')), LEFT, What.ISSUE) == {"key"}
    assert names(with_fields(made("value")), LEFT, What.ISSUE) == set()


def test_what_is_the_same_or_less_is_not_more() -> None:
    for side in Side:
        assert more(BASE, BASE, side) == frozenset()
        assert more(BASE, with_fields(replace(SUMMARY, flow=Flow.TO_RIGHT)), side) == frozenset()


def test_another_field_is_more_on_the_side_that_it_flows_out_of() -> None:
    new = replace(BASE, fields=(*BASE.fields, FieldMapping("a", "b", Kind.TEXT, Flow.TO_LEFT)))
    assert {one.name for one in more(BASE, new, RIGHT)} == {"b"}
    assert more(BASE, new, LEFT) == frozenset()


def test_a_direction_turned_or_opened_is_more_of_the_other_side() -> None:
    new = with_fields(SUMMARY, replace(LABELS, flow=Flow.BOTH))
    assert {one.name for one in more(BASE, new, RIGHT)} == {"customfield_7"}
    assert more(BASE, new, LEFT) == frozenset()


def test_a_field_that_left_once_and_now_leaves_always_is_more() -> None:
    once = with_fields(replace(SUMMARY, moment=Moment.CREATE))
    always = with_fields(SUMMARY)
    assert more(once, always, LEFT) == {Leaf(What.FIELD, "summary", "update")}
    assert more(always, once, LEFT) == frozenset()


def test_another_expression_is_more_and_one_over_a_field_that_crosses_whole_is_not() -> None:
    short = with_fields(made("value.truncate(3)"))
    longer = with_fields(made("value.truncate(30)"))
    both = with_fields(SUMMARY, made("value.truncate(30)"))
    assert {one.name for one in more(short, longer, LEFT)} == {"summary"}
    assert more(with_fields(SUMMARY), both, LEFT) == frozenset()
    assert {one.through for one in more(short, with_fields(SUMMARY), LEFT)} == {""}


def test_other_tables_of_an_expression_are_more() -> None:
    text = 'lookup("t", value, "none")'
    old = replace(made(text), tables=(("t", (("a", "x"),)),))
    new = replace(made(text), tables=(("t", (("a", "x"), ("b", "y"))),))
    assert {one.name for one in more(with_fields(old), with_fields(new), LEFT)} == {"summary"}


@pytest.mark.parametrize(
    ("old", "new", "is_more"),
    [
        ("a = b", None, True),
        ("a = b", "a = c", True),
        (None, "a = b", False),
        ("a = b", "a = b", False),
    ],
)
def test_another_filter_or_none_is_more_and_a_first_one_is_not(
    old: str | None, new: str | None, is_more: bool
) -> None:
    before, after = (replace(BASE, right=Scope("2", "20", jql)) for jql in (old, new))
    assert bool(more(before, after, RIGHT)) is is_more
    assert more(before, after, LEFT) == frozenset()


def test_another_project_or_type_is_more() -> None:
    assert more(BASE, replace(BASE, left=Scope("9", "10")), LEFT)
    assert more(BASE, replace(BASE, left=Scope("1", "19")), LEFT)


def test_items_leave_in_their_direction() -> None:
    out = with_items(ItemMapping(ItemKind.ATTACHMENTS, Flow.TO_RIGHT))
    assert {one.name for one in more(BASE, out, LEFT)} == {"attachments"}
    assert more(BASE, out, RIGHT) == frozenset()


@pytest.mark.parametrize(
    ("old", "new", "is_more"),
    [
        ({"marker": "#go"}, {}, True),
        ({}, {"marker": "#go"}, False),
        ({"marker": "#go"}, {"marker": "#went"}, True),
        ({"marker": "#go"}, {"marker": "#go", "marker_mode": MarkerMode.UNLESS}, True),
        ({"prefix": None}, {"prefix": "{site}:"}, False),
        ({"prefix": None}, {"prefix": "{author}:"}, True),
        ({"prefix": "{author}:"}, {"prefix": "{author} at {created}:"}, True),
        ({"prefix": "{author} at {created}:"}, {"prefix": None}, False),
        ({"deletions": False}, {"deletions": True}, False),
    ],
)
def test_comments_leave_more_by_marker_and_by_prefix(
    old: dict[str, Any], new: dict[str, Any], is_more: bool
) -> None:
    before, after = (
        with_items(ItemMapping(**{"kind": ItemKind.COMMENTS, **one})) for one in (old, new)
    )
    assert bool(more(before, after, LEFT)) is is_more


def test_a_higher_limit_of_files_is_more_and_a_lower_one_is_not() -> None:
    low, high, none = (
        with_items(ItemMapping(ItemKind.ATTACHMENTS, limit_mb=limit)) for limit in (5, 20, None)
    )
    assert more(low, high, LEFT)
    assert more(high, none, LEFT)
    assert not more(high, low, LEFT)
    assert not more(none, high, LEFT)


def test_a_side_that_allows_more_lets_out_more_of_its_own_alone() -> None:
    for before, after in (
        (BASE, replace(BASE, restricted=frozenset({LEFT}))),
        (
            with_items(ItemMapping(ItemKind.COMMENTS)),
            with_items(ItemMapping(ItemKind.COMMENTS, internal=frozenset({LEFT}))),
        ),
    ):
        assert more(before, after, LEFT)
        assert not more(before, after, RIGHT)


def test_that_an_issue_was_deleted_leaves_where_something_is_done_about_it() -> None:
    told = replace(BASE, lifecycle=Lifecycle(deleted=Deleted.COMMENT))
    assert {one.name for one in more(BASE, told, LEFT)} == {"deleted"}
    done = replace(BASE, lifecycle=Lifecycle(deleted=Deleted.DELETE))
    assert more(told, done, LEFT) == frozenset()


def test_a_mapped_security_level_is_carried_where_both_sides_allow_it_alone() -> None:
    level = FieldMapping("security", "security", Kind.SECURITY)
    other = FieldMapping("x", "security", Kind.OPTION, Flow.TO_RIGHT, right_kind=Kind.SECURITY)
    profile = with_fields(SUMMARY, level, other)
    for sides in (frozenset(), frozenset({LEFT}), frozenset({RIGHT})):
        assert replace(profile, restricted=sides).allowed.fields == (SUMMARY,)
    assert replace(profile, restricted=frozenset(Side)).allowed.fields == profile.fields
    assert BASE.allowed is BASE


def test_the_document_keeps_who_allows_restricted_issues() -> None:
    for sides in (frozenset(), frozenset({RIGHT}), frozenset(Side)):
        kept = replace(BASE, restricted=sides)
        assert load_profile(dump_profile(kept)) == kept
    with pytest.raises(DocumentError, match="names a side twice"):
        load_profile({**dump_profile(BASE), "restricted": ["left", "left"]})


def test_which_value_is_which_is_not_more() -> None:
    table = ValueTable((Row("1", "2"),), by_name=False)
    assert not more(BASE, with_fields(SUMMARY, replace(LABELS, values=table)), LEFT)
