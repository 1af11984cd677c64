"""Puts the pages together: each with what it works with, below one address."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint

from app.activity.retention import most_days
from app.database_faults import Disk
from app.jira.addresses import NetworkPolicy
from app.jira.site import SiteOpener
from app.screens import apart
from app.screens.activity import Activity, activity_blueprint
from app.screens.approvals import Approvals, approvals_blueprint
from app.screens.completeness import completeness_blueprint
from app.screens.consent import Consents, consent_blueprint
from app.screens.desk import Desk
from app.screens.drift import Drifts, drift_blueprint
from app.screens.editor_mount import mount_editor
from app.screens.editor_review import ReviewStep
from app.screens.editor_review_views import review_blueprint
from app.screens.first_load import first_load_blueprint
from app.screens.inbox import Inbox, inbox_blueprint
from app.screens.pages import screens_blueprint
from app.screens.parked import Parked, parked_blueprint
from app.screens.people import People, people_blueprint
from app.screens.places import places_blueprint
from app.screens.profile_routes import profile_blueprint
from app.screens.profile_view import ProfileView
from app.screens.runs import Runs
from app.screens.runs_deeds import RunDeeds
from app.screens.runs_pages import runs_blueprint
from app.screens.samples import samples_blueprint
from app.screens.settings import Settings as SettingsView
from app.screens.settings import settings_blueprint
from app.screens.token_desk import TokenDesk
from app.settings import Settings
from app.sync.completeness import Completeness
from app.sync.turn import Ring
from app.tenants.deeds import Recorder
from app.tenants.installations import Installations
from app.vault.vault import Vault


@dataclass(frozen=True)
class Parts:
    """What the pages work with."""

    settings: Settings
    vault: Vault
    record: Recorder
    installations: Installations
    open_site: SiteOpener
    ring: Ring
    disk: Disk


def screens_of(parts: Parts) -> Blueprint:
    """All pages below /pages."""
    policy = NetworkPolicy.of(parts.settings)
    desk = Desk(
        parts.vault, parts.open_site, parts.installations, parts.record, policy, disk=parts.disk
    )
    screens = screens_blueprint(desk)
    apart.register(screens)
    tokens = TokenDesk(parts.vault, parts.record, parts.installations, policy, parts.ring)
    _profiles(screens, parts, desk, tokens)
    _what_happens(screens, parts, desk)
    _around(screens, parts, desk, tokens)
    return screens


def _profiles(screens: Blueprint, parts: Parts, desk: Desk, tokens: TokenDesk) -> None:
    """The pages on which profiles are made, changed, approved and mended."""
    vault, record, ring, open_site = parts.vault, parts.record, parts.ring, parts.open_site
    screens.register_blueprint(consent_blueprint(desk, Consents(vault, record, ring)))
    approvals = Approvals(vault, open_site, record, ring, desk)
    screens.register_blueprint(approvals_blueprint(desk, approvals))
    editor = mount_editor(screens, vault, desk, parts.installations, tokens)
    review = ReviewStep(editor, vault, record, open_site, parts.settings.worker_concurrency)
    editor.add(review)
    screens.register_blueprint(review_blueprint(review))
    screens.register_blueprint(drift_blueprint(Drifts(vault, open_site, record, desk)))
    page = ProfileView(vault, open_site, record, ring, desk)
    screens.register_blueprint(profile_blueprint(page))


def _what_happens(screens: Blueprint, parts: Parts, desk: Desk) -> None:
    """The pages of what crossed, what did not, and what is to be decided."""
    vault, record, ring, open_site = parts.vault, parts.record, parts.ring, parts.open_site
    completeness = Completeness(vault, open_site, ring)
    screens.register_blueprint(completeness_blueprint(desk, completeness))
    screens.register_blueprint(inbox_blueprint(Inbox(vault, record, ring, desk)))
    screens.register_blueprint(parked_blueprint(Parked(vault, open_site, record, ring, desk)))
    activity = Activity(vault, open_site, desk, most_days(parts.settings.edition))
    screens.register_blueprint(activity_blueprint(activity))
    hands = parts.settings.worker_concurrency
    deeds = RunDeeds(vault, open_site, record, ring, desk, hands=hands)
    screens.register_blueprint(runs_blueprint(Runs(vault, open_site, desk), deeds, desk))
    screens.register_blueprint(first_load_blueprint(deeds, desk))


def _around(screens: Blueprint, parts: Parts, desk: Desk, tokens: TokenDesk) -> None:
    """The settings, and the pages that Jira has elsewhere: in an issue, and in a project."""
    screens.register_blueprint(people_blueprint(People(parts.open_site, parts.record)))
    shown = SettingsView(desk, parts.record, parts.settings.edition, tokens)
    screens.register_blueprint(settings_blueprint(shown))
    screens.register_blueprint(samples_blueprint(desk, parts.record))
    key = parts.settings.app_key
    screens.register_blueprint(places_blueprint(parts.vault, parts.ring, desk, key))
