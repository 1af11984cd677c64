"""The matrix over HTTP: every endpoint by every role, and what a project admin reaches."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests

from app.tenants.caller import Permission
from demo.stack import APP_KEY, Stack, scope_ids
from tests.stack_fixture import running, tandem  # noqa: F401  a fixture

pytestmark = pytest.mark.real

PERSONS = ("admin", "editor", "viewer", "project-admin", "nobody")
NEVER = "00000000-0000-4000-8000-000000000000"


@dataclass
class Scene:
    """The stack with a profile in it, and people of every standing."""

    stack: Stack
    profile: str
    connection: str
    people: dict[str, str]
    projects: dict[str, str]
    types: dict[str, str]
    matrix: list[dict[str, Any]] = field(default_factory=list)

    def call(self, person: str, method: str, path: str, **form: str) -> requests.Response:
        """Call as a person of Acme, as the page would."""
        site = self.stack.sandbox.acme
        token = site.context_token(APP_KEY, accountId=self.people[person])
        return requests.request(
            method,
            self.stack.url + path,
            data=form or None,
            headers={"Authorization": f"JWT {token}", "Accept": "application/json"},
            timeout=90,
        )

    def load_page(self, person: str, module: str = "tandem", **place: str) -> requests.Response:
        """Load a page as a person of Acme, by the address that Jira signs."""
        site = self.stack.sandbox.acme
        return requests.get(
            site.page_url(APP_KEY, module, accountId=self.people[person], **place), timeout=90
        )


@pytest.fixture(scope="module")
def scene(running: Stack) -> Iterator[Scene]:  # noqa: F811
    """One profile of Acme's second project, which the project admin does not administer."""
    acme, globex = running.sandbox.acme, running.sandbox.globex
    found = acme.call("GET", "project/search").json()["values"]
    # The tester administers the first that was made.
    keys = [one["key"] for one in sorted(found, key=lambda one: int(one["id"]))]
    theirs = globex.call("GET", "project/search").json()["values"][0]["key"]
    connection = running.connect()
    profile = running.create_profile(
        connection, left=(keys[1], "Task"), right=(theirs, "Task"), name="of the second project"
    )
    by_name = {user["email"].split("@")[0]: user["accountId"] for user in acme.users}
    people = {
        "admin": acme.admin["accountId"],
        "editor": by_name["agent"],
        "viewer": by_name["viewer"],
        "project-admin": by_name["tester"],
        "nobody": by_name["developer"],
    }
    projects = {key: scope_ids(acme, key, "Task")[0] for key in keys}
    types = {"left": scope_ids(acme, keys[0], "Task")[1]}
    right = scope_ids(globex, theirs, "Task")
    projects["right"], types["right"] = right
    made = Scene(running, profile, connection, people, projects, types)
    made.projects["own"], made.projects["other"] = projects[keys[0]], projects[keys[1]]
    for person in ("editor", "viewer"):
        answer = made.call("admin", "POST", "/pages/roles", account=people[person], role=person)
        assert answer.status_code == 200, answer.text
    answer = made.call("admin", "POST", "/pages/settings/project-admins", allowed="yes")
    assert answer.json()["projectAdminsMap"] is True
    listed = tandem(running.environment, "routes", "--json")
    assert listed.returncode == 0, listed.stderr
    made.matrix = json.loads(listed.stdout)
    yield made


# One call of each endpoint that a person may make. It is harmless: what it asks for is refused
# after the permission (400, 404), or changes nothing.
CALLS: dict[tuple[str, str], Callable[[Scene, str], requests.Response]] = {
    ("GET", "/pages/home"): lambda s, who: s.load_page(who),
    # Without an issue there is nothing to look at or to hurry: 400.
    ("GET", "/pages/issue"): lambda s, who: s.load_page(who, "tandem-issue", issueKey="WEB-1"),
    ("GET", "/pages/issue/part"): lambda s, who: s.call(who, "GET", "/pages/issue/part"),
    ("POST", "/pages/issue/sync"): lambda s, who: s.call(who, "POST", "/pages/issue/sync"),
    ("GET", "/pages/project"): lambda s, who: s.load_page(who, "tandem-project", projectKey="WEB"),
    ("GET", "/pages/project/part"): lambda s, who: s.call(who, "GET", "/pages/project/part"),
    ("POST", "/pages/project/<uuid:profile>/<any(pause, resume):action>"): lambda s, who: s.call(
        who, "POST", f"/pages/project/{NEVER}/pause"
    ),
    ("GET", "/pages/parts/overview"): lambda s, who: s.call(who, "GET", "/pages/parts/overview"),
    ("GET", "/pages/parts/frame"): lambda s, who: s.call(who, "GET", "/pages/parts/frame"),
    ("GET", "/pages/views/profiles"): lambda s, who: s.call(who, "GET", "/pages/views/profiles"),
    ("GET", "/pages/views/conflicts"): lambda s, who: s.call(who, "GET", "/pages/views/conflicts"),
    ("GET", "/pages/views/settings"): lambda s, who: s.call(who, "GET", "/pages/views/settings"),
    ("GET", "/pages/drafts"): lambda s, who: s.call(who, "GET", "/pages/drafts"),
    ("POST", "/pages/drafts"): lambda s, who: s.call(
        who, "POST", "/pages/drafts", profile="nonsense"
    ),
    ("GET", "/pages/drafts/<uuid:draft>/<step>"): lambda s, who: s.call(
        who, "GET", f"/pages/drafts/{NEVER}/partner"
    ),
    ("POST", "/pages/drafts/<uuid:draft>/drop"): lambda s, who: s.call(
        who, "POST", f"/pages/drafts/{NEVER}/drop"
    ),
    ("POST", "/pages/drafts/<uuid:draft>/partner"): lambda s, who: s.call(
        who, "POST", f"/pages/drafts/{NEVER}/partner"
    ),
    ("POST", "/pages/drafts/<uuid:draft>/partner/check"): lambda s, who: s.call(
        who, "POST", f"/pages/drafts/{NEVER}/partner/check"
    ),
    ("POST", "/pages/drafts/<uuid:draft>/projects"): lambda s, who: s.call(
        who, "POST", f"/pages/drafts/{NEVER}/projects"
    ),
    ("GET", "/pages/drafts/<uuid:draft>/projects/<any(left, right):side>"): lambda s, who: s.call(
        who, "GET", f"/pages/drafts/{NEVER}/projects/left"
    ),
    ("GET", "/pages/drafts/<uuid:draft>/projects/<any(left, right):side>/count"): lambda s, who: (
        s.call(who, "GET", f"/pages/drafts/{NEVER}/projects/left/count")
    ),
    ("GET", "/pages/drafts/<uuid:draft>/projects/<any(left, right):side>/found"): lambda s, who: (
        s.call(who, "GET", f"/pages/drafts/{NEVER}/projects/left/found")
    ),
    ("GET", "/pages/drafts/<uuid:draft>/fields/<part>"): lambda s, who: s.call(
        who, "GET", f"/pages/drafts/{NEVER}/fields/table"
    ),
    ("POST", "/pages/drafts/<uuid:draft>/fields/<deed>"): lambda s, who: s.call(
        who, "POST", f"/pages/drafts/{NEVER}/fields/accept"
    ),
    ("POST", "/pages/drafts/<uuid:draft>/partner/pair"): lambda s, who: s.call(
        who, "POST", f"/pages/drafts/{NEVER}/partner/pair"
    ),
    ("GET", "/pages/profiles"): lambda s, who: s.call(who, "GET", "/pages/profiles"),
    ("POST", "/pages/profiles"): lambda s, who: s.call(who, "POST", "/pages/profiles", name="x"),
    ("POST", "/pages/profiles/<uuid:profile>/<any(pause, resume):action>"): lambda s, who: s.call(
        who, "POST", f"/pages/profiles/{NEVER}/pause"
    ),
    ("POST", "/pages/profiles/<uuid:profile>/check"): lambda s, who: s.call(
        who, "POST", f"/pages/profiles/{NEVER}/check"
    ),
    ("GET", "/pages/profiles/<uuid:profile>/filters"): lambda s, who: s.call(
        who, "GET", f"/pages/profiles/{NEVER}/filters"
    ),
    ("POST", "/pages/profiles/<uuid:profile>/filters"): lambda s, who: s.call(
        who, "POST", f"/pages/profiles/{NEVER}/filters"
    ),
    ("GET", "/pages/profiles/<uuid:profile>/internal-comments"): lambda s, who: s.call(
        who, "GET", f"/pages/profiles/{NEVER}/internal-comments"
    ),
    (
        "POST",
        "/pages/profiles/<uuid:profile>/internal-comments/<any(allow, withdraw):action>",
    ): lambda s, who: s.call(who, "POST", f"/pages/profiles/{NEVER}/internal-comments/allow"),
    ("GET", "/pages/profiles/<uuid:profile>/drift"): lambda s, who: s.call(
        who, "GET", f"/pages/profiles/{NEVER}/drift"
    ),
    ("POST", "/pages/profiles/<uuid:profile>/drift/look"): lambda s, who: s.call(
        who, "POST", f"/pages/profiles/{NEVER}/drift/look"
    ),
    ("POST", "/pages/profiles/<uuid:profile>/repairs"): lambda s, who: s.call(
        who, "POST", f"/pages/profiles/{NEVER}/repairs"
    ),
    ("GET", "/pages/parts/projects"): lambda s, who: s.call(
        who, "GET", f"/pages/parts/projects?connection={s.connection}"
    ),
    ("GET", "/pages/parts/types/<side>"): lambda s, who: s.call(
        who, "GET", f"/pages/parts/types/left?left_project={s.projects['own']}"
    ),
    ("POST", "/pages/pairing-codes"): lambda s, who: s.call(who, "POST", "/pages/pairing-codes"),
    ("POST", "/pages/connections"): lambda s, who: s.call(
        who, "POST", "/pages/connections", code="wrong"
    ),
    ("POST", "/pages/connections/check"): lambda s, who: s.call(
        who, "POST", "/pages/connections/check", url="nonsense"
    ),
    ("POST", "/pages/connections/token"): lambda s, who: s.call(
        who, "POST", "/pages/connections/token", url="nonsense"
    ),
    ("POST", "/pages/connections/<uuid:connection>/token"): lambda s, who: s.call(
        who, "POST", f"/pages/connections/{NEVER}/token"
    ),
    ("POST", "/pages/connections/<uuid:connection>/end"): lambda s, who: s.call(
        who, "POST", f"/pages/connections/{NEVER}/end"
    ),
    ("POST", "/pages/drafts/<uuid:draft>/partner/connect"): lambda s, who: s.call(
        who, "POST", f"/pages/drafts/{NEVER}/partner/connect"
    ),
    ("GET", "/pages/profiles/<uuid:profile>/restricted-issues"): lambda s, who: s.call(
        who, "GET", f"/pages/profiles/{NEVER}/restricted-issues"
    ),
    (
        "POST",
        "/pages/profiles/<uuid:profile>/restricted-issues/<any(allow, withdraw):action>",
    ): lambda s, who: s.call(who, "POST", f"/pages/profiles/{NEVER}/restricted-issues/allow"),
    ("GET", "/pages/approvals"): lambda s, who: s.call(who, "GET", "/pages/approvals"),
    ("POST", "/pages/profiles/<uuid:profile>/approval"): lambda s, who: s.call(
        who, "POST", f"/pages/profiles/{NEVER}/approval", approve="yes", revision="1"
    ),
    ("GET", "/pages/conflicts"): lambda s, who: s.call(who, "GET", "/pages/conflicts"),
    ("GET", "/pages/checks"): lambda s, who: s.call(who, "GET", "/pages/checks"),
    ("GET", "/pages/views/runs"): lambda s, who: s.call(who, "GET", "/pages/views/runs"),
    ("GET", "/pages/runs"): lambda s, who: s.call(who, "GET", "/pages/runs"),
    ("GET", "/pages/runs/load"): lambda s, who: s.call(
        who, "GET", f"/pages/runs/load?profile={NEVER}"
    ),
    ("POST", "/pages/runs/plan"): lambda s, who: s.call(
        who, "POST", "/pages/runs/plan", profile=NEVER
    ),
    ("POST", "/pages/runs/undo-plan"): lambda s, who: s.call(
        who, "POST", "/pages/runs/undo-plan", profile=NEVER, since="2026-01-01"
    ),
    ("POST", "/pages/runs/<uuid:run>/undo-plan"): lambda s, who: s.call(
        who, "POST", f"/pages/runs/{NEVER}/undo-plan"
    ),
    ("POST", "/pages/errands/<uuid:errand>/apply"): lambda s, who: s.call(
        who, "POST", f"/pages/errands/{NEVER}/apply"
    ),
    ("POST", "/pages/errands/<uuid:errand>/undo"): lambda s, who: s.call(
        who, "POST", f"/pages/errands/{NEVER}/undo"
    ),
    ("GET", "/pages/errands/<uuid:errand>/issues"): lambda s, who: s.call(
        who, "GET", f"/pages/errands/{NEVER}/issues"
    ),
    ("POST", "/pages/profiles/<uuid:profile>/load"): lambda s, who: s.call(
        who, "POST", f"/pages/profiles/{NEVER}/load"
    ),
    ("POST", "/pages/profiles/<uuid:profile>/load/abandon"): lambda s, who: s.call(
        who, "POST", f"/pages/profiles/{NEVER}/load/abandon"
    ),
    ("POST", "/pages/conflicts/<uuid:question>/<any(left, right, leave):choice>"): lambda s, who: (
        s.call(who, "POST", f"/pages/conflicts/{NEVER}/left")
    ),
    ("GET", "/pages/parked"): lambda s, who: s.call(who, "GET", "/pages/parked"),
    ("GET", "/pages/parked/<uuid:profile>/issues"): lambda s, who: s.call(
        who, "GET", f"/pages/parked/{NEVER}/issues"
    ),
    ("POST", "/pages/parked/<uuid:profile>/ignore"): lambda s, who: s.call(
        who, "POST", f"/pages/parked/{NEVER}/ignore"
    ),
    ("GET", "/pages/views/activity"): lambda s, who: s.call(who, "GET", "/pages/views/activity"),
    ("GET", "/pages/activity"): lambda s, who: s.call(who, "GET", "/pages/activity"),
    ("GET", "/pages/activity/news"): lambda s, who: s.call(who, "GET", "/pages/activity/news"),
    ("GET", "/pages/activity/<uuid:entry>"): lambda s, who: s.call(
        who, "GET", f"/pages/activity/{NEVER}"
    ),
    ("GET", "/pages/parked/<uuid:profile>/preview"): lambda s, who: s.call(
        who, "GET", f"/pages/parked/{NEVER}/preview"
    ),
    ("POST", "/pages/parked/<uuid:profile>/retry"): lambda s, who: s.call(
        who, "POST", f"/pages/parked/{NEVER}/retry"
    ),
    ("GET", "/pages/views/profiles/<uuid:profile>"): lambda s, who: s.call(
        who, "GET", f"/pages/views/profiles/{NEVER}"
    ),
    ("GET", "/pages/profiles/<uuid:profile>/head"): lambda s, who: s.call(
        who, "GET", f"/pages/profiles/{NEVER}/head"
    ),
    ("POST", "/pages/profiles/<uuid:profile>/head/<any(pause, resume):action>"): lambda s, who: (
        s.call(who, "POST", f"/pages/profiles/{NEVER}/head/pause")
    ),
    ("GET", "/pages/profiles/<uuid:profile>/carried"): lambda s, who: s.call(
        who, "GET", f"/pages/profiles/{NEVER}/carried"
    ),
    ("GET", "/pages/profiles/<uuid:profile>/revisions"): lambda s, who: s.call(
        who, "GET", f"/pages/profiles/{NEVER}/revisions"
    ),
    ("GET", "/pages/profiles/<uuid:profile>/revisions/<int:number>"): lambda s, who: s.call(
        who, "GET", f"/pages/profiles/{NEVER}/revisions/1"
    ),
    ("POST", "/pages/profiles/<uuid:profile>/revisions/<int:number>/restore"): lambda s, who: (
        s.call(who, "POST", f"/pages/profiles/{NEVER}/revisions/1/restore", base="1")
    ),
    (
        "GET",
        "/pages/profiles/<uuid:profile>/panels/<any(file, import, copy, end):name>",
    ): lambda s, who: s.call(who, "GET", f"/pages/profiles/{NEVER}/panels/file"),
    ("POST", "/pages/profiles/<uuid:profile>/file"): lambda s, who: s.call(
        who, "POST", f"/pages/profiles/{NEVER}/file", text="a: 1"
    ),
    ("POST", "/pages/profiles/file"): lambda s, who: s.call(
        who, "POST", "/pages/profiles/file", text="a: 1"
    ),
    ("POST", "/pages/profiles/<uuid:profile>/copies"): lambda s, who: s.call(
        who, "POST", f"/pages/profiles/{NEVER}/copies"
    ),
    ("POST", "/pages/profiles/<uuid:profile>/end"): lambda s, who: s.call(
        who, "POST", f"/pages/profiles/{NEVER}/end", name="x"
    ),
    ("GET", "/pages/parts/people"): lambda s, who: s.call(who, "GET", "/pages/parts/people"),
    ("GET", "/pages/parts/people/search"): lambda s, who: s.call(
        who, "GET", "/pages/parts/people/search?query=a"
    ),
    ("POST", "/pages/roles"): lambda s, who: s.call(
        who, "POST", "/pages/roles", account="712020:never-was", role="viewer"
    ),
    ("POST", "/pages/roles/revoke"): lambda s, who: s.call(
        who, "POST", "/pages/roles/revoke", account="712020:never-was"
    ),
    ("POST", "/pages/settings/pause/<any(pause, resume):action>"): lambda s, who: s.call(
        who, "POST", "/pages/settings/pause/resume"
    ),
    ("POST", "/pages/settings/details"): lambda s, who: s.call(
        who, "POST", "/pages/settings/details", days="15"
    ),
    ("POST", "/pages/settings/project-admins"): lambda s, who: s.call(
        who, "POST", "/pages/settings/project-admins", allowed="perhaps"
    ),
}


# What has nothing of its own to say: ids that never were in the path.
PLAIN = (
    ("GET", "/pages/drafts/<uuid:draft>/moves"),
    ("GET", "/pages/drafts/<uuid:draft>/people"),
    ("GET", "/pages/drafts/<uuid:draft>/people/<any(left, right):side>/search"),
    ("GET", "/pages/drafts/<uuid:draft>/review/effects"),
    ("GET", "/pages/drafts/<uuid:draft>/review/load"),
    ("GET", "/pages/drafts/<uuid:draft>/review/sentences"),
    ("GET", "/pages/drafts/<uuid:draft>/values/<int:number>"),
    ("GET", "/pages/drafts/<uuid:draft>/values/links"),
    ("GET", "/pages/parts/samples"),
    ("GET", "/pages/profiles/<uuid:profile>/first-load"),
    ("POST", "/pages/connections/<uuid:connection>/samples/<any(allow, withdraw):action>"),
    ("POST", "/pages/drafts/<uuid:draft>/again"),
    ("POST", "/pages/drafts/<uuid:draft>/finish"),
    ("POST", "/pages/drafts/<uuid:draft>/moves/<any(give, drop):deed>"),
    ("POST", "/pages/drafts/<uuid:draft>/people/<any(usual, pair, part):deed>"),
    ("POST", "/pages/drafts/<uuid:draft>/review/try"),
    ("POST", "/pages/drafts/<uuid:draft>/values/<int:number>/<any(left, right):side>"),
    ("POST", "/pages/drafts/<uuid:draft>/values/<int:number>/rule"),
    ("POST", "/pages/drafts/<uuid:draft>/values/<int:number>/suggested"),
    ("POST", "/pages/drafts/<uuid:draft>/values/links/<any(left, right, suggested):deed>"),
)


def plain(method: str, path: str) -> Callable[[Scene, str], requests.Response]:
    """The call of an endpoint with nothing but ids that never were."""
    filled = re.sub(r"<uuid:\w+>", NEVER, path)
    filled = re.sub(r"<any\((\w+)[^)]*\):\w+>", r"\1", filled)
    filled = re.sub(r"<int:\w+>", "1", filled)
    return lambda s, who: s.call(who, method, filled)


CALLS |= {place: plain(*place) for place in PLAIN}


def test_every_endpoint_of_a_person_is_tried_here(scene: Scene) -> None:
    asked = {(row["methods"], row["path"]) for row in scene.matrix if row["permission"]}
    assert asked == set(CALLS)


@pytest.mark.parametrize("person", PERSONS)
@pytest.mark.parametrize(("method", "path"), CALLS, ids=lambda part: str(part))
def test_each_cell_of_the_matrix_is_allowed_or_403(
    scene: Scene, person: str, method: str, path: str
) -> None:
    [row] = [one for one in scene.matrix if (one["methods"], one["path"]) == (method, path)]
    everybodys = row["permission"] == Permission.GLANCE.value
    allowed = everybodys or row.get(person) in {"yes", "own projects"}
    answer = CALLS[method, path](scene, person)
    if allowed:
        assert answer.status_code in {200, 400, 404, 422}, answer.text
    else:
        assert answer.status_code == 403, answer.text


def test_a_granted_admin_may_all_that_a_site_admin_may(scene: Scene) -> None:
    account = scene.people["nobody"]
    scene.call("admin", "POST", "/pages/roles", account=account, role="admin")
    for name, call in CALLS.items():
        assert call(scene, "nobody").status_code in {200, 400, 404, 422}, name
    scene.call("nobody", "POST", "/pages/roles/revoke", account=account)
    assert scene.call("nobody", "GET", "/pages/profiles").status_code == 403


def test_a_project_admin_sees_and_maps_his_own_projects_and_no_other(scene: Scene) -> None:
    who = "project-admin"
    assert scene.call("viewer", "GET", "/pages/profiles").json() != []
    assert scene.call(who, "GET", "/pages/profiles").json() == []
    assert "of the second project" not in scene.load_page(who).text
    hidden = scene.call(who, "POST", f"/pages/profiles/{scene.profile}/pause")
    never = scene.call(who, "POST", f"/pages/profiles/{NEVER}/pause")
    assert (hidden.status_code, hidden.json()["detail"]) == (404, never.json()["detail"])
    form = {
        "connection": scene.connection,
        "name": "mine",
        "left_type": scene.types["left"],
        "right_project": scene.projects["right"],
        "right_type": scene.types["right"],
    }
    other = scene.call(who, "POST", "/pages/profiles", left_project=scene.projects["other"], **form)
    assert (other.status_code, "administer" in other.json()["detail"]) == (403, True)
    types = scene.call(
        who, "GET", f"/pages/parts/types/left?left_project={scene.projects['other']}"
    )
    assert types.status_code == 403
    made = scene.call(who, "POST", "/pages/profiles", left_project=scene.projects["own"], **form)
    assert made.status_code == 200, made.text
    assert [one["name"] for one in scene.call(who, "GET", "/pages/profiles").json()] == ["mine"]
    early = scene.call(who, "POST", f"/pages/profiles/{made.json()['profile']}/pause")
    assert early.status_code == 409
    assert early.json()["type"].endswith("waits-for-approval")
    scene.stack.approve(scene.stack.sandbox.globex, made.json()["profile"])
    paused = scene.call(who, "POST", f"/pages/profiles/{made.json()['profile']}/pause")
    assert paused.json() == {"state": "paused"}


def test_a_role_counts_from_the_grant_to_the_revocation(scene: Scene) -> None:
    account = scene.people["viewer"]
    assert scene.call("viewer", "GET", "/pages/profiles").status_code == 200
    revoked = scene.call("admin", "POST", "/pages/roles/revoke", account=account)
    assert account not in {one["account"] for one in revoked.json()["people"]}
    assert scene.call("viewer", "GET", "/pages/profiles").status_code == 403
    granted = scene.call("admin", "POST", "/pages/roles", account=account, role="viewer")
    assert {"account": account, "role": "viewer"} in granted.json()["people"]
    assert scene.call("viewer", "GET", "/pages/profiles").status_code == 200


def test_project_admins_have_no_way_in_where_the_site_does_not_allow_it(scene: Scene) -> None:
    shut = scene.call("admin", "POST", "/pages/settings/project-admins", allowed="no")
    assert shut.json()["projectAdminsMap"] is False
    assert scene.call("project-admin", "GET", "/pages/profiles").status_code == 403
    scene.call("admin", "POST", "/pages/settings/project-admins", allowed="yes")
    assert scene.call("project-admin", "GET", "/pages/profiles").status_code == 200


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"account": "712020:never-was", "role": "viewer"}, "account"),
        ({"account": "a b", "role": "viewer"}, "account"),
        ({"account": "x", "role": "owner"}, "role"),
        ({"account": "x", "role": "project-admin"}, "role"),
        ({"role": "viewer"}, "account"),
    ],
)
def test_a_grant_that_makes_no_sense_names_the_field(
    scene: Scene, form: dict[str, str], field: str
) -> None:
    before = scene.call("admin", "GET", "/pages/parts/people").json()
    answer = scene.call("admin", "POST", "/pages/roles", **form)
    assert (answer.status_code, answer.json()["field"]) == (400, field)
    assert scene.call("admin", "GET", "/pages/parts/people").json() == before


def test_jira_is_asked_once_a_minute_who_is_an_admin(scene: Scene) -> None:
    acme = scene.stack.sandbox.acme
    acme.clear_calls()
    began = time.monotonic()
    for _ in range(20):
        assert scene.call("admin", "GET", "/pages/profiles").status_code == 200
    minutes = 1 + (time.monotonic() - began) // 60  # on a slow machine more than one
    # Each of the two web processes remembers for itself.
    paths = acme.calls()["byApp"].get(APP_KEY, {"paths": {}})["paths"]
    asked = sum(count for path, count in paths.items() if "permissions/check" in path)
    assert asked <= 2 * minutes
