"""The home page's list: what needs a person first, a page of it at a time, and a version by which a
page that polls is told nothing where nothing is new."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from typing import Any

from flask import request
from sqlalchemy.orm import Session

from app.activity.log import latest
from app.database import TenantId, tenant_transaction
from app.database_faults import Disk
from app.language import gettext as _
from app.language import language, ngettext
from app.mapping import profile_lists
from app.mapping.directions import Directions
from app.mapping.naming import field_name
from app.mapping.profile import Flow
from app.mapping.profile_lists import Counts, ProfileHealth
from app.screens.field_names import FieldNames, profiles_of
from app.screens.token_sides import givers_in
from app.screens.waits import say_approval, say_change, say_server, say_sites_in
from app.screens.words import OUTCOMES, STATES, ago, arrow, say
from app.sync import completeness_store
from app.sync.completeness_words import sentence
from app.tenants import pairing
from app.tenants.caller import Caller, Permission
from app.tenants.roles import Standing
from app.vault.vault import Vault

A_PAGE = 25
"""Profiles that are shown at first, and that are shown more at a time."""
MOST = 10_000
LONGEST = 255
ENTRIES = 15


@dataclass(frozen=True)
class Asked:
    """Which profiles to show: those with this in their name or their partner's, and how many."""

    find: str = ""
    shown: int = A_PAGE
    is_more: bool = False  # it was asked for more just now: the first one that is new has the focus

    @classmethod
    def of_request(cls) -> Asked:
        """As the page that asks has them: every request of it says them again."""
        find = " ".join(request.values.get("list_find", "").split())[:LONGEST]
        shown = request.values.get("list_shown", A_PAGE, type=int)
        is_more = request.headers.get("HX-Trigger") == "list_more"
        return cls(find, min(max(shown, A_PAGE), MOST), is_more)


class Overview:
    """Reads and words it."""

    def __init__(
        self,
        vault: Vault,
        disk: Disk,
        site_name: Callable[[TenantId], str],
        field_names: FieldNames,
    ) -> None:
        self._vault, self._disk, self._site_name = vault, disk, site_name
        self._field_names = field_names
        self._directions = Directions(vault)

    def shown(self, caller: Caller, standing: Standing, asked: Asked) -> dict[str, Any]:
        """All that the page shows of profiles and their latest activity."""
        tenant = caller.tenant
        with tenant_transaction(tenant) as session:
            there = profile_lists.health(session, tenant)
            paired = pairing.partners_in(session, tenant)
            tokens = givers_in(session, caller)
        seen = [one for one in there if standing.covers(Permission.SEE, one.own_project)]
        names = {one: self._site_name(one) for one in {tenant, *(each.partner for each in seen)}}
        partners = [
            {"id": str(one.connection_id), "name": self._site_name(one.tenant)} for one in paired
        ]
        found = sorted((one for one in seen if _matches(one, names, asked.find)), key=_rank)
        page = found[: asked.shown]
        ids = [one.id for one in page]
        arrows = self._arrows(tenant, page)
        with tenant_transaction(tenant) as session:
            counted = profile_lists.counts(session, ids)
            said = checks_in(session, tenant, ids)
            reached = None if len(seen) == len(there) else {one.id for one in seen}
            entries = latest(session, self._vault, ENTRIES, reached)
            server = say_server(session, tenant, names[tenant], reached, self._disk)
            sites = say_sites_in(
                session, dict(sorted(names.items(), key=lambda one: (one[0] != tenant, one[1])))
            )
        # The list is there at once; what fields are called may be asked for with what it polls.
        fields = self._field_names.of_profiles(
            tenant, profiles_of(entries), ask=request.headers.get("HX-Trigger") == "overview"
        )
        told = {
            "profiles": [_row(one, counted.get(one.id, Counts()), names, tokens) for one in page],
            "total": len(seen),
            "find": asked.find,
            "found_words": _found_words(asked, len(found)),
            "a_page": A_PAGE,
            "list_shown": asked.shown,
            "more": min(A_PAGE, len(found) - len(page)),
            "summary": summary(seen),
            "server": server,
            "sites": sites,
            "checked": said,
            "arrows": arrows,
            "partners": partners,
            "gone": {one.id: one.gone for one in page if one.gone},
            "site_name": names[tenant],
            "may": {one.value: standing.may(one) for one in Permission},
        }
        version = _version(
            told, sorted(names.values()), [(one, ago(one.at)) for one in entries], fields
        )
        first_new = asked.shown - A_PAGE if asked.is_more else None
        return {
            **told,
            **_words(),
            "say": partial(say, sites=names, fields=fields),
            "entries": entries,
            "version": version,
            "first_new": first_new,
        }

    def _arrows(
        self, tenant: TenantId, page: Sequence[ProfileHealth]
    ) -> dict[uuid.UUID, tuple[str, str]]:
        carried = self._directions.of(tenant, [(one.id, one.revision) for one in page])
        return {one.id: arrow(carried.get(one.id, Flow.BOTH), one.own) for one in page}


def checks_in(
    session: Session, tenant: TenantId, profile_ids: Sequence[uuid.UUID]
) -> dict[uuid.UUID, str]:
    """The sentence of each profile's check, by the profile's id."""
    found = completeness_store.read(session, profile_ids)
    return {one: sentence(found.get(one), tenant, field_name) for one in profile_ids}


def summary(seen: Sequence[ProfileHealth]) -> list[tuple[str, str]]:
    """How all profiles fare, what is wrong first: a tone and a sentence each."""
    parked = sum(bool(one.parked) for one in seen)
    asked = sum(bool(one.conflicts) for one in seen)
    own = sum(one.awaits == "own" for one in seen)
    gone = sum(bool(one.gone) for one in seen)
    waits = sum(one.waits for one in seen)
    paused = sum(one.state == "paused" for one in seen)
    said = [
        (
            "parked",
            parked,
            ngettext("%(num)s with parked changes", "%(num)s with parked changes", parked),
        ),
        (
            "parked",
            asked,
            ngettext("%(num)s with conflicts to decide", "%(num)s with conflicts to decide", asked),
        ),
        (
            "waiting",
            own,
            ngettext("%(num)s waits for your approval", "%(num)s wait for your approval", own),
        ),
        (
            "parked",
            gone,
            ngettext(
                "%(num)s misses things that are gone", "%(num)s miss things that are gone", gone
            ),
        ),
        ("waiting", waits, ngettext("%(num)s waits", "%(num)s wait", waits)),
        ("paused", paused, ngettext("%(num)s paused", "%(num)s paused", paused)),
    ]
    return [(tone, words) for tone, count, words in said if count]


def _found_words(asked: Asked, found: int) -> str:
    """How many were found of what was looked for, if something was."""
    if not asked.find:
        return ""
    if not found:
        return _("No profile and no partner has “%(find)s” in its name.", find=asked.find)
    return ngettext(
        "%(num)s profile for “%(find)s”", "%(num)s profiles for “%(find)s”", found, find=asked.find
    )


def _matches(one: ProfileHealth, names: Mapping[TenantId, str], find: str) -> bool:
    wanted = find.casefold()
    return wanted in one.name.casefold() or wanted in names[one.partner].casefold()


def _rank(one: ProfileHealth) -> int:
    """Where it stands in the list; those of one rank stay as they were made."""
    if one.wants_person:
        return 0
    return 1 if one.waits or one.state == "proposed" else 2


def _row(
    one: ProfileHealth,
    counted: Counts,
    names: Mapping[TenantId, str],
    tokens: Mapping[TenantId, bool],
) -> dict[str, Any]:
    return {
        **vars(one),
        **vars(counted),
        "waits": one.waits,
        "partner_name": names[one.partner],
        "approval": say_approval(one, names, tokens),
        "ago": ago(counted.last_activity),
    }


def _words() -> dict[str, Any]:
    return {
        "say_change": say_change,
        "ago": ago,
        "outcomes": OUTCOMES,
        "states": STATES,
        "counts_words": _(
            "%(name)s: %(state)s, %(linked)s linked, %(pending)s pending, %(parked)s parked"
        ),
        "state_words": {name: _(words) for name, words in STATES.items()},
    }


def _version(*told: object) -> str:
    """What is the same for two answers alone that read the same."""
    return blake2b(repr((language(), *told)).encode(), digest_size=12).hexdigest()
