"""What endpoints declare: nothing undeclared starts, and the docs print the matrix as it is."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from flask import Flask

from app import create_app
from app.database import db
from app.tenants.caller import Permission, Proof, accepts
from app.tenants.gate import Gate, UndeclaredEndpointError, declarations
from app.tenants.matrix import markdown
from app.tenants.roles import EVERYBODYS, MATRIX, Authority, Reach, Role
from tests.conftest import make_settings
from tests.edge.jira import Jira, KeyServer

DOCS = Path(__file__).resolve().parents[2] / "docs" / "access.md"


def guarded(app: Flask) -> None:
    """Put a gate before a bare app."""

    def nobody(tenant: object) -> object:
        raise AssertionError("no site is asked")

    Gate({}, Authority(nobody)).guard(app)  # type: ignore[arg-type]


def test_an_endpoint_without_a_proof_does_not_start() -> None:
    app = Flask("bare")
    app.add_url_rule("/open", "open", lambda: "hello")
    with pytest.raises(UndeclaredEndpointError, match="'open' declares no proof"):
        guarded(app)


@pytest.mark.parametrize("proof", [Proof.PAGE, Proof.CONTEXT])
def test_a_persons_endpoint_without_a_permission_does_not_start(proof: Proof) -> None:
    app = Flask("bare")
    app.add_url_rule("/page", "page", accepts(proof)(lambda: "hello"))
    with pytest.raises(UndeclaredEndpointError, match="must name a permission"):
        guarded(app)


@pytest.mark.parametrize("proof", [Proof.PUBLIC, Proof.SITE, Proof.LIFECYCLE])
def test_a_permission_where_no_person_calls_does_not_start(proof: Proof) -> None:
    app = Flask("bare")
    app.add_url_rule("/page", "page", accepts(proof, Permission.SEE)(lambda: "hello"))
    with pytest.raises(UndeclaredEndpointError):
        guarded(app)


def test_an_endpoint_that_appears_after_the_start_is_not_served() -> None:
    app = Flask("bare")
    guarded(app)
    app.view_functions["late"] = lambda: "hello"
    app.url_map.add(app.url_rule_class("/late", endpoint="late", methods=["GET"]))
    app.testing = True
    with pytest.raises(UndeclaredEndpointError):
        app.test_client().get("/late")


def test_every_permission_is_an_admins_and_a_project_admins_reach_is_his_own_projects() -> None:
    for permission in set(Permission) - EVERYBODYS:
        assert MATRIX[permission][Role.ADMIN] is Reach.ALL
        assert MATRIX[permission].get(Role.PROJECT_ADMIN) in {None, Reach.OWN_PROJECTS}


def test_the_docs_print_the_matrix_as_it_is(app: Flask) -> None:
    assert markdown(declarations(app)) in DOCS.read_text()


@pytest.mark.parametrize(("proxies", "noted"), [("0", "127.0.0.1"), ("1", "203.0.113.9")])
def test_the_trail_notes_the_address_that_the_operators_own_proxies_tell(
    tmp_path: Path, database_url: str, keys: KeyServer, proxies: str, noted: str
) -> None:
    settings = make_settings(
        tmp_path,
        database_url,
        TANDEM_INSTALL_KEY_URLS=keys.url,
        TANDEM_INSECURE_HTTP="1",
        TANDEM_TRUSTED_PROXIES=proxies,
    )
    app = create_app(settings, pool_size=2)
    client = app.test_client()
    # What the caller writes stands first; each proxy adds what it sees.
    client.environ_base["HTTP_X_FORWARDED_FOR"] = "198.51.100.66, 203.0.113.9"
    assert Jira(client, keys).install().status_code == 204
    with psycopg.connect(database_url) as owner:
        [(origin,)] = owner.execute("SELECT origin FROM audit_event").fetchall()
    assert origin["address"] == noted
    with app.app_context():
        db.engine.dispose()
