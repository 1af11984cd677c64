"""Drift at the edge: sites that lose what a mapping names, when that is looked for, and what the
page and the command do about it."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import psycopg
import pytest
from click.testing import Result
from flask import Flask
from flask.testing import FlaskClient

from app import Tandem
from app.connect.site_news import EVENTS
from app.jira.site import SiteError
from app.mapping import approvals, drafts, profiles, revisions
from app.mapping.document import dump_profile
from app.mapping.profile import Policy
from app.sync import drift_save, drift_watch
from app.sync.drift_watch import Watch
from app.tenants.caller import Caller, Proof
from demo.stack import wait_until
from tests.edge.jira import Jira, KeyServer
from tests.edge.test_webhooks import profile

__all__ = ["profile"]

CUSTOM = "com.atlassian.jira.plugin.system.customfieldtypes:"
UPDATED = "2027-01-05T12:00:00.000+0000"
PEOPLE = {"ann": "admin", "ed": "editor", "vi": "viewer"}
OPTIONS = {"11": "Shop", "12": "Stock"}


@dataclass
class Site:
    """A Jira as far as it tells of its fields, values and people; and what it was asked."""

    type: str
    area: str
    options: dict[str, str] = field(default_factory=lambda: dict(OPTIONS))
    custom: dict[str, tuple[str, str]] = field(default_factory=dict)
    people: dict[str, bool] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)
    by_id: dict[str, Any] = field(default_factory=dict)
    groups: list[dict[str, str]] = field(default_factory=list)
    links: list[dict[str, str]] = field(default_factory=list)
    refuses: int = 0
    html: bool = False
    asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.custom[self.area] = ("Area", "select")
        self.types[self.type] = "Task"

    def answer(self, path: str, query: dict[str, list[str]]) -> Any:
        """The answer to a call, by its path below the API."""
        if path == "permissions/check":
            return {"globalPermissions": [], "projectPermissions": []}
        if self.refuses:
            return None
        last = path.rsplit("/", 1)[-1]
        if path in self.by_id:
            return self.by_id[path]
        if path.startswith(("customFieldOption/", "agile/", "servicedeskapi/")):
            return None
        if path == "groups/picker":
            return {"total": len(self.groups), "groups": self.groups}
        if path == "issueLinkType":
            return {"issueLinkTypes": self.links}
        if path == "project/search":
            rows = [{"id": self.type[:1] + "0000", "key": "A", "name": "Area 51"}]
            return {"startAt": 0, "maxResults": 50, "total": 1, "isLast": True, "values": rows}
        if last == "issuetypes":
            rows = [{"id": id_, "name": name} for id_, name in self.types.items()]
            return {"startAt": 0, "maxResults": 50, "total": len(rows), "issueTypes": rows}
        if last == "field":
            return [{"id": one, "custom": True, **self.told(one)} for one in self.custom]
        if last == "bulk":
            wanted = [one for one in query["accountId"] if one in self.people]
            told = [
                {"accountId": one, "displayName": "Person", "active": self.people[one]}
                for one in wanted
            ]
            return {"values": told}
        if last == "transitions":
            return {"transitions": []}
        if last == "jql":
            return {"issues": [self.issue("7")]}
        if last == "bulkfetch":
            screen = {"fields": {one: self.told(one) for one in self.custom}}
            return {"issues": [{**self.issue("7"), "editmeta": screen}]}
        rows = [{"fieldId": one, **self.told(one)} for one in self.custom]
        return {"startAt": 0, "maxResults": 50, "total": len(rows), "fields": rows}

    def issue(self, number: str) -> dict[str, Any]:
        """An issue."""
        return {"id": number, "key": f"A-{number}", "fields": {"updated": UPDATED}}

    def told(self, field_id: str) -> dict[str, Any]:
        """A field, as metadata has it."""
        name, type_ = self.custom[field_id]
        values = [{"id": id_, "value": title} for id_, title in self.options.items()]
        return {
            "name": name,
            "schema": {"type": "any", "custom": CUSTOM + type_},
            **({"allowedValues": values} if "select" in type_ else {}),
        }


@contextmanager
def served(site: Site) -> Iterator[str]:
    """The site on a port of loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            path, _, query = self.path.partition("?")
            path = path.split("/rest/", 1)[1].removeprefix("api/3/")
            if path != "permissions/check":
                site.asked.append(path)
            said = site.answer(path, parse_qs(query))
            body = json.dumps(said if said is not None else {"errorMessages": ["no"]}).encode()
            if site.html and path != "permissions/check":
                body = b"<!doctype html><h1>Maintenance</h1>"
            self.send_response(200 if said is not None else site.refuses or 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def sites() -> Iterator[tuple[Site, Site, list[str]]]:
    """The left and the right site, and where they are."""
    left, right = Site("10003", "customfield_1"), Site("20003", "customfield_9")
    left.people, right.people = {"eve": True}, {"bob": True}
    left.options = {"1": "Shop", "2": "Stock"}
    with ExitStack() as stack:
        yield left, right, [stack.enter_context(served(one)) for one in (left, right)]


def site_of(client: FlaskClient, keys: KeyServer, url: str) -> Jira:
    site = Jira(client, keys, secret=f"the-shared-secret-of-the-site-at-{url}")
    assert site.install(baseUrl=url).status_code == 204
    assert site.enable().status_code == 204
    return site


@pytest.fixture
def installed(client: FlaskClient, keys: KeyServer, sites: Any) -> Jira:
    """The left site with the app."""
    return site_of(client, keys, sites[2][0])


@pytest.fixture
def other(client: FlaskClient, keys: KeyServer, sites: Any) -> Jira:
    """The right site with the app."""
    return site_of(client, keys, sites[2][1])


@dataclass
class Scene:
    """A profile that maps a select by a table of two values and one pair of people."""

    tandem: Tandem
    watch: Watch
    profile: uuid.UUID
    left: Site
    right: Site
    jira: dict[str, Jira]
    database: str

    def stored(self) -> profiles.StoredProfile:
        """The profile as it is."""
        return profiles.load(self.tandem.vault, self.profile)

    def sql(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """As the owner of the tables."""
        with psycopg.connect(self.database) as owner:
            found = owner.execute(statement, values)
            return found.fetchall() if found.description else []

    def due(self) -> bool:
        """Whether a look would be taken now."""
        return self.sql("SELECT count(*) FROM tandem_due_drift(10)") == [(1,)]

    def make_due(self) -> None:
        """A day goes by."""
        self.sql("UPDATE drift SET due_at = now(), looked_at = looked_at - interval '1 day'")

    def found(self) -> list[tuple[str, str, str]]:
        """What is stored as gone."""
        found = self.watch.read(self.stored()).findings
        return [(one.target.what.value, one.target.id, one.name) for one in found]

    def call(self, path: str = "", person: str = "ed", **more: Any) -> Any:
        """Call the page's part as a person of a site."""
        site = self.jira[more.pop("side", "left")]
        headers = {
            "Authorization": f"JWT {site.context_token(person)}",
            "Accept": more.pop("accept", "application/json"),
        }
        where = f"/pages/profiles/{more.pop('profile', self.profile)}/{path or 'drift'}"
        method = site.client.post if path else site.client.get
        return method(where, headers=headers, **more)


@pytest.fixture
def scene(
    app: Flask, profile: uuid.UUID, installed: Jira, other: Jira, sites: Any, database_url: str
) -> Scene:
    tandem: Tandem = app.extensions["tandem"]
    stored = profiles.load(tandem.vault, profile)
    document = dump_profile(stored.profile)
    document["fields"] = [
        {"left": "summary", "right": "summary", "kind": "text"},
        {
            "left": "customfield_1",
            "right": "customfield_9",
            "kind": "option",
            "values": {"rows": [{"left": "1", "right": "11"}, {"left": "2", "right": "12"}]},
        },
    ]
    document["users"] = {"rows": [{"left": "eve", "right": "bob"}]}
    revisions.set_mapping(tandem.vault, tandem.record, stored, document)
    made = Scene(
        tandem,
        Watch(tandem.vault, tandem.open_site),
        profile,
        sites[0],
        sites[1],
        {"left": installed, "right": other},
        database_url,
    )
    for account, role in PEOPLE.items():
        made.sql(
            "INSERT INTO role_assignment (tenant_id, account_id, role, granted_by)"
            " SELECT id, %s, %s, 'admin' FROM installation",
            account,
            role,
        )
    return made


@pytest.fixture
def seen(scene: Scene) -> Scene:
    """The same after a look that found nothing."""
    assert scene.watch.look(scene.stored()).findings == ()
    for site in (scene.left, scene.right):
        site.asked.clear()
    return scene


def test_once_a_day_both_sides_are_asked_in_few_calls_and_what_is_gone_is_kept_sealed(
    scene: Scene,
) -> None:
    assert scene.watch.tick() == 0  # the row is made; the first look is not at once
    assert scene.watch.tick() == 0
    scene.make_due()
    assert scene.watch.tick() == 1
    # Types, all fields, the create screen; an edit screen, as not all that is written is on the
    # first; and the people.
    parts = [path.rsplit("/", 1)[-1] for path in scene.right.asked]
    assert parts == ["issuetypes", "field", "20003", "jql", "bulkfetch", "bulk"]
    assert (scene.due(), scene.found()) == (False, [])

    del scene.right.options["12"]
    scene.right.people["bob"] = False
    assert scene.watch.tick() == 0
    scene.make_due()
    assert scene.watch.tick() == 1
    assert scene.found() == [("value", "12", "Stock"), ("user", "bob", "")]
    first = scene.watch.read(scene.stored()).findings
    [(held, count)] = scene.sql("SELECT held, findings FROM drift")
    assert (b"Stock" in held, b"bob" in held, count) == (False, False, 2)

    scene.right.people["bob"] = True
    scene.make_due()
    assert scene.watch.tick() == 1
    assert scene.found() == [("value", "12", "Stock")]
    assert scene.watch.read(scene.stored()).findings[0].found_at == first[0].found_at
    assert scene.sql("SELECT findings FROM drift") == [(1,)]


@pytest.mark.parametrize("status", [500, 403])
def test_a_site_that_is_away_makes_no_finding_and_takes_none_back(seen: Scene, status: int) -> None:
    del seen.right.options["12"]
    seen.watch.look(seen.stored())
    seen.right.refuses = status
    seen.right.people = {}
    seen.make_due()
    assert seen.watch.tick() == 1
    assert seen.found() == [("value", "12", "Stock")]
    assert seen.sql("SELECT attempts, lease, due_at > now() FROM drift") == [(1, None, True)]
    seen.sql("UPDATE site_budget SET blocked_until = NULL, paused_since = NULL")
    with pytest.raises(SiteError):
        seen.watch.look(seen.stored())
    seen.right.refuses, seen.right.people = 0, {"bob": True}
    seen.sql("UPDATE site_budget SET blocked_until = NULL, paused_since = NULL")
    seen.watch.look(seen.stored())
    assert seen.sql("SELECT attempts FROM drift") == [(0,)]


def test_a_site_without_room_for_background_work_is_asked_later_and_loses_nothing(
    seen: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drift_watch, "PATIENCE", 0.0)
    seen.sql("UPDATE site_budget SET near_until = now() + interval '1 hour'")
    seen.make_due()
    assert seen.watch.tick() == 1
    assert seen.right.asked == []
    assert seen.sql("SELECT attempts, lease, due_at > now() FROM drift") == [(0, None, True)]


def test_a_look_that_was_taken_over_stores_nothing(seen: Scene) -> None:
    seen.make_due()
    seen.right.people["bob"] = False
    plain = seen.right.answer

    def meanwhile(path: str, query: dict[str, list[str]]) -> Any:
        seen.sql("UPDATE drift SET lease = gen_random_uuid()")
        return plain(path, query)

    seen.right.answer = meanwhile  # type: ignore[method-assign]
    assert seen.watch.tick() == 1
    assert seen.found() == []


def test_a_refused_write_that_something_gone_would_explain_brings_one_look_forward(
    seen: Scene,
) -> None:
    def park(issue: int, code: str) -> None:
        seen.sql(
            "INSERT INTO change (profile_id, side, issue_id, left_tenant_id, right_tenant_id,"
            " lane, parked) SELECT id, 'left', %s, left_tenant_id, right_tenant_id, 1, true"
            " FROM profile",
            issue,
        )
        seen.sql(
            "INSERT INTO parked_cause (id, profile_id, side, issue_id, left_tenant_id,"
            " right_tenant_id, at_side, code, field, said) SELECT %s, id, 'left', %s,"
            " left_tenant_id, right_tenant_id, 'right', %s, 'customfield_9', 'x' FROM profile",
            uuid.uuid4(),
            issue,
            code,
        )

    def wait() -> None:
        for table, column in (("drift", "looked_at"), ("parked_cause", "first_at")):
            seen.sql(f"UPDATE {table} SET {column} = {column} - interval '11 minutes'")

    wait()
    park(1, "workflow")
    assert seen.due() is False  # nothing that is gone would explain it
    park(2, "value-unknown")
    assert seen.due() is True
    assert seen.watch.tick() == 1
    park(3, "value-unknown")
    assert seen.due() is False  # not within ten minutes
    wait()
    assert seen.due() is False  # and the same cause was looked for
    park(4, "scope-refused")
    assert seen.due() is True


def test_an_edited_mapping_is_looked_at_soon(seen: Scene) -> None:
    assert seen.due() is False
    document = dump_profile(seen.stored().profile)
    document["users"] = {"rows": []}
    revisions.set_mapping(seen.tandem.vault, seen.tandem.record, seen.stored(), document)
    assert seen.due() is True
    assert seen.watch.tick() == 1
    assert seen.due() is False


def test_what_the_mapping_names_no_more_is_gone_from_the_list_at_once(seen: Scene) -> None:
    del seen.right.options["12"]
    seen.watch.look(seen.stored())
    document: Any = dump_profile(seen.stored().profile)
    document["fields"][1]["values"]["rows"].pop()
    revisions.set_mapping(seen.tandem.vault, seen.tandem.record, seen.stored(), document)
    assert seen.found() == []


def test_a_learned_pair_is_forgotten_once_the_site_does_not_know_its_value(seen: Scene) -> None:
    key = "customfield_1=customfield_9"
    for left, right, of in (
        ("5", "15", key),  # not listed, and not known any more
        ("6", "16", key),  # not listed, as it is switched off
        ("1", "11", key),
        ("joe", "kim", ""),
        ("joe", "bob", ""),
        ("eve", "max", ""),
    ):
        seen.sql(
            "INSERT INTO value_pair (profile_id, left_tenant_id, right_tenant_id, field_key,"
            " left_id, right_id) SELECT id, left_tenant_id, right_tenant_id, %s, %s, %s"
            " FROM profile",
            *(of, left, right),
        )
    seen.right.by_id = {"customFieldOption/16": {"value": "Off"}}
    seen.left.by_id = {f"customFieldOption/{one}": {"value": "Off"} for one in (5, 6)}
    seen.left.people["joe"] = True
    seen.right.people |= {"kim": True, "bob": False}  # and of max it knows nothing
    assert [one.target.id for one in seen.watch.look(seen.stored()).findings] == ["bob"]
    kept = seen.sql("SELECT right_id FROM value_pair ORDER BY right_id")
    assert kept == [("11",), ("16",), ("bob",), ("kim",)]


def test_values_that_no_screen_lists_are_asked_for_one_by_one(seen: Scene) -> None:
    """A sprint, a group and a type of links: each gone at the right site alone."""
    seen.left.custom["customfield_3"] = ("Team", "grouppicker")
    seen.right.custom["customfield_4"] = ("Team", "grouppicker")
    document: Any = dump_profile(seen.stored().profile)
    rows = [{"left": "g1", "right": "g9"}]
    document["fields"].append(
        {
            "left": "customfield_3",
            "right": "customfield_4",
            "kind": "group",
            "values": {"rows": rows},
        }
    )
    document["items"] = [{"kind": "links", "types": [{"left": "1", "right": "8"}]}]
    revisions.set_mapping(seen.tandem.vault, seen.tandem.record, seen.stored(), document)
    seen.left.groups = [{"groupId": "g1", "name": "team"}]
    seen.right.groups = [{"groupId": "g7", "name": "other"}]
    seen.left.links = [{"id": "1", "name": "Blocks"}]
    seen.right.links = [{"id": "5", "name": "Blocks"}]
    found = {one.target.id for one in seen.watch.look(seen.stored()).findings}
    assert found == {"g9", "8"}
    assert {"groups/picker", "issueLinkType"} <= set(seen.right.asked)

    seen.right.options = {}  # a select whose last option is gone lists nothing
    seen.right.by_id = {"customFieldOption/11": {"value": "Shop"}}
    found = {one.target.id for one in seen.watch.look(seen.stored()).findings}
    assert found == {"g9", "8", "12"}
    assert {"customFieldOption/11", "customFieldOption/12"} <= set(seen.right.asked)


def lost(scene: Scene) -> dict[str, dict[str, Any]]:
    """Two things are gone: what the page says of each, by the thing's id."""
    del scene.right.options["12"]
    scene.right.people["bob"] = False
    answer = scene.call("drift/look")
    assert answer.status_code == 200, answer.text
    return {one["thing"]: one for one in answer.json["findings"]}


def test_the_page_tells_both_sides_what_is_gone_and_the_overview_counts_it(seen: Scene) -> None:
    found = lost(seen)
    assert found["12"]["sentence"].startswith("“Stock” is not among the values of “Area” at 127")
    assert [one["choice"] for one in found["12"]["repairs"]] == ["swap", "drop"]
    assert found["12"]["choices"] == [{"id": "11", "name": "Shop"}]
    assert "“Person” is deactivated at" in found["bob"]["sentence"]  # asked, and not kept:
    assert ("user", "bob", "") in seen.found()
    for side in ("left", "right"):
        for person in PEOPLE:
            told = seen.call(side=side, person=person)
            assert {one["thing"] for one in told.json["findings"]} == {"12", "bob"}
    part = seen.call(accept="text/html").text
    assert part.count("data-finding=") == 2
    assert 'hx-target="#drift"' in part
    assert "data-finding=" in (shown := seen.call(person="vi", accept="text/html").text)
    assert "<button" not in shown  # a viewer may only look on
    headers = {"Authorization": f"JWT {seen.jira['left'].context_token('vi')}"}
    overview = seen.jira["left"].client.get("/pages/views/profiles", headers=headers).text
    assert "2 things of the mapping are gone." in overview


def test_a_repair_is_a_revision_by_the_person_and_both_trails_tell_it(seen: Scene) -> None:
    found = lost(seen)
    asked = {"finding": found["12"]["id"], "choice": "swap", "to": "11"}
    done = seen.call("repairs", side="right", data=asked)
    assert (done.status_code, done.json["inForce"]) == (200, True)
    assert [one["thing"] for one in done.json["findings"]] == ["bob"]
    rows = next(one for one in seen.stored().profile.fields if one.left != "summary").values.rows
    assert [(one.left, one.right) for one in rows] == [("1", "11"), ("2", "11")]
    told = seen.sql(
        "SELECT actor, detail FROM audit_event WHERE action = 'profile.rules-changed'"
        " AND detail ->> 'repair' = 'swap' ORDER BY actor"
    )
    assert [actor for actor, _ in told] == ["ed", "partner"]
    assert told[0][1] == {"repair": "swap", "side": "right", "what": "value"}

    again = seen.call("repairs", data=asked)
    assert (again.status_code, again.json["type"]) == (409, "urn:tandem:problem:finding-unknown")
    done = seen.call("repairs", data={"finding": found["bob"]["id"], "choice": "drop"})
    assert done.json["findings"] == []
    assert seen.stored().profile.users.rows == ()
    assert seen.sql("SELECT findings FROM drift") == [(0,)]


def test_a_repair_that_is_not_offered_changes_nothing(seen: Scene) -> None:
    found = lost(seen)["12"]
    for wrong, asked in (
        ("choice", {"choice": "move=customfield_5"}),
        ("choice", {"choice": ""}),
        ("to", {"choice": "swap"}),
        ("to", {"choice": "swap", "to": "x" * 300}),
        ("to", {"choice": "swap", "to": "99"}),
    ):
        answer = seen.call("repairs", data={"finding": found["id"], **asked})
        assert (answer.status_code, answer.json["field"]) == (400, wrong)
        assert answer.json["detail"].startswith(f"{wrong}: ")
    assert seen.stored().revision == 2


def test_a_person_of_the_partner_and_one_without_a_role_cannot_be_put_in_the_place_or_repair(
    seen: Scene,
) -> None:
    bob = {"finding": lost(seen)["bob"]["id"], "choice": "swap"}
    seen.right.people["joe"] = False
    for to, why in (("joe", "is deactivated"), ("eve", "there is no account eve")):
        refused = seen.call("repairs", data=bob | {"to": to})
        assert refused.status_code == 400
        assert why in refused.json["detail"]
    assert seen.call("repairs", person="vi", data=bob).status_code == 403
    assert seen.call("drift/look", person="vi").status_code == 403
    never = seen.call("repairs", profile=uuid.uuid4(), data=bob)
    assert (never.status_code, never.json["detail"]) == (404, "There is no such profile.")
    seen.right.people["joe"] = True
    assert seen.call("repairs", data=bob | {"to": "joe"}).status_code == 200
    assert [one.right for one in seen.stored().profile.users.rows] == ["joe"]


def test_a_repair_by_which_more_leaves_the_partner_waits_for_him(seen: Scene) -> None:
    seen.right.custom["customfield_10"] = seen.right.custom.pop("customfield_9")
    seen.right.options = {"21": "Shop"}
    [found] = seen.call("drift/look").json["findings"]
    assert found["sentence"].startswith("The field “Area” is gone at 127")
    asked = {"finding": found["id"], "choice": "move=customfield_10"}
    waits = seen.call("repairs", data=asked)
    assert (waits.status_code, waits.json["inForce"]) == (200, False)
    assert "it waits until somebody there approves it" in waits.json["said"]
    assert seen.stored().revision == 2
    # With another change it would be gone unseen, so it asks: replace it, or keep it.
    assert seen.call("repairs", data=asked).json["inForce"] is False  # the same, asked already
    stored = seen.stored()
    first, second, *rest = stored.profile.fields
    moved = (replace(first, policy=Policy.LEFT), replace(second, right="customfield_10"), *rest)
    saved = approvals.save(
        seen.tandem.vault,
        seen.tandem.record,
        Caller(stored.left_tenant, "ed", Proof.CONTEXT),
        stored.id,
        replace(stored.profile, fields=moved),
    )
    assert not saved.in_force
    over = saved.number
    refused = seen.call("repairs", data=asked)
    assert (refused.status_code, refused.get_json(force=True)["over"]) == (409, over)
    shown = seen.call("repairs", data=asked, accept="text/html")
    assert shown.headers["HX-Retarget"] == f"#asks-{found['id']}"
    assert "Replace what waits" in shown.text
    assert seen.call("repairs", data=asked | {"over": str(over)}).json["inForce"] is False
    # The people of that side may do it themselves: nothing more leaves the other one.
    assert seen.call("repairs", side="right", data=asked).json["inForce"] is True
    assert seen.stored().profile.fields[1].right == "customfield_10"
    assert seen.call().json["findings"] == []


@pytest.mark.parametrize(("types", "what"), [({}, "project"), ({"20007": "Bug"}, "type")])
def test_a_lost_project_or_type_is_told_with_what_can_be_done_about_the_profile(
    seen: Scene, types: dict[str, str], what: str
) -> None:
    """A site tells no types of a project that is gone, or that Tandem may not see any more."""
    seen.right.types = types
    [found] = seen.call("drift/look").json["findings"]
    assert (found["what"], found["repairs"]) == (what, [])
    assert found["deeds"] == ["pause", "duplicate", "delete"]
    assert "Until then pause the profile" in found["cure"]
    part = seen.call(accept="text/html").text
    for path in ("head/pause", "panels/copy", "panels/end"):
        assert f"/pages/profiles/{seen.profile}/{path}" in part
    assert "<button" not in seen.call(person="vi", accept="text/html").text

    headers = {"Authorization": f"JWT {seen.jira['left'].context_token('ed')}"}
    head = f"/pages/profiles/{seen.profile}/head/pause"
    paused = seen.jira["left"].client.post(head, headers=headers)
    assert paused.headers["HX-Trigger"] == "profile-switched"  # the part is read anew by that
    part = seen.call(accept="text/html").text
    assert f"/pages/profiles/{seen.profile}/head/resume" in part
    assert "head/pause" not in part


def test_what_no_repair_mends_leads_to_the_editor(scene: Scene) -> None:
    document: Any = dump_profile(scene.stored().profile)
    document["fields"][1] |= {
        "flow": "to_right",
        "transform": '{"id": value.id == "1" ? "11" : "12"}',
        "values": {},
    }
    revisions.set_mapping(scene.tandem.vault, scene.tandem.record, scene.stored(), document)
    assert scene.watch.look(scene.stored()).findings == ()
    del scene.right.options["12"]
    [found] = scene.call("drift/look").json["findings"]
    assert (found["thing"], found["places"]) == ("12", ["fields.1.transform"])
    assert (found["repairs"], found["deeds"]) == ([], [])
    assert "open it in the editor" in found["cure"]
    part = scene.call(accept="text/html").text
    assert 'hx-post="/pages/drafts"' in part
    assert f'id="by-hand-{found["id"]}"' in part


def test_a_look_at_a_site_that_is_away_says_so_and_keeps_what_was_found(seen: Scene) -> None:
    lost(seen)
    seen.right.refuses = 503
    answer = seen.call("drift/look")
    assert answer.status_code == 502
    assert len(seen.call().json["findings"]) == 2


def test_a_site_that_answers_with_html_is_said_beside_the_look_and_spoils_no_save(
    seen: Scene,
) -> None:
    bob = {"finding": lost(seen)["bob"]["id"], "choice": "swap", "to": "joe"}
    seen.right.html = True
    answer = seen.call("drift/look")
    assert answer.status_code == 502
    assert "did not answer in time, or not in Jira's form" in answer.json["detail"]
    assert "rest/api" not in answer.json["detail"]  # its people know it by its name
    part = seen.call(accept="text/html").text
    assert part.count("data-finding=") == 2  # what was found before
    saved = seen.call("repairs", data=bob)
    assert saved.status_code == 200, saved.text
    assert "could not be asked whether it has what is new in the mapping" in saved.json["said"]
    assert [one.right for one in seen.stored().profile.users.rows] == ["joe"]


def test_a_site_that_is_slow_keeps_nobody_waiting_and_is_looked_at_on(
    seen: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, go = lost(seen)["bob"], threading.Event()
    plain = seen.right.answer

    def late(path: str, query: dict[str, list[str]]) -> Any:
        assert go.wait(120)
        return plain(path, query)

    seen.right.answer = late  # type: ignore[method-assign]
    monkeypatch.setattr(drift_watch, "SLOW", 0.2)
    monkeypatch.setattr(drift_save, "SLOW", 0.2)
    slow = seen.call("drift/look")
    assert (slow.status_code, slow.json["type"]) == (504, "urn:tandem:problem:site-slow")
    asked = {"finding": found["id"], "choice": "swap", "to": "joe"}
    saved = seen.call("repairs", data=asked)
    assert "could not be asked" in saved.json["said"]
    assert seen.stored().profile.users.rows[0].right == "joe"
    go.set()
    wait_until("joe is found gone", lambda: ("user", "joe", "") in seen.found(), seconds=120)


def test_a_sites_own_event_about_what_the_mapping_names_brings_a_look_forward(
    seen: Scene,
) -> None:
    told: list[tuple[dict[str, Any], bool]] = [
        ({"webhookEvent": "user_updated", "user": {"accountId": "bob"}}, True),
        ({"webhookEvent": "issuetype_deleted", "issuetype": {"id": 20003}}, True),
        ({"webhookEvent": "jira:version_deleted", "version": {"id": "12"}}, True),
        ({"webhookEvent": "sprint_deleted", "sprint": {"id": 12}}, True),
        ({"webhookEvent": "project_restored_deleted", "project": {"id": 20000}}, True),
        ({"webhookEvent": "user_deleted", "user": {"accountId": "joe"}}, False),
        ({"webhookEvent": "user_deleted", "user": "bob"}, False),
        ({"webhookEvent": "sprint_closed", "user": {"accountId": "bob"}}, False),
    ]
    left, right, path = seen.jira["left"], seen.jira["right"], "/webhooks/site"
    hooks = left.client.get("/atlassian-connect.json").get_json()["modules"]["webhooks"]
    assert set(EVENTS) == {one["event"] for one in hooks if one["url"] == path}
    for event, brings in told:
        seen.sql(
            "UPDATE drift SET looked_at = now() - interval '1 minute',"
            " due_at = now() + interval '1 day'"
        )
        assert left.post(path, None, event).status_code == 401
        assert left.post(path, left.token("POST", path), event).status_code == 204
        assert seen.due() is False  # of the other site it says nothing
        assert right.post(path, right.token("POST", path), event).status_code == 204
        assert seen.due() is brings, event


def test_a_change_that_names_an_unknown_value_brings_one_look_forward(seen: Scene) -> None:
    right, path = seen.jira["right"], "/webhooks/jira"

    def wait(minutes: int) -> None:
        seen.sql(
            "UPDATE drift SET looked_at = now() - make_interval(mins => %s),"
            " due_at = now() + interval '1 day'",
            minutes,
        )

    def changes(option: str | None, name: str, field: str = "customfield_9") -> None:
        item = {"field": "Area", "fieldId": field, "to": option, "toString": name}
        event: dict[str, Any] = {
            "webhookEvent": "jira:issue_updated",
            "issue": {
                "id": "20033",
                "key": "PLAT-3",
                "fields": {
                    "project": {"id": "20000"},
                    "issuetype": {"id": "20003"},
                    "updated": UPDATED,
                },
            },
            "changelog": {"items": [item]},
        }
        assert right.post(path, right.token("POST", path), event).status_code == 204

    wait(11)
    changes("12", "Stock")  # in the table
    changes(None, "")
    changes("77", "Stock", field="customfield_10")  # no field of the profile's
    assert seen.due() is False
    seen.sql(
        "INSERT INTO value_pair (profile_id, left_tenant_id, right_tenant_id, field_key, left_id,"
        " right_id) SELECT id, left_tenant_id, right_tenant_id, %s, '5', '15' FROM profile",
        "customfield_1=customfield_9",
    )
    changes("15", "Depot")  # learned by its name
    assert seen.due() is False
    changes("77", "Stock")
    assert seen.due() is True
    seen.right.options = {"11": "Shop", "77": "Stock"}
    seen.sql("DELETE FROM change")  # live changes go first
    assert seen.watch.tick() == 1
    assert seen.found() == [("value", "12", "Stock")]
    wait(11)
    changes("77", "Stock")
    assert seen.due() is False  # it was looked for
    wait(1)
    changes("78", "Other")
    assert seen.due() is False  # not within ten minutes of the last look


def test_what_is_kept_in_the_clear_are_ids_alone(scene: Scene) -> None:
    document: Any = dump_profile(scene.stored().profile)
    document["fields"][1] |= {
        "flow": "to_right",
        "transform": 'value.name == "Very secret" ? "Shop" : "Stock"',
        "values": {},
    }
    revisions.set_mapping(scene.tandem.vault, scene.tandem.record, scene.stored(), document)
    scene.watch.look(scene.stored())
    [(named, held)] = scene.sql("SELECT named, held FROM drift")
    assert "left:project:10000" in named
    assert not {"secret", "Shop", "Stock"} & set(" ".join(named).replace(":", " ").split())
    assert b"Shop" not in held


@pytest.fixture
def tandem(
    command: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Result]:
    """`tandem profile …` with this test's settings."""
    monkeypatch.setenv("TANDEM_INSECURE_HTTP", "1")
    return lambda *words: command("profile", *words)


def test_the_command_lists_what_is_gone_and_mends_it(
    scene: Scene, tandem: Callable[..., Result]
) -> None:
    first = tandem("drift", "Tasks")
    assert (first.exit_code, "Nobody has looked yet" in first.output) == (1, True)
    well = tandem("drift", "Tasks", "--look")
    assert well.exit_code == 0, well.output
    assert well.output.startswith("Both sites have all that the mapping names.")
    scene.right.options = {"11": "Shop", "77": "Stock"}
    shown = tandem("drift", "Tasks", "--look", "--json")
    assert shown.exit_code == 1
    [found] = json.loads(shown.stdout)["findings"]
    assert (found["thing"], found["name"], found["what"]) == ("12", "Stock", "value")
    assert found["repairs"] == ["swap=77", "swap", "drop"]
    told = tandem("drift", "Tasks")
    assert f"{found['id']}  “Stock” is not among the values of “Area” at 127" in told.output
    assert "--choice swap=77  Put “Stock” (77) in its place" in told.output

    for words, why in (
        (("nothing",), "FINDING: nothing is not listed"),
        ((found["id"], "--choice", "move"), "choice: must be one of the repairs"),
        ((found["id"], "--choice", "swap", "--to", "99"), "99 is no value that “Area” takes"),
    ):
        refused = tandem("repair", "Tasks", *words)
        assert (refused.exit_code, why in refused.output) == (2, True), refused.output
    done = tandem("repair", "Tasks", found["id"])
    assert done.exit_code == 0, done.output
    assert done.output == ("Mended, as revision 3. Both sites have all that the mapping names.\n")
    assert scene.stored().profile.fields[1].values.rows[1].right == "77"
    assert tandem("drift", "Tasks").exit_code == 0
    scene.left.refuses = 503
    away = tandem("drift", "Tasks", "--look")
    assert (away.exit_code, away.stdout) == (1, "")


def test_a_save_that_names_what_is_not_there_is_refused_and_one_that_leaves_it_is_warned(
    scene: Scene, tandem: Callable[..., Result], tmp_path: Path
) -> None:
    file = tmp_path / "mapping.json"
    kept: Any = dump_profile(scene.stored().profile)

    def saved(change: Callable[[Any], object]) -> Result:
        document = json.loads(json.dumps(kept))
        change(document)
        file.write_text(json.dumps(document))
        scene.right.asked.clear()
        scene.left.asked.clear()
        return tandem("mapping", "Tasks", "--set", str(file))

    def row(left: str, right: str) -> Callable[[Any], object]:
        return lambda one: one["fields"][1]["values"]["rows"].append({"left": left, "right": right})

    def mapped(right: str, kind: str) -> Callable[[Any], object]:
        new = {"left": "customfield_1", "right": right, "kind": kind, "flow": "to_right"}
        return lambda one: one["fields"].append(new)

    scene.right.custom["customfield_10"] = ("Size", "float")
    for change, sentence in (
        (row("1", "99"), "fields.1.values.rows.2.right: 99 is no value that “Area” takes at 127"),
        (row("99", "11"), "fields.1.values.rows.2.left: 99 is no value that “Area” takes at 127"),
        (
            mapped("customfield_5", "option"),
            "fields.2.right: there is no field customfield_5 at 127",
        ),
        (mapped("customfield_10", "option"), "is of another type than the mapping says: number"),
        (
            lambda one: one["users"]["rows"].append({"left": "eve", "right": "joe"}),
            "users.rows.1.right: there is no account joe at 127",
        ),
    ):
        refused = saved(change)
        assert (refused.exit_code, sentence in refused.output) == (2, True), refused.output
    assert scene.stored().revision == 2

    # What it named before is a warning, and no reason to refuse anything else.
    del scene.right.options["12"]
    scene.watch.look(scene.stored())
    warned = saved(row("2", "11"))
    assert warned.exit_code == 0, warned.output
    assert "12 is not among the values of “Area” at the right site any more" in warned.stderr
    kept = dump_profile(scene.stored().profile)
    assert saved(lambda one: one["fields"][0].update(policy="left")).exit_code == 0
    assert scene.right.asked == scene.left.asked == []  # nothing new is named: nobody is asked
    scene.right.refuses = 503
    unasked = saved(row("1", "55"))
    assert (unasked.exit_code, "could not be asked" in unasked.stderr) == (0, True)


def test_every_way_to_save_a_mapping_asks_for_what_is_new_in_it(
    scene: Scene, tandem: Callable[..., Result], tmp_path: Path
) -> None:
    exported = tandem("export", "Tasks").output
    rows = "- {left: eve, right: bob}"
    assert rows in exported, exported
    file, new = tmp_path / "tasks.yaml", tmp_path / "new.yaml"
    text = exported.replace(rows, f"{rows}\n    - {{left: eve, right: joe}}")
    file.write_text(text)
    for site in (scene.left, scene.right):
        site.types[f"{site.type[:1]}0004"] = "Story"
    scene.right.custom["customfield_10"] = scene.left.custom["customfield_2"] = ("Size", "float")
    new.write_text(text.replace("10003", "10004").replace("20003", "20004"))
    # One that is there when it is offered, and not any more when it is taken.
    plain = scene.right.answer

    def goes(path: str, query: dict[str, list[str]]) -> Any:
        if path.endswith("issuetypes"):
            scene.right.custom.pop("customfield_10", None)
        return plain(path, query)

    [(connection,)] = scene.sql("SELECT id FROM connection")
    users = json.dumps({"rows": [{"left": "eve", "right": "joe"}]})
    form = {
        "connection": str(connection),
        "name": "Stories",
        "left_project": "10000",
        "left_type": "10004",
        "right_project": "20000",
        "right_type": "20004",
        "users": users,
    }
    headers = {
        "Authorization": f"JWT {scene.jira['left'].context_token('ed')}",
        "Accept": "application/json",
    }
    made = scene.jira["left"].client.post("/pages/profiles", headers=headers, data=form)
    assert made.status_code == 400, made.text
    assert "users.rows.0.right: there is no account joe at 127" in made.json["detail"]
    fill = ("fill", "Tasks", "--side", "right", "--field", "customfield_5", "--value", "x")
    for words, sentence in (
        (("import", "Tasks", str(file)), "users.rows.1.right: there is no account joe at 127"),
        (("import", str(new)), "users.rows.1.right: there is no account joe at 127"),
        (fill, "moves.right.customfield_5: there is no field customfield_5 at 127"),
        (
            ("offer", "Tasks", "--take", "customfield_2=customfield_10"),
            "fields.2.right: there is no field customfield_10 at 127",
        ),
    ):
        if words[0] == "offer":
            scene.right.answer = goes  # type: ignore[method-assign]
        refused = tandem(*words)
        assert (refused.exit_code, sentence in refused.output) == (2, True), refused.output
    assert scene.stored().revision == 2
    assert scene.sql("SELECT count(*) FROM profile") == [(1,)]


def test_an_edit_in_the_editor_that_names_what_is_not_there_is_refused_with_its_place(
    seen: Scene,
) -> None:
    client, token = seen.jira["left"].client, seen.jira["left"].context_token

    def call(path: str, **form: str) -> Any:
        headers = {"Authorization": f"JWT {token('ed')}", "Accept": "application/json"}
        return client.post(f"/pages/drafts{path}", headers=headers, data=form)

    draft = call("", profile=str(seen.profile)).json["draft"]
    caller = Caller(seen.stored().left_tenant, "ed", Proof.CONTEXT)
    fields: Any = dump_profile(seen.stored().profile)["fields"]
    for right, status in (("99", 400), ("11", 200)):
        fields[1]["values"]["rows"][1]["right"] = right
        found = drafts.load(seen.tandem.vault, caller, uuid.UUID(draft))
        drafts.save(seen.tandem.vault, caller, found.id, {"fields": fields}, found.version)
        answer = call(f"/{draft}/finish")
        assert answer.status_code == status, answer.text
        if status == 400:
            place = "fields.1.values.rows.1.right"
            assert answer.json["field"] == place
            assert f"{place}: 99 is no value that “Area” takes" in answer.json["detail"]
    assert seen.stored().profile.fields[1].values.rows[1].right == "11"


def test_a_select_of_many_options_is_shown_once_and_any_of_them_may_be_put_in_the_place(
    seen: Scene,
) -> None:
    right_to_left = "\u05e9\u05dc\u05d5\u05dd \U0001f680 <b>" + "x" * 240
    seen.right.options = {str(number): f"Option {number:04}" for number in range(2000, 3200)}
    seen.right.options["2000"] = right_to_left
    found = {one["thing"]: one for one in seen.call("drift/look").json["findings"]}
    assert found.keys() == {"11", "12"}
    assert len(found["11"]["choices"]) == 1000
    part = seen.call(accept="text/html").text
    assert part.count("<datalist") == 1  # for both
    assert part.count("<option") == 1000
    assert part.count('list="choices-0"') == 2
    assert "<b>" not in part
    asked = {"finding": found["11"]["id"], "choice": "swap"}
    assert seen.call("repairs", data=asked | {"to": "9999"}).status_code == 400
    assert "3199" not in {one["id"] for one in found["11"]["choices"]}  # past what is kept
    assert seen.call("repairs", data=asked | {"to": "3199"}).status_code == 200
    assert seen.stored().profile.fields[1].values.rows[0].right == "3199"
