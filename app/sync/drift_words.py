"""What is gone, and what may be done about it, in sentences."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from app.language import gettext as _
from app.language import noop
from app.mapping.profile import Side
from app.mapping.repair import Way, What
from app.sync.drift_model import Finding, How
from app.sync.drift_repairs import Repair

_SENTENCES: dict[tuple[What, How], str] = {
    (What.PROJECT, How.GONE): noop(
        "%(site)s does not know the profile's project any more, or hides it from Tandem."
    ),
    (What.TYPE, How.GONE): noop(
        "The issue type %(name)s is not in the project at %(site)s any more, or Tandem may not "
        "make issues of it there."
    ),
    (What.FIELD, How.GONE): noop("The field %(name)s is gone at %(site)s."),
    (What.FIELD, How.RETYPED): noop(
        "The field %(name)s at %(site)s is of another type now: %(now)s."
    ),
    (What.FIELD, How.OFF_SCREEN): noop(
        "The field %(name)s is on neither the create nor the edit screen of the issue type at "
        "%(site)s any more, so it cannot be written there."
    ),
    (What.VALUE, How.GONE): noop(
        "%(name)s is not among the values of %(field)s at %(site)s any more: it was deleted, "
        "switched off or archived."
    ),
    (What.STATUS, How.GONE): noop(
        "The status %(name)s is not in the workflow of the issue type at %(site)s any more."
    ),
    (What.USER, How.GONE): noop("%(site)s does not know the account %(name)s any more."),
    (What.LINK_TYPE, How.GONE): noop("The type of links %(name)s is gone at %(site)s."),
    (What.USER, How.INACTIVE): noop("The account %(name)s is deactivated at %(site)s."),
}
_CURES: dict[What, str] = {
    What.PROJECT: noop(
        "An admin of %(site)s brings the project back or lets Tandem see it. Until then pause the "
        "profile; or duplicate it for another project, and delete this one."
    ),
    What.TYPE: noop(
        "An admin of %(site)s adds the issue type to the project again or lets Tandem make issues "
        "of it. Until then pause the profile; or duplicate it for another type, and delete this "
        "one."
    ),
}
_BY_HAND = noop("The mapping has to be changed by hand: open it in the editor.")
_WAYS: dict[tuple[What, Way], str] = {
    (What.FIELD, Way.DROP): noop("Map the field no more"),
    (What.FIELD, Way.MOVE): noop("Map %(to)s instead"),
    (What.FIELD, Way.ANEW): noop("Map %(to)s instead, as %(kind)s"),
    (What.FIELD, Way.KIND): noop("Map it as %(to)s"),
    (What.FIELD, Way.ONE_WAY): noop("Only read it: write it no more"),
    (What.VALUE, Way.DROP): noop("Take it out of the table of values"),
    (What.VALUE, Way.SWAP): noop("Put %(to)s in its place"),
    (What.STATUS, Way.DROP): noop("Take it out of the table of statuses"),
    (What.STATUS, Way.SWAP): noop("Put %(to)s in its place"),
    (What.LINK_TYPE, Way.DROP): noop("Take it out of the table of types of links"),
    (What.LINK_TYPE, Way.SWAP): noop("Put %(to)s in its place"),
    (What.USER, Way.DROP): noop("Take the account out of the table of people"),
    (What.USER, Way.SWAP): noop("Put %(to)s in its place"),
}
_ASKING: dict[Way, str] = {
    Way.SWAP: noop("Put another in its place"),
    Way.MOVE: noop("Map another field instead"),
}


def sentence(found: Finding, site: str) -> str:
    """What is gone. `site`: what the people of the site call it."""
    words = _SENTENCES[found.target.what, found.how]
    name = f"“{found.name}”" if found.name else found.target.id
    field = f"“{found.field_name}”" if found.field_name else _("a field")
    return _(words, name=name, site=site, field=field, now=found.now)


def cure(found: Finding, site: str) -> str:
    """What to do where no repair mends it; empty where one does."""
    words = _CURES.get(found.target.what)
    if words is None and not found.repairs:
        words = _BY_HAND
    return "" if words is None else _(words, site=site)


def label(found: Finding, one: Repair) -> str:
    """What a repair does."""
    if one.asks:
        return _(_ASKING[one.way])
    elsewhere = found.target.what is not What.FIELD and not any(map(_in_table, found.places))
    if one.way is Way.DROP and elsewhere:
        return _("Take it out of the mapping")
    to, _colon, kind = one.to.partition(":") if one.way is Way.ANEW else (one.to, "", "")
    shown = f"“{one.name}” ({to})" if one.name and one.name != to else to
    return _(_WAYS[found.target.what, one.way], to=shown, kind=kind)


def _in_table(place: str) -> bool:
    """Whether a place is in a table of values, of people or of types of links."""
    return place.startswith(("users.", "items.")) or ".values." in place


def unasked(sides: Iterable[Side], sites: Mapping[Side, str]) -> list[str]:
    """What is said of a save whose new names some sides could not be asked about."""
    return [
        _(
            "%(site)s could not be asked whether it has what is new in the mapping; it is looked "
            "for again within a day.",
            site=sites[side],
        )
        for side in sides
    ]
