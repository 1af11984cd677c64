"""`tandem profile …`: the profiles of all tenants, and the check of a whole one."""

from __future__ import annotations

import json
import sys
import time
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from app.cli.common import settings_or_end
from app.cli.load import load
from app.cli.rules import rules, set_rules
from app.errors import NotFound, Problem
from app.settings import Settings

if TYPE_CHECKING:
    from app.mapping.profiles import StoredProfile
    from app.sync.completeness import Completeness
    from app.sync.completeness_store import Check

LONGEST_WAIT = 2.0  # seconds between two looks at a check that others may be taking on

_LIST = """
    SELECT p.id, p.name, p.state, l.base_url AS site, r.base_url AS partner,
        (SELECT count(*) FROM issue_link k WHERE k.profile_id = p.id
            AND k.left_issue_id IS NOT NULL AND k.right_issue_id IS NOT NULL) AS linked,
        (SELECT count(*) FROM change c WHERE c.profile_id = p.id AND NOT c.parked) AS pending,
        (SELECT count(*) FROM change c WHERE c.profile_id = p.id AND c.parked) AS parked
    FROM profile p
    JOIN installation l ON l.id = p.left_tenant_id
    JOIN installation r ON r.id = p.right_tenant_id
    ORDER BY p.created_at
"""


@click.group()
def profile() -> None:
    """The profiles of all sites: list them, check that one's pairs agree."""


@profile.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_profiles(as_json: bool) -> None:
    """List every profile: its sites, and how many issues are linked, pending and parked.

    Reads as the owner of the tables, past the walls between tenants.
    """
    rows = _all(settings_or_end())
    if as_json:
        click.echo(json.dumps(rows))
        return
    for row in rows:
        click.echo(
            f"{row['id']}  {row['state']:<6}  {row['name']}: {row['site']} and {row['partner']}, "
            f"{row['linked']} linked, {row['pending']} pending, {row['parked']} parked"
        )
    if not rows:
        click.echo("There is no profile yet. One is made on Tandem's page inside Jira.")


@profile.command()
@click.argument("profile", metavar="PROFILE")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def check(profile: str, as_json: bool) -> None:
    """Compare every pair of PROFILE (its id or its name) on both sites, here and now.

    A check that was stopped, or that a worker has begun, goes on where it is. What does not agree
    is handed to the workers, who bring it in step: check again to see it done. Ends with 0 where
    all agrees, otherwise with 1.
    """
    settings = settings_or_end()
    wanted = _find(_all(settings), profile)
    from app import create_app
    from app.jobs.bell import ring
    from app.mapping import profiles
    from app.sync.completeness import Completeness
    from app.sync.completeness_words import well

    app = create_app(settings, pool_size=2)
    with app.app_context():
        tandem = app.extensions["tandem"]
        work = Completeness(tandem.vault, tandem.open_site, ring)
        stored = profiles.load(tandem.vault, wanted)
        work.begin(wanted)
        found = _run(work, stored)
        click.echo(json.dumps(_as_json(found)) if as_json else _said(found, stored))
    raise SystemExit(0 if well(found) else 1)


def _all(settings: Settings) -> list[dict[str, Any]]:
    from sqlalchemy import text

    from app import create_owner_app
    from app.database import unscoped_transaction

    with create_owner_app(settings).app_context(), unscoped_transaction() as session:
        session.execute(text("SET LOCAL row_security = off"))
        rows = session.execute(text(_LIST)).mappings().all()
    return [{**row, "id": str(row["id"])} for row in rows]


def find_profile(settings: Settings, wanted: str) -> uuid.UUID:
    """The profile of this id, or else of this name. Raises Problem."""
    return _find(_all(settings), wanted)


def _find(rows: list[dict[str, Any]], wanted: str) -> uuid.UUID:
    """The profile of this id, or else of this name. Raises Problem."""
    found = [row for row in rows if row["id"] == wanted.lower()]
    found = found or [row for row in rows if row["name"] == wanted]
    if not found:
        raise NotFound("PROFILE: there is none of this id or name. `tandem profile list` has them.")
    if len(found) > 1:
        raise Problem("PROFILE: several have this name. Give the id: `tandem profile list`.")
    return uuid.UUID(found[0]["id"])


def _run(work: Completeness, stored: StoredProfile) -> Check:
    """Take the steps one by one, at the profile's pace, until the check is at its end."""
    with click.progressbar(length=1, label="Checking", file=sys.stderr) as bar:
        while True:
            work.step(stored)
            check = work.read(stored)
            if not check.runs:
                bar.update(bar.length or 1)
                return check
            bar.length = max(check.about, check.pairs, 1)
            bar.update(check.pairs - bar.pos)
            wait = (check.not_before - datetime.now(UTC)).total_seconds()
            time.sleep(min(LONGEST_WAIT, max(0.05, wait)))


def _said(check: Check, stored: StoredProfile) -> str:
    from app.screens.words import FIELDS
    from app.sync.completeness_store import NAMED
    from app.sync.completeness_words import sentence

    return sentence(
        check, stored.left_tenant, lambda name: FIELDS.get(name, (name, ""))[0], shown=NAMED
    )


def _as_json(check: Check) -> dict[str, Any]:
    from app.sync.completeness_store import COUNTS

    return {
        "profile": str(check.profile_id),
        "started_at": check.started_at.isoformat() if check.started_at else None,
        "finished_at": check.finished_at.isoformat() if check.finished_at else None,
        **{name: getattr(check, name) for name in COUNTS},
        "named": check.named,
        "not_compared": check.unseen,
    }


profile.add_command(load)
profile.add_command(rules)
profile.add_command(set_rules)
