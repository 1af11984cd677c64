"""Each side allows for itself alone that internal comments cross, over the page's endpoint."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from click.testing import Result
from flask import Flask
from werkzeug.test import TestResponse

from app import Tandem
from app.errors import Problem
from app.mapping import profiles, revisions
from app.mapping.profile import ItemKind, Scope, Side
from app.tenants.caller import Caller, Proof
from tests.edge.jira import Jira
from tests.edge.people import grant_roles
from tests.edge.test_filters import played
from tests.edge.test_webhooks import profile

__all__ = ["profile"]


@dataclass
class Scene:
    """A profile that carries comments, and people of both sites with a role each."""

    tandem: Tandem
    profile: uuid.UUID
    left: Jira
    right: Jira
    database: str

    def call(self, site: Jira, action: str = "", person: str = "ed", **more: Any) -> TestResponse:
        """Call as a person of a site, as the page would."""
        path = f"/pages/profiles/{more.pop('profile', self.profile)}/internal-comments"
        headers = {
            "Authorization": f"JWT {site.context_token(person)}",
            "Accept": more.pop("accept", "application/json"),
        }
        if not action:
            return site.client.get(path, headers=headers)
        return site.client.post(f"{path}/{action}", headers=headers, **more)

    def allowed(self) -> set[Side]:
        """The sides that allow it, as a worker reads the profile."""
        [comments] = profiles.load(self.tandem.vault, self.profile).profile.items
        return set(comments.internal)

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        """What the database says, as its owner."""
        with psycopg.connect(self.database) as owner:
            return owner.execute(query).fetchall()

    def linked(self) -> None:
        """Two issues in step, so that there is something to visit."""
        with psycopg.connect(self.database) as owner:
            owner.execute(
                "INSERT INTO issue_link (id, profile_id, left_tenant_id, right_tenant_id,"
                " left_issue_id, right_issue_id, lane) SELECT %s, id, left_tenant_id,"
                " right_tenant_id, 1, 2, 0 FROM profile",
                (uuid.uuid4(),),
            )


def nobody_is_admin(path: str, sent: dict[str, Any]) -> tuple[int, Any]:
    """A Jira whose people hold no permission there: their roles are granted on Tandem's page."""
    assert path == "permissions/check", sent
    return 200, {"globalPermissions": [], "projectPermissions": []}


@pytest.fixture
def scene(
    app: Flask, profile: uuid.UUID, installed: Jira, other: Jira, database_url: str
) -> Iterator[Scene]:
    tandem: Tandem = app.extensions["tandem"]
    stored = profiles.load(tandem.vault, profile)
    asked: dict[str, object] = {"kind": "comments"}
    revisions.set_items(tandem.vault, tandem.record, stored, ItemKind.COMMENTS, asked)
    grant_roles(database_url)
    with played(nobody_is_admin) as jira:
        for site in (installed, other):
            assert site.install(baseUrl=jira.site.base_url).status_code == 204
            assert site.enable().status_code == 204
        yield Scene(tandem, profile, installed, other, database_url)


def test_each_side_allows_for_itself_and_both_trails_tell_it(scene: Scene) -> None:
    assert scene.call(scene.right).json == {"carried": True, "own": False, "partner": False}
    given = scene.call(scene.right, "allow")
    assert (given.status_code, given.json) == (
        200,
        {"carried": True, "own": True, "partner": False},
    )
    assert scene.allowed() == {Side.RIGHT}
    assert scene.call(scene.left).json == {"carried": True, "own": False, "partner": True}
    assert scene.call(scene.left, "allow", person="ann").json == {
        "carried": True,
        "own": True,
        "partner": True,
    }
    assert scene.allowed() == set(Side)
    assert scene.call(scene.right, "withdraw").json == {
        "carried": True,
        "own": False,
        "partner": True,
    }
    assert scene.allowed() == {Side.LEFT}
    told = scene.ask(
        "SELECT actor, detail ->> 'side', detail ->> 'allows' FROM audit_event"
        " WHERE action = 'profile.internal-comments-changed' ORDER BY at, actor"
    )
    assert sorted(told) == [
        ("ann", "left", "true"),
        ("ed", "right", "false"),
        ("ed", "right", "true"),
        ("partner", "left", "true"),
        ("partner", "right", "false"),
        ("partner", "right", "true"),
    ]


def test_saying_it_again_changes_nothing(scene: Scene) -> None:
    assert scene.call(scene.left, "withdraw").status_code == 200
    assert scene.call(scene.left, "allow").status_code == 200
    before = scene.ask("SELECT max(number) FROM profile_revision")
    assert scene.call(scene.left, "allow").status_code == 200
    assert scene.ask("SELECT max(number) FROM profile_revision") == before == [(3,)]


@pytest.mark.parametrize(
    "more",
    [
        {"data": {"side": "right"}},
        {"data": {"internal": "right", "right": "yes"}},
        {"query_string": {"side": "right"}},
        {"json": {"side": "right"}},
    ],
)
def test_nothing_that_is_sent_makes_it_the_other_sides(scene: Scene, more: dict[str, Any]) -> None:
    assert scene.call(scene.left, "allow", **more).status_code == 200
    assert scene.allowed() == {Side.LEFT}
    assert scene.call(scene.right, "withdraw", **more).status_code == 200
    assert scene.allowed() == {Side.LEFT}


def test_a_viewer_and_people_without_a_role_change_nothing(scene: Scene) -> None:
    for person in ("vi", "nobody"):
        for action in ("allow", "withdraw", ""):
            assert scene.call(scene.left, action, person=person).status_code == 403
    assert scene.allowed() == set()
    never = scene.call(scene.left, "allow", profile=uuid.uuid4())
    assert never.status_code == 404


def test_a_profile_that_carries_no_comments_has_nothing_to_allow(scene: Scene) -> None:
    tandem, stored = scene.tandem, profiles.load(scene.tandem.vault, scene.profile)
    revisions.set_items(tandem.vault, tandem.record, stored, ItemKind.COMMENTS, None)
    refused = scene.call(scene.left, "allow")
    assert refused.status_code == 409
    assert "carries no comments" in refused.get_json(force=True)["detail"]
    assert "carries no comments" in scene.call(scene.left, accept="text/html").text


def test_the_card_says_who_allows_it_and_its_button_changes_the_own_side_alone(
    scene: Scene,
) -> None:
    host = scene.tandem.installations.find(scene.right.client_key)
    assert host is not None
    partner = host.base_url.split("://", 1)[1]
    scene.call(scene.left, "allow")
    shown = scene.call(scene.left, accept="text/html").text
    assert f"Allowed by you, not by {partner}: none crosses." in shown
    assert f"/pages/profiles/{scene.profile}/internal-comments/withdraw" in shown
    assert "Take it back" in shown
    assert "Allow it for your side" in scene.call(scene.right, accept="text/html").text


def test_what_is_taken_back_has_all_pairs_visited_also_when_it_is_said_again(scene: Scene) -> None:
    scene.linked()
    for site in (scene.left, scene.right):
        scene.call(site, "allow")
    assert scene.ask("SELECT count(*) FROM change") == [(0,)]
    for _ in range(2):
        scene.call(scene.left, "withdraw")
        assert scene.ask("SELECT side, issue_id FROM change") == [("left", 1)]
        with psycopg.connect(scene.database) as owner:
            owner.execute("DELETE FROM change")


def test_an_operator_who_shapes_comments_leaves_what_the_sides_allow_as_it_is(
    scene: Scene, command: Callable[..., Result]
) -> None:
    scene.call(scene.right, "allow")
    done = command("profile", "carry", "Tasks", "comments", "--marker", "#x")
    assert done.exit_code == 0, done.output
    assert scene.allowed() == {Side.RIGHT}


@pytest.mark.parametrize("sides", [["right"], ["left", "right"]])
def test_who_makes_a_profile_allows_it_for_his_own_side_alone(
    scene: Scene, sides: list[str]
) -> None:
    known = scene.tandem.installations.find(scene.left.client_key)
    assert known is not None
    left = Caller(known.tenant, "ed", Proof.CONTEXT)
    [(connection,)] = scene.ask("SELECT id FROM connection")

    def make(name: str, project: str, internal: list[str]) -> uuid.UUID:
        items = [{"kind": "comments", "internal": internal}]
        return profiles.create(
            scene.tandem.vault,
            scene.tandem.record,
            left,
            connection_id=connection,
            name=name,
            left=Scope(project, "10003"),
            right=Scope("20001", "20003"),
            parts={"items": json.dumps(items)},
        )

    with pytest.raises(Problem, match="for the people of the partner's site to say") as refused:
        make("Both", "10001", sides)
    assert (refused.value.field, refused.value.status) == ("items", 400)
    made = make("Own", "10001", ["left"])
    [comments] = profiles.load(scene.tandem.vault, made).profile.items
    assert comments.internal == {Side.LEFT}


def test_each_side_allows_restricted_issues_for_itself_and_both_trails_tell_it(
    scene: Scene,
) -> None:
    def say(site: Jira, action: str, person: str = "ed") -> Any:
        path = f"/pages/profiles/{scene.profile}/restricted-issues"
        headers = {
            "Authorization": f"JWT {site.context_token(person)}",
            "Accept": "application/json",
        }
        if not action:
            return site.client.get(path, headers=headers).json
        return site.client.post(f"{path}/{action}", headers=headers).json

    assert say(scene.right, "") == {"carried": True, "own": False, "partner": False}
    assert say(scene.right, "allow") == {"carried": True, "own": True, "partner": False}
    assert say(scene.left, "") == {"carried": True, "own": False, "partner": True}
    assert say(scene.left, "allow") == {"carried": True, "own": True, "partner": True}
    assert profiles.load(scene.tandem.vault, scene.profile).profile.carries_restricted
    # Issues that may cross by this are looked for.
    assert scene.ask("SELECT started_at IS NOT NULL FROM completeness") == [(True,)]
    assert say(scene.left, "withdraw") == {"carried": True, "own": False, "partner": True}
    told = scene.ask(
        "SELECT actor, detail ->> 'side', detail ->> 'restricted_left' FROM audit_event"
        " WHERE action = 'profile.restricted-issues-changed' ORDER BY at, actor"
    )
    assert sorted(told) == [
        ("ed", "left", "false"),
        ("ed", "left", "true"),
        ("ed", "right", "false"),
        ("partner", "left", "false"),
        ("partner", "left", "true"),
        ("partner", "right", "false"),
    ]
    assert say(scene.left, "allow", "vi")["status"] == 403
    page = scene.call(scene.left, accept="text/html").text
    assert f"/pages/profiles/{scene.profile}/restricted-issues/allow" in page
