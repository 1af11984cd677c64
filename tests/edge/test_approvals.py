"""Two keys: what leaves a site waits for somebody of that site, over the page's endpoints."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import psycopg
import pytest
from click.testing import Result
from flask import Flask

from app import Tandem
from app.errors import Problem
from app.mapping import approvals, profiles, revisions
from app.mapping.approvals import Saved
from app.mapping.profile import FieldMapping, Flow, Kind, Profile, Scope, Side
from app.tenants import pairing
from app.tenants.caller import Caller, Proof
from tests.edge.jira import Jira
from tests.edge.people import grant_roles
from tests.edge.test_consents import nobody_is_admin
from tests.edge.test_filters import played
from tests.edge.test_webhooks import BODY

NEVER = uuid.UUID(int=0)
WISH = FieldMapping("customfield_1", "customfield_2", Kind.TEXT)


@dataclass
class Scene:
    """A profile that `left` proposed, and people of both sites with a role each."""

    tandem: Tandem
    profile: uuid.UUID
    left: Jira
    right: Jira
    database: str

    def caller(self, site: Jira) -> Caller:
        """An editor of a site."""
        known = self.tandem.installations.find(site.client_key)
        assert known is not None
        return Caller(known.tenant, "ed", Proof.CONTEXT)

    def call(self, site: Jira, method: str, path: str, person: str = "ed", **form: Any) -> Any:
        """Call as a person of a site, as the page would."""
        return site.client.open(
            f"/pages/{path}",
            method=method,
            data=form or None,
            headers={
                "Authorization": f"JWT {site.context_token(person)}",
                "Accept": "application/json",
            },
        )

    def answer(self, site: Jira, approve: str, revision: int = 1, person: str = "ed") -> Any:
        """Approve or decline what waits."""
        path = f"profiles/{self.profile}/approval"
        return self.call(site, "POST", path, person, approve=approve, revision=str(revision))

    def waiting(self, site: Jira, person: str = "ed") -> list[dict[str, Any]]:
        """What waits, as a site sees it."""
        found: list[dict[str, Any]] = self.call(site, "GET", "approvals", person).json
        return found

    def seen(self, site: Jira) -> dict[str, Any]:
        """The profile as a site's overview has it."""
        [found] = self.call(site, "GET", "profiles").json
        return dict(found)

    def now(self) -> profiles.StoredProfile:
        """The profile, as a worker reads it."""
        return profiles.load(self.tandem.vault, self.profile)

    def save(self, site: Jira, change: Callable[[Profile], Profile], **more: Any) -> Saved:
        """Save another mapping as a person of a site."""
        return approvals.save(
            self.tandem.vault,
            self.tandem.record,
            self.caller(site),
            self.profile,
            change(self.now().profile),
            **more,
        )

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        """What the database says, as its owner."""
        with psycopg.connect(self.database) as owner:
            return owner.execute(query).fetchall()

    def trail(self, action: str) -> list[tuple[Any, ...]]:
        """Who did it, in each site's trail, with what is told of it."""
        return self.ask(
            f"SELECT actor, detail::text FROM audit_event WHERE action = '{action}' ORDER BY actor"
        )


def kind(code: str) -> str:
    """The type of a problem, as answers name it."""
    return f"urn:tandem:problem:{code}"


def jira_without_names(path: str, sent: dict[str, Any]) -> tuple[int, Any]:
    """A Jira where nobody administers anything, and which tells no names."""
    return nobody_is_admin(path, sent) if path == "permissions/check" else (404, {})


def with_field(mapping: FieldMapping) -> Callable[[Profile], Profile]:
    """A change that maps a field too."""
    return lambda old: replace(old, fields=(*old.fields, mapping))


def turned(name: str, flow: Flow) -> Callable[[Profile], Profile]:
    """A change of a field's direction."""
    return lambda old: replace(
        old, fields=tuple(replace(m, flow=flow) if m.left == name else m for m in old.fields)
    )


@pytest.fixture
def proposed(app: Flask, installed: Jira, other: Jira, database_url: str) -> Iterator[Scene]:
    tandem: Tandem = app.extensions["tandem"]
    grant_roles(database_url)
    with played(jira_without_names) as jira:
        for site in (installed, other):
            assert site.install(baseUrl=jira.site.base_url).status_code == 204
            assert site.enable().status_code == 204
        scene = Scene(tandem, NEVER, installed, other, database_url)
        ours, theirs = scene.caller(installed), scene.caller(other)
        code = pairing.make_code(tandem.record, theirs).text
        scene.profile = profiles.create(
            tandem.vault,
            tandem.record,
            ours,
            connection_id=pairing.claim(tandem.record, ours, code),
            name="Tasks",
            left=Scope("10000", "10003"),
            right=Scope("20000", "20003"),
        )
        yield scene


@pytest.fixture
def scene(proposed: Scene) -> Scene:
    """The profile that both sides have approved."""
    assert proposed.answer(proposed.right, "yes").json == {"approved": True}
    return proposed


def test_a_new_profile_carries_nothing_until_the_partner_approves_it(proposed: Scene) -> None:
    assert proposed.now().state == "proposed"
    for site, awaits in ((proposed.left, "partner"), (proposed.right, "own")):
        assert proposed.seen(site)["state"] == "proposed"
        assert proposed.seen(site)["awaits"] == awaits
        [waits] = proposed.waiting(site)
        assert (waits["new"], waits["asked"], waits["revision"]) == (True, awaits == "own", 1)
        resumed = proposed.call(site, "POST", f"profiles/{proposed.profile}/resume")
        assert (resumed.status_code, resumed.json["type"]) == (409, kind("waits-for-approval"))
        checked = proposed.call(site, "POST", f"profiles/{proposed.profile}/check")
        assert (checked.status_code, checked.json["type"]) == (409, kind("waits-for-approval"))
    assert proposed.left.webhook(BODY).status_code == 204
    assert proposed.ask("SELECT count(*) FROM change") == [(0,)]
    assert proposed.ask("SELECT count(*) FROM search_look WHERE due_at < 'infinity'") == [(0,)]

    assert proposed.answer(proposed.right, "yes").json == {"approved": True}
    assert proposed.now().state == "on"
    assert proposed.waiting(proposed.left) == proposed.waiting(proposed.right) == []
    assert proposed.seen(proposed.left)["awaits"] is None
    assert proposed.left.webhook(BODY).status_code == 204
    assert proposed.ask("SELECT side, issue_id FROM change") == [("left", 10033)]
    assert proposed.ask(
        "SELECT count(*) FROM search_look l JOIN profile p ON p.id = l.profile_id"
        " WHERE l.due_at < 'infinity' AND l.since = p.created_at"
    ) == [(2,)]


def test_the_partner_reads_in_sentences_what_would_leave_his_site(proposed: Scene) -> None:
    [waits] = proposed.waiting(proposed.right)
    assert waits["readable"][0].startswith("These 5 fields of the issues of type 20003 in 20000")
    assert "Description, Due date, Labels, Priority, Summary" in waits["readable"][0]
    assert any("the other way round" in sentence for sentence in waits["does"])
    [told] = proposed.waiting(proposed.left)
    assert told["readable"] == waits["readable"]


def test_the_words_of_a_filter_are_for_the_people_of_its_side_alone(scene: Scene) -> None:
    vault, record = scene.tandem.vault, scene.tandem.record
    revisions.set_filter(vault, record, scene.caller(scene.right), scene.profile, "labels = ours")
    scene.save(scene.left, with_field(WISH))
    [asked], [proposer] = scene.waiting(scene.right), scene.waiting(scene.left)
    assert "labels = ours" in str(asked)
    assert "labels = ours" not in str(proposer)


def test_only_the_side_that_is_asked_approves_and_only_what_it_was_shown(proposed: Scene) -> None:
    for site, revision in ((proposed.left, 1), (proposed.right, 2)):
        refused = proposed.answer(site, "yes", revision)
        assert (refused.status_code, refused.json["type"]) == (409, kind("not-waiting"))
    assert proposed.answer(proposed.right, "perhaps").status_code == 400
    assert proposed.answer(proposed.right, "yes", person="vi").status_code == 403
    assert proposed.now().state == "proposed"
    assert proposed.answer(proposed.right, "yes").status_code == 200
    assert proposed.answer(proposed.right, "yes").status_code == 409


def test_a_declined_profile_stays_off_and_is_proposed_again_by_another_save(
    proposed: Scene,
) -> None:
    assert proposed.answer(proposed.right, "no").json == {"approved": False}
    assert proposed.now().state == "proposed"
    assert proposed.seen(proposed.left)["awaits"] == "declined"
    assert proposed.waiting(proposed.right) == []
    assert proposed.answer(proposed.right, "yes").status_code == 409
    saved = proposed.save(proposed.left, turned("labels", Flow.TO_RIGHT))
    assert saved == Saved(2, in_force=False)
    assert proposed.answer(proposed.right, "yes", 2).status_code == 200
    assert proposed.now().state == "on"
    assert proposed.now().revision == 2


def test_who_is_asked_may_change_a_new_profile_and_still_has_to_approve(proposed: Scene) -> None:
    assert proposed.save(proposed.right, turned("labels", Flow.TO_RIGHT)).in_force is False
    assert proposed.seen(proposed.right)["awaits"] == "own"
    assert proposed.save(proposed.right, with_field(WISH)).in_force is False
    assert proposed.seen(proposed.left)["awaits"] == "own"
    assert proposed.answer(proposed.left, "yes", 3).status_code == 200
    assert proposed.now().state == "on"


def test_a_change_by_which_more_leaves_the_partner_waits_and_the_old_one_goes_on(
    scene: Scene,
) -> None:
    saved = scene.save(scene.left, with_field(WISH))
    assert saved == Saved(2, in_force=False)
    assert scene.now().revision == 1
    assert WISH not in scene.now().profile.fields
    assert scene.seen(scene.left)["awaits"] == "partner"
    [waits] = scene.waiting(scene.right)
    assert waits["asked"] is True
    assert "6 fields" in waits["added"][0]
    assert "5 fields" in waits["dropped"][0]
    assert scene.answer(scene.right, "yes", 2).status_code == 200
    assert scene.now().revision == 2
    assert scene.now().profile.fields[-1] == WISH


def test_what_lets_more_leave_the_own_side_alone_or_less_crosses_at_once(scene: Scene) -> None:
    own = replace(WISH, flow=Flow.TO_RIGHT)
    assert scene.save(scene.left, with_field(own)) == Saved(2, in_force=True)
    assert scene.save(scene.right, turned("labels", Flow.TO_RIGHT)) == Saved(3, in_force=True)
    assert scene.save(scene.left, turned("priority", Flow.TO_RIGHT)) == Saved(4, in_force=True)
    # What was taken back is asked for again.
    assert scene.save(scene.left, turned("priority", Flow.BOTH)).in_force is False
    assert scene.save(scene.right, turned("priority", Flow.BOTH)) == Saved(6, in_force=True)
    assert scene.waiting(scene.right) == []


def test_a_declined_change_is_dropped_and_the_proposer_is_told(scene: Scene) -> None:
    scene.save(scene.left, with_field(WISH))
    assert scene.answer(scene.right, "no", 2).json == {"approved": False}
    assert scene.now().revision == 1
    assert scene.seen(scene.left)["awaits"] == "declined"
    page = scene.left.client.get(
        "/pages/parts/overview",
        headers={"Authorization": f"JWT {scene.left.context_token('ed')}"},
    ).text
    assert "The last change was declined or taken back." in page


def test_who_proposed_may_take_it_back(scene: Scene) -> None:
    scene.save(scene.left, with_field(WISH))
    assert scene.answer(scene.left, "no", 2).status_code == 200
    assert scene.answer(scene.right, "yes", 2).status_code == 409


def test_a_later_proposal_replaces_the_one_that_waits(scene: Scene) -> None:
    scene.save(scene.left, with_field(WISH))
    later = replace(WISH, left="customfield_3", right="customfield_4")
    assert scene.save(scene.left, with_field(later)).number == 3
    assert scene.answer(scene.right, "yes", 2).status_code == 409
    assert scene.answer(scene.right, "yes", 3).status_code == 200
    assert scene.now().profile.fields[-1] == later
    assert scene.ask("SELECT number, outcome FROM profile_proposal ORDER BY number") == [
        (1, "approved"),
        (2, "replaced"),
        (3, "approved"),
    ]


def test_what_others_change_meanwhile_is_not_taken_back_by_an_approval(
    scene: Scene, command: Callable[..., Result]
) -> None:
    scene.save(scene.left, with_field(WISH))
    vault, record = scene.tandem.vault, scene.tandem.record
    revisions.set_filter(vault, record, scene.caller(scene.right), scene.profile, "labels = a")
    done = command("profile", "set", "Tasks", "--field", "labels", "--flow", "to_right")
    assert done.exit_code == 0, done.output
    assert scene.now().profile.right.filter == "labels = a"
    [waits] = scene.waiting(scene.right)
    assert scene.answer(scene.right, "yes", waits["revision"]).status_code == 200
    found = scene.now().profile
    assert found.fields[-1] == WISH
    assert found.right.filter == "labels = a"
    assert next(m for m in found.fields if m.left == "labels").flow is Flow.TO_RIGHT


def test_an_operator_acts_for_both_sides_and_may_approve(
    proposed: Scene, command: Callable[..., Result]
) -> None:
    done = command("profile", "approve", "Tasks", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.output)["revision"] == 1
    assert proposed.now().state == "on"
    again = command("profile", "approve", "Tasks")
    assert (again.exit_code, "Nothing of this profile waits" in again.output) == (2, True)
    done = command("profile", "set", "Tasks", "--field", "labels", "--flow", "to_left")
    assert done.exit_code == 0, done.output
    assert proposed.now().revision == 2
    assert proposed.ask(
        "SELECT side, revision, approved_by FROM profile_approval ORDER BY side"
    ) == [
        ("left", 2, "operator"),
        ("right", 2, "operator"),
    ]


def test_nobody_speaks_for_the_other_side_in_a_save(scene: Scene) -> None:
    for change, field in (
        (lambda old: replace(old, restricted=frozenset({Side.RIGHT})), "items"),
        (lambda old: replace(old, right=replace(old.right, filter="labels = a")), "right"),
        (lambda old: replace(old, left=replace(old.left, project_id="9")), "left"),
    ):
        with pytest.raises(Problem) as refused:
            scene.save(scene.left, change)
        assert (refused.value.status, refused.value.field) == (400, field)
    assert scene.now().revision == 1


def test_a_save_over_another_one_is_refused(scene: Scene) -> None:
    scene.save(scene.right, turned("labels", Flow.TO_RIGHT), base=1)
    with pytest.raises(Problem) as refused:
        scene.save(scene.left, turned("priority", Flow.TO_RIGHT), base=1)
    assert (refused.value.status, refused.value.code) == (409, "changed-meanwhile")


def test_both_trails_tell_what_was_proposed_approved_and_declined(scene: Scene) -> None:
    scene.save(scene.left, with_field(WISH))
    scene.answer(scene.right, "no", 2)
    for action, revision in (
        ("profile.approved", 1),
        ("profile.change-proposed", 2),
        ("profile.declined", 2),
    ):
        told = scene.trail(action)
        assert [actor for actor, _ in told] == ["ed", "partner"]
        assert {json.loads(detail)["revision"] for _, detail in told} == {revision}
