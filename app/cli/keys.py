"""`tandem keys …`: the master keys and what they wrap."""

from __future__ import annotations

import base64
import json
import os
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from app.cli.common import settings_or_end
from app.errors import Problem
from app.settings import Settings

if TYPE_CHECKING:
    from flask import Flask

    from app.database import TenantId
    from app.tenants.deeds import Recorder
    from app.vault.rotation import DataRotation
    from app.vault.status import KeyStatus
    from app.vault.store import KeyStore
    from app.vault.vault import Vault


@click.group()
def keys() -> None:
    """Master keys and data keys: look at them, rotate them, shred a tenant's.

    docs/keys.md says when to do which, and what to back up.
    """


@keys.command("new")
@click.argument("name", default="k1")
def new_key(name: str) -> None:
    """Print a fresh master key for TANDEM_MASTER_KEYS."""
    click.echo(f"{name}:{base64.b64encode(os.urandom(32)).decode()}")


@keys.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def status(as_json: bool) -> None:
    """Show what each master key wraps and each data key seals. Ends with 1 if anything is wrong."""
    settings = settings_or_end()
    from app.vault.status import KeyStatus, key_status

    try:
        with bare_app(settings).app_context():
            found = key_status(_store(settings))
    except Problem as problem:
        found = KeyStatus(wrong=[problem.detail])
    click.echo(json.dumps(asdict(found), default=str) if as_json else _shown(found))
    raise SystemExit(1 if found.wrong else 0)


@keys.command()
@click.option(
    "--new", "name", metavar="NAME", help="First add a fresh key of that name to the key file."
)
@click.option(
    "--retire", is_flag=True, help="At the end, take keys that wrap nothing out of the key file."
)
def rotate_master(name: str | None, retire: bool) -> None:
    """Wrap every data key with the first master key of the ring.

    No row is touched. Safe while Tandem runs; stopped halfway, run it again.
    """
    settings = settings_or_end()
    from app.vault.rewrapping import add_master_key, retire_master_keys, rewrap_all

    with _vault(settings) as (vault, record):
        if name is not None:
            add_master_key(vault, record, name)
        count = len(vault.store.tenants())
        with click.progressbar(
            rewrap_all(vault, record), length=count, label="Wrapping", file=sys.stderr
        ) as steps:
            wrapped = sum(steps)
        current = vault.store.master.current
        click.echo(f"{wrapped} data keys were wrapped anew; '{current}' wraps them all.")
        if retire:
            gone = retire_master_keys(vault, record)
            click.echo(f"Taken out of the key file: {', '.join(gone) or 'none'}.")


@keys.command()
@click.option("--tenant", "wanted", type=click.UUID, help="Only this tenant.")
@click.option(
    "--batch", default=500, show_default=True, type=click.IntRange(1, 10_000), help="Rows at once."
)
@click.option(
    "--grace",
    default=60.0,
    show_default=True,
    type=click.FloatRange(0, 3600),
    help="Seconds that values sealed with the old key have to arrive before it is destroyed.",
)
def rotate_data(wanted: uuid.UUID | None, batch: int, grace: float) -> None:
    """Give each tenant a new data key, seal its rows with it, and destroy the old one.

    Safe while Tandem runs; stopped halfway, run it again: it goes on where it stopped.
    """
    settings = settings_or_end()
    from app.vault.rotation import DataRotation

    with _vault(settings) as (vault, record):
        tenants = _tenants(vault, wanted)
        rotation = DataRotation(vault, record, batch=batch, grace=grace)
        faults = _reseal(rotation, tenants)
        if grace and tenants:
            click.echo(f"Waiting up to {grace:g} s before the old keys are destroyed.", err=True)
        retired = sum(len(rotation.retire(tenant)) for tenant in tenants if tenant not in faults)
    done = len(tenants) - len(faults)
    click.echo(f"{done} tenants have a new data key; {retired} old ones are destroyed.")
    for detail in faults.values():
        click.echo(detail, err=True)
    raise SystemExit(1 if faults else 0)


@keys.command()
@click.argument("tenant", type=click.UUID)
@click.option("--yes", is_flag=True, help="Do not ask.")
def shred(tenant: uuid.UUID, yes: bool) -> None:
    """Destroy a tenant's keys: nothing of it can be read again, not even from a backup.

    The site counts as uninstalled; the profiles that it made, and their activity, are deleted.
    """
    settings = settings_or_end()
    from app.database import TenantId
    from app.vault.shredding import shred_tenant

    if not yes:
        click.confirm(f"Shred tenant {tenant}? This cannot be taken back.", abort=True)
    with _vault(settings, check=False) as (vault, record):
        profiles = shred_tenant(vault, record, TenantId(tenant))
    click.echo(f"The keys of {tenant} are destroyed; {profiles} profiles went with them.")
    click.echo("Copies of the key store still hold them: destroy those too (docs/keys.md).")


def bare_app(settings: Settings) -> Flask:
    """An app with a database that acts as the product's role, and nothing else."""
    from flask import Flask

    from app.database import database_url, init_database

    app = Flask(__name__)
    init_database(app, database_url(settings), pool_size=2)
    return app


@contextmanager
def _vault(settings: Settings, *, check: bool = True) -> Iterator[tuple[Vault, Recorder]]:
    """The vault and the audit trail's writer, checked; or an end with what is wrong."""
    from sqlalchemy.exc import SQLAlchemyError

    from app.governance.audit import Audit
    from app.vault.check import check_store
    from app.vault.vault import Vault

    try:
        with bare_app(settings).app_context():
            vault = Vault(_store(settings))
            if check:
                check_store(vault.store)
            yield vault, Audit(vault).record
    except Problem as problem:
        click.echo(problem.detail, err=True)
        raise SystemExit(1) from None
    except SQLAlchemyError as fault:
        click.echo(
            f"The database failed ({type(fault).__name__}). Mend it and run the command again: it "
            "goes on where it stopped.",
            err=True,
        )
        raise SystemExit(1) from None


def _store(settings: Settings) -> KeyStore:
    from app.vault.check import store_folder
    from app.vault.ring import load_master_keys
    from app.vault.store import KeyStore

    return KeyStore(store_folder(settings), load_master_keys(settings))


def _tenants(vault: Vault, wanted: uuid.UUID | None) -> list[TenantId]:
    """The tenants to rotate: those that the database knows a data key of. Raises NotFound."""
    from app.database import TenantId
    from app.errors import NotFound
    from app.vault.check import key_needs
    from app.vault.vault import SERVER

    known = sorted(
        tenant
        for tenant in key_needs()
        if tenant != SERVER and not vault.store.holding(tenant).shredded
    )
    if wanted is None:
        return known
    if wanted not in known:
        raise NotFound("There is no such tenant, or it has no data key. `tandem keys status`.")
    return [TenantId(wanted)]


def _reseal(rotation: DataRotation, tenants: list[TenantId]) -> dict[TenantId, str]:
    """Begin and do every tenant; returns what could not be done, by tenant."""
    faults: dict[TenantId, str] = {}
    rows = {tenant: rotation.begin(tenant) for tenant in tenants}
    with click.progressbar(length=sum(rows.values()), label="Sealing", file=sys.stderr) as bar:
        for tenant in tenants:
            try:
                for count in rotation.reseal(tenant):
                    bar.update(count)
            except Problem as problem:
                faults[tenant] = problem.detail
    return faults


def _shown(found: KeyStatus) -> str:
    lines = [f"Master keys, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC"]
    for master in found.master_keys:
        note = "wraps new ones" if master.current else "" if master.known else "NOT IN THE RING"
        lines.append(f"  {master.name:<32} {master.data_keys:>6} data keys  {note}".rstrip())
    lines.append("Tenants")
    for tenant in found.tenants:
        lines.append(f"  {tenant.tenant}{'  shredded' if tenant.shredded else ''}")
        for one in tenant.versions:
            where = f"wrapped by {one.master}" if one.master else "no key"
            lines.append(
                f"    version {one.version:<5} {one.rows:>8} values  {one.state or 'unused':<8}  "
                f"{where}"
            )
    lines += [f"NEEDED  {text}" for text in found.needed]
    lines += [f"WRONG   {text}" for text in found.wrong]
    return "\n".join(lines)
