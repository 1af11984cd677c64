"""Why work waits, in sentences: the database keeps codes, never a site's own words."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from app.database import TenantId, scope_to, unscoped_transaction
from app.database_faults import FULL, Disk
from app.jobs import alive
from app.language import gettext as _
from app.language import ngettext, noop
from app.mapping.profile_lists import ProfileHealth
from app.screens.words import ago
from app.sync import clocks

CHANGES = {
    "limit-rate": noop(
        "The site asked for patience (429). Its changes are sent when the wait is over."
    ),
    "limit-burst": noop(
        "The site takes only so many calls a second (429). The rest follows at once."
    ),
    "limit-points": noop(
        "The hour's points of the site are used up (429). It goes on in the next hour."
    ),
    "limit-issue": noop(
        "One issue was written too often (429). Only that issue waits, for seconds."
    ),
    "no-answer": noop(
        "The site did not answer, or not in Jira's form, as during maintenance. It is "
        "tried again by itself."
    ),
    "site-failing": noop("The site failed (5xx). It is tried again by itself."),
    "busy": noop("Jira was at work on the issue itself (409). Only that issue waits, for seconds."),
    "locked-out": noop("The site does not let Tandem in. It is tried again by itself."),
    "site-held": noop("These changes wait for their site as a whole."),
    "waiting-for-search": noop(
        "An issue was sent and its answer lost. Tandem looks whether it was "
        "made before it sends it again."
    ),
    "waiting-for-link": noop(
        "Another profile is about to make the twin of this issue. It is linked as "
        "soon as it is there."
    ),
    "waiting-for-item": noop(
        "A comment or the like was sent and its answer lost, or another profile is "
        "about to make it. Tandem looks for it before it sends it again."
    ),
    "waiting-for-parent": noop(
        "The parent of this issue gets its twin first. The issue follows as soon as that is there."
    ),
    "filter-refused": noop(
        "Jira does not understand the profile's filter any more: a status, a person "
        "or a field that it names may be gone. Correct the filter; the changes wait and none is "
        "lost."
    ),
    "retry": noop("It was parked, and is tried again."),
    "internal-error": noop("Something went wrong on our side. It is tried again by itself."),
}
BLOCKED = {
    "rate": noop(
        "{site} asked for patience. Tandem leaves it alone for {seconds} more seconds; the "
        "changes wait and none is lost."
    ),
    "burst": noop(
        "{site} takes only so many calls a second. Tandem leaves it alone for {seconds} more "
        "seconds; the changes wait and none is lost."
    ),
    "points": noop(
        "{site} has no points left in this hour. Tandem leaves it alone for {seconds} more "
        "seconds; the changes wait and none is lost."
    ),
    "failing": noop(
        "{site} fails (5xx). Tandem leaves it alone for {seconds} more seconds; the changes wait "
        "and none is lost."
    ),
    "unreachable": noop(
        "{site} does not answer. Tandem leaves it alone for {seconds} more seconds; the changes "
        "wait and none is lost."
    ),
}
PAUSED = {
    "unknown": noop(
        "{site} does not know Tandem any more (401); it first said so {since}. An admin of "
        "{site} should look whether the app is still installed and enabled there, and else "
        "install it "
        "again. Tandem asks by itself and resumes when it is let in; nothing is lost."
    ),
    "forbidden": noop(
        "{site} does not allow Tandem to work (403); it first said so {since}. An admin "
        "of {site} should enable the app there and give it access to the projects. Tandem asks by "
        "itself and resumes when it is let in; nothing is lost."
    ),
}
PAUSED_BY_TOKEN = {
    "unknown": noop(
        "{site} refuses the API token (401); it first did {since}. It may have run out or been "
        "revoked, or its account may have left. An admin gives a new one under Settings, "
        "Connections; changes wait meanwhile, and none is lost."
    ),
    "forbidden": noop(
        "{site} does not let the API token's account work (403); it first said so {since}. Give "
        "the account access to Jira and the projects there, or a new token under Settings, "
        "Connections; changes wait meanwhile, and none is lost."
    ),
}
CLOCK_REST = noop(
    "Changes go on crossing, in the site's time; but this page and the site's webhooks may be "
    "refused until the clock is right, and the searches find what came meanwhile. Whoever runs "
    "Tandem should set its server's clock, as by NTP."
)
NO_WORKER_REST = noop(
    "Whoever runs Tandem should start one with “tandem worker”, or find in the log why those of "
    "“tandem serve” end."
)
_SITE = text(
    """
    SELECT b.paused_code, b.paused_since, b.code, i.owner_id IS NOT NULL AS by_token,
           ceil(extract(epoch FROM b.blocked_until - now())) AS seconds
    FROM site_budget b JOIN installation i ON i.id = b.tenant_id
    WHERE b.tenant_id = :tenant AND (b.paused_since IS NOT NULL OR b.blocked_until > now())
    """
)


def say_approval(
    one: ProfileHealth, names: Mapping[TenantId, str], tokens: Mapping[TenantId, bool]
) -> str | None:
    """Whose approval a profile or a change of it waits for, or that it was declined. `tokens`: the
    partners that are reached by token, and whether the reader gave it."""
    if one.awaits is None:
        return None
    partner = names[one.partner]
    if one.awaits == "partner" and one.partner in tokens:
        if tokens[one.partner]:
            return _(
                "Waits for you to approve what leaves %(partner)s: you gave its API token.",
                partner=partner,
            )
        return _(
            "Waits for the admin of your site who gave the API token of %(partner)s.",
            partner=partner,
        )
    if one.state == "proposed":
        return {
            "own": _("Waits for your approval: %(partner)s proposed it.", partner=partner),
            "partner": _("Waits for the approval of %(partner)s.", partner=partner),
            "declined": _("It was declined or taken back. Change it, and it is proposed again."),
        }[one.awaits]
    return {
        "own": _("A change by %(partner)s waits for your approval.", partner=partner),
        "partner": _(
            "The last change waits for the approval of %(partner)s. The profile goes on as it was.",
            partner=partner,
        ),
        "declined": _("The last change was declined or taken back. The profile goes on as it was."),
    }[one.awaits]


def say_change(code: str | None) -> str | None:
    """Why a change waits."""
    return None if code is None else _(CHANGES.get(code, code))


def say_sites(names: Mapping[TenantId, str]) -> list[str]:
    """A sentence for each of these sites that is paused or must not be called now."""
    with unscoped_transaction() as session:
        return say_sites_in(session, names)


def say_sites_in(session: Session, names: Mapping[TenantId, str]) -> list[str]:
    """The same at the end of a running transaction, which is then scoped to the last of them."""
    said = []
    for tenant, name in names.items():
        scope_to(session, tenant)
        row = session.execute(_SITE, {"tenant": tenant}).one_or_none()
        if row is not None:
            said.append(_say(name, row))
    return said


def say_server(
    session: Session,
    tenant: TenantId,
    site: str,
    profiles: Collection[uuid.UUID] | None,
    disk: Disk,
) -> list[str]:
    """A sentence for all that is wrong with Tandem's own server, as this tenant's site meets it.
    `profiles`: those that are looked at, or None for all of the tenant."""
    waiting = alive.waiting_without_worker(session, profiles)
    ahead = clocks.told(session, tenant)
    said = [FULL] if disk.is_full() else []
    if waiting is not None:
        said.append(say_no_worker(*waiting))
    if ahead is not None:
        said.append(say_clock(site, ahead))
    return said


def say_no_worker(count: int, since: datetime) -> str:
    """How many changes wait for a worker, and since when."""
    head = ngettext(
        "No worker is running, so no change crosses: %(num)s change waits, the first since "
        "%(since)s; none is lost.",
        "No worker is running, so no change crosses: %(num)s changes wait, the first since "
        "%(since)s; none is lost.",
        count,
        since=f"{since.astimezone(UTC):%H:%M} UTC",
    )
    return f"{head} {_(NO_WORKER_REST)}"


def say_clock(site: str, ahead: float) -> str:
    """By how much the clock of Tandem is off a site's, which is so many seconds `ahead` of it."""
    amount = _amount(round(abs(ahead)))
    if ahead > 0:
        head = _("Tandem's clock is %(amount)s behind %(site)s's.", amount=amount, site=site)
    else:
        head = _("Tandem's clock is %(amount)s ahead of %(site)s's.", amount=amount, site=site)
    return f"{head} {_(CLOCK_REST)}"


def _amount(seconds: int) -> str:
    """A span in the largest unit that there are two of."""
    if seconds >= 2 * 86400:
        return _("%(num)s days", num=round(seconds / 86400))
    if seconds >= 2 * 3600:
        return _("%(num)s hours", num=round(seconds / 3600))
    if seconds >= 2 * 60:
        return _("%(num)s minutes", num=round(seconds / 60))
    return _("%(num)s seconds", num=seconds)


def _say(site: str, row: Row[Any]) -> str:
    if row.paused_code is not None:
        known = PAUSED_BY_TOKEN if row.by_token else PAUSED
        return _(known[row.paused_code]).format(site=site, since=ago(row.paused_since))
    return _(BLOCKED[row.code or "rate"]).format(site=site, seconds=int(row.seconds or 1))
