"""Which fields are offered, by what two sites tell of them, and which pairs suggest themselves."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import Problem
from app.jira.site import FieldRule
from app.mapping.document import dump_profile, load_profile
from app.mapping.field_types import CUSTOM_KINDS, pairs_with
from app.mapping.offer import ELSEWHERE, OfferedField, Seen
from app.mapping.offer_pairs import (
    ASKED_FOR,
    ONLY_ONE,
    SAME_FIELD,
    SAME_NAME,
    SIMILAR_NAME,
    Offer,
    Pair,
    offer,
)
from app.mapping.profile import (
    SYSTEM_KINDS,
    Constant,
    FieldMapping,
    Flow,
    Kind,
    Moment,
    Profile,
    Scope,
    Side,
)
from app.mapping.values import handler

JIRA = "com.atlassian.jira.plugin.system.customfieldtypes:"
SERVICE = "com.atlassian.servicedesk:"
SUMMARY = FieldMapping("summary", "summary", Kind.TEXT)
BOTH = ("create", "edit")


def rule(
    name: str, type_: str = "", *, system: str = "", required: bool = False, settable: bool = True
) -> FieldRule:
    """A field as metadata has it: a custom one of this type, or a system one."""
    schema = {"type": "any", "system": system} if system else {"type": "any", "custom": type_}
    return FieldRule(name, required=required, schema=schema, settable=settable)


class Told:
    """What a site tells, put together field by field."""

    def __init__(self) -> None:
        self.screens: dict[str, dict[str, FieldRule]] = {"create": {}, "edit": {}}
        self.every: dict[str, FieldRule] = {}
        self.held: set[str] | None = set()
        self.system("summary", required=True)

    def system(self, *names: str, on: Sequence[str] = BOTH, **more: Any) -> Told:
        """System fields of these ids, which are their names as well."""
        return self._put({one: rule(one, system=one, **more) for one in names}, on)

    def custom(
        self, number: int, name: str, type_: str, *, on: Sequence[str] = BOTH, **more: Any
    ) -> Told:
        """A custom field; a type without an app's key is one of Jira's own."""
        full = type_ if ":" in type_ else JIRA + type_
        return self._put({f"customfield_{number}": rule(name, full, **more)}, on)

    def _put(self, fields: dict[str, FieldRule], on: Sequence[str]) -> Told:
        self.every |= fields
        for screen in on:
            self.screens[screen] |= fields
        if self.held is not None:
            self.held |= fields.keys()
        return self

    @property
    def seen(self) -> Seen:
        edit = None if self.held is None else self.screens["edit"]
        held = None if self.held is None else frozenset(self.held)
        return Seen(self.screens["create"], edit, self.every, held)


def offered(left: Told, right: Told | None = None, *fields: FieldMapping, **more: Any) -> Offer:
    """What a profile of these mappings, and of the summary, is offered."""
    profile = Profile(Scope("1", "2"), Scope("3", "4"), (SUMMARY, *fields), **more)
    return offer(profile, {Side.LEFT: left.seen, Side.RIGHT: (right or Told()).seen})


def one(found: Offer, side: Side, field_id: str) -> OfferedField:
    return next(each for each in found.fields[side] if each.id == field_id)


def left_of(told: Told, field_id: str) -> OfferedField:
    return one(offered(told), Side.LEFT, field_id)


def suggested(found: Offer) -> list[tuple[str, str]]:
    return [(pair.mapping.left, pair.mapping.right) for pair in found.suggestions]


@pytest.mark.parametrize(("type_", "kind"), CUSTOM_KINDS.items())
def test_a_field_of_each_custom_type_is_offered_with_its_kind(type_: str, kind: Kind) -> None:
    found = left_of(Told().custom(1, "A", type_), "customfield_1")
    assert (found.kind, found.takes, found.why) == (kind, Moment.ALWAYS, "")


@pytest.mark.parametrize("name", SYSTEM_KINDS)
def test_a_system_field_is_offered_with_the_last_of_its_kinds(name: str) -> None:
    assert left_of(Told().system(name), name).kind is SYSTEM_KINDS[name][-1]


def test_a_field_of_an_unknown_type_is_offered_as_text_that_is_only_read() -> None:
    found = left_of(Told().custom(1, "Health", "com.example.plugin:thing"), "customfield_1")
    assert (found.kind, found.takes) == (Kind.READ_ONLY_TEXT, None)
    assert found.why == "its type, thing, is one that is only read, as text"
    assert not found.hidden


@pytest.mark.parametrize(
    ("on", "takes", "why"),
    [
        (("create", "edit"), Moment.ALWAYS, ""),
        (("create",), Moment.CREATE, "not on the edit screen"),
        (("edit",), Moment.UPDATE, "not on the create screen"),
        ((), None, "not on the create screen; not on the edit screen"),
    ],
)
def test_a_field_is_written_where_a_screen_has_it(
    on: tuple[str, ...], takes: Moment | None, why: str
) -> None:
    found = left_of(Told().custom(1, "A", "textfield", on=on), "customfield_1")
    assert (found.create, found.edit) == ("create" in on, "edit" in on)
    assert (found.takes, found.why, found.hidden) == (takes, why, not on)


def test_a_field_that_screens_only_show_is_not_written() -> None:
    found = left_of(Told().custom(1, "A", "textfield", settable=False), "customfield_1")
    assert found.takes is None
    assert found.why == "the create screen only shows it; the edit screen only shows it"


def test_status_and_resolution_are_written_by_transitions_though_no_screen_has_them() -> None:
    told = Told().system("status", "resolution", on=())
    for name in ("status", "resolution"):
        found = left_of(told, name)
        assert (found.takes, found.why) == (Moment.ALWAYS, "written by transitions of the workflow")


def test_what_no_screen_has_is_offered_where_issues_have_it() -> None:
    sla = SERVICE + "sd-sla-field"
    told = Told().custom(1, "Time to resolution", sla, on=()).custom(2, "Elsewhere", sla, on=())
    assert told.held is not None
    told.held.remove("customfield_2")
    ids = {each.id for each in offered(told).fields[Side.LEFT]}
    assert ids == {"summary", "customfield_1"}


def test_without_an_issue_the_create_screen_decides_and_that_is_said() -> None:
    told = Told().custom(1, "A", "textfield").custom(2, "B", "textfield", on=("edit",))
    told.system("votes", on=()).held = None
    found = offered(told)
    a = one(found, Side.LEFT, "customfield_1")
    assert (a.takes, a.why) == (Moment.ALWAYS, "the edit screen is not known")
    assert {each.id for each in found.fields[Side.LEFT]} == {"summary", "customfield_1"}
    assert found.unknown == (
        "the left scope has no issue yet, so its edit screen and fields that are on no screen are "
        "not known",
    )


def test_screens_that_a_site_does_not_tell_are_named() -> None:
    told = Told().system("status", "labels", on=())
    told.screens["create"].clear()
    seen = replace(told.seen, create=None, edit=None)
    profile = Profile(Scope("1", "2"), Scope("3", "4"), (SUMMARY,))
    found = offer(profile, {Side.LEFT: seen, Side.RIGHT: Told().seen})
    assert one(found, Side.LEFT, "labels").takes is None
    assert found.unknown == (
        "the left site tells no create screen: Tandem may not make issues there",
        "the left site tells no edit screen: Tandem may not edit its issues",
    )


def test_a_field_that_only_transitions_have_is_written_by_moves_where_somebody_asks_for_it() -> (
    None
):
    left = Told().custom(1, "Cause", "textfield")
    right = Told().custom(9, "Cause", "textfield", on=())
    assert right.held is not None
    right.held.clear()
    profile = Profile(Scope("1", "2"), Scope("3", "4"), (SUMMARY,))
    moves = replace(right.seen, moves=frozenset({"customfield_9"}))
    found = offer(profile, {Side.LEFT: left.seen, Side.RIGHT: moves})
    assert suggested(found) == []
    [pair] = found.pairs([("customfield_1", "customfield_9")])
    assert (pair.mapping.flow, pair.mapping.moment) == (Flow.BOTH, Moment.UPDATE)
    assert "only where an issue is moved" in pair.how


def test_what_is_set_by_moves_is_not_paired_for_the_moment_of_creation() -> None:
    left = Told().system("resolution", on=())
    right = Told().custom(9, "Outcome", "select", on=("create",))
    [pair] = offered(left, right).pairs([("resolution", "customfield_9")])
    assert (pair.mapping.flow, pair.mapping.moment) == (Flow.TO_LEFT, Moment.ALWAYS)
    assert "customfield_9 is only written when an issue is made" in pair.how


def test_what_has_its_own_way_across_is_no_field_to_offer() -> None:
    told = Told().system(*ELSEWHERE)
    assert [each.id for each in offered(told).fields[Side.LEFT]] == ["summary"]


def test_a_field_tells_what_is_mapped_to_it_and_what_feeds_it() -> None:
    told = Told().system("reporter", "resolution").custom(1, "Who", "textfield")
    more = FieldMapping(
        "reporter", "customfield_1", Kind.USER, flow=Flow.TO_RIGHT, right_kind=Kind.TEXT
    )
    filled = Constant(Side.LEFT, "resolution", '{"id": "1"}')
    found = offered(told, told, more, moves=(filled,))
    reporter = one(found, Side.LEFT, "reporter")
    assert (reporter.mapped_to, reporter.fed_by) == (("customfield_1",), ())
    assert one(found, Side.RIGHT, "customfield_1").fed_by == (more.key,)
    assert one(found, Side.LEFT, "resolution").constant
    assert not one(found, Side.RIGHT, "resolution").constant


def test_a_mapped_field_is_listed_though_it_is_on_no_screen_and_a_deleted_one_is_told() -> None:
    told = Told().custom(1, "A", "textfield", on=())
    assert told.held is not None
    told.held.clear()
    mapping = FieldMapping("customfield_1", "customfield_2", Kind.TEXT)
    found = offered(told, Told(), mapping)
    assert one(found, Side.LEFT, "customfield_1").mapped_to == ("customfield_2",)
    assert found.unknown == ("customfield_2 is mapped, but is no field of the right site",)


def needed(*fields: FieldMapping) -> Offer:
    """A right side that makes no issue without its customfield_9, and these mappings."""
    right = Told().custom(9, "Impact", "textfield", required=True)
    return offered(Told().custom(1, "Severity", "textfield"), right, *fields)


def test_a_required_field_that_nothing_feeds_is_named() -> None:
    assert [(each.side, each.id) for each in needed().wanting] == [(Side.RIGHT, "customfield_9")]


@pytest.mark.parametrize(
    ("flow", "moment", "wanting"),
    [
        (Flow.BOTH, Moment.ALWAYS, False),
        (Flow.TO_RIGHT, Moment.CREATE, False),
        (Flow.TO_RIGHT, Moment.UPDATE, True),
        (Flow.TO_LEFT, Moment.ALWAYS, True),
    ],
)
def test_only_what_is_written_when_an_issue_is_made_feeds_a_required_field(
    flow: Flow, moment: Moment, wanting: bool
) -> None:
    mapping = FieldMapping("customfield_1", "customfield_9", Kind.TEXT, flow=flow, moment=moment)
    assert bool(needed(mapping).wanting) is wanting


def test_a_file_that_is_required_is_named_though_it_is_no_field_to_map() -> None:
    found = offered(Told(), Told().system("attachment", required=True))
    assert [each.id for each in found.wanting] == ["attachment"]
    assert suggested(found) == []


def test_a_suggestion_that_would_feed_a_required_field_is_known() -> None:
    right = Told().custom(9, "Impact", "textfield", required=True)
    found = offered(Told().custom(1, "Impact", "textfield"), right)
    [wanted] = found.wanting
    assert found.fills(wanted)
    assert not needed().fills(needed().wanting[0])


def test_the_same_system_field_and_then_the_same_name_are_suggested_with_the_reason() -> None:
    left = Told().system("duedate").custom(1, "Go-live  DATE", "datepicker")
    right = Told().system("duedate").custom(9, "go-live date ", "datepicker")
    found = offered(left, right)
    assert suggested(found) == [("duedate", "duedate"), ("customfield_1", "customfield_9")]
    assert [pair.reason for pair in found.suggestions] == [SAME_FIELD, SAME_NAME]
    assert [pair.mapping.flow for pair in found.suggestions] == [Flow.BOTH, Flow.BOTH]


def guessed(found: Offer) -> list[tuple[str, str, str]]:
    """The guesses, each by its ids and its reason."""
    return [(one.left.id, one.right.id, one.reason) for one in found.guesses]


def test_similar_names_are_a_guess_the_most_alike_first_and_each_field_once() -> None:
    left = Told().custom(1, "Go-live date", "datepicker").custom(2, "Sevérity", "textfield")
    left.custom(3, "Root cause", "textfield")
    right = Told().custom(7, "Severity", "textfield").custom(8, "date go live", "datepicker")
    right.custom(9, "Severitys", "textfield").custom(6, "Customer", "textfield")
    found = offered(left, right)
    assert guessed(found) == [
        ("customfield_1", "customfield_8", SIMILAR_NAME),
        ("customfield_2", "customfield_7", SIMILAR_NAME),
    ]
    assert [one.score for one in found.guesses] == [100, 88]
    assert suggested(found) == []


def test_what_is_the_only_one_of_its_type_on_both_sides_is_a_guess_and_others_are_not() -> None:
    left = Told().custom(1, "Effort", "float").custom(2, "Team", "select")
    right = Told().custom(7, "Points", "float").custom(8, "Area", "select")
    right.custom(9, "Colour", "select")
    [pair] = offered(left, right).guesses
    assert (pair.mapping.key, pair.reason) == ("customfield_1=customfield_7", ONLY_ONE)
    assert pair.score < 80


def test_a_guess_is_no_pair_that_is_impossible_or_has_a_field_that_is_taken() -> None:
    left = Told().custom(1, "Severity", "float").custom(2, "Area", "textfield").system("security")
    right = Told().custom(7, "Severitys", "select").custom(8, "Area", "textfield")
    right.custom(9, "Areas", "textfield").system("security")
    found = offered(left, right)
    assert (suggested(found), found.guesses) == ([("customfield_2", "customfield_8")], ())
    mapped = FieldMapping("customfield_2", "customfield_9", Kind.TEXT)
    assert offered(left, right, mapped).guesses == ()


def test_names_of_a_foreign_script_and_of_255_characters_are_compared_as_others_are() -> None:
    long = "שלום 😀 " + "n" * 248
    left, right = Told().custom(1, long, "textfield"), Told().custom(9, long + "!", "textfield")
    assert guessed(offered(left, right)) == [("customfield_1", "customfield_9", SIMILAR_NAME)]


def test_a_pair_of_two_kinds_flows_as_they_allow() -> None:
    left = Told().custom(1, "Area", "select")
    right = Told().custom(9, "Area", "multiselect")
    [pair] = offered(left, right).suggestions
    assert pair.mapping == FieldMapping(
        "customfield_1",
        "customfield_9",
        Kind.OPTION,
        flow=Flow.TO_RIGHT,
        right_kind=Kind.OPTIONS,
    )
    assert pair.how == "option to options only: the one value, as the only one of several"


def test_a_pair_whose_values_no_list_has_says_that_it_needs_rows() -> None:
    told = Told().custom(1, "Sprint", "com.pyxis.greenhopper.jira:gh-sprint")
    [pair] = offered(told, told).suggestions
    assert pair.how == "sprint and sprint: by a table of values; its values need rows"


def test_kinds_that_do_not_fit_are_no_suggestion_but_a_sentence() -> None:
    left, right = Told().custom(1, "Size", "float"), Told().custom(9, "Size", "select")
    found = offered(left, right)
    assert suggested(found) == []
    [note] = found.notes
    assert note.startswith(
        "customfield_1 and customfield_9: the same name, but number (customfield_1) and option "
        "(customfield_9) cannot be mapped together"
    )


def test_a_name_that_several_fields_have_is_no_suggestion_but_a_sentence() -> None:
    left = Told().custom(1, "Area", "textfield").custom(2, "AREA", "textfield")
    right = Told().custom(9, "Area", "textfield")
    found = offered(left, right)
    assert suggested(found) == []
    assert found.notes == (
        "several fields have the name Area: customfield_1, customfield_2 on the left side and "
        "customfield_9 on the right side. Say which two belong together",
    )


def test_a_name_is_not_ambiguous_for_a_field_that_its_twin_is_found_for() -> None:
    left = Told().system("environment")
    right = Told().system("environment").custom(9, "environment", "textfield")
    found = offered(left, right)
    assert suggested(found) == [("environment", "environment")]
    assert found.notes == ()


def test_what_is_mapped_is_not_suggested_again() -> None:
    left = Told().custom(1, "Area", "textfield").system("labels")
    right = Told().custom(9, "Area", "textfield").system("labels").custom(8, "B", "labels")
    mapped = FieldMapping("labels", "customfield_8", Kind.LABELS)
    assert suggested(offered(left, right, mapped)) == [("customfield_1", "customfield_9")]
    mapped = FieldMapping("customfield_1", "customfield_8", Kind.LABELS)
    assert suggested(offered(left, right, mapped)) == [("labels", "labels")]


def test_a_field_that_nobody_can_fill_in_is_not_suggested() -> None:
    """Its being empty would empty the other one."""
    left = Told().system("duedate", on=()).custom(1, "Area", "textfield", on=())
    right = Told().system("duedate").custom(9, "Area", "textfield")
    assert suggested(offered(left, right)) == []


def test_a_security_level_is_left_alone_unless_somebody_asks_for_it() -> None:
    found = offered(Told().system("security"), Told().system("security"))
    assert suggested(found) == []
    assert found.notes == ("security and security are left alone unless somebody asks for them",)
    [pair] = found.pairs([("security", "security")])
    assert pair.mapping.kind is Kind.SECURITY


def test_two_fields_that_are_only_read_are_no_suggestion_and_no_matter() -> None:
    told = Told().system("votes", on=()).custom(1, "Health", "com.example.plugin:thing")
    found = offered(told, told)
    assert (suggested(found), found.notes) == ([], ())


@pytest.mark.parametrize(
    ("left", "right", "flow", "moment"),
    [
        (BOTH, ("create",), Flow.BOTH, Moment.CREATE),
        (("edit",), BOTH, Flow.BOTH, Moment.UPDATE),
        (("edit",), ("create",), Flow.TO_LEFT, Moment.UPDATE),
        (("create",), ("create",), Flow.BOTH, Moment.CREATE),
    ],
)
def test_a_pair_is_written_only_when_the_screens_of_both_take_it(
    left: tuple[str, ...], right: tuple[str, ...], flow: Flow, moment: Moment
) -> None:
    found = offered(
        Told().custom(1, "Area", "textfield", on=left),
        Told().custom(9, "Area", "textfield", on=right),
    )
    [pair] = found.suggestions
    assert (pair.mapping.flow, pair.mapping.moment) == (flow, moment)
    assert "screen" in pair.how


def test_a_pair_that_is_asked_for_reads_what_no_screen_has() -> None:
    left = Told().custom(1, "A", "textfield", on=())
    [pair] = offered(left, Told().custom(9, "B", "textfield")).pairs(
        [("customfield_1", "customfield_9")]
    )
    assert (pair.mapping.flow, pair.reason) == (Flow.TO_RIGHT, ASKED_FOR)
    assert "customfield_1 is only read (not on the create screen; not on the edit screen)" in (
        pair.how
    )


def scene() -> Offer:
    left = Told().custom(1, "Size", "float").system("reporter").custom(2, "A", "textfield")
    left.custom(3, "Nowhere", "float", on=())
    assert left.held is not None
    left.held.remove("customfield_3")
    right = Told().custom(8, "Notes", "textfield").custom(9, "Colour", "select")
    return offered(left, right.custom(7, "Health", "com.example.plugin:thing"))


@pytest.mark.parametrize(
    ("left", "right", "sentence"),
    [
        ("customfield_1", "customfield_9", "number (customfield_1) and option (customfield_9)"),
        ("customfield_1", "customfield_7", "number (customfield_1) and read_only_text"),
        ("customfield_4", "customfield_9", "customfield_4 is no field of the left site"),
        ("customfield_1", "customfield_4", "customfield_4 is no field of the right site"),
        ("customfield_9", "customfield_8", "a field of the right site, not of the left one"),
        ("customfield_1", "customfield_2", "a field of the left site, not of the right one"),
        ("customfield_3", "customfield_8", "is on no screen of the left scope"),
        ("comment", "customfield_8", "comments are carried by `tandem profile carry"),
        ("summary", "summary", "mapped to each other already"),
    ],
)
def test_a_pair_that_is_impossible_is_refused_with_its_reason(
    left: str, right: str, sentence: str
) -> None:
    with pytest.raises(Problem) as refused:
        scene().pairs([(left, right)])
    assert sentence in refused.value.detail
    assert refused.value.detail.startswith(f"{left}={right}: ")


def test_one_impossible_pair_refuses_them_all_and_each_is_named() -> None:
    asked = [("customfield_2", "customfield_8"), ("customfield_1", "customfield_9"), ("x", "y")]
    with pytest.raises(Problem) as refused:
        scene().pairs(asked)
    assert "customfield_1=customfield_9: " in refused.value.detail
    assert "x=y: x is no field of the left site; y is no field" in refused.value.detail
    assert "customfield_8" not in refused.value.detail


def test_a_field_is_not_fed_by_two_pairs_that_are_taken_together() -> None:
    asked = [("customfield_2", "customfield_8"), ("reporter", "customfield_8")]
    with pytest.raises(Problem) as refused:
        scene().pairs(asked)
    assert refused.value.detail.endswith(
        "customfield_8 on the right side is written by customfield_2=customfield_8 already."
    )
    assert len(scene().pairs(asked[1:])) == 1


def test_a_pair_whose_one_side_is_written_already_flows_to_the_other() -> None:
    [pair] = scene().pairs([("customfield_2", "summary")])
    assert pair.mapping.flow is Flow.TO_LEFT
    assert "summary on the right side is written by summary=summary already" in pair.how


SAMPLES = st.lists(
    st.tuples(
        st.sampled_from([*CUSTOM_KINDS, "com.example.plugin:thing"]),
        st.sampled_from(["A", "a", "B", "C"]),
        st.sampled_from([(), ("create",), ("edit",), BOTH]),
    ),
    max_size=6,
)
SYSTEM = st.lists(st.sampled_from([*SYSTEM_KINDS, "votes", *ELSEWHERE]), max_size=6)


def site_of(first: int, fields: tuple[Any, Any]) -> Told:
    """A site with these fields, custom ones numbered from `first`."""
    custom, system = fields
    told = Told().system(*system)
    for number, (type_, name, on) in enumerate(custom, first):
        told.custom(number, name, type_, on=on)
    return told


@given(st.tuples(SAMPLES, SYSTEM), st.tuples(SAMPLES, SYSTEM))
def test_whatever_is_suggested_is_taken_whole_and_nothing_is_suggested_twice(
    left: tuple[Any, Any], right: tuple[Any, Any]
) -> None:
    found = offered(site_of(1, left), site_of(100, right))
    for side in range(2):
        ids = [pair[side] for pair in suggested(found)]
        assert len(ids) == len(set(ids))
        assert "summary" not in ids
    taken = found.pairs(suggested(found))
    assert taken == found.suggestions
    for pair in taken:
        fit = pairs_with(pair.left.kind, pair.right.kind)
        assert fit.flow in (Flow.BOTH, pair.mapping.flow)
        for end in (pair.left, pair.right):
            if pair.mapping.flow.feeds(end.side):
                assert end.takes in (Moment.ALWAYS, pair.mapping.moment)
                assert handler(end.kind).writable
    new = replace(found.profile, fields=(*found.profile.fields, *(p.mapping for p in taken)))
    assert load_profile(dump_profile(new)) == new
    assert offer(new, found.seen).suggestions == ()


@given(st.data(), st.tuples(SAMPLES, SYSTEM), st.tuples(SAMPLES, SYSTEM))
def test_whatever_pairs_are_taken_the_document_is_well_formed(
    data: st.DataObject, left: tuple[Any, Any], right: tuple[Any, Any]
) -> None:
    found = offered(site_of(1, left), site_of(100, right))
    ids = [sorted({each.id for each in found.fields[side]}) for side in Side]
    asked = data.draw(st.lists(st.tuples(*map(st.sampled_from, ids)), max_size=4))
    taken: tuple[Pair, ...] = ()
    for pair in asked:
        with contextlib.suppress(Problem):
            taken = found.pairs([*((each.left.id, each.right.id) for each in taken), pair])
    new = replace(found.profile, fields=(*found.profile.fields, *(p.mapping for p in taken)))
    assert load_profile(dump_profile(new)) == new
