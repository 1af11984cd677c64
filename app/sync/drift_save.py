"""Whether what a save adds to a mapping is there: before the new revision is taken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from time import monotonic

from app.errors import Problem
from app.jira.site import SiteError, SiteOpener
from app.language import gettext as _
from app.language import noop
from app.mapping.profile import SYSTEM_KINDS, Profile, Side, UserTable
from app.mapping.profiles import StoredProfile
from app.mapping.repair import Target, Way, What, repaired
from app.sync.beside import begin
from app.sync.drift import compare, mapping_of
from app.sync.drift_model import COMMENT, Finding, How, Now
from app.sync.drift_read import Tenants, look_at, reader_of
from app.sync.drift_refs import references
from app.sync.drift_store import Drift
from app.sync.planning_read import Reader

PATIENCE = 5.0  # seconds that somebody who saves waits for a busy site
SLOW = 15.0  # seconds that he waits for the answers of both

_RULES: Mapping[tuple[What, How], str] = {
    (What.FIELD, How.GONE): noop(
        "there is no field %(id)s at %(site)s. Map one that is there, or leave it out."
    ),
    (What.FIELD, How.RETYPED): noop(
        "%(id)s at %(site)s is of another type than the mapping says: %(now)s. Map it as that, or "
        "leave it out."
    ),
    (What.VALUE, How.GONE): noop(
        "%(id)s is no value that %(field)s takes at %(site)s. Choose one that it takes, or leave "
        "it out."
    ),
    (What.STATUS, How.GONE): noop(
        "%(id)s is no status of the issue type at %(site)s. Choose one that it has, or leave it "
        "out."
    ),
    (What.LINK_TYPE, How.GONE): noop(
        "there is no type of links %(id)s at %(site)s. Choose one that is there, or leave it out."
    ),
    (What.USER, How.GONE): noop(
        "there is no account %(id)s at %(site)s. Choose somebody of that site, or leave it out."
    ),
    (What.USER, How.INACTIVE): noop(
        "the account %(id)s is deactivated at %(site)s. Choose somebody else, or leave it out."
    ),
}


@dataclass(frozen=True)
class Checked:
    """What a save may go on with. `gone`: what the mapping named before already, names still, and a
    site has no more: a warning. `unasked`: the sides that could not be asked about what is new."""

    gone: tuple[Finding, ...] = ()
    unasked: tuple[Side, ...] = ()


def check_on_save(
    open_site: SiteOpener, profile: StoredProfile, new: Profile, before: Drift
) -> Checked:
    """Ask the sites about what `new` names and the stored profile does not. No call where that is
    nothing. `before`: what the last look found (`Watch.read`). Raises Problem for what is not
    there: its place, the rule and the cure."""
    found = _asked(open_site, profile.tenants, profile.profile, new, before)
    if found.wrong:
        raise found.refused(found.wrong[0])
    return found.checked


def check_new(open_site: SiteOpener, tenants: Tenants, new: Profile) -> Checked:
    """The same for a profile that is not there yet. Raises Problem."""
    found = _asked(open_site, tenants, bare(new), new, Drift())
    if found.wrong:
        raise found.refused(found.wrong[0])
    return found.checked


def fitted(
    open_site: SiteOpener, tenants: Tenants, new: Profile
) -> tuple[Profile, tuple[Finding, ...], Checked]:
    """A mapping as far as the sites have what it names, for a copy between other projects; and what
    was left out. Raises Problem where nothing that may be stored would be left."""
    found = _asked(open_site, tenants, bare(new), new, Drift())
    made = new
    for one in found.wrong:
        if one.target not in {ref.target for ref in references(made)}:
            continue  # its field went with another
        try:
            made = repaired(made, one.target, Way.DROP)
        except Problem:
            raise found.refused(one) from None
    return made, found.wrong, found.checked


def _look_at(
    open_site: SiteOpener, tenants: Tenants, new: Profile, side: Side, added: set[Target]
) -> Now:
    return look_at(reader_of(open_site, tenants, PATIENCE), new, side, only=added)


def bare(profile: Profile) -> Profile:
    """A profile of the same projects and types that names nothing else."""
    return replace(profile, fields=(), users=UserTable(), items=(), moves=())


@dataclass(frozen=True)
class _Asked:
    """What the sites said. `wrong`: what is new and is not there."""

    checked: Checked
    wrong: tuple[Finding, ...]
    reader: Reader

    def refused(self, one: Finding) -> Problem:
        """Why something new is not taken."""
        return _refused(one, self.reader.address(one.target.side))


def _asked(
    open_site: SiteOpener, tenants: Tenants, old: Profile, new: Profile, before: Drift
) -> _Asked:
    added = added_by(old, new)
    reader = reader_of(open_site, tenants, PATIENCE)
    sides = [one for one in Side if any(one is target.side for target in added)]
    looks = {side: begin(partial(_look_at, open_site, tenants, new, side, added)) for side in sides}
    until = monotonic() + SLOW
    told: dict[Side, Now] = {}
    for side, look in looks.items():
        try:
            told[side] = look.result(max(0.0, until - monotonic()))
        except (SiteError, TimeoutError):
            continue
        except Problem as problem:
            if problem.code != "site-busy":
                raise
    unasked = [side for side in sides if side not in told]
    found = compare(new, told, before.known)
    wrong = [one for one in found if one.target in added and (one.target.what, one.how) in _RULES]
    named = {ref.target for ref in references(new)}
    kept = [one for one in before.findings if one.target.side not in told and one.target in named]
    gone = [one for one in found if one.target not in added]
    return _Asked(Checked((*kept, *gone), tuple(unasked)), tuple(wrong), reader)


def added_by(old: Profile, new: Profile) -> set[Target]:
    """What a new mapping names and the old one does not, or maps as another kind."""
    before = {ref.target for ref in references(old)}
    return {
        ref.target
        for ref in references(new)
        if (ref.target not in before or _is_other_kind(old, new, ref.target))
        and not _is_everywhere(ref.target)
    }


def _is_everywhere(target: Target) -> bool:
    """Whether every Jira has it, so that nobody need be asked."""
    return target.what is What.FIELD and target.id in {*SYSTEM_KINDS, COMMENT}


def _is_other_kind(old: Profile, new: Profile, target: Target) -> bool:
    was, now = mapping_of(old, target), mapping_of(new, target)
    if target.what is not What.FIELD or was is None or now is None:
        return False
    return was.kind_of(target.side) is not now.kind_of(target.side)


def _refused(found: Finding, address: str) -> Problem:
    place = found.places[0]
    rule = _(
        _RULES[found.target.what, found.how],
        id=found.target.id,
        site=address.split("://", 1)[-1],
        field=f"“{found.field_name}”" if found.field_name else _("the field"),
        now=found.now,
    )
    return Problem(f"{place}: {rule}", code="names-nothing", field=place)
