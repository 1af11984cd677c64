"""What somebody is shown who would replace a change that waits for its approval."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from flask import Response, json, make_response, render_template, request

from app.errors import problem_response
from app.language import gettext as _
from app.mapping.difference import differences
from app.mapping.naming import Names
from app.mapping.profile import Profile, Side
from app.mapping.told import Difference
from app.mapping.too_late import ProposalWaits
from app.screens.pages import wants_json


def form_over() -> int | None:
    """The number of the proposal that the form would replace, as it was shown; None for none."""
    written = request.form.get("over", "")
    known = written.isascii() and written.isdigit() and len(written) < 9
    return int(written) if known else None


def ask(
    problem: ProposalWaits,
    place: str,
    *,
    side: Side,
    names: Names | None,
    partner: str,
    again: Mapping[str, Any],
) -> Response:
    """The question whether to replace or to keep it, with what differs. `place`: the id of the
    element that shows it; `side`: the asked person's own; `again`: how the page asks once more."""

    def told(old: Profile, new: Profile) -> list[Difference]:
        theirs = f"{side.other.value}.filter"  # whose text is for the people of its own side
        found = differences(old, new, names) if names else differences(old, new)
        return [replace(one, old=None, new=None) if one.where == theirs else one for one in found]

    waiting = told(problem.in_force, problem.proposed)
    wanted = told(problem.proposed, problem.wanted)
    if wants_json():
        return _as_json(problem, waiting, wanted)
    if problem.waits.awaits is side:
        said = _("A change that %(partner)s proposed waits for your approval.", partner=partner)
    else:
        said = _("A change waits for the approval of %(partner)s.", partner=partner)
    shown = {"said": said, "waiting": waiting, "wanted": wanted, "over": problem.waits.number}
    part = render_template("parts/proposal_waits.html", place=place, again=again, **shown)
    response = make_response(part)
    response.headers["HX-Retarget"] = f"#{place}"
    response.headers["HX-Reswap"] = "innerHTML"
    return response


def _as_json(
    problem: ProposalWaits, waiting: list[Difference], wanted: list[Difference]
) -> Response:
    response = problem_response(problem)
    told = {
        "over": problem.waits.number,
        "waiting": [one.sentence for one in waiting],
        "wanted": [one.sentence for one in wanted],
    }
    response.set_data(json.dumps(json.loads(response.get_data()) | told))
    return response
