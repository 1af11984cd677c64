"""Service projects over both sites: request types, organizations, SLAs as text, comments."""

from __future__ import annotations

import random
from typing import Any

import pytest

from demo.stack import Stack, wait_until, writes_of
from demo.walk import paragraph
from sandbox.process import SiteHandle
from tests.real.comments_scene import INTERNAL, LONG, Sides, carry, pair
from tests.real.comments_scene import rows as database
from tests.stack_fixture import running, tandem  # noqa: F401  a fixture

pytestmark = pytest.mark.real

LEFT, RIGHT = ("SUP", "Task"), ("OPS", "Task")
# The fields of both sites that are mapped, or looked at.
REQUEST, FIRMS, ANSWER, TEXT = "request", "firms", "answer", "text"
IDS = {
    REQUEST: {"left": "customfield_10061", "right": "customfield_10161"},
    FIRMS: {"left": "customfield_10062", "right": "customfield_10162"},
    ANSWER: {"left": "customfield_10063", "right": "customfield_10163"},
    TEXT: {"left": "customfield_10031", "right": "customfield_10121"},
}


def rows(*pairs: tuple[str, str]) -> list[dict[str, str]]:
    return [{"left": left, "right": right} for left, right in pairs]


FIELDS: list[dict[str, Any]] = [
    {"left": "summary", "right": "summary", "kind": "text"},
    {
        **IDS[REQUEST],
        "kind": "request_type",
        "values": {"rows": rows(("26", "42")), "missing": "fail"},
    },
    {
        **IDS[FIRMS],
        "kind": "organizations",
        "values": {"rows": rows(("2", "12"), ("4", "13")), "by_name": False},
    },
    {
        "left": IDS[ANSWER]["left"],
        "right": IDS[TEXT]["right"],
        "kind": "read_only_text",
        "right_kind": "text",
        "flow": "to_right",
    },
]


@pytest.fixture(scope="module")
def desk_profile(running: Stack) -> str:  # noqa: F811
    """The tasks of two service projects in step, with their comments."""
    profile = running.create_profile(
        running.connect(), left=LEFT, right=RIGHT, name="Desks", fields=FIELDS
    )
    carry(running, profile, "--prefix", "")
    return profile


@pytest.fixture(scope="module")
def desks(running: Stack, desk_profile: str) -> Stack:  # noqa: F811
    """Both sites, with that profile."""
    del desk_profile
    return running


@pytest.fixture
def sides(desks: Stack, request: pytest.FixtureRequest) -> Sides:
    return pair(desks, request.node.name[:200], LEFT, RIGHT)


def edit(sides: Sides, side: str, **fields: Any) -> None:
    """A person edits one side."""
    named = {IDS[name][side] if name in IDS else name: one for name, one in fields.items()}
    answer = sides.site(side).call("PUT", f"issue/{sides.key(side)}", json={"fields": named})
    assert answer.status_code == 204, answer.text


def at(sides: Sides, side: str, field: str) -> Any:
    """What a side holds: the id of its request type, the ids of its organizations, its text."""
    name = IDS[field][side] if field in IDS else field
    path = f"issue/{sides.key(side)}?fields={name}"
    found = sides.site(side).call("GET", path).json()["fields"][name]
    if isinstance(found, list):
        return [one["id"] for one in found]
    return found["requestType"]["id"] if isinstance(found, dict) else found


def comes(sides: Sides, side: str, field: str, wanted: Any) -> None:
    wait_until(f"{field} is {wanted}", lambda: at(sides, side, field) == wanted, LONG)


def written(site: SiteHandle) -> int:
    """How often Tandem wrote to a site."""
    return writes_of(site)


def parked(stack: Stack) -> list[str]:
    """Why something is set aside."""
    return [code for (code,) in database(stack, "SELECT code FROM parked_cause")]


def test_request_types_and_organizations_cross_both_ways_by_rows_of_ids_and_rest(
    sides: Sides,
) -> None:
    stack = sides.stack
    edit(sides, "left", request="26", firms=[2, 4])
    comes(sides, "right", REQUEST, "42")
    comes(sides, "right", FIRMS, ["12", "13"])
    stack.settle()
    edit(sides, "right", request=None, firms=[13])
    comes(sides, "left", REQUEST, None)
    comes(sides, "left", FIRMS, ["4"])
    stack.settle()
    edit(sides, "right", request="42", firms=[])
    comes(sides, "left", REQUEST, "26")
    comes(sides, "left", FIRMS, None)
    stack.settle()
    before = [written(site) for site in stack.sandbox.sites]
    stack.sandbox.globex.control("PUT", "organizations", {"12": "Harbour & Sons"})
    edit(sides, "left", summary="Only this")
    comes(sides, "right", "summary", "Only this")
    stack.settle()
    after = [written(site) for site in stack.sandbox.sites]
    assert (after[0] - before[0], after[1] - before[1]) == (0, 1)
    assert at(sides, "right", REQUEST) == "42"


def test_a_twin_is_made_with_its_request_type_and_organizations(desks: Stack) -> None:
    acme, globex = desks.sandbox.acme, desks.sandbox.globex
    body = {
        "project": {"key": "SUP"},
        "issuetype": {"name": "Task"},
        "summary": "All at once",
        IDS[REQUEST]["left"]: "26",
        IDS[FIRMS]["left"]: [2],
    }
    made = acme.call("POST", "issue", json={"fields": body})
    assert made.status_code == 201, made.text
    jql = 'project = OPS AND summary ~ "All at once"'
    path = f"search/jql?jql={jql}&fields=*all"

    def twins() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = globex.call("GET", path).json()["issues"]
        return found

    wait_until("it has a twin", lambda: len(twins()) == 1, LONG)
    [twin] = twins()
    assert twin["fields"][IDS[REQUEST]["right"]]["requestType"]["name"] == "Order a machine"
    assert [one["id"] for one in twin["fields"][IDS[FIRMS]["right"]]] == ["12"]
    assert twin["fields"][IDS[TEXT]["right"]] == "Time to first response: running (goal 4h)"


def test_edits_on_both_sides_at_once_come_to_one_value(sides: Sides) -> None:
    chance = random.Random(11)
    kinds = {"left": ("26", [2, 4]), "right": ("42", [12, 13])}
    for _ in range(12):
        side = chance.choice(("left", "right"))
        kind, firms = kinds[side]
        some = chance.sample(firms, chance.randint(0, 2))
        edit(sides, side, request=chance.choice((kind, None)), firms=some)
    sides.stack.settle()
    pairs = {"26": "42", "2": "12", "4": "13", None: None}

    def agree() -> bool:
        left, right = (
            (at(sides, side, REQUEST), at(sides, side, FIRMS) or []) for side in ("left", "right")
        )
        return (pairs[left[0]], [pairs[one] for one in left[1]]) == right

    wait_until("both sides agree", agree, LONG)
    before = [written(site) for site in sides.stack.sandbox.sites]
    sides.stack.settle()
    assert [written(site) for site in sides.stack.sandbox.sites] == before


def test_an_organization_without_a_row_keeps_the_field_as_it_is_and_the_rest_crosses(
    sides: Sides,
) -> None:
    edit(sides, "left", firms=[2])
    comes(sides, "right", FIRMS, ["12"])
    edit(sides, "left", firms=[2, 3], summary="The rest")
    comes(sides, "right", "summary", "The rest")
    sides.stack.settle()
    assert at(sides, "right", FIRMS) == ["12"]
    assert at(sides, "left", FIRMS) == ["2", "3"]


def test_a_request_type_without_a_row_is_set_aside_and_pairs_by_name_where_the_site_lists_them(
    sides: Sides,
) -> None:
    edit(sides, "left", request="25", summary="Named alike")
    comes(sides, "right", "summary", "Named alike")
    wait_until("it is set aside", lambda: "value-unpaired" in parked(sides.stack), LONG)
    assert at(sides, "right", REQUEST) is None
    sides.stack.sandbox.globex.control("PUT", "metadata", {"requestTypes": True})
    done = tandem(sides.stack.environment, "parked", "retry", "Desks")
    assert done.returncode == 0, done.stderr
    comes(sides, "right", REQUEST, "41")
    sides.stack.sandbox.globex.control("PUT", "metadata", {"requestTypes": False})
    wait_until("nothing is set aside", lambda: "value-unpaired" not in parked(sides.stack), LONG)


def test_a_request_type_that_the_other_side_refuses_is_set_aside_alone(sides: Sides) -> None:
    globex = sides.stack.sandbox.globex
    globex.refusals({"field": IDS[REQUEST]["right"], "message": "Not for this portal."})
    edit(sides, "left", request="26", firms=[4])
    comes(sides, "right", FIRMS, ["13"])
    wait_until("it is set aside", lambda: "field-refused" in parked(sides.stack), LONG)
    assert at(sides, "right", REQUEST) is None
    globex.refusals()
    assert tandem(sides.stack.environment, "parked", "retry", "Desks").returncode == 0
    comes(sides, "right", REQUEST, "42")


def test_an_sla_crosses_as_text_that_changes_with_its_state_and_not_with_its_clock(
    sides: Sides,
) -> None:
    stack = sides.stack
    acme, globex = stack.sandbox.acme, stack.sandbox.globex
    comes(sides, "right", TEXT, "Time to first response: running (goal 4h)")
    stack.settle()
    clock = f"issue/{sides.left}?fields={IDS[ANSWER]['left']}"
    earlier = acme.call("GET", clock).json()["fields"]
    before = written(globex)
    edit(sides, "left", summary="Looked at again")
    comes(sides, "right", "summary", "Looked at again")
    stack.settle()
    assert acme.call("GET", clock).json()["fields"] != earlier, "its clock runs"
    assert written(globex) == before + 1, "more than the summary was written"
    acme.control("PUT", "slas", {"Time to first response": 1})
    edit(sides, "left", labels=["unmapped"])  # no webhook tells of an SLA: the search finds it
    stack.settle()
    database(stack, "UPDATE search_look SET due_at = now()")
    comes(sides, "right", TEXT, "Time to first response: breached (goal 0m)")
    acme.control("PUT", "slas", {"Time to first response": 4 * 3_600_000})
    answer = acme.call(
        "POST",
        f"issue/{sides.left}/comment",
        json={"body": paragraph("We are at it")},
        auth=agent(acme),
    )
    assert answer.status_code == 201, answer.text
    comes(sides, "right", TEXT, "Time to first response: met (goal 4h)")
    stack.settle()
    edit(sides, "right", text="By hand")
    stack.settle()
    assert "ongoingCycle" not in acme.call("GET", clock).json()["fields"][IDS[ANSWER]["left"]]
    assert at(sides, "right", TEXT) == "By hand"  # it is carried one way


def test_a_goal_that_passes_while_nobody_touches_the_issue_is_found_by_the_check(
    sides: Sides,
) -> None:
    acme = sides.stack.sandbox.acme
    comes(sides, "right", TEXT, "Time to first response: running (goal 4h)")
    sides.stack.settle()
    acme.control("PUT", "slas", {"Time to first response": 1})
    checked = tandem(sides.stack.environment, "profile", "check", "Desks", seconds=LONG)
    assert checked.returncode == 1, checked.stdout + checked.stderr
    comes(sides, "right", TEXT, "Time to first response: breached (goal 0m)")
    acme.control("PUT", "slas", {"Time to first response": 4 * 3_600_000})


def test_what_customers_see_they_see_on_the_other_side_and_nothing_else(sides: Sides) -> None:
    sides.say("left", "Internal", properties=[INTERNAL])
    sides.say("left", "To the customer")
    sides.has("right", "To the customer")
    sides.say("right", "Internal too", properties=[INTERNAL])
    sides.say("right", "Back to the customer")
    sides.has("left", "Internal", "To the customer", "Back to the customer")
    sides.stack.settle()
    assert shown(sides, "left") == [False, True, True]
    assert shown(sides, "right") == [True, False, True]


def test_internal_comments_cross_once_both_sides_allow_it_and_go_with_the_consent_of_either(
    sides: Sides, desk_profile: str
) -> None:
    stack = sides.stack

    def say(side: str, action: str) -> None:
        path = f"/pages/profiles/{desk_profile}/internal-comments/{action}"
        assert stack.page(sides.site(side), "POST", path)["own"] is (action == "allow")

    say("left", "allow")
    sides.say("left", "Of left", properties=[INTERNAL])
    sides.say("right", "Of right", properties=[INTERNAL])
    sides.say("left", "For all")
    sides.has("right", "Of right", "For all")
    stack.settle()
    assert sides.texts("left") == ["Of left", "For all"]

    say("right", "allow")
    sides.say("left", "Go")  # what waited crosses with the next visit
    wait_until("all crossed", lambda: len(sides.texts("right")) == 4, LONG)
    wait_until("all crossed back", lambda: len(sides.texts("left")) == 4, LONG)
    for side in ("left", "right"):
        seen = dict(zip(sides.texts(side), shown(sides, side), strict=True))
        assert seen == {"Of left": False, "Of right": False, "For all": True, "Go": True}

    say("left", "withdraw")  # no other event: the pairs are visited for it
    sides.has("right", "Of right", "For all", "Go")
    sides.has("left", "Of left", "For all", "Go")
    sides.say("right", "Later", properties=[INTERNAL])
    sides.say("right", "After it")
    sides.has("left", "Of left", "For all", "Go", "After it")
    stack.settle()
    assert sides.texts("left") == ["Of left", "For all", "Go", "After it"]
    assert sides.texts("right") == ["Of right", "For all", "Go", "Later", "After it"]
    say("right", "withdraw")


def test_internal_comments_never_reach_a_project_without_customers_whatever_the_profile_allows(
    desks: Stack,
) -> None:
    left, right = ("SUP", "Bug"), ("PLAT", "Bug")
    profile = desks.create_profile(desks.connect(), left=left, right=right, name="Desk and team")
    carry(desks, profile, "--prefix", "", "--internal", "both")
    sides = pair(desks, "Of a desk and a team", left, right)
    sides.say("left", "Internal", properties=[INTERNAL])
    seen = sides.say("left", "For all")
    sides.has("right", "For all")
    sides.edit("left", seen, "For all", properties=[INTERNAL])
    sides.has("right")
    sides.say("right", "Of the team")
    sides.has("left", "Internal", "For all", "Of the team")
    assert shown(sides, "left") == [False, False, True]


def shown(sides: Sides, side: str) -> list[bool]:
    """Which comments the customers of a side see."""
    return [one["jsdPublic"] for one in sides.comments(side)]


def agent(site: SiteHandle) -> tuple[str, str]:
    found = next(user for user in site.users if user["email"].startswith("agent"))
    return found["email"], found["token"]
