"""A profile as a YAML file: the same again, and every file that is wrong is told where and how."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.mapping.document import load_profile
from app.mapping.naming import Names
from app.mapping.profile import (
    DEFAULT_FIELDS,
    Constant,
    FieldMapping,
    Flow,
    ItemKind,
    ItemMapping,
    Kind,
    Missing,
    Profile,
    Row,
    Scope,
    Side,
    UserTable,
    ValueTable,
)
from app.mapping.yaml_file import read, write
from app.mapping.yaml_nodes import MAX_CHARACTERS, FileProblem, parse

NAMES = Names(
    sites={Side.LEFT: "acme.example.test", Side.RIGHT: "globex.example.test"},
    projects={Side.LEFT: ("ACME", "Acme: the #1"), Side.RIGHT: ("GLO", "Globex 🛠 שלום")},
    types={Side.LEFT: "Bug", Side.RIGHT: "no"},
    fields={(Side.LEFT, "customfield_7"): "Urgency", (Side.RIGHT, "customfield_9"): "- Prio"},
    values={
        (Side.LEFT, "customfield_7"): {"1": "High: now"},
        (Side.RIGHT, "customfield_9"): {"5": "null"},
    },
)
FULL = Profile(
    Scope("10000", "10001", 'labels = "a: b" AND summary ~ "#x"'),
    Scope("20000", "20001"),
    (
        *DEFAULT_FIELDS,
        FieldMapping(
            "customfield_7",
            "customfield_9",
            Kind.OPTION,
            values=ValueTable(
                (Row("1", "5"), Row("007", "1e5")), by_name=False, missing=Missing.FAIL
            ),
        ),
        FieldMapping(
            "customfield_1",
            "customfield_2",
            Kind.TEXT,
            flow=Flow.TO_RIGHT,
            transform='value == "no"\n  ? lookup("t", value)\n  : value',
            tables=(("t", (("no", "Norway"), ("12:30", 12.5), ("007", True), ("a", 10**40))),),
        ),
    ),
    users=UserTable((Row("712020:ab-cd", "5f0c"),), left_default="712020:ab-cd"),
    items=(ItemMapping(ItemKind.COMMENTS, marker="#share", internal=frozenset(Side)),),
    moves=(Constant(Side.LEFT, "resolution", '{"name": "Done"}'),),
)


def good(**changed: Any) -> str:
    """A file, with parts of it replaced as `old=new` says."""
    text = write(FULL, "Bugs", 300, NAMES)
    for old, new in changed.pop("swap", {}).items():
        assert text.count(old) >= 1, old
        text = text.replace(old, new, 1)
    return text


def faults(text: str) -> list[tuple[int | None, str, str]]:
    """What is wrong with a file: lines, places, sentences."""
    with pytest.raises(FileProblem) as refused:
        read(text)
    assert refused.value.field == "file"
    return [(one.line, one.where, one.sentence) for one in refused.value.faults]


def line_of(text: str, part: str) -> int:
    """The number of the first line that holds a part."""
    return next(n for n, line in enumerate(text.splitlines(), 1) if part in line)


def test_what_is_written_is_read_as_the_same_and_written_as_the_same_bytes() -> None:
    text = good()
    content = read(text)
    assert content.profile == FULL == load_profile(json.loads(json.dumps(dump(FULL))))
    assert (content.name, content.search_seconds) == ("Bugs", 300)
    assert content.sites == NAMES.sites
    assert content.filters == {Side.LEFT}
    assert write(content.profile, "Bugs", 300, NAMES) == text
    bare = write(FULL, "Bugs", 300, Names())
    assert read(bare).profile == FULL


def dump(profile: Profile) -> dict[str, object]:
    """The stored document."""
    from app.mapping.document import dump_profile

    return dump_profile(profile)


def test_the_names_stand_beside_the_ids() -> None:
    text = good()
    for line in (
        "  project_key: ACME",
        "  project_name: 'Acme: the #1'",
        "  issue_type_name: Bug",
        "    left_name: Urgency",
        "    right_name: '- Prio'",
        "        - {left: '1', left_name: 'High: now', right: '5', right_name: 'null'}",
        "    left_name: Due date",
    ):
        assert line in text.splitlines(), line


def test_a_hidden_filter_is_not_in_the_file() -> None:
    text = write(FULL, "Bugs", 300, NAMES, hidden=frozenset({Side.LEFT}))
    assert "labels" not in text.split("fields:")[0]
    assert read(text).filters == frozenset()


AWKWARD = st.text(min_size=1, max_size=40) | st.sampled_from(
    [
        "no",
        "1e5",
        "089",
        "~",
        "<<",
        "12:30",
        "2026-01-01",
        "0x1F",
        "- a",
        "a: b",
        "#",
        "'",
        '"',
        "\u0085",
        "\u2028",
        "\ufeff",
        "😀",
        "\t",
        "a\nb",
        " a\n b ",
        "\n",
        "a\r\nb",
        "!!str",
        "*a",
        "&a",
    ]
)


@settings(max_examples=150, deadline=None)
@given(
    texts=st.lists(AWKWARD, min_size=1, max_size=4, unique=True),
    entry=st.integers() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False),
    name=AWKWARD,
)
def test_any_text_and_number_survives_the_file(
    texts: list[str], entry: int | float | bool, name: str
) -> None:
    texts = [one.encode("utf-8", "replace").decode() for one in texts]
    table = tuple(dict.fromkeys(texts)), entry
    mapping = replace(FULL.fields[-1], tables=(("t", tuple((one, table[1]) for one in table[0])),))
    rows = tuple(dict.fromkeys(Row(one, one) for one in texts))
    profile = replace(FULL, fields=(*FULL.fields[:-1], mapping), users=UserTable(rows))
    names = replace(NAMES, types={Side.LEFT: name.encode("utf-8", "replace").decode()})
    text = write(profile, "Bugs", 300, names)
    found = read(text).profile
    assert found == profile
    assert repr(found) == repr(profile)  # 1, 1.0 and true are equal, and are not the same
    assert write(found, "Bugs", 300, names) == text


def test_every_fault_is_told_with_its_line_its_rule_and_its_cure() -> None:
    text = good(
        swap={
            "kind: option": "kind: optoin",
            "flow: to_right": "flow: sideways",
            "search_seconds: 300": "search_seconds: 5",
            "issue_type: '20001'": "issue_type: 20001",
            "marker: '#share'": "marker: '#share'\n    colour: red",
        }
    )
    assert faults(text) == [
        (
            line_of(text, "search_seconds"),
            "search_seconds",
            "must be 60 to 86,400 seconds, a whole number, or left out",
        ),
        (
            line_of(text, "issue_type: 20001"),
            "right.issue_type",
            "must be the issue type's id, a number as in Jira's address bar, as text in quotes",
        ),
        (line_of(text, "optoin"), "fields.5.kind", CHOICE.format(Kind=", ".join(Kind))),
        (
            line_of(text, "sideways"),
            "fields.6.flow",
            "is not a choice; choose one of: both, to_right, to_left",
        ),
        (
            line_of(text, "colour"),
            "items.0.colour",
            "is not known in version 1; remove it or correct its name",
        ),
    ]


CHOICE = "is not a choice; choose one of: {Kind}"


def test_what_only_the_whole_document_shows_has_a_line_as_well() -> None:
    text = good(swap={"right: description": "right: summary"})
    found = faults(text)
    assert line_of(text, "right: summary") < line_of(text, "left: description")
    assert {where.split(".")[0] for _, where, _ in found} == {"fields"}
    first = line_of(text, "left: description")
    assert all(line is not None and first <= line <= first + 4 for line, _, _ in found)


BOMB = "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n"


@pytest.mark.parametrize(
    ("text", "line", "sentence"),
    [
        (BOMB, 1, "has an anchor (&a). Leave it out."),
        ("a: 1\nb: *a\n", 2, "has an alias (*a). Write out what it stands for."),
        ("a: 1\nb: !!python/object/apply:os.system [x]\n", 2, "has a tag (tag:yaml.org,2002:pyth"),
        ("a: !!binary aGk=\n", 1, "has a tag"),
        ("a: 1\nb:\n  c: 1\n  c: 2\n", 4, "has the key c again, after line 3. Keep one of them."),
        ("a: 1\n---\nb: 1\n", 2, "begins a second document. Keep one in a file."),
        ("? [a]\n: b\n", 1, "has a list or an object for a key. A key is a text."),
        ("a: " + "[" * 30 + "]" * 30, 1, "is nested deeper than 12 levels. No profile is."),
        ("a: 1\nb: 'x\n", None, "is no YAML: "),
        ("a: 1\n  b: 2\n", 2, "is no YAML: "),
        ("a: \x00", None, "characters that no YAML has"),
        ("a: \ud800", None, "characters that no YAML has"),
        ("a: 1e9999\n", 1, "has a number that is too large (1e9999). Put it in quotes."),
        ("", 1, "must hold an object with tandem, left, right and fields. Begin with an export."),
        ("- a\n", 1, "must hold an object"),
        ("just words\n", 1, "must hold an object"),
        ("x" * (MAX_CHARACTERS + 1), None, "the file has 2,000,001 characters; at most 2,000,000"),
    ],
    ids=range(17),
)
def test_files_that_are_no_plain_yaml_are_refused(
    text: str, line: int | None, sentence: str
) -> None:
    [(found, _, told)] = faults(text)
    assert sentence in told
    assert line is None or found == line


def test_a_bomb_of_nesting_is_given_up_at_once_whatever_its_length() -> None:
    [(line, _, told)] = faults("a:\n  " + "[" * (MAX_CHARACTERS - 100))
    assert (line, "nest" in told) == (2, True)


def test_what_looks_like_a_text_is_one() -> None:
    said = "a: no\nb: 12:30\nc: 2026-01-01\nd: 0x1F\ne: 1_000\n10: on\n<<: x\n"
    assert parse(said)[0] == {
        "a": "no",
        "b": "12:30",
        "c": "2026-01-01",
        "d": "0x1F",
        "e": "1_000",
        "10": "on",
        "<<": "x",
    }


@pytest.mark.parametrize(
    ("swap", "where"),
    [
        ({"tandem: 1": "tandem: 2"}, "tandem"),
        ({"tandem: 1\n": ""}, "tandem"),
        ({"profile: Bugs": "profile: ''"}, "profile"),
        ({"profile: Bugs": "profile: [a]"}, "profile"),
        ({"search_seconds: 300": "search_seconds: true"}, "search_seconds"),
        ({"site: acme.example.test": "site: 5"}, "left.site"),
        ({"site: acme.example.test": "host: 5"}, "left.host"),
        ({"users:": "people:"}, "people"),
        ({"left:\n": "left: x\nwrong:\n"}, "left"),
        ({"fields:\n": "fields: 5\nwrong:\n"}, "fields"),
        ({"flow: both": "flow: 5"}, "fields.0.flow"),
        ({"missing: fail": "missing: []"}, "fields.5.values.missing"),
        ({"{left: '1',": "{left: 1,"}, "fields.5.values.rows.0.left"),
        ({"- {left: '712020:ab-cd',": "- {lift: x,"}, "users.rows.0.left"),
    ],
    ids=lambda one: None if isinstance(one, str) else next(iter(one)),
)
def test_each_wrong_part_is_named(swap: dict[str, str], where: str) -> None:
    assert where in {one for _, one, _ in faults(good(swap=swap))}
