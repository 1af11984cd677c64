"""What the items of a pair lack, as counts: the engine's own merge says what a visit would do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TypedDict

from app.mapping.profile import Profile, Side
from app.sync.items import remote_link
from app.sync.items.hand import Planned, Work
from app.sync.items.model import Gone
from app.sync.items.reads import Amiss, Reads
from app.sync.items.work import KINDS


class Lack(TypedDict):
    """So many items of a kind that are not as they should be on a side."""

    kind: str
    side: str
    how: str
    count: int


def lacks(reads: Reads, work: Work) -> list[Lack]:
    """What a visit would make, write anew or delete; and twins that somebody deleted of which the
    engine has not heard, for it has yet to tell of them."""
    counts = Counter(one for planned in work.planned for one in _amiss(planned))
    counts.update(
        (remote_link.KIND, side, how) for side, how in remote_link.amiss(reads, work).items()
    )
    return [
        Lack(kind=kind, side=side.value, how=how.value, count=count)
        for (kind, side, how), count in counts.items()
    ]


def _amiss(planned: Planned) -> Iterator[tuple[str, Side, Amiss]]:
    plan, kind = planned.plan, planned.plan.mapping.kind.value
    before = {row.id: row for row in planned.rows}
    for create in plan.creates:
        yield kind, create.to, Amiss.MISSING
    for row in plan.rows:
        known = before.get(row.id)
        news = known is not None and known.twin_gone is None and row.twin_gone is Gone.THEIRS
        if news and row.source is not None and not row.source_gone:
            yield kind, row.source.other, Amiss.MISSING
    for update in plan.updates:
        yield kind, update.to, Amiss.DIFFERENT
    for delete in plan.deletes:
        yield kind, delete.to, Amiss.SURPLUS


def waits(work: Work) -> bool:
    """Whether something of a pair may be told soon, and not now."""
    return any(one.plan.waits for one in work.planned)


def hidden(profile: Profile, work: Work) -> Sequence[str]:
    """The kinds of items that a site does not show."""
    shown = {one.kind.kind for one in work.planned}
    return [m.kind.value for m in profile.items if m.kind.value in KINDS and m.kind not in shown]
