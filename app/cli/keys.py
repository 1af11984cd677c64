"""`tandem keys …`: the master keys and what they wrap."""

from __future__ import annotations

import base64
import os

import click


@click.group()
def keys() -> None:
    """The master keys."""


@keys.command("new")
@click.argument("name", default="k1")
def new_key(name: str) -> None:
    """Print a fresh master key for TANDEM_MASTER_KEYS."""
    click.echo(f"{name}:{base64.b64encode(os.urandom(32)).decode()}")
