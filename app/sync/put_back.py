"""After a write: looks whether it replaced a person's edit, and lets the field's policy decide.

Where the written side's edit wins, or a person must choose, it is put back and the pair is merged
anew from the old base. Else the write stands, and the edit's value is told.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from app.activity.log import Detail
from app.jira.site import Changelog, Edit, Issue, JiraSite, SiteError
from app.mapping.profile import FieldMapping, Side
from app.mapping.said import said, the_fields, the_side, together
from app.mapping.values import handler, whole
from app.sync import written as notes
from app.sync.move_back import move_back
from app.sync.overwritten import Lost, Sent, all_replaced, source_wins
from app.sync.plan import Reason, Snapshot, Write
from app.sync.store_links import Link
from app.sync.turn import Turn
from app.sync.words import raw, refused_fields

TRIES = 3
"""How often an edit is put back over another that came meanwhile."""


@dataclass(frozen=True)
class After:
    """What came of a look. `returned`: the side's issue as the site gave it last.

    `reopened`: keys that are merged anew, from the old base. `lost`: edits that are gone for good,
    `details` tell of these and of all that was put back; `puts`: fields written to that end;
    `back`: those that hold an edit again.
    """

    returned: Issue | None
    reopened: frozenset[str] = frozenset()
    lost: tuple[Lost, ...] = ()
    details: tuple[Detail, ...] = ()
    puts: int = 0
    back: frozenset[str] = frozenset()

    def amended(self, turn: Turn, link: Link, side: Side) -> list[notes.Amended]:
        """What an undo has to know: nothing was written, or over something else than planned."""
        of = turn.fingerprints.of
        found = [
            notes.Amended(link.id, side, key, None, put_back=key in self.back)
            for key in self.reopened
        ]
        for one in self.lost:
            # The text of a value that is not told whole is never one that a field holds.
            mark = of(one.key, side, one.value if one.exact else one.text)
            found.append(notes.Amended(link.id, side, one.key, None, before=mark))
        return found


@dataclass
class Put:
    """What came of putting edits back: `back` holds them; `refused` by the site; `over`: edits
    that were replaced in doing so."""

    returned: Issue
    back: dict[str, Lost] = field(default_factory=dict)
    refused: dict[str, Lost] = field(default_factory=dict)
    over: list[Lost] = field(default_factory=list)
    count: int = 0


def look(
    turn: Turn,
    side: Side,
    link: Link,
    *,
    writes: Sequence[Write],
    read: Snapshot,
    returned: Issue | None,
) -> After:
    """Look at what was just written to a side. Raises SiteError where an edit cannot be put back
    now: the next visit finds the write, and looks again."""
    issue_id = link.issue_id(side) or 0
    found = replaced_by(turn, side, issue_id, writes, read_at=read.updated, returned=returned)
    return decide(turn, side, link, found, returned) if found else After(returned)


def replaced_by(
    turn: Turn,
    side: Side,
    issue_id: int,
    writes: Sequence[Write],
    *,
    read_at: datetime,
    returned: Issue | None,
) -> list[Lost]:
    """The edits that these writes to one issue replaced. `read_at`: its `updated` as it was read;
    `returned`: the issue as the site answered, if it did. Raises SiteError."""
    if not writes:
        return []
    stored = turn.snapshot(returned, side) if returned else None
    sent = [Sent.of(write, read_at, stored) for write in writes]
    return find(turn.sites[side], issue_id, sent, returned)


def find(
    site: JiraSite,
    issue_id: int,
    sent: Sequence[Sent],
    returned: Issue | None,
    told: Callable[[Changelog, Sent], Changelog] = lambda log, one: log,
) -> list[Lost]:
    """The edits that these writes replaced. The changelog came with the answer, or costs a call.
    `told`: what of it is told of a write."""
    log = returned.changelog if returned else None
    if log is None and sent:
        log = site.changelogs([issue_id]).get(issue_id)
    for one in sent if log else ():
        log = told(log or Changelog(), one)
    return all_replaced(sent, log or Changelog(), by_us(site))


def by_us(site: JiraSite) -> Callable[[Edit], bool]:
    """Tells whether a change is by our account; asks the site for it once, and only then."""
    known: list[str] = []

    def is_ours(edit: Edit) -> bool:
        if edit.author is None:
            return True  # the site does not tell: what looks like ours is
        if not known:
            known.append(site.account())
        return edit.author == known[0]

    return is_ours


def decide(
    turn: Turn, side: Side, link: Link, found: Sequence[Lost], returned: Issue | None
) -> After:
    """Let the policy of each field decide what becomes of the edits that a write replaced. Raises
    SiteError."""
    mappings = {m.key: m for m in turn.profile.profile.fields}
    issue = returned or read_again(turn, side, link.issue_id(side) or 0)
    stands: dict[str, str] = {one.key: "" for one in found if source_wins(mappings[one.key], side)}
    rest = [one for one in found if one.key not in stands]
    stands |= {
        one.key: said("Jira's history tells its text alone, so it could not be put back")
        for one in rest
        if one.held and not one.exact
    }
    back = [one for one in rest if one.held and one.exact]
    if issue is None:
        stands |= dict.fromkeys([one.key for one in back], said("the issue is gone"))
    put = put_back(turn, side, issue, back, link) if back and issue else None
    if put is not None:
        refused = said("the site refused to have it put back")
        stands |= dict.fromkeys(put.refused, refused)
    lost = tuple(one for one in found if one.key in stands)
    details = [_stood(one, mappings[one.key], side, stands[one.key]) for one in lost]
    details += [told_again(one, side) for one in rest if one.key not in stands and not one.held]
    if put is not None:
        details += [told_back(one, side) for one in put.back.values()]
        details += [told_again(one, side) for one in put.over]
    return After(
        put.returned if put else issue,
        frozenset(one.key for one in found) - stands.keys(),
        lost,
        tuple(details),
        put.count if put else 0,
        frozenset(put.back) if put else frozenset(),
    )


def read_again(turn: Turn, side: Side, issue_id: int) -> Issue | None:
    """The issue as it is now, where the site did not answer with it."""
    names = [m.field(side) for m in turn.profile.profile.fields]
    return turn.sites[side].fetch([issue_id], names).get(issue_id)


def put_back(
    turn: Turn, side: Side, issue: Issue, edits: Sequence[Lost], link: Link | None = None
) -> Put:
    """Write these edits back to their side, and look at each such write as at any. Raises
    SiteError where the site fails or shuts us out; a refusal is in what it gives.

    With the `link` a status is put back too, by the workflow."""
    site, put, waiting = turn.sites[side], Put(issue), {one.key: one for one in edits}
    for one in edits if link else ():
        if link and handler(one.kind).by_transition:
            moved = move_back(turn, side, link, put.returned, waiting.pop(one.key))
            put.returned = moved or put.returned
            put.count += moved is not None
            (put.refused if moved is None else put.back)[one.key] = one
    for _ in range(TRIES):
        if not waiting:
            break
        read = turn.snapshot(put.returned, side)
        writes = [
            Write(one.key, one.field, one.kind, one.value, read.values.get(one.key), Reason.WON)
            for one in waiting.values()
        ]
        try:
            answer = site.update(issue.id, raw(writes))
        except SiteError as error:
            if error.passing or error.locked_out:
                raise
            no = refused_fields(error, writes) or dict.fromkeys(waiting, "")
            put.refused |= {key: waiting[key] for key in no if key not in put.back}
            put.over += [waiting[key] for key in no if key in put.back]
            waiting = {key: one for key, one in waiting.items() if key not in no}
            continue
        answer = answer or read_again(turn, side, issue.id) or put.returned
        put.back |= waiting
        put.count += len(writes)
        later = replaced_by(turn, side, issue.id, writes, read_at=read.updated, returned=answer)
        put.returned = answer
        # What was put back over a later edit is itself what that edit replaced.
        put.over += [one if not (one.held and one.exact) else waiting[one.key] for one in later]
        waiting = {one.key: one for one in later if one.held and one.exact}
    put.over += waiting.values()
    return put


def _stood(one: Lost, mapping: FieldMapping, side: Side, more: str) -> Detail:
    """An edit that is lost for good, with its whole value."""
    told = said(
        "%(fields)s changed on both sides: it was edited on %(side)s while Tandem wrote there, and "
        "the value of %(other)s stands",
        fields=the_fields(mapping.left, mapping.right),
        side=the_side(side),
        other=the_side(side.other),
    )
    return Detail(
        together([told, more] if more else [told], "; "),
        field=one.key,
        side=side.value,
        old=whole(one.text),
    )


def told_back(one: Lost, side: Side) -> Detail:
    """An edit that was put back."""
    return Detail(
        said(
            "%(field)s was edited on %(side)s while Tandem wrote it: the edit was put back, "
            "and both sides are compared anew.",
            field=one.field,
            side=the_side(side),
        ),
        field=one.field,
        side=side.value,
        new=whole(one.text),
    )


def told_again(one: Lost, side: Side) -> Detail:
    """An edit that was replaced, and whose field was edited once more since."""
    return Detail(
        said(
            "%(field)s was edited more than once on %(side)s while Tandem wrote it: an "
            "earlier edit was replaced, and both sides are compared anew.",
            field=one.field,
            side=the_side(side),
        ),
        field=one.field,
        side=side.value,
        old=whole(one.text),
    )
