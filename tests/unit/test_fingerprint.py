"""Fingerprints: equal for equal values under one key, and for nothing else."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from app.mapping.profile import Side
from app.sync.fingerprint import Fingerprinter

KEY = bytes(range(32))
scalars = st.none() | st.booleans() | st.integers() | st.text()
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3).map(tuple), max_leaves=6)
inputs = st.tuples(st.text(), st.sampled_from(Side), values)


def test_a_fingerprint_is_the_first_half_of_the_hmac_of_what_the_docstring_says() -> None:
    message = b'["tandem/fingerprint/1","pair 7","summary=summary","left",["a","\\u00e9"]]'
    expected = hmac.new(KEY, message, hashlib.sha256).hexdigest()[:32]
    assert Fingerprinter(KEY, "pair 7").of("summary=summary", Side.LEFT, ("a", "é")) == expected


@given(inputs, inputs)
def test_different_inputs_have_different_fingerprints(one: tuple, two: tuple) -> None:
    assume(repr(one) != repr(two))
    prints = Fingerprinter(KEY)
    assert prints.of(*one) != prints.of(*two)
    assert prints.of(*one) == Fingerprinter(KEY).of(*one)


@given(inputs)
def test_another_key_or_context_gives_another_fingerprint(given_input: tuple) -> None:
    prints = {
        Fingerprinter(KEY).of(*given_input),
        Fingerprinter(KEY, "x").of(*given_input),
        Fingerprinter(KEY[::-1]).of(*given_input),
    }
    assert len(prints) == 3


def test_text_with_a_lone_surrogate_has_a_fingerprint() -> None:
    assert len(Fingerprinter(KEY).of("k", Side.LEFT, "\ud800")) == 32


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ValueError, match="16 bytes found, at least 32 needed"):
        Fingerprinter(b"k" * 16)


def test_the_key_does_not_show_in_logs() -> None:
    prints = Fingerprinter(b"secret-key-of-thirty-two-bytes!!")
    assert "secret" not in repr(prints)
