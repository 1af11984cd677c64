"""Saves that are refused, for somebody else was there before: what waits for an approval is not
replaced unseen, and neither is what was changed meanwhile."""

from __future__ import annotations

from sqlalchemy.orm import Session

from app.errors import Problem
from app.language import gettext as _
from app.mapping import revisions
from app.mapping.models import ProfileRecord, ProfileState
from app.mapping.profile import Profile
from app.mapping.proposals import Proposal
from app.vault.vault import Vault


class ProposalWaits(Problem):
    """A save would take the place of a change that waits for its approval. `proposed`: that change;
    `in_force`: what the profile carries now; `wanted`: what was to be saved."""

    status = 409
    code = "proposal-waits"

    def __init__(
        self, waits: Proposal, in_force: Profile, proposed: Profile, wanted: Profile
    ) -> None:
        self.waits = waits
        self.in_force, self.proposed, self.wanted = in_force, proposed, wanted
        super().__init__(
            _(
                "A change of this profile waits for its approval, and this would take its place. "
                "Look at what differs, and replace it or keep it."
            )
        )


def require_known(
    vault: Vault,
    session: Session,
    found: ProfileRecord,
    waits: Proposal | None,
    *,
    wanted: Profile,
    over: int | None,
) -> None:
    """That a save replaces no proposal but the one of the number `over`. Raises ProposalWaits."""
    if waits is None or waits.number == over or found.state == ProfileState.PROPOSED:
        return
    proposed = revisions.at(vault, session, found, waits.number)
    if wanted != proposed:
        in_force = revisions.current(vault, session, found)
        raise ProposalWaits(waits, in_force, proposed, wanted)


def changed_meanwhile() -> Problem:
    """The refusal of a save that somebody else was faster than."""
    return Problem(
        _(
            "The profile was changed while you edited it. Compare with what it says now, and save "
            "again."
        ),
        status=409,
        code="changed-meanwhile",
    )
