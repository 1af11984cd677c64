"""The last step of the editor: what the profile will do, in sentences and tried on real issues."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from flask import request

from app.errors import Problem
from app.jira.site import SiteOpener
from app.language import gettext as _
from app.mapping import approvals, drafts, filters, profiles
from app.mapping.drafts import Draft
from app.mapping.profile import Side
from app.mapping.profiles import StoredProfile
from app.mapping.renaming import Naming
from app.mapping.sentences import readable, sentences
from app.screens.editor import Editor, connection_of
from app.screens.editor_draft import (
    parts_of,
    problem_of,
    profile_of,
    profile_uuid,
    stored_of,
    told,
    wrong_with,
)
from app.screens.editor_faults import told_of
from app.screens.field_names import FieldNames
from app.screens.forms import require_scope
from app.screens.rehearsed import group_line, shown_plans, unseen
from app.screens.site_names import names_of
from app.screens.token_sides import givers
from app.sync import rehearsal
from app.sync.drift_save import check_new, check_on_save
from app.sync.drift_watch import Watch
from app.sync.drift_words import unasked
from app.sync.planning_types import IssuePlan
from app.tenants import pairing
from app.tenants.caller import Permission, current_caller
from app.tenants.deeds import Recorder
from app.tenants.gate import current_standing
from app.vault.vault import Vault

CHANGED = "changed-meanwhile"


class ReviewStep:
    """What the step shows and does. See `editor.Step`."""

    name = "review"

    def __init__(
        self, editor: Editor, vault: Vault, record: Recorder, open_site: SiteOpener, hands: int
    ) -> None:
        """`hands`: lanes that the workers take at once, for estimates."""
        self.editor = editor
        self._vault, self._record = vault, record
        self._open_site, self._hands = open_site, hands
        self._names = FieldNames(open_site)

    def shown(self, draft: Draft) -> Mapping[str, object]:
        """What is wrong with the draft; the rest is loaded by itself."""
        return {
            "wrong": wrong_with(draft),
            "partner_name": self._partner_name(draft),
            "by_token": self._token(draft),
        }

    def done(self, draft: Draft) -> bool:
        """Never: it is done by saving."""
        return False

    def sentences(self, draft: Draft) -> dict[str, Any]:
        """The profile in sentences, and what becomes readable where. Raises Problem."""
        stored = self._stored(draft)
        hosts = self.editor.desk.sites(stored)
        names = names_of(stored.profile, hosts, lambda side: self.editor.site(draft, side))
        own = draft.side
        return {
            "sentences": sentences(stored.profile, own, names),
            "leaves": readable(stored.profile, own, names),
            "comes": readable(stored.profile, own.other, names),
            "partner_name": hosts[own.other],
            "own_name": hosts[own],
        }

    def tried(self, draft: Draft, words: str) -> list[dict[str, Any]]:
        """What the draft would do to these issues of the own site, or to its latest ones."""
        keys = rehearsal.keys_of(words)
        stored = self._stored(draft)
        with told_of(self.editor, draft, stored.profile):
            plans = rehearsal.try_issues(self._vault, self._open_site, stored, draft.side, keys)
        return self._plans(draft, stored, plans)

    def _plans(
        self, draft: Draft, stored: StoredProfile, plans: Iterable[IssuePlan]
    ) -> list[dict[str, Any]]:
        """Plans as the page shows them, with sites and fields by their names."""
        sites, seen = self.editor.desk.sites(stored), told(self._vault, draft, stored.profile)
        names = self._names.of_profile(stored)
        return shown_plans(plans, stored.profile, draft.side, seen, sites, fields=names)

    def effects(self, draft: Draft) -> dict[str, Any]:
        """What the edit would do to the pairs that are there. Raises Problem."""
        profile_uuid(draft)
        stored = self._stored(draft)
        with told_of(self.editor, draft, stored.profile):
            found = rehearsal.effects(self._vault, self._open_site, stored)
        shown = told(self._vault, draft, stored.profile)
        sites = self.editor.desk.sites(stored)
        examples = self._plans(draft, stored, found.examples)
        hidden = unseen(stored.profile, draft.side, shown)
        blocked = [group_line(one, sites) for one in found.blocked if one.about not in hidden]
        return {"effects": found, "examples": examples, "blocked": blocked}

    def first_load(self, draft: Draft) -> rehearsal.FirstLoad:
        """How many issues a first load would look at, and what it takes. Raises Problem."""
        stored = self._stored(draft)
        with told_of(self.editor, draft, stored.profile):
            return rehearsal.first_load(self._open_site, stored, hands=self._hands)

    def finish(self, draft: Draft) -> str:
        """Save the draft as the profile that it is, drop it, and say what came of it. Raises
        Problem; then all is as it was."""
        wrong = wrong_with(draft)
        if wrong:
            raise problem_of(wrong)
        self._require_scopes(draft)
        sides = self._require_named(draft)
        said = self._create(draft) if draft.profile_id is None else self._save(draft)
        drafts.drop(current_caller(), draft.id)
        return " ".join([said, *unasked(sides, self._sites(draft))])

    def _create(self, draft: Draft) -> str:
        document = draft.document
        profile = profile_of(draft)
        parts = parts_of(document, profiles.PARTS)
        profiles.create(
            self._vault,
            self._record,
            current_caller(),
            connection_id=connection_of(draft),
            name=str(document["name"]),
            left=profile.left,
            right=profile.right,
            parts={key: json.dumps(value) for key, value in parts.items()},
        )
        if (mine := self._token(draft)) is not None:
            return self._awaits_giver(draft, mine=mine)
        return _(
            "The profile is made. It begins once %(partner)s approves it in its own Jira; then its "
            "page offers to load the issues that are there already.",
            partner=self._partner_name(draft),
        )

    def _save(self, draft: Draft) -> str:
        over = request.form.get("over", "")
        seen = int(over) if over.isascii() and over.isdigit() else draft.base_revision
        saved = approvals.save(
            self._vault,
            self._record,
            current_caller(),
            profile_uuid(draft),
            profile_of(draft),
            seen=seen,
            naming=Naming(
                str(draft.document["name"]),
                request.form.get("over_name", draft.document.get(drafts.NAMED)),
            ),
            covers=lambda project: current_standing().covers(Permission.MAP, project),
        )
        if saved.in_force:
            return _("The profile is saved, and works so from now on.")
        if (mine := self._token(draft)) is not None:
            return self._awaits_giver(draft, mine=mine)
        return _(
            "The change is saved, and lets more cross: it waits for the approval of %(partner)s. "
            "The profile goes on as it was until then.",
            partner=self._partner_name(draft),
        )

    def _token(self, draft: Draft) -> bool | None:
        """Where the partner is reached by token: whether the caller gave it."""
        try:
            partner = pairing.partner_of(draft.tenant, connection_of(draft))
        except Problem:
            return None
        return givers(current_caller()).get(partner)

    def _awaits_giver(self, draft: Draft, *, mine: bool) -> str:
        partner = self._partner_name(draft)
        if mine:
            return _(
                "It is saved. You gave the API token of %(partner)s, so you decide for that side "
                "too: approve what leaves it on the Profiles page, and it begins.",
                partner=partner,
            )
        return _(
            "It is saved. It begins once the admin of your site who gave the API token of "
            "%(partner)s approves it.",
            partner=partner,
        )

    def again(self, draft: Draft) -> Draft:
        """Drop an edit, and begin another of the profile as it is now. Raises NotFound."""
        profile, caller = profile_uuid(draft), current_caller()
        drafts.drop(caller, draft.id)
        standing = current_standing()
        return drafts.begin_edit(
            self._vault, caller, profile, lambda one: standing.covers(Permission.MAP, one)
        )

    def _require_scopes(self, draft: Draft) -> None:
        """Ask both sites for the projects and types that were chosen, and for the filters; of a
        profile that is edited for the own filter alone. Raises Problem."""
        profile = profile_of(draft)
        sides = Side if draft.profile_id is None else (draft.side,)
        for side in sides:
            site, scope = self.editor.site(draft, side), profile.scope(side)
            if draft.profile_id is None:
                require_scope(site, int(scope.project_id), int(scope.issue_type_id), side)
            filters.check(site, scope, side, own=side is draft.side)

    def _require_named(self, draft: Draft) -> tuple[Side, ...]:
        """Ask both sites for what the draft names by id, of a profile that is edited for what is
        new in it. Gives the sides that could not be asked. Raises Problem."""
        new = profile_of(draft)
        if draft.profile_id is None:
            made = self._stored(draft)
            tenants = made.tenants
            return check_new(self._open_site, tenants, new).unasked
        stored = profiles.load(self._vault, profile_uuid(draft))
        before = Watch(self._vault, self._open_site).read(stored)
        return check_on_save(self._open_site, stored, new, before).unasked

    def _sites(self, draft: Draft) -> dict[Side, str]:
        partner = pairing.partner_of(draft.tenant, connection_of(draft))
        own, desk = draft.side, self.editor.desk
        return {own: desk.site_name(draft.tenant), own.other: desk.site_name(partner)}

    def _stored(self, draft: Draft) -> StoredProfile:
        wrong = wrong_with(draft)
        if wrong:
            raise problem_of(wrong)
        return stored_of(draft, pairing.partner_of(draft.tenant, connection_of(draft)))

    def _partner_name(self, draft: Draft) -> str:
        if "connection" not in draft.document:
            return _("the partner")
        partner = pairing.partner_of(draft.tenant, connection_of(draft))
        return self.editor.desk.site_name(partner)
