"""The panel of an issue and the page of a project: whose issue it is, who is told what, and what
"sync now" marks."""

from __future__ import annotations

import gzip
import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
from flask import Flask
from werkzeug.test import TestResponse

from app import Tandem
from app.activity.log import Detail, Outcome, record
from app.database import TenantId, tenant_transaction
from app.mapping import drafts, profiles
from app.sync.parked import place
from app.tenants.caller import Caller, Permission, Proof
from app.tenants.roles import KEPT_SECONDS, Authority, Role, Standing
from app.vault.vault import Place
from tests.edge.jira import Jira
from tests.edge.test_filters import played
from tests.edge.test_webhooks import profile

__all__ = ["profile"]

PEOPLE = {"ann": "admin", "ed": "editor", "vi": "viewer"}
ISSUE, TWIN = 10033, 20033
KEY = "summary=summary"


@dataclass
class Scene:
    """A profile with a pair of issues in step, and people of the left site."""

    tandem: Tandem
    profile: uuid.UUID
    left: Jira
    right: Jira
    database: str
    administers: set[str] = field(default_factory=set)
    admins: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    host: str = ""
    site: Any = None

    def token(self, person: str = "vi", issue: int | None = ISSUE, **more: Any) -> str:
        """What Jira gives the panel of an issue for calls of its own server."""
        jira = {"issue": {"id": str(issue), "key": "WEB-1"}} if issue else {}
        site = more.pop("site", self.left)
        return str(site.context_token(person, context={"jira": jira | more}))

    def part(self, person: str = "vi", **more: Any) -> TestResponse:
        """The part of the panel, as JSON."""
        return self.call("GET", "/pages/issue/part", self.token(person, **more))

    def pairs(self, person: str = "vi", **more: Any) -> list[dict[str, Any]]:
        """The pairs that a person is shown."""
        answer = self.part(person, **more)
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json["pairs"]
        return found

    def detail(self, person: str = "vi", **more: Any) -> dict[str, Any]:
        """What is told of the one pair."""
        [pair] = self.pairs(person, **more)
        found: dict[str, Any] = pair["detail"]
        return found

    def call(
        self, method: str, path: str, token: str, accept: str = "application/json"
    ) -> TestResponse:
        """Call as a person's page does."""
        headers = {"Authorization": f"JWT {token}", "Accept": accept}
        return self.left.client.open(path, method=method, headers=headers)

    def page(self, path: str, person: str = "vi", **claims: Any) -> TestResponse:
        """Load a page by an address that Jira signs."""
        token = self.left.token("GET", path, sub=person, **claims)
        return self.left.client.get(f"{path}{'&' if '?' in path else '?'}jwt={token}")

    def ask(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """What the database does and says, as its owner."""
        with psycopg.connect(self.database) as owner:
            found = owner.execute(query, values)
            return found.fetchall() if found.description else []

    @property
    def tenants(self) -> tuple[TenantId, TenantId]:
        """The two sites."""
        stored = profiles.load(self.tandem.vault, self.profile)
        return stored.left_tenant, stored.right_tenant

    def dirty(self, side: str = "left", issue: int = ISSUE, **columns: Any) -> None:
        """Mark an issue of the pair, in whatever state."""
        left, right = self.tenants
        values = {
            "profile_id": self.profile, "side": side, "issue_id": issue, "lane": 5,
            "left_tenant_id": left, "right_tenant_id": right, **columns,
        }  # fmt: skip
        names = ", ".join(values)
        marks = ", ".join(["%s"] * len(values))
        self.ask(f"INSERT INTO change ({names}) VALUES ({marks})", *values.values())

    def wrote(self, side: str, source: str, how: str = "change", revision: int = 1) -> None:
        """Note that the summary of a side was written last."""
        self.ask(
            "INSERT INTO provenance (link_id, left_tenant_id, right_tenant_id, side, field_key,"
            " source, revision, how, made, at) SELECT id, left_tenant_id, right_tenant_id, %s, %s,"
            " %s, %s, %s, false, now() FROM issue_link",
            side, KEY, source, revision, how,
        )  # fmt: skip

    def told(self, sentence: str) -> None:
        """A visit told why the summary was left alone."""
        left, right = self.tenants
        with tenant_transaction(left) as session:
            record(
                session,
                self.tandem.vault,
                profile_id=self.profile,
                tenants=(left, right),
                keys=("WEB-1", "PLAT-1"),
                outcome=Outcome.LEFT_ALONE,
                details=[Detail(sentence, field=KEY)],
            )


@pytest.fixture
def scene(
    app: Flask, profile: uuid.UUID, installed: Jira, other: Jira, database_url: str
) -> Iterator[Scene]:
    made = Scene(app.extensions["tandem"], profile, installed, other, database_url)

    def permissions(path: str, sent: dict[str, Any]) -> tuple[int, Any]:
        """A Jira whose admins, of projects and of all, are the test's to say."""
        if path == "project/search":
            return 200, {"isLast": True, "values": [{"id": "10000", "key": "WEB", "name": "Web"}]}
        assert path == "permissions/check", sent
        made.asked.append(sent["accountId"])
        own = [{"permission": "ADMINISTER_PROJECTS", "projects": [10000], "issues": []}]
        asks_for_projects = bool(sent.get("projectPermissions"))
        given = own if asks_for_projects and sent["accountId"] in made.administers else []
        everything = ["ADMINISTER"] if sent["accountId"] in made.admins else []
        return 200, {"globalPermissions": everything, "projectPermissions": given}

    for account, role in PEOPLE.items():
        made.ask(
            "INSERT INTO role_assignment (tenant_id, account_id, role, granted_by)"
            " SELECT id, %s, %s, 'admin' FROM installation",
            account, role,
        )  # fmt: skip
    made.ask("UPDATE profile SET state = 'on'")
    made.ask(
        "INSERT INTO issue_link (id, profile_id, left_tenant_id, right_tenant_id, lane,"
        " left_issue_id, right_issue_id, left_key, right_key, base, synced_at)"
        " SELECT %s, id, left_tenant_id, right_tenant_id, 5, %s, %s, 'WEB-1', 'PLAT-1', %s, now()"
        " FROM profile",
        uuid.uuid4(), ISSUE, TWIN, json.dumps({"left": {}, "right": {}}),
    )  # fmt: skip
    with played(permissions) as jira:
        for site, shown in ((installed, "acme"), (other, "globex")):
            address = f"https://{shown}.example.test"
            assert site.install(baseUrl=jira.site.base_url, displayUrl=address).status_code == 204
            assert site.enable().status_code == 204
        made.site = jira.site
        made.host = jira.site.base_url.split("://", 1)[1]
        yield made


def test_a_person_with_a_role_is_told_of_the_twin_and_of_every_field(scene: Scene) -> None:
    scene.wrote("right", "left")
    [pair] = scene.pairs()
    assert (pair["twin"], pair["site"]) == ("PLAT-1", scene.host)
    assert pair["url"] == "https://globex.example.test/browse/PLAT-1"
    detail = pair["detail"]
    assert (pair["in_step"], detail["step"], detail["profile"]) == (True, "in-step", "Tasks")
    summary, *rest = detail["fields"]
    assert (summary["name"], summary["last"]) == ("Summary", "Written to PLAT-1 from here")
    assert summary["when"] == "just now, by revision 1, the present one"
    assert {one["last"] for one in rest} == {"Never written by Tandem"}
    assert detail["troubled"] == []
    page = scene.page(f"/pages/issue?issue={ISSUE}", "ed").text
    static = Path(__file__).parents[2] / "static"
    used = ["vendor/tokens.css", "tandem.css", "issue.css", "early.js", "vendor/htmx.min.js",
            "tandem.js", "issue.js"]  # fmt: skip
    assert all(f"/static/{one}" in page for one in used)
    sizes = [len(gzip.compress((static / one).read_bytes())) for one in used]
    assert sum(sizes) + len(gzip.compress(page.encode())) < 100_000


def test_the_partner_sees_the_same_pair_from_his_side(scene: Scene) -> None:
    scene.wrote("right", "left", how="conflict", revision=0)
    [pair] = scene.pairs("ed", issue=TWIN, site=scene.right)
    assert pair["twin"] == "WEB-1"
    summary = pair["detail"]["fields"][0]
    assert summary["last"] == "Written here from WEB-1, which won a conflict"
    assert "revision 0, an earlier one" in summary["when"]
    # The ids of the other site's issues are other issues here.
    assert scene.pairs(issue=TWIN) == []
    assert scene.pairs("ed", issue=ISSUE, site=scene.right) == []


def test_who_has_no_role_sees_the_twin_and_whether_it_is_in_step_and_nothing_else(
    scene: Scene,
) -> None:
    scene.told("a sentence about the summary")
    [pair] = scene.pairs("stranger")
    assert pair == {
        "id": str(scene.profile),
        "site": scene.host,
        "twin": "PLAT-1",
        "url": "https://globex.example.test/browse/PLAT-1",
        "in_step": True,
        "detail": None,
    }
    page = scene.page(f"/pages/issue?issue={ISSUE}", "stranger")
    assert page.status_code == 200
    assert "PLAT-1" in page.text
    for secret in ("Tasks", "a sentence about", "Summary", "sync-now"):
        assert secret not in page.text
    scene.dirty()
    assert scene.pairs("stranger")[0]["in_step"] is False
    refused = scene.call("POST", "/pages/issue/sync", scene.token("stranger"))
    assert refused.status_code == 403


def test_who_looks_at_issues_without_a_role_costs_his_site_a_call_an_hour(scene: Scene) -> None:
    now = [0.0]
    authority = Authority(lambda tenant: scene.site, lambda: now[0])
    stranger = Caller(scene.tenants[0], "stranger", Proof.CONTEXT)
    for seconds, asked in ((0, 1), (1800, 1), (3599, 1), (3601, 2)):
        now[0] = seconds
        assert authority.require(stranger, Permission.GLANCE) is None
        assert scene.asked == ["stranger"] * asked
    # Where a no refuses, it is asked anew after a minute; what it says then holds here too.
    now[0] += KEPT_SECONDS + 1
    scene.admins.add("stranger")
    standing = authority.require(stranger, Permission.SEE)
    assert standing == authority.require(stranger, Permission.GLANCE) == Standing(Role.ADMIN)
    assert scene.asked == ["stranger"] * 3


def test_a_project_admin_is_told_of_his_own_projects_alone(scene: Scene) -> None:
    scene.administers.add("pat")
    assert scene.detail("pat") is None
    scene.ask("UPDATE installation SET project_admins_map = true")
    assert scene.detail("pat")["profile"] == "Tasks"
    scene.ask("UPDATE profile SET left_project_id = 10001")
    assert scene.detail("pat") is None
    refused = scene.call("POST", "/pages/issue/sync", scene.token("pat"))
    assert refused.status_code == 403
    assert "projects that you administer" in refused.json["detail"]
    assert scene.ask("SELECT count(*) FROM change") == [(0,)]


def test_the_issue_is_the_one_that_jira_signed(scene: Scene) -> None:
    address = f"/pages/issue?issue={ISSUE}"
    assert "PLAT-1" in scene.page(address).text
    same = {"jira": {"issue": {"id": str(ISSUE)}}}
    assert "PLAT-1" in scene.page(address, context=same).text
    # A token for another issue than its address, an address that was changed, and none.
    another = {"jira": {"issue": {"id": "77"}}}
    assert scene.page(address, context=another).status_code == 401
    signed = scene.left.token("GET", "/pages/issue?issue=77", sub="vi")
    assert scene.left.client.get(f"{address}&jwt={signed}").status_code == 401
    nowhere = scene.page("/pages/issue")
    assert (nowhere.status_code, nowhere.mimetype) == (400, "text/html")
    for page in (nowhere, scene.page(address)):
        assert "frame-ancestors http://127.0.0.1" in page.headers["Content-Security-Policy"]
    # What the page adds to its own calls is nothing to a context token.
    outside = scene.call("GET", f"/pages/issue/part?issue={ISSUE}", scene.token(issue=None))
    assert (outside.status_code, "in an issue" in outside.json["detail"]) == (400, True)
    other = scene.call("GET", f"/pages/issue/part?issue={ISSUE}", scene.token(issue=77))
    assert other.json["pairs"] == []


def test_an_issue_that_is_no_id_is_none(scene: Scene) -> None:
    for odd in ("x", "-1", "1" * 19, "1;", "", True, 1.5, ["1"], {"id": 1}, None):
        for jira in ({"issue": {"id": odd}}, {"issue": odd if odd != {"id": 1} else 1}, odd):
            token = scene.left.context_token("vi", context={"jira": jira})
            assert scene.call("GET", "/pages/issue/part", token).status_code == 400
    token = scene.left.context_token("vi", context="x")
    assert scene.call("GET", "/pages/issue/part", token).status_code == 400


def test_each_state_of_a_pair_has_its_words(scene: Scene) -> None:
    states = [
        ("UPDATE issue_link SET synced_at = NULL", "not-yet", "not compared yet"),
        ("UPDATE issue_link SET outside = 'left'", "outside", "This issue is outside"),
        ("UPDATE issue_link SET outside = 'right'", "outside", "outside the filter of "),
        ("UPDATE issue_link SET outside = 'both'", "outside", "Both issues are outside"),
        ("UPDATE profile SET reason = 'It waits.'", "stopped", "It waits."),
        ("UPDATE profile SET state = 'paused'", "paused", "is paused"),
        ("UPDATE profile SET state = 'proposed'", "proposed", "approved it"),
    ]
    for change, step, sentence in states:
        scene.ask(change)
        detail = scene.detail()
        assert (detail["step"], sentence in detail["sentence"]) == (step, True)
        assert scene.pairs("stranger")[0]["in_step"] is False


def test_what_changes_is_on_its_way_and_what_has_to_wait_says_why(scene: Scene) -> None:
    scene.dirty("right", TWIN)
    assert scene.detail()["step"] == "pending"
    assert scene.part().json["moving"] is True
    scene.ask(
        "UPDATE change SET attempts = 1, reason = 'no-answer', not_before = now() + interval '1 h'"
    )
    detail = scene.detail()
    assert (detail["step"], "did not answer" in detail["sentence"]) == ("waiting", True)
    assert scene.part().json["banners"] == []
    scene.ask(
        "INSERT INTO site_budget (tenant_id, code, blocked_until) VALUES (%s, 'unreachable',"
        " now() + interval '1 h')",
        scene.tenants[1],
    )
    assert f"{scene.host} does not answer" in scene.part().json["banners"][0]
    assert scene.part("stranger").json["banners"] == []
    assert scene.part().json["moving"] is False


def test_an_issue_without_a_twin_is_shown_by_its_mark_alone(scene: Scene) -> None:
    scene.dirty(issue=4711)
    [pair] = scene.pairs(issue=4711)
    assert (pair["twin"], pair["url"]) == (None, None)
    assert pair["detail"]["step"] == "pending"
    assert "On its way" in scene.page("/pages/issue?issue=4711").text
    assert scene.pairs("stranger", issue=4711) == []
    assert "has no twin" in scene.page("/pages/issue?issue=4711", "stranger").text
    assert scene.pairs(issue=4712) == []
    assert "No profile carries this issue" in scene.page("/pages/issue?issue=4712").text


def test_a_pair_that_ended_and_a_twin_that_was_deleted_are_told_as_such(scene: Scene) -> None:
    scene.ask("UPDATE issue_link SET right_told = 'deleted'")
    detail = scene.detail()
    assert (detail["step"], "stays as it is" in detail["sentence"]) == ("gone", True)
    assert scene.pairs("stranger")[0]["in_step"] is False
    scene.ask(
        "INSERT INTO unlinked (profile_id, side, issue_id, left_tenant_id, right_tenant_id, why)"
        " SELECT profile_id, 'left', left_issue_id, left_tenant_id, right_tenant_id, 'moved'"
        " FROM issue_link"
    )
    scene.ask("DELETE FROM issue_link")
    detail = scene.detail("ed")
    assert (detail["step"], "moved away. This one gets no other" in detail["sentence"]) == (
        "ended",
        True,
    )
    assert scene.pairs("stranger") == []
    assert scene.part("ed").json["may_sync"] is False


def test_a_parked_field_tells_why_and_what_to_do(scene: Scene) -> None:
    scene.dirty(parked=True, reason="value-unknown")
    left, right = scene.tenants
    cause = uuid.uuid4()
    said = scene.tandem.vault.seal(place(left, cause), b"Priority: no such thing")
    scene.ask(
        "INSERT INTO parked_cause (id, profile_id, side, issue_id, left_tenant_id,"
        " right_tenant_id, at_side, code, field, field_key, said) VALUES (%s, %s, 'left', %s, %s,"
        " %s, 'right', 'value-unknown', 'summary', %s, %s)",
        cause, scene.profile, ISSUE, left, right, KEY, said,
    )  # fmt: skip
    detail = scene.detail()
    assert detail["step"] == "parked"
    [field] = detail["troubled"]
    [reason] = field["now"]
    assert f"{scene.host} does not know the value of Summary" in reason["sentence"]
    assert f"An admin of {scene.host} adds the value" in reason["cure"]
    assert reason["said"] == "Priority: no such thing"
    page = scene.page(f"/pages/issue?issue={ISSUE}").text
    assert "does not know the value" in page
    assert "no such thing" not in scene.page(f"/pages/issue?issue={ISSUE}", "stranger").text


def test_a_conflict_leads_to_where_it_is_decided(scene: Scene) -> None:
    question = uuid.uuid4()
    where = Place(scene.tenants[0], "conflict_question", "held", str(question))
    sealed = scene.tandem.vault.seal(where, b'["a", "b"]')
    scene.ask(
        "INSERT INTO conflict_question (id, profile_id, left_tenant_id, right_tenant_id, link_id,"
        " field_key, held, left_mark, right_mark) SELECT %s, profile_id, left_tenant_id,"
        " right_tenant_id, id, %s, %s, '', '' FROM issue_link",
        question, KEY, sealed,
    )  # fmt: skip
    detail = scene.detail()
    assert (detail["step"], detail["troubled"][0]["key"]) == ("conflict", KEY)
    page = scene.page(f"/pages/issue?issue={ISSUE}").text
    to = f"/plugins/servlet/ac/tandem/tandem?ac.open=conflict&amp;ac.of={question}"
    assert f'{to}" target="_top">Choose in Tandem' in page
    # Jira hands both on to the page, which opens there.
    page = scene.page(f"/pages/home?open=conflict&of={question}").text
    assert f'hx-get="/pages/views/conflicts?of={question}"' in page
    assert f'data-focus-at="asks-{question}"' in page
    assert "Keeps issues of" not in page  # the list of profiles is not made for nothing
    view = scene.call("GET", f"/pages/views/conflicts?of={question}", scene.token(), "text/html")
    assert f'hx-get="/pages/conflicts?of={question}"' in view.text
    card = scene.call("GET", f"/pages/conflicts?of={question}", scene.token(), "text/html").text
    assert f'id="asks-{question}" tabindex="-1"' in card


def test_a_link_to_what_is_out_of_reach_says_so_above_the_list_as_if_it_never_was(
    scene: Scene,
) -> None:
    scene.administers.add("pat")
    scene.ask("UPDATE installation SET project_admins_map = true")
    scene.ask("UPDATE profile SET left_project_id = 10001")
    nowhere, no_profile = "The link leads to nothing", "There is no such profile."
    no_question, no_project = "There is no such question.", "projects that you administer"
    for person, query, sentence in (
        ("pat", f"open=profile&of={scene.profile}", no_profile),
        ("pat", f"open=profile&of={uuid.uuid4()}", no_profile),
        ("vi", f"open=approval&of={scene.profile}", no_profile),
        ("vi", f"open=conflict&of={uuid.uuid4()}", no_question),
        ("pat", "open=new&of=10001", no_project),
        ("vi", "open=new&of=10000", no_project),
        ("vi", "open=profile&of=WEB-1", nowhere),
        ("vi", "open=secret&of=1", nowhere),
        ("ed", "open=new&of=%F0%9F%98%80", nowhere),
        ("ed", "open=new&of=", nowhere),
    ):
        page = scene.page(f"/pages/home?{query}", person)
        assert page.status_code == 200, query
        assert sentence in page.text.split('id="unopened"')[1].split("</p>")[0], query
        assert 'id="opener"' not in page.text
        assert "Keeps issues of" in page.text
    # What the address of Jira's page does not say opens nothing.
    for plain in ("", "?open=&of=", "?open=%7Bac.open%7D&of=%7Bac.of%7D"):
        page = scene.page(f"/pages/home{plain}").text
        assert "unopened" not in page and "opener" not in page
    by_its_own_name = f"/pages/home?open=&of=&ac.open=profile&ac.of={uuid.uuid4()}"
    assert no_profile in scene.page(by_its_own_name).text


def test_a_link_opens_a_profile_its_approval_or_the_editor_with_its_project(scene: Scene) -> None:
    profile = scene.profile
    page = scene.page(f"/pages/home?open=profile&of={profile}").text
    assert f'hx-get="/pages/views/profiles/{profile}" hx-target="#view"' in page
    page = scene.page(f"/pages/home?open=approval&of={profile}", "ed").text
    assert 'hx-get="/pages/approvals" hx-target="#panel"' in page
    assert "Keeps issues of" in page
    page = scene.page("/pages/home?open=new&of=10000", "ed").text
    assert 'hx-post="/pages/drafts" hx-vals=\'{"project": "10000"}\' hx-target="#view"' in page

    def begin(person: str, project: str) -> TestResponse:
        return scene.left.client.post(
            "/pages/drafts",
            data={"project": project},
            headers={
                "Authorization": f"JWT {scene.token(person)}", "Accept": "application/json",
            },
        )  # fmt: skip

    made = begin("ed", "10000")
    assert made.status_code == 200, made.text
    # The page may be loaded again: what nobody went on with is taken up.
    assert begin("ed", "10000").json == made.json
    assert begin("ed", "10001").json["draft"] != made.json["draft"]
    ed = Caller(scene.tenants[0], "ed", Proof.CONTEXT)
    draft = drafts.load(scene.tandem.vault, ed, uuid.UUID(made.json["draft"]))
    assert draft.document["left"] == {"project": "10000"}
    scene.administers.add("pat")
    scene.ask("UPDATE installation SET project_admins_map = true")
    assert begin("pat", "10001").status_code == 403


def test_why_a_field_was_left_alone_is_told_until_it_is_written_again(scene: Scene) -> None:
    scene.told("summary changed on the right side, but is carried only from left to right")
    [field] = scene.detail()["troubled"]
    assert field["alone"] == {
        "sentence": "Summary changed on PLAT-1, but is carried only from WEB-1 to PLAT-1",
        "ago": "just now",
    }
    scene.wrote("right", "left")
    assert scene.detail()["troubled"] == []


def test_sync_now_marks_the_pair_asks_again_what_was_parked_and_rings(scene: Scene) -> None:
    scene.dirty(parked=True, reason="value-unknown")
    before = scene.ask("SELECT version FROM change")[0][0]
    answer = scene.call("POST", "/pages/issue/sync", scene.token("ed"))
    assert (answer.status_code, answer.json["moving"]) == (200, True)
    assert answer.json["pairs"][0]["detail"]["step"] == "pending"
    [(side, issue, version, parked)] = scene.ask(
        "SELECT side, issue_id, version, parked FROM change"
    )
    assert (side, issue, version, parked) == ("left", ISSUE, before + 1, False)
    jobs = "SELECT args FROM procrastinate_jobs WHERE task_name = 'drain' AND status = 'todo'"
    assert scene.ask(jobs) == [({"lane": 5, "profile_id": str(scene.profile)},)]


def test_a_viewer_has_no_button_and_a_paused_profile_nothing_to_hurry(scene: Scene) -> None:
    assert scene.part("ed").json["may_sync"] is True
    assert scene.part("vi").json["may_sync"] is False
    assert scene.call("POST", "/pages/issue/sync", scene.token("vi")).status_code == 403
    scene.ask("UPDATE profile SET state = 'paused'")
    assert scene.part("ed").json["may_sync"] is False
    refused = scene.call("POST", "/pages/issue/sync", scene.token("ed"))
    assert (refused.status_code, refused.json["type"]) == (
        409,
        "urn:tandem:problem:nothing-to-sync",
    )
    assert scene.ask("SELECT count(*) FROM change") == [(0,)]


def of_project(project: int) -> dict[str, Any]:
    return {"issue": None, "project": {"id": str(project), "key": "WEB"}}


def test_the_page_of_a_project_has_its_profiles_alone(scene: Scene) -> None:
    page = scene.page("/pages/project?project=10000").text
    assert "Tasks" in page
    assert "/pause" not in page
    assert "New profile in Tandem" not in page
    assert "/pause" in scene.page("/pages/project?project=10000", "ed").text
    assert "Tasks" not in scene.page("/pages/project?project=10001").text
    assert scene.page("/pages/project").status_code == 400
    scene.administers.add("pat")
    refused = scene.page("/pages/project?project=10000", "pat")
    assert (refused.status_code, "with a role in it" in refused.text) == (403, True)
    assert refused.mimetype == "text/html"
    scene.ask("UPDATE installation SET project_admins_map = true")
    shown = scene.page("/pages/project?project=10000", "pat").text
    assert "Tasks" in shown
    assert "New profile in Tandem" in shown
    assert "New profile in Tandem" not in scene.page("/pages/project?project=10001", "pat").text


def test_a_profile_is_paused_on_the_page_of_its_project_and_on_no_other(scene: Scene) -> None:
    path = f"/pages/project/{scene.profile}/pause"
    for person, project, status in (
        ("vi", 10000, 403), ("ed", 10001, 404), ("ed", 10000, 200)
    ):  # fmt: skip
        token = scene.token(person, **of_project(project))
        assert scene.call("POST", path, token).status_code == status
    assert scene.ask("SELECT state FROM profile") == [("paused",)]
    token = scene.token("ed", **of_project(10000))
    answer = scene.call("POST", path.replace("pause", "resume"), token)
    assert answer.json["profiles"] == [{"id": str(scene.profile), "state": "on"}]
    assert scene.call("GET", "/pages/project/part", scene.token("ed")).status_code == 400
