"""What a profile names elsewhere than in its tables: in constants, look-up tables, expressions,
what transitions are given, and types of links; and values that a site lists nowhere."""

from __future__ import annotations

from typing import Any

import pytest

from app.jira.site import FieldRule
from app.mapping.document import dump_profile, load_profile
from app.mapping.named_ids import GONE, things_in, with_other
from app.mapping.profile import (
    Constant,
    FieldMapping,
    Flow,
    ItemKind,
    ItemMapping,
    Kind,
    Moment,
    Profile,
    Row,
    Scope,
    Side,
    ValueTable,
)
from app.mapping.repair import Target, Way, What, repaired
from app.sync.drift import compare, remembered
from app.sync.drift_model import NOTHING_KNOWN, Finding, Known, Now
from app.sync.drift_refs import references
from app.sync.drift_words import cure, label, sentence

R = Side.RIGHT
JIRA = "com.atlassian.jira.plugin.system.customfieldtypes:"
TEXT = FieldMapping("summary", "summary", Kind.TEXT)


def select(name: str, **values: str) -> FieldRule:
    """A select with these options, as _id="name"."""
    listed = tuple({"id": id_[1:], "value": title} for id_, title in values.items())
    return FieldRule(name, schema={"custom": f"{JIRA}select"}, values=listed)


def profile(*fields: FieldMapping, **more: Any) -> Profile:
    """A profile that maps the summaries and these."""
    made = Profile(Scope("10", "100"), Scope("20", "200"), (TEXT, *fields), **more)
    return load_profile(dump_profile(made))


AREA = select("Area", _11="Shop", _12="Stock")


def right(rule: FieldRule = AREA, **more: Any) -> Now:
    """The right site: one select on the create screen."""
    fields = {"customfield_9": rule}
    return Now(types={"200": "Bug"}, every=fields, create=fields, edit=fields, **more)


def found(made: Profile, now: Now, before: Now | None = None) -> list[Finding]:
    """What is found on the right, after a look at it as it was."""
    known = remembered(made, {R: before}, NOTHING_KNOWN, ()) if before else NOTHING_KNOWN
    return list(compare(made, {R: now}, known))


def made_of(transform: str, **more: Any) -> FieldMapping:
    """A mapping to the select that is made from the summary."""
    return FieldMapping(
        "summary",
        "customfield_9",
        Kind.TEXT,
        flow=Flow.TO_RIGHT,
        right_kind=Kind.OPTION,
        transform=transform,
        **more,
    )


@pytest.mark.parametrize(
    ("value", "named", "other"),
    [
        ({"id": "1", "name": "A"}, ["1"], {"id": "2"}),
        ({"groupId": "1"}, ["1"], {"groupId": "2"}),
        ({"accountId": "1"}, ["1"], {"accountId": "2"}),
        ({"name": "1"}, ["1"], {"name": "2"}),
        ("1", ["1"], "2"),
        ([{"id": "1"}, {"id": "3"}], ["1", "3"], [{"id": "2"}, {"id": "3"}]),
        ({"id": "7", "child": {"id": "8"}}, ["7/8"], {"id": "7", "child": {"id": "8"}}),
        (7, [], 7),
    ],
)
def test_a_value_names_things_and_may_name_another(value: Any, named: Any, other: Any) -> None:
    assert [one.id for one in things_in(value)] == named
    assert with_other(value, "1", "2") == other


def test_a_cascade_is_named_with_what_is_above_it_and_replaced_whole() -> None:
    constant = {"parent": {"id": "7", "name": "A"}, "child": {"id": "8", "name": "B"}}
    assert [one.id for one in things_in(constant)] == ["7/8"]
    new = {"parent": {"id": "9"}, "child": {"id": "5"}}
    assert with_other(constant, "7/8", "9/5") == new
    assert with_other({"id": "7", "child": {"id": "8"}}, "7/8", "9") == {"id": "9"}
    assert with_other([{"id": "7"}], "7", "") is GONE


def test_a_constant_whose_value_is_gone_is_given_another_or_no_more() -> None:
    constant = made_of('{"id": "12", "name": "Stock"}', moment=Moment.CREATE)
    made, now = profile(constant), right(select("Area", _11="Shop", _77="Stock"))
    [one] = found(made, now, right())
    assert (one.target.id, one.name, one.places) == ("12", "Stock", ("fields.1.transform",))
    assert [each.choice for each in one.repairs] == ["swap=77", "swap", "drop"]
    assert label(one, one.repairs[-1]) == "Take it out of the mapping"
    new = repaired(made, one.target, Way.SWAP, "77")
    assert new.fields[1].transform == '{"id": "77"}'
    assert found(new, now) == []
    assert repaired(made, one.target, Way.DROP).fields == (TEXT,)


def test_a_look_up_table_is_found_to_name_what_is_gone_once_that_was_there() -> None:
    tables = (("areas", (("a", "12"), ("b", "Shop"), ("c", "something else"))),)
    made = profile(made_of('{"id": lookup("areas", value, "11")}', tables=tables))
    now = right(select("Area", _11="Store"))
    assert found(made, now) == []  # nobody saw that these texts were of options
    by_id, by_name = sorted(found(made, now, right()), key=lambda one: one.target.id)
    assert by_id.places == ("fields.1.tables.areas.a",)
    assert by_name.target.id == "Shop"
    assert by_id.choices == (("11", "Store"),)
    assert by_name.choices == (("Store", "Store"),)  # named by its name: so is the next
    new = repaired(made, by_id.target, Way.SWAP, "11").fields[1]
    assert new.tables[0][1][0] == ("a", "11")
    new = repaired(made, by_name.target, Way.DROP).fields[1]
    assert [key for key, _ in new.tables[0][1]] == ["a", "c"]


def test_a_key_of_a_look_up_table_is_of_the_side_that_is_read() -> None:
    tables = (("areas", (("12", "x"), ("11", "y"))),)
    back = FieldMapping(
        "customfield_1",
        "customfield_9",
        Kind.TEXT,
        flow=Flow.TO_LEFT,
        right_kind=Kind.OPTION,
        transform='lookup("areas", value.id, "?")',
        tables=tables,
    )
    made = profile(back)
    [one] = found(made, right(select("Area", _11="Shop", _78="Depot")), right())
    assert (one.target.id, one.places) == ("12", ("fields.1.tables.areas.12",))
    new = repaired(made, one.target, Way.SWAP, "78").fields[1]
    assert new.tables == (("areas", (("78", "x"), ("11", "y"))),)


def test_what_the_words_of_an_expression_name_is_told_and_left_to_the_editor() -> None:
    made = profile(made_of('value == "urgent" ? {"id": "12"} : {"id": "11"}'))
    [one] = found(made, right(select("Area", _11="Shop")), right())
    assert (one.target.id, one.repairs) == ("12", ())
    assert "open it in the editor" in cure(one, "globex")
    kept = remembered(made, {R: right()}, NOTHING_KNOWN, ())
    again = remembered(made, {R: right(select("Area", _11="Shop"))}, kept, [one])
    assert list(compare(made, {R: right(select("Area", _11="Shop"))}, again)) == [one]


def test_what_transitions_are_given_is_looked_at() -> None:
    moves = (Constant(R, "customfield_9", '{"id": "12"}'), Constant(R, "resolution", '{"id": "5"}'))
    made = profile(moves=moves)
    good = right(resolutions={"5": "Done"})
    assert found(made, good) == []
    now = right(select("Area", _11="Shop", _77="Stock"), resolutions={"6": "Fixed"})
    area, done = found(made, now, good)
    assert (area.target.id, area.places) == ("12", ("moves.right.customfield_9",))
    assert (done.target.id, done.name) == ("5", "Done")
    assert "“Stock” is not among the values of “Area”" in sentence(area, "globex")
    assert [each.choice for each in area.repairs] == ["swap=77", "swap", "drop"]
    assert repaired(made, area.target, Way.SWAP, "77").moves[0].value == '{"id": "77"}'
    assert repaired(made, done.target, Way.DROP).moves == moves[:1]


def test_the_words_that_a_transition_is_given_name_nothing() -> None:
    made = profile(moves=(Constant(R, "comment", '"12"'), Constant(R, "customfield_9", '"Stock"')))
    values = [ref for ref in references(made) if ref.target.what is What.VALUE]
    assert values == []


def test_a_type_of_links_is_found_gone_and_swapped_in_its_table() -> None:
    items = (ItemMapping(ItemKind.LINKS, types=(Row("1", "5"), Row("2", "6"))),)
    made = profile(items=items)
    good = right(links={"5": "Blocks", "6": "Relates"})
    assert found(made, good) == []
    assert found(made, right(links={}), good) == []  # linking is switched off: nothing is told
    [one] = found(made, right(links={"8": "blocks", "6": "Relates"}), good)
    assert sentence(one, "globex") == "The type of links “Blocks” is gone at globex."
    assert [each.choice for each in one.repairs] == ["swap=8", "swap", "drop"]
    assert repaired(made, one.target, Way.SWAP, "8").items[0].types[0] == Row("1", "8")
    assert repaired(made, one.target, Way.DROP).items[0].types == (Row("2", "6"),)


def test_a_value_that_no_list_has_is_gone_where_the_site_does_not_know_its_id() -> None:
    sprint = FieldMapping(
        "customfield_1",
        "customfield_9",
        Kind.SPRINT,
        values=ValueTable((Row("1", "31"), Row("2", "32"))),
    )
    made = profile(sprint)
    rule = FieldRule("Sprint", schema={"custom": "com.pyxis.greenhopper.jira:gh-sprint"})
    assert found(made, right(rule)) == []
    [one] = found(made, right(rule, lacking=frozenset({(Kind.SPRINT, "32")})))
    assert one.target == Target(R, What.VALUE, "32", sprint.key)
    assert [each.choice for each in one.repairs] == ["swap", "drop"]  # its id is typed


def test_a_group_is_gone_where_the_whole_list_lacks_it() -> None:
    group = FieldMapping(
        "customfield_1",
        "customfield_9",
        Kind.GROUP,
        values=ValueTable((Row("a", "g1"), Row("b", "g2"))),
    )
    made = profile(group)
    rule = FieldRule("Team", schema={"custom": f"{JIRA}grouppicker"})
    assert found(made, right(rule)) == []
    [one] = found(made, right(rule, groups={"g1": "team"}))
    assert one.target.id == "g2"
    assert one.choices == (("g1", "team"),)


def test_what_is_known_survives_a_look_that_tells_nothing() -> None:
    tables = (("areas", (("a", "12"),)),)
    made = profile(made_of('{"id": lookup("areas", value, "11")}', tables=tables))
    known: Known = remembered(made, {R: right()}, NOTHING_KNOWN, ())
    assert remembered(made, {R: Now()}, known, ()) == known
    assert known.shown
