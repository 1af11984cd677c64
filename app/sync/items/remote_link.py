"""The link of each issue of a pair to its twin, among its links to the outside.

It is known by its `globalId`, under which a site has one at most: made twice it is there once, and
found without a note. So nothing is noted before the call, and nothing of it is ever read.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from app.activity.log import Detail
from app.jira.site import Issue, SiteError
from app.mapping.profile import ItemKind, Side
from app.mapping.said import said, the_side
from app.sync.items import store
from app.sync.items.model import ItemLink, root_of
from app.sync.items.reads import Amiss
from app.sync.reasons import Cause, field_code

if TYPE_CHECKING:
    from app.sync.items.hand import Did, Work
    from app.sync.items.reads import Reads
    from app.sync.store_links import Link
    from app.sync.turn import Turn

KIND = ItemKind.REMOTE_LINK.value
FIELD = "remotelink"
"""What is refused is told under this name."""
RELATIONSHIP = "is kept in step with"
LONGEST_TITLE = 255

_LEFT_OVER = text(
    "SELECT EXISTS (SELECT FROM item_link WHERE profile_id = :profile AND kind = :kind)"
)
_DROP = text("DELETE FROM item_link WHERE id = :id")


def left_over(turn: Turn) -> bool:
    """Whether a profile that carries no items any more may still have links that it made. Asked
    once in a batch."""
    if turn.remote_links is None:
        with turn.transaction() as session:
            asked = {"profile": turn.profile.id, "kind": KIND}
            turn.remote_links = bool(session.execute(_LEFT_OVER, asked).scalar())
    return turn.remote_links


def global_id(profile: object, twin: int) -> str:
    """What names the link to a twin on any issue."""
    return f"tandem:{profile}:{twin}"


def wanted(profile: object, twin: Issue, url: str) -> dict[str, Any]:
    """The link to a twin at a site of this address."""
    host = url.partition("://")[2].partition("/")[0] or url
    return {
        "globalId": global_id(profile, twin.id),
        "application": {"type": "tandem", "name": "Tandem"},
        "relationship": RELATIONSHIP,
        "object": {
            "url": f"{url.rstrip('/')}/browse/{twin.key}",
            "title": f"Twin: {twin.key} at {host}"[:LONGEST_TITLE],
        },
    }


def carry_out(turn: Turn, work: Work, did: Did) -> None:
    """Put, replace or take away what is due on both issues. Raises SiteError where a site fails."""
    mapping = next((m for m in turn.profile.profile.items if m.kind.value == KIND), None)
    found = next((row for row in work.rows if row.kind == KIND), None)
    if mapping is None and found is None:
        return
    hand = _Hand(turn, work, did, found or _new_row(turn, work))
    for side in Side:
        if mapping is not None and mapping.flow.feeds(side):
            hand.put(side)
        elif hand.row.item(side) is not None:
            hand.take_away(side)


def end(turn: Turn, link: Link) -> None:
    """Take away the links of a pair that ends, as far as its sites let us. Raises SiteError where a
    site fails."""
    if not left_over(turn):
        return
    with turn.transaction() as session:
        rows = store.rows_of(session, [link])[link.id]
    for row in (one for one in rows if one.kind == KIND):
        for side in Side:
            issue, twin = link.issue_id(side), link.issue_id(side.other)
            if row.item(side) is None or issue is None or twin is None:
                continue
            try:
                turn.sites[side].links.delete_remote(issue, global_id(turn.profile.id, twin))
            except SiteError as error:
                if not error.surely_refused or error.site_status in {401, 429}:
                    raise


def amiss(reads: Reads, work: Work) -> dict[Side, Amiss]:
    """The sides whose issue does not link to its twin as the profile says, as far as the row
    tells. No call."""
    mapping = next((m for m in reads.profile.profile.items if m.kind.value == KIND), None)
    row = next((row for row in work.rows if row.kind == KIND), None)
    found: dict[Side, Amiss] = {}
    for side in Side:
        there = row is not None and row.item(side) is not None
        if mapping is None or not mapping.flow.feeds(side):
            if there:
                found[side] = Amiss.SURPLUS
        elif row is None or not there:
            found[side] = Amiss.MISSING
        elif _mark(row, side) != _to_be(reads, work, side)[1]:
            found[side] = Amiss.DIFFERENT
    return found


def _to_be(reads: Reads, work: Work, side: Side) -> tuple[dict[str, Any], str]:
    """The link that the issue of a side is to have, and its fingerprint."""
    body = wanted(reads.profile.id, work.issues[side.other], reads.sites[side.other].base_url)
    return body, reads.fingerprints.of(KIND, side, (body["object"]["url"], RELATIONSHIP))


def _new_row(turn: Turn, work: Work) -> ItemLink:
    place = work.place(turn)
    pair = str(work.link.id)
    root = root_of(turn.tenants[Side.LEFT], KIND, pair)
    return ItemLink(place.row_id(KIND, None, pair), KIND, None, None, None, root)


class _Hand:
    """Writes the links of one pair."""

    def __init__(self, turn: Turn, work: Work, did: Did, row: ItemLink) -> None:
        self.turn, self.work, self.did, self.row = turn, work, did, row

    def put(self, side: Side) -> None:
        """Have the issue of a side link to its twin as that is called now."""
        issue = self.work.issues[side]
        body, mark = _to_be(self.turn, self.work, side)
        if self.row.item(side) is not None and _mark(self.row, side) == mark:
            return
        if self.work.refused.get((side, KIND)) == mark:
            self.did.causes += [c for c in self.work.before if (c.side, c.key) == (side, KIND)]
            return
        try:
            made = self.turn.sites[side].links.put_remote(issue.id, body)
        except SiteError as error:
            self._refused(side, mark, error)
            return
        self._store(_with_mark(self.row.with_item(side, made), side, mark))
        self._tell(side, said("The issue on %(side)s links to its twin.", side=the_side(side)))

    def take_away(self, side: Side) -> None:
        """Take our link away: the mapping does not ask for it any more."""
        twin = self.work.issues[side.other].id
        try:
            name = global_id(self.turn.profile.id, twin)
            self.turn.sites[side].links.delete_remote(self.work.issues[side].id, name)
        except SiteError as error:
            if error.site_status != 404:
                self._refused(side, "", error)
                return
        self._store(_with_mark(self.row.with_item(side, None), side, ""))
        self._tell(
            side, said("The link to the twin was taken away on %(side)s.", side=the_side(side))
        )

    def _refused(self, side: Side, mark: str, error: SiteError) -> None:
        if error.site_status not in {400, 403, 404, 413}:
            raise error
        code = field_code(error.detail)
        cause = Cause(side, code, FIELD, KIND, mark, said=error.detail)
        self.did.causes.append(cause)
        if cause not in self.work.before:
            self.did.refused += 1
            self.did.details.append(Detail(error.detail, field=FIELD, side=side.value))

    def _store(self, row: ItemLink) -> None:
        self.row = row
        with self.turn.transaction() as session:
            if row.left is None and row.right is None:
                session.execute(_DROP, {"id": row.id})
            else:
                store.save(session, self.turn.profile, self.work.link, [row])

    def _tell(self, side: Side, sentence: str) -> None:
        self.did.written += 1
        self.did.details.append(Detail(sentence, field=FIELD, side=side.value))


def _mark(row: ItemLink, side: Side) -> str:
    return row.source_mark if side is Side.LEFT else row.twin_mark


def _with_mark(row: ItemLink, side: Side, mark: str) -> ItemLink:
    if side is Side.LEFT:
        return replace(row, source_mark=mark)
    return replace(row, twin_mark=mark)
