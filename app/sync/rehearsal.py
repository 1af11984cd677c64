"""What a profile that is not in force yet would do: to issues of one's choice, and to its pairs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from app.errors import NotFound, Problem
from app.jira.site import SiteOpener
from app.language import gettext as _
from app.mapping.profile import Side
from app.mapping.profiles import StoredProfile
from app.sync.lanes import LANES
from app.sync.offering import reader_of
from app.sync.planning import Planner
from app.sync.planning_read import Reader
from app.sync.planning_summary import EXAMPLES, Estimate, Group, Summary, is_told
from app.sync.planning_types import IssuePlan, Step
from app.vault.vault import Vault

PATIENCE = 15.0  # seconds: somebody waits for it
LATEST = 3
"""Issues that are looked at where nobody chose any."""
MOST_KEYS = 10
MOST_COUNTED = 1000  # issues that an estimate is made of, and then scaled
MOST_PAIRS = 200
"""Pairs that are planned while somebody waits; of more the first ones are."""
_KEY = re.compile(r"[A-Z][A-Z0-9_]*-[1-9][0-9]*\Z")


@dataclass(frozen=True)
class Effects:
    """What the mapping would do to the pairs that are there. `looked_at`: so many were planned;
    `more`: whether there are others; `changed`: so many would be written; `examples`: some."""

    looked_at: int
    more: bool
    changed: int
    fields: dict[Side, int]
    examples: tuple[IssuePlan, ...]
    blocked: tuple[Group, ...]


@dataclass(frozen=True)
class FirstLoad:
    """About how many issues of each side have no twin yet, and what giving them one takes."""

    issues: dict[Side, int]
    calls: int
    minutes: float


def keys_of(words: str) -> list[str]:
    """The issue keys in what somebody typed, each once. Raises Problem."""
    found = list(dict.fromkeys(one.upper() for one in re.split(r"[\s,;]+", words) if one))
    wrong = [one for one in found if not _KEY.match(one)]
    if wrong:
        raise Problem(
            "issues: "
            + _(
                "%(key)s is no issue key. Give keys such as WEB-12, with commas between.",
                key=wrong[0],
            ),
            code="invalid-field",
            field="issues",
        )
    if len(found) > MOST_KEYS:
        raise Problem(
            "issues: "
            + _(
                "%(count)s keys are too many. Give at most %(most)s.",
                count=len(found),
                most=MOST_KEYS,
            ),
            code="invalid-field",
            field="issues",
        )
    return found


def try_issues(
    vault: Vault, open_site: SiteOpener, profile: StoredProfile, side: Side, keys: Sequence[str]
) -> list[IssuePlan]:
    """The plans of these issues of a side, or of the latest of its scope. Nothing is written.

    Raises Problem (NotFound for a key that is not there), SiteError.
    """
    reader = reader_of(open_site, profile)
    ids = _chosen(reader, side, keys) if keys else _latest(reader, profile, side)
    return Planner(vault, open_site, patience=PATIENCE).issues(profile, side, ids) if ids else []


def effects(vault: Vault, open_site: SiteOpener, profile: StoredProfile) -> Effects:
    """What a new mapping would do to the first MOST_PAIRS pairs of a profile. Nothing is written.

    Raises Problem where a site is busy, SiteError.
    """
    planner = Planner(vault, open_site, patience=PATIENCE)
    plans = list(islice(planner.pairs(profile), MOST_PAIRS + 1))
    looked_at = plans[:MOST_PAIRS]
    summary = Summary()
    for plan in looked_at:
        summary.add(plan)
    changed = [plan for plan in looked_at if plan.applies and is_told(plan)]
    return Effects(
        looked_at=len(looked_at),
        more=len(plans) > MOST_PAIRS,
        changed=len(changed),
        fields={side: summary.fields[side] for side in Side},
        examples=tuple(changed[:EXAMPLES]),
        blocked=tuple(summary.by_count("blocked")),
    )


def first_load(open_site: SiteOpener, profile: StoredProfile, *, hands: int) -> FirstLoad:
    """About how many issues are in a profile's scopes, and what a load of all of them takes.

    `hands`: lanes that workers take at once. Jira's count is approximate. Two calls. Raises
    Problem, SiteError.
    """
    reader = reader_of(open_site, profile)
    issues = {s: reader.count(s, profile.profile.scope(s).jql()) for s in Side}
    estimate = _estimate(sum(issues.values()), hands)
    return FirstLoad(issues, estimate.all_calls, estimate.minutes)


def _estimate(issues: int, hands: int) -> Estimate:
    """What creating so many twins takes: as a plan counts it."""
    summary = Summary()
    for number in range(min(issues, MOST_COUNTED)):
        summary.add(IssuePlan(Step.CREATE, Side.LEFT, None, None, number % LANES))
    made = summary.estimate(seconds_a_call=None, hands=hands)
    scale = issues / MOST_COUNTED if issues > MOST_COUNTED else 1
    calls = {side: round(number * scale) for side, number in made.calls.items()}
    return Estimate(calls, made.points, made.minutes * scale, made.how)


def _latest(reader: Reader, profile: StoredProfile, side: Side) -> list[int]:
    """The issues of a side's scope that changed last."""
    jql = f"{profile.profile.scope(side).jql()} ORDER BY updated DESC"
    page = reader.call(side, 1 + LATEST, lambda site: site.search(jql, [], size=LATEST))
    return [issue.id for issue in page.issues]


def _chosen(reader: Reader, side: Side, keys: Sequence[str]) -> list[int]:
    """The ids of the issues of these keys. Raises NotFound."""
    found = {issue.key: issue.id for issue in reader.fetch(side, keys, []).values()}
    missing = [key for key in keys if key not in found]
    if missing:
        raise NotFound(
            "issues: "
            + _(
                "there is no issue %(key)s in your Jira, or Tandem may not see it. Correct the "
                "key.",
                key=missing[0],
            )
        )
    return [found[key] for key in keys]
