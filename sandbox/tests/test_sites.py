"""A third, fourth and fifth site, for those who ask for more than two."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sandbox.process import Running, running


@pytest.fixture(scope="module")
def five() -> Iterator[Running]:
    with running(sites=5, delivery_delay=10, index_delay=0) as found:
        yield found
        assert found.broken_answers() == []


def test_two_sites_are_the_default(sandbox: Running) -> None:
    assert [site.name for site in sandbox.sites] == ["acme", "globex"]
    assert sandbox.further == ()


def test_each_further_site_has_two_projects_of_its_own_and_the_usual_types(five: Running) -> None:
    assert [s.name for s in five.sites] == ["acme", "globex", "initech", "umbrella", "hooli"]
    seen: set[str] = set()
    for site in five.sites:
        projects = site.call("GET", "project/search").json()["values"]
        assert len(projects) == 2
        ids = {one["id"] for one in projects}
        for one in projects:
            whole = site.call("GET", f"project/{one['key']}").json()
            assert {t["name"] for t in whole["issueTypes"]} >= {"Task", "Bug", "Story", "Epic"}
            ids |= {t["id"] for t in whole["issueTypes"]}
        assert not ids & seen, "no id of one site is used by another"
        seen |= ids


def test_an_issue_of_a_further_site_goes_through_its_workflow(five: Running) -> None:
    site = five.further[0]
    fields = {
        "project": {"key": "CORE"},
        "issuetype": {"name": "Task"},
        "summary": "First",
        "priority": {"name": "High"},
    }
    key = site.call("POST", "issue", json={"fields": fields}).json()["key"]
    moves = site.call("GET", f"issue/{key}/transitions").json()["transitions"]
    body = {"transition": {"id": moves[0]["id"]}}
    assert site.call("POST", f"issue/{key}/transitions", json=body).status_code == 204
    shown = site.call("GET", f"issue/{key}").json()["fields"]
    assert (shown["status"]["name"], shown["priority"]["name"]) == ("In Progress", "High")
    assert five.sites[1].call("GET", f"issue/{key}").status_code == 404
