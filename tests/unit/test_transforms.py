"""Transforms: what goes into an expression, what comes out, and what each error says."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.mapping.kinds.identified import OneOf, SeveralOf
from app.mapping.profile import FieldMapping, Flow, Kind, Side
from app.mapping.transforms import (
    Held,
    Inputs,
    IssueFacts,
    Rule,
    Target,
    TransformFailed,
    TransformProblem,
    compile_expression,
    flow_problem,
)
from app.mapping.transforms.results import can_make
from app.mapping.transforms.rich import document, plain
from app.mapping.values import Value, handler

TITLE = Target("summary=summary", "summary", Kind.TEXT)


def target(kind: Kind) -> Target:
    return Target("here=there", "there", kind)


def apply(text: str, value: Value = None, kind: Kind = Kind.TEXT, to: Kind | None = None) -> Value:
    inputs = Inputs(Held(kind, value))
    return compile_expression(text).apply(inputs, target(to or kind))


def show(text: str, value: Value = None, kind: Kind = Kind.TEXT, **more: Any) -> Any:
    return compile_expression(text).show(Inputs(Held(kind, value), **more))[0]


def sentence(text: str, value: Value = None, kind: Kind = Kind.TEXT, to: Kind | None = None) -> str:
    with pytest.raises(TransformFailed) as caught:
        apply(text, value, kind, to)
    assert caught.value.code == "transform-failed"
    return caught.value.sentence


def rich(text: str) -> Value:
    return handler(Kind.RICH_TEXT).read(document(text))


# Of each kind: a canonical value, and what an expression sees.
SEEN: dict[Kind, tuple[Value, Any]] = {
    Kind.TEXT: ("Broken", "Broken"),
    Kind.URL: ("https://a.example/x", "https://a.example/x"),
    Kind.NAMED: ("High", "High"),
    Kind.READ_ONLY_TEXT: ("met", "met"),
    Kind.RICH_TEXT: (rich("One\n\nTwo"), "One\n\nTwo"),
    Kind.NUMBER: (3.0, 3.0),
    Kind.DATE: ("2026-03-31", "2026-03-31T00:00:00Z"),
    Kind.DATETIME: ("2026-03-31T09:30:00.250Z", "2026-03-31T09:30:00.250000Z"),
    Kind.LABELS: (("a", "b"), ["a", "b"]),
    Kind.OPTION: (("7", "Seven"), {"id": "7", "name": "Seven"}),
    Kind.VERSION: (("7", "1.2"), {"id": "7", "name": "1.2"}),
    Kind.PRIORITY: (("2", "High"), {"id": "2", "name": "High"}),
    Kind.RESOLUTION: (("1", "Done"), {"id": "1", "name": "Done"}),
    Kind.STATUS: (("3", "Open"), {"id": "3", "name": "Open"}),
    Kind.GROUP: (("g-1", "devs"), {"id": "g-1", "name": "devs"}),
    Kind.SPRINT: (("9", "Sprint 9"), {"id": "9", "name": "Sprint 9"}),
    Kind.SECURITY: (("4", "Staff"), {"id": "4", "name": "Staff"}),
    Kind.OPTIONS: ((("1", "A"), ("2", "B")), [{"id": "1", "name": "A"}, {"id": "2", "name": "B"}]),
    Kind.COMPONENTS: ((("1", "Web"),), [{"id": "1", "name": "Web"}]),
    Kind.VERSIONS: ((("1", "1.2"),), [{"id": "1", "name": "1.2"}]),
    Kind.GROUPS: ((("g-1", "devs"),), [{"id": "g-1", "name": "devs"}]),
    Kind.CASCADE: (
        (("1", "Europe"), ("2", "France")),
        {"parent": {"id": "1", "name": "Europe"}, "child": {"id": "2", "name": "France"}},
    ),
    Kind.USER: ("5b10", {"id": "5b10"}),
    Kind.USERS: (("5b10", "6c20"), [{"id": "5b10"}, {"id": "6c20"}]),
    Kind.PARENT: ("10001", {"id": "10001"}),
    Kind.TIME_TRACKING: ((7_200, None), {"original": 7_200, "remaining": None}),
}

for _kind in set(Kind) - set(SEEN):
    # What is like an option needs no line of its own.
    if isinstance(handler(_kind), OneOf):
        SEEN[_kind] = ("7", "Seven"), {"id": "7", "name": "Seven"}
    elif isinstance(handler(_kind), SeveralOf):
        SEEN[_kind] = (("7", "Seven"),), [{"id": "7", "name": "Seven"}]
MADE = sorted(kind for kind in Kind if can_make(kind))


def test_every_kind_of_field_has_a_form_in_expressions() -> None:
    assert set(SEEN) == set(Kind)


@pytest.mark.parametrize("kind", Kind)
def test_a_value_of_each_kind_looks_as_the_page_says(kind: Kind) -> None:
    value, seen = SEEN[kind]
    assert show("value", value, kind) == seen
    assert show("source.there", None, source={"there": Held(kind, value)}) == seen


@pytest.mark.parametrize("kind", MADE)
def test_a_value_that_an_expression_hands_on_is_the_same_value(kind: Kind) -> None:
    value, _ = SEEN[kind]
    assert apply("value", value, kind) == value


@pytest.mark.parametrize("kind", Kind)
def test_an_empty_field_is_null_or_an_empty_list(kind: Kind) -> None:
    empty = handler(kind).empty
    if kind is not Kind.TIME_TRACKING:
        assert show("value", empty, kind) in (None, [])
    if kind in MADE:
        assert apply("value", empty, kind) == empty
        assert apply("null", SEEN[kind][0], kind) == empty


@pytest.mark.parametrize("kind", sorted(set(Kind) - set(MADE)))
def test_what_only_the_site_itself_can_make_is_no_target(kind: Kind) -> None:
    assert kind.value in sentence("value", SEEN[kind][0], kind)


def test_a_cascade_without_a_child_has_null_there() -> None:
    value = (("1", "Europe"), None)
    assert show("value.child == null", value, Kind.CASCADE) is True
    assert apply("value", value, Kind.CASCADE) == value


NAMED_ALONE = [
    ('"High"', Kind.PRIORITY, ("", "High")),
    ('{"name": "High"}', Kind.PRIORITY, ("", "High")),
    ('{"id": "2"}', Kind.PRIORITY, ("2", "")),
    ('{"id": "2", "name": "High"}', Kind.PRIORITY, ("2", "High")),
    ('""', Kind.PRIORITY, None),
    ('["Web", {"id": "1"}, "Web"]', Kind.COMPONENTS, (("", "Web"), ("1", ""))),
    ('{"parent": "Europe"}', Kind.CASCADE, (("", "Europe"), None)),
    ('{"parent": "Europe", "child": {"id": "2"}}', Kind.CASCADE, (("", "Europe"), ("2", ""))),
    ('"5b10"', Kind.USER, "5b10"),
    ('["6c20", {"id": "5b10"}]', Kind.USERS, ("5b10", "6c20")),
    ('"2026-03-31"', Kind.DATE, "2026-03-31"),
    ('timestamp("2026-03-31T23:30:00-02:00")', Kind.DATE, "2026-04-01"),
    ('"2026-03-31T09:30:00+02:00"', Kind.DATETIME, "2026-03-31T07:30:00.000Z"),
    ("3", Kind.NUMBER, 3.0),
    ('["b", "a", "b"]', Kind.LABELS, ("a", "b")),
    ('"  x  "', Kind.TEXT, "x"),
    ('{"original": 5430}', Kind.TIME_TRACKING, (5_400, None)),
]


@pytest.mark.parametrize(("text", "kind", "value"), NAMED_ALONE)
def test_a_result_becomes_the_canonical_value_of_the_field(
    text: str, kind: Kind, value: Value
) -> None:
    assert apply(text, to=kind) == value


WRONG = [
    ("1", Kind.TEXT, "gives a number, where a text"),
    ("true", Kind.TEXT, "gives true or false, where a text"),
    ("['a']", Kind.RICH_TEXT, "gives a list, where a text"),
    ("'3'", Kind.NUMBER, "gives a text, where a number"),
    ("true", Kind.NUMBER, "gives true or false, where a number"),
    ("'soon'", Kind.DATE, "gives another text, where a moment"),
    ("1", Kind.DATE, "gives a number, where a moment"),
    ("'2026-03-31T09:00:00'", Kind.DATETIME, "gives another text, where a moment"),
    ("days(1)", Kind.DATETIME, "gives a moment or a duration, where"),
    ("'a'", Kind.LABELS, "gives a text, where a list of texts"),
    ("['a', 1]", Kind.LABELS, "gives a number, where a list of texts"),
    ("['a b']", Kind.LABELS, "has a blank in it"),
    ("['']", Kind.LABELS, "is empty"),
    ("1", Kind.PRIORITY, "gives a number, where a name, or a map"),
    ("{'key': 'x'}", Kind.PRIORITY, "gives a map without an id and a name"),
    ("'Web'", Kind.COMPONENTS, "gives a text, where a list of names or maps"),
    ("'Europe'", Kind.CASCADE, "gives a text, where a map"),
    ("{'child': 'x'}", Kind.CASCADE, "gives a map, where a map such as"),
    ("1", Kind.USER, "gives a number, where an account id"),
    ("'5b10'", Kind.USERS, "gives a text, where a list of account ids"),
    ("3600", Kind.TIME_TRACKING, "gives a number, where a map"),
    ("{'original': -60}", Kind.TIME_TRACKING, "below zero"),
    (r"'\ud800'", Kind.TEXT, "half a character"),
]


@pytest.mark.parametrize(("text", "kind", "words"), WRONG)
def test_a_result_of_the_wrong_type_names_the_field_what_was_expected_and_what_came(
    text: str, kind: Kind, words: str
) -> None:
    said = sentence(text, to=kind)
    assert words in said
    assert said.startswith("The transform of here=there cannot fill there: it ")


def test_a_mapping_with_a_table_hands_it_to_the_expression() -> None:
    inputs = Inputs(Held(Kind.OPTION, ("7", "x")), tables={"t": {"7": "Seven", "8": 8, "9": True}})

    def found(text: str) -> Any:
        return compile_expression(text).show(inputs)[0]

    assert found('tables.t["7"]') == "Seven"
    assert found('lookup("t", value.id)') == "Seven"
    assert found('lookup("t", "nope", "else")') == "else"
    assert found('lookup("t", null, "else")') == "else"
    assert found('tables.t["8"] + 1') == 9
    assert found('tables.t["9"] ? 1 : 2') == 1


def test_both_issues_are_known_by_key_type_and_project() -> None:
    facts = {
        "source_issue": IssueFacts("WEB-7", "Bug", "WEB"),
        "target_issue": IssueFacts("PLAT-9", "Task", "PLAT"),
    }
    text = "[source_issue.key, source_issue.type, target_issue.project].join(' ')"
    assert show(text, **facts) == "WEB-7 Bug PLAT"
    with pytest.raises(TransformProblem, match="an issue has key, type, project"):
        compile_expression("source_issue.secret")


BEHAVES = [
    ("7 / 2", 3),
    ("-7 / 2", -3),
    ("-7 % 3", -1),
    ("7.0 / 2", 3.5),
    ("1 == 1.0", True),
    ("1 == '1'", False),
    ("null == ''", False),
    ("[1, 2] == [1, 2.0]", True),
    ("{'a': [1]} == {'a': [1]}", True),
    ("1 / 0 == 1 || true", True),
    ("false && 1 / 0 == 1", False),
    ("true ? 'yes' : 1 / 0", "yes"),
    ("'a' in {'a': 1}", True),
    ("has({'a': null}.a)", True),
    ("has({'a': 1}.b)", False),
    ("[1, 2, 3].filter(x, x > 1).map(x, x * 2)", [4, 6]),
    ("[1, 2].exists(x, x == 2) && [1, 2].all(x, x > 0) && [1, 2].exists_one(x, x == 1)", True),
    ("[0, 2].exists(x, 4 / x == 2)", True),
    ("[1, 2].map(x, [10, 20].map(y, x + y))", [[11, 21], [12, 22]]),
    ("{'a': 1, 'b': 2}.map(k, k)", ["a", "b"]),
    ("size([1]) + [1].size() + 'ab'.size()", 4),
    ("string(3.0) + string(2.5) + string(4) + string(true)", "32.54true"),
    ("string(timestamp('2026-03-31T09:00:00+02:00'))", "2026-03-31T07:00:00Z"),
    ("string(duration('1h30m'))", "5400s"),
    ("timestamp('2026-03-31') - timestamp('2026-03-30') == days(1)", True),
    ("timestamp('2026-03-31') > timestamp('2026-03-30')", True),
    ("'äÖß'.upper()", "ÄÖSS"),
    ("'x'.truncate(1) + 'abc'.truncate(2) + 'a bc'.truncate(3)", "xa…a…"),
    ("'a,b,,c'.split(',').filter(x, x != '').join('-')", "a-b-c"),
    ("'a\"b'.replace('\"', '')", "ab"),
    (r"'\u00e9' + 'a\nb'", "éa\nb"),
    (r"r'\d'", r"\d"),
    ("'''a'b'''", "a'b"),
    ("// first\n1 + 1 // then", 2),
    ("default(null, 'n') + default('  ', 'b') + default('x', 'y')", "nbx"),
    ("int('42') + int(2.9) + int(-2.9)", 42),
    ("double('1.5e2')", 150.0),
    ("'a' < 'b'", True),
    ("2 - 1", 1),
    ("2-1", 1),
]


@pytest.mark.parametrize(("text", "result"), BEHAVES)
def test_expressions_behave_as_the_page_says(text: str, result: Any) -> None:
    found = show(text)
    assert found == result
    assert isinstance(found, bool) == isinstance(result, bool)


REFUSED = [
    ("", Rule.SYNTAX, "empty"),
    ("value +", Rule.SYNTAX, "docs/transforms.md"),
    ("value\n  + valeu", Rule.UNKNOWN_NAME, "line 2, character 5: valeu is no name here"),
    ("value.lowercase()", Rule.UNKNOWN_FUNCTION, "line 1, character 7: .lowercase()"),
    ("concat(value, 'x')", Rule.UNKNOWN_FUNCTION, "line 1, character 1: concat()"),
    ("value.lower(1)", Rule.ARGUMENTS, "lower() takes 0 in its brackets and has 1"),
    ("lookup('t')", Rule.ARGUMENTS, "lookup() takes 2 or 3"),
    ("has(value)", Rule.ARGUMENTS, "has(source.summary)"),
    ("source.labels.map(value, 1)", Rule.ARGUMENTS, "value is a name already"),
    ("source.labels.map(x.y, 1)", Rule.ARGUMENTS, "map(x, x.lower())"),
    ("[1].map(x, [2].map(x, x))", Rule.ARGUMENTS, "x is a name already"),
    ("value + 'x", Rule.SYNTAX, "line 1, character 9: a text begins and does not end"),
]


@pytest.mark.parametrize(("text", "rule", "words"), REFUSED)
def test_a_refused_expression_says_the_rule_the_place_and_the_cure(
    text: str, rule: Rule, words: str
) -> None:
    with pytest.raises(TransformProblem) as caught:
        compile_expression(text)
    assert caught.value.rule is rule
    assert words in caught.value.sentence


def test_a_failure_names_the_mapping_and_the_place_and_no_value() -> None:
    said = sentence("value.trim() +\n 1", "s3cret")
    assert said.startswith("The transform of here=there fails (line 1, character 1): + does not")
    assert "s3cret" not in said


def test_an_expression_is_parsed_once() -> None:
    assert compile_expression("value + '1'") is compile_expression("value + '1'")


def test_an_expression_tells_what_it_reads() -> None:
    text = """default(source.summary, source["customfield_1"]) + tables.t["a"] + lookup("u", "a")
        + (has(target.labels) ? target_issue.key : "")"""
    read = {
        "source.summary", "source.customfield_1", "tables.t", "tables.u", "target.labels",
        "target_issue.key",
    }  # fmt: skip
    assert compile_expression(text).reads == read
    assert compile_expression("source[value]").reads == {"source", "value"}
    mapped = ["summary", "labels", "priority"]
    assert compile_expression(text).fields_read("source", mapped) == ("summary",)
    assert compile_expression(text).fields_read("target", mapped) == ("labels",)
    every = ("labels", "priority", "summary")
    assert compile_expression("source[value]").fields_read("source", mapped) == every
    assert compile_expression("source[value]").fields_read("target", mapped) == ()


def test_a_field_or_table_that_the_profile_does_not_have_is_named_before_anything_runs() -> None:
    transform = compile_expression('source.summary + lookup("t", target.other)')
    known = (frozenset({"summary"}), frozenset({"other"}), frozenset({"t"}))
    assert transform.unknown(*known) is None
    for place, name in enumerate(("source.summary", "target.other", "tables.t")):
        lacking = [*known]
        lacking[place] = frozenset()
        problem = transform.unknown(*lacking)
        assert problem is not None and problem.rule is Rule.UNKNOWN_NAME
        assert name in problem.sentence


def test_what_reads_its_own_field_must_settle() -> None:
    inputs = Inputs(Held(Kind.TEXT, "in"), target={"summary": Held(Kind.TEXT, "old")})

    def run(text: str) -> Value:
        return compile_expression(text).apply(inputs, TITLE)

    assert run("default(target.summary, value)") == "old"
    assert run("target.summary.endsWith('!') ? target.summary : target.summary + '!'") == "old!"
    for endless in ("target.summary + '!'", "target['summary'] + '!'", "target.map(f, f)[0] + '!'"):
        with pytest.raises(TransformFailed) as caught:
            run(endless if "map" not in endless else "target[source_issue.key + 'summary'] + '!'")
        assert "which it writes, and would change it again each time" in caught.value.sentence


def test_a_profile_carries_a_transform_one_way_only() -> None:
    mapping = FieldMapping("summary", "summary", Kind.TEXT, transform="value")
    assert "to_right or to_left" in (flow_problem(mapping) or "")
    assert flow_problem(replace(mapping, flow=Flow.TO_RIGHT)) is None
    assert flow_problem(replace(mapping, flow=Flow.TO_LEFT)) is None
    assert flow_problem(replace(mapping, transform=None)) is None
    unmade = FieldMapping(
        "summary", "x", Kind.TEXT, Flow.TO_RIGHT, right_kind=Kind.READ_ONLY_TEXT, transform="value"
    )
    assert "read_only_text" in (flow_problem(unmade) or "")
    assert flow_problem(replace(unmade, flow=Flow.TO_LEFT)) is None


def test_a_target_is_the_field_of_the_side_that_is_written() -> None:
    mapping = FieldMapping("summary", "customfield_1", Kind.TEXT, right_kind=Kind.OPTION)
    assert Target.of(mapping, Side.RIGHT) == Target(
        "summary=customfield_1", "customfield_1", Kind.OPTION
    )
    assert Target.of(mapping, Side.LEFT) == Target("summary=customfield_1", "summary", Kind.TEXT)


def test_rich_text_gives_its_words_wherever_they_are() -> None:
    mention = {"type": "mention", "attrs": {"id": "5b10", "text": "@Ann"}}
    raw = {
        "type": "doc",
        "version": 1,
        "content": [
            {"type": "heading", "attrs": {"level": 1}, "content": [{"type": "text", "text": "H"}]},
            {
                "type": "bulletList",
                "content": [
                    {
                        "type": "listItem",
                        "content": [
                            {
                                "type": "paragraph",
                                "content": [
                                    {"type": "text", "text": "a "},
                                    mention,
                                    {"type": "hardBreak"},
                                    {"type": "inlineCard", "attrs": {"url": "https://x.example"}},
                                ],
                            }
                        ],
                    }
                ],
            },
        ],
    }
    value = handler(Kind.RICH_TEXT).read(raw)
    assert show("value", value, Kind.RICH_TEXT) == "H\na @Ann\nhttps://x.example"


@given(st.text(alphabet=st.characters(exclude_categories=("Cs", "Cc")), max_size=60))
def test_a_text_of_lines_becomes_paragraphs_that_give_it_again(line: str) -> None:
    text = f"{line.strip()}\n\nend".strip("\n")
    assert plain(json.dumps(document(text))) == text


WORDS = st.text(alphabet="aB1é \"'", max_size=8)


@settings(max_examples=60, deadline=None)
@given(value=WORDS, labels=st.lists(WORDS, max_size=4), number=st.floats(-1e6, 1e6))
def test_the_same_inputs_always_give_the_same_result(
    value: str, labels: list[str], number: float
) -> None:
    inputs = Inputs(
        Held(Kind.TEXT, value),
        source={"l": Held(Kind.LABELS, tuple(labels)), "n": Held(Kind.NUMBER, number)},
        tables={"t": {value: "found"}},
    )
    text = """source.l.map(x, x.upper() + string(source.n)).join(",") + lookup("t", value, "-")
        + string({"b": 1, "a": 2}.map(k, k).join(""))"""
    transform = compile_expression(text)
    assert transform.show(inputs) == transform.show(inputs)
