"""What a site loses under a running profile is found by itself, and crosses again once mended."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from demo.stack import Stack, wait_until
from demo.walk import create_issue, edit_issue, keys_by_summary
from sandbox.process import SiteHandle
from tests.stack_fixture import running  # noqa: F401  a fixture

pytestmark = pytest.mark.real

LONG = 150.0  # seconds: a slow machine's
SEVERITY, IMPACT = "customfield_10035", "customfield_10125"
CUSTOMER, CLIENT = "customfield_10031", "customfield_10121"


def options(site: SiteHandle, project: str, field: str) -> dict[str, str]:
    """The ids of a select's options, by name, as the create screen of a Task has them."""
    types = site.call("GET", f"issue/createmeta/{project}/issuetypes").json()["issueTypes"]
    task = next(one["id"] for one in types if one["name"] == "Task")
    path = f"issue/createmeta/{project}/issuetypes/{task}"
    found = site.call("GET", path, params={"maxResults": 200}).json()["fields"]
    [screen] = [one for one in found if one["fieldId"] == field]
    return {one["value"]: one["id"] for one in screen["allowedValues"]}


@dataclass(frozen=True)
class Scene:
    """A profile of Tasks that maps a select by a table, a text, and one pair of people."""

    stack: Stack
    profile: str
    names: tuple[tuple[str, str], ...]
    person: str

    @property
    def acme(self) -> SiteHandle:
        """The left site."""
        return self.stack.sandbox.acme

    @property
    def globex(self) -> SiteHandle:
        """The right site."""
        return self.stack.sandbox.globex

    def page(self, method: str, path: str, **form: str) -> Any:
        """What the page of Globex's admin gets."""
        return self.stack.page(
            self.globex, method, f"/pages/profiles/{self.profile}/{path}", **form
        )

    def gone(self) -> dict[str, dict[str, Any]]:
        """What the last look found, by the thing's id."""
        return {one["thing"]: one for one in self.page("GET", "drift")["findings"]}

    def holds(self, key: str, field: str, wanted: object) -> None:
        """Wait until an issue at Globex holds it."""

        def held() -> bool:
            found = self.globex.call("GET", f"issue/{key}", params={"fields": field}).json()
            return bool(found["fields"].get(field) == wanted)

        wait_until(f"{key} holds {wanted} in {field}", held, LONG)


@pytest.fixture(scope="module")
def scene(running: Stack) -> Iterator[Scene]:  # noqa: F811
    acme, globex = running.sandbox.acme, running.sandbox.globex
    left, right = options(acme, "WEB", SEVERITY), options(globex, "PLAT", IMPACT)
    names = tuple(zip(left, right, strict=False))
    rows = [{"left": left[one], "right": right[other]} for one, other in names]
    person = next(one for one in globex.users if one["email"].startswith("tester"))["accountId"]
    profile = running.create_profile(
        running.connect(),
        left=("WEB", "Task"),
        right=("PLAT", "Task"),
        name="Drifting",
        fields=[
            {"left": "summary", "right": "summary", "kind": "text"},
            {"left": CUSTOMER, "right": CLIENT, "kind": "text"},
            {
                "left": SEVERITY,
                "right": IMPACT,
                "kind": "option",
                "values": {"rows": rows, "by_name": False},
            },
        ],
        users={"rows": [{"left": acme.admin["accountId"], "right": person}]},
    )
    yield Scene(running, profile, names, person)


def test_what_a_site_loses_is_found_when_it_tells_of_it_and_crosses_again_once_mended(
    scene: Scene,
) -> None:
    acme, globex = scene.acme, scene.globex
    assert scene.page("POST", "drift/look")["findings"] == []
    key = create_issue(acme, "WEB", "Task", summary="Adrift", **{CUSTOMER: "Ann"})
    wait_until("it has a twin", lambda: keys_by_summary(globex, "PLAT").get("Adrift"), LONG)
    [twin] = keys_by_summary(globex, "PLAT")["Adrift"]

    # An option and a person go. Of the person Jira tells; the look that this brings finds both.
    ours, theirs = scene.names[0]
    lost = options(globex, "PLAT", IMPACT)[theirs]
    globex.control("DELETE", f"options/{IMPACT}/{lost}")
    globex.control("PUT", "people", {scene.person: {"active": False}})
    wait_until("both are found", lambda: scene.gone().keys() == {lost, scene.person}, LONG)
    found = scene.gone()
    assert found[lost]["name"] == theirs
    assert f"“{theirs}” is not among the values of “Impact”" in found[lost]["sentence"]
    assert "is deactivated" in found[scene.person]["sentence"]

    # The option is made anew under its name: another id, which the repair puts in the row.
    anew = globex.control("POST", "options", {"field": IMPACT, "value": theirs})["id"]
    [finding] = [
        one for one in scene.page("POST", "drift/look")["findings"] if one["thing"] == lost
    ]
    assert finding["repairs"][0]["choice"] == f"swap={anew}"
    left = scene.page("POST", "repairs", finding=finding["id"], choice=f"swap={anew}")
    assert [one["thing"] for one in left["findings"]] == [scene.person]
    edit_issue(acme, key, **{SEVERITY: {"value": ours}})
    shown = {"id": anew, "value": theirs}
    wait_until(
        "the new option is on the twin",
        lambda: (
            shown.items()
            <= (globex.call("GET", f"issue/{twin}").json()["fields"][IMPACT] or {}).items()
        ),
        LONG,
    )

    # A whole field goes and comes back with another id.
    fresh = globex.control("POST", "fields", {"name": "Client", "like": CLIENT})["id"]
    globex.control("DELETE", f"fields/{CLIENT}")
    [finding] = [
        one for one in scene.page("POST", "drift/look")["findings"] if one["what"] == "field"
    ]
    assert finding["repairs"][0]["choice"] == f"move={fresh}"
    person = scene.gone()[scene.person]["id"]
    scene.page("POST", "repairs", finding=finding["id"], choice=f"move={fresh}")
    assert scene.page("POST", "repairs", finding=person, choice="drop")["findings"] == []
    edit_issue(acme, key, **{CUSTOMER: "Bob"})
    scene.holds(twin, fresh, "Bob")
    [overview] = scene.stack.overview()
    assert overview["parked"] == 0
