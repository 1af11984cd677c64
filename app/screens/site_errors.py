"""Why a site could not be asked, in a sentence for the place where its answer would stand."""

from __future__ import annotations

from app.jira.site import SiteError
from app.language import gettext as _


def say_error(site: str, error: SiteError) -> str:
    """What a person is told who waits for an answer of this site."""
    if error.locked_out:
        return _(
            "%(site)s does not let Tandem in (%(status)s). An admin there should look whether the "
            "app is enabled and may browse projects.",
            site=site,
            status=error.site_status,
        )
    if error.site_status == 404:
        return _(
            "%(site)s does not show this to Tandem. It may be gone, or an admin there should give "
            "the app the permission to browse the project.",
            site=site,
        )
    if error.site_status == 429:
        return _("%(site)s asks for patience (429). Try again in a minute.", site=site)
    if error.site_status is not None:
        return _(
            "%(site)s failed (%(status)s). Try again in a minute.",
            site=site,
            status=error.site_status,
        )
    return _(
        "%(site)s did not answer in time, or not in Jira's form, as during maintenance. Try again "
        "in a minute.",
        site=site,
    )
