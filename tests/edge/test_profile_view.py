"""The page of one profile: who sees and may do what, revisions, files, copies and the end."""

from __future__ import annotations

import io
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import psycopg
import pytest
from flask import Flask
from werkzeug.test import TestResponse

from app import Tandem
from app.mapping import approvals, profiles, revisions
from app.mapping.profile import Flow, ItemKind, Policy, Profile, Row, Side
from app.screens.profile_file_view import file_name
from app.tenants.caller import Caller, Proof
from demo.stack import wait_until
from tests.edge.jira import Jira
from tests.edge.people import grant_roles
from tests.edge.profile_site import Site, served
from tests.edge.test_webhooks import profile

__all__ = ["profile"]

FILTER = "summary ~ Rumpelstilzchen"


@dataclass
class Scene:
    """A profile between two sites that tell names; people of both with a role each."""

    tandem: Tandem
    id: uuid.UUID
    left: Jira
    right: Jira
    sites: dict[Side, Site]
    database: str

    def call(
        self, path: str, data: Any = None, *, site: Jira | None = None, who: str = "ed", **more: Any
    ) -> TestResponse:
        """Call as a person of a site (the left one's), as the page would; POST where there is
        data. `path`: below the profile, or whole."""
        path = path if path.startswith("/pages") else f"/pages/profiles/{self.id}{path}"
        jira = site or self.left
        headers = {
            "Authorization": f"JWT {jira.context_token(who)}",
            "Accept": more.pop("accept", "application/json"),
        }
        if data is None:
            return jira.client.get(path, headers=headers, **more)
        return jira.client.post(path, data=data, headers=headers, **more)

    def view(self, **more: Any) -> TestResponse:
        """The page."""
        return self.call(f"/pages/views/profiles/{self.id}", accept="text/html", **more)

    def stored(self, profile: uuid.UUID | None = None) -> profiles.StoredProfile:
        """A profile as it is now."""
        return profiles.load(self.tandem.vault, profile or self.id)

    def save(self, new: Profile, site: Jira | None = None, who: str = "ann") -> approvals.Saved:
        """Save a mapping as a person of a site."""
        known = self.tandem.installations.find((site or self.left).client_key)
        assert known is not None
        caller = Caller(known.tenant, who, Proof.CONTEXT)
        return approvals.save(self.tandem.vault, self.tandem.record, caller, self.id, new)

    def ruled(self, **rules: Any) -> Profile:
        """The mapping with other rules of its first field."""
        now = self.stored().profile
        return replace(now, fields=(replace(now.fields[0], **rules), *now.fields[1:]))

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        """What the database says, as its owner."""
        with psycopg.connect(self.database) as owner:
            return owner.execute(query).fetchall()


@pytest.fixture
def scene(
    app: Flask, profile: uuid.UUID, installed: Jira, other: Jira, database_url: str
) -> Iterator[Scene]:
    left = Site(
        ("10000", "ACME", "Acme <Shop>"),
        ("10003", "Bug"),
        {"customfield_1": "Area"},
        {"ann": "Ann <b>Archer</b>"},
    )
    right = Site(("20000", "GLO", "Globex 🛠"), ("20003", "Defect"), {"customfield_2": "Bereich"})
    grant_roles(database_url)
    with served(left), served(right):
        for jira, site in ((installed, left), (other, right)):
            assert jira.install(baseUrl=site.base_url).status_code == 204
            assert jira.enable().status_code == 204
        tandem: Tandem = app.extensions["tandem"]
        sites = {Side.LEFT: left, Side.RIGHT: right}
        yield Scene(tandem, profile, installed, other, sites, database_url)


def test_the_page_shows_what_is_carried_at_once_and_the_sites_names_after(scene: Scene) -> None:
    for site in scene.sites.values():
        site.asked.clear()
    first = scene.view()
    assert first.status_code == 200
    asked = {one for site in scene.sites.values() for one in site.asked} - {"permissions/check"}
    assert asked == set()  # the view waits for no site
    assert f'hx-get="/pages/profiles/{scene.id}/carried" hx-trigger="load,' in first.text
    for words in ("Tasks", scene.sites[Side.LEFT].host, "Due date", "the newer change wins"):
        assert words in first.text
    named = scene.call("/carried", accept="text/html").text
    assert "<bdi>Acme &lt;Shop&gt; (ACME)</bdi> · <bdi>Bug</bdi>" in named
    assert "<bdi>Globex 🛠 (GLO)</bdi> · <bdi>Defect</bdi>" in named
    again = scene.view().text
    assert "<bdi>Acme &lt;Shop&gt; (ACME)</bdi> · <bdi>Bug</bdi>" in again
    assert '/carried" hx-trigger="load,' not in again
    scene.sites[Side.RIGHT].refuses = 403
    anew = scene.call("/carried?anew=1", accept="text/html").text
    assert "Globex" not in anew
    assert "20003" in anew
    told = scene.call(f"/pages/views/profiles/{scene.id}").json
    assert (told["name"], told["state"], told["revision"]) == ("Tasks", "on", 1)


def test_a_viewer_sees_and_changes_nothing_and_out_of_reach_is_never_there(scene: Scene) -> None:
    seen = scene.view(who="vi").text
    assert "What is carried" in seen
    for button in ("profile-edit", "profile-switch", "profile-end", "profile-import"):
        assert f'id="{button}"' not in seen
        assert f'id="{button}"' in scene.view().text
    changes: list[tuple[str, dict[str, str] | None]] = [
        ("/head/pause", {}),
        ("/revisions/1/restore", {"base": "1"}),
        ("/panels/file", None),
        ("/file", {"text": "a: 1"}),
        ("/copies", {"name": "x"}),
        ("/end", {"name": "Tasks"}),
    ]
    for path, data in changes:
        assert scene.call(path, data, who="vi").status_code == 403, path
        assert scene.call(path, data, who="nobody").status_code == 403, path
        never = f"/pages/profiles/{uuid.uuid4()}{path}"
        assert scene.call(never, data, who="ed").status_code == 404, path
    assert scene.call(f"/pages/views/profiles/{uuid.uuid4()}").status_code == 404
    assert scene.call("/revisions", who="nobody").status_code == 403
    assert (scene.stored().state, scene.stored().revision) == ("on", 1)


def test_pause_and_resume_answer_with_the_head_alone(scene: Scene) -> None:
    paused = scene.call("/head/pause", {}, accept="text/html").text
    assert f'hx-post="/pages/profiles/{scene.id}/head/resume"' in paused
    assert 'data-state="paused"' in paused
    assert "view-title" not in paused
    assert scene.call("/head/resume", {}).json == {"state": "on"}
    assert 'data-state="on"' in scene.call("/head", accept="text/html").text


def test_revisions_tell_who_when_and_what_and_one_can_be_restored(scene: Scene) -> None:
    assert scene.save(scene.ruled(policy=Policy.LEFT)).in_force
    assert scene.save(scene.ruled(flow=Flow.TO_RIGHT), scene.right, "gert").in_force
    listed = scene.call("/revisions").json["revisions"]
    assert [(one["number"], one["changes"], one["standing"]) for one in listed] == [
        (3, 1, "in-force"),
        (2, 1, "past"),
        (1, None, "past"),
    ]
    partner = scene.sites[Side.RIGHT].host
    assert [one["by"] for one in listed][:2] == [
        f"somebody of {partner}, or no longer in your Jira",
        "Ann <b>Archer</b>",
    ]
    page = scene.call("/revisions", accept="text/html").text
    assert "Ann &lt;b&gt;Archer&lt;/b&gt;" in page
    assert "gert" not in page
    opened = scene.call("/revisions/2").json
    assert [one["sentence"] for one in opened["changed"]] == [
        f"Where both sides changed Summary, {scene.sites[Side.LEFT].host} wins."
    ]
    assert [one["sentence"] for one in opened["restores"]] == [
        "Summary is carried in both directions."
    ]
    assert "Restore revision 2" in scene.call("/revisions/2", accept="text/html").text
    assert "Restore" not in scene.call("/revisions/2", accept="text/html", who="vi").text
    assert scene.call("/revisions/9").status_code == 404

    late = scene.call("/revisions/1/restore", {"base": "2"})
    assert (late.status_code, late.get_json(force=True)["type"][-17:]) == (
        409,
        ":changed-meanwhile"[1:],
    )
    restored = scene.call("/revisions/1/restore", {"base": "3"})
    assert restored.json == {"revision": 4, "inForce": False}  # more leaves the right site by it
    assert scene.stored().revision == 3
    assert scene.call("/revisions").json["revisions"][0]["standing"] == "waiting"
    approved = scene.call("/approval", {"approve": "yes", "revision": "4"}, site=scene.right)
    assert approved.status_code == 200
    assert scene.stored().profile.fields[0].policy is Policy.NEWER
    whole = scene.call("/revisions/3/restore", {"base": "4"}, accept="text/html")
    assert whole.headers["HX-Retarget"] == "#view"
    assert "is in force." in whole.text
    deeds = scene.ask(
        "SELECT actor, action, detail ->> 'revision', detail ->> 'restored' FROM audit_event"
        " WHERE detail ->> 'revision' IN ('4', '5')"
    )
    assert {
        ("ed", "profile.change-proposed", "4", "1"),
        ("partner", "profile.change-proposed", "4", "1"),
        ("ed", "profile.rules-changed", "5", "3"),
    } <= set(deeds)


def test_what_waits_for_its_approval_is_replaced_only_by_who_saw_what_differs(
    scene: Scene,
) -> None:
    assert scene.save(scene.ruled(policy=Policy.LEFT)).in_force
    assert scene.save(scene.ruled(flow=Flow.TO_RIGHT), scene.right, "gert").in_force
    proposed = scene.call("/revisions/1/restore", {"base": "3"})
    assert proposed.json == {"revision": 4, "inForce": False}
    # The same again is asked for already.
    assert scene.call("/revisions/1/restore", {"base": "3"}).json == proposed.json

    other = {"base": "3"}
    refused = scene.call("/revisions/2/restore", other)
    told = refused.get_json(force=True)
    assert (refused.status_code, told["type"]) == (409, "urn:tandem:problem:proposal-waits")
    assert told["over"] == 4
    assert "Summary is carried in both directions." in told["waiting"]
    assert told["wanted"] == [
        f"Where both sides changed Summary, {scene.sites[Side.LEFT].host} wins."
    ]
    shown = scene.call("/revisions/2/restore", other, accept="text/html")
    assert (shown.status_code, shown.headers["HX-Retarget"]) == (200, "#revision-2")
    partner = scene.sites[Side.RIGHT].host
    assert f"A change waits for the approval of {partner}." in shown.text
    vals = '{"base": "3", "over": 4}'
    assert f"hx-vals='{vals}'" in shown.text.replace("&#34;", '"')
    assert 'data-empties="revision-2" data-back="open-2"' in shown.text
    # Of another number than what waits by now it is asked anew.
    assert scene.call("/revisions/2/restore", other | {"over": "3"}).status_code == 409
    theirs = scene.call("/revisions/2/restore", other, accept="text/html", site=scene.right)
    assert "proposed waits for your approval" in theirs.text
    assert scene.call("/revisions").json["revisions"][0]["standing"] == "waiting"

    # A file is asked in its own place, and keeps what it was compared with.
    text = scene.call("/panels/file").json["file"].replace("flow: to_right", "flow: to_left")
    compared = scene.call("/file", {"text": text}).json
    taken = {"text": text, "base": "3", "take": compared["digest"]}
    asked = scene.call("/file", taken, accept="text/html")
    assert asked.headers["HX-Retarget"] == "#import-differences"
    assert f'name="take" value="{compared["digest"]}"' in asked.text
    assert scene.call("/file", taken).status_code == 409

    replaced = scene.call("/revisions/2/restore", other | {"over": "4"})
    assert replaced.status_code == 200
    standings = {
        one["number"]: one["standing"] for one in scene.call("/revisions").json["revisions"]
    }
    assert standings[4] == "replaced"


def test_restoring_leaves_the_partners_filter_and_his_consent_as_they_are(scene: Scene) -> None:
    stored = scene.stored()
    with_comments = revisions.set_items(
        scene.tandem.vault, scene.tandem.record, stored, ItemKind.COMMENTS, {"kind": "comments"}
    )
    assert with_comments is not None
    theirs = scene.call("/filters", {"right_filter": FILTER}, site=scene.right)
    assert theirs.status_code == 200, theirs.text
    assert scene.call("/internal-comments/allow", {}, site=scene.right).status_code == 200
    assert scene.save(scene.ruled(policy=Policy.ASK)).in_force
    number = scene.stored().revision
    opened = scene.call("/revisions/2")
    assert "Rumpel" not in opened.text
    done = scene.call("/revisions/2/restore", {"base": str(number)})
    assert done.json["inForce"], done.text
    now = scene.stored().profile
    assert now.scope(Side.RIGHT).filter == FILTER
    assert now.items[0].internal == {Side.RIGHT}
    assert now.fields[0].policy is Policy.NEWER
    numbers = [one["number"] for one in scene.call("/revisions").json["revisions"]]
    for number in numbers:
        assert "Rumpel" not in scene.call(f"/revisions/{number}").text
    told = [scene.call(f"/revisions/{number}", site=scene.right).text for number in numbers]
    assert any("Rumpel" in one for one in told)


def test_a_file_is_compared_first_and_taken_as_it_was_shown(scene: Scene) -> None:
    panel = scene.call("/panels/file")
    text = panel.json["file"]
    assert "project_name: Acme <Shop>" in text
    assert "&lt;Shop&gt;" in scene.call("/panels/file", accept="text/html").text
    same = scene.call("/file", {"text": text.replace("\n", "\r\n")}).json
    assert (same["found"], same["pace"]) == ([], None)

    edited = text.replace("policy: newer", "policy: ask", 1).replace("seconds: 300", "seconds: 900")
    sent = {"upload": (io.BytesIO(edited.encode()), "profile.yaml")}
    shown = scene.call("/file", sent, content_type="multipart/form-data").json
    sentence = "Where both sides changed Summary, a person is asked."
    assert ([one["sentence"] for one in shown["found"]], shown["pace"]) == ([sentence], 900)
    html = scene.call("/file", {"text": edited}, accept="text/html").text
    assert sentence in html
    assert f'value="{shown["digest"]}"' in html
    assert scene.stored().revision == 1

    form = {"take": shown["digest"], "base": str(shown["base"])}
    other = scene.call("/file", {**form, "text": text})
    assert (other.status_code, "another file" in other.get_json(force=True)["detail"]) == (
        400,
        True,
    )
    taken = scene.call("/file", {**form, "text": edited})
    assert taken.json == {"revision": 2, "inForce": True}
    assert scene.stored().profile.fields[0].policy is Policy.ASK
    assert scene.call("/panels/file").json["file"] == edited
    again = scene.call("/file", {**form, "text": text.replace("policy: newer", "policy: left", 1)})
    assert again.status_code == 400
    scene.save(scene.ruled(policy=Policy.RIGHT))
    mine = edited.replace("policy: ask", "policy: left", 1)
    compared = scene.call("/file", {"text": mine}).json
    scene.save(scene.ruled(policy=Policy.NEWER))
    form = {"take": compared["digest"], "base": str(compared["base"])}
    late = scene.call("/file", {**form, "text": mine})
    assert (late.status_code, "meanwhile" in late.get_json(force=True)["detail"]) == (409, True)


def test_what_is_wrong_in_a_file_is_told_by_its_line_and_what_is_the_partners_is_refused(
    scene: Scene,
) -> None:
    text = scene.call("/panels/file").json["file"]

    def refused(sent: str) -> str:
        answer = scene.call("/file", {"text": sent})
        assert answer.status_code == 400, answer.text
        return str(answer.get_json(force=True)["detail"])

    assert "choose a file" in refused(" ")
    assert "line 3: has an anchor" in refused(text.replace("tandem: 1", "tandem: &a 1"))
    wrong = text.replace("kind: text", "kind: txet").replace("flow: both", "flow: b", 1)
    assert len(refused(wrong).splitlines()) == 2
    theirs = text.replace("right:\n", f"right:\n  filter: {FILTER}\n", 1)
    assert "changed by the people of the partner's site" in refused(theirs)
    comments = text + "items:\n  - kind: comments\n    internal: [right]\n"
    assert "for the people of the partner's site to say" in refused(comments)
    mine = text.replace("left:\n", f"left:\n  filter: {FILTER}\n", 1)
    scene.sites[Side.LEFT].jql = "no such field"
    shown = scene.call("/file", {"text": mine}).json
    form = {"take": shown["digest"], "base": "1", "text": mine}
    asked = scene.call("/file", form)
    assert (asked.status_code, "no such field" in asked.text) == (400, True)
    binary = {"upload": (io.BytesIO(b"\xff\xfe"), "x.yaml")}
    assert "UTF-8" in scene.call("/file", binary, content_type="multipart/form-data").text
    assert scene.stored().revision == 1
    long = {"text": text + "#" * 700_000}
    assert scene.call("/file", long).status_code == 200  # more than Flask's own 500,000


def test_a_copy_and_a_file_make_new_profiles_whose_left_side_is_the_callers(scene: Scene) -> None:
    now = scene.stored().profile
    table = replace(now.users, rows=(Row("a", "b"), Row("x", "b")))
    for side, account in ((Side.LEFT, "a"), (Side.RIGHT, "b")):
        scene.sites[side].people[account] = account  # of x it knows nothing
    assert scene.save(replace(scene.ruled(flow=Flow.TO_RIGHT), users=table)).in_force
    form = {
        "name": "Copy",
        "left_project": "20000",
        "left_type": "20003",
        "right_project": "10000",
        "right_type": "10003",
    }
    panel = scene.call("/panels/copy", site=scene.right, accept="text/html").text
    assert "Globex" in panel
    twice = scene.call("/copies", form, site=scene.right)
    assert twice.status_code == 409  # these projects are paired already
    scene.sites[Side.RIGHT].type = ("20009", "Epic")
    form["left_type"] = "20009"
    made = scene.call("/copies", form, site=scene.right)
    assert made.status_code == 200, made.text
    stored = scene.stored(uuid.UUID(made.json["profile"]))
    assert stored.state == "proposed"
    [only] = scene.call(f"/pages/profiles/{stored.id}/revisions").json["revisions"]
    assert only["standing"] == "waiting"
    assert stored.profile.left.issue_type_id == "20009"
    assert stored.profile.fields[0].flow is Flow.TO_LEFT
    assert made.json["leftOut"] == 1
    assert stored.profile.users.rows == (Row("b", "a"),)

    [(connection,)] = scene.ask("SELECT id FROM connection")
    scene.sites[Side.RIGHT].type = ("20011", "Story")
    text = scene.call("/panels/file").json["file"].replace("20003", "20011")
    form = {"text": text, "connection": str(connection), "name": "Of a file"}
    refused = scene.call("/pages/profiles/file", form)
    assert refused.status_code == 400
    assert "there is no account x at" in refused.json["detail"]
    scene.sites[Side.LEFT].people["x"] = "x"
    new = scene.call("/pages/profiles/file", form)
    assert new.status_code == 200, new.text
    found = scene.stored(uuid.UUID(new.json["profile"]))
    assert (found.name, found.profile.right.issue_type_id) == ("Of a file", "20011")
    assert found.profile.users.rows == table.rows


def test_a_profile_whose_rows_a_worker_has_in_hand_is_deleted_all_the_same(scene: Scene) -> None:
    mark = (
        "INSERT INTO change (profile_id, side, issue_id, left_tenant_id, right_tenant_id, lane)"
        " SELECT id, 'left', 1, left_tenant_id, right_tenant_id, 1 FROM profile"
    )
    tell = (
        "INSERT INTO activity (id, profile_id, left_tenant_id, right_tenant_id, outcome)"
        " SELECT %s, id, left_tenant_id, right_tenant_id, 'created' FROM profile"
    )
    waits = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'DELETE%'"
    answers: list[int] = []
    with psycopg.connect(scene.database) as worker:
        worker.execute(mark)
        worker.commit()
        worker.execute("SELECT 1 FROM change FOR UPDATE")
        end = threading.Thread(
            target=lambda: answers.append(scene.call("/end", {"name": "Tasks"}).status_code)
        )
        end.start()
        wait_until("the end waits for the worker", lambda: scene.ask(waits))
        try:  # each waits for the other now: the database ends one of the two
            worker.execute(tell, (uuid.uuid4(),))
        except psycopg.errors.DeadlockDetected:
            worker.rollback()
        else:
            worker.commit()
    end.join(120)
    assert answers == [200]
    assert scene.ask("SELECT count(*) FROM profile") == [(0,)]
    assert scene.ask("SELECT count(*) FROM activity") == [(0,)]


def test_the_end_is_told_before_and_asks_for_the_name(scene: Scene) -> None:
    told = scene.call("/panels/end", accept="text/html").text
    assert "can not be undone any more" in told
    wrong = scene.call("/end", {"name": "tasks"})
    assert (wrong.status_code, wrong.get_json(force=True)["field"]) == (400, "name")
    assert scene.stored().state == "on"
    done = scene.call("/end", {"name": " Tasks "}, site=scene.right, accept="text/html")
    assert (done.status_code, "is deleted." in done.text) == (200, True)
    assert scene.view().status_code == 404
    assert scene.ask("SELECT count(*) FROM profile_revision") == [(0,)]
    told_on = scene.ask("SELECT actor FROM audit_event WHERE action = 'profile.deleted' ORDER BY 1")
    assert told_on == [("ed",), ("partner",)]


def test_the_first_load_is_offered_with_its_count_as_soon_as_the_profile_is_on_until_it_ran(
    scene: Scene,
) -> None:
    assert 'id="first-load"' in scene.view().text
    assert 'id="first-load"' not in scene.view(who="vi").text
    assert scene.call("/first-load", who="vi").status_code == 403
    told = scene.call("/first-load").json
    assert (told["offered"], told["issues"]) == (True, {"left": 3, "right": 3})
    shown = scene.call("/first-load", accept="text/html").text
    assert "About 3 issues are in your project and type already, and 3 at" in shown
    assert "Load existing issues" in shown
    begin = f"/pages/views/runs?profile={scene.id}&begin=load"
    assert begin.replace("&", "&amp;") in shown
    runs = scene.call(begin, accept="text/html").text
    assert 'hx-get="/pages/runs/load"' in runs.split('id="run-panel"')[1].split(">")[0]
    wrong = scene.call(f"/pages/views/runs?profile={uuid.uuid4()}&begin=load", accept="text/html")
    assert 'hx-trigger="load, tandem:again" hx-target="this"' not in wrong.text
    listed = scene.call("/pages/parts/overview", accept="text/html").text
    assert f'id="load-{scene.id}"' in listed
    with psycopg.connect(scene.database) as owner:
        owner.execute("UPDATE profile SET state = 'proposed'")
    waits = scene.call("/first-load", accept="text/html").text
    assert "as soon as the profile is approved" in waits
    assert "first-load-begin" not in waits
    with psycopg.connect(scene.database) as owner:
        owner.execute("UPDATE profile SET state = 'paused'")
    assert scene.call("/first-load").json == {"offered": False}
    with psycopg.connect(scene.database) as owner:
        owner.execute("UPDATE profile SET state = 'on'")
    scene.sites[Side.RIGHT].refuses = 503
    away = scene.call("/first-load")
    assert away.status_code == 502
    scene.sites[Side.RIGHT].refuses = 0
    form = {"sources": "both", "match": ""}
    assert scene.call("/load", form).status_code == 200
    for site in scene.sites.values():
        site.asked.clear()
    assert scene.call("/first-load", accept="text/html").text == ""
    assert not any("count" in one for site in scene.sites.values() for one in site.asked)


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("Web & platform", "web-platform.yaml"),
        ("../../etc/passwd", "etc-passwd.yaml"),
        ("שלום 😀\u202e", "שלום.yaml"),
        ("😀", "profile.yaml"),
        ("n" * 255, f"{'n' * 60}.yaml"),
    ],
)
def test_the_file_of_a_profile_is_called_after_it(name: str, file: str) -> None:
    assert file_name(name) == file
