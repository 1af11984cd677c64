"""A profile in sentences, from the view of one of its sides. Pure but for the reader's language."""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.language import gettext as _
from app.language import ngettext
from app.mapping.leaves import leaves, source_fields
from app.mapping.lifecycle import Archived, Deleted, Moved
from app.mapping.profile import (
    FieldMapping,
    Flow,
    ItemKind,
    ItemMapping,
    MarkerMode,
    Missing,
    Moment,
    Policy,
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
    if any(one.what == "fate" for one in leaves(profile, side)):
        said.append(_("That an issue of %(site)s was deleted, moved away or archived.", **about))
    return said


def sentences(profile: Profile, side: Side, names: Names) -> list[str]:
    """What the profile does, as the people of `side` see it."""
    about = names.of(side)
    said = [
        _(
            "A new %(type)s in %(project)s gets a twin at %(partner)s, a %(its_type)s in "
            "%(its_project)s, and the other way round.",
            **about,
        ),
        *_filters(profile, side, about),
    ]
    groups: dict[tuple[Flow, Moment], list[FieldMapping]] = {}
    for mapping in profile.fields:
        if mapping.transform is None:
            groups.setdefault((mapping.flow, mapping.moment), []).append(mapping)
        else:
            said.append(_made(profile, mapping, names))
    for (flow, moment), mappings in groups.items():
        listed = _listed([_both(one, side, names) for one in mappings])
        said.append(_flows(_seen(flow, side), moment, about | {"fields": listed}))
    said += _policies(profile, side, names)
    said += _people(profile, about)
    said += [_carried(item, side, about) for item in profile.items]
    said += _ends(profile, about)
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
    told = {**about, "fields": _listed(fields)}
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
        return _listed(
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
    made = [one for one in profile.fields if one.flow.feeds(side.other) and one.transform]
    return said + [_made(profile, one, names) for one in made]


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


def _filters(profile: Profile, side: Side, about: Mapping[str, str]) -> list[str]:
    said = []
    own = profile.scope(side).filter
    if own is not None:
        said.append(
            _("At %(site)s only the issues that this filter finds: %(filter)s", **about, filter=own)
        )
    if profile.scope(side.other).filter is not None:
        # Its text is for the people of that site.
        said.append(_("At %(partner)s only the issues that a filter of its people finds.", **about))
    return said


def _seen(flow: Flow, side: Side) -> str:
    """A flow as one side sees it."""
    if flow is Flow.BOTH:
        return "both"
    return "out" if flow.feeds(side.other) else "in"


def _flows(seen: str, moment: Moment, about: Mapping[str, str]) -> str:
    if moment is Moment.CREATE:
        return {
            "both": _("When a twin is made it gets %(fields)s, and never again.", **about),
            "out": _(
                "When a %(type)s in %(project)s gets its twin, the twin gets %(fields)s, and never "
                "again.",
                **about,
            ),
            "in": _(
                "When a %(its_type)s of %(partner)s gets its twin in %(project)s, the twin gets "
                "%(fields)s, and never again.",
                **about,
            ),
        }[seen]
    if moment is Moment.UPDATE:
        return {
            "both": _(
                "Once both issues are there: when one of them changes its %(fields)s, the other "
                "follows.",
                **about,
            ),
            "out": _(
                "Once it has its twin: when a %(type)s in %(project)s changes its %(fields)s, the "
                "twin at %(partner)s follows, and not the other way round.",
                **about,
            ),
            "in": _(
                "Once both are there: when a %(its_type)s of %(partner)s changes its %(fields)s, "
                "its twin in %(project)s follows, and not the other way round.",
                **about,
            ),
        }[seen]
    return {
        "both": _(
            "When a %(type)s in %(project)s changes its %(fields)s, its twin at %(partner)s "
            "follows, and the other way round.",
            **about,
        ),
        "out": _(
            "When a %(type)s in %(project)s changes its %(fields)s, its twin at %(partner)s "
            "follows, and not the other way round.",
            **about,
        ),
        "in": _(
            "When a %(its_type)s of %(partner)s changes its %(fields)s, its twin in %(project)s "
            "follows, and not the other way round.",
            **about,
        ),
    }[seen]


def _made(profile: Profile, mapping: FieldMapping, names: Names) -> str:
    """What a transform makes of what."""
    source = mapping.made_from or Side.LEFT
    fields = [names.field(source, one) for one in source_fields(profile, mapping, source)]
    told = {
        "field": names.field(source.other, mapping.field(source.other)),
        "site": names.sites[source.other],
        "partner": names.sites[source],
        "fields": _listed(fields),
    }
    if not fields:
        return _("%(field)s at %(site)s is worked out without any field of %(partner)s.", **told)
    return _("%(field)s at %(site)s is worked out from %(fields)s of %(partner)s.", **told)


def _policies(profile: Profile, side: Side, names: Names) -> list[str]:
    """Who wins, for fields that go both ways."""
    both = [one for one in profile.fields if one.flow is Flow.BOTH]
    said = []
    for policy in Policy:
        mappings = [one for one in both if one.policy is policy]
        if not mappings:
            continue
        told = {"fields": _listed([_both(one, side, names) for one in mappings])}
        if policy is Policy.NEWER:
            sentence = _("If both sides change %(fields)s differently, the newer one wins.", **told)
        elif policy is Policy.ASK:
            sentence = _("If both sides change %(fields)s differently, somebody is asked.", **told)
        else:
            winner = names.sites[Side.LEFT if policy is Policy.LEFT else Side.RIGHT]
            sentence = _(
                "If both sides change %(fields)s differently, %(winner)s wins.",
                **told,
                winner=winner,
            )
        said.append(sentence)
    return said


def _people(profile: Profile, about: Mapping[str, str]) -> list[str]:
    kinds = {one.kind.value for one in profile.fields}
    said = []
    if kinds & {"user", "users"}:
        if profile.users.rows:
            said.append(
                ngettext(
                    "%(num)s person is paired by hand.",
                    "%(num)s people are paired by hand.",
                    len(profile.users.rows),
                )
            )
        if profile.users.by_email:
            said.append(_("People are paired who show the same email address on both sites."))
        else:
            said.append(_("People are not paired by their email addresses.", **about))
    for one in profile.fields:
        if one.values.missing is Missing.CREATE:
            said.append(_("Values that the other site lacks are made there, where Jira allows it."))
            break
    return said


def _carried(item: ItemMapping, side: Side, about: Mapping[str, str]) -> str:
    """In which direction items of a kind go."""
    what = {
        ItemKind.COMMENTS: _("Comments"),
        ItemKind.ATTACHMENTS: _("Attachments"),
        ItemKind.WORKLOGS: _("Work logs"),
        ItemKind.LINKS: _("Links between issues"),
        ItemKind.REMOTE_LINK: _("A link to the twin"),
    }[item.kind]
    told = {**about, "what": what}
    return {
        "both": _("%(what)s: both ways.", **told),
        "out": _("%(what)s: from %(site)s to %(partner)s.", **told),
        "in": _("%(what)s: from %(partner)s to %(site)s.", **told),
    }[_seen(item.flow, side)]


def _ends(profile: Profile, about: Mapping[str, str]) -> list[str]:
    """What becomes of the twin of an issue that goes away."""
    chosen = profile.lifecycle
    said = []
    deleted = {
        Deleted.UNLINK: _("When an issue is deleted, its twin stays, and the pair is ended."),
        Deleted.COMMENT: _("When an issue is deleted, a comment on its twin says so."),
        Deleted.CLOSE: _("When an issue is deleted, its twin is closed."),
        Deleted.DELETE: _("When an issue is deleted, its twin is deleted if Tandem made it."),
        Deleted.LEAVE: _("When an issue is deleted, its twin stays as it is."),
    }
    said.append(deleted[chosen.deleted])
    if chosen.moved is Moved.UNLINK:
        said.append(_("When an issue is moved to another project or type, the pair is ended."))
    elif chosen.moved is Moved.COMMENT:
        said.append(
            _("When an issue is moved to another project or type, a comment on its twin says so.")
        )
    if chosen.archived is Archived.UNLINK:
        said.append(_("When an issue is archived, the pair is ended."))
    elif chosen.archived is Archived.COMMENT:
        said.append(_("When an issue is archived, a comment on its twin says so."))
    if not profile.carries_restricted:
        said.append(_("Issues with a security level are left alone, on both sides."))
    return said


def _both(mapping: FieldMapping, side: Side, names: Names) -> str:
    """A field by its name here, and there where it has another one."""
    own = names.field(side, mapping.field(side))
    other = names.field(side.other, mapping.field(side.other))
    if own == other:
        return own
    return _("%(field)s (there %(other)s)", field=own, other=other)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)
