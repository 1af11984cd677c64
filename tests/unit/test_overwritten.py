"""Which edit a write of ours replaced, judged by the changelog in its answer."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from app.jira.site import Changelog, Edit
from app.mapping.profile import FieldMapping, Flow, Kind, Policy, Side
from app.mapping.values import Value, handler
from app.sync.overwritten import Lost, Sent, is_plain, replaced, source_wins
from app.sync.plan import Reason, Snapshot, Write

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
US, PERSON = "us", "a person"
VALUES: dict[Kind, list[Value]] = {
    Kind.TEXT: [None, "a", "b", "c"],
    Kind.LABELS: [(), ("a",), ("a", "b"), ("c",)],
    Kind.NAMED: [None, "High", "Low", "Lowest"],
    Kind.DATE: [None, "2027-01-01", "2027-01-02", "2027-01-03"],
}


def said(kind: Kind, value: Value) -> tuple[str | None, str | None]:
    """A value as a changelog tells it."""
    if kind is Kind.LABELS:
        return "", " ".join(value)  # type: ignore[arg-type]
    if value is None:
        return None, None
    if kind is Kind.DATE:
        return str(value), f"{value} 00:00:00.0"
    return ("3" if kind is Kind.NAMED else None), str(value)


def sent(
    kind: Kind, value: Value, was: Value, holds: Value, read_at: datetime | None = NOON
) -> Sent:
    """A write to the field `f`, and what the site's answer holds of it."""
    write = Write("f=f", "f", kind, value, was, Reason.CHANGED)
    one = Sent.of(write, NOON, Snapshot({"f=f": holds}, NOON))
    return Sent(**{**vars(one), "read_at": read_at})


def by_us(edit: Edit) -> bool:
    """Whether the account is ours."""
    return edit.author == US


def never(edit: Edit) -> bool:
    """Where nothing was replaced nobody asks who we are."""
    raise AssertionError(edit)


@dataclass
class Field:
    """A field of an issue as it lives, and the changelog that this leaves."""

    kind: Kind
    value: Value
    at: datetime
    edits: list[Edit]

    def set(self, value: Value, after_ms: int, author: str) -> bool:
        """Edit it some time later; an edit to the same value leaves no trace."""
        self.at += timedelta(milliseconds=after_ms)
        if value == self.value:
            return False
        told = said(self.kind, self.value), said(self.kind, value)
        self.edits.insert(0, Edit("f", self.at, *told, author))
        self.value = value
        return True


edits = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3000)), max_size=4)


@given(
    st.sampled_from(sorted(VALUES)), st.integers(0, 3), st.integers(0, 3), edits, edits, edits,
    st.booleans(),
)  # fmt: skip
def test_exactly_what_a_write_replaced_and_nobody_had_read_is_found(
    kind: Kind,
    first: int,
    ours: int,
    before: Sequence[tuple[int, int]],
    between: Sequence[tuple[int, int]],
    after: Sequence[tuple[int, int]],
    earlier_write: bool,
) -> None:
    values = VALUES[kind]
    field = Field(kind, values[first], NOON - timedelta(days=1), [])
    if earlier_write:
        field.set(values[ours], 10, US)
    for number, ms in before:
        field.set(values[number], ms + 1, PERSON)
    read, read_at = field.value, field.at
    assume(read != values[ours])  # else there is nothing to write
    for number, ms in [(n, m + (i == 0)) for i, (n, m) in enumerate(between)]:
        field.set(values[number], ms, PERSON)
    there = field.value
    wrote = field.set(values[ours], 1, US)
    for number, ms in after:
        field.set(values[number], ms, PERSON)

    log = Changelog(tuple(field.edits), whole=True)
    found = replaced(sent(kind, values[ours], read, field.value, read_at), log, by_us)
    if not wrote or there == read:
        assert found is None
    else:
        held = field.value == values[ours]
        text = handler(kind).text(there)
        assert found == Lost("f=f", "f", kind, there, exact=True, text=text, held=held)


def log(kind: Kind, *states: tuple[Value, float, str]) -> Changelog:
    """A changelog of states: value, seconds after noon, author; the first is where it begins."""
    field = Field(kind, states[0][0], NOON, [])
    for value, seconds, author in states[1:]:
        field.at = NOON + timedelta(seconds=seconds)
        field.set(value, 0, author)
    return Changelog(tuple(field.edits), whole=True)


def test_who_we_are_is_asked_only_where_something_was_replaced() -> None:
    calm = log(Kind.TEXT, ("0", 0, ""), ("a", -1, PERSON), ("b", 1, US))
    assert replaced(sent(Kind.TEXT, "b", "a", "b"), calm, never) is None
    silent = log(Kind.TEXT, ("a", 0, ""), ("c", 1, PERSON), ("b", 2, US))
    with pytest.raises(AssertionError):
        replaced(sent(Kind.TEXT, "b", "a", "b"), silent, never)


def test_what_a_changelog_tells_in_another_form_is_judged_by_time_and_never_put_back() -> None:
    # A day that is mapped as text: the changelog gives a moment for it.
    def told(*states: tuple[str, float, str]) -> Changelog:
        return log(Kind.DATE, *states)

    days = "2027-01-01", "2027-01-02", "2027-01-03"
    write = sent(Kind.TEXT, days[1], days[0], days[1])
    before = (days[2], -9, "")
    assert replaced(write, told(before, (days[0], 0, PERSON), (days[1], 5, US)), never) is None
    late = told(before, (days[0], 0, PERSON), (days[2], 4, PERSON), (days[1], 5, US))
    found = replaced(write, late, by_us)
    assert found is not None
    assert (found.exact, found.text) == (False, f"{days[2]} 00:00:00.0")


def changed(at: float, author: str, *items: tuple[str | None, str | None]) -> list[Edit]:
    """One change of a field of several values: an edit for each that goes (before) or comes."""

    def told(name: str | None) -> tuple[str | None, str | None]:
        return (None, None) if name is None else (f"1{name}", name)

    when = NOON + timedelta(seconds=at)
    return [Edit("f", when, told(before), told(after), author) for before, after in items]


def components(*names: str) -> Value:
    return tuple((f"1{name}", name) for name in names)


def test_several_values_that_one_change_of_ours_replaced_are_no_edit_of_somebody_else() -> None:
    write = sent(Kind.COMPONENTS, components("b"), components("a"), components("b"))
    ours = changed(9, US, ("a", None), (None, "b"))
    before = changed(0, PERSON, (None, "a"))
    assert replaced(write, Changelog((*ours, *before), whole=True), never) is None
    theirs = changed(5, PERSON, ("a", None), (None, "c"), (None, "d"))
    ours = changed(9, US, ("c", None), ("d", None), (None, "b"))
    found = replaced(write, Changelog((*ours, *theirs, *before), whole=True), by_us)
    assert found is not None
    assert (found.exact, found.text) == (False, "c, d")


def test_a_field_without_history_and_a_write_without_a_time_are_judged_by_the_last_edit() -> None:
    write = sent(Kind.TEXT, "b", "a", "b", None)
    assert replaced(write, Changelog(), never) is None
    over = log(Kind.TEXT, ("a", 0, ""), ("c", 1, PERSON), ("b", 2, US))
    assert replaced(write, over, by_us) is not None
    long_ago = log(Kind.TEXT, ("c", 0, ""), ("b", 1, US), ("a", 2, PERSON), ("b", 3, US))
    assert replaced(write, long_ago, by_us) is None


def document(*paragraphs: str, mark: str | None = None) -> Value:
    """A rich text."""
    marks: dict[str, Any] = {"marks": [{"type": mark}]} if mark else {}
    content = [
        {"type": "paragraph", "content": [{"type": "text", "text": one, **marks}]}
        for one in paragraphs
    ]
    return handler(Kind.RICH_TEXT).read({"type": "doc", "version": 1, "content": content})


def wiki(*states: tuple[str | None, float, str]) -> Changelog:
    """A changelog of wiki markup."""
    found, (value, _, _) = [], states[0]
    for text, seconds, author in states[1:]:
        at = NOON + timedelta(seconds=seconds)
        found.insert(0, Edit("f", at, (None, value), (None, text), author))
        value = text
    return Changelog(tuple(found), whole=True)


STRONG = document("Read words", mark="strong")
NEW = document("New words", mark="em")


def rich(was: Value = STRONG, value: Value = NEW, holds: Value = NEW) -> Sent:
    """A write of rich text."""
    return sent(Kind.RICH_TEXT, value, was, holds)


@pytest.mark.parametrize("at", [-60, 0, 0.005, 0.9])
def test_rich_text_that_we_had_read_is_no_edit_though_its_history_is_a_little_later(
    at: float,
) -> None:
    calm = wiki(("Oldest", -90, ""), ("*Read words*", at, US), ("_New words_", 5, US))
    assert replaced(rich(), calm, never) is None


@pytest.mark.parametrize(
    ("text", "value", "exact"),
    [
        ("*Read words* and more", None, False),
        ("Plain words", document("Plain words"), True),
        ("Two.\n\nParagraphs", document("Two.", "Paragraphs"), True),
        (None, None, True),
        ("* a list", None, False),
    ],
)
def test_an_edit_of_rich_text_is_found_by_its_time_and_its_plain_text_can_be_put_back(
    text: str | None, value: Value, exact: bool
) -> None:
    late = wiki(
        ("O", 0, ""), ("*Read words*", 0, PERSON), (text, 4, PERSON), ("_New words_", 5, US)
    )
    found = replaced(rich(), late, by_us)
    assert found == Lost("f=f", "f", Kind.RICH_TEXT, value, exact, text or "", held=True)


def test_an_edit_of_rich_text_a_moment_after_the_read_state_is_found_by_its_words() -> None:
    def moment(text: str) -> Changelog:
        return wiki(("*Read words*", -9, ""), (text, 0.5, PERSON), ("_New words_", 1, US))

    found = replaced(rich(), moment("*Read other things*"), by_us)
    assert found is not None
    assert found.text == "*Read other things*"
    assert replaced(rich(), moment("h1. *Read words*"), never) is None  # markup only adds
    # A document with something that markup may not have the words of is not judged by words.
    task = json.loads(str(STRONG))
    task["content"] = [{"type": "taskList", "content": task["content"]}]
    read = handler(Kind.RICH_TEXT).read(task)
    assert replaced(rich(read), moment("nothing of it"), never) is None
    assert replaced(rich(None), moment("*words*"), by_us) is not None


def test_an_edit_of_rich_text_after_ours_does_not_hide_the_one_that_we_replaced() -> None:
    later = wiki(
        ("*Read words*", -9, ""),
        ("*Replaced*", 4, PERSON),
        ("_New words_", 5, US),
        ("*Last*", 6, PERSON),
    )
    found = replaced(rich(holds=document("Last", mark="strong")), later, by_us)
    assert found is not None
    assert (found.text, found.held) == ("*Replaced*", False)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("", True),
        ('Some words, and a re-read: yes. It\'s 5; "quoted".', True),
        ("One.\n\nTwo.", True),
        ("One\nTwo", False),
        ("a *b* c", False),
        ("-gone-", False),
        ("a -gone- b", False),
        ("h1. Head", False),
        ("Text\n\nbq. said", False),
        ("# one", False),
        ("{code}", False),
        ("[link]", False),
        ("!image.png!", False),
        ("a_b", False),
        ("https://example.test", False),
        ("??cite??", False),
        (" led", False),
        ("~a~", False),
        (":)", False),
        ("----", False),
        ("|cell|", False),
    ],
)
def test_only_markup_without_any_sign_is_plain(text: str, plain: bool) -> None:
    assert is_plain(text) is plain


@given(st.text("ab \n.,-:?*_#", max_size=12))
def test_what_is_plain_reads_as_paragraphs_of_these_very_words(text: str) -> None:
    if is_plain(text):
        value = handler(Kind.RICH_TEXT).of_changelog(None, text)[0]
        assert handler(Kind.RICH_TEXT).text(value).split() == text.split()


@pytest.mark.parametrize(
    ("policy", "flow", "to_right", "to_left"),
    [
        (Policy.NEWER, Flow.BOTH, False, False),
        (Policy.ASK, Flow.BOTH, False, False),
        (Policy.LEFT, Flow.BOTH, True, False),
        (Policy.RIGHT, Flow.BOTH, False, True),
        (Policy.NEWER, Flow.TO_RIGHT, True, True),
        (Policy.ASK, Flow.TO_LEFT, True, True),
    ],
)
def test_who_wins_is_as_the_policy_says_of_an_edit_that_is_later_than_the_source(
    policy: Policy, flow: Flow, to_right: bool, to_left: bool
) -> None:
    mapping = FieldMapping("f", "f", Kind.TEXT, flow=flow, policy=policy)
    assert source_wins(mapping, Side.RIGHT) is to_right
    assert source_wins(mapping, Side.LEFT) is to_left
