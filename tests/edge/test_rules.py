"""`tandem profile rules` and `set`: direction, moment and policy of a field, pace of searches."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable

import psycopg
import pytest
from click.testing import Result
from flask import Flask

from app import Tandem
from app.mapping import profiles, revisions
from app.mapping.profile import Flow, Moment, Policy
from tests.edge.test_webhooks import profile

__all__ = ["profile"]


@pytest.fixture
def tandem(command: Callable[..., Result]) -> Callable[..., Result]:
    """`tandem profile …` with this test's settings."""
    return lambda *words: command("profile", *words)


def test_a_rule_is_a_new_revision_and_leaves_the_other_fields_as_they_were(
    app: Flask, profile: uuid.UUID, tandem: Callable[..., Result], database_url: str
) -> None:
    words = ("--field", "priority", "--flow", "to_right", "--moment", "create", "--policy", "ask")
    done = tandem("set", "Tasks", *words)
    assert done.exit_code == 0, done.output
    assert done.output == (
        "priority = priority: flow to_right, moment create, in a conflict ask.\n"
    )

    vault = app.extensions["tandem"].vault
    stored = profiles.load(vault, profile)
    assert stored.revision == 2
    ruled = {m.key: (m.flow, m.moment, m.policy) for m in stored.profile.fields}
    assert ruled.pop("priority=priority") == (Flow.TO_RIGHT, Moment.CREATE, Policy.ASK)
    assert set(ruled.values()) == {(Flow.BOTH, Moment.ALWAYS, Policy.NEWER)}

    again = tandem("set", str(profile), "--field", "priority=priority", "--policy", "ask")
    assert again.exit_code == 0
    assert profiles.load(vault, profile).revision == 2  # nothing changed, so no revision

    listed = json.loads(tandem("rules", "Tasks", "--json").output)
    assert listed["revision"] == 2
    assert listed["rules"][3]["moment"] == "create"
    assert "summary = summary  text, flow both" in tandem("rules", "Tasks").output
    with psycopg.connect(database_url) as owner:
        told = owner.execute(
            "SELECT actor, detail ->> 'policy' FROM audit_event"
            " WHERE action = 'profile.rules-changed'"
        ).fetchall()
    assert told == [("operator", "ask")] * 2  # on both sites' trails


def test_a_rule_that_never_rests_is_refused_and_nothing_changes(
    app: Flask, profile: uuid.UUID, tandem: Callable[..., Result]
) -> None:
    parts: Tandem = app.extensions["tandem"]
    before = profiles.load(parts.vault, profile)

    refused = tandem("set", "Tasks", "--field", "resolution", "--flow", "both")
    assert refused.exit_code == 2
    assert "field: resolution is not mapped by this profile" in refused.output

    for words in (("--field", "summary"), ("--flow", "both"), ()):
        assert tandem("set", "Tasks", *words).exit_code == 2
    assert profiles.load(parts.vault, profile) == before


def test_a_rule_that_no_value_could_be_carried_by_is_refused_and_the_profile_still_loads(
    app: Flask, profile: uuid.UUID, tandem: Callable[..., Result]
) -> None:
    parts: Tandem = app.extensions["tandem"]
    stored = profiles.load(parts.vault, profile)
    fields = [
        {"left": "status", "right": "status", "kind": "status"},
        {"left": "customfield_1", "right": "customfield_2", "kind": "option", "right_kind": "text",
         "flow": "to_right"},
    ]  # fmt: skip
    revisions.set_mapping(parts.vault, parts.record, stored, {"version": 1, "fields": fields})
    before = profiles.load(parts.vault, profile)

    early = tandem("set", "Tasks", "--field", "status", "--moment", "create")
    assert early.exit_code == 2
    assert "fields.0.moment must be always or update, as status on the left side" in early.output
    both = tandem("set", "Tasks", "--field", "customfield_1", "--flow", "both")
    assert both.exit_code == 2
    assert "fields.1.flow must be to_right here" in both.output
    assert profiles.load(parts.vault, profile) == before
    assert tandem("set", "Tasks", "--field", "status", "--moment", "update").exit_code == 0


@pytest.mark.parametrize(
    ("minutes", "taken"), [("1", True), ("60", True), ("0", False), ("9999", False)]
)
def test_the_interval_of_the_search_is_held_to_a_minute_and_a_day(
    profile: uuid.UUID, tandem: Callable[..., Result], database_url: str, minutes: str, taken: bool
) -> None:
    done = tandem("set", str(profile), "--search-minutes", minutes)
    assert (done.exit_code == 0) is taken, done.output
    with psycopg.connect(database_url) as owner:
        row = owner.execute("SELECT search_seconds FROM profile").fetchone()
        late = owner.execute(
            "SELECT count(*) FROM search_look WHERE due_at > now() + interval '61 minutes'"
        ).fetchone()
    assert row == (int(minutes) * 60 if taken else 300,)
    assert late == (0,)
    if not taken:
        assert "search-minutes: must be 1 to 1440." in done.output
