"""The words for what a mapping document says: rules of fields and items. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from app.language import gettext as _
from app.mapping.naming import Names
from app.mapping.profile import (
    FieldMapping,
    Flow,
    ItemKind,
    ItemMapping,
    Missing,
    Moment,
    Policy,
    Row,
    Side,
)


def yes_no(said: bool) -> str:
    """A choice of two."""
    return _("yes") if said else _("no")


def pair(mapping: FieldMapping, names: Names) -> str:
    """The two fields of a mapping."""
    left, right = (names.field_of(side, mapping.field(side)) for side in Side)
    return left if left == right else f"{left} ↔ {right}"


def flow(found: Flow, names: Names) -> str:
    """A direction, after "is carried"."""
    if found is Flow.BOTH:
        return _("in both directions")
    side = Side.RIGHT if found is Flow.TO_RIGHT else Side.LEFT
    return _("only to %(site)s", site=names.site(side))


def policy(found: Policy, names: Names) -> str:
    """Who wins, after "where both sides changed it"."""
    if found is Policy.NEWER:
        return _("the newer change wins")
    if found is Policy.ASK:
        return _("a person is asked")
    side = Side.LEFT if found is Policy.LEFT else Side.RIGHT
    return _("%(site)s wins", site=names.site(side))


def moment(found: Moment) -> str:
    """When, after "is carried"."""
    return {
        Moment.ALWAYS: _("always"),
        Moment.CREATE: _("only when the twin is made"),
        Moment.UPDATE: _("only once both issues exist"),
    }[found]


def rule(mapping: FieldMapping, names: Names) -> str:
    """All rules of a field, on one line."""
    said = flow(mapping.flow, names), policy(mapping.policy, names), moment(mapping.moment)
    return "; ".join(said)


def carried(mapping: FieldMapping, names: Names) -> str:
    """That a field is carried from now on."""
    told = {"pair": pair(mapping, names), "how": flow(mapping.flow, names)}
    if mapping.transform is not None:
        return _("%(pair)s is carried %(how)s, made by a transform.", **told)
    return _("%(pair)s is carried %(how)s.", **told)


def filtered(old: str | None, new: str | None, site: str) -> str:
    """What became of a filter. Never the filter: it is for the people of its own site."""
    if new is None:
        return _("%(site)s has no filter any more.", site=site)
    if old is None:
        return _("%(site)s has a filter.", site=site)
    return _("The filter of %(site)s is another one.", site=site)


def missing(found: Missing, name: str) -> str:
    """What becomes of a value without a counterpart."""
    return {
        Missing.LEAVE: _("A value of %(pair)s without a counterpart is left alone.", pair=name),
        Missing.FAIL: _(
            "A value of %(pair)s without a counterpart is set aside until somebody acts.", pair=name
        ),
        Missing.DEFAULT: _(
            "For a value of %(pair)s without a counterpart the default is written.", pair=name
        ),
        Missing.CREATE: _(
            "A value of %(pair)s without a counterpart is made on the other side.", pair=name
        ),
    }[found]


def items(kind: ItemKind) -> str:
    """A kind of items, at the beginning of a sentence."""
    return {
        ItemKind.COMMENTS: _("Comments"),
        ItemKind.ATTACHMENTS: _("Attachments"),
        ItemKind.WORKLOGS: _("Worklogs"),
        ItemKind.LINKS: _("Issue links"),
        ItemKind.REMOTE_LINK: _("Links to the twin"),
    }[kind]


def item_rule(item: ItemMapping, names: Names) -> str:
    """How items are carried, on one line."""
    said = [flow(item.flow, names)]
    if item.marker is not None:
        said.append(f"{item.marker_mode.value} {item.marker}")
    if item.limit_mb is not None:
        said.append(f"{item.limit_mb} MB")
    return "; ".join(said)


def item_sentence(option: str, name: str, said: str) -> str:
    """What became of an option of a kind of items. `said`: what it is now, empty for none."""
    told = {"items": name, "said": said}
    sentences = {
        "flow": _("%(items)s are carried %(said)s.", **told),
        "deletions": _("%(items)s: whether deletions cross: %(said)s.", **told),
        "prefix": _("%(items)s: the first line of a twin is “%(said)s”.", **told)
        if said
        else _("%(items)s: twins have no first line of ours.", **told),
        "marker": _("%(items)s: the marker text is “%(said)s”.", **told)
        if said
        else _("%(items)s: no marker text chooses among them any more.", **told),
        "marker_mode": _("%(items)s: the marker text chooses otherwise: %(said)s.", **told),
        "internal": _("%(items)s: that internal ones cross is allowed by: %(said)s.", **told)
        if said
        else _("%(items)s: no side allows any more that internal ones cross.", **told),
        "limit_mb": _("%(items)s: larger files than %(said)s MB stay where they are.", **told)
        if said
        else _("%(items)s: the site's own limit of size alone counts.", **told),
        "types": _("%(items)s: the pairs of types are others.", **told),
    }
    return sentences[option]


def sides(found: Collection[Side], names: Names) -> str:
    """Some sides, by their sites."""
    return ", ".join(names.site(side) for side in Side if side in found)


def rows(found: Sequence[Row]) -> str:
    """Pairs of ids, on one line."""
    return "; ".join(f"{row.left} = {row.right}" for row in found)


def fate(name: str, chosen: str) -> str:
    """What is done when an issue goes away."""
    when = {
        "deleted": _("When an issue is deleted"),
        "moved": _("When an issue leaves the project or type"),
        "archived": _("When an issue is archived"),
    }[name]
    what = {
        "leave": _("its twin is left alone"),
        "unlink": _("the pair is ended"),
        "comment": _("its twin gets a comment"),
        "close": _("its twin is closed"),
        "delete": _("its twin is deleted where Tandem made it"),
        "follow": _("the pair goes on"),
        "ignore": _("nothing happens"),
    }[chosen]
    return _("%(when)s, %(what)s.", when=when, what=what)
