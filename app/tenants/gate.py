"""Stands before every endpoint: the caller's proof first, then a person's permission."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from flask import Flask, Request, g, request

from app.errors import NotAuthorised
from app.logs import bind_tenant
from app.tenants.caller import Caller, Permission, Proof
from app.tenants.roles import Authority, Standing


class UndeclaredEndpointError(RuntimeError):
    """An endpoint says nothing of the proof that it asks for: the app must not start."""


class Verifier(Protocol):
    """Turns the tokens of one scheme into Callers: Connect's is in connect/, Forge's to come."""

    def verify(self, proof: Proof, token: str, request: Request) -> Caller | None:
        """The caller that a token proves; None for a site that is not known yet (LIFECYCLE).

        Raises NotAuthorised.
        """


@dataclass(frozen=True)
class Declared:
    """What an endpoint asks of its callers."""

    endpoint: str
    path: str
    methods: tuple[str, ...]
    proof: Proof
    permission: Permission | None


class Gate:
    """Finds the one token of a request, has it verified, and asks for the person's permission."""

    def __init__(self, verifiers: Mapping[str, Verifier], authority: Authority) -> None:
        """`verifiers` by the scheme of the Authorization header."""
        self._verifiers = verifiers
        self._authority = authority

    def guard(self, app: Flask) -> None:
        """Stand before every endpoint of the app. Raises UndeclaredEndpointError."""
        for endpoint, view in app.view_functions.items():
            _declaration(endpoint, view)

        @app.before_request
        def check() -> None:
            # The objects behind `g` and `request`: each use of these looks them up anew.
            own, asked = g._get_current_object(), request._get_current_object()  # type: ignore[attr-defined]
            endpoint = asked.endpoint
            own.pop("caller", None)
            own.pop("standing", None)
            if endpoint is None:
                return  # a 404 or 405
            proof, permission = _declaration(endpoint, app.view_functions[endpoint])
            if proof is Proof.PUBLIC:
                return
            scheme, token = credentials(asked)
            verifier = self._verifiers.get(scheme)
            if verifier is None:
                raise NotAuthorised("token: of a scheme that is not accepted")
            caller = verifier.verify(proof, token, asked)
            if caller is not None:
                own.caller = caller
                bind_tenant(caller.tenant)
                if permission is not None:
                    own.standing = self._authority.require(caller, permission)


def credentials(request: Request) -> tuple[str, str]:
    """Scheme and text of a request's one token, of the header or of Connect's `jwt` parameter.

    Raises NotAuthorised for none, and for more than one.
    """
    headers = request.headers.getlist("Authorization")
    parameters = request.args.getlist("jwt")
    if len(headers) + len(parameters) > 1:
        raise NotAuthorised("token: more than one")
    if parameters:
        return "JWT", parameters[0]
    scheme, space, token = (headers[0] if headers else "").partition(" ")
    if not space or "," in token:
        raise NotAuthorised("token: none")
    return scheme, token


def current_standing() -> Standing:
    """The role of the person who calls; only on endpoints that ask for a permission that not
    everybody has."""
    standing = standing_if_any()
    if standing is None:
        raise RuntimeError("This endpoint asks for no permission, so nobody has a standing.")
    return standing


def standing_if_any() -> Standing | None:
    """The role of the person who calls; None for a person without one."""
    standing = g.get("standing")
    return standing if isinstance(standing, Standing) else None


def declarations(app: Flask) -> list[Declared]:
    """Every endpoint of the app with what it asks for, by path."""
    found = []
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: (rule.rule, rule.endpoint)):
        proof, permission = _declaration(rule.endpoint, app.view_functions[rule.endpoint])
        methods = tuple(sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}))
        found.append(Declared(rule.endpoint, rule.rule, methods, proof, permission))
    return found


def _declaration(endpoint: str, view: Any) -> tuple[Proof, Permission | None]:
    if endpoint == "static":
        return Proof.PUBLIC, None
    proof, permission = getattr(view, "accepts", None), getattr(view, "permission", None)
    if not isinstance(proof, Proof):
        raise UndeclaredEndpointError(
            f"The endpoint '{endpoint}' declares no proof. Put @accepts(Proof.…) on it."
        )
    if proof.of_a_person != isinstance(permission, Permission):
        raise UndeclaredEndpointError(
            f"The endpoint '{endpoint}' takes a person's call and must name a permission, or takes "
            "none and must not: @accepts(Proof.PAGE, Permission.…)."
        )
    return proof, permission
