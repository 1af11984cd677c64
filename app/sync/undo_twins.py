"""Deletes issues that a run created, where nobody did anything to them since."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from sqlalchemy import delete

from app.activity.log import Detail
from app.jira.site import SiteError
from app.mapping.profile import Side
from app.mapping.said import said
from app.sync import unlinked
from app.sync.items import remote_link
from app.sync.models import IssueLink
from app.sync.store_links import Link
from app.sync.undo_item_read import why_not
from app.sync.undo_look import tell
from app.sync.undo_plan import Left, Twin, Why
from app.sync.undo_work import Work


def delete_created(work: Work, side: Side, twins: Sequence[Twin], *, unlink: bool) -> None:
    """Delete these of one side. Raises SiteError where the site fails the read.

    The pair stays linked, so that nothing is made anew in the place of what is deleted; `unlink`
    forgets the pair.
    """
    ids = [twin.spot.issue_id for twin in twins]
    issues, links = work.reader.issues(side, ids), work.reader.links(side, ids)
    done = work.done
    for twin in twins:
        issue, link = issues.get(twin.spot.issue_id), links.get(twin.spot.link_id)
        if issue is None:
            done.is_already(twin.spot)
        elif link is None or why_not(link) is not None or issue.updated != twin.updated:
            done.leave(Left.of(twin.spot, why_not(link) or Why.CHANGED, twin.issue))
        elif not _delete(work, twin, link, unlink=unlink):
            return


def _delete(work: Work, twin: Twin, link: Link, *, unlink: bool) -> bool:
    """Delete one. Gives whether the site may be asked for the next."""
    turn, hold, done = work.turn, work.hold, work.done
    hold.renew()
    with turn.transaction() as session:
        unlinked.is_undone(session, link, twin.spot.side)
    try:
        turn.sites[twin.spot.side].delete(twin.spot.issue_id)
    except SiteError as error:
        if error.surely_refused:
            with turn.transaction() as session:
                unlinked.is_back(session, link, twin.spot.side)
        if error.passing or error.site_status == 401:
            done.trouble = error
            return False
        left = Left.of(twin.spot, Why.REFUSED, twin.issue)
        done.leave(replace(left, sentence=error.detail))
        return True
    with turn.transaction() as session:
        hold.check(session)
        if unlink:
            session.execute(delete(IssueLink).where(IssueLink.id == link.id))
        sentence = said(
            "%(issue)s was deleted by an undo of what had created it.", issue=twin.issue
        )
        tell(session, turn, link, 1, [Detail(sentence, side=twin.spot.side.value)])
    with suppress(SiteError):  # what it links to is gone; a dead link that stays harms nobody
        remote_link.end(turn, link)
    done.deleted += 1
    done.settled.add(twin.spot)
    return True
