"""What holds of every kind of field, whatever a site sends and whatever is written."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.mapping.profile import Kind, Side
from app.mapping.values import NOT_COMPARABLE, UnreadableValueError, Value, handler
from app.sync.fingerprint import Fingerprinter

KEYS = [
    "id",
    "name",
    "value",
    "child",
    "accountId",
    "groupId",
    "state",
    "requestType",
    "type",
    "content",
    "ongoingCycle",
    "completedCycles",
    "votes",
    "originalEstimateSeconds",
    "remainingEstimate",
    "completeDate",
]
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(10**18, 10**30)
    | st.floats()
    | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(KEYS) | st.text(),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)

ids = st.integers(1, 30).map(str)
names = st.sampled_from(["", "a", "b", "ü", "a, b"]) | st.text(max_size=5)
accounts = st.sampled_from(["557058:a", "712020:b", "5b10a2844c20165700ede21g"])


def thing(**more: Any) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries({"id": ids, "name": names, **more})


options = st.fixed_dictionaries({"id": ids, "value": names})
groups = st.fixed_dictionaries({"groupId": ids, "name": names})
people = st.fixed_dictionaries({"accountId": accounts, "displayName": names})
sprints = st.fixed_dictionaries(
    {"id": st.integers(1, 30), "name": names, "state": st.sampled_from(["active", "closed", "x"])}
)
seconds = st.none() | st.integers(0, 10**7)
LONG = st.text(max_size=20)

# What Jira sends for a field of the kind.
SENT: dict[Kind, st.SearchStrategy[Any]] = {
    Kind.TEXT: LONG,
    Kind.RICH_TEXT: st.just({"type": "doc", "version": 1, "content": [{"type": "rule"}]}),
    Kind.LABELS: st.lists(names),
    Kind.NAMED: thing(),
    Kind.DATE: st.dates().map(lambda day: day.isoformat()),
    Kind.NUMBER: st.integers(-(10**14), 10**14) | st.floats(allow_nan=False, allow_infinity=False),
    Kind.DATETIME: st.datetimes(timezones=st.timezones())
    .filter(lambda moment: 1 < moment.year < 9999)
    .map(lambda moment: moment.isoformat(timespec="milliseconds")),
    Kind.URL: LONG.map(lambda text: f"https://a.example/{text}"),
    Kind.OPTION: options,
    Kind.OPTIONS: st.lists(options, max_size=4),
    Kind.CASCADE: options | st.fixed_dictionaries({"id": ids, "value": names, "child": options}),
    Kind.COMPONENTS: st.lists(thing(), max_size=4),
    Kind.VERSIONS: st.lists(thing(), max_size=4),
    Kind.VERSION: thing(),
    Kind.PRIORITY: thing(),
    Kind.RESOLUTION: thing(),
    Kind.STATUS: thing(),
    Kind.USER: people,
    Kind.USERS: st.lists(people, max_size=4),
    Kind.GROUP: groups,
    Kind.GROUPS: st.lists(groups, max_size=4),
    Kind.SPRINT: st.lists(sprints, max_size=4),
    Kind.PARENT: st.fixed_dictionaries({"id": ids, "key": names}),
    Kind.TIME_TRACKING: st.fixed_dictionaries(
        {"originalEstimateSeconds": seconds, "remainingEstimateSeconds": seconds}
    ),
    Kind.SECURITY: thing(),
    Kind.REQUEST_TYPE: st.fixed_dictionaries({"requestType": thing()}),
    Kind.ORGANIZATIONS: st.lists(thing(), max_size=4),
    Kind.READ_ONLY_TEXT: json_values,
}
TABLES = [kind for kind in Kind if handler(kind).has_table or handler(kind).has_users]


def values(kind: Kind) -> st.SearchStrategy[Value]:
    """Canonical values of a kind: what its handler makes of what Jira sends, and of nothing."""
    return (st.none() | SENT[kind]).map(handler(kind).read)


def test_no_kind_is_left_out() -> None:
    assert set(SENT) == set(Kind)


@pytest.mark.parametrize("kind", Kind)
@settings(max_examples=25)
@given(data=st.data())
def test_what_jira_sends_is_read_and_what_is_written_reads_as_the_same(
    kind: Kind, data: st.DataObject
) -> None:
    own, value = handler(kind), data.draw(values(kind))
    hash(value)
    assert own.same(value, value)
    if own.writable:
        # Over the wire and back.
        again = own.read(json.loads(json.dumps(own.write(value))))
        assert own.is_stored_form(value, again)
        assert own.write(again) == own.write(value)
        # A sprint that has ended is written as nothing.
        assert own.same(again, value) or (kind is Kind.SPRINT and own.write(value) is None)


@given(st.sampled_from(Kind), json_values)
def test_any_json_is_read_or_refused_and_nothing_else(kind: Kind, raw: object) -> None:
    own = handler(kind)
    try:
        assert own.read_webhook(raw) is NOT_COMPARABLE or own.brief(own.read(raw))
        value = own.read(raw)
    except UnreadableValueError:
        return
    hash(value)
    assert len(own.brief(value)) <= 120
    assert isinstance(own.text(value), str)
    for id_, name in own.parts(value):
        assert id_
        assert isinstance(name, str)
    own.choices(raw)


@given(st.sampled_from(Kind), st.none() | st.text(), st.none() | st.text())
def test_any_item_of_a_changelog_is_read_or_tells_nothing(
    kind: Kind, id_: str | None, text: str | None
) -> None:
    for value in handler(kind).of_changelog(id_, text):
        hash(value)
        handler(kind).text(value)


@pytest.mark.parametrize("kind", Kind)
@settings(max_examples=25)
@given(data=st.data())
def test_saying_the_same_is_an_equivalence_and_has_one_fingerprint(
    kind: Kind, data: st.DataObject
) -> None:
    own, prints = handler(kind), Fingerprinter(b"k" * 32)
    a, b, c = (data.draw(values(kind)) for _ in range(3))
    assert own.same(a, a)
    assert own.same(a, b) == own.same(b, a)
    if own.same(a, b) and own.same(b, c):
        assert own.same(a, c)
    marks = [prints.of("a=b", Side.LEFT, own.identity(value)) for value in (a, b)]
    assert own.same(a, b) == (marks[0] == marks[1])


@pytest.mark.parametrize("kind", TABLES)
@settings(max_examples=25)
@given(data=st.data())
def test_a_value_whose_parts_become_themselves_stays_the_same(
    kind: Kind, data: st.DataObject
) -> None:
    own, value = handler(kind), data.draw(values(kind))
    parts = own.parts(value)
    assert len({id_ for id_, _ in parts}) == len(parts)
    assert own.same(own.replace(value, {part[0]: part for part in parts}), value)
    assert own.replace(value, {id_: None for id_, _ in parts}) == own.empty


@pytest.mark.parametrize("kind", TABLES)
@settings(max_examples=25)
@given(data=st.data())
def test_a_value_carried_by_a_table_of_pairs_and_back_is_the_same(
    kind: Kind, data: st.DataObject
) -> None:
    own, value = handler(kind), data.draw(values(kind))
    # Cascades have their children below new parents, as tables of real fields have.
    there = {
        id_: ("/".join(f"9{one}" for one in id_.split("/")), "z") for id_, _ in own.parts(value)
    }
    carried = own.replace(value, there)
    assert [id_ for id_, _ in own.parts(carried)] == sorted(
        (id_ for id_, _ in there.values()), key=lambda id_: id_
    )
    back = {new[0]: (old, "") for old, new in there.items()}
    assert own.same(own.replace(carried, back), value)


@given(json_values)
def test_the_text_of_anything_is_bounded_and_on_one_line(raw: object) -> None:
    text = handler(Kind.READ_ONLY_TEXT).read(raw)
    assert text is None or (isinstance(text, str) and 0 < len(text) <= 255 and "\n" not in text)
