"""`tandem runs`: the loads, applies and undos, with what they wrote."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from app.cli.common import settings_or_end
from app.cli.found import read_as_owner
from app.settings import Settings

if TYPE_CHECKING:
    from app.sync.undo_plan import Target

_RUNS = """
    SELECT r.id, r.kind, r.state, r.begun_by, r.begun_at, r.ended_at, p.id AS profile_id,
        p.name AS profile,
        count(*) FILTER (WHERE NOT w.created) AS fields,
        count(DISTINCT (w.side, w.issue_id)) FILTER (WHERE w.created) AS created,
        count(DISTINCT (w.side, w.issue_id)) AS issues,
        (SELECT count(*) FROM item_written i WHERE i.run_id = r.id) AS items
    FROM run r JOIN profile p ON p.id = r.profile_id LEFT JOIN written w ON w.run_id = r.id
    WHERE CAST(:wanted AS text) IS NULL
        OR CAST(:wanted AS text) IN (CAST(p.id AS text), p.name)
    GROUP BY r.id, p.id ORDER BY r.begun_at DESC LIMIT 200
"""


@click.command()
@click.argument("profile", metavar="[PROFILE]", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def runs(profile: str | None, as_json: bool) -> None:
    """List the newest runs (of PROFILE, its id or its name): loads, applies and undos.

    Counts what each wrote in the last 90 days, which is what can be undone. Reads as the owner of
    the tables, past the walls between tenants.
    """
    rows = list_runs(settings_or_end(), profile)
    if as_json:
        click.echo(json.dumps(rows))
        return
    for row in rows:
        click.echo(
            f"{row['id']}  {row['kind']:<5}  {row['state']:<7}  {row['begun_at'][:16]}  "
            f"{row['profile']}: {row['fields']} fields written, {row['created']} issues created, "
            f"{row['items']} items"
        )
    if not rows:
        click.echo("There is no run yet.")


def list_runs(settings: Settings, profile: str | None) -> list[dict[str, Any]]:
    """The newest runs, newest first."""
    return [
        {
            name: value.isoformat() if name.endswith("_at") and value else _plain(value)
            for name, value in row.items()
        }
        for row in read_as_owner(settings, _RUNS, wanted=profile)
    ]


def find_run(settings: Settings, wanted: str) -> Target:
    """The run of this id, as what an undo is of. Raises NotFound."""
    from app.errors import NotFound
    from app.sync.undo_plan import Target

    query = "SELECT id, profile_id FROM run WHERE CAST(id AS text) = lower(:wanted)"
    for row in read_as_owner(settings, query, wanted=wanted):
        return Target(row["profile_id"], run_id=row["id"])
    raise NotFound("RUN: there is no run of this id. `tandem runs` has them.")


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, int) else str(value)
