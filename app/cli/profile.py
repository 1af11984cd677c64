"""`tandem profile …`: the profiles of all tenants, and the check of a whole one."""

from __future__ import annotations

import json
import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from app.cli.approve import approve
from app.cli.common import settings_or_end
from app.cli.drift import drift, repair
from app.cli.fill import fill
from app.cli.found import all_profiles, opened_profile
from app.cli.items import carry, items
from app.cli.lifecycle import lifecycle
from app.cli.load import load
from app.cli.mapping import mapping
from app.cli.offer import fields, offer
from app.cli.profile_files import delete_profile, diff_file, export_file, import_file
from app.cli.rules import rules, set_rules

if TYPE_CHECKING:
    from app.jira.site import SiteOpener
    from app.mapping.profiles import StoredProfile
    from app.sync.completeness import Completeness
    from app.sync.completeness_store import Check

LONGEST_WAIT = 2.0  # seconds between two looks at a check that others may be taking on


@click.group()
def profile() -> None:
    """The profiles of all sites: list them, check that one's pairs agree."""


@profile.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_profiles(as_json: bool) -> None:
    """List every profile: its sites, and how many issues are linked, pending and parked.

    Reads as the owner of the tables, past the walls between tenants.
    """
    rows = all_profiles(settings_or_end())
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
    from app.jobs.bell import ring
    from app.sync.completeness import Completeness
    from app.sync.completeness_words import well

    with opened_profile(settings_or_end(), profile) as (tandem, stored):
        work = Completeness(tandem.vault, tandem.open_site, ring)
        work.begin(stored.id)
        found = _run(work, stored, tandem.open_site)
        click.echo(json.dumps(_as_json(found)) if as_json else _said(found, stored))
    raise SystemExit(0 if well(found) else 1)


def _run(work: Completeness, stored: StoredProfile, open_site: SiteOpener) -> Check:
    """Take the steps one by one, at the profile's pace, until the check is at its end. Raises
    Problem where a site does not let Tandem in."""
    from app.sync.budget import refuse_where_paused

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
            if wait > LONGEST_WAIT:
                for side, tenant in stored.tenants.items():
                    refuse_where_paused(tenant, side)
                    open_site(tenant)  # no call: it tells where the app is not enabled
            time.sleep(min(LONGEST_WAIT, max(0.05, wait)))


def _said(check: Check, stored: StoredProfile) -> str:
    from app.mapping.naming import field_name
    from app.sync.completeness_store import NAMED
    from app.sync.completeness_words import sentence

    return sentence(
        check,
        stored.left_tenant,
        field_name,
        shown=NAMED,
        between="\n",
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


profile.add_command(approve)
profile.add_command(load)
profile.add_command(rules)
profile.add_command(set_rules)
profile.add_command(items)
profile.add_command(mapping)
profile.add_command(fields)
profile.add_command(offer)
profile.add_command(carry)
profile.add_command(fill)
profile.add_command(lifecycle)
profile.add_command(drift)
profile.add_command(repair)
profile.add_command(export_file)
profile.add_command(import_file)
profile.add_command(diff_file)
profile.add_command(delete_profile)
