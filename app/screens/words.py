"""Words of the pages: times and outcomes as people say them."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime

from app.activity.log import Detail, Entry
from app.database import TenantId
from app.language import gettext, ngettext, noop, tell
from app.mapping.naming import SYSTEM_FIELDS, field_name
from app.mapping.profile import Flow, Side
from app.mapping.said import side_names
from app.mapping.values import EMPTY, shorten
from app.said import Said

OUTCOMES = {
    "created": noop("Created"),
    "updated": noop("Updated"),
    "conflict": noop("Conflict decided"),
    "parked": noop("Parked"),
    "left_alone": noop("Left alone"),
    "unlinked": noop("Unlinked"),
    "ignored": noop("Ignored"),
}
Called = Mapping[Side, Mapping[str, str]]
"""What the sites of a profile call their fields, by id."""
ACCOUNT = re.compile(r"\[~accountid:([A-Za-z0-9][A-Za-z0-9:._|~-]{0,127})\]")
"""A person in a text, as it is kept: by the account alone."""
HEAD = re.compile(rf"^(?:{'|'.join(map(re.escape, SYSTEM_FIELDS))})(?=:? )")
STATES = {"on": noop("On"), "paused": noop("Paused"), "proposed": noop("Proposed")}


def ago(when: datetime | None, now: datetime | None = None) -> str:
    """How long ago, in the largest unit that fits."""
    if when is None:
        return gettext("never")
    seconds = max(0, int(((now or datetime.now(UTC)) - when).total_seconds()))
    if seconds < 10:
        return gettext("just now")
    if seconds >= 86400:
        return ngettext("%(num)s day ago", "%(num)s days ago", seconds // 86400)
    if seconds >= 3600:
        return ngettext("%(num)s hour ago", "%(num)s hours ago", seconds // 3600)
    if seconds >= 60:
        return ngettext("%(num)s minute ago", "%(num)s minutes ago", seconds // 60)
    return gettext("%(num)s seconds ago", num=seconds)


def arrow(flow: Flow, own: Side) -> tuple[str, str]:
    """The direction of a profile as the people of `own` see it: a sign, and the words for it."""
    if flow is Flow.BOTH:
        return "↔", gettext("both ways")
    if flow.feeds(own.other):
        return "→", gettext("to the partner")
    return "←", gettext("from the partner")


def say(
    entry: Entry,
    detail: Detail,
    sites: Mapping[TenantId, str],
    fields: Mapping[uuid.UUID, Called],
) -> str:
    """A detail as a sentence: what a person finds in Jira, by field name and issue key. `sites`:
    their names; `fields`: those of the fields of the profiles."""
    names = {side: sites.get(one, "") for side, one in zip(Side, entry.tenants, strict=True)}
    called = fields.get(entry.profile_id, {})
    sides = side_names(names) if all(names.values()) else None
    sentence = headed(tell(detail.sentence, sides, lambda one: called_field(one, called)))
    key = entry.left_key if detail.side == "left" else entry.right_key
    if detail.new is None and detail.old is not None:
        was = shorten(detail.old)
        rest = (
            gettext("The left one was “%(value)s”.", value=was)
            if detail.side == "left"
            else gettext("The right one was “%(value)s”.", value=was)
        )
        return named(f"{sentence.removesuffix('.')}. {rest}", {})
    if detail.new is None or not detail.field or not key:
        return named(sentence, {})
    said = gettext(
        "%(field)s of %(key)s is now “%(value)s”.",
        field=called_field(detail.field, called, Side(detail.side) if detail.side else None),
        key=key,
        value=brief(detail.new),
    )
    return named(said, {})


def field_said(field: str) -> str:
    """The same for a place where no reader is known."""
    return Said(SYSTEM_FIELDS[field]) if field in SYSTEM_FIELDS else field


def is_bare(key: str) -> bool:
    """Whether a field, or one of a mapping's key, has no name but the one that its site tells."""
    return any(one not in SYSTEM_FIELDS for one in key.split("=") if one)


def called_field(key: str, called: Called | None = None, side: Side | None = None) -> str:
    """A field's id, or a mapping's key, as people say it. `called`: what the sites call their
    fields; `side`: the one that the field is of, where that is known. An id that is another field
    at the other site stays as it is where it is not known."""
    left, _equals, right = key.partition("=")
    ids = {Side.LEFT: left, Side.RIGHT: right or left}
    names = {one: (called or {}).get(one, {}).get(ids[one]) for one in Side if is_bare(ids[one])}
    told = {one: names.get(one) or field_name(ids[one]) for one in Side}
    if side is not None:
        return told[side]
    if right:
        return " / ".join(dict.fromkeys(told.values()))
    known = {one for one in names.values() if one}
    return known.pop() if len(known) == 1 else field_name(key)


def brief(words: str) -> str:
    """A value as the activity keeps it; that there is none is told in the reader's language."""
    return gettext("(empty)") if words == EMPTY else words


def headed(sentence: str) -> str:
    """A sentence that begins with a field's id, with the name that every Jira has for it."""
    return HEAD.sub(lambda found: field_name(found[0]), sentence)


def named(words: str, people: Mapping[str, str]) -> str:
    """A text with its people by these names, by account; the others are just people."""
    return ACCOUNT.sub(lambda found: people.get(found[1]) or gettext("a person"), words)
