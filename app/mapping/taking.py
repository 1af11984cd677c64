"""A mapping from a file or from an old revision becomes a new revision, by the usual checks."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from app.database import tenant_transaction
from app.errors import Problem
from app.language import gettext as _
from app.mapping import profiles, revisions
from app.mapping.document import dump_profile
from app.mapping.history import for_side
from app.mapping.mirror import mirrored
from app.mapping.profile import Profile, Scope, Side
from app.mapping.profiles import StoredProfile, owned, require_rest
from app.mapping.yaml_file import Content
from app.said import together
from app.tenants.caller import Caller
from app.tenants.deeds import OPERATOR, Action, Deed, Recorder, record_for_both
from app.vault.vault import Vault


@dataclass(frozen=True)
class Parties:
    """Who a profile is between. `own`: the side of who takes a file; None for an operator."""

    sites: Mapping[Side, str]
    own: Side | None = None


def wanted(content: Content, now: Profile, parties: Parties) -> Profile:
    """What a file makes of the mapping `now`. A filter that the file leaves out is kept on the
    side of a partner, who says it himself. Raises Problem where the file is not of this profile."""
    content = _turned(content, parties.sites)
    _require_sites(content, parties.sites)
    found = content.profile
    for side in Side:
        old, new = now.scope(side), found.scope(side)
        same = (old.project_id, old.issue_type_id) == (new.project_id, new.issue_type_id)
        if not same or old.subtask != new.subtask:
            raise _refused(
                side.value,
                _(
                    "the file is for another project or issue type of this site. These are not "
                    "changed with the mapping: duplicate the profile for others."
                ),
            )
    if parties.own is None:
        return found
    theirs = parties.own.other
    if theirs in content.filters and found.scope(theirs).filter != now.scope(theirs).filter:
        raise _refused(
            f"{theirs.value}.filter",
            _(
                "the filter of the partner's issues is changed by the people of the partner's "
                "site. Leave it out, and ask them."
            ),
        )
    kept = for_side(found, now, parties.own)
    if _allowed(found, theirs) - _allowed(kept, theirs):
        raise _refused(
            "items",
            _(
                "whether internal comments and restricted issues of the partner's side may cross "
                "is for the people of the partner's site to say. Leave %(side)s out, and ask them.",
                side=theirs.value,
            ),
        )
    return kept


def take_as_operator(
    vault: Vault,
    record: Recorder,
    stored: StoredProfile,
    content: Content,
    sites: Mapping[Side, str],
) -> bool:
    """Take a file for an operator, who holds both keys: a new revision. False: the mapping is as
    the file says. Raises Problem, NotFound."""
    tenants = stored.left_tenant, stored.right_tenant
    with tenant_transaction(stored.left_tenant) as session:
        found, _side = owned(session, stored.left_tenant, stored.id, lambda project: True)
        old = revisions.current(vault, session, found)
        new = wanted(content, old, Parties(sites))
        if new == old:
            return False
        require_rest(vault, session, tenants, found.name, new, instead_of=stored.id)
        revisions.amend(vault, session, found, lambda one: new, actor=OPERATOR, sides=tuple(Side))
        told: revisions.Detail = {"fields": len(new.fields), "from": "file"}
        deed = Deed(OPERATOR, Action.PROFILE_RULED, f"profile:{stored.id}", told)
        record_for_both(record, session, *tenants, deed)
    return True


def create(
    vault: Vault,
    record: Recorder,
    caller: Caller,
    connection: uuid.UUID,
    *,
    name: str,
    profile: Profile,
    check: Callable[[Scope, Side], None],
) -> uuid.UUID:
    """A new profile of a whole mapping whose left side is the caller's. `check` asks the site of a
    side about its scope. Raises Problem, NotFound."""
    for side in Side:
        check(profile.scope(side), side)
    if profile.restricted:
        raise _refused(
            "restricted",
            _(
                "which side lets issues with a security level cross is said by each side once "
                "there is the profile. Leave it out."
            ),
        )
    document = dump_profile(profile)
    return profiles.create(
        vault,
        record,
        caller,
        connection_id=connection,
        name=name,
        left=profile.left,
        right=profile.right,
        parts={key: json.dumps(document[key]) for key in profiles.PARTS & document.keys()},
    )


def between(content: Content, sites: Mapping[Side, str]) -> Profile:
    """The mapping of a file for a new profile between these sites, with its left side the left
    one's. Raises Problem where the file names others."""
    content = _turned(content, sites)
    _require_sites(content, sites)
    return content.profile


def _turned(content: Content, sites: Mapping[Side, str]) -> Content:
    """The content with its sides as the sites have them: a file of the partner's own profile, or
    of one that was made from there, has them the other way round."""
    named = content.sites
    others = {side: sites[side.other] for side in Side}
    if sites == others or not named or any(named[side] != others[side] for side in named):
        return content
    return Content(
        mirrored(content.profile),
        content.name,
        content.search_seconds,
        {side.other: host for side, host in named.items()},
        frozenset(side.other for side in content.filters),
    )


def _require_sites(content: Content, sites: Mapping[Side, str]) -> None:
    for side, host in content.sites.items():
        if host != sites[side]:
            raise _refused(
                f"{side.value}.site",
                _(
                    "the file is for another site than this profile has there. Take the file of "
                    "this profile, or leave site out if the ids are right."
                ),
            )


def _allowed(profile: Profile, side: Side) -> set[str]:
    internal = {one.kind.value for one in profile.items if side in one.internal}
    return internal | ({"restricted"} if side in profile.restricted else set())


def _refused(where: str, sentence: str) -> Problem:
    return Problem(together([f"{where}:", sentence]), code="invalid-file", field="file")
