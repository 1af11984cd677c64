"""Who is calling: one verified Caller, and what each endpoint asks of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar, cast

from flask import g

from app.database import TenantId

View = TypeVar("View", bound=Callable[..., Any])

ACCOUNT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9:._|~-]{0,127}")
"""The form of Atlassian's account ids: at most 128 characters, opaque; the audit trail names people
by nothing else."""
# Reference: https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-users/

OUT_OF_TIME = "tandem.out_of_time"
"""In a request's environ: the tenant of a token that is rightly signed, and out of time."""


class Proof(StrEnum):
    """What an endpoint accepts as proof of who calls. How it is got is connect's (and forge's)."""

    PUBLIC = "public"  # no proof: health, the descriptor, static files
    LIFECYCLE = "lifecycle"  # Jira itself, of a site that may not be known yet
    SITE = "site"  # Jira itself, of a known site: enabled, disabled, webhooks
    PAGE = "page"  # a person whose browser loads a page inside Jira
    CONTEXT = "context"  # a person's page calling us again

    @property
    def of_a_person(self) -> bool:
        """Whether a person calls, who must have a permission as well."""
        return self in {Proof.PAGE, Proof.CONTEXT}


class Permission(StrEnum):
    """What a person's role must allow; which role allows it is in `roles.MATRIX`."""

    GLANCE = "glance"  # whether an issue that Jira shows the person has a twin, and where
    SEE = "see"  # profiles, their counts, the activity
    MAP = "map"  # make, pause and resume profiles; read the projects and types to choose from
    CONNECT = "connect"  # pairing codes and connections
    GRANT = "grant"  # roles and settings


@dataclass(frozen=True)
class Caller:
    """A verified caller: the only thing that the rest of the code sees of a token.

    `issue`, `project`: the ids of what the person's page is shown at, as Jira signed them; Jira
    leaves out what the person may not see.
    """

    tenant: TenantId
    account_id: str | None
    proof: Proof
    issue: int | None = None
    project: int | None = None

    @property
    def actor(self) -> str:
        """How the audit trail names a person who calls."""
        return self.account_id or "nobody"


def accepts(proof: Proof, permission: Permission | None = None) -> Callable[[View], View]:
    """Declare on a view which proof it asks for, and which permission of a person.

    A view that declares no proof, or takes a person without a permission, stops the start.
    """

    def mark(view: View) -> View:
        cast(Any, view).accepts = proof
        cast(Any, view).permission = permission
        return view

    return mark


def current_caller() -> Caller:
    """The verified caller of the running request; only on endpoints that ask for a proof."""
    caller = g.get("caller")
    if not isinstance(caller, Caller):
        raise RuntimeError("This endpoint asks for no proof, so it has no caller.")
    return caller
