"""The settings page: connections and their health, and the pause of a whole site."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.edge.jira import Jira
from tests.edge.people import grant_roles
from tests.edge.test_consents import nobody_is_admin
from tests.edge.test_filters import played
from tests.edge.test_webhooks import profile

__all__ = ["profile"]


@dataclass
class Scene:
    """Two sites with one profile, and a person of each role in both."""

    profile: uuid.UUID
    left: Jira
    right: Jira
    database: str

    def call(self, site: Jira, method: str, path: str, person: str = "ann") -> TestResponse:
        """Call as a person of a site, as the page would."""
        headers = {"Authorization": f"JWT {site.context_token(person)}"}
        return site.client.open(f"/pages/{path}", method=method, headers=headers)

    def state(self) -> str:
        """The state of the profile."""
        return str(self.ask("SELECT state FROM profile")[0][0])

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        """What the database says, as its owner."""
        with psycopg.connect(self.database) as owner:
            return owner.execute(query).fetchall()  # type: ignore[arg-type]


@pytest.fixture
def scene(
    app: Flask, profile: uuid.UUID, installed: Jira, other: Jira, database_url: str
) -> Iterator[Scene]:
    grant_roles(database_url)
    with played(nobody_is_admin) as jira:
        for site in (installed, other):
            assert site.install(baseUrl=jira.site.base_url).status_code == 204
            assert site.enable().status_code == 204
        yield Scene(profile, installed, other, database_url)


def test_an_admin_says_for_how_many_days_what_changed_is_kept(scene: Scene) -> None:
    def choose(days: str, person: str = "ann") -> TestResponse:
        headers = {
            "Authorization": f"JWT {scene.left.context_token(person)}",
            "Accept": "application/json",
        }
        return scene.left.client.post(
            "/pages/settings/details", headers=headers, data={"days": days}
        )

    for person in ("ed", "vi"):
        assert choose("3", person).status_code == 403
        shown = scene.call(scene.left, "GET", "views/settings", person).text
        assert "What changed is kept for 14 days." in shown
        assert 'name="days"' not in shown
    assert 'max="14"' in scene.call(scene.left, "GET", "views/settings").text
    for wrong in ("", "-1", "1.5", "15", "x", "\uff19", "99999999999"):
        refused = choose(wrong)
        assert (refused.status_code, refused.get_json(force=True)["field"]) == (400, "days"), wrong
    assert choose("3").json == {"days": 3}
    days = "SELECT detail_days FROM installation WHERE client_key = '{}'"
    assert scene.ask(days.format(scene.left.client_key)) == [(3,)]
    assert scene.ask(days.format(scene.right.client_key)) == [(14,)]
    assert 'value="3"' in scene.call(scene.left, "GET", "views/settings").text
    trail = (
        "SELECT actor, detail ->> 'value' FROM audit_event WHERE subject = 'setting:detail-days'"
    )
    assert scene.ask(trail) == [("ann", "3")]
    assert choose("0").json == {"days": 0}
    assert "is not stored at all" in scene.call(scene.left, "GET", "views/settings", "vi").text


def test_an_admin_pauses_all_profiles_of_his_site_and_resumes_these_alone(scene: Scene) -> None:
    assert scene.state() == "on"
    said = scene.call(scene.left, "POST", "settings/pause/pause")
    assert "1 profile was paused." in said.text
    assert scene.state() == "paused"
    assert "stands still" in scene.call(scene.left, "GET", "views/settings").text
    # It is the left site's pause: the right one's button has nothing to resume.
    assert "0 profiles" in scene.call(scene.right, "POST", "settings/pause/resume").text
    assert scene.state() == "paused"
    assert "1 profile was resumed." in scene.call(scene.left, "POST", "settings/pause/resume").text
    assert scene.state() == "on"
    # Each deed is on the trail of both sites.
    deeds = "SELECT count(*) FROM audit_event WHERE action = 'profile.{}'"
    assert scene.ask(deeds.format("paused")) == [(2,)]
    assert scene.ask(deeds.format("resumed")) == [(2,)]


def test_what_somebody_paused_by_itself_stays_paused(scene: Scene) -> None:
    assert scene.call(scene.left, "POST", f"profiles/{scene.profile}/pause").status_code == 200
    assert "0 profiles" in scene.call(scene.left, "POST", "settings/pause/pause").text
    assert "0 profiles" in scene.call(scene.left, "POST", "settings/pause/resume").text
    assert scene.state() == "paused"


@pytest.mark.parametrize("person", ["ed", "vi", "nobody"])
def test_only_an_admin_may_pause_a_site(scene: Scene, person: str) -> None:
    for action in ("pause", "resume"):
        answer = scene.call(scene.left, "POST", f"settings/pause/{action}", person=person)
        assert answer.status_code == 403
    assert scene.state() == "on"


def test_the_health_of_each_connected_site_is_told(scene: Scene) -> None:
    well = scene.call(scene.left, "GET", "views/settings").text
    assert well.count(">Well<") == 2
    assert scene.right.disable().status_code == 204
    told = scene.call(scene.left, "GET", "views/settings").text
    assert (told.count(">Well<"), told.count(">Waits<")) == (1, 1)
    assert "Tandem is not enabled in" in told


def test_a_viewer_sees_connections_and_nothing_to_press(scene: Scene) -> None:
    shown = scene.call(scene.left, "GET", "views/settings", person="vi").text
    assert "Connections" in shown
    assert "<button" not in shown
    assert "<form" not in shown
