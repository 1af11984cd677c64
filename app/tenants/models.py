"""What is stored of an installation, a pairing code and a connection."""

from __future__ import annotations

import uuid
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, false, func
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Model

CLOUD = "Cloud"
"""What Jira itself calls the one kind of site that is ever stored (`deploymentType`)."""


class InstallationState(StrEnum):
    """Where an installation stands in Jira's lifecycle."""

    INSTALLED = "installed"
    ENABLED = "enabled"
    DISABLED = "disabled"
    UNINSTALLED = "uninstalled"


class Installation(Model):
    """One Jira Cloud site: a tenant. Its id is the tenant id. It has installed the app; or it is
    reached by an API token, and belongs to the tenant whose admin gave that."""

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    client_key: Mapped[str | None] = mapped_column(unique=True)  # None: reached by token
    app_key: Mapped[str]
    deployment: Mapped[str]  # CLOUD: the database takes nothing else
    cloud_id: Mapped[str]
    base_url: Mapped[str]
    display_url: Mapped[str | None]
    state: Mapped[str]
    shared_secret: Mapped[bytes | None]  # sealed; None once uninstalled. By token: an Access
    secret_version: Mapped[int] = mapped_column(default=1)
    lifecycle_at: Mapped[datetime]  # `iat` of the newest lifecycle token that was followed
    installed_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())
    uninstalled_at: Mapped[datetime | None]
    project_admins_map: Mapped[bool] = mapped_column(default=False)
    detail_days: Mapped[int] = mapped_column(default=14)
    owner_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("installation.id"))
    given_by: Mapped[str | None]  # the account of the owner's that gave the token
    given_at: Mapped[datetime | None]


class LifecycleToken(Model):
    """A lifecycle token that was followed, as a hash, for as long as it is good."""

    tenant_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("installation.id"), primary_key=True)
    digest: Mapped[bytes] = mapped_column(primary_key=True)
    expires_at: Mapped[datetime]


class PairingCode(Model):
    """A code that one site's admin gave out, kept as a hash, good once and for a short time."""

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("installation.id"))
    code_hash: Mapped[bytes] = mapped_column(unique=True)
    created_by: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    used_by_tenant_id: Mapped[uuid.UUID | None]


class Connection(Model):
    """Two sites whose admins agreed to be paired; either may see it, either may end it."""

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    left_tenant_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("installation.id"))
    right_tenant_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("installation.id"))
    left_samples: Mapped[bool] = mapped_column(server_default=false())
    right_samples: Mapped[bool] = mapped_column(server_default=false())
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class RoleAssignment(Model):
    """A role that an admin granted to a person of the site."""

    tenant_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("installation.id"), primary_key=True)
    account_id: Mapped[str] = mapped_column(primary_key=True)
    role: Mapped[str]
    granted_by: Mapped[str]
    granted_at: Mapped[datetime] = mapped_column(server_default=func.now())
