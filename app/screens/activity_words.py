"""An activity entry in words: what changed where, why, and people by the names they have now."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text

from app.activity.log import Detail, Entry
from app.database import TenantId, tenant_transaction
from app.errors import Problem
from app.jira.site import SiteOpener
from app.language import gettext as _
from app.language import tell as in_language
from app.mapping.profile import Side
from app.mapping.said import Said, side_names
from app.screens.words import ACCOUNT, Called, ago, brief, called_field, headed, named
from app.sync.provenance import How

SIDE = re.compile(r"\b[Tt]he (left|right)( side| site| one)?\b")
MOST_PEOPLE = 100
"""So many people of a page are asked for by name; the rest are just people."""


@dataclass(frozen=True)
class Changed:
    """A field that was written: where, from what to what, and (where asked for) why."""

    field: str
    site: str
    key: str | None
    old: str | None
    new: str | None
    why: str | None = None


@dataclass(frozen=True)
class Told:
    """An entry in words. `revision`: of the profile at that time, where it was asked for."""

    entry: Entry
    profile: str
    left_site: str
    right_site: str
    sentences: tuple[str, ...]
    changes: tuple[Changed, ...]
    revision: int | None = None


@dataclass(frozen=True)
class _Write:
    """The last write to a field of a side."""

    source: Side | None
    how: How
    made: bool
    revision: int
    at: datetime


@dataclass(frozen=True)
class _Names:
    """What the sites, people and fields of an entry are called."""

    sites: Mapping[Side, str]
    people: Mapping[str, str]
    fields: Called

    def field(self, key: str) -> str:
        """A field of a sentence, which does not tell of which side it is."""
        return called_field(key, self.fields)


def outcomes() -> dict[str, str]:
    """The words of the outcomes, in the order of the filter."""
    return {
        "created": _("Created"),
        "updated": _("Updated"),
        "conflict": _("Conflict decided"),
        "parked": _("Parked"),
        "ignored": _("Ignored"),
        "left_alone": _("Left alone"),
        "unlinked": _("Unlinked"),
    }


def account_ids(entries: Iterable[Entry]) -> list[str]:
    """The people that the texts of these entries name by their account."""
    found: dict[str, None] = {}
    for entry in entries:
        for detail in entry.details:
            for words in (detail.sentence, detail.old, detail.new):
                found |= dict.fromkeys(ACCOUNT.findall(words or ""))
    return list(found)


def names_of(open_site: SiteOpener, tenant: TenantId, accounts: Sequence[str]) -> dict[str, str]:
    """The names of these people at the tenant's own site, in one look; nobody's where it does not
    answer. They are shown, and not kept."""
    if not accounts:
        return {}
    try:
        return open_site(tenant).people(accounts[:MOST_PEOPLE])
    except Problem:
        return {}


def tell(
    entry: Entry,
    profile: str,
    sites: Mapping[TenantId, str],
    people: Mapping[str, str],
    fields: Called,
    *,
    tenant: TenantId,
    why: bool,
) -> Told:
    """An entry in words. `why`: with what made Tandem write, which is looked up."""
    names = _Names(
        {Side.LEFT: sites[entry.tenants[0]], Side.RIGHT: sites[entry.tenants[1]]}, people, fields
    )
    writes = _writes(tenant, entry) if why else {}
    changes, sentences = [], []
    for detail in entry.details:
        if detail.field and detail.side and (detail.new is not None or detail.old is not None):
            changes.append(_changed(entry, detail, names, writes))
        else:
            sentences.append(_said(detail.sentence, names))
    return Told(
        entry,
        profile,
        names.sites[Side.LEFT],
        names.sites[Side.RIGHT],
        tuple(sentences),
        tuple(changes),
        _revision(tenant, entry) if why else None,
    )


def _changed(
    entry: Entry,
    detail: Detail,
    names: _Names,
    writes: Mapping[tuple[Side, str], _Write],
) -> Changed:
    side, field = Side(detail.side or "left"), detail.field or ""
    write = writes.get((side, field))
    return Changed(
        called_field(field, names.fields, side),
        names.sites[side],
        entry.left_key if side is Side.LEFT else entry.right_key,
        _value(detail.old, names),
        # An edit that lost has no new value: what it was is all there is to tell.
        _value(detail.new, names),
        _why(write, entry, side, names.sites) if write else _lost(detail, names),
    )


def _lost(detail: Detail, names: _Names) -> str | None:
    return _said(detail.sentence, names) if detail.new is None else None


def _why(write: _Write, entry: Entry, side: Side, names: Mapping[Side, str]) -> str:
    if write.at > entry.at:
        return _("It was written again since, %(ago)s.", ago=ago(write.at))
    source = names[write.source or side.other]
    if write.made:
        return _("The issue was made with it, from %(site)s.", site=source)
    said = {
        How.CHANGE: _("It was changed at %(site)s.", site=source),
        How.LOAD: _("A load carried it over from %(site)s.", site=source),
        How.APPLY: _("A plan that was applied carried it over from %(site)s.", site=source),
        How.UNDO: _("An undo put an earlier value back."),
        How.PUT_BACK: _("An edit that a write had replaced was put back."),
        How.CONFLICT: _("Both sides had changed it, and %(site)s won.", site=source),
    }
    return said[write.how]


def _said(sentence: str, names: _Names) -> str:
    """A sentence with the sites by their names, and fields and people by theirs."""

    def site(found: re.Match[str]) -> str:
        return names.sites[Side(found[1])]

    # What was kept as a text, by an earlier release, is shown as it is.
    kept = (
        in_language(sentence, side_names(names.sites), names.field)
        if isinstance(sentence, Said)
        else SIDE.sub(site, sentence)
    )
    told = named(headed(kept), names.people)
    return told[:1].upper() + told[1:]


def _value(words: str | None, names: _Names) -> str | None:
    return None if words is None else named(brief(words), names.people)


_WRITES = text(
    """
    SELECT p.side, p.field_key, p.source, p.how, p.made, p.revision, p.at
    FROM provenance p JOIN issue_link k ON k.id = p.link_id
    WHERE k.profile_id = :profile AND k.left_key IS NOT DISTINCT FROM :left
      AND k.right_key IS NOT DISTINCT FROM :right
    """
)
_REVISION = text(
    "SELECT max(number) FROM profile_revision WHERE profile_id = :profile AND created_at <= :at"
)


def _writes(tenant: TenantId, entry: Entry) -> dict[tuple[Side, str], _Write]:
    """The last write to each field of the pair, by side and that side's field."""
    asked = {"profile": entry.profile_id, "left": entry.left_key, "right": entry.right_key}
    found = {}
    with tenant_transaction(tenant) as session:
        for row in session.execute(_WRITES, asked):
            side = Side(row.side)
            left, _equals, right = row.field_key.partition("=")
            source = Side(row.source) if row.source else None
            write = _Write(source, How(row.how), row.made, row.revision, row.at)
            found[side, left if side is Side.LEFT else right] = write
    return found


def _revision(tenant: TenantId, entry: Entry) -> int | None:
    asked: dict[str, uuid.UUID | datetime] = {"profile": entry.profile_id, "at": entry.at}
    with tenant_transaction(tenant) as session:
        number: int | None = session.execute(_REVISION, asked).scalar()
    return number
