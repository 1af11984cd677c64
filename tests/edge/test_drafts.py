"""Drafts of profiles: a person's own, sealed, saved once, and never over what he did not see."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from flask import Flask

from app import Tandem
from app.database import unscoped_transaction
from app.errors import NotFound, Problem
from app.mapping import drafts, profiles
from app.mapping.profile import Side
from app.tenants.caller import Caller, Proof
from app.vault.shredding import shred_tenant
from app.vault.vault import Vault
from tests.edge.jira import Jira
from tests.edge.test_webhooks import profile

__all__ = ["profile"]

ODD = "שלום 😀 " + "n" * 255


@pytest.fixture
def vault(app: Flask) -> Vault:
    tandem: Tandem = app.extensions["tandem"]
    return tandem.vault


def caller_of(app: Flask, site: Jira, account: str = "ed") -> Caller:
    """A person of a site."""
    tandem: Tandem = app.extensions["tandem"]
    known = tandem.installations.find(site.client_key)
    assert known is not None
    return Caller(known.tenant, account, Proof.CONTEXT)


@pytest.fixture
def ed(app: Flask, installed: Jira) -> Caller:
    return caller_of(app, installed)


def everywhere(project: int) -> bool:
    """The reach of an editor."""
    return True


def test_what_was_saved_is_there_again_whatever_characters_it_has(vault: Vault, ed: Caller) -> None:
    made = drafts.begin(vault, ed, {"connection": str(uuid.uuid4())})
    saved = drafts.save(vault, ed, made.id, {"name": ODD, "left": {"project": "1"}}, 1)
    assert (saved.version, saved.side, saved.profile_id) == (2, Side.LEFT, None)
    assert drafts.load(vault, ed, made.id) == saved
    assert saved.document == {**made.document, "name": ODD, "left": {"project": "1"}}
    taken = drafts.save(vault, ed, made.id, {"left": None}, 2)
    assert "left" not in drafts.load(vault, ed, taken.id).document


def test_a_save_over_what_another_tab_saved_is_refused_and_both_are_kept_apart(
    vault: Vault, ed: Caller
) -> None:
    made = drafts.begin(vault, ed)
    first = drafts.save(vault, ed, made.id, {"name": "first", "users": {}}, 1)
    with pytest.raises(drafts.DraftChanged) as refused:
        drafts.save(vault, ed, made.id, {"name": "second"}, 1)
    assert refused.value.newest == first
    assert refused.value.changed == ("name",)
    assert drafts.load(vault, ed, made.id) == first
    # What changes nothing is no conflict, whatever was seen.
    assert drafts.save(vault, ed, made.id, {"name": "first"}, 1) == first
    over = drafts.save(vault, ed, made.id, {"name": "second"}, first.version)
    assert over.document["name"] == "second"


def test_a_draft_is_in_nobody_elses_reach(
    app: Flask, vault: Vault, ed: Caller, other: Jira
) -> None:
    made = drafts.begin(vault, ed, {"name": "his"})
    for stranger in (replace(ed, account_id="ann"), caller_of(app, other)):
        deeds: list[Callable[[], Any]] = [
            lambda who=stranger: drafts.load(vault, who, made.id),
            lambda who=stranger: drafts.save(vault, who, made.id, {"name": "mine"}, 1),
            lambda who=stranger: drafts.drop(who, made.id),
        ]
        for deed in deeds:
            with pytest.raises(NotFound):
                deed()
        assert drafts.of_account(vault, stranger) == []
    assert drafts.load(vault, ed, made.id).document["name"] == "his"


def test_drafts_are_listed_with_the_last_changed_first_and_dropped_singly(
    vault: Vault, ed: Caller
) -> None:
    first, second = drafts.begin(vault, ed), drafts.begin(vault, ed)
    assert [one.id for one in drafts.of_account(vault, ed)] == [second.id, first.id]
    drafts.save(vault, ed, first.id, {"name": "a"}, 1)
    assert [one.id for one in drafts.of_account(vault, ed)] == [first.id, second.id]
    drafts.drop(ed, first.id)
    assert [one.id for one in drafts.of_account(vault, ed)] == [second.id]


def test_each_partner_edits_an_existing_profile_from_his_own_side(
    app: Flask, vault: Vault, profile: uuid.UUID, installed: Jira, other: Jira
) -> None:
    ed, theirs = caller_of(app, installed), caller_of(app, other)
    stored = profiles.load(vault, profile)
    left = drafts.begin_edit(vault, ed, profile, everywhere)
    right = drafts.begin_edit(vault, theirs, profile, everywhere)
    assert (left.side, right.side) == (Side.LEFT, Side.RIGHT)
    for one in (left, right):
        assert (one.profile_id, one.base_revision) == (profile, stored.revision)
        assert one.document["name"] == "Tasks"
        assert one.document["left"] == {"project": "10000", "issue_type": "10003"}
        assert "version" not in one.document
    changed = drafts.save(vault, ed, left.id, {"name": "Mine"}, 1)
    assert drafts.begin_edit(vault, ed, profile, everywhere) == changed
    with pytest.raises(NotFound):
        drafts.begin_edit(vault, ed, profile, lambda project: False)


def test_a_draft_is_forgotten_30_days_after_its_last_change(
    vault: Vault, ed: Caller, database_url: str
) -> None:
    old, young = drafts.begin(vault, ed), drafts.begin(vault, ed)
    with psycopg.connect(database_url) as owner:
        for one, days in ((old, 31), (young, 29)):
            owner.execute(
                "UPDATE draft SET updated_at = now() - make_interval(days => %s) WHERE id = %s",
                (days, one.id),
            )
    with unscoped_transaction() as session:
        drafts.forget(session)
    assert [one.id for one in drafts.of_account(vault, ed)] == [young.id]


def test_nothing_of_a_draft_is_stored_in_the_clear(
    vault: Vault, ed: Caller, database_url: str
) -> None:
    made = drafts.begin(vault, ed, {"name": "Rumpelstilzchen"})
    drafts.save(vault, ed, made.id, {"left": {"filter": "labels = Rumpelstilzchen"}}, 1)
    with psycopg.connect(database_url) as owner:
        [(stored,)] = owner.execute("SELECT draft::text FROM draft").fetchall()
        [(raw,)] = owner.execute("SELECT document FROM draft").fetchall()
    assert "Rumpel" not in stored
    assert b"Rumpel" not in raw


def test_a_tenants_drafts_go_with_its_keys(app: Flask, vault: Vault, ed: Caller) -> None:
    tandem: Tandem = app.extensions["tandem"]
    made = drafts.begin(vault, ed, {"name": "x"})
    shred_tenant(vault, tandem.record, ed.tenant)
    assert drafts.of_account(vault, ed) == []
    with pytest.raises(NotFound):
        drafts.load(vault, ed, made.id)


def test_a_draft_has_a_largest_size_and_a_person_a_number_of_them(
    vault: Vault, ed: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = drafts.begin(vault, ed, {"name": "x"})
    with pytest.raises(Problem, match="1 MB") as refused:
        drafts.save(vault, ed, made.id, {"users": {"rows": ["n" * drafts.LARGEST]}}, 1)
    assert refused.value.status == 413
    assert drafts.load(vault, ed, made.id) == made
    monkeypatch.setattr(drafts, "MOST", 2)
    drafts.begin(vault, ed)
    with pytest.raises(Problem, match="2 drafts already"):
        drafts.begin(vault, ed)
