"""`tandem profile items` and `carry`: what is carried besides fields, and how."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable

import psycopg
import pytest
from click.testing import Result
from flask import Flask

from app.mapping import profiles
from app.mapping.profile import Flow, ItemKind, Side
from tests.edge.test_webhooks import profile

__all__ = ["profile"]


@pytest.fixture
def tandem(command: Callable[..., Result]) -> Callable[..., Result]:
    """`tandem profile …` with this test's settings."""
    return lambda *words: command("profile", *words)


def test_comments_are_carried_once_somebody_says_so_and_what_is_not_named_stays(
    app: Flask, profile: uuid.UUID, tandem: Callable[..., Result], database_url: str
) -> None:
    vault = app.extensions["tandem"].vault
    assert "Nothing besides its fields" in tandem("items", "Tasks").output
    done = tandem("carry", "Tasks", "comments", "--flow", "to_left", "--marker", "#x")
    assert done.exit_code == 0, done.output
    assert tandem("carry", "Tasks", "comments", "--prefix", "", "--internal", "both").exit_code == 0
    [comments] = profiles.load(vault, profile).profile.items
    assert (comments.kind, comments.flow) == (ItemKind.COMMENTS, Flow.TO_LEFT)
    assert (comments.prefix, comments.marker, comments.internal) == (None, "#x", set(Side))
    listed = json.loads(tandem("items", str(profile), "--json").output)
    assert (listed["revision"], listed["items"][0]["marker"]) == (3, "#x")
    assert tandem("items", "Tasks").output.startswith("comments: flow to_left")
    assert tandem("carry", "Tasks", "comments", "--internal", "both").exit_code == 0
    assert profiles.load(vault, profile).revision == 3  # nothing changed, so no revision

    assert "not carried" in tandem("carry", "Tasks", "comments", "--flow", "none").output
    assert profiles.load(vault, profile).profile.items == ()
    with psycopg.connect(database_url) as owner:
        told = owner.execute(
            "SELECT detail ->> 'items', detail ->> 'flow' FROM audit_event"
            " WHERE action = 'profile.rules-changed' ORDER BY at"
        ).fetchall()
    assert told == [("comments", "to_left")] * 4 + [("comments", "none")] * 2  # on both trails


@pytest.mark.parametrize(
    ("allowed", "sides", "words"),
    [
        ("none", set(), "internal ones allowed by neither side, so none crosses."),
        ("left", {Side.LEFT}, "internal ones allowed by left, not by right, so none crosses."),
        ("right", {Side.RIGHT}, "internal ones allowed by right, not by left, so none crosses."),
        ("both", set(Side), "internal ones allowed by left and right."),
    ],
)
def test_it_says_who_allows_internal_comments_and_who_has_not(
    app: Flask,
    profile: uuid.UUID,
    tandem: Callable[..., Result],
    allowed: str,
    sides: set[Side],
    words: str,
) -> None:
    done = tandem("carry", "Tasks", "comments", "--internal", allowed)
    assert done.output.rstrip().endswith(words)
    assert tandem("items", "Tasks").output.rstrip().endswith(words)
    assert tandem("carry", "Tasks", "comments", "--marker", "#y").output.rstrip().endswith(words)
    [comments] = profiles.load(app.extensions["tandem"].vault, profile).profile.items
    assert (comments.internal, comments.marker) == (sides, "#y")


def test_a_prefix_that_cannot_be_filled_in_is_refused_and_nothing_changes(
    app: Flask, profile: uuid.UUID, tandem: Callable[..., Result]
) -> None:
    refused = tandem("carry", "Tasks", "comments", "--prefix", "{nobody} said")
    assert refused.exit_code == 2
    assert "items.0.prefix knows no {nobody}" in refused.output
    assert profiles.load(app.extensions["tandem"].vault, profile).revision == 1
    assert tandem("carry", "Tasks", "votes").exit_code == 2
