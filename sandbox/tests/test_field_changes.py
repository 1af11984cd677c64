"""What changelogs and webhooks say of each type of field."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.process import SiteHandle
from sandbox.tests.helpers import NoteTaker, new_issue
from sandbox.tests.test_fields import (
    CHANNEL,
    CHECKS,
    FOUND,
    LINK,
    PLANNED,
    REGION,
    REVIEWERS,
    SPRINT,
    START,
    TEAM,
    TEAMS,
    write,
)

pytestmark = pytest.mark.real
SIDES = ("from", "fromString", "to", "toString")


def items(site: SiteHandle, key: str) -> list[dict[str, Any]]:
    """The lines of an issue's last change."""
    values = site.call("GET", f"issue/{key}/changelog").json()["values"]
    found: list[dict[str, Any]] = values[-1]["items"]
    return found


def line(item: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(item[name] for name in ("field", *SIDES))


@pytest.mark.parametrize(
    ("field", "before", "after", "told"),
    [
        (CHANNEL, {"value": "Mail"}, {"value": "Phone"},
         ("Channel", "100420", "Mail", "100421", "Phone")),
        (CHECKS, None, [{"value": "Tested"}, {"value": "Announced"}],
         ("Checks", None, None, "[100430, 100432]", "Tested,Announced")),
        (REGION, {"value": "Europe"}, {"value": "America", "child": {"value": "Peru"}},
         ("Region", None, "Parent values: Europe(100440)",
          None, "Parent values: America(100443)Level 1 values: Peru(100445)")),
        (LINK, "https://a.example", "https://b.example",
         ("Reference", None, "https://a.example", None, "https://b.example")),
        (START, None, "2026-11-26T09:05:00.000+0000",
         ("Start time", None, None, "2026-11-26T10:05:00+0100", "26/Nov/26 10:05 AM")),
        (TEAM, {"name": "web-team"}, {"name": "support-team"},
         ("Owning team", None, "web-team", None, "support-team")),
        (TEAMS, None, [{"name": "web-team"}, {"name": "support-team"}],
         ("Informed teams", None, None, None, "[web-team, support-team]")),
        (FOUND, {"name": "1.0"}, {"name": "1.1"}, ("Found in", "10021", "1.0", "10022", "1.1")),
        (PLANNED, [{"name": "1.1"}], [{"name": "1.1"}, {"name": "2.0"}],
         ("Planned for", "[10022]", "1.1", "[10022, 10023]", "1.1,2.0")),
        (SPRINT, 2, 3, ("Sprint", "2", "Sprint 2", "3", "Sprint 3")),
        ("security", None, {"name": "Staff only"},
         ("security", None, None, "10060", "Staff only")),
        ("labels", ["b", "a"], ["c"], ("labels", "", "a b", "", "c")),
        ("customfield_10033", 3, 4.5, ("Story Points", None, "3", None, "4.5")),
    ],
)  # fmt: skip
def test_a_change_is_told_in_one_line_with_ids_and_names(
    acme: SiteHandle, field: str, before: Any, after: Any, told: tuple[Any, ...]
) -> None:
    key = new_issue(acme, **({} if before is None else {field: before}))
    assert write(acme, key, **{field: after}) == {}
    (item,) = items(acme, key)
    assert line(item) == told
    assert item["fieldId"] == field
    assert item["fieldtype"] == ("custom" if field.startswith("customfield") else "jira")


def test_people_are_told_by_account_and_name(acme: SiteHandle) -> None:
    one, two = acme.users[:2]
    key = new_issue(acme, **{REVIEWERS: [{"accountId": one["accountId"]}]})
    assert write(acme, key, **{REVIEWERS: [{"accountId": two["accountId"]}]}) == {}
    (item,) = items(acme, key)
    name = acme.call("GET", f"user?accountId={two['accountId']}").json()["displayName"]
    assert (item["to"], item["toString"]) == (f"[{two['accountId']}]", f"[{name}]")


def test_each_component_and_version_that_comes_or_goes_is_a_line(acme: SiteHandle) -> None:
    key = new_issue(acme, components=[{"name": "Search"}], fixVersions=[{"name": "1.0"}])
    both = [{"name": "Checkout"}, {"name": "Catalogue"}]
    assert write(acme, key, components=both, fixVersions=[], versions=[{"id": "10023"}]) == {}
    assert [(item["fieldId"], *line(item)) for item in items(acme, key)] == [
        ("components", "Component", "10012", "Search", None, None),
        ("components", "Component", None, None, "10010", "Checkout"),
        ("components", "Component", None, None, "10011", "Catalogue"),
        ("fixVersions", "Fix Version", "10021", "1.0", None, None),
        ("versions", "Version", None, None, "10023", "2.0"),
    ]


def test_estimates_are_told_as_the_two_fields_they_are_kept_in(acme: SiteHandle) -> None:
    key = new_issue(acme)
    assert (
        write(acme, key, timetracking={"originalEstimate": "1h", "remainingEstimate": "30m"}) == {}
    )
    assert [line(item) for item in items(acme, key)] == [
        ("timeoriginalestimate", None, None, "3600", "3600"),
        ("timeestimate", None, None, "1800", "1800"),
    ]


def test_the_same_value_again_is_no_change(acme: SiteHandle) -> None:
    values = {
        REGION: {"value": "Europe", "child": {"value": "Spain"}},
        START: "2026-11-26T10:00:00.000+0100",
        CHECKS: [{"value": "Tested"}],
        "components": [{"name": "Search"}],
        "timetracking": {"originalEstimate": "60m"},
        SPRINT: 2,
    }
    key = new_issue(acme, **values)
    again = {**values, START: "2026-11-26T09:00:00.000+0000",
             "timetracking": {"originalEstimate": "1h"}}  # fmt: skip
    assert write(acme, key, **again) == {}
    assert acme.call("GET", f"issue/{key}/changelog").json()["total"] == 0


def test_a_webhook_carries_the_fields_and_the_same_lines(
    acme: SiteHandle, installed: NoteTaker
) -> None:
    assert (
        write(acme, "WEB-2", **{REGION: {"value": "Europe"}, "components": [{"id": "10010"}]}) == {}
    )
    body = installed.wait_for("/hooks/jira:issue_updated")[-1].body
    assert {item["fieldId"] for item in body["changelog"]["items"]} == {REGION, "components"}
    assert body["changelog"]["items"] == items(acme, "WEB-2")
    assert body["issue"]["fields"][REGION]["value"] == "Europe"
    assert [one["name"] for one in body["issue"]["fields"]["components"]] == ["Checkout"]
