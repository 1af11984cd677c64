"""The editor's steps over HTTP: what is chosen is in the draft, and what is wrong is said."""

from __future__ import annotations

import re
from base64 import b64encode
from functools import partial
from typing import Any

import psycopg
import pytest
from werkzeug.test import TestResponse

from app.jira.token_check import NEEDED, WANTED
from app.memory import Memory
from app.tenants import pairing
from tests.edge.editor_scene import Scene, caller_of, grant, played_jira, scene
from tests.edge.jira import Jira

__all__ = ["scene"]


def test_a_draft_begins_with_the_only_partner_chosen(scene: Scene) -> None:
    assert scene.stored().document == {"connection": scene.connection}
    shown = scene.call("GET", f"/drafts/{scene.draft}/partner").text
    assert 'id="view-title"' in shown
    assert re.search(rf'value="{scene.connection}"[^>]* checked', shown)
    assert f"continue-{scene.draft}" in scene.call("GET", "/views/profiles").text
    [listed] = scene.call("GET", "/drafts").json or []  # for machines, whoever asks
    assert listed["id"] == scene.draft


def test_projects_types_filter_and_name_are_saved_one_by_one(scene: Scene) -> None:
    waiting = scene.call("GET", f"/drafts/{scene.draft}/projects").text
    assert waiting.count('hx-trigger="load') == 2  # each site is asked by itself
    for side, project in (("left", "Acme web"), ("right", "Globex platform")):
        assert project in scene.call("GET", f"/drafts/{scene.draft}/projects/{side}").text
    for name, value in (
        ("left_project", "10"),
        ("left_type", "1"),
        ("right_project", "20"),
        ("right_type", "2"),
    ):
        assert scene.save("projects", **{name: value}).status_code == 200
    assert "About 7 issues match now." in scene.save("projects", left_filter="labels = x").text
    document = scene.stored().document
    assert document["left"] == {"project": "10", "issue_type": "1", "filter": "labels = x"}
    assert document["right"] == {"project": "20", "issue_type": "2"}
    assert document["name"] == "Acme web ↔ Globex platform"
    shown = scene.save("projects", name="My own").text
    assert "step-number" in shown
    assert 'class="done"' in shown
    scene.save("projects", left_project="11")
    assert scene.stored().document["name"] == "My own"
    assert scene.stored().document["left"] == {"project": "11", "filter": "labels = x"}


def test_the_name_follows_the_projects_until_one_is_given(scene: Scene) -> None:
    read_both(scene)
    scene.save("projects", left_project="10")
    assert "name" not in scene.stored().document
    assert "Acme web ↔ Globex platform" in scene.save("projects", right_project="20").text
    scene.save("projects", left_project="11")
    assert scene.stored().document["name"] == "Shop ↔ Globex platform"


def test_the_name_is_suggested_where_another_process_has_read_the_projects(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As if each call went to a new process.
    monkeypatch.setattr(Memory, "get", lambda memory, key: None)
    scene.save("projects", left_project="10")
    assert "Acme web ↔ Globex platform" in scene.save("projects", right_project="20").text


def test_what_is_not_there_is_refused_by_its_field_and_saves_nothing(scene: Scene) -> None:
    before = scene.stored()
    for form, field, words in (
        ({"left_project": "99"}, "left_project", "no such project"),
        ({"left_project": "ten"}, "left_project", "no such project"),
        ({"right_project": "10"}, "right_project", "no such project"),
        ({"left_type": "1"}, "left_type", "choose a project first"),
        ({"left_project": "10", "left_type": "9"}, "left_type", "no such issue type"),
        ({"left_project": "10", "version": "one"}, "version", "open the draft again"),
    ):
        answer = scene.save("projects", **form)
        assert answer.status_code == 400, form
        assert answer.json is not None
        assert answer.json["field"] == field
        assert words in answer.json["detail"]
        assert scene.stored() == before


def test_a_wrong_name_is_kept_as_it_was_typed_and_said_to_be_wrong(scene: Scene) -> None:
    for name, wrong in (
        ("n" * 255, "at most 200 characters; this one has 255"),
        ("a\u202eb", "cannot be seen"),
        ("   ", "Give the profile a name."),
        ("שלום עולם 👨‍👩‍👧 \u200f↔ מוצר", None),
    ):
        said = scene.save("projects", name=name).text
        assert (wrong is None) == ('class="problem"' not in said)
        assert wrong is None or wrong in said
        assert scene.stored().document["name"] == name


def test_a_filter_is_kept_as_typed_and_the_partners_count_is_not_told(scene: Scene) -> None:
    read_both(scene)
    scene.save("projects", left_project="10", left_type="1")
    scene.save("projects", right_project="20", right_type="1")
    bad = {"queries": [{"query": "x", "errors": ["Field 'secret' does not exist. (line 1)"]}] * 2}
    for jira in (scene.ours, scene.theirs):
        jira.answers["jql/parse"] = lambda asked: (200, bad)
    assert "secret" in scene.save("projects", left_filter="secret = 1").text
    theirs = scene.save("projects", right_filter="secret = 1").text
    assert "understand" in theirs
    assert "does not exist" not in theirs
    assert scene.stored().document["left"]["filter"] == "secret = 1"
    scene.theirs.answers.clear()
    good = scene.save("projects", right_filter="labels = x").text
    assert "understands it" in good
    assert "About" not in good
    too_long = scene.save("projects", left_filter="x" * 2001).text
    assert "at most 2,000 characters" in too_long
    assert len(scene.stored().document["left"]["filter"]) == 2001


def test_a_thousand_projects_are_searched_and_the_chosen_stays(scene: Scene) -> None:
    names = {500: "שלום 😀", 501: "n" * 255}
    scene.ours.projects = [
        (1000 + n, f"K{n}", names.get(n, f"Project {n:04}")) for n in range(1000)
    ]
    shown = scene.call("GET", f"/drafts/{scene.draft}/projects/left").text
    assert "100 of 1000 projects are listed" in shown
    assert shown.count("<option") == 102  # with the prompts of both selects
    scene.save("projects", left_project="1777")
    for query, found in (("0999", "Project 0999"), ("k998", "Project 0998"), ("😀", "שלום 😀")):
        hits = scene.call("GET", f"/drafts/{scene.draft}/projects/left/found?query={query}").text
        assert found in hits
        assert "1 project found" in hits
        assert re.search(r'value="1777"[^>]* selected', hits)
    none = scene.call("GET", f"/drafts/{scene.draft}/projects/left/found?query=%3Cb%3E").text
    assert "No project has “&lt;b&gt;” in its name or key." in none
    assert (
        "n" * 255 in scene.call("GET", f"/drafts/{scene.draft}/projects/left/found?query=k501").text
    )


def test_a_site_that_does_not_list_its_projects_is_said_beside_it_and_the_rest_works(
    scene: Scene,
) -> None:
    scene.save("projects", name="kept")
    answers: tuple[tuple[int, Any, str], ...] = (
        (200, b"<html>maintenance</html>", "not in Jira"),
        (503, b"<html>away</html>", "failed (503)"),
        (401, {}, "does not let Tandem in (401)"),
        (429, {}, "asks for patience"),
    )
    for status, body, words in answers:
        scene.theirs.answers["project/search"] = partial(told, (status, body))
        theirs = scene.call("GET", f"/drafts/{scene.draft}/projects/right")
        assert theirs.status_code == 200
        assert words in theirs.text
        assert "right-again" in theirs.text
        assert "Acme web" in scene.call("GET", f"/drafts/{scene.draft}/projects/left").text
    scene.theirs.answers.clear()
    again = scene.call("GET", f"/drafts/{scene.draft}/projects/right?fresh=1").text
    assert "Globex platform" in again
    assert scene.stored().document["name"] == "kept"


def test_a_project_in_which_tandem_may_create_nothing_says_so(scene: Scene) -> None:
    read_both(scene)
    scene.theirs.types = []
    assert "may create no issue here" in scene.save("projects", right_project="20").text
    scene.theirs.answers["issue/createmeta/20/issuetypes"] = lambda asked: (404, {})
    hidden = scene.call("GET", f"/drafts/{scene.draft}/projects/right?fresh=1").text
    assert "does not show this to Tandem" in hidden
    assert scene.stored().document["right"] == {"project": "20"}


def test_a_project_that_vanished_is_named_and_another_can_be_chosen(scene: Scene) -> None:
    read_both(scene)
    scene.save("projects", left_project="11", left_type="1")
    scene.ours.projects = [(10, "ACME", "Acme web")]
    shown = scene.call("GET", f"/drafts/{scene.draft}/projects/left?fresh=1").text
    assert "was chosen (11) is not there any more" in shown
    assert "Acme web" in shown


def test_two_tabs_do_not_save_over_each_other_unseen(scene: Scene) -> None:
    seen = str(scene.version)
    assert scene.save("projects", name="first", version=seen).status_code == 200
    refused = scene.save("projects", name="second", version=seen)
    assert refused.status_code == 409
    assert refused.json is not None
    assert refused.json["type"].endswith("draft-changed")
    assert "the name" in refused.json["detail"]
    assert scene.stored().document["name"] == "first"
    # The refusal has named the version that is there: with it, the second is saved over the first.
    assert scene.save("projects", name="second").status_code == 200
    assert scene.stored().document["name"] == "second"


def test_a_draft_is_its_authors_alone_over_http_too(scene: Scene) -> None:
    theirs = (("ann", scene.site), ("ed", scene.other))
    for who, site in theirs:
        for method, path in (
            ("GET", "partner"),
            ("GET", "projects/left"),
            ("POST", "projects"),
            ("POST", "partner"),
            ("POST", "drop"),
        ):
            answer = scene.call(
                method,
                f"/drafts/{scene.draft}/{path}",
                who,
                site,
                name="x",
                connection=scene.connection,
                version="1",
            )
            assert answer.status_code == 404, path
    assert scene.call("GET", f"/drafts/{scene.draft}/partner", "vi").status_code == 403
    assert scene.call("GET", f"/drafts/{scene.draft}/nonsense").status_code == 404
    assert scene.call("POST", f"/drafts/{scene.draft}/drop").status_code == 200
    assert scene.call("GET", f"/drafts/{scene.draft}/partner").status_code == 404


def test_a_project_admin_chooses_of_his_own_projects_alone(scene: Scene, database_url: str) -> None:
    with psycopg.connect(database_url) as owner:
        owner.execute("UPDATE installation SET project_admins_map = true")
    administered = {"permission": "ADMINISTER_PROJECTS", "projects": [11], "issues": []}
    scene.ours.answers["permissions/check"] = lambda asked: (
        200,
        {"globalPermissions": [], "projectPermissions": [administered]},
    )
    scene.begin("pa")
    shown = scene.call("GET", f"/drafts/{scene.draft}/projects/left", "pa").text
    assert "Shop" in shown
    assert "Acme web" not in shown
    assert scene.save("projects", "pa", left_project="10").status_code == 403
    assert scene.save("projects", "pa", left_project="11").status_code == 200


def told(answer: tuple[int, Any], asked: Any) -> tuple[int, Any]:
    """An answer that does not look at what was asked."""
    return answer


def read_both(scene: Scene) -> None:
    """Have both sites asked for their projects, as the page does when the step opens."""
    for side in ("left", "right"):
        assert scene.call("GET", f"/drafts/{scene.draft}/projects/{side}").status_code == 200


def test_another_partner_is_chosen_by_his_code_and_what_was_of_the_first_one_goes(
    scene: Scene, database_url: str
) -> None:
    read_both(scene)
    scene.save("projects", left_project="10")
    scene.save("projects", right_project="20")
    third = Jira(scene.site.client, scene.site.keys, secret="the-shared-secret-of-the-third-site")
    assert third.install(baseUrl="https://third.example.test").status_code == 204
    assert third.enable().status_code == 204
    code = pairing.make_code(scene.tandem.record, caller_of(scene.tandem, third, "x")).text
    scene.call("GET", f"/drafts/{scene.draft}/partner")
    refused = scene.save("partner/pair", code=code)
    assert refused.status_code == 403  # an editor does not pair sites
    grant(database_url, ann="admin")
    scene.begin("ann")
    assert scene.save("partner/pair", "ann", code="ABC").status_code == 400
    paired = scene.save("partner/pair", "ann", code=code)
    assert paired.status_code == 200
    assert "third.example.test" in paired.text
    assert scene.stored("ann").document["connection"] != scene.connection
    scene.save("partner", "ann", connection=scene.connection)
    scene.save("projects", "ann", right_project="20")
    other = scene.stored("ann").document
    assert other["right"] == {"project": "20"}
    [mine] = re.findall(r'value="([0-9a-f-]{36})"(?![^>]* checked)', paired_sites(scene, "ann"))
    scene.save("partner", "ann", connection=mine)
    assert "right" not in scene.stored("ann").document
    never = scene.save("partner", "ann", connection="00000000-0000-4000-8000-000000000000")
    assert never.status_code == 404
    third.disable()
    assert "Tandem is not enabled there" in paired_sites(scene, "ann")


def paired_sites(scene: Scene, who: str) -> str:
    """The first step."""
    return scene.call("GET", f"/drafts/{scene.draft}/partner", who).text


def test_a_token_is_checked_live_and_nothing_of_it_is_kept(
    scene: Scene, database_url: str, capfd: pytest.CaptureFixture[str]
) -> None:
    grant(database_url, ann="admin")
    scene.begin("ann")
    with played_jira() as new:
        names = [*NEEDED, *WANTED]
        has = {one: {"havePermission": one != "EDIT_ISSUES"} for one in names}
        new.answers["mypermissions"] = lambda asked: (200, {"permissions": has})
        form = {"url": new.url, "email": "ann@Rumpelstilzchen.test", "token": "Spindelzauber"}
        said = scene.save("partner/check", "ann", **form)
        assert said.status_code == 200
        assert "Edit issues: without it no change arrives." in said.text
        assert "Create issues" not in said.text
        assert "it cannot be connected with this token" in said.text
        assert "/partner/connect" not in said.text
        path, asked, credentials = new.asked[-1]
        assert (path, asked["permissions"].split(",")) == ("mypermissions", names)
        assert (
            credentials
            == "Basic " + b64encode(f"{form['email']}:{form['token']}".encode()).decode()
        )
        assert new.asked[-2][2] is None  # what it is, it tells anybody
        bare = scene.save("partner/check", "ann", url=new.url).text
        assert "Jira Cloud" in bare
        assert "token is good" not in bare
        half = scene.save("partner/check", "ann", url=new.url, email="a@b.c")
        assert_refused(half, 400, "token")
        answers: tuple[tuple[int, Any], ...] = (
            (401, {}),
            (200, b"<html>"),
            (200, {"permissions": {}}),
        )
        for answer in answers:
            new.answers["mypermissions"] = partial(told, answer)
            assert_refused(scene.save("partner/check", "ann", **form), 422, "token")
        new.answers["serverInfo"] = lambda asked: (200, {"deploymentType": "Server"})
        centre = scene.save("partner/check", "ann", **form)
        assert_refused(centre, 422, None)
        assert "Data Center" in centre.text
        new.answers["serverInfo"] = lambda asked: (200, b"<html>")
        assert_refused(scene.save("partner/check", "ann", **form), 422, "url")
    assert_refused(scene.save("partner/check", "ann", **form), 422, "url")  # it is away
    assert_refused(scene.save("partner/check", "ann", url="nonsense"), 400, "url")
    logged = "".join(capfd.readouterr())
    with psycopg.connect(database_url) as owner:
        stored = str(owner.execute("SELECT draft::text FROM draft").fetchall())
    assert "request" in logged
    for mark in ("Rumpelstilzchen", "Spindelzauber"):
        assert mark not in logged
        assert mark not in stored


def assert_refused(answer: TestResponse, status: int, field: str | None) -> None:
    """It is a problem about this field."""
    assert answer.json is not None, answer.text
    assert (answer.status_code, answer.json.get("field")) == (status, field), answer.text


def test_a_wrong_filter_is_said_in_the_review_as_the_drafts_fault_and_a_site_that_is_away_as_its(
    scene: Scene,
) -> None:
    read_both(scene)
    for name, value in (
        ("left_project", "10"),
        ("left_type", "1"),
        ("right_project", "20"),
        ("right_type", "1"),
        ("left_filter", "secret = 1"),
    ):
        assert scene.save("projects", **{name: value}).status_code == 200

    def review(name: str) -> TestResponse:
        return scene.call("GET", f"/drafts/{scene.draft}/review/{name}")

    def fault(answer: TestResponse) -> tuple[int, str]:
        assert answer.json is not None
        return answer.status_code, answer.json["detail"]

    assert review("load").status_code == 200
    refused = {"errorMessages": ["Field 'secret' does not exist."]}
    bad = {"queries": [{"query": "x", "errors": ["Field 'secret' does not exist. (line 1)"]}] * 2}
    scene.ours.answers["search/approximate-count"] = lambda _asked: (400, refused)
    scene.ours.answers["search/jql"] = lambda _asked: (400, refused)
    scene.ours.answers["jql/parse"] = lambda _asked: (200, bad)
    status, sentence = fault(review("load"))
    assert status == 422
    assert "your Jira does not understand it: Field 'secret' does not exist" in sentence
    tried = scene.save("review/try", issues="")
    assert fault(tried) == (422, sentence)
    # A project that is gone is the draft's fault as well.
    scene.ours.projects = [(11, "SHOP", "Shop")]
    status, sentence = fault(review("load"))
    assert (status, "no such project" in sentence) == (422, True)
    scene.ours.answers["search/approximate-count"] = lambda _asked: (503, {})
    status, sentence = fault(review("load"))
    assert status == 502
    assert "secret" not in sentence
