"""The panel in Jira's issue view: the twins of an issue, how each stands, and who wrote what last.

Whoever sees the issue in Jira sees that it has a twin, where, and whether it is in step. The rest
is for people who may see the profile.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Blueprint, Response, jsonify, render_template, request

from app.activity import log as activity_log
from app.database import TenantId, tenant_transaction
from app.errors import Forbidden, Problem
from app.language import gettext as _
from app.mapping import profiles
from app.mapping.profile import Profile, Side
from app.screens import issue_words as words
from app.screens.deep_links import link
from app.screens.desk import Desk
from app.screens.field_names import FieldNames
from app.screens.headers import bridge_url
from app.screens.pages import wants_json
from app.screens.waits import say_sites
from app.screens.words import ago, is_bare
from app.sync import issue_pairs
from app.sync.issue_pairs import IssuePair, Step
from app.sync.why import FieldWhy, Why, why
from app.tenants.caller import Caller, Permission, Proof, accepts, current_caller
from app.tenants.gate import current_standing, standing_if_any
from app.tenants.roles import Standing
from app.vault.vault import Vault

Named = Mapping[str, str]

ENTRIES = 10
TOLD_FOR = timedelta(days=14)
"""How far back the panel looks for why a field was left alone; details go by then."""

# While these, what is shown changes within seconds.
MOVING = frozenset({Step.PENDING})
# Which the panel cannot hurry.
STANDING_STILL = frozenset({Step.PROPOSED, Step.PAUSED, Step.ENDED})


class IssuePanel:
    """What the panel shows, and "sync now"."""

    def __init__(
        self,
        vault: Vault,
        ring: Callable[[uuid.UUID, int], None],
        desk: Desk,
        names: FieldNames,
        home: str,
    ) -> None:
        """`home`: the path of Tandem's page in Jira."""
        self._vault, self._ring, self._desk, self._home = vault, ring, desk, home
        self._names = names

    def shown(
        self, caller: Caller, standing: Standing | None, *, ask: bool = True
    ) -> dict[str, Any]:
        """The pairs of the caller's issue, as far as he may see them. Raises Problem. `ask`:
        whether the sites may be asked for the names of fields."""
        pairs = self._pairs(caller)
        # Whoever may not see the profile is told of twins that are there, and of nothing else.
        seen = [one for one in pairs if one.twin_key or _may(standing, Permission.SEE, one)]
        sites = {one: self._site(one) for one in {caller.tenant, *(p.partner for p in seen)}}
        asked = _Asked(caller.tenant, standing, ask, sites)
        told = [self._pair(one, asked) for one in seen]
        hurried = [one for one in pairs if _may(standing, Permission.MAP, one)]
        return {
            "pairs": told,
            "banners": self._banners(seen, asked),
            "unnamed": any(one["detail"] and one["detail"]["unnamed"] for one in told),
            "moving": any(one.step in MOVING for one in seen),
            "has_role": standing is not None,
            "may_sync": any(one.step not in STANDING_STILL for one in hurried),
            "home": sites[caller.tenant].shown + self._home,
            "bridge": bridge_url(sites[caller.tenant].base),
        }

    def _site(self, tenant: TenantId) -> _Site:
        addresses = self._desk.addresses(tenant)
        return _Site(addresses[0], addresses[-1])

    @staticmethod
    def _banners(seen: list[IssuePair], asked: _Asked) -> list[str]:
        """Why work waits for a site as a whole, where a change of a pair waits."""
        waiting = [
            one.partner
            for one in seen
            if one.step is Step.WAITING and _may(asked.standing, Permission.SEE, one)
        ]
        names = {one: asked.sites[one].name for one in dict.fromkeys([asked.tenant, *waiting])}
        return say_sites(names) if waiting else []

    def sync(self, caller: Caller, standing: Standing) -> int:
        """Have the pairs of the caller's issue looked at now; says how many. Raises Problem where
        there is none that he may hurry."""
        pairs = self._pairs(caller)
        reached = [one for one in pairs if standing.covers(Permission.MAP, one.own_project)]
        if pairs and not reached:
            raise Forbidden(_("You may sync issues of the projects that you administer."))
        wanted = [one for one in reached if one.step not in STANDING_STILL]
        if not wanted:
            raise Problem(
                _("There is nothing to sync now: no profile that is on has this issue."),
                status=409,
                code="nothing-to-sync",
            )
        issue_pairs.mark(caller.tenant, wanted)
        for one in wanted:
            self._ring(one.profile_id, one.lane)
        return len(wanted)

    @staticmethod
    def _pairs(caller: Caller) -> list[IssuePair]:
        if caller.issue is None:
            raise Problem(
                _("This panel is shown in an issue. Open it from Jira's issue view."),
                code="no-issue",
            )
        with tenant_transaction(caller.tenant) as session:
            return issue_pairs.pairs_of(session, caller.tenant, caller.issue)

    def _pair(self, pair: IssuePair, asked: _Asked) -> dict[str, Any]:
        site, known = asked.sites[pair.partner], pair.twin_key
        shown: dict[str, Any] = {
            "id": pair.profile_id,
            "site": site.name,
            "twin": known,
            "url": f"{site.shown}/browse/{known}" if known else None,
            "in_step": pair.step is Step.IN_STEP,
            "detail": None,
        }
        if _may(asked.standing, Permission.SEE, pair):
            shown["detail"] = self._detail(pair, asked)
        return shown

    def _detail(self, pair: IssuePair, asked: _Asked) -> dict[str, Any]:
        tenant, ask = asked.tenant, asked.ask
        stored = profiles.load(self._vault, pair.profile_id)
        site = asked.sites[pair.partner].name
        sites = {pair.side: asked.sites[tenant].name, pair.side.other: site}
        with tenant_transaction(tenant) as session:
            link = issue_pairs.link_of(session, pair)
            found = why(session, self._vault, stored, link, sites)
            keys = {found.left_key, found.right_key} - {None}
            entries = self._entries(session, pair, found) if keys else []
        keys_of = {Side.LEFT: found.left_key, Side.RIGHT: found.right_key}
        at = _Place(
            pair,
            stored.profile,
            {side: keys_of[side] or sites[side] for side in Side},
            self._named(tenant, pair, ask),
        )
        fields = [_field(one, at, entries) for one in found.fields]
        return {
            "profile": pair.profile,
            "revision": found.revision,
            "step": pair.step.value,
            "step_words": _(words.STEPS[pair.step]),
            "sentence": words.say_step(pair, site),
            "synced": ago(pair.synced_at),
            "synced_at": pair.synced_at,
            "now": [words.say_reason(one, at.issues) for one in found.now],
            "unnamed": not ask and any(field["unnamed"] for field in fields),
            "fields": fields,
            "troubled": [one for one in fields if one["now"] or one["alone"]],
            "items": [
                {
                    "kind": kind,
                    "count": count,
                    "now": [words.say_reason(one, at.issues) for one in now],
                }
                for kind, count, now in words.say_items(found.items)
            ],
        }

    def _entries(self, session: Any, pair: IssuePair, found: Why) -> list[activity_log.Entry]:
        """The latest of the pair's activity."""
        wanted = activity_log.Wanted(
            key=found.left_key or found.right_key, since=datetime.now(UTC) - TOLD_FOR
        )
        page = activity_log.page(
            session, self._vault, {pair.profile_id}, wanted, before=None, limit=ENTRIES
        )
        both = (found.left_key, found.right_key)
        return [one for one in page if (one.left_key, one.right_key) == both]

    def _named(self, tenant: TenantId, pair: IssuePair, ask: bool) -> dict[Side, Named | None]:
        """What the fields of both sides are called; None where that is not known yet."""
        look = self._names.read if ask else self._names.kept
        return {
            pair.side: look(tenant, pair.own_project),
            pair.side.other: look(pair.partner, pair.twins_project),
        }


@dataclass(frozen=True)
class _Site:
    """A site's address, and the one that people see."""

    base: str
    shown: str

    @property
    def name(self) -> str:
        """Its host, which is what its people call it."""
        return self.base.split("://", 1)[1]


@dataclass(frozen=True)
class _Asked:
    """Who looks at an issue, and the sites that it is of. `ask`: see IssuePanel.shown."""

    tenant: TenantId
    standing: Standing | None
    ask: bool
    sites: Mapping[TenantId, _Site]


@dataclass(frozen=True)
class _Place:
    """Where a field is told of: `issues` by their keys, `names` of the fields of both sides."""

    pair: IssuePair
    profile: Profile
    issues: Mapping[Side, str]
    names: Mapping[Side, Named | None]

    def called(self, field: str, side: Side) -> str:
        """A field of a side as people say it."""
        return words.field_name(field, self.names[side] or {})


def _field(field: FieldWhy, at: _Place, entries: list[activity_log.Entry]) -> dict[str, Any]:
    side, twin = at.pair.side, at.issues[at.pair.side.other]
    ids = {Side.LEFT: field.left, Side.RIGHT: field.right}
    name, twin_name = (at.called(ids[one], one) for one in (side, side.other))
    alone = words.left_alone(field, entries)
    return {
        "key": field.key,
        "name": name,
        "twin_name": twin_name if twin_name != name else None,
        "unnamed": any(at.names[one] is None and is_bare(ids[one]) for one in Side),
        "mapped": field.mapped,
        "flow": words.say_flow(field.key, at.profile, side, twin),
        "last": words.say_write(field.last, side, twin),
        "when": words.say_when(field.last),
        "now": [words.say_reason(one, at.issues) for one in field.now],
        "alone": alone and {"sentence": words.say_sides(alone[0], at.issues), "ago": alone[1]},
    }


def _may(standing: Standing | None, permission: Permission, pair: IssuePair) -> bool:
    return standing is not None and standing.covers(permission, pair.own_project)


def issue_blueprint(panel: IssuePanel) -> Blueprint:
    """The views of the panel, part of the pages."""
    blueprint = Blueprint("issue", __name__)

    @blueprint.get("/issue")
    @accepts(Proof.PAGE, Permission.GLANCE)
    def issue() -> str:
        shown = panel.shown(current_caller(), standing_if_any(), ask=False)
        return render_template("issue_panel.html", deep_link=link, **shown)

    @blueprint.get("/issue/part")
    @accepts(Proof.CONTEXT, Permission.GLANCE)
    def part() -> Response | str:
        shown = panel.shown(current_caller(), standing_if_any())
        return _answer(shown | {"asked": request.args.get("asked") == "yes"})

    @blueprint.post("/issue/sync")
    @accepts(Proof.CONTEXT, Permission.MAP)
    def sync() -> Response | str:
        caller, standing = current_caller(), current_standing()
        panel.sync(caller, standing)
        return _answer(panel.shown(caller, standing) | {"asked": True})

    return blueprint


def _answer(shown: Mapping[str, Any]) -> Response | str:
    if wants_json():
        return jsonify(shown)
    return render_template("parts/issue.html", deep_link=link, **shown)
