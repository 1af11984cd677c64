"""The audit trail without a database: what may be on it, its bytes, and the check of a chain."""

from __future__ import annotations

import json
import uuid
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.governance.audit import (
    FORMAT,
    MOST_ENTRIES,
    NOTHING,
    Event,
    canonical,
    canonical_json,
    check,
    mac_of,
)
from app.governance.audit_check import MOST_NAMED, Flaw, check_trail
from app.governance.audit_read import Head, Row, read_head
from app.tenants.deeds import JIRA, OPERATOR, PARTNER, Action, Deed
from app.vault.vault import SERVER

KEY = b"k" * 32
CHAIN = uuid.UUID(int=7)

# PostgreSQL's text holds neither NUL nor half a surrogate pair.
words = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
plain = st.one_of(st.none(), st.booleans(), st.integers(), words)
objects = st.dictionaries(words, plain, max_size=3).map(canonical_json)
events = st.builds(
    Event,
    chain=st.uuids(),
    seq=st.integers(min_value=-(2**63), max_value=2**63 - 1),
    at=st.integers(),
    actor=words,
    action=words,
    subject=words,
    origin=objects,
    detail=objects,
    previous=st.binary(max_size=40),
)


def read(encoded: bytes) -> Event:
    """Take the canonical bytes apart again: what can be read back can be read in one way only."""
    assert encoded[0] == FORMAT
    parts, rest = [], encoded[1:]
    while rest:
        length = int.from_bytes(rest[:4], "big")
        parts.append(rest[4 : 4 + length])
        assert len(parts[-1]) == length
        rest = rest[4 + length :]
    chain, seq, at, actor, action, subject, origin, detail, previous = parts
    return Event(
        uuid.UUID(bytes=chain), int(seq), int(at), actor.decode(), action.decode(),
        subject.decode(), origin.decode(), detail.decode(), previous,
    )  # fmt: skip


@given(events)
def test_the_canonical_bytes_can_be_read_back_whole(event: Event) -> None:
    assert read(canonical(event)) == event


@given(events, events)
def test_two_different_events_never_have_the_same_bytes(one: Event, two: Event) -> None:
    assert (canonical(one) == canonical(two)) == (one == two)


@given(st.data(), events)
def test_text_that_slides_from_one_column_to_the_next_changes_the_bytes(
    data: st.DataObject, event: Event
) -> None:
    both = event.actor + event.action
    cut = data.draw(st.integers(min_value=0, max_value=len(both)))
    slid = replace(event, actor=both[:cut], action=both[cut:])
    assert (canonical(slid) == canonical(event)) == (slid == event)


@given(st.dictionaries(words, plain, max_size=4), st.dictionaries(words, plain, max_size=4))
def test_two_different_objects_never_have_the_same_json(
    one: dict[str, Any], two: dict[str, Any]
) -> None:
    # In Python True equals 1; on the trail it does not.
    typed = [{name: (type(value), value) for name, value in obj.items()} for obj in (one, two)]
    assert (canonical_json(one) == canonical_json(two)) == (typed[0] == typed[1])


@given(st.dictionaries(words, plain, max_size=4))
def test_the_order_of_the_entries_does_not_matter(entries: dict[str, Any]) -> None:
    turned = dict(reversed(entries.items()))
    assert canonical_json(turned) == canonical_json(entries)
    assert json.loads(canonical_json(entries)) == entries


def test_the_bytes_and_the_mac_stay_what_they_are() -> None:
    """A change here makes every trail that was ever written look forged."""
    event = Event(CHAIN, 1, 1_700_000_000_000_001, "a", "b", "c", "{}", '{"n":1}', NOTHING)
    assert canonical(event).hex() == (
        "01000000100000000000000000000000000000000700000001310000001031373030303030303030303030303031"
        "000000016100000001620000000163000000027b7d000000077b226e223a317d00000020" + "00" * 32
    )
    assert mac_of(KEY, event).hex() == (
        "e9a9fe6d5dc797cb63d60c7a3aa9b7dd929c8d5014a987c465dda1902a6f9904"
    )


# What may be on the trail


def deed(**changed: Any) -> Deed:
    return Deed(**({"actor": OPERATOR, "action": Action.SHREDDED, "subject": "tenant:x"} | changed))


@pytest.mark.parametrize(
    "good",
    [
        deed(),
        deed(actor=JIRA),
        deed(actor=PARTNER),
        deed(actor="557058:f58131cb-b67d-43c7-b30d-6b58d40bd077"),
        deed(subject="pairing-code:3f2b"),
        deed(subject="audit"),
        deed(detail={"role": "admin", "count": 3, "new_secret": False, "before": None}),
        deed(detail={"text": "x" * 200, "most": 2**63 - 1, "least": -(2**63)}),
        deed(detail={f"n{number}": number for number in range(MOST_ENTRIES)}),
    ],
    ids=repr,
)
def test_ids_numbers_and_words_are_recorded(good: Deed) -> None:
    check(good)


@pytest.mark.parametrize(
    "bad",
    [
        {"role": 1.5},
        {"role": b"admin"},
        {"role": ["admin"]},
        {"role": {"name": "admin"}},
        {"role": object()},
        {1: "admin"},
        {None: "admin"},
    ],
    ids=lambda bad: repr(bad).split(" at 0x")[0],
)
def test_a_detail_of_another_type_is_refused(bad: dict[Any, Any]) -> None:
    with pytest.raises(TypeError, match="detail"):
        check(deed(detail=bad))


@pytest.mark.parametrize(
    "bad",
    [
        {"Role": "x"},
        {"role name": "x"},
        {"role-name": "x"},
        {"_role": "x"},
        {"role_": "x"},
        {"": "x"},
        {"1st": "x"},
        {"rôle": "x"},
        {"role\n": "x"},
        {"r" * 65: "x"},
        {"role": "x" * 201},
        {"role": "two\nlines"},
        {"role": "nul\0"},
        {"role": "\x1b[2J"},
        {"role": "\u202egnp"},
        {"role": "\ud800"},
        {"count": 2**63},
        {"count": -(2**63) - 1},
        {f"n{number}": number for number in range(MOST_ENTRIES + 1)},
    ],
    ids=lambda bad: repr(bad)[:40],
)
def test_a_detail_that_could_carry_content_is_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="detail"):
        check(deed(detail=bad))


@pytest.mark.parametrize(
    "bad", ["", "a name", "ada@example.com", "a/b", "a\n", "ünal", "x" * 129, "<b>"]
)
def test_an_actor_that_is_no_id_is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match="actor"):
        check(deed(actor=bad))


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "A",
        "profile:",
        "profile:a b",
        "site:https://jira.example.com",
        "x:" + "y" * 151,
        "a:b\n",
    ],
)
def test_a_subject_that_is_no_kind_and_id_is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match="subject"):
        check(deed(subject=bad))


# The check of a chain


def a_chain(length: int, chain: uuid.UUID = CHAIN, key: bytes = KEY) -> list[Row]:
    """Rows as the database gives them."""
    found, previous = [], NOTHING
    for seq in range(1, length + 1):
        event = Event(chain, seq, 1_000_000 * seq + 1, "a", "b", "c", "{}", '{"n":1}', previous)
        mac = mac_of(key, event)
        found.append(
            Row(chain, seq, f"{seq}.000001", "a", "b", "c", "{}", '{"n": 1}', previous, mac)
        )
        previous = mac
    return found


def head_of(rows: list[Row]) -> Head:
    return Head(rows[-1].chain, rows[-1].seq, rows[-1].mac or b"")


@given(st.integers(min_value=1, max_value=12), st.data())
def test_whatever_rows_are_taken_out_or_turned_round_is_found(
    length: int, data: st.DataObject
) -> None:
    rows = a_chain(length)
    order = data.draw(st.permutations(range(length)))
    kept = data.draw(st.integers(min_value=0, max_value=length))
    # The attacker puts any rows in any order under the numbers 1, 2, 3, …
    turned = [replace(rows[old], seq=new + 1) for new, old in enumerate(order[:kept])]
    report = check_trail(turned, {CHAIN: head_of(rows)}, KEY)
    assert report.well == (turned == rows)


@given(st.integers(min_value=1, max_value=8), st.integers(min_value=1, max_value=8))
def test_the_heads_of_a_chain_prove_every_later_state_of_it_and_no_earlier_one(
    before: int, after: int
) -> None:
    rows = a_chain(max(before, after))
    noted, now = head_of(rows[:before]), rows[:after]
    report = check_trail(now, {CHAIN: head_of(now)}, KEY, [noted])
    assert report.well == (after >= before)
    assert {fault.flaw for fault in report.faults} <= {Flaw.ROLLED_BACK}


def test_an_event_signed_with_the_key_that_follows_no_event_is_found() -> None:
    """What only the product itself could write, or somebody who has the key as well."""
    rows = a_chain(3)
    stray = Event(CHAIN, 2, 2_000_001, "a", "b", "c", "{}", '{"n":1}', b"x" * 32)
    rows[1] = replace(rows[1], previous=b"x" * 32, mac=mac_of(KEY, stray))
    report = check_trail(rows, {CHAIN: head_of(rows)}, KEY)
    assert [(fault.flaw, fault.seq) for fault in report.faults] == [
        (Flaw.UNLINKED, 2), (Flaw.UNLINKED, 3),
    ]  # fmt: skip


def test_with_a_wrong_key_every_event_is_a_fault_and_the_report_stays_small() -> None:
    rows = a_chain(MOST_NAMED + 500)
    report = check_trail(rows, {CHAIN: head_of(rows)}, b"another key of thirty-two bytes!")
    assert len(report.faults) == MOST_NAMED
    assert report.unnamed == 500
    assert not report.well


def test_a_head_without_an_event_is_well_only_where_it_says_so() -> None:
    begun = {CHAIN: Head(CHAIN, 0, NOTHING)}
    assert check_trail([], begun, KEY).well
    gone = {CHAIN: Head(CHAIN, 3, b"x" * 32)}
    assert [fault.flaw for fault in check_trail([], gone, KEY).faults] == [Flaw.CUT]


@pytest.mark.parametrize("chain", [SERVER, CHAIN])
def test_a_head_that_was_printed_is_read_again(chain: uuid.UUID) -> None:
    head = Head(chain, 12, b"\x01" * 32)
    assert read_head(str(head)) == head
