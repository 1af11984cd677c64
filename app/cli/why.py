"""`tandem why ISSUE`: who wrote each field of an issue last through Tandem, when, and by what; and
which comments, files, worklogs and links are twins of which."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from app.cli.common import settings_or_end
from app.cli.found import find_profile, read_as_owner
from app.cli.why_items import exact as _exact
from app.cli.why_items import iso as _iso
from app.cli.why_items import item_lines, items_json
from app.errors import NotFound, Problem
from app.settings import Settings

if TYPE_CHECKING:
    from app.sync.standing import Standing
    from app.sync.why import FieldWhy, LastWrite, Why

# Bare of the scheme, a site is what its people call it.
_PAIRS = """
    SELECT k.id, k.profile_id, p.left_tenant_id, l.base_url AS left, r.base_url AS right,
        f.side, CASE f.side WHEN 'left' THEN l.base_url ELSE r.base_url END AS site
    FROM issue_link k
    JOIN profile p ON p.id = k.profile_id
    JOIN installation l ON l.id = p.left_tenant_id
    JOIN installation r ON r.id = p.right_tenant_id
    CROSS JOIN LATERAL (VALUES
        ('left', k.left_key, k.left_issue_id, l.base_url),
        ('right', k.right_key, k.right_issue_id, r.base_url)) AS f (side, key, issue_id, site)
    WHERE (f.key = upper(:issue) OR CAST(f.issue_id AS text) = :issue)
      AND (CAST(:profile AS uuid) IS NULL OR k.profile_id = :profile)
      AND (CAST(:site AS text) IS NULL
           OR lower(:site) IN (lower(f.site), regexp_replace(lower(f.site), '^https?://', '')))
    ORDER BY k.created_at, k.id
"""


@click.command()
@click.argument("issue", metavar="ISSUE")
@click.option("--site", metavar="SITE", help="The site that ISSUE is of: its address or host.")
@click.option("--profile", metavar="PROFILE", help="Only the pair of this profile (id or name).")
@click.option("--items", "all_items", is_flag=True, help="Tell each comment, file, worklog, link.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with all items.")
def why(
    issue: str, site: str | None, profile: str | None, *, all_items: bool, as_json: bool
) -> None:
    """Tell for each pair of ISSUE (its key or its id) which side wrote each field last.

    Through Tandem, that is: with the time, the revision of the profile, and how; and what is
    parked, in conflict or left alone now. The same of comments, files, worklogs and links: one by
    one where they are few. No value of the issue is stored for it. Ends with 0 where the issue is
    paired, otherwise with 1.
    """
    settings = settings_or_end()
    try:
        rows = _find(settings, issue.strip(), site, profile)
    except NotFound as problem:
        click.echo(problem.detail, err=True)
        raise SystemExit(1) from None
    told = list(_opened(settings, rows))
    if as_json:
        click.echo(json.dumps([_as_json(row, one) for row, one in told]))
    else:
        click.echo("\n\n".join("\n".join(_lines(row, one, all_items)) for row, one in told))


def _find(
    settings: Settings, issue: str, site: str | None, profile: str | None
) -> list[dict[str, Any]]:
    """The pairs of an issue. Raises NotFound, and Problem where sites share its key or id."""
    asked = {
        "issue": issue,
        "site": site.rstrip("/") if site else None,
        "profile": find_profile(settings, profile) if profile else None,
    }
    rows = read_as_owner(settings, _PAIRS, **asked)
    if not rows:
        where = f" of {site}" if site else ""
        within = f" in the profile {profile}" if profile else ""
        raise NotFound(
            f"ISSUE: no pair has {issue}{where}{within}. Give the key or the id that it has now; "
            "an issue that was never carried has no pair."
        )
    sites = sorted({_host(row["site"]) for row in rows})
    if len(sites) > 1:
        raise Problem(f"ISSUE: {issue} is on several sites. Choose with --site: {', '.join(sites)}")
    return rows


def _host(url: str) -> str:
    return url.split("://", 1)[-1]


def _opened(settings: Settings, rows: list[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], Why]]:
    """Each pair as it is now; one that went away meanwhile is left out."""
    from app import create_app
    from app.database import tenant_transaction
    from app.mapping import profiles
    from app.mapping.profile import Side
    from app.sync.models import IssueLink
    from app.sync.why import why as why_of

    app = create_app(settings, pool_size=2, endpoints=False)
    with app.app_context():
        vault = app.extensions["tandem"].vault
        for row in rows:
            stored = profiles.load(vault, row["profile_id"])
            sites = {side: _host(row[side.value]) for side in Side}
            with tenant_transaction(stored.left_tenant) as session:
                link = session.get(IssueLink, row["id"])
                if link is not None:
                    yield row, why_of(session, vault, stored, link, sites)


def _as_json(row: dict[str, Any], one: Why) -> dict[str, Any]:
    return {
        "profile": {
            "id": str(one.profile_id),
            "name": one.profile,
            "state": one.state,
            "revision": one.revision,
        },
        "asked": row["side"],
        "left": {"site": row["left"], "key": one.left_key, "id": one.left_id},
        "right": {"site": row["right"], "key": one.right_key, "id": one.right_id},
        "paired_at": _exact(one.paired_at),
        "in_step_at": _exact(one.in_step_at),
        "stands_still": _still(row, one),
        "now": [_standing_json(each) for each in one.now],
        "fields": [
            {
                "field": each.key,
                "left": each.left,
                "right": each.right,
                "mapped": each.mapped,
                "last": _write_json(each.last) if each.last else None,
                "writes": [_write_json(write) for write in each.writes],
                "now": [_standing_json(standing) for standing in each.now],
            }
            for each in one.fields
        ],
        "items": items_json(one.items, _standing_json),
    }


def _write_json(one: LastWrite) -> dict[str, Any]:
    return {
        "side": one.side.value,
        "source": one.source.value if one.source else None,
        "at": _exact(one.at),
        "revision": one.revision,
        "present": one.present,
        "how": one.how.value,
        "made": one.made,
        "run": str(one.run_id) if one.run_id else None,
    }


def _standing_json(one: Standing) -> dict[str, Any]:
    return {
        "state": one.state.value,
        "sentence": one.sentence,
        "cure": one.cure,
        "said": one.said,
        "since": _exact(one.since),
    }


def _lines(row: dict[str, Any], one: Why, all_items: bool) -> Iterator[str]:
    left, right = one.left_key or "no issue yet", one.right_key or "no issue yet"
    yield (
        f"{left} at {_host(row['left'])} (left) and {right} at {_host(row['right'])} (right): "
        f"{one.profile}, revision {one.revision}"
    )
    still = _still(row, one)
    last = "last looked at" if still else "last in step"
    yield f"  paired since {_iso(one.paired_at)}, {last} {_iso(one.in_step_at) or 'never'}"
    if still:
        yield f"  STANDS STILL: {still}"
    yield from _standing_lines(one.now, "  ")
    for each in one.fields:
        yield f"  {_field(each):<14} {_said(each.last) if each.last else 'never written by Tandem'}"
        yield from _standing_lines(each.now, " " * 17)
    yield from item_lines(one.items, _standing_lines, all_of_them=all_items)


def _still(row: dict[str, Any], one: Why) -> str | None:
    """Why nothing crosses between the two at all, and until when; None where it does."""
    if one.gone is not None:
        return (
            f"The issue at {_host(row[one.gone.value])} was deleted; the other one stays as it is."
        )
    if one.outside is None:
        return None
    where = (
        "Both issues are" if one.outside == "both" else f"The issue at {_host(row[one.outside])} is"
    )
    return (
        f"{where} outside the profile's filter, or held back by a security level. Nothing crosses "
        "until that ends; then what changed meanwhile does."
    )


def _field(one: FieldWhy) -> str:
    name = one.left if one.left == one.right else f"{one.left}/{one.right}"
    return name if one.mapped else f"{name} (no longer mapped)"


def _said(one: LastWrite) -> str:
    to = f"the {one.side.value} side"
    words = {
        "change": f"the {one.source} side's value, written on {to}",
        "load": f"the {one.source} side's value, written on {to} by a load",
        "apply": f"the {one.source} side's value, written on {to} by an apply",
        "conflict": f"the {one.source} side's value, written on {to}: it won a conflict",
        "put-back": f"an edit of {to}, put back there after a write had replaced it",
        "undo": f"an earlier value, put back on {to} by an undo",
    }[one.how.value]
    made = ", when the issue was made" if one.made else ""
    present = "the present one" if one.present else "not the present one"
    run = f", run {one.run_id}" if one.run_id else ""
    return f"{_iso(one.at)}  {words}{made}; revision {one.revision} ({present}){run}"


def _standing_lines(found: tuple[Standing, ...], indent: str) -> Iterator[str]:
    for one in found:
        yield f"{indent}{one.state.value.upper()} since {_iso(one.since)}: {one.sentence}"
        if one.said:
            yield f"{indent}The site says: {one.said}"
        if one.cure:
            yield f"{indent}What to do: {one.cure}"
