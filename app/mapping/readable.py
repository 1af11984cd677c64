"""What of a site becomes readable on the other, in sentences. Pure but for the language."""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.language import gettext as _
from app.language import ngettext
from app.mapping.constants import constant_of
from app.mapping.leaves import What, leaves, source_fields
from app.mapping.profile import (
    FieldMapping,
    ItemKind,
    ItemMapping,
    MarkerMode,
    Moment,
    Profile,
    Side,
)


@dataclass(frozen=True)
class Names:
    """What the things of both sites are called: sites, projects and types by side, and fields by
    side and id. A field without a name is called by its id."""

    sites: Mapping[Side, str]
    projects: Mapping[Side, str]
    types: Mapping[Side, str]
    fields: Mapping[Side, Mapping[str, str]]

    def field(self, side: Side, name: str) -> str:
        """What a field is called there."""
        return self.fields.get(side, {}).get(name, name)

    def of(self, side: Side) -> dict[str, str]:
        """What sentences of `side` name."""
        return {
            "site": self.sites[side],
            "project": self.projects[side],
            "type": self.types[side],
            "partner": self.sites[side.other],
            "its_project": self.projects[side.other],
            "its_type": self.types[side.other],
        }


def readable(profile: Profile, side: Side, names: Names) -> list[str]:
    """What of `side` becomes readable on the other, for its own people: its filter is told."""
    said = [_first(profile, side, names)]
    scope, about = profile.scope(side), names.of(side)
    if scope.filter is not None:
        said.append(
            _("Of these issues, those that this filter finds: %(filter)s", filter=scope.filter)
        )
    said += _moments(profile, side, names)
    for item in profile.items:
        if item.flow.feeds(side.other):
            said += _of_item(item, side, about)
    if side in profile.restricted:
        said.append(
            _("Issues with a security level of %(site)s too, if %(partner)s agrees.", **about)
            if not profile.carries_restricted
            else _("Issues with a security level of %(site)s too.", **about)
        )
    else:
        said.append(_("No issues of %(site)s that have a security level.", **about))
    if any(one.what is What.FATE for one in leaves(profile, side)):
        said.append(_("That an issue of %(site)s was deleted, moved away or archived.", **about))
    return said


def _first(profile: Profile, side: Side, names: Names) -> str:
    about = names.of(side)
    fields = sorted(
        {
            names.field(side, name)
            for one in profile.fields
            if one.flow.feeds(side.other)
            for name in source_fields(profile, one, side)
        }
    )
    comments = any(
        one.kind is ItemKind.COMMENTS and one.flow.feeds(side.other) for one in profile.items
    )
    told = {**about, "fields": listed(fields)}
    if not fields and not comments:
        return _(
            "No field and no comment of %(site)s will be readable at %(partner)s, but that there "
            "is a %(type)s in %(project)s.",
            **about,
        )
    if not fields:
        return _(
            "Public comments of the issues of type %(type)s in %(project)s at %(site)s will be "
            "readable at %(partner)s.",
            **about,
        )
    if comments:
        return ngettext(
            "This field and public comments of the issues of type %(type)s in %(project)s at "
            "%(site)s will be readable at %(partner)s: %(fields)s.",
            "These %(num)s fields and public comments of the issues of type %(type)s in "
            "%(project)s at %(site)s will be readable at %(partner)s: %(fields)s.",
            len(fields),
            **told,
        )
    return ngettext(
        "This field of the issues of type %(type)s in %(project)s at %(site)s will be readable at "
        "%(partner)s: %(fields)s.",
        "These %(num)s fields of the issues of type %(type)s in %(project)s at %(site)s will be "
        "readable at %(partner)s: %(fields)s.",
        len(fields),
        **told,
    )


def _moments(profile: Profile, side: Side, names: Names) -> list[str]:
    """Of which fields not all that they ever hold is readable."""

    def of(moment: Moment) -> str:
        return listed(
            [
                names.field(side, one.field(side))
                for one in profile.fields
                if one.flow.feeds(side.other) and one.moment is moment and one.transform is None
            ]
        )

    said = []
    once, later = of(Moment.CREATE), of(Moment.UPDATE)
    if once:
        said.append(_("Only once, when the twin is made: %(fields)s.", fields=once))
    if later:
        said.append(_("Only what is changed after the twin was made: %(fields)s.", fields=later))
    worked_out = [one for one in profile.fields if one.flow.feeds(side.other) and one.transform]
    return said + [made(profile, one, names) for one in worked_out]


def _of_item(item: ItemMapping, side: Side, about: Mapping[str, str]) -> list[str]:
    said = []
    if item.kind is ItemKind.COMMENTS:
        if item.marker is not None:
            said.append(
                _("Only comments that hold “%(marker)s”.", marker=item.marker)
                if item.marker_mode is MarkerMode.ONLY
                else _("No comments that hold “%(marker)s”.", marker=item.marker)
            )
        said.append(_internal(item, side, about))
    elif item.kind is ItemKind.ATTACHMENTS:
        said.append(
            _("The attachments of these issues.")
            if item.limit_mb is None
            else _("The attachments of these issues, up to %(limit)s MB each.", limit=item.limit_mb)
        )
    elif item.kind is ItemKind.WORKLOGS:
        said.append(_("The work logged on these issues, with its texts."))
    elif item.kind is ItemKind.LINKS:
        said.append(_("Which of these issues are linked to each other, and how."))
    else:
        said.append(_("The keys and addresses of these issues, as links on their twins."))
    named = {name for _text, name, *_rest in string.Formatter().parse(item.prefix or "") if name}
    if item.kind is ItemKind.COMMENTS and "author" in named:
        said.append(_("The names of those who wrote the comments."))
    if item.kind is ItemKind.WORKLOGS and "author" in named:
        said.append(_("The names of those who logged the work."))
    if item.kind in {ItemKind.COMMENTS, ItemKind.WORKLOGS} and "created" in named:
        said.append(_("When these were made."))
    return said


def _internal(item: ItemMapping, side: Side, about: Mapping[str, str]) -> str:
    if item.carries_internal:
        return _("Internal comments of %(site)s too: both sides allow it.", **about)
    if side in item.internal:
        return _("Internal comments of %(site)s too, if %(partner)s agrees.", **about)
    return _("No internal comments of %(site)s.", **about)


def made(profile: Profile, mapping: FieldMapping, names: Names) -> str:
    """What a transform makes of what."""
    source = mapping.made_from or Side.LEFT
    fields = [names.field(source, one) for one in source_fields(profile, mapping, source)]
    told = {
        "field": names.field(source.other, mapping.field(source.other)),
        "site": names.sites[source.other],
        "partner": names.sites[source],
        "fields": listed(fields),
    }
    if constant_of(mapping) is not None:
        return _("A new twin at %(site)s gets a fixed value as its %(field)s.", **told)
    if not fields:
        return _("%(field)s at %(site)s is worked out without any field of %(partner)s.", **told)
    return _("%(field)s at %(site)s is worked out from %(fields)s of %(partner)s.", **told)


def listed(names: Sequence[str]) -> str:
    return ", ".join(names)
