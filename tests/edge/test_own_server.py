"""What the page says of faults: of a site by its code, and of Tandem's own clock, disk, workers and
database. None is a bare error."""

from __future__ import annotations

import html
import json
import re
import time
import uuid
from collections.abc import Iterator

import psycopg
import pytest
from werkzeug.test import TestResponse

from app.connect.credential import ConnectCredential
from app.database import TenantId, db
from app.database_faults import REMEMBERED, Disk
from app.jira.cloud import CloudSite
from app.jira.outbound import NetworkPolicy
from app.jira.site import SiteError
from app.screens.waits import BLOCKED, CHANGES, PAUSED, say_clock
from app.sync import budget
from app.sync.clocks import Clocks
from tests.edge.jira import Jira
from tests.edge.servers import ok, saying, serve
from tests.edge.test_webhooks import body, counted_statements, profile  # noqa: F401  a fixture

PART, HOME, LIST = "/pages/parts/overview", "/pages/home", "/pages/profiles"
OURS = "https://acme.example.test"
AWAY = "Tandem's database does not answer"
FULL = "The disk of Tandem's database is full"


@pytest.fixture
def owner(database_url: str) -> Iterator[psycopg.Connection]:
    """A connection past row security."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def tenant(installed: Jira, owner: psycopg.Connection) -> TenantId:
    """The installed site's tenant; its person `admin` has a role."""
    known = installed.installations.find(installed.client_key)
    assert known is not None
    owner.execute(
        "INSERT INTO role_assignment (tenant_id, account_id, role, granted_by)"
        " VALUES (%s, 'admin', 'admin', 'another')",
        (known.tenant,),
    )
    return known.tenant


def ask(site: Jira, path: str = PART, **claims: object) -> TestResponse:
    """Open a page, or ask for a part of it, as the person `admin`."""
    if path == HOME:
        token = site.token("GET", path, sub="admin", **claims)
    else:
        token = site.context_token(**claims)
    return site.client.get(path, headers={"Authorization": f"JWT {token}"})


def banners(site: Jira) -> list[str]:
    """What the page says of Tandem's own server."""
    answer = ask(site)
    assert answer.status_code == 200
    found = re.findall(r"<p [^>]*data-server [^>]*>(.*?)</p>", answer.text)
    return [html.unescape(one) for one in found]


def tell_date(tenant: TenantId, clocks: Clocks, ahead: float) -> None:
    """Let the tenant's site answer one call while its clock is so far ahead of ours."""
    moment = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + ahead))
    empty = json.dumps({"issues": []}).encode()
    with serve(saying(ok(empty, f"Date: {moment}"))) as server:
        base = f"http://127.0.0.1:{server.port}"
        credential = ConnectCredential("tandem", "a-secret-as-long-as-jira-makes-them", base)
        CloudSite(
            base,
            credential,
            NetworkPolicy(insecure_http=True),
            observe=clocks.of(tenant, lambda headers, error: None),
        ).fetch([1], ["summary"])


@pytest.mark.parametrize("code", CHANGES)
def test_the_page_says_why_a_change_waits(
    installed: Jira,
    tenant: TenantId,
    owner: psycopg.Connection,
    profile: uuid.UUID,  # noqa: F811
    code: str,
) -> None:
    assert installed.webhook(body()).status_code == 204
    owner.execute("UPDATE change SET reason = %s, attempts = 1, not_before = 'infinity'", (code,))
    assert CHANGES[code] in html.unescape(ask(installed).text)


@pytest.mark.parametrize("code", [*BLOCKED, *PAUSED])
def test_the_page_says_why_a_site_is_left_alone(
    installed: Jira, tenant: TenantId, owner: psycopg.Connection, code: str
) -> None:
    owner.execute("DELETE FROM site_budget")
    if code in BLOCKED:
        words = BLOCKED[code].partition(". ")[0].format(site="acme.example.test")
        values = "blocked_until, code"
        given = "now() + interval '1 minute', %s"
    else:
        values, words = "paused_since, next_try, paused_code", "acme.example.test does not"
        given = "now(), now() + interval '1 minute', %s"
    owner.execute(
        f"INSERT INTO site_budget (tenant_id, {values}) VALUES (%s, {given})",
        (tenant, code),
    )
    assert words in html.unescape(ask(installed).text)


@pytest.mark.parametrize(
    "fault",
    [
        SiteError("no", site_status=status, limit=limit)
        for status, limit in (
            *((429, limit) for limit in ("rate", "burst", "points", "issue", None)),
            *((status, None) for status in (None, 401, 403, 409, 500, 502, 503)),
        )
    ],
    ids=lambda fault: f"{fault.site_status}-{fault.limit}",
)
def test_every_fault_that_passes_has_its_sentence(fault: SiteError) -> None:
    assert budget.why(fault) in CHANGES


@pytest.mark.parametrize(("ahead", "way"), [(3600, "behind"), (-3600, "ahead of")])
def test_a_clock_that_differs_from_a_sites_is_told_until_it_is_right(
    installed: Jira, tenant: TenantId, ahead: int, way: str
) -> None:
    clocks = Clocks()
    tell_date(tenant, clocks, ahead)
    [sentence] = banners(installed)
    assert sentence.startswith(f"Tandem's clock is 60 minutes {way} acme.example.test's.")
    assert "should set its server's clock" in sentence
    tell_date(tenant, clocks, 0)
    assert banners(installed) == []


def test_a_clock_that_was_set_right_while_nothing_ran_is_right_after_the_first_call(
    installed: Jira, tenant: TenantId
) -> None:
    tell_date(tenant, Clocks(), 3600)
    assert len(banners(installed)) == 1
    tell_date(tenant, Clocks(), 0)
    assert banners(installed) == []


def test_a_difference_that_nobody_told_again_is_not_shown(
    installed: Jira, tenant: TenantId, owner: psycopg.Connection
) -> None:
    tell_date(tenant, Clocks(), 3600)
    owner.execute("UPDATE site_budget SET clock_told_at = now() - interval '16 minutes'")
    assert banners(installed) == []


def test_clocks_are_compared_without_a_statement_for_each_call(tenant: TenantId) -> None:
    right, wrong = Clocks(), Clocks()
    tell_date(tenant, right, 0)
    tell_date(tenant, wrong, 3600)
    with counted_statements() as sent:
        for _ in range(3):
            tell_date(tenant, right, 2)
            tell_date(tenant, wrong, 3601)
    assert sent == []


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (60, "60 seconds behind"),
        (-90, "90 seconds ahead of"),
        (3660, "61 minutes behind"),
        (7200, "2 hours behind"),
        (-86400 * 3, "3 days ahead of"),
    ],
)
def test_a_difference_is_said_in_the_unit_that_fits(seconds: float, words: str) -> None:
    assert f"Tandem's clock is {words} Acme's." in say_clock("Acme", seconds)


@pytest.mark.parametrize("path", [HOME, LIST])
@pytest.mark.parametrize(("ahead", "way"), [(3600, "behind"), (-3600, "ahead of")])
def test_a_token_out_of_time_is_refused_with_the_reason_where_our_clock_is_known_to_be_wrong(
    installed: Jira, tenant: TenantId, path: str, ahead: int, way: str
) -> None:
    then = int(time.time()) + ahead
    plain = ask(installed, path, iat=then, exp=then + 180)
    tell_date(tenant, Clocks(), ahead)
    told = ask(installed, path, iat=then, exp=then + 180)
    for answer, framed_by in ((plain, "'none'"), (told, OURS)):
        assert answer.status_code == 401
        assert answer.mimetype == ("text/html" if path == HOME else "application/problem+json")
        assert answer.headers["Content-Security-Policy"].endswith(f"frame-ancestors {framed_by}")
    assert "clock" not in plain.text
    words = f"Tandem's clock is 60 minutes {way} acme.example.test's"
    assert words in html.unescape(told.text)
    assert "Open Tandem again" not in told.text


def test_a_token_of_a_forger_learns_nothing_of_our_clock(installed: Jira, tenant: TenantId) -> None:
    tell_date(tenant, Clocks(), 3600)
    forger = Jira(
        installed.client, installed.keys, client_key=installed.client_key, secret="x" * 40
    )
    now = int(time.time())
    answer = ask(forger, HOME, iat=now + 3600, exp=now + 3780)
    assert answer.status_code == 401
    assert "clock" not in answer.text
    assert answer.headers["Content-Security-Policy"].endswith("frame-ancestors 'none'")


@pytest.mark.usefixtures("profile")
def test_a_disk_without_room_is_507_and_told_on_the_page_that_only_reads(
    installed: Jira, tenant: TenantId, owner: psycopg.Connection
) -> None:
    assert banners(installed) == []
    owner.execute(
        "CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'no room' USING ERRCODE = 'disk_full'; END $$"
    )
    for table in ("change", "profile"):
        owner.execute(
            f"CREATE TRIGGER no_room BEFORE INSERT OR UPDATE ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION no_room()"
        )
    refused = installed.webhook(body())
    assert (refused.status_code, refused.json["type"]) == (507, "urn:tandem:problem:disk-full")
    assert [one.split(":")[0] for one in banners(installed)] == [FULL]
    [shown] = ask(installed, LIST).json
    headers = {"Authorization": f"JWT {installed.context_token()}"}
    pause = installed.client.post(f"/pages/profiles/{shown['id']}/pause", headers=headers)
    assert pause.status_code == 507
    assert pause.json["detail"].startswith(FULL)
    assert installed.client.get("/readyz").json["checks"]["disk"] is False


def test_a_refusal_for_want_of_room_is_forgotten(database_url: str) -> None:
    now = [0.0]
    disk = Disk(database_url, clock=lambda: now[0])
    assert not disk.is_full()
    disk.note()
    assert disk.is_full()
    now[0] = REMEMBERED + 1
    assert not disk.is_full()


def test_the_room_of_a_database_elsewhere_is_not_known() -> None:
    assert Disk("postgresql://tandem@db.example.test/tandem").free() is None


@pytest.mark.parametrize("path", [HOME, PART, LIST])
def test_a_database_that_is_away_is_503_in_a_sentence_that_any_site_may_frame(
    installed: Jira, tenant: TenantId, database_url: str, postgres_url: str, path: str
) -> None:
    name = database_url.split("?", maxsplit=1)[0].rsplit("/", 1)[1]
    with psycopg.connect(postgres_url, autocommit=True) as server:
        server.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        server.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,)
        )
        db.engine.dispose()
        away = ask(installed, path)
        webhook = installed.webhook(body())
        server.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
    assert away.status_code == 503
    assert AWAY in html.unescape(away.text)
    assert away.mimetype == ("text/html" if path == HOME else "application/problem+json")
    assert away.headers["Content-Security-Policy"].endswith("frame-ancestors *")
    assert "<button" not in away.text
    assert "<script" not in away.text
    assert (webhook.status_code, webhook.json["type"]) == (
        503,
        "urn:tandem:problem:database-away",
    )
    assert ask(installed, path).status_code == 200


@pytest.mark.usefixtures("profile")
def test_changes_that_wait_without_a_worker_are_told(
    installed: Jira, tenant: TenantId, owner: psycopg.Connection
) -> None:
    assert installed.webhook(body()).status_code == 204
    assert banners(installed) == []  # a worker may just be starting
    owner.execute("UPDATE change SET first_at = '2020-03-01 14:03:20+00'")
    [sentence] = banners(installed)
    assert sentence.startswith(
        "No worker is running, so no change crosses: 1 change waits, the first since 14:03 UTC"
    )
    owner.execute("INSERT INTO procrastinate_workers DEFAULT VALUES")
    assert banners(installed) == []
    owner.execute("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 minute'")
    assert len(banners(installed)) == 1
    owner.execute("UPDATE change SET not_before = now() + interval '1 hour'")
    assert banners(installed) == []  # nothing is due
