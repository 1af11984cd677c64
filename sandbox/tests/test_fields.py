"""Every type of field: written by id and by name, read in v3 and v2, refused, and its metadata."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.process import Running, SiteHandle
from sandbox.tests.helpers import adf, new_issue

pytestmark = pytest.mark.real

START, CHANNEL, CHECKS, REGION, LINK = (f"customfield_{n}" for n in range(10041, 10046))
REVIEWERS, TEAM, TEAMS, FOUND, PLANNED = (f"customfield_{n}" for n in range(10046, 10051))
SPRINT, THING = "customfield_10051", "customfield_10052"


def read(site: SiteHandle, key: str, field: str, version: int = 3, **more: Any) -> Any:
    answer = site.call("GET", f"/rest/api/{version}/issue/{key}?fields={field}", **more)
    return answer.json()["fields"][field]


def write(site: SiteHandle, key: str, version: int = 3, **fields: Any) -> dict[str, str]:
    """Write; returns the errors by field."""
    answer = site.call("PUT", f"/rest/api/{version}/issue/{key}", json={"fields": fields})
    assert answer.status_code in (204, 400), answer.text
    return answer.json()["errors"] if answer.status_code == 400 else {}


def group_id(site: SiteHandle, name: str) -> str:
    found = site.call("GET", f"groups/picker?query={name}").json()["groups"]
    return next(str(one["groupId"]) for one in found if one["name"] == name)


def pick(value: Any, *names: str) -> Any:
    """Only these parts of an object, or of each object of a list."""
    if isinstance(value, list):
        return [pick(one, *names) for one in value]
    return {name: value.get(name) for name in names}


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize(
    ("field", "given", "parts"),
    [
        (CHANNEL, {"value": "Phone"}, {"id": "100421", "value": "Phone"}),
        (CHANNEL, {"id": "100422"}, {"id": "100422", "value": "Portal"}),
        (
            CHECKS,
            [{"value": "Announced"}, {"id": "100430"}],
            [{"id": "100430", "value": "Tested"}, {"id": "100432", "value": "Announced"}],
        ),
        (FOUND, {"name": "1.0"}, {"id": "10021", "name": "1.0", "released": True}),
        (FOUND, {"id": "10022"}, {"id": "10022", "name": "1.1", "archived": False}),
        (
            PLANNED,
            [{"name": "2.0"}, {"id": "10022"}],
            [{"id": "10022", "name": "1.1"}, {"id": "10023", "name": "2.0"}],
        ),
        (
            "components",
            [{"name": "Search"}, {"id": "10010"}],
            [{"id": "10010", "name": "Checkout"}, {"id": "10012", "name": "Search"}],
        ),
        ("fixVersions", [{"name": "1.1"}], [{"id": "10022", "name": "1.1", "released": False}]),
        ("versions", [{"id": "10021"}], [{"id": "10021", "name": "1.0", "released": True}]),
        ("security", {"name": "Leads only"}, {"id": "10061", "name": "Leads only"}),
        ("security", {"id": "10060"}, {"id": "10060", "name": "Staff only"}),
    ],
)
def test_what_is_picked_by_id_or_name_reads_back_with_both(
    acme: SiteHandle, version: int, field: str, given: Any, parts: Any
) -> None:
    key = new_issue(acme, **{field: given})
    for reader in (2, 3):
        names = parts[0] if isinstance(parts, list) else parts
        assert pick(read(acme, key, field, reader), *names) == parts
    empty = [] if field in ("components", "fixVersions", "versions") else None
    assert write(acme, key, version, **{field: None}) == {}
    assert read(acme, key, field) == empty
    assert write(acme, key, version, **{field: given}) == {}
    assert pick(read(acme, key, field), *names) == parts


def test_a_cascading_select_takes_a_parent_alone_or_with_its_child(acme: SiteHandle) -> None:
    key = new_issue(acme, **{REGION: {"value": "Europe", "child": {"value": "Spain"}}})
    found = read(acme, key, REGION)
    assert pick(found, "id", "value") == {"id": "100440", "value": "Europe"}
    assert pick(found["child"], "id", "value") == {"id": "100442", "value": "Spain"}
    assert write(acme, key, 2, **{REGION: {"id": "100443", "child": {"id": "100445"}}}) == {}
    assert read(acme, key, REGION, 2)["child"]["value"] == "Peru"
    assert write(acme, key, **{REGION: {"value": "America"}}) == {}
    assert "child" not in read(acme, key, REGION)
    wrong = {"value": "Europe", "child": {"value": "Peru"}}
    assert write(acme, key, **{REGION: wrong})[REGION] == "Option value 'Peru' is not valid"


def test_a_date_with_time_is_an_instant_that_each_reads_in_their_zone(acme: SiteHandle) -> None:
    key = new_issue(acme, **{START: "2026-11-26T10:00:00.000+0100"})
    assert read(acme, key, START) == "2026-11-26T10:00:00.000+0100"
    tester = next(user for user in acme.users if user["email"].startswith("tester"))
    auth = (tester["email"], tester["token"])
    assert read(acme, key, START, 2, auth=auth) == "2026-11-26T18:00:00.000+0900"
    assert write(acme, key, **{START: "2026-07-01T00:30:15.250-0730"}) == {}
    assert read(acme, key, START) == "2026-07-01T10:00:15.250+0200"


def test_people_and_groups_read_back_with_their_names(acme: SiteHandle) -> None:
    ids = [user["accountId"] for user in acme.users[:2]]
    web, support = group_id(acme, "web-team"), group_id(acme, "support-team")
    values = {
        REVIEWERS: [{"accountId": ids[1]}, {"id": ids[0]}],
        TEAM: {"name": "web-team"},
        TEAMS: [{"groupId": support}, {"name": "web-team"}],
    }
    key = new_issue(acme, **values)
    assert [one["accountId"] for one in read(acme, key, REVIEWERS)] == sorted(ids)
    assert pick(read(acme, key, TEAM, 2), "name", "groupId") == {"name": "web-team", "groupId": web}
    assert [one["name"] for one in read(acme, key, TEAMS)] == ["web-team", "support-team"]
    assert write(acme, key, **{REVIEWERS: [], TEAM: None, TEAMS: []}) == {}
    assert [read(acme, key, field) for field in (REVIEWERS, TEAM, TEAMS)] == [None, None, None]


def test_a_sprint_is_written_as_a_number_and_read_as_objects(acme: SiteHandle) -> None:
    key = new_issue(acme, **{SPRINT: 2})
    assert pick(read(acme, key, SPRINT), "id", "name", "state") == [
        {"id": 2, "name": "Sprint 2", "state": "active"}
    ]
    acme.control("PUT", "sprints", {"2": {"state": "closed"}})
    assert write(acme, key, **{SPRINT: 3}) == {}
    assert [one["id"] for one in read(acme, key, SPRINT, 2)] == [2, 3]
    assert write(acme, key, **{SPRINT: None}) == {}
    assert [one["id"] for one in read(acme, key, SPRINT)] == [2]


def test_estimates_are_written_as_spans_and_read_in_seconds_too(acme: SiteHandle) -> None:
    key = new_issue(acme, timetracking={"originalEstimate": "2d 4h"})
    found = read(acme, key, "timetracking")
    assert found == {
        "originalEstimate": "2d 4h", "originalEstimateSeconds": 72_000,
        "remainingEstimate": "2d 4h", "remainingEstimateSeconds": 72_000,
    }  # fmt: skip
    assert read(acme, key, "timeoriginalestimate", 2) == 72_000
    assert write(acme, key, timetracking={"remainingEstimate": "1w 30m"}) == {}
    assert read(acme, key, "timetracking")["remainingEstimateSeconds"] == 145_800
    assert read(acme, key, "timetracking")["originalEstimateSeconds"] == 72_000
    body = {"update": {"timetracking": [{"edit": {"originalEstimate": "90"}}]}}
    assert acme.call("PUT", f"issue/{key}", json=body).status_code == 204
    assert read(acme, key, "timetracking")["originalEstimate"] == "1h 30m"
    assert write(acme, key, timetracking={"originalEstimate": "", "remainingEstimate": ""}) == {}
    assert read(acme, key, "timetracking") == {}
    assert write(acme, key, timetracking={"originalEstimate": "", "remainingEstimate": "5m"}) == {}
    assert read(acme, key, "timetracking")["originalEstimateSeconds"] == 300
    assert "not on the appropriate screen" in write(acme, key, timeestimate=5)["timeestimate"]


def test_texts_and_addresses_are_kept_as_they_are(acme: SiteHandle) -> None:
    address = "https://docs.example.com/a?b=c#d"
    key = new_issue(acme, **{LINK: address, "environment": adf("On the *test* server")})
    assert read(acme, key, LINK, 2) == address
    assert read(acme, key, "environment") == adf("On the *test* server")
    assert write(acme, key, 2, environment="h2. Two\n\n* one") == {}
    kinds = [node["type"] for node in read(acme, key, "environment")["content"]]
    assert kinds == ["heading", "bulletList"]
    assert write(acme, key, **{LINK: "", "customfield_10031": ""}) == {}
    assert (read(acme, key, LINK), read(acme, key, "customfield_10031")) == (None, None)


def test_a_parent_is_an_epic_that_is_named_by_key_or_id(acme: SiteHandle) -> None:
    epic = acme.call("GET", "issue/WEB-4?fields=issuetype").json()
    assert epic["fields"]["issuetype"]["name"] == "Epic"
    key = new_issue(acme, parent={"key": "WEB-4"})
    assert read(acme, key, "parent")["id"] == epic["id"]
    assert write(acme, key, parent=None) == {}
    assert "parent" not in acme.call("GET", f"issue/{key}").json()["fields"]
    assert write(acme, key, parent={"id": epic["id"]}) == {}
    assert read(acme, key, "parent")["key"] == "WEB-4"


def test_the_field_of_an_unknown_app_is_read_and_never_written(acme: SiteHandle) -> None:
    assert read(acme, "WEB-2", THING) == {"score": 10, "mood": "calm"}
    assert "cannot be set" in write(acme, "WEB-2", **{THING: {"score": 1}})[THING]
    acme.control("PUT", "values", {"WEB-2": {THING: ["anything", 1]}})
    assert read(acme, "WEB-2", THING, 2) == ["anything", 1]


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        (CHANNEL, {"value": "Fax"}, "Option value 'Fax' is not valid"),
        (CHANNEL, {"id": "1"}, "Option id '1' is not valid"),
        (CHANNEL, "Phone", "Specify a valid 'id' or 'name'"),
        (CHECKS, [{"value": "Shredded"}], "Option value 'Shredded' is not valid"),
        (CHECKS, {"value": "Tested"}, "data was not an array"),
        (REGION, {"value": "Asia"}, "Option value 'Asia' is not valid"),
        ("components", [{"name": "Nope"}], "Component name 'Nope' is not valid"),
        ("components", [{"id": "10013"}], "Component id '10013' is not valid"),
        ("fixVersions", [{"name": "9"}], "Version name '9' is not valid"),
        ("versions", [{"id": "10024"}], "Version id '10024' is not valid"),
        ("fixVersions", [{"name": "0.9"}], "Version '0.9' is archived"),
        (FOUND, {"id": "10020"}, "Version '0.9' is archived"),
        (PLANNED, [{"name": "Spring"}], "Version name 'Spring' is not valid"),
        (SPRINT, 1, "only active or future sprints"),
        (SPRINT, 99, "Sprint with id '99' does not exist"),
        (SPRINT, "Sprint 2", "Number value expected as the Sprint id."),
        ("security", {"id": "1"}, "The security level selected is invalid."),
        (REVIEWERS, [{"accountId": "who"}], "User 'who' does not exist."),
        (TEAM, {"name": "nobody"}, "Group 'nobody' does not exist."),
        (TEAMS, [{"groupId": "1"}], "Group with id '1' does not exist."),
        (LINK, "docs.example.com", "Not a valid URL"),
        (LINK, "https://", "Not a valid URL"),
        (LINK, "https://a b", "Not a valid URL"),
        (START, "2026-11-26 10:00", "Error parsing time: 2026-11-26 10:00"),
        (START, "2026-11-26T10:00:00.000", "Error parsing time"),
        (START, "2026-13-26T10:00:00.000+0100", "Error parsing time"),
        (START, "9999-12-31T23:59:59.000-1200", "Error parsing time"),
        (SPRINT, "²", "Number value expected as the Sprint id."),
        ("duedate", "2026-02-30", "Error parsing date string: 2026-02-30"),
        ("duedate", "20260228", "Error parsing date string: 20260228"),
        ("customfield_10031", "x" * 256, "the allowed limit of 255 characters"),
        ("customfield_10031", "one\ntwo", "newline characters"),
        ("customfield_10032", adf("x" * 32_768), "the allowed limit of 32,767 characters"),
        ("environment", adf("x" * 32_768), "the allowed limit of 32,767 characters"),
        ("description", adf("x" * 32_768), "the allowed limit of 32,767 characters"),
        ("customfield_10033", True, "must be a number"),
        ("customfield_10033", 1e15, "It is larger than 100,000,000,000,000."),
        ("customfield_10038", ["two words"], "contains spaces"),
        ("timetracking", {"originalEstimate": "soon"}, "original estimate specified is not valid"),
        ("timetracking", {"originalEstimate": "9" * 400 + "w"}, "is not valid"),
        ("resolution", {"name": "Done"}, "not on the appropriate screen"),
        ("votes", 1, "not on the appropriate screen"),
    ],
)
def test_a_value_that_a_field_cannot_hold_is_refused_by_the_fields_name(
    acme: SiteHandle, field: str, value: Any, words: str
) -> None:
    named = "timetracking_originalestimate" if field == "timetracking" else field
    assert words in write(acme, "WEB-2", **{field: value})[named]


def test_texts_of_just_the_longest_length_are_taken(acme: SiteHandle) -> None:
    values = {"customfield_10031": "x" * 255, "environment": adf("y" * 32_767)}
    assert write(acme, "WEB-2", **values) == {}
    assert write(acme, "WEB-2", 2, environment="y" * 32_767) == {}
    assert write(acme, "WEB-2", 2, environment="y" * 32_768) != {}


def test_half_a_character_becomes_a_question_mark(acme: SiteHandle) -> None:
    values = {"customfield_10031": "a\ud800b", "labels": ["c\udc00"], "environment": adf("\ud83dd")}
    assert write(acme, "WEB-2", **values) == {}
    assert read(acme, "WEB-2", "customfield_10031") == "a?b"
    assert read(acme, "WEB-2", "labels") == ["c?"]
    assert read(acme, "WEB-2", "environment") == adf("?d")
    assert write(acme, "WEB-2", **{"customfield_10031": "whole \U0001f600"}) == {}
    assert read(acme, "WEB-2", "customfield_10031") == "whole \U0001f600"


def test_someone_who_left_stays_where_they_are_but_is_chosen_no_more(acme: SiteHandle) -> None:
    gone, here = acme.users[1]["accountId"], acme.users[0]["accountId"]
    key = new_issue(acme, **{REVIEWERS: [{"accountId": gone}], "assignee": {"accountId": gone}})
    other = new_issue(acme)
    acme.control("PUT", "people", {gone: {"active": False}})
    both = [{"accountId": gone}, {"accountId": here}]
    assert write(acme, key, **{REVIEWERS: both, "assignee": {"accountId": gone}}) == {}
    assert read(acme, key, "assignee")["active"] is False
    errors = write(acme, other, **{
        REVIEWERS: both, "assignee": {"accountId": gone}, "reporter": {"accountId": gone},
    })  # fmt: skip
    assert "is not active" in errors[REVIEWERS]
    assert "cannot be assigned issues" in errors["assignee"]
    assert errors["reporter"] == "The reporter specified is not a user."


def test_someone_who_may_not_see_the_project_is_not_assigned(acme: SiteHandle) -> None:
    viewer = next(u["accountId"] for u in acme.users if u["email"].startswith("viewer"))
    errors = write(acme, "SUP-1", assignee={"accountId": viewer})
    assert "cannot be assigned issues" in errors["assignee"]


def test_update_verbs_add_to_lists_and_take_away(acme: SiteHandle) -> None:
    key = new_issue(acme, components=[{"name": "Search"}], **{CHECKS: [{"value": "Tested"}]})
    update = {
        "components": [{"add": {"name": "Checkout"}}, {"remove": {"id": "10012"}}],
        "fixVersions": [{"add": {"name": "1.1"}}],
        CHECKS: [{"add": {"value": "Announced"}}, {"remove": {"value": "Tested"}}],
        TEAMS: [{"add": {"name": "web-team"}}],
    }
    answer = acme.call("PUT", f"issue/{key}", json={"update": update})
    assert answer.status_code == 204, answer.text
    assert [one["name"] for one in read(acme, key, "components")] == ["Checkout"]
    assert [one["name"] for one in read(acme, key, "fixVersions")] == ["1.1"]
    assert [one["value"] for one in read(acme, key, CHECKS)] == ["Announced"]
    assert [one["name"] for one in read(acme, key, TEAMS)] == ["web-team"]


# --- metadata --------------------------------------------------------------------------


def edit_meta(site: SiteHandle, key: str, **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = site.call("GET", f"issue/{key}/editmeta", **more).json()["fields"]
    return found


KINDS = {
    START: ("datetime", None, "datetime"),
    CHANNEL: ("option", None, "radiobuttons"),
    CHECKS: ("array", "option", "multicheckboxes"),
    REGION: ("option-with-child", None, "cascadingselect"),
    LINK: ("string", None, "url"),
    REVIEWERS: ("array", "user", "multiuserpicker"),
    TEAM: ("group", None, "grouppicker"),
    TEAMS: ("array", "group", "multigrouppicker"),
    FOUND: ("version", None, "version"),
    PLANNED: ("array", "version", "multiversion"),
    SPRINT: ("array", "json", "com.pyxis.greenhopper.jira:gh-sprint"),
    THING: ("any", None, "com.example.plugin:thing"),
}
LISTED = {CHANNEL, CHECKS, REGION, FOUND, PLANNED, "components", "fixVersions", "security"}
UNLISTED = {START, LINK, REVIEWERS, TEAM, TEAMS, SPRINT, "timetracking", "labels", "assignee"}


def test_metadata_describe_each_type_of_field(acme: SiteHandle) -> None:
    made = acme.call("GET", "issue/createmeta/WEB/issuetypes/10001?maxResults=200").json()
    create = {one["fieldId"]: one for one in made["fields"]}
    for meta in (create, edit_meta(acme, "WEB-2")):
        for field, (kind, items, custom) in KINDS.items():
            schema = meta[field]["schema"]
            assert (schema["type"], schema.get("items")) == (kind, items)
            assert schema["custom"].removeprefix(
                "com.atlassian.jira.plugin.system.customfieldtypes:"
            ) == custom  # fmt: skip
            assert schema["customId"] == int(field.removeprefix("customfield_"))
        assert all("allowedValues" in meta[field] for field in LISTED)
        assert not [field for field in UNLISTED if "allowedValues" in meta[field]]
        assert meta["components"]["operations"] == ["add", "set", "remove"]
        assert meta["timetracking"]["operations"] == ["set", "edit"]
        assert meta[THING]["operations"] == []
        for field in ("labels", "customfield_10038", "reporter", REVIEWERS, TEAM):
            assert "autoCompleteUrl" in meta[field]
    assert create["priority"]["hasDefaultValue"] and not create["summary"]["hasDefaultValue"]
    assert not any(one["required"] for name, one in create.items() if name in KINDS)


def test_metadata_list_what_may_be_chosen_and_no_more(acme: SiteHandle) -> None:
    meta = edit_meta(acme, "WEB-2")
    names = {f: [one["name"] for one in meta[f]["allowedValues"]] for f in ("components", FOUND)}
    assert names == {"components": ["Checkout", "Catalogue", "Search"],
                     FOUND: ["1.0", "1.1", "2.0"]}  # fmt: skip
    region = meta[REGION]["allowedValues"][0]
    assert region["value"] == "Europe"
    assert pick(region["children"], "id", "value") == [
        {"id": "100441", "value": "Norway"}, {"id": "100442", "value": "Spain"},
    ]  # fmt: skip
    acme.control("PUT", "options", {"field": CHANNEL, "option": "Phone", "disabled": True})
    values = [one["value"] for one in edit_meta(acme, "WEB-2")[CHANNEL]["allowedValues"]]
    assert values == ["Mail", "Portal"]


def test_a_type_whose_screen_lacks_the_field_neither_offers_nor_takes_it(acme: SiteHandle) -> None:
    story = next(t["id"] for t in acme.call("GET", "issuetype").json() if t["name"] == "Story")
    made = acme.call("GET", f"issue/createmeta/WEB/issuetypes/{story}?maxResults=200").json()
    assert not {one["fieldId"] for one in made["fields"]} & {*KINDS, "components", "security"}
    assert set(KINDS) <= set(edit_meta(acme, "SUP-2")) and "security" not in edit_meta(
        acme, "SUP-2"
    )
    assert write(acme, "WEB-3", components=[])["components"] == (
        "Field 'components' cannot be set. It is not on the appropriate screen, or unknown."
    )


def test_a_field_that_is_taken_off_a_screen_is_refused_until_it_is_back(acme: SiteHandle) -> None:
    place = {"project": "WEB", "issuetype": "Task", "field": CHANNEL}
    acme.control("PUT", "screens", [{**place, "on": False}])
    assert CHANNEL not in edit_meta(acme, "WEB-2")
    assert "cannot be set" in write(acme, "WEB-2", **{CHANNEL: {"value": "Mail"}})[CHANNEL]
    acme.control("PUT", "screens", [{**place, "on": True}])
    assert write(acme, "WEB-2", **{CHANNEL: {"value": "Mail"}}) == {}


def test_who_may_not_edit_is_offered_no_field(acme: SiteHandle) -> None:
    viewer = next(u for u in acme.users if u["email"].startswith("viewer"))
    assert edit_meta(acme, "WEB-2", auth=(viewer["email"], viewer["token"])) == {}


def test_the_sites_have_the_same_types_under_other_ids(sandbox: Running) -> None:
    def customs(site: SiteHandle) -> dict[str, str]:
        found = site.call("GET", "field").json()
        return {one["id"]: one["schema"]["custom"] for one in found if one["custom"]}

    left, right = customs(sandbox.acme), customs(sandbox.globex)
    assert sorted(left.values()) == sorted(right.values())
    assert not left.keys() & right.keys()


def test_jql_goes_on_with_fields_that_it_cannot_search(acme: SiteHandle) -> None:
    new_issue(acme, components=[{"name": "Search"}], **{START: "2026-11-26T10:00:00.000+0100"})
    for value in ({"value": "Europe"}, {"value": "Europe", "child": {"value": "Spain"}}):
        new_issue(acme, **{REGION: value})
    for jql in (
        f"project = WEB order by cf[{REGION[-5:]}]",
        f"project = WEB order by cf[{THING[-5:]}]",
        "component is EMPTY",
        f"cf[{SPRINT[-5:]}] = 2",
        "project = WEB",
    ):
        answer = acme.call("POST", "search/jql", json={"jql": jql, "fields": ["summary"]})
        assert answer.status_code == 200, answer.text
