"""What both sites call the things of a profile, for sentences about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from app.errors import Problem
from app.jira.site import JiraSite
from app.mapping.naming import SYSTEM_FIELDS, field_name
from app.mapping.profile import Profile, Scope, Side
from app.mapping.sentences import Names


def names_of(
    profile: Profile, hosts: Mapping[Side, str], open_site: Callable[[Side], JiraSite]
) -> Names:
    """What both sites call the things of a profile; three calls each. A site that does not answer
    is told by ids: whoever wants to decide must not wait for it."""
    found = {side: _names(profile.scope(side), open_site, side) for side in Side}
    # What every Jira has is called there as here, as long as only one of the two has told it.
    usual = {name: field_name(name) for name in SYSTEM_FIELDS}
    told = {side: one[2] or found[side.other][2] for side, one in found.items()}
    system = {side: {n: one[n] for n in usual if n in one} for side, one in told.items()}
    return Names(
        sites=hosts,
        projects={side: one[0] for side, one in found.items()},
        types={side: one[1] for side, one in found.items()},
        fields={side: usual | system[side] | found[side][2] for side in Side},
    )


def _names(
    scope: Scope, open_site: Callable[[Side], JiraSite], side: Side
) -> tuple[str, str, dict[str, str]]:
    project, kind = int(scope.project_id), int(scope.issue_type_id)
    try:
        site = open_site(side)
        projects = {one.id: one.name for one in site.projects()}
        types = {one.id: one.name for one in site.issue_types(project)}
        fields = {name: rule.name for name, rule in site.all_fields(project).items()}
    except Problem:
        return str(project), str(kind), {}
    return projects.get(project, str(project)), types.get(kind, str(kind)), fields
