"""The page of one profile: what it carries, its revisions, and its pause, copy and end."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from app.database import TenantId
from app.errors import NotFound, Problem
from app.jira.site import SiteOpener
from app.language import gettext as _
from app.mapping import approvals, filters, history, profile_lists, profiles, removal, taking
from app.mapping import difference_words as words
from app.mapping.approvals import Saved
from app.mapping.difference import differences
from app.mapping.mirror import mirrored
from app.mapping.naming import Names
from app.mapping.profile import Profile, Scope, Side
from app.mapping.profile_lists import ProfileOverview
from app.mapping.profiles import StoredProfile
from app.mapping.revisions import Detail
from app.mapping.told import Difference
from app.screens.desk import Desk
from app.screens.forms import form_number, form_scope, form_text
from app.screens.profile_words import row
from app.screens.proposal_waits import form_over
from app.sync.drift_save import check_new, check_on_save, fitted
from app.sync.drift_watch import Watch
from app.sync.mapping_taken import follow
from app.sync.profile_names import ProfileNames
from app.tenants import pairing
from app.tenants.caller import Caller, Permission
from app.tenants.deeds import OPERATOR, Recorder
from app.tenants.roles import Standing
from app.vault.vault import Vault


@dataclass(frozen=True)
class Seen:
    """A profile as the caller sees it. `side`: his own. `maps`: whether he may change it."""

    stored: StoredProfile
    overview: ProfileOverview
    side: Side
    sites: Mapping[Side, str]
    maps: bool

    @property
    def partner(self) -> str:
        """The other site."""
        return self.sites[self.side.other]


@dataclass(frozen=True)
class Taken:
    """A mapping that was saved. `unasked`: the sides that did not say whether they have what is
    new in it."""

    saved: Saved
    unasked: tuple[Side, ...] = ()


@dataclass(frozen=True)
class Made:
    """A new profile. `dropped`: how many things of a copied mapping its projects have not;
    `unasked`: the sides that did not say what they have."""

    id: uuid.UUID
    dropped: int = 0
    unasked: tuple[Side, ...] = ()


class ProfileView:
    """What the page does. Out of reach is the same as never there."""

    def __init__(
        self,
        vault: Vault,
        open_site: SiteOpener,
        record: Recorder,
        ring: Callable[[uuid.UUID, int], None],
        desk: Desk,
    ) -> None:
        self.vault, self.open_site, self.record = vault, open_site, record
        self.desk, self._ring = desk, ring
        self._names = ProfileNames(open_site)

    def seen(
        self,
        caller: Caller,
        standing: Standing,
        profile: uuid.UUID,
        permission: Permission = Permission.SEE,
    ) -> Seen:
        """The profile, where the caller has the permission for it. Raises NotFound."""
        one = profile_lists.one(caller.tenant, profile)
        if one is None or not standing.covers(permission, one.own_project):
            raise NotFound(_("There is no such profile."))
        stored = profiles.load(self.vault, profile)
        tenants = stored.tenants
        sites = {each: self.desk.site_name(tenants[each]) for each in Side}
        maps = standing.covers(Permission.MAP, one.own_project)
        return Seen(stored, one, one.own, sites, maps)

    def names(self, seen: Seen, *, ask: bool) -> Names:
        """What both sites call things; not `ask`: as far as it is at hand."""
        return self._names.of(seen.stored.profile, seen.stored.tenants, seen.sites, ask=ask)

    def carried(self, seen: Seen, *, ask: bool, anew: bool = False) -> dict[str, Any]:
        """What crosses, for a table, and the names' age in seconds (None: not all are known)."""
        if anew:
            self._names.forget(seen.stored.profile, seen.stored.tenants)
        names, profile = self.names(seen, ask=ask), seen.stored.profile
        return {
            "profile": seen.stored.id,
            "heads": [self._head(seen, names, side) for side in Side],
            "rows": [row(one, names) for one in profile.fields],
            "items": [
                (words.items(one.kind), words.item_rule(one, names)) for one in profile.items
            ],
            "people": len(profile.users.rows),
            "names_age": self._names.age(profile, seen.stored.tenants),
        }

    def _head(self, seen: Seen, names: Names, side: Side) -> dict[str, Any]:
        scope = seen.stored.profile.scope(side)
        key, name = names.projects.get(side, ("", scope.project_id))
        return {
            "site": seen.sites[side],
            "own": side is seen.side,
            "project": f"{name} ({key})" if key else name,
            "type": names.types.get(side, scope.issue_type_id),
            # A filter is for the people of its own site.
            "filtered": scope.filter is not None,
            "filter": scope.filter if side is seen.side else None,
        }

    def revisions(self, seen: Seen, before: int | None) -> dict[str, Any]:
        """A page of the revisions, with who made them as the own site calls them now."""
        found = history.revisions_of(
            self.vault, seen.stored.tenants[seen.side], seen.stored.id, before=before
        )
        who = self._people(seen, {one.by for one in found} - {OPERATOR})
        return {
            "profile": seen.stored.id,
            "revisions": [(one, who.get(one.by) or _stranger(one.by, seen)) for one in found],
            "more": found[-1].number if found and found[-1].number > 1 else None,
        }

    def _people(self, seen: Seen, accounts: set[str]) -> dict[str, str]:
        """Display names, from the own site each time; nothing where it does not answer."""
        if not accounts:
            return {}
        try:
            return self.open_site(seen.stored.tenants[seen.side]).people(sorted(accounts))
        except Problem:
            return {}

    def opened(self, seen: Seen, number: int) -> dict[str, Any]:
        """What a revision changed, and what restoring it would change now. Raises NotFound."""
        tenant, names = seen.stored.tenants[seen.side], self.names(seen, ask=False)
        found = history.at(self.vault, tenant, seen.stored.id, number)
        before = history.earlier(self.vault, tenant, seen.stored.id, number)
        now = seen.stored.profile
        back = history.for_side(found, now, seen.side)
        return {
            "profile": seen.stored.id,
            "number": number,
            "in_force": seen.stored.revision,
            "first": before is None,
            "changed": self.shown(seen, differences(before, found, names) if before else ()),
            "restores": self.shown(seen, differences(now, back, names)),
            "maps": seen.maps,
        }

    def shown(self, seen: Seen, found: tuple[Difference, ...]) -> list[Difference]:
        """Differences as the caller may read them: without the words of the partner's filter."""
        theirs = f"{seen.side.other.value}.filter"
        return [replace(one, old=None, new=None) if one.where == theirs else one for one in found]

    def restore(self, caller: Caller, standing: Standing, seen: Seen, number: int) -> Taken:
        """Bring a revision back, as a new one, through the checks of every change. The form has
        the number of the one in force that was compared with. Raises Problem, NotFound."""
        found = history.at(self.vault, caller.tenant, seen.stored.id, number)
        back = history.for_side(found, seen.stored.profile, seen.side)
        return self.take(caller, standing, seen, back, {"restored": number})

    def take(
        self,
        caller: Caller,
        standing: Standing,
        seen: Seen,
        new: Profile,
        told: Detail,
    ) -> Taken:
        """Save a whole mapping for the caller's side. The form has `base`, the number of the
        revision that was compared with. `told`: what the trail says of it. Raises Problem,
        NotFound."""
        base, old = form_text("base"), seen.stored.profile
        if base != str(seen.stored.revision):
            raise Problem(
                _(
                    "Somebody changed the profile meanwhile. Look at what would change now, and "
                    "decide again."
                ),
                status=409,
                code="changed-meanwhile",
            )
        own = new.scope(seen.side)
        if own.filter != old.scope(seen.side).filter:
            filters.check(self.desk.own_site(caller.tenant), own, seen.side, own=True)
        before = Watch(self.vault, self.open_site).read(seen.stored)
        checked = check_on_save(self.open_site, seen.stored, new, before)
        saved = approvals.save(
            self.vault,
            self.record,
            caller,
            seen.stored.id,
            new,
            base=int(base),
            covers=lambda project: standing.covers(Permission.MAP, project),
            told=told,
            asks=True,
            over=form_over(),
        )
        if saved.in_force and new != old:
            follow(self.vault, self._ring, seen.stored.id, old, new)
        return Taken(saved, checked.unasked)

    def choices(self, caller: Caller, standing: Standing, seen: Seen) -> dict[str, Any]:
        """What a copy may be between. Raises Problem where a site does not answer."""
        connection = self.connection(caller, seen)
        own = self.desk.own_site(caller.tenant).projects()
        return {
            "connection": connection,
            "projects": [one for one in own if standing.covers(Permission.MAP, one.id)],
            "partner_projects": self.desk.partner_site(caller.tenant, connection).projects(),
            "filter": seen.stored.profile.scope(seen.side).filter,
        }

    def copy(self, caller: Caller, standing: Standing, seen: Seen) -> Made:
        """The same mapping between the projects and types of the form; the caller's side is its
        left one. What these have not, such as components, is left out. Raises Problem, NotFound."""
        connection = self.connection(caller, seen)
        self.desk.require_project(standing, form_number("left_project"))
        left = form_scope(self.desk.own_site(caller.tenant), "left")
        right = form_scope(self.desk.partner_site(caller.tenant, connection), "right")
        own = seen.stored.profile if seen.side is Side.LEFT else mirrored(seen.stored.profile)
        tenants = self._between(caller, connection)
        copied = replace(own, left=left, right=right)
        made, dropped, checked = fitted(self.open_site, tenants, copied)
        profile = self._create(caller, connection, form_text("name"), made)
        return Made(profile, len(dropped), checked.unasked)

    def create(self, caller: Caller, connection: uuid.UUID, name: str, profile: Profile) -> Made:
        """A new profile of a mapping whose left side is the caller's. What the partner allows
        besides is not copied: he says it himself. Raises Problem."""
        checked = check_new(self.open_site, self._between(caller, connection), profile)
        return Made(self._create(caller, connection, name, profile), unasked=checked.unasked)

    def _between(self, caller: Caller, connection: uuid.UUID) -> dict[Side, TenantId]:
        return {Side.LEFT: caller.tenant, Side.RIGHT: self.partner(caller, connection)}

    def _create(
        self, caller: Caller, connection: uuid.UUID, name: str, profile: Profile
    ) -> uuid.UUID:
        items = tuple(replace(one, internal=one.internal & {Side.LEFT}) for one in profile.items)
        return taking.create(
            self.vault,
            self.record,
            caller,
            connection,
            name=name,
            profile=replace(profile, items=items, restricted=frozenset()),
            check=self.checker(caller, connection),
        )

    def checker(self, caller: Caller, connection: uuid.UUID) -> Callable[[Scope, Side], None]:
        """Asks the site of a side whether it understands its filter."""
        own = self.desk.own_site(caller.tenant)
        partner = self.desk.partner_site(caller.tenant, connection)

        def check(scope: Scope, side: Side) -> None:
            is_own = side is Side.LEFT
            filters.check(own if is_own else partner, scope, side, own=is_own)

        return check

    def connection(self, caller: Caller, seen: Seen) -> uuid.UUID:
        """The connection with the partner of a profile. Raises NotFound where there is none."""
        partner = seen.stored.tenants[seen.side.other]
        for one in pairing.partners(caller.tenant):
            if one.tenant == partner:
                return one.connection_id
        raise NotFound(_("There is no such connection."))

    @staticmethod
    def partner(caller: Caller, connection: uuid.UUID) -> TenantId:
        """The partner of a connection. Raises NotFound."""
        return pairing.partner_of(caller.tenant, connection)

    def remove(self, caller: Caller, standing: Standing, profile: uuid.UUID, name: str) -> None:
        """Delete a profile; `name` must be its name. Raises Problem, NotFound."""
        removal.remove(
            self.record,
            caller,
            profile,
            name,
            covers=lambda project: standing.covers(Permission.MAP, project),
        )


def _stranger(account: str, seen: Seen) -> str:
    if account == OPERATOR:
        return _("the operator of the server")
    return _("somebody of %(partner)s, or no longer in your Jira", partner=seen.partner)
