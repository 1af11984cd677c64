"""A profile in sentences, from the view of one of its sides."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.mapping.lifecycle import Deleted, Lifecycle
from app.mapping.profile import (
    FieldMapping,
    Flow,
    ItemKind,
    ItemMapping,
    Kind,
    MarkerMode,
    Moment,
    Policy,
    Profile,
    Scope,
    Side,
)
from app.mapping.sentences import Names, readable, sentences

LEFT, RIGHT = Side.LEFT, Side.RIGHT
NAMES = Names(
    {LEFT: "acme.example", RIGHT: "globex.example"},
    {LEFT: "Website", RIGHT: "Platform"},
    {LEFT: "Bug", RIGHT: "Defect"},
    {
        LEFT: {"summary": "Summary", "priority": "Priority", "labels": "Labels"},
        RIGHT: {"summary": "Summary", "customfield_9": "Severity", "labels": "Labels"},
    },
)
SUMMARY = FieldMapping("summary", "summary", Kind.TEXT)
PRIORITY = FieldMapping("priority", "customfield_9", Kind.PRIORITY)
BASE = Profile(Scope("1", "10"), Scope("2", "20"), (SUMMARY, PRIORITY))


def with_fields(*fields: FieldMapping) -> Profile:
    return replace(BASE, fields=fields)


def with_items(*items: ItemMapping) -> Profile:
    return replace(BASE, items=items)


def test_what_becomes_readable_is_told_with_its_fields_by_the_names_of_the_own_site() -> None:
    assert readable(BASE, LEFT, NAMES)[0] == (
        "These 2 fields of the issues of type Bug in Website at acme.example will be readable at "
        "globex.example: Priority, Summary."
    )
    assert readable(BASE, RIGHT, NAMES)[0] == (
        "These 2 fields of the issues of type Defect in Platform at globex.example will be "
        "readable at acme.example: Severity, Summary."
    )


def test_comments_are_told_with_the_fields_and_one_field_is_one() -> None:
    one = replace(with_fields(SUMMARY), items=(ItemMapping(ItemKind.COMMENTS),))
    said = readable(one, LEFT, NAMES)
    assert said[0] == (
        "This field and public comments of the issues of type Bug in Website at acme.example will "
        "be readable at globex.example: Summary."
    )
    assert "No internal comments of acme.example." in said
    assert "The names of those who wrote the comments." in said


def test_a_side_from_which_nothing_flows_lets_nothing_be_read() -> None:
    one_way = with_fields(replace(SUMMARY, flow=Flow.TO_RIGHT))
    assert readable(one_way, RIGHT, NAMES)[0] == (
        "No field and no comment of globex.example will be readable at acme.example, but that "
        "there is a Defect in Platform."
    )
    assert any("and not the other way round" in one for one in sentences(one_way, LEFT, NAMES))
    assert (
        "When a Bug of acme.example changes its Summary, its twin in Platform follows, and not the "
        "other way round." in sentences(one_way, RIGHT, NAMES)
    )


def test_a_filter_is_told_in_words_to_its_own_people_and_to_others_as_one() -> None:
    profile = replace(BASE, left=Scope("1", "10", 'reporter = "Ann"'))
    own = readable(profile, LEFT, NAMES) + sentences(profile, LEFT, NAMES)
    theirs = readable(profile, RIGHT, NAMES) + sentences(profile, RIGHT, NAMES)
    assert 'Of these issues, those that this filter finds: reporter = "Ann"' in own
    assert 'At acme.example only the issues that this filter finds: reporter = "Ann"' in own
    assert "At acme.example only the issues that a filter of its people finds." in theirs
    assert "Ann" not in "".join(theirs)


def test_a_percent_sign_in_names_and_filters_is_told_as_it_is() -> None:
    profile = replace(BASE, left=Scope("1", "10", 'labels = "100%(done)s"'))
    fields = {LEFT: {"summary": "Done in %(percent)s", "priority": "%d"}, RIGHT: {}}
    names = replace(NAMES, fields=fields)
    said = "\n".join(readable(profile, LEFT, names) + sentences(profile, LEFT, names))
    assert 'labels = "100%(done)s"' in said
    assert "%d, Done in %(percent)s" in said


@pytest.mark.parametrize(
    ("mapping", "sentence"),
    [
        (
            PRIORITY,
            "When a Bug in Website changes its Priority (there Severity), its twin at "
            "globex.example follows, and the other way round.",
        ),
        (
            replace(SUMMARY, moment=Moment.CREATE),
            "When a twin is made it gets Summary, and never again.",
        ),
        (
            replace(SUMMARY, moment=Moment.UPDATE, flow=Flow.TO_RIGHT),
            "Once it has its twin: when a Bug in Website changes its Summary, the twin at "
            "globex.example follows, and not the other way round.",
        ),
        (
            replace(SUMMARY, policy=Policy.RIGHT),
            "If both sides change Summary differently, globex.example wins.",
        ),
        (
            replace(SUMMARY, policy=Policy.ASK),
            "If both sides change Summary differently, somebody is asked.",
        ),
        (
            replace(SUMMARY, flow=Flow.TO_RIGHT, transform="value + source.summary"),
            "Summary at globex.example is worked out from Summary of acme.example.",
        ),
        (
            replace(SUMMARY, flow=Flow.TO_RIGHT, transform='"x"'),
            "Summary at globex.example is worked out without any field of acme.example.",
        ),
        (
            replace(SUMMARY, flow=Flow.TO_RIGHT, moment=Moment.CREATE, transform='"x"'),
            "A new twin at globex.example gets a fixed value as its Summary.",
        ),
    ],
)
def test_direction_moment_policy_and_transform_are_told(
    mapping: FieldMapping, sentence: str
) -> None:
    assert sentence in sentences(with_fields(mapping), LEFT, NAMES)


@pytest.mark.parametrize(
    ("item", "sentence"),
    [
        (ItemMapping(ItemKind.COMMENTS, marker="#go"), "Only comments that hold “#go”."),
        (
            ItemMapping(ItemKind.COMMENTS, marker="#no", marker_mode=MarkerMode.UNLESS),
            "No comments that hold “#no”.",
        ),
        (
            ItemMapping(ItemKind.COMMENTS, internal=frozenset(Side)),
            "Internal comments of acme.example too: both sides allow it.",
        ),
        (
            ItemMapping(ItemKind.COMMENTS, internal=frozenset({LEFT})),
            "Internal comments of acme.example too, if globex.example agrees.",
        ),
        (
            ItemMapping(ItemKind.ATTACHMENTS, limit_mb=5),
            "The attachments of these issues, up to 5 MB each.",
        ),
        (
            ItemMapping(ItemKind.WORKLOGS, prefix=None),
            "The work logged on these issues, with its texts.",
        ),
        (
            ItemMapping(ItemKind.LINKS),
            "Which of these issues are linked to each other, and how.",
        ),
    ],
)
def test_items_are_told_with_what_narrows_them(item: ItemMapping, sentence: str) -> None:
    assert sentence in readable(with_items(item), LEFT, NAMES)
    assert readable(with_items(replace(item, flow=Flow.TO_LEFT)), LEFT, NAMES) == readable(
        BASE, LEFT, NAMES
    )


def test_restricted_issues_and_what_becomes_of_them_are_told() -> None:
    assert "No issues of acme.example that have a security level." in readable(BASE, LEFT, NAMES)
    own = replace(BASE, restricted=frozenset({LEFT}))
    assert any("if globex.example agrees" in one for one in readable(own, LEFT, NAMES))
    assert any("left alone" in one for one in sentences(own, LEFT, NAMES))
    both = replace(BASE, restricted=frozenset(Side))
    assert "Issues with a security level of acme.example too." in readable(both, LEFT, NAMES)
    assert not any("left alone" in one for one in sentences(both, LEFT, NAMES))


def test_what_becomes_of_a_twin_is_told_and_that_an_issue_is_gone_becomes_readable() -> None:
    told = replace(BASE, lifecycle=Lifecycle(deleted=Deleted.DELETE))
    assert any("deleted if Tandem made it" in one for one in sentences(told, LEFT, NAMES))
    assert any("was deleted, moved away" in one for one in readable(told, LEFT, NAMES))
    assert not any("was deleted, moved away" in one for one in readable(BASE, LEFT, NAMES))
