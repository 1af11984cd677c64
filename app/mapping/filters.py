"""Checks the filter of a side by its own Jira, before it is stored.

A filter is content of a customer: it may hold names. It is stored in the sealed mapping document
alone, and nothing of it, or of what a Jira says of it, is logged.
"""

from __future__ import annotations

import re

from app.errors import Problem
from app.jira.site import JiraSite, ParsedJql, SiteError
from app.mapping.document import filter_problem
from app.mapping.profile import Scope, Side

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
        many = f"about {found:,}" if own else f"more than {MOST_ISSUES:,}"
        raise _refused(
            side,
            f"finds {many} issues of this project and type; Tandem keeps at most {MOST_ISSUES:,} "
            "in step in one profile. Narrow the filter, for example by a label, a status or "
            '"created >= -90d".',
        )


def _require_sense(alone: ParsedJql, joined: ParsedJql, side: Side, *, own: bool) -> None:
    """The filter makes sense by itself: then no parenthesis in it can end ours."""
    if alone.errors:
        raise _refused(side, _not_understood(alone.errors, own=own))
    if alone.ordered:
        raise _refused(side, "must not say an order. Remove ORDER BY and what follows it.")
    if not alone.restricts:
        raise _refused(side, "restricts nothing. Write a condition, or leave the filter empty.")
    if joined.errors or joined.ordered:
        raise _refused(side, _not_understood(joined.errors, own=own))


def _not_understood(errors: tuple[str, ...], *, own: bool) -> str:
    if own:
        said = "; ".join(errors)[:_SHOWN].rstrip(".")
        return f"your Jira does not understand it: {said}. Try it in Jira's own search first."
    place = _PLACE.search(" ".join(errors))
    at = f" at line {place[1]}, character {place[2]}" if place else ""
    return (
        f"the partner's Jira does not understand it{at}. Names of fields, statuses and people are "
        "those of the partner's site. Ask its people for a JQL that works in their own search."
    )


def _unanswered(error: SiteError, side: Side, *, own: bool) -> Problem:
    whose = "your" if own else "the partner's"
    if error.site_status == 400:
        return _refused(
            side, f"{whose} Jira refuses to search by it. Try it in that Jira's own search first."
        )
    return Problem(
        f"{side.value}.filter: {whose} Jira could not be asked about it just now. Nothing was "
        "saved; try again in a minute.",
        status=502,
        code=SiteError.code,
        field=f"{side.value}.filter",
    )


def _refused(side: Side, sentence: str) -> Problem:
    name = f"{side.value}.filter"
    return Problem(f"{name}: {sentence}", code="invalid-field", field=name)
