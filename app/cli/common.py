"""What every command needs: the settings of the environment."""

from __future__ import annotations

import click

from app.settings import Settings, SettingsError, load_settings


def settings_or_end() -> Settings:
    """The settings, or an end with every fault named."""
    try:
        return load_settings()
    except SettingsError as error:
        click.echo("Tandem did not start. Mend these settings:", err=True)
        for fault in error.faults:
            click.echo(f"  {fault}", err=True)
        raise SystemExit(2) from None
