"""The activity on the page: by profile, issue, outcome and time; each entry opens."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any

from flask import Blueprint, Response, jsonify, render_template, request

from app.activity import log as crossings
from app.activity import retention
from app.activity.log import Cursor, Entry, Outcome, Wanted
from app.database import TenantId, tenant_transaction
from app.errors import NotFound
from app.jira.site import SiteOpener
from app.language import gettext as _
from app.language import ngettext
from app.mapping.profile_lists import KnownProfile
from app.screens.activity_words import Told, account_ids, names_of, outcomes
from app.screens.activity_words import tell as tell_entry
from app.screens.desk import Desk
from app.screens.field_names import profiles_of
from app.screens.forms import refuse
from app.screens.pages import wants_json
from app.screens.words import ago
from app.tenants.caller import Caller, Permission, Proof, accepts, current_caller
from app.tenants.gate import current_standing
from app.tenants.roles import Standing
from app.vault.vault import Vault

A_PAGE = 30
MOST_NEW = 100
KEY_LIMIT = 255


@dataclass(frozen=True)
class Filter:
    """What the filters of the view say: as the entries are asked for, and as they were written."""

    profile: uuid.UUID | None
    wanted: Wanted
    written: Mapping[str, str]


class Activity:
    """What the view does for people who may see."""

    def __init__(self, vault: Vault, open_site: SiteOpener, desk: Desk, most_days: int) -> None:
        """`most_days`: for how many days details are kept at most."""
        self._vault, self._open_site, self._desk = vault, open_site, desk
        self._most_days = most_days

    def days(self, tenant: TenantId) -> int:
        """For how many days the site keeps what changed."""
        return min(retention.of_site(tenant), self._most_days)

    def days_of(self, caller: Caller, entry: Entry) -> int:
        """For how many days what changed is kept of an entry: as both its sites say."""
        with tenant_transaction(caller.tenant) as session:
            return min(retention.of_profile(session, entry.profile_id), self._most_days)

    def profiles(self, caller: Caller, standing: Standing) -> list[KnownProfile]:
        """The profiles to choose from."""
        return self._desk.known(caller.tenant, standing)

    def page(
        self, caller: Caller, seen: Sequence[KnownProfile], asked: Filter, before: Cursor | None
    ) -> tuple[list[Told], Cursor | None]:
        """The wanted entries of the profiles `seen` from a place on, in words, and where the older
        ones begin. Raises NotFound for a profile out of reach."""
        reached = _reached(seen, asked)
        with tenant_transaction(caller.tenant) as session:
            found = crossings.page(
                session, self._vault, reached, asked.wanted, before=before, limit=A_PAGE + 1
            )
        shown = found[:A_PAGE]
        older = Cursor.of(shown[-1]) if len(found) > A_PAGE else None
        return self._told(caller, shown, reached), older

    def newer(self, caller: Caller, standing: Standing, asked: Filter, since: Cursor | None) -> int:
        """How many wanted entries came since a place. Asks no site."""
        reached = _reached(self.profiles(caller, standing), asked)
        with tenant_transaction(caller.tenant) as session:
            return crossings.newer(session, reached, asked.wanted, since=since, most=MOST_NEW)

    def entry(self, caller: Caller, standing: Standing, entry: uuid.UUID) -> Told:
        """An entry in words, with why. Raises NotFound for one out of reach."""
        reached = {one.id: one for one in self.profiles(caller, standing)}
        with tenant_transaction(caller.tenant) as session:
            found = crossings.get(session, self._vault, reached, entry)
        if found is None:
            raise NotFound(_("There is no such entry."))
        return self._told(caller, [found], reached, why=True)[0]

    def _told(
        self,
        caller: Caller,
        found: list[Entry],
        profiles: Mapping[uuid.UUID, KnownProfile],
        *,
        why: bool = False,
    ) -> list[Told]:
        people = names_of(self._open_site, caller.tenant, account_ids(found))
        sites = {one: self._desk.site_name(one) for entry in found for one in entry.tenants}
        fields = self._desk.field_names.of_profiles(caller.tenant, profiles_of(found), ask=True)
        return [
            tell_entry(
                entry, profiles[entry.profile_id].name, sites, people,
                fields.get(entry.profile_id, {}), tenant=caller.tenant, why=why,
            )
            for entry in found
        ]  # fmt: skip


def _reached(seen: Sequence[KnownProfile], asked: Filter) -> dict[uuid.UUID, KnownProfile]:
    """The profiles that are asked for, by id. Raises NotFound."""
    reached = {one.id: one for one in seen}
    if asked.profile is None:
        return reached
    if asked.profile not in reached:
        raise NotFound(_("There is no such profile."))
    return {asked.profile: reached[asked.profile]}


def activity_blueprint(activity: Activity) -> Blueprint:
    """The views of the activity, part of the pages."""
    blueprint = Blueprint("activity", __name__)

    @blueprint.get("/views/activity")
    @accepts(Proof.CONTEXT, Permission.SEE)
    def view() -> str:
        seen = activity.profiles(current_caller(), current_standing())
        shown = _page(activity, seen, _asked(), None)
        shown["days"] = activity.days(current_caller().tenant)
        return render_template("views/activity.html", profiles=seen, outcomes=outcomes(), **shown)

    @blueprint.get("/activity")
    @accepts(Proof.CONTEXT, Permission.SEE)
    def page() -> Response | str:
        asked, before = _asked(), _cursor("before")
        seen = activity.profiles(current_caller(), current_standing())
        shown = _page(activity, seen, asked, before)
        if wants_json():
            entries = [_as_json(one) for one in shown["entries"]]
            return jsonify(entries=entries, older=str(shown["older"]) if shown["older"] else None)
        part = "activity" if before is None else "activity_entries"
        return render_template(f"parts/{part}.html", **shown)

    @blueprint.get("/activity/news")
    @accepts(Proof.CONTEXT, Permission.SEE)
    def news() -> Response | str:
        asked, since = _asked(), _cursor("since")
        count = activity.newer(current_caller(), current_standing(), asked, since)
        if wants_json():
            return jsonify(new=count)
        shown = {"count": count, "most": MOST_NEW, "since": since, "asked": asked.written}
        return render_template("parts/activity_news.html", **shown)

    @blueprint.get("/activity/<uuid:entry>")
    @accepts(Proof.CONTEXT, Permission.SEE)
    def entry(entry: uuid.UUID) -> Response | str:
        found = activity.entry(current_caller(), current_standing(), entry)
        days = activity.days_of(current_caller(), found.entry)
        if wants_json():
            return jsonify(_as_json(found) | {"keptForDays": days})
        return render_template("parts/activity_entry.html", one=found, ago=ago, days=days)

    return blueprint


def _page(
    activity: Activity, seen: Sequence[KnownProfile], asked: Filter, before: Cursor | None
) -> dict[str, Any]:
    entries, older = activity.page(current_caller(), seen, asked, before)
    newest = Cursor.of(entries[0].entry) if entries else None
    return {
        "entries": entries,
        "older": older,
        "newest": newest,
        "asked": asked.written,
        "ago": ago,
        "count_words": count_words,
        "outcome_words": outcomes(),
    }


def count_words(entry: Entry) -> str:
    """How much an entry wrote and decided, for a row whose details are not kept."""
    said = []
    if entry.written:
        said.append(ngettext("%(num)s field written", "%(num)s fields written", entry.written))
    if entry.conflicts:
        said.append(
            ngettext("%(num)s conflict decided", "%(num)s conflicts decided", entry.conflicts)
        )
    return ", ".join(said)


def _asked() -> Filter:
    """The filters of the request. Raises Problem."""
    given = {
        name: request.args.get(name, "").strip()
        for name in ("profile", "issue", "outcome", "from", "to")
    }
    profile = outcome = None
    if given["profile"]:
        try:
            profile = uuid.UUID(given["profile"])
        except ValueError:
            raise refuse("profile", _("choose one from the list.")) from None
    if given["outcome"]:
        try:
            outcome = Outcome(given["outcome"])
        except ValueError:
            raise refuse("outcome", _("choose one from the list.")) from None
    key = given["issue"].upper()
    if len(key) > KEY_LIMIT or not key.isprintable():
        raise refuse("issue", _("enter the key of an issue, as WEB-12."))
    since, until = _day("from", given["from"]), _day("to", given["to"])
    if since and until and until < since:
        raise refuse("to", _("must not be before the first day."))
    until = until + timedelta(days=1) if until else None
    wanted = Wanted(key or None, outcome, since, until)
    return Filter(profile, wanted, {name: value for name, value in given.items() if value})


def _day(name: str, written: str) -> datetime | None:
    """The beginning of a day in UTC. Raises Problem."""
    if not written:
        return None
    try:
        day = datetime.strptime(written, "%Y-%m-%d").date()  # noqa: DTZ007  a day has no zone
    except ValueError:
        raise refuse(name, _("enter a day as 2027-03-31.")) from None
    if not 1970 <= day.year <= 9000:
        raise refuse(name, _("enter a day as 2027-03-31."))
    return datetime.combine(day, time.min, UTC)


def _cursor(name: str) -> Cursor | None:
    """A place in the log that the page had from us. Raises Problem."""
    written = request.args.get(name, "")
    if not written:
        return None
    try:
        return Cursor.read(written)
    except ValueError:
        raise refuse(name, _("this is no place in the activity. Open the view again.")) from None


def _as_json(one: Told) -> dict[str, Any]:
    return {
        "id": str(one.entry.id),
        "profile": str(one.entry.profile_id),
        "profileName": one.profile,
        "at": one.entry.at.isoformat(),
        "outcome": one.entry.outcome,
        "leftKey": one.entry.left_key,
        "rightKey": one.entry.right_key,
        "written": one.entry.written,
        "conflicts": one.entry.conflicts,
        "kept": one.entry.kept,
        "sentences": list(one.sentences),
        "changes": [
            {"field": c.field, "site": c.site, "old": c.old, "new": c.new, "why": c.why}
            for c in one.changes
        ],
        "revision": one.revision,
    }
