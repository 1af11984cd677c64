"""Asks both sites of a command's profile whether they have what is new in its mapping."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from app.mapping.profile import Profile, Side

if TYPE_CHECKING:
    from app import Tandem
    from app.database import TenantId
    from app.mapping.profiles import StoredProfile
    from app.sync.drift_save import Checked


def require_named(tandem: Tandem, stored: StoredProfile, new: Profile) -> None:
    """Refuse a mapping that names what is new and is not there. Tells on stderr what was gone
    before, and which side was not asked. Raises Problem."""
    from app.sync.drift_save import check_on_save
    from app.sync.drift_watch import Watch

    before = Watch(tandem.vault, tandem.open_site).read(stored)
    _tell(check_on_save(tandem.open_site, stored, new, before))


def require_named_anew(tandem: Tandem, tenants: Mapping[Side, TenantId], new: Profile) -> None:
    """The same for a profile that is not there yet. Raises Problem."""
    from app.sync.drift_save import check_new

    _tell(check_new(tandem.open_site, tenants, new))


def _tell(checked: Checked) -> None:
    from app.sync.drift_words import sentence

    for one in checked.gone:
        click.echo(sentence(one, f"the {one.target.side.value} site"), err=True)
    for side in checked.unasked:
        click.echo(
            f"The {side.value} site could not be asked whether it has what is new in the mapping; "
            "`tandem profile drift PROFILE --look` asks again.",
            err=True,
        )
