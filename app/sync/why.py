"""Why a pair is as it is: who wrote each mapped field last, which items are whose twins, and what
keeps one out of step now. For the command and for pages."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.database import TenantId
from app.mapping.naming import field_name
from app.mapping.profile import Side
from app.mapping.profiles import StoredProfile
from app.mapping.said import said, the_site
from app.said import from_text
from app.sync import reasons
from app.sync.models import IssueLink
from app.sync.parked import place
from app.sync.provenance import How
from app.sync.reasons import Code
from app.sync.standing import Standing, State
from app.sync.why_items import ItemWhy, is_item, items_of
from app.vault.vault import Vault

SIDES = {side: the_site(side) for side in Side}


@dataclass(frozen=True)
class LastWrite:
    """The last write to a field of one side.

    `source`: whose value it was; None for an undo's, which is of the past. `present`: the profile
    is still at that revision. `made`: the issue was made with it."""

    side: Side
    source: Side | None
    at: datetime
    revision: int
    present: bool
    how: How
    made: bool
    run_id: uuid.UUID | None


@dataclass(frozen=True)
class FieldWhy:
    """A field. `writes`: the last one to each side, the newest first; none: Tandem never wrote it.
    `mapped`: the profile still carries it."""

    key: str
    left: str
    right: str
    mapped: bool
    writes: tuple[LastWrite, ...] = ()
    now: tuple[Standing, ...] = ()

    @property
    def last(self) -> LastWrite | None:
        """The last write to either side."""
        return self.writes[0] if self.writes else None


@dataclass(frozen=True)
class Why:
    """A pair. `now`: what keeps all of it out of step. A key is None where no twin is there yet.
    `gone`: the side whose issue was deleted; `outside`: whose is outside the filter or held back by
    its security level, a side or both. Of either kind nothing crosses."""

    profile_id: uuid.UUID
    profile: str
    state: str
    revision: int
    left_id: int | None
    right_id: int | None
    left_key: str | None
    right_key: str | None
    paired_at: datetime
    in_step_at: datetime | None
    fields: tuple[FieldWhy, ...]
    items: tuple[ItemWhy, ...] = ()
    now: tuple[Standing, ...] = ()
    gone: Side | None = None
    outside: str | None = None


def why(
    session: Session,
    vault: Vault,
    profile: StoredProfile,
    link: IssueLink,
    sites: Mapping[Side, str] = SIDES,
) -> Why:
    """Why a pair is as it is, in a transaction of a tenant of it. `sites`: their names, for the
    sentences."""
    writes = _writes(session, profile, link)
    now = _parked(session, vault, link, sites)
    for key, standing in _questions(session, link):
        now.setdefault(key, []).append(standing)
    mapped = [m.key for m in profile.profile.fields]
    others = {key for key in writes.keys() | now.keys() if key and not is_item(key)}
    keys = [*mapped, *sorted(others - set(mapped))]
    return Why(
        profile_id=profile.id,
        profile=profile.name,
        state=profile.state,
        revision=profile.revision,
        left_id=link.left_issue_id,
        right_id=link.right_issue_id,
        left_key=link.left_key,
        right_key=link.right_key,
        paired_at=link.created_at,
        in_step_at=link.synced_at,
        fields=tuple(
            FieldWhy(
                key,
                *_names(key),
                key in mapped,
                tuple(writes.get(key, ())),
                tuple(now.get(key, ())),
            )
            for key in keys
        ),
        items=items_of(session, profile, link, now),
        now=tuple(now.get("", ())),
        gone=_gone(link),
        outside=link.outside,
    )


def _gone(link: IssueLink) -> Side | None:
    """The side whose site, or an undo, told that its issue was deleted."""
    told = {Side.LEFT: link.left_told, Side.RIGHT: link.right_told}
    return next((side for side in Side if told[side] in {"deleted", "undone"}), None)


def _names(key: str) -> tuple[str, str]:
    left, _, right = key.partition("=")
    return left, right


_WRITES = text(
    """
    SELECT side, field_key, source, revision, how, made, run_id, at FROM provenance
    WHERE link_id = :link ORDER BY at DESC, side
    """
)


def _writes(
    session: Session, profile: StoredProfile, link: IssueLink
) -> dict[str, list[LastWrite]]:
    found: dict[str, list[LastWrite]] = {}
    for row in session.execute(_WRITES, {"link": link.id}):
        one = LastWrite(
            Side(row.side),
            Side(row.source) if row.source else None,
            row.at,
            row.revision,
            row.revision == profile.revision,
            How(row.how),
            row.made,
            row.run_id,
        )
        found.setdefault(row.field_key, []).append(one)
    return found


_PARKED = text(
    """
    SELECT p.id, p.left_tenant_id, p.at_side, p.code, p.field, p.field_key, p.first_at, p.said
    FROM parked_cause p
    WHERE p.profile_id = :profile
      AND (p.side, p.issue_id) IN (('left', :left), ('right', :right))
    ORDER BY p.first_at, p.id
    """
)


def _parked(
    session: Session, vault: Vault, link: IssueLink, sites: Mapping[Side, str]
) -> dict[str, list[Standing]]:
    """What sites refused, by mapping key; of the whole issue under an empty one."""
    asked = {"profile": link.profile_id, "left": link.left_issue_id, "right": link.right_issue_id}
    found: dict[str, list[Standing]] = {}
    for row in session.execute(_PARKED, asked):
        side = Side(row.at_side)
        sentence, cure = reasons.say(Code(row.code), site=sites[side], field=field_name(row.field))
        words = vault.unseal(place(TenantId(row.left_tenant_id), row.id), row.said).decode()
        told = _capital(sentence), row.first_at, _capital(cure), from_text(words)
        one = Standing(State.PARKED, *told, side)
        found.setdefault(row.field_key, []).append(one)
    return found


_QUESTIONS = text(
    """
    SELECT id, field_key, choice, asked_at FROM conflict_question WHERE link_id = :link
    ORDER BY field_key
    """
)
_CHOICES = {
    None: (
        State.CONFLICT,
        said("Both sides changed it, and somebody has to choose."),
        said("Choose on Tandem's page inside Jira."),
    ),
    "leave": (
        State.LEFT_ALONE,
        said("Both sides changed it, and somebody chose to leave both as they are."),
        said("It crosses with the next edit of it."),
    ),
}


def _questions(session: Session, link: IssueLink) -> list[tuple[str, Standing]]:
    found = []
    for row in session.execute(_QUESTIONS, {"link": link.id}):
        decided = said("Both sides changed it, and somebody chose the left one.")
        if row.choice == Side.RIGHT:
            decided = said("Both sides changed it, and somebody chose the right one.")
        state, sentence, cure = _CHOICES.get(row.choice, (State.DECIDED, decided, ""))
        one = Standing(state, sentence, row.asked_at, cure, question=row.id)
        found.append((row.field_key, one))
    return found


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]
