"""What fields are called in rows and in sentences, where both sites name their own."""

from __future__ import annotations

import pytest

from app.language import tell
from app.mapping.profile import Side
from app.said import Said, said
from app.screens.words import brief, called_field

CALLED = {
    Side.LEFT: {"customfield_1": "Story Points", "customfield_3": "Team", "summary": "Titel"},
    Side.RIGHT: {"customfield_2": "Estimate", "customfield_3": "Squad", "customfield_4": "Client"},
}


@pytest.mark.parametrize(
    ("key", "side", "name"),
    [
        ("summary", None, "Summary"),
        ("customfield_1", Side.LEFT, "Story Points"),
        ("customfield_2", Side.RIGHT, "Estimate"),
        ("customfield_1=customfield_2", None, "Story Points / Estimate"),
        ("customfield_1=customfield_2", Side.RIGHT, "Estimate"),
        ("customfield_4", None, "Client"),
        # Two fields of one id: without the side it is not known which one is meant.
        ("customfield_3", None, "customfield_3"),
        ("customfield_3", Side.RIGHT, "Squad"),
        ("customfield_9", Side.LEFT, "customfield_9"),
        ("summary=customfield_2", None, "Summary / Estimate"),
    ],
)
def test_a_field_is_called_as_its_site_calls_it(key: str, side: Side | None, name: str) -> None:
    assert called_field(key, CALLED, side) == name


def test_a_sentence_names_its_field_and_leaves_all_else_as_it_is() -> None:
    sentence = said("%(field)s '%(name)s' has no twin on %(side)s", field="customfield_4",
                    name="customfield_1", side="there")  # fmt: skip
    told = tell(sentence, None, lambda one: called_field(one, CALLED))
    assert told == "Client 'customfield_1' has no twin on there"
    assert tell(sentence) == sentence
    within = said("%(field)s: %(why)s", field=Said("a field"), why=sentence)
    told = tell(within, None, lambda one: called_field(one, CALLED))
    assert told == "a field: Client 'customfield_1' has no twin on there"


def test_no_value_is_told_as_one_and_a_value_as_it_is() -> None:
    assert (brief("(empty)"), brief("empty")) == ("(empty)", "empty")
