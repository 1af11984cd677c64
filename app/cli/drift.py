"""`tandem profile drift` and `repair`: what a mapping names and a site has not, and the cure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from app.cli.common import settings_or_end
from app.cli.found import opened_profile
from app.errors import Problem

if TYPE_CHECKING:
    from app import Tandem
    from app.mapping.profiles import StoredProfile
    from app.sync.drift_model import Finding
    from app.sync.drift_store import Drift


@click.command()
@click.argument("profile", metavar="PROFILE")
@click.option("--look", is_flag=True, help="Ask both sites now, rather than tell the last look.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def drift(profile: str, *, look: bool, as_json: bool) -> None:
    """List what PROFILE (its id or its name) names and its sites have no more: fields, values,
    statuses, people, the project or the type, each with the repairs that are offered.

    Ends with 0 where nothing is gone, otherwise, or where a site does not answer, with 1.
    """
    from app.sync.drift_watch import Watch

    with opened_profile(settings_or_end(), profile) as (tandem, stored):
        watch = Watch(tandem.vault, tandem.open_site)
        found = _looked(watch, stored) if look else watch.read(stored)
        if as_json:
            click.echo(json.dumps(_as_json(tandem, stored, found)))
        else:
            for line in _lines(tandem, stored, found):
                click.echo(line)
    raise SystemExit(1 if found.findings or found.looked_at is None else 0)


@click.command()
@click.argument("profile", metavar="PROFILE")
@click.argument("finding", metavar="FINDING")
@click.option("--choice", metavar="REPAIR", help="The repair, as `tandem profile drift` names it.")
@click.option("--to", default="", metavar="ID", help="What is put in its place, where that asks.")
def repair(profile: str, finding: str, *, choice: str | None, to: str) -> None:
    """Mend what FINDING names in the mapping of PROFILE (its id or its name): a new revision.

    Without --choice the first repair that is offered, which is the likeliest.
    """
    from app.mapping import profiles, repair_save
    from app.mapping.repair import repaired
    from app.mapping.repair_save import Mend
    from app.sync.drift_repairs import chosen_of
    from app.sync.drift_save import check_on_save
    from app.sync.drift_watch import Watch

    with opened_profile(settings_or_end(), profile) as (tandem, stored):
        watch = Watch(tandem.vault, tandem.open_site)
        known = watch.read(stored)
        one = next((one for one in known.findings if one.id == finding), None)
        if one is None:
            raise Problem(
                f"FINDING: {finding} is not listed. `tandem profile drift PROFILE` has those that "
                "are."
            )
        first = one.repairs[0].choice if one.repairs else ""
        way, id_ = chosen_of(one.repairs, choice or first, to)
        chosen = Mend(one.target, way, id_)
        new = repaired(stored.profile, chosen.target, chosen.way, chosen.to)
        check_on_save(tandem.open_site, stored, new, known)
        saved = repair_save.save_as_operator(tandem.vault, tandem.record, stored, chosen)
        left = _looked(watch, profiles.load(tandem.vault, stored.id))
    click.echo(f"Mended, as revision {saved.number}. {_count(left)}")


def _looked(watch: Any, stored: StoredProfile) -> Drift:
    """A look now. Ends where a site does not answer."""
    from app.jira.site import SiteError

    try:
        found: Drift = watch.look(stored)
    except Problem as problem:
        if isinstance(problem, SiteError) or problem.code == "site-busy":
            click.echo(problem.detail, err=True)
            raise SystemExit(1) from None
        raise
    return found


def _count(found: Drift) -> str:
    many = len(found.findings)
    if many == 0:
        return "Both sites have all that the mapping names."
    return f"{many} thing{'s are' if many > 1 else ' is'} gone or not as before."


def _lines(tandem: Tandem, stored: StoredProfile, found: Drift) -> list[str]:
    from app.sync.drift_words import cure, label, sentence

    if found.looked_at is None:
        return ["Nobody has looked yet. --look asks both sites now."]
    lines = [f"{_count(found)} Last looked at {found.looked_at.isoformat(timespec='seconds')}."]
    for one in found.findings:
        site = _site(tandem, stored, one)
        lines.append(f"{one.id}  {sentence(one, site)} Named at {', '.join(one.places[:3])}.")
        if rest := cure(one, site):
            lines.append(f"    {rest}")
        lines += [f"    --choice {each.choice}  {label(one, each)}" for each in one.repairs]
    return lines


def _site(tandem: Tandem, stored: StoredProfile, one: Finding) -> str:
    tenant = stored.tenants[one.target.side]
    return tandem.installations.of(tenant).base_url.split("://", 1)[1]


def _as_json(tandem: Tandem, stored: StoredProfile, found: Drift) -> dict[str, Any]:
    from app.sync.drift_words import sentence

    return {
        "profile": str(stored.id),
        "revision": stored.revision,
        "looked_at": found.looked_at.isoformat() if found.looked_at else None,
        "findings": [
            {
                "id": one.id,
                "side": one.target.side.value,
                "what": one.target.what.value,
                "thing": one.target.id,
                "how": one.how.value,
                "name": one.name,
                "places": one.places,
                "found_at": one.found_at,
                "sentence": sentence(one, _site(tandem, stored, one)),
                "repairs": [each.choice for each in one.repairs],
                "choices": [{"id": id_, "name": name} for id_, name in one.choices],
            }
            for one in found.findings
        ],
    }
