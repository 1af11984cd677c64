"""Who is calling: one verified Caller, and the proof that each endpoint asks for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar, cast

from flask import g

from app.database import TenantId

View = TypeVar("View", bound=Callable[..., Any])


class Proof(StrEnum):
    """What an endpoint accepts as proof of who calls. Nothing but connect/ knows how it is got."""

    PUBLIC = "public"  # no proof: health, the descriptor, static files
    LIFECYCLE = "lifecycle"  # Jira itself, of a site that may not be known yet
    SITE = "site"  # Jira itself, of a known site: enabled, disabled, webhooks
    PAGE = "page"  # a person whose browser loads a page inside Jira
    CONTEXT = "context"  # a person's page calling us again


@dataclass(frozen=True)
class Caller:
    """A verified caller: the only thing that the rest of the code sees of a token."""

    tenant: TenantId
    account_id: str | None
    proof: Proof


def accepts(proof: Proof) -> Callable[[View], View]:
    """Declare on a view which proof it asks for. A view that declares none stops the start."""

    def mark(view: View) -> View:
        cast(Any, view).accepts = proof
        return view

    return mark


def current_caller() -> Caller:
    """The verified caller of the running request; only on endpoints that ask for a proof."""
    caller = g.get("caller")
    if not isinstance(caller, Caller):
        raise RuntimeError("This endpoint asks for no proof, so it has no caller.")
    return caller
