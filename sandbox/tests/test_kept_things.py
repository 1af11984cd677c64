"""What admins keep: components, versions, options, people. Who may change it, and what follows."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from sandbox.process import Running, SiteHandle
from sandbox.tests.helpers import APP_KEY, NoteTaker, as_app, by_the_document, new_issue
from sandbox.tests.test_fields import CHANNEL, CHECKS, FOUND, PLANNED, REGION, read, write

pytestmark = pytest.mark.real


def login(site: SiteHandle, role: str) -> tuple[str, str]:
    user = next(one for one in site.users if one["email"].startswith(role))
    return user["email"], user["token"]


@pytest.mark.parametrize(
    ("kind", "listed", "known"),
    [("component", "components", "Search"), ("version", "versions", "1.1")],
)
def test_a_component_or_version_is_made_renamed_and_deleted(
    acme: SiteHandle, kind: str, listed: str, known: str
) -> None:
    def names() -> list[str]:
        return [one["name"] for one in acme.call("GET", f"project/WEB/{listed}").json()]

    project = {"component": {"project": "WEB"}, "version": {"projectId": 10000}}[kind]
    answer = acme.call("POST", kind, json={**project, "name": " New one ", "description": "Why"})
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert (made["name"], made["description"]) == ("New one", "Why")
    assert acme.call("GET", f"/rest/api/2/{kind}/{made['id']}").json()["name"] == "New one"
    assert "New one" in names()
    again = acme.call("POST", kind, json={**project, "name": "new ONE"})
    assert again.status_code == 400 and "already exists" in again.json()["errors"]["name"]
    assert acme.call("POST", kind, json={**project, "name": " "}).status_code == 400
    taken = acme.call("PUT", f"{kind}/{made['id']}", json={"name": known})
    assert taken.status_code == 400
    field = "components" if kind == "component" else "fixVersions"
    key = new_issue(acme, **{field: [{"id": made["id"]}]})
    assert (
        acme.call("PUT", f"{kind}/{made['id']}", json={"name": "Other"}).json()["name"] == "Other"
    )
    assert [one["name"] for one in read(acme, key, field)] == ["Other"]
    assert acme.call("DELETE", f"{kind}/{made['id']}").status_code == 204
    assert acme.call("GET", f"{kind}/{made['id']}").status_code == 404
    assert read(acme, key, field) == [] and "Other" not in names()


def test_the_issues_of_a_deleted_one_get_the_one_in_its_place(acme: SiteHandle) -> None:
    customs = {FOUND: {"id": "10022"}, PLANNED: [{"id": "10022"}, {"id": "10023"}]}
    both = {"fixVersions": [{"id": "10022"}], "versions": [{"id": "10022"}]}
    key = new_issue(acme, components=[{"id": "10010"}], **both, **customs)
    assert acme.call("DELETE", "component/10010?moveIssuesTo=10011").status_code == 204
    assert acme.call("DELETE", "version/10022?moveFixIssuesTo=10023").status_code == 204
    assert [one["id"] for one in read(acme, key, "components")] == ["10011"]
    assert [one["id"] for one in read(acme, key, "fixVersions")] == ["10023"]
    assert read(acme, key, "versions") == [] and read(acme, key, FOUND) is None
    assert [one["id"] for one in read(acme, key, PLANNED)] == ["10023"]


def test_an_archived_version_is_offered_no_more_and_stays_where_it_is(acme: SiteHandle) -> None:
    key = new_issue(acme, fixVersions=[{"id": "10022"}])
    changed = acme.call("PUT", "version/10022", json={"archived": True}).json()
    assert changed["archived"] is True
    meta = acme.call("GET", f"issue/{key}/editmeta").json()["fields"]["fixVersions"]
    assert "10022" not in [one["id"] for one in meta["allowedValues"]]
    assert write(acme, key, fixVersions=[{"id": "10022"}, {"id": "10023"}]) == {}
    assert "archived" in write(acme, "WEB-2", fixVersions=[{"id": "10022"}])["fixVersions"]


@pytest.mark.parametrize(
    ("method", "kind", "own", "other"),
    [
        ("POST", "component", {"project": "WEB", "name": "X"}, {"project": "SUP", "name": "X"}),
        ("PUT", "component", "10010", "10013"),
        ("DELETE", "component", "10010", "10013"),
        ("POST", "version", {"projectId": 10000, "name": "X"}, {"projectId": 10001, "name": "X"}),
        ("PUT", "version", "10022", "10024"),
        ("DELETE", "version", "10022", "10024"),
    ],
)
def test_only_who_administers_the_project_changes_what_it_keeps(
    acme: SiteHandle, method: str, kind: str, own: Any, other: Any
) -> None:
    def ask(role: str, what: Any) -> requests.Response:
        path = kind if method == "POST" else f"{kind}/{what}"
        body = {"POST": what, "PUT": {"name": "X"}, "DELETE": None}[method]
        return acme.call(method, path, json=body, auth=login(acme, role))

    refused = ask("developer", own)
    assert refused.status_code == 403 and "administer" in refused.json()["errorMessages"][0]
    assert ask("tester", other).status_code == 403  # the tester administers WEB alone
    assert ask("tester", own).ok


def admin_app(site: SiteHandle, app: NoteTaker) -> str:
    """Give the app the scope for projects; returns its account."""
    app.descriptor["scopes"] = ["READ", "WRITE", "DELETE", "PROJECT_ADMIN", "ADMIN"]
    site.install(app.descriptor_url)
    return str(next(one["accountId"] for one in site.apps() if one["key"] == APP_KEY))


def test_an_app_administers_projects_until_that_is_switched_off(
    acme: SiteHandle, installed: NoteTaker
) -> None:
    account = admin_app(acme, installed)

    def make(name: str) -> requests.Response:
        body = {"project": "WEB", "name": name}
        return as_app(acme, "POST", "/rest/api/3/component", json=body)

    assert make("By the app").status_code == 201
    acme.control("PUT", "people", {account: {"administersProjects": False}})
    assert make("Another").status_code == 403
    mine = as_app(acme, "GET", "/rest/api/3/mypermissions?permissions=ADMINISTER_PROJECTS"
                               "&projectKey=WEB").json()  # fmt: skip
    assert mine["permissions"]["ADMINISTER_PROJECTS"]["havePermission"] is False


@by_the_document
def test_an_app_without_the_scope_makes_no_component(
    acme: SiteHandle, installed: NoteTaker
) -> None:
    body = {"project": "WEB", "name": "X"}
    answer = as_app(acme, "POST", "/rest/api/3/component", json=body)
    assert answer.status_code == 403 and "PROJECT_ADMIN" in answer.json()["errorMessages"][0]


def test_what_the_new_project_lacks_stays_behind_when_an_issue_is_moved(acme: SiteHandle) -> None:
    values = {"components": [{"name": "Search"}], "security": {"name": "Staff only"}}
    key = new_issue(acme, **values, **{PLANNED: [{"name": "1.1"}], CHANNEL: {"value": "Mail"}})
    acme.control("POST", "move", {"issue": key, "project": "SUP"})
    assert [read(acme, key, field) for field in ("components", "security", PLANNED)] == [
        [], None, None,
    ]  # fmt: skip
    assert read(acme, key, CHANNEL)["value"] == "Mail"
    told = acme.call("GET", f"issue/{key}/changelog").json()["values"][-1]["items"]
    assert {"components", "security", PLANNED} < {one["fieldId"] for one in told if one["from"]}


# --- options ---------------------------------------------------------------------------


def context(site: SiteHandle, field: str) -> str:
    (one,) = site.call("GET", f"field/{field}/context").json()["values"]
    return f"field/{field}/context/{one['id']}/option"


def test_an_option_is_made_renamed_switched_off_and_deleted(acme: SiteHandle) -> None:
    path = context(acme, CHANNEL)
    options = acme.call("GET", path).json()["values"]
    assert [one["value"] for one in options] == ["Mail", "Phone", "Portal"]
    made = acme.call("POST", path, json={"options": [{"value": "Chat"}]}).json()["options"][0]
    key = new_issue(acme, **{CHANNEL: {"id": made["id"]}})
    change = {"options": [{"id": made["id"], "value": "Messages"}]}
    assert acme.call("PUT", path, json=change).status_code == 200
    assert read(acme, key, CHANNEL)["value"] == "Messages"
    off = {"options": [{"id": made["id"], "disabled": True}]}
    assert acme.call("PUT", path, json=off).status_code == 200
    assert write(acme, key, **{CHANNEL: {"id": made["id"]}}) == {}
    assert "is not valid" in write(acme, "WEB-2", **{CHANNEL: {"id": made["id"]}})[CHANNEL]
    assert acme.call("DELETE", f"{path}/{made['id']}").status_code == 204
    assert read(acme, key, CHANNEL) is None
    assert acme.call("POST", path, json={"options": [{"value": "mail"}]}).status_code == 400
    body = {"options": [{"value": "By a developer"}]}
    assert acme.call("POST", path, json=body, auth=login(acme, "developer")).status_code == 403


def test_children_of_an_option_are_options_that_name_it(acme: SiteHandle) -> None:
    path = context(acme, REGION)
    listed = acme.call("GET", path).json()["values"]
    assert [(one["value"], one.get("optionId")) for one in listed[:3]] == [
        ("Europe", None), ("Norway", "100440"), ("Spain", "100440"),
    ]  # fmt: skip
    body = {"options": [{"value": "Italy", "optionId": "100440"}]}
    child = acme.call("POST", path, json=body).json()["options"][0]
    key = new_issue(acme, **{REGION: {"id": "100440", "child": {"id": child["id"]}}})
    assert acme.call("DELETE", f"{path}/100440").status_code == 400
    assert acme.call("DELETE", f"{path}/{child['id']}").status_code == 204
    assert read(acme, key, REGION)["value"] == "Europe"
    assert "child" not in read(acme, key, REGION)


def test_an_option_that_goes_by_the_control_api_goes_from_the_issues(acme: SiteHandle) -> None:
    key = new_issue(acme, **{CHECKS: [{"value": "Tested"}, {"value": "Announced"}]})
    acme.control("PUT", "options", {"field": CHECKS, "option": "Tested", "value": "Tried"})
    assert [one["value"] for one in read(acme, key, CHECKS)] == ["Tried", "Announced"]
    acme.control("DELETE", f"options/{CHECKS}/100430")
    assert [one["value"] for one in read(acme, key, CHECKS)] == ["Announced"]
    assert acme.call("GET", f"issue/{key}/changelog").json()["total"] == 0
    made = acme.control("POST", "options", {"field": REGION, "value": "Italy", "parent": "Europe"})
    value = {"value": "Europe", "child": {"id": made["id"]}}
    assert write(acme, key, **{REGION: value}) == {}
    acme.reset()
    values = [one["value"] for one in acme.call("GET", context(acme, CHECKS)).json()["values"]]
    assert values == ["Tested", "Documented", "Announced"]


# --- people and groups -----------------------------------------------------------------


def test_an_address_is_shown_by_those_alone_who_show_it(acme: SiteHandle) -> None:
    developer = next(u for u in acme.users if u["email"].startswith("developer"))
    agent = next(u for u in acme.users if u["email"].startswith("agent"))

    def known(user: dict[str, Any], **more: Any) -> str | None:
        found = acme.call("GET", f"user?accountId={user['accountId']}", **more).json()
        return found.get("emailAddress")

    def found_by(text: str) -> list[str]:
        return [u["accountId"] for u in acme.call("GET", f"user/search?query={text}").json()]

    assert known(developer) == developer["email"] and known(agent) is None
    assert known(agent, auth=(agent["email"], agent["token"])) == agent["email"]
    assert found_by(developer["email"]) == [developer["accountId"]]
    assert found_by(agent["email"]) == [] and found_by("support%20agent") == [agent["accountId"]]
    acme.control("PUT", "people", {
        developer["accountId"]: {"showsEmail": False}, agent["accountId"]: {"showsEmail": True},
    })  # fmt: skip
    assert known(developer) is None and known(agent) == agent["email"]


def test_an_app_sees_the_addresses_that_are_shown(acme: SiteHandle, installed: NoteTaker) -> None:
    ids = [user["accountId"] for user in acme.users]
    path = "/rest/api/3/user/bulk?" + "&".join(f"accountId={one}" for one in ids)
    found = as_app(acme, "GET", path).json()["values"]
    shown = {one["accountId"]: one.get("emailAddress") for one in found}
    assert [shown[user["accountId"]] for user in acme.users] == [
        user["email"] if user["email"].split("@")[0] in ("admin", "developer", "tester") else None
        for user in acme.users
    ]


def test_those_are_assignable_who_are_active_and_may_edit(acme: SiteHandle) -> None:
    def names(query: str) -> list[str]:
        found = acme.call("GET", f"user/assignable/search?{query}").json()
        return [one["displayName"].split(" ", 1)[1] for one in found]

    everyone = ["Admin", "Developer", "Tester", "Support Agent"]
    assert names("project=WEB") == names("issueKey=WEB-1") == everyone
    assert names("project=WEB&query=acme%20dev") == ["Developer"]
    gone = acme.users[1]["accountId"]
    acme.control("PUT", "people", {gone: {"active": False}})
    assert names("project=WEB") == ["Admin", "Tester", "Support Agent"]
    assert acme.call("GET", "user/search?query=acme%20dev").json() == []
    assert acme.call("GET", "user/assignable/search").status_code == 400


def test_groups_are_found_by_part_of_the_name_and_by_id(
    acme: SiteHandle, installed: NoteTaker
) -> None:
    picked = acme.call("GET", "groups/picker?query=TEAM").json()
    assert [one["name"] for one in picked["groups"]] == ["web-team", "support-team"]
    assert picked["total"] == 2
    one = picked["groups"][0]
    found = acme.call("GET", f"group/bulk?groupId={one['groupId']}").json()["values"]
    assert found == [{"name": "web-team", "groupId": one["groupId"]}]


def test_watchers_and_votes_are_counted_and_move_nothing_else(acme: SiteHandle) -> None:
    before = read(acme, "WEB-2", "updated")
    agent, other = login(acme, "agent"), acme.users[1]["accountId"]
    who = next(one["accountId"] for one in acme.users if one["email"] == agent[0])
    for one in (who, other):
        assert acme.call("POST", "issue/WEB-2/watchers", json=one).status_code == 204
    assert acme.call("POST", "issue/WEB-2/votes", auth=agent).status_code == 204
    watching = acme.call("GET", "issue/WEB-2/watchers", auth=agent).json()
    assert (watching["watchCount"], watching["isWatching"]) == (2, True)
    assert other in [one["accountId"] for one in watching["watchers"]]
    assert read(acme, "WEB-2", "watches")["isWatching"] is False
    assert read(acme, "WEB-2", "votes", auth=agent)["hasVoted"] is True
    assert len(acme.call("GET", "issue/WEB-2/votes").json()["voters"]) == 1
    path = f"issue/WEB-2/watchers?accountId={other}"
    assert acme.call("DELETE", path).status_code == 204
    assert acme.call("DELETE", "issue/WEB-2/votes", auth=agent).status_code == 204
    assert read(acme, "WEB-2", "watches")["watchCount"] == 1
    assert read(acme, "WEB-2", "votes")["votes"] == 0
    assert read(acme, "WEB-2", "updated") == before
    assert acme.call("GET", "issue/WEB-2/changelog").json()["total"] == 0


def test_a_wrong_control_call_changes_nothing(acme: SiteHandle) -> None:
    who = acme.users[0]["accountId"]
    for method, path, body in (
        ("PUT", "people", {who: {"active": "no"}}),
        ("PUT", "people", {"nobody": {"active": False}}),
        ("PUT", "options", {"field": "summary", "option": "x"}),
        ("PUT", "options", {"field": CHANNEL, "option": "Fax"}),
        ("PUT", "sprints", {"2": {"state": "over"}}),
        ("PUT", "screens", [{"project": "NO", "issuetype": "Task", "field": CHANNEL}]),
        ("PUT", "values", {"WEB-1": {"summary": "x"}}),
    ):
        with pytest.raises(requests.HTTPError, match="400"):
            acme.control(method, path, body)
    assert acme.call("GET", "myself").json()["active"] is True


def test_ids_of_what_is_kept_differ_between_the_sites(sandbox: Running) -> None:
    def ids(site: SiteHandle, key: str) -> set[str]:
        parts = [site.call("GET", f"project/{key}/{part}").json() for part in
                 ("components", "versions")]  # fmt: skip
        groups = site.call("GET", "groups/picker").json()["groups"]
        return {one["id"] for part in parts for one in part} | {one["groupId"] for one in groups}

    assert not ids(sandbox.acme, "WEB") & ids(sandbox.globex, "PLAT")
