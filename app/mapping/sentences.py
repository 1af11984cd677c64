"""A profile in sentences, from the view of one of its sides. Pure but for the reader's language."""

from __future__ import annotations

from collections.abc import Mapping

from app.language import gettext as _
from app.language import ngettext
from app.mapping.lifecycle import Archived, Deleted, Moved
from app.mapping.profile import (
    FieldMapping,
    Flow,
    ItemKind,
    ItemMapping,
    Missing,
    Moment,
    Policy,
    Profile,
    Side,
)
from app.mapping.readable import Names, listed, made, readable

__all__ = ["Names", "readable", "sentences"]


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
            said.append(made(profile, mapping, names))
    for (flow, moment), mappings in groups.items():
        fields = listed([_both(one, side, names) for one in mappings])
        said.append(_flows(_seen(flow, side), moment, about | {"fields": fields}))
    said += _policies(profile, side, names)
    said += _people(profile, about)
    said += [_carried(item, side, about) for item in profile.items]
    said += _ends(profile, about)
    return said


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


def _policies(profile: Profile, side: Side, names: Names) -> list[str]:
    """Who wins, for fields that go both ways."""
    both = [one for one in profile.fields if one.flow is Flow.BOTH]
    said = []
    for policy in Policy:
        mappings = [one for one in both if one.policy is policy]
        if not mappings:
            continue
        told = {"fields": listed([_both(one, side, names) for one in mappings])}
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
