"""The last step of the editor: what is wrong with a draft, and two people who save at once."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import psycopg
import pytest
from flask import Flask
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.test import TestResponse

from app import Tandem
from app.database import db
from app.mapping import profiles
from app.mapping.document import dump_profile
from app.mapping.profile import DEFAULT_FIELDS, Flow, Kind, Profile, Scope, Side
from app.screens.rehearsed import crossing, shown_plans
from app.sync.plan import Reason
from app.sync.planning_types import Cause, FieldWrite, IssuePlan, Note, Ref, Step
from app.sync.rehearsal import MOST_KEYS, keys_of
from app.vault.shredding import shred_tenant
from tests.edge.jira import Jira
from tests.edge.people import grant_roles
from tests.edge.test_consents import nobody_is_admin
from tests.edge.test_filters import played
from tests.edge.test_webhooks import profile

__all__ = ["profile"]


@dataclass
class Scene:
    """A profile in force, and people of both sites with a role each."""

    tandem: Tandem
    profile: uuid.UUID
    left: Jira

    def call(
        self, method: str, path: str, person: str = "ed", *, html: bool = False, **form: Any
    ) -> TestResponse:
        """Call as a person of the left site."""
        headers = {"Authorization": f"JWT {self.left.context_token(person)}"}
        if not html:
            headers["Accept"] = "application/json"
        return self.left.client.open(f"/pages/{path}", method=method, headers=headers, data=form)

    def edit(self, person: str = "ed") -> str:
        """A draft of the profile, begun by a person."""
        begun = self.call("POST", "drafts", person, profile=str(self.profile))
        assert begun.status_code == 200, begun.text
        return str(begun.json["draft"])

    def change(self, draft: str, person: str, **parts: Any) -> None:
        """Put parts into a person's draft, as the steps do."""
        from app.mapping import drafts
        from app.tenants.caller import Caller, Proof

        stored = profiles.load(self.tandem.vault, self.profile)
        caller = Caller(stored.left_tenant, person, Proof.CONTEXT)
        found = drafts.load(self.tandem.vault, caller, uuid.UUID(draft))
        drafts.save(self.tandem.vault, caller, found.id, parts, found.version)

    def fields(self) -> list[dict[str, Any]]:
        """The fields of the profile as it is in force."""
        stored = profiles.load(self.tandem.vault, self.profile)
        found = dump_profile(stored.profile)["fields"]
        assert isinstance(found, list)
        return found


@pytest.fixture
def scene(
    app: Flask, profile: uuid.UUID, installed: Jira, other: Jira, database_url: str
) -> Iterator[Scene]:
    grant_roles(database_url)
    grant_roles(database_url, {"eve": "editor"})
    with played(nobody_is_admin) as jira:
        for site in (installed, other):
            assert site.install(baseUrl=jira.site.base_url).status_code == 204
            assert site.enable().status_code == 204
        yield Scene(app.extensions["tandem"], profile, installed)


def test_an_edit_is_saved_and_the_draft_is_gone(scene: Scene) -> None:
    draft = scene.edit()
    fields = scene.fields()
    fields[0]["policy"] = "left"
    scene.change(draft, "ed", fields=fields)
    saved = scene.call("POST", f"drafts/{draft}/finish")
    assert saved.status_code == 200, saved.text
    assert "works so from now on" in saved.json["said"]
    assert scene.fields()[0]["policy"] == "left"
    assert scene.call("GET", f"drafts/{draft}/review").status_code == 404


def test_the_second_of_two_who_save_is_told_shown_the_difference_and_chooses(scene: Scene) -> None:
    first, second = scene.edit("ann"), scene.edit("ed")
    theirs, mine = scene.fields(), scene.fields()
    theirs[0]["policy"], mine[1]["policy"] = "left", "right"
    scene.change(first, "ann", fields=theirs)
    scene.change(second, "ed", fields=mine)
    assert scene.call("POST", f"drafts/{first}/finish", "ann").status_code == 200
    refused = scene.call("POST", f"drafts/{second}/finish")
    assert (refused.status_code, refused.json["type"]) == (
        409,
        "urn:tandem:problem:changed-meanwhile",
    )
    told = scene.call("POST", f"drafts/{second}/finish", html=True)
    assert told.status_code == 200
    assert told.headers["HX-Retarget"] == "#review-finish"
    assert "Somebody else saved this profile meanwhile" in told.text
    assert "Summary" in told.text
    assert "Description" in told.text
    assert scene.fields()[1]["policy"] == "newer"
    number = told.text.split('{"over": "')[1].split('"')[0]
    assert scene.call("POST", f"drafts/{second}/finish", over=number).status_code == 200
    assert [one["policy"] for one in scene.fields()[:2]] == ["newer", "right"]


def test_a_proposal_that_waits_is_not_replaced_unseen_and_one_that_was_declined_is_no_hindrance(
    scene: Scene,
) -> None:
    second = scene.edit("ed")
    first = scene.edit("ann")
    one_way = [{**one, "flow": "to_right"} for one in scene.fields()]
    scene.change(first, "ann", fields=one_way)
    assert scene.call("POST", f"drafts/{first}/finish", "ann").status_code == 200
    # Back to both ways: more leaves the partner, so it waits, and nothing is in force by it.
    wider = scene.edit("ann")
    scene.change(wider, "ann", fields=[{**one, "flow": "both"} for one in one_way])
    assert "waits for the approval" in scene.call("POST", f"drafts/{wider}/finish", "ann").text
    late = scene.call("POST", f"drafts/{second}/finish")
    assert (late.status_code, late.json["type"].rsplit(":", 1)[1]) == (409, "changed-meanwhile")
    declined = scene.call(
        "POST", f"profiles/{scene.profile}/approval", "ann", approve="no", revision="3"
    )
    assert declined.status_code == 200, declined.text
    after = scene.edit("ann")
    scene.change(after, "ann", fields=[{**one, "policy": "left"} for one in one_way])
    assert scene.call("POST", f"drafts/{after}/finish", "ann").status_code == 200
    assert {one["policy"] for one in scene.fields()} == {"left"}


def test_a_rename_holds_at_once_for_both_sites_and_is_on_both_trails(
    scene: Scene, database_url: str
) -> None:
    draft = scene.edit()
    scene.change(draft, "ed", name="  Web   שלום 😀 ")
    saved = scene.call("POST", f"drafts/{draft}/finish")
    assert saved.status_code == 200, saved.text
    stored = profiles.load(scene.tandem.vault, scene.profile)
    assert (stored.name, stored.revision) == ("Web שלום 😀", 1)  # no revision for a name alone
    assert [one["name"] for one in scene.call("GET", "profiles").json] == ["Web שלום 😀"]
    with psycopg.connect(database_url) as connection:
        told = connection.execute(
            "SELECT actor, detail::text FROM audit_event WHERE action = 'profile.renamed'"
        ).fetchall()
    assert sorted(actor for actor, _detail in told) == ["ed", "partner"]
    assert not any("Web" in detail for _actor, detail in told)


def test_a_wrong_name_is_said_in_the_last_step_and_nothing_is_saved(scene: Scene) -> None:
    draft = scene.edit()
    scene.change(draft, "ed", name="n" * 201)
    assert "at most 200 characters" in scene.call("GET", f"drafts/{draft}/review", html=True).text
    refused = scene.call("POST", f"drafts/{draft}/finish")
    assert (refused.status_code, refused.json["field"]) == (422, "name")
    assert profiles.load(scene.tandem.vault, scene.profile).name != "n" * 201


def test_the_second_of_two_who_rename_is_told_and_chooses(scene: Scene) -> None:
    first, second, third = scene.edit("ann"), scene.edit("ed"), scene.edit("eve")
    scene.change(first, "ann", name="Hers")
    scene.change(second, "ed", name="His")
    assert scene.call("POST", f"drafts/{first}/finish", "ann").status_code == 200
    told = scene.call("POST", f"drafts/{second}/finish", html=True)
    assert told.headers["HX-Retarget"] == "#review-finish"
    assert "The profile is called “Hers”." in told.text
    assert "The profile is called “His”." in told.text
    assert profiles.load(scene.tandem.vault, scene.profile).name == "Hers"
    # A third who changed something else is told as well: his draft has the old name.
    fields = scene.fields()
    fields[0]["policy"] = "left"
    scene.change(third, "eve", fields=fields)
    assert scene.call("POST", f"drafts/{third}/finish", "eve").status_code == 409
    over = json.loads(re.findall(r"hx-vals='([^']*over_name[^']*)'", told.text)[0])
    assert scene.call("POST", f"drafts/{second}/finish", **over).status_code == 200
    assert profiles.load(scene.tandem.vault, scene.profile).name == "His"


def test_a_rename_beside_a_proposal_that_waits_leaves_the_proposal_as_it_is(scene: Scene) -> None:
    less = scene.edit()
    scene.change(less, "ed", fields=[{**one, "flow": "to_right"} for one in scene.fields()])
    assert scene.call("POST", f"drafts/{less}/finish").status_code == 200
    more = scene.edit()
    scene.change(more, "ed", fields=[{**one, "flow": "both"} for one in scene.fields()])
    assert "waits for the approval" in scene.call("POST", f"drafts/{more}/finish").json["said"]
    [waits] = scene.call("GET", "profiles").json
    assert waits["awaits"] == "partner"
    again = scene.edit()
    scene.change(again, "ed", name="Renamed")
    assert scene.call("POST", f"drafts/{again}/finish").status_code == 200
    assert profiles.load(scene.tandem.vault, scene.profile).name == "Renamed"
    [still] = scene.call("GET", "profiles").json
    assert (still["awaits"], still["proposal"]) == ("partner", waits["proposal"])


def test_who_starts_again_has_the_others_change_in_a_new_draft(scene: Scene) -> None:
    first, second = scene.edit("ann"), scene.edit("ed")
    theirs = scene.fields()
    theirs[0]["policy"] = "left"
    scene.change(first, "ann", fields=theirs)
    assert scene.call("POST", f"drafts/{first}/finish", "ann").status_code == 200
    assert scene.call("POST", f"drafts/{second}/again", html=True).status_code == 200
    assert scene.call("GET", f"drafts/{second}/review").status_code == 404
    again = scene.edit("ed")
    assert again != second
    assert scene.call("POST", f"drafts/{again}/finish").status_code == 200
    assert scene.fields()[0]["policy"] == "left"


def test_what_is_wrong_is_listed_with_its_step_and_nothing_is_saved(scene: Scene) -> None:
    begun = scene.call("POST", "drafts")
    draft = begun.json["draft"]
    shown = scene.call("GET", f"drafts/{draft}/review", html=True).text
    assert "Choose a project and an issue type of your site." in shown
    assert f"/pages/drafts/{draft}/projects" in shown
    assert "review-switch" not in shown
    refused = scene.call("POST", f"drafts/{draft}/finish")
    assert (refused.status_code, refused.json["field"]) == (422, "left")

    edit = scene.edit()
    fields = scene.fields()
    scene.change(edit, "ed", fields=[*fields, fields[0]])
    shown = scene.call("GET", f"drafts/{edit}/review", html=True).text
    assert "Still to do" in shown
    assert f"/pages/drafts/{edit}/fields" in shown
    assert scene.call("POST", f"drafts/{edit}/finish").status_code == 422
    assert scene.fields() == fields


def test_what_is_deleted_while_the_review_is_open_is_not_there_and_never_a_fault(
    scene: Scene, database_url: str
) -> None:
    draft = scene.edit()
    parts = ("effects", "load", "sentences")

    def statuses() -> set[int]:
        found = {scene.call("GET", f"drafts/{draft}/review/{one}").status_code for one in parts}
        return found | {scene.call("POST", f"drafts/{draft}/review/try").status_code}

    assert scene.call("GET", f"drafts/{draft}/review/effects").json["lookedAt"] == 0
    with psycopg.connect(database_url) as owner:
        owner.execute("ALTER TABLE profile DROP CONSTRAINT profile_connection_id_fkey")
        owner.execute("DELETE FROM connection")
    assert statuses() == {404}  # the partner is none any more
    other = scene.edit("ann")
    assert scene.call("POST", f"drafts/{draft}/drop").status_code == 200
    assert statuses() == {404}
    draft = other
    with psycopg.connect(database_url) as owner:
        owner.execute("DELETE FROM profile")
    assert statuses() == {404}


def test_a_partner_whose_keys_were_destroyed_meanwhile_is_gone_and_never_a_fault(
    scene: Scene, other: Jira
) -> None:
    right = replace(scene, left=other)
    draft = right.edit()
    stored = profiles.load(scene.tandem.vault, scene.profile)
    shred_tenant(scene.tandem.vault, scene.tandem.record, stored.left_tenant)
    for path in (f"drafts/{draft}/review/effects", f"views/profiles/{scene.profile}"):
        assert right.call("GET", path).status_code == 404


def test_keys_are_read_from_what_somebody_types() -> None:
    assert keys_of(" web-1, WEB-2;web-1\nPLAT-3 ") == ["WEB-1", "WEB-2", "PLAT-3"]
    assert keys_of("") == []


@pytest.mark.parametrize(
    ("typed", "rule"),
    [
        ("WEB", "is no issue key"),
        ("WEB-0", "is no issue key"),
        ("<b>WEB-1</b>", "is no issue key"),
        (" ".join(f"WEB-{n}" for n in range(1, MOST_KEYS + 2)), "at most"),
    ],
)
def test_what_is_no_key_is_refused_by_its_rule(scene: Scene, typed: str, rule: str) -> None:
    draft = scene.edit()
    refused = scene.call("POST", f"drafts/{draft}/review/try", issues=typed)
    assert (refused.status_code, refused.json["field"]) == (400, "issues")
    assert rule in refused.json["detail"]


SITES = {Side.LEFT: "acme.example.com", Side.RIGHT: "globex.example.com"}


def test_a_value_of_the_partners_is_told_only_where_its_admin_approved_that_it_crosses() -> None:
    profile = Profile(Scope("1", "1"), Scope("2", "2"), DEFAULT_FIELDS)
    left, right = Ref(1, "WEB-1"), Ref(2, "PLAT-2")
    writes = (
        FieldWrite(
            Side.RIGHT, "summary=summary", "summary", Kind.TEXT, "theirs", "mine", Reason.CHANGED
        ),
        FieldWrite(
            Side.LEFT, "labels=labels", "labels", Kind.LABELS, ("a",), ("b",), Reason.CHANGED
        ),
    )
    said = (Note(Cause.BLOCKED, "Their value has no twin.", "labels=labels"),)
    plan = IssuePlan(Step.UPDATE, Side.LEFT, left, right, 0, writes=writes, blocked=said)
    [nothing] = shown_plans([plan], profile, Side.LEFT, frozenset(), SITES)
    assert [(one["old"], one["new"]) for one in nothing["rows"]] == [(None, "mine"), ("a", None)]
    assert nothing["notes"] == []
    agreed = crossing(profile, Side.LEFT)
    [whole] = shown_plans([plan], profile, Side.LEFT, agreed, SITES)
    assert [(one["old"], one["new"]) for one in whole["rows"]] == [("theirs", "mine"), ("a", "b")]
    assert whole["notes"] == ["Their value has no twin."]
    one_way = replace(profile, fields=tuple(replace(m, flow=Flow.TO_RIGHT) for m in profile.fields))
    assert crossing(one_way, Side.LEFT) == frozenset()


def test_a_database_that_is_busy_with_others_is_said_so_and_no_fault(
    scene: Scene, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft = scene.edit()
    with app.app_context():
        engine = db.engine
    monkeypatch.setattr(engine.pool, "_timeout", 0.1)
    taken = []
    try:
        with pytest.raises(PoolTimeout):
            while True:
                taken.append(engine.connect())
        answer = scene.call("GET", f"drafts/{draft}/review/effects")
        assert (answer.status_code, answer.json["type"]) == (
            503,
            "urn:tandem:problem:database-busy",
        )
    finally:
        for one in taken:
            one.close()
    assert scene.call("GET", f"drafts/{draft}/review/effects").status_code == 200
