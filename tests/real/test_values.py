"""Every kind of field over both sites: paired by tables, by name and by address, made, refused."""

from __future__ import annotations

import html
import re
import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import requests

from app import Tandem, create_app
from app.database import db
from app.mapping import approvals, profiles
from app.mapping.profile import FieldMapping, Kind
from app.settings import load_settings
from app.tenants.caller import Caller, Proof
from demo.stack import APP_KEY, Stack, calls_of, wait_until, writes_of
from demo.walk import keys_by_summary
from sandbox.process import SiteHandle
from tests.stack_fixture import owner, running, tandem  # noqa: F401  fixtures

pytestmark = pytest.mark.real

LONG = 120.0  # seconds: a slow machine's
TASK = {"issuetype": {"name": "Task"}}


def same(name: str, kind: str, **more: Any) -> dict[str, Any]:
    """A field that has one id on both sites."""
    return {"left": name, "right": name, "kind": kind, **more}


def custom(number: int, kind: str, **more: Any) -> dict[str, Any]:
    """The custom field of this number: 33 is customfield_10033 and, at Globex, 10123."""
    right = number + (90 if number < 40 else 100)
    return {
        "left": f"customfield_100{number}",
        "right": f"customfield_10{right}",
        "kind": kind,
        **more,
    }


def rows(*pairs: tuple[str, str]) -> list[dict[str, str]]:
    return [{"left": left, "right": right} for left, right in pairs]


FIELDS = [
    same("summary", "text"),
    same("priority", "priority"),
    same("components", "components", values={"missing": "create"}),
    same("fixVersions", "versions", values={"missing": "create"}),
    same("versions", "versions"),
    same("assignee", "user"),
    same("timetracking", "time_tracking"),
    same("environment", "rich_text"),
    same("security", "security", values={"rows": rows(("10060", "10460")), "by_name": False}),
    custom(32, "rich_text"),
    custom(33, "number"),
    custom(34, "date"),
    custom(35, "option", values={"rows": rows(("20070", "20250"), ("20071", "20251"))}),
    custom(
        36,
        "options",
        values={"rows": rows(("20073", "20253"), ("20074", "20253")), "missing": "fail"},
    ),
    custom(
        42,
        "option",
        values={
            "rows": rows(("100420", "101420")),
            "missing": "default",
            "right_default": "101421",
        },
    ),
    custom(43, "options"),
    custom(44, "cascade", values={"rows": rows(("100440", "101440"), ("100443", "101443"))}),
    custom(45, "url"),
    custom(38, "labels"),
    custom(41, "datetime"),
    custom(46, "users"),
    custom(49, "version"),
    custom(50, "versions"),
    # Text of what has no field of its kind on the other side.
    {
        "left": "reporter",
        "right": "customfield_10121",
        "kind": "user",
        "right_kind": "text",
        "flow": "to_right",
    },
]
KEYS = {one["left"]: one["right"] for one in FIELDS}


class Scene:
    """A profile of Tasks from WEB to PLAT with every kind of field."""

    def __init__(self, stack: Stack, profile: str) -> None:
        self.stack, self.profile = stack, profile
        self.left, self.right = stack.sandbox.acme, stack.sandbox.globex

    def restricted(self, site: SiteHandle, action: str) -> None:
        """Allow for a site that issues with a security level cross, or take it back."""
        self.stack.page(site, "POST", f"/pages/profiles/{self.profile}/restricted-issues/{action}")

    def pair(self, summary: str, **fields: Any) -> Pair:
        """A new issue on the left, once it has a twin."""
        body = {"fields": {"project": {"key": "WEB"}, "summary": summary, **TASK, **fields}}
        answer = self.left.call("POST", "issue", json=body)
        assert answer.status_code == 201, answer.text
        wait_until("it has a twin", lambda: keys_by_summary(self.right, "PLAT").get(summary), LONG)
        self.stack.settle()
        return Pair(self, answer.json()["key"], keys_by_summary(self.right, "PLAT")[summary][0])


class Pair:
    """Two issues in step."""

    def __init__(self, scene: Scene, left: str, right: str) -> None:
        self.scene, self.keys = scene, {"left": left, "right": right}

    def edit(self, side: str, **fields: Any) -> None:
        """A person edits one side; names of fields are the left side's."""
        site: SiteHandle = getattr(self.scene, side)
        named = {self._name(side, name): value for name, value in fields.items()}
        answer = site.call("PUT", f"issue/{self.keys[side]}", json={"fields": named})
        assert answer.status_code == 204, answer.text

    def at(self, side: str, field: str) -> Any:
        """What a side holds of a field, by the left side's name."""
        site: SiteHandle = getattr(self.scene, side)
        name = self._name(side, field)
        found = site.call("GET", f"issue/{self.keys[side]}?fields={name}").json()
        return found["fields"].get(name)

    def comes(self, side: str, field: str, wanted: Any) -> None:
        """Wait until a side holds this, and all is at rest then."""
        wait_until(f"{field} is {wanted}", lambda: _brief(self.at(side, field)) == wanted, LONG)
        self.scene.stack.settle()
        assert _brief(self.at(side, field)) == wanted

    @staticmethod
    def _name(side: str, field: str) -> str:
        return field if side == "left" else KEYS.get(field, field)


def _brief(value: Any) -> Any:
    """A value without what only tells where it is from."""
    if isinstance(value, list):
        return [_brief(one) for one in value]
    if isinstance(value, dict):
        if "child" in value:
            return [value["value"], value["child"]["value"]]
        for name in ("name", "value", "emailAddress", "displayName", "content"):
            if name in value:
                return value[name]
    return value


@pytest.fixture(scope="module")
def scene(running: Stack) -> Iterator[Scene]:  # noqa: F811
    """The profile, over paired sites."""
    acme, globex = running.sandbox.acme, running.sandbox.globex
    for here, there in list(zip(acme.users, globex.users, strict=True))[1:3]:
        globex.control("PUT", "people", {there["accountId"]: {"email": here["email"]}})
    profile = running.create_profile(
        running.connect(),
        left=("WEB", "Task"),
        right=("PLAT", "Task"),
        name="All kinds",
        sites=(acme, globex),
        fields=FIELDS,
        users={"rows": rows((acme.users[3]["accountId"], globex.users[3]["accountId"]))},
    )
    found = Scene(running, profile)
    for site in (acme, globex):
        found.restricted(site, "allow")
    yield found
    assert running.sandbox.broken_answers() == []


def activity(scene: Scene) -> str:
    """The page of what happened."""
    token = scene.left.context_token(APP_KEY, accountId=scene.left.admin["accountId"])
    headers = {"Authorization": f"JWT {token}", "Accept": "text/html"}
    return requests.get(f"{scene.stack.url}/pages/parts/overview", headers=headers, timeout=90).text


def writes(scene: Scene) -> int:
    return writes_of(scene.left, scene.right)


def doc(words: str) -> dict[str, Any]:
    block = {"type": "paragraph", "content": [{"type": "text", "text": words}]}
    return {"type": "doc", "version": 1, "content": [block]}


def test_an_issue_with_every_kind_of_field_is_made_with_all_of_them_and_rests(scene: Scene) -> None:
    people = scene.left.users
    pair = scene.pair(
        "All of it",
        priority={"id": "2"},
        components=[{"name": "Search"}],
        fixVersions=[{"name": "1.0"}],
        versions=[{"name": "1.1"}],
        assignee={"accountId": people[1]["accountId"]},
        timetracking={"originalEstimate": "3h", "remainingEstimate": "90m"},
        environment=doc("A quiet room"),
        security={"id": "10060"},
        customfield_10032=doc("Noted"),
        customfield_10033=3.5,
        customfield_10034="2027-02-03",
        customfield_10035={"id": "20071"},
        customfield_10036=[{"id": "20072"}, {"id": "20074"}],
        customfield_10042={"id": "100421"},
        customfield_10043=[{"id": "100430"}, {"id": "100431"}],
        customfield_10044={"id": "100440", "child": {"id": "100442"}},
        customfield_10045="https://acme.example/a",
        customfield_10038=["one", "two"],
        customfield_10041="2027-02-03T10:20:30.000+0530",
        customfield_10046=[{"accountId": people[2]["accountId"]}],
        customfield_10049={"name": "1.0"},
        customfield_10050=[{"name": "1.0"}, {"name": "1.1"}],
    )
    wanted = {
        "priority": "High",
        "components": ["Search"],
        "fixVersions": ["1.0"],
        "versions": ["1.1"],
        "assignee": "Globex Developer",
        "customfield_10033": 3.5,
        "customfield_10034": "2027-02-03",
        "customfield_10035": "Significant",
        "customfield_10036": ["Web", "Mobile"],
        "customfield_10042": "Telephone",
        "customfield_10043": ["Tested", "Documented"],
        "customfield_10044": ["EMEA", "Spain"],
        "customfield_10045": "https://acme.example/a",
        "customfield_10038": ["one", "two"],
        "customfield_10049": "1.0",
        "customfield_10050": ["1.0", "1.1"],
        "security": "Internal",
        "reporter": "Acme Admin",
    }
    found = {name: _named(pair.at("right", name)) for name in wanted}
    assert found == wanted
    assert _named(pair.at("right", "customfield_10046")) == ["Globex Tester"]
    times = pair.at("right", "timetracking")
    assert (times["originalEstimateSeconds"], times["remainingEstimateSeconds"]) == (10800, 5400)
    assert pair.at("right", "environment")["content"] == doc("A quiet room")["content"]
    assert pair.at("right", "customfield_10041").startswith("2027-02-02T23:50:30.000-0500")
    before = writes(scene)
    scene.left.call("PUT", f"issue/{pair.keys['left']}", json={"fields": {"labels": ["nudge"]}})
    pair.edit("right", summary="All of it, again")
    pair.comes("left", "summary", "All of it, again")
    assert writes(scene) == before + 1  # the summary alone
    assert found == {name: _named(pair.at("right", name)) for name in wanted}


def _named(value: Any) -> Any:
    if isinstance(value, list):
        return [_named(one) for one in value]
    return (
        value["displayName"]
        if isinstance(value, dict) and "displayName" in value
        else _brief(value)
    )


@pytest.mark.parametrize(
    ("field", "left", "right", "back", "home"),
    [
        ("priority", {"id": "1"}, "Highest", {"id": "10005"}, "Lowest"),
        ("components", [{"name": "Search"}], ["Search"], [], []),
        ("customfield_10033", 8, 8.0, None, None),
        ("customfield_10035", {"id": "20072"}, "Critical", {"id": "20250"}, "Minor"),
        ("customfield_10036", [{"id": "20073"}], ["Mobile"], [{"id": "20252"}], ["Web"]),
        ("customfield_10042", {"id": "100420"}, "E-mail", {"id": "101422"}, "Portal"),
        (
            "customfield_10044",
            {"id": "100443", "child": {"id": "100445"}},
            ["AMER", "Peru"],
            {"id": "101440", "child": {"id": "101441"}},
            ["Europe", "Norway"],
        ),
        ("customfield_10050", [{"name": "1.1"}], ["1.1"], [{"name": "1.0"}], ["1.0"]),
        ("customfield_10045", "https://a.example/b", "https://a.example/b", None, None),
    ],
)
def test_edits_cross_in_both_directions(
    scene: Scene, field: str, left: Any, right: Any, back: Any, home: Any
) -> None:
    pair = scene.pair(f"Both ways of {field}")
    pair.edit("left", **{field: left})
    pair.comes("right", field, right)
    pair.edit("right", **{field: back})
    pair.comes("left", field, home)


def test_of_two_values_that_become_one_neither_goes_by_an_edit_of_another(scene: Scene) -> None:
    pair = scene.pair("Two to one", customfield_10036=[{"id": "20073"}, {"id": "20074"}])
    pair.comes("right", "customfield_10036", ["Mobile"])
    pair.edit("right", customfield_10036=[{"id": "20253"}, {"id": "20252"}])
    pair.comes("left", "customfield_10036", ["Web", "iOS", "Android"])
    pair.edit("right", customfield_10036=[{"id": "20252"}])
    pair.comes("left", "customfield_10036", ["Web"])


def test_what_the_other_side_lacks_is_made_there_where_the_mapping_says_so(scene: Scene) -> None:
    pair = scene.pair("Makes what lacks")
    pair.edit("left", components=[{"name": "Checkout"}], fixVersions=[{"name": "2.0"}])
    pair.comes("right", "components", ["Checkout"])
    pair.comes("right", "fixVersions", ["2.0"])
    made = [one["name"] for one in scene.right.call("GET", "project/PLAT/components").json()]
    assert made.count("Checkout") == 1


def test_a_renamed_value_stays_paired_and_nothing_is_written(scene: Scene) -> None:
    pair = scene.pair("Renamed", components=[{"name": "Catalogue"}])
    assert _brief(pair.at("right", "components")) == ["Catalogue"]
    before = writes(scene)
    there = pair.at("right", "components")[0]["id"]
    renamed = scene.right.call("PUT", f"component/{there}", json={"name": "Assortment"})
    assert renamed.status_code == 200, renamed.text
    pair.edit("left", customfield_10033=5)
    pair.comes("right", "customfield_10033", 5.0)
    assert writes(scene) == before + 1
    other = scene.pair("After the rename", components=[{"name": "Catalogue"}])
    assert _brief(other.at("right", "components")) == ["Assortment"]
    assert _brief(other.at("left", "components")) == ["Catalogue"]
    # Paired by its id, it is told by the name that its site gives it now; so is one of a table.
    pair.edit("left", components=[], customfield_10035={"id": "20071"})
    pair.comes("right", "customfield_10035", "Significant")
    pair.edit("left", components=[{"name": "Catalogue"}], customfield_10035={"id": "20070"})
    pair.comes("right", "customfield_10035", "Low")
    told = " ".join(html.unescape(re.sub(r"<[^>]+>|\s+", " ", activity(scene))).split())
    assert "customfield_10125 of PLAT" in told
    assert "is now “Low”" in told
    assert "is now “Assortment”" in told


def test_a_value_without_a_counterpart_stops_its_field_alone_and_crosses_once_paired(
    scene: Scene,
) -> None:
    pair = scene.pair("Stops")
    pair.edit("left", customfield_10036=[{"id": "20075"}], summary="Stops no other field")
    pair.comes("right", "summary", "Stops no other field")
    assert pair.at("right", "customfield_10036") is None
    listed = tandem(scene.stack.environment, "parked", "list", "All kinds", "--json").stdout
    assert "value-unpaired" in listed
    pair.edit("left", customfield_10036=[{"id": "20072"}])
    pair.comes("right", "customfield_10036", ["Web"])


def test_an_option_that_was_deleted_between_read_and_write_parks_its_field_alone(
    scene: Scene,
) -> None:
    first = scene.pair("Learns an option", customfield_10043=[{"id": "100430"}])
    assert _brief(first.at("right", "customfield_10043")) == ["Tested"]
    gone = scene.right.control("DELETE", "options/customfield_10143/101430")
    assert gone is not None
    pair = scene.pair("Meets no option", customfield_10043=[{"id": "100430"}])
    assert pair.at("right", "customfield_10043") in (None, [])
    made = scene.right.control("POST", "options", {"field": "customfield_10143", "value": "Tested"})
    pair.edit("left", customfield_10043=[{"id": "100430"}, {"id": "100431"}])
    pair.comes("right", "customfield_10043", ["Documented", "Tested"])
    assert made


def test_a_version_that_was_refused_as_archived_stays_paired_through_a_rename(
    scene: Scene,
) -> None:
    body = {"name": "Paired", "projectId": 10000}
    made = scene.left.call("POST", "version", json=body).json()
    first = scene.pair("Learns a version", fixVersions=[{"id": made["id"]}])
    [there] = first.at("right", "fixVersions")
    place = f"version/{there['id']}"
    assert scene.right.call("PUT", place, json={"archived": True}).ok
    second = scene.pair("Meets it archived", fixVersions=[{"id": made["id"]}])
    listed = tandem(scene.stack.environment, "parked", "list", "All kinds").stdout
    assert second.keys["right"] in listed
    assert not second.at("right", "fixVersions")
    assert scene.right.call("PUT", place, json={"archived": False, "name": "Renamed"}).ok
    done = tandem(scene.stack.environment, "parked", "retry", "All kinds")
    assert done.returncode == 0, done.stdout + done.stderr
    wait_until("it crossed", lambda: second.at("right", "fixVersions"), LONG)
    assert [one["id"] for one in second.at("right", "fixVersions")] == [there["id"]]
    versions = scene.right.call("GET", "project/PLAT/versions").json()
    assert "Paired" not in {one["name"] for one in versions}


def test_a_name_that_two_values_have_is_nobodys_and_what_may_not_be_made_is_left_alone(
    scene: Scene,
) -> None:
    for name in ("Reviewed", "REVIEWED"):
        asked = {"field": "customfield_10143", "value": name}
        scene.right.control("POST", "options", asked)
    here = scene.left.control(
        "POST", "options", {"field": "customfield_10043", "value": "reviewed"}
    )
    pair = scene.pair("Two of a name")
    app = scene.right.call("GET", f"issue/{pair.keys['right']}?fields=creator").json()
    account = app["fields"]["creator"]["accountId"]
    scene.right.control("PUT", "people", {account: {"administersProjects": False}})
    try:
        made = scene.left.call("POST", "component", json={"project": "WEB", "name": "Only here"})
        assert made.status_code == 201, made.text
        names = [{"name": "Only here"}]
        pair.edit(
            "left", customfield_10043=[{"id": here["id"]}], components=names, customfield_10033=9
        )
        pair.comes("right", "customfield_10033", 9.0)
        assert not pair.at("right", "customfield_10043")
        assert not pair.at("right", "components")
        told = activity(scene)
        site = scene.right.url.partition("://")[2]
        assert f"'reviewed' has no twin on {site}" in html.unescape(told)
        assert f"'Only here' has no twin on {site}" in html.unescape(told)
    finally:
        scene.right.control("PUT", "people", {account: {"administersProjects": True}})
    pair.edit("left", components=[*names, {"name": "Search"}])
    wanted = {"Only here", "Search"}
    wait_until(
        "both are there",
        lambda: {one["name"] for one in pair.at("right", "components") or ()} == wanted,
        LONG,
    )


def test_a_person_is_paired_by_row_or_by_address_and_else_left_alone(scene: Scene) -> None:
    pair = scene.pair("People")
    for number, name in ((1, "Globex Developer"), (3, "Globex Support Agent")):
        pair.edit("left", assignee={"accountId": scene.left.users[number]["accountId"]})
        wait_until(
            f"{name} has it",
            lambda name=name: _named(pair.at("right", "assignee")) == name,  # type: ignore[misc]
            LONG,
        )
    pair.edit("right", assignee={"accountId": scene.right.users[2]["accountId"]})
    wait_until("it crossed", lambda: _named(pair.at("left", "assignee")) == "Acme Tester", LONG)
    scene.stack.settle()
    nobody = scene.left.users[0]["accountId"]  # his address is another one over there
    pair.edit("left", assignee={"accountId": nobody}, customfield_10033=4)
    pair.comes("right", "customfield_10033", 4.0)
    assert _named(pair.at("right", "assignee")) == "Globex Tester"


def test_no_name_and_no_address_of_people_or_values_is_stored(scene: Scene) -> None:
    with owner(scene.stack) as database:
        found = str(database.execute("SELECT * FROM value_pair").fetchall())
        count = database.execute("SELECT count(*) FROM value_pair WHERE field_key = ''").fetchone()
    assert count is not None
    assert count[0] >= 2
    for word in ("example", "Developer", "Search", "Critical", "Checkout"):
        assert word not in found


def test_what_the_screen_lacks_is_seen_before_the_write_and_crosses_once_it_is_there(
    scene: Scene,
) -> None:
    pair = scene.pair("Off screen")
    place = {"project": "PLAT", "issuetype": "Task", "field": "customfield_10124"}
    scene.right.control("PUT", "screens", [{**place, "on": False}])
    pair.edit("left", customfield_10034="2027-05-05", summary="Off screen, the rest crosses")
    pair.comes("right", "summary", "Off screen, the rest crosses")  # by now the screen is known
    scene.right.control("DELETE", "calls")
    pair.edit("left", customfield_10034="2027-05-06", summary="Off screen, and once more")
    pair.comes("right", "summary", "Off screen, and once more")
    assert pair.at("right", "customfield_10034") is None
    listed = tandem(scene.stack.environment, "parked", "list", "All kinds", "--json").stdout
    assert "field-not-on-screen" in listed
    assert writes_of(scene.right) == 1, calls_of(scene.right)  # what would be refused was not sent

    scene.right.control("PUT", "screens", [{**place, "on": True}])
    retried = tandem(scene.stack.environment, "parked", "retry", "All kinds")
    assert retried.returncode == 0, retried.stdout + retried.stderr
    pair.comes("right", "customfield_10034", "2027-05-06")


def test_an_issue_with_a_security_level_is_left_alone_until_both_sides_allow_it(
    scene: Scene,
) -> None:
    pair = scene.pair("Becomes restricted")
    scene.restricted(scene.right, "withdraw")
    pair.edit("left", security={"id": "10060"}, customfield_10033=7)
    with owner(scene.stack) as database:
        wait_until(
            "it stands still",
            lambda: (
                database.execute(
                    "SELECT outside FROM issue_link WHERE left_key = %s", (pair.keys["left"],)
                ).fetchone()
                == ("left",)
            ),
            LONG,
        )
    made = scene.left.call(
        "POST",
        "issue",
        json={
            "fields": {
                "project": {"key": "WEB"},
                "summary": "Restricted from the start",
                "security": {"id": "10060"},
                **TASK,
            }
        },
    )
    assert made.status_code == 201, made.text
    scene.pair("Open to all")  # whoever was made before has been looked at by now
    assert "Restricted from the start" not in keys_by_summary(scene.right, "PLAT")
    assert pair.at("right", "customfield_10033") is None
    assert "has a security level. Nothing crosses while it has one" in activity(scene)

    pair.edit("left", security=None)
    pair.comes("right", "customfield_10033", 7.0)
    scene.restricted(scene.right, "allow")
    pair.edit("left", security={"id": "10060"})
    wait_until(
        "the level crossed", lambda: _named(pair.at("right", "security")) == "Internal", LONG
    )
    wait_until(
        "the other one is there",
        lambda: "Restricted from the start" in keys_by_summary(scene.right, "PLAT"),
        LONG,
    )


def test_a_field_that_is_mapped_too_waits_for_the_partner_and_crosses_once_he_approves(
    scene: Scene,
) -> None:
    pair = scene.pair("Waits for a key")
    stack = scene.stack
    settings = load_settings(stack.environment | {"DATABASE_URL": stack.database})
    app = create_app(settings, pool_size=2)
    with app.app_context():
        product: Tandem = app.extensions["tandem"]
        stored = profiles.load(product.vault, uuid.UUID(scene.profile))
        editor = Caller(stored.left_tenant, scene.left.admin["accountId"], Proof.CONTEXT)
        due = FieldMapping("duedate", "duedate", Kind.DATE)
        wanted = replace(stored.profile, fields=(*stored.profile.fields, due))
        saved = approvals.save(product.vault, product.record, editor, stored.id, wanted)
        db.engine.dispose()
    assert saved.in_force is False
    pair.edit("left", duedate="2027-01-01", customfield_10033=1)
    pair.comes("right", "customfield_10033", 1.0)
    assert pair.at("right", "duedate") is None

    [waits] = stack.page(scene.right, "GET", "/pages/approvals")
    assert waits["revision"] == saved.number
    assert "Due date" in waits["added"][0]
    scene.stack.approve(scene.right, scene.profile, waits["revision"])
    pair.edit("left", duedate="2027-02-02")
    pair.comes("right", "duedate", "2027-02-02")
