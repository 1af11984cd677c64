"""Checks the filter of a side by its own Jira, before it is stored.

A filter is content of a customer: it may hold names. It is stored in the sealed mapping document
alone, and nothing of it, or of what a Jira says of it, is logged.
"""

from __future__ import annotations

import re

from app.errors import Problem
from app.jira.site import JiraSite, ParsedJql, SiteError
from app.language import gettext as _
from app.mapping.document import filter_problem
from app.mapping.profile import Scope, Side
from app.said import together

MOST_ISSUES = 100_000
"""How many issues a filter may find: more would not be kept in step within a day's points."""

_SHOWN = 300  # characters of what a Jira says
_PLACE = re.compile(r"\(line (\d{1,4}), character (\d{1,5})\)")


def written(text: str, side: Side) -> str | None:
    """The filter that a form holds; None for none. Raises Problem where no Jira need be asked."""
    # In one line: the page's own input would drop what breaks it.
    jql = text.replace("\r\n", " ").replace("\n", " ").replace("\t", " ").strip()
    if not jql:
        return None
    problem = filter_problem(jql)
    if problem is not None:
        raise _refused(side, problem + ".")
    return jql


def check(site: JiraSite, scope: Scope, side: Side, *, own: bool) -> None:
    """Ask the side's Jira whether it understands the filter, and how much it finds.

    `own`: whether the asking person is of that site. Only to him its words are shown: to others
    they would tell what is there, and what is not. Raises Problem.
    """
    if scope.filter is None:
        return
    try:
        alone, joined = site.parse([scope.filter, scope.jql()])
        _require_sense(alone, joined, side, own=own)
        found = site.count(scope.jql())
    except SiteError as error:
        raise _unanswered(error, side, own=own) from None
    if found > MOST_ISSUES:
        said = _(
            "finds about %(count)s issues of this project and type; Tandem keeps at most %(most)s "
            "in step in one profile. Narrow the filter, for example by a label, a status or "
            '"created >= -90d".',
            count=f"{found:,}",
            most=f"{MOST_ISSUES:,}",
        )
        others = _(
            "finds more than %(most)s issues of this project and type; Tandem keeps at most "
            "%(most)s in step in one profile. Narrow the filter, for example by a label, a status "
            'or "created >= -90d".',
            most=f"{MOST_ISSUES:,}",
        )
        raise _refused(side, said if own else others)


def _require_sense(alone: ParsedJql, joined: ParsedJql, side: Side, *, own: bool) -> None:
    """The filter makes sense by itself: then no parenthesis in it can end ours."""
    if alone.errors:
        raise _refused(side, _not_understood(alone.errors, own=own))
    if alone.ordered:
        raise _refused(side, _("must not say an order. Remove ORDER BY and what follows it."))
    if not alone.restricts:
        raise _refused(side, _("restricts nothing. Write a condition, or leave the filter empty."))
    if joined.errors or joined.ordered:
        raise _refused(side, _not_understood(joined.errors, own=own))


def _not_understood(errors: tuple[str, ...], *, own: bool) -> str:
    if own:
        said = "; ".join(errors)[:_SHOWN].rstrip(".")
        return _(
            "your Jira does not understand it: %(said)s. Try it in Jira's own search first.",
            said=said,
        )
    place = _PLACE.search(" ".join(errors))
    if place is None:
        return _(
            "the partner's Jira does not understand it. Names of fields, statuses and people are "
            "those of the partner's site. Ask its people for a JQL that works in their own search."
        )
    return _(
        "the partner's Jira does not understand it at line %(line)s, character %(place)s. Names of "
        "fields, statuses and people are those of the partner's site. Ask its people for a JQL "
        "that works in their own search.",
        line=place[1],
        place=place[2],
    )


def _unanswered(error: SiteError, side: Side, *, own: bool) -> Problem:
    if error.site_status == 400:
        refused = (
            _("your Jira refuses to search by it. Try it in that Jira's own search first.")
            if own
            else _(
                "the partner's Jira refuses to search by it. Try it in that Jira's own search "
                "first."
            )
        )
        return _refused(side, refused)
    away = (
        _(
            "your Jira could not be asked about it just now. Nothing was saved; try again in a "
            "minute."
        )
        if own
        else _(
            "the partner's Jira could not be asked about it just now. Nothing was saved; try again "
            "in a minute."
        )
    )
    return Problem(
        f"{side.value}.filter: {away}",
        status=502,
        code=SiteError.code,
        field=f"{side.value}.filter",
    )


def _refused(side: Side, sentence: str) -> Problem:
    name = f"{side.value}.filter"
    return Problem(together([f"{name}:", sentence]), code="invalid-field", field=name)
