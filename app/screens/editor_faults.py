"""Whose fault it is where a site refuses what a draft asks of it: the draft's is said as such."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from app.errors import Problem
from app.jira.site import SiteError
from app.mapping import filters
from app.mapping.drafts import Draft
from app.mapping.profile import Profile, Side
from app.screens.editor import Editor
from app.screens.forms import require_scope


@contextmanager
def told_of(editor: Editor, draft: Draft, profile: Profile) -> Iterator[None]:
    """Say of what is done in here that the draft has a wrong project, type or filter (422), where
    that is why a site refuses it; else what the site said stays as it is."""
    try:
        yield
    except SiteError as error:
        if not error.passing and not error.locked_out:
            for side in Side:
                _require_right(editor, draft, profile, side)
        raise


def _require_right(editor: Editor, draft: Draft, profile: Profile, side: Side) -> None:
    """Ask a side's site what is wrong with the draft. Raises Problem where something is."""
    site, scope = editor.site(draft, side), profile.scope(side)
    try:
        require_scope(site, int(scope.project_id), int(scope.issue_type_id), side)
        filters.check(site, scope, side, own=side is draft.side)
    except SiteError:
        return  # it cannot say now: then what it said before is told
    except Problem as problem:
        if problem.code == SiteError.code:
            return
        raise Problem(
            problem.detail, status=422, code="draft-not-whole", field=problem.field
        ) from None
