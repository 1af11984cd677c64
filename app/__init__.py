"""Tandem: keeps issues in two Jira sites in step. This module is the composition root.

It imports the rooms only when an app is made: whoever imports one room alone (a test of the pure
merge, a script) must not load them all.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from app.settings import Settings
    from app.sync.reconcile import Reconciler
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
    installations: Installations
    reconciler: Reconciler


def create_app(settings: Settings | None = None, *, pool_size: int = 16) -> Flask:
    """Put Tandem together from its settings. Raises SettingsError or VaultError, by name."""
    from flask import Flask

    from app.connect.credential import ConnectCredential
    from app.connect.descriptor import descriptor_blueprint
    from app.connect.gate import Gate
    from app.connect.install_keys import InstallKeys
    from app.connect.lifecycle import lifecycle_blueprint
    from app.connect.webhooks import webhook_blueprint
    from app.database import TenantId, database_url, init_database
    from app.errors import register_error_answers
    from app.health import health_blueprint
    from app.jira.cloud import CloudSite
    from app.jira.site import JiraSite, SiteError
    from app.jobs.bell import ring
    from app.logs import log_requests
    from app.screens.pages import screens_blueprint
    from app.settings import load_settings
    from app.sync.reconcile import Reconciler
    from app.tenants.installations import Installations
    from app.tenants.models import InstallationState
    from app.vault.ring import load_master_keys
    from app.vault.store import KeyStore
    from app.vault.vault import Vault

    settings = settings or load_settings()
    url = database_url(settings)
    app = Flask(
        __name__, template_folder=str(ROOT / "templates"), static_folder=str(ROOT / "static")
    )
    app.config["MAX_CONTENT_LENGTH"] = BODY_LIMIT
    log_requests(app)
    register_error_answers(app)
    init_database(app, url, pool_size=pool_size)

    folder = settings.instance / "keys" / "tenants"
    vault = Vault(KeyStore(folder, load_master_keys(settings)))
    installations = Installations(vault, settings.app_key)
    gate = Gate(settings, installations, InstallKeys(settings.install_key_urls))

    def open_site(tenant: TenantId) -> JiraSite:
        """The site of a tenant. Raises SiteError where the app is not enabled there."""
        known = installations.of(tenant)
        if known.state != InstallationState.ENABLED or known.secret is None:
            raise SiteError(
                f"Tandem is {known.state} on {known.base_url}; work waits until it is enabled.",
                site_status=403,
            )
        return CloudSite(
            known.base_url, ConnectCredential(settings.app_key, known.secret, known.base_url)
        )

    app.register_blueprint(health_blueprint(settings))
    app.register_blueprint(descriptor_blueprint(settings))
    app.register_blueprint(lifecycle_blueprint(settings, installations))
    app.register_blueprint(webhook_blueprint(vault, ring))
    app.register_blueprint(screens_blueprint(vault, open_site, installations))
    gate.guard(app)
    app.extensions["tandem"] = Tandem(
        settings, url, vault, installations, Reconciler(vault, open_site, ring)
    )
    return app


def create_owner_app(settings: Settings) -> Flask:
    """A bare app that acts as the owner of the tables: for migrations, and nothing else."""
    from flask import Flask
    from flask_migrate import Migrate

    from app.database import database_url, db, init_database

    app = Flask(__name__)
    init_database(app, database_url(settings), pool_size=1, as_owner=True)
    Migrate(app, db, directory=str(ROOT / "migrations"))
    return app
