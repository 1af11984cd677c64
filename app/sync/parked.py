"""What is set aside: the causes of parked changes as rows, and what a visit makes of them.

A field that a site refused is known by the fingerprint of the refused value: while that stays, the
field is left out of what is written, and the rest of its issue crosses without a refused call.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from sqlalchemy import bindparam, text
from sqlalchemy.orm import Session

from app.database import TenantId
from app.mapping.profile import Profile, Side
from app.mapping.profiles import StoredProfile
from app.said import as_text
from app.sync.bases import unmoved
from app.sync.plan import Base, Conflict, Plan, Write
from app.sync.reasons import SAYINGS, Cause, Code, field_code
from app.sync.store_dirty import Dirty
from app.sync.store_links import Link
from app.vault.vault import Place, Vault

_NONE: Mapping[str, Code] = {}

Row = tuple[Side, int]
"""A change row within a profile: its side and the id of its issue."""


class Ask(StrEnum):
    """Whether the next visit asks the site again for a value that it refused."""

    NO = ""
    RETRY = "retry"  # somebody, or a new revision of the profile, wants it
    PROBE = "probe"  # to see whether the cause went away


@dataclass(frozen=True)
class Known:
    """A cause as stored, and the change row that it belongs to."""

    id: uuid.UUID
    cause: Cause
    ask: Ask
    row: Row


@dataclass(frozen=True)
class Kept:
    """A plan without what stays aside; the causes of that, and the decided conflicts among it."""

    plan: Plan
    causes: tuple[Cause, ...] = ()
    conflicts: tuple[Conflict, ...] = ()


_KNOWN = text(
    """
    SELECT p.id, p.side, p.issue_id, p.at_side, p.code, p.field, p.field_key, p.mark, p.ask
    FROM parked_cause p
    JOIN unnest(CAST(:sides AS text[]), CAST(:issues AS bigint[])) AS w (side, issue_id)
        ON p.side = w.side AND p.issue_id = w.issue_id
    WHERE p.profile_id = :profile
    """
)


def known(
    session: Session, profile: StoredProfile, dirty: Sequence[Dirty], links: Sequence[Link]
) -> dict[Row, list[Known]]:
    """What is set aside of these issues and their twins, by row. One statement for a batch."""
    rows = {(one.side, one.issue_id) for one in dirty}
    rows |= {row for link in links for row in _rows_of(link)}
    listed = sorted(rows)
    found: dict[Row, list[Known]] = {}
    asked = {
        "profile": profile.id,
        "sides": [side.value for side, _ in listed],
        "issues": [issue for _, issue in listed],
    }
    for one in session.execute(_KNOWN, asked).all() if listed else []:
        row = (Side(one.side), one.issue_id)
        cause = Cause(Side(one.at_side), Code(one.code), one.field, one.field_key, one.mark)
        found.setdefault(row, []).append(Known(one.id, cause, Ask(one.ask), row))
    return found


def of_rows(
    aside: Mapping[Row, Sequence[Known]], link: Link | None, changes: Sequence[Dirty]
) -> list[Known]:
    """What is set aside of one pair."""
    rows = {(one.side, one.issue_id) for one in changes}
    rows |= set(_rows_of(link)) if link else set()
    return [one for row in sorted(rows) for one in aside.get(row, ())]


def _rows_of(link: Link) -> list[Row]:
    return [(side, issue) for side in Side if (issue := link.issue_id(side)) is not None]


def keep_aside(found: Sequence[Known], plan: Plan, old: Base) -> Kept:
    """Leave out of a plan what the site refused before in the same value, unless it is to be asked
    again. `old`: the base that the plan began from."""
    held = {(k.cause.side, k.cause.key, k.cause.mark): k.cause for k in found if not k.ask}
    causes = [
        cause
        for side in Side
        for write in plan.writes(side)
        if (mark := plan.base.of(side).get(write.key))
        and (cause := held.get((side, write.key, mark)))
    ]
    if not causes:
        return Kept(plan)
    keys = {cause.key for cause in causes}
    conflicts = tuple(one for one in plan.conflicts if one.key in keys)
    return Kept(without(plan, old, keys), tuple(causes), conflicts)


def without(plan: Plan, old: Base, keys: Iterable[str]) -> Plan:
    """The plan without the writes and conflicts of these mapping keys."""
    gone = set(keys)
    return replace(
        plan,
        left=tuple(one for one in plan.left if one.key not in gone),
        right=tuple(one for one in plan.right if one.key not in gone),
        conflicts=tuple(one for one in plan.conflicts if one.key not in gone),
        base=unmoved(plan.base, old, gone),
    )


def field_causes(
    side: Side,
    writes: Sequence[Write],
    refused: Mapping[str, str],
    base: Base,
    codes: Mapping[str, Code] = _NONE,
) -> tuple[Cause, ...]:
    """The causes of writes to `side` that it refused by name. `base`: the plan's, which has the
    fingerprints of what was sent. `codes`: of those that are not told by the site's words. What
    was not sent, for want of a place on a screen, is known by its field alone."""
    return tuple(
        Cause(
            side,
            codes.get(one.key) or field_code(refused[one.key]),
            one.field,
            one.key,
            ""
            if codes.get(one.key) is Code.FIELD_NOT_ON_SCREEN
            else base.of(side).get(one.key, ""),
            said=refused[one.key],
        )
        for one in writes
        if one.key in refused
    )


def unpaired(profile: Profile, plan: Plan) -> tuple[Cause, ...]:
    """The causes of fields that are set aside before anything is sent."""
    mappings = {m.key: m for m in profile.fields}
    found = [(one, *one.stops) for one in plan.left_alone if one.stops is not None]
    return tuple(
        Cause(side, Code(why), mappings[one.key].field(side), one.key, said=one.sentence)
        for one, side, why in found
    )


_ADD = text(
    """
    INSERT INTO parked_cause (id, profile_id, side, issue_id, left_tenant_id, right_tenant_id,
                              at_side, code, field, field_key, mark, said)
    SELECT :id, c.profile_id, c.side, c.issue_id, c.left_tenant_id, c.right_tenant_id,
        :at_side, :code, :field, :key, :mark, :said
    FROM change c WHERE c.profile_id = :profile AND c.side = :side AND c.issue_id = :issue
    """
)
_GROUP = text(
    """
    INSERT INTO parked_group (profile_id, at_side, code, field, left_tenant_id, right_tenant_id)
    VALUES (:profile, :at_side, :code, :field, :left, :right) ON CONFLICT DO NOTHING
    """
)
# Somebody may have asked for it meanwhile: then it stays asked. What was ignored stays so; but a
# whole issue that is visited without anybody's asking was edited, and that was to bring it back.
_STAY = text(
    """
    UPDATE parked_cause
    SET side = :side, issue_id = :issue, ask = CASE WHEN ask = :ask THEN '' ELSE ask END,
        asked_at = CASE WHEN :ask = '' THEN asked_at ELSE now() END,
        ignored_at = CASE WHEN field_key = '' AND :ask = '' THEN NULL ELSE ignored_at END
    WHERE id = :id AND EXISTS (SELECT FROM change c
        WHERE c.profile_id = :profile AND c.side = :side AND c.issue_id = :issue)
    """
)
_DROP = text("DELETE FROM parked_cause WHERE id IN :ids").bindparams(
    bindparam("ids", expanding=True)
)
_DROP_ROW = text(
    "DELETE FROM change WHERE profile_id = :profile AND side = :side AND issue_id = :issue"
    " AND parked"
)
_DROP_GROUP = text(
    """
    DELETE FROM parked_group g
    WHERE g.profile_id = :profile AND g.at_side = :at_side AND g.code = :code AND g.field = :field
      AND NOT EXISTS (SELECT FROM parked_cause p WHERE p.profile_id = g.profile_id
        AND p.at_side = g.at_side AND p.code = g.code AND p.field = g.field)
    """
)


def settle(
    session: Session,
    vault: Vault,
    profile: StoredProfile,
    *,
    found: Sequence[Known],
    changes: Sequence[Dirty],
    causes: Sequence[Cause],
) -> bool:
    """Store exactly these causes for a pair, at the first of its changes; rows of the pair that
    were parked before go. Returns whether one of the causes is new."""
    rows = {(one.side, one.issue_id) for one in changes}
    at = {"profile": profile.id, "side": changes[0].side.value, "issue": changes[0].issue_id}
    before = {one.cause: one for one in found}
    for cause in causes:
        if cause in before:
            stays = before[cause]
            session.execute(_STAY, {**at, "id": stays.id, "ask": stays.ask.value})
        else:
            _add(session, vault, profile, at, cause)
    gone = [one for one in found if one.cause not in causes]
    if gone:
        session.execute(_DROP, {"ids": [one.id for one in gone]})
    for side, issue in sorted({one.row for one in found} - rows):
        session.execute(_DROP_ROW, {"profile": profile.id, "side": side.value, "issue": issue})
    for side, code, field in sorted({one.cause.group for one in gone}):
        group = {"at_side": side.value, "code": code.value, "field": field}
        session.execute(_DROP_GROUP, {"profile": profile.id, **group})
    return any(cause not in before for cause in causes)


def _add(
    session: Session, vault: Vault, profile: StoredProfile, at: Mapping[str, object], cause: Cause
) -> None:
    cause_id = uuid.uuid4()
    group = {"at_side": cause.side.value, "code": cause.code.value, "field": cause.field}
    said = vault.seal(
        place(profile.left_tenant, cause_id), as_text(cause.said).encode("utf-8", "replace")
    )
    session.execute(
        _ADD, {**at, **group, "id": cause_id, "key": cause.key, "mark": cause.mark, "said": said}
    )
    if SAYINGS[cause.code].passes:
        tenants = {"left": profile.left_tenant, "right": profile.right_tenant}
        session.execute(_GROUP, {"profile": profile.id, **group, **tenants})


def went_away(found: Sequence[Known], causes: Sequence[Cause]) -> set[tuple[Side, Code, str]]:
    """The groups whose probe crossed: their cause is gone."""
    return {one.cause.group for one in found if one.ask is Ask.PROBE and one.cause not in causes}


def place(left_tenant: TenantId, cause_id: uuid.UUID) -> Place:
    """Where the site's words of a cause are sealed."""
    return Place(left_tenant, "parked_cause", "said", str(cause_id))
