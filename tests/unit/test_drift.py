"""What a mapping names and a site has no more: what is found, what is not, and each repair."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from app.errors import Problem
from app.jira.site import FieldRule
from app.mapping.document import dump_profile, load_profile
from app.mapping.profile import (
    Constant,
    FieldMapping,
    Flow,
    Kind,
    Missing,
    Profile,
    Row,
    Scope,
    Side,
    UserTable,
    ValueTable,
)
from app.mapping.repair import Target, Way, What, mended, repaired
from app.sync.drift import compare, remembered
from app.sync.drift_model import NOTHING_KNOWN, Finding, How, Known, Now
from app.sync.drift_refs import references
from app.sync.drift_words import cure, label, sentence

JIRA = "com.atlassian.jira.plugin.system.customfieldtypes:"
L, R = Side.LEFT, Side.RIGHT
ROWS = (Row("1", "11"), Row("2", "12"))
AREA = FieldMapping("customfield_1", "customfield_9", Kind.OPTION, values=ValueTable(ROWS))
STATUS = FieldMapping("status", "status", Kind.STATUS, values=ValueTable((Row("31", "41"),)))
PROFILE = Profile(
    Scope("10", "100"),
    Scope("20", "200"),
    (FieldMapping("summary", "summary", Kind.TEXT), AREA, STATUS),
    users=UserTable((Row("ann", "bob"), Row("eve", "bob")), right_default="dot"),
    moves=(Constant(R, "customfield_7", '"x"'),),
)


def rule(name: str, type_: str = "select", **values: str) -> FieldRule:
    """A custom field as metadata has it; `values` as _id="name"."""
    listed = tuple({"id": id_[1:], "value": title} for id_, title in values.items())
    return FieldRule(name, schema={"type": "any", "custom": JIRA + type_}, values=listed)


def right(**changed: Any) -> Now:
    """The right site as the profile wants it."""
    area = rule("Area", _11="Shop", _12="Stock")
    fields = {"customfield_9": area, "customfield_7": rule("Cause", "textfield")}
    good = Now(
        types={"200": "Bug"},
        every=fields,
        create={"customfield_9": area},
        edit={"customfield_9": area},
        statuses={"41": "To do"},
        active={"bob": True, "dot": True},
    )
    return replace(good, **changed)


def found(now: Now, known: Known = NOTHING_KNOWN, profile: Profile = PROFILE) -> list[Finding]:
    """What is found on the right."""
    return list(compare(profile, {R: now}, known))


def seen(profile: Profile = PROFILE) -> Known:
    """What a look at the right site as it was remembers."""
    return remembered(profile, {R: right()}, NOTHING_KNOWN, ())


def test_nothing_is_found_where_all_is_there() -> None:
    assert found(right(), seen()) == []


def test_nothing_is_found_of_what_a_site_does_not_tell() -> None:
    silent = Now()
    assert found(silent, seen()) == []
    assert remembered(PROFILE, {R: silent}, seen(), ()) == seen()
    # A select whose metadata lists no options at all, and a type without statuses.
    bare = {"customfield_9": rule("Area")}
    assert found(right(create=bare, edit=bare, statuses={}, active=None), seen()) == []


def test_each_kind_of_thing_is_found_gone_with_its_last_name_and_its_place() -> None:
    area = rule("Area", _11="Shop")
    now = right(
        create={"customfield_9": area},
        edit=None,
        every={"customfield_9": area},
        statuses={"42": "Doing"},
        active={"bob": False},
    )
    told = {(one.target.what, one.target.id): one for one in found(now, seen())}
    assert told.keys() == {
        (What.VALUE, "12"), (What.STATUS, "41"), (What.USER, "bob"), (What.USER, "dot"),
        (What.FIELD, "customfield_7"),
    }  # fmt: skip
    value = told[What.VALUE, "12"]
    assert (value.how, value.name, value.field_name) == (How.GONE, "Stock", "Area")
    assert value.places == ("fields.1.values.rows.1.right",)
    assert sentence(value, "globex") == (
        "“Stock” is not among the values of “Area” at globex any more: it was deleted, switched "
        "off or archived."
    )
    assert told[What.USER, "bob"].how is How.INACTIVE
    assert told[What.USER, "bob"].places == ("users.rows.0.right", "users.rows.1.right")
    assert told[What.USER, "bob"].name == ""
    assert told[What.USER, "dot"].how is How.GONE
    assert told[What.FIELD, "customfield_7"].name == "Cause"
    assert [one.choice for one in told[What.FIELD, "customfield_7"].repairs] == ["drop"]


def test_a_value_that_was_made_anew_under_its_name_is_offered_first() -> None:
    area = rule("Area", _11="Shop", _77="stock", _78="Other")
    [value] = found(right(create={"customfield_9": area}, edit=None), seen())
    assert [one.choice for one in value.repairs] == ["swap=77", "swap", "drop"]
    assert value.choices == (("78", "Other"), ("11", "Shop"), ("77", "stock"))
    assert label(value, value.repairs[0]) == "Put “stock” (77) in its place"
    new = repaired(PROFILE, value.target, Way.SWAP, "77")
    assert new.fields[1].values.rows == (Row("1", "11"), Row("2", "77"))
    assert found(right(create={"customfield_9": area}, edit=None), seen(), new) == []


def test_a_field_that_was_made_anew_under_its_name_is_offered_first() -> None:
    fields = {
        "customfield_7": rule("Cause", "textfield"),
        "customfield_55": rule("area", _5="Shop"),
        "customfield_56": rule("Size", "float"),
        "customfield_57": rule("Region"),
    }
    [field] = found(right(every=fields, create={}, edit=None), seen())
    assert (field.target.id, field.how, field.name) == ("customfield_9", How.GONE, "Area")
    assert [one.choice for one in field.repairs] == ["move=customfield_55", "move", "drop"]
    assert [id_ for id_, _ in field.choices] == ["customfield_55", "customfield_57"]
    new = repaired(PROFILE, field.target, Way.MOVE, "customfield_55")
    assert new.fields[1].key == "customfield_1=customfield_55"
    assert new.fields[1].values.rows == ()  # the ids of other options


def test_a_field_that_was_made_anew_as_another_type_is_offered_as_that() -> None:
    fields = {
        "customfield_7": rule("Cause", "textfield"),
        "customfield_55": rule("Area", "multiselect"),
        "customfield_56": rule("Area", "float"),
    }
    [field] = found(right(every=fields, create={}, edit=None), seen())
    choices = [one.choice for one in field.repairs]
    assert choices == ["anew=customfield_55:options", "drop"]  # a number takes no option
    assert label(field, field.repairs[0]) == "Map “Area” (customfield_55) instead, as options"
    new = repaired(PROFILE, field.target, Way.ANEW, "customfield_55:options").fields[1]
    assert (new.right, new.right_kind, new.flow) == ("customfield_55", Kind.OPTIONS, Flow.TO_RIGHT)
    assert new.values.rows == ()


def test_a_field_of_another_type_may_give_way_to_the_one_that_bears_its_name() -> None:
    fields = {**(right().every or {}), "customfield_9": rule("Area", "float")}
    fields["customfield_58"] = rule("Area")
    [field] = found(right(every=fields, create=None, edit=None), seen())
    assert field.how is How.RETYPED
    assert [one.choice for one in field.repairs] == ["move=customfield_58", "drop"]


@pytest.mark.parametrize(
    ("type_", "choices", "kind"),
    [
        ("multiselect", ["kind=options", "drop"], Kind.OPTIONS),
        ("float", ["drop"], None),
        ("radiobuttons", None, None),
    ],
)
def test_a_field_of_another_type_may_be_mapped_as_that_where_values_can_cross(
    type_: str, choices: list[str] | None, kind: Kind | None
) -> None:
    area = rule("Area", type_)
    now = right(every={**(right().every or {}), "customfield_9": area}, create=None, edit=None)
    if choices is None:
        assert found(now, seen()) == []
        return
    [field] = found(now, seen())
    assert (field.how, field.name) == (How.RETYPED, "Area")
    assert [one.choice for one in field.repairs] == choices
    if kind is not None:
        new = repaired(PROFILE, field.target, Way.KIND, kind.value).fields[1]
        assert (new.kind, new.right_kind, new.flow) == (Kind.OPTION, kind, Flow.TO_RIGHT)


def test_only_a_field_that_was_on_a_screen_is_found_off_it() -> None:
    bare = right(create={}, edit={})
    assert found(bare) == []  # nobody saw it there
    [field] = found(bare, seen())
    assert (field.how, field.target.id) == (How.OFF_SCREEN, "customfield_9")
    assert [one.choice for one in field.repairs] == ["one-way", "drop"]
    kept = remembered(PROFILE, {R: bare}, seen(), [field])
    assert found(bare, kept) == [field]  # and it stays found
    assert found(right(create={}, edit=None), seen()) == []  # one screen is not known
    new = repaired(PROFILE, field.target, Way.ONE_WAY)
    assert new.fields[1].flow is Flow.TO_LEFT
    assert found(bare, kept, new) == []


@pytest.mark.parametrize(("types", "what"), [({}, What.PROJECT), ({"201": "Task"}, What.TYPE)])
def test_where_the_scope_is_gone_nothing_else_is_said(types: dict[str, str], what: What) -> None:
    [scope] = found(Now(types=types, every={}, active={}), seen())
    assert (scope.target.what, scope.repairs) == (what, ())  # deeds are offered instead
    assert "globex" in sentence(scope, "globex")
    assert cure(scope, "globex")
    if what is What.TYPE:
        assert "“Bug”" in sentence(scope, "globex")


def test_a_field_of_another_app_may_be_mapped_as_what_it_looks_like() -> None:
    app_field = FieldRule("Health", schema={"type": "option", "custom": "com.example:thing"})
    now = right(every={**(right().every or {}), "customfield_9": app_field}, create=None, edit=None)
    assert found(now, seen()) == []


def test_a_person_is_swapped_or_dropped_in_every_row_and_as_the_default() -> None:
    bob, dot = Target(R, What.USER, "bob"), Target(R, What.USER, "dot")
    swapped = repaired(PROFILE, bob, Way.SWAP, "joe").users
    assert swapped.rows == (Row("ann", "joe"), Row("eve", "joe"))
    assert repaired(PROFILE, bob, Way.DROP).users.rows == ()
    assert repaired(PROFILE, dot, Way.DROP).users.right_default is None
    assert repaired(PROFILE, dot, Way.SWAP, "joe").users.right_default == "joe"


def test_a_dropped_default_leaves_a_table_that_may_be_stored() -> None:
    values = ValueTable(ROWS, missing=Missing.DEFAULT, right_default="12")
    profile = replace(PROFILE, fields=(PROFILE.fields[0], replace(AREA, values=values)))
    target = Target(R, What.VALUE, "12", AREA.key)
    new = repaired(profile, target, Way.DROP)
    assert new.fields[1].values == ValueTable((Row("1", "11"),))
    assert repaired(profile, target, Way.SWAP, "11").fields[1].values.right_default == "11"
    # Two rows that come to say the same are one.
    twice = replace(AREA, values=ValueTable((Row("1", "11"), Row("1", "12"))))
    merged = repaired(replace(PROFILE, fields=(twice,)), target, Way.SWAP, "11")
    assert merged.fields[0].values.rows == (Row("1", "11"),)


def test_a_repair_that_fits_no_more_is_refused_and_one_that_leaves_nothing_is_not_offered() -> None:
    gone = Target(R, What.VALUE, "12", "a=b")
    assert mended(PROFILE, gone, Way.DROP) is None
    with pytest.raises(Problem, match="has changed meanwhile") as refused:
        repaired(PROFILE, gone, Way.DROP)
    assert refused.value.code == "repair-outdated"
    alone = replace(PROFILE, fields=(AREA,))
    [field] = [
        one
        for one in found(right(every={}, create={}, edit=None), seen(alone), alone)
        if one.target.key == AREA.key
    ]
    assert field.repairs == ()  # a profile maps one field at least


def test_every_offered_repair_gives_a_document_that_mends_it() -> None:
    now = right(
        every={"customfield_55": rule("Area", _5="Shop")},
        create={},
        edit={},
        statuses={"42": "To do"},
        active={"dot": False},
    )
    known = seen()
    findings = found(now, known)
    assert {one.target.what for one in findings} == {What.FIELD, What.STATUS, What.USER}
    for one in findings:
        for offered in one.repairs:
            to = offered.to or ("joe" if offered.asks else "")
            new = repaired(PROFILE, one.target, offered.way, to)
            assert load_profile(dump_profile(new)) == new
            assert one.target not in {ref.target for ref in references(new)}
