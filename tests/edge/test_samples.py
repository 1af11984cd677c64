"""Sample values of the partner's issues: who allows them, who sees them, and what never shows."""

from __future__ import annotations

import psycopg
import pytest
from flask import Flask, g

from app.mapping.profile import Side
from app.screens.editor_draft import profile_of, told
from app.tenants.caller import Caller, Proof
from app.tenants.roles import Role, Standing
from tests.edge.editor_scene import Scene, caller_of, scene
from tests.edge.jira import Jira
from tests.edge.test_editor_fields import USUAL, tell
from tests.edge.test_editor_fields import told as field

__all__ = ["scene"]


@pytest.fixture
def step(scene: Scene) -> Scene:
    """The scene, with both projects chosen by an admin's draft."""
    scene.begin("ann")
    person = {"accountId": "712020:gil", "emailAddress": "gil@globex.example"}
    tell(scene.ours, 10, [*USUAL])
    theirs = [*USUAL, field("reporter", "Reporter"), field("customfield_9", "Price", "float")]
    tell(scene.theirs, 20, theirs, reporter=person, customfield_9=1234)
    scene.theirs.answers["user/bulk"] = lambda _asked: (200, {"values": []})
    return scene


def choose(scene: Scene, who: str) -> None:
    """Have a person's draft be of both projects, with its fields read."""
    for form in (
        {"left_project": "10"},
        {"left_type": "1"},
        {"right_project": "20"},
        {"right_type": "1"},
    ):
        assert scene.save("projects", who, **form).status_code == 200
    assert scene.call("GET", f"/drafts/{scene.draft}/fields/table", who).status_code == 200


def shown(scene: Scene, who: str = "ann") -> str:
    """The sample values that a person's page is given."""
    answer = scene.call("GET", f"/drafts/{scene.draft}/fields/samples", who)
    assert answer.status_code == 200, answer.text
    return answer.text


def say(scene: Scene, action: str, site: Jira, who: str = "ann") -> int:
    """Allow it or take it back for a site's side."""
    path = f"/connections/{scene.connection}/samples/{action}"
    return scene.call("POST", path, who, site).status_code


def test_values_of_the_partners_issues_show_while_its_admin_allows_it_and_not_longer(
    step: Scene,
) -> None:
    choose(step, "ann")
    before = shown(step)
    assert "A summary of GLX" not in before
    assert "under Sample values" in before  # it says who can allow it, and where
    assert say(step, "allow", step.site) == 200  # the own side's word opens nothing of the other's
    assert "A summary of GLX" not in shown(step)
    assert say(step, "allow", step.other) == 200
    with_it = shown(step)
    assert "A summary of GLX" in with_it
    assert "A summary of ACME" in with_it
    assert ">1234<" in with_it
    assert "gil@globex.example" not in with_it  # not even in what transforms are tried with
    [issue] = step.theirs.answers["issue/bulkfetch"]({})[1]["issues"]
    issue["fields"]["security"] = {"id": "1", "name": "Secret"}
    assert "A summary of GLX" not in shown(step)
    issue["fields"]["security"] = None
    assert say(step, "withdraw", step.other) == 200
    assert "A summary of GLX" not in shown(step)


def test_only_admins_of_the_other_site_see_them_and_editors_are_told_so(step: Scene) -> None:
    assert say(step, "allow", step.other) == 200
    step.begin("ed")
    choose(step, "ed")
    said = shown(step, "ed")
    assert "A summary of GLX" not in said
    assert "You are none" in said


def test_only_admins_allow_it_each_for_his_own_side_and_both_trails_tell_it(
    step: Scene, database_url: str
) -> None:
    for person in ("ed", "vi"):
        assert say(step, "allow", step.other, person) == 403
    assert say(step, "allow", step.other) == 200
    assert say(step, "allow", step.other) == 200  # once is enough
    ours = step.call("GET", "/parts/samples", "ann").text
    theirs = step.call("GET", "/parts/samples", "ann", step.other).text
    assert "Your admins may see sample values of issues there." in ours
    assert "/samples/allow" in ours
    assert "may see sample values of issues here while they map." in theirs
    assert "/samples/withdraw" in theirs
    viewers = step.call("GET", "/parts/samples", "vi", step.other).text
    assert "/samples/withdraw" not in viewers
    assert say(step, "withdraw", step.other) == 200
    with psycopg.connect(database_url) as owner:
        trail = owner.execute(
            "SELECT actor, subject, detail FROM audit_event"
            " WHERE action = 'connection.samples-changed' ORDER BY seq, actor"
        ).fetchall()
    assert {subject for _actor, subject, _detail in trail} == {f"connection:{step.connection}"}
    for actor in ("ann", "partner"):
        mine = [detail["allows"] for one, _subject, detail in trail if one == actor]
        assert mine == [True, False]


def test_the_database_lets_no_side_say_it_for_the_other(step: Scene, database_url: str) -> None:
    own = caller_of(step.tandem, step.site, "ann").tenant
    with psycopg.connect(database_url) as owner:
        owner.execute("SET ROLE tandem_app")
        owner.execute("SELECT set_config('tandem.tenant', %s, false)", (str(own),))
        columns = owner.execute("SELECT left_tenant_id FROM connection").fetchone()
        assert columns is not None
        theirs = "right_samples" if columns[0] == own else "left_samples"
        with pytest.raises(psycopg.errors.RaiseException):
            owner.execute(f"UPDATE connection SET {theirs} = true")  # type: ignore[arg-type]


def test_a_connection_of_others_is_not_there(step: Scene) -> None:
    path = "/connections/00000000-0000-4000-8000-000000000000/samples/allow"
    assert step.call("POST", path, "ann").status_code == 404


def test_a_dry_run_tells_the_partners_values_to_admins_whom_it_lets_see_them(
    step: Scene, app: Flask
) -> None:
    choose(step, "ann")
    change_as(step, "ann")
    draft = step.stored("ann")
    profile = profile_of(draft)

    def seen(role: Role) -> frozenset[str]:
        with app.test_request_context():
            g.caller = Caller(draft.tenant, "ann", Proof.CONTEXT)
            g.standing = Standing(role)
            return told(step.tandem.vault, draft, profile)

    assert seen(Role.ADMIN) == frozenset()
    assert say(step, "allow", step.other) == 200
    assert seen(Role.ADMIN) == frozenset(one.field(Side.RIGHT) for one in profile.fields)
    assert seen(Role.EDITOR) == frozenset()


def test_it_is_offered_when_two_sites_are_paired(step: Scene, database_url: str) -> None:
    with psycopg.connect(database_url) as owner:
        owner.execute("DELETE FROM connection")
    made = step.call("POST", "/pairing-codes", "ann", step.other).text
    assert "sample values" in made
    code = made.split('aria-label="Pairing code">')[1].split("<")[0]
    page = step.call("GET", "/views/settings", "ann").text
    assert 'name="samples"' in page
    assert step.call("POST", "/connections", "ann", code=code, samples="yes").status_code == 200
    told_there = step.call("GET", "/parts/samples", "ann", step.other).text
    assert "Your admins may see sample values of issues there." in told_there
    assert "see no values of issues here" in told_there


def change_as(scene: Scene, who: str) -> None:
    """Give a person's draft the usual fields."""
    assert scene.save("fields/row", who, key="summary=summary", policy="left").status_code == 200
