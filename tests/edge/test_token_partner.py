"""A partner by URL, email and API token: who connects it, what is stored, who decides, its end."""

from __future__ import annotations

import re
import socket
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import Result
from sqlalchemy import text
from werkzeug.test import TestResponse

from app.database import TenantId, tenant_transaction
from app.jira.basic import BasicCredential
from app.jira.outbound import NetworkPolicy
from app.jira.site import SiteError
from app.jira.token_check import NEEDED, WANTED
from app.jira.token_site import TokenSite
from app.settings import Settings
from app.tenants.installations import KnownInstallation
from app.tenants.token_sites import TokenSite as Row
from app.tenants.token_sites import token_sites
from tests.edge.editor_scene import PlayedJira, Scene, grant, played_jira, scene
from tests.edge.jira import Jira
from tests.edge.servers import ok, saying, serve
from tests.edge.test_editor_steps import assert_refused

__all__ = ["scene"]

EMAIL, TOKEN = "ann@Rumpelstilzchen.test", "Spindelzauber-1"
NEW = "Spindelzauber-2"


@dataclass
class Connected:
    """The editor's scene, with a Jira Cloud site `new` that is in no relation to Tandem."""

    scene: Scene
    new: PlayedJira
    database: str
    cloud: str = field(default_factory=lambda: str(uuid.uuid4()))

    def form(self, **changed: str) -> dict[str, str]:
        """What the admin types."""
        return {"url": self.new.url, "email": EMAIL, "token": TOKEN} | changed

    def connect(self, who: str = "ann", site: Jira | None = None, **changed: str) -> TestResponse:
        """Connect by the form of the pages."""
        return self.scene.call("POST", "/connections/token", who, site, **self.form(**changed))

    def ask(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """What the database says, as its owner."""
        with psycopg.connect(self.database) as owner:
            return owner.execute(query, values).fetchall()  # type: ignore[arg-type]

    def rows(self, site: Jira | None = None) -> list[Row]:
        """The sites that a site reaches by token."""
        known = self.scene.tandem.installations.find((site or self.scene.site).client_key)
        assert known is not None
        return list(token_sites(known.tenant).values())

    def known(self) -> KnownInstallation:
        """The one that the first site reaches so."""
        [row] = self.rows()
        return self.scene.tandem.installations.of(row.tenant)

    def held(self) -> list[KnownInstallation]:
        """The sites by token whose access this process holds in memory."""
        kept = self.scene.tandem.installations._cache._found.values()
        return [known for _at, known in kept if known.access is not None]

    def connection(self) -> str:
        """The connection with it."""
        query = "SELECT id::text FROM connection WHERE right_tenant_id = %s"
        return str(self.ask(query, self.known().tenant)[0][0])

    def profile(self, connection: str, **changed: str) -> TestResponse:
        """Make a profile over a connection."""
        form = {"name": "Of " + connection[:4], "left_project": "10", "left_type": "1"}
        form |= {"right_project": "20", "right_type": "1", "connection": connection}
        return self.scene.call("POST", "/profiles", "ann", **(form | changed))


@pytest.fixture
def here(scene: Scene, database_url: str) -> Iterator[Connected]:
    grant(database_url, ann="admin", ben="admin", ed="editor")
    with played_jira() as new:
        made = Connected(scene, new, database_url)
        has = {one: {"havePermission": True} for one in (*NEEDED, *WANTED)}
        new.answers["mypermissions"] = lambda asked: (200, {"permissions": has})
        new.answers["/_edge/tenant_info"] = lambda asked: (200, {"cloudId": made.cloud})
        new.projects = [(20, "NEW", "New platform")]
        scene.begin("ann")
        yield made


def test_a_site_is_connected_from_the_editor_sealed_and_offered_again(
    here: Connected, capfd: pytest.CaptureFixture[str]
) -> None:
    checked = here.scene.save("partner/check", "ann", **here.form())
    assert "you decide for both sides" in checked.text
    assert "about once a minute" in checked.text
    assert "/partner/connect" in checked.text
    assert TOKEN not in checked.text
    assert here.rows() == []  # checking stores nothing
    answer = here.scene.save("partner/connect", "ann", **here.form())
    assert answer.status_code == 200
    assert "By API token" in answer.text
    assert "You gave this token" in answer.text
    document = here.scene.stored("ann").document
    assert document["connection"] == here.connection()
    known = here.known()
    assert known.base_url == here.new.url
    assert (known.access.email, known.access.token) == (EMAIL, TOKEN)  # type: ignore[union-attr]
    here.scene.begin("ben")
    offered = here.scene.call("GET", f"/drafts/{here.scene.draft}/partner", "ben").text
    assert here.connection() in offered
    assert "Another admin of your site gave this token" in offered
    settings = here.scene.call("GET", "/views/settings", "ann").text
    assert "By API token" in settings
    stored = str(here.ask("SELECT i::text FROM installation i"))
    said = "".join(capfd.readouterr()) + str(here.ask("SELECT a::text FROM audit_event a"))
    for mark in (EMAIL, TOKEN, "Rumpelstilzchen", here.new.url.split("://", 1)[1]):
        assert mark not in stored
        assert mark not in said
    for mark in (EMAIL, TOKEN):
        assert mark not in settings + offered + answer.text
    [(actor, detail)] = here.ask(
        "SELECT actor, detail FROM audit_event WHERE action = 'connection.made'"
        " AND detail ->> 'by_token' = 'true' AND actor <> 'partner'"
    )
    assert (actor, detail) == ("ann", {"by_token": True})


def test_the_same_site_again_is_the_same_connection_with_a_new_token(here: Connected) -> None:
    here.connect()
    first = here.connection()
    assert here.connect(url=here.new.url + "/", token=NEW, who="ben").status_code == 200
    assert here.connection() == first
    assert here.known().access.token == NEW  # type: ignore[union-attr]
    assert here.rows()[0].given_by == "ben"


def test_another_tenant_has_a_row_of_his_own_and_no_way_to_the_first(here: Connected) -> None:
    here.connect()
    mine = here.connection()
    other = here.scene.other
    assert here.connect(site=other, token=NEW).status_code == 200
    [theirs], [ours] = here.rows(other), here.rows()
    assert theirs.tenant != ours.tenant
    assert here.known().access.token == TOKEN  # type: ignore[union-attr]
    for path in (f"/connections/{mine}/token", f"/connections/{mine}/end"):
        assert here.scene.call("POST", path, "ann", other, **here.form()).status_code == 404
    with tenant_transaction(theirs.tenant) as session:
        assert session.execute(text("SELECT count(*) FROM installation")).scalar() == 1


def test_who_may_not_connect_and_what_is_no_good_stores_nothing(here: Connected) -> None:
    assert here.connect("ed").status_code == 403
    has = {one: {"havePermission": one != "EDIT_ISSUES"} for one in (*NEEDED, *WANTED)}
    good = here.new.answers["mypermissions"]
    here.new.answers["mypermissions"] = lambda asked: (200, {"permissions": has})
    assert_refused(here.connect(), 422, "token")
    here.new.answers["mypermissions"] = lambda asked: (401, {})
    assert_refused(here.connect(), 422, "token")
    here.new.answers["mypermissions"] = good
    for wrong in ({"email": ""}, {"token": ""}, {"token": "a\nb"}, {"token": "x" * 3000}):
        assert here.connect(**wrong).status_code == 400, wrong
    assert_refused(here.connect(url="ftp://nowhere"), 400, "url")
    here.new.answers["/_edge/tenant_info"] = lambda asked: (200, {"cloudId": "odd"})
    assert_refused(here.connect(), 422, "url")
    here.new.answers["serverInfo"] = lambda asked: (200, {"deploymentType": "Server"})
    centre = here.connect()
    assert centre.status_code == 422
    assert "Data Center" in centre.text
    assert here.rows() == []
    assert here.ask("SELECT 1 FROM installation WHERE owner_id IS NOT NULL") == []


def test_the_own_site_and_one_that_is_paired_are_no_partners_by_token(here: Connected) -> None:
    for site, words in ((here.scene.site, "your own site"), (here.scene.other, "paired")):
        here.cloud = str(uuid.uuid5(uuid.NAMESPACE_DNS, site.client_key)).upper()
        refused = here.connect()
        assert_refused(refused, 409, "url")
        assert words in refused.text
    assert here.rows() == []


def test_a_second_way_into_the_same_site_is_refused_to_profiles(here: Connected) -> None:
    here.connect()
    assert here.profile(here.connection()).status_code == 200
    # Tandem is installed there as well, later, and the sites are paired.
    cloud = here.cloud
    assert here.scene.other.install(baseUrl=here.scene.theirs.url, cloudId=cloud).status_code == 204
    refused = here.profile(here.scene.connection, left_project="11")
    assert_refused(refused, 409, "connection")
    assert "doubled" in refused.text
    assert here.profile(here.connection(), left_project="11").status_code == 200


def test_who_gave_the_token_decides_for_its_side_and_nobody_else(here: Connected) -> None:
    here.connect()
    assert here.profile(here.connection()).status_code == 200
    [(profile,)] = here.ask("SELECT id::text FROM profile")
    path, told = f"/profiles/{profile}/approval", {"approve": "yes", "revision": "1"}
    assert here.scene.call("POST", path, "ann", **told).status_code == 409  # not by the way
    for who in ("ben", "ed"):
        assert here.scene.call("POST", path, who, **told, **{"for": "partner"}).status_code == 403
    card = here.scene.call("GET", "/approvals", "ben").text
    assert "who gave the API token" in card
    assert 'value="yes"' not in card
    assert "you decide for both sides" in here.scene.call("GET", "/approvals", "ann").text
    done = here.scene.call("POST", path, "ann", **told, **{"for": "partner"})
    assert done.status_code == 200
    assert here.ask("SELECT state FROM profile") == [("on",)]
    approved = "SELECT side, approved_by FROM profile_approval ORDER BY side"
    assert here.ask(approved) == [("left", "ann"), ("right", "ann")]
    # So for what each side allows, and for the filter.
    see = f"/connections/{here.connection()}/samples/allow"
    assert here.scene.call("POST", see, "ben", **{"for": "partner"}).status_code == 403
    assert "may see sample values" in here.scene.call("POST", see, "ann", **{"for": "partner"}).text
    shown = "SELECT left_samples, right_samples FROM connection WHERE id = %s"
    assert here.ask(shown, here.connection()) == [(False, True)]
    allow = f"/profiles/{profile}/restricted-issues/allow"
    assert here.scene.call("POST", allow, "ben", **{"for": "partner"}).status_code == 403
    assert here.scene.call("POST", allow, "ann", **{"for": "partner"}).status_code == 200
    both = here.scene.call("GET", f"/profiles/{profile}/internal-comments", "ann").text
    assert "Hold restricted issues of" in both
    filters = {"right_filter": "labels = shared", "for": "partner"}
    saved = here.scene.call("POST", f"/profiles/{profile}/filters", "ann", **filters)
    assert saved.status_code == 200, saved.text
    for who, sees in (("ann", True), ("ben", False)):
        form = here.scene.call("GET", f"/profiles/{profile}/filters", who).text
        assert ('value="labels = shared"' in form) is sees


def test_a_file_makes_a_profile_over_a_token_that_its_giver_approves(
    here: Connected,
    command: Callable[..., Result],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("TANDEM_INSECURE_HTTP", "1")
    here.connect()
    own = here.scene.tandem.installations.find(here.scene.site.client_key)
    assert own is not None
    left, right = (one.split("://", 1)[1] for one in (own.base_url, here.new.url))

    def taken(name: str, site: str, *options: str, project: int = 20) -> Result:
        path = tmp_path / "profile.yaml"
        path.write_text(
            f"tandem: 1\nversion: 1\nprofile: {name}\n"
            f"left: {{site: '{left}', project: '10', issue_type: '1'}}\n"
            f"right: {{site: '{site}', project: '{project}', issue_type: '1'}}\n"
            "fields: [{left: summary, right: summary, kind: text}]\n"
        )
        return command("profile", "import", str(path), *options)

    unknown = taken("Bugs", "elsewhere.example.com")
    assert (unknown.exit_code, "are not connected here" in unknown.output) == (2, True)
    assert taken("Bugs", right, "--dry-run").exit_code == 0
    assert here.ask("SELECT count(*) FROM profile") == [(0,)]
    made = taken("Bugs", right)
    assert made.exit_code == 0, made.output
    assert f"who gave the API token of {right} approves it for that side" in made.output
    [(profile, connection, state)] = here.ask(
        "SELECT id::text, connection_id::text, state FROM profile"
    )
    assert (connection, state) == (here.connection(), "proposed")
    # The operator approved nothing for that side: who gave the token does, and nobody else.
    assert here.ask("SELECT side FROM profile_approval") == [("left",)]
    path = f"/profiles/{profile}/approval"
    told = {"approve": "yes", "revision": "1", "for": "partner"}
    assert here.scene.call("POST", path, "ben", **told).status_code == 403
    assert here.scene.call("POST", path, "ann", **told).status_code == 200
    assert here.ask("SELECT state FROM profile") == [("on",)]
    # Where the token is gone, a file calls the site as other commands do.
    by_cloud_id = taken("More", here.cloud, "--dry-run", project=21)
    assert by_cloud_id.exit_code == 0, by_cloud_id.output


def test_the_side_without_webhooks_is_searched_each_minute(here: Connected) -> None:
    here.connect()
    here.profile(here.connection())
    every = "SELECT side, at_least_every FROM search_look ORDER BY side"
    assert here.ask(every) == [("left", None), ("right", 60)]


def test_the_owner_uninstalls_and_the_token_is_shredded_with_it(here: Connected) -> None:
    here.connect()
    here.profile(here.connection())
    tenant = here.known().tenant
    store = here.scene.tandem.vault.store
    assert here.scene.site.uninstall().status_code == 204
    assert here.held() == []
    gone = "SELECT state, shared_secret FROM installation WHERE id = %s"
    assert here.ask(gone, tenant) == [("uninstalled", None)]
    assert store.holding(tenant).shredded
    # It comes back: its profiles are there, and the token is asked for again.
    site = here.scene.site
    site.secret = "another-shared-secret-of-the-site"
    assert site.install(baseUrl=here.scene.ours.url).status_code == 204
    assert site.enable().status_code == 204
    settings = here.scene.call("GET", "/views/settings", "ann").text
    assert re.search(r"The API token of \S+ is gone", settings)
    assert 'name="url"' in settings
    with pytest.raises(SiteError):
        here.scene.tandem.open_site(tenant)
    path = f"/connections/{here.connection()}/token"
    cloud, here.cloud = here.cloud, str(uuid.uuid4())
    wrong = here.scene.call("POST", path, "ann", **here.form(token=NEW))
    assert_refused(wrong, 409, "url")
    here.cloud = cloud
    assert here.scene.call("POST", path, "ann", **here.form(token=NEW)).status_code == 200
    assert here.known().access.token == NEW  # type: ignore[union-attr]
    assert here.scene.tandem.open_site(tenant).projects()[0].key == "NEW"


def test_a_shredded_owner_takes_its_sites_by_token_along(
    here: Connected, command: Callable[..., Result]
) -> None:
    here.connect()
    tenant = here.known().tenant
    owner = here.scene.tandem.installations.find(here.scene.site.client_key)
    assert owner is not None
    done = command("keys", "shred", str(owner.tenant), "--yes")
    assert done.exit_code == 0, done.output
    assert here.scene.tandem.vault.store.holding(tenant).shredded
    assert command("keys", "status").exit_code == 0


def test_a_rotation_of_the_data_keys_seals_the_access_anew(
    here: Connected, command: Callable[..., Result]
) -> None:
    here.connect()
    tenant = here.known().tenant
    sealed = "SELECT shared_secret FROM installation WHERE id = %s"
    before = here.ask(sealed, tenant)
    done = command("keys", "rotate-data", "--grace", "0")
    assert done.exit_code == 0, done.output
    assert here.ask(sealed, tenant) != before
    assert here.known().access.token == TOKEN  # type: ignore[union-attr]


def test_an_end_destroys_row_and_keys_and_waits_for_the_profiles(here: Connected) -> None:
    here.connect()
    connection, tenant = here.connection(), here.known().tenant
    here.profile(connection)
    path = f"/connections/{connection}/end"
    assert here.scene.call("POST", path, "ann").status_code == 409
    with psycopg.connect(here.database) as owner:
        owner.execute("DELETE FROM profile")
    assert here.held() != []
    assert here.scene.call("POST", path, "ann").status_code == 200
    assert here.held() == []  # nor does this process keep the token
    assert here.scene.call("POST", path, "ann").status_code == 404
    assert here.ask("SELECT 1 FROM installation WHERE id = %s", tenant) == []
    assert here.ask("SELECT 1 FROM connection WHERE id = %s", connection) == []
    assert here.scene.tandem.vault.store.holding(tenant).shredded
    paired = f"/connections/{here.scene.connection}/end"
    assert here.scene.call("POST", paired, "ann").status_code == 404


def by_token(url: str, settings: Settings) -> TokenSite:
    """A site as the product opens it."""
    policy = NetworkPolicy.of(settings)
    return TokenSite(url, BasicCredential("a@b.c", "t"), policy, find=lambda *_, **__: {})


def test_a_write_that_may_not_be_silent_is_sent_again_with_a_mail(settings: Settings) -> None:
    def answer(wire: socket.socket) -> None:
        is_quiet = b"notifyUsers" in server.asked[-1].splitlines()[0]
        wire.sendall(ok(b'{"errorMessages": ["no"]}', status="403 No") if is_quiet else ok())

    with serve(answer) as server:
        site = by_token(f"http://127.0.0.1:{server.port}", settings)
        for worklog in ("2", "3"):
            site.worklogs.delete(1, worklog)
    lines = [head.splitlines()[0] for head in server.asked]
    assert [(b"notifyUsers" in line, b"worklog/2" in line) for line in lines] == [
        (True, True),
        (False, True),
        (False, False),  # from then on at once
    ]


@pytest.mark.parametrize("reason", ["AUTHENTICATED_FAILED", "AUTHENTICATION_DENIED"])
def test_an_answer_to_anybody_is_a_token_that_was_refused(settings: Settings, reason: str) -> None:
    said = ok(b'{"issues": []}', f"X-Seraph-LoginReason: {reason}")
    with serve(saying(said)) as server:
        site = by_token(f"http://127.0.0.1:{server.port}", settings)
        with pytest.raises(SiteError) as raised:
            site.fetch([1], ["summary"])
    assert raised.value.site_status == 401
    with serve(saying(ok(b'{"issues": []}', "X-Seraph-LoginReason: OK"))) as server:
        assert by_token(f"http://127.0.0.1:{server.port}", settings).fetch([1], []) == {}


def test_no_secret_is_in_what_an_access_or_a_credential_prints() -> None:
    from app.tenants.access import Access

    told = repr(Access("https://x.example", EMAIL, TOKEN)) + repr(BasicCredential(EMAIL, TOKEN))
    assert EMAIL not in told
    assert TOKEN not in told


def test_nobody_signs_in_as_a_site_by_token(here: Connected) -> None:
    here.connect()
    tenant: TenantId = here.known().tenant
    for key in ("", str(tenant), here.cloud):
        assert here.scene.tandem.installations.find(key) is None
