"""Pages and panels of apps: what a descriptor may say, who is shown them, what is signed."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from sandbox import modules
from sandbox.modules import Place
from sandbox.process import SiteHandle
from sandbox.seed import build_site
from sandbox.tests.helpers import APP_KEY, NoteTaker, unverified

SITE = build_site("acme", "http://127.0.0.1:1")
WEB = SITE.projects[next(iter(SITE.projects))]


def person(who: str) -> Any:
    return next(user for user in SITE.people() if user.email.startswith(who))


def names_of(condition: dict[str, Any]) -> set[str]:
    """Who of the people are shown a module with this condition in the settings of WEB."""
    place = Place(project=WEB)
    return {
        user.email.partition("@")[0]
        for user in SITE.people()
        if modules.holds([condition], user, place)
    }


def test_conditions_hold_for_whom_they_name() -> None:
    assert names_of({"condition": "user_is_admin"}) == {"admin"}
    assert names_of({"condition": "user_is_project_admin"}) == {"admin", "tester"}
    edits = {"condition": "has_project_permission", "params": {"permission": "EDIT_ISSUES"}}
    assert names_of(edits) == {"admin", "developer", "tester", "agent"}
    assert names_of({**edits, "invert": True}) == {"viewer"}
    either = [{"condition": "user_is_admin"}, {**edits, "invert": True}]
    assert names_of({"or": either}) == {"admin", "viewer"}
    assert names_of({"and": either}) == set()
    assert names_of({"condition": "has_issue_permission", "params": edits["params"]}) == set()


@pytest.mark.parametrize(
    ("kind", "change", "fault"),
    [
        ("jiraIssueContexts", {"target": {"type": "web_panel"}}, "target.url: needed"),
        ("jiraIssueContexts", {"target": {"url": "/x"}}, "target.type: must be 'web_panel'"),
        ("jiraIssueContexts", {"icon": {}}, "icon.url: needed"),
        ("jiraIssueContexts", {"content": {}}, "content.label.value: needed"),
        ("jiraProjectAdminTabPanels", {"location": ""}, "location: needed"),
        ("webPanels", {"location": None}, "location: needed"),
        ("webPanels", {"conditions": [{"condition": "is_tuesday"}]}, "conditions[0].condition"),
        (
            "webPanels",
            {"conditions": [{"or": [{"condition": "has_project_permission"}]}]},
            "conditions[0].or[0].params.permission",
        ),
    ],
)
def test_what_jira_would_refuse_of_a_module_is_named_by_its_place(
    kind: str, change: dict[str, Any], fault: str
) -> None:
    good = {
        "key": "it",
        "name": {"value": "It"},
        "url": "/it",
        "location": "atl.jira.view.issue.right.context",
        "icon": {"url": "/icon.svg"},
        "content": {"type": "label", "label": {"value": "It"}},
        "target": {"type": "web_panel", "url": "/it"},
        "conditions": [{"condition": "user_is_logged_in"}],
    }
    assert modules.faults_of({kind: [good]}) == []
    [found] = modules.faults_of({kind: [{**good, **change}]})
    assert f"modules.{kind}[0].{fault}" in found


def test_what_a_person_may_not_see_is_in_no_address_and_in_no_token() -> None:
    hidden = next(i for i in SITE.issues.values() if i.project_id != WEB.id)
    assert modules.place_of(SITE, person("admin"), issue=hidden.key, project=None).issue is hidden
    for asked in ({"issue": hidden.key, "project": None}, {"issue": None, "project": "SUP"}):
        assert modules.place_of(SITE, person("viewer"), **asked) == Place()


@pytest.mark.real
def test_a_panel_of_the_issue_context_is_signed_for_its_issue(
    acme: SiteHandle, note_taker: NoteTaker
) -> None:
    note_taker.descriptor["modules"]["jiraIssueContexts"] = [
        {
            "key": "context",
            "name": {"value": "Context"},
            "icon": {"url": "/icon.svg"},
            "content": {"type": "label", "label": {"value": "It"}},
            "target": {"type": "web_panel", "url": "/it?issue={issue.id}&project={project.id}"},
        }
    ]
    acme.install(note_taker.descriptor_url)
    try:
        issue = acme.call("GET", "issue/WEB-1").json()
        url = acme.page_url(APP_KEY, "context", issueKey="WEB-1")
        query = parse_qs(urlsplit(url).query)
        assert (query["issue"], query["project"]) == (
            [issue["id"]],
            [issue["fields"]["project"]["id"]],
        )
        claims = unverified(acme.context_token(APP_KEY, issueKey="WEB-1"))
        assert claims["context"]["jira"]["issue"] == {
            "id": issue["id"],
            "key": "WEB-1",
            "issuetype": {"id": issue["fields"]["issuetype"]["id"]},
        }
        absent = acme.page_url(APP_KEY, "context", issueKey="SUP-1", accountId=viewer(acme))
        assert requests.utils.urlparse(absent).query.startswith("issue=&project=&")
    finally:
        acme.uninstall(APP_KEY)


def viewer(site: SiteHandle) -> str:
    return str(next(u["accountId"] for u in site.users if u["email"].startswith("viewer")))


def test_what_an_app_gives_its_own_page_is_filled_in_and_is_no_context_of_jira() -> None:
    url = "/it?open={ac.open}&of={ac.of}&issue={issue.id}"
    given = {"issue": {"id": "7"}, "ac": {"open": "a&b=c", "id": "8"}}
    assert modules.fill(url, given) == "/it?open=a%26b%3Dc&of=&issue=7"
    assert modules.fill(url, {}) == "/it?open=&of=&issue="
