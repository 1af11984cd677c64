"""The list of profiles: a page of it, what needs a person first, what is looked for, and nothing
said again of what did not change."""

from __future__ import annotations

import html
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from flask import Flask
from werkzeug.test import TestResponse

from app import Tandem
from app.activity.log import Detail, Outcome, record
from app.database import TenantId, tenant_transaction
from app.mapping import profiles
from app.said import said
from app.screens.overview import A_PAGE
from app.vault.vault import Place
from tests.edge.jira import Jira
from tests.edge.people import grant_roles
from tests.edge.test_filters import played
from tests.edge.test_webhooks import profile

__all__ = ["profile"]

ALL = 60
PART = "parts/overview"
OF_A_PROJECT = "712020:of-a-project"


@dataclass
class Scene:
    """Two sites with many profiles between them, the first one called Tasks and the oldest."""

    site: Jira
    first: uuid.UUID
    owner: psycopg.Connection

    def ask(self, path: str = PART, person: str = "ed", **asked: object) -> TestResponse:
        """Ask for a part or a view as somebody of the left site."""
        headers = {"Authorization": f"JWT {self.site.context_token(sub=person)}"}
        if "trigger" in asked:
            headers["HX-Trigger"] = str(asked.pop("trigger"))
        return self.site.client.get(f"/pages/{path}", headers=headers, query_string=asked)

    def shown(self, **asked: object) -> list[str]:
        """The names in the list, from the top."""
        answer = self.ask(**asked)
        assert answer.status_code == 200
        return names(answer)

    def do(self, statement: str, *values: object) -> None:
        """Change what is stored, past row security."""
        self.owner.execute(statement, values)

    def park(self, name: str) -> None:
        """Let a profile have a parked change."""
        self.do(
            "INSERT INTO change (profile_id, side, issue_id, left_tenant_id, right_tenant_id, lane,"
            " parked) SELECT id, 'left', 1, left_tenant_id, right_tenant_id, 0, true FROM profile"
            " WHERE name = %s",
            name,
        )

    def conflict(self, name: str, choice: str | None = None) -> None:
        """Let a profile have a conflict of one more pair, or one that somebody decided."""
        tandem: Tandem = self.site.client.application.extensions["tandem"]
        question, link = uuid.uuid4(), uuid.uuid4()
        [(left,)] = self.owner.execute("SELECT DISTINCT left_tenant_id FROM profile").fetchall()
        place = Place(TenantId(left), "conflict_question", "held", str(question))
        self.do(
            "INSERT INTO issue_link (id, profile_id, left_tenant_id, right_tenant_id, lane,"
            " left_issue_id, right_issue_id) SELECT %s, id, left_tenant_id, right_tenant_id, 0, n,"
            " n FROM profile, (SELECT count(*) + 100 AS n FROM issue_link) WHERE name = %s",
            link,
            name,
        )
        self.do(
            "INSERT INTO conflict_question (id, profile_id, left_tenant_id, right_tenant_id,"
            " link_id, field_key, held, left_mark, right_mark, choice) SELECT %s, profile_id,"
            " left_tenant_id, right_tenant_id, id, 'summary=summary', %s, '', '', %s"
            " FROM issue_link WHERE id = %s",
            question,
            tandem.vault.seal(place, b'["a", "b"]'),
            choice,
            link,
        )


def jira(path: str, sent: dict[str, Any]) -> tuple[int, Any]:
    """A Jira where one person administers one project, and nobody more."""
    if path != "permissions/check":
        return 200, {"values": [{"id": "30007", "key": "P", "name": "P"}], "isLast": True}
    own = [30007] if sent.get("accountId") == OF_A_PROJECT else []
    granted = [{"permission": "ADMINISTER_PROJECTS", "projects": own}] if own else []
    return 200, {"globalPermissions": [], "projectPermissions": granted}


def names(answer: TestResponse) -> list[str]:
    """The names in a list, from the top."""
    return [
        html.unescape(one) for one in re.findall(r'id="open-[^>]*>([^<]*)</button>', answer.text)
    ]


def version(answer: TestResponse) -> str:
    """The version that an answer has of the list."""
    [found] = re.findall(r'name="list_version" value="([^"]+)"', answer.text)
    return str(found)


@pytest.fixture
def scene(installed: Jira, profile: uuid.UUID, database_url: str) -> Iterator[Scene]:
    grant_roles(database_url)
    with played(jira) as there, psycopg.connect(database_url, autocommit=True) as owner:
        assert installed.install(baseUrl=there.site.base_url).status_code == 204
        assert installed.enable().status_code == 204
        owner.execute(
            "INSERT INTO profile (id, connection_id, left_tenant_id, right_tenant_id, name, state,"
            " revision, left_project_id, left_type_id, right_project_id, right_type_id, created_at)"
            " SELECT gen_random_uuid(), connection_id, left_tenant_id, right_tenant_id,"
            " 'Many ' || lpad(n::text, 2, '0'), 'on', 1, 30000 + n, 1, 40000 + n, 1,"
            " created_at + n * interval '1 second' FROM profile, generate_series(1, %s) n",
            (ALL - 1,),
        )
        yield Scene(installed, profile, owner)


def test_the_list_is_shown_a_page_at_a_time_and_says_how_many_there_are(scene: Scene) -> None:
    first = scene.ask()
    assert len(names(first)) == A_PAGE
    assert names(first)[:2] == ["Tasks", "Many 01"]
    assert f"{ALL} profiles in all" in first.text
    assert f"Show {A_PAGE} more" in first.text
    more = scene.ask(list_shown=2 * A_PAGE)
    assert len(names(more)) == 2 * A_PAGE
    assert names(more)[:A_PAGE] == names(first)
    assert f"Show {ALL - 2 * A_PAGE} more" in more.text
    last = scene.ask(list_shown=3 * A_PAGE)
    assert len(names(last)) == ALL
    assert 'id="list_more"' not in last.text


def test_the_first_profile_that_was_not_shown_before_takes_the_focus(scene: Scene) -> None:
    more = scene.ask(list_shown=2 * A_PAGE, trigger="list_more").text
    [row] = re.findall(r"<button[^>]*data-takes-focus>([^<]*)</button>", more)
    assert row == f"Many {A_PAGE:02}"
    polled = scene.ask(list_shown=2 * A_PAGE, trigger="overview").text
    assert "data-takes-focus" not in polled


@pytest.mark.parametrize("shown", ["0", "-5", "many", "", "99999999999"])
def test_a_number_that_no_page_sends_is_taken_as_one_that_it_does(scene: Scene, shown: str) -> None:
    expected = ALL if shown.startswith("9") else A_PAGE
    assert len(scene.shown(list_shown=shown)) == expected


def test_what_needs_a_person_is_first_and_counted_first(scene: Scene) -> None:
    scene.park("Many 50")
    scene.do("UPDATE profile SET state = 'paused' WHERE name = 'Many 41'")
    scene.do(
        "INSERT INTO profile_proposal SELECT id, 2, left_tenant_id, right_tenant_id, 'left', 'x'"
        " FROM profile WHERE name = 'Many 55'"
    )
    scene.do("UPDATE profile SET state = 'proposed' WHERE name = 'Many 58'")
    for choice in (None, None, "leave"):
        scene.conflict("Many 52", choice)
    scene.conflict("Many 53", "leave")  # decided: nobody is asked for anything
    answer = scene.ask()
    assert names(answer)[:5] == ["Many 50", "Many 52", "Many 55", "Many 58", "Tasks"]
    assert re.findall(r'data-conflicts="2">([^<]*)<', answer.text) == [
        "2 conflicts wait for a decision."
    ]
    assert answer.text.count("data-conflicts") == 1
    [summary] = re.findall(r'<ul class="list-summary".*?</ul>', answer.text, re.DOTALL)
    said = [html.unescape(one) for one in re.findall(r"<li[^>]*>(?:<span[^>]*>)?([^<]+)", summary)]
    assert said == [
        "1 with parked changes",
        "1 with conflicts to decide",
        "1 waits for your approval",
        "1 paused",
        f"{ALL} profiles in all",
    ]


def test_a_profile_tells_of_its_conflicts_itself(scene: Scene) -> None:
    assert "data-conflicts" not in scene.ask(f"profiles/{scene.first}/head").text
    scene.conflict("Tasks")
    assert "1 conflict waits for a decision." in scene.ask(f"profiles/{scene.first}/head").text


def test_a_profile_is_found_by_its_name_or_its_partner_in_any_letters(scene: Scene) -> None:
    scene.do("UPDATE profile SET name = 'Straße <b>40%%</b>' WHERE name = 'Many 40'")
    assert scene.shown(list_find="  sTRASSE ") == ["Straße <b>40%</b>"]
    assert scene.shown(list_find="40%</B>") == ["Straße <b>40%</b>"]
    assert len(scene.shown(list_find="GLOBEX", list_shown=ALL)) == ALL
    answer = scene.ask(list_find="many 0")
    assert names(answer) == [f"Many 0{n}" for n in range(1, 10)]
    assert "9 profiles for “many 0”" in answer.text
    assert f"{ALL} profiles in all" in answer.text
    nothing = scene.ask(list_find="<i>nowhere</i>")
    assert names(nothing) == []
    assert "No profile and no partner has “&lt;i&gt;nowhere&lt;/i&gt;” in its name." in nothing.text
    assert "Nothing is kept in step yet" not in nothing.text


def test_a_list_that_fits_on_a_page_has_nothing_to_look_for(scene: Scene) -> None:
    assert 'id="list_find"' in scene.ask("views/profiles").text
    scene.do("DELETE FROM profile WHERE name > 'Many 20' AND name < 'Tasks'")
    view = scene.ask("views/profiles").text
    assert 'id="list_find"' not in view
    assert 'id="list_more"' not in view


def test_a_poll_is_told_nothing_until_something_that_it_shows_is_new(scene: Scene) -> None:
    known = version(scene.ask())
    assert scene.ask(list_version=known).status_code == 204
    assert scene.ask(list_version=known).data == b""
    # Other than it shows: another person's rights, more of it, what is looked for, the language.
    assert scene.ask(person="vi", list_version=known).status_code == 200
    assert scene.ask(list_version=known, list_shown=2 * A_PAGE).status_code == 200
    assert scene.ask(list_version=known, list_find="many").status_code == 200
    for change in (
        "UPDATE profile SET name = 'Renamed' WHERE name = 'Many 07'",
        "UPDATE profile SET state = 'paused' WHERE name = 'Many 50'",  # not shown, but counted
        "INSERT INTO issue_link (id, profile_id, left_tenant_id, right_tenant_id, left_issue_id,"
        " right_issue_id, lane) SELECT gen_random_uuid(), id, left_tenant_id, right_tenant_id, 1,"
        " 2, 0 FROM profile WHERE name = 'Many 08'",
        "INSERT INTO change (profile_id, side, issue_id, left_tenant_id, right_tenant_id, lane)"
        " SELECT id, 'left', 5, left_tenant_id, right_tenant_id, 0 FROM profile"
        " WHERE name = 'Many 09'",
        "INSERT INTO activity (id, profile_id, left_tenant_id, right_tenant_id, outcome) SELECT"
        " gen_random_uuid(), id, left_tenant_id, right_tenant_id, 'created' FROM profile"
        " WHERE name = 'Many 51'",
        "INSERT INTO site_budget (tenant_id, paused_since, next_try, paused_code) SELECT"
        " right_tenant_id, now(), now(), 'forbidden' FROM profile LIMIT 1"
        " ON CONFLICT (tenant_id) DO UPDATE SET paused_since = now(), next_try = now(),"
        " paused_code = 'forbidden'",
    ):
        scene.do(change)
        answer = scene.ask(list_version=known)
        assert answer.status_code == 200, change
        known = version(answer)


def test_who_reaches_some_projects_alone_is_told_of_no_other_profile(scene: Scene) -> None:
    scene.park("Many 50")
    scene.do("UPDATE installation SET project_admins_map = true")
    answer = scene.ask(person=OF_A_PROJECT, list_find="many")
    assert names(answer) == ["Many 07"]
    assert "1 profile for “many”" in answer.text
    assert "parked changes" not in answer.text
    assert "Show" not in answer.text


def test_a_stranger_of_the_profiles_sees_none_of_them(scene: Scene, database_url: str) -> None:
    third = Jira(scene.site.client, scene.site.keys, secret="the-shared-secret-of-a-third-site-x")
    assert third.install(baseUrl="https://third.example.test").status_code == 204
    assert third.enable().status_code == 204
    grant_roles(database_url)
    answer = Scene(third, scene.first, scene.owner).ask(person="ann")
    assert answer.status_code == 200
    assert names(answer) == []
    assert "profiles in all" not in answer.text


def test_old_activity_is_not_said_again_and_what_is_newer_is(scene: Scene, app: Flask) -> None:
    tandem: Tandem = app.extensions["tandem"]
    stored = profiles.load(tandem.vault, scene.first)
    sentence = said("%(field)s was written on the %(side)s side.", field="summary", side="right")
    for number in (1, 2):
        with tenant_transaction(stored.left_tenant) as session:
            record(
                session,
                tandem.vault,
                profile_id=stored.id,
                tenants=(stored.left_tenant, stored.right_tenant),
                keys=(f"WEB-{number}", f"PLAT-{number}"),
                outcome=Outcome.UPDATED,
                details=[Detail(sentence, field="summary", side="right", new="A text")],
            )
        scene.do("UPDATE activity SET at = at - interval '3 days 1 hour'")
        answer = scene.ask()
        assert f"WEB-{number}" in answer.text
        assert "3 days ago" in answer.text or number == 2
        assert scene.ask(list_version=version(answer)).status_code == 204
    assert scene.ask(list_version="0" * 24).status_code == 200


def test_the_view_of_the_list_comes_with_the_drafts_of_whoever_asks(scene: Scene) -> None:
    headers = {"Authorization": f"JWT {scene.site.context_token(sub='ed')}"}
    assert scene.site.client.post("/pages/drafts", headers=headers).status_code == 200
    assert "data-draft=" in scene.ask("views/profiles").text
    assert "data-draft=" not in scene.ask("views/profiles", person="ann").text
    assert 'id="drafts"' not in scene.ask("views/profiles", person="vi").text
