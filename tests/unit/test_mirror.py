"""A mapping seen from the other site: every side of it is exchanged, and twice gives it back."""

from __future__ import annotations

from dataclasses import replace

from app.mapping.document import dump_profile, load_profile
from app.mapping.mirror import mirrored
from app.mapping.profile import (
    Constant,
    FieldMapping,
    Flow,
    ItemKind,
    ItemMapping,
    Kind,
    Missing,
    Policy,
    Profile,
    Row,
    Scope,
    Side,
    UserTable,
    ValueTable,
)

PROFILE = Profile(
    Scope("1", "2", "a = b"),
    Scope("3", "4", subtask=True),
    (
        FieldMapping("summary", "summary", Kind.TEXT, policy=Policy.LEFT),
        FieldMapping(
            "assignee", "customfield_1", Kind.USER, flow=Flow.TO_RIGHT, right_kind=Kind.TEXT
        ),
        FieldMapping(
            "customfield_2",
            "customfield_3",
            Kind.OPTION,
            values=ValueTable((Row("5", "6"),), missing=Missing.DEFAULT, left_default="5"),
        ),
    ),
    users=UserTable((Row("a", "b"),), right_default="b"),
    items=(
        ItemMapping(
            ItemKind.LINKS, flow=Flow.TO_LEFT, internal=frozenset(), types=(Row("7", "8"),)
        ),
        ItemMapping(ItemKind.COMMENTS, internal=frozenset({Side.LEFT})),
    ),
    moves=(Constant(Side.LEFT, "resolution", "1"), Constant(Side.RIGHT, "comment", '"x"')),
    restricted=frozenset({Side.RIGHT}),
)


def test_twice_mirrored_is_the_same() -> None:
    assert mirrored(mirrored(PROFILE)) == PROFILE
    assert mirrored(PROFILE) != PROFILE


def test_a_side_of_the_mirror_is_the_other_side_of_the_mapping() -> None:
    found = mirrored(PROFILE)
    for side in Side:
        assert found.scope(side) == PROFILE.scope(side.other)
        assert (side in found.restricted) == (side.other in PROFILE.restricted)
        assert found.users.default(side) == PROFILE.users.default(side.other)
        for one, old in zip(found.fields, PROFILE.fields, strict=True):
            assert one.field(side) == old.field(side.other)
            assert one.kind_of(side) is old.kind_of(side.other)
            assert one.flow.feeds(side) == old.flow.feeds(side.other)
            assert one.values.default(side) == old.values.default(side.other)
            rows = [row.of(side) for row in one.values.rows]
            assert rows == [row.of(side.other) for row in old.values.rows]
        for item, was in zip(found.items, PROFILE.items, strict=True):
            assert item.flow.feeds(side) == was.flow.feeds(side.other)
            assert (side in item.internal) == (side.other in was.internal)
    assert [one.policy for one in found.fields] == [Policy.RIGHT, Policy.NEWER, Policy.NEWER]
    assert {(one.side, one.field) for one in found.moves} == {
        (Side.RIGHT, "resolution"),
        (Side.LEFT, "comment"),
    }


def test_the_mirror_of_a_good_document_is_a_good_document() -> None:
    plain = replace(
        PROFILE,
        left=Scope("1", "2", "a = b"),
        right=Scope("3", "4"),
        items=(replace(PROFILE.items[1]),),
    )
    good = load_profile(dump_profile(plain))
    assert load_profile(dump_profile(mirrored(good))) == mirrored(good)
