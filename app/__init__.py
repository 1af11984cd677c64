"""Tandem: keeps issues in two Jira sites in step. This module is the composition root.

It imports the rooms only when an app is made: whoever imports one room alone (a test of the pure
merge, a script) must not load them all.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from app.said import said

if TYPE_CHECKING:
    from flask import Flask

    from app.database import TenantId
    from app.jira.site import SiteOpener
    from app.settings import Settings
    from app.sync.reconcile import Reconciler
    from app.tenants.deeds import Recorder
    from app.tenants.installations import Installations
    from app.vault.vault import Vault

ROOT = Path(__file__).resolve().parents[1]
BODY_LIMIT = 5 * 1024 * 1024  # bytes: Jira's own bodies are far smaller


@dataclass(frozen=True)
class Tandem:
    """The parts that were put together, for the command line and the worker."""

    settings: Settings
    url: str
    vault: Vault
    record: Recorder
    installations: Installations
    open_site: SiteOpener
    reconciler: Reconciler


def create_app(
    settings: Settings | None = None, *, pool_size: int = 16, endpoints: bool = True
) -> Flask:
    """Put Tandem together from its settings. `endpoints`: whether it is to answer requests, which
    workers and commands do not. Raises SettingsError or VaultError, by name."""
    from flask import Flask
    from werkzeug.middleware.proxy_fix import ProxyFix

    from app.database import database_url, init_database
    from app.database_faults import Disk, register_database_answers
    from app.errors import register_error_answers
    from app.language import init_language
    from app.logs import log_requests
    from app.screens.headers import protect_everything
    from app.settings import load_settings

    settings = settings or load_settings()
    url = database_url(settings)
    app = Flask(
        __name__, template_folder=str(ROOT / "templates"), static_folder=str(ROOT / "static")
    )
    app.config["MAX_CONTENT_LENGTH"] = BODY_LIMIT
    if settings.trusted_proxies:
        # Only the caller's address: nothing here is built from a forwarded scheme or host.
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=settings.trusted_proxies, x_proto=0, x_host=0
        )
    log_requests(app)
    init_language(app)
    register_error_answers(app)
    app.extensions["disk"] = disk = Disk(url)
    register_database_answers(app, disk)
    protect_everything(app)
    init_database(app, url, pool_size=pool_size)
    with app.app_context():  # the keys are checked against the database
        app.extensions["tandem"] = tandem = _parts(settings, url)
    if endpoints:
        _mount(app, tandem)
    return app


def _parts(settings: Settings, url: str) -> Tandem:
    """The parts that know nothing of HTTP."""
    from app.governance.audit import Audit
    from app.jobs.bell import ring
    from app.sync.reconcile import Reconciler
    from app.tenants.installations import Installations
    from app.vault.check import open_store
    from app.vault.vault import Vault

    vault = Vault(open_store(settings))
    record = Audit(vault).record
    installations = Installations(vault, settings.app_key, record)
    open_site = _site_opener(settings, installations)
    reconciler = Reconciler(vault, open_site, ring)
    return Tandem(settings, url, vault, record, installations, open_site, reconciler)


def _site_opener(settings: Settings, installations: Installations) -> SiteOpener:
    from app.connect.credential import ConnectCredential
    from app.jira.basic import BasicCredential
    from app.jira.cloud import CloudSite
    from app.jira.outbound import NetworkPolicy
    from app.jira.site import JiraSite, SiteError
    from app.jira.token_site import TokenSite
    from app.sync.budget_answers import Learning
    from app.sync.clocks import Clocks
    from app.sync.token_marks import Marks
    from app.tenants.models import InstallationState

    policy = NetworkPolicy.of(settings)
    learning, clocks, marks = Learning(), Clocks(), Marks()

    def open_site(tenant: TenantId) -> JiraSite:
        """The site of a tenant. Raises SiteError where the app is not enabled there, or where a
        site by token has none."""
        known = installations.of(tenant)
        observe = clocks.of(tenant, learning.of(tenant))
        if known.access is not None:
            person = BasicCredential(known.access.email, known.access.token)
            find = marks.of(tenant)
            return TokenSite(known.base_url, person, policy, find=find, observe=observe)
        if known.state != InstallationState.ENABLED or known.secret is None:
            error = SiteError(
                said(
                    "Tandem is %(state)s on %(base_url)s; work waits until it is enabled.",
                    state=known.state,
                    base_url=known.base_url,
                ),
                site_status=403,
            )
            error.tenant = tenant
            raise error
        credential = ConnectCredential(settings.app_key, known.secret, known.base_url)
        return CloudSite(known.base_url, credential, policy, observe=observe)

    return open_site


def _mount(app: Flask, tandem: Tandem) -> None:
    """The endpoints, and the gate before them. Raises UndeclaredEndpointError."""
    from app.connect.descriptor import descriptor_blueprint
    from app.connect.install_keys import InstallKeys
    from app.connect.lifecycle import lifecycle_blueprint
    from app.connect.site_news import site_news_blueprint
    from app.connect.verifier import ConnectVerifier
    from app.connect.webhooks import webhook_blueprint
    from app.health import health_blueprint
    from app.jobs.bell import Bells, ring
    from app.screens.mount import Parts, screens_of
    from app.tenants.gate import Gate
    from app.tenants.roles import Authority

    settings, installations, disk = tandem.settings, tandem.installations, app.extensions["disk"]
    app.register_blueprint(health_blueprint(settings, disk))
    app.register_blueprint(descriptor_blueprint(settings))
    app.register_blueprint(lifecycle_blueprint(settings, installations))
    app.register_blueprint(webhook_blueprint(tandem.vault, Bells().ring))
    app.register_blueprint(site_news_blueprint())
    parts = Parts(
        settings, tandem.vault, tandem.record, installations, tandem.open_site, ring, disk
    )
    app.register_blueprint(screens_of(parts))
    connect = ConnectVerifier(settings, installations, InstallKeys(settings.install_key_urls))
    # Forge's tokens ("Bearer") will have a verifier of their own here.
    Gate({"JWT": connect}, Authority(tandem.open_site)).guard(app)


def create_owner_app(settings: Settings) -> Flask:
    """A bare app that acts as the owner of the tables: for migrations, and to look at all rows."""
    from flask import Flask
    from flask_migrate import Migrate

    from app.database import database_url, db, init_database

    app = Flask(__name__)
    init_database(app, database_url(settings), pool_size=1, as_owner=True)
    Migrate(app, db, directory=str(ROOT / "migrations"))
    return app
