"""Whether this process lives, and whether it can serve; and what `tandem doctor` looks at."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

import requests
from alembic.config import Config
from alembic.script import ScriptDirectory
from flask import Blueprint, Response, jsonify
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from app.database import unscoped_transaction
from app.database_faults import Disk
from app.jobs import alive
from app.settings import Settings
from app.tenants.caller import Proof, accepts
from app.vault.check import check_lately, store_folder
from app.vault.master import VaultError
from app.vault.ring import load_master_keys
from app.vault.store import KeyStore

MIGRATIONS = Path(__file__).resolve().parents[1] / "migrations"
CLOCK_TOLERANCE = 30  # seconds: tokens of Jira live for minutes, with a leeway of seconds


@dataclass(frozen=True)
class Finding:
    """What one check found, and what to do about it where it is not well."""

    check: str
    well: bool
    found: str
    cure: str = ""


def code_revision() -> str | None:
    """The newest migration that this code brings."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return ScriptDirectory.from_config(config).get_current_head()


def check_database() -> Finding:
    """Is the database there, and does the product act as its own role?"""
    try:
        with unscoped_transaction() as session:
            version, role = session.execute(
                text("SELECT current_setting('server_version'), current_user")
            ).one()
    except SQLAlchemyError as fault:
        return Finding(
            "database",
            False,
            type(fault).__name__,
            "Check DATABASE_URL and that the server runs; then `tandem db upgrade`.",
        )
    return Finding("database", True, f"PostgreSQL {version}, acting as {role}")


def check_migrations() -> Finding:
    """Is the database at the revision of this code?"""
    wanted = code_revision()
    try:
        with unscoped_transaction() as session:
            found = session.execute(text("SELECT version_num FROM alembic_version")).scalar()
    except SQLAlchemyError:
        found = None
    return Finding(
        "migrations",
        found == wanted,
        f"database at {found}, code at {wanted}",
        "" if found == wanted else "Run `tandem db upgrade`.",
    )


def check_disk(disk: Disk) -> Finding:
    """Has the database room to store anything?"""
    free, full = disk.free(), disk.is_full()
    found = "where the database's own server keeps it"
    if free is not None:
        found = f"{free // 2**20} MB free in {disk.folder}"
    elif full:
        found = "the database refused to store, for want of room"
    cure = "Free space there; Tandem goes on by itself, without a restart."
    return Finding("disk", not full, found, cure if full else "")


def check_workers() -> Finding:
    """Does a worker run, or does nothing wait for one?"""
    try:
        running = alive.workers()
        with unscoped_transaction() as session:
            waits = session.execute(
                text("SELECT count(*) FROM tandem_due_lanes(1000)")
            ).scalar_one()
    except SQLAlchemyError as fault:
        return Finding("workers", False, type(fault).__name__, "See the database above.")
    well = running > 0 or waits == 0
    found = f"{running} running" + ("" if well else f", and changes wait in {waits} lanes")
    return Finding("workers", well, found, "" if well else "Start one with `tandem worker`.")


def check_keys(settings: Settings) -> Finding:
    """Do the master keys, the key store and the database belong together?"""
    try:
        ring = load_master_keys(settings)
        wrapped = check_lately(KeyStore(store_folder(settings), ring))
    except VaultError as fault:
        cure = "See docs/keys.md. A new server's first key is made by `tandem serve`."
        return Finding("keys", False, fault.detail, cure)
    except SQLAlchemyError as fault:
        return Finding("keys", False, type(fault).__name__, "See the database above.")
    found = f"{len(ring.keys)} in the ring, '{ring.current}' wraps"
    return Finding("keys", True, f"{found}; {sum(wrapped.values())} data keys")


def check_reachability(settings: Settings) -> Iterator[Finding]:
    """Can the install keys be fetched, and do the remote clock and ours agree?"""
    dates = []
    for url in settings.install_key_urls:
        try:
            answer = requests.head(url, timeout=5, allow_redirects=False)
        except requests.RequestException as fault:
            yield Finding(
                "reachability",
                False,
                f"{url}: {type(fault).__name__}",
                "Open the way out to it (proxy, firewall), or set TANDEM_INSTALL_KEY_URLS.",
            )
            continue
        yield Finding("reachability", True, f"{url} answers")
        if "Date" in answer.headers:
            dates.append(parsedate_to_datetime(answer.headers["Date"]))
    if dates:
        drift = abs((datetime.now(UTC) - dates[0]).total_seconds())
        yield Finding(
            "clock",
            drift <= CLOCK_TOLERANCE,
            f"{drift:.0f} s from the remote clock",
            "" if drift <= CLOCK_TOLERANCE else "Set the clock by NTP: tokens depend on it.",
        )
    else:
        yield Finding("clock", False, "no remote clock to compare with", "See reachability above.")


def health_blueprint(settings: Settings, disk: Disk) -> Blueprint:
    """GET /healthz (the process lives) and /readyz (it can serve)."""
    blueprint = Blueprint("health", __name__)
    checks: list[Callable[[], Finding]] = [
        check_database,
        check_migrations,
        lambda: check_keys(settings),
        lambda: check_disk(disk),
    ]

    @blueprint.get("/healthz")
    @accepts(Proof.PUBLIC)
    def healthz() -> Response:
        return jsonify(status="alive", time=int(time.time()))

    @blueprint.get("/readyz")
    @accepts(Proof.PUBLIC)
    def readyz() -> tuple[Response, int]:
        findings = [check() for check in checks]
        ready = all(finding.well for finding in findings)
        # No detail to strangers: `tandem doctor` has it.
        body = {finding.check: finding.well for finding in findings}
        return jsonify(status="ready" if ready else "not ready", checks=body), 200 if ready else 503

    return blueprint
