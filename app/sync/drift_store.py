"""The rows of drift: what is gone in each profile, and when it is looked for next."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.mapping.profile import Side
from app.mapping.profiles import StoredProfile
from app.mapping.repair import Target, Way, What
from app.sync.drift_model import NOTHING_KNOWN, Finding, How, Known
from app.sync.drift_refs import certain, references
from app.sync.drift_repairs import Choice, Repair
from app.vault.vault import Place, Vault

LEASE_SECONDS = 180.0  # longer than the calls of a look may take
TELLING = frozenset({What.PROJECT, What.TYPE, What.VALUE, What.USER})
"""Of what sites send events: versions are values."""


@dataclass(frozen=True)
class Drift:
    """What is known of a profile. `looked_at`: None before the first look."""

    findings: tuple[Finding, ...] = ()
    known: Known = NOTHING_KNOWN
    looked_at: datetime | None = None
    revision: int = 0


# Spread, so that an upgrade of a server with many profiles is no storm.
_SEED = text(
    """
    INSERT INTO drift (profile_id, left_tenant_id, right_tenant_id, due_at)
    SELECT id, left_tenant_id, right_tenant_id,
           now() + interval '15 minutes' + random() * interval '1 hour'
    FROM profile WHERE id = :profile
    ON CONFLICT DO NOTHING
    """
)
_TAKE = text(
    """
    UPDATE drift SET lease = :lease, due_at = now() + make_interval(secs => :seconds)
    WHERE profile_id = :profile AND (due_at <= now() OR lease IS NULL AND :early OR :over)
    RETURNING held, looked_at, revision, attempts, due_at
    """
)
_KEEP = text(
    """
    UPDATE drift
    SET lease = NULL, attempts = 0, looked_at = now(), findings = :findings, revision = :revision,
        named = :named, held = :held,
        -- What an event brought forward meanwhile stays so: it may be news to this look.
        due_at = CASE WHEN due_at = :until THEN now() + interval '1 day' ELSE due_at END
    WHERE profile_id = :profile AND lease = :lease
    RETURNING looked_at
    """
)
_PUT_OFF = text(
    """
    UPDATE drift
    SET lease = NULL, attempts = least(attempts + :failed, 1000),
        due_at = now() + make_interval(secs => :seconds)
    WHERE profile_id = :profile AND lease = :lease
    """
)
_READ = text("SELECT held, looked_at, revision FROM drift WHERE profile_id = :profile")
_COUNTS = text("SELECT profile_id, findings FROM drift WHERE findings > 0")
_NEWS = text(
    """
    UPDATE drift
    SET due_at = least(due_at, greatest(now(), looked_at + make_interval(secs => :rest)))
    WHERE (left_tenant_id = tandem_tenant() AND named && CAST(:left AS text[]))
       OR (right_tenant_id = tandem_tenant() AND named && CAST(:right AS text[]))
    """
)


@dataclass(frozen=True)
class Taken:
    """A look that one hand has, until then."""

    lease: uuid.UUID
    until: datetime
    attempts: int
    before: Drift


def due(session: Session, most: int) -> list[uuid.UUID]:
    """The profiles that are to be looked at, of all tenants."""
    rows = session.execute(text("SELECT profile_id FROM tandem_due_drift(:most)"), {"most": most})
    return list(rows.scalars())


def seed(session: Session, profile_id: uuid.UUID) -> bool:
    """Make the row of a profile that has none; its first look is within the next hour or so. Gives
    whether it had none."""
    made = session.execute(_SEED, {"profile": profile_id})
    return made.rowcount > 0  # type: ignore[attr-defined, no-any-return]


def take(
    session: Session, vault: Vault, profile: StoredProfile, *, early: bool = False, over: bool
) -> Taken | None:
    """Take a look into one hand; None where none is due. `early`: whenever it is due, unless
    another has it; `over`: also then, in its place."""
    lease = uuid.uuid4()
    asked = {"profile": profile.id, "lease": lease, "seconds": LEASE_SECONDS}
    row = session.execute(_TAKE, asked | {"early": early, "over": over}).one_or_none()
    if row is None:
        return None
    return Taken(lease, row.due_at, row.attempts, _opened(vault, profile, row))


def keep(
    session: Session, vault: Vault, profile: StoredProfile, taken: Taken, found: Drift
) -> datetime | None:
    """Store what a look found, and when; None where it was taken over."""
    values = {
        "profile": profile.id,
        "lease": taken.lease,
        "until": taken.until,
        "findings": len(found.findings),
        "revision": profile.revision,
        "named": _named(profile),
        "held": vault.seal(place(profile), json.dumps(_dump(found)).encode()),
    }
    return session.execute(_KEEP, values).scalar()


def put_off(
    session: Session, profile: StoredProfile, taken: Taken, seconds: float, *, failed: bool
) -> None:
    """Look later: a site is away, or has no room for it now. What was found stays."""
    values = {"profile": profile.id, "lease": taken.lease, "failed": int(failed)}
    session.execute(_PUT_OFF, values | {"seconds": seconds})


def read(session: Session, vault: Vault, profile: StoredProfile) -> Drift:
    """What is known of a profile; of what is gone only what it still names."""
    row = session.execute(_READ, {"profile": profile.id}).one_or_none()
    if row is None:
        return Drift()
    found = _opened(vault, profile, row)
    named = {ref.target for ref in references(profile.profile)}
    return replace(found, findings=tuple(one for one in found.findings if one.target in named))


def counts(session: Session) -> dict[uuid.UUID, int]:
    """How many things are gone in each profile of the session's tenant that has any."""
    return {row.profile_id: row.findings for row in session.execute(_COUNTS)}


def bring_forward(session: Session, what: What, ids: Sequence[str], rest: float) -> None:
    """A site tells of these of its things: look soon at the profiles that name them, but not
    within so many seconds of their last look. In the site's own scope."""
    told = {side: [_told(side, what, one) for one in ids] for side in Side}
    session.execute(_NEWS, {"left": told[Side.LEFT], "right": told[Side.RIGHT], "rest": rest})


def place(profile: StoredProfile) -> Place:
    """Where a profile's row is sealed to."""
    return Place(profile.left_tenant, "drift", "held", str(profile.id))


def _named(profile: StoredProfile) -> list[str]:
    # Ids alone: what may be a name, or words of a transform, is not kept in the clear.
    targets = {one for one in certain(profile.profile) if one.what in TELLING}
    return sorted(_told(one.side, one.what, one.id) for one in targets)


def _told(side: Side, what: What, id_: str) -> str:
    return f"{side.value}:{what.value}:{id_}"


def _opened(vault: Vault, profile: StoredProfile, row: Any) -> Drift:
    if row.held is None:
        return Drift()
    held = json.loads(vault.unseal(place(profile), row.held))
    known = Known(held["names"], frozenset(held["shown"]))
    lists = [tuple((id_, name) for id_, name in one) for one in held["lists"]]
    findings = tuple(_finding(one, lists[one["choices"]]) for one in held["findings"])
    return Drift(findings, known, row.looked_at, row.revision)


def _dump(found: Drift) -> dict[str, object]:
    # Values of one field have the same choices: once is enough.
    lists = list(dict.fromkeys(one.choices for one in found.findings))
    places = {choices: number for number, choices in enumerate(lists)}
    return {
        "lists": lists,
        "names": dict(found.known.names),
        "shown": sorted(found.known.shown),
        "findings": [
            {**asdict(replace(one, choices=())), "choices": places[one.choices]}
            for one in found.findings
        ],
    }


def _finding(held: Mapping[str, Any], choices: tuple[Choice, ...]) -> Finding:
    target = held["target"]
    repairs = (Repair(Way(one["way"]), one["to"], one["name"]) for one in held["repairs"])
    return Finding(
        target=Target(Side(target["side"]), What(target["what"]), target["id"], target["key"]),
        how=How(held["how"]),
        name=held["name"],
        places=tuple(held["places"]),
        repairs=tuple(repairs),
        choices=choices,
        field_name=held["field_name"],
        now=held["now"],
        found_at=held["found_at"],
    )


def dated(found: Sequence[Finding], before: Sequence[Finding], now: datetime) -> list[Finding]:
    """The findings, each with when it was found first."""
    known = {one.id: one.found_at for one in before}
    at = now.astimezone(UTC).isoformat(timespec="seconds")
    return [replace(one, found_at=known.get(one.id) or at) for one in found]
