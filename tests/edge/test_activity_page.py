"""The activity over the pages' endpoints: filters, pages, what an entry opens to, and for whom."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import flask_babel
import psycopg
import pytest
from flask import Flask
from sqlalchemy import text

from app import Tandem
from app.activity import retention
from app.activity.log import Detail, Outcome, record
from app.database import TenantId, tenant_transaction
from app.jobs.engine import build_engine
from app.mapping import profiles
from app.settings import Edition, Settings
from tests.edge.jira import Jira
from tests.edge.people import grant_roles
from tests.edge.test_webhooks import profile

__all__ = ["profile"]

ANN = "712020:ann"
WAS = "Confidential before"
NOW = "Confidential after"
PROJECTS = {"of-the-project": [10000], "of-another": [10999]}


@dataclass
class People:
    """A Jira that knows one person by name. Nobody is an admin there; some administer a project."""

    url: str = ""
    asked: list[list[str]] = field(default_factory=list)


@pytest.fixture
def people() -> Iterator[People]:
    known = People()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            own = PROJECTS.get(sent.get("accountId", ""), [])
            granted = [{"permission": "ADMINISTER_PROJECTS", "projects": own}] if own else []
            self._tell({"globalPermissions": [], "projectPermissions": granted})

        def do_GET(self) -> None:
            if "/project/search" in self.path:
                found = [{"id": str(one), "key": f"P{one}", "name": "P"} for one in (10000, 10999)]
                self._tell({"values": found, "isLast": True, "total": 2})
                return
            asked = parse_qs(urlsplit(self.path).query)["accountId"]
            known.asked.append(asked)
            found = [{"accountId": ANN, "displayName": "Ann Arbor"}] if ANN in asked else []
            self._tell({"values": found})

        def _tell(self, told: Any) -> None:
            body = json.dumps(told).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    known.url = f"http://127.0.0.1:{server.server_port}"
    yield known
    server.shutdown()
    server.server_close()


@dataclass
class Scene:
    """A profile, people of both sites with a role each, and a log."""

    tandem: Tandem
    profile: uuid.UUID
    left: Jira
    right: Jira
    database: str
    people: People

    def get(self, path: str, site: Jira | None = None, person: str = "ed", **query: str) -> Any:
        """Ask as a person of a site, as a machine would."""
        site = site or self.left
        headers = {
            "Authorization": f"JWT {site.context_token(person)}",
            "Accept": "application/json",
        }
        return site.client.get(f"/pages/{path}", headers=headers, query_string=query)

    def page(self, path: str, person: str = "ed", **query: str) -> str:
        """The same, as a page."""
        headers = {
            "Authorization": f"JWT {self.left.context_token(person)}",
            "Accept": "text/html",
        }
        shown = self.left.client.get(f"/pages/{path}", headers=headers, query_string=query)
        assert shown.status_code == 200, shown.text
        text: str = shown.text
        return text

    def entry(
        self,
        number: int,
        outcome: Outcome = Outcome.UPDATED,
        *details: Detail,
        days_ago: float = 0,
        written: int = 1,
    ) -> None:
        """An entry of the pair of this number, in the past."""
        stored = profiles.load(self.tandem.vault, self.profile)
        with tenant_transaction(stored.left_tenant) as session:
            record(
                session,
                self.tandem.vault,
                profile_id=stored.id,
                tenants=(stored.left_tenant, stored.right_tenant),
                keys=(f"WEB-{number}", f"PLAT-{number}"),
                outcome=outcome,
                written=written,
                details=details,
            )
        if days_ago:
            at = datetime.now(UTC) - timedelta(days=days_ago)
            self.do("UPDATE activity SET at = %s WHERE left_key = %s", (at, f"WEB-{number}"))

    def do(self, statement: str, values: tuple[Any, ...] = ()) -> None:
        """As the owner of the tables."""
        with psycopg.connect(self.database) as owner:
            owner.execute(statement, values)

    def keys(self, **query: str) -> list[str]:
        """The left keys of what is found."""
        answer = self.get("activity", **query)
        assert answer.status_code == 200, answer.text
        return [one["leftKey"] for one in answer.json["entries"]]


@pytest.fixture
def scene(
    app: Flask,
    profile: uuid.UUID,
    installed: Jira,
    other: Jira,
    database_url: str,
    people: People,
) -> Scene:
    grant_roles(database_url, {"ed": "editor", "vi": "viewer"})
    for site in (installed, other):
        assert site.install(baseUrl=people.url).status_code == 204
        assert site.enable().status_code == 204
    tandem: Tandem = app.extensions["tandem"]
    return Scene(tandem, profile, installed, other, database_url, people)


def test_the_log_is_read_by_profile_issue_outcome_and_day(scene: Scene) -> None:
    scene.entry(1, days_ago=9)
    scene.entry(2, Outcome.CREATED, days_ago=5)
    scene.entry(3)
    day = (datetime.now(UTC) - timedelta(days=5)).date().isoformat()
    assert scene.keys() == ["WEB-3", "WEB-2", "WEB-1"]
    assert scene.keys(profile=str(scene.profile)) == ["WEB-3", "WEB-2", "WEB-1"]
    assert scene.keys(issue=" web-2 ") == scene.keys(issue="PLAT-2") == ["WEB-2"]
    assert scene.keys(outcome="created") == ["WEB-2"]
    assert scene.keys(to=day) == ["WEB-2", "WEB-1"]
    assert scene.keys(**{"from": day}) == ["WEB-3", "WEB-2"]
    assert scene.keys(**{"from": day, "to": day, "outcome": "updated"}) == []
    assert "Nothing matches" in scene.page("activity", issue="WEB-99")


def test_a_filter_that_says_nothing_is_refused_by_its_name(scene: Scene) -> None:
    for query, name in (
        ({"profile": "x"}, "profile"),
        ({"outcome": "x"}, "outcome"),
        ({"issue": "x" * 256}, "issue"),
        ({"issue": "a\x00b"}, "issue"),
        ({"from": "yesterday"}, "from"),
        ({"to": "0001-01-01"}, "to"),
        ({"from": "2027-02-02", "to": "2027-02-01"}, "to"),
        ({"before": "2027-02-01"}, "before"),
    ):
        refused = scene.get("activity", **query)
        assert (refused.status_code, refused.get_json(force=True)["field"]) == (400, name)


def test_pages_lose_nothing_and_double_nothing_where_entries_have_one_time(scene: Scene) -> None:
    for number in range(75):
        scene.entry(number)
    scene.do("UPDATE activity SET at = '2020-01-01T12:00:00Z'")
    found: list[str] = []
    before: dict[str, str] = {}
    for size in (30, 30, 15):
        answer = scene.get("activity", **before).json
        assert len(answer["entries"]) == size
        found += [one["leftKey"] for one in answer["entries"]]
        before = {"before": answer["older"]}
        scene.entry(900)  # what comes meanwhile moves nothing
    assert answer["older"] is None
    assert sorted(found) == sorted(f"WEB-{number}" for number in range(75))


def test_what_came_since_is_counted_and_does_not_move_what_is_read(scene: Scene) -> None:
    scene.entry(1)
    shown = scene.page("activity")
    assert "3s" in shown
    since = scene.get("activity", **{}).json["entries"][0]
    place = f"{since['at']}_{since['id']}"
    assert scene.get("activity/news", since=place).json == {"new": 0}
    scene.entry(2, Outcome.UPDATED, Detail(f"[~accountid:{ANN}] did it."))
    scene.entry(3)
    assert scene.get("activity/news", since=place).json == {"new": 2}
    assert scene.get("activity/news", since=place, issue="WEB-3").json == {"new": 1}
    assert "2 new entries" in scene.page("activity/news", since=place)
    assert scene.people.asked == []  # a poll asks no site


def test_an_entry_opens_to_what_changed_where_and_why(scene: Scene) -> None:
    stored = profiles.load(scene.tandem.vault, scene.profile)
    link = uuid.uuid4()
    scene.do(
        "INSERT INTO issue_link (id, profile_id, left_tenant_id, right_tenant_id, left_issue_id,"
        " right_issue_id, left_key, right_key, lane)"
        " VALUES (%s, %s, %s, %s, 1, 2, 'WEB-1', 'PLAT-1', 0)",
        (link, scene.profile, stored.left_tenant, stored.right_tenant),
    )
    scene.do(
        "INSERT INTO provenance SELECT id, left_tenant_id, right_tenant_id, 'right',"
        " 'summary=summary', 'left', 1, 'conflict', false, NULL, now() FROM issue_link"
        " WHERE id = %s",
        (link,),
    )
    written = Detail("summary was written on the right side.", "summary", "right", WAS, NOW)
    left_alone = Detail("The right side has no “Blocked”.", "status=status")
    scene.entry(1, Outcome.CONFLICT, written, left_alone)
    [listed] = scene.get("activity").json["entries"]
    opened = scene.get(f"activity/{listed['id']}").json
    host = scene.people.url.split("://", 1)[1]
    assert opened["changes"] == [
        {
            "field": "Summary",
            "site": host,
            "old": WAS,
            "new": NOW,
            "why": f"Both sides had changed it, and {host} won.",
        }
    ]
    assert opened["sentences"] == [f"{host} has no “Blocked”."]
    assert opened["revision"] == 1
    shown = scene.page(f"activity/{listed['id']}")
    assert WAS in shown
    assert NOW in shown
    scene.do("UPDATE provenance SET at = now() + interval '1 hour'")
    again = scene.get(f"activity/{listed['id']}").json
    assert again["changes"][0]["why"].startswith("It was written again since")


def test_an_entry_whose_details_are_gone_says_so_and_keeps_its_row(scene: Scene) -> None:
    scene.entry(1, Outcome.UPDATED, Detail("x", "summary", "right", WAS, NOW), written=2)
    scene.do("UPDATE activity SET detail = NULL")
    [listed] = scene.get("activity").json["entries"]
    assert (listed["kept"], listed["written"], listed["changes"]) == (False, 2, [])
    assert "2 fields written" in scene.page("activity")
    said = "What changed is kept for 14 days, and of this entry there is nothing left"
    assert said in scene.page(f"activity/{listed['id']}")
    assert "What changed is kept for 14 days, or less" in scene.page("views/activity")
    # An entry goes by the site that keeps less, whichever looks.
    scene.do(
        "UPDATE installation SET detail_days = 1 WHERE client_key = %s", (scene.right.client_key,)
    )
    assert scene.get(f"activity/{listed['id']}").json["keptForDays"] == 1
    assert "kept for 1 day, and" in scene.page(f"activity/{listed['id']}")
    scene.do("UPDATE installation SET detail_days = 0")
    assert "as one of the two sites wants it" in scene.page(f"activity/{listed['id']}")
    assert "only that it happened" in scene.page("views/activity")


def test_details_go_with_their_age_by_the_site_that_keeps_less_and_rows_stay(
    scene: Scene,
) -> None:
    sites = (scene.left, scene.right)
    for number, days_ago in enumerate((13.9, 14.1, 400, 0), 1):
        scene.entry(number, Outcome.UPDATED, Detail(WAS), days_ago=days_ago)

    def kept(most: int = retention.CLOUD_DAYS) -> set[str]:
        retention.forget(most)
        return {one["leftKey"] for one in scene.get("activity").json["entries"] if one["kept"]}

    def choose(site: Jira, days: int) -> None:
        scene.do(
            "UPDATE installation SET detail_days = %s WHERE client_key = %s",
            (days, site.client_key),
        )

    for site in sites:
        choose(site, 500)
    assert kept(retention.SELF_HOSTED_DAYS) == {"WEB-1", "WEB-2", "WEB-3", "WEB-4"}
    choose(scene.left, 300)
    assert kept(retention.SELF_HOSTED_DAYS) == {"WEB-1", "WEB-2", "WEB-4"}
    # Whatever is stored, a service keeps nothing for longer than its limit.
    assert kept() == {"WEB-1", "WEB-4"}
    choose(scene.right, 13)
    assert kept() == {"WEB-4"}
    assert len(scene.get("activity").json["entries"]) == 4


def test_too_old_details_go_in_batches_until_none_is_left(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "ROWS_A_TIME", 2)
    for number in range(5):
        scene.entry(number + 1, Outcome.UPDATED, Detail("x"))
    scene.do("UPDATE activity SET at = now() - interval '15 days'")
    assert retention.forget(14) == 5
    assert retention.forget(14) == 0


@pytest.mark.parametrize("edition", list(Edition))
def test_the_sweep_of_a_worker_deletes_once_a_minute_what_its_edition_does_not_keep(
    scene: Scene, app: Flask, settings: Settings, edition: Edition
) -> None:
    scene.entry(1, Outcome.UPDATED, Detail(WAS), days_ago=20)
    scene.entry(2, Outcome.UPDATED, Detail(WAS), days_ago=1)
    scene.do("UPDATE installation SET detail_days = 30")
    tandem = replace(scene.tandem, settings=replace(settings, edition=edition))
    app.extensions["tandem"] = tandem
    engine = build_engine(app, tandem.reconciler, settings.database_url or "", 1)
    sweep = engine.tasks["sweep"].func

    def kept() -> list[bool]:
        return [one["kept"] for one in scene.get("activity").json["entries"]]

    sweep(10)
    assert kept() == [True, True]
    sweep(60)
    assert kept() == [True, edition is Edition.SELF_HOSTED]


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_site_that_keeps_for_no_day_has_no_detail_stored_at_all(scene: Scene, side: str) -> None:
    site = scene.left if side == "left" else scene.right
    scene.do("UPDATE installation SET detail_days = 0 WHERE client_key = %s", (site.client_key,))
    scene.entry(1, Outcome.UPDATED, Detail("x", "summary", "right", WAS, NOW), written=1)
    [listed] = scene.get("activity").json["entries"]
    assert (listed["kept"], listed["written"], listed["leftKey"]) == (False, 1, "WEB-1")
    scene.do("UPDATE installation SET detail_days = 1")
    scene.entry(2, Outcome.UPDATED, Detail("x"))
    assert scene.get("activity").json["entries"][0]["kept"] is True


def test_the_days_of_one_profile_are_no_matter_of_a_third_site(scene: Scene) -> None:
    with tenant_transaction(TenantId(uuid.uuid4())) as session:
        days = session.execute(text("SELECT tandem_detail_days(:one)"), {"one": scene.profile})
        assert days.scalar_one() is None


def test_people_are_shown_by_the_names_that_the_own_site_has_in_one_look(scene: Scene) -> None:
    for number in (1, 2):
        scene.entry(
            number,
            Outcome.UPDATED,
            Detail("x", "assignee", "right", f"[~accountid:{ANN}]", "[~accountid:712020:ben]"),
        )
    shown = scene.get("activity").json["entries"]
    assert {(c["old"], c["new"]) for one in shown for c in one["changes"]} == {
        ("Ann Arbor", "a person")
    }
    assert scene.people.asked == [[ANN, "712020:ben"]]
    home = scene.page("parts/overview")
    assert "~accountid" not in home
    assert len(scene.people.asked) == 1


def test_an_entry_is_within_reach_by_its_profiles_own_project(scene: Scene) -> None:
    scene.entry(1, Outcome.UPDATED, Detail(NOW))
    [listed] = scene.get("activity", person="vi").json["entries"]
    assert scene.get("activity", person="nobody").status_code == 403
    scene.do("UPDATE installation SET project_admins_map = true")
    own = scene.get("activity", person="of-the-project").json["entries"]
    assert [one["id"] for one in own] == [listed["id"]]
    assert scene.get("activity", person="of-another").json["entries"] == []
    hidden = scene.get(f"activity/{listed['id']}", person="of-another")
    never = scene.get(f"activity/{uuid.uuid4()}", person="of-another")
    assert (hidden.status_code, never.status_code) == (404, 404)
    details = {one.get_json(force=True)["detail"] for one in (hidden, never)}
    assert details == {"There is no such entry."}
    asked = {"profile": str(scene.profile)}
    assert scene.get("activity", person="of-another", **asked).status_code == 404
    assert scene.get("activity/news", person="of-another").json == {"new": 0}


def test_the_view_has_a_label_for_each_filter_and_keeps_what_it_was_opened_with(
    scene: Scene,
) -> None:
    scene.entry(1)
    shown = scene.page("views/activity", issue="WEB-1", outcome="updated")
    for name in ("profile", "issue", "outcome", "from", "to"):
        assert f'for="activity-{name}"' in shown
    assert 'value="WEB-1"' in shown
    assert '<option value="updated" selected>' in shown
    assert ">Tasks</option>" in shown


def test_a_value_that_there_was_none_of_is_told_in_the_readers_language(scene: Scene) -> None:
    scene.entry(1, Outcome.UPDATED, Detail("x", "labels", "right", "(empty)", "red"))
    [listed] = scene.get("activity").json["entries"]
    headers = {
        "Authorization": f"JWT {scene.left.context_token('ed')}",
        "Accept": "text/html",
        "Accept-Language": "de",
    }
    flask_babel.refresh()  # the test's own context keeps the language of the request before
    shown = scene.left.client.get(f"/pages/activity/{listed['id']}", headers=headers).text
    assert "(leer)" in shown
    assert "(empty)" not in shown
