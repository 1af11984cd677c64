"""Which side wrote a field last through Tandem: when, by which revision of the profile, and how.

A write is taken for done by the note made before it (`written`) and by the base after it: so one
whose worker died is found at the next visit, with the time, revision and run of that worker.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.mapping.profile import Side
from app.mapping.profiles import StoredProfile
from app.mapping.values import handler
from app.sync.fingerprint import Fingerprinter
from app.sync.store_links import Link
from app.sync.written import Amended


class How(StrEnum):
    """What made Tandem write a field."""

    CHANGE = "change"  # a change on the other side
    LOAD = "load"
    APPLY = "apply"
    UNDO = "undo"  # an earlier value came back: no side's
    PUT_BACK = "put-back"  # an edit of this very side, which a write had replaced
    CONFLICT = "conflict"  # both sides changed it, and the other one won


@dataclass(frozen=True)
class Ended:
    """A visit to a pair that ends now. `link`: with the base that is stored for it, and with what
    was planned and when the visit before ended, as read when this one began; `wrote`: the fields
    that it may have written, by side and mapping key."""

    link: Link
    wrote: Collection[tuple[Side, str]] = ()
    made: Side | None = None
    amended: tuple[Amended, ...] = ()


@dataclass(frozen=True)
class _Asked:
    """A field of a side, and what its note must be for it to count as written."""

    link_id: uuid.UUID
    side: Side
    key: str
    mark: str = ""
    since: datetime | None = None
    made: bool = False
    put_back: bool = False


_NOTE = text(
    """
    INSERT INTO provenance (link_id, left_tenant_id, right_tenant_id, side, field_key, source,
                            revision, how, made, run_id, at)
    SELECT k.id, k.left_tenant_id, k.right_tenant_id, n.side, n.key,
        CASE WHEN n.put_back THEN n.side
             WHEN r.kind = 'undo' THEN NULL
             WHEN n.side = 'left' THEN 'right' ELSE 'left' END,
        coalesce(w.revision, :revision),
        CASE WHEN n.put_back THEN 'put-back'
             WHEN r.kind = 'undo' THEN 'undo'
             WHEN w.won THEN 'conflict' ELSE coalesce(r.kind, 'change') END,
        n.made, w.run_id, coalesce(w.at, now())
    FROM unnest(
        CAST(:links AS uuid[]), CAST(:sides AS text[]), CAST(:keys AS text[]),
        CAST(:marks AS text[]), CAST(:sinces AS timestamptz[]), CAST(:mades AS boolean[]),
        CAST(:puts AS boolean[])) AS n (link_id, side, key, mark, since, made, put_back)
    JOIN issue_link k ON k.id = n.link_id
    LEFT JOIN LATERAL (
        SELECT o.* FROM written o
        WHERE o.link_id = n.link_id AND o.side = n.side AND o.field_key = n.key
          AND NOT n.put_back
        ORDER BY o.id DESC LIMIT 1) AS w ON true
    LEFT JOIN run r ON r.id = w.run_id
    WHERE n.put_back
       OR (w.mark_after = n.mark AND w.created = n.made
           AND w.at >= coalesce(n.since, '-infinity'))
    ON CONFLICT (link_id, side, field_key) DO UPDATE
    SET source = excluded.source, revision = excluded.revision, how = excluded.how,
        made = excluded.made, run_id = excluded.run_id, at = excluded.at
    """
)


def note(
    session: Session,
    profile: StoredProfile,
    fingerprints: Fingerprinter,
    ended: Sequence[Ended],
) -> None:
    """Note what these visits wrote and the sites took, in one statement; none where that is
    nothing. After the bases are stored and the notes of the writes are corrected."""
    asked = {
        (one.link_id, one.side, one.key): one
        for visit in ended
        for one in (*_looked_for(profile, fingerprints, visit), *_put_back(visit.amended))
    }
    _store(session, profile, list(asked.values()))


def note_put_back(session: Session, profile: StoredProfile, amended: Sequence[Amended]) -> None:
    """Note the edits among these that were put back."""
    _store(session, profile, list(_put_back(amended)))


def _looked_for(
    profile: StoredProfile, fingerprints: Fingerprinter, visit: Ended
) -> Iterator[_Asked]:
    link = visit.link
    for side in Side:
        made, marks = side is visit.made, link.base.of(side)
        keys: Collection[str]
        if made:
            keys = _filled(profile, fingerprints, link, side)
        elif visit.made or link.planned:
            keys = marks.keys()  # whoever died here may have written any of them
        else:
            keys = marks.keys() & {key for to, key in visit.wrote if to is side}
        for key in keys:
            yield _Asked(link.id, side, key, marks[key], link.synced_at, made)


def _filled(
    profile: StoredProfile, fingerprints: Fingerprinter, link: Link, side: Side
) -> set[str]:
    """The fields that the issue of this side was made with: not those that were empty, that the
    site refused, or that are carried later. Of the latter two only one side has a base."""
    empty = {
        m.key: fingerprints.of(m.key, side, handler(m.kind_of(side)).empty)
        for m in profile.profile.fields
    }
    marks = link.base.of(side)
    both = marks.keys() & link.base.of(side.other).keys() & empty.keys()
    return {key for key in both if marks[key] != empty[key]}


def _put_back(amended: Sequence[Amended]) -> Iterator[_Asked]:
    for one in amended:
        if one.put_back:
            yield _Asked(one.link_id, one.side, one.key, put_back=True)


def _store(session: Session, profile: StoredProfile, asked: Sequence[_Asked]) -> None:
    if not asked:
        return
    ordered = sorted(asked, key=lambda one: (one.link_id, one.side, one.key))
    session.execute(
        _NOTE,
        {
            "revision": profile.revision,
            "links": [one.link_id for one in ordered],
            "sides": [one.side.value for one in ordered],
            "keys": [one.key for one in ordered],
            "marks": [one.mark for one in ordered],
            "sinces": [one.since for one in ordered],
            "mades": [one.made for one in ordered],
            "puts": [one.put_back for one in ordered],
        },
    )
