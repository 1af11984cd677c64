"""Whether what a save adds to a mapping is there: before the new revision is taken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from app.errors import Problem
from app.jira.site import SiteError, SiteOpener
from app.language import gettext as _
from app.language import noop
from app.mapping.profile import Profile, Side
from app.mapping.profiles import StoredProfile
from app.mapping.repair import Target, What
from app.sync.drift import compare, mapping_of
from app.sync.drift_model import Finding, How, Now, references
from app.sync.drift_read import look_at, reader_of
from app.sync.drift_store import Drift

PATIENCE = 5.0  # seconds that somebody who saves waits for a busy site

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
    added = added_by(profile.profile, new)
    reader = reader_of(open_site, profile, PATIENCE)
    told: dict[Side, Now] = {}
    unasked: list[Side] = []
    for side in [one for one in Side if any(one is target.side for target in added)]:
        try:
            told[side] = look_at(reader, new, side)
        except SiteError:
            unasked.append(side)
        except Problem as problem:
            if problem.code != "site-busy":
                raise
            unasked.append(side)
    found = compare(new, told, before.known)
    for one in found:
        if one.target in added and (one.target.what, one.how) in _RULES:
            raise _refused(one, reader.address(one.target.side))
    named = {ref.target for ref in references(new)}
    kept = [one for one in before.findings if one.target.side not in told and one.target in named]
    gone = [one for one in found if one.target not in added]
    return Checked((*kept, *gone), tuple(unasked))


def added_by(old: Profile, new: Profile) -> set[Target]:
    """What a new mapping names and the old one does not, or maps as another kind."""
    before = {ref.target for ref in references(old)}
    return {
        ref.target
        for ref in references(new)
        if ref.target not in before or _is_other_kind(old, new, ref.target)
    }


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
