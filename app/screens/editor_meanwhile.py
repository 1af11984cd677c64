"""What the second of two people who edit one profile is shown."""

from __future__ import annotations

from typing import Any

from app.language import gettext as _
from app.mapping import drafts, history, profiles
from app.mapping.difference import Difference, differences
from app.mapping.drafts import Draft
from app.mapping.profile_name import tidy
from app.screens.editor_draft import profile_of, profile_uuid
from app.vault.vault import Vault


def meanwhile(vault: Vault, draft: Draft) -> dict[str, Any]:
    """What somebody else changed of the profile since the draft was begun, what the draft would
    change of that, and what a save over it has to say (`over`)."""
    profile, tenant = profile_uuid(draft), draft.tenant
    newest = history.revisions_of(vault, tenant, profile)[0]
    then = history.at(vault, tenant, profile, draft.base_revision or 1)
    now = history.at(vault, tenant, profile, newest.number)
    name, mine = profiles.load(vault, profile).name, tidy(str(draft.document["name"]))
    return {
        "draft": draft,
        "over": {"over": str(newest.number), "over_name": name},
        "theirs": [*_renamed(draft.document.get(drafts.NAMED), name), *differences(then, now)],
        "mine": [*_renamed(name, mine), *differences(now, profile_of(draft))],
    }


def _renamed(old: str | None, new: str) -> list[Difference]:
    """What tells two names of a profile apart; nothing where they are the same."""
    if old is None or old == new:
        return []
    return [Difference("name", old, new, _("The profile is called “%(name)s”.", name=new))]
